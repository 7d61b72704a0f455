//! Pictures of others: recorded, decoded, measured, shown.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;

use async_channel::Receiver;
use async_io::Timer;
use futures_lite::future;
use hph_core::time::{Duration, Instant};
use hph_platform::camera::read_timecode;
use hph_platform::clock::Clock;
use hph_platform::jpeg;
use hph_platform::picture::Picture;

use super::gather::{ArrivedStrip, Gathered, StripTrack};
use super::hold::Hold;
use crate::engine::RemoteTrack;
use crate::media::lips::Heard;
use crate::media::receive::{Announced, Counted, Received, Shown};
use crate::media::record::Recorder;
use crate::media::stages::Stages;

/// What came of a picture's track.
pub(in crate::media) enum Arrived {
    /// A whole JPEG.
    Frame(Received),
    /// A strip of that track and layer.
    Strip(RemoteTrack, u8, ArrivedStrip),
}

impl Arrived {
    /// Its track and size layer.
    pub const fn key(&self) -> (RemoteTrack, u8) {
        match self {
            Self::Frame(frame) => (frame.remote_track(), 0),
            Self::Strip(track, layer, _) => (*track, *layer),
        }
    }

    /// Its capture time on the media clock.
    const fn timestamp(&self) -> u32 {
        match self {
            Self::Frame(frame) => frame.timestamp,
            Self::Strip(_, _, strip) => strip.timestamp,
        }
    }
}

/// Takes every picture that is worth showing, on the thread of pictures: the newest of each track, nothing twice.
pub type PictureSink = Box<dyn FnMut(RemoteTrack, &Picture) + Send>;

/// What the thread of pictures works with.
pub(in crate::media) struct Pictures<'a> {
    pub recorder: Option<Recorder>,
    pub screen: Option<PictureSink>,
    pub counted: &'a Counted,
    pub announced: &'a Announced,
    pub heard: &'a Heard,
    pub stages: &'a Mutex<Stages>,
}

/// Handles pictures until the engine ends.
///
/// # Errors
/// What went wrong with the recording.
pub(in crate::media) fn receive(arrivals: &Receiver<Arrived>, mut pictures: Pictures<'_>) -> io::Result<()> {
    let mut picture = Picture::default();
    let mut tracks: HashMap<(RemoteTrack, u8), StripTrack> = HashMap::new();
    let mut hold = Hold::default();
    let mut due = Vec::new();
    let mut is_over = false;
    while !is_over {
        let deadline = tracks.values().filter_map(StripTrack::deadline).chain(hold.next_due()).min();
        let next = next(arrivals, deadline);
        is_over = matches!(next, Next::Over);
        let first = if let Next::Arrived(first) = next { Some(first) } else { None };
        let now = Clock::now();
        for arrived in first.into_iter().chain(std::iter::from_fn(|| arrivals.try_recv().ok())) {
            hold.push(pictures.heard.due(arrived.key().0, now, arrived.timestamp()), arrived);
        }
        // When nothing more comes nothing more is heard either.
        let until = if is_over { Instant::NEVER } else { now };
        due.extend(std::iter::from_fn(|| hold.pop(until)));
        for (index, arrived) in due.iter().enumerate() {
            match arrived {
                Arrived::Frame(frame) => {
                    let is_overtaken = is_overtaken(frame, due.get(index + 1..).unwrap_or_default());
                    pictures.handle_frame(frame, is_overtaken, &mut picture)?;
                }
                Arrived::Strip(key, layer, strip) => {
                    let strip = ArrivedStrip { held: now.since(strip.at), ..strip.clone() };
                    pictures.handle_strip(&mut tracks, (*key, *layer), &strip)?;
                }
            }
        }
        due.clear();
        let now = Clock::now();
        for (key, track) in &mut tracks {
            if let Some(shown) = track.due(now) {
                pictures.show(*key, track, &shown)?;
            }
        }
    }
    for (key, track) in &mut tracks {
        if let Some(shown) = track.close() {
            pictures.show(*key, track, &shown)?;
        }
    }
    pictures.recorder.map_or(Ok(()), Recorder::finish)
}

