//! Captured pictures to encoded frames, and what may be asked of the encoder while it runs.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hph_core::wire::control::Codec;
use hph_platform::camera::{Captured, CapturedImage};
use hph_platform::jpeg::{self, JpegEncoder};
use hph_platform::picture::Picture;
use hph_platform::video::{StripEncoder, StripFrame, StripParams};

/// Quality of whole JPEGs that we encode ourselves.
const JPEG_QUALITY: u8 = 75;
/// Reports of lost strips that may wait for the next picture; what comes on top is mended by the rolling refresh.
const LOST_MAX: usize = 1024;

/// How pictures are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoCodec {
    /// What has changed, each datagram of use by itself.
    #[default]
    Strips,
    /// Every picture a whole JPEG; a camera's own JPEG passes unchanged.
    Jpeg,
}

impl VideoCodec {
    /// What the track is announced as.
    pub const fn on_the_wire(self) -> Codec {
        match self {
            Self::Strips => Codec::Strips,
            Self::Jpeg => Codec::Jpeg,
        }
    }
}

/// How a camera's pictures are encoded, from the next one on. Shared by whoever steers and the camera's thread.
#[derive(Debug, Default)]
pub struct VideoControl {
    params: Mutex<StripParams>,
    is_refresh_wanted: AtomicBool,
    lost: Mutex<Vec<(u32, u16)>>,
}

impl VideoControl {
    /// Quality, threshold and budget of the next pictures.
    pub fn set_params(&self, params: StripParams) {
        if let Ok(mut own) = self.params.lock() {
            *own = params;
        }
    }

    /// The present ones.
    pub fn params(&self) -> StripParams {
        self.params.lock().map_or_else(|_| StripParams::default(), |params| *params)
    }

    /// Sends the whole picture next time: somebody has come, or has lost too much.
    pub fn request_refresh(&self) {
        self.is_refresh_wanted.store(true, Ordering::Relaxed);
    }

    /// Nobody got that strip of the frame with that timestamp: its blocks are sent again, unless they were since.
    pub fn mark_lost(&self, timestamp: u32, index: u16) {
        if let Ok(mut lost) = self.lost.lock()
            && lost.len() < LOST_MAX
        {
            lost.push((timestamp, index));
        }
    }
}

/// Bytes of a frame, and which of them are a strip each.
pub(super) type Encoded = (Vec<u8>, Option<Vec<Range<usize>>>);

/// The encoder of one camera.
pub(super) enum Encoder {
    Strips(Box<Strips>),
    Jpeg(JpegEncoder),
}

/// Strips, with what they need from one picture to the next.
#[derive(Default)]
pub(super) struct Strips {
    encoder: StripEncoder,
    control: Arc<VideoControl>,
    frame: StripFrame,
    last_timestamp: u32,
    /// Memory for pictures that come as JPEG.
    decoded: Picture,
}

impl Encoder {
    /// An encoder, and the control of it if there is anything to control.
    pub fn new(codec: VideoCodec) -> (Self, Option<Arc<VideoControl>>) {
        match codec {
            VideoCodec::Jpeg => (Self::Jpeg(JpegEncoder::new()), None),
            VideoCodec::Strips => {
                let strips = Box::<Strips>::default();
                let control = Arc::clone(&strips.control);
                (Self::Strips(strips), Some(control))
            }
        }
    }

    /// The engine had no room for the frame before.
    pub fn mark_last_lost(&mut self) {
        if let Self::Strips(strips) = self {
            strips.encoder.mark_frame_lost(strips.last_timestamp);
        }
    }

    /// Encodes a picture; none if there is nothing new in it.
    pub fn encode(&mut self, captured: Captured, timestamp: u32) -> io::Result<Option<Encoded>> {
        match (self, captured.image) {
            (Self::Strips(strips), image) => strips.encode(captured.at, &image, timestamp),
            // The camera's own JPEG goes out as it is.
            (Self::Jpeg(_), CapturedImage::Jpeg(bytes)) => Ok(Some((bytes, None))),
            (Self::Jpeg(encoder), CapturedImage::Picture(picture)) => {
                let mut bytes = Vec::new();
                encoder.encode(&picture, JPEG_QUALITY, &mut bytes).map_err(io::Error::other)?;
                Ok(Some((bytes, None)))
            }
        }
    }
}

