//! What may stand between us and a room: a password, or a host who has to let us in.

use hph_client::core::id::RoomId;
use hph_client::core::time::Instant;
use hph_client::engine::Command;

use crate::effect::{Effects, engine};
use crate::time::Now;

/// What we wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The room wants a password.
    Password {
        /// What was typed.
        text: String,
        /// Whether the one before was another one than the room's.
        is_wrong: bool,
        /// Whether the server is looking at it.
        is_asking: bool,
    },
    /// A host has to let us in.
    Waiting {
        /// Since when.
        since: Instant,
    },
}

/// A closed door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The request to come in.
    pub request: u32,
    /// Of which room.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// What it wants.
    pub step: Step,
}

/// What happens at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The password was changed.
    Typed(String),
    /// Say it.
    Say,
    /// Wait no longer.
    GiveUp,
}

impl Door {
    /// A room that wants a password.
    pub const fn password(request: u32, room: RoomId, name: String) -> Self {
        Self { request, room, name, step: Step::Password { text: String::new(), is_wrong: false, is_asking: false } }
    }

    /// A room whose host has to let us in.
    pub const fn waiting(request: u32, room: RoomId, name: String, now: Instant) -> Self {
        Self { request, room, name, step: Step::Waiting { since: now } }
    }

    /// Takes an event other than giving up.
    pub fn handle(&mut self, event: Event, effects: &mut Effects) {
        let Step::Password { text, is_wrong, is_asking } = &mut self.step else { return };
        match event {
            Event::Typed(typed) => (*text, *is_wrong) = (typed, false),
            Event::Say if !*is_asking && !text.is_empty() => {
                *is_asking = true;
                let (request, room, password) = (self.request, self.room, text.clone());
                engine(effects, Command::Enter { request, room, password });
            }
            Event::Say | Event::GiveUp => {}
        }
    }

    /// The password was another one than the room's. Whether one was said.
    pub fn refuse_password(&mut self) -> bool {
        let Step::Password { text, is_wrong, is_asking } = &mut self.step else { return false };
        let was_asking = std::mem::take(is_asking);
        if was_asking {
            (*text, *is_wrong) = (String::new(), true);
        }
        was_asking
    }

    /// How long we have waited for a host. **Units:** seconds.
    pub fn waited_s(&self, now: Now) -> u64 {
        match self.step {
            Step::Waiting { since } => now.at.since(since).as_micros() / 1_000_000,
            Step::Password { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Effect;

    #[test]
    fn a_password_is_said_once_and_forgotten_when_it_is_wrong() {
        let (mut door, mut effects) = (Door::password(5, RoomId(7), "Nhóm 17".to_owned()), Effects::new());
        door.handle(Event::Say, &mut effects);
        assert!(effects.is_empty(), "there is nothing to say");
        door.handle(Event::Typed("hoa sen".to_owned()), &mut effects);
        door.handle(Event::Say, &mut effects);
        door.handle(Event::Say, &mut effects);
        let said = |effect: &Effect| matches!(effect, Effect::Engine(Command::Enter { request: 5, room: RoomId(7), password }) if password == "hoa sen");
        assert!(effects.len() == 1 && effects.iter().all(said), "{effects:?}");
        assert!(door.refuse_password() && !door.refuse_password());
        let wrong = Step::Password { text: String::new(), is_wrong: true, is_asking: false };
        assert_eq!(door.step, wrong);
        door.handle(Event::Typed("h".to_owned()), &mut effects);
        assert!(matches!(door.step, Step::Password { is_wrong: false, .. }));
    }
}
