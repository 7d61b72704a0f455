//! AES-256-GCM with a counter for a nonce: the cipher of both seals, so the nonce rule stands in one place.

use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use aes_gcm::{AesGcm, aead::consts::U12, aes::Aes256Enc};

use crate::limits::{DATAGRAM_MAX_BYTES, TAG_BYTES};

/// Bytes of an AES-256 key.
pub const KEY_BYTES: usize = 32;
/// Bytes of the salt that a counter is mixed into.
pub const SALT_BYTES: usize = 12;

/// GCM never runs the block cipher backwards, so only the encryption half of the key schedule is kept.
type Cipher = AesGcm<Aes256Enc, U12>;

/// One AES-256-GCM key with its salt. Wiped when dropped.
pub struct CounterAead {
    cipher: Cipher,
    salt: [u8; SALT_BYTES],
}

impl CounterAead {
    /// Expands `key`; the caller wipes its own copy.
    pub fn new(key: &[u8; KEY_BYTES], salt: [u8; SALT_BYTES]) -> Self {
        Self { cipher: Cipher::new(key.into()), salt }
    }

    /// Seals `body` in place and returns the tag over `aad` and it, or nothing if `body` fits no datagram: so it is
    /// certain that the cipher's block counter never ends. The caller never passes one `counter` twice.
    pub fn seal(&self, counter: u64, aad: &[u8], body: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        if body.len() > DATAGRAM_MAX_BYTES {
            return None;
        }
        let nonce = self.nonce(counter);
        self.cipher.encrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(body)).ok().map(Into::into)
    }

    /// Opens `body` in place and tells whether the tag fits. If it does not, `body` is untouched.
    #[must_use]
    pub fn is_opened(&self, counter: u64, aad: &[u8], body: &mut [u8], tag: &[u8; TAG_BYTES]) -> bool {
        if body.len() > DATAGRAM_MAX_BYTES {
            return false;
        }
        let nonce = self.nonce(counter);
        self.cipher.decrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(body), tag.into()).is_ok()
    }

    /// The nonce of packet `counter`.
    pub fn nonce(&self, counter: u64) -> [u8; SALT_BYTES] {
        nonce(&self.salt, counter)
    }
}

/// The nonce of packet `counter`: `salt XOR (0^32 || counter)`, so that a pair of key and nonce repeats only if its counter
/// does.
pub fn nonce(salt: &[u8; SALT_BYTES], counter: u64) -> [u8; SALT_BYTES] {
    let [s0, s1, s2, s3, low @ ..] = *salt;
    let [n0, n1, n2, n3, n4, n5, n6, n7] = (u64::from_be_bytes(low) ^ counter).to_be_bytes();
    [s0, s1, s2, s3, n0, n1, n2, n3, n4, n5, n6, n7]
}

impl Drop for CounterAead {
    fn drop(&mut self) {
        // The cipher wipes itself.
        zeroize::Zeroize::zeroize(&mut self.salt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, test cases 13, 14 and 16; their
    /// initialisation vectors stand as salts here, with counter 0.
    #[test]
    fn the_gcm_specification_s_vectors_seal_and_open() {
        let zero = CounterAead::new(&[0; 32], [0; 12]);
        assert_eq!(zero.seal(0, &[], &mut []), Some(hex("530f8afbc74536b9a963b4f1c4cb738b")));

        let mut block = [0; 16];
        assert_eq!(zero.seal(0, &[], &mut block), Some(hex("d0d1c8a799996bf0265b98b5d48ab919")));
        assert_eq!(block, hex("cea7403d4d606b6e074ec5d3baf39d18"));

        let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let aead = CounterAead::new(&key, hex("cafebabefacedbaddecaf888"));
        let aad: [u8; 20] = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plain: [u8; 60] = hex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ));
        let mut body = plain;
        let tag = hex("76fc6ece0f4e1768cddf8853bb2d551b");
        assert_eq!(aead.seal(0, &aad, &mut body), Some(tag));
        let sealed = hex(concat!(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        ));
        assert_eq!(body, sealed);
        assert!(aead.is_opened(0, &aad, &mut body, &tag));
        assert_eq!(body, plain);
    }

    /// NIST CAVP, gcmEncryptExtIV256.rsp: 128 bits of associated data, no plaintext, as the hop seal of media has it.
    #[test]
    fn a_nist_vector_of_associated_data_alone_fits() {
        let key = hex("78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223");
        let aead = CounterAead::new(&key, hex("d79cf22d504cc793c3fb6c8a"));
        let aad: [u8; 16] = hex("b96baa8c1c75a671bfb2d08d06be5f36");
        assert_eq!(aead.seal(0, &aad, &mut []), Some(hex("3e5d486aa2e30b22e040b85723a06e76")));
    }

    #[test]
    fn every_changed_bit_is_noticed_and_leaves_the_body_untouched() {
        let aead = CounterAead::new(&[1; 32], [2; 12]);
        let mut sealed = *b"some body";
        let tag = aead.seal(5, b"aad", &mut sealed).unwrap();
        for bit in 0..8 * sealed.len() {
            let mut body = sealed;
            body[bit / 8] ^= 1 << (bit % 8);
            let forged = body;
            assert!(!aead.is_opened(5, b"aad", &mut body, &tag));
            assert_eq!(body, forged);
        }
        for bit in 0..128 {
            let mut forged = tag;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!aead.is_opened(5, b"aad", &mut sealed.clone(), &forged));
        }
        assert!(!aead.is_opened(6, b"aad", &mut sealed.clone(), &tag));
        assert!(!aead.is_opened(5, b"aae", &mut sealed.clone(), &tag));
        assert!(aead.is_opened(5, b"aad", &mut sealed, &tag));
        assert_eq!(&sealed, b"some body");
    }

    #[test]
    fn the_counter_fills_the_last_eight_bytes_of_the_nonce() {
        assert_eq!(nonce(&[0xf0; 12], 0x0102_0304_0506_0708), hex("f0f0f0f0f1f2f3f4f5f6f7f8"));
    }
}
