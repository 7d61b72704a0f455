//! A file that is fetched: it grows under a name of its own, goes on after an interruption, and is there under its name only
//! when every byte of it was checked.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hph_core::crypto::file::FileCipher;
use hph_core::limits::{FILE_PIECE_BYTES, TAG_BYTES};
use hph_platform::digest::sha256_of;
use hph_platform::entropy;
use rustix::fs::OFlags;

use super::name::numbered;
use super::{RemoteFile, safe_name};

/// Names that are tried if others are taken.
const NAMES_MAX: u32 = 1000;

/// A file that is being fetched.
pub struct Kept {
    remote: RemoteFile,
    folder: PathBuf,
    part: PathBuf,
    file: File,
}

impl Kept {
    /// Begins, or goes on with what is there already, and says how much that is. The folder is made if there is none.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn open(remote: &RemoteFile, folder: &Path) -> io::Result<(Self, u64)> {
        fs::create_dir_all(folder)?;
        // The hash and the number: nobody else's file, and the same after a new start.
        let hash: String = remote.sha256[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let part = folder.join(format!(".hph-{}-{hash}.part", remote.file));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let file = options.open(&part)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.uid() != rustix::process::getuid().as_raw() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "somebody else's file is in the way"));
        }
        let mut have = metadata.len();
        if have > remote.stored_size() {
            file.set_len(0)?;
            have = 0;
        }
        Ok((Self { remote: remote.clone(), folder: folder.to_owned(), part, file }, have))
    }

    /// Writes what came.
    ///
    /// # Errors
    /// As the operating system reports them.
    pub fn write(&self, from: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, from)
    }

    /// Checks what is there now, opens it if it is sealed, and gives it its name, or the next one that is free.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if it is not what was promised: nothing is left of it then. Others as the operating
    /// system reports them.
    pub fn finish(&self) -> io::Result<PathBuf> {
        let Some(key) = &self.remote.key else {
            if sha256_of(&self.file)? != self.remote.sha256 {
                return self.refuse();
            }
            self.file.sync_all()?;
            return place(&self.part, &self.folder, &self.remote.name);
        };
        let draft = self.folder.join(format!(".hph-{:016x}.new", u64::from_be_bytes(entropy::array())));
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let open =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).custom_flags(flags).open(&draft)?;
        let opened = self.open_into(&open, &FileCipher::new(key));
        let is_it = opened.and_then(|is_open| Ok(is_open && sha256_of(&open)? == self.remote.sha256));
        let placed = match is_it {
            Ok(true) => open.sync_all().and_then(|()| place(&draft, &self.folder, &self.remote.name)),
            Ok(false) => self.refuse(),
            Err(error) => Err(error),
        };
        if placed.is_err() {
            let _ = fs::remove_file(&draft);
        } else {
            let _ = fs::remove_file(&self.part);
        }
        placed
    }

    /// Gives up, and leaves nothing.
    pub fn discard(self) {
        let _ = fs::remove_file(&self.part);
    }

    fn refuse(&self) -> io::Result<PathBuf> {
        let _ = fs::remove_file(&self.part);
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is not what was sent"))
    }

    /// Opens the seals into another file; false if one does not fit.
    fn open_into(&self, open: &File, cipher: &FileCipher) -> io::Result<bool> {
        let mut piece = vec![0; FILE_PIECE_BYTES + TAG_BYTES];
        let (mut from, mut to) = (0, 0);
        for index in 0.. {
            let len = FILE_PIECE_BYTES.min((self.remote.size - to) as usize);
            let sealed = &mut piece[..len + TAG_BYTES];
            self.file.read_exact_at(sealed, from)?;
            let (body, tag) = sealed.split_at_mut(len);
            let tag: [u8; TAG_BYTES] = (&*tag).try_into().unwrap_or_default();
            let is_last = to + len as u64 == self.remote.size;
            if !cipher.is_opened(index, is_last, body, &tag) {
                return Ok(false);
            }
            open.write_all_at(body, to)?;
            from += (len + TAG_BYTES) as u64;
            to += len as u64;
            if is_last {
                break;
            }
        }
        Ok(true)
    }
}

