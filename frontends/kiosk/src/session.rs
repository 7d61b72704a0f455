//! One signed-in session: the engine, and what takes pictures and sound of others.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use hph_client::engine::{Account, Command, Engine, EngineConfig};
use hph_client::media::{PictureSink, Receiver, ReceiverConfig, SpeakerSpec, Stages, VoiceConfig, VoiceShared};
use hph_client::people::PeopleStore;
use hph_client::pins::PinStore;
use hph_client::tls::{Pin, Trust};
use hph_kiosk_core::kept;
use hph_presenters::effect::Connection;

use crate::inbox::{Inbox, Note, tell};
use crate::pictures::Board;

/// What the program tells servers of itself.
pub const AGENT: &str = concat!("hph-kiosk ", env!("CARGO_PKG_VERSION"));

/// Where keys are kept.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// In that folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The keys of servers.
    pub fn pins(&self) -> PinStore {
        PinStore::new(self.folder.join("pins"))
    }

    fn people(&self) -> PeopleStore {
        PeopleStore::new(self.folder.join("people"))
    }

    /// The device's secret, by which its server knows it: made once, whole or not at all, and again where something else stands
    /// in its place, since nobody is there to mend it. Where nothing can be written the device is another one with each start.
    fn device(&self) -> [u8; 32] {
        let path = self.folder.join("device");
        if let Some(known) = std::fs::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
            return known;
        }
        let fresh: [u8; 32] = hph_client::platform::entropy::array();
        if let Err(error) = kept::replace(&path, &fresh) {
            eprintln!("hph-kiosk: the device's secret can't be kept in {}: {error}", path.display());
        }
        fresh
    }
}

/// A running session. Dropping it ends it, on a thread of its own.
pub struct Session {
    engine: Option<Engine>,
    receiver: Arc<Receiver>,
    voice: VoiceShared,
    server: (String, u16),
    pins: PinStore,
}

impl Session {
    /// Starts it. `asked`: the key that the server showed a moment ago.
    ///
    /// # Errors
    /// The keys of servers can't be read, or there are no more threads.
    pub fn start(
        connection: Connection,
        asked: Option<Pin>,
        keys: &Keys,
        voice: VoiceConfig,
        board: &Board,
    ) -> io::Result<Self> {
        let Connection { host, port, pin, account } = connection;
        let pins = keys.pins();
        let trust = pins.trust(&host, port, pin).map_err(io::Error::other)?;
        let trust = match (trust, asked) {
            (Trust::FirstUse, Some(pin)) => Trust::Expect(pin),
            (trust, _) => trust,
        };
        let stages = Arc::new(Mutex::new(Stages::default()));
        let board = board.clone();
        let screen: PictureSink = Box::new(move |track, picture| board.put(track, picture));
        // A loudspeaker may take a moment to open, or not be there at all: it follows.
        let receiving = ReceiverConfig { voice, speaker: SpeakerSpec::None, ..ReceiverConfig::default() };
        let receiver = Receiver::start_showing(receiving, Arc::clone(&stages), Some(screen))?;
        let server = (host.clone(), port);
        let has_none = matches!(account, Account::Guest { .. } | Account::Kiosk { .. });
        debug_assert!(has_none, "the device has no password");
        let config = EngineConfig {
            host,
            port,
            trust,
            account,
            device_seed: keys.device(),
            people: Some(keys.people()),
            agent: AGENT.to_owned(),
            is_patient: false,
        };
        let engine = Engine::start(config, receiver.sink(), stages)?;
        let voice = receiver.voice();
        Ok(Self { engine: Some(engine), receiver: Arc::new(receiver), voice, server, pins })
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

    /// Remembers the key that the server proved to have. Where nothing can be written, it is asked for anew the next time.
    pub fn remember_key(&self, pin: Pin) {
        let _ = self.pins.remember(&self.server.0, self.server.1, pin);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let (engine, receiver) = (self.engine.take(), Arc::clone(&self.receiver));
        // Saying goodbye may wait for the network.
        let ending = thread::Builder::new().name("ending".to_owned()).spawn(move || drop((engine, receiver)));
        drop(ending);
    }
}
