//! A voice that says in its samples when they were captured, so that the delay of any player can be read off what it plays.
//!
//! The lowest 12 of a sample's 23 bits count blocks of 2.5 ms; what is above them is a made-up voice with pauses, since
//! players do things in pauses that they do not do in speech. Players copy most samples as they are; where they fade or
//! invent, the count is nonsense and is passed over.

use std::f64::consts::TAU;

/// Blocks before the count begins anew: 10 s.
const BLOCKS: u32 = 1 << 12;
/// Length of a block. **Units:** milliseconds.
const BLOCK_MS: f64 = 2.5;
/// One unit of the count.
const UNIT: f64 = 8_388_608.0;

/// The sample number `index` of the voice at a rate.
pub fn sample(index: u64, rate_hz: u32) -> f32 {
    let block = index * 400 / u64::from(rate_hz) % u64::from(BLOCKS);
    let voice = (voice(index, rate_hz) * 2048.0).round() / 2048.0;
    (voice + block as f64 / UNIT) as f32
}

/// Speech of 120 Hz in phrases of 1.2 s, with pauses of 0.5 s full of faint noise.
fn voice(index: u64, rate_hz: u32) -> f64 {
    let at = index as f64 / f64::from(rate_hz);
    let phrase = at % 1.7;
    if phrase > 1.2 {
        return ((index.wrapping_mul(2_654_435_761) >> 7 & 0xffff) as f64 / 65_536.0 - 0.5) * 0.001;
    }
    let loud = (phrase * 4.0 * TAU).sin().abs() * 0.7 + 0.3;
    let turn = TAU * (120.0 * at + 15.0 * (at * 2.0).sin());
    let harmonics = [(1.0, 1.0), (2.0, 0.6), (3.0, 0.4), (5.0, 0.2)];
    0.12 * loud * harmonics.iter().map(|(n, level)| level * (n * turn).sin()).sum::<f64>()
}

fn block_of(sample: f32) -> u32 {
    ((f64::from(sample) * UNIT).round() as i64 & i64::from(BLOCKS - 1)) as u32
}

/// When the first sample of `played` was captured, in milliseconds; `near_ms` tells which of the possible ones. None if nothing
/// in it was played as it was.
pub fn captured_ms(played: &[f32], rate_hz: u32, near_ms: f64) -> Option<f64> {
    let (mut last, mut run) = (u32::MAX, 0);
    for (index, sample) in played.iter().enumerate() {
        let block = block_of(*sample);
        if block == last {
            run += 1;
            continue;
        }
        let goes_on = played.get(index..index + 5).is_some_and(|next| next.iter().all(|s| block_of(*s) == block));
        if run >= 10 && block == (last + 1) % BLOCKS && goes_on {
            let ms = f64::from(block) * BLOCK_MS - index as f64 * 1000.0 / f64::from(rate_hz);
            let around = f64::from(BLOCKS) * BLOCK_MS;
            return Some(ms + ((near_ms - ms) / around).round() * around);
        }
        (last, run) = (block, 0);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_capture_is_read_off_the_samples() {
        for rate in [16_000, 48_000] {
            for start in [0_u64, 777, 480_000, 3_000_001] {
                let played: Vec<f32> = (start..start + u64::from(rate) / 100).map(|n| sample(n, rate)).collect();
                let expected = start as f64 * 1000.0 / f64::from(rate);
                let found = captured_ms(&played, rate, expected + 300.0).expect("it is all there");
                assert!((found - expected).abs() < 0.1, "{found} instead of {expected}");
            }
        }
        assert_eq!(captured_ms(&[0.0; 480], 48_000, 0.0), None);
    }
}
