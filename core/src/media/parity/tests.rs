//! Every pattern of losses that can be made good is; every other one is left alone.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::crypto::drbg::Drbg;
use crate::id::{RoomId, Slot, TrackId};
use crate::time::Instant;
use crate::wire::media::{Form, MediaHeader};

const NOW: Instant = Instant::from_micros(1);

fn header(count: u16, parity: u8) -> MediaHeader {
    MediaHeader {
        room: RoomId(1),
        sender: Slot(2),
        track: TrackId::CAMERA,
        parity,
        seq: u32::MAX - 3,
        timestamp: 5,
        frame: 6,
        index: 0,
        count,
        layer: 1,
        level: 127,
        form: Form::Strips,
    }
}

/// Packets of random lengths, and their parity.
fn frame(random: &mut Drbg, count: u16, parity: u8) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut memory = vec![Symbol::EMPTY; 64];
    let mut encoder = ParityEncoder::new(&mut memory, count, parity);
    assert_eq!(encoder.parity(), parity);
    let packets: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let len = 1 + random.next_u32() as usize % (SYMBOL_MAX_BYTES - 1);
            (0..len).map(|_| random.next_u32() as u8).collect()
        })
        .collect();
    for (index, packet) in (0..).zip(&packets) {
        encoder.add(index, packet);
    }
    let symbols = encoder.symbols().map(<[u8]>::to_vec).collect();
    (packets, symbols)
}

struct Memory(Vec<RecoveryPlace>, Vec<u8>);

impl Memory {
    fn new(places: usize) -> Self {
        Self(vec![RecoveryPlace::EMPTY; places], vec![0xee; places * RECOVERY_PLACE_BYTES])
    }

    fn recovery(&mut self) -> Recovery<'_> {
        Recovery::new(&mut self.0, &mut self.1)
    }
}

/// Brings what is not lost, in that order; gives what was made again.
fn deliver(
    recovery: &mut Recovery<'_>,
    first: &MediaHeader,
    packets: &[Vec<u8>],
    symbols: &[Vec<u8>],
    order: impl Iterator<Item = usize>,
) -> Vec<(u16, Vec<u8>)> {
    let mut made = Vec::new();
    for index in order {
        let of = MediaHeader { index: index as u16, ..*first };
        let seq = if of.is_parity() { first.seq } else { first.seq.wrapping_add(index as u32) };
        let sealed = packets.iter().chain(symbols).nth(index).unwrap();
        let Some(solvable) = recovery.insert(NOW, &MediaHeader { seq, ..of }, sealed) else { continue };
        recovery.solve(&solvable).unwrap();
        while let Some((header, sealed)) = recovery.next_made(&solvable) {
            assert_eq!(header, MediaHeader { index: header.index, seq: header.seq, ..*first });
            assert_eq!(header.seq, first.seq.wrapping_add(header.index.into()));
            made.push((header.index, sealed.to_vec()));
        }
    }
    made.sort();
    made
}

#[test]
fn a_number_times_its_inverse_is_one() {
    for a in 1..=255u8 {
        assert_eq!(product(a, inverse(a)), 1);
        assert_eq!(product(a, 2), double(a));
    }
    // As in RFC 5510: the powers of 2 reach every number but 0.
    let mut seen = [false; 256];
    let mut power = 1;
    for _ in 0..255 {
        assert!(!core::mem::replace(&mut seen[usize::from(power)], true));
        power = double(power);
    }
}

