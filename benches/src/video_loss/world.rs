//! Two client machines and a server machine on one virtual clock, with hops between them that delay and lose datagrams.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{Ipv4Addr, SocketAddr};

use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::client::{
    ClientEvent, ClientMachine, ClientOutput, ClientRepair, ClientRoomPlace, ClientStorage, OutgoingFrame, Pieces,
};
use hph_core::endpoint::relay::{HopLog, RelayRoom, RelaySessionPlace};
use hph_core::endpoint::server::{Identity, RateLimits, ServerEvent, ServerStorage, SessionPlace};
use hph_core::endpoint::single::{SingleOutput, SingleServer, SingleStorage};
use hph_core::id::{RoomId, SessionId, TrackId};
use hph_core::limits::{CONTROL_FRAME_MAX_BYTES, CONTROL_LENGTH_BYTES, FRAME_MAX_BYTES, HOP_PREFIX_BYTES};
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::media::nack::{GapTracker, Gaps, Missing};
use hph_core::media::parity::{RECOVERY_PLACE_BYTES, Recovery, RecoveryPlace, Symbol};
use hph_core::media::reassembly::{DEADLINE_DEFAULT, Reassembler, ReassemblySlot};
use hph_core::media::track_window::TrackWindow;
use hph_core::time::Instant;
use hph_core::wire::control::{
    ClientMessage, Codec, DevicePublic, Parsed, ServerMessage, TrackInfo, emit_client, emit_server, parse_client,
    parse_server,
};

const ROOM: RoomId = RoomId(1);
const TRACK: TrackId = TrackId::CAMERA;
/// The one who sends and the one who receives.
pub const SENDER: usize = 0;
pub const RECEIVER: usize = 1;
/// What a datagram takes on the line: 96 Mbit/s.
const LINE_US: u64 = 100;
const CACHED: usize = 4096;

/// How a hop loses datagrams: `permille` of them, on average `burst` in a row.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    pub permille: u32,
    pub burst: u32,
}

/// One direction of a hop.
struct Line {
    delay_us: u64,
    loss: Loss,
    is_bad: bool,
    free_at_us: u64,
    random: u64,
}

impl Line {
    const fn new(delay_us: u64, loss: Loss, seed: u64) -> Self {
        Self { delay_us, loss, is_bad: false, free_at_us: 0, random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A number below one million.
    fn chance(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        ((self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) * 1_000_000) >> 32
    }

    /// When a datagram that is sent now comes; none if it is lost. Two states (Gilbert): all is lost in the bad one.
    fn carry(&mut self, now_us: u64) -> Option<u64> {
        self.free_at_us = self.free_at_us.max(now_us) + LINE_US;
        let (lost, burst) = (u64::from(self.loss.permille), u64::from(self.loss.burst));
        let chance = self.chance();
        self.is_bad = if self.is_bad && burst > 1 {
            chance < 1_000_000 - 1_000_000 / burst
        } else if burst > 1 {
            chance < 1_000_000 * lost / (burst * (1000 - lost))
        } else {
            chance < 1000 * lost
        };
        (!self.is_bad).then_some(self.free_at_us + self.delay_us)
    }
}

/// What the two hops are like.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Round trip between the server and the receiver; the sender's is 2 ms.
    pub rtt_us: u64,
    pub loss: Loss,
    /// Whether the sender's hop loses as much.
    pub is_both: bool,
    pub has_repair: bool,
    /// Whether what is in strips is of interest.
    pub keeps_strips: bool,
    pub seed: u64,
}

/// A strip that the receiver was handed.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub frame: u32,
    pub at_us: u64,
    /// Strips of its frame.
    pub count: u16,
    /// What is in it, if that is of interest.
    pub bytes: Vec<u8>,
}

/// What went over the hops, in bytes of UDP payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    pub sender_up: u64,
    pub receiver_down: u64,
    pub receiver_up: u64,
}

#[derive(Default)]
struct Deeds {
    controls: Vec<Vec<u8>>,
    datagrams: Vec<Vec<u8>>,
    strips: Vec<Arrival>,
}

impl ClientOutput for Deeds {
    fn control(&mut self, message: &ClientMessage<'_>) {
        let mut frame = vec![0; CONTROL_LENGTH_BYTES + CONTROL_FRAME_MAX_BYTES];
        let len = emit_client(message, &mut frame).expect("a message fits");
        self.controls.push(frame[CONTROL_LENGTH_BYTES..len].to_vec());
    }

    fn datagram(&mut self, bytes: &[u8]) {
        self.datagrams.push(bytes.to_vec());
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        if let ClientEvent::Strip(strip) = event {
            let bytes = strip.bytes.to_vec();
            self.strips.push(Arrival { frame: strip.frame, at_us: 0, count: strip.count, bytes });
        }
    }
}

#[derive(Default)]
struct Sent {
    controls: Vec<(SessionId, Vec<u8>)>,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

impl SingleOutput for Sent {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        let mut frame = vec![0; CONTROL_LENGTH_BYTES + CONTROL_FRAME_MAX_BYTES];
        let len = emit_server(message, &mut frame).expect("a message fits");
        self.controls.push((to, frame[CONTROL_LENGTH_BYTES..len].to_vec()));
    }

