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

/// Packets of one track and layer that may be missing at the same time; of more, only the newest are asked for.
const MISSING_MAX: usize = 64;
/// A leap over more packets than this is a new beginning, not a loss.
const LEAP_MAX: u32 = 512;
/// Each packet is asked for this often at most.
const ROUNDS_MAX: u8 = 4;
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
    bytes: [u8; NACK_MAX_BYTES],
    filled: usize,
    open: Option<NackEntry>,
}

impl Default for NackBody {
    fn default() -> Self {
        Self { bytes: [0; NACK_MAX_BYTES], filled: 0, open: None }
    }
}

impl NackBody {
    /// Adds a packet; false if there is no room for it.
    pub fn add(&mut self, key: TrackKey, seq: u32) -> bool {
        if self.open.as_mut().is_some_and(|open| open.key == key && open.add(seq)) {
            return true;
        }
        self.close();
        let has_room = self.filled < NACK_MAX_BYTES;
        if has_room {
            self.open = Some(NackEntry { key, seq, more: 0 });
        }
        has_room
    }

    /// The body, to be sealed in place; empty if nothing was added.
    pub fn finish(&mut self) -> &mut [u8] {
        self.close();
        self.bytes.get_mut(..self.filled).unwrap_or_default()
    }

    fn close(&mut self) {
        let Some(entry) = self.open.take() else { return };
        let free = self.bytes.get_mut(self.filled..).unwrap_or_default();
        if let Some(place) = free.first_chunk_mut::<NACK_ENTRY_BYTES>() {
            *place = entry.emit();
            self.filled = self.filled.saturating_add(NACK_ENTRY_BYTES);
        }
    }
}

/// A packet that did not come yet.
#[derive(Clone, Copy, Debug)]
struct Missing {
    seq: u32,
    rounds: u8,
    noticed_at: Instant,
    ask_at: Instant,
}

impl Missing {
    const NONE: Self = Self { seq: 0, rounds: 0, noticed_at: Instant::NEVER, ask_at: Instant::NEVER };
}

