//! Echo, noise and gain of a microphone: the audio processing of WebRTC (AEC3, NS, AGC2) in its Rust port, `sonora`.
//!
//! The echo canceller learns how what the loudspeaker plays comes back at the microphone, and takes it out. It must see
//! every block that is played, in order, at about the time it is played; the way in between may take up to half a second,
//! and clocks that differ a little are followed.
//!
//! **Delay:** 10 ms as soon as one of them is on, 6 ms more with noise suppression.

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, MaxProcessingRate, NoiseSuppression, NoiseSuppressionLevel,
    Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::{Block, SAMPLE_RATE_HZ, SILENCE};

/// What splitting into bands and joining them takes. **Units:** samples.
const DELAY: u32 = 460;
/// And what the windows of noise suppression add.
const DELAY_WITH_NOISE_SUPPRESSION: u32 = 750;

/// What to do to a microphone's sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessorConfig {
    /// Takes out what the loudspeaker plays.
    pub has_echo_canceller: bool,
    /// Takes out steady noise.
    pub has_noise_suppression: bool,
    /// Brings quiet and loud speakers to the same level.
    pub has_gain_control: bool,
}

impl ProcessorConfig {
    /// Whether there is nothing to do, and so no delay.
    pub const fn is_idle(self) -> bool {
        !self.has_echo_canceller && !self.has_noise_suppression && !self.has_gain_control
    }
}

/// Works on one microphone.
pub struct VoiceProcessor {
    inner: Option<Box<AudioProcessing>>,
    has_echo_canceller: bool,
    delay_samples: u32,
    scratch: Block,
}

impl VoiceProcessor {
    /// A processor that has learned nothing yet.
    pub fn new(config: ProcessorConfig) -> Self {
        let build = || {
            let stream = StreamConfig::new(SAMPLE_RATE_HZ, 1);
            let settings = settings(config);
            Box::new(AudioProcessing::builder().config(settings).capture_config(stream).render_config(stream).build())
        };
        let inner = (!config.is_idle()).then(build);
        let delay_samples = match config {
            idle if idle.is_idle() => 0,
            ProcessorConfig { has_noise_suppression: true, .. } => DELAY_WITH_NOISE_SUPPRESSION,
            _ => DELAY,
        };
        Self { inner, has_echo_canceller: config.has_echo_canceller, delay_samples, scratch: SILENCE }
    }

    /// Whether played sound is wanted.
    pub const fn needs_reference(&self) -> bool {
        self.has_echo_canceller
    }

    /// By how much sound comes out later. **Units:** samples. **Source:** measured; see the tests.
    pub const fn delay_samples(&self) -> u32 {
        self.delay_samples
    }

    /// Takes a block that is being played.
    pub fn handle_played(&mut self, played: &Block) {
        if let Some(inner) = self.inner.as_mut().filter(|_| self.has_echo_canceller) {
            // One mono channel at the rate that was announced: there is nothing to refuse.
            let _ = inner.process_render_f32(&[played], &mut [&mut self.scratch]);
        }
    }

    /// Works on a block of the microphone in place.
    pub fn process(&mut self, block: &mut Block) {
        if let Some(inner) = self.inner.as_mut() {
            let _ = inner.set_stream_delay_ms(0);
            self.scratch = *block;
            let _ = inner.process_capture_f32(&[&self.scratch], &mut [block]);
        }
    }
}

