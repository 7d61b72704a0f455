//! Waiting for something to happen, with a limit after which the test fails and says for what it waited.

use std::time::Duration;

use hph_core::time::{Duration as Span, Instant};
use hph_platform::clock::Clock;

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(2);

/// Waits until `found` gives a value.
///
/// # Panics
/// If that takes longer than `limit`; `what` says what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Clock::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(elapsed(began) < limit, "no {what} within {limit:?}");
        pause(STEP);
    }
}

/// Waits until `is_so` holds.
///
/// # Panics
/// As [`until`].
pub fn until_so(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    until(what, limit, || is_so().then_some(()));
}

/// Does nothing for a while.
pub fn pause(span: Duration) {
    Clock::sleep(Span::from_micros(span.as_micros() as u64));
}

/// The time since `began`.
pub fn elapsed(began: Instant) -> Duration {
    between(began, Clock::now())
}

/// The time from one moment to a later one.
pub fn between(earlier: Instant, later: Instant) -> Duration {
    Duration::from_micros(later.since(earlier).as_micros())
}

/// So many milliseconds.
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
