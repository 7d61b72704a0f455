//! Levels to bits and back: the entropy coding of baseline JPEG (ITU-T T.81 annexes F.1.2 and F.2.2).

use super::tables::{SymbolCounts, TableSet, ZIGZAG_TRANSPOSED};

/// Components of the six parts of a block: four of luma, two of chroma.
pub const PART_COMPONENTS: [usize; 6] = [0, 0, 0, 0, 1, 2];

/// Sixteen zeros.
const ZERO_RUN: u8 = 0xf0;
/// Only zeros until the end.
const END_OF_BLOCK: u8 = 0;

/// The levels of one block: six parts of 8x8, column by column.
pub type Levels = [[i16; 64]; 6];

/// Which tables a component uses.
const fn table(component: usize) -> usize {
    if component == 0 { 0 } else { 1 }
}

/// Writes blocks as entropy data.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Bits that are no whole byte yet, the last one lowest.
    bits: u64,
    bit_count: u32,
    /// The last DC level of each component.
    dc: [i32; 3],
    /// What was written since somebody took them; what was rewound counts, too.
    pub counts: SymbolCounts,
}

/// A place in a [`Writer`] to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    len_bytes: usize,
    bits: u64,
    bit_count: u32,
    dc: [i32; 3],
}

impl Writer {
    /// Begins anew, in the same memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.bits, self.bit_count, self.dc) = (0, 0, [0; 3]);
    }

    /// This place.
    pub const fn mark(&self) -> Mark {
        Mark { len_bytes: self.bytes.len(), bits: self.bits, bit_count: self.bit_count, dc: self.dc }
    }

    /// Forgets what was written since `mark`.
    pub fn rewind(&mut self, mark: &Mark) {
        self.bytes.truncate(mark.len_bytes);
        (self.bits, self.bit_count, self.dc) = (mark.bits, mark.bit_count, mark.dc);
    }

    /// The most bytes that [`Self::finish`] would give.
    pub const fn len_bytes_max(&self) -> usize {
        // The last byte may need completing, and if it is ff then, a zero after it.
        self.bytes.len() + if self.bit_count > 0 { 2 } else { 0 }
    }

    /// Writes a block.
    pub fn write(&mut self, levels: &Levels, tables: &TableSet) {
        for (part, component) in levels.iter().zip(PART_COMPONENTS) {
            self.write_part(part, component, tables);
        }
        self.put_whole_bytes();
    }

    fn write_part(&mut self, part: &[i16; 64], component: usize, tables: &TableSet) {
        let kind = table(component);
        let (dc_table, ac_table) = (&tables.dc[kind], &tables.ac[kind]);
        let level = i32::from(part[0]);
        let (size, bits) = magnitude(level - self.dc[component]);
        self.dc[component] = level;
        self.counts.dc[kind][size as usize] += 1;
        let (code, length) = dc_table.code(size as u8);
        self.put(code << size | bits, length + size);

        // Bit n: is the n-th level of the zigzag order something else than zero?
        let mut levels = [0i16; 64];
        let mut mask = 0u64;
        for (index, at) in ZIGZAG_TRANSPOSED.iter().enumerate() {
            levels[index] = part[usize::from(*at)];
            mask |= u64::from(levels[index] != 0) << index;
        }
        let mut next = 1;
        mask &= !1;
        while mask != 0 {
            let index = mask.trailing_zeros();
            let mut zeros = index - next;
            while zeros > 15 {
                self.counts.ac[kind][usize::from(ZERO_RUN)] += 1;
                let (code, length) = ac_table.code(ZERO_RUN);
                self.put(code, length);
                zeros -= 16;
            }
            let (size, bits) = magnitude(levels[index as usize].into());
            let symbol = (zeros << 4 | size) as u8;
            self.counts.ac[kind][usize::from(symbol)] += 1;
            let (code, length) = ac_table.code(symbol);
            self.put(code << size | bits, length + size);
            next = index + 1;
            mask &= mask - 1;
        }
        if next < 64 {
            self.counts.ac[kind][usize::from(END_OF_BLOCK)] += 1;
            let (code, length) = ac_table.code(END_OF_BLOCK);
            self.put(code, length);
        }
    }

    /// Adds at most 27 bits.
    #[inline]
    fn put(&mut self, bits: u32, count: u32) {
        self.bits = self.bits << count | u64::from(bits);
        self.bit_count += count;
        if self.bit_count >= 32 {
            self.bit_count -= 32;
            let word = (self.bits >> self.bit_count) as u32;
            if has_ff(word) {
                word.to_be_bytes().into_iter().for_each(|byte| self.put_byte(byte));
            } else {
                self.bytes.extend_from_slice(&word.to_be_bytes());
            }
        }
    }

    fn put_whole_bytes(&mut self) {
        while self.bit_count >= 8 {
            self.bit_count -= 8;
            self.put_byte((self.bits >> self.bit_count) as u8);
        }
    }

    fn put_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
        if byte == 0xff {
            self.bytes.push(0);
        }
    }

    /// Completes the last byte and gives all of them.
    pub fn finish(&mut self) -> &[u8] {
        if self.bit_count > 0 {
            let missing = 8 - self.bit_count;
            self.bits = self.bits << missing | ((1 << missing) - 1);
            self.bit_count = 8;
            self.put_whole_bytes();
        }
        &self.bytes
    }
}

