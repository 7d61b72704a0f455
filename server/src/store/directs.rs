//! Direct messages that wait for their recipient. They are sealed end to end: the server keeps bytes it cannot read.

use rusqlite::{Connection, OptionalExtension};

use super::{NewEntry, Store, StoreError, StoredMessage};

/// A direct message to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDirect {
    /// Login name of the recipient.
    pub recipient: String,
    /// Login name of the sender.
    pub sender: String,
    /// The sender's own reference: the same one again is the same message sent again.
    pub sender_ref: u64,
    /// Now. **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// The sealed message.
    pub sealed: Vec<u8>,
}

/// A direct message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// Its number among those of the recipient: 1, 2, 3 ... without gaps.
    pub id: u64,
    /// Login name of the sender.
    pub sender: String,
    /// The sender's own reference.
    pub sender_ref: u64,
    /// **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// The sealed message.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Appends one direct message; it is on the disk when this returns. The same reference of the same sender to the
    /// same recipient again changes nothing and returns the number of the first, for as long as that one is kept.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn append_direct(&mut self, direct: NewDirect) -> Result<StoredMessage, StoreError> {
        self.append_all(&[NewEntry::Direct(direct)]).pop().unwrap_or(Err(StoreError::Closed))
    }

    /// Up to `limit` direct messages to `recipient` with numbers above `after_id`, oldest first.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn directs_after(&self, recipient: &str, after_id: u64, limit: u32) -> Result<Vec<Direct>, StoreError> {
        let mut query = self.connection.prepare(
            "SELECT id, sender, sender_ref, time_ms, sealed FROM directs \
             WHERE recipient = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let rows = query.query_map((recipient, i64::try_from(after_id).unwrap_or(i64::MAX), limit), |row| {
            Ok(Direct {
                id: row.get::<_, i64>(0)?.cast_unsigned(),
                sender: row.get(1)?,
                sender_ref: row.get::<_, i64>(2)?.cast_unsigned(),
                time_ms: row.get::<_, i64>(3)?.cast_unsigned(),
                sealed: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number of the newest direct message to `recipient`; 0 if there is none.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn latest_direct_id(&self, recipient: &str) -> Result<u64, StoreError> {
        Ok(latest_id(&self.connection, recipient)?.cast_unsigned())
    }
}

fn latest_id(connection: &Connection, recipient: &str) -> rusqlite::Result<i64> {
    let query = "SELECT coalesce(max(id), 0) FROM directs WHERE recipient = ?1";
    connection.query_one(query, [recipient], |row| row.get(0))
}

/// Inside a transaction: finds the earlier one, or inserts and drops what falls out of the window.
pub(super) fn append(transaction: &Connection, direct: &NewDirect, kept: u32) -> Result<StoredMessage, StoreError> {
    let NewDirect { recipient, sender, sender_ref, time_ms, sealed } = direct;
    let earlier = transaction
        .query_row(
            "SELECT id, time_ms FROM directs WHERE recipient = ?1 AND sender = ?2 AND sender_ref = ?3",
            (recipient, sender, sender_ref.cast_signed()),
            |row| StoredMessage::from_row(row, false),
        )
        .optional()?;
    if let Some(earlier) = earlier {
        return Ok(earlier);
    }
    let id = latest_id(transaction, recipient)? + 1;
    transaction.execute(
        "INSERT INTO directs (recipient, id, sender, sender_ref, time_ms, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (recipient, id, sender, sender_ref.cast_signed(), time_ms.cast_signed(), sealed),
    )?;
    transaction
        .execute("DELETE FROM directs WHERE recipient = ?1 AND id <= ?2", (recipient, id - i64::from(kept.max(1))))?;
    Ok(StoredMessage { id: id.cast_unsigned(), time_ms: *time_ms, is_new: true })
}
