//! Sending: a queue of (destination, prefix, where the payload lies), emptied with as few system calls as possible.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};

use heapless::Vec as StackVec;
use hph_core::limits::HOP_PREFIX_BYTES;
use socket2::SockRef;

use super::receive::{Place, Received};
use super::sys::{self, MESSAGE_MAX_BYTES, MESSAGES_MAX, Outgoing, PARTS_MAX, SEGMENTS_MAX};
use super::{Class, Marking, Offload, Path};

/// Bytes for payloads that do not lie in the scratch: short answers.
const OWN_BYTES: usize = 16 * 1024;
/// Each datagram is its prefix and its payload.
const PARTS_PER_DATAGRAM: usize = 2;
/// Offload is given up for good after so many refusals in a row: a card or tunnel that can't.
const REFUSALS_MAX: u32 = 16;
/// No entry.
const NONE: u32 = u32::MAX;

/// What became of all that was queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Datagrams that the kernel took.
    pub sent: u64,
    /// Datagrams dropped because the socket's buffer was full: waiting would make everybody else's late.
    pub blocked: u64,
    /// Datagrams that the kernel refused: no route, too long, forbidden.
    pub refused: u64,
    /// Datagrams that found the queue full.
    pub unqueued: u64,
    /// System calls.
    pub calls: u64,
}

/// Where a queued payload lies.
#[derive(Clone, Copy, Debug)]
enum Payload {
    /// In the scratch.
    Received { start: u32, len_bytes: u16 },
    /// In the queue's own memory.
    Own { start: u32, len_bytes: u16 },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    to: SocketAddr,
    prefix: [u8; HOP_PREFIX_BYTES],
    payload: Payload,
    class: Class,
    /// The next entry of the same lane.
    next: u32,
}

/// First and last entry of a lane.
#[derive(Clone, Copy, Debug)]
struct Lane {
    first: u32,
    last: u32,
}

const EMPTY_LANE: Lane = Lane { first: NONE, last: NONE };

/// Datagrams that wait for one [`SendQueue::flush`].
///
/// Each belongs to a *lane*: the receiver's index in the caller's table, so that nothing is ever looked up by address.
/// Those of a lane leave together and in order; lanes take turns at being first. **Bound:** memory allocated once, for
/// `lanes` lanes and `datagrams` datagrams; work linear in what is queued.
pub struct SendQueue {
    lanes: Vec<Lane>,
    /// Lanes that have entries.
    active: Vec<u32>,
    entries: Vec<Entry>,
    datagrams_max: usize,
    own: Vec<u8>,
    source: Option<Place>,
    turn: usize,
    /// How many entries are voice.
    voices: usize,
    sender: Sender,
}

impl SendQueue {
    /// An empty queue. A lane is an index below `lanes`; at most `datagrams` wait.
    pub fn new(offload: &Offload, lanes: usize, datagrams: usize) -> Self {
        Self {
            lanes: vec![EMPTY_LANE; lanes],
            active: Vec::with_capacity(lanes.min(datagrams)),
            entries: Vec::with_capacity(datagrams),
            datagrams_max: datagrams.min(NONE as usize),
            own: Vec::with_capacity(OWN_BYTES),
            source: None,
            turn: 0,
            voices: 0,
            sender: Sender { path: offload.send, marking: None, refusals: 0, counters: SendCounters::default() },
        }
    }

    /// What is pushed from now on may be a part of this datagram, and is then not copied.
    pub const fn begin(&mut self, place: Place) {
        self.source = Some(place);
    }

    /// Queues a datagram: the prefix, then the payload. False, and counted, if there is no room or no such lane.
    pub fn push(&mut self, lane: usize, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) -> bool {
        self.push_as(Class::Video, lane, to, prefix, payload)
    }

