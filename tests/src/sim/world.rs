//! Time, the queue of what will happen, and the connections between the two ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::slice::IterMut;

use hph_core::id::SessionId;
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::wire::control::DevicePublic;
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaLayout;

use super::client::{ClientMemory, SimClient};
use super::mallory::Mallory;
use super::network::{Path, Weather};
use super::oracle::{Membership, Oracle};
use super::output::{Frame, Request};
use super::random::Random;
use super::server::{ServerMemory, SimServer};
use super::store::{Asker, Done, Store};
use super::stranger::Stranger;
use super::{MS, Plan, SECOND};

/// Something that happens at its time.
#[allow(missing_docs, reason = "a sentence for each is enough")]
#[derive(Debug)]
pub enum Happening {
    /// A datagram arrives at the server.
    AtServer { from: SocketAddr, bytes: Vec<u8> },
    /// A datagram arrives at an address.
    AtAddress { to: SocketAddr, bytes: Vec<u8> },
    /// The server's end of a connection reads.
    Up { connection: usize, item: Item },
    /// The client's end of a connection reads.
    Down { connection: usize, item: Item },
    /// The driver asks the server machine what is to be told.
    Poll,
    /// The store comes to a request.
    Store { incarnation: u32, request: Request, asker: Asker },
    /// The driver tells the server machine what the store did.
    Done { incarnation: u32, done: Done },
    /// A user does something.
    Act,
    /// Somebody sends a frame.
    SendFrame,
    /// A stranger or the malicious member does something.
    Attack,
    /// Something breaks.
    Break,
    /// The server dies.
    Crash,
    /// A client tries to come back.
    Reconnect { client: usize },
}

/// What a connection carries.
#[derive(Debug)]
pub enum Item {
    /// The end of the handshake.
    SignIn,
    /// One control frame.
    Frame(Frame),
    /// The end.
    Close,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A client, by its number.
    Client(usize),
    /// The malicious member.
    Mallory,
}

/// One TLS connection.
#[derive(Debug)]
pub struct Connection {
    /// Whose.
    pub who: Who,
    /// Its keying material.
    pub exporter: [u8; 32],
    /// The session that the server opened on it.
    pub session: Option<SessionId>,
    /// The server process that it was opened to.
    pub incarnation: u32,
    /// Whether the client still reads it.
    pub is_open_at_client: bool,
    /// Whether the server still reads it.
    pub is_open_at_server: bool,
    up_at_us: u64,
    down_at_us: u64,
}

/// Everything.
pub struct World<'a> {
    /// What kind of run it is.
    pub plan: Plan,
    /// The time. **Units:** microseconds.
    pub now_us: u64,
    /// The source of chance.
    pub random: Random,
    /// The network's faults.
    pub weather: Weather,
    /// The way to and from each client, by address of the client's end.
    pub paths: Vec<[Path; 2]>,
    /// Control connections of a client stall until then. **Units:** microseconds.
    pub stalled_until_us: Vec<u64>,
    /// The server.
    pub server: SimServer<'a>,
    /// The clients.
    pub clients: Vec<SimClient<'a>>,
    /// Every connection that ever was.
    pub connections: Vec<Connection>,
    /// What survives.
    pub store: Store,
    /// What must be true.
    pub oracle: Oracle,
    /// The malicious member.
    pub mallory: Mallory,
    /// The stranger.
    pub stranger: Stranger,
    /// When the faults stop. **Units:** microseconds.
    pub chaos_end_us: u64,
    /// Whether the faults have stopped.
    pub is_calm: bool,
    queue: BTreeMap<(u64, u64), Happening>,
    order: u64,
}

