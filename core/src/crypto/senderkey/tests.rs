use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use super::*;
use crate::crypto::drbg::Drbg;
use crate::crypto::testing::hex;

const INFO: &[u8] = b"room 1, epoch 2, from alice to bob";

/// Gives out a vector's ephemeral key material instead of random bytes.
struct Fixed([u8; 32]);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("HPKE draws whole keys")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("HPKE draws whole keys")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

fn device(seed: u8) -> DeviceSecret {
    DeviceSecret::from_seed(&[seed; 32])
}

fn rng() -> Drbg {
    Drbg::from_seed([42; 32])
}

/// A device whose sealing key is derived from HPKE's own input keying material.
fn vector_device(ikm: &str) -> DeviceSecret {
    let (seal, seal_public) = X25519HkdfSha256::derive_keypair(&hex::<32>(ikm));
    DeviceSecret { seal, seal_public, sign: SigningKey::from_bytes(&[0; 32]) }
}

/// The CFRG's test-vectors.json of RFC 9180: mode 2 (auth), KEM 0x0020, KDF 0x0001, AEAD 0x0002, sequence number 0.
#[test]
fn the_rfc_9180_vector_is_sealed_and_opened() {
    let sender = vector_device("87137373fe6b28a72534f38048b9467a614d3566fb3a16a50fcaf11c76051392");
    let recipient = vector_device("f59761a1e479c2a291b91a5af2b35dd2cace1b2042b570f88a16b226f6f30774");
    assert_eq!(sender.keys().seal, hex("4a91c3d0893433f5e31a79fc520f885527a1bc60bf2b0c72693dd7f0b2e41a5a"));
    assert_eq!(recipient.keys().seal, hex("3668d659cec6f338f4f8dc6da6733118d2a633f186a3c1415c895111a8eb7c7d"));
    assert_eq!(
        sender.seal.to_bytes().as_slice(),
        &hex::<32>("98fdf9b9773578a79d4ba82fbe483c74cc2e3b8d9525d148a18969fd79a74876")
    );
    let info: [u8; 20] = hex("4f6465206f6e2061204772656369616e2055726e");
    let aad = b"Count-0";
    let plaintext = b"Beauty is truth, truth beauty";
    let known: [u8; 77] = hex(concat!(
        "9e59f4b1fa5c876f684765290c34e51145894cc4f244342b9fb1a4bdfd8bb426",
        "10b964283ac2cc0bdc4c85ab617291b446bf3832e9359b2c3a0facc50e",
        "a75a3c1afd08aeaacd6041d02eb560ec"
    ));

    let mut sealed = [0; 77];
    sealed[32..61].copy_from_slice(plaintext);
    let mut ephemeral = Fixed(hex("734369ab3061f71ee85e090fae308553cac8e7b3fbd45b4ba83d05e0cd05b1c4"));
    seal(&sender, &recipient.keys().seal, &info, aad, &mut sealed, &mut ephemeral).unwrap();
    assert_eq!(sealed, known);
    assert_eq!(open(&recipient, &sender.keys().seal, &info, aad, &mut sealed).as_deref(), Ok(plaintext.as_slice()));
}

/// Made with independent implementations of HKDF, X25519 and Ed25519; PROTOCOL.md may quote them.
#[test]
fn everything_derived_from_a_seed_has_the_known_value() {
    let seed = core::array::from_fn(|i| i as u8);
    let secret = DeviceSecret::from_seed(&seed);
    let keys = secret.keys();
    assert_eq!(keys.seal, hex("6c3d0552088cdba489a314d41d784335de973afacfb875ea49f16bd56b649134"));
    assert_eq!(keys.sign, hex("efe4582d183c0722c73590052372d742723490e09853ef4e30473d04a193a027"));
    assert_eq!(ratchet(&seed), hex("bf730415c3450e81ba865b006f9164968729bc6f3ca02907c5e007c45345de86"));
    let known = hex(concat!(
        "8863525ac9444b6c6a258864dab16aff693ea49a7706dc95304893c83e0f34a6",
        "296c6d2a9c65891680628941fd52b0c7891f39bad1883274fc7aaeef4355c307"
    ));
    assert_eq!(proof(&secret, &[5; 32], b"context"), known);
    let (alice, bob) = (DeviceKeys { sign: [1; 32], seal: [2; 32] }, DeviceKeys { sign: [3; 32], seal: [4; 32] });
    let mut code = SafetyCode::new(&3u32.to_be_bytes());
    code.add("alice", &alice);
    code.add("bob", &bob);
    assert_eq!(code.finish(), hex("d0435d7cf304553bf5e1d71dda29077c"));
    assert_eq!(device_code(&alice), hex("96d16bac570b0058886805900894d471"));
}

