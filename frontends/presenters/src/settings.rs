//! What is remembered, as values that can be written down. Never a password.

use std::collections::BTreeMap;

use hph_client::media::{GateMode, ProcessorConfig, VoiceConfig};
use serde::{Deserialize, Serialize};

use crate::keys::{Action, Chord};
use crate::prejoin::Choices;
use crate::room::{Behind, Layout};
use crate::signin::Way;
use crate::text::Lang;

/// Servers that are remembered; the one that was used longest ago goes first.
const SERVERS_MAX: usize = 8;
/// Sets of devices whose choices are remembered.
const SETS_MAX: usize = 8;

/// How bright the program is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// When the microphone is heard, if it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MicMode {
    /// Always.
    #[default]
    Open,
    /// While the key is held.
    PushToTalk,
    /// While somebody speaks.
    VoiceActivated,
}

impl From<MicMode> for GateMode {
    fn from(mode: MicMode) -> Self {
        match mode {
            MicMode::Open => Self::Open,
            MicMode::PushToTalk => Self::PushToTalk,
            MicMode::VoiceActivated => Self::VoiceActivated,
        }
    }
}

/// Sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audio {
    /// When the microphone is heard.
    pub mode: MicMode,
    /// Cancel echoes.
    pub is_echo_cancelled: bool,
    /// Suppress noise.
    pub is_noise_suppressed: bool,
    /// Keep the loudness even.
    pub is_gain_controlled: bool,
    /// How loud a room is that is not in front.
    pub behind: Behind,
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            mode: MicMode::Open,
            is_echo_cancelled: true,
            is_noise_suppressed: true,
            is_gain_controlled: true,
            behind: Behind::Quiet,
        }
    }
}

/// Pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Video {
    /// Height of our picture. **Units:** pixels: 360, 540 or 720.
    pub height: u16,
    /// Pictures a second: 10 to 30.
    pub fps: u16,
    /// Show our own picture as in a mirror; others see it as it is.
    pub is_mirrored: bool,
    /// Text stays sharp in what we share, at the cost of motion.
    pub is_share_sharp: bool,
}

impl Default for Video {
    fn default() -> Self {
        Self { height: 720, fps: 30, is_mirrored: true, is_share_sharp: true }
    }
}

/// Looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Looks {
    /// Language; none: the system's.
    pub lang: Option<Lang>,
    /// How bright.
    pub theme: Theme,
    /// Stronger contrasts.
    pub is_high_contrast: bool,
    /// Size of texts. **Units:** percent, 100 to 200.
    pub text_percent: u16,
    /// No movement that is not needed.
    pub is_motion_reduced: bool,
    /// How tiles stand in a room that is entered.
    pub layout: Layout,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            lang: None,
            theme: Theme::System,
            is_high_contrast: false,
            text_percent: 100,
            is_motion_reduced: false,
            layout: Layout::Grid,
        }
    }
}

/// What is told, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notifications {
    /// Ring for calls.
    pub is_ringing: bool,
    /// A sound for messages.
    pub is_message_heard: bool,
    /// Tell who comes and goes.
    pub are_comings_told: bool,
}

impl Default for Notifications {
    fn default() -> Self {
        Self { is_ringing: true, is_message_heard: false, are_comings_told: true }
    }
}

/// A key that the user has chosen for an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebinding {
    /// The action.
    pub action: Action,
    /// Its key; none: it has none.
    pub chord: Option<Chord>,
}

/// A server where one has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownServer {
    /// Its name.
    pub name: String,
    /// Name or address.
    pub host: String,
    /// For TCP and UDP.
    pub port: u16,
    /// How one signed in.
    pub way: Way,
    /// Login name; empty for a guest.
    pub username: String,
    /// Name to show.
    pub display_name: String,
    /// When last. **Units:** milliseconds since 1970.
    pub used_ms: u64,
}

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Sound.
    pub audio: Audio,
    /// Pictures.
    pub video: Video,
    /// Looks.
    pub looks: Looks,
    /// What is told.
    pub notifications: Notifications,
    /// Keys that are not the usual ones.
    pub keys: Vec<Rebinding>,
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Settings.
    pub settings: Settings,
    /// Servers, the one used last first.
    pub servers: Vec<KnownServer>,
    /// Devices by the set of those that are there: at the desk other ones than on the way.
    pub devices: BTreeMap<String, Choices>,
    /// Rooms by name that are entered without preparation.
    pub entered_at_once: Vec<String>,
    /// The window as it was. **Units:** logical pixels.
    pub window: Option<(u32, u32)>,
}

