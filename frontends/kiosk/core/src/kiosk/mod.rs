//! Screens and policies: what a device on a wall does by itself with a meeting. State and event in, state and effects out.
//!
//! It drives the presenters of a meeting ([`hph_presenters::app::App`]) as somebody at a desktop would, and never waits for
//! anybody: it signs in, goes into its room, opens its devices again when they are back, answers who may be answered, leaves when
//! its hours are over. What people want of microphone and camera is kept as a wish; the devices follow it.

mod connect;
mod devices;
mod entry;
mod event;
mod people;
mod policy;
#[cfg(test)]
mod tests;
mod token;
#[cfg(test)]
mod token_tests;

use hph_client::core::id::RoomId;
use hph_client::core::time::{Duration, Instant};
use hph_client::engine::Event as EngineEvent;
use hph_presenters::app::{self, App};
use hph_presenters::settings::Memory as Settings;
use hph_presenters::text::Lang;
use hph_presenters::trouble::Trouble;
use hph_presenters::{Effect as Wanted, Now, room};

pub use devices::{Gone, Waiting};
pub use entry::Entry;
pub use event::{Effect, Effects, Event, Front, Sheet};
pub use people::Person;
pub use token::Pairing;

use crate::config::Config;
use crate::kept::Memory;
use crate::restart::{self, Begin, SAFE_MS, WELL_AFTER_MS};

/// What went wrong is said for so long. **Units:** seconds.
const ERROR_STAYS_S: u64 = 15;

/// The device.
#[derive(Clone, Debug)]
pub struct Kiosk {
    /// The meeting.
    pub app: App,
    /// What the owner decides.
    pub config: Config,
    /// What is typed, while it is.
    pub entry: Option<Entry>,
    /// What lies over the room.
    pub sheet: Option<Sheet>,
    /// Devices that are waited for.
    pub waiting: Waiting,
    /// What is wrong with the owner's file; without it nothing is done.
    pub problem: Option<String>,
    memory: Memory,
    begin: Begin,
    connection: connect::Connection,
    wish: devices::Wish,
    policy: policy::Policy,
    token: token::Token,
    is_live: bool,
    /// Asked to end: what happens from then on is not remembered.
    is_over: bool,
    started: Option<Instant>,
    /// When each message that stays was first seen.
    told: Vec<(u64, Instant)>,
}

impl Kiosk {
    /// A device that was just started. `begin` and `memory` are what [`restart::begin`] says; `seed` is random.
    pub fn new(config: Config, begin: Begin, memory: Memory, seed: u64) -> Self {
        let mut settings = Settings::default();
        settings.settings.looks.lang = Some(memory.language.unwrap_or(config.language));
        settings.settings.video.height = u16::try_from(config.video_height).unwrap_or(720);
        settings.settings.video.fps = u16::try_from(config.video_rate).unwrap_or(30);
        // A picture of the room is not a mirror.
        settings.settings.video.is_mirrored = false;
        let app = App::new(settings, seed);
        Self {
            app,
            config,
            entry: None,
            sheet: None,
            waiting: Waiting::default(),
            problem: None,
            memory,
            begin,
            connection: connect::Connection::default(),
            wish: devices::Wish::default(),
            policy: policy::Policy::default(),
            token: token::Token::default(),
            is_live: false,
            is_over: false,
            started: None,
            told: Vec::new(),
        }
    }

