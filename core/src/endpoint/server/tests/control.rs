//! Sessions, rooms, limits and stored messages.

use super::*;
use crate::endpoint::server::StoredChat;
use crate::limits::{ROOM_PARTICIPANTS_MAX, SESSION_ROOMS_MAX};

#[test]
fn a_second_sign_in_of_the_same_person_ends_the_first() {
    let mut bench = Bench::new(SIZE);
    let first = bench.join("an.").id;
    let binh = bench.join("binh").id;
    bench.tell();
    bench.deeds.controls.clear();
    let second = bench.sign_in("an.").id;
    assert_eq!(bench.heard(first), [ServerMessage::SignedOut { reason: SignOutReason::SignedInElsewhere }]);
    assert_eq!(bench.events().len(), 1);
    assert_eq!(bench.machine.session_of("an."), Some(second));
    assert!(!bench.machine.is_in_room(second, ROOM));
    bench.tell();
    assert!(matches!(bench.heard(binh).as_slice(), [ServerMessage::ParticipantGone { .. }]));
    bench.say(first, &ClientMessage::KeepAlive);
    assert!(bench.heard(first).is_empty(), "a session that is over is not listened to");
}

#[test]
fn a_full_server_takes_nobody_but_who_is_there_already() {
    let mut bench = Bench::new(Size { sessions: 2, ..SIZE });
    bench.sign_in("an.");
    bench.sign_in("binh");
    assert_eq!(bench.try_sign_in("chi").err(), Some(Refusal::ServerFull));
    bench.sign_in("binh");
    assert_eq!(bench.machine.sessions().count(), 2);
}

#[test]
fn a_session_that_is_not_heard_for_long_ends() {
    let mut bench = Bench::new(SIZE);
    let (quiet, alive) = (bench.join("an.").id, bench.sign_in("binh").id);
    bench.wait(Duration::from_secs(40));
    bench.say(alive, &ClientMessage::KeepAlive);
    bench.machine.handle_timeout(bench.now, &mut bench.deeds);
    assert_eq!(bench.machine.sessions().count(), 2);
    bench.wait(Duration::from_secs(6));
    bench.machine.handle_timeout(bench.now, &mut bench.deeds);
    assert_eq!(bench.heard(quiet), [ServerMessage::SignedOut { reason: SignOutReason::Idle }]);
    assert_eq!(bench.machine.sessions().collect::<Vec<_>>(), [alive]);
}

#[test]
fn a_session_lives_by_its_control_messages_and_its_address_by_its_datagrams() {
    let mut bench = Bench::new(SIZE);
    let mut an = bench.join_with_address("an.");
    for _ in 0..5 {
        bench.wait(Duration::from_secs(20));
        bench.say(an.id, &ClientMessage::KeepAlive);
        bench.machine.handle_timeout(bench.now, &mut bench.deeds);
        let ping = an.seal(bench.now, Kind::Ping, &[0; 16]);
        assert_eq!(bench.hand_in(an.address, &ping), Err(DropReason::UnvalidatedPath), "silent for too long");
    }
    assert_eq!(bench.machine.sessions().count(), 1);
    for _ in 0..10 {
        bench.wait(Duration::from_secs(5));
        let _ = bench.hand_in(an.address, &an.seal(bench.now, Kind::Ping, &[0; 16]));
        bench.machine.handle_timeout(bench.now, &mut bench.deeds);
    }
    assert_eq!(bench.machine.sessions().count(), 0, "datagrams alone do not keep it");
}

#[test]
fn the_33rd_in_a_room_is_refused() {
    let mut bench = Bench::new(Size { sessions: ROOM_PARTICIPANTS_MAX + 1, ..SIZE });
    for number in 0..ROOM_PARTICIPANTS_MAX {
        bench.join(&format!("user-{number}"));
    }
    let late = bench.sign_in("late").id;
    let join = ClientMessage::JoinRoom { request: 3, room: ROOM };
    assert_eq!(bench.refusal(late, &join), Some(Refusal::RoomFull));
    let first = bench.machine.session_of("user-0").unwrap();
    bench.say(first, &ClientMessage::LeaveRoom { room: ROOM });
    assert_eq!(bench.refusal(late, &join), None);
}

#[test]
fn a_session_is_in_so_many_rooms_at_most() {
    let mut bench = Bench::new(Size { rooms: SESSION_ROOMS_MAX + 1, ..SIZE });
    let an = bench.sign_in("an.").id;
    for room in 1..=SESSION_ROOMS_MAX as u32 + 1 {
        bench.machine.add_room(RoomId(room), &format!("room {room}"), 0).unwrap();
        let refusal = bench.refusal(an, &ClientMessage::JoinRoom { request: 1, room: RoomId(room) });
        assert_eq!(refusal, (room > SESSION_ROOMS_MAX as u32).then_some(Refusal::TooManyRooms));
    }
}

#[test]
fn a_room_by_name_is_opened_by_the_driver() {
    let mut bench = Bench::new(SIZE);
    let an = bench.sign_in("an.").id;
    bench.say(an, &ClientMessage::JoinNamed { request: 5, name: "Toán", may_create: true });
    assert!(bench.events()[0].contains("JoinOrCreate"));
    bench.machine.room_opened(an, 5, (RoomId(7), "Toán", 0), OpenRoom::JoinOrCreate, &mut bench.deeds);
    assert!(matches!(bench.heard(an).as_slice(), [ServerMessage::Joined { request: 5, room: RoomId(7), .. }]));
    bench.machine.room_opened(an, 6, (RoomId(7), "Toán", 0), OpenRoom::Create, &mut bench.deeds);
    assert_eq!(bench.heard(an), [ServerMessage::RoomCreated { request: 6, room: RoomId(7) }]);
    bench.machine.room_opened(an, 8, (RoomId(8), "Lý", 0), OpenRoom::Create, &mut bench.deeds);
    let full = ServerMessage::Refused { request: 8, reason: Refusal::RoomsFull, retry_after_s: 0 };
    assert_eq!(bench.heard(an), [full]);
}

