//! The payload of one datagram of a strip-coded picture: some blocks of it, decodable without any other datagram.
//!
//! **Shape** (big-endian):
//! ```text
//!  0     1       2         4          6     7
//!  | set | qual. | width   | height   | n   | n runs: skip, length (1 or 2 bytes each) | entropy data | padding
//! ```
//! A block is 16x16 pixels. Blocks are numbered row by row from the top left. A run leaves out `skip` blocks after the end
//! of the run before it (the first one: from block 0) and then covers `length` blocks. The entropy data are those blocks
//! in that order, as the scan of a baseline 4:2:0 JPEG without restart markers (ITU-T T.81). The tables are not sent:
//! `set` and `quality` name them. What follows the last block is padding, which makes datagrams of equal size.
//!
//! **Source:** conditional replenishment as in nv and vic (McCanne and Jacobson, 1995); JPEG without its headers as in RFC
//! 2435.

use heapless::Vec;

use crate::error::{DropReason, Full};
use crate::limits::{
    PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX, STRIP_BLOCK_PIXELS, STRIP_BLOCKS_MAX, STRIP_HEADER_BYTES, STRIP_RUNS_MAX,
    STRIP_TABLE_SETS,
};

/// A number below this takes one byte in a run, others two.
const LONG_NUMBER: u16 = 128;

/// What a strip says of the picture that it belongs to, and how it is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StripHeader {
    /// Which Huffman tables: below [`STRIP_TABLE_SETS`].
    pub table_set: u8,
    /// Which quantisation tables: 1 (coarse) to 100, as the Independent JPEG Group scales those of T.81 annex K.
    pub quality: u8,
    /// Pixels in a row of the picture, 1 to [`PICTURE_WIDTH_MAX`].
    pub width: u16,
    /// Rows of pixels, 1 to [`PICTURE_HEIGHT_MAX`].
    pub height: u16,
}

impl StripHeader {
    /// Blocks side by side; the last may reach over the edge.
    pub const fn columns(&self) -> u16 {
        self.width.div_ceil(STRIP_BLOCK_PIXELS)
    }

    /// Blocks one above the other; the last may reach over the edge.
    pub const fn rows(&self) -> u16 {
        self.height.div_ceil(STRIP_BLOCK_PIXELS)
    }

    /// Blocks of the picture, at most 8160.
    pub const fn picture_blocks(&self) -> u16 {
        self.columns().saturating_mul(self.rows())
    }

    /// Whether every field is within its bounds.
    pub const fn is_legal(&self) -> bool {
        self.table_set < STRIP_TABLE_SETS
            && self.quality >= 1
            && self.quality <= 100
            && self.width >= 1
            && self.width <= PICTURE_WIDTH_MAX
            && self.height >= 1
            && self.height <= PICTURE_HEIGHT_MAX
    }
}

/// Neighbouring blocks of a picture, counted row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRun {
    /// The first one.
    pub first: u16,
    /// How many, at least 1.
    pub len: u16,
}

impl BlockRun {
    /// The block after the last one.
    const fn end(&self) -> u16 {
        self.first.saturating_add(self.len)
    }
}

/// The blocks of a strip while it is made. **Bound:** [`STRIP_BLOCKS_MAX`] blocks in [`STRIP_RUNS_MAX`] runs, 1 KiB.
#[derive(Clone, Debug, Default)]
pub struct RunList {
    runs: Vec<BlockRun, STRIP_RUNS_MAX>,
    blocks: u16,
    /// Bytes that the runs take.
    runs_bytes: usize,
}

impl RunList {
    /// Forgets all blocks.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many blocks there are.
    pub const fn block_count(&self) -> u16 {
        self.blocks
    }

    /// Adds a block, which must come after all others.
    ///
    /// # Errors
    /// [`Full`]: the strip holds as many blocks or runs as it may, or the block does not come after the others. Nothing has
    /// changed.
    pub fn push(&mut self, block: u16) -> Result<(), Full> {
        let full = Full { what: "blocks of a strip", max: STRIP_BLOCKS_MAX.into() };
        if self.blocks >= STRIP_BLOCKS_MAX {
            return Err(full);
        }
        let end = self.runs.last().map_or(0, BlockRun::end);
        match self.runs.last_mut() {
            Some(last) if block == end => {
                last.len = last.len.saturating_add(1);
                self.runs_bytes = self.runs_bytes.saturating_add(usize::from(last.len == LONG_NUMBER));
            }
            Some(_) if block < end => return Err(full),
            _ => {
                self.runs.push(BlockRun { first: block, len: 1 }).map_err(|_| full)?;
                let bytes = number_bytes(block.saturating_sub(end)).saturating_add(1);
                self.runs_bytes = self.runs_bytes.saturating_add(bytes);
            }
        }
        self.blocks = self.blocks.saturating_add(1);
        Ok(())
    }

