//! `bench voice-quality`: what is left of real speech after encoder, copies, a lossy way, jitter buffer and decoder, as PESQ
//! wideband hears it. In virtual time: only the arithmetic is real. Needs `scripts/setup quality`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use hph_core::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use hph_core::media::jitter::{DecodeError, JitterBuffer, JitterConfig, JitterStats, PULL_SAMPLES, VoiceDecoder};
use hph_core::media::red::{RedSender, Redundancy, RedundancyPolicy};
use hph_core::time::Instant;
use hph_platform::microphone::{Resampler, WavSource};
use hph_platform::pacer::Pacing;
use hph_platform::voice::opus::{FrameLength, OpusConfig, OpusDecoder, OpusEncoder, PACKET_MAX_BYTES};
use hph_platform::wav::WavWriter;

use crate::jitter::trace::Random;
use hph_load::figure::{Report, Rounds};

const RATE_HZ: u32 = 48_000;
/// The rate of PESQ wideband.
const SCORED_HZ: u32 = 16_000;
/// Real speech: a reading from LibriVox (Debian's pocketsphinx-testdata), and several speakers (codec2-examples).
pub const SPEECH: [&str; 4] = [
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav",
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav",
    "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0930.wav",
    "/usr/share/codec2/raw/speech_orig_16k.wav",
];
/// Where `scripts/setup quality` put Python's packages.
pub const PYTHON: &str = "target/quality/pesq/bin/python3";
const SCORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/quality/score.py");
const SEEDS: u64 = 5;
/// Packets over which the sender learns its loss: two seconds.
const MEASURED: usize = 100;

/// How packets get lost.
#[derive(Clone, Copy, Debug)]
struct Loss {
    name: &'static str,
    /// Part of all packets.
    part: f64,
    /// Mean number in a row; 1 is at random.
    burst: f64,
}

const LOSSES: [Loss; 6] = [
    Loss { name: "clean", part: 0.0, burst: 1.0 },
    Loss { name: "loss_2", part: 0.02, burst: 1.0 },
    Loss { name: "loss_5", part: 0.05, burst: 1.0 },
    Loss { name: "loss_10", part: 0.10, burst: 1.0 },
    Loss { name: "loss_20", part: 0.20, burst: 1.0 },
    Loss { name: "loss_10_burst_3", part: 0.10, burst: 3.0 },
];

/// A call that was heard.
struct Heard {
    file: PathBuf,
    stats: JitterStats,
    payload_bytes: usize,
    delay_us: f64,
}

/// Measures and prints.
///
/// # Errors
/// There is no speech or no PESQ, or a file cannot be written.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    let python = Path::new(PYTHON);
    if !python.exists() {
        return Err(io::Error::other("there is no PESQ: run scripts/setup quality"));
    }
    let speech = read_speech()?;
    let seconds = speech.len() as f64 / f64::from(RATE_HZ);
    let directory = tempfile::tempdir()?;
    let reference = directory.path().join("reference.wav");
    write(&reference, &speech[speech.len() / 2..])?;
    report.say(&format!("{seconds:.0} s of speech, 32 kbit/s, frames of 20 ms, {} seeds each.", seeds(is_quick)));
    for loss in LOSSES {
        for has_copies in [true, false] {
            if !has_copies && loss.part == 0.0 {
                continue;
            }
            let calls = (1..=seeds(is_quick)).map(|seed| {
                let file = directory.path().join(format!("{}_{has_copies}_{seed}.wav", loss.name));
                call(&speech, loss, has_copies, seed, file)
            });
            let calls = calls.collect::<io::Result<Vec<_>>>()?;
            let name = format!("voice.{}{}", loss.name, if has_copies { "" } else { "_without_copies" });
            print(report, &name, &score(python, &reference, &calls)?, &calls, seconds);
        }
    }
    report.end();
    Ok(())
}

const fn seeds(is_quick: bool) -> u64 {
    if is_quick { 1 } else { SEEDS }
}

fn print(report: &mut Report, name: &str, scores: &Rounds, calls: &[Heard], seconds: f64) {
    let mean = |value: &dyn Fn(&Heard) -> f64| calls.iter().map(value).sum::<f64>() / calls.len() as f64;
    report.figure(&format!("{name}.pesq"), scores, "MOS");
    report.value(&format!("{name}.payload"), mean(&|heard| heard.payload_bytes as f64 * 0.008 / seconds), "kbit/s");
    report.value(&format!("{name}.buffer_delay"), mean(&|heard| heard.delay_us / 1000.0), "ms");
    let concealed = mean(&|heard| heard.stats.concealed_samples as f64 / f64::from(RATE_HZ) / seconds * 100.0);
    report.value(&format!("{name}.concealed"), concealed, "%");
}

