//! Breakout rooms, for hosts.

use hph_core::id::RoomId;
use hph_core::wire::control::{ClientMessage, RoomAsk};

use super::{State, text, with};

fn ask(state: &mut State, ask: RoomAsk<'_>) -> bool {
    state.client.say(&ClientMessage::InRoom(ask))
}

/// Input: its name.
#[unsafe(no_mangle)]
extern "C" fn open_breakout(request: u32, room: u32, len: usize) -> bool {
    with(len, |state, input| ask(state, RoomAsk::OpenBreakout { request, room: RoomId(room), name: text(input) }))
}

#[unsafe(no_mangle)]
extern "C" fn spread(request: u32, room: u32) -> bool {
    with(0, |state, _| ask(state, RoomAsk::Spread { request, room: RoomId(room) }))
}

/// Input: login name of whoever goes elsewhere.
#[unsafe(no_mangle)]
extern "C" fn move_person(request: u32, room: u32, number: u8, len: usize) -> bool {
    with(len, |state, input| ask(state, RoomAsk::Move { request, room: RoomId(room), whom: text(input), number }))
}

/// Input: the text.
#[unsafe(no_mangle)]
extern "C" fn tell_breakouts(request: u32, room: u32, len: usize) -> bool {
    with(len, |state, input| ask(state, RoomAsk::TellBreakouts { request, room: RoomId(room), text: text(input) }))
}

#[unsafe(no_mangle)]
extern "C" fn end_breakouts(request: u32, room: u32, after_s: u16) -> bool {
    with(0, |state, _| ask(state, RoomAsk::EndBreakouts { request, room: RoomId(room), after_s }))
}
