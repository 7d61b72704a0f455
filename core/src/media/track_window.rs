//! What is known of the last 64 frames of one track: which were delivered, which were given up.
//!
//! Frame numbers wrap: a number is *newer* than another if it is less than half the number space ahead of it
//! (serial number arithmetic, RFC 1982).

use crate::time::Instant;
use crate::wire::media::MediaHeader;

/// Frames that a window remembers: the newest and the 63 before it.
pub const WINDOW_FRAMES: u32 = 64;

/// Which track, and which layer of it. **Bound:** the caller admits only tracks that were announced: the number of
/// different keys that one sender can bring is limited there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TrackKey {
    /// The receiver's number of the room.
    pub room: u32,
    /// The sender's place in that room.
    pub sender: u16,
    /// The sender's number of the track.
    pub track: u8,
    /// The layer of that track.
    pub layer: u8,
}

impl TrackKey {
    /// The track and layer that a packet belongs to.
    pub const fn of(header: &MediaHeader) -> Self {
        Self { room: header.room.0, sender: header.sender.0, track: header.track.0, layer: header.layer }
    }
}

/// Counts of one track since it was first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackStats {
    /// Frames that were delivered whole.
    pub frames_complete: u64,
    /// Frames that were given up, and frames of which nothing came before they left the window.
    pub frames_lost: u64,
    /// Fragments that had come before, or whose frame was delivered.
    pub duplicates: u64,
    /// Fragments of frames that were given up or are older than the window.
    pub late: u64,
}

/// What the window says about a frame number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Newer than all frames seen so far.
    Newer,
    /// In the window and not settled.
    Open,
    /// Delivered.
    Delivered,
    /// Given up, or older than the window.
    Late,
}

/// State of one track, in memory lent by the caller. Start every one as [`TrackWindow::EMPTY`].
#[derive(Clone, Debug)]
pub struct TrackWindow {
    pub(super) key: TrackKey,
    pub(super) is_used: bool,
    /// Reassembly slots that frames of this track hold.
    pub(super) slots_held: usize,
    pub(super) used_at: Instant,
    pub(super) stats: TrackStats,
    /// Newest frame seen; bit `n` of the maps stands for the frame `n` before it.
    newest: u32,
    delivered: u64,
    given_up: u64,
    /// Of frames that come as strips, by frame number modulo the window: strips that are missing, 0 if none came yet.
    strips_left: [u16; WINDOW_FRAMES as usize],
    /// Places of the window that stand for frames since the first one seen: only these count as lost when they leave.
    places: u32,
}

impl TrackWindow {
    /// A place of the table that no track uses.
    pub const EMPTY: Self = Self {
        key: TrackKey { room: 0, sender: 0, track: 0, layer: 0 },
        is_used: false,
        slots_held: 0,
        used_at: Instant::from_micros(0),
        stats: TrackStats { frames_complete: 0, frames_lost: 0, duplicates: 0, late: 0 },
        newest: 0,
        delivered: 0,
        given_up: 0,
        strips_left: [0; WINDOW_FRAMES as usize],
        places: 0,
    };

    /// Begins a track at the first frame that was seen of it.
    pub(super) const fn open(key: TrackKey, first: u32, now: Instant) -> Self {
        Self { key, is_used: true, used_at: now, newest: first, places: 1, ..Self::EMPTY }
    }

    /// How many frames `frame` is behind the newest one; none if it is newer.
    pub(super) const fn age(&self, frame: u32) -> Option<u32> {
        if is_newer(frame, self.newest) { None } else { Some(self.newest.wrapping_sub(frame)) }
    }

    /// What is known of `frame`.
    pub(super) const fn standing(&self, frame: u32) -> Standing {
        let Some(age) = self.age(frame) else {
            return Standing::Newer;
        };
        let bit = bit(age);
        if bit == 0 || self.given_up & bit != 0 {
            Standing::Late
        } else if self.delivered & bit != 0 {
            Standing::Delivered
        } else {
            Standing::Open
        }
    }

    /// Moves the window on to a newer frame; what leaves it unsettled is lost. Does nothing for an older frame.
    pub(super) fn advance(&mut self, frame: u32) {
        if !is_newer(frame, self.newest) {
            return;
        }
        let steps = frame.wrapping_sub(self.newest);
        let leaving = WINDOW_FRAMES.saturating_sub(steps);
        let open = bits_below(self.places) & !bits_below(leaving) & !self.delivered & !self.given_up;
        let skipped = steps.saturating_sub(WINDOW_FRAMES);
        self.count_lost(u64::from(open.count_ones()).saturating_add(u64::from(skipped)));
        for step in 0..steps.min(WINDOW_FRAMES) {
            if let Some(left) = self.strips_left_mut(frame.wrapping_sub(step)) {
                *left = 0;
            }
        }
        self.newest = frame;
        self.delivered = self.delivered.checked_shl(steps).unwrap_or(0);
        self.given_up = self.given_up.checked_shl(steps).unwrap_or(0);
        self.places = self.places.saturating_add(steps).min(WINDOW_FRAMES);
    }

    /// Moves on to the first frame after a time in which another layer was sent instead: what lies between is not lost.
    pub(super) fn resume(&mut self, frame: u32) {
        let open = bits_below(self.places) & !self.delivered & !self.given_up;
        self.count_lost(u64::from(open.count_ones()));
        let (key, slots_held, used_at, stats) = (self.key, self.slots_held, self.used_at, self.stats);
        *self = Self { slots_held, stats, given_up: !1, ..Self::open(key, frame, used_at) };
    }

