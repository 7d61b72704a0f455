//! Which devices are meant, and starting a session with them.

use std::env;
use std::io;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::{Account, EngineConfig};
use hph_client::media::{CameraSpec, DeviceChoice, MicrophoneSpec, OwnPictures, SpeakerSpec};
use hph_client::platform::camera::CameraFormat;
use hph_client::platform::screen::ScreenMode;
use hph_client::tls::Trust;
use hph_presenters::effect::Connection;

use super::State;
use crate::devices::Source;
use crate::session::Session;
use crate::trial::Shown;
use crate::ui;
use slint::ComponentHandle;

/// What the program tells servers of itself.
pub(super) const AGENT: &str = concat!("hph-desktop ", env!("CARGO_PKG_VERSION"));

/// Whether there is a display whose screens can be shared.
pub fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

impl State {
    pub(super) fn start_session(&mut self, connection: Connection) -> io::Result<Session> {
        let Connection { host, port, pin, account } = connection;
        let pins = self.folders.pins();
        let trust = pins.trust(&host, port, pin).map_err(io::Error::other)?;
        // What was asked a moment ago and is not known from before: the same key, and no other.
        let trust = match (trust, &self.app.signin.offer) {
            (Trust::FirstUse, Some(offer)) => Trust::Expect(offer.pin),
            (trust, _) => trust,
        };
        let (device_seed, lock) = self.folders.device(matches!(account, Account::Guest { .. }))?;
        self.app.sessions.own = self.folders.own_key();
        let (people, agent) = (Some(self.folders.people()), AGENT.to_owned());
        let config = EngineConfig { host, port, trust, account, device_seed, people, agent, is_patient: false };
        Session::start(config, pins, lock, self.app.memory.settings.voice(), &self.board)
    }

    pub(super) fn end_session(&mut self) {
        self.sessions += 1;
        self.devices.close_all();
        (self.session, self.sounding) = (None, None);
        self.pictures.clear();
    }

    /// Our own place in a room.
    pub(super) fn my_slot(&self, room: RoomId) -> Option<Slot> {
        self.app.view.rooms.get(&room)?.my_slot
    }

    pub(super) fn camera(&self, id: &str) -> CameraSpec {
        let video = &self.app.memory.settings.video;
        let format = CameraFormat { width: video.height / 9 * 16, height: video.height, fps: video.fps };
        let name = if id.is_empty() { "default".to_owned() } else { id.to_owned() };
        self.options.camera.clone().unwrap_or(CameraSpec::Device { name, format })
    }

    pub(super) fn microphone(&self, id: &str) -> MicrophoneSpec {
        self.options.microphone.clone().unwrap_or_else(|| MicrophoneSpec::Device(choice(id)))
    }

    pub(super) fn speaker(&self, id: &str) -> SpeakerSpec {
        self.options.speaker.clone().unwrap_or_else(|| SpeakerSpec::Device(choice(id)))
    }

    /// Sends sound to the loudspeaker that is chosen now, if it does not go there already.
    pub(super) fn follow_speaker(&mut self) {
        let Some(session) = self.session.as_ref().filter(|_| !self.app.view.rooms.is_empty()) else { return };
        let chosen = self.app.choices().speaker;
        if self.sounding.as_ref() == Some(&chosen) {
            return;
        }
        let speaker = self.speaker(&chosen);
        self.sounding = Some(chosen);
        if speaker != SpeakerSpec::None {
            session.set_speaker(speaker, self.app.memory.settings.voice(), self.inbox.clone());
        }
    }

    /// What is opened for a track of ours.
    pub(super) fn source(&self, room: RoomId, track: TrackId) -> Option<Source> {
        let session = self.session.as_ref()?;
        let (choices, settings) = (self.app.choices(), &self.app.memory.settings);
        let is_mirrored = settings.video.is_mirrored && track == TrackId::CAMERA;
        let watch = self.my_slot(room).map(|slot| -> OwnPictures {
            let mut shown = Shown::new(self.board.clone(), (room, slot, track), is_mirrored);
            Box::new(move |image| shown.show(image))
        });
        Some(match track {
            TrackId::MICROPHONE => {
                Source::Sound(self.microphone(&choices.microphone), settings.voice(), session.voice().clone())
            }
            TrackId::CAMERA => Source::Pictures(self.camera(&choices.camera), watch),
            _ => {
                let mode = if settings.video.is_share_sharp { ScreenMode::Text } else { ScreenMode::Motion };
                Source::Pictures(CameraSpec::Screen { target: self.share.clone(), mode }, watch)
            }
        })
    }

    pub(super) fn remember(&mut self, ui: &ui::App) {
        let size = ui.window().size().to_logical(ui.window().scale_factor());
        if !self.app.is_full_screen && size.width >= 1.0 {
            self.app.memory.window = Some((size.width as u32, size.height as u32));
        }
        if let Err(error) = self.folders.remember(self.app.memory()) {
            eprintln!("hph-desktop: settings can't be kept: {error}");
        }
    }
}

fn choice(id: &str) -> DeviceChoice {
    if id.is_empty() { DeviceChoice::Default } else { DeviceChoice::Named(id.to_owned()) }
}
