//! A screen that is shared, from one program to another.

use std::time::Duration;

use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::server::ServerProcess;
use hph_tests::wire_lab::wait::{ms, until_so};
use serde_json::Value;

const ROOM: &str = "Nhóm 17";
const SCREEN: &str = "screen";

/// What the summary says of the screen in a list, by the field.
fn counted(summary: &Value, list: &str, field: &str) -> u64 {
    let tracks = summary[list].as_array().expect("a list");
    tracks.iter().filter(|entry| entry["track"] == SCREEN).filter_map(|entry| entry[field].as_u64()).sum()
}

#[test]
fn a_shared_screen_reaches_others_as_a_track_of_its_own() {
    let server = ServerProcess::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (link, here, there) = (server.target.link(), place("here"), place("there"));
    let viewer = Hph::start(&[
        "join",
        &link,
        "--room",
        ROOM,
        "--name",
        "Minh",
        "--state",
        &here,
        "--for",
        "60s",
        "--json",
        "--no-input",
    ]);
    until_so("the viewer in the room", ms(15_000), || !viewer.events("joined").is_empty());
    let presenter = ["join", &link, "--room", ROOM, "--name", "Lan", "--state", &there, "--json", "--no-input"];
    let presenter =
        Hph::start(&[&presenter[..], &["--screen", "test", "--screen-mode", "motion", "--for", "3s"]].concat());
    let is_announced = || {
        let told = viewer.events("participant");
        told.iter().any(|event| event["tracks"][SCREEN]["width"] == 1280 && event["tracks"]["camera"]["is_on"] == false)
    };
    until_so("the announced screen", Duration::from_secs(15), is_announced);
    let (status, lines) = presenter.finish(ms(30_000));
    assert!(status.success(), "{status}");
    until_so("word that the presenter left", ms(5000), || !viewer.events("participant_gone").is_empty());
    let seen = viewer.interrupt(ms(10_000));
    let summary = |lines: &[String]| objects(lines, "summary").pop().expect("a summary");
    let (sent, seen) = (summary(&lines), summary(&seen));
    let (captured, shown) = (counted(&sent, "sent", "captured"), counted(&seen, "received", "frames"));
    assert!(captured >= 20, "{captured} captured in 3 s");
    // A budget or a busy machine may leave out pictures of so much motion, but of what was sent nothing may be missing.
    assert!(shown >= 10, "{shown} shown of {captured}");
    for what in ["lost", "broken", "strips_missing", "strips_refused"] {
        assert_eq!(counted(&seen, "received", what), 0, "{what}: {seen} {sent}");
    }
}
