//! The tag of headers alone: AES-256-GCM over associated data and nothing else, which NIST SP 800-38D names GMAC.
//!
//! Bit for bit what `aes-gcm` gives for an empty text, of the same block cipher and the same hash. It is put together here
//! because a relay seals one packet for many receivers: what is the same for all of them is laid out once
//! ([`ClearBlocks`]), and the blocks that mask tags are made for [`MASKS`] packets at once ([`Masks`]), in which a processor
//! needs for each a fraction of the time that it needs for one alone, with instructions for AES and without.

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit, consts::U12};
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::aes::{Aes256Enc, Block};
use aes_gcm::{AesGcm, Tag};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::aead::{KEY_BYTES, SALT_BYTES, nonce};
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, TAG_BYTES};

/// Most bytes that are authenticated behind the header.
pub const CLEAR_MAX_BYTES: usize = 96;
/// Masks that are made at once.
const MASKS: usize = 8;
const BLOCK_BYTES: usize = 16;
/// Blocks of the longest input: header and clear bytes, filled up with zeroes, and one of their length.
const BLOCKS_MAX: usize = (HOP_HEADER_BYTES + CLEAR_MAX_BYTES).div_ceil(BLOCK_BYTES) + 1;

/// What a tag is made over, as the hash wants it: a header, which is another one for each receiver, the clear bytes behind it,
/// which are not, and the length of both.
pub struct ClearBlocks {
    bytes: [u8; BLOCKS_MAX * BLOCK_BYTES],
    len_bytes: usize,
}

impl ClearBlocks {
    /// Lays the bytes out; none if there are more than [`CLEAR_MAX_BYTES`].
    pub fn new(clear: &[u8]) -> Option<Self> {
        if clear.len() > CLEAR_MAX_BYTES {
            return None;
        }
        let mut bytes = [0; BLOCKS_MAX * BLOCK_BYTES];
        let end = HOP_HEADER_BYTES.saturating_add(clear.len());
        bytes.get_mut(HOP_HEADER_BYTES..end)?.copy_from_slice(clear);
        let padded = end.next_multiple_of(BLOCK_BYTES);
        let len_bytes = padded.saturating_add(BLOCK_BYTES);
        // Bits of what is authenticated, and of what is encrypted: none.
        let bits = (end as u64).saturating_mul(8);
        bytes.get_mut(padded..)?.first_chunk_mut::<8>()?.copy_from_slice(&bits.to_be_bytes());
        Some(Self { bytes, len_bytes })
    }

    fn set_header(&mut self, header: &[u8; HOP_HEADER_BYTES]) {
        let (front, _) = self.bytes.split_at_mut(HOP_HEADER_BYTES);
        front.copy_from_slice(header);
    }

    fn blocks(&self) -> &[Block] {
        Block::slice_as_chunks(self.bytes.get(..self.len_bytes).unwrap_or(&self.bytes)).0
    }
}

/// One AES-256-GCM key with its salt, for tags over headers. The rule of its nonces is [`nonce`]'s. Wiped when dropped.
pub struct GmacKey {
    cipher: Aes256Enc,
    hash: GHash,
    salt: [u8; SALT_BYTES],
}

impl GmacKey {
    /// Expands `key`; the caller wipes its own copy.
    pub fn new(key: &[u8; KEY_BYTES], salt: [u8; SALT_BYTES]) -> Self {
        let cipher = Aes256Enc::new(key.into());
        let mut hash_key = Block::default();
        cipher.encrypt_block(&mut hash_key);
        let hash = GHash::new(&hash_key);
        hash_key.zeroize();
        Self { cipher, hash, salt }
    }

    /// The tag over that header and the clear bytes. The caller never passes one `counter` twice.
    pub fn tag(
        &self,
        counter: u64,
        header: &[u8; HOP_HEADER_BYTES],
        clear: &mut ClearBlocks,
        masks: &mut Masks,
    ) -> [u8; TAG_BYTES] {
        clear.set_header(header);
        (masks.take(self, counter) ^ self.hash(clear)).to_ne_bytes()
    }

