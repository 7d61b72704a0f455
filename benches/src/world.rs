//! The packet plane of a server without sockets: rooms full of people whose addresses are proved, and packets for it.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

use hph_core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_core::endpoint::relay::{
    HandOver, HopLog, HopSecret, RelayCommand, RelayMachine, RelayOutput, RelayReport, RelayRoom, RelaySessionPlace,
    RelayStorage, Shards,
};
use hph_core::id::{RoomId, SessionId, Slot, TrackId};
use hph_core::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES, TAG_BYTES};
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::media::feedback::Downstream;
use hph_core::time::Instant;
use hph_core::wire::datagram::{Kind, TOKEN_BODY_BYTES};
use hph_core::wire::media::{Form, MediaHeader};

/// The SFrame header of a media packet with a small key id and a counter of two bytes.
const SFRAME: [u8; 4] = [0x98, 0x01, 0x00, 0x40];
/// Packets that a shard keeps to send them again, as a server does.
const CACHED: usize = 2048;
/// When everything happens.
pub const NOW: Instant = Instant::from_micros(1_000_000);

/// Counts the media that would be sent, and keeps the last datagram that is no media.
#[derive(Default)]
pub struct Sink {
    /// Datagrams.
    pub sent: u64,
    answer: Vec<u8>,
}

impl RelayOutput for Sink {
    fn datagram(&mut self, lane: usize, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        black_box((lane, to, prefix, payload.len()));
        // Reports to senders are none.
        self.sent += u64::from(prefix[0] == Kind::Media as u8);
        if payload.len() == TOKEN_BODY_BYTES {
            self.answer = [prefix.as_slice(), payload].concat();
        }
    }

    fn hand_over(&mut self, _: usize, _: HandOver, _: &[u8]) {}

    fn hand_over_whole(&mut self, _: usize, _: SocketAddr, _: &[u8]) {}

    fn tunnel(&mut self, _: SessionId, _: &[u8; HOP_PREFIX_BYTES], _: &[u8]) {}

    fn report(&mut self, _: &RelayReport) {}

    fn tell(&mut self, _: usize, _: u16, _: Downstream) {}
}

/// One person.
struct Person {
    sealer: HopSealer,
    address: SocketAddr,
    seq: u32,
}

/// Rooms with as many people each; the first of each room has its camera on.
pub struct World {
    machine: RelayMachine<'static>,
    people: Vec<Person>,
    people_per_room: usize,
    /// What came out.
    pub sink: Sink,
}

/// A sealed datagram and where it comes from.
pub type Sealed = (SocketAddr, Vec<u8>);

fn table<T: Default>(len: usize) -> &'static mut [T] {
    (0..len).map(|_| T::default()).collect::<Vec<_>>().leak()
}

impl World {
    /// Fills the rooms. The memory is never given back: a bench ends soon.
    pub fn new(rooms: usize, people_per_room: usize) -> Self {
        let sessions = rooms * people_per_room;
        let cache =
            PacketCache::new(vec![CachePlace::EMPTY; CACHED].leak(), vec![0; CACHED * CACHE_PACKET_BYTES].leak());
        let storage = RelayStorage {
            sessions: table::<RelaySessionPlace>(sessions),
            rooms: table::<RelayRoom>(rooms),
            cache,
            logs: table::<HopLog>(sessions),
        };
        let rate = (u32::MAX, u32::MAX);
        let machine = RelayMachine::new(storage, 0, Shards::ONE, rate, [7; 32]);
        let mut world = Self { machine, people: Vec::new(), people_per_room, sink: Sink::default() };
        for index in 0..sessions {
            world.enter(index);
        }
        world
    }

    fn enter(&mut self, index: usize) {
        let (session, secret) = (SessionId(index as u32), [index as u8; 32]);
        let (room_index, slot) = ((index / self.people_per_room) as u16, Slot((index % self.people_per_room) as u16));
        let room = RoomId(u32::from(room_index));
        self.machine.apply(&RelayCommand::OpenSession { session, secret: HopSecret(secret) });
        self.machine.apply(&RelayCommand::Join { room_index, room, slot, session });
        let (track, is_on) = (TrackId::CAMERA, slot == Slot(0));
        self.machine.apply(&RelayCommand::SetTrack { room_index, slot, track, is_on, width: 1280 });
        let address = SocketAddr::from((Ipv4Addr::new(10, 1, (index >> 8) as u8, index as u8), 4000));
        let sealer = HopSealer::new(&secret, session.0, Direction::ClientToServer);
        let mut person = Person { sealer, address, seq: 0 };
        self.send_body(&mut person, Kind::Hello, [0; TOKEN_BODY_BYTES]);
        let mut opener = HopOpener::new(&secret, session.0, Direction::ServerToClient);
        let (prefix, body) = self.sink.answer.split_at_mut(HOP_PREFIX_BYTES);
        let header = HopHeader::parse(prefix).expect("the machine sends whole headers");
        let tag = prefix[HOP_HEADER_BYTES..].try_into().expect("and whole tags");
        opener.open_body(NOW, &header, tag, body).expect("that fit");
        let token = <[u8; TOKEN_BODY_BYTES]>::try_from(&*body).expect("a challenge");
        self.send_body(&mut person, Kind::Response, token);
        self.people.push(person);
    }

    fn send_body(&mut self, person: &mut Person, kind: Kind, mut body: [u8; TOKEN_BODY_BYTES]) {
        let prefix = person.sealer.seal_body(NOW, kind as u8, &mut body).expect("a fresh key");
        let mut bytes = [prefix.as_slice(), &body].concat();
        self.machine.handle_datagram(NOW, person.address, &mut bytes, &mut self.sink).expect("it is in order");
    }

    /// The next packet of the sender of that room.
    pub fn seal(&mut self, room: usize, datagram_bytes: usize) -> Sealed {
        let person = &mut self.people[room * self.people_per_room];
        person.seq += 1;
        let header = MediaHeader {
            room: RoomId(room as u32),
            sender: Slot(0),
            track: TrackId::CAMERA,
            parity: 0,
            seq: person.seq,
            timestamp: 0,
            frame: person.seq,
            index: 0,
            count: 1,
            layer: 0,
            level: 0,
            form: Form::Fragments,
        };
        let clear = [&header.emit()[..], &SFRAME, &[7; TAG_BYTES]].concat();
        let prefix = person.sealer.seal_clear(NOW, Kind::Media as u8, &clear).expect("a fresh key");
        let mut bytes = [prefix.as_slice(), &clear].concat();
        bytes.resize(datagram_bytes.min(DATAGRAM_MAX_BYTES), 0x5a);
        (person.address, bytes)
    }

    /// Lets the machine forward a packet.
    ///
    /// # Panics
    /// If it does not.
    pub fn forward(&mut self, packet: &mut Sealed) {
        self.machine.handle_datagram(NOW, packet.0, &mut packet.1, &mut self.sink).expect("a packet in order");
    }
}
