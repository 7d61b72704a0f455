//! What the owner of a server should know while it runs: for a log. No name, no address, nothing that people say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hph_core::id::{RoomId, SessionId};

use crate::store::DiskState;

/// How often a server says that it lives.
pub const ALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The sockets are bound, the database is open, people may come.
    Ready,
    /// The control loop and every relay loop turn: said every [`ALIVE_INTERVAL`], by the control loop itself. No more if one of
    /// them hangs.
    Alive {
        /// People who are signed in.
        people: u32,
        /// Rooms.
        rooms: u32,
        /// How the disk is.
        disk: DiskState,
    },
    /// It says goodbye to everybody.
    Stopping,
    /// No connection can be taken, for want of file descriptors for example. Those who are here go on.
    NotAccepting {
        /// What the system says.
        why: String,
    },
    /// Connections are taken again.
    Accepting,
    /// Somebody has signed in.
    SignedIn {
        /// Their session: a random number that says nothing of them.
        peer: SessionId,
    },
    /// A session has ended.
    SignedOut {
        /// Which.
        peer: SessionId,
    },
    /// A room was made.
    RoomMade {
        /// Its number.
        room: RoomId,
        /// Whose session made it.
        peer: SessionId,
    },
    /// Nothing more can be stored until there is place on the disk. Meetings go on.
    DiskFull,
    /// The disk failed: the database is closed, and opened anew as soon as it can be. Meetings go on.
    DiskFailed {
        /// What it said.
        why: String,
    },
    /// What people say is stored again.
    DiskWell,
    /// A file that somebody sent was not stored, and they were told.
    FileNotStored {
        /// What the disk said.
        why: String,
    },
}

impl Notice {
    /// One word for it, that stays the same in every version and language.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Alive { .. } => "alive",
            Self::Stopping => "stopping",
            Self::NotAccepting { .. } => "not_accepting",
            Self::Accepting => "accepting",
            Self::SignedIn { .. } => "signed_in",
            Self::SignedOut { .. } => "signed_out",
            Self::RoomMade { .. } => "room_made",
            Self::DiskFull => "disk_full",
            Self::DiskFailed { .. } => "disk_failed",
            Self::DiskWell => "disk_well",
            Self::FileNotStored { .. } => "file_not_stored",
        }
    }

    /// It as fields of a log, `event` first.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("event", self.name().to_owned())];
        match self {
            Self::DiskFailed { why } | Self::FileNotStored { why } | Self::NotAccepting { why } => {
                fields.push(("reason", why.clone()));
            }
            Self::SignedIn { peer } | Self::SignedOut { peer } => fields.push(("peer", peer.0.to_string())),
            Self::RoomMade { room, peer } => {
                fields.extend([("room", room.0.to_string()), ("peer", peer.0.to_string())]);
            }
            Self::Ready | Self::Alive { .. } | Self::Stopping | Self::Accepting | Self::DiskFull | Self::DiskWell => {}
        }
        fields
    }
}

/// Where notices go: nowhere until somebody wants them.
#[derive(Clone)]
pub struct Notices(Arc<dyn Fn(&Notice) + Send + Sync>);

impl Notices {
    /// Gives every notice to `sink`, on whatever thread it comes up: it must not wait for anything.
    pub fn new(sink: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    pub(crate) fn tell(&self, notice: &Notice) {
        (self.0)(notice);
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self::new(|_| ())
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_sessions_and_rooms_by_number_and_nothing_else() {
        let made = Notice::RoomMade { room: RoomId(7), peer: SessionId(9) };
        let fields =
            [("event", "room_made"), ("room", "7"), ("peer", "9")].map(|(name, value)| (name, value.to_owned()));
        assert_eq!(made.fields(), fields);
        assert_eq!(Notice::Ready.fields(), [("event", "ready".to_owned())]);
    }
}
