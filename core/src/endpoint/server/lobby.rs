//! Telling sessions what changed: the lobby's rooms and people, and the rooms they are in.

use super::{Scope, ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId};
use crate::wire::control::{ParticipantInfo, ServerMessage};

impl ServerMachine<'_> {
    /// Tells the session the next thing that changed, if anything did. Call it while it answers true and the session's
    /// connection takes more; what a slow connection misses is told as it is by then.
    pub fn poll_control(&mut self, id: SessionId, out: &mut impl ServerOutput) -> bool {
        self.tell_scope(id, out)
            || self.tell_room_change(id, None, out)
            || self.tell_media_change(id, out)
            || self.tell_lobby_change(id, out)
    }

    /// Tells the next change of one of its rooms, or of the `only` room that matters.
    pub(super) fn tell_room_change(
        &mut self,
        id: SessionId,
        only: Option<RoomId>,
        out: &mut impl ServerOutput,
    ) -> bool {
        let Some(session) = self.session(id) else { return false };
        for (which, membership) in session.memberships.iter().enumerate() {
            let Some(membership) = membership else { continue };
            if only.is_some_and(|only| only != membership.room) {
                continue;
            }
            let Some(room) = self.room_at(membership.room_index) else { continue };
            let Some(change) = room.change_after(membership.seen, membership.joined) else { continue };
            let (id_of_room, slot, version) = (membership.room, change.slot, change.version);
            match change.participant {
                Some(participant) => {
                    let place = self.sessions.get(usize::from(participant.session));
                    let Some(other) = place.and_then(|place| place.session.as_ref()) else { continue };
                    let info = ParticipantInfo {
                        slot,
                        member: participant.member,
                        username: &other.identity.username,
                        display_name: &other.identity.display_name,
                        device: other.identity.device,
                        tracks: participant.tracks,
                        role: self.role_in(membership.room_index, &other.identity.username),
                        hand: participant.hand,
                    };
                    out.control(id, &ServerMessage::Participant { room: id_of_room, info });
                }
                None => out.control(id, &ServerMessage::ParticipantGone { room: id_of_room, slot }),
            }
            let session = self.session_mut(id);
            if let Some(membership) = session.and_then(|session| session.memberships.get_mut(which)?.as_mut()) {
                membership.seen = version;
            }
            return true;
        }
        false
    }

    fn tell_lobby_change(&mut self, id: SessionId, out: &mut impl ServerOutput) -> bool {
        let Some(session) = self.session(id).filter(|session| session.is_watching_lobby) else { return false };
        let seen = session.lobby_seen;
        if seen == self.lobby_version && session.is_lobby_complete {
            return false;
        }
        let later = |changed: u32| (changed > seen).then_some(changed);
        let room = self.rooms.iter().enumerate().filter_map(|(i, place)| Some((later(place.changed)?, i))).min();
        let person = self.sessions.iter().enumerate().filter_map(|(i, place)| Some((later(place.changed)?, i))).min();
        let told = match (room, person) {
            (Some((room, index)), person) if person.is_none_or(|(person, _)| room <= person) => {
                self.tell_room(id, index, out);
                room
            }
            (_, Some((person, index))) => {
                self.tell_person(id, index, out);
                person
            }
            (_, None) => {
                if !session.is_lobby_complete {
                    out.control(id, &ServerMessage::LobbyComplete);
                }
                self.lobby_version
            }
        };
        let is_complete = room.is_none() && person.is_none();
        if let Some(session) = self.session_mut(id) {
            session.lobby_seen = told;
            session.is_lobby_complete |= is_complete;
        }
        true
    }

    fn tell_room(&self, id: SessionId, index: usize, out: &mut impl ServerOutput) {
        let place = index as u16;
        let scope = self.identity(id).map(|identity| identity.scope).unwrap_or_default();
        match self.rooms.get(index).and_then(|place| place.room.as_ref()) {
            // Of what is not theirs they hear nothing.
            Some(room) if !scope.has_room(room.id) => {}
            // Breakout rooms are for those who are sent there.
            Some(room) if room.breakout.is_some() => out.control(id, &ServerMessage::RoomGone { place }),
            Some(room) => {
                let people = room.people() as u16;
                out.control(id, &ServerMessage::Room { place, room: room.id, name: &room.name, people });
            }
            None => out.control(id, &ServerMessage::RoomGone { place }),
        }
    }

    fn tell_person(&self, id: SessionId, index: usize, out: &mut impl ServerOutput) {
        let place = index as u16;
        if self.identity(id).is_some_and(|identity| matches!(identity.scope, Scope::Room(_))) {
            return;
        }
        match self.sessions.get(index).and_then(|place| place.session.as_ref()) {
            Some(session) => {
                let (username, display_name) = (&session.identity.username, &session.identity.display_name);
                out.control(id, &ServerMessage::Person { place, username, display_name });
            }
            None => out.control(id, &ServerMessage::PersonGone { place }),
        }
    }
}
