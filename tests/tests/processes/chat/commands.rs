//! The same by `hph`, as scripts and people use it.

use std::time::Duration;

use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::server::ServerProcess;
use serde_json::Value;

use super::ROOM;

const LIMIT: Duration = Duration::from_secs(30);

/// A user with a state directory: the same device each time.
struct User {
    link: String,
    state: tempfile::TempDir,
}

impl User {
    fn run(&self, arguments: &[&str], input: &str) -> (Option<i32>, Vec<String>, String) {
        let state = self.state.path().display().to_string();
        let (command, rest) = arguments.split_first().expect("a command");
        let mut line = vec![*command, &self.link, "--json", "--state", &state, "--name", "Hường"];
        line.extend(rest);
        let hph = Hph::start_with_lines(&line, input);
        let id = hph.id();
        let (status, lines) = hph.finish(LIMIT);
        (status.code(), lines, format!("{arguments:?}, process {id}"))
    }

    fn chat(&self, arguments: &[&str]) -> Vec<String> {
        let (code, lines, what) = self.run(&[&["chat", "--room", ROOM], arguments].concat(), "");
        assert_eq!(code, Some(0), "{what}: {lines:?}");
        lines
    }
}

fn texts(lines: &[String]) -> Vec<(u64, Value)> {
    let found = objects(lines, "chat_found").into_iter();
    found.map(|found| (found["id"].as_u64().expect("a number"), found["text"].clone())).collect()
}

#[test]
fn history_search_edit_and_delete_by_commands() {
    let server = ServerProcess::start(&[]);
    let user = User { link: server.target.link(), state: tempfile::tempdir().expect("a directory") };
    user.chat(&["Đạt ơi", "họp lúc 8 giờ", "nhầm"]);
    user.chat(&["--edit", "2", "họp", "lúc 9 giờ"]);
    user.chat(&["--delete", "3"]);
    let now = [(1, "Đạt ơi".into()), (2, "họp lúc 9 giờ".into()), (3, Value::Null)];
    assert_eq!(texts(&user.chat(&["--history", "9"])), now, "the oldest first");
    assert_eq!(texts(&user.chat(&["--history", "1", "--before", "3"])), now[1..2]);
    let found = user.chat(&["--search", "dat"]);
    assert_eq!(texts(&found), now[..1]);
    assert_eq!(objects(&found, "chat_found_all")[0]["before"], 0);
    assert_eq!(texts(&user.chat(&["--search", "nhầm"])), []);

    let other = User { link: server.target.link(), state: tempfile::tempdir().expect("a directory") };
    let (code, lines, _) = other.run(&["chat", "--room", ROOM, "--edit", "1", "x"], "");
    assert_eq!(code, Some(7), "{lines:?}");
    let (code, lines, _) = other.run(&["chat", "--room", ROOM, "--delete", "99"], "");
    assert_eq!(code, Some(7), "{lines:?}");
}

#[test]
fn the_same_by_lines_in_a_chat_that_is_followed_and_in_a_meeting() {
    let server = ServerProcess::start(&[]);
    let user = User { link: server.target.link(), state: tempfile::tempdir().expect("a directory") };
    let typed = "một\nhai\n/edit hai rưỡi\n/edit #1 một rưỡi\nba\n/delete\n/search ruoi\n/quit\n";
    let (code, lines, what) = user.run(&["chat", "--room", ROOM, "--follow", "--timeout", "20s"], typed);
    assert_eq!(code, Some(0), "{what}: {lines:?}");
    assert_eq!(objects(&lines, "chat_changed").len(), 3, "{lines:?}");
    assert_eq!(texts(&lines), [(1, "một rưỡi".into()), (2, "hai rưỡi".into())]);

    let (code, lines, what) = user.run(&["join", "--room", ROOM, "--for", "20s"], "/search một\n/delete #1\n/quit\n");
    assert_eq!(code, Some(0), "{what}: {lines:?}");
    assert_eq!(texts(&lines), [(1, "một rưỡi".into())]);
    assert_eq!(texts(&user.chat(&["--history", "9"]))[0], (1, Value::Null));
}

#[test]
fn what_is_not_read_and_what_was_written_to_one_by_commands() {
    let server = ServerProcess::start(&["--registration", "everyone"]);
    let password = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(password.path(), "mật khẩu dài\n").expect("written");
    let password = password.path().display().to_string();
    let who = ["--user", "minh", "--register", "--password-file", &password];
    let minh = User { link: server.target.link(), state: tempfile::tempdir().expect("a directory") };
    let lan = User { link: server.target.link(), state: tempfile::tempdir().expect("a directory") };
    let run = |arguments: &[&str], input: &str| {
        let (code, lines, what) = minh.run(&[arguments, &who].concat(), input);
        assert_eq!(code, Some(0), "{what}: {lines:?}");
        lines
    };
    lan.chat(&["một"]);
    // Whoever follows has read what was shown.
    run(&["chat", "--room", ROOM, "--follow", "--timeout", "3s"], "");
    lan.chat(&["hai", "ba"]);
    let (code, lines, what) = lan.run(&["msg", "minh", "riêng"], "");
    assert_eq!(code, Some(0), "{what}: {lines:?}");
    let unread = |lines: &[String]| -> Vec<(bool, u64)> {
        let told = objects(lines, "unread").into_iter();
        told.map(|told| (told["is_direct"] == true, told["unread"].as_u64().expect("a number"))).collect()
    };
    assert_eq!(unread(&run(&["unread"], "")), [(true, 1), (false, 2)]);
    let direct = |lines: &[String]| -> Vec<Value> {
        objects(lines, "direct").into_iter().map(|direct| direct["text"].clone()).collect()
    };
    assert_eq!(direct(&run(&["inbox"], "")), ["riêng"]);
    assert_eq!(direct(&run(&["inbox"], "")), [] as [&str; 0], "it was read");
    assert_eq!(direct(&run(&["inbox", "--all"], "")), ["riêng"]);
    assert_eq!(unread(&run(&["unread"], "")), [(true, 0), (false, 2)]);
}
