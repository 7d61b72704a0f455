//! Random bytes from a seed: the core draws no entropy of its own, the driver hands it a seed once.

use core::convert::Infallible;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};

/// A deterministic random bit generator: ChaCha20 keyed by the seed (RFC 8439 block function, 64-bit counter).
///
/// The same seed gives the same bytes, which makes simulations repeatable; a real driver seeds it from the
/// operating system. Not `Clone`, so that no two holders draw the same secret bytes.
pub struct Drbg(ChaCha20Rng);

impl Drbg {
    /// A generator keyed by `seed`, which must hold 256 bits of entropy wherever secrecy matters.
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let generator = ChaCha20Rng::from_seed(seed);
        zeroize::Zeroize::zeroize(&mut seed);
        Self(generator)
    }

    /// Overwrites all of `bytes` with random ones.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// The next random 32-bit number, uniform over all of them.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The next random 64-bit number, uniform over all of them.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// `N` random bytes, for example a salt, a nonce or a key.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl TryRng for Drbg {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Drbg {}

impl Drop for Drbg {
    fn drop(&mut self) {
        self.0 = ChaCha20Rng::from_seed([0; 32]);
        // The generator has no wiping of its own; without this the store above would be dead and left out.
        core::hint::black_box(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_another_seed_another() {
        let mut one: Drbg = Drbg::from_seed([7; 32]);
        let mut same = Drbg::from_seed([7; 32]);
        let mut other = Drbg::from_seed([8; 32]);
        let bytes: [u8; 100] = one.array();
        assert_eq!(bytes, same.array());
        assert_ne!(bytes, other.array());
        assert_ne!(bytes, one.array());
        assert_ne!(one.next_u32(), one.next_u32());
        assert_ne!(one.next_u64(), one.next_u64());
    }

    #[test]
    fn the_zero_seed_gives_the_known_chacha20_stream() {
        // draft-nir-cfrg-chacha20-poly1305-04, appendix A.1, test vector 1: the all-zero key and nonce, block 0.
        let mut zero = Drbg::from_seed([0; 32]);
        let known = [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28];
        assert_eq!(zero.array::<16>(), known);
    }
}
