//! What a camera picture may cost: the steps between full quality and a thumbnail, chosen by what is granted.
//!
//! The order of what is given up: quality, then frames a second, then size. What a step costs depends on the scene, so
//! the ladder measures it: the bits of the frames that were sent, divided by what a frame of the present step costs
//! relative to one of quality 75 at full size, predict every other step.
//!
//! Down at once, as far as needed. Fewer frames and smaller pictures are undone only when the last step down is [`CLEAN`]
//! ago, and not more often than every [`UP_INTERVAL`]: a picture that changes its size all the time is worse than a small
//! one. Quality alone follows at once, and a step that costs a little too much is kept: the encoder's budget for each
//! frame holds the rate meanwhile.

use core::cmp::Ordering;

use crate::time::{Duration, Instant};

/// After a step down nothing goes up for this long.
pub const CLEAN: Duration = Duration::from_secs(3);
/// Between two steps up.
pub const UP_INTERVAL: Duration = Duration::from_millis(300);
/// A step up must fit into this much of what is granted, in permille.
const UP_SHARE: u64 = 900;
/// The present step is kept up to this much of what is granted, in permille.
const KEEP_SHARE: u64 = 1200;
/// What a full-size frame of quality 75 costs until one was measured, in bits.
const UNIT_BITS_AT_FIRST: u64 = 200_000;

/// Qualities with which a step may be filled, from the best: between two steps lies more than what one of them leaves free.
const QUALITIES: [u8; 8] = [85, 80, 75, 70, 65, 60, 55, 50];

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// JPEG quality.
    pub quality: u8,
    /// Frames a second, at most.
    pub frames_per_s: u8,
    /// How often the sides are halved: 0 is the size of the camera.
    pub halvings: u8,
}

/// From the best to the least. Neighbours differ by at most a factor of 1.6 in cost: what is granted may exceed what is
/// used by a factor of two (see [`super::rate`]), so there is always a next step to try.
pub const RUNGS: [Rung; 15] = [
    Rung { quality: 85, frames_per_s: 30, halvings: 0 },
    Rung { quality: 75, frames_per_s: 30, halvings: 0 },
    Rung { quality: 65, frames_per_s: 30, halvings: 0 },
    Rung { quality: 50, frames_per_s: 30, halvings: 0 },
    Rung { quality: 50, frames_per_s: 20, halvings: 0 },
    Rung { quality: 50, frames_per_s: 15, halvings: 0 },
    Rung { quality: 75, frames_per_s: 15, halvings: 1 },
    Rung { quality: 60, frames_per_s: 15, halvings: 1 },
    Rung { quality: 50, frames_per_s: 12, halvings: 1 },
    Rung { quality: 50, frames_per_s: 8, halvings: 1 },
    Rung { quality: 75, frames_per_s: 12, halvings: 2 },
    Rung { quality: 60, frames_per_s: 10, halvings: 2 },
    Rung { quality: 50, frames_per_s: 8, halvings: 2 },
    Rung { quality: 50, frames_per_s: 6, halvings: 2 },
    Rung { quality: 50, frames_per_s: 4, halvings: 2 },
];

impl Rung {
    /// What one frame costs, in permille of one of quality 75 at full size. Measured on webcam pictures; only ratios
    /// between steps matter, and the ladder corrects itself by what frames turn out to cost.
    const fn frame_cost(self) -> u64 {
        let quality = match self.quality {
            85.. => 1400,
            80.. => 1180,
            75.. => 1000,
            70.. => 910,
            65.. => 840,
            60.. => 770,
            55.. => 710,
            _ => 660,
        };
        match self.halvings {
            0 => quality,
            1 => quality.saturating_mul(420) / 1000,
            _ => quality.saturating_mul(150) / 1000,
        }
    }
}

/// The ladder of one camera.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    /// The best step that is ever chosen.
    best: usize,
    rung: usize,
    /// The quality that fills the present step; that of the step at least.
    quality: u8,
    /// What a frame of quality 75 at full size would cost, in bits.
    unit_bits: u64,
    is_measured: bool,
    down_at: Option<Instant>,
    up_at: Instant,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            best: 0,
            rung: 0,
            quality: 0,
            unit_bits: UNIT_BITS_AT_FIRST,
            is_measured: false,
            down_at: None,
            up_at: Instant::from_micros(0),
        }
    }
}

