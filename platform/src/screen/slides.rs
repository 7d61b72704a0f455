//! A screen without a screen: slides with text.

use std::io;

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use hph_core::time::Instant;

use super::ScreenMode;
use crate::camera::{CameraFormat, CameraSource, Captured, CapturedImage, Timecode, draw_text};
use crate::pacer::{Pacer, Pacing};
use crate::picture::Picture;

const PAPER: [u8; 3] = [250, 250, 245];
const INK: [u8; 3] = [30, 30, 40];
const TITLE: [u8; 3] = [20, 80, 160];
/// A slide stays so long.
const SLIDE_MS: u64 = 4000;
/// In motion mode the text moves up so fast: pixels a second.
const SCROLL_PER_SECOND: u64 = 120;
const WORDS: [&str; 12] = [
    "MEETING",
    "AGENDA",
    "QUARTER",
    "RESULTS",
    "NETWORK",
    "PLAN",
    "BUDGET",
    "REVIEW",
    "NEXT",
    "STEPS",
    "QUESTIONS",
    "THANKS",
];

/// Slides of dark letters on white. In text mode a slide stands still until the next one, and the timecode in its corner is of the
/// moment when it came up; in motion mode the letters move up in every picture, and the timecode is the picture's. It never ends.
#[derive(Debug)]
pub struct Slides {
    format: CameraFormat,
    mode: ScreenMode,
    pacer: Pacer,
    begin: Option<Instant>,
}

impl Slides {
    /// What is shown if nobody asks for another size.
    pub const FORMAT: CameraFormat = CameraFormat { width: 1280, height: 720, fps: 5 };

    /// Slides of this size; the rate is the mode's.
    pub fn new(format: CameraFormat, mode: ScreenMode, pacing: Pacing) -> Self {
        let format = CameraFormat {
            width: format.width.clamp(16, PICTURE_WIDTH_MAX),
            height: format.height.clamp(16, PICTURE_HEIGHT_MAX),
            fps: mode.parameters().fps,
        };
        let pacer = Pacer::new(pacing, format.fps.into(), hph_core::time::Duration::from_secs(1));
        Self { format, mode, pacer, begin: None }
    }

    /// The picture `since_ms` after the first slide came up at `begin`.
    fn render(&self, begin: Instant, since_ms: u64) -> Picture {
        let slide = since_ms / SLIDE_MS;
        let (width, height) = (usize::from(self.format.width), usize::from(self.format.height));
        let mut picture = Picture::black(self.format.width, self.format.height);
        picture.fill_rect(0, 0, width, height, PAPER);
        let scale = (width / 400).max(1);
        let line = scale * 12;
        let scrolled = match self.mode {
            ScreenMode::Text => 0,
            ScreenMode::Motion => (since_ms * SCROLL_PER_SECOND / 1000) as usize,
        };
        let lines = height.saturating_sub(line * 3) / line;
        for row in 0..lines {
            // Line by line, what has moved out above comes in below with new words.
            let number = slide as usize * 31 + row + scrolled / line;
            let top = line * 3 + row * line - scrolled % line;
            draw_text(&mut picture, width / 16, top, scale, &sentence(number), INK);
        }
        picture.fill_rect(0, 0, width, line * 3, PAPER);
        draw_text(&mut picture, width / 16, line + line / 4, scale * 2, &format!("SLIDE {}", slide + 1), TITLE);
        let shown_ms = if self.mode == ScreenMode::Text { slide * SLIDE_MS } else { since_ms };
        let at = begin + hph_core::time::Duration::from_millis(shown_ms);
        Timecode::new(slide as u16, at).draw(&mut picture);
        picture
    }
}

impl CameraSource for Slides {
    fn format(&self) -> CameraFormat {
        self.format
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        self.pacer.skip_late();
        let at = self.pacer.wait(1);
        let begin = *self.begin.get_or_insert(at);
        let picture = self.render(begin, at.since(begin).as_micros() / 1000);
        Ok(Some(Captured { at, image: CapturedImage::Picture(picture) }))
    }
}

/// A line of text: the same for the same number.
fn sentence(number: usize) -> String {
    let word = |n: usize| WORDS[(number * 7 + n * 5 + number / 3 * n) % WORDS.len()];
    format!("{:02}  {} {} {} {}", number % 100, word(0), word(1), word(2), word(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::read_timecode;

    fn pictures(mode: ScreenMode, count: usize) -> Vec<Picture> {
        let mut slides = Slides::new(Slides::FORMAT, mode, Pacing::Unpaced);
        let next = |_| match slides.next_frame().unwrap().unwrap().image {
            CapturedImage::Picture(picture) => picture,
            CapturedImage::Jpeg(_) => unreachable!("slides are drawn"),
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn a_slide_stands_still_until_the_next_one() {
        // 4 s at 5 pictures a second.
        let pictures = pictures(ScreenMode::Text, 21);
        assert!(pictures[..20].iter().all(|picture| *picture == pictures[0]));
        assert!(pictures[20] != pictures[0]);
        let shown = pictures.iter().map(|picture| read_timecode(picture).unwrap().counter).collect::<Vec<_>>();
        assert_eq!((shown[0], shown[19], shown[20]), (0, 0, 1));
    }

    #[test]
    fn in_motion_every_picture_is_another() {
        let pictures = pictures(ScreenMode::Motion, 10);
        assert!(pictures.windows(2).all(|pair| pair[0] != pair[1]));
        let time = |picture| read_timecode(picture).unwrap().time_us;
        assert!(pictures.windows(2).all(|pair| time(&pair[0]) < time(&pair[1])));
    }

    #[test]
    fn every_size_can_be_drawn() {
        for (width, height) in [(1, 1), (16, 16), (64, 1088), (u16::MAX, u16::MAX)] {
            let format = CameraFormat { width, height, fps: 1 };
            let mut slides = Slides::new(format, ScreenMode::Motion, Pacing::Unpaced);
            assert!(slides.next_frame().unwrap().is_some());
        }
    }
}
