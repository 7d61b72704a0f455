//! A camera that is on.

use std::io;
use std::thread::JoinHandle;

use hph_core::time::{Duration, Instant};

use super::format::DeviceFormat;
use super::list::CameraDevice;
use super::nudge::{end, nudge};
use super::reader::{Phase, Shared, Wanted, spawn};
use crate::camera::{CameraFormat, CameraSource, Captured};
use crate::clock::Clock;

/// A caller that waits for a picture is asked back at least so often, so that it can stop.
const ASK_BACK: std::time::Duration = std::time::Duration::from_millis(100);
/// A camera that needs longer to begin does not begin: many take a second, some three.
const OPEN_MAX: std::time::Duration = std::time::Duration::from_secs(8);
/// A camera that is on and gives nothing for so long is opened anew.
const STALL: Duration = Duration::from_secs(3);
/// A driver that does not let go within this time is left to itself.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// A camera of this machine that is on. Dropping it closes the device, before that returns; at most after two seconds, which only a
/// driver that hangs needs.
///
/// The newest picture wins: a slow caller misses pictures, and never gets an old one. A camera that is unplugged is lost
/// (`NotConnected`) until it is plugged in again; then it goes on as before, with the same size.
pub struct DeviceCamera {
    shared: std::sync::Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    chosen: DeviceFormat,
    last: Instant,
}

impl DeviceCamera {
    /// Opens a camera with what it has next to `wanted` (see [`super::choose_format`]), and waits for its first picture.
    ///
    /// # Errors
    /// - `ResourceBusy`: another program has it; the text says which one.
    /// - `PermissionDenied`, `NotFound`: with advice.
    /// - `TimedOut`: it is there, but no picture came.
    pub fn open(device: &CameraDevice, wanted: CameraFormat) -> io::Result<Self> {
        Self::start(device, Wanted::Near(wanted))
    }

    /// As [`Self::open`], with exactly this of what [`super::camera_formats`] tells.
    ///
    /// # Errors
    /// As [`Self::open`]; also if it can't do that.
    pub fn open_as(device: &CameraDevice, format: DeviceFormat) -> io::Result<Self> {
        Self::start(device, Wanted::Exactly(format))
    }

    fn start(device: &CameraDevice, wanted: Wanted) -> io::Result<Self> {
        let (shared, thread) = spawn(device.clone(), wanted)?;
        let mut state = shared.wait(OPEN_MAX, |state| !matches!(state.phase, Phase::Opening));
        let chosen = match std::mem::take(&mut state.phase) {
            Phase::Failed(error) => Err(error),
            Phase::On(chosen) => {
                state.phase = Phase::On(chosen);
                Ok(chosen)
            }
            phase => {
                state.phase = phase;
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("{} gives no picture", device.name)))
            }
        };
        drop(state);
        match chosen {
            Ok(chosen) => Ok(Self { shared, thread: Some(thread), chosen, last: Clock::now() }),
            Err(error) => {
                shared.change(|state| state.is_stopping = true);
                let _ = end(thread, CLOSE_MAX);
                Err(error)
            }
        }
    }

    /// What it delivers, and how.
    pub const fn device_format(&self) -> DeviceFormat {
        self.chosen
    }

    /// Pictures that nobody took before the next one came, and pictures that could not be sent.
    pub fn left_out(&self) -> (u64, u64) {
        let state = self.shared.lock();
        (state.replaced, state.refused)
    }
}

impl CameraSource for DeviceCamera {
    fn format(&self) -> CameraFormat {
        self.chosen.format
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        let is_reached = |state: &super::reader::State| state.picture.is_some();
        let mut state = self.shared.wait(ASK_BACK, is_reached);
        if let Some(picture) = state.picture.take() {
            self.last = Clock::now();
            return Ok(Some(picture));
        }
        if matches!(state.phase, Phase::On(_)) && Clock::now().since(self.last) > STALL {
            self.last = Clock::now();
            if let Some(thread) = &self.thread {
                nudge(thread);
            }
        }
        let is_lost = matches!(state.phase, Phase::Lost);
        Err(if is_lost { io::ErrorKind::NotConnected } else { io::ErrorKind::TimedOut }.into())
    }
}

impl Drop for DeviceCamera {
    fn drop(&mut self) {
        self.shared.change(|state| state.is_stopping = true);
        if let Some(thread) = self.thread.take() {
            let _ = end(thread, CLOSE_MAX);
        }
    }
}
