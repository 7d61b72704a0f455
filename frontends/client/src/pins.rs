//! The keys of the servers that this person has met: one text file, one server a line, `host:port pin`.
//!
//! A server with another key than the remembered one is refused. There is no way to go on but to forget the server
//! first, by a command of its own.

use std::env;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::link::{authority, bracketed, hex, parse_hex};
use crate::tls::{Pin, PinMismatch, Trust};

/// Why the remembered keys could not be used.
#[derive(Debug)]
pub enum PinError {
    /// The file cannot be read or written.
    File {
        /// Which one.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A line of the file is not `host:port pin`. Nothing in it is trusted then.
    Line {
        /// Which file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
    /// The server has, or the invitation names, another key than the remembered one.
    Changed {
        /// The server, `host:port`.
        server: String,
        /// Which key was expected and which was found.
        mismatch: PinMismatch,
    },
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Line { path, line } => write!(f, "{}:{line}: not of the form `host:port pin`", path.display()),
            Self::Changed { server, mismatch } => write!(
                f,
                "{server}: {mismatch}. Somebody may be listening in. If its owner confirms the new key, forget the \
                 server and connect again"
            ),
        }
    }
}

impl std::error::Error for PinError {}

/// The file of remembered keys. It is read at every use, so that programs that run side by side agree.
#[derive(Clone, Debug)]
pub struct PinStore {
    path: PathBuf,
}

impl PinStore {
    /// Uses the file at `path`; it is made when the first key is remembered.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where the file belongs for this user: `$XDG_STATE_HOME/hph/pins` or `~/.local/state/hph/pins`. None if the
    /// environment names neither.
    pub fn default_path() -> Option<PathBuf> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        Some(state.join("hph/pins"))
    }

    /// What to demand of a server before connecting: the remembered key, else that of the invitation, else any.
    ///
    /// # Errors
    /// [`PinError::Changed`] if both are there and differ.
    pub fn trust(&self, host: &str, port: u16, invited: Option<Pin>) -> Result<Trust, PinError> {
        match (self.pin(host, port)?, invited) {
            (Some(expected), Some(found)) if expected != found => Err(changed(host, port, expected, found)),
            (Some(pin), _) | (None, Some(pin)) => Ok(Trust::Expect(pin)),
            (None, None) => Ok(Trust::FirstUse),
        }
    }

    /// The remembered key of a server.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn pin(&self, host: &str, port: u16) -> Result<Option<Pin>, PinError> {
        let server = server(host, port);
        Ok(self.read()?.into_iter().find(|(known, _)| *known == server).map(|(_, pin)| pin))
    }

    /// Remembers the key of a server after a handshake.
    ///
    /// # Errors
    /// [`PinError::Changed`] if another one is remembered; that one stays.
    pub fn remember(&self, host: &str, port: u16, pin: Pin) -> Result<(), PinError> {
        let mut pins = self.read()?;
        let server = server(host, port);
        match pins.iter().find(|(known, _)| *known == server) {
            Some(&(_, known)) if known == pin => Ok(()),
            Some(&(_, known)) => Err(changed(host, port, known, pin)),
            None => {
                pins.push((server, pin));
                self.write(&pins)
            }
        }
    }

    /// Forgets every key of a host, whatever the port. Returns how many there were.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn forget(&self, host: &str) -> Result<usize, PinError> {
        let mut pins = self.read()?;
        let before = pins.len();
        let host = bracketed(&host.to_ascii_lowercase());
        pins.retain(|(known, _)| known.rsplit_once(':').is_none_or(|(known, _)| known != host));
        let forgotten = before - pins.len();
        if forgotten > 0 {
            self.write(&pins)?;
        }
        Ok(forgotten)
    }

    fn read(&self) -> Result<Vec<(String, Pin)>, PinError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        (1..)
            .zip(text.lines())
            .map(|(line, text)| parse_line(text).ok_or_else(|| PinError::Line { path: self.path.clone(), line }))
            .collect()
    }

    /// In one step: a power cut leaves the old file or the new one.
    fn write(&self, pins: &[(String, Pin)]) -> Result<(), PinError> {
        let text: String = pins.iter().map(|(server, pin)| format!("{server} {}\n", hex(pin))).collect();
        write_atomically(&self.path, text.as_bytes()).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> PinError {
        PinError::File { path: self.path.clone(), error }
    }
}

