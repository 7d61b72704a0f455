//! Who may do what to whom in a room: every act, by every role, to every role.

use super::datagram::{header, media};
use super::*;
use crate::id::TrackId;
use crate::room::rights::{Deed, To};
use crate::room::roles::{Role, Rules};
use crate::wire::control::{Act, Codec, LeaveReason, RoomAsk, TrackInfo};

const ON: TrackInfo = TrackInfo { is_on: true, codec: Codec::Opus, width: 0, height: 0 };
/// One of each role who does something ...
const ACTORS: [(&str, Role); 4] =
    [("guest-aaaaaaaa", Role::Guest), ("binh", Role::Member), ("chi", Role::Host), ("an.", Role::Owner)];
/// ... and to whom it is done.
const OTHERS: [(&str, Role); 4] =
    [("guest-bbbbbbbb", Role::Guest), ("dung", Role::Member), ("em.", Role::Host), ("an.", Role::Owner)];

/// The rule, in other words than those of the code.
fn may(actor: Role, act: Act, other: Role) -> bool {
    use Role::{Guest, Host, Member, Owner};
    match act {
        Act::MakeHost | Act::UnmakeHost => actor == Owner && other != Owner,
        Act::Lock | Act::Unlock | Act::MuteAll | Act::End => matches!(actor, Host | Owner),
        Act::WaitingRoom | Act::NoWaitingRoom | Act::HostsShare | Act::AllShare => matches!(actor, Host | Owner),
        Act::Password | Act::NoPassword => matches!(actor, Host | Owner),
        Act::OpenBreakout | Act::Spread | Act::TellBreakouts | Act::EndBreakouts => matches!(actor, Host | Owner),
        // Hosts also move themselves.
        Act::Move if (actor, other) == (Owner, Owner) => true,
        Act::Mute
        | Act::StopVideo
        | Act::AskUnmute
        | Act::LowerHand
        | Act::Remove
        | Act::Ban
        | Act::Unban
        | Act::Move => {
            matches!((actor, other), (Owner, Guest | Member | Host) | (Host, Guest | Member))
        }
        // Hosts never wait, so nobody lets them in.
        Act::Admit | Act::TurnAway => matches!(actor, Host | Owner) && matches!(other, Guest | Member),
    }
}

/// A room of `an.` with two hosts, where everybody is whose name is given.
fn room(names: &[&str]) -> (Bench, Vec<Raw>) {
    let mut bench = Bench::new(SIZE);
    bench.machine.set_staff(ROOM, "an.", ["chi", "em."].into_iter(), std::iter::empty());
    bench.machine.set_staff(ROOM, "binh", ["binh"].into_iter(), std::iter::empty());
    let here = names.iter().map(|name| bench.join_with_address(name)).collect();
    bench.tell();
    bench.deeds = Deeds::default();
    (bench, here)
}

