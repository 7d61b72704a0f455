//! Device keys, and what travels under them: sender keys, direct messages, proofs and the safety code.
//!
//! HPKE in auth mode (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM) carries a secret to one device
//! and shows which device sent it. It alone lets a recipient whose key was stolen be fooled by the thief, and lets a
//! recipient make up messages; so direct messages carry an Ed25519 signature inside as well.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::kdf::expand_sha256;
use crate::limits::{CHAT_TEXT_MAX_BYTES, DIRECT_SEALED_MAX_BYTES, TAG_BYTES};

type SealSecret = <X25519HkdfSha256 as Kem>::PrivateKey;
type SealPublic = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Bytes of a public key, of an encapsulated key and of a base key.
pub const DEVICE_KEY_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
/// Bytes of a wrapped base key: encapsulated key, ciphertext, tag.
pub const WRAP_BYTES: usize = DEVICE_KEY_BYTES + 32 + TAG_BYTES;
/// Bytes that a sealed direct message is longer than its text.
pub const DIRECT_OVERHEAD_BYTES: usize = DEVICE_KEY_BYTES + SIGNATURE_BYTES + TAG_BYTES;
/// Bytes of a safety code.
pub const SAFETY_CODE_BYTES: usize = 16;

const _: () = assert!(CHAT_TEXT_MAX_BYTES + DIRECT_OVERHEAD_BYTES <= DIRECT_SEALED_MAX_BYTES);

/// What is sealed, as associated data: one kind cannot be taken for the other.
const WRAP_AAD: &[u8] = b"hph/1 wrap";
const DIRECT_AAD: &[u8] = b"hph/1 direct";

/// What is signed: likewise.
const PROOF_LABEL: &[u8] = b"hph/1 device";
const DIRECT_LABEL: &[u8] = b"hph/1 direct";

/// Why something sealed by a device was refused, or could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderKeyError {
    /// The peer's key is not one that anything can be sealed with.
    Key,
    /// The text, the sealed message or the caller's buffer has a wrong length.
    Length,
    /// The seal does not fit: altered, for somebody else, from somebody else, or for another purpose.
    Seal,
    /// The seal fits, but the sender's signature in it does not.
    Signature,
}

/// The public keys of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKeys {
    /// X25519, for sealing to it.
    pub seal: [u8; DEVICE_KEY_BYTES],
    /// Ed25519, for checking its signatures.
    pub sign: [u8; DEVICE_KEY_BYTES],
}

/// The secret keys of one device, all from one 32-byte seed. Wiped when dropped.
pub struct DeviceSecret {
    seal: SealSecret,
    seal_public: SealPublic,
    sign: SigningKey,
}

impl DeviceSecret {
    /// Derives both key pairs: `HKDF-Expand-SHA256(seed, "hph/1 device seal")` is the input of HPKE's DeriveKeyPair
    /// (RFC 9180 section 7.1.3), `HKDF-Expand-SHA256(seed, "hph/1 device sign")` the Ed25519 seed (RFC 8032).
    /// `seed` must hold 256 bits of entropy; the caller wipes its own copy.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let seal_seed: Zeroizing<[u8; 32]> = expand_sha256(seed, &[b"hph/1 device seal"]);
        let sign_seed = expand_sha256(seed, &[b"hph/1 device sign"]);
        let (seal, seal_public) = X25519HkdfSha256::derive_keypair(seal_seed.as_slice());
        Self { seal, seal_public, sign: SigningKey::from_bytes(&sign_seed) }
    }

    /// The public half, for the roster.
    pub fn keys(&self) -> DeviceKeys {
        DeviceKeys { seal: self.seal_public.to_bytes().into(), sign: self.sign.verifying_key().to_bytes() }
    }
}

