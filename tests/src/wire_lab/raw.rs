//! A TLS connection without an engine, for those who do not keep to the rules.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_io::{Async, Timer};
use async_net::TcpStream;
use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use hph_client::tls::{client_config, server_name};
use hph_core::crypto::gateway::foreword;
use hph_core::crypto::scram::salted_password;
use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::signin::client::{ClientSignIn, Credentials, SignInError, SignInStep};
use hph_core::id::{RoomId, SessionId};
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{ClientMessage, FrameReader, Parsed, ServerMessage, emit_client, parse_server};
use hph_platform::entropy;
use socket2::{Domain, Socket, Type};

use super::server::Target;

/// How long a server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A connection whose other end shook hands, and nothing more.
pub struct RawClient {
    stream: TlsStream<TcpStream>,
    frames: FrameReader<'static>,
    /// For the keys of datagrams.
    pub media: [u8; 32],
    binding: [u8; 32],
}

impl RawClient {
    /// Connects. `receive_buffer_bytes`: how much the kernel keeps that is not read, if not the usual.
    ///
    /// # Errors
    /// What the network or TLS says.
    pub fn connect(target: &Target, receive_buffer_bytes: Option<usize>) -> io::Result<Self> {
        Self::connect_for(target, receive_buffer_bytes, None)
    }

    /// Connects as a gateway does for a browser at that address.
    ///
    /// # Errors
    /// What the network or TLS says.
    pub fn connect_as_gateway(target: &Target, key: &[u8; 32], browser: IpAddr) -> io::Result<Self> {
        Self::connect_for(target, None, Some((key, browser)))
    }

