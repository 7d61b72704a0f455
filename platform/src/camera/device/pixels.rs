//! A camera's raw samples to pixels.
//!
//! By hand, and not by the crate for it (`yuv`): that one takes over a minute to build on one core, for what are 60 lines here, and
//! saves a millisecond a picture.

use super::format::Coding;
use crate::camera::CameraFormat;
use crate::picture::{Picture, yuv_to_rgb};

/// The picture in a driver's buffer, which may be longer than it; none if it is shorter, or not raw.
///
/// Samples are those of video: ITU-R BT.601, 16 to 235.
pub fn picture_of(samples: &[u8], coding: Coding, format: CameraFormat) -> Option<Picture> {
    let (width, height) = (usize::from(format.width), usize::from(format.height));
    let pixels = width * height;
    let mut rgb = vec![0; pixels * 3];
    match coding {
        Coding::Yuyv if width % 2 == 0 => yuyv(samples.get(..pixels * 2)?, &mut rgb),
        Coding::Nv12 if width % 2 == 0 => {
            let (luma, chroma) = samples.get(..pixels + width * height.div_ceil(2))?.split_at(pixels);
            nv12(luma, chroma, width, &mut rgb);
        }
        Coding::Rgb => rgb.copy_from_slice(samples.get(..pixels * 3)?),
        Coding::Bgr => {
            for (pixel, sample) in rgb.chunks_exact_mut(3).zip(samples.get(..pixels * 3)?.chunks_exact(3)) {
                pixel.copy_from_slice(&[sample[2], sample[1], sample[0]]);
            }
        }
        Coding::Grey => {
            for (pixel, sample) in rgb.chunks_exact_mut(3).zip(samples.get(..pixels)?) {
                pixel.fill(*sample);
            }
        }
        Coding::Yuyv | Coding::Nv12 | Coding::Jpeg => return None,
    }
    Some(Picture { width: format.width, height: format.height, rgb })
}

fn yuyv(samples: &[u8], rgb: &mut [u8]) {
    for (pixels, pair) in rgb.chunks_exact_mut(6).zip(samples.chunks_exact(4)) {
        put_pair(pixels, [pair[0], pair[2]], pair[1], pair[3]);
    }
}

fn nv12(luma: &[u8], chroma: &[u8], width: usize, rgb: &mut [u8]) {
    for (row, (pixels, luma)) in rgb.chunks_exact_mut(width * 3).zip(luma.chunks_exact(width)).enumerate() {
        let chroma = chroma.chunks_exact(width).nth(row / 2).unwrap_or_default();
        for ((pixels, luma), pair) in pixels.chunks_exact_mut(6).zip(luma.chunks_exact(2)).zip(chroma.chunks_exact(2)) {
            put_pair(pixels, [luma[0], luma[1]], pair[0], pair[1]);
        }
    }
}

/// Two pixels that share their chroma.
fn put_pair(pixels: &mut [u8], luma: [u8; 2], blue: u8, red: u8) {
    for (pixel, luma) in pixels.chunks_exact_mut(3).zip(luma) {
        pixel.copy_from_slice(&yuv_to_rgb(luma, blue, red, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: CameraFormat = CameraFormat { width: 4, height: 2, fps: 30 };
    const WHITE: [u8; 3] = [255; 3];
    const BLACK: [u8; 3] = [0; 3];

    fn pixel(picture: &Picture, x: u16, y: u16) -> [u8; 3] {
        picture.pixel(x, y).unwrap()
    }

    #[test]
    fn luma_and_chroma_in_turns_become_pixels() {
        // Black, white, then two of red; a second row of white.
        let row = [16, 128, 235, 128, 81, 90, 81, 240];
        let samples = [row, [235, 128, 235, 128, 235, 128, 235, 128]].concat();
        let picture = picture_of(&samples, Coding::Yuyv, FORMAT).unwrap();
        assert_eq!((pixel(&picture, 0, 0), pixel(&picture, 1, 0), pixel(&picture, 3, 1)), (BLACK, WHITE, WHITE));
        let [red, green, blue] = pixel(&picture, 2, 0);
        assert!(red > 250 && green < 5 && blue < 5);
    }

    #[test]
    fn chroma_pairs_belong_to_squares_of_four() {
        let samples = [[16, 235, 81, 81].as_slice(), &[235, 16, 81, 81], &[128, 128, 90, 240]].concat();
        let picture = picture_of(&samples, Coding::Nv12, FORMAT).unwrap();
        assert_eq!((pixel(&picture, 0, 0), pixel(&picture, 0, 1), pixel(&picture, 1, 1)), (BLACK, WHITE, BLACK));
        for (x, y) in [(2, 0), (3, 0), (2, 1), (3, 1)] {
            let [red, green, blue] = pixel(&picture, x, y);
            assert!(red > 250 && green < 5 && blue < 5);
        }
    }

    #[test]
    fn plain_colours_and_grey_keep_their_values() {
        let samples: Vec<u8> = (0..24).collect();
        assert_eq!(pixel(&picture_of(&samples, Coding::Rgb, FORMAT).unwrap(), 1, 0), [3, 4, 5]);
        assert_eq!(pixel(&picture_of(&samples, Coding::Bgr, FORMAT).unwrap(), 1, 0), [5, 4, 3]);
        assert_eq!(pixel(&picture_of(&samples, Coding::Grey, FORMAT).unwrap(), 1, 1), [5; 3]);
    }

    #[test]
    fn a_buffer_may_be_longer_but_not_shorter_than_the_picture() {
        for (coding, needed) in
            [(Coding::Nv12, 12), (Coding::Yuyv, 16), (Coding::Rgb, 24), (Coding::Bgr, 24), (Coding::Grey, 8)]
        {
            assert!(picture_of(&vec![0; needed], coding, FORMAT).is_some_and(|picture| picture.is_consistent()));
            assert!(picture_of(&vec![0; needed + 4096], coding, FORMAT).is_some());
            assert!(picture_of(&vec![0; needed - 1], coding, FORMAT).is_none(), "{coding}");
        }
        assert!(picture_of(&[0; 99], Coding::Jpeg, FORMAT).is_none());
    }
}
