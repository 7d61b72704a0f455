//! Asking for what is missing (RFC 4585, generic NACK): which packets of a track and layer did not come, when to ask for
//! them, and when no longer.
//!
//! **Datagram** (big-endian): 1 to [`NACK_ENTRIES_MAX`] entries of 16 bytes, `room u32 | sender u16 | track u8 | layer u8 |
//! seq u32 | more u32`: the packet `seq`, and `seq + 1 + i` for each bit *i* of `more`, the least significant bit first.

use core::ops::Add;

use super::track_window::TrackKey;
use crate::error::DropReason;
use crate::limits::{LAYERS_MAX, ROOM_PARTICIPANTS_MAX, TRACKS_MAX};
use crate::time::{Duration, Instant};
use crate::wire::media::{Form, MediaHeader};

/// Bytes of an entry.
pub const NACK_ENTRY_BYTES: usize = 16;
/// Entries of one datagram.
pub const NACK_ENTRIES_MAX: usize = 16;
/// Longest body.
pub const NACK_MAX_BYTES: usize = NACK_ENTRY_BYTES * NACK_ENTRIES_MAX;

/// A leap over more packets than this is a new beginning, not a loss.
const LEAP_MAX: u32 = 512;
/// Each packet is asked for this often at most: twice after a round trip, then after twice as long each time, since what is
/// still missing then was not lost by chance.
const ROUNDS_MAX: u8 = 6;
/// If the end of a frame does not come for this long after what came last of it, it is missing ...
const TAIL_PATIENCE: Duration = Duration::from_millis(4);
/// ... or for twice as long as lately lay between two packets of a frame: a slow link, or a sender that spreads its frames,
/// brings them one by one. But not longer than this.
const TAIL_PATIENCE_MAX: Duration = Duration::from_millis(100);
/// Where parity follows, it has this long to make asking unnecessary.
const PARITY_PATIENCE: Duration = Duration::from_millis(16);
/// Until the round trip is known.
const RTT_UNKNOWN: Duration = Duration::from_millis(40);
/// What comes later than this is of no use to anybody.
const DEADLINE: Duration = Duration::from_millis(400);

/// Some packets of one track and layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NackEntry {
    /// Whose, which.
    pub key: TrackKey,
    /// The first of them.
    pub seq: u32,
    /// Which of the 32 after it, too.
    pub more: u32,
}

impl NackEntry {
    /// Writes the entry.
    pub const fn emit(&self) -> [u8; NACK_ENTRY_BYTES] {
        let [r0, r1, r2, r3] = self.key.room.to_be_bytes();
        let [s0, s1] = self.key.sender.to_be_bytes();
        let [q0, q1, q2, q3] = self.seq.to_be_bytes();
        let [m0, m1, m2, m3] = self.more.to_be_bytes();
        [r0, r1, r2, r3, s0, s1, self.key.track, self.key.layer, q0, q1, q2, q3, m0, m1, m2, m3]
    }

    fn read(bytes: &[u8; NACK_ENTRY_BYTES]) -> Self {
        let [r0, r1, r2, r3, s0, s1, track, layer, q0, q1, q2, q3, m0, m1, m2, m3] = *bytes;
        let (room, sender) = (u32::from_be_bytes([r0, r1, r2, r3]), u16::from_be_bytes([s0, s1]));
        let key = TrackKey { room, sender, track, layer };
        Self { key, seq: u32::from_be_bytes([q0, q1, q2, q3]), more: u32::from_be_bytes([m0, m1, m2, m3]) }
    }

    /// The packets that it names.
    pub fn packets(&self) -> impl Iterator<Item = u32> + use<> {
        let Self { seq, more, .. } = *self;
        let others = (0..32u32).filter(move |bit| more.checked_shr(*bit).unwrap_or(0) & 1 != 0);
        core::iter::once(seq).chain(others.map(move |bit| seq.wrapping_add(bit).wrapping_add(1)))
    }

    /// Adds a packet; false if it is too far from the first one.
    const fn add(&mut self, seq: u32) -> bool {
        match seq.wrapping_sub(self.seq) {
            0 => true,
            ahead => match 1u32.checked_shl(ahead.wrapping_sub(1)) {
                Some(bit) => {
                    self.more |= bit;
                    true
                }
                None => false,
            },
        }
    }
}

