//! The tables of baseline JPEG, which strips name instead of carrying them.
//!
//! **Source:** ITU-T T.81 annexes A.3.6, C, F.1.2 and K; the scaling of quantisation tables is that of the Independent JPEG
//! Group's software, so that a quality means the same here as everywhere.

mod trained;

/// Where the n-th coefficient of the zigzag order stands in a block that is stored column by column, as [`super::dct`] leaves
/// and takes it.
pub const ZIGZAG_TRANSPOSED: [u8; 64] = transposed(&ZIGZAG);

/// The same for a block that is stored row by row (T.81 figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Table K.1, row by row.
const LUMA: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// Table K.2, row by row.
const CHROMA: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99,
];

/// What the output of the fast transform must be divided by, along one axis (Arai, Agui and Nakajima, 1988).
const AAN: [f32; 8] = [1.0, 1.387_039_8, 1.306_563, 1.175_875_6, 1.0, 0.785_694_96, 0.541_196_1, 0.275_899_38];

/// The quantisation of one quality, with the factors of the transforms in it, column by column.
#[derive(Clone, Debug)]
pub struct Quantisation {
    /// What to multiply the output of the forward transform by: luma, chroma.
    pub forward: [[f32; 64]; 2],
    /// What to multiply levels by before the inverse transform: luma, chroma.
    pub inverse: [[f32; 64]; 2],
}

impl Quantisation {
    /// The tables of a quality from 1 to 100; others are taken as the nearest.
    pub fn new(quality: u8) -> Self {
        let mut tables = Self { forward: [[0.0; 64]; 2], inverse: [[0.0; 64]; 2] };
        for (component, base) in [&LUMA, &CHROMA].into_iter().enumerate() {
            for (at, &value) in base.iter().enumerate() {
                let step = f32::from(scaled(value, quality));
                let factor = AAN[at / 8] * AAN[at % 8];
                let transposed = at % 8 * 8 + at / 8;
                tables.forward[component][transposed] = 1.0 / (step * factor * 8.0);
                tables.inverse[component][transposed] = step * factor / 8.0;
            }
        }
        tables
    }
}

/// One step of a table at a quality.
fn scaled(value: u8, quality: u8) -> u8 {
    let quality = u32::from(quality.clamp(1, 100));
    let scale = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    ((u32::from(value) * scale + 50) / 100).clamp(1, 255) as u8
}

/// The two quantisation tables of a quality in zigzag order, as a JPEG header has them.
#[cfg(test)]
pub fn header_tables(quality: u8) -> [[u8; 64]; 2] {
    [&LUMA, &CHROMA].map(|base| ZIGZAG.map(|at| scaled(base[usize::from(at)], quality)))
}

const fn transposed(order: &[u8; 64]) -> [u8; 64] {
    let mut out = [0; 64];
    let mut index = 0;
    while index < 64 {
        out[index] = order[index] % 8 * 8 + order[index] / 8;
        index += 1;
    }
    out
}

/// A Huffman table as a JPEG header has it.
#[derive(Clone, Copy, Debug)]
pub struct HuffmanSpec {
    /// How many codes have 1, 2 ... 16 bits.
    pub counts: [u8; 16],
    /// The symbols, by rising code.
    pub symbols: &'static [u8],
}

/// Bits that the first look into a table takes.
const LOOK_BITS: u32 = 9;

/// A Huffman table, ready for both directions.
#[derive(Clone, Debug)]
pub struct Huffman {
    /// By symbol: the code, and its length in the top byte; 0 for a symbol without a code.
    codes: [u32; 256],
    /// By the next [`LOOK_BITS`] bits: symbol and length of the code, length 0 if the code is longer.
    look: [(u8, u8); 1 << LOOK_BITS],
    /// By length: the first code that is too great for it, shifted to 16 bits.
    ends: [u32; 17],
    /// By length: index of the first symbol, less the first code.
    offsets: [i32; 17],
    symbols: [u8; 256],
}

