//! Breakout rooms over the wire: people go, come back, and go on as they were; also over a killed server.

use std::time::Duration;

use hph_client::breakout::{BreakoutAct, BreakoutNews};
use hph_client::engine::{Command, Event};
use hph_core::id::{RoomId, TrackId};
use hph_core::wire::control::{Act, LeaveReason, Refusal};
use hph_tests::wire_lab::command::Hph;
use hph_tests::wire_lab::person::{Person, SOUND, guest, member};
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{ms, until_so};

const ROOM: &str = "Nhóm 17";
const ANSWER: Duration = ms(20_000);

fn does(person: &mut Person, room: RoomId, act: BreakoutAct) -> Result<(), Refusal> {
    let asked = person.engine.request();
    person.send(Command::Breakout { request: asked, room, act });
    person.wait("answer", ANSWER, |event| match event {
        Event::Moderated { request } if *request == asked => Some(Ok(())),
        Event::Refused { request, reason } if *request == asked => Some(Err(*reason)),
        _ => None,
    })
}

fn open(name: &str) -> BreakoutAct {
    BreakoutAct::Open(name.to_owned())
}

/// Where somebody has come in last.
fn place(person: &Person) -> Option<(RoomId, String)> {
    person.log().iter().rev().find_map(|(_, event)| match event {
        Event::Joined { room, name, .. } => Some((*room, name.clone())),
        _ => None,
    })
}

/// Where somebody is next, when they have left that room by themselves.
fn goes(person: &Person, from: RoomId) -> (RoomId, String) {
    let there = || place(person).filter(|(room, _)| *room != from);
    until_so("another room", ANSWER, || there().is_some());
    there().expect("somewhere")
}

fn username(person: &Person) -> String {
    let log = person.log();
    let name = log.iter().find_map(|(_, event)| match event {
        Event::SignedIn { username, .. } => Some(username.clone()),
        _ => None,
    });
    name.expect("signed in")
}

