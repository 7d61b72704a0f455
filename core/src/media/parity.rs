//! Parity over the sealed packets of a frame: whoever lost some of them makes them again from the others, without asking.
//!
//! The code is systematic Reed-Solomon over GF(2^8) with a Cauchy matrix: of a group of *k* packets and *m* parity packets
//! any *k* give the others. A frame of more than [`PARITY_GROUP_PACKETS_MAX`] packets has several groups, interleaved, so
//! that a burst of losses is shared out among them: packet *i* is place `i / groups` of group `i mod groups`, and parity
//! packet *j* is rank `j / groups` of group `j mod groups`.
//!
//! A **symbol** is a packet from its SFrame header on, a byte 80, and zeros up to the longest of the group. It is the sealed
//! packet: what was made again is opened by its own end-to-end tag, so that nobody needs to trust parity.
//!
//! Multiplication by a constant is eight masked shifts and exclusive ors over whole rows of bytes, which a compiler turns
//! into vector code for any processor; there are no tables of products to miss in a cache.

use core::ops::Range;

use crate::limits::{
    DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES, PARITY_GROUP_PACKETS_MAX, PARITY_GROUP_PARITY_MAX,
};

mod recovery;

pub use recovery::{RECOVERY_PLACE_BYTES, Recovery, RecoveryPlace, Solvable};

/// Longest symbol: what a Media datagram has room for behind its media header.
pub const SYMBOL_MAX_BYTES: usize = DATAGRAM_MAX_BYTES - HOP_PREFIX_BYTES - MEDIA_HEADER_BYTES;

/// Follows the packet in its symbol.
const END_MARK: u8 = 0x80;
/// Bytes that are worked on at a time: eight multiples of them stay in the nearest cache.
const CHUNK: usize = 128;

/// x^8 + x^4 + x^3 + x^2 + 1, as in QR codes and RFC 5510.
const POLYNOMIAL: u8 = 0x1d;

/// What packets of a place and rank are multiplied by: `1 / (x + y)` with all *x* and *y* different.
const COEFFICIENTS: [[u8; PARITY_GROUP_PACKETS_MAX]; PARITY_GROUP_PARITY_MAX] = coefficients();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated when this is compiled")]
const fn coefficients() -> [[u8; PARITY_GROUP_PACKETS_MAX]; PARITY_GROUP_PARITY_MAX] {
    let mut all = [[0; PARITY_GROUP_PACKETS_MAX]; PARITY_GROUP_PARITY_MAX];
    let mut rank = 0;
    while rank < PARITY_GROUP_PARITY_MAX {
        let mut place = 0;
        while place < PARITY_GROUP_PACKETS_MAX {
            all[rank][place] = inverse((PARITY_GROUP_PACKETS_MAX + rank) as u8 ^ place as u8);
            place += 1;
        }
        rank += 1;
    }
    all
}

/// Twice a number.
const fn double(a: u8) -> u8 {
    (a << 1) ^ (((a as i8) >> 7) as u8 & POLYNOMIAL)
}

const fn product(a: u8, b: u8) -> u8 {
    let (mut sum, mut multiple, mut rest) = (0, a, b);
    while rest != 0 {
        if rest & 1 != 0 {
            sum ^= multiple;
        }
        multiple = double(multiple);
        rest >>= 1;
    }
    sum
}

/// One divided by a number; of 0, 0.
const fn inverse(a: u8) -> u8 {
    // a^254: squares of squares.
    let (mut result, mut power, mut step) = (1, a, 0_u8);
    while step < 7 {
        power = product(power, power);
        result = product(result, power);
        step = step.wrapping_add(1);
    }
    if a == 0 { 0 } else { result }
}

fn coefficient(rank: usize, place: usize) -> u8 {
    COEFFICIENTS.get(rank).and_then(|row| row.get(place)).copied().unwrap_or(0)
}

/// The multiples of some bytes by 1, 2, 4 ... 128.
struct Multiples([[u8; CHUNK]; 8]);

impl Multiples {
    /// Of up to [`CHUNK`] bytes.
    fn new(bytes: &[u8]) -> Self {
        let mut current = [0; CHUNK];
        for (to, from) in current.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self([(); 8].map(|()| {
            let this = current;
            for byte in &mut current {
                *byte = double(*byte);
            }
            this
        }))
    }

