//! Pictures made smaller.

use crate::picture::Picture;

/// Bits of the fraction that says how much of a source pixel a target pixel covers.
const FRACTION: u32 = 8;

/// `picture` with these sides, each pixel the mean of what it covers: letters stay legible. The same picture if the sides are its own.
/// Sides that are larger than the picture's repeat pixels.
pub fn fit(picture: Picture, width: u16, height: u16) -> Picture {
    if (picture.width, picture.height) == (width, height) || !picture.is_consistent() {
        return picture;
    }
    let mut out = Picture::black(width, height);
    let columns = spans(picture.width, width);
    let rows = spans(picture.height, height);
    let row_bytes = usize::from(picture.width) * 3;
    let mut sums = vec![0u64; usize::from(width) * 3];
    for (target, row) in out.rgb.chunks_exact_mut(usize::from(width) * 3).zip(&rows) {
        sums.fill(0);
        for (line, weight) in picture.rgb.chunks_exact(row_bytes).skip(row.first).zip(row.weights()) {
            for (sum, column) in sums.chunks_exact_mut(3).zip(&columns) {
                for (pixel, across) in line.chunks_exact(3).skip(column.first).zip(column.weights()) {
                    let share = across * weight;
                    sum.iter_mut().zip(pixel).for_each(|(sum, sample)| *sum += u64::from(*sample) * share);
                }
            }
        }
        let pixels = target.chunks_exact_mut(3).zip(sums.chunks_exact(3)).zip(&columns);
        for ((pixel, sum), column) in pixels {
            let whole = (column.whole * row.whole).max(1);
            pixel.iter_mut().zip(sum).for_each(|(sample, sum)| *sample = ((sum + whole / 2) / whole) as u8);
        }
    }
    out
}

/// The source pixels under one target pixel: the first and the last may be covered in part.
struct Span {
    first: usize,
    count: usize,
    head: u64,
    tail: u64,
    whole: u64,
}

impl Span {
    /// How much of each is covered.
    fn weights(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.count).map(|n| match n {
            0 => self.head,
            n if n + 1 == self.count => self.tail,
            _ => 1 << FRACTION,
        })
    }
}

/// Where each of `to` pixels lies among `from`.
fn spans(from: u16, to: u16) -> Vec<Span> {
    let (from, to) = (u64::from(from), u64::from(to));
    let edge = |n: u64| n * (from << FRACTION) / to.max(1);
    let span = |n: u64| {
        let (begin, end) = (edge(n), edge(n + 1).max(edge(n) + 1));
        let (first, last) = (begin >> FRACTION, (end - 1) >> FRACTION);
        let head = ((first + 1) << FRACTION).min(end) - begin;
        let tail = end - (last << FRACTION).max(begin);
        Span { first: first as usize, count: (last - first + 1) as usize, head, tail, whole: end - begin }
    };
    (0..to).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(width: u16, height: u16) -> Picture {
        let mut picture = Picture::black(width, height);
        for x in (0..usize::from(width)).step_by(2) {
            picture.fill_rect(x, 0, 1, usize::from(height), [255; 3]);
        }
        picture
    }

    #[test]
    fn each_pixel_is_the_mean_of_what_it_covers() {
        let half = fit(columns(8, 4), 4, 2);
        assert!(half.is_consistent());
        assert!(half.rgb.iter().all(|sample| *sample == 128), "{:?}", half.rgb);
        let third = fit(columns(6, 3), 2, 1);
        assert_eq!((third.pixel(0, 0), third.pixel(1, 0)), (Some([170; 3]), Some([85; 3])));
    }

    #[test]
    fn a_fraction_of_a_pixel_counts_as_a_fraction() {
        // Three columns over two: the middle one belongs to both by half.
        let mut picture = Picture::black(3, 1);
        picture.fill_rect(1, 0, 1, 1, [240; 3]);
        let out = fit(picture, 2, 1);
        assert_eq!((out.pixel(0, 0), out.pixel(1, 0)), (Some([80; 3]), Some([80; 3])));
    }

    #[test]
    fn flat_colours_stay_what_they_are_at_every_size() {
        for (width, height) in [(1, 1), (3, 5), (64, 36), (100, 7), (129, 73)] {
            let mut picture = Picture::black(100, 70);
            picture.fill_rect(0, 0, 100, 70, [7, 130, 251]);
            let out = fit(picture, width, height);
            assert!(out.rgb.chunks_exact(3).all(|pixel| pixel == [7, 130, 251]), "{width}x{height}");
        }
    }
}
