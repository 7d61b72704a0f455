//! A client as its driver runs it: a user with wishes, a machine, and a connection that comes and goes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use hph_core::crypto::senderkey::DeviceSecret;
use hph_core::endpoint::client::{ClientMachine, ClientRoomPlace, ClientStorage, HeldPacket, OutgoingFrame, Pieces};
use hph_core::error::DropReason;
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, HOP_PREFIX_BYTES, TRACKS_MAX};
use hph_core::media::reassembly::{DEADLINE_DEFAULT, Reassembler, ReassemblySlot};
use hph_core::media::track_window::TrackWindow;
use hph_core::wire::control::{ClientMessage, DevicePublic, TrackInfo};
use hph_core::wire::media::MediaHeader;

use super::oracle::{FrameKey, Membership, SentFrame, frame_bytes};
use super::output::{ClientDeeds, Frame, client_frame, read_server};
use super::random::Random;
use super::world::{Happening, Item, Who, World};
use super::{MS, Plan};
use crate::repair_memory::RepairMemory;

/// Most fragments of a frame that a client has the memory for.
const SLOT_FRAGMENTS: usize = 64;

/// What a client machine is lent.
pub struct ClientMemory {
    rooms: Vec<ClientRoomPlace>,
    slots: Vec<ReassemblySlot>,
    bytes: Vec<u8>,
    tracks: Vec<TrackWindow>,
    held: Vec<HeldPacket>,
    repair: RepairMemory,
}

impl ClientMemory {
    /// As much as the plan wants.
    pub fn new(plan: &Plan) -> Self {
        Self {
            rooms: (0..plan.client_rooms).map(|_| ClientRoomPlace::default()).collect(),
            slots: vec![ReassemblySlot::EMPTY; plan.slots],
            bytes: vec![0; plan.slots * SLOT_FRAGMENTS * FRAGMENT_PAYLOAD_MAX_BYTES],
            tracks: vec![TrackWindow::EMPTY; 96],
            held: vec![HeldPacket::EMPTY; 16],
            repair: RepairMemory::default(),
        }
    }
}

/// Somebody else in a room, as the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Membership number.
    pub member: u32,
    /// Login name.
    pub username: String,
    /// Tracks.
    pub tracks: [TrackInfo; TRACKS_MAX],
}

/// A room as the client was told.
#[derive(Clone, Debug)]
pub struct RoomView {
    /// The client's own place.
    pub slot: Slot,
    /// The client's own membership number.
    pub member: u32,
    /// Everybody, the client included.
    pub roster: BTreeMap<Slot, Person>,
    /// Membership numbers of those who left, by place: their last frames may still come.
    pub gone: BTreeMap<Slot, u32>,
}

/// A chat message that is not known to be stored.
#[derive(Clone, Debug)]
pub struct PendingChat {
    /// In which room.
    pub room: RoomId,
    /// Its text; none to take the message back that is changed.
    pub text: Option<String>,
    /// The message that is changed, if it is not a new one.
    pub target: Option<u64>,
    /// When to send it again; none while an answer is awaited. **Units:** microseconds.
    pub again_at_us: Option<u64>,
}

impl PendingChat {
    /// What is said of it to the server.
    pub fn message(&self, reference: u64) -> ClientMessage<'_> {
        let room = self.room;
        match (self.target, self.text.as_deref()) {
            (None, text) => ClientMessage::SendChat { reference, room, text: text.expect("a new message has a text") },
            (Some(id), Some(text)) => ClientMessage::EditChat { reference, room, id, text },
            (Some(id), None) => ClientMessage::DeleteChat { reference, room, id },
        }
    }
}

/// A client.
pub struct SimClient<'a> {
    /// The machine.
    pub machine: ClientMachine<'a>,
    /// Login name.
    pub username: String,
    /// Public keys.
    pub device: DevicePublic,
    /// Where its datagrams come from at the moment.
    pub address: SocketAddr,
    /// The connection that it has or makes.
    pub connection: Option<usize>,
    /// Whether that connection is signed in.
    pub is_signed_in: bool,
    /// Whether the user wants to be online.
    pub wants_online: bool,
    /// When the machine wants to be woken. **Units:** microseconds.
    pub timeout_us: u64,
    /// The rooms that it is in, as it was told.
    pub rooms: BTreeMap<RoomId, RoomView>,
    /// The rooms that the user wants, joined or not.
    pub wanted: BTreeSet<RoomId>,
    /// Requests to join that were not answered.
    pub joining: BTreeSet<u32>,
    /// The rooms in which it has switched its track on in the end.
    pub is_on: BTreeSet<RoomId>,
    /// Tracks that are off for this receiver.
    pub unwanted: BTreeSet<(RoomId, Slot, TrackId)>,
    /// The newest chat message of each wanted room that was shown.
    pub chats_seen: BTreeMap<RoomId, u64>,
    /// The texts of wanted rooms' messages as they were shown last; none for one that was taken back.
    pub texts_seen: BTreeMap<(RoomId, u64), Option<String>>,
    /// Messages without an answer, by reference.
    pub chats_pending: BTreeMap<u64, PendingChat>,
    /// Direct messages without an answer: receiver and text, by reference.
    pub directs_pending: BTreeMap<u64, (String, String)>,
    /// Keys of others that were looked up.
    pub devices: BTreeMap<String, DevicePublic>,
    /// The newest direct message that was shown.
    pub direct_last: u64,
    /// Whether the lobby is watched, and its rooms and people by place.
    pub lobby: Option<LobbyView>,
    /// Calls that ring here.
    pub ringing: BTreeSet<u32>,
    /// Calls of this client that ring elsewhere.
    pub calling: BTreeSet<u32>,
    /// Whether datagrams are said to go both ways.
    pub is_up: bool,
    next_number: u32,
}