/// Whether one of the four bytes is ff.
const fn has_ff(word: u32) -> bool {
    let inverted = !word;
    inverted.wrapping_sub(0x0101_0101) & !inverted & 0x8080_8080 != 0
}

/// How many bits a level takes, and those bits (T.81 table F.1).
fn magnitude(level: i32) -> (u32, u32) {
    let size = 32 - level.unsigned_abs().leading_zeros();
    let bits = if level < 0 { level - 1 } else { level };
    (size, bits as u32 & ((1 << size) - 1))
}

/// Reads blocks from entropy data that may come from anybody.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Bits to be read, the next one highest. Zeros follow the last real one.
    bits: u64,
    /// Bits of `bits` that are real.
    bit_count: u32,
    dc: [i32; 3],
}

/// The entropy data end, or break off: what follows cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl<'a> Reader<'a> {
    /// A reader of `data`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { rest: data, bits: 0, bit_count: 0, dc: [0; 3] }
    }

    /// Reads the next block.
    ///
    /// **Bound:** 384 levels at most, whatever the bytes.
    ///
    /// # Errors
    /// [`Broken`]: there is no such code, or a part would have more than 64 levels, or the bytes are at an end. The content of
    /// `levels` is unspecified then.
    pub fn read(&mut self, levels: &mut Levels, tables: &TableSet) -> Result<(), Broken> {
        *levels = [[0; 64]; 6];
        for (part, component) in levels.iter_mut().zip(PART_COMPONENTS) {
            self.read_part(part, component, tables)?;
        }
        Ok(())
    }

    fn read_part(&mut self, part: &mut [i16; 64], component: usize, tables: &TableSet) -> Result<(), Broken> {
        let (dc_table, ac_table) = (&tables.dc[table(component)], &tables.ac[table(component)]);
        let (size, length) = dc_table.symbol(self.peek()).ok_or(Broken)?;
        self.skip(length)?;
        let level = self.dc[component] + self.level(size.into())?;
        self.dc[component] = level;
        part[0] = level.clamp(i16::MIN.into(), i16::MAX.into()) as i16;

        let mut index = 1;
        while index < 64 {
            let (symbol, length) = ac_table.symbol(self.peek()).ok_or(Broken)?;
            self.skip(length)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                match symbol {
                    END_OF_BLOCK => break,
                    ZERO_RUN => index += 16,
                    _ => return Err(Broken),
                }
                continue;
            }
            index += zeros;
            let at = ZIGZAG_TRANSPOSED.get(index).ok_or(Broken)?;
            part[usize::from(*at)] = self.level(size)? as i16;
            index += 1;
        }
        // A run of zeros up to the very end is the sender's to write, one beyond it is not.
        if index <= 64 { Ok(()) } else { Err(Broken) }
    }

    /// The next 16 bits.
    #[inline]
    fn peek(&mut self) -> u16 {
        if self.bit_count < 32 {
            self.refill();
        }
        (self.bits >> 48) as u16
    }

    /// Takes bits that were looked at.
    #[inline]
    fn skip(&mut self, count: u32) -> Result<(), Broken> {
        self.bit_count = self.bit_count.checked_sub(count).ok_or(Broken)?;
        self.bits <<= count;
        Ok(())
    }

    /// A level of `size` bits, at most 15 (T.81 figure F.12).
    #[inline]
    fn level(&mut self, size: u32) -> Result<i32, Broken> {
        if size == 0 {
            return Ok(0);
        }
        // After a code of at most 16 bits, 16 of the 32 are left.
        let value = (self.bits >> (64 - size)) as i32;
        self.skip(size)?;
        Ok(if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value })
    }

    fn refill(&mut self) {
        while self.bit_count <= 56 {
            let Some((&byte, rest)) = self.rest.split_first() else { return };
            self.rest = match (byte, rest.first()) {
                (0xff, Some(0)) => &rest[1..],
                // A marker: no more data.
                (0xff, _) => {
                    self.rest = &[];
                    return;
                }
                _ => rest,
            };
            self.bits |= u64::from(byte) << (56 - self.bit_count);
            self.bit_count += 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tables::TABLE_SETS;
    use super::*;

    /// Blocks with few and with many levels, small and large ones.
    fn blocks(count: usize) -> Vec<Levels> {
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let mut block = || {
            let (density, size) = (next() % 64, next() % 9 + 1);
            let mut levels = [[0i16; 64]; 6];
            levels.iter_mut().flatten().for_each(|level| {
                if next() % 64 < density {
                    *level = (next() % (2 << size)) as i16 - (1 << size) + 1;
                }
            });
            levels
        };
        (0..count).map(|_| block()).collect()
    }

    fn written(blocks: &[Levels]) -> Vec<u8> {
        let mut writer = Writer::default();
        for levels in blocks {
            writer.write(levels, &TABLE_SETS[0]);
        }
        let max = writer.len_bytes_max();
        let bytes = writer.finish().to_vec();
        assert!(bytes.len() <= max);
        bytes
    }

    #[test]
    fn levels_come_back_as_they_went_and_padding_is_left_alone() {
        let blocks = blocks(200);
        let bytes = [written(&blocks), vec![0; 50]].concat();
        let mut reader = Reader::new(&bytes);
        let mut levels = [[0; 64]; 6];
        for block in &blocks {
            reader.read(&mut levels, &TABLE_SETS[0]).unwrap();
            assert_eq!(levels, *block);
        }
    }

    #[test]
    fn the_extreme_levels_come_back() {
        let mut block = [[0i16; 64]; 6];
        for part in &mut block {
            (part[0], part[63], part[7], part[56]) = (1023, -1023, 1, 1023);
        }
        let other = block.map(|part| part.map(|level| -level));
        let bytes = written(&[block, other, [[0; 64]; 6]]);
        let mut reader = Reader::new(&bytes);
        let mut levels = [[0; 64]; 6];
        for block in [block, other, [[0; 64]; 6]] {
            reader.read(&mut levels, &TABLE_SETS[0]).unwrap();
            assert_eq!(levels, block);
        }
    }

    #[test]
    fn a_writer_goes_back_to_a_mark() {
        let blocks = blocks(3);
        let mut writer = Writer::default();
        writer.write(&blocks[0], &TABLE_SETS[0]);
        let mark = writer.mark();
        writer.write(&blocks[1], &TABLE_SETS[0]);
        writer.rewind(&mark);
        writer.write(&blocks[2], &TABLE_SETS[0]);
        assert_eq!(writer.finish(), written(&[blocks[0], blocks[2]]));
    }

    #[test]
    fn cut_data_break_off_and_never_read_as_all_blocks() {
        let blocks = blocks(4);
        let bytes = written(&blocks);
        let mut levels = [[0; 64]; 6];
        for len in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..len]);
            let read = (0..4).take_while(|_| reader.read(&mut levels, &TABLE_SETS[0]).is_ok()).count();
            assert!(read < 4, "{len} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn any_bytes_end_in_levels_or_in_an_error() {
        let mut state = 3u32;
        let mut levels = [[0; 64]; 6];
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..60)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            let mut reader = Reader::new(&bytes);
            while reader.read(&mut levels, &TABLE_SETS[0]).is_ok() {}
        }
        assert_eq!(Reader::new(&[0xff; 100]).read(&mut levels, &TABLE_SETS[0]), Err(Broken), "markers are no data");
        assert_eq!(Reader::new(&[]).read(&mut levels, &TABLE_SETS[0]), Err(Broken));
    }
}