/// A page of settings, for "as it was at first".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Looks.
    Looks,
    /// Keys.
    Keys,
    /// What is told.
    Notifications,
}

/// What happens on the sheet of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Sound, as it is to be.
    Audio(Audio),
    /// Pictures, as they are to be.
    Video(Video),
    /// Looks, as they are to be.
    Looks(Looks),
    /// What is to be told.
    Notifications(Notifications),
    /// Another key for an action, or none.
    Bind(Action, Option<Chord>),
    /// A page as it was at first.
    Reset(Page),
    /// Forget a server: its place in the list.
    ForgetServer(usize),
    /// Forget all servers and devices.
    ForgetAll,
}

impl Settings {
    /// The same with everything within its bounds: a file may have been written by hand or by another version.
    #[must_use]
    pub fn checked(mut self) -> Self {
        const HEIGHTS: [u16; 3] = [360, 540, 720];
        let video = &mut self.video;
        video.height = HEIGHTS.into_iter().min_by_key(|height| height.abs_diff(video.height)).unwrap_or(720);
        video.fps = video.fps.clamp(10, 30);
        self.looks.text_percent = self.looks.text_percent.clamp(100, 200);
        self.keys.truncate(Action::ALL.len());
        self
    }

    /// How a microphone is used.
    pub fn voice(&self) -> VoiceConfig {
        let audio = &self.audio;
        let processor = ProcessorConfig {
            has_echo_canceller: audio.is_echo_cancelled,
            has_noise_suppression: audio.is_noise_suppressed,
            has_gain_control: audio.is_gain_controlled,
        };
        VoiceConfig { gate: audio.mode.into(), processor, ..VoiceConfig::default() }
    }

    /// Takes an event; whether devices are to be opened anew.
    pub fn handle(&mut self, event: Event) -> bool {
        let before = (self.audio.clone(), self.video.clone());
        match event {
            Event::Audio(audio) => self.audio = audio,
            Event::Video(video) => self.video = video,
            Event::Looks(looks) => self.looks = looks,
            Event::Notifications(notifications) => self.notifications = notifications,
            Event::Bind(action, chord) => {
                self.keys.retain(|binding| binding.action != action);
                self.keys.push(Rebinding { action, chord });
            }
            Event::Reset(Page::Audio) => self.audio = Audio::default(),
            Event::Reset(Page::Video) => self.video = Video::default(),
            Event::Reset(Page::Looks) => self.looks = Looks::default(),
            Event::Reset(Page::Keys) => self.keys.clear(),
            Event::Reset(Page::Notifications) => self.notifications = Notifications::default(),
            Event::ForgetServer(_) | Event::ForgetAll => {}
        }
        *self = std::mem::take(self).checked();
        before != (self.audio.clone(), self.video.clone())
    }
}

impl Memory {
    /// The same with everything within its bounds.
    #[must_use]
    pub fn checked(mut self) -> Self {
        self.settings = self.settings.checked();
        self.servers.truncate(SERVERS_MAX);
        while self.devices.len() > SETS_MAX {
            self.devices.pop_first();
        }
        self.entered_at_once.truncate(64);
        self.window =
            self.window.filter(|(width, height)| (200..20_000).contains(width) && (200..20_000).contains(height));
        self
    }

    /// Remembers a server, in front.
    pub fn remember_server(&mut self, server: KnownServer) {
        self.servers.retain(|known| (known.host.as_str(), known.port) != (server.host.as_str(), server.port));
        self.servers.insert(0, server);
        self.servers.truncate(SERVERS_MAX);
    }

    /// Remembers what was chosen of a set of devices.
    pub fn remember_devices(&mut self, set: String, choices: Choices) {
        if !self.devices.contains_key(&set) && self.devices.len() >= SETS_MAX {
            self.devices.pop_first();
        }
        self.devices.insert(set, choices);
    }
}

#[cfg(test)]
mod tests;
