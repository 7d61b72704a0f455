//! From a microphone to packets of sound.

use std::io;
use std::path::PathBuf;

use hph_core::id::{RoomId, TrackId};
use hph_core::wire::control::{Codec, TrackInfo};
use hph_platform::clock::Clock;
use hph_platform::level::VoiceDetector;
use hph_platform::microphone::{BLOCK_SAMPLES, MicrophoneSource, SpeechSource, ToneSource, WavSource};
use hph_platform::pacer::Pacing;

use crate::engine::{CapturedFrame, FrameSender};
use crate::media::Capture;

/// Where sound comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum MicrophoneSpec {
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

impl Capture {
    /// Opens a microphone and sends its sound to a room.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn microphone(spec: &MicrophoneSpec, room: RoomId, frames: FrameSender) -> io::Result<Self> {
        let mut capture = Self::microphone_held(spec, room, frames)?;
        capture.begin();
        Ok(capture)
    }

    /// Opens a microphone that takes its first sound after [`Self::begin`], as [`Self::camera_held`].
    ///
    /// # Errors
    /// What the device or file says.
    pub fn microphone_held(spec: &MicrophoneSpec, room: RoomId, frames: FrameSender) -> io::Result<Self> {
        let mut source: Box<dyn MicrophoneSource> = match spec {
            MicrophoneSpec::Tone { frequency_hz } => Box::new(ToneSource::new(*frequency_hz, 0.5, Pacing::RealTime)),
            MicrophoneSpec::Test { seed } => Box::new(SpeechSource::new(*seed, Pacing::RealTime)),
            MicrophoneSpec::File { path, is_looped } => Box::new(WavSource::open(path, *is_looped, Pacing::RealTime)?),
        };
        let info = TrackInfo { is_on: true, codec: Codec::Pcm16k, width: 0, height: 0 };
        let track = TrackId::MICROPHONE;
        let mut detector = VoiceDetector::new();
        Self::spawn(
            "microphone",
            info,
            move |count| {
                let mut block = [0i16; BLOCK_SAMPLES];
                if source.next_block(&mut block)?.is_none() {
                    return Ok(None);
                }
                let (level, is_voice) = detector.handle_block(&block);
                let level = level & 0x7f | u8::from(is_voice) << 7;
                let bytes = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                let timestamp = (count as u32).wrapping_mul(BLOCK_SAMPLES as u32);
                let now = Clock::now();
                Ok(Some(CapturedFrame {
                    room,
                    track,
                    layer: 0,
                    timestamp,
                    level,
                    bytes,
                    strips: None,
                    captured_at: now,
                    encoded_at: now,
                }))
            },
            frames,
        )
    }
}
