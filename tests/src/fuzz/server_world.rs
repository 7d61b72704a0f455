//! A server machine with tiny tables, and four people who hold real keys.

use std::net::{Ipv4Addr, SocketAddr};

use hph_core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_core::endpoint::relay::{HopLog, RelayRoom, RelaySessionPlace};
use hph_core::endpoint::server::{CallPlace, Identity, OpenRoom, RateLimits, RoomPlace, ServerStorage, SessionPlace};
use hph_core::endpoint::single::{SingleServer, SingleStorage};
use hph_core::error::DropReason;
use hph_core::id::{RoomId, SessionId, Slot, TrackId};
use hph_core::limits::{HOP_HEADER_BYTES, HOP_PREFIX_BYTES};
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::{ClientMessage, Codec, DevicePublic, SignOutReason, TrackInfo};
use hph_core::wire::datagram::Kind;

use super::input::Input;
use super::server_truth::{Cause, ServerTruth, SessionTruth};
use super::{packet, reach};

/// One more than there are sessions.
pub const PEOPLE: [&str; 4] = ["an.nguyen", "binh", "huong", "minh"];
const SESSIONS: usize = 3;
const ROOMS: usize = 2;
const CALLS: usize = 2;

/// What the machine borrows.
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
    pub fn new() -> Self {
        Self {
            sessions: (0..SESSIONS).map(|_| SessionPlace::default()).collect(),
            rooms: (0..ROOMS).map(|_| RoomPlace::default()).collect(),
            calls: vec![CallPlace::default(); CALLS],
            relay_sessions: (0..SESSIONS).map(|_| RelaySessionPlace::default()).collect(),
            relay_rooms: (0..ROOMS).map(|_| RelayRoom::default()).collect(),
            cache: (vec![CachePlace::EMPTY; 8], vec![0; 8 * CACHE_PACKET_BYTES]),
            logs: vec![HopLog::default(); 3],
        }
    }
}

/// The keys of one person's session.
struct Keys {
    session: SessionId,
    sealer: HopSealer,
    opener: HopOpener,
    /// The last challenge.
    token: Vec<u8>,
}

/// Everything.
pub struct ServerWorld<'m> {
    pub machine: SingleServer<'m>,
    pub truth: ServerTruth,
    pub now: Instant,
    keys: [Option<Keys>; PEOPLE.len()],
    sign_ins: u8,
}

impl<'m> ServerWorld<'m> {
    /// Nobody is there.
    pub fn new(memory: &'m mut ServerMemory, limits: RateLimits) -> Self {
        let ServerMemory { sessions, rooms, calls, relay_sessions, relay_rooms, cache, logs: relay_logs } = memory;
        let relay_cache = PacketCache::new(&mut cache.0, &mut cache.1);
        let server = ServerStorage { sessions, rooms, calls };
        let storage = SingleStorage { server, relay_sessions, relay_rooms, relay_cache, relay_logs };
        Self {
            machine: SingleServer::new(storage, limits, [7; 32]),
            truth: ServerTruth::default(),
            now: Instant::from_micros(1_000_000),
            keys: [const { None }; PEOPLE.len()],
            sign_ins: 0,
        }
    }