/// Reads the body of a NACK.
///
/// # Errors
/// [`DropReason::Length`] unless it has 1 to [`NACK_ENTRIES_MAX`] whole entries; [`DropReason::MediaHeader`] if one names
/// a place, track or layer that cannot be.
pub fn parse_nack(body: &[u8]) -> Result<impl Iterator<Item = NackEntry> + '_, DropReason> {
    let (entries, rest) = body.as_chunks::<NACK_ENTRY_BYTES>();
    if !rest.is_empty() || !(1..=NACK_ENTRIES_MAX).contains(&entries.len()) {
        return Err(DropReason::Length);
    }
    let entries = entries.iter().map(NackEntry::read);
    let is_sound = |entry: NackEntry| {
        usize::from(entry.key.sender) < ROOM_PARTICIPANTS_MAX
            && usize::from(entry.key.track) < TRACKS_MAX
            && usize::from(entry.key.layer) < LAYERS_MAX
    };
    if entries.clone().all(is_sound) { Ok(entries) } else { Err(DropReason::MediaHeader) }
}

/// A body that is being filled.
#[derive(Debug)]
pub struct NackBody {
    entries: [NackEntry; NACK_ENTRIES_MAX],
    filled: usize,
    bytes: [u8; NACK_MAX_BYTES],
}

impl Default for NackBody {
    fn default() -> Self {
        let none = NackEntry { key: TrackKey { room: 0, sender: 0, track: 0, layer: 0 }, seq: 0, more: 0 };
        Self { entries: [none; NACK_ENTRIES_MAX], filled: 0, bytes: [0; NACK_MAX_BYTES] }
    }
}

impl NackBody {
    /// Adds a packet; false if there is no room for it.
    pub fn add(&mut self, key: TrackKey, seq: u32) -> bool {
        let filled = self.entries.get_mut(..self.filled).unwrap_or_default();
        if filled.iter_mut().any(|entry| entry.key == key && entry.add(seq)) {
            return true;
        }
        let Some(entry) = self.entries.get_mut(self.filled) else { return false };
        *entry = NackEntry { key, seq, more: 0 };
        self.filled = self.filled.saturating_add(1);
        true
    }

    /// The body, to be sealed in place; empty if nothing was added.
    pub fn finish(&mut self) -> &mut [u8] {
        let (places, _) = self.bytes.as_chunks_mut::<NACK_ENTRY_BYTES>();
        for (place, entry) in places.iter_mut().zip(&self.entries) {
            *place = entry.emit();
        }
        let len_bytes = self.filled.saturating_mul(NACK_ENTRY_BYTES);
        self.bytes.get_mut(..len_bytes).unwrap_or_default()
    }
}

/// Unit of the time until a missing packet is asked for: two bytes hold more than [`DEADLINE`] of it.
const ASK_UNIT_US: u64 = 10;

/// A packet that did not come yet. Twelve bytes: a server has many.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    seq: u32,
    /// The low half of the microseconds when it was noticed.
    noticed_us: u32,
    /// When it is to be asked for: so many [`ASK_UNIT_US`] after it was noticed.
    ask_after: u16,
    rounds: u8,
    /// The place of its track.
    track: u8,
}

impl Missing {
    /// A place that holds nothing.
    pub const NONE: Self = Self { seq: 0, noticed_us: 0, ask_after: 0, rounds: 0, track: 0 };

    const fn noticed_at(&self, now: Instant) -> Instant {
        let ago = (now.as_micros() as u32).wrapping_sub(self.noticed_us);
        Instant::from_micros(now.as_micros().saturating_sub(ago as u64))
    }

    fn ask_at(&self, now: Instant) -> Instant {
        let after = Duration::from_micros(u64::from(self.ask_after).saturating_mul(ASK_UNIT_US));
        self.noticed_at(now).add(after)
    }

    /// Puts the next question off until `at`.
    fn ask_later(&mut self, now: Instant, at: Instant) {
        let after = at.since(self.noticed_at(now)).as_micros().div_ceil(ASK_UNIT_US);
        self.ask_after = u16::try_from(after).unwrap_or(u16::MAX);
    }
}

