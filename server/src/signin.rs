//! Drives the sign-in machine: looks accounts and tokens up, throttles, and opens the session.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;

use futures_lite::io::AsyncReadExt;
use hph_core::endpoint::server::{Identity, Scope};
use hph_core::endpoint::signin::server::{
    Enrolled, KnownAccount, NewAccount, ServerSignIn, SignInEvent, SignInOutput, SignInPolicy,
};
use hph_core::id::{RoomId, SessionId};
use hph_core::limits::{CONTROL_FRAME_ANONYMOUS_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{
    ClientMessage, DevicePublic, FrameReader, Parsed, Refusal, ServerMessage, SignInMethods, emit_server, parse_client,
};
use hph_platform::clock::Clock;
use hph_platform::entropy;

use crate::admission::{Newcomer, admit, enrol, find_ticket, keys, known_ticket, reset_password, scope, verifier};
use crate::connection::{Exported, Reader, Writer};
use crate::hub::Hub;
use crate::meeting::Queue;
use crate::names::{normalize_display_name, normalize_email};
use crate::store::{self, RegisterError, Store};

/// Attempts on one connection; then it is closed.
const ATTEMPTS_MAX: u32 = 5;

/// What the machine said and asked for, to be done when it has returned.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    asked: Option<Asked>,
    refused: Option<Refusal>,
}

enum Asked {
    Account { username: String },
    Token { username: String, token: [u8; 32], device: DevicePublic },
    Register(Box<NewAccount>),
    Ticket { secret: String },
    Reset(Box<NewAccount>),
    Enrol { secret: String, wants_code: bool, username: String, device: DevicePublic },
    Proved { identity: Box<Identity>, is_guest: bool, scram: Vec<u8> },
}

impl SignInOutput for Output {
    fn reply(&mut self, message: &ServerMessage<'_>) {
        if let ServerMessage::Refused { reason, .. } = message {
            self.refused = Some(*reason);
        }
        let mut frame = [0; CONTROL_FRAME_ANONYMOUS_MAX_BYTES + CONTROL_LENGTH_BYTES];
        if let Ok(len) = emit_server(message, &mut frame) {
            self.bytes.extend_from_slice(&frame[..len]);
        }
    }

    fn event(&mut self, event: SignInEvent<'_>) {
        self.asked = match event {
            SignInEvent::FindAccount { username } => Some(Asked::Account { username: username.to_owned() }),
            SignInEvent::FindToken { username, token, device } => {
                Some(Asked::Token { username: username.to_owned(), token: *token, device: *device })
            }
            SignInEvent::Register(account) => Some(Asked::Register(Box::new(account.clone()))),
            SignInEvent::FindTicket { secret } => Some(Asked::Ticket { secret: secret.to_owned() }),
            SignInEvent::ResetPassword(account) => Some(Asked::Reset(Box::new(account.clone()))),
            SignInEvent::Enrol { secret, wants_code, username, device } => Some(Asked::Enrol {
                secret: secret.to_owned(),
                wants_code,
                username: username.to_owned(),
                device: *device,
            }),
            SignInEvent::Proved { identity, is_guest, scram } => {
                Some(Asked::Proved { identity: Box::new(identity.clone()), is_guest, scram: scram.to_vec() })
            }
            // Counted when the attempt began; only success takes it back.
            SignInEvent::Failed { .. } => return,
        };
    }
}

