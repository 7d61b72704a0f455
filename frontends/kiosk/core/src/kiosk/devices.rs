//! Microphone and camera: what people want is a wish, and the devices follow it. A device that can't be opened is tried again until
//! it is there; one that is unplugged while it is open comes back by itself, below.

use hph_client::core::id::TrackId;
use hph_client::core::time::{Duration, Instant};
use hph_presenters::room::mute;
use hph_presenters::{app, room};

use super::{EngineEvent, Kiosk, Now};
use crate::kiosk::Effects;

/// A device that is not there is looked for this often: within three seconds of being plugged in it is back.
const LOOK_EVERY: Duration = Duration::from_millis(2000);

/// What is to be on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    pub(super) microphone: bool,
    pub(super) camera: bool,
    microphone_at: Option<Instant>,
    camera_at: Option<Instant>,
}

impl Wish {
    /// Both, at once.
    pub(super) const fn set(&mut self, microphone: bool, camera: bool) {
        *self = Self { microphone, camera, microphone_at: None, camera_at: None };
    }
}

/// Devices that went away while they were open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// The microphone.
    pub microphone: bool,
    /// The camera.
    pub camera: bool,
}

/// Devices that are waited for, and said to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Those that could not be opened.
    failed: Gone,
    /// Those that went away while they were open.
    gone: Gone,
}

impl Waiting {
    /// Whether the camera is waited for.
    pub const fn is_camera(&self) -> bool {
        self.failed.camera || self.gone.camera
    }

    /// Whether the microphone is waited for.
    pub const fn is_microphone(&self) -> bool {
        self.failed.microphone || self.gone.microphone
    }

    pub(super) const fn set_gone(&mut self, gone: Gone) {
        self.gone = gone;
    }
}

impl Kiosk {
    pub(super) fn toggle_microphone(&mut self, now: Now) {
        if self.app.front().is_some() {
            self.wish.microphone = !self.wish.microphone;
            self.wish.microphone_at = None;
            self.waiting.failed.microphone = false;
        }
        self.touch(now);
    }

    pub(super) fn toggle_camera(&mut self) {
        if self.app.front().is_some() {
            self.wish.camera = !self.wish.camera;
            self.wish.camera_at = None;
            self.waiting.failed.camera = false;
        }
    }

    /// What people want, of both.
    pub const fn wishes(&self) -> (bool, bool) {
        (self.wish.microphone, self.wish.camera)
    }

    /// What happens to devices changes the wishes, or when they are followed.
    pub(super) fn note_devices(&mut self, event: &app::Event, now: Now) {
        match event {
            app::Event::TrackFailed { track: TrackId::MICROPHONE, .. } => {
                (self.wish.microphone_at, self.waiting.failed.microphone) = (Some(now.at + LOOK_EVERY), true);
            }
            app::Event::TrackFailed { track: TrackId::CAMERA, .. } => {
                (self.wish.camera_at, self.waiting.failed.camera) = (Some(now.at + LOOK_EVERY), true);
            }
            // Only somebody at the device switches on again what a host has switched off.
            app::Event::Engine(EngineEvent::Muted { tracks, .. }) => {
                self.wish.microphone &= !tracks.contains(&TrackId::MICROPHONE);
                self.wish.camera &= !tracks.contains(&TrackId::CAMERA);
            }
            _ => {}
        }
    }

    /// Opens and closes what is to be open and closed in the room in front.
    pub(super) fn follow_wishes(&mut self, now: Now, effects: &mut Effects) {
        let Some((room, _)) = self.app.front_room() else {
            self.waiting = Waiting::default();
            return;
        };
        let (is_heard, is_seen) = (room.mic.is_open(), room.camera.is_wanted());
        let camera = room.camera.shown(now.at);
        if room.mic.shown(now.at).is_heard() || !self.wish.microphone {
            self.waiting.failed.microphone = false;
        }
        if camera == room::switch::Shown::On || !self.wish.camera {
            self.waiting.failed.camera = false;
        }
        let is_due = |at: Option<Instant>| at.is_none_or(|at| now.at >= at);
        if self.wish.microphone != is_heard && (is_heard || is_due(self.wish.microphone_at)) {
            let switch = room::Event::Mic(mute::Event::Switch(self.wish.microphone));
            self.meet(app::Event::Room(switch), now, effects);
        }
        if self.wish.camera != is_seen && (is_seen || is_due(self.wish.camera_at)) {
            self.meet(app::Event::Room(room::Event::ToggleCamera), now, effects);
        }
    }

    /// Whether anything of this room leaves it: then the border is red, and the lamp lit. Said from the moment a device is opened,
    /// not only when others have it.
    pub fn is_live(&self) -> bool {
        let is_open = |room: &room::Room| room.mic.is_open() || room.camera.is_wanted() || room.screen.is_wanted();
        self.app.view.rooms.keys().filter_map(|id| self.app.room(*id)).any(|(room, _)| is_open(room))
    }

    /// How loud others are. **Units:** percent.
    pub fn volume(&self) -> u32 {
        self.memory.volume.unwrap_or(self.config.volume).min(self.config.volume_max)
    }

    pub(super) fn step_volume(&mut self, step: i32) {
        let volume = self.volume().saturating_add_signed(step).min(self.config.volume_max);
        self.memory.volume = Some(volume);
    }

    /// Everybody in the room in front is as loud as the device is set to, also those who came since.
    pub(super) fn follow_volume(&mut self, now: Now, effects: &mut Effects) {
        let volume = self.volume();
        let Some((room, view)) = self.app.front_room() else { return };
        let others = view.participants.iter().filter(|(slot, _)| view.my_slot != Some(**slot));
        let louder = others.filter(|(slot, who)| room.volume(**slot, who.member).0 != volume);
        let changed: Vec<_> = louder.map(|(slot, _)| *slot).collect();
        for slot in changed {
            self.meet(app::Event::Room(room::Event::Volume(slot, volume)), now, effects);
        }
    }

    /// Leaves the room in front; whatever of it is open is closed at once.
    pub(super) fn close_devices(&mut self, now: Now, effects: &mut Effects) {
        self.wish.set(false, false);
        self.follow_wishes(now, effects);
        let is_shared = self.app.front_room().is_some_and(|(room, _)| room.screen.is_wanted());
        if is_shared {
            self.meet(app::Event::Room(room::Event::ToggleShare), now, effects);
        }
        debug_assert!(!self.is_live() || self.app.view.rooms.len() > 1, "what is left is closed");
    }
}
