//! The program: the kiosk decides, the drawing shows, and between them events go one way and effects the other.
//!
//! Everything here is on the thread that draws. Events wait in a queue and are handled one after the other, so that what the
//! drawing calls while it is being changed does no harm.

mod carry;
mod measure;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::{Event as EngineEvent, RemoteTrack};
use hph_client::platform::clock::Clock;
use hph_kiosk_core::enrol::Learnt;
use hph_kiosk_core::health::{Health, Machine};
use hph_kiosk_core::kept::Kept;
use hph_kiosk_core::kiosk::{Event, Gone, Kiosk};
use hph_presenters::{Now, app, room, signin};
use slint::{ComponentHandle, Image, Timer, TimerMode};

use crate::devices::Devices;
use crate::gpio::Lamp;
use crate::inbox::{Inbox, Note, tell};
use crate::pictures::Board;
use crate::ring::Ring;
use crate::scan::Scan;
use crate::session::{Keys, Session};
use crate::ui;
use crate::view::{Seen, View};

/// Countdowns and rings are looked at this often.
const TICK: Duration = Duration::from_millis(100);
/// Pictures are drawn no more often than this.
const DISPLAY: Duration = Duration::from_millis(16);
/// Ticks in a second.
const TICKS_PER_S: u32 = 10;

/// Where things are, and what there is of the machine.
pub struct Place {
    /// Where keys are kept.
    pub keys: Keys,
    /// What is remembered.
    pub kept: Kept,
    /// The kernel's files.
    pub machine: Machine,
    /// The lamp, if there is one.
    pub lamp: Option<Lamp>,
    /// What was learnt without a keyboard.
    pub learnt: Learnt,
}

/// The program.
pub struct Program {
    state: RefCell<State>,
    queue: RefCell<VecDeque<Event>>,
    is_running: Cell<bool>,
    ui: slint::Weak<ui::App>,
    weak: Weak<Self>,
    timer: Timer,
}

/// Our own place in each room. It is another one after the server was started anew, and what watches our camera must know.
type Places = Arc<Mutex<HashMap<RoomId, Slot>>>;

/// What it knows.
struct State {
    kiosk: Kiosk,
    view: View,
    session: Option<Session>,
    /// Which session it is: what an earlier one still says does not count.
    sessions: u64,
    devices: Devices,
    board: Board,
    places: Places,
    pictures: HashMap<RemoteTrack, Image>,
    inbox: Inbox,
    place: Place,
    ringing: Option<Ring>,
    scan: Option<Scan>,
    is_sounding: bool,
    counts: measure::Counts,
    health: Health,
    gone: Gone,
    ticks: u32,
    /// When pictures were drawn last. **Units:** microseconds.
    drawn_us: u64,
    is_to_restart: bool,
    is_kept_failing: bool,
}

