//! Something like speech, for tests: syllables of a buzzing voice in words with pauses, and a chirp each second.

use std::f32::consts::TAU;
use std::io;

use hph_core::time::Duration;

use super::{MicrophoneSource, SAMPLE_RATE_HZ, to_i16};
use crate::pacer::{Pacer, Pacing};

/// Samples of the chirp that starts each second of the source.
pub const CHIRP_SAMPLES: usize = 640;

const RATE: f32 = SAMPLE_RATE_HZ as f32;
/// First and second formants of five vowels. **Units:** Hz.
const VOWELS: [(f32, f32); 5] = [(730.0, 1090.0), (530.0, 1840.0), (270.0, 2290.0), (570.0, 840.0), (300.0, 870.0)];

/// The chirp: 40 ms from 1 to 4 kHz. Find it in what was received to measure a delay.
pub fn chirp() -> [i16; CHIRP_SAMPLES] {
    let length = CHIRP_SAMPLES as f32;
    std::array::from_fn(|n| {
        let t = n as f32;
        let turns = (1000.0 * t + 0.5 * 3000.0 * t * t / length) / RATE;
        let fade = (std::f32::consts::PI * t / length).sin();
        to_i16(0.6 * fade * (TAU * turns).sin())
    })
}

/// A voice without words that never ends; the same for the same seed.
#[derive(Debug)]
pub struct SpeechSource {
    random: u64,
    sample: u64,
    syllable: Syllable,
    formants: [Resonator; 2],
    pitch_turns: f32,
    chirp: [i16; CHIRP_SAMPLES],
    pacer: Pacer,
}

/// One syllable, or a pause if its loudness is zero.
#[derive(Debug, Default)]
struct Syllable {
    length: u32,
    passed: u32,
    loudness: f32,
    pitch_hz: f32,
}

/// Two-pole filter: one formant.
#[derive(Clone, Copy, Debug, Default)]
struct Resonator {
    a1: f32,
    a2: f32,
    gain: f32,
    y1: f32,
    y2: f32,
}

impl Resonator {
    fn tune(&mut self, frequency_hz: f32, bandwidth_hz: f32) {
        let radius = (-std::f32::consts::PI * bandwidth_hz / RATE).exp();
        self.a1 = 2.0 * radius * (TAU * frequency_hz / RATE).cos();
        self.a2 = -radius * radius;
        self.gain = 1.0 - radius;
    }

    fn next(&mut self, x: f32) -> f32 {
        let y = self.gain * x + self.a1 * self.y1 + self.a2 * self.y2;
        (self.y2, self.y1) = (self.y1, y);
        y
    }
}

impl SpeechSource {
    /// A speaker; different seeds speak differently.
    pub fn new(seed: u64, pacing: Pacing) -> Self {
        Self {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            sample: 0,
            syllable: Syllable::default(),
            formants: [Resonator::default(); 2],
            pitch_turns: 0.0,
            chirp: chirp(),
            pacer: Pacer::new(pacing, SAMPLE_RATE_HZ.into(), Duration::from_secs(1)),
        }
    }

    fn next_sample(&mut self) -> i16 {
        if self.syllable.passed >= self.syllable.length {
            self.begin_syllable();
        }
        let s = &mut self.syllable;
        let part = s.passed as f32 / s.length as f32;
        s.passed += 1;
        let swell = (std::f32::consts::PI * part).sin();
        self.pitch_turns += s.pitch_hz * (1.0 - 0.1 * part) / RATE;
        let pulse = if self.pitch_turns >= 1.0 {
            self.pitch_turns -= 1.0;
            s.loudness * swell
        } else {
            0.0
        };
        let voice: f32 = self.formants.iter_mut().map(|f| f.next(pulse)).sum();
        let in_second = (self.sample % u64::from(SAMPLE_RATE_HZ)) as usize;
        let chirp = self.chirp.get(in_second).copied().unwrap_or(0);
        self.sample += 1;
        to_i16(voice).saturating_add(chirp)
    }

    fn begin_syllable(&mut self) {
        let is_pause = self.syllable.loudness > 0.0 && self.below(4) == 0;
        let milliseconds = if is_pause { 150 + self.below(450) } else { 110 + self.below(140) };
        let (first, second) = VOWELS[self.below(VOWELS.len() as u32) as usize];
        self.formants[0].tune(first, 80.0);
        self.formants[1].tune(second, 110.0);
        self.syllable = Syllable {
            length: milliseconds * SAMPLE_RATE_HZ / 1000,
            passed: 0,
            loudness: if is_pause { 0.0 } else { 1.0 + self.below(100) as f32 / 100.0 },
            pitch_hz: 100.0 + self.below(80) as f32,
        };
    }

    /// A number below `bound` (xorshift64*).
    fn below(&mut self, bound: u32) -> u32 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let high = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        (high % u64::from(bound.max(1))) as u32
    }
}

impl MicrophoneSource for SpeechSource {
    fn next_block(&mut self, out: &mut [i16]) -> io::Result<Option<usize>> {
        self.pacer.wait(out.len() as u64);
        out.fill_with(|| self.next_sample());
        Ok(Some(out.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seed: u64, count: usize) -> Vec<i16> {
        let mut source = SpeechSource::new(seed, Pacing::Unpaced);
        let mut sound = vec![0; count * 16_000];
        sound.chunks_mut(320).for_each(|block| {
            source.next_block(block).unwrap();
        });
        sound
    }

    #[test]
    fn the_same_seed_speaks_the_same_and_another_does_not() {
        assert!(seconds(5, 2) == seconds(5, 2));
        assert!(seconds(5, 2) != seconds(6, 2));
    }

    #[test]
    fn it_is_loud_but_does_not_clip() {
        let sound = seconds(1, 20);
        let peak = sound.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!((8_000..32_767).contains(&peak), "{peak}");
    }

    #[test]
    fn a_chirp_is_found_at_each_second() {
        let sound = seconds(9, 4);
        let chirp = chirp();
        let match_at = |at: usize| -> i64 {
            let pairs = sound[at..].iter().zip(&chirp);
            pairs.map(|(a, b)| i64::from(*a) * i64::from(*b)).sum()
        };
        for second in 0..3usize {
            let begin = second * 16_000;
            let window = begin.saturating_sub(4000)..begin + 4000;
            assert_eq!(window.max_by_key(|at| match_at(*at)), Some(begin));
        }
    }
}
