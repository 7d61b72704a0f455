//! Sound from one sample rate to another by windowed-sinc interpolation, good enough for speech.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side: steep enough that little of what folds back is heard.
const CROSSINGS: usize = 16;

/// Converts mono sound from one fixed rate to another.
///
/// **Bound:** one filter of `2 * 16 * max(1, from / to)` taps per output sample; the table holds
/// `to / gcd(from, to)` such filters.
#[derive(Debug)]
pub struct Resampler {
    /// One filter per position between two input samples, one after the other.
    filters: Vec<f32>,
    taps: usize,
    /// Output samples advance by `step / phases` input samples.
    phases: usize,
    step: usize,
    phase: usize,
    input: Vec<f32>,
}

impl Resampler {
    /// A converter between two rates, both in Hz and taken as at least 1.
    pub fn new(from_hz: u32, to_hz: u32) -> Self {
        let (from, to) = (from_hz.max(1), to_hz.max(1));
        let divisor = gcd(from, to);
        let (phases, step) = ((to / divisor) as usize, (from / divisor) as usize);
        let (cutoff, half) = if from == to {
            (1.0, 1)
        } else {
            // A little below the lower of both Nyquist frequencies, to leave room for the filter's slope.
            let cutoff = (f64::from(to) / f64::from(from)).min(1.0) * 0.94;
            (cutoff, (CROSSINGS as f64 / cutoff).ceil() as usize)
        };
        let taps = 2 * half;
        let mut filters = Vec::with_capacity(phases * taps);
        for phase in 0..phases {
            let offset = phase as f64 / phases as f64;
            let tap = |n: usize| windowed_sinc(n as f64 - (half - 1) as f64 - offset, cutoff, half as f64);
            let sum: f64 = (0..taps).map(tap).sum();
            filters.extend((0..taps).map(|n| (tap(n) / sum) as f32));
        }
        Self { filters, taps, phases, step, phase: 0, input: vec![0.0; half - 1] }
    }

    /// Takes more input; appends all output that it completes.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        self.input.extend_from_slice(input);
        let mut at = 0;
        while at + self.taps <= self.input.len() {
            let filter = &self.filters[self.phase * self.taps..][..self.taps];
            let window = &self.input[at..at + self.taps];
            out.push(filter.iter().zip(window).map(|(f, s)| f * s).sum());
            self.phase += self.step;
            at += self.phase / self.phases;
            self.phase %= self.phases;
        }
        // A filter is longer than a step, so this never reaches beyond what is there.
        self.input.drain(..at);
    }

    /// Appends what is still held back, as if silence followed.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        self.push(&vec![0.0; self.taps / 2], out);
    }
}

fn windowed_sinc(x: f64, cutoff: f64, half: f64) -> f64 {
    if x.abs() >= half {
        return 0.0;
    }
    let window = 0.42 + 0.5 * (PI * x / half).cos() + 0.08 * (2.0 * PI * x / half).cos();
    let turns = PI * x * cutoff;
    let sinc = if x == 0.0 { 1.0 } else { turns.sin() / turns };
    cutoff * sinc * window
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency: f64, rate: u32, samples: usize) -> Vec<f32> {
        let angle = |n: usize| 2.0 * PI * frequency * n as f64 / f64::from(rate);
        (0..samples).map(|n| angle(n).sin() as f32).collect()
    }

    fn convert(input: &[f32], from: u32) -> Vec<f32> {
        let mut resampler = Resampler::new(from, 16_000);
        let mut out = Vec::new();
        for piece in input.chunks(777) {
            resampler.push(piece, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn a_tone_keeps_pitch_length_and_place_at_every_rate() {
        for rate in [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] {
            let out = convert(&sine(1000.0, rate, rate as usize), rate);
            assert!(out.len().abs_diff(16_000) <= 2, "{rate}: {}", out.len());
            let expected = sine(1000.0, 16_000, 16_000);
            let middle = 500..15_500;
            let error: Vec<f32> = middle.map(|n| out[n] - expected[n]).collect();
            assert!(power(&error) < 1e-5, "{rate}: {}", power(&error));
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_taken_out() {
        let out = convert(&sine(9500.0, 48_000, 48_000), 48_000);
        assert!(power(&out[500..15_500]) < 1e-4);
    }

    #[test]
    fn equal_rates_change_nothing() {
        let input = sine(333.0, 16_000, 1000);
        assert_eq!(convert(&input, 16_000)[..1000], input[..]);
    }
}
