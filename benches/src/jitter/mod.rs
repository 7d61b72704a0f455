//! `bench jitter`: the jitter buffer against the `neteq` crate, on the same packets and the same pulls.
//!
//! Both play a voice that says in its samples when they were captured ([`talk`]), so the delay is measured alike, from
//! outside: from capture to pull, less the fastest packet. `neteq` reads the clock itself, so all of it runs in real time, all
//! traces at once; ours is given the times that were meant. What each had to invent is what it says itself; sound that
//! ours passed over after an interruption counts as invented too. The first five seconds do not count: `neteq` starts with
//! 80 ms.
//!
//! `neteq` runs as its authors do (its defaults, 16 kHz, decoder given by us), 20 ms its smallest delay.

mod talk;
pub mod trace;

use std::io;
use std::thread;

use hph_core::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use hph_core::media::jitter::{DecodeError, JitterBuffer, JitterConfig, PULL_SAMPLES, VoiceDecoder};
use hph_core::media::red::{RedSender, Redundancy};
use hph_core::time::{Duration, Instant};
use hph_platform::clock::Clock;
use neteq::neteq::SpeechType;
use neteq::{AudioPacket, NetEq, NetEqConfig, RtpHeader};

use hph_load::figure::{Report, Rounds};

const RATE_HZ: u32 = 48_000;
const NETEQ_RATE_HZ: u32 = 16_000;
const PULL_MS: f64 = 10.0;
/// What comes before this does not count.
const WARM_MS: f64 = 5000.0;
/// Length of a trace.
const SECONDS: f64 = 60.0;
const QUICK_SECONDS: f64 = 15.0;
/// Frames of 20 ms: configuration 9 of Opus; 10 ms: 8.
const FRAMES_MS: [u32; 2] = [20, 10];

/// What a player made of a trace.
#[derive(Clone, Copy, Debug, Default)]
struct Played {
    delay_sum_ms: f64,
    delays: f64,
    /// When the warm-up was over, and at the end.
    concealed_ms: (f64, f64),
}

impl Played {
    fn mean_delay_ms(&self) -> f64 {
        self.delay_sum_ms / self.delays.max(1.0)
    }

    /// In a minute.
    fn concealed_ms(&self, seconds: f64) -> f64 {
        (self.concealed_ms.1 - self.concealed_ms.0) * 60.0 / (seconds - WARM_MS / 1000.0)
    }

    fn handle_pull(&mut self, at_ms: f64, played: &[f32], rate_hz: u32, fastest_ms: f64, concealed_ms: f64) {
        if at_ms < WARM_MS {
            self.concealed_ms.0 = concealed_ms;
        } else if let Some(captured_ms) = talk::captured_ms(played, rate_hz, at_ms) {
            self.delay_sum_ms += at_ms - captured_ms - fastest_ms;
            self.delays += 1.0;
        }
        self.concealed_ms.1 = concealed_ms;
    }
}

/// A player under test.
trait Player {
    const RATE_HZ: u32;
    fn insert(&mut self, at_ms: f64, number: u32, frame_ms: u32);
    fn pull(&mut self, at_ms: f64) -> Vec<f32>;
    fn concealed_ms(&self) -> f64;
}

/// Measures and prints.
///
/// # Errors
/// A trace could not be played.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    let seconds = if is_quick { QUICK_SECONDS } else { SECONDS };
    report.say(&format!("{} traces of {seconds} s at once, in real time.", trace::NAMES.len() * FRAMES_MS.len()));
    let cases = FRAMES_MS.into_iter().flat_map(|frame_ms| trace::NAMES.map(|name| (frame_ms, name)));
    let start = Clock::now() + Duration::from_millis(300);
    let running: Vec<_> = cases
        .map(|(frame_ms, name)| {
            let case = thread::spawn(move || {
                let arrivals = trace::arrivals(name, 1, seconds, f64::from(frame_ms));
                let theirs = play(&arrivals, frame_ms, Neteq::new(frame_ms), Some(start));
                (theirs, play(&arrivals, frame_ms, Ours::new(), None))
            });
            (frame_ms, name, case)
        })
        .collect();
    let (mut delays, mut concealed) = ((Rounds::default(), Rounds::default()), (0.0, 0.0));
    for (frame_ms, name, case) in running {
        let (theirs, ours) = case.join().map_err(|_| io::Error::other("a player panicked"))?;
        let case = format!("jitter.{name}_{frame_ms}ms");
        report.value(&format!("{case}.delay"), ours.mean_delay_ms(), "ms");
        report.value(&format!("{case}.delay_neteq"), theirs.mean_delay_ms(), "ms");
        report.value(&format!("{case}.concealed"), ours.concealed_ms(seconds), "ms/min");
        report.value(&format!("{case}.concealed_neteq"), theirs.concealed_ms(seconds), "ms/min");
        delays.0.push(ours.mean_delay_ms());
        delays.1.push(theirs.mean_delay_ms());
        concealed.0 += ours.concealed_ms(seconds);
        concealed.1 += theirs.concealed_ms(seconds);
    }
    report.value("jitter.delay_over_neteq", delays.0.over(&delays.1).median(), "");
    report.value("jitter.concealed_over_neteq", concealed.0 / concealed.1, "");
    Ok(())
}

