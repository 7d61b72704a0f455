//! What a client's driver does about what its machine tells, and what must be true of it.

use hph_core::id::{CallId, RoomId};
use hph_core::limits::USERNAME_MAX_BYTES;
use hph_core::wire::control::{CallOutcome, ClientMessage, Refusal, ServerMessage, SignOutReason};

use super::SECOND;
use super::client::{LobbyView, PendingChat, Person, RoomView};
use super::output::{ClientDeeds, Note, Seen};
use super::world::{Item, Who, World};

/// Chat messages that a newcomer gets to see.
const CHAT_BACKLOG: u64 = 50;

impl World<'_> {
    /// The server's first words on a connection.
    pub fn handle_welcome(&mut self, client: usize, connection: usize, message: &ServerMessage<'_>) {
        let ServerMessage::Welcome { session, username, .. } = *message else {
            panic!("{message:?} before the welcome");
        };
        assert!(username.len() <= USERNAME_MAX_BYTES);
        let exporter = self.connections[connection].exporter;
        self.clients[client].is_signed_in = true;
        let is_watching = self.clients[client].lobby.is_some();
        self.clients[client].lobby = is_watching.then(LobbyView::default);
        let mut deeds = ClientDeeds::default();
        let now = self.time();
        self.clients[client].machine.handle_signed_in(now, session, username, &exporter, &mut deeds);
        self.absorb(client, deeds, None);
        self.send_directs(client);
    }

    /// Does what a client machine wants done, and checks what it tells.
    pub fn absorb(&mut self, client: usize, deeds: ClientDeeds, message: Option<&ServerMessage<'_>>) {
        let connection = self.clients[client].connection;
        for frame in deeds.controls {
            let connection = connection.expect("a machine without a connection is silent");
            self.push_up(connection, Item::Frame(frame));
        }
        for datagram in &deeds.datagrams {
            let connection = connection.expect("a machine without a connection is silent");
            self.send_to_server(Who::Client(client), self.clients[client].address, connection, datagram);
        }
        for datagram in &deeds.tunnelled {
            let connection = connection.expect("a machine without a connection is silent");
            self.oracle.handle_sealed(connection, true, datagram);
        }
        for note in deeds.notes {
            self.handle_note(client, note, message);
        }
        self.clients[client].timeout_us = self.clients[client].machine.poll_timeout().as_micros();
        let machine = &self.clients[client].machine;
        assert!(machine.rooms().all(|room| self.clients[client].wanted.contains(&room)), "a room that nobody wants");
        assert_eq!(machine.rooms().count(), self.clients[client].wanted.len(), "a wanted room is forgotten");
    }

    fn handle_note(&mut self, client: usize, note: Note, message: Option<&ServerMessage<'_>>) {
        match note {
            Note::Joined { request, room, slot } => {
                let Some(ServerMessage::Joined { member, chat_latest, .. }) = message else {
                    panic!("joined without being told");
                };
                self.handle_joined(
                    client,
                    request,
                    room,
                    RoomView { slot, member: *member, roster: Default::default(), gone: Default::default() },
                );
                let first = chat_latest.saturating_sub(CHAT_BACKLOG);
                self.clients[client].chats_seen.entry(room).or_insert(first);
            }
            Note::Left { room } => self.forget_room(client, room),
            Note::Participant(seen) => self.handle_seen(client, seen),
            Note::Gone { room, slot } => {
                let author = self.membership(client, room).expect("gone from a room that we are in");
                let view = self.clients[client].rooms.get_mut(&room).expect("gone from a room that we are in");
                let person = view.roster.remove(&slot).expect("gone without having been there");
                view.gone.insert(slot, person.member);
                self.mallory.handle_gone_known(self.now_us, author, person.member);
            }
            Note::Chat { room, id, author, text } => self.handle_chat(client, room, id, &author, &text),
            Note::Changed { room, id, target, text } => self.handle_changed(client, room, id, (target, text)),
            Note::Direct { id, from, text } => {
                let this = &mut self.clients[client];
                assert_eq!(id, this.direct_last + 1, "a direct message is missing or came twice");
                this.direct_last = id;
                let is_sealed_for_another = self.plan.is_account_shared && this.username == "user-00";
                assert!(text.is_some() || is_sealed_for_another, "a direct message does not open");
                if let Some(text) = text {
                    assert!(text.starts_with(&format!("{from} to {}", this.username)), "{from}: {text}");
                }
            }
            Note::Frame { room, slot, track, frame, bytes } => {
                let view = self.clients[client].rooms.get(&room).expect("a frame of a room that we are in");
                let here = view.roster.get(&slot).map(|person| person.member);
                let author = here.or(view.gone.get(&slot).copied()).expect("a frame of somebody who is or was there");
                let receiver = self.membership(client, room).expect("a receiver who is there");
                self.oracle.handle_frame(receiver, ((receiver.0, room, author), track, frame), &bytes);
            }
            Note::Strip { room, slot, track, frame, index, bytes } => {
                let view = self.clients[client].rooms.get(&room).expect("a strip of a room that we are in");
                let here = view.roster.get(&slot).map(|person| person.member);
                let author = here.or(view.gone.get(&slot).copied()).expect("a strip of somebody who is or was there");
                let receiver = self.membership(client, room).expect("a receiver who is there");
                self.oracle.handle_strip(receiver, ((receiver.0, room, author), track, frame), index, &bytes);
            }
            // Nobody keeps order here.
            Note::Muted { room, tracks } => panic!("muted {tracks} in {room:?}"),
            Note::Up => self.clients[client].is_up = true,
            Note::Lost => self.clients[client].is_up = false,
            Note::Silent => self.disconnect(client),
            // Which way datagrams take is nobody's promise, only that they come.
            Note::Way => {}
            Note::Said => self.handle_said(client, message.expect("said while it listened")),
        }
    }

    fn handle_joined(&mut self, client: usize, request: u32, room: RoomId, view: RoomView) {
        let this = &mut self.clients[client];
        assert!(request == 0 || this.joining.remove(&request), "joined without having asked");
        assert!(request != 0 || this.wanted.contains(&room), "came back to a room that nobody wants");
        this.wanted.insert(room);
        assert!(this.rooms.insert(room, view).is_none(), "joined twice");
        self.send_chats(client, room);
    }

    /// The room is no longer wanted.
    pub fn forget_room(&mut self, client: usize, room: RoomId) {
        let this = &mut self.clients[client];
        this.rooms.remove(&room);
        this.wanted.remove(&room);
        this.chats_seen.remove(&room);
        this.texts_seen.retain(|(of, _), _| *of != room);
        this.unwanted.retain(|(unwanted, ..)| *unwanted != room);
        this.chats_pending.retain(|_, chat| chat.room != room);
    }

    fn handle_seen(&mut self, client: usize, seen: Seen) {
        let Seen { room, slot, member, username, tracks, is_new, is_me } = seen;
        let author = self.membership(client, room).expect("somebody in a room that we are in");
        let view = self.clients[client].rooms.get_mut(&room).expect("somebody in a room that we are in");
        assert_eq!(is_me, view.slot == slot, "who I am");
        assert!(!is_me || view.member == member, "another one in my place");
        let before = view.roster.insert(slot, Person { member, username, tracks });
        let is_another = before.as_ref().is_none_or(|before| before.member != member);
        assert!(is_me || is_new == is_another, "who is new");
        if let Some(before) = before.filter(|before| before.member != member) {
            self.mallory.handle_gone_known(self.now_us, author, before.member);
        }
    }

    /// The number of a message or a change: each comes once and in order.
    fn handle_number(&mut self, client: usize, room: RoomId, id: u64) {
        let seen = self.clients[client].chats_seen.get_mut(&room).expect("a message of a room that we are in");
        let oldest =
            self.store.room(room).map_or(0, |room| (room.chats.len() as u64).saturating_sub(self.plan.history_max));
        let is_skip = id > *seen + 1 && id <= oldest + 1;
        assert!(id == *seen + 1 || is_skip, "message {id} of {room:?} after {seen}");
        *seen = id;
        self.oracle.note(id);
    }

    fn handle_chat(&mut self, client: usize, room: RoomId, id: u64, author: &str, text: &str) {
        self.handle_number(client, room, id);
        let stored = &self.store.room(room).expect("a stored room").chats[id as usize - 1];
        let is_known = stored.texts.iter().flatten().any(|known| known == text);
        assert!(author == stored.author && is_known && stored.target.is_none(), "another message than was stored");
        self.clients[client].texts_seen.insert((room, id), Some(text.into()));
        self.oracle.chats_shown += 1;
    }

    fn handle_changed(&mut self, client: usize, room: RoomId, id: u64, (target, text): (u64, Option<String>)) {
        self.handle_number(client, room, id);
        let chats = &self.store.room(room).expect("a stored room").chats;
        let change = &chats[id as usize - 1];
        assert_eq!(change.target.unwrap_or(id), target, "a change of another message");
        assert!(chats[target as usize - 1].texts.contains(&text), "a text that the message never had");
        if target == id || self.clients[client].texts_seen.contains_key(&(room, target)) {
            self.clients[client].texts_seen.insert((room, target), text);
        }
    }

    fn handle_said(&mut self, client: usize, message: &ServerMessage<'_>) {
        let now_us = self.now_us;
        let this = &mut self.clients[client];
        match *message {
            ServerMessage::Refused { request, reason, .. } => {
                this.joining.remove(&(request as u32));
                if let Some(chat) = this.chats_pending.get_mut(&request) {
                    match reason {
                        Refusal::TooFast => chat.again_at_us = Some(now_us + SECOND),
                        _ => drop(this.chats_pending.remove(&request)),
                    }
                }
                this.directs_pending.remove(&request);
            }
            ServerMessage::SignedOut { reason } => {
                this.wants_online &= reason != SignOutReason::SignedInElsewhere;
            }
            ServerMessage::ChatStored { reference, room, id, .. } => {
                let pending = this.chats_pending.remove(&reference);
                let stored = &self.store.room(room).expect("a stored room").chats[id as usize - 1];
                let is_it =
                    |pending: PendingChat| pending.target == stored.target && stored.texts.contains(&pending.text);
                assert!(pending.is_none_or(is_it), "acknowledged, not stored");
            }
            ServerMessage::DirectStored { reference, .. } => drop(this.directs_pending.remove(&reference)),
            ServerMessage::Keys { username, device, .. } => drop(this.devices.insert(username.into(), device)),
            ServerMessage::Ringing { call, .. } => self.handle_ringing(client, call),
            ServerMessage::CallState { call, outcome: CallOutcome::Ringing, .. } => {
                assert!(this.calling.insert(call.0), "a call begins twice");
            }
            ServerMessage::CallState { call, .. } => {
                assert!(this.calling.remove(&call.0) | this.ringing.remove(&call.0), "a call ends twice");
            }
            // Every client sends all it has, in one size.
            ServerMessage::WantedLayers { .. }
            | ServerMessage::Refresh { .. }
            | ServerMessage::Lost { .. }
            | ServerMessage::ActiveSpeaker { .. } => {}
            _ => self.handle_lobby(client, message),
        }
    }

    fn handle_ringing(&mut self, client: usize, call: CallId) {
        assert!(self.clients[client].ringing.insert(call.0), "a call rings twice");
        match self.random.below(3) {
            0 => self.say(client, &ClientMessage::AnswerCall { call, accept: true }),
            1 => self.say(client, &ClientMessage::AnswerCall { call, accept: false }),
            _ => {}
        }
    }

    fn handle_lobby(&mut self, client: usize, message: &ServerMessage<'_>) {
        let Some(lobby) = self.clients[client].lobby.as_mut() else { return };
        match *message {
            ServerMessage::Room { place, room, people, .. } => drop(lobby.rooms.insert(place, (room, people))),
            ServerMessage::RoomGone { place } => drop(lobby.rooms.remove(&place)),
            ServerMessage::Person { place, username, .. } => drop(lobby.people.insert(place, username.into())),
            ServerMessage::PersonGone { place } => drop(lobby.people.remove(&place)),
            ServerMessage::LobbyComplete => lobby.is_complete = true,
            ServerMessage::RoomCreated { .. } => {}
            ref other => panic!("a client does not know what to do with {other:?}"),
        }
    }
}
