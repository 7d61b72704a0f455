//! What is left of an echo, and of whoever speaks meanwhile: speech is played by a loudspeaker that distorts a little in a
//! room that we compute, and comes back at a microphone with some noise of its own.

use std::io;
use std::path::Path;
use std::process::Command;

use hph_platform::audio::SoundSource;
use hph_platform::audio::files::WavFileSource;
use hph_platform::audio::synthetic::Widened;
use hph_platform::microphone::SpeechSource;
use hph_platform::pacer::Pacing;
use hph_platform::voice::processor::{ProcessorConfig, VoiceProcessor};
use hph_platform::voice::{BLOCK_SAMPLES, Block, SILENCE};

use hph_load::figure::Report;

use crate::quality::{self, PYTHON};

/// Seconds after which the canceller has learned the room.
const LEARNING_S: usize = 8;
const SECONDS: usize = 30;
/// From loudspeaker to microphone, devices included. **Units:** milliseconds.
const WAYS_MS: [usize; 3] = [20, 60, 150];
/// Noise of room and microphone: -66 dB of full scale. **Units:** of full scale, at most.
const NOISE: f32 = 0.000_9;
/// How much a small loudspeaker bends loud sound: the third harmonic of a full-scale sine is 2 % of it.
const BEND: f32 = 0.08;
/// Environment variable that names a WAV file of real speech; else those of `bench voice-quality` are taken, if
/// they are there.
const SPEECH: &str = "HPH_SPEECH";
const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/quality/echo.py");
/// The way over which AECMOS is asked. **Units:** milliseconds.
const JUDGED_MS: usize = 60;

/// What was played, what the microphone heard, how much of that is echo, and what was sent: after the canceller has learned.
#[derive(Default)]
struct Heard {
    played: Vec<f32>,
    microphone: Vec<f32>,
    echo: Vec<f32>,
    sent: Vec<f32>,
}

/// Runs the bench.
///
/// # Errors
/// The file of speech can't be read.
pub fn run(report: &mut Report) -> io::Result<()> {
    let [far, near] = match std::env::var(SPEECH) {
        Ok(path) => [Some(path.clone()), Some(path)],
        // Of two speakers: who speaks near must not say what is played.
        Err(_) => {
            [quality::SPEECH[0], quality::SPEECH[3]].map(|path| Path::new(path).exists().then(|| path.to_owned()))
        }
    };
    match (&far, &near) {
        (Some(far), Some(near)) => report.say(&format!("Real speech: {far}, and near the microphone {near}")),
        _ => report.say(&format!("Synthetic speech: set {SPEECH} to a WAV file, or run scripts/setup quality.")),
    }
    let has_speech = far.is_some() && near.is_some();
    let [far, near] = [far, near].map(|path| path.filter(|_| has_speech));
    let played = blocks(far.as_deref(), 0)?;
    let near: Vec<Block> = blocks(near.as_deref(), 700)?.iter().map(|block| block.map(|s| s * 0.5)).collect();
    let echo_only = ProcessorConfig { has_echo_canceller: true, ..ProcessorConfig::default() };
    let with_noise = ProcessorConfig { has_noise_suppression: true, ..echo_only };
    let silent = vec![SILENCE; played.len()];
    for (name, config) in [("echo", echo_only), ("echo_noise", with_noise)] {
        for way_ms in WAYS_MS {
            let Heard { echo, sent, .. } = in_room(&played, &silent, config, way_ms);
            let enhancement = 10.0 * (energy(&echo) / energy(&sent).max(1e-12)).log10();
            report.value(&format!("voice_echo.{name}.way_{way_ms}ms.erle"), enhancement, "dB");
        }
        // Muting everything would enhance best: so much of whoever speaks is left, alone, and what an echo costs of that.
        let Heard { sent: alone, .. } = in_room(&silent, &near, config, 60);
        let spoken: Vec<f32> = near.iter().skip(LEARNING_S * 100).flatten().copied().collect();
        let kept = 10.0 * (energy(&alone) / energy(&spoken)).log10();
        report.value(&format!("voice_echo.{name}.near_kept"), kept, "dB");
        let Heard { sent: over, .. } = in_room(&played, &near, config, 60);
        let cost = likeness_db(&spoken, &over) - likeness_db(&spoken, &alone);
        report.value(&format!("voice_echo.{name}.double_talk_cost"), cost, "dB");
    }
    if !Path::new(PYTHON).with_file_name("../echo").exists() || !has_speech {
        report.say("AECMOS is left out: scripts/setup quality fetches it, and real speech.");
        return Ok(());
    }
    for (name, config) in [("nothing", ProcessorConfig::default()), ("echo", echo_only), ("echo_noise", with_noise)] {
        judge(report, name, |played, near| in_room(played, near, config, JUDGED_MS), [&played, &near, &silent])?;
    }
    Ok(())
}

