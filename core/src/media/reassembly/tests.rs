//! Tests of the reassembly: order, loss, every refusal, tiny storage, hostile mixtures.

extern crate std;

use std::collections::{HashMap, HashSet};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::limits::FRAME_MAX_BYTES;
use crate::media::fragment::Fragmenter;

const FULL: DropReason = DropReason::ReassemblyFull;
const MISMATCH: DropReason = DropReason::FragmentMismatch;

/// Lent memory of a reassembler under test.
struct Storage {
    slots: Vec<ReassemblySlot>,
    memory: Vec<u8>,
    tracks: Vec<TrackWindow>,
}

impl Storage {
    fn new(slots: usize, slot_bytes: usize, tracks: usize) -> Self {
        Self {
            slots: vec![ReassemblySlot::EMPTY; slots],
            memory: vec![0; slots * slot_bytes],
            tracks: vec![TrackWindow::EMPTY; tracks],
        }
    }

    fn reassembler(&mut self) -> Reassembler<'_> {
        Reassembler::new(&mut self.slots, &mut self.memory, &mut self.tracks, DEADLINE_DEFAULT)
    }
}

/// Seeded numbers (xorshift64*), so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize) % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

fn at_ms(ms: u64) -> Instant {
    Instant::from_micros(ms * 1000)
}

fn track(sender: u16) -> TrackKey {
    TrackKey { room: 1, sender, track: 1, layer: 0 }
}

fn fragment(frame: u32, index: u16, count: u16, payload: &[u8]) -> Fragment<'_> {
    Fragment { frame, index, count, timestamp: frame.wrapping_mul(90), payload }
}

/// Bytes that tell frame, track and place.
fn encoded(key: TrackKey, frame: u32, len: usize) -> Vec<u8> {
    let seed = frame.wrapping_mul(31).wrapping_add(u32::from(key.sender));
    let byte = |i: usize| (seed.wrapping_add(i as u32).wrapping_mul(2_654_435_761) >> 24) as u8;
    (0..len).map(byte).collect()
}

/// Inserts the fragments of a whole frame in the given order; the last result.
fn insert_all(
    r: &mut Reassembler<'_>,
    key: TrackKey,
    frame: u32,
    bytes: &[u8],
    order: impl Iterator<Item = u16>,
) -> Result<Inserted, DropReason> {
    let plan = Fragmenter::new(bytes.len()).unwrap();
    let mut last = Ok(Inserted::Partial);
    for index in order {
        let payload = &bytes[plan.fragment(index)];
        last = r.insert(at_ms(0), key, &fragment(frame, index, plan.count(), payload));
    }
    last
}

fn expect_complete(result: Result<Inserted, DropReason>) -> FrameRef {
    match result {
        Ok(Inserted::Complete(frame_ref)) => frame_ref,
        other => panic!("not complete: {other:?}"),
    }
}

#[test]
fn frames_come_back_whole_in_order_and_reversed() {
    let mut storage = Storage::new(2, FRAME_MAX_BYTES, 1);
    let mut r = storage.reassembler();
    let key = track(3);
    for (frame, len) in [(1, 5000), (2, 2237), (3, FRAME_MAX_BYTES), (4, 1119)] {
        let bytes = encoded(key, frame, len);
        let count = Fragmenter::new(len).unwrap().count();
        let forward = frame % 2 == 0;
        let order = (0..count).map(|i| if forward { i } else { count - 1 - i });
        let frame_ref = expect_complete(insert_all(&mut r, key, frame, &bytes, order));
        let whole = r.frame(&frame_ref).unwrap();
        assert!(whole.bytes == bytes, "frame {frame}");
        assert_eq!((whole.key, whole.frame), (key, frame));
        assert_eq!(whole.timestamp, frame * 90);
        assert!(whole.is_newest);
        r.release(frame_ref);
    }
    assert_eq!(r.slots_used(), 0);
    assert_eq!(r.stats(key).unwrap().frames_complete, 4);
}