/// Sends speech over a lossy way, and writes what is heard to `file`.
fn call(speech: &[f32], loss: Loss, has_copies: bool, seed: u64, file: PathBuf) -> io::Result<Heard> {
    let config = OpusConfig { frame: FrameLength::Ms20, ..OpusConfig::default() };
    let mut encoder = OpusEncoder::new(config)?;
    let mut decoder = Decoder(OpusDecoder::new()?);
    let mut way = Way { random: Random::new(seed), is_bad: false };
    let (mut sender, mut policy, mut lost) = (RedSender::new(), RedundancyPolicy::new(), Vec::new());
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let (mut heard, mut payload_bytes, mut delay_us, mut pulls) = (Vec::new(), 0, 0.0, 0.0);
    let mut coming: Vec<(u64, u32, Vec<u8>)> = Vec::new();
    let frame_samples = encoder.frame_samples();
    for (number, frame) in speech.chunks_exact(frame_samples).enumerate() {
        let (mut packet, mut payload) = ([0; PACKET_MAX_BYTES], [0; FRAGMENT_PAYLOAD_MAX_BYTES]);
        let len = encoder.encode(frame, &mut packet)?;
        let sent_us = number as u64 * 20_000;
        let (part, burst) = measure(&lost);
        let redundancy = policy.update(Instant::from_micros(sent_us), part, burst);
        let redundancy = if has_copies { redundancy } else { Redundancy::None };
        let timestamp = (number * frame_samples) as u32;
        let frame = packet.get(..len).unwrap_or_default();
        let len =
            sender.emit(redundancy, timestamp, frame, &mut payload).map_err(|why| io::Error::other(why.name()))?;
        payload_bytes += len;
        let is_lost = way.loses(loss);
        lost.push(is_lost);
        if !is_lost {
            let comes_us = sent_us + 1000 + (way.random.exponential(1.0) * 1000.0) as u64;
            coming.push((comes_us, timestamp, payload.get(..len).unwrap_or_default().to_vec()));
        }
        for now_us in [sent_us + 10_000, sent_us + 20_000] {
            let (due, later) = coming.into_iter().partition(|(comes_us, ..)| *comes_us <= now_us);
            coming = later;
            for (comes_us, timestamp, payload) in Vec::from_iter::<Vec<(u64, u32, Vec<u8>)>>(due) {
                let _ = buffer.insert(Instant::from_micros(comes_us), timestamp, &payload);
            }
            let mut out = [0.0; PULL_SAMPLES];
            buffer.pull(Instant::from_micros(now_us), &mut decoder, &mut out);
            heard.extend_from_slice(&out);
            (delay_us, pulls) = (delay_us + buffer.stats().delay_us as f64, pulls + 1.0);
        }
    }
    write(&file, heard.get(speech.len() / 2..).unwrap_or_default())?;
    Ok(Heard { file, stats: buffer.stats(), payload_bytes, delay_us: delay_us / pulls })
}

/// Loss and mean burst of the last packets, as a receiver's report would tell them.
fn measure(lost: &[bool]) -> (f32, f32) {
    let recent = lost.get(lost.len().saturating_sub(MEASURED)..).unwrap_or_default();
    let count = recent.iter().filter(|is_lost| **is_lost).count();
    let bursts = recent.windows(2).filter(|pair| pair == &[false, true]).count().max(1);
    (count as f32 / recent.len().max(1) as f32, count as f32 / bursts as f32)
}

/// A way that loses packets at random, or in bursts (Gilbert).
struct Way {
    random: Random,
    is_bad: bool,
}

impl Way {
    fn loses(&mut self, loss: Loss) -> bool {
        let ends = 1.0 / loss.burst;
        let begins = loss.part * ends / (1.0 - loss.part);
        // Without bursts each packet is on its own.
        self.is_bad = match (loss.burst > 1.0, self.is_bad) {
            (false, _) => self.random.unit() < loss.part,
            (true, true) => self.random.unit() >= ends,
            (true, false) => self.random.unit() < begins,
        };
        self.is_bad
    }
}

struct Decoder(OpusDecoder);

impl VoiceDecoder for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError> {
        self.0.decode(packet, out).map_err(|_| DecodeError)
    }

    fn conceal(&mut self, out: &mut [f32]) -> usize {
        self.0.conceal(out)
    }
}

fn read_speech() -> io::Result<Vec<f32>> {
    let mut speech = Vec::new();
    for path in SPEECH {
        let mut source = WavSource::open_at_rate(Path::new(path), false, Pacing::Unpaced, RATE_HZ)
            .map_err(|error| io::Error::other(format!("{path}: {error}: run scripts/setup quality")))?;
        let mut block = [0.0; PULL_SAMPLES];
        while source.next_samples(&mut block)?.is_some() {
            speech.extend_from_slice(&block);
        }
    }
    // Twice: the first time everything settles.
    speech.extend_from_within(..);
    Ok(speech)
}

/// Writes sound of 48 kHz at the rate that is scored.
///
/// # Errors
/// The disk.
pub fn write(path: &Path, sound: &[f32]) -> io::Result<()> {
    let mut samples = Vec::new();
    Resampler::new(RATE_HZ, SCORED_HZ).push(sound, &mut samples);
    let mut writer = WavWriter::create_at_rate(path, SCORED_HZ)?;
    writer.write_block(&samples)?;
    writer.finish()
}

fn score(python: &Path, reference: &Path, calls: &[Heard]) -> io::Result<Rounds> {
    let output = Command::new(python).arg(SCORE).arg(reference).args(calls.iter().map(|heard| &heard.file)).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let mut scores = Rounds::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        scores.push(line.parse().map_err(io::Error::other)?);
    }
    Ok(scores)
}