    fn datagram(&mut self, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        self.datagrams.push((to, [prefix, payload].concat()));
    }

    fn event(&mut self, _: ServerEvent<'_>) {}
}

/// A datagram on its way: when it comes, to whom, in which order it was sent.
type OnItsWay = Reverse<(u64, u64, usize, bool, Vec<u8>)>;

/// Everything.
pub struct World {
    pub now_us: u64,
    server: SingleServer<'static>,
    clients: Vec<(ClientMachine<'static>, SessionId)>,
    /// By client: up and down.
    lines: Vec<[Line; 2]>,
    on_its_way: BinaryHeap<OnItsWay>,
    number: u64,
    pub traffic: Traffic,
    pub arrivals: RefCell<Vec<Arrival>>,
    keeps_strips: bool,
}

fn leak<T: Clone>(value: T, count: usize) -> &'static mut [T] {
    vec![value; count].leak()
}

fn client(seed: u8, has_repair: bool) -> ClientMachine<'static> {
    let rooms = vec![ClientRoomPlace::default()].leak();
    let memory = vec![0; FRAME_MAX_BYTES].leak();
    let tracks = leak(TrackWindow::EMPTY, 4);
    let reassembler = Reassembler::new(leak(ReassemblySlot::EMPTY, 1), memory, tracks, DEADLINE_DEFAULT);
    let repair = if has_repair {
        ClientRepair {
            sent: PacketCache::new(leak(CachePlace::EMPTY, 1024), leak(0, 1024 * CACHE_PACKET_BYTES)),
            gaps: Gaps::new(leak(GapTracker::EMPTY, 4), leak(Missing::NONE, 128)),
            recovery: Recovery::new(leak(RecoveryPlace::EMPTY, 16), leak(0, 16 * RECOVERY_PLACE_BYTES)),
            parity: leak(Symbol::EMPTY, 64),
        }
    } else {
        ClientRepair::default()
    };
    let storage = ClientStorage { rooms, reassembler, held: &mut [], repair };
    ClientMachine::new(storage, DeviceSecret::from_seed(&[seed; 32]), [seed; 32])
}

impl World {
    /// Both are in the room, and the sender's track is on.
    pub fn new(case: &Case) -> Self {
        let sessions = (0..2).map(|_| SessionPlace::default()).collect::<Vec<_>>().leak();
        let rooms = vec![Default::default()].leak();
        let relay_sessions = (0..2).map(|_| RelaySessionPlace::default()).collect::<Vec<_>>().leak();
        let relay_rooms = vec![RelayRoom::default()].leak();
        let relay_cache = PacketCache::new(leak(CachePlace::EMPTY, CACHED), leak(0, CACHED * CACHE_PACKET_BYTES));
        let server = ServerStorage { sessions, rooms, calls: &mut [] };
        let storage =
            SingleStorage { server, relay_sessions, relay_rooms, relay_cache, relay_logs: leak(HopLog::default(), 2) };
        let mut server = SingleServer::new(storage, RateLimits::default(), [9; 32]);
        server.add_room(ROOM, "bench", 0).expect("room for a room");
        let none = Loss { permille: 0, burst: 1 };
        let senders = if case.is_both { case.loss } else { none };
        let lines = [(1000, senders), (case.rtt_us / 2, case.loss)].into_iter().zip(0..);
        let mut world = Self {
            now_us: 1_000_000,
            server,
            clients: Vec::new(),
            lines: lines
                .map(|((delay, loss), at)| [0, 1].map(|way| Line::new(delay, loss, case.seed * 4 + at * 2 + way + 1)))
                .collect(),
            on_its_way: BinaryHeap::new(),
            number: 0,
            traffic: Traffic::default(),
            arrivals: RefCell::default(),
            keeps_strips: case.keeps_strips,
        };
        for (name, seed) in [("sender", 1), ("receiver", 2)] {
            world.sign_in(name, seed, case.has_repair);
        }
        let info = TrackInfo { is_on: true, codec: Codec::Strips, width: 1280, height: 720 };
        for client in [SENDER, RECEIVER] {
            world.control(client, &ClientMessage::JoinRoom { request: 7, room: ROOM });
            world.poll_server();
            let mut deeds = Deeds::default();
            world.clients[client].0.set_track(ROOM, TRACK, info, &mut deeds);
            world.absorb(client, deeds);
        }
        world.run_until(world.now_us + 2_000_000);
        world
    }

