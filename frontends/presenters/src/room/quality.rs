//! How well somebody is heard and seen, in bars, and whose fault it is.

use hph_client::core::time::{Duration, Instant};

use crate::time::ms;

/// Worse is shown when it has lasted so long.
pub const DOWN_AFTER: Duration = ms(3000);
/// Better is shown when it has lasted so long.
pub const UP_AFTER: Duration = ms(6000);
/// So much of what is lost must be lost on our own way to be our network's fault.
const OWN_SHARE: f32 = 0.7;
/// Loss that is somebody's fault at all.
const LOSS_NOTED: f32 = 0.01;

/// What was measured of one person in the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Part of their packets that did not come in time, 0 to 1.
    pub loss: f32,
    /// Round trip to the server. **Units:** milliseconds.
    pub rtt_ms: u32,
    /// How much their packets' delay varies. **Units:** milliseconds.
    pub jitter_ms: u32,
    /// Whether nothing has come for 3 s of a track that is on.
    pub is_silent: bool,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Their network.
    Theirs,
    /// Our network.
    Ours,
    /// This machine does not keep up.
    Machine,
}

/// Bars, 0 (nothing comes) to 4 (as in one room).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bars(pub u8);

impl Bars {
    /// All of them.
    pub const FULL: Self = Self(4);

    /// Whether they are few enough to be shown on a tile.
    pub const fn are_worth_showing(self) -> bool {
        self.0 <= 2
    }
}

/// The bars of a sample by itself.
pub fn bars(sample: &Sample) -> Bars {
    let is_within =
        |loss, rtt_ms, jitter_ms| sample.loss < loss && sample.rtt_ms < rtt_ms && sample.jitter_ms < jitter_ms;
    Bars(match () {
        () if sample.is_silent => 0,
        () if is_within(0.01, 150, 20) => 4,
        () if is_within(0.03, 250, 40) => 3,
        () if is_within(0.08, 400, 80) => 2,
        () => 1,
    })
}

/// Whose fault somebody's loss is. `ours` is the loss of all that comes to us.
pub fn cause(sample: &Sample, ours: f32, is_overloaded: bool) -> Cause {
    match () {
        () if is_overloaded => Cause::Machine,
        () if ours >= LOSS_NOTED && ours >= sample.loss * OWN_SHARE => Cause::Ours,
        () => Cause::Theirs,
    }
}

/// The bars of one person, steady enough to be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    shown: Bars,
    cause: Option<Cause>,
    /// What is measured now, if it is not what is shown: since when, and the one next to what is shown in that time.
    other: Option<(Instant, Bars)>,
}

impl Default for Quality {
    fn default() -> Self {
        Self { shown: Bars::FULL, cause: None, other: None }
    }
}

impl Quality {
    /// Takes a sample, about once a second.
    pub fn handle(&mut self, sample: &Sample, cause: Cause, now: Instant) {
        let measured = bars(sample);
        let is_worse = measured < self.shown;
        self.other = match self.other {
            _ if measured == self.shown => None,
            Some((since, next)) if (next < self.shown) == is_worse => {
                Some((since, if is_worse { next.max(measured) } else { next.min(measured) }))
            }
            _ => Some((now, measured)),
        };
        let lasts = if is_worse { DOWN_AFTER } else { UP_AFTER };
        if let Some((since, next)) = self.other
            && now.since(since) >= lasts
        {
            (self.shown, self.other) = (next, None);
        }
        self.cause = (self.shown < Bars::FULL).then_some(if measured < Bars::FULL {
            cause
        } else {
            self.cause.unwrap_or(cause)
        });
    }

    /// The bars to show.
    pub const fn bars(&self) -> Bars {
        self.shown
    }

    /// Why they are not all there.
    pub const fn cause(&self) -> Option<Cause> {
        self.cause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Instant {
        Instant::from_micros(s * 1_000_000)
    }

    #[test]
    fn bars_follow_loss_delay_and_its_variation() {
        for (loss, rtt_ms, jitter_ms, is_silent, expected) in [
            (0.0, 20, 5, false, 4),
            (0.009, 149, 19, false, 4),
            (0.01, 20, 5, false, 3),
            (0.0, 150, 5, false, 3),
            (0.0, 20, 20, false, 3),
            (0.03, 20, 5, false, 2),
            (0.079, 399, 79, false, 2),
            (0.08, 20, 5, false, 1),
            (0.0, 400, 5, false, 1),
            (0.0, 20, 80, false, 1),
            (0.0, 20, 5, true, 0),
        ] {
            let sample = Sample { loss, rtt_ms, jitter_ms, is_silent };
            assert_eq!(bars(&sample), Bars(expected), "{sample:?}");
        }
    }

    #[test]
    fn a_fault_is_ours_if_most_of_it_happens_on_our_way() {
        let sample = |loss| Sample { loss, ..Sample::default() };
        for (theirs, ours, is_overloaded, expected) in [
            (0.10, 0.0, false, Cause::Theirs),
            (0.10, 0.05, false, Cause::Theirs),
            (0.10, 0.09, false, Cause::Ours),
            (0.10, 0.09, true, Cause::Machine),
            (0.0, 0.0, false, Cause::Theirs),
        ] {
            assert_eq!(cause(&sample(theirs), ours, is_overloaded), expected, "{theirs} {ours}");
        }
    }

    #[test]
    fn worse_is_shown_after_three_seconds_and_better_after_six() {
        let mut quality = Quality::default();
        let (good, bad) = (Sample::default(), Sample { loss: 0.2, ..Sample::default() });
        for (s, sample, expected) in [
            (0, &good, 4),
            (1, &bad, 4),
            (3, &bad, 4),
            (4, &bad, 1),
            (5, &good, 1),
            (10, &good, 1),
            (11, &good, 4),
            (12, &bad, 4),
            (14, &good, 4),
            (15, &bad, 4),
            (17, &bad, 4),
            (18, &bad, 1),
        ] {
            quality.handle(sample, Cause::Theirs, at(s));
            assert_eq!(quality.bars(), Bars(expected), "at {s} s");
            assert_eq!(quality.cause().is_some(), expected < 4);
        }
    }

    #[test]
    fn what_was_better_all_the_time_is_shown_and_not_the_best_moment() {
        let mut quality = Quality::default();
        let losing = |loss| Sample { loss, ..Sample::default() };
        for s in 0..4 {
            quality.handle(&losing(0.2), Cause::Ours, at(s));
        }
        assert_eq!(quality.bars(), Bars(1));
        for (s, loss) in [(4, 0.05), (6, 0.0), (8, 0.05), (10, 0.0)] {
            quality.handle(&losing(loss), Cause::Ours, at(s));
        }
        assert_eq!(quality.bars(), Bars(2));
    }
}
