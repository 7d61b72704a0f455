use super::*;
use crate::testing::{ROOM, now};

fn shown(toasts: &Toasts) -> Vec<Notice> {
    toasts.shown().iter().map(|toast| toast.notice.clone()).collect()
}

fn came(name: &str) -> Notice {
    Notice::Came(name.to_owned())
}

#[test]
fn three_are_seen_and_the_next_one_waits() {
    let mut toasts = Toasts::default();
    for (ms, name) in [(0, "a"), (1000, "b"), (2000, "c"), (3000, "d")] {
        toasts.push(came(name), now(ms).at);
    }
    assert_eq!(shown(&toasts), ["a", "b", "c"].map(came));
    assert_eq!(toasts.deadline(), Some(now(5000).at));
    toasts.tick(now(4999).at);
    assert_eq!(shown(&toasts).len(), 3);
    toasts.tick(now(5000).at);
    assert_eq!(shown(&toasts), ["b", "c", "d"].map(came));
    toasts.tick(now(9999).at);
    assert_eq!(shown(&toasts), [came("d")], "it is seen for as long as the others");
}

#[test]
fn errors_stay_and_find_a_place() {
    let mut toasts = Toasts::default();
    ["a", "b", "c"].into_iter().for_each(|name| toasts.push(came(name), now(0).at));
    toasts.push(Notice::Trouble(Trouble::Camera), now(1).at);
    assert_eq!(shown(&toasts), [came("b"), came("c"), Notice::Trouble(Trouble::Camera)]);
    toasts.tick(now(60_000).at);
    assert_eq!(shown(&toasts), [Notice::Trouble(Trouble::Camera)]);
    assert_eq!(toasts.close(toasts.shown()[0].id, now(60_001).at), None);
    assert!(toasts.shown().is_empty());
}

#[test]
fn what_is_told_again_stays_longer_and_what_comes_in_masses_is_dropped() {
    let mut toasts = Toasts::default();
    toasts.push(Notice::TalkingWhileMuted, now(0).at);
    toasts.push(Notice::TalkingWhileMuted, now(3000).at);
    assert_eq!(toasts.deadline(), Some(now(8000).at));
    (0..100).for_each(|n| toasts.push(came(&n.to_string()), now(0).at));
    assert_eq!((toasts.shown().len(), toasts.waiting.len()), (SHOWN_MAX, WAITING_MAX));
}

#[test]
fn a_toast_gives_back_what_it_undoes() {
    let mut toasts = Toasts::default();
    let undo = Undo { room: ROOM, act: Act::Unlock, whom: String::new() };
    toasts.push_undoable(Notice::Done { act: Act::Lock, whom: String::new() }, undo.clone(), now(0).at);
    let id = toasts.shown()[0].id;
    assert_eq!(toasts.close(id, now(1).at), Some(undo));
    assert_eq!(toasts.close(id, now(1).at), None);
}

#[test]
fn a_call_counts_down_and_is_missed_at_its_end() {
    let mut calls = Calls::default();
    let incoming = Incoming {
        call: CallId(3),
        from: "lan".to_owned(),
        name: "Ngọc Lan".to_owned(),
        room: ROOM,
        room_name: "Nhóm 17".to_owned(),
        began: now(0).at,
        until: now(30_000).at,
    };
    assert!(calls.ring(incoming.clone()));
    assert!(calls.ring(incoming.clone()) && calls.incoming.len() == 1, "the same call rings once");
    assert_eq!((calls.incoming[0].left_s(now(500).at), calls.incoming[0].left(now(15_000).at)), (30, 0.5));
    assert!(!calls.tick(now(29_999)));
    assert!(calls.tick(now(30_000)) && calls.incoming.is_empty());
    assert_eq!((calls.missed[0].name.as_str(), calls.missed[0].time(&now(0)).as_str()), ("Ngọc Lan", "14:05"));
    calls.is_quiet = true;
    assert!(!calls.ring(incoming));
    assert_eq!(calls.end(CallId(3), false, now(0)).map(|call| call.from).as_deref(), Some("lan"));
    assert_eq!(calls.missed.len(), 1);
}
