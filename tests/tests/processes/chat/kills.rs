//! A server that is killed again and again while people talk, write and send files (SQLite's promise, our acknowledgements,
//! the client's resends: all of it together).
//!
//! A short form runs with all tests. `HPH_KILLS=200 HPH_PEOPLE=20` makes it the full one.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use hph_client::engine::{Command, Event, FileTarget};
use hph_client::files::RemoteFile;
use hph_core::id::{RoomId, TrackId};
use hph_core::time::Instant;
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_tests::wire_lab::person::{Person, SOUND, guest};
use hph_tests::wire_lab::server::ServerProcess;
use hph_tests::wire_lab::wait::{between, elapsed, ms, pause, until, until_so};
use tempfile::TempDir;

use super::{ROOM, edit, history, shown};

const MESSAGES: usize = 4;
/// A file takes a few of a connection's turns, so that kills come in the middle of it.
const FILE_BYTES: usize = 300_000;
/// A server is back within this, and a call is heard again within that, from the kill on.
const BACK_MAX: Duration = ms(2000);
const HEARD_MAX: Duration = ms(5000);

/// Files that people send while the server dies.
struct Files {
    folder: TempDir,
    /// Who sends it, and under which number. Its name is its place here.
    sent: Vec<(usize, u32)>,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), sent: Vec::new() }
    }

    fn content(index: usize) -> Vec<u8> {
        let mut state = index as u64 + 1;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        std::iter::repeat_with(next).take(FILE_BYTES + index).collect()
    }

    fn send(&mut self, who: usize, person: &mut Person, room: RoomId) {
        let index = self.sent.len();
        let path = self.folder.path().join(format!("tệp {index}"));
        fs::write(&path, Self::content(index)).expect("written");
        let request = person.engine.request();
        person.send(Command::SendFile { request, to: FileTarget::Room(room), path });
        self.sent.push((who, request));
    }

    /// Waits for the fate of all; gives the numbers of those that were acknowledged, by their place.
    fn acknowledged(&self, people: &[(Person, RoomId)]) -> BTreeMap<usize, u64> {
        let mut stored = BTreeMap::new();
        for (index, (who, wanted)) in self.sent.iter().enumerate() {
            let fate = until("fate of a file", ms(120_000), || {
                people[*who].0.log().iter().find_map(|(_, event)| match event {
                    Event::FileSent { request, file } if request == wanted => Some(Some(*file)),
                    Event::FileFailed { request, .. } if request == wanted => Some(None),
                    _ => None,
                })
            });
            stored.extend(fate.map(|file| (index, file)));
        }
        stored
    }

    /// Fetches every file that was acknowledged, and compares it.
    fn check(&self, person: &mut Person, room: RoomId, stored: &BTreeMap<usize, u64>) {
        let mut shelf: BTreeMap<u64, RemoteFile> = BTreeMap::new();
        let mut before = 0;
        loop {
            let asked = person.engine.request();
            person.send(Command::ListFiles { request: asked, room, before, count: 100 });
            before = person.wait("end of the shelf", ms(30_000), |event| match event {
                Event::File { request, file, .. } if *request == asked => {
                    shelf.insert(file.file, file.clone());
                    None
                }
                Event::FilesAll { request, before } if *request == asked => Some(*before),
                _ => None,
            });
            if before == 0 {
                break;
            }
        }
        for (index, number) in stored {
            let file = shelf.get(number).unwrap_or_else(|| panic!("file {index} was acknowledged and is not there"));
            assert_eq!(file.name, format!("tệp {index}"));
            let (request, folder) = (person.engine.request(), self.folder.path().join("back"));
            person.send(Command::FetchFile { request, file: file.clone(), folder });
            let path = person.wait("a file", ms(30_000), |event| match event {
                Event::FileFetched { request: fetched, path } if *fetched == request => Some(Ok(path.clone())),
                Event::FileFailed { request: failed, reason } if *failed == request => Some(Err(reason.clone())),
                _ => None,
            });
            let path = path.unwrap_or_else(|reason| panic!("file {index}: {reason:?}"));
            assert!(fs::read(&path).expect("read") == Self::content(*index), "file {index} is another one");
            fs::remove_file(path).expect("removed");
        }
    }
}

/// How long after a kill the first frame of a voice was heard.
fn heard_again(person: &Person, killed_at: Instant) -> Duration {
    let first = until("a voice", ms(20_000), || {
        let arrivals = person.arrivals();
        arrivals.iter().map(|arrival| arrival.at).find(|at| between(killed_at, *at) > ms(20))
    });
    person.clear_arrivals();
    between(killed_at, first)
}

fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Everybody's acknowledged messages and changes: number by reference.
fn acknowledged(person: &Person) -> BTreeMap<u64, u64> {
    let events = person.log().into_iter();
    events
        .filter_map(|(_, event)| match event {
            Event::ChatStored { reference, id, .. } => Some((reference, id)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_server_that_is_killed_while_people_talk_loses_and_doubles_nothing() {
    let (kills, people) = (number("HPH_KILLS", 3), number("HPH_PEOPLE", 5));
    let mut server = ServerProcess::start(&["--set", "messages_per_second=1000", "--set", "messages_burst=10000"]);
    let mut people: Vec<(Person, RoomId)> =
        (0..people).map(|n| Person::in_room(guest(&server.target, &format!("Người {n}")), ROOM)).collect();
    let room = people[0].1;
    // What each reference says, and of which message it is a change.
    let mut said = BTreeMap::new();
    let mut files = Files::new();
    let (mut back_ms, mut heard_ms) = (Vec::new(), Vec::new());
    people[0].0.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = people[0].0.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(40));
    for kill in 0..kills {
        let sender = kill % people.len();
        files.send(sender, &mut people[sender].0, room);
        for (n, (person, _)) in people.iter().enumerate() {
            for k in 0..MESSAGES {
                let text = format!("{kill}.{n}.{k}");
                said.insert(person.say(room, &text), (text, None));
            }
            // The last that is known to be stored gets another text.
            let own = acknowledged(person).into_iter().filter(|(reference, _)| said[reference].1.is_none());
            if let Some((_, target)) = own.max_by_key(|(_, id)| *id) {
                let text = format!("{kill}.{n} sửa {target}");
                said.insert(edit(person, room, target, &text), (text, Some(target)));
            }
        }
        pause(ms(u64::from(entropy::array::<1>()[0]) / 4));
        let killed_at = Clock::now();
        server.kill();
        people[1].0.clear_arrivals();
        let (text, (person, _)) = (format!("{kill} khi tắt"), &people[kill % people.len()]);
        said.insert(person.say(room, &text), (text, None));
        let began = Clock::now();
        server.restart();
        back_ms.push(elapsed(began).as_millis());
        for (person, _) in &mut people {
            person.wait("place in the room", ms(20_000), |event| {
                matches!(event, Event::Joined { request: 0, .. }).then_some(())
            });
        }
        heard_ms.push(heard_again(&people[1].0, killed_at).as_millis());
    }
    back_ms.sort_unstable();
    heard_ms.sort_unstable();
    let of = |all: &[u128]| (all[all.len() / 2], all[all.len() - 1]);
    println!("{kills} kills, {} messages and changes, {} files of {FILE_BYTES} bytes", said.len(), files.sent.len());
    println!(
        "the server was back within {:?} ms, a voice was heard after {:?} ms (median, worst)",
        of(&back_ms),
        of(&heard_ms)
    );
    assert!(of(&back_ms).1 <= BACK_MAX.as_millis() && of(&heard_ms).1 <= HEARD_MAX.as_millis());
    let is_all_stored = || people.iter().map(|(person, _)| acknowledged(person).len()).sum::<usize>() == said.len();
    until_so("an acknowledgement of everything", ms(30_000), is_all_stored);

    let numbers: BTreeMap<u64, u64> = people.iter().flat_map(|(person, _)| acknowledged(person)).collect();
    let ids: Vec<u64> = {
        let mut ids: Vec<u64> = numbers.values().copied().collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids, (1..=said.len() as u64).collect::<Vec<_>>(), "each has a number of its own, and none is missing");
    // What every message must say: as it was said, or as it was changed last.
    let mut expected = BTreeMap::new();
    let in_order: BTreeMap<u64, &(String, Option<u64>)> =
        numbers.iter().map(|(reference, id)| (*id, &said[reference])).collect();
    for (id, (text, target)) in in_order {
        expected.insert(target.unwrap_or(id), Some(text.clone()));
    }
    let stored: BTreeMap<u64, Option<String>> = history(&mut people[0].0, room).into_iter().collect();
    assert_eq!(stored, expected);
    for (person, _) in &people {
        until_so("the same for everybody", ms(10_000), || shown(person) == expected);
        let chats = person.chats();
        assert!(chats.is_sorted_by(|a, b| a.0 < b.0), "in order, and none twice");
    }
    let stored = files.acknowledged(&people);
    println!("{} files were acknowledged", stored.len());
    assert!(stored.len() * 10 >= files.sent.len() * 9, "files come through kills");
    files.check(&mut people[1].0, room, &stored);
}