/// Signs a connection in, or fails.
pub(crate) async fn run(
    hub: &Rc<Hub>,
    peer: IpAddr,
    exported: &Exported,
    reader: &mut Reader,
    writer: &mut Writer,
    frames: &mut FrameReader<'_>,
) -> io::Result<(SessionId, Rc<Queue>)> {
    let policy = SignInPolicy {
        name: &hub.config.name,
        methods: SignInMethods {
            password: true,
            register: hub.config.registration.is_allowed(peer),
            guest: hub.config.guests.is_allowed(peer),
        },
        secret: &hub.secret,
        is_unbound_allowed: false,
    };
    let mut machine = ServerSignIn::new(policy, exported.binding);
    let mut attempts = 0;
    let mut newcomer = Newcomer::new(peer);
    // Whether the attempt that is going on stands with the failures until it succeeds.
    let mut is_counted = false;
    loop {
        let Some(body) = frames.next_frame().map_err(|_| io::ErrorKind::InvalidData)? else {
            match reader.read(frames.space()).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => frames.advance(len),
            }
            continue;
        };
        let Parsed::Message(message) = parse_client(body).map_err(|_| io::ErrorKind::InvalidData)? else { continue };
        let mut output = Output::default();
        if let ClientMessage::Hello { agent, .. } = message {
            agent.clone_into(&mut newcomer.agent);
        }
        machine.handle_control(&message, entropy::array(), &mut output);
        while let Some(asked) = output.asked.take() {
            match asked {
                Asked::Proved { identity, is_guest, scram } => {
                    let username = identity.username.clone();
                    let opened = open(hub, exported, &newcomer, *identity, is_guest, &scram).await;
                    match opened {
                        Ok(opened) => {
                            if is_counted {
                                hub.logins.borrow_mut().record_success(Clock::now(), peer, &username);
                            }
                            return Ok(opened);
                        }
                        Err(reason) => machine.give_up(reason, 0, &mut output),
                    }
                }
                asked => {
                    attempts += 1;
                    is_counted = match asked {
                        Asked::Account { .. } => true,
                        Asked::Register(_) => is_counted,
                        _ => false,
                    };
                    answer(hub, &mut newcomer, &mut machine, asked, &mut output).await;
                }
            }
        }
        if let Some(reason) = output.refused {
            hub.count_sign_in_failure(reason);
        }
        futures_lite::io::AsyncWriteExt::write_all(writer, &output.bytes).await?;
        futures_lite::io::AsyncWriteExt::flush(writer).await?;
        if attempts > ATTEMPTS_MAX {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
}

/// Does what the machine asked for and tells it the result.
async fn answer(
    hub: &Rc<Hub>,
    newcomer: &mut Newcomer,
    machine: &mut ServerSignIn<'_>,
    asked: Asked,
    out: &mut Output,
) {
    let peer = newcomer.peer;
    match asked {
        Asked::Account { username } => {
            if let Err(wait) = begin_attempt(hub, peer, &username) {
                return machine.give_up(Refusal::TooFast, wait, out);
            }
            match hub.store.account(&username).await {
                Ok(account) => machine.account_found(account.and_then(known), out),
                Err(_) => machine.give_up(Refusal::Storage, 0, out),
            }
        }
        Asked::Token { username, token, device } => {
            if let Err(wait) = hub.logins.borrow_mut().check_token(Clock::now()) {
                return machine.give_up(Refusal::TooFast, wait.seconds.max(1), out);
            }
            match hub.store.redeem_token(&username, token, hub.believed_time_ms()).await {
                Ok(redeemed) => {
                    let redeemed = redeemed.filter(|redeemed| redeemed.device_sign == device.sign);
                    let account = redeemed.map(|redeemed| redeemed.account);
                    let known = account.as_ref().map(|account| (account.display_name.as_str(), scope(account)));
                    machine.token_found(known, out);
                }
                Err(_) => machine.give_up(Refusal::Storage, 0, out),
            }
        }
        Asked::Register(account) => {
            let result = register(hub, &account, newcomer).await;
            machine.registered(result, out);
        }
        Asked::Ticket { secret } => match find_ticket(hub, peer, secret).await {
            Ok(ticket) => {
                machine.ticket_found(ticket.as_ref().and_then(|ticket| known_ticket(hub, ticket)), out);
                newcomer.ticket = ticket;
            }
            Err((reason, wait)) => machine.give_up(reason, wait, out),
        },
        Asked::Reset(account) => {
            let result = reset_password(hub, &account, newcomer).await;
            let result = result.as_ref().map(|account| (account.display_name.as_str(), scope(account)));
            machine.password_reset(result.map_err(|reason| *reason), out);
        }
        Asked::Enrol { secret, wants_code, username, device } => {
            newcomer.revocations = hub.accounts.revocations.get();
            let result = enrol(hub, peer, &username, device, (secret, wants_code)).await;
            match &result {
                Ok(Ok(kiosk)) => machine.enrolled(Ok(Enrolled::In(&kiosk.name, RoomId(kiosk.room.0))), out),
                Ok(Err((code, seconds))) => machine.enrolled(Ok(Enrolled::Code(*code, *seconds)), out),
                Err((reason, 0)) => machine.enrolled(Err(*reason), out),
                Err((reason, wait)) => machine.give_up(*reason, *wait, out),
            }
        }
        Asked::Proved { .. } => {}
    }
}

/// Counts an attempt as failed until it succeeds, so that many at once count too. `Err` is the wait in seconds.
fn begin_attempt(hub: &Rc<Hub>, peer: IpAddr, username: &str) -> Result<(), u32> {
    let now = Clock::now();
    let mut logins = hub.logins.borrow_mut();
    logins.check(now, peer, username).map_err(|wait| wait.seconds.max(1))?;
    logins.record_failure(now, peer, username);
    hub.sign_in_attempts.set(hub.sign_in_attempts.get() + 1);
    Ok(())
}

fn known(account: store::Account) -> Option<KnownAccount> {
    let scope = scope(&account);
    let store::Verifier { salt, iterations, stored_key, server_key } = account.verifier;
    Some(KnownAccount {
        scope,
        display_name: account.display_name.as_str().try_into().ok()?,
        verifier: hph_core::crypto::scram::Verifier { salt, iterations, stored_key, server_key },
    })
}

async fn register(hub: &Rc<Hub>, account: &NewAccount, newcomer: &Newcomer) -> Result<(), Refusal> {
    let display_name = normalize_display_name(&account.display_name).map_err(|_| Refusal::Invalid)?;
    let email = match account.email.as_str() {
        "" => None,
        email => Some(normalize_email(email).map_err(|_| Refusal::Invalid)?),
    };
    let new = store::NewAccount {
        username: account.username.to_string(),
        email,
        display_name,
        verifier: verifier(account),
        now_ms: Clock::unix_time_ms(),
    };
    let (invitation, device) = (newcomer.invitation(), keys(&account.device));
    let registering =
        move |store: &mut Store| store.register_invited(&new, invitation.as_ref().map(|ticket| (ticket.id, &device)));
    match hub.store.run(registering).await {
        Err(RegisterError::NotInvited) => Err(Refusal::NoSuchInvitation),
        Ok(_) => Ok(()),
        Err(RegisterError::NameTaken) => Err(Refusal::NameTaken),
        Err(RegisterError::EmailTaken) => Err(Refusal::EmailTaken),
        Err(RegisterError::Full) => Err(Refusal::ServerFull),
        Err(RegisterError::Store(_)) => Err(Refusal::Storage),
    }
}

/// Opens the session of a proved identity, and welcomes it.
async fn open(
    hub: &Rc<Hub>,
    exported: &Exported,
    newcomer: &Newcomer,
    mut identity: Identity,
    is_guest: bool,
    scram: &[u8],
) -> Result<(SessionId, Rc<Queue>), Refusal> {
    let display_name = normalize_display_name(&identity.display_name).map_err(|_| Refusal::Invalid)?;
    identity.display_name = display_name.as_str().try_into().map_err(|_| Refusal::Invalid)?;
    let username = identity.username.clone();
    let token = admit(hub, newcomer, &identity, is_guest).await?;
    if identity.scope == Scope::Owner {
        // Perhaps no longer: signing in takes a while.
        let account = hub.store.account(&username).await.map_err(|_| Refusal::Storage)?;
        identity.scope = account.as_ref().map_or(Scope::Everywhere, scope);
    }
    if hub.is_stopping.get() {
        return Err(Refusal::ServerFull);
    }
    let now = Clock::now();
    let session = hub.act(|machine, out| machine.open_session(now, identity, &exported.media, out))?;
    let queue = hub.open_queue(session);
    let (username, display_name) = (username.as_str(), display_name.as_str());
    hub.say(session, &ServerMessage::Welcome { session, username, display_name, scram, token });
    Ok((session, queue))
}
