//! From mouth to ear: a sound is played at one person's microphone and heard at another's loudspeaker, with everything
//! in between: two sound devices, processing, Opus, seals, the server, the jitter buffer. Both ends are null sinks of a
//! sound server of our own, and their monitors are listened to by the same means, so that the listening costs the same
//! on both sides.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hph_client::core::id::{RoomId, TrackId};
use hph_client::engine::{Account, Command, Engine, EngineConfig, Event};
use hph_client::media::{
    Capture, DeviceChoice, FrameLength, MicrophoneSpec, ProcessorConfig, Receiver, ReceiverConfig, SpeakerSpec,
    VoiceConfig,
};
use hph_client::tls::Trust;
use hph_platform::audio::private_server::{VARIABLE, control, is_inside};
use hph_platform::audio::{Microphone, SoundSink, SoundSource, Speaker};
use hph_platform::clock::Clock;
use hph_platform::voice::{BLOCK_SAMPLES, SILENCE};

use super::chirp::{RATE, chirp, find};
use hph_load::figure::{Report, Rounds};
use hph_load::server::{ServerProcess, Setup};

/// One chirp in this time.
const INTERVAL_MS: u64 = 700;
/// Chirps while everything is still settling.
const SETTLING: usize = 5;
/// A longer way is none.
const DELAY_MAX_MS: usize = 600;
/// Less alike than this is no chirp.
const LIKENESS_MIN: f32 = 0.5;

/// Runs the bench.
///
/// # Errors
/// There is no `pulseaudio`, or nobody was heard.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    if !is_inside(&[])? {
        return Ok(());
    }
    let address = std::env::var(VARIABLE).map_err(io::Error::other)?;
    for sink in ["sink_name=mouth", "sink_name=ear"] {
        control(&address, &["load-module", "module-null-sink", sink, "rate=48000", "channels=1"])?;
    }
    let chirps = if is_quick { 15 } else { 60 };
    let echo = ProcessorConfig { has_echo_canceller: true, ..ProcessorConfig::default() };
    let all = ProcessorConfig { has_echo_canceller: true, has_noise_suppression: true, has_gain_control: true };
    let cases = [
        ("wired", FrameLength::Ms10, ProcessorConfig::default()),
        ("wired_echo", FrameLength::Ms10, echo),
        ("default", FrameLength::Ms20, ProcessorConfig::default()),
        ("default_all", FrameLength::Ms20, all),
    ];
    let server = ServerProcess::start(&Setup::default())?;
    for (name, frame, processor) in cases {
        let config = VoiceConfig { frame, processor, ..VoiceConfig::default() };
        let call = Call::start(&server, name, config)?;
        let delays = measure(chirps)?;
        let stages = call.end();
        let mut sorted = delays.clone();
        sorted.sort_by(f64::total_cmp);
        let quantile = |part: f64| sorted.get(((sorted.len() - 1) as f64 * part).round() as usize).copied();
        if sorted.len() * 2 < chirps {
            return Err(io::Error::other(format!("{name}: {} of {chirps} chirps were heard", sorted.len())));
        }
        let mut rounds = Rounds::default();
        delays.iter().for_each(|delay| rounds.push(*delay));
        report.figure(&format!("voice_latency.{name}.p50"), &rounds, "ms");
        report.value(&format!("voice_latency.{name}.p95"), quantile(0.95).unwrap_or(f64::NAN), "ms");
        report.value(&format!("voice_latency.{name}.heard"), sorted.len() as f64 * 100.0 / chirps as f64, "%");
        for (stage, us) in stages {
            report.value(&format!("voice_latency.{name}.stage.{stage}_p50"), us as f64 / 1000.0, "ms");
        }
    }
    report.end();
    Ok(())
}

/// Two people in a room: one speaks into `mouth`, the other hears at `ear`.
struct Call {
    speaking: Person,
    hearing: Person,
    _microphone: Capture,
}

struct Person {
    engine: Engine,
    receiver: Receiver,
}

impl Person {
    fn join(server: &ServerProcess, room: &str, config: ReceiverConfig) -> io::Result<(Self, RoomId)> {
        let stages = Arc::default();
        let receiver = Receiver::start(config, Arc::clone(&stages))?;
        let engine_config = EngineConfig {
            host: server.address.ip().to_string(),
            port: server.address.port(),
            trust: Trust::Expect(server.pin),
            account: Account::Guest { display_name: "bench".to_owned(), email: String::new() },
            device_seed: hph_platform::entropy::array(),
            people: None,
            agent: "hph-bench".to_owned(),
            is_patient: true,
        };
        let engine = Engine::start(engine_config, receiver.sink(), stages)?;
        engine.send(Command::JoinNamed { request: 1, name: room.to_owned(), may_create: true });
        let person = Self { engine, receiver };
        let joined = person.wait_for(|event| match event {
            Event::Joined { room, .. } => Some(room),
            _ => None,
        })?;
        Ok((person, joined))
    }

