//! Breakout rooms: who opens them, who may go where, and that everybody comes back.

use super::*;
use crate::id::TrackId;
use crate::room::breakouts::{BREAKOUT_EMPTY_MAX, BREAKOUT_GRACE};
use crate::wire::control::{Act, Codec, LeaveReason, RoomAsk, RoomTold, TrackInfo};

const FIRST: RoomId = RoomId(11);
const SECOND: RoomId = RoomId(12);
const LARGE: Size = Size { rooms: 6, sessions: 40, ..SIZE };

/// A room of `an.`, with the host `chi`, where these are.
fn room(names: &[&str]) -> (Bench, Vec<Raw>) {
    let mut bench = Bench::new(LARGE);
    bench.machine.set_staff(ROOM, "an.", ["chi"].into_iter(), std::iter::empty());
    let here = names.iter().map(|name| bench.join(name)).collect();
    bench.forget();
    (bench, here)
}

/// The same, split in two.
fn split(names: &[&str]) -> (Bench, Vec<Raw>) {
    let (mut bench, here) = room(names);
    for breakout in [FIRST, SECOND] {
        bench.open(here[0].id, breakout);
    }
    bench.forget();
    (bench, here)
}

impl Bench {
    fn forget(&mut self) {
        self.tell();
        self.deeds = Deeds::default();
    }

    fn open(&mut self, host: SessionId, breakout: RoomId) {
        self.events();
        self.say(host, &open());
        let events = self.events();
        assert!(events.len() == 1 && events[0].starts_with("OpenBreakout"), "{events:?}");
        self.machine.breakout_opened((host, 8), ROOM, (breakout, "Nhóm"), "an.", &mut self.deeds);
    }

    /// Does what a client does when it is told to go.
    fn follow(&mut self, who: SessionId) -> Option<RoomId> {
        let moved = self.heard(who).into_iter().find_map(|message| match message {
            ServerMessage::InRoom(RoomTold::Moved { room, to, .. }) => Some((room, to)),
            _ => None,
        });
        let (room, to) = moved?;
        self.say(who, &ClientMessage::LeaveRoom { room });
        self.say(who, &ClientMessage::JoinRoom { request: 4, room: to });
        self.is_joined(who).then_some(to)
    }

    fn is_joined(&mut self, who: SessionId) -> bool {
        self.heard(who).iter().any(|message| matches!(message, ServerMessage::Joined { .. }))
    }

    fn pass(&mut self, time: Duration) {
        self.wait(time);
        let now = self.now;
        self.machine.handle_timeout(now, &mut self.deeds);
    }
}

fn ask(ask: RoomAsk<'static>) -> ClientMessage<'static> {
    ClientMessage::InRoom(ask)
}

fn open() -> ClientMessage<'static> {
    ask(RoomAsk::OpenBreakout { request: 8, room: ROOM, name: "Nhóm" })
}

fn go(room: RoomId, whom: &'static str, number: u8) -> ClientMessage<'static> {
    ask(RoomAsk::Move { request: 8, room, whom, number })
}

fn spread() -> ClientMessage<'static> {
    ask(RoomAsk::Spread { request: 8, room: ROOM })
}

fn end(after_s: u16) -> ClientMessage<'static> {
    ask(RoomAsk::EndBreakouts { request: 8, room: ROOM, after_s })
}

#[test]
fn only_hosts_do_anything_about_breakout_rooms_and_an_act_is_on_the_list() {
    let (mut bench, here) = split(&["an.", "chi", "binh", "guest-aaaaaaaa", "dung"]);
    let asks = || {
        let text = "năm phút nữa";
        let tell = ask(RoomAsk::TellBreakouts { request: 8, room: ROOM, text });
        [open(), spread(), go(ROOM, "dung", 1), tell, end(60)]
    };
    for raw in &here[2..4] {
        for ask in asks() {
            bench.forget();
            assert_eq!(bench.refusal(raw.id, &ask), Some(Refusal::Forbidden), "{ask:?}");
            assert!(bench.events().is_empty() && bench.deeds.controls.is_empty(), "{ask:?} did something");
        }
    }
    for raw in &here[..2] {
        for (ask, act) in asks().into_iter().zip(["", "Spread", "Move", "TellBreakouts", "EndBreakouts"]) {
            bench.wait(Duration::from_secs(1));
            bench.forget();
            assert_eq!(bench.refusal(raw.id, &ask), None, "{ask:?}");
            let events = bench.events();
            assert!(events.len() == 1 && events[0].contains(act), "{ask:?} {events:?}");
        }
    }
    let outside = bench.sign_in("em.").id;
    assert_eq!(bench.refusal(outside, &spread()), Some(Refusal::NotInRoom));
}

