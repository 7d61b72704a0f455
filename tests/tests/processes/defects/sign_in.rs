//! Who gets in, and what comes before.

use std::path::{Path, PathBuf};

use hph_client::engine::{Account, Command, EndReason, Event};
use hph_core::endpoint::signin::client::SignInError;
use hph_core::id::{CallId, RoomId, Slot, TrackId};
use hph_core::wire::control::{ClientMessage, Refusal, ServerMessage};
use hph_platform::clock::Clock;
use hph_server::config::Access;
use hph_tests::wire_lab::person::{Person, SOUND, guest, member};
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{between, ms, pause, until_so};

use super::{BLOCK, PASSWORD, ROOM, connect, files, root};

/// What a wrong name, a wrong password and a wrong proof get, all alike.
const NOT_LET_IN: SignInError = SignInError::Refused { reason: Refusal::SignIn, retry_after_s: 0 };

fn end_of(person: &mut Person) -> EndReason {
    person.wait("end", ms(20_000), |event| match event {
        Event::Ended(reason) => Some(reason.clone()),
        _ => None,
    })
}

/// Every message of a client but those that sign in.
fn requests() -> Vec<ClientMessage<'static>> {
    use ClientMessage as M;
    let (room, slot, track, reference, request) = (RoomId(1), Slot(0), TrackId::MICROPHONE, 1 << 63, 1);
    vec![
        M::WatchLobby { is_on: true },
        M::CreateRoom { request, name: "Trộm" },
        M::JoinRoom { request, room },
        M::JoinNamed { request, name: "Trộm", may_create: true },
        M::LeaveRoom { room },
        M::SetTrack { room, track, info: SOUND },
        M::Subscribe { room, slot, track, width: 640 },
        M::SenderKey { room, slot, member: 1, epoch: 0, wrap: &[7; 80] },
        M::RequestKey { room, slot },
        M::SendChat { reference, room, text: "tôi là Hường" },
        M::SyncChat { room, after: 0 },
        M::EditChat { reference, room, id: 1, text: "tôi là Hường" },
        M::DeleteChat { reference, room, id: 1 },
        M::ReadHistory { request, room, before: 0, count: 100 },
        M::SearchChat { request, room, before: 0, count: 100, words: "huong" },
        M::MarkRead { room, id: 1 },
        M::AskUnread { request },
        M::SendDirect { reference, to: "huong", sealed: &[7; 100] },
        M::SyncDirect { after: 0 },
        M::LookUp { request, username: "huong" },
        M::Call { request, to: "huong", room },
        M::AnswerCall { call: CallId(1), accept: true },
        M::CancelCall { call: CallId(1) },
        M::SignOut,
    ]
}

/// Sends every request, and checks that each is refused and nothing else comes.
fn assert_nothing_works(stranger: &mut RawClient) {
    for request in requests() {
        stranger.send(&request).expect("sent");
        let refusal = stranger.hear(|answer| match *answer {
            ServerMessage::Refused { reason, .. } => reason,
            ref other => panic!("{request:?} was answered with {other:?}"),
        });
        assert_eq!(refusal.expect("an answer"), Refusal::OutOfOrder, "{request:?}");
    }
}

#[test]
fn defect_01_a_failed_sign_in_leaves_no_identity() {
    let server = LocalServer::start();
    let (mut huong, room) = Person::in_room(member(&server.target, "huong", PASSWORD), ROOM);
    let mut impostor = connect(&server);
    assert_eq!(impostor.try_password("huong", "sai rồi"), Err(NOT_LET_IN));
    assert_nothing_works(&mut impostor);
    drop(impostor);
    huong.say_stored(room, "tôi");
    assert_eq!(huong.chats().len(), 1, "nobody spoke in her name");
    assert!(!huong.has_seen(|event| matches!(event, Event::Lost { .. } | Event::Ringing { .. } | Event::Left { .. })));
}

#[test]
fn defect_03_nothing_works_before_sign_in() {
    let server = LocalServer::start();
    let (mut huong, room) = Person::in_room(member(&server.target, "huong", PASSWORD), ROOM);
    huong.send(Command::WatchLobby(true));
    let mut stranger = connect(&server);
    assert_nothing_works(&mut stranger);
    stranger.send(&ClientMessage::Hello { version_min: 1, version_max: 1, agent: "x" }).expect("sent");
    stranger.hear(|answer| assert!(matches!(answer, ServerMessage::Hello { .. }))).expect("an answer");
    assert_nothing_works(&mut stranger);
    huong.say_stored(room, "tôi");
    assert!(!huong.has_seen(|event| match event {
        Event::LobbyRoom { name, .. } => name != ROOM,
        Event::LobbyPerson { username, .. } => username != "huong",
        Event::Participant { is_me, .. } => !is_me,
        Event::Chat { text, .. } => text != "tôi",
        _ => false,
    }));
}

