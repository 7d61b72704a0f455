//! What the control plane tells the packet planes.

use core::fmt;

use super::shards::Shards;
use crate::id::{RoomId, SessionId, Slot, TrackId};

/// TLS keying material of a session's connection. Not shown by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HopSecret(pub [u8; 32]);

impl fmt::Debug for HopSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HopSecret")
    }
}

/// One change of what a [`super::RelayMachine`] must know.
///
/// Each goes to the shards that [`Self::shard`] names, none may be lost, and each shard takes them in the order in
/// which they were made. Between two shards there is no order: for a moment one knows of a change and the other does
/// not, which costs or spares a packet and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayCommand {
    /// A session begins.
    OpenSession {
        /// Its id.
        session: SessionId,
        /// What its datagrams' keys are made from.
        secret: HopSecret,
    },
    /// A session is over; it has left its rooms.
    CloseSession {
        /// Which.
        session: SessionId,
    },
    /// A session is in a room: all its tracks are off, everybody wants them, and it wants everybody's.
    Join {
        /// The room's place in the table.
        room_index: u16,
        /// The room's id, as media headers name it.
        room: RoomId,
        /// The member's place in the room.
        slot: Slot,
        /// Who.
        session: SessionId,
    },
    /// A place in a room is free.
    Leave {
        /// The room's place in the table.
        room_index: u16,
        /// The place in the room.
        slot: Slot,
        /// Who was there.
        session: SessionId,
    },
    /// A member switched a track.
    SetTrack {
        /// The room's place in the table.
        room_index: u16,
        /// The member's place in the room.
        slot: Slot,
        /// Which track.
        track: TrackId,
        /// Whether packets of it are passed on.
        is_on: bool,
    },
    /// A member wants another one's track, or not.
    Subscribe {
        /// The room's place in the table.
        room_index: u16,
        /// The receiver's place in the room.
        receiver: Slot,
        /// The sender's place in the room.
        sender: Slot,
        /// Which track.
        track: TrackId,
        /// Whether it is wanted.
        is_on: bool,
    },
}

impl RelayCommand {
    /// The one shard that must know, or none if all must.
    pub fn shard(&self, shards: Shards) -> Option<usize> {
        match *self {
            Self::OpenSession { session, .. } | Self::CloseSession { session } => Some(shards.home_of(session)),
            _ => None,
        }
    }
}
