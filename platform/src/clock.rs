//! The only place that reads the machine's clock, and that sleeps.

use hph_core::time::{Duration, Instant};

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock;

impl Clock {
    /// Now, on the machine's monotonic clock. **Units:** microseconds.
    ///
    /// On Unix this is `CLOCK_MONOTONIC` itself, so that instants of different processes on one machine compare;
    /// elsewhere it counts from the first call in this process.
    pub fn now() -> Instant {
        Instant::from_micros(monotonic_us())
    }

    /// Milliseconds since 1970-01-01 UTC; 0 if the machine's clock stands before that. For people and records only: it
    /// may jump.
    #[allow(clippy::disallowed_methods)]
    pub fn unix_time_ms() -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    /// Blocks this thread for `span`. Not for async tasks.
    #[allow(clippy::disallowed_methods)]
    pub fn sleep(span: Duration) {
        std::thread::sleep(std::time::Duration::from_micros(span.as_micros()));
    }

    /// Blocks this thread until `due`; returns at once if that has passed. Not for async tasks.
    pub fn sleep_until(due: Instant) {
        loop {
            let left = due.since(Self::now());
            if left == Duration::ZERO {
                return;
            }
            Self::sleep(left);
        }
    }
}

#[cfg(unix)]
fn monotonic_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1000
}

#[cfg(not(unix))]
#[allow(clippy::disallowed_methods)]
fn monotonic_us() -> u64 {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let elapsed = ORIGIN.get_or_init(std::time::Instant::now).elapsed();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let mut last = Clock::now();
        for _ in 0..1000 {
            let now = Clock::now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn sleeping_until_a_moment_reaches_it() {
        let due = Clock::now() + Duration::from_millis(5);
        Clock::sleep_until(due);
        assert!(Clock::now() >= due);
        Clock::sleep_until(due);
    }

    #[test]
    fn the_calendar_is_past_2024() {
        assert!(Clock::unix_time_ms() > 1_704_067_200_000);
    }
}
