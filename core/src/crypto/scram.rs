//! Sign-in by password without ever sending it: SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), bound to
//! the TLS connection by its exporter (`tls-exporter`, RFC 9266).
//!
//! The client pays for PBKDF2; a sign-in costs the server four HMACs. Who sits in the middle of the TLS connection
//! has another exporter value than the client signed, so the sign-in fails. A browser cannot reach the exporter and
//! signs in unbound; the server decides where that is accepted.
//!
//! ```text
//! client            p=tls-exporter,,n=alice,r=<24>              (unbound: n,,n=alice,...)
//! server            r=<24><24>,s=<salt>,i=600000
//! client            c=<header and binding>,r=<24><24>,p=<proof>
//! server            v=<signature>
//! ```

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

mod client;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Challenge, ClientScram};
pub use server::ServerScram;

/// Longest SCRAM message, in bytes; a longer one is refused unread.
pub const SCRAM_MESSAGE_MAX_BYTES: usize = 512;
/// Random bytes that each side puts into the nonce.
pub const NONCE_ENTROPY_BYTES: usize = 18;
/// Bytes of a salt.
pub const SCRAM_SALT_BYTES: usize = 16;

const HASH_BYTES: usize = 32;
/// Base64 of a hash, padded.
const HASH_TEXT_BYTES: usize = 44;
const NONCE_TEXT_BYTES: usize = 24;
const BOUND_HEADER: &str = "p=tls-exporter,,";

type HmacSha256 = Hmac<Sha256>;
type Text = heapless::String<SCRAM_MESSAGE_MAX_BYTES>;

/// Why a sign-in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// A message is not of its form, or too long.
    Malformed,
    /// The caller's buffer is shorter than the message ([`SCRAM_MESSAGE_MAX_BYTES`] always suffices).
    BufferTooShort,
    /// A step out of order, or twice.
    Order,
    /// The peer's nonce does not extend, or repeat, what was agreed.
    Nonce,
    /// The server asks for fewer rounds than safe or more than reasonable
    /// ([`crate::limits::PBKDF2_ITERATIONS_MIN`], [`crate::limits::PBKDF2_ITERATIONS_MAX`]).
    Iterations,
    /// This endpoint requires channel binding and the client offers none.
    BindingRequired,
    /// Wrong password, unknown name, other connection, or a server that does not know the password: not told apart.
    Refused,
}

/// What a server keeps instead of a password (RFC 5802 section 3). Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Verifier {
    /// Random per user.
    pub salt: [u8; SCRAM_SALT_BYTES],
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// SHA-256 of the client key.
    pub stored_key: [u8; HASH_BYTES],
    /// Key of the server's signature.
    pub server_key: [u8; HASH_BYTES],
}

impl Verifier {
    /// The verifier of the password that [`salted_password`] made `salted` from.
    pub fn from_salted_password(salt: [u8; SCRAM_SALT_BYTES], iterations: u32, salted: &[u8; HASH_BYTES]) -> Self {
        let client_key = Zeroizing::new(hmac(salted, &[b"Client Key"]));
        Self { salt, iterations, stored_key: sha256(client_key.as_slice()), server_key: hmac(salted, &[b"Server Key"]) }
    }

    /// A verifier for a name that has no account: always the same for one name, and no password fits. Sign-in then
    /// takes the same steps and fails at the end, so that names cannot be tried out.
    pub fn decoy(server_secret: &[u8; 32], name: &str, iterations: u32) -> Self {
        Self {
            salt: decoy_salt(server_secret, name),
            iterations,
            stored_key: hmac(server_secret, &[b"stored", name.as_bytes()]),
            server_key: hmac(server_secret, &[b"server", name.as_bytes()]),
        }
    }
}

/// PBKDF2-HMAC-SHA256 of a password (RFC 8018 section 5.2, `Hi` of RFC 5802). 600,000 rounds take 0.1 s to 2 s: the
/// caller runs it where nothing waits. The caller also normalises the password to one Unicode form (NFKC) first.
pub fn salted_password(password: &str, salt: &[u8], iterations: u32) -> [u8; HASH_BYTES] {
    pbkdf2::pbkdf2_hmac_array::<Sha256, HASH_BYTES>(password.as_bytes(), salt, iterations)
}

/// The salt that is shown for a name without an account: always the same for one name.
pub fn decoy_salt(server_secret: &[u8; 32], name: &str) -> [u8; SCRAM_SALT_BYTES] {
    hmac(server_secret, &[b"salt", name.as_bytes()]).first_chunk().copied().unwrap_or_default()
}

