//! Rooms.

use super::{RoomError, Store, StoreError};
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
}
