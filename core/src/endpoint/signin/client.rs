//! The client's side of signing in.

use heapless::String;

use super::{guest_username, kiosk_username};
use crate::crypto::scram::{ClientScram, SCRAM_MESSAGE_MAX_BYTES, ScramError, Verifier};
use crate::crypto::senderkey::{DeviceSecret, proof};
use crate::id::SessionId;
use crate::limits::{
    DISPLAY_NAME_MAX_BYTES, PBKDF2_ITERATIONS, PBKDF2_ITERATIONS_MAX, PBKDF2_ITERATIONS_MIN, PROTOCOL_VERSION,
    USERNAME_MAX_BYTES,
};
use crate::wire::control::{
    AccountAsk, AccountTold, ClientMessage, DevicePublic, Refusal, ServerMessage, SignInMethods, TicketKind,
};

/// Who wants to sign in, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// By password; `may_register` makes an account of a name that is not taken.
    Password {
        /// Login name.
        username: &'a str,
        /// Email label of a new account.
        email: &'a str,
        /// Name to show; empty keeps the stored one.
        display_name: &'a str,
        /// Whether a new account may be made.
        may_register: bool,
    },
    /// With the token of an earlier sign-in.
    Token {
        /// Login name.
        username: &'a str,
        /// The token.
        token: [u8; 32],
    },
    /// As a guest.
    Guest {
        /// Name to show.
        display_name: &'a str,
        /// Email label, or nothing.
        email: &'a str,
    },
    /// With a new password, by a code of the server's owner that [`ClientSignIn::with_ticket`] names: the login name is that
    /// of the code.
    Reset,
    /// As a device without an account, known or with an enrolment of the owner.
    Kiosk {
        /// The secret of an enrolment link, or nothing.
        secret: &'a str,
        /// Whether to show a code if that lets nobody in.
        wants_code: bool,
    },
}

/// Why signing in failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInError {
    /// The server refused.
    Refused {
        /// Why.
        reason: Refusal,
        /// When to try again, in seconds; 0 if that does not help.
        retry_after_s: u32,
    },
    /// The server does not know the password's proof: it is not the server that the account was made at.
    FalseServer,
    /// The server asks for fewer or more PBKDF2 rounds than is safe.
    Iterations,
    /// The server said what has no place here.
    Unexpected,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// Wait for the server's next message.
    Wait,
    /// Run PBKDF2 over the password with these, away from anything that must not wait, and call
    /// [`ClientSignIn::handle_salted_password`].
    SaltPassword {
        /// Salt.
        salt: [u8; 16],
        /// Rounds.
        iterations: u32,
    },
    /// Show this code to the server's owner, and come again soon. It is good for so many seconds.
    PairingCode(u32, u16),
    /// Signed in.
    Done(SignedIn),
}

/// The result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The connection id of datagrams.
    pub session: SessionId,
    /// A token to sign in again with.
    pub token: Option<[u8; 32]>,
}

#[derive(Clone, Copy)]
enum State {
    AwaitingHello,
    AwaitingTicket,
    AwaitingChallenge,
    Salting { is_new: bool, salt: [u8; 16], iterations: u32 },
    AwaitingWelcome { is_scram: bool },
    Over,
}

/// One attempt to sign in.
pub struct ClientSignIn<'a> {
    credentials: Credentials<'a>,
    device: &'a DeviceSecret,
    binding: [u8; 32],
    scram: Option<ClientScram>,
    /// What somebody gave us, to be presented first.
    ticket: Option<&'a str>,
    /// Whose password is set, as the server says.
    username: String<USERNAME_MAX_BYTES>,
    salt: [u8; 16],
    methods: SignInMethods,
    server_name: String<DISPLAY_NAME_MAX_BYTES>,
    state: State,
}

impl<'a> ClientSignIn<'a> {
    /// A fresh connection. `binding` is the TLS exporter of RFC 9266; `entropy` is fresh.
    pub fn new(
        credentials: Credentials<'a>,
        device: &'a DeviceSecret,
        binding: [u8; 32],
        entropy: ([u8; 18], [u8; 16]),
    ) -> Self {
        let (nonce, salt) = entropy;
        let scram = match credentials {
            Credentials::Password { username, .. } => ClientScram::new(username, nonce, Some(&binding)).ok(),
            _ => None,
        };
        Self {
            credentials,
            device,
            binding,
            scram,
            ticket: None,
            username: String::new(),
            salt,
            methods: SignInMethods::default(),
            server_name: String::new(),
            state: State::AwaitingHello,
        }
    }

