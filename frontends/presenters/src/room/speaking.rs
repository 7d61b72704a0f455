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
