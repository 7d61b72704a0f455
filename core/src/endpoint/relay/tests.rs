//! One or two shards, driven by hand: clients that seal like real ones, commands as the control plane gives them.

extern crate std;

mod layers;
mod repair;
mod tunnel;

use core::net::SocketAddr;
use std::vec::Vec;

use super::*;
use crate::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use crate::crypto::sframe::SframeHeader;
use crate::error::DropReason;
use crate::id::RoomId;
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, TAG_BYTES};
use crate::media::cache::{CACHE_PACKET_BYTES, CachePlace};
use crate::time::Instant;
use crate::wire::datagram::{Kind, PING_BODY_BYTES, TOKEN_BODY_BYTES, emit_clocks};
use crate::wire::media::{Form, MediaHeader};

const ROOM: RoomId = RoomId(7);
const RATE: (u32, u32) = (1000, 100);

fn at_ms(ms: u64) -> Instant {
    Instant::from_micros(1_000_000 + ms * 1000)
}

fn address(number: u32, port: u16) -> SocketAddr {
    ([10, 0, 0, number as u8], port).into()
}

/// Of a frame of one packet.
fn header(room: RoomId, sender: Slot, track: TrackId, seq: u32) -> MediaHeader {
    MediaHeader {
        room,
        sender,
        track,
        parity: 0,
        seq,
        timestamp: 0,
        frame: seq,
        index: 0,
        count: 1,
        layer: 0,
        level: 0,
        form: Form::Fragments,
    }
}

/// A client, as far as its datagrams go.
struct Client {
    session: SessionId,
    sealer: HopSealer,
    opener: HopOpener,
    address: SocketAddr,
    seq: u32,
    /// Size of the pictures that it sends, and what they weigh.
    layer: u8,
    bytes: usize,
}

impl Client {
    fn new(index: u32) -> Self {
        let session = SessionId(0x5eed_0000 | index);
        let secret = [index as u8; 32];
        Self {
            session,
            sealer: HopSealer::new(&secret, session.0, Direction::ClientToServer),
            opener: HopOpener::new(&secret, session.0, Direction::ServerToClient),
            address: address(index, 1000),
            seq: 0,
            layer: 0,
            bytes: 10,
        }
    }

    fn body(&mut self, now: Instant, kind: Kind, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        let prefix = self.sealer.seal_body(now, kind as u8, &mut body).unwrap();
        [&prefix[..], &body].concat()
    }

    fn hello(&mut self, now: Instant) -> Vec<u8> {
        self.body(now, Kind::Hello, &[0; TOKEN_BODY_BYTES])
    }

    fn ping(&mut self, now: Instant) -> Vec<u8> {
        self.body(now, Kind::Ping, &emit_clocks(now.as_micros(), 0))
    }

    fn media(&mut self, now: Instant, room: RoomId, slot: Slot, track: TrackId) -> Vec<u8> {
        self.seq += 1;
        let seq = self.seq;
        let layer = self.layer;
        self.packet(now, &MediaHeader { layer, ..header(room, slot, track, seq) })
    }

    fn packet(&mut self, now: Instant, header: &MediaHeader) -> Vec<u8> {
        let mut payload = header.emit().to_vec();
        if header.is_parity() {
            let prefix = self.sealer.seal_clear(now, Kind::Media as u8, &payload).unwrap();
            payload.extend(std::iter::repeat_n(b'c', self.bytes));
            return [&prefix[..], &payload].concat();
        }
        let sframe = SframeHeader::parse(&[0x97, 0x01, 0x00]).unwrap();
        payload.extend([0x97, 0x01, 0x00].iter().take(sframe.1));
        payload.extend([9; TAG_BYTES]);
        let prefix = self.sealer.seal_clear(now, Kind::Media as u8, &payload).unwrap();
        payload.extend(std::iter::repeat_n(b'c', self.bytes));
        [&prefix[..], &payload].concat()
    }

