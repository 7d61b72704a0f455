//! What a meeting survives: a killed server, a moved address, a dead path, a cut connection, people who take no part in
//! the rules.

use std::collections::BTreeSet;
use std::time::Duration;

use hph_client::engine::{Account, EndReason, Event};
use hph_core::id::TrackId;
use hph_core::time::Instant;
use hph_core::wire::control::{ClientMessage, Refusal, ServerMessage, TrackInfo};
use hph_platform::clock::Clock;
use hph_tests::wire_lab::person::{Arrival, Person, SOUND, guest, member};
use hph_tests::wire_lab::proxy::Proxy;
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{between, elapsed, ms, pause, until_so};

const ROOM: &str = "Nhóm 17";
/// A block of sound, and how often one is sent.
const BLOCK: Duration = Duration::from_millis(20);
/// A mic that is muted, told from one that was never there by its size.
const MUTED: TrackInfo = TrackInfo { is_on: false, ..SOUND };

fn block(count: u32) -> Vec<u8> {
    count.to_be_bytes().repeat(160)
}

/// The longest time without a frame between two moments.
fn longest_gap(arrivals: &[Arrival], from: Instant, to: Instant) -> Duration {
    let inside = arrivals.iter().map(|arrival| arrival.at).filter(|at| (from..to).contains(at));
    let mut moments = vec![from];
    moments.extend(inside);
    moments.push(to);
    moments.windows(2).map(|pair| between(pair[0], pair[1])).max().unwrap_or_default()
}

fn wait_for_frames(person: &Person, count: usize) {
    let already = person.arrival_count();
    until_so("flowing frames", ms(5000), || person.arrival_count() >= already + count);
}

fn wait_for_gone(person: &mut Person, limit: Duration) {
    person.wait("leave of the other", limit, |event| matches!(event, Event::ParticipantGone { .. }).then_some(()));
}

/// The reason for which the engine says that it lost the connection, and when.
fn wait_for_loss(person: &mut Person, limit: Duration) -> Instant {
    person.wait_timed("loss of the connection", limit, |event| matches!(event, Event::Lost { .. }).then_some(())).0
}

#[test]
fn a_killed_server_is_noticed_and_everybody_is_back_with_all_that_was_acknowledged() {
    let mut server = ServerProcess::start(&[]);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.wait_for_person("Minh");
    minh.wait_for_person("Lan");
    // Lan speaks and then mutes herself, Minh speaks.
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    lan.switch(room, TrackId::MICROPHONE, MUTED);
    minh.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = minh.stream(room, TrackId::MICROPHONE, BLOCK, block);
    wait_for_frames(&lan, 10);
    let mut stored: Vec<u64> = (0..5).map(|n| lan.say_stored(room, &format!("trước {n}"))).collect();
    // Two are on their way when it happens.
    lan.say(room, "lúc 0");
    minh.say(room, "lúc 1");

    let killed_at = Clock::now();
    server.kill();
    for person in [&mut lan, &mut minh] {
        let noticed_at = wait_for_loss(person, ms(2000));
        assert!(between(killed_at, noticed_at) <= ms(2000));
    }
    // What is written while it is down is sent when it is back.
    minh.say(room, "sau 0");
    minh.say(room, "sau 1");
    pause(ms(300));
    server.restart();
    let back_at = Clock::now();
    for person in [&mut lan, &mut minh] {
        person.wait("place in the room", ms(10_000), |event| {
            matches!(event, Event::Joined { request: 0, .. }).then_some(())
        });
    }
    lan.wait_for_person("Minh");
    println!("back in the room {:?} after the restart", elapsed(back_at));

    let expected: BTreeSet<String> =
        (0..5).map(|n| format!("trước {n}")).chain(["lúc 0", "lúc 1", "sau 0", "sau 1"].map(str::to_owned)).collect();
    for person in [&lan, &minh] {
        until_so("all messages", ms(10_000), || person.chats().len() >= expected.len());
    }
    stored.push(lan.say_stored(room, "cuối"));
    until_so("the last message", ms(5000), || minh.chats().last().is_some_and(|(_, text)| text == "cuối"));
    for person in [&lan, &minh] {
        let chats = person.chats();
        let ids: Vec<u64> = chats.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>(), "in order, none missing, none twice");
        let texts: BTreeSet<String> = chats.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(texts.len(), chats.len(), "no message twice: {chats:?}");
        assert!(expected.is_subset(&texts), "{texts:?}");
        for id in &stored {
            assert!(ids.contains(id), "message {id} was acknowledged");
        }
    }
    assert_eq!(lan.chats(), minh.chats());

    // Minh's microphone is on again, and Lan's is not.
    wait_for_frames(&lan, 10);
    let tracks = |person: &Person, is_wanted: fn(bool) -> bool| {
        let log = person.log();
        let last = log.iter().rev().find_map(|(_, event)| match event {
            Event::Participant { participant, is_me, .. } if is_wanted(*is_me) => Some(participant.tracks),
            _ => None,
        });
        last.expect("told")
    };
    until_so("announced microphone", ms(5000), || tracks(&lan, |is_me| !is_me)[0] == SOUND);
    assert!(!tracks(&minh, |is_me| !is_me)[0].is_on, "Lan is still muted");
    assert_eq!(minh.arrival_count(), 0);
}