impl Ladder {
    /// A ladder without the steps above that quality.
    pub fn at_most(quality: u8) -> Self {
        let best = RUNGS.iter().position(|rung| rung.quality <= quality).unwrap_or(0);
        Self { best, rung: best, quality: 0, ..Self::default() }
    }

    /// The present step.
    pub fn rung(&self) -> Rung {
        let rung = RUNGS.get(self.rung).copied().unwrap_or(RUNGS[0]);
        Rung { quality: rung.quality.max(self.quality), ..rung }
    }

    /// Learns from a frame of the present step that was sent. **Units:** bytes, as encoded.
    pub fn handle_frame(&mut self, bytes: usize) {
        let bits = (bytes as u64).saturating_mul(8000);
        let unit = bits.checked_div(self.rung().frame_cost()).unwrap_or(bits);
        self.unit_bits =
            if self.is_measured { (self.unit_bits.saturating_mul(7).saturating_add(unit)) / 8 } else { unit };
        self.is_measured = true;
    }

    /// Chooses the best step that `granted_bps` pays for, of those with at least `halvings_min` halvings; the last one
    /// if none is cheap enough.
    pub fn choose(&mut self, now: Instant, granted_bps: u32, halvings_min: u8) -> Rung {
        let granted = u64::from(granted_bps);
        let fits = |index: usize, rung: &Rung| {
            let share = match index.cmp(&self.rung) {
                Ordering::Less => UP_SHARE,
                Ordering::Equal => KEEP_SHARE,
                Ordering::Greater => 1000,
            };
            index >= self.best
                && rung.halvings >= halvings_min
                && self.predict(*rung) <= granted.saturating_mul(share) / 1000
        };
        let best = RUNGS
            .iter()
            .enumerate()
            .position(|(index, rung)| fits(index, rung))
            .unwrap_or(RUNGS.len().saturating_sub(1));
        let chosen = RUNGS.get(best).copied().unwrap_or(self.rung());
        let is_quality_only =
            (chosen.halvings, chosen.frames_per_s) == (self.rung().halvings, self.rung().frames_per_s);
        if is_quality_only {
            self.rung = best;
        } else if best > self.rung {
            self.rung = best;
            self.down_at = Some(now);
        } else if best < self.rung && self.may_rise(now) {
            self.rung = best;
            self.up_at = now;
        }
        self.quality = 0;
        self.quality = self.fill(granted.saturating_mul(UP_SHARE) / 1000);
        self.rung()
    }

    /// The best quality with which the present step takes no more than that: its frames and size stay as they are.
    fn fill(&self, granted: u64) -> u8 {
        let best = RUNGS.get(self.best).map_or(0, |rung| rung.quality);
        let fits =
            |quality: &u8| *quality <= best && self.predict(Rung { quality: *quality, ..self.rung() }) <= granted;
        QUALITIES.into_iter().find(fits).unwrap_or(0)
    }

    /// What a step would cost, in bits a second.
    fn predict(&self, rung: Rung) -> u64 {
        self.unit_bits.saturating_mul(rung.frame_cost()).saturating_mul(u64::from(rung.frames_per_s)) / 1000
    }

    fn may_rise(&self, now: Instant) -> bool {
        self.down_at.is_none_or(|at| now.since(at) >= CLEAN) && now.since(self.up_at) >= UP_INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(10_000_000 + ms * 1000)
    }

    /// A scene where a full-size frame of quality 75 has this many bytes.
    fn frame(ladder: &mut Ladder, bytes: u64) {
        let cost = ladder.rung().frame_cost();
        ladder.handle_frame((bytes * cost / 1000) as usize);
    }

    #[test]
    fn each_step_is_cheaper_than_the_one_above_but_not_by_much() {
        for pair in RUNGS.windows(2) {
            let cost = |rung: Rung| rung.frame_cost() * u64::from(rung.frames_per_s);
            assert!(cost(pair[1]) < cost(pair[0]) && cost(pair[1]) * 8 / 5 >= cost(pair[0]), "{pair:?}");
            assert!(pair[1].halvings >= pair[0].halvings);
        }
    }

