//! Our camera, microphone and screen in one room. Off means closed: no thread, no open file, nothing to send.

use std::sync::atomic::Ordering;

use hph_client::core::id::{RoomId, TrackId};
use hph_client::core::limits::TRACKS_MAX;
use hph_client::core::wire::control::TrackInfo;
use hph_client::engine::FrameSender;
use hph_client::media::{CameraSpec, Capture, MicrophoneSpec, VideoCodec, VoiceConfig, VoiceShared};

/// What one device has sent, switched on and off as it may have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Frames handed to the engine.
    pub frames: u64,
    /// Frames that it could not take.
    pub dropped: u64,
}

/// One device.
#[derive(Default)]
struct Device {
    capture: Option<Capture>,
    sent_before: Sent,
    is_lost: bool,
}

/// The devices of one room.
#[derive(Default)]
pub struct Devices {
    camera: Device,
    microphone: Device,
    screen: Device,
}

/// What can be opened.
#[derive(Clone, Default)]
pub struct Sources {
    /// The camera.
    pub camera: Option<CameraSpec>,
    /// How its pictures are encoded.
    pub codec: VideoCodec,
    /// The microphone.
    pub microphone: Option<MicrophoneSpec>,
    /// How the microphone is used.
    pub voice: VoiceConfig,
    /// What it shares with the loudspeaker.
    pub shared: VoiceShared,
    /// The screen.
    pub screen: Option<CameraSpec>,
}

impl Devices {
    /// Opens a device; it begins when the server has confirmed it. Gives what to announce; none if there is no such
    /// device or it is open.
    ///
    /// # Errors
    /// What the device or file says.
    pub fn open(
        &mut self,
        track: TrackId,
        sources: &Sources,
        room: RoomId,
        frames: FrameSender,
    ) -> std::io::Result<Option<TrackInfo>> {
        let Some(device) = self.device(track).filter(|device| device.capture.is_none()) else { return Ok(None) };
        let pictures = if track == TrackId::SCREEN { &sources.screen } else { &sources.camera };
        let capture = if track != TrackId::MICROPHONE {
            let open = |spec| Capture::camera_held(spec, sources.codec, track, room, frames);
            pictures.as_ref().map(open).transpose()?
        } else {
            let Sources { voice, shared, .. } = sources;
            let open = |spec| Capture::microphone_held(spec, *voice, shared, room, frames);
            sources.microphone.as_ref().map(open).transpose()?
        };
        let info = capture.as_ref().map(Capture::info);
        device.capture = capture;
        Ok(info)
    }

    /// Whether a device is open.
    pub fn is_open(&mut self, track: TrackId) -> bool {
        self.device(track).is_some_and(|device| device.capture.is_some())
    }

    /// A screen that was opened elsewhere; it begins when the server has confirmed it.
    pub fn put_screen(&mut self, screen: Capture) {
        self.screen.capture = Some(screen);
    }

    /// What the server says of our tracks: those that are on may begin.
    pub fn confirmed(&mut self, tracks: &[TrackInfo; TRACKS_MAX]) {
        for (track, _) in (0u8..).zip(tracks).filter(|(_, info)| info.is_on) {
            if let Some(capture) = self.device(TrackId(track)).and_then(|device| device.capture.as_mut()) {
                capture.begin();
            }
        }
    }

    /// Closes a device. Gives what to announce; none if it was closed.
    pub fn close(&mut self, track: TrackId) -> Option<TrackInfo> {
        let device = self.device(track)?;
        let capture = device.capture.take()?;
        let info = TrackInfo { is_on: false, ..capture.info() };
        let figures = capture.figures();
        drop(capture);
        device.sent_before.frames += figures.sent.load(Ordering::Relaxed);
        device.sent_before.dropped += figures.dropped.load(Ordering::Relaxed);
        Some(info)
    }

    /// Devices whose source has ended by itself.
    pub fn over(&self) -> impl Iterator<Item = TrackId> + '_ {
        let is_over = |device: &Device| {
            device.capture.as_ref().is_some_and(|capture| capture.figures().is_over.load(Ordering::Relaxed))
        };
        self.all().into_iter().filter(move |(_, device)| is_over(device)).map(|(track, _)| track)
    }

    /// Devices that were lost since the last call, or are back.
    pub fn lost(&mut self) -> Vec<(TrackId, bool)> {
        let tracks: Vec<TrackId> = self.all().into_iter().map(|(track, _)| track).collect();
        let change = |track| {
            let device = self.device(track)?;
            let is_lost = device.capture.as_ref().is_some_and(|open| open.figures().is_lost.load(Ordering::Relaxed));
            let has_changed = std::mem::replace(&mut device.is_lost, is_lost) != is_lost;
            (has_changed && device.capture.is_some()).then_some((track, is_lost))
        };
        tracks.into_iter().filter_map(change).collect()
    }

    /// What was sent until now, of devices that were ever open.
    pub fn sent(&self) -> impl Iterator<Item = (TrackId, Sent)> + '_ {
        let sum = |device: &Device| {
            let Sent { frames, dropped } = device.sent_before;
            let now = device.capture.as_ref().map(Capture::figures);
            let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            Sent {
                frames: frames + now.as_ref().map_or(0, |now| load(&now.sent)),
                dropped: dropped + now.as_ref().map_or(0, |now| load(&now.dropped)),
            }
        };
        self.all()
            .into_iter()
            .map(move |(track, device)| (track, sum(device)))
            .filter(|(_, sent)| *sent != Sent::default())
    }

    fn device(&mut self, track: TrackId) -> Option<&mut Device> {
        match track {
            TrackId::CAMERA => Some(&mut self.camera),
            TrackId::MICROPHONE => Some(&mut self.microphone),
            TrackId::SCREEN => Some(&mut self.screen),
            _ => None,
        }
    }

    const fn all(&self) -> [(TrackId, &Device); 3] {
        [(TrackId::CAMERA, &self.camera), (TrackId::MICROPHONE, &self.microphone), (TrackId::SCREEN, &self.screen)]
    }
}
