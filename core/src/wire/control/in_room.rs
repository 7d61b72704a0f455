//! What goes on in a room besides talking: reactions. One message in each direction carries all of it.

use serde::{Deserialize, Serialize};

use super::is_slot;
use crate::id::{RoomId, Slot};

/// What a client says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomAsk {
    /// Show this to everybody in the room for a few seconds.
    React {
        /// Echoed if it is refused.
        request: u32,
        /// In which room.
        room: RoomId,
        /// Which: a number of [`crate::room::reaction::Reaction`]; the server refuses others.
        reaction: u8,
    },
}

impl RoomAsk {
    /// Whether every field is within its bounds.
    pub const fn is_legal(&self) -> bool {
        match self {
            // A number that only a newer version knows is refused by name.
            Self::React { .. } => true,
        }
    }

    /// The number that the answer carries.
    pub const fn request(&self) -> u32 {
        match *self {
            Self::React { request, .. } => request,
        }
    }
}

/// What the server says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomTold {
    /// Somebody shows this, the receiver perhaps.
    Reacted {
        /// In which room.
        room: RoomId,
        /// Who.
        slot: Slot,
        /// Which: a number of [`crate::room::reaction::Reaction`]; others are passed over.
        reaction: u8,
    },
}

impl RoomTold {
    /// Whether every field is within its bounds.
    pub fn is_legal(&self) -> bool {
        match *self {
            Self::Reacted { slot, .. } => is_slot(slot),
        }
    }
}
