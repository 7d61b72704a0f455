//! What an unkind network does to datagrams, the same for the same seed and order.

use std::time::Duration;

/// What happens to datagrams. The default is fair weather.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// What chance begins from.
    pub seed: u64,
    /// Lost. **Units:** out of a thousand.
    pub loss: u32,
    /// Delivered twice. **Units:** out of a thousand.
    pub duplication: u32,
    /// Held back by up to [`Self::jitter`], so that others overtake. **Units:** out of a thousand.
    pub reordering: u32,
    /// How long at most.
    pub jitter: Duration,
    /// One bit is turned over. **Units:** out of a thousand.
    pub flips: u32,
    /// How long every datagram takes.
    pub delay: Duration,
}

/// The weather and the state of its chance.
#[derive(Default)]
pub(super) struct Sky {
    weather: Weather,
    state: u64,
}

impl Sky {
    pub const fn new(weather: Weather) -> Self {
        Self { weather, state: weather.seed }
    }

    /// What becomes of a datagram: each copy, and how late it is.
    pub fn fall(&mut self, bytes: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let Weather { loss, duplication, reordering, jitter, flips, delay, .. } = self.weather;
        if self.chance(loss) {
            return Vec::new();
        }
        let copies = 1 + usize::from(self.chance(duplication));
        let mut fallen = Vec::with_capacity(copies);
        for _ in 0..copies {
            let mut copy = bytes.to_vec();
            if self.chance(flips) {
                let bit = self.below(bytes.len() as u64 * 8) as usize;
                if let Some(byte) = copy.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            let held = if self.chance(reordering) { self.below(jitter.as_micros() as u64) } else { 0 };
            fallen.push((delay + Duration::from_micros(held), copy));
        }
        fallen
    }

    fn chance(&mut self, permille: u32) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    /// SplitMix64, reduced.
    fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(end).unwrap_or(0)
    }
}
