//! The media clock of a microphone: timestamps that keep to the machine's clock, though the device's own runs a little
//! faster or slower.

use hph_core::time::Instant;

use super::SAMPLE_RATE_HZ;

/// A device's clock may be so far off before a sample is left out or put in. **Units:** microseconds.
const TOLERANCE_US: i64 = 3_000;
/// Beyond this it is no drift but a gap: the timestamps jump. **Units:** microseconds.
const JUMP_US: i64 = 60_000;
/// How slowly the estimate follows, in blocks: about two seconds, much longer than a scheduler keeps a thread waiting.
const SMOOTHING: i64 = 200;

/// What to do with the block that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// Nothing.
    None,
    /// The device is fast: one sample is left out.
    Remove,
    /// The device is slow: one sample is put in.
    Insert,
}

/// Counts the samples of one device.
#[derive(Clone, Copy, Debug, Default)]
pub struct MediaClock {
    /// Samples since the origin that all clocks of this machine share; none before the first block.
    next: Option<i64>,
    /// Smoothed: how much later blocks come than the count says. **Units:** microseconds times [`SMOOTHING`].
    late_us: i64,
}

impl MediaClock {
    /// Takes the time at which a block of `samples` was captured; the place of its first sample, and what to do with it.
    /// The caller then counts what the block became by [`Self::advance`].
    pub fn handle_block(&mut self, at: Instant) -> (u32, Correction) {
        let due = samples_at(at);
        let next = *self.next.get_or_insert(due);
        let late_us = micros_of(due - next);
        if late_us.abs() > JUMP_US {
            self.next = Some(due);
            self.late_us = 0;
            return (due as u32, Correction::None);
        }
        self.late_us += late_us - self.late_us / SMOOTHING;
        let correction = match self.late_us / SMOOTHING {
            late if late > TOLERANCE_US => Correction::Insert,
            late if late < -TOLERANCE_US => Correction::Remove,
            _ => Correction::None,
        };
        (next as u32, correction)
    }

    /// Counts samples that were taken.
    pub fn advance(&mut self, samples: usize) {
        if let Some(next) = self.next.as_mut() {
            *next += samples as i64;
        }
    }
}

fn samples_at(at: Instant) -> i64 {
    i64::try_from(at.as_micros() / 1000 * u64::from(SAMPLE_RATE_HZ) / 1000 + at.as_micros() % 1000 * 48 / 1000)
        .unwrap_or(i64::MAX)
}

fn micros_of(samples: i64) -> i64 {
    samples * 1000 / (i64::from(SAMPLE_RATE_HZ) / 1000)
}

/// `block` with one sample more or less, by interpolation; appended to `out`.
pub fn stretch(block: &[f32], correction: Correction, out: &mut Vec<f32>) {
    let length = match correction {
        Correction::None => return out.extend_from_slice(block),
        Correction::Remove => block.len().saturating_sub(1),
        Correction::Insert => block.len() + 1,
    };
    let step = (block.len().max(2) - 1) as f32 / (length.max(2) - 1) as f32;
    out.extend((0..length).map(|n| {
        let at = n as f32 * step;
        let (index, part) = (at as usize, at.fract());
        let first = block.get(index).copied().unwrap_or(0.0);
        let second = block.get(index + 1).copied().unwrap_or(first);
        first + (second - first) * part
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::BLOCK_SAMPLES;

    /// A device that is `ppm` fast for `seconds`, whose blocks come up to 8 ms late: the worst distance between its
    /// timestamps and the truth after the first ten seconds. **Units:** microseconds.
    fn worst_us(ppm: i64, seconds: i64) -> i64 {
        let mut clock = MediaClock::default();
        let mut worst = 0;
        for block in 0..seconds * 100 {
            let captured_us = 1_000_000 + block * 10_000 * 1_000_000 / (1_000_000 + ppm);
            let late_us = block * 7919 % 8000;
            let at = Instant::from_micros((captured_us + late_us).cast_unsigned());
            let (timestamp, correction) = clock.handle_block(at);
            clock.advance(match correction {
                Correction::None => BLOCK_SAMPLES,
                Correction::Insert => BLOCK_SAMPLES + 1,
                Correction::Remove => BLOCK_SAMPLES - 1,
            });
            if block > 1000 {
                let told_us = micros_of(i64::from(timestamp));
                worst = worst.max((told_us - captured_us).abs());
            }
        }
        worst
    }

    #[test]
    fn timestamps_keep_to_the_clock_though_a_device_does_not() {
        for ppm in [0, 50, -50, 200, -200, 500, -500] {
            let worst = worst_us(ppm, 600);
            assert!(worst < 15_000, "{ppm} ppm: {worst} us");
        }
    }

    #[test]
    fn after_a_gap_the_timestamps_jump() {
        let mut clock = MediaClock::default();
        let (first, _) = clock.handle_block(Instant::from_micros(1_000_000));
        clock.advance(BLOCK_SAMPLES);
        let (next, _) = clock.handle_block(Instant::from_micros(3_000_000));
        assert_eq!(next - first, 2 * SAMPLE_RATE_HZ);
    }

    #[test]
    fn a_stretched_block_keeps_its_shape() {
        let block: Vec<f32> = (0..480).map(|n| (n as f32 * 0.05).sin()).collect();
        for (correction, length) in [(Correction::None, 480), (Correction::Insert, 481), (Correction::Remove, 479)] {
            let mut out = Vec::new();
            stretch(&block, correction, &mut out);
            assert_eq!(out.len(), length);
            assert!((out[length / 2] - block[240]).abs() < 0.06, "{correction:?}");
            assert_eq!(out.first(), block.first());
            assert!((out[length - 1] - block[479]).abs() < 1e-4);
        }
    }
}
