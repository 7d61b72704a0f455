//! Both sides against each other, and each against nonsense.

extern crate std;

use std::string::{String, ToString};
use std::vec::Vec;

use super::client::{ClientSignIn, Credentials, SignInError, SignInStep};
use super::server::{
    Enrolled, KnownAccount, KnownTicket, NewAccount, ServerSignIn, SignInEvent, SignInOutput, SignInPolicy,
};
use crate::crypto::scram::{Verifier, salted_password};
use crate::crypto::senderkey::DeviceSecret;
use crate::endpoint::server::{Identity, Scope};
use crate::id::{RoomId, SessionId};
use crate::limits::PBKDF2_ITERATIONS;
use crate::wire::control::{
    AccountAsk, ClientMessage, Parsed, Refusal, ServerMessage, SignInMethods, TicketKind, emit_client, emit_server,
    parse_client, parse_server,
};

const BINDING: [u8; 32] = [7; 32];
const SECRET: [u8; 32] = [9; 32];
const ALL: SignInMethods = SignInMethods { password: true, register: true, guest: true };

fn policy(methods: SignInMethods) -> SignInPolicy<'static> {
    SignInPolicy { name: "Lớp KTPM", methods, secret: &SECRET, is_unbound_allowed: false }
}

/// A driver with one account at most.
#[derive(Default)]
struct Driver {
    to_client: Vec<Vec<u8>>,
    found: Vec<String>,
    failed: Vec<String>,
    new: Option<NewAccount>,
    presented: Vec<String>,
    reset: Option<NewAccount>,
    enrols: Vec<(String, bool, String)>,
    proved: Option<(Identity, bool)>,
}

impl SignInOutput for Driver {
    fn reply(&mut self, message: &ServerMessage<'_>) {
        let mut frame = [0; 4096];
        let len = emit_server(message, &mut frame).unwrap();
        self.to_client.push(frame[4..len].to_vec());
    }

    fn event(&mut self, event: SignInEvent<'_>) {
        match event {
            SignInEvent::FindAccount { username } | SignInEvent::FindToken { username, .. } => {
                self.found.push(username.to_string());
            }
            SignInEvent::Register(account) => self.new = Some(account.clone()),
            SignInEvent::FindTicket { secret } => self.presented.push(secret.to_string()),
            SignInEvent::ResetPassword(account) => self.reset = Some(account.clone()),
            SignInEvent::Enrol { secret, wants_code, username, .. } => {
                self.enrols.push((secret.to_string(), wants_code, username.to_string()));
            }
            SignInEvent::Failed { username } => self.failed.push(username.to_string()),
            SignInEvent::Proved { identity, is_guest, scram } => {
                self.proved = Some((identity.clone(), is_guest));
                let (username, display_name) = (&identity.username, &identity.display_name);
                let session = SessionId(5);
                self.reply(&ServerMessage::Welcome { session, username, display_name, scram, token: None });
            }
        }
    }
}

fn verifier(password: &str) -> Verifier {
    let salt = [3; 16];
    Verifier::from_salted_password(salt, PBKDF2_ITERATIONS, &salted_password(password, &salt, PBKDF2_ITERATIONS))
}

