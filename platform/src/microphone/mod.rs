//! Sources of sound: mono, 16 bits, 16 kHz, in real time.
//!
//! - [`WavSource`]: a WAV file.
//! - [`ToneSource`]: a sine.
//! - [`SpeechSource`]: something like speech, with a chirp each second to measure delays by.

mod resampler;
mod speech;
mod tone;
mod wav_file;

use std::io;

pub use resampler::Resampler;
pub use speech::{CHIRP_SAMPLES, SpeechSource, chirp};
pub use tone::ToneSource;
pub use wav_file::WavSource;

/// Samples in a second.
pub const SAMPLE_RATE_HZ: u32 = 16_000;
/// Samples of a usual block.
pub const BLOCK_SAMPLES: usize = 320;
/// Time that a usual block takes. **Units:** milliseconds.
pub const BLOCK_MS: u64 = 20;

const _: () = assert!(BLOCK_SAMPLES as u64 * 1000 == SAMPLE_RATE_HZ as u64 * BLOCK_MS);

/// A source of sound.
pub trait MicrophoneSource: Send {
    /// Fills `out` (usually [`BLOCK_SAMPLES`]) with the next samples; blocks until they are due. How many are sound of
    /// the source: after its end the rest of `out` is silence, and then there is no more: `None`.
    ///
    /// # Errors
    /// What the device or file says. The source is of no more use then.
    fn next_block(&mut self, out: &mut [i16]) -> io::Result<Option<usize>>;
}

/// A sample from -1.0..1.0 to 16 bits, clipped.
pub(crate) fn to_i16(sample: f32) -> i16 {
    (sample * 32_767.0).round() as i16
}
