//! The packet planes: one thread, one socket and one relay machine for each shard.
//!
//! All sockets share one port. The kernel gives each datagram to the socket of its session's shard ([`sys::steer`]); where it
//! can't, the datagram crosses over inside the program.

mod figures;
mod ring;
#[cfg(test)]
mod tests;
mod thread;

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use hph_core::endpoint::relay::{
    Budgets, HopLog, ROOM_BLOCK, RelayCommand, RelayMachine, RelayReport, RelayRoom, RelaySessionPlace, RelayStorage,
    SHARDS_MAX, Shards,
};
use hph_core::id::SessionId;
use hph_core::limits::DATAGRAM_MAX_BYTES;
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::stats::Histogram;
use hph_platform::doorbell::Doorbell;
use hph_platform::entropy;
use hph_platform::udp::{Offload, Path, Received, SendQueue, sys, widen};
use socket2::{Domain, SockRef, Socket, Type};

pub use figures::RelayFigures;
use figures::ShardFigures;
use ring::Crossing;
use thread::{Exits, Shard};

/// Bytes that the kernel may keep for us: a burst of frames from everybody at once.
const SOCKET_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// Where the low half of the connection id lies in a datagram: kind 1, phase 1, high half 2.
const STEERING_OFFSET: u32 = 4;
/// Commands that wait for one thread. A thread takes them many times a millisecond, so more than a few wait only if it
/// gets no processor; then the control plane waits too: a command is never lost.
const COMMANDS_MAX: usize = 1024;
/// Reports of all threads that wait for the control plane. What finds no room is told again.
const REPORTS_MAX: usize = 1024;
/// Messages of one receive: with coalescing up to 64 datagrams each. It is the work of one turn of the loop.
const MESSAGES_A_TURN: usize = 16;
/// Bytes taken from other threads in one turn.
const SPARE_BYTES: usize = 256 * 1024;
/// Datagrams that wait for one flush: a frame of 64 packets to 32 receivers.
const QUEUE_DATAGRAMS: usize = 2048;

/// Packets that a thread keeps to send them again: what eight cameras of 1400 packets a second send in a third of a
/// second, which is several round trips.
const CACHE_PACKETS: usize = 4096;

/// The sockets of all shards, in order.
pub(crate) struct Sockets {
    sockets: Vec<UdpSocket>,
    offloads: Vec<Offload>,
    is_steered: bool,
}

impl Sockets {
    /// Binds `shards` sockets to one port.
    ///
    /// # Errors
    /// The port is taken.
    pub fn bind(address: SocketAddr, shards: Shards) -> io::Result<Self> {
        let mut all = Self::bind_unsteered(address, shards)?;
        let steering = |socket| sys::steer(socket, STEERING_OFFSET, shards.count() as u32);
        all.is_steered = shards == Shards::ONE || all.sockets.first().is_some_and(|socket| steering(socket).is_ok());
        Ok(all)
    }

    fn bind_unsteered(address: SocketAddr, shards: Shards) -> io::Result<Self> {
        let first = bind(address, shards)?;
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        while sockets.len() < shards.count() {
            sockets.push(bind(address, shards)?);
        }
        let offloads = sockets.iter().map(|socket| Offload::probe(socket, Path::Segmented)).collect();
        Ok(Self { sockets, offloads, is_steered: false })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sockets.len()
    }

    /// One line for the owner.
    pub fn describe(&self) -> String {
        let threads = match (self.sockets.len(), self.is_steered) {
            (1, _) => "1 relay thread".to_owned(),
            (count, true) => format!("{count} relay threads, datagrams steered by the kernel"),
            (count, false) => format!("{count} relay threads, datagrams sorted by the program"),
        };
        let offload = self.offloads.first().map_or_else(String::new, Offload::describe);
        format!("{threads}; {offload}{}", self.describe_buffer())
    }

    /// What the owner should know of the sockets' buffers: a small one is full before the program gets its turn.
    fn describe_buffer(&self) -> String {
        let bytes = |socket: &UdpSocket| SockRef::from(socket).recv_buffer_size().unwrap_or(0);
        // Linux tells twice what it was asked for: the other half is its own.
        let bytes = self.sockets.iter().map(bytes).min().unwrap_or(0) / if cfg!(target_os = "linux") { 2 } else { 1 };
        if bytes >= SOCKET_BUFFER_BYTES {
            return String::new();
        }
        format!(
            "; the system allows {} KiB of {} for waiting datagrams (net.core.rmem_max, or the right CAP_NET_ADMIN)",
            bytes / 1024,
            SOCKET_BUFFER_BYTES / 1024
        )
    }

    /// What the threads will hold besides their machines: buffers, queues, rings. **Units:** bytes, of all threads.
    pub fn buffer_bytes(&self, sessions_max: usize) -> usize {
        let count = self.sockets.len();
        let rings = count * (count - 1) * ring::memory_bytes(count - 1);
        let lanes = Shards::new(count).places(sessions_max);
        let buffers = self.offloads.iter().map(|offload| {
            let (received, queue) = buffers(offload, lanes);
            received.memory_bytes() + queue.memory_bytes() + COMMANDS_MAX * size_of::<Order>()
        });
        rings + 2 * count * ring::TUNNEL_MEMORY_BYTES + buffers.sum::<usize>()
    }

