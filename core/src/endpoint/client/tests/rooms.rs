//! Rooms that are wanted, left, lost and found again; messages that come once.

use super::*;
use crate::wire::control::Refusal;

fn joined(request: u32, room: RoomId) -> ServerMessage<'static> {
    ServerMessage::Joined { request, room, name: "Lớp học", slot: Slot(0), member: 1, chat_latest: 0 }
}

/// A machine that is signed in, without a server.
fn alone(rooms: usize) -> (ClientMachine<'static>, Deeds, Instant) {
    let (mut machine, mut deeds) = (machine(rooms, 1), Deeds::default());
    let now = Instant::from_micros(1_000_000);
    machine.handle_signed_in(now, SessionId(5), "an.", &[1; 32], &mut deeds);
    (machine, deeds, now)
}

fn tell(machine: &mut ClientMachine<'static>, deeds: &mut Deeds, now: Instant, message: ServerMessage<'_>) {
    machine.handle_control(now, &message, deeds);
}

fn joins(deeds: &mut Deeds) -> Vec<u32> {
    let joins = std::mem::take(&mut deeds.controls).into_iter().filter_map(|message| match message {
        ClientMessage::JoinRoom { request, .. } => Some(request),
        _ => None,
    });
    joins.collect()
}

/// A machine that was in the room and has lost its connection and found it again.
fn back() -> (ClientMachine<'static>, Deeds, Instant, u32) {
    let (mut machine, mut deeds, now) = alone(2);
    tell(&mut machine, &mut deeds, now, joined(7, ROOM));
    machine.set_track(ROOM, TRACK, ON, &mut deeds);
    machine.handle_disconnected();
    deeds = Deeds::default();
    machine.handle_signed_in(now, SessionId(6), "an.", &[2; 32], &mut deeds);
    let request = joins(&mut deeds)[0];
    assert!(request >= OWN_REQUEST_MIN);
    (machine, deeds, now, request)
}

#[test]
fn a_wanted_room_is_joined_again_with_its_tracks() {
    let (mut machine, mut deeds, now, request) = back();
    tell(&mut machine, &mut deeds, now, joined(request, ROOM));
    assert_eq!(count(&deeds.events, "Joined { request: 0,"), 1);
    assert!(deeds.controls.contains(&ClientMessage::SetTrack { room: ROOM, track: TRACK, info: ON }));
}

#[test]
fn a_full_room_is_asked_for_again_until_it_takes_us() {
    let (mut machine, mut deeds, mut now, request) = back();
    for _ in 0..3 {
        let refused = ServerMessage::Refused { request: request.into(), reason: Refusal::RoomFull, retry_after_s: 0 };
        tell(&mut machine, &mut deeds, now, refused);
        machine.handle_timeout(now + Duration::from_millis(1900), &mut deeds);
        assert!(joins(&mut deeds).is_empty());
        now = now + Duration::from_secs(2);
        machine.handle_timeout(now, &mut deeds);
        assert_eq!(joins(&mut deeds), [request]);
    }
    assert_eq!(machine.rooms().count(), 1);
    tell(&mut machine, &mut deeds, now, joined(request, ROOM));
    machine.handle_timeout(now + Duration::from_secs(9), &mut deeds);
    assert!(joins(&mut deeds).is_empty());
}

#[test]
fn a_room_that_is_gone_is_left() {
    let (mut machine, mut deeds, now, request) = back();
    let refused = ServerMessage::Refused { request: request.into(), reason: Refusal::NoSuchRoom, retry_after_s: 0 };
    tell(&mut machine, &mut deeds, now, refused);
    assert_eq!(count(&deeds.events, "Left"), 1);
    assert_eq!(machine.rooms().count(), 0);
}

#[test]
fn a_room_that_was_left_meanwhile_does_not_come_back() {
    let (mut machine, mut deeds, now, request) = back();
    machine.leave(ROOM, &mut deeds);
    assert!(deeds.controls.contains(&ClientMessage::LeaveRoom { room: ROOM }));
    tell(&mut machine, &mut deeds, now, joined(request, ROOM));
    assert_eq!((machine.rooms().count(), count(&deeds.events, "Joined")), (0, 0));
}

