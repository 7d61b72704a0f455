//! One TCP connection: TLS, sign-in, then control messages both ways until either side ends it.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use async_net::TcpStream;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use futures_lite::{FutureExt, future};
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;
use hph_core::id::SessionId;
use hph_core::limits::{CONTROL_FRAME_ANONYMOUS_MAX_BYTES, CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES};
use hph_core::wire::control::{FrameReader, Parsed, SignOutReason, parse_client};
use hph_platform::clock::Clock;

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

/// Serves one connection to its end. Errors end it and nothing else.
pub(crate) async fn serve(hub: Rc<Hub>, acceptor: TlsAcceptor, stream: TcpStream, peer: IpAddr) {
    let Some(guard) = hub.strangers.admit(peer) else { return };
    let _ = stream.set_nodelay(true);
    let handshake = within(HANDSHAKE_MAX, async { acceptor.accept(stream).await });
    let Ok(stream) = handshake.await else { return };
    let Ok(exported) = export(&stream) else { return };

    let (mut reader, mut writer) = split(stream);
    let mut memory = vec![0; CONTROL_FRAME_MAX_BYTES + CONTROL_LENGTH_BYTES];
    let mut frames = FrameReader::new(&mut memory, CONTROL_FRAME_ANONYMOUS_MAX_BYTES);
    let signed_in =
        within(SIGN_IN_MAX, signin::run(&hub, peer, &exported, &mut reader, &mut writer, &mut frames)).await;
    drop(guard);
    let Ok((session, queue)) = signed_in else {
        let _ = writer.close().await;
        return;
    };
    frames.allow(CONTROL_FRAME_MAX_BYTES);
    let reading = async {
        let reason = read(&hub, session, &mut reader, &mut frames).await;
        hub.act(|machine, out| machine.close_session(session, reason, out));
        // The writer ends by itself once the last words are out.
        future::pending::<()>().await;
    };
    write(&hub, &queue, &mut writer).or(reading).await;
    hub.act(|machine, out| machine.close_session(session, SignOutReason::Asked, out));
}

/// Reads until the connection or the session ends.
async fn read(hub: &Rc<Hub>, session: SessionId, reader: &mut Reader, frames: &mut FrameReader<'_>) -> SignOutReason {
    loop {
        match frames.next_frame() {
            Ok(Some(body)) => match parse_client(body) {
                Ok(Parsed::Message(message)) => {
                    hub.act(|machine, out| machine.handle_control(Clock::now(), session, &message, out));
                }
                Ok(Parsed::Unknown { .. }) => {}
                Err(_) => return SignOutReason::Malformed,
            },
            Ok(None) => match reader.read(frames.space()).await {
                Ok(len) if len > 0 => frames.advance(len),
                _ => return SignOutReason::Asked,
            },
            Err(_) => return SignOutReason::Malformed,
        }
    }
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
