//! A moving picture with a clock in it that people and programs can read.

use std::io;

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use hph_core::time::Instant;

use super::font::{ADVANCE, HEIGHT, draw_text};
use super::{CameraFormat, CameraSource, Captured, CapturedImage, Timecode, frame_pacer};
use crate::pacer::Pacer;
use crate::pacer::Pacing;
use crate::picture::Picture;

const WHITE: [u8; 3] = [240; 3];
const SHADOW: [u8; 3] = [20; 3];
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A camera that shows a coloured ground, moving bars, a bouncing block, a name, the time of capture
/// (`HH:MM:SS.mmm` of the machine's monotonic clock) and a [`Timecode`]. It never ends.
///
/// When it is asked too late it leaves pictures out, as a camera does; the counter of the timecode counts only those that
/// were delivered, so that a gap means a loss on the way.
#[derive(Debug)]
pub struct TestPattern {
    format: CameraFormat,
    name: String,
    ground: Picture,
    counter: u16,
    pacer: Pacer,
}

impl TestPattern {
    /// A test pattern with `name` on it. Sides are taken as the nearest allowed ones.
    pub fn new(format: CameraFormat, name: &str, pacing: Pacing) -> Self {
        let format = CameraFormat {
            width: format.width.clamp(1, PICTURE_WIDTH_MAX),
            height: format.height.clamp(1, PICTURE_HEIGHT_MAX),
            fps: format.fps.max(1),
        };
        Self {
            format,
            name: name.to_owned(),
            ground: ground(format.width, format.height, name),
            counter: 0,
            pacer: frame_pacer(format.fps, pacing),
        }
    }

    /// The picture that is taken at `at`: a function of its arguments alone.
    pub fn render(&self, counter: u16, at: Instant) -> Picture {
        let mut picture = self.ground.clone();
        let (width, height) = (usize::from(self.format.width), usize::from(self.format.height));
        let ms = at.as_micros() / 1000;
        // Three bars that take four seconds from side to side.
        for (n, rgb) in [[220, 60, 60], [60, 220, 60], [60, 60, 220]].into_iter().enumerate() {
            let x = (ms % 4000) as usize * width / 4000 + n * width / 3;
            picture.fill_rect(x % width, height * 7 / 16, width / 32 + 1, height / 8, rgb);
        }
        let side = height / 6 + 1;
        let x = bounce(ms, 5300, width.saturating_sub(side));
        let y = bounce(ms, 3100, height.saturating_sub(side));
        picture.fill_rect(x, y, side, side, [250, 200, 40]);
        let clock = clock_text(ms);
        let scale = (width * 4 / 5 / (clock.len() * ADVANCE)).max(1);
        let left = width.saturating_sub(clock.len() * ADVANCE * scale) / 2;
        let top = height * 13 / 16 - (HEIGHT * scale / 2).min(height / 2);
        draw_shadowed(&mut picture, left, top, scale, &clock);
        let name_scale = name_scale(width, &self.name);
        draw_shadowed(&mut picture, width / 20, height / 4, name_scale, &self.name);
        Timecode::new(counter, at).draw(&mut picture);
        picture
    }
}

impl CameraSource for TestPattern {
    fn format(&self) -> CameraFormat {
        self.format
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        self.pacer.skip_late();
        let at = self.pacer.wait(1);
        let picture = self.render(self.counter, at);
        self.counter = self.counter.wrapping_add(1);
        Ok(Some(Captured { at, image: CapturedImage::Picture(picture) }))
    }
}

/// A soft gradient whose colour comes from the name, so that participants look different.
fn ground(width: u16, height: u16, name: &str) -> Picture {
    let hash = name.bytes().fold(5u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
    let tint = [hash % 96, hash / 96 % 96, hash / 9216 % 96].map(|c| c as usize);
    let mut picture = Picture::black(width, height);
    let (columns, rows) = (usize::from(width), usize::from(height));
    for (n, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let across = n % columns * 90 / columns;
        let down = n / columns * 60 / rows;
        let shades = [tint[0] + across, tint[1] + down, tint[2] + 90 - across];
        pixel.copy_from_slice(&shades.map(|shade| shade as u8));
    }
    picture
}

fn draw_shadowed(picture: &mut Picture, x: usize, y: usize, scale: usize, text: &str) {
    let offset = scale.div_ceil(4);
    draw_text(picture, x + offset, y + offset, scale, text, SHADOW);
    draw_text(picture, x, y, scale, text, WHITE);
}

/// The largest scale at which the name takes at most nine tenths of the width, and not too large.
fn name_scale(width: usize, name: &str) -> usize {
    let dots = name.chars().count().max(1) * ADVANCE;
    (width * 9 / 10 / dots).clamp(1, width / 120 + 1)
}

/// A place between 0 and `room` that goes to and fro once in `period_ms`.
fn bounce(ms: u64, period_ms: u64, room: usize) -> usize {
    let part = ms % period_ms;
    let there = part.min(period_ms - part);
    room * there as usize * 2 / period_ms as usize
}

fn clock_text(ms: u64) -> String {
    let ms = ms % DAY_MS;
    let (seconds, minutes) = (ms / 1000, ms / 60_000);
    format!("{:02}:{:02}:{:02}.{:03}", minutes / 60, minutes % 60, seconds % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(width: u16, height: u16) -> TestPattern {
        let format = CameraFormat { width, height, fps: 100 };
        TestPattern::new(format, "Ann", Pacing::RealTime)
    }

    #[test]
    fn the_picture_moves_and_depends_on_its_arguments_alone() {
        let pattern = pattern(320, 180);
        let at = |ms: u64| pattern.render(0, Instant::from_micros(ms * 1000));
        assert!(at(1000) == at(1000));
        let (first, second) = (at(1000), at(1100));
        let pairs = first.rgb.iter().zip(&second.rgb);
        let changed = pairs.filter(|(a, b)| a.abs_diff(**b) > 30).count();
        assert!(changed > 3000, "{changed}");
    }

    #[test]
    fn the_clock_shows_hours_to_milliseconds() {
        assert_eq!(clock_text(0), "00:00:00.000");
        assert_eq!(clock_text(DAY_MS + 3_600_000 * 23 + 60_000 * 59 + 58_007), "23:59:58.007");
    }

    #[test]
    fn every_size_can_be_drawn() {
        for (width, height) in [(1, 1), (16, 9), (255, 3), (640, 360), (u16::MAX, u16::MAX)] {
            let pattern = pattern(width, height);
            let picture = pattern.render(1, Instant::from_micros(123_456_789));
            assert!(picture.is_consistent());
            assert!(picture.width <= PICTURE_WIDTH_MAX);
        }
    }

    #[test]
    fn names_give_different_grounds() {
        assert!(ground(8, 8, "Ann") != ground(8, 8, "Bob"));
    }

    #[test]
    fn a_late_reader_gets_the_newest_picture() {
        let mut source = pattern(16, 16);
        let first = source.next_frame().unwrap().unwrap().at;
        crate::clock::Clock::sleep(hph_core::time::Duration::from_millis(55));
        let second = source.next_frame().unwrap().unwrap().at;
        assert!(second.since(first).as_micros() >= 49_000);
    }
}
