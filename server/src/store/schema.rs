//! The tables, as the steps that made them. A released step never changes; a new need is a new step.

use rusqlite::{Connection, TransactionBehavior};

use super::{StoreError, devices, tickets};

/// Marks a SQLite file as a database of this server: "HPH1".
pub(super) const APPLICATION_ID: i32 = 0x4850_4831;

/// Step n leads from schema version n to n + 1.
pub(super) const MIGRATIONS: &[&str] = &[
    ACCOUNTS,
    ROOMS,
    DIRECTS,
    HISTORY,
    MODERATION,
    FILES,
    RULES,
    devices::SCHEMA,
    tickets::SCHEMA,
    BREAKOUTS,
    RETIRED,
];

const ACCOUNTS: &str = "
    CREATE TABLE server_secret (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        secret BLOB NOT NULL CHECK (length(secret) = 32)
    ) STRICT;
    CREATE TABLE users (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        username TEXT NOT NULL UNIQUE,
        email TEXT UNIQUE,
        display_name TEXT NOT NULL,
        scram_salt BLOB NOT NULL CHECK (length(scram_salt) = 16),
        scram_iterations INTEGER NOT NULL,
        scram_stored_key BLOB NOT NULL CHECK (length(scram_stored_key) = 32),
        scram_server_key BLOB NOT NULL CHECK (length(scram_server_key) = 32),
        device_seal BLOB CHECK (length(device_seal) = 32),
        device_sign BLOB CHECK (length(device_sign) = 32),
        created_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE tokens (
        hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        device_sign BLOB NOT NULL CHECK (length(device_sign) = 32),
        created_at_ms INTEGER NOT NULL,
        last_used_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tokens_by_user ON tokens (user_id, last_used_at_ms);
";

/// Guests write too and have no row in `users`: an author is a name, not a reference.
const ROOMS: &str = "
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),
        name TEXT NOT NULL,
        name_key TEXT NOT NULL UNIQUE,
        created_by TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE messages (
        room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
        id INTEGER NOT NULL,
        author TEXT NOT NULL,
        author_name TEXT NOT NULL,
        author_ref INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (room_id, id),
        UNIQUE (room_id, author, author_ref)
    ) STRICT, WITHOUT ROWID;
";

const DIRECTS: &str = "
    CREATE TABLE directs (
        recipient TEXT NOT NULL,
        id INTEGER NOT NULL,
        sender TEXT NOT NULL,
        sender_ref INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (recipient, id),
        UNIQUE (recipient, sender, sender_ref)
    ) STRICT, WITHOUT ROWID;
";

/// Changes of messages, the index for searching, and how far everybody has read. A message that was taken back has an
/// empty text; a change has none either, and names its message. The index keeps no texts; `đ` is folded by whoever
/// fills it, and its row is the room's number above 31 bits for the message's.
const HISTORY: &str = "
    ALTER TABLE messages ADD COLUMN edited_ms INTEGER;
    ALTER TABLE messages ADD COLUMN target INTEGER;
    ALTER TABLE rooms ADD COLUMN chat_latest INTEGER NOT NULL DEFAULT 0;
    UPDATE rooms SET chat_latest = (SELECT coalesce(max(id), 0) FROM messages WHERE room_id = rooms.id);
    CREATE VIRTUAL TABLE chat_index USING fts5 (
        text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
    );
    INSERT INTO chat_index (rowid, text)
        SELECT room_id * 2147483648 + id, replace(replace(text, 'đ', 'd'), 'Đ', 'd') FROM messages;
    ALTER TABLE users ADD COLUMN directs_read INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE read_positions (
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
        last_read INTEGER NOT NULL,
        PRIMARY KEY (user_id, room_id)
    ) STRICT, WITHOUT ROWID;
";

/// Who keeps order. Guests may be hosts or banned too: a name, not a reference.
const MODERATION: &str = "
    CREATE TABLE room_hosts (
        room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
        username TEXT NOT NULL,
        PRIMARY KEY (room_id, username)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE room_bans (
        room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
        username TEXT NOT NULL,
        PRIMARY KEY (room_id, username)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
        time_ms INTEGER NOT NULL,
        by TEXT NOT NULL,
        act TEXT NOT NULL,
        whom TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_room ON audit (room_id, id);
";

/// Files, on their way (not stored yet) or kept; their bytes lie beside the database. A file is a room's or one person's.
const FILES: &str = "
    CREATE TABLE files (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        room_id INTEGER REFERENCES rooms (id) ON DELETE CASCADE,
        recipient TEXT,
        author TEXT NOT NULL,
        author_name TEXT NOT NULL,
        author_ref INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        stored_ms INTEGER,
        name TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (size >= 0),
        sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
        UNIQUE (author, author_ref),
        CHECK ((room_id IS NULL) <> (recipient IS NULL))
    ) STRICT;
    CREATE INDEX files_by_room ON files (room_id, id);
";

/// What holds for those who come into a room. Its password is the hash of a key that clients derive from it.
const RULES: &str = "
    ALTER TABLE rooms ADD COLUMN has_waiting_room INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN hosts_share INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN password_salt BLOB CHECK (length(password_salt) = 16);
    ALTER TABLE rooms ADD COLUMN password_verifier BLOB CHECK (length(password_verifier) = 32);
";

/// A breakout room is a room that belongs to another one. It has no name by which anybody finds it.
const BREAKOUTS: &str = "
    ALTER TABLE rooms ADD COLUMN breakout_of INTEGER REFERENCES rooms (id) ON DELETE CASCADE;
";

/// Login names of deleted accounts: what their owners wrote, and the rooms that they made, are nobody else's. And rooms that
/// are gone, but for what was said there.
const RETIRED: &str = "
    ALTER TABLE rooms ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE retired_names (
        username TEXT PRIMARY KEY
    ) STRICT, WITHOUT ROWID;
";

/// Brings the database to the version that `migrations` leads to, each step with its version number in one
/// transaction: an interrupted start goes on where it stopped.
///
/// # Errors
/// [`StoreError::NewerSchema`] if the database is past the last step; it is not touched then.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    let Ok(done) = usize::try_from(found) else {
        return Err(StoreError::Corrupt(format!("schema version {found}")));
    };
    for (version, step) in (1_i64..).zip(migrations).skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
