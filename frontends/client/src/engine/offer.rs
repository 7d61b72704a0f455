//! What a server says of itself before anybody signs in.

use hph_core::endpoint::signin::client::ClientSignIn;
use hph_core::limits::{CONTROL_FRAME_ANONYMOUS_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{FrameReader, SignInMethods};

use super::connect::{self, ConnectError};
use super::{Account, EndReason, EngineConfig};
use crate::tls::{Pin, Trust};

/// Who a server is, and how one may sign in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// How this client may sign in.
    pub methods: SignInMethods,
    /// The key that it proved to have.
    pub pin: Pin,
}

/// Asks a server, and hangs up. Waits for the answer, ten seconds at most: not for a thread that draws.
///
/// # Errors
/// It can't be reached, has another key than it must have, or speaks something else.
pub fn ask(host: &str, port: u16, trust: Trust, agent: &str) -> Result<Offer, EndReason> {
    let config = EngineConfig {
        host: host.to_owned(),
        port,
        trust,
        account: Account::Guest { display_name: String::new(), email: String::new() },
        device_seed: [0; 32],
        people: None,
        agent: agent.to_owned(),
        is_patient: false,
    };
    smol::block_on(async {
        let mut secured = connect::secure(&config).await.map_err(ended)?;
        let mut memory = vec![0; CONTROL_FRAME_ANONYMOUS_MAX_BYTES + CONTROL_LENGTH_BYTES];
        let mut frames = FrameReader::new(&mut memory, CONTROL_FRAME_ANONYMOUS_MAX_BYTES);
        let hello = ClientSignIn::hello(&config.agent);
        let (name, methods) = connect::greet(&hello, &mut secured, &mut frames).await.map_err(ended)?;
        Ok(Offer { name, methods, pin: secured.pin })
    })
}

fn ended(error: ConnectError) -> EndReason {
    match error {
        ConnectError::Transient { why, .. } => EndReason::Unreachable(why),
        ConnectError::Final(reason) => reason,
        ConnectError::Unpaired { .. } => EndReason::Protocol,
    }
}
