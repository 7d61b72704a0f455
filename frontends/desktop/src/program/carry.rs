//! Carrying out what presenters want done.

use std::thread;

use hph_client::core::id::{RoomId, TrackId};
use hph_client::engine::{Command, Engine, FileTarget, Offer};
use hph_client::platform::screen::{self, Screen, ScreenKind};
use hph_presenters::app::Event;
use hph_presenters::effect::Connection;
use hph_presenters::trouble::Trouble;
use hph_presenters::{Effect, files, room, signin};
use slint::ComponentHandle;

use super::Program;
use super::sources::AGENT;
use crate::devices::Opened;
use crate::inbox::{Note, tell};
use crate::session::Session;
use crate::ui;
use crate::{outside, trial, words};

impl Program {
    pub(super) fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Engine(command) => self.command(command),
            Effect::Ask { host, port, pin } => self.ask(host, port, pin),
            Effect::Connect(connection) => self.connect(*connection),
            Effect::Disconnect => self.disconnect(),
            Effect::OpenTrack { room, track } => self.open_track(room, track),
            Effect::CloseTrack { room, track } => self.close_track(room, track),
            Effect::ApplyDevices => self.apply_devices(),
            Effect::PickScreen => self.pick_screen(),
            Effect::PickFiles(to) => self.pick_files(to),
            Effect::FetchFile { request, file } => {
                let folder = self.state.borrow().options.downloads.clone().unwrap_or_else(outside::downloads);
                // A folder that can't be made is told as the disk's trouble.
                let _ = std::fs::create_dir_all(&folder);
                self.command(Command::FetchFile { request, file, folder });
            }
            Effect::FetchPicture { request, file } => self.fetch_picture(request, file),
            Effect::DecodePicture { file, path } => self.decode_picture(file, path),
            Effect::Quit => drop(slint::quit_event_loop()),
            other => self.carry_out_here(other),
        }
    }

    /// What needs nothing but the program's own things.
    fn carry_out_here(&self, effect: Effect) {
        let Some(ui) = self.ui.upgrade() else { return };
        let state = &mut *self.state.borrow_mut();
        let inbox = state.inbox.clone();
        match effect {
            Effect::HoldKey(is_held) => {
                if let Some(session) = &state.session {
                    session.voice().hold_key(is_held);
                }
            }
            Effect::Volume { room, slot, percent } => {
                if let Some(session) = &state.session {
                    session.voice().set_volume((room, slot, TrackId::MICROPHONE), percent);
                }
            }
            Effect::ListDevices => {
                let given = state.options.camera.is_some().then(|| "test".to_owned());
                trial::list(inbox, given);
            }
            Effect::Preview(camera) => {
                state.preview = None;
                state.view.forget_preview(&ui);
                if let Some(camera) = camera {
                    let is_mirrored = state.app.memory.settings.video.is_mirrored;
                    state.preview = trial::preview(state.camera(&camera), state.board.clone(), inbox, is_mirrored);
                }
            }
            Effect::Meter(microphone) => {
                state.meter = None;
                if let Some(microphone) = microphone {
                    state.meter = trial::meter(state.microphone(&microphone), inbox);
                }
            }
            Effect::Chime(speaker) => state.trial = trial::chime(state.speaker(&speaker), inbox),
            Effect::RecordAndReplay { microphone, speaker } => {
                // One microphone is not opened twice.
                state.meter = None;
                state.trial = trial::replay(state.microphone(&microphone), state.speaker(&speaker), inbox);
            }
            Effect::Ring(is_on) => {
                let speaker = state.speaker(&state.app.choices().speaker);
                state.ringing = if is_on { trial::ring(speaker, inbox) } else { None };
            }
            Effect::ForgetPicture(file) => state.thumbnails.forget(file),
            Effect::Remember => state.remember(&ui),
            Effect::Copy(text) => ui.invoke_copy(text.into()),
            Effect::Focus(focus) => state.view.focus(&ui, focus),
            Effect::FullScreen(is_full) => ui.window().set_fullscreen(is_full),
            Effect::CollectDiagnostics => ui.invoke_copy(state.view.figures_text(&ui).into()),
            Effect::Notify(notice) => {
                let told = words::notice(&notice, state.app.lang().unwrap_or_default());
                let telling = move || drop(outside::notify(&told.what, &told.detail));
                let _ = thread::Builder::new().name("telling".to_owned()).spawn(telling);
            }
            // There is no server in this program: others are carried out above.
            _ => {}
        }
    }

    pub(super) fn command(&self, command: Command) {
        let is_sent = self.state.borrow().session.as_ref().is_some_and(|session| session.send(command.clone()));
        if !is_sent {
            self.queue.borrow_mut().push_back(Event::EngineBusy(command));
        }
    }

    /// Asks a server how one may sign in there.
    fn ask(&self, host: String, port: u16, pin: Option<hph_client::tls::Pin>) {
        let state = self.state.borrow();
        let inbox = state.inbox.clone();
        let trust = state.folders.pins().trust(&host, port, pin);
        let asking = move || {
            let answer = match trust {
                Ok(trust) => {
                    hph_client::engine::ask(&host, port, trust, AGENT).map_err(|reason| Trouble::of_end(&reason))
                }
                Err(_) => Err(Trouble::ServerKey),
            };
            let answer = answer.map(|Offer { name, methods, pin }| signin::Offer { name, methods, pin });
            tell(&inbox, Note::Answered { host, port, answer });
        };
        let _ = thread::Builder::new().name("asking".to_owned()).spawn(asking);
    }

    fn connect(&self, connection: Connection) {
        let state = &mut *self.state.borrow_mut();
        state.end_session();
        let (turn, weak) = (state.sessions, self.weak.clone());
        let session = match state.start_session(connection) {
            Ok(session) => session,
            Err(error) => {
                let failed = [
                    Event::SignIn(signin::Event::Unreachable(Trouble::Settings)),
                    Event::DeviceFailed(Trouble::Settings, error.to_string()),
                ];
                self.queue.borrow_mut().extend(failed);
                return;
            }
        };
        let events = session.engine().map(|engine| engine.events().clone());
        state.session = Some(session);
        let Some(events) = events else { return };
        let _ = slint::spawn_local(async move {
            while let Ok(first) = events.recv().await {
                let Some(program) = weak.upgrade() else { break };
                if program.state.borrow().sessions != turn {
                    break;
                }
                // All that is there at once: it is drawn once.
                let more = std::iter::from_fn(|| events.try_recv().ok());
                program.post_all(std::iter::once(first).chain(more).map(Event::Engine));
            }
        });
    }

    fn disconnect(&self) {
        self.state.borrow_mut().end_session();
    }

    fn open_track(&self, room: RoomId, track: TrackId) {
        let failed = {
            let state = &mut *self.state.borrow_mut();
            let frames = state.session.as_ref().and_then(Session::engine).map(Engine::frames);
            let (Some(frames), Some(source)) = (frames, state.source(room, track)) else { return };
            let inbox = state.inbox.clone();
            let tell = move |opened| tell(&inbox, Note::Opened(opened));
            state.devices.open((room, track), source, frames, tell).err()
        };
        if let Some(error) = failed {
            self.queue.borrow_mut().push_back(Event::TrackFailed { room, track, detail: error.to_string() });
        }
    }

    /// A device was opened, or not.
    pub(super) fn opened(&self, opened: Opened) {
        let (room, track) = opened.track;
        let announced = self.state.borrow_mut().devices.opened(opened);
        match announced {
            Ok(Some((_, info))) => {
                self.command(Command::SetTrack { room, track, info });
                let state = &mut *self.state.borrow_mut();
                // One that only takes the place of another is confirmed already.
                let me = state.my_slot(room).and_then(|slot| state.app.view.rooms.get(&room)?.participants.get(&slot));
                if let Some(tracks) = me.map(|me| me.tracks) {
                    state.devices.confirmed(room, &tracks);
                }
            }
            Ok(None) => {}
            Err(error) => self.post(Event::TrackFailed { room, track, detail: error.to_string() }),
        }
    }

    fn close_track(&self, room: RoomId, track: TrackId) {
        let closed = {
            let state = &mut *self.state.borrow_mut();
            if let Some(slot) = state.my_slot(room) {
                state.pictures.remove(&(room, slot, track));
            }
            let is_there = state.app.view.rooms.contains_key(&room);
            state.devices.close((room, track)).filter(|_| is_there)
        };
        if let Some(info) = closed {
            self.command(Command::SetTrack { room, track, info });
        }
    }

    /// Other devices, or the same ones in another way: what is open is opened anew.
    pub(super) fn apply_devices(&self) {
        let tracks = self.state.borrow().devices.tracks();
        for (room, track) in tracks.into_iter().filter(|(_, track)| *track != TrackId::SCREEN) {
            self.state.borrow_mut().devices.close((room, track));
            self.open_track(room, track);
        }
    }

    /// Lets the user choose files in the desktop's own window; where there is none, a path is typed.
    fn pick_files(&self, to: FileTarget) {
        let (inbox, lang) = {
            let state = self.state.borrow();
            (state.inbox.clone(), state.app.lang().unwrap_or_default())
        };
        let title = lang.pick("Chọn tệp để gửi", "Choose files to send");
        let asking = move || tell(&inbox, Note::Chosen(to, outside::choose_files(title)));
        let _ = thread::Builder::new().name("choosing".to_owned()).spawn(asking);
    }

    /// Asks for the path of a file to send there, or no longer.
    pub(super) fn ask_for_path(&self, to: Option<FileTarget>) {
        if let Some(ui) = self.ui.upgrade() {
            let screen = ui.global::<ui::Files>();
            screen.set_path("".into());
            screen.set_path_error("".into());
            let state = &mut *self.state.borrow_mut();
            let name = match &to {
                Some(FileTarget::Person(who)) => state.app.name_of(who),
                Some(FileTarget::Room(room)) => {
                    state.app.view.rooms.get(room).map(|room| room.name.clone()).unwrap_or_default()
                }
                None => String::new(),
            };
            screen.set_path_for(name.into());
            state.file_for = to;
        }
        self.post(Event::Tick);
    }

    /// Sends the file of that path, if there is one.
    pub(super) fn send_path(&self, text: &str) {
        let to = self.state.borrow().file_for.clone();
        let (Some(ui), Some(to)) = (self.ui.upgrade(), to) else { return };
        match outside::typed(text) {
            Some(path) => {
                self.state.borrow_mut().file_for = None;
                self.post(Event::Files(files::Event::Chosen(to, vec![path])));
            }
            None => {
                let lang = self.state.borrow().app.lang().unwrap_or_default();
                let none = lang.pick("Không có tệp này.", "There is no such file.");
                ui.global::<ui::Files>().set_path_error(none.into());
            }
        }
    }

    /// Lets the user choose what is shared. Where the desktop asks itself there is nothing to choose here.
    fn pick_screen(&self) {
        let (inbox, given) = {
            let state = self.state.borrow();
            (state.inbox.clone(), state.options.screen.clone())
        };
        if let Some(given) = given {
            self.state.borrow_mut().share = given;
            self.queue.borrow_mut().push_back(Event::Room(room::Event::ShareChosen));
            return;
        }
        let looking = move || tell(&inbox, Note::Screens(screen::screens().unwrap_or_default()));
        let _ = thread::Builder::new().name("screens".to_owned()).spawn(looking);
    }

    /// What can be shared is known.
    pub(super) fn choose_screen(&self, screens: Vec<Screen>) {
        match screens.as_slice() {
            [] => self.post(Event::DeviceFailed(Trouble::Screen, String::new())),
            [only] => self.share(target(only)),
            _ => {
                self.state.borrow_mut().screens = screens;
                self.post(Event::Tick);
            }
        }
    }

    /// One of what can be shared was chosen; none: nothing is.
    pub(super) fn share_chosen(&self, index: Option<usize>) {
        let screens = std::mem::take(&mut self.state.borrow_mut().screens);
        match index.and_then(|index| screens.get(index)) {
            Some(screen) => self.share(target(screen)),
            None => self.post(Event::Tick),
        }
    }

    fn share(&self, target: String) {
        self.state.borrow_mut().share = target;
        self.post(Event::Room(room::Event::ShareChosen));
    }
}

/// What the platform is asked for.
fn target(screen: &Screen) -> String {
    match screen.kind {
        ScreenKind::Window => format!("{:#x}", screen.window),
        _ => screen.name.clone(),
    }
}
