//! What the control plane tells the packet planes.

use core::fmt;

use super::shards::Shards;
use crate::id::{RoomId, SessionId, Slot, TrackId};
use crate::room::active_speaker::SpeechActivity;

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
    /// A session's network lets no datagrams pass, or does again: they travel inside its control connection, or over UDP.
    Tunnel {
        /// Which.
        session: SessionId,
        /// Whether they travel inside the control connection.
        is_on: bool,
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
        /// Width of the full picture, in pixels; 0 for sound.
        width: u16,
    },
    /// A member says how large it shows another one's track.
    Subscribe {
        /// The room's place in the table.
        room_index: u16,
        /// The receiver's place in the room.
        receiver: Slot,
        /// The sender's place in the room.
        sender: Slot,
        /// Which track.
        track: TrackId,
        /// Width of the tile in pixels; 0: not wanted.
        width: u16,
    },
    /// Somebody else speaks in a room.
    Speaker {
        /// The room's place in the table.
        room_index: u16,
        /// Whoever does.
        slot: Option<Slot>,
    },
}

/// What a packet plane tells the control plane: things that are true for now. One that is lost is told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayReport {
    /// Which sizes of a picture the receivers of a shard are sent.
    Wanted {
        /// The room's place in the table.
        room_index: u16,
        /// Whose picture.
        sender: Slot,
        /// Which track.
        track: TrackId,
        /// A bit for each size layer.
        layers: u8,
        /// What the receivers of the largest of them can take at most, in bits a second; 0: no bound.
        max_bps: u32,
    },
    /// Receivers of a shard begin with these sizes of a picture.
    Refresh {
        /// The room's place in the table.
        room_index: u16,
        /// Whose picture.
        sender: Slot,
        /// Which track.
        track: TrackId,
        /// A bit for each size layer.
        layers: u8,
    },
    /// What a microphone sent lately.
    Speech {
        /// The room's place in the table.
        room_index: u16,
        /// Whose microphone.
        sender: Slot,
        /// When and how loudly.
        activity: SpeechActivity,
    },
}

impl RelayCommand {
    /// The one shard that must know, or none if all must.
    pub fn shard(&self, shards: Shards) -> Option<usize> {
        match *self {
            Self::OpenSession { session, .. } | Self::CloseSession { session } | Self::Tunnel { session, .. } => {
                Some(shards.home_of(session))
            }
            _ => None,
        }
    }

    /// The room that it is about, by its place in the table.
    pub const fn room_index(&self) -> Option<u16> {
        match *self {
            Self::OpenSession { .. } | Self::CloseSession { .. } | Self::Tunnel { .. } => None,
            Self::Join { room_index, .. }
            | Self::Leave { room_index, .. }
            | Self::SetTrack { room_index, .. }
            | Self::Subscribe { room_index, .. }
            | Self::Speaker { room_index, .. } => Some(room_index),
        }
    }
}