/// What AECMOS says of single talk of either end and of double talk.
fn judge(
    report: &Report,
    name: &str,
    hear: impl Fn(&[Block], &[Block]) -> Heard,
    [played, near, silent]: [&[Block]; 3],
) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(PYTHON);
    command.arg(JUDGE);
    let talks =
        [("st", "far_talk", played, silent), ("nst", "near_talk", silent, near), ("dt", "double_talk", played, near)];
    for (talk, _, played, near) in talks {
        let heard = hear(played, near);
        command.arg(talk);
        for (what, sound) in [("played", heard.played), ("heard", heard.microphone), ("sent", heard.sent)] {
            let path = folder.path().join(format!("{talk}_{what}.wav"));
            quality::write(&path, &sound)?;
            command.arg(path);
        }
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    for ((_, what, ..), line) in talks.iter().zip(String::from_utf8_lossy(&output.stdout).lines()) {
        for (score, value) in ["echo", "other"].into_iter().zip(line.split_whitespace()) {
            let value = value.parse().map_err(io::Error::other)?;
            report.value(&format!("voice_echo.{name}.{what}.aecmos_{score}"), value, "MOS");
        }
    }
    Ok(())
}

/// How loud the part of what came out is that is like what was spoken.
fn likeness_db(spoken: &[f32], out: &[f32]) -> f64 {
    let gain = |delay: usize| {
        let product: f64 = spoken.iter().zip(&out[delay..]).map(|(a, b)| f64::from(a * b)).sum();
        product / energy(spoken)
    };
    let best = (0..1200).step_by(2).map(gain).fold(0.0, f64::max);
    20.0 * best.max(1e-6).log10()
}

fn energy(sound: &[f32]) -> f64 {
    sound.iter().map(|s| f64::from(s * s)).sum()
}

/// Speech from its `skipped`th block on.
fn blocks(path: Option<&str>, skipped: usize) -> io::Result<Vec<Block>> {
    let mut source: Box<dyn SoundSource> = match path {
        Some(path) => Box::new(WavFileSource::open(Path::new(path), true, Pacing::Unpaced)?),
        None => Box::new(Widened::new(SpeechSource::new(7, Pacing::Unpaced), Pacing::Unpaced)),
    };
    let mut blocks = Vec::new();
    for _ in 0..SECONDS * 100 + skipped {
        let mut block = SILENCE;
        source.next_block(&mut block)?;
        blocks.push(block);
    }
    Ok(blocks.split_off(skipped))
}

/// Plays, with somebody speaking near the microphone.
fn in_room(played: &[Block], near: &[Block], config: ProcessorConfig, way_ms: usize) -> Heard {
    let mut processor = VoiceProcessor::new(config);
    let room = room(way_ms);
    let bent: Vec<f32> = played.iter().flatten().map(|s| s - BEND * s * s * s).collect();
    let mut all = Heard::default();
    let mut random = 99u32;
    for (index, (block, near)) in played.iter().zip(near).enumerate() {
        processor.handle_played(block);
        let echoed: Block = std::array::from_fn(|n| {
            let now = index * BLOCK_SAMPLES + n;
            let tap =
                |&(delay, gain): &(usize, f32)| now.checked_sub(delay).and_then(|at| bent.get(at)).map(|s| s * gain);
            room.iter().filter_map(tap).sum()
        });
        let mut heard: Block = std::array::from_fn(|n| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = ((random >> 16) as f32 / 32_768.0 - 1.0) * NOISE;
            echoed[n] + near[n] + noise
        });
        let microphone = heard;
        processor.process(&mut heard);
        if index >= LEARNING_S * 100 {
            all.played.extend_from_slice(block);
            all.microphone.extend_from_slice(&microphone);
            all.echo.extend_from_slice(&echoed);
            all.sent.extend_from_slice(&heard);
        }
    }
    all
}

/// A small room with a quarter of a second of reverberation: sparse reflections that die away.
fn room(way_ms: usize) -> Vec<(usize, f32)> {
    let first = way_ms * 48;
    let mut random = 12_345u32;
    let mut taps = vec![(first, 0.4)];
    let mut delay = first;
    for _ in 0..60 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        delay += 40 + (random >> 24) as usize;
        let age = (delay - first) as f32 / 12_000.0;
        let sign = if random & 0x1000 == 0 { 1.0 } else { -1.0 };
        taps.push((delay, sign * 0.15 * (-6.9 * age).exp()));
    }
    taps
}
