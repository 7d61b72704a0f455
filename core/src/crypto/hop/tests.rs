extern crate std;
use std::collections::BTreeSet;
use std::vec::Vec;

use super::*;
use crate::crypto::drbg::Drbg;
use crate::crypto::testing::hex;

const CONNECTION: u32 = 0x0102_0304;
const START: Instant = Instant::from_micros(1_000_000);
const CLEAR: &[u8] = b"clear bytes";

fn exporter() -> [u8; 32] {
    core::array::from_fn(|i| i as u8)
}

fn pair() -> (HopSealer, HopOpener) {
    let direction = Direction::ClientToServer;
    (HopSealer::new(&exporter(), CONNECTION, direction), HopOpener::new(&exporter(), CONNECTION, direction))
}

fn split(prefix: &[u8; HOP_PREFIX_BYTES]) -> (HopHeader, [u8; TAG_BYTES]) {
    (HopHeader::parse(prefix).unwrap(), *prefix.last_chunk().unwrap())
}

/// Everything of an opener that a packet could change, besides the keys themselves.
#[derive(Debug, PartialEq)]
struct State {
    generation: u32,
    current: (u8, ReplayWindow),
    next: (u8, ReplayWindow),
    previous: Option<(u8, ReplayWindow)>,
}

fn state(opener: &HopOpener) -> State {
    let seen = |opening: &Opening| (opening.phase, opening.window.clone());
    State {
        generation: opener.generation,
        current: seen(&opener.current),
        next: seen(&opener.next),
        previous: opener.previous.as_ref().map(|(opening, _)| seen(opening)),
    }
}

fn seal(sealer: &mut HopSealer, now: Instant) -> [u8; HOP_PREFIX_BYTES] {
    sealer.seal_clear(now, 7, CLEAR).unwrap()
}

fn open(opener: &mut HopOpener, now: Instant, prefix: &[u8; HOP_PREFIX_BYTES]) -> Result<bool, DropReason> {
    let (header, tag) = split(prefix);
    let before = state(opener);
    let result = opener.open_clear(now, &header, &tag, CLEAR);
    if result.is_err() {
        assert_eq!(state(opener), before, "a refused packet changes nothing");
    }
    result.map(|opened| opened.is_newest)
}

#[test]
fn a_header_has_its_bytes_in_network_order() {
    let header = HopHeader { kind: 1, phase: 2, connection: 0x0304_0506, counter: 0x0708_090a_0b0c_0d0e };
    let bytes: [u8; HOP_HEADER_BYTES] = core::array::from_fn(|i| i as u8 + 1);
    assert_eq!(header.to_bytes(), bytes);
    assert_eq!(HopHeader::parse(&bytes), Ok(header));
    for len in 0..HOP_HEADER_BYTES {
        assert_eq!(HopHeader::parse(&bytes[..len]), Err(DropReason::Length));
    }
}

/// Made with an independent implementation of HKDF and AES-GCM; PROTOCOL.md may quote it.
#[test]
fn the_key_schedule_gives_the_known_tags() {
    let mut sealer = HopSealer::new(&exporter(), CONNECTION, Direction::ClientToServer);
    let clear = sealer.seal_clear(START, 7, CLEAR).unwrap();
    assert_eq!(clear, hex("0700010203040000000000000001f3383e63a1cb289d77dfe132bbafddb4"));

    let mut sealer = HopSealer::new(&exporter(), CONNECTION, Direction::ServerToClient);
    let mut body = *b"a body";
    let prefix = sealer.seal_body(START, 9, &mut body).unwrap();
    assert_eq!(prefix, hex("090001020304000000000000000108a5f8d75d3e7de9a5b67358e0ee7b16"));
    assert_eq!(body, hex("091662629c0d"));
}

#[test]
fn a_generation_with_an_old_phase_byte_has_a_key_of_its_own() {
    let (mut sealer, _) = pair();
    sealer.generation = 255;
    sealer.rotate(START);
    assert_eq!(seal(&mut sealer, START), hex("0700010203040000000000000001cdc9437ace8ca997d47faf002082f7b2"));
}

#[test]
fn clear_and_body_packets_open() {
    let (mut sealer, mut opener) = pair();
    let prefix = seal(&mut sealer, START);
    assert_eq!(open(&mut opener, START, &prefix), Ok(true));

    let mut body = *b"secret";
    let prefix = sealer.seal_body(START, 9, &mut body).unwrap();
    assert_ne!(&body, b"secret");
    let (header, tag) = split(&prefix);
    assert_eq!(opener.open_body(START, &header, &tag, &mut body), Ok(Opened { is_newest: true }));
    assert_eq!(&body, b"secret");
}