    /// As [`Self::push`]: a datagram of that class. Voice leaves before all else that waits.
    pub fn push_as(
        &mut self,
        class: Class,
        lane: usize,
        to: SocketAddr,
        prefix: &[u8; HOP_PREFIX_BYTES],
        payload: &[u8],
    ) -> bool {
        let is_pushed = self.try_push(class, lane, to, prefix, payload).is_some();
        self.sender.counters.unqueued += u64::from(!is_pushed);
        is_pushed
    }

    fn try_push(
        &mut self,
        class: Class,
        lane: usize,
        to: SocketAddr,
        prefix: &[u8; HOP_PREFIX_BYTES],
        payload: &[u8],
    ) -> Option<()> {
        if self.free() == 0 || lane >= self.lanes.len() {
            return None;
        }
        let payload = self.place(payload)?;
        let index = self.entries.len() as u32;
        self.entries.push(Entry { to, prefix: *prefix, payload, class, next: NONE });
        self.voices += usize::from(class == Class::Voice);
        let Lane { first, last } = self.lanes.get_mut(lane)?;
        match self.entries.get_mut(*last as usize) {
            Some(previous) => previous.next = index,
            None => {
                *first = index;
                self.active.push(lane as u32);
            }
        }
        *last = index;
        Some(())
    }

    /// Finds the payload in the scratch, or keeps a copy.
    fn place(&mut self, payload: &[u8]) -> Option<Payload> {
        let len_bytes = u16::try_from(payload.len()).ok()?;
        if let Some((start, _)) = self.source.and_then(|source| source.locate(payload)) {
            return Some(Payload::Received { start: u32::try_from(start).ok()?, len_bytes });
        }
        if payload.len() > OWN_BYTES - self.own.len() {
            return None;
        }
        let start = self.own.len() as u32;
        self.own.extend_from_slice(payload);
        Some(Payload::Own { start, len_bytes })
    }

    /// How many more datagrams fit.
    pub fn free(&self) -> usize {
        self.datagrams_max - self.entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sends everything, without waiting, and forgets it: what is not sent now is dropped and counted. `received` is
    /// the scratch that the payloads lie in, not filled again since.
    pub fn flush(&mut self, socket: &UdpSocket, received: &Received) {
        // Where the buffer gets full in the middle, it is not always the same ones who lose.
        self.turn = self.turn.wrapping_add(1);
        let start = self.turn.checked_rem(self.active.len()).unwrap_or(0);
        self.active.rotate_left(start);
        let voices = std::mem::take(&mut self.voices);
        let mut is_open = true;
        if voices > 0 {
            is_open = self.transmit(socket, received, Class::Voice, is_open);
        }
        if voices < self.entries.len() {
            self.transmit(socket, received, Class::Video, is_open);
        }
        for lane in self.active.drain(..) {
            if let Some(lane) = self.lanes.get_mut(lane as usize) {
                *lane = EMPTY_LANE;
            }
        }
        self.entries.clear();
        self.own.clear();
        self.source = None;
    }

    /// Sends what is of that class, unless the socket's buffer was found full; says whether it still has room.
    fn transmit(&mut self, socket: &UdpSocket, received: &Received, class: Class, mut is_open: bool) -> bool {
        let Self { lanes, active, entries, own, sender, .. } = self;
        let mut call = Call::new();
        sender.marking.get_or_insert_with(|| Marking::new(socket)).mark(socket, class);
        for lane in active.iter() {
            let mut next = lanes.get(*lane as usize).map_or(NONE, |lane| lane.first);
            while let Some(entry) = entries.get(next as usize) {
                next = entry.next;
                if entry.class != class {
                    continue;
                }
                let payload = match entry.payload {
                    Payload::Received { start, len_bytes } => received.part(start as usize, len_bytes.into()),
                    Payload::Own { start, len_bytes } => {
                        own.get(start as usize..).and_then(|rest| rest.get(..len_bytes.into())).unwrap_or_default()
                    }
                };
                if !call.push(sender.path, entry.to, &entry.prefix, payload) {
                    is_open = sender.transmit(socket, &call, is_open);
                    call.clear();
                    call.push(sender.path, entry.to, &entry.prefix, payload);
                }
            }
        }
        sender.transmit(socket, &call, is_open)
    }

    /// Memory that it holds. **Units:** bytes.
    pub fn memory_bytes(&self) -> usize {
        let lanes = self.lanes.capacity() * size_of::<Lane>() + self.active.capacity() * size_of::<u32>();
        lanes + self.entries.capacity() * size_of::<Entry>() + self.own.capacity()
    }

    /// What became of everything so far.
    pub const fn counters(&self) -> SendCounters {
        self.sender.counters
    }

    /// The path in use: it may fall back from what was found at start.
    pub const fn path(&self) -> Path {
        self.sender.path
    }
}

/// The messages of one system call, while they are put together.
struct Call<'a> {
    messages: StackVec<Outgoing, MESSAGES_MAX>,
    parts: StackVec<IoSlice<'a>, PARTS_MAX>,
    /// Size of the last message's first datagram, what it holds in all, and whether more may be joined to it.
    segment_bytes: usize,
    message_bytes: usize,
    is_joinable: bool,
}

