//! What every control message of a signed-in client does, and who may.

use super::super::relay::RelayCommand;
use super::media::ALL_LAYERS;
use super::session::Membership;
use super::{HistoryPage, OpenRoom, Scope, ServerEvent, ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId, Slot};
use crate::time::Instant;
use crate::wire::control::{ClientMessage, LeaveReason, Refusal, RoomAsk, ServerMessage, SignOutReason};

impl ServerMachine<'_> {
    /// Handles one message of a signed-in client. A message that is not allowed changes nothing and is refused by name.
    pub fn handle_control(
        &mut self,
        now: Instant,
        from: SessionId,
        message: &ClientMessage<'_>,
        out: &mut impl ServerOutput,
    ) {
        let Some(session) = self.session_mut(from) else { return };
        session.last_heard = now;
        // The driver brings it to the packet plane, which counts it as a datagram, or to the file that it has asked for.
        if let ClientMessage::Tunnelled { .. } | ClientMessage::FileChunk { .. } = message {
            return;
        }
        let request = message.request_number();
        let is_chat = costs_the_store(message);
        let may_go_on = session.controls.take(now) && (!is_chat || session.chats.take(now)) || ends_something(message);
        let result = if may_go_on { self.obey(now, from, message, out) } else { Err(Refusal::TooFast) };
        if let Err(reason) = result {
            let retry_after_s = u32::from(reason == Refusal::TooFast);
            out.control(from, &ServerMessage::Refused { request, reason, retry_after_s });
        }
    }

    fn obey(
        &mut self,
        now: Instant,
        from: SessionId,
        message: &ClientMessage<'_>,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        use ClientMessage as M;
        if self.identity(from).is_some_and(|identity| identity.scope.forbids(message)) {
            return Err(Refusal::Forbidden);
        }
        match *message {
            M::Hello { .. }
            | M::SignIn { .. }
            | M::SignInFinal { .. }
            | M::Register { .. }
            | M::SignInGuest { .. }
            | M::SignInToken { .. } => return Err(Refusal::OutOfOrder),
            M::SignOut => self.close_session(from, SignOutReason::Asked, out),
            M::WatchLobby { is_on } => self.watch_lobby(from, is_on),
            M::CreateRoom { request, name } => {
                out.event(ServerEvent::OpenRoom { session: from, request, name, how: OpenRoom::Create });
            }
            M::JoinNamed { request, name, may_create } => self.join_named(from, request, (name, may_create), out),
            M::JoinRoom { request, room } => self.join(from, request, room, false, out)?,
            M::Enter { request, room, key } => self.enter(from, request, room, &key, out)?,
            M::LeaveRoom { room } => self.leave(from, room, out)?,
            M::SetTrack { room, track, info } => {
                let membership = self.membership(from, room)?;
                self.check_share(from, (membership.room_index, room), (track, info.is_on), out)?;
                let Membership { room_index, slot, .. } = membership;
                let room = self.room_at_mut(room_index).ok_or(Refusal::NoSuchRoom)?;
                room.set_track(slot, track, info);
                let (is_on, width) = (info.is_on, info.width);
                out.relay(&RelayCommand::SetTrack { room_index, slot, track, is_on, width });
            }
            M::Subscribe { room, slot: sender, track, width } => {
                let Membership { room_index, slot: receiver, .. } = self.membership(from, room)?;
                out.relay(&RelayCommand::Subscribe { room_index, receiver, sender, track, width });
            }
            M::RequestRefresh { room, slot, track } => {
                self.other_member(from, room, slot, None)?;
                let Membership { room_index, .. } = self.membership(from, room)?;
                self.ask_for_refresh(now, room_index, slot, track, ALL_LAYERS, out);
            }
            M::ReportLost { packets } => self.pass_on_lost(now, from, packets, out),
            M::SenderKey { room, slot, member, epoch, wrap } => {
                let (to, slot) = self.other_member(from, room, slot, Some(member))?;
                // Who gives the key must be known before it comes.
                while self.tell_room_change(to, Some(room), out) {}
                out.control(to, &ServerMessage::SenderKey { room, slot, epoch, wrap });
            }
            M::RequestKey { room, slot } => {
                let (to, slot) = self.other_member(from, room, slot, None)?;
                out.control(to, &ServerMessage::KeyRequested { room, slot });
            }
            M::SendChat { reference, room, text } => {
                self.membership(from, room)?;
                out.event(ServerEvent::StoreChat { session: from, reference, room, text });
            }
            M::SyncChat { room, after } => {
                self.membership(from, room)?;
                out.event(ServerEvent::SyncChat { session: from, room, after });
            }
            M::EditChat { .. }
            | M::DeleteChat { .. }
            | M::ReadHistory { .. }
            | M::SearchChat { .. }
            | M::MarkRead { .. }
            | M::AskUnread { .. } => self.obey_chat(from, message, out)?,
            M::Moderate { request, room, act, whom } => self.moderate(from, (request, room), act, whom, out)?,
            M::SetPassword { request, room, salt, key } => self.set_password(from, (request, room), salt, &key, out)?,
            M::RaiseHand { room, is_up } => self.raise_hand(from, room, is_up)?,
            M::ReadAudit { request, room, before, count } => {
                self.check_owner(from, room)?;
                let page = HistoryPage { request, room, before, count };
                out.event(ServerEvent::ReadAudit { session: from, page });
            }
            M::SendDirect { reference, to, sealed } => {
                out.event(ServerEvent::StoreDirect { session: from, reference, to, sealed });
            }
            M::SyncDirect { after } => out.event(ServerEvent::SyncDirect { session: from, after }),
            M::LookUp { request, username } => self.look_up(from, request, username, out),
            M::Call { request, to, room } => self.call(now, from, request, to, room, out)?,
            M::AnswerCall { call, accept } => self.answer_call(from, call, accept, out)?,
            M::CancelCall { call } => self.cancel_call(from, call, out)?,
            M::Tunnelled { .. } | M::FileChunk { .. } => {}
            M::OfferFile { .. } | M::FetchFile { .. } | M::DeleteFile { .. } | M::ListFiles { .. } => {
                self.obey_files(from, message, out)?;
            }
            M::InRoom(ref ask) => self.obey_in_room(now, from, ask, out)?,
            M::Account(ref ask) => self.obey_account(from, ask, out)?,
            M::KeepAlive => out.control(from, &ServerMessage::Alive),
            M::Tunnel { is_on } => out.relay(&RelayCommand::Tunnel { session: from, is_on }),
        }
        Ok(())
    }

    fn join_named(&self, from: SessionId, request: u32, (name, may_create): (&str, bool), out: &mut impl ServerOutput) {
        // Whoever may be in one room only makes none.
        let is_free = self.identity(from).is_some_and(|identity| !matches!(identity.scope, Scope::Room(_)));
        let how = if may_create && is_free { OpenRoom::JoinOrCreate } else { OpenRoom::Join };
        out.event(ServerEvent::OpenRoom { session: from, request, name, how });
    }

    /// The driver found or made the room that [`ServerEvent::OpenRoom`] asked for.
    pub fn room_opened(
        &mut self,
        session: SessionId,
        request: u32,
        room: (RoomId, &str, u64),
        how: OpenRoom,
        out: &mut impl ServerOutput,
    ) {
        let (id, name, chat_latest) = room;
        if self.session(session).is_none() {
            return;
        }
        let result = match self.add_room(id, name, chat_latest) {
            Err(_) => Err(Refusal::RoomsFull),
            Ok(()) if how == OpenRoom::Create => {
                out.control(session, &ServerMessage::RoomCreated { request, room: id });
                Ok(())
            }
            Ok(()) => self.join(session, request, id, false, out),
        };
        if let Err(reason) = result {
            self.refuse(session, u64::from(request), reason, out);
        }
    }

    /// The driver could not do what an event asked for.
    pub fn refuse(&mut self, session: SessionId, request: u64, reason: Refusal, out: &mut impl ServerOutput) {
        if self.session(session).is_some() {
            out.control(session, &ServerMessage::Refused { request, reason, retry_after_s: 0 });
        }
    }

    fn watch_lobby(&mut self, from: SessionId, is_on: bool) {
        if let Some(session) = self.session_mut(from) {
            session.is_watching_lobby = is_on;
            session.lobby_seen = 0;
            session.is_lobby_complete = false;
        }
    }

    /// Lets somebody in, or tells them what the room wants first.
    pub(super) fn join(
        &mut self,
        from: SessionId,
        request: u32,
        id: RoomId,
        has_password: bool,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let session = self.session(from).ok_or(Refusal::OutOfOrder)?;
        if session.membership(id).is_some() {
            return Err(Refusal::OutOfOrder);
        }
        let free = session.memberships.iter().position(Option::is_none).ok_or(Refusal::TooManyRooms)?;
        let room_index = self.room_index(id).ok_or(Refusal::NoSuchRoom)?;
        self.check_scope(from, (room_index, id))?;
        if !self.is_let_in((from, request), (room_index, id), has_password, out)? {
            return Ok(());
        }
        self.knock_no_more(from, out);
        let room = self.room_at_mut(room_index).ok_or(Refusal::NoSuchRoom)?;
        let (slot, member) = room.join(from.index() as u16).map_err(|_| Refusal::RoomFull)?;
        let (joined, chat_latest) = (room.version(), room.chat_latest);
        let version = self.next_lobby_version();
        if let Some(place) = self.rooms.get_mut(usize::from(room_index)) {
            place.changed = version;
        }
        let membership = Membership::new(id, room_index, slot, joined);
        if let Some(place) = self.session_mut(from).and_then(|session| session.memberships.get_mut(free)) {
            *place = Some(membership);
        }
        out.relay(&RelayCommand::Join { room_index, room: id, slot, session: from });
        if let Some(room) = self.room_at(room_index) {
            let name = &room.name;
            out.control(from, &ServerMessage::Joined { request, room: id, name, slot, member, chat_latest });
            if room.staff.is_locked() {
                out.control(from, &ServerMessage::RoomLocked { room: id, is_locked: true });
            }
        }
        self.tell_at_the_door(from, (room_index, id), out);
        self.tell_breakouts_at_the_door(from, room_index, out);
        Ok(())
    }

    /// Whether that room is for somebody. An owner of the server is known there from now on.
    fn check_scope(&mut self, from: SessionId, (room_index, id): (u16, RoomId)) -> Result<(), Refusal> {
        let identity = self.identity(from).ok_or(Refusal::OutOfOrder)?;
        let (scope, name) = (identity.scope, identity.username.clone());
        // What holds for a room holds for its breakout rooms.
        let id = self.parent_of(room_index).map_or(id, |(room, _)| room.id);
        if !scope.has_room(id) {
            return Err(Refusal::Forbidden);
        }
        let index = self.room_index(id).unwrap_or(room_index);
        if let Some(room) = self.room_at_mut(index).filter(|_| scope == Scope::Owner) {
            room.staff.set_chief(&name);
        }
        Ok(())
    }

    fn leave(&mut self, from: SessionId, id: RoomId, out: &mut impl ServerOutput) -> Result<(), Refusal> {
        if self.session(from).is_some_and(|session| session.knocking.is_some_and(|knocking| knocking.room == id)) {
            self.knock_no_more(from, out);
            return Ok(());
        }
        self.end_membership(from, id, LeaveReason::Asked, out)
    }

    /// Takes a session out of a room and says why. A lock keeps it out from now on.
    pub(super) fn end_membership(
        &mut self,
        from: SessionId,
        id: RoomId,
        reason: LeaveReason,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let membership = self.membership(from, id)?;
        if let Some(session) = self.session_mut(from) {
            for place in &mut session.memberships {
                place.take_if(|membership| membership.room == id);
            }
        }
        let name = self.identity(from).map(|identity| identity.username.clone());
        if let Some(name) = name {
            self.note_left(membership.room_index, &name, reason);
        }
        self.leave_place(from, &membership, out);
        out.control(from, &ServerMessage::Left { room: id, reason });
        Ok(())
    }

    fn look_up(&self, from: SessionId, request: u32, username: &str, out: &mut impl ServerOutput) {
        match self.session_of(username).and_then(|id| self.identity(id)) {
            Some(identity) => {
                let device = identity.device;
                out.control(from, &ServerMessage::Keys { request, username: &identity.username, device });
            }
            None => out.event(ServerEvent::LookUp { session: from, request, username }),
        }
    }

    pub(super) fn membership(&self, from: SessionId, room: RoomId) -> Result<Membership, Refusal> {
        let session = self.session(from).ok_or(Refusal::OutOfOrder)?;
        session.membership(room).copied().ok_or(Refusal::NotInRoom)
    }

    /// The session of another member of a room that `from` is in, and `from`'s own place there.
    pub(super) fn other_member(
        &self,
        from: SessionId,
        room: RoomId,
        slot: Slot,
        member: Option<u32>,
    ) -> Result<(SessionId, Slot), Refusal> {
        let membership = self.membership(from, room)?;
        let room = self.room_at(membership.room_index).ok_or(Refusal::NoSuchRoom)?;
        let other = room.participant(slot).filter(|other| member.is_none_or(|member| other.member == member));
        let other = other.filter(|_| slot != membership.slot).ok_or(Refusal::NoSuchPerson)?;
        let to = self.session_at(other.session).ok_or(Refusal::NoSuchPerson)?;
        Ok((to, membership.slot))
    }

    pub(super) fn session_at(&self, index: u16) -> Option<SessionId> {
        Some(self.sessions.get(usize::from(index))?.session.as_ref()?.id)
    }
}

/// What makes the store write, or search: it has a rate of its own.
const fn costs_the_store(message: &ClientMessage<'_>) -> bool {
    use ClientMessage as M;
    if let M::InRoom(ask) = message {
        return !matches!(ask, RoomAsk::React { .. });
    }
    matches!(
        message,
        M::SendChat { .. }
            | M::SendDirect { .. }
            | M::EditChat { .. }
            | M::DeleteChat { .. }
            | M::SearchChat { .. }
            | M::Moderate { .. }
            | M::SetPassword { .. }
            | M::Enter { .. }
            | M::OfferFile { .. }
            | M::DeleteFile { .. }
            | M::Account(_)
    )
}

/// What takes a client out of somewhere is never too much: who thinks that it has left must have.
const fn ends_something(message: &ClientMessage<'_>) -> bool {
    match message {
        ClientMessage::SignOut | ClientMessage::LeaveRoom { .. } => true,
        ClientMessage::SetTrack { info, .. } => !info.is_on,
        _ => false,
    }
}
