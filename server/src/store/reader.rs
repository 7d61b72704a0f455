//! A second connection that only reads: what is looked up in the history never makes a message wait for the disk.

use std::io;
use std::thread;

use async_channel::{Receiver, Sender, bounded};
use rusqlite::{Connection, OpenFlags};

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

type Job = Box<dyn FnOnce(&StoreReader) + Send>;

/// A clonable door to the thread that owns the [`StoreReader`].
#[derive(Clone, Debug)]
pub(super) struct ReaderHandle {
    jobs: Sender<Job>,
    ended: Receiver<()>,
}

impl ReaderHandle {
    /// Starts the thread. It ends when the last handle is dropped or one is closed.
    pub fn spawn(reader: StoreReader) -> io::Result<Self> {
        let (jobs, queue) = bounded::<Job>(QUEUE_MAX);
        let (alive, ended) = bounded(1);
        thread::Builder::new().name("store reader".to_owned()).spawn(move || {
            while let Ok(job) = queue.recv_blocking() {
                job(&reader);
            }
            drop(reader);
            drop(alive);
        })?;
        Ok(Self { jobs, ended })
    }

    /// Takes no more jobs, finishes those that wait and closes the file.
    pub async fn close(&self) {
        self.jobs.close();
        // Nothing is ever sent here: the wait ends when the thread drops its end.
        let _ = self.ended.recv().await;
    }

    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&StoreReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = bounded(1);
        let job = Box::new(move |reader: &StoreReader| {
            // Nobody may be waiting any more; then the answer is not needed.
            let _ = answer.try_send(job(reader));
        });
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answered.recv().await.map_err(|_| StoreError::Closed)?
    }
}
