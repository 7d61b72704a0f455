//! Going into rooms, from one to another, and out again.

use hph_client::core::id::TrackId;
use hph_client::core::wire::control::{Act, Refusal};
use hph_client::engine::Role;

use super::*;
use crate::door;
use crate::room::mute;

/// A room that we have asked to go into.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub request: u32,
    pub name: String,
    pub is_mic_on: bool,
    pub is_camera_on: bool,
    /// Whom to call when we are in.
    pub call: Option<String>,
}

/// A room in the rail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RailItem {
    /// Which.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// Whether it is in front.
    pub is_front: bool,
    /// People in it.
    pub people: usize,
    /// Messages that were not read.
    pub unread: u32,
    /// Whether somebody speaks there.
    pub is_speaking: bool,
}

impl App {
    /// The rooms that we are in, by name.
    pub fn rail(&self) -> Vec<RailItem> {
        let item = |(id, view): (&RoomId, &RoomView)| RailItem {
            room: *id,
            name: view.name.clone(),
            is_front: self.front == Some(*id),
            people: view.participants.len(),
            unread: self.chat.unread(&ThreadId::Room(*id)),
            is_speaking: view.speaker.is_some_and(|slot| view.my_slot != Some(slot) && self.speaks(*id, slot)),
        };
        let mut items: Vec<_> = self.view.rooms.iter().map(item).collect();
        items.sort_by_cached_key(|item| (crate::text::fold::fold(&item.name), item.room));
        items
    }

    fn speaks(&self, id: RoomId, slot: hph_client::core::id::Slot) -> bool {
        self.rooms.get(&id).is_some_and(|room| room.tiles.is_speaking(slot))
    }

    /// Shows the screen before a room, or goes in where one always does.
    pub(super) fn prepare(
        &mut self,
        name: String,
        may_create: bool,
        is_at_once: bool,
        now: Now,
        effects: &mut Effects,
    ) {
        let key = crate::text::typed::one_line(&name).to_lowercase();
        if let Some(id) = self.view.rooms.iter().find(|(_, view)| view.name.to_lowercase() == key).map(|(id, _)| *id) {
            return self.bring_to_front(id, now, effects);
        }
        let people =
            self.view.lobby.values().find(|room| room.name.to_lowercase() == key).map_or(0, |room| room.people);
        let prejoin = PreJoin::open(&name, may_create, people, &self.memory, effects);
        let is_at_once = is_at_once || prejoin.is_always;
        self.prejoin = Some(prejoin);
        self.screen = Screen::PreJoin;
        if is_at_once {
            self.enter(effects);
        }
    }

    /// Goes into the room that was prepared.
    pub(super) fn enter(&mut self, effects: &mut Effects) {
        let Some(prejoin) = &self.prejoin else { return };
        if self.wanted.iter().any(|wanted| wanted.name == prejoin.room) {
            return;
        }
        // What is measured and shown before must not hold the devices in the room.
        prejoin.close(effects);
        let request = self.ids.request();
        let has = |item| !matches!(prejoin.check(item), prejoin::Check::Missing | prejoin::Check::Fails(_));
        self.wanted.push(Wanted {
            request,
            name: prejoin.room.clone(),
            is_mic_on: prejoin.is_mic_on && has(prejoin::Item::Microphone),
            is_camera_on: prejoin.choices.is_camera_on && has(prejoin::Item::Camera),
            call: None,
        });
        let (name, may_create) = (prejoin.room.clone(), prejoin.may_create);
        crate::effect::engine(effects, Command::JoinNamed { request, name, may_create });
    }

