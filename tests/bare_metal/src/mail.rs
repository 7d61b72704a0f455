//! What is on its way between the machines, in a queue of fixed size, and the machines' outputs that fill it.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use heapless::{Deque, Vec};
use hph_core::endpoint::client::{ClientEvent, ClientOutput};
use hph_core::endpoint::server::ServerEvent;
use hph_core::endpoint::single::SingleOutput;
use hph_core::id::SessionId;
use hph_core::limits::{CONTROL_LENGTH_BYTES, DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES};
use hph_core::wire::control::{ClientMessage, ServerMessage, emit_client, emit_server};

use crate::Counter;
use crate::record::Outcome;

/// Letters that may be on their way at the same time: two frames of a meeting of three, and what else is said.
const LETTERS_MAX: usize = 32;

/// Which way a letter goes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// A control message of a client.
    ControlUp,
    /// A control message for a client.
    ControlDown,
    /// A datagram of a client.
    DatagramUp,
    /// A datagram for a client.
    DatagramDown,
}

/// One control message or datagram.
pub struct Letter {
    /// Which way it goes.
    pub way: Way,
    /// The client at one end of it.
    pub client: u8,
    /// The body of the control frame, or the datagram.
    pub bytes: Vec<u8, DATAGRAM_MAX_BYTES>,
}

/// Everything on its way, in order.
pub type Mail = Deque<Letter, LETTERS_MAX>;

fn post(mail: &mut Mail, way: Way, client: u8, parts: [&[u8]; 2]) {
    let mut letter = Letter { way, client, bytes: Vec::new() };
    for part in parts {
        letter.bytes.extend_from_slice(part).expect("a letter fits");
    }
    assert!(mail.push_back(letter).is_ok(), "the mail is full");
}

/// The address that a client's datagrams come from.
pub const fn address_of(client: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, client + 1)), 1024)
}

/// The client with that address.
pub fn client_at(address: SocketAddr) -> u8 {
    (0..3).find(|&client| address_of(client) == address).expect("somebody has that address")
}

/// What a client machine writes to. `aside` adds up what was spent here, which is not the machine's.
pub struct ClientSide<'a> {
    pub client: u8,
    pub mail: &'a mut Mail,
    pub outcome: &'a mut Outcome,
    /// The frame that is being sent: nothing else may be delivered.
    pub frame: &'a [u8],
    pub count: Counter,
    pub aside: u64,
}

impl ClientOutput for ClientSide<'_> {
    fn control(&mut self, message: &ClientMessage<'_>) {
        let begin = (self.count)();
        let mut frame = [0; DATAGRAM_MAX_BYTES];
        let len = emit_client(message, &mut frame).expect("a message of this meeting is short");
        self.outcome.keys += u32::from(matches!(message, ClientMessage::SenderKey { .. }));
        post(self.mail, Way::ControlUp, self.client, [&frame[CONTROL_LENGTH_BYTES..len], &[]]);
        self.aside += (self.count)() - begin;
    }

    fn datagram(&mut self, bytes: &[u8]) {
        let begin = (self.count)();
        post(self.mail, Way::DatagramUp, self.client, [bytes, &[]]);
        self.aside += (self.count)() - begin;
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        let begin = (self.count)();
        match event {
            ClientEvent::Frame(frame) => {
                assert!(frame.bytes == self.frame, "client {}: another frame came than was sent", self.client);
                self.outcome.frames[usize::from(self.client)] += 1;
                self.outcome.absorb([b'F', self.client], frame.bytes);
            }
            ClientEvent::ServerSilent | ClientEvent::DatagramsLost => panic!("client {}: {event:?}", self.client),
            _ => {}
        }
        self.aside += (self.count)() - begin;
    }
}

/// What the server machine writes to.
pub struct ServerSide<'a> {
    pub mail: &'a mut Mail,
    pub sessions: &'a [Option<SessionId>; 3],
    pub count: Counter,
    pub aside: u64,
}

impl SingleOutput for ServerSide<'_> {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        let client = self.sessions.iter().position(|session| *session == Some(to)).expect("a session of this meeting");
        let mut frame = [0; DATAGRAM_MAX_BYTES];
        let len = emit_server(message, &mut frame).expect("a message of this meeting is short");
        post(self.mail, Way::ControlDown, client as u8, [&frame[CONTROL_LENGTH_BYTES..len], &[]]);
    }

    fn datagram(&mut self, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        let begin = (self.count)();
        post(self.mail, Way::DatagramDown, client_at(to), [prefix, payload]);
        self.aside += (self.count)() - begin;
    }

    // Nothing of this meeting is stored.
    fn event(&mut self, _: ServerEvent<'_>) {}
}
