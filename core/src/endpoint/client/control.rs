//! What the server says, and what the client does about it.

use heapless::String;

use super::repair::LostPackets;
use super::room::{Member, OWN_REQUEST_MIN};
use super::sync::Catcher;
use super::{ClientEvent, ClientMachine, ClientOutput};
use crate::crypto::senderkey::DeviceKeys;
use crate::id::{RoomId, Slot};
use crate::limits::DATAGRAM_MAX_BYTES;
use crate::time::Instant;
use crate::wire::control::{ClientMessage, ParticipantInfo, ServerMessage};

/// Messages of a room that a newcomer gets to see.
const CHAT_BACKLOG: u64 = 50;

impl ClientMachine<'_> {
    /// Handles one message of the server.
    pub fn handle_control(&mut self, now: Instant, message: &ServerMessage<'_>, out: &mut impl ClientOutput) {
        use ServerMessage as M;
        if let Some(link) = self.link.as_mut() {
            link.handle_heard(now);
        }
        match *message {
            M::Alive => {}
            M::Joined { request, room, name, slot, member, chat_latest } => {
                self.handle_joined(now, request, (room, name), (slot, member), chat_latest, out);
            }
            M::Left { room, reason } => {
                self.remove_room(room);
                out.event(ClientEvent::Left { room, reason });
            }
            M::Participant { room, ref info } => self.handle_participant(now, room, info, out),
            M::ParticipantGone { room, slot } => self.handle_participant_gone(now, room, slot, out),
            M::SenderKey { room, slot, epoch, wrap } => {
                let known = self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|known| known.id == room);
                let is_taken = known.is_some_and(|known| known.take_key(now, &self.device, slot, epoch, wrap));
                if is_taken {
                    self.release_held(now, room, slot, out);
                } else {
                    self.request_key(now, room, slot, out);
                }
            }
            M::KeyRequested { room, slot } => self.handle_key_requested(now, room, slot, out),
            M::Chat { room, id, author, display_name, time_ms, text } => {
                if self.is_next_chat(now, room, id, out) {
                    out.event(ClientEvent::Chat { room, id, author, display_name, time_ms, text });
                }
            }
            M::ChatChanged { room, id, target, author, time_ms, text } => {
                if self.is_next_chat(now, room, id, out) {
                    out.event(ClientEvent::ChatChanged { room, id, target, author, time_ms, text });
                }
            }
            M::ChatFrom { room, oldest } => {
                if let Some(chat) = self.room_mut(room).and_then(|room| room.chat.as_mut()) {
                    chat.skip_to(oldest);
                }
            }
            M::Muted { room, tracks, by } => {
                if let Some(room) = self.room_mut(room) {
                    room.mute(tracks);
                    out.event(ClientEvent::Muted { room: room.id, tracks, by });
                }
            }
            M::Direct { .. } => self.handle_direct(now, message, out),
            M::DirectFrom { oldest } => {
                self.directs.skip_to(oldest);
                self.knows_directs = true;
            }
            M::InRoom(ref told) => self.handle_in_room(now, told, out),
            M::Refused { .. } => self.handle_refused(now, message, out),
            M::Tunnelled { datagram } => {
                let mut copy = [0; DATAGRAM_MAX_BYTES];
                if let Some(copy) = copy.get_mut(..datagram.len()) {
                    copy.copy_from_slice(datagram);
                    // The reason why it was dropped is counted.
                    let _ = self.handle_tunnelled(now, copy, out);
                }
            }
            M::Lost { room, track, layer, seq, more } => {
                self.handle_lost(room, track, LostPackets { layer, seq, more }, out);
            }
            _ => out.event(ClientEvent::Said(message)),
        }
    }

    fn handle_joined(
        &mut self,
        now: Instant,
        request: u32,
        room: (RoomId, &str),
        place: (Slot, u32),
        chat_latest: u64,
        out: &mut impl ClientOutput,
    ) {
        let (id, name) = room;
        // A room that was left while we asked to be let back in: to leave it is asked for already.
        if request >= OWN_REQUEST_MIN && self.room_mut(id).is_none() {
            return;
        }
        if self.room_or_new(id).is_err() {
            out.control(&ClientMessage::LeaveRoom { room: id });
            return;
        }
        let room = self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|room| room.id == id);
        let Some(room) = room else { return };
        // A second membership begins like the first: with nobody known, and a key that nobody has.
        room.forget_members(&mut self.incoming);
        room.joined = Some(place);
        room.make_own_key(place.0, &mut self.random);
        // After a restart with less history than we have read, we begin where it ends.
        let last = room.chat.map_or(chat_latest.saturating_sub(CHAT_BACKLOG), |chat| chat.last).min(chat_latest);
        let mut chat = Catcher::new(last, chat_latest);
        let request = if request < OWN_REQUEST_MIN { request } else { 0 };
        out.event(ClientEvent::Joined { request, room: id, name, slot: place.0 });
        room.announce_tracks(out);
        if chat_latest > last {
            out.control(&ClientMessage::SyncChat { room: id, after: chat.ask_at(now) });
        }
        room.chat = Some(chat);
    }

    fn handle_participant(
        &mut self,
        now: Instant,
        id: RoomId,
        info: &ParticipantInfo<'_>,
        out: &mut impl ClientOutput,
    ) {
        let Some(room) = self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|room| room.id == id) else {
            return;
        };
        let Some(own) = room.joined else { return };
        let slot = info.slot;
        if own == (slot, info.member) {
            for (mine, told) in room.my_tracks.iter_mut().zip(&info.tracks) {
                mine.is_confirmed = mine.info.is_on && mine.info == *told;
            }
            out.event(ClientEvent::Participant { room: id, info: *info, is_new: false, is_me: true });
            return;
        }
        let device = DeviceKeys { seal: info.device.seal, sign: info.device.sign };
        // Whoever is told with another name or device is somebody else, even under the same number: else a server could
        // have our key given to one device and then show us another.
        let is_known = room.member_mut(slot).is_some_and(|known| {
            known.member == info.member && known.device == device && known.username == info.username
        });
        if !is_known {
            // Somebody else may have been here whose leave was overtaken.
            if room.forget_member(slot, &mut self.incoming).is_some_and(|member| member.gone_at.is_none()) {
                room.rotate_own_key_soon(now);
            }
            if let Some(place) = room.members.get_mut(usize::from(slot.0)) {
                *place = Some(Member {
                    member: info.member,
                    username: String::try_from(info.username).unwrap_or_default(),
                    device,
                    keys: Default::default(),
                    key_asked_at: None,
                    key_given_at: None,
                    gone_at: None,
                });
            }
            room.ratchet_own_key(&mut self.random);
            room.give_key(&self.device, &mut self.random, slot, out);
        }
        out.event(ClientEvent::Participant { room: id, info: *info, is_new: !is_known, is_me: false });
    }

    fn handle_participant_gone(&mut self, now: Instant, id: RoomId, slot: Slot, out: &mut impl ClientOutput) {
        let Some(room) = self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|room| room.id == id) else {
            return;
        };
        if let Some(member) = room.member_mut(slot) {
            // Their last packets may still be on the way.
            member.gone_at = Some(now);
            out.event(ClientEvent::ParticipantGone { room: id, slot, username: &member.username });
            room.rotate_own_key_soon(now);
        }
    }

    /// Gives our key again to somebody who lacks it, not too often.
    fn handle_key_requested(&mut self, now: Instant, id: RoomId, slot: Slot, out: &mut impl ClientOutput) {
        let Some(room) = self.rooms.iter_mut().filter_map(|place| place.room_mut()).find(|room| room.id == id) else {
            return;
        };
        let Some(member) = room.member_mut(slot) else { return };
        if member.key_given_at.is_none_or(|at| now.since(at) >= super::keys::KEY_REQUEST_INTERVAL) {
            member.key_given_at = Some(now);
            room.give_key(&self.device, &mut self.random, slot, out);
        }
    }

    /// Whether this is the message that comes next; asks for the missing ones if it is a later one.
    fn is_next_chat(&mut self, now: Instant, id: RoomId, message: u64, out: &mut impl ClientOutput) -> bool {
        let Some(chat) = self.room_mut(id).and_then(|room| room.chat.as_mut()) else { return false };
        let is_next = chat.is_next(now, message);
        if !is_next && let Some(after) = chat.after_gap(now) {
            out.control(&ClientMessage::SyncChat { room: id, after });
        }
        is_next
    }
}
