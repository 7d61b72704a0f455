//! The ring of a call: three notes, and a rest to look up in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hph_client::media::{SpeakerSpec, open_speaker};
use hph_client::platform::voice::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ, SILENCE};

/// Three notes of a chord. **Units:** Hz.
const NOTES_HZ: [f32; 3] = [523.25, 659.25, 783.99];
/// How long each sounds, in blocks.
const NOTE_BLOCKS: usize = 25;
/// From one beginning to the next, in blocks: three seconds.
const ROUND_BLOCKS: usize = 300;

/// It rings until it is dropped.
pub struct Ring {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ring {
    /// Rings there; where nothing can be heard, the screen still says who calls.
    pub fn start(speaker: SpeakerSpec) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("ring".to_owned()).spawn(move || drop(play(&speaker, &is_stopped)));
        Some(Self { stop, thread: Some(thread.ok()?) })
    }
}

impl Drop for Ring {
    /// The loudspeaker is free when this returns.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn play(speaker: &SpeakerSpec, is_stopped: &AtomicBool) -> io::Result<()> {
    let mut sink = open_speaker(speaker, Default::default())?;
    for block in (0..ROUND_BLOCKS).cycle() {
        if is_stopped.load(Ordering::Relaxed) {
            break;
        }
        sink.wait();
        sink.play(&rung(block))?;
    }
    Ok(())
}

fn rung(block: usize) -> Block {
    let Some(hz) = NOTES_HZ.get(block / NOTE_BLOCKS) else { return SILENCE };
    let begin = block % NOTE_BLOCKS * BLOCK_SAMPLES;
    std::array::from_fn(|index| {
        let t = (begin + index) as f32 / SAMPLE_RATE_HZ as f32;
        0.25 * (t * 200.0).min(1.0) * (-6.0 * t).exp() * (t * hz * std::f32::consts::TAU).sin()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_heard_rests_and_frightens_nobody() {
        let loudest = |block: usize| rung(block).iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
        assert!((0.1..0.3).contains(&loudest(0)));
        assert!((NOTES_HZ.len() * NOTE_BLOCKS..ROUND_BLOCKS).all(|block| loudest(block) == 0.0));
    }
}
