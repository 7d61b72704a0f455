//! Figures for whoever watches a server: exactly OpenMetrics, with something in them after a meeting, and all that the
//! dashboard asks for. And what a service manager hears.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use hph_client::engine::Command;
use hph_core::id::TrackId;
use hph_platform::clock::Clock;
use hph_tests::wire_lab::command::Hph;
use hph_tests::wire_lab::fault::Fault;
use hph_tests::wire_lab::openmetrics::{self, Family};
use hph_tests::wire_lab::person::{PICTURES, Person, SOUND, guest};
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{elapsed, ms, pause, until_so};

use super::owner::{free_port, get};

const ROOM: &str = "Nhóm 17";
const LIMIT: Duration = ms(20_000);

fn figures(port: u16) -> BTreeMap<String, Family> {
    let answer = get(port, "/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains("Content-Type: application/openmetrics-text; version=1.0.0"), "{head}");
    openmetrics::parse(body).unwrap_or_else(|why| panic!("{why} in:\n{body}"))
}

fn value(families: &BTreeMap<String, Family>, family: &str, sample: &str) -> f64 {
    let samples = families.get(family).map(|family| &family.samples).into_iter().flatten();
    samples.filter(|known| known.name == sample).map(|known| known.value).sum()
}

#[test]
fn figures_are_openmetrics_to_the_letter_and_tell_what_a_meeting_did() {
    let port = free_port();
    let server = LocalServer::start_with(|config| config.metrics = Some(([127, 0, 0, 1], port).into()));
    // Also before anything happened.
    figures(port);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    lan.switch(room, TrackId::CAMERA, PICTURES);
    let _voice = lan.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(40));
    let _pictures = lan.stream(room, TrackId::CAMERA, ms(50), |count| count.to_be_bytes().repeat(2000));
    lan.say_stored(room, "số liệu");
    let request = lan.engine.request();
    lan.send(Command::History { request, room, before: 0, count: 9, words: Some("so".to_owned()) });
    let mut wrong = RawClient::connect(&server.target, None).expect("connected");
    assert!(wrong.try_password("khongco", "mật khẩu sai").is_err());
    until_so("frames", LIMIT, || minh.arrival_count() > 100);
    let is_there = |family: &str, sample: &str| {
        until_so(sample, LIMIT, || value(&figures(port), family, sample) > 0.0);
    };
    for (family, sample) in [
        ("hph_participants", "hph_participants"),
        ("hph_rooms", "hph_rooms"),
        ("hph_build", "hph_build_info"),
        ("hph_datagrams_received", "hph_datagrams_received_total"),
        ("hph_received_bytes", "hph_received_bytes_total"),
        ("hph_datagrams_forwarded", "hph_datagrams_forwarded_total"),
        ("hph_sent_bytes", "hph_sent_bytes_total"),
        ("hph_forward_seconds", "hph_forward_seconds_count"),
        ("hph_client_round_trip_seconds", "hph_client_round_trip_seconds_count"),
        ("hph_client_loss_ratio", "hph_client_loss_ratio_count"),
        ("hph_store_commit_seconds", "hph_store_commit_seconds_sum"),
        ("hph_store_search_seconds", "hph_store_search_seconds_count"),
        ("hph_sign_in_failures", "hph_sign_in_failures_total"),
    ] {
        is_there(family, sample);
    }
    let now = figures(port);
    let (bytes, datagrams) = ("hph_sent_bytes_total", "hph_datagrams_forwarded_total");
    let per_packet = value(&now, "hph_sent_bytes", bytes) / value(&now, "hph_datagrams_forwarded", datagrams);
    assert!((60.0..=1300.0).contains(&per_packet), "{per_packet} bytes a packet");
}

