//! What has changed in a picture, in spite of the camera's noise.
//!
//! A block is compared with what was last **sent** of it, so that a slow change adds up until it counts. A camera's noise
//! changes every sample of every picture, by about sigma: the mean absolute difference of two pictures of a still scene is
//! 1.13 sigma. A part of a block (8x8 samples) has changed if that mean is clearly above, or if the mean of the part has
//! moved: noise cancels out in it, so it shows far smaller changes.
//!
//! **Source of the spatial estimate:** Immerkaer, "Fast noise variance estimation" (1996).

use super::samples::{Block, PART};

/// Mean absolute difference of two samples with noise of sigma 1: 2 / sqrt(pi).
const MEAN_DIFFERENCE: f32 = 1.128;
/// How far beyond that the mean of 64 differences must lie to be a change. By chance it lies 0.5 beyond it once in a hundred
/// thousand times; what is less than this hides behind the noise for the eye, too.
const MEAN_DIFFERENCE_MARGIN: f32 = 0.93;
/// How far the mean of 64 differences lies from zero by chance, with plenty of room: its own deviation is 0.18.
const SHIFT_MARGIN: f32 = 0.8;
/// What counts as a change of luma counts this often in chroma, which the eye sees less of.
const CHROMA_SHARE: f32 = 1.5;
/// Where the quiet quarter of many estimates ends, in relation to their mean: in time, in space. They scatter.
const QUARTER: (f32, f32) = (0.93, 0.84);
/// More noise than that is no noise.
const SIGMA_MAX: f32 = 6.0;
/// One block of so many is looked at to measure the noise.
const SAMPLED: usize = 5;

/// From when on a part of a block counts as changed, as sums over its 64 samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Sum of absolute differences: luma, chroma.
    absolute: [u32; 2],
    /// Absolute value of the sum of differences: luma, chroma.
    shift: [u32; 2],
}

impl Thresholds {
    /// `least` is the mean absolute difference that counts where there is no noise, in grey levels.
    pub fn new(least: f32, noise: &Noise) -> Self {
        let sum = |mean: f32| (mean * PART as f32) as u32;
        let least = [least, least * CHROMA_SHARE];
        Self {
            absolute: [0, 1].map(|component: usize| {
                let (sigma, least) = (noise.sigma[component], least[component]);
                let mean = MEAN_DIFFERENCE * sigma;
                sum(mean.hypot(least).max(mean + MEAN_DIFFERENCE_MARGIN * sigma))
            }),
            shift: [0, 1].map(|component: usize| sum(least[component].max(SHIFT_MARGIN * noise.sigma[component]))),
        }
    }

    /// Whether one of the parts has changed.
    pub fn is_changed(&self, block: &Block, sent: &Block) -> bool {
        block.iter().zip(sent).enumerate().any(|(part, (new, old))| {
            let component = usize::from(part > 3);
            let (absolute, shift) = differences(new, old);
            absolute > self.absolute[component] || shift > self.shift[component]
        })
    }
}

/// Sum of absolute differences, and absolute value of the sum of differences.
#[inline]
fn differences(new: &[u8; PART], old: &[u8; PART]) -> (u32, u32) {
    let absolute: u32 = new.iter().zip(old).map(|(new, old)| u32::from(new.abs_diff(*old))).sum();
    let sum = |part: &[u8; PART]| part.iter().map(|sample| u32::from(*sample)).sum::<u32>();
    (absolute, sum(new).abs_diff(sum(old)))
}

/// The noise of a camera, as measured.
#[derive(Clone, Debug, Default)]
pub struct Noise {
    /// Standard deviation of a sample: luma, chroma. **Units:** grey levels.
    pub sigma: [f32; 2],
    turn: usize,
}

impl Noise {
    /// Learns from two pictures that follow one another.
    ///
    /// What moves differs from picture to picture, and what is structured differs from its surroundings; the quiet quarter
    /// of the parts, and the lower of both estimates, is what noise is left.
    pub fn learn(&mut self, blocks: &[Block], before: &[Block]) {
        self.turn = (self.turn + 1) % SAMPLED;
        let sampled = || blocks.iter().zip(before).skip(self.turn).step_by(SAMPLED);
        // A picture that came twice says nothing.
        if sampled().all(|(block, before)| block == before) {
            return;
        }
        for (component, parts) in [0..4, 4..6].into_iter().enumerate() {
            let pairs =
                || sampled().flat_map(|(block, before)| block[parts.clone()].iter().zip(&before[parts.clone()]));
            let in_time = quarter(pairs().map(|(new, old)| differences(new, old).0 as f32 / PART as f32));
            let in_time = in_time / (MEAN_DIFFERENCE * QUARTER.0);
            let in_space = quarter(pairs().map(|(new, _)| spatial_sigma(new))) / QUARTER.1;
            let found = in_time.min(in_space).min(SIGMA_MAX);
            let sigma = &mut self.sigma[component];
            // Movement makes it look greater, nothing makes it look smaller.
            *sigma += (found - *sigma) * if found < *sigma { 0.3 } else { 0.1 };
        }
    }
}

