//! When the datagrams of a picture leave: spread over half a frame interval instead of all at once.
//!
//! A burst fills the queue of the slowest link on the way, and whatever comes right behind it waits or is lost: voice.
//! So pictures queue at the sender, where voice can pass them by; voice itself is never paced.
//!
//! The queue is the driver's. The pacer only says how many of the waiting datagrams may leave, and when to ask again.

use core::ops::Add;

use crate::time::{Duration, Instant};

/// What is due within this time leaves together: fewer wake-ups, and bursts that a kernel can segment.
const TOGETHER: Duration = Duration::from_millis(1);
/// A frame never takes longer than this, however slow the camera is.
const SPREAD_MAX: Duration = Duration::from_millis(50);

/// Spreads what waits. **Bound:** a few words, however much waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pacer {
    waiting: u32,
    gap_us: u64,
    next_at: Instant,
}

impl Pacer {
    /// Notes that `datagrams` of a frame wait behind those that wait already. All of them are due within half of
    /// `frame_interval`: a frame that is late does not hold up the next one.
    pub fn add(&mut self, now: Instant, datagrams: u32, frame_interval: Duration) {
        if self.waiting == 0 {
            self.next_at = now;
        }
        self.waiting = self.waiting.saturating_add(datagrams);
        let spread_us = (frame_interval.as_micros() / 2).min(SPREAD_MAX.as_micros());
        self.gap_us = spread_us.checked_div(u64::from(self.waiting)).unwrap_or(0);
    }

    /// How many of the waiting datagrams leave now; they no longer wait.
    pub fn take_due(&mut self, now: Instant) -> u32 {
        if self.waiting == 0 || now < self.next_at {
            return 0;
        }
        let span_us = now.since(self.next_at).as_micros().saturating_add(TOGETHER.as_micros());
        let due = match span_us.checked_div(self.gap_us) {
            Some(gaps) => u32::try_from(gaps).unwrap_or(u32::MAX).max(1).min(self.waiting),
            None => self.waiting,
        };
        self.waiting = self.waiting.saturating_sub(due);
        self.next_at = self.next_at.add(Duration::from_micros(self.gap_us.saturating_mul(u64::from(due))));
        due
    }

    /// How many wait.
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// When to ask again.
    pub const fn poll_timeout(&self) -> Instant {
        if self.waiting == 0 { Instant::NEVER } else { self.next_at }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    fn at(us: u64) -> Instant {
        Instant::from_micros(us)
    }

    /// Asks exactly when the pacer says, until nothing waits; gives (when, how many).
    fn drain(pacer: &mut Pacer) -> Vec<(u64, u32)> {
        let mut left = Vec::new();
        while pacer.waiting() > 0 {
            let when = pacer.poll_timeout();
            left.push((when.as_micros(), pacer.take_due(when)));
        }
        assert_eq!(pacer.poll_timeout(), Instant::NEVER);
        left
    }

    #[test]
    fn a_frame_leaves_evenly_within_half_its_interval() {
        let mut pacer = Pacer::default();
        pacer.add(at(1_000_000), 48, Duration::from_micros(33_333));
        let left = drain(&mut pacer);
        assert_eq!(left[0].0, 1_000_000, "the first leaves at once");
        assert!(left.iter().all(|(_, count)| *count <= 3), "{left:?}");
        assert_eq!(left.iter().map(|(_, count)| count).sum::<u32>(), 48);
        let (last, _) = left[left.len() - 1];
        assert!((1_014_000..=1_016_700).contains(&last), "{last}");
    }

    #[test]
    fn a_frame_that_is_late_leaves_together_with_the_next_one_in_its_time() {
        let mut pacer = Pacer::default();
        pacer.add(at(0), 20, Duration::from_millis(40));
        assert!(pacer.take_due(at(0)) < 20);
        pacer.add(at(10_000), 20, Duration::from_millis(40));
        let last = drain(&mut pacer).last().map(|(when, _)| *when).unwrap();
        assert!(last <= 30_000, "{last}");
    }

    #[test]
    fn whoever_asks_late_gets_all_that_was_due() {
        let mut pacer = Pacer::default();
        pacer.add(at(0), 100, Duration::from_millis(20));
        assert_eq!(pacer.take_due(at(1_000_000)), 100);
        assert_eq!(pacer.take_due(at(1_000_000)), 0);
    }

    #[test]
    fn a_slow_camera_does_not_make_its_frames_slow() {
        let mut pacer = Pacer::default();
        pacer.add(at(0), 10, Duration::from_secs(5));
        let last = drain(&mut pacer).last().map(|(when, _)| *when).unwrap();
        assert!(last <= 50_000, "{last}");
    }

    #[test]
    fn absurd_numbers_neither_panic_nor_hang() {
        let mut pacer = Pacer::default();
        for interval in [Duration::ZERO, Duration::from_secs(u64::MAX)] {
            pacer.add(Instant::NEVER, u32::MAX, interval);
            pacer.add(at(0), u32::MAX, interval);
            assert!(pacer.take_due(Instant::NEVER) > 0);
        }
        assert_eq!(Pacer::default().take_due(at(1)), 0);
    }
}
