//! Pictures of others: recorded, decoded, measured.

use std::io;
use std::sync::Mutex;

use async_channel::Receiver;
use hph_platform::camera::read_timecode;
use hph_platform::clock::Clock;
use hph_platform::jpeg;
use hph_platform::picture::Picture;

use crate::media::receive::{Counted, Received, Shown};
use crate::media::record::Recorder;
use crate::media::stages::Stages;

/// Handles pictures until the engine ends.
///
/// # Errors
/// What went wrong with the recording.
pub(in crate::media) fn receive(
    frames: &Receiver<Received>,
    mut recorder: Option<Recorder>,
    counted: &Counted,
    stages: &Mutex<Stages>,
) -> io::Result<()> {
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
            } else if show(frame, &mut picture, stages) {
                Shown::Whole
            } else {
                Shown::Broken
            };
            counted.count(frame, shown);
        }
        waiting.clear();
    }
    recorder.map_or(Ok(()), Recorder::finish)
}

/// Whether a newer picture of the same track waits already: then nobody would see this one.
fn is_overtaken(frame: &Received, later: &[Received]) -> bool {
    later.iter().any(|other| other.is_newest && other.remote_track() == frame.remote_track())
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
