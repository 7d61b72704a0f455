//! A server that is signed in to.

use hph_core::crypto::scram::{ClientScram, SCRAM_MESSAGE_MAX_BYTES, Verifier};
use hph_core::crypto::senderkey::{DeviceSecret, proof, verify_proof};
use hph_core::endpoint::server::Scope;
use hph_core::endpoint::signin::guest_username;
use hph_core::endpoint::signin::server::{KnownAccount, ServerSignIn, SignInEvent, SignInOutput, SignInPolicy};
use hph_core::limits::{PBKDF2_ITERATIONS, PROTOCOL_VERSION};
use hph_core::wire::control::{
    ClientMessage, DevicePublic, Parsed, Refusal, ServerMessage, SignInMethods, parse_client,
};
use hph_core::wire::text::{is_display_name, is_username};

use super::input::Input;
use super::reach;
use super::sign_in::{BINDING, SALT, SALTED, SALTED_WRONG, USERNAME, perhaps_altered};

/// Why the server may believe the client, as far as the step that is being made tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grounds {
    None,
    /// The message carries exactly the proof that the right password makes of the challenge.
    Password,
    Token,
    Registration,
}

/// What the server waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Account,
    Token,
    Registration,
}

/// A driver that checks.
struct Driver {
    methods: SignInMethods,
    grounds: Grounds,
    pending: Option<Pending>,
    challenge: Option<Vec<u8>>,
    /// Every device proof that the client brought.
    proofs: Vec<[u8; 64]>,
    is_proved: bool,
}

impl SignInOutput for Driver {
    fn reply(&mut self, message: &ServerMessage<'_>) {
        assert!(message.is_legal(), "an illegal message: {message:?}");
        match *message {
            ServerMessage::SignInChallenge { scram } => self.challenge = Some(scram.to_vec()),
            ServerMessage::Refused { reason: Refusal::SignIn, .. } => reach("proof refused"),
            _ => {}
        }
    }

    fn event(&mut self, event: SignInEvent<'_>) {
        match event {
            SignInEvent::FindAccount { .. } => self.pending = Some(Pending::Account),
            SignInEvent::FindToken { .. } => self.pending = Some(Pending::Token),
            SignInEvent::Register(account) => {
                assert!(self.methods.register, "registration is closed");
                assert!(is_username(&account.username) && is_display_name(&account.display_name));
                self.pending = Some(Pending::Registration);
            }
            // Nobody has given anything to anybody: what is presented is good for nothing.
            SignInEvent::FindTicket { .. } | SignInEvent::Enrol { .. } => {}
            SignInEvent::ResetPassword(_) => panic!("a new password without a code"),
            SignInEvent::Failed { username } => assert!(is_username(username)),
            SignInEvent::Proved { identity, is_guest, scram } => {
                assert!(!self.is_proved, "proved twice");
                self.is_proved = true;
                assert!(is_username(&identity.username) && is_display_name(&identity.display_name));
                let name = identity.username.as_bytes();
                let is_signed = |proof: &[u8; 64]| verify_proof(&identity.device.sign, &BINDING, name, proof);
                assert!(self.proofs.iter().any(is_signed), "proved without the device");
                assert_eq!(scram.is_empty(), self.grounds != Grounds::Password);
                match self.grounds {
                    Grounds::None => {
                        assert!(is_guest && self.methods.guest, "proved without any grounds");
                        assert_eq!(identity.username, guest_username(&identity.device.sign));
                        reach("proved guest");
                    }
                    Grounds::Password => reach("proved by password"),
                    Grounds::Token => reach("proved by token"),
                    Grounds::Registration => reach("proved by registration"),
                }
            }
        }
    }
}

struct World<'a> {
    server: ServerSignIn<'a>,
    driver: Driver,
    device: DeviceSecret,
    /// The SCRAM side of a client that keeps to the protocol.
    client: Option<ClientScram>,
    /// What the right password makes of the challenge.
    right_final: Option<Vec<u8>>,
}

/// Runs the input against a server.
pub fn attack(input: &mut Input<'_>) {
    let flags = input.u8();
    let methods = SignInMethods { password: true, register: flags & 1 != 0, guest: flags & 2 != 0 };
    let policy = SignInPolicy { name: "Lớp KTPM", methods, secret: &[9; 32], is_unbound_allowed: flags & 4 != 0 };
    let (grounds, pending, challenge) = (Grounds::None, None, None);
    let mut world = World {
        server: ServerSignIn::new(policy, BINDING),
        driver: Driver { methods, grounds, pending, challenge, proofs: Vec::new(), is_proved: false },
        device: DeviceSecret::from_seed(&[1; 32]),
        client: None,
        right_final: None,
    };
    while !input.is_empty() {
        world.step(input);
    }
}

