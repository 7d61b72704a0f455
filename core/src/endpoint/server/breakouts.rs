//! Breakout rooms: a host splits a room, sends people there and calls them back.
//!
//! A breakout room is a room like others, in which the roles of the room that it belongs to hold. Nobody is moved by force:
//! who is sent is told, leaves the one room and joins the other, and may come in there because they were sent. Rooms that
//! are over wait a little for those who are on their way.

use super::{ServerEvent, ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId, Slot};
use crate::limits::{BREAKOUTS_MAX, ROOM_PARTICIPANTS_MAX};
use crate::room::Room;
use crate::room::breakouts::{BREAKOUT_EMPTY_MAX, BREAKOUT_GRACE, Breakout, Breakouts};
use crate::room::rights::{Deed, To};
use crate::room::roles::{Name, Role, Staff};
use crate::time::{Duration, Instant};
use crate::wire::control::{Act, LeaveReason, Refusal, RoomTold, ServerMessage};

/// A room that is asked for something about breakout rooms, and who asks.
struct Meeting {
    index: u16,
    id: RoomId,
    by: Name,
    role: Role,
}

/// What a host is answered under, and where they are.
pub(super) type Asked = (SessionId, u32, RoomId);

impl ServerMachine<'_> {
    /// Asks the driver for one more breakout room.
    pub(super) fn open_breakout(
        &mut self,
        (from, request, room): Asked,
        name: &str,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let meeting = self.meeting(from, room, Act::OpenBreakout)?;
        let breakouts = self.breakouts(meeting.index)?;
        if breakouts.closes_at.is_some() {
            return Err(Refusal::OutOfOrder);
        }
        if breakouts.count() >= BREAKOUTS_MAX {
            return Err(Refusal::RoomsFull);
        }
        let (room, by) = (meeting.id, meeting.by.as_str());
        out.event(ServerEvent::OpenBreakout { session: from, request, room, by, name });
        Ok(())
    }

    /// The driver has made the room that [`ServerEvent::OpenBreakout`] asked for. What can't be used is to be dropped.
    pub fn breakout_opened(
        &mut self,
        (session, request): (SessionId, u32),
        room: RoomId,
        (breakout, name): (RoomId, &str),
        by: &str,
        out: &mut impl ServerOutput,
    ) {
        match self.add_breakout(room, breakout, name) {
            Ok(number) => {
                self.tell_meeting(room, &RoomTold::Breakout { room, breakout, number, name }, out);
                out.event(ServerEvent::Moderated { session, request, room, by, act: Act::OpenBreakout, whom: "" });
            }
            Err(reason) => {
                out.event(ServerEvent::DropRoom { room: breakout });
                self.refuse(session, request.into(), reason, out);
            }
        }
    }

    fn add_breakout(&mut self, parent: RoomId, breakout: RoomId, name: &str) -> Result<u8, Refusal> {
        let index = self.room_index(parent).ok_or(Refusal::NoSuchRoom)?;
        let breakouts = self.breakouts(index)?;
        if breakouts.closes_at.is_some() || breakouts.count() >= BREAKOUTS_MAX {
            return Err(Refusal::RoomsFull);
        }
        self.add_room(breakout, name, 0).map_err(|_| Refusal::RoomsFull)?;
        let number = self.room_at_mut(index).and_then(|room| room.breakouts.add(breakout)).ok_or(Refusal::RoomsFull)?;
        let place = self.room_index(breakout).ok_or(Refusal::NoSuchRoom)?;
        if let Some(room) = self.room_at_mut(place) {
            room.breakout = Some(Breakout { parent, number });
        }
        Ok(number)
    }

    /// Sends those who are in the room, and no hosts, evenly over its breakout rooms.
    pub(super) fn spread(&mut self, (from, request, room): Asked, out: &mut impl ServerOutput) -> Result<(), Refusal> {
        let meeting = self.meeting(from, room, Act::Spread)?;
        if !self.breakouts(meeting.index)?.is_open() {
            return Err(Refusal::OutOfOrder);
        }
        for slot in (0..ROOM_PARTICIPANTS_MAX).map(|slot| Slot(slot as u16)) {
            let who = self.target_at(meeting.index, slot).filter(|target| !target.role.is_host());
            let Some(session) = who.map(|target| target.session) else { continue };
            let Some(number) = self.breakouts(meeting.index)?.emptiest() else { continue };
            let Some(name) = self.name_of(session) else { continue };
            self.send_to(&meeting, session, &name, number, out)?;
        }
        let Meeting { id: room, by, .. } = &meeting;
        out.event(ServerEvent::Moderated { session: from, request, room: *room, by, act: Act::Spread, whom: "" });
        Ok(())
    }

    /// Sends one person elsewhere.
    pub(super) fn move_person(
        &mut self,
        (from, request, room): Asked,
        whom: &str,
        number: u8,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let meeting = self.meeting(from, room, Act::Move)?;
        if !Deed::Act(Act::Move).may(meeting.role, self.to(meeting.index, &meeting.by, whom)) {
            return Err(Refusal::Forbidden);
        }
        let breakouts = self.breakouts(meeting.index)?;
        if !breakouts.is_open() {
            return Err(Refusal::OutOfOrder);
        }
        if number != 0 && breakouts.room(number).is_none() {
            return Err(Refusal::NoSuchRoom);
        }
        let session = self.session_of(whom).ok_or(Refusal::NoSuchPerson)?;
        let name = self.name_of(session).ok_or(Refusal::NoSuchPerson)?;
        self.where_is(&meeting, session).ok_or(Refusal::NoSuchPerson)?;
        self.send_to(&meeting, session, &name, number, out)?;
        let Meeting { id: room, by, .. } = &meeting;
        out.event(ServerEvent::Moderated { session: from, request, room: *room, by, act: Act::Move, whom });
        Ok(())
    }

    /// Says something to everybody in the breakout rooms.
    pub(super) fn tell_breakouts(
        &mut self,
        (from, request, room): Asked,
        text: &str,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let meeting = self.meeting(from, room, Act::TellBreakouts)?;
        if !self.breakouts(meeting.index)?.is_open() {
            return Err(Refusal::OutOfOrder);
        }
        let (room, by) = (meeting.id, meeting.by.as_str());
        let display_name = self.identity(from).map(|who| who.display_name.clone()).unwrap_or_default();
        let told = RoomTold::BreakoutsTold { room, by, display_name: &display_name, text };
        for (_, breakout) in self.breakouts(meeting.index)?.rooms() {
            self.tell_all_in(breakout, &ServerMessage::InRoom(told), out);
        }
        out.event(ServerEvent::Moderated { session: from, request, room, by, act: Act::TellBreakouts, whom: "" });
        Ok(())
    }

    /// Has everybody come back, now or later.
    pub(super) fn end_breakouts(
        &mut self,
        now: Instant,
        (from, request, room): Asked,
        after_s: u16,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let meeting = self.meeting(from, room, Act::EndBreakouts)?;
        if !self.breakouts(meeting.index)?.is_open() {
            return Err(Refusal::OutOfOrder);
        }
        let room = meeting.id;
        if after_s == 0 {
            self.call_back(now, meeting.index, out);
        } else {
            if let Some(room) = self.room_at_mut(meeting.index) {
                room.breakouts.ends_at = Some(now + Duration::from_secs(after_s.into()));
            }
            self.tell_meeting(room, &RoomTold::BreakoutsEnd { room, after_s }, out);
        }
        let act = Act::EndBreakouts;
        out.event(ServerEvent::Moderated { session: from, request, room, by: &meeting.by, act, whom: "" });
        Ok(())
    }

    /// Time has passed: calls people back, closes what is over or deserted.
    pub(super) fn drive_breakouts(&mut self, now: Instant, out: &mut impl ServerOutput) {
        for index in 0..self.rooms.len() as u16 {
            let Some(room) = self.room_at(index).filter(|room| room.breakouts.count() > 0) else { continue };
            let in_breakouts = self.people_in_breakouts(room);
            let is_deserted = in_breakouts == 0 && room.people() == 0;
            let Some(room) = self.room_at_mut(index) else { continue };
            let breakouts = &mut room.breakouts;
            breakouts.empty_since = if is_deserted { breakouts.empty_since.or(Some(now)) } else { None };
            let is_due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
            if breakouts.closes_at.is_some() {
                // Where nobody is yet somebody may be on their way.
                if (in_breakouts == 0 && !is_deserted) || is_due(breakouts.closes_at) {
                    self.close_breakouts(index, out);
                    self.open_deserted(index);
                }
            } else if breakouts.empty_since.is_some_and(|since| now.since(since) >= BREAKOUT_EMPTY_MAX) {
                self.close_breakouts(index, out);
                self.open_deserted(index);
            } else if is_due(breakouts.ends_at) {
                self.call_back(now, index, out);
            }
        }
    }

    /// Everybody is asked to come back; who is slow is put out after a while.
    fn call_back(&mut self, now: Instant, index: u16, out: &mut impl ServerOutput) {
        let Some(room) = self.room_at_mut(index) else { return };
        room.breakouts.call_back();
        room.breakouts.closes_at = Some(now + BREAKOUT_GRACE);
        // They come back as whoever was there, also after the rooms are closed.
        let Room { breakouts, staff, .. } = room;
        breakouts.people().for_each(|(name, _)| _ = staff.admit(name));
        let Some(parent) = self.room_at(index) else { return };
        for (_, breakout) in parent.breakouts.rooms() {
            let told =
                RoomTold::Moved { room: breakout, to: parent.id, parent: parent.id, number: 0, name: &parent.name };
            self.tell_all_in(breakout, &ServerMessage::InRoom(told), out);
        }
    }

    /// Puts everybody out of the breakout rooms of a room, and drops them.
    pub(super) fn close_breakouts(&mut self, index: u16, out: &mut impl ServerOutput) {
        let Some(room) = self.room_at_mut(index).filter(|room| room.breakouts.count() > 0) else { return };
        let (id, breakouts) = (room.id, core::mem::take(&mut room.breakouts));
        for (_, breakout) in breakouts.rooms() {
            let Some(place) = self.room_index(breakout) else { continue };
            self.vacate((place, breakout), out);
            out.event(ServerEvent::DropRoom { room: breakout });
        }
        self.tell_all_in(id, &ServerMessage::InRoom(RoomTold::BreakoutsEnd { room: id, after_s: 0 }), out);
    }

    /// Puts somebody out of the breakout rooms of a room.
    pub(super) fn put_out_of_breakouts(&mut self, index: u16, whom: &str, out: &mut impl ServerOutput) {
        let Some(room) = self.room_at_mut(index) else { return };
        room.breakouts.forget(whom);
        let Some(session) = self.session_of(whom) else { return };
        let Ok(breakouts) = self.breakouts(index).cloned() else { return };
        for (_, breakout) in breakouts.rooms() {
            let _ = self.end_membership(session, breakout, LeaveReason::Removed, out);
        }
    }

    /// What a breakout room says to somebody at its door; none for other rooms, which have doors of their own.
    pub(super) fn breakout_door(&self, index: u16, name: &str) -> Option<Result<(), Refusal>> {
        let Breakout { parent, number } = self.room_at(index)?.breakout?;
        let parent = self.room_index(parent).and_then(|index| self.room_at(index))?;
        Some(if parent.staff.is_banned(name) {
            Err(Refusal::Forbidden)
        } else if !parent.breakouts.is_open() {
            Err(Refusal::NoSuchRoom)
        } else if Deed::EnterAnyBreakout.may(parent.staff.role_of(name), To::Nobody)
            || parent.breakouts.of(name) == Some(number)
        {
            Ok(())
        } else {
            Err(Refusal::Forbidden)
        })
    }

    /// Whether somebody has a place in that room because they are of its meeting, or else whether there is one left.
    pub(super) fn check_places(&self, index: u16, name: &str) -> Result<bool, Refusal> {
        let room = self.room_at(index).ok_or(Refusal::NoSuchRoom)?;
        if room.breakouts.of(name).is_some() && !room.staff.is_banned(name) {
            return Ok(true);
        }
        let taken = room.people().saturating_add(room.breakouts.away());
        if taken >= ROOM_PARTICIPANTS_MAX { Err(Refusal::RoomFull) } else { Ok(false) }
    }

    /// Tells whoever has just come in which breakout rooms there are, and where they belong.
    pub(super) fn tell_breakouts_at_the_door(&self, to: SessionId, index: u16, out: &mut impl ServerOutput) {
        let Some((parent, here)) = self.parent_of(index) else { return };
        let Some(who) = self.identity(to) else { return };
        let room = parent.id;
        for (number, breakout) in parent.breakouts.rooms() {
            let name = self.room_index(breakout).and_then(|index| self.room_at(index)).map(|room| &room.name);
            let Some(name) = name else { continue };
            out.control(to, &ServerMessage::InRoom(RoomTold::Breakout { room, breakout, number, name }));
        }
        if parent.staff.role_of(&who.username).is_host() {
            for (username, number) in parent.breakouts.people() {
                out.control(to, &ServerMessage::InRoom(RoomTold::Assigned { room, username, number }));
            }
        }
        // Sent elsewhere while they were away.
        if here == 0
            && let Some(number) = parent.breakouts.of(&who.username).filter(|number| *number != 0)
        {
            self.tell_moved(to, room, parent, number, out);
        }
    }

    /// Somebody has left that room by themselves, or was put out of it: unless they are on their way to another one of the
    /// meeting, they are no longer of it. Whose breakout room was closed may come back to the room.
    pub(super) fn note_left(&mut self, index: u16, name: &str, reason: LeaveReason) {
        let Some(room) = self.room_at_mut(index) else { return };
        let here = room.breakout.map_or(0, |breakout| breakout.number);
        let parent = room.breakout.map_or(room.id, |breakout| breakout.parent);
        let Some(room) = self.room_index(parent).and_then(|index| self.room_at_mut(index)) else { return };
        let is_left = match reason {
            LeaveReason::Removed => true,
            LeaveReason::RoomClosed => here == 0,
            LeaveReason::Asked => room.breakouts.of(name).is_none_or(|number| number == here),
        };
        if is_left {
            room.breakouts.forget(name);
            room.staff.forget(name);
        }
    }

    /// Whose roles hold in a room.
    pub(super) fn staff_of(&self, index: u16) -> Option<&Staff> {
        self.parent_of(index).map(|(room, _)| &room.staff)
    }

    /// The room that a room belongs to, itself if it is no breakout room, and its number there.
    pub(super) fn parent_of(&self, index: u16) -> Option<(&Room, u8)> {
        let room = self.room_at(index)?;
        match room.breakout {
            None => Some((room, 0)),
            Some(Breakout { parent, number }) => {
                self.room_index(parent).and_then(|index| self.room_at(index)).map(|room| (room, number))
            }
        }
    }

    /// The meeting of a room where somebody is, if they may do that there.
    fn meeting(&self, from: SessionId, room: RoomId, act: Act) -> Result<Meeting, Refusal> {
        let membership = self.membership(from, room)?;
        let id = self.parent_of(membership.room_index).map(|(room, _)| room.id).ok_or(Refusal::NoSuchRoom)?;
        let index = self.room_index(id).ok_or(Refusal::NoSuchRoom)?;
        let by = self.name_of(from).ok_or(Refusal::OutOfOrder)?;
        let role = self.role_in(index, &by);
        if role < act.least_role() { Err(Refusal::Forbidden) } else { Ok(Meeting { index, id, by, role }) }
    }

    fn breakouts(&self, index: u16) -> Result<&Breakouts, Refusal> {
        self.room_at(index).map(|room| &room.breakouts).ok_or(Refusal::NoSuchRoom)
    }

    fn people_in_breakouts(&self, room: &Room) -> usize {
        let indices = room.breakouts.rooms().filter_map(|(_, room)| self.room_index(room));
        indices.filter_map(|index| self.room_at(index)).map(Room::people).sum()
    }

    /// If nobody is left in a meeting, what held while they were there does so no longer.
    fn open_deserted(&mut self, index: u16) {
        if let Some(room) = self.room_at_mut(index).filter(|room| room.people() == 0) {
            room.staff.set_locked(false, core::iter::empty());
        }
    }

    /// Sends somebody to a room of the meeting, and tells them if they are not there.
    fn send_to(
        &mut self,
        meeting: &Meeting,
        session: SessionId,
        name: &Name,
        number: u8,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let room = self.room_at_mut(meeting.index).ok_or(Refusal::NoSuchRoom)?;
        if !room.breakouts.send(name, number) {
            return Err(Refusal::RoomFull);
        }
        let Some(parent) = self.room_at(meeting.index) else { return Err(Refusal::NoSuchRoom) };
        self.tell_hosts_of(parent, &RoomTold::Assigned { room: meeting.id, username: name, number }, out);
        if let Some(here) = self.where_is(meeting, session) {
            self.tell_moved(session, here, parent, number, out);
        }
        Ok(())
    }

    /// Tells somebody to go from one room of a meeting to another, if it is another.
    pub(super) fn tell_moved(
        &self,
        to: SessionId,
        here: RoomId,
        parent: &Room,
        number: u8,
        out: &mut impl ServerOutput,
    ) {
        let there = if number == 0 { Some(parent.id) } else { parent.breakouts.room(number) };
        let Some(there) = there.filter(|there| *there != here) else { return };
        let Some(name) = self.room_index(there).and_then(|index| self.room_at(index)).map(|room| &room.name) else {
            return;
        };
        let told = RoomTold::Moved { room: here, to: there, parent: parent.id, number, name };
        out.control(to, &ServerMessage::InRoom(told));
    }

    /// In which room of the meeting somebody is.
    fn where_is(&self, meeting: &Meeting, session: SessionId) -> Option<RoomId> {
        let session = self.session(session)?;
        let breakouts = self.breakouts(meeting.index).ok()?;
        let mut rooms = core::iter::once(meeting.id).chain(breakouts.rooms().map(|(_, room)| room));
        rooms.find(|room| session.membership(*room).is_some())
    }

    fn tell_meeting(&self, room: RoomId, told: &RoomTold<'_>, out: &mut impl ServerOutput) {
        let message = ServerMessage::InRoom(*told);
        self.tell_all_in(room, &message, out);
        let Some(room) = self.room_index(room).and_then(|index| self.room_at(index)) else { return };
        for (_, breakout) in room.breakouts.rooms() {
            self.tell_all_in(breakout, &message, out);
        }
    }

    fn tell_hosts_of(&self, parent: &Room, told: &RoomTold<'_>, out: &mut impl ServerOutput) {
        let rooms = core::iter::once(parent.id).chain(parent.breakouts.rooms().map(|(_, room)| room));
        for room in rooms.filter_map(|room| self.room_index(room)).filter_map(|index| self.room_at(index)) {
            for (_, participant) in room.participants() {
                let Some(to) = self.session_at(participant.session) else { continue };
                if self.identity(to).is_some_and(|who| parent.staff.role_of(&who.username).is_host()) {
                    out.control(to, &ServerMessage::InRoom(*told));
                }
            }
        }
    }
}
