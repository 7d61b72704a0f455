//! One TCP connection: TLS, sign-in, then control messages both ways until either side ends it.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_io::Timer;
use async_net::TcpStream;
use futures_lite::io::{AsyncRead, AsyncWriteExt, ReadHalf, WriteHalf, split};
use futures_lite::{FutureExt, future};
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;
use hph_core::id::SessionId;
use hph_core::limits::{CONTROL_FRAME_ANONYMOUS_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{ClientMessage, FrameReader, Parsed, SignOutReason, parse_client};
use hph_platform::clock::Clock;
use hph_platform::tunnel::keep_short;

use crate::gateway;
use crate::hub::Hub;
use crate::meeting::Queue;
use crate::signin;

/// A TLS handshake takes no longer than this.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Signing in takes no longer than this: PBKDF2 on a small board takes two seconds.
const SIGN_IN_MAX: Duration = Duration::from_secs(15);
/// The last words of a session are flushed within this.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

pub(crate) type Reader = ReadHalf<TlsStream<TcpStream>>;
pub(crate) type Writer = WriteHalf<TlsStream<TcpStream>>;

/// What both ends derive from the TLS connection.
pub(crate) struct Exported {
    /// For the datagrams' keys.
    pub media: [u8; 32],
    /// RFC 9266, for SCRAM and the device's proof.
    pub binding: [u8; 32],
}

/// A connection that has become a session.
struct SignedIn {
    reader: Reader,
    writer: Writer,
    session: SessionId,
    queue: Rc<Queue>,
    /// What came behind the sign-in.
    pending: Vec<u8>,
}

/// Serves one connection to its end. Errors end it and nothing else.
pub(crate) async fn serve(hub: Rc<Hub>, acceptor: TlsAcceptor, stream: TcpStream, peer: IpAddr) {
    // On the heap and gone when it is done: a session that only waits shall not hold what its handshake needed.
    let signed_in = Box::pin(sign_in(&hub, &acceptor, stream, peer)).await;
    drop(acceptor);
    let Some(SignedIn { mut reader, mut writer, session, queue, pending }) = signed_in else { return };
    let reading = async {
        let reason = read(&hub, session, &mut reader, pending).await;
        hub.act(|machine, out| machine.close_session(session, reason, out));
        // The writer ends by itself once the last words are out.
        future::pending::<()>().await;
    };
    write(&hub, &queue, &mut writer).or(reading).await;
    hub.act(|machine, out| machine.close_session(session, SignOutReason::Asked, out));
}

/// TLS and sign-in, each within its time; none if either fails.
async fn sign_in(hub: &Rc<Hub>, acceptor: &TlsAcceptor, stream: TcpStream, peer: IpAddr) -> Option<SignedIn> {
    let mut guard = hub.admit(peer)?;
    let mut peer = peer;
    let _ = stream.set_nodelay(true);
    keep_short(&stream);
    let mut stream = within(HANDSHAKE_MAX, async { acceptor.accept(stream).await }).await.ok()?;
    let exported = export(&stream).ok()?;
    if stream.get_ref().1.alpn_protocol() == Some(gateway::ALPN) {
        let reading = gateway::read_foreword(&hub.gateway_key, &exported.binding, &mut stream);
        peer = within(HANDSHAKE_MAX, reading).await.ok()?;
        // From here on it counts as where the browser is.
        drop(guard);
        guard = hub.admit(peer)?;
    }
    let _guard = guard;
    let (mut reader, mut writer) = split(stream);
    let mut memory = vec![0; CONTROL_FRAME_ANONYMOUS_MAX_BYTES + CONTROL_LENGTH_BYTES];
    let mut frames = FrameReader::new(&mut memory, CONTROL_FRAME_ANONYMOUS_MAX_BYTES);
    let signing_in = signin::run(hub, peer, &exported, &mut reader, &mut writer, &mut frames);
    let Ok((session, queue)) = within(SIGN_IN_MAX, signing_in).await else {
        let _ = writer.close().await;
        return None;
    };
    let pending = frames.unread().to_vec();
    Some(SignedIn { reader, writer, session, queue, pending })
}

/// Reads until the connection or the session ends. Between frames a connection holds no memory of its own: all read
/// into the one buffer of the hub, and keep only what is left of a frame that is not whole.
async fn read(hub: &Rc<Hub>, session: SessionId, reader: &mut Reader, mut pending: Vec<u8>) -> SignOutReason {
    let mut result = hub.with_incoming(&pending, |frames| Some((handle_frames(hub, session, frames), rest(frames))));
    loop {
        if let Some((handled, rest)) = result {
            pending = rest;
            if let Err(reason) = handled {
                return reason;
            }
            // Whoever sends much lets others have their turn.
            future::yield_now().await;
        }
        let more = future::poll_fn(|context| {
            hub.with_incoming(&pending, |frames| match ready!(poll_more(context, reader, frames)) {
                Ok(()) => Poll::Ready(Some((handle_frames(hub, session, frames), rest(frames)))),
                Err(_) => Poll::Ready(None),
            })
        });
        result = more.await;
        if result.is_none() {
            return SignOutReason::Asked;
        }
    }
}

/// What is left of a frame that is not whole.
fn rest(frames: &FrameReader<'_>) -> Vec<u8> {
    frames.unread().to_vec()
}

fn poll_more(context: &mut Context<'_>, reader: &mut Reader, frames: &mut FrameReader<'_>) -> Poll<io::Result<()>> {
    match ready!(Pin::new(reader).poll_read(context, frames.space()))? {
        0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
        len => {
            frames.advance(len);
            Poll::Ready(Ok(()))
        }
    }
}

/// Handles every frame that is whole.
fn handle_frames(hub: &Rc<Hub>, session: SessionId, frames: &mut FrameReader<'_>) -> Result<(), SignOutReason> {
    while let Some(body) = frames.next_frame().map_err(|_| SignOutReason::Malformed)? {
        match parse_client(body).map_err(|_| SignOutReason::Malformed)? {
            Parsed::Message(ClientMessage::Tunnelled { datagram }) => hub.tunnel(session, datagram),
            Parsed::Message(ClientMessage::FileChunk { file, from, bytes }) => {
                hub.shelf.take_chunk(session, file, from, bytes);
            }
            Parsed::Message(message) => {
                hub.act(|machine, out| machine.handle_control(Clock::now(), session, &message, out));
            }
            Parsed::Unknown { .. } => {}
        }
    }
    Ok(())
}

/// Writes what waits until the session ends.
async fn write(hub: &Rc<Hub>, queue: &Queue, writer: &mut Writer) {
    loop {
        let (bytes, is_last) = queue.take().await;
        let is_late = !bytes.is_empty();
        let writing = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        // Whoever does not read is not waited for, once the session is over.
        let given_up = async {
            queue.until_closing().await;
            Timer::after(FAREWELL_MAX).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        let written = writing.or(given_up).await;
        if written.is_err() || is_last {
            let _ = within(FAREWELL_MAX, writer.close()).await;
            return;
        }
        if is_late && queue.is_calm() {
            // What was held back while the connection was slow.
            hub.act(|_, _| ());
        }
    }
}

pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let too_late = async {
        Timer::after(limit).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    work.or(too_late).await
}

fn export(stream: &TlsStream<TcpStream>) -> Result<Exported, rustls::Error> {
    let (_, connection) = stream.get_ref();
    let media = connection.export_keying_material([0; 32], b"EXPORTER-hph media v1", Some(b""))?;
    let binding = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))?;
    Ok(Exported { media, binding })
}
