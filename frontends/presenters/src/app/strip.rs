//! The strip that says how the connection is. It is hidden while all is well.

use hph_client::core::time::{Duration, Instant};
use hph_client::engine::Event;

use crate::time::{ms, seconds_until};

/// A connection that is lost for so long is said to be lost.
pub const LOST_AFTER: Duration = ms(30_000);
/// Datagrams may need so long to come through before it is said that they do not.
pub const DATAGRAMS_WITHIN: Duration = ms(5000);

/// How the connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strip {
    /// All is well, or nobody is to be connected.
    #[default]
    Hidden,
    /// It is being made for the first time.
    Connecting,
    /// Chat works, sound and pictures do not come through.
    NoDatagrams,
    /// It is being made again; the next attempt begins in so many seconds, 0: now.
    Reconnecting {
        /// **Units:** seconds.
        next_s: u64,
    },
    /// It has been lost for long; it is still being made again.
    Lost {
        /// Since when. **Units:** seconds.
        for_s: u64,
    },
}

/// What is known of the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    state: State,
    has_datagrams: bool,
    up_since: Option<Instant>,
    lost_at: Option<Instant>,
    retry_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Off,
    Connecting,
    Up,
    Lost,
}

impl Link {
    /// Takes what the engine says; whether we are connected again.
    pub fn handle(&mut self, event: &Event, now: Instant) -> bool {
        match event {
            Event::Connecting { .. } => {
                self.retry_at = None;
                if self.state == State::Off {
                    self.state = State::Connecting;
                }
            }
            Event::SignedIn { .. } => {
                let was_lost = self.state == State::Lost;
                *self = Self { state: State::Up, up_since: Some(now), ..Self::default() };
                return was_lost;
            }
            Event::Lost { retry_in, .. } => {
                let retry_in = Duration::from_micros(u64::try_from(retry_in.as_micros()).unwrap_or(u64::MAX));
                let lost_at = Some(*self.lost_at.get_or_insert(now));
                // The first attempts to reach a server are no lost connection.
                let state = if self.state == State::Up { State::Lost } else { self.state };
                *self = Self { state, lost_at, retry_at: Some(now + retry_in), ..Self::default() };
            }
            Event::Datagrams { is_up } => self.has_datagrams = *is_up,
            Event::Ended(_) => *self = Self::default(),
            _ => {}
        }
        false
    }

    /// What the strip says.
    pub fn strip(&self, now: Instant) -> Strip {
        let lost_at = self.lost_at.unwrap_or(now);
        match self.state {
            State::Off => Strip::Hidden,
            State::Connecting => Strip::Connecting,
            State::Up if self.has_datagrams => Strip::Hidden,
            State::Up if self.up_since.is_none_or(|since| now.since(since) < DATAGRAMS_WITHIN) => Strip::Hidden,
            State::Up => Strip::NoDatagrams,
            State::Lost if now.since(lost_at) >= LOST_AFTER => {
                Strip::Lost { for_s: now.since(lost_at).as_micros() / 1_000_000 }
            }
            State::Lost => Strip::Reconnecting { next_s: self.retry_at.map_or(0, |at| seconds_until(at, now)) },
        }
    }

    /// Whether there is a connection.
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hph_client::engine::EndReason;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn signed_in() -> Event {
        let text = String::new;
        Event::SignedIn { username: text(), display_name: text(), server_name: text(), pin: [0; 32] }
    }

    fn lost(ms: u64) -> Event {
        Event::Lost { why: String::new(), retry_in: std::time::Duration::from_millis(ms) }
    }

    #[test]
    fn the_strip_tells_what_is_not_well() {
        let mut link = Link::default();
        assert_eq!(link.strip(at(0)), Strip::Hidden);
        link.handle(&Event::Connecting { attempt: 0 }, at(0));
        assert_eq!(link.strip(at(0)), Strip::Connecting);
        link.handle(&lost(250), at(50));
        assert_eq!(link.strip(at(100)), Strip::Connecting, "it was never there");
        assert!(!link.handle(&signed_in(), at(1000)));
        assert_eq!((link.strip(at(1000)), link.strip(at(6000))), (Strip::Hidden, Strip::NoDatagrams));
        link.handle(&Event::Datagrams { is_up: true }, at(6100));
        assert_eq!(link.strip(at(6100)), Strip::Hidden);
        link.handle(&lost(1500), at(10_000));
        assert_eq!(link.strip(at(10_000)), Strip::Reconnecting { next_s: 2 });
        link.handle(&Event::Connecting { attempt: 1 }, at(11_500));
        assert_eq!(link.strip(at(11_500)), Strip::Reconnecting { next_s: 0 });
        link.handle(&lost(4000), at(30_000));
        assert_eq!(link.strip(at(40_000)), Strip::Lost { for_s: 30 }, "counted from the first loss");
        assert!(link.handle(&signed_in(), at(41_000)), "connected again");
        link.handle(&Event::Ended(EndReason::Quit), at(42_000));
        assert_eq!(link.strip(at(42_000)), Strip::Hidden);
    }
}
