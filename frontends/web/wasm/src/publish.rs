//! Our own pictures: which sizes, how good and how often, from what others want and what the network grants. The same ladder
//! as that of the other clients; simpler beside it.

use hph_core::id::TrackId;
use hph_core::media::ladder::{Ladder, Rung};
use hph_core::time::{Duration, Instant};
use hph_platform::picture::Picture;
use hph_platform::video::{StripEncoder, StripFrame, StripParams};

/// Full, half and a quarter of the sides.
const SIZES: usize = 3;
/// What a smaller size beside the largest is sent with.
const THUMBNAIL: Rung = Rung { quality: 60, frames_per_s: 12, halvings: 0 };
/// What each of them takes from what is granted, by size. **Units:** bits a second.
const THUMBNAIL_BPS: [u32; SIZES] = [0, 300_000, 120_000];
/// The best quality of what moves. The page's own encoder is slower than a machine's.
const QUALITY_MAX: u8 = 75;
/// Still parts are refined this far above it.
const REFINED_ABOVE: u8 = 15;
/// A frame is never bounded below this.
const FRAME_MIN_BYTES: usize = 3000;
/// The ladder is trusted after so many frames.
const LEARNING_FRAMES: u32 = 8;

#[derive(Default)]
struct Size {
    encoder: StripEncoder,
    sent_at: Option<Instant>,
}

/// One picture track of ours.
pub struct Publisher {
    /// Which.
    pub track: TrackId,
    sizes: [Size; SIZES],
    pictures: [Picture; SIZES],
    ladder: Ladder,
    learned: u32,
    layers: u8,
    max_bps: u32,
    /// The last encoded frame.
    pub frame: StripFrame,
}

impl Publisher {
    /// A track of which nothing was sent.
    pub fn new(track: TrackId) -> Self {
        Self {
            track,
            sizes: Default::default(),
            pictures: Default::default(),
            ladder: Ladder::at_most(QUALITY_MAX),
            learned: 0,
            layers: 1,
            max_bps: 0,
            frame: StripFrame::default(),
        }
    }

    /// Which sizes anybody is sent, and what the largest may take.
    pub fn set_wanted(&mut self, layers: u8, max_bps: u32) {
        (self.layers, self.max_bps) = (layers, max_bps);
    }

    /// What the largest may take as those who see it have it; 0: they don't say.
    pub const fn max_bps(&self) -> u32 {
        self.max_bps
    }

    /// Somebody needs whole pictures of these sizes.
    pub fn refresh(&mut self, layers: u8) {
        for (at, size) in self.sizes.iter_mut().enumerate() {
            if layers & 1 << at != 0 {
                size.encoder.request_refresh();
            }
        }
    }

    /// Somebody did not get a strip.
    pub fn mark_lost(&mut self, layer: u8, timestamp: u32, index: u16) {
        if let Some(size) = self.sizes.get_mut(usize::from(layer)) {
            size.encoder.mark_lost(timestamp, index);
        }
    }

    /// Takes the next picture.
    pub fn picture(&mut self, width: u16, height: u16, rgba: &[u8]) {
        let picture = &mut self.pictures[0];
        (picture.width, picture.height) = (width, height);
        let (pixels, _) = rgba.as_chunks::<4>();
        picture.rgb.resize(pixels.len() * 3, 0);
        let (out, _) = picture.rgb.as_chunks_mut::<3>();
        for (out, &[red, green, blue, _]) in out.iter_mut().zip(pixels) {
            *out = [red, green, blue];
        }
    }

    /// Encodes the picture in each size that is wanted and due, and hands the frames out by their layer.
    pub fn encode(
        &mut self,
        now: Instant,
        timestamp: u32,
        granted: u32,
        mut send: impl FnMut(u8, &StripFrame) -> bool,
    ) {
        let wanted: Vec<usize> = (0..SIZES).filter(|at| self.layers & 1 << at != 0).collect();
        let Some(&largest) = wanted.first() else { return };
        let thumbnails: u32 = wanted.iter().skip(1).map(|at| THUMBNAIL_BPS[*at]).sum();
        let granted = granted.saturating_sub(thumbnails);
        let bound = if self.max_bps > 0 { granted.min(self.max_bps) } else { granted };
        for at in wanted {
            let (rung, bound) =
                if at == largest { (self.rung(now, bound, at), bound) } else { (THUMBNAIL, THUMBNAIL_BPS[at]) };
            if !is_due(self.sizes[at].sent_at, now, rung.frames_per_s) {
                continue;
            }
            let halvings = usize::from(rung.halvings).max(at).min(SIZES - 1);
            self.scale_to(halvings);
            let bytes_max = (bound / 4 / u32::from(rung.frames_per_s.max(1))) as usize;
            let params = StripParams {
                quality: rung.quality,
                refined_quality: rung.quality.saturating_add(REFINED_ABOVE),
                bytes_max: bytes_max.clamp(FRAME_MIN_BYTES, StripParams::default().bytes_max),
                ..StripParams::default()
            };
            let size = &mut self.sizes[at];
            let picture = &self.pictures[halvings];
            let encoded = size.encoder.encode(now, timestamp, picture, &params, &mut self.frame);
            if encoded.is_err() || self.frame.strips.is_empty() {
                continue;
            }
            size.sent_at = Some(now);
            if !send(at as u8, &self.frame) {
                size.encoder.mark_frame_lost(timestamp);
            }
            if at == largest {
                self.learned = self.learned.saturating_add(1);
                if self.learned > 1 {
                    self.ladder.handle_frame(self.frame.bytes.len());
                }
            }
        }
    }

    fn rung(&mut self, now: Instant, bound: u32, halvings_min: usize) -> Rung {
        if self.learned < LEARNING_FRAMES {
            return self.ladder.rung();
        }
        self.ladder.choose(now, bound, halvings_min as u8)
    }

    fn scale_to(&mut self, halvings: usize) {
        for at in 1..=halvings {
            let (larger, smaller) = self.pictures.split_at_mut(at);
            if let (Some(from), Some(to)) = (larger.last(), smaller.first_mut()) {
                from.halve_into(to);
            }
        }
    }
}

/// Whether the next picture may go, a quarter of an interval early at most.
fn is_due(sent_at: Option<Instant>, now: Instant, frames_per_s: u8) -> bool {
    let interval = Duration::from_micros(750_000 / u64::from(frames_per_s.max(1)));
    frames_per_s >= 30 || sent_at.is_none_or(|at| now.since(at) >= interval)
}
