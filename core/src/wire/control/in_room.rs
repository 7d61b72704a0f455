//! What goes on in a room besides talking: reactions, and breakout rooms. One message in each direction carries all of it.

use serde::{Deserialize, Serialize};

use super::is_slot;
use crate::id::{RoomId, Slot};
use crate::limits::{BREAKOUT_SECONDS_MAX, BREAKOUTS_MAX};
use crate::wire::text;

/// What a client says about it. `room` is a room that it is in; about breakout rooms, the one that they belong to or one
/// of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomAsk<'a> {
    /// Show this to everybody in the room for a few seconds.
    React {
        /// Echoed if it is refused.
        request: u32,
        /// In which room.
        room: RoomId,
        /// Which: a number of [`crate::room::reaction::Reaction`]; the server refuses others.
        reaction: u8,
    },
    /// Open one more breakout room.
    OpenBreakout {
        /// Echoed in the answer.
        request: u32,
        /// Of which room.
        room: RoomId,
        /// Its name.
        name: &'a str,
    },
    /// Spread those who are in the room, and no hosts, evenly over its breakout rooms.
    Spread {
        /// Echoed in the answer.
        request: u32,
        /// Which room.
        room: RoomId,
    },
    /// Have somebody go elsewhere; a host also oneself.
    Move {
        /// Echoed in the answer.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Login name.
        whom: &'a str,
        /// Where to: 1 for the first breakout room, 0 for the room that they belong to.
        number: u8,
    },
    /// Say this to everybody in the breakout rooms.
    TellBreakouts {
        /// Echoed in the answer.
        request: u32,
        /// Of which room.
        room: RoomId,
        /// The text.
        text: &'a str,
    },
    /// Have everybody come back, and end the breakout rooms.
    EndBreakouts {
        /// Echoed in the answer.
        request: u32,
        /// Of which room.
        room: RoomId,
        /// When; 0: now. **Units:** seconds.
        after_s: u16,
    },
}

impl RoomAsk<'_> {
    /// Whether every field is within its bounds.
    pub fn is_legal(&self) -> bool {
        match *self {
            // A reaction that only a newer version knows is refused by name.
            Self::React { .. } | Self::Spread { .. } => true,
            Self::OpenBreakout { name, .. } => text::is_room_name(name),
            Self::Move { whom, number, .. } => text::is_username(whom) && usize::from(number) <= BREAKOUTS_MAX,
            Self::TellBreakouts { text, .. } => text::is_chat_text(text),
            Self::EndBreakouts { after_s, .. } => after_s <= BREAKOUT_SECONDS_MAX,
        }
    }

    /// The number that the answer carries.
    pub const fn request(&self) -> u32 {
        match *self {
            Self::React { request, .. }
            | Self::OpenBreakout { request, .. }
            | Self::Spread { request, .. }
            | Self::Move { request, .. }
            | Self::TellBreakouts { request, .. }
            | Self::EndBreakouts { request, .. } => request,
        }
    }
}

/// What the server says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomTold<'a> {
    /// Somebody shows this, the receiver perhaps.
    Reacted {
        /// In which room.
        room: RoomId,
        /// Who.
        slot: Slot,
        /// Which: a number of [`crate::room::reaction::Reaction`]; others are passed over.
        reaction: u8,
    },
    /// Leave a room and join another one: you may.
    Moved {
        /// Which to leave; it may be that you are not in it, but asked to be.
        room: RoomId,
        /// Which to join.
        to: RoomId,
        /// The room that both belong to.
        parent: RoomId,
        /// Which breakout room `to` is; 0: the room that they belong to.
        number: u8,
        /// Its name.
        name: &'a str,
    },
    /// A breakout room is there.
    Breakout {
        /// Of which room.
        room: RoomId,
        /// Its id.
        breakout: RoomId,
        /// Its number: 1, 2, 3, …
        number: u8,
        /// Its name.
        name: &'a str,
    },
    /// To hosts: where somebody belongs now.
    Assigned {
        /// In which room's meeting.
        room: RoomId,
        /// Login name.
        username: &'a str,
        /// Where to; 0: the room itself.
        number: u8,
    },
    /// The breakout rooms end, or have ended.
    BreakoutsEnd {
        /// Of which room.
        room: RoomId,
        /// When; 0: they have. **Units:** seconds.
        after_s: u16,
    },
    /// A host says something to everybody in the breakout rooms.
    BreakoutsTold {
        /// Of which room.
        room: RoomId,
        /// Login name of the host.
        by: &'a str,
        /// Their name to show.
        display_name: &'a str,
        /// The text.
        text: &'a str,
    },
}

impl RoomTold<'_> {
    /// Whether every field is within its bounds.
    pub fn is_legal(&self) -> bool {
        let is_number = |number: u8| usize::from(number) <= BREAKOUTS_MAX;
        match *self {
            Self::Reacted { slot, .. } => is_slot(slot),
            Self::Moved { number, name, .. } => is_number(number) && text::is_room_name(name),
            Self::Breakout { number, name, .. } => number > 0 && is_number(number) && text::is_room_name(name),
            Self::Assigned { username, number, .. } => is_number(number) && text::is_username(username),
            Self::BreakoutsEnd { after_s, .. } => after_s <= BREAKOUT_SECONDS_MAX,
            Self::BreakoutsTold { by, display_name, text, .. } => {
                text::is_username(by) && text::is_display_name(display_name) && text::is_chat_text(text)
            }
        }
    }
}
