//! The server's side of signing in.

use core::mem;

use heapless::String;

use super::{GUEST_PREFIX, guest_username};
use crate::crypto::scram::{SCRAM_MESSAGE_MAX_BYTES, ServerScram, Verifier};
use crate::crypto::senderkey::verify_proof;
use crate::endpoint::server::Identity;
use crate::limits::{DISPLAY_NAME_MAX_BYTES, EMAIL_MAX_BYTES, PBKDF2_ITERATIONS, PROTOCOL_VERSION, USERNAME_MAX_BYTES};
use crate::wire::control::{ClientMessage, DevicePublic, Refusal, ServerMessage, SignInMethods};
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
    Done,
}

/// One connection that is signing in.
pub struct ServerSignIn<'a> {
    policy: SignInPolicy<'a>,
    binding: [u8; 32],
    state: State,
}

impl<'a> ServerSignIn<'a> {
    /// A fresh connection. `binding` is the TLS exporter of RFC 9266.
    pub const fn new(policy: SignInPolicy<'a>, binding: [u8; 32]) -> Self {
        Self { policy, binding, state: State::New }
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
            _ => Err(Refusal::OutOfOrder),
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
        if account.is_none() && may_register && self.policy.methods.register {
            self.state = State::AwaitingVerifier { username };
            out.reply(&ServerMessage::RegisterOffer { iterations: PBKDF2_ITERATIONS });
            return;
        }
        // A name that is not known takes the same way to the same refusal.
        let account = account.unwrap_or_else(|| KnownAccount {
            display_name: String::new(),
            verifier: Verifier::decoy(self.policy.secret, &username, PBKDF2_ITERATIONS),
        });
        let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
        match scram.server_first(&account.verifier.salt, account.verifier.iterations, &mut buffer) {
            Ok(len) => out.reply(&ServerMessage::SignInChallenge { scram: buffer.get(..len).unwrap_or_default() }),
            Err(_) => return refuse(Refusal::SignIn, out),
        }
        self.state = State::AwaitingProof { scram, username, account };
    }

    /// The driver looked the token up: the name to show if it fits.
    pub fn token_found(&mut self, display_name: Option<&str>, out: &mut impl SignInOutput) {
        if !matches!(self.state, State::FindingToken { .. }) {
            return;
        }
        let State::FindingToken { username, device } = mem::replace(&mut self.state, State::Ready) else { return };
        match display_name.and_then(|name| String::try_from(name).ok()) {
            Some(display_name) => self.prove(Identity { username, display_name, device }, false, &[], out),
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
            Ok(()) => self.prove(Identity { username, display_name, device }, false, &[], out),
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
        if !text::is_username(username) || username.starts_with(GUEST_PREFIX) {
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
        self.prove(Identity { username, display_name, device }, false, server_final, out);
        Ok(())
    }

    fn register(&mut self, message: &ClientMessage<'_>, out: &mut impl SignInOutput) -> Result<(), Refusal> {
        let State::AwaitingVerifier { username } = &self.state else { return Err(Refusal::OutOfOrder) };
        let ClientMessage::Register { email, display_name, salt, iterations, stored_key, server_key, device, proof } =
            *message
        else {
            return Err(Refusal::OutOfOrder);
        };
        self.check_proof(&device, username, proof)?;
        let account = NewAccount {
            username: username.clone(),
            email: String::try_from(email).map_err(|_| Refusal::Invalid)?,
            display_name: String::try_from(display_name).map_err(|_| Refusal::Invalid)?,
            salt,
            iterations,
            stored_key,
            server_key,
            device,
        };
        self.state = State::Registering { account: account.clone() };
        out.event(SignInEvent::Register(&account));
        Ok(())
    }

    fn welcome_guest(
        &mut self,
        display_name: &str,
        device: DevicePublic,
        proof: &[u8],
        out: &mut impl SignInOutput,
    ) -> Result<(), Refusal> {
        if !self.policy.methods.guest {
            return Err(Refusal::GuestsClosed);
        }
        let username = guest_username(&device.sign);
        self.check_proof(&device, &username, proof)?;
        let display_name = String::try_from(display_name).map_err(|_| Refusal::Invalid)?;
        self.prove(Identity { username, display_name, device }, true, &[], out);
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