#[test]
fn every_figure_that_the_dashboard_asks_for_is_there() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../frontends/cli/packaging/grafana-dashboard.json");
    let dashboard: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("the dashboard")).expect("JSON");
    let targets = dashboard["panels"].as_array().expect("panels").iter();
    let targets = targets.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let queries: Vec<String> = targets.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect();
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = queries.iter().flat_map(|query| query.split(|c| !is_inside(c)));
    let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("hph_")).collect();
    assert!(asked.len() > 25, "{asked:?}");
    let port = free_port();
    let _server = LocalServer::start_with(|config| config.metrics = Some(([127, 0, 0, 1], port).into()));
    let there = openmetrics::names(&figures(port));
    let labels = ["hph_store_disk"];
    let missing: Vec<_> = asked.iter().filter(|name| !there.contains(**name) && !labels.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What a service manager hears, each datagram once.
struct Manager(UnixDatagram);

impl Manager {
    /// What came within `limit` that `is_it`; none if nothing did.
    fn hears(&self, limit: Duration, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let began = Clock::now();
        let mut space = [0; 4096];
        while elapsed(began) < limit {
            if let Ok(len) = self.0.recv(&mut space) {
                let text = String::from_utf8_lossy(&space[..len]).into_owned();
                if is_it(&text) {
                    return Some(text);
                }
            }
        }
        None
    }
}

fn has_row(row: &'static str) -> impl Fn(&str) -> bool {
    move |text| text.lines().any(|known| known == row)
}

#[test]
fn a_service_manager_hears_that_the_server_is_ready_lives_hangs_and_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let manager = Manager(UnixDatagram::bind(at("notify")).expect("a socket"));
    manager.0.set_read_timeout(Some(ms(100))).expect("set");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", &at("data"), "--set", "announce=off", "--json"];
    let serve = [&serve[..], &["--set", "relay_threads=2"]].concat();
    let server = Hph::start_with(&serve, &[("NOTIFY_SOCKET", &at("notify")), ("WATCHDOG_USEC", "15000000")]);
    manager.hears(LIMIT, has_row("READY=1")).expect("ready");
    assert_eq!(server.events("listening").len(), 1, "not before it listens");
    let alive = manager.hears(LIMIT, has_row("WATCHDOG=1")).expect("alive");
    assert!(alive.contains("STATUS=0 people, 0 rooms; the disk is well"), "{alive}");
    // One relay thread of two hangs: the other, and the control loop, do not speak for it.
    if let Some(fault) = Fault::hang(server.id(), "relay-1", "poll,ppoll,recvmmsg,recvmsg") {
        pause(ms(4500));
        while manager.0.recv(&mut [0; 4096]).is_ok() {}
        assert_eq!(manager.hears(ms(5000), has_row("WATCHDOG=1")), None);
        drop(fault);
        manager.hears(LIMIT, has_row("WATCHDOG=1")).expect("alive again");
    }
    assert_eq!(server.terminate(LIMIT), Some(0));
    manager.hears(LIMIT, has_row("STOPPING=1")).expect("stopping");
}

#[test]
fn the_log_has_sessions_and_rooms_by_number_and_names_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let server =
        Hph::start(&["serve", "-v", "--listen", "127.0.0.1:0", "--data", &data, "--set", "announce=off", "--json"]);
    until_so("the server", LIMIT, || !server.events("listening").is_empty());
    let link = server.events("listening")[0]["link"].as_str().expect("a link").to_owned();
    let state = folder.path().join("state").display().to_string();
    let (status, said) =
        Hph::start(&["chat", &link, "--room", ROOM, "--name", "Hường", "--state", &state, "bí mật"]).finish(LIMIT);
    assert!(status.success(), "{said:?}");
    until_so("rows of the log", LIMIT, || {
        let log = server.complaints();
        [" begins\n", " made by session ", " ends\n"].iter().all(|part| log.contains(part))
    });
    let log = server.complaints();
    assert!(
        !log.contains("Hường") && !log.contains(ROOM) && !log.contains("bí mật") && !log.contains("guest-"),
        "{log}"
    );
    server.interrupt(LIMIT);
}
