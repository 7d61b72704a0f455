//! Files: for a room and for one person, over kills and lost connections, beside a meeting, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hph_client::engine::{Command, Event, FileFailure, FileTarget};
use hph_client::files::RemoteFile;
use hph_core::id::{RoomId, TrackId};
use hph_core::wire::control::{ClientMessage, Refusal, ServerMessage};
use hph_platform::clock::Clock;
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::person::{Person, SOUND, guest, member};
use hph_tests::wire_lab::proxy::Proxy;
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{elapsed, ms, pause, until_so};

const ROOM: &str = "Nhóm 17";
const PASSWORD: &str = "mật khẩu dài";
const LIMIT: Duration = ms(60_000);

/// Bytes that look like nothing, the same for the same seed.
fn bytes(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn file(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).expect("written");
    path
}

/// Begins to send a file; gives the request's number.
fn send(person: &mut Person, to: FileTarget, path: &Path) -> u32 {
    let request = person.engine.request();
    person.send(Command::SendFile { request, to, path: path.to_owned() });
    request
}

fn sent(person: &mut Person, wanted: u32) -> Result<u64, FileFailure> {
    person.wait("end of an upload", LIMIT, |event| match event {
        Event::FileSent { request, file } if *request == wanted => Some(Ok(*file)),
        Event::FileFailed { request, reason } if *request == wanted => Some(Err(reason.clone())),
        _ => None,
    })
}

fn fetch(person: &mut Person, file: &RemoteFile, folder: &Path) -> u32 {
    let request = person.engine.request();
    person.send(Command::FetchFile { request, file: file.clone(), folder: folder.to_owned() });
    request
}

fn fetched(person: &mut Person, wanted: u32) -> Result<PathBuf, FileFailure> {
    person.wait("end of a download", LIMIT, |event| match event {
        Event::FileFetched { request, path } if *request == wanted => Some(Ok(path.clone())),
        Event::FileFailed { request, reason } if *request == wanted => Some(Err(reason.clone())),
        _ => None,
    })
}

/// What a person is told of the next file on the shelf.
fn told(person: &mut Person) -> RemoteFile {
    person.wait("word of a file", LIMIT, |event| match event {
        Event::File { request: 0, file, .. } => Some(file.clone()),
        _ => None,
    })
}

fn shelf(person: &mut Person, room: RoomId) -> Vec<RemoteFile> {
    let asked = person.engine.request();
    person.send(Command::ListFiles { request: asked, room, before: 0, count: 100 });
    let mut files = Vec::new();
    person.wait("end of the shelf", LIMIT, |event| match event {
        Event::File { request, file, .. } if *request == asked => {
            files.push(file.clone());
            None
        }
        Event::FilesAll { request, .. } if *request == asked => Some(()),
        _ => None,
    });
    files
}

