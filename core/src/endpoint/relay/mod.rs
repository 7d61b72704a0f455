//! The relay machine: the packet plane of one shard. It knows keys, addresses and who gets what, and nobody's name.
//!
//! A server is one [`super::server::ServerMachine`] (the control plane) and one relay machine for each of its
//! [`Shards`], which share nothing. Their driver carries three things between them:
//!
//! - every [`RelayCommand`] that the control plane gives to `ServerOutput::relay`, to the shards that
//!   [`RelayCommand::shard`] names, in order and without loss, and before anybody is told what it is about: then no
//!   datagram comes before the command that makes it legal. A shard takes its commands between receiving a batch of
//!   datagrams and handling it.
//! - a media packet to another shard ([`RelayOutput::hand_over`], once however many receivers that shard has), which
//!   passes it to [`RelayMachine::handle_handed_over`];
//! - a datagram that came to the wrong shard's socket ([`RelayOutput::hand_over_whole`]), which that shard passes to
//!   [`RelayMachine::handle_datagram`]. It comes home at once, so there is never a second hop.
//! - what other shards should know of the loss here ([`RelayOutput::tell`]), to [`RelayMachine::handle_told`];
//! - datagrams that travel inside a control connection ([`RelayOutput::tunnel`] and
//!   [`crate::wire::control::ClientMessage::Tunnelled`]), from the home of their session and to it
//!   ([`RelayMachine::handle_tunnelled`]).
//!
//! All but the first may be lost, as datagrams may. The machine reports nothing per packet, and its one timer
//! ([`RelayMachine::poll_timeout`]) is for packets that are missing: whether a session is alive is told by its control
//! messages.

mod allocate;
mod command;
mod datagram;
mod repair;
mod room;
mod session;
mod shards;
mod table;
#[cfg(test)]
mod tests;
mod video;
mod way;

use core::net::SocketAddr;

pub use allocate::Budgets;
pub use command::{HopSecret, RelayCommand, RelayReport};
pub use repair::{RepairFigures, ReportFigures};
pub use room::RelayRoom;
pub use session::{HopLog, RelaySessionPlace};
pub use shards::{SHARDS_MAX, Shards};
pub use table::ROOM_BLOCK;

use crate::crypto::drbg::Drbg;
use crate::id::{SessionId, Slot, TrackId};
use crate::limits::HOP_PREFIX_BYTES;
use crate::media::cache::PacketCache;
use crate::media::feedback::Downstream;
use crate::stats::DropCounters;
use crate::time::{Duration, Instant};
use session::{Membership, RelaySession};
use table::RoomTable;

/// An address from which no authentic datagram came for this long gets nothing more. Clients ping far more often.
pub const PATH_SILENCE_MAX: Duration = Duration::from_secs(10);

/// Sessions whose gaps are looked at by the clock at the same time.
const WATCHED_MAX: usize = 64;

/// What the home of a sender found out about a media packet: all that another shard needs to pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// The room's place in the table.
    pub room_index: u16,
    /// The sender's place in the room.
    pub sender: Slot,
    /// Which of the sender's tracks.
    pub track: TrackId,
    /// Which size of it.
    pub layer: u8,
    /// Length of what the hop seal covers, from the first byte of the payload.
    pub clear_len_bytes: u16,
}

/// Where the machine puts what follows from a datagram.
pub trait RelayOutput {
    /// Send one datagram: the prefix, then the payload. `lane` is the receiver's place in this shard's session table;
    /// a lane's datagrams go to one address, but for challenges.
    fn datagram(&mut self, lane: usize, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]);
    /// Send one datagram inside the session's control connection, as [`crate::wire::control::ServerMessage::Tunnelled`].
    /// May be lost, and should be rather than come late.
    fn tunnel(&mut self, session: SessionId, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]);
    /// Another shard has receivers of this packet.
    fn hand_over(&mut self, shard: usize, what: HandOver, payload: &[u8]);
    /// The datagram is another shard's matter.
    fn hand_over_whole(&mut self, shard: usize, from: SocketAddr, datagram: &[u8]);
    /// The control plane should know; what is lost is told again.
    fn report(&mut self, report: &RelayReport);
    /// Another shard has senders who should know of the loss here ([`RelayMachine::handle_told`]). May be lost.
    fn tell(&mut self, shard: usize, room_index: u16, downstream: Downstream);
}

/// Memory that the caller lends.
pub struct RelayStorage<'a> {
    /// [`Shards::places`] of them.
    pub sessions: &'a mut [RelaySessionPlace],
    /// As many as the control plane has, or the first of them: see [`RelayMachine::lend_rooms`].
    pub rooms: &'a mut [RelayRoom],
    /// The packets that went out last, to be sent again. None: nothing is.
    pub cache: PacketCache<'a>,
    /// One for each session whose hop is reported and repaired: those with the first places.
    pub logs: &'a mut [HopLog],
}

