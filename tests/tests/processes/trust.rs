//! Whose keys one sees: the code that people compare, keys that are remembered, and a person who comes with another one.

use std::fs;
use std::path::{Path, PathBuf};

use hph_client::engine::{Command, EngineConfig, Event, FailReason, new_reference};
use hph_client::people::{KeyState, PeopleStore};
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::person::{Person, guest, member};
use hph_tests::wire_lab::server::{LocalServer, ServerProcess, Target};
use hph_tests::wire_lab::wait::{ms, until, until_so};
use serde_json::Value;

const ROOM: &str = "Nhóm 17";

/// A folder with a password and the states of several people.
struct Lab {
    folder: tempfile::TempDir,
    link: String,
    room: &'static str,
}

impl Lab {
    fn new(target: &Target) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("password"), "mật khẩu dài").expect("written");
        Self { folder, link: target.link(), room: ROOM }
    }

    fn state(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.state(name).display().to_string()
    }

    /// Somebody with an account in the room, to be typed to.
    fn join(&self, name: &str) -> Hph {
        let (state, password) = (self.path(name), self.path("password"));
        let who = ["--user", name, "--register", "--password-file", &password, "--state", &state];
        let line = ["join", &self.link, "--room", self.room, "--json", "--for", "120s"];
        let person = Hph::start_typing(&[&line[..], &who].concat());
        until_so("their place in the room", ms(20_000), || !person.events("joined").is_empty());
        person
    }

    /// `hph trust` in somebody's state: whether it did it, and what it said.
    fn trust(&self, name: &str, arguments: &[&str]) -> (bool, Vec<String>) {
        let state = self.path(name);
        let (status, lines) =
            Hph::start(&[&["trust"], arguments, &["--state", &state, "--json"]].concat()).finish(ms(10_000));
        (status.success(), lines)
    }
}

/// The last code that somebody saw with so many others in the room.
fn code_among(person: &Hph, others: usize) -> Option<String> {
    let told = person.events("safety");
    let fits = |event: &&Value| event["others"].as_array().is_some_and(|all| all.len() == others);
    told.last().filter(fits).map(|event| event["code"].as_str().expect("a code").to_owned())
}

/// The last state of a key of `username` that was told.
fn told_key(person: &Hph, username: &str) -> Option<String> {
    let told = person.events("person_key");
    let last = told.iter().rev().find(|event| event["username"] == username)?;
    Some(last["key"].as_str().expect("a state").to_owned())
}

fn wait_for_key(person: &Hph, username: &str, key: &str) {
    until_so(&format!("word that the key of {username} is {key}"), ms(10_000), || {
        told_key(person, username).as_deref() == Some(key)
    });
}

/// People are told on standard error.
fn wait_for_complaint(person: &Hph, what: &str) {
    until_so(what, ms(5000), || person.complaints().contains(what));
}

fn directs(person: &Hph) -> Vec<Value> {
    person.events("direct").iter().map(|event| event["text"].clone()).collect()
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("a file").permissions().mode() & 0o777 == 0o600
}

