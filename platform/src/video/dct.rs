//! The discrete cosine transform of 8x8 samples, in the fast form of Arai, Agui and Nakajima (1988).
//!
//! In floating point, because that is both the most precise and, eight at a time, the fastest: every step works on whole
//! rows, which the compiler turns into vector instructions of whatever processor there is. One transposition between the
//! passes is enough, since coefficients are kept column by column. Scale factors of the fast form are part of
//! [`super::tables::Quantisation`].

/// Eight numbers that are treated alike.
#[derive(Clone, Copy)]
struct Row([f32; 8]);

impl Row {
    #[inline(always)]
    fn zip(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|index| operation(self.0[index], other.0[index])))
    }
}

impl std::ops::Add for Row {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |one, other| one + other)
    }
}

impl std::ops::Sub for Row {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |one, other| one - other)
    }
}

impl std::ops::Mul<f32> for Row {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }
}

#[inline(always)]
fn transpose(rows: [Row; 8]) -> [Row; 8] {
    std::array::from_fn(|column| Row(std::array::from_fn(|row| rows[row].0[column])))
}

/// One dimension of the forward transform, for eight columns at once.
#[inline(always)]
fn forward_rows(rows: [Row; 8]) -> [Row; 8] {
    let [d0, d1, d2, d3, d4, d5, d6, d7] = rows;
    let (s0, s7) = (d0 + d7, d0 - d7);
    let (s1, s6) = (d1 + d6, d1 - d6);
    let (s2, s5) = (d2 + d5, d2 - d5);
    let (s3, s4) = (d3 + d4, d3 - d4);

    let (even0, even3) = (s0 + s3, s0 - s3);
    let (even1, even2) = (s1 + s2, s1 - s2);
    let turned = (even2 + even3) * 0.707_106_77;

    let (odd0, odd1, odd2) = (s4 + s5, s5 + s6, s6 + s7);
    let z5 = (odd0 - odd2) * 0.382_683_43;
    let z2 = odd0 * 0.541_196_1 + z5;
    let z4 = odd2 * 1.306_563 + z5;
    let z3 = odd1 * 0.707_106_77;
    let (z11, z13) = (s7 + z3, s7 - z3);
    [even0 + even1, z11 + z4, even3 + turned, z13 - z2, even0 - even1, z13 + z2, even3 - turned, z11 - z4]
}

/// One dimension of the inverse transform, for eight columns at once.
#[inline(always)]
fn inverse_rows(rows: [Row; 8]) -> [Row; 8] {
    let [d0, d1, d2, d3, d4, d5, d6, d7] = rows;
    let (even0, even1) = (d0 + d4, d0 - d4);
    let even3 = d2 + d6;
    let even2 = (d2 - d6) * std::f32::consts::SQRT_2 - even3;
    let (t0, t3) = (even0 + even3, even0 - even3);
    let (t1, t2) = (even1 + even2, even1 - even2);

    let (z13, z10) = (d5 + d3, d5 - d3);
    let (z11, z12) = (d1 + d7, d1 - d7);
    let t7 = z11 + z13;
    let z5 = (z10 + z12) * 1.847_759;
    let t6 = z5 - z10 * 2.613_126 - t7;
    let t5 = (z11 - z13) * std::f32::consts::SQRT_2 - t6;
    let t4 = z5 - z12 * 1.082_392_2 - t5;
    [t0 + t7, t1 + t6, t2 + t5, t3 + t4, t3 - t4, t2 - t5, t1 - t6, t0 - t7]
}

/// Adding this makes a float of small magnitude carry its nearest integer in its lowest bits.
const ROUNDING: f32 = 12_582_912.0;

/// The nearest integer of a value below 2^22; some integer of any other.
#[inline(always)]
fn round(value: f32) -> i32 {
    (value + ROUNDING).to_bits().wrapping_sub(ROUNDING.to_bits()) as i32
}

/// Largest level of a baseline JPEG.
const LEVEL_MAX: i32 = 1023;

