//! The program as its owner meets it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use hph_client::engine::{Command, Event, new_reference};
use hph_tests::wire_lab::command::Hph;
use hph_tests::wire_lab::person::{Person, member};
use hph_tests::wire_lab::server::ServerProcess;
use hph_tests::wire_lab::wait::{ms, pause};

use super::{PASSWORD, ROOM, files, root};

#[test]
fn defect_22_a_server_says_nothing_of_what_people_say() {
    let server = ServerProcess::start(&["-vv"]);
    let (mut huong, room) = Person::in_room(member(&server.target, "huong", PASSWORD), ROOM);
    let mut minh = Person::signed_in(member(&server.target, "minh", "một mật khẩu khác"));
    huong.say_stored(room, "câu nói trong phòng");
    let (reference, to, text) = (new_reference(), "minh".to_owned(), "lời nhắn riêng".to_owned());
    huong.send(Command::Direct { reference, to, text });
    minh.wait("direct message", ms(10_000), |event| matches!(event, Event::Direct { .. }).then_some(()));
    drop((huong, minh));
    pause(ms(300));
    let (output, complaints) = server.said();
    assert!(!output.is_empty());
    for secret in ["câu nói", "lời nhắn", PASSWORD, "mật khẩu khác"] {
        assert!(!output.contains(secret) && !complaints.contains(secret), "{secret}:\n{output}\n{complaints}");
    }
}

#[test]
fn defect_29_a_server_that_can_not_do_its_work_says_so_and_ends() {
    let first = ServerProcess::start(&[]);
    let lab = tempfile::tempdir().expect("a directory");
    let data = lab.path().join("data").display().to_string();
    let taken = first.target.address.to_string();
    let (status, _) = Hph::start(&["serve", "--data", &data, "--listen", &taken]).finish(ms(10_000));
    assert!(!status.success(), "the port is taken");

    let damaged = lab.path().join("damaged");
    fs::create_dir(&damaged).expect("made");
    let files = files(&first.data_dir(), &|_| true);
    let database = files.iter().find(|path| path.extension().is_some_and(|extension| extension == "db"));
    let name = database.expect("a database").file_name().expect("a name");
    fs::write(damaged.join(name), "no database").expect("written");
    let data = damaged.display().to_string();
    let (status, _) = Hph::start(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]).finish(ms(10_000));
    assert!(!status.success(), "the database is damaged");
    assert_eq!(fs::read(damaged.join(name)).expect("read"), b"no database", "nothing is erased");
}

#[test]
fn defect_34_no_address_of_anybody_is_built_in() {
    let folders = ["core", "platform", "server", "frontends", "scripts"].map(|folder| root().join(folder));
    let is_source = |path: &Path| {
        let is_text = path.extension().is_none_or(|extension| extension == "rs" || extension == "toml");
        is_text && !path.ends_with("tests.rs") && !path.components().any(|part| part.as_os_str() == "tests")
    };
    let mut looked_at = 0;
    for path in folders.iter().flat_map(|folder| files(folder, &is_source)) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        looked_at += 1;
        for word in text.split(|c: char| !c.is_ascii_digit() && c != '.') {
            let Ok(address) = word.parse::<Ipv4Addr>() else { continue };
            // Nobody's address begins with a zero (RFC 1122, 3.2.1.3); a version number may.
            let [network, ..] = address.octets();
            let is_nobody = address.is_loopback() || network == 0 || address.is_documentation();
            assert!(is_nobody, "{}: {address}", path.display());
        }
    }
    assert!(looked_at > 80, "only {looked_at} files");
}