fn hmac(key: &[u8; HASH_BYTES], parts: &[&[u8]]) -> [u8; HASH_BYTES] {
    let mut mac = HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn sha256(bytes: &[u8]) -> [u8; HASH_BYTES] {
    Sha256::digest(bytes).into()
}

/// `client-first-message-bare "," server-first-message`: what both sides have seen before the final messages.
#[derive(Default)]
struct Transcript(heapless::String<{ 2 * SCRAM_MESSAGE_MAX_BYTES }>);

impl Transcript {
    fn new(client_first_bare: &str) -> Result<Self, ScramError> {
        let mut transcript = Self::default();
        transcript.push(client_first_bare)?;
        Ok(transcript)
    }

    fn push_server_first(&mut self, message: &str) -> Result<(), ScramError> {
        self.push(",")?;
        self.push(message)
    }

    fn push(&mut self, text: &str) -> Result<(), ScramError> {
        self.0.push_str(text).map_err(|_| ScramError::Malformed)
    }

    /// HMAC over AuthMessage (RFC 5802 section 3), of which only the last part is missing.
    fn sign(&self, key: &[u8; HASH_BYTES], client_final_without_proof: &str) -> [u8; HASH_BYTES] {
        hmac(key, &[self.0.as_bytes(), b",", client_final_without_proof.as_bytes()])
    }
}

/// A received message as text, if it is short enough.
fn received(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > SCRAM_MESSAGE_MAX_BYTES {
        return Err(ScramError::Malformed);
    }
    core::str::from_utf8(message).map_err(|_| ScramError::Malformed)
}

/// Joins `parts` to one message.
fn message(parts: &[&str]) -> Result<Text, ScramError> {
    let mut text = Text::new();
    for part in parts {
        text.push_str(part).map_err(|_| ScramError::Malformed)?;
    }
    Ok(text)
}

/// Copies a message to the front of the caller's buffer and returns its length.
fn put(message: &str, out: &mut [u8]) -> Result<usize, ScramError> {
    out.get_mut(..message.len()).ok_or(ScramError::BufferTooShort)?.copy_from_slice(message.as_bytes());
    Ok(message.len())
}

/// The value of attribute `name` at the front of `text`, and what follows its comma, if there is one.
fn attribute<'a>(text: &'a str, name: &str) -> Result<(&'a str, Option<&'a str>), ScramError> {
    let value = text.strip_prefix(name).and_then(|text| text.strip_prefix('=')).ok_or(ScramError::Malformed)?;
    Ok(match value.split_once(',') {
        Some((value, rest)) => (value, Some(rest)),
        None => (value, None),
    })
}

/// Printable ASCII without the comma, 16 characters or more on each side.
fn is_nonce(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

fn nonce_text(entropy: &[u8; NONCE_ENTROPY_BYTES]) -> heapless::String<NONCE_TEXT_BYTES> {
    encode(entropy)
}

/// Base64 with padding; `N` is at least 4/3 of the bytes, rounded up to fours.
fn encode<const N: usize>(bytes: &[u8]) -> heapless::String<N> {
    let mut buffer = [0; N];
    let text = Base64::encode(bytes, &mut buffer).expect("the buffer is as long as the text");
    heapless::String::try_from(text).expect("the text is as long as the buffer")
}

/// Strict base64 of exactly `N` bytes, at most 48.
fn decode<const N: usize>(text: &str) -> Result<[u8; N], ScramError> {
    let mut buffer = Zeroizing::new([0; 64]);
    if text.len() > buffer.len() {
        return Err(ScramError::Malformed);
    }
    let bytes = Base64::decode(text, buffer.as_mut_slice()).map_err(|_| ScramError::Malformed)?;
    bytes.try_into().map_err(|_| ScramError::Malformed)
}

fn xor(one: &[u8; HASH_BYTES], other: &[u8; HASH_BYTES]) -> [u8; HASH_BYTES] {
    let mut out = *one;
    for (out, other) in out.iter_mut().zip(other) {
        *out ^= other;
    }
    out
}

/// The `c` attribute: base64 of the header and, if it announces one, the binding (RFC 5802 section 7).
fn binding_text(header: &str, binding: &[u8; 32]) -> Text {
    let mut bytes = [0; BOUND_HEADER.len() + 32];
    let bound: &[u8] = if header == BOUND_HEADER { binding } else { &[] };
    let mut len = 0;
    for (out, byte) in bytes.iter_mut().zip(header.bytes().chain(bound.iter().copied())) {
        *out = byte;
        len += 1;
    }
    encode(bytes.get(..len).unwrap_or(&bytes))
}

fn is_same_text(one: &str, other: &str) -> Choice {
    one.as_bytes().ct_eq(other.as_bytes())
}