#[test]
fn a_wrapped_key_reaches_its_device_and_no_other() {
    let (alice, bob, eve) = (device(1), device(2), device(3));
    let wrapped = wrap(&alice, &bob.keys().seal, INFO, &[7; 32], &mut rng()).unwrap();
    assert_eq!(unwrap(&bob, &alice.keys().seal, INFO, &wrapped), Ok([7; 32]));
    assert_eq!(unwrap(&eve, &alice.keys().seal, INFO, &wrapped), Err(SenderKeyError::Seal));
    assert_eq!(unwrap(&bob, &eve.keys().seal, INFO, &wrapped), Err(SenderKeyError::Seal));
    assert_eq!(unwrap(&bob, &alice.keys().seal, b"room 9", &wrapped), Err(SenderKeyError::Seal));
}

#[test]
fn every_changed_byte_of_a_wrap_is_refused() {
    let (alice, bob) = (device(1), device(2));
    let wrapped = wrap(&alice, &bob.keys().seal, INFO, &[7; 32], &mut rng()).unwrap();
    for i in 0..WRAP_BYTES {
        let mut forged = wrapped;
        forged[i] ^= 1;
        assert_eq!(unwrap(&bob, &alice.keys().seal, INFO, &forged), Err(SenderKeyError::Seal), "byte {i}");
    }
}

#[test]
fn a_key_of_low_order_is_refused() {
    let alice = device(1);
    assert_eq!(wrap(&alice, &[0; 32], INFO, &[7; 32], &mut rng()), Err(SenderKeyError::Key));
    assert_eq!(unwrap(&alice, &[0; 32], INFO, &[0; WRAP_BYTES]), Err(SenderKeyError::Seal));
}

#[test]
fn a_direct_message_of_any_length_reaches_its_device() {
    let (alice, bob) = (device(1), device(2));
    let text = [b'x'; CHAT_TEXT_MAX_BYTES];
    for len in [0, 1, 100, CHAT_TEXT_MAX_BYTES] {
        let (mut sealed, mut out) = ([0; DIRECT_SEALED_MAX_BYTES], [0; CHAT_TEXT_MAX_BYTES]);
        let sealed_len = seal_direct(&alice, &bob.keys().seal, INFO, &text[..len], &mut rng(), &mut sealed).unwrap();
        assert_eq!(sealed_len, len + DIRECT_OVERHEAD_BYTES);
        assert!(len == 0 || !sealed.windows(len).any(|window| window == &text[..len]));
        assert_eq!(open_direct(&bob, &alice.keys(), INFO, &sealed[..sealed_len], &mut out), Ok(len));
        assert_eq!(out[..len], text[..len]);
    }
}

#[test]
fn a_direct_message_is_refused_by_others_from_others_and_when_cut_or_changed() {
    let (alice, bob, eve) = (device(1), device(2), device(3));
    let (mut buffer, mut out) = ([0; 200], [0; 100]);
    let len = seal_direct(&alice, &bob.keys().seal, INFO, b"hello", &mut rng(), &mut buffer).unwrap();
    let sealed = &buffer[..len];
    let seal_error = Err(SenderKeyError::Seal);
    assert_eq!(open_direct(&eve, &alice.keys(), INFO, sealed, &mut out), seal_error);
    assert_eq!(open_direct(&bob, &eve.keys(), INFO, sealed, &mut out), seal_error);
    assert_eq!(open_direct(&bob, &alice.keys(), b"room 9", sealed, &mut out), seal_error);
    for short in 0..len {
        assert!(open_direct(&bob, &alice.keys(), INFO, &sealed[..short], &mut out).is_err());
    }
    for i in 0..len {
        let mut forged = [0; 200];
        forged[..len].copy_from_slice(sealed);
        forged[i] ^= 1;
        assert_eq!(open_direct(&bob, &alice.keys(), INFO, &forged[..len], &mut out), seal_error, "byte {i}");
    }
    assert_eq!(open_direct(&bob, &alice.keys(), INFO, sealed, &mut out[..4]), Err(SenderKeyError::Length));
    assert_eq!(out, [0; 100]);
}

#[test]
fn the_signature_in_a_direct_message_must_be_the_sender_s() {
    let (alice, bob, eve) = (device(1), device(2), device(3));
    let (mut sealed, mut out) = ([0; 200], [0; 100]);
    let len = seal_direct(&alice, &bob.keys().seal, INFO, b"hello", &mut rng(), &mut sealed).unwrap();
    let half_eve = DeviceKeys { sign: eve.keys().sign, ..alice.keys() };
    assert_eq!(open_direct(&bob, &half_eve, INFO, &sealed[..len], &mut out), Err(SenderKeyError::Signature));
    assert_eq!(out, [0; 100]);
}

