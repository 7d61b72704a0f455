//! Somebody in a meeting, in a process of their own: this program, started once more. The product's engine, camera and
//! microphone; only what the camera sees and what is said is made up. Tells how it is whenever it is asked.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hph_client::core::id::{RoomId, TrackId};
use hph_client::core::stats::Histogram;
use hph_client::core::time::Duration;
use hph_client::engine::{Account, Command, Engine, EngineConfig, Event};
use hph_client::link::{hex, parse_hex};
use hph_client::media::{
    CameraSpec, Capture, MicrophoneSpec, Receiver, ReceiverConfig, Stages, VideoCodec, VoiceConfig, VoiceStages,
};
use hph_client::platform::camera::CameraFormat;
use hph_client::platform::clock::Clock;
use hph_client::platform::entropy;
use hph_client::tls::{Pin, Trust};
use hph_load::server::ServerProcess;

use crate::process::{self, Process};

/// The command that makes this program a person.
pub const COMMAND: &str = "person-for-a-bench";
/// Where everybody is.
const ROOM: &str = "bench";
/// Getting in takes no longer than this.
const ENTER_MAX: Duration = Duration::from_secs(15);
/// The picture with a time code in it, if there is no film: how long pictures take is only known of it.
const PATTERN: CameraFormat = CameraFormat { width: 640, height: 360, fps: 15 };
/// Pictures a second of a film.
const FILM_FPS: u16 = 30;

/// What a person tells: numbers by their names. Those that count go on counting.
#[derive(Clone, Debug, Default)]
pub struct Look(BTreeMap<String, f64>);

impl Look {
    /// One of them; not a number if nothing is known yet.
    pub fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }

    fn parse(line: &str) -> io::Result<Self> {
        let pairs = line.split_whitespace().map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        pairs.collect::<Option<_>>().map(Self).ok_or_else(|| io::Error::other(format!("a person said {line:?}")))
    }

    fn line(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value} ")).collect()
    }
}

/// A person. It ends when this is dropped.
#[derive(Debug)]
pub struct PersonProcess(Process);

impl PersonProcess {
    /// Lets somebody come, in that network namespace if one is named, with a film before the camera if there is one.
    ///
    /// # Errors
    /// The process does not start, or does not get in.
    pub fn start(namespace: Option<&str>, server: &ServerProcess, name: &str, film: Option<&str>) -> io::Result<Self> {
        let (address, pin) = (server.address.to_string(), hex(&server.pin));
        let arguments = [COMMAND, &address, &pin, name].into_iter().chain(film).collect::<Vec<_>>();
        let mut person = Self(Process::start(namespace, &arguments)?);
        person.look()?;
        Ok(person)
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it is.
    ///
    /// # Errors
    /// It is gone.
    pub fn look(&mut self) -> io::Result<Look> {
        Look::parse(&self.0.ask()?)
    }
}

/// Is a person until standard input ends.
///
/// # Errors
/// It does not get in, or the arguments are not those of [`PersonProcess::start`].
pub fn live(arguments: &[&str]) -> io::Result<()> {
    let [server, pin, name, film @ ..] = arguments else { return Err(io::ErrorKind::InvalidInput.into()) };
    let server: SocketAddr = server.parse().map_err(io::Error::other)?;
    let pin = parse_hex(pin).ok_or(io::ErrorKind::InvalidInput)?;
    let person = Person::enter(server, Trust::Expect(pin), name, film.first().map(Path::new))?;
    process::answer(|| person.look().line())
}

struct Person {
    engine: Engine,
    receiver: Receiver,
    stages: Arc<Mutex<Stages>>,
    _devices: [Capture; 2],
}

impl Person {
    fn enter(server: SocketAddr, trust: Trust, name: &str, film: Option<&Path>) -> io::Result<Self> {
        let stages = Arc::<Mutex<Stages>>::default();
        let receiver = Receiver::start(ReceiverConfig::default(), Arc::clone(&stages))?;
        let engine = Engine::start(config(server, trust, name), receiver.sink(), Arc::clone(&stages))?;
        let room = join(&engine, ROOM)?;
        let mut devices = open(&engine, &receiver, room, name, film)?;
        for (track, device) in [TrackId::CAMERA, TrackId::MICROPHONE].into_iter().zip(&mut devices) {
            announce(&engine, room, track, device)?;
        }
        Ok(Self { engine, receiver, stages, _devices: devices })
    }

