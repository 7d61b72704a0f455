//! The client machine with the server machine, over a network without delay; and with a server that lies.

extern crate std;

mod edges;
mod keys;
mod link;
mod moving;
mod repair;
mod rooms;
mod safety;

use std::boxed::Box;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use super::*;
use crate::endpoint::relay::{HopLog, RelayRoom, RelaySessionPlace};
use crate::endpoint::server::{Identity, RateLimits, Scope, ServerEvent, ServerStorage, SessionPlace};
use crate::endpoint::single::{SingleOutput, SingleServer, SingleStorage};
use crate::limits::{CONTROL_FRAME_MAX_BYTES, FRAGMENT_PAYLOAD_MAX_BYTES, HOP_PREFIX_BYTES};
use crate::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use crate::media::nack::{GapTracker, Gaps, Missing};
use crate::media::parity::{RECOVERY_PLACE_BYTES, Recovery, RecoveryPlace, Symbol};
use crate::media::reassembly::{DEADLINE_DEFAULT, ReassemblySlot};
use crate::media::track_window::TrackWindow;
use crate::time::Duration;
use crate::wire::control::{Codec, Parsed, emit_client, emit_server, parse_client, parse_server};

const ROOM: RoomId = RoomId(1);
const ON: TrackInfo = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 64, height: 64 };
const TRACK: TrackId = TrackId::CAMERA;

/// What a client machine has done.
#[derive(Default)]
struct Deeds {
    controls: Vec<ClientMessage<'static>>,
    datagrams: Vec<Vec<u8>>,
    events: Vec<String>,
}

impl ClientOutput for Deeds {
    fn control(&mut self, message: &ClientMessage<'_>) {
        let mut frame = vec![0; CONTROL_FRAME_MAX_BYTES];
        let len = emit_client(message, &mut frame).unwrap();
        frame.truncate(len);
        match parse_client(&Box::leak(frame.into_boxed_slice())[4..]) {
            Ok(Parsed::Message(message)) => self.controls.push(message),
            other => panic!("{other:?}"),
        }
    }

    fn datagram(&mut self, bytes: &[u8]) {
        self.datagrams.push(bytes.to_vec());
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        self.events.push(format!("{event:?}"));
    }
}

fn cache() -> PacketCache<'static> {
    PacketCache::new(vec![CachePlace::EMPTY; 256].leak(), vec![0; 256 * CACHE_PACKET_BYTES].leak())
}

/// A client machine of its own.
fn machine(rooms: usize, seed: u8) -> ClientMachine<'static> {
    let rooms = (0..rooms).map(|_| ClientRoomPlace::default()).collect::<Vec<_>>().leak();
    let slots = vec![ReassemblySlot::EMPTY; 2].leak();
    let memory = vec![0; 2 * 8 * FRAGMENT_PAYLOAD_MAX_BYTES].leak();
    let tracks = vec![TrackWindow::EMPTY; 8].leak();
    let reassembler = Reassembler::new(slots, memory, tracks, DEADLINE_DEFAULT);
    let held = vec![HeldPacket::EMPTY; 4].leak();
    let repair = ClientRepair {
        sent: cache(),
        gaps: Gaps::new(vec![GapTracker::EMPTY; 4].leak(), vec![Missing::NONE; 64].leak()),
        recovery: Recovery::new(vec![RecoveryPlace::EMPTY; 2].leak(), vec![0; 2 * RECOVERY_PLACE_BYTES].leak()),
        parity: vec![Symbol::EMPTY; 16].leak(),
    };
    ClientMachine::new(
        ClientStorage { rooms, reassembler, held, repair },
        DeviceSecret::from_seed(&[seed; 32]),
        [seed; 32],
    )
}