#[test]
fn shuffled_and_duplicated_fragments_of_many_tracks_come_back_whole_once() {
    let mut random = Random(7);
    let mut storage = Storage::new(40, 24_000, 4);
    let mut r = storage.reassembler();
    let mut delivered = HashSet::new();
    let mut duplicates = 0;
    for batch in 0..60u32 {
        // Two frames of four tracks at a time, all their fragments mixed, a fifth of them twice.
        let mut mix = Vec::new();
        for sender in 0..4 {
            for frame in [batch * 2, batch * 2 + 1].map(|n| n.wrapping_sub(50)) {
                let bytes = encoded(track(sender), frame, 1 + random.below(23_000));
                let plan = Fragmenter::new(bytes.len()).unwrap();
                for (index, range) in plan.fragments() {
                    let copies = 1 + usize::from(random.below(5) == 0);
                    for _ in 0..copies {
                        mix.push((sender, frame, index, plan.count(), bytes[range.clone()].to_vec()));
                    }
                }
            }
        }
        random.shuffle(&mut mix);
        for (sender, frame, index, count, payload) in &mix {
            let key = track(*sender);
            let now = at_ms(u64::from(batch) * 66);
            let whole = match r.insert(now, key, &fragment(*frame, *index, *count, payload)) {
                Ok(Inserted::Partial) => continue,
                Err(DropReason::Duplicate) => {
                    duplicates += 1;
                    continue;
                }
                Ok(Inserted::Single { .. }) => payload.clone(),
                Ok(Inserted::Complete(frame_ref)) => {
                    let bytes = r.frame(&frame_ref).unwrap().bytes.to_vec();
                    r.release(frame_ref);
                    bytes
                }
                Err(other) => panic!("{other:?}"),
            };
            assert!(whole == encoded(key, *frame, whole.len()));
            assert!(delivered.insert((*sender, *frame)), "delivered twice");
        }
    }
    assert_eq!(delivered.len(), 60 * 2 * 4);
    let counted: u64 = r.tracks().map(|(_, s)| s.duplicates).sum();
    assert!(duplicates > 500 && counted == duplicates);
    assert!(r.tracks().all(|(_, s)| s.frames_lost == 0 && s.frames_complete == 120));
}

#[test]
fn loss_costs_only_the_frames_that_it_hits() {
    let mut random = Random(99);
    let mut storage = Storage::new(16, 12_000, 1);
    let mut r = storage.reassembler();
    let key = track(1);
    let frames = 600u64;
    let (mut hit, mut complete) = (0, 0);
    for n in 0..frames {
        let now = at_ms(n * 33);
        r.handle_timeout(now);
        let frame = n as u32;
        let bytes = encoded(key, frame, 2000 + random.below(9000));
        let plan = Fragmenter::new(bytes.len()).unwrap();
        let lost: HashSet<u16> = (0..plan.count()).filter(|_| random.below(50) == 0).collect();
        hit += u64::from(!lost.is_empty());
        for (index, range) in plan.fragments().filter(|(index, _)| !lost.contains(index)) {
            let result = r.insert(now, key, &fragment(frame, index, plan.count(), &bytes[range]));
            if let Inserted::Complete(frame_ref) = result.unwrap() {
                assert!(lost.is_empty());
                assert!(r.frame(&frame_ref).unwrap().bytes == bytes);
                r.release(frame_ref);
                complete += 1;
            }
        }
    }
    r.handle_timeout(at_ms(frames * 33 + 1000));
    let stats = r.stats(key).unwrap();
    assert!(hit > 20);
    assert_eq!(complete, frames - hit);
    assert_eq!((stats.frames_complete, stats.frames_lost), (complete, hit));
    assert_eq!(r.poll_timeout(), None);
}

#[test]
fn a_fragment_that_contradicts_itself_is_refused() {
    let mut storage = Storage::new(2, 4000, 1);
    let mut r = storage.reassembler();
    let too_many = FRAGMENTS_MAX as u16 + 1;
    for (index, count) in [(0, 0), (2, 2), (3, 2), (0, too_many), (u16::MAX, u16::MAX)] {
        let f = fragment(1, index, count, b"x");
        assert_eq!(r.insert(at_ms(0), track(1), &f), Err(MISMATCH));
    }
    let empty = fragment(1, 0, 2, b"");
    assert_eq!(r.insert(at_ms(0), track(1), &empty), Err(MISMATCH));
    let long = [0; FRAGMENT_PAYLOAD_MAX_BYTES + 1];
    let f = fragment(1, 0, 1, &long);
    assert_eq!(r.insert(at_ms(0), track(1), &f), Err(DropReason::Length));
    assert_eq!(r.tracks().count(), 0, "nothing is remembered of it");
}

