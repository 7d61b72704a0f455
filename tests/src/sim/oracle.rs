//! What must be true whatever happens, checked as it happens.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::OnceLock;

use hph_core::crypto::hop::HopHeader;
use hph_core::error::DropReason;
use hph_core::id::{RoomId, SessionId, Slot, TrackId};
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::wire::control::ServerMessage;
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaLayout;

use super::random::Random;

/// One membership of a room: which server process, which room, which number.
pub type Membership = (u32, RoomId, u32);
/// One frame: whose, which track, which number.
pub type FrameKey = (Membership, TrackId, u32);

/// A frame that was sent.
#[derive(Clone, Copy, Debug)]
pub struct SentFrame {
    /// Where its bytes begin in the noise.
    pub begin: usize,
    /// How many they are.
    pub len: usize,
    /// How long its strips are, the last one perhaps shorter; none if it went out in fragments.
    pub strip_len: Option<usize>,
    /// When it was sealed. **Units:** microseconds.
    pub at_us: u64,
}

/// A session as the server's own words tell of it.
#[derive(Clone, Debug, Default)]
pub struct SessionTruth {
    /// Its login name.
    pub username: String,
    /// Its rooms, with its place and membership number there.
    pub rooms: BTreeMap<RoomId, (Slot, u32)>,
    /// The address that answered a challenge last.
    pub address: Option<SocketAddr>,
}

/// The memory of the run.
#[derive(Debug, Default)]
pub struct Oracle {
    /// A hash over everything that happened.
    pub trace: u64,
    /// Frames handed out.
    pub frames_delivered: u64,
    /// Chat messages shown.
    pub chats_shown: u64,
    /// Datagrams given to the server.
    pub datagrams: u64,
    /// The sessions of the server that runs.
    pub sessions: BTreeMap<SessionId, SessionTruth>,
    /// When each membership began, by the server's word.
    pub joined_at_us: HashMap<Membership, u64>,
    frames: HashMap<FrameKey, SentFrame>,
    delivered: HashSet<(Membership, FrameKey)>,
    strips: HashSet<(Membership, FrameKey, u16)>,
    hop_nonces: HashSet<(usize, bool, u8, u64)>,
    media_nonces: HashSet<(Membership, u64, u64)>,
    genuine: HashSet<u64>,
    handed_to_server: HashSet<u64>,
    handed_to_client: HashSet<(usize, u64)>,
    bytes_in: BTreeMap<SocketAddr, usize>,
    bytes_out: BTreeMap<SocketAddr, usize>,
    validated: BTreeSet<SocketAddr>,
}

/// What the contents of all frames are cut from.
fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| Random::new(4).bytes(1 << 19))
}

/// Some bytes to send, different nearly every time.
pub fn frame_bytes(random: &mut Random, len: usize) -> (usize, &'static [u8]) {
    let begin = random.below((noise().len() - len) as u64) as usize;
    (begin, &noise()[begin..begin + len])
}

/// A hash of what the hop seal authenticates of a datagram.
fn sealed_hash(bytes: &[u8]) -> u64 {
    let payload = bytes.get(HOP_PREFIX_BYTES..).unwrap_or_default();
    let is_media = bytes.first() == Some(&(Kind::Media as u8));
    let clear = MediaLayout::parse(payload).ok().filter(|_| is_media).map(|layout| layout.clear_len_bytes);
    let end = clear.map_or(bytes.len(), |clear| HOP_PREFIX_BYTES + clear);
    let sealed = bytes.get(..end).unwrap_or(bytes);
    sealed.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether a datagram came as far as the replay window.
fn is_noted(result: Result<(), DropReason>) -> bool {
    use DropReason::{Length, MediaHeader, UnknownConnection, UnknownKind};
    !matches!(result, Err(Length | MediaHeader | UnknownConnection | UnknownKind))
}

/// What is known of a datagram that is about to be handed in.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    hash: u64,
    /// Whether a holder of the key sealed it so, and it was not handed in before: anything else must have no effect.
    pub may_act: bool,
}

