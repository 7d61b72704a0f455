//! The bytes of files: one file each in the data directory, named by its number and nothing that a client says.
//!
//! What arrives is written to a part; whole and checked, it takes its name in one step. After a crash there is a part, which
//! goes on where it ended, or the whole. All of this waits for the disk: not on the thread of the connections.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hph_platform::digest::sha256_of;
use rustix::fs::OFlags;

use crate::files;

const FOLDER: &str = "files";
/// Files leave so much of a disk to what people say. **Units:** bytes.
const RESERVE_BYTES: u64 = 32 * 1024 * 1024;

/// Where they lie.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join(FOLDER) }
    }

    /// Whether the disk has place for so many bytes more, and still some for messages. Where the system does not say: yes.
    pub fn has_place(&self, len: u64) -> bool {
        let folder = self.folder.ancestors().find(|folder| folder.exists()).unwrap_or(&self.folder);
        let free = rustix::fs::statvfs(folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        !free.is_ok_and(|free| free < len.saturating_add(RESERVE_BYTES))
    }

    fn whole(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string())
    }

    fn part(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id}.part"))
    }

    /// Opens what has come of a file of that size, and says how much it is.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn open(&self, id: u64, size: u64) -> io::Result<(File, u64)> {
        files::create_directory(&self.folder)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(files::FILE_MODE);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let file = match options.open(self.whole(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => options.create(true).open(self.part(id))?,
            other => other?,
        };
        let len = file.metadata()?.len();
        if len > size {
            // No client has sent that: begin anew.
            file.set_len(0)?;
            return Ok((file, 0));
        }
        Ok((file, len))
    }

    /// Writes a piece behind the others.
    ///
    /// # Errors
    /// As the operating system reports them; what was written of it is taken back. If it was not for want of place, all of the
    /// file is: a disk that fails is trusted with nothing that it took before.
    pub fn write(file: &File, from: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, from).inspect_err(|error| {
            let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            _ = file.set_len(if is_full { from } else { 0 });
        })
    }

    /// Puts a file that is complete in its place, for good. False, and nothing is left of it, if its hash is another one.
    ///
    /// # Errors
    /// As the operating system reports them. Nothing is left of the file then: after a failed `fsync` nobody knows what of it is
    /// on the disk, and another one would say that all is well.
    pub fn finish(&self, id: u64, file: &File, sha256: &[u8; 32]) -> io::Result<bool> {
        self.try_finish(id, file, sha256).inspect_err(|_| _ = self.remove(id))
    }

    fn try_finish(&self, id: u64, file: &File, sha256: &[u8; 32]) -> io::Result<bool> {
        file.sync_all()?;
        if sha256_of(file)? != *sha256 {
            self.remove(id)?;
            return Ok(false);
        }
        match std::fs::rename(self.part(id), self.whole(id)) {
            // It was there before a crash.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.whole(id).exists() => {}
            other => other?,
        }
        files::sync_parent(&self.whole(id))?;
        Ok(true)
    }

    /// Up to `len` bytes of a whole file.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn read(&self, id: u64, from: u64, len: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.whole(id))?;
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match file.read_at(&mut bytes[filled..], from + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Removes a file, whole or not.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn remove(&self, id: u64) -> io::Result<()> {
        for path in [self.part(id), self.whole(id)] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The numbers of all that lie there.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn ids(&self) -> io::Result<Vec<u64>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let id = |entry: io::Result<std::fs::DirEntry>| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".part").unwrap_or(&name).parse().ok()
        };
        Ok(entries.filter_map(id).collect())
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn sha256(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    #[test]
    fn a_file_goes_on_where_it_ended_and_takes_its_place_when_it_is_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = Blobs::new(directory.path());
        let (file, have) = blobs.open(7, 9).expect("opened");
        assert_eq!(have, 0);
        Blobs::write(&file, 0, b"mot ").expect("written");
        drop(file);
        let (file, have) = blobs.open(7, 9).expect("opened");
        assert_eq!(have, 4);
        Blobs::write(&file, have, b"tep!!").expect("written");
        assert!(blobs.read(7, 0, 9).is_err(), "not before it is whole");
        assert!(blobs.finish(7, &file, &sha256(b"mot tep!!")).expect("finished"));
        assert_eq!(blobs.read(7, 4, 3).expect("read"), b"tep");
        assert_eq!(blobs.read(7, 4, 99).expect("read"), b"tep!!");
        assert_eq!(blobs.read(7, 99, 9).expect("read"), b"");
        // A crash before the database knew of it: it is found whole.
        let (file, have) = blobs.open(7, 9).expect("opened");
        assert_eq!(have, 9);
        assert!(blobs.finish(7, &file, &sha256(b"mot tep!!")).expect("finished"));
        assert_eq!(blobs.ids().expect("listed"), [7]);
        blobs.remove(7).expect("removed");
        blobs.remove(7).expect("nothing there");
        assert_eq!(blobs.ids().expect("listed"), Vec::<u64>::new());
    }

    #[test]
    fn a_file_with_another_hash_leaves_nothing_behind_and_one_that_is_too_long_begins_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = Blobs::new(directory.path());
        let (file, _) = blobs.open(1, 3).expect("opened");
        Blobs::write(&file, 0, b"abd").expect("written");
        assert!(!blobs.finish(1, &file, &sha256(b"abc")).expect("looked at"));
        assert_eq!(blobs.ids().expect("listed"), Vec::<u64>::new());
        let (file, _) = blobs.open(1, 3).expect("opened");
        Blobs::write(&file, 0, b"abcd").expect("written");
        assert_eq!(blobs.open(1, 3).expect("opened").1, 0);
    }

    #[test]
    fn no_file_takes_the_last_of_a_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = Blobs::new(directory.path());
        assert!(blobs.has_place(1000) && !blobs.has_place(u64::MAX - 1) && !blobs.has_place(1 << 60));
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let blobs = Blobs::new(directory.path());
        std::fs::create_dir(directory.path().join(FOLDER)).expect("made");
        let secret = directory.path().join("secret");
        std::fs::write(&secret, "x").expect("written");
        std::os::unix::fs::symlink(&secret, blobs.part(3)).expect("linked");
        assert!(blobs.open(3, 9).is_err());
    }
}