/// Runs a whole sign-in; `account` is what the store knows of the name.
fn run(
    methods: SignInMethods,
    credentials: Credentials<'_>,
    password: &str,
    client_binding: [u8; 32],
    account: Option<KnownAccount>,
) -> (Driver, Result<(), SignInError>) {
    let device = DeviceSecret::from_seed(&[1; 32]);
    let mut client = ClientSignIn::new(credentials, &device, client_binding, ([4; 18], [5; 16]));
    let mut server = ServerSignIn::new(policy(methods), BINDING);
    let mut driver = Driver::default();
    let mut to_server: Vec<Vec<u8>> = Vec::new();
    fn push(queue: &mut Vec<Vec<u8>>, message: &ClientMessage<'_>) {
        let mut frame = [0; 4096];
        let len = emit_client(message, &mut frame).unwrap();
        queue.push(frame[4..len].to_vec());
    }
    push(&mut to_server, &ClientSignIn::hello("test/1"));
    for _ in 0..20 {
        for body in std::mem::take(&mut to_server) {
            let Ok(Parsed::Message(message)) = parse_client(&body) else { panic!("not a message") };
            let found = driver.found.len();
            server.handle_control(&message, [6; 18], &mut driver);
            if driver.found.len() > found {
                match &message {
                    ClientMessage::SignInToken { .. } => server.token_found(Some(("Hường", Scope::Owner)), &mut driver),
                    _ => server.account_found(account.clone(), &mut driver),
                }
            }
            if driver.new.is_some() && driver.proved.is_none() {
                server.registered(Ok(()), &mut driver);
            }
        }
        for body in std::mem::take(&mut driver.to_client) {
            let Ok(Parsed::Message(message)) = parse_server(&body) else { panic!("not a message") };
            match client.handle_control(&message, |message| push(&mut to_server, message)) {
                Ok(SignInStep::Wait) => {}
                Ok(SignInStep::SaltPassword { salt, iterations }) => {
                    let salted = salted_password(password, &salt, iterations);
                    client.handle_salted_password(&salted, |message| push(&mut to_server, message)).unwrap();
                }
                Ok(SignInStep::PairingCode(..)) => panic!("no code was asked for"),
                Ok(SignInStep::Done(signed_in)) => {
                    assert_eq!(signed_in.session, SessionId(5));
                    return (driver, Ok(()));
                }
                Err(error) => return (driver, Err(error)),
            }
        }
    }
    panic!("no end");
}

fn huong(may_register: bool) -> Credentials<'static> {
    Credentials::Password { username: "huong", email: "h@truong.vn", display_name: "Hường", may_register }
}

fn known(password: &str) -> Option<KnownAccount> {
    Some(KnownAccount {
        display_name: "Cô Hường".try_into().unwrap(),
        verifier: verifier(password),
        scope: Scope::Everywhere,
    })
}

const REFUSED: Result<(), SignInError> = Err(SignInError::Refused { reason: Refusal::SignIn, retry_after_s: 0 });

#[test]
fn a_right_password_proves_both_sides() {
    let (driver, result) = run(ALL, huong(false), "mật khẩu dài", BINDING, known("mật khẩu dài"));
    assert_eq!(result, Ok(()));
    let (identity, is_guest) = driver.proved.unwrap();
    assert_eq!((identity.username.as_str(), identity.display_name.as_str(), is_guest), ("huong", "Hường", false));
    assert_eq!(identity.device.sign, DeviceSecret::from_seed(&[1; 32]).keys().sign);
}

#[test]
fn a_wrong_password_leaves_no_identity_and_is_counted() {
    let (driver, result) = run(ALL, huong(true), "falsch", BINDING, known("mật khẩu dài"));
    assert_eq!(result, REFUSED);
    assert!(driver.proved.is_none());
    assert_eq!(driver.failed, ["huong"]);
}

#[test]
fn an_unknown_name_takes_the_same_way_to_the_same_refusal() {
    let closed = SignInMethods { register: false, ..ALL };
    let (driver, result) = run(closed, huong(true), "mật khẩu dài", BINDING, None);
    assert_eq!(result, REFUSED);
    assert_eq!(driver.failed, ["huong"]);
}

#[test]
fn a_man_in_the_middle_has_another_channel_binding_and_fails() {
    let (driver, result) = run(ALL, huong(false), "mật khẩu dài", [8; 32], known("mật khẩu dài"));
    assert_eq!(result, REFUSED);
    assert!(driver.proved.is_none());
}

#[test]
fn a_first_sign_in_makes_an_account_where_that_is_allowed() {
    let (driver, result) = run(ALL, huong(true), "mật khẩu dài", BINDING, None);
    assert_eq!(result, Ok(()));
    let account = driver.new.unwrap();
    assert_eq!((account.username.as_str(), account.email.as_str()), ("huong", "h@truong.vn"));
    let salted = salted_password("mật khẩu dài", &account.salt, account.iterations);
    let made = Verifier::from_salted_password(account.salt, account.iterations, &salted);
    assert_eq!((made.stored_key, made.server_key), (account.stored_key, account.server_key));
}

#[test]
fn a_first_sign_in_without_the_wish_to_register_is_refused() {
    let (driver, result) = run(ALL, huong(false), "mật khẩu dài", BINDING, None);
    assert_eq!(result, REFUSED);
    assert!(driver.new.is_none());
}

