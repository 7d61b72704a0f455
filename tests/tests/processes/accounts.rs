//! Devices and who revokes them, invitations and codes, the first owner, forgotten passwords, kiosks: over the wire, with
//! the programs that people use.

use std::time::Duration;

use hph_client::engine::{
    Account, AccountCommand, AccountEvent, Command, EndReason, EngineConfig, Event, InvitationInfo,
};
use hph_client::link::{Given, Invitation};
use hph_core::crypto::senderkey::{DeviceKeys, DeviceSecret};
use hph_core::id::{RoomId, TrackId};
use hph_core::wire::control::{Refusal, ServerMessage};
use hph_platform::clock::Clock;
use hph_server::config::Access;
use hph_tests::wire_lab::command::{Hph, objects};
use hph_tests::wire_lab::person::{Person, SOUND, guest, member};
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{elapsed, ms, pause, until_so};
use serde_json::Value;

const ROOM: &str = "Nhóm 17";
const ANSWER: Duration = ms(20_000);
const PASSWORD: &str = "mật khẩu dài";

fn run(arguments: &[&str]) -> (bool, Vec<String>) {
    let (status, lines) = Hph::start(arguments).finish(ANSWER);
    (status.success(), lines)
}

/// Asks a running server as the owner of its machine; what of the answer has that name.
fn admin(server: &ServerProcess, words: &[&str], name: &str) -> Result<Vec<Value>, ()> {
    let data = server.data_dir().display().to_string();
    let (is_done, lines) = run(&[&["admin", "--data", &data, "--json"][..], words].concat());
    if is_done { Ok(objects(&lines, name)) } else { Err(()) }
}

fn field(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("{name} in {object}")).to_owned()
}

fn ended(person: &mut Person) -> EndReason {
    person.wait("end", ANSWER, |event| match event {
        Event::Ended(reason) => Some(reason.clone()),
        _ => None,
    })
}

fn told<T>(
    person: &mut Person,
    command: AccountCommand,
    mut pick: impl FnMut(&AccountEvent) -> Option<T>,
) -> Result<T, Refusal> {
    person.send(Command::Account(command));
    person.wait("answer", ANSWER, |event| match event {
        Event::Account(told) => pick(told).map(Ok),
        Event::Refused { reason, .. } => Some(Err(*reason)),
        _ => None,
    })
}

fn done(told: &AccountEvent) -> Option<()> {
    matches!(told, AccountEvent::Done { .. }).then_some(())
}

fn keys(config: &EngineConfig) -> DeviceKeys {
    DeviceSecret::from_seed(&config.device_seed).keys()
}

fn invited(config: EngineConfig, secret: &str) -> EngineConfig {
    EngineConfig {
        account: Account::Invited { secret: secret.to_owned(), account: Box::new(config.account.clone()) },
        ..config
    }
}

fn invite(person: &mut Person, room: Option<RoomId>, uses: u16, may_register: bool) -> Result<InvitationInfo, Refusal> {
    let command = AccountCommand::Invite { request: 900, room, uses, valid_s: 600, may_register };
    told(person, command, |told| match told {
        AccountEvent::Invitation { invitation, .. } => Some(invitation.clone()),
        _ => None,
    })
}

/// Whether somebody comes in, or why not.
fn comes_in(config: EngineConfig) -> Result<Person, EndReason> {
    let mut person = Person::start(config);
    let result = person.wait("sign-in or end", ANSWER, |event| match event {
        Event::SignedIn { .. } => Some(Ok(())),
        Event::Ended(reason) => Some(Err(reason.clone())),
        _ => None,
    });
    result.map(|()| person)
}