/// Forgets the first `count` and moves the others up.
fn close_up(missing: &mut [Missing], count: usize) {
    for index in 0..missing.len().saturating_sub(count) {
        let next = missing.get(index.saturating_add(count)).copied();
        if let (Some(next), Some(place)) = (next, missing.get_mut(index)) {
            *place = next;
        }
    }
}

/// What became of the packets of a track and layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GapStats {
    /// Packets that came, at first or later.
    pub received: u64,
    /// Packets that were missing when others after them came, or the end of their frame was over.
    pub missed: u64,
    /// Of those: came later.
    pub recovered: u64,
    /// Of those: made again from parity.
    pub by_parity: u64,
    /// How often one was asked for.
    pub asked: u64,
    /// Packets that are no longer asked for: nobody brings them any more, unless they are only late.
    pub given_up: u64,
}

impl Add for GapStats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            received: self.received.saturating_add(other.received),
            missed: self.missed.saturating_add(other.missed),
            recovered: self.recovered.saturating_add(other.recovered),
            by_parity: self.by_parity.saturating_add(other.by_parity),
            asked: self.asked.saturating_add(other.asked),
            given_up: self.given_up.saturating_add(other.given_up),
        }
    }
}

impl GapStats {
    /// Packets lost before and after repair. **Units:** millionths of all that should have come.
    pub fn loss_ppm(&self) -> (u64, u64) {
        let left = self.missed.saturating_sub(self.recovered);
        let all = self.received.saturating_add(left);
        let share = |part: u64| part.saturating_mul(1_000_000).checked_div(all).unwrap_or(0);
        (share(self.missed), share(left))
    }
}

/// What is known of the packets of one track and layer. Start every one as [`GapTracker::EMPTY`].
#[derive(Clone, Debug)]
pub struct GapTracker {
    key: TrackKey,
    is_used: bool,
    /// Whether frames have parity, as the last packet said.
    has_parity: bool,
    /// Whether they are strips, of which each is of use by itself.
    is_strips: bool,
    used_at: Instant,
    /// Newest packet that came or was given out as missing.
    newest: u32,
    /// The last packet of the newest frame, if it has not come, and when it counts as missing.
    tail: Option<(u32, Instant)>,
    /// The longest time of late between two packets of a frame.
    spacing_us: u64,
    stats: GapStats,
}

impl GapTracker {
    /// A place that no track uses.
    pub const EMPTY: Self = Self {
        key: TrackKey { room: 0, sender: 0, track: 0, layer: 0 },
        is_used: false,
        has_parity: false,
        is_strips: false,
        used_at: Instant::from_micros(0),
        newest: 0,
        tail: None,
        spacing_us: 0,
        stats: GapStats { received: 0, missed: 0, recovered: 0, by_parity: 0, asked: 0, given_up: 0 },
    };

    /// Notes an authentic packet, and tells what it did to the list of missing ones.
    fn note(&mut self, now: Instant, header: &MediaHeader) -> Noted {
        let silence = now.since(self.used_at);
        self.used_at = now;
        self.has_parity = header.parity > 0;
        self.is_strips = header.form == Form::Strips;
        let first = header.first_seq();
        let last = first.wrapping_add(header.count.into()).wrapping_sub(1);
        let mut noted = Noted::default();
        // What was sent in a long silence is too old, or was meant for others: a size that we were not sent meanwhile.
        if silence >= DEADLINE {
            noted.too_old = self.give_up_to(first.wrapping_sub(1));
        }
        if header.is_parity() {
            // It comes behind all of its frame.
            noted.missing = self.miss_up_to(last);
        } else {
            self.stats.received = self.stats.received.saturating_add(1);
            if is_ahead(header.seq, self.newest) {
                if header.index > 0 && header.seq == self.newest.wrapping_add(1) {
                    let faded_us = self.spacing_us.saturating_sub(self.spacing_us / 16);
                    self.spacing_us = silence.as_micros().max(faded_us);
                }
                noted.missing = self.miss_up_to(header.seq.wrapping_sub(1));
                self.newest = header.seq;
            } else {
                noted.came = Some(header.seq);
            }
        }
        let is_open = is_ahead(last, self.newest);
        if is_open || self.tail.is_some_and(|(seq, _)| !is_ahead(seq, self.newest)) {
            self.tail = is_open.then_some((last, now.add(self.tail_patience())));
        }
        noted
    }

