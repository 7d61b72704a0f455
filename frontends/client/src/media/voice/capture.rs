//! From a microphone to packets of sound, on the microphone's own thread.

use std::io;

use hph_core::id::{RoomId, TrackId};
use hph_core::wire::control::{Codec, TrackInfo};
use hph_platform::audio::files::WavFileSource;
use hph_platform::audio::synthetic::Widened;
use hph_platform::audio::{Microphone, SoundSource};
use hph_platform::clock::Clock;
use hph_platform::level::VoiceDetector;
use hph_platform::microphone::{
    BLOCK_SAMPLES as NARROW_SAMPLES, MicrophoneSource, SpeechSource, ToneSource, WavSource,
};
use hph_platform::pacer::Pacing;
use hph_platform::voice::{BLOCK_SAMPLES, SILENCE};

use super::chain::{Chain, Packet};
use super::config::{MicrophoneSpec, VoiceCodec, VoiceConfig};
use super::shared::VoiceShared;
use crate::engine::{CapturedFrame, FrameSender, MicrophoneRemark};
use crate::media::Capture;
use crate::media::capture::{Step, Turn};

/// Loudness of a test tone.
const TONE_AMPLITUDE: f32 = 0.5;

impl Capture {
    /// Opens a microphone and sends its sound to a room.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn microphone(
        spec: &MicrophoneSpec,
        config: VoiceConfig,
        shared: &VoiceShared,
        room: RoomId,
        frames: FrameSender,
    ) -> io::Result<Self> {
        let mut capture = Self::microphone_held(spec, config, shared, room, frames)?;
        capture.begin();
        Ok(capture)
    }

    /// Opens a microphone that takes its first sound after [`Self::begin`], as [`Self::camera_held`].
    ///
    /// # Errors
    /// What the device or file says.
    pub fn microphone_held(
        spec: &MicrophoneSpec,
        config: VoiceConfig,
        shared: &VoiceShared,
        room: RoomId,
        frames: FrameSender,
    ) -> io::Result<Self> {
        match config.codec {
            VoiceCodec::Pcm => Self::samples_held(spec, room, frames),
            VoiceCodec::Opus => {
                let period = (config.frame.blocks() * BLOCK_SAMPLES / 2) as u32;
                let source = open(spec, period)?;
                let chain = Chain::new(config, shared.clone())?;
                Self::voice_held(source, chain, shared.clone(), room, frames)
            }
        }
    }

    fn voice_held(
        mut source: Box<dyn SoundSource>,
        mut chain: Chain,
        shared: VoiceShared,
        room: RoomId,
        frames: FrameSender,
    ) -> io::Result<Self> {
        let info = TrackInfo { is_on: true, codec: Codec::Opus, width: 0, height: 0 };
        let mut was_live = true;
        let remarks = frames.clone();
        let guidance = frames.guidance();
        let mut waiting = Vec::new();
        Self::spawn_steps(
            "microphone",
            info,
            move |turn| {
                if matches!(turn, Turn::Last) {
                    let now = Clock::now();
                    chain.end(|packet| waiting.push(packet))?;
                    return Ok(Step::Frames(waiting.drain(..).map(|packet| frame_of(packet, room, now)).collect()));
                }
                let mut block = SILENCE;
                let Some(at) = source.next_block(&mut block)? else { return Ok(Step::Over) };
                if source.is_live() != was_live {
                    was_live = !was_live;
                    let remark = if was_live { MicrophoneRemark::Back } else { MicrophoneRemark::Gone };
                    remarks.remark(room, remark);
                }
                // What the network loses decides how many copies of earlier frames go along.
                let (loss, burst) = guidance.loss();
                shared.report_loss(loss, burst);
                chain.handle_block(block, at, |packet| waiting.push(packet), |remark| remarks.remark(room, remark))?;
                Ok(Step::Frames(waiting.drain(..).map(|packet| frame_of(packet, room, at)).collect()))
            },
            frames,
        )
    }

    /// The test codec: samples as they are.
    fn samples_held(spec: &MicrophoneSpec, room: RoomId, frames: FrameSender) -> io::Result<Self> {
        let mut source: Box<dyn MicrophoneSource> = match spec {
            MicrophoneSpec::Tone { frequency_hz } => {
                Box::new(ToneSource::new(*frequency_hz, TONE_AMPLITUDE, Pacing::RealTime))
            }
            MicrophoneSpec::Test { seed } => Box::new(SpeechSource::new(*seed, Pacing::RealTime)),
            MicrophoneSpec::File { path, is_looped } => Box::new(WavSource::open(path, *is_looped, Pacing::RealTime)?),
            MicrophoneSpec::Device(_) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "the test codec takes no devices"));
            }
        };
        let info = TrackInfo { is_on: true, codec: Codec::Pcm16k, width: 0, height: 0 };
        let track = TrackId::MICROPHONE;
        let mut detector = VoiceDetector::new();
        let mut timestamp = 0u32;
        Self::spawn_steps(
            "microphone",
            info,
            move |turn| {
                let mut block = [0i16; NARROW_SAMPLES];
                if matches!(turn, Turn::Last) || source.next_block(&mut block)?.is_none() {
                    return Ok(Step::Over);
                }
                let (level, is_voice) = detector.handle_block(&block);
                let level = level & 0x7f | u8::from(is_voice) << 7;
                let bytes = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                let now = Clock::now();
                let begins_at = timestamp;
                timestamp = timestamp.wrapping_add(NARROW_SAMPLES as u32);
                Ok(Step::Frames(vec![CapturedFrame {
                    room,
                    track,
                    layer: 0,
                    timestamp: begins_at,
                    level,
                    bytes,
                    strips: None,
                    captured_at: now,
                    encoded_at: now,
                }]))
            },
            frames,
        )
    }
}

fn frame_of(packet: Packet, room: RoomId, captured_at: hph_core::time::Instant) -> CapturedFrame {
    let Packet { timestamp, level, bytes } = packet;
    let track = TrackId::MICROPHONE;
    CapturedFrame {
        room,
        track,
        layer: 0,
        timestamp,
        level,
        bytes,
        strips: None,
        captured_at,
        encoded_at: Clock::now(),
    }
}

/// Opens a source at the rate of voices; a device is asked for pieces of `period_samples`.
///
/// # Errors
/// What the device or file says.
pub fn open(spec: &MicrophoneSpec, period_samples: u32) -> io::Result<Box<dyn SoundSource>> {
    Ok(match spec {
        MicrophoneSpec::Device(choice) => Box::new(Microphone::open(choice.clone(), period_samples)?),
        MicrophoneSpec::Tone { frequency_hz } => {
            let tone = ToneSource::new(*frequency_hz, TONE_AMPLITUDE, Pacing::Unpaced);
            Box::new(Widened::new(tone, Pacing::RealTime))
        }
        MicrophoneSpec::Test { seed } => {
            Box::new(Widened::new(SpeechSource::new(*seed, Pacing::Unpaced), Pacing::RealTime))
        }
        MicrophoneSpec::File { path, is_looped } => Box::new(WavFileSource::open(path, *is_looped, Pacing::RealTime)?),
    })
}
