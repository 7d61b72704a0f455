//! Being sent from one room to another.

use super::*;
use crate::wire::control::{LeaveReason, Refusal, RoomTold};

const BREAKOUT: RoomId = RoomId(7);

fn alone() -> (ClientMachine<'static>, Deeds, Instant) {
    let (mut machine, mut deeds) = (machine(2, 1), Deeds::default());
    let now = Instant::from_micros(1_000_000);
    machine.handle_signed_in(now, SessionId(5), "an.", &[1; 32], &mut deeds);
    machine.handle_control(now, &joined(3, ROOM), &mut deeds);
    machine.set_track(ROOM, TRACK, ON, &mut deeds);
    (machine, Deeds::default(), now)
}

fn joined(request: u32, room: RoomId) -> ServerMessage<'static> {
    ServerMessage::Joined { request, room, name: "Nhóm 1", slot: Slot(0), member: 1, chat_latest: 0 }
}

fn moved(room: RoomId, to: RoomId, number: u8) -> ServerMessage<'static> {
    ServerMessage::InRoom(RoomTold::Moved { room, to, parent: ROOM, number, name: "Nhóm 1" })
}

/// What it says of rooms, and the number of its request.
fn said(deeds: &mut Deeds) -> (Vec<ClientMessage<'static>>, u32) {
    let said = std::mem::take(&mut deeds.controls);
    let request = said.iter().find_map(|message| match message {
        ClientMessage::JoinRoom { request, .. } => Some(*request),
        _ => None,
    });
    let about = |message: &ClientMessage<'_>| {
        matches!(message, ClientMessage::JoinRoom { .. } | ClientMessage::LeaveRoom { .. })
    };
    (said.into_iter().filter(about).collect(), request.unwrap_or_default())
}

#[test]
fn whoever_is_sent_leaves_first_and_then_joins_and_nothing_of_theirs_is_on_there() {
    let (mut machine, mut deeds, now) = alone();
    machine.handle_control(now, &moved(ROOM, BREAKOUT, 1), &mut deeds);
    let (messages, request) = said(&mut deeds);
    let expected = [ClientMessage::LeaveRoom { room: ROOM }, ClientMessage::JoinRoom { request, room: BREAKOUT }];
    assert_eq!(messages, expected);
    assert_eq!(machine.rooms().collect::<Vec<_>>(), [BREAKOUT]);
    assert_eq!(count(&deeds.events, "Moved { from: RoomId(1), to: RoomId(7)"), 1);
    machine.handle_control(now, &ServerMessage::Left { room: ROOM, reason: LeaveReason::Asked }, &mut deeds);
    machine.handle_control(now, &joined(request, BREAKOUT), &mut deeds);
    assert!(machine.is_joined(BREAKOUT) && !machine.is_joined(ROOM));
    let is_track = |message: &ClientMessage<'_>| matches!(message, ClientMessage::SetTrack { .. });
    assert!(!deeds.controls.iter().any(is_track), "the frontend says what is on");
}

#[test]
fn a_room_that_we_are_not_in_sends_us_nowhere() {
    let (mut machine, mut deeds, now) = alone();
    machine.handle_control(now, &moved(RoomId(9), BREAKOUT, 1), &mut deeds);
    assert!(said(&mut deeds).0.is_empty() && deeds.events.is_empty());
    assert!(machine.is_joined(ROOM));
}

#[test]
fn a_breakout_room_that_is_gone_after_a_lost_connection_leads_back() {
    for reason in [Refusal::NoSuchRoom, Refusal::Forbidden] {
        let (mut machine, mut deeds, now) = alone();
        machine.handle_control(now, &moved(ROOM, BREAKOUT, 1), &mut deeds);
        let (_, request) = said(&mut deeds);
        machine.handle_control(now, &joined(request, BREAKOUT), &mut deeds);
        machine.handle_disconnected();
        machine.handle_signed_in(now, SessionId(6), "an.", &[2; 32], &mut deeds);
        let (messages, request) = said(&mut deeds);
        assert_eq!(messages, [ClientMessage::JoinRoom { request, room: BREAKOUT }]);
        let refused = ServerMessage::Refused { request: request.into(), reason, retry_after_s: 0 };
        machine.handle_control(now, &refused, &mut deeds);
        let (messages, request) = said(&mut deeds);
        assert_eq!(messages, [ClientMessage::JoinRoom { request, room: ROOM }], "{reason:?}");
        machine.handle_control(now, &joined(request, ROOM), &mut deeds);
        assert!(machine.is_joined(ROOM));
        // From there nothing leads on.
        machine.handle_disconnected();
        machine.handle_signed_in(now, SessionId(7), "an.", &[3; 32], &mut deeds);
        let (_, request) = said(&mut deeds);
        let refused = ServerMessage::Refused { request: request.into(), reason, retry_after_s: 0 };
        machine.handle_control(now, &refused, &mut deeds);
        assert!(said(&mut deeds).0.is_empty());
    }
}
