//! How good and how often the largest size of a track is sent: as its pictures and the network allow.
//!
//! A camera, and a screen on which something moves, climb and descend the ladder. A screen of letters does not: it stays sharp
//! and slow, and what does not fit follows in the next picture.

use hph_core::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, FRAME_MAX_BYTES};
use hph_core::media::ladder::{Ladder, Rung};
use hph_core::time::{Duration, Instant};
use hph_platform::screen::{ScreenMode, ScreenParameters};
use hph_platform::video::StripParams;

/// Still parts are refined this far above the quality of what moves.
const REFINED_ABOVE: u8 = 15;
/// But not beyond this.
const REFINED_MAX: u8 = 90;
/// The ladder is trusted after so many frames: the first has the whole picture and says little of the next.
const LEARNING_FRAMES: u32 = 8;
/// What is not used may be saved up for so many frames: a change of scene needs more than what follows.
const BURST_FRAMES: u32 = 2;
/// A frame that goes at all is not bounded below this: some blocks of everything must go on.
const FRAME_MIN_BYTES: usize = 3000;
/// Where a picture may take less than this, one a second goes: the way is for voice. **Units:** bits a second.
const HARDLY_ANYTHING_BPS: u32 = 60_000;

/// Decides for each picture.
pub(super) struct Steps {
    /// Pictures a second of the source.
    frames_per_s: u8,
    screen: Option<ScreenMode>,
    ladder: Ladder,
    learned: u32,
    allowance: Allowance,
    /// What the last picture was allowed to take.
    bytes_max: usize,
}

impl Steps {
    /// For a camera, or a screen in that mode, of so many pictures a second.
    pub fn new(frames_per_s: u16, screen: Option<ScreenMode>) -> Self {
        let quality_max = screen.map_or(u8::MAX, |mode| mode.parameters().quality);
        Self {
            frames_per_s: u8::try_from(frames_per_s).unwrap_or(u8::MAX).max(1),
            screen,
            ladder: Ladder::at_most(quality_max),
            learned: 0,
            allowance: Allowance::default(),
            bytes_max: FRAME_MAX_BYTES,
        }
    }

    /// The step for the next picture of the size with so many halvings of the sides. Where nothing is known of the network
    /// (`bound` in bits a second), the best one.
    pub fn choose(&mut self, now: Instant, bound: Option<u32>, halvings_min: usize) -> Rung {
        let rung = match (self.screen, bound) {
            (Some(ScreenMode::Text), _) => {
                let ScreenParameters { fps, quality, .. } = ScreenMode::Text.parameters();
                Rung { quality, frames_per_s: u8::try_from(fps).unwrap_or(u8::MAX), halvings: 0 }
            }
            (_, Some(bound)) if self.learned >= LEARNING_FRAMES => self.ladder.choose(now, bound, halvings_min as u8),
            _ => self.ladder.rung(),
        };
        if bound.is_some_and(|bound| bound < HARDLY_ANYTHING_BPS) { Rung { frames_per_s: 1, ..rung } } else { rung }
    }

    /// How the encoder does it.
    pub fn params(&mut self, now: Instant, rung: Rung, bound: Option<u32>) -> StripParams {
        let refined_quality = match self.screen {
            Some(mode) => mode.parameters().refined_quality.min(rung.quality.saturating_add(REFINED_ABOVE)),
            None => rung.quality.saturating_add(REFINED_ABOVE).min(REFINED_MAX),
        };
        let rate = rung.frames_per_s.min(self.frames_per_s);
        self.bytes_max = self.allowance.bytes(now, bound, rate);
        let usual = StripParams::default();
        let fine_error = self.screen.map_or(usual.fine_error, |mode| mode.parameters().fine_error);
        StripParams { quality: rung.quality, refined_quality, fine_error, bytes_max: self.bytes_max, ..usual }
    }

    /// Takes note of what a picture of that step cost. A camera that is slower than the step costs less than the step would.
    pub fn learn(&mut self, bytes: usize, rung: Rung) {
        self.allowance.spend(bytes);
        // Nobody knows what was left out of a picture that is full; that it was much is a better guess than nothing.
        let is_full = bytes + FRAGMENT_PAYLOAD_MAX_BYTES >= self.bytes_max;
        let bytes = if is_full { bytes * 3 / 2 } else { bytes };
        self.learned = self.learned.saturating_add(1);
        if self.learned > 1 && rung.frames_per_s > 1 {
            let rate = usize::from(self.frames_per_s.min(rung.frames_per_s));
            self.ladder.handle_frame(bytes * rate / usize::from(rung.frames_per_s));
        }
    }
}

/// How a smaller size beside the largest is sent: a fixed cost.
pub(super) fn thumbnail(rung: Rung, bound_bps: u32) -> StripParams {
    let even_share = (bound_bps / 8 / u32::from(rung.frames_per_s.max(1)) * BURST_FRAMES) as usize;
    StripParams {
        quality: rung.quality,
        refined_quality: rung.quality.saturating_add(REFINED_ABOVE),
        bytes_max: even_share.max(FRAME_MIN_BYTES),
        ..StripParams::default()
    }
}

/// What may be spent: as much as is granted over time, and a little of it saved up.
#[derive(Default)]
struct Allowance {
    /// Below zero: a picture took more than there was, and the next ones wait until that is made up for.
    saved_bytes: i64,
    counted_at: Option<Instant>,
}

