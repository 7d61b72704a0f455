//! Who keeps order in a room, who may not come in, and what was done.

use hph_core::room::roles::{RoomPassword, Rules};
use rusqlite::OptionalExtension;

use super::messages::number;
use super::{Store, StoreError, StoreReader};

/// Entries about one room that are kept.
const AUDIT_MAX: u32 = 10_000;

/// Something that was done to keep order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub id: u64,
    /// **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// Login name of whoever did it.
    pub by: String,
    /// What: the code of an act.
    pub act: String,
    /// To whom, or nothing.
    pub whom: String,
}

/// Somebody who may not come into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The room's name.
    pub room: String,
    /// Login name of who may not.
    pub username: String,
    /// Login name of who said so, if that is still known.
    pub by: String,
    /// When, or 0. **Units:** milliseconds since 1970.
    pub time_ms: u64,
}

/// Names in a room that stand for something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomStaff {
    /// Login names of the hosts.
    pub hosts: Vec<String>,
    /// Login names of those who may not come in.
    pub banned: Vec<String>,
    /// What holds for those who come.
    pub rules: Rules,
}

impl Store {
    /// Hosts and banned people of a room, and what holds for those who come.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn room_staff(&self, room: u32) -> Result<RoomStaff, StoreError> {
        let names = |query| -> rusqlite::Result<Vec<String>> {
            self.connection.prepare_cached(query)?.query_map([room], |row| row.get(0))?.collect()
        };
        let query = "SELECT has_waiting_room, hosts_share, password_salt, password_verifier FROM rooms WHERE id = ?1";
        let rules = self.connection.prepare_cached(query)?.query_row([room], |row| {
            let (salt, verifier): (Option<[u8; 16]>, Option<[u8; 32]>) = (row.get(2)?, row.get(3)?);
            let password = salt.zip(verifier).map(|(salt, verifier)| RoomPassword { salt, verifier });
            Ok(Rules { has_waiting_room: row.get(0)?, hosts_share: row.get(1)?, password })
        });
        Ok(RoomStaff {
            rules: rules.optional()?.unwrap_or_default(),
            hosts: names("SELECT username FROM room_hosts WHERE room_id = ?1 ORDER BY username")?,
            banned: names("SELECT username FROM room_bans WHERE room_id = ?1 ORDER BY username")?,
        })
    }

    /// Everybody who may not come into a room, and into which.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn bans(&self) -> Result<Vec<Ban>, StoreError> {
        let mut query = self.connection.prepare(
            "SELECT rooms.name, room_bans.username, coalesce(audit.by, ''), coalesce(audit.time_ms, 0) \
             FROM room_bans JOIN rooms ON rooms.id = room_bans.room_id AND NOT rooms.is_deleted LEFT JOIN audit ON audit.id = \
             (SELECT max(id) FROM audit WHERE room_id = room_bans.room_id AND whom = username AND act = 'ban') \
             ORDER BY rooms.name, room_bans.username",
        )?;
        let rows = query.query_map([], |row| {
            let time_ms = row.get::<_, i64>(3)?.cast_unsigned();
            Ok(Ban { room: row.get(0)?, username: row.get(1)?, by: row.get(2)?, time_ms })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes that something was done, and keeps what must outlive a restart, a new password too; all or nothing.
    ///
    /// # Errors
    /// [`StoreError::UnknownRoom`], or the database fails.
    pub fn moderate(
        &mut self,
        room: u32,
        entry: &AuditEntry,
        password: Option<&RoomPassword>,
    ) -> Result<(), StoreError> {
        let AuditEntry { time_ms, by, act, whom, .. } = entry;
        let transaction = self.write()?;
        if !transaction.prepare_cached("SELECT 1 FROM rooms WHERE id = ?1 AND NOT is_deleted")?.exists([room])? {
            return Err(StoreError::UnknownRoom);
        }
        let effects: &[&str] = match act.as_str() {
            "ban" => &[
                "INSERT OR IGNORE INTO room_bans (room_id, username) VALUES (?1, ?2)",
                "DELETE FROM room_hosts WHERE room_id = ?1 AND username = ?2",
            ],
            "unban" => &["DELETE FROM room_bans WHERE room_id = ?1 AND username = ?2"],
            "make_host" => &["INSERT OR IGNORE INTO room_hosts (room_id, username) VALUES (?1, ?2)"],
            "unmake_host" => &["DELETE FROM room_hosts WHERE room_id = ?1 AND username = ?2"],
            "waiting_room" => &["UPDATE rooms SET has_waiting_room = 1 WHERE id = ?1 AND ?2 = ''"],
            "no_waiting_room" => &["UPDATE rooms SET has_waiting_room = 0 WHERE id = ?1 AND ?2 = ''"],
            "hosts_share" => &["UPDATE rooms SET hosts_share = 1 WHERE id = ?1 AND ?2 = ''"],
            "all_share" => &["UPDATE rooms SET hosts_share = 0 WHERE id = ?1 AND ?2 = ''"],
            "no_password" => {
                &["UPDATE rooms SET password_salt = NULL, password_verifier = NULL WHERE id = ?1 AND ?2 = ''"]
            }
            _ => &[],
        };
        for effect in effects {
            transaction.execute(effect, (room, whom))?;
        }
        if let Some(RoomPassword { salt, verifier }) = password {
            let query = "UPDATE rooms SET password_salt = ?2, password_verifier = ?3 WHERE id = ?1";
            transaction.execute(query, (room, salt, verifier))?;
        }
        transaction.execute(
            "INSERT INTO audit (room_id, time_ms, by, act, whom) VALUES (?1, ?2, ?3, ?4, ?5)",
            (room, time_ms.cast_signed(), by, act, whom),
        )?;
        transaction.execute(
            "DELETE FROM audit WHERE room_id = ?1 AND id <= \
             (SELECT id FROM audit WHERE room_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (room, AUDIT_MAX),
        )?;
        Ok(transaction.commit()?)
    }
}

impl StoreReader {
    /// Up to `count` entries about a room, newest first, with numbers below `before` (0: from the newest), and what to
    /// ask for next as `before`; 0 if there is nothing older.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn audit(&self, room: u32, before: u64, count: usize) -> Result<(Vec<AuditEntry>, u64), StoreError> {
        let before = if before == 0 { i64::MAX } else { number(before) };
        let mut query = self.connection.prepare_cached(
            "SELECT id, time_ms, by, act, whom FROM audit WHERE room_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
        )?;
        let one_more = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        let rows = query.query_map((room, before, one_more), |row| {
            Ok(AuditEntry {
                id: row.get::<_, i64>(0)?.cast_unsigned(),
                time_ms: row.get::<_, i64>(1)?.cast_unsigned(),
                by: row.get(2)?,
                act: row.get(3)?,
                whom: row.get(4)?,
            })
        })?;
        let mut entries = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let is_more = entries.len() > count;
        entries.truncate(count);
        let next = entries.last().map(|entry| entry.id).filter(|_| is_more).unwrap_or(0);
        Ok((entries, next))
    }
}
