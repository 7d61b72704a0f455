//! Seeded traces of delay: when the packets of a voice come.

/// What the traces are of. Each is a mixture of what such networks are known for, not a recording of one.
pub const NAMES: [&str; 7] = ["lan", "wifi_good", "wifi_bad", "dsl", "bursts", "step", "mixed"];

/// Seeded numbers (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to 1, evenly.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponentially distributed.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// A network that delays, now and then for long.
struct Way {
    random: Random,
    stall_until: f64,
    next_stall: f64,
    queue: f64,
}

/// When each packet comes, in milliseconds, in the order in which they were sent: one each `frame_ms`, from time 0 on. Packets
/// do not overtake each other.
pub fn arrivals(name: &str, seed: u64, seconds: f64, frame_ms: f64) -> Vec<f64> {
    let mut way = Way { random: Random::new(seed), stall_until: 0.0, next_stall: 0.0, queue: 0.0 };
    let mut last = 0.0_f64;
    let packets = (seconds * 1000.0 / frame_ms) as usize;
    let sent = (0..packets).map(|n| n as f64 * frame_ms);
    let comes = sent.map(|sent| {
        last = last.max(sent + way.delay(name, sent));
        last
    });
    comes.collect()
}

impl Way {
    /// The delay of a packet that is sent at `at`. Milliseconds.
    fn delay(&mut self, name: &str, at: f64) -> f64 {
        match name {
            "lan" => 0.5 + self.random.exponential(0.2) + self.rarely(0.002, 0.0, 3.0),
            // Retries of the radio.
            "wifi_good" => 2.0 + self.random.exponential(2.0) + self.rarely(0.005, 8.0, 16.0),
            // More of them, and a scan for other networks every few seconds.
            "wifi_bad" => {
                let delay = 5.0 + self.random.exponential(6.0) + self.rarely(0.02, 10.0, 30.0);
                delay + self.stall(at, (30.0, 70.0), (2500.0, 7500.0))
            }
            // A queue that an upload fills every 21 seconds.
            "dsl" => {
                let is_loaded = (at / 7000.0) as u64 % 3 == 1;
                let drift = if is_loaded { 0.35 } else { 0.8 };
                self.queue = (self.queue + 3.0 * (self.random.unit() - drift)).clamp(0.0, 60.0);
                25.0 + self.queue + 5.0 * self.random.unit()
            }
            // A mobile network: packets in slots of 40 ms, and a long interruption now and then.
            "bursts" => {
                let slot = ((at + 20.0) / 40.0).ceil() * 40.0 + self.random.exponential(1.5);
                slot - at + self.stall(at, (100.0, 250.0), (10_000.0, 20_000.0))
            }
            // Another route, 40 ms longer, for 20 seconds.
            "step" => 10.0 + self.random.exponential(1.5) + if (15_000.0..35_000.0).contains(&at) { 40.0 } else { 0.0 },
            // Several hops, one of them now and then busy.
            _ => {
                let hops: f64 = (0..4).map(|_| self.random.exponential(2.0)).sum();
                4.0 + hops + 10.0 * (at / 4000.0).sin().max(0.0) * self.random.unit()
            }
        }
    }

    fn rarely(&mut self, part: f64, low: f64, high: f64) -> f64 {
        if self.random.unit() < part { low + (high - low) * self.random.unit() } else { 0.0 }
    }

    /// Now and then nothing comes for a while, then all of it at once.
    fn stall(&mut self, at: f64, length: (f64, f64), pause: (f64, f64)) -> f64 {
        if at >= self.next_stall {
            self.stall_until = at + length.0 + (length.1 - length.0) * self.random.unit();
            self.next_stall = at + pause.0 + (pause.1 - pause.0) * self.random.unit();
        }
        (self.stall_until - at).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_the_same_each_time_and_its_packets_come_in_order_after_they_were_sent() {
        for name in NAMES {
            let trace = arrivals(name, 3, 10.0, 20.0);
            assert_eq!(trace, arrivals(name, 3, 10.0, 20.0), "{name}");
            assert_ne!(trace, arrivals(name, 4, 10.0, 20.0), "{name}");
            assert!(trace.windows(2).all(|pair| pair[0] <= pair[1]), "{name}");
            assert!(trace.iter().enumerate().all(|(n, at)| *at >= n as f64 * 20.0), "{name}");
        }
    }
}
