//! Pictures that people send, made small. Whatever a file claims to be, nothing of it is believed before it is bounded: how long it
//! is, how large its picture says to be, and how much memory that may take.

use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::catch_unwind;
use std::path::Path;

use hph_presenters::previews::BYTES_MAX;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::pictures::Pixels;

/// Each side of a picture at most. **Units:** pixels.
const SIDE_MAX: usize = 8192;
/// All of a picture at most: three bytes each while it is decoded. **Units:** pixels.
const PIXELS_MAX: usize = 24_000_000;
/// What is shown is no larger: twice its place, for screens with fine pixels. **Units:** pixels.
const SHOWN_MAX: usize = 640;

/// Reads a PNG or JPEG file and makes it small; none if it is neither, damaged, or too large. Takes its time: not for a thread that
/// draws.
pub fn read(path: &Path) -> Option<Pixels> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > BYTES_MAX {
        return None;
    }
    // A decoder that panics is a defect of the decoder: of the program only this picture is missing then.
    catch_unwind(|| decode(&bytes)).ok().flatten()
}

/// The pixels of a picture: red, green, blue.
struct Whole {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// What the bytes begin with says what they are, not their name.
fn decode(bytes: &[u8]) -> Option<Pixels> {
    let whole = match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes),
        _ => None,
    }?;
    smaller(&whole)
}

fn is_bounded(width: usize, height: usize) -> bool {
    (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height) && width * height <= PIXELS_MAX
}

fn png(bytes: &[u8]) -> Option<Whole> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: PIXELS_MAX * 4 });
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if !is_bounded(width, height) {
        return None;
    }
    let mut samples = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut samples).ok()?;
    let channels = info.color_type.samples();
    // On a light ground, as paper is.
    let over = |sample: u8, alpha: u8| {
        let (sample, alpha) = (u32::from(sample), u32::from(alpha));
        ((sample * alpha + 255 * (255 - alpha)) / 255) as u8
    };
    let rgb = samples.chunks_exact(channels).take(width * height).flat_map(|pixel| match *pixel {
        [grey] => [grey; 3],
        [grey, alpha] => [over(grey, alpha); 3],
        [r, g, b] => [r, g, b],
        [r, g, b, alpha, ..] => [over(r, alpha), over(g, alpha), over(b, alpha)],
        [] => [0; 3],
    });
    Some(Whole { width, height, rgb: rgb.collect() })
}

fn jpeg(bytes: &[u8]) -> Option<Whole> {
    let options = DecoderOptions::default()
        .set_max_width(SIDE_MAX)
        .set_max_height(SIDE_MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    if !is_bounded(width, height) {
        return None;
    }
    Some(Whole { width, height, rgb: decoder.decode().ok()? })
}

/// The mean of as many pixels as one pixel of it stands for.
fn smaller(whole: &Whole) -> Option<Pixels> {
    let Whole { width, height, rgb } = whole;
    if rgb.len() != width * height * 3 {
        return None;
    }
    let step = width.max(height).div_ceil(SHOWN_MAX).max(1);
    let (columns, rows) = ((width / step).max(1), (height / step).max(1));
    let mut pixels = Pixels::new(u32::try_from(columns).ok()?, u32::try_from(rows).ok()?);
    for (at, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (left, top) = (at % columns * step, at / columns * step);
        let (mut sum, mut count) = ([0u32; 3], 0u32);
        for y in top..(top + step).min(*height) {
            let row = rgb.get((y * width + left) * 3..(y * width + (left + step).min(*width)) * 3)?;
            for one in row.chunks_exact(3) {
                sum = [sum[0] + u32::from(one[0]), sum[1] + u32::from(one[1]), sum[2] + u32::from(one[2])];
                count += 1;
            }
        }
        let mean = |sum: u32| (sum / count.max(1)) as u8;
        (pixel.r, pixel.g, pixel.b) = (mean(sum[0]), mean(sum[1]), mean(sum[2]));
    }
    Some(pixels)
}

#[cfg(test)]
mod tests;
