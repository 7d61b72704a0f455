//! Strips to the picture as it is now.

use hph_core::error::DropReason;
use hph_core::media::strip::{Strip, StripHeader};

use super::canvas::Canvas;
use super::dct;
use super::entropy::{Levels, PART_COMPONENTS, Reader};
use super::tables::{Quantisation, TABLE_SETS};
use crate::picture::Picture;

/// Tables of so many qualities are kept: of what moves and of what is still, and of both before they were changed.
const TABLES_KEPT: usize = 4;

/// What a decoder has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StripFigures {
    /// Strips of which every block was decoded.
    pub strips: u64,
    /// Blocks that were put into the picture.
    pub blocks: u64,
    /// Blocks that came too late: something newer was there.
    pub overtaken: u64,
}

/// Decodes the strips of one track and layer: keeps its picture, into which every strip is put at once, in whatever order
/// they come. Where nothing came, what was there stays.
///
/// **Bound:** the memory of one picture of the announced size, whatever the strips say.
#[derive(Debug, Default)]
pub struct StripDecoder {
    size_max: (u16, u16),
    size: (u16, u16),
    canvas: Canvas,
    /// The newest frame of each block, none before the first one.
    frames: Vec<Option<u32>>,
    newest: Option<u32>,
    tables: Vec<(u8, Box<Quantisation>)>,
    figures: StripFigures,
}

impl StripDecoder {
    /// A decoder of pictures that are at most as large as was announced. **Units:** pixels.
    pub fn new(width_max: u16, height_max: u16) -> Self {
        Self { size_max: (width_max, height_max), ..Self::default() }
    }

    /// Puts a strip into the picture and gives the number of blocks that are new in it: late strips, and strips that come
    /// again, count only where there is nothing newer.
    ///
    /// **Bound:** work in proportion to the strip's bytes and its at most 512 blocks; a strip of another size than the picture
    /// also clears the picture.
    ///
    /// # Errors
    /// [`DropReason::Strip`] if it contradicts itself or breaks off, the blocks before that stay; [`DropReason::StripSize`]
    /// if its picture is greater than announced; [`DropReason::Late`] if it is of another size and older than the picture.
    pub fn handle(&mut self, frame: u32, payload: &[u8]) -> Result<usize, DropReason> {
        let strip = Strip::parse(payload)?;
        strip.check_size(self.size_max.0, self.size_max.1)?;
        self.fit(frame, &strip.header)?;
        if self.newest.is_none_or(|newest| !is_older(frame, newest)) {
            self.newest = Some(frame);
        }
        let before = self.figures.blocks;
        self.decode(frame, &strip)?;
        self.figures.strips += 1;
        Ok((self.figures.blocks - before) as usize)
    }

    /// The picture as it is now; without pixels before the first strip.
    pub fn picture(&mut self) -> &Picture {
        self.canvas.picture()
    }

    /// The newest frame of which a strip came.
    pub const fn newest(&self) -> Option<u32> {
        self.newest
    }

    /// Blocks of the picture; 0 before the first strip.
    pub const fn block_count(&self) -> usize {
        self.frames.len()
    }

    /// Share of the picture that nothing has come for yet, 0 to 1.
    pub fn missing(&self) -> f32 {
        let missing = self.frames.iter().filter(|frame| frame.is_none()).count();
        if self.frames.is_empty() { 1.0 } else { missing as f32 / self.frames.len() as f32 }
    }

    /// What it has done until now.
    pub const fn figures(&self) -> StripFigures {
        self.figures
    }

    /// Begins a new picture if the strip's is of another size.
    fn fit(&mut self, frame: u32, header: &StripHeader) -> Result<(), DropReason> {
        let size = (header.width, header.height);
        if size == self.size {
            return Ok(());
        }
        if self.newest.is_some_and(|newest| is_older(frame, newest)) {
            return Err(DropReason::Late);
        }
        self.size = size;
        self.canvas.reset(size.0, size.1);
        self.frames.clear();
        self.frames.resize(header.picture_blocks().into(), None);
        Ok(())
    }

    fn decode(&mut self, frame: u32, strip: &Strip<'_>) -> Result<(), DropReason> {
        let tables = TABLE_SETS.get(usize::from(strip.header.table_set)).ok_or(DropReason::Strip)?;
        let quality = strip.header.quality;
        if !self.tables.iter().any(|(of, _)| *of == quality) {
            self.tables.truncate(TABLES_KEPT - 1);
            self.tables.insert(0, (quality, Box::new(Quantisation::new(quality))));
        }
        let (_, quantisation) = self.tables.iter().find(|(of, _)| *of == quality).ok_or(DropReason::Strip)?;
        let mut reader = Reader::new(strip.data);
        let mut levels: Levels = [[0; 64]; 6];
        for block in strip.blocks() {
            reader.read(&mut levels, tables).map_err(|_| DropReason::Strip)?;
            let newest = &mut self.frames[usize::from(block)];
            if newest.is_some_and(|newest| is_older(frame, newest)) {
                self.figures.overtaken += 1;
                continue;
            }
            *newest = Some(frame);
            put(&mut self.canvas, block.into(), &levels, quantisation);
            self.figures.blocks += 1;
        }
        Ok(())
    }
}

/// Serial number arithmetic (RFC 1982).
const fn is_older(frame: u32, than: u32) -> bool {
    (frame.wrapping_sub(than) as i32) < 0
}

fn put(canvas: &mut Canvas, block: usize, levels: &Levels, quantisation: &Quantisation) {
    for (part, (levels, component)) in levels.iter().zip(PART_COMPONENTS).enumerate() {
        let factors = &quantisation.inverse[component.min(1)];
        let coefficients = std::array::from_fn(|at| f32::from(levels[at]) * factors[at]);
        canvas.put(block, part, &dct::inverse(&coefficients));
    }
}

#[cfg(test)]
mod tests;
