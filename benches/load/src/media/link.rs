//! A network in virtual time: one direction of a hop with delay, jitter, loss in bursts, stalls, a rate that changes, and
//! a queue of bounded length. The same seed makes the same run.

use std::collections::VecDeque;

/// A stretch of time in which nothing moves, again and again.
#[derive(Clone, Copy, Debug)]
pub struct Stalls {
    pub every_ms: u64,
    pub for_ms: u64,
}

/// What a network is like.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    pub name: &'static str,
    /// One way, without queue. **Units:** milliseconds.
    pub delay_ms: u64,
    /// Added to it at most, in order: a new value every few milliseconds, as of a radio that waits its turn, most of them
    /// small (the square of an even distribution; a third of this on average).
    pub jitter_ms: u64,
    /// Packets lost, in permille of all, and how many in a row on average (Gilbert and Elliott's model).
    pub loss_permille: u64,
    pub burst: u64,
    /// Packets that are overtaken by those behind them, in permille.
    pub reordered_permille: u64,
    pub stalls: Option<Stalls>,
    /// From which second on, how many bits a second; the first begins at 0.
    pub rates: &'static [(u64, u64)],
    pub queue_bytes: u64,
}

impl Profile {
    /// A wired local network.
    pub const LAN: Self = Self {
        name: "lan",
        delay_ms: 1,
        jitter_ms: 0,
        loss_permille: 0,
        burst: 1,
        reordered_permille: 0,
        stalls: None,
        rates: &[(0, 100_000_000)],
        queue_bytes: 256_000,
    };
    /// Those of the media design, in its order.
    pub const ALL: [Self; 6] = [
        Self::LAN,
        Self {
            name: "wifi_good",
            delay_ms: 1,
            jitter_ms: 6,
            loss_permille: 5,
            burst: 2,
            rates: &[(0, 30_000_000)],
            ..Self::LAN
        },
        Self {
            name: "wifi_bad",
            delay_ms: 1,
            jitter_ms: 30,
            loss_permille: 30,
            burst: 3,
            reordered_permille: 5,
            stalls: Some(Stalls { every_ms: 5_000, for_ms: 50 }),
            rates: &[(0, 12_000_000)],
            ..Self::LAN
        },
        Self { name: "dsl_up", delay_ms: 15, rates: &[(0, 500_000)], queue_bytes: 64_000, ..Self::LAN },
        Self { name: "dsl_down", delay_ms: 15, rates: &[(0, 2_000_000)], queue_bytes: 64_000, ..Self::LAN },
        Self { name: "far", delay_ms: 50, jitter_ms: 4, loss_permille: 10, rates: &[(0, 10_000_000)], ..Self::LAN },
    ];
    /// 5 Mbit/s, half a minute of 0.5 Mbit/s, 5 Mbit/s.
    pub const STEP: Self = Self {
        name: "step",
        delay_ms: 15,
        rates: &[(0, 5_000_000), (20, 500_000), (50, 5_000_000)],
        queue_bytes: 64_000,
        ..Self::LAN
    };
    /// A link that a download shares.
    pub const SHARED: Self =
        Self { name: "download", delay_ms: 15, rates: &[(0, 5_000_000)], queue_bytes: 64_000, ..Self::LAN };
}

/// How long a value of the jitter lasts. **Units:** microseconds.
const JITTER_SLOT: u64 = 4_000;

/// A small generator of random numbers (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).checked_rem(bound).unwrap_or(0)
    }
}

/// One direction of a hop. Times are microseconds.
pub struct Link<T> {
    profile: Profile,
    random: Random,
    /// When it came, how long it is, what it is.
    queue: VecDeque<(u64, u64, T)>,
    queued_bytes: u64,
    /// When the packet at the front has left the queue.
    busy_until: u64,
    is_bad: bool,
    /// The present jitter, and in which slot it was drawn.
    jitter: (u64, u64),
    /// Sorted by arrival.
    wire: VecDeque<(u64, T)>,
    last_arrival: u64,
    pub lost: Vec<T>,
}

