//! The one table of keys: name, explanation, how to read a value and how to print it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use toml::de::DeValue;

use super::{Access, RoomDays, ServerConfig};
use crate::names::normalize_display_name;

/// A value before its key gave it a type.
pub(super) enum Value<'a> {
    /// From the environment or a flag: digits may be a number or a text.
    Untyped(&'a str),
    /// A text of a file.
    Text(&'a str),
    /// A whole number of a file.
    Integer(i64),
    /// Anything else of a file, by the name of its type.
    Other(&'static str),
}

impl<'a> Value<'a> {
    pub(super) fn from_toml(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(integer) => i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix())
                .map_or(Self::Other("a number that is far too large"), Self::Integer),
            DeValue::Float(_) => Self::Other("a fraction"),
            DeValue::Boolean(_) => Self::Other("true or false"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Array(_) => Self::Other("a list"),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    fn text(&self) -> Result<&'a str, String> {
        match *self {
            Self::Untyped(text) | Self::Text(text) => Ok(text),
            Self::Integer(_) => Err("must be a text in quotes, not a number".to_owned()),
            Self::Other(kind) => Err(format!("must be a text, not {kind}")),
        }
    }

    fn count(&self, min: u32, max: u32) -> Result<u32, String> {
        let number = match *self {
            Self::Integer(number) => Some(number),
            Self::Untyped(text) => text.trim().parse().ok(),
            Self::Text(_) | Self::Other(_) => None,
        };
        number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
    }
}

/// One key of the configuration.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) set: fn(&mut ServerConfig, &Value) -> Result<(), String>,
    pub(super) show: fn(&ServerConfig) -> Option<String>,
}

/// A key that is a whole number within bounds.
macro_rules! count {
    ($field:ident, $min:literal..=$max:literal, $help:literal) => {
        Key {
            name: stringify!($field),
            help: $help,
            set: |config, value| {
                config.$field = value.count($min, $max)?;
                Ok(())
            },
            show: |config| Some(config.$field.to_string()),
        }
    };
}

/// A key that is a text which `$parse` understands and `$text` prints.
macro_rules! text {
    ($field:ident, $parse:expr, $text:expr, $help:literal) => {
        Key {
            name: stringify!($field),
            help: $help,
            set: |config, value| {
                config.$field = $parse(value.text()?)?;
                Ok(())
            },
            show: |config| $text(&config.$field),
        }
    };
}

/// Every key, in the order in which they are shown.
pub(super) const KEYS: &[Key] = &[
    text!(listen, parse_listen, quoted, "Address and port to listen on, for TCP and UDP both."),
    text!(
        announce,
        parse_switch,
        |is_on: &bool| quoted(&if *is_on { "on" } else { "off" }),
        "Whether the server says in the local network that it is there (DNS-SD): \"on\" or \"off\"."
    ),
    text!(
        metrics,
        parse_metrics,
        |address: &Option<SocketAddr>| quoted(&address.map_or("off".to_owned(), |address| address.to_string())),
        "Where /metrics, /healthz and /readyz are, on this machine: for example \"127.0.0.1:7401\", or \"off\"."
    ),
    text!(name, parse_name, quoted, "What the server calls itself."),
    text!(data_dir, parse_data_dir, quoted_path, "Where accounts, messages and the TLS key are kept."),
    text!(
        public_address,
        parse_public_address,
        |address: &Option<String>| address.as_ref().and_then(quoted),
        "The `host` or `host:port` that invitation links name. Without it: what the machine finds out by itself."
    ),
    text!(
        registration,
        parse_access,
        quoted,
        "From where a new account may be made: \"private-networks\", \"everyone\", \"invitation\" (only with one) or \"nobody\"."
    ),
    text!(
        guests,
        parse_access,
        quoted,
        "From where one may come in without an account: \"private-networks\", \"everyone\", \"invitation\" (to a room) or \"nobody\"."
    ),
    count!(sessions_max, 1..=4096, "People signed in at once."),
    count!(rooms_max, 1..=1024, "Rooms on this server."),
    count!(accounts_max, 1..=1_000_000, "Accounts on this server."),
    count!(messages_per_room, 1..=100_000_000, "Newest messages and changes of messages kept of each room."),
    count!(messages_days, 0..=36_500, "Days that messages of rooms are kept; 0: as long as there is place for them."),
    text!(
        messages_days_of,
        RoomDays::parse,
        quoted,
        "The same for some rooms, for example \"Nhóm 17 = 30; Seminar = 7\"."
    ),
    count!(directs_per_recipient, 1..=100_000, "Newest direct messages kept for each recipient."),
    count!(file_max_mb, 1..=100_000, "Megabytes of the largest file that is taken."),
    count!(files_per_room_mb, 1..=10_000_000, "Megabytes of all files of a room, or of one person to others."),
    count!(files_total_mb, 1..=100_000_000, "Megabytes of all files together."),
    count!(
        relay_threads,
        0..=8,
        "Threads that relay sound and pictures; 0: as many as there are processors, at most 8."
    ),
    count!(receiver_kbps, 100..=10_000_000, "Kilobits a second that one receiver is sent at most, pictures and sound."),
    count!(room_kbps, 100..=10_000_000, "Kilobits a second that all receivers of a room are sent together at most."),
    count!(datagrams_per_second, 50..=100_000, "Datagrams accepted from one session, a second."),
    count!(datagrams_burst, 50..=100_000, "Datagrams accepted from one session at once."),
    count!(messages_per_second, 1..=1000, "Control requests, chat among them, accepted from one session, a second."),
    count!(messages_burst, 1..=10_000, "Control requests accepted from one session at once."),
    count!(unauthenticated_max, 1..=4096, "Connections that have not signed in yet, of all sources together."),
    count!(
        unauthenticated_per_source_max,
        1..=4096,
        "Connections that have not signed in yet, from one IPv4 address or IPv6 /64."
    ),
];

/// The known key nearest to `name`, if it is near enough to be what was meant: a third of its letters may differ.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|key| (edit_distance(&name.to_lowercase().replace('-', "_"), key.name), key.name))
        .filter(|&(distance, known)| distance * 3 <= known.len())
        .min()
        .map(|(_, known)| known)
}

