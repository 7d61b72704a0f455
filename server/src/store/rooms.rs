//! Rooms.

use rusqlite::{Connection, OptionalExtension};

use super::messages::drop_up_to;
use super::search::forget_in_index;
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
        let count: i64 =
            transaction.query_one("SELECT count(*) FROM rooms WHERE NOT is_deleted", [], |row| row.get(0))?;
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

    /// Every room but breakout rooms, in the order in which they were made.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let mut query = self
            .connection
            .prepare("SELECT id, name, created_by, created_at_ms FROM rooms WHERE breakout_of IS NULL AND NOT is_deleted ORDER BY id")?;
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

    /// Makes a breakout room of another room. `name` must be normalized; it may be that of other rooms.
    ///
    /// # Errors
    /// There is no such room, or there are too many.
    pub fn create_breakout(&mut self, parent: u32, name: &str, now_ms: u64) -> Result<u32, RoomError> {
        let rooms_max = i64::from(self.limits.rooms_max);
        let transaction = self.write()?;
        let count: i64 =
            transaction.query_one("SELECT count(*) FROM rooms WHERE NOT is_deleted", [], |row| row.get(0))?;
        if count >= rooms_max {
            return Err(RoomError::Full);
        }
        // No name that anybody can say begins with a control character.
        let id = transaction
            .query_one(
                "INSERT INTO rooms (name, name_key, created_by, created_at_ms, breakout_of) \
                 SELECT ?2, char(1) || hex(randomblob(16)), created_by, ?3, id FROM rooms WHERE id = ?1 AND NOT is_deleted RETURNING id",
                (parent, name, now_ms.cast_signed()),
                |row| row.get(0),
            )
            .optional()?
            .ok_or(StoreError::UnknownRoom)?;
        transaction.commit()?;
        Ok(id)
    }

    /// Forgets a breakout room, and all that was said there and laid on its shelf. Other rooms are left alone.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn drop_breakout(&mut self, room: u32) -> Result<(), StoreError> {
        let transaction = self.write()?;
        forget(&transaction, room)?;
        Ok(transaction.commit()?)
    }

    /// Deletes a room with its breakout rooms: nothing finds it or adds to it from now on. What was said there goes piece by
    /// piece with [`Self::prune`], since there may be much. False if there is no such room.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn delete_room(&mut self, room: u32) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        // The name is free.
        let count = transaction.execute(
            "UPDATE rooms SET is_deleted = 1, name_key = char(1) || hex(randomblob(16)) \
             WHERE (id = ?1 AND breakout_of IS NULL OR breakout_of = ?1) AND NOT is_deleted",
            [room],
        )?;
        transaction.commit()?;
        Ok(count > 0)
    }

    /// Drops up to `batch` messages of a deleted room, or else the room and what else is of it. Gives whether there may be
    /// more to drop.
    pub(super) fn prune_deleted(&mut self, batch: u32) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        let query = "SELECT id FROM rooms WHERE is_deleted ORDER BY id DESC LIMIT 1";
        let Some(room) = transaction.query_row(query, [], |row| row.get::<_, u32>(0)).optional()? else {
            return Ok(false);
        };
        let query = "SELECT max(id) FROM (SELECT id FROM messages WHERE room_id = ?1 ORDER BY id LIMIT ?2)";
        match transaction.query_one(query, (room, batch), |row| row.get::<_, Option<i64>>(0))? {
            Some(last) => drop_up_to(&transaction, room, last)?,
            None => _ = transaction.execute("DELETE FROM rooms WHERE id = ?1", [room])?,
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Forgets all breakout rooms: those of a server that was killed.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn drop_breakouts(&mut self) -> Result<(), StoreError> {
        let transaction = self.write()?;
        let rooms: Vec<u32> = transaction
            .prepare("SELECT id FROM rooms WHERE breakout_of IS NOT NULL")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for room in rooms {
            forget(&transaction, room)?;
        }
        Ok(transaction.commit()?)
    }
}

fn forget(transaction: &Connection, room: u32) -> rusqlite::Result<()> {
    if transaction.execute("DELETE FROM rooms WHERE id = ?1 AND breakout_of IS NOT NULL", [room])? > 0 {
        forget_in_index(transaction, room, i64::from(i32::MAX))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{NewMessage, StoreLimits};
    use super::*;

    #[test]
    fn a_breakout_room_has_no_name_to_be_found_by_and_goes_with_all_that_was_said_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let limits = StoreLimits { rooms_max: 4, ..StoreLimits::default() };
        let mut store = Store::open(directory.path(), limits).expect("opens");
        let room = store.create_room("Nhóm 17", "lan", 1).expect("made");
        let first = store.create_breakout(room.id, "Nhóm 1", 2).expect("made");
        let second = store.create_breakout(room.id, "Nhóm 1", 2).expect("names need not differ");
        assert_eq!(store.create_breakout(99, "Nhóm 1", 2), Err(RoomError::Store(StoreError::UnknownRoom)));
        assert_eq!(store.rooms().expect("read").len(), 1);
        let own = store.create_room("Nhóm 1", "lan", 1).expect("a room of that name is another one");
        assert_eq!(store.create_breakout(room.id, "Nhóm 2", 2), Err(RoomError::Full));
        let message = |room| NewMessage {
            room,
            author: "lan".to_owned(),
            author_name: "Lan".to_owned(),
            author_ref: 1,
            time_ms: 5,
            text: "nghỉ giải lao".to_owned(),
        };
        for room in [room.id, first, second] {
            store.append_message(message(room)).expect("stored");
        }
        let indexed = |store: &Store| -> i64 {
            let query = "SELECT count(*) FROM chat_index WHERE chat_index MATCH 'giai'";
            store.connection.query_one(query, [], |row| row.get(0)).expect("searched")
        };
        store.drop_breakout(room.id).expect("nothing happens");
        store.drop_breakout(first).expect("gone");
        assert_eq!((store.messages_after(first, 0, 9), indexed(&store)), (Ok(vec![]), 2));
        assert_eq!(store.append_message(message(first)), Err(StoreError::UnknownRoom));
        store.drop_breakouts().expect("gone");
        assert_eq!((store.messages_after(second, 0, 9), indexed(&store)), (Ok(vec![]), 1));
        assert_eq!(store.rooms().expect("read").len(), 2);
        assert_eq!(store.messages_after(room.id, 0, 9).expect("read").len(), 1);
        assert!(own.id > second);
        store.create_breakout(room.id, "Nhóm 3", 9).expect("made");
        let said = |author_ref| NewMessage { author_ref, text: "giải thích".to_owned(), ..message(room.id) };
        store.append_message(said(2)).expect("stored");
        assert_eq!((store.delete_room(room.id), store.delete_room(room.id)), (Ok(true), Ok(false)));
        assert_eq!(store.append_message(said(3)), Err(StoreError::UnknownRoom));
        assert_eq!(store.create_breakout(room.id, "Nhóm 4", 9), Err(RoomError::Store(StoreError::UnknownRoom)));
        assert_eq!((indexed(&store), store.rooms().expect("read").len()), (2, 1));
        let again = store.create_room("Nhóm 17", "minh", 10).expect("the name is free");
        assert!(again.id > own.id);
        // What was said goes a message at a time here: two, the breakout room, and the room.
        let pieces =
            std::iter::repeat_with(|| store.prune(11, 1).expect("pruned")).take_while(|is_more| *is_more).count();
        assert_eq!((pieces, indexed(&store)), (4, 0));
        let left: i64 =
            store.connection.query_one("SELECT count(*) FROM rooms", [], |row| row.get(0)).expect("counted");
        assert_eq!(left, 2);
    }
}
