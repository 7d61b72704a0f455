//! Which files there are. Their bytes lie beside the database ([`crate::blobs`]).

use std::fmt;

use rusqlite::{OptionalExtension, Row};

use super::messages::number;
use super::{Store, StoreError};

/// What was begun and not finished is given up after this.
const UNFINISHED_MAX_MS: u64 = 24 * 3600 * 1000;

/// A file, on its way or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Its number on this server.
    pub id: u64,
    /// On which room's shelf it is; none for one person's.
    pub room: Option<u32>,
    /// Login name of the person for whom it is; none on a shelf.
    pub recipient: Option<String>,
    /// Login name of whoever sent it.
    pub author: String,
    /// Their name to show.
    pub author_name: String,
    /// The author's reference.
    pub author_ref: u64,
    /// When it was offered. **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// Whether all of it is here.
    pub is_stored: bool,
    /// Its name; nothing for one person's, who finds it inside the seal.
    pub name: String,
    /// **Units:** bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// A file that somebody offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// As in [`FileRow`].
    pub room: Option<u32>,
    /// As in [`FileRow`].
    pub recipient: Option<String>,
    /// As in [`FileRow`].
    pub author: String,
    /// As in [`FileRow`].
    pub author_name: String,
    /// Unique per author.
    pub author_ref: u64,
    /// Now. **Units:** milliseconds since 1970.
    pub time_ms: u64,
    /// As in [`FileRow`].
    pub name: String,
    /// As in [`FileRow`].
    pub size: u64,
    /// As in [`FileRow`].
    pub sha256: [u8; 32],
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It is larger than any may be.
    TooLarge,
    /// The room, the sender or the server has as much as it may have.
    NoSpace,
    /// The author has offered something else under that reference.
    OtherFile,
    /// The database.
    Store(StoreError),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the file is too large"),
            Self::NoSpace => f.write_str("there is no space left for files"),
            Self::OtherFile => f.write_str("another file has that reference"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {}

impl From<StoreError> for FileError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for FileError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

const COLUMNS: &str =
    "id, room_id, recipient, author, author_name, author_ref, time_ms, stored_ms IS NOT NULL, name, size, sha256";

fn from_row(row: &Row<'_>) -> rusqlite::Result<FileRow> {
    let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    Ok(FileRow {
        id: count(0)?,
        room: row.get(1)?,
        recipient: row.get(2)?,
        author: row.get(3)?,
        author_name: row.get(4)?,
        author_ref: count(5)?,
        time_ms: count(6)?,
        is_stored: row.get(7)?,
        name: row.get(8)?,
        size: count(9)?,
        sha256: row.get(10)?,
    })
}

impl Store {
    /// Takes a file on, and reserves the space for it. One that the author has offered before is found again.
    ///
    /// # Errors
    /// Any [`FileError`]; nothing is changed then.
    pub fn offer_file(&mut self, file: &NewFile) -> Result<FileRow, FileError> {
        let (largest, of_one, of_all) =
            (self.limits.file_max_bytes, self.limits.files_room_bytes, self.limits.files_total_bytes);
        let transaction = self.write()?;
        let known = format!("SELECT {COLUMNS} FROM files WHERE author = ?1 AND author_ref = ?2");
        let reference = file.author_ref.cast_signed();
        let known = transaction.query_row(&known, (&file.author, reference), from_row).optional()?;
        if let Some(known) = known {
            let is_it = known.room == file.room
                && known.recipient == file.recipient
                && (known.size, known.sha256) == (file.size, file.sha256);
            return if is_it { Ok(known) } else { Err(FileError::OtherFile) };
        }
        if file.size > largest {
            return Err(FileError::TooLarge);
        }
        let sum = |condition: &str, value: &dyn rusqlite::ToSql| -> rusqlite::Result<u64> {
            let query = format!("SELECT coalesce(sum(size), 0) FROM files WHERE {condition}");
            transaction.query_row(&query, [value], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))
        };
        // What is for one person counts for whoever sent it.
        let here = match file.room {
            Some(room) => sum("room_id = ?1", &room)?,
            None => sum("room_id IS NULL AND author = ?1", &file.author)?,
        };
        if here.saturating_add(file.size) > of_one || sum("?1", &1)?.saturating_add(file.size) > of_all {
            return Err(FileError::NoSpace);
        }
        transaction.execute(
            "INSERT INTO files (room_id, recipient, author, author_name, author_ref, time_ms, name, size, sha256) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                file.room,
                &file.recipient,
                &file.author,
                &file.author_name,
                reference,
                number(file.time_ms),
                &file.name,
                number(file.size),
                file.sha256,
            ),
        )?;
        let id = transaction.last_insert_rowid();
        let query = format!("SELECT {COLUMNS} FROM files WHERE id = ?1");
        let row = transaction.query_row(&query, [id], from_row)?;
        transaction.commit()?;
        Ok(row)
    }

    /// A file by its number.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn file(&self, id: u64) -> Result<Option<FileRow>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM files WHERE id = ?1");
        Ok(self.connection.prepare_cached(&query)?.query_row([number(id)], from_row).optional()?)
    }

    /// Notes that all of a file is on the disk. False if it was noted before, or the file is gone.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn file_stored(&mut self, id: u64, now_ms: u64) -> Result<bool, StoreError> {
        let query = "UPDATE files SET stored_ms = ?2 WHERE id = ?1 AND stored_ms IS NULL";
        Ok(self.connection.execute(query, (number(id), number(now_ms)))? == 1)
    }

    /// Forgets a file.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn forget_file(&mut self, id: u64) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM files WHERE id = ?1", [number(id)])?;
        Ok(())
    }

    /// Up to `count` files of a room's shelf, newest first, with numbers below `before` (0: from the newest), and what to
    /// ask for next as `before`; 0 if there is nothing older.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn files_of_room(&self, room: u32, before: u64, count: usize) -> Result<(Vec<FileRow>, u64), StoreError> {
        let before = if before == 0 { i64::MAX } else { number(before) };
        let one_more = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        let query = format!(
            "SELECT {COLUMNS} FROM files WHERE room_id = ?1 AND id < ?2 AND stored_ms IS NOT NULL ORDER BY id DESC LIMIT ?3"
        );
        let mut query = self.connection.prepare_cached(&query)?;
        let rows = query.query_map((room, before, one_more), from_row)?;
        let mut files = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let is_more = files.len() > count;
        files.truncate(count);
        let next = files.last().map(|file| file.id).filter(|_| is_more).unwrap_or(0);
        Ok((files, next))
    }

    /// Files that are kept no longer: begun a day ago and never finished, or older than their room keeps its messages.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn stale_files(&self, now_ms: u64) -> Result<Vec<u64>, StoreError> {
        let older = |query: &str, room: u32, age_ms: u64| -> rusqlite::Result<Vec<i64>> {
            let mut query = self.connection.prepare_cached(query)?;
            query.query_map((room, number(now_ms.saturating_sub(age_ms))), |row| row.get(0))?.collect()
        };
        let unfinished = "SELECT id FROM files WHERE ?1 = 0 AND stored_ms IS NULL AND time_ms < ?2";
        let mut stale = older(unfinished, 0, UNFINISHED_MAX_MS)?;
        for room in self.rooms()? {
            if let Some(kept_ms) = self.limits.kept_ms(&room.name) {
                stale.extend(older("SELECT id FROM files WHERE room_id = ?1 AND time_ms < ?2", room.id, kept_ms)?);
            }
        }
        Ok(stale.into_iter().map(i64::cast_unsigned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::StoreLimits;
    use super::*;

    fn store(limits: StoreLimits) -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = Store::open(directory.path(), limits).expect("opens");
        store.create_room("Nhóm 17", "an.", 1).expect("made");
        (directory, store)
    }

    fn file(author_ref: u64, size: u64) -> NewFile {
        NewFile {
            room: Some(1),
            recipient: None,
            author: "lan".to_owned(),
            author_name: "Lan".to_owned(),
            author_ref,
            time_ms: 1000,
            name: "bài tập.pdf".to_owned(),
            size,
            sha256: [size as u8; 32],
        }
    }

    fn small() -> StoreLimits {
        StoreLimits { file_max_bytes: 100, files_room_bytes: 150, files_total_bytes: 220, ..StoreLimits::default() }
    }

    #[test]
    fn a_file_that_is_offered_again_is_the_same_and_another_one_may_not_pose_as_it() {
        let (_directory, mut store) = store(small());
        let first = store.offer_file(&file(7, 60)).expect("taken");
        assert_eq!(store.offer_file(&file(7, 60)), Ok(first.clone()));
        assert_eq!(store.offer_file(&file(7, 61)), Err(FileError::OtherFile));
        let other = NewFile { room: None, recipient: Some("an.".to_owned()), ..file(7, 60) };
        assert_eq!(store.offer_file(&other), Err(FileError::OtherFile));
        assert!(!first.is_stored);
        assert_eq!(store.file_stored(first.id, 5), Ok(true));
        assert_eq!(store.file_stored(first.id, 6), Ok(false));
        assert!(store.offer_file(&file(7, 60)).expect("known").is_stored);
        assert_eq!(store.file_stored(99, 6), Ok(false));
    }

    #[test]
    fn space_is_reserved_when_a_file_is_offered_and_given_back_when_it_goes() {
        let (_directory, mut store) = store(small());
        assert_eq!(store.offer_file(&file(1, 101)), Err(FileError::TooLarge));
        let first = store.offer_file(&file(1, 100)).expect("fits");
        assert_eq!(store.offer_file(&file(2, 51)), Err(FileError::NoSpace), "the room's");
        store.offer_file(&file(2, 50)).expect("fits");
        let direct =
            |author_ref, size| NewFile { room: None, recipient: Some("an.".to_owned()), ..file(author_ref, size) };
        assert_eq!(store.offer_file(&direct(3, 71)), Err(FileError::NoSpace), "the server's");
        store.offer_file(&direct(3, 70)).expect("fits");
        store.forget_file(first.id).expect("gone");
        store.offer_file(&file(4, 100)).expect("fits again");
        assert_eq!(store.file(first.id), Ok(None));
    }

    #[test]
    fn a_shelf_is_paged_from_the_newest_and_shows_what_is_whole() {
        let (_directory, mut store) = store(StoreLimits::default());
        let ids: Vec<u64> = (1..=5).map(|n| store.offer_file(&file(n, n)).expect("taken").id).collect();
        for id in &ids[..4] {
            store.file_stored(*id, 5).expect("noted");
        }
        let (page, before) = store.files_of_room(1, 0, 3).expect("read");
        assert_eq!(page.iter().map(|file| file.id).collect::<Vec<_>>(), [ids[3], ids[2], ids[1]]);
        let (rest, end) = store.files_of_room(1, before, 3).expect("read");
        assert_eq!((rest.len(), rest[0].id, end), (1, ids[0], 0));
        assert_eq!(store.files_of_room(2, 0, 3).expect("read"), (vec![], 0));
    }

    #[test]
    fn what_was_never_finished_or_is_older_than_its_room_keeps_is_stale() {
        let limits = StoreLimits { room_days: vec![("Nhóm 17".to_owned(), 2)], ..StoreLimits::default() };
        let (_directory, mut store) = store(limits);
        let (begun, whole) =
            (store.offer_file(&file(1, 1)).expect("taken"), store.offer_file(&file(2, 2)).expect("taken"));
        store.file_stored(whole.id, 1000).expect("noted");
        let day = 24 * 3600 * 1000;
        assert_eq!(store.stale_files(1000 + day), Ok(vec![]));
        assert_eq!(store.stale_files(1001 + day), Ok(vec![begun.id]));
        store.forget_file(begun.id).expect("gone");
        assert_eq!(store.stale_files(1001 + 2 * day), Ok(vec![whole.id]));
    }
}
