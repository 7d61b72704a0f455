//! Datagrams: to whom, how long, how many.

use std::collections::BTreeSet;
use std::net::UdpSocket;

use hph_client::engine::{Command, Event};
use hph_core::crypto::hop::{Direction, HopSealer};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::DATAGRAM_MAX_BYTES;
use hph_core::wire::datagram::{Kind, TOKEN_BODY_BYTES};
use hph_platform::clock::Clock;
use hph_tests::wire_lab::person::{PICTURES, Person, SOUND, guest};
use hph_tests::wire_lab::proxy::{Proxy, Way};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{elapsed, ms, pause, until_so};

use super::{BLOCK, ROOM, connect};

#[test]
fn defect_07_an_address_that_proves_nothing_gets_no_media() {
    let server = LocalServer::start();
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    // Somebody who is signed in says "send to me here", at an address that never asked for anything.
    let mut sender = connect(&server);
    let session = sender.sign_in("Kẻ gửi");
    sender.join(ROOM);
    let mut sealer = HopSealer::new(&sender.media, session.0, Direction::ClientToServer);
    let _voice = lan.stream(room, TrackId::MICROPHONE, BLOCK, |count| count.to_be_bytes().repeat(160));

    let victim = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    victim.set_read_timeout(Some(ms(20))).expect("set");
    let (mut asked_bytes, mut got_bytes, mut got) = (0, 0, Vec::new());
    for _ in 0..30 {
        let mut body = [0; TOKEN_BODY_BYTES];
        let prefix = sealer.seal_body(Clock::now(), Kind::Hello as u8, &mut body).expect("sealed");
        let hello = [&prefix[..], &body].concat();
        victim.send_to(&hello, server.target.address).expect("sent");
        asked_bytes += hello.len();
        let mut buffer = [0; 2048];
        while let Ok(len) = victim.recv(&mut buffer) {
            got_bytes += len;
            got.push(buffer[0]);
        }
    }
    println!("{asked_bytes} bytes asked, {got_bytes} bytes in {} datagrams came", got.len());
    assert!(!got.is_empty() && got.iter().all(|kind| *kind == Kind::Challenge as u8), "{got:?}");
    assert!(got_bytes <= asked_bytes);
}

#[test]
fn defect_25_leaving_a_room_stops_all_that_was_sent_there() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    // A frontend that forgets to close its microphone.
    let _voice = lan.stream(room, TrackId::MICROPHONE, BLOCK, |count| count.to_be_bytes().repeat(160));
    until_so("sound", ms(5000), || minh.arrival_count() > 10);
    lan.send(Command::Leave(room));
    lan.wait("leave", ms(5000), |event| matches!(event, Event::Left { .. }).then_some(()));
    let left_at = Clock::now();
    pause(ms(500));
    let recording = proxy.recording();
    let is_media = |way: Way, bytes: &[u8]| way == Way::ToServer && bytes[0] == Kind::Media as u8;
    let since = recording.datagrams.iter().filter(|(at, way, bytes)| *at >= left_at && is_media(*way, bytes));
    assert_eq!(since.count(), 0);
    // Coming back does not switch it on again: that is for the user to say.
    let count = minh.arrival_count();
    lan.join(ROOM);
    pause(ms(300));
    assert_eq!(minh.arrival_count(), count);
}

#[test]
fn defect_27_no_datagram_is_longer_than_1200_bytes() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target.at(proxy.address), "Minh"), ROOM);
    lan.switch(room, TrackId::CAMERA, PICTURES);
    let frame: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    for n in 0..5 {
        lan.send_frame(room, TrackId::CAMERA, n, frame.clone());
        pause(ms(200));
    }
    until_so("a large frame", ms(5000), || minh.arrivals().iter().any(|arrival| arrival.bytes == frame));
    let longest = proxy.recording().datagrams.iter().map(|(_, _, bytes)| bytes.len()).max().expect("datagrams");
    assert!((1100..=DATAGRAM_MAX_BYTES).contains(&longest), "{longest}");
}

#[test]
fn defect_28_two_speakers_are_heard_at_once_each_in_order() {
    let server = LocalServer::start();
    let (listener, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let mut speakers: Vec<(Person, RoomId)> =
        ["Lan", "Hường"].map(|name| Person::in_room(guest(&server.target, name), ROOM)).into();
    for (speaker, room) in &mut speakers {
        speaker.switch(*room, TrackId::MICROPHONE, SOUND);
    }
    let voices: Vec<_> = speakers
        .iter()
        .map(|(speaker, room)| {
            speaker.stream(*room, TrackId::MICROPHONE, BLOCK, |count| count.to_be_bytes().repeat(160))
        })
        .collect();
    let began = Clock::now();
    until_so("sound of both", ms(10_000), || listener.arrival_count() > 200);
    println!("200 blocks of two speakers in {:?}", elapsed(began));
    drop(voices);
    let arrivals = listener.arrivals();
    let slots: BTreeSet<Slot> = arrivals.iter().map(|arrival| arrival.slot).collect();
    assert_eq!(slots.len(), 2);
    for slot in slots {
        let voice: Vec<_> = arrivals.iter().filter(|arrival| arrival.slot == slot).collect();
        assert!(voice.len() > 80, "one waited for the other");
        assert!(voice.windows(2).all(|pair| pair[0].frame + 1 == pair[1].frame), "numbered, in order, none missing");
    }
}

#[test]
fn defect_30_a_flood_of_datagrams_is_cut_to_the_rate() {
    let (rate, burst) = (100, 50);
    let server = LocalServer::start_with(|config| {
        config.datagrams_per_second = rate;
        config.datagrams_burst = burst;
    });
    let (mut flooder, room) = Person::in_room(guest(&server.target, "Lũ"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    flooder.switch(room, TrackId::MICROPHONE, SOUND);
    let began = Clock::now();
    let flood = flooder.stream(room, TrackId::MICROPHONE, ms(1), |count| count.to_be_bytes().repeat(10));
    pause(ms(2000));
    let sent = flood.stop();
    let allowed = f64::from(burst) + f64::from(rate) * elapsed(began).as_secs_f64();
    pause(ms(400));
    let (came, cut) = (minh.arrival_count(), server.dropped("rate_limited"));
    println!("{came} of {sent} passed, {cut} were cut, {allowed:.0} were allowed");
    assert!(sent > 600 && cut > 100);
    assert!(came as f64 <= allowed + 1.0);
    // It costs the flooder its datagrams and nobody their session.
    flooder.say_stored(room, "xin lỗi");
    assert!(!flooder.has_seen(|event| matches!(event, Event::Lost { .. })));
}
