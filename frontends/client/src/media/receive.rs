//! Frames of others, handed from the engine's thread to those of pictures and of sound.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use async_channel::{Sender, TrySendError};
use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::limits::TRACKS_MAX;
use hph_core::time::Instant;
use hph_core::wire::control::TrackInfo;
use hph_platform::audio::SoundSink;

use super::lips::Heard;
use super::record::{Recorder, RecorderConfig};
use super::stages::Stages;
use super::video::gather::{ArrivedStrip, Gathered};
use super::video::receive::{self as video, Arrived, PictureSink, Pictures};
use super::voice::config::{FrameLength, SpeakerSpec, VoiceCodec, VoiceConfig};
use super::voice::figures::VoiceFigures;
use super::voice::playback::{self, Player, ShownVoices};
use super::voice::shared::VoiceShared;
use crate::engine::{FrameSink, IncomingFrame, IncomingMedia, RemoteTrack};

/// Frames of a kind that may wait: two seconds of a full room.
const QUEUE_MAX: usize = 512;
/// Pictures or strips of pictures that may wait, a kilobyte each.
const PICTURES_MAX: usize = 4096;

/// What to do with what comes.
#[derive(Clone, Debug, Default)]
pub struct ReceiverConfig {
    /// Where to record, if at all.
    pub recording: Option<RecorderConfig>,
    /// Where sound goes.
    pub speaker: SpeakerSpec,
    /// How sound is encoded, and how long its frames are.
    pub voice: VoiceConfig,
}

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
    /// Strips of the frames.
    pub strips: u64,
    /// Strips that were missing when their frame was shown.
    pub strips_missing: u64,
    /// Strips that were refused.
    pub strips_refused: u64,
    /// Sum over the frames of the share of the picture that was not as it should be. **Units:** millionths of a picture.
    pub stale_ppm: u64,
    /// Size layer of the last picture: 0 full, 1 half, 2 a quarter of the sides.
    pub layer: u8,
    /// How long the last picture waited for the sound of its moment. **Units:** microseconds.
    pub held_us: u64,
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

/// What the thread of sound is given.
pub(crate) enum Sound {
    Packet(Received),
    /// Who is not heard any more in a room: one, or everybody.
    Gone(RoomId, Option<Slot>),
    /// Sound goes there from now on.
    Speaker(Box<dyn SoundSink>),
}

impl Received {
    pub const fn remote_track(&self) -> RemoteTrack {
        (self.room, self.slot, self.track)
    }
}

impl From<&IncomingFrame<'_>> for Received {
    fn from(frame: &IncomingFrame<'_>) -> Self {
        Self {
            room: frame.room,
            slot: frame.slot,
            track: frame.track,
            frame: frame.frame,
            timestamp: frame.timestamp,
            level: frame.level,
            bytes: frame.bytes.to_vec(),
            complete_at: frame.complete_at,
            is_newest: frame.is_newest,
        }
    }
}

/// What became of a frame after it was recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Whole,
    Broken,
    Skipped,
}

/// Figures of every track, that the threads count in.
#[derive(Clone, Default)]
pub(crate) struct Counted(Arc<Mutex<HashMap<RemoteTrack, ReceiverFigures>>>);

impl Counted {
    pub fn count(&self, frame: &Received, shown: Shown) {
        if let Ok(mut figures) = self.0.lock() {
            let track = figures.entry(frame.remote_track()).or_default();
            track.frames += 1;
            track.bytes += frame.bytes.len() as u64;
            track.broken += u64::from(shown == Shown::Broken);
            track.skipped += u64::from(shown == Shown::Skipped);
        }
    }
}

impl Counted {
    /// Counts a frame of strips that was shown, or overtaken before that.
    pub fn count_strips(&self, (track, layer): (RemoteTrack, u8), frame: &Gathered, is_overtaken: bool) {
        if let Ok(mut figures) = self.0.lock() {
            let figures = figures.entry(track).or_default();
            figures.frames += 1;
            figures.bytes += frame.bytes as u64;
            figures.skipped += u64::from(is_overtaken);
            figures.strips += u64::from(frame.strips);
            figures.strips_missing += u64::from(frame.count.saturating_sub(frame.strips));
            figures.stale_ppm += (frame.stale * 1e6) as u64;
            (figures.layer, figures.held_us) = (layer, frame.held.as_micros());
        }
    }

