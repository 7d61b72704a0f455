//! Tickets and kiosks, on real files.

use super::tests::{lan, opened};
use super::*;

const HOUR_MS: u64 = 3600 * 1000;

fn new(purpose: Purpose, uses: u16) -> NewTicket {
    NewTicket {
        purpose,
        room: None,
        username: String::new(),
        name: String::new(),
        made_by: "lan".to_owned(),
        may_register: true,
        uses,
        now_ms: 1000,
        expires_at_ms: 1000 + HOUR_MS,
    }
}

fn device(number: u8) -> Device {
    Device { seal: [number; 32], sign: [number; 32] }
}

#[test]
fn an_invitation_is_used_as_often_as_it_says_and_once_by_each_device() {
    let (folder, mut store) = opened();
    let room = store.create_room("Nhóm 17", "lan", 1).expect("made").id;
    let made = store.make_ticket(&NewTicket { room: Some(room), ..new(Purpose::Invitation, 2) }).expect("made");
    assert!(hph_core::wire::control::is_secret(&made.secret) && hph_core::wire::control::is_code(&made.code));
    let id = made.ticket.id;
    for secret in [&made.secret, &made.code] {
        assert_eq!(store.find_ticket(secret, 2000), Ok(Some(made.ticket.clone())));
    }
    assert_eq!(made.ticket.room, Some((room, "Nhóm 17".to_owned())));
    assert_eq!(store.find_ticket("000000000", 2000), Ok(None));
    assert_eq!(store.use_invitation(id, &[1; 32], 2000), Ok(true));
    assert_eq!(store.use_invitation(id, &[1; 32], 3000), Ok(true), "back after a lost connection");
    assert_eq!(store.use_invitation(id, &[2; 32], 3000), Ok(true));
    assert_eq!(store.use_invitation(id, &[3; 32], 3000), Ok(false), "used up");
    drop(store);
    let mut store = Store::open(folder.path(), StoreLimits::default()).expect("opens");
    assert_eq!(store.tickets(None, 4000).expect("listed"), [], "also after a restart");
    assert!(store.find_ticket(&made.code, 4000).expect("asked").is_some(), "those who are here may come back");
    assert_eq!(store.use_invitation(id, &[1; 32], 4000), Ok(true));
    assert_eq!(store.use_invitation(id, &[3; 32], 4000), Ok(false));
    assert_eq!(store.use_invitation(id, &[1; 32], 2000 + COME_BACK_MS), Ok(false), "not for ever");
    assert_eq!(store.find_ticket(&made.code, 3000 + COME_BACK_MS), Ok(None));
    // Nothing of it is on the disk as it was given.
    for entry in std::fs::read_dir(folder.path()).expect("listed").flatten() {
        let bytes = std::fs::read(entry.path()).expect("read");
        for secret in [&made.secret, &made.code] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{:?}", entry.path());
        }
    }
}

#[test]
fn an_invitation_ends_with_its_time_or_when_it_is_withdrawn() {
    let (_folder, mut store) = opened();
    let room = store.create_room("Nhóm 17", "lan", 1).expect("made").id;
    let made = store.make_ticket(&NewTicket { room: Some(room), ..new(Purpose::Invitation, 9) }).expect("made");
    let id = made.ticket.id;
    assert_eq!(store.tickets(Some(room), 2000).expect("listed").len(), 1);
    assert_eq!(store.tickets(Some(room + 1), 2000).expect("listed").len(), 0);
    assert_eq!(store.find_ticket(&made.code, 1000 + HOUR_MS), Ok(None));
    assert_eq!(store.use_invitation(id, &[1; 32], 1000 + HOUR_MS), Ok(false));
    assert_eq!(store.use_invitation(id, &[1; 32], 2000), Ok(true));
    assert_eq!(store.withdraw_ticket(id, Some(room + 1)), Ok(false), "another room's host");
    assert_eq!(store.withdraw_ticket(id, Some(room)), Ok(true));
    assert_eq!(store.withdraw_ticket(id, None), Ok(false));
    assert_eq!(store.use_invitation(id, &[1; 32], 2000), Ok(false), "nobody comes back either");
}

#[test]
fn an_account_and_the_use_of_the_invitation_that_it_is_made_with_are_one() {
    let (_folder, mut store) = opened();
    let made = store.make_ticket(&new(Purpose::Invitation, 1)).expect("made");
    let id = made.ticket.id;
    store.register(&NewAccount { email: None, username: "minh".to_owned(), ..lan() }).expect("registered");
    let taken = NewAccount { email: None, username: "minh".to_owned(), ..lan() };
    assert_eq!(store.register_invited(&taken, Some((id, &device(1)))), Err(RegisterError::NameTaken));
    assert_eq!(store.tickets(None, 2000).expect("listed")[0].used, 0, "no account, no use");
    store.register_invited(&lan(), Some((id, &device(1)))).expect("registered");
    let nam = NewAccount { email: None, username: "nam".to_owned(), now_ms: 2000, ..lan() };
    assert_eq!(store.register_invited(&nam, Some((id, &device(2)))), Err(RegisterError::NotInvited));
    assert_eq!(store.account("nam"), Ok(None), "no use, no account");
}

