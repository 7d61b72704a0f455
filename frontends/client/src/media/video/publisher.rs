//! Which sizes of a camera's pictures are sent, how good and how often: decided for each picture, from what others want
//! and what the network grants.
//!
//! The largest size that anybody wants follows the network ([`Steps`]); smaller ones beside it are thumbnails of a fixed
//! cost. A size that nobody is sent is not encoded.

use std::io;
use std::sync::Arc;

use hph_core::id::{RoomId, TrackId};
use hph_core::media::ladder::Rung;
use hph_core::time::{Duration, Instant};
use hph_platform::camera::{Captured, CapturedImage};
use hph_platform::jpeg;
use hph_platform::picture::Picture;
use hph_platform::screen::ScreenMode;

use super::encode::{Encoded, Strips, VideoControl};
use super::steps::{self, Steps};
use crate::engine::Guidance;

/// Sizes of one track: full, half and a quarter of the sides.
const SIZES: usize = 3;
/// What a smaller size beside the largest is sent with.
const THUMBNAIL: Rung = Rung { quality: 60, frames_per_s: 12, halvings: 0 };
/// What each of them takes from what is granted, by size. **Units:** bits a second.
const THUMBNAIL_BPS: [u32; SIZES] = [0, 300_000, 120_000];

/// Every block is sent at least about so often while packets are lost on any way to a receiver: reports of what was lost are
/// bounded, and may be lost themselves.
const REFRESH_WHILE_LOSSY: Duration = Duration::from_secs(10);

/// One size of the track.
#[derive(Default)]
struct Size {
    encoder: Box<Strips>,
    beat: Beat,
}

/// The pictures of one camera or screen on their way to a room.
pub(super) struct Publisher {
    guidance: Arc<Guidance>,
    room: RoomId,
    track: TrackId,
    steps: Steps,
    sizes: [Size; SIZES],
    /// What the last sent frames of the sizes are known by, to mark them lost.
    last: Vec<usize>,
    /// The picture of each size; the first only if the camera gives JPEG.
    pictures: [Picture; SIZES],
}

/// One encoded frame and its size layer.
pub(super) type Published = (u8, Encoded);

impl Publisher {
    /// A track of that room. `frames_per_s` is the rate of the source; `screen` what matters in it, if it is no camera.
    pub fn new(
        guidance: Arc<Guidance>,
        room: RoomId,
        track: TrackId,
        frames_per_s: u16,
        screen: Option<ScreenMode>,
    ) -> Self {
        guidance.begin_picture(room, track);
        Self {
            guidance,
            room,
            track,
            steps: Steps::new(frames_per_s, screen),
            sizes: Default::default(),
            last: Vec::new(),
            pictures: Default::default(),
        }
    }

    /// How the full size is encoded.
    pub fn control(&self) -> Arc<VideoControl> {
        self.sizes[0].encoder.control()
    }

    /// The engine had no room for what was published last.
    pub fn mark_last_lost(&mut self) {
        for &size in &self.last {
            self.sizes[size].encoder.mark_last_lost();
        }
    }

