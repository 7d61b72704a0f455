//! The admitting side of SCRAM.

use super::client::is_username;
use super::{
    BOUND_HEADER, HASH_BYTES, HASH_TEXT_BYTES, NONCE_ENTROPY_BYTES, SCRAM_SALT_BYTES, ScramError, Text, Transcript,
    Verifier, attribute, binding_text, decode, encode, is_nonce, is_same_text, message, nonce_text, put, received,
    sha256, xor,
};
use core::fmt::Write;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Longest nonce that a client may bring.
const CLIENT_NONCE_MAX_BYTES: usize = 64;

/// Where the exchange stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    FirstRead,
    Challenged,
    Done,
}

/// One sign-in at a server. The order is `handle_client_first`, then (with the user's verifier or a decoy)
/// `server_first`, `handle_client_final`. One exchange allows one guess.
pub struct ServerScram {
    step: Step,
    header: &'static str,
    /// Both sides' parts.
    nonce: Text,
    transcript: Transcript,
}

impl ServerScram {
    /// Reads who wants to sign in, with fresh `entropy` for the nonce. `accepts_unbound` is set only on endpoints
    /// whose clients cannot bind to the TLS connection.
    ///
    /// # Errors
    /// [`ScramError::Malformed`], [`ScramError::Nonce`] (shorter than 16 characters or longer than 64),
    /// [`ScramError::BindingRequired`].
    pub fn handle_client_first(
        msg: &[u8],
        entropy: [u8; NONCE_ENTROPY_BYTES],
        accepts_unbound: bool,
    ) -> Result<(Self, &str), ScramError> {
        Self::with_nonce(msg, &nonce_text(&entropy), accepts_unbound)
    }

    pub(super) fn with_nonce<'a>(
        msg: &'a [u8],
        nonce: &str,
        accepts_unbound: bool,
    ) -> Result<(Self, &'a str), ScramError> {
        let (header, bare) = split_header(received(msg)?)?;
        if header != BOUND_HEADER && !accepts_unbound {
            return Err(ScramError::BindingRequired);
        }
        let (username, rest) = attribute(bare, "n")?;
        let (client_nonce, rest) = attribute(rest.ok_or(ScramError::Malformed)?, "r")?;
        if rest.is_some() || !is_username(username) {
            return Err(ScramError::Malformed);
        }
        if !is_nonce(client_nonce) || client_nonce.len() > CLIENT_NONCE_MAX_BYTES {
            return Err(ScramError::Nonce);
        }
        let nonce = message(&[client_nonce, nonce])?;
        Ok((Self { step: Step::FirstRead, header, nonce, transcript: Transcript::new(bare)? }, username))
    }

    /// Writes the challenge from the user's verifier, or from [`Verifier::decoy`] if there is no such user, and
    /// returns its length.
    ///
    /// # Errors
    /// [`ScramError::Order`], [`ScramError::BufferTooShort`].
    pub fn server_first(
        &mut self,
        salt: &[u8; SCRAM_SALT_BYTES],
        iterations: u32,
        out: &mut [u8],
    ) -> Result<usize, ScramError> {
        if self.step != Step::FirstRead {
            return Err(ScramError::Order);
        }
        let salt: heapless::String<24> = encode(salt);
        let mut first = message(&["r=", &self.nonce, ",s=", &salt, ",i="])?;
        write!(first, "{iterations}").map_err(|_| ScramError::Malformed)?;
        let len = put(&first, out)?;
        self.transcript.push_server_first(&first)?;
        self.step = Step::Challenged;
        Ok(len)
    }

    /// Checks the proof and the binding, both in constant time and always both. Writes the server's signature and
    /// returns its length: the client is who it says.
    ///
    /// # Errors
    /// [`ScramError::Order`] (also for a second try), [`ScramError::Malformed`], [`ScramError::Nonce`],
    /// [`ScramError::BufferTooShort`], [`ScramError::Refused`] for wrong password, name or connection alike.
    pub fn handle_client_final(
        &mut self,
        msg: &[u8],
        verifier: &Verifier,
        binding: &[u8; 32],
        out: &mut [u8],
    ) -> Result<usize, ScramError> {
        if self.step != Step::Challenged {
            return Err(ScramError::Order);
        }
        self.step = Step::Done;
        let text = received(msg)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let proof: Zeroizing<[u8; HASH_BYTES]> = Zeroizing::new(decode(proof)?);
        let (client_binding, rest) = attribute(without_proof, "c")?;
        let (nonce, rest) = attribute(rest.ok_or(ScramError::Malformed)?, "r")?;
        if rest.is_some() {
            return Err(ScramError::Malformed);
        }
        if nonce != self.nonce.as_str() {
            return Err(ScramError::Nonce);
        }
        let signature = Zeroizing::new(self.transcript.sign(&verifier.stored_key, without_proof));
        let client_key = Zeroizing::new(xor(&proof, &signature));
        let is_proven = sha256(client_key.as_slice()).ct_eq(&verifier.stored_key);
        let is_bound = is_same_text(client_binding, &binding_text(self.header, binding));
        if !bool::from(is_proven & is_bound) {
            return Err(ScramError::Refused);
        }
        let signature: heapless::String<HASH_TEXT_BYTES> =
            encode(&self.transcript.sign(&verifier.server_key, without_proof));
        put(&message(&["v=", &signature])?, out)
    }
}

/// The header of a first message and the rest. No other identity can be asked for (no authzid).
fn split_header(text: &str) -> Result<(&'static str, &str), ScramError> {
    [BOUND_HEADER, "n,,", "y,,"]
        .into_iter()
        .find_map(|header| text.strip_prefix(header).map(|rest| (header, rest)))
        .ok_or(ScramError::Malformed)
}