    /// Adds the bytes times `factor` to `sum`.
    fn add_to(&self, sum: &mut [u8], factor: u8) {
        for (bit, multiple) in (0u32..).zip(&self.0) {
            if factor.checked_shr(bit).unwrap_or(0) & 1 != 0 {
                for (to, from) in sum.iter_mut().zip(multiple) {
                    *to ^= *from;
                }
            }
        }
    }
}

/// The pieces of a symbol that are worked on at a time.
fn chunks(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(CHUNK).map(move |begin| begin..begin.saturating_add(CHUNK).min(len))
}

/// A parity packet in the making. Start every one as [`Symbol::EMPTY`].
#[derive(Clone, Debug)]
pub struct Symbol {
    bytes: [u8; SYMBOL_MAX_BYTES],
    len: usize,
}

impl Symbol {
    /// Nothing was added.
    pub const EMPTY: Self = Self { bytes: [0; SYMBOL_MAX_BYTES], len: 0 };

    /// Adds `sealed` with its end mark, times `factor`.
    fn add(&mut self, multiples: &Multiples, range: &Range<usize>, factor: u8) {
        if let Some(sum) = self.bytes.get_mut(range.clone()) {
            multiples.add_to(sum, factor);
        }
    }
}

/// Makes the parity packets of one frame while its packets are sealed.
///
/// **Bound:** each packet costs `parity / groups` multiplications of its length; memory is what the caller lends.
#[derive(Debug)]
pub struct ParityEncoder<'a> {
    symbols: &'a mut [Symbol],
    groups: usize,
}

impl<'a> ParityEncoder<'a> {
    /// Begins a frame of `count` packets (1 to 256) with `parity` parity packets: fewer if there is less memory, or more
    /// than [`PARITY_GROUP_PARITY_MAX`] for a group.
    pub fn new(memory: &'a mut [Symbol], count: u16, parity: u8) -> Self {
        let groups = usize::from(count).div_ceil(PARITY_GROUP_PACKETS_MAX).max(1);
        let parity = usize::from(parity).min(memory.len()).min(groups.saturating_mul(PARITY_GROUP_PARITY_MAX));
        let symbols = memory.get_mut(..parity).unwrap_or_default();
        symbols.fill(Symbol::EMPTY);
        Self { symbols, groups }
    }

    /// How many parity packets there will be.
    pub const fn parity(&self) -> u8 {
        self.symbols.len() as u8
    }

    /// Adds the packet `index`, from its SFrame header on: 1 to [`SYMBOL_MAX_BYTES`] - 1 bytes.
    pub fn add(&mut self, index: u16, sealed: &[u8]) {
        if self.symbols.is_empty() {
            return;
        }
        let mut symbol = [0; SYMBOL_MAX_BYTES];
        let len = fill(&mut symbol, sealed);
        let (group, place) = split(index.into(), self.groups);
        for range in chunks(len) {
            let multiples = Multiples::new(symbol.get(range.clone()).unwrap_or_default());
            for (rank, row) in self.symbols.iter_mut().skip(group).step_by(self.groups.max(1)).enumerate() {
                row.len = row.len.max(len);
                row.add(&multiples, &range, coefficient(rank, place));
            }
        }
    }

    /// The parity packets, in order, once all packets were added.
    pub fn symbols(&self) -> impl Iterator<Item = &[u8]> {
        self.symbols.iter().map(|symbol| symbol.bytes.get(..symbol.len).unwrap_or_default())
    }
}

/// The group and the place in it, or the rank, of a packet.
fn split(index: usize, groups: usize) -> (usize, usize) {
    (index.checked_rem(groups).unwrap_or(0), index.checked_div(groups).unwrap_or(0))
}

/// Makes a symbol of a sealed packet; gives its length without the zeros.
fn fill(symbol: &mut [u8; SYMBOL_MAX_BYTES], sealed: &[u8]) -> usize {
    let len = sealed.len().saturating_add(1).min(SYMBOL_MAX_BYTES);
    for (to, from) in symbol.iter_mut().zip(sealed.iter().chain(&[END_MARK]).chain(core::iter::repeat(&0))) {
        *to = *from;
    }
    len
}

#[cfg(test)]
mod tests;
