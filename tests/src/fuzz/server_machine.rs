//! The server machine under people who say anything in any order.

use hph_core::endpoint::server::{OpenRoom, RateLimits, StoredChat};
use hph_core::id::RoomId;
use hph_core::time::Duration;
use hph_core::wire::control::{DevicePublic, Parsed, Refusal, ServerMessage, SignOutReason, parse_client};

use super::input::Input;
use super::server_world::{PEOPLE, ServerMemory, ServerWorld};

pub(super) const LANDMARKS: &[&str] = &[
    "address proved",
    "chat",
    "closed",
    "joined",
    "key passed on",
    "lobby complete",
    "media forwarded",
    "refused",
    "ringing",
    "rate_limited",
    "not_in_room",
    "unknown_track",
];

/// Limits that are reached within one input.
const LIMITS: RateLimits = RateLimits { datagrams: (20, 20), chats: (5, 3), controls: (40, 40) };

/// Four people at a server with places for three, in two rooms, with two calls.
///
/// **Promises:** tables never grow, every input comes to an end, a session hears only of rooms that it is in, keys and
/// media pass only between members of a room, datagrams go only to addresses that proved themselves, nothing is said to
/// a session that is over.
pub fn server_machine(data: &[u8]) {
    let mut input = Input::new(data);
    let mut memory = ServerMemory::new();
    let mut world = ServerWorld::new(&mut memory, LIMITS);
    while !input.is_empty() {
        step(&mut world, &mut input);
    }
}

fn step(world: &mut ServerWorld<'_>, input: &mut Input<'_>) {
    let op = input.u8();
    let who = usize::from(op >> 4 & 3);
    match op & 15 {
        0 => world.handle_packet(input),
        1 => {
            let [ticks, scale] = input.array();
            world.advance(Duration::from_millis(u64::from(ticks) << (scale & 15)));
            world.handle_timeout();
        }
        2 => world.open(who),
        op => {
            let Some(session) = world.session(who) else { return };
            match op {
                3 => world.close(session, input.pick(&[SignOutReason::Asked, SignOutReason::TooSlow])),
                4 => {
                    let how = input.pick(&[OpenRoom::JoinOrCreate, OpenRoom::Create, OpenRoom::Join]);
                    let room = RoomId(u32::from(input.u8() & 7));
                    world.open_room(session, u32::from(input.u8()), room, how);
                }
                5 => world.poll_control(session),
                6 => {
                    let [reference, room, id, flags] = input.array();
                    let chat = StoredChat {
                        reference: reference.into(),
                        room: RoomId(u32::from(room & 7)),
                        id: id.into(),
                        author: PEOPLE[who],
                        display_name: PEOPLE[who],
                        time_ms: 1,
                        text: "Chào cả lớp!",
                        is_new: flags & 1 != 0,
                    };
                    world.machine.chat_stored(session, &chat, &mut world.truth);
                }
                7 => {
                    let to = input.pick(&PEOPLE);
                    let (device, is_new) = (DevicePublic::default(), input.u8() & 1 != 0);
                    let message = ServerMessage::Direct { id: 1, from: PEOPLE[who], device, time_ms: 1, sealed: &[1] };
                    world.machine.direct_stored(session, 1, to, &message, is_new, &mut world.truth);
                }
                8 => world.machine.refuse(session, input.u64(), Refusal::Storage, &mut world.truth),
                _ => {
                    if let Ok(Parsed::Message(message)) = parse_client(input.chunk()) {
                        world.handle_control(session, &message);
                    }
                }
            }
        }
    }
}
