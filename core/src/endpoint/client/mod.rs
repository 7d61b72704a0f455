//! The client machine: one signed-in session, its rooms, its media keys, and the frames of everybody else.
//!
//! It survives its connection: what the user wants (rooms, tracks, the last message read) stays when the connection is
//! lost, and is asked for again after the next sign-in.

mod control;
mod direct;
mod held;
mod keys;
mod link;
mod media;
mod moving;
mod remote_keys;
mod repair;
mod room;
mod safety;
mod send;
mod sync;
mod way;

use heapless::String;

pub use held::HeldPacket;
pub use link::LinkStats;
pub use repair::{ClientRepair, LossStats};
pub use room::{ClientRoomPlace, MyTrack, Numbering, OWN_REQUEST_MIN};
pub use send::{OutgoingFrame, Pieces};

use crate::crypto::drbg::Drbg;
use crate::crypto::senderkey::DeviceSecret;
use crate::error::{DropReason, Full};
use crate::id::{RoomId, SessionId, Slot, TrackId};
use crate::limits::USERNAME_MAX_BYTES;
use crate::media::rate::RateFigures;
use crate::media::reassembly::Reassembler;
use crate::stats::DropCounters;
use crate::time::Instant;
use crate::wire::control::{ClientMessage, DevicePublic, LeaveReason, ParticipantInfo, ServerMessage, TrackInfo};
use held::HeldPackets;
use link::Link;
use repair::Incoming;
use room::ClientRoom;
use sync::Catcher;

