//! How loud a block is, and whether somebody speaks: louder than the room, and like a voice. A keyboard is the former, a
//! distant radio the latter.
//!
//! The likeness comes from a small neural network (`earshot`), at a hundredth of a millisecond a block.

use earshot::Detector;

use super::{Block, SAMPLE_RATE_HZ};
use crate::level::{db_of_power, level_of_power};
use crate::microphone::Resampler;

/// Samples that the network takes at a time: 16 ms at 16 kHz.
const FRAME_SAMPLES: usize = 256;
/// From here on it is a voice.
const VOICE_SCORE: f32 = 0.5;
/// Blocks that count as voice after the last one, so that words keep their ends: 200 ms.
const HANGOVER_BLOCKS: u8 = 20;
/// Voice stands out from the background by at least this much.
const ABOVE_FLOOR_DB: f32 = 6.0;
/// Nothing quieter than this is voice. **Units:** dBov.
const QUIETEST_VOICE_DB: f32 = -60.0;
/// How fast the idea of the background rises under steady sound. **Units:** dB per block.
const FLOOR_RISE_DB: f32 = 0.03;

/// Level and voice of one microphone.
pub struct VoiceActivity {
    detector: Box<Detector>,
    resampler: Resampler,
    narrow: Vec<f32>,
    score: f32,
    floor_db: f32,
    hangover: u8,
}

impl Default for VoiceActivity {
    fn default() -> Self {
        Self {
            detector: Detector::default_boxed(),
            resampler: Resampler::new(SAMPLE_RATE_HZ, 16_000),
            narrow: Vec::new(),
            score: 0.0,
            floor_db: -70.0,
            hangover: 0,
        }
    }
}

impl VoiceActivity {
    /// Takes the next block: its level (RFC 6464: 0 for overload to 127 for silence), and whether it is voice.
    pub fn handle_block(&mut self, block: &Block) -> (u8, bool) {
        self.resampler.push(block, &mut self.narrow);
        while let Some(frame) = self.narrow.first_chunk::<FRAME_SAMPLES>() {
            self.score = self.detector.predict_f32(&frame.map(|sample| sample.clamp(-1.0, 1.0)));
            self.narrow.drain(..FRAME_SAMPLES);
        }
        let power = block.iter().map(|s| s * s).sum::<f32>() / block.len() as f32;
        let db = db_of_power(power);
        self.floor_db = (self.floor_db + FLOOR_RISE_DB).min(db).max(-90.0);
        let is_loud = db > QUIETEST_VOICE_DB && db > self.floor_db + ABOVE_FLOOR_DB;
        let is_voice = is_loud && self.score >= VOICE_SCORE;
        self.hangover = if is_voice { HANGOVER_BLOCKS } else { self.hangover.saturating_sub(1) };
        (level_of_power(power), self.hangover > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::SoundSource;
    use crate::audio::synthetic::Widened;
    use crate::microphone::SpeechSource;
    use crate::pacer::Pacing;
    use crate::voice::{BLOCK_SAMPLES, SILENCE};

    #[test]
    fn something_like_speech_is_voice_with_pauses_and_silence_is_not() {
        let mut speech = Widened::new(SpeechSource::new(1, Pacing::Unpaced), Pacing::Unpaced);
        let mut activity = VoiceActivity::default();
        let mut block = SILENCE;
        let mut voiced = 0;
        for _ in 0..1000 {
            speech.next_block(&mut block).unwrap();
            voiced += u32::from(activity.handle_block(&block).1);
        }
        assert!((300..1000).contains(&voiced), "{voiced} of 1000 blocks");
        for _ in 0..40 {
            activity.handle_block(&SILENCE);
        }
        assert_eq!(activity.handle_block(&SILENCE), (127, false));
    }

    #[test]
    fn a_keyboard_and_a_hum_are_no_voice() {
        let mut activity = VoiceActivity::default();
        let (mut random, mut voiced) = (1u32, 0);
        for index in 0..2000usize {
            let mut block: Block = std::array::from_fn(|n| 0.02 * ((index * BLOCK_SAMPLES + n) as f32 * 0.013).sin());
            if index % 15 == 0 {
                for sample in &mut block[..120] {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *sample += (random >> 16) as f32 / 65_536.0 - 0.5;
                }
            }
            voiced += u32::from(activity.handle_block(&block).1);
        }
        assert!(voiced < 200, "{voiced} of 2000 blocks");
    }
}
