//! First use, changes, and what a server can't make us write.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::*;

const SERVER: &str = "a:1";
const FIRST: DevicePublic = DevicePublic { seal: [1; 32], sign: [2; 32] };
const OTHER: DevicePublic = DevicePublic { seal: [1; 32], sign: [4; 32] };
const THIRD: DevicePublic = DevicePublic { seal: [5; 32], sign: [2; 32] };

fn store() -> (TempDir, PeopleStore) {
    let directory = tempdir().expect("a directory");
    let store = PeopleStore::new(directory.path().join("people"));
    (directory, store)
}

fn show(store: &PeopleStore, username: &str, device: DevicePublic) -> KeyState {
    let state = judge(&store.keys().expect("read"), SERVER, username, &device);
    store.remember(SERVER, &[(username.to_owned(), device)]).expect("written");
    state
}

#[test]
fn the_first_key_is_believed_and_every_other_one_is_changed() {
    let (_directory, store) = store();
    assert_eq!(show(&store, "lan", FIRST), KeyState::New);
    assert_eq!(show(&store, "lan", FIRST), KeyState::Seen);
    // Half a key is another key.
    for device in [OTHER, THIRD] {
        assert_eq!(show(&store, "lan", device), KeyState::Changed);
        assert_eq!(show(&store, "lan", device), KeyState::Changed, "it is not believed by coming often");
    }
    assert_eq!(show(&store, "lan", FIRST), KeyState::Seen);
    assert_eq!(show(&store, "minh", FIRST), KeyState::New, "another person");
    assert_eq!(judge(&store.keys().expect("read"), "b:1", "lan", &OTHER), KeyState::New, "another server");
    let marks: Vec<Mark> = store.keys().expect("read").iter().map(|key| key.mark).collect();
    assert_eq!(marks, [Mark::Seen, Mark::Changed, Mark::Seen], "of changed keys the latest");
    assert!(!KeyState::Changed.may_seal() && !KeyState::Unreadable.may_seal());
    assert!(KeyState::New.may_seal() && KeyState::NotKept.may_seal());
}

#[test]
fn an_accepted_key_is_one_more_and_only_compared_when_somebody_says_so() {
    let (_directory, store) = store();
    show(&store, "lan", FIRST);
    store.accept(SERVER, "lan", &FIRST, true).expect("accepted");
    assert_eq!(show(&store, "lan", FIRST), KeyState::Compared);
    show(&store, "lan", OTHER);
    store.accept(SERVER, "lan", &OTHER, false).expect("accepted");
    assert_eq!(show(&store, "lan", OTHER), KeyState::Seen);
    store.accept(SERVER, "lan", &FIRST, false).expect("accepted");
    assert_eq!(show(&store, "lan", FIRST), KeyState::Compared, "accepting takes nothing back");
    assert_eq!(show(&store, "lan", THIRD), KeyState::Changed);
}

#[test]
fn a_forgotten_key_is_no_longer_theirs_and_a_forgotten_person_is_met_anew() {
    let (_directory, store) = store();
    for device in [FIRST, OTHER] {
        show(&store, "lan", device);
        store.accept(SERVER, "lan", &device, false).expect("accepted");
    }
    show(&store, "minh", FIRST);
    assert_eq!(store.forget(SERVER, "lan", |device| *device == FIRST).expect("forgotten"), 1);
    assert_eq!(show(&store, "lan", FIRST), KeyState::Changed, "a lost device stays out");
    assert_eq!(store.forget("b:1", "lan", |_| true).expect("read"), 0);
    assert_eq!(store.forget(SERVER, "lan", |_| true).expect("forgotten"), 2);
    assert_eq!(show(&store, "lan", THIRD), KeyState::New);
    assert_eq!(show(&store, "minh", FIRST), KeyState::Seen);
}

#[test]
fn guests_are_not_kept_and_can_not_be_compared() {
    let (_directory, store) = store();
    assert_eq!(show(&store, "guest-abcdefgh", FIRST), KeyState::NotKept);
    store.accept(SERVER, "guest-abcdefgh", &FIRST, true).expect("nothing to do");
    assert_eq!(store.keys().expect("read"), []);
}

#[test]
fn a_server_that_invents_people_fills_its_part_and_pushes_nobody_out() {
    let (_directory, store) = store();
    show(&store, "lan", FIRST);
    let crowd: Vec<_> = (0..PEOPLE_MAX + 10).map(|index| (format!("nobody{index}"), OTHER)).collect();
    store.remember(SERVER, &crowd).expect("written");
    assert_eq!(store.keys().expect("read").len(), PEOPLE_MAX);
    assert_eq!(show(&store, "minh", FIRST), KeyState::NotKept);
    assert_eq!(show(&store, "lan", OTHER), KeyState::Changed, "who is known stays known");
    store.remember("b:1", &[("minh".to_owned(), FIRST)]).expect("written");
    assert_eq!(store.keys().expect("read").len(), PEOPLE_MAX + 2, "a changed key and another server have their place");
}

#[test]
fn a_line_that_makes_no_sense_makes_the_file_an_error() {
    let (directory, store) = store();
    show(&store, "lan", FIRST);
    let path = directory.path().join("people");
    let good = fs::read_to_string(&path).expect("read");
    for bad in [
        good.replace("seen", "trusted"),
        good.replace(" lan ", " l "),
        good.trim().to_owned() + " x",
        good.replace("0101", "01"),
    ] {
        fs::write(&path, &bad).expect("written");
        assert!(matches!(store.keys(), Err(KeyFileError::Line { line: 1, .. })), "{bad}");
        assert!(store.accept(SERVER, "lan", &OTHER, true).is_err());
        assert_eq!(fs::read_to_string(&path).expect("read"), bad, "left as it is");
    }
}
