//! What happens to a datagram between two ends.

use super::MS;
use super::random::Random;

/// How bad the network is for everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Least time on the way. **Units:** microseconds.
    pub delay_us: u64,
    /// Up to so much longer; more than the spacing of packets reorders them. **Units:** microseconds.
    pub jitter_us: u64,
    /// Loss out of 1000 while all is well, and during a burst.
    pub loss: [u64; 2],
    /// Chance out of 1000, per packet, that a burst begins, and that it ends (Gilbert and Elliott).
    pub turn: [u64; 2],
    /// Packets out of 1000 that come twice.
    pub duplicate: u64,
    /// Packets out of 1000 that arrive with one bit changed.
    pub corrupt: u64,
    /// Packets out of 1000 that are held back for long.
    pub straggle: u64,
}

impl Weather {
    /// Weather of one run.
    pub fn new(random: &mut Random) -> Self {
        let is_bursty = random.chance(500);
        Self {
            delay_us: MS + random.below(40) * MS,
            jitter_us: random.below(3) * random.below(30) * MS + 1,
            loss: [random.below(2) * random.below(150), if is_bursty { 300 + random.below(600) } else { 100 }],
            turn: [random.below(30), 50 + random.below(200)],
            duplicate: random.below(2) * random.below(100),
            corrupt: random.below(2) * random.below(50),
            straggle: random.below(2) * random.below(20),
        }
    }

    /// No fault at all, only time on the way.
    pub const fn calm(self) -> Self {
        Self { jitter_us: 1, loss: [0, 0], turn: [0, 1000], duplicate: 0, corrupt: 0, straggle: 0, ..self }
    }
}

/// One direction between the server and one client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path {
    is_in_burst: bool,
    /// Nothing comes through until then. **Units:** microseconds.
    pub cut_until_us: u64,
}

/// One arrival of a datagram.
#[derive(Debug)]
pub struct Arrival {
    /// When. **Units:** microseconds.
    pub at_us: u64,
    /// What.
    pub bytes: Vec<u8>,
}

impl Path {
    /// When and how a datagram comes out at the other end: not at all, once or twice.
    pub fn carry(&mut self, weather: &Weather, random: &mut Random, now_us: u64, bytes: &[u8]) -> Vec<Arrival> {
        let turns = random.chance(weather.turn[usize::from(self.is_in_burst)]);
        self.is_in_burst ^= turns;
        let is_lost = random.chance(weather.loss[usize::from(self.is_in_burst)]);
        if is_lost || now_us < self.cut_until_us {
            return Vec::new();
        }
        let copies = if random.chance(weather.duplicate) { 2 } else { 1 };
        let arrivals = (0..copies).map(|_| {
            let held_us = if random.chance(weather.straggle) { 300 * MS + random.below(1500) * MS } else { 0 };
            let mut bytes = bytes.to_vec();
            if random.chance(weather.corrupt) {
                flip(&mut bytes, random);
            }
            Arrival { at_us: now_us + weather.delay_us + random.below(weather.jitter_us) + held_us, bytes }
        });
        arrivals.collect()
    }
}

/// Changes one bit.
pub fn flip(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len() as u64 * 8) as usize;
    if let Some(byte) = bytes.get_mut(at / 8) {
        *byte ^= 1 << (at % 8);
    }
}
