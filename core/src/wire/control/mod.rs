//! Control messages: what client and server say to each other over the TLS connection.
//!
//! **Shape:** a frame is a big-endian `u32` length, then that many bytes: a postcard varint that numbers the message and
//! its fields in order. Numbers and fields are only ever added at the end, so that a peer one version behind can skip
//! what it does not know. Texts and byte strings are borrowed from the frame.

mod account;
mod client;
mod frame;
mod in_room;
mod parts;
mod server;

pub use account::{AccountAsk, AccountTold, TicketKind, is_code, is_secret};
pub use client::ClientMessage;
pub use frame::{FrameReader, Parsed, emit_client, emit_server, parse_client, parse_server};
pub use in_room::{RoomAsk, RoomTold};
pub use parts::{
    Act, CallOutcome, Codec, DevicePublic, LeaveReason, ParticipantInfo, Refusal, SignInMethods, SignOutReason,
    TrackInfo,
};
pub use server::ServerMessage;

use crate::id::Slot;
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES, ROOM_PARTICIPANTS_MAX};

/// Whether it can be a place in a room.
fn is_slot(slot: Slot) -> bool {
    usize::from(slot.0) < ROOM_PARTICIPANTS_MAX
}

/// Whether it has the length of a datagram.
fn is_datagram(bytes: &[u8]) -> bool {
    (HOP_PREFIX_BYTES..=DATAGRAM_MAX_BYTES).contains(&bytes.len())
}
