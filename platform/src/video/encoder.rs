//! Pictures to strips: only what has changed, and what is due.

use std::ops::Range;

use hph_core::limits::{FRAGMENTS_MAX, FRAME_MAX_BYTES};
use hph_core::media::strip::StripHeader;
use hph_core::time::{Duration, Instant};

use super::change::{Noise, Thresholds};
use super::dct;
use super::entropy::PART_COMPONENTS;
use super::packer::{Packer, Piece};
use super::samples::{Block, to_blocks};
use super::tables::{Quantisation, SymbolCounts};
use crate::jpeg::JpegError;
use crate::picture::{Picture, check_size};

/// A block that was still for so long is sent once more, in better quality.
const QUIET: Duration = Duration::from_millis(300);
/// A block that changes again so soon after that must be still for twice as long next time.
const RESTLESS: Duration = Duration::from_secs(2);
/// How often that time is doubled at most.
const PATIENCE_MAX: u8 = 4;
/// The rolling refresh leaves out what was sent so lately.
const FRESH: Duration = Duration::from_millis(1000);
/// One block of so many is refined at most in one frame, so that a scene that comes to rest costs no burst.
const REFINED_SHARE: usize = 16;

/// How to encode. May be another for each frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StripParams {
    /// Quality of what moves, 1 to 100.
    pub quality: u8,
    /// Quality of what is still, 1 to 100; not above `quality`: nothing is refined.
    pub refined_quality: u8,
    /// What is no further than this from what it should be is not refined: flat parts are as good as they get. **Units:** mean
    /// square of the luma samples' grey levels.
    pub fine_error: f32,
    /// Mean absolute difference that counts as a change in a picture without noise. **Units:** grey levels.
    pub threshold: f32,
    /// Every block is sent at least about so often. Losses are told of one by one, so this only mends what nobody could tell.
    pub refresh_interval: Duration,
    /// Bytes of the frame after which no more blocks are added; they follow in the next one.
    pub bytes_max: usize,
}

impl Default for StripParams {
    fn default() -> Self {
        Self {
            quality: 75,
            refined_quality: 90,
            fine_error: 1.0,
            threshold: 2.0,
            refresh_interval: Duration::from_secs(30),
            bytes_max: FRAME_MAX_BYTES,
        }
    }
}

/// One encoded frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StripFrame {
    /// The strips, one after another.
    pub bytes: Vec<u8>,
    /// Where each of them lies: 1 to 1118 bytes for one datagram. None if nothing has changed.
    pub strips: Vec<Range<usize>>,
    /// How many blocks of the picture are in them.
    pub blocks: usize,
}

/// What is known of a block.
#[derive(Clone, Copy, Debug, Default)]
struct BlockState {
    /// When it last changed.
    changed_at: Instant,
    /// When it was last sent.
    sent_at: Instant,
    /// In which frame and strip.
    sent_in: (u32, u16),
    /// In which quality; 0 before the first time.
    quality: u8,
    /// Whether it must be sent again, changed or not.
    is_due: bool,
    /// Whether it is so good already that refining it would be seen by nobody.
    is_fine: bool,
    /// How often refining it was in vain lately.
    patience: u8,
}

impl BlockState {
    /// Notes a change.
    fn change(&mut self, now: Instant, is_refined: bool) {
        let was_vain = is_refined && now.since(self.sent_at) < RESTLESS;
        if was_vain {
            self.patience = (self.patience + 1).min(PATIENCE_MAX);
        } else if now.since(self.changed_at) >= RESTLESS {
            self.patience = 0;
        }
        self.changed_at = now;
    }

    /// Whether it has been still for long enough to be refined.
    fn is_ripe(&self, now: Instant) -> bool {
        now.since(self.changed_at).as_micros() >= QUIET.as_micros() << self.patience
    }
}

/// Encodes the pictures of one track.
#[derive(Debug, Default)]
pub struct StripEncoder {
    size: (u16, u16),
    now: Vec<Block>,
    before: Vec<Block>,
    /// What was last sent of each block, as it was before encoding.
    sent: Vec<Block>,
    states: Vec<BlockState>,
    noise: Noise,
    /// Where the rolling refresh goes on. **Units:** blocks.
    refresh_at: f32,
    encoded_at: Instant,
    /// Where the next frame begins, so that a tight budget is shared by all of the picture.
    begin_at: usize,
    packer: Packer,
    /// Blocks to send in this frame: as what moves, as what is still.
    moving: Vec<u16>,
    still: Vec<u16>,
    tables: [Option<(u8, Box<Quantisation>)>; 2],
    codes: [Codes; 2],
}

/// The Huffman tables of what moves, or of what is still: those that would have been best lately.
#[derive(Debug, Default)]
struct Codes {
    table_set: u8,
    /// Of the last frame.
    last: SymbolCounts,
    /// Of all until now, what is long ago less.
    lately: SymbolCounts,
}

