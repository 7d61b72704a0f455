extern crate std;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::crypto::testing::hex;

const BINDING: [u8; 32] = [3; 32];
const SALT: [u8; 16] = [4; 16];
/// Few rounds, so that thousands of exchanges take no time.
const ROUNDS: u32 = 2;

fn verifier(password: &str) -> Verifier {
    Verifier::from_salted_password(SALT, ROUNDS, &salted_password(password, &SALT, ROUNDS))
}

/// What happens to one of the four messages on its way.
type Tamper<'a> = &'a dyn Fn(usize, Vec<u8>) -> Vec<u8>;

struct Setup<'a> {
    password: &'a str,
    client_binding: Option<&'a [u8; 32]>,
    accepts_unbound: bool,
    verifier: Verifier,
    tamper: Tamper<'a>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            password: "pencil",
            client_binding: Some(&BINDING),
            accepts_unbound: false,
            verifier: verifier("pencil"),
            tamper: &|_, message| message,
        }
    }
}

/// Runs one whole exchange; the error says which side ended it.
fn run(setup: &Setup) -> Result<String, (&'static str, ScramError)> {
    let client_side = |error| ("client", error);
    let server_side = |error| ("server", error);
    let mut out = [0; SCRAM_MESSAGE_MAX_BYTES];
    let mut client = ClientScram::new("alice", [1; 18], setup.client_binding).map_err(client_side)?;
    let len = client.client_first(&mut out).map_err(client_side)?;
    let first = (setup.tamper)(0, out[..len].to_vec());
    let (mut server, name) =
        ServerScram::handle_client_first(&first, [2; 18], setup.accepts_unbound).map_err(server_side)?;
    let len = server.server_first(&setup.verifier.salt, setup.verifier.iterations, &mut out).map_err(server_side)?;
    let challenge =
        client.handle_server_first_within(&(setup.tamper)(1, out[..len].to_vec()), 1..=10).map_err(client_side)?;
    let salted = salted_password(setup.password, &challenge.salt, challenge.iterations);
    let len = client.client_final(&salted, &mut out).map_err(client_side)?;
    let proof = (setup.tamper)(2, out[..len].to_vec());
    let len = server.handle_client_final(&proof, &setup.verifier, &BINDING, &mut out).map_err(server_side)?;
    client.verify_server_final(&(setup.tamper)(3, out[..len].to_vec())).map_err(client_side)?;
    Ok(name.into())
}

