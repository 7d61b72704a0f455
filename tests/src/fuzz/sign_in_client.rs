//! A client that signs in.

use hph_core::crypto::scram::{SCRAM_MESSAGE_MAX_BYTES, ServerScram, Verifier};
use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::signin::client::{ClientSignIn, Credentials, SignInError, SignInStep};
use hph_core::id::SessionId;
use hph_core::limits::{PBKDF2_ITERATIONS, PBKDF2_ITERATIONS_MAX, PBKDF2_ITERATIONS_MIN, PROTOCOL_VERSION};
use hph_core::wire::control::{ClientMessage, Parsed, Refusal, ServerMessage, SignInMethods, parse_server};

use super::input::Input;
use super::reach;
use super::sign_in::{BINDING, SALT, SALTED, SALTED_WRONG, USERNAME, perhaps_altered};

struct World<'a> {
    client: ClientSignIn<'a>,
    credentials: Credentials<'a>,
    /// The SCRAM messages that the client sent last.
    first: Vec<u8>,
    last: Vec<u8>,
    /// The SCRAM side of a server that knows the password.
    server: Option<ServerScram>,
    /// What only a server that knows the password can say.
    right_final: Option<Vec<u8>>,
    /// The client sent the proof of a new account.
    has_registered: bool,
    is_over: bool,
}

/// Runs the input against a client.
pub fn attack(input: &mut Input<'_>) {
    let [flags] = input.array();
    let password =
        |username, may_register| Credentials::Password { username, email: "", display_name: "Hường", may_register };
    let credentials = match flags % 5 {
        0 => password(USERNAME, false),
        1 => password(USERNAME, true),
        2 => Credentials::Token { username: USERNAME, token: [1; 32] },
        3 => Credentials::Guest { display_name: "Hường", email: "" },
        _ => password("no name at all", true),
    };
    let device = DeviceSecret::from_seed(&[1; 32]);
    let mut world = World {
        client: ClientSignIn::new(credentials, &device, BINDING, ([4; 18], SALT)),
        credentials,
        first: Vec::new(),
        last: Vec::new(),
        server: None,
        right_final: None,
        has_registered: false,
        is_over: false,
    };
    while !input.is_empty() {
        world.step(input);
    }
}

impl World<'_> {
    fn step(&mut self, input: &mut Input<'_>) {
        let op = input.u8();
        let is_altered = op & 8 != 0;
        match op & 7 {
            0 => {
                if let Ok(Parsed::Message(message)) = parse_server(input.chunk()) {
                    self.hear(&message);
                }
            }
            1 => {
                let methods = SignInMethods { password: true, register: true, guest: true };
                self.hear(&ServerMessage::Hello { version: PROTOCOL_VERSION, name: "Lớp KTPM", methods });
            }
            2 => {
                let scram = self.challenge(input.pick(&[PBKDF2_ITERATIONS, 1, PBKDF2_ITERATIONS_MAX + 1]));
                let scram = perhaps_altered(input, is_altered, &scram);
                self.hear(&ServerMessage::SignInChallenge { scram: &scram });
            }
            3 => {
                let iterations = input.pick(&[PBKDF2_ITERATIONS, 1, u32::MAX, PBKDF2_ITERATIONS_MIN]);
                self.hear(&ServerMessage::RegisterOffer { iterations });
            }
            4 => self.salt(if is_altered { &SALTED_WRONG } else { &SALTED }),
            5 => {
                let scram = self.right_final.clone().unwrap_or_default();
                let scram = perhaps_altered(input, is_altered, &scram);
                let (session, display_name, token) = (SessionId(5), "Hường", Some([2; 32]));
                self.hear(&ServerMessage::Welcome { session, username: USERNAME, display_name, scram: &scram, token });
            }
            6 => self.hear(&ServerMessage::Refused { request: 0, reason: Refusal::SignIn, retry_after_s: 1 }),
            _ => self.hear(&ServerMessage::Alive),
        }
    }

    fn hear(&mut self, message: &ServerMessage<'_>) {
        let Self { client, first, last, has_registered, .. } = self;
        let result = client.handle_control(message, |said| note(said, first, last, has_registered));
        match result {
            Ok(SignInStep::Wait | SignInStep::PairingCode(..)) => {}
            Ok(SignInStep::SaltPassword { iterations, .. }) => {
                assert!((PBKDF2_ITERATIONS_MIN..=PBKDF2_ITERATIONS_MAX).contains(&iterations));
            }
            Ok(SignInStep::Done(_)) => self.check_done(message),
            Err(SignInError::FalseServer) => reach("false server"),
            Err(SignInError::Iterations) => reach("rounds refused"),
            Err(_) => {}
        }
        assert!(!(self.is_over && result.is_ok()), "an attempt that was over went on");
        self.is_over |=
            !matches!(result, Ok(SignInStep::Wait | SignInStep::SaltPassword { .. } | SignInStep::PairingCode(..)));
    }

    fn check_done(&self, message: &ServerMessage<'_>) {
        let ServerMessage::Welcome { scram, .. } = *message else { panic!("welcomed by {message:?}") };
        match self.credentials {
            Credentials::Token { .. } => reach("client done by token"),
            Credentials::Guest { .. } => reach("client done by guest"),
            Credentials::Reset | Credentials::Kiosk { .. } => panic!("nobody is either here"),
            Credentials::Password { may_register, .. } if self.has_registered => {
                assert!(may_register, "registered without the user's leave");
                reach("client done by registration");
            }
            Credentials::Password { .. } => {
                assert_eq!(Some(scram), self.right_final.as_deref(), "a false server was believed");
                reach("client done by password");
            }
        }
    }

    /// PBKDF2 is done. Then the server that knows the password has an answer.
    fn salt(&mut self, salted: &[u8; 32]) {
        let Self { client, first, last, has_registered, .. } = self;
        let result = client.handle_salted_password(salted, |said| note(said, first, last, has_registered));
        assert!(!(self.is_over && result.is_ok()), "an attempt that was over went on");
        let verifier = Verifier::from_salted_password(SALT, PBKDF2_ITERATIONS, &SALTED);
        let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
        if let (Ok(_), Some(server)) = (result, self.server.as_mut()) {
            let len = server.handle_client_final(&self.last, &verifier, &BINDING, &mut buffer);
            self.right_final = len.ok().map(|len| buffer[..len].to_vec());
        }
    }

    /// What a server that knows the account says to the client's first message.
    fn challenge(&mut self, iterations: u32) -> Vec<u8> {
        let mut buffer = [0; SCRAM_MESSAGE_MAX_BYTES];
        let Ok((mut server, _)) = ServerScram::handle_client_first(&self.first, [6; 18], false) else {
            return Vec::new();
        };
        let len = server.server_first(&SALT, iterations, &mut buffer).expect("the first message");
        self.server = Some(server);
        buffer[..len].to_vec()
    }
}

/// Keeps what the client said; the password's proof is all that it may depend on the password.
fn note(said: &ClientMessage<'_>, first: &mut Vec<u8>, last: &mut Vec<u8>, has_registered: &mut bool) {
    assert!(said.is_legal(), "an illegal message: {said:?}");
    match *said {
        ClientMessage::SignIn { scram, .. } => *first = scram.to_vec(),
        ClientMessage::SignInFinal { scram, .. } => *last = scram.to_vec(),
        ClientMessage::Register { .. } => *has_registered = true,
        _ => {}
    }
}
