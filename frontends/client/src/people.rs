//! The device keys of the people whom this person has met: one [key file](crate::key_file), one key a line, `host:port login
//! keys mark`.
//!
//! The first key of a login name is believed. Any other one is *changed* until its user accepts it, by a command of its own;
//! then both are the person's, who may well have two devices. Guests are not remembered: a guest has no account, and another
//! device makes another guest.
//!
//! A server can invent people. What it can make us write is bounded, and nothing that is remembered gives way to it.

use std::path::PathBuf;

use hph_core::endpoint::signin::GUEST_PREFIX;
use hph_core::wire::control::DevicePublic;
use hph_core::wire::text::is_username;

use crate::key_file::{KeyFile, KeyFileError, KeyLine, Stamp};
use crate::link::{hex, parse_hex};

/// People of one server who are remembered; whoever comes later is not.
pub const PEOPLE_MAX: usize = 4096;

/// What is noted with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Seen in somebody's place who had another one. Not trusted. At most one for each person: the latest.
    Changed,
    /// The first one seen of somebody, or one that was accepted.
    Seen,
    /// Compared with its owner.
    Compared,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 3] = [Self::Changed, Self::Seen, Self::Compared];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Seen => "seen",
            Self::Compared => "compared",
        }
    }
}

/// How far somebody's key may be trusted. Nothing is compared by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyState {
    /// Nothing is known: a guest, one too many, or nothing is remembered at all.
    #[default]
    NotKept,
    /// The first one of this person; it is remembered from now on.
    New,
    /// It was seen before.
    Seen,
    /// It was compared with its owner.
    Compared,
    /// It is none of those that were seen before. Nothing is sealed for it.
    Changed,
    /// What is remembered can't be read, so nothing is trusted and nothing is sealed.
    Unreadable,
}

impl KeyState {
    /// For programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotKept => "not_kept",
            Self::New => "new",
            Self::Seen => Mark::Seen.name(),
            Self::Compared => Mark::Compared.name(),
            Self::Changed => Mark::Changed.name(),
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether a message may be sealed for such a key.
    pub const fn may_seal(self) -> bool {
        !matches!(self, Self::Changed | Self::Unreadable)
    }
}

/// A remembered key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonKey {
    /// The server, `host:port`.
    pub server: String,
    /// Login name there.
    pub username: String,
    /// The device's keys.
    pub device: DevicePublic,
    /// What is noted with them.
    pub mark: Mark,
}

impl KeyLine for PersonKey {
    const FORM: &'static str = "host:port login seal-key sign-key changed|seen|compared";

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let mut next = || fields.next();
        let (server, username) = (next()?.to_owned(), next()?.to_owned());
        let device = DevicePublic { seal: parse_hex(next()?)?, sign: parse_hex(next()?)? };
        let name = next()?;
        let mark = Mark::ALL.into_iter().find(|mark| mark.name() == name)?;
        (next().is_none() && is_username(&username)).then_some(Self { server, username, device, mark })
    }

    fn emit(&self) -> String {
        let Self { server, username, device, mark } = self;
        format!("{server} {username} {} {} {}", hex(&device.seal), hex(&device.sign), mark.name())
    }
}

/// How far a key may be trusted, by what is remembered.
fn judge(keys: &[PersonKey], server: &str, username: &str, device: &DevicePublic) -> KeyState {
    if username.starts_with(GUEST_PREFIX) || !is_username(username) {
        return KeyState::NotKept;
    }
    let here = || keys.iter().filter(|key| key.server == server);
    let mut theirs = here().filter(|key| key.username == username).peekable();
    if theirs.peek().is_none() {
        let others = here().filter(|key| key.mark != Mark::Changed).count();
        return if others < PEOPLE_MAX { KeyState::New } else { KeyState::NotKept };
    }
    match theirs.find(|key| key.device == *device).map(|key| key.mark) {
        Some(Mark::Compared) => KeyState::Compared,
        Some(Mark::Seen) => KeyState::Seen,
        Some(Mark::Changed) | None => KeyState::Changed,
    }
}

/// Judges a key that somebody shows, and remembers it if it is their first, or the latest that is not theirs. Gives also
/// whether there was anything to remember.
pub(crate) fn meet(keys: &mut Vec<PersonKey>, server: &str, username: &str, device: DevicePublic) -> (KeyState, bool) {
    let state = judge(keys, server, username, &device);
    let is_changed = |key: &PersonKey| key.server == server && key.username == username && key.mark == Mark::Changed;
    let mark = match state {
        KeyState::New => Mark::Seen,
        KeyState::Changed if !keys.iter().any(|key| is_changed(key) && key.device == device) => Mark::Changed,
        _ => return (state, false),
    };
    keys.retain(|key| !is_changed(key));
    keys.push(PersonKey { server: server.to_owned(), username: username.to_owned(), device, mark });
    (state, true)
}

/// The file of remembered keys.
#[derive(Clone, Debug)]
pub struct PeopleStore {
    file: KeyFile<PersonKey>,
}

impl PeopleStore {
    /// Uses the file at `path`; it is made when the first key is remembered.
    pub const fn new(path: PathBuf) -> Self {
        Self { file: KeyFile::new(path) }
    }

    /// Every remembered key, of every server.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn keys(&self) -> Result<Vec<PersonKey>, KeyFileError> {
        self.file.read()
    }

    /// The state that the file is in.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.file.stamp()
    }

    /// Remembers keys that people of a server have shown. Another program may have been faster: then its word counts.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged.
    pub fn remember(&self, server: &str, shown: &[(String, DevicePublic)]) -> Result<(), KeyFileError> {
        self.file.update(|keys| {
            for (username, device) in shown {
                meet(keys, server, username, *device);
            }
        })
    }

    /// Accepts somebody's key as theirs, beside those that they had; with `is_compared` as one that was compared with
    /// them. Does nothing for guests, whose keys are not remembered.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged.
    pub fn accept(
        &self,
        server: &str,
        username: &str,
        device: &DevicePublic,
        is_compared: bool,
    ) -> Result<(), KeyFileError> {
        self.file.update(|keys| {
            if judge(keys, server, username, device) == KeyState::NotKept {
                return;
            }
            let is_it =
                |key: &&mut PersonKey| key.server == server && key.username == username && key.device == *device;
            let mark = if is_compared { Mark::Compared } else { Mark::Seen };
            match keys.iter_mut().find(is_it) {
                Some(key) if key.mark == Mark::Compared => {}
                Some(key) => key.mark = mark,
                None => keys.push(PersonKey {
                    server: server.to_owned(),
                    username: username.to_owned(),
                    device: *device,
                    mark,
                }),
            }
        })
    }

    /// Forgets those of somebody's keys that `fits` picks. If none is left, their next one is believed again. Returns how
    /// many there were.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged.
    pub fn forget(
        &self,
        server: &str,
        username: &str,
        fits: impl Fn(&DevicePublic) -> bool,
    ) -> Result<usize, KeyFileError> {
        self.file.update(|keys| {
            let before = keys.len();
            keys.retain(|key| key.server != server || key.username != username || !fits(&key.device));
            before - keys.len()
        })
    }
}

#[cfg(test)]
mod tests;
