//! The machines of a meeting in lent memory, and a network between them that is perfect unless a fault is ordered.

use heapless::String;
use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::client::{ClientMachine, ClientRoomPlace, ClientStorage};
use hph_core::endpoint::relay::{RelayRoom, RelaySessionPlace};
use hph_core::endpoint::server::{CallPlace, Identity, RateLimits, RoomPlace, ServerStorage, SessionPlace};
use hph_core::endpoint::single::{SingleServer, SingleStorage};
use hph_core::error::DropReason;
use hph_core::id::{RoomId, SessionId};
use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, HOP_PREFIX_BYTES};
use hph_core::media::reassembly::{DEADLINE_DEFAULT, Reassembler, ReassemblySlot};
use hph_core::media::track_window::TrackWindow;
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::{DevicePublic, Parsed, ServerMessage, parse_client, parse_server};
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaLayout;

use crate::Counter;
use crate::mail::{ClientSide, Letter, Mail, ServerSide, Way, address_of};
use crate::record::{Outcome, Stage};

/// Most fragments of a frame of this meeting.
pub(crate) const FRAME_FRAGMENTS: usize = 6;
/// Frames that a client gathers at the same time.
const SLOTS: usize = 2;
/// Tracks of others that a client receives at the same time.
const TRACKS: usize = 4;
/// The room that they meet in.
pub(crate) const ROOM: RoomId = RoomId(1);
/// Login names, by client.
const NAMES: [&str; 3] = ["anh", "binh", "chi"];
/// How finely time passes.
const STEP: Duration = Duration::from_millis(50);

/// What one client machine is lent.
struct ClientMemory {
    rooms: [ClientRoomPlace; 1],
    slots: [ReassemblySlot; SLOTS],
    bytes: [u8; SLOTS * FRAME_FRAGMENTS * FRAGMENT_PAYLOAD_MAX_BYTES],
    tracks: [TrackWindow; TRACKS],
}

/// What all machines of the meeting are lent, and the network's queue.
pub struct Memory {
    sessions: [SessionPlace; 3],
    rooms: [RoomPlace; 1],
    calls: [CallPlace; 1],
    relay_sessions: [RelaySessionPlace; 3],
    relay_rooms: [RelayRoom; 1],
    clients: [ClientMemory; 3],
    mail: Mail,
    frame: [u8; FRAME_FRAGMENTS * FRAGMENT_PAYLOAD_MAX_BYTES],
}

