//! How late packets are, and how late to play them.

use crate::time::{Duration, Instant};

/// Arrivals that are remembered: two seconds of frames of 10 ms.
const ARRIVALS: usize = 200;
/// How long an arrival counts.
const WINDOW_US: i64 = 2_000_000;

/// The lag is smoothed over so many pulls.
const SMOOTH: i64 = 8;
/// A lag that differs so much is a new one.
const LEAP_US: i64 = 15_000;
/// How far the lag must be above or below what it should be before the pace changes.
const FASTER_FROM_US: i64 = 6_000;
const SLOWER_FROM_US: i64 = 4_000;
/// Delay to spare is no hurry: less than this is saved only where it is quiet ...
const FASTER_QUIET_US: i64 = 20_000;
/// ... unless that has not come in so many pulls.
const PATIENCE: u32 = 300;
/// More than any likeness.
const ONLY_QUIET: f32 = 2.0;
/// How much of a pull may be left out or put in: 15 % ...
const PAID_US: i64 = 1_500;
/// ... and half of it as long as what is heard is so late that people talk over each other.
const PAID_HURRYING_US: i64 = 5_000;
const HURRY_FROM_US: i64 = 150_000;

/// Stalls and losses are remembered for so many quarters of a second: twelve seconds.
const REMEMBERED: usize = 48;
const SLOT_US: i64 = 250_000;

/// When a packet came, and how long after its capture, by two clocks with unknown origins.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    at_us: i64,
    lag_us: i64,
}

/// Watches the *lag* of arrivals (receiver's clock minus sender's media clock; only differences mean something) and says
/// at which lag to play so that nearly all come in time.
///
/// Three things make frames late. Jitter: it is there all the time, and the 99th percentile of two seconds tells how much.
/// Stalls, as of a radio that scans: they come every few seconds and are gone from the window before the next one; if there
/// was more than one of late, the second worst is covered too. And losses that a copy in a later packet mends: if they
/// are common, waiting for the copy is worth its delay. All changes cost stretched sound, so what was needed is held a while.
#[derive(Clone, Debug)]
pub(super) struct DelayEstimator {
    arrivals: [Arrival; ARRIVALS],
    used: usize,
    next: usize,
    stalls: Worst,
    copies: Worst,
    /// How long to wait for copies.
    copies_us: i64,
    min_us: i64,
    max_us: i64,
    /// The lag of the fastest packet in the window, and at which to play.
    base_us: i64,
    target_us: i64,
    /// How late a packet may be for all that the percentile knows.
    expected_us: i64,
}

