use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use hph_core::media::strip::Strip;

use super::*;
use crate::video::StripDecoder;

const STEP: Duration = Duration::from_millis(40);

/// An encoder with a camera in front of it, and what comes of it.
struct Studio {
    encoder: StripEncoder,
    params: StripParams,
    picture: Picture,
    now: Instant,
    frame: u32,
    out: StripFrame,
}

impl Studio {
    fn new(width: u16, height: u16) -> Self {
        Self {
            encoder: StripEncoder::new(),
            params: StripParams { refresh_interval: Duration::from_secs(1000), ..StripParams::default() },
            picture: textured(width, height),
            now: Instant::from_micros(1_000_000),
            frame: 0,
            out: StripFrame::default(),
        }
    }

    /// Encodes the next frame and gives the blocks in it with their qualities.
    fn next(&mut self) -> Vec<(u16, u8)> {
        self.now = self.now + STEP;
        self.frame += 1;
        self.encoder.encode(self.now, self.frame, &self.picture, &self.params, &mut self.out).unwrap();
        let mut blocks = Vec::new();
        for range in &self.out.strips {
            assert!(range.len() <= FRAGMENT_PAYLOAD_MAX_BYTES);
            let strip = Strip::parse(&self.out.bytes[range.clone()]).unwrap();
            blocks.extend(strip.blocks().map(|block| (block, strip.header.quality)));
        }
        assert_eq!(blocks.len(), self.out.blocks);
        blocks.sort_unstable();
        assert!(blocks.windows(2).all(|pair| pair[0].0 != pair[1].0), "a block twice in one frame");
        blocks
    }

    fn run(&mut self, frames: usize) -> Vec<Vec<(u16, u8)>> {
        (0..frames).map(|_| self.next()).collect()
    }
}

/// A picture in which every block has something in it.
fn textured(width: u16, height: u16) -> Picture {
    let mut picture = Picture::black(width, height);
    let mut state = 5u32;
    for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let base = (at % usize::from(width) % 64) as u8 * 2 + 60 + (state >> 28) as u8;
        pixel.copy_from_slice(&[base, base / 2 + 60, 255 - base]);
    }
    picture
}

#[test]
fn the_first_frame_has_every_block_and_a_still_scene_costs_nothing_after_its_refinement() {
    let mut studio = Studio::new(160, 96);
    assert_eq!(studio.next(), (0..60).map(|block| (block, 75)).collect::<Vec<_>>());
    let later = studio.run(30);
    // Quiet for 300 ms: once more in the better quality, a few blocks a frame.
    assert!(later[..6].iter().all(Vec::is_empty), "refined too early");
    assert!(later.iter().all(|blocks| blocks.len() <= REFINED_SHARE && blocks.iter().all(|block| block.1 == 90)));
    let mut refined: Vec<u16> = later.iter().flatten().map(|(block, _)| *block).collect();
    refined.sort_unstable();
    assert_eq!(refined, (0..60).collect::<Vec<_>>());
    assert!(studio.run(20).iter().all(Vec::is_empty), "a still scene costs something");
    assert!(studio.out.bytes.is_empty() && studio.out.strips.is_empty());
}

#[test]
fn what_is_flat_is_as_good_as_it_gets_and_not_refined() {
    let mut studio = Studio::new(160, 96);
    for pixel in studio.picture.rgb.chunks_exact_mut(3).take(160 * 48) {
        pixel.copy_from_slice(&[90, 120, 150]);
    }
    let refined: Vec<u16> = studio.run(40).into_iter().skip(1).flatten().map(|(block, _)| block).collect();
    assert_eq!(refined, (30..60).collect::<Vec<_>>());
    studio.encoder.request_refresh();
    let all = studio.next();
    assert!(all.iter().all(|(block, quality)| *quality == if *block < 30 { 75 } else { 90 }) && all.len() == 60);
}

#[test]
fn only_what_changes_is_sent() {
    let mut studio = Studio::new(160, 96);
    studio.run(40);
    studio.picture.fill_rect(33, 17, 10, 10, [255, 0, 0]);
    assert_eq!(studio.next(), [(12, 75)]);
    studio.picture.fill_rect(140, 80, 12, 4, [0; 3]);
    assert_eq!(studio.next(), [(58, 75), (59, 75)]);
}

#[test]
fn a_slow_change_is_sent_when_it_has_added_up() {
    let mut studio = Studio::new(32, 32);
    (studio.params.refined_quality, studio.params.threshold) = (0, 5.0);
    studio.next();
    let frames = (0..10).map(|_| {
        studio.picture.rgb.iter_mut().for_each(|value| *value = value.saturating_add(1));
        studio.next().len()
    });
    let sent: Vec<usize> = frames.collect();
    assert!(sent.contains(&0) && sent.contains(&4), "{sent:?}");
}

#[test]
fn every_block_is_refreshed_in_turn_and_none_twice() {
    let mut studio = Studio::new(160, 96);
    studio.run(40);
    // 2 s are 50 frames.
    studio.params.refresh_interval = Duration::from_secs(2);
    let frames = studio.run(50);
    let mut refreshed: Vec<(u16, u8)> = frames.iter().flatten().copied().collect();
    refreshed.sort_unstable();
    assert_eq!(refreshed, (0..60).map(|block| (block, 90)).collect::<Vec<_>>(), "in the quality they have");
    assert!(frames.iter().all(|blocks| blocks.len() <= 2), "not evenly");
}

