//! The client machine under a server that says anything.

use hph_core::endpoint::client::{OutgoingFrame, Pieces};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::time::Duration;
use hph_core::wire::control::{Codec, DevicePublic, Parsed, TrackInfo, parse_server};

use super::client_world::{ClientMemory, ClientWorld, PEER};
use super::input::Input;

pub(super) const LANDMARKS: &[&str] = &[
    "chat shown",
    "chat wanted",
    "datagrams lost",
    "datagrams up",
    "direct not opened",
    "direct shown",
    "frame",
    "frame sent",
    "joined",
    "key given",
    "key wanted",
    "left",
    "participant",
    "participant gone",
    "room refused",
    "server silent",
];

/// A client with places for two rooms, with a server that speaks the protocol but means no good, and a participant with
/// real keys.
///
/// **Promises:** tables never grow; whatever the client says is a legal message or a datagram that its server can open,
/// under a nonce that never comes twice; chat and direct messages are handed out in order and once; frames consist of
/// what the holder of a key sealed.
pub fn client_machine(data: &[u8]) {
    let mut input = Input::new(data);
    let mut memory = ClientMemory::new();
    let mut world = if input.u8() & 1 == 0 { ClientWorld::meeting(&mut memory) } else { ClientWorld::new(&mut memory) };
    while !input.is_empty() {
        step(&mut world, &mut input);
    }
}

fn step(world: &mut ClientWorld<'_>, input: &mut Input<'_>) {
    match input.u8() & 15 {
        0 => world.handle_packet(input),
        1 => {
            let [ticks, scale] = input.array();
            world.advance(Duration::from_millis(u64::from(ticks) << (scale & 15)));
            world.handle_timeout();
        }
        2 => world.sign_in(),
        3 => world.disconnect(),
        4 => {
            let (room, member) = (room(input), u32::from(input.u8()));
            world.join(room, member);
        }
        5 => {
            let [slot, member] = input.array();
            world.show_peer(room(input), Slot(u16::from(slot & 31)), member.into());
        }
        6 => {
            let [slot, member] = input.array();
            let room = room(input);
            world.give_key(room, Slot(u16::from(slot & 31)), member.into(), input.u16() & 0x030f);
        }
        7 => {
            let [id, reference] = input.array();
            let body = input.chunk();
            world.send_direct(id.into(), reference.into(), &body[..body.len().min(200)]);
        }
        8 => user(world, input),
        _ => {
            if let Ok(Parsed::Message(message)) = parse_server(input.chunk()) {
                world.handle_control(&message);
            }
        }
    }
}

/// The user wants something.
fn user(world: &mut ClientWorld<'_>, input: &mut Input<'_>) {
    let [op, track] = input.array();
    let (room, track, now) = (room(input), TrackId(track & 7), world.now);
    match op & 7 {
        0 => world.machine.leave(room, &mut world.truth),
        1 => world.machine.watch_lobby(track.0 & 1 != 0, &mut world.truth),
        2 => {
            let keys = world.peer.keys();
            let device = DevicePublic { seal: keys.seal, sign: if track.0 & 1 != 0 { [0; 32] } else { keys.sign } };
            let body = String::from_utf8_lossy(input.chunk());
            let _ = world.machine.send_direct(input.u64(), PEER, &device, &body, &mut world.truth);
        }
        3 | 4 => {
            let info = TrackInfo { is_on: op & 1 != 0, codec: Codec::Jpeg, width: 640, height: 360 };
            world.machine.set_track(room, track, info, &mut world.truth);
        }
        _ => {
            let [layer, level] = input.array();
            let bytes = vec![level; usize::from(input.u16() & 0x0fff)];
            let strips: Vec<_> = (0..usize::from(level & 7)).map(|strip| strip * 700..strip * 700 + 700).collect();
            let pieces = if level & 0x10 != 0 { Pieces::Strips(&strips) } else { Pieces::Fragments };
            let frame = OutgoingFrame { track, layer: layer & 7, timestamp: 5, level, bytes: &bytes, pieces };
            let _ = world.machine.send_frame(now, room, &frame, &mut world.truth);
        }
    }
    world.check();
}

fn room(input: &mut Input<'_>) -> RoomId {
    RoomId(u32::from(input.u8() & 3))
}
