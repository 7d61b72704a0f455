//! The server's side of signing in.

use core::mem;

use heapless::String;

use super::{guest_username, kiosk_username};
use crate::crypto::scram::{SCRAM_MESSAGE_MAX_BYTES, ServerScram, Verifier};
use crate::crypto::senderkey::verify_proof;
use crate::endpoint::server::{Identity, Scope};
use crate::id::RoomId;
use crate::limits::{DISPLAY_NAME_MAX_BYTES, EMAIL_MAX_BYTES, PBKDF2_ITERATIONS, PROTOCOL_VERSION, USERNAME_MAX_BYTES};
use crate::room::roles::has_account;
use crate::wire::control::{
    AccountAsk, AccountTold, ClientMessage, DevicePublic, Refusal, ServerMessage, SignInMethods, TicketKind,
};
use crate::wire::text;

/// Where the machine puts what follows from an input.
pub trait SignInOutput {
    /// Say this to the client.
    fn reply(&mut self, message: &ServerMessage<'_>);
    /// Do this, then tell the machine the result.
    fn event(&mut self, event: SignInEvent<'_>);
}

/// What the machine asks of its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInEvent<'a> {
    /// Look the account up, then call [`ServerSignIn::account_found`]. This is an attempt: throttle it.
    FindAccount {
        /// Login name.
        username: &'a str,
    },
    /// Look the token up, then call [`ServerSignIn::token_found`]. This is an attempt: throttle it.
    FindToken {
        /// Login name.
        username: &'a str,
        /// The token.
        token: &'a [u8; 32],
        /// The device that it must have been given to.
        device: &'a DevicePublic,
    },
    /// Store the account, then call [`ServerSignIn::registered`].
    Register(&'a NewAccount),
    /// Look up what the client was given, then call [`ServerSignIn::ticket_found`]. This is an attempt: throttle it.
    FindTicket {
        /// The secret of a link, or the digits that were typed.
        secret: &'a str,
    },
    /// Give the account of that login name this verifier, by what was presented, then call [`ServerSignIn::password_reset`].
    ResetPassword(&'a NewAccount),
    /// Let a device in that is known or was given this, or make a code for it; then call [`ServerSignIn::enrolled`]. With a
    /// secret this is an attempt: throttle it.
    Enrol {
        /// The secret of an enrolment link, or nothing.
        secret: &'a str,
        /// Whether a code is wanted.
        wants_code: bool,
        /// Its login name.
        username: &'a str,
        /// The device.
        device: &'a DevicePublic,
    },
    /// The client is this person. `scram` is what the welcome must carry.
    Proved {
        /// Who.
        identity: &'a Identity,
        /// Whether the account is stored; guests are not.
        is_guest: bool,
        /// The SCRAM server-final-message, or nothing.
        scram: &'a [u8],
    },
    /// The proof was wrong: count it for this name.
    Failed {
        /// Login name.
        username: &'a str,
    },
}

/// What a driver knows of an account.
#[derive(Clone)]
pub struct KnownAccount {
    /// Name to show.
    pub display_name: String<DISPLAY_NAME_MAX_BYTES>,
    /// Proof of the password.
    pub verifier: Verifier,
    /// Where they may go.
    pub scope: Scope,
}

/// What a driver knows of something that a client was given beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownTicket<'a> {
    /// What for.
    pub kind: TicketKind,
    /// The room that it names, if any.
    pub room: Option<(RoomId, &'a str)>,
    /// Whose password may be set with it, or nothing.
    pub username: &'a str,
    /// Whether an account may be made with it, wherever the client is.
    pub may_register: bool,
    /// Whether a guest may come into its room with it, wherever they are.
    pub lets_guests: bool,
}

/// What became of a device without an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled<'a> {
    /// It may come in, under this name to show and into this room.
    In(&'a str, RoomId),
    /// The owner must be shown this code, within so many seconds.
    Code(u32, u16),
}

/// What of it must be known on the way.
#[derive(Clone)]
struct Ticket {
    kind: TicketKind,
    room: Option<RoomId>,
    username: String<USERNAME_MAX_BYTES>,
    may_register: bool,
    lets_guests: bool,
}

/// An account to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewAccount {
    /// Login name.
    pub username: String<USERNAME_MAX_BYTES>,
    /// Email label, or nothing.
    pub email: String<EMAIL_MAX_BYTES>,
    /// Name to show.
    pub display_name: String<DISPLAY_NAME_MAX_BYTES>,
    /// Salt of the verifier.
    pub salt: [u8; 16],
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// SCRAM StoredKey.
    pub stored_key: [u8; 32],
    /// SCRAM ServerKey.
    pub server_key: [u8; 32],
    /// The device that registers.
    pub device: DevicePublic,
}

/// What holds for every connection.
#[derive(Clone, Copy, Debug)]
pub struct SignInPolicy<'a> {
    /// The server's name.
    pub name: &'a str,
    /// What this client may do.
    pub methods: SignInMethods,
    /// Makes the salts of accounts that do not exist.
    pub secret: &'a [u8; 32],
    /// Whether a client without channel binding may sign in: only browsers have none.
    pub is_unbound_allowed: bool,
}

enum State {
    New,
    Ready,
    FindingAccount { scram: ServerScram, username: String<USERNAME_MAX_BYTES>, may_register: bool },
    AwaitingProof { scram: ServerScram, username: String<USERNAME_MAX_BYTES>, account: KnownAccount },
    AwaitingVerifier { username: String<USERNAME_MAX_BYTES> },
    Registering { account: NewAccount },
    FindingToken { username: String<USERNAME_MAX_BYTES>, device: DevicePublic },
    FindingTicket,
    Resetting { username: String<USERNAME_MAX_BYTES>, device: DevicePublic },
    Enrolling { username: String<USERNAME_MAX_BYTES>, device: DevicePublic },
    Done,
}

/// One connection that is signing in.
pub struct ServerSignIn<'a> {
    policy: SignInPolicy<'a>,
    binding: [u8; 32],
    state: State,
    ticket: Option<Ticket>,
}

