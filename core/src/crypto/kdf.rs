//! HKDF (RFC 5869) for secrets no longer than one hash. The limit of the general form is not needed then, nor the error
//! that names it: a packet that moves a key on meets nothing that can fail.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

/// HKDF-Expand-SHA256 to `N` bytes, at most 32; `info` comes in parts.
pub(super) fn expand_sha256<const N: usize>(secret: &[u8; 32], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let block: [u8; 32] = first_block(keyed::<Hmac<Sha256>>(secret), info).finalize().into_bytes().into();
    head(Zeroizing::new(block))
}

/// HKDF-Extract-SHA512 without a salt.
pub(super) fn extract_sha512(input: &[u8]) -> Zeroizing<[u8; 64]> {
    // No salt means a hash of zeros, and HMAC fills a short key up with zeros.
    let mac = keyed::<Hmac<Sha512>>(&[]).chain_update(input);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// HKDF-Expand-SHA512 to `N` bytes, at most 64; `info` comes in parts.
pub(super) fn expand_sha512<const N: usize>(secret: &[u8; 64], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let block: [u8; 64] = first_block(keyed::<Hmac<Sha512>>(secret), info).finalize().into_bytes().into();
    head(Zeroizing::new(block))
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// `T(1) = HMAC(secret, info || 0x01)`.
fn first_block<M: Mac>(mac: M, info: &[&[u8]]) -> M {
    info.iter().fold(mac, |mac, part| mac.chain_update(part)).chain_update([1])
}

fn head<const N: usize, const BLOCK: usize>(block: Zeroizing<[u8; BLOCK]>) -> Zeroizing<[u8; N]> {
    const { assert!(N <= BLOCK, "more would take a second block") };
    let mut head = Zeroizing::new([0; N]);
    for (to, from) in head.iter_mut().zip(block.iter()) {
        *to = *from;
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// RFC 5869 appendix A.1: its output begins with one hash.
    #[test]
    fn the_rfc_5869_vector_is_expanded() {
        let secret = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
        let info: [u8; 10] = hex("f0f1f2f3f4f5f6f7f8f9");
        let expanded = hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
        assert_eq!(*expand_sha256::<32>(&secret, &[&info]), expanded);
        assert_eq!(*expand_sha256::<12>(&secret, &[&info[..3], &[], &info[3..]]), expanded[..12]);
    }
}
