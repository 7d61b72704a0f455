//! What is left of an echo: speech is played in a room that we compute, and comes back at the microphone.

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
        None => report
            .say(&format!("Synthetic speech, which is harder than real: set {SPEECH} to a WAV file for real one.")),
    }
    let played = blocks(speech.as_deref())?;
    let echo_only = ProcessorConfig { has_echo_canceller: true, ..ProcessorConfig::default() };
    let with_noise = ProcessorConfig { has_noise_suppression: true, ..echo_only };
    for (name, config) in [("echo", echo_only), ("echo_noise", with_noise)] {
        for way_ms in WAYS_MS {
            let enhancement = enhancement_db(&played, config, way_ms);
            report.value(&format!("voice_echo.{name}.way_{way_ms}ms.erle"), enhancement, "dB");
        }
    }
    Ok(())
}

fn blocks(path: Option<&str>) -> io::Result<Vec<Block>> {
    let mut source: Box<dyn SoundSource> = match path {
        Some(path) => Box::new(WavFileSource::open(Path::new(path), true, Pacing::Unpaced)?),
        None => Box::new(Widened::new(SpeechSource::new(7, Pacing::Unpaced), Pacing::Unpaced)),
    };
    let mut blocks = Vec::new();
    for _ in 0..SECONDS * 100 {
        let mut block = SILENCE;
        source.next_block(&mut block)?;
        blocks.push(block);
    }
    Ok(blocks)
}

/// How much quieter the echo is after the canceller than before, while nobody else speaks.
fn enhancement_db(played: &[Block], config: ProcessorConfig, way_ms: usize) -> f64 {
    let mut processor = VoiceProcessor::new(config);
    let room = room(way_ms);
    let sound: Vec<f32> = played.iter().flatten().copied().collect();
    let (mut before, mut after) = (0.0f64, 0.0f64);
    for (index, block) in played.iter().enumerate() {
        processor.handle_played(block);
        let mut heard: Block = std::array::from_fn(|n| {
            let now = index * BLOCK_SAMPLES + n;
            let tap =
                |&(delay, gain): &(usize, f32)| now.checked_sub(delay).and_then(|at| sound.get(at)).map(|s| s * gain);
            room.iter().filter_map(tap).sum()
        });
        let echo: f64 = heard.iter().map(|s| f64::from(s * s)).sum();
        processor.process(&mut heard);
        if index >= LEARNING_S * 100 {
            before += echo;
            after += heard.iter().map(|s| f64::from(s * s)).sum::<f64>();
        }
    }
    10.0 * (before / after.max(1e-12)).log10()
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
