//! What a microphone's and a loudspeaker's stream have in common: how to open it, what its callback shares with the
//! thread that uses it, and when to give up on it and open it again.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;

use cpal::traits::DeviceTrait;
use cpal::{BufferSize, Device, ErrorKind, SampleFormat, StreamConfig, SupportedStreamConfig};
use hph_core::time::{Duration, Instant};

use super::DeviceKind;
use crate::clock::Clock;
use crate::voice::SAMPLE_RATE_HZ;

/// Errors within [`ERROR_WINDOW`] that are a flood: the stream is of no more use, though none of them said so.
const ERRORS_MAX: u32 = 20;
const ERROR_WINDOW: Duration = Duration::from_secs(1);
/// A stream whose callback has not come for so long is dead.
const SILENT_MAX: Duration = Duration::from_secs(2);
/// Waits before a stream is opened again; doubles up to the last.
const REOPEN_FIRST: Duration = Duration::from_millis(100);
const REOPEN_LAST: Duration = Duration::from_secs(2);

/// What the callback and the thread share. The callback only stores and adds here.
#[derive(Default)]
pub(super) struct Shared {
    /// Callbacks until now.
    pub calls: AtomicU64,
    /// Samples of the last callback.
    pub call_samples: AtomicU32,
    /// Samples that the ring did not have, or could not take.
    pub missed: AtomicU64,
    /// Whether the stream said that it is over.
    pub is_over: AtomicBool,
    /// Errors until now.
    pub errors: AtomicU32,
    waker: OnceLock<Thread>,
}

impl Shared {
    /// From now on callbacks wake the calling thread.
    pub fn wake_me(&self) {
        let _ = self.waker.set(std::thread::current());
    }

    /// Called at the end of a callback: how many samples it was about, and whether the thread has something to do.
    pub fn called(&self, samples: usize, is_due: bool) {
        self.call_samples.store(u32::try_from(samples).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Release);
        if let Some(thread) = self.waker.get().filter(|_| is_due) {
            thread.unpark();
        }
    }

    /// Called by the stream when something is wrong.
    pub fn failed(&self, kind: ErrorKind) {
        match kind {
            // The stream goes on.
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            ErrorKind::Xrun | ErrorKind::BackendError => {
                self.errors.fetch_add(1, Ordering::Relaxed);
            }
            _ => self.is_over.store(true, Ordering::Relaxed),
        }
    }
}

/// Decides when a stream is dead, and when to try again.
pub(super) struct Health {
    opened_at: Instant,
    calls: (u64, Instant),
    errors: (u32, Instant),
    retry_in: Duration,
    retry_at: Instant,
}

impl Health {
    pub fn new(now: Instant) -> Self {
        Self { opened_at: now, calls: (0, now), errors: (0, now), retry_in: REOPEN_FIRST, retry_at: now }
    }

    /// A stream was opened.
    pub fn opened(&mut self, now: Instant) {
        self.opened_at = now;
        self.calls = (0, now);
        self.errors = (0, now);
    }

    /// When the stream was opened.
    pub const fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// Whether the open stream still does what it should.
    pub fn is_alive(&mut self, shared: &Shared, now: Instant) -> bool {
        let calls = shared.calls.load(Ordering::Acquire);
        if calls != self.calls.0 {
            self.calls = (calls, now);
        }
        let errors = shared.errors.load(Ordering::Relaxed);
        let is_flood = errors.wrapping_sub(self.errors.0) >= ERRORS_MAX;
        if now.since(self.errors.1) >= ERROR_WINDOW {
            self.errors = (errors, now);
        }
        if now.since(self.opened_at) > Duration::from_secs(5) {
            self.retry_in = REOPEN_FIRST;
        }
        !shared.is_over.load(Ordering::Relaxed) && !is_flood && now.since(self.calls.1) < SILENT_MAX
    }

    /// The stream was dropped, or could not be opened: when to try next.
    pub fn failed(&mut self, now: Instant) {
        self.retry_at = now + self.retry_in;
        self.retry_in = Duration::from_micros((self.retry_in.as_micros() * 2).min(REOPEN_LAST.as_micros()));
    }