    /// Notes one more strip of `frame`, which is open and has `count` of them; with the last one the frame is delivered.
    pub(super) fn take_strip(&mut self, frame: u32, count: u16) {
        let Some(left) = self.strips_left_mut(frame) else { return };
        let before = if *left == 0 { count } else { *left };
        *left = before.saturating_sub(1);
        if *left == 0 {
            self.deliver(frame);
        }
    }

    fn strips_left_mut(&mut self, frame: u32) -> Option<&mut u16> {
        self.strips_left.get_mut((frame % WINDOW_FRAMES) as usize)
    }

    /// Settles `frame` as delivered.
    pub(super) fn deliver(&mut self, frame: u32) {
        if let Some(age) = self.age(frame) {
            self.delivered |= bit(age);
        }
        self.stats.frames_complete = self.stats.frames_complete.saturating_add(1);
    }

    /// Settles `frame` as lost, and counts it, unless it is settled or has left the window (and was counted then).
    pub(super) fn give_up(&mut self, frame: u32) {
        if self.standing(frame) == Standing::Open
            && let Some(age) = self.age(frame)
        {
            self.given_up |= bit(age);
            self.count_lost(1);
        }
    }

    /// Whether no newer frame than `frame` was delivered.
    pub(super) const fn is_newest_delivered(&self, frame: u32) -> bool {
        match self.age(frame) {
            Some(age) => age < WINDOW_FRAMES && self.delivered & bits_below(age) == 0,
            None => true,
        }
    }

    fn count_lost(&mut self, frames: u64) {
        self.stats.frames_lost = self.stats.frames_lost.saturating_add(frames);
    }
}

/// Whether frame number `a` comes after `b` (RFC 1982; numbers exactly half the space apart count as older).
pub(super) const fn is_newer(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 1 << 31
}

/// The bit of the frame `age` before the newest; none if that is outside the window.
const fn bit(age: u32) -> u64 {
    match 1u64.checked_shl(age) {
        Some(bit) => bit,
        None => 0,
    }
}

/// A map with the first `count` bits set.
const fn bits_below(count: u32) -> u64 {
    bit(count).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(first: u32) -> TrackWindow {
        TrackWindow::open(TrackKey::default(), first, Instant::from_micros(0))
    }

    #[test]
    fn numbers_compare_across_the_wrap_around() {
        assert!(is_newer(0, u32::MAX));
        assert!(!is_newer(u32::MAX, 0));
        assert!(!is_newer(5, 5));
        assert!(!is_newer(1 << 31, 0));
    }

    #[test]
    fn a_frame_is_open_then_delivered_then_too_old() {
        let mut w = window(u32::MAX - 1);
        assert_eq!(w.standing(u32::MAX - 1), Standing::Open);
        w.deliver(u32::MAX - 1);
        assert_eq!(w.standing(u32::MAX - 1), Standing::Delivered);
        assert_eq!(w.standing(3), Standing::Newer);
        w.advance(3);
        assert_eq!(w.standing(u32::MAX - 1), Standing::Delivered);
        w.advance(61);
        assert_eq!(w.standing(u32::MAX - 1), Standing::Delivered);
        w.advance(62);
        assert_eq!(w.standing(u32::MAX - 1), Standing::Late);
    }

    #[test]
    fn frames_never_seen_count_as_lost_when_they_leave_the_window() {
        let mut w = window(100);
        w.deliver(100);
        w.advance(103);
        w.deliver(103);
        assert_eq!(w.stats.frames_lost, 0);
        w.advance(103 + 63);
        assert_eq!(w.stats.frames_lost, 2);
        w.advance(104 + 64);
        assert_eq!(w.stats.frames_lost, 3);
    }

    #[test]
    fn a_great_leap_counts_every_frame_once() {
        let mut w = window(0);
        w.deliver(0);
        w.advance(1000);
        w.deliver(1000);
        w.advance(2000);
        w.deliver(2000);
        // 1..=999 and 1001..=1936 have left; the window still holds 1937..=2000.
        assert_eq!(w.stats.frames_lost, 999 + 936);
    }

    #[test]
    fn frames_that_another_layer_stood_for_are_not_lost() {
        let mut w = window(10);
        w.deliver(10);
        w.advance(12);
        w.resume(40);
        assert_eq!(w.stats.frames_lost, 2, "what was open before is");
        assert_eq!(
            [11, 12, 39, 40].map(|frame| w.standing(frame)),
            [Standing::Late, Standing::Late, Standing::Late, Standing::Open]
        );
        w.deliver(40);
        w.advance(1000);
        assert_eq!(w.stats.frames_lost, 2 + 896);
    }

    #[test]
    fn frames_before_the_first_one_seen_are_not_lost() {
        let mut w = window(1000);
        w.deliver(1000);
        w.deliver(998);
        for frame in 1001..1200 {
            w.advance(frame);
            w.deliver(frame);
        }
        assert_eq!(w.stats.frames_lost, 0);
        assert_eq!(w.stats.frames_complete, 201);
    }

    #[test]
    fn a_frame_given_up_counts_once() {
        let mut w = window(7);
        w.give_up(7);
        w.give_up(7);
        assert_eq!(w.standing(7), Standing::Late);
        w.advance(200);
        assert_eq!(w.stats.frames_lost, 1 + 129);
    }

    #[test]
    fn only_the_newest_delivered_frame_is_newest() {
        let mut w = window(10);
        w.advance(12);
        w.deliver(11);
        assert!(w.is_newest_delivered(11));
        w.deliver(12);
        assert!(!w.is_newest_delivered(11));
        assert!(w.is_newest_delivered(12));
        w.deliver(10);
        assert!(!w.is_newest_delivered(10));
        w.advance(200);
        assert!(!w.is_newest_delivered(12));
    }
}
