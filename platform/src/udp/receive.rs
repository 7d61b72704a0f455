//! Receiving into a scratch that is used again and again.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use hph_core::limits::DATAGRAM_MAX_BYTES;

use super::sys::{self, Arrival};
use super::{Offload, Path};

/// What one coalesced message may hold, whatever its datagrams' size.
const COALESCED_MAX_BYTES: usize = 65_535;
/// Buffers begin this much more than a power of two apart, so that their first lines are not rivals for one cache set.
const STAGGER_BYTES: usize = 64 * 3;
/// A plain datagram's buffer: more than is legal, so that a longer one shows by its length.
const PLAIN_BYTES: usize = DATAGRAM_MAX_BYTES.next_multiple_of(64) + 64;
/// Errors of earlier sends that may surface in a row at a receive before it is given up.
const STRAY_ERRORS_MAX: usize = 16;

/// A scratch and what was received last. **Bound:** memory for `messages` coalesced messages of 64 KiB each where
/// bursts arrive as one, else `messages` datagrams; pages that no message reached stay untouched.
pub struct Received {
    memory: Vec<u8>,
    stride_bytes: usize,
    messages_max: usize,
    /// Where [`Self::put`] puts the next datagram: behind the messages' buffers.
    spare_start: usize,
    path: Path,
    arrivals: Vec<Arrival>,
    /// The next datagram: its message, and the offset in it.
    next: (usize, usize),
}

/// Where a datagram lies in the scratch, until the next [`Received::receive`].
#[derive(Clone, Copy, Debug)]
pub struct Place {
    start: usize,
    len_bytes: usize,
    address: usize,
}

/// One datagram.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// Where it lies, for [`super::SendQueue::begin`].
    pub place: Place,
    /// The datagram. A longer one than is legal is at least one byte too long here.
    pub bytes: &'a mut [u8],
}

impl Place {
    /// The place of `part`, if it is a part of this datagram.
    pub(super) fn locate(&self, part: &[u8]) -> Option<(usize, usize)> {
        let offset = part.as_ptr().addr().checked_sub(self.address)?;
        let end = offset.checked_add(part.len())?;
        (end <= self.len_bytes).then_some((self.start + offset, part.len()))
    }
}

#[cfg(test)]
impl Place {
    /// The place of a datagram at the start of a scratch.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { start: 0, len_bytes: bytes.len(), address: bytes.as_ptr().addr() }
    }
}

#[cfg(test)]
impl Received {
    /// A scratch that holds these bytes.
    pub(super) fn of(memory: Vec<u8>) -> Self {
        let (path, stride_bytes) = (Path::Plain, memory.len());
        Self { memory, stride_bytes, messages_max: 1, spare_start: 0, path, arrivals: Vec::new(), next: (0, 0) }
    }
}

impl Received {
    /// An empty scratch for up to `messages` messages a call (at most [`sys::MESSAGES_MAX`]).
    pub fn new(offload: &Offload, messages: usize) -> Self {
        Self::with_spare(offload, messages, 0)
    }

    /// The same with `spare_bytes` for datagrams that came another way: see [`Self::put`].
    pub fn with_spare(offload: &Offload, messages: usize, spare_bytes: usize) -> Self {
        let messages_max = messages.clamp(1, sys::MESSAGES_MAX);
        let message_bytes = if offload.receive == Path::Segmented { COALESCED_MAX_BYTES } else { PLAIN_BYTES };
        let stride_bytes = message_bytes.next_multiple_of(64) + STAGGER_BYTES;
        Self {
            memory: vec![0; messages_max * stride_bytes + spare_bytes],
            spare_start: messages_max * stride_bytes,
            stride_bytes,
            messages_max,
            path: offload.receive,
            arrivals: Vec::with_capacity(messages_max),
            next: (0, 0),
        }
    }

    /// Takes what waits at the socket, without waiting, in one system call where the kernel allows. What was received
    /// before is forgotten. Gives the number of messages; 0 if nothing waits.
    ///
    /// # Errors
    /// Of the socket itself. Errors that earlier sends left behind are no errors here.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.next = (0, 0);
        self.arrivals.clear();
        self.spare_start = self.messages_max * self.stride_bytes;
        for _ in 0..STRAY_ERRORS_MAX {
            let buffers = self.memory.chunks_exact_mut(self.stride_bytes).take(self.messages_max);
            let result = match self.path {
                Path::Plain => receive_plain(socket, buffers, &mut self.arrivals),
                Path::Batched | Path::Segmented => sys::receive(socket, buffers, &mut self.arrivals),
            };
            match result {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if is_of_a_send(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.arrivals.len())
    }

    /// The next datagram of those received last.
    pub fn next_datagram(&mut self) -> Option<Datagram<'_>> {
        let (message, offset) = self.next;
        let arrival = self.arrivals.get(message)?;
        let end = arrival.len_bytes.min(offset.saturating_add(arrival.segment_bytes));
        self.next = if end < arrival.len_bytes { (message, end) } else { (message + 1, 0) };
        let start = message * self.stride_bytes + offset;
        let bytes = self.memory.get_mut(start..start + (end - offset))?;
        let place = Place { start, len_bytes: bytes.len(), address: bytes.as_ptr().addr() };
        Some(Datagram { from: arrival.from, place, bytes })
    }

    /// Puts a datagram that did not come from the socket beside those that did, so that what follows from it can be
    /// queued without a copy. `fill` writes its `len_bytes` bytes. None if it finds no room until the next
    /// [`Self::receive`], which forgets it.
    pub fn put(&mut self, from: SocketAddr, len_bytes: usize, fill: impl FnOnce(&mut [u8])) -> Option<Datagram<'_>> {
        let start = self.spare_start;
        let bytes = self.memory.get_mut(start..start.checked_add(len_bytes)?)?;
        self.spare_start += len_bytes;
        fill(bytes);
        let place = Place { start, len_bytes, address: bytes.as_ptr().addr() };
        Some(Datagram { from, place, bytes })
    }

    /// Bytes that are left for [`Self::put`].
    pub fn spare_bytes(&self) -> usize {
        self.memory.len() - self.spare_start
    }

    /// Memory that it holds. **Units:** bytes.
    pub fn memory_bytes(&self) -> usize {
        self.memory.capacity() + self.arrivals.capacity() * size_of::<Arrival>()
    }

    /// Whether the last call took as much as it could: more may wait.
    pub fn is_full(&self) -> bool {
        self.arrivals.len() == self.messages_max
    }

    pub(super) fn part(&self, start: usize, len_bytes: usize) -> &[u8] {
        self.memory.get(start..start + len_bytes).unwrap_or_default()
    }
}

/// ICMP answers to something that was sent: they say nothing about what arrives. A signal is no error either.
fn is_of_a_send(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionRefused | K::ConnectionReset | K::HostUnreachable | K::NetworkUnreachable | K::Interrupted
    )
}

fn receive_plain<'a>(
    socket: &UdpSocket,
    buffers: impl Iterator<Item = &'a mut [u8]>,
    arrivals: &mut Vec<Arrival>,
) -> io::Result<()> {
    for buffer in buffers {
        match socket.recv_from(buffer) {
            Ok((len_bytes, from)) => arrivals.push(Arrival { from, len_bytes, segment_bytes: len_bytes }),
            // What came before the error is worth more than the error.
            Err(_) if !arrivals.is_empty() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
