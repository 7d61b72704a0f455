//! A disk that is full or fails under a running server: nothing is acknowledged that is not on it, voices go on, senders
//! and the owner hear of it, and it goes on without a restart.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hph_client::engine::{Command, Event, FileTarget};
use hph_core::id::{RoomId, TrackId};
use hph_core::time::Instant;
use hph_core::wire::control::Refusal;
use hph_platform::clock::Clock;
use hph_tests::wire_lab::fault::Fault;
use hph_tests::wire_lab::person::{Person, SOUND, Stream, guest, member};
use hph_tests::wire_lab::server::ServerProcess;
use hph_tests::wire_lab::wait::{between, elapsed, ms, pause, until, until_so};
use tempfile::TempDir;

use super::owner::{free_port, get};

const ROOM: &str = "Nhóm 17";
const LIMIT: Duration = ms(30_000);
/// So many bytes are more than any buffer between the server's program and its disk.
const FILE_BYTES: usize = 300_000;

/// A server with somebody who talks and somebody who listens.
struct Scene {
    server: ServerProcess,
    port: u16,
    lan: Person,
    minh: Person,
    room: RoomId,
    folder: TempDir,
    _voice: Stream,
}

impl Scene {
    fn start() -> Self {
        let port = free_port();
        let server = ServerProcess::start(&["--set", "announce=off", "--set", &format!("metrics=127.0.0.1:{port}")]);
        let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
        let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
        lan.switch(room, TrackId::MICROPHONE, SOUND);
        let voice = lan.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(160));
        until_so("flowing frames", LIMIT, || minh.arrival_count() > 10);
        let folder = tempfile::tempdir().expect("a folder");
        Self { server, port, lan, minh, room, folder, _voice: voice }
    }

    /// The longest time without a frame since then.
    fn longest_gap(&self, since: Instant) -> Duration {
        let arrivals = self.minh.arrivals();
        let moments = arrivals.iter().map(|arrival| arrival.at).filter(|at| *at >= since).chain([Clock::now()]);
        let mut last = since;
        moments.map(|at| between(std::mem::replace(&mut last, at), at)).max().unwrap_or_default()
    }

    fn is_stored(&self, wanted: u64) -> bool {
        self.lan.has_seen(|event| matches!(event, Event::ChatStored { reference, .. } if *reference == wanted))
    }

    fn send_file(&mut self, name: &str) -> (u32, PathBuf) {
        let path = self.folder.path().join(name);
        fs::write(&path, name.repeat(FILE_BYTES / name.len())).expect("written");
        let (request, to) = (self.lan.engine.request(), FileTarget::Room(self.room));
        self.lan.send(Command::SendFile { request, to, path: path.clone() });
        (request, path)
    }

    fn is_sent(&self, wanted: u32) -> bool {
        self.lan.has_seen(|event| matches!(event, Event::FileSent { request, .. } if *request == wanted))
    }

    fn has_metric(&self, row: &str) -> bool {
        get(self.port, "/metrics").contains(row)
    }

    /// After a kill: every message is there once, in its order, and every file that was acknowledged is whole.
    fn survives_a_kill(&mut self, texts: &[&str], files: &[PathBuf]) {
        self.server.kill();
        self.server.restart();
        let (mut late, _) = Person::in_room(guest(&self.server.target, "Muộn"), ROOM);
        until_so("all messages", LIMIT, || late.chat_count() >= texts.len());
        let chats = late.chats();
        let found: Vec<(u64, &str)> = chats.iter().map(|(id, text)| (*id, text.as_str())).collect();
        assert_eq!(found, (1..).zip(texts.iter().copied()).collect::<Vec<_>>(), "none is lost, none is there twice");
        let asked = late.engine.request();
        late.send(Command::ListFiles { request: asked, room: self.room, before: 0, count: 100 });
        for path in files {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let file = late.wait(&name, LIMIT, |event| match event {
                Event::File { request, file, .. } if *request == asked && file.name == name => Some(file.clone()),
                _ => None,
            });
            let (request, folder) = (late.engine.request(), self.folder.path().join("back"));
            late.send(Command::FetchFile { request, file, folder });
            let back = late.wait("the file", LIMIT, |event| match event {
                Event::FileFetched { request: fetched, path } if *fetched == request => Some(path.clone()),
                _ => None,
            });
            assert!(fs::read(back).expect("read") == fs::read(path).expect("read"), "{name} is another one");
        }
    }
}

/// The reason for which a message waits.
fn wait_for_delay(person: &mut Person, wanted: u64) -> Refusal {
    person.wait("word of a delay", LIMIT, |event| match event {
        Event::MessageDelayed { reference, reason } if *reference == wanted => Some(*reason),
        _ => None,
    })
}