#[test]
fn a_moved_address_interrupts_media_for_less_than_400_ms() {
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

    for _ in 0..5 {
        let moved_at = Clock::now();
        proxy.rebind();
        pause(ms(700));
        let now = Clock::now();
        for person in [&lan, &minh] {
            let gap = longest_gap(&person.arrivals(), moved_at, now);
            println!("gap after the move: {gap:?}");
            assert!(gap <= ms(400), "{gap:?}");
        }
    }
    let drops = server.figures().drops;
    assert!(drops.iter().all(|(reason, _)| *reason == "unvalidated_path"), "{drops:?}");
    assert!(!lan.has_seen(|event| matches!(event, Event::Datagrams { is_up: false })));
}

#[test]
fn a_listener_whose_address_moves_hears_again_with_the_next_ping() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (lan, _) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (mut minh, room) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    minh.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = minh.stream(room, TrackId::MICROPHONE, BLOCK, block);
    wait_for_frames(&lan, 10);
    for _ in 0..3 {
        let moved_at = Clock::now();
        proxy.rebind();
        pause(ms(730));
        let gap = longest_gap(&lan.arrivals(), moved_at, Clock::now());
        println!("gap of a listener: {gap:?}");
        // The ping's interval and a block of sound.
        assert!(gap <= ms(400), "{gap:?}");
    }
}

#[test]
fn a_server_that_falls_silent_is_noticed_and_left() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, _) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let held_at = Clock::now();
    proxy.hold_udp(true);
    proxy.hold_tcp(true);
    lan.wait("word of the dead path", ms(3000), |event| {
        matches!(event, Event::Datagrams { is_up: false }).then_some(())
    });
    let lost_at = wait_for_loss(&mut lan, ms(7000));
    println!("lost after {:?}", between(held_at, lost_at));
    proxy.hold_udp(false);
    proxy.hold_tcp(false);
    lan.wait("place in the room", ms(15_000), |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
}