    /// The same, with the secret of an invitation link or the digits of a code. Whoever can come in without it does if it is
    /// not good.
    pub fn with_ticket(mut self, secret: Option<&'a str>) -> Self {
        self.ticket = secret;
        self
    }

    /// The first message.
    pub const fn hello(agent: &str) -> ClientMessage<'_> {
        ClientMessage::Hello { version_min: PROTOCOL_VERSION, version_max: PROTOCOL_VERSION, agent }
    }

    /// How one may sign in here, once the server has said so.
    pub const fn methods(&self) -> SignInMethods {
        self.methods
    }

    /// The server's name, once it has said so.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Handles one message of the server.
    ///
    /// # Errors
    /// Any [`SignInError`]: the attempt is over.
    pub fn handle_control(
        &mut self,
        message: &ServerMessage<'_>,
        mut send: impl FnMut(&ClientMessage<'_>),
    ) -> Result<SignInStep, SignInError> {
        let result = self.obey(message, &mut send);
        if !matches!(result, Ok(SignInStep::Wait | SignInStep::SaltPassword { .. } | SignInStep::PairingCode(..))) {
            self.state = State::Over;
        }
        result
    }

    /// PBKDF2 is done.
    ///
    /// # Errors
    /// [`SignInError::Unexpected`] if nobody asked for it.
    pub fn handle_salted_password(
        &mut self,
        salted: &[u8; 32],
        mut send: impl FnMut(&ClientMessage<'_>),
    ) -> Result<SignInStep, SignInError> {
        let State::Salting { is_new, salt, iterations } = self.state else { return Err(SignInError::Unexpected) };
        let name = self.username.clone();
        let (username, email, display_name) = match self.credentials {
            Credentials::Password { username, email, display_name, .. } => (username, email, display_name),
            Credentials::Reset => (name.as_str(), "", ""),
            _ => return Err(SignInError::Unexpected),
        };
        let device = self.device_public();
        let proof = proof(self.device, &self.binding, username.as_bytes());
        if is_new {
            let Verifier { stored_key, server_key, .. } = Verifier::from_salted_password(salt, iterations, salted);
            let display_name = if display_name.is_empty() { username } else { display_name };
            let proof = &proof;
            let message = ClientMessage::Register {
                email,
                display_name,
                salt,
                iterations,
                stored_key,
                server_key,
                device,
                proof,
            };
            send(&message);
        } else {
            let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
            let len = self.scram()?.client_final(salted, &mut buffer).map_err(|_| SignInError::Unexpected)?;
            let scram = buffer.get(..len).unwrap_or_default();
            send(&ClientMessage::SignInFinal { scram, device, proof: &proof, display_name });
        }
        self.state = State::AwaitingWelcome { is_scram: !is_new };
        Ok(SignInStep::Wait)
    }

    fn obey(
        &mut self,
        message: &ServerMessage<'_>,
        send: &mut impl FnMut(&ClientMessage<'_>),
    ) -> Result<SignInStep, SignInError> {
        use ServerMessage as M;
        match (self.state, *message) {
            (State::AwaitingTicket, M::Account(AccountTold::Presented { kind, username, .. })) => {
                self.username = String::try_from(username).map_err(|_| SignInError::Unexpected)?;
                if (self.credentials, kind) == (Credentials::Reset, TicketKind::Reset) {
                    return self.salt_password(true, self.salt, PBKDF2_ITERATIONS);
                }
                self.begin(send)
            }
            (State::AwaitingTicket, M::Refused { reason: Refusal::NoSuchInvitation, .. }) if self.needs_no_ticket() => {
                self.begin(send)
            }
            (State::AwaitingWelcome { .. }, M::Account(AccountTold::PairingCode { code, seconds })) => {
                Ok(SignInStep::PairingCode(code, seconds))
            }
            (_, M::Refused { reason, retry_after_s, .. }) => Err(SignInError::Refused { reason, retry_after_s }),
            (State::AwaitingHello, M::Hello { methods, name, .. }) => {
                self.methods = methods;
                self.server_name = String::try_from(name).unwrap_or_default();
                if let Some(secret) = self.ticket {
                    self.state = State::AwaitingTicket;
                    send(&ClientMessage::Account(AccountAsk::Present { secret }));
                    return Ok(SignInStep::Wait);
                }
                self.begin(send)
            }
            (State::AwaitingChallenge, M::SignInChallenge { scram }) => {
                let challenge = self.scram()?.handle_server_first(scram).map_err(challenge_error)?;
                self.salt_password(false, challenge.salt, challenge.iterations)
            }
            // A server that does not know the password must not get a new proof of it by claiming that there is no account.
            (State::AwaitingChallenge, M::RegisterOffer { iterations }) if self.may_register() => {
                self.salt_password(true, self.salt, iterations)
            }
            (State::AwaitingWelcome { is_scram }, M::Welcome { session, token, scram, .. }) => {
                if is_scram && self.scram()?.verify_server_final(scram).is_err() {
                    Err(SignInError::FalseServer)
                } else {
                    Ok(SignInStep::Done(SignedIn { session, token }))
                }
            }
            _ => Err(SignInError::Unexpected),
        }
    }

    fn begin(&mut self, send: &mut impl FnMut(&ClientMessage<'_>)) -> Result<SignInStep, SignInError> {
        let device = self.device_public();
        self.state = State::AwaitingWelcome { is_scram: false };
        match self.credentials {
            Credentials::Password { may_register, .. } => {
                let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
                let len = self.scram()?.client_first(&mut buffer).map_err(|_| SignInError::Unexpected)?;
                let scram = buffer.get(..len).unwrap_or_default();
                send(&ClientMessage::SignIn { may_register, scram });
                self.state = State::AwaitingChallenge;
            }
            Credentials::Token { username, token } => {
                let proof = proof(self.device, &self.binding, username.as_bytes());
                send(&ClientMessage::SignInToken { username, token, device, proof: &proof });
            }
            Credentials::Guest { display_name, email } => {
                let username = guest_username(&device.sign);
                let proof = proof(self.device, &self.binding, username.as_bytes());
                send(&ClientMessage::SignInGuest { display_name, email, device, proof: &proof });
            }
            Credentials::Kiosk { secret, wants_code } => {
                let proof = proof(self.device, &self.binding, kiosk_username(&device.sign).as_bytes());
                let proof = &proof;
                send(&ClientMessage::Account(AccountAsk::Enrol { secret, wants_code, device, proof }));
            }
            // What was presented is good for something else.
            Credentials::Reset => {
                return Err(SignInError::Refused { reason: Refusal::NoSuchInvitation, retry_after_s: 0 });
            }
        }
        Ok(SignInStep::Wait)
    }

    fn salt_password(&mut self, is_new: bool, salt: [u8; 16], iterations: u32) -> Result<SignInStep, SignInError> {
        if !(PBKDF2_ITERATIONS_MIN..=PBKDF2_ITERATIONS_MAX).contains(&iterations) {
            return Err(SignInError::Iterations);
        }
        self.state = State::Salting { is_new, salt, iterations };
        Ok(SignInStep::SaltPassword { salt, iterations })
    }

    /// The SCRAM exchange; there is none for a login name that can't be one.
    fn scram(&mut self) -> Result<&mut ClientScram, SignInError> {
        let reason = Refusal::Invalid;
        self.scram.as_mut().ok_or(SignInError::Refused { reason, retry_after_s: 0 })
    }

    const fn needs_no_ticket(&self) -> bool {
        match self.credentials {
            Credentials::Password { .. } => true,
            Credentials::Guest { .. } => self.methods.guest,
            _ => false,
        }
    }

    const fn may_register(&self) -> bool {
        matches!(self.credentials, Credentials::Password { may_register: true, .. })
    }

    fn device_public(&self) -> DevicePublic {
        let keys = self.device.keys();
        DevicePublic { seal: keys.seal, sign: keys.sign }
    }
}

fn challenge_error(error: ScramError) -> SignInError {
    match error {
        ScramError::Iterations => SignInError::Iterations,
        _ => SignInError::FalseServer,
    }
}
