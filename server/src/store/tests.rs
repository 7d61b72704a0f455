//! The promises of the store, on real files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_lite::future::{block_on, zip};
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use super::schema::{MIGRATIONS, migrate};
use super::*;
use crate::notice::{Notice, Notices};

const DAY_MS: u64 = 24 * 3600 * 1000;

fn open(directory: &TempDir) -> Store {
    Store::open(directory.path(), StoreLimits::default()).expect("opens")
}

fn directory() -> TempDir {
    tempdir().expect("a directory")
}

pub(super) fn lan() -> NewAccount {
    let verifier = Verifier { salt: [1; 16], iterations: 600_000, stored_key: [2; 32], server_key: [3; 32] };
    NewAccount {
        username: "lan".to_owned(),
        email: Some("lan@example.org".to_owned()),
        display_name: "Hường Lan".to_owned(),
        verifier,
        now_ms: 5,
    }
}

/// A store in a folder of its own.
pub(super) fn opened() -> (TempDir, Store) {
    let directory = directory();
    let store = open(&directory);
    (directory, store)
}

fn issue(store: &mut Store, account_id: i64, now_ms: u64) -> [u8; 32] {
    let device = Device { seal: [7; 32], sign: [7; 32] };
    store.admit_device(account_id, device, "hph", now_ms).expect("admitted").expect("a token")
}

fn message(room: u32, author: &str, author_ref: u64) -> NewMessage {
    NewMessage {
        room,
        author: author.to_owned(),
        author_name: "Lan".to_owned(),
        author_ref,
        time_ms: 1000 + author_ref % 1000,
        text: format!("xin chào {author_ref}"),
    }
}

fn direct(recipient: &str, sender_ref: u64) -> NewDirect {
    let (recipient, sender) = (recipient.to_owned(), "lan".to_owned());
    NewDirect { recipient, sender, sender_ref, time_ms: sender_ref, sealed: sender_ref.to_be_bytes().to_vec() }
}

#[test]
fn an_account_is_found_again_after_a_restart_as_it_was_registered() {
    let directory = directory();
    let mut store = open(&directory);
    assert_eq!(store.account("lan"), Ok(None));
    let stored = store.register(&lan()).expect("registered");
    assert_eq!((stored.verifier.clone(), stored.device, stored.created_at_ms), (lan().verifier, None, 5));
    let device = Device { seal: [8; 32], sign: [9; 32] };
    store.admit_device(stored.id, device, "hph", 5).expect("admitted");
    let secret = store.server_secret();
    drop(store);
    let store = open(&directory);
    assert_eq!(store.account("lan"), Ok(Some(Account { device: Some(device), ..stored })));
    assert_eq!(store.server_secret(), secret);
    assert_ne!(secret, [0; 32]);
}

#[test]
fn a_login_name_and_an_email_belong_to_one_account_but_many_may_have_no_email() {
    let directory = directory();
    let mut store =
        Store::open(directory.path(), StoreLimits { accounts_max: 3, ..StoreLimits::default() }).expect("opens");
    store.register(&lan()).expect("registered");
    assert_eq!(store.register(&lan()), Err(RegisterError::NameTaken));
    assert_eq!(store.register(&NewAccount { username: "minh".into(), ..lan() }), Err(RegisterError::EmailTaken));
    for username in ["minh", "nam"] {
        store.register(&NewAccount { username: username.into(), email: None, ..lan() }).expect("registered");
    }
    let one_more = NewAccount { username: "one.more".into(), email: None, ..lan() };
    assert_eq!(store.register(&one_more), Err(RegisterError::Full));
    assert_eq!(store.account("one.more"), Ok(None));
}

#[test]
fn a_token_serves_its_account_until_it_is_unused_for_thirty_days() {
    let directory = directory();
    let mut store = open(&directory);
    let account = store.register(&lan()).expect("registered");
    let token = issue(&mut store, account.id, 0);
    let device = Some(Device { seal: [7; 32], sign: [7; 32] });
    let expected = Redeemed { account: Account { device, ..account }, device_sign: [7; 32] };
    assert_eq!(store.redeem_token("lan", &token, 29 * DAY_MS), Ok(Some(expected.clone())));
    assert_eq!(store.redeem_token("lan", &token, 58 * DAY_MS), Ok(Some(expected)), "its use prolongs it");
    assert_eq!(store.redeem_token("minh", &token, 58 * DAY_MS), Ok(None), "another name");
    assert_eq!(store.redeem_token("lan", &[0; 32], 58 * DAY_MS), Ok(None), "another token");
    assert_eq!(store.redeem_token("lan", &token, 89 * DAY_MS), Ok(None), "void");
}

