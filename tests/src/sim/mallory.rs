//! A member with keys of its own and bad intentions: speaks as others, into rooms where it is not, on tracks that are
//! off; keeps every key that it was ever given; and copies all media on its way to the server, to open it some day.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};

use hph_core::crypto::drbg::Drbg;
use hph_core::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use hph_core::crypto::senderkey::{self, DeviceSecret};
use hph_core::crypto::sframe::{ReceiverKey, SFRAME_HEADER_BYTES_MAX, SenderKey};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::{HOP_HEADER_BYTES, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES};
use hph_core::wire::control::{Act, ClientMessage, Codec, DevicePublic, RoomAsk, ServerMessage, TrackInfo};
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::{Form, MediaHeader, MediaLayout};

use super::SECOND;
use super::oracle::{Membership, Oracle};
use super::output::{Frame, client_frame, read_server};
use super::random::Random;
use super::world::{Item, Who, World};

/// A key may be used so long after its owner heard that somebody left. **Units:** microseconds.
const SWITCH_MAX_US: u64 = 2 * SECOND;
/// Packets that are kept to be opened some day, and their greatest length.
const TAPPED_MAX: (usize, usize) = (2000, 400);

/// A media packet that was copied on its way.
struct Tapped {
    at_us: u64,
    author: Membership,
    layout: MediaLayout,
    payload: Vec<u8>,
}

/// The malicious member.
pub struct Mallory {
    secret: DeviceSecret,
    entropy: Drbg,
    /// Where its datagrams come from.
    pub address: SocketAddr,
    connection: Option<usize>,
    hop: Option<(HopSealer, HopOpener)>,
    rooms: BTreeMap<RoomId, (Slot, u32)>,
    roster: BTreeMap<(RoomId, Slot), (u32, DevicePublic)>,
    /// Every membership that it ever had.
    memberships: Vec<Membership>,
    /// Every key that it was ever given: of whom, and for which epoch.
    stolen: HashMap<(Membership, u16), [u8; 32]>,
    tapped: Vec<Tapped>,
    /// When an author heard that one of its memberships had ended.
    gone_known_us: HashMap<(Membership, u32), u64>,
}

impl Mallory {
    /// Somebody who is not signed in yet.
    pub fn new(random: &mut Random) -> Self {
        Self {
            secret: DeviceSecret::from_seed(&random.key()),
            entropy: Drbg::from_seed(random.key()),
            address: SocketAddr::new(Ipv4Addr::new(10, 0, 6, 66).into(), 666),
            connection: None,
            hop: None,
            rooms: BTreeMap::new(),
            roster: BTreeMap::new(),
            memberships: Vec::new(),
            stolen: HashMap::new(),
            tapped: Vec::new(),
            gone_known_us: HashMap::new(),
        }
    }

    /// Public keys.
    pub fn device(&self) -> DevicePublic {
        let keys = self.secret.keys();
        DevicePublic { seal: keys.seal, sign: keys.sign }
    }

    /// The connection is gone.
    pub fn handle_closed(&mut self) {
        self.connection = None;
        self.hop = None;
        self.rooms.clear();
        self.roster.clear();
    }

    /// An author heard that a member is gone.
    pub fn handle_gone_known(&mut self, now_us: u64, author: Membership, member: u32) {
        if self.memberships.contains(&(author.0, author.1, member)) {
            self.gone_known_us.insert((author, member), now_us);
        }
    }

    /// Copies a media packet. `payload` begins at the media header.
    pub fn tap(&mut self, now_us: u64, author: Membership, layout: &MediaLayout, payload: &[u8]) {
        if self.tapped.len() < TAPPED_MAX.0 && payload.len() <= TAPPED_MAX.1 {
            self.tapped.push(Tapped { at_us: now_us, author, layout: *layout, payload: payload.to_vec() });
        }
    }

    fn steal(&mut self, incarnation: u32, room: RoomId, slot: Slot, epoch: u16, wrap: &[u8]) {
        let Some((member, device)) = self.roster.get(&(room, slot)) else { return };
        let Some((_, own_member)) = self.rooms.get(&room) else { return };
        let info = wrap_info(room, slot, *member, *own_member, epoch);
        let wrap = wrap.try_into().expect("a wrap of the right length");
        // A wrap of its giver's membership before this one does not open.
        let Ok(base) = senderkey::unwrap(&self.secret, &device.seal, &info, wrap) else { return };
        self.stolen.insert(((incarnation, room, *member), epoch), base);
    }

