//! From a camera to encoded pictures.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hph_core::id::{RoomId, TrackId};
use hph_core::time::Instant;
use hph_core::wire::control::TrackInfo;
use hph_platform::camera::{self, CameraFormat, CameraSource, Captured, CapturedImage, FileOptions, TestPattern};
use hph_platform::clock::Clock;
use hph_platform::jpeg::JpegEncoder;
use hph_platform::pacer::Pacing;
use hph_platform::screen::{self, ScreenMode};

use super::encode::{VideoCodec, VideoControl, encode_whole};
use super::publisher::{Published, Publisher};
use crate::engine::{CapturedFrame, FrameSender};
use crate::media::Capture;
use crate::media::capture::{Step, Turn};

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
    /// A camera of this machine.
    Device {
        /// Its name, a part of it, its file, or `default`.
        name: String,
        /// What is wanted; it gives what it has next to that.
        format: CameraFormat,
    },
    /// A screen, monitor or window of this machine.
    Screen {
        /// What [`screen::open_screen`] understands.
        target: String,
        /// What matters in it.
        mode: ScreenMode,
    },
}

/// Is shown what our camera takes.
pub type OwnPictures = Box<dyn FnMut(&CapturedImage) + Send>;

impl Capture {
    /// Opens a camera and sends its pictures to a room.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn camera(
        spec: &CameraSpec,
        codec: VideoCodec,
        track: TrackId,
        room: RoomId,
        frames: FrameSender,
    ) -> io::Result<Self> {
        let mut capture = Self::camera_held(spec, codec, track, room, frames)?;
        capture.begin();
        Ok(capture)
    }

    /// Opens a camera that takes its first picture after [`Self::begin`]. The relay drops what comes before the track
    /// is on: whoever waits for the server's confirmation loses no picture of a file.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn camera_held(
        spec: &CameraSpec,
        codec: VideoCodec,
        track: TrackId,
        room: RoomId,
        frames: FrameSender,
    ) -> io::Result<Self> {
        Self::camera_watched(spec, codec, track, room, frames, None)
    }

    /// As [`Self::camera_held`]; each picture is shown to `watch` too, on the camera's thread: what others are to see.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn camera_watched(
        spec: &CameraSpec,
        codec: VideoCodec,
        track: TrackId,
        room: RoomId,
        frames: FrameSender,
        mut watch: Option<OwnPictures>,
    ) -> io::Result<Self> {
        let mut source: Box<dyn CameraSource> = match spec {
            CameraSpec::Test { format, name } => Box::new(TestPattern::new(*format, name, Pacing::RealTime)),
            CameraSpec::File { path, fps, is_looped } => {
                let options = FileOptions { fps: *fps, is_looped: *is_looped, pacing: Pacing::RealTime };
                camera::open_file(path, options)?
            }
            CameraSpec::Device { name, format } => camera::open_device(name, *format)?,
            CameraSpec::Screen { target, mode } => screen::open_screen(target, *mode)?,
        };
        let CameraFormat { width, height, fps } = source.format();
        let info = TrackInfo { is_on: true, codec: codec.on_the_wire(), width, height };
        let screen = match spec {
            CameraSpec::Screen { mode, .. } => Some(*mode),
            _ => None,
        };
        let mut way = match codec {
            VideoCodec::Jpeg => Way::Whole(JpegEncoder::new()),
            VideoCodec::Strips => Way::Strips(Box::new(Publisher::new(frames.guidance(), room, track, fps, screen))),
        };
        let control = way.control();
        let step = move |turn: Turn| {
            let Turn::Next { is_taken: was_taken } = turn else { return Ok(Step::Over) };
            let Some(captured) = source.next_frame()? else { return Ok(Step::Over) };
            let (captured_at, timestamp) = (captured.at, picture_clock(captured.at));
            if let Some(watch) = &mut watch {
                watch(&captured.image);
            }
            let published = way.publish(captured, timestamp, was_taken)?;
            let encoded_at = Clock::now();
            let frame = |(layer, (bytes, strips))| CapturedFrame {
                room,
                track,
                layer,
                timestamp,
                level: NO_LEVEL,
                bytes,
                strips,
                captured_at,
                encoded_at,
            };
            Ok(Step::Frames(published.into_iter().map(frame).collect()))
        };
        let mut capture = Self::spawn_steps("camera", info, step, frames)?;
        capture.video = control;
        Ok(capture)
    }
}

/// How a track's pictures go out.
enum Way {
    Whole(JpegEncoder),
    Strips(Box<Publisher>),
}

impl Way {
    fn control(&self) -> Option<Arc<VideoControl>> {
        match self {
            Self::Whole(_) => None,
            Self::Strips(publisher) => Some(publisher.control()),
        }
    }

    fn publish(&mut self, captured: Captured, timestamp: u32, was_taken: bool) -> io::Result<Vec<Published>> {
        match self {
            Self::Whole(encoder) => Ok(vec![(0, (encode_whole(encoder, captured.image)?, None))]),
            Self::Strips(publisher) => {
                if !was_taken {
                    publisher.mark_last_lost();
                }
                publisher.publish(captured, timestamp)
            }
        }
    }
}

/// The media clock of pictures: 1/90000 s.
fn picture_clock(at: Instant) -> u32 {
    (at.as_micros() / 100 * 9) as u32
}