#[test]
fn defect_10_an_email_is_no_password_and_nobody_registers_by_chance() {
    let server = LocalServer::start();
    let mut config = member(&server.target, "huong", PASSWORD);
    if let Account::Password { email, .. } = &mut config.account {
        *email = "huong@example.org".to_owned();
    }
    drop(Person::signed_in(config));
    for guess in ["huong@example.org", "nopass", ""] {
        assert_eq!(connect(&server).try_password("huong", guess), Err(NOT_LET_IN), "{guess}");
    }
    // A name that nobody has is no account, unless a new one is asked for and allowed.
    assert_eq!(connect(&server).try_password("hoang", PASSWORD), Err(NOT_LET_IN));
    let closed = LocalServer::start_with(|config| config.registration = Access::Nobody);
    let reason = end_of(&mut Person::start(member(&closed.target, "hoang", PASSWORD)));
    assert!(matches!(reason, EndReason::Refused { reason: Refusal::SignIn | Refusal::RegistrationClosed, .. }));
}

#[test]
fn defect_11_guessing_is_slowed_tells_no_names_and_delays_nobody() {
    let server = LocalServer::start();
    drop(Person::signed_in(member(&server.target, "huong", PASSWORD)));
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    lan.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = lan.stream(room, TrackId::MICROPHONE, BLOCK, |count| count.to_be_bytes().repeat(160));
    until_so("sound", ms(5000), || minh.arrival_count() > 10);
    let began = Clock::now();

    assert_eq!(connect(&server).try_password("khong.co.ai", "đoán"), Err(NOT_LET_IN), "as for a name that exists");
    let guesses = (1..=9).map(|n| connect(&server).try_password("huong", &format!("đoán {n}")));
    let answers: Vec<_> = guesses.take_while(|answer| *answer == Err(NOT_LET_IN)).collect();
    assert!((5..9).contains(&answers.len()), "{} guesses", answers.len());
    let slowed = connect(&server).try_password("huong", PASSWORD);
    let Err(SignInError::Refused { reason: Refusal::TooFast, retry_after_s }) = slowed else { panic!("{slowed:?}") };
    assert!((1..=8).contains(&retry_after_s), "{retry_after_s}");
    // Delayed, not locked.
    pause(ms(1000 * u64::from(retry_after_s) + 100));
    connect(&server).try_password("huong", PASSWORD).expect("let in");

    let arrivals: Vec<_> = minh.arrivals().into_iter().map(|arrival| arrival.at).filter(|at| *at >= began).collect();
    let gap = arrivals.windows(2).map(|pair| between(pair[0], pair[1])).max().expect("sound");
    println!("longest gap while others guessed: {gap:?}");
    assert!(gap < ms(500), "{gap:?}");
}

#[test]
fn defect_12_there_is_no_account_at_first() {
    let server = LocalServer::start();
    for (name, password) in [("test", "123456"), ("admin", "admin"), ("admin", "")] {
        assert_eq!(connect(&server).try_password(name, password), Err(NOT_LET_IN), "{name}");
    }
    let is_data = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.ends_with(".db") || name.ends_with(".sqlite") || name.ends_with("users.json") || name.ends_with(".pem")
    };
    let found: Vec<PathBuf> = files(&root(), &|path| is_data(path));
    assert!(found.is_empty(), "data of a server in the repository: {found:?}");
}

#[test]
fn defect_20_a_second_sign_in_on_a_connection_is_refused_and_changes_nothing() {
    let server = LocalServer::start();
    let mut lan = connect(&server);
    lan.sign_in("Lan");
    for message in [
        ClientMessage::Hello { version_min: 1, version_max: 1, agent: "x" },
        ClientMessage::SignIn { may_register: true, scram: b"n,,n=huong,r=abc" },
        ClientMessage::SignInFinal {
            scram: b"", device: Default::default(), proof: &[0; 64], display_name: "Hường"
        },
        ClientMessage::SignInToken { username: "huong", token: [7; 32], device: Default::default(), proof: &[0; 64] },
    ] {
        lan.send(&message).expect("sent");
        let refusal = lan.hear(|answer| matches!(answer, ServerMessage::Refused { reason: Refusal::OutOfOrder, .. }));
        assert!(refusal.expect("an answer"), "{message:?}");
    }
    lan.send(&ClientMessage::KeepAlive).expect("sent");
    assert!(lan.hear(|answer| matches!(answer, ServerMessage::Alive)).expect("an answer"));
    lan.join(ROOM);
}