fn moderate(act: Act, whom: &'static str) -> ClientMessage<'static> {
    let (request, room) = (9, ROOM);
    match act {
        Act::Password => return ClientMessage::SetPassword { request, room, salt: [1; 16], key: [2; 32] },
        Act::OpenBreakout => return ClientMessage::InRoom(RoomAsk::OpenBreakout { request, room, name: "A" }),
        Act::Spread => return ClientMessage::InRoom(RoomAsk::Spread { request, room }),
        Act::Move => return ClientMessage::InRoom(RoomAsk::Move { request, room, whom, number: 1 }),
        Act::TellBreakouts => return ClientMessage::InRoom(RoomAsk::TellBreakouts { request, room, text: "x" }),
        Act::EndBreakouts => return ClientMessage::InRoom(RoomAsk::EndBreakouts { request, room, after_s: 60 }),
        _ => {}
    }
    ClientMessage::Moderate { request: 9, room: ROOM, act, whom: if act.has_target() { whom } else { "" } }
}

/// Somebody waits to be let in; the room is left as it was found.
fn wait_at_the_door(bench: &mut Bench, name: &str) {
    let rules = Rules { has_waiting_room: true, ..Rules::default() };
    bench.machine.set_rules(ROOM, rules);
    let who = bench.sign_in(name).id;
    bench.say(who, &ClientMessage::JoinRoom { request: 5, room: ROOM });
    bench.machine.set_rules(ROOM, Rules::default());
    bench.tell();
    bench.deeds = Deeds::default();
}

/// The room has a breakout room.
fn split(bench: &mut Bench) {
    let nobody = (SessionId(u32::MAX), 0);
    bench.machine.breakout_opened(nobody, ROOM, (RoomId(11), "A"), "an.", &mut bench.deeds);
    bench.deeds = Deeds::default();
}

#[test]
fn every_act_by_every_role_to_every_role_is_done_or_refused_as_the_rules_say() {
    for (actor, role) in ACTORS {
        for (other, other_role) in OTHERS {
            for act in Act::ALL {
                let knocks = matches!(act, Act::Admit | Act::TurnAway);
                let names = if actor == other || knocks { vec![actor] } else { vec![actor, other] };
                let (mut bench, here) = room(&names);
                if knocks && actor != other {
                    wait_at_the_door(&mut bench, other);
                }
                if matches!(act, Act::Spread | Act::Move | Act::TellBreakouts | Act::EndBreakouts) {
                    split(&mut bench);
                }
                bench.say(here[0].id, &moderate(act, other));
                let to = if actor == other { To::Oneself } else { To::Other(other_role) };
                let what = format!("{act:?} by {role:?} to {other_role:?}");
                let by_table = Deed::Act(act).may(role, if act.has_target() { to } else { To::Nobody });
                // The owner may let in a host, but never finds one at the door.
                if !(knocks && other_role.is_host()) {
                    assert_eq!(by_table, may(role, act, other_role), "{what}, by the table");
                }
                if may(role, act, other_role) {
                    let events = bench.events();
                    let name = match act {
                        Act::Password => "PasswordSet",
                        Act::OpenBreakout => "OpenBreakout",
                        _ => "Moderated",
                    };
                    assert!(events.len() == 1 && events[0].starts_with(name), "{what}: {events:?}");
                    let refused = |message: &(_, ServerMessage<'_>)| matches!(message.1, ServerMessage::Refused { reason, .. } if reason != Refusal::TurnedAway);
                    assert!(!bench.deeds.controls.iter().any(refused), "{what}");
                } else {
                    // Hosts are in at once, and nobody finds them at the door.
                    let is_missed = knocks && role > other_role && role >= Role::Host;
                    let reason = if is_missed { Refusal::NoSuchPerson } else { Refusal::Forbidden };
                    let refused = ServerMessage::Refused { request: 9, reason, retry_after_s: 0 };
                    assert_eq!(bench.heard(here[0].id), [refused], "{what}");
                    bench.tell();
                    assert!(bench.deeds.controls.is_empty() && bench.events().is_empty(), "{what} did something");
                    assert!(here.iter().all(|raw| bench.machine.is_in_room(raw.id, ROOM)), "{what}");
                }
            }
        }
    }
}

#[test]
fn nothing_is_done_from_outside_or_to_somebody_who_is_not_there() {
    let (mut bench, here) = room(&["an."]);
    let chi = bench.sign_in("chi").id;
    bench.sign_in("binh");
    for act in Act::ALL {
        assert_eq!(bench.refusal(chi, &moderate(act, "binh")), Some(Refusal::NotInRoom), "{act:?}");
        let refusal = bench.refusal(here[0].id, &moderate(act, "nobody"));
        let needs_somebody = act.is_about_somebody_here() || matches!(act, Act::Admit | Act::TurnAway);
        // There are no breakout rooms.
        let is_early = matches!(act, Act::Spread | Act::Move | Act::TellBreakouts | Act::EndBreakouts);
        let expected =
            if is_early { Some(Refusal::OutOfOrder) } else { needs_somebody.then_some(Refusal::NoSuchPerson) };
        assert_eq!(refusal, expected, "{act:?}");
        // The room may be empty now, and so much at once nobody may say.
        bench.wait(Duration::from_secs(1));
        bench.say(here[0].id, &ClientMessage::JoinRoom { request: 1, room: ROOM });
    }
}

#[test]
fn what_comes_of_a_muted_microphone_is_not_passed_on_until_its_owner_unmutes() {
    let (mut bench, mut here) = room(&["an.", "binh"]);
    let (microphone, camera) = (TrackId::MICROPHONE, TrackId::CAMERA);
    let set = |track, info| ClientMessage::SetTrack { room: ROOM, track, info };
    bench.say(here[1].id, &set(microphone, ON));
    bench.say(here[1].id, &set(camera, TrackInfo { width: 64, height: 64, codec: Codec::Jpeg, ..ON }));
    let send = |bench: &mut Bench, raw: &mut Raw, track| {
        let packet = media(raw, bench.now, &header(ROOM, raw.slot, track));
        let result = bench.hand_in(raw.address, &packet);
        (result, bench.datagrams().len())
    };
    bench.datagrams();
    assert_eq!(send(&mut bench, &mut here[1], microphone), (Ok(()), 1));
    bench.heard(here[1].id);
    bench.say(here[0].id, &moderate(Act::Mute, "binh"));
    let muted = ServerMessage::Muted { room: ROOM, tracks: 1, by: "an." };
    assert_eq!(bench.heard(here[1].id), [muted]);
    bench.tell();
    let is_told = |message: &ServerMessage<'_>| match message {
        ServerMessage::Participant { info, .. } => info.username == "binh" && !info.tracks[0].is_on,
        _ => false,
    };
    assert!(bench.heard(here[0].id).iter().any(is_told));
    assert_eq!(send(&mut bench, &mut here[1], microphone), (Err(DropReason::UnknownTrack), 0));
    assert_eq!(send(&mut bench, &mut here[1], camera), (Ok(()), 1), "the camera goes on");
    bench.say(here[0].id, &moderate(Act::StopVideo, "binh"));
    assert_eq!(send(&mut bench, &mut here[1], camera), (Err(DropReason::UnknownTrack), 0));
    bench.say(here[1].id, &set(microphone, ON));
    assert_eq!(send(&mut bench, &mut here[1], microphone), (Ok(()), 1), "nobody else could switch it on");
}

#[test]
fn to_mute_all_mutes_no_host_and_to_ask_switches_nothing_on() {
    let (mut bench, here) = room(&["an.", "chi", "binh", "guest-aaaaaaaa"]);
    for raw in &here {
        bench.say(raw.id, &ClientMessage::SetTrack { room: ROOM, track: TrackId::MICROPHONE, info: ON });
    }
    bench.tell();
    bench.deeds = Deeds::default();
    bench.say(here[1].id, &moderate(Act::MuteAll, ""));
    let is_muted = |message: &ServerMessage<'_>| matches!(message, ServerMessage::Muted { by: "chi", tracks: 1, .. });
    let muted: Vec<bool> = here.iter().map(|raw| bench.heard(raw.id).iter().any(is_muted)).collect();
    assert_eq!(muted, [false, false, true, true]);
    bench.say(here[1].id, &moderate(Act::AskUnmute, "binh"));
    assert_eq!(bench.heard(here[2].id), [ServerMessage::UnmuteAsked { room: ROOM, by: "chi" }]);
    bench.tell();
    let is_on = |message: &ServerMessage<'_>| match message {
        ServerMessage::Participant { info, .. } => info.username == "binh" && info.tracks[0].is_on,
        _ => false,
    };
    assert!(!bench.heard(here[0].id).iter().any(is_on));
}

