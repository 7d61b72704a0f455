//! What is left of an echo, and of whoever speaks meanwhile: speech is played by a loudspeaker that distorts a little in a
//! room that we compute, and comes back at a microphone with some noise of its own.

use std::io;
use std::path::Path;

use hph_platform::audio::SoundSource;
use hph_platform::audio::files::WavFileSource;
use hph_platform::audio::synthetic::Widened;
use hph_platform::microphone::SpeechSource;
use hph_platform::pacer::Pacing;
use hph_platform::voice::processor::{ProcessorConfig, VoiceProcessor};
use hph_platform::voice::{BLOCK_SAMPLES, Block, SILENCE};

use hph_load::figure::Report;

/// Seconds after which the canceller has learned the room.
const LEARNING_S: usize = 8;
const SECONDS: usize = 30;
/// From loudspeaker to microphone, devices included. **Units:** milliseconds.
const WAYS_MS: [usize; 3] = [20, 60, 150];
/// Noise of room and microphone: -66 dB of full scale. **Units:** of full scale, at most.
const NOISE: f32 = 0.000_9;
/// How much a small loudspeaker bends loud sound: the third harmonic of a full-scale sine is 2 % of it.
const BEND: f32 = 0.08;
/// Environment variable that names a WAV file of real speech.
const SPEECH: &str = "HPH_SPEECH";

/// Runs the bench.
///
/// # Errors
/// The file of speech can't be read.
pub fn run(report: &mut Report) -> io::Result<()> {
    let speech = std::env::var(SPEECH).ok();
    match &speech {
        Some(path) => report.say(&format!("Real speech: {path}")),
        None => report.say(&format!("Synthetic speech: set {SPEECH} to a WAV file for real one.")),
    }
    let played = blocks(speech.as_deref(), 0)?;
    let near: Vec<Block> = blocks(speech.as_deref(), 700)?.iter().map(|block| block.map(|s| s * 0.5)).collect();
    let echo_only = ProcessorConfig { has_echo_canceller: true, ..ProcessorConfig::default() };
    let with_noise = ProcessorConfig { has_noise_suppression: true, ..echo_only };
    let silent = vec![SILENCE; played.len()];
    for (name, config) in [("echo", echo_only), ("echo_noise", with_noise)] {
        for way_ms in WAYS_MS {
            let (echo, left) = in_room(&played, &silent, config, way_ms);
            let enhancement = 10.0 * (energy(&echo) / energy(&left).max(1e-12)).log10();
            report.value(&format!("voice_echo.{name}.way_{way_ms}ms.erle"), enhancement, "dB");
        }
        // Muting everything would enhance best: so much of whoever speaks is left, alone, and what an echo costs of that.
        let (_, alone) = in_room(&silent, &near, config, 60);
        let spoken: Vec<f32> = near.iter().skip(LEARNING_S * 100).flatten().copied().collect();
        let kept = 10.0 * (energy(&alone) / energy(&spoken)).log10();
        report.value(&format!("voice_echo.{name}.near_kept"), kept, "dB");
        let (_, over) = in_room(&played, &near, config, 60);
        let cost = likeness_db(&spoken, &over) - likeness_db(&spoken, &alone);
        report.value(&format!("voice_echo.{name}.double_talk_cost"), cost, "dB");
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

/// What comes to the microphone of what is `played`, and what is left of it and of `near` after the canceller has learned.
fn in_room(played: &[Block], near: &[Block], config: ProcessorConfig, way_ms: usize) -> (Vec<f32>, Vec<f32>) {
    let mut processor = VoiceProcessor::new(config);
    let room = room(way_ms);
    let bent: Vec<f32> = played.iter().flatten().map(|s| s - BEND * s * s * s).collect();
    let (mut echo, mut left) = (Vec::new(), Vec::new());
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
        processor.process(&mut heard);
        if index >= LEARNING_S * 100 {
            echo.extend_from_slice(&echoed);
            left.extend_from_slice(&heard);
        }
    }
    (echo, left)
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