impl<T> Link<T> {
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self {
            profile,
            random: Random::new(seed),
            queue: VecDeque::new(),
            queued_bytes: 0,
            busy_until: 0,
            is_bad: false,
            jitter: (0, 0),
            wire: VecDeque::new(),
            last_arrival: 0,
            lost: Vec::new(),
        }
    }

    /// Bits a second at a time.
    pub fn rate(&self, now: u64) -> u64 {
        let second = now / 1_000_000;
        self.profile.rates.iter().rev().find(|(from, _)| second >= *from).map_or(1, |(_, rate)| *rate)
    }

    /// How long what is queued takes from now on. **Units:** microseconds.
    pub fn queue_delay(&self, now: u64) -> u64 {
        self.queued_bytes * 8_000_000 / self.rate(now).max(1)
    }

    pub fn send(&mut self, now: u64, bytes: u64, packet: T) {
        if self.queued_bytes + bytes > self.profile.queue_bytes || self.is_unlucky() {
            self.lost.push(packet);
            return;
        }
        self.queued_bytes += bytes;
        self.queue.push_back((now, bytes, packet));
    }

    /// The next packet that has arrived by now.
    pub fn receive(&mut self, now: u64) -> Option<T> {
        self.drain(now);
        if self.wire.front().is_some_and(|(at, _)| *at <= now) {
            return self.wire.pop_front().map(|(_, packet)| packet);
        }
        None
    }

    /// Moves from the queue to the wire what has left by now. Call it often: the rate is that of the call.
    fn drain(&mut self, now: u64) {
        if self.is_stalled(now) {
            self.busy_until = self.busy_until.max(now);
            return;
        }
        let rate = self.rate(now).max(1);
        while let Some((came, bytes, _)) = self.queue.front() {
            let leaves = self.busy_until.max(*came) + bytes * 8_000_000 / rate;
            if leaves > now {
                break;
            }
            let Some((_, bytes, packet)) = self.queue.pop_front() else { break };
            self.queued_bytes -= bytes;
            self.busy_until = leaves;
            let mut arrival = leaves + self.profile.delay_ms * 1000 + self.jitter(leaves);
            if self.random.below(1000) < self.profile.reordered_permille {
                arrival += 8_000;
            } else {
                arrival = arrival.max(self.last_arrival);
                self.last_arrival = arrival;
            }
            let at = self.wire.partition_point(|(other, _)| *other <= arrival);
            self.wire.insert(at, (arrival, packet));
        }
    }

    fn jitter(&mut self, now: u64) -> u64 {
        let slot = now / JITTER_SLOT + 1;
        if self.jitter.1 != slot {
            let share = self.random.below(1001);
            self.jitter = (self.profile.jitter_ms * share * share / 1000, slot);
        }
        self.jitter.0
    }

    fn is_stalled(&self, now: u64) -> bool {
        self.profile.stalls.is_some_and(|stalls| now / 1000 % stalls.every_ms < stalls.for_ms)
    }

    fn is_unlucky(&mut self) -> bool {
        let Profile { loss_permille, burst, .. } = self.profile;
        let chance = if self.is_bad {
            1_000_000 - 1_000_000 / burst.max(1)
        } else {
            loss_permille * 1_000_000 / (burst.max(1) * (1000 - loss_permille).max(1))
        };
        self.is_bad = self.random.below(1_000_000) < chance;
        self.is_bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_its_rate_loses_its_share_and_is_the_same_twice() {
        let run = |seed| {
            let mut link = Link::new(Profile { loss_permille: 30, burst: 3, ..Profile::SHARED }, seed);
            let (mut came, mut order) = (0u64, Vec::new());
            for tick in 0..20_000u64 {
                let now = tick * 500;
                if tick % 3 == 0 {
                    link.send(now, 1200, tick);
                }
                while let Some(packet) = link.receive(now) {
                    came += 1;
                    order.push(packet);
                }
            }
            (came, link.lost.len(), order)
        };
        let (came, lost, order) = run(1);
        assert!((4_900..=5_230).contains(&came), "{came} packets of 1200 bytes in 10 s at 5 Mbit/s");
        assert!(lost > 100, "{lost}");
        assert!(order.is_sorted());
        assert_eq!(run(1).2, order);
        assert_ne!(run(2).2, order);
    }

    #[test]
    fn losses_are_as_many_and_as_long_as_the_profile_says() {
        let profile = Profile { loss_permille: 50, burst: 3, rates: &[(0, 1_000_000_000)], ..Profile::LAN };
        let mut link = Link::new(profile, 7);
        let (mut lost, mut bursts, mut was_lost) = (0, 0, false);
        for packet in 0..200_000u64 {
            let before = link.lost.len();
            link.send(packet * 10_000, 100, packet);
            let is_lost = link.lost.len() > before;
            lost += u64::from(is_lost);
            bursts += u64::from(is_lost && !was_lost);
            was_lost = is_lost;
            while link.receive(packet * 10_000).is_some() {}
        }
        let share = lost as f64 / 200_000.0;
        let length = lost as f64 / bursts as f64;
        assert!((0.045..0.055).contains(&share) && (2.8..3.2).contains(&length), "{share} {length}");
    }
}
