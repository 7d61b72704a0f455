//! Lips and voice together: when a picture should be shown, told from the sound of the same sender.
//!
//! All media clocks of a sender count from one origin (PROTOCOL.md section 15.2), sound 48,000 and pictures 90,000 ticks a
//! second. So two timestamps tell how far apart two moments were captured, and what is heard now tells when a moment is due.

use core::ops::Add;

use crate::time::{Duration, Instant};

/// Ticks of the media clock of pictures in a second.
pub const PICTURE_RATE: u32 = 90_000;
/// A second in units in which both clocks count whole: 15 to a tick of sound, 8 to a tick of pictures. In these units
/// both clocks wrap together with 32 bits, so a difference is exact for half an hour either way, across every wrap.
const UNITS_PER_S: i64 = 720_000;
/// What is heard is believed so long after the last sound was played.
const SOUND_FORGOTTEN_AFTER: Duration = Duration::from_millis(500);
/// Pictures wait at most so long for their sound: a picture that is a little early is better than none.
const WAIT_MAX: Duration = Duration::from_millis(250);

/// How much later than a moment of sound a picture was captured. **Units:** microseconds; negative if it was before.
/// **Bound:** both within 2982 s of each other. `sound` counts at 48 kHz, `picture` at 90 kHz, both wrapping.
pub fn captured_after_us(sound: u32, picture: u32) -> i64 {
    let units = picture.wrapping_mul(8).wrapping_sub(sound.wrapping_mul(15)).cast_signed();
    i64::from(units).saturating_mul(1_000_000).checked_div(UNITS_PER_S).unwrap_or(0)
}

/// Says when the pictures of one sender are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncClock {
    /// When which moment of sound is heard.
    heard: Option<(Instant, u32)>,
}

impl SyncClock {
    /// A sender of whom nothing was heard.
    pub const fn new() -> Self {
        Self { heard: None }
    }

    /// Takes note that the sample with this timestamp (48 kHz) is heard at `at`: the time of the pull that gave it, plus the
    /// delay of the device behind it. Call it for each pull that has a timestamp.
    pub const fn handle_sound(&mut self, at: Instant, timestamp: u32) {
        self.heard = Some((at, timestamp));
    }

    /// When a picture with this timestamp (90 kHz) should be seen: together with its sound; at once (`now`) if that was
    /// heard already or nothing is heard, and never later than 250 ms from now. Take off what decoding and drawing take.
    pub fn due(&self, now: Instant, timestamp: u32) -> Instant {
        let Some(ahead_us) = self.ahead_us(now, timestamp) else { return now };
        let wait = Duration::from_micros(u64::try_from(ahead_us).unwrap_or(0));
        now.add(wait.min(WAIT_MAX))
    }

    /// How far a picture seen at `now` is ahead of its sound. **Units:** microseconds, negative if it is late; people
    /// notice from 45 ms ahead and 125 ms late on (ITU-R BT.1359). None if nothing is heard.
    pub fn ahead_us(&self, now: Instant, timestamp: u32) -> Option<i64> {
        let (at, sound) = self.heard?;
        if now.since(at) > SOUND_FORGOTTEN_AFTER {
            return None;
        }
        let due_us = super::delay::instant_micros(at).saturating_add(captured_after_us(sound, timestamp));
        Some(due_us.saturating_sub(super::delay::instant_micros(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    /// The timestamps of a moment, on both clocks.
    fn clocks(ms: u64) -> (u32, u32) {
        ((ms * 48) as u32, (ms * 90) as u32)
    }

    #[test]
    fn a_picture_is_due_when_the_sound_of_its_moment_is_heard() {
        // From a moment before any wrap to moments after those of either clock (13 h and 25 h), and of both together.
        for start_ms in [0, 47_721_800, 89_478_400, 1_000_000_000, 715_827_882] {
            let mut clock = SyncClock::new();
            clock.handle_sound(at_ms(100), clocks(start_ms + 5000).0);
            let due = |ms: u64| clock.due(at_ms(110), clocks(ms).1);
            assert_eq!(due(start_ms + 5070), at_ms(170));
            assert_eq!(due(start_ms + 5000), at_ms(110), "late already");
            assert_eq!(due(start_ms + 9000), at_ms(360), "far ahead");
            assert_eq!(clock.ahead_us(at_ms(110), clocks(start_ms + 4900).1), Some(-110_000));
        }
    }

    #[test]
    fn without_sound_pictures_do_not_wait() {
        let mut clock = SyncClock::new();
        assert_eq!(clock.due(at_ms(7), 9000), at_ms(7));
        clock.handle_sound(at_ms(0), 0);
        assert_eq!(clock.due(at_ms(500), clocks(600).1), at_ms(600));
        assert_eq!(clock.due(at_ms(501), clocks(600).1), at_ms(501), "silent for half a second");
    }

    #[test]
    fn any_two_timestamps_have_a_bounded_difference() {
        for (sound, picture) in [(u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX), (1 << 31, 3), (0, 1 << 28)] {
            assert!(captured_after_us(sound, picture).abs() <= 2_982_617_000);
        }
    }
}