#[test]
fn a_room_too_many_is_left_at_once() {
    let (mut machine, mut deeds, now) = alone(1);
    tell(&mut machine, &mut deeds, now, joined(1, ROOM));
    tell(&mut machine, &mut deeds, now, joined(2, RoomId(2)));
    assert_eq!(deeds.controls.last(), Some(&ClientMessage::LeaveRoom { room: RoomId(2) }));
    assert_eq!(count(&deeds.events, "Joined"), 1);
}

#[test]
fn what_was_refused_because_it_was_too_much_is_said_again() {
    let (mut machine, mut deeds, now, request) = back();
    tell(&mut machine, &mut deeds, now, joined(request, ROOM));
    machine.watch_lobby(true, &mut deeds);
    deeds = Deeds::default();
    let refused = ServerMessage::Refused { request: 0, reason: Refusal::TooFast, retry_after_s: 1 };
    tell(&mut machine, &mut deeds, now, refused);
    tell(&mut machine, &mut deeds, now, refused);
    machine.handle_timeout(now + Duration::from_secs(1), &mut deeds);
    let again =
        [ClientMessage::WatchLobby { is_on: true }, ClientMessage::SetTrack { room: ROOM, track: TRACK, info: ON }];
    assert!(again.iter().all(|message| deeds.controls.contains(message)), "{:?}", deeds.controls);
    deeds = Deeds::default();
    machine.handle_timeout(now + Duration::from_secs(3), &mut deeds);
    assert!(!deeds.controls.contains(&again[0]));
}

fn chat(id: u64) -> ServerMessage<'static> {
    ServerMessage::Chat { room: ROOM, id, author: "binh", display_name: "Bình", time_ms: 1, text: "Chào" }
}

#[test]
fn chat_comes_once_in_order_and_what_is_missing_is_asked_for() {
    let (mut machine, mut deeds, now) = alone(1);
    let joined = ServerMessage::Joined { request: 1, room: ROOM, name: "x", slot: Slot(0), member: 1, chat_latest: 60 };
    tell(&mut machine, &mut deeds, now, joined);
    assert_eq!(deeds.controls.last(), Some(&ClientMessage::SyncChat { room: ROOM, after: 10 }));
    for id in [13, 11, 11, 10, 12, 14, 13] {
        tell(&mut machine, &mut deeds, now, chat(id));
    }
    assert_eq!(count(&deeds.events, "Chat"), 3);
    machine.handle_timeout(now + Duration::from_secs(2), &mut deeds);
    assert_eq!(deeds.controls.last(), Some(&ClientMessage::SyncChat { room: ROOM, after: 13 }));
    tell(&mut machine, &mut deeds, now, ServerMessage::ChatFrom { room: ROOM, oldest: 60 });
    tell(&mut machine, &mut deeds, now, chat(60));
    assert_eq!(count(&deeds.events, "Chat"), 4);
}

#[test]
fn changes_come_in_one_row_with_messages() {
    let (mut machine, mut deeds, now) = alone(1);
    let joined = ServerMessage::Joined { request: 1, room: ROOM, name: "x", slot: Slot(0), member: 1, chat_latest: 0 };
    tell(&mut machine, &mut deeds, now, joined);
    let change = |id| ServerMessage::ChatChanged { room: ROOM, id, target: 1, author: "binh", time_ms: 1, text: None };
    tell(&mut machine, &mut deeds, now, chat(1));
    let now = now + Duration::from_secs(1);
    tell(&mut machine, &mut deeds, now, change(3));
    assert_eq!(deeds.controls.last(), Some(&ClientMessage::SyncChat { room: ROOM, after: 1 }), "3 came before 2");
    for message in [change(2), change(2), change(3)] {
        tell(&mut machine, &mut deeds, now, message);
    }
    assert_eq!(count(&deeds.events, "ChatChanged"), 2);
    tell(&mut machine, &mut deeds, now, chat(4));
    assert_eq!(count(&deeds.events, "Chat {"), 2);
}

