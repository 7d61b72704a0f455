//! The control connection: rooms, frames, connections that end.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use hph_client::engine::{Command, Event, new_reference};
use hph_core::id::{Slot, TrackId};
use hph_core::wire::control::{ClientMessage, Refusal, ServerMessage, SignOutReason, TrackInfo, emit_client};
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_tests::wire_lab::command::Hph;
use hph_tests::wire_lab::person::{PICTURES, Person, SOUND, guest};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{elapsed, ms, pause, until_so};

use super::{ROOM, connect, wait_for_gone};

#[test]
fn defect_08_rooms_are_bounded_and_datagrams_make_none() {
    let server = LocalServer::start_with(|config| config.rooms_max = 3);
    let mut maker = connect(&server);
    maker.sign_in("Người tạo");
    let mut outcomes = Vec::new();
    for request in 0..6 {
        let name = format!("Phòng {request}");
        maker.send(&ClientMessage::CreateRoom { request, name: &name }).expect("sent");
        outcomes.push(
            maker
                .hear_until(|answer| match *answer {
                    ServerMessage::RoomCreated { .. } => Some(None),
                    ServerMessage::Refused { reason, .. } => Some(Some(reason)),
                    _ => None,
                })
                .expect("an answer"),
        );
    }
    assert_eq!(
        outcomes,
        [None, None, None, Some(Refusal::RoomsFull), Some(Refusal::RoomsFull), Some(Refusal::RoomsFull)]
    );
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for n in 0..200u32 {
        let claim = format!("{{\"type\":\"join\",\"room\":\"room{n}\",\"name\":\"x\"}} and more to be long enough");
        socket.send_to(claim.as_bytes(), server.target.address).expect("sent");
    }
    let mut lan = Person::signed_in(guest(&server.target, "Lan"));
    lan.send(Command::WatchLobby(true));
    lan.wait("the lobby", ms(5000), |event| matches!(event, Event::LobbyComplete).then_some(()));
    let rooms = lan.log().into_iter().filter(|(_, event)| matches!(event, Event::LobbyRoom { .. })).count();
    assert_eq!(rooms, 3);
}

#[test]
fn defect_09_a_huge_length_is_refused_and_silence_ends_a_connection() {
    let server = LocalServer::start();
    // A client that goes through TLS and says nothing more ...
    let mut silent = connect(&server);
    let silent_since = Clock::now();
    // ... and one that does not even begin with it.
    let mut mute = TcpStream::connect(server.target.address).expect("connected");
    mute.set_read_timeout(Some(ms(8000))).expect("set");

    for length in [u32::MAX, 0x7fff_ffff, 4097, 0] {
        let mut greedy = connect(&server);
        greedy.send_bytes(&length.to_be_bytes()).expect("sent");
        let began = Clock::now();
        greedy.read_to_end(ms(3000)).expect("closed");
        println!("a length of {length} ends the connection after {:?}", elapsed(began));
    }
    // After sign-in more is allowed, but not that much.
    let mut greedy = connect(&server);
    greedy.sign_in("Tham");
    greedy.send_bytes(&(16 * 1024 + 1u32).to_be_bytes()).expect("sent");
    let reason = greedy.hear_until(|message| match *message {
        ServerMessage::SignedOut { reason } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.expect("a goodbye"), SignOutReason::Malformed);

    assert_eq!(mute.read(&mut [0; 16]).expect("closed by the server"), 0);
    assert!(elapsed(silent_since) < ms(7000));
    silent.read_to_end(ms(18_000)).expect("closed");
    assert!(elapsed(silent_since) < ms(18_000));
}

#[test]
fn defect_14_the_server_itself_refuses_what_no_client_would_send() {
    let server = LocalServer::start();
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let long = "x".repeat(97);
    let messages = [
        ClientMessage::CreateRoom { request: 1, name: "" },
        ClientMessage::CreateRoom { request: 1, name: "a\u{202e}b" },
        ClientMessage::CreateRoom { request: 1, name: "a\nbob: hi" },
        ClientMessage::CreateRoom { request: 1, name: &long },
        ClientMessage::LookUp { request: 1, username: "' OR 1=1" },
        ClientMessage::SendChat { reference: 1, room, text: "\u{1b}[2J" },
        ClientMessage::SetTrack { room, track: TrackId(200), info: SOUND },
        ClientMessage::SetTrack { room, track: TrackId::CAMERA, info: TrackInfo { width: 65500, ..PICTURES } },
        ClientMessage::Subscribe { room, slot: Slot(9999), track: TrackId(0), width: 640 },
    ];
    for message in messages {
        let mut rude = connect(&server);
        rude.sign_in("Thô");
        rude.send(&message).expect("sent");
        let reason = rude.hear_until(|answer| match *answer {
            ServerMessage::SignedOut { reason } => Some(reason),
            ServerMessage::Refused { .. } => None,
            ref other => panic!("{message:?} was answered with {other:?}"),
        });
        assert_eq!(reason.expect("a goodbye"), SignOutReason::Malformed, "{message:?}");
    }
    lan.say_stored(room, "không sao");
    assert!(!lan.has_seen(|event| matches!(event, Event::Lost { .. })));
}

#[test]
fn defect_15_people_who_come_and_go_disconnect_nobody() {
    let server = LocalServer::start();
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut restless = connect(server);
                restless.sign_in(&format!("Người {n}"));
                for _ in 0..15 {
                    let room = restless.join(ROOM);
                    restless.send(&ClientMessage::LeaveRoom { room }).expect("sent");
                }
            });
        }
        for n in 0..15 {
            lan.say_stored(room, &format!("câu {n}"));
        }
    });
    assert_eq!(lan.chats().len(), 15);
    assert!(!lan.has_seen(|event| matches!(event, Event::Lost { .. } | Event::MessageFailed { .. })));
}

