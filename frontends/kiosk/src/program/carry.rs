//! Carrying out what is wanted.

use std::io;
use std::thread;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::{Command, Engine, Offer};
use hph_client::media::{OwnPictures, SpeakerSpec, VideoCodec};
use hph_client::platform::camera::CapturedImage;
use hph_client::platform::jpeg;
use hph_client::platform::picture::Picture;
use hph_kiosk_core::config::Codec;
use hph_kiosk_core::kiosk::Effect;
use hph_presenters::effect::Connection;
use hph_presenters::trouble::Trouble;
use hph_presenters::{Effect as Wanted, app, signin};

use super::{Places, Program, State};
use crate::devices::{Opened, Source};
use crate::inbox::{Note, tell};
use crate::pictures::Board;
use crate::ring::Ring;
use crate::session::{AGENT, Session};
use crate::sources;

/// Our own picture is shown so many times less often than it is sent: it is only there to see that one is seen.
const OWN_EVERY: u32 = 3;

impl Program {
    pub(super) fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Meeting(wanted) => self.carry_out_wanted(wanted),
            Effect::Keep(memory) => {
                let state = &mut *self.state.borrow_mut();
                let failed = state.place.kept.save(&memory).err();
                if let Some(error) = failed.as_ref().filter(|_| !state.is_kept_failing) {
                    eprintln!("hph-kiosk: nothing can be remembered: {error}");
                }
                state.is_kept_failing = failed.is_some();
            }
            Effect::Live(is_live) => {
                if let Some(lamp) = &self.state.borrow().place.lamp {
                    lamp.set(is_live);
                }
            }
            Effect::Enrol(invitation) => {
                let state = &mut *self.state.borrow_mut();
                match state.place.learnt.take_invitation(&invitation) {
                    // Begun anew, everything is as if it had always been known.
                    Ok(()) => {
                        (state.scan, state.is_to_restart) = (None, true);
                        let _ = slint::quit_event_loop();
                    }
                    Err(error) => eprintln!("hph-kiosk: the invitation can't be kept: {error}"),
                }
            }
            Effect::Restart => {
                self.state.borrow_mut().is_to_restart = true;
                let _ = slint::quit_event_loop();
            }
        }
    }

    fn carry_out_wanted(&self, wanted: Wanted) {
        match wanted {
            Wanted::Engine(command) => self.command(command),
            Wanted::Ask { host, port, pin } => self.ask(host, port, pin),
            Wanted::Connect(connection) => self.connect(*connection),
            Wanted::Disconnect => self.state.borrow_mut().end_session(),
            Wanted::OpenTrack { room, track } => self.open_track(room, track),
            Wanted::CloseTrack { room, track } => self.close_track(room, track),
            Wanted::Volume { room, slot, percent } => {
                if let Some(session) = &self.state.borrow().session {
                    session.voice().set_volume((room, slot, TrackId::MICROPHONE), percent);
                }
            }
            Wanted::Ring(is_on) => {
                let state = &mut *self.state.borrow_mut();
                let speaker = sources::speaker(&state.kiosk.config);
                state.ringing = if is_on && speaker != SpeakerSpec::None { Ring::start(speaker) } else { None };
            }
            // The kiosk wants nothing else.
            _ => {}
        }
    }

    fn command(&self, command: Command) {
        let is_sent = self.state.borrow().session.as_ref().is_some_and(|session| session.send(command.clone()));
        if !is_sent {
            self.queue.borrow_mut().push_back(app::Event::EngineBusy(command).into());
        }
    }

    /// Asks a server how one may sign in there.
    fn ask(&self, host: String, port: u16, pin: Option<hph_client::tls::Pin>) {
        let state = self.state.borrow();
        let inbox = state.inbox.clone();
        let trust = state.place.keys.pins().trust(&host, port, pin);
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
                eprintln!("hph-kiosk: no session can be started: {error}");
                let failed = signin::Event::Unreachable(Trouble::Settings);
                self.queue.borrow_mut().push_back(app::Event::SignIn(failed).into());
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
                program.post_all(std::iter::once(first).chain(more).map(|event| app::Event::Engine(event).into()));
            }
        });
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
            self.fail(room, track, &error);
        }
    }

    fn fail(&self, room: RoomId, track: TrackId, error: &io::Error) {
        self.queue.borrow_mut().push_back(app::Event::TrackFailed { room, track, detail: error.to_string() }.into());
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
                let me =
                    state.my_slot(room).and_then(|slot| state.kiosk.app.view.rooms.get(&room)?.participants.get(&slot));
                if let Some(tracks) = me.map(|me| me.tracks) {
                    state.devices.confirmed(room, &tracks);
                }
            }
            Ok(None) => {}
            Err(error) => self.fail(room, track, &error),
        }
        self.run();
    }

    fn close_track(&self, room: RoomId, track: TrackId) {
        let closed = {
            let state = &mut *self.state.borrow_mut();
            if let Some(slot) = state.my_slot(room) {
                state.pictures.remove(&(room, slot, track));
            }
            let is_there = state.kiosk.app.view.rooms.contains_key(&room);
            state.devices.close((room, track)).filter(|_| is_there)
        };
        if let Some(info) = closed {
            self.command(Command::SetTrack { room, track, info });
        }
    }
}