#[test]
fn direct_messages_begin_where_they_were_read_unless_all_are_wanted() {
    let (mut machine, mut deeds, now) = alone(1);
    let asked = |deeds: &mut Deeds| {
        std::mem::take(&mut deeds.controls).into_iter().rev().find_map(|message| match message {
            ClientMessage::SyncDirect { after } => Some(after),
            _ => None,
        })
    };
    assert_eq!(asked(&mut deeds), Some(u64::MAX), "after the last that was read anywhere");
    tell(&mut machine, &mut deeds, now, ServerMessage::DirectFrom { oldest: 8 });
    machine.handle_disconnected();
    machine.handle_signed_in(now, SessionId(6), "an.", &[2; 32], &mut deeds);
    assert_eq!(asked(&mut deeds), Some(7), "where it stopped itself");
    machine.want_all_directs(now, &mut deeds);
    assert_eq!(asked(&mut deeds), Some(0));
    machine.handle_disconnected();
    machine.handle_signed_in(now, SessionId(7), "an.", &[3; 32], &mut deeds);
    assert_eq!(asked(&mut deeds), Some(0));
}

#[test]
fn a_direct_message_is_shown_once_however_often_it_comes() {
    let mut bench = Bench::new(&["an.", "binh"]);
    let device = |bench: &Bench, peer: usize| {
        let keys = bench.peers[peer].machine.device().keys();
        DevicePublic { seal: keys.seal, sign: keys.sign }
    };
    let (an, binh) = (device(&bench, 0), device(&bench, 1));
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    machine.send_direct(99, "binh", &binh, "Chào Bình", deeds).unwrap();
    let sealed = match deeds.controls.pop() {
        Some(ClientMessage::SendDirect { reference: 99, to: "binh", sealed }) => sealed,
        other => panic!("{other:?}"),
    };
    let direct = |id, from, device, sealed| ServerMessage::Direct { id, from, device, time_ms: 1, sealed };
    let Peer { machine, deeds, .. } = &mut bench.peers[1];
    machine.handle_control(bench.now, &direct(1, "an.", an, sealed), deeds);
    assert!(deeds.events.pop().unwrap().contains("Chào Bình"));
    // The same again, as the same message or as a new one, is not shown.
    machine.handle_control(bench.now, &direct(1, "an.", an, sealed), deeds);
    machine.handle_control(bench.now, &direct(2, "an.", an, sealed), deeds);
    assert_eq!(count(&deeds.events, "Direct"), 0);
    // In another's name, or with another's keys, it does not open.
    machine.handle_control(bench.now, &direct(3, "chi", an, sealed), deeds);
    machine.handle_control(bench.now, &direct(4, "an.", binh, sealed), deeds);
    assert_eq!(deeds.events.iter().filter(|event| event.contains("text: None")).count(), 2);
}

#[test]
fn media_of_rooms_and_people_that_we_do_not_know_is_dropped_by_name() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    let Peer { machine, .. } = &mut bench.peers[1];
    machine.room_mut(ROOM).unwrap().members = Default::default();
    bench.send_frame(0, "from nobody");
    bench.wait(1000);
    assert_eq!(bench.peers[1].machine.drops().of(DropReason::NotInRoom), 1);
    bench.peers[1].machine.remove_room(ROOM);
    bench.send_frame(0, "from nowhere");
    bench.wait(1000);
    assert_eq!(bench.peers[1].machine.drops().of(DropReason::UnknownRoom), 1);
}

#[test]
fn a_frame_is_sent_only_joined_with_datagrams_and_with_the_track_on() {
    let mut bench = Bench::new(&["an."]);
    let frame =
        |track, bytes| OutgoingFrame { track, layer: 0, timestamp: 0, level: 0, bytes, pieces: Pieces::Fragments };
    let now = bench.now;
    let try_send = |bench: &mut Bench, room, frame: &OutgoingFrame<'_>| {
        let Peer { machine, deeds, .. } = &mut bench.peers[0];
        machine.send_frame(now, room, frame, deeds)
    };
    assert_eq!(try_send(&mut bench, ROOM, &frame(TRACK, b"x")), Err(DropReason::NotInRoom));
    bench.join(0);
    assert_eq!(try_send(&mut bench, ROOM, &frame(TrackId::SCREEN, b"x")), Err(DropReason::UnknownTrack));
    assert_eq!(try_send(&mut bench, ROOM, &frame(TRACK, b"")), Err(DropReason::Length));
    assert_eq!(try_send(&mut bench, ROOM, &frame(TRACK, b"x")), Ok(1));
    let (mut unbound, mut deeds, now) = alone(1);
    tell(&mut unbound, &mut deeds, now, joined(1, ROOM));
    unbound.set_track(ROOM, TRACK, ON, &mut deeds);
    let sent = unbound.send_frame(now, ROOM, &frame(TRACK, b"x"), &mut deeds);
    assert_eq!(sent, Err(DropReason::UnvalidatedPath));
}

