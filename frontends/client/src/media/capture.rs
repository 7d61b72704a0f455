//! Capture: a thread per device that owns it, from switching on to switching off. Off means closed, not muted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use async_channel::Sender;
use hph_core::wire::control::TrackInfo;

use super::video::encode::VideoControl;
use crate::engine::{CapturedFrame, FrameSender};

/// What a capture has done.
#[derive(Debug, Default)]
pub struct CaptureFigures {
    /// Frames handed to the engine.
    pub sent: AtomicU64,
    /// Frames that the engine could not take.
    pub dropped: AtomicU64,
    /// Whether the source has ended by itself.
    pub is_over: AtomicBool,
    /// Whether its device is gone, and may come back by itself.
    pub is_lost: AtomicBool,
}

/// What the thread of a device asks it for.
pub(super) enum Turn {
    /// Its next turn; whether the engine took all frames before.
    Next { is_taken: bool },
    /// The device is switched off, or has ended: what is left to say.
    Last,
}

/// One turn of a device.
pub(super) enum Step {
    /// Frames to send; none of a silence, or if nothing has changed.
    Frames(Vec<CapturedFrame>),
    /// The source has ended.
    Over,
}

/// A device that is on. Dropping it closes the device.
pub struct Capture {
    stop: Arc<AtomicBool>,
    figures: Arc<CaptureFigures>,
    info: TrackInfo,
    pub(super) video: Option<Arc<VideoControl>>,
    /// Dropped to let the thread begin.
    hold: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Lets a held device begin; does nothing the second time.
    pub fn begin(&mut self) {
        self.hold = None;
    }

    /// What the track is, to announce it.
    pub const fn info(&self) -> TrackInfo {
        self.info
    }

    /// How its pictures are encoded; none if they are not encoded as strips.
    pub fn video(&self) -> Option<Arc<VideoControl>> {
        self.video.clone()
    }

    /// What it has done until now.
    pub fn figures(&self) -> Arc<CaptureFigures> {
        Arc::clone(&self.figures)
    }

    /// Starts the thread. `next` takes the device's turns.
    pub(super) fn spawn_steps(
        name: &str,
        info: TrackInfo,
        mut next: impl FnMut(Turn) -> io::Result<Step> + Send + 'static,
        frames: FrameSender,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let figures = Arc::new(CaptureFigures::default());
        let (is_stopped, counted) = (Arc::clone(&stop), Arc::clone(&figures));
        let (hold, held) = async_channel::bounded::<()>(1);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Nothing is ever sent: the channel closes when the wait is over.
            let _ = held.recv_blocking();
            let send = |new: Vec<CapturedFrame>| {
                new.into_iter().fold(true, |is_taken, frame| {
                    let was_sent = frames.send(frame);
                    let counter = if was_sent { &counted.sent } else { &counted.dropped };
                    counter.fetch_add(1, Ordering::Relaxed);
                    is_taken && was_sent
                })
            };
            let mut is_taken = true;
            while !is_stopped.load(Ordering::Relaxed) {
                let turn = next(Turn::Next { is_taken });
                let kind = turn.as_ref().map_or_else(io::Error::kind, |_| io::ErrorKind::Other);
                counted.is_lost.store(kind == io::ErrorKind::NotConnected, Ordering::Relaxed);
                if matches!(kind, io::ErrorKind::TimedOut | io::ErrorKind::NotConnected) {
                    continue;
                }
                // A device that fails is over, like a file that ends; the frontend sees it and may open it again.
                let Ok(Step::Frames(new)) = turn else { break };
                is_taken = send(new);
            }
            if let Ok(Step::Frames(last)) = next(Turn::Last) {
                send(last);
            }
            counted.is_over.store(true, Ordering::Relaxed);
        })?;
        Ok(Self { stop, figures, info, video: None, hold: Some(hold), thread: Some(thread) })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.begin();
        if let Some(thread) = self.thread.take() {
            // At most one frame interval: the device is closed when this returns.
            let _ = thread.join();
        }
    }
}
