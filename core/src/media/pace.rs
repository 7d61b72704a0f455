//! When the datagrams of pictures leave: not faster than the hop takes them without making voice wait.
//!
//! A burst fills the queue of the slowest link on the way, and whatever comes right behind it waits or is lost: voice.
//! So pictures queue at the sender, where voice passes them by; voice itself is never paced. How fast they may leave the
//! rate controller knows ([`super::rate`]): where bursts cost nothing, as on a wire, it is many times what they need.
//!
//! The queue is the driver's. The pacer only says when each datagram is due.

use core::ops::Add;

use crate::time::{Duration, Instant};

/// What leaves in this time may leave at once.
pub const AT_ONCE: Duration = Duration::from_millis(2);
/// Nothing waits longer than this, however little is granted: a picture that is late is worth less than one that is lost.
pub const WAIT_MAX: Duration = Duration::from_millis(300);

/// Spreads what leaves. **Bound:** one instant, however much waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pacer {
    /// When the hop will have carried all that has left.
    free_at: Instant,
}

impl Pacer {
    /// When the next datagram of `bytes` is due, if pictures may leave at `pace_bps`: `now` or later, and not before those
    /// that were asked about earlier.
    pub fn schedule(&mut self, now: Instant, bytes: usize, pace_bps: u32) -> Instant {
        let latest = now.add(WAIT_MAX);
        let begins = self.free_at.max(now);
        let due = Instant::from_micros(begins.as_micros().saturating_sub(AT_ONCE.as_micros())).max(now).min(latest);
        let bits = (bytes as u64).saturating_mul(8_000_000);
        let takes_us = bits.checked_div(pace_bps.into()).unwrap_or(u64::MAX);
        self.free_at = begins.add(Duration::from_micros(takes_us)).min(latest.add(AT_ONCE));
        due
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(1_000_000 + ms * 1000)
    }

    /// When the datagrams of a frame are due, in milliseconds after it.
    fn frame(pacer: &mut Pacer, now: Instant, datagrams: usize, bps: u32) -> Vec<u64> {
        (0..datagrams).map(|_| pacer.schedule(now, 1000, bps).since(now).as_micros() / 1000).collect()
    }

    #[test]
    fn what_a_hop_carries_in_a_moment_leaves_at_once_and_the_rest_at_its_pace() {
        let mut pacer = Pacer::default();
        // 8 ms each at 1 Mbit/s, and 2 ms ahead.
        assert_eq!(frame(&mut pacer, at_ms(0), 6, 1_000_000), [0, 6, 14, 22, 30, 38]);
        // A hop with room to spare holds nothing up.
        assert_eq!(frame(&mut pacer, at_ms(1000), 20, 100_000_000).last(), Some(&0));
    }

    #[test]
    fn a_frame_that_follows_soon_waits_for_the_one_before_and_not_for_a_pause() {
        let mut pacer = Pacer::default();
        frame(&mut pacer, at_ms(0), 6, 1_000_000);
        assert_eq!(frame(&mut pacer, at_ms(10), 2, 1_000_000), [36, 44]);
        assert_eq!(frame(&mut pacer, at_ms(500), 2, 1_000_000), [0, 6]);
    }

    #[test]
    fn nothing_waits_longer_than_it_may_and_nothing_is_overtaken() {
        let mut pacer = Pacer::default();
        let mut last = at_ms(0);
        for ms in 0..500 {
            let due = pacer.schedule(at_ms(ms), 1200, if ms % 3 == 0 { 0 } else { 200_000 });
            assert!(due >= last && due >= at_ms(ms) && due <= at_ms(ms) + WAIT_MAX);
            last = due;
        }
        assert_eq!(pacer.schedule(at_ms(1000), 1200, 0), at_ms(1000), "what came before is forgotten");
    }

    #[test]
    fn absurd_numbers_do_no_harm() {
        let mut pacer = Pacer::default();
        for now in [Instant::NEVER, at_ms(0)] {
            for bps in [0, u32::MAX] {
                assert!(pacer.schedule(now, usize::MAX, bps) >= now);
            }
        }
    }
}