/// What the server machine has done.
#[derive(Default)]
struct Sent {
    controls: Vec<(SessionId, ServerMessage<'static>)>,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

impl SingleOutput for Sent {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        let mut frame = vec![0; CONTROL_FRAME_MAX_BYTES];
        let len = emit_server(message, &mut frame).unwrap();
        frame.truncate(len);
        match parse_server(&Box::leak(frame.into_boxed_slice())[4..]) {
            Ok(Parsed::Message(message)) => self.controls.push((to, message)),
            other => panic!("{other:?}"),
        }
    }

    fn datagram(&mut self, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        self.datagrams.push((to, [prefix, payload].concat()));
    }

    fn event(&mut self, _event: ServerEvent<'_>) {}
}

/// One client of a [`Bench`].
struct Peer {
    machine: ClientMachine<'static>,
    id: SessionId,
    deeds: Deeds,
    /// Messages of the server that it has not read.
    inbox: VecDeque<ServerMessage<'static>>,
    /// Whether it reads nothing at the moment.
    is_deaf: bool,
    /// Every media packet that it has sent, from the media header on.
    sent: Vec<Vec<u8>>,
}

/// Peer, whether on its way up, datagram.
type Loses = dyn FnMut(usize, bool, &[u8]) -> bool;

/// A server with one room, and clients.
struct Bench {
    server: SingleServer<'static>,
    now: Instant,
    peers: Vec<Peer>,
    /// Whether the network loses a datagram of that peer, on its way up or down.
    loses: Box<Loses>,
}

impl Bench {
    fn new(names: &[&str]) -> Self {
        Self::with_network(names, Box::new(|_, _, _| false))
    }

    /// A network that never lets a datagram pass.
    fn behind_a_wall(names: &[&str]) -> Self {
        Self::with_network(names, Box::new(|_, _, _| true))
    }

    fn with_network(names: &[&str], loses: Box<Loses>) -> Self {
        let sessions = (0..names.len()).map(|_| SessionPlace::default()).collect::<Vec<_>>().leak();
        let rooms = vec![Default::default()].leak();
        let relay_sessions = (0..names.len()).map(|_| RelaySessionPlace::default()).collect::<Vec<_>>().leak();
        let relay_rooms = (0..rooms.len()).map(|_| RelayRoom::default()).collect::<Vec<_>>().leak();
        let server = ServerStorage { sessions, rooms, calls: &mut [] };
        let storage = SingleStorage {
            server,
            relay_sessions,
            relay_rooms,
            relay_cache: cache(),
            relay_logs: vec![HopLog::default(); 4].leak(),
        };
        let mut server = SingleServer::new(storage, RateLimits::default(), [9; 32]);
        server.add_room(ROOM, "Lớp học", 0).unwrap();
        let mut bench = Self { server, now: Instant::from_micros(1_000_000), peers: Vec::new(), loses };
        for (name, seed) in names.iter().zip(1..) {
            bench.sign_in(name, seed);
        }
        bench
    }

    fn sign_in(&mut self, name: &str, seed: u8) {
        let mut machine = machine(2, seed);
        let keys = machine.device().keys();
        let device = DevicePublic { seal: keys.seal, sign: keys.sign };
        let (username, display_name) = (name.try_into().unwrap(), name.try_into().unwrap());
        let identity = Identity { username, display_name, device, scope: Scope::Everywhere };
        let mut deeds = Deeds::default();
        let id = self.server.open_session(self.now, identity, &[seed; 32], &mut Sent::default()).unwrap();
        machine.handle_signed_in(self.now, id, name, &[seed; 32], &mut deeds);
        let (inbox, sent) = (VecDeque::new(), Vec::new());
        self.peers.push(Peer { machine, id, deeds, inbox, is_deaf: false, sent });
        self.settle();
    }

    /// A peer joins the room and switches its track on.
    fn join(&mut self, peer: usize) {
        self.say(peer, &ClientMessage::JoinRoom { request: 7, room: ROOM });
        self.settle();
        let Peer { machine, deeds, .. } = &mut self.peers[peer];
        machine.set_track(ROOM, TRACK, ON, deeds);
        self.settle();
    }

    fn leave(&mut self, peer: usize) {
        let Peer { machine, deeds, .. } = &mut self.peers[peer];
        machine.leave(ROOM, deeds);
        self.settle();
    }

    /// Says something to the server in a peer's name.
    fn say(&mut self, peer: usize, message: &ClientMessage<'_>) {
        let mut sent = Sent::default();
        self.server.handle_control(self.now, self.peers[peer].id, message, &mut sent);
        self.absorb(sent);
    }

    fn absorb(&mut self, sent: Sent) {
        for (to, message) in sent.controls {
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == to) {
                peer.inbox.push_back(message);
            }
        }
        for (to, mut bytes) in sent.datagrams {
            if (self.loses)(to.port().into(), false, &bytes) {
                continue;
            }
            let peer = &mut self.peers[usize::from(to.port())];
            let _ = peer.machine.handle_datagram(self.now, &mut bytes, &mut peer.deeds);
        }
    }

    /// Carries everything to its end, until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut is_quiet = true;
            for peer in 0..self.peers.len() {
                let this = &mut self.peers[peer];
                if !this.is_deaf
                    && let Some(message) = this.inbox.pop_front()
                {
                    this.machine.handle_control(self.now, &message, &mut this.deeds);
                    is_quiet = false;
                }
                let controls = std::mem::take(&mut this.deeds.controls);
                let datagrams = std::mem::take(&mut this.deeds.datagrams);
                let id = this.id;
                is_quiet &= controls.is_empty() && datagrams.is_empty();
                for message in controls {
                    if let ClientMessage::Tunnelled { datagram } = message
                        && datagram[0] == crate::wire::datagram::Kind::Media as u8
                    {
                        self.peers[peer].sent.push(datagram[HOP_PREFIX_BYTES..].to_vec());
                    }
                    self.say(peer, &message);
                }
                for bytes in datagrams {
                    self.send(peer, bytes);
                }
                let mut sent = Sent::default();
                is_quiet &= !self.server.poll_control(id, &mut sent);
                self.absorb(sent);
            }
            if is_quiet {
                return;
            }
        }
    }

    fn send(&mut self, peer: usize, mut bytes: Vec<u8>) {
        if bytes[0] == crate::wire::datagram::Kind::Media as u8 {
            self.peers[peer].sent.push(bytes[HOP_PREFIX_BYTES..].to_vec());
        }
        if (self.loses)(peer, true, &bytes) {
            return;
        }
        let from = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), peer as u16);
        let mut sent = Sent::default();
        let _ = self.server.handle_datagram(self.now, from, &mut bytes, &mut sent);
        self.absorb(sent);
    }

    /// Lets time pass; every machine is woken when it wants to be.
    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            let next = self.peers.iter().map(|peer| peer.machine.poll_timeout()).min().unwrap_or(Instant::NEVER);
            let next = next.min(self.server.poll_timeout());
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            if self.now >= self.server.poll_timeout() {
                let mut sent = Sent::default();
                self.server.handle_timeout(self.now, &mut sent);
                self.absorb(sent);
            }
            for peer in 0..self.peers.len() {
                let Peer { machine, deeds, .. } = &mut self.peers[peer];
                machine.handle_timeout(self.now, deeds);
                assert!(machine.poll_timeout() > self.now, "wants to be woken in the past");
            }
            self.settle();
        }
    }

    /// A peer sends a frame; gives its epoch.
    fn send_frame(&mut self, peer: usize, text: &str) -> u16 {
        let Peer { machine, deeds, .. } = &mut self.peers[peer];
        let frame = OutgoingFrame {
            track: TRACK,
            layer: 0,
            timestamp: 0,
            level: 127,
            bytes: text.as_bytes(),
            pieces: Pieces::Fragments,
        };
        machine.send_frame(self.now, ROOM, &frame, deeds).unwrap();
        self.settle();
        let packet = self.peers[peer].sent.last().unwrap();
        let layout = crate::wire::media::MediaLayout::parse(packet).unwrap();
        (layout.sframe.kid & 0xffff) as u16
    }

    /// Whether a peer has handed out a frame with that text.
    fn has(&self, peer: usize, text: &str) -> bool {
        let bytes = format!("{:?}", text.as_bytes());
        self.peers[peer].deeds.events.iter().any(|event| event.starts_with("Frame") && event.contains(&bytes))
    }

    fn events(&mut self, peer: usize) -> Vec<String> {
        std::mem::take(&mut self.peers[peer].deeds.events)
    }
}

/// Events of that kind.
fn count(events: &[String], kind: &str) -> usize {
    events.iter().filter(|event| event.starts_with(kind)).count()
}