#[test]
fn who_is_removed_may_come_back_and_who_is_banned_may_not_until_that_ends() {
    let (mut bench, here) = room(&["an.", "binh"]);
    let (an, binh) = (here[0].id, here[1].id);
    let join = ClientMessage::JoinRoom { request: 3, room: ROOM };
    let put_out = ServerMessage::Left { room: ROOM, reason: LeaveReason::Removed };
    bench.say(an, &moderate(Act::Remove, "binh"));
    assert_eq!(bench.heard(binh), [put_out]);
    assert_eq!(bench.refusal(binh, &join), None);
    bench.say(an, &moderate(Act::Ban, "binh"));
    assert!(bench.heard(binh).contains(&put_out) && !bench.machine.is_in_room(binh, ROOM));
    assert_eq!(bench.refusal(binh, &join), Some(Refusal::Forbidden));
    let again = bench.sign_in("binh").id;
    assert_eq!(bench.refusal(again, &join), Some(Refusal::Forbidden), "nor by signing in again");
    bench.say(an, &moderate(Act::Unban, "binh"));
    assert_eq!(bench.refusal(again, &join), None);
}

#[test]
fn a_lock_keeps_newcomers_out_but_not_whoever_lost_the_connection() {
    let (mut bench, here) = room(&["chi", "binh", "dung"]);
    let join = ClientMessage::JoinRoom { request: 3, room: ROOM };
    bench.say(here[0].id, &moderate(Act::Lock, ""));
    for raw in &here {
        let locked = ServerMessage::RoomLocked { room: ROOM, is_locked: true };
        assert_eq!(bench.heard(raw.id), [locked]);
    }
    let guest = bench.sign_in("guest-aaaaaaaa").id;
    assert_eq!(bench.refusal(guest, &join), Some(Refusal::Locked));
    let host = bench.sign_in("em.").id;
    assert_eq!(bench.refusal(host, &join), None, "hosts have a key");
    let binh = bench.sign_in("binh").id;
    assert_eq!(bench.refusal(binh, &join), None, "another connection of somebody who was there");
    bench.say(here[2].id, &ClientMessage::LeaveRoom { room: ROOM });
    assert_eq!(bench.refusal(here[2].id, &join), Some(Refusal::Locked), "whoever goes is outside");
    bench.say(host, &moderate(Act::Unlock, ""));
    assert_eq!(bench.refusal(here[2].id, &join), None);
    bench.say(host, &moderate(Act::Lock, ""));
    for id in [here[0].id, host, binh, here[2].id] {
        bench.say(id, &ClientMessage::LeaveRoom { room: ROOM });
    }
    assert_eq!(bench.refusal(guest, &join), None, "an empty room is open");
}