#[test]
fn revoked_tokens_are_void_at_once_and_old_ones_give_way_to_new_ones() {
    let directory = directory();
    let mut store = open(&directory);
    let account = store.register(&lan()).expect("registered");
    let tokens: Vec<_> =
        (0..u64::from(TOKENS_PER_ACCOUNT_MAX) + 1).map(|now_ms| issue(&mut store, account.id, now_ms)).collect();
    let is_valid =
        |store: &mut Store, index: usize| store.redeem_token("lan", &tokens[index], 100).expect("asked").is_some();
    assert!(!is_valid(&mut store, 0));
    assert!(is_valid(&mut store, 1) && is_valid(&mut store, 16));
    store.revoke_token(&tokens[1]).expect("revoked");
    assert!(!is_valid(&mut store, 1) && is_valid(&mut store, 2));
    store.revoke_tokens(account.id).expect("revoked");
    assert!((0..tokens.len()).all(|index| !is_valid(&mut store, index)));
}

#[test]
fn the_database_holds_neither_a_token_nor_anything_to_find_it_by() {
    let directory = directory();
    let mut store = open(&directory);
    let account = store.register(&lan()).expect("registered");
    let token = issue(&mut store, account.id, 0);
    drop(store);
    let bytes = fs::read(directory.path().join(DATABASE_FILE)).expect("read");
    assert!(!bytes.windows(token.len()).any(|window| window == token));
}

#[test]
fn a_room_is_made_once_whatever_the_case_and_there_is_an_end_to_rooms() {
    let directory = directory();
    let mut store =
        Store::open(directory.path(), StoreLimits { rooms_max: 2, ..StoreLimits::default() }).expect("opens");
    let first = store.create_room("Nhóm 17", "lan", 1).expect("made");
    assert_eq!(store.create_room("NHÓM 17", "minh", 2), Err(RoomError::NameTaken));
    let second = store.create_room("Nhom 17", "guest-1a2b", 3).expect("made");
    assert_eq!(store.create_room("third", "lan", 4), Err(RoomError::Full));
    assert!(first.id > 0 && second.id > first.id);
    drop(store);
    assert_eq!(open(&directory).rooms(), Ok(vec![first, second]));
}

#[test]
fn messages_are_numbered_in_each_room_and_read_back_in_order() {
    let directory = directory();
    let mut store = open(&directory);
    let room = store.create_room("a", "lan", 0).expect("made").id;
    let other = store.create_room("b", "lan", 0).expect("made").id;
    assert_eq!(store.latest_message_id(room), Ok(0));
    for author_ref in [u64::MAX, 7, 0] {
        store.append_message(message(room, "lan", author_ref)).expect("stored");
    }
    assert_eq!(store.append_message(message(other, "guest-1", 7)).expect("stored").id, 1);
    drop(store);
    let store = open(&directory);
    assert_eq!(store.latest_message_id(room), Ok(3));
    let read = store.messages_after(room, 1, 10).expect("read");
    assert_eq!(read.iter().map(|m| (m.id, m.author_ref)).collect::<Vec<_>>(), [(2, 7), (3, 0)]);
    let first = (read[0].text.as_deref(), read[0].author_name.as_str(), read[0].time_ms);
    assert_eq!(first, (Some("xin chào 7"), "Lan", 1007));
    assert_eq!(store.messages_after(room, 0, 1).expect("read")[0].author_ref, u64::MAX);
    assert_eq!(store.messages_after(room, u64::MAX, 10), Ok(vec![]));
}

#[test]
fn a_message_sent_again_keeps_its_first_number_and_time() {
    let directory = directory();
    let mut store = open(&directory);
    let room = store.create_room("a", "lan", 0).expect("made").id;
    let first = store.append_message(message(room, "lan", 7)).expect("stored");
    store.append_message(message(room, "lan", 8)).expect("stored");
    let again = store.append_message(NewMessage { time_ms: 99, ..message(room, "lan", 7) }).expect("stored");
    assert_eq!(again, StoredMessage { is_new: false, ..first });
    assert!(store.append_message(message(room, "minh", 7)).expect("stored").is_new, "another author's reference");
    assert_eq!(store.latest_message_id(room), Ok(3));
}