#[test]
fn a_refresh_on_request_has_the_whole_picture() {
    let mut studio = Studio::new(160, 96);
    studio.run(40);
    studio.encoder.request_refresh();
    assert_eq!(studio.next().len(), 60);
    assert!(studio.next().is_empty());
}

#[test]
fn what_was_lost_is_sent_again_unless_it_was_sent_since() {
    let mut studio = Studio::new(160, 96);
    studio.run(40);
    studio.picture.fill_rect(0, 0, 32, 16, [9; 3]);
    studio.next();
    let lost = studio.frame;
    studio.picture.fill_rect(0, 0, 16, 16, [200; 3]);
    assert_eq!(studio.next(), [(0, 75)]);
    studio.encoder.mark_lost(lost, 1);
    assert!(studio.next().is_empty(), "no such strip");
    studio.encoder.mark_lost(lost, 0);
    assert_eq!(studio.next(), [(1, 75)], "block 0 was sent since");
    studio.encoder.mark_frame_lost(studio.frame);
    assert_eq!(studio.next(), [(1, 75)]);
}

#[test]
fn a_budget_postpones_blocks_and_starves_none() {
    let mut studio = Studio::new(320, 192);
    studio.params.bytes_max = 2000;
    let mut last_sent = [0; 240];
    for frame in 1..=30 {
        // Everything changes in every frame.
        studio.picture.rgb.iter_mut().for_each(|value| *value = value.wrapping_add(16));
        for (block, _) in studio.next() {
            last_sent[usize::from(block)] = frame;
        }
        assert!(studio.out.bytes.len() < 2000 + 2 * FRAGMENT_PAYLOAD_MAX_BYTES, "{}", studio.out.bytes.len());
    }
    assert!(last_sent.iter().all(|frame| *frame > 10), "{last_sent:?}");
}

#[test]
fn the_largest_noise_fits_strips_and_never_more_than_a_frame_has() {
    let mut studio = Studio::new(PICTURE_WIDTH_MAX, PICTURE_HEIGHT_MAX);
    studio.params = StripParams { quality: 100, ..studio.params };
    let mut state = 9u32;
    studio.picture.rgb.iter_mut().for_each(|value| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = if state >> 31 == 0 { 0 } else { 255 };
    });
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        seen.extend(studio.next());
        assert!(studio.out.strips.len() <= FRAGMENTS_MAX && studio.out.bytes.len() <= FRAME_MAX_BYTES);
        if seen.len() == 8160 {
            return;
        }
    }
    panic!("only {} blocks came", seen.len());
}

#[test]
fn full_strips_have_one_size_and_come_first() {
    let mut studio = Studio::new(640, 368);
    studio.next();
    let lengths: Vec<usize> = studio.out.strips.iter().map(Range::len).collect();
    let (last, full) = lengths.split_last().unwrap();
    assert!(full.len() > 5 && full.iter().all(|len| len == &full[0]) && *last <= full[0], "{lengths:?}");
    assert!(full[0] > FRAGMENT_PAYLOAD_MAX_BYTES * 9 / 10);
}

#[test]
fn another_size_begins_anew_and_sides_out_of_bounds_are_refused() {
    let mut studio = Studio::new(160, 96);
    studio.run(3);
    studio.picture = textured(90, 50);
    assert_eq!(studio.next().len(), 24);
    for picture in [Picture::black(1921, 16), Picture::black(16, 1089), Picture::default()] {
        let result = studio.encoder.encode(studio.now, 0, &picture, &studio.params, &mut studio.out);
        assert!(matches!(result, Err(JpegError::Size { .. })));
        assert!(studio.out.bytes.is_empty());
    }
}

#[test]
fn a_noisy_camera_on_a_still_scene_sends_little() {
    let mut studio = Studio::new(320, 192);
    let scene = studio.picture.clone();
    let mut state = 1u32;
    let mut sent = Vec::new();
    for _ in 0..75 {
        studio.picture = scene.clone();
        for value in &mut studio.picture.rgb {
            let sum: i32 = (0..4)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 30) as i32
                })
                .sum();
            *value = value.saturating_add_signed((sum - 6) as i8);
        }
        sent.push(studio.next().iter().filter(|(_, quality)| *quality == 75).count());
    }
    let late: usize = sent[25..].iter().sum();
    // 240 blocks in 50 frames.
    assert!(late < 120, "{late} blocks for noise alone: {sent:?}, sigma {:?}", studio.encoder.noise_sigma());
}

#[test]
fn the_decoder_shows_what_was_encoded() {
    let mut studio = Studio::new(100, 70);
    let mut decoder = StripDecoder::new(100, 70);
    for turn in 0..30u8 {
        studio.picture.fill_rect(usize::from(turn) * 2, 10, 20, 20, [turn * 8, 200, 90]);
        studio.next();
        for range in &studio.out.strips {
            decoder.handle(studio.frame, &studio.out.bytes[range.clone()]).unwrap();
        }
        let shown = decoder.picture();
        assert_eq!((shown.width, shown.height), (100, 70));
        let difference: u64 =
            shown.rgb.iter().zip(&studio.picture.rgb).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
        let mean = difference as f64 / shown.rgb.len() as f64;
        assert!(mean < 6.0, "frame {turn}: mean difference {mean}");
    }
}