    /// Opens what the server sent; gives its kind and what follows the prefix.
    fn open(&mut self, now: Instant, datagram: &[u8]) -> (Kind, Vec<u8>) {
        let header = HopHeader::parse(datagram).unwrap();
        assert_eq!(header.connection, self.session.0);
        let kind = Kind::parse(header.kind).unwrap();
        let (prefix, rest) = datagram.split_at(HOP_PREFIX_BYTES);
        let tag: [u8; TAG_BYTES] = prefix[HOP_HEADER_BYTES..].try_into().unwrap();
        let mut rest = rest.to_vec();
        match kind {
            Kind::Media => {
                let clear = rest.len() - rest.iter().rev().take_while(|byte| **byte == b'c').count();
                self.opener.open_clear(now, &header, &tag, &rest[..clear]).unwrap();
            }
            _ => drop(self.opener.open_body(now, &header, &tag, &mut rest).unwrap()),
        }
        (kind, rest)
    }
}

/// What machines put out.
#[derive(Debug, Default)]
struct Deeds {
    sent: Vec<(usize, SocketAddr, Vec<u8>)>,
    tunnelled: Vec<(SessionId, Vec<u8>)>,
    handed_over: Vec<(usize, HandOver, Vec<u8>)>,
    strays: Vec<(usize, SocketAddr, Vec<u8>)>,
    reports: Vec<RelayReport>,
    told: Vec<(usize, u16, Downstream)>,
}

impl RelayOutput for Deeds {
    fn datagram(&mut self, lane: usize, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        self.sent.push((lane, to, [prefix, payload].concat()));
    }

    fn tunnel(&mut self, session: SessionId, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        self.tunnelled.push((session, [prefix, payload].concat()));
    }

    fn hand_over(&mut self, shard: usize, what: HandOver, payload: &[u8]) {
        self.handed_over.push((shard, what, payload.to_vec()));
    }

    fn hand_over_whole(&mut self, shard: usize, from: SocketAddr, datagram: &[u8]) {
        self.strays.push((shard, from, datagram.to_vec()));
    }

    fn report(&mut self, report: &RelayReport) {
        self.reports.push(*report);
    }

    fn tell(&mut self, shard: usize, room_index: u16, downstream: Downstream) {
        self.told.push((shard, room_index, downstream));
    }
}

/// Shards with as much memory as a test needs.
struct Relay {
    machines: Vec<RelayMachine<'static>>,
    shards: Shards,
}

impl Relay {
    fn new(count: usize) -> Self {
        let shards = Shards::new(count);
        let machine = |shard: usize| {
            let storage = RelayStorage {
                sessions: (0..shards.places(12)).map(|_| RelaySessionPlace::default()).collect::<Vec<_>>().leak(),
                rooms: std::vec![RelayRoom::default(); 2].leak(),
                logs: std::vec![HopLog::default(); 12].leak(),
                cache: PacketCache::new(
                    std::vec![CachePlace::EMPTY; 64].leak(),
                    std::vec![0; 64 * CACHE_PACKET_BYTES].leak(),
                ),
            };
            RelayMachine::new(storage, shard, shards, RATE, [shard as u8; 32])
        };
        Self { machines: (0..count).map(machine).collect(), shards }
    }

    fn apply(&mut self, command: RelayCommand) {
        let to = command.shard(self.shards);
        for (shard, machine) in self.machines.iter_mut().enumerate() {
            if to.is_none_or(|to| to == shard) {
                machine.apply(&command);
            }
        }
    }

    /// A client who is signed in, in a room place of its index, with its camera on and its path proved.
    fn client(&mut self, index: u32) -> Client {
        let mut client = Client::new(index);
        let (session, slot) = (client.session, Slot(index as u16));
        self.apply(RelayCommand::OpenSession { session, secret: HopSecret([index as u8; 32]) });
        self.apply(RelayCommand::Join { room_index: 0, room: ROOM, slot, session });
        self.apply(RelayCommand::SetTrack { room_index: 0, slot, track: TrackId::CAMERA, is_on: true, width: 1280 });
        let from = client.address;
        self.prove(at_ms(0), &mut client, from);
        client
    }

