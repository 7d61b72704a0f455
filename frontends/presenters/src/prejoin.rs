//! Before one enters a room: devices, whether they work, and what is to be on.

use std::collections::BTreeMap;

use hph_client::core::time::{Duration, Instant};
use serde::{Deserialize, Serialize};

use crate::effect::{Effect, Effects};
use crate::settings::Memory;
use crate::time::{Now, ms};

/// With more people in the room the microphone is off at first.
pub const MIC_ON_PEOPLE_MAX: u16 = 4;
/// Recording and playing back take so long each.
pub const REPLAY: Duration = ms(5000);
/// Louder than this is good. As in RFC 6464: dB below overload.
const LEVEL_GOOD: u8 = 45;
/// Louder than this distorts.
const LEVEL_CLIPPING: u8 = 3;

/// A device that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Stays the same over restarts.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether the machine uses it when nobody chooses.
    pub is_default: bool,
}

/// All devices that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// Microphones.
    pub microphones: Vec<Device>,
    /// Loudspeakers.
    pub speakers: Vec<Device>,
    /// Cameras.
    pub cameras: Vec<Device>,
}

impl Devices {
    /// A name of this set: the same devices give the same name, in whatever order they are found.
    pub fn set_name(&self) -> String {
        let mut ids: Vec<&str> = self.all().map(|device| device.id.as_str()).collect();
        ids.sort_unstable();
        ids.join("\n")
    }

    fn all(&self) -> impl Iterator<Item = &Device> {
        self.microphones.iter().chain(&self.speakers).chain(&self.cameras)
    }
}

/// What was chosen of a set of devices. An empty id is the machine's own choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// Id of the microphone.
    pub microphone: String,
    /// Id of the loudspeaker.
    pub speaker: String,
    /// Id of the camera.
    pub camera: String,
    /// Whether the microphone was on; none: as the number of people says.
    pub is_mic_on: Option<bool>,
    /// Whether the camera was on.
    pub is_camera_on: bool,
}

/// Something that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// The microphone.
    Microphone,
    /// The loudspeaker.
    Speaker,
    /// The camera.
    Camera,
    /// The way to the server.
    Network,
}

impl Item {
    /// Everything that is checked, in the order in which it is shown.
    pub const ALL: [Self; 4] = [Self::Microphone, Self::Speaker, Self::Camera, Self::Network];
}

/// How a check stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Not yet known.
    #[default]
    Waiting,
    /// There is none: one joins without it.
    Missing,
    /// It works.
    Works,
    /// It works badly: the network.
    Poor,
    /// It does not work; in the system's words, which name the program that holds a device.
    Fails(String),
}

/// How loud the microphone is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// Nothing to be heard.
    #[default]
    Silent,
    /// Too quiet.
    Quiet,
    /// As it should be.
    Good,
    /// So loud that it distorts.
    Clipping,
}

/// The way to the server, as it was measured for two seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Probe {
    /// Round trip. **Units:** milliseconds.
    pub rtt_ms: u32,
    /// Loss, 0 to 1.
    pub loss: f32,
}

/// Recording oneself, and hearing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// Not now.
    #[default]
    Idle,
    /// It is recorded.
    Recording {
        /// Since when.
        since: Instant,
    },
    /// It is played.
    Playing {
        /// Since when.
        since: Instant,
    },
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The devices that are there now.
    Devices(Devices),
    /// Another microphone.
    Microphone(String),
    /// Another loudspeaker.
    Speaker(String),
    /// Another camera.
    Camera(String),
    /// The button of the microphone.
    ToggleMic,
    /// The microphone is to be on, or off.
    Mic(bool),
    /// The button of the camera.
    ToggleCamera,
    /// What a check says.
    Check(Item, Check),
    /// How loud the microphone is: 0 for the loudest, 127 for silence.
    Level(u8),
    /// What was measured of the network.
    Probed(Probe),
    /// Play the chime.
    Chime,
    /// The chime was played.
    Chimed,
    /// Record oneself and hear it.
    Replay,
    /// Recording is over; it is played.
    Playing,
    /// All was played.
    Played,
    /// Whether this room is to be entered at once the next time.
    ToggleAlways,
}

/// The screen before a room.
#[derive(Clone, Debug, Default)]
pub struct PreJoin {
    /// Name of the room.
    pub room: String,
    /// Whether it is made if there is none.
    pub may_create: bool,
    /// People in it, as the lobby says.
    pub people: u16,
    /// The devices that are there.
    pub devices: Devices,
    /// What is chosen.
    pub choices: Choices,
    /// Whether the microphone will be on.
    pub is_mic_on: bool,
    /// What the network gave.
    pub probe: Option<Probe>,
    /// How loud the microphone is now. As in RFC 6464.
    pub level: u8,
    /// Recording oneself.
    pub replay: Replay,
    /// Whether this room is entered at once the next time.
    pub is_always: bool,
    checks: BTreeMap<Item, Check>,
    is_mic_touched: bool,
}

impl PreJoin {
    /// Prepares for a room.
    pub fn open(room: &str, may_create: bool, people: u16, memory: &Memory, effects: &mut Effects) -> Self {
        effects.push(Effect::ListDevices);
        Self {
            room: room.to_owned(),
            may_create,
            people,
            is_mic_on: people <= MIC_ON_PEOPLE_MAX,
            level: 127,
            is_always: memory.entered_at_once.iter().any(|known| known == room),
            ..Self::default()
        }
    }

