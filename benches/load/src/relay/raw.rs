//! Raw loops: what the machine can do at most. They look up receivers by the sender's port and forward; no keys, no
//! checks. The last four give each receiver's datagrams prefixes of their own, as a relay must, in different ways.

#[cfg(feature = "quinn")]
use std::io::IoSliceMut;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use hph_core::limits::HOP_PREFIX_BYTES;
use hph_platform::udp::sys::{self, Arrival, MESSAGES_MAX, Outgoing};
use hph_platform::udp::{Offload, Path, Received, SendQueue};
#[cfg(feature = "quinn")]
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::load::widen;
use crate::machine::{self, Meter, Role};

/// Messages of one receive call.
const MESSAGES: usize = 32;
/// A buffer for one datagram, and for a burst that arrives as one.
const SMALL_BYTES: usize = 2048;
const LARGE_BYTES: usize = 65_535 + 256;

/// One way to forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `recvfrom`, `sendto`.
    Plain,
    /// `recvmmsg`, `sendmmsg`.
    Batched,
    /// Receive offload in, segmentation offload out, bytes as they came: the floor.
    Offload,
    /// [`hph_platform::udp`] on its own: a prefix for each receiver, payloads gathered from where they lie.
    Layer,
    /// What the layer does, without its queue: prefixes and payloads gathered by the kernel.
    Gather,
    /// As `Gather`, but each receiver's datagrams are copied into one piece first.
    Copy,
    /// As `Copy`, received and sent by quinn-udp: one call for each receiver.
    #[cfg(feature = "quinn")]
    Quinn,
}

impl Kind {
    /// Every way.
    pub const ALL: &[Self] = &[
        Self::Plain,
        Self::Batched,
        Self::Offload,
        Self::Layer,
        Self::Gather,
        Self::Copy,
        #[cfg(feature = "quinn")]
        Self::Quinn,
    ];

    /// Whether it is measured everywhere; the others answer how to send bursts.
    pub const fn is_a_baseline(self) -> bool {
        matches!(self, Self::Plain | Self::Batched | Self::Offload | Self::Layer)
    }

    /// For figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "raw.plain",
            Self::Batched => "raw.batched",
            Self::Offload => "raw.offload",
            Self::Layer => "layer",
            Self::Gather => "raw.gather",
            Self::Copy => "raw.copy",
            #[cfg(feature = "quinn")]
            Self::Quinn => "raw.quinn",
        }
    }
}

/// Who gets what, by the sender's port.
pub struct Routes {
    by_port: Vec<u16>,
    targets: Vec<Vec<(usize, SocketAddr)>>,
    lanes: usize,
}

impl Routes {
    /// In each room everybody gets what any other sends.
    pub fn new(rooms: &[Vec<SocketAddr>]) -> Self {
        let mut routes = Self { by_port: vec![0; 1 << 16], targets: vec![Vec::new()], lanes: 0 };
        for room in rooms {
            let first = routes.lanes;
            routes.lanes += room.len();
            for own in room {
                let others = room.iter().enumerate().filter(|(_, to)| *to != own);
                routes.by_port[usize::from(own.port())] = routes.targets.len() as u16;
                routes.targets.push(others.map(|(at, to)| (first + at, *to)).collect());
            }
        }
        routes
    }

    fn of(&self, from: SocketAddr) -> &[(usize, SocketAddr)] {
        &self.targets[usize::from(self.by_port[usize::from(from.port())])]
    }
}

/// A running loop. It ends when this is dropped.
pub struct RawRelay {
    /// Where it receives.
    pub address: SocketAddr,
    /// Its thread's processor time.
    pub meter: Meter,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RawRelay {
    /// Starts a loop on the relay's core.
    ///
    /// # Errors
    /// No socket, no thread.
    pub fn start(kind: Kind, routes: Routes) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        widen(&socket);
        let address = socket.local_addr()?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let stop = Arc::clone(&is_stopped);
        let thread = std::thread::Builder::new().name(kind.name().to_owned()).spawn(move || {
            machine::pin(Role::Relay);
            let _ = tell.send(Meter::of_this_thread());
            run(kind, &Loop { socket, routes, stop });
        })?;
        let meter = told.recv().map_err(io::Error::other)?;
        Ok(Self { address, meter, is_stopped, thread: Some(thread) })
    }
}