    fn prove(&mut self, now: Instant, client: &mut Client, from: SocketAddr) {
        let hello = client.hello(now);
        let (result, deeds) = self.home(client, now, from, &hello);
        assert_eq!(result, Ok(()));
        let [(_, to, challenge)] = &deeds.sent[..] else { panic!("{deeds:?}") };
        assert_eq!((*to, challenge.len()), (from, hello.len()), "as long as what asked for it");
        let (kind, token) = client.open(now, challenge);
        assert_eq!(kind, Kind::Challenge);
        let response = client.body(now, Kind::Response, &token);
        assert_eq!(self.home(client, now, from, &response).0, Ok(()));
        client.address = from;
    }

    /// A datagram at the home of its sender.
    fn home(
        &mut self,
        client: &Client,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
    ) -> (Result<(), DropReason>, Deeds) {
        self.handle(self.shards.home_of(client.session), now, from, bytes)
    }

    fn handle(
        &mut self,
        shard: usize,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
    ) -> (Result<(), DropReason>, Deeds) {
        let mut deeds = Deeds::default();
        let result = self.machines[shard].handle_datagram(now, from, &mut bytes.to_vec(), &mut deeds);
        (result, deeds)
    }

    fn drops(&self, reason: DropReason) -> u64 {
        self.machines.iter().map(|machine| machine.drops().of(reason)).sum()
    }
}

#[test]
fn media_goes_to_the_others_in_the_room_and_not_back() {
    let mut relay = Relay::new(1);
    let mut clients: Vec<_> = (0..3).map(|index| relay.client(index)).collect();
    let packet = clients[0].media(at_ms(1), ROOM, Slot(0), TrackId::CAMERA);
    let (result, deeds) = relay.home(&clients[0], at_ms(1), clients[0].address, &packet);
    assert_eq!((result, deeds.sent.len(), deeds.handed_over.len()), (Ok(()), 2, 0));
    for (lane, to, datagram) in deeds.sent {
        assert_eq!(to, clients[lane].address);
        let (kind, payload) = clients[lane].open(at_ms(1), &datagram);
        assert_eq!((kind, &payload[..]), (Kind::Media, &packet[HOP_PREFIX_BYTES..]));
    }
    assert_eq!(relay.machines[0].forwarded(), 2);
}

#[test]
fn a_packet_crosses_to_another_shard_once_and_is_sealed_there() {
    let mut relay = Relay::new(2);
    let mut clients: Vec<_> = (0..6).map(|index| relay.client(index)).collect();
    let packet = clients[0].media(at_ms(1), ROOM, Slot(0), TrackId::CAMERA);
    let (result, deeds) = relay.home(&clients[0], at_ms(1), clients[0].address, &packet);
    assert_eq!(result, Ok(()));
    assert_eq!(deeds.sent.len(), 2, "2 and 4 live where 0 does");
    let [(1, what, payload)] = &deeds.handed_over[..] else { panic!("{deeds:?}") };
    let mut there = Deeds::default();
    assert_eq!(relay.machines[1].handle_handed_over(at_ms(1), *what, payload, &mut there), Ok(()));
    let receivers: Vec<_> = there.sent.iter().map(|(_, to, _)| *to).collect();
    assert_eq!(receivers, [clients[5].address, clients[3].address, clients[1].address]);
    assert!(there.handed_over.is_empty(), "it does not come back");
    for (lane, _, datagram) in there.sent {
        let (_, payload) = clients[lane * 2 + 1].open(at_ms(1), &datagram);
        assert_eq!(payload, &packet[HOP_PREFIX_BYTES..]);
    }
    for receiver in [1, 3, 5].map(Slot) {
        let (sender, track) = (Slot(0), TrackId::CAMERA);
        relay.apply(RelayCommand::Subscribe { room_index: 0, receiver, sender, track, width: 0 });
    }
    let packet = clients[0].media(at_ms(2), ROOM, Slot(0), TrackId::CAMERA);
    let (_, deeds) = relay.home(&clients[0], at_ms(2), clients[0].address, &packet);
    assert!(deeds.handed_over.is_empty(), "nobody there wants it");
}