impl Strips {
    fn encode(
        &mut self,
        at: hph_core::time::Instant,
        image: &CapturedImage,
        timestamp: u32,
    ) -> io::Result<Option<Encoded>> {
        if self.control.is_refresh_wanted.swap(false, Ordering::Relaxed) {
            self.encoder.request_refresh();
        }
        if let Ok(mut lost) = self.control.lost.lock() {
            lost.drain(..).for_each(|(frame, index)| self.encoder.mark_lost(frame, index));
        }
        let picture = match image {
            CapturedImage::Picture(picture) => picture,
            CapturedImage::Jpeg(bytes) => {
                jpeg::decode_into(bytes, &mut self.decoded).map_err(io::Error::other)?;
                &self.decoded
            }
        };
        self.last_timestamp = timestamp;
        let params = self.control.params();
        self.encoder.encode(at, timestamp, picture, &params, &mut self.frame).map_err(io::Error::other)?;
        if self.frame.strips.is_empty() {
            return Ok(None);
        }
        Ok(Some((self.frame.bytes.clone(), Some(self.frame.strips.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use hph_core::time::Instant;

    use super::*;

    fn captured(ms: u64, picture: &Picture) -> Captured {
        Captured { at: Instant::from_micros(ms * 1000), image: CapturedImage::Picture(picture.clone()) }
    }

    #[test]
    fn a_still_picture_is_sent_once_and_again_when_it_was_dropped_lost_or_asked_for() {
        let (mut encoder, control) = Encoder::new(VideoCodec::Strips);
        let control = control.unwrap();
        control.set_params(StripParams { refined_quality: 0, ..StripParams::default() });
        let picture = Picture::black(64, 64);
        assert!(encoder.encode(captured(0, &picture), 7).unwrap().is_some());
        assert!(encoder.encode(captured(40, &picture), 8).unwrap().is_none());
        encoder.mark_last_lost();
        assert!(encoder.encode(captured(80, &picture), 9).unwrap().is_none(), "the frame without strips was no loss");
        control.mark_lost(7, 0);
        let (bytes, strips) = encoder.encode(captured(120, &picture), 10).unwrap().unwrap();
        assert_eq!(strips.unwrap(), vec![0..bytes.len()]);
        encoder.mark_last_lost();
        assert!(encoder.encode(captured(160, &picture), 11).unwrap().is_some());
        control.request_refresh();
        assert!(encoder.encode(captured(200, &picture), 12).unwrap().is_some());
        assert!(encoder.encode(captured(240, &picture), 13).unwrap().is_none());
    }

    #[test]
    fn reports_of_losses_that_nobody_reads_take_no_more_than_their_room() {
        let control = VideoControl::default();
        (0..5000).for_each(|frame| control.mark_lost(frame, 0));
        assert_eq!(control.lost.lock().unwrap().len(), LOST_MAX);
    }

    #[test]
    fn a_cameras_own_jpeg_passes_as_it_is_or_is_encoded_as_strips() {
        let mut jpeg = Vec::new();
        JpegEncoder::new().encode(&Picture::black(32, 32), 80, &mut jpeg).unwrap();
        let image = || Captured { at: Instant::default(), image: CapturedImage::Jpeg(jpeg.clone()) };
        let (mut whole, control) = Encoder::new(VideoCodec::Jpeg);
        assert!(control.is_none());
        assert_eq!(whole.encode(image(), 0).unwrap().unwrap(), (jpeg.clone(), None));
        let (mut strips, _) = Encoder::new(VideoCodec::Strips);
        assert!(strips.encode(image(), 0).unwrap().unwrap().1.is_some());
    }
}