impl Program {
    /// Makes the program behind a window and lets it run. What other threads tell comes by the second end of the inbox.
    ///
    /// # Errors
    /// The event loop can't be reached.
    pub fn start(
        ui: &ui::App,
        kiosk: Kiosk,
        place: Place,
        (inbox, notes): (Inbox, async_channel::Receiver<Note>),
    ) -> Result<Rc<Self>, slint::EventLoopError> {
        let waker = inbox.clone();
        let board = Board::new(move || tell(&waker, Note::Pictures));
        let state = State {
            kiosk,
            view: View::new(ui),
            session: None,
            sessions: 0,
            devices: Devices::default(),
            board,
            places: Places::default(),
            pictures: HashMap::new(),
            inbox,
            health: place.machine.health(),
            place,
            ringing: None,
            scan: None,
            is_sounding: false,
            counts: measure::Counts::new(),
            gone: Gone::default(),
            ticks: 0,
            drawn_us: 0,
            is_to_restart: false,
            is_kept_failing: false,
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
        program.post(Event::Tick);
        Ok(program)
    }

    /// Whether it ended to be started anew.
    pub fn is_to_restart(&self) -> bool {
        self.state.borrow().is_to_restart
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
        let mut effects = Vec::new();
        {
            let state = &mut *self.state.borrow_mut();
            state.before(&event);
            state.kiosk.handle(event, now, &mut effects);
        }
        for effect in effects {
            self.carry_out(effect);
        }
    }

    /// Draws what has changed.
    fn refresh(&self) {
        if let Some(ui) = self.ui.upgrade() {
            self.state.borrow_mut().refresh(&ui, now());
        }
    }

    fn note(&self, note: Note) {
        match note {
            Note::Pictures => self.draw_pictures(),
            Note::Answered { host, port, answer } => {
                self.post(app::Event::SignIn(signin::Event::Answered { host, port, answer }).into());
            }
            Note::Opened(opened) => self.opened(opened),
            Note::SpeakerFailed(detail) => {
                self.post(app::Event::DeviceFailed(hph_presenters::trouble::Trouble::Speaker, detail).into());
            }
            Note::Shown(invitation) => self.post(Event::Shown(invitation)),
            Note::Button => self.post(Event::Microphone),
            Note::End => {
                crate::alive::stopping();
                self.post(Event::End);
                let _ = slint::quit_event_loop();
            }
        }
    }

    fn tick(&self) {
        let events = self.state.borrow_mut().tick();
        self.post_all(events);
    }

    /// Shows the newest pictures, at most once for each picture of the display.
    fn draw_pictures(&self) {
        let now_us = Clock::now().as_micros();
        let due_us = self.state.borrow().drawn_us + DISPLAY.as_micros() as u64;
        if now_us < due_us {
            let inbox = self.state.borrow().inbox.clone();
            Timer::single_shot(Duration::from_micros(due_us - now_us), move || tell(&inbox, Note::Pictures));
            return;
        }
        let (events, is_news) = self.state.borrow_mut().take_pictures(now_us);
        if is_news {
            return self.post_all(events);
        }
        // Another picture where there was one: it is drawn already, and nothing else has changed.
        let now = now();
        events.into_iter().for_each(|event| self.handle(event, now));
    }
}

impl State {
    /// What the program does besides when the engine says something.
    fn before(&mut self, event: &Event) {
        let Event::Meeting(event) = event else { return };
        let app::Event::Engine(event) = &**event else { return };
        match event {
            EngineEvent::SignedIn { pin, .. } => {
                if let Some(session) = &self.session {
                    session.remember_key(*pin);
                }
            }
            EngineEvent::Participant { room, participant, is_me: true, .. } => {
                if let Ok(mut places) = self.places.lock() {
                    places.insert(*room, participant.slot);
                }
                self.devices.confirmed(*room, &participant.tracks);
            }
            EngineEvent::Left { room, .. } => {
                self.devices.close_room(*room);
                self.pictures.retain(|(of, ..), _| of != room);
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

    /// Takes new pictures into their tiles; what to tell the kiosk, and whether somebody had none before.
    fn take_pictures(&mut self, now_us: u64) -> (Vec<Event>, bool) {
        self.drawn_us = now_us;
        let (mut events, mut is_news) = (Vec::new(), false);
        for taken in self.board.take() {
            let image = Image::from_rgb8(taken.pixels);
            self.view.put_picture(taken.track, image.clone());
            is_news |= self.pictures.insert(taken.track, image).is_none();
            let (room, slot, track) = taken.track;
            let picture = room::Event::Picture { slot, is_screen: track == TrackId::SCREEN, size: taken.size };
            events.push(app::Event::InRoom(room, picture).into());
        }
        (events, is_news)
    }

    fn refresh(&mut self, ui: &ui::App, now: Now) {
        let seen = Seen { kiosk: &self.kiosk, pictures: &self.pictures, health: self.health, now };
        self.view.refresh(ui, &seen);
        let scale = ui.window().scale_factor();
        self.board.set_tiles(&self.view.tile_widths(scale));
        self.follow_speaker();
    }

    /// The events of a tick.
    fn tick(&mut self) -> Vec<Event> {
        self.ticks = self.ticks.wrapping_add(1);
        let mut events = self.levels();
        if self.ticks.is_multiple_of(TICKS_PER_S) {
            crate::alive::beat();
            events.extend(self.qualities());
            self.health = self.place.machine.health();
        }
        for (room, track) in self.devices.over() {
            self.devices.close((room, track));
            events.push(app::Event::TrackFailed { room, track, detail: String::new() }.into());
        }
        let gone = self.devices_gone();
        if std::mem::replace(&mut self.gone, gone) != gone {
            events.push(Event::Gone(gone));
        }
        self.follow_scan();
        events.push(Event::Tick);
        events
    }

    /// Looks for a code in front of the camera, as long as the device may learn its server from one.
    fn follow_scan(&mut self) {
        let is_wanted = self.kiosk.may_enrol();
        if !is_wanted {
            self.scan = None;
        } else if self.scan.is_none() {
            self.scan = Scan::start(crate::sources::camera(&self.kiosk.config), self.inbox.clone());
        }
    }
}

/// What time it is.
pub fn now() -> Now {
    Now { at: Clock::now(), unix_ms: Clock::unix_time_ms(), offset_s: crate::zone::offset_s() }
}
