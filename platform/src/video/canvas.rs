//! The picture of a track as it is now, and the way from samples back to pixels.

use super::samples::SIDE;
use crate::picture::Picture;

/// Side of a block in the chroma planes.
const CHROMA_SIDE: usize = SIDE / 2;

/// Planes of samples, and the picture made of them.
#[derive(Clone, Debug, Default)]
pub struct Canvas {
    columns: usize,
    /// Luma, rows of `columns` blocks.
    luma: Vec<u8>,
    /// Blue and red difference, half as many samples each way.
    chroma: [Vec<u8>; 2],
    /// Whether a block's pixels are older than its samples.
    is_dirty: Vec<bool>,
    picture: Picture,
}

impl Canvas {
    /// Begins a black picture of that size, in the memory of the one before.
    pub fn reset(&mut self, width: u16, height: u16) {
        let (columns, rows) = (usize::from(width).div_ceil(SIDE), usize::from(height).div_ceil(SIDE));
        let blocks = columns * rows;
        self.columns = columns;
        refill(&mut self.luma, blocks * SIDE * SIDE, 0);
        self.chroma.iter_mut().for_each(|plane| refill(plane, blocks * CHROMA_SIDE * CHROMA_SIDE, 128));
        refill(&mut self.is_dirty, blocks, false);
        self.picture.width = width;
        self.picture.height = height;
        refill(&mut self.picture.rgb, usize::from(width) * usize::from(height) * 3, 0);
    }

    /// Puts one of a block's six parts in its place.
    pub fn put(&mut self, block: usize, part: usize, samples: &[[u8; 8]; 8]) {
        let (column, row) = (block % self.columns, block / self.columns);
        let (plane, stride, x, y) = match part {
            0..=3 => (&mut self.luma, self.columns * SIDE, column * SIDE + part % 2 * 8, row * SIDE + part / 2 * 8),
            _ => {
                let plane = &mut self.chroma[usize::from(part > 4)];
                (plane, self.columns * CHROMA_SIDE, column * CHROMA_SIDE, row * CHROMA_SIDE)
            }
        };
        for (offset, samples) in samples.iter().enumerate() {
            let begin = (y + offset) * stride + x;
            plane[begin..begin + 8].copy_from_slice(samples);
        }
        self.is_dirty[block] = true;
    }

    /// The picture, with all that was put in it.
    pub fn picture(&mut self) -> &Picture {
        for block in 0..self.is_dirty.len() {
            if std::mem::take(&mut self.is_dirty[block]) {
                self.paint(block);
            }
        }
        &self.picture
    }

    /// Luma, blue and red difference of one pixel of a block.
    #[cfg(test)]
    pub fn sample(&self, block: usize, x: usize, y: usize) -> [u8; 3] {
        let (left, top) = (block % self.columns * SIDE + x, block / self.columns * SIDE + y);
        let at = top / 2 * self.columns * CHROMA_SIDE + left / 2;
        [self.luma[top * self.columns * SIDE + left], self.chroma[0][at], self.chroma[1][at]]
    }

    /// Makes pixels of a block (JFIF; each chroma sample is repeated).
    fn paint(&mut self, block: usize) {
        let (width, height) = (usize::from(self.picture.width), usize::from(self.picture.height));
        let (left, top) = (block % self.columns * SIDE, block / self.columns * SIDE);
        let count = SIDE.min(width - left);
        for y in top..height.min(top + SIDE) {
            let begin = y * self.columns * SIDE + left;
            let luma: &[u8; SIDE] = self.luma[begin..].first_chunk().expect("a row of a block");
            let begin = y / 2 * self.columns * CHROMA_SIDE + left / 2;
            let [blue, red] = [0, 1].map(|plane: usize| -> &[u8; CHROMA_SIDE] {
                self.chroma[plane][begin..].first_chunk().expect("a row of a block")
            });
            let pixels = convert_row(luma, blue, red);
            let begin = (y * width + left) * 3;
            self.picture.rgb[begin..begin + count * 3].copy_from_slice(&pixels.as_flattened()[..count * 3]);
        }
    }
}

fn refill<T: Clone>(memory: &mut Vec<T>, len: usize, value: T) {
    memory.clear();
    memory.resize(len, value);
}

/// Sixteen samples to pixels, in 16.16 fixed point.
#[inline]
fn convert_row(luma: &[u8; SIDE], blue: &[u8; CHROMA_SIDE], red: &[u8; CHROMA_SIDE]) -> [[u8; 3]; SIDE] {
    let mut shifts = [[0i32; CHROMA_SIDE]; 3];
    for at in 0..CHROMA_SIDE {
        let (u, v) = (i32::from(blue[at]) - 128, i32::from(red[at]) - 128);
        shifts[0][at] = (91_881 * v + 32_768) >> 16;
        shifts[1][at] = (-22_554 * u - 46_802 * v + 32_768) >> 16;
        shifts[2][at] = (116_130 * u + 32_768) >> 16;
    }
    let colours: [[u8; SIDE]; 3] =
        shifts.map(|shift| std::array::from_fn(|at| (i32::from(luma[at]) + shift[at / 2]).clamp(0, 255) as u8));
    std::array::from_fn(|at| [colours[0][at], colours[1][at], colours[2][at]])
}
