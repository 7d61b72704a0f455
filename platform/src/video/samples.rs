//! Pixels to the blocks that are encoded.
//!
//! A block is kept in one piece, its six parts of 8x8 samples one after the other, so that comparing and transforming it
//! touches neighbouring memory only.

use hph_core::limits::STRIP_BLOCK_PIXELS;

use crate::picture::Picture;

/// Pixels of a block's side.
pub const SIDE: usize = STRIP_BLOCK_PIXELS as usize;
/// Samples of a part.
pub const PART: usize = 64;

/// The samples of one block: the four quarters of luma, row by row, then blue and red difference.
pub type Block = [[u8; PART]; 6];

/// Cuts a picture into blocks, row by row (JFIF: ITU-R BT.601 in full range; chroma is the mean of four pixels). Beyond the
/// right and lower edge the last pixels are repeated.
pub fn to_blocks(picture: &Picture, blocks: &mut Vec<Block>) {
    let (width, height) = (usize::from(picture.width), usize::from(picture.height));
    let (columns, rows) = (width.div_ceil(SIDE), height.div_ceil(SIDE));
    blocks.resize(columns * rows, [[0; PART]; 6]);
    for (index, block) in blocks.iter_mut().enumerate() {
        let (x, y) = (index % columns * SIDE, index / columns * SIDE);
        for pair in 0..SIDE / 2 {
            let row = |offset: usize| {
                let begin = (y + pair * 2 + offset).min(height - 1) * width * 3;
                read_row(&picture.rgb[begin..begin + width * 3], x)
            };
            convert_rows(&row(0), &row(1), pair, block);
        }
    }
}

/// Sixteen pixels, colour by colour.
struct Row {
    red: [u8; SIDE],
    green: [u8; SIDE],
    blue: [u8; SIDE],
}

/// Sixteen pixels of a row from the `x`-th on.
#[inline]
fn read_row(row: &[u8], x: usize) -> Row {
    let mut edge = [0; SIDE * 3];
    let pixels: &[u8; SIDE * 3] = match row.get(x * 3..).and_then(<[u8]>::first_chunk) {
        Some(pixels) => pixels,
        None => {
            let last = row.len() / 3 - 1;
            for (index, pixel) in edge.chunks_exact_mut(3).enumerate() {
                let at = (x + index).min(last) * 3;
                pixel.copy_from_slice(&row[at..at + 3]);
            }
            &edge
        }
    };
    Row {
        red: std::array::from_fn(|at| pixels[at * 3]),
        green: std::array::from_fn(|at| pixels[at * 3 + 1]),
        blue: std::array::from_fn(|at| pixels[at * 3 + 2]),
    }
}

/// Puts two rows of pixels, the `pair`-th pair of the block, in their places.
#[inline]
fn convert_rows(upper: &Row, lower: &Row, pair: usize, block: &mut Block) {
    for (offset, row) in [upper, lower].into_iter().enumerate() {
        let luma: [u8; SIDE] = std::array::from_fn(|at| {
            let (r, g, b) = (u32::from(row.red[at]), u32::from(row.green[at]), u32::from(row.blue[at]));
            ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8
        });
        let y = pair * 2 + offset;
        let (quarter, begin) = (y / 8 * 2, y % 8 * 8);
        block[quarter][begin..begin + 8].copy_from_slice(&luma[..8]);
        block[quarter + 1][begin..begin + 8].copy_from_slice(&luma[8..]);
    }
    // Sums of four pixels, so everything is shifted by two bits more.
    let sum = |upper: &[u8; SIDE], lower: &[u8; SIDE]| -> [i32; SIDE / 2] {
        std::array::from_fn(|at| {
            i32::from(upper[at * 2])
                + i32::from(upper[at * 2 + 1])
                + i32::from(lower[at * 2])
                + i32::from(lower[at * 2 + 1])
        })
    };
    let (r, g, b) = (sum(&upper.red, &lower.red), sum(&upper.green, &lower.green), sum(&upper.blue, &lower.blue));
    let middle = (128 << 18) + (1 << 17);
    for at in 0..SIDE / 2 {
        let blue = (-11_059 * r[at] - 21_709 * g[at] + 32_768 * b[at] + middle) >> 18;
        let red = (32_768 * r[at] - 27_439 * g[at] - 5_329 * b[at] + middle) >> 18;
        block[4][pair * 8 + at] = blue.min(255) as u8;
        block[5][pair * 8 + at] = red.min(255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_has_no_chroma_and_colours_have_theirs() {
        let mut picture = Picture::black(16, 16);
        let mut blocks = Vec::new();
        for (rgb, expected) in [
            ([77, 77, 77], [77, 128, 128]),
            ([255, 255, 255], [255, 128, 128]),
            ([255, 0, 0], [76, 85, 255]),
            ([0, 0, 255], [29, 255, 107]),
        ] {
            picture.fill_rect(0, 0, 16, 16, rgb);
            to_blocks(&picture, &mut blocks);
            let [block] = blocks.as_slice() else { panic!("one block") };
            assert_eq!([block[0][0], block[4][63], block[5][0]], expected);
            assert_eq!(block[3], [expected[0]; 64]);
        }
    }

    #[test]
    fn pixels_keep_their_places_and_the_edge_is_repeated() {
        let mut picture = Picture::black(18, 17);
        picture.fill_rect(17, 0, 1, 17, [100; 3]);
        picture.fill_rect(0, 16, 18, 1, [200; 3]);
        let mut blocks = Vec::new();
        to_blocks(&picture, &mut blocks);
        assert_eq!(blocks.len(), 4);
        assert_eq!(blocks[0], [[0; 64], [0; 64], [0; 64], [0; 64], [128; 64], [128; 64]]);
        assert_eq!((blocks[1][0][0], blocks[1][0][1], blocks[1][0][7], blocks[1][3][63]), (0, 100, 100, 100));
        assert_eq!((blocks[2][0][0], blocks[2][3][63], blocks[3][3][63]), (200, 200, 200));
    }
}