    /// Encodes a picture in the sizes that are wanted and due.
    ///
    /// # Errors
    /// The camera's JPEG is broken, or its picture has sides that are not allowed.
    pub fn publish(&mut self, captured: Captured, timestamp: u32) -> io::Result<Vec<Published>> {
        self.last.clear();
        let (demand, granted) = self.guidance.take(self.room, self.track);
        for (size, state) in self.sizes.iter().enumerate() {
            if demand.refresh & 1 << size != 0 {
                state.encoder.control().request_refresh();
            }
        }
        for strip in self.guidance.take_lost(self.room, self.track) {
            if let Some(size) = self.sizes.get_mut(usize::from(strip.layer)) {
                size.encoder.mark_lost(strip.timestamp, strip.index);
            }
        }
        let wanted: Vec<usize> = (0..SIZES).filter(|size| demand.layers & 1 << size != 0).collect();
        let Some(&largest) = wanted.first() else { return Ok(Vec::new()) };
        let full = match captured.image {
            CapturedImage::Picture(picture) => picture,
            CapturedImage::Jpeg(bytes) => {
                let mut picture = std::mem::take(&mut self.pictures[0]);
                jpeg::decode_into(&bytes, &mut picture).map_err(io::Error::other)?;
                picture
            }
        };
        self.pictures[0] = full;
        let loses = self.guidance.loss().0 > 0.0;
        let bound = bound_bps(granted, demand.max_bps, &wanted);
        let mut published = Vec::new();
        for size in wanted {
            let rung = if size == largest { self.steps.choose(captured.at, bound, size) } else { THUMBNAIL };
            if !self.sizes[size].beat.is_due(captured.at, rung.frames_per_s) {
                continue;
            }
            let halvings = usize::from(rung.halvings).max(size).min(SIZES - 1);
            self.scale_to(halvings);
            let mut params = if size == largest {
                self.steps.params(captured.at, rung, bound)
            } else {
                steps::thumbnail(rung, THUMBNAIL_BPS[size])
            };
            if loses {
                params.refresh_interval = REFRESH_WHILE_LOSSY;
            }
            let encoder = &mut self.sizes[size].encoder;
            encoder.control().set_params(params);
            let encoded = encoder.encode(captured.at, &self.pictures[halvings], timestamp)?;
            let Some(encoded) = encoded else { continue };
            self.sizes[size].beat.take(captured.at, rung.frames_per_s);
            if size == largest {
                self.steps.learn(encoded.0.len(), rung);
            }
            self.last.push(size);
            published.push((size as u8, encoded));
        }
        Ok(published)
    }

    /// Makes the picture of that size from the next larger one.
    fn scale_to(&mut self, halvings: usize) {
        for size in 1..=halvings {
            let (larger, smaller) = self.pictures.split_at_mut(size);
            if let (Some(from), Some(to)) = (larger.last(), smaller.first_mut()) {
                from.halve_into(to);
            }
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.guidance.end_picture(self.room, self.track);
    }
}

/// What the largest size may take: what the network grants and its receivers can take, less the thumbnails beside it.
fn bound_bps(granted: Option<u32>, max_bps: u32, wanted: &[usize]) -> Option<u32> {
    let thumbnails = wanted.iter().skip(1).filter_map(|size| THUMBNAIL_BPS.get(*size)).sum();
    let granted = granted.map(|bps| bps.saturating_sub(thumbnails));
    let received = (max_bps > 0).then_some(max_bps);
    granted.into_iter().chain(received).min()
}

/// Picks as many of a camera's pictures as a step asks for, evenly: of thirty, two of three make twenty.
#[derive(Default)]
struct Beat {
    /// When the next picture should be.
    due_at: Option<Instant>,
}

impl Beat {
    /// Whether this picture goes: it is nearer to its moment than the next of thirty a second would be. The best step takes
    /// every picture.
    fn is_due(&mut self, now: Instant, frames_per_s: u8) -> bool {
        const EARLY: Duration = Duration::from_micros(16_000);
        // The moment may be that of a slower step.
        self.due_at = self.due_at.map(|due_at| due_at.min(now + interval(frames_per_s)));
        frames_per_s >= 30 || self.due_at.is_none_or(|due_at| now + EARLY >= due_at)
    }

    /// A picture goes; the moments of the others stay where they are, so that the rate is right on the average.
    fn take(&mut self, now: Instant, frames_per_s: u8) {
        let interval = interval(frames_per_s);
        let next = self.due_at.unwrap_or(now) + interval;
        self.due_at = Some(if next < now { now + interval } else { next });
    }
}

fn interval(frames_per_s: u8) -> Duration {
    Duration::from_micros(1_000_000 / u64::from(frames_per_s.max(1)))
}

#[cfg(test)]
mod tests {
    use hph_core::media::strip::Strip;

    use super::*;
    use crate::engine::LostStrip;

    const ROOM: RoomId = RoomId(7);

    fn captured_at(index: u64) -> Instant {
        Instant::from_micros(1_000_000 + index * 33_333)
    }