    /// Packets that the threads will keep to send them again. **Units:** bytes, of all threads.
    pub fn packet_bytes(&self) -> usize {
        self.sockets.len() * CACHE_PACKETS * (CACHE_PACKET_BYTES + size_of::<CachePlace>())
    }
}

fn bind(address: SocketAddr, shards: Shards) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if shards != Shards::ONE {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket = socket.into();
    widen(&socket, SOCKET_BUFFER_BYTES);
    Ok(socket)
}

fn buffers(offload: &Offload, lanes: usize) -> (Received, SendQueue) {
    let received = Received::with_spare(offload, MESSAGES_A_TURN, SPARE_BYTES);
    (received, SendQueue::new(offload, lanes, QUEUE_DATAGRAMS))
}

/// What a relay thread is told.
enum Order {
    Change(RelayCommand),
    /// Memory for rooms, before the first change that names one of them.
    Rooms(&'static mut [RelayRoom]),
}

/// What the control plane has of one thread.
struct Plane {
    orders: SyncSender<Order>,
    bell: Arc<Doorbell>,
    figures: Arc<Mutex<ShardFigures>>,
    thread: JoinHandle<()>,
    /// Turns of its loop, and how many there were when it was asked last.
    turns: (Arc<AtomicU64>, u64),
    /// For datagrams that travel inside control connections.
    tunnel: (ring::Outbound, ring::Inbound),
}

/// All relay threads, as the control plane sees them.
pub(crate) struct Relays {
    shards: Shards,
    reports: Receiver<(usize, RelayReport)>,
    planes: Vec<Plane>,
    /// Rings when a thread has left a datagram for a control connection.
    tunnelled: async_channel::Receiver<()>,
    rooms_max: usize,
    /// For so many rooms the threads have memory: what nobody uses is not resident.
    rooms: Cell<usize>,
}

impl Relays {
    /// Starts a thread for each socket.
    ///
    /// # Errors
    /// No more threads or file descriptors.
    pub fn start(
        sockets: Sockets,
        sessions_max: usize,
        rooms_max: usize,
        rate: (u32, u32),
        budgets: Budgets,
    ) -> io::Result<Self> {
        let shards = Shards::new(sockets.sockets.len());
        let bells = (0..shards.count()).map(|_| Doorbell::new().map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
        let (mut exits, mut entries) = rings(&bells);
        let mut planes = Vec::with_capacity(shards.count());
        let (report_sender, reports) = sync_channel(REPORTS_MAX);
        let (wake, tunnelled) = async_channel::bounded(1);
        for (number, (socket, offload)) in sockets.sockets.into_iter().zip(&sockets.offloads).enumerate() {
            // The tables live as long as the process: the machine borrows them for good.
            let storage = RelayStorage {
                sessions: crate::meeting::table::<RelaySessionPlace>(shards.places(sessions_max)),
                rooms: &mut [],
                logs: crate::meeting::table::<HopLog>(shards.places(sessions_max)),
                cache: PacketCache::new(
                    vec![CachePlace::EMPTY; CACHE_PACKETS].leak(),
                    vec![0; CACHE_PACKETS * CACHE_PACKET_BYTES].leak(),
                ),
            };
            let (received, queue) = buffers(offload, shards.places(sessions_max));
            let (sender, orders) = sync_channel(COMMANDS_MAX);
            let (figures, turns) = (Arc::new(Mutex::new(ShardFigures::default())), Arc::new(AtomicU64::new(0)));
            let (tunnel_in, from_control) = ring::tunnel(ring::Waker::Thread(Arc::clone(&bells[number])));
            let (tunnel, to_control) = ring::tunnel(ring::Waker::Task(wake.clone()));
            entries[number].push(from_control);
            let mut machine = RelayMachine::new(storage, number, shards, rate, entropy::array());
            machine.set_budgets(budgets);
            let shard = Shard {
                number,
                machine,
                reports: report_sender.clone(),
                socket,
                received,
                queue,
                orders,
                inbound: std::mem::take(&mut entries[number]),
                exits: Exits::new(std::mem::take(&mut exits[number]), tunnel),
                bell: Arc::clone(&bells[number]),
                figures: Arc::clone(&figures),
                forward: Histogram::default(),
                turns: Arc::clone(&turns),
                arrived: (0, 0),
            };
            let thread = std::thread::Builder::new().name(format!("relay-{number}")).spawn(move || shard.run())?;
            let (bell, tunnel) = (Arc::clone(&bells[number]), (tunnel_in, to_control));
            planes.push(Plane { orders: sender, bell, figures, thread, turns: (turns, 0), tunnel });
        }
        Ok(Self { shards, reports, planes, tunnelled, rooms_max, rooms: Cell::new(0) })
    }

    /// How the sessions are split.
    pub fn shards(&self) -> Shards {
        self.shards
    }

    /// Tells the threads that must know. Waits while one of them has too much to do: nothing is lost.
    pub fn tell(&self, command: &RelayCommand) {
        if let Some(index) = command.room_index() {
            self.make_room(index.into());
        }
        let to = command.shard(self.shards);
        for (number, plane) in self.planes.iter().enumerate() {
            if to.is_none_or(|to| to == number) && plane.orders.send(Order::Change(*command)).is_ok() {
                plane.bell.ring();
            }
        }
    }

    /// Brings a datagram that came inside a control connection to its session's home. What finds no room is lost.
    pub fn tunnel(&mut self, session: SessionId, datagram: &[u8]) {
        if let Some(plane) = self.planes.get_mut(self.shards.home_of(session)) {
            plane.tunnel.0.push(Crossing::Tunnelled { session }, datagram);
            plane.tunnel.0.ring();
        }
    }

    /// Rings when there may be something for [`Self::next_tunnelled`].
    pub fn tunnelled(&self) -> async_channel::Receiver<()> {
        self.tunnelled.clone()
    }

    /// Takes the next datagram for a control connection into `space`; gives its session and its length.
    pub fn next_tunnelled(&mut self, space: &mut [u8; DATAGRAM_MAX_BYTES]) -> Option<(SessionId, usize)> {
        self.planes.iter_mut().find_map(|plane| {
            let (what, len_bytes) = plane.tunnel.1.peek()?;
            plane.tunnel.1.take(space.get_mut(..len_bytes)?);
            match what {
                Crossing::Tunnelled { session } => Some((session, len_bytes)),
                Crossing::Packet(_) | Crossing::Whole { .. } | Crossing::Told { .. } => None,
            }
        })
    }

    /// Gives the threads memory for the room with that index, if they have none yet. It is never given back.
    fn make_room(&self, index: usize) {
        while self.rooms.get() <= index && self.rooms.get() < self.rooms_max {
            let count = ROOM_BLOCK.min(self.rooms_max - self.rooms.get());
            for plane in &self.planes {
                let _ = plane.orders.send(Order::Rooms(crate::meeting::table(count)));
            }
            self.rooms.set(self.rooms.get() + count);
        }
    }

    /// The next thing that a thread reports, and which one; none if there is nothing now.
    pub fn next_report(&self) -> Option<(usize, RelayReport)> {
        self.reports.try_recv().ok()
    }

    /// Figures of at most a fifth of a second ago.
    pub fn figures(&self) -> RelayFigures {
        let of = |plane: &Plane| plane.figures.lock().map(|figures| figures.clone()).unwrap_or_default();
        RelayFigures::sum(self.planes.iter().map(of))
    }

    /// Whether every thread took a turn since this was asked last; then rings, so that idle ones take another.
    pub fn are_turning(&mut self) -> bool {
        let mut are_turning = true;
        for plane in &mut self.planes {
            let turns = plane.turns.0.load(Ordering::Relaxed);
            are_turning &= turns != plane.turns.1;
            plane.turns.1 = turns;
            plane.bell.ring();
        }
        are_turning
    }

    /// Whether no thread has failed.
    pub fn is_well(&self) -> bool {
        self.planes.iter().all(|plane| !plane.thread.is_finished())
    }

    /// Stops the threads. Gives the last figures.
    pub fn stop(&mut self) -> RelayFigures {
        let mut last = Vec::with_capacity(self.planes.len());
        for Plane { orders, bell, figures, thread, .. } in self.planes.drain(..) {
            drop(orders);
            bell.ring();
            let _ = thread.join();
            last.push(figures.lock().map(|figures| figures.clone()).unwrap_or_default());
        }
        RelayFigures::sum(last.into_iter())
    }
}

/// A ring for every pair of threads: by thread, its ways out and its ways in.
fn rings(bells: &[Arc<Doorbell>]) -> (Vec<Vec<Option<ring::Outbound>>>, Vec<Vec<ring::Inbound>>) {
    let sources = bells.len().saturating_sub(1);
    let mut exits: Vec<Vec<Option<ring::Outbound>>> = bells.iter().map(|_| Vec::new()).collect();
    let mut entries: Vec<Vec<ring::Inbound>> = bells.iter().map(|_| Vec::new()).collect();
    for (from, exits) in exits.iter_mut().enumerate() {
        for (to, bell) in bells.iter().enumerate() {
            if from == to {
                exits.push(None);
                continue;
            }
            let (outbound, inbound) = ring::ring(sources, Arc::clone(bell));
            exits.push(Some(outbound));
            entries[to].push(inbound);
        }
    }
    (exits, entries)
}

/// As many shards as the owner wants; 0: as many as there are processors.
pub(crate) fn shards(relay_threads: u32) -> Shards {
    let count = match relay_threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        count => count as usize,
    };
    Shards::new(count.min(SHARDS_MAX))
}