#[test]
fn a_datagram_at_the_wrong_shard_goes_home_untouched() {
    let mut relay = Relay::new(2);
    let mut client = relay.client(3);
    let ping = client.ping(at_ms(5));
    let (result, deeds) = relay.handle(0, at_ms(5), client.address, &ping);
    assert_eq!(result, Ok(()));
    assert!(deeds.sent.is_empty());
    let [(1, from, bytes)] = &deeds.strays[..] else { panic!("{deeds:?}") };
    assert_eq!((*from, bytes), (client.address, &ping));
    let (result, deeds) = relay.handle(1, at_ms(5), *from, bytes);
    assert_eq!(result, Ok(()));
    assert_eq!(client.open(at_ms(5), &deeds.sent[0].2).0, Kind::Pong);
}

#[test]
fn a_packet_handed_over_to_a_room_that_is_not_there_is_dropped() {
    let mut relay = Relay::new(2);
    let what = HandOver { room_index: 9, sender: Slot(0), track: TrackId::CAMERA, layer: 0, clear_len_bytes: 4 };
    let mut deeds = Deeds::default();
    let machine = &mut relay.machines[1];
    assert_eq!(machine.handle_handed_over(at_ms(0), what, &[0; 40], &mut deeds), Err(DropReason::UnknownRoom));
    let what = HandOver { room_index: 0, ..what };
    assert_eq!(machine.handle_handed_over(at_ms(0), what, &[0; 3], &mut deeds), Err(DropReason::Length));
}

#[test]
fn who_is_not_in_that_place_of_that_room_with_that_track_on_is_not_relayed() {
    let mut relay = Relay::new(1);
    let mut client = relay.client(0);
    relay.client(1);
    let (now, session) = (at_ms(1), client.session);
    relay.apply(RelayCommand::Join { room_index: 5, room: RoomId(8), slot: Slot(0), session });
    for (room, slot, track, reason) in [
        (RoomId(9), Slot(0), TrackId::CAMERA, DropReason::NotInRoom),
        (ROOM, Slot(1), TrackId::CAMERA, DropReason::NotInRoom),
        (ROOM, Slot(0), TrackId::MICROPHONE, DropReason::UnknownTrack),
        (RoomId(8), Slot(0), TrackId::CAMERA, DropReason::UnknownRoom),
        (ROOM, Slot(32), TrackId::CAMERA, DropReason::MediaHeader),
    ] {
        let packet = client.media(now, room, slot, track);
        let (result, deeds) = relay.home(&client, now, client.address, &packet);
        assert_eq!((result, deeds.sent.len()), (Err(reason), 0));
        assert_eq!(relay.drops(reason), 1 + u64::from(reason == DropReason::NotInRoom && slot == Slot(1)));
    }
    relay.apply(RelayCommand::Leave { room_index: 0, slot: Slot(0), session });
    let packet = client.media(now, ROOM, Slot(0), TrackId::CAMERA);
    assert_eq!(relay.home(&client, now, client.address, &packet).0, Err(DropReason::NotInRoom));
}

#[test]
fn what_is_forged_replayed_or_from_nobody_gets_no_answer_and_changes_nothing() {
    let mut relay = Relay::new(1);
    let mut client = relay.client(0);
    let now = at_ms(1);
    let elsewhere = address(66, 6);
    let ping = client.ping(now);
    let refused = |relay: &mut Relay, bytes: &[u8], reason| {
        let (result, deeds) = relay.handle(0, now, elsewhere, bytes);
        assert_eq!((result, deeds.sent.len()), (Err(reason), 0));
        assert_eq!(relay.drops(reason), 1, "{reason:?}");
    };
    let altered = |at: usize, by: u8| {
        let mut bytes = ping.clone();
        bytes[at] ^= by;
        bytes
    };
    refused(&mut relay, &ping[..HOP_PREFIX_BYTES - 1], DropReason::Length);
    refused(&mut relay, &altered(0, 0x80), DropReason::UnknownKind);
    refused(&mut relay, &altered(1, 0x80), DropReason::Phase);
    refused(&mut relay, &altered(2, 0x80), DropReason::UnknownConnection);
    refused(&mut relay, &altered(HOP_PREFIX_BYTES, 1), DropReason::HopTag);
    assert_eq!(relay.handle(0, now, client.address, &ping).0, Ok(()));
    refused(&mut relay, &ping, DropReason::Replayed);
    let too_long = [0; DATAGRAM_MAX_BYTES + 1];
    assert_eq!(relay.handle(0, now, elsewhere, &too_long).0, Err(DropReason::Length));
    let pong = client.body(now, Kind::Pong, &[0; PING_BODY_BYTES]);
    assert_eq!(relay.handle(0, now, client.address, &pong).0, Err(DropReason::Unexpected));
}