impl<'a> World<'a> {
    /// A world in which everybody is about to connect.
    pub fn new(plan: &Plan, servers: IterMut<'a, ServerMemory>, memories: IterMut<'a, ClientMemory>) -> Self {
        let mut random = Random::new(plan.seed);
        let weather = Weather::new(&mut random);
        let server = SimServer::new(servers, &mut random);
        let clients: Vec<_> =
            memories.enumerate().map(|(index, memory)| SimClient::new(plan, index, memory, &mut random)).collect();
        let count = clients.len();
        let mut world = Self {
            plan: *plan,
            now_us: SECOND,
            mallory: Mallory::new(&mut random),
            stranger: Stranger::default(),
            random,
            weather,
            paths: vec![[Path::default(); 2]; count + 1],
            stalled_until_us: vec![0; count + 1],
            server,
            clients,
            connections: Vec::new(),
            store: Store::new(plan.history_max),
            oracle: Oracle::default(),
            chaos_end_us: SECOND + plan.chaos_us,
            is_calm: false,
            queue: BTreeMap::new(),
            order: 0,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for client in 0..self.clients.len() {
            let at_us = self.now_us + self.random.below(300) * MS;
            self.schedule(at_us, Happening::Reconnect { client });
        }
        for _ in 0..self.plan.crashes {
            let at_us = self.now_us + self.random.below(self.plan.chaos_us);
            self.schedule(at_us, Happening::Crash);
        }
        let start_us = self.now_us + 100 * MS;
        for happening in [Happening::Act, Happening::SendFrame, Happening::Attack, Happening::Break] {
            self.schedule(start_us, happening);
        }
    }

    /// Lets time pass until the faults stop.
    pub fn run_chaos(&mut self) {
        while self.step(self.chaos_end_us) {}
    }

    /// Puts something into the queue.
    pub fn schedule(&mut self, at_us: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((at_us.max(self.now_us), self.order), happening);
    }

    /// Lets the next thing happen, unless it is later than `end_us`.
    pub fn step(&mut self, end_us: u64) -> bool {
        let queued_us = self.queue.first_key_value().map_or(u64::MAX, |(key, _)| key.0);
        let (client_us, client) =
            (0..self.clients.len()).map(|index| (self.clients[index].timeout_us, index)).min().unwrap_or((u64::MAX, 0));
        let next_us = queued_us.min(client_us).min(self.server.timeout_us);
        if next_us > end_us {
            self.now_us = end_us;
            return false;
        }
        self.now_us = self.now_us.max(next_us);
        if queued_us == next_us {
            let (_, happening) = self.queue.pop_first().expect("something is queued");
            self.handle(happening);
        } else if client_us == next_us {
            self.handle_client_timeout(client);
        } else {
            self.handle_server_timeout();
        }
        true
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::AtServer { from, bytes } => self.handle_at_server(from, bytes),
            Happening::AtAddress { to, bytes } => self.handle_at_address(to, bytes),
            Happening::Up { connection, item } => self.handle_item_up(connection, item),
            Happening::Down { connection, item } => self.handle_item_down(connection, item),
            Happening::Poll => self.poll_server(),
            Happening::Store { incarnation, request, asker } => self.handle_store(incarnation, &request, &asker),
            Happening::Done { incarnation, done } => self.handle_done(incarnation, done),
            Happening::Crash => self.crash_server(),
            Happening::Reconnect { client } => self.connect(client),
            Happening::Act => self.again(Happening::Act, 25, Self::act),
            Happening::SendFrame => self.again(Happening::SendFrame, 15, Self::send_some_frame),
            Happening::Attack => self.again(Happening::Attack, 15, Self::attack),
            Happening::Break => self.again(Happening::Break, 400, Self::break_something),
        }
    }

    /// Does something and plans to do it again, until the faults stop.
    fn again(&mut self, happening: Happening, mean_ms: u64, act: fn(&mut Self)) {
        if !self.is_calm {
            act(self);
            let at_us = self.now_us + 1 + self.random.below(2 * mean_ms * MS);
            self.schedule(at_us, happening);
        }
    }

    /// Opens a connection; gives its number.
    pub fn open_connection(&mut self, who: Who) -> usize {
        let exporter = self.random.key();
        self.connections.push(Connection {
            who,
            exporter,
            session: None,
            incarnation: self.server.incarnation,
            is_open_at_client: true,
            is_open_at_server: true,
            up_at_us: 0,
            down_at_us: 0,
        });
        let connection = self.connections.len() - 1;
        self.push_up(connection, Item::SignIn);
        connection
    }

    /// Sends something up a connection, in order.
    pub fn push_up(&mut self, connection: usize, item: Item) {
        let at_us = self.control_arrival_us(connection).max(self.connections[connection].up_at_us);
        self.connections[connection].up_at_us = at_us;
        self.schedule(at_us, Happening::Up { connection, item });
    }

    /// Sends a frame down a connection, in order.
    pub fn push_down(&mut self, connection: usize, frame: Frame) {
        self.push_down_item(connection, Item::Frame(frame));
    }

