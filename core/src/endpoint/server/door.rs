//! The door of a room: who comes in at once, who says a password first, who waits for a host; and what only hosts may share.

use super::session::Knocking;
use super::{ServerEvent, ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId, TrackId};
use crate::limits::WRONG_PASSWORDS_MAX;
use crate::room::rights::{Deed, To};
use crate::room::roles::{Door, Name, RoomPassword, Rules};
use crate::wire::control::{Act, Refusal, ServerMessage};

/// What is shared with a screen.
const SHARED: [TrackId; 2] = [TrackId::SCREEN, TrackId::SCREEN_SOUND];

impl ServerMachine<'_> {
    /// What holds in a room, as the driver has it stored.
    pub fn set_rules(&mut self, room: RoomId, rules: Rules) {
        if let Some(room) = self.room_index(room).and_then(|index| self.room_at_mut(index)) {
            room.staff.rules = rules;
        }
    }

    /// Asks the room for whoever comes. False if they were told what comes first.
    pub(super) fn is_let_in(
        &mut self,
        (from, request): (SessionId, u32),
        (room_index, id): (u16, RoomId),
        has_password: bool,
        out: &mut impl ServerOutput,
    ) -> Result<bool, Refusal> {
        let name = self.name_of(from).ok_or(Refusal::OutOfOrder)?;
        if let Some(door) = self.breakout_door(room_index, &name) {
            // Sent elsewhere while they were away: they are told where to.
            if door == Err(Refusal::Forbidden)
                && let Some((parent, _)) = self.parent_of(room_index)
                && let Some(number) = parent.breakouts.of(&name).filter(|_| !parent.staff.is_banned(&name))
            {
                self.tell_moved(from, id, parent, number, out);
                return Ok(false);
            }
            return door.map(|()| true);
        }
        if self.check_places(room_index, &name)? {
            self.note_admitted(room_index, &name);
            return Ok(true);
        }
        let room = self.room_at(room_index).ok_or(Refusal::NoSuchRoom)?;
        match room.staff.door(&name, has_password) {
            Door::Banned => return Err(Refusal::Forbidden),
            Door::Locked => return Err(Refusal::Locked),
            Door::Password(salt) => {
                out.control(from, &ServerMessage::PasswordWanted { request, room: id, salt });
                return Ok(false);
            }
            Door::Wait => {
                out.control(from, &ServerMessage::Waiting { request, room: id, name: &room.name });
                self.knock(from, Knocking { room: id, room_index, request }, out);
                return Ok(false);
            }
            Door::Open => {}
        }
        self.note_admitted(room_index, &name);
        Ok(true)
    }

    /// Somebody comes with a password.
    pub(super) fn enter(
        &mut self,
        from: SessionId,
        request: u32,
        id: RoomId,
        key: &[u8; 32],
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let index = self.room_index(id).ok_or(Refusal::NoSuchRoom)?;
        let is_right = match &self.room_at(index).ok_or(Refusal::NoSuchRoom)?.staff.rules.password {
            Some(password) => password.is(key),
            None => true,
        };
        let session = self.session_mut(from).ok_or(Refusal::OutOfOrder)?;
        // Whoever has guessed too often is not told whether the last guess was right.
        if session.wrong_passwords >= WRONG_PASSWORDS_MAX {
            return Err(Refusal::TooFast);
        }
        if !is_right {
            session.wrong_passwords = session.wrong_passwords.saturating_add(1);
            return Err(Refusal::WrongPassword);
        }
        self.join(from, request, id, true, out)
    }

    /// A host sets the room's password.
    pub(super) fn set_password(
        &mut self,
        from: SessionId,
        (request, id): (u32, RoomId),
        salt: [u8; 16],
        key: &[u8; 32],
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let room_index = self.membership(from, id)?.room_index;
        let by = self.name_of(from).ok_or(Refusal::OutOfOrder)?;
        if self.role_in(room_index, &by) < Act::Password.least_role() {
            return Err(Refusal::Forbidden);
        }
        let password = RoomPassword::new(salt, key);
        if let Some(room) = self.room_at_mut(room_index) {
            room.staff.rules.password = Some(password.clone());
        }
        self.tell_rules((room_index, id), out);
        out.event(ServerEvent::PasswordSet { session: from, request, room: id, by: &by, password: &password });
        Ok(())
    }

    /// A host changes what holds in the room.
    pub(super) fn set_rule(
        &mut self,
        (room_index, id): (u16, RoomId),
        act: Act,
        by: &Name,
        out: &mut impl ServerOutput,
    ) {
        if let Some(room) = self.room_at_mut(room_index) {
            let rules = &mut room.staff.rules;
            match act {
                Act::WaitingRoom | Act::NoWaitingRoom => rules.has_waiting_room = act == Act::WaitingRoom,
                Act::HostsShare | Act::AllShare => rules.hosts_share = act == Act::HostsShare,
                _ => rules.password = None,
            }
        }
        self.tell_rules((room_index, id), out);
        if act == Act::HostsShare {
            self.for_all(room_index, |machine, target| {
                if !target.role.is_host() {
                    machine.silence((room_index, id), &target, &SHARED, by, out);
                }
            });
        }
        if act == Act::NoWaitingRoom {
            while let Some((session, name)) = self.first_knocking(id) {
                let _ = self.let_in((session, &name), (room_index, id), out);
            }
        }
    }

    /// A host lets somebody in who waits, or does not.
    pub(super) fn answer_knock(
        &mut self,
        (room_index, id): (u16, RoomId),
        whom: &str,
        is_let_in: bool,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let session = self.session_of(whom).ok_or(Refusal::NoSuchPerson)?;
        let knocking = self.session(session).and_then(|session| session.knocking).filter(|to| to.room == id);
        let knocking = knocking.ok_or(Refusal::NoSuchPerson)?;
        let name = self.name_of(session).ok_or(Refusal::NoSuchPerson)?;
        if is_let_in {
            return self.let_in((session, &name), (room_index, id), out);
        }
        self.knock_no_more(session, out);
        self.refuse(session, knocking.request.into(), Refusal::TurnedAway, out);
        Ok(())
    }

    /// Nobody waits for this room any longer.
    pub(super) fn turn_all_away(&mut self, id: RoomId, out: &mut impl ServerOutput) {
        while let Some((_, name)) = self.first_knocking(id) {
            let index = self.room_index(id).unwrap_or_default();
            if self.answer_knock((index, id), &name, false, out).is_err() {
                return;
            }
        }
    }

    fn let_in(
        &mut self,
        (session, name): (SessionId, &Name),
        (room_index, id): (u16, RoomId),
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let request = self.session(session).and_then(|session| session.knocking).map_or(0, |knocking| knocking.request);
        self.knock_no_more(session, out);
        self.note_admitted(room_index, name);
        self.join(session, request, id, true, out).inspect_err(|reason| {
            self.refuse(session, request.into(), *reason, out);
        })
    }

    /// Begins to wait; before another door no longer.
    fn knock(&mut self, from: SessionId, to: Knocking, out: &mut impl ServerOutput) {
        let is_known = self.session(from).and_then(|session| session.knocking).is_some_and(|old| old.room == to.room);
        if !is_known {
            self.knock_no_more(from, out);
        }
        if let Some(session) = self.session_mut(from) {
            session.knocking = Some(to);
        }
        if !is_known {
            self.tell_hosts(from, to, true, out);
        }
    }

    /// Waits no longer, whatever the cause.
    pub(super) fn knock_no_more(&mut self, from: SessionId, out: &mut impl ServerOutput) {
        if let Some(knocking) = self.session_mut(from).and_then(|session| session.knocking.take()) {
            self.tell_hosts(from, knocking, false, out);
        }
    }

    fn tell_hosts(&self, from: SessionId, to: Knocking, is_waiting: bool, out: &mut impl ServerOutput) {
        let (Some(who), Some(room)) = (self.identity(from), self.room_at(to.room_index)) else { return };
        let (username, display_name) = (&who.username, &who.display_name);
        for (_, participant) in room.participants() {
            let Some(host) = self.session_at(participant.session) else { continue };
            if self.identity(host).is_some_and(|host| room.staff.role_of(&host.username).is_host()) {
                out.control(host, &ServerMessage::Knock { room: to.room, username, display_name, is_waiting });
            }
        }
    }

    /// Tells a host who waits.
    pub(super) fn tell_who_knocks(&self, host: SessionId, id: RoomId, out: &mut impl ServerOutput) {
        for session in self.sessions.iter().filter_map(|place| place.session.as_ref()) {
            if session.knocking.is_some_and(|knocking| knocking.room == id) {
                let (username, display_name) = (&session.identity.username, &session.identity.display_name);
                out.control(host, &ServerMessage::Knock { room: id, username, display_name, is_waiting: true });
            }
        }
    }

    /// Tells whoever has just come in what holds here, and hosts who waits.
    pub(super) fn tell_at_the_door(&self, to: SessionId, (index, id): (u16, RoomId), out: &mut impl ServerOutput) {
        let (Some(room), Some(who)) = (self.room_at(index), self.identity(to)) else { return };
        if room.staff.rules != Rules::default() {
            out.control(to, &rules(id, &room.staff.rules));
        }
        if room.staff.role_of(&who.username).is_host() {
            self.tell_who_knocks(to, id, out);
        }
    }

    fn tell_rules(&self, (room_index, id): (u16, RoomId), out: &mut impl ServerOutput) {
        let Some(room) = self.room_at(room_index) else { return };
        self.tell_all_in(id, &rules(id, &room.staff.rules), out);
    }

    fn first_knocking(&self, id: RoomId) -> Option<(SessionId, Name)> {
        let mut sessions = self.sessions.iter().filter_map(|place| place.session.as_ref());
        let first = sessions.find(|session| session.knocking.is_some_and(|knocking| knocking.room == id))?;
        Some((first.id, first.identity.username.clone()))
    }

    /// Whoever is in may come back. Names of those who lost their connection and never came are forgotten for it.
    fn note_admitted(&mut self, room_index: u16, name: &Name) {
        let Self { rooms, sessions, .. } = self;
        let Some(room) = rooms.get_mut(usize::from(room_index)).and_then(|place| place.room.as_mut()) else { return };
        let (staff, participants) = room.staff_and_participants();
        if !staff.admit(name) {
            let name = |index: u16| {
                let session = sessions.get(usize::from(index))?.session.as_ref()?;
                Some(session.identity.username.as_str())
            };
            staff.set_admitted(participants.filter_map(|participant| name(participant.session)));
        }
        staff.admit(name);
    }

    /// Whether somebody may switch that track on. Who may not is told as if a host had switched it off.
    pub(super) fn check_share(
        &self,
        from: SessionId,
        (room_index, id): (u16, RoomId),
        (track, is_on): (TrackId, bool),
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let staff = self.staff_of(room_index).ok_or(Refusal::NoSuchRoom)?;
        if !is_on || !staff.rules.hosts_share || !SHARED.contains(&track) {
            return Ok(());
        }
        let name = self.name_of(from).ok_or(Refusal::OutOfOrder)?;
        if Deed::ShareAmongHosts.may(staff.role_of(&name), To::Nobody) {
            return Ok(());
        }
        let tracks = 1_u8.checked_shl(u32::from(track.0)).unwrap_or(0);
        if let Some(by) = staff.owner() {
            out.control(from, &ServerMessage::Muted { room: id, tracks, by });
        }
        Err(Refusal::Forbidden)
    }
}

fn rules(room: RoomId, rules: &Rules) -> ServerMessage<'static> {
    ServerMessage::Rules {
        room,
        has_waiting_room: rules.has_waiting_room,
        has_password: rules.password.is_some(),
        hosts_share: rules.hosts_share,
    }
}
