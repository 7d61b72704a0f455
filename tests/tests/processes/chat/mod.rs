//! What was said stays said: over kills, connections, devices, and as it was changed since.

mod commands;
mod kills;

use std::collections::BTreeMap;
use std::time::Duration;

use hph_client::engine::{Command, EngineConfig, Event, FailReason, new_reference};
use hph_core::id::RoomId;
use hph_core::wire::control::{ClientMessage, Refusal, ServerMessage};
use hph_server::config::ServerConfig;
use hph_tests::wire_lab::person::{Person, guest, member};
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{ms, pause, until_so};

const ROOM: &str = "Nhóm 17";
const PASSWORD: &str = "mật khẩu dài";
const ANSWER: Duration = ms(10_000);

/// As fast as a test talks.
const fn eager(config: &mut ServerConfig) {
    (config.messages_per_second, config.messages_burst) = (1000, 10_000);
}

/// A message as it was found: number and text.
pub(super) type Found = (u64, Option<String>);

/// One page, newest first, and where the next one begins.
fn look_up(person: &mut Person, room: RoomId, words: Option<&str>, before: u64, count: u8) -> (Vec<Found>, u64) {
    let asked = person.engine.request();
    let words = words.map(ToOwned::to_owned);
    person.send(Command::History { request: asked, room, before, count, words });
    let mut found = Vec::new();
    let before = person.wait("end of the page", ANSWER, |event| match event {
        Event::ChatFound { request, id, text, .. } if *request == asked => {
            found.push((*id, text.clone()));
            None
        }
        Event::ChatFoundAll { request, before, .. } if *request == asked => Some(*before),
        _ => None,
    });
    (found, before)
}

/// A room's whole history, oldest first.
pub(super) fn history(person: &mut Person, room: RoomId) -> Vec<Found> {
    let (mut all, mut before) = (Vec::new(), 0);
    loop {
        let (found, next) = look_up(person, room, None, before, 100);
        all.extend(found);
        before = next;
        if before == 0 {
            all.reverse();
            return all;
        }
    }
}

fn edit(person: &Person, room: RoomId, id: u64, text: &str) -> u64 {
    let reference = new_reference();
    person.send(Command::EditChat { reference, room, id, text: text.to_owned() });
    reference
}

fn delete(person: &Person, room: RoomId, id: u64) -> u64 {
    let reference = new_reference();
    person.send(Command::DeleteChat { reference, room, id });
    reference
}

/// What became of a message or a change: its number, or why not.
fn fate(person: &mut Person, of: u64) -> Result<u64, FailReason> {
    person.wait("answer", ANSWER, |event| match event {
        Event::ChatStored { reference, id, .. } if *reference == of => Some(Ok(*id)),
        Event::MessageFailed { reference, reason } if *reference == of => Some(Err(*reason)),
        _ => None,
    })
}

/// What messages say now, as a client was told one after the other.
fn shown(person: &Person) -> BTreeMap<u64, Option<String>> {
    let mut texts = BTreeMap::new();
    for (_, event) in person.log() {
        match event {
            Event::Chat { id, text, .. } => drop(texts.insert(id, Some(text))),
            Event::ChatChanged { id, target, text, .. } if texts.contains_key(&target) || id == target => {
                texts.insert(target, text);
            }
            _ => {}
        }
    }
    texts
}

#[test]
fn a_message_is_changed_and_taken_back_for_everybody_whenever_they_come() {
    let server = LocalServer::start_with(eager);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let ids: Vec<u64> = ["một", "hai", "ba"].iter().map(|text| lan.say_stored(room, text)).collect();
    let edited = edit(&lan, room, ids[0], "một rưỡi");
    assert_eq!(fate(&mut lan, edited), Ok(4), "changes are numbered in one row with messages");
    let deleted = delete(&lan, room, ids[1]);
    assert_eq!(fate(&mut lan, deleted), Ok(5));
    let now = BTreeMap::from([(1, Some("một rưỡi".to_owned())), (2, None), (3, Some("ba".to_owned()))]);
    let (late, _) = Person::in_room(guest(&server.target, "Muộn"), ROOM);
    for (who, person) in [("Lan", &lan), ("Minh", &minh), ("Muộn", &late)] {
        until_so(&format!("the same texts for {who}"), ANSWER, || shown(person) == now);
    }
    assert_eq!(
        late.chats(),
        [(1, "một rưỡi".to_owned()), (3, "ba".to_owned())],
        "what was taken back is sent to nobody"
    );
    let found: BTreeMap<_, _> = history(&mut lan, room).into_iter().collect();
    assert_eq!(found, now);
    let data = server.stop_and_read_data();
    let is_there = |text: &str| data.iter().any(|file| file.windows(text.len()).any(|part| part == text.as_bytes()));
    assert!(is_there("một rưỡi") && is_there("ba"));
}

