//! A file of ours as it is sent: piece by piece, from any place, the same each time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use hph_core::crypto::file::{FileCipher, sealed_len};
use hph_core::limits::{FILE_PIECE_BYTES, TAG_BYTES};
use sha2::{Digest, Sha256};

const SEALED_PIECE_BYTES: u64 = (FILE_PIECE_BYTES + TAG_BYTES) as u64;

/// A file that was read through once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Its length and its SHA-256.
    pub plain: (u64, [u8; 32]),
    /// The same of what is sent.
    pub sent: (u64, [u8; 32]),
}

/// A file of ours.
pub struct Source {
    file: File,
    path: PathBuf,
    size: u64,
    cipher: Option<FileCipher>,
    /// Hashes of the pieces as they were read first: no other bytes are ever sealed in their place.
    pieces: Vec<[u8; 32]>,
}

impl Source {
    /// Opens a file; sealed under `key` if it is for one person.
    ///
    /// # Errors
    /// As the operating system reports them; also for what is no regular file.
    pub fn open(path: &Path, key: Option<&[u8; 32]>) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            size: metadata.len(),
            cipher: key.map(FileCipher::new),
            pieces: Vec::new(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are sent of it.
    pub fn sent_size(&self) -> u64 {
        if self.cipher.is_some() { sealed_len(self.size) } else { self.size }
    }

    /// Reads all of it. Needed before anything of a sealed file is read.
    ///
    /// # Errors
    /// As the operating system reports them; also if its length changes.
    pub fn prepare(&mut self) -> io::Result<Prepared> {
        let (mut plain, mut sent, mut sent_len) = (Sha256::new(), Sha256::new(), 0);
        let mut piece = vec![0; FILE_PIECE_BYTES];
        let mut at = 0;
        for index in 0.. {
            let len = self.read_plain(at, &mut piece)?;
            let read = &mut piece[..len];
            plain.update(&*read);
            at += len as u64;
            if let Some(cipher) = &self.cipher {
                self.pieces.push(Sha256::digest(&*read).into());
                let tag = cipher.seal(index, at == self.size, read).ok_or(io::ErrorKind::InvalidData)?;
                sent.update(&*read);
                sent.update(tag);
                sent_len += tag.len() as u64;
            }
            sent_len += len as u64;
            if at >= self.size || len < FILE_PIECE_BYTES {
                break;
            }
        }
        if at != self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let plain = plain.finalize().into();
        let sent = if self.cipher.is_some() { sent.finalize().into() } else { plain };
        Ok(Prepared { plain: (self.size, plain), sent: (sent_len, sent) })
    }

    /// Up to `len` of the bytes that are sent, from `at` on; fewer at the end of the file or of a piece.
    ///
    /// # Errors
    /// As the operating system reports them; also if the file has become shorter, or of a sealed one if it is another now: a
    /// key that seals two contents as the same piece protects neither.
    pub fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let Some(cipher) = &self.cipher else {
            let mut bytes = vec![0; len];
            let filled = self.read_plain(at, &mut bytes)?;
            bytes.truncate(filled);
            return Ok(bytes);
        };
        let index = u32::try_from(at / SEALED_PIECE_BYTES).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let begin = u64::from(index) * FILE_PIECE_BYTES as u64;
        let is_last = begin + FILE_PIECE_BYTES as u64 >= self.size;
        let mut piece = vec![0; FILE_PIECE_BYTES.min((self.size - begin.min(self.size)) as usize)];
        if self.read_plain(begin, &mut piece)? < piece.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.pieces.get(index as usize).copied() != Some(Sha256::digest(&piece).into()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the file was changed while it was sent"));
        }
        let tag = cipher.seal(index, is_last, &mut piece).ok_or(io::ErrorKind::InvalidData)?;
        piece.extend_from_slice(&tag);
        let skipped = (at % SEALED_PIECE_BYTES) as usize;
        let end = piece.len().min(skipped + len);
        Ok(piece.get(skipped..end).unwrap_or_default().to_vec())
    }

    fn read_plain(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(source: &Source, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while (all.len() as u64) < source.sent_size() {
            let bytes = source.read(all.len() as u64, step).expect("read");
            assert!(!bytes.is_empty() && bytes.len() <= step);
            all.extend(bytes);
        }
        all
    }

    #[test]
    fn what_is_sent_is_the_same_in_steps_of_any_length_and_has_the_hash_that_was_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        for len in [0, 1, FILE_PIECE_BYTES, FILE_PIECE_BYTES + 1, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|n| (n * 7 % 251) as u8).collect();
            std::fs::write(&path, &bytes).expect("written");
            for key in [None, Some(&[3; 32])] {
                let mut source = Source::open(&path, key).expect("opened");
                let prepared = source.prepare().expect("read");
                assert_eq!(prepared.plain, (len as u64, Sha256::digest(&bytes).into()));
                let sent = whole(&source, 8192);
                assert_eq!(prepared.sent, (sent.len() as u64, Sha256::digest(&sent).into()));
                assert_eq!(sent, whole(&source, 5000));
                assert_eq!(sent == bytes, key.is_none());
            }
        }
    }

    #[test]
    fn a_folder_is_no_file_and_one_that_becomes_shorter_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(Source::open(directory.path(), None).is_err());
        let path = directory.path().join("a");
        std::fs::write(&path, [1; 100]).expect("written");
        let mut source = Source::open(&path, Some(&[3; 32])).expect("opened");
        assert!(source.read(0, 99).is_err(), "not before it was read through");
        std::fs::write(&path, [1; 50]).expect("written");
        assert!(source.prepare().is_err());
    }

    #[test]
    fn what_is_changed_while_it_is_sent_is_not_sealed_a_second_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        std::fs::write(&path, vec![1; 2 * FILE_PIECE_BYTES]).expect("written");
        let mut source = Source::open(&path, Some(&[3; 32])).expect("opened");
        source.prepare().expect("read");
        source.read(0, 99).expect("as it was");
        let mut changed = vec![1; 2 * FILE_PIECE_BYTES];
        changed[5] = 2;
        std::fs::write(&path, &changed).expect("written");
        assert!(source.read(0, 99).is_err());
        assert!(source.read(SEALED_PIECE_BYTES, 99).is_ok(), "that piece is the same");
    }
}