    /// How long the end of a frame may stay away.
    fn tail_patience(&self) -> Duration {
        Duration::from_micros(self.spacing_us.saturating_mul(2)).max(TAIL_PATIENCE).min(TAIL_PATIENCE_MAX)
    }

    /// Everything after the newest packet up to `last` is missing: gives the newest of all before, and their number.
    fn miss_up_to(&mut self, last: u32) -> Run {
        let ahead = last.wrapping_sub(self.newest);
        if ahead == 0 || !is_ahead(last, self.newest) {
            return Run::Nothing;
        }
        if ahead > LEAP_MAX {
            return self.give_up_to(last);
        }
        let before = core::mem::replace(&mut self.newest, last);
        self.stats.missed = self.stats.missed.saturating_add(ahead.into());
        Run::Missing { before, count: ahead }
    }

    /// Nothing up to `last` is asked for. Of a leap only the last [`LEAP_MAX`] are told: of what lies before, nobody has
    /// anything any more.
    fn give_up_to(&mut self, last: u32) -> Run {
        if !is_ahead(last, self.newest) {
            return Run::Nothing;
        }
        let before = core::mem::replace(&mut self.newest, last);
        Run::TooOld { last, count: last.wrapping_sub(before).min(LEAP_MAX) }
    }

    fn give_up(&mut self, seq: u32, given_up: &mut impl FnMut(TrackKey, u32)) {
        self.stats.given_up = self.stats.given_up.saturating_add(1);
        if self.is_strips {
            given_up(self.key, seq);
        }
    }
}

/// What a step in a track's numbers means.
#[derive(Clone, Copy, Debug, Default)]
enum Run {
    #[default]
    Nothing,
    /// What was missing is of no interest any more, and neither are the `count` packets up to `last`.
    TooOld { last: u32, count: u32 },
    /// The `count` packets after `before` are missing.
    Missing { before: u32, count: u32 },
}

/// What a packet says about others and itself.
#[derive(Clone, Copy, Debug, Default)]
struct Noted {
    too_old: Run,
    missing: Run,
    /// It came after others that were sent behind it.
    came: Option<u32>,
}

/// The gaps of several tracks, in places that the caller lends or owns: `T` for what is known of each track, `M` for the
/// packets that are missing of all of them; of more, only the newest are asked for.
#[derive(Clone, Debug)]
pub struct Gaps<T, M> {
    tracks: T,
    /// Oldest first, as many as count.
    missing: M,
    missing_count: usize,
    /// Nothing is due earlier than this.
    due_at: Instant,
}

impl<T: Default, M: Default> Default for Gaps<T, M> {
    fn default() -> Self {
        Self { tracks: T::default(), missing: M::default(), missing_count: 0, due_at: Instant::NEVER }
    }
}

impl<T: AsMut<[GapTracker]> + AsRef<[GapTracker]>, M: AsMut<[Missing]> + AsRef<[Missing]>> Gaps<T, M> {
    /// Nothing is known of any track. A track takes the place of the one that was silent longest. **Shape:** more than 256
    /// tracks are not used.
    pub fn new(mut tracks: T, missing: M) -> Self {
        tracks.as_mut().fill(GapTracker::EMPTY);
        Self { tracks, missing, missing_count: 0, due_at: Instant::NEVER }
    }

    /// Notes an authentic packet of a track whose lost packets are worth asking for. The first one of a track says
    /// nothing of those before it. `given_up` hears of strips that are too old to be asked for.
    pub fn note(&mut self, now: Instant, header: &MediaHeader, given_up: &mut impl FnMut(TrackKey, u32)) {
        let Some(track) = self.place(now, header) else { return };
        let Some(tracker) = self.tracks.as_mut().get_mut(usize::from(track)) else { return };
        let noted = tracker.note(now, header);
        if let Some((_, at)) = tracker.tail {
            self.due_at = self.due_at.min(at);
        }
        if let Some(seq) = noted.came {
            self.take(track, seq);
        }
        self.miss(now, track, noted.too_old, given_up);
        self.miss(now, track, noted.missing, given_up);
    }