#[test]
fn nobody_changes_what_others_said_but_who_made_the_room_may_take_it_back() {
    let server = LocalServer::start_with(eager);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let (of_lan, of_minh) = (lan.say_stored(room, "của Lan"), minh.say_stored(room, "của Minh"));
    for change in [edit(&minh, room, of_lan, "x"), delete(&minh, room, of_lan)] {
        assert_eq!(fate(&mut minh, change), Err(FailReason::Refused(Refusal::Forbidden)));
    }
    let edited = edit(&lan, room, of_minh, "x");
    assert_eq!(fate(&mut lan, edited), Err(FailReason::Refused(Refusal::Forbidden)), "not even in one's own room");
    let deleted = delete(&lan, room, of_minh);
    assert!(fate(&mut lan, deleted).is_ok());
    let again = edit(&minh, room, of_minh, "y");
    assert_eq!(fate(&mut minh, again), Err(FailReason::Refused(Refusal::NoSuchMessage)));
    let expected = [(of_lan, Some("của Lan".to_owned())), (of_minh, None)];
    assert_eq!(history(&mut minh, room), expected);
}

#[test]
fn a_change_that_is_sent_again_is_made_once() {
    let server = LocalServer::start_with(eager);
    let mut raw = RawClient::connect(&server.target, None).expect("connects");
    raw.sign_in("Lan");
    let room = raw.join(ROOM);
    let mut numbers = Vec::new();
    for message in [
        ClientMessage::SendChat { reference: 1 << 63, room, text: "một" },
        ClientMessage::EditChat { reference: 2 << 62 | 7, room, id: 1, text: "hai" },
        ClientMessage::EditChat { reference: 2 << 62 | 7, room, id: 1, text: "hai" },
        ClientMessage::DeleteChat { reference: 2 << 62 | 8, room, id: 1 },
        ClientMessage::EditChat { reference: 2 << 62 | 7, room, id: 1, text: "hai" },
    ] {
        raw.send(&message).expect("sent");
        let number = raw.hear_until(|message| match *message {
            ServerMessage::ChatStored { id, .. } => Some(id),
            ServerMessage::Refused { reason, .. } => panic!("refused: {reason:?}"),
            _ => None,
        });
        numbers.push(number.expect("an answer"));
    }
    assert_eq!(numbers, [1, 2, 2, 3, 2]);
}

#[test]
fn old_messages_are_found_by_words_without_their_accents_and_nobody_else_reads_them() {
    let server = LocalServer::start_with(eager);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    for n in 0..120 {
        lan.say(room, &format!("Đạt và Hường họp lần {n}"));
    }
    lan.say_stored(room, "cuối cùng");
    let (found, before) = look_up(&mut lan, room, Some("\"dat va huong\""), 0, 100);
    assert_eq!((found.len(), found[0].0, found[99].0, before), (100, 120, 21, 21));
    let (found, before) = look_up(&mut lan, room, Some("dat"), before, 100);
    assert_eq!((found.len(), found[19].0, before), (20, 1, 0));
    let (found, _) = look_up(&mut lan, room, Some("HOP 77"), 0, 100);
    assert_eq!(found, [(78, Some("Đạt và Hường họp lần 77".to_owned()))]);
    let all: Vec<u64> = history(&mut lan, room).into_iter().map(|(id, _)| id).collect();
    assert_eq!(all, (1..=121).collect::<Vec<_>>());

    let mut raw = RawClient::connect(&server.target, None).expect("connects");
    raw.sign_in("Ngoài");
    for message in [
        ClientMessage::ReadHistory { request: 1, room, before: 0, count: 100 },
        ClientMessage::SearchChat { request: 1, room, before: 0, count: 100, words: "dat" },
        ClientMessage::MarkRead { room, id: 1 },
        ClientMessage::DeleteChat { reference: 1, room, id: 1 },
    ] {
        raw.send(&message).expect("sent");
        let reason = raw.hear_until(|message| match *message {
            ServerMessage::Refused { reason, .. } => Some(reason),
            ServerMessage::ChatFound { .. } => panic!("read from outside"),
            _ => None,
        });
        assert_eq!(reason.expect("an answer"), Refusal::NotInRoom, "{message:?}");
    }
}

