//! Blocks into strips that fill datagrams.

use std::ops::Range;

use hph_core::limits::FRAGMENT_PAYLOAD_MAX_BYTES;
use hph_core::media::strip::{RunList, StripHeader};

use super::dct;
use super::entropy::{Levels, PART_COMPONENTS, Writer};
use super::samples::Block;
use super::tables::{Quantisation, SymbolCounts, TABLE_SETS, TableSet, ZIGZAG_TRANSPOSED};

/// A strip that is ready: where it lies in [`Packer::bytes`] and which of [`Packer::blocks`] it has.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its bytes.
    pub bytes: Range<usize>,
    /// Its blocks.
    pub blocks: Range<usize>,
    /// Whether it was closed because the next block did not fit.
    pub is_full: bool,
}

/// Makes strips of one frame.
#[derive(Clone, Debug, Default)]
pub struct Packer {
    writer: Writer,
    runs: RunList,
    /// The bytes of all strips that are ready.
    pub bytes: Vec<u8>,
    /// The blocks of all strips that are ready.
    pub blocks: Vec<u16>,
    /// The strips that are ready.
    pub pieces: Vec<Piece>,
}

impl Packer {
    /// Begins a frame.
    pub fn clear(&mut self) {
        self.begin();
        self.bytes.clear();
        self.blocks.clear();
        self.pieces.clear();
    }

    fn begin(&mut self) {
        self.writer.clear();
        self.runs.clear();
    }

    /// What was written since this was asked last.
    pub fn take_counts(&mut self) -> SymbolCounts {
        std::mem::take(&mut self.writer.counts)
    }

    /// Bytes of the frame until now.
    pub const fn len_bytes(&self) -> usize {
        self.bytes.len() + self.open_bytes()
    }

    /// Bytes of the strip that is being made.
    const fn open_bytes(&self) -> usize {
        self.runs.emitted_bytes() + self.writer.len_bytes_max()
    }

    /// Adds a block; all of one strip must have the same header.
    pub fn add(&mut self, header: &StripHeader, quantisation: &Quantisation, block: u16, samples: &Block) {
        let mut levels = transform(samples, quantisation);
        let tables = &TABLE_SETS[usize::from(header.table_set)];
        if self.try_add(block, &levels, tables) {
            return;
        }
        self.close(header, true);
        // Noise at the best quality may be more than a datagram takes: then the finest detail goes, until it fits.
        let mut kept = 64;
        while !self.try_add(block, &levels, tables) {
            kept /= 2;
            for at in &ZIGZAG_TRANSPOSED[kept..] {
                levels.iter_mut().for_each(|part| part[usize::from(*at)] = 0);
            }
        }
    }

    fn try_add(&mut self, block: u16, levels: &Levels, tables: &TableSet) -> bool {
        let mark = self.writer.mark();
        if self.runs.push(block).is_err() {
            return false;
        }
        self.writer.write(levels, tables);
        if self.open_bytes() <= FRAGMENT_PAYLOAD_MAX_BYTES {
            return true;
        }
        self.writer.rewind(&mark);
        self.runs.pop();
        false
    }

    /// Finishes the strip that is being made, if there is anything in it.
    pub fn close(&mut self, header: &StripHeader, is_full: bool) {
        let mut front = [0; FRAGMENT_PAYLOAD_MAX_BYTES];
        if let Some(len) = self.runs.emit(header, &mut front) {
            let (bytes_begin, blocks_begin) = (self.bytes.len(), self.blocks.len());
            self.bytes.extend_from_slice(&front[..len]);
            self.bytes.extend_from_slice(self.writer.finish());
            self.blocks.extend(self.runs.blocks());
            let (bytes, blocks) = (bytes_begin..self.bytes.len(), blocks_begin..self.blocks.len());
            self.pieces.push(Piece { bytes, blocks, is_full });
        }
        self.begin();
    }
}

fn transform(samples: &Block, quantisation: &Quantisation) -> Levels {
    std::array::from_fn(|part| {
        let component = PART_COMPONENTS[part].min(1);
        dct::forward(&samples[part], &quantisation.forward[component])
    })
}
