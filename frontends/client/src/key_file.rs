//! A text file of keys that are trusted, one a line: private to its owner, read at each use, replaced in one step, changed
//! by one program at a time. A line that makes no sense makes the whole file an error: nothing in it is trusted then.

use std::env;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One line of such a file.
pub trait KeyLine: Clone + PartialEq {
    /// What a line looks like, for people.
    const FORM: &'static str;
    /// Reads a line; none if it is not of that form.
    fn parse(line: &str) -> Option<Self>;
    /// Writes a line, without its end.
    fn emit(&self) -> String;
}

/// Why remembered keys could not be used.
#[derive(Debug)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    File {
        /// Which one.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A line makes no sense.
    Line {
        /// Which file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What lines look like.
        form: &'static str,
    },
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Line { path, line, form } => write!(f, "{}:{line}: not of the form `{form}`", path.display()),
        }
    }
}

impl std::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            Self::Line { .. } => None,
        }
    }
}

/// Tells one state of a file from another: every change replaces the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    len_bytes: u64,
    changed_at: (i64, i64),
}

/// Such a file.
#[derive(Clone, Debug)]
pub struct KeyFile<L> {
    path: PathBuf,
    lines: PhantomData<fn() -> L>,
}

impl<L: KeyLine> KeyFile<L> {
    /// Uses the file at `path`; it is made when the first key is remembered.
    pub const fn new(path: PathBuf) -> Self {
        Self { path, lines: PhantomData }
    }

    /// Every line. No file has no lines.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn read(&self) -> Result<Vec<L>, KeyFileError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let damaged = |line| KeyFileError::Line { path: self.path.clone(), line, form: L::FORM };
        (1..).zip(text.lines()).map(|(line, text)| L::parse(text).ok_or_else(|| damaged(line))).collect()
    }

    /// Changes the lines, and gives what `change` gives. Other programs wait meanwhile; if nothing changes, nothing is
    /// written.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged: it stays as it is.
    pub fn update<R>(&self, change: impl FnOnce(&mut Vec<L>) -> R) -> Result<R, KeyFileError> {
        let _lock = self.lock().map_err(|error| self.failed(error))?;
        let before = self.read()?;
        let mut lines = before.clone();
        let result = change(&mut lines);
        if lines != before {
            let text: String = lines.iter().map(|line| line.emit() + "\n").collect();
            self.replace(text.as_bytes()).map_err(|error| self.failed(error))?;
        }
        Ok(result)
    }

    /// The state that the file is in; none if there is no file.
    pub fn stamp(&self) -> Option<Stamp> {
        let file = fs::metadata(&self.path).ok()?;
        Some(Stamp { inode: file.ino(), len_bytes: file.len(), changed_at: (file.ctime(), file.ctime_nsec()) })
    }

    /// Released when it is dropped. The lock is on a file of its own, because the other one is replaced.
    fn lock(&self) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.directory())?;
        let path = self.path.with_added_extension("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        lock.lock()?;
        Ok(lock)
    }

    /// In one step: a power cut leaves the old file or the new one.
    fn replace(&self, content: &[u8]) -> io::Result<()> {
        let draft = self.path.with_added_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        File::open(self.directory())?.sync_all()
    }

    fn directory(&self) -> &Path {
        self.path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn failed(&self, error: io::Error) -> KeyFileError {
        KeyFileError::File { path: self.path.clone(), error }
    }
}

/// Where this user's keys belong: `$XDG_STATE_HOME/hph` or `~/.local/state/hph`. None if the environment names neither.
pub fn default_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("hph"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::{TempDir, tempdir};

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Number(u32);

    impl KeyLine for Number {
        const FORM: &'static str = "number";

        fn parse(line: &str) -> Option<Self> {
            line.parse().ok().map(Self)
        }

        fn emit(&self) -> String {
            self.0.to_string()
        }
    }

    fn file() -> (TempDir, KeyFile<Number>) {
        let directory = tempdir().expect("a directory");
        let file = KeyFile::new(directory.path().join("hph/numbers"));
        (directory, file)
    }

    #[test]
    fn the_file_is_private_and_a_damaged_one_stays_as_it_is() {
        let (_directory, file) = file();
        assert_eq!(file.read().expect("no file"), []);
        file.update(|lines| lines.push(Number(1))).expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&file.path), mode(file.directory())), (0o600, 0o700));
        fs::write(&file.path, "1\nzwei\n").expect("written");
        assert!(matches!(file.read(), Err(KeyFileError::Line { line: 2, .. })));
        assert!(file.update(Vec::clear).is_err());
        assert_eq!(fs::read_to_string(&file.path).expect("read"), "1\nzwei\n");
    }

    #[test]
    fn a_change_is_seen_in_the_stamp_and_nothing_changed_is_nothing_written() {
        let (_directory, file) = file();
        assert_eq!(file.stamp(), None);
        file.update(|lines| lines.push(Number(1))).expect("written");
        let first = file.stamp();
        file.update(|_| ()).expect("read");
        assert_eq!(file.stamp(), first);
        file.update(|lines| *lines = vec![Number(2)]).expect("written");
        assert_ne!(file.stamp(), first);
    }

    #[test]
    fn nothing_is_lost_when_many_write_at_once() {
        let (_directory, file) = file();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let file = file.clone();
                scope.spawn(move || {
                    for number in 0..10 {
                        file.update(|lines| lines.push(Number(writer * 10 + number))).expect("written");
                    }
                });
            }
        });
        let mut numbers: Vec<u32> = file.read().expect("read").into_iter().map(|line| line.0).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    }
}
