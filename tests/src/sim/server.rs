//! The server as its driver runs it: sessions on connections, and a store that answers later.

use std::collections::BTreeMap;
use std::slice::IterMut;

use hph_core::endpoint::relay::{HopLog, RelayRoom, RelaySessionPlace};
use hph_core::endpoint::server::{CallPlace, Identity, RateLimits, RoomPlace, ServerStorage, SessionPlace};
use hph_core::endpoint::single::{SingleServer, SingleStorage};
use hph_core::id::SessionId;
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::time::Instant;
use hph_core::wire::control::{ClientMessage, Parsed, ServerMessage, SignOutReason, parse_client};
use std::net::SocketAddr;

use super::output::{Frame, Request, ServerDeed, ServerDeeds, read_server, server_frame};
use super::random::Random;
use super::store::{Asker, Done};
use super::world::{Happening, World};
use super::{MS, Plan};

/// What a server machine is lent.
pub struct ServerMemory {
    sessions: Vec<SessionPlace>,
    rooms: Vec<RoomPlace>,
    calls: Vec<CallPlace>,
    relay_sessions: Vec<RelaySessionPlace>,
    relay_rooms: Vec<RelayRoom>,
    cache: (Vec<CachePlace>, Vec<u8>),
    logs: Vec<HopLog>,
}

impl ServerMemory {
    /// As much as the plan wants.
    pub fn new(plan: &Plan) -> Self {
        Self {
            sessions: (0..plan.sessions).map(|_| SessionPlace::default()).collect(),
            rooms: (0..plan.server_rooms).map(|_| RoomPlace::default()).collect(),
            calls: (0..plan.clients).map(|_| CallPlace::default()).collect(),
            relay_sessions: (0..plan.sessions).map(|_| RelaySessionPlace::default()).collect(),
            relay_rooms: (0..plan.server_rooms).map(|_| RelayRoom::default()).collect(),
            cache: (vec![CachePlace::EMPTY; 256], vec![0; 256 * CACHE_PACKET_BYTES]),
            logs: vec![HopLog::default(); 64],
        }
    }
}

/// One server process after the other.
pub struct SimServer<'a> {
    /// The one that runs.
    pub machine: SingleServer<'a>,
    /// How many ran before it.
    pub incarnation: u32,
    /// The connection of each session.
    pub connections: BTreeMap<SessionId, usize>,
    /// When the machine wants to be woken. **Units:** microseconds.
    pub timeout_us: u64,
    /// Whether somebody is about to ask what is to be told.
    pub is_poll_due: bool,
    spare: IterMut<'a, ServerMemory>,
    store_free_at_us: u64,
    done_at_us: u64,
}

impl<'a> SimServer<'a> {
    /// The first process.
    pub fn new(mut spare: IterMut<'a, ServerMemory>, random: &mut Random) -> Self {
        let machine = machine(&mut spare, random).expect("memory for the first server");
        let connections = BTreeMap::new();
        Self {
            machine,
            incarnation: 0,
            connections,
            timeout_us: u64::MAX,
            is_poll_due: false,
            spare,
            store_free_at_us: 0,
            done_at_us: 0,
        }
    }
}

fn machine<'a>(spare: &mut IterMut<'a, ServerMemory>, random: &mut Random) -> Option<SingleServer<'a>> {
    let memory = spare.next()?;
    let server = ServerStorage { sessions: &mut memory.sessions, rooms: &mut memory.rooms, calls: &mut memory.calls };
    let (relay_sessions, relay_rooms) = (&mut *memory.relay_sessions, &mut *memory.relay_rooms);
    let relay_cache = PacketCache::new(&mut memory.cache.0, &mut memory.cache.1);
    let relay_logs = &mut *memory.logs;
    let storage = SingleStorage { server, relay_sessions, relay_rooms, relay_cache, relay_logs };
    let normal = RateLimits::default();
    let limits = RateLimits {
        chats: if random.chance(300) { (2, 3) } else { normal.chats },
        controls: if random.chance(300) { (20, 25) } else { normal.controls },
        ..normal
    };
    Some(SingleServer::new(storage, limits, random.key()))
}

