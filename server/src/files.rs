//! Files that only the server's own user may read, written so that a crash leaves the old content or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Mode of every file that the server writes: its owner reads and writes it, nobody else.
pub const FILE_MODE: u32 = 0o600;
/// Mode of every directory that the server makes.
pub const DIRECTORY_MODE: u32 = 0o700;

/// Makes `path` and its parents, each private to the owner. A directory that exists keeps its mode: it may be shared
/// on purpose, and the files inside are private by themselves.
///
/// # Errors
/// As the operating system reports them.
pub fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

/// Takes the rights of group and others away from `path`, if it exists and they have any.
///
/// # Errors
/// As the operating system reports them, for example because another user owns the file.
pub fn restrict(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o777 != FILE_MODE => {
            fs::set_permissions(path, Permissions::from_mode(FILE_MODE))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes `path` in one step: a reader, or the next start after a power cut, sees all of `content` or none of it.
///
/// # Errors
/// As the operating system reports them; the old file is then still there.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_added_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&draft)?;
    restrict(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_parent(path)
}

/// Makes the names in the directory of `path` survive a power cut.
///
/// # Errors
/// As the operating system reports them.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_private_and_replaces_the_old_one_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a").join("secret.pem");
        create_directory(path.parent().expect("a parent")).expect("made");
        fs::write(&path, "a longer old content").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("set");
        write_atomically(&path, b"new").expect("replaced");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, FILE_MODE);
        assert!(!path.with_added_extension("new").exists());
    }

    #[test]
    fn a_made_directory_is_private_and_a_missing_file_needs_no_restricting() {
        let directory = tempfile::tempdir().expect("a directory");
        let made = directory.path().join("x").join("y");
        create_directory(&made).expect("made");
        create_directory(&made).expect("made again");
        assert_eq!(fs::metadata(&made).expect("there").permissions().mode() & 0o777, DIRECTORY_MODE);
        restrict(&made.join("nothing")).expect("nothing to do");
    }
}