impl Huffman {
    /// Builds a table (T.81 annexes C and F.2.2.3).
    pub const fn new(spec: &HuffmanSpec) -> Self {
        let mut table = Self {
            codes: [0; 256],
            look: [(0, 0); 1 << LOOK_BITS],
            ends: [0; 17],
            offsets: [0; 17],
            symbols: [0; 256],
        };
        let (mut code, mut index, mut length) = (0u32, 0usize, 1u32);
        while length <= 16 {
            table.offsets[length as usize] = index as i32 - code as i32;
            let mut left = spec.counts[length as usize - 1];
            while left > 0 {
                let symbol = spec.symbols[index];
                table.symbols[index] = symbol;
                table.codes[symbol as usize] = length << 24 | code;
                if length <= LOOK_BITS {
                    let (mut at, end) = (code << (LOOK_BITS - length), (code + 1) << (LOOK_BITS - length));
                    while at < end {
                        table.look[at as usize] = (symbol, length as u8);
                        at += 1;
                    }
                }
                code += 1;
                index += 1;
                left -= 1;
            }
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
            length += 1;
        }
        table
    }

    /// Code and length in bits of a symbol.
    pub const fn code(&self, symbol: u8) -> (u32, u32) {
        let code = self.codes[symbol as usize];
        (code & 0xffff, code >> 24)
    }

    /// The symbol that the next 16 bits begin with, and the length of its code; none if no code is like that.
    pub fn symbol(&self, bits: u16) -> Option<(u8, u32)> {
        let (symbol, length) = self.look[usize::from(bits) >> (16 - LOOK_BITS)];
        if length > 0 {
            return Some((symbol, length.into()));
        }
        let length = (LOOK_BITS + 1..=16).find(|length| u32::from(bits) < self.ends[*length as usize])?;
        let code = i32::from(bits) >> (16 - length);
        let index = usize::try_from(code + self.offsets[length as usize]).ok()?;
        self.symbols.get(index).map(|symbol| (*symbol, length))
    }
}

/// The four Huffman tables of a picture.
#[derive(Clone, Debug)]
pub struct TableSet {
    /// Differences of DC levels: luma, chroma.
    pub dc: [Huffman; 2],
    /// Runs and sizes of AC levels: luma, chroma.
    pub ac: [Huffman; 2],
}

/// What the four tables are made from, in the same order.
pub type TableSpecs = ([HuffmanSpec; 2], [HuffmanSpec; 2]);

impl TableSet {
    const fn new((dc, ac): &TableSpecs) -> Self {
        Self { dc: [Huffman::new(&dc[0]), Huffman::new(&dc[1])], ac: [Huffman::new(&ac[0]), Huffman::new(&ac[1])] }
    }

    /// How many bits the codes of those symbols take.
    pub fn code_bits(&self, counts: &SymbolCounts) -> u64 {
        let tables = self.dc.iter().chain(&self.ac).zip(counts.dc.iter().chain(&counts.ac));
        tables
            .flat_map(|(table, counts)| table.codes.iter().zip(counts))
            .fold(0, |bits, (code, count)| bits + u64::from(*count) * u64::from(code >> 24))
    }
}

/// How often each symbol was written: as the tables of a set, luma and chroma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolCounts {
    /// Sizes of differences of DC levels.
    pub dc: [[u32; 256]; 2],
    /// Runs and sizes of AC levels.
    pub ac: [[u32; 256]; 2],
}

impl Default for SymbolCounts {
    fn default() -> Self {
        Self { dc: [[0; 256]; 2], ac: [[0; 256]; 2] }
    }
}

impl SymbolCounts {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let ours = self.dc.iter_mut().chain(&mut self.ac).flatten();
        for (ours, theirs) in ours.zip(other.dc.iter().chain(&other.ac).flatten()) {
            *ours = ours.saturating_add(*theirs);
        }
    }

    /// Makes what was long ago count less.
    pub fn halve(&mut self) {
        self.dc.iter_mut().chain(&mut self.ac).flatten().for_each(|count| *count /= 2);
    }

    /// The number of the set with which they take the fewest bits.
    pub fn best_set(&self) -> u8 {
        let bits = (0u8..).zip(&TABLE_SETS).map(|(number, set)| (set.code_bits(self), number));
        bits.min().map_or(0, |(_, number)| number)
    }
}

/// Every set that a strip can name, by its number: the standard's, and those of our own.
pub static TABLE_SETS: [TableSet; 1 + trained::SETS.len()] = {
    let mut sets = [const { TableSet::new(&STANDARD) }; 1 + trained::SETS.len()];
    let mut number = 0;
    while number < trained::SETS.len() {
        sets[1 + number] = TableSet::new(&trained::SETS[number]);
        number += 1;
    }
    sets
};

