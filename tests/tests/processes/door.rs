//! The door of a room over the wire: knocking, passwords, who shares; also over lost connections and a killed server.

use std::fs;
use std::time::Duration;

use hph_client::engine::{Command, Event};
use hph_core::id::{RoomId, TrackId};
use hph_core::wire::control::{Act, Codec, Refusal, TrackInfo};
use hph_tests::wire_lab::command::Hph;
use hph_tests::wire_lab::person::{Person, guest, member};
use hph_tests::wire_lab::proxy::Proxy;
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{ms, until_so};

const ROOM: &str = "Nhóm 17";
const ANSWER: Duration = ms(20_000);

fn does(person: &mut Person, room: RoomId, act: Act, whom: &str) -> Result<(), Refusal> {
    let asked = person.engine.request();
    person.send(Command::Moderate { request: asked, room, act, whom: whom.to_owned() });
    answer(person, asked)
}

fn set_password(person: &mut Person, room: RoomId, password: &str) -> Result<(), Refusal> {
    let asked = person.engine.request();
    person.send(Command::SetPassword { request: asked, room, password: password.to_owned() });
    answer(person, asked)
}

fn answer(person: &mut Person, asked: u32) -> Result<(), Refusal> {
    person.wait("answer", ANSWER, |event| match event {
        Event::Moderated { request } | Event::Joined { request, .. } if *request == asked => Some(Ok(())),
        Event::Refused { request, reason } if *request == asked => Some(Err(*reason)),
        _ => None,
    })
}

/// Asks to come in; gives the request's number.
fn knock(person: &mut Person) -> u32 {
    let request = person.engine.request();
    person.send(Command::JoinNamed { request, name: ROOM.to_owned(), may_create: false });
    request
}

/// Who knocks next, or goes.
fn told(person: &mut Person) -> (String, bool) {
    person.wait("a knock", ANSWER, |event| match event {
        Event::Knock { username, is_waiting, .. } => Some((username.clone(), *is_waiting)),
        _ => None,
    })
}

fn gone_count(host: &Person, name: &str) -> usize {
    let is_it = |event: &Event| matches!(event, Event::Knock { username, is_waiting: false, .. } if username == name);
    host.log().iter().filter(|(_, event)| is_it(event)).count()
}

fn has_gone(host: &Person, name: &str) -> bool {
    gone_count(host, name) > 0
}

fn waits(person: &mut Person) {
    person.wait("place before the door", ANSWER, |event| matches!(event, Event::Waiting { .. }).then_some(()));
}

fn wanted(person: &mut Person) -> (u32, RoomId) {
    person.wait("question", ANSWER, |event| match event {
        Event::PasswordWanted { request, room } => Some((*request, *room)),
        _ => None,
    })
}

fn says(person: &mut Person, password: &str) -> Result<(), Refusal> {
    let (request, room) = wanted(person);
    person.send(Command::Enter { request, room, password: password.to_owned() });
    answer(person, request)
}

#[test]
fn whoever_comes_waits_until_a_host_lets_them_in_and_a_cut_line_puts_nobody_out() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    assert_eq!(does(&mut lan, room, Act::WaitingRoom, ""), Ok(()));
    let mut minh = Person::signed_in(guest(&server.target.at(proxy.address), "Minh"));
    let asked = knock(&mut minh);
    waits(&mut minh);
    let (name, true) = told(&mut lan) else { panic!("nobody knocks") };
    assert_eq!(does(&mut lan, room, Act::Admit, &name), Ok(()));
    assert_eq!(answer(&mut minh, asked), Ok(()));
    until_so("word that they wait no longer", ANSWER, || has_gone(&lan, &name));
    proxy.cut_tcp();
    minh.wait("place in the room", ANSWER, |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));

    let mut nam = Person::signed_in(guest(&server.target, "Nam"));
    let asked = knock(&mut nam);
    // What was said before of others' coming and going is over.
    let (name, true) = told(&mut lan) else { panic!("nobody knocks") };
    assert_eq!(does(&mut minh, room, Act::Admit, &name), Err(Refusal::Forbidden), "only hosts open");
    assert_eq!(does(&mut lan, room, Act::TurnAway, &name), Ok(()));
    assert_eq!(answer(&mut nam, asked), Err(Refusal::TurnedAway));
    knock(&mut nam);
    let (name, true) = told(&mut lan) else { panic!("they do not knock again") };
    let before = gone_count(&lan, &name);
    drop(nam);
    until_so("word that they are gone", ANSWER, || gone_count(&lan, &name) > before);
}