    /// Tries every key that it ever had on every packet that it ever saw: it must open only what was sealed while it
    /// was there, or so shortly after that its leave was news. Gives how many packets there are, and how many open.
    ///
    /// # Panics
    /// If another packet opens.
    pub fn check(&self, oracle: &Oracle) -> (usize, usize) {
        let mut openers: HashMap<(Membership, u16), Option<ReceiverKey>> = HashMap::new();
        let mut opened = 0;
        for tapped in &self.tapped {
            let epoch = (tapped.layout.sframe.kid & 0xffff) as u16;
            let derive = || Some(ReceiverKey::new(&self.derive(tapped.author, epoch)?, tapped.layout.sframe.kid));
            let Some(opener) = openers.entry((tapped.author, epoch)).or_insert_with(derive) else { continue };
            let mut payload = tapped.payload.clone();
            let (clear, body) = payload.split_at_mut(tapped.layout.clear_len_bytes);
            let (metadata, rest) = clear.split_at(MEDIA_HEADER_BYTES);
            let (sframe, tag) = rest.split_at(tapped.layout.sframe_len_bytes);
            let tag = tag.try_into().expect("a whole tag");
            if opener.open(&tapped.layout.sframe, sframe, metadata, tag, body).is_ok() {
                opened += 1;
                assert!(self.may_open(oracle, tapped), "opens {:?} of {:?}", tapped.layout, tapped.author);
            }
        }
        (self.tapped.len(), opened)
    }

    /// The base key of that epoch, from the earliest step of its generation that was given away.
    fn derive(&self, author: Membership, epoch: u16) -> Option<[u8; 32]> {
        let [generation, step] = epoch.to_be_bytes();
        let known = (0..=step).find_map(|known| {
            let base = self.stolen.get(&(author, u16::from_be_bytes([generation, known])))?;
            Some((known, *base))
        });
        let (known, base) = known?;
        Some((known..step).fold(base, |base, _| senderkey::ratchet(&base)))
    }

    fn may_open(&self, oracle: &Oracle, tapped: &Tapped) -> bool {
        let there = self.memberships.iter().filter(|own| (own.0, own.1) == (tapped.author.0, tapped.author.1));
        there.into_iter().any(|own| {
            let gone_us = self.gone_known_us.get(&(tapped.author, own.2)).copied();
            let end_us = gone_us.map_or(u64::MAX, |gone_us| gone_us + SWITCH_MAX_US);
            (oracle.joined_at_us[own]..=end_us).contains(&tapped.at_us)
        })
    }

    fn seal(&mut self, now: hph_core::time::Instant, kind: Kind, clear: bool, body: &[u8]) -> Option<Vec<u8>> {
        let (sealer, _) = self.hop.as_mut()?;
        let mut body = body.to_vec();
        let prefix = if clear {
            let len = MediaLayout::parse(&body).ok()?.clear_len_bytes;
            sealer.seal_clear(now, kind as u8, &body[..len]).ok()?
        } else {
            sealer.seal_body(now, kind as u8, &mut body).ok()?
        };
        Some([prefix.as_slice(), &body].concat())
    }
}

/// What a wrapped key is bound to: room, giver's place, both membership numbers, epoch.
fn wrap_info(room: RoomId, from: Slot, from_member: u32, to_member: u32, epoch: u16) -> Vec<u8> {
    let fields: [&[u8]; 6] = [
        b"hph/1 sender key",
        &room.0.to_be_bytes(),
        &from.0.to_be_bytes(),
        &from_member.to_be_bytes(),
        &to_member.to_be_bytes(),
        &epoch.to_be_bytes(),
    ];
    fields.concat()
}