#[test]
fn people_are_spread_evenly_hosts_stay_and_nobody_else_comes_in() {
    let (mut bench, here) = split(&["an.", "chi", "binh", "dung", "em.", "guest-aaaaaaaa"]);
    bench.say(here[0].id, &spread());
    let places: Vec<_> = here.iter().map(|raw| bench.follow(raw.id)).collect();
    assert_eq!(places, [None, None, Some(FIRST), Some(SECOND), Some(FIRST), Some(SECOND)]);
    let outsider = bench.sign_in("outsider").id;
    let join = |room| ClientMessage::JoinRoom { request: 9, room };
    assert_eq!(bench.refusal(outsider, &join(FIRST)), Some(Refusal::Forbidden));
    // Somebody who belongs to the other one is told where they belong.
    bench.heard(here[2].id);
    bench.say(here[2].id, &join(SECOND));
    assert!(!bench.machine.is_in_room(here[2].id, SECOND));
    assert_eq!(bench.refusal(here[1].id, &join(SECOND)), None, "a host goes anywhere");
    assert!(bench.machine.is_in_room(here[1].id, SECOND));
    let lobby = |bench: &mut Bench| {
        bench.say(outsider, &ClientMessage::WatchLobby { is_on: true });
        bench.tell();
        let heard = bench.heard(outsider).into_iter();
        heard.filter(|message| matches!(message, ServerMessage::Room { .. })).count()
    };
    assert_eq!(lobby(&mut bench), 2, "the lobby shows no breakout rooms");
}

#[test]
fn one_person_is_moved_on_and_back_and_a_host_by_themselves() {
    let (mut bench, here) = split(&["an.", "chi", "binh"]);
    let (an, chi, binh) = (here[0].id, here[1].id, here[2].id);
    for (number, room) in [(1, FIRST), (2, SECOND), (0, ROOM)] {
        bench.say(an, &go(ROOM, "binh", number));
        assert_eq!(bench.follow(binh), Some(room));
    }
    bench.say(an, &go(ROOM, "binh", 0));
    assert_eq!(bench.follow(binh), None, "they are there");
    bench.say(chi, &go(ROOM, "chi", 1));
    assert_eq!(bench.follow(chi), Some(FIRST));
    bench.say(chi, &go(FIRST, "binh", 1));
    assert_eq!(bench.follow(binh), Some(FIRST), "also from there");
    assert_eq!(bench.refusal(chi, &go(FIRST, "an.", 1)), Some(Refusal::Forbidden), "not the owner");
    assert_eq!(bench.refusal(an, &go(ROOM, "nobody", 1)), Some(Refusal::NoSuchPerson));
    bench.sign_in("dung");
    assert_eq!(bench.refusal(an, &go(ROOM, "dung", 1)), Some(Refusal::NoSuchPerson), "not of the meeting");
    assert_eq!(bench.refusal(an, &go(ROOM, "binh", 3)), Some(Refusal::NoSuchRoom));
}