impl DelayEstimator {
    /// Plays at least `min` and at most `max` after the fastest packet.
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self {
            arrivals: [Arrival { at_us: 0, lag_us: 0 }; ARRIVALS],
            used: 0,
            next: 0,
            stalls: Worst::NONE,
            copies: Worst::NONE,
            copies_us: 0,
            min_us: micros(min),
            max_us: micros(max.max(min)),
            base_us: 0,
            target_us: 0,
            expected_us: i64::MAX,
        }
    }

    /// Forgets all arrivals.
    pub(super) fn reset(&mut self) {
        (self.used, self.next, self.copies_us) = (0, 0, 0);
        (self.stalls, self.copies) = (Worst::NONE, Worst::NONE);
        self.expected_us = i64::MAX;
    }

    /// Takes note of a packet that came at `now` with that lag.
    pub(super) fn observe(&mut self, now: Instant, lag_us: i64) {
        let at_us = instant_micros(now);
        if let Some(arrival) = self.arrivals.get_mut(self.next) {
            *arrival = Arrival { at_us, lag_us };
        }
        self.next = self.next.saturating_add(1).checked_rem(ARRIVALS).unwrap_or(0);
        self.used = self.used.saturating_add(1).min(ARRIVALS);
        let jitter_us = self.estimate_jitter(at_us);
        let late_us = lag_us.saturating_sub(self.base_us);
        self.stalls.advance(at_us);
        if late_us > self.expected_us {
            self.stalls.note(late_us, true);
        }
        self.expected_us = jitter_us.saturating_add(self.min_us);
        self.copies.advance(at_us);
        // What is needed often is waited for, until it was needed only once of late.
        self.copies_us = self.copies_us.min(self.copies.worst_but(1)).max(self.copies.worth_waiting_us());
        let waited_us = self.stalls.worst_but(1).max(self.copies_us.saturating_add(self.min_us / 2));
        let delay_us = self.expected_us.max(waited_us).min(self.max_us);
        self.target_us = self.base_us.saturating_add(delay_us);
    }

    /// Takes note of a frame whose packet was lost, and that came at `now` by a copy with that lag.
    pub(super) fn observe_copy(&mut self, now: Instant, lag_us: i64) {
        self.copies.advance(instant_micros(now));
        self.copies.note(lag_us.saturating_sub(self.base_us), false);
    }

    /// The lag at which to play.
    pub(super) const fn target_lag_us(&self) -> i64 {
        self.target_us
    }

    /// The lag of the fastest packet of late.
    pub(super) const fn base_lag_us(&self) -> i64 {
        self.base_us
    }

    /// Finds the fastest packet of the window, and returns by how much 99 of a hundred are not later than it.
    fn estimate_jitter(&mut self, now_us: i64) -> i64 {
        let mut count = 0_usize;
        let mut fastest = i64::MAX;
        let mut latest = Latest::NONE;
        let recent = self.arrivals.iter().take(self.used).filter(|a| now_us.saturating_sub(a.at_us) <= WINDOW_US);
        for arrival in recent {
            count = count.saturating_add(1);
            fastest = fastest.min(arrival.lag_us);
            latest.take(arrival.lag_us);
        }
        if count == 0 {
            return 0;
        }
        self.base_us = fastest;
        // One in a hundred, of at most two hundred.
        latest.behind(count / 100).saturating_sub(fastest)
    }
}

/// The latest arrivals of some, the latest first.
struct Latest([i64; ARRIVALS / 100 + 1]);

impl Latest {
    const NONE: Self = Self([i64::MIN; ARRIVALS / 100 + 1]);

    fn take(&mut self, mut lag_us: i64) {
        for place in &mut self.0 {
            if lag_us > *place {
                core::mem::swap(place, &mut lag_us);
            }
        }
    }

    /// The latest of all but so many.
    fn behind(&self, but: usize) -> i64 {
        self.0.get(but).copied().unwrap_or(i64::MIN)
    }
}

/// The worst lateness of something in each of the last quarters of a second.
#[derive(Clone, Debug)]
struct Worst {
    /// By quarter, modulo their number.
    late_us: [i64; REMEMBERED],
    quarter: i64,
}

impl Worst {
    const NONE: Self = Self { late_us: [0; REMEMBERED], quarter: 0 };

    /// Makes room for the present quarter.
    fn advance(&mut self, now_us: i64) {
        let quarter = now_us / SLOT_US;
        let passed = quarter.saturating_sub(self.quarter).clamp(0, REMEMBERED as i64);
        for back in 0..passed {
            if let Some(late_us) = self.slot(quarter.saturating_sub(back)) {
                *late_us = 0;
            }
        }
        self.quarter = quarter;
    }

    /// Takes note of a lateness. If it `may_continue` one of the quarter before, it belongs to that.
    fn note(&mut self, late_us: i64, may_continue: bool) {
        let before = self.quarter.saturating_sub(1);
        let continues = may_continue && self.slot(before).is_some_and(|late_us| *late_us > 0);
        if let Some(worst_us) = self.slot(if continues { before } else { self.quarter }) {
            *worst_us = late_us.max(*worst_us);
        }
    }

    fn slot(&mut self, quarter: i64) -> Option<&mut i64> {
        let index = quarter.rem_euclid(REMEMBERED as i64);
        self.late_us.get_mut(usize::try_from(index).ok()?)
    }

