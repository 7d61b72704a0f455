//! What typed lines do.

use hph_client::core::id::{CallId, RoomId, TrackId};
use hph_client::core::limits::CHAT_PAGE_MAX;
use hph_client::core::wire::control::{Act, Refusal};
use hph_client::core::wire::text::{is_chat_text, is_username};
use hph_client::engine::{Command, FileTarget, new_reference};
use hph_client::media::VOLUME_MAX;
use hph_client::view::MeetingView;

use super::line::{COMMANDS, Line};
use super::summary::voice_rows;
use super::{Meeting, Wanted};
use crate::exit::Exit;
use crate::history;
use crate::lang::{self, Phrase};
use crate::object::track_name;
use crate::refusal::phrase;
use crate::show;
use crate::text::{one_row, person};

/// Messages that a search shows.
const HITS: u32 = 20;

impl Meeting<'_> {
    /// Does what a line says; how to end if it says so.
    pub(super) fn obey(&mut self, text: &str) -> Option<Exit> {
        match Line::parse(text)? {
            Line::Quit => return Some(Exit::Ok),
            Line::Say(text) => {
                if let Some(room) = self.current_or_say() {
                    self.say(room, text);
                }
            }
            Line::Mic(is_on) => self.switch(TrackId::MICROPHONE, is_on),
            Line::Camera(is_on) => self.switch(TrackId::CAMERA, is_on),
            Line::PushToTalk(is_held) => self.session.voice().hold_key(is_held),
            Line::Volume { who, percent } => self.set_volume(&who, percent),
            Line::Screen(is_on) => self.switch(TrackId::SCREEN, is_on),
            Line::History(count) => self.look_up(None, count),
            Line::Search(words) => self.look_up(Some(words), HITS),
            Line::Moderate(act, whom) => self.moderate(act, &whom),
            Line::SetPassword(password) => self.set_password(password),
            Line::Hand(is_up) => self.ask_in_room(|_, room| Command::RaiseHand { room, is_up }),
            Line::Breakout(wish) => self.breakout(wish),
            Line::React(reaction) => self.ask_in_room(|request, room| Command::React { request, room, reaction }),
            Line::Audit(count) => {
                let count = u8::try_from(count).unwrap_or(CHAT_PAGE_MAX).min(CHAT_PAGE_MAX);
                self.ask_in_room(|request, room| Command::Audit { request, room, before: 0, count });
            }
            Line::SendFile(path) => {
                if let Some(room) = self.current_or_say() {
                    self.send_file(FileTarget::Room(room), &path);
                }
            }
            Line::SendFileTo { to, path } => {
                if let Some(to) = self.resolve(&to) {
                    self.send_file(FileTarget::Person(to), &path);
                }
            }
            Line::Files => self.list_files(),
            Line::Fetch(file) => self.fetch_file(file),
            Line::Unread => self.desk.ask_unread(&mut self.session),
            Line::Edit { id, text } => {
                if let Some((room, id)) = self.own_message_or_say(id) {
                    self.post(text, |reference, text| Command::EditChat { reference, room, id, text });
                }
            }
            Line::Delete(id) => {
                if let Some((room, id)) = self.own_message_or_say(id) {
                    self.send_message(|reference| Command::DeleteChat { reference, room, id });
                }
            }
            Line::Direct { to, text } => {
                if let Some(to) = self.resolve(&to) {
                    self.post(text, |reference, text| Command::Direct { reference, to, text });
                }
            }
            Line::Call(to) => {
                if let (Some(room), Some(to)) = (self.current_or_say(), self.resolve(&to)) {
                    let request = self.session.engine.request();
                    self.session.send(Command::Call { request, to, room });
                }
            }
            Line::HangUp => match self.my_calls.last() {
                Some(call) => self.session.send(Command::CancelCall(*call)),
                None => self.tell(&lang::NO_CALL),
            },
            Line::Accept => match self.session.view.calls.last() {
                Some(call) => self.accept(call.call, call.room),
                None => self.tell(&lang::NO_CALL),
            },
            Line::Decline => match self.session.view.calls.last() {
                Some(call) => self.session.send(Command::AnswerCall { call: call.call, accept: false }),
                None => self.tell(&lang::NO_CALL),
            },
            Line::People => self.list_people(),
            Line::Rooms => self.list_rooms(),
            Line::Join(name) => self.join(name),
            Line::Leave => {
                if let Some(room) = self.current_or_say() {
                    self.close(room, TrackId::SCREEN);
                    self.close(room, TrackId::CAMERA);
                    self.close(room, TrackId::MICROPHONE);
                    self.session.send(Command::Leave(room));
                }
            }
            Line::Safety => self.show_safety(),
            Line::Verified(who) => self.verified(who.as_deref()),
            Line::Trust(who) => self.trust(&who),
            Line::Stats => self.list_stats(),
            Line::Help => {
                let out = self.session.out;
                out.talk(out.lang.text(&lang::HELP));
                out.talk(&format!("  {}", COMMANDS.join("  ")));
            }
            Line::Incomplete(usage) => self.tell_filled(&lang::COMMAND_USAGE, usage),
            Line::Unknown(name) => self.tell_filled(&lang::UNKNOWN_COMMAND, &name),
        }
        None
    }

    /// Gives a command about the room where we are, with a number of its own.
    fn ask_in_room(&mut self, command: impl FnOnce(u32, RoomId) -> Command) {
        if let Some(room) = self.current_or_say() {
            let request = self.session.engine.request();
            self.session.send(command(request, room));
        }
    }

    /// Says something in a room.
    pub(super) fn say(&mut self, room: RoomId, text: String) {
        self.post(text, |reference, text| Command::Chat { reference, room, text });
    }

    fn post(&mut self, text: String, command: impl FnOnce(u64, String) -> Command) {
        if !is_chat_text(&text) {
            return self.tell(&lang::TOO_LONG);
        }
        self.send_message(|reference| command(reference, text));
    }

    fn send_message(&mut self, command: impl FnOnce(u64) -> Command) {
        let reference = new_reference();
        let command = command(reference);
        let is_message = matches!(command, Command::Chat { .. });
        if self.session.engine.send(command) {
            self.pending.add(reference, is_message);
        } else {
            self.tell(&lang::BUSY);
        }
    }

    fn set_password(&mut self, password: String) {
        if let Some(room) = self.current_or_say() {
            let request = self.session.engine.request();
            self.session.send(Command::SetPassword { request, room, password });
        }
    }

    fn moderate(&mut self, act: Act, whom: &str) {
        let Some(room) = self.current_or_say() else { return };
        let whom = if act.has_target() { self.resolve(whom) } else { Some(String::new()) };
        if let Some(whom) = whom {
            let request = self.session.engine.request();
            self.session.send(Command::Moderate { request, room, act, whom });
        }
    }

    /// Shows older messages of the current room.
    fn look_up(&mut self, words: Option<String>, count: u32) {
        if let Some(room) = self.current_or_say() {
            self.desk.ask(history::Wanted { room, words, before: None, count }, &mut self.session);
        }
    }

    /// A message of the current room: that of this number, or our last one.
    fn own_message_or_say(&self, id: Option<u64>) -> Option<(RoomId, u64)> {
        let room = self.current_or_say()?;
        let found = self.pending.own_message(&self.session, room, id);
        if found.is_none() {
            self.tell(&lang::NO_OWN_MESSAGE);
        }
        found.map(|id| (room, id))
    }

    /// Takes a call and goes where it leads.
    pub(super) fn accept(&mut self, call: CallId, room: RoomId) {
        self.session.send(Command::AnswerCall { call, accept: true });
        if self.devices.contains_key(&room) {
            self.current = Some(room);
        } else {
            let request = self.session.engine.request();
            self.session.send(Command::Join { request, room });
        }
    }

    fn join(&mut self, name: String) {
        let known = self.session.view.rooms.iter().find(|(_, view)| view.name.to_lowercase() == name.to_lowercase());
        if let Some((room, view)) = known {
            self.current = Some(*room);
            return self.tell_filled(&lang::YOU_ARE_IN, &one_row(&view.name));
        }
        let request = self.session.engine.request();
        // Camera and microphone stay where they are: nobody is heard in a second room by accident.
        self.wanted.push(Wanted { name: name.clone(), request: Some(request), has_devices: false });
        self.session.send(Command::JoinNamed { request, name, may_create: !self.args.no_create });
    }

    fn switch(&mut self, track: TrackId, is_on: bool) {
        let Some(room) = self.current_or_say() else { return };
        if !is_on {
            return self.close(room, track);
        }
        let (source, missing) = match track {
            TrackId::CAMERA => (self.sources.camera.is_some(), &lang::NO_CAMERA),
            TrackId::SCREEN => (self.sources.screen.is_some(), &lang::NO_SCREEN),
            _ => (self.sources.microphone.is_some(), &lang::NO_MIC),
        };
        if !source {
            return self.tell(missing);
        }
        if let Err(error) = self.open(room, track) {
            self.session.out.talk(&self.session.out.lang.fill(&lang::E_SOURCE, &[&track_name(track), &error]));
        }
    }

    /// Makes somebody louder or quieter, in every room where they are.
    fn set_volume(&self, who: &str, percent: u32) {
        let Some(username) = self.resolve(who) else { return };
        let percent = percent.min(VOLUME_MAX);
        let voice = self.session.voice();
        for (room, view) in &self.session.view.rooms {
            for participant in view.participants.values().filter(|participant| participant.username == username) {
                voice.set_volume((*room, participant.slot, TrackId::MICROPHONE), percent);
            }
        }
        self.session.out.talk(&self.session.out.lang.fill(&lang::VOLUME_IS, &[&who, &percent]));
    }

    /// Opens a device, if there is one, and announces it. A screen that somebody is asked for comes later.
    pub(super) fn open(&mut self, room: RoomId, track: TrackId) -> std::io::Result<()> {
        if let Some(screen) = self.sources.screen.clone()
            && track == TrackId::SCREEN
            && self.args.screen.asks_somebody()
        {
            self.ask(room, screen);
            return Ok(());
        }
        let frames = self.session.engine.frames();
        let Some(devices) = self.devices.get_mut(&room) else { return Ok(()) };
        if let Some(info) = devices.open(track, &self.sources, room, frames)? {
            self.session.send(Command::SetTrack { room, track, info });
        }
        Ok(())
    }

    /// Closes a device, and announces that.
    pub(super) fn close(&mut self, room: RoomId, track: TrackId) {
        if track == TrackId::SCREEN {
            self.stop_asking(room);
        }
        if let Some(info) = self.devices.get_mut(&room).and_then(|devices| devices.close(track)) {
            let _ = self.session.engine.send(Command::SetTrack { room, track, info });
        }
    }

    /// The current room, or a remark that there is none.
    pub(super) fn current_or_say(&self) -> Option<RoomId> {
        if self.current.is_none() {
            self.tell(&lang::NO_ROOM);
        }
        self.current
    }

    /// The login name of whoever is meant, or a remark that several are.
    pub(super) fn resolve(&self, name: &str) -> Option<String> {
        let found = find_person(&self.session.view, name);
        match &found {
            None => self.tell_filled(&lang::NOT_ALONE, name),
            // The server is never asked about a name that nobody can have.
            Some(username) if !is_username(username) => {
                let out = self.session.out;
                out.talk(&out.lang.fill(&lang::REFUSED_HERE, &[&out.lang.text(phrase(Refusal::NoSuchPerson))]));
                return None;
            }
            Some(_) => {}
        }
        found
    }

    fn list_people(&self) {
        let (view, out) = (&self.session.view, self.session.out);
        for (id, room) in &view.rooms {
            let mark = if Some(*id) == self.current { "#" } else { " " };
            for who in room.participants.values() {
                let name = person(&who.display_name, &who.username);
                let is_me = room.my_slot == Some(who.slot);
                let key = if is_me { &lang::STATE_ME } else { show::key_phrase(who.key) };
                let (tracks, key) = (show::tracks(&who.tracks, out.lang), out.lang.text(key));
                out.print(&format!("{mark} {}\t{name}\t{tracks}\t{key}", one_row(&room.name)));
            }
        }
        let is_in_room = |name: &str| {
            view.rooms.values().flat_map(|room| room.participants.values()).any(|who| who.username == name)
        };
        for who in view.people.values().filter(|who| !is_in_room(&who.username)) {
            out.print(&format!("  -\t{}", person(&who.display_name, &who.username)));
        }
    }

    fn list_rooms(&self) {
        for room in self.session.view.lobby.values() {
            let mark = if Some(room.room) == self.current { "#" } else { " " };
            self.session.out.print(&format!("{mark} {}\t{}", one_row(&room.name), room.people));
        }
    }

    fn list_stats(&mut self) {
        let figures = self.session.engine.figures();
        self.totals.take(&figures, &self.session.view);
        let voices = voice_rows(&self.session.voices(), &self.session.view, self.session.out.lang);
        for row in self.totals.rows(&figures, self.session.out.lang).iter().chain(&voices) {
            self.session.out.print(row);
        }
    }

    pub(super) fn tell(&self, phrase: &Phrase) {
        self.session.out.talk(self.session.out.lang.text(phrase));
    }

    pub(super) fn tell_filled(&self, phrase: &Phrase, value: &str) {
        self.session.out.talk(&self.session.out.lang.fill(phrase, &[&value]));
    }
}

