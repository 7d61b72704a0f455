//! Loudness of a block of sound, and whether somebody speaks.

/// The level of silence. **Units:** -dBov.
pub const SILENCE_LEVEL: u8 = 127;

/// Blocks that count as voice after the last loud one, so that words keep their ends: 200 ms of 20 ms blocks.
const HANGOVER_BLOCKS: u8 = 10;
/// Voice stands out from the background by at least this much.
const ABOVE_FLOOR_DB: f32 = 10.0;
/// Nothing quieter than this is voice. **Units:** dBov.
const QUIETEST_VOICE_DB: f32 = -58.0;
/// How fast the idea of the background rises under steady sound. **Units:** dB per block.
const FLOOR_RISE_DB: f32 = 0.1;

/// Audio level of a block. **Units:** -dBov, 0 (overload) to 127 (silence). **Source:** RFC 6464 section 3, RFC 6465
/// for the reference.
pub fn audio_level(block: &[i16]) -> u8 {
    (-level_db(block)).round().clamp(0.0, f32::from(SILENCE_LEVEL)) as u8
}

/// Root of the mean square in dB relative to overload.
fn level_db(block: &[i16]) -> f32 {
    let square = |s: &i16| f64::from(*s) * f64::from(*s);
    let sum: f64 = block.iter().map(square).sum();
    let full = f64::from(i16::MAX);
    db_of_power((sum / block.len().max(1) as f64 / (full * full)) as f32)
}

/// Mean of the squares, of full scale, in dB.
pub(crate) fn db_of_power(power: f32) -> f32 {
    if power > 0.0 { (10.0 * power.log10()).max(-f32::from(SILENCE_LEVEL)) } else { -f32::from(SILENCE_LEVEL) }
}

/// Audio level of sound whose squares have this mean, of full scale: as [`audio_level`].
pub fn level_of_power(power: f32) -> u8 {
    (-db_of_power(power)).round().clamp(0.0, f32::from(SILENCE_LEVEL)) as u8
}

/// Decides block by block whether somebody speaks: louder than the background, which it learns as it goes.
#[derive(Clone, Debug)]
pub struct VoiceDetector {
    floor_db: f32,
    hangover: u8,
}

impl Default for VoiceDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl VoiceDetector {
    /// A detector that expects a quiet room.
    pub const fn new() -> Self {
        Self { floor_db: -70.0, hangover: 0 }
    }

    /// Takes the next block (meant for 20 ms); its level as [`audio_level`], and whether it is voice: the two fields of
    /// RFC 6464.
    pub fn handle_block(&mut self, block: &[i16]) -> (u8, bool) {
        let db = level_db(block);
        self.floor_db = (self.floor_db + FLOOR_RISE_DB).min(db).max(-90.0);
        let is_loud = db > QUIETEST_VOICE_DB && db > self.floor_db + ABOVE_FLOOR_DB;
        self.hangover = if is_loud { HANGOVER_BLOCKS } else { self.hangover.saturating_sub(1) };
        (audio_level(block), self.hangover > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::microphone::{BLOCK_SAMPLES, MicrophoneSource, SpeechSource, ToneSource};
    use crate::pacer::Pacing;

    #[test]
    fn levels_follow_the_rfc() {
        assert_eq!(audio_level(&[0; 320]), 127);
        assert_eq!(audio_level(&[]), 127);
        assert_eq!(audio_level(&[i16::MAX; 320]), 0);
        assert_eq!(audio_level(&[i16::MIN; 320]), 0);
        assert_eq!(audio_level(&[3277; 320]), 20);
        assert_eq!(audio_level(&[1; 320]), 90);
    }

    #[test]
    fn a_sine_of_full_scale_is_three_decibels_down() {
        let mut tone = ToneSource::new(1000.0, 1.0, Pacing::Unpaced);
        let mut block = [0; BLOCK_SAMPLES];
        tone.next_block(&mut block).unwrap();
        assert_eq!(audio_level(&block), 3);
    }

    #[test]
    fn speech_is_voice_with_pauses_and_silence_is_not() {
        let mut speech = SpeechSource::new(1, Pacing::Unpaced);
        let mut detector = VoiceDetector::new();
        let mut block = [0; BLOCK_SAMPLES];
        let mut voiced = 0;
        for _ in 0..500 {
            speech.next_block(&mut block).unwrap();
            voiced += u32::from(detector.handle_block(&block).1);
        }
        assert!((200..500).contains(&voiced), "{voiced} of 500 blocks");
        for _ in 0..=HANGOVER_BLOCKS {
            detector.handle_block(&[0; BLOCK_SAMPLES]);
        }
        assert_eq!(detector.handle_block(&[0; BLOCK_SAMPLES]), (127, false));
    }

    #[test]
    fn a_steady_hum_becomes_background() {
        let mut hum = ToneSource::new(100.0, 0.03, Pacing::Unpaced);
        let mut detector = VoiceDetector::new();
        let mut block = [0; BLOCK_SAMPLES];
        let mut is_voice = true;
        for _ in 0..600 {
            hum.next_block(&mut block).unwrap();
            is_voice = detector.handle_block(&block).1;
        }
        assert!(!is_voice);
    }
}
