//! Pictures to JPEG and back.
//!
//! Encoding is mozjpeg in its fastest profile: baseline, 4:2:0, the standard Huffman tables. Its SIMD code is assembled
//! by nasm on x86: **a build without nasm succeeds, says nothing, and is nine times slower** (0.6 ms becomes 5 ms for
//! 640x480). Builds must check `nasm -v` first; see `BUILD.md`. Never link turbojpeg beside it: both define the same C
//! symbols.
//!
//! Decoding is zune-jpeg, behind [`probe`]: what comes from the network is hostile until shown otherwise, and zune-jpeg is
//! Rust, so that a bug in it is far more likely a panic, which is caught, than corrupted memory. That costs a third to
//! two thirds more time than mozjpeg's decoder (0.6 against 0.45 ms for 640x360, 2.0 against 1.2 ms for 1280x720).

mod encoder;
mod mend;
mod probe;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

pub use encoder::{JpegEncoder, QUALITY_MIN};
pub use mend::mend_camera_jpeg;
pub use probe::{JpegInfo, jpeg_len_bytes, probe};

use crate::picture::Picture;

/// Why a JPEG was refused, or could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JpegError {
    /// The bytes are no JPEG, or end too early.
    Malformed {
        /// What was being read.
        at: &'static str,
    },
    /// A JPEG of a kind that nobody may send: not baseline, several scans, odd components.
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },
    /// No sides, or greater ones than [`PICTURE_WIDTH_MAX`] x [`PICTURE_HEIGHT_MAX`].
    Size {
        /// Pixels in a row.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// More bytes than [`hph_core::limits::FRAME_MAX_BYTES`].
    TooLong {
        /// How many.
        len_bytes: usize,
    },
    /// The codec gave up.
    Codec {
        /// What it said.
        reason: String,
    },
}

impl fmt::Display for JpegError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { at } => write!(f, "not a whole JPEG: wrong at {at}"),
            Self::Unsupported { what } => write!(f, "a JPEG with {what} cannot be used"),
            Self::Size { width, height } => {
                write!(f, "the picture is {width}x{height}, allowed is up to {PICTURE_WIDTH_MAX}x{PICTURE_HEIGHT_MAX}")
            }
            Self::TooLong { len_bytes } => {
                write!(f, "the JPEG has {len_bytes} bytes, allowed are {}", hph_core::limits::FRAME_MAX_BYTES)
            }
            Self::Codec { reason } => write!(f, "the JPEG codec gave up: {reason}"),
        }
    }
}

impl std::error::Error for JpegError {}

/// Decodes a JPEG that may come from anybody.
///
/// **Bound:** [`probe`] passes it first, so work and memory are those of the largest allowed picture.
///
/// # Errors
/// [`JpegError`] from the gate or the decoder.
pub fn decode(jpeg: &[u8]) -> Result<Picture, JpegError> {
    let mut picture = Picture::default();
    decode_into(jpeg, &mut picture)?;
    Ok(picture)
}

/// As [`decode`], into the memory of an earlier picture. After an error the picture's content is unspecified, but
/// consistent.
///
/// # Errors
/// As [`decode`].
pub fn decode_into(jpeg: &[u8], picture: &mut Picture) -> Result<(), JpegError> {
    let info = probe(jpeg)?;
    let pixels = usize::from(info.width) * usize::from(info.height);
    picture.width = info.width;
    picture.height = info.height;
    picture.rgb.resize(pixels * 3, 0);
    let out = picture.rgb.as_mut_slice();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let options = DecoderOptions::default()
            .set_max_width(PICTURE_WIDTH_MAX.into())
            .set_max_height(PICTURE_HEIGHT_MAX.into())
            .jpeg_set_max_scans(1)
            .jpeg_set_out_colorspace(ColorSpace::RGB);
        let bytes = ZCursor::new(&jpeg[..info.len_bytes]);
        JpegDecoder::new_with_options(bytes, options).decode_into(out)
    }));
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(JpegError::Codec { reason: format!("{error:?}") }),
        Err(_) => Err(JpegError::Codec { reason: "the decoder panicked".into() }),
    }
}

#[cfg(test)]
mod bad_cameras;
#[cfg(test)]
mod tests;