/// The value below which a quarter of the values lie; 0 of nothing.
fn quarter(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    let at = values.len() / 4;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(at, f32::total_cmp).1 }
}

/// The noise of a part, by a mask that cancels out whatever is flat or slopes.
fn spatial_sigma(part: &[u8; PART]) -> f32 {
    let mut sum = 0;
    for y in 1..7 {
        for x in 1..7 {
            let at = |dy: usize, dx: usize| i32::from(part[(y + dy - 1) * 8 + x + dx - 1]);
            let corners = at(0, 0) + at(0, 2) + at(2, 0) + at(2, 2);
            let sides = at(0, 1) + at(1, 0) + at(1, 2) + at(2, 1);
            sum += (corners - 2 * sides + 4 * at(1, 1)).abs();
        }
    }
    sum as f32 * (std::f32::consts::FRAC_PI_2.sqrt() / (6.0 * 36.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator of noise that is nearly normal.
    struct Camera(u32);

    impl Camera {
        fn normal(&mut self) -> f32 {
            let sum: u32 = (0..12)
                .map(|_| {
                    self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    self.0 >> 16
                })
                .sum();
            sum as f32 / 65_536.0 - 6.0
        }

        /// Blocks of a still scene: each one flat, another grey each.
        fn still(&mut self, count: usize, sigma: f32) -> Vec<Block> {
            let mut sample = |base: usize| (base as f32 + sigma * self.normal()).round().clamp(0.0, 255.0) as u8;
            (0..count).map(|block| std::array::from_fn(|_| std::array::from_fn(|_| sample(60 + block % 100)))).collect()
        }
    }

    fn learned(sigma: f32) -> (Camera, Noise) {
        let (mut camera, mut noise) = (Camera(1), Noise::default());
        for _ in 0..60 {
            noise.learn(&camera.still(300, sigma), &camera.still(300, sigma));
        }
        (camera, noise)
    }

    #[test]
    fn the_noise_of_a_still_scene_is_measured() {
        for sigma in [0.0, 1.0, 2.0, 4.0] {
            let (_, noise) = learned(sigma);
            // Rounding to whole numbers is noise of its own: 1/12.
            let expected = (sigma * sigma + if sigma > 0.0 { 1.0 / 12.0 } else { 0.0 }).sqrt();
            for measured in noise.sigma {
                assert!((measured - expected).abs() <= 0.1 * expected + 0.01, "{measured} instead of {expected}");
            }
        }
    }

    #[test]
    fn noise_alone_is_no_change() {
        let (mut camera, noise) = learned(2.0);
        let thresholds = Thresholds::new(1.5, &noise);
        let sent = camera.still(2000, 2.0);
        let now = camera.still(2000, 2.0);
        let changed = now.iter().zip(&sent).filter(|(now, sent)| thresholds.is_changed(now, sent)).count();
        assert!(changed <= 1, "{changed} of 2000 blocks");
    }

    #[test]
    fn a_shift_as_small_as_the_noise_is_a_change() {
        let (mut camera, noise) = learned(2.0);
        let thresholds = Thresholds::new(1.5, &noise);
        let sent = camera.still(1000, 2.0);
        let mut now = camera.still(1000, 2.0);
        now.iter_mut().for_each(|block| block[2].iter_mut().for_each(|sample| *sample += 3));
        let changed = now.iter().zip(&sent).filter(|(now, sent)| thresholds.is_changed(now, sent)).count();
        assert!(changed > 990, "{changed} of 1000 blocks");
    }

    #[test]
    fn without_noise_the_least_difference_decides() {
        let thresholds = Thresholds::new(1.5, &Noise::default());
        let sent: Block = [[100; PART]; 6];
        let mut now = sent;
        assert!(!thresholds.is_changed(&now, &sent));
        // Differences that cancel out: a mean absolute difference of 1, then of 2.
        now[0].iter_mut().enumerate().for_each(|(at, sample)| *sample = if at % 2 == 0 { 99 } else { 101 });
        assert!(!thresholds.is_changed(&now, &sent));
        now[0].iter_mut().enumerate().for_each(|(at, sample)| *sample = if at % 2 == 0 { 98 } else { 102 });
        assert!(thresholds.is_changed(&now, &sent));
        now = sent;
        now[5] = [102; PART];
        assert!(!thresholds.is_changed(&now, &sent), "chroma counts less");
        now[5] = [103; PART];
        assert!(thresholds.is_changed(&now, &sent), "but it counts");
    }

    #[test]
    fn a_picture_that_came_twice_does_not_make_the_camera_free_of_noise() {
        let (mut camera, mut noise) = learned(2.0);
        let before = noise.sigma;
        let blocks = camera.still(300, 2.0);
        (0..50).for_each(|_| noise.learn(&blocks, &blocks));
        assert_eq!(noise.sigma, before);
    }
}