/// Forgets the first and moves the others up.
fn close_up(mut missing: &mut [Missing]) {
    while let [place, others @ ..] = missing {
        if let Some(next) = others.first() {
            *place = *next;
        }
        missing = others;
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

/// The gaps of one track and layer. **Bound:** about 1.6 KiB. Start every one as [`GapTracker::EMPTY`].
#[derive(Clone, Debug)]
pub struct GapTracker {
    key: TrackKey,
    is_used: bool,
    used_at: Instant,
    /// Newest packet that came or was given out as missing.
    newest: u32,
    /// The last packet of the newest frame, if it has not come, and when it counts as missing.
    tail: Option<(u32, Instant)>,
    /// The longest time of late between two packets of a frame.
    spacing_us: u64,
    /// Whether frames have parity, as the last packet said.
    has_parity: bool,
    /// Whether they are strips, of which each is of use by itself.
    is_strips: bool,
    missing: [Missing; MISSING_MAX],
    missing_count: usize,
    due_at: Instant,
    stats: GapStats,
}

impl GapTracker {
    /// A place that no track uses.
    pub const EMPTY: Self = Self {
        key: TrackKey { room: 0, sender: 0, track: 0, layer: 0 },
        is_used: false,
        used_at: Instant::from_micros(0),
        newest: 0,
        tail: None,
        spacing_us: 0,
        has_parity: false,
        is_strips: false,
        missing: [Missing::NONE; MISSING_MAX],
        missing_count: 0,
        due_at: Instant::NEVER,
        stats: GapStats { received: 0, missed: 0, recovered: 0, by_parity: 0, asked: 0, given_up: 0 },
    };

    /// Notes an authentic packet.
    fn note(&mut self, now: Instant, header: &MediaHeader, given_up: &mut impl FnMut(TrackKey, u32)) {
        let silence = now.since(self.used_at);
        self.used_at = now;
        self.has_parity = header.parity > 0;
        self.is_strips = header.form == Form::Strips;
        let first = header.first_seq();
        let last = first.wrapping_add(header.count.into()).wrapping_sub(1);
        // What was sent in a long silence is too old, or was meant for others: a size that we were not sent meanwhile.
        if silence >= DEADLINE {
            self.give_up_to(first.wrapping_sub(1), given_up);
        }
        if header.is_parity() {
            // It comes behind all of its frame.
            self.miss_up_to(now, last, given_up);
        } else {
            self.stats.received = self.stats.received.saturating_add(1);
            if is_ahead(header.seq, self.newest) {
                if header.index > 0 && header.seq == self.newest.wrapping_add(1) {
                    let faded_us = self.spacing_us.saturating_sub(self.spacing_us / 16);
                    self.spacing_us = silence.as_micros().max(faded_us);
                }
                self.miss_up_to(now, header.seq.wrapping_sub(1), given_up);
                self.newest = header.seq;
            } else {
                self.take(header.seq);
            }
        }
        let is_open = is_ahead(last, self.newest);
        if is_open || self.tail.is_some_and(|(seq, _)| !is_ahead(seq, self.newest)) {
            self.tail = is_open.then_some((last, now.add(self.tail_patience())));
        }
        self.update_due();
    }

    /// How long the end of a frame may stay away.
    fn tail_patience(&self) -> Duration {
        Duration::from_micros(self.spacing_us.saturating_mul(2)).max(TAIL_PATIENCE).min(TAIL_PATIENCE_MAX)
    }

    /// Asks for what is due, through `ask`, until that says that there is no room; gives up what is too late.
    fn poll(
        &mut self,
        now: Instant,
        rtt: Duration,
        mut ask: impl FnMut(TrackKey, u32) -> bool,
        given_up: &mut impl FnMut(TrackKey, u32),
    ) {
        if let Some((last, _)) = self.tail.take_if(|(_, at)| now >= *at) {
            self.miss_up_to(now, last, given_up);
        }
        let rtt = if rtt == Duration::ZERO { RTT_UNKNOWN } else { rtt };
        let round = Duration::from_micros(rtt.as_micros().saturating_add(rtt.as_micros() / 4).saturating_add(3000));
        let mut kept = 0;
        let mut has_room = true;
        for index in 0..self.missing_count {
            let Some(mut one) = self.missing.get(index).copied() else { break };
            let is_over = now.since(one.noticed_at) >= DEADLINE || rtt >= DEADLINE;
            if is_over || (one.rounds >= ROUNDS_MAX && now >= one.ask_at) {
                self.give_up(one.seq, given_up);
                continue;
            }
            if now >= one.ask_at && has_room {
                has_room = ask(self.key, one.seq);
                if has_room {
                    one.rounds = one.rounds.saturating_add(1);
                    one.ask_at = now.add(round);
                    self.stats.asked = self.stats.asked.saturating_add(1);
                }
            }
            if let Some(place) = self.missing.get_mut(kept) {
                *place = one;
                kept = kept.saturating_add(1);
            }
        }
        self.missing_count = kept;
        self.update_due();
    }

    /// A packet came after others that were sent behind it.
    fn take(&mut self, seq: u32) {
        let known = self.missing.get_mut(..self.missing_count).unwrap_or_default();
        let Some(index) = known.iter().position(|one| one.seq == seq) else { return };
        close_up(known.get_mut(index..).unwrap_or_default());
        self.missing_count = self.missing_count.saturating_sub(1);
        self.stats.recovered = self.stats.recovered.saturating_add(1);
    }

    /// Everything after the newest packet up to `last` is missing.
    fn miss_up_to(&mut self, now: Instant, last: u32, given_up: &mut impl FnMut(TrackKey, u32)) {
        let ahead = last.wrapping_sub(self.newest);
        if ahead == 0 || !is_ahead(last, self.newest) {
            return;
        }
        if ahead > LEAP_MAX {
            self.give_up_to(last, given_up);
            return;
        }
        self.stats.missed = self.stats.missed.saturating_add(ahead.into());
        let patience = if self.has_parity { PARITY_PATIENCE } else { Duration::ZERO };
        for step in 0..ahead {
            let seq = self.newest.wrapping_add(step).wrapping_add(1);
            let one = Missing { seq, rounds: 0, noticed_at: now, ask_at: now.add(patience) };
            if self.missing_count >= MISSING_MAX {
                if let Some(oldest) = self.missing.first() {
                    self.give_up(oldest.seq, given_up);
                }
                close_up(&mut self.missing);
                self.missing_count = MISSING_MAX.saturating_sub(1);
            }
            if let Some(place) = self.missing.get_mut(self.missing_count) {
                *place = one;
                self.missing_count = self.missing_count.saturating_add(1);
            }
        }
        self.newest = last;
    }

    /// Nothing up to `last` is asked for. Of a leap only the last [`LEAP_MAX`] are told: of what lies before, nobody has
    /// anything any more.
    fn give_up_to(&mut self, last: u32, given_up: &mut impl FnMut(TrackKey, u32)) {
        if !is_ahead(last, self.newest) {
            return;
        }
        for index in 0..self.missing_count {
            let Some(one) = self.missing.get(index).copied() else { break };
            self.give_up(one.seq, given_up);
        }
        self.missing_count = 0;
        let ahead = last.wrapping_sub(self.newest).min(LEAP_MAX);
        for back in (0..ahead).rev() {
            self.give_up(last.wrapping_sub(back), given_up);
        }
        self.newest = last;
    }

    fn give_up(&mut self, seq: u32, given_up: &mut impl FnMut(TrackKey, u32)) {
        self.stats.given_up = self.stats.given_up.saturating_add(1);
        if self.is_strips {
            given_up(self.key, seq);
        }
    }

    fn update_due(&mut self) {
        let missing = self.missing.get(..self.missing_count).unwrap_or_default();
        let ask_at = missing.iter().map(|one| one.ask_at).min().unwrap_or(Instant::NEVER);
        self.due_at = self.tail.map_or(Instant::NEVER, |(_, at)| at).min(ask_at);
    }
}

/// The gaps of several tracks, in places that the caller lends or owns.
#[derive(Clone, Debug)]
pub struct Gaps<P> {
    places: P,
    /// Nothing is due earlier than this.
    due_at: Instant,
}

impl<P: Default> Default for Gaps<P> {
    fn default() -> Self {
        Self { places: P::default(), due_at: Instant::NEVER }
    }
}

impl<P: AsMut<[GapTracker]> + AsRef<[GapTracker]>> Gaps<P> {
    /// Nothing is known of any track. A track takes the place of the one that was silent longest.
    pub fn new(mut places: P) -> Self {
        places.as_mut().fill(GapTracker::EMPTY);
        Self { places, due_at: Instant::NEVER }
    }

    /// Notes an authentic packet of a track whose lost packets are worth asking for. The first one of a track says
    /// nothing of those before it. `given_up` hears of strips that are too old to be asked for.
    pub fn note(&mut self, now: Instant, header: &MediaHeader, given_up: &mut impl FnMut(TrackKey, u32)) {
        let key = TrackKey::of(header);
        let places = self.places.as_mut();
        if let Some(known) = places.iter_mut().find(|place| place.is_used && place.key == key) {
            known.note(now, header, given_up);
            self.due_at = self.due_at.min(known.due_at);
            return;
        }
        let Some(place) = places.iter_mut().min_by_key(|place| (place.is_used, place.used_at)) else { return };
        let newest = if header.is_parity() { header.first_seq() } else { header.seq }.wrapping_sub(1);
        *place = GapTracker { key, is_used: true, used_at: now, newest, ..GapTracker::EMPTY };
        place.note(now, header, given_up);
        self.due_at = self.due_at.min(place.due_at);
    }

    /// A packet was made again from parity.
    pub fn handle_made(&mut self, header: &MediaHeader) {
        let key = TrackKey::of(header);
        let known = self.places.as_mut().iter_mut().find(|place| place.is_used && place.key == key);
        if let Some(known) = known {
            known.take(header.seq);
            known.stats.by_parity = known.stats.by_parity.saturating_add(1);
            known.update_due();
        }
    }

    /// Puts what is to be asked for now into a body; empty if there is nothing. What found no room is due again at once.
    /// `given_up` hears of strips that are not asked for again.
    pub fn poll(&mut self, now: Instant, rtt: Duration, given_up: &mut impl FnMut(TrackKey, u32)) -> NackBody {
        let mut body = NackBody::default();
        self.due_at = Instant::NEVER;
        for place in self.places.as_mut().iter_mut().filter(|place| place.is_used) {
            if now >= place.due_at {
                place.poll(now, rtt, |key, seq| body.add(key, seq), given_up);
            }
            self.due_at = self.due_at.min(place.due_at);
        }
        body
    }

    /// When [`Self::poll`] may have something to do, and not later than when it has.
    pub const fn due_at(&self) -> Instant {
        self.due_at
    }

    /// Forgets the tracks of whoever was in that place.
    pub fn forget(&mut self, room: u32, sender: u16) {
        for place in self.places.as_mut() {
            if place.is_used && (place.key.room, place.key.sender) == (room, sender) {
                *place = GapTracker::EMPTY;
            }
        }
    }

    /// What became of the packets of each track and layer.
    pub fn stats(&self) -> impl Iterator<Item = (TrackKey, GapStats)> + '_ {
        self.places.as_ref().iter().filter(|place| place.is_used).map(|place| (place.key, place.stats))
    }
}

/// Whether packet `a` comes after `b` (RFC 1982).
const fn is_ahead(a: u32, b: u32) -> bool {
    super::track_window::is_newer(a, b)
}

#[cfg(test)]
mod tests;
