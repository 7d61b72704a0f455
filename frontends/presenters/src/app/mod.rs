//! The whole program: where one is, the connection, the rooms; it owns all the other presenters.
//!
//! One can be in several rooms. One of them is in front: it has the stage, the keys, microphone and camera. The others stand in
//! a rail with their unread messages and people, and are heard more quietly; nobody there hears or sees us.

mod account;
mod act;
mod breakout;
mod calls;
mod engine;
mod event;
mod rooms;
mod shelf;
pub mod strip;

use std::collections::BTreeMap;

use hph_client::core::id::RoomId;
use hph_client::core::time::{Duration, Instant};
use hph_client::engine::{Command, Event as ClientEvent};
use hph_client::view::{MeetingView, RoomView};

use crate::chat::{Chat, ThreadId};
use crate::diagnostics::{Diagnostics, Reading};
use crate::door::Door;
use crate::effect::{Effect, Effects};
use crate::files::Files;
use crate::ids::Ids;
use crate::keys::{self, Binding, Found, Scope};
use crate::lobby::Lobby;
use crate::people::{self, People};
use crate::prejoin::{self, Choices, Devices, PreJoin};
use crate::room::{self, Room};
use crate::settings::Memory;
use crate::signin::SignIn;
use crate::text::Lang;
use crate::time::{Now, ms};
use crate::toasts::{Calls, Notice, Toasts};
use crate::trouble::Trouble;
pub use breakout::BreakoutPlace;
pub use event::{Answer, Event, Screen, Sheet};
pub use rooms::RailItem;
use rooms::Wanted;
use strip::{Link, Strip};

/// What is shown is looked at again at least so often, for countdowns.
const TICK: Duration = ms(1000);

/// The whole program.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// Where one is.
    pub screen: Screen,
    /// What lies over it.
    pub sheet: Option<Sheet>,
    /// What is searched for in the palette.
    pub palette: String,
    /// The meeting as the engine tells it.
    pub view: MeetingView,
    /// First screen and signing in.
    pub signin: SignIn,
    /// The lobby.
    pub lobby: Lobby,
    /// Before a room.
    pub prejoin: Option<PreJoin>,
    /// What stands between us and a room that we want to enter.
    pub door: Option<Door>,
    /// Files.
    pub files: Files,
    /// Pictures among them.
    pub previews: crate::previews::Previews,
    /// Invitations to a room, while they are open.
    pub invites: Option<crate::invites::Invites>,
    /// The devices of our account.
    pub sessions: crate::sessions::Sessions,
    /// Messages.
    pub chat: Chat,
    /// Calls.
    pub calls: Calls,
    /// Toasts.
    pub toasts: Toasts,
    /// What is remembered.
    pub memory: Memory,
    /// How the connection is.
    pub diagnostics: Diagnostics,
    /// Whether the window is in front.
    pub is_active: bool,
    /// Whether the window fills the screen.
    pub is_full_screen: bool,
    /// Whether the figures of the tiles are shown.
    pub are_stats_shown: bool,
    rooms: BTreeMap<RoomId, Room>,
    people: BTreeMap<RoomId, People>,
    front: Option<RoomId>,
    link: Link,
    devices: Devices,
    ids: Ids,
    bindings: Vec<Binding>,
    wanted: Vec<Wanted>,
    /// What is to hold in a room that we make, until we are in it.
    new_rules: Option<crate::lobby::NewRoom>,
    /// The room that was left last.
    left: Option<String>,
    /// Where we were sent and are not yet.
    following: Option<breakout::Following>,
    /// A room that is being split.
    split: Option<hph_client::breakout::Split>,
    /// When the breakout rooms of a room end.
    breakouts_end: BTreeMap<RoomId, Instant>,
    /// What was asked of the server about breakout rooms, by request.
    breakouts_asked: std::collections::BTreeSet<u32>,
}

impl App {
    /// A program that was just started, with what it remembers. `seed` is random: numbers of messages come from it.
    pub fn new(memory: Memory, seed: u64) -> Self {
        let memory = memory.checked();
        let bindings = keys::bindings(&memory.settings.keys);
        let mut signin = SignIn::default();
        if let Some(last) = memory.servers.first() {
            signin.restore(last.way, &last.username, &last.display_name);
        }
        let calls = Calls { is_quiet: !memory.settings.notifications.is_ringing, ..Calls::default() };
        Self { signin, calls, memory, bindings, ids: Ids::new(seed), is_active: true, ..Self::default() }
    }

