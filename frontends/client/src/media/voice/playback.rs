//! Sound of others: recorded.

use std::io;

use async_channel::Receiver;

use crate::media::receive::{Counted, Received, Shown};
use crate::media::record::Recorder;

/// Handles sound until the engine ends.
///
/// # Errors
/// What went wrong with the recording.
pub(in crate::media) fn play(
    frames: &Receiver<Received>,
    mut recorder: Option<Recorder>,
    counted: &Counted,
) -> io::Result<()> {
    while let Ok(frame) = frames.recv_blocking() {
        if let Some(recorder) = recorder.as_mut() {
            recorder.record(&frame)?;
        }
        counted.count(&frame, Shown::Whole);
    }
    recorder.map_or(Ok(()), Recorder::finish)
}