/// RFC 7677 section 3, both sides.
#[test]
fn the_rfc_7677_exchange_has_its_messages() {
    let first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let proof =
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let signature = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    let mut out = [0; SCRAM_MESSAGE_MAX_BYTES];

    let mut client = ClientScram::with_nonce("user", "rOprNGfwEbeRWgbNEkqO", None).unwrap();
    let len = client.client_first(&mut out).unwrap();
    assert_eq!(&out[..len], first);
    let asked = client.handle_server_first_within(challenge, 4096..=4096).unwrap();
    let salted = salted_password("pencil", &asked.salt, asked.iterations);
    let len = client.client_final(&salted, &mut out).unwrap();
    assert_eq!(&out[..len], proof);
    assert_eq!(client.verify_server_final(signature), Ok(()));

    let (mut server, name) = ServerScram::with_nonce(first, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", true).unwrap();
    assert_eq!(name, "user");
    let len = server.server_first(&asked.salt, 4096, &mut out).unwrap();
    assert_eq!(&out[..len], challenge);
    let verifier = Verifier::from_salted_password(asked.salt, 4096, &salted);
    let len = server.handle_client_final(proof, &verifier, &[0; 32], &mut out).unwrap();
    assert_eq!(&out[..len], signature);
}

/// RFC 7914 section 11; the first 32 of its 64 bytes.
#[test]
fn pbkdf2_gives_the_known_keys() {
    assert_eq!(
        salted_password("passwd", b"salt", 1),
        hex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
    );
    assert_eq!(
        salted_password("Password", b"NaCl", 80_000),
        hex("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56")
    );
}

#[test]
fn the_right_password_signs_in_bound_and_unbound() {
    assert_eq!(run(&Setup::default()).as_deref(), Ok("alice"));
    let browser = Setup { client_binding: None, accepts_unbound: true, ..Setup::default() };
    assert_eq!(run(&browser).as_deref(), Ok("alice"));
    let both = Setup { accepts_unbound: true, ..Setup::default() };
    assert_eq!(run(&both).as_deref(), Ok("alice"));
}

#[test]
fn a_wrong_password_an_unknown_name_and_another_connection_are_refused_alike() {
    let refused = Err(("server", ScramError::Refused));
    assert_eq!(run(&Setup { password: "pencils", ..Setup::default() }), refused);
    assert_eq!(run(&Setup { client_binding: Some(&[9; 32]), ..Setup::default() }), refused);
    let decoy = Verifier::decoy(&[8; 32], "alice", ROUNDS);
    assert_eq!(run(&Setup { verifier: decoy, ..Setup::default() }), refused);
}

#[test]
fn an_unbound_client_is_turned_away_where_binding_is_required() {
    let unbound = Setup { client_binding: None, ..Setup::default() };
    assert_eq!(run(&unbound), Err(("server", ScramError::BindingRequired)));
}

#[test]
fn a_binding_cannot_be_taken_off_on_the_way() {
    let strip = |index, message: Vec<u8>| match index {
        0 => [b"n,,", message.strip_prefix(BOUND_HEADER.as_bytes()).unwrap()].concat(),
        _ => message,
    };
    let setup = Setup { accepts_unbound: true, tamper: &strip, ..Setup::default() };
    assert_eq!(run(&setup), Err(("server", ScramError::Refused)));
}

#[test]
fn every_changed_byte_of_every_message_ends_the_sign_in() {
    let lengths = core::cell::RefCell::new([0; 4]);
    run(&Setup {
        tamper: &|index, message| {
            lengths.borrow_mut()[index] = message.len();
            message
        },
        ..Setup::default()
    })
    .unwrap();
    for (message, len) in lengths.into_inner().into_iter().enumerate() {
        for at in 0..len {
            for bit in [0, 1, 2, 5, 7] {
                let tamper = move |index, mut bytes: Vec<u8>| {
                    if index == message {
                        bytes[at] ^= 1 << bit;
                    }
                    bytes
                };
                let setup = Setup { tamper: &tamper, accepts_unbound: true, ..Setup::default() };
                assert!(run(&setup).is_err(), "message {message}, byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn every_message_cut_short_or_drawn_out_ends_the_sign_in() {
    for message in 0..4 {
        for len in 0..200_usize {
            let is_whole = core::cell::Cell::new(false);
            let cut = |index, mut bytes: Vec<u8>| {
                if index == message {
                    is_whole.set(bytes.len() <= len);
                    bytes.truncate(len);
                }
                bytes
            };
            let result = run(&Setup { tamper: &cut, ..Setup::default() });
            assert_eq!(result.is_ok(), is_whole.get(), "message {message} of {len} bytes");
        }
        for more in [&b","[..], b"x", b",x=1", b",m=1", b"\0", b"\xff", &[b'x'; 600]] {
            let append = |index, mut bytes: Vec<u8>| {
                if index == message {
                    bytes.extend_from_slice(more);
                }
                bytes
            };
            assert!(run(&Setup { tamper: &append, ..Setup::default() }).is_err(), "message {message} and {more:?}");
        }
    }
}

#[test]
fn a_client_accepts_only_rounds_within_the_limits() {
    let ask = |iterations: &str| {
        let mut client = ClientScram::new("alice", [1; 18], None).unwrap();
        client.client_first(&mut [0; 512]).unwrap();
        let nonce = nonce_text(&[1; 18]);
        let challenge = message(&["r=", &nonce, &nonce, ",s=BAQEBAQEBAQEBAQEBAQEBA==,i=", iterations]).unwrap();
        client.handle_server_first(challenge.as_bytes()).map(|challenge| challenge.iterations)
    };
    assert_eq!(ask("600000"), Ok(600_000));
    assert_eq!(ask("5000000"), Ok(5_000_000));
    for few_or_many in ["1", "4096", "599999", "5000001", "4294967295"] {
        assert_eq!(ask(few_or_many), Err(ScramError::Iterations), "{few_or_many}");
    }
    for wrong in ["", "0", "-1", "+600000", "0600000", "600000 ", "4294967296", "1e6", "600000,i=1"] {
        assert_eq!(ask(wrong), Err(ScramError::Malformed), "{wrong}");
    }
}

#[test]
fn a_nonce_that_does_not_extend_the_client_s_is_refused() {
    let (own, other) = (nonce_text(&[1; 18]), nonce_text(&[2; 18]));
    for nonce in [&*own, &other, &message(&[&other, &own]).unwrap(), &message(&[&own, "short"]).unwrap()] {
        let mut client = ClientScram::new("alice", [1; 18], None).unwrap();
        client.client_first(&mut [0; 512]).unwrap();
        let challenge = message(&["r=", nonce, ",s=BAQEBAQEBAQEBAQEBAQEBA==,i=600000"]).unwrap();
        assert_eq!(client.handle_server_first(challenge.as_bytes()), Err(ScramError::Nonce));
        // The server does not get a second try.
        assert_eq!(client.handle_server_first(challenge.as_bytes()), Err(ScramError::Order));
    }
}

#[test]
fn steps_out_of_order_are_refused() {
    let mut out = [0; 512];
    let mut client = ClientScram::new("alice", [1; 18], Some(&BINDING)).unwrap();
    assert_eq!(client.handle_server_first(b""), Err(ScramError::Order));
    assert_eq!(client.client_final(&[0; 32], &mut out), Err(ScramError::Order));
    assert_eq!(client.verify_server_final(b"v="), Err(ScramError::Order));
    let len = client.client_first(&mut out).unwrap();
    assert_eq!(client.client_first(&mut [0; 512]), Err(ScramError::Order));

    let (mut server, _) = ServerScram::handle_client_first(&out[..len], [2; 18], false).unwrap();
    let verifier = verifier("pencil");
    assert_eq!(server.handle_client_final(b"", &verifier, &BINDING, &mut [0; 512]), Err(ScramError::Order));
    server.server_first(&SALT, ROUNDS, &mut [0; 512]).unwrap();
    assert_eq!(server.server_first(&SALT, ROUNDS, &mut [0; 512]), Err(ScramError::Order));
    assert_eq!(server.handle_client_final(b"", &verifier, &BINDING, &mut [0; 512]), Err(ScramError::Malformed));
    assert_eq!(server.handle_client_final(b"", &verifier, &BINDING, &mut [0; 512]), Err(ScramError::Order));
}

#[test]
fn names_that_would_need_escaping_and_foreign_headers_are_refused() {
    for name in ["", "a,b", "a=b", "a b", "tên", "x23456789012345678901", "a\nb"] {
        assert_eq!(ClientScram::new(name, [1; 18], None).err(), Some(ScramError::Malformed), "{name}");
    }
    let wrong: [&[u8]; 9] = [
        b"",
        b"p=tls-unique,,n=alice,r=0123456789abcdef",
        b"n,a=admin,n=alice,r=0123456789abcdef",
        b"n,,m=1,n=alice,r=0123456789abcdef",
        b"n,,n=al=2Cice,r=0123456789abcdef",
        b"n,,n=,r=0123456789abcdef",
        b"n,,n=alice",
        b"n,,r=0123456789abcdef,n=alice",
        b"n,,n=alice,r=0123456789abcdef,x=1",
    ];
    for message in wrong {
        assert_eq!(ServerScram::handle_client_first(message, [2; 18], true).err(), Some(ScramError::Malformed));
    }
    for nonce in ["short", &"n".repeat(65), "0123456789 abcdef"] {
        let message = std::format!("n,,n=alice,r={nonce}");
        let result = ServerScram::handle_client_first(message.as_bytes(), [2; 18], true);
        assert_eq!(result.err(), Some(ScramError::Nonce), "{nonce}");
    }
}

#[test]
fn a_short_buffer_is_reported_and_nothing_is_lost() {
    let mut client = ClientScram::new("alice", [1; 18], Some(&BINDING)).unwrap();
    assert_eq!(client.client_first(&mut [0; 10]), Err(ScramError::BufferTooShort));
    assert!(client.client_first(&mut [0; 512]).is_ok());
}

#[test]
fn a_decoy_stays_the_same_for_one_name_and_differs_between_names_and_servers() {
    let secret = [8; 32];
    assert_eq!(decoy_salt(&secret, "bob"), decoy_salt(&secret, "bob"));
    assert_eq!(Verifier::decoy(&secret, "bob", 1).salt, decoy_salt(&secret, "bob"));
    assert_ne!(decoy_salt(&secret, "bob"), decoy_salt(&secret, "bobby"));
    assert_ne!(decoy_salt(&secret, "bob"), decoy_salt(&[9; 32], "bob"));
    let (one, other) = (Verifier::decoy(&secret, "bob", 1), Verifier::decoy(&secret, "eve", 1));
    assert_ne!(one.stored_key, other.stored_key);
    assert_ne!(one.stored_key, one.server_key);
}