impl Allowance {
    /// What the next picture may take; 0 if it is to be left out.
    fn bytes(&mut self, now: Instant, bound: Option<u32>, frames_per_s: u8) -> usize {
        let Some(bps) = bound else {
            self.counted_at = None;
            return FRAME_MAX_BYTES;
        };
        let burst = u64::from(bps) / 8 * u64::from(BURST_FRAMES) / u64::from(frames_per_s.max(1));
        let elapsed = self.counted_at.map_or(Duration::from_secs(1), |at| now.since(at));
        let earned = u64::from(bps) * elapsed.as_micros().min(1_000_000) / 8_000_000;
        self.counted_at = Some(now);
        self.saved_bytes = (self.saved_bytes + earned as i64).min(burst as i64);
        match usize::try_from(self.saved_bytes) {
            Ok(saved @ 1..) => saved.clamp(FRAME_MIN_BYTES, FRAME_MAX_BYTES),
            _ => 0,
        }
    }

    fn spend(&mut self, bytes: usize) {
        self.saved_bytes = self.saved_bytes.saturating_sub(bytes as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(1_000_000 + ms * 1000)
    }

    /// What a source that could fill every frame sends in a second, after a second of it. **Units:** bits.
    fn sent(steps: &mut Steps, fps: u64, bound: u32) -> usize {
        let mut bits = 0;
        for index in 0..fps * 2 {
            let now = at_ms(index * 1000 / fps);
            let rung = steps.choose(now, Some(bound), 0);
            let bytes = steps.params(now, rung, Some(bound)).bytes_max;
            steps.learn(bytes, rung);
            bits += if index >= fps { bytes * 8 } else { 0 };
        }
        bits
    }

    #[test]
    fn text_is_sharp_at_its_rate_whatever_the_network_and_keeps_within_it() {
        let mut steps = Steps::new(5, Some(ScreenMode::Text));
        for bound in [None, Some(20_000_000), Some(300_000)] {
            let rung = steps.choose(at_ms(0), bound, 0);
            assert_eq!((rung.quality, rung.frames_per_s, rung.halvings), (85, 5, 0));
            assert_eq!(steps.params(at_ms(0), rung, bound).refined_quality, 95);
        }
        let bits = sent(&mut Steps::new(5, Some(ScreenMode::Text)), 5, 400_000);
        assert!((350_000..=410_000).contains(&bits), "{bits}");
    }

    #[test]
    fn motion_begins_at_its_own_quality_and_descends_when_it_must() {
        let mut steps = Steps::new(30, Some(ScreenMode::Motion));
        let rung = steps.choose(at_ms(0), None, 0);
        assert_eq!((rung.quality, rung.frames_per_s), (75, 30));
        assert_eq!(steps.params(at_ms(0), rung, None).refined_quality, 90);
        let bits = sent(&mut steps, 30, 1_000_000);
        assert!(bits <= 1_050_000, "{bits}");
        let rung = steps.choose(at_ms(2100), Some(1_000_000), 0);
        assert!(rung.quality < 75 || rung.frames_per_s < 30, "{rung:?}");
        // However much is granted, it is no better than what the mode says.
        (0..40).for_each(|_| steps.learn(100, rung));
        let rung = (10..20).map(|s| steps.choose(at_ms(s * 1000), Some(50_000_000), 0)).last();
        assert_eq!(rung.map(|rung| rung.quality), Some(75));
    }

    #[test]
    fn a_camera_may_be_better_than_a_screen_in_motion() {
        let mut steps = Steps::new(30, None);
        let rung = steps.choose(at_ms(0), None, 0);
        assert_eq!((rung.quality, steps.params(at_ms(0), rung, None).refined_quality), (85, 90));
    }

    #[test]
    fn what_is_hardly_granted_anything_goes_once_a_second() {
        for screen in [None, Some(ScreenMode::Text), Some(ScreenMode::Motion)] {
            let mut steps = Steps::new(30, screen);
            assert_eq!(steps.choose(at_ms(0), Some(0), 0).frames_per_s, 1);
        }
    }

    #[test]
    fn a_pause_is_saved_up_for_two_frames_and_no_more() {
        let mut allowance = Allowance::default();
        assert_eq!(allowance.bytes(at_ms(0), Some(2_400_000), 30), 20_000);
        allowance.spend(20_000);
        assert_eq!(allowance.bytes(at_ms(33), Some(2_400_000), 30), 9_900);
        allowance.spend(9_900);
        assert_eq!(allowance.bytes(at_ms(5000), Some(2_400_000), 30), 20_000);
        assert_eq!(allowance.bytes(at_ms(5001), Some(0), 30), 0);
        assert_eq!(allowance.bytes(at_ms(5002), None, 30), FRAME_MAX_BYTES);
    }

    #[test]
    fn a_rate_holds_also_where_the_least_frame_takes_more_than_its_share() {
        let mut allowance = Allowance::default();
        let mut sent = 0;
        for index in 0..150 {
            let bytes = allowance.bytes(at_ms(index * 1000 / 15), Some(96_000), 15);
            assert!(bytes == 0 || bytes >= FRAME_MIN_BYTES);
            allowance.spend(bytes);
            sent += bytes;
        }
        // Ten seconds of 12 kB, and the first two frames.
        assert!((110_000..=125_000).contains(&sent), "{sent}");
    }
}
