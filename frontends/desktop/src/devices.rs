//! Our camera, microphone and screen in the rooms where they are on. Off means closed: no thread, no open device.
//!
//! A device may take a second to open, and a desktop may ask somebody what to share: that is waited for on a thread of its
//! own. Nothing is sent before the server has confirmed the track.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::thread;

use hph_client::core::id::{RoomId, TrackId};
use hph_client::core::limits::TRACKS_MAX;
use hph_client::core::wire::control::TrackInfo;
use hph_client::engine::FrameSender;
use hph_client::media::{CameraSpec, Capture, MicrophoneSpec, OwnPictures, VideoCodec, VoiceConfig, VoiceShared};

/// A track of ours.
pub type OwnTrack = (RoomId, TrackId);

/// What is opened.
pub enum Source {
    /// A camera or a screen, and who is shown its pictures here.
    Pictures(CameraSpec, Option<OwnPictures>),
    /// A camera whose pictures go out in another way than as strips, and who is shown them here.
    Coded(CameraSpec, VideoCodec, Option<OwnPictures>),
    /// A microphone, how it is used, and what it shares with the loudspeaker.
    Sound(MicrophoneSpec, VoiceConfig, VoiceShared),
}

/// A device that was opened, or why not.
pub struct Opened {
    /// For which track.
    pub track: OwnTrack,
    /// Which opening it was: another one may have been begun since.
    turn: u64,
    capture: io::Result<Capture>,
}

enum Device {
    Opening { turn: u64 },
    Open(Capture),
}

/// The devices.
#[derive(Default)]
pub struct Devices {
    devices: HashMap<OwnTrack, Device>,
    turn: u64,
}

impl Devices {
    /// Opens a device; `tell` is given the outcome on another thread. Does nothing if it is open or being opened.
    ///
    /// # Errors
    /// There are no more threads.
    pub fn open(
        &mut self,
        track: OwnTrack,
        source: Source,
        frames: FrameSender,
        tell: impl FnOnce(Opened) + Send + 'static,
    ) -> io::Result<()> {
        if self.devices.contains_key(&track) {
            return Ok(());
        }
        self.turn += 1;
        let turn = self.turn;
        thread::Builder::new()
            .name("opening".to_owned())
            .spawn(move || tell(Opened { track, turn, capture: open(track, source, frames) }))?;
        self.devices.insert(track, Device::Opening { turn });
        Ok(())
    }

    /// Takes over what was opened. Gives what to announce; nothing if it is not wanted any more.
    ///
    /// # Errors
    /// What the device says.
    pub fn opened(&mut self, opened: Opened) -> io::Result<Option<(OwnTrack, TrackInfo)>> {
        let Opened { track, turn, capture } = opened;
        if !matches!(self.devices.get(&track), Some(Device::Opening { turn: wanted }) if *wanted == turn) {
            return Ok(None);
        }
        self.devices.remove(&track);
        let capture = capture?;
        let info = capture.info();
        self.devices.insert(track, Device::Open(capture));
        Ok(Some((track, info)))
    }

    /// What the server says of our tracks in a room: those that are on may begin.
    pub fn confirmed(&mut self, room: RoomId, tracks: &[TrackInfo; TRACKS_MAX]) {
        for (id, _) in (0u8..).zip(tracks).filter(|(_, info)| info.is_on) {
            if let Some(Device::Open(capture)) = self.devices.get_mut(&(room, TrackId(id))) {
                capture.begin();
            }
        }
    }

    /// Closes a device; it is closed when this returns. Gives what to announce; nothing if it was not announced.
    pub fn close(&mut self, track: OwnTrack) -> Option<TrackInfo> {
        match self.devices.remove(&track)? {
            Device::Opening { .. } => None,
            Device::Open(capture) => Some(TrackInfo { is_on: false, ..capture.info() }),
        }
    }

    /// Closes all devices of a room: we are no longer there.
    pub fn close_room(&mut self, room: RoomId) {
        self.devices.retain(|(of, _), _| *of != room);
    }

    /// Closes all devices.
    pub fn close_all(&mut self) {
        self.devices.clear();
    }

    /// Tracks whose device is open or being opened.
    pub fn tracks(&self) -> Vec<OwnTrack> {
        self.devices.keys().copied().collect()
    }

    /// Devices that have ended by themselves.
    pub fn over(&self) -> Vec<OwnTrack> {
        let is_over = |device: &Device| match device {
            Device::Open(capture) => capture.figures().is_over.load(Ordering::Relaxed),
            Device::Opening { .. } => false,
        };
        self.devices.iter().filter(|(_, device)| is_over(device)).map(|(track, _)| *track).collect()
    }

    /// Devices that are gone, and come back by themselves when they are plugged in again.
    pub fn lost(&self) -> Vec<OwnTrack> {
        let is_lost = |device: &Device| match device {
            Device::Open(capture) => capture.figures().is_lost.load(Ordering::Relaxed),
            Device::Opening { .. } => false,
        };
        self.devices.iter().filter(|(_, device)| is_lost(device)).map(|(track, _)| *track).collect()
    }
}

fn open((room, track): OwnTrack, source: Source, frames: FrameSender) -> io::Result<Capture> {
    match source {
        Source::Pictures(spec, watch) => Capture::camera_watched(&spec, VideoCodec::Strips, track, room, frames, watch),
        Source::Coded(spec, codec, watch) => Capture::camera_watched(&spec, codec, track, room, frames, watch),
        Source::Sound(spec, config, shared) => Capture::microphone_held(&spec, config, &shared, room, frames),
    }
}