    /// A picture that changes everywhere, each time.
    fn captured(index: u64) -> Captured {
        let mut picture = Picture::black(320, 192);
        for (at, byte) in picture.rgb.iter_mut().enumerate() {
            *byte = (at as u64 * 7919 + index * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0];
        }
        Captured { at: captured_at(index), image: CapturedImage::Picture(picture) }
    }

    fn publisher() -> (Arc<Guidance>, Publisher) {
        let guidance = Arc::new(Guidance::default());
        let publisher = Publisher::new(Arc::clone(&guidance), ROOM, TrackId::CAMERA, 30, None);
        (guidance, publisher)
    }

    fn layers(published: &[Published]) -> Vec<u8> {
        published.iter().map(|(layer, _)| *layer).collect()
    }

    #[test]
    fn only_sizes_that_somebody_wants_are_encoded() {
        let (guidance, mut publisher) = publisher();
        assert_eq!(layers(&publisher.publish(captured(0), 0).unwrap()), [0]);
        guidance.set_wanted(ROOM, TrackId::CAMERA, 0b101, 0);
        assert_eq!(layers(&publisher.publish(captured(1), 1).unwrap()), [0, 2]);
        guidance.set_wanted(ROOM, TrackId::CAMERA, 0, 0);
        assert_eq!(layers(&publisher.publish(captured(2), 2).unwrap()), []);
        guidance.set_wanted(ROOM, TrackId::CAMERA, 0b010, 0);
        let half = publisher.publish(captured(3), 3).unwrap();
        assert_eq!(layers(&half), [1]);
        let (_, (bytes, strips)) = &half[0];
        let strip = Strip::parse(&bytes[strips.as_ref().unwrap()[0].clone()]).unwrap();
        assert_eq!((strip.header.width, strip.header.height), (160, 96));
    }

    #[test]
    fn a_narrow_network_gets_fewer_bytes_within_a_second_and_a_wide_one_gets_them_back() {
        let (guidance, mut publisher) = publisher();
        let mut second = |bps: u32, from: u64| -> usize {
            guidance.set_uplink(Some(bps));
            let frames = (from..from + 30).map(|index| publisher.publish(captured(index), index as u32).unwrap());
            frames.flatten().map(|(_, (bytes, _))| bytes.len()).sum::<usize>() * 8
        };
        let wide = second(50_000_000, 0);
        second(1_000_000, 30);
        let narrow = second(1_000_000, 60);
        assert!(narrow <= 1_300_000 && narrow < wide / 2, "{wide} then {narrow} bits");
        let again = (0..8).map(|s| second(50_000_000, 90 + s * 30)).last().unwrap();
        assert!(again * 10 >= wide * 9, "{wide}, then {again} bits");
    }

    /// The blocks of a published frame, strip by strip.
    fn blocks(published: &[Published]) -> Vec<Vec<u16>> {
        let (_, (bytes, strips)) = &published[0];
        let strips = strips.as_ref().unwrap().iter();
        strips.map(|at| Strip::parse(&bytes[at.clone()]).unwrap().blocks().collect()).collect()
    }

    #[test]
    fn what_somebody_did_not_get_is_sent_again_and_nothing_else() {
        let (guidance, mut publisher) = publisher();
        let still = |ms: u64| Captured { at: Instant::from_micros(2_000_000 + ms * 1000), ..captured(0) };
        let first = blocks(&publisher.publish(still(0), 7).unwrap());
        assert!(first.len() > 3);
        assert_eq!(publisher.publish(still(40), 8).unwrap().len(), 0);
        let lost = |index, layer| LostStrip { layer, timestamp: 7, index };
        guidance.report_lost(ROOM, TrackId::CAMERA, lost(1, 0));
        guidance.report_lost(ROOM, TrackId::CAMERA, lost(2, 2));
        guidance.report_lost(ROOM, TrackId::CAMERA, lost(3, 9));
        let again = blocks(&publisher.publish(still(80), 9).unwrap());
        assert_eq!(again.concat(), first[1]);
        // Somebody else did not get it either; meanwhile it has been sent.
        guidance.report_lost(ROOM, TrackId::CAMERA, lost(1, 0));
        assert_eq!(publisher.publish(still(120), 10).unwrap().len(), 0);
    }