impl<'a> ServerSignIn<'a> {
    /// A fresh connection. `binding` is the TLS exporter of RFC 9266.
    pub const fn new(policy: SignInPolicy<'a>, binding: [u8; 32]) -> Self {
        Self { policy, binding, state: State::New, ticket: None }
    }

    /// Handles one message. `nonce` is fresh entropy. Everything that is not the next step is refused and changes
    /// nothing, except that a wrong proof ends its attempt.
    pub fn handle_control(&mut self, message: &ClientMessage<'_>, nonce: [u8; 18], out: &mut impl SignInOutput) {
        if let Err(reason) = self.obey(message, nonce, out) {
            refuse(reason, out);
        }
    }

    fn obey(
        &mut self,
        message: &ClientMessage<'_>,
        nonce: [u8; 18],
        out: &mut impl SignInOutput,
    ) -> Result<(), Refusal> {
        use ClientMessage as M;
        match (&self.state, *message) {
            (State::New, M::Hello { version_min, version_max, .. }) => {
                if version_min > PROTOCOL_VERSION || version_max == 0 {
                    return Err(Refusal::Version);
                }
                self.state = State::Ready;
                let (name, methods) = (self.policy.name, self.policy.methods);
                out.reply(&ServerMessage::Hello { version: version_max.min(PROTOCOL_VERSION), name, methods });
                Ok(())
            }
            (State::Ready, M::SignIn { may_register, scram }) => self.begin_scram(may_register, scram, nonce, out),
            (State::Ready, M::SignInGuest { display_name, device, proof, .. }) => {
                self.welcome_guest(display_name, device, proof, out)
            }
            (State::Ready, M::SignInToken { username, token, device, proof }) => {
                self.check_proof(&device, username, proof)?;
                let name = String::try_from(username).map_err(|_| Refusal::Invalid)?;
                self.state = State::FindingToken { username: name, device };
                out.event(SignInEvent::FindToken { username, token: &token, device: &device });
                Ok(())
            }
            (State::AwaitingProof { .. }, M::SignInFinal { scram, device, proof, display_name }) => {
                self.finish_scram(scram, device, proof, display_name, out)
            }
            (State::AwaitingVerifier { .. }, M::Register { .. }) => self.register(message, out),
            (State::Ready, M::Account(AccountAsk::Present { secret })) => {
                self.state = State::FindingTicket;
                out.event(SignInEvent::FindTicket { secret });
                Ok(())
            }
            (State::Ready, M::Account(AccountAsk::Enrol { secret, wants_code, device, proof })) => {
                let username = kiosk_username(&device.sign);
                self.check_proof(&device, &username, proof)?;
                self.state = State::Enrolling { username: username.clone(), device };
                out.event(SignInEvent::Enrol { secret, wants_code, username: &username, device: &device });
                Ok(())
            }
            (State::Ready, M::Register { .. }) => self.reset_password(message, out),
            _ => Err(Refusal::OutOfOrder),
        }
    }

