//! One relay thread: a socket, a machine, and the loop between them. It allocates nothing once it runs, and waits for
//! nobody: other threads leave it commands and packets, and ring.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex};

use hph_core::endpoint::relay::{HandOver, RelayMachine, RelayOutput, RelayReport};
use hph_core::id::SessionId;
use hph_core::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES, ROOM_PARTICIPANTS_MAX};
use hph_core::media::feedback::Downstream;
use hph_core::stats::Histogram;
use hph_core::time::{Duration, Instant};
use hph_core::wire::media::is_sound;
use hph_platform::clock::Clock;
use hph_platform::doorbell::Doorbell;
use hph_platform::udp::{Class, Received, SendQueue};

use super::figures::ShardFigures;
use super::ring::{Crossing, Inbound, Outbound};
use super::{COMMANDS_MAX, Order};

/// Figures are shown this often.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(200);
/// After an error of the socket itself, before it is tried again.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// All that the thread owns.
pub(super) struct Shard {
    pub number: usize,
    pub reports: SyncSender<(usize, RelayReport)>,
    pub machine: RelayMachine<'static>,
    pub socket: UdpSocket,
    pub received: Received,
    pub queue: SendQueue,
    pub orders: Receiver<Order>,
    pub inbound: Vec<Inbound>,
    pub exits: Exits,
    pub bell: Arc<Doorbell>,
    pub figures: Arc<Mutex<ShardFigures>>,
    pub forward: Histogram,
    /// Turns of its loop: who rings and sees another number knows that it lives.
    pub turns: Arc<AtomicU64>,
    /// Datagrams and bytes that came.
    pub arrived: (u64, u64),
}

/// The ways to the other shards, by their number, none to itself; and to the control plane.
pub(super) struct Exits {
    /// For those whose datagrams travel inside their control connections.
    tunnel: Outbound,
    outbound: Vec<Option<Outbound>>,
    handed_over: u64,
    not_handed_over: u64,
    tunnelled: u64,
    sent_bytes: u64,
}

impl Exits {
    pub fn new(outbound: Vec<Option<Outbound>>, tunnel: Outbound) -> Self {
        Self { tunnel, outbound, handed_over: 0, not_handed_over: 0, tunnelled: 0, sent_bytes: 0 }
    }

    fn push(&mut self, shard: usize, what: Crossing, bytes: &[u8]) {
        let is_left = self.outbound.get_mut(shard).and_then(Option::as_mut).is_some_and(|exit| exit.push(what, bytes));
        self.handed_over += u64::from(is_left);
        self.not_handed_over += u64::from(!is_left);
    }
}

/// Where the machine's output goes.
struct Output<'a> {
    queue: &'a mut SendQueue,
    exits: &'a mut Exits,
    reports: (usize, &'a SyncSender<(usize, RelayReport)>),
}

impl RelayOutput for Output<'_> {
    fn datagram(&mut self, lane: usize, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        let class = if is_sound(prefix, payload) { Class::Voice } else { Class::Video };
        self.exits.sent_bytes += (prefix.len() + payload.len()) as u64;
        // What finds no room is counted by the queue.
        self.queue.push_as(class, lane, to, prefix, payload);
    }

    fn tunnel(&mut self, session: SessionId, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        let mut datagram = [0; DATAGRAM_MAX_BYTES];
        let Some(datagram) = datagram.get_mut(..HOP_PREFIX_BYTES + payload.len()) else { return };
        datagram[..HOP_PREFIX_BYTES].copy_from_slice(prefix);
        datagram[HOP_PREFIX_BYTES..].copy_from_slice(payload);
        let is_left = self.exits.tunnel.push(Crossing::Tunnelled { session }, datagram);
        self.exits.tunnelled += u64::from(is_left);
        self.exits.not_handed_over += u64::from(!is_left);
    }

    fn hand_over(&mut self, shard: usize, what: HandOver, payload: &[u8]) {
        self.exits.push(shard, Crossing::Packet(what), payload);
    }

    fn hand_over_whole(&mut self, shard: usize, from: SocketAddr, datagram: &[u8]) {
        self.exits.push(shard, Crossing::Whole { from }, datagram);
    }

    fn report(&mut self, report: &RelayReport) {
        let (shard, reports) = self.reports;
        // What finds no room is told again.
        let _ = reports.try_send((shard, *report));
    }

    fn tell(&mut self, shard: usize, room_index: u16, downstream: Downstream) {
        self.exits.push(shard, Crossing::Told { room_index, downstream }, &[]);
    }
}

