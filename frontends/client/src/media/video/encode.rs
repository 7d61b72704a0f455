//! Captured pictures to encoded frames, and what may be asked of the encoder while it runs.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hph_core::time::Instant;
use hph_core::wire::control::Codec;
use hph_platform::camera::CapturedImage;
use hph_platform::jpeg::JpegEncoder;
use hph_platform::picture::Picture;
use hph_platform::video::{StripEncoder, StripFrame, StripParams};

/// Quality of whole JPEGs that we encode ourselves.
const JPEG_QUALITY: u8 = 75;

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
}

/// Bytes of a frame, and which of them are a strip each.
pub(super) type Encoded = (Vec<u8>, Option<Vec<Range<usize>>>);

/// Encodes a picture, or a camera's own JPEG, as a whole JPEG.
pub(super) fn encode_whole(encoder: &mut JpegEncoder, image: CapturedImage) -> io::Result<Vec<u8>> {
    match image {
        // The camera's own JPEG goes out as it is.
        CapturedImage::Jpeg(bytes) => Ok(bytes),
        CapturedImage::Picture(picture) => {
            let mut bytes = Vec::new();
            encoder.encode(&picture, JPEG_QUALITY, &mut bytes).map_err(io::Error::other)?;
            Ok(bytes)
        }
    }
}

/// Strips, with what they need from one picture to the next.
#[derive(Default)]
pub(super) struct Strips {
    encoder: StripEncoder,
    control: Arc<VideoControl>,
    frame: StripFrame,
    last_timestamp: u32,
}

impl Strips {
    /// What may be asked of it.
    pub fn control(&self) -> Arc<VideoControl> {
        Arc::clone(&self.control)
    }

    /// The engine had no room for the frame before.
    pub fn mark_last_lost(&mut self) {
        self.encoder.mark_frame_lost(self.last_timestamp);
    }

    /// Somebody did not get that strip of the frame with that timestamp: its blocks are sent again, unless they were since.
    pub fn mark_lost(&mut self, timestamp: u32, index: u16) {
        self.encoder.mark_lost(timestamp, index);
    }

    /// Encodes a picture; none if there is nothing new in it.
    pub fn encode(&mut self, at: Instant, picture: &Picture, timestamp: u32) -> io::Result<Option<Encoded>> {
        if self.control.is_refresh_wanted.swap(false, Ordering::Relaxed) {
            self.encoder.request_refresh();
        }
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
    use super::*;

    #[test]
    fn a_still_picture_is_sent_once_and_again_when_it_was_dropped_lost_or_asked_for() {
        let mut encoder = Strips::default();
        let control = encoder.control();
        control.set_params(StripParams { refined_quality: 0, ..StripParams::default() });
        let picture = Picture::black(64, 64);
        let encode = |encoder: &mut Strips, ms: u64, timestamp| {
            encoder.encode(Instant::from_micros(ms * 1000), &picture, timestamp).unwrap()
        };
        assert!(encode(&mut encoder, 0, 7).is_some());
        assert!(encode(&mut encoder, 40, 8).is_none());
        encoder.mark_last_lost();
        assert!(encode(&mut encoder, 80, 9).is_none(), "the frame without strips was no loss");
        encoder.mark_lost(7, 0);
        let (bytes, strips) = encode(&mut encoder, 120, 10).unwrap();
        assert_eq!(strips.unwrap(), vec![0..bytes.len()]);
        encoder.mark_last_lost();
        assert!(encode(&mut encoder, 160, 11).is_some());
        control.request_refresh();
        assert!(encode(&mut encoder, 200, 12).is_some());
        assert!(encode(&mut encoder, 240, 13).is_none());
    }

    #[test]
    fn a_cameras_own_jpeg_passes_as_it_is() {
        let mut jpeg = Vec::new();
        JpegEncoder::new().encode(&Picture::black(32, 32), 80, &mut jpeg).unwrap();
        let passed = encode_whole(&mut JpegEncoder::new(), CapturedImage::Jpeg(jpeg.clone())).unwrap();
        assert_eq!(passed, jpeg);
    }
}
