//! One browser and its connection to the server: bytes and datagrams both ways, until either end is gone.
//!
//! Messages of the WebSocket are binary and begin with a byte that says what they are; ARCHITECTURE.md lists them.

use std::cell::RefCell;
use std::io;
use std::net::UdpSocket;

use async_channel::{Receiver, Sender};
use async_io::Async;
use async_net::TcpStream;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{Bytes, Message};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, WebSocketStream};
use futures_lite::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use futures_lite::{FutureExt, StreamExt, future};
use futures_rustls::client::TlsStream;
use hph_client::core::limits::DATAGRAM_MAX_BYTES;
use hph_client::core::time::{Duration, Instant};
use hph_client::platform::clock::Clock;

use crate::backlog::{Backlog, BacklogFigures};
use crate::figures::FiguresHandle;
use crate::upstream::Opened;

/// First byte of a message: what the page needs of the connection to the server.
const OPENED: u8 = 0;
/// Bytes of the control connection.
const CONTROL: u8 = 1;
/// Datagrams, each behind its length (two bytes, big-endian).
const DATAGRAMS: u8 = 2;
/// What was dropped for this browser until now: for the page's diagnostics.
const DROPPED: u8 = 3;
/// That is told so often at most.
const DROPPED_INTERVAL: Duration = Duration::from_secs(1);
/// Version of these messages.
const VERSION: u8 = 1;
/// Control bytes that may wait for the browser; then the server's connection is not read until there is room.
const CONTROL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of datagrams in one message: a full socket holds no more than that of what is no longer wanted, and a voice waits for no more.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Control bytes in one message while datagrams wait: a file that is fetched is control, and would hold up voices for minutes.
const CONTROL_TURN_BYTES: usize = 4 * 1024;
/// Datagrams that are taken before the others get their turn.
const BATCH: usize = 64;

type Control = TlsStream<TcpStream>;

/// The server is gone or can't be reached: the page comes back by itself.
pub(crate) const SERVER_GONE: u16 = 4001;

/// What both directions share.
struct Shared<'a> {
    waiting: RefCell<Waiting>,
    socket: &'a Async<UdpSocket>,
    /// The browser's connection, below TLS.
    kernel: &'a Async<std::net::TcpStream>,
    figures: &'a FiguresHandle,
    /// Rings when there is something for the browser.
    filled: (Sender<()>, Receiver<()>),
    /// Rings when there is room for control bytes again.
    drained: (Sender<()>, Receiver<()>),
}

#[derive(Default)]
struct Waiting {
    control: Vec<u8>,
    backlog: Backlog,
    /// What the browser was told of its backlog, and when.
    told: (BacklogFigures, Instant),
    /// Control bytes went last, and datagrams waited: it is their turn.
    is_datagrams_turn: bool,
}

/// Carries until either end is gone.
pub(crate) async fn carry<S>(
    browser: WebSocketStream<S>,
    kernel: &Async<std::net::TcpStream>,
    opened: Opened,
    figures: &FiguresHandle,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut to_browser, mut from_browser) = browser.split();
    let mut hello = vec![OPENED, VERSION];
    hello.extend_from_slice(&opened.media);
    hello.extend_from_slice(&opened.binding);
    if to_browser.send(Message::Binary(hello.into())).await.is_err() {
        return;
    }
    let (mut from_server, mut to_server) = split(opened.control);
    let shared = Shared {
        waiting: RefCell::default(),
        socket: &opened.datagrams,
        kernel,
        figures,
        filled: async_channel::bounded(1),
        drained: async_channel::bounded(1),
    };
    let is_servers_end = async {
        let reading = shared.read_control(&mut from_server).or(shared.read_datagrams());
        let _ = reading.await;
        // What it said last still goes out.
        while !shared.is_drained() {
            let _ = shared.drained.1.recv().await;
        }
        true
    };
    let is_browsers_end = async {
        let _ = shared.read_browser(&mut from_browser, &mut to_server).await;
        false
    };
    let writing = async {
        let _ = shared.write_browser(&mut to_browser).await;
        false
    };
    let is_server_gone = is_browsers_end.or(is_servers_end).or(writing).await;
    let code = if is_server_gone { CloseCode::from(SERVER_GONE) } else { CloseCode::Normal };
    close(&mut to_browser, code, "").await;
    let _ = to_server.close().await;
}

/// Says why it is over, if the browser takes that.
pub(crate) async fn close<S>(to_browser: &mut WebSocketSender<S>, code: CloseCode, why: &'static str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let closing = async {
        let _ = to_browser.close(Some(CloseFrame { code, reason: why.into() })).await;
    };
    let too_late = async {
        async_io::Timer::after(std::time::Duration::from_secs(1)).await;
    };
    closing.or(too_late).await;
}

impl Waiting {
    /// What goes next: control bytes first, but not all of them while datagrams wait.
    fn next_message(&mut self, now: Instant) -> Option<Bytes> {
        let is_datagrams_turn = std::mem::take(&mut self.is_datagrams_turn);
        if is_datagrams_turn { None } else { self.next_control() }
            .or_else(|| self.next_dropped(now))
            .or_else(|| self.next_datagrams(now))
            .or_else(|| self.next_control())
    }

    fn next_control(&mut self) -> Option<Bytes> {
        let is_shared = !self.backlog.is_empty();
        let len = if is_shared { self.control.len().min(CONTROL_TURN_BYTES) } else { self.control.len() };
        if len == 0 {
            return None;
        }
        self.is_datagrams_turn = is_shared;
        let mut message = Vec::with_capacity(len + 1);
        message.push(CONTROL);
        message.extend(self.control.drain(..len));
        Some(message.into())
    }

