//! Looking for an invitation in what the camera sees, while the device knows no server. No picture leaves the device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use hph_client::core::time::Duration;
use hph_client::media::CameraSpec;
use hph_client::platform::camera::{self, CameraSource, CapturedImage, TestPattern};
use hph_client::platform::clock::Clock;
use hph_client::platform::jpeg;
use hph_client::platform::pacer::Pacing;
use hph_client::platform::picture::Picture;
use hph_kiosk_core::enrol::invitation_in;

use crate::inbox::{Inbox, Note, tell};

/// A camera that is not there is looked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(1000);
/// Pictures are looked at this often: reading one takes a while on a small board.
const READ_EVERY: Duration = Duration::from_millis(300);

/// It looks until it is dropped.
pub struct Scan {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scan {
    /// Looks at what that camera sees, and waits for it if it is not there.
    pub fn start(spec: CameraSpec, inbox: Inbox) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let work = move || {
            while !is_stopped.load(Ordering::Relaxed) {
                if let Some(source) = open(&spec) {
                    look(source, &is_stopped, &inbox);
                }
                Clock::sleep(LOOK_EVERY);
            }
        };
        let thread = thread::Builder::new().name("scan".to_owned()).spawn(work);
        Some(Self { stop, thread: Some(thread.ok()?) })
    }
}

impl Drop for Scan {
    /// The camera is closed when this returns: it is needed in the room.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open(spec: &CameraSpec) -> Option<Box<dyn CameraSource>> {
    match spec {
        CameraSpec::Test { format, name } => Some(Box::new(TestPattern::new(*format, name, Pacing::RealTime))),
        CameraSpec::Device { name, format } => camera::open_device(name, *format).ok(),
        CameraSpec::File { .. } | CameraSpec::Screen { .. } => None,
    }
}

/// Until it is stopped, or the camera is gone for good.
fn look(mut source: Box<dyn CameraSource>, is_stopped: &AtomicBool, inbox: &Inbox) {
    let mut due = Clock::now();
    let mut decoded = Picture::default();
    while !is_stopped.load(Ordering::Relaxed) {
        let captured = match source.next_frame() {
            Ok(Some(captured)) => captured,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::NotConnected) => {
                continue;
            }
            _ => return,
        };
        if Clock::now() < due {
            continue;
        }
        let picture = match &captured.image {
            CapturedImage::Picture(picture) => picture,
            CapturedImage::Jpeg(bytes) if jpeg::decode_into(bytes, &mut decoded).is_ok() => &decoded,
            CapturedImage::Jpeg(_) => continue,
        };
        if let Some(invitation) = invitation_in(picture) {
            tell(inbox, Note::Shown(invitation));
        }
        due = Clock::now() + READ_EVERY;
    }
}
