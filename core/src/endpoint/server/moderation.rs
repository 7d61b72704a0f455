//! Keeping order in a room: what hosts and the owner may do, and with whom. Everything is decided here; the driver keeps
//! what must outlive a restart, and a list of what was done.

use super::{RoomPlace, ServerEvent, ServerMachine, ServerOutput};
use crate::endpoint::relay::RelayCommand;
use crate::id::{RoomId, SessionId, Slot, TrackId};
use crate::room::rights::{Deed, To};
use crate::room::roles::{Name, Role};
use crate::wire::control::{Act, LeaveReason, Refusal, ServerMessage, TrackInfo};

/// The pictures that somebody sends.
const PICTURES: [TrackId; 3] = [TrackId::CAMERA, TrackId::SCREEN, TrackId::SCREEN_SOUND];

/// Somebody in a room to whom something is done.
pub(super) struct Target {
    pub session: SessionId,
    slot: Slot,
    pub role: Role,
}

impl ServerMachine<'_> {
    /// Who made a room, who keeps order there and who may not come in, as the driver has it stored. A room that has an
    /// owner already is left alone.
    pub fn set_staff<'n>(
        &mut self,
        room: RoomId,
        owner: &str,
        hosts: impl Iterator<Item = &'n str>,
        banned: impl Iterator<Item = &'n str>,
    ) {
        let Some(room) = self.room_index(room).and_then(|index| self.room_at_mut(index)) else { return };
        if !room.staff.set_owner(owner) {
            return;
        }
        // What does not fit was refused when it was done.
        hosts.for_each(|name| _ = room.staff.set_host(name, true));
        banned.for_each(|name| _ = room.staff.set_banned(name, true));
    }

    /// The driver has stored what was done.
    pub fn moderation_stored(&mut self, session: SessionId, request: u32, out: &mut impl ServerOutput) {
        if self.session(session).is_some() {
            out.control(session, &ServerMessage::Moderated { request });
        }
    }

    /// Does something to somebody or to the room, if whoever asks may.
    pub(super) fn moderate(
        &mut self,
        from: SessionId,
        (request, id): (u32, RoomId),
        act: Act,
        whom: &str,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let room_index = self.membership(from, id)?.room_index;
        let by = self.name_of(from).ok_or(Refusal::OutOfOrder)?;
        let role = self.role_in(room_index, &by);
        let to = if act.has_target() { self.to(room_index, &by, whom) } else { To::Nobody };
        if !Deed::Act(act).may(role, to) {
            return Err(Refusal::Forbidden);
        }
        let (meeting, number) = self.parent_of(room_index).map(|(room, number)| (room.id, number)).unwrap_or((id, 0));
        if number != 0 && !act.is_for_breakouts() {
            return Err(Refusal::OutOfOrder);
        }
        self.perform((room_index, id), act, whom, &by, out)?;
        out.event(ServerEvent::Moderated { session: from, request, room: meeting, by: &by, act, whom });
        Ok(())
    }

    /// Does something in a room for whoever owns the machine, whom no table of rights binds: what they can't do here they do
    /// to the files. `by` is what those are told to whom it is done. The driver notes it.
    ///
    /// # Errors
    /// There is no such room or person, there is no place to note it, or it is nothing that is done so.
    pub fn govern(
        &mut self,
        room: RoomId,
        act: Act,
        whom: &str,
        by: &str,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let index = self.room_index(room).ok_or(Refusal::NoSuchRoom)?;
        let is_breakout = self.room_at(index).is_some_and(|room| room.breakout.is_some());
        if !act.is_plain() || is_breakout {
            return Err(Refusal::OutOfOrder);
        }
        if act.has_target() && !crate::wire::text::is_username(whom) {
            return Err(Refusal::NoSuchPerson);
        }
        let by = Name::try_from(by).map_err(|_| Refusal::Invalid)?;
        self.perform((index, room), act, whom, &by, out)
    }

    /// Puts everybody out of a room and of its breakout rooms and forgets it, as the driver has.
    pub fn drop_room(&mut self, room: RoomId, out: &mut impl ServerOutput) {
        let Some(index) = self.room_index(room) else { return };
        self.close_breakouts(index, out);
        self.turn_all_away(room, out);
        self.vacate((index, room), out);
    }

    /// Puts everybody out of a room, and frees its place.
    pub(super) fn vacate(&mut self, (room_index, id): (u16, RoomId), out: &mut impl ServerOutput) {
        self.for_all(room_index, |machine, target| machine.put_out(target.session, id, LeaveReason::RoomClosed, out));
        let version = self.next_lobby_version();
        if let Some(place) = self.rooms.get_mut(usize::from(room_index)) {
            *place = RoomPlace { changed: version, ..RoomPlace::default() };
        }
    }

    fn perform(
        &mut self,
        (room_index, id): (u16, RoomId),
        act: Act,
        whom: &str,
        by: &Name,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        if act.is_about_somebody_here() {
            let target = self.target(room_index, whom).ok_or(Refusal::NoSuchPerson)?;
            self.do_to(&target, (room_index, id), act, by, out);
            return Ok(());
        }
        self.do_in(room_index, id, act, whom, by, out)
    }

    /// Raises a hand, or lowers one's own.
    pub(super) fn raise_hand(&mut self, from: SessionId, room: RoomId, is_up: bool) -> Result<(), Refusal> {
        let membership = self.membership(from, room)?;
        let room = self.room_at_mut(membership.room_index).ok_or(Refusal::NoSuchRoom)?;
        room.set_hand(membership.slot, is_up);
        Ok(())
    }

    /// Whether somebody is the owner of a room, wherever they are.
    pub(super) fn check_owner(&self, from: SessionId, room: RoomId) -> Result<(), Refusal> {
        let index = self.room_index(room).ok_or(Refusal::NoSuchRoom)?;
        let name = self.name_of(from).ok_or(Refusal::OutOfOrder)?;
        if Deed::ReadAudit.may(self.role_in(index, &name), To::Nobody) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Something to one person who is there.
    fn do_to(
        &mut self,
        target: &Target,
        (room_index, room): (u16, RoomId),
        act: Act,
        by: &Name,
        out: &mut impl ServerOutput,
    ) {
        match act {
            Act::Mute => self.silence((room_index, room), target, &[TrackId::MICROPHONE], by, out),
            Act::StopVideo => self.silence((room_index, room), target, &PICTURES, by, out),
            Act::AskUnmute => out.control(target.session, &ServerMessage::UnmuteAsked { room, by }),
            Act::LowerHand => {
                if let Some(room) = self.room_at_mut(room_index) {
                    room.set_hand(target.slot, false);
                }
            }
            _ => self.put_out(target.session, room, LeaveReason::Removed, out),
        }
    }

    /// Something to the room, or to somebody who need not be there.
    fn do_in(
        &mut self,
        room_index: u16,
        id: RoomId,
        act: Act,
        whom: &str,
        by: &Name,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        match act {
            Act::Ban | Act::Unban => {
                let room = self.room_at_mut(room_index).ok_or(Refusal::NoSuchRoom)?;
                if !room.staff.set_banned(whom, act == Act::Ban) {
                    return Err(Refusal::ServerFull);
                }
                if let Some(target) = self.target(room_index, whom).filter(|_| act == Act::Ban) {
                    self.put_out(target.session, id, LeaveReason::Removed, out);
                }
                if act == Act::Ban {
                    self.put_out_of_breakouts(room_index, whom, out);
                }
            }
            Act::MakeHost | Act::UnmakeHost => {
                let slot = self.target(room_index, whom).map(|target| target.slot);
                let room = self.room_at_mut(room_index).ok_or(Refusal::NoSuchRoom)?;
                if !room.staff.set_host(whom, act == Act::MakeHost) {
                    return Err(Refusal::ServerFull);
                }
                slot.into_iter().for_each(|slot| room.tell_again(slot));
                if let Some(target) = self.target(room_index, whom).filter(|target| target.role.is_host()) {
                    self.tell_who_knocks(target.session, id, out);
                }
            }
            Act::Admit | Act::TurnAway => self.answer_knock((room_index, id), whom, act == Act::Admit, out)?,
            Act::WaitingRoom | Act::NoWaitingRoom | Act::HostsShare | Act::AllShare | Act::NoPassword => {
                self.set_rule((room_index, id), act, by, out);
            }
            Act::Lock | Act::Unlock => self.set_locked(room_index, id, act == Act::Lock, out),
            Act::MuteAll => self.for_all(room_index, |machine, target| {
                if !target.role.is_host() {
                    machine.silence((room_index, id), &target, &[TrackId::MICROPHONE], by, out);
                }
            }),
            Act::End => {
                self.close_breakouts(room_index, out);
                self.for_all(room_index, |machine, target| {
                    machine.put_out(target.session, id, LeaveReason::RoomClosed, out);
                });
            }
            _ => return Err(Refusal::OutOfOrder),
        }
        Ok(())
    }

    pub(super) fn for_all(&mut self, room_index: u16, mut does: impl FnMut(&mut Self, Target)) {
        for slot in (0..crate::limits::ROOM_PARTICIPANTS_MAX).map(|slot| Slot(slot as u16)) {
            if let Some(target) = self.target_at(room_index, slot) {
                does(self, target);
            }
        }
    }

    fn set_locked(&mut self, room_index: u16, id: RoomId, is_locked: bool, out: &mut impl ServerOutput) {
        let Self { rooms, sessions, .. } = self;
        let Some(room) = rooms.get_mut(usize::from(room_index)).and_then(|place| place.room.as_mut()) else { return };
        let name = |index: u16| {
            let session = sessions.get(usize::from(index))?.session.as_ref()?;
            Some(session.identity.username.as_str())
        };
        let (staff, participants) = room.staff_and_participants();
        staff.set_locked(is_locked, participants.filter_map(|participant| name(participant.session)));
        let Some(room) = self.room_at(room_index) else { return };
        for (_, participant) in room.participants() {
            if let Some(to) = self.session_at(participant.session) {
                out.control(to, &ServerMessage::RoomLocked { room: id, is_locked });
            }
        }
    }

    /// Switches tracks of somebody off. What comes of them after this is not passed on.
    pub(super) fn silence(
        &mut self,
        (room_index, id): (u16, RoomId),
        target: &Target,
        tracks: &[TrackId],
        by: &Name,
        out: &mut impl ServerOutput,
    ) {
        let mut silenced = 0_u8;
        for track in tracks.iter().copied() {
            let Some(room) = self.room_at_mut(room_index) else { return };
            let info = room.participant(target.slot).and_then(|who| who.tracks.get(usize::from(track.0)).copied());
            let Some(info) = info.filter(|info| info.is_on) else { continue };
            let info = TrackInfo { is_on: false, ..info };
            room.set_track(target.slot, track, info);
            let (slot, width) = (target.slot, info.width);
            out.relay(&RelayCommand::SetTrack { room_index, slot, track, is_on: false, width });
            silenced |= 1_u8.checked_shl(u32::from(track.0)).unwrap_or(0);
        }
        if silenced != 0 {
            out.control(target.session, &ServerMessage::Muted { room: id, tracks: silenced, by });
        }
    }

    /// Ends somebody's membership, not by their own wish.
    fn put_out(&mut self, session: SessionId, id: RoomId, reason: LeaveReason, out: &mut impl ServerOutput) {
        let _ = self.end_membership(session, id, reason, out);
    }

    pub(super) fn role_in(&self, room_index: u16, username: &str) -> Role {
        self.staff_of(room_index).map_or(Role::Guest, |staff| staff.role_of(username))
    }

    /// To whom something is done, for the table of rights.
    pub(super) fn to(&self, room_index: u16, by: &str, whom: &str) -> To {
        if by == whom { To::Oneself } else { To::Other(self.role_in(room_index, whom)) }
    }

    pub(super) fn name_of(&self, session: SessionId) -> Option<Name> {
        self.identity(session).map(|identity| identity.username.clone())
    }

    fn target(&self, room_index: u16, username: &str) -> Option<Target> {
        let session = self.session_of(username)?;
        let room = self.room_at(room_index)?;
        let slot = self.session(session)?.membership(room.id)?.slot;
        Some(Target { session, slot, role: self.role_in(room_index, username) })
    }

    pub(super) fn target_at(&self, room_index: u16, slot: Slot) -> Option<Target> {
        let room = self.room_at(room_index)?;
        let session = self.session_at(room.participant(slot)?.session)?;
        Some(Target { session, slot, role: self.role_in(room_index, &self.identity(session)?.username) })
    }
}