#[test]
fn defect_17_a_client_that_dies_leaves_its_room_at_once() {
    let server = LocalServer::start();
    let (mut lan, _) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    lan.send(Command::WatchLobby(true));
    let state = tempfile::tempdir().expect("a directory");
    let (link, state) = (server.target.link(), state.path().display().to_string());
    let dying = Hph::start(&[
        "join",
        &link,
        "--room",
        ROOM,
        "--name",
        "Minh",
        "--state",
        &state,
        "--audio",
        "tone",
        "--json",
        "--no-input",
    ]);
    lan.wait_for_person("Minh");
    until_so("sound", ms(5000), || lan.arrival_count() > 0);
    // SIGKILL: it says nothing more.
    drop(dying);
    wait_for_gone(&mut lan);
    until_so("a lobby that knows", ms(2000), || {
        let log = lan.log();
        let last = log.iter().rev().find_map(|(_, event)| match event {
            Event::LobbyRoom { people, .. } => Some(*people),
            _ => None,
        });
        last == Some(1)
    });
}

#[test]
fn defect_18_a_half_closed_connection_is_over_and_its_name_is_free() {
    let server = LocalServer::start();
    let (mut lan, _) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let seed: [u8; 32] = entropy::array();
    for _ in 0..2 {
        let mut half = connect(&server);
        half.sign_in_from(&seed, "Nửa");
        half.join(ROOM);
        lan.wait_for_person("Nửa");
        half.close_our_half().expect("closed");
        wait_for_gone(&mut lan);
        half.read_to_end(ms(5000)).expect("closed by the server too");
    }
}

#[test]
fn defect_19_plain_text_is_not_spoken() {
    let server = LocalServer::start();
    let requests: [&[u8]; 2] = [
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://evil.example\r\n\r\n",
        b"\0\0\0\x2a{\"type\":\"login\",\"username\":\"test\",\"pass\":1}",
    ];
    for request in requests {
        let mut plain = TcpStream::connect(server.target.address).expect("connected");
        plain.set_read_timeout(Some(ms(8000))).expect("set");
        plain.write_all(request).expect("sent");
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        // At most a TLS alert, which says nothing of the server.
        assert!(answer.len() <= 7 && answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
    }
}

#[test]
fn defect_21_a_message_that_comes_in_slow_pieces_is_whole() {
    let server = LocalServer::start();
    let (lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let mut slow = connect(&server);
    slow.sign_in("Chậm");
    slow.join(ROOM);
    let mut frame = [0; 256];
    for text in ["một câu dài đến từng mảnh", "và câu sau vẫn đúng"] {
        let reference = new_reference();
        let len = emit_client(&ClientMessage::SendChat { reference, room, text }, &mut frame).expect("it fits");
        for piece in [&frame[..3], &frame[3..11], &frame[11..len]] {
            slow.send_bytes(piece).expect("sent");
            pause(ms(700));
        }
        until_so("the message", ms(3000), || lan.chats().iter().any(|(_, said)| said == text));
    }
}