/// Seals `base_key` for the device with the X25519 key `recipient`. `info` names the purpose (room, epoch, both
/// devices) and must be the same at the other end. Layout: encapsulated key 32, ciphertext 32, tag 16.
///
/// # Errors
/// [`SenderKeyError::Key`] if `recipient` is not a usable key.
pub fn wrap(
    secret: &DeviceSecret,
    recipient: &[u8; DEVICE_KEY_BYTES],
    info: &[u8],
    base_key: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> Result<[u8; WRAP_BYTES], SenderKeyError> {
    let mut wrapped = [0; WRAP_BYTES];
    let (_, body, _) = split_sealed(&mut wrapped)?;
    body.copy_from_slice(base_key);
    seal(secret, recipient, info, WRAP_AAD, &mut wrapped, rng)?;
    Ok(wrapped)
}

/// Opens a base key that `sender` (its X25519 key) wrapped for this device with the same `info`.
///
/// # Errors
/// [`SenderKeyError::Key`] or [`SenderKeyError::Seal`].
pub fn unwrap(
    secret: &DeviceSecret,
    sender: &[u8; DEVICE_KEY_BYTES],
    info: &[u8],
    wrapped: &[u8; WRAP_BYTES],
) -> Result<[u8; 32], SenderKeyError> {
    let mut buffer = Zeroizing::new(*wrapped);
    let body = open(secret, sender, info, WRAP_AAD, buffer.as_mut_slice())?;
    body.first_chunk().copied().ok_or(SenderKeyError::Length)
}

/// The next base key, for when somebody joins: whoever gets only it cannot open what was sealed before.
pub fn ratchet(base_key: &[u8; 32]) -> [u8; 32] {
    *expand_sha256(base_key, &[b"hph/1 ratchet"])
}

/// Signs `text` (at most [`CHAT_TEXT_MAX_BYTES`]) and seals it for one device, into the front of `out`. Returns how
/// many bytes that took, [`DIRECT_OVERHEAD_BYTES`] more than the text. Layout: encapsulated key 32, sealed (text,
/// signature 64), tag 16. The signature also covers `info` and both devices, so it cannot be passed on as meant for
/// somebody else.
///
/// # Errors
/// [`SenderKeyError::Length`] if the text is too long or `out` too short, [`SenderKeyError::Key`].
pub fn seal_direct(
    secret: &DeviceSecret,
    recipient_seal: &[u8; DEVICE_KEY_BYTES],
    info: &[u8],
    text: &[u8],
    rng: &mut impl CryptoRng,
    out: &mut [u8],
) -> Result<usize, SenderKeyError> {
    if text.len() > CHAT_TEXT_MAX_BYTES {
        return Err(SenderKeyError::Length);
    }
    let len = text.len().saturating_add(DIRECT_OVERHEAD_BYTES);
    let sealed = out.get_mut(..len).ok_or(SenderKeyError::Length)?;
    let signature = sign_parts(secret, DIRECT_LABEL, &direct_parts(&secret.keys(), recipient_seal, info, text));
    let (_, body, _) = split_sealed(sealed)?;
    let (text_out, signature_out) = body.split_at_mut(text.len());
    text_out.copy_from_slice(text);
    signature_out.copy_from_slice(&signature);
    seal(secret, recipient_seal, info, DIRECT_AAD, sealed, rng)?;
    Ok(len)
}

/// Opens a direct message of the device `sender` into the front of `out` and returns the length of its text, which is
/// [`DIRECT_OVERHEAD_BYTES`] less than `sealed`.
///
/// # Errors
/// Any [`SenderKeyError`]. `out` is untouched then.
pub fn open_direct(
    secret: &DeviceSecret,
    sender: &DeviceKeys,
    info: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Result<usize, SenderKeyError> {
    let text_len = sealed.len().checked_sub(DIRECT_OVERHEAD_BYTES).ok_or(SenderKeyError::Length)?;
    if text_len > CHAT_TEXT_MAX_BYTES {
        return Err(SenderKeyError::Length);
    }
    let mut buffer = Zeroizing::new([0; CHAT_TEXT_MAX_BYTES + DIRECT_OVERHEAD_BYTES]);
    let buffer = buffer.get_mut(..sealed.len()).ok_or(SenderKeyError::Length)?;
    buffer.copy_from_slice(sealed);
    let body = open(secret, &sender.seal, info, DIRECT_AAD, buffer)?;
    let (text, signature) = body.split_last_chunk::<SIGNATURE_BYTES>().ok_or(SenderKeyError::Length)?;
    let own = secret.keys();
    if !is_signed(&sender.sign, DIRECT_LABEL, &direct_parts(sender, &own.seal, info, text), signature) {
        return Err(SenderKeyError::Signature);
    }
    out.get_mut(..text_len).ok_or(SenderKeyError::Length)?.copy_from_slice(text);
    Ok(text_len)
}

/// Proves at sign-in that the device key is at hand: a signature over `binding` (the TLS exporter's channel binding)
/// and `context` (who signs in where).
pub fn proof(secret: &DeviceSecret, binding: &[u8; 32], context: &[u8]) -> [u8; SIGNATURE_BYTES] {
    sign_parts(secret, PROOF_LABEL, &[binding, context])
}

/// Does `proof` come from the device with the Ed25519 key `sign_key`, for this `binding` and `context`? Strict: no
/// weak keys, no second form of a signature.
#[must_use]
pub fn verify_proof(
    sign_key: &[u8; DEVICE_KEY_BYTES],
    binding: &[u8; 32],
    context: &[u8],
    proof: &[u8; SIGNATURE_BYTES],
) -> bool {
    is_signed(sign_key, PROOF_LABEL, &[binding, context], proof)
}

/// The code of one device by itself: what its owner reads out to somebody who asks whether they have the right key.
pub fn device_code(keys: &DeviceKeys) -> [u8; SAFETY_CODE_BYTES] {
    let mut code = SafetyCode::new(b"");
    code.add("", keys);
    code.finish()
}

/// Makes the code that the members of a room compare: equal for all of them exactly if all see the same devices.
///
/// 16 bytes, because whoever swaps keys on both sides at once only needs two of his own choices to meet: that takes
/// 2^64 tries here, but would take 2^32 with 8 bytes. There is no epoch in it: each sender has epochs of its own, and
/// others learn of them at different times, so a code over them would differ between people who see the same devices.
pub struct SafetyCode(Sha256);

impl SafetyCode {
    /// Begins a code for `room` (its id, big-endian).
    pub fn new(room: &[u8]) -> Self {
        let mut hash = Sha256::new();
        update_part(&mut hash, b"hph/1 safety code");
        update_part(&mut hash, room);
        Self(hash)
    }

    /// Adds one device of the user `login`. The order counts: the caller sorts by (login, sign, seal).
    pub fn add(&mut self, login: &str, keys: &DeviceKeys) {
        update_part(&mut self.0, login.as_bytes());
        self.0.update(keys.sign);
        self.0.update(keys.seal);
    }

    /// The code; frontends show it as eight groups of five digits.
    pub fn finish(self) -> [u8; SAFETY_CODE_BYTES] {
        let hash: [u8; 32] = self.0.finalize().into();
        hash.first_chunk().copied().unwrap_or_default()
    }
}

/// What the signature of a direct message covers.
fn direct_parts<'a>(
    sender: &'a DeviceKeys,
    recipient_seal: &'a [u8; DEVICE_KEY_BYTES],
    info: &'a [u8],
    text: &'a [u8],
) -> [&'a [u8]; 4] {
    [&sender.seal, recipient_seal, info, text]
}

/// Signs SHA-512 over label and parts, each after its length, so that no two lists of parts read the same.
fn sign_parts(secret: &DeviceSecret, label: &[u8], parts: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
    secret.sign.sign(&digest_parts(label, parts)).to_bytes()
}

fn is_signed(key: &[u8; DEVICE_KEY_BYTES], label: &[u8], parts: &[&[u8]], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(&digest_parts(label, parts), &Signature::from_bytes(signature)).is_ok())
}