    fn look(&self) -> Look {
        // Nobody else reads them, and the engine waits for a reader when too many have come.
        while self.engine.events().try_recv().is_ok() {}
        let mut look = BTreeMap::new();
        let mut tell = |name: &str, value: f64| look.insert(name.to_owned(), value);
        let figures = self.engine.figures();
        tell("rtt_ms", figures.rtt_us as f64 / 1000.0);
        tell("uplink_kbps", figures.uplink.map_or(0.0, |uplink| f64::from(uplink.target_bps) / 1000.0));
        let pictures = figures.tracks.iter().filter(|((.., track), _)| !track.is_audio());
        let (whole, lost) = pictures.fold((0, 0), |sum, (_, track)| (sum.0 + track.0, sum.1 + track.1));
        tell("frames_whole", whole as f64);
        tell("frames_lost", lost as f64);
        for ((.., track), track_figures) in self.receiver.figures() {
            if track.is_audio() {
                continue;
            }
            let names = ["video_bytes", "frames", "strips", "strips_missing", "stale_ppm"];
            let f = track_figures;
            for (name, value) in names.into_iter().zip([f.bytes, f.frames, f.strips, f.strips_missing, f.stale_ppm]) {
                *look.entry(name.to_owned()).or_default() += value as f64;
            }
        }
        let voices: Vec<_> = self.receiver.voices().into_iter().map(|(_, voice)| voice.jitter).collect();
        let mut tell = |name: &str, value: f64| look.insert(name.to_owned(), value);
        tell("buffer_ms", voices.iter().map(|voice| voice.delay_us).max().unwrap_or(0) as f64 / 1000.0);
        tell("played_ms", voices.iter().map(|voice| voice.played_samples).sum::<u64>() as f64 / 48.0);
        tell("concealed_ms", voices.iter().map(|voice| voice.concealed_samples).sum::<u64>() as f64 / 48.0);
        tell("skipped_ms", voices.iter().map(|voice| voice.skipped_samples).sum::<u64>() as f64 / 48.0);
        tell("frames_of_voice_lost", voices.iter().map(|voice| voice.lost_after_recovery).sum::<u64>() as f64);
        // Of the time since the last look.
        let pictures = self.stages.lock().map(|mut stages| std::mem::take(&mut *stages)).unwrap_or_default();
        let sound: VoiceStages = self.receiver.voice().take_stages();
        for (name, times) in [("picture_ms", &pictures.total), ("voice_ms", &sound.total)] {
            if let Some(ms) = median_ms(times) {
                tell(name, ms);
            }
        }
        Look(look)
    }
}

/// Somebody who shows pictures and looks at nothing, in this process.
pub struct Sender {
    engine: Engine,
    _camera: Capture,
    pictures: Arc<AtomicU64>,
}

impl Sender {
    /// Goes into a room and switches the camera on.
    ///
    /// # Errors
    /// The server does not let them in.
    pub fn enter(server: SocketAddr, pin: Pin, name: &str, room: &str) -> io::Result<Self> {
        let config = config(server, Trust::Expect(pin), name);
        let engine = Engine::start(config, Box::new(|_| {}), Arc::default())?;
        let room = join(&engine, room)?;
        let spec = CameraSpec::Test { format: PATTERN, name: name.to_uppercase() };
        let pictures = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&pictures);
        let watch = Box::new(move |_: &_| _ = counted.fetch_add(1, Ordering::Relaxed));
        let (codec, track, frames) = (VideoCodec::Strips, TrackId::CAMERA, engine.frames());
        let mut camera = Capture::camera_watched(&spec, codec, track, room, frames, Some(watch))?;
        announce(&engine, room, TrackId::CAMERA, &mut camera)?;
        Ok(Self { engine, _camera: camera, pictures })
    }