#[test]
fn a_cut_connection_is_made_again_and_others_see_one_leave_and_one_join() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let (mut lan, room) = Person::in_room(guest(&server.target.at(proxy.address), "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    minh.wait_for_person("Lan");
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = lan.stream(room, TrackId::MICROPHONE, BLOCK, block);
    wait_for_frames(&minh, 10);
    let before = minh.log().len();

    let cut_at = Clock::now();
    proxy.cut_tcp();
    assert!(between(cut_at, wait_for_loss(&mut lan, ms(2000))) <= ms(2000));
    lan.wait("place in the room", ms(5000), |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
    wait_for_gone(&mut minh, ms(5000));
    minh.wait_for_person("Lan");
    wait_for_frames(&minh, 10);
    println!("heard again after {:?}", elapsed(cut_at));

    let (mut left, mut joined) = (0, 0);
    for (_, event) in &minh.log()[before..] {
        left += usize::from(matches!(event, Event::ParticipantGone { .. }));
        joined += usize::from(matches!(event, Event::Participant { is_new: true, is_me: false, .. }));
    }
    assert_eq!((left, joined), (1, 1));
    assert!(!minh.has_seen(|event| matches!(event, Event::Lost { .. })), "others notice nothing else");
}

#[test]
fn a_second_sign_in_ends_the_first_for_good() {
    let server = LocalServer::start();
    let (mut here, room) = Person::in_room(member(&server.target, "huong", "mật khẩu dài lắm"), ROOM);
    let (mut other, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    other.wait_for_person("huong");
    let (there, _) = Person::in_room(member(&server.target, "huong", "mật khẩu dài lắm"), ROOM);
    let reason = here.wait("end of the first session", ms(5000), |event| match event {
        Event::Ended(reason) => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, EndReason::SignedInElsewhere);
    wait_for_gone(&mut other, ms(5000));
    other.wait_for_person("huong");
    // It does not come back: two programs would throw each other out for ever.
    pause(ms(1500));
    assert!(!there.has_seen(|event| matches!(event, Event::Lost { .. } | Event::Ended(_))));
    assert!(matches!(here.log().last(), Some((_, Event::Ended(_)))));
    let mut there = there;
    there.say_stored(room, "tôi đây");
}

#[test]
fn wrong_passwords_beside_a_session_leave_it_untouched() {
    let server = LocalServer::start();
    let (mut victim, room) = Person::in_room(member(&server.target, "huong", "mật khẩu dài lắm"), ROOM);
    let (mut witness, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    witness.wait_for_person("huong");
    victim.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = victim.stream(room, TrackId::MICROPHONE, BLOCK, block);
    wait_for_frames(&witness, 10);
    let began = Clock::now();

    let impostors: Vec<Person> =
        (0..3).map(|n| Person::start(member(&server.target, "huong", &format!("đoán thử {n}")))).collect();
    for mut impostor in impostors {
        let reason = impostor.wait("refusal", ms(20_000), |event| match event {
            Event::Ended(reason) => Some(reason.clone()),
            _ => None,
        });
        assert!(matches!(reason, EndReason::Refused { reason: Refusal::SignIn, .. }), "{reason:?}");
        assert!(!impostor.has_seen(|event| matches!(event, Event::SignedIn { .. })));
    }

    victim.say_stored(room, "vẫn là tôi");
    let gap = longest_gap(&witness.arrivals(), began, Clock::now());
    assert!(gap < ms(1000), "{gap:?}");
    let is_trouble =
        |event: &Event| matches!(event, Event::Lost { .. } | Event::Ended(_) | Event::ParticipantGone { .. });
    for person in [&victim, &witness] {
        assert!(!person.has_seen(is_trouble));
    }
}

#[test]
fn a_class_behind_one_address_signs_in_and_comes_back_together() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let target = server.target.at(proxy.address);
    let name = |n: usize| format!("sinhvien{n:02}");
    let mut class: Vec<Person> =
        (0..11).map(|n| Person::signed_in(member(&target, &name(n), "mật khẩu của lớp"))).collect();
    // All lose their connection at once, and come back with their tokens.
    proxy.cut_tcp();
    for person in &mut class {
        wait_for_loss(person, ms(2000));
        person.wait("second sign-in", ms(20_000), |event| match event {
            Event::SignedIn { .. } => Some(()),
            Event::Ended(reason) => panic!("turned away: {reason:?}"),
            _ => None,
        });
    }
}

#[test]
fn a_server_with_another_key_than_the_invitation_says_gets_no_sign_in() {
    let (expected, found) = (LocalServer::start(), LocalServer::start());
    let mut config = member(&expected.target.at(found.target.address), "huong", "mật khẩu dài lắm");
    config.is_patient = true;
    assert!(matches!(config.account, Account::Password { .. }));
    let mut lan = Person::start(config);
    let reason = lan.wait("refusal", ms(5000), |event| match event {
        Event::Ended(reason) => Some(reason.clone()),
        _ => None,
    });
    let EndReason::Pin(mismatch) = reason else { panic!("{reason:?}") };
    assert_eq!((mismatch.expected, mismatch.found), (expected.target.pin, found.target.pin));
}

#[test]
fn a_reader_that_stops_reading_is_closed_and_delays_nobody() {
    let server = ServerProcess::start(&["--set", "messages_per_second=1000", "--set", "messages_burst=10000"]);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    // Little fits between the server's program and a client that does not read.
    let mut stuck = RawClient::connect(&server.target, Some(4096)).expect("connected");
    stuck.sign_in("Kẹt");
    assert_eq!(stuck.join(ROOM), room);
    lan.wait_for_person("Kẹt");
    // Several talk, so that the limit of what one may say is not met.
    let mut talkers: Vec<RawClient> = Vec::new();
    for n in 0..6 {
        let mut talker = RawClient::connect(&server.target, None).expect("connected");
        talker.sign_in(&format!("Người {n}"));
        talker.join(ROOM);
        talkers.push(talker);
    }
    let (before_bytes, before_files) = (server.resident_bytes(), server.open_files());

    // They say more than any buffer holds, at a pace that only a stuck connection can't follow.
    let text = "x".repeat(3900);
    let (mut sent, mut worst, mut peak_bytes) = (0u64, Duration::ZERO, 0);
    let mut is_closed = false;
    while !is_closed {
        assert!(sent < 2200, "the stuck reader is still there after {sent} messages");
        let asked_at = Clock::now();
        for talker in &mut talkers {
            sent += 1;
            talker.send(&ClientMessage::SendChat { reference: sent, room, text: &text }).expect("sent");
        }
        for talker in &mut talkers {
            talker
                .hear_until(|message| matches!(message, ServerMessage::ChatStored { .. }).then_some(()))
                .expect("stored");
        }
        let wanted = sent as usize;
        until_so("the messages", ms(5000), || lan.chat_count() >= wanted);
        worst = worst.max(elapsed(asked_at));
        peak_bytes = peak_bytes.max(server.resident_bytes());
        is_closed = lan.has_seen(|event| matches!(event, Event::ParticipantGone { .. }));
    }
    println!("closed after {sent} messages, others waited {worst:?} at most");
    println!("memory {before_bytes} before, {peak_bytes} at most");
    assert!(worst < ms(1000), "{worst:?}");
    assert!(peak_bytes < before_bytes + 8 * 1024 * 1024);
    assert!(!lan.has_seen(|event| matches!(event, Event::Lost { .. })));
    // It is let go although it never reads again.
    until_so("a closed socket", ms(15_000), || server.open_files() < before_files);
    stuck.read_to_end(ms(5000)).expect("closed by the server");
}