    /// Whether it is time to try again.
    pub fn may_retry(&self, now: Instant) -> bool {
        now >= self.retry_at
    }
}

/// How a stream is opened: sample format, channels, rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub format: SampleFormat,
    pub config: StreamConfig,
}

/// Ways to open a device, the best first: one channel of floats at our rate, and whatever the device prefers at last.
pub(super) fn forms(device: &Device, kind: DeviceKind, period_samples: u32) -> Vec<Form> {
    let form = |channels, format, sample_rate, buffer_size| Form {
        format,
        config: StreamConfig { channels, sample_rate, buffer_size },
    };
    let fixed = BufferSize::Fixed(period_samples);
    let mut forms: Vec<Form> =
        [(1, SampleFormat::F32), (2, SampleFormat::F32), (1, SampleFormat::I16), (2, SampleFormat::I16)]
            .into_iter()
            .map(|(channels, format)| form(channels, format, SAMPLE_RATE_HZ, fixed))
            .collect();
    let own = match kind {
        DeviceKind::Microphone => device.default_input_config(),
        DeviceKind::Speaker => device.default_output_config(),
    };
    if let Ok(own) = own {
        let (channels, format): (_, _) = (SupportedStreamConfig::channels(&own), own.sample_format());
        forms.push(form(channels, format, SAMPLE_RATE_HZ, fixed));
        forms.push(form(channels, format, own.sample_rate(), BufferSize::Default));
    }
    forms
}

/// Whether the next way to open the device may be better.
pub(super) const fn is_about_form(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnsupportedConfig
            | ErrorKind::UnsupportedOperation
            | ErrorKind::InvalidInput
            | ErrorKind::BackendError
    )
}

/// Waits until a callback wakes this thread, or for `span`.
pub(super) fn park(span: Duration) {
    std::thread::park_timeout(std::time::Duration::from_micros(span.as_micros()));
}

/// Now, for those who use this module.
pub(super) fn now() -> Instant {
    Clock::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_micros(1_000_000);

    fn later(ms: u64) -> Instant {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn a_flood_of_small_errors_ends_a_stream_and_a_few_do_not() {
        let shared = Shared::default();
        let mut health = Health::new(START);
        health.opened(START);
        for second in 0..10u64 {
            (0..5).for_each(|_| shared.failed(ErrorKind::Xrun));
            shared.called(480, true);
            assert!(health.is_alive(&shared, later(second * 1000)), "second {second}");
        }
        (0..ERRORS_MAX).for_each(|_| shared.failed(ErrorKind::BackendError));
        assert!(!health.is_alive(&shared, later(9_100)));
    }

    #[test]
    fn a_stream_that_calls_no_more_is_dead() {
        let shared = Shared::default();
        let mut health = Health::new(START);
        health.opened(START);
        shared.called(480, true);
        assert!(health.is_alive(&shared, later(10)));
        assert!(health.is_alive(&shared, later(1_900)));
        assert!(!health.is_alive(&shared, later(2_100)));
    }

    #[test]
    fn a_lost_device_ends_the_stream_and_a_changed_one_does_not() {
        let shared = Shared::default();
        let mut health = Health::new(START);
        shared.failed(ErrorKind::DeviceChanged);
        assert!(health.is_alive(&shared, later(1)));
        shared.failed(ErrorKind::DeviceNotAvailable);
        assert!(!health.is_alive(&shared, later(2)));
    }

    #[test]
    fn attempts_become_rarer_until_a_stream_lives_again() {
        let mut health = Health::new(START);
        assert!(health.may_retry(START));
        let mut now = START;
        for wait_ms in [100, 200, 400, 800, 1600, 2000, 2000] {
            health.failed(now);
            assert!(!health.may_retry(now + Duration::from_millis(wait_ms - 1)), "{wait_ms}");
            now = now + Duration::from_millis(wait_ms);
            assert!(health.may_retry(now), "{wait_ms}");
        }
        health.opened(now);
        let shared = Shared::default();
        for second in 1..=6 {
            shared.called(480, true);
            health.is_alive(&shared, now + Duration::from_secs(second));
        }
        let end = now + Duration::from_secs(7);
        health.failed(end);
        assert!(health.may_retry(end + Duration::from_millis(100)));
    }
}