const _: () = assert!(TABLE_SETS.len() == hph_core::limits::STRIP_TABLE_SETS as usize);

const STANDARD: TableSpecs = ([DC_LUMA, DC_CHROMA], [AC_LUMA, AC_CHROMA]);

/// Table K.3.
pub const DC_LUMA: HuffmanSpec = HuffmanSpec {
    counts: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
};

/// Table K.4.
pub const DC_CHROMA: HuffmanSpec = HuffmanSpec {
    counts: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
    symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
};

/// Table K.5.
pub const AC_LUMA: HuffmanSpec = HuffmanSpec {
    counts: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
    symbols: &[
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
        0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
        0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
        0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
        0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
        0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
        0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
        0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
        0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ],
};

/// Table K.6.
pub const AC_CHROMA: HuffmanSpec = HuffmanSpec {
    counts: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
    symbols: &[
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
        0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
        0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
        0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
        0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
        0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
        0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
        0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
        0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_every_table_reads_back_as_its_symbol() {
        let all = [&STANDARD].into_iter().chain(&trained::SETS);
        let pairs = TABLE_SETS
            .iter()
            .zip(all)
            .flat_map(|(set, (dc, ac))| set.dc.iter().chain(&set.ac).zip(dc.iter().chain(ac)));
        for (table, spec) in pairs {
            assert_eq!(spec.counts.iter().map(|count| usize::from(*count)).sum::<usize>(), spec.symbols.len());
            for &symbol in spec.symbols {
                let (code, length) = table.code(symbol);
                let shifted = (code << (16 - length)) as u16;
                assert_eq!(table.symbol(shifted), Some((symbol, length)));
                assert_eq!(table.symbol(shifted | ((1u32 << (16 - length)) - 1) as u16), Some((symbol, length)));
            }
            assert_eq!(table.symbol(0xffff), None, "only ones are no code");
        }
    }

    #[test]
    fn every_set_codes_every_level() {
        for (dc, ac) in &trained::SETS {
            for (specs, standard) in [(dc, DC_LUMA.symbols), (ac, AC_LUMA.symbols)] {
                for spec in specs {
                    let sorted = |symbols: &[u8]| symbols.iter().copied().collect::<std::collections::BTreeSet<_>>();
                    assert_eq!(sorted(spec.symbols), sorted(standard));
                    assert_eq!(spec.symbols.len(), standard.len());
                }
            }
        }
    }

    #[test]
    fn the_protocol_has_the_same_tables() {
        let annex = include_str!("../../../core/PROTOCOL.md").split("## Annex A").nth(1).expect("an annex");
        let hex: String = annex.lines().map(|line| line.split_once(": ").map_or(line, |(_, hex)| hex).trim()).collect();
        for spec in trained::SETS.iter().flat_map(|(dc, ac)| dc.iter().chain(ac)) {
            let bytes = spec.counts.iter().chain(spec.symbols);
            let expected: String = bytes.map(|byte| format!("{byte:02x}")).collect();
            assert!(hex.contains(&expected), "{spec:?}");
        }
    }

    #[test]
    fn the_set_that_takes_the_fewest_bits_is_found() {
        for (number, set) in (0u8..).zip(&TABLE_SETS) {
            // As often as the lengths of its own codes say.
            let mut counts = SymbolCounts::default();
            let tables = set.dc.iter().chain(&set.ac).zip(counts.dc.iter_mut().chain(&mut counts.ac));
            for (table, counts) in tables {
                for (code, count) in table.codes.iter().zip(counts).filter(|(code, _)| **code > 0) {
                    *count = 1 << (17 - (code >> 24));
                }
            }
            assert_eq!(counts.best_set(), number);
        }
    }

    #[test]
    fn qualities_scale_the_steps_as_everywhere() {
        assert_eq!(header_tables(50)[0][..3], [16, 11, 12]);
        assert_eq!(header_tables(75)[0][..3], [8, 6, 6]);
        assert_eq!(header_tables(100), [[1; 64]; 2]);
        assert_eq!(header_tables(1)[1], [255; 64]);
    }
}