fn server(host: &str, port: u16) -> String {
    authority(&host.to_ascii_lowercase(), port)
}

fn changed(host: &str, port: u16, expected: Pin, found: Pin) -> PinError {
    PinError::Changed { server: server(host, port), mismatch: PinMismatch { expected, found } }
}

fn parse_line(line: &str) -> Option<(String, Pin)> {
    let (server, pin) = line.split_once(' ')?;
    Some((server.to_owned(), parse_hex(pin)?))
}

fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let draft = path.with_added_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::{TempDir, tempdir};

    use super::*;

    const FIRST: Pin = [1; 32];
    const OTHER: Pin = [2; 32];

    fn store() -> (TempDir, PinStore) {
        let directory = tempdir().expect("a directory");
        let store = PinStore::new(directory.path().join("hph/pins"));
        (directory, store)
    }

    #[test]
    fn a_first_use_is_remembered_and_then_expected() {
        let (_directory, store) = store();
        assert_eq!(store.trust("a", 1, None).expect("read"), Trust::FirstUse);
        store.remember("a", 1, FIRST).expect("remembered");
        store.remember("A", 1, FIRST).expect("the same again");
        assert_eq!(store.trust("A", 1, None).expect("read"), Trust::Expect(FIRST));
        assert_eq!(store.trust("a", 2, None).expect("read"), Trust::FirstUse, "another port is another server");
        assert_eq!(fs::read_to_string(&store.path).expect("read").lines().count(), 1);
    }

    #[test]
    fn an_invitation_is_trusted_where_nothing_is_remembered() {
        let (_directory, store) = store();
        assert_eq!(store.trust("a", 1, Some(FIRST)).expect("read"), Trust::Expect(FIRST));
    }

    #[test]
    fn a_changed_key_is_refused_until_the_server_is_forgotten() {
        let (_directory, store) = store();
        store.remember("a", 1, FIRST).expect("remembered");
        assert!(matches!(store.remember("a", 1, OTHER), Err(PinError::Changed { .. })));
        assert!(matches!(store.trust("a", 1, Some(OTHER)), Err(PinError::Changed { .. })));
        assert_eq!(store.trust("a", 1, None).expect("read"), Trust::Expect(FIRST));
        assert_eq!(store.forget("a").expect("forgotten"), 1);
        store.remember("a", 1, OTHER).expect("remembered");
        assert_eq!(store.trust("a", 1, None).expect("read"), Trust::Expect(OTHER));
    }

    #[test]
    fn forgetting_a_host_takes_all_its_ports_and_no_other_host() {
        let (_directory, store) = store();
        for (host, port) in [("a", 1), ("a", 100), ("a.b", 1), ("::1", 7400), ("10.0.0.1", 1), ("10.0.0.100", 1)] {
            store.remember(host, port, FIRST).expect("remembered");
        }
        assert_eq!(store.forget("A").expect("forgotten"), 2);
        assert_eq!(store.forget("10.0.0.1").expect("forgotten"), 1);
        assert_eq!(store.forget("::1").expect("forgotten"), 1);
        assert_eq!(store.forget("a").expect("forgotten"), 0);
        assert_eq!(store.pin("a.b", 1).expect("read"), Some(FIRST));
        assert_eq!(store.pin("10.0.0.100", 1).expect("read"), Some(FIRST));
    }

    #[test]
    fn the_file_is_private_and_a_damaged_one_is_not_trusted() {
        let (_directory, store) = store();
        store.remember("a", 1, FIRST).expect("remembered");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&store.path), mode(store.path.parent().expect("its directory"))), (0o600, 0o700));
        let text = fs::read_to_string(&store.path).expect("read");
        fs::write(&store.path, format!("{text}b:1 00\n")).expect("written");
        assert!(matches!(store.trust("a", 1, None), Err(PinError::Line { line: 2, .. })));
        assert!(store.remember("c", 1, FIRST).is_err());
    }
}
