//! Signing in: from a fresh TLS connection to a proved identity.
//!
//! A connection has no identity until [`server::SignInEvent::Proved`]; a failed attempt leaves none behind. The server
//! never sees a password: SCRAM-SHA-256-PLUS (RFC 5802, 7677, 9266) proves it in both directions, bound to the TLS
//! connection, and the client pays for PBKDF2. The device's signature over the same binding proves its keys.

pub mod client;
pub mod server;

#[cfg(test)]
mod tests;

use heapless::String;
use sha2::{Digest, Sha256};

use crate::limits::USERNAME_MAX_BYTES;
pub use crate::room::roles::{GUEST_PREFIX, KIOSK_PREFIX};

/// The login name of a guest: [`GUEST_PREFIX`] and eight letters that follow from the device's signing key, so that a guest
/// who comes back is the same person.
pub fn guest_username(sign_key: &[u8; 32]) -> String<USERNAME_MAX_BYTES> {
    named_by_key(GUEST_PREFIX, sign_key)
}

/// The login name of a device without an account: [`KIOSK_PREFIX`] and the letters of [`guest_username`].
pub fn kiosk_username(sign_key: &[u8; 32]) -> String<USERNAME_MAX_BYTES> {
    named_by_key(KIOSK_PREFIX, sign_key)
}

fn named_by_key(prefix: &str, sign_key: &[u8; 32]) -> String<USERNAME_MAX_BYTES> {
    const LETTERS: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
    let mut name = String::new();
    let _ = name.push_str(prefix);
    let digest = Sha256::digest(sign_key);
    for byte in digest.iter().take(8) {
        let letter = LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'a');
        let _ = name.push(char::from(letter));
    }
    name
}