    fn wait_for<T>(&self, mut is_it: impl FnMut(Event) -> Option<T>) -> io::Result<T> {
        let deadline = Clock::now() + hph_client::core::time::Duration::from_secs(10);
        while Clock::now() < deadline {
            while let Ok(event) = self.engine.events().try_recv() {
                if let Some(found) = is_it(event) {
                    return Ok(found);
                }
            }
            Clock::sleep(hph_client::core::time::Duration::from_millis(5));
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the meeting did not come about"))
    }
}

impl Call {
    fn start(server: &ServerProcess, name: &str, voice: VoiceConfig) -> io::Result<Self> {
        let named = |name: &str| DeviceChoice::Named(name.to_owned());
        let silent = ReceiverConfig { voice, ..ReceiverConfig::default() };
        let loud = ReceiverConfig { speaker: SpeakerSpec::Device(named("ear")), ..silent.clone() };
        let (hearing, _) = Person::join(server, name, loud)?;
        let (speaking, room) = Person::join(server, name, silent)?;
        let source = MicrophoneSpec::Device(named("mouth.monitor"));
        let shared = speaking.receiver.voice();
        let mut microphone = Capture::microphone_held(&source, voice, &shared, room, speaking.engine.frames())?;
        let info = microphone.info();
        speaking.engine.send(Command::SetTrack { room, track: TrackId::MICROPHONE, info });
        speaking.wait_for(|event| match event {
            Event::Participant { participant, is_me: true, .. } => {
                participant.tracks.first().filter(|track| track.is_on).map(|_| ())
            }
            _ => None,
        })?;
        microphone.begin();
        Ok(Self { speaking, hearing, _microphone: microphone })
    }

    /// How long each stage took at the median. **Units:** microseconds.
    fn end(self) -> Vec<(&'static str, u64)> {
        let mut stages = self.speaking.receiver.voice().stages();
        stages.merge(&self.hearing.receiver.voice().stages());
        let median =
            |times: &hph_client::core::stats::Histogram| times.quantile(500).map_or(0, |span| span.as_micros());
        stages.named().map(|(name, times)| (name, median(times))).to_vec()
    }
}

/// Plays chirps to the mouth, and finds each at both ends. **Units:** milliseconds.
fn measure(chirps: usize) -> io::Result<Vec<f64>> {
    let stop = Arc::new(AtomicBool::new(false));
    let mouth = Ear::listen("mouth.monitor", &stop)?;
    let ear = Ear::listen("ear.monitor", &stop)?;
    play(chirps + SETTLING)?;
    std::thread::park_timeout(Duration::from_millis(800));
    stop.store(true, Ordering::Relaxed);
    let (mouth, ear) = (mouth.end()?, ear.end()?);
    let chirp = chirp();
    let interval = RATE * INTERVAL_MS as usize / 1000;
    let mut delays = Vec::new();
    let mut from = 0;
    while let Some((said, likeness)) = find(&mouth.sound, &chirp, from, from + interval) {
        if likeness < 0.9 {
            from += interval / 2;
            continue;
        }
        from = said + interval - interval / 4;
        let said_us = mouth.time_of(said);
        let expected = ear.place_of(said_us);
        let heard = find(&ear.sound, &chirp, expected, expected + RATE * DELAY_MAX_MS / 1000);
        if let Some((heard, _)) = heard.filter(|(_, likeness)| *likeness >= LIKENESS_MIN) {
            delays.push((ear.time_of(heard) - said_us) / 1000.0);
        }
    }
    Ok(delays.split_off(SETTLING.min(delays.len())))
}

fn play(chirps: usize) -> io::Result<()> {
    let mut speaker = Speaker::open(DeviceChoice::Named("mouth".to_owned()), BLOCK_SAMPLES as u32)?;
    let blocks = (INTERVAL_MS / 10) as usize;
    let mut sound = chirp();
    sound.resize(sound.len().next_multiple_of(BLOCK_SAMPLES), 0.0);
    let (pieces, _) = sound.as_chunks::<BLOCK_SAMPLES>();
    for block in 0..chirps * blocks {
        speaker.wait();
        // A little noise, so that silence is not cut out of the way.
        let piece = pieces.get(block % blocks).copied().unwrap_or(SILENCE);
        speaker.play(&piece)?;
    }
    Ok(())
}

/// Listens to a monitor.
struct Ear {
    thread: JoinHandle<io::Result<Heard>>,
}

/// What was heard, and when it began.
struct Heard {
    sound: Vec<f32>,
    /// **Units:** microseconds.
    began_us: f64,
}

impl Ear {
    fn listen(source: &str, stop: &Arc<AtomicBool>) -> io::Result<Self> {
        let mut source = Microphone::open(DeviceChoice::Named(source.to_owned()), BLOCK_SAMPLES as u32)?;
        let stop = Arc::clone(stop);
        let listen = move || {
            let mut heard = Heard { sound: Vec::new(), began_us: f64::INFINITY };
            while !stop.load(Ordering::Relaxed) {
                let mut block = SILENCE;
                let Some(at) = source.next_block(&mut block)? else { break };
                // Who is woken late believes that the block is late: the earliest is right.
                let began_us = at.as_micros() as f64 - heard.sound.len() as f64 * 1e6 / RATE as f64;
                heard.began_us = heard.began_us.min(began_us);
                heard.sound.extend_from_slice(&block);
            }
            Ok(heard)
        };
        Ok(Self { thread: std::thread::Builder::new().name("ear".to_owned()).spawn(listen)? })
    }

    fn end(self) -> io::Result<Heard> {
        self.thread.join().map_err(|_| io::Error::other("a listener failed"))?
    }
}

impl Heard {
    fn time_of(&self, sample: usize) -> f64 {
        self.began_us + sample as f64 * 1e6 / RATE as f64
    }

    fn place_of(&self, us: f64) -> usize {
        ((us - self.began_us) * RATE as f64 / 1e6).max(0.0) as usize
    }
}
