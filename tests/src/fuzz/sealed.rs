//! What devices seal for each other: wrapped media keys and direct messages.

use hph_core::crypto::drbg::Drbg;
use hph_core::crypto::senderkey::{
    DEVICE_KEY_BYTES, DIRECT_OVERHEAD_BYTES, DeviceKeys, DeviceSecret, SenderKeyError, WRAP_BYTES, open_direct, proof,
    seal_direct, unwrap, verify_proof, wrap,
};
use hph_core::limits::{CHAT_TEXT_MAX_BYTES, DIRECT_SEALED_MAX_BYTES};

use super::input::Input;
use super::reach;

pub(super) const LANDMARKS: &[&str] =
    &["direct opened", "false key", "false length", "false seal", "proof", "unusable key", "unwrapped"];

/// The first byte chooses what is done with the rest.
///
/// **Promises:** what was sealed opens for its receiver, with the same purpose, from its sender; anything else is
/// refused and nothing is written; no key, however weak, makes trouble.
pub fn sealed(data: &[u8]) {
    let mut input = Input::new(data);
    let (sender, receiver) = (DeviceSecret::from_seed(&[1; 32]), DeviceSecret::from_seed(&[2; 32]));
    match input.u8() % 6 {
        0 => open_noise(&sender, &receiver, &mut input),
        1 => wrap_and_alter(&sender, &receiver, &mut input),
        2 => direct_and_alter(&sender, &receiver, &mut input),
        3 => seal_for_any_key(&sender, &mut input),
        4 => open_from_any_key(&receiver, &mut input),
        _ => prove(&sender, &mut input),
    }
}

/// Bytes that nobody sealed.
fn open_noise(sender: &DeviceSecret, receiver: &DeviceSecret, input: &mut Input<'_>) {
    let noise = input.rest();
    let mut out = [0xaa; CHAT_TEXT_MAX_BYTES];
    let error = open_direct(receiver, &sender.keys(), b"info", noise, &mut out).expect_err("noise was opened");
    reach(if error == SenderKeyError::Length { "false length" } else { "false seal" });
    assert!(out.iter().all(|byte| *byte == 0xaa), "a refused message left something");
    let mut wrapped = [0; WRAP_BYTES];
    let len = noise.len().min(WRAP_BYTES);
    wrapped[..len].copy_from_slice(&noise[..len]);
    assert!(unwrap(receiver, &sender.keys().seal, b"info", &wrapped).is_err(), "noise was unwrapped");
}

fn wrap_and_alter(sender: &DeviceSecret, receiver: &DeviceSecret, input: &mut Input<'_>) {
    let (base, mut random) = (input.array(), Drbg::from_seed(input.array()));
    let info = input.chunk();
    let (from, to) = (sender.keys().seal, receiver.keys().seal);
    let wrapped = wrap(sender, &to, info, &base, &mut random).expect("real keys");
    assert_eq!(unwrap(receiver, &from, info, &wrapped), Ok(base));
    assert!(unwrap(receiver, &to, info, &wrapped).is_err(), "from another sender");
    assert!(unwrap(sender, &from, info, &wrapped).is_err(), "by another receiver");
    reach("unwrapped");
    if let Some(altered) = input.altered(&wrapped) {
        let altered: &[u8; WRAP_BYTES] = altered.as_slice().try_into().expect("as long as before");
        check_altered(wrapped[31] ^ altered[31], unwrap(receiver, &from, info, altered).is_ok());
    }
    if let Some(other) = input.altered(info) {
        assert!(unwrap(receiver, &from, &other, &wrapped).is_err(), "for another purpose");
    }
}

/// The topmost bit of an X25519 key means nothing (RFC 7748 section 5), but HPKE binds the key as it was sent.
fn check_altered(top_byte: u8, is_taken: bool) {
    assert!(!is_taken, "an altered seal was taken (top byte differs by {top_byte:#x})");
}

