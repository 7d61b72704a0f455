//! What the device does by itself: into its room, out of it, calls, hours, darkness.

use hph_client::core::id::CallId;
use hph_client::core::time::{Duration, Instant};
use hph_client::core::wire::control::LeaveReason;
use hph_presenters::app::{self, Answer};
use hph_presenters::text::typed;
use hph_presenters::{lobby, room};

use super::{Begin, Effects, EngineEvent, Entry, Kiosk, Now};
use crate::config::AutoAnswer;

/// Whoever is answered by itself sees and hears the room after so long: people in the room have that long to decline.
pub const ANSWER_AFTER: Duration = Duration::from_millis(3000);
/// A room that was closed, or did not let us in, is tried again after so long.
const REJOIN_AFTER: Duration = Duration::from_secs(10);
/// And after so long if a host has put us out.
const REMOVED_AFTER: Duration = Duration::from_secs(60);
/// A touch outside the hours wakes the device for so long, if it never goes dark otherwise. **Units:** minutes.
const AWAKE_MIN: u64 = 5;

/// What the policies remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Policy {
    touched_at: Option<Instant>,
    /// Whether the hours are on.
    is_open: Option<bool>,
    /// Calls that are answered by themselves, and when.
    answers: Vec<(CallId, Instant)>,
    /// When the room of the device is tried again.
    rejoin_at: Option<Instant>,
    /// What was asked for and not yet entered.
    entering: Option<String>,
}

impl Kiosk {
    pub(super) const fn touch(&mut self, now: Now) {
        self.policy.touched_at = Some(now.at);
    }

    /// Whether nobody is there: the hours are over, or it is long since anybody touched it.
    pub(super) fn is_dark(&self, now: Now) -> bool {
        let touched = self.policy.touched_at.or(self.started).unwrap_or(now.at);
        let idle_s = now.at.since(touched).as_micros() / 1_000_000;
        let idle_min = u64::from(self.config.idle_minutes);
        if !self.config.hours.is_open(&now) {
            let awake_min = if idle_min == 0 { AWAKE_MIN } else { idle_min };
            return self.policy.touched_at.is_none() || idle_s >= awake_min * 60;
        }
        // Without its server there is always something to say.
        idle_min > 0 && idle_s >= idle_min * 60 && self.connection.is_up()
    }

    /// Signed in anew: back where the device was, or to its room.
    pub(super) fn enter_first_room(&mut self, now: Now, effects: &mut Effects) {
        match std::mem::replace(&mut self.begin, Begin::Fresh) {
            Begin::Back { room } => self.enter(&room, (false, false), now, effects),
            _ => self.enter_home(now, effects),
        }
    }

    /// Into the room where the device always is, if its hours are on.
    fn enter_home(&mut self, now: Now, effects: &mut Effects) {
        self.policy.rejoin_at = None;
        let Some(room) = self.home_room().map(ToOwned::to_owned) else { return };
        if self.config.hours.is_open(&now) {
            self.enter(&room, self.first_wishes(), now, effects);
        }
    }

    const fn first_wishes(&self) -> (bool, bool) {
        (self.config.microphone_on, self.config.camera_on)
    }

    pub(super) fn enter_by_hand(&mut self, name: &str, now: Now, effects: &mut Effects) {
        self.touch(now);
        self.entry = None;
        self.enter(name, self.first_wishes(), now, effects);
    }

    /// A meeting in the room that is called like the device.
    pub(super) fn start_meeting(&mut self, now: Now, effects: &mut Effects) {
        let Ok(name) = typed::room_name(&self.config.name) else { return };
        self.enter_by_hand(&name, now, effects);
    }

    pub(super) fn return_home(&mut self, now: Now, effects: &mut Effects) {
        if let Some(room) = self.home_room().map(ToOwned::to_owned) {
            self.enter_by_hand(&room, now, effects);
        }
    }

    fn enter(&mut self, name: &str, (microphone, camera): (bool, bool), now: Now, effects: &mut Effects) {
        if !self.connection.is_up() || self.app.is_entering() {
            return;
        }
        self.policy.entering = Some(name.to_owned());
        self.memory.room = Some(name.to_owned());
        self.wish.set(microphone, camera);
        let name = name.to_owned();
        self.meet(app::Event::Join { name, may_create: true, is_at_once: false }, now, effects);
        // Devices are opened by the wish, once we are in.
        if self.app.prejoin.is_some() {
            self.meet(app::Event::PreJoin(hph_presenters::prejoin::Event::Mic(false)), now, effects);
            self.meet(app::Event::Enter, now, effects);
        }
    }

    /// Out of the room in front, by hand. What is open is closed before anything is said to the server.
    pub(super) fn leave(&mut self, now: Now, effects: &mut Effects) {
        self.touch(now);
        self.close_devices(now, effects);
        (self.sheet, self.memory.room) = (None, None);
        self.meet(app::Event::Room(room::Event::Leave), now, effects);
    }

