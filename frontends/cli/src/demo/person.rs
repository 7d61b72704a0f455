//! One participant of the demo: an engine, a camera, a microphone.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::{Account, Command, Engine, EngineConfig, EngineFigures, Event, Participant, new_reference};
use hph_client::media::{
    CameraSpec, Capture, MicrophoneSpec, Receiver, ReceiverConfig, ReceiverFigures, Stages, VideoCodec, VoiceConfig,
    VoiceFigures, VoiceStages,
};
use hph_client::platform::camera::CameraFormat;
use hph_client::platform::entropy;
use hph_client::tls::Trust;
use hph_client::view::MeetingView;

use super::cast::{Line, Role};

/// A restless person stays this long ...
const STAY: Duration = Duration::from_secs(6);
/// ... and is away this long.
const AWAY: Duration = Duration::from_secs(3);

/// A participant.
pub struct Person {
    pub role: &'static Role,
    pub view: MeetingView,
    /// Texts that came, by room.
    pub heard: HashMap<String, Vec<String>>,
    /// Frames that the camera sent.
    pub frames_sent: u64,
    engine: Engine,
    receiver: Receiver,
    format: CameraFormat,
    camera: Option<Capture>,
    microphone: Option<Capture>,
    joined: HashMap<String, RoomId>,
    is_away: bool,
}

impl Person {
    /// Signs in as a guest and goes to the rooms of the role.
    pub fn start(role: &'static Role, server: SocketAddr, trust: Trust, format: CameraFormat) -> io::Result<Self> {
        let config = EngineConfig {
            host: server.ip().to_string(),
            port: server.port(),
            trust,
            account: Account::Guest { display_name: role.name.to_owned(), email: String::new() },
            device_seed: entropy::array(),
            people: None,
            agent: format!("hph-demo/{}", env!("CARGO_PKG_VERSION")),
            is_patient: true,
        };
        let stages = std::sync::Arc::default();
        let receiver = Receiver::start(ReceiverConfig::default(), std::sync::Arc::clone(&stages))?;
        let engine = Engine::start(config, receiver.sink(), stages)?;
        engine.send(Command::WatchLobby(true));
        for room in role.rooms {
            engine.send(Command::JoinNamed { request: 1, name: (*room).to_owned(), may_create: true });
        }
        Ok(Self {
            role,
            view: MeetingView::default(),
            heard: HashMap::new(),
            frames_sent: 0,
            engine,
            receiver,
            format,
            camera: None,
            microphone: None,
            joined: HashMap::new(),
            is_away: false,
        })
    }

    /// Takes in what happened, and leaves or returns if it is time to.
    pub fn live(&mut self, elapsed: Duration) {
        while let Ok(event) = self.engine.events().try_recv() {
            self.view.apply(&event);
            self.take(event);
        }
        if self.role.is_restless {
            let within = elapsed.as_millis() % (STAY + AWAY).as_millis();
            let is_away = within >= STAY.as_millis();
            if is_away != self.is_away {
                self.is_away = is_away;
                self.move_about();
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Joined { room, name, .. } => {
                if self.role.rooms.first() == Some(&name.as_str()) {
                    self.switch_on(room);
                }
                self.joined.insert(name, room);
            }
            Event::Participant { participant, is_me: true, .. } => self.begin(&participant),
            Event::Chat { room, text, .. } => {
                if let Some(name) = self.joined.iter().find(|(_, id)| **id == room).map(|(name, _)| name.clone()) {
                    self.heard.entry(name).or_default().push(text);
                }
            }
            _ => {}
        }
    }

    fn move_about(&mut self) {
        for room in self.role.rooms {
            if self.is_away {
                self.switch_off();
                if let Some(room) = self.joined.remove(*room) {
                    self.engine.send(Command::Leave(room));
                }
            } else {
                self.engine.send(Command::JoinNamed { request: 1, name: (*room).to_owned(), may_create: true });
            }
        }
    }

    fn switch_on(&mut self, room: RoomId) {
        self.switch_off();
        let camera = CameraSpec::Test { format: self.format, name: self.role.drawn.to_owned() };
        let seed = self.role.username.bytes().map(u64::from).sum();
        self.camera =
            Capture::camera_held(&camera, VideoCodec::Strips, TrackId::CAMERA, room, self.engine.frames()).ok();
        let (voice, shared) = (VoiceConfig::default(), self.receiver.voice());
        let source = MicrophoneSpec::Test { seed };
        self.microphone = Capture::microphone_held(&source, voice, &shared, room, self.engine.frames()).ok();
        let tracks = [(TrackId::CAMERA, &self.camera), (TrackId::MICROPHONE, &self.microphone)];
        for (track, capture) in tracks {
            if let Some(capture) = capture {
                self.engine.send(Command::SetTrack { room, track, info: capture.info() });
            }
        }
    }

    /// Lets the devices run that the server knows to be on.
    fn begin(&mut self, me: &Participant) {
        for (track, capture) in [(TrackId::CAMERA, &mut self.camera), (TrackId::MICROPHONE, &mut self.microphone)] {
            let is_confirmed = me.tracks.get(usize::from(track.0)).is_some_and(|info| info.is_on);
            if let (Some(capture), true) = (capture, is_confirmed) {
                capture.begin();
            }
        }
    }

    fn switch_off(&mut self) {
        if let Some(camera) = self.camera.take() {
            self.frames_sent += camera.figures().sent.load(Ordering::Relaxed);
        }
        self.microphone = None;
    }

    /// Says a line of the conversation; false if they are not in that room now.
    pub fn say(&mut self, line: &Line) -> bool {
        let room = self.role.rooms.get(line.room).and_then(|name| self.joined.get(*name));
        room.is_some_and(|room| {
            let chat = Command::Chat { reference: new_reference(), room: *room, text: line.text.to_owned() };
            self.engine.send(chat)
        })
    }

    /// Whether they are in that room now.
    pub fn is_in(&self, room: &str) -> bool {
        self.joined.contains_key(room)
    }

    /// Figures of the engine.
    pub fn figures(&self) -> EngineFigures {
        self.engine.figures()
    }

    /// Figures of each remote track.
    pub fn received(&self) -> Vec<((RoomId, Slot, TrackId), ReceiverFigures)> {
        self.receiver.figures()
    }

    /// How each voice fares.
    pub fn voices(&self) -> Vec<((RoomId, Slot, TrackId), VoiceFigures)> {
        self.receiver.voices()
    }

    /// How long each stage took for voices.
    pub fn voice_stages(&self) -> VoiceStages {
        self.receiver.voice().stages()
    }

    /// How long each stage took.
    pub fn stages(&self) -> Stages {
        self.engine.stages().lock().map(|stages| stages.clone()).unwrap_or_default()
    }

    /// Frames that could not be decoded in time.
    pub fn overrun(&self) -> u64 {
        self.receiver.overrun()
    }

    /// Closes the devices, signs out, and ends.
    pub fn finish(mut self) {
        self.switch_off();
        drop(self.engine);
        let _ = self.receiver.finish();
    }
}