fn digest_parts(label: &[u8], parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new();
    update_part(&mut hash, label);
    for part in parts {
        update_part(&mut hash, part);
    }
    hash.finalize().into()
}

fn update_part(hash: &mut impl Digest, part: &[u8]) {
    hash.update((part.len() as u64).to_be_bytes());
    hash.update(part);
}

/// Encapsulated key, body and tag of a sealed message.
type Sealed<'a> = (&'a mut [u8; DEVICE_KEY_BYTES], &'a mut [u8], &'a mut [u8; TAG_BYTES]);

fn split_sealed(sealed: &mut [u8]) -> Result<Sealed<'_>, SenderKeyError> {
    let (encapsulated, rest) = sealed.split_first_chunk_mut().ok_or(SenderKeyError::Length)?;
    let (body, tag) = rest.split_last_chunk_mut().ok_or(SenderKeyError::Length)?;
    Ok((encapsulated, body, tag))
}

/// Seals the body of `sealed` in place and fills in the encapsulated key and the tag.
fn seal(
    secret: &DeviceSecret,
    recipient: &[u8; DEVICE_KEY_BYTES],
    info: &[u8],
    aad: &[u8],
    sealed: &mut [u8],
    rng: &mut impl CryptoRng,
) -> Result<(), SenderKeyError> {
    let (encapsulated, body, tag) = split_sealed(sealed)?;
    let recipient = SealPublic::from_bytes(recipient).map_err(|_| SenderKeyError::Key)?;
    let mode = OpModeS::<X25519HkdfSha256>::Auth((secret.seal.clone(), secret.seal_public.clone()));
    let sealed = hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &mode,
        &recipient,
        info,
        InOutBuf::from(&mut *body),
        aad,
        rng,
    );
    let Ok((key, made)) = sealed else {
        body.zeroize();
        return Err(SenderKeyError::Key);
    };
    key.write_exact(encapsulated);
    made.write_exact(tag);
    Ok(())
}

/// Opens the body of `sealed` in place and returns it.
fn open<'a>(
    secret: &DeviceSecret,
    sender: &[u8; DEVICE_KEY_BYTES],
    info: &[u8],
    aad: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a mut [u8], SenderKeyError> {
    let (encapsulated, body, tag) = split_sealed(sealed)?;
    let sender = SealPublic::from_bytes(sender).map_err(|_| SenderKeyError::Key)?;
    let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| SenderKeyError::Seal)?;
    let tag = AeadTag::<AesGcm256>::from_bytes(tag).map_err(|_| SenderKeyError::Seal)?;
    hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Auth(sender),
        &secret.seal,
        &encapsulated,
        info,
        InOutBuf::from(&mut *body),
        aad,
        &tag,
    )
    .map_err(|_| SenderKeyError::Seal)?;
    Ok(body)
}

#[cfg(test)]
mod tests;
