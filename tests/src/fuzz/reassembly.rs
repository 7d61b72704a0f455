//! Frames put together again, in too little memory.

use std::collections::{BTreeMap, BTreeSet};

use hph_core::media::fragment::Fragment;
use hph_core::media::reassembly::{FrameRef, Inserted, Reassembler, ReassemblySlot};
use hph_core::media::track_window::{TrackKey, TrackWindow};
use hph_core::time::{Duration, Instant};

use super::input::Input;
use super::reach;

pub(super) const LANDMARKS: &[&str] = &[
    "duplicate",
    "fragment_mismatch",
    "frame of many fragments",
    "frame of one fragment",
    "forgotten while whole",
    "late",
    "length",
    "reassembly_full",
];

const SLOTS: usize = 3;
const SLOT_BYTES: usize = 40;
const TRACKS: usize = 2;
/// Whole frames that are kept for a while before they are released.
const KEPT: usize = 2;

type Key = (u32, u16, u8);
type Frame = (Key, u32);

struct World<'m> {
    reassembler: Reassembler<'m>,
    now: Instant,
    /// The fragments that were taken.
    taken: BTreeMap<Frame, BTreeMap<u16, Vec<u8>>>,
    delivered: BTreeSet<Frame>,
    /// Tracks whose numbers jumped so far that they may come again.
    jumped: BTreeSet<Key>,
    kept: Vec<(FrameRef, Vec<u8>, Key)>,
    /// Those whose sender was forgotten: releasing them late must not free what is there by then.
    gone: Vec<FrameRef>,
}

/// Fragments of three senders, time, and leaves, into three slots of 40 bytes and a table of two tracks.
///
/// **Promises:** a whole frame is exactly the fragments that were taken, and stays so until it is released; no frame is
/// whole twice while its track is known; no more slots and tracks are used than there are.
pub fn reassembly(data: &[u8]) {
    let (mut slots, mut memory) = ([const { ReassemblySlot::EMPTY }; SLOTS], [0; SLOTS * SLOT_BYTES]);
    let mut tracks = [const { TrackWindow::EMPTY }; TRACKS];
    let mut world = World {
        reassembler: Reassembler::new(&mut slots, &mut memory, &mut tracks, Duration::from_millis(100)),
        now: Instant::from_micros(0),
        taken: BTreeMap::new(),
        delivered: BTreeSet::new(),
        jumped: BTreeSet::new(),
        kept: Vec::new(),
        gone: Vec::new(),
    };
    let mut input = Input::new(data);
    while !input.is_empty() {
        match input.u8() {
            op @ 0..=239 => world.insert(op, &mut input),
            240..=245 => world.advance(&mut input),
            246..=250 => world.release(),
            _ => world.forget(u16::from(input.u8() % 3)),
        }
        world.check();
    }
}

impl World<'_> {
    fn insert(&mut self, op: u8, input: &mut Input<'_>) {
        let [frame, index, count, len] = input.array();
        let key = (1, u16::from(op & 3) % 3, op >> 2 & 1);
        let is_far = op & 0x18 == 0x18;
        // Around the end of the number space, so that numbers wrap.
        let frame = if is_far { input.u32() } else { u32::from(frame).wrapping_sub(128) };
        if is_far {
            self.jumped.insert(key);
        }
        let count = if op & 0x20 != 0 { u16::from(count) * 3 } else { u16::from(count % 9) };
        let index = if op & 0x20 != 0 { u16::from(index) * 3 } else { u16::from(index % 10) };
        let len = if len == 255 { 2000 } else { usize::from(len % 48) };
        let payload: Vec<u8> = (0..len).map(|at| (at as u8).wrapping_mul(7) ^ index as u8 ^ op).collect();
        let fragment = Fragment { frame, index, count, timestamp: u32::from(op >> 6 & 1), payload: &payload };
        let track = TrackKey { room: key.0, sender: key.1, track: key.2, layer: 0 };
        let result = self.reassembler.insert(self.now, track, &fragment);
        self.forget_unknown_tracks();
        let inserted = match result {
            Ok(inserted) => inserted,
            Err(reason) => return reach(reason.name()),
        };
        self.taken.entry((key, frame)).or_default().insert(index, payload);
        match inserted {
            Inserted::Partial => {}
            Inserted::Single { .. } => {
                assert_eq!(count, 1);
                reach("frame of one fragment");
                self.handle_delivered(key, frame);
            }
            Inserted::Complete(whole) => self.handle_whole(key, frame, count, whole),
        }
    }

    fn handle_whole(&mut self, key: Key, frame: u32, count: u16, whole: FrameRef) {
        reach("frame of many fragments");
        let fragments = &self.taken[&(key, frame)];
        let expected: Vec<u8> = (0..count).flat_map(|index| fragments[&index].clone()).collect();
        let found = self.reassembler.frame(&whole).expect("it was just completed");
        assert_eq!((found.bytes, found.frame, found.complete_at), (expected.as_slice(), frame, self.now));
        assert_eq!((found.key.room, found.key.sender, found.key.track), key);
        assert!(found.first_at <= found.complete_at);
        self.kept.push((whole, expected, key));
        if self.kept.len() > KEPT {
            self.release();
        }
        self.handle_delivered(key, frame);
    }

    fn handle_delivered(&mut self, key: Key, frame: u32) {
        let is_new = self.delivered.insert((key, frame));
        assert!(is_new || self.jumped.contains(&key), "frame {frame} of {key:?} was whole twice");
    }

    /// A track that was put out of the table begins anew when it comes back.
    fn forget_unknown_tracks(&mut self) {
        let known: Vec<Key> = self.reassembler.tracks().map(|(key, _)| (key.room, key.sender, key.track)).collect();
        self.delivered.retain(|(key, _)| known.contains(key));
        self.jumped.retain(|key| known.contains(key));
    }

    fn advance(&mut self, input: &mut Input<'_>) {
        self.now = self.now + Duration::from_millis(input.u8().into());
        self.reassembler.handle_timeout(self.now);
        let due = self.reassembler.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "a deadline that passed is still waited for");
    }

    fn release(&mut self) {
        for whole in std::mem::take(&mut self.gone) {
            self.reassembler.release(whole);
        }
        if !self.kept.is_empty() {
            let (whole, ..) = self.kept.remove(0);
            self.reassembler.release(whole);
        }
    }

    fn forget(&mut self, sender: u16) {
        self.reassembler.forget(1, sender);
        self.forget_unknown_tracks();
        for (whole, bytes, key) in std::mem::take(&mut self.kept) {
            if key.1 != sender {
                self.kept.push((whole, bytes, key));
                continue;
            }
            assert_eq!(self.reassembler.frame(&whole), None, "a frame of somebody who was forgotten");
            reach("forgotten while whole");
            self.gone.push(whole);
        }
    }

    fn check(&self) {
        assert!(self.reassembler.slots_used() <= SLOTS);
        assert!(self.reassembler.slots_used() >= self.kept.len());
        assert!(self.reassembler.tracks().count() <= TRACKS);
        for (whole, expected, _) in &self.kept {
            let found = self.reassembler.frame(whole).expect("it was not released");
            assert_eq!(found.bytes, expected, "a whole frame changed");
        }
    }
}
