//! Small names for things, so that a room can't be taken for a session.

use serde::{Deserialize, Serialize};

/// A room, for as long as it exists: the server's own number for it, never zero, kept across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId(pub u32);

/// A signed-in connection on the server: its connection id on the wire, opaque to clients. The low 16 bits index the
/// session table, and by that name the shard (see [`crate::endpoint::relay::Shards`]); the high 16 are a random
/// generation, so that a stale id finds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u32);

/// A participant's place in a room: an index below [`crate::limits::ROOM_PARTICIPANTS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u16);

/// One of a participant's tracks: an index below [`crate::limits::TRACKS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackId(pub u8);

impl TrackId {
    /// The microphone.
    pub const MICROPHONE: Self = Self(0);
    /// The camera.
    pub const CAMERA: Self = Self(1);
    /// The shared screen.
    pub const SCREEN: Self = Self(2);
    /// The sound of the shared screen.
    pub const SCREEN_SOUND: Self = Self(3);

    /// Whether the track carries sound.
    pub const fn is_audio(self) -> bool {
        matches!(self, Self::MICROPHONE | Self::SCREEN_SOUND)
    }
}

/// A ringing invitation, numbered by the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallId(pub u32);

impl SessionId {
    /// Index into the session table.
    pub const fn index(self) -> usize {
        self.table_index() as usize
    }

    /// The same as it is stored.
    pub(crate) const fn table_index(self) -> u16 {
        (self.0 & 0xffff) as u16
    }
}