#[test]
fn a_file_of_a_room_comes_whole_to_those_who_are_there_and_to_who_comes_later() {
    let server = LocalServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let content = bytes(1, 3_000_000);
    let path = file(folder.path(), "bài tập.pdf", &content);
    let began = Clock::now();
    let request = send(&mut lan, FileTarget::Room(room), &path);
    let number = sent(&mut lan, request).expect("sent");
    println!("3 MB there after {:?}", elapsed(began));
    let seen = told(&mut minh);
    assert_eq!((seen.file, seen.name.as_str(), seen.size), (number, "bài tập.pdf", 3_000_000));
    let steps = lan.log().iter().filter(|(_, event)| matches!(event, Event::FileProgress { .. })).count();
    assert!(steps > 10, "progress is told: {steps}");

    let (mut late, _) = Person::in_room(guest(&server.target, "Muộn"), ROOM);
    let found = shelf(&mut late, room);
    assert_eq!(found, [seen]);
    for (name, person) in [("minh", &mut minh), ("late", &mut late)] {
        let request = fetch(person, &found[0], &folder.path().join(name));
        let there = fetched(person, request).expect("fetched");
        assert_eq!(there, folder.path().join(name).join("bài tập.pdf"));
        assert_eq!(fs::read(there).expect("read"), content);
    }
    // An empty one too.
    let path = file(folder.path(), "trống", b"");
    let request = send(&mut lan, FileTarget::Room(room), &path);
    sent(&mut lan, request).expect("sent");
    let seen = told(&mut minh);
    let request = fetch(&mut minh, &seen, folder.path().join("minh").as_path());
    assert_eq!(fs::read(fetched(&mut minh, request).expect("fetched")).expect("read"), b"");
    // Whoever sent it takes it away; who did not may not.
    let asked = minh.engine.request();
    minh.send(Command::DeleteFile { request: asked, file: number });
    let reason = minh.wait("refusal", LIMIT, |event| match event {
        Event::Refused { request, reason } if *request == asked => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, Refusal::Forbidden);
    let asked = lan.engine.request();
    lan.send(Command::DeleteFile { request: asked, file: number });
    minh.wait("word that it is gone", LIMIT, |event| {
        matches!(event, Event::FileGone { request: 0, file, .. } if *file == number).then_some(())
    });
    let request = fetch(&mut late, &found[0], &folder.path().join("again"));
    assert_eq!(fetched(&mut late, request), Err(FileFailure::Refused(Refusal::NoSuchFile)));
}

#[test]
fn a_file_for_one_person_is_read_by_nobody_else_and_waits_until_they_come() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let folder = tempfile::tempdir().expect("a folder");
    let there = server.target.at(proxy.address);
    // Minh has been here before: the server knows a key to seal for.
    let minh_config = || {
        let mut config = member(&there, "minh", PASSWORD);
        config.device_seed = [7; 32];
        config
    };
    drop(Person::signed_in(minh_config()));
    let mut lan = Person::signed_in(member(&there, "lan", PASSWORD));
    let secret = "điểm của cả lớp: không ai được xem ".repeat(3000);
    let path = file(folder.path(), "điểm bí mật.txt", secret.as_bytes());
    let request = send(&mut lan, FileTarget::Person("minh".to_owned()), &path);
    let number = sent(&mut lan, request).expect("sent");
    let mut minh = Person::signed_in(minh_config());
    let remote = minh.wait("word of the file", LIMIT, |event| match event {
        Event::Direct { text: Some(text), .. } => RemoteFile::from_direct(text),
        _ => None,
    });
    assert_eq!((remote.file, remote.name.as_str()), (number, "điểm bí mật.txt"));
    let request = fetch(&mut minh, &remote, &folder.path().join("minh"));
    assert_eq!(fs::read_to_string(fetched(&mut minh, request).expect("fetched")).expect("read"), secret);

    // Somebody else who knows its number, and even its key, gets nothing.
    let mut other = Person::signed_in(member(&there, "other", PASSWORD));
    let request = fetch(&mut other, &remote, &folder.path().join("other"));
    assert_eq!(fetched(&mut other, request), Err(FileFailure::Refused(Refusal::NoSuchFile)));
    let request = send(&mut lan, FileTarget::Person("nobody".to_owned()), &path);
    assert_eq!(sent(&mut lan, request), Err(FileFailure::Refused(Refusal::NoSuchPerson)));
    drop((lan, minh, other));
    let data = server.stop_and_read_data();
    let is_there = |text: &[u8]| data.iter().any(|file| file.windows(text.len()).any(|part| part == text));
    assert!(data.iter().any(|file| file.len() as u64 == remote.stored_size()), "the server has it");
    assert!(!is_there("không ai được xem".as_bytes()) && !is_there("bí mật".as_bytes()), "and can't read it");
}

