//! A client machine with tiny tables, between a server that holds the real hop keys and a participant who holds a real
//! media key.

use std::collections::BTreeMap;

use hph_core::crypto::drbg::Drbg;
use hph_core::crypto::hop::{Direction, HopOpener, HopSealer};
use hph_core::crypto::senderkey::{self, DeviceSecret};
use hph_core::crypto::sframe::{SFRAME_HEADER_BYTES_MAX, SenderKey};
use hph_core::endpoint::client::{ClientMachine, ClientRoomPlace, ClientStorage, HeldPacket};
use hph_core::error::DropReason;
use hph_core::id::{RoomId, SessionId, Slot};
use hph_core::limits::DATAGRAM_MAX_BYTES;
use hph_core::media::reassembly::{Reassembler, ReassemblySlot};
use hph_core::media::track_window::TrackWindow;
use hph_core::room::roles::Role;
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::{DevicePublic, ParticipantInfo, ServerMessage};
use hph_core::wire::datagram::{Kind, emit_clocks};

use super::client_truth::{ClientTruth, FrameKey};
use super::input::Input;
use super::{packet, reach};
use crate::repair_memory::RepairMemory;

const ROOMS: usize = 2;
const SLOTS: usize = 2;
const SLOT_BYTES: usize = 300;
const TRACKS: usize = 16;
/// Packets that wait for their key.
const HELD: usize = 4;
/// The login name of the client.
pub const NAME: &str = "huong";
/// The login name of the other participant.
pub const PEER: &str = "minh";
const ROOM: RoomId = RoomId(1);
const PEER_SLOT: Slot = Slot(1);
const PEER_MEMBER: u32 = 2;
const SESSION: SessionId = SessionId(0x0102_0000);

/// What the machine borrows.
pub struct ClientMemory {
    rooms: Vec<ClientRoomPlace>,
    slots: Vec<ReassemblySlot>,
    bytes: Vec<u8>,
    tracks: Vec<TrackWindow>,
    held: Vec<HeldPacket>,
    repair: RepairMemory,
}

impl ClientMemory {
    pub fn new() -> Self {
        Self {
            rooms: (0..ROOMS).map(|_| ClientRoomPlace::default()).collect(),
            slots: vec![ReassemblySlot::EMPTY; SLOTS],
            bytes: vec![0; SLOTS * SLOT_BYTES],
            tracks: vec![TrackWindow::EMPTY; TRACKS],
            held: vec![HeldPacket::EMPTY; HELD],
            repair: RepairMemory::default(),
        }
    }
}

/// By index: all contents that were ever sealed as it.
type Fragments = BTreeMap<u16, Vec<Vec<u8>>>;

/// Of how many fragments, from `index` on, those bytes are made.
fn whole(fragments: &Fragments, index: u16, bytes: &[u8]) -> Option<u16> {
    let rest = |content: &Vec<u8>| bytes.strip_prefix(content.as_slice());
    let next = |rest: &[u8]| if rest.is_empty() { Some(index + 1) } else { whole(fragments, index + 1, rest) };
    fragments.get(&index)?.iter().filter_map(rest).find_map(next)
}

/// Everything.
pub struct ClientWorld<'m> {
    pub machine: ClientMachine<'m>,
    pub truth: ClientTruth,
    pub now: Instant,
    /// The other participant's device.
    pub peer: DeviceSecret,
    device: DevicePublic,
    /// The server's side of the hop seal.
    sealer: Option<HopSealer>,
    sign_ins: u8,
    /// The client's membership numbers, as it was told.
    members: BTreeMap<RoomId, u32>,
    /// The other participant's media keys that have sealed something.
    keys: BTreeMap<(RoomId, Slot, u16), SenderKey>,
    /// The fragments that the other participant sealed.
    sealed: BTreeMap<FrameKey, Fragments>,
}

impl<'m> ClientWorld<'m> {
    /// Signed in, in no room.
    pub fn new(memory: &'m mut ClientMemory) -> Self {
        let ClientMemory { rooms, slots, bytes, tracks, held, repair } = memory;
        let repair = repair.lend();
        let reassembler = Reassembler::new(slots, bytes, tracks, Duration::from_millis(500));
        let device = DeviceSecret::from_seed(&[1; 32]);
        let keys = device.keys();
        let mut world = Self {
            machine: ClientMachine::new(ClientStorage { rooms, reassembler, held, repair }, device, [3; 32]),
            truth: ClientTruth::default(),
            now: Instant::from_micros(1_000_000),
            peer: DeviceSecret::from_seed(&[2; 32]),
            device: DevicePublic { seal: keys.seal, sign: keys.sign },
            sealer: None,
            sign_ins: 0,
            members: BTreeMap::new(),
            keys: BTreeMap::new(),
            sealed: BTreeMap::new(),
        };
        world.sign_in();
        world
    }

