//! The way to the server: always tried again, with pauses that grow.

use hph_client::core::time::{Duration, Instant};
use hph_client::engine::EndReason;
use hph_client::link::Invitation;
use hph_presenters::app::{self, Screen};
use hph_presenters::signin::{Event as SignIn, Field, Problem, Way};
use hph_presenters::time::seconds_until;
use hph_presenters::trouble::Trouble;

use super::{EngineEvent, Kiosk, Now};
use crate::kiosk::Effects;

/// The first pause. **Units:** seconds.
const PAUSE_S: u64 = 2;
/// No pause is longer. **Units:** seconds.
const PAUSE_MAX_S: u64 = 30;

/// How the connection stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    step: Step,
    /// When it is tried again.
    retry_at: Option<Instant>,
    failures: u32,
    trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// Nothing is under way.
    #[default]
    Idle,
    /// The server is asked how one may sign in.
    Asking,
    /// Signing in.
    SigningIn,
    /// Signed in; the engine keeps it so.
    Up,
}

impl Connection {
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.step, Step::Up)
    }

    pub(super) const fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    pub(super) fn retry_s(&self, now: Now) -> u64 {
        self.retry_at.map_or(0, |at| seconds_until(at, now.at))
    }

    pub(super) const fn retry_now(&mut self) {
        self.retry_at = None;
    }

    /// The pause before the next attempt, after so many that failed: 2, 4, 8 … 30 s.
    fn pause(failures: u32) -> Duration {
        let grown = PAUSE_S.checked_shl(failures.min(8)).unwrap_or(PAUSE_MAX_S);
        Duration::from_secs(grown.min(PAUSE_MAX_S))
    }

    fn fail(&mut self, trouble: Trouble, now: Now) {
        self.retry_at = Some(now.at + Self::pause(self.failures));
        (self.step, self.trouble) = (Step::Idle, Some(trouble));
        self.failures = self.failures.saturating_add(1);
    }
}

impl Kiosk {
    /// Does what is next on the way to the server.
    pub(super) fn follow_connection(&mut self, now: Now, effects: &mut Effects) {
        match self.connection.step {
            Step::Idle => {
                let is_due = self.connection.retry_at.is_none_or(|at| now.at >= at);
                if let Some(server) = self.config.server.clone().filter(|_| is_due) {
                    self.ask(server, now, effects);
                }
            }
            Step::Asking => {
                if self.app.signin.offer.is_some() {
                    self.sign_in(now, effects);
                } else {
                    self.look_for_problem(now);
                }
            }
            Step::SigningIn => self.look_for_problem(now),
            Step::Up => {
                if let Screen::Ended(trouble) = self.app.screen {
                    self.fail(trouble, now);
                }
            }
        }
    }

    fn ask(&mut self, server: Invitation, now: Now, effects: &mut Effects) {
        self.connection.step = Step::Asking;
        // Rooms are entered by this device itself, without a screen before them.
        let link = Invitation { room: None, ..server }.to_string();
        self.meet(app::Event::SignIn(SignIn::Back), now, effects);
        self.meet(app::Event::SignIn(SignIn::Link(link)), now, effects);
    }

    /// It is tried again after a pause; at once, if another way is left.
    fn fail(&mut self, trouble: Trouble, now: Now) {
        let is_at_once = self.note_failure(trouble);
        self.connection.fail(trouble, now);
        if is_at_once {
            self.connection.retry_now();
        }
    }

    fn sign_in(&mut self, now: Now, effects: &mut Effects) {
        if let Some(server) = self.config.server.clone().filter(|_| !self.config.guest) {
            self.connection.step = Step::SigningIn;
            return self.sign_in_by_key(&server, effects);
        }
        if !self.app.signin.ways().contains(&Way::Guest) {
            return self.fail(Trouble::GuestsClosed, now);
        }
        self.connection.step = Step::SigningIn;
        let name = self.config.name.clone();
        for event in [SignIn::Way(Way::Guest), SignIn::Typed(Field::DisplayName, name), SignIn::Submit] {
            self.meet(app::Event::SignIn(event), now, effects);
        }
    }

    fn look_for_problem(&mut self, now: Now) {
        if self.app.signin.is_busy {
            return;
        }
        if let Some(problem) = &self.app.signin.problem {
            let trouble = match problem {
                Problem::Trouble(trouble) => *trouble,
                Problem::TooFast => Trouble::TooFast,
                Problem::NoAddress => Trouble::Unreachable,
                _ => Trouble::SignIn,
            };
            self.fail(trouble, now);
        }
    }

    /// What the engine says of the connection.
    pub(super) const fn note_connection(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::SignedIn { .. } => {
                self.connection = Connection { step: Step::Up, retry_at: None, failures: 0, trouble: None };
            }
            // Ended by ourselves, to be started anew.
            EngineEvent::Ended(EndReason::Quit) => self.connection.step = Step::Idle,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_short_enough_to_be_back_soon() {
        let pauses: Vec<u64> = (0..7).map(|failures| Connection::pause(failures).as_micros() / 1_000_000).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(Connection::pause(u32::MAX), Duration::from_secs(30));
    }
}