/// Plays a trace: in real time from `start` on, or as fast as it goes.
fn play<P: Player>(arrivals: &[f64], frame_ms: u32, mut player: P, start: Option<Instant>) -> Played {
    let captured_ms = |number: usize| number as f64 * f64::from(frame_ms);
    let fastest_ms = arrivals.iter().enumerate().map(|(n, at)| at - captured_ms(n)).fold(f64::MAX, f64::min);
    let wait_until = |at_ms: f64| {
        if let Some(start) = start {
            Clock::sleep_until(start + micros(at_ms));
        }
    };
    let (mut played, mut next) = (Played::default(), 0);
    let end_ms = arrivals.last().copied().unwrap_or(0.0);
    // Pulls are as little in step with packets as two machines are.
    let mut at_ms = 3.3;
    while at_ms < end_ms {
        while let Some(&comes_ms) = arrivals.get(next).filter(|comes_ms| **comes_ms <= at_ms) {
            wait_until(comes_ms);
            player.insert(comes_ms, next as u32, frame_ms);
            next += 1;
        }
        wait_until(at_ms);
        let samples = player.pull(at_ms);
        played.handle_pull(at_ms, &samples, P::RATE_HZ, fastest_ms, player.concealed_ms());
        at_ms += PULL_MS;
    }
    played
}

const fn micros(ms: f64) -> Duration {
    Duration::from_micros((ms * 1000.0) as u64)
}

/// Our buffer.
struct Ours {
    buffer: JitterBuffer,
    sender: RedSender,
}

impl Ours {
    fn new() -> Self {
        Self { buffer: JitterBuffer::new(JitterConfig::default()), sender: RedSender::new() }
    }
}

impl Player for Ours {
    const RATE_HZ: u32 = RATE_HZ;

    fn insert(&mut self, at_ms: f64, number: u32, frame_ms: u32) {
        let [a, b, c, d] = number.to_be_bytes();
        let frame = [if frame_ms == 20 { 9 << 3 } else { 8 << 3 }, a, b, c, d];
        let timestamp = number * frame_ms * (RATE_HZ / 1000);
        let mut payload = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
        if let Ok(len) = self.sender.emit(Redundancy::None, timestamp, &frame, &mut payload) {
            let now = Instant::default() + micros(at_ms);
            let _ = self.buffer.insert(now, timestamp, payload.get(..len).unwrap_or_default());
        }
    }

    fn pull(&mut self, at_ms: f64) -> Vec<f32> {
        let mut out = [0.0; PULL_SAMPLES];
        self.buffer.pull(Instant::default() + micros(at_ms), &mut Talk, &mut out);
        out.to_vec()
    }

    fn concealed_ms(&self) -> f64 {
        let stats = self.buffer.stats();
        (stats.concealed_samples + stats.skipped_samples) as f64 * 1000.0 / f64::from(RATE_HZ)
    }
}

/// Makes a frame's part of the voice from its number.
struct Talk;

impl VoiceDecoder for Talk {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        let number =
            packet.get(1..5).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes).ok_or(DecodeError)?;
        fill(number, out, RATE_HZ);
        Ok(out.len())
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        out.fill(0.0);
        out.len()
    }
}

fn fill(number: u32, out: &mut [f32], rate_hz: u32) {
    let start = u64::from(number) * out.len() as u64;
    for (index, sample) in out.iter_mut().enumerate() {
        *sample = talk::sample(start + index as u64, rate_hz);
    }
}

/// The crate.
struct Neteq(NetEq);

/// Its decoder: as [`Talk`].
struct NeteqTalk {
    samples: usize,
}

impl neteq::codec::AudioDecoder for NeteqTalk {
    fn sample_rate(&self) -> u32 {
        NETEQ_RATE_HZ
    }

    fn channels(&self) -> u8 {
        1
    }

    fn decode(&mut self, encoded: &[u8]) -> neteq::Result<Vec<f32>> {
        let number = encoded.try_into().map(u32::from_be_bytes).unwrap_or_default();
        let mut out = vec![0.0; self.samples];
        fill(number, &mut out, NETEQ_RATE_HZ);
        Ok(out)
    }
}

impl Neteq {
    const PAYLOAD_TYPE: u8 = 96;

    fn new(frame_ms: u32) -> Self {
        let config = NetEqConfig { sample_rate: NETEQ_RATE_HZ, ..NetEqConfig::default() };
        let mut inner = NetEq::new(config).expect("the defaults of the crate are legal");
        let samples = (frame_ms * NETEQ_RATE_HZ / 1000) as usize;
        inner.register_decoder(Self::PAYLOAD_TYPE, Box::new(NeteqTalk { samples }));
        Self(inner)
    }
}

impl Player for Neteq {
    const RATE_HZ: u32 = NETEQ_RATE_HZ;

    fn insert(&mut self, _: f64, number: u32, frame_ms: u32) {
        let timestamp = number * frame_ms * (NETEQ_RATE_HZ / 1000);
        let header = RtpHeader::new(number as u16, timestamp, 1, Self::PAYLOAD_TYPE, false);
        let packet = AudioPacket::new(header, number.to_be_bytes().to_vec(), NETEQ_RATE_HZ, 1, frame_ms);
        // What it refuses shows in what it plays.
        let _ = self.0.insert_packet(packet);
    }

    fn pull(&mut self, _: f64) -> Vec<f32> {
        match self.0.get_audio() {
            Ok(frame) if frame.speech_type == SpeechType::Normal => frame.samples,
            _ => Vec::new(),
        }
    }

    fn concealed_ms(&self) -> f64 {
        self.0.get_statistics().lifetime.concealed_samples as f64 * 1000.0 / f64::from(NETEQ_RATE_HZ)
    }
}