    /// Signed in, with datagrams, in one room with the other participant, whose media key is known.
    pub fn meeting(memory: &'m mut ClientMemory) -> Self {
        let mut world = Self::new(memory);
        world.join(ROOM, 1);
        world.show_peer(ROOM, PEER_SLOT, PEER_MEMBER);
        world.give_key(ROOM, PEER_SLOT, PEER_MEMBER, 0x0100);
        let pong = emit_clocks(world.now.as_micros(), 5);
        let pong = world.seal(Kind::Pong as u8, &pong).expect("a fresh key");
        world.deliver(&pong).expect("a pong is taken");
        world
    }

    /// Signs in on a new connection.
    pub fn sign_in(&mut self) {
        self.sign_ins = self.sign_ins.wrapping_add(1);
        let exporter = [self.sign_ins; 32];
        self.sealer = Some(HopSealer::new(&exporter, SESSION.0, Direction::ServerToClient));
        self.truth.handle_signed_in(HopOpener::new(&exporter, SESSION.0, Direction::ClientToServer));
        self.machine.handle_signed_in(self.now, SESSION, NAME, &exporter, &mut self.truth);
    }

    pub fn disconnect(&mut self) {
        self.machine.handle_disconnected();
        self.sealer = None;
        self.truth.opener = None;
    }

    pub fn join(&mut self, room: RoomId, member: u32) {
        let (name, slot, chat_latest) = ("Nhóm 17", Slot(0), 0);
        self.handle_control(&ServerMessage::Joined { request: 1, room, name, slot, member, chat_latest });
    }

    /// The server says that the other participant is there.
    pub fn show_peer(&mut self, room: RoomId, slot: Slot, member: u32) {
        let keys = self.peer.keys();
        let device = DevicePublic { seal: keys.seal, sign: keys.sign };
        let (username, display_name, tracks) = (PEER, "Minh", Default::default());
        let info = ParticipantInfo { slot, member, username, display_name, device, tracks, role: Role::Guest, hand: 0 };
        self.handle_control(&ServerMessage::Participant { room, info });
    }

    /// The other participant gives a media key, wrapped as the client expects it.
    pub fn give_key(&mut self, room: RoomId, slot: Slot, member: u32, epoch: u16) {
        let own_member = self.members.get(&room).copied().unwrap_or_default();
        let info = wrap_info(room, slot, member, own_member, epoch);
        let mut random = Drbg::from_seed([8; 32]);
        let wrap = senderkey::wrap(&self.peer, &self.device.seal, &info, &base_key(epoch), &mut random);
        self.handle_control(&ServerMessage::SenderKey { room, slot, epoch, wrap: &wrap.expect("usable keys") });
    }

    /// The other participant seals a direct message.
    pub fn send_direct(&mut self, id: u64, reference: u64, body: &[u8]) {
        let info = [b"hph/1 direct\0".as_slice(), PEER.as_bytes(), b"\0", NAME.as_bytes()].concat();
        let text = [&reference.to_be_bytes(), body].concat();
        let mut sealed = [0; 1024];
        let mut random = Drbg::from_seed([9; 32]);
        let len = senderkey::seal_direct(&self.peer, &self.device.seal, &info, &text, &mut random, &mut sealed);
        let (keys, sealed) = (self.peer.keys(), &sealed[..len.expect("short")]);
        let device = DevicePublic { seal: keys.seal, sign: keys.sign };
        self.handle_control(&ServerMessage::Direct { id, from: PEER, device, time_ms: 1, sealed });
    }

    pub fn handle_control(&mut self, message: &ServerMessage<'_>) {
        if let ServerMessage::Joined { room, member, .. } = *message {
            self.members.insert(room, member);
        }
        self.truth.now = self.now;
        self.machine.handle_control(self.now, message, &mut self.truth);
        self.check();
    }

