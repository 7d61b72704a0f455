//! For whom a file is, and why it did not get there.

use hph_core::id::RoomId;
use hph_core::wire::control::Refusal;

use super::FailReason;

/// For whom a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileTarget {
    /// For everybody who comes into a room; the server can read it.
    Room(RoomId),
    /// For one person, by login name; sealed end to end.
    Person(String),
}

/// Why a file was not sent, or not fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFailure {
    /// The server said no.
    Refused(Refusal),
    /// The file, the folder or the disk: what the operating system says.
    Disk(String),
    /// What came is not what was sent: nothing of it was kept.
    Damaged,
    /// It is there, but the person could not be told.
    Untold(FailReason),
    /// Too many files wait.
    TooMany,
}

impl FileFailure {
    /// A short stable code for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.code(),
            Self::Disk(_) => "disk",
            Self::Damaged => "damaged",
            Self::Untold(reason) => reason.code(),
            Self::TooMany => "too_many",
        }
    }
}