    /// The longest wait that is worth it: the longer, the more often it must have been needed. A copy of the frame before
    /// (20 ms) three times, of the fourth before (80 ms) nine times.
    fn worth_waiting_us(&self) -> i64 {
        let needed = |late_us: i64| (late_us / 10_000).saturating_add(1) as usize;
        let times = |wait_us: i64| self.late_us.iter().filter(|late_us| **late_us >= wait_us).count();
        let is_worth_it = |late_us: &i64| *late_us > 0 && times(*late_us) >= needed(*late_us);
        self.late_us.iter().copied().filter(is_worth_it).max().unwrap_or(0)
    }

    /// The worst of all quarters but so many.
    fn worst_but(&self, but: usize) -> i64 {
        let worse = |than: i64| self.late_us.iter().filter(|late_us| **late_us > than).count();
        self.late_us.iter().copied().filter(|late_us| worse(*late_us) <= but).min().unwrap_or(0)
    }
}

/// How fast to play.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// As it came.
    Keep,
    /// Leave something out, if the sound is so much like itself (0 to 1) or quiet.
    Faster { likeness: f32 },
    /// Put something in, on the same condition.
    Slower { likeness: f32 },
}

/// Decides when to play faster or slower.
#[derive(Clone, Debug)]
pub(super) struct Steering {
    /// The lag at which it is played, without the jitter of the pulls; none before the first.
    lag_us: Option<i64>,
    /// How much may not be changed yet: a change has to be worked off at the rate that is allowed.
    debt_us: i64,
    /// For how many pulls there was delay to spare.
    waited: u32,
}

impl Steering {
    pub(super) const fn new() -> Self {
        Self { lag_us: None, debt_us: 0, waited: 0 }
    }

    /// Called for each pull.
    pub(super) fn pace(&mut self, lag_us: i64, target_us: i64) -> Pace {
        let smooth = self.lag_us.get_or_insert(lag_us);
        let step = lag_us.saturating_sub(*smooth);
        // A leap (an interruption, a silence) is a new lag, not noise.
        *smooth = if step.abs() > LEAP_US { lag_us } else { smooth.saturating_add(step / SMOOTH) };
        let excess = smooth.saturating_sub(target_us);
        let paid_us = if excess > HURRY_FROM_US { PAID_HURRYING_US } else { PAID_US };
        self.debt_us = self.debt_us.saturating_sub(paid_us).max(0);
        self.waited = if excess > FASTER_FROM_US { self.waited.saturating_add(1) } else { 0 };
        if self.debt_us > 0 {
            return Pace::Keep;
        }
        if excess > FASTER_FROM_US {
            let is_patient = excess < FASTER_QUIET_US && self.waited < PATIENCE;
            Pace::Faster { likeness: if is_patient { ONLY_QUIET } else { likeness_for(excess) } }
        } else if excess < -SLOWER_FROM_US {
            Pace::Slower { likeness: likeness_for(excess.saturating_neg()) }
        } else {
            Pace::Keep
        }
    }

    /// Takes note that the lag was changed.
    pub(super) fn handle_stretched(&mut self, change_us: i64, is_quiet: bool) {
        if let Some(lag) = &mut self.lag_us {
            *lag = lag.saturating_add(change_us);
        }
        self.debt_us = if is_quiet { change_us.abs() / 2 } else { change_us.abs() };
    }
}

/// The farther away, the less choosy.
const fn likeness_for(away_us: i64) -> f32 {
    match away_us {
        ..30_000 => 0.6,
        30_000..60_000 => 0.3,
        _ => 0.1,
    }
}

/// A span in signed microseconds.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A point in time in signed microseconds since the clock's origin.
pub(super) fn instant_micros(at: Instant) -> i64 {
    i64::try_from(at.as_micros()).unwrap_or(i64::MAX)
}