impl<'a> Call<'a> {
    const fn new() -> Self {
        Self {
            messages: StackVec::new(),
            parts: StackVec::new(),
            segment_bytes: 0,
            message_bytes: 0,
            is_joinable: false,
        }
    }

    fn clear(&mut self) {
        self.messages.clear();
        self.parts.clear();
        self.is_joinable = false;
    }

    /// Adds a datagram; false if the call has no room.
    fn push(&mut self, path: Path, to: SocketAddr, prefix: &'a [u8], payload: &'a [u8]) -> bool {
        let len_bytes = prefix.len() + payload.len();
        if self.parts.len() + PARTS_PER_DATAGRAM > PARTS_MAX {
            return false;
        }
        if path != Path::Segmented || !self.join(to, len_bytes) {
            let message = Outgoing { to, parts: PARTS_PER_DATAGRAM, segment_bytes: None };
            if self.messages.push(message).is_err() {
                return false;
            }
            (self.segment_bytes, self.message_bytes, self.is_joinable) = (len_bytes, len_bytes, true);
        }
        let _ = self.parts.push(IoSlice::new(prefix));
        let _ = self.parts.push(IoSlice::new(payload));
        true
    }

    /// Joins a datagram to the last message, if it goes to the same receiver and all before it have one size, which it
    /// does not exceed.
    fn join(&mut self, to: SocketAddr, len_bytes: usize) -> bool {
        let Some(last) = self.messages.last_mut() else { return false };
        let is_fitting = self.is_joinable
            && last.to == to
            && len_bytes <= self.segment_bytes
            && last.parts < SEGMENTS_MAX * PARTS_PER_DATAGRAM
            && self.message_bytes + len_bytes <= MESSAGE_MAX_BYTES;
        if is_fitting {
            last.parts += PARTS_PER_DATAGRAM;
            last.segment_bytes = u16::try_from(self.segment_bytes).ok();
            self.message_bytes += len_bytes;
            // A shorter one is the last.
            self.is_joinable = len_bytes == self.segment_bytes;
        }
        is_fitting
    }
}

/// What sending needs to remember.
struct Sender {
    path: Path,
    /// Of the socket that is sent on: one and the same, always.
    marking: Option<Marking>,
    /// Segmented messages refused in a row.
    refusals: u32,
    counters: SendCounters,
}