    /// Whether a tag fits. Takes as long if it does as if it does not.
    #[must_use]
    pub fn is_fitting(
        &self,
        counter: u64,
        header: &[u8; HOP_HEADER_BYTES],
        clear: &mut ClearBlocks,
        tag: &[u8; TAG_BYTES],
    ) -> bool {
        clear.set_header(header);
        let mut mask = self.mask_input(counter);
        self.cipher.encrypt_block(&mut mask);
        let wrong = u128::from_ne_bytes(mask.into()) ^ self.hash(clear) ^ u128::from_ne_bytes(*tag);
        // Both halves at once: no branch tells which byte was wrong.
        ((wrong as u64) | (wrong.checked_shr(64).unwrap_or(0) as u64)).ct_eq(&0).into()
    }

    /// Seals `body` in place and returns the tag over `aad` and it, or nothing if `body` fits no datagram. The caller never
    /// passes one `counter` twice, here or to [`Self::tag`].
    pub fn seal(&self, counter: u64, aad: &[u8], body: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        if body.len() > DATAGRAM_MAX_BYTES {
            return None;
        }
        let nonce = nonce(&self.salt, counter);
        self.whole().encrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(body)).ok().map(Into::into)
    }

    /// Opens `body` in place and tells whether the tag fits. If it does not, `body` is untouched.
    #[must_use]
    pub fn is_opened(&self, counter: u64, aad: &[u8], body: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        if body.len() > DATAGRAM_MAX_BYTES {
            return false;
        }
        let nonce = nonce(&self.salt, counter);
        let tag: &Tag = tag.into();
        self.whole().decrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(body), tag).is_ok()
    }

    /// The library's cipher for bodies, which are few: it makes the hash's key anew.
    fn whole(&self) -> AesGcm<&Aes256Enc, U12> {
        AesGcm::from(&self.cipher)
    }

    fn hash(&self, clear: &ClearBlocks) -> u128 {
        let mut hash = self.hash.clone();
        hash.update(clear.blocks());
        u128::from_ne_bytes(hash.finalize().into())
    }

    /// The block whose encryption masks the tag of packet `counter`: the nonce, and block number 1.
    fn mask_input(&self, counter: u64) -> Block {
        let mut block = [0; BLOCK_BYTES];
        let (front, back) = block.split_at_mut(SALT_BYTES);
        front.copy_from_slice(&nonce(&self.salt, counter));
        back.copy_from_slice(&1u32.to_be_bytes());
        block.into()
    }
}

impl Drop for GmacKey {
    fn drop(&mut self) {
        // Cipher and hash wipe themselves.
        self.salt.zeroize();
    }
}

/// The masks of the next packets under one key. As secret as the key: with a tag one gives away the hash's key. Wiped when
/// dropped.
#[derive(Default)]
pub struct Masks {
    blocks: [Block; MASKS],
    /// Counter of the first one; 0 if there are none.
    first: u64,
}

impl Masks {
    /// Forgets those of another key.
    pub fn clear(&mut self) {
        for block in &mut self.blocks {
            block.zeroize();
        }
        self.first = 0;
    }

    fn take(&mut self, key: &GmacKey, counter: u64) -> u128 {
        let index = counter.wrapping_sub(self.first);
        if self.first == 0 || index >= MASKS as u64 {
            for (block, counter) in self.blocks.iter_mut().zip(counter..) {
                *block = key.mask_input(counter);
            }
            key.cipher.encrypt_blocks(&mut self.blocks);
            self.first = counter;
        }
        let index = counter.wrapping_sub(self.first) as usize % MASKS;
        self.blocks.get(index).map_or(0, |block| u128::from_ne_bytes((*block).into()))
    }
}

impl Drop for Masks {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::crypto::aead::CounterAead;
    use crate::crypto::drbg::Drbg;
    use crate::crypto::testing::hex;

