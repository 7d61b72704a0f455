//! The promises about what was said: changed, taken back, paged, found, read, forgotten in time.

use hph_core::room::roles::{RoomPassword, Rules};

use tempfile::{TempDir, tempdir};

use super::*;

fn store_with(limits: StoreLimits) -> (TempDir, Store, u32) {
    let directory = tempdir().expect("a directory");
    let mut store = Store::open(directory.path(), limits).expect("opens");
    let room = store.create_room("Nhóm 17", "lan", 0).expect("made").id;
    (directory, store, room)
}

fn store() -> (TempDir, Store, u32) {
    store_with(StoreLimits::default())
}

fn say(store: &mut Store, room: u32, author: &str, text: &str) -> u64 {
    let author_ref = 1000 + store.latest_message_id(room).expect("read");
    let (author, author_name, text) = (author.to_owned(), "Lan".to_owned(), text.to_owned());
    let message = NewMessage { room, author, author_name, author_ref, time_ms: author_ref, text };
    store.append_message(message).expect("stored").id
}

fn change(room: u32, author: &str, author_ref: u64, target: u64, text: Option<&str>) -> NewChange {
    let (author, text) = (author.to_owned(), text.map(ToOwned::to_owned));
    NewChange { room, author, author_ref, time_ms: 5000, target, text }
}

fn texts(messages: &[Message]) -> Vec<(u64, Option<&str>)> {
    messages.iter().map(|message| (message.id, message.text.as_deref())).collect()
}

fn search(store: &Store, room: u32, words: &str) -> Vec<u64> {
    store.reader().expect("opens").search(room, words, 0, 100).expect("found").ids
}

#[test]
fn a_change_has_a_number_and_every_look_shows_what_the_message_says_now() {
    let (_directory, mut store, room) = store();
    let (first, second) = (say(&mut store, room, "lan", "một"), say(&mut store, room, "minh", "hai"));
    let stored = store.append_change(change(room, "lan", 1, first, Some("một rưỡi"))).expect("changed");
    assert_eq!(stored, StoredMessage { id: 3, time_ms: 5000, is_new: true });
    assert_eq!(store.append_change(change(room, "minh", 1, second, None)).expect("taken back").id, 4);
    let log = store.messages_after(room, 0, 9).expect("read");
    assert_eq!(texts(&log), [(1, Some("một rưỡi")), (2, None), (3, Some("một rưỡi")), (4, None)]);
    assert_eq!(
        log.iter().map(|m| (m.target, m.edited_ms)).collect::<Vec<_>>(),
        [(None, Some(5000)), (None, Some(5000)), (Some(1), None), (Some(2), None)]
    );
    let page = store.reader().expect("opens").history(room, 0, 9).expect("read");
    assert_eq!((texts(&page.messages), page.before), (vec![(2, None), (1, Some("một rưỡi"))], 0));
    assert_eq!(say(&mut store, room, "lan", "ba"), 5, "messages go on behind changes");
}

#[test]
fn a_change_sent_again_changes_nothing_and_keeps_its_number() {
    let (_directory, mut store, room) = store();
    let id = say(&mut store, room, "lan", "một");
    let first = store.append_change(change(room, "lan", 7, id, Some("hai"))).expect("changed");
    store.append_change(change(room, "lan", 8, id, Some("ba"))).expect("changed");
    let again = store.append_change(NewChange { time_ms: 9, ..change(room, "lan", 7, id, Some("hai")) });
    assert_eq!(again, Ok(StoredMessage { is_new: false, ..first }));
    assert_eq!(texts(&store.messages_after(room, 0, 1).expect("read")), [(id, Some("ba"))]);
}

#[test]
fn only_the_author_changes_a_message_and_whoever_made_the_room_may_take_it_back() {
    let (_directory, mut store, room) = store();
    let id = say(&mut store, room, "minh", "một");
    for text in [Some("x"), None] {
        assert_eq!(store.append_change(change(room, "nam", 1, id, text)), Err(StoreError::NotYours));
    }
    assert_eq!(store.append_change(change(room, "lan", 1, id, Some("x"))), Err(StoreError::NotYours));
    assert_eq!(texts(&store.messages_after(room, 0, 9).expect("read")), [(id, Some("một"))], "nothing is left of it");
    let taken_back = store.append_change(change(room, "lan", 2, id, None)).expect("taken back").id;
    for target in [0, id, taken_back, 99, u64::MAX] {
        let refused = store.append_change(change(room, "minh", target.wrapping_add(10), target, Some("x")));
        assert_eq!(refused, Err(StoreError::UnknownMessage), "{target}");
    }
    assert_eq!(store.append_change(change(room + 1, "minh", 1, id, None)), Err(StoreError::UnknownMessage));
}