/// Where the machine puts what follows from an input.
pub trait ClientOutput {
    /// Send this message to the server, in order.
    fn control(&mut self, message: &ClientMessage<'_>);
    /// Send one datagram to the server.
    fn datagram(&mut self, bytes: &[u8]);
    /// Send one datagram to the server inside the control connection. A driver may drop it and should rather than send it
    /// late; but never before an earlier [`ClientMessage::Tunnel`] is sent.
    fn tunnel(&mut self, bytes: &[u8]) {
        self.control(&ClientMessage::Tunnelled { datagram: bytes });
    }
    /// Something that the user or the driver should know.
    fn event(&mut self, event: ClientEvent<'_>);
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClientEvent<'a> {
    /// We are in the room (again).
    Joined {
        /// The request's number; 0 when the machine came back by itself.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Its name.
        name: &'a str,
        /// Our place.
        slot: Slot,
    },
    /// We are no longer in the room.
    Left {
        /// Which.
        room: RoomId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody sent us from one room of a meeting to another: we leave the one and join the other by ourselves, and
    /// [`Self::Left`] and [`Self::Joined`] follow. What of ours is on there is for the driver to say.
    Moved {
        /// From which room.
        from: RoomId,
        /// To which.
        to: RoomId,
        /// The room that both belong to.
        parent: RoomId,
        /// Which breakout room it is; 0: the one that they belong to.
        number: u8,
        /// Its name; empty if nobody said it.
        name: &'a str,
    },
    /// Somebody is in the room, or their tracks changed.
    Participant {
        /// Which room.
        room: RoomId,
        /// Who.
        info: ParticipantInfo<'a>,
        /// Whether they were not there before.
        is_new: bool,
        /// Whether it is this client.
        is_me: bool,
    },
    /// Somebody left the room. Frames that they sent before may still come for half a second.
    ParticipantGone {
        /// Which room.
        room: RoomId,
        /// Their place.
        slot: Slot,
        /// Their login name.
        username: &'a str,
    },
    /// The next message of a room, in order and once.
    Chat {
        /// Which room.
        room: RoomId,
        /// Its number.
        id: u64,
        /// Login name of the author.
        author: &'a str,
        /// The author's name to show.
        display_name: &'a str,
        /// When it was stored, in milliseconds since 1970.
        time_ms: u64,
        /// The text.
        text: &'a str,
    },
    /// A message of a room is different now. Changes are numbered in one row with the room's messages, and come in order
    /// and once.
    ChatChanged {
        /// Which room.
        room: RoomId,
        /// The change's number.
        id: u64,
        /// Which message; `id` itself for one that was taken back before we saw it. It may be older than all we have.
        target: u64,
        /// Login name of whoever changed it.
        author: &'a str,
        /// When the change was stored, in milliseconds since 1970.
        time_ms: u64,
        /// The text that it has now; none if it was taken back.
        text: Option<&'a str>,
    },
    /// A host switched tracks of ours off: nothing of them goes out, also after a lost connection, until they are switched
    /// on again.
    Muted {
        /// Which room.
        room: RoomId,
        /// A bit for each track.
        tracks: u8,
        /// Login name of the host.
        by: &'a str,
    },
    /// The next direct message, in order and once.
    Direct {
        /// Its number.
        id: u64,
        /// Login name of the sender.
        from: &'a str,
        /// The keys that sealed and signed it, as the server told them: whether they are the sender's is for whoever
        /// remembers keys to say.
        device: DevicePublic,
        /// When it was stored, in milliseconds since 1970.
        time_ms: u64,
        /// The text; none if no key of this device opens it, or its signature is false.
        text: Option<&'a str>,
    },
    /// A whole frame of somebody's track.
    Frame(IncomingFrame<'a>),
    /// A strip of somebody's picture.
    Strip(IncomingStrip<'a>),
    /// A strip of a picture of ours did not come to somebody, and is not sent again: its blocks should be, as they are now.
    StripLost {
        /// In which room.
        room: RoomId,
        /// Which track.
        track: TrackId,
        /// Which size layer.
        layer: u8,
        /// Capture time of its frame on the media clock.
        timestamp: u32,
        /// Which strip of the frame.
        index: u16,
    },
    /// From now on our datagrams travel inside the control connection, because the network lets none pass, or over UDP
    /// again.
    Tunnelled {
        /// Whether they travel inside the control connection.
        is_on: bool,
    },
    /// Datagrams go both ways.
    DatagramsUp,
    /// No datagram came back for two seconds.
    DatagramsLost,
    /// The server was not heard for too long: close the connection and sign in again.
    ServerSilent,
    /// Everything else that the server said, as it said it.
    Said(&'a ServerMessage<'a>),
}

/// A whole frame of somebody's track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingFrame<'a> {
    /// Which room.
    pub room: RoomId,
    /// Whose.
    pub slot: Slot,
    /// Which track.
    pub track: TrackId,
    /// Which size layer.
    pub layer: u8,
    /// Frame number of the track.
    pub frame: u32,
    /// Capture time on the media clock.
    pub timestamp: u32,
    /// RFC 6464 level, for sound.
    pub level: u8,
    /// The encoded frame.
    pub bytes: &'a [u8],
    /// When its first fragment came.
    pub first_at: Instant,
    /// When its last fragment came.
    pub complete_at: Instant,
    /// Whether no newer frame of the track was handed out before.
    pub is_newest: bool,
}

/// A strip of somebody's picture: one packet, of use by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncomingStrip<'a> {
    /// Which room.
    pub room: RoomId,
    /// Whose.
    pub slot: Slot,
    /// Which track.
    pub track: TrackId,
    /// Which size layer.
    pub layer: u8,
    /// Number of its frame in the track and layer; wraps around.
    pub frame: u32,
    /// Capture time on the media clock.
    pub timestamp: u32,
    /// Which strip of the frame, below `count`.
    pub index: u16,
    /// Strips of the frame, 1 to [`crate::limits::FRAGMENTS_MAX`].
    pub count: u16,
    /// The strip, 1 to [`crate::limits::FRAGMENT_PAYLOAD_MAX_BYTES`] bytes. Each is handed out once, in any order, up to
    /// 64 frames late.
    pub bytes: &'a [u8],
    /// When it came.
    pub at: Instant,
    /// Whether no strip of a newer frame came before.
    pub is_newest: bool,
}

/// How much of everything a client holds: memory that the caller lends.
pub struct ClientStorage<'a> {
    /// One place per room that the client can be in.
    pub rooms: &'a mut [ClientRoomPlace],
    /// Where frames are put together.
    pub reassembler: Reassembler<'a>,
    /// Where packets wait that came before the key that opens them: a first picture of everybody. May be none.
    pub held: &'a mut [HeldPacket],
    /// For what is lost.
    pub repair: ClientRepair<'a>,
}

/// The machine.
pub struct ClientMachine<'a> {
    rooms: &'a mut [ClientRoomPlace],
    incoming: Incoming<'a>,
    held: HeldPackets<'a>,
    device: DeviceSecret,
    random: Drbg,
    username: String<USERNAME_MAX_BYTES>,
    link: Option<Link>,
    is_lobby_wanted: bool,
    announce_at: Option<Instant>,
    directs: Catcher,
    /// Whether we know where our direct messages begin. Before that the server says where we stopped reading.
    knows_directs: bool,
    direct_seen: direct::SeenReferences,
    drops: DropCounters,
    resent: u64,
    is_over_tcp: bool,
}

impl<'a> ClientMachine<'a> {
    /// A machine that is not signed in. `seed` is 32 bytes of entropy.
    pub fn new(storage: ClientStorage<'a>, device: DeviceSecret, seed: [u8; 32]) -> Self {
        Self {
            rooms: storage.rooms,
            incoming: Incoming::new(storage.reassembler, storage.repair),
            held: HeldPackets::new(storage.held),
            device,
            random: Drbg::from_seed(seed),
            username: String::new(),
            link: None,
            is_lobby_wanted: false,
            announce_at: None,
            directs: Catcher::default(),
            knows_directs: false,
            direct_seen: direct::SeenReferences::default(),
            drops: DropCounters::default(),
            resent: 0,
            is_over_tcp: false,
        }
    }