#[test]
fn to_end_puts_everybody_out() {
    let (mut bench, here) = room(&["an.", "chi", "binh"]);
    bench.say(here[1].id, &moderate(Act::End, ""));
    for raw in &here {
        assert_eq!(bench.heard(raw.id), [ServerMessage::Left { room: ROOM, reason: LeaveReason::RoomClosed }]);
        assert!(!bench.machine.is_in_room(raw.id, ROOM));
    }
}

#[test]
fn whoever_owns_the_machine_keeps_order_without_being_there() {
    let (mut bench, here) = room(&["an.", "chi", "binh"]);
    let mut govern = |act, whom| bench.machine.govern(ROOM, act, whom, "server", &mut bench.deeds);
    assert_eq!(govern(Act::Ban, "an."), Ok(()), "also the owner of the room");
    assert_eq!(govern(Act::MakeHost, "binh"), Ok(()));
    assert_eq!(govern(Act::Remove, "dung"), Err(Refusal::NoSuchPerson), "who is not there");
    assert_eq!(govern(Act::Ban, "Not A Name"), Err(Refusal::NoSuchPerson));
    for act in Act::ALL.into_iter().filter(|act| !act.is_plain()) {
        assert_eq!(govern(act, "binh"), Err(Refusal::OutOfOrder), "{act:?}");
    }
    assert_eq!(bench.machine.govern(RoomId(99), Act::Lock, "", "server", &mut bench.deeds), Err(Refusal::NoSuchRoom));
    assert!(!bench.machine.is_in_room(here[0].id, ROOM) && bench.machine.is_host(here[2].id, ROOM));
    let join = ClientMessage::JoinRoom { request: 1, room: ROOM };
    assert_eq!(bench.refusal(here[0].id, &join), Some(Refusal::Forbidden));
    assert_eq!(bench.machine.govern(ROOM, Act::Unban, "an.", "server", &mut bench.deeds), Ok(()));
    assert_eq!(bench.refusal(here[0].id, &join), None);
}

