//! The server machine, step by step. What follows from many steps in any order is the simulator's matter.

extern crate std;

mod accounts;
mod breakouts;
mod call;
mod chat;
mod control;
mod datagram;
mod door;
mod in_room;
mod lobby;
mod matrix;
mod media;
mod moderation;

use std::boxed::Box;
use std::net::{Ipv4Addr, SocketAddr};
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use super::*;
use crate::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use crate::endpoint::relay::{RelayRoom, RelaySessionPlace};
use crate::endpoint::single::{SingleOutput, SingleServer, SingleStorage};
use crate::error::DropReason;
use crate::limits::HOP_PREFIX_BYTES;
use crate::limits::{CONTROL_FRAME_MAX_BYTES, HOP_HEADER_BYTES};
use crate::wire::control::{ClientMessage, DevicePublic, Parsed, emit_server, parse_server};
use crate::wire::datagram::Kind;

/// What a machine has done since somebody looked.
#[derive(Default)]
struct Deeds {
    controls: Vec<(SessionId, ServerMessage<'static>)>,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    events: Vec<String>,
}

impl SingleOutput for Deeds {
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

    fn event(&mut self, event: ServerEvent<'_>) {
        self.events.push(format!("{event:?}"));
    }
}

/// A machine, a clock, and what the machine has done.
struct Bench {
    machine: SingleServer<'static>,
    now: Instant,
    deeds: Deeds,
}

/// How much a bench holds.
#[derive(Clone, Copy)]
struct Size {
    sessions: usize,
    rooms: usize,
    calls: usize,
    limits: RateLimits,
}

const SIZE: Size = Size {
    sessions: 8,
    rooms: 3,
    calls: 8,
    limits: RateLimits { datagrams: (4000, 2000), chats: (5, 20), controls: (100, 400) },
};
const ROOM: RoomId = RoomId(1);
const OTHER_ROOM: RoomId = RoomId(2);
const NO_ROOM: RoomId = RoomId(9);

impl Bench {
    /// A server with two rooms.
    fn new(size: Size) -> Self {
        let sessions = (0..size.sessions).map(|_| SessionPlace::default()).collect::<Vec<_>>().leak();
        let rooms = (0..size.rooms).map(|_| RoomPlace::default()).collect::<Vec<_>>().leak();
        let calls = (0..size.calls).map(|_| CallPlace::default()).collect::<Vec<_>>().leak();
        let relay_sessions = (0..size.sessions).map(|_| RelaySessionPlace::default()).collect::<Vec<_>>().leak();
        let relay_rooms = (0..size.rooms).map(|_| RelayRoom::default()).collect::<Vec<_>>().leak();
        let server = ServerStorage { sessions, rooms, calls };
        let storage =
            SingleStorage { server, relay_sessions, relay_rooms, relay_cache: Default::default(), relay_logs: &mut [] };
        let mut machine = SingleServer::new(storage, size.limits, [1; 32]);
        machine.add_room(ROOM, "Lớp học", 7).unwrap();
        if size.rooms > 1 {
            machine.add_room(OTHER_ROOM, "Phòng khác", 0).unwrap();
        }
        Self { machine, now: Instant::from_micros(1_000_000), deeds: Deeds::default() }
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn try_sign_in(&mut self, name: &str) -> Result<Raw, Refusal> {
        let exporter = [name.len() as u8 ^ name.as_bytes()[0]; 32];
        let id = self.machine.open_session(self.now, identity(name), &exporter, &mut self.deeds)?;
        Ok(Raw::new(id, &exporter))
    }

    fn sign_in_as(&mut self, name: &str, scope: Scope) -> SessionId {
        let identity = Identity { scope, ..identity(name) };
        self.machine.open_session(self.now, identity, &[7; 32], &mut self.deeds).unwrap()
    }

    fn sign_in(&mut self, name: &str) -> Raw {
        self.try_sign_in(name).unwrap()
    }

    /// Signs in and joins the room.
    fn join(&mut self, name: &str) -> Raw {
        let mut raw = self.sign_in(name);
        self.say(raw.id, &ClientMessage::JoinRoom { request: 1, room: ROOM });
        match self.heard(raw.id).as_slice() {
            [ServerMessage::Joined { slot, member, .. }] => (raw.slot, raw.member) = (*slot, *member),
            other => panic!("{other:?}"),
        }
        raw
    }

    /// Joins the room and binds an address.
    fn join_with_address(&mut self, name: &str) -> Raw {
        let mut raw = self.join(name);
        self.bind(&mut raw);
        raw
    }

    /// Binds the address that the client has now.
    fn bind(&mut self, raw: &mut Raw) {
        self.hand_in(raw.address, &raw.seal(self.now, Kind::Hello, &[0; 8])).unwrap();
        let challenge = self.datagrams().pop().expect("a challenge");
        let (kind, token) = raw.open(self.now, &challenge.1);
        assert_eq!((kind, challenge.0), (Kind::Challenge, raw.address));
        self.hand_in(raw.address, &raw.seal(self.now, Kind::Response, &token)).unwrap();
    }

    fn say(&mut self, from: SessionId, message: &ClientMessage<'_>) {
        self.machine.handle_control(self.now, from, message, &mut self.deeds);
    }

    /// Says something that is refused.
    fn refusal(&mut self, from: SessionId, message: &ClientMessage<'_>) -> Option<Refusal> {
        self.heard(from);
        self.say(from, message);
        self.heard(from).into_iter().find_map(|message| match message {
            ServerMessage::Refused { reason, .. } => Some(reason),
            _ => None,
        })
    }

    /// Hands in a datagram. A refusal must be counted, once and under its name.
    fn hand_in(&mut self, from: SocketAddr, bytes: &[u8]) -> Result<(), DropReason> {
        let before = *self.machine.drops();
        let result = self.machine.handle_datagram(self.now, from, &mut bytes.to_vec(), &mut self.deeds);
        let after = self.machine.drops();
        assert_eq!(after.total() - before.total(), u64::from(result.is_err()));
        if let Err(reason) = result {
            assert_eq!(after.of(reason), before.of(reason) + 1);
        }
        result
    }

    /// Tells everybody all that is to be told.
    fn tell(&mut self) {
        for id in self.machine.sessions().collect::<Vec<_>>() {
            while self.machine.poll_control(id, &mut self.deeds) {}
        }
    }

    /// What was said to a session since somebody looked.
    fn heard(&mut self, id: SessionId) -> Vec<ServerMessage<'static>> {
        let (heard, rest) = std::mem::take(&mut self.deeds.controls).into_iter().partition(|(to, _)| *to == id);
        self.deeds.controls = rest;
        let heard: Vec<(SessionId, ServerMessage<'static>)> = heard;
        heard.into_iter().map(|(_, message)| message).collect()
    }

    fn datagrams(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.deeds.datagrams)
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.deeds.events)
    }
}

