//! A room as a client knows it: who is there, and with which keys.

use heapless::String;

use super::keys::OwnKey;
use super::remote_keys::RemoteKeys;
use super::repair::Incoming;
use super::sync::Catcher;
use super::{ClientEvent, ClientMachine, ClientOutput};
use crate::crypto::senderkey::DeviceKeys;
use crate::id::{RoomId, Slot, TrackId};
use crate::limits::{LAYERS_MAX, ROOM_PARTICIPANTS_MAX, TRACKS_MAX, USERNAME_MAX_BYTES};
use crate::time::{Duration, Instant};
use crate::wire::control::{ClientMessage, LeaveReason, Refusal, ServerMessage, TrackInfo};

/// Request numbers from here on are the machine's own: a driver must use smaller ones.
pub const OWN_REQUEST_MIN: u32 = 0xffff_0000;
/// A room that we are wanted back in but did not get into is asked for this often.
const JOIN_INTERVAL: Duration = Duration::from_secs(2);
/// The last packets of somebody who left come within this time: the word that they left may overtake them.
const LAST_PACKETS_MAX: Duration = Duration::from_millis(500);
/// What was refused because we said too much is said again after this long.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(1);

/// One place in a client's table of rooms. Not an `Option`: a room of this size is begun and ended where it lies, and
/// never moved over the stack.
#[derive(Default)]
pub struct ClientRoomPlace {
    room: ClientRoom,
    is_used: bool,
}

impl ClientRoomPlace {
    /// The room in it.
    pub(super) fn room(&self) -> Option<&ClientRoom> {
        self.is_used.then_some(&self.room)
    }

    /// The room in it.
    pub(super) fn room_mut(&mut self) -> Option<&mut ClientRoom> {
        self.is_used.then_some(&mut self.room)
    }

    /// Begins a room in it.
    pub(super) fn open(&mut self, id: RoomId) {
        self.room.clear(id);
        self.is_used = true;
    }

    /// Ends the room in it.
    pub(super) fn close(&mut self) {
        self.room.clear(RoomId::default());
        self.is_used = false;
    }
}

/// One of our own tracks.
#[derive(Clone, Copy, Debug, Default)]
pub struct MyTrack {
    /// As we want it.
    pub info: TrackInfo,
    /// What comes next in each size layer.
    pub layers: [Numbering; LAYERS_MAX],
    /// Whether the server has said that it is on.
    pub is_confirmed: bool,
}

/// Numbers of a track and layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbering {
    /// Next packet.
    pub seq: u32,
    /// Next frame.
    pub frame: u32,
}

/// A room that this client wants to be in.
#[derive(Default)]
pub(super) struct ClientRoom {
    pub id: RoomId,
    /// Our place and membership number, once the server let us in.
    pub joined: Option<(Slot, u32)>,
    pub my_tracks: [MyTrack; TRACKS_MAX],
    pub own: Option<OwnKey>,
    /// Epochs of our own keys that were used in this room, so that none comes twice in a session.
    pub generation: u8,
    pub members: [Option<Member>; ROOM_PARTICIPANTS_MAX],
    /// When we last asked to be let in.
    pub join_asked_at: Option<Instant>,
    /// How far its chat was handed out, once we were in it.
    pub chat: Option<Catcher>,
    /// The room that it belongs to, if we were sent here from there.
    pub parent: Option<RoomId>,
}

/// Another participant.
pub(super) struct Member {
    pub member: u32,
    pub username: String<USERNAME_MAX_BYTES>,
    pub device: DeviceKeys,
    pub keys: RemoteKeys,
    /// When we last asked for this member's key.
    pub key_asked_at: Option<Instant>,
    /// When we last wrapped our key on this member's request.
    pub key_given_at: Option<Instant>,
    /// When the server said that they left.
    pub gone_at: Option<Instant>,
}

impl ClientRoom {
    /// A host switched these tracks of ours off.
    pub fn mute(&mut self, tracks: u8) {
        for (index, mine) in (0_u32..).zip(&mut self.my_tracks) {
            if tracks.checked_shr(index).unwrap_or(0) & 1 != 0 {
                mine.info.is_on = false;
                mine.is_confirmed = false;
            }
        }
    }

    /// Becomes the room `id`, of which nothing is known.
    fn clear(&mut self, id: RoomId) {
        let Self { id: own_id, joined, my_tracks, own, generation, members, join_asked_at, chat, parent } = self;
        *own_id = id;
        *joined = None;
        *my_tracks = Default::default();
        *own = None;
        *generation = 0;
        members.iter_mut().for_each(|place| *place = None);
        *join_asked_at = None;
        *chat = None;
        *parent = None;
    }

    pub fn is_joined(&self) -> bool {
        self.joined.is_some()
    }

