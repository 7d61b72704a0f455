//! What day it is, for everything that ends by itself: tokens that nobody used, messages that are kept for so many days.
//!
//! The wall clock of a machine may jump: by years when it was wrong at the start, by an hour when somebody sets it. A jump of
//! more than a day is not believed until it has lasted, so that a wrong one deletes nothing.

use hph_core::time::{Duration, Instant};

/// A jump that is larger is doubted ...
const JUMP_MAX_MS: u64 = 24 * 3600 * 1000;
/// ... for so long.
const DOUBT: Duration = Duration::from_secs(600);

/// The time that is believed.
#[derive(Debug)]
pub(crate) struct Calendar {
    believed_ms: u64,
    at: Instant,
    doubted_since: Option<Instant>,
}

impl Calendar {
    /// At the start there is nothing to doubt it by.
    pub const fn new(wall_ms: u64, now: Instant) -> Self {
        Self { believed_ms: wall_ms, at: now, doubted_since: None }
    }

    /// The time to judge ages by, when the wall clock says `wall_ms`. **Units:** milliseconds since 1970.
    pub fn believe(&mut self, wall_ms: u64, now: Instant) -> u64 {
        let expected_ms = self.believed_ms + now.since(self.at).as_micros() / 1000;
        if wall_ms.abs_diff(expected_ms) > JUMP_MAX_MS {
            let since = *self.doubted_since.get_or_insert(now);
            if now.since(since) < DOUBT {
                return expected_ms;
            }
        }
        *self = Self::new(wall_ms, now);
        wall_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3600 * 1000;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(1_000_000 * (seconds + 1))
    }

    #[test]
    fn a_large_jump_is_doubted_while_it_may_pass_and_a_small_one_is_followed() {
        let mut calendar = Calendar::new(1000 * DAY_MS, at(0));
        assert_eq!(calendar.believe(1000 * DAY_MS + 3_600_000, at(1)), 1000 * DAY_MS + 3_600_000);
        let mut calendar = Calendar::new(1000 * DAY_MS, at(0));
        assert_eq!(calendar.believe(4650 * DAY_MS, at(10)), 1000 * DAY_MS + 10_000, "ten years in a moment");
        assert_eq!(calendar.believe(4650 * DAY_MS, at(600)), 1000 * DAY_MS + 600_000);
        assert_eq!(calendar.believe(1000 * DAY_MS + 601_000, at(601)), 1000 * DAY_MS + 601_000, "it has passed");
        assert_eq!(calendar.believe(4650 * DAY_MS, at(602)), 1000 * DAY_MS + 602_000, "doubted anew");
        assert_eq!(calendar.believe(4650 * DAY_MS, at(1202)), 4650 * DAY_MS, "it has lasted");
    }
}
