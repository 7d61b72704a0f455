//! Messages of rooms and their changes, numbered in one row: the window of the newest ones.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::search::{forget_in_index, index, unindex};
use super::{NewEntry, Store, StoreError, StoreReader, StoredMessage};

/// So many messages and changes a room can number in all its life: the index for searching needs the other bits.
pub(super) const NUMBER_MAX: i64 = (1 << 31) - 1;
/// Rows that one page looks at. A room where little was said and much was changed gives shorter pages.
const LOOKED_AT_MAX: u32 = 1000;

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

/// A message to be changed, or to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChange {
    /// The room's number.
    pub room: u32,
    /// Login name of whoever changes it, perhaps a guest's.
    pub author: String,
    /// Their own reference, unique among their messages and changes.
    pub author_ref: u64,
    /// Now. **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// Number of the message.
    pub target: u64,
    /// Its new text; none to take it back.
    pub text: Option<String>,
}

/// A message or a change as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the room: 1, 2, 3 ... without gaps.
    pub id: u64,
    /// Login name of the author, perhaps a guest's.
    pub author: String,
    /// The author's display name when it was sent; empty for a change.
    pub author_name: String,
    /// The author's own reference.
    pub author_ref: u64,
    /// **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// When it was changed last, if ever. **Units:** milliseconds since 1970.
    pub edited_ms: Option<u64>,
    /// Of a change: which message.
    pub target: Option<u64>,
    /// What the message, or the one that was changed, says now; none if it was taken back or is no longer kept.
    pub text: Option<String>,
}

/// A part of a room's history, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Messages, changes not among them.
    pub messages: Vec<Message>,
    /// What to ask for next: only messages before this one; 0 if there is nothing older.
    pub before: u64,
}

/// The columns that [`from_row`] reads, in its order. No text of a message is empty: an empty one was taken back.
const COLUMNS: &str = "m.id, m.author, m.author_name, m.author_ref, m.time_ms, m.edited_ms, m.target, \
     CASE WHEN m.target IS NULL THEN m.text \
          ELSE (SELECT t.text FROM messages AS t WHERE t.room_id = m.room_id AND t.id = m.target) END";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        author: row.get(1)?,
        author_name: row.get(2)?,
        author_ref: row.get::<_, i64>(3)?.cast_unsigned(),
        time_ms: row.get::<_, i64>(4)?.cast_unsigned(),
        edited_ms: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
        target: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
        text: row.get::<_, Option<String>>(7)?.filter(|text| !text.is_empty()),
    })
}

impl Store {
    /// Appends one message; it is on the disk when this returns. The same reference of the same author again changes
    /// nothing and returns the number of the first, for as long as that one is kept.
    ///
    /// # Errors
    /// [`StoreError::UnknownRoom`], or the database fails.
    pub fn append_message(&mut self, message: NewMessage) -> Result<StoredMessage, StoreError> {
        self.append_all(&[NewEntry::Message(message)]).pop().unwrap_or(Err(StoreError::Closed))
    }

    /// Changes a message, or takes it back; that is on the disk when this returns. A reference that came before changes
    /// nothing, as in [`Self::append_message`]. Only the author may change a message; whoever made the room, and
    /// its hosts, may also take it back.
    ///
    /// # Errors
    /// [`StoreError::UnknownMessage`], [`StoreError::NotYours`], or the database fails.
    pub fn append_change(&mut self, change: NewChange) -> Result<StoredMessage, StoreError> {
        self.append_all(&[NewEntry::Change(change)]).pop().unwrap_or(Err(StoreError::Closed))
    }

