//! Older messages, changes of them, and what stands before a room's door.

use hph_core::crypto::scram::salted_password;
use hph_core::id::RoomId;
use hph_core::limits::ROOM_PASSWORD_ITERATIONS;
use hph_core::wire::control::ClientMessage;

use super::{array, text, with};

/// Input: the new text.
#[unsafe(no_mangle)]
extern "C" fn edit_chat(reference: u64, room: u32, id: f64, len: usize) -> bool {
    with(len, |state, input| {
        let (room, id) = (RoomId(room), id as u64);
        state.client.say(&ClientMessage::EditChat { reference, room, id, text: text(input) })
    })
}

#[unsafe(no_mangle)]
extern "C" fn delete_chat(reference: u64, room: u32, id: f64) -> bool {
    with(0, |state, _| state.client.say(&ClientMessage::DeleteChat { reference, room: RoomId(room), id: id as u64 }))
}

#[unsafe(no_mangle)]
extern "C" fn read_history(request: u32, room: u32, before: f64, count: u8) -> bool {
    with(0, |state, _| {
        let before = before as u64;
        state.client.say(&ClientMessage::ReadHistory { request, room: RoomId(room), before, count })
    })
}

/// Input: the words.
#[unsafe(no_mangle)]
extern "C" fn search_chat(request: u32, room: u32, before: f64, count: u8, len: usize) -> bool {
    with(len, |state, input| {
        let (room, before) = (RoomId(room), before as u64);
        state.client.say(&ClientMessage::SearchChat { request, room, before, count, words: text(input) })
    })
}

/// Input: a salt, 16 bytes; the password. Puts the room's key, 32 bytes, to the input.
#[unsafe(no_mangle)]
extern "C" fn room_key(len: usize) -> bool {
    with(len.max(32), |_, input| {
        let password = text(input.get(16..len).unwrap_or_default()).to_owned();
        let key = salted_password(&password, &array::<16>(input, 0), ROOM_PASSWORD_ITERATIONS);
        // The password is needed no longer here.
        input.fill(0);
        input[..32].copy_from_slice(&key);
        true
    })
}

/// Input: the room's key, 32 bytes.
#[unsafe(no_mangle)]
extern "C" fn enter(request: u32, room: u32, len: usize) -> bool {
    with(len, |state, input| {
        state.client.say(&ClientMessage::Enter { request, room: RoomId(room), key: array(input, 0) })
    })
}

/// Input: a salt, 16 bytes; the room's key, 32 bytes.
#[unsafe(no_mangle)]
extern "C" fn set_password(request: u32, room: u32, len: usize) -> bool {
    with(len, |state, input| {
        let (salt, key) = (array(input, 0), array(input, 16));
        state.client.say(&ClientMessage::SetPassword { request, room: RoomId(room), salt, key })
    })
}