#[test]
fn only_the_newest_messages_of_a_room_and_a_recipient_are_kept() {
    let directory = directory();
    let limits = StoreLimits { messages_per_room: 10, directs_per_recipient: 5, ..StoreLimits::default() };
    let mut store = Store::open(directory.path(), limits).expect("opens");
    let room = store.create_room("a", "lan", 0).expect("made").id;
    for n in 1..=25 {
        assert_eq!(store.append_message(message(room, "lan", n)).expect("stored").id, n);
        assert_eq!(store.append_direct(direct("minh", n)).expect("stored").id, n);
    }
    let kept: Vec<_> = store.messages_after(room, 0, 100).expect("read").iter().map(|m| m.id).collect();
    assert_eq!(kept, (16..=25).collect::<Vec<_>>());
    let kept: Vec<_> = store.directs_after("minh", 0, 100).expect("read").iter().map(|d| d.id).collect();
    assert_eq!(kept, (21..=25).collect::<Vec<_>>());
}

#[test]
fn direct_messages_are_numbered_for_each_recipient_and_stored_once() {
    let directory = directory();
    let mut store = open(&directory);
    let first = store.append_direct(direct("minh", 1)).expect("stored");
    assert_eq!(first, StoredMessage { id: 1, time_ms: 1, is_new: true });
    assert_eq!(store.append_direct(direct("minh", 1)), Ok(StoredMessage { is_new: false, ..first }));
    assert_eq!(store.append_direct(direct("nam", 1)).expect("stored").id, 1);
    assert_eq!(store.append_direct(direct("minh", 2)).expect("stored").id, 2);
    drop(store);
    let store = open(&directory);
    let read = store.directs_after("minh", 1, 10).expect("read");
    let sealed = 2u64.to_be_bytes().to_vec();
    assert_eq!(read, [Direct { id: 2, sender: "lan".into(), sender_ref: 2, time_ms: 2, sealed }]);
    assert_eq!(store.latest_direct_id("minh"), Ok(2));
    assert_eq!(store.latest_direct_id("nobody"), Ok(0));
}

#[test]
fn one_wrong_entry_of_a_group_spoils_no_other() {
    let directory = directory();
    let mut store = open(&directory);
    let room = store.create_room("a", "lan", 0).expect("made").id;
    let entries = [
        NewEntry::Message(message(room, "lan", 1)),
        NewEntry::Message(message(room + 1, "lan", 2)),
        NewEntry::Direct(direct("minh", 3)),
        NewEntry::Message(message(room, "lan", 1)),
        NewEntry::Message(message(room, "lan", 4)),
    ];
    let answers = store.append_all(&entries);
    assert_eq!(answers[1], Err(StoreError::UnknownRoom));
    let ids: Vec<_> = answers.iter().flatten().map(|stored| (stored.id, stored.is_new)).collect();
    assert_eq!(ids, [(1, true), (1, true), (1, false), (2, true)]);
}