#[test]
fn everybody_comes_back_when_it_ends_and_then_the_rooms_are_gone() {
    for delay_s in [0_u16, 30] {
        let (mut bench, here) = split(&["an.", "binh", "dung"]);
        bench.say(here[0].id, &spread());
        let places: Vec<_> = here[1..].iter().map(|raw| bench.follow(raw.id)).collect();
        assert_eq!(places, [Some(FIRST), Some(SECOND)]);
        bench.forget();
        bench.say(here[0].id, &end(delay_s));
        if delay_s > 0 {
            let told = ServerMessage::InRoom(RoomTold::BreakoutsEnd { room: ROOM, after_s: delay_s });
            assert_eq!(bench.heard(here[1].id), [told]);
            bench.pass(Duration::from_secs(29));
            assert!(bench.heard(here[1].id).is_empty());
            bench.pass(Duration::from_secs(1));
        }
        // A lock keeps nobody out who was there.
        bench.say(here[0].id, &ClientMessage::Moderate { request: 9, room: ROOM, act: Act::Lock, whom: "" });
        assert_eq!(bench.follow(here[1].id), Some(ROOM));
        bench.events();
        bench.pass(BREAKOUT_GRACE);
        let left = ServerMessage::Left { room: SECOND, reason: LeaveReason::RoomClosed };
        assert!(bench.heard(here[2].id).contains(&left), "who does not go is put out");
        let dropped = bench.events().into_iter().filter(|event| event.starts_with("DropRoom")).count();
        assert_eq!(dropped, 2);
        let over = ServerMessage::InRoom(RoomTold::BreakoutsEnd { room: ROOM, after_s: 0 });
        assert!(bench.heard(here[0].id).contains(&over));
        let join = ClientMessage::JoinRoom { request: 9, room: FIRST };
        assert_eq!(bench.refusal(here[0].id, &join), Some(Refusal::NoSuchRoom));
        assert_eq!(bench.refusal(here[0].id, &spread()), Some(Refusal::OutOfOrder));
    }
}

#[test]
fn breakout_rooms_end_with_the_meeting_and_when_nobody_is_left() {
    let (mut bench, here) = split(&["an.", "binh"]);
    bench.say(here[0].id, &go(ROOM, "binh", 1));
    assert_eq!(bench.follow(here[1].id), Some(FIRST));
    bench.say(here[0].id, &ClientMessage::Moderate { request: 9, room: ROOM, act: Act::End, whom: "" });
    let closed = |room| ServerMessage::Left { room, reason: LeaveReason::RoomClosed };
    assert_eq!((bench.heard(here[1].id), bench.heard(here[0].id).last()), (vec![closed(FIRST)], Some(&closed(ROOM))));

    let (mut bench, here) = split(&["an.", "binh"]);
    for raw in &here {
        bench.machine.close_session(raw.id, SignOutReason::Asked, &mut bench.deeds);
    }
    bench.sign_in("dung");
    bench.events();
    bench.pass(Duration::from_millis(250));
    bench.pass(BREAKOUT_EMPTY_MAX);
    assert_eq!(bench.events().into_iter().filter(|event| event.starts_with("DropRoom")).count(), 2);
}

#[test]
fn a_lock_holds_while_people_are_away_and_ends_with_the_meeting() {
    let (mut bench, here) = split(&["an.", "binh", "dung"]);
    let (an, binh, dung) = (here[0].id, here[1].id, here[2].id);
    bench.say(an, &ClientMessage::Moderate { request: 9, room: ROOM, act: Act::Lock, whom: "" });
    for (who, name) in [(binh, "binh"), (dung, "dung"), (an, "an.")] {
        bench.say(an, &go(ROOM, name, 1));
        assert_eq!(bench.follow(who), Some(FIRST));
    }
    let late = bench.sign_in("late").id;
    let join = ClientMessage::JoinRoom { request: 9, room: ROOM };
    assert_eq!(bench.refusal(late, &join), Some(Refusal::Locked), "the room is empty, but not deserted");
    // Whoever is removed on their way does not come back by another way.
    bench.say(an, &go(FIRST, "binh", 2));
    bench.say(an, &ClientMessage::Moderate { request: 9, room: FIRST, act: Act::Remove, whom: "binh" });
    let second = ClientMessage::JoinRoom { request: 9, room: SECOND };
    assert_eq!(bench.refusal(binh, &second), Some(Refusal::Forbidden));
    assert_eq!(bench.refusal(binh, &join), Some(Refusal::Locked));
    bench.say(an, &ask(RoomAsk::EndBreakouts { request: 8, room: FIRST, after_s: 0 }));
    for who in [an, dung] {
        bench.say(who, &ClientMessage::LeaveRoom { room: FIRST });
    }
    // Both are on their way.
    bench.pass(Duration::from_millis(250));
    assert_eq!(bench.refusal(late, &join), Some(Refusal::Locked));
    assert_eq!((bench.refusal(an, &join), bench.refusal(dung, &join)), (None, None));
    bench.pass(Duration::from_millis(250));
    assert_eq!(bench.events().into_iter().filter(|event| event.starts_with("DropRoom")).count(), 2);
    for who in [an, dung] {
        bench.say(who, &ClientMessage::LeaveRoom { room: ROOM });
    }
    assert_eq!(bench.refusal(late, &join), None, "nobody is left");
}