#[test]
fn a_fragment_that_disagrees_with_its_frame_is_refused_and_the_frame_survives() {
    let mut storage = Storage::new(2, 4000, 1);
    let mut r = storage.reassembler();
    let mut put = |f: Fragment<'_>| r.insert(at_ms(0), track(1), &f);
    assert_eq!(put(fragment(1, 0, 3, b"abcd")), Ok(Inserted::Partial));
    assert_eq!(put(fragment(1, 1, 4, b"efgh")), Err(MISMATCH), "count");
    assert_eq!(put(fragment(1, 0, 1, b"efgh")), Err(MISMATCH), "single");
    let other_time = Fragment { timestamp: 1, ..fragment(1, 1, 3, b"efgh") };
    assert_eq!(put(other_time), Err(MISMATCH), "timestamp");
    assert_eq!(put(fragment(1, 1, 3, b"efg")), Err(MISMATCH), "size");
    assert_eq!(put(fragment(1, 2, 3, b"ijklm")), Err(MISMATCH), "long last");
    assert_eq!(put(fragment(1, 2, 3, b"ij")), Ok(Inserted::Partial));
    assert_eq!(put(fragment(1, 2, 3, b"ijk")), Err(MISMATCH), "other last");
    assert_eq!(put(fragment(1, 2, 3, b"ij")), Err(DropReason::Duplicate));
    let frame_ref = expect_complete(put(fragment(1, 1, 3, b"efgh")));
    assert_eq!(r.frame(&frame_ref).unwrap().bytes, b"abcdefghij");
}

#[test]
fn a_last_fragment_that_comes_first_bounds_the_size_of_the_others() {
    let mut storage = Storage::new(2, 4000, 1);
    let mut r = storage.reassembler();
    let mut put = |f: Fragment<'_>| r.insert(at_ms(0), track(1), &f);
    assert_eq!(put(fragment(1, 2, 3, b"ij")), Ok(Inserted::Partial));
    assert_eq!(put(fragment(1, 0, 3, b"a")), Err(MISMATCH));
    assert_eq!(put(fragment(1, 1, 3, b"efgh")), Ok(Inserted::Partial));
    let frame_ref = expect_complete(put(fragment(1, 0, 3, b"abcd")));
    assert_eq!(r.frame(&frame_ref).unwrap().bytes, b"abcdefghij");
}

#[test]
fn a_delivered_frame_is_a_duplicate_and_an_old_one_is_late() {
    let mut storage = Storage::new(2, 4000, 1);
    let mut r = storage.reassembler();
    let mut put = |f: Fragment<'_>| r.insert(at_ms(0), track(1), &f);
    assert_eq!(put(fragment(100, 0, 1, b"voice")), Ok(Inserted::Single { is_newest: true }));
    assert_eq!(put(fragment(100, 0, 1, b"voice")), Err(DropReason::Duplicate));
    assert_eq!(put(fragment(100, 0, 2, b"voice")), Err(DropReason::Duplicate));
    assert_eq!(put(fragment(99, 0, 1, b"voice")), Ok(Inserted::Single { is_newest: false }));
    assert_eq!(put(fragment(36, 0, 1, b"voice")), Err(DropReason::Late));
    let stats = r.stats(track(1)).unwrap();
    assert_eq!((stats.duplicates, stats.late, stats.frames_complete), (2, 1, 2));
    assert_eq!(r.slots_used(), 0, "a frame of one fragment takes no slot");
}