fn settings(config: ProcessorConfig) -> Config {
    Config {
        // Otherwise everything above 16 kHz is lost.
        pipeline: Pipeline { maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz, ..Pipeline::default() },
        echo_canceller: config.has_echo_canceller.then(EchoCanceller::default),
        noise_suppression: config
            .has_noise_suppression
            .then(|| NoiseSuppression { level: NoiseSuppressionLevel::High, ..NoiseSuppression::default() }),
        gain_controller2: config.has_gain_control.then(|| GainController2 {
            adaptive_digital: Some(AdaptiveDigital::default()),
            ..GainController2::default()
        }),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::microphone::{MicrophoneSource, Resampler, SpeechSource};
    use crate::pacer::Pacing;
    use crate::voice::BLOCK_SAMPLES;

    fn speech(seed: u64, seconds: usize) -> Vec<Block> {
        let mut source = SpeechSource::new(seed, Pacing::Unpaced);
        let mut block = vec![0; seconds * 16_000];
        source.next_block(&mut block).unwrap();
        let samples: Vec<f32> = block.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        let mut out = Vec::new();
        Resampler::new(16_000, SAMPLE_RATE_HZ).push(&samples, &mut out);
        out.as_chunks::<BLOCK_SAMPLES>().0.to_vec()
    }

    fn energy<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> f64 {
        blocks.into_iter().flatten().map(|s| f64::from(s * s)).sum()
    }

    #[test]
    fn an_echo_is_taken_out_after_a_few_seconds() {
        let mut processor =
            VoiceProcessor::new(ProcessorConfig { has_echo_canceller: true, ..ProcessorConfig::default() });
        assert!(processor.needs_reference());
        let played = speech(1, 12);
        let (mut before, mut after) = (0.0, 0.0);
        for (index, block) in played.iter().enumerate() {
            processor.handle_played(block);
            // The room: 60 ms, a third as loud, and one reflection.
            let at = |delay: usize| index.checked_sub(delay).and_then(|at| played.get(at)).copied().unwrap_or(SILENCE);
            let (direct, reflected) = (at(6), at(9));
            let mut heard: Block = std::array::from_fn(|n| 0.3 * direct[n] + 0.1 * reflected[n]);
            let echo = heard;
            processor.process(&mut heard);
            if index > 600 {
                before += energy([&echo]);
                after += energy([&heard]);
            }
        }
        let enhancement_db = 10.0 * (before / after).log10();
        assert!(enhancement_db > 20.0, "{enhancement_db} dB");
    }

    #[test]
    fn a_voice_without_echo_comes_through_and_gain_makes_a_quiet_one_louder() {
        let quiet: Vec<Block> = speech(2, 10).iter().map(|block| block.map(|s| s * 0.05)).collect();
        let through = |config| {
            let mut processor = VoiceProcessor::new(config);
            let mut heard = quiet.clone();
            heard.iter_mut().for_each(|block| processor.process(block));
            energy(&heard[500..]) / energy(&quiet[500..])
        };
        let echo_only = ProcessorConfig { has_echo_canceller: true, ..ProcessorConfig::default() };
        assert!((0.3..1.5).contains(&through(echo_only)));
        let gain_only = ProcessorConfig { has_gain_control: true, ..ProcessorConfig::default() };
        assert!(through(gain_only) > 4.0, "{}", through(gain_only));
    }

    #[test]
    fn steady_noise_is_taken_out() {
        let config = ProcessorConfig { has_noise_suppression: true, ..ProcessorConfig::default() };
        let mut processor = VoiceProcessor::new(config);
        let mut random = 1u32;
        let (mut before, mut after) = (0.0, 0.0);
        for index in 0..600 {
            let mut block = SILENCE;
            for sample in &mut block {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *sample = (random >> 16) as f32 / 65_536.0 * 0.04 - 0.02;
            }
            let noise = block;
            processor.process(&mut block);
            if index > 300 {
                before += energy([&noise]);
                after += energy([&block]);
            }
        }
        assert!(before / after > 10.0, "{}", before / after);
    }

    #[test]
    fn with_everything_off_nothing_changes() {
        let mut processor = VoiceProcessor::new(ProcessorConfig::default());
        let mut block = [0.25; BLOCK_SAMPLES];
        processor.handle_played(&block.clone());
        processor.process(&mut block);
        assert_eq!(block, [0.25; BLOCK_SAMPLES]);
    }
}