/// Letters to add, drop or replace to turn one text into the other (Levenshtein). Bound: product of the lengths.
fn edit_distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            *cell = replaced.min(left + 1).min(diagonal + 1);
            left = *cell;
        }
        row[0] = i + 1;
    }
    row.last().copied().unwrap_or(0)
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an address and a port, for example \"0.0.0.0:7400\" or \"[::]:7400\"".to_owned())
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be \"on\" or \"off\"".to_owned()),
    }
}

fn parse_metrics(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let address = text.parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback());
    let wrong = || "must be \"off\", or an address of this machine alone, for example \"127.0.0.1:7401\"".to_owned();
    address.map(Some).ok_or_else(wrong)
}

fn parse_name(text: &str) -> Result<String, String> {
    normalize_display_name(text).map_err(|error| format!("cannot be used: {error}"))
}

fn parse_data_dir(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("must be a directory".to_owned()) } else { Ok(PathBuf::from(text)) }
}

fn parse_access(text: &str) -> Result<Access, String> {
    let wrong = || "must be \"private-networks\", \"everyone\", \"invitation\" or \"nobody\"".to_owned();
    Access::ALL.into_iter().find(|access| access.name() == text).ok_or_else(wrong)
}

fn parse_public_address(text: &str) -> Result<Option<String>, String> {
    let wrong = || "must be a host or host:port, for example \"meet.example.org:7400\"".to_owned();
    let is_address = text.parse::<SocketAddr>().is_ok() || text.parse::<IpAddr>().is_ok();
    if is_address || is_host_and_port(text) { Ok(Some(text.to_owned())) } else { Err(wrong()) }
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "1"));
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=253).contains(&host.len()) && host.bytes().all(is_host_byte) && port.parse().is_ok_and(|port: u16| port > 0)
}

fn quoted(value: &impl ToString) -> Option<String> {
    let escaped = value.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("\"{escaped}\""))
}

#[expect(clippy::ptr_arg, reason = "called with the field as it is")]
fn quoted_path(path: &PathBuf) -> Option<String> {
    quoted(&path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edit_distance_counts_letters_added_dropped_and_replaced() {
        for (from, to, distance) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("listen", "listn", 1), ("abc", "abc", 0)]
        {
            assert_eq!(edit_distance(from, to), distance, "{from} {to}");
            assert_eq!(edit_distance(to, from), distance, "{to} {from}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_finds_its_key_and_nonsense_finds_none() {
        assert_eq!(closest("listne"), Some("listen"));
        assert_eq!(closest("Sessions-Max"), Some("sessions_max"));
        assert_eq!(closest("registrations"), Some("registration"));
        assert_eq!(closest("colour_of_the_sky"), None);
        assert_eq!(closest("password"), None);
    }
}
