//! Recording: every remote track as it came, so that others can check it; voices as they were heard.
//!
//! **Shape:** a folder per track, `ROOM-SLOT-TRACK`, with pictures as `FRAME.jpg` or sound as `sound.wav`, and
//! `timeline.jsonl` beside them: one object a frame, in the order of arrival. Pictures that came as strips are recorded as
//! they were shown, and their timeline says how many strips were there and how much of the picture was stale.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use hph_core::id::{RoomId, Slot, TrackId};
use hph_core::media::jitter::PulledKind;
use hph_platform::jpeg::JpegEncoder;
use hph_platform::microphone::{self, BLOCK_SAMPLES};
use hph_platform::picture::Picture;
use hph_platform::voice::{self, Block};
use hph_platform::wav::WavWriter;

use super::receive::Received;
use super::video::gather::Gathered;
use crate::engine::RemoteTrack;

/// Quality of pictures that are encoded once more to be recorded.
const RECORDED_QUALITY: u8 = 95;
/// Silence that is filled in at most for one gap: ten seconds ...
const GAP_BLOCKS_MAX: u32 = 500;
/// ... and of a voice, whose blocks are shorter.
const IDLE_BLOCKS_MAX: u32 = 1000;

/// Where to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderConfig {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
}

/// Writes what comes.
pub(crate) struct Recorder {
    folder: PathBuf,
    tracks: HashMap<(RoomId, Slot, TrackId), TrackFile>,
}

struct TrackFile {
    folder: PathBuf,
    timeline: BufWriter<File>,
    sound: Option<WavWriter>,
    /// Where the next block of sound belongs on the media clock.
    next_timestamp: Option<u32>,
    /// Blocks in a row in which a voice was not there.
    idle_blocks: u32,
}

impl Recorder {
    pub fn new(config: RecorderConfig) -> io::Result<Self> {
        fs::create_dir_all(&config.folder)?;
        Ok(Self { folder: config.folder, tracks: HashMap::new() })
    }

    /// Takes a frame as it came.
    pub fn record(&mut self, frame: &Received) -> io::Result<()> {
        self.track(frame.remote_track(), microphone::SAMPLE_RATE_HZ)?.map_or(Ok(()), |track| track.record(frame))
    }

    /// Records a picture that was made of strips: as a JPEG of its own, since what came is only what had changed.
    pub fn record_picture(&mut self, track: RemoteTrack, picture: &Picture, frame: &Gathered) -> io::Result<()> {
        let track = self.track(track, microphone::SAMPLE_RATE_HZ)?;
        track.map_or(Ok(()), |track| track.record_picture(picture, frame))
    }

    /// Takes note of a packet of a voice; what is heard of it comes to [`Self::hear`].
    pub fn note(&mut self, packet: &Received) -> io::Result<()> {
        self.track(packet.remote_track(), voice::SAMPLE_RATE_HZ)?.map_or(Ok(()), |track| track.note(packet))
    }

    /// Takes 10 ms of a voice, as they are heard.
    pub fn hear(&mut self, voice: RemoteTrack, block: &Block, kind: PulledKind) -> io::Result<()> {
        self.track(voice, voice::SAMPLE_RATE_HZ)?.map_or(Ok(()), |track| track.hear(block, kind))
    }

    fn track(&mut self, key: RemoteTrack, rate_hz: u32) -> io::Result<Option<&mut TrackFile>> {
        let (room, slot, track) = key;
        if !self.tracks.contains_key(&key) {
            let folder = self.folder.join(format!("{}-{}-{}", room.0, slot.0, track_name(track)));
            fs::create_dir_all(&folder)?;
            let timeline = BufWriter::new(File::create(folder.join("timeline.jsonl"))?);
            let sound = match track.is_audio() {
                true => Some(WavWriter::create_at_rate(&folder.join("sound.wav"), rate_hz)?),
                false => None,
            };
            self.tracks.insert(key, TrackFile { folder, timeline, sound, next_timestamp: None, idle_blocks: 0 });
        }
        Ok(self.tracks.get_mut(&key))
    }

    pub fn finish(self) -> io::Result<()> {
        for (_, mut track) in self.tracks {
            track.timeline.flush()?;
            if let Some(sound) = track.sound {
                sound.finish()?;
            }
        }
        Ok(())
    }
}

impl TrackFile {
    fn record_picture(&mut self, picture: &Picture, frame: &Gathered) -> io::Result<()> {
        writeln!(
            self.timeline,
            r#"{{"frame":{},"timestamp":{},"arrived_us":{},"bytes":{},"strips":{},"of":{},"stale":{:.5}}}"#,
            frame.frame,
            frame.timestamp,
            frame.last_at.as_micros(),
            frame.bytes,
            frame.strips,
            frame.count,
            frame.stale
        )?;
        let mut jpeg = Vec::new();
        JpegEncoder::new().encode(picture, RECORDED_QUALITY, &mut jpeg).map_err(io::Error::other)?;
        fs::write(self.folder.join(format!("{:08}.jpg", frame.frame)), jpeg)
    }

    fn hear(&mut self, block: &Block, kind: PulledKind) -> io::Result<()> {
        self.idle_blocks = if kind == PulledKind::Idle { self.idle_blocks.saturating_add(1) } else { 0 };
        match self.sound.as_mut().filter(|_| self.idle_blocks <= IDLE_BLOCKS_MAX) {
            Some(sound) => sound.write_block(block),
            None => Ok(()),
        }
    }

    fn note(&mut self, frame: &Received) -> io::Result<()> {
        writeln!(
            self.timeline,
            r#"{{"frame":{},"timestamp":{},"arrived_us":{},"bytes":{},"level":{}}}"#,
            frame.frame,
            frame.timestamp,
            frame.complete_at.as_micros(),
            frame.bytes.len(),
            frame.level
        )
    }

    fn record(&mut self, frame: &Received) -> io::Result<()> {
        self.note(frame)?;
        match self.sound.as_mut() {
            None => fs::write(self.folder.join(format!("{:08}.jpg", frame.frame)), &frame.bytes),
            Some(sound) => {
                let (pairs, _) = frame.bytes.as_chunks::<2>();
                let samples: Vec<i16> = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
                // What is lost is silence of the same length; what comes too late is left out.
                let gap = self.next_timestamp.map_or(0, |next| frame.timestamp.wrapping_sub(next));
                if gap > i32::MAX as u32 {
                    return Ok(());
                }
                for _ in 0..(gap / BLOCK_SAMPLES as u32).min(GAP_BLOCKS_MAX) {
                    sound.write(&[0; BLOCK_SAMPLES])?;
                }
                self.next_timestamp = Some(frame.timestamp.wrapping_add(samples.len() as u32));
                sound.write(&samples)
            }
        }
    }
}

/// A track's name in files and on the terminal.
pub(crate) fn track_name(track: TrackId) -> &'static str {
    match track {
        TrackId::MICROPHONE => "microphone",
        TrackId::CAMERA => "camera",
        TrackId::SCREEN => "screen",
        TrackId::SCREEN_SOUND => "screen-sound",
        _ => "track",
    }
}