    /// Up to `limit` messages and changes of a room with numbers above `after_id`, oldest first.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn messages_after(&self, room: u32, after_id: u64, limit: u32) -> Result<Vec<Message>, StoreError> {
        let query =
            format!("SELECT {COLUMNS} FROM messages AS m WHERE m.room_id = ?1 AND m.id > ?2 ORDER BY m.id LIMIT ?3");
        let mut query = self.connection.prepare_cached(&query)?;
        let rows = query.query_map((room, number(after_id), limit), from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number of the newest message or change of a room; 0 if there is none.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn latest_message_id(&self, room: u32) -> Result<u64, StoreError> {
        Ok(latest_id(&self.connection, room)?.unwrap_or(0).cast_unsigned())
    }

    /// Drops up to `batch` messages of one room that is deleted, or that are older than their room keeps them. Gives whether there may be more to
    /// drop.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn prune(&mut self, now_ms: u64, batch: u32) -> Result<bool, StoreError> {
        if self.prune_deleted(batch)? {
            return Ok(true);
        }
        for room in self.rooms()? {
            let Some(kept_ms) = self.limits.kept_ms(&room.name) else { continue };
            let cutoff = now_ms.saturating_sub(kept_ms).cast_signed();
            let transaction = self.write()?;
            // Times rise with numbers, but for jumps of the clock; and only the oldest may go, or numbers would have gaps.
            let last: Option<i64> = {
                let query = "SELECT id, time_ms FROM messages WHERE room_id = ?1 ORDER BY id LIMIT ?2";
                let mut query = transaction.prepare_cached(query)?;
                let mut rows = query.query((room.id, batch))?;
                let mut last = None;
                while let Some(row) = rows.next()?
                    && row.get::<_, i64>(1)? < cutoff
                {
                    last = Some(row.get(0)?);
                }
                last
            };
            if let Some(last) = last {
                drop_up_to(&transaction, room.id, last)?;
                transaction.commit()?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl StoreReader {
    /// Up to `count` messages of a room, newest first, with numbers below `before`; 0: from the newest.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn history(&self, room: u32, before: u64, count: usize) -> Result<Page, StoreError> {
        let query = format!(
            "SELECT {COLUMNS} FROM messages AS m WHERE m.room_id = ?1 AND m.id < ?2 ORDER BY m.id DESC LIMIT ?3"
        );
        let mut query = self.connection.prepare_cached(&query)?;
        let before = if before == 0 { i64::MAX } else { number(before) };
        let mut rows = query.query((room, before, LOOKED_AT_MAX))?;
        let (mut page, mut looked_at) = (Page::default(), 0);
        while let Some(row) = rows.next()? {
            looked_at += 1;
            let message = from_row(row)?;
            page.before = message.id;
            if message.target.is_none() {
                page.messages.push(message);
            }
            if page.messages.len() >= count {
                break;
            }
        }
        let has_looked_at_all = looked_at < LOOKED_AT_MAX && page.messages.len() < count;
        if has_looked_at_all || page.before <= 1 {
            page.before = 0;
        }
        Ok(page)
    }

    /// One message as it is now; none if it is not kept.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn message(&self, room: u32, id: u64) -> Result<Option<Message>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM messages AS m WHERE m.room_id = ?1 AND m.id = ?2");
        Ok(self.connection.prepare_cached(&query)?.query_row((room, number(id)), from_row).optional()?)
    }
}

/// A number as SQLite has it.
pub(super) fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// None if there is no such room.
fn latest_id(connection: &Connection, room: u32) -> rusqlite::Result<Option<i64>> {
    let query = "SELECT chat_latest FROM rooms WHERE id = ?1 AND NOT is_deleted";
    connection.prepare_cached(query)?.query_row([room], |row| row.get(0)).optional()
}

/// Inside a transaction: finds the earlier one, or inserts and drops what falls out of the window.
pub(super) fn append(transaction: &Connection, message: &NewMessage, kept: u32) -> Result<StoredMessage, StoreError> {
    let NewMessage { room, author, author_name, author_ref, time_ms, text } = message;
    if let Some(earlier) = earlier(transaction, *room, author, *author_ref)? {
        return Ok(earlier);
    }
    let id = insert(transaction, *room, (author, author_name), (*author_ref, *time_ms), (text, None))?;
    index(transaction, *room, id, text)?;
    drop_up_to(transaction, *room, id - i64::from(kept.max(1)))?;
    Ok(StoredMessage { id: id.cast_unsigned(), time_ms: *time_ms, is_new: true })
}

/// Inside a transaction: finds the earlier one, or changes the message and inserts that it was changed.
pub(super) fn change(transaction: &Connection, change: &NewChange, kept: u32) -> Result<StoredMessage, StoreError> {
    let NewChange { room, author, author_ref, time_ms, target, text } = change;
    if let Some(earlier) = earlier(transaction, *room, author, *author_ref)? {
        return Ok(earlier);
    }
    let target = number(*target);
    let query = "SELECT m.author, r.created_by = ?3 OR EXISTS ( \
         SELECT 1 FROM room_hosts WHERE room_id IN (?1, r.breakout_of) AND username = ?3) FROM messages AS m JOIN rooms AS r ON r.id = m.room_id \
         WHERE m.room_id = ?1 AND m.id = ?2 AND m.target IS NULL AND m.text <> ''";
    let found: Option<(String, bool)> = transaction
        .prepare_cached(query)?
        .query_row((room, target, author), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (written_by, is_host) = found.ok_or(StoreError::UnknownMessage)?;
    if written_by != *author && (text.is_some() || !is_host) {
        return Err(StoreError::NotYours);
    }
    transaction
        .prepare_cached("UPDATE messages SET text = ?3, edited_ms = ?4 WHERE room_id = ?1 AND id = ?2")?
        .execute((room, target, text.as_deref().unwrap_or_default(), time_ms.cast_signed()))?;
    unindex(transaction, *room, target)?;
    if let Some(text) = text {
        index(transaction, *room, target, text)?;
    }
    let id = insert(transaction, *room, (author, ""), (*author_ref, *time_ms), ("", Some(target)))?;
    drop_up_to(transaction, *room, id - i64::from(kept.max(1)))?;
    Ok(StoredMessage { id: id.cast_unsigned(), time_ms: *time_ms, is_new: true })
}

/// What was stored under the same reference before.
fn earlier(
    transaction: &Connection,
    room: u32,
    author: &str,
    author_ref: u64,
) -> rusqlite::Result<Option<StoredMessage>> {
    transaction
        .prepare_cached("SELECT id, time_ms FROM messages WHERE room_id = ?1 AND author = ?2 AND author_ref = ?3")?
        .query_row((room, author, author_ref.cast_signed()), |row| StoredMessage::from_row(row, false))
        .optional()
}

/// Gives the room's next number to a message or a change.
fn insert(
    transaction: &Connection,
    room: u32,
    (author, author_name): (&str, &str),
    (author_ref, time_ms): (u64, u64),
    (text, target): (&str, Option<i64>),
) -> Result<i64, StoreError> {
    let id = latest_id(transaction, room)?.ok_or(StoreError::UnknownRoom)? + 1;
    if id > NUMBER_MAX {
        return Err(StoreError::Database("the room has no more numbers for messages".to_owned()));
    }
    transaction
        .prepare_cached(
            "INSERT INTO messages (room_id, id, author, author_name, author_ref, time_ms, text, target) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((room, id, author, author_name, author_ref.cast_signed(), time_ms.cast_signed(), text, target))
        .map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => StoreError::UnknownRoom,
            _ => error.into(),
        })?;
    transaction.prepare_cached("UPDATE rooms SET chat_latest = ?2 WHERE id = ?1")?.execute((room, id))?;
    Ok(id)
}

/// Drops the oldest messages and changes of a room, up to that number.
pub(super) fn drop_up_to(transaction: &Connection, room: u32, last: i64) -> rusqlite::Result<()> {
    if last > 0 {
        transaction.prepare_cached("DELETE FROM messages WHERE room_id = ?1 AND id <= ?2")?.execute((room, last))?;
        forget_in_index(transaction, room, last)?;
    }
    Ok(())
}

impl StoredMessage {
    /// From the columns number and time.
    pub(super) fn from_row(row: &Row<'_>, is_new: bool) -> rusqlite::Result<Self> {
        let (id, time_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Self { id: id.cast_unsigned(), time_ms: time_ms.cast_unsigned(), is_new })
    }
}
