//! Counts of a running gateway.

use std::sync::{Arc, Mutex};

use crate::backlog::BacklogFigures;

/// What a gateway has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Browsers that are connected now.
    pub browsers: u64,
    /// Browsers that were, in all.
    pub browsers_ever: u64,
    /// Connections that were refused: too many, or of another origin.
    pub refused: u64,
    /// Datagrams from browsers that were passed on.
    pub datagrams_up: u64,
    /// Datagrams to browsers that were passed on.
    pub datagrams_down: u64,
    /// Frames of pictures that were dropped because a browser's socket was full.
    pub frames_dropped: u64,
    /// Their packets.
    pub picture_packets_dropped: u64,
    /// Packets of voices that were dropped because they would have come too late.
    pub voice_packets_dropped: u64,
}

impl Figures {
    /// Adds what became of one browser's backlog since the last time.
    pub(crate) const fn add(&mut self, now: &BacklogFigures, before: &BacklogFigures) {
        self.datagrams_down += now.sent - before.sent;
        self.frames_dropped += now.frames_dropped - before.frames_dropped;
        self.picture_packets_dropped += now.picture_packets_dropped - before.picture_packets_dropped;
        self.voice_packets_dropped += now.voice_packets_dropped - before.voice_packets_dropped;
    }
}

/// Where the figures are, for whoever wants to see them.
#[derive(Clone, Default)]
pub struct FiguresHandle(Arc<Mutex<Figures>>);

impl FiguresHandle {
    /// The figures now.
    pub fn figures(&self) -> Figures {
        self.0.lock().map(|figures| *figures).unwrap_or_default()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Figures)) {
        if let Ok(mut figures) = self.0.lock() {
            change(&mut figures);
        }
    }
}