#[test]
fn a_guest_is_the_same_person_on_the_same_device() {
    let guest = Credentials::Guest { display_name: "Khách", email: "" };
    let (driver, result) = run(ALL, guest, "", BINDING, None);
    assert_eq!(result, Ok(()));
    let (identity, is_guest) = driver.proved.unwrap();
    assert!(is_guest && identity.username.starts_with("guest-"));
    assert_eq!(run(ALL, guest, "", BINDING, None).0.proved.unwrap().0.username, identity.username);
    let closed = SignInMethods { guest: false, ..ALL };
    let (_, result) = run(closed, guest, "", BINDING, None);
    assert_eq!(result, Err(SignInError::Refused { reason: Refusal::GuestsClosed, retry_after_s: 0 }));
}

#[test]
fn an_account_can_not_have_a_guest_s_name() {
    let username = run(ALL, Credentials::Guest { display_name: "Khách", email: "" }, "", BINDING, None)
        .0
        .proved
        .unwrap()
        .0
        .username;
    let thief = Credentials::Password { username: &username, email: "", display_name: "", may_register: true };
    let (driver, result) = run(ALL, thief, "mật khẩu dài", BINDING, None);
    assert_eq!(result, Err(SignInError::Refused { reason: Refusal::Invalid, retry_after_s: 0 }));
    assert!(driver.new.is_none() && driver.proved.is_none());
}

#[test]
fn a_token_signs_in_without_a_password() {
    let token = Credentials::Token { username: "huong", token: [2; 32] };
    let (driver, result) = run(ALL, token, "", BINDING, None);
    assert_eq!(result, Ok(()));
    assert_eq!(driver.proved.unwrap().0.display_name, "Hường");
}

#[test]
fn a_stolen_device_key_without_its_secret_proves_nothing() {
    let other = DeviceSecret::from_seed(&[2; 32]).keys();
    let device = crate::wire::control::DevicePublic { seal: other.seal, sign: other.sign };
    let mut server = ServerSignIn::new(policy(ALL), BINDING);
    let mut driver = Driver::default();
    server.handle_control(&ClientSignIn::hello("test/1"), [0; 18], &mut driver);
    let message = ClientMessage::SignInGuest { display_name: "a", email: "", device, proof: &[1; 64] };
    server.handle_control(&message, [0; 18], &mut driver);
    assert!(driver.proved.is_none());
}

#[test]
fn nothing_but_signing_in_is_possible_before_signing_in() {
    use crate::id::{CallId, Slot, TrackId};
    let room = RoomId(1);
    let others = [
        ClientMessage::SignOut,
        ClientMessage::WatchLobby { is_on: true },
        ClientMessage::CreateRoom { request: 1, name: "a" },
        ClientMessage::JoinRoom { request: 1, room },
        ClientMessage::JoinNamed { request: 1, name: "a", may_create: true },
        ClientMessage::LeaveRoom { room },
        ClientMessage::SetTrack { room, track: TrackId::CAMERA, info: Default::default() },
        ClientMessage::Subscribe { room, slot: Slot(0), track: TrackId::CAMERA, width: 1 },
        ClientMessage::SenderKey { room, slot: Slot(0), member: 1, epoch: 1, wrap: &[0; 80] },
        ClientMessage::RequestKey { room, slot: Slot(0) },
        ClientMessage::SendChat { reference: 1, room, text: "a" },
        ClientMessage::SyncChat { room, after: 0 },
        ClientMessage::SendDirect { reference: 1, to: "bob", sealed: &[1] },
        ClientMessage::SyncDirect { after: 0 },
        ClientMessage::LookUp { request: 1, username: "bob" },
        ClientMessage::Call { request: 1, to: "bob", room },
        ClientMessage::AnswerCall { call: CallId(1), accept: true },
        ClientMessage::CancelCall { call: CallId(1) },
        ClientMessage::KeepAlive,
    ];
    for is_greeted in [false, true] {
        for message in &others {
            let mut server = ServerSignIn::new(policy(ALL), BINDING);
            let mut driver = Driver::default();
            if is_greeted {
                server.handle_control(&ClientSignIn::hello("test/1"), [0; 18], &mut driver);
                driver.to_client.clear();
            }
            server.handle_control(message, [0; 18], &mut driver);
            assert_eq!(driver.to_client.len(), 1);
            let refused = ServerMessage::Refused { request: 0, reason: Refusal::OutOfOrder, retry_after_s: 0 };
            assert_eq!(parse_server(&driver.to_client[0]), Ok(Parsed::Message(refused)), "{message:?}");
            assert!(driver.proved.is_none() && driver.found.is_empty());
        }
    }
}