    /// Before the meeting takes an event: what follows from it for the device.
    pub(super) fn before_meeting(&mut self, event: &app::Event, now: Now) {
        self.note_devices(event, now);
        let app::Event::Engine(event) = event else { return };
        self.note_connection(event);
        match event {
            EngineEvent::Joined { name, .. } => {
                self.policy.entering =
                    self.policy.entering.take().filter(|entering| entering.to_lowercase() != name.to_lowercase());
                self.policy.rejoin_at = None;
            }
            EngineEvent::Left { room, reason } => {
                let pause = match reason {
                    LeaveReason::Asked => None,
                    LeaveReason::RoomClosed => Some(REJOIN_AFTER),
                    LeaveReason::Removed => Some(REMOVED_AFTER),
                };
                self.policy.rejoin_at = pause.filter(|_| self.is_fixed(*room)).map(|pause| now.at + pause);
                if self.app.front() == Some(*room) {
                    self.wish.set(false, false);
                    (self.sheet, self.memory.room) = (None, None);
                }
            }
            _ => {}
        }
    }

    /// Somebody calls.
    pub(super) fn ringing(&mut self, call: CallId, from: &str, now: Now, effects: &mut Effects) {
        let is_open = self.config.hours.is_open(&now);
        match self.config.auto_answer {
            AutoAnswer::Off => self.meet(app::Event::AnswerCall(call, Answer::Decline), now, effects),
            AutoAnswer::AllowList if is_open && self.config.allow.iter().any(|known| known == from) => {
                self.policy.answers.push((call, now.at + ANSWER_AFTER));
                self.touch(now);
            }
            AutoAnswer::Ask | AutoAnswer::AllowList => self.touch(now),
        }
    }

    /// Seconds until the first call is answered by itself; none if somebody is asked.
    pub fn answers_in_s(&self, now: Now) -> Option<u64> {
        let first = self.app.calls.incoming.first()?.call;
        let due = self.policy.answers.iter().find(|(call, _)| *call == first)?.1;
        Some(hph_presenters::time::seconds_until(due, now.at))
    }

    pub(super) fn answer_first(&mut self, is_taken: bool, now: Now, effects: &mut Effects) {
        self.touch(now);
        let first = self.app.calls.incoming.first().map(|incoming| incoming.call);
        if let Some(call) = first {
            self.answer(call, is_taken, now, effects);
        }
    }

    fn answer(&mut self, call: CallId, is_taken: bool, now: Now, effects: &mut Effects) {
        self.policy.answers.retain(|(known, _)| *known != call);
        if is_taken {
            self.wish.set(self.config.microphone_on, self.config.camera_on);
        }
        // Devices are opened by the wish: whoever calls to the room where we are changes nothing else.
        let answer = if is_taken { Answer::Voice } else { Answer::Decline };
        self.meet(app::Event::AnswerCall(call, answer), now, effects);
    }

    pub(super) fn tick_policy(&mut self, now: Now, effects: &mut Effects) {
        let ringing: Vec<CallId> = self.app.calls.incoming.iter().map(|incoming| incoming.call).collect();
        self.policy.answers.retain(|(call, _)| ringing.contains(call));
        let due = self.policy.answers.iter().find(|(_, at)| now.at >= *at).map(|(call, _)| *call);
        if let Some(call) = due {
            self.answer(call, true, now, effects);
        }
        self.note_refusal(now);
        self.tick_hours(now, effects);
        let is_due = self.policy.rejoin_at.is_some_and(|at| now.at >= at);
        if is_due && self.connection.is_up() && !self.has_room() {
            self.enter_home(now, effects);
        }
    }

    /// A room that we asked for and are not in did not let us in. Its own room the device asks again for.
    fn note_refusal(&mut self, now: Now) {
        if self.app.is_entering() || !self.connection.is_up() {
            return;
        }
        let Some(name) = self.policy.entering.take().filter(|_| self.app.front().is_none()) else { return };
        self.memory.room = None;
        let is_home = self.home_room().is_some_and(|home| home.to_lowercase() == name.to_lowercase());
        if is_home {
            self.policy.rejoin_at = Some(now.at + REJOIN_AFTER);
        }
    }

    /// The hours begin: into the device's room. They are over: out of every room, and dark.
    fn tick_hours(&mut self, now: Now, effects: &mut Effects) {
        let is_open = self.config.hours.is_open(&now);
        let was_open = self.policy.is_open.replace(is_open);
        match (was_open, is_open) {
            (Some(true), false) => {
                while self.app.front().is_some() {
                    let before = self.app.front();
                    self.leave(now, effects);
                    // The room is gone when the server says so: one is left here at a time.
                    if self.app.front() == before {
                        break;
                    }
                }
                (self.policy.touched_at, self.entry) = (None, None);
            }
            (Some(false), true) if self.connection.is_up() && !self.has_room() => self.enter_home(now, effects),
            _ => {}
        }
    }

    /// Rooms that can be entered with one touch, the fullest first; the device's own is a button of its own.
    pub fn rooms(&self) -> Vec<lobby::Card> {
        // Others would not let it in.
        if self.only_room().is_some() { Vec::new() } else { self.app.lobby.cards(&self.app.view) }
    }

    pub(super) fn type_key(&mut self, key: crate::keyboard::Key, now: Now, effects: &mut Effects) {
        self.touch(now);
        let Some(entry) = &mut self.entry else { return };
        if !entry.press(key) {
            return;
        }
        if let Some(name) = self.entry.as_mut().and_then(Entry::done) {
            self.enter_by_hand(&name, now, effects);
        }
    }
}