    fn next_dropped(&mut self, now: Instant) -> Option<Bytes> {
        let figures = self.backlog.figures();
        if figures.dropped() == self.told.0.dropped() || now.since(self.told.1) < DROPPED_INTERVAL {
            return None;
        }
        self.told = (figures, now);
        let mut message = vec![DROPPED];
        figures.dropped().iter().for_each(|count| message.extend_from_slice(&count.to_be_bytes()));
        Some(message.into())
    }

    fn next_datagrams(&mut self, now: Instant) -> Option<Bytes> {
        let mut message = vec![DATAGRAMS];
        while self.backlog.next_len().is_some_and(|len| message.len() + len + 2 <= MESSAGE_BYTES_MAX) {
            let Some(datagram) = self.backlog.pop(now) else { break };
            message.extend_from_slice(&(datagram.len() as u16).to_be_bytes());
            message.extend_from_slice(&datagram);
        }
        (message.len() > 1).then(|| message.into())
    }
}

impl Shared<'_> {
    fn is_drained(&self) -> bool {
        self.waiting.borrow().control.is_empty()
    }

    async fn read_control(&self, from_server: &mut ReadHalf<Control>) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            while self.waiting.borrow().control.len() >= CONTROL_BYTES_MAX {
                let _ = self.drained.1.recv().await;
            }
            match from_server.read(&mut buffer).await? {
                0 => return Ok(()),
                len => self.waiting.borrow_mut().control.extend_from_slice(&buffer[..len]),
            }
            let _ = self.filled.0.try_send(());
        }
    }

    async fn read_datagrams(&self) -> io::Result<()> {
        let mut buffer = [0; DATAGRAM_MAX_BYTES + 1];
        loop {
            self.socket.readable().await?;
            for _ in 0..BATCH {
                match self.socket.get_ref().recv(&mut buffer) {
                    Ok(len) => self.waiting.borrow_mut().backlog.push(Clock::now(), &buffer[..len]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The server's port is closed for now: its control connection tells when it is gone.
                    Err(_) => break,
                }
            }
            let _ = self.filled.0.try_send(());
            future::yield_now().await;
        }
    }

    async fn write_browser<S>(&self, to_browser: &mut WebSocketSender<S>) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut counted = BacklogFigures::default();
        loop {
            // Asked before each message: a write looks at what is unsent only where it begins a new buffer, and one takes up to 64 kB,
            // more than a second of a narrow way.
            self.kernel.writable().await?;
            let Some(message) = self.next_message() else {
                let _ = self.filled.1.recv().await;
                continue;
            };
            to_browser.send(Message::Binary(message)).await.map_err(io::Error::other)?;
            let _ = self.drained.0.try_send(());
            let now = self.waiting.borrow().backlog.figures();
            self.figures.change(|figures| figures.add(&now, &counted));
            counted = now;
        }
    }

    fn next_message(&self) -> Option<Bytes> {
        self.waiting.borrow_mut().next_message(Clock::now())
    }

    async fn read_browser<S>(
        &self,
        from_browser: &mut WebSocketReceiver<S>,
        to_server: &mut WriteHalf<Control>,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        while let Some(message) = from_browser.next().await {
            let bytes = match message.map_err(io::Error::other)? {
                Message::Binary(bytes) => bytes,
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(_) => return Ok(()),
                Message::Text(_) | Message::Frame(_) => return Err(io::ErrorKind::InvalidData.into()),
            };
            match bytes.split_first() {
                Some((&CONTROL, bytes)) => {
                    to_server.write_all(bytes).await?;
                    to_server.flush().await?;
                }
                Some((&DATAGRAMS, bytes)) => self.send_datagrams(bytes)?,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    /// Passes datagrams on. What the kernel has no room for is lost, as on any other way.
    fn send_datagrams(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut count = 0;
        while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
            let len = usize::from(u16::from_be_bytes(*length));
            let datagram = rest.get(..len).filter(|_| (1..=DATAGRAM_MAX_BYTES).contains(&len));
            let datagram = datagram.ok_or(io::ErrorKind::InvalidData)?;
            let _ = self.socket.get_ref().send(datagram);
            count += 1;
            bytes = rest.get(len..).unwrap_or_default();
        }
        self.figures.change(|figures| figures.datagrams_up += count);
        if bytes.is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_lets_datagrams_pass_and_nothing_is_left_behind() {
        let now = Instant::from_micros(1_000_000);
        let mut waiting = Waiting { control: vec![7; 3 * CONTROL_TURN_BYTES + 5], ..Waiting::default() };
        let mut kinds = Vec::new();
        let mut carried = 0;
        for turn in 0..5 {
            if turn < 3 {
                // What has no media header: reports and pings.
                waiting.backlog.push(now, &[3; 64]);
            }
            if let Some(message) = waiting.next_message(now) {
                kinds.push(message[0]);
                carried += if message[0] == CONTROL { message.len() - 1 } else { 0 };
            }
        }
        while let Some(message) = waiting.next_message(now) {
            kinds.push(message[0]);
            carried += if message[0] == CONTROL { message.len() - 1 } else { 0 };
        }
        assert_eq!(carried, 3 * CONTROL_TURN_BYTES + 5);
        assert_eq!(&kinds[..4], [CONTROL, DATAGRAMS, CONTROL, DATAGRAMS], "{kinds:?}");
        // Their turn comes, but they are too old by then: the rest of what was said goes all the same.
        waiting.control = vec![7; 5];
        waiting.is_datagrams_turn = true;
        assert_eq!(waiting.next_message(now).map(|message| message.len()), Some(6));
    }
}
