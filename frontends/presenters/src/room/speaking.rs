//! Who speaks, calmly: a ring does not flicker, and a large picture does not jump.

use hph_client::core::time::{Duration, Instant};

use crate::time::ms;

/// Quieter than this is no speech. As in RFC 6464: dB below overload.
const LEVEL_GATE: u8 = 50;
/// The ring comes when somebody has been loud for so long.
pub const RING_ON_AFTER: Duration = ms(200);
/// It goes when they have been quiet for so long.
pub const RING_OFF_AFTER: Duration = ms(600);
/// Whoever is to become large has spoken for so long.
pub const LARGE_AFTER: Duration = ms(1200);
/// The large picture stays for so long.
pub const LARGE_STAYS: Duration = ms(3000);

/// One person's voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speaking {
    /// Since when they are loud, or quiet.
    loud_since: Option<Instant>,
    quiet_since: Option<Instant>,
    /// Since when the ring is on.
    began: Option<Instant>,
    last: Option<Instant>,
}

impl Speaking {
    /// Takes a level: 0 for the loudest, 127 for silence.
    pub fn handle(&mut self, level: u8, now: Instant) {
        if level <= LEVEL_GATE {
            let since = *self.loud_since.get_or_insert(now);
            self.quiet_since = None;
            if self.began.is_none() && now.since(since) >= RING_ON_AFTER {
                self.began = Some(since);
            }
            if self.began.is_some() {
                self.last = Some(now);
            }
        } else {
            let since = *self.quiet_since.get_or_insert(now);
            if self.began.is_none() {
                self.loud_since = None;
            } else if now.since(since) >= RING_OFF_AFTER {
                (self.began, self.loud_since) = (None, None);
            }
        }
    }

    /// Whether the ring is on.
    pub const fn is_shown(&self) -> bool {
        self.began.is_some()
    }

    /// Since when they speak.
    pub const fn began(&self) -> Option<Instant> {
        self.began
    }

    /// When they spoke last.
    pub const fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Whether they have spoken long enough to become large.
    pub fn takes_over(&self, now: Instant) -> bool {
        self.began.is_some_and(|began| now.since(began) >= LARGE_AFTER)
    }

    /// Whether the large picture has stayed long enough.
    pub fn may_change(since: Option<Instant>, now: Instant) -> bool {
        since.is_none_or(|since| now.since(since) >= LARGE_STAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    #[test]
    fn the_ring_comes_late_goes_late_and_does_not_flicker() {
        let mut voice = Speaking::default();
        for (ms, level, is_shown) in [
            (0, 30, false),
            (199, 30, false),
            (200, 30, true),
            (300, 90, true),
            (500, 30, true),
            (600, 90, true),
            (1199, 90, true),
            (1200, 90, false),
            (1300, 30, false),
            (1400, 90, false),
            (1450, 30, false),
            (1649, 30, false),
            (1650, 30, true),
        ] {
            voice.handle(level, at(ms));
            assert_eq!(voice.is_shown(), is_shown, "at {ms}");
        }
        assert_eq!(voice.began(), Some(at(1450)));
    }

    #[test]
    fn a_cough_does_not_make_anybody_large() {
        let mut voice = Speaking::default();
        for ms in (0..1200).step_by(50) {
            voice.handle(40, at(ms));
            assert!(!voice.takes_over(at(ms)));
        }
        voice.handle(40, at(1200));
        assert!(voice.takes_over(at(1200)));
        assert!(Speaking::may_change(None, at(0)));
        assert!(!Speaking::may_change(Some(at(0)), at(2999)) && Speaking::may_change(Some(at(0)), at(3000)));
    }
}