#[test]
fn a_recipient_cannot_pass_a_direct_message_on_as_meant_for_somebody_else() {
    let (alice, bob, carol) = (device(1), device(2), device(3));
    let parts = direct_parts;
    let (keys, bob_key, carol_key) = (alice.keys(), bob.keys().seal, carol.keys().seal);
    let signature = sign_parts(&alice, DIRECT_LABEL, &parts(&keys, &bob_key, INFO, b"hello"));
    assert!(is_signed(&keys.sign, DIRECT_LABEL, &parts(&keys, &bob_key, INFO, b"hello"), &signature));
    assert!(!is_signed(&keys.sign, DIRECT_LABEL, &parts(&keys, &carol_key, INFO, b"hello"), &signature));
}

#[test]
fn too_long_a_text_and_too_small_a_buffer_are_refused() {
    let (alice, bob) = (device(1), device(2));
    let mut out = [0; DIRECT_SEALED_MAX_BYTES];
    let long = [0; CHAT_TEXT_MAX_BYTES + 1];
    let to = &bob.keys().seal;
    assert_eq!(seal_direct(&alice, to, INFO, &long, &mut rng(), &mut out), Err(SenderKeyError::Length));
    assert_eq!(seal_direct(&alice, to, INFO, b"hi", &mut rng(), &mut out[..113]), Err(SenderKeyError::Length));
    assert_eq!(open_direct(&bob, &alice.keys(), INFO, &[0; 4113], &mut out), Err(SenderKeyError::Length));
}

#[test]
fn a_wrap_is_not_taken_for_a_direct_message() {
    let (alice, bob) = (device(1), device(2));
    let mut sealed = [0; DIRECT_OVERHEAD_BYTES];
    seal(&alice, &bob.keys().seal, INFO, WRAP_AAD, &mut sealed, &mut rng()).unwrap();
    assert_eq!(open_direct(&bob, &alice.keys(), INFO, &sealed, &mut [0; 8]), Err(SenderKeyError::Seal));
}

#[test]
fn a_proof_holds_for_its_device_binding_and_context_only() {
    let (alice, eve) = (device(1), device(2));
    let made = proof(&alice, &[5; 32], b"ctx");
    let key = alice.keys().sign;
    assert!(verify_proof(&key, &[5; 32], b"ctx", &made));
    assert!(!verify_proof(&eve.keys().sign, &[5; 32], b"ctx", &made));
    assert!(!verify_proof(&key, &[6; 32], b"ctx", &made));
    assert!(!verify_proof(&key, &[5; 32], b"cty", &made));
    for i in 0..SIGNATURE_BYTES {
        let mut forged = made;
        forged[i] ^= 1;
        assert!(!verify_proof(&key, &[5; 32], b"ctx", &forged), "byte {i}");
    }
}

#[test]
fn a_weak_signing_key_proves_nothing() {
    // The neutral element: with it, R = the neutral element and s = 0 satisfy the bare equation for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!verify_proof(&neutral, &[5; 32], b"ctx", &signature));
}

#[test]
fn the_safety_code_depends_on_every_entry() {
    let (alice, bob) = (device(1).keys(), device(2).keys());
    let code = |room: &[u8], entries: &[(&str, &DeviceKeys)]| {
        let mut code = SafetyCode::new(room);
        entries.iter().for_each(|(login, keys)| code.add(login, keys));
        code.finish()
    };
    let both = code(b"room", &[("alice", &alice), ("bob", &bob)]);
    assert_eq!(both, code(b"room", &[("alice", &alice), ("bob", &bob)]));
    let swapped = DeviceKeys { seal: bob.sign, sign: bob.seal };
    let others = [
        code(b"roon", &[("alice", &alice), ("bob", &bob)]),
        code(b"room", &[("alice", &bob), ("bob", &alice)]),
        code(b"room", &[("alice", &alice)]),
        code(b"room", &[("alice", &alice), ("bob", &bob), ("bob", &bob)]),
        code(b"room", &[("alice", &alice), ("bob", &swapped)]),
        code(b"room", &[("alicf", &alice), ("bob", &bob)]),
    ];
    assert!(others.iter().all(|other| *other != both));
}

#[test]
fn the_ratchet_goes_forward() {
    let one = ratchet(&[7; 32]);
    assert_ne!(one, [7; 32]);
    assert_ne!(ratchet(&one), one);
    assert_eq!(ratchet(&[7; 32]), one);
}