    /// Takes the last block away again, if there is one.
    pub fn pop(&mut self) -> Option<u16> {
        let last = self.runs.last_mut()?;
        last.len = last.len.saturating_sub(1);
        let (block, is_empty) = (last.end(), last.len == 0);
        let mut bytes = usize::from(last.len == LONG_NUMBER.saturating_sub(1));
        if is_empty {
            self.runs.pop();
            let end = self.runs.last().map_or(0, BlockRun::end);
            bytes = number_bytes(block.saturating_sub(end)).saturating_add(1);
        }
        self.runs_bytes = self.runs_bytes.saturating_sub(bytes);
        self.blocks = self.blocks.saturating_sub(1);
        Some(block)
    }

    /// Its blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = u16> + '_ {
        self.runs.iter().flat_map(|run| run.first..run.end())
    }

    /// Bytes that header and runs take in a strip.
    pub const fn emitted_bytes(&self) -> usize {
        STRIP_HEADER_BYTES.saturating_add(self.runs_bytes)
    }

    /// Writes header and runs to the front of `out` and says how many bytes that are; entropy data follow them. None if
    /// there are no blocks, a field is out of bounds, or `out` is too short.
    pub fn emit(&self, header: &StripHeader, out: &mut [u8]) -> Option<usize> {
        let is_within = self.runs.last().is_some_and(|last| last.end() <= header.picture_blocks());
        if !is_within || !header.is_legal() {
            return None;
        }
        let ([w0, w1], [h0, h1]) = (header.width.to_be_bytes(), header.height.to_be_bytes());
        let fixed = [header.table_set, header.quality, w0, w1, h0, h1, self.runs.len() as u8];
        let (front, mut rest) = out.split_first_chunk_mut::<STRIP_HEADER_BYTES>()?;
        *front = fixed;
        for number in numbers(&self.runs) {
            rest = emit_number(number, rest)?;
        }
        Some(self.emitted_bytes())
    }
}

/// What is written of runs: by turns blocks left out and blocks covered.
fn numbers(runs: &[BlockRun]) -> impl Iterator<Item = u16> {
    let ends = core::iter::once(0).chain(runs.iter().map(BlockRun::end));
    runs.iter().zip(ends).flat_map(|(run, end)| [run.first.saturating_sub(end), run.len])
}

/// Bytes that a number takes.
const fn number_bytes(number: u16) -> usize {
    if number < LONG_NUMBER { 1 } else { 2 }
}

/// Writes a number below 2^15 and gives what is left of `out`: seven bits, or the top seven with a mark and then the others.
fn emit_number(number: u16, out: &mut [u8]) -> Option<&mut [u8]> {
    if number < LONG_NUMBER {
        let (first, rest) = out.split_first_mut()?;
        *first = number as u8;
        return Some(rest);
    }
    let (front, rest) = out.split_first_chunk_mut::<2>()?;
    *front = (number | 0x8000).to_be_bytes();
    Some(rest)
}

/// Reads what [`emit_number`] writes, and nothing else: a long form of a short number is refused.
fn parse_number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if u16::from(first) < LONG_NUMBER {
        return Some((first.into(), rest));
    }
    let (&second, rest) = rest.split_first()?;
    let number = u16::from_be_bytes([first, second]) & 0x7fff;
    (number >= LONG_NUMBER).then_some((number, rest))
}

/// A strip that came, with all its numbers within their bounds. Its entropy data are not looked at here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strip<'a> {
    /// What it says of itself.
    pub header: StripHeader,
    /// How many blocks it has: 1 to [`STRIP_BLOCKS_MAX`].
    pub block_count: u16,
    /// Its blocks as they are written: sound, since they were read before.
    runs: &'a [u8],
    /// The blocks themselves, and padding; never empty.
    pub data: &'a [u8],
}

