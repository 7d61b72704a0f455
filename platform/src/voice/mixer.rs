//! Several voices into one, without clicks when a volume changes and without distortion when many speak at once.

use super::{BLOCK_SAMPLES, Block};

/// Nothing louder leaves the mixer. **Units:** of full scale.
const CEILING: f32 = 0.95;
/// How fast the limiter lets go: back to full in a fifth of a second. **Units:** gain per sample.
const RELEASE: f32 = 1.0 / 9_600.0;

/// Volume of one voice, which changes without a click.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fader {
    gain: f32,
}

impl Fader {
    /// Adds `voice` to `mix` at a gain that goes evenly from the last one to `target` within the block.
    pub fn add(&mut self, voice: &Block, target: f32, mix: &mut Block) {
        let step = (target - self.gain) / BLOCK_SAMPLES as f32;
        for (sum, sample) in mix.iter_mut().zip(voice) {
            self.gain += step;
            *sum += sample * self.gain;
        }
        self.gain = target;
    }

    /// Whether nothing of this voice is heard, now and after a block with `target`.
    pub fn is_silent(&self, target: f32) -> bool {
        self.gain == 0.0 && target == 0.0
    }
}

/// Keeps the sum below full scale: at once, and lets go slowly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftLimiter {
    gain: f32,
}

impl Default for SoftLimiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl SoftLimiter {
    /// Limits a block in place.
    pub fn apply(&mut self, mix: &mut Block) {
        for sample in mix {
            let peak = sample.abs();
            let allowed = if peak > CEILING { CEILING / peak } else { 1.0 };
            self.gain = (self.gain + RELEASE).min(allowed).min(1.0);
            *sample *= self.gain;
        }
    }
}

/// How loud a voice has been lately, to choose whom to mix.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loudness(f32);

impl Loudness {
    /// Takes the next block: rises at once, falls to a half in a quarter of a second, so that pauses between words
    /// cost nobody their place.
    pub fn handle_block(&mut self, voice: &Block) {
        let power = voice.iter().map(|s| s * s).sum::<f32>() / BLOCK_SAMPLES as f32;
        self.0 = (self.0 * 0.973).max(power);
    }

    /// Mean power lately. **Units:** of full scale, squared.
    pub const fn power(self) -> f32 {
        self.0
    }
}

/// The power that a voice needs to be among the `max` loudest of `voices`; zero if all of them are.
pub fn threshold_of_loudest(voices: &mut [f32], max: usize) -> f32 {
    if max == 0 {
        return f32::INFINITY;
    }
    if voices.len() <= max {
        return 0.0;
    }
    voices.sort_unstable_by(|a, b| b.total_cmp(a));
    voices.get(max - 1).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_changes_without_a_step() {
        let mut fader = Fader::default();
        let mut mix = [0.0; BLOCK_SAMPLES];
        fader.add(&[1.0; BLOCK_SAMPLES], 0.5, &mut mix);
        assert!(mix.windows(2).all(|pair| (0.0..0.002).contains(&(pair[1] - pair[0]))));
        let mut mix = [0.0; BLOCK_SAMPLES];
        fader.add(&[1.0; BLOCK_SAMPLES], 0.5, &mut mix);
        assert!(mix.iter().all(|s| (s - 0.5).abs() < 1e-4));
        assert!(!fader.is_silent(0.0) && Fader::default().is_silent(0.0));
    }

    #[test]
    fn eight_shouting_voices_do_not_clip_and_a_quiet_one_is_untouched() {
        let mut limiter = SoftLimiter::default();
        let wave: Block = std::array::from_fn(|n| (n as f32 * 0.13).sin());
        let mut mix = wave.map(|s| s * 8.0);
        limiter.apply(&mut mix);
        assert!(mix.iter().all(|s| s.abs() <= CEILING + 1e-6));
        for _ in 0..100 {
            limiter.apply(&mut [0.0; BLOCK_SAMPLES]);
        }
        let mut quiet = wave.map(|s| s * 0.3);
        limiter.apply(&mut quiet);
        assert!(quiet.iter().zip(&wave).all(|(a, b)| (a - b * 0.3).abs() < 1e-6));
    }

    #[test]
    fn the_loudest_are_chosen_and_a_pause_between_words_costs_no_place() {
        assert_eq!(threshold_of_loudest(&mut [0.1, 0.5, 0.3, 0.2], 2), 0.3);
        assert_eq!(threshold_of_loudest(&mut [0.1, 0.5], 2), 0.0);
        assert_eq!(threshold_of_loudest(&mut [0.1], 0), f32::INFINITY);
        let mut loudness = Loudness::default();
        loudness.handle_block(&[0.5; BLOCK_SAMPLES]);
        for _ in 0..20 {
            loudness.handle_block(&[0.0; BLOCK_SAMPLES]);
        }
        assert!(loudness.power() > 0.1, "{}", loudness.power());
    }
}
