//! Files that only two people may read: pieces of 32 KiB, each sealed by itself, under a key that no other file has.
//!
//! A piece is bound to its place and to whether it is the last, so none can be moved, left out or cut off without notice
//! (the construction of RFC 8188 and STREAM). The same piece always becomes the same bytes: what was interrupted goes on
//! where it ended.

use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use aes_gcm::{AesGcm, aead::consts::U12, aes::Aes256Enc};

use crate::limits::{FILE_PIECE_BYTES, TAG_BYTES};

const AAD: &[u8] = b"hph/1 file";

/// The cipher of one file. Its key is random and of this file alone; it wipes itself.
pub struct FileCipher(AesGcm<Aes256Enc, U12>);

impl FileCipher {
    /// Expands the file's key; the caller wipes its own copy.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(AesGcm::new(key.into()))
    }

    /// Seals piece number `index` in place; gives the tag, which stands behind it. None if it is longer than
    /// [`FILE_PIECE_BYTES`]. The caller never seals two contents as the same piece.
    pub fn seal(&self, index: u32, is_last: bool, piece: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        if piece.len() > FILE_PIECE_BYTES {
            return None;
        }
        let nonce = nonce(index, is_last);
        self.0.encrypt_inout_detached(&nonce.into(), AAD, InOutBuf::from(piece)).ok().map(Into::into)
    }

    /// Opens piece number `index` in place, and tells whether its tag fits. If it does not, the piece is untouched.
    #[must_use]
    pub fn is_opened(&self, index: u32, is_last: bool, piece: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        let nonce = nonce(index, is_last);
        piece.len() <= FILE_PIECE_BYTES
            && self.0.decrypt_inout_detached(&nonce.into(), AAD, InOutBuf::from(piece), tag.into()).is_ok()
    }
}

/// Bytes of a sealed file with that many bytes. An empty file is one empty piece.
pub const fn sealed_len(len: u64) -> u64 {
    let pieces = len.div_ceil(FILE_PIECE_BYTES as u64);
    let pieces = if pieces == 0 { 1 } else { pieces };
    len.saturating_add(pieces.saturating_mul(TAG_BYTES as u64))
}

fn nonce(index: u32, is_last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    let fields = [index.to_be_bytes(), [u8::from(is_last), 0, 0, 0]];
    for (to, from) in nonce.iter_mut().zip(fields.iter().flatten()) {
        *to = *from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use super::*;

    #[test]
    fn a_piece_opens_in_its_place_and_nowhere_else() {
        let cipher = FileCipher::new(&[7; 32]);
        let mut piece = *b"mot manh";
        let tag = cipher.seal(3, false, &mut piece).unwrap();
        let sealed = piece;
        for (index, is_last) in [(2, false), (4, false), (3, true)] {
            assert!(!cipher.is_opened(index, is_last, &mut piece, &tag));
            assert_eq!(piece, sealed);
        }
        assert!(!FileCipher::new(&[8; 32]).is_opened(3, false, &mut piece, &tag));
        piece[0] ^= 1;
        assert!(!cipher.is_opened(3, false, &mut piece, &tag));
        piece[0] ^= 1;
        assert!(cipher.is_opened(3, false, &mut piece, &tag));
        assert_eq!(&piece, b"mot manh");
        let mut again = piece;
        assert_eq!(cipher.seal(3, false, &mut again), Some(tag), "what is sent again is the same");
        assert_eq!(again, sealed);
    }

    #[test]
    fn a_piece_that_is_too_long_is_neither_sealed_nor_opened() {
        let cipher = FileCipher::new(&[7; 32]);
        let mut long = vec![0; FILE_PIECE_BYTES + 1];
        assert_eq!(cipher.seal(0, true, &mut long), None);
        assert!(!cipher.is_opened(0, true, &mut long, &[0; TAG_BYTES]));
        assert!(cipher.seal(0, true, &mut long[1..]).is_some());
    }

    #[test]
    fn a_sealed_file_has_a_tag_for_each_piece() {
        let piece = FILE_PIECE_BYTES as u64;
        assert_eq!([0, 1, piece, piece + 1].map(sealed_len), [16, 17, piece + 16, piece + 33]);
    }
}