#[test]
fn every_loss_of_up_to_all_parity_is_made_good_in_any_order() {
    let mut random = Drbg::from_seed([3; 32]);
    let mut memory = Memory::new(8);
    for (count, parity) in [(1, 1), (2, 1), (5, 2), (48, 10), (64, 16), (65, 16), (100, 20), (256, 64), (200, 33)] {
        let (packets, symbols) = frame(&mut random, count, parity);
        let first = header(count, parity);
        for _ in 0..8 {
            let mut order: Vec<usize> = (0..packets.len() + symbols.len()).collect();
            for at in (1..order.len()).rev() {
                order.swap(at, random.next_u32() as usize % (at + 1));
            }
            // In each group as many as it has parity: of packets and parity alike.
            let groups = usize::from(first.groups());
            let mut left: Vec<usize> =
                (0..groups).map(|group| (group..parity.into()).step_by(groups).count()).collect();
            let mut lost = Vec::new();
            order.retain(|index| {
                let number = index.checked_sub(count.into()).unwrap_or(*index);
                let is_lost = left[number % groups] > 0;
                if is_lost {
                    left[number % groups] -= 1;
                    lost.push(*index);
                }
                !is_lost
            });
            let mut recovery = memory.recovery();
            let made = deliver(&mut recovery, &first, &packets, &symbols, order.into_iter());
            let mut expected: Vec<_> = lost.iter().filter(|index| **index < packets.len()).collect();
            expected.sort();
            for (index, sealed) in &made {
                assert!(*sealed == packets[usize::from(*index)], "packet {index} of {count}");
            }
            let indices: Vec<_> = made.iter().map(|(index, _)| usize::from(*index)).collect();
            // What came after the group was whole was made, too.
            assert!(expected.iter().all(|index| indices.contains(index)), "{expected:?} of {count}: {indices:?}");
        }
    }
}

#[test]
fn more_loss_than_parity_makes_nothing() {
    let mut random = Drbg::from_seed([4; 32]);
    let (packets, symbols) = frame(&mut random, 20, 3);
    let mut memory = Memory::new(1);
    let mut recovery = memory.recovery();
    let first = header(20, 3);
    let made = deliver(&mut recovery, &first, &packets, &symbols, 4..23);
    assert!(made.is_empty());
    // One more is enough.
    let made = deliver(&mut recovery, &first, &packets, &symbols, core::iter::once(2));
    assert_eq!(made.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 3]);
    assert!(made.iter().all(|(index, sealed)| *sealed == packets[usize::from(*index)]));
    // What comes in the end is of no use, nor is it twice.
    assert!(deliver(&mut recovery, &first, &packets, &symbols, 0..23).is_empty());
}

#[test]
fn a_burst_is_shared_out_among_the_groups() {
    let mut random = Drbg::from_seed([5; 32]);
    let (packets, symbols) = frame(&mut random, 128, 8);
    let mut memory = Memory::new(4);
    let order = (0..136).filter(|index| !(60..68).contains(index));
    let made = deliver(&mut memory.recovery(), &header(128, 8), &packets, &symbols, order);
    assert_eq!(made.len(), 8);
}

#[test]
fn parity_that_lies_gives_bytes_of_no_use_or_nothing() {
    let mut memory = Memory::new(1);
    let mut recovery = memory.recovery();
    let first = header(2, 2);
    let lies = [vec![], vec![0; SYMBOL_MAX_BYTES + 1], vec![0; SYMBOL_MAX_BYTES], vec![7; SYMBOL_MAX_BYTES]];
    for (frame, lie) in (0..).zip(&lies) {
        let first = MediaHeader { frame, ..first };
        assert_eq!(recovery.insert(NOW, &first, &[1; 40]), None);
        let parity = MediaHeader { index: 2, ..first };
        let Some(solvable) = recovery.insert(NOW, &parity, lie) else {
            assert_eq!(lie.len(), SYMBOL_MAX_BYTES + 1);
            continue;
        };
        assert_eq!(recovery.solve(&solvable), Some(()));
        while let Some((header, sealed)) = recovery.next_made(&solvable) {
            assert!(header.index == 1 && sealed.len() < SYMBOL_MAX_BYTES);
        }
        assert_eq!(recovery.solve(&solvable), None, "only once");
    }
}

#[test]
fn a_track_makes_room_with_its_own_frames_and_leaves_the_others_theirs() {
    let mut memory = Memory::new(4);
    let mut recovery = memory.recovery();
    let of = |sender, frame| MediaHeader { sender: Slot(sender), frame, ..header(2, 1) };
    assert_eq!(recovery.insert(NOW, &of(1, 0), b"quiet"), None);
    for frame in 0..100 {
        assert_eq!(recovery.insert(NOW, &of(2, frame), b"loud"), None);
    }
    let parity = MediaHeader { index: 2, ..of(1, 0) };
    assert!(recovery.insert(NOW, &parity, b"parity").is_some(), "the quiet one's packet is still there");
    recovery.forget(1, 1);
    assert!(recovery.insert(NOW, &parity, b"parity").is_none(), "forgotten");
    assert!(Recovery::default().insert(NOW, &parity, b"parity").is_none());
}