    fn connect_for(
        target: &Target,
        receive_buffer_bytes: Option<usize>,
        browser: Option<(&[u8; 32], IpAddr)>,
    ) -> io::Result<Self> {
        smol::block_on(within(ANSWER_LIMIT, async {
            let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, None)?;
            if let Some(bytes) = receive_buffer_bytes {
                socket.set_recv_buffer_size(bytes)?;
            }
            socket.connect(&target.address.into())?;
            let stream = TcpStream::from(Async::new(std::net::TcpStream::from(socket))?);
            stream.set_nodelay(true)?;
            let mut config = (*client_config(target.trust()).map_err(io::Error::other)?).clone();
            if browser.is_some() {
                config.alpn_protocols = vec![b"hph-gateway/1".to_vec()];
            }
            let mut stream = TlsConnector::from(Arc::new(config)).connect(server_name(), stream).await?;
            let (_, connection) = stream.get_ref();
            let export = |label: &[u8]| connection.export_keying_material([0; 32], label, Some(b""));
            let media = export(b"EXPORTER-hph media v1").map_err(io::Error::other)?;
            let binding = export(b"EXPORTER-Channel-Binding").map_err(io::Error::other)?;
            if let Some((key, browser)) = browser {
                stream.write_all(&foreword(key, &binding, browser)).await?;
            }
            // A test has few of these.
            let memory = Box::leak(vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES].into_boxed_slice());
            let frames = FrameReader::new(memory, CONTROL_FRAME_MAX_BYTES);
            Ok(Self { stream, frames, media, binding })
        }))
    }

    /// Signs in as a guest, on a new device.
    ///
    /// # Panics
    /// If that is refused.
    pub fn sign_in(&mut self, name: &str) -> SessionId {
        self.sign_in_from(&entropy::array(), name)
    }

    /// Signs in as the guest that belongs to a device.
    ///
    /// # Panics
    /// If that is refused.
    pub fn sign_in_from(&mut self, device_seed: &[u8; 32], name: &str) -> SessionId {
        self.try_sign_in(device_seed, Credentials::Guest { display_name: name, email: "" }, "").expect("let in")
    }

    /// Signs in to an account, which must be there.
    ///
    /// # Errors
    /// Why not.
    ///
    /// # Panics
    /// If the connection breaks.
    pub fn try_password(&mut self, username: &str, password: &str) -> Result<SessionId, SignInError> {
        let credentials = Credentials::Password { username, email: "", display_name: "", may_register: false };
        self.try_sign_in(&entropy::array(), credentials, password)
    }

    fn try_sign_in(
        &mut self,
        device_seed: &[u8; 32],
        credentials: Credentials<'_>,
        password: &str,
    ) -> Result<SessionId, SignInError> {
        let device = DeviceSecret::from_seed(device_seed);
        let entropy = (entropy::array(), entropy::array());
        let mut machine = ClientSignIn::new(credentials, &device, self.binding, entropy);
        self.send(&ClientSignIn::hello("hph-tests")).expect("sent");
        loop {
            let mut answers = Vec::new();
            let step = self.hear(|message| machine.handle_control(message, |answer| emit(answer, &mut answers)));
            let mut step = step.expect("the connection holds")?;
            if let SignInStep::SaltPassword { salt, iterations } = step {
                let salted = salted_password(password, &salt, iterations);
                step = machine.handle_salted_password(&salted, |answer| emit(answer, &mut answers))?;
            }
            self.send_bytes(&answers).expect("sent");
            if let SignInStep::Done(done) = step {
                return Ok(done.session);
            }
        }
    }

    /// Goes to a room, which is made if there is none.
    ///
    /// # Panics
    /// If that is refused.
    pub fn join(&mut self, name: &str) -> RoomId {
        self.send(&ClientMessage::JoinNamed { request: 1, name, may_create: true }).expect("sent");
        self.hear_until(|message| match *message {
            ServerMessage::Joined { room, .. } => Some(room),
            ServerMessage::Refused { reason, .. } => panic!("refused: {reason:?}"),
            _ => None,
        })
        .expect("the connection holds")
    }

    /// Says something.
    ///
    /// # Errors
    /// What the network says.
    pub fn send(&mut self, message: &ClientMessage<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        emit(message, &mut bytes);
        self.send_bytes(&bytes)
    }

    /// Sends bytes inside TLS.
    ///
    /// # Errors
    /// What the network says; a time-out if the server does not take them.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        smol::block_on(within(ANSWER_LIMIT, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        }))
    }

    /// Takes the next message of the server.
    ///
    /// # Errors
    /// The connection is closed, or nothing came for ten seconds.
    pub fn hear<T>(&mut self, take: impl FnOnce(&ServerMessage<'_>) -> T) -> io::Result<T> {
        smol::block_on(within(ANSWER_LIMIT, async {
            loop {
                match self.frames.next_frame() {
                    Ok(None) => {}
                    Ok(Some(body)) => match parse_server(body) {
                        Ok(Parsed::Message(message)) => return Ok(take(&message)),
                        other => return Err(io::Error::other(format!("nonsense: {other:?}"))),
                    },
                    Err(error) => return Err(io::Error::other(error.at)),
                }
                match self.stream.read(self.frames.space()).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    len => self.frames.advance(len),
                }
            }
        }))
    }

    /// Takes messages of the server until `pick` gives a value.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub fn hear_until<T>(&mut self, mut pick: impl FnMut(&ServerMessage<'_>) -> Option<T>) -> io::Result<T> {
        loop {
            if let Some(value) = self.hear(&mut pick)? {
                return Ok(value);
            }
        }
    }

    /// Reads until the server closes the connection. Gives the number of bytes.
    ///
    /// # Errors
    /// A time-out: the server does not close it within `limit`.
    pub fn read_to_end(&mut self, limit: Duration) -> io::Result<usize> {
        smol::block_on(within(limit, async {
            let mut piece = [0; 4096];
            let mut total = 0;
            loop {
                match self.stream.read(&mut piece).await {
                    Ok(len) if len > 0 => total += len,
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(error),
                    _ => return Ok(total),
                }
            }
        }))
    }

    /// Says that nothing more comes, and goes on listening.
    ///
    /// # Errors
    /// What the network says.
    pub fn close_our_half(&mut self) -> io::Result<()> {
        smol::block_on(within(ANSWER_LIMIT, self.stream.close()))
    }
}

fn emit(message: &ClientMessage<'_>, out: &mut Vec<u8>) {
    let mut frame = vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES];
    let len = emit_client(message, &mut frame).expect("it fits");
    out.extend_from_slice(&frame[..len]);
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let too_late = async {
        Timer::after(limit).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    work.or(too_late).await
}
