//! Fragments of many tracks, in any order, back to whole frames.
//!
//! Each frame of more than one fragment is gathered in a slot: a piece of the memory that the caller lends. All
//! fragments of a frame but the last have one size, so a fragment's place is `index * size`. The last one says nothing
//! about that size: when it comes first it waits at the end of its slot.
//!
//! Invariants: a frame is delivered at most once; a slot is free, gathers, or holds a whole frame until it is released;
//! a track that holds slots stays in the track table; nothing grows. Who sends most cannot keep the others out: a track
//! that holds less than its fair share of slots (slots divided by the tracks that use them) takes one from a track that
//! holds more.

mod strips;

use core::ops::Add;

use super::fragment::Fragment;
use super::track_window::{Standing, TrackKey, TrackStats, TrackWindow, is_newer};
use crate::error::DropReason;
use crate::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, FRAGMENTS_MAX};
use crate::time::{Duration, Instant};

/// How long a frame waits for its missing fragments, if the caller has no better idea: long enough for several rounds
/// of retransmission, short enough that nobody would still want to see the picture.
pub const DEADLINE_DEFAULT: Duration = Duration::from_millis(500);

const WORD_BITS: u16 = u64::BITS as u16;
const BITMAP_WORDS: usize = FRAGMENTS_MAX.div_ceil(WORD_BITS as usize);

/// What became of a fragment.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Inserted {
    /// The fragment is a whole frame: use its payload. It took no slot.
    Single {
        /// Whether no newer frame of the track was delivered before.
        is_newest: bool,
    },
    /// The fragment was the last one missing.
    Complete(FrameRef),
    /// The frame waits for more fragments.
    Partial,
}

/// Names a whole frame that waits in its slot. Hand it back with [`Reassembler::release`], or the slot stays taken.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct FrameRef {
    slot: usize,
    generation: u32,
}

/// A whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompleteFrame<'a> {
    /// The track it belongs to.
    pub key: TrackKey,
    /// Its number in the track.
    pub frame: u32,
    /// Its media timestamp, in units of the track's media clock.
    pub timestamp: u32,
    /// The encoded frame, as it was before it was cut.
    pub bytes: &'a [u8],
    /// When its first fragment came.
    pub first_at: Instant,
    /// When its last missing fragment came.
    pub complete_at: Instant,
    /// Whether no newer frame of the track has been delivered until now: a display skips the others.
    pub is_newest: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotState {
    Free,
    Partial,
    Complete,
}

/// Bookkeeping of one frame, in memory lent by the caller. Start every one as [`ReassemblySlot::EMPTY`].
#[derive(Clone, Debug)]
pub struct ReassemblySlot {
    state: SlotState,
    /// Tells a [`FrameRef`] from those to earlier frames of this slot.
    generation: u32,
    /// Index into the track table.
    track: usize,
    frame: u32,
    timestamp: u32,
    count: u16,
    received: u16,
    /// Bytes of every fragment but the last; 0 until one of them came.
    size: usize,
    /// Bytes of the last fragment; 0 until it came.
    last_len: usize,
    first_at: Instant,
    complete_at: Instant,
    seen: [u64; BITMAP_WORDS],
}

impl ReassemblySlot {
    /// A slot that nothing uses.
    pub const EMPTY: Self = Self {
        state: SlotState::Free,
        generation: 0,
        track: 0,
        frame: 0,
        timestamp: 0,
        count: 0,
        received: 0,
        size: 0,
        last_len: 0,
        first_at: Instant::from_micros(0),
        complete_at: Instant::from_micros(0),
        seen: [0; BITMAP_WORDS],
    };

    /// Starts to gather the frame that `fragment` belongs to.
    fn start(&mut self, now: Instant, track: usize, fragment: &Fragment<'_>) {
        *self = Self {
            state: SlotState::Partial,
            generation: self.generation.wrapping_add(1),
            track,
            frame: fragment.frame,
            timestamp: fragment.timestamp,
            count: fragment.count,
            first_at: now,
            ..Self::EMPTY
        };
    }

    const fn is_last(&self, index: u16) -> bool {
        index.saturating_add(1) == self.count
    }

