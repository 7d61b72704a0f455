//! Changes of stored messages, and how far somebody has read.

use super::*;
use crate::endpoint::server::StoredChange;

fn change(is_new: bool, text: Option<&'static str>) -> StoredChange<'static> {
    StoredChange { reference: 5, room: ROOM, id: 9, target: 3, author: "an.", time_ms: 1, text, is_new }
}

#[test]
fn a_change_is_acknowledged_to_its_author_and_told_to_the_room_once() {
    let mut bench = Bench::new(SIZE);
    let (an, binh, outside) = (bench.join("an.").id, bench.join("binh").id, bench.sign_in("chi").id);
    bench.tell();
    bench.deeds = Deeds::default();
    bench.machine.chat_changed(an, &change(true, Some("x")), &mut bench.deeds);
    let stored = ServerMessage::ChatStored { reference: 5, room: ROOM, id: 9, time_ms: 1 };
    let told = ServerMessage::ChatChanged { room: ROOM, id: 9, target: 3, author: "an.", time_ms: 1, text: Some("x") };
    assert_eq!(bench.heard(an), [stored, told]);
    assert_eq!(bench.heard(binh), [told]);
    assert!(bench.heard(outside).is_empty(), "who is not in the room hears nothing of it");
    bench.machine.chat_changed(an, &change(false, Some("x")), &mut bench.deeds);
    assert_eq!((bench.heard(an), bench.heard(binh)), (vec![stored], vec![]));
}

#[test]
fn a_change_of_somebody_who_is_gone_is_told_all_the_same() {
    let mut bench = Bench::new(SIZE);
    let (an, binh) = (bench.join("an.").id, bench.join("binh").id);
    bench.say(an, &ClientMessage::SignOut);
    bench.tell();
    bench.deeds = Deeds::default();
    bench.machine.chat_changed(an, &change(true, None), &mut bench.deeds);
    assert!(bench.heard(an).is_empty());
    assert!(matches!(bench.heard(binh).as_slice(), [ServerMessage::ChatChanged { text: None, .. }]));
}

#[test]
fn whoever_comes_later_is_told_the_number_of_the_newest_change() {
    let mut bench = Bench::new(SIZE);
    let an = bench.join("an.").id;
    bench.machine.chat_changed(an, &change(true, None), &mut bench.deeds);
    let late = bench.sign_in("binh").id;
    bench.say(late, &ClientMessage::JoinRoom { request: 1, room: ROOM });
    assert!(matches!(bench.heard(late).as_slice(), [ServerMessage::Joined { chat_latest: 9, .. }]));
}

#[test]
fn nobody_has_read_what_was_not_said_yet() {
    let mut bench = Bench::new(SIZE);
    let an = bench.join("an.").id;
    bench.say(an, &ClientMessage::MarkRead { room: ROOM, id: u64::MAX });
    // The bench's room has seven messages.
    assert!(bench.events()[0].ends_with("id: 7 }"));
}

#[test]
fn what_makes_the_store_work_hard_has_a_rate_of_its_own() {
    let (room, words) = (ROOM, "x");
    for message in [
        ClientMessage::EditChat { reference: 77, room, id: 1, text: "x" },
        ClientMessage::DeleteChat { reference: 77, room, id: 1 },
        ClientMessage::SearchChat { request: 77, room, before: 0, count: 1, words },
    ] {
        let mut bench = Bench::new(SIZE);
        let an = bench.join("an.").id;
        for _ in 0..20 {
            assert_eq!(bench.refusal(an, &message), None);
        }
        bench.say(an, &message);
        let refused = ServerMessage::Refused { request: 77, reason: Refusal::TooFast, retry_after_s: 1 };
        assert_eq!(bench.heard(an), [refused]);
    }
}
