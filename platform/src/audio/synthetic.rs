//! Sources and sinks without hardware: tones, something like speech, and a sink that only keeps time.

use std::io;

use hph_core::time::{Duration, Instant};

use super::{SoundSink, SoundSource};
use crate::microphone::{self, MicrophoneSource, Resampler};
use crate::pacer::{Pacer, Pacing};
use crate::voice::{BLOCK_SAMPLES, Block, SAMPLE_RATE_HZ};

/// Input samples of a block: 10 ms.
const NARROW_SAMPLES: usize = microphone::SAMPLE_RATE_HZ as usize / 100;

/// A source of 16 kHz at our rate.
pub struct Widened<S> {
    /// Makes its sound at once: time is kept here.
    inner: S,
    resampler: Resampler,
    ready: Vec<f32>,
    pacer: Pacer,
}

impl<S: MicrophoneSource> Widened<S> {
    /// `inner` must not keep time itself.
    pub fn new(inner: S, pacing: Pacing) -> Self {
        Self {
            inner,
            resampler: Resampler::new(microphone::SAMPLE_RATE_HZ, SAMPLE_RATE_HZ),
            ready: Vec::new(),
            pacer: Pacer::new(pacing, SAMPLE_RATE_HZ.into(), Duration::from_secs(1)),
        }
    }
}

impl<S: MicrophoneSource> SoundSource for Widened<S> {
    fn next_block(&mut self, out: &mut Block) -> io::Result<Option<Instant>> {
        while self.ready.len() < BLOCK_SAMPLES {
            let mut narrow = [0; NARROW_SAMPLES];
            if self.inner.next_block(&mut narrow)?.is_none() {
                return Ok(None);
            }
            self.resampler.push(&narrow.map(|sample| f32::from(sample) / 32_768.0), &mut self.ready);
        }
        if let Some(block) = self.ready.first_chunk::<BLOCK_SAMPLES>() {
            *out = *block;
            self.ready.drain(..BLOCK_SAMPLES);
        }
        Ok(Some(self.pacer.wait(BLOCK_SAMPLES as u64)))
    }
}

/// After such a pause nothing is made up for: what would have been played then was not there.
pub(super) const REST: Duration = Duration::from_millis(100);

/// Takes sound in time and plays nothing.
pub struct NullSink(Pacer);

impl NullSink {
    /// A sink that takes a block each 10 ms.
    pub fn new() -> Self {
        Self(Pacer::new(Pacing::RealTime, SAMPLE_RATE_HZ.into(), Duration::from_secs(1)))
    }
}

impl Default for NullSink {
    fn default() -> Self {
        Self::new()
    }
}

impl SoundSink for NullSink {
    fn wait(&mut self) {
        self.0.skip_rest(REST);
        self.0.wait(BLOCK_SAMPLES as u64);
    }

    fn play(&mut self, _: &Block) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::microphone::ToneSource;

    #[test]
    fn a_tone_is_a_tone_at_the_higher_rate_and_comes_in_time() {
        let mut source = Widened::new(ToneSource::new(1000.0, 0.5, Pacing::Unpaced), Pacing::Unpaced);
        let mut block = [0.0; BLOCK_SAMPLES];
        for index in 0..50u64 {
            let at = source.next_block(&mut block).unwrap().unwrap();
            assert_eq!(at.as_micros(), index * 10_000);
        }
        let crossings = block.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert_eq!(crossings, 10, "10 ms of 1 kHz");
        let peak = block.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        assert!((peak - 0.5).abs() < 0.01, "{peak}");
    }

    #[test]
    fn a_sink_without_hardware_keeps_time() {
        let mut sink = NullSink::new();
        let began = Clock::now();
        for _ in 0..6 {
            sink.wait();
            sink.play(&[0.0; BLOCK_SAMPLES]).unwrap();
        }
        assert!(Clock::now().since(began) >= Duration::from_millis(50));
    }
}