#[test]
fn as_much_as_fits_is_sealed_in_the_clear_and_no_more() {
    let (mut sealer, mut opener) = pair();
    let clear = [3; HOP_CLEAR_MAX_BYTES + 1];
    assert_eq!(sealer.seal_clear(START, 7, &clear), Err(DropReason::Length));
    assert_eq!(sealer.counter, 0);
    let prefix = sealer.seal_clear(START, 7, &clear[1..]).unwrap();
    let (header, tag) = split(&prefix);
    assert_eq!(opener.open_clear(START, &header, &tag, &clear), Err(DropReason::Length));
    assert!(opener.open_clear(START, &header, &tag, &clear[1..]).is_ok());
}

#[test]
fn every_changed_bit_is_refused_and_the_true_packet_still_opens() {
    let (mut sealer, mut opener) = pair();
    let prefix = seal(&mut sealer, START);
    for bit in 0..8 * HOP_PREFIX_BYTES {
        let mut forged = prefix;
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&mut opener, START, &forged).is_err(), "bit {bit}");
    }
    let (header, tag) = split(&prefix);
    assert_eq!(opener.open_clear(START, &header, &tag, b"clear byte!"), Err(DropReason::HopTag));
    assert_eq!(open(&mut opener, START, &prefix), Ok(true));
}

#[test]
fn a_refused_body_stays_sealed() {
    let (mut sealer, mut opener) = pair();
    let mut body = *b"secret";
    let prefix = sealer.seal_body(START, 9, &mut body).unwrap();
    let (header, mut tag) = split(&prefix);
    tag[0] ^= 1;
    let sealed = body;
    assert_eq!(opener.open_body(START, &header, &tag, &mut body), Err(DropReason::HopTag));
    assert_eq!(body, sealed);
}

#[test]
fn a_packet_does_not_open_in_the_other_direction_or_session() {
    let (mut sealer, _) = pair();
    let prefix = seal(&mut sealer, START);
    let mut backwards = HopOpener::new(&exporter(), CONNECTION, Direction::ServerToClient);
    assert_eq!(open(&mut backwards, START, &prefix), Err(DropReason::HopTag));
    let mut stranger = HopOpener::new(&[9; 32], CONNECTION, Direction::ClientToServer);
    assert_eq!(open(&mut stranger, START, &prefix), Err(DropReason::HopTag));
    let mut other = HopOpener::new(&exporter(), 5, Direction::ClientToServer);
    assert_eq!(open(&mut other, START, &prefix), Err(DropReason::UnknownConnection));
}

#[test]
fn a_replayed_packet_and_one_behind_the_window_are_refused() {
    let (mut sealer, mut opener) = pair();
    let first = seal(&mut sealer, START);
    let second = seal(&mut sealer, START);
    assert_eq!(open(&mut opener, START, &second), Ok(true));
    assert_eq!(open(&mut opener, START, &second), Err(DropReason::Replayed));
    sealer.counter = 2000;
    assert_eq!(open(&mut opener, START, &seal(&mut sealer, START)), Ok(true));
    assert_eq!(open(&mut opener, START, &first), Err(DropReason::TooOld));
}

#[test]
fn only_a_packet_above_all_others_is_the_newest() {
    let (mut sealer, mut opener) = pair();
    let packets: Vec<_> = (0..4).map(|_| seal(&mut sealer, START)).collect();
    assert_eq!(open(&mut opener, START, &packets[1]), Ok(true));
    assert_eq!(open(&mut opener, START, &packets[0]), Ok(false));
    assert_eq!(open(&mut opener, START, &packets[3]), Ok(true));
    assert_eq!(open(&mut opener, START, &packets[2]), Ok(false));
}

#[test]
fn the_key_changes_after_its_packets() {
    let (mut sealer, mut opener) = pair();
    sealer.counter = KEY_PACKETS_ROTATE - 1;
    let last = split(&seal(&mut sealer, START)).0;
    assert_eq!((last.phase, last.counter), (0, KEY_PACKETS_ROTATE));
    let next = seal(&mut sealer, START);
    assert_eq!((split(&next).0.phase, split(&next).0.counter), (1, 1));
    assert_eq!(open(&mut opener, START, &next), Ok(true));
    assert_eq!(opener.generation, 1);
}

