//! Messages that are kept: what the driver stored is told, what it is to find or to change is asked of it.

use super::{HistoryPage, ServerEvent, ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId};
use crate::wire::control::{ClientMessage, Refusal, ServerMessage};

/// The room number that stands for direct messages where a message names one or the other.
const DIRECTS: RoomId = RoomId(0);

/// A message that the driver has stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredChat<'a> {
    /// Its reference, to tell the author.
    pub reference: u64,
    /// Its room.
    pub room: RoomId,
    /// Its number in the room.
    pub id: u64,
    /// Login name of the author.
    pub author: &'a str,
    /// The author's name to show.
    pub display_name: &'a str,
    /// When it was stored, in milliseconds since 1970.
    pub time_ms: u64,
    /// The text.
    pub text: &'a str,
    /// False for a resend of a message that was stored before: it is acknowledged again, not shown again.
    pub is_new: bool,
}

/// A change of a message that the driver has stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredChange<'a> {
    /// Its reference, to tell whoever made it.
    pub reference: u64,
    /// Its room.
    pub room: RoomId,
    /// Its number in the room: changes and messages are numbered in one row.
    pub id: u64,
    /// The message that was changed.
    pub target: u64,
    /// Login name of whoever changed it.
    pub author: &'a str,
    /// When it was stored, in milliseconds since 1970.
    pub time_ms: u64,
    /// The text that the message has now; none if it was taken back.
    pub text: Option<&'a str>,
    /// False for a resend of a change that was stored before: it is acknowledged again, not told again.
    pub is_new: bool,
}

impl ServerMachine<'_> {
    /// What is asked of the stored messages. Whose a message is only the store knows; who is in the room is known here.
    pub(super) fn obey_chat(
        &mut self,
        from: SessionId,
        message: &ClientMessage<'_>,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        use ClientMessage as M;
        let session = from;
        let event = match *message {
            M::EditChat { reference, room, id: target, text } => {
                self.membership(from, room)?;
                ServerEvent::ChangeChat { session, reference, room, target, text: Some(text) }
            }
            M::DeleteChat { reference, room, id: target } => {
                self.membership(from, room)?;
                ServerEvent::ChangeChat { session, reference, room, target, text: None }
            }
            M::ReadHistory { request, room, before, count } => {
                self.membership(from, room)?;
                ServerEvent::ReadHistory { session, page: HistoryPage { request, room, before, count } }
            }
            M::SearchChat { request, room, before, count, words } => {
                self.membership(from, room)?;
                ServerEvent::SearchChat { session, page: HistoryPage { request, room, before, count }, words }
            }
            M::MarkRead { room, id } => {
                let id = if room == DIRECTS { id } else { id.min(self.latest_in(from, room)?) };
                let username = &self.identity(from).ok_or(Refusal::OutOfOrder)?.username;
                ServerEvent::MarkRead { session, username, room, id }
            }
            M::AskUnread { request } => ServerEvent::AskUnread { session, request },
            _ => return Err(Refusal::OutOfOrder),
        };
        out.event(event);
        Ok(())
    }

    /// The newest message or change of a room that the session is in.
    fn latest_in(&self, from: SessionId, room: RoomId) -> Result<u64, Refusal> {
        let membership = self.membership(from, room)?;
        self.room_at(membership.room_index).map(|room| room.chat_latest).ok_or(Refusal::NoSuchRoom)
    }

    /// The driver stored a message: tell its author, and everybody in the room if it is new.
    pub fn chat_stored(&mut self, author: SessionId, chat: &StoredChat<'_>, out: &mut impl ServerOutput) {
        let StoredChat { reference, room, id, author: login, display_name, time_ms, text, is_new } = *chat;
        if self.session(author).is_some() {
            out.control(author, &ServerMessage::ChatStored { reference, room, id, time_ms });
        }
        if is_new {
            let message = ServerMessage::Chat { room, id, author: login, display_name, time_ms, text };
            self.tell_everybody_in(room, id, &message, out);
        }
    }

    /// The driver stored a direct message: tell its author, and the receiver if it is new and they are here.
    pub fn direct_stored(
        &mut self,
        author: SessionId,
        reference: u64,
        to: &str,
        message: &ServerMessage<'_>,
        is_new: bool,
        out: &mut impl ServerOutput,
    ) {
        let ServerMessage::Direct { id, time_ms, .. } = *message else { return };
        if self.session(author).is_some() {
            out.control(author, &ServerMessage::DirectStored { reference, id, time_ms });
        }
        if let Some(receiver) = self.session_of(to).filter(|_| is_new) {
            out.control(receiver, message);
        }
    }

    /// The driver stored a change: tell whoever made it, and everybody in the room if it is new.
    pub fn chat_changed(&mut self, author: SessionId, change: &StoredChange<'_>, out: &mut impl ServerOutput) {
        let StoredChange { reference, room, id, target, author: login, time_ms, text, is_new } = *change;
        if self.session(author).is_some() {
            out.control(author, &ServerMessage::ChatStored { reference, room, id, time_ms });
        }
        if is_new {
            let message = ServerMessage::ChatChanged { room, id, target, author: login, time_ms, text };
            self.tell_everybody_in(room, id, &message, out);
        }
    }

    /// Tells everybody in a room what got this number there.
    fn tell_everybody_in(&mut self, room: RoomId, id: u64, message: &ServerMessage<'_>, out: &mut impl ServerOutput) {
        let Some(index) = self.room_index(room) else { return };
        if let Some(room) = self.room_at_mut(index) {
            room.chat_latest = room.chat_latest.max(id);
        }
        let Some(room) = self.room_at(index) else { return };
        for (_, participant) in room.participants() {
            if let Some(to) = self.session_at(participant.session) {
                out.control(to, message);
            }
        }
    }
}