fn reason(result: Result<Person, EndReason>) -> Refusal {
    match result.err().expect("refused") {
        EndReason::Refused { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_revoked_device_is_out_within_a_second_and_the_room_has_other_keys_within_two() {
    let server = LocalServer::start();
    let stolen = member(&server.target, "lan", PASSWORD);
    let (mut phone, room) = Person::in_room(stolen.clone(), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let (nam, _) = Person::in_room(guest(&server.target, "Nam"), ROOM);
    minh.wait_for_person("Nam");
    // Reads what is wrapped for it and opens nothing.
    let mut witness = RawClient::connect(&server.target, None).expect("connected");
    witness.sign_in("Hường");
    witness.join(ROOM);
    minh.wait_for_person("Hường");
    minh.switch(room, TrackId::MICROPHONE, SOUND);
    let _voice = minh.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(160));
    until_so("a voice", ANSWER, || phone.arrival_count() > 5 && nam.arrival_count() > 5);
    let generation = |message: &ServerMessage<'_>| match message {
        ServerMessage::SenderKey { epoch, .. } => Some(epoch >> 8),
        _ => None,
    };
    let first = witness.hear_until(generation).expect("a key");
    let list = |person: &mut Person| {
        let mut rows = Vec::new();
        told(person, AccountCommand::ListDevices { request: 901 }, |told| match told {
            AccountEvent::Device { device, is_here, first_seen_ms, last_seen_ms, name, .. } => {
                assert!(first_seen_ms <= last_seen_ms && *first_seen_ms > 1_600_000_000_000 && name == "hph-tests");
                rows.push((device.sign, *is_here));
                None
            }
            AccountEvent::DevicesAll { .. } => Some(std::mem::take(&mut rows)),
            _ => None,
        })
    };
    assert_eq!(list(&mut phone), Ok(vec![(keys(&stolen).sign, true)]));
    assert_eq!(list(&mut minh), Err(Refusal::Forbidden), "a guest has none");
    let unknown = AccountCommand::RevokeDevice { request: 902, sign: [9; 32] };
    assert_eq!(told(&mut phone, unknown, done), Err(Refusal::NoSuchPerson));
    let safety = minh.log().iter().filter(|(_, event)| matches!(event, Event::Safety { .. })).count();

    let began = Clock::now();
    phone.send(Command::Account(AccountCommand::RevokeDevice { request: 903, sign: keys(&stolen).sign }));
    assert_eq!(ended(&mut phone), EndReason::Revoked);
    println!("out after {:?}", elapsed(began));
    assert!(elapsed(began) < ms(1000), "{:?}", elapsed(began));
    witness.hear_until(|message| generation(message).filter(|now| *now != first)).expect("a new key");
    println!("other keys after {:?}", elapsed(began));
    assert!(elapsed(began) < ms(2000), "{:?}", elapsed(began));
    // What is sent from now on is sealed with a key that the stolen device was never given.
    until_so("who is left is told", ms(1000), || {
        minh.log().iter().filter(|(_, event)| matches!(event, Event::Safety { .. })).count() > safety
    });
    phone.clear_arrivals();
    pause(ms(2000).saturating_sub(elapsed(began)));
    nam.clear_arrivals();
    until_so("the voice goes on under other keys", ms(2000), || nam.arrival_count() > 20);
    assert_eq!(phone.arrival_count(), 0);
    // Neither by token nor by password; another device may.
    assert_eq!(reason(comes_in(stolen)), Refusal::DeviceRevoked);
    let mut laptop = comes_in(member(&server.target, "lan", PASSWORD)).expect("another device");
    assert_eq!(list(&mut laptop).expect("listed").len(), 1);
}

#[test]
fn invitations_are_made_by_hosts_and_owners_alone_and_used_as_often_as_they_say_and_no_more_under_a_rush() {
    let server = LocalServer::start_with(|config| {
        config.guests = Access::Invitation;
        config.unauthenticated_per_source_max = 64;
    });
    let (mut lan, room) = Person::in_room(member(&server.target, "lan", PASSWORD), ROOM);
    let (mut minh, _) = Person::in_room(member(&server.target, "minh", PASSWORD), ROOM);
    assert_eq!(invite(&mut minh, Some(room), 1, false), Err(Refusal::Forbidden), "no host");
    assert_eq!(invite(&mut lan, None, 1, false), Err(Refusal::Forbidden), "not of the server");
    assert_eq!(invite(&mut lan, Some(room), 1, true), Err(Refusal::Forbidden), "who may make accounts is not hers");
    let invitation = invite(&mut lan, Some(room), 3, false).expect("made");
    let (secret, code) = (invitation.secret.expect("new"), invitation.code.expect("new"));
    assert_eq!(reason(comes_in(guest(&server.target, "Khách"))), Refusal::GuestsClosed);
    // Eight at once for three places.
    let coming: Vec<_> = (0..8)
        .map(|index| {
            let secret = if index % 2 == 0 { &secret } else { &code };
            let config = invited(guest(&server.target, "Khách"), secret);
            std::thread::spawn(move || comes_in(config))
        })
        .collect();
    let came: Vec<_> = coming.into_iter().filter_map(|thread| thread.join().expect("no panic").ok()).collect();
    assert_eq!(came.len(), 3);
    let mut one = came.into_iter().next().expect("one");
    let told_room = one.wait("where they may be", ANSWER, |event| match event {
        Event::Account(AccountEvent::OnlyRoom { room, .. }) => Some(*room),
        _ => None,
    });
    assert_eq!(told_room, room);
    one.send(Command::JoinNamed { request: 5, name: "Nơi khác".to_owned(), may_create: true });
    let refused = one.wait("an answer", ANSWER, |event| match event {
        Event::Refused { request: 5, reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(refused, Refusal::NoSuchRoom, "no other room, and none is made");
    assert_eq!(one.join(ROOM), room);
    // The list, and the end.
    let other = invite(&mut lan, Some(room), 9, false).expect("made");
    let mut rows = Vec::new();
    let listed = told(&mut lan, AccountCommand::ListInvitations { request: 6, room: Some(room) }, |told| match told {
        AccountEvent::Invitation { invitation, .. } => {
            rows.push((invitation.id, invitation.used, invitation.secret.clone()));
            None
        }
        AccountEvent::InvitationsAll { .. } => Some(std::mem::take(&mut rows)),
        _ => None,
    });
    assert_eq!(listed, Ok(vec![(other.id, 0, None)]), "what is used up is not there, and no secret is told twice");
    let withdraw = |room| AccountCommand::Withdraw { request: 7, room, id: other.id };
    assert_eq!(told(&mut minh, withdraw(Some(room)), done), Err(Refusal::Forbidden));
    assert_eq!(told(&mut lan, withdraw(None), done), Err(Refusal::Forbidden));
    assert_eq!(told(&mut lan, withdraw(Some(room)), done), Ok(()));
    let late = invited(guest(&server.target, "Muộn"), &other.secret.expect("new"));
    assert_eq!(reason(comes_in(late)), Refusal::NoSuchInvitation);
}

#[test]
fn who_guesses_codes_waits_and_a_link_is_good_all_the_while() {
    let server = LocalServer::start_with(|config| config.guests = Access::Invitation);
    let (mut lan, room) = Person::in_room(member(&server.target, "lan", PASSWORD), ROOM);
    let invitation = invite(&mut lan, Some(room), 1, false).expect("made");
    let code = invitation.code.expect("new");
    let guess = |index: u32| {
        let code = format!("{:09}", (code.parse::<u32>().expect("digits") + 1 + index) % 1_000_000_000);
        reason(comes_in(invited(guest(&server.target, "Kẻ dò"), &code)))
    };
    let answers: Vec<_> = (0..12).map(guess).collect();
    assert_eq!(answers[..10], [Refusal::NoSuchInvitation; 10]);
    assert_eq!(answers[10..], [Refusal::TooFast; 2]);
    assert_eq!(reason(comes_in(invited(guest(&server.target, "Minh"), &code))), Refusal::TooFast, "also the right one");
    let secret = invitation.secret.expect("new");
    assert!(comes_in(invited(guest(&server.target, "Minh"), &secret)).is_ok());
}

#[test]
fn the_first_to_claim_a_server_owns_it_and_invites_others_to_make_accounts_over_a_restart() {
    let mut server = ServerProcess::start(&["--set", "announce=off", "--registration", "invitation"]);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("password"), PASSWORD).expect("written");
    let (password, lan_state) = (at("password"), at("lan"));
    let said = server.said().0;
    let token = objects(&said.lines().map(ToOwned::to_owned).collect::<Vec<_>>(), "owner_token").remove(0);
    let link = field(&token, "link");
    let lan = ["--user", "lan", "--password-file", &password, "--state", &lan_state, "--json"];
    let claim = || run(&[&["claim", &link, "--register"][..], &lan].concat()).0;
    assert_eq!(reason(comes_in(member(&server.target, "nobody", PASSWORD))), Refusal::SignIn, "nobody else");
    assert!(claim());
    assert!(!claim(), "once");
    server.restart();
    assert!(!server.said().0.contains("owner_token") && !server.said().1.contains("own="), "never shown again");
    let plain = server.target.link();
    let (is_made, lines) = run(&[&["invite", &plain, "--accounts", "--uses", "2"][..], &lan].concat());
    assert!(is_made);
    let made = objects(&lines, "made").remove(0);
    let invitation: Invitation = field(&made, "link").parse().expect("a link");
    assert_eq!(invitation.pin, Some(server.target.pin), "it carries the key");
    let Some(Given::Invite(secret)) = invitation.given else { panic!("{invitation:?}") };
    server.restart();
    assert!(comes_in(invited(member(&server.target, "minh", PASSWORD), &secret)).is_ok(), "also after a restart");
    // By the command line, with the digits.
    let code = field(&made, "code");
    let join = |name: &str, state: &str| {
        let more = ["--user", name, "--register", "--password-file", &password, "--state", state, "--code", &code];
        run(&[&["rooms", &plain][..], &more].concat()).0
    };
    assert!(join("nam", &at("nam")));
    assert!(!join("binh", &at("binh")), "used up");
    assert!(join("nam", &at("nam")), "who has an account needs none");
    // An owner of the server keeps order in a room that is another's.
    let (mut nam, room) = Person::in_room(member(&server.target, "nam", PASSWORD), "Phòng của Nam");
    let moderated = run(&[&["moderate", &plain, "--room", "Phòng của Nam", "lock"][..], &lan].concat());
    assert!(moderated.0);
    nam.wait("word of it", ANSWER, |event| matches!(event, Event::RoomLocked { is_locked: true, .. }).then_some(()));
    assert!(run(&[&["invite", &plain, "--room", "Phòng của Nam"][..], &lan].concat()).0);
    assert_eq!(invite(&mut nam, Some(room), 1, true), Err(Refusal::Forbidden));
}

#[test]
fn a_forgotten_password_is_set_anew_once_and_signs_every_other_device_out() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let config = member(&server.target, "lan", PASSWORD);
    let mut lan = Person::signed_in(config.clone());
    assert!(admin(&server, &["reset-password", "nobody"], "made").is_err());
    let made = admin(&server, &["reset-password", "lan"], "made").expect("made").remove(0);
    assert!(made["link"].is_null());
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("new"), "một mật khẩu khác").expect("written");
    let (link, code) = (server.target.link(), field(&made, "code"));
    let set = || run(&["new-password", &link, &code, "--password-file", &at("new"), "--state", &at("state")]).0;
    assert!(set());
    assert_eq!(ended(&mut lan), EndReason::SignedInElsewhere);
    assert!(!set(), "once");
    assert_eq!(reason(comes_in(config)), Refusal::SignIn, "the old one is void");
    assert!(comes_in(member(&server.target, "lan", "một mật khẩu khác")).is_ok());
}

fn kiosk(server: &ServerProcess, secret: Option<String>) -> EngineConfig {
    EngineConfig { account: Account::Kiosk { secret }, ..guest(&server.target, "") }
}

#[test]
fn a_kiosk_is_enrolled_by_a_link_or_by_its_code_stays_in_its_room_and_is_out_when_it_is_revoked() {
    let mut server = ServerProcess::start(&["--set", "announce=off", "--guests", "nobody"]);
    let (_lan, room) = Person::in_room(member(&server.target, "lan", PASSWORD), ROOM);
    let (_minh, _) = Person::in_room(member(&server.target, "minh", PASSWORD), "Phòng kín");
    assert!(admin(&server, &["kiosk", "add", "Cửa chính", "--room", "Không có"], "made").is_err());
    let made = admin(&server, &["kiosk", "add", "Cửa chính", "--room", ROOM], "made").expect("made").remove(0);
    let link: Invitation = field(&made, "link").parse().expect("a link");
    let Some(Given::Enrol(secret)) = link.given.clone() else { panic!("{link:?}") };
    let config = kiosk(&server, Some(secret.clone()));
    let mut door = comes_in(config.clone()).expect("enrolled");
    assert_eq!(reason(comes_in(kiosk(&server, Some(secret)))), Refusal::NoSuchInvitation, "once");
    assert_eq!(door.join(ROOM), room);
    door.send(Command::JoinNamed { request: 5, name: "Phòng kín".to_owned(), may_create: false });
    let refused = door.wait("an answer", ANSWER, |event| match event {
        Event::Refused { request: 5, reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(refused, Refusal::Forbidden);
    // It comes back by itself, with its key alone.
    server.restart();
    door.wait("return", ANSWER, |event| matches!(event, Event::Joined { request: 0, .. }).then_some(()));
    let listed = admin(&server, &["kiosk", "list"], "kiosks").expect("listed").remove(0);
    assert_eq!((field(&listed, "name"), field(&listed, "room")), ("Cửa chính".to_owned(), ROOM.to_owned()));
    assert_eq!(listed["state"], "online");
    let began = Clock::now();
    assert!(admin(&server, &["kiosk", "revoke", "Cửa chính"], "").is_ok());
    assert_eq!(ended(&mut door), EndReason::Revoked);
    println!("out after {:?}, the command among them", elapsed(began));
    assert_eq!(reason(comes_in(config)), Refusal::NoSuchInvitation);

    // The other way: it shows a code.
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().display().to_string();
    let plain = server.target.link();
    let join = ["join", &plain, "--kiosk", "--json", "--no-input", "--state", &state];
    let shown = Hph::start(&join);
    until_so("a code", ANSWER, || !shown.events("pairing_code").is_empty());
    let code = field(&shown.events("pairing_code")[0], "code");
    assert!(code.len() == 6 && shown.events("signed_in").is_empty());
    let wrong = format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000);
    assert!(admin(&server, &["kiosk", "pair", &wrong, "Sảnh", "--room", ROOM], "").is_err());
    assert!(admin(&server, &["kiosk", "pair", &code, "Sảnh", "--room", ROOM], "").is_ok());
    until_so("its place in its room", ANSWER, || !shown.events("joined").is_empty());
    assert_eq!(shown.events("joined")[0]["name"], ROOM);
    assert_eq!(shown.events("signed_in")[0]["display_name"], "Sảnh");
    shown.interrupt(ANSWER);
    // Known from then on.
    let again = Hph::start(&join);
    until_so("its place again", ANSWER, || !again.events("joined").is_empty());
    assert!(again.events("pairing_code").is_empty());
}

#[test]
fn the_owner_of_the_machine_lists_and_revokes_devices() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let mut lan = Person::signed_in(member(&server.target, "lan", PASSWORD));
    let row = admin(&server, &["devices", "lan"], "devices").expect("listed").remove(0);
    assert_eq!((field(&row, "state"), field(&row, "name")), ("online".to_owned(), "hph-tests".to_owned()));
    assert!(admin(&server, &["devices", "nobody"], "devices").is_err());
    assert!(admin(&server, &["revoke", "lan", "12"], "").is_err(), "too short to be sure");
    let fingerprint = field(&row, "fingerprint");
    assert!(admin(&server, &["revoke", "lan", &fingerprint], "").is_ok());
    assert_eq!(ended(&mut lan), EndReason::Revoked);
    assert_eq!(admin(&server, &["devices", "lan"], "devices"), Ok(Vec::new()));
    // Invitations of the machine's owner are on the list until they are withdrawn.
    let made = admin(&server, &["invite", "--uses", "5", "--for", "1h"], "made").expect("made").remove(0);
    let listed = admin(&server, &["invitations"], "invitations").expect("listed");
    let is_it = |row: &&Value| row["id"] == made["id"];
    assert_eq!(listed.iter().find(is_it).map(|row| field(row, "uses")), Some("5".to_owned()));
    assert!(admin(&server, &["withdraw", &field(&made, "id")], "").is_ok());
    assert!(
        !admin(&server, &["invitations"], "invitations").expect("listed").iter().any(|row| row["id"] == made["id"])
    );
}