#[test]
fn the_first_owner_s_token_is_good_once_and_for_that_alone() {
    let (_folder, mut store) = opened();
    store.register(&lan()).expect("registered");
    assert_eq!(store.had_owner_token(), Ok(false));
    let made = store.make_ticket(&new(Purpose::Owner, 1)).expect("made");
    assert_eq!((store.had_owner_token(), made.code.as_str()), (Ok(true), ""));
    assert_eq!(store.claim_owner(&made.secret, "nobody", 2000), Ok(false));
    assert_eq!(store.claim_owner(&made.secret, "lan", 1000 + HOUR_MS), Ok(false), "too old");
    assert_eq!(store.use_invitation(made.ticket.id, &[1; 32], 2000), Ok(false), "it is no invitation");
    assert_eq!(store.claim_owner(&made.secret, "lan", 2000), Ok(true));
    assert!(store.account("lan").expect("asked").expect("there").is_owner);
    assert_eq!(store.claim_owner(&made.secret, "lan", 2000), Ok(false), "once");
    let other = store.make_ticket(&new(Purpose::Owner, 1)).expect("made");
    assert_eq!(store.withdraw_ticket(other.ticket.id, None), Ok(true));
    assert_eq!(store.claim_owner(&other.secret, "lan", 2000), Ok(false));
}

#[test]
fn a_new_password_is_set_once_and_signs_every_device_out() {
    let (_folder, mut store) = opened();
    let account = store.register(&lan()).expect("registered");
    let token = store.admit_device(account.id, device(1), "hph", 1000).expect("admitted").expect("a token");
    let ticket = |username: &str| NewTicket { username: username.to_owned(), ..new(Purpose::Reset, 1) };
    assert_eq!(store.make_ticket(&ticket("nobody")).err(), Some(StoreError::UnknownPerson));
    let made = store.make_ticket(&ticket("lan")).expect("made");
    let other = Verifier { salt: [5; 16], iterations: 700_000, stored_key: [6; 32], server_key: [7; 32] };
    let id = made.ticket.id;
    assert_eq!(store.find_ticket(&made.code, 2000).expect("asked").expect("good").username, "lan");
    assert_eq!(store.reset_password(id, "minh", &other, 2000), Ok(false));
    assert_eq!(store.reset_password(id, "lan", &other, 1000 + HOUR_MS), Ok(false));
    assert_eq!(store.account("lan").expect("asked").expect("there").verifier, lan().verifier);
    assert_eq!(store.reset_password(id, "lan", &other, 2000), Ok(true));
    assert_eq!(store.reset_password(id, "lan", &lan().verifier, 2000), Ok(false), "once");
    assert_eq!(store.account("lan").expect("asked").expect("there").verifier, other);
    assert_eq!(store.redeem_token("lan", &token, 2000), Ok(None));
}

#[test]
fn a_kiosk_comes_in_with_its_enrolment_once_and_with_its_key_from_then_on_until_it_is_revoked() {
    let (_folder, mut store) = opened();
    let room = store.create_room("Sảnh", "lan", 1).expect("made").id;
    let ticket = NewTicket { room: Some(room), name: "Cửa".to_owned(), ..new(Purpose::Kiosk, 1) };
    let made = store.make_ticket(&ticket).expect("made");
    assert_eq!(store.enrol("kiosk-a", device(1), "", 2000), Ok(None), "nobody knows it");
    assert_eq!(store.enrol("kiosk-a", device(1), &made.secret, 1000 + HOUR_MS), Ok(None), "too old");
    let kiosk = store.enrol("kiosk-a", device(1), &made.secret, 2000).expect("asked").expect("let in");
    assert_eq!((kiosk.name.as_str(), kiosk.room), ("Cửa", (room, "Sảnh".to_owned())));
    assert_eq!(store.enrol("kiosk-b", device(2), &made.secret, 2000), Ok(None), "once");
    assert!(store.enrol("kiosk-a", device(1), "", 3000).expect("asked").is_some(), "with its key");
    assert_eq!(store.enrol("kiosk-a", device(2), "", 3000), Ok(None), "with another's");
    assert_eq!(store.add_kiosk("kiosk-b", ("Cửa", room), device(2), 3000), Ok(false), "the name is taken");
    assert_eq!(store.add_kiosk("kiosk-b", ("Phòng họp", room), device(2), 3000), Ok(true));
    let names: Vec<_> = store.kiosks().expect("listed").into_iter().map(|kiosk| kiosk.name).collect();
    assert_eq!(names, ["Cửa", "Phòng họp"]);
    assert_eq!(store.revoke_kiosk("Cửa"), Ok(Some("kiosk-a".to_owned())));
    assert_eq!(store.revoke_kiosk("Cửa"), Ok(None));
    assert_eq!(store.enrol("kiosk-a", device(1), &made.secret, 3000), Ok(None));
}

#[test]
fn there_is_an_end_to_tickets_and_old_ones_make_room() {
    let (_folder, mut store) = opened();
    for _ in 0..TICKETS_PER_PERSON_MAX {
        store.make_ticket(&new(Purpose::Invitation, 1)).expect("made");
    }
    assert_eq!(store.make_ticket(&new(Purpose::Invitation, 1)).err(), Some(StoreError::TooManyTickets));
    let (now_ms, expires_at_ms) = (2000 + HOUR_MS, 3000 + HOUR_MS);
    assert!(store.make_ticket(&NewTicket { now_ms, expires_at_ms, ..new(Purpose::Invitation, 1) }).is_ok());
}
