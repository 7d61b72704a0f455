//! What can go wrong with the store. No message carries content of the database.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::health::{Trouble, note};

/// Why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The directory or a file cannot be used.
    File {
        /// Which one.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The file is damaged, or no database of this server. Nothing was changed in it.
    Corrupt(String),
    /// The file was written by a newer version of the server.
    NewerSchema {
        /// The schema version of the file.
        found: i64,
        /// The newest schema version that this server knows.
        known: i64,
    },
    /// The disk is full.
    DiskFull,
    /// The disk fails: what it was last asked to write may be there or not, and is not acknowledged.
    Disk(String),
    /// There is no such room.
    UnknownRoom,
    /// There is no such message in the room, or it is no longer kept, or was taken back.
    UnknownMessage,
    /// The message is another person's.
    NotYours,
    /// There are as many invitations as there may be.
    TooManyTickets,
    /// There is no such account.
    UnknownPerson,
    /// The operating system gives no random bytes.
    Entropy,
    /// The database refused for another reason.
    Database(String),
    /// The store's thread has ended.
    Closed,
}

impl StoreError {
    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Corrupt(reason) => write!(f, "the database cannot be trusted and was left as it is: {reason}"),
            Self::NewerSchema { found, known } => write!(
                f,
                "the database has schema version {found}, this server knows up to {known}: start a newer server"
            ),
            Self::DiskFull => f.write_str("the disk is full"),
            Self::Disk(reason) => write!(f, "the disk fails: {reason}"),
            Self::UnknownRoom => f.write_str("there is no such room"),
            Self::UnknownMessage => f.write_str("there is no such message"),
            Self::NotYours => f.write_str("the message is another person's"),
            Self::TooManyTickets => f.write_str("there are as many invitations as there may be"),
            Self::UnknownPerson => f.write_str("there is no such account"),
            Self::Entropy => f.write_str("the operating system gives no random bytes"),
            Self::Database(reason) => write!(f, "the database refused: {reason}"),
            Self::Closed => f.write_str("the store is closed"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                note(Trouble::Failed(reason.clone()));
                Self::Corrupt(reason)
            }
            Some(ErrorCode::DiskFull) => {
                note(Trouble::Full);
                Self::DiskFull
            }
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
                note(Trouble::Failed(reason.clone()));
                Self::Disk(reason)
            }
            _ => Self::Database(reason),
        }
    }
}

/// Why an account was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// Somebody has this login name.
    NameTaken,
    /// Somebody has given this email address.
    EmailTaken,
    /// The server has as many accounts as it may.
    Full,
    /// The invitation is used up, too old or withdrawn.
    NotInvited,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken => f.write_str("this login name is taken"),
            Self::EmailTaken => f.write_str("this email address is taken"),
            Self::Full => f.write_str("the server has no room for more accounts"),
            Self::NotInvited => f.write_str("the invitation is no longer good"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RegisterError {}

impl<E: Into<StoreError>> From<E> for RegisterError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

/// Why a room was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomError {
    /// There is a room of this name, perhaps in other letters of the same kind.
    NameTaken,
    /// The server has as many rooms as it may.
    Full,
    /// The store failed.
    Store(StoreError),
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken => f.write_str("there is a room of this name"),
            Self::Full => f.write_str("the server has no place for more rooms"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RoomError {}

impl<E: Into<StoreError>> From<E> for RoomError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}