#[test]
fn many_tasks_each_get_their_own_number_in_their_own_order() {
    let directory = directory();
    let mut store = open(&directory);
    let room = store.create_room("a", "lan", 0).expect("made").id;
    let handle = StoreHandle::spawn(store, Notices::default()).expect("starts");
    let tasks: Vec<_> = (0..8)
        .map(|author: u64| {
            let handle = handle.clone();
            std::thread::spawn(move || {
                (0..50)
                    .map(|n| {
                        let stored = block_on(handle.append_message(message(room, &format!("user{author}"), n)));
                        stored.expect("stored").id
                    })
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let numbers: Vec<Vec<u64>> = tasks.into_iter().map(|task| task.join().expect("ends")).collect();
    assert!(numbers.iter().all(|of_task| of_task.is_sorted()));
    let mut all: Vec<_> = numbers.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=400).collect::<Vec<_>>());
    block_on(handle.close());
    let stored = open(&directory).messages_after(room, 0, 1000).expect("read");
    assert_eq!(stored.len(), 400);
    assert!(stored.iter().all(|m| numbers[m.author[4..].parse::<usize>().expect("a digit")].contains(&m.id)));
}

#[test]
fn jobs_run_in_the_order_in_which_they_were_asked() {
    let directory = directory();
    let handle = StoreHandle::spawn(open(&directory), Notices::default()).expect("starts");
    block_on(async {
        let room = handle.create_room("a", "lan", 0).await.expect("made").id;
        let (stored, latest) = zip(
            zip(handle.append_message(message(room, "lan", 1)), handle.append_message(message(room, "lan", 2))),
            handle.latest_message_id(room),
        )
        .await;
        assert_eq!((stored.0.expect("stored").id, stored.1.expect("stored").id, latest), (1, 2, Ok(2)));
    });
}

#[test]
fn a_closed_store_says_so_and_its_thread_has_let_go_of_the_file() {
    let directory = directory();
    let handle = StoreHandle::spawn(open(&directory), Notices::default()).expect("starts");
    let twin = handle.clone();
    block_on(async {
        handle.register(lan()).await.expect("registered");
        handle.close().await;
        assert_eq!(twin.account("lan").await, Err(StoreError::Closed));
        assert_eq!(twin.register(lan()).await, Err(RegisterError::Store(StoreError::Closed)));
        assert_eq!(twin.append_direct(direct("minh", 1)).await, Err(StoreError::Closed));
        twin.close().await;
    });
    assert!(!directory.path().join("hph-server.db-wal").exists(), "the last connection folds the log in");
}

#[test]
fn a_database_whose_disk_failed_is_opened_anew_with_all_that_was_acknowledged() {
    let directory = directory();
    let mut store = open(&directory);
    let room = store.create_room("a", "lan", 0).expect("made").id;
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = std::sync::Arc::clone(&told);
    let notices = Notices::new(move |notice| sink.lock().expect("whole").push(notice.clone()));
    let handle = StoreHandle::spawn(store, notices).expect("starts");
    block_on(async {
        for n in 0..3 {
            handle.append_message(message(room, "lan", n)).await.expect("stored");
        }
        // What a failed fsync looks like to whoever asked; the next job comes after the database was opened anew.
        let failed = handle
            .fail_for_test(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
                None,
            ))
            .await;
        assert!(matches!(failed, StoreError::Disk(_)), "{failed:?}");
        assert_eq!(handle.append_message(message(room, "lan", 3)).await.expect("stored").id, 4);
        let found = handle.history(room, 0, 9).await.expect("the reader too");
        assert_eq!(found.messages.len(), 4);
        assert_eq!((handle.figures().failures, handle.figures().reopened), (1, 1));
        assert_eq!(handle.figures().disk, DiskState::Well);
    });
    assert!(matches!(told.lock().expect("whole")[..], [Notice::DiskFailed { .. }, Notice::DiskWell]));
    // Another database is not taken for it.
    fs::rename(directory.path().join(DATABASE_FILE), directory.path().join("away")).expect("moved");
    let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC), None);
    block_on(handle.fail_for_test(error));
    assert!(matches!(block_on(handle.rooms()), Err(StoreError::Disk(_))));
    assert!(matches!(block_on(handle.history(room, 0, 9)), Err(StoreError::Disk(_))));
    assert!(!directory.path().join(DATABASE_FILE).exists(), "no new one is made");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn the_files_are_private_and_a_loosened_mode_is_put_right() {
    let parent = directory();
    let data = parent.path().join("data");
    let database = data.join(DATABASE_FILE);
    let mut store = Store::open(&data, StoreLimits::default()).expect("opens");
    store.register(&lan()).expect("registered");
    let files = [database.clone(), data.join("hph-server.db-wal"), data.join("hph-server.db-shm")];
    assert_eq!((mode(&data), files.each_ref().map(|file| mode(file))), (0o700, [0o600; 3]));
    for file in &files {
        fs::set_permissions(file, Permissions::from_mode(0o644)).expect("set");
    }
    let second = Store::open(&data, StoreLimits::default()).expect("opens");
    assert_eq!(files.each_ref().map(|file| mode(file)), [0o600; 3]);
    drop((store, second));
}