/// Gives a file its name without ever taking another one's place.
fn place(from: &Path, folder: &Path, name: &str) -> io::Result<PathBuf> {
    let name = safe_name(name);
    for number in 1..=NAMES_MAX {
        let path = folder.join(numbered(&name, number));
        match fs::hard_link(from, &path) {
            Ok(()) => {
                fs::remove_file(from)?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // A file system without links: what is not there now is taken.
            Err(_) if !path.try_exists()? => {
                fs::rename(from, &path)?;
                return Ok(path);
            }
            Err(_) => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many files of that name"))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::super::Source;
    use super::*;

    fn remote(bytes: &[u8], key: Option<[u8; 32]>) -> RemoteFile {
        let (size, sha256) = (bytes.len() as u64, Sha256::digest(bytes).into());
        RemoteFile { file: 1, name: "../bài.txt".to_owned(), size, sha256, key }
    }

    /// What a server would have of these bytes.
    fn sent(folder: &Path, bytes: &[u8], key: Option<[u8; 32]>) -> Vec<u8> {
        let path = folder.join("source");
        fs::write(&path, bytes).expect("written");
        let mut source = Source::open(&path, key.as_ref()).expect("opened");
        source.prepare().expect("read");
        let mut all = Vec::new();
        while (all.len() as u64) < source.sent_size() {
            all.extend(source.read(all.len() as u64, 8192).expect("read"));
        }
        all
    }

    #[test]
    fn a_file_comes_whole_after_an_interruption_and_takes_nobody_s_place() {
        let directory = tempfile::tempdir().expect("a directory");
        for (key, len) in
            [(None, 100_000), (Some([5; 32]), 100_000), (Some([5; 32]), 0), (Some([5; 32]), FILE_PIECE_BYTES)]
        {
            let folder = directory.path().join(format!("{len} {}", key.is_some()));
            let bytes: Vec<u8> = (0..len).map(|n| (n % 241) as u8).collect();
            let (remote, wire) = (remote(&bytes, key), sent(directory.path(), &bytes, key));
            for name in ["_bài.txt", "_bài (2).txt"] {
                let half = wire.len() / 2;
                let (kept, have) = Kept::open(&remote, &folder).expect("opened");
                assert_eq!(have, 0);
                kept.write(0, &wire[..half]).expect("written");
                drop(kept);
                let (kept, have) = Kept::open(&remote, &folder).expect("opened");
                assert_eq!(have, half as u64);
                kept.write(have, &wire[half..]).expect("written");
                let path = kept.finish().expect("whole");
                assert_eq!(path, folder.join(name));
                assert_eq!(fs::read(path).expect("read"), bytes);
            }
            assert_eq!(fs::read_dir(&folder).expect("listed").count(), 2, "no part is left");
        }
    }

    #[test]
    fn what_is_not_what_was_sent_is_not_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        for key in [None, Some([5; 32])] {
            let folder = directory.path().join(key.is_some().to_string());
            let (remote, mut wire) = (remote(b"abc", key), sent(directory.path(), b"abc", key));
            wire[1] ^= 1;
            let (kept, _) = Kept::open(&remote, &folder).expect("opened");
            kept.write(0, &wire).expect("written");
            assert_eq!(kept.finish().expect_err("refused").kind(), io::ErrorKind::InvalidData);
            assert_eq!(fs::read_dir(&folder).expect("listed").count(), 0);
        }
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let remote = remote(b"abc", None);
        let (kept, _) = Kept::open(&remote, directory.path()).expect("opened");
        let part = kept.part.clone();
        kept.discard();
        std::os::unix::fs::symlink("/etc/hostname", &part).expect("linked");
        assert!(Kept::open(&remote, directory.path()).is_err());
    }
}
