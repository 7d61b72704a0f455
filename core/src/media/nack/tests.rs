//! Gaps, tails, rounds and deadlines; bodies that lie.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::id::{RoomId, Slot, TrackId};
use crate::wire::media::Form;

const KEY: TrackKey = TrackKey { room: 1, sender: 2, track: 1, layer: 0 };
const RTT: Duration = Duration::from_millis(10);

fn at_ms(ms: u64) -> Instant {
    Instant::from_micros(1_000_000 + ms * 1000)
}

/// A packet of a frame of four.
fn packet(seq: u32) -> MediaHeader {
    MediaHeader {
        room: RoomId(KEY.room),
        sender: Slot(KEY.sender),
        track: TrackId(KEY.track),
        parity: 0,
        seq,
        timestamp: 0,
        frame: seq / 4,
        index: (seq % 4) as u16,
        count: 4,
        layer: KEY.layer,
        level: 127,
        form: Form::Strips,
    }
}

/// Two tracks.
type Two = Gaps<[GapTracker; 2], [Missing; MISSING_MAX]>;

/// Packets that may be missing in these tests.
const MISSING_MAX: usize = 64;

fn gaps() -> Two {
    Gaps::new([GapTracker::EMPTY; 2], [Missing::NONE; MISSING_MAX])
}

/// What is asked for now.
fn asked(gaps: &mut Two, now: Instant) -> Vec<u32> {
    let mut body = gaps.poll(now, RTT, &mut |_, _| ());
    match body.finish() {
        [] => Vec::new(),
        body => parse_nack(body).unwrap().flat_map(|entry| entry.packets()).collect(),
    }
}

#[test]
fn a_gap_is_asked_for_at_once_and_again_each_round_until_it_is_filled() {
    let mut gaps = gaps();
    for seq in [100, 101, 104] {
        gaps.note(at_ms(0), &packet(seq), &mut |_, _| ());
    }
    assert_eq!(asked(&mut gaps, at_ms(0)), [102, 103]);
    assert_eq!(asked(&mut gaps, at_ms(0)), []);
    gaps.note(at_ms(5), &packet(103), &mut |_, _| ());
    for seq in 105..108 {
        gaps.note(at_ms(5), &packet(seq), &mut |_, _| ());
    }
    // A round is a round trip and a quarter, and a little.
    assert_eq!(asked(&mut gaps, at_ms(15)), []);
    assert_eq!(gaps.due_at(), Instant::from_micros(1_015_500));
    assert_eq!(asked(&mut gaps, at_ms(16)), [102]);
    gaps.note(at_ms(20), &packet(102), &mut |_, _| ());
    assert_eq!(asked(&mut gaps, at_ms(40)), []);
    assert_eq!(gaps.due_at(), Instant::NEVER);
    let (key, stats) = gaps.stats().next().unwrap();
    let expected = GapStats { received: 8, missed: 2, recovered: 2, by_parity: 0, asked: 3, given_up: 0 };
    assert_eq!((key, stats), (KEY, expected));
}

#[test]
fn the_end_of_a_frame_is_asked_for_when_it_stays_away() {
    let mut gaps = gaps();
    gaps.note(at_ms(0), &packet(100), &mut |_, _| ());
    gaps.note(at_ms(1), &packet(101), &mut |_, _| ());
    assert!(gaps.due_at() <= at_ms(1) + TAIL_PATIENCE);
    assert_eq!(asked(&mut gaps, at_ms(4)), []);
    assert_eq!(asked(&mut gaps, at_ms(5)), [102, 103]);
    // A frame that is whole asks for nothing.
    for seq in 104..108 {
        gaps.note(at_ms(6), &packet(seq), &mut |_, _| ());
    }
    gaps.note(at_ms(6), &packet(102), &mut |_, _| ());
    gaps.note(at_ms(6), &packet(103), &mut |_, _| ());
    assert_eq!(asked(&mut gaps, at_ms(40)), []);
    assert_eq!(gaps.due_at(), Instant::NEVER);
}