    /// Takes an event; what is to be done is added to `effects`.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Effects) {
        match event {
            Event::Engine(event) => self.handle_engine(event, now, effects),
            Event::EngineBusy(command) => {
                self.chat.engine_busy(&command);
                self.toasts.push(Notice::Trouble(Trouble::Busy), now.at);
            }
            Event::Tick => self.tick(now, effects),
            Event::SignIn(event) => self.handle_signin(event, now, effects),
            Event::Lobby(event) => {
                if let Some(room) = self.lobby.handle(event, now, effects) {
                    let name = room.name.clone();
                    self.new_rules = Some(room).filter(crate::lobby::NewRoom::has_rules);
                    self.prepare(name, true, false, now, effects);
                }
            }
            Event::PreJoin(event) => self.handle_prejoin(event, now, effects),
            Event::Room(event) => {
                if let Some(id) = self.front {
                    self.in_room(id, event, now, effects);
                }
            }
            Event::InRoom(id, event) => self.in_room(id, event, now, effects),
            Event::Chat(event) => self.handle_chat(event, now, effects),
            Event::People(event) => self.handle_people(event, effects),
            Event::Files(event) => self.handle_files(event, effects),
            Event::Invites(event) => self.handle_invites(event, now, effects),
            Event::Sessions(event) => self.handle_sessions(event, effects),
            Event::Previews(event) => self.handle_previews(event, effects),
            Event::Door(event) => self.handle_door(event, now, effects),
            Event::Settings(event) => self.handle_settings(event, now, effects),
            Event::Join { name, may_create, is_at_once } => self.prepare(name, may_create, is_at_once, now, effects),
            Event::Enter => self.enter(effects),
            Event::Rejoin => {
                if let Some(name) = self.left.take() {
                    self.prepare(name, true, true, now, effects);
                }
            }
            Event::Front(id) => self.bring_to_front(id, now, effects),
            Event::ToLobby => self.go_to_lobby(now, effects),
            Event::Sheet(sheet) => self.set_sheet(sheet, effects),
            Event::PaletteText(text) => self.palette = text,
            Event::Action(action) => self.act(action, now, effects),
            Event::KeyDown { chord, is_repeat, is_typing } => self.key_down(&chord, is_repeat, is_typing, now, effects),
            Event::KeyUp(chord) => self.key_up(&chord, now, effects),
            Event::FocusLost => self.let_keys_go(now, effects),
            Event::WindowActive(is_active) => {
                self.is_active = is_active;
                if !is_active {
                    self.let_keys_go(now, effects);
                }
            }
            Event::CloseToast(id) => self.close_toast(id, now, effects),
            Event::Undo(id) => self.undo(id, now, effects),
            Event::Call(to) => self.call(to, now, effects),
            Event::AnswerCall(call, answer) => self.answer_call(call, answer, now, effects),
            Event::CancelCall(call) => crate::effect::engine(effects, Command::CancelCall(call)),
            Event::AcceptKey { username, device, is_compared } => {
                crate::effect::engine(effects, Command::AcceptKey { username, device, is_compared });
            }
            Event::Breakout(wish) => self.breakout(wish, effects),
            Event::TrackFailed { room, track, detail } => self.track_failed(room, track, detail, now, effects),
            Event::DeviceFailed(trouble, detail) => {
                self.toasts.push(Notice::DeviceTrouble { trouble, detail }, now.at);
            }
            Event::Reading(reading) => self.handle_reading(*reading, now, effects),
            Event::SignOut => self.sign_out(effects),
            Event::Quit => effects.extend([Effect::Remember, Effect::Disconnect, Effect::Quit]),
        }
    }

    /// What the strip of the connection says.
    pub fn strip(&self, now: Now) -> Strip {
        self.link.strip(now.at)
    }

    /// The language of the program; none: the system's.
    pub const fn lang(&self) -> Option<Lang> {
        self.memory.settings.looks.lang
    }

    /// What is to be kept.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Every key as it is now.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The room in front.
    pub const fn front(&self) -> Option<RoomId> {
        self.front
    }

    /// A room that we are in.
    pub fn room(&self, id: RoomId) -> Option<(&Room, &RoomView)> {
        Some((self.rooms.get(&id)?, self.view.rooms.get(&id)?))
    }

    /// The room in front.
    pub fn front_room(&self) -> Option<(&Room, &RoomView)> {
        self.front.and_then(|id| self.room(id))
    }

    /// Everybody in the room in front, and what may be done with them.
    pub fn sections(&self, now: Now) -> people::Sections {
        let Some((room, view)) = self.front_room() else { return people::Sections::default() };
        self.people.get(&room.id).map(|people| people.sections(view, &room.tiles, now)).unwrap_or_default()
    }

    /// The list of people of the room in front.
    pub fn people(&self) -> Option<&People> {
        self.front.and_then(|id| self.people.get(&id))
    }

    /// What the palette shows: what can be done here.
    pub fn palette_found(&self, lang: Lang) -> Vec<Found> {
        let scope = self.scope();
        let is_here = |action: &keys::Action| action.scope() == Scope::Everywhere || Some(action.scope()) == scope;
        let actions: Vec<_> = keys::Action::ALL.into_iter().filter(is_here).collect();
        keys::search(&actions, &self.bindings, &self.palette, lang)
    }

    /// When [`Event::Tick`] is due.
    pub fn deadline(&self, now: Now) -> Instant {
        let rooms = self.rooms.values().filter_map(|room| room.deadline(now.at));
        let others = self.toasts.deadline().into_iter().chain(self.lobby.deadline());
        rooms.chain(others).filter(|at| *at > now.at).fold(now.at + TICK, Instant::min)
    }

    fn scope(&self) -> Option<Scope> {
        match self.screen {
            Screen::Room => Some(Scope::Room),
            Screen::Lobby => Some(Scope::Lobby),
            _ => None,
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Effects) {
        self.toasts.tick(now.at);
        if self.calls.tick(now) && self.calls.incoming.is_empty() {
            effects.push(Effect::Ring(false));
        }
        self.lobby.sync(&self.view, now.at);
        // While there is no connection nobody can be told anything.
        if self.link.is_up() {
            for (id, room) in &mut self.rooms {
                if let Some(view) = self.view.rooms.get(id) {
                    room.tick(view, now, effects);
                }
            }
        }
    }

    /// The devices that are there.
    pub const fn devices(&self) -> &Devices {
        &self.devices
    }

    /// What is chosen of them, before a room and in it.
    pub fn choices(&self) -> Choices {
        let prepared = self.prejoin.as_ref().map(|prejoin| &prejoin.choices);
        prepared.or_else(|| self.memory.devices.get(&self.devices.set_name())).cloned().unwrap_or_default()
    }

    fn handle_prejoin(&mut self, event: prejoin::Event, now: Now, effects: &mut Effects) {
        if let prejoin::Event::Devices(devices) = &event {
            self.devices = devices.clone();
        }
        // A meter tells many times a second how loud it is: that is no reason to write to the disk.
        let before = self.memory.clone();
        match (&mut self.prejoin, event) {
            (Some(prejoin), event) => prejoin.handle(event, &mut self.memory, now, effects),
            (None, prejoin::Event::Microphone(id)) => self.choose(effects, |choices| choices.microphone = id),
            (None, prejoin::Event::Speaker(id)) => self.choose(effects, |choices| choices.speaker = id),
            (None, prejoin::Event::Camera(id)) => self.choose(effects, |choices| choices.camera = id),
            (None, prejoin::Event::Chime) => effects.push(Effect::Chime(self.choices().speaker)),
            (None, _) => {}
        }
        if self.memory != before {
            effects.push(Effect::Remember);
        }
    }

    /// Takes the figures of the last second; they are also the check of the network before a room.
    fn handle_reading(&mut self, reading: Reading, now: Now, effects: &mut Effects) {
        self.diagnostics.handle(reading, now.at.as_micros() / 1000);
        if self.prejoin.is_none() || self.diagnostics.samples().next().is_none() {
            return;
        }
        let sample = self.diagnostics.now();
        let event = if sample.is_up {
            let (rtt_ms, loss) = (sample.rtt_ms.round() as u32, sample.loss_up.max(sample.loss_down));
            prejoin::Event::Probed(prejoin::Probe { rtt_ms, loss })
        } else {
            prejoin::Event::Check(prejoin::Item::Network, prejoin::Check::Poor)
        };
        self.handle_prejoin(event, now, effects);
    }

    /// Another device, in a room: it is used at once.
    fn choose(&mut self, effects: &mut Effects, change: impl FnOnce(&mut Choices)) {
        let mut choices = self.choices();
        change(&mut choices);
        self.memory.remember_devices(self.devices.set_name(), choices);
        effects.push(Effect::ApplyDevices);
    }

    /// Gives a room its event and lets it have the meeting as it is.
    fn in_room(&mut self, id: RoomId, event: room::Event, now: Now, effects: &mut Effects) {
        let is_leaving = matches!(event, room::Event::Leave);
        let (Some(room), Some(view)) = (self.rooms.get_mut(&id), self.view.rooms.get(&id)) else { return };
        let had_panel = room.panel;
        room.handle(event, view, now, effects);
        if room.is_hand_asked {
            self.toasts.push(Notice::LowerHand, now.at);
        }
        if room.panel != had_panel {
            self.panel_changed(id, now, effects);
        }
        if is_leaving {
            self.left = self.view.rooms.get(&id).map(|view| view.name.clone());
        }
    }

    /// The chat follows the panel: closed, nobody is written to.
    fn panel_changed(&mut self, id: RoomId, now: Now, effects: &mut Effects) {
        let is_chat = self.rooms.get(&id).is_some_and(|room| room.panel == Some(room::Panel::Chat));
        let event = if is_chat { crate::chat::Event::Open(ThreadId::Room(id)) } else { crate::chat::Event::Close };
        self.handle_chat(event, now, effects);
        if self.rooms.get(&id).is_some_and(|room| room.panel == Some(room::Panel::Files)) {
            self.files.open(id, &mut self.ids, effects);
        }
    }
}

/// What the engine says, for those who need it under another name.
pub type EngineEvent = ClientEvent;

#[cfg(test)]
mod tests;