impl Memory {
    /// Memory that nothing uses yet.
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            sessions: Default::default(),
            rooms: Default::default(),
            calls: Default::default(),
            relay_sessions: Default::default(),
            relay_rooms: Default::default(),
            clients: core::array::from_fn(|_| ClientMemory {
                rooms: Default::default(),
                slots: [ReassemblySlot::EMPTY; SLOTS],
                bytes: [0; SLOTS * FRAME_FRAGMENTS * FRAGMENT_PAYLOAD_MAX_BYTES],
                tracks: [TrackWindow::EMPTY; TRACKS],
            }),
            mail: Mail::new(),
            frame: [0; FRAME_FRAGMENTS * FRAGMENT_PAYLOAD_MAX_BYTES],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// What the parts of a meeting weigh: name and size. **Units:** bytes.
pub fn memory_bill() -> [(&'static str, usize); 7] {
    [
        ("server_machine", size_of::<SingleServer<'_>>()),
        ("server_per_session", size_of::<SessionPlace>() + size_of::<RelaySessionPlace>()),
        ("server_per_room", size_of::<RoomPlace>() + size_of::<RelayRoom>()),
        ("client_machine", size_of::<ClientMachine<'_>>()),
        ("client_per_room", size_of::<ClientRoomPlace>()),
        ("lent_in_all", size_of::<Memory>()),
        ("machines_in_all", size_of::<Meeting<'_>>()),
    ]
}

/// What the network does to the media datagram with a certain fragment index, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not reach one of the clients.
    Lose {
        /// Which client.
        to: u8,
        /// Which fragment.
        index: u16,
    },
    /// It reaches the server twice.
    Repeat {
        /// Which fragment.
        index: u16,
    },
    /// A copy with another header reaches the server first.
    ForgeHeader {
        /// Which fragment.
        index: u16,
    },
    /// A bit of its ciphertext is another when it reaches one of the clients.
    AlterBody {
        /// Which client.
        to: u8,
        /// Which fragment.
        index: u16,
    },
}

/// The machines and all between them.
pub struct Meeting<'a> {
    /// What is kept of it.
    pub outcome: Outcome,
    pub(crate) server: SingleServer<'a>,
    pub(crate) clients: [ClientMachine<'a>; 3],
    pub(crate) now: Instant,
    /// What the network does next, once it can.
    pub(crate) fault: Option<Fault>,
    /// Key id of the media datagram that a client was sent last.
    pub(crate) last_kid: u64,
    sessions: [Option<SessionId>; 3],
    mail: &'a mut Mail,
    frame: &'a mut [u8],
    frame_len: usize,
    count: Counter,
}

impl<'a> Meeting<'a> {
    /// A server with one room, and three clients that are not signed in.
    #[allow(clippy::large_stack_arrays, reason = "three clients are what this is about")]
    pub fn new(memory: &'a mut Memory, count: Counter) -> Self {
        let Memory {
            sessions,
            rooms,
            calls,
            relay_sessions,
            relay_rooms,
            clients: [first, second, third],
            mail,
            frame,
        } = memory;
        let server = ServerStorage { sessions, rooms, calls };
        let storage =
            SingleStorage { server, relay_sessions, relay_rooms, relay_cache: Default::default(), relay_logs: &mut [] };
        let mut server = SingleServer::new(storage, RateLimits::default(), [0x5e; 32]);
        server.add_room(ROOM, "Nhóm 17", 0).expect("there is a place for one room");
        Self {
            outcome: Outcome::new(),
            server,
            clients: [(first, 0), (second, 1), (third, 2)].map(|(memory, number)| client(memory, number)),
            now: Instant::from_micros(1_000_000),
            fault: None,
            last_kid: 0,
            sessions: [None; 3],
            mail,
            frame,
            frame_len: 0,
            count,
        }
    }

    /// Opens a session for a client, as after a sign-in, with a fixed secret in place of TLS's.
    pub(crate) fn sign_in(&mut self, client: u8) {
        let name = NAMES[usize::from(client)];
        let keys = self.clients[usize::from(client)].device().keys();
        let identity = Identity {
            username: String::try_from(name).expect("a short name"),
            display_name: String::try_from(name).expect("a short name"),
            device: DevicePublic { seal: keys.seal, sign: keys.sign },
            scope: Default::default(),
        };
        let exporter = [client + 0x71; 32];
        let now = self.now;
        let session = self.at_server(|server, out| server.open_session(now, identity, &exporter, out));
        let session = session.expect("there is a place for three sessions");
        self.sessions[usize::from(client)] = Some(session);
        self.at_client(client, |machine, out| machine.handle_signed_in(now, session, name, &exporter, out));
        self.settle();
    }

    /// Lets a client do something. Gives also what the machine spent on it.
    pub(crate) fn at_client<T>(
        &mut self,
        client: u8,
        act: impl FnOnce(&mut ClientMachine<'a>, &mut ClientSide<'_>) -> T,
    ) -> (T, u64) {
        let Self { clients, mail, outcome, frame, frame_len, count, .. } = self;
        let mut out = ClientSide { client, mail, outcome, frame: &frame[..*frame_len], count: *count, aside: 0 };
        let begin = count();
        let result = act(&mut clients[usize::from(client)], &mut out);
        (result, count() - begin - out.aside)
    }

    /// Lets the server do something.
    pub(crate) fn at_server<T>(&mut self, act: impl FnOnce(&mut SingleServer<'a>, &mut ServerSide<'_>) -> T) -> T {
        let mut out = ServerSide { mail: self.mail, sessions: &self.sessions, count: self.count, aside: 0 };
        act(&mut self.server, &mut out)
    }

    /// Fills the frame that is sent next. What its bytes are depends on `number`.
    pub(crate) fn draw_frame(&mut self, number: u32, len: usize) {
        self.frame_len = len;
        let mut state = number.wrapping_mul(0x9e37_79b9) | 1;
        for byte in &mut self.frame[..len] {
            // Marsaglia's xorshift: any bytes that differ will do.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = state as u8;
        }
    }

    /// Carries everything until nobody has anything to say.
    pub(crate) fn settle(&mut self) {
        loop {
            while let Some(letter) = self.mail.pop_front() {
                self.carry(letter);
            }
            let sessions = self.sessions;
            let told = sessions
                .iter()
                .flatten()
                .filter(|session| self.at_server(|server, out| server.poll_control(**session, out)));
            if told.count() == 0 {
                return;
            }
        }
    }

    /// Lets time pass, and the machines do what is due.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now = self.now + STEP;
            let now = self.now;
            for client in 0..3 {
                if self.clients[usize::from(client)].poll_timeout() <= now {
                    self.at_client(client, |machine, out| machine.handle_timeout(now, out));
                }
            }
            if self.server.poll_timeout() <= now {
                self.at_server(|server, out| server.handle_timeout(now, out));
            }
            self.settle();
        }
    }

    fn carry(&mut self, mut letter: Letter) {
        self.outcome.absorb([letter.way as u8, letter.client], &letter.bytes);
        let now = self.now;
        match letter.way {
            Way::ControlUp => {
                self.outcome.controls += 1;
                let Ok(Parsed::Message(message)) = parse_client(&letter.bytes) else {
                    panic!("a client said nonsense")
                };
                if let Some(session) = self.sessions[usize::from(letter.client)] {
                    self.at_server(|server, out| server.handle_control(now, session, &message, out));
                }
            }
            Way::ControlDown => {
                self.outcome.controls += 1;
                let Ok(Parsed::Message(message)) = parse_server(&letter.bytes) else {
                    panic!("the server said nonsense")
                };
                let ((), spent) =
                    self.at_client(letter.client, |client, out| client.handle_control(now, &message, out));
                match message {
                    ServerMessage::Participant { info, .. } if info.username != NAMES[usize::from(letter.client)] => {
                        self.outcome.charge(Stage::Greet, 1, spent);
                    }
                    ServerMessage::SenderKey { .. } => self.outcome.charge(Stage::TakeKey, 1, spent),
                    _ => {}
                }
            }
            Way::DatagramUp => {
                self.outcome.datagrams += 1;
                self.carry_up(&mut letter);
            }
            Way::DatagramDown => {
                self.outcome.datagrams += 1;
                self.carry_down(&mut letter);
            }
        }
    }

    fn carry_up(&mut self, letter: &mut Letter) {
        let index = layout(letter).map(|layout| layout.header.index);
        match self.fault {
            Some(Fault::ForgeHeader { index: which }) if Some(which) == index => {
                self.fault = None;
                let mut forged = letter.bytes.clone();
                // A bit of the packet's sequence number.
                forged[HOP_PREFIX_BYTES + 11] ^= 1;
                assert_eq!(self.deliver_up(letter.client, &mut forged), Err(DropReason::HopTag));
                assert_eq!(self.deliver_up(letter.client, &mut letter.bytes), Ok(()));
            }
            Some(Fault::Repeat { index: which }) if Some(which) == index => {
                self.fault = None;
                assert_eq!(self.deliver_up(letter.client, &mut letter.bytes), Ok(()));
                assert_eq!(self.deliver_up(letter.client, &mut letter.bytes), Err(DropReason::Replayed));
            }
            _ => {
                // A ping overtakes the proof of its address.
                let result = self.deliver_up(letter.client, &mut letter.bytes);
                assert!(matches!(result, Ok(()) | Err(DropReason::UnvalidatedPath)), "{result:?}");
            }
        }
    }

    fn deliver_up(&mut self, client: u8, bytes: &mut [u8]) -> Result<(), DropReason> {
        let (now, forwarded) = (self.now, self.server.forwarded());
        let mut out = ServerSide { mail: self.mail, sessions: &self.sessions, count: self.count, aside: 0 };
        let begin = (self.count)();
        let result = self.server.handle_datagram(now, address_of(client), bytes, &mut out);
        let spent = (self.count)() - begin - out.aside;
        match self.server.forwarded() - forwarded {
            1 => self.outcome.charge(Stage::RelayToOne, 1, spent),
            2 => self.outcome.charge(Stage::RelayToTwo, 1, spent),
            _ => {}
        }
        result
    }

    fn carry_down(&mut self, letter: &mut Letter) {
        let layout = layout(letter);
        let mut expected = Ok(());
        if let Some(layout) = layout {
            self.last_kid = layout.sframe.kid;
            match self.fault {
                Some(Fault::Lose { to, index }) if (to, index) == (letter.client, layout.header.index) => {
                    self.fault = None;
                    return;
                }
                Some(Fault::AlterBody { to, index }) if (to, index) == (letter.client, layout.header.index) => {
                    self.fault = None;
                    if let Some(last) = letter.bytes.last_mut() {
                        *last ^= 0x80;
                    }
                    expected = Err(DropReason::EndToEndTag);
                }
                _ => {}
            }
        }
        let now = self.now;
        let (result, spent) =
            self.at_client(letter.client, |client, out| client.handle_datagram(now, &mut letter.bytes, out));
        assert_eq!(result, expected);
        // A frame's first fragment opens a slot and its last one ends it: the mean of all is a fragment's cost.
        if layout.is_some_and(|layout| layout.header.count > 1) && result.is_ok() {
            self.outcome.charge(Stage::ReceiveFragment, 1, spent);
        }
    }
}

fn layout(letter: &Letter) -> Option<MediaLayout> {
    let is_media = letter.bytes.first() == Some(&(Kind::Media as u8));
    is_media.then(|| MediaLayout::parse(&letter.bytes[HOP_PREFIX_BYTES..]).expect("the machines send whole packets"))
}

fn client(memory: &mut ClientMemory, number: u8) -> ClientMachine<'_> {
    let ClientMemory { rooms, slots, bytes, tracks } = memory;
    let reassembler = Reassembler::new(slots, bytes, tracks, DEADLINE_DEFAULT);
    let device = DeviceSecret::from_seed(&[number + 0x31; 32]);
    ClientMachine::new(
        ClientStorage { rooms, reassembler, held: &mut [], repair: Default::default() },
        device,
        [number + 0x11; 32],
    )
}