/// The machine.
pub struct RelayMachine<'a> {
    shard: usize,
    shards: Shards,
    sessions: &'a mut [RelaySessionPlace],
    rooms: RoomTable<'a>,
    /// Datagrams a second that a session may send, and how many at once.
    rate: (u32, u32),
    budgets: Budgets,
    has_stale_room: bool,
    random: Drbg,
    drops: DropCounters,
    forwarded: u64,
    cache: PacketCache<'a>,
    logs: &'a mut [HopLog],
    repair: RepairFigures,
    reports: ReportFigures,
    /// Sessions whose gaps are looked at by the clock, not only when their next datagram comes.
    watched: heapless::Vec<u16, WATCHED_MAX>,
    watch_due_at: Instant,
}

impl<'a> RelayMachine<'a> {
    /// The packet plane of shard number `shard` of `shards`. `rate`: datagrams a second that a session may send, and
    /// how many at once. `seed` is 32 bytes of entropy, another one for each shard. Nothing is held back until
    /// [`Self::set_budgets`].
    pub fn new(storage: RelayStorage<'a>, shard: usize, shards: Shards, rate: (u32, u32), seed: [u8; 32]) -> Self {
        let mut rooms = RoomTable::default();
        rooms.lend(storage.rooms);
        Self {
            shard,
            shards,
            sessions: storage.sessions,
            rooms,
            rate,
            budgets: Budgets::UNLIMITED,
            has_stale_room: false,
            random: Drbg::from_seed(seed),
            drops: DropCounters::default(),
            forwarded: 0,
            cache: storage.cache,
            logs: storage.logs,
            repair: RepairFigures::default(),
            reports: ReportFigures::default(),
            watched: heapless::Vec::new(),
            watch_due_at: Instant::NEVER,
        }
    }

    /// Sets what may be spent on receivers.
    pub const fn set_budgets(&mut self, budgets: Budgets) {
        self.budgets = budgets;
    }

    /// Takes memory for the rooms that follow those that are there. **Shape:** [`ROOM_BLOCK`] of them, or a multiple; only
    /// the last may be fewer. To be lent before the first command that names one of them.
    pub fn lend_rooms(&mut self, rooms: &'a mut [RelayRoom]) {
        self.rooms.lend(rooms);
    }

    /// Takes a change from the control plane.
    pub fn apply(&mut self, command: &RelayCommand) {
        use RelayCommand as C;
        match *command {
            C::OpenSession { session, secret } => {
                let rate = self.rate;
                if self.shards.home_of(session) == self.shard
                    && let Some(log) = self.logs.get_mut(usize::from(self.shards.place_of(session)))
                {
                    *log = HopLog::default();
                }
                if let Some(place) = self.place_mut(session) {
                    place.session = Some(RelaySession::new(session, &secret.0, rate));
                }
            }
            C::CloseSession { session } => {
                if let Some(place) = self.place_mut(session) {
                    place.session.take_if(|known| known.id == session);
                }
            }
            C::Tunnel { session, is_on } => {
                if let Some(session) = self.session_mut(session) {
                    session.is_tunnelled = is_on;
                }
            }
            C::Join { room_index, room, slot, session } => {
                if let Some(session) = self.session_mut(session) {
                    session.join(Membership { room, room_index, slot });
                }
                let shards = self.shards;
                self.change_room(room_index, |room| room.join(slot, session, shards));
            }
            C::Leave { room_index, slot, session } => {
                if let Some(session) = self.session_mut(session) {
                    session.leave(room_index);
                }
                self.change_room(room_index, |room| room.leave(slot));
            }
            C::SetTrack { room_index, slot, track, is_on, width } => {
                self.change_room(room_index, |room| room.set_track(slot, track, is_on, width));
            }
            C::Subscribe { room_index, receiver, sender, track, width } => {
                self.change_room(room_index, |room| room.subscribe(receiver, sender, track, width));
            }
            C::Speaker { room_index, slot } => self.change_room(room_index, |room| room.set_speaker(slot)),
        }
    }

    /// Dropped datagrams by reason.
    pub const fn drops(&self) -> &DropCounters {
        &self.drops
    }

    /// What was sent again, and asked for.
    pub const fn repair(&self) -> &RepairFigures {
        &self.repair
    }

    /// What clients report of what they receive.
    pub const fn reports(&self) -> &ReportFigures {
        &self.reports
    }

    /// Media datagrams sent on by this shard, one per receiver.
    pub const fn forwarded(&self) -> u64 {
        self.forwarded
    }

    fn change_room(&mut self, index: u16, change: impl FnOnce(&mut RelayRoom)) {
        if let Some(room) = self.rooms.get_mut(usize::from(index)) {
            change(room);
            self.has_stale_room |= room.is_stale;
        }
    }

    /// The session's place, if this is its home.
    fn place_mut(&mut self, session: SessionId) -> Option<&mut RelaySessionPlace> {
        if self.shards.home_of(session) != self.shard {
            return None;
        }
        self.sessions.get_mut(usize::from(self.shards.place_of(session)))
    }

    fn session_mut(&mut self, id: SessionId) -> Option<&mut RelaySession> {
        self.place_mut(id)?.session.as_mut().filter(|session| session.id == id)
    }
}
