//! Tests of the voice payload: every refusal, recovery of what was lost, hysteresis of the policy.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;

/// An Opus packet of 20 ms (SILK, wideband) with a body of `len - 1` bytes.
fn opus(tag: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![tag; len];
    bytes[0] = 9 << 3;
    bytes
}

fn emit_at(sender: &mut RedSender, redundancy: Redundancy, timestamp: u32, frame: &[u8]) -> Vec<u8> {
    let mut out = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
    let len = sender.emit(redundancy, timestamp, frame, &mut out).expect("a legal frame");
    out[..len].to_vec()
}

#[test]
fn a_payload_without_copies_costs_one_byte() {
    let payload = emit_at(&mut RedSender::new(), Redundancy::None, 77, &opus(1, 80));
    assert_eq!(payload.len(), 81);
    let packet = RedPacket::parse(77, &payload).unwrap();
    assert_eq!(packet.primary, VoiceFrame { timestamp: 77, begins: true, bytes: &opus(1, 80) });
    assert_eq!(packet.frames().count(), 1);
}

#[test]
fn copies_are_the_last_frame_and_the_fourth_before_also_across_the_wrap() {
    let mut sender = RedSender::new();
    let start = 0_u32.wrapping_sub(2 * 960);
    let mut last = Vec::new();
    for n in 0..6 {
        last = emit_at(&mut sender, Redundancy::LastAndFourth, start.wrapping_add(n * 960), &opus(n as u8, 10));
    }
    let frames: Vec<_> =
        RedPacket::parse(3 * 960, &last).unwrap().frames().map(|f| (f.timestamp, f.bytes[1])).collect();
    assert_eq!(frames, [(3 * 960, 5), (2 * 960, 4), (start.wrapping_add(960), 1)]);
}

#[test]
fn a_frame_after_a_pause_is_marked_and_so_is_its_copy() {
    let mut sender = RedSender::new();
    emit_at(&mut sender, Redundancy::Last, 0, &opus(1, 10));
    let after_pause = emit_at(&mut sender, Redundancy::Last, 9600, &opus(2, 10));
    let next = emit_at(&mut sender, Redundancy::Last, 10_560, &opus(3, 10));
    let marks = |packet: &RedPacket<'_>| packet.frames().map(|frame| frame.begins).collect::<Vec<_>>();
    assert_eq!(marks(&RedPacket::parse(9600, &after_pause).unwrap()), [true, true]);
    assert_eq!(marks(&RedPacket::parse(10_560, &next).unwrap()), [false, true]);
}

#[test]
fn a_copy_that_does_not_fit_or_is_too_old_is_left_out() {
    let mut sender = RedSender::new();
    emit_at(&mut sender, Redundancy::Last, 0, &opus(1, 512));
    emit_at(&mut sender, Redundancy::Last, 960, &opus(2, 512));
    for n in 2..5 {
        emit_at(&mut sender, Redundancy::Last, n * 960, &opus(3, 512));
    }
    let full = emit_at(&mut sender, Redundancy::LastAndFourth, 5 * 960, &opus(4, 512));
    assert_eq!(
        RedPacket::parse(5 * 960, &full).unwrap().frames().count(),
        2,
        "three frames of 512 bytes fit no datagram"
    );
    let late = emit_at(&mut sender, Redundancy::LastAndFourth, 5 * 960 + 256 * 120, &opus(5, 10));
    assert_eq!(RedPacket::parse(0, &late).unwrap().frames().count(), 1);
}

#[test]
fn a_frame_that_is_no_opus_packet_of_a_legal_length_is_refused() {
    let mut out = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
    for bad in [&[][..], &opus(0, 513), &[(11 << 3) | 1, 0], &[3, 0]] {
        assert_eq!(RedSender::new().emit(Redundancy::None, 0, bad, &mut out), Err(DropReason::Length));
    }
}

#[test]
fn the_duration_is_read_from_the_first_byte() {
    let cases =
        [(0, 480), (3, 2880), (9, 960), (10, 1920), (12, 480), (13, 960), (15, 960), (16, 120), (30, 480), (31, 960)];
    for (config, samples) in cases {
        assert_eq!(opus_samples(&[config << 3]), Some(samples), "configuration {config}");
    }
    assert_eq!(opus_samples(&[(31 << 3) | 3, 3]), Some(2880), "three frames of 20 ms");
    assert_eq!(opus_samples(&[(31 << 3) | 3, 4]), None, "80 ms");
    assert_eq!(opus_samples(&[(31 << 3) | 3]), None, "no count");
}

#[test]
fn a_payload_that_contradicts_itself_is_refused() {
    let toc = 9 << 3;
    let refused: [&[u8]; 9] = [
        &[],
        &[0],                                // no frame
        &[3, 1, 0, 1, 2, 0, 1, toc],         // three copies
        &[1, 8, 0],                          // the head of the copy ends early
        &[1, 0, 0, 1, toc, toc],             // a copy of no age
        &[2, 8, 0, 1, 8, 0, 1, toc, toc, 9], // two copies of one age
        &[1, 8, 0, 3, toc, toc],             // longer than the packet
        &[1, 8, 0, 1, toc],                  // nothing left for the frame itself
        &[1, 8, 0, 0, toc],                  // an empty copy
    ];
    for payload in refused {
        assert_eq!(RedPacket::parse(0, payload), Err(DropReason::VoicePacket), "{payload:?}");
    }
    let long = [&[0][..], &opus(0, 513)].concat();
    assert_eq!(RedPacket::parse(0, &long), Err(DropReason::VoicePacket));
    assert!(RedPacket::parse(0, &long[..513]).is_ok());
}

#[test]
fn the_policy_takes_more_at_once_and_less_only_after_ten_quiet_seconds() {
    let at = |s: u64| Instant::from_micros(s * 1_000_000);
    let mut policy = RedundancyPolicy::new();
    assert_eq!(policy.update(at(0), 0.002, 1.0), Redundancy::None);
    assert_eq!(policy.update(at(1), 0.004, 1.0), Redundancy::Last);
    assert_eq!(policy.update(at(2), 0.004, 2.5), Redundancy::LastAndFourth, "bursts");
    for s in 3..13 {
        assert_eq!(policy.update(at(s), 0.005, 1.0), Redundancy::LastAndFourth);
    }
    assert_eq!(policy.update(at(13), 0.005, 1.0), Redundancy::Last);
    for s in 14..100 {
        assert_eq!(policy.update(at(s), 0.002, 1.0), Redundancy::Last, "more than half the threshold");
    }
    assert_eq!(policy.update(at(100), 0.0, 1.0), Redundancy::Last);
    assert_eq!(policy.update(at(105), 0.03, 1.0), Redundancy::LastAndFourth, "and the wait begins anew");
    assert_eq!(policy.update(at(106), f32::NAN, f32::NAN), Redundancy::LastAndFourth);
    assert_eq!(policy.update(at(120), 0.0, 1.0), Redundancy::None);
}
