//! What the machine wants done: bytes to the server, frames to whoever takes them, events to the frontend.

use std::net::UdpSocket;

use async_io::Async;
use hph_core::endpoint::client::{ClientEvent, ClientOutput};
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::wire::control::{
    ClientMessage, DevicePublic, Refusal, RoomAsk, RoomTold, ServerMessage, SignOutReason, emit_client,
};
use hph_core::wire::media::is_sound;
use hph_platform::clock::Clock;
use hph_platform::tunnel::TunnelQueue;
use hph_platform::udp::{Class, Marking};

use super::{SafetyCodes, SessionEnd};
use crate::breakout::BreakoutNews;
use crate::engine::doors::Doors;
use crate::engine::known::KnownPeople;
use crate::engine::outbox::{Outbox, Target};
use crate::engine::transfers::Transfers;
use crate::engine::translate::translate;
use crate::engine::{
    AccountEvent, Command, EngineFigures, Event, FailReason, FileFailure, FrameSink, Guidance, IncomingMedia,
    LostStrip, Participant, Reaction, why,
};
use crate::files::RemoteFile;
use crate::media::Stages;
use crate::people::KeyState;

/// Where the machine's output goes.
pub(in crate::engine) struct Output<'a> {
    pub bytes: &'a mut Vec<u8>,
    pub tunnel: &'a mut TunnelQueue,
    pub frame: &'a mut [u8],
    pub socket: &'a Async<UdpSocket>,
    pub marking: &'a mut Marking,
    pub figures: &'a mut EngineFigures,
    pub sink: &'a mut FrameSink,
    pub stages: &'a std::sync::Mutex<Stages>,
    pub guidance: &'a Guidance,
    pub events: &'a mut Vec<Event>,
    pub outbox: &'a mut Outbox,
    pub transfers: &'a mut Transfers,
    pub doors: &'a mut Doors,
    pub people: &'a mut KnownPeople,
    pub safety: &'a mut SafetyCodes,
    pub end: &'a mut Option<SessionEnd>,
    /// Keys that came for direct messages.
    pub keys: Vec<(u32, DevicePublic)>,
}

impl ClientOutput for Output<'_> {
    fn control(&mut self, message: &ClientMessage<'_>) {
        // A message that is too long was refused before it came here.
        if let Ok(len) = emit_client(message, self.frame) {
            self.bytes.extend_from_slice(&self.frame[..len]);
        }
    }

    fn datagram(&mut self, bytes: &[u8]) {
        let (prefix, payload) = bytes.split_at(bytes.len().min(HOP_PREFIX_BYTES));
        let class = if is_sound(prefix, payload) { Class::Voice } else { Class::Video };
        self.marking.mark(self.socket.get_ref(), class);
        if self.socket.get_ref().send(bytes).is_ok() {
            self.figures.datagrams.0 += 1;
            self.figures.bytes.0 += bytes.len() as u64;
        }
    }

    fn tunnel(&mut self, bytes: &[u8]) {
        self.tunnel.push(Clock::now(), bytes);
        self.figures.datagrams.0 += 1;
        self.figures.bytes.0 += bytes.len() as u64;
    }

    fn event(&mut self, event: ClientEvent<'_>) {
        match event {
            ClientEvent::Frame(frame) => {
                if !frame.track.is_audio() {
                    let span = frame.complete_at.since(frame.first_at);
                    Stages::record(self.stages, |stages| stages.reassemble.record(span));
                }
                (self.sink)(&IncomingMedia::Frame(frame));
            }
            ClientEvent::Strip(strip) => (self.sink)(&IncomingMedia::Strip(strip)),
            ClientEvent::StripLost { room, track, layer, timestamp, index } => {
                self.figures.lost_strips += 1;
                self.guidance.report_lost(room, track, LostStrip { layer, timestamp, index });
            }
            ClientEvent::ServerSilent => {
                *self.end = Some(SessionEnd::Lost(why::SILENT.to_owned()));
            }
            ClientEvent::Said(message) => self.hear(message),
            ClientEvent::Joined { room, .. } => {
                self.guidance.forget_room(room);
                self.events.extend(translate(event));
            }
            ClientEvent::Participant { room, info, is_new, is_me } => {
                let (slot, member, tracks) = (info.slot, info.member, &info.tracks);
                (self.sink)(&IncomingMedia::Tracks { room, slot, member, tracks });
                let key = if is_me { KeyState::NotKept } else { self.meet(info.username, info.device, is_new) };
                let participant = Participant::new(&info, key);
                self.events.push(Event::Participant { room, participant, is_new, is_me });
            }
            ClientEvent::Left { room, .. } => {
                self.safety.forget(room);
                (self.sink)(&IncomingMedia::Gone { room, slot: None });
                self.events.extend(translate(event));
            }
            // Whoever's key does not open it has not shown that it is theirs: there is nothing to remember.
            ClientEvent::Direct { id, from, device, time_ms, text } => {
                let key = text.map_or(KeyState::NotKept, |_| self.meet(from, device, true));
                let (from, text) = (from.to_owned(), text.map(ToOwned::to_owned));
                self.events.push(Event::Direct { id, from, key, time_ms, text });
            }
            ClientEvent::ParticipantGone { room, slot, .. } => {
                (self.sink)(&IncomingMedia::Gone { room, slot: Some(slot) });
                self.events.extend(translate(event));
            }
            other => self.events.extend(translate(other)),
        }
    }
}

