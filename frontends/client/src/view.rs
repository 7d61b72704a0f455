//! A snapshot of the meeting, kept up to date from events: what a frontend draws.

use std::collections::BTreeMap;

use hph_core::id::{CallId, RoomId, Slot};
use hph_core::wire::control::DevicePublic;

use crate::breakout::Breakouts;
use crate::engine::{EndReason, Event, Participant};
use crate::safety::RoomSafety;

/// Messages of a room that a view keeps.
const CHAT_MAX: usize = 500;

/// How the connection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Being made.
    #[default]
    Connecting,
    /// Signed in.
    Up,
    /// Lost; it is being made again.
    Lost {
        /// Why, for people.
        why: String,
    },
    /// Over for good.
    Over(EndReason),
}

/// A room in the lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LobbyRoom {
    /// Its id.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// Participants now.
    pub people: u16,
}

/// Somebody online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Login name.
    pub username: String,
    /// Name to show.
    pub display_name: String,
}

/// A line of chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLine {
    /// Its number.
    pub id: u64,
    /// Login name of the author.
    pub author: String,
    /// The author's name to show.
    pub display_name: String,
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// The text; none if it was taken back.
    pub text: Option<String>,
    /// Whether it was changed since.
    pub is_edited: bool,
}

/// Somebody who waits to be let into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knocker {
    /// Login name.
    pub username: String,
    /// Name to show.
    pub display_name: String,
}

/// What holds in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomRules {
    /// Whoever comes waits until a host lets them in.
    pub has_waiting_room: bool,
    /// Whoever comes needs a password.
    pub has_password: bool,
    /// Only hosts may share their screens.
    pub hosts_share: bool,
}

/// A room that we are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomView {
    /// Its name.
    pub name: String,
    /// Our place.
    pub my_slot: Option<Slot>,
    /// Everybody, ourselves included, by place.
    pub participants: BTreeMap<Slot, Participant>,
    /// Whoever speaks, or did last.
    pub speaker: Option<Slot>,
    /// The last messages.
    pub chat: Vec<ChatLine>,
    /// What its people may compare.
    pub safety: Option<RoomSafety>,
    /// Number of the newest message or change that we were told of.
    pub chat_latest: u64,
    /// Whether nobody new may come in.
    pub is_locked: bool,
    /// What else holds.
    pub rules: RoomRules,
    /// Who waits to be let in, those first who came first; only hosts are told.
    pub knocking: Vec<Knocker>,
}

impl RoomView {
    /// We are in it, for the first time or again: who else is, and what holds, is told anew.
    fn begin(&mut self, name: &str, slot: Slot) {
        name.clone_into(&mut self.name);
        self.my_slot = Some(slot);
        self.participants.clear();
        self.speaker = None;
        self.is_locked = false;
        self.rules = RoomRules::default();
        self.knocking.clear();
    }

    /// Whoever is here under that login name with that device.
    pub fn person(&self, username: &str, device: &DevicePublic) -> Option<&Participant> {
        self.participants.values().find(|who| who.username == username && who.device == *device)
    }

    fn change_chat(&mut self, target: u64, text: Option<&String>) {
        if let Some(line) = self.chat.iter_mut().rfind(|line| line.id == target) {
            line.is_edited = true;
            line.text = text.cloned();
        }
    }

    /// The last message that somebody wrote and did not take back.
    pub fn last_of(&self, username: &str) -> Option<&ChatLine> {
        self.chat.iter().rfind(|line| line.author == username && line.text.is_some())
    }
}

/// Somebody who calls us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingCall {
    /// Number of the call.
    pub call: CallId,
    /// The caller's name to show.
    pub display_name: String,
    /// To which room.
    pub room: RoomId,
    /// Its name.
    pub name: String,
}

/// The meeting as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeetingView {
    /// How the connection is.
    pub connection: Connection,
    /// Our login name.
    pub username: String,
    /// The server's name.
    pub server_name: String,
    /// Whether datagrams go both ways.
    pub has_datagrams: bool,
    /// Whether they travel inside the TCP connection, because the network lets none pass.
    pub is_tunnelled: bool,
    /// The lobby's rooms by place.
    pub lobby: BTreeMap<u16, LobbyRoom>,
    /// Everybody online by place.
    pub people: BTreeMap<u16, Person>,
    /// The rooms that we are in.
    pub rooms: BTreeMap<RoomId, RoomView>,
    /// Breakout rooms of rooms that we are in, or in whose breakout rooms.
    pub breakouts: Breakouts,
    /// Number of the last direct message that we could open.
    pub direct_latest: u64,
    /// Who calls.
    pub calls: Vec<IncomingCall>,
}

