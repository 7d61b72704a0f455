//! What the owner of a server may decide, and where each value came from.
//!
//! Layers, each over the one before: built-in values, files, `HPH_*` environment variables, flags. One table
//! (`keys.rs`) names every key once; the file syntax, the variables, the flags, the printed defaults and the messages
//! all follow from it. Reading is a pure function of [`Sources`]; only [`Sources::from_system`] touches the machine.

mod error;
mod keys;
mod policy;
mod retention;
mod sources;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use error::ConfigError;
pub use policy::Access;
pub use retention::RoomDays;
pub use sources::Sources;

use keys::{KEYS, Key, Value};

/// The port of a server that says nothing else.
pub const DEFAULT_PORT: u16 = 7400;
/// Where a server that is installed as a service keeps its data.
pub const SYSTEM_DATA_DIR: &str = "/var/lib/hph-server";

/// Everything that the owner of a server may decide. The defaults make a server that works on a private network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where to listen, for TCP and UDP both.
    pub listen: SocketAddr,
    /// Whether the server says in the local network that it is there.
    pub announce: bool,
    /// Where figures can be read, if anywhere: on this machine alone.
    pub metrics: Option<SocketAddr>,
    /// What the server calls itself in front of people.
    pub name: String,
    /// Where accounts, messages and the TLS key are kept.
    pub data_dir: PathBuf,
    /// `host` or `host:port` for invitation links, if it differs from what the machine can find out by itself.
    pub public_address: Option<String>,
    /// From where a new account may be made.
    pub registration: Access,
    /// From where one may come in without an account.
    pub guests: Access,
    /// People signed in at once.
    pub sessions_max: u32,
    /// Rooms on this server.
    pub rooms_max: u32,
    /// Accounts on this server.
    pub accounts_max: u32,
    /// Newest messages kept of each room.
    pub messages_per_room: u32,
    /// Messages of a room are kept for so many days; 0: for ever.
    pub messages_days: u32,
    /// The same for some rooms by name.
    pub messages_days_of: RoomDays,
    /// Newest direct messages kept for each recipient.
    pub directs_per_recipient: u32,
    /// Largest file. **Units:** megabytes.
    pub file_max_mb: u32,
    /// All files of one room, or of one person to others. **Units:** megabytes.
    pub files_per_room_mb: u32,
    /// All files. **Units:** megabytes.
    pub files_total_mb: u32,
    /// Threads that relay datagrams; 0 for as many as there are processors, at most 8.
    pub relay_threads: u32,
    /// Kilobits a second for one receiver.
    pub receiver_kbps: u32,
    /// Kilobits a second for all receivers of a room together.
    pub room_kbps: u32,
    /// Datagrams accepted from one session, a second.
    pub datagrams_per_second: u32,
    /// Datagrams accepted from one session at once.
    pub datagrams_burst: u32,
    /// Control requests, chat among them, accepted from one session, a second.
    pub messages_per_second: u32,
    /// Control requests accepted from one session at once.
    pub messages_burst: u32,
    /// Connections that have not signed in yet, of all sources together.
    pub unauthenticated_max: u32,
    /// Connections that have not signed in yet, from one IPv4 address or IPv6 /64.
    pub unauthenticated_per_source_max: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], DEFAULT_PORT)),
            announce: true,
            metrics: None,
            name: "HPH Meeting".to_owned(),
            data_dir: PathBuf::from(SYSTEM_DATA_DIR),
            public_address: None,
            registration: Access::PrivateNetworks,
            guests: Access::PrivateNetworks,
            sessions_max: 256,
            rooms_max: 64,
            accounts_max: 10_000,
            messages_per_room: 100_000,
            messages_days: 0,
            messages_days_of: RoomDays::default(),
            directs_per_recipient: 500,
            file_max_mb: 25,
            files_per_room_mb: 1000,
            files_total_mb: 10_000,
            relay_threads: 0,
            receiver_kbps: 25_000,
            room_kbps: 200_000,
            datagrams_per_second: 3000,
            datagrams_burst: 1000,
            messages_per_second: 5,
            messages_burst: 20,
            unauthenticated_max: 64,
            unauthenticated_per_source_max: 8,
        }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    #[default]
    Default,
    /// A line of a file.
    File {
        /// The file's name.
        name: String,
        /// Its line, from 1.
        line: usize,
    },
    /// An environment variable of this name.
    Environment(String),
    /// A flag of this name, with its dashes.
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Environment(variable) => write!(f, "${variable}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Where each value came from, in the order of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<Origin>);

impl Origins {
    /// Where the value of `key` came from; none if there is no such key.
    pub fn of(&self, key: &str) -> Option<&Origin> {
        self.0.get(KEYS.iter().position(|known| known.name == key)?)
    }
}

impl ServerConfig {
    /// Lays all sources over the defaults. With nothing given but a place for data, the result is the defaults.
    ///
    /// # Errors
    /// The first wrong key or value, with the place where it stands; or that there is no place for data.
    pub fn load(sources: &Sources) -> Result<(Self, Origins), ConfigError> {
        let mut layered = Layered::over(sources.data_dir_default.clone().unwrap_or_default());
        for (name, text) in &sources.files {
            layered.add_file(name, text)?;
        }
        for (variable, value) in &sources.environment {
            layered.add_variable(variable, value)?;
        }
        for (flag, value) in &sources.flags {
            layered.add_flag(flag, value)?;
        }
        if layered.config.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::NoDataDir);
        }
        Ok((layered.config, layered.origins))
    }

    /// The values in force, as lines of a configuration file.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        KEYS.iter().map(|key| key.line(self))
    }

    /// The values in force as a configuration file, each line followed by where its value came from.
    pub fn show(&self, origins: &Origins) -> String {
        let lines: Vec<_> = self.lines().collect();
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (line, origin) in lines.iter().zip(&origins.0) {
            let _ = writeln!(text, "{line:width$}  # {origin}");
        }
        text
    }

    /// A file that holds every key with its default, commented out and explained.
    pub fn default_file() -> String {
        let defaults = Self::default();
        let mut text = String::new();
        for key in KEYS {
            let line = key.line(&defaults);
            let comment = if line.starts_with('#') { "" } else { "# " };
            let _ = writeln!(text, "# {}\n{comment}{line}\n", key.help);
        }
        text
    }
}