#[test]
fn one_look_up_at_a_time_bounds_what_a_session_takes() {
    let server = LocalServer::start_with(eager);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let text = "x".repeat(4000);
    for _ in 0..100 {
        lan.say(room, &text);
    }
    lan.say_stored(room, "cuối");
    let mut raw = RawClient::connect(&server.target, None).expect("connects");
    raw.sign_in("Tham");
    let id = raw.join(ROOM);
    for request in 1..=50 {
        raw.send(&ClientMessage::ReadHistory { request, room: id, before: 0, count: 100 }).expect("sent");
    }
    let (mut pages, mut refused, mut messages) = (0, 0, 0);
    while pages + refused < 50 {
        raw.hear(|message| match *message {
            ServerMessage::ChatFoundAll { .. } => pages += 1,
            ServerMessage::ChatFound { .. } => messages += 1,
            ServerMessage::Refused { reason: Refusal::TooFast, .. } => refused += 1,
            ref other => assert!(!matches!(other, ServerMessage::SignedOut { .. }), "{other:?}"),
        })
        .expect("it stays signed in");
    }
    assert!(refused > 0 && pages > 0, "{pages} pages, {refused} refused");
    assert_eq!(messages, pages * 100, "a page is whole");
}

fn unread(person: &mut Person) -> Vec<(String, u64, u32)> {
    let asked = person.engine.request();
    person.send(Command::Unread { request: asked });
    let mut all = Vec::new();
    person.wait("all that is unread", ANSWER, |event| match event {
        Event::Unread { request, name, read, unread, .. } if *request == asked => {
            all.push((name.clone(), *read, *unread));
            None
        }
        Event::UnreadAll { request } if *request == asked => Some(()),
        _ => None,
    });
    all
}

#[test]
fn what_was_read_on_one_device_is_read_on_the_next_and_after_a_restart_of_the_server() {
    let mut server = hph_tests::wire_lab::server::ServerProcess::start(&["--registration", "everyone"]);
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let ids: Vec<u64> = (0..5).map(|n| lan.say_stored(room, &format!("tin {n}"))).collect();
    let (mut minh, _) = Person::in_room(member(&server.target, "minh", PASSWORD), ROOM);
    until_so("all messages", ANSWER, || minh.chat_count() == 5);
    assert_eq!(unread(&mut minh), [(String::new(), 0, 0)], "nothing is known of a room where nothing was read");
    minh.send(Command::MarkRead { room, id: ids[2] });
    assert_eq!(unread(&mut minh), [(String::new(), 0, 0), (ROOM.to_owned(), 3, 2)]);
    drop(minh);
    // Until it is written by itself.
    pause(ms(2500));
    server.restart();
    let mut minh = Person::signed_in(member(&server.target, "minh", PASSWORD));
    assert_eq!(unread(&mut minh), [(String::new(), 0, 0), (ROOM.to_owned(), 3, 2)], "another device");
}

/// The texts of direct messages, as they came.
fn directs(person: &Person) -> Vec<String> {
    let events = person.log().into_iter();
    events
        .filter_map(|(_, event)| match event {
            Event::Direct { text, .. } => Some(text.unwrap_or_default()),
            _ => None,
        })
        .collect()
}

fn as_before(config: &EngineConfig) -> Person {
    Person::signed_in(config.clone())
}

#[test]
fn a_direct_message_to_somebody_who_is_away_comes_at_the_next_sign_in_sealed_and_once() {
    const SECRET: &str = "chuyện riêng của hai người";
    let server = LocalServer::start_with(eager);
    let device = member(&server.target, "minh", PASSWORD);
    drop(as_before(&device));
    let mut lan = Person::signed_in(guest(&server.target, "Lan"));
    for n in 0..3 {
        let reference = new_reference();
        lan.send(Command::Direct { reference, to: "minh".to_owned(), text: format!("{SECRET} {n}") });
        lan.wait("stored message", ANSWER, |event| match event {
            Event::DirectStored { reference: stored, .. } if *stored == reference => Some(()),
            _ => None,
        });
    }
    let expected: Vec<_> = (0..3).map(|n| format!("{SECRET} {n}")).collect();
    let minh = as_before(&device);
    until_so("all three", ANSWER, || directs(&minh) == expected);
    minh.send(Command::MarkRead { room: RoomId(0), id: 2 });
    drop(minh);
    let mut minh = as_before(&device);
    assert_eq!(unread(&mut minh), [(String::new(), 2, 1)]);
    until_so("the one that was not read", ANSWER, || !directs(&minh).is_empty());
    assert_eq!(directs(&minh), expected[2..]);
    minh.send(Command::AllDirects);
    until_so("all that are kept", ANSWER, || directs(&minh).len() == 4);
    assert_eq!(directs(&minh)[1..], expected);
    drop((lan, minh));
    for file in server.stop_and_read_data() {
        assert!(!file.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "the server has read it");
    }
}