    /// NIST CAVP, gcmEncryptExtIV256.rsp: 128 bits of associated data, no plaintext.
    #[test]
    fn a_nist_vector_of_associated_data_alone_fits() {
        let key = hex("78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223");
        let gmac = GmacKey::new(&key, hex("d79cf22d504cc793c3fb6c8a"));
        let aad: [u8; 16] = hex("b96baa8c1c75a671bfb2d08d06be5f36");
        let (header, clear) = aad.split_first_chunk().unwrap();
        let mut clear = ClearBlocks::new(clear).unwrap();
        let tag = hex("3e5d486aa2e30b22e040b85723a06e76");
        assert_eq!(gmac.tag(0, header, &mut clear, &mut Masks::default()), tag);
        assert!(gmac.is_fitting(0, header, &mut clear, &tag));
    }

    #[test]
    fn tags_are_those_of_the_library_whatever_the_input() {
        let mut random = Drbg::from_seed([5; 32]);
        for round in 0..2000_usize {
            let (key, salt) = (random.array(), random.array());
            let (gmac, library) = (GmacKey::new(&key, salt), CounterAead::new(&key, salt));
            let mut masks = Masks::default();
            let mut counter = u64::from_be_bytes(random.array()) | 1;
            for _ in 0..1 + round % 20 {
                let header: [u8; HOP_HEADER_BYTES] = random.array();
                let bytes: [u8; CLEAR_MAX_BYTES] = random.array();
                let [len, step] = random.array::<2>();
                let clear = &bytes[..usize::from(len) % (CLEAR_MAX_BYTES + 1)];
                let aad: Vec<u8> = header.iter().chain(clear).copied().collect();
                let expected = library.seal(counter, &aad, &mut []).unwrap();
                let mut blocks = ClearBlocks::new(clear).unwrap();
                assert_eq!(gmac.tag(counter, &header, &mut blocks, &mut masks), expected);
                // The same blocks serve the next receiver.
                let other = random.array();
                gmac.tag(counter, &other, &mut blocks, &mut masks);
                assert!(gmac.is_fitting(counter, &header, &mut blocks, &expected));
                assert!(library.is_opened(counter, &aad, &mut [], &expected));
                // Counters follow each other, but for bodies that were sealed between.
                counter = counter.wrapping_add(1 + u64::from(step) % 3 * 4);
            }
        }
    }

    #[test]
    fn bodies_are_the_library_s() {
        let (gmac, library) = (GmacKey::new(&[1; 32], [2; 12]), CounterAead::new(&[1; 32], [2; 12]));
        let (mut one, mut other) = (*b"some body", *b"some body");
        let tag = gmac.seal(5, b"aad", &mut one).unwrap();
        assert_eq!((Some(tag), one), (library.seal(5, b"aad", &mut other), other));
        assert!(!gmac.is_opened(6, b"aad", &mut one, &tag) && one == other);
        assert!(gmac.is_opened(5, b"aad", &mut one, &tag));
        assert_eq!(&one, b"some body");
        assert_eq!(gmac.seal(5, b"aad", &mut [0; DATAGRAM_MAX_BYTES + 1]), None);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let gmac = GmacKey::new(&[1; 32], [2; 12]);
        let (header, clear) = ([3; HOP_HEADER_BYTES], [4; 48]);
        let tag = gmac.tag(9, &header, &mut ClearBlocks::new(&clear).unwrap(), &mut Masks::default());
        let is_fitting = |counter, header: &_, clear: &[u8], tag: &_| {
            gmac.is_fitting(counter, header, &mut ClearBlocks::new(clear).unwrap(), tag)
        };
        assert!(is_fitting(9, &header, &clear, &tag) && !is_fitting(10, &header, &clear, &tag));
        for bit in 0..8 * HOP_HEADER_BYTES {
            let mut forged = header;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_fitting(9, &forged, &clear, &tag));
        }
        for bit in 0..8 * clear.len() {
            let mut forged = clear;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_fitting(9, &header, &forged, &tag));
        }
        for bit in 0..128 {
            let mut forged = tag;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_fitting(9, &header, &clear, &forged));
        }
        assert!(
            !is_fitting(9, &header, &clear[1..], &tag) && !is_fitting(9, &header, &[&clear[..], &[0]].concat(), &tag)
        );
        assert!(ClearBlocks::new(&[0; CLEAR_MAX_BYTES + 1]).is_none());
    }
}