/// What ended a wait.
enum Next {
    Arrived(Arrived),
    Deadline,
    Over,
}

/// Waits for the next arrival, or until a picture must be shown.
fn next(arrivals: &Receiver<Arrived>, deadline: Option<Instant>) -> Next {
    let arrival = async { arrivals.recv().await.map_or(Next::Over, Next::Arrived) };
    let Some(deadline) = deadline else { return future::block_on(arrival) };
    let left = deadline.since(Clock::now());
    let timer = async {
        Timer::after(std::time::Duration::from_micros(left.as_micros())).await;
        Next::Deadline
    };
    future::block_on(future::or(arrival, timer))
}

/// Whether a newer picture of the same track waits already: then nobody would see this one.
fn is_overtaken(frame: &Received, later: &[Arrived]) -> bool {
    later.iter().any(|other| {
        matches!(other, Arrived::Frame(other) if other.is_newest && other.remote_track() == frame.remote_track())
    })
}

impl Pictures<'_> {
    fn handle_frame(&mut self, frame: &Received, is_overtaken: bool, picture: &mut Picture) -> io::Result<()> {
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.record(frame)?;
        }
        let shown = if is_overtaken {
            Shown::Skipped
        } else if self.decode(frame, picture) {
            Shown::Whole
        } else {
            Shown::Broken
        };
        self.counted.count(frame, shown);
        Ok(())
    }

    /// Decodes a whole JPEG and notes how long its way took; false if it does not decode.
    fn decode(&mut self, frame: &Received, picture: &mut Picture) -> bool {
        let began = Clock::now();
        let key = frame.remote_track();
        let is_whole = jpeg::decode_into(&frame.bytes, picture).is_ok();
        let ended = Clock::now();
        // A picture that was overtaken would not be shown.
        if is_whole && frame.is_newest {
            let timecode = read_timecode(picture);
            let ahead_us = self.heard.ahead_us(key, ended, frame.timestamp);
            Stages::record(self.stages, |stages| {
                stages.hand_over.record(began.since(frame.complete_at));
                stages.decode.record(ended.since(began));
                if let Some(timecode) = timecode {
                    stages.total.record(timecode.age(ended));
                }
                record_lips(stages, ahead_us);
            });
            if let Some(screen) = &mut self.screen {
                screen(key, picture);
            }
        }
        is_whole
    }

    /// Puts a strip into its track's picture; shows what a newer frame has overtaken only to the recorder.
    fn handle_strip(
        &mut self,
        tracks: &mut HashMap<(RemoteTrack, u8), StripTrack>,
        key: (RemoteTrack, u8),
        strip: &ArrivedStrip,
    ) -> io::Result<()> {
        let announced = self.announced.of(key.0, key.1);
        let track = tracks.entry(key).or_insert_with(|| StripTrack::new(announced));
        // Another size, or somebody else in that place: nothing of the old picture stays.
        if track.announced() != announced {
            *track = StripTrack::new(announced);
        }
        match track.handle(strip, Clock::now) {
            Ok(None) => {}
            Ok(Some(overtaken)) => self.counted.count_strips(key, &overtaken, true),
            Err(_) => self.counted.count_refused(key.0),
        }
        Ok(())
    }

    fn show(&mut self, key: (RemoteTrack, u8), track: &mut StripTrack, shown: &Gathered) -> io::Result<()> {
        let began = Clock::now();
        let picture = track.picture();
        let ended = Clock::now();
        let timecode = read_timecode(picture);
        let ahead_us = self.heard.ahead_us(key.0, ended, shown.timestamp);
        let without_wait =
            |span: Duration| Duration::from_micros(span.as_micros().saturating_sub(shown.held.as_micros()));
        Stages::record(self.stages, |stages| {
            stages.reassemble.record(shown.gathered);
            stages.wait.record(shown.held);
            stages.hand_over.record(without_wait(began.since(shown.last_at)));
            stages.decode.record(shown.decoding);
            stages.paint.record(ended.since(began));
            if let Some(timecode) = timecode {
                stages.total.record(without_wait(timecode.age(ended)));
            }
            record_lips(stages, ahead_us);
        });
        self.counted.count_strips(key, shown, false);
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.record_picture(key.0, picture, shown)?;
        }
        if let Some(screen) = &mut self.screen {
            screen(key.0, picture);
        }
        Ok(())
    }
}

