//! The thread that owns the [`Store`], and what it does when the disk under it is full or fails.
//!
//! After a failed `fsync` nobody knows what is on the disk: the kernel has forgotten that the pages were to be written, and the
//! next `fsync` says that all is well (<https://www.sqlite.org/wal.html>, `fsync(2)`). So it is never tried again on the same file
//! descriptors. The database is closed without another word to the disk; whatever was not acknowledged is cut off its log; then
//! it is opened anew, checked, and all of the log is written into the database once more. Until that has succeeded every job is
//! refused, and the meetings go on without it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use async_channel::{Receiver, Sender};
use async_io::Timer;
use futures_lite::FutureExt;
use hph_core::time::{Duration, Instant};
use hph_platform::clock::Clock;
use rusqlite::config::DbConfig;

use super::health::{Health, Trouble, take_noted};
use super::open::{DATABASE_FILE, beside};
use super::reader::ReaderHandle;
use super::{NewEntry, Secret, Store, StoreError, StoreLimits, StoredMessage};

/// Messages in one transaction.
const GROUP_MAX: usize = 256;
/// A disk that was full or failed is looked at again this often.
const LOOK_AGAIN: Duration = Duration::from_millis(1000);
/// A disk is no longer full when it has this much. **Units:** bytes.
const PLACE_MIN_BYTES: u64 = 1024 * 1024;
/// So many frames in the log are written into the database: SQLite's own default, but that it would not tell of a failure.
const LOG_FRAMES_MAX: i64 = 1000;
/// Before the frames of a log, and before each of them (SQLite's file format, 4.1 and 4.2). **Units:** bytes.
const LOG_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// Where the answer to an append goes.
pub(super) type Answer = Sender<Result<StoredMessage, StoreError>>;

/// What the thread is asked.
pub(super) enum Job {
    Append(NewEntry, Answer),
    Run(Box<dyn FnOnce(&mut Store) + Send>),
}

/// All that the thread owns. Its store is none while the disk fails.
pub(super) struct Keeper {
    store: Option<Store>,
    data_dir: PathBuf,
    limits: StoreLimits,
    reader: ReaderHandle,
    health: Health,
    is_full: bool,
    /// What of the log was acknowledged when the disk failed. **Units:** bytes.
    log_bytes: Option<u64>,
    /// Of the database that is this server's.
    secret: Secret,
    changes: u64,
    /// When a disk that is not well is looked at again.
    look_at: Instant,
}

impl Keeper {
    pub fn new(store: Store, reader: ReaderHandle, health: Health) -> Self {
        let path = store.connection.path().map(PathBuf::from).unwrap_or_default();
        let data_dir = path.parent().unwrap_or(Path::new("")).to_owned();
        let (limits, secret, look_at) = (store.limits.clone(), store.server_secret, Clock::now());
        let (store_later, is_full, log_bytes, changes) = (None, false, None, 0);
        let mut keeper =
            Self { store: store_later, data_dir, limits, reader, health, is_full, log_bytes, secret, changes, look_at };
        keeper.take(store);
        keeper
    }

    /// Works until the queue is closed and empty, then closes the database.
    pub fn run(mut self, queue: &Receiver<Job>) {
        let mut next = None;
        loop {
            let Some(job) = next.take().or_else(|| self.next_job(queue)) else { break };
            // While the disk fails a job is dropped: whoever asked is told.
            let Some(store) = &mut self.store else { continue };
            next = match job {
                Job::Run(run) => {
                    run(store);
                    None
                }
                Job::Append(entry, answer) => append_group(store, &self.health, entry, answer, queue),
            };
            self.look_after();
        }
        if let Some(store) = self.store.take().filter(|_| self.is_full) {
            // The log is good as it is; there is no place to fold it in.
            close_silently(store);
        }
    }

    /// The next job; none when there will be no more. Beside it a disk that is not well is looked at.
    fn next_job(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        loop {
            if self.store.is_some() && !self.is_full {
                return queue.recv_blocking().ok();
            }
            let waiting = async { Some(queue.recv().await) };
            let left = std::time::Duration::from_micros(self.look_at.since(Clock::now()).as_micros());
            let due = async {
                Timer::after(left).await;
                None
            };
            // First whether it is time: there may always be another job.
            if let Some(job) = async_io::block_on(due.or(waiting)) {
                return job.ok();
            }
            if self.is_full {
                self.try_to_write();
            } else {
                self.reopen();
            }
            self.look_at = Clock::now() + LOOK_AGAIN;
        }
    }

    /// Looks at what the disk did to the last job, and writes the log into the database when it is long.
    fn look_after(&mut self) {
        if self.heed(take_noted()) {
            return;
        }
        let Some(store) = &self.store else { return };
        let changes = store.connection.total_changes();
        if changes == self.changes {
            return;
        }
        self.changes = changes;
        if log_frames(store).is_ok_and(|frames| frames >= LOG_FRAMES_MAX) {
            let _ = checkpoint(store, "PASSIVE");
            self.heed(take_noted());
        }
    }

    /// Gives whether there was trouble.
    fn heed(&mut self, trouble: Option<Trouble>) -> bool {
        match trouble {
            None => return false,
            Some(Trouble::Full) => {
                self.is_full = true;
                self.health.set_full();
                self.look_at = Clock::now() + LOOK_AGAIN;
            }
            Some(Trouble::Failed(why)) => {
                self.health.set_failed(&why);
                self.give_up();
                self.reopen();
                self.look_at = Clock::now() + LOOK_AGAIN;
            }
        }
        true
    }