    /// Whether the fragment can belong to this frame.
    const fn agrees(&self, fragment: &Fragment<'_>) -> bool {
        if fragment.count != self.count || fragment.timestamp != self.timestamp {
            return false;
        }
        let len = fragment.payload.len();
        if self.is_last(fragment.index) {
            (self.size == 0 || len <= self.size) && (self.last_len == 0 || len == self.last_len)
        } else {
            (self.size == 0 || len == self.size) && len >= self.last_len
        }
    }

    /// Marks a fragment as received. Says whether it was new.
    fn mark(&mut self, index: u16) -> bool {
        let Some(word) = self.seen.get_mut(usize::from(index / WORD_BITS)) else {
            return false;
        };
        let bit = 1u64.wrapping_shl(u32::from(index % WORD_BITS));
        let is_new = *word & bit == 0;
        *word |= bit;
        self.received = self.received.saturating_add(u16::from(is_new));
        is_new
    }

    /// Where the last fragment begins, once the size is known.
    fn last_begin(&self) -> usize {
        usize::from(self.count.saturating_sub(1)).saturating_mul(self.size)
    }

    /// Copies a fragment that agrees to its place in the slot's `memory`. None if it does not fit in there.
    fn store(&mut self, fragment: &Fragment<'_>, memory: &mut [u8]) -> Option<()> {
        let len = fragment.payload.len();
        let begin = if self.is_last(fragment.index) {
            self.last_len = len;
            if self.size == 0 { memory.len().checked_sub(len)? } else { self.last_begin() }
        } else {
            if self.size == 0 {
                self.size = len;
                self.settle_last(memory)?;
            }
            usize::from(fragment.index).checked_mul(self.size)?
        };
        let place = memory.get_mut(begin..begin.checked_add(len)?)?;
        place.copy_from_slice(fragment.payload);
        Some(())
    }

    /// Moves a last fragment that came first from the end of the slot to its place, before anything else is stored.
    fn settle_last(&mut self, memory: &mut [u8]) -> Option<()> {
        let rest = memory.get_mut(self.last_begin()..)?;
        let from = rest.len().checked_sub(self.last_len)?;
        rest.copy_within(from.., 0);
        Some(())
    }
}

/// Puts the frames of many tracks together, in memory that the caller lends.
///
/// **Bound:** each fragment costs one pass over the slots and the tracks and one copy of its payload. The memory is
/// cut into equal slots; a frame longer than a slot is refused as [`DropReason::ReassemblyFull`].
#[derive(Debug)]
pub struct Reassembler<'a> {
    slots: &'a mut [ReassemblySlot],
    memory: &'a mut [u8],
    slot_bytes: usize,
    tracks: &'a mut [TrackWindow],
    deadline: Duration,
}

impl<'a> Reassembler<'a> {
    /// Takes over the memory; whatever the slots and tracks held is forgotten.
    ///
    /// **Shape:** a slot has `memory.len() / slots.len()` bytes; [`crate::limits::FRAME_MAX_BYTES`] takes every legal
    /// frame. **Units:** `deadline` is the span that a frame may take from its first fragment on
    /// ([`DEADLINE_DEFAULT`]).
    pub fn new(
        slots: &'a mut [ReassemblySlot],
        memory: &'a mut [u8],
        tracks: &'a mut [TrackWindow],
        deadline: Duration,
    ) -> Self {
        slots.fill(ReassemblySlot::EMPTY);
        tracks.fill(TrackWindow::EMPTY);
        let slot_bytes = memory.len().checked_div(slots.len()).unwrap_or(0);
        Self { slots, memory, slot_bytes, tracks, deadline }
    }

    /// Takes one authenticated fragment of the track `key`.
    ///
    /// # Errors
    /// - [`DropReason::FragmentMismatch`]: it contradicts itself or the fragments of its frame that came before.
    /// - [`DropReason::Length`]: its payload is longer than a datagram can carry.
    /// - [`DropReason::Duplicate`]: it came before, or its frame was delivered.
    /// - [`DropReason::Late`]: its frame was given up or is older than the window.
    /// - [`DropReason::ReassemblyFull`]: there is no room for its frame or its track.
    pub fn insert(&mut self, now: Instant, key: TrackKey, fragment: &Fragment<'_>) -> Result<Inserted, DropReason> {
        check(fragment)?;
        let track = self.find_or_open_track(now, key, fragment.frame)?;
        let result = self.insert_in_track(now, track, fragment);
        if let Some(window) = self.tracks.get_mut(track) {
            let stats = &mut window.stats;
            match result {
                Err(DropReason::Duplicate) => stats.duplicates = stats.duplicates.saturating_add(1),
                Err(DropReason::Late) => stats.late = stats.late.saturating_add(1),
                _ => {}
            }
        }
        result
    }

