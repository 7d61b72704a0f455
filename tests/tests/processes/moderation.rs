//! Keeping order over the wire: who may is told apart, what is forbidden does nothing, and the relay obeys.

use std::time::Duration;

use hph_client::engine::{Command, Event, Role};
use hph_core::id::{RoomId, TrackId};
use hph_core::wire::control::{Act, LeaveReason, Refusal};
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::person::{Person, SOUND, guest};
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{ms, pause, until_so};

const ROOM: &str = "Nhóm 17";
const ANSWER: Duration = ms(10_000);

/// What comes of an act: whether it was done, or why not.
fn moderate(person: &mut Person, room: RoomId, act: Act, whom: &str) -> Result<(), Refusal> {
    let asked = person.engine.request();
    person.send(Command::Moderate { request: asked, room, act, whom: whom.to_owned() });
    person.wait("answer", ANSWER, |event| match event {
        Event::Moderated { request } if *request == asked => Some(Ok(())),
        Event::Refused { request, reason } if *request == asked => Some(Err(*reason)),
        _ => None,
    })
}

/// The login name of a guest.
fn username(person: &Person) -> String {
    let log = person.log();
    let name = log.iter().find_map(|(_, event)| match event {
        Event::SignedIn { username, .. } => Some(username.clone()),
        _ => None,
    });
    name.expect("signed in")
}