impl Output<'_> {
    /// Somebody shows a key; with `is_told` it is told if it is a new or a changed one.
    pub fn meet(&mut self, username: &str, device: DevicePublic, is_told: bool) -> KeyState {
        let key = self.people.meet(username, device);
        if is_told && matches!(key, KeyState::New | KeyState::Changed) {
            self.events.push(Event::PersonKey { username: username.to_owned(), device, key });
        }
        self.events.extend(self.people.take_failure().map(|why| Event::KeysUnusable { why }));
        key
    }

    /// Whether a direct message may be sealed for that key of somebody.
    pub fn may_seal(&mut self, username: &str, device: DevicePublic) -> Result<(), FailReason> {
        match self.meet(username, device, true) {
            KeyState::Changed => Err(FailReason::KeyChanged),
            KeyState::Unreadable => Err(FailReason::KeysUnreadable),
            KeyState::NotKept | KeyState::New | KeyState::Seen | KeyState::Compared => Ok(()),
        }
    }

    /// Says what needs no state on this side.
    pub fn say(&mut self, command: &Command) {
        let message = match command {
            Command::CreateRoom { request, name } => ClientMessage::CreateRoom { request: *request, name },
            Command::JoinNamed { request, name, may_create } => {
                ClientMessage::JoinNamed { request: *request, name, may_create: *may_create }
            }
            Command::Join { request, room } => ClientMessage::JoinRoom { request: *request, room: *room },
            Command::Want { room, slot, track, width } => {
                ClientMessage::Subscribe { room: *room, slot: *slot, track: *track, width: *width }
            }
            Command::Call { request, to, room } => ClientMessage::Call { request: *request, to, room: *room },
            Command::AnswerCall { call, accept } => ClientMessage::AnswerCall { call: *call, accept: *accept },
            Command::CancelCall(call) => ClientMessage::CancelCall { call: *call },
            Command::History { request, room, before, count, words } => match words {
                None => ClientMessage::ReadHistory { request: *request, room: *room, before: *before, count: *count },
                Some(words) => {
                    ClientMessage::SearchChat { request: *request, room: *room, before: *before, count: *count, words }
                }
            },
            Command::Moderate { request, room, act, whom } => {
                ClientMessage::Moderate { request: *request, room: *room, act: *act, whom }
            }
            Command::RaiseHand { room, is_up } => ClientMessage::RaiseHand { room: *room, is_up: *is_up },
            Command::React { request, room, reaction } => {
                ClientMessage::InRoom(RoomAsk::React { request: *request, room: *room, reaction: reaction.number() })
            }
            Command::Breakout { request, room, act } => ClientMessage::InRoom(act.ask(*request, *room)),
            Command::Audit { request, room, before, count } => {
                ClientMessage::ReadAudit { request: *request, room: *room, before: *before, count: *count }
            }
            Command::ListFiles { request, room, before, count } => {
                ClientMessage::ListFiles { request: *request, room: *room, before: *before, count: *count }
            }
            Command::DeleteFile { request, file } => ClientMessage::DeleteFile { request: *request, file: *file },
            Command::MarkRead { room, id } => ClientMessage::MarkRead { room: *room, id: *id },
            Command::Unread { request } => ClientMessage::AskUnread { request: *request },
            Command::Account(command) => ClientMessage::Account(command.as_ask()),
            Command::WatchLobby(_)
            | Command::SendFile { .. }
            | Command::FetchFile { .. }
            | Command::StopFile { .. }
            | Command::EditChat { .. }
            | Command::DeleteChat { .. }
            | Command::AllDirects
            | Command::Leave(_)
            | Command::SetTrack { .. }
            | Command::Chat { .. }
            | Command::Direct { .. }
            | Command::AcceptKey { .. }
            | Command::Enter { .. }
            | Command::SetPassword { .. }
            | Command::Quit => return,
        };
        if message.is_legal() {
            return self.control(&message);
        }
        // The server would end a session that says this.
        let number = message.request_number();
        if number > 0 {
            self.hear_refused(number, Refusal::Invalid);
        }
    }

    /// A message was given up. If it told of a file, nobody else waits for it.
    pub fn message_failed(&mut self, reference: u64, reason: FailReason) {
        if !self.transfers.handle_untold(reference, FileFailure::Untold(reason), self.events) {
            self.events.push(Event::MessageFailed { reference, reason });
        }
    }

    fn hear(&mut self, message: &ServerMessage<'_>) {
        use ServerMessage as M;
        let event = match *message {
            M::Refused { request, reason, .. } => return self.hear_refused(request, reason),
            M::Account(ref told) => return self.events.extend(AccountEvent::of(told).map(Event::Account)),
            M::SignedOut { reason } => return *self.end = Some(end_of(reason)),
            M::ChatStored { reference, room, id, .. } => {
                self.outbox.acknowledge(reference);
                Event::ChatStored { reference, room, id }
            }
            M::ChatFound { request, room, id, author, display_name, time_ms, edited_ms, text } => Event::ChatFound {
                request,
                room,
                id,
                author: author.to_owned(),
                display_name: display_name.to_owned(),
                time_ms,
                edited_ms: (edited_ms > 0).then_some(edited_ms),
                text: text.map(ToOwned::to_owned),
            },
            M::ChatFoundAll { request, room, before } => Event::ChatFoundAll { request, room, before },
            M::Unread { request, room, name, read, latest, unread } => {
                Event::Unread { request, room, name: name.to_owned(), read, latest, unread }
            }
            M::UnreadAll { request } => Event::UnreadAll { request },
            M::Moderated { .. }
            | M::UnmuteAsked { .. }
            | M::RoomLocked { .. }
            | M::PasswordWanted { .. }
            | M::Waiting { .. }
            | M::Knock { .. }
            | M::Rules { .. }
            | M::Audit { .. }
            | M::AuditAll { .. } => return self.hear_of_order(message),
            M::DirectStored { reference, id, .. } => {
                self.outbox.acknowledge(reference);
                if self.transfers.handle_told(reference, self.events) {
                    return;
                }
                Event::DirectStored { reference, id }
            }
            M::FileWanted { .. }
            | M::FileStored { .. }
            | M::FileChunk { .. }
            | M::File { .. }
            | M::FilesAll { .. }
            | M::FileGone { .. } => return self.hear_of_files(message),
            M::Keys { request, device, .. } => return self.keys.push((request, device)),
            M::Room { place, room, name, people } => Event::LobbyRoom { place, room, name: name.to_owned(), people },
            M::RoomGone { place } => Event::LobbyRoomGone { place },
            M::Person { place, username, display_name } => {
                Event::LobbyPerson { place, username: username.to_owned(), display_name: display_name.to_owned() }
            }
            M::PersonGone { place } => Event::LobbyPersonGone { place },
            M::LobbyComplete => Event::LobbyComplete,
            M::RoomCreated { request, room } => Event::RoomCreated { request, room },
            M::Ringing { call, from, display_name, room, name, seconds } => Event::Ringing {
                call,
                from: from.to_owned(),
                display_name: display_name.to_owned(),
                room,
                name: name.to_owned(),
                seconds,
            },
            M::WantedLayers { room, track, layers, max_bps } => {
                return self.guidance.set_wanted(room, track, layers, max_bps);
            }
            M::Refresh { room, track, layers } => return self.guidance.ask_refresh(room, track, layers),
            M::ActiveSpeaker { room, slot } => Event::Speaker { room, slot },
            M::InRoom(ref told) => return self.hear_in_room(told),
            M::CallState { request, call, outcome } => Event::CallState { request, call, outcome },
            _ => return,
        };
        self.events.push(event);
    }

    fn hear_refused(&mut self, request: u64, reason: Refusal) {
        if reason == Refusal::WrongPassword {
            self.doors.handle_wrong(request);
        }
        if self.transfers.handle_refused(Clock::now(), request, reason, self.events) {
            return;
        }
        if let Some(reference) = self.outbox.refuse(Clock::now(), request, reason) {
            return self.message_failed(reference, FailReason::Refused(reason));
        }
        if reason == Refusal::Storage
            && let Some(reference) = self.outbox.delay(request)
        {
            return self.events.push(Event::MessageDelayed { reference, reason });
        }
        self.events.extend(u32::try_from(request).ok().map(|request| Event::Refused { request, reason }));
    }

    fn hear_in_room(&mut self, told: &RoomTold<'_>) {
        let event = match *told {
            // What only a newer server knows is passed over.
            RoomTold::Reacted { room, slot, reaction } => {
                Reaction::from_number(reaction).map(|reaction| Event::Reacted { room, slot, reaction })
            }
            ref told => BreakoutNews::heard(told).map(|(room, news)| Event::Breakout { room, news }),
        };
        self.events.extend(event);
    }

    fn hear_of_files(&mut self, message: &ServerMessage<'_>) {
        use ServerMessage as M;
        let event = match *message {
            M::FileWanted { reference, file, from } => {
                return self.transfers.handle_wanted(reference, file, from, self.events);
            }
            M::FileStored { reference, file } => {
                if let Some((to, file, told)) = self.transfers.handle_stored(reference, file, self.events)
                    && let Some(text) = file.to_direct()
                {
                    let target = Target::Person { username: to, request: 0 };
                    if !self.outbox.push(Clock::now(), told, target, text) {
                        self.message_failed(told, FailReason::Refused(Refusal::TooFast));
                    }
                }
                return;
            }
            M::FileChunk { file, from, bytes } => return self.transfers.handle_chunk(file, from, bytes),
            M::File { request, room, file, author, display_name, time_ms, name, size, sha256 } => Event::File {
                request,
                room,
                file: RemoteFile { file, name: name.to_owned(), size, sha256, key: None },
                author: author.to_owned(),
                display_name: display_name.to_owned(),
                time_ms,
            },
            M::FilesAll { request, before } => Event::FilesAll { request, before },
            M::FileGone { request, room, file } => Event::FileGone { request, room, file },
            _ => return,
        };
        self.events.push(event);
    }

    fn hear_of_order(&mut self, message: &ServerMessage<'_>) {
        use ServerMessage as M;
        let event = match *message {
            M::Moderated { request } => Event::Moderated { request },
            M::UnmuteAsked { room, by } => Event::UnmuteAsked { room, by: by.to_owned() },
            M::RoomLocked { room, is_locked } => Event::RoomLocked { room, is_locked },
            M::PasswordWanted { request, room, salt } => {
                if let Some(key) = self.doors.handle_wanted(request, room, salt) {
                    return self.control(&ClientMessage::Enter { request, room, key });
                }
                Event::PasswordWanted { request, room }
            }
            M::Waiting { request, room, name } => Event::Waiting { request, room, name: name.to_owned() },
            M::Knock { room, username, display_name, is_waiting } => {
                let (username, display_name) = (username.to_owned(), display_name.to_owned());
                Event::Knock { room, username, display_name, is_waiting }
            }
            M::Rules { room, has_waiting_room, has_password, hosts_share } => {
                Event::Rules { room, has_waiting_room, has_password, hosts_share }
            }
            M::Audit { request, id, time_ms, by, act, whom } => {
                Event::Audit { request, id, time_ms, by: by.to_owned(), act, whom: whom.to_owned() }
            }
            M::AuditAll { request, before } => Event::AuditAll { request, before },
            _ => return,
        };
        self.events.push(event);
    }
}

/// How a session ended that the server ended.
fn end_of(reason: SignOutReason) -> SessionEnd {
    match reason {
        SignOutReason::SignedInElsewhere => SessionEnd::Elsewhere,
        SignOutReason::Revoked => SessionEnd::Revoked,
        SignOutReason::ShuttingDown => SessionEnd::Lost(why::SHUTTING_DOWN.to_owned()),
        SignOutReason::TooSlow => SessionEnd::Lost(why::TOO_SLOW.to_owned()),
        SignOutReason::Idle => SessionEnd::Lost(why::IDLE.to_owned()),
        other => SessionEnd::Lost(format!("the server ended the session: {other:?}")),
    }
}