#[test]
fn frames_complete_in_any_order_and_a_display_sees_which_is_newest() {
    let mut storage = Storage::new(4, 4000, 1);
    let mut r = storage.reassembler();
    let mut put = |frame, index| r.insert(at_ms(0), track(1), &fragment(frame, index, 2, b"ab"));
    let _ = put(5, 0);
    let _ = put(6, 0);
    let older = expect_complete(put(5, 1));
    let newer = expect_complete(put(6, 1));
    assert!(!r.frame(&older).unwrap().is_newest, "overtaken while it waited");
    assert!(r.frame(&newer).unwrap().is_newest);
}

#[test]
fn frame_numbers_wrap_around() {
    let mut storage = Storage::new(2, 4000, 1);
    let mut r = storage.reassembler();
    for frame in (0..200).map(|n: u32| n.wrapping_sub(100)) {
        let bytes = encoded(track(1), frame, 3000);
        let frame_ref = expect_complete(insert_all(&mut r, track(1), frame, &bytes, 0..3));
        let whole = r.frame(&frame_ref).unwrap();
        assert!(whole.is_newest && whole.bytes == bytes);
        r.release(frame_ref);
    }
    assert_eq!(r.stats(track(1)).unwrap().frames_lost, 0);
    let old = fragment(u32::MAX, 0, 2, b"ab");
    assert_eq!(r.insert(at_ms(0), track(1), &old), Err(DropReason::Late));
}

#[test]
fn a_frame_is_given_up_at_its_deadline_and_what_follows_is_late() {
    let mut storage = Storage::new(2, 4000, 1);
    let mut r = storage.reassembler();
    assert_eq!(r.poll_timeout(), None);
    let mut put = |now, frame, index| r.insert(now, track(1), &fragment(frame, index, 2, b"ab"));
    assert_eq!(put(at_ms(10), 1, 0), Ok(Inserted::Partial));
    assert_eq!(put(at_ms(30), 2, 0), Ok(Inserted::Partial));
    assert_eq!(r.poll_timeout(), Some(at_ms(510)));
    r.handle_timeout(at_ms(509));
    assert_eq!(r.slots_used(), 2);
    r.handle_timeout(at_ms(510));
    assert_eq!((r.slots_used(), r.poll_timeout()), (1, Some(at_ms(530))));
    let mut put = |now, frame, index| r.insert(now, track(1), &fragment(frame, index, 2, b"ab"));
    assert_eq!(put(at_ms(511), 1, 1), Err(DropReason::Late));
    assert_eq!(put(at_ms(530), 2, 1), Err(DropReason::Late), "also before the timer ran");
    let stats = r.stats(track(1)).unwrap();
    assert_eq!((stats.frames_lost, stats.late), (2, 2));
    assert_eq!(r.slots_used(), 0);
}

#[test]
fn with_two_slots_the_oldest_frame_gives_way_to_a_newer_one_only() {
    let mut storage = Storage::new(2, 4000, 1);
    let mut r = storage.reassembler();
    let mut put = |frame, index| r.insert(at_ms(0), track(1), &fragment(frame, index, 2, b"ab"));
    assert_eq!(put(11, 0), Ok(Inserted::Partial));
    assert_eq!(put(10, 0), Ok(Inserted::Partial));
    assert_eq!(put(9, 0), Err(FULL), "both slots hold newer frames");
    assert_eq!(put(12, 0), Ok(Inserted::Partial));
    assert_eq!(put(10, 1), Err(DropReason::Late), "the oldest gave way");
    let eleven = expect_complete(put(11, 1));
    let twelve = expect_complete(put(12, 1));
    assert_eq!(put(13, 0), Err(FULL), "whole frames stay until they are released");
    r.release(eleven);
    assert_eq!(r.insert(at_ms(0), track(1), &fragment(13, 0, 2, b"ab")), Ok(Inserted::Partial));
    assert_eq!(r.frame(&twelve).unwrap().bytes, b"abab");
    assert_eq!(r.stats(track(1)).unwrap().frames_lost, 1);
}

