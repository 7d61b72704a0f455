//! Networks that let no datagrams pass: media goes over the control connection, and returns by itself.

use std::time::Duration;

use hph_client::engine::Event;
use hph_core::id::TrackId;
use hph_core::time::Instant;
use hph_platform::clock::Clock;
use hph_tests::wire_lab::person::{Arrival, PICTURES, Person, SOUND, guest};
use hph_tests::wire_lab::proxy::Proxy;
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{between, elapsed, ms, pause, until_so};

const ROOM: &str = "Nhóm 17";
const BLOCK: Duration = Duration::from_millis(20);

fn block(count: u32) -> Vec<u8> {
    count.to_be_bytes().repeat(40)
}

/// The longest time without a frame of a track between two moments.
fn longest_gap(arrivals: &[Arrival], track: TrackId, from: Instant, to: Instant) -> Duration {
    let of_track = arrivals.iter().filter(|arrival| arrival.track == track).map(|arrival| arrival.at);
    let mut moments = vec![from];
    moments.extend(of_track.filter(|at| (from..to).contains(at)));
    moments.push(to);
    moments.windows(2).map(|pair| between(pair[0], pair[1])).max().unwrap_or_default()
}

fn wait_for_tunnel(person: &mut Person, is_wanted: bool, limit: Duration) -> Instant {
    let what = if is_wanted { "tunnel" } else { "end of the tunnel" };
    person
        .wait_timed(what, limit, |event| {
            matches!(event, Event::Tunnelled { is_on } if *is_on == is_wanted).then_some(())
        })
        .0
}

fn wait_for_frames(person: &Person, count: usize) {
    let already = person.arrival_count();
    until_so("flowing frames", ms(5000), || person.arrival_count() >= already + count);
}

#[test]
fn a_wall_during_a_call_is_passed_within_a_second_and_datagrams_return_when_it_is_gone() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    for person in [&mut lan, &mut minh] {
        person.switch(room, TrackId::MICROPHONE, SOUND);
    }
    let _voices = [&lan, &minh].map(|person| person.stream(room, TrackId::MICROPHONE, BLOCK, block));
    wait_for_frames(&lan, 10);
    wait_for_frames(&minh, 10);

    let walled_at = Clock::now();
    proxy.hold_udp(true);
    let told_at = wait_for_tunnel(&mut lan, true, ms(3000));
    pause(ms(3000));
    for (name, person) in [("Lan", &lan), ("Minh", &minh)] {
        let gap = longest_gap(&person.arrivals(), TrackId::MICROPHONE, walled_at, Clock::now());
        println!("{name} heard nothing for {gap:?}; told after {:?}", between(walled_at, told_at));
        assert!(gap <= ms(1100), "{gap:?}");
    }
    let asked_at = Clock::now();
    lan.say_stored(room, "nghe không?");
    assert!(elapsed(asked_at) < ms(500));

    proxy.hold_udp(false);
    let opened_at = Clock::now();
    let back_at = wait_for_tunnel(&mut lan, false, ms(5000));
    println!("back on UDP after {:?}", between(opened_at, back_at));
    pause(ms(1500));
    let before = proxy.recording().len_bytes().0;
    wait_for_frames(&lan, 50);
    wait_for_frames(&minh, 50);
    assert!(proxy.recording().len_bytes().0 > before + 10_000, "voices are datagrams again");
    for person in [&lan, &minh] {
        let gap = longest_gap(&person.arrivals(), TrackId::MICROPHONE, opened_at, Clock::now());
        assert!(gap <= ms(400), "the return interrupts nobody: {gap:?}");
    }
    for event in [&lan, &minh].map(Person::log).concat() {
        assert!(!matches!(event.1, Event::Lost { .. } | Event::Datagrams { is_up: false }), "{event:?}");
    }
    assert!(!minh.has_seen(|event| matches!(event, Event::Tunnelled { .. })), "one wall is nobody else's matter");
    assert!(server.figures().tunnelled > 100);
}

#[test]
fn who_comes_from_behind_a_wall_is_in_the_call_after_a_second() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    proxy.hold_udp(true);
    let (mut minh, room) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    minh.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = minh.stream(room, TrackId::MICROPHONE, BLOCK, block);
    let mut lan = Person::signed_in(guest(&server.target.at(proxy.address), "Lan"));
    let began = Clock::now();
    lan.join(ROOM);
    lan.wait_for_datagrams();
    println!("up after {:?}", elapsed(began));
    assert!(elapsed(began) < ms(1500));
    wait_for_frames(&lan, 10);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = lan.stream(room, TrackId::MICROPHONE, BLOCK, block);
    wait_for_frames(&minh, 10);
}

#[test]
fn over_a_slow_connection_voices_go_first_chat_waits_for_neither_and_pictures_are_dropped() {
    let server = LocalServer::start();
    // 60 kB/s; the pictures alone would be ten times as much.
    let proxy = Proxy::start_slow(server.target.address, 60_000);
    proxy.hold_udp(true);
    let mut lan = Person::signed_in(guest(&server.target.at(proxy.address), "Lan"));
    let room = lan.join(ROOM);
    lan.wait_for_datagrams();
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    minh.switch(room, TrackId::MICROPHONE, SOUND);
    minh.switch(room, TrackId::CAMERA, PICTURES);
    let _voice = minh.stream(room, TrackId::MICROPHONE, BLOCK, block);
    let _pictures = minh.stream(room, TrackId::CAMERA, ms(100), |count| count.to_be_bytes().repeat(15_000));
    wait_for_frames(&lan, 10);
    let began = Clock::now();
    let mut waits = Vec::new();
    for number in 0..12 {
        let said_at = Clock::now();
        lan.say_stored(room, &format!("tin {number}"));
        waits.push(elapsed(said_at));
        pause(ms(250));
    }
    waits.sort();
    let gap = longest_gap(&lan.arrivals(), TrackId::MICROPHONE, began, Clock::now());
    println!("chat was acknowledged after {:?} (median), {:?} (worst); silence {gap:?}", waits[6], waits[11]);
    assert!(waits[6] < ms(600), "{waits:?}");
    assert!(gap < ms(700), "{gap:?}");
    let whole = |track| lan.arrivals().iter().filter(|arrival| arrival.track == track && arrival.at >= began).count();
    let (voices, pictures) = (whole(TrackId::MICROPHONE), whole(TrackId::CAMERA));
    println!("{voices} voice frames, {pictures} pictures of {} sent", elapsed(began).as_millis() / 100);
    assert!(voices as u128 >= elapsed(began).as_millis() / 20 * 9 / 10, "{voices}");
    assert!((pictures as u128) < elapsed(began).as_millis() / 100, "they can't all have passed");
}
