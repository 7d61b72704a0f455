//! The signing-in side of SCRAM.

use core::ops::RangeInclusive;

use super::{
    BOUND_HEADER, HASH_BYTES, HASH_TEXT_BYTES, NONCE_ENTROPY_BYTES, SCRAM_SALT_BYTES, ScramError, Text, Transcript,
    attribute, binding_text, decode, encode, hmac, is_nonce, message, nonce_text, put, received, sha256, xor,
};
use crate::limits::{PBKDF2_ITERATIONS_MAX, PBKDF2_ITERATIONS_MIN, USERNAME_MAX_BYTES};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// What the client runs [`super::salted_password`] with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The user's salt.
    pub salt: [u8; SCRAM_SALT_BYTES],
    /// Rounds, within the limits.
    pub iterations: u32,
}

/// Where the exchange stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Fresh,
    FirstSent,
    Challenged,
    FinalSent,
}

/// One sign-in of a client. The order is `client_first`, `handle_server_first`, `client_final`,
/// `verify_server_final`; only after the last one does the client know that the server knows its password.
pub struct ClientScram {
    step: Step,
    username: heapless::String<USERNAME_MAX_BYTES>,
    header: &'static str,
    binding: [u8; 32],
    /// The client's part, then the whole one.
    nonce: Text,
    transcript: Transcript,
    server_signature: [u8; HASH_BYTES],
}

impl ClientScram {
    /// A sign-in as `username`, with fresh `entropy` for the nonce. `binding` is the TLS exporter's value (label
    /// `EXPORTER-Channel-Binding`, empty context, RFC 9266); only where there is none to be had, as in a browser,
    /// is it left out.
    ///
    /// # Errors
    /// [`ScramError::Malformed`] if the name is empty, longer than [`USERNAME_MAX_BYTES`], or has other characters
    /// than printable ASCII without `,` and `=`.
    pub fn new(
        username: &str,
        entropy: [u8; NONCE_ENTROPY_BYTES],
        binding: Option<&[u8; 32]>,
    ) -> Result<Self, ScramError> {
        Self::with_nonce(username, &nonce_text(&entropy), binding)
    }

    pub(super) fn with_nonce(username: &str, nonce: &str, binding: Option<&[u8; 32]>) -> Result<Self, ScramError> {
        if !is_username(username) {
            return Err(ScramError::Malformed);
        }
        Ok(Self {
            step: Step::Fresh,
            username: username.try_into().map_err(|_| ScramError::Malformed)?,
            header: if binding.is_some() { BOUND_HEADER } else { "n,," },
            binding: binding.copied().unwrap_or_default(),
            nonce: message(&[nonce])?,
            transcript: Transcript::default(),
            server_signature: [0; HASH_BYTES],
        })
    }

    /// Writes the first message and returns its length.
    ///
    /// # Errors
    /// [`ScramError::Order`], [`ScramError::BufferTooShort`].
    pub fn client_first(&mut self, out: &mut [u8]) -> Result<usize, ScramError> {
        self.expect(Step::Fresh)?;
        let bare = message(&["n=", &self.username, ",r=", &self.nonce])?;
        let len = put(&message(&[self.header, &bare])?, out)?;
        self.transcript = Transcript::new(&bare)?;
        self.step = Step::FirstSent;
        Ok(len)
    }

    /// Reads the server's challenge.
    ///
    /// # Errors
    /// [`ScramError::Order`], [`ScramError::Malformed`], [`ScramError::Nonce`], [`ScramError::Iterations`]. The
    /// sign-in is over then: a server gets one try.
    pub fn handle_server_first(&mut self, msg: &[u8]) -> Result<Challenge, ScramError> {
        self.handle_server_first_within(msg, PBKDF2_ITERATIONS_MIN..=PBKDF2_ITERATIONS_MAX)
    }

    pub(super) fn handle_server_first_within(
        &mut self,
        msg: &[u8],
        allowed: RangeInclusive<u32>,
    ) -> Result<Challenge, ScramError> {
        self.expect(Step::FirstSent)?;
        // Whatever comes out, no second challenge is read.
        self.step = Step::Fresh;
        let text = received(msg)?;
        let (nonce, rest) = attribute(text, "r")?;
        let (salt, rest) = attribute(rest.ok_or(ScramError::Malformed)?, "s")?;
        let (iterations, rest) = attribute(rest.ok_or(ScramError::Malformed)?, "i")?;
        if rest.is_some() {
            return Err(ScramError::Malformed);
        }
        if !nonce.strip_prefix(self.nonce.as_str()).is_some_and(is_nonce) {
            return Err(ScramError::Nonce);
        }
        let challenge = Challenge { salt: decode(salt)?, iterations: parse_iterations(iterations)? };
        if !allowed.contains(&challenge.iterations) {
            return Err(ScramError::Iterations);
        }
        self.nonce = message(&[nonce])?;
        self.transcript.push_server_first(text)?;
        self.step = Step::Challenged;
        Ok(challenge)
    }

    /// Writes the proof for the password that `salted` was made from, and returns the message's length.
    ///
    /// # Errors
    /// [`ScramError::Order`], [`ScramError::BufferTooShort`].
    pub fn client_final(&mut self, salted: &[u8; HASH_BYTES], out: &mut [u8]) -> Result<usize, ScramError> {
        self.expect(Step::Challenged)?;
        let binding = binding_text(self.header, &self.binding);
        let without_proof = message(&["c=", &binding, ",r=", &self.nonce])?;
        let client_key = Zeroizing::new(hmac(salted, &[b"Client Key"]));
        let signature = Zeroizing::new(self.transcript.sign(&sha256(client_key.as_slice()), &without_proof));
        let proof: heapless::String<HASH_TEXT_BYTES> = encode(&xor(&client_key, &signature));
        let len = put(&message(&[&without_proof, ",p=", &proof])?, out)?;
        let server_key = Zeroizing::new(hmac(salted, &[b"Server Key"]));
        self.server_signature = self.transcript.sign(&server_key, &without_proof);
        self.step = Step::FinalSent;
        Ok(len)
    }

    /// Checks that the server knows the password's verifier too.
    ///
    /// # Errors
    /// [`ScramError::Order`], [`ScramError::Malformed`], [`ScramError::Refused`].
    pub fn verify_server_final(&self, msg: &[u8]) -> Result<(), ScramError> {
        self.expect(Step::FinalSent)?;
        let (signature, rest) = attribute(received(msg)?, "v")?;
        if rest.is_some() {
            return Err(ScramError::Malformed);
        }
        let signature: [u8; HASH_BYTES] = decode(signature)?;
        if bool::from(signature.ct_eq(&self.server_signature)) { Ok(()) } else { Err(ScramError::Refused) }
    }

    fn expect(&self, step: Step) -> Result<(), ScramError> {
        if self.step == step { Ok(()) } else { Err(ScramError::Order) }
    }
}

impl Drop for ClientScram {
    fn drop(&mut self) {
        self.server_signature.zeroize();
    }
}

/// Printable ASCII that needs no escaping in SCRAM; the alphabet of accounts is narrower still.
pub(super) fn is_username(name: &str) -> bool {
    (1..=USERNAME_MAX_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',' && byte != b'=')
}

/// A positive number without sign or leading zeros.
fn parse_iterations(text: &str) -> Result<u32, ScramError> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScramError::Malformed);
    }
    text.parse().map_err(|_| ScramError::Malformed)
}
