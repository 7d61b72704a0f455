//! Pixels.

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};

/// A picture in red, green and blue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Three bytes a pixel, rows from top to bottom without padding: `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

/// The planes of a 4:2:0 picture (I420), 8 bits a sample.
#[derive(Clone, Copy, Debug)]
pub struct I420<'a> {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Luma, `width * height` bytes.
    pub y: &'a [u8],
    /// Blue difference, half of both sides rounded up.
    pub u: &'a [u8],
    /// Red difference, half of both sides rounded up.
    pub v: &'a [u8],
    /// Whether samples use 0 to 255, as JPEG does, and not 16 to 235, as video does.
    pub is_full_range: bool,
}

impl Picture {
    /// A black picture.
    pub fn black(width: u16, height: u16) -> Self {
        Self { width, height, rgb: vec![0; usize::from(width) * usize::from(height) * 3] }
    }

    /// Whether the length of `rgb` fits the sides, and neither side is zero.
    pub fn is_consistent(&self) -> bool {
        let pixels = usize::from(self.width) * usize::from(self.height);
        pixels > 0 && self.rgb.len() == pixels * 3
    }

    /// Colour of one pixel; none outside the picture.
    pub fn pixel(&self, x: u16, y: u16) -> Option<[u8; 3]> {
        if x >= self.width {
            return None;
        }
        let at = (usize::from(y) * usize::from(self.width) + usize::from(x)) * 3;
        self.rgb.get(at..at + 3)?.try_into().ok()
    }

    /// Puts the picture at half its sides into `smaller`, each pixel the mean of four. An odd last row or column is left
    /// out, unless it is the only one.
    pub fn halve_into(&self, smaller: &mut Self) {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        (smaller.width, smaller.height) = (width, height);
        smaller.rgb.clear();
        smaller.rgb.reserve(usize::from(width) * usize::from(height) * 3);
        let row_bytes = usize::from(self.width) * 3;
        for y in 0..usize::from(height) {
            let upper = &self.rgb[2 * y * row_bytes..][..row_bytes];
            let lower = self.rgb.get((2 * y + 1) * row_bytes..).and_then(|rest| rest.get(..row_bytes)).unwrap_or(upper);
            for x in 0..usize::from(width) {
                let (left, right) = (6 * x, if self.width > 1 { 6 * x + 3 } else { 6 * x });
                for channel in 0..3 {
                    let four =
                        [upper[left + channel], upper[right + channel], lower[left + channel], lower[right + channel]];
                    let sum: u16 = four.into_iter().map(u16::from).sum();
                    smaller.rgb.push(((sum + 2) / 4) as u8);
                }
            }
        }
    }

    /// Fills a rectangle; what lies outside the picture is left out.
    pub fn fill_rect(&mut self, x: usize, y: usize, width: usize, height: usize, rgb: [u8; 3]) {
        let row_bytes = usize::from(self.width) * 3;
        let left = x.min(usize::from(self.width)) * 3;
        let right = x.saturating_add(width).min(usize::from(self.width)) * 3;
        if row_bytes == 0 {
            return;
        }
        for row in self.rgb.chunks_exact_mut(row_bytes).skip(y).take(height) {
            for pixel in row[left..right].chunks_exact_mut(3) {
                pixel.copy_from_slice(&rgb);
            }
        }
    }

    /// Converts a 4:2:0 picture (ITU-R BT.601, each chroma sample repeated). None if a plane's length is wrong.
    pub fn from_i420(planes: &I420<'_>) -> Option<Self> {
        let (width, height) = (usize::from(planes.width), usize::from(planes.height));
        let chroma_width = width.div_ceil(2);
        let chroma_len = chroma_width * height.div_ceil(2);
        let are_lengths_right =
            planes.y.len() == width * height && planes.u.len() == chroma_len && planes.v.len() == chroma_len;
        if !are_lengths_right || width == 0 {
            return None;
        }
        let mut rgb = Vec::with_capacity(width * height * 3);
        for (row, luma) in planes.y.chunks_exact(width).enumerate() {
            let begin = row / 2 * chroma_width;
            let u = &planes.u[begin..begin + chroma_width];
            let v = &planes.v[begin..begin + chroma_width];
            for (x, &y) in luma.iter().enumerate() {
                rgb.extend_from_slice(&yuv_to_rgb(y, u[x / 2], v[x / 2], planes.is_full_range));
            }
        }
        Some(Self { width: planes.width, height: planes.height, rgb })
    }
}

/// Says why a picture of these sides cannot be sent, if it cannot.
pub fn check_size(width: usize, height: usize) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("the picture is empty ({width}x{height})"));
    }
    if width > usize::from(PICTURE_WIDTH_MAX) || height > usize::from(PICTURE_HEIGHT_MAX) {
        return Err(format!(
            "the picture is {width}x{height}, the largest is {PICTURE_WIDTH_MAX}x{PICTURE_HEIGHT_MAX}"
        ));
    }
    Ok(())
}

/// ITU-R BT.601 in 16.16 fixed point.
pub(crate) fn yuv_to_rgb(y: u8, u: u8, v: u8, is_full_range: bool) -> [u8; 3] {
    let (y, u, v) = (i32::from(y), i32::from(u) - 128, i32::from(v) - 128);
    let (y, red_v, green_u, green_v, blue_u) = if is_full_range {
        (y << 16, 91_881, 22_554, 46_802, 116_130)
    } else {
        ((y - 16) * 76_309, 104_597, 25_675, 53_279, 132_201)
    };
    [y + red_v * v, y - green_u * u - green_v * v, y + blue_u * u]
        .map(|value| ((value + (1 << 15)) >> 16).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_range_grey_and_colours_convert() {
        assert_eq!(yuv_to_rgb(16, 128, 128, false), [0, 0, 0]);
        assert_eq!(yuv_to_rgb(235, 128, 128, false), [255, 255, 255]);
        assert_eq!(yuv_to_rgb(200, 128, 128, true), [200, 200, 200]);
        let [r, g, b] = yuv_to_rgb(81, 90, 240, false);
        assert!(r > 250 && g < 5 && b < 5, "{r} {g} {b}");
    }

    #[test]
    fn odd_sides_round_the_chroma_up() {
        let planes = I420 { width: 3, height: 3, y: &[235; 9], u: &[128; 4], v: &[128; 4], is_full_range: false };
        let picture = Picture::from_i420(&planes).unwrap();
        assert!(picture.is_consistent());
        assert_eq!(picture.pixel(2, 2), Some([255; 3]));
        assert_eq!((picture.pixel(3, 0), picture.pixel(0, 3)), (None, None));
        let short = I420 { u: &[128; 3], ..planes };
        assert!(Picture::from_i420(&short).is_none());
    }

    #[test]
    fn a_rectangle_is_cut_at_the_border() {
        let mut picture = Picture::black(4, 4);
        picture.fill_rect(2, 3, 100, 100, [9; 3]);
        picture.fill_rect(100, 100, 5, 5, [7; 3]);
        assert_eq!(picture.pixel(3, 3), Some([9; 3]));
        assert_eq!(picture.rgb.iter().filter(|b| **b != 0).count(), 6);
    }

    #[test]
    fn sizes_beyond_the_limits_are_refused_with_words() {
        assert!(check_size(1920, 1088).is_ok());
        assert!(check_size(0, 10).unwrap_err().contains("empty"));
        assert!(check_size(1921, 1080).unwrap_err().contains("1920x1088"));
    }
}