impl World<'_> {
    /// The malicious member does something.
    pub fn attack_as_member(&mut self) {
        let Some(connection) = self.mallory.connection else {
            if self.random.chance(200) {
                self.mallory.connection = Some(self.open_connection(Who::Mallory));
            }
            return;
        };
        match self.random.below(12) {
            0 | 1 => self.mallory_moves(connection),
            2 => self.mallory_lies(connection),
            3 => self.send_as_mallory(Kind::Hello, false, &[]),
            4 => self.send_as_mallory(Kind::Hello, false, &[0; 8]),
            5 => self.send_as_mallory(Kind::Ping, false, &[0; 16]),
            6 => self.send_as_mallory(Kind::Response, false, &[7; 8]),
            _ => self.forge_media(),
        }
    }

    fn say_as_mallory(&mut self, connection: usize, message: &ClientMessage<'_>) {
        if self.mallory.hop.is_some() {
            self.push_up(connection, Item::Frame(client_frame(message)));
        }
    }

    /// Comes and goes as everybody does.
    fn mallory_moves(&mut self, connection: usize) {
        let rooms: Vec<RoomId> = self.mallory.rooms.keys().copied().collect();
        match (self.random.below(4), self.random.pick(&rooms).copied()) {
            (0, Some(room)) => self.say_as_mallory(connection, &ClientMessage::LeaveRoom { room }),
            (1, Some(room)) => {
                let info = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 16, height: 16 };
                self.say_as_mallory(connection, &ClientMessage::SetTrack { room, track: TrackId::CAMERA, info });
            }
            _ => {
                let name = format!("room-{}", self.random.below(3));
                let join = ClientMessage::JoinNamed { request: 1, name: &name, may_create: true };
                self.say_as_mallory(connection, &join);
            }
        }
    }

    /// Says what makes no sense or is not its business.
    fn mallory_lies(&mut self, connection: usize) {
        let room = RoomId(self.random.below(5) as u32);
        let slot = Slot(self.random.below(8) as u16);
        let wrap = self.random.bytes(80);
        let (epoch, member) = (self.random.next_u64() as u16, self.random.below(8) as u32);
        let lie = match self.random.below(11) {
            0 => ClientMessage::SenderKey { room, slot, member, epoch, wrap: &wrap },
            1 => ClientMessage::RequestKey { room, slot },
            2 => ClientMessage::Subscribe { room, slot, track: TrackId::CAMERA, width: 0 },
            3 => ClientMessage::SyncChat { room, after: self.random.next_u64() },
            4 => ClientMessage::SendChat { reference: self.random.next_u64(), room, text: "hi" },
            5 => ClientMessage::DeleteChat { reference: self.random.next_u64(), room, id: 1 + self.random.below(9) },
            6 => ClientMessage::ReadHistory { request: 4, room, before: self.random.next_u64(), count: 100 },
            // Rooms here have no owner: nobody may.
            8 => {
                let act = *self.random.pick(&Act::ALL).expect("there are acts");
                let whom = if act.has_target() { "user-00" } else { "" };
                match act {
                    Act::Password => ClientMessage::SetPassword { request: 5, room, salt: [0; 16], key: [0; 32] },
                    Act::OpenBreakout => {
                        ClientMessage::InRoom(RoomAsk::OpenBreakout { request: 5, room, name: "Lies" })
                    }
                    Act::Spread => ClientMessage::InRoom(RoomAsk::Spread { request: 5, room }),
                    Act::Move => ClientMessage::InRoom(RoomAsk::Move { request: 5, room, whom, number: 1 }),
                    Act::TellBreakouts => {
                        ClientMessage::InRoom(RoomAsk::TellBreakouts { request: 5, room, text: "lies" })
                    }
                    Act::EndBreakouts => ClientMessage::InRoom(RoomAsk::EndBreakouts { request: 5, room, after_s: 0 }),
                    _ => ClientMessage::Moderate { request: 5, room, act, whom },
                }
            }
            9 => ClientMessage::RaiseHand { room, is_up: true },
            7 => ClientMessage::MarkRead { room, id: self.random.next_u64() },
            _ => ClientMessage::Call { request: 3, to: "user-00", room },
        };
        self.say_as_mallory(connection, &lie);
    }

    fn send_as_mallory(&mut self, kind: Kind, clear: bool, body: &[u8]) {
        let Some(bytes) = self.mallory.seal(self.time(), kind, clear, body) else { return };
        let Some(connection) = self.mallory.connection else { return };
        let spoofed = SocketAddr::new(Ipv4Addr::new(198, 51, 100, 1).into(), 1000 + self.random.below(20) as u16);
        let from = if self.random.chance(300) { spoofed } else { self.mallory.address };
        self.send_to_server(Who::Mallory, from, connection, &bytes);
    }

    /// A media packet as somebody else, for somewhere else, or under somebody else's key.
    fn forge_media(&mut self) {
        let memberships: Vec<(RoomId, Slot)> = self.mallory.rooms.iter().map(|(room, own)| (*room, own.0)).collect();
        let (room, own) = self.random.pick(&memberships).copied().unwrap_or((RoomId(1), Slot(0)));
        let other = Slot(self.random.below(8) as u16);
        let header = MediaHeader {
            room: if self.random.chance(200) { RoomId(self.random.below(4) as u32) } else { room },
            sender: if self.random.chance(500) { other } else { own },
            track: TrackId(self.random.below(4) as u8),
            parity: self.random.below(3) as u8,
            seq: self.random.next_u64() as u32,
            timestamp: 0,
            frame: self.random.below(64) as u32,
            index: 0,
            count: 1 + self.random.below(2) as u16,
            layer: 0,
            level: 0,
            form: if self.random.chance(300) { Form::Strips } else { Form::Fragments },
        };
        let mut keys: Vec<_> = self.mallory.stolen.iter().map(|((_, epoch), base)| (*epoch, *base)).collect();
        keys.sort_unstable();
        let (epoch, base) = self.random.pick(&keys).copied().unwrap_or((0x0100, [7; 32]));
        let slot = if self.random.chance(700) { header.sender } else { other };
        let mut body = self.random.bytes(20);
        let mut sframe = [0; SFRAME_HEADER_BYTES_MAX];
        let mut key = SenderKey::new(&base, u64::from(slot.0) << 16 | u64::from(epoch));
        let Ok((sframe_len, tag)) = key.seal(&header.emit(), &mut body, &mut sframe) else { return };
        let payload = [header.emit().as_slice(), &sframe[..sframe_len], &tag, &body].concat();
        self.send_as_mallory(Kind::Media, true, &payload);
    }

    /// A control frame arrives at the malicious member.
    pub fn handle_mallory_down(&mut self, connection: usize, frame: &Frame) {
        let exporter = self.connections[connection].exporter;
        let incarnation = self.connections[connection].incarnation;
        let mallory = &mut self.mallory;
        match read_server(frame) {
            ServerMessage::Welcome { session, .. } => {
                let sealer = HopSealer::new(&exporter, session.0, Direction::ClientToServer);
                mallory.hop = Some((sealer, HopOpener::new(&exporter, session.0, Direction::ServerToClient)));
                self.send_as_mallory(Kind::Hello, false, &[0; 8]);
            }
            ServerMessage::Joined { room, slot, member, .. } => {
                mallory.rooms.insert(room, (slot, member));
                mallory.memberships.push((incarnation, room, member));
            }
            ServerMessage::Left { room, .. } => {
                mallory.rooms.remove(&room);
                mallory.roster.retain(|(of, _), _| *of != room);
            }
            ServerMessage::Participant { room, info } => {
                mallory.roster.insert((room, info.slot), (info.member, info.device));
                self.give_mallorys_key(connection, room, info.slot);
            }
            ServerMessage::ParticipantGone { room, slot } => drop(mallory.roster.remove(&(room, slot))),
            ServerMessage::SenderKey { room, slot, epoch, wrap } => {
                mallory.steal(incarnation, room, slot, epoch, wrap);
            }
            _ => {}
        }
    }

    /// Wraps somebody else's key, or none at all, as its own.
    fn give_mallorys_key(&mut self, connection: usize, room: RoomId, slot: Slot) {
        let mallory = &mut self.mallory;
        let Some((own_slot, own_member)) = mallory.rooms.get(&room).copied() else { return };
        let Some((member, device)) = mallory.roster.get(&(room, slot)).copied() else { return };
        if own_slot == slot || self.random.chance(500) {
            return;
        }
        let epoch = self.random.below(4) as u16 * 0x80;
        let info = wrap_info(room, own_slot, own_member, member, epoch);
        let base = self.random.key();
        let Ok(wrap) = senderkey::wrap(&mallory.secret, &device.seal, &info, &base, &mut mallory.entropy) else {
            return;
        };
        self.say_as_mallory(connection, &ClientMessage::SenderKey { room, slot, member, epoch, wrap: &wrap });
    }

    /// A datagram arrives at the malicious member: it proves its address like everybody.
    pub fn handle_at_mallory(&mut self, bytes: &[u8]) {
        let Some((_, opener)) = self.mallory.hop.as_mut() else { return };
        let Ok(header) = HopHeader::parse(bytes) else { return };
        if header.kind == Kind::Challenge as u8 && bytes.len() == HOP_PREFIX_BYTES + 8 {
            let (prefix, body) = bytes.split_at(HOP_PREFIX_BYTES);
            let mut token = body.to_vec();
            let tag = prefix[HOP_HEADER_BYTES..].try_into().expect("a whole tag");
            let opened = opener.open_body(hph_core::time::Instant::from_micros(self.now_us), &header, tag, &mut token);
            if opened.is_ok() {
                self.send_as_mallory(Kind::Response, false, &token);
            }
        }
    }

    /// The malicious member is thrown out.
    pub fn evict_mallory(&mut self) {
        if let Some(connection) = self.mallory.connection {
            self.connections[connection].is_open_at_client = false;
            self.push_up(connection, Item::Close);
            self.mallory.handle_closed();
        }
    }
}