/// Both sides, with a driver that knows one ticket.
fn run_with_ticket(
    methods: SignInMethods,
    credentials: Credentials<'_>,
    ticket: Option<KnownTicket<'_>>,
    enrolled: Result<Enrolled<'_>, Refusal>,
) -> (Driver, Result<Option<(u32, u16)>, SignInError>) {
    let device = DeviceSecret::from_seed(&[1; 32]);
    let client = ClientSignIn::new(credentials, &device, BINDING, ([4; 18], [5; 16]));
    let is_kiosk = matches!(credentials, Credentials::Kiosk { .. });
    let mut client = client.with_ticket((!is_kiosk).then_some("123456789"));
    let mut server = ServerSignIn::new(policy(methods), BINDING);
    let mut driver = Driver::default();
    let mut said: Vec<Vec<u8>> = Vec::new();
    let say = |message: &ClientMessage<'_>| {
        let mut frame = [0; 4096];
        let len = emit_client(message, &mut frame).unwrap();
        frame[4..len].to_vec()
    };
    said.push(say(&ClientSignIn::hello("test/1")));
    for _ in 0..20 {
        for body in std::mem::take(&mut said) {
            let Ok(Parsed::Message(message)) = parse_client(&body) else { panic!("not a message") };
            server.handle_control(&message, [6; 18], &mut driver);
            match message {
                ClientMessage::Account(AccountAsk::Present { .. }) => server.ticket_found(ticket, &mut driver),
                ClientMessage::Account(AccountAsk::Enrol { .. }) => server.enrolled(enrolled, &mut driver),
                ClientMessage::SignIn { .. } => server.account_found(None, &mut driver),
                ClientMessage::Register { .. } if driver.reset.is_some() => {
                    server.password_reset(Ok(("Hường", Scope::Everywhere)), &mut driver);
                }
                ClientMessage::Register { .. } => server.registered(Ok(()), &mut driver),
                _ => {}
            }
        }
        for body in std::mem::take(&mut driver.to_client) {
            let Ok(Parsed::Message(message)) = parse_server(&body) else { panic!("not a message") };
            match client.handle_control(&message, |message| said.push(say(message))) {
                Ok(SignInStep::Wait) => {}
                Ok(SignInStep::SaltPassword { salt, iterations }) => {
                    let salted = salted_password("mật khẩu mới", &salt, iterations);
                    client.handle_salted_password(&salted, |message| said.push(say(message))).unwrap();
                }
                Ok(SignInStep::PairingCode(code, seconds)) => return (driver, Ok(Some((code, seconds)))),
                Ok(SignInStep::Done(_)) => return (driver, Ok(None)),
                Err(error) => return (driver, Err(error)),
            }
        }
    }
    panic!("no end");
}

const CLOSED: SignInMethods = SignInMethods { password: true, register: false, guest: false };
const UNUSED: Result<Enrolled<'_>, Refusal> = Err(Refusal::SignIn);
const INVITATION: KnownTicket<'_> = KnownTicket {
    kind: TicketKind::Invitation,
    room: Some((RoomId(3), "Nhóm 17")),
    username: "",
    may_register: true,
    lets_guests: true,
};

fn refused(reason: Refusal) -> SignInError {
    SignInError::Refused { reason, retry_after_s: 0 }
}

#[test]
fn with_an_invitation_one_makes_an_account_or_comes_as_a_guest_into_its_room_where_else_nobody_does() {
    let guest = Credentials::Guest { display_name: "Khách", email: "" };
    let (driver, result) = run_with_ticket(CLOSED, huong(true), Some(INVITATION), UNUSED);
    assert_eq!((result, driver.proved.unwrap().0.scope), (Ok(None), Scope::Everywhere));
    assert_eq!(driver.presented, ["123456789"]);
    let (driver, result) = run_with_ticket(CLOSED, guest, Some(INVITATION), UNUSED);
    assert_eq!((result, driver.proved.unwrap().0.scope), (Ok(None), Scope::Room(RoomId(3))));
    // Where guests may come anyway it binds nobody.
    let (driver, _) = run_with_ticket(ALL, guest, Some(INVITATION), UNUSED);
    assert_eq!(driver.proved.unwrap().0.scope, Scope::Everywhere);
    for (ticket, credentials, reason) in [
        (KnownTicket { may_register: false, ..INVITATION }, huong(true), Refusal::SignIn),
        (KnownTicket { lets_guests: false, ..INVITATION }, guest, Refusal::GuestsClosed),
        (KnownTicket { room: None, ..INVITATION }, guest, Refusal::GuestsClosed),
        (INVITATION, Credentials::Reset, Refusal::NoSuchInvitation),
    ] {
        let (driver, result) = run_with_ticket(CLOSED, credentials, Some(ticket), UNUSED);
        assert_eq!(result, Err(refused(reason)), "{ticket:?}");
        assert!(driver.proved.is_none());
    }
    // Whoever needs none comes in without.
    assert_eq!(run_with_ticket(ALL, guest, None, UNUSED).1, Ok(None));
    assert_eq!(run_with_ticket(ALL, huong(true), None, UNUSED).1, Ok(None));
    assert_eq!(run_with_ticket(CLOSED, guest, None, UNUSED).1, Err(refused(Refusal::NoSuchInvitation)));
}

