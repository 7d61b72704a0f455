//! Capture: a thread per device that owns it, from switching on to switching off. Off means closed, not muted.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use async_channel::Sender;
use hph_core::id::{RoomId, TrackId};
use hph_core::time::Instant;
use hph_core::wire::control::{Codec, TrackInfo};
use hph_platform::camera::{self, CameraFormat, CameraSource, CapturedImage, FileOptions, TestPattern};
use hph_platform::clock::Clock;
use hph_platform::jpeg::JpegEncoder;
use hph_platform::level::VoiceDetector;
use hph_platform::microphone::{BLOCK_SAMPLES, MicrophoneSource, SpeechSource, ToneSource, WavSource};
use hph_platform::pacer::Pacing;

use crate::engine::{CapturedFrame, FrameSender};

/// Quality of pictures that we encode ourselves.
const JPEG_QUALITY: u8 = 75;
/// Level of a packet that carries no sound (RFC 6464).
const NO_LEVEL: u8 = 127;

/// Where pictures come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraSpec {
    /// A moving test picture with a time code.
    Test {
        /// Size and rate.
        format: CameraFormat,
        /// Name drawn in it.
        name: String,
    },
    /// A file or folder.
    File {
        /// MJPEG, Y4M, or a folder of JPEGs.
        path: PathBuf,
        /// Pictures a second where the file does not say.
        fps: u16,
        /// Whether to begin again at the end.
        is_looped: bool,
    },
}

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

/// What a capture has done.
#[derive(Debug, Default)]
pub struct CaptureFigures {
    /// Frames handed to the engine.
    pub sent: AtomicU64,
    /// Frames that the engine could not take.
    pub dropped: AtomicU64,
    /// Whether the source has ended by itself.
    pub is_over: AtomicBool,
}

/// A device that is on. Dropping it closes the device.
pub struct Capture {
    stop: Arc<AtomicBool>,
    figures: Arc<CaptureFigures>,
    info: TrackInfo,
    /// Dropped to let the thread begin.
    hold: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Opens a camera and sends its pictures to a room.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn camera(spec: &CameraSpec, track: TrackId, room: RoomId, frames: FrameSender) -> io::Result<Self> {
        let mut capture = Self::camera_held(spec, track, room, frames)?;
        capture.begin();
        Ok(capture)
    }

    /// Opens a camera that takes its first picture after [`Self::begin`]. The relay drops what comes before the track
    /// is on: whoever waits for the server's confirmation loses no picture of a file.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn camera_held(spec: &CameraSpec, track: TrackId, room: RoomId, frames: FrameSender) -> io::Result<Self> {
        let mut source: Box<dyn CameraSource> = match spec {
            CameraSpec::Test { format, name } => Box::new(TestPattern::new(*format, name, Pacing::RealTime)),
            CameraSpec::File { path, fps, is_looped } => {
                let options = FileOptions { fps: *fps, is_looped: *is_looped, pacing: Pacing::RealTime };
                camera::open_file(path, options)?
            }
        };
        let CameraFormat { width, height, .. } = source.format();
        let info = TrackInfo { is_on: true, codec: Codec::Jpeg, width, height };
        let mut encoder = JpegEncoder::new();
        Self::spawn("camera", info, move |_| {
            let Some(captured) = source.next_frame()? else { return Ok(None) };
            let bytes = match captured.image {
                // The camera's own JPEG goes out as it is.
                CapturedImage::Jpeg(bytes) => bytes,
                CapturedImage::Picture(picture) => {
                    let mut bytes = Vec::new();
                    encoder.encode(&picture, JPEG_QUALITY, &mut bytes).map_err(io::Error::other)?;
                    bytes
                }
            };
            let (captured_at, timestamp) = (captured.at, picture_clock(captured.at));
            let encoded_at = Clock::now();
            Ok(Some(CapturedFrame { room, track, timestamp, level: NO_LEVEL, bytes, captured_at, encoded_at }))
        }, frames)
    }

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
        Self::spawn("microphone", info, move |count| {
            let mut block = [0i16; BLOCK_SAMPLES];
            if source.next_block(&mut block)?.is_none() {
                return Ok(None);
            }
            let (level, is_voice) = detector.handle_block(&block);
            let level = level & 0x7f | u8::from(is_voice) << 7;
            let bytes = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let timestamp = (count as u32).wrapping_mul(BLOCK_SAMPLES as u32);
            let now = Clock::now();
            Ok(Some(CapturedFrame { room, track, timestamp, level, bytes, captured_at: now, encoded_at: now }))
        }, frames)
    }

    /// Lets a held device begin; does nothing the second time.
    pub fn begin(&mut self) {
        self.hold = None;
    }

    /// What the track is, to announce it.
    pub const fn info(&self) -> TrackInfo {
        self.info
    }

    /// What it has done until now.
    pub fn figures(&self) -> Arc<CaptureFigures> {
        Arc::clone(&self.figures)
    }

    fn spawn(
        name: &str,
        info: TrackInfo,
        mut next: impl FnMut(u64) -> io::Result<Option<CapturedFrame>> + Send + 'static,
        frames: FrameSender,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let figures = Arc::new(CaptureFigures::default());
        let (is_stopped, counted) = (Arc::clone(&stop), Arc::clone(&figures));
        let (hold, held) = async_channel::bounded::<()>(1);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Nothing is ever sent: the channel closes when the wait is over.
            let _ = held.recv_blocking();
            let mut count = 0;
            while !is_stopped.load(Ordering::Relaxed) {
                // A device that fails is over, like a file that ends; the frontend sees it and may open it again.
                let Ok(Some(frame)) = next(count) else { break };
                count += 1;
                let is_taken = frames.send(frame);
                let counter = if is_taken { &counted.sent } else { &counted.dropped };
                counter.fetch_add(1, Ordering::Relaxed);
            }
            counted.is_over.store(true, Ordering::Relaxed);
        })?;
        Ok(Self { stop, figures, info, hold: Some(hold), thread: Some(thread) })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.begin();
        if let Some(thread) = self.thread.take() {
            // At most one frame interval: the device is closed when this returns.
            let _ = thread.join();
        }
    }
}

/// The media clock of pictures: 1/90000 s.
fn picture_clock(at: Instant) -> u32 {
    (at.as_micros() / 100 * 9) as u32
}
