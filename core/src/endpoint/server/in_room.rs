//! What goes on in a room besides talking.

use super::{ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId};
use crate::room::reaction::Reaction;
use crate::time::Instant;
use crate::wire::control::{Refusal, RoomAsk, RoomTold, ServerMessage};

impl ServerMachine<'_> {
    pub(super) fn obey_in_room(
        &mut self,
        now: Instant,
        from: SessionId,
        ask: &RoomAsk<'_>,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        match *ask {
            RoomAsk::React { room, reaction, .. } => self.react(now, from, room, reaction, out),
            RoomAsk::OpenBreakout { request, room, name } => self.open_breakout((from, request, room), name, out),
            RoomAsk::Spread { request, room } => self.spread((from, request, room), out),
            RoomAsk::Move { request, room, whom, number } => self.move_person((from, request, room), whom, number, out),
            RoomAsk::TellBreakouts { request, room, text } => self.tell_breakouts((from, request, room), text, out),
            RoomAsk::EndBreakouts { request, room, after_s } => {
                self.end_breakouts(now, (from, request, room), after_s, out)
            }
        }
    }

    /// Shows a sign to everybody in the room, its sender included. Nothing of it is kept.
    fn react(
        &mut self,
        now: Instant,
        from: SessionId,
        room: RoomId,
        reaction: u8,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let slot = self.membership(from, room)?.slot;
        if Reaction::from_number(reaction).is_none() {
            return Err(Refusal::Invalid);
        }
        let session = self.session_mut(from).ok_or(Refusal::OutOfOrder)?;
        if !session.reactions.take(now) {
            return Err(Refusal::TooFast);
        }
        self.tell_all_in(room, &ServerMessage::InRoom(RoomTold::Reacted { room, slot, reaction }), out);
        Ok(())
    }
}
