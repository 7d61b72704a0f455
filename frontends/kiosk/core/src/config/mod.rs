//! The one file in which the owner says what the device is for. Strict: what is not understood is an error that names the line
//! and what was probably meant, since nobody looks at the device's log until something is wrong.

mod keys;
#[cfg(test)]
mod tests;

use std::fmt;

use hph_client::link::Invitation;
use hph_presenters::text::Lang;
use toml::de::DeTable;

use crate::hours::Hours;
use keys::{KEYS, Value};

/// Names of people who are let in at once, at most.
pub const ALLOW_MAX: usize = 64;

/// What is done with a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoAnswer {
    /// It is declined.
    Off,
    /// Somebody at the device is asked.
    #[default]
    Ask,
    /// Callers of the list are answered after a moment, others are asked about.
    AllowList,
}

/// How pictures go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// What has changed, in the sizes that others look at: little on the network, much for the processor.
    #[default]
    Strips,
    /// The camera's own JPEG as it is, never decoded on its way out: nothing for the processor, much on the network.
    Jpeg,
}

/// A pin of the board: `gpiochip0:17`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Name of the chip below `/dev`.
    pub chip: String,
    /// Number of its line.
    pub line: u32,
}

/// What the owner decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which server, and perhaps which room: an invitation. None: the device is not set up yet.
    pub server: Option<Invitation>,
    /// It comes in as a guest, where guests may: nobody approves it, and nobody can revoke it.
    pub guest: bool,
    /// What the device is called in meetings, unless the server's owner says otherwise.
    pub name: String,
    /// Language of the screens.
    pub language: Lang,
    /// The room that it is always in.
    pub fixed_room: Option<String>,
    /// What is done with calls.
    pub auto_answer: AutoAnswer,
    /// Login names of people who are answered at once.
    pub allow: Vec<String>,
    /// Whether the microphone is on in a room that is entered.
    pub microphone_on: bool,
    /// Whether the camera is on in a room that is entered.
    pub camera_on: bool,
    /// Loudness at the start. **Units:** percent.
    pub volume: u32,
    /// Loudest. **Units:** percent.
    pub volume_max: u32,
    /// The screen is dark when nobody has touched it for so long; 0: never. **Units:** minutes.
    pub idle_minutes: u32,
    /// When the device is there; outside it leaves its rooms and is dark.
    pub hours: Hours,
    /// How large things are drawn; none: by the screen's millimetres. **Units:** percent.
    pub scale: Option<u32>,
    /// Name of the camera, or a part of it; `default`; `test`: a moving picture.
    pub camera: String,
    /// Name of the microphone, or a part of it; `default`; `test`: something like speech.
    pub microphone: String,
    /// Name of the loudspeaker, or a part of it; `default`; `none`.
    pub speaker: String,
    /// Name of a second camera that is shared as a screen, such as an HDMI grabber; nothing: there is no such button.
    pub share: Option<String>,
    /// Height of our picture. **Units:** pixels.
    pub video_height: u32,
    /// Pictures a second.
    pub video_rate: u32,
    /// How pictures go out.
    pub video_codec: Codec,
    /// A button that switches the microphone off, and on again.
    pub mute_button: Option<Pin>,
    /// A lamp that is lit while microphone or camera leave the room.
    pub live_lamp: Option<Pin>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: None,
            guest: false,
            name: "HPH Kiosk".to_owned(),
            language: Lang::Vi,
            fixed_room: None,
            auto_answer: AutoAnswer::Ask,
            allow: Vec::new(),
            microphone_on: true,
            camera_on: true,
            volume: 100,
            volume_max: 150,
            idle_minutes: 10,
            hours: Hours::default(),
            scale: None,
            camera: "default".to_owned(),
            microphone: "default".to_owned(),
            speaker: "default".to_owned(),
            share: None,
            video_height: 720,
            video_rate: 30,
            video_codec: Codec::Strips,
            mute_button: None,
            live_lamp: None,
        }
    }
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Name of the file.
    pub file: String,
    /// Its line, from 1; 0: the whole file.
    pub line: usize,
    /// What is wrong there.
    pub what: Wrong,
}

/// What can be wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It can't be read; what the operating system says.
    Unreadable(String),
    /// It is not TOML.
    Syntax(String),
    /// There is no such key.
    UnknownKey {
        /// As it is written.
        key: String,
        /// What was probably meant.
        closest: Option<&'static str>,
    },
    /// A value does not fit its key.
    Value {
        /// The key.
        key: &'static str,
        /// What would fit.
        reason: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: ", self.file)?,
            line => write!(f, "{}:{line}: ", self.file)?,
        }
        match &self.what {
            Wrong::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Wrong::Syntax(reason) => f.write_str(reason),
            Wrong::UnknownKey { key, closest: Some(closest) } => {
                write!(f, "unknown key `{key}`; did you mean `{closest}`?")
            }
            Wrong::UnknownKey { key, closest: None } => write!(f, "unknown key `{key}`"),
            Wrong::Value { key, reason } => write!(f, "`{key}` {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the text of a file over the defaults.
    ///
    /// # Errors
    /// The first key or value that is wrong, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        config.lay(file, text)?;
        Ok(config)
    }

    /// Lays the text of another file over what is known.
    ///
    /// # Errors
    /// As in [`Self::parse`]; then what is known may be changed in part.
    pub fn lay(&mut self, file: &str, text: &str) -> Result<(), ConfigError> {
        let error = |at: usize, what: Wrong| {
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            ConfigError { file: file.to_owned(), line, what }
        };
        let table = DeTable::parse(text).map_err(|wrong| {
            error(wrong.span().map_or(0, |span| span.start), Wrong::Syntax(wrong.message().to_owned()))
        })?;
        for (name, value) in table.get_ref() {
            let at = name.span().start;
            let Some(key) = KEYS.iter().find(|key| key.name == name.get_ref().as_ref()) else {
                let key = name.get_ref().to_string();
                let closest = keys::closest(&key);
                return Err(error(at, Wrong::UnknownKey { key, closest }));
            };
            let set = (key.set)(self, &Value::from_toml(value.get_ref()));
            set.map_err(|reason| error(at, Wrong::Value { key: key.name, reason }))?;
        }
        Ok(())
    }

    /// A file with every key, its default, commented out and explained in `lang`.
    pub fn default_file(lang: Lang) -> String {
        let defaults = Self::default();
        let mut text = String::new();
        for key in KEYS {
            let (vi, en) = key.help;
            let value = (key.show)(&defaults);
            text += &format!("# {}\n# {} = {value}\n\n", lang.pick(vi, en), key.name);
        }
        text
    }

    /// The room that the device is always in: of the configuration, else of the invitation.
    pub fn home_room(&self) -> Option<&str> {
        self.fixed_room.as_deref().or_else(|| self.server.as_ref()?.room.as_deref())
    }
}
