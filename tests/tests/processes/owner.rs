//! What the owner of a server does: ask it, watch it, back it up while people talk, put it back, stop it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use hph_client::core::wire::control::Act;
use hph_client::engine::{AccountCommand, AccountEvent, Command, Event, why};
use hph_client::link::{Given, Invitation};
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::person::{Person, guest, member};
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{ms, until_so};

const ROOM: &str = "Nhóm 17";
const ANSWER: Duration = ms(20_000);

fn run(arguments: &[&str]) -> (bool, Vec<String>) {
    let (status, lines) = Hph::start(arguments).finish(ANSWER);
    (status.success(), lines)
}

#[test]
fn the_owner_of_the_machine_sees_who_is_there_and_ends_sessions_and_accounts() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let data = server.data_dir().display().to_string();
    let ask = |words: &[&str]| run(&[&["admin", "--data", &data, "--json"][..], words].concat());
    let (mut lan, room) = Person::in_room(member(&server.target, "lan", "mật khẩu dài"), ROOM);
    let sessions = objects(&ask(&["sessions"]).1, "sessions");
    assert_eq!((&sessions[0]["user"], &sessions[0]["rooms"]), (&"lan".into(), &ROOM.into()));
    let rooms = objects(&ask(&["rooms"]).1, "rooms");
    assert_eq!(
        (&rooms[0]["name"], &rooms[0]["owner"], &rooms[0]["people"]),
        (&ROOM.into(), &"lan".into(), &"1".into())
    );
    assert_eq!(rooms[0]["room"], room.0.to_string());
    let users = objects(&ask(&["users"]).1, "users");
    assert_eq!((&users[0]["state"], &users[0]["user"]), (&"online".into(), &"lan".into()));
    assert!(objects(&ask(&["status"]).1, "status").iter().any(|row| row["name"] == "people" && row["value"] == "1"));
    assert!(ask(&["sign-out", "lan"]).0);
    lan.wait("end of the session", ANSWER, |event| matches!(event, Event::Lost { .. }).then_some(()));
    lan.wait("return", ANSWER, |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
    assert!(objects(&ask(&["config"]).1, "config").iter().any(|row| row["line"] == "announce = \"off\""));
    assert!(ask(&["delete-user", "lan"]).0 && !ask(&["delete-user", "lan"]).0);
    // What she wrote and hosted is nobody else's: her name is not given again.
    let mut other = Person::start(member(&server.target, "lan", "mật khẩu khác"));
    other.wait("refusal", ANSWER, |event| matches!(event, Event::Ended(_)).then_some(()));
    assert!(objects(&ask(&["users"]).1, "users").iter().all(|row| row["user"] != "lan"));
    assert!(!ask(&["sign-out", "nobody"]).0);
    let mode = fs::metadata(server.data_dir().join("admin.sock")).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    // A second server on the same data does not begin.
    assert!(!run(&["serve", "--listen", "127.0.0.1:0", "--data", &data, "--set", "announce=off"]).0);
    drop(server);
}

#[test]
fn the_owner_of_the_machine_keeps_order_in_rooms_without_being_there() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let data = server.data_dir().display().to_string();
    let ask = |words: &[&str]| run(&[&["admin", "--data", &data, "--json"][..], words].concat());
    let (mut lan, room) = Person::in_room(member(&server.target, "lan", "mật khẩu dài"), ROOM);
    let (mut minh, _) = Person::in_room(member(&server.target, "minh", "mật khẩu dài"), ROOM);
    let (mut guest, _) = Person::in_room(guest(&server.target, "Hường"), ROOM);
    guest.send(Command::Chat { reference: 1, room, text: "mã bí mật".to_owned() });
    minh.wait("the message", ANSWER, |event| matches!(event, Event::Chat { .. }).then_some(()));

    assert!(ask(&["moderate", ROOM, "ban", "minh"]).0);
    minh.wait("the end", ANSWER, |event| matches!(event, Event::Left { .. }).then_some(()));
    let bans = objects(&ask(&["bans"]).1, "bans");
    assert_eq!((&bans[0]["room"], &bans[0]["user"], &bans[0]["by"]), (&ROOM.into(), &"minh".into(), &"server".into()));
    minh.send(Command::Join { request: 5, room });
    minh.wait("refusal", ANSWER, |event| matches!(event, Event::Refused { request: 5, .. }).then_some(()));
    assert!(ask(&["moderate", ROOM, "unban", "minh"]).0 && objects(&ask(&["bans"]).1, "bans").is_empty());
    minh.send(Command::Join { request: 6, room });
    minh.wait("the room", ANSWER, |event| matches!(event, Event::Joined { request: 6, .. }).then_some(()));
    assert!(!ask(&["moderate", ROOM, "mute", "nobody"]).0 && !ask(&["moderate", ROOM, "ban"]).0);
    let audit = objects(&ask(&["audit", ROOM]).1, "audit");
    let acts: Vec<_> = audit.iter().map(|row| row["act"].as_str().unwrap_or_default()).collect();
    assert_eq!(acts, ["unban", "ban"]);

    // Deleted with all that was said there: whoever takes the name has another room.
    assert!(ask(&["delete-room", ROOM]).0 && !ask(&["delete-room", ROOM]).0);
    for person in [&mut lan, &mut guest] {
        person.wait("the end", ANSWER, |event| matches!(event, Event::Left { .. }).then_some(()));
    }
    lan.send(Command::JoinNamed { request: 7, name: ROOM.to_owned(), may_create: true });
    let again = lan.wait("the new room", ANSWER, |event| match event {
        Event::Joined { request: 7, room, .. } => Some(*room),
        _ => None,
    });
    assert!(again != room, "{again:?}");
    let found = super::chat::history(&mut lan, again);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn an_owner_of_the_server_who_is_one_no_more_keeps_order_no_more() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let data = server.data_dir().display().to_string();
    let ask = |words: &[&str]| run(&[&["admin", "--data", &data, "--json"][..], words].concat());
    let (_lan, room) = Person::in_room(member(&server.target, "lan", "mật khẩu dài"), ROOM);
    let (mut minh, _) = Person::in_room(member(&server.target, "minh", "mật khẩu dài"), ROOM);
    let made = &objects(&ask(&["owner-token"]).1, "made")[0];
    let link: Invitation = made["link"].as_str().and_then(|link| link.parse().ok()).expect("a link");
    let Some(Given::Own(secret)) = link.given else { panic!("{link:?}") };
    minh.send(Command::Account(AccountCommand::Claim { request: 8, secret }));
    minh.wait("done", ANSWER, |event| matches!(event, Event::Account(AccountEvent::Done { request: 8 })).then_some(()));
    let rank = || {
        let users = objects(&ask(&["users"]).1, "users");
        users.iter().find(|row| row["user"] == "minh").map(|row| row["rank"].clone()).expect("there")
    };
    assert_eq!(rank(), "owner");
    let lock = |minh: &mut Person, request| {
        minh.send(Command::Moderate { request, room, act: Act::Lock, whom: String::new() });
        minh.wait("an answer", ANSWER, |event| match event {
            Event::Moderated { request: of } if *of == request => Some(true),
            Event::Refused { request: of, .. } if *of == request => Some(false),
            _ => None,
        })
    };
    assert!(lock(&mut minh, 20), "owners keep order in every room");
    assert!(ask(&["disown", "minh"]).0 && !ask(&["disown", "minh"]).0 && rank() == "");
    assert!(!lock(&mut minh, 21));
}