#[test]
fn whoever_is_banned_is_put_out_of_breakout_rooms_too() {
    let (mut bench, here) = split(&["an.", "binh"]);
    bench.say(here[0].id, &go(ROOM, "binh", 1));
    bench.follow(here[1].id);
    bench.forget();
    bench.say(here[0].id, &ClientMessage::Moderate { request: 9, room: ROOM, act: Act::Ban, whom: "binh" });
    let removed = ServerMessage::Left { room: FIRST, reason: LeaveReason::Removed };
    assert_eq!(bench.heard(here[1].id), [removed]);
    for room in [FIRST, ROOM] {
        let join = ClientMessage::JoinRoom { request: 9, room };
        assert_eq!(bench.refusal(here[1].id, &join), Some(Refusal::Forbidden));
    }
}

#[test]
fn in_a_breakout_room_the_roles_and_rules_of_the_room_hold() {
    let (mut bench, here) = split(&["an.", "chi", "binh"]);
    let (an, chi, binh) = (here[0].id, here[1].id, here[2].id);
    bench.say(an, &ClientMessage::Moderate { request: 9, room: ROOM, act: Act::HostsShare, whom: "" });
    bench.say(an, &go(ROOM, "binh", 1));
    bench.follow(binh);
    bench.say(chi, &go(ROOM, "chi", 1));
    bench.follow(chi);
    let screen = TrackInfo { is_on: true, codec: Codec::Strips, width: 640, height: 360 };
    let share = ClientMessage::SetTrack { room: FIRST, track: TrackId::SCREEN, info: screen };
    assert_eq!(bench.refusal(binh, &share), Some(Refusal::Forbidden));
    let act = |act: Act| {
        let whom = if act.has_target() { "binh" } else { "" };
        ClientMessage::Moderate { request: 9, room: FIRST, act, whom }
    };
    assert_eq!(bench.refusal(binh, &act(Act::MuteAll)), Some(Refusal::Forbidden));
    for done in Act::ALL.into_iter().filter(|act| act.is_plain() && act.least_role() == crate::room::roles::Role::Host)
    {
        bench.wait(Duration::from_secs(1));
        let expected = (!done.is_for_breakouts()).then_some(Refusal::OutOfOrder);
        assert_eq!(bench.refusal(chi, &act(done)), expected, "{done:?}");
        if done == Act::Remove {
            bench.say(an, &go(ROOM, "binh", 1));
            assert!(!bench.machine.is_in_room(binh, FIRST), "put out of the meeting");
            bench.say(binh, &ClientMessage::JoinRoom { request: 5, room: ROOM });
            bench.say(an, &go(ROOM, "binh", 1));
            bench.follow(binh);
        }
    }
}

#[test]
fn there_is_an_end_to_breakout_rooms_and_places_of_the_room_are_kept_for_those_who_are_away() {
    let mut bench = Bench::new(Size { rooms: 12, ..LARGE });
    bench.machine.set_staff(ROOM, "an.", std::iter::empty(), std::iter::empty());
    let an = bench.join("an.").id;
    let names: Vec<String> = (0..31).map(|n| format!("person{n}")).collect();
    let people: Vec<_> = names.iter().map(|name| bench.join(name).id).collect();
    bench.forget();
    for breakout in 11..19 {
        bench.wait(Duration::from_secs(1));
        bench.open(an, RoomId(breakout));
        bench.heard(an);
    }
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.refusal(an, &open()), Some(Refusal::RoomsFull));
    bench.forget();
    bench.say(an, &spread());
    assert!(people.iter().all(|who| bench.follow(*who).is_some()));
    let late = bench.sign_in("late").id;
    let join = ClientMessage::JoinRoom { request: 9, room: ROOM };
    assert_eq!(bench.refusal(late, &join), Some(Refusal::RoomFull));
    bench.say(people[0], &ClientMessage::LeaveRoom { room: FIRST });
    assert_eq!(bench.refusal(late, &join), None, "whoever leaves for good gives a place");
}