    #[test]
    fn what_is_asked_for_while_nobody_looks_is_not_forgotten() {
        let (guidance, mut publisher) = publisher();
        let still = |ms: u64| Captured { at: Instant::from_micros(2_000_000 + ms * 1000), ..captured(0) };
        publisher.publish(still(0), 0).unwrap();
        guidance.set_wanted(ROOM, TrackId::CAMERA, 0, 0);
        guidance.ask_refresh(ROOM, TrackId::CAMERA, 0b001);
        assert_eq!(publisher.publish(still(40), 1).unwrap().len(), 0);
        guidance.set_wanted(ROOM, TrackId::CAMERA, 1, 0);
        assert_eq!(blocks(&publisher.publish(still(80), 2).unwrap()).concat().len(), 240);
    }

    #[test]
    fn what_is_still_is_repeated_more_often_while_packets_are_lost() {
        let repeated = |loss: f32| {
            let (guidance, mut publisher) = publisher();
            guidance.set_loss(loss, 1.0);
            let still = |s: u64| Captured { at: Instant::from_micros((2 + s) * 1_000_000), ..captured(0) };
            // First it is refined, a few blocks of each picture.
            let published: Vec<_> = (0..30).map(|s| publisher.publish(still(s), s as u32).unwrap()).collect();
            let later = published.iter().skip(20).filter(|published| !published.is_empty());
            later.map(|published| blocks(published).concat().len()).sum::<usize>()
        };
        let (calm, lossy) = (repeated(0.0), repeated(0.02));
        assert!((220..=260).contains(&lossy) && (70..=90).contains(&calm), "{lossy} and {calm} of 240 in ten seconds");
    }

    #[test]
    fn of_thirty_pictures_as_many_go_as_a_step_asks_for() {
        for rate in [1, 4, 6, 8, 10, 12, 15, 20, 30] {
            let mut beat = Beat::default();
            let mut went = Vec::new();
            for at in (0..300).map(captured_at) {
                if beat.is_due(at, rate) {
                    beat.take(at, rate);
                    went.push(at.as_micros());
                }
            }
            assert!(went.len().abs_diff(10 * usize::from(rate)) <= 1, "{rate}: {}", went.len());
            let longest = went.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(longest <= 1_000_000 / u64::from(rate) + 33_334, "{rate}: {longest}");
        }
        let mut beat = Beat::default();
        beat.take(captured_at(0), 1);
        assert!(!beat.is_due(captured_at(1), 20));
        assert!(beat.is_due(captured_at(3), 20), "a higher rate does not wait for the moment of a lower one");
        beat.take(captured_at(900), 1);
        assert!(!beat.is_due(captured_at(910), 1), "nothing is made up for after a pause");
    }

    #[test]
    fn thumbnails_cost_what_they_may_however_much_changes() {
        let (guidance, mut publisher) = publisher();
        guidance.set_wanted(ROOM, TrackId::CAMERA, 0b111, 0);
        let mut bits = [0; SIZES];
        for index in 0..60 {
            for (layer, (bytes, _)) in publisher.publish(captured(index), index as u32).unwrap() {
                bits[usize::from(layer)] += bytes.len() * 8;
            }
        }
        // Two seconds, up to twice the even share, and never less than the least frame.
        assert!(bits[1] <= 2 * 2 * 300_000 && bits[2] <= 2 * 350_000, "{bits:?}");
    }

    #[test]
    fn whoever_comes_gets_a_whole_picture_at_once() {
        let (guidance, mut publisher) = publisher();
        let still =
            || Captured { at: Instant::from_micros(2_000_000), image: CapturedImage::Picture(Picture::black(64, 64)) };
        assert_eq!(publisher.publish(still(), 0).unwrap().len(), 1);
        assert_eq!(publisher.publish(still(), 1).unwrap().len(), 0);
        guidance.ask_refresh(ROOM, TrackId::CAMERA, 0b001);
        assert_eq!(publisher.publish(still(), 2).unwrap().len(), 1);
    }
}