    /// A packet was made again from parity.
    pub fn handle_made(&mut self, header: &MediaHeader) {
        let key = TrackKey::of(header);
        let known = (0..=u8::MAX).zip(self.tracks.as_mut()).find(|(_, place)| place.is_used && place.key == key);
        if let Some((track, known)) = known {
            known.stats.by_parity = known.stats.by_parity.saturating_add(1);
            self.take(track, header.seq);
        }
    }

    /// Puts what is to be asked for now into a body, oldest first; empty if there is nothing. What found no room is due
    /// again at once. What is too late is given up: `given_up` hears of strips that are not asked for again.
    pub fn poll(&mut self, now: Instant, rtt: Duration, given_up: &mut impl FnMut(TrackKey, u32)) -> NackBody {
        let mut body = NackBody::default();
        if now < self.due_at {
            return body;
        }
        let mut due_at = Instant::NEVER;
        for track in 0..self.tracks.as_ref().len() {
            let Some(tracker) = self.tracks.as_mut().get_mut(track) else { break };
            let over = tracker.tail.take_if(|(_, at)| now >= *at).map(|(last, _)| tracker.miss_up_to(last));
            if let Some((_, at)) = tracker.tail {
                due_at = due_at.min(at);
            }
            self.miss(now, track as u8, over.unwrap_or_default(), given_up);
        }
        let rtt = if rtt == Duration::ZERO { RTT_UNKNOWN } else { rtt };
        let round_us = rtt.as_micros().saturating_add(rtt.as_micros() / 4).saturating_add(3000);
        let Self { tracks, missing, missing_count, .. } = self;
        retain(missing.as_mut(), missing_count, |one| {
            let is_over = now.since(one.noticed_at(now)) >= DEADLINE || rtt >= DEADLINE;
            let is_due = now >= one.ask_at(now);
            let Some(tracker) = tracks.as_mut().get_mut(usize::from(one.track)) else { return false };
            if is_over || (one.rounds >= ROUNDS_MAX && is_due) {
                tracker.give_up(one.seq, given_up);
                return false;
            }
            if is_due && body.add(tracker.key, one.seq) {
                let patience =
                    round_us.saturating_mul(1u64.checked_shl(one.rounds.saturating_sub(1).into()).unwrap_or(1));
                one.rounds = one.rounds.saturating_add(1);
                one.ask_later(now, now.add(Duration::from_micros(patience)));
                tracker.stats.asked = tracker.stats.asked.saturating_add(1);
            }
            due_at = due_at.min(one.ask_at(now));
            true
        });
        self.due_at = due_at;
        body
    }

    /// When [`Self::poll`] may have something to do, and not later than when it has.
    pub const fn due_at(&self) -> Instant {
        self.due_at
    }

    /// Forgets the tracks of whoever was in that place.
    pub fn forget(&mut self, room: u32, sender: u16) {
        for track in 0..self.tracks.as_ref().len() {
            let Some(tracker) = self.tracks.as_mut().get_mut(track) else { break };
            if tracker.is_used && (tracker.key.room, tracker.key.sender) == (room, sender) {
                *tracker = GapTracker::EMPTY;
                self.forget_missing(track as u8);
            }
        }
    }

