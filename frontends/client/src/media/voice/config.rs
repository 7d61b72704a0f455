//! What a frontend may choose about voices.

use std::path::PathBuf;

pub use hph_platform::audio::DeviceChoice;
pub use hph_platform::voice::gate::GateMode;
pub use hph_platform::voice::opus::FrameLength;
pub use hph_platform::voice::processor::ProcessorConfig;

/// Where sound comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum MicrophoneSpec {
    /// A microphone of the machine.
    Device(DeviceChoice),
    /// A sine.
    Tone {
        /// Its pitch.
        frequency_hz: f32,
    },
    /// Something like speech.
    Test {
        /// Another number, another voice.
        seed: u64,
    },
    /// A WAV file.
    File {
        /// Which.
        path: PathBuf,
        /// Whether to begin again at the end.
        is_looped: bool,
    },
}

/// Where sound goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SpeakerSpec {
    /// Nowhere; voices are still received, decoded and recorded in time.
    #[default]
    None,
    /// A loudspeaker of the machine.
    Device(DeviceChoice),
    /// A WAV file: everything that would have been heard.
    File(PathBuf),
}

/// How sound is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VoiceCodec {
    /// Opus with copies of earlier frames.
    #[default]
    Opus,
    /// Samples as they are, 16 kHz: for tests that compare what was sent and what came.
    Pcm,
}

/// How a microphone is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoiceConfig {
    /// How it is encoded.
    pub codec: VoiceCodec,
    /// Sound in a packet.
    pub frame: FrameLength,
    /// When it is heard.
    pub gate: GateMode,
    /// Echo, noise and gain.
    pub processor: ProcessorConfig,
}