#[test]
fn the_key_changes_after_its_time() {
    let (mut sealer, _) = pair();
    assert_eq!(split(&seal(&mut sealer, START)).0.phase, 0);
    let just_before = START + PHASE_MAX - Duration::from_micros(1);
    assert_eq!(split(&seal(&mut sealer, just_before)).0.phase, 0);
    assert_eq!(split(&seal(&mut sealer, START + PHASE_MAX)).0.phase, 1);
    assert_eq!(split(&seal(&mut sealer, START + PHASE_MAX)).0.phase, 1);
}

#[test]
fn the_previous_key_opens_for_ten_seconds_and_never_makes_a_packet_the_newest() {
    let (mut sealer, mut opener) = pair();
    let old: Vec<_> = (0..3).map(|_| seal(&mut sealer, START)).collect();
    sealer.rotate(START);
    let new = seal(&mut sealer, START);
    assert_eq!(open(&mut opener, START, &new), Ok(true));
    assert_eq!(open(&mut opener, START, &old[2]), Ok(false));
    assert_eq!(open(&mut opener, START, &old[2]), Err(DropReason::Replayed));
    let end = START + PHASE_OVERLAP;
    assert_eq!(open(&mut opener, end - Duration::from_micros(1), &old[1]), Ok(false));
    assert_eq!(open(&mut opener, end, &old[0]), Err(DropReason::Phase));
    assert_eq!(open(&mut opener, end, &seal(&mut sealer, end)), Ok(true));
    assert!(opener.previous.is_none(), "a key that opens nothing any more is wiped");
}

#[test]
fn forged_phase_bytes_change_nothing() {
    let (mut sealer, mut opener) = pair();
    let prefix = seal(&mut sealer, START);
    for phase in 1..=u8::MAX {
        let mut forged = prefix;
        forged[1] = phase;
        let reason = if phase == 1 { DropReason::HopTag } else { DropReason::Phase };
        assert_eq!(open(&mut opener, START, &forged), Err(reason));
    }
    assert_eq!(open(&mut opener, START, &prefix), Ok(true));
}

#[test]
fn phases_wrap_around_and_no_nonce_repeats() {
    let (mut sealer, mut opener) = pair();
    let mut now = START;
    let mut tags = BTreeSet::new();
    for generation in 0..600_u32 {
        let prefix = seal(&mut sealer, now);
        assert_eq!(split(&prefix).0.phase, generation as u8);
        assert!(tags.insert(split(&prefix).1));
        assert_eq!(open(&mut opener, now, &prefix), Ok(true));
        now = now + PHASE_MAX;
    }
}

#[test]
fn sealing_ends_when_there_is_no_next_key() {
    let (mut sealer, _) = pair();
    sealer.generation = u32::MAX;
    sealer.counter = KEY_PACKETS_MAX - 1;
    assert!(sealer.seal_clear(START, 7, CLEAR).is_ok());
    let mut body = *b"secret";
    assert_eq!(sealer.seal_clear(START, 7, CLEAR), Err(DropReason::KeyExhausted));
    assert_eq!(sealer.seal_body(START, 7, &mut body), Err(DropReason::KeyExhausted));
    assert_eq!(&body, b"secret");
}

#[test]
fn under_loss_reordering_and_replay_each_packet_opens_at_most_once() {
    let (mut sealer, mut opener) = pair();
    let mut random = Drbg::from_seed([4; 32]);
    let (mut sent, mut opened, mut now) = (Vec::new(), BTreeSet::new(), START);
    for round in 0..3000_usize {
        if round % 1000 == 999 {
            sealer.rotate(now);
        }
        now = now + Duration::from_millis(1);
        sent.push(seal(&mut sealer, now));
        let back = (random.next_u32() as usize % 40).min(round);
        let packet = &sent[round - back];
        if open(&mut opener, now, packet).is_ok() {
            let header = split(packet).0;
            assert!(opened.insert((header.phase, header.counter)), "opened twice: {header:?}");
        }
    }
    assert!(opened.len() > 1500);
}

#[test]
fn a_session_s_keys_stay_small() {
    assert!(size_of::<HopSealer>() <= 1024, "{}", size_of::<HopSealer>());
    assert!(size_of::<HopOpener>() <= 3 * 1024, "{}", size_of::<HopOpener>());
}
