//! What microphones and loudspeakers of the machine have in common: they are opened again when they were gone.

use std::io;
use std::sync::Arc;

use cpal::traits::StreamTrait;
use cpal::{Host, Stream};
use hph_core::time::{Duration, Instant};

use super::stream::{Form, Health, Shared, forms, is_about_form, now};
use super::{DeviceChoice, DeviceKind, DeviceWatch, host};
use crate::pacer::{Pacer, Pacing};
use crate::voice::{BLOCK_SAMPLES, SAMPLE_RATE_HZ};

/// A stream that runs.
pub(super) trait Running: Sized {
    /// What kind of device it is of.
    const KIND: DeviceKind;

    /// Opens the device that was chosen; it is asked for pieces of so many samples, and may have others.
    fn open(host: &Host, choice: &DeviceChoice, period_samples: u32) -> io::Result<Self>;

    /// What is common to all of them.
    fn device(&self) -> &Device;
}

/// The device of a stream that runs.
pub(super) struct Device {
    /// Dropped to close it.
    _stream: Stream,
    /// Its stable name.
    pub id: String,
    /// What its callback tells.
    pub shared: Arc<Shared>,
    /// **Units:** samples a second.
    pub rate_hz: u32,
}

impl Device {
    /// Opens a device in the first form in which `build` makes a stream of it; gives what else that made.
    pub fn open<R>(
        kind: DeviceKind,
        (host, choice, period_samples): (&Host, &DeviceChoice, u32),
        build: impl Fn(&cpal::Device, &Form, &Arc<Shared>) -> Result<(Stream, R), cpal::Error>,
    ) -> io::Result<(Self, R)> {
        let (device, id) = host::find(host, kind, choice)?;
        let mut last = None;
        for form in forms(&device, kind, period_samples) {
            let shared = Arc::new(Shared::default());
            match build(&device, &form, &shared) {
                Ok((stream, ring)) => {
                    stream.play().map_err(|error| host::of_device(&error, kind))?;
                    let rate_hz = form.config.sample_rate;
                    return Ok((Self { _stream: stream, id, shared, rate_hz }, ring));
                }
                Err(error) if is_about_form(error.kind()) => last = Some(host::of_device(&error, kind)),
                Err(error) => return Err(host::of_device(&error, kind)),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("the device has no form that is understood")))
    }
}

/// What became of a device when it was looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// It was opened again.
    Opened,
}

/// A device that is on, whether it is there or not; with [`DeviceChoice::Default`] it follows the machine's default.
pub(super) struct Kept<T> {
    host: Host,
    choice: DeviceChoice,
    period_samples: u32,
    /// None while it is gone.
    pub open: Option<T>,
    health: Health,
    watch: DeviceWatch,
    /// Keeps time while there is no device.
    pub pacer: Pacer,
}

impl<T: Running> Kept<T> {
    /// Opens it for the first time.
    ///
    /// # Errors
    /// There is no such device, or another program holds it: then the error names the program.
    pub fn open(choice: DeviceChoice, period_samples: u32) -> io::Result<Self> {
        let host = host::open()?;
        let open = T::open(&host, &choice, period_samples)?;
        let mut health = Health::new(now());
        health.opened(now());
        let watch = DeviceWatch::start(T::KIND)?;
        Ok(Self { host, choice, period_samples, open: Some(open), health, watch, pacer: pacer() })
    }

    /// The stable name of the device that is open.
    pub fn device_id(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.device().id.as_str())
    }

    /// Closes what is dead, which `closing` sees for the last time, follows the default, opens again when it is time to.
    pub fn maintain(&mut self, closing: impl FnOnce(&T)) -> Change {
        let now = now();
        if let Some(open) = &self.open {
            let Device { id, shared, .. } = open.device();
            let since = self.health.opened_at();
            let is_moved = self.choice == DeviceChoice::Default && self.watch.default_differs(id, since);
            let is_gone = self.watch.is_gone(id, since);
            let is_alive = self.health.is_alive(shared, now);
            if is_alive && !is_moved && !is_gone {
                return Change::Nothing;
            }
            closing(open);
            self.open = None;
            self.pacer = pacer();
            if !is_alive {
                self.health.failed(now);
            }
        }
        if !self.health.may_retry(now) {
            return Change::Nothing;
        }
        match self.reopen() {
            Ok(open) => {
                self.open = Some(open);
                self.health.opened(now);
                Change::Opened
            }
            Err(_) => {
                self.health.failed(now);
                Change::Nothing
            }
        }
    }

    /// Waits until a block is due that no device asks for; gives when it began.
    pub fn wait_without(&mut self) -> Instant {
        self.pacer.wait(BLOCK_SAMPLES as u64)
    }

    fn reopen(&mut self) -> io::Result<T> {
        T::open(&self.host, &self.choice, self.period_samples).or_else(|_| {
            // The sound server may have been restarted: then this connection to it is dead.
            self.host = host::open()?;
            T::open(&self.host, &self.choice, self.period_samples)
        })
    }
}

fn pacer() -> Pacer {
    Pacer::new(Pacing::RealTime, SAMPLE_RATE_HZ.into(), Duration::from_secs(1))
}