    /// Time passes.
    pub fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
        self.truth.now = self.now;
    }

    pub fn handle_timeout(&mut self) {
        self.machine.handle_timeout(self.now, &mut self.truth);
        self.check();
    }

    /// One datagram with whatever the input says.
    pub fn handle_packet(&mut self, input: &mut Input<'_>) {
        let [flags, wait_ms] = input.array();
        self.advance(Duration::from_millis(u64::from(wait_ms)));
        match flags & 3 {
            0 => {
                let bytes = self.forged(input);
                self.check_refused(&bytes);
            }
            1 => {
                let kind = input.u8();
                let Some(bytes) = self.seal(kind, input.chunk()) else { return };
                let _ = self.deliver(&bytes);
                self.replay(flags, &bytes, input);
            }
            _ => self.handle_media(flags, input),
        }
    }

    /// A media packet that is sealed by both, and perhaps altered between the two seals.
    fn handle_media(&mut self, flags: u8, input: &mut Input<'_>) {
        let header = packet::media_header(input, ROOM, PEER_SLOT);
        let epoch = if flags & 4 != 0 { input.u16() } else { 0x0100 };
        let mut body = input.chunk().to_vec();
        let plain = body.clone();
        let metadata = header.emit();
        let kid = u64::from(header.sender.0) << 16 | u64::from(epoch);
        let key = self.keys.entry((header.room, header.sender, epoch));
        let key = key.or_insert_with(|| SenderKey::new(&base_key(epoch), kid));
        let mut sframe = [0; SFRAME_HEADER_BYTES_MAX];
        let sealed = key.seal(&metadata, &mut body, &mut sframe);
        let Ok((sframe_len, tag)) = sealed else {
            assert!(body == plain && body.len() > DATAGRAM_MAX_BYTES, "not sealed: {sealed:?}");
            return;
        };
        let mut payload = [&metadata, &sframe[..sframe_len], &tag, &body].concat();
        let is_altered = flags & 8 != 0;
        if is_altered && let Some(altered) = input.altered(&payload) {
            payload = altered;
        }
        let Some(bytes) = self.seal(Kind::Media as u8, &payload) else { return };
        let before = (self.machine.held_packets(), self.machine.drops().total());
        if !is_altered {
            let frame = (header.room, header.sender, header.track, header.layer, header.frame);
            self.sealed.entry(frame).or_default().entry(header.index).or_default().push(plain);
        }
        let result = self.deliver(&bytes);
        // Without its key a packet is not known to be altered: it waits, perhaps in place of another one.
        let is_held = before != (self.machine.held_packets(), self.machine.drops().total());
        if is_held && result.is_ok() {
            reach("held");
        }
        // So is parity: what is made from it is tried by its own tag.
        let is_untried = is_held || header.is_parity();
        assert!(!is_altered || result.is_err() || is_untried, "the relay altered a packet and it was taken");
        self.replay(flags, &bytes, input);
    }

    /// Frames that were handed out are made of fragments that were sealed.
    fn check_frames(&mut self) {
        for (key, bytes) in std::mem::take(&mut self.truth.frames) {
            let fragments = self.sealed.get(&key).expect("a frame that nobody sealed");
            let count = whole(fragments, 0, &bytes).unwrap_or_else(|| panic!("frame {key:?} has other bytes"));
            reach(if count == 1 { "frame of one fragment" } else { "frame of many fragments" });
        }
        for (key, index, bytes) in std::mem::take(&mut self.truth.strips) {
            let sealed = self.sealed.get(&key).and_then(|fragments| fragments.get(&index));
            assert!(sealed.is_some_and(|sealed| sealed.contains(&bytes)), "a strip that nobody sealed");
        }
    }

    /// Hands the datagram in again, and altered, if the flags say so.
    fn replay(&mut self, flags: u8, bytes: &[u8], input: &mut Input<'_>) {
        if flags & 0x10 != 0 {
            self.check_refused(bytes);
        }
        if flags & 0x20 != 0
            && let Some(altered) = input.altered(&bytes[..packet::authenticated_len(bytes)])
        {
            let rest = &bytes[altered.len()..];
            self.check_refused(&[&altered, rest].concat());
        }
    }

    fn deliver(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        let drops = self.machine.drops().total();
        let result = self.machine.handle_datagram(self.now, &mut bytes.to_vec(), &mut self.truth);
        if let Err(reason) = result {
            assert!(self.machine.drops().total() > drops, "dropped for {reason:?} and not counted");
            reach(reason.name());
        }
        self.check();
        result
    }

    /// What was not sealed, or was seen before, has no effect.
    fn check_refused(&mut self, bytes: &[u8]) {
        let reason = self.deliver(bytes).expect_err("a datagram that must be refused was taken");
        reach(reason.name());
    }

    /// Bytes without a seal, with the connection id if the input likes.
    fn forged(&self, input: &mut Input<'_>) -> Vec<u8> {
        let is_known = input.u8() & 1 != 0;
        let mut bytes = input.chunk().to_vec();
        if let (true, Some(place)) = (is_known, bytes.get_mut(2..6)) {
            place.copy_from_slice(&SESSION.0.to_be_bytes());
        }
        bytes
    }

    fn seal(&mut self, kind: u8, payload: &[u8]) -> Option<Vec<u8>> {
        let now = self.now;
        packet::seal(self.sealer.as_mut()?, now, kind, payload)
    }

    /// Nothing is larger than its table, and timers lie ahead or are due.
    pub fn check(&mut self) {
        self.check_frames();
        assert!(self.machine.held_packets() <= HELD);
        assert!(self.machine.rooms().count() <= ROOMS);
        assert!(self.machine.reassembler().slots_used() <= SLOTS);
        assert!(self.machine.reassembler().tracks().count() <= TRACKS);
    }
}

/// The other participant's base keys: one per generation, ratcheted on for each step.
fn base_key(epoch: u16) -> [u8; 32] {
    let [generation, step] = epoch.to_be_bytes();
    (0..step).fold([generation; 32], |key, _| senderkey::ratchet(&key))
}

/// What a wrapped key is bound to: purpose, room, giver's place and membership, taker's membership, epoch.
fn wrap_info(room: RoomId, slot: Slot, member: u32, own_member: u32, epoch: u16) -> Vec<u8> {
    let purpose = b"hph/1 sender key";
    let numbers = [&room.0.to_be_bytes()[..], &slot.0.to_be_bytes(), &member.to_be_bytes()].concat();
    [purpose, numbers.as_slice(), &own_member.to_be_bytes(), &epoch.to_be_bytes()].concat()
}