#[test]
fn a_new_password_is_for_the_name_that_it_was_given_for_and_for_nobody_who_was_given_something_else() {
    let reset = KnownTicket { kind: TicketKind::Reset, room: None, username: "huong", ..INVITATION };
    let (driver, result) = run_with_ticket(CLOSED, Credentials::Reset, Some(reset), UNUSED);
    assert_eq!(result, Ok(None));
    let account = driver.reset.unwrap();
    let salted = salted_password("mật khẩu mới", &account.salt, account.iterations);
    let made = Verifier::from_salted_password(account.salt, account.iterations, &salted);
    assert_eq!((account.username.as_str(), account.stored_key), ("huong", made.stored_key));
    assert_eq!(driver.proved.unwrap().0.username, "huong");

    let device = DeviceSecret::from_seed(&[1; 32]);
    let keys = device.keys();
    let public = crate::wire::control::DevicePublic { seal: keys.seal, sign: keys.sign };
    let proof = crate::crypto::senderkey::proof(&device, &BINDING, b"huong");
    for ticket in [None, Some(INVITATION)] {
        let mut server = ServerSignIn::new(policy(ALL), BINDING);
        let mut driver = Driver::default();
        server.handle_control(&ClientSignIn::hello("test/1"), [0; 18], &mut driver);
        let present = ClientMessage::Account(AccountAsk::Present { secret: "123456789" });
        server.handle_control(&present, [0; 18], &mut driver);
        server.ticket_found(ticket, &mut driver);
        let register = ClientMessage::Register {
            email: "",
            display_name: "a",
            salt: [0; 16],
            iterations: PBKDF2_ITERATIONS,
            stored_key: [0; 32],
            server_key: [0; 32],
            device: public,
            proof: &proof,
        };
        server.handle_control(&register, [0; 18], &mut driver);
        assert!(driver.reset.is_none() && driver.new.is_none() && driver.proved.is_none());
    }
}

#[test]
fn a_device_without_an_account_gets_a_code_or_comes_in_and_is_bound_to_its_room() {
    let kiosk = |wants_code| Credentials::Kiosk { secret: "", wants_code };
    let (driver, result) = run_with_ticket(CLOSED, kiosk(true), None, Ok(Enrolled::Code(123_456, 600)));
    assert_eq!(result, Ok(Some((123_456, 600))));
    let (secret, wants_code, username) = &driver.enrols[0];
    assert!(secret.is_empty() && *wants_code && username.starts_with("kiosk-") && driver.proved.is_none());
    let (driver, result) = run_with_ticket(CLOSED, kiosk(false), None, Ok(Enrolled::In("Cửa chính", RoomId(3))));
    let (identity, is_guest) = driver.proved.unwrap();
    assert_eq!((result, identity.scope, is_guest), (Ok(None), Scope::Room(RoomId(3)), true));
    assert_eq!((identity.username.as_str(), identity.display_name.as_str()), (username.as_str(), "Cửa chính"));
    let (_, result) = run_with_ticket(CLOSED, kiosk(false), None, Err(Refusal::NoSuchInvitation));
    assert_eq!(result, Err(refused(Refusal::NoSuchInvitation)));
    let thief = Credentials::Password { username, email: "", display_name: "", may_register: true };
    assert_eq!(run(ALL, thief, "mật khẩu dài", BINDING, None).1, Err(refused(Refusal::Invalid)));
}