    /// The driver looked up what was presented.
    pub fn ticket_found(&mut self, ticket: Option<KnownTicket<'_>>, out: &mut impl SignInOutput) {
        if !matches!(self.state, State::FindingTicket) {
            return;
        }
        self.state = State::Ready;
        let Some(ticket) = ticket else { return refuse(Refusal::NoSuchInvitation, out) };
        let KnownTicket { kind, room, username, may_register, lets_guests } = ticket;
        self.ticket = Some(Ticket {
            kind,
            room: room.map(|(id, _)| id),
            username: String::try_from(username).unwrap_or_default(),
            may_register,
            lets_guests,
        });
        let room = room.map(|(_, name)| name).unwrap_or_default();
        out.reply(&ServerMessage::Account(AccountTold::Presented { kind, room, username }));
    }

    /// The driver has changed the password, and gives the name to show; or could not.
    pub fn password_reset(&mut self, result: Result<(&str, Scope), Refusal>, out: &mut impl SignInOutput) {
        if !matches!(self.state, State::Resetting { .. }) {
            return;
        }
        let State::Resetting { username, device } = mem::replace(&mut self.state, State::Ready) else { return };
        self.ticket = None;
        let shown = result.and_then(|(name, scope)| Ok((String::try_from(name).map_err(|_| Refusal::Invalid)?, scope)));
        match shown {
            Ok((display_name, scope)) => {
                self.prove(Identity { username, display_name, device, scope }, false, &[], out);
            }
            Err(reason) => refuse(reason, out),
        }
    }

    /// What became of a device without an account.
    pub fn enrolled(&mut self, result: Result<Enrolled<'_>, Refusal>, out: &mut impl SignInOutput) {
        if !matches!(self.state, State::Enrolling { .. }) {
            return;
        }
        let State::Enrolling { username, device } = mem::replace(&mut self.state, State::Ready) else { return };
        match result {
            Ok(Enrolled::In(name, room)) => {
                let scope = Scope::Room(room);
                let Ok(display_name) = String::try_from(name) else { return refuse(Refusal::Invalid, out) };
                self.prove(Identity { username, display_name, device, scope }, true, &[], out);
            }
            Ok(Enrolled::Code(code, seconds)) => {
                out.reply(&ServerMessage::Account(AccountTold::PairingCode { code, seconds }));
            }
            Err(reason) => refuse(reason, out),
        }
    }

