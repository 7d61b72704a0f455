//! Pictures to JPEG with mozjpeg's fastest profile.

use std::panic::catch_unwind;

use hph_core::limits::FRAME_MAX_BYTES;
use mozjpeg::{ColorSpace, Compress};

use super::JpegError;
use crate::picture::{Picture, check_size};

/// Below this the quantisation tables need 16 bits, and the JPEG would not be baseline.
pub const QUALITY_MIN: u8 = 25;

/// Makes baseline JPEGs in 4:2:0 with the standard Huffman tables.
#[derive(Debug, Default)]
pub struct JpegEncoder {
    /// Memory for the next JPEG, kept from one call to the next.
    spare: Vec<u8>,
}

impl JpegEncoder {
    /// An encoder.
    pub const fn new() -> Self {
        Self { spare: Vec::new() }
    }

    /// Encodes `picture` with `quality` ([`QUALITY_MIN`] to 100, others are taken as the nearest) and puts the JPEG in `out`, in place
    /// of what was there.
    ///
    /// # Errors
    /// - [`JpegError::Size`]: the sides are not allowed, or do not fit the number of bytes.
    /// - [`JpegError::TooLong`]: the JPEG is longer than a frame may be; try a lower quality.
    /// - [`JpegError::Codec`]: mozjpeg gave up.
    ///
    /// After an error `out` is empty.
    pub fn encode(&mut self, picture: &Picture, quality: u8, out: &mut Vec<u8>) -> Result<(), JpegError> {
        let (width, height) = (picture.width, picture.height);
        out.clear();
        if !picture.is_consistent() || check_size(width.into(), height.into()).is_err() {
            return Err(JpegError::Size { width, height });
        }
        let mut memory = std::mem::take(&mut self.spare);
        memory.clear();
        // mozjpeg reports errors of the C library by unwinding.
        let result = catch_unwind(|| compress(picture, quality, memory));
        let mut jpeg = match result {
            Ok(Ok(jpeg)) => jpeg,
            Ok(Err(error)) => return Err(codec(error.to_string())),
            Err(_) => return Err(codec("mozjpeg reported an error".into())),
        };
        let len_bytes = jpeg.len();
        if len_bytes <= FRAME_MAX_BYTES {
            std::mem::swap(out, &mut jpeg);
        }
        self.spare = jpeg;
        if len_bytes > FRAME_MAX_BYTES {
            return Err(JpegError::TooLong { len_bytes });
        }
        Ok(())
    }
}

fn compress(picture: &Picture, quality: u8, memory: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut compress = Compress::new(ColorSpace::JCS_RGB);
    // First of all: it resets the other settings. The defaults are thirty times slower.
    compress.set_fastest_defaults();
    compress.set_size(picture.width.into(), picture.height.into());
    compress.set_quality(quality.clamp(QUALITY_MIN, 100).into());
    compress.set_optimize_coding(false);
    compress.set_chroma_sampling_pixel_sizes((2, 2), (2, 2));
    let mut started = compress.start_compress(memory)?;
    started.write_scanlines(&picture.rgb)?;
    started.finish()
}

fn codec(reason: String) -> JpegError {
    JpegError::Codec { reason }
}
