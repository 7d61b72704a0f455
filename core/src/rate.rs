//! A token bucket on the driver's clock.

use crate::time::Instant;

/// Grants at most `burst + rate x time` events, whatever the clock does. **Units:** events, events per second.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    rate_per_s: u32,
    burst: u32,
    /// Tokens in millionths, so that a microsecond at one event per second is one unit.
    micro_tokens: u64,
    updated: Instant,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens that refills at `rate_per_s`.
    pub const fn new(rate_per_s: u32, burst: u32) -> Self {
        Self { rate_per_s, burst, micro_tokens: burst as u64 * 1_000_000, updated: Instant::from_micros(0) }
    }

    /// Takes one token if there is one. A clock that steps back grants nothing extra.
    pub fn take(&mut self, now: Instant) -> bool {
        if now > self.updated {
            let gained = now.since(self.updated).as_micros().saturating_mul(u64::from(self.rate_per_s));
            let max = u64::from(self.burst).saturating_mul(1_000_000);
            self.micro_tokens = self.micro_tokens.saturating_add(gained).min(max);
            self.updated = now;
        }
        match self.micro_tokens.checked_sub(1_000_000) {
            Some(rest) => {
                self.micro_tokens = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_never_grants_more_than_burst_and_rate_even_when_the_clock_jumps_back() {
        let mut bucket = TokenBucket::new(10, 5);
        let mut granted = 0;
        for us in [0, 10, 2_000_000, 5, 1_000_000, 2_000_000, 2_100_000] {
            for _ in 0..20 {
                granted += u32::from(bucket.take(Instant::from_micros(us)));
            }
        }
        assert!(granted <= 5 + 21, "{granted} granted in 2.1 s");
        assert!(granted >= 10);
    }
}