impl Drop for RawRelay {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Loop {
    socket: UdpSocket,
    routes: Routes,
    stop: Arc<AtomicBool>,
}

impl Loop {
    /// Waits until something comes; false at the end.
    fn wait(&self) -> bool {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&timeout));
        !self.stop.load(Ordering::Relaxed)
    }

    /// Receives into buffers; waits if nothing is there. False at the end.
    fn receive(&self, memory: &mut [u8], buffer_bytes: usize, arrivals: &mut Vec<Arrival>) -> bool {
        arrivals.clear();
        while sys::receive(&self.socket, memory.chunks_exact_mut(buffer_bytes), arrivals).is_err() {
            if !self.wait() {
                return false;
            }
        }
        true
    }
}

fn run(kind: Kind, relay: &Loop) {
    match kind {
        Kind::Plain => plain(relay),
        Kind::Batched => batched(relay),
        Kind::Offload => offload(relay),
        Kind::Layer => layer(relay),
        Kind::Gather => gather(relay),
        Kind::Copy => copy(relay),
        #[cfg(feature = "quinn")]
        Kind::Quinn => quinn(relay).unwrap_or_else(|error| eprintln!("bench: quinn-udp fails: {error}")),
    }
}

fn plain(relay: &Loop) {
    let mut buffer = [0; SMALL_BYTES];
    while relay.wait() {
        while let Ok((len, from)) = relay.socket.recv_from(&mut buffer) {
            for (_, to) in relay.routes.of(from) {
                let _ = relay.socket.send_to(&buffer[..len], to);
            }
        }
    }
}

/// Messages that wait for a call.
struct Pending<'a> {
    socket: &'a UdpSocket,
    messages: Vec<Outgoing>,
    parts: Vec<IoSlice<'a>>,
}

impl<'a> Pending<'a> {
    fn new(socket: &'a UdpSocket) -> Self {
        Self { socket, messages: Vec::with_capacity(MESSAGES_MAX), parts: Vec::with_capacity(MESSAGES_MAX) }
    }