#[test]
fn forgeries_from_elsewhere_are_looked_at_only_so_often_and_who_moves_meanwhile_gets_through() {
    let mut relay = Relay::new(1);
    let (mut client, mut other) = (relay.client(0), relay.client(1));
    let now = at_ms(1000);
    let forged = |relay: &mut Relay, client: &mut Client, count: usize| {
        let results = (0..count).map(|index| {
            let mut datagram = client.ping(now);
            datagram[HOP_PREFIX_BYTES - 1] ^= 1;
            relay.home(client, now, address(80 + index as u32 % 7, 5), &datagram).0
        });
        results.filter(|result| *result == Err(DropReason::HopTag)).count()
    };
    let looked_at = forged(&mut relay, &mut client, 2000);
    assert!((1..=60).contains(&looked_at), "{looked_at} tags were looked at");
    assert_eq!(relay.drops(DropReason::StrangeAddress), 2000 - looked_at as u64);
    // Its own address is not concerned, nor is anybody else.
    let ping = client.ping(now);
    assert_eq!(relay.home(&client, now, client.address, &ping).0, Ok(()));
    let ping = other.ping(now);
    assert_eq!(relay.home(&other, now, address(70, 1), &ping).0, Err(DropReason::UnvalidatedPath));
    // It moves while the forger goes on: one datagram that is looked at is enough.
    let there = address(9, 9);
    let mut now = at_ms(1001);
    let mut tries = 0;
    loop {
        let ping = client.ping(now);
        if relay.home(&client, now, there, &ping).0 != Err(DropReason::StrangeAddress) {
            break;
        }
        let mut forged = client.ping(now);
        forged[HOP_PREFIX_BYTES - 1] ^= 1;
        relay.home(&client, now, address(80, 5), &forged).0.unwrap_err();
        (now, tries) = (now + Duration::from_millis(3), tries + 1);
    }
    assert!(tries < 10, "{tries}");
    for _ in 0..200 {
        let packet = client.media(now, ROOM, Slot(0), TrackId::CAMERA);
        let result = relay.home(&client, now, there, &packet).0;
        assert!(matches!(result, Ok(()) | Err(DropReason::RateLimited)), "{result:?}");
    }
}

#[test]
fn a_session_that_sends_too_much_is_limited_and_nobody_else() {
    let mut relay = Relay::new(1);
    let (mut loud, mut calm) = (relay.client(0), relay.client(1));
    let now = at_ms(1000);
    let mut accepted = 0;
    for _ in 0..2 * RATE.1 {
        let packet = loud.media(now, ROOM, Slot(0), TrackId::CAMERA);
        accepted += u32::from(relay.home(&loud, now, loud.address, &packet).0.is_ok());
    }
    assert_eq!(accepted, RATE.1);
    assert_eq!(relay.drops(DropReason::RateLimited), u64::from(RATE.1));
    let packet = calm.media(now, ROOM, Slot(1), TrackId::CAMERA);
    assert_eq!(relay.home(&calm, now, calm.address, &packet).0, Ok(()));
}