    /// Datagrams travel over TCP before they are datagrams, as a browser's do: from the next sign-in on, a silence of them is
    /// taken for a stall first, and only after five seconds for a network that lets none pass.
    pub const fn set_over_tcp(&mut self) {
        self.is_over_tcp = true;
    }

    /// Signed in: datagrams are keyed by the TLS connection's `exporter`; everything that was wanted is asked for again.
    pub fn handle_signed_in(
        &mut self,
        now: Instant,
        session: SessionId,
        username: &str,
        exporter: &[u8; 32],
        out: &mut impl ClientOutput,
    ) {
        self.username = String::try_from(username).unwrap_or_default();
        self.link = Some(Link::new(now, session, exporter, self.is_over_tcp));
        self.held.clear();
        self.drive_link(now, out);
        if self.is_lobby_wanted {
            out.control(&ClientMessage::WatchLobby { is_on: true });
        }
        let after = self.directs.ask_at(now);
        out.control(&ClientMessage::SyncDirect { after: self.directs_after(after) });
        for room in self.rooms.iter_mut().filter_map(|place| place.room_mut()) {
            room.forget_members(&mut self.incoming);
            room.join_asked_at = None;
        }
        self.drive_joins(now, out);
    }

    /// The connection is lost. Keys are forgotten; what the user wants is not.
    pub fn handle_disconnected(&mut self) {
        self.link = None;
        self.held.clear();
        for room in self.rooms.iter_mut().filter_map(|place| place.room_mut()) {
            room.forget_members(&mut self.incoming);
        }
    }

    /// Pings, retries, key changes, frame deadlines.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl ClientOutput) {
        self.drive_keys(now, out);
        self.handle_packet_timeout(now, out);
    }