#[test]
fn words_are_found_whatever_their_case_and_diacritics() {
    let (_directory, mut store, room) = store();
    let other = store.create_room("Khác", "lan", 0).expect("made").id;
    let meeting = say(&mut store, room, "lan", "Đạt ơi, họp nhóm lúc 8 giờ ở phòng Hường nhé!");
    let protocol = say(&mut store, room, "lan", "giao thức và mã hoá: xem trang thức giao");
    let decomposed = say(&mut store, room, "lan", "Hu\u{031b}o\u{031b}\u{0300}ng da\u{0323}t");
    say(&mut store, other, "lan", "Đạt ở phòng khác");
    for (words, expected) in [
        ("dat", vec![decomposed, meeting]),
        ("ĐẠT", vec![decomposed, meeting]),
        ("hường", vec![decomposed, meeting]),
        ("huong nhom", vec![meeting]),
        ("nhóm hoá", vec![]),
        ("\"giao thuc\"", vec![protocol]),
        ("\"thức giao\"", vec![protocol]),
        ("\"mã giao\"", vec![]),
        ("nhom*", vec![meeting]),
        ("nho", vec![]),
        ("\" OR 1 NOT NEAR(", vec![]),
        ("!?", vec![]),
    ] {
        assert_eq!(search(&store, room, words), expected, "{words}");
    }
}

#[test]
fn what_was_changed_is_found_by_its_new_words_only_and_what_was_taken_back_by_none() {
    let (_directory, mut store, room) = store();
    let id = say(&mut store, room, "lan", "bí mật");
    store.append_change(change(room, "lan", 1, id, Some("công khai"))).expect("changed");
    assert_eq!((search(&store, room, "mat"), search(&store, room, "cong")), (vec![], vec![id]));
    store.append_change(change(room, "lan", 2, id, None)).expect("taken back");
    assert_eq!(search(&store, room, "cong"), []);
}

#[test]
fn history_and_search_go_back_page_by_page_to_the_end() {
    let (_directory, mut store, room) = store();
    for n in 1..=25 {
        let id = say(&mut store, room, "lan", &format!("tin {n}"));
        if n % 3 == 0 {
            store.append_change(change(room, "lan", n, id, Some("tin sửa"))).expect("changed");
        }
    }
    let reader = store.reader().expect("opens");
    let (mut before, mut all, mut found) = (0, Vec::new(), Vec::new());
    loop {
        let page = reader.history(room, before, 4).expect("read");
        all.extend(page.messages.iter().map(|message| message.id));
        before = page.before;
        if before == 0 {
            break;
        }
    }
    assert_eq!(all.len(), 25);
    assert!(all.is_sorted_by(|a, b| a > b));
    loop {
        let hits = reader.search(room, "tin", before, 4).expect("found");
        found.extend(hits.ids);
        before = hits.before;
        if before == 0 {
            break;
        }
    }
    assert_eq!(found, all);
    assert_eq!(reader.history(room, 1, 4), Ok(Page::default()));
    assert_eq!(reader.history(room + 1, 0, 4), Ok(Page::default()));
}

#[test]
fn a_page_looks_at_so_many_changes_at_most_and_says_where_to_go_on() {
    let (_directory, mut store, room) = store();
    let id = say(&mut store, room, "lan", "một");
    let edits: Vec<_> = (10_000..12_500).map(|n| NewEntry::Change(change(room, "lan", n, id, Some("hai")))).collect();
    assert!(store.append_all(&edits).iter().all(Result::is_ok));
    let reader = store.reader().expect("opens");
    let first = reader.history(room, 0, 10).expect("read");
    assert_eq!((first.messages.len(), first.before), (0, 1502));
    let second = reader.history(room, first.before, 10).expect("read");
    let third = reader.history(room, second.before, 10).expect("read");
    assert_eq!((texts(&third.messages), third.before), (vec![(id, Some("hai"))], 0));
}