#[test]
fn a_room_that_is_dropped_is_gone_for_those_inside_those_who_wait_and_those_who_look() {
    let (mut bench, here) = room(&["an.", "binh"]);
    wait_at_the_door(&mut bench, "dung");
    let waiting = bench.machine.session_of("dung").expect("signed in");
    let looking = bench.sign_in("chi").id;
    bench.say(looking, &ClientMessage::WatchLobby { is_on: true });
    bench.tell();
    bench.deeds = Deeds::default();
    bench.machine.drop_room(ROOM, &mut bench.deeds);
    bench.tell();
    for raw in &here {
        let left = ServerMessage::Left { room: ROOM, reason: LeaveReason::RoomClosed };
        assert!(bench.heard(raw.id).contains(&left) && !bench.machine.is_in_room(raw.id, ROOM));
    }
    let turned_away =
        |message: &ServerMessage<'_>| matches!(message, ServerMessage::Refused { reason: Refusal::TurnedAway, .. });
    assert!(bench.heard(waiting).iter().any(turned_away));
    let gone = |message: &ServerMessage<'_>| matches!(message, ServerMessage::RoomGone { .. });
    assert!(bench.heard(looking).iter().any(gone));
    let join = ClientMessage::JoinRoom { request: 1, room: ROOM };
    assert_eq!(bench.refusal(here[0].id, &join), Some(Refusal::NoSuchRoom));
    bench.machine.drop_room(ROOM, &mut bench.deeds);
}

#[test]
fn hands_are_in_the_order_in_which_they_were_raised() {
    let (mut bench, here) = room(&["an.", "binh", "dung"]);
    let hands = |bench: &mut Bench| {
        bench.tell();
        let heard = bench.heard(here[0].id).into_iter();
        let hands = heard.filter_map(|message| match message {
            ServerMessage::Participant { info, .. } => Some((info.username, info.hand)),
            _ => None,
        });
        hands.collect::<Vec<_>>()
    };
    for (who, is_up) in [(2, true), (1, true), (2, true)] {
        bench.say(here[who].id, &ClientMessage::RaiseHand { room: ROOM, is_up });
    }
    assert_eq!(hands(&mut bench), [("dung", 1), ("binh", 2)]);
    bench.say(here[0].id, &moderate(Act::LowerHand, "dung"));
    bench.say(here[1].id, &ClientMessage::RaiseHand { room: ROOM, is_up: false });
    bench.say(here[2].id, &ClientMessage::RaiseHand { room: ROOM, is_up: true });
    assert_eq!(hands(&mut bench), [("binh", 0), ("dung", 3)]);
}

#[test]
fn roles_are_told_and_a_new_host_may_at_once() {
    let (mut bench, here) = room(&["an.", "binh", "dung"]);
    assert_eq!(bench.refusal(here[1].id, &moderate(Act::Mute, "dung")), Some(Refusal::Forbidden));
    bench.say(here[0].id, &moderate(Act::MakeHost, "binh"));
    bench.tell();
    let is_host = |message: &ServerMessage<'_>| match message {
        ServerMessage::Participant { info, .. } => info.username == "binh" && info.role == Role::Host,
        _ => false,
    };
    assert!(bench.heard(here[2].id).iter().any(is_host));
    assert_eq!(bench.refusal(here[1].id, &moderate(Act::Mute, "dung")), None);
    bench.machine.moderation_stored(here[1].id, 9, &mut bench.deeds);
    assert_eq!(bench.heard(here[1].id), [ServerMessage::Moderated { request: 9 }]);
}

#[test]
fn only_the_owner_reads_what_was_done() {
    let (mut bench, here) = room(&["an.", "chi", "binh"]);
    let read = ClientMessage::ReadAudit { request: 9, room: ROOM, before: 0, count: 10 };
    for raw in &here[1..] {
        assert_eq!(bench.refusal(raw.id, &read), Some(Refusal::Forbidden));
    }
    bench.say(here[0].id, &read);
    assert!(bench.events()[0].starts_with("ReadAudit"));
}
