//! Who comes in, who says a password first, who waits, and what only hosts share.

use super::*;
use crate::id::TrackId;
use crate::limits::WRONG_PASSWORDS_MAX;
use crate::wire::control::{Act, Codec, TrackInfo};

const JOIN: ClientMessage<'static> = ClientMessage::JoinRoom { request: 3, room: ROOM };
const KEY: [u8; 32] = [5; 32];

/// A room of `an.`, who is there.
fn room() -> (Bench, SessionId) {
    let mut bench = Bench::new(SIZE);
    bench.machine.set_staff(ROOM, "an.", ["chi"].into_iter(), std::iter::empty());
    let an = bench.join("an.").id;
    bench.deeds = Deeds::default();
    (bench, an)
}

fn act(act: Act, whom: &'static str) -> ClientMessage<'static> {
    ClientMessage::Moderate { request: 9, room: ROOM, act, whom }
}

fn knock(username: &'static str, is_waiting: bool) -> ServerMessage<'static> {
    ServerMessage::Knock { room: ROOM, username, display_name: username, is_waiting }
}

fn waits(request: u32) -> ServerMessage<'static> {
    ServerMessage::Waiting { request, room: ROOM, name: "Lớp học" }
}

fn is_joined(heard: &[ServerMessage<'_>], wanted: u32) -> bool {
    heard.iter().any(|message| matches!(message, ServerMessage::Joined { request, .. } if *request == wanted))
}

#[test]
fn whoever_knocks_waits_until_a_host_lets_them_in() {
    let (mut bench, an) = room();
    bench.say(an, &act(Act::WaitingRoom, ""));
    let rules = ServerMessage::Rules { room: ROOM, has_waiting_room: true, has_password: false, hosts_share: false };
    assert_eq!(bench.heard(an), [rules]);
    let binh = bench.sign_in("binh").id;
    bench.say(binh, &JOIN);
    assert_eq!((bench.heard(binh), bench.heard(an)), (vec![waits(3)], vec![knock("binh", true)]));
    bench.say(binh, &ClientMessage::JoinRoom { request: 4, room: ROOM });
    assert_eq!((bench.heard(binh), bench.heard(an)), (vec![waits(4)], vec![]), "hosts are told once");
    assert!(!bench.machine.is_in_room(binh, ROOM));
    let chi = bench.sign_in("chi").id;
    bench.say(chi, &JOIN);
    assert!(bench.heard(chi).contains(&knock("binh", true)), "a host who comes later is told too");
    bench.say(chi, &act(Act::Admit, "binh"));
    assert!(is_joined(&bench.heard(binh), 4));
    assert_eq!(bench.heard(an), [knock("binh", false)]);
    let again = bench.sign_in("binh").id;
    bench.say(again, &JOIN);
    assert!(is_joined(&bench.heard(again), 3), "whoever lost the connection does not wait again");
    bench.say(again, &ClientMessage::LeaveRoom { room: ROOM });
    bench.say(again, &JOIN);
    assert!(bench.heard(again).contains(&waits(3)), "whoever went does");
}

#[test]
fn whoever_is_turned_away_goes_or_is_not_there_any_more_waits_no_longer() {
    let (mut bench, an) = room();
    bench.say(an, &act(Act::WaitingRoom, ""));
    let names = ["binh", "dung", "em."];
    let here = names.map(|name| bench.sign_in(name).id);
    for id in here {
        bench.say(id, &JOIN);
    }
    bench.deeds = Deeds::default();
    bench.say(an, &act(Act::TurnAway, "binh"));
    let refused = ServerMessage::Refused { request: 3, reason: Refusal::TurnedAway, retry_after_s: 0 };
    assert_eq!(bench.heard(here[0]), [refused]);
    bench.say(here[1], &ClientMessage::LeaveRoom { room: ROOM });
    assert_eq!(bench.heard(here[1]), [], "who was not in does not go");
    bench.say(here[2], &ClientMessage::SignOut);
    assert_eq!(bench.heard(an), names.map(|name| knock(name, false)));
    for name in names {
        assert_eq!(bench.refusal(an, &act(Act::Admit, name)), Some(Refusal::NoSuchPerson), "{name}");
    }
    bench.say(here[0], &JOIN);
    assert_eq!(bench.heard(here[0]), [waits(3)], "one may knock again");
    bench.say(an, &act(Act::NoWaitingRoom, ""));
    assert!(is_joined(&bench.heard(here[0]), 3), "and the door opens for those who wait");
}

#[test]
fn a_password_is_wanted_from_all_but_hosts_and_guessed_only_so_often() {
    let (mut bench, an) = room();
    bench.say(an, &ClientMessage::SetPassword { request: 9, room: ROOM, salt: [4; 16], key: KEY });
    let chi = bench.sign_in("chi").id;
    bench.say(chi, &JOIN);
    assert!(is_joined(&bench.heard(chi), 3), "hosts need none");
    let binh = bench.sign_in("binh").id;
    bench.say(binh, &JOIN);
    assert_eq!(bench.heard(binh), [ServerMessage::PasswordWanted { request: 3, room: ROOM, salt: [4; 16] }]);
    let enter = |key| ClientMessage::Enter { request: 6, room: ROOM, key };
    assert_eq!(bench.refusal(binh, &enter([6; 32])), Some(Refusal::WrongPassword));
    bench.say(binh, &enter(KEY));
    assert!(is_joined(&bench.heard(binh), 6));
    let dung = bench.sign_in("dung").id;
    for _ in 0..WRONG_PASSWORDS_MAX {
        assert_eq!(bench.refusal(dung, &enter([6; 32])), Some(Refusal::WrongPassword));
    }
    assert_eq!(bench.refusal(dung, &enter(KEY)), Some(Refusal::TooFast), "nor is it told that this one was right");
    bench.say(an, &act(Act::NoPassword, ""));
    bench.say(dung, &JOIN);
    assert!(is_joined(&bench.heard(dung), 3));
}

#[test]
fn a_password_is_said_before_one_waits() {
    let (mut bench, an) = room();
    bench.say(an, &ClientMessage::SetPassword { request: 9, room: ROOM, salt: [4; 16], key: KEY });
    bench.say(an, &act(Act::WaitingRoom, ""));
    bench.heard(an);
    let binh = bench.sign_in("binh").id;
    bench.say(binh, &JOIN);
    assert_eq!(bench.heard(an), [], "who does not know it does not ring");
    bench.say(binh, &ClientMessage::Enter { request: 6, room: ROOM, key: KEY });
    assert!(bench.heard(binh).contains(&waits(6)));
    bench.say(an, &act(Act::Admit, "binh"));
    assert!(is_joined(&bench.heard(binh), 6));
}

#[test]
fn only_hosts_share_where_that_is_said_and_what_is_shared_ends() {
    let (mut bench, an) = room();
    let [chi, binh] = ["chi", "binh"].map(|name| bench.join(name).id);
    let info = TrackInfo { is_on: true, codec: Codec::Strips, width: 64, height: 64 };
    let share = |track| ClientMessage::SetTrack { room: ROOM, track, info };
    assert_eq!(bench.refusal(binh, &share(TrackId::SCREEN)), None);
    bench.say(an, &act(Act::HostsShare, ""));
    let stopped = ServerMessage::Muted { room: ROOM, tracks: 1 << TrackId::SCREEN.0, by: "an." };
    assert!(bench.heard(binh).contains(&stopped));
    bench.say(binh, &share(TrackId::SCREEN));
    let refused = ServerMessage::Refused { request: 0, reason: Refusal::Forbidden, retry_after_s: 0 };
    assert_eq!(bench.heard(binh), [stopped, refused]);
    assert_eq!(bench.refusal(binh, &share(TrackId::SCREEN_SOUND)), Some(Refusal::Forbidden));
    assert_eq!(bench.refusal(binh, &share(TrackId::CAMERA)), None, "a camera is no screen");
    assert_eq!(bench.refusal(chi, &share(TrackId::SCREEN)), None);
    bench.say(an, &act(Act::AllShare, ""));
    assert_eq!(bench.refusal(binh, &share(TrackId::SCREEN)), None);
}

#[test]
fn names_of_those_who_never_come_back_leave_place_for_others() {
    let (mut bench, an) = room();
    for number in 0..2 * crate::limits::ROOM_PARTICIPANTS_MAX {
        let name = format!("user{number}");
        let id = bench.join(&name).id;
        bench.machine.close_session(id, SignOutReason::Idle, &mut bench.deeds);
    }
    bench.say(an, &act(Act::WaitingRoom, ""));
    let back = bench.sign_in("an.").id;
    bench.say(back, &JOIN);
    assert!(is_joined(&bench.heard(back), 3));
}