/// The login name of whoever is online under a login name or a name to show; what was typed if nobody is known by it;
/// none if several are.
pub fn find_person(view: &MeetingView, name: &str) -> Option<String> {
    let is_username = view.people.values().any(|person| person.username == name);
    let shown: Vec<_> =
        view.people.values().filter(|person| person.display_name.to_lowercase() == name.to_lowercase()).collect();
    match shown.as_slice() {
        _ if is_username => Some(name.to_owned()),
        [] => Some(name.to_owned()),
        [one] => Some(one.username.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hph_client::view::Person;

    use super::*;

    #[test]
    fn a_person_is_found_by_either_name_unless_two_share_it() {
        let mut view = MeetingView::default();
        let people = [("lan", "Ngọc Lan"), ("guest-a", "Hường"), ("guest-b", "Hường"), ("dat", "lan")];
        for (place, (username, display_name)) in (0..).zip(people) {
            let person = Person { username: username.to_owned(), display_name: display_name.to_owned() };
            view.people.insert(place, person);
        }
        assert_eq!(find_person(&view, "ngọc lan").as_deref(), Some("lan"));
        assert_eq!(find_person(&view, "lan").as_deref(), Some("lan"), "a login name goes first");
        assert_eq!(find_person(&view, "Hường"), None);
        assert_eq!(find_person(&view, "guest-b").as_deref(), Some("guest-b"));
        assert_eq!(find_person(&view, "nobody").as_deref(), Some("nobody"));
    }
}