/// The lobby as a client was told.
#[derive(Clone, Debug, Default)]
pub struct LobbyView {
    /// Room and number of people, by place.
    pub rooms: BTreeMap<u16, (RoomId, u16)>,
    /// Login name, by place.
    pub people: BTreeMap<u16, String>,
    /// Whether all was told once.
    pub is_complete: bool,
}

impl<'a> SimClient<'a> {
    /// A client that never was online.
    pub fn new(plan: &Plan, index: usize, memory: &'a mut ClientMemory, random: &mut Random) -> Self {
        let secret = DeviceSecret::from_seed(&random.key());
        let keys = secret.keys();
        let reassembler = Reassembler::new(&mut memory.slots, &mut memory.bytes, &mut memory.tracks, DEADLINE_DEFAULT);
        let (rooms, held, repair) = (&mut memory.rooms, &mut memory.held, memory.repair.lend());
        let storage = ClientStorage { rooms, reassembler, held, repair };
        let person = if plan.is_account_shared && index == 1 { 0 } else { index };
        Self {
            machine: ClientMachine::new(storage, secret, random.key()),
            username: format!("user-{person:02}"),
            device: DevicePublic { seal: keys.seal, sign: keys.sign },
            address: SocketAddr::new(Ipv4Addr::new(10, 0, 0, index as u8 + 1).into(), 1024),
            connection: None,
            is_signed_in: false,
            wants_online: true,
            timeout_us: u64::MAX,
            rooms: BTreeMap::new(),
            wanted: BTreeSet::new(),
            joining: BTreeSet::new(),
            is_on: BTreeSet::new(),
            unwanted: BTreeSet::new(),
            chats_seen: BTreeMap::new(),
            texts_seen: BTreeMap::new(),
            chats_pending: BTreeMap::new(),
            directs_pending: BTreeMap::new(),
            devices: BTreeMap::new(),
            direct_last: 0,
            lobby: None,
            ringing: BTreeSet::new(),
            calling: BTreeSet::new(),
            is_up: false,
            next_number: 1,
        }
    }

    /// The next number for a request.
    pub const fn next_request(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number
    }

    /// Moves to another port, as a NAT does that forgot the old one.
    pub fn rebind(&mut self) {
        self.address.set_port(self.address.port() + 1);
    }
}

