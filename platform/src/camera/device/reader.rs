//! The thread that has a camera open: newest picture wins, and a camera that was unplugged is waited for.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nokhwa::Camera;
use nokhwa::utils::{CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};

use super::format::{Coding, DeviceFormat, choose_format};
use super::holder::holders;
use super::list::{CameraDevice, cameras, find_again};
use super::pixels::picture_of;
use crate::camera::{CameraFormat, Captured, CapturedImage};
use crate::clock::Clock;
use crate::jpeg::mend_camera_jpeg;

/// How often a camera that is gone is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So many pictures in a row that can't be sent, and the camera is taken for broken.
const REFUSED_MAX: u32 = 100;
/// All that we can convert.
const CODINGS: [FrameFormat; 6] = [
    FrameFormat::MJPEG,
    FrameFormat::YUYV,
    FrameFormat::NV12,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
    FrameFormat::GRAY,
];

/// What a camera is opened with.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// What it has next to that.
    Near(CameraFormat),
    /// That, or not at all.
    Exactly(DeviceFormat),
}

/// How far the thread is.
#[derive(Debug, Default)]
pub enum Phase {
    /// It opens the camera for the first time.
    #[default]
    Opening,
    /// The camera is on.
    On(DeviceFormat),
    /// The camera was on, and is gone or does not answer: it is looked for.
    Lost,
    /// It can't be opened, and the thread has ended.
    Failed(io::Error),
}

/// What the thread and the source share.
#[derive(Debug, Default)]
pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// See [`Shared`].
#[derive(Debug, Default)]
pub struct State {
    /// The newest picture that nobody has taken.
    pub picture: Option<Captured>,
    /// How far the thread is.
    pub phase: Phase,
    /// Whether it shall end.
    pub is_stopping: bool,
    /// Pictures that a newer one replaced.
    pub replaced: u64,
    /// Pictures that could not be sent.
    pub refused: u64,
}

