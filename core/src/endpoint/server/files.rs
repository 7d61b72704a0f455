//! Files: who may offer and look. Their bytes, and whose they are, are the driver's matter.

use super::{FileOffer, HistoryPage, ServerEvent, ServerMachine, ServerOutput};
use crate::id::{RoomId, SessionId};
use crate::room::rights::{Deed, To};
use crate::wire::control::{ClientMessage, Refusal, ServerMessage};

/// The room number that stands for one person's files.
const NO_ROOM: RoomId = RoomId(0);

impl ServerMachine<'_> {
    /// What is asked of the files.
    pub(super) fn obey_files(
        &mut self,
        from: SessionId,
        message: &ClientMessage<'_>,
        out: &mut impl ServerOutput,
    ) -> Result<(), Refusal> {
        use ClientMessage as M;
        let session = from;
        let event = match *message {
            M::OfferFile { reference, room, to, name, size, sha256 } => {
                if room != NO_ROOM {
                    self.membership(from, room)?;
                }
                ServerEvent::OfferFile { session, offer: FileOffer { reference, room, to, name, size, sha256 } }
            }
            M::FetchFile { request, file, from, count } => {
                ServerEvent::FetchFile { session, request, file, range: (from, count) }
            }
            M::DeleteFile { request, file } => ServerEvent::DeleteFile { session, request, file },
            M::ListFiles { request, room, before, count } => {
                self.membership(from, room)?;
                ServerEvent::ListFiles { session, page: HistoryPage { request, room, before, count } }
            }
            _ => return Err(Refusal::OutOfOrder),
        };
        out.event(event);
        Ok(())
    }

    /// Tells everybody who is in a room now.
    pub fn tell_all_in(&self, room: RoomId, message: &ServerMessage<'_>, out: &mut impl ServerOutput) {
        let Some(room) = self.room_index(room).and_then(|index| self.room_at(index)) else { return };
        for (_, participant) in room.participants() {
            if let Some(to) = self.session_at(participant.session) {
                out.control(to, message);
            }
        }
    }

    /// Whether somebody may take others' files of a room away, wherever they are.
    pub fn is_host(&self, session: SessionId, room: RoomId) -> bool {
        let (Some(index), Some(identity)) = (self.room_index(room), self.identity(session)) else { return false };
        Deed::DeleteOthersFile.may(self.role_in(index, &identity.username), To::Nobody)
    }
}
