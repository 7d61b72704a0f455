//! How far people have read, on whatever device. Guests have no account that could hold it.

use rusqlite::{Connection, OptionalExtension};

use super::messages::number;
use super::{Store, StoreError, StoreReader};

/// Messages that are counted as unread; beyond that there are just many.
pub const UNREAD_MAX: u32 = 100;

/// Somebody has read up to here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadMark {
    /// Login name.
    pub username: String,
    /// The room's number; 0: direct messages.
    pub room: u32,
    /// Number of the last message that was read.
    pub id: u64,
}

/// What somebody has not read of a room, or of the direct messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The room's number; 0: direct messages.
    pub room: u32,
    /// Its name; empty for direct messages.
    pub name: String,
    /// Number of the last message that was read.
    pub read: u64,
    /// The newest number, 0 if there is none.
    pub latest: u64,
    /// Messages of others behind that, at most [`UNREAD_MAX`].
    pub unread: u32,
}

impl Store {
    /// Notes how far people have read. Nobody un-reads anything: a lower number than before changes nothing, and one
    /// without an account or a room is forgotten.
    ///
    /// # Errors
    /// Only if the database fails; none is noted then.
    pub fn mark_read(&mut self, marks: &[ReadMark]) -> Result<(), StoreError> {
        if marks.is_empty() {
            return Ok(());
        }
        let transaction = self.write()?;
        for ReadMark { username, room, id } in marks {
            if *room == 0 {
                transaction
                    .prepare_cached(
                        "UPDATE users SET directs_read = max(directs_read, min(?2, coalesce( \
                         (SELECT max(id) FROM directs WHERE recipient = ?1), 0))) WHERE username = ?1",
                    )?
                    .execute((username, number(*id)))?;
            } else {
                transaction
                    .prepare_cached(
                        "INSERT INTO read_positions (user_id, room_id, last_read) \
                         SELECT users.id, rooms.id, min(?3, rooms.chat_latest) FROM users, rooms \
                         WHERE users.username = ?1 AND rooms.id = ?2 \
                         ON CONFLICT (user_id, room_id) DO UPDATE SET last_read = max(last_read, excluded.last_read)",
                    )?
                    .execute((username, room, number(*id)))?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// The last direct message that its recipient has read, on whatever device; 0 for a guest.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn directs_read(&self, username: &str) -> Result<u64, StoreError> {
        Ok(directs_read(&self.connection, username)?.unwrap_or(0))
    }
}

impl StoreReader {
    /// What somebody has not read: the direct messages first, then every room that they have ever read in.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn unread(&self, username: &str) -> Result<Vec<Unread>, StoreError> {
        let read = directs_read(&self.connection, username)?.unwrap_or(0);
        let query = "SELECT coalesce(max(id), 0), coalesce(sum(id > ?2), 0) FROM directs WHERE recipient = ?1";
        let (latest, unread): (i64, u32) = self
            .connection
            .prepare_cached(query)?
            .query_row((username, number(read)), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (latest, unread) = (latest.cast_unsigned(), unread.min(UNREAD_MAX));
        let mut all = vec![Unread { room: 0, name: String::new(), read, latest, unread }];
        let mut query = self.connection.prepare_cached(
            "SELECT rooms.id, rooms.name, last_read, rooms.chat_latest, \
             (SELECT count(*) FROM (SELECT 1 FROM messages WHERE room_id = rooms.id AND id > last_read \
              AND target IS NULL AND text <> '' AND author <> ?1 LIMIT ?2)) \
             FROM read_positions JOIN rooms ON rooms.id = room_id \
             WHERE user_id = (SELECT id FROM users WHERE username = ?1) ORDER BY rooms.id",
        )?;
        let rows = query.query_map((username, UNREAD_MAX), |row| {
            Ok(Unread {
                room: row.get(0)?,
                name: row.get(1)?,
                read: row.get::<_, i64>(2)?.cast_unsigned(),
                latest: row.get::<_, i64>(3)?.cast_unsigned(),
                unread: row.get(4)?,
            })
        })?;
        for row in rows {
            all.push(row?);
        }
        Ok(all)
    }
}

/// None without an account.
fn directs_read(connection: &Connection, username: &str) -> rusqlite::Result<Option<u64>> {
    let query = "SELECT directs_read FROM users WHERE username = ?1";
    let read: Option<i64> = connection.prepare_cached(query)?.query_row([username], |row| row.get(0)).optional()?;
    Ok(read.map(i64::cast_unsigned))
}
