//! The wall clock of a server jumps by years and hours, as one without a battery does when it hears of the time: nobody is
//! thrown out, nobody is locked out, and messages keep their order.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hph_client::engine::Event;
use hph_client::link::Invitation;
use hph_core::id::TrackId;
use hph_platform::clock::Clock;
use hph_tests::wire_lab::command::Hph;
use hph_tests::wire_lab::person::{Person, SOUND, guest, member};
use hph_tests::wire_lab::server::Target;
use hph_tests::wire_lab::wait::{between, elapsed, ms, pause, until_so};

use super::owner::{free_port, get};

const ROOM: &str = "Nhóm 17";
const PASSWORD: &str = "mật khẩu dài";
const LIMIT: Duration = ms(20_000);
/// What the clock is off by, one after the other: ten years on, an hour back from the truth, seconds to and fro, the truth.
const STEPS: [&str; 6] = ["+3650d", "-1h", "+2", "-2", "+1", "+0"];

/// The library that lies about the time; none if it is not installed.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.map_while(Result::ok);
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    libraries.find(|path| path.exists())
}

#[test]
fn a_clock_that_jumps_throws_nobody_out_and_locks_nobody_out() {
    let Some(library) = faketime() else {
        assert!(std::env::var_os("CI").is_none(), "libfaketime is not there");
        return println!("left out: libfaketime is not installed");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let step = |by: &str| {
        fs::write(at("draft"), by).expect("written");
        fs::rename(at("draft"), at("time")).expect("in one step");
    };
    step("+0");
    let port = free_port();
    // Only the wall clock: nothing steps the monotonic one.
    let lies = [
        ("LD_PRELOAD", library.to_str().expect("a path")),
        ("FAKETIME_TIMESTAMP_FILE", &at("time")),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let server = Hph::start_with(
        &[
            &["serve", "--listen", "127.0.0.1:0", "--data", &at("data"), "--set", "announce=off", "--json"][..],
            &["--set", &format!("metrics=127.0.0.1:{port}")],
        ]
        .concat(),
        &lies,
    );
    until_so("the server", LIMIT, || !server.events("listening").is_empty());
    let link = server.events("listening")[0]["link"].as_str().expect("a link").to_owned();
    let invitation: Invitation = link.parse().expect("a link");
    let target =
        Target { address: ([127, 0, 0, 1], invitation.port).into(), pin: invitation.pin.expect("with the key") };

    let (mut lan, room) = Person::in_room(member(&target, "lan", PASSWORD), ROOM);
    let (minh, _) = Person::in_room(guest(&target, "Minh"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = lan.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(160));
    until_so("flowing frames", LIMIT, || minh.arrival_count() > 10);
    let began = Clock::now();
    let mut worst = Duration::ZERO;
    for (number, by) in STEPS.into_iter().enumerate() {
        step(by);
        assert_eq!(lan.say_stored(room, by), number as u64 + 1);
        // Somebody with a new account, and somebody who mistypes.
        let asked = Clock::now();
        drop(Person::signed_in(member(&target, &format!("nguoi{number}"), PASSWORD)));
        let mut wrong = Person::start(member(&target, "lan", "gõ nhầm rồi"));
        wrong.wait("refusal", LIMIT, |event| matches!(event, Event::Ended(_)).then_some(()));
        worst = worst.max(elapsed(asked));
        pause(ms(300));
    }
    let arrivals = minh.arrivals();
    let moments: Vec<_> = arrivals.iter().map(|arrival| arrival.at).filter(|at| *at >= began).collect();
    let gap = moments.windows(2).map(|pair| between(pair[0], pair[1])).max().expect("a voice");
    println!("{} steps: longest silence {gap:?}, two sign-ins {worst:?} at most", STEPS.len());
    assert!(gap < ms(400), "{gap:?}");
    for person in [&lan, &minh] {
        assert!(!person.has_seen(|event| matches!(event, Event::Lost { .. } | Event::Ended(_))));
    }
    // The steps were felt: the second message is older than the first.
    let times: Vec<u64> = minh
        .log()
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Chat { time_ms, .. } => Some(*time_ms),
            _ => None,
        })
        .collect();
    assert!(times.len() == STEPS.len() && times[0] > times[1] + 3600 * 24 * 1000, "{times:?}");
    // Ten years on once more: a device that loses its connection comes back by its token, without a password.
    step("+3650d");
    let attempts = || {
        let figures = get(port, "/metrics");
        figures.lines().find(|row| row.starts_with("hph_sign_in_attempts_total ")).map(ToOwned::to_owned)
    };
    let before = attempts();
    assert!(Hph::start(&["admin", "--data", &at("data"), "sign-out", "lan"]).finish(LIMIT).0.success());
    lan.wait("loss", LIMIT, |event| matches!(event, Event::Lost { .. }).then_some(()));
    lan.wait("return", LIMIT, |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
    assert!(before.is_some() && attempts() == before, "{before:?}, {:?}", attempts());
    drop((lan, minh));
    server.interrupt(LIMIT);
}