/// A port that nobody listens at now.
pub(super) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

pub(super) fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn whoever_watches_the_server_gets_figures_and_no_names() {
    let port = free_port();
    let server = LocalServer::start_with(|config| config.metrics = Some(([127, 0, 0, 1], port).into()));
    let (_lan, _) = Person::in_room(guest(&server.target, "Hường"), ROOM);
    let text = get(port, "/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("# EOF\n"), "{text}");
    for row in
        ["\nhph_sessions 1\n", "\nhph_participants 1\n", "\n# TYPE hph_drops counter\n", "\nhph_forward_seconds_count "]
    {
        assert!(text.contains(row), "{row:?} is not in {text}");
    }
    assert!(!text.contains("Hường") && !text.contains("guest-") && !text.contains(ROOM));
    assert!(get(port, "/healthz").contains("200 OK") && get(port, "/readyz").contains("ready"));
    assert!(get(port, "/etc/passwd").contains("404"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(b"POST /metrics HTTP/1.1\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.contains("405"));
}

#[test]
fn a_backup_that_was_made_while_people_talk_is_put_back_whole() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let data = server.data_dir().display().to_string();
    let (mut lan, room) = Person::in_room(member(&server.target, "lan", "mật khẩu dài"), ROOM);
    for number in 0..20 {
        lan.say_stored(room, &format!("tin {number}"));
    }
    assert!(run(&["backup", "--data", &data, &at("a.tar")]).0);
    lan.say_stored(room, "sau khi sao lưu");
    assert!(!run(&["backup", "--data", &data, &at("a.tar")]).0, "nothing is written over");
    assert!(run(&["verify", &at("a.tar")]).0);
    assert!(!run(&["restore", "--data", &data, &at("a.tar")]).0, "nor a server's data");
    assert!(run(&["restore", "--data", &at("back"), &at("a.tar")]).0);
    let mut damaged = fs::read(at("a.tar")).expect("read");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(at("b.tar"), damaged).expect("written");
    assert!(!run(&["verify", &at("b.tar")]).0 && !run(&["restore", "--data", &at("bad"), &at("b.tar")]).0);
    // A server on what was put back is the same one, as it was.
    let back = at("back");
    let serving = Hph::start(&["serve", "--listen", "127.0.0.1:0", "--data", &back, "--set", "announce=off", "--json"]);
    until_so("the server", ANSWER, || !serving.events("listening").is_empty());
    let listening = &serving.events("listening")[0];
    let pin: String = server.target.pin.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(listening["pin"], pin);
    let link = listening["link"].as_str().expect("a link");
    let history = ["chat", link, "--room", ROOM, "--history", "50", "--json", "--state", &at("minh")];
    let found = objects(&run(&history).1, "chat_found");
    assert_eq!(found.len(), 20, "{found:?}");
    serving.interrupt(ANSWER);
}

#[test]
fn a_server_that_is_asked_to_end_says_so_and_loses_nothing() {
    let mut server = ServerProcess::start(&["--set", "announce=off"]);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    lan.say_stored(room, "trước khi dừng");
    assert_eq!(server.terminate(), Some(0));
    let told = lan.wait("word of the end", ANSWER, |event| match event {
        Event::Lost { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert_eq!(told, why::SHUTTING_DOWN);
    server.restart();
    lan.wait("return", ANSWER, |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
    lan.say_stored(room, "sau khi dừng");
}
