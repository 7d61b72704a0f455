//! Decoded sound that waits to be played, a little of what was played, and how to make it longer or shorter by a pitch
//! period without changing the pitch (waveform similarity overlap-add: Verhelst and Roelands, ICASSP 1993).
//!
//! A period is left out, or played twice, where the sound is most like itself one period on; the seam is a cross-fade.

/// Samples of what was played that are kept: the longest period, and what the search compares.
const HISTORY_SAMPLES: usize = 1024;
/// Samples that may wait: the longest frame, a pull, and what the search looks at.
const WAITING_MAX_SAMPLES: usize = 5120;
const CAPACITY: usize = HISTORY_SAMPLES + WAITING_MAX_SAMPLES;

/// Shortest and longest period, in samples: 2.5 to 12 ms, voices from 83 to 400 Hz.
const PERIOD_MIN: usize = 120;
const PERIOD_MAX: usize = 576;
/// Samples that are compared: 7.5 ms.
const COMPARED: usize = 360;
/// Samples of the cross-fade: 5 ms.
const FADE: usize = 240;
/// The first search goes in steps of this, on means of as many samples: a sixth of the rate.
const COARSE: usize = 6;
/// Samples that must wait for [`PcmQueue::accelerate`].
pub(super) const ACCELERATE_SAMPLES: usize = PERIOD_MAX + COMPARED;

/// Below this mean square, or so far below the loudest of late, sound counts as quiet: a seam is not heard there.
const QUIET: f32 = 1e-6;
const QUIET_BELOW_LOUD: f32 = 1e-3;
/// How much the loudest of late fades with each look (of which there is one in 10 ms at most).
const LOUD_FADES: f32 = 0.998;

/// A queue of samples with a memory. **Memory:** fixed.
#[derive(Clone, Debug)]
pub(super) struct PcmQueue {
    samples: [f32; CAPACITY],
    /// What waits lies between these; up to [`HISTORY_SAMPLES`] before `begin` were played.
    begin: usize,
    end: usize,
    /// Mean square of the loudest of late.
    loud: f32,
}

/// What was found to be cut or repeated.
#[derive(Clone, Copy, Debug)]
struct Period {
    samples: usize,
    /// Square of the normalised correlation: 1 if the sound repeats itself exactly, 0 if not at all.
    likeness: f32,
}

impl PcmQueue {
    #[allow(clippy::large_stack_arrays, reason = "part of a jitter buffer, which its owner places")]
    pub(super) const fn new() -> Self {
        Self { samples: [0.0; CAPACITY], begin: HISTORY_SAMPLES, end: HISTORY_SAMPLES, loud: 0.0 }
    }

    /// How many samples wait.
    pub(super) const fn len(&self) -> usize {
        self.end.saturating_sub(self.begin)
    }

    /// The samples that wait.
    fn waiting(&self) -> &[f32] {
        self.samples.get(self.begin..self.end).unwrap_or_default()
    }

    /// Lets `write` append up to `max` samples; it gets the room (less if there is less) and tells how many it wrote.
    pub(super) fn append(&mut self, max: usize, write: impl FnOnce(&mut [f32]) -> usize) -> usize {
        self.make_room(max);
        let end = self.end.saturating_add(max).min(CAPACITY);
        let Some(room) = self.samples.get_mut(self.end..end) else { return 0 };
        let room_len = room.len();
        let written = write(room).min(room_len);
        self.end = self.end.saturating_add(written);
        written
    }

    /// Takes the oldest samples that wait; what is missing is silence. Returns how many there were.
    pub(super) fn take(&mut self, out: &mut [f32]) -> usize {
        let taken = self.len().min(out.len());
        let waiting = self.waiting().iter().copied().chain(core::iter::repeat(0.0));
        for (out, sample) in out.iter_mut().zip(waiting) {
            *out = sample;
        }
        self.begin = self.begin.saturating_add(taken);
        taken
    }

    /// Leaves out one period at the front of what waits, if the sound is as much like itself as `likeness` asks (0 to 1),
    /// or is quiet. Returns how many samples it left out. Needs [`ACCELERATE_SAMPLES`].
    pub(super) fn accelerate(&mut self, likeness: f32) -> usize {
        let begin = self.begin;
        let Some(period) = self.find_period(begin, |period| begin.checked_add(period)) else { return 0 };
        if period.likeness < likeness && !self.is_quiet() {
            return 0;
        }
        let later = begin.saturating_add(period.samples);
        // From the sound at the front to the sound one period on, written where the latter is.
        self.cross_fade(begin, later, later, period.samples);
        self.begin = later;
        period.samples
    }

