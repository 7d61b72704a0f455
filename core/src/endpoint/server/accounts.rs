//! Devices and invitations: who may ask for what. The driver keeps both, and does it.

use super::session::Membership;
use super::{Scope, ServerEvent, ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId};
use crate::room::roles::has_account;
use crate::wire::control::{AccountAsk, AccountTold, Refusal, ServerMessage};

impl ServerMachine<'_> {
    /// Somebody has become an owner of the server, or is one no longer. In the rooms where they are it holds at once.
    pub fn set_scope(&mut self, session: SessionId, scope: Scope) {
        let Some(state) = self.session_mut(session) else { return };
        state.identity.scope = scope;
        let (name, memberships) = (state.identity.username.clone(), state.memberships);
        if scope != Scope::Owner {
            self.forget_chief(&name);
        }
        for Membership { room_index, slot, .. } in memberships.into_iter().flatten() {
            let parent = self.parent_of(room_index).map(|(room, _)| room.id);
            let parent = parent.and_then(|parent| self.room_index(parent)).unwrap_or(room_index);
            if let Some(room) = self.room_at_mut(parent).filter(|_| scope == Scope::Owner) {
                room.staff.set_chief(&name);
            }
            if let Some(room) = self.room_at_mut(room_index) {
                room.tell_again(slot);
            }
        }
    }

    /// Somebody is no owner of the server: what they were in rooms as one they are no longer.
    pub(super) fn forget_chief(&mut self, name: &str) {
        let rooms = self.rooms.iter_mut().filter_map(|place| place.room.as_mut());
        rooms.for_each(|room| room.staff.set_no_chief(name));
    }

    /// Passes on what is asked, if whoever asks may.
    pub(super) fn obey_account(
        &mut self,
        from: SessionId,
        ask: &AccountAsk<'_>,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        match *ask {
            AccountAsk::Present { .. } | AccountAsk::Enrol { .. } => return Err(Refusal::OutOfOrder),
            AccountAsk::ListDevices { .. } | AccountAsk::RevokeDevice { .. } | AccountAsk::Claim { .. } => {
                self.check_account(from)?;
            }
            AccountAsk::Invite { room, may_register, .. } => self.check_invites(from, room, may_register)?,
            AccountAsk::ListInvitations { room, .. } | AccountAsk::Withdraw { room, .. } => {
                self.check_invites(from, room, false)?;
            }
        }
        out.event(ServerEvent::Account { session: from, ask: *ask });
        Ok(())
    }

    /// Tells whoever may be in one room only which one that is, once.
    pub(super) fn tell_scope(&mut self, to: SessionId, out: &mut impl ServerOutput) -> bool {
        let Some(session) = self.session_mut(to).filter(|session| session.is_scope_untold) else { return false };
        session.is_scope_untold = false;
        let Scope::Room(id) = session.identity.scope else { return false };
        let Some(room) = self.room_index(id).and_then(|index| self.room_at(index)) else { return false };
        out.control(to, &ServerMessage::Account(AccountTold::OnlyRoom { room: id, name: &room.name }));
        true
    }

    /// Whoever has no account has no devices and invites nobody, not even to a room that is theirs.
    fn check_account(&self, from: SessionId) -> Result<(), Refusal> {
        let identity = self.identity(from).ok_or(Refusal::OutOfOrder)?;
        if has_account(&identity.username) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Hosts invite to their rooms; owners of the server invite to all and may let others make accounts.
    fn check_invites(&self, from: SessionId, room: RoomId, may_register: bool) -> Result<(), Refusal> {
        self.check_account(from)?;
        let index = (room != RoomId(0)).then(|| self.room_index(room).ok_or(Refusal::NoSuchRoom)).transpose()?;
        let identity = self.identity(from).ok_or(Refusal::OutOfOrder)?;
        let is_host = index.is_some_and(|index| self.role_in(index, &identity.username).is_host());
        let may = identity.scope == Scope::Owner || is_host && !may_register;
        if may { Ok(()) } else { Err(Refusal::Forbidden) }
    }
}