#[test]
fn people_go_to_their_rooms_talk_there_under_keys_of_their_own_and_come_back() {
    let server = LocalServer::start_with(|config| config.messages_burst = 1000);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let (nam, _) = Person::in_room(guest(&server.target, "Nam"), ROOM);
    assert_eq!(does(&mut minh, room, open("của tôi")), Err(Refusal::Forbidden));
    assert_eq!(does(&mut lan, room, BreakoutAct::Spread), Err(Refusal::OutOfOrder));
    assert_eq!(does(&mut lan, room, open("Nhóm A")), Ok(()));
    assert_eq!(does(&mut lan, room, open("Nhóm B")), Ok(()));
    assert_eq!(does(&mut lan, room, BreakoutAct::Spread), Ok(()));
    let (first, name) = goes(&minh, room);
    let (second, other_name) = goes(&nam, room);
    assert_eq!((name.as_str(), other_name.as_str()), ("Nhóm A", "Nhóm B"));
    assert!(first != second && first != room);
    // Those who stay do not hear those who went, and a host may go there.
    let (mut late, _) = Person::in_room(guest(&server.target, "Muộn"), ROOM);
    late.send(Command::Join { request: 77, room: first });
    let refused = late.wait("an answer", ANSWER, |event| match event {
        Event::Refused { request: 77, reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(refused, Refusal::Forbidden);
    let me = username(&lan);
    assert_eq!(does(&mut lan, room, BreakoutAct::Move { whom: me, number: 1 }), Ok(()));
    assert_eq!(goes(&lan, room).0, first);
    let is_minh = |event: &Event| matches!(event, Event::Participant { room, participant, .. } if *room == first && participant.display_name == "Minh");
    until_so("Minh", ANSWER, || lan.has_seen(is_minh));
    minh.switch(first, TrackId::MICROPHONE, SOUND);
    let _voice = minh.stream(first, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(160));
    until_so("a voice", ANSWER, || lan.arrival_count() > 5);
    assert_eq!((nam.arrival_count(), late.arrival_count()), (0, 0));
    // A word to all of them, a message in one of them.
    assert_eq!(does(&mut lan, first, BreakoutAct::Tell("còn một phút".to_owned())), Ok(()));
    let is_told = |event: &Event| matches!(event, Event::Breakout { news: BreakoutNews::Told { text, .. }, .. } if text == "còn một phút");
    until_so("the word", ANSWER, || minh.has_seen(is_told) && nam.has_seen(is_told));
    assert!(!late.has_seen(is_told));
    minh.send(Command::Chat { reference: 1 << 63 | 5, room: first, text: "xong rồi".to_owned() });
    lan.wait("the message", ANSWER, |event| matches!(event, Event::Chat { room, .. } if *room == first).then_some(()));
    // Back again, each where they were.
    assert_eq!(does(&mut lan, first, BreakoutAct::End(0)), Ok(()));
    for (person, from) in [(&lan, first), (&minh, first), (&nam, second)] {
        assert_eq!(goes(person, from).0, room);
    }
    let is_over = |event: &Event| matches!(event, Event::Breakout { news: BreakoutNews::Over, .. });
    until_so("their end", ANSWER, || late.has_seen(is_over));
    lan.send(Command::Join { request: 78, room: first });
    let gone = lan.wait("an answer", ANSWER, |event| match event {
        Event::Refused { request: 78, reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(gone, Refusal::NoSuchRoom);
}

#[test]
fn breakout_rooms_vanish_with_a_killed_server_and_everybody_is_back_in_the_room() {
    let mut server = ServerProcess::start(&["--set", "announce=off"]);
    let (mut lan, room) = Person::in_room(member(&server.target, "lan", "mật khẩu dài"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    assert_eq!(does(&mut lan, room, open("Nhóm A")), Ok(()));
    assert_eq!(does(&mut lan, room, BreakoutAct::Spread), Ok(()));
    let (first, _) = goes(&minh, room);
    server.kill();
    server.restart();
    assert_eq!(goes(&minh, first).0, room, "{first:?} is gone");
    lan.wait_for_person("Minh");
    assert_eq!(does(&mut lan, room, open("Nhóm A")), Ok(()));
    let asked = lan.engine.request();
    lan.send(Command::Moderate { request: asked, room, act: Act::End, whom: String::new() });
    let is_closed =
        |event: &Event| matches!(event, Event::Left { room: left, reason: LeaveReason::RoomClosed } if *left == room);
    until_so("its end", ANSWER, || minh.has_seen(is_closed));
}

#[test]
fn the_command_line_splits_a_room_follows_with_its_microphone_and_goes_back() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let link = server.target.link();
    let folder = tempfile::tempdir().expect("a folder");
    let state = |name: &str| folder.path().join(name).display().to_string();
    let (host_state, guest_state) = (state("host"), state("guest"));
    let join = |name: &'static str, state: &str, more: &[&str]| {
        let common = ["join", &link, "--room", ROOM, "--name", name, "--state", state, "--json"];
        Hph::start_typing(&[&common[..], more].concat())
    };
    let mut host = join("Lan", &host_state, &["--muted"]);
    until_so("the host", ANSWER, || !host.events("joined").is_empty());
    let mut typist = join("Minh", &guest_state, &["--microphone", "tone"]);
    let is_mic_on = |program: &Hph, room: &serde_json::Value| {
        let mut mine = program.events("participant").into_iter().filter(|event| event["is_me"] == true);
        mine.next_back().is_some_and(|event| event["room"] == *room && event["tracks"]["microphone"]["is_on"] == true)
    };
    until_so("the other", ANSWER, || {
        typist.events("joined").first().is_some_and(|joined| is_mic_on(&typist, &joined["room"]))
    });
    host.type_line("/breakout 2");
    until_so("the move", ANSWER, || typist.events("joined").len() == 2);
    let breakout = typist.events("joined")[1]["room"].clone();
    assert_eq!(typist.events("moved")[0]["to"], breakout);
    until_so("the microphone there", ANSWER, || is_mic_on(&typist, &breakout));
    typist.type_line("chào nhóm");
    until_so("its message", ANSWER, || typist.events("chat").iter().any(|chat| chat["room"] == breakout));
    assert!(host.events("chat").is_empty());
    host.type_line("/breakout go 1");
    until_so("the host there", ANSWER, || {
        host.events("joined").last().is_some_and(|joined| joined["room"] == breakout)
    });
    host.type_line("/breakout back");
    let room = typist.events("joined")[0]["room"].clone();
    until_so("the host back", ANSWER, || host.events("joined").last().is_some_and(|joined| joined["room"] == room));
    typist.type_line("/breakout end");
    until_so("a refusal", ANSWER, || typist.events("refused").iter().any(|event| event["reason"] == "forbidden"));
    host.type_line("/breakout end");
    until_so("the microphone back", ANSWER, || is_mic_on(&typist, &room));
    until_so("the end", ANSWER, || !host.events("breakouts_over").is_empty());
    let mics = host.events("participant").into_iter().filter(|event| event["is_me"] == true);
    assert!(mics.into_iter().all(|event| event["tracks"]["microphone"]["is_on"] == false), "muted stays muted");
}
