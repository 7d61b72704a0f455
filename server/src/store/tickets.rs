//! What somebody is given beforehand: invitations, the token of the first owner, codes for a new password, enrolments of
//! devices without an account.
//!
//! A ticket has a secret of 128 random bits, for links, and most have nine digits that can be typed in its place. Neither
//! is stored: only hashes that are keyed with the server's own secret. Whoever reads the whole database can still try all
//! digits; what keeps others from it is the rate at which the server looks at them.

use std::fmt::Write as _;

use rusqlite::{OptionalExtension, Row, Transaction};
use sha2::{Digest, Sha256};

use super::{Device, RegisterError, Store, StoreError, Verifier};

/// Tickets that are good at a time: all, and those of one person.
pub const TICKETS_MAX: u32 = 1000;
/// As [`TICKETS_MAX`], of one person.
pub const TICKETS_PER_PERSON_MAX: u32 = 50;
/// A guest who came with an invitation may come back for so long, also when it is used up or too old: 24 hours.
pub const COME_BACK_MS: u64 = 24 * 3600 * 1000;
/// How often other digits are drawn if they are another ticket's.
const CODE_TRIES: u32 = 20;

/// The tables, as a step of the schema.
pub(super) const SCHEMA: &str = "
    CREATE TABLE tickets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('invitation', 'owner', 'reset', 'kiosk')),
        secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
        code_hash BLOB UNIQUE CHECK (length(code_hash) = 32),
        room_id INTEGER REFERENCES rooms (id) ON DELETE CASCADE,
        user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        made_by TEXT NOT NULL,
        may_register INTEGER NOT NULL,
        uses INTEGER NOT NULL CHECK (uses > 0),
        used INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND uses),
        created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE ticket_uses (
        ticket_id INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
        device_sign BLOB NOT NULL CHECK (length(device_sign) = 32),
        used_at_ms INTEGER NOT NULL,
        PRIMARY KEY (ticket_id, device_sign)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kiosks (
        username TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
        seal BLOB NOT NULL CHECK (length(seal) = 32),
        sign BLOB NOT NULL UNIQUE CHECK (length(sign) = 32),
        created_at_ms INTEGER NOT NULL,
        last_seen_ms INTEGER NOT NULL
    ) STRICT;
";

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To come in.
    Invitation,
    /// To become an owner of the server.
    Owner,
    /// To choose a new password.
    Reset,
    /// To let a device without an account in.
    Kiosk,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Invitation, Self::Owner, Self::Reset, Self::Kiosk];

    /// As it stands in the database and in lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Owner => "owner",
            Self::Reset => "reset",
            Self::Kiosk => "kiosk",
        }
    }

    /// Whether digits can be typed in place of its link.
    const fn has_code(self) -> bool {
        matches!(self, Self::Invitation | Self::Reset)
    }
}

/// A ticket to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTicket {
    /// What for.
    pub purpose: Purpose,
    /// Which room it names, if any.
    pub room: Option<u32>,
    /// Whose password may be set with it, or nothing.
    pub username: String,
    /// What the device will be called, or nothing.
    pub name: String,
    /// Login name of whoever made it; nothing if that was done on the server's machine.
    pub made_by: String,
    /// Whether whoever comes may make an account.
    pub may_register: bool,
    /// So many may use it.
    pub uses: u16,
    /// **Units:** milliseconds since 1970.
    pub now_ms: u64,
    /// Until when it is good. **Units:** milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// A ticket as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub id: i64,
    /// What for.
    pub purpose: Purpose,
    /// Number and name of the room that it names, if any.
    pub room: Option<(u32, String)>,
    /// Whose password may be set with it, or nothing.
    pub username: String,
    /// What the device will be called, or nothing.
    pub name: String,
    /// Login name of whoever made it, or nothing.
    pub made_by: String,
    /// Whether whoever comes may make an account.
    pub may_register: bool,
    /// So many may use it.
    pub uses: u16,
    /// So many did.
    pub used: u16,
    /// Until when it is good. **Units:** milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// What is told of a new ticket, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeTicket {
    /// As it is stored.
    pub ticket: Ticket,
    /// For a link.
    pub secret: String,
    /// Nine digits, or nothing.
    pub code: String,
}

const COLUMNS: &str = "tickets.id, kind, room_id, coalesce(rooms.name, ''), coalesce(users.username, ''), tickets.name, \
     made_by, may_register, uses, used, expires_at_ms";
const TABLES: &str = "tickets LEFT JOIN rooms ON rooms.id = room_id LEFT JOIN users ON users.id = user_id";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Ticket> {
    let (kind, room): (String, Option<u32>) = (row.get(1)?, row.get(2)?);
    let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == kind);
    Ok(Ticket {
        id: row.get(0)?,
        purpose: purpose.ok_or(rusqlite::Error::InvalidQuery)?,
        room: room.map(|id| Ok::<_, rusqlite::Error>((id, row.get(3)?))).transpose()?,
        username: row.get(4)?,
        name: row.get(5)?,
        made_by: row.get(6)?,
        may_register: row.get(7)?,
        uses: row.get(8)?,
        used: row.get(9)?,
        expires_at_ms: row.get::<_, i64>(10)?.cast_unsigned(),
    })
}