#[test]
fn three_people_in_a_room_see_the_same_code_and_nobody_is_compared_by_itself() {
    let server = ServerProcess::start(&[]);
    let lab = Lab::new(&server.target);
    let people = ["lan", "minh", "huong"].map(|name| lab.join(name));
    let codes = people.each_ref().map(|person| until("the code of three", ms(15_000), || code_among(person, 2)));
    assert!(codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    let groups: Vec<&str> = codes[0].split(' ').collect();
    assert!(groups.len() == 8 && groups.iter().all(|group| group.len() == 5), "{codes:?}");
    let [mut lan, minh, huong] = people;
    wait_for_complaint(&lan, &codes[0]);
    for event in lan.events("participant").iter().filter(|event| event["is_me"] == false) {
        assert!(["new", "seen"].contains(&event["key"].as_str().expect("a state")), "{event}");
    }

    // What was not looked at can't have been compared.
    lan.type_line("/verified");
    wait_for_complaint(&lan, "not noted");
    lan.type_line("/safety");
    wait_for_complaint(&lan, "Read it to the others");
    lan.type_line("/verified minh");
    wait_for_key(&lan, "minh", "compared");
    let state = |lan: &Hph, username: &str| {
        let shown = lan.events("safety").pop().expect("shown");
        let others = shown["others"].as_array().expect("others").clone();
        others.into_iter().find(|other| other["username"] == username).expect("shown")["key"].clone()
    };
    lan.type_line("/safety");
    until_so("the new state of minh", ms(5000), || state(&lan, "minh") == "compared");
    assert_ne!(state(&lan, "huong"), "compared");

    // Another code when somebody leaves, and the same again for those who stay.
    drop(huong);
    let two = until("the code of two", ms(15_000), || code_among(&lan, 1));
    assert_eq!(until("the code of two", ms(15_000), || code_among(&minh, 1)), two);
    assert_ne!(two, codes[0]);
    drop((lan, minh));

    assert!(is_private(&lab.state("lan").join("people")));
    let (_, lines) = lab.trust("lan", &["list", &lab.link]);
    let keys = objects(&lines, "key");
    let of = |username: &str| keys.iter().find(|key| key["username"] == username).expect("remembered");
    assert_eq!((&of("minh")["key"], &of("huong")["key"]), (&"compared".into(), &"seen".into()));
    // Each device calls its own code what others call it.
    let (_, lines) = lab.trust("minh", &["list"]);
    assert_eq!(objects(&lines, "own_key")[0]["code"], of("minh")["code"]);
}

#[test]
fn a_person_who_comes_with_another_key_is_told_loudly_and_written_to_only_once_accepted() {
    let server = ServerProcess::start(&[]);
    let lab = Lab::new(&server.target);
    let mut lan = lab.join("lan");
    let minh = lab.join("minh");
    wait_for_key(&lan, "minh", "new");
    lan.type_line("/msg minh một");
    until_so("the first message", ms(10_000), || directs(&minh) == ["một"]);
    drop(minh);
    until_so("leave of minh", ms(10_000), || !lan.events("participant_gone").is_empty());

    // Minh returns without the key of the device.
    fs::remove_file(lab.state("minh").join("device")).expect("removed");
    let minh = lab.join("minh");
    wait_for_key(&lan, "minh", "changed");
    wait_for_complaint(&lan, "THE KEY OF minh HAS CHANGED");
    until_so("somebody with a changed key in the room", ms(5000), || {
        let told = lan.events("participant");
        told.iter().any(|event| event["username"] == "minh" && event["key"] == "changed")
    });
    lan.type_line("/msg minh hai");
    until_so("the refusal", ms(10_000), || {
        lan.events("message_failed").iter().any(|event| event["reason"] == "key_changed")
    });
    let (password, state) = (lab.path("password"), lab.path("lan"));
    let account = ["--user", "lan", "--password-file", &password, "--state", &state, "--json"];

    // Who only chats is told as well.
    drop(lan);
    let chat = ["chat", &lab.link, "--room", ROOM, "--follow", "--timeout", "60s"];
    let chat = Hph::start(&[&chat[..], &account].concat());
    wait_for_key(&chat, "minh", "changed");
    wait_for_complaint(&chat, "THE KEY OF minh HAS CHANGED");
    drop(chat);

    // What comes from there is marked.
    let lan = lab.join("lan");
    let said = ["msg", &lab.link, "lan", "tôi đây", "--user", "minh", "--password-file", &password];
    let there = lab.path("minh");
    drop(minh);
    let (status, _) = Hph::start(&[&said[..], &["--state", &there]].concat()).finish(ms(20_000));
    assert!(status.success());
    let marked = until("the message from the changed key", ms(10_000), || lan.events("direct").pop());
    assert_eq!((&marked["text"], &marked["key"]), (&"tôi đây".into(), &"changed".into()));

    // Neither a second program nor another start gets around it.
    drop(lan);
    let once = ["msg", &lab.link, "minh", "ba"];
    let refused = Hph::start(&[&once[..], &account].concat());
    let (status, lines) = refused.finish(ms(20_000));
    assert!(!status.success());
    assert_eq!(objects(&lines, "error")[0]["code"], "E-KEY-01");

    // A code that somebody else named is not that of the key; accepting is a command of its own.
    let wrong = ["00000"; 8].join(" ");
    assert!(!lab.trust("lan", &["verify", &lab.link, "minh", &wrong]).0);
    assert!(!lab.trust("lan", &["accept", &lab.link, "minh", &wrong]).0);
    assert!(!lab.trust("lan", &["accept", &lab.link, "huong"]).0);
    let (_, own) = lab.trust("minh", &["list"]);
    let own = objects(&own, "own_key")[0]["code"].as_str().expect("a code").to_owned();
    assert!(lab.trust("lan", &["accept", &lab.link, "minh", &own]).0);
    let minh = lab.join("minh");
    let (status, _) = Hph::start(&[&once[..], &account].concat()).finish(ms(20_000));
    assert!(status.success(), "accepted");
    until_so("the message", ms(10_000), || directs(&minh).last().is_some_and(|text| text == "ba"));
    assert!(!directs(&minh).contains(&"hai".into()), "what was refused is not sent later");
    assert!(lab.trust("lan", &["verify", &lab.link, "minh", &own]).0);
    let (_, lines) = lab.trust("lan", &["list"]);
    let states: Vec<Value> = objects(&lines, "key").iter().map(|key| key["key"].clone()).collect();
    assert_eq!(states, ["seen", "compared"], "both devices are Minh's");
}

/// An engine that remembers people in that folder.
fn remembering(config: EngineConfig, folder: &Path) -> EngineConfig {
    EngineConfig { people: Some(PeopleStore::new(folder.join("people"))), ..config }
}

fn wait_for_state(person: &mut Person, name: &str) -> KeyState {
    person.wait("word of a key", ms(10_000), |event| match event {
        Event::PersonKey { username, key, .. } if username == name => Some(*key),
        _ => None,
    })
}

#[test]
fn a_key_is_accepted_while_the_meeting_goes_on_and_guests_are_not_kept() {
    let server = LocalServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lan, room) =
        Person::in_room(remembering(member(&server.target, "lan", "một hai ba"), folder.path()), ROOM);
    for key in [KeyState::New, KeyState::Changed] {
        // Every device of the lab has a key of its own.
        let (minh, _) = Person::in_room(member(&server.target, "minh", "bốn năm sáu"), ROOM);
        assert_eq!(wait_for_state(&mut lan, "minh"), key);
        drop(minh);
    }
    let (mut minh, _) = Person::in_room(member(&server.target, "minh", "bốn năm sáu"), ROOM);
    let device = lan.wait("the third key", ms(10_000), |event| match event {
        Event::PersonKey { username, key: KeyState::Changed, device } if username == "minh" => Some(*device),
        _ => None,
    });
    let write = |lan: &Person| {
        let reference = new_reference();
        lan.send(Command::Direct { reference, to: "minh".to_owned(), text: "chào".to_owned() });
        reference
    };
    let refused = write(&lan);
    lan.wait("the refusal", ms(10_000), |event| match event {
        Event::MessageFailed { reference, reason: FailReason::KeyChanged } => (*reference == refused).then_some(()),
        _ => None,
    });
    lan.send(Command::AcceptKey { username: "minh".to_owned(), device, is_compared: false });
    assert_eq!(wait_for_state(&mut lan, "minh"), KeyState::Seen);
    write(&lan);
    minh.wait("the message", ms(10_000), |event| matches!(event, Event::Direct { text: Some(_), .. }).then_some(()));

    let (_chi, _) = Person::in_room(guest(&server.target, "Chi"), ROOM);
    lan.wait_for_person("Chi");
    let key = |event: &Event| match event {
        Event::Participant { participant, .. } if participant.display_name == "Chi" => Some(participant.key),
        _ => None,
    };
    let keys: Vec<KeyState> = lan.log().iter().filter_map(|(_, event)| key(event)).collect();
    assert!(keys.iter().all(|key| *key == KeyState::NotKept), "{keys:?}");
    let code = |person: &mut Person| {
        person.wait("the code of three", ms(10_000), |event| match event {
            Event::Safety { room: told, safety } if *told == room && safety.others.len() == 2 => Some(safety.code),
            _ => None,
        })
    };
    assert_eq!(code(&mut lan), code(&mut minh), "guests are in the code like everybody");
    drop(lan);
    let kept = PeopleStore::new(folder.path().join("people")).keys().expect("read");
    assert!(kept.iter().all(|key| key.username == "minh"), "{kept:?}");
}

#[test]
fn a_damaged_file_of_keys_is_said_and_nothing_is_sealed() {
    let server = LocalServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("people"), "nonsense\n").expect("written");
    let mut lan = Person::signed_in(remembering(member(&server.target, "lan", "một hai ba"), folder.path()));
    let _minh = Person::signed_in(member(&server.target, "minh", "bốn năm sáu"));
    lan.send(Command::Direct { reference: new_reference(), to: "minh".to_owned(), text: "chào".to_owned() });
    let why = lan.wait("word of the file", ms(10_000), |event| match event {
        Event::KeysUnusable { why } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("people:1"), "{why}");
    let reason = lan.wait("the refusal", ms(10_000), |event| match event {
        Event::MessageFailed { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, FailReason::KeysUnreadable);
    // A program does not even start on it.
    let (link, state) = (server.target.link(), folder.path().display().to_string());
    let (status, lines) = Hph::start(&["rooms", &link, "--state", &state, "--json"]).finish(ms(10_000));
    assert_eq!((status.code(), &objects(&lines, "error")[0]["code"]), (Some(3), &"E-CFG-03".into()));
}
