//! Slows down the guessing of codes of nine digits.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use hph_core::time::{Duration, Instant};

use super::Source;
use super::login::{LruTable, RetryAfter, SourceFailures};

/// Wrong codes that the whole server looks at without waiting ...
const WRONG_BURST: u64 = 30;
/// ... and then one in this time.
const WRONG_EVERY: Duration = Duration::from_secs(60);
/// Places in the table of sources.
const TABLE_ENTRIES: usize = 512;

/// Bounds how many codes can be tried: ten wrong ones in two minutes from one source, which is turned away for five
/// minutes then; and of all sources together 30 at once and one a minute. That is 1,470 in a day: with a hundred codes that
/// are good at the same time the chance that any is hit is 1 in 6,800 a day, with one 1 in 680,000. Right codes cost
/// nothing. Somebody who tries all day can keep others from typing codes; links, of 128 bits, go on.
///
/// **Bound:** a table of fixed size, searched linearly; about 100 kB.
#[derive(Debug)]
pub struct CodeThrottle {
    hasher: RandomState,
    sources: LruTable<SourceFailures>,
    /// When all that was wrong is paid off.
    paid_at: Instant,
}

impl Default for CodeThrottle {
    /// With nothing held against anyone.
    fn default() -> Self {
        let (hasher, sources) = (RandomState::new(), LruTable::with_capacity(TABLE_ENTRIES));
        Self { hasher, sources, paid_at: Instant::default() }
    }
}

impl CodeThrottle {
    /// Asks before a code is looked at, which counts as wrong until [`Self::record_success`].
    ///
    /// # Errors
    /// How long to wait; then nothing is counted.
    pub fn begin(&mut self, now: Instant, source: IpAddr) -> Result<(), RetryAfter> {
        let source = self.key(source);
        if let Some(failures) = self.sources.find(now, source) {
            failures.check(now)?;
        }
        let debt = self.paid_at.since(now).as_micros();
        let most = WRONG_EVERY.as_micros() * WRONG_BURST;
        if debt + WRONG_EVERY.as_micros() > most {
            return RetryAfter::until(self.paid_at, now + Duration::from_micros(most - WRONG_EVERY.as_micros()));
        }
        self.paid_at = self.paid_at.max(now) + WRONG_EVERY;
        self.sources.find_or_insert(now, source).record(now);
        Ok(())
    }

    /// The code was right: the attempt is taken back.
    pub fn record_success(&mut self, now: Instant, source: IpAddr) {
        let source = self.key(source);
        let debt = self.paid_at.since(now).as_micros().saturating_sub(WRONG_EVERY.as_micros());
        self.paid_at = now + Duration::from_micros(debt);
        if let Some(failures) = self.sources.find(now, source) {
            failures.take_back();
        }
    }

    fn key(&self, source: IpAddr) -> u64 {
        self.hasher.hash_one(Source::of(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn source(index: u32) -> IpAddr {
        IpAddr::from((0x0A00_0000 + index).to_be_bytes())
    }

    #[test]
    fn one_source_tries_ten_and_then_waits_five_minutes() {
        let mut throttle = CodeThrottle::default();
        let tried = (0..20).filter(|_| throttle.begin(at(10), source(1)).is_ok()).count();
        assert_eq!(tried, 10);
        assert_eq!(throttle.begin(at(10), source(1)), Err(RetryAfter { seconds: 300 }));
        assert_eq!(throttle.begin(at(10), source(2)), Ok(()));
        assert_eq!(throttle.begin(at(311), source(1)), Ok(()));
    }

    #[test]
    fn all_sources_together_try_thirty_and_then_one_a_minute() {
        let mut throttle = CodeThrottle::default();
        let tried = (0..100).filter(|&index| throttle.begin(at(0), source(index)).is_ok()).count();
        assert_eq!(tried, 30);
        assert_eq!(throttle.begin(at(0), source(200)), Err(RetryAfter { seconds: 60 }));
        let tried = (0..86_400).filter(|&second| throttle.begin(at(second), source(second as u32)).is_ok()).count();
        assert_eq!(tried + 30, 1_469, "in a day");
    }

    #[test]
    fn right_codes_cost_nothing() {
        let mut throttle = CodeThrottle::default();
        for second in 0..1000 {
            assert_eq!(throttle.begin(at(second), source(1)), Ok(()));
            throttle.record_success(at(second), source(1));
        }
        let tried = (0..100).filter(|&index| throttle.begin(at(1000), source(index)).is_ok()).count();
        assert_eq!(tried, 30);
    }
}