impl Store {
    /// Makes a ticket.
    ///
    /// # Errors
    /// [`StoreError::TooManyTickets`]; [`StoreError::UnknownPerson`] if the password is nobody's; or the database fails, or
    /// there are no random bytes.
    pub fn make_ticket(&mut self, new: &NewTicket) -> Result<MadeTicket, StoreError> {
        let key = self.server_secret.0;
        let transaction = self.write()?;
        let now = new.now_ms.cast_signed();
        // Whether there ever was a first owner is told by that row.
        transaction.execute(
            "DELETE FROM tickets WHERE kind <> 'owner' AND max(expires_at_ms, (SELECT coalesce(max(used_at_ms) + ?2, 0) \
             FROM ticket_uses WHERE ticket_id = tickets.id)) < ?1",
            (now, COME_BACK_MS.cast_signed()),
        )?;
        let count = |query: &str, by: &str| transaction.query_row(query, [by], |row| row.get::<_, u32>(0));
        let all = count("SELECT count(*) FROM tickets WHERE ?1 = ?1", &new.made_by)?;
        let own = count("SELECT count(*) FROM tickets WHERE made_by = ?1", &new.made_by)?;
        if all >= TICKETS_MAX || !new.made_by.is_empty() && own >= TICKETS_PER_PERSON_MAX {
            return Err(StoreError::TooManyTickets);
        }
        let user = "SELECT id FROM users WHERE username = ?1";
        let user: Option<i64> = transaction.query_row(user, [&new.username], |row| row.get(0)).optional()?;
        if !new.username.is_empty() && user.is_none() {
            return Err(StoreError::UnknownPerson);
        }
        let secret = base32(&random::<16>()?);
        let code = if new.purpose.has_code() { free_code(&transaction, &key)? } else { String::new() };
        let code_hash = (!code.is_empty()).then(|| hash(&key, &code));
        transaction.execute(
            "INSERT INTO tickets (kind, secret_hash, code_hash, room_id, user_id, name, made_by, may_register, uses, \
             created_at_ms, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            (
                new.purpose.name(),
                hash(&key, &secret),
                code_hash,
                new.room,
                user,
                &new.name,
                &new.made_by,
                new.may_register,
                new.uses,
                now,
                new.expires_at_ms.cast_signed(),
            ),
        )?;
        let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE tickets.id = ?1");
        let ticket = transaction.query_one(&query, [transaction.last_insert_rowid()], from_row)?;
        transaction.commit()?;
        Ok(MadeTicket { ticket, secret, code })
    }

    /// The ticket with that secret or those digits, if it may still be good for anybody.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn find_ticket(&self, secret: &str, now_ms: u64) -> Result<Option<Ticket>, StoreError> {
        let hash = hash(&self.server_secret.0, secret);
        let query = format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE (secret_hash = ?1 OR code_hash = ?1) AND \
             (used < uses AND expires_at_ms > ?2 OR kind = 'invitation' AND \
             EXISTS (SELECT 1 FROM ticket_uses WHERE ticket_id = tickets.id AND used_at_ms > ?3))"
        );
        let since = now_ms.saturating_sub(COME_BACK_MS).cast_signed();
        Ok(self.connection.query_row(&query, (hash, now_ms.cast_signed(), since), from_row).optional()?)
    }

    /// A device comes in with an invitation. It counts once for each, so that whoever lost the connection may come back.
    /// False if it may not.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn use_invitation(&mut self, id: i64, device_sign: &[u8; 32], now_ms: u64) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        let is_good = use_in(&transaction, id, device_sign, now_ms)?;
        transaction.commit()?;
        Ok(is_good)
    }

    /// Tickets that may still be used, the newest first; those of one room, or all.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn tickets(&self, room: Option<u32>, now_ms: u64) -> Result<Vec<Ticket>, StoreError> {
        let query = format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE (?1 IS NULL OR room_id = ?1) AND used < uses AND expires_at_ms > ?2 \
             ORDER BY tickets.id DESC"
        );
        let mut query = self.connection.prepare(&query)?;
        let rows = query.query_map((room, now_ms.cast_signed()), from_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Makes a ticket void. False if there is none of that number, or it is not of that room.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn withdraw_ticket(&mut self, id: i64, room: Option<u32>) -> Result<bool, StoreError> {
        // Of an owner's the row stays.
        let voided = "UPDATE tickets SET expires_at_ms = 0 WHERE id = ?1 AND kind = 'owner' AND ?2 IS NULL";
        let deleted = "DELETE FROM tickets WHERE id = ?1 AND kind <> 'owner' AND (?2 IS NULL OR room_id = ?2)";
        let transaction = self.write()?;
        let count = transaction.execute(voided, (id, room))? + transaction.execute(deleted, (id, room))?;
        transaction.commit()?;
        Ok(count > 0)
    }

    /// Whether a token for the first owner was ever made, or there is an owner.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn had_owner_token(&self) -> Result<bool, StoreError> {
        let query = "SELECT 1 FROM tickets WHERE kind = 'owner' UNION SELECT 1 FROM users WHERE is_owner";
        Ok(self.connection.prepare(query)?.exists([])?)
    }

    /// Makes somebody an owner of the server, with a token for that, once. False if it is none, or no longer.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn claim_owner(&mut self, secret: &str, username: &str, now_ms: u64) -> Result<bool, StoreError> {
        let hash = hash(&self.server_secret.0, secret);
        let transaction = self.write()?;
        let used = transaction.execute(
            "UPDATE tickets SET used = used + 1 \
             WHERE secret_hash = ?1 AND kind = 'owner' AND used < uses AND expires_at_ms > ?2",
            (hash, now_ms.cast_signed()),
        )?;
        let made =
            transaction.execute("UPDATE users SET is_owner = 1 WHERE username = ?1 AND ?2", (username, used > 0))?;
        // Either is nothing without the other.
        if made > 0 {
            transaction.commit()?;
        }
        Ok(made > 0)
    }

    /// Gives an account another password, by a ticket for that, once; signs all its devices out. False if the ticket is
    /// not good for it.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn reset_password(
        &mut self,
        id: i64,
        username: &str,
        verifier: &Verifier,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let transaction = self.write()?;
        let used = transaction.execute(
            "UPDATE tickets SET used = used + 1 WHERE id = ?1 AND kind = 'reset' AND used < uses AND expires_at_ms > ?2 \
             AND user_id = (SELECT id FROM users WHERE username = ?3)",
            (id, now_ms.cast_signed(), username),
        )?;
        if used == 0 {
            return Ok(false);
        }
        let Verifier { salt, iterations, stored_key, server_key } = verifier;
        transaction.execute(
            "UPDATE users SET scram_salt = ?2, scram_iterations = ?3, scram_stored_key = ?4, scram_server_key = ?5 \
             WHERE username = ?1",
            (username, salt, iterations, stored_key, server_key),
        )?;
        let tokens = "DELETE FROM tokens WHERE user_id = (SELECT id FROM users WHERE username = ?1)";
        transaction.execute(tokens, [username])?;
        transaction.commit()?;
        Ok(true)
    }
}

