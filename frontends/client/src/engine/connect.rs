//! From nothing to a signed-in TLS connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_io::Timer;
use async_net::TcpStream;
use futures_lite::FutureExt;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use hph_core::crypto::scram::salted_password;
use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::signin::client::{ClientSignIn, Credentials, SignInError, SignInStep, SignedIn};
use hph_core::limits::{CONTROL_FRAME_ANONYMOUS_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{
    ClientMessage, FrameReader, Parsed, Refusal, ServerMessage, SignInMethods, emit_client, parse_server,
};
use hph_platform::entropy;
use hph_platform::tunnel::keep_short;

use super::{Account, EndReason, EngineConfig, why};
use crate::tls::{self, Pin};

/// Reaching the server takes no longer than this.
const CONNECT_MAX: Duration = Duration::from_secs(8);
/// Signing in takes no longer than this.
const SIGN_IN_MAX: Duration = Duration::from_secs(20);

/// A connection whose server proved its key.
pub(crate) struct Secured {
    pub stream: TlsStream<TcpStream>,
    pub peer: SocketAddr,
    pub pin: Pin,
    /// Keys of the datagrams follow from this.
    pub media: [u8; 32],
    binding: [u8; 32],
}

/// What the server said at the end of sign-in.
pub(crate) struct Welcome {
    pub signed_in: SignedIn,
    pub username: String,
    pub display_name: String,
    pub server_name: String,
}

/// Why there is no session.
pub(crate) enum ConnectError {
    /// Perhaps later.
    Transient { why: String, retry_after_s: u32 },
    /// Not before the owner has approved this code.
    Unpaired { code: u32, seconds: u16 },
    /// Never, without the user.
    Final(EndReason),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match tls::pin_mismatch(&error) {
            Some(mismatch) => Self::Final(EndReason::Pin(mismatch)),
            None => Self::Transient { why: why(&error), retry_after_s: 0 },
        }
    }
}

/// What an error of the connection means, for people.
pub(crate) fn why(error: &io::Error) -> String {
    use io::ErrorKind as K;
    let text = match error.kind() {
        K::UnexpectedEof | K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => why::CLOSED,
        K::ConnectionRefused => why::NO_SERVER,
        K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown => why::NO_WAY,
        K::TimedOut => why::NO_ANSWER,
        _ => return error.to_string(),
    };
    text.to_owned()
}

/// Connects and shakes hands; the server's key is checked.
pub(crate) async fn secure(config: &EngineConfig) -> Result<Secured, ConnectError> {
    let connecting = async {
        let stream = TcpStream::connect((config.host.as_str(), config.port)).await?;
        stream.set_nodelay(true)?;
        keep_short(&stream);
        let peer = stream.peer_addr()?;
        let tls_config = tls::client_config(config.trust).map_err(io::Error::other)?;
        let stream = TlsConnector::from(tls_config).connect(tls::server_name(), stream).await?;
        let (_, connection) = stream.get_ref();
        let export = |label: &[u8]| connection.export_keying_material([0; 32], label, Some(b""));
        let media = export(b"EXPORTER-hph media v1").map_err(io::Error::other)?;
        let binding = export(b"EXPORTER-Channel-Binding").map_err(io::Error::other)?;
        let pin = tls::peer_pin(connection).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Secured { stream, peer, pin, media, binding })
    };
    Ok(within(CONNECT_MAX, connecting).await?)
}

