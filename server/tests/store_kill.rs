//! A server that is killed in the middle of writing has lost nothing that it had acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use hph_server::store::{NewMessage, Store, StoreLimits};

const DIRECTORY_VARIABLE: &str = "HPH_TEST_STORE_DIRECTORY";
const KILLS: usize = 5;
const ACKNOWLEDGED_MIN: usize = 40;

/// The child: writes messages for ever and prints the number of each one that is stored.
#[test]
fn writer_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) else { return };
    let mut store = Store::open(Path::new(&directory), limits()).expect("opens");
    let room = match store.rooms().expect("read").first() {
        Some(room) => room.id,
        None => store.create_room("a", "lan", 0).expect("made").id,
    };
    for author_ref in store.latest_message_id(room).expect("read") + 1.. {
        let message = NewMessage {
            room,
            author: "lan".to_owned(),
            author_name: "Lan".to_owned(),
            author_ref,
            time_ms: 0,
            text: "xin chào".repeat(40),
        };
        let stored = store.append_message(message).expect("stored");
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
        assert!(stored.len() as u64 >= acknowledged, "{} stored, {acknowledged} acknowledged", stored.len());
        assert!(stored.iter().zip(1..).all(|(message, n)| message.id == n && message.author_ref == n));
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