    fn sign_in(&mut self, name: &str, seed: u8, has_repair: bool) {
        let mut machine = client(seed, has_repair);
        let keys = machine.device().keys();
        let device = DevicePublic { seal: keys.seal, sign: keys.sign };
        let label = |text: &str| text.try_into().unwrap_or_default();
        let display_name = name.try_into().unwrap_or_default();
        let identity = Identity { username: label(name), display_name, device, scope: Default::default() };
        let (now, mut sent) = (self.now(), Sent::default());
        let id = self.server.open_session(now, identity, &[seed; 32], &mut sent).expect("a place");
        let mut deeds = Deeds::default();
        machine.handle_signed_in(now, id, name, &[seed; 32], &mut deeds);
        self.clients.push((machine, id));
        self.absorb(self.clients.len() - 1, deeds);
        self.pass_on(sent);
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.now_us)
    }

    /// The sender sends a frame.
    pub fn send(&mut self, bytes: &[u8], strips: &[std::ops::Range<usize>]) {
        let pieces = Pieces::Strips(strips);
        let frame = OutgoingFrame { track: TRACK, layer: 0, timestamp: self.now_us as u32, level: 127, bytes, pieces };
        let (now, mut deeds) = (self.now(), Deeds::default());
        self.clients[SENDER].0.send_frame(now, ROOM, &frame, &mut deeds).expect("the frame is sent");
        self.absorb(SENDER, deeds);
    }

    /// Lets everything happen that happens until then.
    pub fn run_until(&mut self, end_us: u64) {
        loop {
            let datagram = self.on_its_way.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
            let clients = self.clients.iter().map(|(machine, _)| machine.poll_timeout().as_micros()).min();
            let timer = clients.unwrap_or(u64::MAX).min(self.server.poll_timeout().as_micros());
            let next = datagram.min(timer);
            if next > end_us {
                self.now_us = end_us;
                return;
            }
            self.now_us = self.now_us.max(next);
            if datagram <= timer {
                let Some(Reverse((_, _, client, is_up, bytes))) = self.on_its_way.pop() else { return };
                self.arrive(client, is_up, bytes);
            } else {
                self.wake();
            }
        }
    }

    fn arrive(&mut self, client: usize, is_up: bool, mut bytes: Vec<u8>) {
        let now = self.now();
        if is_up {
            let (mut sent, from) = (Sent::default(), SocketAddr::new(Ipv4Addr::LOCALHOST.into(), client as u16));
            let _ = self.server.handle_datagram(now, from, &mut bytes, &mut sent);
            self.pass_on(sent);
        } else {
            let mut deeds = Deeds::default();
            let _ = self.clients[client].0.handle_datagram(now, &mut bytes, &mut deeds);
            self.absorb(client, deeds);
        }
    }

    fn wake(&mut self) {
        let now = self.now();
        if now >= self.server.poll_timeout() {
            let mut sent = Sent::default();
            self.server.handle_timeout(now, &mut sent);
            self.pass_on(sent);
        }
        for client in [SENDER, RECEIVER] {
            if now >= self.clients[client].0.poll_timeout() {
                let mut deeds = Deeds::default();
                self.clients[client].0.handle_timeout(now, &mut deeds);
                self.absorb(client, deeds);
            }
        }
    }

    /// The control connection is a wire without delay: this is about datagrams.
    fn control(&mut self, client: usize, message: &ClientMessage<'_>) {
        let (now, mut sent) = (self.now(), Sent::default());
        self.server.handle_control(now, self.clients[client].1, message, &mut sent);
        self.pass_on(sent);
    }

    fn poll_server(&mut self) {
        for client in 0..self.clients.len() {
            let mut sent = Sent::default();
            while self.server.poll_control(self.clients[client].1, &mut sent) {}
            self.pass_on(sent);
        }
    }

    fn absorb(&mut self, client: usize, deeds: Deeds) {
        let at_us = self.now_us;
        let kept = |strip: Arrival| if self.keeps_strips { strip } else { Arrival { bytes: Vec::new(), ..strip } };
        let came = deeds.strips.into_iter().map(|strip| Arrival { at_us, ..kept(strip) });
        self.arrivals.borrow_mut().extend(came);
        for bytes in deeds.datagrams {
            let total = if client == SENDER { &mut self.traffic.sender_up } else { &mut self.traffic.receiver_up };
            *total += bytes.len() as u64;
            self.launch(client, true, bytes);
        }
        let has_said = !deeds.controls.is_empty();
        for body in deeds.controls {
            if let Ok(Parsed::Message(message)) = parse_client(&body) {
                self.control(client, &message);
            }
        }
        if has_said {
            self.poll_server();
        }
    }

    fn pass_on(&mut self, sent: Sent) {
        for (to, bytes) in sent.datagrams {
            let client = usize::from(to.port());
            self.traffic.receiver_down += if client == RECEIVER { bytes.len() as u64 } else { 0 };
            self.launch(client, false, bytes);
        }
        for (to, body) in sent.controls {
            let Some(client) = self.clients.iter().position(|(_, id)| *id == to) else { continue };
            if let Ok(Parsed::Message(message)) = parse_server(&body) {
                let (now, mut deeds) = (self.now(), Deeds::default());
                self.clients[client].0.handle_control(now, &message, &mut deeds);
                self.absorb(client, deeds);
            }
        }
    }

    fn launch(&mut self, client: usize, is_up: bool, bytes: Vec<u8>) {
        self.number += 1;
        if let Some(at_us) = self.lines[client][usize::from(!is_up)].carry(self.now_us) {
            self.on_its_way.push(Reverse((at_us, self.number, client, is_up, bytes)));
        }
    }
}