    /// Whether we wait for a room to let us in.
    pub fn is_entering(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// We are in a room: for the first time, or again after a reconnect.
    pub(super) fn joined(&mut self, request: u32, id: RoomId, now: Now, effects: &mut Effects) {
        let wanted = self.wanted.iter().position(|wanted| wanted.request == request).map(|at| self.wanted.remove(at));
        if let Some(room) = self.rooms.get_mut(&id) {
            room.rejoined(now.at);
        } else {
            let settings = &self.memory.settings;
            let mut room = Room::new(id, settings.audio.mode.into(), settings.looks.layout, now.at);
            room.behind = settings.audio.behind;
            self.rooms.insert(id, room);
            self.people.insert(id, People::default());
        }
        if self.door.as_ref().is_some_and(|door| door.request == request || door.room == id) {
            self.door = None;
        }
        if let Some(wanted) = wanted {
            self.prejoin = None;
            self.bring_to_front(id, now, effects);
            if wanted.is_mic_on {
                self.in_room(id, room::Event::Mic(mute::Event::Switch(true)), now, effects);
            }
            if wanted.is_camera_on {
                self.in_room(id, room::Event::ToggleCamera, now, effects);
            }
            effects.push(Effect::Focus(crate::effect::Focus::Stage));
            if let Some(to) = wanted.call {
                self.call(to, now, effects);
            }
        } else if self.front.is_none() {
            self.bring_to_front(id, now, effects);
        }
        self.follow(id, now, effects);
    }

    /// A room did not let us in. Whether that was it.
    pub(super) fn join_refused(&mut self, request: u32, reason: Refusal, now: Now) -> bool {
        let Some(at) = self.wanted.iter().position(|wanted| wanted.request == request) else { return false };
        let mut doors = self.door.iter_mut().filter(|door| door.request == request);
        if reason == Refusal::WrongPassword && doors.any(door::Door::refuse_password) {
            return true;
        }
        (self.door, self.new_rules) = (None, None);
        self.wanted.remove(at);
        self.prejoin = None;
        self.screen = if self.front.is_some() { Screen::Room } else { Screen::Lobby };
        self.toasts.push(Notice::Trouble(Trouble::of_refusal(reason)), now.at);
        true
    }

    /// A room wants something before it lets us in.
    pub(super) fn stands_before(&mut self, request: u32, door: impl FnOnce(String) -> Door) {
        if let Some(wanted) = self.wanted.iter().find(|wanted| wanted.request == request) {
            self.door = Some(door(wanted.name.clone()));
        }
    }

    pub(super) fn handle_door(&mut self, event: door::Event, now: Now, effects: &mut Effects) {
        match (&mut self.door, event) {
            (Some(_), door::Event::GiveUp) => self.give_up(now, effects),
            (Some(door), event) => door.handle(event, effects),
            (None, _) => {}
        }
    }

    /// Waits no longer to be let in.
    fn give_up(&mut self, now: Now, effects: &mut Effects) {
        let Some(door) = self.door.take() else { return };
        self.wanted.retain(|wanted| wanted.request != door.request);
        self.new_rules = None;
        crate::effect::engine(effects, Command::Leave(door.room));
        self.prejoin = None;
        self.go_to_lobby(now, effects);
    }

    /// What was chosen for a new room holds from the moment that we are in it, if we may say so.
    pub(super) fn say_rules(&mut self, id: RoomId, effects: &mut Effects) {
        let Some(view) = self.view.rooms.get(&id) else { return };
        if crate::people::my_role(view) < Role::Host {
            return;
        }
        let is_it = |new: &mut crate::lobby::NewRoom| new.name.to_lowercase() == view.name.to_lowercase();
        let Some(new) = self.new_rules.take_if(is_it) else { return };
        let acts = [(new.has_waiting_room, Act::WaitingRoom), (new.hosts_share, Act::HostsShare)];
        for (_, act) in acts.into_iter().filter(|(is_wanted, _)| *is_wanted) {
            let (request, whom) = (self.ids.request(), String::new());
            crate::effect::engine(effects, Command::Moderate { request, room: id, act, whom });
        }
        if !new.password.is_empty() {
            let (request, password) = (self.ids.request(), new.password);
            crate::effect::engine(effects, Command::SetPassword { request, room: id, password });
        }
    }

    /// Brings a room to the front. In the one that was there nobody hears or sees us any more.
    pub(super) fn bring_to_front(&mut self, id: RoomId, now: Now, effects: &mut Effects) {
        if !self.rooms.contains_key(&id) {
            return;
        }
        self.prejoin = None;
        self.screen = Screen::Room;
        let behind = self.front.replace(id).filter(|other| *other != id);
        if let Some(other) = behind {
            let was_heard = self.rooms.get(&other).is_some_and(|room| room.mic.is_open());
            self.set_front(other, false, now, effects);
            if was_heard && let Some(view) = self.view.rooms.get(&other) {
                self.toasts.push(Notice::LeftBehind(view.name.clone()), now.at);
            }
        }
        self.set_front(id, true, now, effects);
        self.panel_changed(id, now, effects);
    }

    fn set_front(&mut self, id: RoomId, is_front: bool, now: Now, effects: &mut Effects) {
        if let (Some(room), Some(view)) = (self.rooms.get_mut(&id), self.view.rooms.get(&id)) {
            room.set_front(is_front, view, now, effects);
        }
    }

    /// The next room of the rail.
    pub(super) fn next_room(&mut self, now: Now, effects: &mut Effects) {
        let rail = self.rail();
        let at = rail.iter().position(|item| item.is_front).map_or(0, |at| at + 1);
        if let Some(next) = rail.get(at).or_else(|| rail.first()) {
            self.bring_to_front(next.room, now, effects);
        }
    }

    /// To the lobby. The room in front stays in front: the microphone says where it is heard.
    pub(super) fn go_to_lobby(&mut self, now: Now, effects: &mut Effects) {
        if !self.link.is_up() && self.rooms.is_empty() {
            return;
        }
        if let Some(prejoin) = self.prejoin.take() {
            prejoin.close(effects);
        }
        self.let_keys_go(now, effects);
        self.screen = Screen::Lobby;
        self.lobby.sync(&self.view, now.at);
    }

    /// We are no longer in a room.
    pub(super) fn gone(&mut self, id: RoomId, name: String, trouble: Option<Trouble>, now: Now, effects: &mut Effects) {
        // Whatever is still open is closed: a host may have put us out.
        if let Some(room) = self.rooms.remove(&id) {
            for (track, is_open) in [
                (TrackId::MICROPHONE, room.mic.is_open()),
                (TrackId::CAMERA, room.camera.is_wanted()),
                (TrackId::SCREEN, room.screen.is_wanted()),
            ] {
                if is_open {
                    effects.push(Effect::CloseTrack { room: id, track });
                }
            }
            effects.push(Effect::HoldKey(false));
        }
        self.people.remove(&id);
        self.chat.forget_room(id);
        if let Some(trouble) = trouble {
            self.toasts.push(Notice::Trouble(trouble), now.at);
        }
        if self.front == Some(id) {
            self.front = None;
            self.left = Some(name);
            match self.rail().first() {
                Some(next) if self.screen == Screen::Room => self.bring_to_front(next.room, now, effects),
                _ if self.screen == Screen::Room => self.screen = Screen::Left,
                _ => {}
            }
        }
    }

    /// The name of the room that was left last: one can go back in.
    pub fn left_room(&self) -> Option<&str> {
        self.left.as_deref()
    }

    pub(super) fn track_failed(&mut self, id: RoomId, track: TrackId, detail: String, now: Now, effects: &mut Effects) {
        let trouble = match track {
            TrackId::MICROPHONE => Trouble::Microphone,
            TrackId::CAMERA => Trouble::Camera,
            _ => Trouble::Screen,
        };
        self.toasts.push(Notice::DeviceTrouble { trouble, detail }, now.at);
        self.in_room(id, room::Event::TrackFailed(track), now, effects);
    }
}
