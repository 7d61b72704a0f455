//! Rooms and the window of their newest messages.

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::{NewEntry, RoomError, Store, StoreError, StoredMessage};
use crate::names::room_key;

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    /// Its number, never 0 and never given again.
    pub id: u32,
    /// As its maker wrote it, normalized.
    pub name: String,
    /// Login name of its maker, perhaps a guest's.
    pub created_by: String,
    /// **Units:** milliseconds since 1970.
    pub created_at_ms: u64,
}

/// A message to be appended to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// The room's number.
    pub room: u32,
    /// Login name of the author, perhaps a guest's.
    pub author: String,
    /// The author's display name at this time.
    pub author_name: String,
    /// The author's own reference: the same one again is the same message sent again.
    pub author_ref: u64,
    /// Now. **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// What was written.
    pub text: String,
}

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the room: 1, 2, 3 ... without gaps.
    pub id: u64,
    /// Login name of the author, perhaps a guest's.
    pub author: String,
    /// The author's display name when it was sent.
    pub author_name: String,
    /// The author's own reference.
    pub author_ref: u64,
    /// **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// What was written.
    pub text: String,
}

impl Store {
    /// Makes a room. `name` must be normalized (see [`crate::names::normalize_room_name`]).
    ///
    /// # Errors
    /// The name is taken in any case and composition, or there are too many rooms.
    pub fn create_room(&mut self, name: &str, created_by: &str, now_ms: u64) -> Result<RoomRow, RoomError> {
        let rooms_max = i64::from(self.limits.rooms_max);
        let transaction = self.write()?;
        let key = room_key(name);
        if transaction.prepare("SELECT 1 FROM rooms WHERE name_key = ?1")?.exists([&key])? {
            return Err(RoomError::NameTaken);
        }
        let count: i64 = transaction.query_one("SELECT count(*) FROM rooms", [], |row| row.get(0))?;
        if count >= rooms_max {
            return Err(RoomError::Full);
        }
        let id: u32 = transaction.query_one(
            "INSERT INTO rooms (name, name_key, created_by, created_at_ms) VALUES (?1, ?2, ?3, ?4) RETURNING id",
            (name, key, created_by, now_ms.cast_signed()),
            |row| row.get(0),
        )?;
        transaction.commit()?;
        Ok(RoomRow { id, name: name.to_owned(), created_by: created_by.to_owned(), created_at_ms: now_ms })
    }

    /// Every room, in the order in which they were made.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let mut query = self.connection.prepare("SELECT id, name, created_by, created_at_ms FROM rooms ORDER BY id")?;
        let rows = query.query_map([], |row| {
            Ok(RoomRow {
                id: row.get(0)?,
                name: row.get(1)?,
                created_by: row.get(2)?,
                created_at_ms: row.get::<_, i64>(3)?.cast_unsigned(),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Appends one message; it is on the disk when this returns. The same reference of the same author again changes
    /// nothing and returns the number of the first, for as long as that one is kept.
    ///
    /// # Errors
    /// [`StoreError::UnknownRoom`], or the database fails.
    pub fn append_message(&mut self, message: NewMessage) -> Result<StoredMessage, StoreError> {
        self.append_all(&[NewEntry::Message(message)]).pop().unwrap_or(Err(StoreError::Closed))
    }

    /// Up to `limit` messages of a room with numbers above `after_id`, oldest first.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn messages_after(&self, room: u32, after_id: u64, limit: u32) -> Result<Vec<Message>, StoreError> {
        let mut query = self.connection.prepare(
            "SELECT id, author, author_name, author_ref, time_ms, text FROM messages \
             WHERE room_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let rows = query.query_map((room, i64::try_from(after_id).unwrap_or(i64::MAX), limit), |row| {
            Ok(Message {
                id: row.get::<_, i64>(0)?.cast_unsigned(),
                author: row.get(1)?,
                author_name: row.get(2)?,
                author_ref: row.get::<_, i64>(3)?.cast_unsigned(),
                time_ms: row.get::<_, i64>(4)?.cast_unsigned(),
                text: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number of the newest message of a room; 0 if there is none.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn latest_message_id(&self, room: u32) -> Result<u64, StoreError> {
        Ok(latest_id(&self.connection, room)?.cast_unsigned())
    }
}

fn latest_id(connection: &Connection, room: u32) -> rusqlite::Result<i64> {
    let query = "SELECT coalesce(max(id), 0) FROM messages WHERE room_id = ?1";
    connection.query_one(query, [room], |row| row.get(0))
}

/// Inside a transaction: finds the earlier one, or inserts and drops what falls out of the window.
pub(super) fn append(transaction: &Connection, message: &NewMessage, kept: u32) -> Result<StoredMessage, StoreError> {
    let NewMessage { room, author, author_name, author_ref, time_ms, text } = message;
    let earlier = transaction
        .query_row(
            "SELECT id, time_ms FROM messages WHERE room_id = ?1 AND author = ?2 AND author_ref = ?3",
            (room, author, author_ref.cast_signed()),
            |row| StoredMessage::from_row(row, false),
        )
        .optional()?;
    if let Some(earlier) = earlier {
        return Ok(earlier);
    }
    let id = latest_id(transaction, *room)? + 1;
    transaction
        .execute(
            "INSERT INTO messages (room_id, id, author, author_name, author_ref, time_ms, text) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (room, id, author, author_name, author_ref.cast_signed(), time_ms.cast_signed(), text),
        )
        .map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => StoreError::UnknownRoom,
            _ => error.into(),
        })?;
    transaction.execute("DELETE FROM messages WHERE room_id = ?1 AND id <= ?2", (room, id - i64::from(kept.max(1))))?;
    Ok(StoredMessage { id: id.cast_unsigned(), time_ms: *time_ms, is_new: true })
}

impl StoredMessage {
    /// From the columns number and time.
    pub(super) fn from_row(row: &rusqlite::Row<'_>, is_new: bool) -> rusqlite::Result<Self> {
        let (id, time_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Self { id: id.cast_unsigned(), time_ms: time_ms.cast_unsigned(), is_new })
    }
}