impl Shard {
    /// Relays until the control plane is gone.
    pub fn run(mut self) {
        let mut publish_at = Clock::now();
        let mut is_published = true;
        loop {
            // Only this thread writes it.
            self.turns.store(self.turns.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            // First what arrived, then the commands: no datagram comes before the command that makes it legal.
            let received = self.received.receive(&self.socket);
            if self.take_orders().is_none() {
                self.publish();
                return;
            }
            let now = Clock::now();
            let before = self.machine.forwarded();
            self.settle(now);
            self.handle_received(now);
            let crossed = self.handle_inbound(now);
            self.handle_timeout(now);
            for exit in self.exits.outbound.iter_mut().flatten() {
                exit.ring();
            }
            self.exits.tunnel.ring();
            self.queue.flush(&self.socket, &self.received);
            let forwarded = u32::try_from(self.machine.forwarded() - before).unwrap_or(u32::MAX);
            if forwarded > 0 {
                self.forward.record_many(Clock::now().since(now), forwarded);
            }
            let is_at_work = crossed > 0 || received.as_ref().is_ok_and(|count| *count > 0);
            is_published &= !is_at_work;
            if !is_published && now >= publish_at {
                self.publish();
                is_published = true;
                publish_at = now + PUBLISH_INTERVAL;
            }
            if received.is_err() {
                Clock::sleep(ERROR_PAUSE);
            } else if !is_at_work {
                let limit = (!is_published).then_some(PUBLISH_INTERVAL);
                let due = self.machine.poll_timeout();
                let limit = if due == Instant::NEVER {
                    limit
                } else {
                    Some(limit.unwrap_or(due.since(now)).min(due.since(now)))
                };
                let bell = Arc::clone(&self.bell);
                let socket = &self.socket;
                let (inbound, orders, machine) = (&self.inbound, &self.orders, &mut self.machine);
                bell.wait(socket, limit, || {
                    inbound.iter().all(Inbound::is_empty) && follow_orders(orders, machine) == Some(0)
                });
            }
        }
    }

    /// Takes changes from the control plane; none if it is gone.
    fn take_orders(&mut self) -> Option<usize> {
        follow_orders(&self.orders, &mut self.machine)
    }

    /// Lets the machine decide what commands have changed.
    fn settle(&mut self, now: Instant) {
        let reports = (self.number, &self.reports);
        let mut output = Output { queue: &mut self.queue, exits: &mut self.exits, reports };
        self.machine.settle(now, &mut output);
    }

    fn handle_received(&mut self, now: Instant) {
        while let Some(datagram) = self.received.next_datagram() {
            self.queue.begin(datagram.place);
            self.arrived = (self.arrived.0 + 1, self.arrived.1 + datagram.bytes.len() as u64);
            let mut output =
                Output { queue: &mut self.queue, exits: &mut self.exits, reports: (self.number, &self.reports) };
            // The reason is counted in the machine.
            let _ = self.machine.handle_datagram(now, datagram.from, datagram.bytes, &mut output);
            self.flush_if_full();
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now >= self.machine.poll_timeout() {
            let reports = (self.number, &self.reports);
            let mut output = Output { queue: &mut self.queue, exits: &mut self.exits, reports };
            self.machine.handle_timeout(now, &mut output);
        }
    }

    /// Handles what other shards left, as far as there is space for it; the rest has its turn next. Gives how many.
    fn handle_inbound(&mut self, now: Instant) -> usize {
        let mut count = 0;
        for index in 0..self.inbound.len() {
            while let Some((what, len_bytes)) = self.inbound[index].peek() {
                if let Crossing::Told { room_index, downstream } = what {
                    self.inbound[index].take(&mut []);
                    self.machine.handle_told(now, room_index, downstream);
                    continue;
                }
                // What was commanded before it was left is there by now.
                if matches!(what, Crossing::Tunnelled { .. }) && self.take_orders().is_some_and(|count| count > 0) {
                    self.settle(now);
                }
                if len_bytes > self.received.spare_bytes() {
                    return count;
                }
                let from = match what {
                    Crossing::Whole { from } => from,
                    Crossing::Packet(_) | Crossing::Tunnelled { .. } | Crossing::Told { .. } => {
                        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
                    }
                };
                let inbound = &mut self.inbound[index];
                let Some(datagram) = self.received.put(from, len_bytes, |space| inbound.take(space)) else { break };
                self.queue.begin(datagram.place);
                let mut output =
                    Output { queue: &mut self.queue, exits: &mut self.exits, reports: (self.number, &self.reports) };
                let _ = match what {
                    Crossing::Packet(what) => self.machine.handle_handed_over(now, what, datagram.bytes, &mut output),
                    Crossing::Whole { from } => self.machine.handle_datagram(now, from, datagram.bytes, &mut output),
                    Crossing::Tunnelled { session } => {
                        self.machine.handle_tunnelled(now, session, datagram.bytes, &mut output)
                    }
                    Crossing::Told { .. } => Ok(()),
                };
                count += 1;
                self.flush_if_full();
            }
        }
        count
    }

    /// Makes sure that the next packet's receivers all find room.
    fn flush_if_full(&mut self) {
        if self.queue.free() < ROOM_PARTICIPANTS_MAX {
            self.queue.flush(&self.socket, &self.received);
        }
    }

    fn publish(&self) {
        if let Ok(mut figures) = self.figures.lock() {
            *figures = ShardFigures {
                forwarded: self.machine.forwarded(),
                received: self.arrived,
                sent_bytes: self.exits.sent_bytes,
                reports: self.machine.reports().clone(),
                handed_over: self.exits.handed_over,
                not_handed_over: self.exits.not_handed_over,
                tunnelled: self.exits.tunnelled,
                sent: self.queue.counters(),
                forward: self.forward.clone(),
                repair: *self.machine.repair(),
                drops: *self.machine.drops(),
            };
        }
    }
}

/// Follows all that waited when this was called; more may have come since.
fn follow_orders(orders: &Receiver<Order>, machine: &mut RelayMachine<'static>) -> Option<usize> {
    for count in 0..COMMANDS_MAX {
        match orders.try_recv() {
            Ok(Order::Change(command)) => machine.apply(&command),
            Ok(Order::Rooms(rooms)) => machine.lend_rooms(rooms),
            Err(TryRecvError::Empty) => return Some(count),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
    Some(COMMANDS_MAX)
}