    #[test]
    fn a_still_scene_has_the_best_quality_at_a_rate_that_a_moving_one_cannot_have() {
        let mut ladder = Ladder::default();
        frame(&mut ladder, 1_000);
        assert_eq!(ladder.choose(at_ms(0), 400_000, 0), RUNGS[0]);
        let mut ladder = Ladder::default();
        frame(&mut ladder, 43_000);
        let rung = ladder.choose(at_ms(0), 400_000, 0);
        assert!(rung.halvings >= 1, "{rung:?}");
    }

    #[test]
    fn it_goes_down_at_once_and_up_only_after_a_clean_time() {
        let step = |rung: Rung| (rung.frames_per_s, rung.halvings);
        let mut ladder = Ladder::default();
        frame(&mut ladder, 20_000);
        let good = ladder.choose(at_ms(0), 8_000_000, 0);
        let bad = ladder.choose(at_ms(10), 500_000, 0);
        assert_ne!(good, bad);
        assert_eq!(step(ladder.choose(at_ms(2_900), 8_000_000, 0)), step(bad));
        assert_eq!(ladder.choose(at_ms(3_100), 8_000_000, 0), good);
    }

    #[test]
    fn at_the_edge_between_two_steps_it_stays() {
        let step = |rung: Rung| (rung.frames_per_s, rung.halvings);
        let mut ladder = Ladder::default();
        frame(&mut ladder, 20_000);
        let cost = |rung: Rung| (20_000 * 8 * rung.frame_cost() * u64::from(rung.frames_per_s) / 1000) as u32;
        ladder.choose(at_ms(0), cost(RUNGS[5]) * 9 / 10, 0);
        assert_eq!(step(ladder.rung()), step(RUNGS[6]));
        assert_eq!(step(ladder.choose(at_ms(9_000), cost(RUNGS[5]) + 1, 0)), step(RUNGS[6]), "it fits only just");
        assert_eq!(step(ladder.choose(at_ms(9_000), cost(RUNGS[5]) / 9 * 10 + 10, 0)), step(RUNGS[5]));
        assert_eq!(
            step(ladder.choose(at_ms(9_100), cost(RUNGS[5]) * 9 / 10, 0)),
            step(RUNGS[5]),
            "it is a little too much"
        );
    }

    #[test]
    fn quality_follows_at_once_in_both_directions() {
        let mut ladder = Ladder::default();
        frame(&mut ladder, 20_000);
        assert_eq!(ladder.choose(at_ms(0), 3_500_000, 0), RUNGS[3]);
        assert_eq!(ladder.choose(at_ms(10), 9_000_000, 0), RUNGS[0]);
        assert_eq!(ladder.choose(at_ms(20), 3_500_000, 0), RUNGS[3]);
    }

    #[test]
    fn what_is_left_between_two_steps_goes_into_quality() {
        let mut ladder = Ladder::default();
        frame(&mut ladder, 20_000);
        // Twenty pictures of quality 50 take 2.1 Mbit/s, thirty 3.2.
        for (granted, quality) in [(2_400_000, 50), (2_800_000, 60), (3_200_000, 65), (3_450_000, 70)] {
            let rung = ladder.choose(at_ms(0), granted, 0);
            assert_eq!((rung.frames_per_s, rung.quality), (20, quality), "{granted}");
        }
    }

    #[test]
    fn nothing_is_cheaper_than_the_last_step() {
        let mut ladder = Ladder::default();
        frame(&mut ladder, usize::MAX as u64 / 100_000);
        assert_eq!(ladder.choose(at_ms(0), 0, 0), RUNGS[RUNGS.len() - 1]);
        ladder.handle_frame(usize::MAX);
        assert_eq!(ladder.choose(at_ms(9_000), u32::MAX, 0), RUNGS[RUNGS.len() - 1]);
    }

    #[test]
    fn a_ladder_may_end_lower() {
        let mut ladder = Ladder::at_most(75);
        assert_eq!(ladder.rung(), RUNGS[1]);
        frame(&mut ladder, 100);
        assert_eq!(ladder.choose(at_ms(0), u32::MAX, 0), RUNGS[1]);
        assert_eq!(Ladder::at_most(0).rung(), RUNGS[0], "none is so bad");
    }

    #[test]
    fn nobody_is_sent_a_size_that_nobody_wants() {
        let mut ladder = Ladder::default();
        frame(&mut ladder, 1_000);
        assert_eq!(ladder.choose(at_ms(0), 20_000_000, 1).halvings, 1);
        assert_eq!(ladder.choose(at_ms(600), 20_000_000, 2).halvings, 2);
    }
}
