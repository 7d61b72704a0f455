//! What devices come and go: the list is looked at every second, since no sound system tells through cpal.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use hph_core::time::Instant;

use super::{AudioDevice, DeviceKind, host};
use crate::clock::Clock;

/// The list is looked at this often.
const INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);
/// ALSA opens every device to list it: less often.
const INTERVAL_ALSA: std::time::Duration = std::time::Duration::from_secs(5);

/// Watches the devices of a kind, on a thread that ends with this value.
pub struct DeviceWatch {
    seen: Arc<Mutex<Seen>>,
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    devices: Vec<AudioDevice>,
    /// When the list was read; none if that failed the last time.
    read_at: Option<Instant>,
    version: u64,
}

impl DeviceWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// There are no more threads.
    pub fn start(kind: DeviceKind) -> io::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let shown = Arc::clone(&seen);
        let thread = std::thread::Builder::new().name("devices".to_owned()).spawn(move || {
            let mut system = None;
            loop {
                if system.is_none() {
                    system = host::open().ok();
                }
                let read_at = Clock::now();
                let devices = system.as_ref().and_then(|system| host::list_of(system, kind).ok());
                let interval = if host::is_alsa(system.as_ref()) { INTERVAL_ALSA } else { INTERVAL };
                if devices.is_none() {
                    // Its connection is dead: a new one next time.
                    system = None;
                }
                if let Ok(mut seen) = shown.lock() {
                    seen.read_at = devices.as_ref().map(|_| read_at);
                    if let Some(devices) = devices
                        && devices != seen.devices
                    {
                        seen.devices = devices;
                        seen.version += 1;
                    }
                }
                if stopped.recv_timeout(interval) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    break;
                }
            }
        })?;
        Ok(Self { seen, stop: Some(stop), thread: Some(thread) })
    }

    /// The devices as they were a moment ago, and a number that changes with the list.
    pub fn devices(&self) -> (Vec<AudioDevice>, u64) {
        self.seen.lock().map(|seen| (seen.devices.clone(), seen.version)).unwrap_or_default()
    }

    /// Whether a list that was read after `since` has another default.
    pub(super) fn default_differs(&self, id: &str, since: Instant) -> bool {
        self.look(since, |devices| devices.iter().any(|device| device.is_default && device.id != id))
    }

    /// Whether a list that was read after `since` lacks this device.
    pub(super) fn is_gone(&self, id: &str, since: Instant) -> bool {
        self.look(since, |devices| !devices.iter().any(|device| device.id == id))
    }

    fn look(&self, since: Instant, question: impl FnOnce(&[AudioDevice]) -> bool) -> bool {
        let seen = self.seen.try_lock();
        seen.is_ok_and(|seen| seen.read_at.is_some_and(|at| at > since) && question(&seen.devices))
    }
}

impl Drop for DeviceWatch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
