//! Remarks about a microphone, for the person who speaks into it.

use super::Block;

/// Nothing that converts sound is as quiet as this: the microphone is muted by a switch, or not connected.
const DEAD_PEAK: f32 = 1.0e-5;
/// Blocks without signal until it is remarked: 3 s.
const DEAD_BLOCKS: u32 = 300;
/// From here on a sample counts as cut off.
const FULL_SCALE: f32 = 0.985;
/// Samples of a block at full scale that make it clipped; a single one is nobody's concern.
const CLIPPED_SAMPLES: usize = 3;
/// Clipped blocks within [`CLIP_WINDOW_BLOCKS`] until it is remarked.
const CLIPPED_BLOCKS: u32 = 10;
/// Two seconds.
const CLIP_WINDOW_BLOCKS: u32 = 200;
/// Clipping is remarked again only after so many blocks: 10 s.
const REMIND_BLOCKS: u32 = 1000;

/// What is remarkable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The microphone has given nothing for seconds.
    NoSignal,
    /// The signal is back.
    Signal,
    /// The microphone is so loud that it distorts.
    Clipping,
}

/// Watches what a microphone gives, before anything is done to it.
#[derive(Clone, Debug, Default)]
pub struct MicrophoneWatch {
    dead: u32,
    clipped: u32,
    window: u32,
    reminded: u32,
}

impl MicrophoneWatch {
    /// Takes the next block.
    pub fn handle_block(&mut self, block: &Block) -> Option<Remark> {
        let peak = block.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        if peak < DEAD_PEAK {
            self.dead = self.dead.saturating_add(1);
            return (self.dead == DEAD_BLOCKS).then_some(Remark::NoSignal);
        }
        let was_dead = std::mem::take(&mut self.dead) >= DEAD_BLOCKS;
        if was_dead {
            return Some(Remark::Signal);
        }
        self.watch_clipping(block)
    }

    fn watch_clipping(&mut self, block: &Block) -> Option<Remark> {
        self.reminded = self.reminded.saturating_sub(1);
        self.window += 1;
        let full = block.iter().filter(|s| s.abs() >= FULL_SCALE).count();
        self.clipped += u32::from(full >= CLIPPED_SAMPLES);
        let is_clipping = self.clipped >= CLIPPED_BLOCKS;
        if is_clipping || self.window >= CLIP_WINDOW_BLOCKS {
            self.clipped = 0;
            self.window = 0;
        }
        if !is_clipping || self.reminded > 0 {
            return None;
        }
        self.reminded = REMIND_BLOCKS;
        Some(Remark::Clipping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::{BLOCK_SAMPLES, SILENCE};

    fn remarks(watch: &mut MicrophoneWatch, block: &Block, count: usize) -> Vec<Remark> {
        (0..count).filter_map(|_| watch.handle_block(block)).collect()
    }

    #[test]
    fn a_dead_microphone_is_remarked_once_and_its_return_too() {
        let mut watch = MicrophoneWatch::default();
        assert_eq!(remarks(&mut watch, &SILENCE, 299), []);
        assert_eq!(remarks(&mut watch, &SILENCE, 5000), [Remark::NoSignal]);
        let hiss = [0.0001; BLOCK_SAMPLES];
        assert_eq!(remarks(&mut watch, &hiss, 500), [Remark::Signal]);
    }

    #[test]
    fn a_quiet_room_is_not_a_dead_microphone() {
        let mut watch = MicrophoneWatch::default();
        assert_eq!(remarks(&mut watch, &[0.0001; BLOCK_SAMPLES], 5000), []);
    }

    #[test]
    fn distortion_is_remarked_now_and_then_and_a_single_peak_is_not() {
        let mut watch = MicrophoneWatch::default();
        let mut clipped = [0.5; BLOCK_SAMPLES];
        clipped[..20].fill(1.0);
        assert_eq!(remarks(&mut watch, &clipped, 1500), [Remark::Clipping; 2]);
        let mut watch = MicrophoneWatch::default();
        let mut peak = [0.5; BLOCK_SAMPLES];
        peak[7] = 1.0;
        assert_eq!(remarks(&mut watch, &peak, 1500), []);
    }
}