#[test]
fn a_password_is_asked_of_everybody_once_and_outlives_a_killed_server() {
    let mut server = ServerProcess::start(&["--set", "announce=off"]);
    let (mut lan, room) = Person::in_room(member(&server.target, "lan", "mật khẩu dài"), ROOM);
    assert_eq!(set_password(&mut lan, room, "hoa sen"), Ok(()));
    let mut minh = Person::signed_in(guest(&server.target, "Minh"));
    knock(&mut minh);
    assert_eq!(says(&mut minh, "hoa súng"), Err(Refusal::WrongPassword));
    knock(&mut minh);
    assert_eq!(says(&mut minh, "hoa sen"), Ok(()));
    assert_eq!(set_password(&mut minh, room, "của tôi"), Err(Refusal::Forbidden));
    server.kill();
    server.restart();
    minh.wait("place in the room", ANSWER, |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
    let questions = minh.log().iter().filter(|(_, event)| matches!(event, Event::PasswordWanted { .. })).count();
    assert_eq!(questions, 2, "nobody is asked again");
    let mut late = Person::signed_in(guest(&server.target, "Muộn"));
    knock(&mut late);
    wanted(&mut late);
    // The words are nowhere on the disk.
    for entry in fs::read_dir(server.data_dir()).expect("listed").flatten().filter(|entry| entry.path().is_file()) {
        let bytes = fs::read(entry.path()).expect("read");
        assert!(!bytes.windows(7).any(|part| part == b"hoa sen"), "{:?}", entry.path());
    }
}

#[test]
fn where_only_hosts_share_nobody_else_does() {
    let server = LocalServer::start();
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let info = TrackInfo { is_on: true, codec: Codec::Strips, width: 640, height: 360 };
    minh.send(Command::SetTrack { room, track: TrackId::SCREEN, info });
    let is_shared = |event: &Event| {
        matches!(event, Event::Participant { participant, .. }
            if participant.display_name == "Minh" && participant.tracks[usize::from(TrackId::SCREEN.0)].is_on)
    };
    lan.wait("a screen", ANSWER, |event| is_shared(event).then_some(()));
    assert_eq!(does(&mut lan, room, Act::HostsShare, ""), Ok(()));
    let ended =
        |event: &Event| matches!(event, Event::Muted { tracks, .. } if tracks == &[TrackId::SCREEN]).then_some(());
    minh.wait("its end", ANSWER, ended);
    minh.send(Command::SetTrack { room, track: TrackId::SCREEN, info });
    minh.wait("its end again", ANSWER, ended);
    lan.switch(room, TrackId::SCREEN, info);
}

#[test]
fn the_command_line_knocks_opens_and_says_passwords() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let (account, words, wrong) = (file("account", "mật khẩu dài"), file("words", "hoa sen\n"), file("wrong", "x"));
    let (link, state) = (server.target.link(), |name: &str| folder.path().join(name).display().to_string());
    let (lan_state, guest_state) = (state("lan"), state("guest"));
    let lan = ["--user", "lan", "--register", "--password-file", &account, "--state", &lan_state];
    let run = |arguments: &[&str]| Hph::start(arguments).finish(ANSWER);
    let moderate =
        |act: &str, more: &[&str]| run(&[&["moderate", &link, "--room", ROOM, act][..], more, &lan].concat());
    let made = run(&[&["join", &link, "--room", ROOM, "--for", "1s"][..], &lan].concat());
    assert!(made.0.success());
    assert!(moderate("password", &["--room-password-file", &words]).0.success());
    let chat = ["chat", &link, "--room", ROOM, "--state", &guest_state, "xin chào"];
    assert!(!run(&chat).0.success(), "nobody says it");
    assert!(!run(&[&chat[..], &["--room-password-file", &wrong]].concat()).0.success());
    assert!(run(&[&chat[..], &["--room-password-file", &words]].concat()).0.success());
    assert!(moderate("no-password", &[]).0.success());
    assert!(moderate("waiting-room", &[]).0.success());
    let listener = [&["join", &link, "--room", ROOM, "--json"][..], &lan].concat();
    let mut host = Hph::start_typing(&listener);
    until_so("the host", ANSWER, || !host.events("joined").is_empty());
    let caller = Hph::start(&chat);
    until_so("a knock", ANSWER, || !host.events("knock").is_empty());
    let name = host.events("knock")[0]["user"].as_str().expect("a name").to_owned();
    host.type_line(&format!("/admit {name}"));
    assert!(caller.finish(ANSWER).0.success(), "let in, and said it");
}
