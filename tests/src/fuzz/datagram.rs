//! Datagrams into both machines, with real keys.

use super::client_world::{ClientMemory, ClientWorld};
use super::input::Input;
use super::server_world::{ServerMemory, ServerWorld};

pub(super) const LANDMARKS: &[&str] = &[
    "address proved",
    "frame of many fragments",
    "frame of one fragment",
    "held",
    "media forwarded",
    "duplicate",
    "end_to_end_tag",
    "fragment_mismatch",
    "hop_tag",
    "late",
    "length",
    "media_header",
    "not_in_room",
    "reassembly_full",
    "replayed",
    "unexpected",
    "unknown_connection",
    "unknown_key",
    "unknown_kind",
    "unknown_track",
    "unvalidated_path",
];

/// The first byte chooses the machine; then datagrams follow: bytes as they are, or sealed as a member (or the server)
/// would, so that what comes after authentication is reached too.
///
/// **Promises:** what was altered, replayed or made up has no effect; what the server sends opens at its receiver and
/// goes only where it may; a frame that is handed out is made of exactly the fragments that were sealed.
pub fn datagram(data: &[u8]) {
    let mut input = Input::new(data);
    if input.u8() & 1 == 0 { to_server(&mut input) } else { to_client(&mut input) }
}

fn to_server(input: &mut Input<'_>) {
    let mut memory = ServerMemory::new();
    let mut world = ServerWorld::meeting(&mut memory);
    while !input.is_empty() {
        world.handle_packet(input);
    }
}

fn to_client(input: &mut Input<'_>) {
    let mut memory = ClientMemory::new();
    let mut world = ClientWorld::meeting(&mut memory);
    while !input.is_empty() {
        world.handle_packet(input);
    }
}