#[test]
fn a_frame_that_comes_piece_by_piece_is_given_time_for_its_end() {
    let mut gaps = gaps();
    let note = |gaps: &mut Two, ms, seq| gaps.note(at_ms(ms), &packet(seq), &mut |_, _| ());
    // 20 ms between two packets, as over half a megabit a second.
    for index in 0..11 {
        note(&mut gaps, u64::from(index) * 20, 100 + index);
        // From the first frame it is learned.
        if index >= 4 {
            assert_eq!(asked(&mut gaps, at_ms(u64::from(index) * 20 + 19)), []);
        }
    }
    // The last packet of the third frame stays away: that is missed, only later.
    assert_eq!(asked(&mut gaps, at_ms(200 + 39)), []);
    assert_eq!(asked(&mut gaps, at_ms(200 + 41)), [111]);
    note(&mut gaps, 250, 111);
    // When frames come at once again, patience ends, frame by frame.
    for seq in 112..200 {
        note(&mut gaps, 300 + u64::from(seq), seq);
    }
    note(&mut gaps, 500, 200);
    assert_eq!(asked(&mut gaps, at_ms(509)), [201, 202, 203]);
}

#[test]
fn where_parity_follows_it_gets_its_chance_first() {
    let mut gaps = gaps();
    let with_parity = |seq| MediaHeader { parity: 1, ..packet(seq) };
    gaps.note(at_ms(0), &with_parity(100), &mut |_, _| ());
    gaps.note(at_ms(0), &with_parity(102), &mut |_, _| ());
    assert_eq!(asked(&mut gaps, at_ms(3)), []);
    // Parity comes behind the last packet, so that is missing too.
    gaps.note(at_ms(3), &MediaHeader { index: 4, seq: 100, ..with_parity(100) }, &mut |_, _| ());
    gaps.handle_made(&with_parity(101));
    assert_eq!(asked(&mut gaps, at_ms(3) + PARITY_PATIENCE), [103]);
    assert_eq!(asked(&mut gaps, at_ms(3) + PARITY_PATIENCE), []);
}

#[test]
fn what_is_too_late_is_given_up_and_what_was_asked_for_often_too() {
    let mut gaps = gaps();
    gaps.note(at_ms(0), &packet(100), &mut |_, _| ());
    gaps.note(at_ms(0), &packet(103), &mut |_, _| ());
    let mut rounds = Vec::new();
    for ms in 0..600 {
        rounds.extend(asked(&mut gaps, at_ms(ms)));
    }
    assert_eq!(rounds, [101, 102].repeat(ROUNDS_MAX.into()));
    assert_eq!(gaps.due_at(), Instant::NEVER);
    // With a round trip beyond the deadline nobody is asked at all.
    gaps.note(at_ms(700), &packet(107), &mut |_, _| ());
    assert!(gaps.poll(at_ms(700), DEADLINE, &mut |_, _| ()).finish().is_empty());
    assert_eq!(gaps.due_at(), Instant::NEVER);
}

/// What is given up when packets come at these times, and nobody brings what is asked for.
fn given_up(packets: &[(u64, MediaHeader)], until_ms: u64) -> Vec<u32> {
    let (mut gaps, mut given_up) = (gaps(), Vec::new());
    let mut packets = packets.iter().peekable();
    for ms in 0..=until_ms {
        while let Some((_, packet)) = packets.next_if(|(at, _)| *at == ms) {
            gaps.note(at_ms(ms), packet, &mut |_, seq| given_up.push(seq));
        }
        gaps.poll(at_ms(ms), RTT, &mut |key, seq| {
            assert_eq!(key, KEY);
            given_up.push(seq);
        });
    }
    assert_eq!(gaps.stats().next().unwrap().1.given_up, given_up.len() as u64);
    given_up
}

#[test]
fn each_strip_that_is_given_up_is_named_once() {
    let free = |seq| MediaHeader { index: 0, count: 1, ..packet(seq) };
    // Asked for in vain.
    assert_eq!(given_up(&[(0, packet(100)), (0, packet(103))], 500), [101, 102]);
    assert_eq!(given_up(&[(0, packet(100)), (0, packet(103)), (20, packet(101))], 500), [102]);
    // More at once than can be remembered.
    let all: Vec<u32> = (101..200).collect();
    assert_eq!(given_up(&[(0, free(100)), (0, free(200))], 600), all);
    // A silence: what was sent in it is not asked for, but of the present frame everything is.
    let after = [(0, packet(103)), (500, packet(110))];
    assert_eq!(given_up(&after, 500), [104, 105, 106, 107]);
    assert_eq!(given_up(&after, 999), [104, 105, 106, 107, 108, 109, 111]);
    // A leap: the last of it.
    let leap = given_up(&[(0, free(100)), (0, free(100_000))], 0);
    assert_eq!((leap.len(), leap[0], leap.last()), (512, 99_488, Some(&99_999)));
}

