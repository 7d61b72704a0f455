//! The keys of the servers that this person has met: one [key file](crate::key_file), one server a line,
//! `host:port pin`.
//!
//! A server with another key than the remembered one is refused. There is no way to go on but to forget the server
//! first, by a command of its own.

use std::fmt;
use std::path::PathBuf;

use crate::key_file::{KeyFile, KeyFileError, KeyLine};
use crate::link::{authority, bracketed, hex, parse_hex};
use crate::tls::{Pin, PinMismatch, Trust};

/// Why the remembered keys could not be used.
#[derive(Debug)]
pub enum PinError {
    /// The file cannot be used.
    File(KeyFileError),
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
            Self::File(error) => error.fmt(f),
            Self::Changed { server, mismatch } => write!(
                f,
                "{server}: {mismatch}. Somebody may be listening in. If its owner confirms the new key, forget the \
                 server and connect again"
            ),
        }
    }
}

impl std::error::Error for PinError {}

impl From<KeyFileError> for PinError {
    fn from(error: KeyFileError) -> Self {
        Self::File(error)
    }
}

/// A remembered key: the server, `host:port`, and its pin.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known(String, Pin);

impl KeyLine for Known {
    const FORM: &'static str = "host:port pin";

    fn parse(line: &str) -> Option<Self> {
        let (server, pin) = line.split_once(' ')?;
        Some(Self(server.to_owned(), parse_hex(pin)?))
    }

    fn emit(&self) -> String {
        format!("{} {}", self.0, hex(&self.1))
    }
}

/// The file of remembered keys. It is read at every use, so that programs that run side by side agree.
#[derive(Clone, Debug)]
pub struct PinStore {
    file: KeyFile<Known>,
}

impl PinStore {
    /// Uses the file at `path`; it is made when the first key is remembered.
    pub fn new(path: PathBuf) -> Self {
        Self { file: KeyFile::new(path) }
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
        let server = authority(host, port);
        Ok(self.file.read()?.into_iter().find(|known| known.0 == server).map(|known| known.1))
    }

    /// Remembers the key of a server after a handshake.
    ///
    /// # Errors
    /// [`PinError::Changed`] if another one is remembered; that one stays.
    pub fn remember(&self, host: &str, port: u16, pin: Pin) -> Result<(), PinError> {
        if self.pin(host, port)? == Some(pin) {
            return Ok(());
        }
        let server = authority(host, port);
        self.file.update(|pins| match pins.iter().find(|known| known.0 == server) {
            Some(known) if known.1 == pin => Ok(()),
            Some(known) => Err(changed(host, port, known.1, pin)),
            None => {
                pins.push(Known(server, pin));
                Ok(())
            }
        })?
    }

    /// Forgets every key of a host, whatever the port. Returns how many there were.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn forget(&self, host: &str) -> Result<usize, PinError> {
        let host = bracketed(&host.to_ascii_lowercase());
        let forgotten = self.file.update(|pins| {
            let before = pins.len();
            pins.retain(|Known(server, _)| server.rsplit_once(':').is_none_or(|(known, _)| known != host));
            before - pins.len()
        })?;
        Ok(forgotten)
    }
}

fn changed(host: &str, port: u16, expected: Pin, found: Pin) -> PinError {
    PinError::Changed { server: authority(host, port), mismatch: PinMismatch { expected, found } }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        assert_eq!(store.file.read().expect("read").len(), 1);
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
    fn a_damaged_file_is_not_trusted() {
        let (directory, store) = store();
        store.remember("a", 1, FIRST).expect("remembered");
        let path = directory.path().join("hph/pins");
        let text = fs::read_to_string(&path).expect("read");
        fs::write(&path, format!("{text}b:1 00\n")).expect("written");
        assert!(matches!(store.trust("a", 1, None), Err(PinError::File(KeyFileError::Line { line: 2, .. }))));
        assert!(store.remember("c", 1, FIRST).is_err());
    }
}