fn direct_and_alter(sender: &DeviceSecret, receiver: &DeviceSecret, input: &mut Input<'_>) {
    let mut random = Drbg::from_seed(input.array());
    let (info, text) = (input.chunk(), input.chunk());
    let mut sealed = [0; DIRECT_SEALED_MAX_BYTES];
    let made = seal_direct(sender, &receiver.keys().seal, info, text, &mut random, &mut sealed);
    let Ok(len) = made else {
        assert!(text.len() > CHAT_TEXT_MAX_BYTES, "{made:?}");
        return;
    };
    assert_eq!(len, text.len() + DIRECT_OVERHEAD_BYTES);
    let sealed = &sealed[..len];
    let mut out = [0; CHAT_TEXT_MAX_BYTES];
    assert_eq!(open_direct(receiver, &sender.keys(), info, sealed, &mut out), Ok(text.len()));
    assert_eq!(&out[..text.len()], text);
    reach("direct opened");
    let other = DeviceKeys { sign: receiver.keys().sign, ..sender.keys() };
    assert_eq!(open_direct(receiver, &other, info, sealed, &mut out), Err(SenderKeyError::Signature));
    if let Some(altered) = input.altered(sealed) {
        let is_taken = open_direct(receiver, &sender.keys(), info, &altered, &mut out).is_ok();
        check_altered(sealed[31] ^ altered[31], is_taken);
    }
    if let Some(other) = input.altered(info) {
        assert!(open_direct(receiver, &sender.keys(), &other, sealed, &mut out).is_err(), "for another purpose");
    }
}

/// A key that a server made up: usable, or refused.
fn seal_for_any_key(sender: &DeviceSecret, input: &mut Input<'_>) {
    let key: [u8; DEVICE_KEY_BYTES] = input.array();
    let mut random = Drbg::from_seed([4; 32]);
    match wrap(sender, &key, b"info", &[5; 32], &mut random) {
        Ok(wrapped) => {
            assert!(unwrap(sender, &sender.keys().seal, b"info", &wrapped).is_err() || key == sender.keys().seal)
        }
        Err(error) => {
            assert_eq!(error, SenderKeyError::Key);
            reach("unusable key");
        }
    }
    let mut sealed = [0; DIRECT_SEALED_MAX_BYTES];
    let _ = seal_direct(sender, &key, b"info", input.chunk(), &mut random, &mut sealed);
}

fn open_from_any_key(receiver: &DeviceSecret, input: &mut Input<'_>) {
    let keys = DeviceKeys { seal: input.array(), sign: input.array() };
    let wrapped = input.array();
    assert!(unwrap(receiver, &keys.seal, b"info", &wrapped).is_err(), "noise was unwrapped");
    let mut out = [0; CHAT_TEXT_MAX_BYTES];
    assert!(open_direct(receiver, &keys, b"info", input.rest(), &mut out).is_err(), "noise was opened");
    reach("false key");
}

/// A signature by a made-up key, or over other bytes, proves nothing.
fn prove(sender: &DeviceSecret, input: &mut Input<'_>) {
    let binding: [u8; 32] = input.array();
    let made = proof(sender, &binding, b"huong");
    assert!(verify_proof(&sender.keys().sign, &binding, b"huong", &made));
    reach("proof");
    if let Some(altered) = input.altered(&made) {
        let altered: &[u8; 64] = altered.as_slice().try_into().expect("as long as before");
        assert!(!verify_proof(&sender.keys().sign, &binding, b"huong", altered), "an altered proof was taken");
    }
    if let Some(altered) = input.altered(&binding) {
        let altered: &[u8; 32] = altered.as_slice().try_into().expect("as long as before");
        assert!(!verify_proof(&sender.keys().sign, altered, b"huong", &made), "a proof for another connection");
    }
    let (key, signature) = (input.array(), input.array());
    assert!(!verify_proof(&key, &binding, input.rest(), &signature), "a made-up proof was taken");
}