    /// A full disk: whether something can be written now.
    fn try_to_write(&mut self) {
        let Some(store) = &mut self.store else { return };
        if !has_place(&self.data_dir) {
            return;
        }
        let written = store.prove_writable();
        if !self.heed(take_noted()) && written.is_ok() {
            self.is_full = false;
            self.health.set_well();
        }
    }

    /// Closes the database as it is, on every thread.
    fn give_up(&mut self) {
        self.reader.lend(None);
        self.is_full = false;
        let Some(store) = self.store.take() else { return };
        let page_bytes: Result<u64, _> =
            store.connection.pragma_query_value(None, "page_size", |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
        self.log_bytes = match (log_frames(&store), page_bytes) {
            (Ok(0), _) => Some(0),
            (Ok(frames), Ok(page)) => Some(LOG_HEADER_BYTES + frames.cast_unsigned() * (FRAME_HEADER_BYTES + page)),
            _ => None,
        };
        close_silently(store);
        let _ = take_noted();
    }

    /// Opens the database anew. It is good only when all of it was written and something more could be.
    fn reopen(&mut self) {
        if self.store.is_some() {
            return;
        }
        match self.try_reopen() {
            Ok(store) => {
                if let Ok(reader) = store.reader() {
                    self.reader.lend(Some(reader));
                }
                self.take(store);
                self.log_bytes = None;
                self.health.count_reopened();
                self.health.set_well();
            }
            Err(StoreError::Disk(why)) => self.health.set_failed(&why),
            Err(error) => self.health.set_failed(&error.to_string()),
        }
        let _ = take_noted();
    }

    fn try_reopen(&mut self) -> Result<Store, StoreError> {
        let path = self.data_dir.join(DATABASE_FILE);
        if !path.exists() {
            // A new one would be another server's.
            return Err(StoreError::file(&path, &std::io::ErrorKind::NotFound.into()));
        }
        if let Some(len) = self.log_bytes {
            let log = beside(&path, "-wal");
            cut(&log, len).map_err(|error| StoreError::file(&log, &error))?;
            self.log_bytes = None;
        }
        let mut store = Store::open(&self.data_dir, self.limits.clone())?;
        if store.server_secret.0 != self.secret.0 {
            close_silently(store);
            return Err(StoreError::Corrupt("it is another server's now".to_owned()));
        }
        let proven = checkpoint(&store, "TRUNCATE").and_then(|()| store.prove_writable());
        match proven {
            Ok(()) => Ok(store),
            Err(error) => {
                close_silently(store);
                Err(error)
            }
        }
    }

    fn take(&mut self, store: Store) {
        // Done by this thread, which hears of failures.
        let _ = store.connection.pragma_update(None, "wal_autocheckpoint", 0);
        self.changes = store.connection.total_changes();
        self.store = Some(store);
    }
}

impl Store {
    /// Writes something that changes nothing, and waits until it is on the disk. Not a row: SQLite compares those, and writes
    /// none that is as it was.
    fn prove_writable(&mut self) -> Result<(), StoreError> {
        let transaction = self.write()?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
        Ok(())
    }
}

/// Frames of the log that were committed. Nothing is asked of the disk.
fn log_frames(store: &Store) -> Result<i64, StoreError> {
    Ok(store.connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?)
}

/// Writes the log into the database, as far as no reader needs it.
fn checkpoint(store: &Store, how: &str) -> Result<(), StoreError> {
    let query = format!("PRAGMA wal_checkpoint({how})");
    Ok(store.connection.query_row(&query, [], |_| Ok(()))?)
}

/// Closes the files without writing the log into the database: nothing is asked of these descriptors any more.
fn close_silently(store: Store) {
    let _ = store.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    drop(store);
}

/// Cuts a file to `len` bytes, if it is longer, by a descriptor of its own.
fn cut(path: &Path, len: u64) -> std::io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if file.metadata()?.len() <= len => Ok(()),
        Ok(file) => file.set_len(len).and_then(|()| file.sync_all()),
    }
}

/// Where the system does not say: yes.
fn has_place(folder: &Path) -> bool {
    let free = rustix::fs::statvfs(folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    !free.is_ok_and(|free| free < PLACE_MIN_BYTES)
}

/// Commits the first entry together with those that wait right behind it, then answers all. Returns the job that
/// ended the group, if there was one.
fn append_group(
    store: &mut Store,
    health: &Health,
    entry: NewEntry,
    answer: Answer,
    queue: &Receiver<Job>,
) -> Option<Job> {
    let mut entries = vec![entry];
    let mut waiting = vec![answer];
    let mut next = None;
    while entries.len() < GROUP_MAX {
        match queue.try_recv() {
            Ok(Job::Append(entry, answer)) => {
                entries.push(entry);
                waiting.push(answer);
            }
            Ok(other) => {
                next = Some(other);
                break;
            }
            Err(_) => break,
        }
    }
    let began = Clock::now();
    let results = store.append_all(&entries);
    health.record_commit(Clock::now().since(began));
    for (answer, result) in waiting.iter().zip(results) {
        let _ = answer.try_send(result);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proves_that_a_disk_can_be_written_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::open(folder.path(), StoreLimits::default()).expect("opens");
        let before = log_frames(&store).expect("counted");
        store.prove_writable().expect("written");
        assert!(log_frames(&store).expect("counted") > before);
    }

    #[test]
    fn a_log_is_cut_to_what_was_acknowledged_and_never_made_longer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        cut(&path, 3).expect("nothing there");
        std::fs::write(&path, b"abcdef").expect("written");
        cut(&path, 9).expect("shorter");
        assert_eq!(std::fs::read(&path).expect("read"), b"abcdef");
        cut(&path, 3).expect("cut");
        assert_eq!(std::fs::read(&path).expect("read"), b"abc");
    }
}