/// Signs in, with the token of an earlier sign-in if there is one.
pub(crate) async fn sign_in(
    config: &EngineConfig,
    device: &DeviceSecret,
    token: Option<(&str, [u8; 32])>,
    secured: &mut Secured,
    frames: &mut FrameReader<'_>,
) -> Result<Welcome, ConnectError> {
    let (credentials, ticket) = match token {
        Some((username, token)) => (Credentials::Token { username, token }, None),
        None => config.account.credentials(),
    };
    let entropy = (entropy::array(), entropy::array());
    let mut machine = ClientSignIn::new(credentials, device, secured.binding, entropy).with_ticket(ticket);
    let talking = async {
        let mut out = Vec::new();
        push(&mut out, &ClientSignIn::hello(&config.agent));
        loop {
            secured.stream.write_all(&out).await?;
            secured.stream.flush().await?;
            out.clear();
            let Some(body) = frames.next_frame().map_err(|_| io::ErrorKind::InvalidData)? else {
                match secured.stream.read(frames.space()).await? {
                    0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                    len => frames.advance(len),
                }
                continue;
            };
            let Parsed::Message(message) = parse_server(body).map_err(|_| io::ErrorKind::InvalidData)? else {
                continue;
            };
            let mut step = machine.handle_control(&message, |message| push(&mut out, message));
            if let Ok(SignInStep::SaltPassword { salt, iterations }) = step {
                let salted = salt_password(&config.account, salt, iterations).await;
                step = machine.handle_salted_password(&salted, |message| push(&mut out, message));
            }
            match step {
                Ok(SignInStep::Done(signed_in)) => return Ok(Ok(welcome(signed_in, &message, machine.server_name()))),
                Ok(SignInStep::PairingCode(code, seconds)) => return Ok(Err(ConnectError::Unpaired { code, seconds })),
                Ok(SignInStep::Wait | SignInStep::SaltPassword { .. }) => {}
                Err(error) => return Ok(Err(refused(error, machine.methods()))),
            }
        }
    };
    within(SIGN_IN_MAX, talking).await?
}

/// Says hello: the server's name, and how one may sign in there.
pub(crate) async fn greet(
    hello: &ClientMessage<'_>,
    secured: &mut Secured,
    frames: &mut FrameReader<'_>,
) -> Result<(String, SignInMethods), ConnectError> {
    let talking = async {
        let mut out = Vec::new();
        push(&mut out, hello);
        secured.stream.write_all(&out).await?;
        secured.stream.flush().await?;
        loop {
            if let Some(body) = frames.next_frame().map_err(|_| io::ErrorKind::InvalidData)? {
                return match parse_server(body).map_err(|_| io::ErrorKind::InvalidData)? {
                    Parsed::Message(ServerMessage::Hello { name, methods, .. }) => Ok(Ok((name.to_owned(), methods))),
                    Parsed::Message(ServerMessage::Refused { reason, retry_after_s, .. }) => {
                        let refusal = SignInError::Refused { reason, retry_after_s };
                        Ok(Err(refused(refusal, SignInMethods::default())))
                    }
                    _ => Ok(Err(ConnectError::Final(EndReason::Protocol))),
                };
            }
            match secured.stream.read(frames.space()).await? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                len => frames.advance(len),
            }
        }
    };
    within(CONNECT_MAX, talking).await?
}

fn welcome(signed_in: SignedIn, message: &ServerMessage<'_>, server_name: &str) -> Welcome {
    let (username, display_name) = match *message {
        ServerMessage::Welcome { username, display_name, .. } => (username.to_owned(), display_name.to_owned()),
        _ => Default::default(),
    };
    Welcome { signed_in, username, display_name, server_name: server_name.to_owned() }
}

fn refused(error: SignInError, methods: SignInMethods) -> ConnectError {
    match error {
        SignInError::Refused { reason: reason @ (Refusal::ServerFull | Refusal::Storage), retry_after_s } => {
            ConnectError::Transient { why: reason.code().to_owned(), retry_after_s }
        }
        SignInError::Refused { reason, retry_after_s } => {
            ConnectError::Final(EndReason::Refused { reason, retry_after_s, methods })
        }
        SignInError::FalseServer | SignInError::Iterations => ConnectError::Final(EndReason::FalseServer),
        SignInError::Unexpected => ConnectError::Final(EndReason::Protocol),
    }
}

/// PBKDF2 takes a tenth of a second here and two on a small board: not on the engine's thread.
async fn salt_password(account: &Account, salt: [u8; 16], iterations: u32) -> [u8; 32] {
    let password = account.password().to_owned();
    smol::unblock(move || salted_password(&password, &salt, iterations)).await
}

fn push(out: &mut Vec<u8>, message: &ClientMessage<'_>) {
    let mut frame = [0; CONTROL_FRAME_ANONYMOUS_MAX_BYTES + CONTROL_LENGTH_BYTES];
    if let Ok(len) = emit_client(message, &mut frame) {
        out.extend_from_slice(&frame[..len]);
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let too_late = async {
        Timer::after(limit).await;
        Err(io::Error::new(io::ErrorKind::TimedOut, why::NO_ANSWER))
    };
    work.or(too_late).await
}