impl Codes {
    /// Notes what was written in a frame. **Cost:** about what two blocks take, and nothing for a frame without any.
    fn learn(&mut self, counts: SymbolCounts) {
        self.last = counts;
        if self.last != SymbolCounts::default() {
            self.lately.halve();
            self.lately.add(&self.last);
            self.table_set = self.lately.best_set();
        }
    }
}

impl StripEncoder {
    /// An encoder. The first frame has the whole picture.
    pub fn new() -> Self {
        Self::default()
    }

    /// Encodes what is new in `picture` and puts it into `out`, in place of what was there. `frame` is any number by which
    /// [`Self::mark_lost`] finds this frame again; `now` is the time of capture.
    ///
    /// A picture of another size begins anew.
    ///
    /// **Bound:** at most [`FRAGMENTS_MAX`] strips; what does not fit comes in the next frame.
    ///
    /// # Errors
    /// [`JpegError::Size`]: the sides are not allowed, or do not fit the number of bytes.
    pub fn encode(
        &mut self,
        now: Instant,
        frame: u32,
        picture: &Picture,
        params: &StripParams,
        out: &mut StripFrame,
    ) -> Result<(), JpegError> {
        out.bytes.clear();
        out.strips.clear();
        out.blocks = 0;
        let (width, height) = (picture.width, picture.height);
        if !picture.is_consistent() || check_size(width.into(), height.into()).is_err() {
            return Err(JpegError::Size { width, height });
        }
        std::mem::swap(&mut self.now, &mut self.before);
        to_blocks(picture, &mut self.now);
        if self.size == (width, height) {
            self.noise.learn(&self.now, &self.before);
        } else {
            self.begin(now, (width, height));
        }
        self.choose(now, params);
        let [moving, still] = self.pack(params);
        self.emit(now, frame, [moving, still], out);
        Ok(())
    }

    /// Sends the whole picture with the next frame: somebody has come, or has nothing to build on.
    pub fn request_refresh(&mut self) {
        self.states.iter_mut().for_each(|state| state.is_due = true);
    }

    /// Sends again with the next frame what was in a strip and has not been sent since: nobody got it.
    pub fn mark_lost(&mut self, frame: u32, index: u16) {
        self.mark(|state| state.sent_in == (frame, index));
    }

    /// As [`Self::mark_lost`], all strips of a frame.
    pub fn mark_frame_lost(&mut self, frame: u32) {
        self.mark(|state| state.sent_in.0 == frame);
    }

    fn mark(&mut self, is_lost: impl Fn(&BlockState) -> bool) {
        for state in &mut self.states {
            state.is_due |= state.quality > 0 && is_lost(state);
        }
    }

    /// Standard deviation of the camera's noise, as measured: luma, chroma. **Units:** grey levels.
    pub const fn noise_sigma(&self) -> [f32; 2] {
        self.noise.sigma
    }

    /// What was written in the last frame of what moves, and of what is still: Huffman tables are made from that.
    pub fn last_symbols(&self) -> [&SymbolCounts; 2] {
        [&self.codes[0].last, &self.codes[1].last]
    }

    fn begin(&mut self, now: Instant, size: (u16, u16)) {
        self.size = size;
        self.sent.clone_from(&self.now);
        self.states.clear();
        let first = BlockState { changed_at: now, is_due: true, ..BlockState::default() };
        self.states.resize(self.now.len(), first);
        (self.refresh_at, self.begin_at, self.encoded_at) = (0.0, 0, now);
    }

    /// Lists the blocks to send.
    fn choose(&mut self, now: Instant, params: &StripParams) {
        self.roll_refresh(now, params.refresh_interval);
        let thresholds = Thresholds::new(params.threshold, &self.noise);
        let count = self.states.len();
        let mut refined_left = (count / REFINED_SHARE).max(REFINED_SHARE);
        let does_refine = params.refined_quality > params.quality;
        let quantisation = quantisation(&mut self.tables[0], params.quality.clamp(1, 100));
        self.moving.clear();
        self.still.clear();
        for step in 0..count {
            let at = (self.begin_at + step) % count;
            let (state, block) = (&mut self.states[at], at as u16);
            if thresholds.is_changed(&self.now[at], &self.sent[at]) {
                state.change(now, state.quality >= params.refined_quality);
                self.moving.push(block);
                continue;
            }
            let is_coarse = does_refine && (1..params.refined_quality).contains(&state.quality);
            if is_coarse && !state.is_fine && refined_left > 0 && state.is_ripe(now) {
                refined_left -= 1;
                state.is_fine =
                    state.quality == params.quality && error(&self.now[at], quantisation) < params.fine_error;
                if !state.is_fine {
                    self.still.push(block);
                    continue;
                }
            }
            if state.is_due {
                let is_refined = does_refine && state.quality >= params.refined_quality;
                (if is_refined { &mut self.still } else { &mut self.moving }).push(block);
            }
        }
    }

