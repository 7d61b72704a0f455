//! What the engine says.

use hph_client::core::id::TrackId;
use hph_client::engine::{EndReason, MicrophoneRemark};

use super::*;
use crate::room::mute;
use crate::settings::KnownServer;
use crate::signin::{self, Way};

impl App {
    pub(super) fn handle_engine(&mut self, event: ClientEvent, now: Now, effects: &mut Effects) {
        let left = match &event {
            ClientEvent::Left { room, .. } => self.view.rooms.get(room).map(|view| view.name.clone()),
            _ => None,
        };
        let came = self.comings(&event, now);
        self.view.apply(&event);
        let is_back = self.link.handle(&event, now.at);
        self.chat.handle_engine(&event, &self.view, effects);
        if let Some(notice) = came {
            self.toasts.push(notice, now.at);
        }
        self.split_on(&event, effects);
        match &event {
            ClientEvent::SignedIn { server_name, pin, .. } => self.signed_in(server_name, *pin, is_back, now, effects),
            ClientEvent::Ended(reason) => self.ended(reason, now, effects),
            ClientEvent::LobbyComplete => self.lobby.is_complete = true,
            ClientEvent::Joined { request, room, .. } => self.joined(*request, *room, now, effects),
            ClientEvent::Left { room, reason } => {
                self.gone(*room, left.unwrap_or_default(), Trouble::of_leave(*reason), now, effects);
            }
            ClientEvent::Refused { request, reason } => self.refused(*request, *reason, now),
            ClientEvent::PasswordWanted { request, room } => {
                self.stands_before(*request, |name| Door::password(*request, *room, name));
            }
            ClientEvent::Waiting { request, room, .. } => {
                self.stands_before(*request, |name| Door::waiting(*request, *room, name, now.at));
            }
            ClientEvent::Knock { room, username, display_name, is_waiting: true } => {
                self.knocked(*room, username, display_name, now, effects);
            }
            ClientEvent::Knock { room, username, .. } => self.toasts.withdraw(now.at, |notice| {
                matches!(notice, Notice::Knock { room: of, username: who, .. } if of == room && who == username)
            }),
            ClientEvent::Moderated { request } => self.moderated(*request, now),
            ClientEvent::Muted { room, tracks, by } => self.muted(*room, tracks, by, now, effects),
            ClientEvent::UnmuteAsked { room, by } => {
                let by = self.name_of(by);
                self.toasts.push(Notice::UnmuteAsked { room: *room, by }, now.at);
            }
            ClientEvent::Breakout { room, news } => self.hear_of_breakouts(*room, news, now),
            ClientEvent::Reacted { room, slot, reaction } => {
                if let (Some(room), Some(view)) = (self.rooms.get_mut(room), self.view.rooms.get(room)) {
                    room.reacted(view, *slot, *reaction, now.at);
                }
            }
            ClientEvent::Microphone { remark, .. } => self.remark(*remark, now),
            ClientEvent::Ringing { .. } => self.ringing(&event, now, effects),
            ClientEvent::CallState { request, call, outcome } => {
                self.call_state(*request, *call, *outcome, now, effects);
            }
            ClientEvent::Direct { from, text: Some(_), .. } => self.direct_came(from, now, effects),
            ClientEvent::PersonKey { username, key: hph_client::people::KeyState::Changed, .. } => {
                let name = self.name_of(username);
                self.toasts.push(Notice::KeyChanged(name), now.at);
            }
            ClientEvent::KeysUnusable { .. } => self.toasts.push(Notice::Trouble(Trouble::KeysUnreadable), now.at),
            _ => {}
        }
        self.hear_of_files(&event, now, effects);
        self.hear_of_accounts(&event, now, effects);
        self.sync(&event, now, effects);
    }

    /// Lets the rooms that an event is about have the meeting as it is now.
    fn sync(&mut self, event: &ClientEvent, now: Now, effects: &mut Effects) {
        self.lobby.sync(&self.view, now.at);
        self.count_before_entering();
        let about = match event {
            ClientEvent::Joined { room, .. }
            | ClientEvent::Participant { room, .. }
            | ClientEvent::ParticipantGone { room, .. } => *room,
            _ => return,
        };
        self.say_rules(about, effects);
        let (Some(room), Some(view)) = (self.rooms.get_mut(&about), self.view.rooms.get(&about)) else { return };
        room.sync(view, now, effects);
        let raised = self.people.get_mut(&about).map(|people| people.sync(view, now.at)).unwrap_or_default();
        if self.front == Some(about) && !room.is_being_told(now.at) {
            raised.into_iter().for_each(|name| self.toasts.push(Notice::HandUp(name), now.at));
        }
    }

