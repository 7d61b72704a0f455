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

#[cfg(not(target_family = "wasm"))]
mod decoder;
#[cfg(not(target_family = "wasm"))]
mod encoder;
#[cfg(not(target_family = "wasm"))]
mod mend;
mod probe;

use std::fmt;

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};

#[cfg(not(target_family = "wasm"))]
pub use decoder::{decode, decode_into};
#[cfg(not(target_family = "wasm"))]
pub use encoder::{JpegEncoder, QUALITY_MIN};
#[cfg(not(target_family = "wasm"))]
pub use mend::mend_camera_jpeg;
pub use probe::{JpegInfo, jpeg_len_bytes, probe};

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

#[cfg(test)]
mod bad_cameras;
#[cfg(test)]
mod tests;