#[test]
fn a_full_house_takes_a_slot_from_the_track_that_holds_too_many() {
    let mut storage = Storage::new(4, 4000, 4);
    let mut r = storage.reassembler();
    let mut put = |ms, sender, frame| r.insert(at_ms(ms), track(sender), &fragment(frame, 0, 2, b"ab"));
    for frame in 0..4 {
        assert_eq!(put(u64::from(frame), 1, frame), Ok(Inserted::Partial));
    }
    assert_eq!(put(10, 2, 0), Ok(Inserted::Partial), "takes the first slot");
    assert_eq!(put(10, 2, 1), Ok(Inserted::Partial), "up to half of them");
    assert_eq!(put(10, 2, 2), Ok(Inserted::Partial), "then its own");
    assert_eq!(put(10, 3, 0), Ok(Inserted::Partial));
    let lost = |r: &Reassembler<'_>, sender| r.stats(track(sender)).unwrap().frames_lost;
    assert_eq!((lost(&r, 1), lost(&r, 2), lost(&r, 3)), (3, 1, 0));
}

#[test]
fn a_flood_in_one_track_does_not_starve_another() {
    let mut storage = Storage::new(4, 4000, 4);
    let mut r = storage.reassembler();
    let mut flood = 0;
    for frame in 0..200 {
        let now = at_ms(u64::from(frame) * 33);
        let bytes = encoded(track(2), frame, 3500);
        let plan = Fragmenter::new(bytes.len()).unwrap();
        let mut last = Ok(Inserted::Partial);
        for (index, range) in plan.fragments() {
            for _ in 0..50 {
                flood += 1;
                let _ = r.insert(now, track(1), &fragment(flood, 0, 200, b"flood"));
            }
            last = r.insert(now, track(2), &fragment(frame, index, plan.count(), &bytes[range]));
        }
        r.release(expect_complete(last));
    }
    assert_eq!(r.stats(track(2)).unwrap().frames_complete, 200);
}

#[test]
fn a_frame_longer_than_a_slot_is_refused() {
    let mut storage = Storage::new(2, 10, 2);
    let mut r = storage.reassembler();
    let mut put = |f: Fragment<'_>| r.insert(at_ms(0), track(1), &f);
    assert_eq!(put(fragment(1, 0, 4, b"abcd")), Err(FULL));
    assert_eq!(put(fragment(2, 3, 4, b"abcd")), Err(FULL));
    assert_eq!(put(fragment(3, 2, 3, b"ab")), Ok(Inserted::Partial));
    assert_eq!(put(fragment(3, 0, 3, b"abcde")), Err(FULL), "known only now");
    assert_eq!(put(fragment(4, 0, 3, b"abcd")), Ok(Inserted::Partial));
    assert_eq!(put(fragment(4, 2, 3, b"abc")), Err(FULL));
    assert_eq!(r.slots_used(), 0);
    assert_eq!(r.stats(track(1)).unwrap().frames_lost, 2);
}

#[test]
fn a_full_track_table_forgets_the_track_that_was_idle_longest() {
    let mut storage = Storage::new(3, 4000, 2);
    let mut r = storage.reassembler();
    let mut put = |ms, sender, count| r.insert(at_ms(ms), track(sender), &fragment(1, 0, count, b"ab"));
    let single = Ok(Inserted::Single { is_newest: true });
    assert_eq!(put(1, 1, 1), single);
    assert_eq!(put(2, 2, 1), single);
    assert_eq!(put(3, 3, 2), Ok(Inserted::Partial), "in the place of the first");
    assert_eq!(put(4, 4, 2), Ok(Inserted::Partial), "in the place of the second");
    assert_eq!(put(5, 5, 1), Err(FULL), "both wait for fragments");
    let senders: Vec<u16> = r.tracks().map(|(key, _)| key.sender).collect();
    assert_eq!(senders, [3, 4]);
}

#[test]
fn without_slots_or_tracks_everything_but_voice_is_refused() {
    let mut storage = Storage::new(0, 0, 1);
    let mut r = storage.reassembler();
    assert_eq!(r.insert(at_ms(0), track(1), &fragment(1, 0, 2, b"ab")), Err(FULL));
    assert!(r.insert(at_ms(0), track(1), &fragment(2, 0, 1, b"ab")).is_ok());
    let mut storage = Storage::new(1, 100, 0);
    let mut r = storage.reassembler();
    assert_eq!(r.insert(at_ms(0), track(1), &fragment(2, 0, 1, b"ab")), Err(FULL));
}

