//! Opening the database file: made whole or not at all, checked before it is trusted, private to its owner.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::schema::{APPLICATION_ID, MIGRATIONS, migrate};
use super::{Secret, Store, StoreError, StoreLimits};
use crate::files;

/// Name of the database inside the data directory.
pub const DATABASE_FILE: &str = "hph-server.db";
/// How long to wait for another process that writes, such as a backup.
pub(super) const BUSY_WAIT: Duration = Duration::from_secs(5);

impl Store {
    /// Opens the database in `data_dir`, making directory and database if there is none.
    ///
    /// # Errors
    /// A damaged, foreign or newer file is refused and left as it is.
    pub fn open(data_dir: &Path, limits: StoreLimits) -> Result<Self, StoreError> {
        files::create_directory(data_dir).map_err(|error| StoreError::file(data_dir, &error))?;
        let path = data_dir.join(DATABASE_FILE);
        if !path.try_exists().map_err(|error| StoreError::file(&path, &error))? {
            create(&path)?;
        }
        for file in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
            files::restrict(&file).map_err(|error| StoreError::file(&file, &error))?;
        }
        let mut connection = connect(&path)?;
        check(&connection)?;
        migrate(&mut connection, MIGRATIONS)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        let server_secret = connection
            .query_one("SELECT secret FROM server_secret", [], |row| row.get(0).map(Secret))
            .map_err(|error| StoreError::Corrupt(format!("no server secret: {error}")))?;
        Ok(Self { connection, limits, server_secret })
    }
}

impl Store {
    /// Looks whether the database in `data_dir` is whole, without changing anything: false if there is none yet. For a server
    /// that does not run; what its log still holds is not looked at.
    ///
    /// # Errors
    /// It is no database of this server, damaged, newer than this program, or can't be read.
    pub fn inspect(data_dir: &Path) -> Result<bool, StoreError> {
        let path = data_dir.join(DATABASE_FILE);
        if !path.try_exists().map_err(|error| StoreError::file(&path, &error))? {
            return Ok(false);
        }
        let name = path.to_str().ok_or_else(|| StoreError::file(&path, &std::io::ErrorKind::InvalidFilename.into()))?;
        // Without this SQLite would make files beside it, which would be those of whoever looks.
        let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)?;
        check(&connection)?;
        Ok(true)
    }

    /// Writes the database as it is now to `to`, while others may write to it; gives the numbers of the files that it knows
    /// as stored.
    ///
    /// # Errors
    /// It is no database of this server, damaged, or can't be read or written.
    pub fn snapshot(data_dir: &Path, to: &Path) -> Result<Vec<u64>, StoreError> {
        let connection = connect(&data_dir.join(DATABASE_FILE))?;
        check(&connection)?;
        let name = to.to_str().ok_or_else(|| StoreError::file(to, &std::io::ErrorKind::InvalidFilename.into()))?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(files::FILE_MODE)
            .open(to)
            .map_err(|error| StoreError::file(to, &error))?;
        connection.execute("VACUUM INTO ?1", [name])?;
        let copy = connect(to)?;
        check(&copy)?;
        let mut query = copy.prepare("SELECT id FROM files WHERE stored_ms IS NOT NULL ORDER BY id")?;
        let ids = query.query_map([], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }
}

/// Makes a complete database under another name first: a crash on the way leaves no half of one, so an empty file in
/// its place is always damage.
fn create(path: &Path) -> Result<(), StoreError> {
    let log = beside(path, "-wal");
    if log.exists() {
        return Err(StoreError::Corrupt(format!(
            "{} is missing, but its log {} is there",
            path.display(),
            log.display()
        )));
    }
    let draft = path.with_added_extension("new");
    let failed = |error: std::io::Error| StoreError::file(&draft, &error);
    for leftover in [draft.clone(), beside(&draft, "-journal")] {
        match fs::remove_file(leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    OpenOptions::new().write(true).create_new(true).mode(files::FILE_MODE).open(&draft).map_err(failed)?;
    let mut connection = connect(&draft)?;
    migrate(&mut connection, MIGRATIONS)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| StoreError::Entropy)?;
    connection.execute("INSERT INTO server_secret (id, secret) VALUES (1, ?1)", [secret])?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.close().map_err(|(_, error)| error)?;
    File::open(&draft).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&draft, path).and_then(|()| files::sync_parent(path)).map_err(failed)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn check(connection: &Connection) -> Result<(), StoreError> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Err(StoreError::Corrupt("it is empty, or no database of this server".to_owned()));
    }
    // Table by table: asked for all, SQLite would also compare the index for searching with itself, which takes as long as
    // making it.
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY rootpage")?;
    let tables = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    for table in ["sqlite_schema".to_owned()].iter().chain(&tables) {
        let check = format!("PRAGMA quick_check('{table}')");
        let verdict: String = connection.query_one(&check, [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(StoreError::Corrupt(verdict));
        }
    }
    Ok(())
}

/// SQLite's companions of a file: its name with something behind.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