/// A level is rounded up from so much more than a half. A level of one where nothing is costs ten bits and says little; the mean
/// of a block is rounded as it should be.
const DEAD_ZONE: f32 = 0.02;

/// Transforms and quantises samples (row by row) to levels (column by column).
#[inline]
pub fn forward(samples: &[u8; 64], factors: &[f32; 64]) -> [i16; 64] {
    let rows = std::array::from_fn(|row| Row(std::array::from_fn(|x| f32::from(samples[row * 8 + x]) - 128.0)));
    let columns = forward_rows(transpose(forward_rows(rows)));
    let mut levels = [0; 64];
    for (column, Row(values)) in columns.iter().enumerate() {
        for (row, value) in values.iter().enumerate() {
            let at = column * 8 + row;
            let level = value * factors[at];
            let level = level - level.clamp(-DEAD_ZONE, DEAD_ZONE);
            levels[at] = round(level).clamp(-LEVEL_MAX, LEVEL_MAX) as i16;
        }
    }
    // The mean of a block is what one sees first.
    levels[0] = round(columns[0].0[0] * factors[0]).clamp(-LEVEL_MAX, LEVEL_MAX) as i16;
    levels
}

/// Transforms dequantised coefficients (column by column) to samples (row by row).
#[inline]
pub fn inverse(coefficients: &[f32; 64]) -> [[u8; 8]; 8] {
    let columns = std::array::from_fn(|column| Row(std::array::from_fn(|row| coefficients[column * 8 + row])));
    let rows = inverse_rows(transpose(inverse_rows(columns)));
    rows.map(|Row(values)| values.map(|value| (round(value) + 128).clamp(0, 255) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::tables::Quantisation;

    /// The transform by its definition (T.81 section A.3.3), row by row.
    fn defined(samples: &[u8; 64]) -> [f64; 64] {
        let scale = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
        let cosine = |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos();
        std::array::from_fn(|at| {
            let (v, u) = (at / 8, at % 8);
            let terms = (0..64).map(|s| (f64::from(samples[s]) - 128.0) * cosine(s % 8, u) * cosine(s / 8, v));
            terms.sum::<f64>() * scale(u) * scale(v) / 4.0
        })
    }

    fn noise() -> impl FnMut() -> [u8; 64] {
        let mut state = 7u32;
        move || {
            std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
        }
    }

    #[test]
    fn the_fast_form_gives_what_the_definition_gives() {
        let steps = Quantisation::new(100);
        let mut next = noise();
        for _ in 0..100 {
            let samples = next();
            let (fast, slow) = (forward(&samples, &steps.forward[0]), defined(&samples));
            for at in 0..64 {
                let difference = f64::from(fast[at % 8 * 8 + at / 8]) - slow[at];
                assert!(
                    difference.abs() <= 0.51 + f64::from(DEAD_ZONE),
                    "coefficient {at}: {} and {}",
                    fast[at % 8 * 8 + at / 8],
                    slow[at]
                );
            }
        }
    }

    #[test]
    fn back_and_forth_changes_no_sample_by_more_than_two_at_the_best_quality() {
        let steps = Quantisation::new(100);
        let mut next = noise();
        for _ in 0..100 {
            let samples = next();
            let levels = forward(&samples, &steps.forward[1]);
            let coefficients = std::array::from_fn(|at| f32::from(levels[at]) * steps.inverse[1][at]);
            let back = inverse(&coefficients);
            for at in 0..64 {
                assert!(back[at / 8][at % 8].abs_diff(samples[at]) <= 2, "sample {at}");
            }
        }
    }

    #[test]
    fn absurd_coefficients_give_some_samples() {
        for value in [f32::MAX, f32::MIN, f32::NAN, f32::INFINITY, 1e9, -1e9] {
            let _ = inverse(&[value; 64]);
        }
        assert_eq!(inverse(&[0.0; 64]), [[128; 8]; 8]);
    }
}
