//! Invitations, and the devices of an account.

use hph_core::id::RoomId;
use hph_core::wire::control::{AccountAsk, ClientMessage};

use super::{State, array, text, with};

fn ask(state: &mut State, ask: AccountAsk<'_>) -> bool {
    state.client.say(&ClientMessage::Account(ask))
}

/// Input: the secret of an invitation, or its digits; nothing: none.
#[unsafe(no_mangle)]
extern "C" fn set_ticket(len: usize) {
    with(len, |state, input| state.client.set_ticket(text(input)));
}

#[unsafe(no_mangle)]
extern "C" fn invite(request: u32, room: u32, uses: u16, valid_s: u32, may_register: bool) -> bool {
    let room = RoomId(room);
    with(0, |state, _| ask(state, AccountAsk::Invite { request, room, uses, valid_s, may_register }))
}

#[unsafe(no_mangle)]
extern "C" fn list_invitations(request: u32, room: u32) -> bool {
    with(0, |state, _| ask(state, AccountAsk::ListInvitations { request, room: RoomId(room) }))
}

#[unsafe(no_mangle)]
extern "C" fn withdraw(request: u32, room: u32, id: u64) -> bool {
    with(0, |state, _| ask(state, AccountAsk::Withdraw { request, room: RoomId(room), id }))
}

#[unsafe(no_mangle)]
extern "C" fn list_devices(request: u32) -> bool {
    with(0, |state, _| ask(state, AccountAsk::ListDevices { request }))
}

/// Input: its Ed25519 key, 32 bytes.
#[unsafe(no_mangle)]
extern "C" fn revoke_device(request: u32, len: usize) -> bool {
    with(len, |state, input| ask(state, AccountAsk::RevokeDevice { request, sign: array(input, 0) }))
}