impl World<'_> {
    /// The server process dies, and another one takes its place. What was stored is kept, all else is gone.
    pub fn crash_server(&mut self) {
        let Some(machine) = machine(&mut self.server.spare, &mut self.random) else { return };
        self.server.machine = machine;
        self.server.incarnation += 1;
        self.server.timeout_us = u64::MAX;
        self.oracle.handle_crash();
        self.server.connections.clear();
        for connection in 0..self.connections.len() {
            if std::mem::take(&mut self.connections[connection].is_open_at_server) {
                self.close_down(connection);
            }
        }
        for room in &self.store.rooms {
            // More rooms may be stored than there is space for.
            let _ = self.server.machine.add_room(room.id, &room.name, room.chats.len() as u64);
        }
        self.oracle.note(0xdead);
    }

    /// A client's TLS connection stands and its sign-in is proved.
    pub fn handle_sign_in(&mut self, connection: usize) {
        let (username, device) = self.identity_of(self.connections[connection].who);
        let identity = Identity {
            username: username.as_str().try_into().expect("a short name"),
            display_name: username.as_str().try_into().expect("a short name"),
            device,
            scope: Default::default(),
        };
        let mut deeds = ServerDeeds::default();
        let exporter = self.connections[connection].exporter;
        let opened = self.server.machine.open_session(self.time(), identity, &exporter, &mut deeds);
        self.absorb_server(deeds);
        match opened {
            Ok(session) => {
                self.store.accounts.insert(username.clone(), device);
                self.server.connections.insert(session, connection);
                self.connections[connection].session = Some(session);
                self.connections[connection].incarnation = self.server.incarnation;
                let truth = super::oracle::SessionTruth { username: username.clone(), ..Default::default() };
                assert!(self.oracle.sessions.insert(session, truth).is_none(), "a session id is used twice");
                let welcome = ServerMessage::Welcome {
                    session,
                    username: &username,
                    display_name: &username,
                    scram: b"",
                    token: None,
                };
                self.push_down(connection, server_frame(&welcome));
            }
            Err(_) => self.close_down(connection),
        }
        self.after_server_input();
    }

    /// A control frame of a signed-in client arrives.
    pub fn handle_up(&mut self, connection: usize, frame: &Frame) {
        let Some(session) = self.connections[connection].session else { return };
        let message = match parse_client(&frame[4..]) {
            Ok(Parsed::Message(message)) => message,
            other => panic!("a client said {other:?}"),
        };
        let mut deeds = ServerDeeds::default();
        self.server.machine.handle_control(self.time(), session, &message, &mut deeds);
        self.absorb_server(deeds);
        self.check_effect(session, &message);
        self.after_server_input();
    }

    fn check_effect(&self, session: SessionId, message: &ClientMessage<'_>) {
        if let ClientMessage::LeaveRoom { room } = *message {
            assert!(!self.server.machine.is_in_room(session, room), "still there after leaving");
        }
    }

    /// The driver notices that a connection is gone.
    pub fn handle_connection_lost(&mut self, connection: usize) {
        let Some(session) = self.connections[connection].session else { return };
        let mut deeds = ServerDeeds::default();
        self.server.machine.close_session(session, SignOutReason::Asked, &mut deeds);
        self.absorb_server(deeds);
        self.after_server_input();
    }

    /// A datagram arrives at the server.
    pub fn handle_at_server(&mut self, from: SocketAddr, mut bytes: Vec<u8>) {
        let judgement = self.oracle.before_server(from, &bytes);
        let original = bytes.clone();
        let mut deeds = ServerDeeds::default();
        let result = self.server.machine.handle_datagram(self.time(), from, &mut bytes, &mut deeds);
        self.oracle.after_server(judgement, from, &original, (result, deeds.0.is_empty()));
        self.absorb_server(deeds);
        self.server.timeout_us = self.server.machine.poll_timeout().as_micros();
    }

    /// The server's timer is due.
    pub fn handle_server_timeout(&mut self) {
        let mut deeds = ServerDeeds::default();
        self.server.machine.handle_timeout(self.time(), &mut deeds);
        assert!(self.server.machine.poll_timeout() > self.time(), "the server wants to be woken in the past");
        self.absorb_server(deeds);
        self.after_server_input();
    }

    /// Tells some sessions some of what changed, as their connections take it.
    pub fn poll_server(&mut self) {
        self.server.is_poll_due = false;
        let sessions: Vec<SessionId> = self.server.machine.sessions().collect();
        let mut is_rest = false;
        for session in sessions {
            let mut patience = if self.random.chance(700) { 500 } else { self.random.below(4) };
            loop {
                let mut deeds = ServerDeeds::default();
                if patience == 0 {
                    is_rest = true;
                    break;
                }
                patience -= 1;
                let is_more = self.server.machine.poll_control(session, &mut deeds);
                assert_eq!(is_more, !deeds.0.is_empty() || is_more, "something told, nothing changed");
                self.absorb_server(deeds);
                if !is_more {
                    break;
                }
            }
        }
        if is_rest {
            self.schedule_poll();
        }
    }

    fn schedule_poll(&mut self) {
        if !self.server.is_poll_due {
            self.server.is_poll_due = true;
            let at_us = self.now_us + self.random.below(20) * MS;
            self.schedule(at_us, Happening::Poll);
        }
    }

    fn after_server_input(&mut self) {
        self.server.timeout_us = self.server.machine.poll_timeout().as_micros();
        self.schedule_poll();
    }

    /// Does what the server machine wants done.
    fn absorb_server(&mut self, deeds: ServerDeeds) {
        for deed in deeds.0 {
            match deed {
                ServerDeed::Control(to, frame) => {
                    let message = read_server(&frame);
                    self.oracle.handle_server_says(self.now_us, self.server.incarnation, to, &message);
                    if let Some(connection) = self.server.connections.get(&to).copied() {
                        if let ServerMessage::Tunnelled { datagram } = message {
                            self.oracle.handle_sealed(connection, false, datagram);
                        }
                        self.push_down(connection, frame);
                    }
                }
                ServerDeed::Datagram(to, bytes) => self.send_to_client(to, &bytes),
                ServerDeed::Closed(session, _) => {
                    self.oracle.sessions.remove(&session).expect("a session is closed once");
                    if let Some(connection) = self.server.connections.remove(&session) {
                        self.connections[connection].session = None;
                        self.close_down(connection);
                    }
                }
                ServerDeed::Asked(request) => self.ask_store(request),
            }
        }
    }

    /// The store works on one thing after the other.
    fn ask_store(&mut self, request: Request) {
        let identity = self.server.machine.identity(request.session).expect("who asks is signed in");
        let asker = Asker { username: identity.username.as_str().into(), device: identity.device };
        let at_us = self.server.store_free_at_us.max(self.now_us) + self.random.below(15) * MS;
        self.server.store_free_at_us = at_us;
        self.schedule(at_us, Happening::Store { incarnation: self.server.incarnation, request, asker });
    }

    /// The store has come to this request.
    pub fn handle_store(&mut self, incarnation: u32, request: &Request, asker: &Asker) {
        if incarnation != self.server.incarnation {
            return;
        }
        let done = self.store.perform(request, asker, self.now_us);
        let in_order_us = if self.plan.is_store_in_order { self.server.done_at_us } else { 0 };
        let at_us = in_order_us.max(self.now_us + self.random.below(15) * MS);
        self.server.done_at_us = at_us;
        self.schedule(at_us, Happening::Done { incarnation, done });
    }

    /// The driver tells the machine what the store did.
    pub fn handle_done(&mut self, incarnation: u32, done: Done) {
        if incarnation != self.server.incarnation {
            return;
        }
        let mut deeds = ServerDeeds::default();
        let machine = &mut self.server.machine;
        match done {
            Done::RoomOpened { session, request, room: (id, name, latest), how } => {
                machine.room_opened(session, request, (id, &name, latest), how, &mut deeds);
            }
            Done::Refused { session, number, reason } => machine.refuse(session, number, reason, &mut deeds),
            Done::ChatStored { session, reference, room, id, chat, is_new } => {
                machine.chat_stored(session, &chat.stored(reference, room, id, is_new), &mut deeds);
            }
            Done::ChatChanged { session, reference, room, id, change, is_new } => {
                machine.chat_changed(session, &change.change(reference, room, id, is_new), &mut deeds);
            }
            Done::DirectStored { session, reference, to, frame, is_new } => {
                machine.direct_stored(session, reference, &to, &read_server(&frame), is_new, &mut deeds);
            }
            Done::Say { session, frames } => {
                let connection = self.server.connections.get(&session).copied();
                for frame in frames {
                    if let Some(connection) = connection {
                        self.push_down(connection, frame);
                    }
                }
            }
        }
        self.absorb_server(deeds);
        self.after_server_input();
    }

    /// The time as the machines want it.
    pub const fn time(&self) -> Instant {
        Instant::from_micros(self.now_us)
    }
}