#[test]
fn what_falls_out_of_the_window_is_found_no_more() {
    let (_directory, mut store, room) = store_with(StoreLimits { messages_per_room: 10, ..StoreLimits::default() });
    for n in 1..=25 {
        say(&mut store, room, "lan", &format!("tin {n}"));
    }
    assert_eq!(search(&store, room, "tin"), (16..=25).rev().collect::<Vec<_>>());
    assert_eq!(store.append_change(change(room, "lan", 1, 15, None)), Err(StoreError::UnknownMessage));
}

#[test]
fn rooms_forget_what_is_too_old_each_in_its_own_time_and_number_on() {
    let limits = StoreLimits {
        messages_days: 10,
        room_days: vec![("NHÓM 17".to_owned(), 2), ("mãi".to_owned(), 0)],
        ..StoreLimits::default()
    };
    let (_directory, mut store, room) = store_with(limits);
    let forever = store.create_room("Mãi", "lan", 0).expect("made").id;
    let usual = store.create_room("c", "lan", 0).expect("made").id;
    for room in [room, forever, usual] {
        for day in 0..30 {
            let (author, author_name, text) = ("lan".to_owned(), "Lan".to_owned(), "tin".to_owned());
            let time_ms = day * DAY_MS;
            store
                .append_message(NewMessage { room, author, author_name, author_ref: day, time_ms, text })
                .expect("stored");
        }
    }
    let mut rounds = 0;
    while store.prune(30 * DAY_MS, 3).expect("pruned") {
        rounds += 1;
    }
    assert!((16..=19).contains(&rounds), "{rounds} transactions of three messages");
    let kept = |store: &Store, room| store.messages_after(room, 0, 99).expect("read").len();
    assert_eq!([room, forever, usual].map(|room| kept(&store, room)), [2, 30, 10]);
    assert_eq!(search(&store, room, "tin"), [30, 29]);
    while store.prune(90 * DAY_MS, 100).expect("pruned") {}
    assert_eq!(kept(&store, room), 0);
    assert_eq!(store.latest_message_id(room), Ok(30), "an empty room does not number from the beginning");
    assert_eq!(say(&mut store, room, "lan", "lại"), 31);
}

#[test]
fn how_far_somebody_has_read_is_kept_and_only_grows() {
    let (directory, mut store, room) = store();
    let verifier = Verifier { salt: [1; 16], iterations: 600_000, stored_key: [2; 32], server_key: [3; 32] };
    let (username, display_name) = ("minh".to_owned(), "Minh".to_owned());
    let account = NewAccount { username, email: None, display_name, verifier, now_ms: 5 };
    store.register(&account).expect("registered");
    for n in 0..150 {
        say(&mut store, room, if n % 3 == 0 { "minh" } else { "lan" }, "tin");
    }
    for sender_ref in 1..=3 {
        let (recipient, sender) = ("minh".to_owned(), "lan".to_owned());
        store.append_direct(NewDirect { recipient, sender, sender_ref, time_ms: 1, sealed: vec![1] }).expect("stored");
    }
    let mark = |room, id| ReadMark { username: "minh".to_owned(), room, id };
    let nobody = ReadMark { username: "guest-abcdefgh".to_owned(), room, id: 1 };
    store.mark_read(&[mark(room, 120), mark(room, 30), mark(0, 2), mark(0, 1), mark(99, 1), nobody]).expect("noted");
    drop(store);
    let mut store = Store::open(directory.path(), StoreLimits::default()).expect("opens");
    let unread = |store: &Store, who: &str| store.reader().expect("opens").unread(who).expect("read");
    let directs = Unread { room: 0, name: String::new(), read: 2, latest: 3, unread: 1 };
    let of_room = Unread { room, name: "Nhóm 17".to_owned(), read: 120, latest: 150, unread: 20 };
    assert_eq!(unread(&store, "minh"), [directs.clone(), of_room.clone()], "one's own messages are read");
    assert_eq!(store.directs_read("minh"), Ok(2));
    store.mark_read(&[mark(room, u64::MAX), mark(0, u64::MAX)]).expect("noted");
    let read = unread(&store, "minh");
    assert_eq!((read[0].read, read[0].unread, read[1].read, read[1].unread), (3, 0, 150, 0), "not what is yet to come");
    let guest = unread(&store, "guest-abcdefgh");
    assert_eq!(guest, [Unread { read: 0, latest: 0, unread: 0, ..directs }]);
    assert_eq!(store.directs_read("guest-abcdefgh"), Ok(0));
}

