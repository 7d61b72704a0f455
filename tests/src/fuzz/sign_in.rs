//! Signing in: each side against a peer that knows the protocol and lies.

use super::input::Input;
use super::{sign_in_client, sign_in_server};

pub(super) const LANDMARKS: &[&str] = &[
    "client done by guest",
    "client done by password",
    "client done by registration",
    "client done by token",
    "false server",
    "proved by password",
    "proved by registration",
    "proved by token",
    "proved guest",
    "proof refused",
    "rounds refused",
];

/// The TLS exporter of the connection.
pub const BINDING: [u8; 32] = [7; 32];
/// Who signs in.
pub const USERNAME: &str = "huong";
/// What PBKDF2 makes of the right password.
pub const SALTED: [u8; 32] = [11; 32];
/// What it makes of a wrong one.
pub const SALTED_WRONG: [u8; 32] = [12; 32];
/// The account's salt.
pub const SALT: [u8; 16] = [3; 16];

/// The first byte chooses the side that is attacked.
///
/// **Promises:** a server proves nobody without a device's signature over this connection and that name, and a right
/// password, a token or a new account on top, or its owner's leave for guests; a client that has an account believes
/// only a server that knows its password, and never runs PBKDF2 with too few or too many rounds; what failed or is
/// over stays so.
pub fn sign_in(data: &[u8]) {
    let mut input = Input::new(data);
    if input.u8() & 1 == 0 { sign_in_server::attack(&mut input) } else { sign_in_client::attack(&mut input) }
}

/// The text with one bit changed, if the input wants that.
pub fn perhaps_altered(input: &mut Input<'_>, is_altered: bool, message: &[u8]) -> Vec<u8> {
    match input.altered(message) {
        Some(altered) if is_altered => altered,
        _ => message.to_vec(),
    }
}