    fn push(&mut self, to: SocketAddr, bytes: &'a [u8], segment_bytes: usize) {
        let segment_bytes = u16::try_from(segment_bytes).ok().filter(|&segment| usize::from(segment) < bytes.len());
        self.messages.push(Outgoing { to, parts: 1, segment_bytes });
        self.parts.push(IoSlice::new(bytes));
        if self.messages.len() == MESSAGES_MAX {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut at = 0;
        while at < self.messages.len() {
            at += sys::send(self.socket, &self.messages[at..], &self.parts[at..]).unwrap_or(1);
        }
        self.messages.clear();
        self.parts.clear();
    }
}

fn batched(relay: &Loop) {
    let mut memory = vec![0; MESSAGES * SMALL_BYTES];
    let mut arrivals = Vec::with_capacity(MESSAGES);
    while relay.receive(&mut memory, SMALL_BYTES, &mut arrivals) {
        let mut pending = Pending::new(&relay.socket);
        for (arrival, buffer) in arrivals.iter().zip(memory.chunks_exact(SMALL_BYTES)) {
            for (_, to) in relay.routes.of(arrival.from) {
                pending.push(*to, &buffer[..arrival.len_bytes], arrival.len_bytes);
            }
        }
        pending.flush();
    }
}

fn offload(relay: &Loop) {
    let _ = sys::set_coalescing(&relay.socket, true);
    let mut memory = vec![0; MESSAGES * LARGE_BYTES];
    let mut arrivals = Vec::with_capacity(MESSAGES);
    while relay.receive(&mut memory, LARGE_BYTES, &mut arrivals) {
        let mut pending = Pending::new(&relay.socket);
        for (arrival, buffer) in arrivals.iter().zip(memory.chunks_exact(LARGE_BYTES)) {
            for (_, to) in relay.routes.of(arrival.from) {
                pending.push(*to, &buffer[..arrival.len_bytes], arrival.segment_bytes);
            }
        }
        pending.flush();
    }
}

fn layer(relay: &Loop) {
    let offload = Offload::probe(&relay.socket, Path::Segmented);
    let mut received = Received::new(&offload, MESSAGES);
    let mut queue = SendQueue::new(&offload, relay.routes.lanes, 2048);
    loop {
        if received.receive(&relay.socket).unwrap_or(0) == 0 {
            if !relay.wait() {
                return;
            }
            continue;
        }
        while let Some(datagram) = received.next_datagram() {
            queue.begin(datagram.place);
            let Some((prefix, payload)) = datagram.bytes.split_first_chunk::<HOP_PREFIX_BYTES>() else { continue };
            for (lane, to) in relay.routes.of(datagram.from) {
                queue.push(*lane, *to, prefix, payload);
            }
            if queue.free() < 64 {
                queue.flush(&relay.socket, &received);
            }
        }
        queue.flush(&relay.socket, &received);
    }
}

/// Lets the kernel gather each receiver's prefixes and the one payload.
fn gather(relay: &Loop) {
    let _ = sys::set_coalescing(&relay.socket, true);
    let mut memory = vec![0; MESSAGES * LARGE_BYTES];
    let mut arrivals = Vec::with_capacity(MESSAGES);
    while relay.receive(&mut memory, LARGE_BYTES, &mut arrivals) {
        for (arrival, buffer) in arrivals.iter().zip(memory.chunks_exact(LARGE_BYTES)) {
            let bytes = &buffer[..arrival.len_bytes];
            let segment_bytes =
                u16::try_from(arrival.segment_bytes).ok().filter(|&size| usize::from(size) < bytes.len());
            let (mut messages, mut parts) = (Vec::new(), Vec::new());
            for (_, to) in relay.routes.of(arrival.from) {
                let before = parts.len();
                for datagram in bytes.chunks(arrival.segment_bytes) {
                    let (prefix, payload) = datagram.split_at(HOP_PREFIX_BYTES.min(datagram.len()));
                    parts.extend([IoSlice::new(prefix), IoSlice::new(payload)]);
                }
                messages.push(Outgoing { to: *to, parts: parts.len() - before, segment_bytes });
            }
            let (mut messages, mut parts) = (messages.as_slice(), parts.as_slice());
            while !messages.is_empty() {
                let (sent, rest) = messages.split_at(sys::send(&relay.socket, messages, parts).unwrap_or(1));
                parts = &parts[sent.iter().map(|message| message.parts).sum()..];
                messages = rest;
            }
        }
    }
}

/// Weaves prefixes and payloads into one piece.
fn weave(bytes: &[u8], segment_bytes: usize, copy: &mut [u8]) {
    for (from, own) in bytes.chunks(segment_bytes).zip(copy.chunks_mut(segment_bytes)) {
        let (prefix, payload) = own.split_at_mut(HOP_PREFIX_BYTES.min(from.len()));
        prefix.copy_from_slice(&from[..prefix.len()]);
        payload.copy_from_slice(&from[prefix.len()..]);
    }
}

/// Copies everything for each receiver, many receivers in a call.
fn copy(relay: &Loop) {
    let _ = sys::set_coalescing(&relay.socket, true);
    let mut memory = vec![0; MESSAGES * LARGE_BYTES];
    let mut arrivals = Vec::with_capacity(MESSAGES);
    let mut copies = vec![0; MESSAGES_MAX * LARGE_BYTES];
    while relay.receive(&mut memory, LARGE_BYTES, &mut arrivals) {
        for (arrival, buffer) in arrivals.iter().zip(memory.chunks_exact(LARGE_BYTES)) {
            let bytes = &buffer[..arrival.len_bytes];
            let mut pending = Pending::new(&relay.socket);
            for ((_, to), copy) in relay.routes.of(arrival.from).iter().zip(copies.chunks_exact_mut(LARGE_BYTES)) {
                let copy = &mut copy[..bytes.len()];
                weave(bytes, arrival.segment_bytes, copy);
                pending.push(*to, copy, arrival.segment_bytes);
            }
            pending.flush();
        }
    }
}

/// The same by quinn-udp.
#[cfg(feature = "quinn")]
fn quinn(relay: &Loop) -> io::Result<()> {
    let state = UdpSocketState::new((&relay.socket).into())?;
    let mut memory = vec![0; BATCH_SIZE * LARGE_BYTES];
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let mut woven = vec![0; LARGE_BYTES];
    while relay.wait() {
        loop {
            let mut buffers: Vec<_> = memory.chunks_exact_mut(LARGE_BYTES).map(IoSliceMut::new).collect();
            let Ok(count) = state.recv((&relay.socket).into(), &mut buffers, &mut metas) else { break };
            for (meta, buffer) in metas.iter().zip(&buffers).take(count) {
                let bytes = &buffer[..meta.len];
                for (_, to) in relay.routes.of(meta.addr) {
                    let contents = &mut woven[..bytes.len()];
                    weave(bytes, meta.stride, contents);
                    let segment_size = Some(meta.stride).filter(|&size| size < contents.len());
                    let transmit = Transmit { destination: *to, ecn: None, contents, segment_size, src_ip: None };
                    let _ = state.try_send((&relay.socket).into(), &transmit);
                }
            }
        }
    }
    Ok(())
}