    /// Plays the last period once more before what waits, on the same condition. Returns how many samples that adds.
    pub(super) fn decelerate(&mut self, likeness: f32) -> usize {
        self.make_room(PERIOD_MAX);
        let begin = self.begin;
        let Some(period) = self.find_period(begin, |period| begin.checked_sub(period)) else { return 0 };
        if (period.likeness < likeness && !self.is_quiet()) || self.end.saturating_add(period.samples) > CAPACITY {
            return 0;
        }
        // Twice the same sound: what lies one period back is copied before what waits ...
        let earlier = begin.saturating_sub(period.samples);
        self.copy_later(earlier, begin);
        self.end = self.end.saturating_add(period.samples);
        // ... and begins as what waits does, which now lies one period on.
        let waiting = begin.saturating_add(period.samples);
        self.cross_fade(waiting, begin, begin, period.samples);
        period.samples
    }

    /// Moves everything to the front of the memory if fewer than `wanted` samples fit behind.
    fn make_room(&mut self, wanted: usize) {
        let from = self.begin.saturating_sub(HISTORY_SAMPLES);
        if from > 0 && self.end.saturating_add(wanted) > CAPACITY {
            for at in from..self.end {
                self.copy_sample(at, at.saturating_sub(from));
            }
            (self.begin, self.end) = (self.begin.saturating_sub(from), self.end.saturating_sub(from));
        }
    }

    /// Copies what lies between `from` and the end to `to`, which is later.
    fn copy_later(&mut self, from: usize, to: usize) {
        let by = to.saturating_sub(from);
        for at in (from..self.end).rev() {
            self.copy_sample(at, at.saturating_add(by));
        }
    }

    fn copy_sample(&mut self, from: usize, to: usize) {
        let sample = self.samples.get(from).copied();
        if let (Some(sample), Some(place)) = (sample, self.samples.get_mut(to)) {
            *place = sample;
        }
    }

    /// Writes at `to` a fade from the sound at `from` to the sound at `into`, no longer than a period.
    fn cross_fade(&mut self, from: usize, into: usize, to: usize, period: usize) {
        let fade = FADE.min(period);
        for step in 0..fade {
            let weight = step as f32 / fade as f32;
            let at = |start: usize| self.samples.get(start.saturating_add(step)).copied().unwrap_or(0.0);
            let mixed = at(from) + (at(into) - at(from)) * weight;
            if let Some(sample) = self.samples.get_mut(to.saturating_add(step)) {
                *sample = mixed;
            }
        }
    }

    /// The period after (or before) which the sound is most like that at `begin`. `moved` gives the place of the other.
    fn find_period(&mut self, begin: usize, moved: impl Fn(usize) -> Option<usize>) -> Option<Period> {
        let here = self.samples.get(begin..begin.checked_add(COMPARED)?)?;
        if begin.checked_add(COMPARED)? > self.end {
            return None;
        }
        let energy = here.iter().map(|sample| sample * sample).sum::<f32>() / COMPARED as f32;
        self.loud = (self.loud * LOUD_FADES).max(energy);
        let there = |period: usize| {
            let start = moved(period)?;
            let end = start.checked_add(COMPARED)?;
            if end > self.end { None } else { self.samples.get(start..end) }
        };
        let mut best = Period { samples: 0, likeness: -1.0 };
        let mut coarse_here = [0.0; COMPARED / COARSE];
        means(here, &mut coarse_here);
        for period in (PERIOD_MIN..=PERIOD_MAX).step_by(COARSE) {
            let mut coarse_there = [0.0; COMPARED / COARSE];
            means(there(period)?, &mut coarse_there);
            let likeness = likeness(&coarse_here, &coarse_there);
            if likeness > best.likeness {
                best = Period { samples: period, likeness };
            }
        }
        let around =
            best.samples.saturating_sub(COARSE).max(PERIOD_MIN)..=best.samples.saturating_add(COARSE).min(PERIOD_MAX);
        best.likeness = -1.0;
        for period in around {
            let likeness = likeness(here, there(period)?);
            if likeness > best.likeness {
                best = Period { samples: period, likeness };
            }
        }
        Some(best)
    }

    /// Whether what comes next is too quiet for a seam to be heard.
    pub(super) fn is_quiet(&self) -> bool {
        let next = self.waiting().iter().take(COMPARED);
        let energy = next.map(|sample| sample * sample).sum::<f32>() / COMPARED as f32;
        energy < QUIET.max(self.loud * QUIET_BELOW_LOUD)
    }
}

/// Means of [`COARSE`] samples each.
fn means(samples: &[f32], out: &mut [f32]) {
    for (out, samples) in out.iter_mut().zip(samples.chunks_exact(COARSE)) {
        *out = samples.iter().sum();
    }
}

/// The square of the normalised correlation, with its sign.
fn likeness(one: &[f32], other: &[f32]) -> f32 {
    let (mut both, mut own, mut others) = (0.0, 0.0, 0.0);
    for (one, other) in one.iter().zip(other) {
        both += one * other;
        own += one * one;
        others += other * other;
    }
    both * both.abs() / (own * others).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests;
