//! Going from a room to another one of the same meeting, when the server says that somebody sent us there.

use super::{ClientEvent, ClientMachine, ClientOutput};
use crate::id::RoomId;
use crate::time::Instant;
use crate::wire::control::{ClientMessage, LeaveReason, Refusal, RoomTold, ServerMessage};

impl ClientMachine<'_> {
    /// What the server says of a room besides its people: all of it is the driver's matter, but that we are sent elsewhere.
    pub(super) fn handle_in_room(&mut self, now: Instant, told: &RoomTold<'_>, out: &mut impl ClientOutput) {
        let RoomTold::Moved { room, to, parent, number, name } = *told else {
            return out.event(ClientEvent::Said(&ServerMessage::InRoom(*told)));
        };
        self.go(now, (room, to), (parent, number, name), out);
    }

    /// A room that we are wanted back in is no longer there, or not for us. If it belonged to another one we go there.
    /// Whether it did.
    pub(super) fn go_to_parent(
        &mut self,
        now: Instant,
        room: RoomId,
        reason: Refusal,
        out: &mut impl ClientOutput,
    ) -> bool {
        let parent = self.room_mut(room).and_then(|room| room.parent);
        let Some(parent) = parent.filter(|_| matches!(reason, Refusal::NoSuchRoom | Refusal::Forbidden)) else {
            return false;
        };
        self.go(now, (room, parent), (parent, 0, ""), out);
        true
    }

    /// Leaves a room and wants another one, if we wanted the first.
    fn go(
        &mut self,
        now: Instant,
        (from, to): (RoomId, RoomId),
        (parent, number, name): (RoomId, u8, &str),
        out: &mut impl ClientOutput,
    ) {
        let Some(known) = self.room_mut(from) else { return };
        let was_joined = known.is_joined();
        self.remove_room(from);
        out.event(ClientEvent::Moved { from, to, parent, number, name });
        if was_joined {
            out.control(&ClientMessage::LeaveRoom { room: from });
        } else {
            out.event(ClientEvent::Left { room: from, reason: LeaveReason::Asked });
        }
        // There is a place: one was given up.
        if let Ok(room) = self.room_or_new(to) {
            room.parent = (number != 0).then_some(parent);
        }
        self.drive_joins(now, out);
    }
}
