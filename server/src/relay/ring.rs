//! What one relay thread leaves for another: bounded, without locks, and without memory of its own for each packet.

use std::net::SocketAddr;
use std::sync::Arc;

use async_channel::Sender;
use hph_core::endpoint::relay::HandOver;
use hph_core::id::SessionId;
use hph_core::media::feedback::Downstream;
use hph_platform::doorbell::Doorbell;
use rtrb::{Consumer, Producer, RingBuffer};

/// What a thread can hold in all for those it gets packets from: two frames of 286 kB and more. **Units:** bytes.
const INBOX_BYTES: usize = 1 << 20;
/// And how many packets, short ones of voice.
const INBOX_PACKETS: usize = 2048;

/// Why a packet crosses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Crossing {
    /// Its sender was found to be in order; it has receivers there.
    Packet(HandOver),
    /// It came to the wrong socket.
    Whole {
        /// Where it came from.
        from: SocketAddr,
    },
    /// It travels inside a control connection, to the server or from it.
    Tunnelled {
        /// Whose.
        session: SessionId,
    },
    /// No packet: what becomes of those of a room there.
    Told {
        /// The room's place in the table.
        room_index: u16,
        /// What its senders should know.
        downstream: Downstream,
    },
}

#[derive(Clone, Copy)]
struct Notice {
    what: Crossing,
    len_bytes: u16,
}

/// What each shard and the control plane can hold of datagrams that travel inside control connections, each way.
const TUNNEL_BYTES: usize = 256 * 1024;
const TUNNEL_PACKETS: usize = 512;

/// How whoever takes packets is woken.
pub(super) enum Waker {
    /// A relay thread.
    Thread(Arc<Doorbell>),
    /// A task of the control plane.
    Task(Sender<()>),
}

impl Waker {
    fn ring(&self) {
        match self {
            Self::Thread(bell) => bell.ring(),
            Self::Task(wake) => _ = wake.try_send(()),
        }
    }
}

/// The end at which packets are left.
pub(super) struct Outbound {
    notices: Producer<Notice>,
    bytes: Producer<u8>,
    waker: Waker,
    has_news: bool,
}

/// The end at which they are taken.
pub(super) struct Inbound {
    notices: Consumer<Notice>,
    bytes: Consumer<u8>,
}

/// Room for packets of one thread to another that is heard by `bell` and hears `sources` others too.
pub(super) fn ring(sources: usize, bell: Arc<Doorbell>) -> (Outbound, Inbound) {
    ring_of(capacity(sources), Waker::Thread(bell))
}

/// Room for datagrams that travel inside control connections, one way between a relay thread and the control plane.
pub(super) fn tunnel(waker: Waker) -> (Outbound, Inbound) {
    ring_of((TUNNEL_PACKETS, TUNNEL_BYTES), waker)
}

fn ring_of((packets, bytes): (usize, usize), waker: Waker) -> (Outbound, Inbound) {
    let (notices_in, notices_out) = RingBuffer::new(packets);
    let (bytes_in, bytes_out) = RingBuffer::new(bytes);
    let outbound = Outbound { notices: notices_in, bytes: bytes_in, waker, has_news: false };
    (outbound, Inbound { notices: notices_out, bytes: bytes_out })
}

const fn capacity(sources: usize) -> (usize, usize) {
    let sources = if sources == 0 { 1 } else { sources };
    (INBOX_PACKETS / sources, INBOX_BYTES / sources)
}

/// Memory of one ring. **Units:** bytes.
pub(super) const fn memory_bytes(sources: usize) -> usize {
    let (packets, bytes) = capacity(sources);
    packets * size_of::<Notice>() + bytes
}

/// Memory of one [`tunnel`]. **Units:** bytes.
pub(super) const TUNNEL_MEMORY_BYTES: usize = TUNNEL_PACKETS * size_of::<Notice>() + TUNNEL_BYTES;

impl Outbound {
    /// Leaves a packet; false if there is no room for it.
    pub fn push(&mut self, what: Crossing, bytes: &[u8]) -> bool {
        let Ok(len_bytes) = u16::try_from(bytes.len()) else { return false };
        if self.notices.is_full() || self.bytes.push_entire_slice(bytes).is_err() {
            return false;
        }
        // The bytes first: who sees the notice sees them.
        let is_left = self.notices.push(Notice { what, len_bytes }).is_ok();
        self.has_news |= is_left;
        is_left
    }

    /// Wakes the other thread if something was left for it.
    pub fn ring(&mut self) {
        if std::mem::take(&mut self.has_news) {
            self.waker.ring();
        }
    }
}

impl Inbound {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.notices.is_empty()
    }

    /// What waits first, and its length in bytes.
    pub fn peek(&self) -> Option<(Crossing, usize)> {
        self.notices.peek().ok().map(|notice| (notice.what, usize::from(notice.len_bytes)))
    }

    /// Takes what [`Self::peek`] showed. `space` is as long as that.
    pub fn take(&mut self, space: &mut [u8]) {
        if self.notices.pop().is_ok() {
            let _ = self.bytes.pop_entire_slice(space);
        }
    }
}

#[cfg(test)]
mod tests {
    use hph_core::id::{Slot, TrackId};

    use super::*;

    const WHAT: HandOver = HandOver { room_index: 1, sender: Slot(2), track: TrackId(3), layer: 0, clear_len_bytes: 4 };

    #[test]
    fn what_is_left_is_taken_in_order_around_the_end_of_the_ring_and_what_is_too_much_is_refused() {
        let (mut outbound, mut inbound) = ring(7, Arc::new(Doorbell::new().expect("a bell")));
        let (mut left, mut taken, mut refused) = (0u32, 0u32, 0u32);
        let mut space = [0; 1200];
        for len in [1200, 1, 700].into_iter().cycle().take(5000) {
            let mut packet = vec![9; len];
            packet.resize(len.max(4), 0);
            packet[..4].copy_from_slice(&left.to_be_bytes());
            if outbound.push(Crossing::Packet(WHAT), &packet) {
                left += 1;
            } else {
                refused += 1;
                for _ in 0..17 {
                    let (crossing, len_bytes) = inbound.peek().expect("something waits");
                    assert!(matches!(crossing, Crossing::Packet(what) if what == WHAT));
                    inbound.take(&mut space[..len_bytes]);
                    assert_eq!(space[..4], taken.to_be_bytes());
                    taken += 1;
                }
            }
        }
        assert!(left > 4000 && refused > 10 && left + refused == 5000, "{left} of 5000 left, {refused} refused");
        while let Some((_, len_bytes)) = inbound.peek() {
            inbound.take(&mut space[..len_bytes]);
            assert_eq!(space[..4], taken.to_be_bytes());
            taken += 1;
        }
        assert!(inbound.is_empty() && taken == left);
    }
}