#[test]
fn a_damaged_emptied_or_foreign_file_is_refused_and_left_as_it_is() {
    let directory = directory();
    drop(open(&directory));
    let path = directory.path().join(DATABASE_FILE);
    let whole = fs::read(&path).expect("read");
    let mut torn = whole.clone();
    torn[4096..4200].fill(0xAA);
    for damaged in [b"".to_vec(), b"no database at all".to_vec(), vec![0; 8192], torn, whole[..4096].to_vec()] {
        fs::write(&path, &damaged).expect("written");
        let refused = Store::open(directory.path(), StoreLimits::default());
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
        assert_eq!(fs::read(&path).expect("read"), damaged);
    }
    fs::remove_file(&path).expect("removed");
    Connection::open(&path).and_then(|c| c.execute_batch("CREATE TABLE t (x)")).expect("another program's");
    assert!(matches!(Store::open(directory.path(), StoreLimits::default()), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_log_without_its_database_is_refused_and_an_unfinished_draft_is_not() {
    let directory = directory();
    fs::write(directory.path().join("hph-server.db.new"), b"half").expect("written");
    drop(open(&directory));
    fs::rename(directory.path().join(DATABASE_FILE), directory.path().join("hph-server.db-wal")).expect("moved");
    let refused = Store::open(directory.path(), StoreLimits::default());
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    assert!(!directory.path().join(DATABASE_FILE).exists());
}

/// Puts a database of an older schema version in place of the present one, with one account in it.
fn age(directory: &TempDir, version: usize) {
    let path = directory.path().join(DATABASE_FILE);
    fs::remove_file(&path).expect("removed");
    let mut connection = Connection::open(&path).expect("opens");
    migrate(&mut connection, &MIGRATIONS[..version]).expect("migrates");
    connection.pragma_update(None, "application_id", schema::APPLICATION_ID).expect("set");
    connection.execute("INSERT INTO server_secret VALUES (1, ?1)", [[4u8; 32]]).expect("inserted");
    connection
        .execute(
            "INSERT INTO users (id, username, display_name, scram_salt, scram_iterations, scram_stored_key, scram_server_key, \
             created_at_ms) VALUES (1, 'lan', 'Lan', ?1, 600000, ?2, ?2, 5)",
            ([1u8; 16], [2u8; 32]),
        )
        .expect("inserted");
}

#[test]
fn every_older_schema_is_brought_up_to_date_with_its_data() {
    for version in 1..MIGRATIONS.len() {
        let directory = directory();
        drop(open(&directory));
        age(&directory, version);
        let mut store = open(&directory);
        assert_eq!(store.account("lan").expect("asked").expect("kept").display_name, "Lan");
        assert_eq!(store.server_secret(), [4; 32]);
        let room = store.create_room("a", "lan", 0).expect("made").id;
        store.append_message(message(room, "lan", 1)).expect("stored");
        store.append_direct(direct("lan", 1)).expect("stored");
        store.mark_read(&[ReadMark { username: "lan".into(), room, id: 1 }]).expect("noted");
        assert_eq!(store.reader().expect("opens").search(room, "chao", 0, 9).expect("found").ids, [1]);
    }
}

#[test]
fn what_was_written_before_the_history_is_found_and_goes_on_in_its_numbers() {
    let directory = directory();
    drop(open(&directory));
    age(&directory, 3);
    let connection = Connection::open(directory.path().join(DATABASE_FILE)).expect("opens");
    let old = "INSERT INTO rooms VALUES (7, 'Nhóm 17', 'nhóm 17', 'lan', 1); \
        INSERT INTO messages VALUES (7, 41, 'lan', 'Lan', 1, 1, 'Phần của Đạt xong rồi'); \
        INSERT INTO messages VALUES (7, 42, 'lan', 'Lan', 2, 2, 'giao thức và mã hoá');";
    connection.execute_batch(old).expect("an older database");
    drop(connection);
    let mut store = open(&directory);
    assert_eq!(store.reader().expect("opens").search(7, "dat", 0, 9).expect("found").ids, [41]);
    assert_eq!(store.latest_message_id(7), Ok(42));
    assert_eq!(store.append_message(message(7, "lan", 3)).expect("stored").id, 43);
}

#[test]
fn a_newer_schema_is_refused_and_not_touched() {
    let directory = directory();
    drop(open(&directory));
    let path = directory.path().join(DATABASE_FILE);
    let known = MIGRATIONS.len() as i64;
    let connection = Connection::open(&path).expect("opens");
    connection.pragma_update(None, "user_version", known + 1).expect("set");
    drop(connection);
    let refused = Store::open(directory.path(), StoreLimits::default()).expect_err("refused");
    assert_eq!(refused, StoreError::NewerSchema { found: known + 1, known });
    assert!(refused.to_string().contains("newer server"));
}

#[test]
fn a_step_that_fails_leaves_the_version_before_it() {
    let mut connection = Connection::open_in_memory().expect("opens");
    let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)", "CREATE TABLE c (x)"];
    assert!(migrate(&mut connection, &steps).is_err());
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("read");
    let tables: i64 = connection.query_one("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("read");
    assert_eq!((version, tables), (1, 1));
}

#[test]
fn a_secret_is_never_printed() {
    let directory = directory();
    let mut store = open(&directory);
    let account = store.register(&lan()).expect("registered");
    let printed = format!("{store:?} {account:?}");
    assert!(!printed.contains(&format!("{:?}", store.server_secret())), "{printed}");
    assert!(!printed.contains(&format!("{:?}", [2u8; 32])), "{printed}");
}