    /// How many are in the room that is prepared for: the lobby may be told only after that began.
    fn count_before_entering(&mut self) {
        let Some(prejoin) = &mut self.prejoin else { return };
        let key = prejoin.room.to_lowercase();
        let found = self.view.lobby.values().find(|room| room.name.to_lowercase() == key);
        prejoin.people = found.map_or(0, |room| room.people);
    }

    /// Somebody comes or goes in the room in front: before the view forgets them.
    fn comings(&self, event: &ClientEvent, now: Now) -> Option<Notice> {
        let is_being_told = self.front_room().is_some_and(|(room, _)| room.is_being_told(now.at));
        if is_being_told || !self.memory.settings.notifications.are_comings_told {
            return None;
        }
        match event {
            ClientEvent::Participant { room, participant, is_new: true, is_me: false } if self.front == Some(*room) => {
                Some(Notice::Came(participant.display_name.clone()))
            }
            ClientEvent::ParticipantGone { room, slot, .. } if self.front == Some(*room) => {
                let view = self.view.rooms.get(room)?;
                let who = view.participants.get(slot).filter(|_| view.my_slot != Some(*slot))?;
                Some(Notice::Went(who.display_name.clone()))
            }
            _ => None,
        }
    }

    pub(super) fn handle_signin(&mut self, event: signin::Event, now: Now, effects: &mut Effects) {
        self.signin.handle(event, now, effects);
        self.screen = match (self.screen, &self.signin.target) {
            (Screen::First | Screen::SignIn, Some(_)) => Screen::SignIn,
            (Screen::First | Screen::SignIn | Screen::Ended(_), None) => Screen::First,
            (Screen::Ended(_), Some(_)) => Screen::SignIn,
            (other, _) => other,
        };
    }

    fn signed_in(&mut self, server_name: &str, pin: [u8; 32], is_back: bool, now: Now, effects: &mut Effects) {
        self.signin.handle_signed_in();
        self.lobby.is_complete = false;
        if is_back {
            self.toasts.push(Notice::Reconnected, now.at);
        }
        crate::effect::engine(effects, Command::WatchLobby(true));
        let request = self.ids.request();
        crate::effect::engine(effects, Command::Unread { request });
        if is_back {
            return;
        }
        self.claim(effects);
        let Some(target) = self.signin.target.clone() else { return };
        self.lobby.server = Some((target.host.clone(), target.port, pin));
        // An account is made once: the next time one signs in to it.
        let way = if self.signin.way == Way::Register { Way::Password } else { self.signin.way };
        self.signin.way = way;
        self.memory.remember_server(KnownServer {
            name: server_name.to_owned(),
            host: target.host,
            port: target.port,
            way,
            username: if way == Way::Guest { String::new() } else { self.view.username.clone() },
            display_name: self.signin.display_name.clone(),
            used_ms: now.unix_ms,
        });
        effects.push(Effect::Remember);
        self.screen = Screen::Lobby;
        if let Some(room) = target.room {
            self.prepare(room, false, false, now, effects);
        }
    }

    fn ended(&mut self, reason: &EndReason, now: Now, effects: &mut Effects) {
        let was_in = !matches!(self.screen, Screen::First | Screen::SignIn);
        self.signin.handle_ended(reason, now, effects);
        if was_in || *reason == EndReason::Quit {
            self.forget_meeting(effects);
            self.screen = match reason {
                EndReason::Quit => Screen::First,
                reason => Screen::Ended(Trouble::of_end(reason)),
            };
        }
    }

    /// Signs out: everything that belongs to one person is forgotten.
    pub(super) fn sign_out(&mut self, effects: &mut Effects) {
        self.forget_meeting(effects);
        crate::effect::engine(effects, Command::Quit);
        effects.push(Effect::Disconnect);
        self.signin.handle(signin::Event::Back, Now::default(), effects);
        self.screen = Screen::First;
    }

