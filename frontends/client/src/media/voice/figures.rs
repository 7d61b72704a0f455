//! How long each stage of a voice's way takes, and how each voice that is heard fares.

use hph_core::media::jitter::JitterStats;
use hph_core::stats::Histogram;

/// One histogram per stage, in the order of the way. The network's stage is not there: no clock is shared with it.
#[derive(Clone, Debug, Default)]
pub struct VoiceStages {
    /// From the microphone until we fetched the block.
    pub fetch: Histogram,
    /// Echo, noise, gain, level.
    pub process: Histogram,
    /// Encoding a frame, and putting it together with copies.
    pub encode: Histogram,
    /// From the whole packet until the playback thread takes it.
    pub hand_over: Histogram,
    /// Waiting in the jitter buffer, beyond what the fastest packet needed.
    pub buffer: Histogram,
    /// Decoding, mixing, limiting 10 ms of all voices.
    pub mix: Histogram,
    /// Waiting for the loudspeaker.
    pub playout: Histogram,
    /// From the microphone to the loudspeaker. Only if both are on one machine: elsewhere there is no common clock.
    pub total: Histogram,
}

impl VoiceStages {
    /// Adds what others recorded.
    pub fn merge(&mut self, other: &Self) {
        for (mine, (_, theirs)) in self.all_mut().into_iter().zip(other.named()) {
            mine.merge(theirs);
        }
    }

    /// Every stage with its name, in order.
    pub const fn named(&self) -> [(&'static str, &Histogram); 8] {
        [
            ("fetch", &self.fetch),
            ("process", &self.process),
            ("encode", &self.encode),
            ("hand_over", &self.hand_over),
            ("buffer", &self.buffer),
            ("mix", &self.mix),
            ("playout", &self.playout),
            ("total", &self.total),
        ]
    }

    const fn all_mut(&mut self) -> [&mut Histogram; 8] {
        [
            &mut self.fetch,
            &mut self.process,
            &mut self.encode,
            &mut self.hand_over,
            &mut self.buffer,
            &mut self.mix,
            &mut self.playout,
            &mut self.total,
        ]
    }
}

/// How a voice fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoiceFigures {
    /// Counts and delays of its jitter buffer.
    pub jitter: JitterStats,
    /// Loudness lately, as in RFC 6464: 0 for overload to 127 for silence.
    pub level: u8,
    /// Whether it was among the loudest that are mixed.
    pub is_heard: bool,
}

impl VoiceFigures {
    /// Part of what was played that was invented. **Units:** thousandths.
    pub fn concealed_permille(&self) -> u64 {
        self.jitter.concealed_samples * 1000 / self.jitter.played_samples.max(1)
    }
}