impl MeetingView {
    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Connecting { .. } => {}
            Event::SignedIn { username, server_name, .. } => {
                self.connection = Connection::Up;
                self.username.clone_from(username);
                self.server_name.clone_from(server_name);
                self.lobby.clear();
                self.people.clear();
                self.calls.clear();
                self.breakouts.clear();
            }
            Event::Lost { why, .. } => {
                self.connection = Connection::Lost { why: why.clone() };
                (self.has_datagrams, self.is_tunnelled) = (false, false);
            }
            Event::Ended(reason) => self.connection = Connection::Over(reason.clone()),
            Event::Datagrams { is_up } => self.has_datagrams = *is_up,
            Event::Tunnelled { is_on } => self.is_tunnelled = *is_on,
            Event::LobbyRoom { place, room, name, people } => {
                self.lobby.insert(*place, LobbyRoom { room: *room, name: name.clone(), people: *people });
            }
            Event::LobbyRoomGone { place } => {
                self.lobby.remove(place);
            }
            Event::LobbyPerson { place, username, display_name } => {
                let person = Person { username: username.clone(), display_name: display_name.clone() };
                self.people.insert(*place, person);
            }
            Event::LobbyPersonGone { place } => {
                self.people.remove(place);
            }
            Event::Joined { room, name, slot, .. } => self.rooms.entry(*room).or_default().begin(name, *slot),
            Event::Breakout { room, news } => self.breakouts.apply(*room, news),
            Event::Left { room, .. } => {
                self.rooms.remove(room);
            }
            Event::Participant { room, participant, .. } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.participants.insert(participant.slot, participant.clone());
                }
            }
            Event::ParticipantGone { room, slot, .. } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.participants.remove(slot);
                }
            }
            Event::PersonKey { .. }
            | Event::Safety { .. }
            | Event::RoomLocked { .. }
            | Event::Rules { .. }
            | Event::Knock { .. }
            | Event::Speaker { .. } => self.apply_state(event),
            Event::Chat { .. } | Event::ChatChanged { .. } => self.apply_chat(event),
            Event::Direct { id, text: Some(_), .. } => self.direct_latest = *id,
            Event::Ringing { call, display_name, room, name, .. } => self.calls.push(IncomingCall {
                call: *call,
                display_name: display_name.clone(),
                room: *room,
                name: name.clone(),
            }),
            Event::CallState { call, .. } => self.calls.retain(|known| known.call != *call),
            Event::LobbyComplete
            | Event::RoomCreated { .. }
            | Event::ChatStored { .. }
            | Event::ChatFound { .. }
            | Event::ChatFoundAll { .. }
            | Event::Unread { .. }
            | Event::UnreadAll { .. }
            | Event::Moderated { .. }
            | Event::Reacted { .. }
            | Event::Muted { .. }
            | Event::UnmuteAsked { .. }
            | Event::PasswordWanted { .. }
            | Event::Waiting { .. }
            | Event::Audit { .. }
            | Event::AuditAll { .. }
            | Event::Account(_)
            | Event::Direct { .. }
            | Event::DirectStored { .. }
            | Event::KeysUnusable { .. }
            | Event::MessageFailed { .. }
            | Event::MessageDelayed { .. }
            | Event::Microphone { .. }
            | Event::FileProgress { .. }
            | Event::FileSent { .. }
            | Event::FileFetched { .. }
            | Event::FileFailed { .. }
            | Event::File { .. }
            | Event::FilesAll { .. }
            | Event::FileGone { .. }
            | Event::Refused { .. } => {}
        }
    }

    /// What is different about somebody or about a room.
    fn apply_state(&mut self, event: &Event) {
        match event {
            Event::PersonKey { username, device, key } => {
                let everywhere = self.rooms.values_mut().flat_map(|room| room.participants.values_mut());
                let theirs = everywhere.filter(|who| who.username == *username && who.device == *device);
                theirs.for_each(|who| who.key = *key);
            }
            Event::Safety { room, safety } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.safety = Some(safety.clone());
                }
            }
            Event::RoomLocked { room, is_locked } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.is_locked = *is_locked;
                }
            }
            Event::Speaker { room, slot } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.speaker = *slot;
                }
            }
            Event::Rules { room, has_waiting_room, has_password, hosts_share } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    let (has_waiting_room, has_password) = (*has_waiting_room, *has_password);
                    view.rules = RoomRules { has_waiting_room, has_password, hosts_share: *hosts_share };
                }
            }
            Event::Knock { room, username, display_name, is_waiting } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.knocking.retain(|who| who.username != *username);
                    if *is_waiting {
                        let (username, display_name) = (username.clone(), display_name.clone());
                        view.knocking.push(Knocker { username, display_name });
                    }
                }
            }
            _ => {}
        }
    }

    fn apply_chat(&mut self, event: &Event) {
        match event {
            Event::Chat { room, id, author, display_name, time_ms, text } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.chat.push(ChatLine {
                        id: *id,
                        author: author.clone(),
                        display_name: display_name.clone(),
                        time_ms: *time_ms,
                        text: Some(text.clone()),
                        is_edited: false,
                    });
                    view.chat_latest = *id;
                    let excess = view.chat.len().saturating_sub(CHAT_MAX);
                    view.chat.drain(..excess);
                }
            }
            Event::ChatChanged { room, id, target, text, .. } => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.change_chat(*target, text.as_ref());
                    view.chat_latest = *id;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::KeyState;

    #[test]
    fn a_place_in_the_lobby_holds_what_was_told_last() {
        let mut view = MeetingView::default();
        for (room, name) in [(1, "Nhóm 17"), (2, "Seminar")] {
            view.apply(&Event::LobbyRoom { place: 0, room: RoomId(room), name: name.to_owned(), people: 3 });
        }
        assert_eq!(view.lobby.len(), 1);
        assert_eq!(view.lobby[&0].name, "Seminar");
        view.apply(&Event::LobbyRoomGone { place: 0 });
        assert!(view.lobby.is_empty());
    }

    #[test]
    fn a_message_shows_what_it_says_now() {
        let mut view = MeetingView::default();
        let room = RoomId(1);
        view.apply(&Event::Joined { request: 0, room, name: "Nhóm 17".to_owned(), slot: Slot(0) });
        for id in [3, 4] {
            let (author, display_name) = ("lan".to_owned(), "Lan".to_owned());
            view.apply(&Event::Chat { room, id, author, display_name, time_ms: 1, text: "chào".to_owned() });
        }
        let change = |id, target, text: Option<&str>| {
            let text = text.map(ToOwned::to_owned);
            Event::ChatChanged { room, id, target, author: "lan".to_owned(), time_ms: 2, text }
        };
        view.apply(&change(5, 3, Some("chào cả lớp")));
        view.apply(&change(6, 4, None));
        view.apply(&change(7, 1, None));
        let texts: Vec<_> = view.rooms[&room].chat.iter().map(|line| line.text.as_deref()).collect();
        assert_eq!(texts, [Some("chào cả lớp"), None]);
        assert_eq!(view.rooms[&room].chat_latest, 7);
        assert_eq!(view.rooms[&room].last_of("lan").map(|line| line.id), Some(3));
    }

    fn lan(device: DevicePublic, key: KeyState) -> Participant {
        Participant {
            slot: Slot(1),
            member: 2,
            username: "lan".to_owned(),
            display_name: "Lan".to_owned(),
            tracks: Default::default(),
            role: Default::default(),
            hand: 0,
            device,
            key,
        }
    }

    #[test]
    fn whoever_knocks_is_there_once_until_they_are_answered() {
        let mut view = MeetingView::default();
        let room = RoomId(1);
        view.apply(&Event::Joined { request: 0, room, name: "Nhóm 17".to_owned(), slot: Slot(0) });
        let knock = |username: &str, is_waiting| {
            let (username, display_name) = (username.to_owned(), username.to_uppercase());
            Event::Knock { room, username, display_name, is_waiting }
        };
        for event in [knock("lan", true), knock("minh", true), knock("lan", true), knock("minh", false)] {
            view.apply(&event);
        }
        let names: Vec<_> = view.rooms[&room].knocking.iter().map(|who| who.display_name.as_str()).collect();
        assert_eq!(names, ["LAN"]);
        view.apply(&Event::Rules { room, has_waiting_room: true, has_password: false, hosts_share: true });
        let rules = RoomRules { has_waiting_room: true, has_password: false, hosts_share: true };
        assert_eq!(view.rooms[&room].rules, rules);
        view.apply(&Event::Joined { request: 0, room, name: "Nhóm 17".to_owned(), slot: Slot(0) });
        assert_eq!(view.rooms[&room].rules, RoomRules::default());
        assert!(view.rooms[&room].knocking.is_empty(), "after a reconnect it is told anew");
    }

    #[test]
    fn a_room_after_a_reconnect_shows_only_who_is_there_now() {
        let mut view = MeetingView::default();
        let room = RoomId(1);
        let joined = Event::Joined { request: 0, room, name: "Nhóm 17".to_owned(), slot: Slot(0) };
        let lan = lan(DevicePublic::default(), KeyState::default());
        view.apply(&joined);
        view.apply(&Event::Participant { room, participant: lan, is_new: true, is_me: false });
        assert_eq!(view.rooms[&room].participants.len(), 1);
        view.apply(&joined);
        assert!(view.rooms[&room].participants.is_empty());
    }

    #[test]
    fn what_is_said_of_a_key_is_said_of_that_key_wherever_its_owner_is() {
        let mut view = MeetingView::default();
        let (here, other) = (DevicePublic { seal: [1; 32], sign: [2; 32] }, DevicePublic::default());
        for room in [RoomId(1), RoomId(2)] {
            view.apply(&Event::Joined { request: 1, room, name: "Nhóm 17".to_owned(), slot: Slot(0) });
            let lan = lan(here, KeyState::Changed);
            view.apply(&Event::Participant { room, participant: lan, is_new: true, is_me: false });
        }
        let states = |view: &MeetingView| -> Vec<KeyState> {
            view.rooms.values().filter_map(|room| room.person("lan", &here)).map(|who| who.key).collect()
        };
        for (username, device) in [("lan", other), ("minh", here)] {
            view.apply(&Event::PersonKey { username: username.to_owned(), device, key: KeyState::Compared });
            assert_eq!(states(&view), [KeyState::Changed; 2]);
        }
        view.apply(&Event::PersonKey { username: "lan".to_owned(), device: here, key: KeyState::Seen });
        assert_eq!(states(&view), [KeyState::Seen; 2]);
    }
}
