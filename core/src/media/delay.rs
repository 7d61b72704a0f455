//! How late packets are, and how late to play them.

use crate::time::{Duration, Instant};

/// Arrivals that are remembered: two seconds of frames of 10 ms.
const ARRIVALS: usize = 200;
/// How long an arrival counts.
const WINDOW_US: i64 = 2_000_000;

/// When a packet came, and how long after its capture, by two clocks with unknown origins.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    at_us: i64,
    lag_us: i64,
}

/// Watches the *lag* of arrivals (receiver's clock minus sender's media clock; only differences mean something) and says
/// at which lag to play so that nearly all come in time.
#[derive(Clone, Debug)]
pub(super) struct DelayEstimator {
    arrivals: [Arrival; ARRIVALS],
    used: usize,
    next: usize,
    min_us: i64,
    max_us: i64,
    /// The lag of the fastest packet in the window, and at which to play.
    base_us: i64,
    target_us: i64,
}

impl DelayEstimator {
    /// Plays at least `min` and at most `max` after the fastest packet.
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self {
            arrivals: [Arrival { at_us: 0, lag_us: 0 }; ARRIVALS],
            used: 0,
            next: 0,
            min_us: micros(min),
            max_us: micros(max.max(min)),
            base_us: 0,
            target_us: 0,
        }
    }

    /// Forgets all arrivals.
    pub(super) fn reset(&mut self) {
        (self.used, self.next) = (0, 0);
    }

    /// Takes note of a packet that came at `now` with that lag.
    pub(super) fn observe(&mut self, now: Instant, lag_us: i64) {
        let at_us = instant_micros(now);
        if let Some(arrival) = self.arrivals.get_mut(self.next) {
            *arrival = Arrival { at_us, lag_us };
        }
        self.next = self.next.saturating_add(1).checked_rem(ARRIVALS).unwrap_or(0);
        self.used = self.used.saturating_add(1).min(ARRIVALS);
        self.estimate(at_us);
    }

    /// The lag at which to play.
    pub(super) const fn target_lag_us(&self) -> i64 {
        self.target_us
    }

    /// The lag of the fastest packet of late.
    pub(super) const fn base_lag_us(&self) -> i64 {
        self.base_us
    }

    fn estimate(&mut self, now_us: i64) {
        let mut lags = [i64::MAX; ARRIVALS];
        let mut count = 0_usize;
        let recent = self.arrivals.iter().take(self.used).filter(|a| now_us.saturating_sub(a.at_us) <= WINDOW_US);
        for (lag, arrival) in lags.iter_mut().zip(recent) {
            *lag = arrival.lag_us;
            count = count.saturating_add(1);
        }
        lags.sort_unstable();
        self.base_us = lags.first().copied().unwrap_or(0);
        // The 95th percentile: so many of a hundred are not later.
        let rank = count.saturating_mul(95).div_ceil(100).saturating_sub(1);
        let late_us = lags.get(rank).copied().unwrap_or(self.base_us).saturating_sub(self.base_us);
        self.target_us = self.base_us.saturating_add(late_us.saturating_add(self.min_us).min(self.max_us));
    }
}

/// A span in signed microseconds.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A point in time in signed microseconds since the clock's origin.
pub(super) fn instant_micros(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