    /// Takes an event.
    pub fn handle(&mut self, event: Event, memory: &mut Memory, now: Now, effects: &mut Effects) {
        match event {
            Event::Devices(devices) => self.take_devices(devices, memory, effects),
            Event::Microphone(id) => {
                self.choices.microphone = id;
                self.checks.remove(&Item::Microphone);
                effects.push(Effect::Meter(Some(self.choices.microphone.clone())));
            }
            Event::Speaker(id) => {
                self.choices.speaker = id;
                self.checks.remove(&Item::Speaker);
            }
            Event::Camera(id) => {
                self.choices.camera = id;
                self.preview(effects);
            }
            Event::ToggleMic => (self.is_mic_on, self.is_mic_touched) = (!self.is_mic_on, true),
            Event::Mic(is_on) => (self.is_mic_on, self.is_mic_touched) = (is_on, true),
            Event::ToggleCamera => {
                self.choices.is_camera_on = !self.choices.is_camera_on;
                self.preview(effects);
            }
            Event::Check(item, check) => _ = self.checks.insert(item, check),
            Event::Level(level) => {
                self.level = level;
                if self.zone() != Zone::Silent {
                    self.checks.insert(Item::Microphone, Check::Works);
                }
            }
            Event::Probed(probe) => {
                let is_poor = probe.rtt_ms >= 250 || probe.loss >= 0.03;
                self.checks.insert(Item::Network, if is_poor { Check::Poor } else { Check::Works });
                self.probe = Some(probe);
            }
            Event::Chime => effects.push(Effect::Chime(self.choices.speaker.clone())),
            Event::Chimed => _ = self.checks.insert(Item::Speaker, Check::Works),
            Event::Replay if self.replay == Replay::Idle => {
                self.replay = Replay::Recording { since: now.at };
                let (microphone, speaker) = (self.choices.microphone.clone(), self.choices.speaker.clone());
                effects.push(Effect::RecordAndReplay { microphone, speaker });
            }
            Event::Replay => {}
            Event::Playing => self.replay = Replay::Playing { since: now.at },
            Event::Played => self.replay = Replay::Idle,
            Event::ToggleAlways => self.is_always = !self.is_always,
        }
        self.remember(memory);
    }

    /// How a check stands.
    pub fn check(&self, item: Item) -> Check {
        let none = match item {
            Item::Microphone => self.devices.microphones.is_empty(),
            Item::Speaker => self.devices.speakers.is_empty(),
            Item::Camera => self.devices.cameras.is_empty(),
            Item::Network => false,
        };
        let is_listed = self.devices != Devices::default() || self.checks.contains_key(&item);
        match self.checks.get(&item) {
            Some(check) => check.clone(),
            None if none && is_listed => Check::Missing,
            None => Check::Waiting,
        }
    }

    /// How loud the microphone is.
    pub const fn zone(&self) -> Zone {
        match self.level {
            0..=LEVEL_CLIPPING => Zone::Clipping,
            4..=LEVEL_GOOD => Zone::Good,
            46..=70 => Zone::Quiet,
            _ => Zone::Silent,
        }
    }

    /// Whether one joins only to listen: there is no microphone, or it does not work.
    pub fn is_listening_only(&self) -> bool {
        matches!(self.check(Item::Microphone), Check::Missing | Check::Fails(_))
    }

    /// Ends preview and meter: the devices are needed in the room, or nobody is to be seen any more.
    pub fn close(&self, effects: &mut Effects) {
        effects.extend([Effect::Preview(None), Effect::Meter(None)]);
    }

    fn take_devices(&mut self, devices: Devices, memory: &Memory, effects: &mut Effects) {
        let is_other_set = self.devices.set_name() != devices.set_name();
        self.devices = devices;
        if !is_other_set {
            return;
        }
        self.choices = memory.devices.get(&self.devices.set_name()).cloned().unwrap_or_default();
        self.checks.retain(|item, _| *item == Item::Network);
        let is_there = |devices: &[Device], id: &str| devices.iter().any(|device| device.id == id);
        for (devices, id) in [
            (&self.devices.microphones, &mut self.choices.microphone),
            (&self.devices.speakers, &mut self.choices.speaker),
            (&self.devices.cameras, &mut self.choices.camera),
        ] {
            if !is_there(devices, id) {
                id.clear();
            }
        }
        if !self.is_mic_touched {
            // Many people: silence is polite, whatever one does among few.
            let is_few = self.people <= MIC_ON_PEOPLE_MAX;
            self.is_mic_on = is_few && self.choices.is_mic_on.unwrap_or(true);
        }
        if !self.devices.microphones.is_empty() {
            effects.push(Effect::Meter(Some(self.choices.microphone.clone())));
        }
        self.preview(effects);
    }

    fn preview(&mut self, effects: &mut Effects) {
        self.checks.remove(&Item::Camera);
        let is_on = self.choices.is_camera_on && !self.devices.cameras.is_empty();
        effects.push(Effect::Preview(is_on.then(|| self.choices.camera.clone())));
    }

    fn remember(&mut self, memory: &mut Memory) {
        if self.devices == Devices::default() {
            return;
        }
        // What one does among many says nothing about what one wants among few.
        if self.is_mic_touched && self.people <= MIC_ON_PEOPLE_MAX {
            self.choices.is_mic_on = Some(self.is_mic_on);
        }
        memory.remember_devices(self.devices.set_name(), self.choices.clone());
        memory.entered_at_once.retain(|room| *room != self.room);
        if self.is_always {
            memory.entered_at_once.push(self.room.clone());
        }
    }
}

#[cfg(test)]
mod tests;
