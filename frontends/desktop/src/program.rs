//! The program: presenters decide, the drawing shows, and between them events go one way and effects the other.
//!
//! Everything here is on the thread that draws. Events wait in a queue and are handled one after the other, so that what the
//! drawing calls while it is being changed does no harm.

/// Connects `$on` of a global: its arguments, then what to do with the program.
macro_rules! on {
    ($program:expr, $global:expr, $on:ident, |$p:ident $(, $arg:ident)*| $body:expr) => {{
        let weak: std::rc::Weak<$crate::program::Program> = std::rc::Rc::downgrade($program);
        $global.$on(move |$($arg),*| {
            if let Some($p) = weak.upgrade() {
                $body
            }
        });
    }};
}

mod carry;
mod groups;
mod levels;
mod nearby;
mod previews;
mod sources;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::Duration;

use hph_client::core::id::TrackId;
use hph_client::engine::{Event as EngineEvent, FileTarget, RemoteTrack};
use hph_client::media::{CameraSpec, MicrophoneSpec, SpeakerSpec};
use hph_client::platform::clock::Clock;
use hph_client::platform::entropy;
use hph_client::platform::screen::Screen;
use hph_presenters::app::{App, Event, Sheet};
use hph_presenters::{Effects, Now, files, prejoin, room, signin};
use slint::{ComponentHandle, Image, Timer, TimerMode};

use crate::devices::Devices;
use crate::identity::Folders;
use crate::inbox::{Inbox, Note};
use crate::pictures::Board;
use crate::session::Session;
use crate::trial::{PREVIEW, Trial};
use crate::ui;
use crate::view::{Seen, View};

/// Countdowns and rings are looked at this often.
const TICK: Duration = Duration::from_millis(100);
/// Pictures are drawn no more often than this: a display shows 60 in a second.
const DISPLAY: Duration = Duration::from_millis(16);
/// Ticks in a second.
const TICKS_PER_S: u32 = 10;

/// What the program was told when it was started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// An invitation or an address to go to at once.
    pub link: Option<String>,
    /// The name of a guest who signs in at once.
    pub guest: Option<String>,
    /// Go into rooms without preparing.
    pub is_at_once: bool,
    /// A camera instead of the machine's.
    pub camera: Option<CameraSpec>,
    /// A microphone instead of the machine's.
    pub microphone: Option<MicrophoneSpec>,
    /// A loudspeaker instead of the machine's.
    pub speaker: Option<SpeakerSpec>,
    /// What to share instead of what one chooses.
    pub screen: Option<String>,
    /// `vi` or `en`, whatever is remembered.
    pub language: Option<String>,
    /// Where files are kept that are fetched, instead of the user's folder for downloads.
    pub downloads: Option<PathBuf>,
}

pub use sources::has_display;

/// A track and how many of its pictures were drawn.
pub type Shown = (RemoteTrack, u64);

/// The program.
pub struct Program {
    state: RefCell<State>,
    queue: RefCell<VecDeque<Event>>,
    is_running: Cell<bool>,
    ui: slint::Weak<ui::App>,
    weak: Weak<Self>,
    timer: Timer,
}

/// What it knows.
struct State {
    app: App,
    view: View,
    session: Option<Session>,
    /// Which session it is: what an earlier one still says does not count.
    sessions: u64,
    devices: Devices,
    board: Board,
    pictures: HashMap<RemoteTrack, Image>,
    inbox: Inbox,
    search: nearby::Search,
    folders: Folders,
    options: Options,
    preview: Option<Trial>,
    meter: Option<Trial>,
    trial: Option<Trial>,
    ringing: Option<Trial>,
    /// What is shared when sharing is switched on.
    share: String,
    /// What can be shared, while one chooses.
    screens: Vec<Screen>,
    /// For whom a file is whose path is typed, while one does.
    file_for: Option<FileTarget>,
    /// The loudspeaker where sound goes now; none before the first.
    sounding: Option<String>,
    counts: levels::Counts,
    /// Pictures among the files that are shown.
    thumbnails: previews::Thumbnails,
    ticks: u32,
    /// When pictures were drawn last. **Units:** microseconds.
    drawn_us: u64,
    /// Pictures of each track that were drawn until now.
    shown: HashMap<RemoteTrack, u64>,
}