impl State {
    fn start_session(&self, connection: Connection) -> io::Result<Session> {
        let asked = self.kiosk.app.signin.offer.as_ref().map(|offer| offer.pin);
        let voice = self.kiosk.app.memory.settings.voice();
        Session::start(connection, asked, &self.place.keys, voice, &self.board)
    }

    fn end_session(&mut self) {
        self.sessions += 1;
        self.devices.close_all();
        (self.session, self.is_sounding, self.ringing) = (None, false, None);
        self.pictures.clear();
    }

    /// Our own place in a room.
    pub(super) fn my_slot(&self, room: RoomId) -> Option<Slot> {
        self.kiosk.app.view.rooms.get(&room)?.my_slot
    }

    /// Opens the loudspeaker while one is in a room; the device keeps it, also if it is unplugged and comes back.
    pub(super) fn follow_speaker(&mut self) {
        let Some(session) = self.session.as_ref().filter(|_| !self.kiosk.app.view.rooms.is_empty()) else { return };
        if std::mem::replace(&mut self.is_sounding, true) {
            return;
        }
        let speaker = sources::speaker(&self.kiosk.config);
        if speaker != SpeakerSpec::None {
            session.set_speaker(speaker, self.kiosk.app.memory.settings.voice(), self.inbox.clone());
        }
    }

    /// What is opened for a track of ours.
    fn source(&self, room: RoomId, track: TrackId) -> Option<Source> {
        let session = self.session.as_ref()?;
        let config = &self.kiosk.config;
        let watch = self.my_slot(room).map(|_| own_pictures(self.board.clone(), (room, self.places.clone(), track)));
        Some(match track {
            TrackId::MICROPHONE => {
                let voice = self.kiosk.app.memory.settings.voice();
                Source::Sound(sources::microphone(config), voice, session.voice().clone())
            }
            TrackId::CAMERA if config.video_codec == Codec::Jpeg => {
                Source::Coded(sources::camera(config), VideoCodec::Jpeg, watch)
            }
            TrackId::CAMERA => Source::Pictures(sources::camera(config), watch),
            _ => Source::Pictures(sources::share(config)?, watch),
        })
    }
}

/// Shows our own pictures, as others see them.
fn own_pictures(board: Board, (room, places, track): (RoomId, Places, TrackId)) -> OwnPictures {
    let mut count = 0u32;
    Box::new(move |image: &CapturedImage| {
        count = count.wrapping_add(1);
        if !count.is_multiple_of(OWN_EVERY) {
            return;
        }
        let place = places.lock().ok().and_then(|places| places.get(&room).copied());
        let Some(track) = place.map(|slot| (room, slot, track)) else { return };
        match image {
            CapturedImage::Picture(picture) => board.put(track, picture),
            CapturedImage::Jpeg(bytes) => {
                let mut picture = Picture::default();
                if jpeg::decode_into(bytes, &mut picture).is_ok() {
                    board.put(track, &picture);
                }
            }
        }
    })
}
