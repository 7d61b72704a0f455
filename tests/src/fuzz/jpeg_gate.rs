//! The gate before the picture decoder, and the decoder behind it.

use hph_core::limits::{FRAME_MAX_BYTES, PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use hph_platform::jpeg::{JpegError, decode, jpeg_len_bytes, probe};

use super::reach;

pub(super) const LANDMARKS: &[&str] =
    &["colour picture", "decoder gave up", "grey picture", "malformed", "size refused", "unsupported"];

/// The bytes are a picture from a stranger.
///
/// **Promises:** only pictures of allowed sides reach the decoder, nothing panics, the pixels are exactly those of the
/// announced sides. Run it with a memory limit (`scripts/fuzz` does).
pub fn jpeg_gate(data: &[u8]) {
    let len = jpeg_len_bytes(data);
    assert!(!matches!(len, Ok(Some(len)) if len > data.len()), "a picture longer than its bytes");
    let info = match probe(data) {
        Ok(info) => info,
        Err(error) => {
            reach(match error {
                JpegError::Malformed { .. } => "malformed",
                JpegError::Size { .. } => "size refused",
                _ => "unsupported",
            });
            assert_eq!(decode(data).expect_err("the gate refuses it"), error);
            return;
        }
    };
    assert!(info.width > 0 && info.width <= PICTURE_WIDTH_MAX && info.height > 0 && info.height <= PICTURE_HEIGHT_MAX);
    assert!(info.len_bytes <= data.len() && info.len_bytes <= FRAME_MAX_BYTES);
    assert_eq!(len, Ok(Some(info.len_bytes)), "two opinions of where it ends");
    match decode(data) {
        Ok(picture) => {
            assert_eq!((picture.width, picture.height), (info.width, info.height));
            assert!(picture.is_consistent());
            reach(if info.components == 1 { "grey picture" } else { "colour picture" });
        }
        Err(JpegError::Codec { reason }) => {
            assert!(!reason.contains("panicked"), "the decoder panicked");
            reach("decoder gave up");
        }
        Err(error) => panic!("behind the gate: {error}"),
    }
}