    /// The frame that `frame_ref` names. None if its sender was forgotten since.
    pub fn frame(&self, frame_ref: &FrameRef) -> Option<CompleteFrame<'_>> {
        let slot = self.slots.get(frame_ref.slot)?;
        if slot.state != SlotState::Complete || slot.generation != frame_ref.generation {
            return None;
        }
        let window = self.tracks.get(slot.track)?;
        let begin = frame_ref.slot.checked_mul(self.slot_bytes)?;
        let len = slot.last_begin().checked_add(slot.last_len)?;
        Some(CompleteFrame {
            key: window.key,
            frame: slot.frame,
            timestamp: slot.timestamp,
            bytes: self.memory.get(begin..begin.checked_add(len)?)?,
            first_at: slot.first_at,
            complete_at: slot.complete_at,
            is_newest: window.is_newest_delivered(slot.frame),
        })
    }

    /// Gives the slot of a delivered frame back. Does nothing if its sender was forgotten since.
    #[allow(clippy::needless_pass_by_value, reason = "the reference ends here")]
    pub fn release(&mut self, frame_ref: FrameRef) {
        if let Some(slot) = self.slots.get(frame_ref.slot)
            && slot.generation == frame_ref.generation
            && slot.state == SlotState::Complete
        {
            self.vacate(frame_ref.slot);
        }
    }

    /// Gives up every frame whose deadline has passed, and counts it as lost.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.give_up_where(|slot, _, deadline| now.since(slot.first_at) >= deadline);
    }

    /// When [`Self::handle_timeout`] is due next; none while no frame waits for fragments.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waiting = self.slots.iter().filter(|s| s.state == SlotState::Partial);
        let oldest = waiting.map(|slot| slot.first_at).min()?;
        Some(oldest.add(self.deadline))
    }

    /// Frees all that belongs to a participant who left: slots, also of frames not yet released, windows and counts.
    /// Its frame numbers may start anew.
    pub fn forget(&mut self, room: u32, sender: u16) {
        for index in 0..self.slots.len() {
            if let Some(slot) = self.slots.get(index)
                && slot.state != SlotState::Free
                && let Some(window) = self.tracks.get(slot.track)
                && (window.key.room, window.key.sender) == (room, sender)
            {
                self.vacate(index);
            }
        }
        for window in self.tracks.iter_mut() {
            if (window.key.room, window.key.sender) == (room, sender) {
                *window = TrackWindow::EMPTY;
            }
        }
    }

    /// Counts of one track; none if it is not in the table.
    pub fn stats(&self, key: TrackKey) -> Option<TrackStats> {
        self.tracks().find(|(k, _)| *k == key).map(|(_, s)| s)
    }

    /// Every track in the table, with its counts.
    pub fn tracks(&self) -> impl Iterator<Item = (TrackKey, TrackStats)> + '_ {
        let used = self.tracks.iter().filter(|window| window.is_used);
        used.map(|window| (window.key, window.stats))
    }

    /// How many slots hold frames, whole or not.
    pub fn slots_used(&self) -> usize {
        let used = self.slots.iter().filter(|s| s.state != SlotState::Free);
        used.count()
    }

    fn insert_in_track(&mut self, now: Instant, track: usize, fragment: &Fragment<'_>) -> Result<Inserted, DropReason> {
        let deadline = self.deadline;
        let window = self.track_mut(track)?;
        match window.standing(fragment.frame) {
            Standing::Delivered => return Err(DropReason::Duplicate),
            Standing::Late => return Err(DropReason::Late),
            Standing::Newer => self.advance(track, fragment.frame),
            Standing::Open => {}
        }
        if let Some(index) = self.find_slot(track, fragment.frame) {
            if now.since(self.slot_mut(index)?.first_at) >= deadline {
                self.give_up(index);
                return Err(DropReason::Late);
            }
            return self.store(now, index, fragment);
        }
        if fragment.count == 1 {
            let window = self.track_mut(track)?;
            window.deliver(fragment.frame);
            let is_newest = window.is_newest_delivered(fragment.frame);
            return Ok(Inserted::Single { is_newest });
        }
        if !self.can_fit(fragment) {
            return Err(DropReason::ReassemblyFull);
        }
        let index = self.find_room(now, track, fragment.frame)?;
        self.slot_mut(index)?.start(now, track, fragment);
        let window = self.track_mut(track)?;
        window.slots_held = window.slots_held.saturating_add(1);
        self.store(now, index, fragment)
    }

    /// Stores a fragment in the slot of its frame.
    fn store(&mut self, now: Instant, index: usize, fragment: &Fragment<'_>) -> Result<Inserted, DropReason> {
        let begin = index.saturating_mul(self.slot_bytes);
        let end = begin.saturating_add(self.slot_bytes);
        let memory = self.memory.get_mut(begin..end);
        let slot = self.slots.get_mut(index);
        let (Some(memory), Some(slot)) = (memory, slot) else {
            return Err(DropReason::ReassemblyFull);
        };
        if !slot.agrees(fragment) {
            return Err(DropReason::FragmentMismatch);
        }
        if !slot.mark(fragment.index) {
            return Err(DropReason::Duplicate);
        }
        if slot.store(fragment, memory).is_none() {
            self.give_up(index);
            return Err(DropReason::ReassemblyFull);
        }
        if slot.received < slot.count {
            return Ok(Inserted::Partial);
        }
        slot.state = SlotState::Complete;
        slot.complete_at = now;
        let (track, frame, generation) = (slot.track, slot.frame, slot.generation);
        self.track_mut(track)?.deliver(frame);
        Ok(Inserted::Complete(FrameRef { slot: index, generation }))
    }

    /// Whether a frame can fit in a slot, as far as its first fragment to come tells.
    fn can_fit(&self, fragment: &Fragment<'_>) -> bool {
        let others = usize::from(fragment.count.saturating_sub(1));
        let len = fragment.payload.len();
        let is_last = fragment.index.saturating_add(1) == fragment.count;
        // The last fragment is no longer than the others; after any other one comes at least one byte.
        let last_len = if is_last { len } else { 1 };
        others.saturating_mul(len).saturating_add(last_len) <= self.slot_bytes
    }

    fn find_or_open_track(&mut self, now: Instant, key: TrackKey, frame: u32) -> Result<usize, DropReason> {
        let known = |w: &TrackWindow| w.is_used && w.key == key;
        if let Some(index) = self.tracks.iter().position(known) {
            self.resume_if_due(index, frame);
            self.track_mut(index)?.used_at = now;
            return Ok(index);
        }
        let idle = self.tracks.iter().enumerate().filter(|(_, w)| w.slots_held == 0);
        let oldest = idle.min_by_key(|(_, w)| (w.is_used, w.used_at));
        let (index, _) = oldest.ok_or(DropReason::ReassemblyFull)?;
        *self.track_mut(index)? = TrackWindow::open(key, frame, now);
        Ok(index)
    }

    /// If another layer of the track came since this one did, this one was not sent for a while.
    fn resume_if_due(&mut self, index: usize, frame: u32) {
        let Some(window) = self.tracks.get(index) else { return };
        let came_since = |other: &TrackWindow| {
            let is_same = TrackKey { layer: other.key.layer, ..window.key } == other.key;
            other.is_used && is_same && other.key.layer != window.key.layer && other.used_at > window.used_at
        };
        if window.standing(frame) != Standing::Newer || !self.tracks.iter().any(came_since) {
            return;
        }
        if let Some(window) = self.tracks.get_mut(index) {
            window.resume(frame);
        }
        self.advance(index, frame);
    }

    fn find_slot(&self, track: usize, frame: u32) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| slot.state == SlotState::Partial && slot.track == track && slot.frame == frame)
    }

    /// A free slot for `frame` of `track`, made free if need be and right.
    fn find_room(&mut self, now: Instant, track: usize, frame: u32) -> Result<usize, DropReason> {
        if let Some(free) = self.find_free() {
            return Ok(free);
        }
        self.handle_timeout(now);
        if let Some(free) = self.find_free() {
            return Ok(free);
        }
        let held = self.track_mut(track)?.slots_held;
        let share = self.fair_share(held);
        let own = || self.oldest_partial_before(track, frame);
        let other = || self.oldest_partial_above(share);
        let victim = if held < share { other().or_else(own) } else { own() };
        let victim = victim.ok_or(DropReason::ReassemblyFull)?;
        self.give_up(victim);
        Ok(victim)
    }

    fn find_free(&self) -> Option<usize> {
        self.slots.iter().position(|s| s.state == SlotState::Free)
    }

    /// Slots per track that uses any, counting in one that holds `held` and wants more.
    fn fair_share(&self, held: usize) -> usize {
        let holders = self.tracks.iter().filter(|w| w.slots_held > 0).count();
        let sharers = holders.saturating_add(usize::from(held == 0));
        let share = self.slots.len().checked_div(sharers);
        share.unwrap_or(1).max(1)
    }

    /// The oldest unfinished frame of `track` that is older than `frame`: a newer one is worth more than this one.
    fn oldest_partial_before(&self, track: usize, frame: u32) -> Option<usize> {
        let mut oldest: Option<(usize, u32)> = None;
        for (index, slot) in self.slots.iter().enumerate() {
            if slot.state == SlotState::Partial
                && slot.track == track
                && is_newer(oldest.map_or(frame, |(_, frame)| frame), slot.frame)
            {
                oldest = Some((index, slot.frame));
            }
        }
        oldest.map(|(index, _)| index)
    }

    /// The unfinished frame that waits longest among the tracks that hold more than `share` slots.
    fn oldest_partial_above(&self, share: usize) -> Option<usize> {
        let takes_too_much = |slot: &ReassemblySlot| {
            let window = self.tracks.get(slot.track);
            slot.state == SlotState::Partial && window.is_some_and(|w| w.slots_held > share)
        };
        let slots = self.slots.iter().enumerate();
        let candidates = slots.filter(|(_, slot)| takes_too_much(slot));
        let oldest = candidates.min_by_key(|(_, slot)| slot.first_at);
        oldest.map(|(index, _)| index)
    }

    /// Moves a track's window on, and frees the slots of frames that left it: they were counted as lost there.
    fn advance(&mut self, track: usize, frame: u32) {
        if let Some(window) = self.tracks.get_mut(track) {
            window.advance(frame);
        }
        self.give_up_where(|slot, window, _| slot.track == track && window.standing(slot.frame) == Standing::Late);
    }

    fn give_up_where(&mut self, is_due: impl Fn(&ReassemblySlot, &TrackWindow, Duration) -> bool) {
        for index in 0..self.slots.len() {
            if let Some(slot) = self.slots.get(index)
                && slot.state == SlotState::Partial
                && let Some(window) = self.tracks.get(slot.track)
                && is_due(slot, window, self.deadline)
            {
                self.give_up(index);
            }
        }
    }

    /// Frees the slot of an unfinished frame and settles the frame as lost.
    fn give_up(&mut self, index: usize) {
        if let Some(slot) = self.slots.get(index)
            && let Some(window) = self.tracks.get_mut(slot.track)
        {
            window.give_up(slot.frame);
            self.vacate(index);
        }
    }

    /// Makes a slot free.
    fn vacate(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index)
            && let Some(window) = self.tracks.get_mut(slot.track)
        {
            slot.state = SlotState::Free;
            window.slots_held = window.slots_held.saturating_sub(1);
        }
    }

    fn slot_mut(&mut self, index: usize) -> Result<&mut ReassemblySlot, DropReason> {
        self.slots.get_mut(index).ok_or(DropReason::ReassemblyFull)
    }

    fn track_mut(&mut self, index: usize) -> Result<&mut TrackWindow, DropReason> {
        self.tracks.get_mut(index).ok_or(DropReason::ReassemblyFull)
    }
}

/// Refuses a fragment that cannot belong to any frame.
fn check(fragment: &Fragment<'_>) -> Result<(), DropReason> {
    let is_place_legal = fragment.index < fragment.count;
    if !is_place_legal || usize::from(fragment.count) > FRAGMENTS_MAX || fragment.payload.is_empty() {
        return Err(DropReason::FragmentMismatch);
    }
    if fragment.payload.len() > FRAGMENT_PAYLOAD_MAX_BYTES {
        return Err(DropReason::Length);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
