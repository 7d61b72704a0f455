//! Counters, one per drop reason, and latency histograms of fixed size.

use crate::error::DropReason;
use crate::time::Duration;

/// How often each [`DropReason`] occurred.
#[derive(Clone, Copy, Debug, Default)]
pub struct DropCounters {
    counts: [u64; DropReason::ALL.len()],
}

impl DropCounters {
    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
    }

    /// Counts one drop.
    pub fn count(&mut self, reason: DropReason) {
        if let Some(count) = self.counts.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// How often `reason` occurred.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.counts.get(reason as usize).copied().unwrap_or(0)
    }

    /// Every reason that occurred, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().map(|reason| (reason, self.of(reason))).filter(|&(_, count)| count > 0)
    }

    /// The sum over all reasons.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Buckets per doubling: a quantile is within an eighth of the truth.
const STEPS: u64 = 8;
/// Enough doublings for 2^27 microseconds, about two minutes.
const BUCKETS: usize = 26 * STEPS as usize;

/// How long things took. **Units:** microseconds. **Bound:** 1 KiB, whatever is recorded.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u32; BUCKETS],
    total: u64,
    sum_us: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0, sum_us: 0, max_us: 0 }
    }
}

impl Histogram {
    /// Records one span.
    pub fn record(&mut self, span: Duration) {
        self.record_many(span, 1);
    }

    /// Records `count` spans of the same length.
    pub fn record_many(&mut self, span: Duration, count: u32) {
        let us = span.as_micros();
        if count > 0
            && let Some(known) = self.counts.get_mut(bucket(us))
        {
            *known = known.saturating_add(count);
            self.total = self.total.saturating_add(u64::from(count));
            self.sum_us = self.sum_us.saturating_add(us.saturating_mul(u64::from(count)));
            self.max_us = self.max_us.max(us);
        }
    }

    /// Adds what another one recorded.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total = self.total.saturating_add(other.total);
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many spans were recorded.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// All spans together.
    pub const fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us)
    }

    /// How many spans were not longer than `limit`. One within an eighth below it may be left out.
    pub fn up_to(&self, limit: Duration) -> u64 {
        let is_below = |(index, _): &(usize, &u32)| upper_end(*index as u64) <= limit.as_micros();
        let below = self.counts.iter().enumerate().take_while(is_below);
        below.fold(0u64, |sum, (_, count)| sum.saturating_add(u64::from(*count)))
    }

    /// The longest span.
    pub const fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }

    /// The span that `permille` of all spans did not exceed; none if nothing was recorded.
    pub fn quantile(&self, permille: u64) -> Option<Duration> {
        let rank = self.total.saturating_mul(permille).div_ceil(1000).max(1);
        let mut seen = 0u64;
        for (index, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(u64::from(*count));
            if seen >= rank {
                return Some(Duration::from_micros(upper_end(index as u64).min(self.max_us)));
            }
        }
        None
    }
}

/// Values below [`STEPS`] have a bucket each; from there on every doubling has [`STEPS`] of them.
fn bucket(us: u64) -> usize {
    let index = match us.checked_ilog2() {
        Some(log) if us >= STEPS => {
            let doubling = u64::from(log).saturating_sub(u64::from(STEPS.ilog2()));
            (us >> doubling).saturating_add(doubling.saturating_mul(STEPS))
        }
        _ => us,
    };
    (index as usize).min(BUCKETS.saturating_sub(1))
}

/// The largest value that falls into a bucket.
fn upper_end(index: u64) -> u64 {
    if index < STEPS {
        return index;
    }
    let doubling = (index / STEPS).saturating_sub(1);
    let step = index.saturating_sub(doubling.saturating_mul(STEPS)).saturating_add(1);
    (step << doubling).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn the_number_of_a_reason_is_its_place_in_the_list() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{}", reason.name());
        }
    }

    #[test]
    fn what_was_not_longer_than_a_limit_is_counted_and_all_is_summed() {
        let mut histogram = Histogram::default();
        for us in [0, 7, 100, 1000, 1000, 90_000] {
            histogram.record(Duration::from_micros(us));
        }
        histogram.record_many(Duration::from_micros(5), 3);
        let up_to = |us| histogram.up_to(Duration::from_micros(us));
        assert_eq!((up_to(0), up_to(4), up_to(7), up_to(128), up_to(2000), up_to(1 << 27)), (1, 1, 5, 6, 8, 9));
        assert_eq!(histogram.sum(), Duration::from_micros(92_122));
    }

    #[test]
    fn a_count_shows_under_its_own_reason_only() {
        let mut counters = DropCounters::default();
        counters.count(DropReason::Replayed);
        counters.count(DropReason::Replayed);
        assert_eq!(counters.of(DropReason::Replayed), 2);
        assert_eq!(counters.total(), 2);
        assert_eq!(counters.iter().count(), 1);
    }

    #[test]
    fn a_quantile_is_within_an_eighth_of_the_truth() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), None);
        for us in 1..=10_000 {
            histogram.record(Duration::from_micros(us));
        }
        for (permille, truth) in [(500, 5_000.0), (990, 9_900.0), (1000, 10_000.0)] {
            let found = histogram.quantile(permille).unwrap().as_micros() as f64;
            assert!((found / truth - 1.0).abs() <= 0.125, "{permille}: {found} for {truth}");
        }
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for us in (0..5_000).chain([1 << 20, (1 << 26) + 12345]) {
            let end = upper_end(bucket(us) as u64);
            assert!(end >= us && end - us <= us / 8, "{us} in a bucket that ends at {end}");
        }
    }
}
