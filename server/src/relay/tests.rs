//! Real threads and sockets, with sessions as the control plane would open them.

use std::time::Duration;

use hph_core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_core::endpoint::relay::HopSecret;
use hph_core::id::SessionId;
use hph_core::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES};
use hph_core::wire::datagram::{Kind, TOKEN_BODY_BYTES, emit_clocks};
use hph_platform::clock::Clock;

use super::*;

const SESSIONS: u32 = 16;
const TWO: Shards = Shards::new(2);

/// A client, as far as its datagrams go, on a socket of its own.
struct Client {
    session: SessionId,
    sealer: HopSealer,
    opener: HopOpener,
    socket: UdpSocket,
}

impl Client {
    fn new(relays: &Relays, index: u32, server: SocketAddr) -> Self {
        let (session, secret) = (SessionId(0xbeef_0000 | index), [index as u8; 32]);
        relays.tell(&RelayCommand::OpenSession { session, secret: HopSecret(secret) });
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(server).expect("connected");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        Self {
            session,
            sealer: HopSealer::new(&secret, session.0, Direction::ClientToServer),
            opener: HopOpener::new(&secret, session.0, Direction::ServerToClient),
            socket,
        }
    }

    fn send(&mut self, kind: Kind, body: &[u8]) {
        let mut body = body.to_vec();
        let prefix = self.sealer.seal_body(Clock::now(), kind as u8, &mut body).expect("sealed");
        self.socket.send(&[&prefix[..], &body].concat()).expect("sent");
    }

    fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut bytes = [0; DATAGRAM_MAX_BYTES];
        let len = self.socket.recv(&mut bytes).expect("an answer");
        let (prefix, body) = bytes[..len].split_at_mut(HOP_PREFIX_BYTES);
        let header = HopHeader::parse(prefix).expect("a header");
        assert_eq!(header.connection, self.session.0);
        let tag = prefix[HOP_HEADER_BYTES..].try_into().expect("a tag");
        self.opener.open_body(Clock::now(), &header, tag, body).expect("the tag fits");
        (header.kind, body.to_vec())
    }

    /// Proves its address and pings.
    fn talk(&mut self) {
        self.send(Kind::Hello, &[0; TOKEN_BODY_BYTES]);
        let (kind, token) = self.receive();
        assert_eq!(kind, Kind::Challenge as u8);
        self.send(Kind::Response, &token);
        self.send(Kind::Ping, &emit_clocks(1, 0));
        assert_eq!(self.receive().0, Kind::Pong as u8);
    }
}

fn talk_all(sockets: Sockets) -> RelayFigures {
    let server = sockets.sockets[0].local_addr().expect("bound");
    let mut relays = Relays::start(sockets, SESSIONS as usize, 1, (1000, 1000), Budgets::UNLIMITED).expect("started");
    for index in 0..SESSIONS {
        Client::new(&relays, index, server).talk();
    }
    assert!(relays.is_well());
    relays.stop()
}

#[test]
fn a_datagram_at_the_wrong_socket_is_answered_all_the_same() {
    let sockets = Sockets::bind_unsteered(([127, 0, 0, 1], 0).into(), TWO).expect("a port");
    let figures = talk_all(sockets);
    assert!(figures.handed_over > 0, "{SESSIONS} addresses, and the kernel guessed every shard");
    assert_eq!((figures.not_handed_over, figures.not_sent, figures.drops), (0, 0, Vec::new()));
}

#[test]
#[cfg(target_os = "linux")]
fn the_kernel_brings_every_datagram_to_the_socket_of_its_session() {
    for address in ["127.0.0.1:0", "[::]:0"] {
        // A machine may have no IPv6.
        let Ok(sockets) = Sockets::bind(address.parse().expect("an address"), TWO) else { continue };
        assert!(sockets.is_steered, "{}", sockets.describe());
        if address.starts_with("127") {
            let figures = talk_all(sockets);
            assert_eq!((figures.handed_over, figures.drops), (0, Vec::new()));
        }
    }
}

#[test]
fn commands_are_never_lost_however_many_there_are() {
    let sockets = Sockets::bind(([127, 0, 0, 1], 0).into(), TWO).expect("a port");
    let server = sockets.sockets[0].local_addr().expect("bound");
    let mut relays = Relays::start(sockets, 4, 1, (1000, 1000), Budgets::UNLIMITED).expect("started");
    for _ in 0..3 * COMMANDS_MAX {
        relays.tell(&RelayCommand::CloseSession { session: SessionId(1) });
    }
    Client::new(&relays, 1, server).talk();
    let figures = relays.stop();
    assert_eq!(figures.drops, Vec::new());
}
