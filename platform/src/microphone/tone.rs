//! A sine.

use std::f64::consts::TAU;
use std::io;

use hph_core::time::Duration;

use super::{MicrophoneSource, SAMPLE_RATE_HZ, to_i16};
use crate::pacer::{Pacer, Pacing};

/// A sine that never ends.
#[derive(Debug)]
pub struct ToneSource {
    turns_per_sample: f64,
    amplitude: f64,
    phase_turns: f64,
    pacer: Pacer,
}

impl ToneSource {
    /// A tone of `frequency_hz` and `amplitude` (1.0 is full scale).
    pub fn new(frequency_hz: f32, amplitude: f32, pacing: Pacing) -> Self {
        Self {
            turns_per_sample: f64::from(frequency_hz) / f64::from(SAMPLE_RATE_HZ),
            amplitude: f64::from(amplitude.clamp(0.0, 1.0)),
            phase_turns: 0.0,
            pacer: Pacer::new(pacing, SAMPLE_RATE_HZ.into(), Duration::from_secs(1)),
        }
    }
}

impl MicrophoneSource for ToneSource {
    fn next_block(&mut self, out: &mut [i16]) -> io::Result<Option<usize>> {
        self.pacer.wait(out.len() as u64);
        for sample in out.iter_mut() {
            *sample = to_i16((self.amplitude * (self.phase_turns * TAU).sin()) as f32);
            self.phase_turns = (self.phase_turns + self.turns_per_sample).fract();
        }
        Ok(Some(out.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::microphone::BLOCK_SAMPLES;

    #[test]
    fn a_tone_crosses_zero_twice_per_period_without_jumps() {
        let mut source = ToneSource::new(440.0, 0.5, Pacing::Unpaced);
        let mut second = vec![0; 16_000];
        for block in second.chunks_mut(BLOCK_SAMPLES) {
            assert_eq!(source.next_block(block).unwrap(), Some(block.len()));
        }
        let crossings = second.windows(2).filter(|w| (w[0] < 0) != (w[1] < 0)).count();
        assert!(crossings.abs_diff(880) <= 1, "{crossings}");
        let steepest = second.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max();
        assert!(steepest < Some(3000));
        assert_eq!(second.iter().max(), Some(&16_384));
    }

    #[test]
    fn blocks_come_in_real_time() {
        let mut source = ToneSource::new(440.0, 0.5, Pacing::RealTime);
        let begin = Clock::now();
        for _ in 0..4 {
            source.next_block(&mut [0; BLOCK_SAMPLES]).unwrap();
        }
        assert!(Clock::now().since(begin) >= Duration::from_millis(60));
    }
}