#[test]
fn a_failing_fsync_acknowledges_nothing_and_the_database_is_opened_anew_when_the_disk_is_well() {
    let mut scene = Scene::start();
    scene.lan.say_stored(scene.room, "trước");
    let began = Clock::now();
    let Some(fault) = Fault::inject(scene.server.id(), "fsync,fdatasync", "EIO") else { return };
    let during = scene.lan.say(scene.room, "trong lúc hỏng");
    assert_eq!(wait_for_delay(&mut scene.lan, during), Refusal::Storage);
    let (request, path) = scene.send_file("tệp trong lúc hỏng");
    let answer = until("a server that says that it is not ready", LIMIT, || {
        Some(get(scene.port, "/readyz")).filter(|answer| answer.contains("503"))
    });
    assert!(answer.contains("not ready: the disk fails"), "{answer}");
    assert!(get(scene.port, "/healthz").contains("200 OK"), "it lives: nobody shall restart it");
    assert!(scene.has_metric("\nhph_store_disk{hph_store_disk=\"failed\"} 1\n"));
    pause(ms(3000));
    assert!(!scene.is_stored(during) && !scene.is_sent(request), "nothing is acknowledged");
    assert!(scene.server.said().1.contains("the disk fails"), "{}", scene.server.said().1);
    let gap = scene.longest_gap(began);
    println!("longest silence while the disk failed: {gap:?}");
    assert!(gap < ms(1000), "{gap:?}");

    drop(fault);
    let mended = Clock::now();
    until_so("the message", LIMIT, || scene.is_stored(during));
    println!("stored {:?} after the disk was well", elapsed(mended));
    until_so("the file", LIMIT, || scene.is_sent(request));
    until_so("the other's look", LIMIT, || scene.minh.chat_count() == 2);
    assert!(get(scene.port, "/readyz").contains("200 OK"));
    assert!(!scene.has_metric("\nhph_store_reopened_total 0\n"), "it was not restarted");
    assert!(scene.server.said().1.contains("well again"), "{}", scene.server.said().1);
    scene.lan.say_stored(scene.room, "sau");
    assert!(!scene.lan.has_seen(|event| matches!(event, Event::Lost { .. })), "nobody was thrown out");
    scene.survives_a_kill(&["trước", "trong lúc hỏng", "sau"], &[path]);
}

#[test]
fn a_full_disk_refuses_what_must_be_written_and_takes_it_when_there_is_place() {
    let mut scene = Scene::start();
    scene.lan.say_stored(scene.room, "trước");
    let huong = member(&scene.server.target, "huong", "mật khẩu dài");
    drop(Person::signed_in(huong.clone()));
    let began = Clock::now();
    let Some(fault) = Fault::inject(scene.server.id(), "pwrite64", "ENOSPC") else { return };
    let during = scene.lan.say(scene.room, "trong lúc đầy");
    assert_eq!(wait_for_delay(&mut scene.lan, during), Refusal::Storage);
    let (request, _) = scene.send_file("tệp trong lúc đầy");
    scene.lan.wait("refused file", LIMIT, |event| {
        matches!(event, Event::FileFailed { request: failed, .. } if *failed == request).then_some(())
    });
    let answer = get(scene.port, "/readyz");
    assert!(answer.contains("503") && answer.contains("not ready: the disk is full"), "{answer}");
    assert!(scene.has_metric("\nhph_store_disk{hph_store_disk=\"full\"} 1\n"));
    pause(ms(2000));
    assert!(!scene.is_stored(during), "nothing is acknowledged");
    // What is there can still be read.
    let (late, _) = Person::in_room(guest(&scene.server.target, "Muộn"), ROOM);
    until_so("what was said before", LIMIT, || late.chat_count() == 1);
    drop(Person::signed_in(huong));
    let gap = scene.longest_gap(began);
    println!("longest silence while the disk was full: {gap:?}");
    assert!(gap < ms(1000), "{gap:?}");

    drop(fault);
    let mended = Clock::now();
    until_so("the message", LIMIT, || scene.is_stored(during));
    println!("stored {:?} after there was place", elapsed(mended));
    until_so("a server that is ready", LIMIT, || get(scene.port, "/readyz").contains("200 OK"));
    assert!(scene.has_metric("\nhph_store_reopened_total 0\n"), "a full disk is no failing one");
    let (request, path) = scene.send_file("tệp sau");
    until_so("the file", LIMIT, || scene.is_sent(request));
    scene.survives_a_kill(&["trước", "trong lúc đầy"], &[path]);
}
