//! A second connection that only reads: what is looked up in the history never makes a message wait for the disk.

use std::io;
use std::thread;

use async_channel::{Receiver, Sender, bounded};
use hph_platform::clock::Clock;
use rusqlite::{Connection, OpenFlags};

use super::health::Health;
use super::{Store, StoreError};

/// Look-ups that may wait; more wait at the door.
const QUEUE_MAX: usize = 256;

/// Reads what the [`Store`] has committed, beside it.
#[derive(Debug)]
pub struct StoreReader {
    pub(super) connection: Connection,
}

impl Store {
    /// A reader of the same file. It must be dropped before the store, or the store leaves its log behind.
    ///
    /// # Errors
    /// Only if the database fails.
    pub fn reader(&self) -> Result<StoreReader, StoreError> {
        let path = self.connection.path().ok_or(StoreError::Closed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(super::open::BUSY_WAIT)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(StoreReader { connection })
    }
}

enum Job {
    /// What it is, and whether it is a search.
    LookUp(Box<dyn FnOnce(&StoreReader) + Send>, bool),
    /// Another connection from now on, or none; then say so.
    Lend(Option<StoreReader>, Sender<()>),
}

/// A clonable door to the thread that owns the [`StoreReader`].
#[derive(Clone, Debug)]
pub(super) struct ReaderHandle {
    jobs: Sender<Job>,
    ended: Receiver<()>,
    health: Health,
}

impl ReaderHandle {
    /// Starts the thread. It ends when the last handle is dropped or one is closed.
    pub fn spawn(reader: StoreReader, health: Health) -> io::Result<Self> {
        let (jobs, queue) = bounded::<Job>(QUEUE_MAX);
        let (alive, ended) = bounded(1);
        let seen = health.clone();
        thread::Builder::new().name("store reader".to_owned()).spawn(move || {
            let mut reader = Some(reader);
            while let Ok(job) = queue.recv_blocking() {
                match job {
                    Job::LookUp(look_up, is_search) => {
                        let began = Clock::now();
                        // Without a connection it is dropped: whoever asked is told.
                        if let Some(reader) = &reader {
                            look_up(reader);
                            seen.record_look_up(is_search, Clock::now().since(began));
                        }
                    }
                    Job::Lend(other, done) => {
                        reader = other;
                        let _ = done.try_send(());
                    }
                }
            }
            drop(reader);
            drop(alive);
        })?;
        Ok(Self { jobs, ended, health })
    }

    /// Gives the thread another connection, or none, and waits until it has closed the one that it had. Blocks.
    pub fn lend(&self, reader: Option<StoreReader>) {
        let (done, is_done) = bounded(1);
        if self.jobs.send_blocking(Job::Lend(reader, done)).is_ok() {
            let _ = is_done.recv_blocking();
        }
    }

    /// Takes no more jobs, finishes those that wait and closes the file.
    pub async fn close(&self) {
        self.jobs.close();
        // Nothing is ever sent here: the wait ends when the thread drops its end.
        let _ = self.ended.recv().await;
    }

    /// Looks something up.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.look_up(false, job).await
    }

    /// Searches: the same, counted apart.
    pub async fn search<T: Send + 'static>(
        &self,
        job: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.look_up(true, job).await
    }

    async fn look_up<T: Send + 'static>(
        &self,
        is_search: bool,
        job: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = bounded(1);
        let job = Box::new(move |reader: &StoreReader| {
            // Nobody may be waiting any more; then the answer is not needed.
            let _ = answer.try_send(job(reader));
        });
        self.jobs.send(Job::LookUp(job, is_search)).await.map_err(|_| StoreError::Closed)?;
        answered.recv().await.map_err(|_| self.health.unanswered())?
    }
}