    /// All of [`Self::handle_timeout`] but the change of keys, which wraps the new one for everybody: frame deadlines,
    /// packets that wait, pings, retries, reports, questions for what is lost. The proof that packets can't make the core
    /// panic covers this.
    pub fn handle_packet_timeout(&mut self, now: Instant, out: &mut impl ClientOutput) {
        self.incoming.reassembler.handle_timeout(now);
        self.drive_held(now);
        self.drive_link(now, out);
        self.drive_joins(now, out);
        self.drive_announcements(now, out);
        self.drive_sync(now, out);
        self.drive_repair(now, out);
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Instant {
        let reassembly = self.incoming.reassembler.poll_timeout().unwrap_or(Instant::NEVER);
        let link = self.link.as_ref().map_or(Instant::NEVER, Link::poll_timeout);
        reassembly.min(link).min(self.poll_keys()).min(self.held.poll_timeout()).min(self.poll_repair())
    }

    /// Asks for all direct messages that the server keeps, and not only for those that were not read on any device; also
    /// after the next sign-in.
    pub fn want_all_directs(&mut self, now: Instant, out: &mut impl ClientOutput) {
        self.directs = Catcher::default();
        self.direct_seen = direct::SeenReferences::default();
        self.knows_directs = true;
        if self.link.is_some() {
            out.control(&ClientMessage::SyncDirect { after: self.directs.ask_at(now) });
        }
    }

    /// Push the lobby to us, or stop.
    pub fn watch_lobby(&mut self, is_on: bool, out: &mut impl ClientOutput) {
        self.is_lobby_wanted = is_on;
        if self.link.is_some() {
            out.control(&ClientMessage::WatchLobby { is_on });
        }
    }

    /// Leaves a room and stops wanting it, also while the answer to a request to join it is on its way.
    pub fn leave(&mut self, room: RoomId, out: &mut impl ClientOutput) {
        self.remove_room(room);
        if self.link.is_some() {
            out.control(&ClientMessage::LeaveRoom { room });
        }
    }

    /// Announces a track, or switches it. The server confirms by a [`ClientEvent::Participant`] with `is_me`.
    pub fn set_track(&mut self, id: RoomId, track: TrackId, info: TrackInfo, out: &mut impl ClientOutput) {
        let Some(room) = self.room_mut(id) else { return };
        let Some(mine) = room.my_tracks.get_mut(usize::from(track.0)) else { return };
        mine.info = info;
        mine.is_confirmed = false;
        if room.is_joined() {
            out.control(&ClientMessage::SetTrack { room: id, track, info });
        }
    }

    /// Whether frames of that track get through to the server: datagrams have gone both ways in this session, and the
    /// server has confirmed that the track is on. The others in the room were given the key by then.
    pub fn may_send(&self, id: RoomId, track: TrackId) -> bool {
        let was_up = self.link.as_ref().is_some_and(Link::was_up);
        let room = self.rooms.iter().filter_map(|place| place.room()).find(|room| room.id == id && room.is_joined());
        let mine = room.and_then(|room| room.my_tracks.get(usize::from(track.0)));
        was_up && mine.is_some_and(|mine| mine.is_confirmed)
    }

    /// Dropped datagrams by reason.
    pub const fn drops(&self) -> &DropCounters {
        &self.drops
    }

    /// Packets that wait for their key.
    pub fn held_packets(&self) -> usize {
        self.held.count()
    }

    /// Frames of each remote track: complete and lost.
    pub const fn reassembler(&self) -> &Reassembler<'a> {
        &self.incoming.reassembler
    }

    /// State of the datagram path, while signed in.
    pub fn link_stats(&self) -> Option<LinkStats> {
        self.link.as_ref().map(Link::stats)
    }

    /// What our way to the server carries, while signed in; the bound is none until the server has reported anything.
    pub fn uplink(&self, now: Instant) -> Option<(Option<u32>, RateFigures)> {
        self.link.as_ref().map(|link| (link.rate.bound_bps(now), link.rate.figures()))
    }

    /// This device's public keys.
    pub const fn device(&self) -> &DeviceSecret {
        &self.device
    }

    /// Our login name, once we are signed in.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whether the server let us into that room.
    pub fn is_joined(&self, id: RoomId) -> bool {
        self.rooms.iter().filter_map(|place| place.room()).any(|room| room.id == id && room.is_joined())
    }

    /// Which rooms are wanted.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.rooms.iter().filter_map(|place| Some(place.room()?.id))
    }

    fn room_mut(&mut self, id: RoomId) -> Option<&mut ClientRoom> {
        self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|room| room.id == id)
    }

    fn remove_room(&mut self, id: RoomId) -> bool {
        let is_it = |place: &&mut ClientRoomPlace| place.room().is_some_and(|room| room.id == id);
        let Some(place) = self.rooms.iter_mut().find(is_it) else { return false };
        if let Some(room) = place.room_mut() {
            room.forget_members(&mut self.incoming);
        }
        place.close();
        true
    }

    /// The room with that id; a new one if we did not know it.
    fn room_or_new(&mut self, id: RoomId) -> Result<&mut ClientRoom, Full> {
        let full = Full { what: "rooms of a client", max: self.rooms.len() };
        let known = self.rooms.iter().position(|place| place.room().is_some_and(|room| room.id == id));
        let index = known.or_else(|| self.rooms.iter().position(|place| place.room().is_none())).ok_or(full)?;
        let place = self.rooms.get_mut(index).ok_or(full)?;
        if known.is_none() {
            place.open(id);
        }
        place.room_mut().ok_or(full)
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.drops.count(reason);
    }
}

#[cfg(test)]
mod tests;