#[test]
fn pieces_that_are_of_no_use_by_themselves_are_given_up_without_a_word() {
    let (mut gaps, mut named) = (gaps(), 0);
    for seq in [100, 103, 100_000] {
        let header = MediaHeader { form: Form::Fragments, ..packet(seq) };
        gaps.note(at_ms(0), &header, &mut |_, _| named += 1);
    }
    assert_eq!(named, 0);
    assert!(gaps.stats().next().unwrap().1.given_up > 500);
}

#[test]
fn numbers_wrap_and_a_great_leap_is_a_new_beginning() {
    let mut gaps = gaps();
    let free = |seq| MediaHeader { index: 0, count: 1, ..packet(seq) };
    gaps.note(at_ms(0), &free(u32::MAX - 1), &mut |_, _| ());
    gaps.note(at_ms(0), &free(1), &mut |_, _| ());
    assert_eq!(asked(&mut gaps, at_ms(0)), [u32::MAX, 0]);
    gaps.note(at_ms(0), &free(2 + LEAP_MAX + 1), &mut |_, _| ());
    assert_eq!(asked(&mut gaps, at_ms(50)), []);
    // More than can be remembered: the newest.
    gaps.note(at_ms(60), &free(2 + LEAP_MAX + 102), &mut |_, _| ());
    let all = asked(&mut gaps, at_ms(60));
    assert_eq!((all.len(), all.last()), (MISSING_MAX, Some(&(LEAP_MAX + 103))));
}

#[test]
fn tracks_are_kept_apart_and_the_one_that_was_silent_longest_makes_room() {
    let mut gaps = gaps();
    let of = |sender, seq| MediaHeader { sender: Slot(sender), ..packet(seq) };
    for (ms, sender) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
        gaps.note(at_ms(ms), &of(sender, 100 + ms as u32), &mut |_, _| ());
    }
    let keys: Vec<_> = gaps.stats().map(|(key, _)| key.sender).collect();
    assert_eq!(keys, [1, 3]);
    gaps.forget(KEY.room, 1);
    assert_eq!(gaps.stats().count(), 1);
    let mut none = Gaps::new([], [Missing::NONE; 1]);
    none.note(at_ms(0), &packet(1), &mut |_, _| ());
    assert_eq!(none.due_at(), Instant::NEVER);
}

#[test]
fn a_body_holds_what_was_put_in_and_says_when_it_is_full() {
    let mut body = NackBody::default();
    assert!(body.finish().is_empty());
    let other = TrackKey { layer: 3, ..KEY };
    for (key, seq) in [(KEY, u32::MAX), (KEY, 0), (KEY, 31), (KEY, 32), (other, 32), (other, 64)] {
        assert!(body.add(key, seq));
    }
    let entries: Vec<_> = parse_nack(body.finish()).unwrap().collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0].packets().collect::<Vec<_>>(), [u32::MAX, 0, 31]);
    assert_eq!(entries[1].packets().collect::<Vec<_>>(), [32]);
    assert_eq!((entries[2].key, entries[2].packets().collect::<Vec<_>>()), (other, vec![32, 64]));
    let mut full = NackBody::default();
    let added = (0..100).take_while(|number| full.add(KEY, number * 100)).count();
    assert_eq!((added, full.finish().len()), (NACK_ENTRIES_MAX, NACK_MAX_BYTES));
}

#[test]
fn a_body_that_is_no_list_of_entries_is_refused() {
    let good = NackEntry { key: KEY, seq: 7, more: 1 }.emit();
    assert_eq!(parse_nack(&good).unwrap().collect::<Vec<_>>(), [NackEntry { key: KEY, seq: 7, more: 1 }]);
    let refused = |body: &[u8]| parse_nack(body).map(|_| ()).unwrap_err();
    for len in [0, 1, 15, 17, 31, 17 * 16] {
        assert_eq!(refused(&good.repeat(17)[..len]), DropReason::Length, "{len}");
    }
    for key in [TrackKey { sender: 32, ..KEY }, TrackKey { track: 4, ..KEY }, TrackKey { layer: 4, ..KEY }] {
        let bad = NackEntry { key, seq: 7, more: 1 }.emit();
        assert_eq!(refused(&[good, bad].concat()), DropReason::MediaHeader);
    }
}
