//! Decoded sound that waits to be played, and a little of what was played.

/// Samples of what was played that are kept: the longest pitch period and an overlap.
pub(super) const HISTORY_SAMPLES: usize = 1024;
/// Samples that may wait: the longest frame, a pull, and what a search for the pitch looks at.
pub(super) const WAITING_MAX_SAMPLES: usize = 5120;
const CAPACITY: usize = HISTORY_SAMPLES + WAITING_MAX_SAMPLES;

/// A queue of samples with a memory. **Memory:** fixed.
#[derive(Clone, Debug)]
pub(super) struct PcmQueue {
    samples: [f32; CAPACITY],
    /// What waits lies between these; up to [`HISTORY_SAMPLES`] before `begin` were played.
    begin: usize,
    end: usize,
}

impl PcmQueue {
    #[allow(clippy::large_stack_arrays, reason = "part of a jitter buffer, which its owner places")]
    pub(super) const fn new() -> Self {
        Self { samples: [0.0; CAPACITY], begin: HISTORY_SAMPLES, end: HISTORY_SAMPLES }
    }

    /// How many samples wait.
    pub(super) const fn len(&self) -> usize {
        self.end.saturating_sub(self.begin)
    }

    /// The samples that wait.
    pub(super) fn waiting(&self) -> &[f32] {
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

    /// Moves everything to the front of the memory if fewer than `wanted` samples fit behind.
    fn make_room(&mut self, wanted: usize) {
        let from = self.begin.saturating_sub(HISTORY_SAMPLES);
        if from > 0 && self.end.saturating_add(wanted) > CAPACITY {
            self.samples.copy_within(from..self.end, 0);
            (self.begin, self.end) = (self.begin.saturating_sub(from), self.end.saturating_sub(from));
        }
    }
}