impl Sender {
    /// Sends a call's messages, or drops them if the socket's buffer was found full. Says whether it still has room.
    ///
    /// A message that is refused is sent once more, datagram by datagram: because the card, the path or the kernel
    /// can't segment it, or because the error was one that an earlier datagram had left behind.
    fn transmit(&mut self, socket: &UdpSocket, call: &Call<'_>, is_open: bool) -> bool {
        let (mut messages, mut parts) = (call.messages.as_slice(), call.parts.as_slice());
        while let (true, Some(first)) = (is_open, messages.first()) {
            let sent = match self.path {
                Path::Plain => Err(io::ErrorKind::Unsupported.into()),
                Path::Batched | Path::Segmented => {
                    self.counters.calls += 1;
                    sys::send(socket, messages, parts)
                }
            };
            let taken = match sent {
                Ok(count) => {
                    let (taken, _) = messages.split_at(count.clamp(1, messages.len()));
                    self.counters.sent += datagrams(taken);
                    if taken.iter().any(|message| message.segment_bytes.is_some()) {
                        self.refusals = 0;
                    }
                    taken.len()
                }
                Err(error) if is_full(&error) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => {
                    let (own, _) = parts.split_at(first.parts);
                    if !self.send_singly(socket, first, own) {
                        break;
                    }
                    1
                }
            };
            let (taken, rest) = messages.split_at(taken);
            messages = rest;
            parts = parts.split_at(taken.iter().map(|message| message.parts).sum()).1;
        }
        self.counters.blocked += datagrams(messages);
        messages.is_empty()
    }

    /// Sends a message's datagrams one by one. False if the socket's buffer is full: nothing was counted then.
    fn send_singly(&mut self, socket: &UdpSocket, message: &Outgoing, parts: &[IoSlice<'_>]) -> bool {
        if message.segment_bytes.is_some() {
            self.refusals += 1;
            if self.refusals >= REFUSALS_MAX {
                self.path = Path::Batched;
            }
        }
        let (mut sent, mut refused) = (0, 0);
        let pieces = parts.chunks(PARTS_PER_DATAGRAM);
        for piece in pieces {
            self.counters.calls += 1;
            match SockRef::from(socket).send_to_vectored(piece, &message.to.into()) {
                Ok(_) => sent += 1,
                // The caller counts the whole message as blocked.
                Err(error) if is_full(&error) && sent + refused == 0 => return false,
                Err(_) => refused += 1,
            }
        }
        self.counters.sent += sent;
        self.counters.refused += refused;
        true
    }
}

fn datagrams(messages: &[Outgoing]) -> u64 {
    messages.iter().map(|message| message.parts as u64).sum::<u64>() / PARTS_PER_DATAGRAM as u64
}

fn is_full(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_full_buffer_does_not_take_is_dropped_and_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = socket.local_addr().expect("an address");
        let mut sender = Sender { path: Path::Batched, marking: None, refusals: 0, counters: SendCounters::default() };
        let mut call = Call::new();
        for _ in 0..3 {
            assert!(call.push(Path::Segmented, to, &[0; HOP_PREFIX_BYTES], b"body"));
        }
        assert!(!sender.transmit(&socket, &call, false), "a full buffer stays full until the next flush");
        assert_eq!(sender.counters, SendCounters { blocked: 3, ..SendCounters::default() });
    }

    #[test]
    fn offload_that_is_always_refused_is_given_up() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = socket.local_addr().expect("an address");
        let mut sender =
            Sender { path: Path::Segmented, marking: None, refusals: 0, counters: SendCounters::default() };
        // Segments larger than any interface carries: the kernel refuses to cut, and sends them one by one.
        let payload = vec![0; 30_000];
        for _ in 0..REFUSALS_MAX {
            let mut call = Call::new();
            for _ in 0..2 {
                assert!(call.push(sender.path, to, &[0; HOP_PREFIX_BYTES], &payload));
            }
            // Claims a size that can't be: what a card without the feature answers looks the same from here.
            call.messages[0].segment_bytes = Some(1);
            sender.transmit(&socket, &call, true);
        }
        assert_eq!((sender.path, sender.counters.refused), (Path::Batched, 0));
        assert_eq!(sender.counters.sent, 2 * u64::from(REFUSALS_MAX));
    }
}