    /// The driver looked the account up.
    pub fn account_found(&mut self, account: Option<KnownAccount>, out: &mut impl SignInOutput) {
        if !matches!(self.state, State::FindingAccount { .. }) {
            return;
        }
        let State::FindingAccount { mut scram, username, may_register } = mem::replace(&mut self.state, State::Ready)
        else {
            return;
        };
        let may_register = may_register && (self.policy.methods.register || self.may_register_by_ticket());
        if account.is_none() && may_register {
            self.state = State::AwaitingVerifier { username };
            out.reply(&ServerMessage::RegisterOffer { iterations: PBKDF2_ITERATIONS });
            return;
        }
        // A name that is not known takes the same way to the same refusal.
        let account = account.unwrap_or_else(|| KnownAccount {
            display_name: String::new(),
            verifier: Verifier::decoy(self.policy.secret, &username, PBKDF2_ITERATIONS),
            scope: Scope::default(),
        });
        let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
        match scram.server_first(&account.verifier.salt, account.verifier.iterations, &mut buffer) {
            Ok(len) => out.reply(&ServerMessage::SignInChallenge { scram: buffer.get(..len).unwrap_or_default() }),
            Err(_) => return refuse(Refusal::SignIn, out),
        }
        self.state = State::AwaitingProof { scram, username, account };
    }

    /// The driver looked the token up: the name to show if it fits, and where they may go.
    pub fn token_found(&mut self, known: Option<(&str, Scope)>, out: &mut impl SignInOutput) {
        if !matches!(self.state, State::FindingToken { .. }) {
            return;
        }
        let State::FindingToken { username, device } = mem::replace(&mut self.state, State::Ready) else { return };
        match known.and_then(|(name, scope)| Some((String::try_from(name).ok()?, scope))) {
            Some((display_name, scope)) => {
                self.prove(Identity { username, display_name, device, scope }, false, &[], out);
            }
            None => fail(&username, out),
        }
    }

    /// The driver stored the account, or could not.
    pub fn registered(&mut self, result: Result<(), Refusal>, out: &mut impl SignInOutput) {
        if !matches!(self.state, State::Registering { .. }) {
            return;
        }
        let State::Registering { account } = mem::replace(&mut self.state, State::Ready) else { return };
        let NewAccount { username, display_name, device, .. } = account;
        match result {
            Ok(()) => {
                let scope = Scope::default();
                self.prove(Identity { username, display_name, device, scope }, false, &[], out);
            }
            Err(reason) => refuse(reason, out),
        }
    }

    /// The driver can't go on with what an event asked for: the attempt is over.
    pub fn give_up(&mut self, reason: Refusal, retry_after_s: u32, out: &mut impl SignInOutput) {
        self.state = State::Ready;
        out.reply(&ServerMessage::Refused { request: 0, reason, retry_after_s });
    }

    fn begin_scram(
        &mut self,
        may_register: bool,
        message: &[u8],
        nonce: [u8; 18],
        out: &mut impl SignInOutput,
    ) -> Result<(), Refusal> {
        let started = ServerScram::handle_client_first(message, nonce, self.policy.is_unbound_allowed);
        let (scram, username) = started.map_err(|_| Refusal::SignIn)?;
        if !text::is_username(username) || !has_account(username) {
            return Err(Refusal::Invalid);
        }
        let name = String::try_from(username).map_err(|_| Refusal::Invalid)?;
        self.state = State::FindingAccount { scram, username: name, may_register };
        out.event(SignInEvent::FindAccount { username });
        Ok(())
    }

    fn finish_scram(
        &mut self,
        message: &[u8],
        device: DevicePublic,
        proof: &[u8],
        display_name: &str,
        out: &mut impl SignInOutput,
    ) -> Result<(), Refusal> {
        let State::AwaitingProof { mut scram, username, account } = mem::replace(&mut self.state, State::Ready) else {
            return Err(Refusal::OutOfOrder);
        };
        let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
        let is_device = self.check_proof(&device, &username, proof).is_ok();
        let verified = scram.handle_client_final(message, &account.verifier, &self.binding, &mut buffer);
        let (Ok(len), true) = (verified, is_device) else {
            fail(&username, out);
            return Ok(());
        };
        let server_final = buffer.get(..len).unwrap_or_default();
        let shown = if display_name.is_empty() { &account.display_name } else { display_name };
        let display_name = String::try_from(shown).map_err(|_| Refusal::Invalid)?;
        let scope = account.scope;
        self.prove(Identity { username, display_name, device, scope }, false, server_final, out);
        Ok(())
    }