/// As [`Store::use_invitation`], as a part of something.
pub(super) fn use_in(
    transaction: &Transaction<'_>,
    id: i64,
    device_sign: &[u8; 32],
    now_ms: u64,
) -> rusqlite::Result<bool> {
    let now = now_ms.cast_signed();
    let query = "SELECT used_at_ms FROM ticket_uses WHERE ticket_id = ?1 AND device_sign = ?2";
    let used_at: Option<i64> = transaction.query_row(query, (id, device_sign), |row| row.get(0)).optional()?;
    if used_at.is_some_and(|used_at| now < used_at.saturating_add(COME_BACK_MS.cast_signed())) {
        return Ok(true);
    }
    let query = "UPDATE tickets SET used = used + 1 \
         WHERE id = ?1 AND kind = 'invitation' AND used < uses AND expires_at_ms > ?2";
    if transaction.execute(query, (id, now))? == 0 {
        return Ok(false);
    }
    let query = "INSERT OR REPLACE INTO ticket_uses (ticket_id, device_sign, used_at_ms) VALUES (?1, ?2, ?3)";
    transaction.execute(query, (id, device_sign, now))?;
    Ok(true)
}

/// The use of an invitation that makes an account: not the account without it.
pub(super) fn use_for_account(
    transaction: &Transaction<'_>,
    (id, device): (i64, &Device),
    now_ms: u64,
) -> Result<(), RegisterError> {
    if use_in(transaction, id, &device.sign, now_ms)? { Ok(()) } else { Err(RegisterError::NotInvited) }
}

pub(super) fn hash(key: &[u8; 32], text: &str) -> [u8; 32] {
    // The key has one length and the text comes last: there is nothing to be extended that would be looked up.
    Sha256::new().chain_update(key).chain_update(b"hph ticket").chain_update(text).finalize().into()
}

fn free_code(transaction: &Transaction<'_>, key: &[u8; 32]) -> Result<String, StoreError> {
    for _ in 0..CODE_TRIES {
        // 64 bits over a billion: no digit is seen more often than another by more than a part in ten billion.
        let code = format!("{:09}", u64::from_be_bytes(random::<8>()?) % 1_000_000_000);
        if !transaction.prepare("SELECT 1 FROM tickets WHERE code_hash = ?1")?.exists([hash(key, &code)])? {
            return Ok(code);
        }
    }
    Err(StoreError::TooManyTickets)
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Entropy)?;
    Ok(bytes)
}

/// RFC 4648 section 6, in small letters and without padding.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (mut text, mut held, mut bits) = (String::new(), 0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let _ = text.write_char(char::from(LETTERS[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        let _ = text.write_char(char::from(LETTERS[(held << (5 - bits) & 31) as usize]));
    }
    text
}
