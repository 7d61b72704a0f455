//! One signed-in session: the engine, and what takes pictures and sound of others.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;

use hph_client::engine::{Command, Engine, EngineConfig};
use hph_client::media::{PictureSink, Receiver, ReceiverConfig, SpeakerSpec, Stages, VoiceConfig, VoiceShared};
use hph_client::pins::PinStore;

use crate::inbox::{Inbox, Note, tell};
use crate::pictures::Board;

/// A running session. Dropping it ends it, on a thread of its own.
pub struct Session {
    engine: Option<Engine>,
    receiver: Arc<Receiver>,
    voice: VoiceShared,
    stages: Arc<Mutex<Stages>>,
    /// Where it goes, to remember the server's key.
    server: (String, u16),
    pins: PinStore,
    /// Held while this guest has the device's key to itself.
    device_lock: Option<File>,
}

impl Session {
    /// Starts it.
    ///
    /// # Errors
    /// There are no more threads.
    pub fn start(
        config: EngineConfig,
        pins: PinStore,
        device_lock: Option<File>,
        voice: VoiceConfig,
        board: &Board,
    ) -> io::Result<Self> {
        let stages = Arc::new(Mutex::new(Stages::default()));
        let board = board.clone();
        let screen: PictureSink = Box::new(move |track, picture| board.put(track, picture));
        // A loudspeaker may take a moment to open, or not be there at all: it follows.
        let receiving = ReceiverConfig { voice, speaker: SpeakerSpec::None, ..ReceiverConfig::default() };
        let receiver = Receiver::start_showing(receiving, Arc::clone(&stages), Some(screen))?;
        let server = (config.host.clone(), config.port);
        let engine = Engine::start(config, receiver.sink(), Arc::clone(&stages))?;
        let voice = receiver.voice();
        Ok(Self { engine: Some(engine), receiver: Arc::new(receiver), voice, stages, server, pins, device_lock })
    }

    /// The engine.
    pub const fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Gives a command; false if the engine takes none now.
    pub fn send(&self, command: Command) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.send(command))
    }

    /// Plays there from now on.
    pub fn set_speaker(&self, speaker: SpeakerSpec, voice: VoiceConfig, inbox: Inbox) {
        let receiver = Arc::clone(&self.receiver);
        let opening = move || {
            if let Err(error) = receiver.set_speaker(&speaker, voice.frame) {
                tell(&inbox, Note::SpeakerFailed(error.to_string()));
            }
        };
        let _ = thread::Builder::new().name("speaker".to_owned()).spawn(opening);
    }

    /// What voices share.
    pub const fn voice(&self) -> &VoiceShared {
        &self.voice
    }

    /// What takes pictures and sound.
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// How long each stage of a picture's way takes.
    pub fn stages(&self) -> Stages {
        self.stages.lock().map(|stages| stages.clone()).unwrap_or_default()
    }

    /// Remembers the key that the server proved to have.
    pub fn remember_key(&self, pin: hph_client::tls::Pin) {
        let _ = self.pins.remember(&self.server.0, self.server.1, pin);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let (engine, receiver) = (self.engine.take(), Arc::clone(&self.receiver));
        let lock = self.device_lock.take();
        // Saying goodbye may wait for the network.
        let ending = thread::Builder::new().name("ending".to_owned()).spawn(move || drop((engine, receiver, lock)));
        drop(ending);
    }
}