#[test]
fn files_and_their_acknowledgement_survive_kills_of_the_server() {
    let mut server = ServerProcess::start(&["--set", "announce=off"]);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let contents: Vec<Vec<u8>> = (0..4).map(|seed| bytes(seed, 4_000_000)).collect();
    let mut requests = Vec::new();
    for (seed, content) in contents.iter().enumerate() {
        let path = file(folder.path(), &format!("tệp {seed}"), content);
        requests.push(send(&mut lan, FileTarget::Room(room), &path));
    }
    for wait in [60, 110, 30, 200, 90] {
        pause(ms(wait));
        server.kill();
        pause(ms(50));
        server.restart();
        lan.wait("place in the room", LIMIT, |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
    }
    // Those that were sent between two kills too.
    until_so("all files", LIMIT, || {
        let log = lan.log();
        let is_sent = |wanted: &u32| {
            log.iter().any(|(_, event)| matches!(event, Event::FileSent { request, .. } if request == wanted))
        };
        requests.iter().all(is_sent)
    });
    let found = shelf(&mut lan, room);
    assert_eq!(found.len(), 4, "none is lost, none is there twice: {found:?}");
    for remote in &found {
        let seed: usize = remote.name.trim_start_matches("tệp ").parse().expect("a number");
        let request = fetch(&mut lan, remote, &folder.path().join("back"));
        server.kill();
        server.restart();
        let path = fetched(&mut lan, request).expect("fetched over a kill");
        assert_eq!(fs::read(path).expect("read"), contents[seed], "{}", remote.name);
    }
    let parts = fs::read_dir(server.data_dir().join("files")).expect("listed");
    assert_eq!(parts.count(), 4, "no part is left");
}

#[test]
fn a_file_neither_delays_chat_nor_voices_and_goes_on_after_a_cut() {
    let server = LocalServer::start();
    // 2 MB/s: the file takes seconds.
    let proxy = Proxy::start_slow(server.target.address, 2_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lan, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = lan.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(40));
    until_so("flowing frames", LIMIT, || minh.arrival_count() > 10);
    let content = bytes(9, 8_000_000);
    let path = file(folder.path(), "dài", &content);
    let request = send(&mut lan, FileTarget::Room(room), &path);
    lan.wait("progress", LIMIT, |event| matches!(event, Event::FileProgress { done: 1.., .. }).then_some(()));
    let (began, before) = (Clock::now(), minh.arrival_count());
    let mut waits = Vec::new();
    for number in 0..8 {
        let said_at = Clock::now();
        lan.say_stored(room, &format!("tin {number}"));
        waits.push(elapsed(said_at));
        pause(ms(100));
    }
    waits.sort();
    let heard = minh.arrival_count() - before;
    println!(
        "chat beside a file: {:?} median, {:?} worst; {heard} voice frames in {:?}",
        waits[4],
        waits[7],
        elapsed(began)
    );
    assert!(waits[4] < ms(150), "{waits:?}");
    assert!(heard as u128 >= elapsed(began).as_millis() / 20 * 9 / 10);
    assert!(!lan.has_seen(|event| matches!(event, Event::FileSent { .. })), "it was still on its way");
    proxy.cut_tcp();
    sent(&mut lan, request).expect("sent over a cut");
    let seen = told(&mut minh);
    let request = fetch(&mut minh, &seen, &folder.path().join("minh"));
    assert_eq!(fs::read(fetched(&mut minh, request).expect("fetched")).expect("read"), content);
}

/// Why something is refused.
fn refused(raw: &mut RawClient, wanted: u64, message: &ClientMessage<'_>) -> Option<Refusal> {
    raw.send(message).expect("sent");
    let reason = raw.hear_until(|message| match message {
        ServerMessage::Refused { request, reason, .. } if *request == wanted => Some(*reason),
        _ => None,
    });
    reason.ok()
}

#[test]
fn what_is_too_large_or_too_much_is_refused_and_nobody_takes_what_is_not_theirs() {
    let server = LocalServer::start_with(|config| {
        (config.file_max_mb, config.files_per_room_mb) = (1, 2);
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let large = file(folder.path(), "lớn", &vec![1; 1_000_001]);
    let request = send(&mut lan, FileTarget::Room(room), &large);
    assert_eq!(sent(&mut lan, request), Err(FileFailure::Refused(Refusal::FileTooLarge)));
    for number in 0..3 {
        let path = file(folder.path(), &format!("vừa {number}"), &vec![number; 900_000]);
        let request = send(&mut lan, FileTarget::Room(room), &path);
        let outcome = sent(&mut lan, request);
        assert_eq!(outcome.is_err(), number == 2, "{outcome:?}");
    }
    let request = send(&mut lan, FileTarget::Room(room), folder.path());
    assert!(matches!(sent(&mut lan, request), Err(FileFailure::Disk(_))));

    // A client of its own making: pieces of nothing, past the end, of another's file; a hash that does not fit.
    let mut raw = RawClient::connect(&server.target, None).expect("connected");
    raw.sign_in("Mallory");
    // The number of a file is no key to the room where it lies.
    let number = shelf(&mut lan, room)[0].file;
    let no_such_file = Some(Refusal::NoSuchFile);
    assert_eq!(
        refused(&mut raw, 77, &ClientMessage::FetchFile { request: 77, file: number, from: 0, count: 9 }),
        no_such_file
    );
    assert_eq!(refused(&mut raw, 78, &ClientMessage::DeleteFile { request: 78, file: number }), no_such_file);
    let list = ClientMessage::ListFiles { request: 79, room, before: 0, count: 9 };
    assert_eq!(refused(&mut raw, 79, &list), Some(Refusal::NotInRoom));
    let room = raw.join(ROOM);
    let offer = |reference, size, sha256| ClientMessage::OfferFile { reference, room, to: "", name: "x", size, sha256 };
    assert_eq!(refused(&mut raw, 4, &offer(4, u64::MAX, [0; 32])), Some(Refusal::FileTooLarge));
    raw.send(&ClientMessage::FileChunk { file: 1, from: 0, bytes: b"?" }).expect("sent");
    raw.send(&ClientMessage::FileChunk { file: 999, from: u64::MAX, bytes: b"?" }).expect("sent");
    raw.send(&offer(5, 3, [0; 32])).expect("sent");
    let number = raw.hear_until(|message| match message {
        ServerMessage::FileWanted { reference: 5, file, from: 0 } => Some(*file),
        _ => None,
    });
    let number = number.expect("an answer");
    raw.send(&ClientMessage::FileChunk { file: number, from: 7, bytes: b"abc" }).expect("sent");
    raw.send(&ClientMessage::FileChunk { file: number, from: 0, bytes: b"abcd" }).expect("sent");
    raw.send(&ClientMessage::FileChunk { file: number, from: 0, bytes: b"abc" }).expect("sent");
    let reason = raw.hear_until(|message| match message {
        ServerMessage::Refused { request: 5, reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason.expect("an answer"), Refusal::Invalid, "the hash is another one");
    assert_eq!(shelf(&mut lan, room).len(), 2);
}

#[test]
fn files_go_from_one_command_line_to_another() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let folder = tempfile::tempdir().expect("a folder");
    let content = bytes(3, 200_000);
    let path = file(folder.path(), "bài.txt", &content);
    let link = server.target.link();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let (status, lines) = Hph::start(arguments).finish(LIMIT);
        assert!(status.success(), "{arguments:?}: {lines:?}");
        lines
    };
    run(&["chat", &link, "--room", ROOM, "--name", "Lan", "--state", &at("lan"), "chào"]);
    let path = path.display().to_string();
    let ended = run(&["send-file", &link, &path, "--room", ROOM, "--name", "Lan", "--state", &at("lan"), "--json"]);
    assert_eq!(objects(&ended, "file_sent").len(), 1, "{ended:?}");
    let listed = run(&["files", &link, "--room", ROOM, "--name", "Minh", "--state", &at("minh"), "--json"]);
    let listed = objects(&listed, "file");
    assert_eq!((&listed[0]["name"], &listed[0]["size"]), (&"bài.txt".into(), &200_000.into()));
    let into = at("here");
    run(&["fetch", &link, "bài.txt", "--room", ROOM, "--into", &into, "--name", "Minh", "--state", &at("minh")]);
    assert_eq!(fs::read(folder.path().join("here/bài.txt")).expect("read"), content);
    let missing = Hph::start(&["fetch", &link, "khác", "--room", ROOM, "--into", &into, "--state", &at("minh")]);
    assert_eq!(missing.finish(LIMIT).0.code(), Some(7));
}

#[test]
fn files_leave_the_last_of_a_disk_to_what_people_say_and_come_when_there_is_place() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("large"), bytes(5, 6_000_000)).expect("written");
    // A disk of 100 MB, of which a heap takes 80: then the heap goes.
    let script = r#"
        set -e
        mkdir "$DIR/data"
        mount -t tmpfs -o size=100m tmpfs "$DIR/data"
        head -c 80000000 /dev/zero >"$DIR/data/heap"
        "$HPH" serve --listen 127.0.0.1:0 --data "$DIR/data" --set announce=off >"$DIR/serve" 2>"$DIR/serve.err" & SERVER=$!
        until [ -s "$DIR/serve" ]; do sleep 0.1; done
        LINK=$(head -n 1 "$DIR/serve")
        hph() { command=$1; shift; "$HPH" "$command" "$LINK" --room R --state "$DIR/lan" --no-input "$@"; }
        "$HPH" join "$LINK" --room R --state "$DIR/minh" --no-input --json --for 60s >"$DIR/minh.out" 2>&1 & MINH=$!
        for n in $(seq 100); do grep -q '"joined"' "$DIR/minh.out" && break; sleep 0.1; done
        hph send-file "$DIR/large" || echo "refused with $?"
        hph chat 'chào' >/dev/null && echo 'chat goes on'
        rm "$DIR/data/heap"
        hph send-file "$DIR/large" && echo 'sent'
        hph fetch large --into "$DIR/back"
        cmp "$DIR/large" "$DIR/back/large" && echo 'the same'
        kill $MINH $SERVER
        "#;
    let mut command = std::process::Command::new("unshare");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HPH_")) {
        command.env_remove(name);
    }
    command.args(["-Urm", "sh", "-c", script]).env("HPH", Hph::program()).env("DIR", folder.path());
    let output = command.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1").output().expect("unshare starts");
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !folder.path().join("serve").exists() {
        assert!(std::env::var_os("CI").is_none(), "no disk of its own: {why}");
        return println!("left out: this machine makes no disk of its own ({why})");
    }
    for row in ["refused with 7", "chat goes on", "sent", "the same"] {
        assert!(said.lines().any(|line| line == row), "{row}: {said}{why}");
    }
}