impl Oracle {
    /// Notes something in the trace.
    pub fn note(&mut self, what: u64) {
        self.trace = (self.trace ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }

    /// A datagram leaves whoever sealed it: no nonce may come twice under one key.
    pub fn handle_sealed(&mut self, connection: usize, is_to_server: bool, bytes: &[u8]) {
        let header = HopHeader::parse(bytes).expect("a machine sends whole headers");
        let nonce = (connection, is_to_server, header.phase, header.counter);
        assert!(self.hop_nonces.insert(nonce), "hop nonce {nonce:?} came twice");
        self.genuine.insert(sealed_hash(bytes));
        self.note(bytes.len() as u64 ^ header.counter << 16);
    }

    /// A media packet leaves its author.
    pub fn handle_media_sealed(&mut self, author: Membership, layout: &MediaLayout) {
        let nonce = (author, layout.sframe.kid, layout.sframe.counter);
        assert!(self.media_nonces.insert(nonce), "media nonce {nonce:?} came twice");
    }

    /// A frame was sent.
    pub fn handle_frame_sent(&mut self, key: FrameKey, sent: SentFrame) {
        assert!(self.frames.insert(key, sent).is_none(), "frame number {key:?} was used twice");
    }

    /// A frame was handed out to `receiver`.
    pub fn handle_frame(&mut self, receiver: Membership, key: FrameKey, bytes: &[u8]) {
        let sent = self.frames.get(&key).unwrap_or_else(|| panic!("nobody sent {key:?}"));
        assert!(bytes == &noise()[sent.begin..sent.begin + sent.len], "frame {key:?} has other bytes");
        assert_eq!(sent.strip_len, None, "strips of frame {key:?} were put together");
        self.check_receiver(receiver, key, *sent);
        assert!(self.delivered.insert((receiver, key)), "{receiver:?} was handed {key:?} twice");
        self.frames_delivered += 1;
        self.note(u64::from(key.2));
    }

    /// A receiver was handed a strip.
    ///
    /// # Panics
    /// If nobody sent it so, or it came twice.
    pub fn handle_strip(&mut self, receiver: Membership, key: FrameKey, index: u16, bytes: &[u8]) {
        let sent = *self.frames.get(&key).unwrap_or_else(|| panic!("nobody sent {key:?}"));
        let strip_len = sent.strip_len.expect("a strip of a frame of strips");
        let strip = noise()[sent.begin..sent.begin + sent.len].chunks(strip_len).nth(index.into());
        assert_eq!(Some(bytes), strip, "strip {index} of {key:?} has other bytes");
        self.check_receiver(receiver, key, sent);
        assert!(self.strips.insert((receiver, key, index)), "{receiver:?} was handed strip {index} of {key:?} twice");
        self.note(u64::from(key.2) << 16 | u64::from(index));
    }

    fn check_receiver(&self, receiver: Membership, key: FrameKey, sent: SentFrame) {
        let joined_at_us = self.joined_at_us[&receiver];
        assert!(sent.at_us >= joined_at_us, "{receiver:?} opened a frame from before it joined");
        assert_eq!((receiver.0, receiver.1), (key.0.0, key.0.1), "a frame of another room");
    }

    /// Whether that frame was handed out to that receiver.
    pub fn is_delivered(&self, receiver: Membership, key: FrameKey) -> bool {
        self.delivered.contains(&(receiver, key))
    }

    /// A datagram is about to be handed to the server.
    pub fn before_server(&mut self, from: SocketAddr, bytes: &[u8]) -> Judgement {
        self.datagrams += 1;
        *self.bytes_in.entry(from).or_default() += bytes.len();
        let hash = sealed_hash(bytes);
        Judgement { hash, may_act: self.genuine.contains(&hash) && !self.handed_to_server.contains(&hash) }
    }

    /// It was handed in.
    ///
    /// # Panics
    /// If it had an effect that it must not have.
    pub fn after_server(
        &mut self,
        judgement: Judgement,
        from: SocketAddr,
        bytes: &[u8],
        seen: (Result<(), DropReason>, bool),
    ) {
        let (result, is_quiet) = seen;
        assert!(
            judgement.may_act || result.is_err() && is_quiet,
            "{result:?} to what nobody sealed, or what came again"
        );
        if judgement.may_act && is_noted(result) {
            self.handed_to_server.insert(judgement.hash);
        }
        let header = HopHeader::parse(bytes);
        if let Ok(header) = header
            && result.is_ok()
            && header.kind == Kind::Response as u8
        {
            self.validated.insert(from);
            let session = self.sessions.get_mut(&SessionId(header.connection)).expect("an accepted session");
            session.address = Some(from);
        }
    }

    /// A datagram is about to be handed to a client.
    pub fn before_client(&self, client: usize, bytes: &[u8]) -> Judgement {
        let hash = sealed_hash(bytes);
        let is_new = !self.handed_to_client.contains(&(client, hash));
        Judgement { hash, may_act: self.genuine.contains(&hash) && is_new }
    }

    /// It was handed in.
    ///
    /// # Panics
    /// If it had an effect that it must not have.
    pub fn after_client(&mut self, client: usize, judgement: Judgement, seen: (Result<(), DropReason>, bool)) {
        let (result, is_quiet) = seen;
        assert!(
            judgement.may_act || result.is_err() && is_quiet,
            "{result:?} to what nobody sealed, or what came again"
        );
        if judgement.may_act && is_noted(result) {
            self.handed_to_client.insert((client, judgement.hash));
        }
    }

    /// The server sends a datagram: media only where its session proved to be, and nowhere more than came from there.
    pub fn handle_server_datagram(&mut self, to: SocketAddr, bytes: &[u8]) {
        let header = HopHeader::parse(bytes).expect("the server sends whole headers");
        if header.kind != Kind::Challenge as u8 {
            let session = self.sessions.get(&SessionId(header.connection)).expect("a live session");
            assert_eq!(session.address, Some(to), "sent where the session is not");
        }
        if !self.validated.contains(&to) {
            let out = self.bytes_out.entry(to).or_default();
            *out += bytes.len();
            let came = self.bytes_in.get(&to).copied().unwrap_or(0);
            assert!(*out <= came, "{to} sent {came} bytes and was sent {out}");
        }
    }

    /// The server says something: that is the truth about who is where.
    pub fn handle_server_says(&mut self, now_us: u64, incarnation: u32, to: SessionId, message: &ServerMessage<'_>) {
        let Some(session) = self.sessions.get_mut(&to) else { return };
        match *message {
            ServerMessage::Joined { room, slot, member, .. } => {
                assert!(session.rooms.insert(room, (slot, member)).is_none(), "joined twice");
                let known = self.joined_at_us.insert((incarnation, room, member), now_us);
                assert!(known.is_none(), "membership number {member} came twice");
                let places = self.sessions.values().filter_map(|session| session.rooms.get(&room));
                assert_eq!(places.filter(|place| place.0 == slot).count(), 1, "two in one place");
            }
            ServerMessage::Left { room, .. } => {
                assert!(session.rooms.remove(&room).is_some(), "left a room that it was not in");
            }
            _ => {}
        }
    }

    /// The server process is gone, and all its sessions.
    pub fn handle_crash(&mut self) {
        self.sessions.clear();
    }

    /// The session of an account.
    pub fn session_of(&self, username: &str) -> Option<&SessionTruth> {
        self.sessions.values().find(|session| session.username == username)
    }

    /// Everybody in a room, by place: login name and membership number.
    pub fn roster(&self, room: RoomId) -> impl Iterator<Item = (Slot, (&str, u32))> {
        self.sessions.values().filter_map(move |session| {
            let (slot, member) = session.rooms.get(&room)?;
            Some((*slot, (session.username.as_str(), *member)))
        })
    }
}