#[test]
fn strips_are_handed_out_one_by_one_in_any_order_each_once_and_never_put_together() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    bench.events(1);
    let strips = [0..5, 5..6, 6..11];
    let (pieces, bytes) = (Pieces::Strips(&strips), &b"first+third"[..]);
    let frame = OutgoingFrame { track: TRACK, layer: 2, timestamp: 7, level: 127, bytes, pieces };
    let (now, Peer { machine, deeds, .. }) = (bench.now, &mut bench.peers[0]);
    assert_eq!(machine.send_frame(now, ROOM, &frame, deeds), Ok(3));
    assert_eq!(machine.send_frame(now, ROOM, &frame, deeds), Ok(3));
    // The last frame first, and one of its strips never.
    deeds.datagrams.reverse();
    deeds.datagrams.remove(1);
    bench.settle();
    let events = bench.events(1);
    let seen: Vec<_> = events.iter().filter(|event| event.starts_with("Strip")).collect();
    assert_eq!((seen.len(), events.len()), (5, 5));
    let third = format!("{:?}", b"third");
    assert!(seen[0].contains("frame: 1,") && seen[0].contains("index: 2, count: 3") && seen[0].contains(&third));
    assert!(seen[..2].iter().all(|event| event.contains("layer: 2") && event.contains("is_newest: true")));
    assert!(seen[2..].iter().all(|event| event.contains("frame: 0,") && event.contains("is_newest: false")));
    let (_, stats) = bench.peers[1].machine.reassembler().tracks().next().unwrap();
    assert_eq!((stats.frames_complete, stats.frames_lost), (1, 0));
}

#[test]
fn strips_out_of_bounds_are_refused_before_any_is_sent() {
    let mut bench = Bench::new(&["an."]);
    bench.join(0);
    let long = vec![1; FRAGMENT_PAYLOAD_MAX_BYTES + 1];
    let many = vec![0..1; crate::limits::FRAGMENTS_MAX + 1];
    let now = bench.now;
    let mut try_send = |layer, strips: &[core::ops::Range<usize>]| {
        let pieces = Pieces::Strips(strips);
        let frame = OutgoingFrame { track: TRACK, layer, timestamp: 0, level: 127, bytes: &long, pieces };
        let Peer { machine, deeds, .. } = &mut bench.peers[0];
        let sent = machine.send_frame(now, ROOM, &frame, deeds);
        assert_eq!(core::mem::take(&mut deeds.datagrams).len(), usize::from(sent.unwrap_or(0)));
        sent
    };
    let (whole, beyond) = (0..long.len(), long.len()..long.len() + 1);
    for strips in [&[][..], &many, &[0..1, whole], &[0..1, 5..5], &[0..1, beyond]] {
        assert_eq!(try_send(0, strips), Err(DropReason::Length));
    }
    assert_eq!(try_send(4, &many[..1]), Err(DropReason::UnknownTrack));
    assert_eq!(try_send(3, &many[1..]), Ok(256));
}

#[test]
fn packets_and_frames_are_numbered_in_each_layer_by_itself() {
    let mut bench = Bench::new(&["an."]);
    bench.join(0);
    let long = vec![1; 2 * FRAGMENT_PAYLOAD_MAX_BYTES];
    for layer in [0, 1, 0] {
        let (now, Peer { machine, deeds, .. }) = (bench.now, &mut bench.peers[0]);
        let pieces = Pieces::Fragments;
        let frame = OutgoingFrame { track: TRACK, layer, timestamp: 0, level: 127, bytes: &long, pieces };
        assert_eq!(machine.send_frame(now, ROOM, &frame, deeds), Ok(2));
        bench.settle();
    }
    let headers = bench.peers[0].sent.iter().map(|packet| crate::wire::media::MediaHeader::parse(packet).unwrap());
    let numbers: Vec<_> = headers.map(|header| (header.layer, header.frame, header.seq)).collect();
    assert_eq!(numbers, [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (0, 1, 2), (0, 1, 3)]);
}
