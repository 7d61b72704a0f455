//! Calling people, and being called.

use hph_client::core::id::CallId;
use hph_client::core::wire::control::CallOutcome;

use super::*;
use crate::toasts::{Incoming, Outgoing};

impl App {
    /// Calls somebody to the room in front; to a new one if there is none.
    pub(super) fn call(&mut self, to: String, now: Now, effects: &mut Effects) {
        let Some(room) = self.front else { return self.call_to_new_room(to, now, effects) };
        let request = self.ids.request();
        self.calls.outgoing.push(Outgoing { request, call: None, to: to.clone() });
        crate::effect::engine(effects, Command::Call { request, to, room });
    }

    /// Makes a room with both names, and calls when we are in it.
    fn call_to_new_room(&mut self, to: String, now: Now, effects: &mut Effects) {
        use crate::text::name::given_name;
        let (me, them) = (self.name_of(&self.view.username), self.name_of(&to));
        let name = format!("{} – {}", given_name(&me), given_name(&them));
        let Ok(name) = crate::text::typed::room_name(&name) else { return };
        self.prepare(name.clone(), true, true, now, effects);
        if let Some(wanted) = self.wanted.iter_mut().find(|wanted| wanted.name == name) {
            wanted.call = Some(to);
        } else {
            // We are in it already: it is in front now.
            self.call(to, now, effects);
        }
    }

    pub(super) fn answer_call(&mut self, call: CallId, answer: Answer, now: Now, effects: &mut Effects) {
        let Some(incoming) = self.calls.end(call, false, now) else { return };
        let accept = answer != Answer::Decline;
        crate::effect::engine(effects, Command::AnswerCall { call, accept });
        self.stop_ringing(effects);
        if !accept {
            return;
        }
        if self.rooms.contains_key(&incoming.room) {
            return self.bring_to_front(incoming.room, now, effects);
        }
        let request = self.ids.request();
        let is_camera_on = answer == Answer::Video;
        let name = incoming.room_name;
        self.wanted.push(Wanted { request, name, is_mic_on: true, is_camera_on, call: None });
        crate::effect::engine(effects, Command::Join { request, room: incoming.room });
    }

    pub(super) fn ringing(&mut self, event: &ClientEvent, now: Now, effects: &mut Effects) {
        let ClientEvent::Ringing { call, from, display_name, room, name, seconds } = event else { return };
        let incoming = Incoming {
            call: *call,
            from: from.clone(),
            name: display_name.clone(),
            room: *room,
            room_name: name.clone(),
            began: now.at,
            until: now.at + Duration::from_secs((*seconds).into()),
        };
        let told = Notice::Called { name: incoming.name.clone(), room: incoming.room_name.clone() };
        if self.calls.ring(incoming) {
            effects.extend([Effect::Ring(true), Effect::Notify(told)]);
        }
    }

    pub(super) fn call_state(
        &mut self,
        request: u32,
        call: CallId,
        outcome: CallOutcome,
        now: Now,
        effects: &mut Effects,
    ) {
        let is_missed = matches!(outcome, CallOutcome::TimedOut | CallOutcome::Cancelled | CallOutcome::Gone);
        if outcome != CallOutcome::Ringing && self.calls.end(call, is_missed, now).is_some() {
            self.stop_ringing(effects);
        }
        let mine = |outgoing: &Outgoing| (request != 0 && outgoing.request == request) || outgoing.call == Some(call);
        let Some(at) = self.calls.outgoing.iter().position(mine) else { return };
        if outcome == CallOutcome::Ringing {
            self.calls.outgoing[at].call = Some(call);
            return;
        }
        let Outgoing { to, .. } = self.calls.outgoing.remove(at);
        let name = self.name_of(&to);
        match outcome {
            CallOutcome::Declined => self.toasts.push(Notice::CallDeclined(name), now.at),
            CallOutcome::TimedOut | CallOutcome::Gone => self.toasts.push(Notice::CallNotAnswered(name), now.at),
            CallOutcome::Accepted | CallOutcome::Cancelled | CallOutcome::Ringing => {}
        }
    }

    /// A call was refused. Whether that was it.
    pub(super) fn call_refused(&mut self, request: u32) -> bool {
        let before = self.calls.outgoing.len();
        self.calls.outgoing.retain(|outgoing| outgoing.request != request);
        self.calls.outgoing.len() < before
    }

    fn stop_ringing(&self, effects: &mut Effects) {
        if self.calls.incoming.is_empty() {
            effects.push(Effect::Ring(false));
        }
    }

    /// The name to show of somebody online; the login name of anybody else.
    pub fn name_of(&self, username: &str) -> String {
        let who = self.view.people.values().find(|who| who.username == username);
        who.map_or(username, |who| who.display_name.as_str()).to_owned()
    }
}
