//! JPEGs of anybody to pictures, by zune-jpeg.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::{JpegError, probe};
use crate::picture::Picture;

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
