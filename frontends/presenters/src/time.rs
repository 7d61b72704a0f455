//! The time, as it is passed in.

use hph_client::core::time::{Duration, Instant};

/// What time it is: on the machine's clock, and for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// On the monotonic clock of `hph_platform::clock`: for everything that lasts.
    pub at: Instant,
    /// Milliseconds since 1970: for everything that is written down.
    pub unix_ms: u64,
    /// What is added to UTC where the user is. **Units:** seconds.
    pub offset_s: i32,
}

/// Whole seconds until `later`, rounded up: a countdown shows 1 until it is over.
pub const fn seconds_until(later: Instant, now: Instant) -> u64 {
    later.since(now).as_micros().div_ceil(1_000_000)
}

/// `ms` milliseconds.
pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_ends_at_its_end() {
        let end = Instant::from_micros(30_000_000);
        for (now_us, seconds) in [(0, 30), (1, 30), (1_000_000, 29), (29_999_999, 1), (30_000_000, 0), (40_000_000, 0)]
        {
            assert_eq!(seconds_until(end, Instant::from_micros(now_us)), seconds, "{now_us}");
        }
    }
}
