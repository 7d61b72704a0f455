//! What users do, and what breaks around them.

use hph_core::id::{CallId, RoomId, Slot, TrackId};
use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, TRACKS_MAX};
use hph_core::wire::control::{ClientMessage, Codec, TrackInfo};

use super::MS;
use super::client::{LobbyView, PendingChat};
use super::output::ClientDeeds;
use super::random::Random;
use super::world::World;

/// A track that is on, or off.
pub const fn track_info(is_on: bool) -> TrackInfo {
    TrackInfo { is_on, codec: Codec::Jpeg, width: 320, height: 180 }
}

/// Length of a frame: mostly short, now and then up to 60 fragments.
fn frame_len(random: &mut Random) -> usize {
    let fragments = match random.below(100) {
        0..=69 => return 1 + random.below(300) as usize,
        70..=91 => 4,
        92..=98 => 16,
        _ => 60,
    };
    1 + random.below(fragments * FRAGMENT_PAYLOAD_MAX_BYTES as u64) as usize
}

impl World<'_> {
    /// Some user does something.
    pub fn act(&mut self) {
        let client = self.random.below(self.clients.len() as u64) as usize;
        if !self.clients[client].is_signed_in {
            if self.random.chance(100) {
                self.clients[client].wants_online = true;
                self.connect(client);
            }
            return;
        }
        let wanted: Vec<RoomId> = self.clients[client].wanted.iter().copied().collect();
        let room = self.random.pick(&wanted).copied();
        match (self.random.below(100), room) {
            (0..=9, Some(room)) => self.leave(client, room),
            (10..=39, Some(room)) => self.toggle_track(client, room),
            (40..=54, Some(room)) => self.chat(client, room),
            (55..=58, Some(room)) => self.change_chat(client, room),
            (59..=62, Some(room)) => self.toggle_subscription(client, room),
            (63..=67, Some(room)) => self.call(client, room),
            (68..=72, _) => self.hang_up_or_answer(client),
            (73..=79, _) => self.direct(client),
            (80..=83, _) => self.toggle_lobby(client),
            (84, _) => self.sign_out(client),
            (85, _) => {
                let room = RoomId(1 + self.random.below(4) as u32);
                self.leave(client, room);
            }
            _ => self.join(client),
        }
    }

    fn join(&mut self, client: usize) {
        let request = self.clients[client].next_request();
        let name = format!("room-{}", self.random.below(3));
        let room = RoomId(1 + self.random.below(4) as u32);
        self.clients[client].joining.insert(request);
        match self.random.below(6) {
            0 => self.say(client, &ClientMessage::JoinRoom { request, room }),
            1 => self.say(client, &ClientMessage::CreateRoom { request, name: &name }),
            2 => self.say(client, &ClientMessage::JoinNamed { request, name: &name, may_create: false }),
            _ => self.say(client, &ClientMessage::JoinNamed { request, name: &name, may_create: true }),
        }
    }

    /// Leaves a room, joined or not.
    pub fn leave(&mut self, client: usize, room: RoomId) {
        let mut deeds = ClientDeeds::default();
        self.clients[client].machine.leave(room, &mut deeds);
        self.forget_room(client, room);
        self.absorb(client, deeds, None);
    }

    fn toggle_track(&mut self, client: usize, room: RoomId) {
        let track = TrackId(self.random.below(TRACKS_MAX as u64) as u8);
        let is_on = self.random.chance(700);
        self.set_track(client, room, track, is_on);
    }

    /// Switches a track.
    pub fn set_track(&mut self, client: usize, room: RoomId, track: TrackId, is_on: bool) {
        let mut deeds = ClientDeeds::default();
        self.clients[client].machine.set_track(room, track, track_info(is_on), &mut deeds);
        self.absorb(client, deeds, None);
    }

    /// Says something in a room. It is sent until it is known to be stored, or the user leaves.
    pub fn chat(&mut self, client: usize, room: RoomId) {
        let reference = self.random.next_u64() | 1;
        let text = format!("{} says {reference}", self.clients[client].username);
        self.post(client, reference, PendingChat { room, text: Some(text), target: None, again_at_us: None });
    }

    /// Changes a message or takes it back: mostly one of the user's own.
    fn change_chat(&mut self, client: usize, room: RoomId) {
        let username = self.clients[client].username.clone();
        let Some(stored) = self.store.room(room) else { return };
        let is_own = self.random.chance(900);
        let fits = |chat: &super::store::Chat| !is_own || chat.author == username && chat.target.is_none();
        let ids: Vec<u64> = (1..).zip(&stored.chats).filter(|(_, chat)| fits(chat)).map(|(id, _)| id).collect();
        let Some(target) = self.random.pick(&ids).copied() else { return };
        let reference = self.random.next_u64() | 1;
        let text = self.random.chance(600).then(|| format!("{username} means {reference}"));
        self.post(client, reference, PendingChat { room, text, target: Some(target), again_at_us: None });
    }

    fn post(&mut self, client: usize, reference: u64, chat: PendingChat) {
        self.say(client, &chat.message(reference));
        self.clients[client].chats_pending.insert(reference, chat);
    }

    fn toggle_subscription(&mut self, client: usize, room: RoomId) {
        let slot = Slot(self.random.below(6) as u16);
        let track = TrackId(self.random.below(TRACKS_MAX as u64) as u8);
        let width = if self.random.chance(400) { 1 + self.random.below(2000) as u16 } else { 0 };
        self.say(client, &ClientMessage::Subscribe { room, slot, track, width });
        if width < u16::MAX {
            self.clients[client].unwanted.insert((room, slot, track));
        }
    }

    fn somebody(&mut self) -> String {
        let person = self.random.below(self.clients.len() as u64) as usize;
        self.clients[person].username.clone()
    }

    fn call(&mut self, client: usize, room: RoomId) {
        let request = self.clients[client].next_request();
        let to = self.somebody();
        self.say(client, &ClientMessage::Call { request, to: &to, room });
    }

    fn hang_up_or_answer(&mut self, client: usize) {
        let calling = self.clients[client].calling.first().map(|call| CallId(*call));
        let ringing = self.clients[client].ringing.first().map(|call| CallId(*call));
        if let Some(call) = calling {
            self.say(client, &ClientMessage::CancelCall { call });
        }
        if let Some(call) = ringing {
            let accept = self.random.chance(500);
            self.say(client, &ClientMessage::AnswerCall { call, accept });
        }
    }

    fn direct(&mut self, client: usize) {
        let to = self.somebody();
        let from = self.clients[client].username.clone();
        if let Some(device) = self.clients[client].devices.get(&to).copied() {
            let reference = self.random.next_u64() | 1;
            let text = format!("{from} to {to}: {reference}");
            let mut deeds = ClientDeeds::default();
            let machine = &mut self.clients[client].machine;
            machine.send_direct(reference, &to, &device, &text, &mut deeds).expect("a legal message");
            self.absorb(client, deeds, None);
            self.clients[client].directs_pending.insert(reference, (to, text));
        } else {
            let request = self.clients[client].next_request();
            self.say(client, &ClientMessage::LookUp { request, username: &to });
        }
    }

    fn toggle_lobby(&mut self, client: usize) {
        let is_on = self.clients[client].lobby.is_none();
        self.clients[client].lobby = is_on.then(LobbyView::default);
        let mut deeds = ClientDeeds::default();
        self.clients[client].machine.watch_lobby(is_on, &mut deeds);
        self.absorb(client, deeds, None);
    }

    fn sign_out(&mut self, client: usize) {
        self.say(client, &ClientMessage::SignOut);
        self.clients[client].wants_online = self.random.chance(700);
    }

    /// Somebody who is in a room sends a frame of a track that is on.
    pub fn send_some_frame(&mut self) {
        let client = self.random.below(self.clients.len() as u64) as usize;
        let this = &self.clients[client];
        let rooms: Vec<RoomId> = this.wanted.iter().copied().collect();
        let Some(room) = self.random.pick(&rooms).copied() else { return };
        let track = TrackId(self.random.below(TRACKS_MAX as u64) as u8);
        let len = frame_len(&mut self.random);
        // Short strips, but no more than a frame may have.
        let strip_len = self.random.chance(400).then(|| (len / 64 + 1).max(1 + self.random.below(1100) as usize));
        self.send_frame(client, room, track, len, strip_len);
    }

    /// Something breaks for one client.
    pub fn break_something(&mut self) {
        let client = self.random.below(self.clients.len() as u64) as usize;
        let until_us = self.now_us + 100 * MS + self.random.below(3000) * MS;
        let end_us = self.chaos_end_us;
        match self.random.below(10) {
            0 | 1 => self.disconnect(client),
            2..=4 => self.clients[client].rebind(),
            5 => self.paths[client][0].cut_until_us = until_us,
            6 => self.paths[client][1].cut_until_us = until_us,
            7 => {
                for path in &mut self.paths[client] {
                    path.cut_until_us = until_us;
                }
                self.stalled_until_us[client] = end_us.min(until_us + self.random.below(4000) * MS);
            }
            8 => self.stalled_until_us[client] = end_us.min(until_us),
            _ => {}
        }
    }
}
