//! Devices without an account that may be in one room: kiosks. What lets them in is their key.

use rusqlite::{OptionalExtension, Transaction};

use super::tickets::hash;
use super::{Device, Store, StoreError};

/// A device that may be in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kiosk {
    /// Login name; it follows from the key.
    pub username: String,
    /// What it is called.
    pub name: String,
    /// Number and name of its room.
    pub room: (u32, String),
    /// Its keys.
    pub device: Device,
    /// **Units:** milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it signed in last. **Units:** milliseconds since 1970.
    pub last_seen_ms: u64,
}

const QUERY: &str = "SELECT username, kiosks.name, room_id, rooms.name, seal, sign, kiosks.created_at_ms, last_seen_ms \
     FROM kiosks JOIN rooms ON rooms.id = room_id";

fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Kiosk> {
    Ok(Kiosk {
        username: row.get(0)?,
        name: row.get(1)?,
        room: (row.get(2)?, row.get(3)?),
        device: Device { seal: row.get(4)?, sign: row.get(5)? },
        created_at_ms: row.get::<_, i64>(6)?.cast_unsigned(),
        last_seen_ms: row.get::<_, i64>(7)?.cast_unsigned(),
    })
}

impl Store {
    /// Lets a device in that is known, or that has the secret of an enrolment, which is used up then. None if neither is so.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn enrol(
        &mut self,
        username: &str,
        device: Device,
        secret: &str,
        now_ms: u64,
    ) -> Result<Option<Kiosk>, StoreError> {
        let hash = hash(&self.server_secret.0, secret);
        let now = now_ms.cast_signed();
        let transaction = self.write()?;
        let query = "UPDATE kiosks SET last_seen_ms = ?2, seal = ?3 WHERE username = ?1 AND sign = ?4";
        if transaction.execute(query, (username, now, device.seal, device.sign))? == 0 {
            let query = "SELECT id, name, room_id FROM tickets \
                 WHERE secret_hash = ?1 AND kind = 'kiosk' AND used < uses AND expires_at_ms > ?2";
            let ticket: Option<(i64, String, u32)> = transaction
                .query_row(query, (hash, now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((id, name, room)) = ticket else { return Ok(None) };
            transaction.execute("UPDATE tickets SET used = used + 1 WHERE id = ?1", [id])?;
            if !insert(&transaction, username, (&name, room), device, now_ms)? {
                return Ok(None);
            }
        }
        let kiosk = transaction.query_one(&format!("{QUERY} WHERE username = ?1"), [username], from_row)?;
        transaction.commit()?;
        Ok(Some(kiosk))
    }

    /// Lets a device in whose code the owner has approved. False if there is one of that name, or it is known already.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn add_kiosk(
        &mut self,
        username: &str,
        (name, room): (&str, u32),
        device: Device,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        let is_new = insert(&transaction, username, (name, room), device, now_ms)?;
        transaction.commit()?;
        Ok(is_new)
    }

    /// Every device that may be in one room.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn kiosks(&self) -> Result<Vec<Kiosk>, StoreError> {
        let mut query = self.connection.prepare(&format!("{QUERY} ORDER BY kiosks.name"))?;
        Ok(query.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?)
    }

    /// Lets a device never in again, and gives its login name; none if there is none of that name.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn revoke_kiosk(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let transaction = self.write()?;
        let query = "DELETE FROM kiosks WHERE name = ?1 RETURNING username";
        let username = transaction.query_row(query, [name], |row| row.get(0)).optional()?;
        transaction.commit()?;
        Ok(username)
    }
}

fn insert(
    transaction: &Transaction<'_>,
    username: &str,
    (name, room): (&str, u32),
    device: Device,
    now_ms: u64,
) -> Result<bool, StoreError> {
    let count = transaction.execute(
        "INSERT OR IGNORE INTO kiosks (username, name, room_id, seal, sign, created_at_ms, last_seen_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        (username, name, room, device.seal, device.sign, now_ms.cast_signed()),
    )?;
    Ok(count > 0)
}