    /// Ends a connection after all that was said on it.
    pub fn close_down(&mut self, connection: usize) {
        self.push_down_item(connection, Item::Close);
    }

    fn push_down_item(&mut self, connection: usize, item: Item) {
        let at_us = self.control_arrival_us(connection).max(self.connections[connection].down_at_us);
        self.connections[connection].down_at_us = at_us;
        self.schedule(at_us, Happening::Down { connection, item });
    }

    fn control_arrival_us(&mut self, connection: usize) -> u64 {
        let stalled_us = self.stalled_until_us[self.end_of(self.connections[connection].who)];
        let spread_us = self.weather.jitter_us;
        self.now_us.max(stalled_us) + self.weather.delay_us + self.random.below(spread_us)
    }

    /// The number of a client's way to the server.
    pub fn end_of(&self, who: Who) -> usize {
        match who {
            Who::Client(client) => client,
            Who::Mallory => self.clients.len(),
        }
    }

    /// Login name and device.
    pub fn identity_of(&self, who: Who) -> (String, DevicePublic) {
        match who {
            Who::Client(client) => (self.clients[client].username.clone(), self.clients[client].device),
            Who::Mallory => ("mallory".into(), self.mallory.device()),
        }
    }

    fn handle_item_up(&mut self, connection: usize, item: Item) {
        if !self.connections[connection].is_open_at_server {
            return;
        }
        match item {
            Item::SignIn => self.handle_sign_in(connection),
            Item::Frame(frame) => self.handle_up(connection, &frame),
            Item::Close => self.handle_connection_lost(connection),
        }
    }

    fn handle_item_down(&mut self, connection: usize, item: Item) {
        if !self.connections[connection].is_open_at_client {
            return;
        }
        match (self.connections[connection].who, item) {
            (Who::Client(client), Item::Frame(frame)) => self.handle_down(client, connection, &frame),
            (Who::Mallory, Item::Frame(frame)) => self.handle_mallory_down(connection, &frame),
            (Who::Client(client), _) => self.disconnect(client),
            (Who::Mallory, _) => self.mallory.handle_closed(),
        }
    }

    /// A client's datagram begins its way. `author` is who the client is in the room, for media.
    pub fn send_to_server(&mut self, who: Who, from: SocketAddr, connection: usize, bytes: &[u8]) {
        self.oracle.handle_sealed(connection, true, bytes);
        self.stranger.record(&mut self.random, bytes);
        let end = self.end_of(who);
        for arrival in self.paths[end][0].carry(&self.weather, &mut self.random, self.now_us, bytes) {
            self.schedule(arrival.at_us, Happening::AtServer { from, bytes: arrival.bytes });
        }
    }

    /// Notes who sealed a media datagram.
    pub fn note_media(&mut self, author: Membership, bytes: &[u8]) {
        if bytes.first() == Some(&(Kind::Media as u8)) {
            let layout = MediaLayout::parse(&bytes[HOP_PREFIX_BYTES..]).expect("a machine sends whole packets");
            // Parity has no seal of its own.
            if layout.header.is_parity() {
                return;
            }
            self.oracle.handle_media_sealed(author, &layout);
            self.mallory.tap(self.now_us, author, &layout, &bytes[HOP_PREFIX_BYTES..]);
        }
    }

    /// The server's datagram begins its way.
    pub fn send_to_client(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.oracle.handle_server_datagram(to, bytes);
        let header = hph_core::crypto::hop::HopHeader::parse(bytes).expect("the server sends whole headers");
        let connection = self.server.connections.get(&SessionId(header.connection)).copied();
        let connection = connection.expect("the server sends to live sessions");
        self.oracle.handle_sealed(connection, false, bytes);
        self.stranger.record_answer(&mut self.random, bytes);
        let end = self.end_of(self.connections[connection].who);
        for arrival in self.paths[end][1].carry(&self.weather, &mut self.random, self.now_us, bytes) {
            self.schedule(arrival.at_us, Happening::AtAddress { to, bytes: arrival.bytes });
        }
    }

    fn handle_at_address(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        if let Some(client) = self.clients.iter().position(|client| client.address == to) {
            self.handle_at_client(client, bytes);
        } else if self.mallory.address == to {
            self.handle_at_mallory(&bytes);
        }
    }
}