    /// Counts a strip that was refused.
    pub fn count_refused(&self, track: RemoteTrack) {
        if let Ok(mut figures) = self.0.lock() {
            figures.entry(track).or_default().strips_refused += 1;
        }
    }
}

/// A track as it was announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// The largest picture; nothing if none was announced. **Units:** pixels.
    pub size: (u16, u16),
    /// Whose it is: a place in a room may change hands.
    pub member: u32,
}

/// What others announced of their pictures: a strip of a larger one is refused. Written by the engine's thread.
#[derive(Clone, Default)]
pub(crate) struct Announced(Arc<Mutex<HashMap<RemoteTrack, Announcement>>>);

impl Announced {
    /// What was announced of a track, for one of its size layers: each has half the sides of the one before.
    pub fn of(&self, track: RemoteTrack, layer: u8) -> Announcement {
        let announced = self.0.lock().map_or_else(|_| None, |tracks| tracks.get(&track).copied()).unwrap_or_default();
        let side = |side: u16| side.div_ceil(1 << layer.min(15));
        Announcement { size: (side(announced.size.0), side(announced.size.1)), ..announced }
    }

    pub fn set(&self, room: RoomId, slot: Slot, member: u32, tracks: &[TrackInfo; TRACKS_MAX]) {
        if let Ok(mut announced) = self.0.lock() {
            for (id, info) in (0u8..).zip(tracks) {
                announced.insert((room, slot, TrackId(id)), Announcement { size: (info.width, info.height), member });
            }
        }
    }
}

/// Takes the frames of an engine, until the engine ends.
pub struct Receiver {
    pictures: Queue<Arrived>,
    sound: Queue<Sound>,
    counted: Counted,
    announced: Announced,
    overrun: Arc<AtomicU64>,
    voice: VoiceShared,
    voices: ShownVoices,
}

/// A thread and what waits for it.
struct Queue<T> {
    sender: Option<Sender<T>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl<T: Send + 'static> Queue<T> {
    fn start(
        name: &str,
        len_max: usize,
        work: impl FnOnce(&async_channel::Receiver<T>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, frames) = async_channel::bounded(len_max);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || work(&frames))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Waits until everything is handled. The engine must have ended: it holds the other end.
    fn finish(&mut self) -> io::Result<()> {
        self.sender = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Err(io::Error::other("the receiver's thread failed")),
        }
    }
}

/// Puts something into a queue; true if there was no room for it.
fn is_full<T>(queue: &Option<Sender<T>>, item: T) -> bool {
    queue.as_ref().is_some_and(|queue| matches!(queue.try_send(item), Err(TrySendError::Full(_))))
}

impl Receiver {
    /// Starts the threads; `stages` is where they record how long decoding takes.
    ///
    /// # Errors
    /// The recording's folder can't be made, the loudspeaker can't be opened, or there are no more threads.
    pub fn start(config: ReceiverConfig, stages: Arc<Mutex<Stages>>) -> io::Result<Self> {
        Self::start_showing(config, stages, None)
    }

