//! A clock in the picture that programs can read: 64 black or white blocks that survive JPEG.
//!
//! **Shape:** two rows of 32 blocks at the upper left corner, 16 pixels a side, or 8 in pictures narrower than 512. Row by
//! row, highest bit first, white is one: frame counter (16 bits), time of capture in microseconds (the low 40 bits),
//! CRC-8 of these seven bytes (polynomial 0x07, start value 0xFF, so that an all-black corner is no timecode).

use hph_core::time::{Duration, Instant};

use crate::picture::Picture;

const COLUMNS: usize = 32;
const ROWS: usize = 2;
const TIME_MASK: u64 = (1 << 40) - 1;
/// Luma of a block that says 0, and of one that says 1: within what video range can hold.
const LEVELS: [u8; 2] = [16, 235];
/// A block that is neither darker than the first nor brighter than the second is no block.
const CLEAR: [u32; 2] = [96, 160];

/// What the blocks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timecode {
    /// Number of the picture at its source; wraps around.
    pub counter: u16,
    /// Time of capture on [`crate::clock::Clock::now`], the low 40 bits (12 days) of its microseconds.
    pub time_us: u64,
}

impl Timecode {
    /// The timecode of a picture taken at `at`.
    pub const fn new(counter: u16, at: Instant) -> Self {
        Self { counter, time_us: at.as_micros() & TIME_MASK }
    }

    /// How long before `now` the picture was taken, on the same machine's clock. Zero if that is in the future.
    pub const fn age(&self, now: Instant) -> Duration {
        let age_us = now.as_micros().wrapping_sub(self.time_us) & TIME_MASK;
        if age_us > TIME_MASK / 2 {
            return Duration::ZERO;
        }
        Duration::from_micros(age_us)
    }

    fn to_bits(self) -> u64 {
        let value = u64::from(self.counter) << 40 | self.time_us & TIME_MASK;
        value << 8 | u64::from(crc8(value))
    }

    fn from_bits(bits: u64) -> Option<Self> {
        let value = bits >> 8;
        let timecode = Self { counter: (value >> 40) as u16, time_us: value & TIME_MASK };
        (u64::from(crc8(value)) == bits & 0xFF).then_some(timecode)
    }

    /// Draws the blocks; leaves a picture alone that is too small for them.
    pub(crate) fn draw(self, picture: &mut Picture) {
        let side = if picture.width < 512 { 8 } else { 16 };
        if !fits(picture, side) {
            return;
        }
        let bits = self.to_bits();
        for n in 0..COLUMNS * ROWS {
            let (x, y) = (n % COLUMNS * side, n / COLUMNS * side);
            let level = LEVELS[usize::from(bits >> (63 - n) & 1 == 1)];
            picture.fill_rect(x, y, side, side, [level; 3]);
        }
    }
}

/// Reads the timecode of a picture that a test pattern made; also after JPEG, and at half its size.
pub fn read_timecode(picture: &Picture) -> Option<Timecode> {
    if !picture.is_consistent() {
        return None;
    }
    [16, 8].into_iter().find_map(|side| read_blocks(picture, side))
}

fn read_blocks(picture: &Picture, side: usize) -> Option<Timecode> {
    if !fits(picture, side) {
        return None;
    }
    let mut bits = 0;
    for n in 0..COLUMNS * ROWS {
        let brightness = block_mean(picture, n % COLUMNS * side, n / COLUMNS * side, side);
        if (CLEAR[0]..=CLEAR[1]).contains(&brightness) {
            return None;
        }
        bits = bits << 1 | u64::from(brightness > CLEAR[1]);
    }
    Timecode::from_bits(bits)
}

/// Mean of the inner half of a block, where its neighbours do not reach.
fn block_mean(picture: &Picture, x: usize, y: usize, side: usize) -> u32 {
    let quarter = side / 4;
    let row_bytes = usize::from(picture.width) * 3;
    let mut sum = 0;
    let rows = picture.rgb.chunks_exact(row_bytes);
    for row in rows.skip(y + quarter).take(side - 2 * quarter) {
        let inner = &row[(x + quarter) * 3..(x + side - quarter) * 3];
        sum += inner.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    }
    let inner_side = (side - 2 * quarter) as u32;
    sum / (3 * inner_side * inner_side)
}