/// Notes how far a picture and its sound lie apart, if there is a sound.
fn record_lips(stages: &mut Stages, ahead_us: Option<i64>) {
    if let Some(ahead_us) = ahead_us {
        stages.lips.record(Duration::from_micros(ahead_us.unsigned_abs()));
    }
}

#[cfg(test)]
mod tests {
    use hph_core::id::{RoomId, Slot, TrackId};
    use hph_core::limits::TRACKS_MAX;
    use hph_core::wire::control::{Codec, TrackInfo};
    use hph_platform::video::{StripEncoder, StripFrame, StripParams};

    use super::*;

    const KEY: RemoteTrack = (RoomId(1), Slot(2), TrackId::CAMERA);

    fn announce(announced: &Announced, member: u32, width: u16, height: u16) {
        let camera = TrackInfo { is_on: true, codec: Codec::Strips, width, height };
        let mut tracks = [TrackInfo::default(); TRACKS_MAX];
        tracks[1] = camera;
        announced.set(KEY.0, KEY.1, member, &tracks);
    }

    /// The first strip of a picture of one colour.
    fn strip(width: u16, height: u16, shade: u8) -> ArrivedStrip {
        let mut picture = Picture::black(width, height);
        picture.rgb.fill(shade);
        let mut out = StripFrame::default();
        let now = Instant::from_micros(1);
        StripEncoder::new().encode(now, 0, &picture, &StripParams::default(), &mut out).unwrap();
        let bytes = out.bytes[out.strips[0].clone()].to_vec();
        ArrivedStrip { frame: 0, timestamp: 0, count: 1, bytes, at: now, held: Duration::ZERO }
    }

    #[test]
    fn whoever_takes_a_place_begins_with_a_picture_of_their_own_and_each_size_with_its_bound() {
        let (counted, announced, stages) = (Counted::default(), Announced::default(), Mutex::default());
        let mut pictures = Pictures {
            recorder: None,
            screen: None,
            counted: &counted,
            announced: &announced,
            heard: &Heard::default(),
            stages: &stages,
        };
        let mut tracks = HashMap::new();
        let mut handle = |tracks: &mut _, layer, strip: &ArrivedStrip| {
            pictures.handle_strip(tracks, (KEY, layer), strip).unwrap();
        };
        handle(&mut tracks, 0, &strip(64, 32, 200));
        assert!(tracks[&(KEY, 0)].deadline().is_none(), "nothing was announced");
        announce(&announced, 1, 64, 32);
        handle(&mut tracks, 0, &strip(64, 32, 200));
        let track = tracks.get_mut(&(KEY, 0)).unwrap();
        assert_eq!(track.picture().pixel(60, 30), Some([200; 3]));

        announce(&announced, 2, 64, 32);
        let mut other = strip(64, 32, 90);
        // Only its first block: the rest was lost.
        other.bytes[8] = 1;
        handle(&mut tracks, 0, &other);
        let track = tracks.get_mut(&(KEY, 0)).unwrap();
        assert_eq!((track.picture().pixel(0, 0), track.picture().pixel(60, 30)), (Some([90; 3]), Some([0; 3])));

        handle(&mut tracks, 1, &strip(64, 32, 200));
        assert!(tracks[&(KEY, 1)].deadline().is_none(), "layer 1 has half the sides");
        handle(&mut tracks, 1, &strip(32, 16, 200));
        assert!(tracks[&(KEY, 1)].deadline().is_some());
    }
}