    /// What became of the packets of each track and layer.
    pub fn stats(&self) -> impl Iterator<Item = (TrackKey, GapStats)> + '_ {
        self.tracks.as_ref().iter().filter(|place| place.is_used).map(|place| (place.key, place.stats))
    }

    /// The place of a packet's track: its own, or the one that was silent longest.
    fn place(&mut self, now: Instant, header: &MediaHeader) -> Option<u8> {
        let key = TrackKey::of(header);
        let tracks = self.tracks.as_mut();
        if let Some((track, _)) = (0..=u8::MAX).zip(&*tracks).find(|(_, place)| place.is_used && place.key == key) {
            return Some(track);
        }
        let places = (0..=u8::MAX).zip(tracks);
        let (track, place) = places.min_by_key(|(_, place)| (place.is_used, place.used_at))?;
        let newest = if header.is_parity() { header.first_seq() } else { header.seq }.wrapping_sub(1);
        *place = GapTracker { key, is_used: true, used_at: now, newest, ..GapTracker::EMPTY };
        self.forget_missing(track);
        Some(track)
    }

    /// Packets of a track are missing, or those that were are of no interest any more.
    fn miss(&mut self, now: Instant, track: u8, run: Run, given_up: &mut impl FnMut(TrackKey, u32)) {
        let (before, count) = match run {
            Run::Nothing => return,
            Run::TooOld { last, count } => return self.give_up(track, last, count, given_up),
            Run::Missing { before, count } => (before, count),
        };
        let has_parity = self.tracks.as_ref().get(usize::from(track)).is_some_and(|tracker| tracker.has_parity);
        let patience = if has_parity { PARITY_PATIENCE } else { Duration::ZERO };
        let missing = self.missing.as_mut();
        // Of more than fit, the newest.
        let kept = (count as usize).min(missing.len());
        let excess = self.missing_count.saturating_add(kept).saturating_sub(missing.len());
        if excess > 0 {
            for one in missing.iter().take(excess) {
                if let Some(tracker) = self.tracks.as_mut().get_mut(usize::from(one.track)) {
                    tracker.give_up(one.seq, given_up);
                }
            }
            close_up(missing.get_mut(..self.missing_count).unwrap_or_default(), excess);
            self.missing_count = self.missing_count.saturating_sub(excess);
        }
        let first = before.wrapping_add(count).wrapping_sub(kept as u32);
        if let Some(tracker) = self.tracks.as_mut().get_mut(usize::from(track)) {
            (0..first.wrapping_sub(before)).for_each(|step| {
                tracker.give_up(before.wrapping_add(step).wrapping_add(1), given_up);
            });
        }
        let free = missing.get_mut(self.missing_count..).unwrap_or_default();
        for (place, step) in free.iter_mut().take(kept).zip(1..) {
            let noticed_us = now.as_micros() as u32;
            *place = Missing { seq: first.wrapping_add(step), noticed_us, ask_after: 0, rounds: 0, track };
            place.ask_later(now, now.add(patience));
        }
        self.missing_count = self.missing_count.saturating_add(kept);
        self.due_at = self.due_at.min(now.add(patience));
    }

    /// Nothing of a track up to `last` is asked for any more; the `count` packets up to there have not been before.
    fn give_up(&mut self, track: u8, last: u32, count: u32, given_up: &mut impl FnMut(TrackKey, u32)) {
        let Self { tracks, missing, missing_count, .. } = self;
        let Some(tracker) = tracks.as_mut().get_mut(usize::from(track)) else { return };
        retain(missing.as_mut(), missing_count, |one| {
            let is_other = one.track != track;
            if !is_other {
                tracker.give_up(one.seq, given_up);
            }
            is_other
        });
        (0..count).rev().for_each(|back| tracker.give_up(last.wrapping_sub(back), given_up));
    }

    /// A packet is not missing any more.
    fn take(&mut self, track: u8, seq: u32) {
        let known = self.missing.as_mut().get_mut(..self.missing_count).unwrap_or_default();
        let Some(index) = known.iter().position(|one| one.track == track && one.seq == seq) else { return };
        close_up(known.get_mut(index..).unwrap_or_default(), 1);
        self.missing_count = self.missing_count.saturating_sub(1);
        if let Some(tracker) = self.tracks.as_mut().get_mut(usize::from(track)) {
            tracker.stats.recovered = tracker.stats.recovered.saturating_add(1);
        }
    }

    /// Nothing of a track is missing.
    fn forget_missing(&mut self, track: u8) {
        retain(self.missing.as_mut(), &mut self.missing_count, |one| one.track != track);
    }
}

/// Keeps those of the first `count` that `is_kept` says, in order.
fn retain(missing: &mut [Missing], count: &mut usize, mut is_kept: impl FnMut(&mut Missing) -> bool) {
    let mut kept = 0;
    for index in 0..*count {
        let Some(mut one) = missing.get(index).copied() else { break };
        if !is_kept(&mut one) {
            continue;
        }
        if let Some(place) = missing.get_mut(kept) {
            *place = one;
            kept = kept.saturating_add(1);
        }
    }
    *count = kept;
}

/// Whether packet `a` comes after `b` (RFC 1982).
const fn is_ahead(a: u32, b: u32) -> bool {
    super::track_window::is_newer(a, b)
}

#[cfg(test)]
mod tests;