impl Program {
    /// Makes the program behind a window and lets it run.
    ///
    /// # Errors
    /// The event loop can't be reached.
    pub fn start(ui: &ui::App, folders: Folders, options: Options) -> Result<Rc<Self>, slint::EventLoopError> {
        let (inbox, notes) = async_channel::unbounded();
        let waker = inbox.clone();
        let board = Board::new(move || crate::inbox::tell(&waker, Note::Pictures));
        let app = App::new(folders.memory(), u64::from_be_bytes(entropy::array()));
        let state = State {
            app,
            view: View::new(ui),
            session: None,
            sessions: 0,
            devices: Devices::default(),
            board,
            pictures: HashMap::new(),
            inbox,
            search: nearby::Search::Off,
            folders,
            options: options.clone(),
            preview: None,
            meter: None,
            trial: None,
            ringing: None,
            share: "default".to_owned(),
            screens: Vec::new(),
            file_for: None,
            sounding: None,
            counts: levels::Counts::new(),
            thumbnails: previews::Thumbnails::default(),
            ticks: 0,
            drawn_us: 0,
            shown: HashMap::new(),
        };
        let program = Rc::new_cyclic(|weak| Self {
            state: RefCell::new(state),
            queue: RefCell::default(),
            is_running: Cell::new(false),
            ui: ui.as_weak(),
            weak: weak.clone(),
            timer: Timer::default(),
        });
        wire::connect(ui, &program);
        let weak = Rc::downgrade(&program);
        slint::spawn_local(async move {
            while let Ok(note) = notes.recv().await {
                let Some(program) = weak.upgrade() else { break };
                program.note(note);
            }
        })?;
        let weak = Rc::downgrade(&program);
        program.timer.start(TimerMode::Repeated, TICK, move || {
            if let Some(program) = weak.upgrade() {
                program.tick();
            }
        });
        program.refresh();
        if let Some(link) = options.link {
            program.post(Event::SignIn(signin::Event::Link(link)));
        }
        Ok(program)
    }

    /// Something happened.
    pub fn post(&self, event: Event) {
        self.post_all([event]);
    }

    /// Several things happened, in order.
    pub fn post_all(&self, events: impl IntoIterator<Item = Event>) {
        self.queue.borrow_mut().extend(events);
        self.run();
    }

    /// How many pictures of each of the others were drawn until now.
    pub fn shown(&self) -> Vec<Shown> {
        let state = self.state.borrow();
        let is_mine = |(room, slot, _): &RemoteTrack| state.my_slot(*room) == Some(*slot);
        state.shown.iter().filter(|(track, _)| !is_mine(track)).map(|(track, count)| (*track, *count)).collect()
    }

    /// How many pictures came until now, drawn or not.
    pub fn pictures_come(&self) -> u64 {
        self.state.borrow().board.count()
    }

    /// From going into the room in front to the first picture of somebody else.
    pub fn first_picture(&self) -> Option<hph_client::core::time::Duration> {
        self.state.borrow().app.front_room().and_then(|(room, _)| room.first_picture)
    }

    /// Whether the microphone of the room in front is open, and whether it was switched on, the key aside; none without a room.
    pub fn microphone(&self) -> Option<(bool, bool)> {
        let state = self.state.borrow();
        let (room, _) = state.app.front_room()?;
        Some((room.mic.is_open(), room.mic.is_wanted()))
    }

    /// Handles what waits. Does nothing if that is going on further up: there it is handled next.
    fn run(&self) {
        if self.is_running.replace(true) {
            return;
        }
        let now = now();
        loop {
            let Some(event) = self.queue.borrow_mut().pop_front() else { break };
            self.handle(event, now);
        }
        self.refresh();
        self.is_running.set(false);
        // What the drawing called while it was changed.
        if !self.queue.borrow().is_empty() {
            self.run();
        }
    }

    fn handle(&self, event: Event, now: Now) {
        let mut effects = Effects::new();
        {
            let state = &mut *self.state.borrow_mut();
            state.before(&event);
            let follows = state.follows(&event);
            state.app.handle(event, now, &mut effects);
            self.queue.borrow_mut().extend(follows);
        }
        for effect in effects {
            self.carry_out(effect);
        }
    }

    /// Draws what has changed.
    fn refresh(&self) {
        let Some(ui) = self.ui.upgrade() else { return };
        let mut state = self.state.borrow_mut();
        state.refresh(&ui, now());
    }

    fn note(&self, note: Note) {
        match note {
            Note::Pictures => self.draw_pictures(),
            Note::Answered { host, port, answer } => {
                let is_offer = answer.is_ok();
                self.post(Event::SignIn(signin::Event::Answered { host, port, answer }));
                if is_offer {
                    self.sign_in_at_once();
                }
            }
            Note::Opened(opened) => self.opened(opened),
            Note::Devices(devices) => self.post(Event::PreJoin(prejoin::Event::Devices(devices))),
            Note::Tried(event) => {
                if event == prejoin::Event::Chimed {
                    self.state.borrow_mut().trial = None;
                }
                self.post(Event::PreJoin(event));
            }
            Note::Chosen(to, Ok(paths)) => self.post(Event::Files(files::Event::Chosen(to, paths))),
            Note::Chosen(to, Err(_)) => self.ask_for_path(Some(to)),
            Note::Decoded(file, pixels) => self.decoded(file, pixels),
            Note::Screens(screens) => self.choose_screen(screens),
            Note::SpeakerFailed(detail) => {
                self.post(Event::DeviceFailed(hph_presenters::trouble::Trouble::Speaker, detail));
            }
        }
    }

    fn tick(&self) {
        let events = self.state.borrow_mut().tick();
        self.post_all(events);
        self.follow_search();
    }

