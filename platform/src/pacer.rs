//! Events at an even rate that never drifts: each is due at a fixed place on the time line, however late the one
//! before it was.

use hph_core::time::{Duration, Instant};

use crate::clock::Clock;

/// How a source without hardware keeps time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// As hardware would: a call blocks until the next event is due.
    #[default]
    RealTime,
    /// As fast as it is asked, with the times that the events would have had after a start at zero: for tests.
    Unpaced,
}

/// The time line of a source.
#[derive(Clone, Debug)]
pub struct Pacer {
    pacing: Pacing,
    units: u64,
    per_us: u64,
    start: Option<Instant>,
    passed: u64,
}

impl Pacer {
    /// `units` events in every `per`; the first one is due when it is first asked for. Both are taken as at least 1.
    pub fn new(pacing: Pacing, units: u64, per: Duration) -> Self {
        Self { pacing, units: units.max(1), per_us: per.as_micros().max(1), start: None, passed: 0 }
    }

    /// Waits for the next event, then moves on by `units` of them. When it was due, or now if that has long passed.
    pub fn wait(&mut self, units: u64) -> Instant {
        let due = self.due();
        self.passed = self.passed.saturating_add(units);
        match self.pacing {
            Pacing::Unpaced => due,
            Pacing::RealTime => {
                Clock::sleep_until(due);
                let now = Clock::now();
                let interval = self.per_us / self.units;
                if now.since(due).as_micros() > interval { now } else { due }
            }
        }
    }

    /// Leaves out the events that are past, but for the last of them. How many were left out.
    pub fn skip_late(&mut self) -> u64 {
        let Some(start) = self.start.filter(|_| self.pacing == Pacing::RealTime) else {
            return 0;
        };
        let elapsed_us = Clock::now().since(start).as_micros();
        let due = u128::from(elapsed_us) * u128::from(self.units) / u128::from(self.per_us);
        let skipped = u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(self.passed);
        self.passed += skipped;
        skipped
    }

    /// As [`Self::skip_late`] if the next event is later than `rest`: after a pause, not after a stumble.
    pub fn skip_rest(&mut self, rest: Duration) -> u64 {
        let is_long = self.start.is_some() && Clock::now().since(self.due()) > rest;
        if is_long { self.skip_late() } else { 0 }
    }

    fn due(&mut self) -> Instant {
        let start = *self.start.get_or_insert_with(|| match self.pacing {
            Pacing::RealTime => Clock::now(),
            Pacing::Unpaced => Instant::default(),
        });
        let us = u128::from(self.passed) * u128::from(self.per_us) / u128::from(self.units);
        start + Duration::from_micros(u64::try_from(us).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uneven_rate_does_not_drift() {
        let mut pacer = Pacer::new(Pacing::Unpaced, 30_000, Duration::from_secs(1001));
        let mut last = Instant::default();
        for _ in 0..=30_000 {
            last = pacer.wait(1);
        }
        assert_eq!(last.as_micros(), 1_001_000_000);
    }

    #[test]
    fn real_time_passes_at_the_rate() {
        let begin = Clock::now();
        let mut pacer = Pacer::new(Pacing::RealTime, 200, Duration::from_secs(1));
        for _ in 0..=10 {
            pacer.wait(1);
        }
        assert!(Clock::now().since(begin) >= Duration::from_millis(50));
    }

    #[test]
    fn late_events_are_left_out_only_on_demand() {
        let mut pacer = Pacer::new(Pacing::RealTime, 1000, Duration::from_secs(1));
        let first = pacer.wait(1);
        Clock::sleep(Duration::from_millis(20));
        let skipped = pacer.skip_late();
        assert!(skipped >= 18, "{skipped}");
        assert!(pacer.wait(1).since(first) >= Duration::from_millis(19));
        Clock::sleep(Duration::from_millis(20));
        assert_eq!(pacer.skip_rest(Duration::from_secs(5)), 0);
        assert!(pacer.skip_rest(Duration::from_millis(10)) >= 18);
        let mut unpaced = Pacer::new(Pacing::Unpaced, 1000, Duration::from_secs(1));
        unpaced.wait(1);
        assert_eq!(unpaced.skip_late(), 0);
    }
}