    /// Pictures that were sent until now, each once, in however many sizes.
    pub fn sent(&self) -> u64 {
        self.pictures.load(Ordering::Relaxed)
    }

    /// Takes what the engine says, so that it does not wait for a reader.
    pub fn listen(&self) {
        while self.engine.events().try_recv().is_ok() {}
    }
}

/// How somebody signs in as a guest.
fn config(server: SocketAddr, trust: Trust, name: &str) -> EngineConfig {
    EngineConfig {
        host: server.ip().to_string(),
        port: server.port(),
        trust,
        account: Account::Guest { display_name: name.to_owned(), email: String::new() },
        device_seed: entropy::array(),
        people: None,
        agent: "hph-bench".to_owned(),
        is_patient: true,
    }
}

fn join(engine: &Engine, room: &str) -> io::Result<RoomId> {
    engine.send(Command::JoinNamed { request: 1, name: room.to_owned(), may_create: true });
    wait_for(engine, |event| match event {
        Event::Joined { room, .. } => Some(room),
        _ => None,
    })
}

/// Switches a track on and lets its device begin when the server has said yes.
fn announce(engine: &Engine, room: RoomId, track: TrackId, device: &mut Capture) -> io::Result<()> {
    engine.send(Command::SetTrack { room, track, info: device.info() });
    wait_for(engine, |event| match event {
        Event::Participant { participant, is_me: true, .. } => {
            participant.tracks.get(usize::from(track.0)).filter(|info| info.is_on).map(|_| ())
        }
        _ => None,
    })?;
    device.begin();
    Ok(())
}

fn median_ms(times: &Histogram) -> Option<f64> {
    times.quantile(500).map(|span| span.as_micros() as f64 / 1000.0)
}

fn open(
    engine: &Engine,
    receiver: &Receiver,
    room: RoomId,
    name: &str,
    film: Option<&Path>,
) -> io::Result<[Capture; 2]> {
    let camera = match film {
        Some(path) => CameraSpec::File { path: path.to_owned(), fps: FILM_FPS, is_looped: true },
        None => CameraSpec::Test { format: PATTERN, name: name.to_uppercase() },
    };
    let camera = Capture::camera_held(&camera, VideoCodec::Strips, TrackId::CAMERA, room, engine.frames())?;
    let voice = MicrophoneSpec::Test { seed: name.bytes().map(u64::from).sum() };
    let shared = receiver.voice();
    let microphone = Capture::microphone_held(&voice, VoiceConfig::default(), &shared, room, engine.frames())?;
    Ok([camera, microphone])
}

fn wait_for<T>(engine: &Engine, mut is_it: impl FnMut(Event) -> Option<T>) -> io::Result<T> {
    let deadline = Clock::now() + ENTER_MAX;
    while Clock::now() < deadline {
        while let Ok(event) = engine.events().try_recv() {
            if let Some(found) = is_it(event) {
                return Ok(found);
            }
        }
        Clock::sleep(Duration::from_millis(5));
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "a person does not get into the meeting"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_tells_is_what_is_read() {
        let told = Look(BTreeMap::from([("buffer_ms".to_owned(), 16.25), ("frames".to_owned(), 7.0)]));
        let read = Look::parse(&told.line()).expect("a line");
        assert_eq!((read.of("buffer_ms"), read.of("frames")), (16.25, 7.0));
        assert!(read.of("picture_ms").is_nan());
        assert!(Look::parse("panicked at").is_err());
    }
}
