//! The relay threads allocate nothing: not for a packet, not for a receiver, not for somebody who joins or leaves.
//!
//! The whole server runs in this process, under an allocator that counts. What other threads do (TLS, the database, this
//! test's own clients) is not counted: a join allocates there, for its messages.

#![cfg(target_os = "linux")]

// The program of the benches has it too; whoever links it has that allocator.
#[path = "../../benches/src/allocations.rs"]
mod allocations;

use std::net::UdpSocket;
use std::time::Duration;

use hph_core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_core::id::{RoomId, SessionId, Slot, TrackId};
use hph_core::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES, TAG_BYTES};
use hph_core::wire::control::{ClientMessage, ServerMessage};
use hph_core::wire::datagram::{Kind, TOKEN_BODY_BYTES, emit_clocks};
use hph_core::wire::media::{Form, MediaHeader};
use hph_platform::clock::Clock;
use hph_tests::wire_lab::person::PICTURES;
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::{LocalServer, Target};
use hph_tests::wire_lab::wait::{elapsed, pause};

const PACKETS: u64 = 1_000_000;
/// One sender, eight receivers, half of them at the other shard.
const PEOPLE: usize = 9;
const BURST: usize = 32;
const LIMIT: Duration = Duration::from_secs(300);
const WARM_UP: Duration = Duration::from_secs(2);

/// Somebody in the room, without an engine.
struct Member {
    control: RawClient,
    session: SessionId,
    room: RoomId,
    slot: Slot,
    sealer: HopSealer,
    socket: UdpSocket,
    seq: u32,
}

impl Member {
    fn new(target: &Target, name: &str) -> Self {
        let mut control = RawClient::connect(target, None).expect("connected");
        let session = control.sign_in(name);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(target.address).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        let sealer = HopSealer::new(&control.media, session.0, Direction::ClientToServer);
        let mut this = Self { control, session, room: RoomId(0), slot: Slot(0), sealer, socket, seq: 0 };
        this.join();
        this.prove();
        this
    }

    fn join(&mut self) {
        self.control.send(&ClientMessage::JoinNamed { request: 1, name: "Nhóm", may_create: true }).expect("sent");
        let joined = self.control.hear_until(|message| match *message {
            ServerMessage::Joined { room, slot, .. } => Some((room, slot)),
            _ => None,
        });
        (self.room, self.slot) = joined.expect("let in");
        let (room, track, info) = (self.room, TrackId::CAMERA, PICTURES);
        self.control.send(&ClientMessage::SetTrack { room, track, info }).expect("sent");
    }

    fn leave(&mut self) {
        self.control.send(&ClientMessage::LeaveRoom { room: self.room }).expect("sent");
        let left = |message: &ServerMessage<'_>| matches!(message, ServerMessage::Left { .. }).then_some(());
        self.control.hear_until(left).expect("let go");
    }

    fn prove(&mut self) {
        let mut opener = HopOpener::new(&self.control.media, self.session.0, Direction::ServerToClient);
        self.send_body(Kind::Hello, [0; TOKEN_BODY_BYTES]);
        let mut bytes = [0; DATAGRAM_MAX_BYTES];
        let len = self.socket.recv(&mut bytes).expect("a challenge");
        let (prefix, body) = bytes[..len].split_at_mut(HOP_PREFIX_BYTES);
        let header = HopHeader::parse(prefix).expect("a header");
        let tag = prefix[HOP_HEADER_BYTES..].try_into().expect("a tag");
        opener.open_body(Clock::now(), &header, tag, body).expect("the tag fits");
        self.send_body(Kind::Response, <[u8; TOKEN_BODY_BYTES]>::try_from(&*body).expect("a token"));
    }

    fn send_body<const N: usize>(&mut self, kind: Kind, mut body: [u8; N]) {
        let prefix = self.sealer.seal_body(Clock::now(), kind as u8, &mut body).expect("sealed");
        let _ = self.socket.send(&[&prefix[..], &body].concat());
    }

    fn ping(&mut self) {
        self.send_body(Kind::Ping, emit_clocks(1, 0));
    }

    fn send_packet(&mut self) {
        self.seq += 1;
        let header = MediaHeader {
            room: self.room,
            sender: self.slot,
            track: TrackId::CAMERA,
            parity: 0,
            seq: self.seq,
            timestamp: 0,
            frame: self.seq,
            index: 0,
            count: 1,
            layer: 0,
            level: 0,
            form: Form::Fragments,
        };
        // An SFrame header and a tag that only a receiver would look at.
        let clear = [&header.emit()[..], &[0x97, 0x01, 0x00], &[7; TAG_BYTES]].concat();
        let prefix = self.sealer.seal_clear(Clock::now(), Kind::Media as u8, &clear).expect("sealed");
        let _ = self.socket.send(&[&prefix[..], &clear, &[9; 1000]].concat());
    }
}

#[test]
fn a_million_relayed_packets_and_those_who_come_and_go_meanwhile_cost_no_allocation() {
    let server = LocalServer::start_with(|config| {
        config.relay_threads = 2;
        config.datagrams_per_second = 100_000;
        config.datagrams_burst = 100_000;
        config.receiver_kbps = 10_000_000;
        config.room_kbps = 10_000_000;
    });
    let mut people: Vec<_> = (0..PEOPLE).map(|index| Member::new(&server.target, &format!("người {index}"))).collect();
    let began = Clock::now();
    let (mut rounds, mut first) = (0u64, None);
    loop {
        for _ in 0..BURST {
            people[0].send_packet();
        }
        rounds += 1;
        if rounds % 256 == 0 {
            people.iter_mut().for_each(Member::ping);
            let last = people.last_mut().expect("nine");
            last.leave();
            last.join();
            for person in &mut people {
                person.control.send(&ClientMessage::KeepAlive).expect("sent");
            }
        }
        let forwarded = server.figures().forwarded;
        if first.is_none() && elapsed(began) > WARM_UP {
            assert_eq!(allocations::count(), 0, "counting begins");
            first = Some(forwarded);
        }
        if first.is_some_and(|first| forwarded >= first + PACKETS) {
            break;
        }
        assert!(elapsed(began) < LIMIT, "only {forwarded} packets were relayed: {:?}", server.figures());
        pause(Duration::from_micros(500));
    }
    let (took, figures) = (elapsed(began), server.figures());
    println!("{} packets in {took:?}, {} handed over", figures.forwarded, figures.handed_over);
    assert!(figures.handed_over > 0, "both shards took part");
    assert_eq!(allocations::count(), 0);
    // The counter counts: a thread with such a name that allocates is seen.
    let named = std::thread::Builder::new().name("relay-x".to_owned());
    named.spawn(|| drop(std::hint::black_box(vec![1u8; 100]))).expect("a thread").join().expect("ended");
    assert!(allocations::count() > 0, "nothing would have been seen");
}
