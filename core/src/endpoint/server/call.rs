//! Calls: asking somebody to come to a room.

use super::{CALL_RING, ServerMachine, ServerOutput};
use crate::id::{CallId, RoomId, SessionId};
use crate::time::Instant;
use crate::wire::control::{CallOutcome, Refusal, ServerMessage};

/// So many calls of one caller ring at the same time.
const CALLS_BY_ONE_MAX: usize = 4;

/// One place in the table of ringing calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallPlace(Option<Call>);

#[derive(Clone, Copy, Debug)]
struct Call {
    id: CallId,
    request: u32,
    from: SessionId,
    to: SessionId,
    ends_at: Instant,
}

impl ServerMachine<'_> {
    pub(super) fn call(
        &mut self,
        now: Instant,
        from: SessionId,
        request: u32,
        to: &str,
        room: RoomId,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        if !self.is_in_room(from, room) {
            return Err(Refusal::NotInRoom);
        }
        let to = self.session_of(to).filter(|to| *to != from).ok_or(Refusal::NoSuchPerson)?;
        let is_theirs = |place: &CallPlace| place.0.is_some_and(|call| call.from == from && call.to == to);
        if self.calls.iter().any(is_theirs) {
            return Err(Refusal::OutOfOrder);
        }
        // One caller must not take up all places.
        let is_by_caller = |place: &&CallPlace| place.0.is_some_and(|call| call.from == from);
        if self.calls.iter().filter(is_by_caller).count() >= CALLS_BY_ONE_MAX {
            return Err(Refusal::TooFast);
        }
        let id = CallId(self.next_call);
        let place = self.calls.iter_mut().find(|place| place.0.is_none()).ok_or(Refusal::ServerFull)?;
        place.0 = Some(Call { id, request, from, to, ends_at: now + CALL_RING });
        self.next_call = self.next_call.wrapping_add(1);
        let room_name = self.room_index(room).and_then(|index| self.room_at(index)).map(|room| &room.name);
        if let (Some(caller), Some(name)) = (self.identity(from), room_name) {
            let seconds = (CALL_RING.as_micros() / 1_000_000) as u16;
            let (from, display_name) = (&caller.username, &caller.display_name);
            out.control(to, &ServerMessage::Ringing { call: id, from, display_name, room, name, seconds });
        }
        out.control(from, &ServerMessage::CallState { request, call: id, outcome: CallOutcome::Ringing });
        Ok(())
    }

    pub(super) fn answer_call(
        &mut self,
        callee: SessionId,
        id: CallId,
        accept: bool,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let outcome = if accept { CallOutcome::Accepted } else { CallOutcome::Declined };
        self.end_call(|call| call.id == id && call.to == callee, outcome, out)
    }

    pub(super) fn cancel_call(
        &mut self,
        caller: SessionId,
        id: CallId,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        self.end_call(|call| call.id == id && call.from == caller, CallOutcome::Cancelled, out)
    }

    pub(super) fn end_calls_of(&mut self, gone: SessionId, out: &mut impl ServerOutput) {
        while self.end_call(|call| call.from == gone || call.to == gone, CallOutcome::Gone, out).is_ok() {}
    }

    pub(super) fn expire_calls(&mut self, now: Instant, out: &mut impl ServerOutput) {
        while self.end_call(|call| now >= call.ends_at, CallOutcome::TimedOut, out).is_ok() {}
    }

    /// Ends the first call that fits and tells both sides.
    fn end_call(
        &mut self,
        fits: impl Fn(&Call) -> bool,
        outcome: CallOutcome,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        let place = self.calls.iter_mut().find(|place| place.0.as_ref().is_some_and(&fits));
        let call = place.and_then(|place| place.0.take()).ok_or(Refusal::NoSuchCall)?;
        out.control(call.from, &ServerMessage::CallState { request: call.request, call: call.id, outcome });
        out.control(call.to, &ServerMessage::CallState { request: 0, call: call.id, outcome });
        Ok(())
    }
}
