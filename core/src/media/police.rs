//! What a hop's queue may hold of pictures: for whoever passes packets on and keeps no queue of its own, the server.
//!
//! Senders spread their pictures, but they know of a receiver's narrow way only what they were told some hundred milliseconds
//! ago, and a whole picture for somebody who has just come is a burst for everybody. What would make voice wait behind it is
//! not sent. It is not lost either: the receiver asks for it like for any packet that did not come, and gets it when the way
//! is free, or its sender encodes that part anew.

use crate::time::{Duration, Instant};

/// Pictures may fill the queue of a hop for so long at the rate at which they may leave.
pub const HELD_MAX: Duration = Duration::from_millis(40);
/// From here on a burst is harmless however long it is: nothing is counted. **Units:** bytes a second.
const WIDE: u32 = 2_500_000;

/// The policer before one hop. Lets everything through until [`Self::set_pace`] narrows it. **Bound:** two numbers and an instant.
#[derive(Clone, Copy, Debug)]
pub struct Policer {
    bytes_per_s: u32,
    /// What has been let through and can't have left the hop's queue yet.
    held_bytes: u32,
    counted_at: Instant,
}

impl Default for Policer {
    fn default() -> Self {
        Self { bytes_per_s: WIDE, held_bytes: 0, counted_at: Instant::from_micros(0) }
    }
}

impl Policer {
    /// How fast pictures may leave: see [`super::rate::RateController::pace_bps`].
    pub fn set_pace(&mut self, pace_bps: u32) {
        self.bytes_per_s = pace_bps / 8;
    }

    /// Whether a packet may go, which counts then. The first behind a free hop may, however large it is.
    pub fn admit(&mut self, now: Instant, bytes: usize) -> bool {
        if self.bytes_per_s >= WIDE {
            return true;
        }
        let left = u64::from(self.bytes_per_s).saturating_mul(now.since(self.counted_at).as_micros()) / 1_000_000;
        // What is less than a byte counts next time.
        if left > 0 {
            self.held_bytes = u64::from(self.held_bytes).saturating_sub(left) as u32;
            self.counted_at = now;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let most = u64::from(self.bytes_per_s).saturating_mul(HELD_MAX.as_micros()) / 1_000_000;
        let held = self.held_bytes.saturating_add(bytes);
        let is_admitted = self.bytes_per_s > 0 && (self.held_bytes == 0 || u64::from(held) <= most);
        if is_admitted {
            self.held_bytes = held;
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(1_000_000 + ms * 1000)
    }

    fn policer(bps: u32) -> Policer {
        let mut policer = Policer::default();
        policer.set_pace(bps);
        policer
    }

    #[test]
    fn a_burst_fills_no_more_than_the_queue_may_hold_and_the_rest_goes_as_it_empties() {
        let mut policer = policer(1_600_000);
        // 200 bytes a millisecond: eight packets in 40 ms.
        assert_eq!((0..30).filter(|_| policer.admit(at_ms(0), 1000)).count(), 8);
        assert_eq!((0..30).filter(|_| policer.admit(at_ms(25), 1000)).count(), 5);
        assert_eq!((1..=1000).filter(|ms| policer.admit(at_ms(25 + ms), 1000)).count(), 200);
        assert_eq!((0..30).filter(|_| policer.admit(at_ms(5000), 1000)).count(), 8, "a pause is not saved up");
    }

    #[test]
    fn a_wide_hop_holds_nothing_up() {
        let mut policer = Policer::default();
        assert!((0..1000).all(|_| policer.admit(at_ms(0), 1200)));
        policer.set_pace(100_000_000);
        assert!((0..1000).all(|_| policer.admit(at_ms(0), 1200)));
    }

    #[test]
    fn where_hardly_anything_fits_one_packet_goes_at_a_time_and_none_where_nothing_does() {
        let mut narrow = policer(80_000);
        let went = (0..1000).filter(|ms| narrow.admit(at_ms(*ms), 1200)).count();
        assert_eq!(went, 9, "a packet takes 120 ms");
        let mut shut = policer(0);
        assert!((0..1000).all(|ms| !shut.admit(at_ms(ms), 1)));
        shut.set_pace(80_000);
        assert!(shut.admit(at_ms(1000), 1200));
    }

    #[test]
    fn whatever_was_held_leaves_more_slowly_when_the_hop_becomes_narrower() {
        let mut policer = policer(8_000_000);
        while policer.admit(at_ms(0), 1000) {}
        policer.set_pace(800_000);
        assert!(!policer.admit(at_ms(360), 1000) && policer.admit(at_ms(371), 1000));
    }

    #[test]
    fn absurd_numbers_do_no_harm() {
        for bps in [0, 1, u32::MAX] {
            let mut policer = policer(bps);
            for now in [Instant::NEVER, at_ms(0), Instant::NEVER] {
                let _ = policer.admit(now, usize::MAX);
            }
        }
    }
}