    /// Marks the blocks whose turn it is.
    fn roll_refresh(&mut self, now: Instant, interval: Duration) {
        let count = self.states.len() as f32;
        let passed = now.since(self.encoded_at).as_micros() as f32 / interval.as_micros().max(1) as f32;
        self.encoded_at = now;
        let end = self.refresh_at + count * passed.min(1.0);
        for turn in self.refresh_at as usize..end as usize {
            let state = &mut self.states[turn % count as usize];
            state.is_due |= now.since(state.sent_at) >= FRESH;
        }
        self.refresh_at = end % count;
    }

    /// Encodes the listed blocks, as far as there is room; gives the pieces of what moves and of what is still.
    fn pack(&mut self, params: &StripParams) -> [Range<usize>; 2] {
        self.packer.clear();
        let (width, height) = self.size;
        let mut first_left_out = None;
        let mut ends = [0; 2];
        for (class, blocks) in [&self.moving, &self.still].into_iter().enumerate() {
            let quality = if class == 0 { params.quality } else { params.refined_quality }.clamp(1, 100);
            let header = StripHeader { table_set: self.codes[class].table_set, quality, width, height };
            let quantisation = quantisation(&mut self.tables[class], quality);
            for &block in blocks {
                let is_room =
                    self.packer.len_bytes() < params.bytes_max && self.packer.pieces.len() < FRAGMENTS_MAX - 2;
                if !is_room {
                    first_left_out = first_left_out.or(Some(usize::from(block)));
                    break;
                }
                self.packer.add(&header, quantisation, block, &self.now[usize::from(block)]);
            }
            self.packer.close(&header, false);
            self.codes[class].learn(self.packer.take_counts());
            ends[class] = self.packer.pieces.len();
        }
        self.begin_at = first_left_out.unwrap_or(0);
        [0..ends[0], ends[0]..ends[1]]
    }

    /// Puts the strips into `out`, the full ones first and all as long as the longest of them, so that they leave in one
    /// segmented send; and notes what was sent.
    fn emit(&mut self, now: Instant, frame: u32, classes: [Range<usize>; 2], out: &mut StripFrame) {
        let pieces = &self.packer.pieces;
        let longest_full =
            pieces.iter().filter(|piece| piece.is_full).map(|piece| piece.bytes.len()).max().unwrap_or(0);
        let mut order: Vec<usize> = (0..pieces.len()).collect();
        order.sort_by_key(|index| (!pieces[*index].is_full, std::cmp::Reverse(pieces[*index].bytes.len())));
        for (strip, piece) in order.iter().enumerate() {
            let Piece { bytes, blocks, is_full } = pieces[*piece].clone();
            let begin = out.bytes.len();
            out.bytes.extend_from_slice(&self.packer.bytes[bytes]);
            if is_full {
                out.bytes.resize(begin + longest_full, 0);
            }
            out.strips.push(begin..out.bytes.len());
            out.blocks += blocks.len();
            let class = usize::from(classes[1].contains(piece));
            let quality = self.tables[class].as_ref().map_or(1, |(quality, _)| *quality);
            for &block in &self.packer.blocks[blocks] {
                let block = usize::from(block);
                let state = &mut self.states[block];
                *state = BlockState {
                    sent_at: now,
                    sent_in: (frame, strip as u16),
                    quality,
                    is_due: false,
                    is_fine: false,
                    ..*state
                };
                self.sent[block] = self.now[block];
            }
        }
    }
}

/// By how much quantisation changes what is seen of a block. **Units:** mean square of the luma samples' grey levels.
fn error(samples: &Block, quantisation: &Quantisation) -> f32 {
    let luma = samples.iter().zip(PART_COMPONENTS).filter(|(_, component)| *component == 0);
    let (mut squares, mut count) = (0, 0);
    for (samples, _) in luma {
        let levels = dct::forward(samples, &quantisation.forward[0]);
        let coefficients = std::array::from_fn(|at| f32::from(levels[at]) * quantisation.inverse[0][at]);
        let seen = dct::inverse(&coefficients);
        let differences = seen.iter().flatten().zip(samples).map(|(seen, is)| u32::from(seen.abs_diff(*is)).pow(2));
        squares += differences.sum::<u32>();
        count += samples.len();
    }
    squares as f32 / count as f32
}

/// The tables of a quality, made anew only if it is another than last time.
fn quantisation(kept: &mut Option<(u8, Box<Quantisation>)>, quality: u8) -> &Quantisation {
    if kept.as_ref().is_none_or(|(of, _)| *of != quality) {
        *kept = None;
    }
    &kept.get_or_insert_with(|| (quality, Box::new(Quantisation::new(quality)))).1
}

#[cfg(test)]
mod tests;