    /// Says which tracks we have, if any.
    pub fn announce_tracks(&self, out: &mut impl ClientOutput) {
        for (track, mine) in (0u8..).zip(&self.my_tracks).filter(|(_, mine)| mine.info != TrackInfo::default()) {
            out.control(&ClientMessage::SetTrack { room: self.id, track: TrackId(track), info: mine.info });
        }
    }

    /// Forgets everybody: the connection is gone, and with it what the server told.
    pub fn forget_members(&mut self, incoming: &mut Incoming<'_>) {
        self.joined = None;
        self.own = None;
        self.my_tracks.iter_mut().for_each(|mine| mine.is_confirmed = false);
        for index in 0..ROOM_PARTICIPANTS_MAX {
            self.forget_member(Slot(index as u16), incoming);
        }
    }

    /// Forgets whoever is in that place, keys and half frames included.
    pub fn forget_member(&mut self, slot: Slot, incoming: &mut Incoming<'_>) -> Option<Member> {
        let gone = self.members.get_mut(usize::from(slot.0))?.take()?;
        incoming.forget(self.id.0, slot.0);
        Some(gone)
    }

    /// Who is in that place.
    pub fn member_mut(&mut self, slot: Slot) -> Option<&mut Member> {
        self.members.get_mut(usize::from(slot.0))?.as_mut().filter(|member| member.gone_at.is_none())
    }

    /// Whose packets come from that place: also of somebody who has just left.
    pub fn sender_mut(&mut self, slot: Slot) -> Option<&mut Member> {
        self.members.get_mut(usize::from(slot.0))?.as_mut()
    }

    /// When the last packets of those who left have come: the earliest of these times.
    pub fn next_forgotten_at(&self) -> Instant {
        let gone = self.members.iter().flatten().filter_map(|member| member.gone_at);
        gone.min().map_or(Instant::NEVER, |gone_at| gone_at + LAST_PACKETS_MAX)
    }

    /// Forgets those who left a while ago.
    pub fn forget_gone(&mut self, now: Instant, incoming: &mut Incoming<'_>) {
        if now < self.next_forgotten_at() {
            return;
        }
        for index in 0..ROOM_PARTICIPANTS_MAX {
            let gone_at = self.members.get(index).and_then(|member| member.as_ref()?.gone_at);
            if gone_at.is_some_and(|gone_at| now.since(gone_at) >= LAST_PACKETS_MAX) {
                self.forget_member(Slot(index as u16), incoming);
            }
        }
    }
}

impl ClientMachine<'_> {
    /// Asks to be let into the rooms that we want and are not in.
    pub(super) fn drive_joins(&mut self, now: Instant, out: &mut impl ClientOutput) {
        if self.link.is_none() {
            return;
        }
        for (index, place) in (0u16..).zip(self.rooms.iter_mut()) {
            let Some(room) = place.room_mut().filter(|room| !room.is_joined()) else { continue };
            if room.join_asked_at.is_none_or(|at| now.since(at) >= JOIN_INTERVAL) {
                room.join_asked_at = Some(now);
                let request = OWN_REQUEST_MIN | u32::from(index);
                out.control(&ClientMessage::JoinRoom { request, room: room.id });
            }
        }
    }

    /// Says again what matters and was perhaps refused: our tracks, and that we watch the lobby.
    pub(super) fn drive_announcements(&mut self, now: Instant, out: &mut impl ClientOutput) {
        if self.link.is_none() || self.announce_at.take_if(|at| now >= *at).is_none() {
            return;
        }
        if self.is_lobby_wanted {
            out.control(&ClientMessage::WatchLobby { is_on: true });
        }
        for room in self.rooms.iter().filter_map(|place| place.room()).filter(|room| room.is_joined()) {
            room.announce_tracks(out);
        }
    }

    /// A request was refused. A room of ours that is gone is left; one that is full is asked for again.
    pub(super) fn handle_refused(&mut self, now: Instant, message: &ServerMessage<'_>, out: &mut impl ClientOutput) {
        let ServerMessage::Refused { request, reason, .. } = *message else { return };
        if request == 0 && reason == Refusal::TooFast {
            self.announce_at = self.announce_at.or(Some(now + ANNOUNCE_AFTER));
        }
        let own = u32::try_from(request).ok().and_then(|request| request.checked_sub(OWN_REQUEST_MIN));
        let Some(own) = own else { return out.event(ClientEvent::Said(message)) };
        let room = self.rooms.get(own as usize).and_then(|place| place.room()).filter(|room| !room.is_joined());
        match (reason, room.map(|room| room.id)) {
            // We are in it: the answer crossed the second request.
            (Refusal::OutOfOrder, _) | (_, None) => {}
            (reason, Some(room)) if self.go_to_parent(now, room, reason, out) => {}
            (Refusal::NoSuchRoom, Some(room)) => {
                self.remove_room(room);
                out.event(ClientEvent::Left { room, reason: LeaveReason::RoomClosed });
            }
            _ => out.event(ClientEvent::Said(message)),
        }
    }
}