#[test]
fn what_the_driver_answers_after_the_end_of_a_session_is_dropped() {
    let mut bench = Bench::new(SIZE);
    let an = bench.sign_in("an.").id;
    bench.machine.close_session(an, SignOutReason::Asked, &mut bench.deeds);
    bench.deeds.controls.clear();
    for how in [OpenRoom::Create, OpenRoom::Join, OpenRoom::JoinOrCreate] {
        bench.machine.room_opened(an, 5, (ROOM, "Lớp học", 0), how, &mut bench.deeds);
    }
    bench.machine.refuse(an, 5, Refusal::Storage, &mut bench.deeds);
    bench.machine.chat_stored(an, &chat(8, true), &mut bench.deeds);
    bench.machine.close_session(an, SignOutReason::Asked, &mut bench.deeds);
    assert!(bench.deeds.controls.is_empty());
    assert_eq!(bench.events().len(), 1, "closed once");
}

fn chat(id: u64, is_new: bool) -> StoredChat<'static> {
    let (author, display_name, text) = ("an.", "An", "Chào");
    StoredChat { reference: 99, room: ROOM, id, author, display_name, time_ms: 3, text, is_new }
}

#[test]
fn a_stored_message_is_acknowledged_always_and_shown_once() {
    let mut bench = Bench::new(SIZE);
    let (an, binh, elsewhere) = (bench.join("an.").id, bench.join("binh").id, bench.sign_in("chi").id);
    bench.say(an, &ClientMessage::SendChat { reference: 99, room: ROOM, text: "Chào" });
    assert!(bench.events()[0].starts_with("StoreChat"));
    for is_new in [true, false] {
        bench.machine.chat_stored(an, &chat(8, is_new), &mut bench.deeds);
        let stored = ServerMessage::ChatStored { reference: 99, room: ROOM, id: 8, time_ms: 3 };
        assert!(bench.heard(an).contains(&stored));
        assert_eq!(bench.heard(binh).len(), usize::from(is_new));
        assert!(bench.heard(elsewhere).is_empty());
    }
    bench.machine.close_session(an, SignOutReason::Asked, &mut bench.deeds);
    bench.say(elsewhere, &ClientMessage::JoinRoom { request: 1, room: ROOM });
    let heard = bench.heard(elsewhere);
    assert!(matches!(heard.as_slice(), [ServerMessage::Joined { chat_latest: 8, .. }]), "{heard:?}");
}

#[test]
fn a_direct_message_is_acknowledged_and_pushed_to_who_is_here() {
    let mut bench = Bench::new(SIZE);
    let (an, binh) = (bench.sign_in("an.").id, bench.sign_in("binh").id);
    let device = DevicePublic::default();
    let message = ServerMessage::Direct { id: 4, from: "an.", device, time_ms: 5, sealed: &[1; 200] };
    for is_new in [true, false] {
        bench.machine.direct_stored(an, 77, "binh", &message, is_new, &mut bench.deeds);
        assert_eq!(bench.heard(an), [ServerMessage::DirectStored { reference: 77, id: 4, time_ms: 5 }]);
        assert_eq!(bench.heard(binh).len(), usize::from(is_new));
    }
    bench.machine.direct_stored(an, 78, "nobody", &message, true, &mut bench.deeds);
    assert_eq!(bench.heard(an).len(), 1);
}

#[test]
fn who_says_too_much_is_told_so_but_may_always_leave() {
    let limits = RateLimits { chats: (1, 2), controls: (10, 10), ..SIZE.limits };
    let mut bench = Bench::new(Size { limits, ..SIZE });
    let an = bench.join("an.").id;
    let chat = |reference| ClientMessage::SendChat { reference, room: ROOM, text: "!" };
    assert_eq!((bench.refusal(an, &chat(1)), bench.refusal(an, &chat(2))), (None, None));
    bench.say(an, &chat(3));
    let refused = ServerMessage::Refused { request: 3, reason: Refusal::TooFast, retry_after_s: 1 };
    assert_eq!(bench.heard(an), [refused]);
    for _ in 0..20 {
        bench.say(an, &ClientMessage::KeepAlive);
    }
    assert_eq!(bench.refusal(an, &ClientMessage::KeepAlive), Some(Refusal::TooFast));
    assert_eq!(bench.refusal(an, &ClientMessage::LeaveRoom { room: ROOM }), None);
    assert!(!bench.machine.is_in_room(an, ROOM));
    bench.say(an, &ClientMessage::SignOut);
    assert_eq!(bench.machine.sessions().count(), 0);
}

#[test]
fn the_machine_wants_to_be_woken_only_while_somebody_is_there_and_never_in_the_past() {
    let mut bench = Bench::new(SIZE);
    assert_eq!(bench.machine.poll_timeout(), Instant::NEVER);
    bench.sign_in("an.");
    for _ in 0..10 {
        bench.now = bench.machine.poll_timeout();
        bench.machine.handle_timeout(bench.now, &mut bench.deeds);
        assert!(bench.machine.poll_timeout() > bench.now);
    }
}
