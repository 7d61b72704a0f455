//! A server that is killed in the middle of writing has lost nothing that it had acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use hph_server::store::{NewChange, NewEntry, NewMessage, Store, StoreLimits};

const DIRECTORY_VARIABLE: &str = "HPH_TEST_STORE_DIRECTORY";
const KILLS: usize = 5;
const ACKNOWLEDGED_MIN: usize = 40;

/// What entry number `id` is: a message, then its text is changed, then it is changed again or taken back.
fn entry(room: u32, id: u64) -> NewEntry {
    let (author, author_ref, time_ms) = ("lan".to_owned(), id, 0);
    let change =
        |target, text| NewEntry::Change(NewChange { room, author: author.clone(), author_ref, time_ms, target, text });
    match id % 3 {
        1 => {
            let (author_name, text) = ("Lan".to_owned(), "xin chào ".repeat(40));
            NewEntry::Message(NewMessage { room, author, author_name, author_ref, time_ms, text })
        }
        2 => change(id - 1, Some(format!("sửa {id}"))),
        _ => change(id - 2, (id % 2 == 1).then(|| format!("sửa lại {id}"))),
    }
}

/// What message number `id` says when everything up to entry number `last` was stored.
fn text(room: u32, id: u64, last: u64) -> Option<String> {
    (id..=last.min(id + 2))
        .filter_map(|id| match entry(room, id) {
            NewEntry::Message(message) => Some(Some(message.text)),
            NewEntry::Change(change) => Some(change.text),
            NewEntry::Direct(_) => None,
        })
        .next_back()
        .flatten()
}

/// The child: writes messages and changes for ever and prints the number of each one that is stored.
#[test]
fn writer_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) else { return };
    let mut store = Store::open(Path::new(&directory), limits()).expect("opens");
    let room = match store.rooms().expect("read").first() {
        Some(room) => room.id,
        None => store.create_room("a", "lan", 0).expect("made").id,
    };
    for id in store.latest_message_id(room).expect("read") + 1.. {
        let stored = store.append_all(&[entry(room, id)]).pop().expect("an answer").expect("stored");
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {}", stored.id).and_then(|()| out.flush()).expect("the parent reads");
    }
}

#[test]
fn no_acknowledged_message_is_lost_or_doubled_by_kill_9() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut acknowledged = 0;
    for _ in 0..KILLS {
        acknowledged = write_and_kill(directory.path()).max(acknowledged);
        let store = Store::open(directory.path(), limits()).expect("opens after the kill");
        let room = store.rooms().expect("read")[0].id;
        let stored = store.messages_after(room, 0, u32::MAX).expect("read");
        let last = stored.len() as u64;
        assert!(last >= acknowledged, "{last} stored, {acknowledged} acknowledged");
        assert!(stored.iter().zip(1..).all(|(message, n)| message.id == n && message.author_ref == n));
        for message in &stored {
            let target = message.target.unwrap_or(message.id);
            assert_eq!(message.text, text(room, target, last), "message {target}");
        }
        let reader = store.reader().expect("opens");
        let search = |words| reader.search(room, words, 0, usize::MAX - 1).expect("found").ids;
        let said: Vec<u64> = (1..=last).filter(|id| id % 3 == 1).rev().collect();
        let says = |what: &str| -> Vec<u64> {
            let fits = |id: &&u64| text(room, **id, last).is_some_and(|text| text.starts_with(what));
            said.iter().filter(fits).copied().collect()
        };
        assert_eq!(search("xin"), says("xin"), "the index agrees with the messages");
        assert_eq!(search("sua"), says("sửa"));
    }
}

/// Runs the child until it has acknowledged some, kills it and returns the last number that it acknowledged.
fn write_and_kill(directory: &Path) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "writer_that_is_killed", "--nocapture"])
        .env(DIRECTORY_VARIABLE, directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut numbers = lines.filter_map(|line| line.rsplit_once("acknowledged ")?.1.parse().ok());
    let mut last = (&mut numbers).take(ACKNOWLEDGED_MIN).last().expect("some acknowledged");
    child.kill().expect("killed");
    last = numbers.last().unwrap_or(last);
    child.wait().expect("ended");
    last
}

fn limits() -> StoreLimits {
    StoreLimits { messages_per_room: 1_000_000, ..StoreLimits::default() }
}