impl World<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        let op = input.u8();
        let flag = |bit: u8| op & 1 << bit != 0;
        let device = self.device_public();
        match op & 7 {
            0 => {
                if let Ok(Parsed::Message(message)) = parse_client(input.chunk()) {
                    self.say(&message);
                }
            }
            1 => {
                let (version_min, version_max) = (PROTOCOL_VERSION, PROTOCOL_VERSION);
                self.say(&ClientMessage::Hello { version_min, version_max, agent: "fuzz/1" });
            }
            2 => self.begin_scram(flag(3), flag(4), input),
            3 => self.finish_scram(flag(3), flag(4), flag(5), input),
            4 => {
                let proof = self.proof(flag(3), &guest_username(&device.sign), flag(4), input);
                self.say(&ClientMessage::SignInGuest { display_name: "Hường", email: "", device, proof: &proof });
            }
            5 => {
                let proof = self.proof(flag(3), USERNAME, flag(4), input);
                self.say(&ClientMessage::SignInToken { username: USERNAME, token: [1; 32], device, proof: &proof });
            }
            6 => {
                let proof = self.proof(flag(3), USERNAME, flag(4), input);
                self.say(&ClientMessage::Register {
                    email: "",
                    display_name: "Hường",
                    salt: SALT,
                    iterations: PBKDF2_ITERATIONS,
                    stored_key: [1; 32],
                    server_key: [2; 32],
                    device,
                    proof: &proof,
                });
            }
            _ => self.answer(flag(3), flag(4), flag(5)),
        }
    }

    fn say(&mut self, message: &ClientMessage<'_>) {
        self.driver.grounds = Grounds::None;
        if let ClientMessage::SignInFinal { proof, .. }
        | ClientMessage::SignInGuest { proof, .. }
        | ClientMessage::SignInToken { proof, .. }
        | ClientMessage::Register { proof, .. } = *message
        {
            self.driver.proofs.extend(<[u8; 64]>::try_from(proof));
        }
        if let ClientMessage::SignInFinal { scram, .. } = *message
            && self.right_final.as_deref() == Some(scram)
        {
            self.driver.grounds = Grounds::Password;
        }
        self.server.handle_control(message, [6; 18], &mut self.driver);
    }

    fn begin_scram(&mut self, may_register: bool, is_altered: bool, input: &mut Input<'_>) {
        let mut client = ClientScram::new(USERNAME, [4; 18], Some(&BINDING)).expect("a name");
        let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
        let len = client.client_first(&mut buffer).expect("the first message");
        self.client = Some(client);
        let scram = perhaps_altered(input, is_altered, &buffer[..len]);
        self.say(&ClientMessage::SignIn { may_register, scram: &scram });
    }

    fn finish_scram(&mut self, is_right: bool, is_altered: bool, is_proof_right: bool, input: &mut Input<'_>) {
        let mut scram = self.right_final.clone().unwrap_or_default();
        if !is_right {
            scram = self.final_with(&SALTED_WRONG).unwrap_or_default();
        }
        let scram = perhaps_altered(input, is_altered, &scram);
        let (device, proof) = (self.device_public(), self.proof(is_proof_right, USERNAME, false, input));
        let message = ClientMessage::SignInFinal { scram: &scram, device, proof: &proof, display_name: "" };
        self.say(&message);
    }

    /// The driver's answer to what the server asked last, or to nothing.
    fn answer(&mut self, is_yes: bool, is_given_up: bool, is_unasked: bool) {
        let is_asked = self.driver.pending.is_some();
        let Some(pending) = self.driver.pending.take().or(is_unasked.then_some(if is_yes {
            Pending::Token
        } else {
            Pending::Registration
        })) else {
            return;
        };
        self.driver.grounds = Grounds::None;
        let Self { server, driver, .. } = self;
        match pending {
            _ if is_given_up => {
                // Also whoever was proved may find the server full, and tries again.
                driver.is_proved = false;
                server.give_up(Refusal::ServerFull, 5, driver);
            }
            Pending::Account => {
                let verifier = Verifier::from_salted_password(SALT, PBKDF2_ITERATIONS, &SALTED);
                let display_name = "Cô Hường".try_into().expect("short");
                server.account_found(
                    is_yes.then_some(KnownAccount { display_name, verifier, scope: Scope::Everywhere }),
                    driver,
                );
                self.right_final = if is_yes { self.final_with(&SALTED) } else { None };
            }
            Pending::Token => {
                driver.grounds = if is_yes && is_asked { Grounds::Token } else { Grounds::None };
                server.token_found(is_yes.then_some(("Hường", Scope::Everywhere)), driver);
            }
            Pending::Registration => {
                driver.grounds = if is_yes { Grounds::Registration } else { Grounds::None };
                server.registered(if is_yes { Ok(()) } else { Err(Refusal::NameTaken) }, driver);
            }
        }
    }

    /// What a client with that password makes of the challenge.
    fn final_with(&mut self, salted: &[u8; 32]) -> Option<Vec<u8>> {
        let challenge = self.driver.challenge.as_ref()?;
        // A client answers once: each attempt is by a new one that says the same.
        let mut client = ClientScram::new(USERNAME, [4; 18], Some(&BINDING)).expect("a name");
        let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
        client.client_first(&mut buffer).ok()?;
        client.handle_server_first(challenge).ok()?;
        let len = client.client_final(salted, &mut buffer).ok()?;
        Some(buffer[..len].to_vec())
    }

    fn proof(&self, is_right: bool, name: &str, is_altered: bool, input: &mut Input<'_>) -> Vec<u8> {
        let binding = if is_right { BINDING } else { [8; 32] };
        perhaps_altered(input, is_altered, &proof(&self.device, &binding, name.as_bytes()))
    }

    fn device_public(&self) -> DevicePublic {
        let keys = self.device.keys();
        DevicePublic { seal: keys.seal, sign: keys.sign }
    }
}