    fn forget_meeting(&mut self, effects: &mut Effects) {
        let ids: Vec<RoomId> = self.rooms.keys().copied().collect();
        for id in ids {
            self.gone(id, String::new(), None, Now::default(), effects);
        }
        if let Some(prejoin) = self.prejoin.take() {
            prejoin.close(effects);
        }
        effects.push(Effect::Ring(false));
        self.view = MeetingView::default();
        self.chat.forget_all();
        self.lobby = Lobby::default();
        self.calls.incoming.clear();
        self.calls.outgoing.clear();
        (self.front, self.left, self.link) = (None, None, Link::default());
        (self.door, self.new_rules, self.files) = (None, None, Files::default());
        (self.invites, self.previews) = (None, crate::previews::Previews::default());
        self.sessions = crate::sessions::Sessions::of(self.sessions.own);
        self.breakouts_end.clear();
        self.wanted.clear();
    }

    fn refused(&mut self, request: u32, reason: hph_client::core::wire::control::Refusal, now: Now) {
        if self.join_refused(request, reason, now) {
            return;
        }
        let was_act = self.people.values_mut().any(|people| people.refused(request));
        if self.call_refused(request) || was_act || self.breakouts_asked.remove(&request) {
            self.toasts.push(Notice::Trouble(Trouble::of_refusal(reason)), now.at);
        }
    }

    fn moderated(&mut self, request: u32, now: Now) {
        self.breakouts_asked.remove(&request);
        let done = self.people.iter_mut().find_map(|(room, people)| Some((*room, people.done(request, *room)?)));
        let Some((room, (act, whom, undo))) = done else { return };
        let whom = self.view.rooms.get(&room).map_or(whom.clone(), |view| people::name_of(view, &whom));
        let notice = Notice::Done { act, whom };
        match undo {
            Some(undo) => self.toasts.push_undoable(notice, undo, now.at),
            None => self.toasts.push(notice, now.at),
        }
    }

    /// A host has switched tracks of ours off: they are closed here too.
    fn muted(&mut self, id: RoomId, tracks: &[TrackId], by: &str, now: Now, effects: &mut Effects) {
        let by = self.name_of(by);
        if tracks.contains(&TrackId::MICROPHONE) {
            self.in_room(id, room::Event::Mic(mute::Event::MutedByHost), now, effects);
            self.toasts.push(Notice::MutedBy(by.clone()), now.at);
        }
        if tracks.iter().any(|track| matches!(*track, TrackId::CAMERA | TrackId::SCREEN)) {
            for track in [TrackId::CAMERA, TrackId::SCREEN].into_iter().filter(|track| tracks.contains(track)) {
                self.in_room(id, room::Event::TrackFailed(track), now, effects);
            }
            self.toasts.push(Notice::VideoStoppedBy(by), now.at);
        }
    }

    fn remark(&mut self, remark: MicrophoneRemark, now: Now) {
        let notice = match remark {
            MicrophoneRemark::TalkingWhileMuted => Notice::TalkingWhileMuted,
            MicrophoneRemark::NoSignal => Notice::NoMicrophoneSignal,
            MicrophoneRemark::Clipping => Notice::Clipping,
            MicrophoneRemark::Gone => Notice::DeviceGone,
            MicrophoneRemark::Back | MicrophoneRemark::Signal => Notice::DeviceBack,
        };
        self.toasts.push(notice, now.at);
    }

    fn direct_came(&mut self, from: &str, now: Now, effects: &mut Effects) {
        let is_seen = self.is_active && self.chat.front == Some(ThreadId::Direct(from.to_owned()));
        if self.chat.unread(&ThreadId::Direct(from.to_owned())) == 0 || is_seen {
            return;
        }
        let name = self.name_of(from);
        self.tell(Notice::Direct { from: from.to_owned(), name }, now, effects);
    }

    /// Somebody waits to be let into a room where we keep order.
    fn knocked(&mut self, room: RoomId, username: &str, name: &str, now: Now, effects: &mut Effects) {
        let (username, name) = (username.to_owned(), name.to_owned());
        self.tell(Notice::Knock { room, username, name }, now, effects);
    }

    /// A toast; if the window is not in front, the desktop tells it too.
    fn tell(&mut self, notice: Notice, now: Now, effects: &mut Effects) {
        if !self.is_active {
            effects.push(Effect::Notify(notice.clone()));
        }
        self.toasts.push(notice, now.at);
    }
}
