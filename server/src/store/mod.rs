//! What outlives the process: accounts, sign-in tokens, rooms, messages and sealed direct messages, in one SQLite file.
//!
//! Invariants: what was answered is on the disk (WAL, `synchronous = FULL`), so a killed server or a power cut loses
//! nothing that was acknowledged; a file that is damaged or from a newer version is refused, never replaced by an
//! empty one; the file is readable by its owner only. The store reads no clock: every time is an argument, in
//! milliseconds since 1970. [`Store`] blocks; [`StoreHandle`] is its twin for tasks.

mod accounts;
mod devices;
mod directs;
mod error;
mod files;
mod handle;
mod health;
#[cfg(test)]
mod history_tests;
mod keeper;
mod kiosks;
mod messages;
mod moderation;
mod open;
mod reader;
mod reads;
mod rooms;
mod schema;
mod search;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod ticket_tests;
mod tickets;
mod tokens;

pub use accounts::{Account, AccountRow, Device, NewAccount, Verifier};
pub use devices::{DEVICES_MAX, DeviceRow};
pub use directs::{Direct, NewDirect};
pub use error::{RegisterError, RoomError, StoreError};
pub use files::{FileError, FileRow, NewFile};
pub use handle::StoreHandle;
pub use health::{DiskState, StoreFigures};
pub use kiosks::Kiosk;
pub use messages::{Message, NewChange, NewMessage, Page};
pub use moderation::{AuditEntry, Ban, RoomStaff};
pub use open::DATABASE_FILE;
pub use reader::StoreReader;
pub use reads::{ReadMark, UNREAD_MAX, Unread};
pub use rooms::RoomRow;
pub use search::Hits;
pub use tickets::{COME_BACK_MS, MadeTicket, NewTicket, Purpose, TICKETS_MAX, TICKETS_PER_PERSON_MAX, Ticket};
pub use tokens::{Redeemed, TOKEN_IDLE_MAX_MS, TOKENS_PER_ACCOUNT_MAX};

use rusqlite::Connection;

use crate::names::room_key;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Accounts on this server.
    pub accounts_max: u32,
    /// Rooms on this server.
    pub rooms_max: u32,
    /// Newest messages and changes kept of each room, at least 1.
    pub messages_per_room: u32,
    /// Messages of a room are kept for so many days; 0: for ever.
    pub messages_days: u32,
    /// The same for some rooms, by name: they go first.
    pub room_days: Vec<(String, u32)>,
    /// Newest direct messages kept for each recipient, at least 1.
    pub directs_per_recipient: u32,
    /// The largest file. **Units:** bytes.
    pub file_max_bytes: u64,
    /// All files of one room, or of one person to others. **Units:** bytes.
    pub files_room_bytes: u64,
    /// All files. **Units:** bytes.
    pub files_total_bytes: u64,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            accounts_max: 10_000,
            rooms_max: 64,
            messages_per_room: 100_000,
            messages_days: 0,
            room_days: Vec::new(),
            directs_per_recipient: 500,
            file_max_bytes: 25_000_000,
            files_room_bytes: 1_000_000_000,
            files_total_bytes: 10_000_000_000,
        }
    }
}

impl StoreLimits {
    /// How long a room's messages are kept; none: for ever. **Units:** milliseconds.
    fn kept_ms(&self, room: &str) -> Option<u64> {
        let key = room_key(room);
        let own = self.room_days.iter().find(|(name, _)| room_key(name) == key);
        let days = own.map_or(self.messages_days, |(_, days)| *days);
        (days > 0).then(|| u64::from(days) * DAY_MS)
    }
}

/// The open database. Every method blocks until its change is on the disk.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    limits: StoreLimits,
    server_secret: Secret,
}

/// Bytes that no log may show.
#[derive(Clone, Copy)]
struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// One message to append, to a room or to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewEntry {
    /// To a room.
    Message(NewMessage),
    /// To a room: one of its messages is different now.
    Change(NewChange),
    /// To a person, sealed.
    Direct(NewDirect),
}

/// What became of an appended message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its number in the room, or among the recipient's direct messages: 1, 2, 3 ...
    pub id: u64,
    /// When it was first stored. **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// False if the same author had sent the same reference before; then nothing was changed.
    pub is_new: bool,
}

impl Store {
    /// 32 random bytes made with the database, for what must be the same after a restart but unknown to others, such
    /// as the salts of accounts that do not exist.
    pub fn server_secret(&self) -> [u8; 32] {
        self.server_secret.0
    }

    /// Appends all entries in one transaction and answers in their order: one wait for the disk instead of many.
    /// If the transaction as a whole fails, every entry gets that error and none is stored.
    pub fn append_all(&mut self, entries: &[NewEntry]) -> Vec<Result<StoredMessage, StoreError>> {
        self.try_append_all(entries).unwrap_or_else(|error| vec![Err(error); entries.len()])
    }

    fn try_append_all(&mut self, entries: &[NewEntry]) -> Result<Vec<Result<StoredMessage, StoreError>>, StoreError> {
        let (kept, directs_kept) = (self.limits.messages_per_room, self.limits.directs_per_recipient);
        let transaction = self.write()?;
        let mut answers = Vec::with_capacity(entries.len());
        for entry in entries {
            answers.push(match entry {
                NewEntry::Message(message) => messages::append(&transaction, message, kept),
                NewEntry::Change(change) => messages::change(&transaction, change, kept),
                NewEntry::Direct(direct) => directs::append(&transaction, direct, directs_kept),
            });
            // A full or failing disk makes SQLite undo the whole transaction by itself.
            if transaction.is_autocommit() {
                let reason = "the transaction was undone".to_owned();
                return Err(answers.pop().and_then(Result::err).unwrap_or(StoreError::Database(reason)));
            }
        }
        transaction.commit()?;
        Ok(answers)
    }

    /// A transaction that owns the right to write from its start, so that it never fails half way for want of it.
    fn write(&mut self) -> Result<rusqlite::Transaction<'_>, StoreError> {
        Ok(self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?)
    }
}
