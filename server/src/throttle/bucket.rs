//! The token bucket: so many at once, so many a second.

use hph_core::time::Instant;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// Grants at most `burst` at once and `rate_per_s` a second after that, for any sequence of clock readings.
///
/// Tokens are counted in millionths, so a microsecond at rate 1 is exactly one: nothing is lost to rounding, however
/// often it is asked.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    rate_per_s: u32,
    capacity: u64,
    level: u64,
    refilled_at: Instant,
}

impl TokenBucket {
    /// A full bucket. **Units:** tokens a second, and tokens.
    pub fn new(rate_per_s: u32, burst: u32, now: Instant) -> Self {
        let capacity = u64::from(burst) * MICROS_PER_SECOND;
        Self { rate_per_s, capacity, level: capacity, refilled_at: now }
    }

    /// Takes one token, or leaves the bucket as it is and says no.
    pub fn take(&mut self, now: Instant) -> bool {
        self.take_many(now, 1)
    }

    /// Takes `count` tokens, or none of them and says no.
    pub fn take_many(&mut self, now: Instant, count: u32) -> bool {
        self.refill(now);
        match self.level.checked_sub(u64::from(count) * MICROS_PER_SECOND) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }

    /// A clock that goes back fills nothing, and the same span is never counted twice.
    fn refill(&mut self, now: Instant) {
        let gained = now.since(self.refilled_at).as_micros().saturating_mul(u64::from(self.rate_per_s));
        self.level = self.level.saturating_add(gained).min(self.capacity);
        self.refilled_at = self.refilled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Xorshift: enough disorder for a test, the same in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % end
        }
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = TokenBucket::new(5, 20, Instant::from_micros(0));
        let granted =
            |bucket: &mut TokenBucket, at_us| (0..100).filter(|_| bucket.take(Instant::from_micros(at_us))).count();
        assert_eq!(granted(&mut bucket, 0), 20);
        assert_eq!(granted(&mut bucket, 199_999), 0);
        assert_eq!(granted(&mut bucket, 200_000), 1);
        assert_eq!(granted(&mut bucket, 3_600_000_000), 20);
    }

    #[test]
    fn no_clock_sequence_gets_more_than_burst_plus_rate_times_time() {
        for seed in 1..=200u64 {
            let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
            let (rate, burst) = (random.below(2000) as u32, random.below(100) as u32);
            let start = random.below(1 << 40);
            let mut bucket = TokenBucket::new(rate, burst, Instant::from_micros(start));
            let (mut now, mut latest, mut granted) = (start, start, 0u64);
            for _ in 0..2000 {
                now = match random.below(20) {
                    0 => random.below(1 << 41),
                    1 => now.saturating_sub(random.below(10_000_000)),
                    _ => now + random.below(20_000),
                };
                latest = latest.max(now);
                let count = random.below(4) as u32;
                if bucket.take_many(Instant::from_micros(now), count) {
                    granted += u64::from(count);
                }
                let elapsed_us = u128::from(latest - start);
                let most = u128::from(burst) * 1_000_000 + u128::from(rate) * elapsed_us;
                assert!(u128::from(granted) * 1_000_000 <= most, "seed {seed}: {granted} granted");
            }
        }
    }

    #[test]
    fn asking_very_often_loses_no_tokens() {
        let mut bucket = TokenBucket::new(3, 2, Instant::from_micros(0));
        let granted = (0..=1_000_000).filter(|&us| bucket.take(Instant::from_micros(us))).count();
        assert_eq!(granted, 5);
    }

    #[test]
    fn the_far_future_overflows_nothing() {
        let mut bucket = TokenBucket::new(u32::MAX, u32::MAX, Instant::from_micros(0));
        assert!(bucket.take_many(Instant::NEVER, u32::MAX));
        assert!(!bucket.take(Instant::NEVER));
    }
}