impl World<'_> {
    /// Who a client is in a room.
    pub fn membership(&self, client: usize, room: RoomId) -> Option<Membership> {
        let connection = self.clients[client].connection?;
        let member = self.clients[client].rooms.get(&room)?.member;
        Some((self.connections[connection].incarnation, room, member))
    }

    /// Begins a connection, unless there is one or the user wants none.
    pub fn connect(&mut self, client: usize) {
        if self.clients[client].connection.is_none() && self.clients[client].wants_online {
            let connection = self.open_connection(Who::Client(client));
            self.clients[client].connection = Some(connection);
        }
    }

    /// The client's connection is gone, whoever ended it. The server may notice later.
    pub fn disconnect(&mut self, client: usize) {
        let Some(connection) = self.clients[client].connection.take() else { return };
        self.connections[connection].is_open_at_client = false;
        self.push_up(connection, Item::Close);
        let this = &mut self.clients[client];
        this.is_signed_in = false;
        this.is_up = false;
        this.rooms.clear();
        this.joining.clear();
        this.unwanted.clear();
        this.ringing.clear();
        this.calling.clear();
        this.machine.handle_disconnected();
        assert!(this.machine.link_stats().is_none());
        this.timeout_us = this.machine.poll_timeout().as_micros();
        for chat in this.chats_pending.values_mut() {
            chat.again_at_us = None;
        }
        if this.wants_online {
            let at_us = self.now_us + 50 * MS + self.random.below(700) * MS;
            self.schedule(at_us, Happening::Reconnect { client });
        }
    }

    /// Says something that the machine has no method for, as a driver does.
    pub fn say(&mut self, client: usize, message: &ClientMessage<'_>) {
        if self.clients[client].is_signed_in
            && let Some(connection) = self.clients[client].connection
        {
            self.push_up(connection, Item::Frame(client_frame(message)));
        }
    }

    /// A control frame of the server arrives.
    pub fn handle_down(&mut self, client: usize, connection: usize, frame: &Frame) {
        let message = read_server(frame);
        if !self.clients[client].is_signed_in {
            self.handle_welcome(client, connection, &message);
            return;
        }
        let mut deeds = ClientDeeds::default();
        let now = self.time();
        self.clients[client].machine.handle_control(now, &message, &mut deeds);
        self.absorb(client, deeds, Some(&message));
    }

    /// A datagram arrives at the client.
    pub fn handle_at_client(&mut self, client: usize, mut bytes: Vec<u8>) {
        let judgement = self.oracle.before_client(client, &bytes);
        let mut deeds = ClientDeeds::default();
        let now = self.time();
        let result = self.clients[client].machine.handle_datagram(now, &mut bytes, &mut deeds);
        self.oracle.after_client(client, judgement, (result, deeds.is_empty()));
        self.absorb(client, deeds, None);
    }

    /// A client's timer is due.
    pub fn handle_client_timeout(&mut self, client: usize) {
        let mut deeds = ClientDeeds::default();
        let now = self.time();
        self.clients[client].machine.handle_timeout(now, &mut deeds);
        assert!(self.clients[client].machine.poll_timeout() > self.time(), "a client wants to be woken in the past");
        self.absorb(client, deeds, None);
        self.resend_chats(client);
    }

    fn resend_chats(&mut self, client: usize) {
        let now_us = self.now_us;
        let is_due = |chat: &&mut PendingChat| chat.again_at_us.is_some_and(|at_us| at_us <= now_us);
        let due: Vec<RoomId> = self.clients[client]
            .chats_pending
            .values_mut()
            .filter(is_due)
            .map(|chat| {
                chat.again_at_us = None;
                chat.room
            })
            .collect();
        for room in due {
            self.send_chats(client, room);
        }
    }

    /// Sends what is not known to be stored of a room, again.
    pub fn send_chats(&mut self, client: usize, room: RoomId) {
        let pending = self.clients[client].chats_pending.clone();
        for (reference, chat) in pending.into_iter().filter(|(_, chat)| chat.room == room) {
            self.say(client, &chat.message(reference));
        }
    }

    /// Sends what is not known to be stored of the direct messages, again.
    pub fn send_directs(&mut self, client: usize) {
        let pending = self.clients[client].directs_pending.clone();
        for (reference, (to, text)) in pending {
            let Some(device) = self.clients[client].devices.get(&to).copied() else { continue };
            let mut deeds = ClientDeeds::default();
            let sent = self.clients[client].machine.send_direct(reference, &to, &device, &text, &mut deeds);
            assert_eq!(sent, Ok(()));
            self.absorb(client, deeds, None);
        }
    }

    /// Sends one frame, in strips of that length if there is one. Gives its key if it went out whole.
    pub fn send_frame(
        &mut self,
        client: usize,
        room: RoomId,
        track: TrackId,
        len: usize,
        strip_len: Option<usize>,
    ) -> Option<FrameKey> {
        let (begin, bytes) = frame_bytes(&mut self.random, len);
        let strips: Option<Vec<_>> =
            strip_len.map(|strip| (0..len).step_by(strip).map(|begin| begin..len.min(begin + strip)).collect());
        let pieces = strips.as_deref().map_or(Pieces::Fragments, Pieces::Strips);
        let outgoing = OutgoingFrame { track, layer: 0, timestamp: self.now_us as u32, level: 127, bytes, pieces };
        let mut deeds = ClientDeeds::default();
        let now = self.time();
        let result = self.clients[client].machine.send_frame(now, room, &outgoing, &mut deeds);
        let is_allowed =
            |reason| matches!(reason, DropReason::NotInRoom | DropReason::UnvalidatedPath | DropReason::UnknownTrack);
        assert!(result.is_ok() || result.is_err_and(is_allowed), "{result:?}");
        let first = deeds.datagrams.iter().chain(&deeds.tunnelled).next().cloned();
        let author = self.membership(client, room);
        let key = first.map(|first| {
            let author = author.expect("who sends is in the room");
            let header = MediaHeader::parse(&first[HOP_PREFIX_BYTES..]).expect("a machine sends whole headers");
            let key = (author, header.track, header.frame);
            self.oracle.handle_frame_sent(key, SentFrame { begin, len, strip_len, at_us: self.now_us });
            key
        });
        if let Some(author) = author {
            for datagram in deeds.datagrams.iter().chain(&deeds.tunnelled) {
                self.note_media(author, datagram);
            }
        }
        self.absorb(client, deeds, None);
        key
    }
}