fn left(person: &mut Person) -> LeaveReason {
    person.wait("end of the membership", ANSWER, |event| match event {
        Event::Left { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[test]
fn every_act_of_somebody_who_is_nobody_is_refused_and_whoever_made_the_room_may() {
    // More at once than anybody may usually do.
    let server = LocalServer::start_with(|config| config.messages_burst = 1000);
    let (mut owner, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let (nam, _) = Person::in_room(guest(&server.target, "Nam"), ROOM);
    let others = (username(&owner), username(&nam));
    for act in Act::ALL.into_iter().filter(|act| act.is_plain()) {
        for whom in [&others.0, &others.1] {
            let whom = if act.has_target() { whom.as_str() } else { "" };
            assert_eq!(moderate(&mut minh, room, act, whom), Err(Refusal::Forbidden), "{act:?} {whom}");
        }
    }
    assert!(
        !nam.has_seen(|event| matches!(event, Event::Left { .. } | Event::Muted { .. } | Event::RoomLocked { .. }))
    );
    let minh_name = username(&minh);
    assert_eq!(moderate(&mut owner, room, Act::MakeHost, &minh_name), Ok(()));
    assert_eq!(moderate(&mut minh, room, Act::Lock, ""), Ok(()), "a host may");
    assert_eq!(moderate(&mut minh, room, Act::Remove, &others.0), Err(Refusal::Forbidden), "but not above");
    let is_host = |event: &Event| matches!(event, Event::Participant { participant, .. } if participant.display_name == "Minh" && participant.role == Role::Host);
    until_so("the role", ANSWER, || nam.has_seen(is_host));
}

#[test]
fn a_muted_voice_reaches_nobody_until_its_owner_speaks_again() {
    let server = LocalServer::start();
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.wait_for_person("Minh");
    minh.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = minh.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(160));
    until_so("a voice", ANSWER, || lan.arrival_count() > 5);
    let name = username(&minh);
    assert_eq!(moderate(&mut lan, room, Act::Mute, &name), Ok(()));
    minh.wait("word of it", ANSWER, |event| match event {
        Event::Muted { tracks, .. } => (tracks == &[TrackId::MICROPHONE]).then_some(()),
        _ => None,
    });
    pause(ms(300));
    lan.clear_arrivals();
    pause(ms(500));
    assert_eq!(lan.arrival_count(), 0, "it goes on speaking, and is not heard");
    assert_eq!(moderate(&mut lan, room, Act::AskUnmute, &name), Ok(()));
    minh.wait("the question", ANSWER, |event| matches!(event, Event::UnmuteAsked { .. }).then_some(()));
    pause(ms(200));
    assert_eq!(lan.arrival_count(), 0, "a host can only ask");
    minh.switch(room, TrackId::MICROPHONE, SOUND);
    until_so("the voice again", ANSWER, || lan.arrival_count() > 5);
}

#[test]
fn who_is_banned_stays_out_over_a_restart_and_a_locked_room_lets_back_who_was_there() {
    let mut server = ServerProcess::start(&[]);
    let owner = guest(&server.target, "Lan");
    let (mut lan, room) = Person::in_room(owner.clone(), ROOM);
    let device = guest(&server.target, "Minh");
    let (mut minh, _) = Person::in_room(device.clone(), ROOM);
    assert_eq!(moderate(&mut lan, room, Act::Ban, &username(&minh)), Ok(()));
    assert_eq!(left(&mut minh), LeaveReason::Removed);
    let try_join = |person: &mut Person| {
        person.send(Command::Join { request: 77, room });
        person.wait("an answer", ANSWER, |event| match event {
            Event::Joined { request: 77, .. } => Some(None),
            Event::Refused { request: 77, reason } => Some(Some(*reason)),
            _ => None,
        })
    };
    assert_eq!(try_join(&mut minh), Some(Refusal::Forbidden));
    drop((lan, minh));
    server.restart();
    let mut minh = Person::signed_in(device);
    assert_eq!(try_join(&mut minh), Some(Refusal::Forbidden), "also after a restart");
    let (mut lan, _) = Person::in_room(owner, ROOM);
    assert_eq!(moderate(&mut lan, room, Act::Unban, &username(&minh)), Ok(()));
    assert_eq!(moderate(&mut lan, room, Act::Lock, ""), Ok(()));
    assert_eq!(try_join(&mut minh), Some(Refusal::Locked));
    assert_eq!(moderate(&mut lan, room, Act::Unlock, ""), Ok(()));
    assert_eq!(try_join(&mut minh), None);
    assert_eq!(moderate(&mut lan, room, Act::End, ""), Ok(()));
    assert_eq!(left(&mut minh), LeaveReason::RoomClosed);
    assert!(lan.has_seen(|event| matches!(event, Event::Left { reason: LeaveReason::RoomClosed, .. })));
}

#[test]
fn the_same_by_commands_and_what_was_done_is_on_the_list_for_the_owner() {
    let server = ServerProcess::start(&[]);
    let (link, state) = (server.target.link(), tempfile::tempdir().expect("a directory"));
    let state = state.path().display().to_string();
    let run = |arguments: &[&str]| {
        let (command, rest) = arguments.split_first().expect("a command");
        let mut line = vec![*command, &link, "--json", "--room", ROOM, "--state", &state];
        line.extend(rest);
        let (status, lines) = Hph::start(&line).finish(ms(30_000));
        (status.code(), lines)
    };
    assert_eq!(run(&["chat", "phòng của tôi"]).0, Some(0));
    let (mut minh, room) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    assert_eq!(run(&["moderate", "remove", "Minh"]).0, Some(0));
    assert_eq!(left(&mut minh), LeaveReason::Removed);
    assert_eq!(run(&["moderate", "ban", &username(&minh)]).0, Some(0), "also somebody who is not there");
    assert_eq!(run(&["moderate", "mute", "nobody"]).0, Some(7));
    assert_eq!(run(&["moderate", "mute"]).0, Some(2));
    let (code, lines) = run(&["audit"]);
    assert_eq!(code, Some(0));
    let acts: Vec<_> = objects(&lines, "audit").into_iter().map(|entry| entry["act"].clone()).collect();
    assert_eq!(acts, ["ban", "remove"]);
    minh.send(Command::Audit { request: 5, room, before: 0, count: 9 });
    let refused = minh.wait("an answer", ANSWER, |event| match event {
        Event::Refused { request: 5, reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(refused, Refusal::Forbidden);
}

#[test]
fn a_name_that_nobody_can_have_is_refused_and_not_passed_over() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let state = tempfile::tempdir().expect("a directory");
    let (link, state) = (server.target.link(), state.path().display().to_string());
    let mut typist =
        Hph::start_typing(&["join", &link, "--room", "Toán", "--name", "Lan", "--state", &state, "--json"]);
    until_so("the room", ms(15_000), || !typist.events("joined").is_empty());
    for (count, line) in (1..).zip(["/mute Nobody Here", "/call Nobody", "/msg Nobody chào"]) {
        typist.type_line(line);
        let refused = || typist.complaints().matches("there is no such person").count();
        until_so(line, ms(5000), || refused() >= count);
    }
}

#[test]
fn what_the_server_would_end_a_session_for_is_refused_before_it_is_sent() {
    let server = LocalServer::start();
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let whom = "Không Ai".to_owned();
    lan.send(Command::Moderate { request: 71, room, act: Act::Mute, whom: whom.clone() });
    lan.send(Command::Call { request: 72, to: whom, room });
    for asked in [71, 72] {
        let refused = lan.wait("refusal", ANSWER, |event| match event {
            Event::Refused { request, reason } if *request == asked => Some(*reason),
            _ => None,
        });
        assert_eq!(refused, Refusal::Invalid);
    }
    assert!(!lan.has_seen(|event| matches!(event, Event::Lost { .. })));
}
