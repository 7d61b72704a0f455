//! What waits for a browser's socket.
//!
//! TCP brings everything or nothing: on a slow way stale pictures would hold up voices. So little is given to the kernel at a
//! time, the rest waits here, and here it can still be dropped: pictures first, frame by frame, for of half a frame's packets
//! only the ends of strips would be seen; voices only when they are too late to be heard; control bytes never, they hold up
//! the server's connection instead. What tells a frame stands in the clear, authenticated media header (PROTOCOL.md section
//! 13): nothing is opened.
//!
//! **Memory:** bounded by the constants below, whatever the server sends. Layer: above the core's wire format; it must not know
//! sockets.

use std::collections::VecDeque;

use hph_client::core::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES};
use hph_client::core::time::{Duration, Instant};
use hph_client::core::wire::datagram::Kind;
use hph_client::core::wire::media::MediaHeader;

/// Pictures wait at most so long ...
const PICTURE_AGE_MAX: Duration = Duration::from_millis(250);
/// ... and are at most so much.
const PICTURE_BYTES_MAX: usize = 512 * 1024;
/// Voices wait longer: what a jitter buffer would still play.
const VOICE_AGE_MAX: Duration = Duration::from_millis(400);
const VOICE_BYTES_MAX: usize = 128 * 1024;
/// Pings, reports and questions.
const OTHER_BYTES_MAX: usize = 64 * 1024;
/// Tracks whose dropped frame is remembered: a room's pictures and their sizes.
const TRACKS_MAX: usize = 128;

/// A track and size layer: room, sender, track, layer.
type Track = (u32, u16, u8, u8);

/// A datagram that waits.
struct Waiting {
    since: Instant,
    /// Which frame of which track; none unless it is of a picture.
    frame: Option<(Track, u32)>,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

impl Queue {
    fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes.len();
        self.waiting.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.bytes -= waiting.bytes.len();
        Some(waiting)
    }

    fn is_overdue(&self, now: Instant, age_max: Duration, bytes_max: usize) -> bool {
        self.bytes > bytes_max || self.waiting.front().is_some_and(|first| now.since(first.since) > age_max)
    }
}

/// What was dropped, and what went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BacklogFigures {
    /// Datagrams that were handed out.
    pub sent: u64,
    /// Frames of pictures that were dropped, as far as they waited.
    pub frames_dropped: u64,
    /// Packets of pictures.
    pub picture_packets_dropped: u64,
    /// Packets of voices.
    pub voice_packets_dropped: u64,
    /// Others.
    pub other_dropped: u64,
    /// The longest that a voice has waited here. **Units:** microseconds.
    pub voice_wait_max_us: u64,
}

impl BacklogFigures {
    /// What a page is told: frames of pictures, packets of pictures, packets of voices.
    pub const fn dropped(&self) -> [u64; 3] {
        [self.frames_dropped, self.picture_packets_dropped, self.voice_packets_dropped]
    }
}

/// The datagrams that wait for one browser.
#[derive(Default)]
pub struct Backlog {
    others: Queue,
    voices: Queue,
    pictures: Queue,
    /// The last frame of each track of which something was dropped: the rest of it is of no use.
    dropped: Vec<(Track, u32)>,
    figures: BacklogFigures,
}

impl Backlog {
    /// Nothing waits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a datagram from the server. One that can't be of this protocol is dropped.
    pub fn push(&mut self, now: Instant, bytes: &[u8]) {
        if bytes.len() < HOP_PREFIX_BYTES || bytes.len() > DATAGRAM_MAX_BYTES {
            self.figures.other_dropped += 1;
            return;
        }
        let waiting = |frame| Waiting { since: now, frame, bytes: bytes.to_vec() };
        match media_of(bytes) {
            None => self.others.push(waiting(None)),
            Some(header) if header.track.is_audio() => self.voices.push(waiting(None)),
            Some(header) => {
                let frame = frame_of(&header);
                if self.dropped.contains(&frame) {
                    self.figures.picture_packets_dropped += 1;
                    return;
                }
                self.pictures.push(waiting(Some(frame)));
            }
        }
        self.shed(now);
    }

    /// The next datagram that should go; none if nothing waits.
    pub fn pop(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.shed(now);
        let waiting = self.others.pop().or_else(|| {
            let voice = self.voices.pop()?;
            let waited = now.since(voice.since).as_micros();
            self.figures.voice_wait_max_us = self.figures.voice_wait_max_us.max(waited);
            Some(voice)
        });
        let waiting = waiting.or_else(|| self.pictures.pop())?;
        self.figures.sent += 1;
        Some(waiting.bytes)
    }

    /// How long the next one is; none if nothing waits.
    pub fn next_len(&self) -> Option<usize> {
        let first = self.others.waiting.front().or_else(|| self.voices.waiting.front());
        first.or_else(|| self.pictures.waiting.front()).map(|waiting| waiting.bytes.len())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.others.waiting.is_empty() && self.voices.waiting.is_empty() && self.pictures.waiting.is_empty()
    }

    /// What was dropped, and what went.
    pub const fn figures(&self) -> BacklogFigures {
        self.figures
    }

    /// Drops what is too old or too much.
    fn shed(&mut self, now: Instant) {
        while self.pictures.is_overdue(now, PICTURE_AGE_MAX, PICTURE_BYTES_MAX) {
            let Some(frame) = self.pictures.waiting.front().and_then(|first| first.frame) else { break };
            self.drop_frame(frame);
        }
        while self.voices.is_overdue(now, VOICE_AGE_MAX, VOICE_BYTES_MAX) {
            self.voices.pop();
            self.figures.voice_packets_dropped += 1;
        }
        while self.others.bytes > OTHER_BYTES_MAX {
            self.others.pop();
            self.figures.other_dropped += 1;
        }
    }

    /// Drops all that waits of a frame, and what still comes of it.
    fn drop_frame(&mut self, frame: (Track, u32)) {
        let Queue { waiting, bytes } = &mut self.pictures;
        let before = waiting.len();
        waiting.retain(|packet| {
            let is_of_it = packet.frame == Some(frame);
            if is_of_it {
                *bytes -= packet.bytes.len();
            }
            !is_of_it
        });
        self.figures.picture_packets_dropped += (before - waiting.len()) as u64;
        self.figures.frames_dropped += 1;
        self.dropped.retain(|(track, _)| *track != frame.0);
        if self.dropped.len() == TRACKS_MAX {
            self.dropped.remove(0);
        }
        self.dropped.push(frame);
    }
}

/// The media header of a datagram that has one.
fn media_of(bytes: &[u8]) -> Option<MediaHeader> {
    if bytes.first() != Some(&(Kind::Media as u8)) {
        return None;
    }
    MediaHeader::parse(bytes.get(HOP_PREFIX_BYTES..)?).ok()
}

fn frame_of(header: &MediaHeader) -> (Track, u32) {
    ((header.room.0, header.sender.0, header.track.0, header.layer), header.frame)
}

#[cfg(test)]
mod tests;
