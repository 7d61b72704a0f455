//! What a server's memory is for, worked out from its configuration before the first guest comes.

use std::fmt;

use hph_core::endpoint::relay::{HopLog, RelayRoom, RelaySessionPlace};
use hph_core::endpoint::server::{CallPlace, RoomPlace, SessionPlace};

use crate::config::ServerConfig;
use crate::relay::Sockets;

/// Memory that is set aside, at start or when it is first used, and never grows beyond this, by what it is for. What a
/// connection has while it lasts (TLS, its queue) and the database come on top. **Units:** bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBill {
    /// For each session that may be: its number, and the bytes of one, the packet plane's keys and what is known of its
    /// hop's losses included.
    pub sessions: (usize, usize),
    /// For each room that may be: its number, and the bytes of one, at the control plane and at every shard. What the shards
    /// have comes in blocks, when the first room of each is used.
    pub rooms: (usize, usize),
    /// Buffers, queues and rings of all relay threads. The kernel gives this memory when it is first used.
    pub relay_bytes: usize,
    /// Packets that the relay threads keep to send them again. The kernel gives this memory when it is first used.
    pub packet_bytes: usize,
    /// Relay threads.
    pub relay_threads: usize,
}

impl MemoryBill {
    pub(crate) fn new(config: &ServerConfig, sockets: &Sockets) -> Self {
        let shards = sockets.count();
        let relay = size_of::<RelaySessionPlace>() + size_of::<HopLog>();
        let session = size_of::<SessionPlace>() + size_of::<CallPlace>() + relay;
        Self {
            sessions: (config.sessions_max as usize, session),
            rooms: (config.rooms_max as usize, size_of::<RoomPlace>() + shards * size_of::<RelayRoom>()),
            relay_bytes: sockets.buffer_bytes(config.sessions_max as usize),
            packet_bytes: sockets.packet_bytes(),
            relay_threads: shards,
        }
    }

    /// All of it.
    pub const fn total_bytes(&self) -> usize {
        self.sessions.0 * self.sessions.1 + self.rooms.0 * self.rooms.1 + self.relay_bytes + self.packet_bytes
    }
}

impl fmt::Display for MemoryBill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sessions, session) = self.sessions;
        let (rooms, room) = self.rooms;
        write!(
            f,
            "{} KiB: {sessions} sessions of {session} bytes, {rooms} rooms of {room} bytes, {} KiB for {} relay threads, \
             {} KiB of packets to be sent again",
            self.total_bytes() / 1024,
            self.relay_bytes / 1024,
            self.relay_threads,
            self.packet_bytes / 1024
        )
    }
}

#[cfg(test)]
mod tests {
    use hph_core::endpoint::relay::Shards;

    use super::*;

    #[test]
    fn a_participant_costs_less_than_ten_kibibytes_repair_included_and_a_room_less_than_forty() {
        for threads in [1, 2] {
            let sockets = Sockets::bind(([127, 0, 0, 1], 0).into(), Shards::new(threads)).expect("a port");
            let bill = MemoryBill::new(&ServerConfig::default(), &sockets);
            assert_eq!(bill.relay_threads, threads);
            assert!(bill.sessions.1 - size_of::<HopLog>() < 5 * 1024, "{bill}");
            assert!(size_of::<HopLog>() < 5 * 1024, "{} bytes", size_of::<HopLog>());
            assert!(bill.rooms.1 < 40 * 1024, "{bill}");
            assert!(bill.relay_bytes < threads * (4 << 20), "{bill}");
            assert!(bill.packet_bytes < threads * (5 << 20), "{bill}");
        }
    }
}
