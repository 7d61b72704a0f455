//! A camera's raw samples to pixels.
//!
//! By hand, and not by the crate for it (`yuv`): that one takes over a minute to build on one core, and could save at most the two
//! milliseconds that this takes for 1280x720.

use super::format::Coding;
use crate::camera::CameraFormat;
use crate::picture::Picture;

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
            let (stored, _) = samples.get(..pixels * 3)?.as_chunks();
            rgb.as_chunks_mut()
                .0
                .iter_mut()
                .zip(stored)
                .for_each(|(pixel, [blue, green, red])| *pixel = [*red, *green, *blue]);
        }
        Coding::Grey => {
            let luma = samples.get(..pixels)?;
            rgb.as_chunks_mut().0.iter_mut().zip(luma).for_each(|(pixel, luma)| *pixel = [*luma; 3]);
        }
        Coding::Yuyv | Coding::Nv12 | Coding::Jpeg => return None,
    }
    Some(Picture { width: format.width, height: format.height, rgb })
}

fn yuyv(samples: &[u8], rgb: &mut [u8]) {
    let (pairs, _) = rgb.as_chunks_mut();
    for (pixels, [first, blue, second, red]) in pairs.iter_mut().zip(samples.as_chunks().0) {
        put_pair(pixels, [*first, *second], *blue, *red);
    }
}

fn nv12(luma: &[u8], chroma: &[u8], width: usize, rgb: &mut [u8]) {
    for (row, (pixels, luma)) in rgb.chunks_exact_mut(width * 3).zip(luma.chunks_exact(width)).enumerate() {
        let chroma = chroma.chunks_exact(width).nth(row / 2).unwrap_or_default();
        let both = luma.as_chunks().0.iter().zip(chroma.as_chunks().0);
        for (pixels, (luma, [blue, red])) in pixels.as_chunks_mut().0.iter_mut().zip(both) {
            put_pair(pixels, *luma, *blue, *red);
        }
    }
}

/// Two pixels that share their chroma, in 16.16 fixed point: the same as twice [`crate::picture::yuv_to_rgb`].
fn put_pair(pixels: &mut [u8; 6], [first, second]: [u8; 2], blue: u8, red: u8) {
    let (u, v) = (i32::from(blue) - 128, i32::from(red) - 128);
    let (to_red, to_green, to_blue) = (104_597 * v, -25_675 * u - 53_279 * v, 132_201 * u);
    let luma = |sample: u8| (i32::from(sample) - 16) * 76_309 + (1 << 15);
    let (first, second) = (luma(first), luma(second));
    *pixels = [
        within_byte(first + to_red),
        within_byte(first + to_green),
        within_byte(first + to_blue),
        within_byte(second + to_red),
        within_byte(second + to_green),
        within_byte(second + to_blue),
    ];
}

/// The nearest byte to a number in 16.16 fixed point, of those that occur here: -277 to 536. From a table, because a comparison
/// that the processor guesses wrong takes longer than all the rest.
fn within_byte(value: i32) -> u8 {
    WITHIN_BYTE[((value >> 16) + TABLE_ZERO) as usize & (TABLE - 1)]
}

const TABLE: usize = 1024;
const TABLE_ZERO: i32 = 384;
static WITHIN_BYTE: [u8; TABLE] = {
    let mut table = [0; TABLE];
    let mut at = TABLE_ZERO as usize;
    while at < TABLE {
        let value = at - TABLE_ZERO as usize;
        table[at] = if value > 255 { 255 } else { value as u8 };
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::yuv_to_rgb;

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
    fn a_pair_is_what_its_pixels_are_one_by_one() {
        let steps = || (0..=255u8).step_by(5);
        for (luma, blue, red) in steps().flat_map(|y| steps().flat_map(move |u| steps().map(move |v| (y, u, v)))) {
            let mut pixels = [0; 6];
            put_pair(&mut pixels, [luma, 255 - luma], blue, red);
            let one_by_one = [luma, 255 - luma].map(|luma| yuv_to_rgb(luma, blue, red, false));
            assert_eq!(pixels.as_chunks().0, one_by_one);
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