    /// Two people in one room, one in another, all with an address that has proved itself and a camera that is on.
    pub fn meeting(memory: &'m mut ServerMemory) -> Self {
        let mut world = Self::new(memory, RateLimits::default());
        for who in 0..SESSIONS {
            world.open(who);
            let session = world.session(who).expect("signed in");
            let room = RoomId(who as u32 / 2 + 1);
            world.open_room(session, 1, room, OpenRoom::JoinOrCreate);
            let info = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 640, height: 360 };
            world.handle_control(session, &ClientMessage::SetTrack { room, track: TrackId::CAMERA, info });
            let from = address(who, 0);
            let hello = world.seal(who, Kind::Hello as u8, &[0; 8]).expect("a fresh key");
            world.deliver(from, &hello).expect("a hello is taken");
            let token = world.token(who);
            let response = world.seal(who, Kind::Response as u8, &token).expect("a fresh key");
            world.deliver(from, &response).expect("the address is proved");
        }
        world
    }

    /// The session of that person.
    pub fn session(&self, who: usize) -> Option<SessionId> {
        self.keys[who].as_ref().map(|keys| keys.session)
    }

    /// Signs that person in, with keys that were never used before.
    pub fn open(&mut self, who: usize) {
        self.sign_ins = self.sign_ins.wrapping_add(1);
        let exporter = [self.sign_ins; 32];
        let name = PEOPLE[who];
        let identity = Identity {
            username: name.try_into().expect("short"),
            display_name: name.try_into().expect("short"),
            device: DevicePublic { seal: [who as u8; 32], sign: [who as u8; 32] },
            scope: Default::default(),
        };
        let opened = self.machine.open_session(self.now, identity, &exporter, &mut self.truth);
        self.keys[who] = opened.ok().map(|session| {
            assert!(self.truth.sessions.insert(session, SessionTruth::default()).is_none(), "an id came twice");
            Keys {
                session,
                sealer: HopSealer::new(&exporter, session.0, Direction::ClientToServer),
                opener: HopOpener::new(&exporter, session.0, Direction::ServerToClient),
                token: Vec::new(),
            }
        });
        self.check();
    }

    pub fn close(&mut self, session: SessionId, reason: SignOutReason) {
        self.machine.close_session(session, reason, &mut self.truth);
        self.check();
    }

    pub fn handle_control(&mut self, from: SessionId, message: &ClientMessage<'_>) {
        self.truth.asks = Some(from);
        self.machine.handle_control(self.now, from, message, &mut self.truth);
        self.truth.asks = None;
        self.check();
    }

    pub fn open_room(&mut self, session: SessionId, request: u32, room: RoomId, how: OpenRoom) {
        self.truth.asks = Some(session);
        self.machine.room_opened(session, request, (room, "Nhóm 17", 0), how, &mut self.truth);
        self.truth.asks = None;
        self.check();
    }

    /// Time passes.
    pub fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
    }

    pub fn handle_timeout(&mut self) {
        self.machine.handle_timeout(self.now, &mut self.truth);
        self.check();
    }

    /// Tells a session all that is new. That comes to an end.
    pub fn poll_control(&mut self, session: SessionId) {
        let told = (0..1000).take_while(|_| self.machine.poll_control(session, &mut self.truth)).count();
        assert!(told < 1000, "there is no end of news");
        self.check();
    }

    /// One datagram, by whoever and with whatever the input says.
    pub fn handle_packet(&mut self, input: &mut Input<'_>) {
        let [flags, wait_ms] = input.array();
        let who = usize::from(flags & 3);
        let from = address(who, flags >> 6);
        self.advance(Duration::from_millis(u64::from(wait_ms)));
        if flags & 0x04 != 0 {
            let bytes = self.forged(who, input);
            return self.check_refused(from, &bytes);
        }
        let kind = input.u8();
        let payload = match Kind::parse(kind) {
            Ok(Kind::Media) if flags & 0x08 != 0 => {
                let (room, slot) = self.place(who);
                packet::relayed_media(input, room, slot)
            }
            Ok(Kind::Response) if flags & 0x08 != 0 => self.token(who),
            _ => input.chunk().to_vec(),
        };
        let Some(bytes) = self.seal(who, kind, &payload) else { return };
        if flags & 0x10 != 0
            && let Some(altered) = input.altered(&bytes[..packet::authenticated_len(&bytes)])
        {
            let rest = &bytes[altered.len()..];
            self.check_refused(from, &[&altered, rest].concat());
        }
        let _ = self.deliver(from, &bytes);
        if flags & 0x20 != 0 {
            self.check_refused(from, &bytes);
        }
    }

    /// Hands a datagram in; whoever is sent something can open it.
    fn deliver(&mut self, from: SocketAddr, bytes: &[u8]) -> Result<(), DropReason> {
        self.truth.cause = Some(Cause { from, len_bytes: bytes.len() });
        let drops = self.machine.drops().total();
        let result = self.machine.handle_datagram(self.now, from, &mut bytes.to_vec(), &mut self.truth);
        self.truth.cause = None;
        if let Err(reason) = result {
            assert!(self.machine.drops().total() > drops, "dropped for {reason:?} and not counted");
            reach(reason.name());
        } else if let Ok(header) = HopHeader::parse(bytes)
            && header.kind == Kind::Response as u8
        {
            let session = self.truth.sessions.get_mut(&SessionId(header.connection)).expect("it was accepted");
            session.address = Some(from);
            reach("address proved");
        }
        for (session, sent) in std::mem::take(&mut self.truth.sent) {
            self.open_sent(session, sent);
        }
        self.check();
        result
    }

    /// What the server sends is sealed for the session that it is for.
    fn open_sent(&mut self, session: SessionId, mut sent: Vec<u8>) {
        let now = self.now;
        let Some(keys) = self.keys.iter_mut().flatten().find(|keys| keys.session == session) else {
            panic!("sent to nobody");
        };
        let clear_end = packet::authenticated_len(&sent);
        let header = HopHeader::parse(&sent).expect("a whole header");
        let (prefix, payload) = sent.split_at_mut(HOP_PREFIX_BYTES);
        let tag = prefix[HOP_HEADER_BYTES..].try_into().expect("a whole tag");
        let opened = if header.kind == Kind::Media as u8 {
            keys.opener.open_clear(now, &header, tag, &payload[..clear_end - HOP_PREFIX_BYTES])
        } else {
            keys.opener.open_body(now, &header, tag, payload)
        };
        assert!(opened.is_ok(), "its receiver refuses it: {opened:?}");
        if header.kind == Kind::Challenge as u8 {
            keys.token = payload.to_vec();
        }
    }

    /// What was not sealed, or was seen before, has no effect.
    fn check_refused(&mut self, from: SocketAddr, bytes: &[u8]) {
        self.truth.cause = None;
        let result = self.machine.handle_datagram(self.now, from, &mut bytes.to_vec(), &mut self.truth);
        let reason = result.expect_err("a datagram that must be refused was taken");
        reach(reason.name());
        assert!(self.truth.sent.is_empty());
    }

    /// Bytes without a seal, with the connection id of a session if the input likes.
    fn forged(&self, who: usize, input: &mut Input<'_>) -> Vec<u8> {
        let is_known = input.u8() & 1 != 0;
        let mut bytes = input.chunk().to_vec();
        if let (Some(session), true, Some(place)) = (self.session(who), is_known, bytes.get_mut(2..6)) {
            place.copy_from_slice(&session.0.to_be_bytes());
        }
        bytes
    }

    fn seal(&mut self, who: usize, kind: u8, payload: &[u8]) -> Option<Vec<u8>> {
        let now = self.now;
        let keys = self.keys[who].as_mut()?;
        packet::seal(&mut keys.sealer, now, kind, payload)
    }

    fn token(&self, who: usize) -> Vec<u8> {
        self.keys[who].as_ref().map(|keys| keys.token.clone()).unwrap_or_default()
    }

    /// A room that the person is in, and the place there.
    fn place(&self, who: usize) -> (RoomId, Slot) {
        let truth = self.session(who).and_then(|session| self.truth.sessions.get(&session));
        let place = truth.and_then(|truth| truth.rooms.first_key_value());
        place.map_or((RoomId(1), Slot(0)), |(room, slot)| (*room, *slot))
    }

    /// The machine is what it said it is, and no larger than its tables.
    fn check(&self) {
        let sessions: Vec<_> = self.machine.sessions().collect();
        assert!(sessions.len() <= SESSIONS);
        assert!(sessions.len() == self.truth.sessions.len(), "sessions differ");
        for (id, truth) in &self.truth.sessions {
            assert!(self.machine.identity(*id).is_some(), "{id:?} is gone without a word");
            for room in (0..8).map(RoomId) {
                assert_eq!(self.machine.is_in_room(*id, room), truth.rooms.contains_key(&room), "{id:?} in {room:?}");
            }
        }
    }
}

/// One of the addresses that a person has.
fn address(who: usize, which: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(192, 0, 2, who as u8), 1000 + u16::from(which)))
}