/// A configuration while layers are laid on it.
struct Layered {
    config: ServerConfig,
    origins: Origins,
}

impl Layered {
    fn over(data_dir: PathBuf) -> Self {
        let config = ServerConfig { data_dir, ..ServerConfig::default() };
        Self { config, origins: Origins(vec![Origin::Default; KEYS.len()]) }
    }

    fn add_file(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let place = |offset: usize| {
            let line = 1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count();
            Origin::File { name: name.to_owned(), line }
        };
        let table = toml::de::DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            at: place(error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        })?;
        for (key, value) in table.get_ref() {
            let at = place(key.span().start);
            self.set(key.get_ref(), &Value::from_toml(value.get_ref()), at)?;
        }
        Ok(())
    }

    /// Variables of other programs of the project share the prefix; only what looks like a slip of the pen is wrong.
    fn add_variable(&mut self, variable: &str, value: &str) -> Result<(), ConfigError> {
        let Some(key) = variable.strip_prefix("HPH_").map(str::to_ascii_lowercase) else { return Ok(()) };
        let is_known = KEYS.iter().any(|known| known.name == key);
        if !is_known && keys::closest(&key).is_none() {
            return Ok(());
        }
        self.set(&key, &Value::Untyped(value), Origin::Environment(variable.to_owned()))
    }

    fn add_flag(&mut self, flag: &str, value: &str) -> Result<(), ConfigError> {
        let key = flag.trim_start_matches('-').replace('-', "_");
        let at = Origin::Flag(format!("--{}", key.replace('_', "-")));
        self.set(&key, &Value::Untyped(value), at)
    }

    fn set(&mut self, name: &str, value: &Value, at: Origin) -> Result<(), ConfigError> {
        let found = KEYS.iter().zip(&mut self.origins.0).find(|(key, _)| key.name == name);
        let Some((key, origin)) = found else {
            return Err(ConfigError::UnknownKey { at, key: name.to_owned(), closest: keys::closest(name) });
        };
        match (key.set)(&mut self.config, value) {
            Ok(()) => *origin = at,
            Err(reason) => return Err(ConfigError::Value { at, key: key.name, reason }),
        }
        Ok(())
    }
}

impl Key {
    /// The key and its value as a line of a file; a comment if it has no value.
    fn line(&self, config: &ServerConfig) -> String {
        match (self.show)(config) {
            Some(value) => format!("{} = {value}", self.name),
            None => format!("# {} =", self.name),
        }
    }
}