    fn register(&mut self, message: &ClientMessage<'_>, out: &mut impl SignInOutput) -> Result<(), Refusal> {
        let State::AwaitingVerifier { username } = &self.state else { return Err(Refusal::OutOfOrder) };
        let account = self.new_account(username.clone(), message)?;
        self.state = State::Registering { account: account.clone() };
        out.event(SignInEvent::Register(&account));
        Ok(())
    }

    /// Somebody who was given something for that chooses a new password.
    fn reset_password(&mut self, message: &ClientMessage<'_>, out: &mut impl SignInOutput) -> Result<(), Refusal> {
        let ticket = self.ticket.as_ref().filter(|ticket| ticket.kind == TicketKind::Reset);
        let username = ticket.ok_or(Refusal::OutOfOrder)?.username.clone();
        let account = self.new_account(username.clone(), message)?;
        self.state = State::Resetting { username, device: account.device };
        out.event(SignInEvent::ResetPassword(&account));
        Ok(())
    }

    fn may_register_by_ticket(&self) -> bool {
        self.ticket.as_ref().is_some_and(|ticket| ticket.may_register)
    }

    /// What the client says of an account, if its device proves itself.
    fn new_account(
        &self,
        username: String<USERNAME_MAX_BYTES>,
        message: &ClientMessage<'_>,
    ) -> Result<NewAccount, Refusal> {
        let ClientMessage::Register { email, display_name, salt, iterations, stored_key, server_key, device, proof } =
            *message
        else {
            return Err(Refusal::OutOfOrder);
        };
        self.check_proof(&device, &username, proof)?;
        Ok(NewAccount {
            username,
            email: String::try_from(email).map_err(|_| Refusal::Invalid)?,
            display_name: String::try_from(display_name).map_err(|_| Refusal::Invalid)?,
            salt,
            iterations,
            stored_key,
            server_key,
            device,
        })
    }

    fn welcome_guest(
        &mut self,
        display_name: &str,
        device: DevicePublic,
        proof: &[u8],
        out: &mut impl SignInOutput,
    ) -> Result<(), Refusal> {
        let scope = if self.policy.methods.guest {
            Scope::Everywhere
        } else {
            let room = self.ticket.as_ref().filter(|ticket| ticket.lets_guests).and_then(|ticket| ticket.room);
            Scope::Room(room.ok_or(Refusal::GuestsClosed)?)
        };
        let username = guest_username(&device.sign);
        self.check_proof(&device, &username, proof)?;
        let display_name = String::try_from(display_name).map_err(|_| Refusal::Invalid)?;
        self.prove(Identity { username, display_name, device, scope }, true, &[], out);
        Ok(())
    }

    fn prove(&mut self, identity: Identity, is_guest: bool, scram: &[u8], out: &mut impl SignInOutput) {
        self.state = State::Done;
        out.event(SignInEvent::Proved { identity: &identity, is_guest, scram });
    }

    /// The device's signature over this connection and the name.
    fn check_proof(&self, device: &DevicePublic, username: &str, proof: &[u8]) -> Result<(), Refusal> {
        let proof: &[u8; 64] = proof.try_into().map_err(|_| Refusal::Invalid)?;
        let is_true = verify_proof(&device.sign, &self.binding, username.as_bytes(), proof);
        if is_true { Ok(()) } else { Err(Refusal::SignIn) }
    }
}

fn fail(username: &str, out: &mut impl SignInOutput) {
    out.event(SignInEvent::Failed { username });
    refuse(Refusal::SignIn, out);
}

fn refuse(reason: Refusal, out: &mut impl SignInOutput) {
    out.reply(&ServerMessage::Refused { request: 0, reason, retry_after_s: 0 });
}
