//! Frames of others: recorded, decoded, measured, on a thread of their own.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_channel::{Sender, TrySendError};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::time::Instant;
use hph_platform::camera::read_timecode;
use hph_platform::clock::Clock;
use hph_platform::jpeg;
use hph_platform::picture::Picture;

use super::record::{Recorder, RecorderConfig};
use super::stages::Stages;
use crate::engine::{FrameSink, IncomingFrame, RemoteTrack};

/// Frames that may wait to be decoded: two seconds of a full room.
const QUEUE_MAX: usize = 512;

/// What was received of one track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverFigures {
    /// Whole frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that did not decode.
    pub broken: u64,
    /// Pictures that were not decoded, because a newer one was there already.
    pub skipped: u64,
}

/// A frame that waits.
pub(crate) struct Received {
    pub room: RoomId,
    pub slot: Slot,
    pub track: TrackId,
    pub frame: u32,
    pub timestamp: u32,
    pub level: u8,
    pub bytes: Vec<u8>,
    pub complete_at: Instant,
    pub is_newest: bool,
}

type TrackFigures = HashMap<RemoteTrack, ReceiverFigures>;

/// Takes the frames of an engine, until the engine ends.
pub struct Receiver {
    queue: Option<Sender<Received>>,
    figures: Arc<Mutex<TrackFigures>>,
    overrun: Arc<std::sync::atomic::AtomicU64>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Receiver {
    /// Starts the thread; `stages` is where it records how long decoding takes.
    ///
    /// # Errors
    /// The recording's folder can't be made, or there are no more threads.
    pub fn start(recording: Option<RecorderConfig>, stages: Arc<Mutex<Stages>>) -> io::Result<Self> {
        let mut recorder = recording.map(Recorder::new).transpose()?;
        let (queue, frames) = async_channel::bounded::<Received>(QUEUE_MAX);
        let figures = Arc::new(Mutex::new(TrackFigures::default()));
        let counted = Arc::clone(&figures);
        let thread = std::thread::Builder::new().name("receiver".to_owned()).spawn(move || {
            let mut picture = Picture::default();
            let mut waiting = Vec::new();
            while let Ok(first) = frames.recv_blocking() {
                waiting.push(first);
                waiting.extend(std::iter::from_fn(|| frames.try_recv().ok()));
                for (index, frame) in waiting.iter().enumerate() {
                    if let Some(recorder) = recorder.as_mut() {
                        recorder.record(frame)?;
                    }
                    let shown = if is_overtaken(frame, waiting.get(index + 1..).unwrap_or_default()) {
                        Shown::Skipped
                    } else if frame.track.is_audio() || show(frame, &mut picture, &stages) {
                        Shown::Whole
                    } else {
                        Shown::Broken
                    };
                    count(&counted, frame, shown);
                }
                waiting.clear();
            }
            recorder.map_or(Ok(()), Recorder::finish)
        })?;
        Ok(Self { queue: Some(queue), figures, overrun: Arc::default(), thread: Some(thread) })
    }

    /// What the engine calls for each frame.
    pub fn sink(&self) -> FrameSink {
        let queue = self.queue.clone();
        let overrun = Arc::clone(&self.overrun);
        Box::new(move |frame: &IncomingFrame<'_>| {
            let received = Received {
                room: frame.room,
                slot: frame.slot,
                track: frame.track,
                frame: frame.frame,
                timestamp: frame.timestamp,
                level: frame.level,
                bytes: frame.bytes.to_vec(),
                complete_at: frame.complete_at,
                is_newest: frame.is_newest,
            };
            if let Some(queue) = &queue
                && let Err(TrySendError::Full(_)) = queue.try_send(received)
            {
                overrun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        })
    }

    /// What was received until now, by track.
    pub fn figures(&self) -> Vec<(RemoteTrack, ReceiverFigures)> {
        let figures = self.figures.lock();
        figures.map(|figures| figures.iter().map(|(track, figures)| (*track, *figures)).collect()).unwrap_or_default()
    }

    /// Frames that were dropped because decoding could not keep up.
    pub fn overrun(&self) -> u64 {
        self.overrun.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Waits until everything is decoded and recorded, and gives the final figures. The engine must have ended: it
    /// holds the other end.
    ///
    /// # Errors
    /// What went wrong with the recording.
    pub fn finish(mut self) -> io::Result<Vec<(RemoteTrack, ReceiverFigures)>> {
        self.queue = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result.map(|()| self.figures()),
            _ => Err(io::Error::other("the receiver's thread failed")),
        }
    }
}

/// What became of a frame after it was recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Whole,
    Broken,
    Skipped,
}

/// Whether a newer picture of the same track waits already: then nobody would see this one.
fn is_overtaken(frame: &Received, later: &[Received]) -> bool {
    let track = |frame: &Received| (frame.room, frame.slot, frame.track);
    !frame.track.is_audio() && later.iter().any(|other| other.is_newest && track(other) == track(frame))
}

fn count(figures: &Mutex<TrackFigures>, frame: &Received, shown: Shown) {
    if let Ok(mut figures) = figures.lock() {
        let track = figures.entry((frame.room, frame.slot, frame.track)).or_default();
        track.frames += 1;
        track.bytes += frame.bytes.len() as u64;
        track.broken += u64::from(shown == Shown::Broken);
        track.skipped += u64::from(shown == Shown::Skipped);
    }
}

/// Decodes a picture and notes how long its way took; false if it does not decode.
fn show(frame: &Received, picture: &mut Picture, stages: &Mutex<Stages>) -> bool {
    let began = Clock::now();
    let is_whole = jpeg::decode_into(&frame.bytes, picture).is_ok();
    let ended = Clock::now();
    // A picture that was overtaken would not be shown.
    if is_whole && frame.is_newest {
        let timecode = read_timecode(picture);
        Stages::record(stages, |stages| {
            stages.hand_over.record(began.since(frame.complete_at));
            stages.decode.record(ended.since(began));
            if let Some(timecode) = timecode {
                stages.total.record(timecode.age(ended));
            }
        });
    }
    is_whole
}