fn identity(name: &str) -> Identity {
    let device = DevicePublic { seal: [name.as_bytes()[0]; 32], sign: [1; 32] };
    let scope = Scope::default();
    Identity { username: name.try_into().unwrap(), display_name: name.try_into().unwrap(), device, scope }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

/// The other end of a session, as bare as can be.
struct Raw {
    id: SessionId,
    slot: crate::id::Slot,
    member: u32,
    address: SocketAddr,
    sealer: HopSealer,
    opener: HopOpener,
}

impl Raw {
    fn new(id: SessionId, exporter: &[u8; 32]) -> Self {
        Self {
            id,
            slot: Default::default(),
            member: 0,
            address: address(100 + id.index() as u16),
            sealer: HopSealer::new(exporter, id.0, Direction::ClientToServer),
            opener: HopOpener::new(exporter, id.0, Direction::ServerToClient),
        }
    }

    fn seal(&mut self, now: Instant, kind: Kind, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        let prefix = self.sealer.seal_body(now, kind as u8, &mut body).unwrap();
        [prefix.as_slice(), &body].concat()
    }

    fn open(&mut self, now: Instant, bytes: &[u8]) -> (Kind, Vec<u8>) {
        let header = HopHeader::parse(bytes).unwrap();
        let (prefix, body) = bytes.split_at(HOP_PREFIX_BYTES);
        let mut body = body.to_vec();
        self.opener.open_body(now, &header, prefix[HOP_HEADER_BYTES..].try_into().unwrap(), &mut body).unwrap();
        (Kind::parse(header.kind).unwrap(), body)
    }
}