fn fits(picture: &Picture, side: usize) -> bool {
    usize::from(picture.width) >= COLUMNS * side && usize::from(picture.height) >= ROWS * side
}

/// CRC-8 of the low seven bytes.
fn crc8(value: u64) -> u8 {
    let bytes = value.to_be_bytes();
    bytes[1..]
        .iter()
        .fold(0xFF, |crc, byte| (0..8).fold(crc ^ byte, |crc: u8, _| crc << 1 ^ if crc & 0x80 == 0 { 0 } else { 7 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{CameraFormat, CameraSource, CapturedImage, TestPattern};
    use crate::jpeg::{JpegEncoder, decode};
    use crate::pacer::Pacing;

    fn pattern(width: u16, height: u16) -> TestPattern {
        let format = CameraFormat { width, height, fps: 30 };
        TestPattern::new(format, "Linh", Pacing::Unpaced)
    }

    #[test]
    fn the_timecode_survives_jpeg_at_every_usual_quality() {
        let mut encoder = JpegEncoder::new();
        let mut jpeg = Vec::new();
        for (width, height) in [(640, 360), (320, 180), (1280, 720)] {
            let pattern = pattern(width, height);
            for quality in [50, 60, 75, 85] {
                for n in 0..4u16 {
                    let at = Instant::from_micros(0x00FF_A55A_1234 + u64::from(n) * 12_345_678_901);
                    let timecode = Timecode::new(n * 16_411, at);
                    let picture = pattern.render(timecode.counter, at);
                    assert_eq!(read_timecode(&picture), Some(timecode));
                    encoder.encode(&picture, quality, &mut jpeg).unwrap();
                    let back = decode(&jpeg).unwrap();
                    assert_eq!(read_timecode(&back), Some(timecode), "{width} at quality {quality}");
                }
            }
        }
    }

    #[test]
    fn the_timecode_survives_halving_the_picture() {
        let at = Instant::from_micros(77_000_000);
        let large = pattern(640, 360).render(9, at);
        let mut small = Picture::black(320, 180);
        for (n, pixel) in small.rgb.chunks_exact_mut(3).enumerate() {
            let (x, y) = (n % 320 * 2, n / 320 * 2);
            pixel.copy_from_slice(&large.pixel(x as u16, y as u16).unwrap());
        }
        assert_eq!(read_timecode(&small), Some(Timecode::new(9, at)));
    }

    #[test]
    fn a_picture_without_a_timecode_has_none() {
        assert_eq!(read_timecode(&Picture::black(640, 360)), None);
        assert_eq!(read_timecode(&Picture::black(100, 100)), None);
        assert_eq!(read_timecode(&Picture::default()), None);
        let mut grey = Picture::black(640, 360);
        grey.rgb.fill(128);
        assert_eq!(read_timecode(&grey), None);
        let mut altered = pattern(640, 360).render(1, Instant::from_micros(5));
        let [first, _, _] = altered.pixel(8, 8).unwrap();
        altered.fill_rect(0, 0, 16, 16, [251 - first; 3]);
        assert_eq!(read_timecode(&altered), None);
    }

    #[test]
    fn the_age_of_a_picture_is_right_across_the_wrap_around() {
        let near_wrap = Instant::from_micros(TIME_MASK - 10);
        let timecode = Timecode::new(0, near_wrap);
        assert_eq!(timecode.age(near_wrap + Duration::from_micros(500)).as_micros(), 500);
        assert_eq!(timecode.age(near_wrap - Duration::from_micros(500)), Duration::ZERO);
    }

    #[test]
    fn the_source_counts_its_pictures() {
        let mut source = pattern(320, 180);
        for n in 0..3 {
            let captured = source.next_frame().unwrap().unwrap();
            let CapturedImage::Picture(picture) = captured.image else {
                panic!("a JPEG");
            };
            assert_eq!(read_timecode(&picture), Some(Timecode::new(n, captured.at)));
        }
    }
}