#[test]
fn a_reader_sees_at_once_what_was_committed() {
    let (_directory, mut store, room) = store();
    let reader = store.reader().expect("opens");
    for n in 1..=20 {
        say(&mut store, room, "lan", "tin");
        assert_eq!(reader.history(room, 0, 1).expect("read").messages[0].id, n);
    }
}

fn entry(act: &str, whom: &str, time_ms: u64) -> AuditEntry {
    AuditEntry { id: 0, time_ms, by: "lan".to_owned(), act: act.to_owned(), whom: whom.to_owned() }
}

#[test]
fn hosts_and_bans_outlive_a_restart_and_a_ban_ends_an_office() {
    let (directory, mut store, room) = store();
    for (act, whom) in
        [("make_host", "minh"), ("make_host", "nam"), ("make_host", "nam"), ("ban", "nam"), ("mute", "x")]
    {
        store.moderate(room, &entry(act, whom, 1), None).expect("noted");
    }
    assert_eq!(store.moderate(room + 1, &entry("ban", "x", 1), None), Err(StoreError::UnknownRoom));
    drop(store);
    let mut store = Store::open(directory.path(), StoreLimits::default()).expect("opens");
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let staff = RoomStaff { hosts: names(&["minh"]), banned: names(&["nam"]), ..RoomStaff::default() };
    assert_eq!(store.room_staff(room), Ok(staff));
    store.moderate(room, &entry("unmake_host", "minh", 1), None).expect("noted");
    store.moderate(room, &entry("unban", "nam", 1), None).expect("noted");
    assert_eq!(store.room_staff(room), Ok(RoomStaff::default()));
}

#[test]
fn what_holds_at_the_door_outlives_a_restart() {
    let (directory, mut store, room) = store();
    let password = RoomPassword { salt: [1; 16], verifier: [2; 32] };
    for act in ["waiting_room", "hosts_share"] {
        store.moderate(room, &entry(act, "", 1), None).expect("noted");
    }
    store.moderate(room, &entry("password", "", 1), Some(&password)).expect("noted");
    drop(store);
    let mut store = Store::open(directory.path(), StoreLimits::default()).expect("opens");
    let rules = Rules { has_waiting_room: true, hosts_share: true, password: Some(password) };
    assert_eq!(store.room_staff(room).expect("read").rules, rules);
    for act in ["no_waiting_room", "all_share", "no_password"] {
        store.moderate(room, &entry(act, "", 1), None).expect("noted");
    }
    assert_eq!(store.room_staff(room).expect("read").rules, Rules::default());
}

#[test]
fn a_host_may_take_back_what_others_said_but_not_change_it() {
    let (_directory, mut store, room) = store();
    let id = say(&mut store, room, "minh", "một");
    store.moderate(room, &entry("make_host", "nam", 1), None).expect("noted");
    assert_eq!(store.append_change(change(room, "nam", 1, id, Some("x"))), Err(StoreError::NotYours));
    assert!(store.append_change(change(room, "nam", 2, id, None)).is_ok());
}

#[test]
fn what_was_done_is_read_page_by_page_and_has_an_end() {
    let (_directory, mut store, room) = store();
    let other = store.create_room("b", "lan", 0).expect("made").id;
    for n in 1..=7 {
        store.moderate(room, &entry("mute", &format!("user{n}"), n), None).expect("noted");
        store.moderate(other, &entry("lock", "", n), None).expect("noted");
    }
    let reader = store.reader().expect("opens");
    let (first, before) = reader.audit(room, 0, 5).expect("read");
    assert_eq!(first.iter().map(|entry| entry.time_ms).collect::<Vec<_>>(), [7, 6, 5, 4, 3]);
    let (second, before) = reader.audit(room, before, 5).expect("read");
    assert_eq!((second[0].whom.as_str(), second.len(), before), ("user2", 2, 0));
}