    /// As [`Self::start`]; every picture that is worth showing is given to `screen`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_showing(
        config: ReceiverConfig,
        stages: Arc<Mutex<Stages>>,
        screen: Option<PictureSink>,
    ) -> io::Result<Self> {
        let recorder = || config.recording.clone().map(Recorder::new).transpose();
        let (of_pictures, of_sound) = (recorder()?, recorder()?);
        let counted = Counted::default();
        let announced = Announced::default();
        let (pictures_counted, sound_counted, sizes) = (counted.clone(), counted.clone(), announced.clone());
        let heard = Heard::default();
        let voices_heard = heard.clone();
        let pictures = Queue::start("pictures", PICTURES_MAX, move |arrivals| {
            let (counted, announced, heard, stages) = (&pictures_counted, &sizes, &heard, &*stages);
            video::receive(arrivals, Pictures { recorder: of_pictures, screen, counted, announced, heard, stages })
        })?;
        let (voice, voices) = (VoiceShared::default(), ShownVoices::default());
        let sound = match config.voice.codec {
            VoiceCodec::Pcm => Queue::start("sound", QUEUE_MAX, move |packets| {
                playback::record_samples(packets, of_sound, &sound_counted)
            })?,
            VoiceCodec::Opus => {
                let player = Player {
                    may_rest: config.speaker == SpeakerSpec::None,
                    sink: playback::open_sink(&config.speaker, config.voice.frame)?,
                    recorder: of_sound,
                    counted: sound_counted,
                    shared: voice.clone(),
                    heard: voices_heard,
                    shown: Arc::clone(&voices),
                };
                Queue::start("sound", QUEUE_MAX, move |packets| player.play(packets))?
            }
        };
        Ok(Self { pictures, sound, counted, announced, overrun: Arc::default(), voice, voices })
    }

    /// What the engine calls for what comes.
    pub fn sink(&self) -> FrameSink {
        let (pictures, sound) = (self.pictures.sender.clone(), self.sound.sender.clone());
        let (overrun, announced) = (Arc::clone(&self.overrun), self.announced.clone());
        Box::new(move |media: &IncomingMedia<'_>| {
            let is_full = match media {
                IncomingMedia::Tracks { room, slot, member, tracks } => {
                    announced.set(*room, *slot, *member, tracks);
                    false
                }
                IncomingMedia::Frame(frame) if frame.track.is_audio() => {
                    is_full(&sound, Sound::Packet(Received::from(frame)))
                }
                IncomingMedia::Frame(frame) => is_full(&pictures, Arrived::Frame(Received::from(frame))),
                IncomingMedia::Strip(strip) => {
                    let track = (strip.room, strip.slot, strip.track);
                    is_full(&pictures, Arrived::Strip(track, strip.layer, ArrivedStrip::from(strip)))
                }
                IncomingMedia::Gone { room, slot } => is_full(&sound, Sound::Gone(*room, *slot)),
            };
            overrun.fetch_add(u64::from(is_full), Ordering::Relaxed);
        })
    }

    /// What was received until now, by track.
    pub fn figures(&self) -> Vec<(RemoteTrack, ReceiverFigures)> {
        let figures = self.counted.0.lock();
        figures.map(|figures| figures.iter().map(|(track, figures)| (*track, *figures)).collect()).unwrap_or_default()
    }

    /// What this end shares with its microphones: the key of push-to-talk, volumes, what is played.
    pub fn voice(&self) -> VoiceShared {
        self.voice.clone()
    }

    /// Plays on another loudspeaker from now on. Opens it here, which may take a moment.
    ///
    /// # Errors
    /// It can't be opened: then sound goes on where it goes.
    pub fn set_speaker(&self, speaker: &SpeakerSpec, frame: FrameLength) -> io::Result<()> {
        let sink = playback::open_sink(speaker, frame)?;
        match is_full(&self.sound.sender, Sound::Speaker(sink)) {
            true => Err(io::ErrorKind::ResourceBusy.into()),
            false => Ok(()),
        }
    }

    /// How each voice fares that was ever heard.
    pub fn voices(&self) -> Vec<(RemoteTrack, VoiceFigures)> {
        let voices = self.voices.lock();
        voices.map(|voices| voices.iter().map(|(track, figures)| (*track, *figures)).collect()).unwrap_or_default()
    }

    /// Frames that were dropped because decoding could not keep up.
    pub fn overrun(&self) -> u64 {
        self.overrun.load(Ordering::Relaxed)
    }

    /// Waits until everything is decoded and recorded, and gives the final figures. The engine must have ended: it
    /// holds the other ends.
    ///
    /// # Errors
    /// What went wrong with the recording.
    pub fn finish(mut self) -> io::Result<Vec<(RemoteTrack, ReceiverFigures)>> {
        let (pictures, sound) = (self.pictures.finish(), self.sound.finish());
        pictures.and(sound).map(|()| self.figures())
    }
}