#[test]
fn an_address_gets_media_only_after_it_answered_a_challenge_from_there() {
    let mut relay = Relay::new(1);
    let (mut sender, mut mover) = (relay.client(0), relay.client(1));
    let there = address(9, 9);
    let receivers = |relay: &mut Relay, sender: &mut Client, now| -> Vec<SocketAddr> {
        let packet = sender.media(now, ROOM, Slot(0), TrackId::CAMERA);
        let sent = relay.home(sender, now, sender.address, &packet).1.sent;
        let media = sent.iter().filter(|(_, _, datagram)| datagram[0] == Kind::Media as u8);
        media.map(|(_, to, _)| *to).collect()
    };
    let ping = mover.ping(at_ms(200));
    let (result, deeds) = relay.home(&mover, at_ms(200), there, &ping);
    assert_eq!(result, Err(DropReason::UnvalidatedPath));
    let (kind, token) = mover.open(at_ms(200), &deeds.sent[0].2);
    assert_eq!((kind, deeds.sent.len()), (Kind::Challenge, 1));
    assert_eq!(receivers(&mut relay, &mut sender, at_ms(201)), [mover.address]);
    let hello = mover.hello(at_ms(210));
    assert!(relay.home(&mover, at_ms(210), address(8, 8), &hello).1.sent.is_empty(), "one challenge in 100 ms");
    for (from, body, at) in [(address(8, 8), &token[..], 220), (there, &[1; 8][..], 221), (there, &token[..], 3201)] {
        let response = mover.body(at_ms(at), Kind::Response, body);
        assert_eq!(relay.home(&mover, at_ms(at), from, &response).0, Err(DropReason::Unexpected));
    }
    let response = mover.body(at_ms(300), Kind::Response, &token);
    assert_eq!(relay.home(&mover, at_ms(300), there, &response).0, Ok(()));
    assert_eq!(receivers(&mut relay, &mut sender, at_ms(301)), [there]);
}

#[test]
fn an_address_that_was_silent_for_ten_seconds_gets_nothing_until_it_proves_itself_again() {
    let mut relay = Relay::new(1);
    let (mut sender, mut receiver) = (relay.client(0), relay.client(1));
    let silence_ms = PATH_SILENCE_MAX.as_micros() / 1000;
    let count = |relay: &mut Relay, sender: &mut Client, now| {
        let packet = sender.media(now, ROOM, Slot(0), TrackId::CAMERA);
        let (result, deeds) = relay.home(sender, now, sender.address, &packet);
        assert_eq!(result, Ok(()));
        deeds.sent.iter().filter(|(lane, ..)| *lane == 1).count()
    };
    let (heard, home) = (at_ms(3000), receiver.address);
    let ping = receiver.ping(heard);
    assert_eq!(relay.home(&receiver, heard, home, &ping).0, Ok(()));
    // What it says from elsewhere does not speak for its address.
    let hello = receiver.hello(at_ms(9000));
    assert_eq!(relay.home(&receiver, at_ms(9000), address(9, 9), &hello).0, Ok(()));
    assert_eq!(count(&mut relay, &mut sender, at_ms(3000 + silence_ms)), 1);
    assert_eq!(count(&mut relay, &mut sender, at_ms(3001 + silence_ms)), 0);
    let late = at_ms(4000 + silence_ms);
    let ping = receiver.ping(late);
    assert_eq!(relay.home(&receiver, late, home, &ping).0, Err(DropReason::UnvalidatedPath));
    relay.prove(at_ms(5000 + silence_ms), &mut receiver, home);
    assert_eq!(count(&mut relay, &mut sender, at_ms(5001 + silence_ms)), 1);
}

#[test]
fn a_session_that_is_closed_is_unknown_and_its_place_is_another_s() {
    let mut relay = Relay::new(2);
    let mut client = relay.client(1);
    let old = client.session;
    relay.apply(RelayCommand::Leave { room_index: 0, slot: Slot(1), session: old });
    relay.apply(RelayCommand::CloseSession { session: old });
    let ping = client.ping(at_ms(1));
    assert_eq!(relay.home(&client, at_ms(1), client.address, &ping).0, Err(DropReason::UnknownConnection));
    let session = SessionId(0x0bad_0001);
    relay.apply(RelayCommand::OpenSession { session, secret: HopSecret([1; 32]) });
    relay.apply(RelayCommand::CloseSession { session: old });
    assert!(relay.machines[1].session_mut(session).is_some(), "a stale id closes nobody");
    assert!(relay.machines[0].session_mut(session).is_none());
}

#[test]
fn a_secret_is_not_shown() {
    let command = RelayCommand::OpenSession { session: SessionId(1), secret: HopSecret([0xab; 32]) };
    assert!(!std::format!("{command:?}").contains("171"));
}
