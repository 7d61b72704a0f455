//! Digests of files.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// SHA-256 of all that is in a file, wherever it is read at now.
///
/// # Errors
/// As the operating system reports them.
pub fn sha256_of(file: &File) -> io::Result<[u8; 32]> {
    let (mut hash, mut at, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
    loop {
        match file.read_at(&mut piece, at) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(len) => {
                hash.update(&piece[..len]);
                at += len as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::test_files::TestDir;

    #[test]
    fn a_file_of_several_pieces_has_the_digest_of_its_bytes() {
        let bytes: Vec<u8> = (0..2 * PIECE_BYTES + 7).map(|at| (at % 251) as u8).collect();
        let folder = TestDir::new("digest");
        let mut file = File::create_new(folder.path().join("file")).expect("a file");
        file.write_all(&bytes).expect("written");
        let file = File::open(folder.path().join("file")).expect("opened");
        assert_eq!(sha256_of(&file).expect("read"), <[u8; 32]>::from(Sha256::digest(&bytes)));
    }
}