    /// Takes an event; what is to be done is added to `effects`.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Effects) {
        if self.is_over {
            return;
        }
        if matches!(event, Event::End) {
            return self.end(effects);
        }
        if matches!(self.begin, Begin::Safe { .. }) {
            return self.handle_safe(&event, now, effects);
        }
        let before = self.memory.clone();
        self.handle_one(event, now, effects);
        self.follow_connection(now, effects);
        self.follow_wishes(now, effects);
        self.follow_volume(now, effects);
        self.memory.room = self.remembered_room();
        if self.memory != before {
            effects.push(Effect::Keep(self.memory.clone()));
        }
        let is_live = self.is_live();
        if std::mem::replace(&mut self.is_live, is_live) != is_live {
            effects.push(Effect::Live(is_live));
        }
    }

    fn handle_one(&mut self, event: Event, now: Now, effects: &mut Effects) {
        match event {
            Event::Meeting(event) => self.handle_meeting(*event, now, effects),
            Event::Tick => self.tick(now, effects),
            Event::Touched => self.touch(now),
            Event::Enter(name) => self.enter_by_hand(&name, now, effects),
            Event::Start => self.start_meeting(now, effects),
            Event::Return => self.return_home(now, effects),
            Event::OpenEntry => self.entry = Some(Entry::new(self.lang())),
            Event::CloseEntry => self.entry = None,
            Event::Key(key) => self.type_key(key, now, effects),
            Event::Sheet(sheet) => self.sheet = if self.sheet == sheet { None } else { sheet },
            Event::Microphone => self.toggle_microphone(now),
            Event::Camera => self.toggle_camera(),
            Event::Share => self.meet(app::Event::Room(room::Event::ToggleShare), now, effects),
            Event::Hand => self.meet(app::Event::Room(room::Event::ToggleHand), now, effects),
            Event::Leave => self.leave(now, effects),
            Event::Volume(step) => self.step_volume(step),
            Event::Answer(is_taken) => self.answer_first(is_taken, now, effects),
            Event::Language => self.switch_language(),
            Event::Retry => self.connection.retry_now(),
            Event::Gone(gone) => self.waiting.set_gone(gone),
            Event::CloseToast(id) => self.meet(app::Event::CloseToast(id), now, effects),
            Event::Shown(invitation) if self.is_news(&invitation) => effects.push(Effect::Enrol(invitation)),
            Event::Shown(_) | Event::End => {}
        }
    }

    /// Whether the device may learn its server from what is held in front of its camera: only if it knows none or waits to be
    /// let in, and nobody is in the middle of writing its file.
    pub fn may_enrol(&self) -> bool {
        let is_strange = self.config.server.is_none() || self.pairing().is_some();
        is_strange && self.problem.is_none() && !matches!(self.begin, Begin::Safe { .. })
    }

    /// Lets the meeting have an event, and sorts what it wants done: a device on a wall shows no preview and copies nothing.
    fn meet(&mut self, event: app::Event, now: Now, effects: &mut Effects) {
        let mut wanted = Vec::new();
        self.app.handle(event, now, &mut wanted);
        for effect in wanted {
            match effect {
                Wanted::PickScreen if self.config.share.is_some() => {
                    self.meet(app::Event::Room(room::Event::ShareChosen), now, effects);
                }
                Wanted::Preview(_)
                | Wanted::Meter(_)
                | Wanted::ListDevices
                | Wanted::Remember
                | Wanted::Copy(_)
                | Wanted::Notify(_)
                | Wanted::PickFiles(_)
                | Wanted::FetchFile { .. }
                | Wanted::Focus(_)
                | Wanted::FullScreen(_)
                | Wanted::PickScreen
                | Wanted::CollectDiagnostics
                | Wanted::StartDemo
                | Wanted::Chime(_)
                | Wanted::RecordAndReplay { .. } => {}
                other => effects.push(Effect::Meeting(other)),
            }
        }
    }

    fn handle_meeting(&mut self, event: app::Event, now: Now, effects: &mut Effects) {
        self.before_meeting(&event, now);
        let is_guest = self.config.guest;
        let (is_let_in, is_ringing) = match &event {
            // Whoever may be in one room is told which after that.
            app::Event::Engine(EngineEvent::SignedIn { .. }) if is_guest => (true, None),
            app::Event::Engine(EngineEvent::Ringing { call, from, .. }) => (false, Some((*call, from.clone()))),
            _ => (false, None),
        };
        let is_let_in = match &event {
            app::Event::Engine(event) => self.note_token(event, now, effects) || is_let_in,
            _ => is_let_in,
        };
        self.meet(event, now, effects);
        if is_let_in && self.app.view.rooms.is_empty() {
            self.enter_first_room(now, effects);
        }
        if let Some((call, from)) = is_ringing {
            self.ringing(call, &from, now, effects);
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Effects) {
        let started = *self.started.get_or_insert(now.at);
        if now.at.since(started) >= Duration::from_millis(WELL_AFTER_MS) {
            restart::well(&mut self.memory);
        }
        self.meet(app::Event::Tick, now, effects);
        self.tick_policy(now, effects);
        self.tick_toasts(now, effects);
    }

    /// Nobody closes messages on a wall: what stays is closed after a while.
    fn tick_toasts(&mut self, now: Now, effects: &mut Effects) {
        let shown: Vec<u64> =
            self.app.toasts.shown().iter().filter(|toast| toast.until.is_none()).map(|toast| toast.id).collect();
        self.told.retain(|(id, _)| shown.contains(id));
        for id in shown {
            if !self.told.iter().any(|(known, _)| *known == id) {
                self.told.push((id, now.at));
            }
        }
        let is_old = |since: &Instant| now.at.since(*since) >= Duration::from_secs(ERROR_STAYS_S);
        let old: Vec<u64> = self.told.iter().filter(|(_, since)| is_old(since)).map(|(id, _)| *id).collect();
        for id in old {
            self.meet(app::Event::CloseToast(id), now, effects);
        }
    }

    /// On the safe screen nothing is opened; it ends by itself after a while, and then everything is tried again.
    fn handle_safe(&mut self, event: &Event, now: Now, effects: &mut Effects) {
        let started = *self.started.get_or_insert(now.at);
        let is_over = now.at.since(started) >= Duration::from_millis(SAFE_MS);
        match event {
            Event::Retry => {}
            Event::Tick if is_over => {}
            Event::Language => return self.switch_language(),
            _ => return,
        }
        self.memory.starts.clear();
        effects.extend([Effect::Keep(self.memory.clone()), Effect::Restart]);
    }

    fn end(&mut self, effects: &mut Effects) {
        self.is_over = true;
        restart::end(&mut self.memory);
        effects.extend([Effect::Keep(self.memory.clone()), Effect::Meeting(Wanted::Disconnect)]);
    }

    /// The language of the screens.
    pub fn lang(&self) -> Lang {
        self.app.lang().unwrap_or_default()
    }

    fn switch_language(&mut self) {
        let other = match self.lang() {
            Lang::Vi => Lang::En,
            Lang::En => Lang::Vi,
        };
        self.memory.language = Some(other);
        self.app.memory.settings.looks.lang = Some(other);
    }

    /// What is remembered.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What is in front.
    pub fn front(&self, now: Now) -> Front {
        if let Begin::Safe { error } = &self.begin {
            return Front::Safe { error: error.clone() };
        }
        if self.config.server.is_none() {
            return Front::SetUp;
        }
        if let Some(pairing) = self.pairing() {
            let why = self.trouble().filter(|trouble| matches!(trouble, Trouble::Revoked | Trouble::Invitation));
            return Front::Pairing { code: pairing.grouped(), seconds: pairing.seconds(now), why };
        }
        let has_call = !self.app.calls.incoming.is_empty();
        if self.app.front().is_some() && self.app.screen == app::Screen::Room {
            return Front::Room;
        }
        if !has_call && self.is_dark(now) {
            return Front::Dark;
        }
        if self.connection.is_up() { Front::Home } else { Front::Waiting { trouble: self.connection.trouble() } }
    }

    /// The name of the room in front.
    pub fn room_name(&self) -> Option<&str> {
        self.app.front_room().map(|(_, view)| view.name.as_str())
    }

    /// Whether the device is in a room, or goes into one.
    fn has_room(&self) -> bool {
        self.app.front().is_some() || self.app.is_entering()
    }

    fn is_fixed(&self, id: RoomId) -> bool {
        let name = self.app.view.rooms.get(&id).map(|view| view.name.to_lowercase());
        name.is_some() && name == self.home_room().map(str::to_lowercase)
    }

    /// What is in front is to be there again after a crash; what is being entered too, while it was not refused.
    fn remembered_room(&self) -> Option<String> {
        if let Begin::Back { room } = &self.begin {
            return Some(room.clone());
        }
        let inside = self.room_name().map(ToOwned::to_owned);
        inside.or_else(|| self.memory.room.clone().filter(|_| self.app.is_entering()))
    }

    /// What keeps the device from its server; none if nothing does.
    pub fn trouble(&self) -> Option<Trouble> {
        self.connection.trouble()
    }

    /// Seconds until it is tried again.
    pub fn retry_s(&self, now: Now) -> u64 {
        self.connection.retry_s(now)
    }
}