    /// Shows the newest pictures, at most once for each picture of the display.
    fn draw_pictures(&self) {
        let now_us = Clock::now().as_micros();
        let due_us = self.state.borrow().drawn_us + DISPLAY.as_micros() as u64;
        if now_us < due_us {
            let inbox = self.state.borrow().inbox.clone();
            Timer::single_shot(Duration::from_micros(due_us - now_us), move || {
                crate::inbox::tell(&inbox, Note::Pictures);
            });
            return;
        }
        let (events, is_news) = {
            let Some(ui) = self.ui.upgrade() else { return };
            self.state.borrow_mut().take_pictures(&ui, now_us)
        };
        if is_news {
            return self.post_all(events);
        }
        // Another picture where there was one: it is drawn already, and nothing else has changed.
        let now = now();
        events.into_iter().for_each(|event| self.handle(event, now));
    }

    /// A guest who was named at the start signs in without being asked.
    fn sign_in_at_once(&self) {
        let guest = self.state.borrow_mut().options.guest.take();
        if let Some(name) = guest {
            use signin::{Event as S, Field, Way};
            let events = [S::Way(Way::Guest), S::Typed(Field::DisplayName, name), S::Submit];
            self.post_all(events.map(Event::SignIn));
        }
    }
}

impl State {
    /// What the program does besides when the engine says something.
    fn before(&mut self, event: &Event) {
        let Event::Engine(event) = event else { return };
        match event {
            EngineEvent::SignedIn { pin, .. } => {
                if let Some(session) = &self.session {
                    session.remember_key(*pin);
                }
            }
            EngineEvent::Participant { room, participant, is_me: true, .. } => {
                self.devices.confirmed(*room, &participant.tracks);
            }
            EngineEvent::Left { room, .. } => {
                self.devices.close_room(*room);
                self.pictures.retain(|(of, ..), _| of != room);
                self.shown.retain(|(of, ..), _| of != room);
            }
            EngineEvent::ParticipantGone { room, slot, .. } => {
                self.pictures.retain(|(of, whose, _), _| (of, whose) != (room, slot));
            }
            EngineEvent::Ended(_) => {
                self.devices.close_all();
                self.pictures.clear();
            }
            _ => {}
        }
    }

    /// What happens next of itself: whoever was told at the start to go in at once does, silently unless told a microphone.
    fn follows(&mut self, event: &Event) -> Vec<Event> {
        let is_signed_in = matches!(event, Event::Engine(EngineEvent::SignedIn { .. }));
        if !is_signed_in || self.app.signin.room().is_none() || !std::mem::take(&mut self.options.is_at_once) {
            return Vec::new();
        }
        let is_silent = self.options.microphone.is_none();
        let silence = is_silent.then_some(Event::PreJoin(prejoin::Event::Mic(false)));
        silence.into_iter().chain([Event::Enter]).collect()
    }

    /// Takes new pictures into their tiles; what to tell the presenters, and whether somebody had none before.
    fn take_pictures(&mut self, ui: &ui::App, now_us: u64) -> (Vec<Event>, bool) {
        self.drawn_us = now_us;
        let (mut events, mut is_news) = (Vec::new(), false);
        for taken in self.board.take() {
            let image = Image::from_rgb8(taken.pixels);
            if taken.track == PREVIEW {
                self.view.set_preview(ui, image);
                continue;
            }
            *self.shown.entry(taken.track).or_default() += 1;
            self.view.put_picture(taken.track, image.clone());
            is_news |= self.pictures.insert(taken.track, image).is_none();
            let (room, slot, track) = taken.track;
            let picture = room::Event::Picture { slot, is_screen: track == TrackId::SCREEN, size: taken.size };
            events.push(Event::InRoom(room, picture));
        }
        (events, is_news)
    }

    fn refresh(&mut self, ui: &ui::App, now: Now) {
        let lang = self.options.language.clone();
        let seen = Seen {
            app: &self.app,
            screens: &self.screens,
            file_for: self.file_for.as_ref(),
            pictures: &self.pictures,
            thumbnails: self.thumbnails.pictures(),
            lang: lang.as_deref(),
            now,
        };
        self.view.refresh(ui, &seen);
        let scale = ui.window().scale_factor();
        self.board.set_tiles(&self.view.tile_widths(scale));
        if let Some(session) = self.session.as_ref().filter(|_| self.app.sheet == Some(Sheet::Diagnostics)) {
            self.view.refresh_figures(ui, &self.app, session);
        }
        self.follow_speaker();
    }

    /// The events of a tick.
    fn tick(&mut self) -> Vec<Event> {
        self.ticks = self.ticks.wrapping_add(1);
        let mut events = self.levels();
        if self.ticks.is_multiple_of(TICKS_PER_S) {
            events.extend(self.qualities());
        }
        for (room, track) in self.devices.over() {
            self.devices.close((room, track));
            events.push(Event::TrackFailed { room, track, detail: String::new() });
        }
        events.push(Event::Tick);
        events
    }
}

/// What time it is.
fn now() -> Now {
    Now { at: Clock::now(), unix_ms: Clock::unix_time_ms(), offset_s: crate::zone::offset_s() }
}
