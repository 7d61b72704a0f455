//! Which way our datagrams take: over UDP, or inside the control connection while the network lets none pass.
//!
//! Nothing is asked of a network but whether pings come back. A path that was quiet for a while is asked often, so that
//! chance losses alone hardly ever look like a wall; after [`FALLBACK`] the datagrams take the other way. From there
//! UDP is tried again and again; a few answers in a row bring them back.

use crate::time::{Duration, Instant};

/// So long before it is left, a path without an answer is asked every [`ASKING_INTERVAL`]. Without an answer for
/// [`FALLBACK`] less this: longer than any ping interval.
const ASKED_FOR: Duration = Duration::from_millis(300);
const ASKING_INTERVAL: Duration = Duration::from_millis(25);
/// Without an answer for this long datagrams take the tunnel.
const FALLBACK: Duration = Duration::from_millis(800);
/// The same where datagrams travel over TCP as it is, as a browser's do on their first way: there silence is a stall, which what
/// travels in the same connection does not get around.
const FALLBACK_OVER_TCP: Duration = Duration::from_secs(5);
/// Whoever is called later than was asked by more than this was held up himself.
const LATE_MAX: Duration = Duration::from_millis(200);
/// In the tunnel UDP is tried this often: at first, after [`TRYING_HARD`], and once it has answered.
const TRY_INTERVAL_FIRST: Duration = Duration::from_millis(250);
const TRY_INTERVAL_LATER: Duration = Duration::from_secs(1);
const TRY_INTERVAL_ANSWERED: Duration = Duration::from_millis(100);
const TRYING_HARD: Duration = Duration::from_secs(30);
/// Answers in a row that bring datagrams back to UDP; more after each return that did not last for [`LASTING`].
const ANSWERS_MIN: u8 = 3;
const ANSWERS_MAX: u8 = 96;
const LASTING: Duration = Duration::from_secs(10);
/// Answers further apart are not in a row.
const ANSWERS_APART: Duration = Duration::from_millis(2500);

/// The choice, and what it is made from.
pub(super) struct Ways {
    is_tunnelled: bool,
    /// When the present way was taken.
    since: Instant,
    /// When it was last seen that datagrams go both ways over UDP.
    answered_at: Instant,
    try_at: Instant,
    answers: u8,
    answers_needed: u8,
    fallback: Duration,
}

impl Ways {
    /// Over UDP, as far as it goes.
    pub const fn new(now: Instant, is_over_tcp: bool) -> Self {
        let fallback = if is_over_tcp { FALLBACK_OVER_TCP } else { FALLBACK };
        let (since, answered_at, try_at) = (now, now, now);
        let (answers, answers_needed) = (0, ANSWERS_MIN);
        Self { is_tunnelled: false, since, answered_at, try_at, answers, answers_needed, fallback }
    }

    pub const fn is_tunnelled(&self) -> bool {
        self.is_tunnelled
    }

    /// A ping came back over UDP, or the server tells that our datagrams come.
    pub fn handle_answer(&mut self, now: Instant) {
        let is_in_a_row = now.since(self.answered_at) < ANSWERS_APART;
        self.answers = if is_in_a_row { self.answers.saturating_add(1) } else { 1 };
        self.answered_at = now;
        self.try_at = self.try_at.min(now + TRY_INTERVAL_ANSWERED);
    }

    /// We are called, and wished to be at `due`. What did not come while nobody was there to hear it is not the network's
    /// fault: a computer that slept, a browser's page that was held up.
    pub fn handle_call(&mut self, now: Instant, due: Instant) {
        let late = now.since(due);
        if late > LATE_MAX {
            self.answered_at = self.answered_at + late;
        }
    }

    /// The server asks whether we are at this address: something comes through.
    pub fn handle_challenge(&mut self, now: Instant) {
        self.try_at = now;
    }

    /// Takes the other way if it is time; then says whether that is the tunnel.
    pub fn choose(&mut self, now: Instant) -> Option<bool> {
        if self.is_tunnelled {
            let is_back = self.answers >= self.answers_needed;
            if !is_back {
                return None;
            }
        } else {
            if now.since(self.answered_at) <= self.fallback {
                return None;
            }
            let has_lasted = now.since(self.since) >= LASTING;
            self.answers_needed =
                if has_lasted { ANSWERS_MIN } else { self.answers_needed.saturating_mul(2).min(ANSWERS_MAX) };
        }
        self.is_tunnelled = !self.is_tunnelled;
        self.since = now;
        self.answers = 0;
        self.try_at = now;
        Some(self.is_tunnelled)
    }

    /// When the next ping is due, if one every `interval` would do while all is well.
    pub fn next_ping(&self, now: Instant, interval: Duration) -> Instant {
        let suspicious_at = self.answered_at + self.fallback - ASKED_FOR;
        if self.is_tunnelled {
            now + interval
        } else if now < suspicious_at {
            (now + interval).min(suspicious_at)
        } else {
            now + interval.min(ASKING_INTERVAL)
        }
    }

    /// Whether UDP is to be tried now, from inside the tunnel.
    pub fn take_try(&mut self, now: Instant) -> bool {
        if !self.is_tunnelled || now < self.try_at {
            return false;
        }
        let interval = if self.answers > 0 && now.since(self.answered_at) < ANSWERS_APART {
            TRY_INTERVAL_ANSWERED
        } else if now.since(self.since) < TRYING_HARD {
            TRY_INTERVAL_FIRST
        } else {
            TRY_INTERVAL_LATER
        };
        self.try_at = now + interval;
        true
    }

    /// When [`Self::take_try`] says yes.
    pub const fn poll_timeout(&self) -> Instant {
        if self.is_tunnelled { self.try_at } else { Instant::NEVER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(250);

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    /// What becomes of a path without answers whose driver calls when it should, but sleeps from `from` to `to`.
    fn tunnelled_at(from: u64, to: u64) -> Option<u64> {
        left_at(Ways::new(at(0), false), (from, to))
    }

    fn left_at(mut ways: Ways, (from, to): (u64, u64)) -> Option<u64> {
        let mut due = at(0);
        for ms in (0..6000).filter(|ms| !(from..to).contains(ms)) {
            if at(ms) >= due {
                ways.handle_call(at(ms), due);
                due = ways.next_ping(at(ms), INTERVAL);
            }
            if ways.choose(at(ms)) == Some(true) {
                return Some(ms);
            }
        }
        None
    }

    #[test]
    fn a_silent_path_is_left_and_one_that_nobody_listened_to_is_asked_first() {
        assert_eq!(tunnelled_at(0, 0), Some(801));
        // It slept for a second: what it has heard before counts, and then it asks for as long as any other.
        assert_eq!(tunnelled_at(100, 1100), Some(1651));
        // A little late is what everybody is.
        assert_eq!(tunnelled_at(600, 700), Some(801));
    }

    #[test]
    fn a_stall_of_what_carries_datagrams_anyway_is_waited_for() {
        assert_eq!(left_at(Ways::new(at(0), true), (0, 0)), Some(5001));
    }
}