#[test]
fn a_participant_who_leaves_is_forgotten_and_may_start_anew() {
    let mut storage = Storage::new(3, 4000, 3);
    let mut r = storage.reassembler();
    let mut put = |sender, frame, index| r.insert(at_ms(0), track(sender), &fragment(frame, index, 2, b"ab"));
    let _ = put(1, 1000, 0);
    let stale = expect_complete(put(1, 1000, 1));
    let _ = put(1, 1001, 0);
    let _ = put(2, 7, 0);
    r.forget(1, 1);
    assert_eq!(r.slots_used(), 1, "the other one stays");
    assert!(r.stats(track(1)).is_none());
    assert_eq!(r.frame(&stale), None);
    let mut put = |sender, frame, index| r.insert(at_ms(0), track(sender), &fragment(frame, index, 2, b"ab"));
    assert_eq!(put(1, 0, 0), Ok(Inserted::Partial));
    let fresh = expect_complete(put(1, 0, 1));
    r.release(stale);
    assert!(r.frame(&fresh).is_some(), "a stale reference frees nothing");
    r.release(fresh);
    assert_eq!(r.slots_used(), 1);
}

#[test]
fn frames_that_leave_the_window_unfinished_free_their_slots() {
    let mut storage = Storage::new(4, 4000, 1);
    let mut r = storage.reassembler();
    let _ = r.insert(at_ms(0), track(1), &fragment(1, 0, 2, b"ab"));
    let _ = r.insert(at_ms(0), track(1), &fragment(65, 0, 1, b"ab"));
    assert_eq!(r.slots_used(), 0);
    assert_eq!(r.stats(track(1)).unwrap().frames_lost, 1);
}

#[test]
fn hostile_mixtures_never_panic_and_never_leak() {
    let mut random = Random(0x0D15_EA5E);
    let mut storage = Storage::new(5, 3000, 3);
    let mut r = storage.reassembler();
    let mut waiting: Vec<FrameRef> = Vec::new();
    let mut outcomes: HashMap<Option<DropReason>, u32> = HashMap::new();
    let payload = [7; FRAGMENT_PAYLOAD_MAX_BYTES + 1];
    for step in 0..100_000u64 {
        let now = Instant::from_micros(step * 700 + random.below(2000) as u64);
        let frame = match random.below(50) {
            0 => random.below(usize::MAX) as u32,
            _ => (step / 40) as u32 ^ random.below(4) as u32,
        };
        let (index, count) = (random.below(5) as u16, random.below(5) as u16);
        let len = [1, 2, 500, 1000, random.below(payload.len() + 1)][random.below(5)];
        let f = Fragment {
            frame,
            index,
            count: if random.below(100) == 0 { 300 } else { count },
            timestamp: (random.below(30) == 0).into(),
            payload: &payload[..len],
        };
        let result = r.insert(now, track(random.below(4) as u16), &f);
        *outcomes.entry(result.as_ref().err().copied()).or_default() += 1;
        if let Ok(Inserted::Complete(frame_ref)) = result {
            assert!(r.frame(&frame_ref).is_some_and(|whole| whole.bytes.iter().all(|b| *b == 7)));
            waiting.push(frame_ref);
        }
        if waiting.len() > random.below(3) {
            let any = random.below(waiting.len());
            r.release(waiting.swap_remove(any));
        }
        match random.below(300) {
            0 => r.forget(1, random.below(4) as u16),
            1..20 => r.handle_timeout(now),
            _ => {}
        }
        assert!(r.slots_used() <= 5);
    }
    for reason in [MISMATCH, FULL, DropReason::Duplicate, DropReason::Late, DropReason::Length] {
        assert!(outcomes.contains_key(&Some(reason)), "{reason:?} never happened");
    }
    waiting.into_iter().for_each(|frame_ref| r.release(frame_ref));
    r.handle_timeout(Instant::NEVER);
    assert_eq!((r.slots_used(), r.poll_timeout()), (0, None));
}