impl<'a> Strip<'a> {
    /// Reads a strip.
    ///
    /// **Bound:** one pass over the runs, at most [`STRIP_RUNS_MAX`].
    ///
    /// # Errors
    /// [`DropReason::Strip`] for anything that [`RunList::emit`] would not have written: a field out of bounds, blocks
    /// outside the picture or too many, two runs that are one, a number in a longer form than it needs, no entropy data.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DropReason> {
        Self::try_parse(payload).ok_or(DropReason::Strip)
    }

    fn try_parse(payload: &'a [u8]) -> Option<Self> {
        let (&[table_set, quality, w0, w1, h0, h1, run_count], runs) =
            payload.split_first_chunk::<STRIP_HEADER_BYTES>()?;
        let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        let header = StripHeader { table_set, quality, width, height };
        if !header.is_legal() || run_count == 0 {
            return None;
        }
        let (mut data, mut end, mut block_count) = (runs, 0u16, 0u16);
        for index in 0..run_count {
            let (skip, rest) = parse_number(data)?;
            let (len, rest) = parse_number(rest)?;
            if len == 0 || (skip == 0 && index > 0) {
                return None;
            }
            // Below 2^15 each, on top of at most 8160.
            end = end.saturating_add(skip).saturating_add(len);
            block_count = block_count.saturating_add(len);
            if end > header.picture_blocks() || block_count > STRIP_BLOCKS_MAX {
                return None;
            }
            data = rest;
        }
        let runs = runs.get(..runs.len().saturating_sub(data.len()))?;
        (!data.is_empty()).then_some(Self { header, block_count, runs, data })
    }

    /// Checks that its picture is not greater than what was announced: before any memory is taken for it.
    ///
    /// # Errors
    /// [`DropReason::StripSize`] if one of the sides is.
    pub const fn check_size(&self, width_max: u16, height_max: u16) -> Result<(), DropReason> {
        let is_within = self.header.width <= width_max && self.header.height <= height_max;
        if is_within { Ok(()) } else { Err(DropReason::StripSize) }
    }

    /// Its runs, in the order of the picture.
    pub fn runs(&self) -> impl Iterator<Item = BlockRun> + 'a {
        let (mut bytes, mut end) = (self.runs, 0u16);
        core::iter::from_fn(move || {
            let (skip, rest) = parse_number(bytes)?;
            let (len, rest) = parse_number(rest)?;
            let run = BlockRun { first: end.saturating_add(skip), len };
            (bytes, end) = (rest, run.end());
            Some(run)
        })
    }

    /// Its blocks, in the order of the picture and of the entropy data.
    pub fn blocks(&self) -> impl Iterator<Item = u16> + 'a {
        self.runs().flat_map(|run| run.first..run.end())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    const HEADER: StripHeader = StripHeader { table_set: 0, quality: 75, width: 1280, height: 720 };

    fn emit(header: &StripHeader, blocks: &[u16]) -> Vec<u8> {
        let mut runs = RunList::default();
        blocks.iter().for_each(|&block| runs.push(block).unwrap());
        let mut out = [0; 2000];
        let len = runs.emit(header, &mut out).unwrap();
        assert_eq!(len, runs.emitted_bytes());
        for short in 0..len {
            assert_eq!(runs.emit(header, &mut out[..short]), None);
        }
        [&out[..len], &[0xaa]].concat()
    }

    #[test]
    fn a_strip_comes_back_as_it_went() {
        let lists: [&[u16]; 5] = [&[0], &[3599], &[2, 3, 4, 205], &[0, 1, 127, 128, 400], &[0, 2, 4, 6, 8]];
        for blocks in lists {
            let bytes = emit(&HEADER, blocks);
            let strip = Strip::parse(&bytes).unwrap();
            assert_eq!((strip.header, strip.data), (HEADER, &[0xaa][..]));
            assert_eq!(usize::from(strip.block_count), blocks.len());
            assert!(strip.blocks().eq(blocks.iter().copied()), "{blocks:?}");
        }
    }

    #[test]
    fn the_vector_of_the_protocol_document_is_what_is_emitted() {
        let bytes = emit(&HEADER, &[2, 3, 4, 205, 206]);
        assert_eq!(bytes, [0, 75, 0x05, 0, 0x02, 0xd0, 2, 2, 3, 0x80, 0xc8, 2, 0xaa]);
        assert_eq!(Strip::parse(&bytes).unwrap().block_count, 5);
    }

    #[test]
    fn sides_that_are_no_multiple_of_a_block_round_up() {
        let header = StripHeader { width: 641, height: 360, ..HEADER };
        assert_eq!((header.columns(), header.rows(), header.picture_blocks()), (41, 23, 943));
        let bytes = emit(&header, &[942]);
        assert!(Strip::parse(&bytes).is_ok());
        let mut runs = RunList::default();
        runs.push(943).unwrap();
        assert_eq!(runs.emit(&header, &mut [0; 100]), None, "outside the picture");
    }

    #[test]
    fn a_strip_of_a_greater_picture_than_announced_is_refused() {
        let bytes = emit(&HEADER, &[0]);
        let strip = Strip::parse(&bytes).unwrap();
        assert_eq!(strip.check_size(1280, 720), Ok(()));
        assert_eq!(strip.check_size(1279, 720), Err(DropReason::StripSize));
        assert_eq!(strip.check_size(1920, 719), Err(DropReason::StripSize));
        assert_eq!(strip.check_size(0, 0), Err(DropReason::StripSize), "a track without pictures");
    }

    #[test]
    fn a_strip_that_contradicts_itself_is_refused() {
        let good = emit(&HEADER, &[0, 1, 400]);
        let mutated = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Strip::parse(&bytes).err()
        };
        assert!(Strip::parse(&good).is_ok());
        let bad = [
            (0, STRIP_TABLE_SETS, "unknown tables"),
            (1, 0, "no quality"),
            (1, 101, "more than the best"),
            (2, 0x08, "too wide"),
            (4, 0x05, "too high"),
            (6, 0, "no runs"),
            (6, 3, "a run of nothing at all"),
            (8, 0, "an empty run"),
            (9, 0, "two runs that are one"),
        ];
        for (at, value, what) in bad {
            assert_eq!(mutated(at, value), Some(DropReason::Strip), "{what}");
        }
        let with = |runs: &[u8]| Strip::parse(&[&[0, 75, 5, 0, 2, 0xd0], runs].concat()).err();
        assert_eq!(with(&[1, 0, 1, 9]), None);
        assert_eq!(with(&[1, 0x80, 0, 1, 9]), Some(DropReason::Strip), "a long form of a short number");
        assert_eq!(with(&[1, 0x8e, 0x0f, 1, 9]), None, "the last block");
        assert_eq!(with(&[1, 0x8e, 0x10, 1, 9]), Some(DropReason::Strip), "the block after the last");
        assert_eq!(with(&[1, 0, 0x82, 0, 9]), None, "as many blocks as may be");
        assert_eq!(with(&[1, 0, 0x82, 1, 9]), Some(DropReason::Strip), "too many blocks");
        assert_eq!(with(&[1, 0xff, 0xff, 0xff, 0xff, 9]), Some(DropReason::Strip), "the largest numbers");
        assert_eq!(with(&[1, 0, 1]), Some(DropReason::Strip), "no entropy data");
    }

    #[test]
    fn a_cut_strip_is_refused_at_every_length() {
        let good = emit(&HEADER, &[0, 1, 400, 500]);
        for len in 0..good.len() {
            assert_eq!(Strip::parse(&good[..len]), Err(DropReason::Strip), "{len} bytes");
        }
    }

    #[test]
    fn a_list_takes_blocks_only_in_order_and_only_so_many() {
        let mut runs = RunList::default();
        runs.push(5).unwrap();
        assert!(runs.push(5).is_err() && runs.push(4).is_err());
        assert_eq!(runs.block_count(), 1);
        (6..STRIP_BLOCKS_MAX + 5).for_each(|block| runs.push(block).unwrap());
        assert!(runs.push(STRIP_BLOCKS_MAX + 5).is_err());
        runs.clear();
        let scattered = (0..STRIP_RUNS_MAX as u16).map(|index| index * 2);
        scattered.for_each(|block| runs.push(block).unwrap());
        assert!(runs.push(2000).is_err(), "too many runs");
        assert!(runs.push(STRIP_RUNS_MAX as u16 * 2 - 1).is_ok(), "the last run grows");
    }

    #[test]
    fn a_block_taken_away_leaves_the_list_as_it_was() {
        let mut runs = RunList::default();
        let mut random = 1u32;
        let mut block = 0;
        for _ in 0..400 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            block += if random >> 30 == 0 { (random >> 16) as u16 % 130 + 1 } else { 1 };
            let (before, bytes) = (runs.clone(), runs.emitted_bytes());
            runs.push(block).unwrap();
            let after = runs.clone();
            assert_eq!(runs.pop(), Some(block));
            assert_eq!((&runs.runs, runs.blocks, runs.emitted_bytes()), (&before.runs, before.blocks, bytes));
            runs = after;
            let header = StripHeader { width: 1920, height: 1088, ..HEADER };
            assert_eq!(runs.emit(&header, &mut [0; 2000]), Some(runs.emitted_bytes()));
        }
        assert_eq!(RunList::default().pop(), None);
    }

    #[test]
    fn no_blocks_and_illegal_headers_are_not_written() {
        let mut runs = RunList::default();
        assert_eq!(runs.emit(&HEADER, &mut [0; 100]), None);
        runs.push(0).unwrap();
        assert!(runs.emit(&HEADER, &mut [0; 100]).is_some());
        assert_eq!(runs.emit(&StripHeader { quality: 0, ..HEADER }, &mut [0; 100]), None);
    }
}