impl Shared {
    /// What is shared, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, and wakes whoever waits.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until `is_reached`, for at most `limit`.
    pub fn wait(&self, limit: Duration, is_reached: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |state| !is_reached(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What a camera can do. Opens it for a moment; its light stays off.
///
/// # Errors
/// As [`super::DeviceCamera::open`].
pub fn camera_formats(device: &CameraDevice) -> io::Result<Vec<DeviceFormat>> {
    let opened = catch_unwind(AssertUnwindSafe(|| open_camera(device).map(|(_, formats)| formats)));
    opened.unwrap_or_else(|_| Err(io::Error::other("its driver is not to be understood")))
}

/// The life of the thread.
pub fn run(shared: &Shared, mut device: CameraDevice, wanted: Wanted) {
    let mut known: Option<DeviceFormat> = None;
    loop {
        // Who uses v4l must expect it to panic when a driver refuses to stop.
        let session = catch_unwind(AssertUnwindSafe(|| read(shared, &device, wanted, known)));
        let error = match session {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => io::Error::other("the driver failed"),
        };
        let state = shared.lock();
        if state.is_stopping {
            return;
        }
        known = match &state.phase {
            Phase::On(format) => Some(*format),
            _ => known,
        };
        drop(state);
        if known.is_none() {
            return shared.change(|state| state.phase = Phase::Failed(error));
        }
        shared.change(|state| state.phase = Phase::Lost);
        loop {
            if shared.wait(LOOK_EVERY, |state| state.is_stopping).is_stopping {
                return;
            }
            if let Some(found) = find_again(&cameras(), &device) {
                device = found;
                break;
            }
        }
    }
}

/// Opens the camera and reads it until the thread shall end.
fn read(shared: &Shared, device: &CameraDevice, wanted: Wanted, known: Option<DeviceFormat>) -> io::Result<()> {
    let (mut camera, formats) = open_camera(device)?;
    let chosen = known.or_else(|| match wanted {
        Wanted::Near(format) => choose_format(&formats, format),
        Wanted::Exactly(format) => formats.contains(&format).then_some(format),
    });
    let chosen = chosen.ok_or_else(|| io::Error::other("the camera has no format that can be used"))?;
    if DeviceFormat::from_nokhwa(camera.camera_format()) != Some(chosen) {
        let exactly = RequestedFormat::with_formats(RequestedFormatType::Exact(chosen.to_nokhwa()), &CODINGS);
        camera.set_camera_requset(exactly).map_err(|error| explain(&error.to_string(), device))?;
    }
    camera.open_stream().map_err(|error| explain(&error.to_string(), device))?;
    let mut refused = 0;
    let mut is_on = false;
    while !shared.lock().is_stopping {
        let taken = {
            let samples = camera.frame_raw().map_err(|error| explain(&error.to_string(), device))?;
            // The driver knows the moment better, but nokhwa tells it in wall time only, which jumps.
            let at = Clock::now();
            image_of(&samples, chosen).map(|image| Captured { at, image })
        };
        refused = if taken.is_some() { 0 } else { refused + 1 };
        if refused > REFUSED_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the camera sends pictures that can't be used"));
        }
        shared.change(|state| {
            if !is_on {
                state.phase = Phase::On(chosen);
            }
            state.refused += u64::from(taken.is_none());
            state.replaced += u64::from(taken.is_some() && state.picture.is_some());
            state.picture = taken.or(state.picture.take());
        });
        is_on = true;
    }
    Ok(())
}

/// None if it can't be sent.
fn image_of(samples: &[u8], DeviceFormat { format, coding }: DeviceFormat) -> Option<CapturedImage> {
    if coding != Coding::Jpeg {
        return picture_of(samples, coding, format).map(CapturedImage::Picture);
    }
    let mut jpeg = Vec::new();
    let info = mend_camera_jpeg(samples, &mut jpeg).ok()?;
    // What was announced is what is sent.
    ((info.width, info.height) == (format.width, format.height)).then_some(CapturedImage::Jpeg(jpeg))
}

/// Opens the device, and asks for what it can do.
fn open_camera(device: &CameraDevice) -> io::Result<(Camera, Vec<DeviceFormat>)> {
    let request = RequestedFormat::with_formats(RequestedFormatType::None, &CODINGS);
    let explained = |error: nokhwa::NokhwaError| explain(&error.to_string(), device);
    let mut camera = Camera::new(CameraIndex::Index(device.index), request).map_err(explained)?;
    let formats = camera.compatible_camera_formats().map_err(explained)?;
    let mut formats: Vec<_> = formats.into_iter().filter_map(DeviceFormat::from_nokhwa).collect();
    formats.sort_by_key(|DeviceFormat { format, coding }| (*coding, format.width, format.height, format.fps));
    formats.dedup();
    Ok((camera, formats))
}

/// nokhwa tells errors of the system as texts only.
fn explain(error: &str, device: &CameraDevice) -> io::Error {
    let path = device.path();
    let is = |code: i32| error.contains(&format!("(os error {code})"));
    if is(libc::EBUSY) {
        let names: Vec<_> = holders(&path).iter().map(ToString::to_string).collect();
        let who = if names.is_empty() { "another program".to_owned() } else { names.join(", ") };
        return io::Error::new(io::ErrorKind::ResourceBusy, format!("{} is in use by {who}", device.name));
    }
    if is(libc::EACCES) || is(libc::EPERM) {
        let advice = "usually that takes being in the group \u{201c}video\u{201d}";
        return io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("there is no permission to use {}: {advice}", path.display()),
        );
    }
    if [libc::ENODEV, libc::ENOENT, libc::ENXIO].into_iter().any(is) {
        return io::Error::new(io::ErrorKind::NotFound, format!("{} was unplugged", device.name));
    }
    io::Error::other(error.to_owned())
}

/// Starts the thread.
///
/// # Errors
/// The system has no more threads.
pub fn spawn(device: CameraDevice, wanted: Wanted) -> io::Result<(Arc<Shared>, std::thread::JoinHandle<()>)> {
    let shared = Arc::new(Shared::default());
    let theirs = Arc::clone(&shared);
    let thread =
        std::thread::Builder::new().name("camera device".to_owned()).spawn(move || run(&theirs, device, wanted))?;
    Ok((shared, thread))
}
