//! The store for tasks: one thread owns the database, tasks send it jobs and wait without blocking.

use std::io;
use std::thread;

use async_channel::{Receiver, Sender, bounded};
use hph_core::room::roles::RoomPassword;

use crate::notice::Notices;

use super::health::{Health, StoreFigures};
use super::keeper::{Job, Keeper};
use super::reader::ReaderHandle;
use super::{
    Account, AccountRow, AuditEntry, Direct, FileError, FileRow, Hits, Message, NewAccount, NewChange, NewDirect,
    NewEntry, NewFile, NewMessage, Page, ReadMark, Redeemed, RegisterError, RoomError, RoomRow, Secret, Store,
    StoreError, StoredMessage, Unread,
};

/// Jobs that may wait; more senders wait at the door.
const QUEUE_MAX: usize = 1024;

/// A clonable door to the thread that owns the [`Store`] (see `store/keeper.rs`). Each method does what the method of the same name of
/// [`Store`] does, in the order in which they were asked, and all that can fail fails with [`StoreError::Closed`] after
/// [`close`](Self::close), and with [`StoreError::Disk`] while the disk fails. A job goes on if the task that asked for it is dropped.
///
/// Messages that wait together are committed together: under load many of them share one wait for the disk. What is
/// looked up in the history has a thread and a connection of its own, and sees all that was answered before.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    jobs: Sender<Job>,
    ended: Receiver<()>,
    reader: ReaderHandle,
    health: Health,
    server_secret: Secret,
}

impl StoreHandle {
    /// Starts the threads. They end when the last handle is dropped or one is closed.
    ///
    /// # Errors
    /// The operating system starts no more threads, or the file can't be opened a second time.
    pub fn spawn(store: Store, notices: Notices) -> io::Result<Self> {
        let (jobs, queue) = bounded(QUEUE_MAX);
        let (alive, ended) = bounded(1);
        let server_secret = store.server_secret;
        let health = Health::new(notices);
        let reader = ReaderHandle::spawn(store.reader().map_err(io::Error::other)?, health.clone())?;
        let keeper = Keeper::new(store, reader.clone(), health.clone());
        thread::Builder::new().name("store".to_owned()).spawn(move || {
            keeper.run(&queue);
            drop(alive);
        })?;
        Ok(Self { jobs, ended, reader, health, server_secret })
    }

    /// How the disk is, and what the threads counted.
    pub fn figures(&self) -> StoreFigures {
        self.health.figures()
    }

    /// Takes no more jobs, finishes those that wait and closes the file.
    pub async fn close(&self) {
        // The last one to go folds the log in, and only the writer can.
        self.reader.close().await;
        self.jobs.close();
        // Nothing is ever sent here: the wait ends when the thread drops its end.
        let _ = self.ended.recv().await;
    }

    /// See [`Store::server_secret`].
    pub fn server_secret(&self) -> [u8; 32] {
        self.server_secret.0
    }

    /// See [`Store::account`].
    ///
    /// # Errors
    /// As there.
    pub async fn account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let username = username.to_owned();
        self.run(move |store| store.account(&username)).await
    }

    /// See [`Store::register`].
    ///
    /// # Errors
    /// As there.
    pub async fn register(&self, account: NewAccount) -> Result<Account, RegisterError> {
        self.run(move |store| store.register(&account)).await
    }

    /// See [`Store::redeem_token`].
    ///
    /// # Errors
    /// As there.
    pub async fn redeem_token(
        &self,
        username: &str,
        token: [u8; 32],
        now_ms: u64,
    ) -> Result<Option<Redeemed>, StoreError> {
        let username = username.to_owned();
        self.run(move |store| store.redeem_token(&username, &token, now_ms)).await
    }

    /// See [`Store::revoke_token`].
    ///
    /// # Errors
    /// As there.
    pub async fn revoke_token(&self, token: [u8; 32]) -> Result<(), StoreError> {
        self.run(move |store| store.revoke_token(&token)).await
    }

    /// See [`Store::revoke_tokens`].
    ///
    /// # Errors
    /// As there.
    pub async fn revoke_tokens(&self, account_id: i64) -> Result<(), StoreError> {
        self.run(move |store| store.revoke_tokens(account_id)).await
    }

    /// See [`Store::create_room`].
    ///
    /// # Errors
    /// As there.
    pub async fn create_room(&self, name: &str, created_by: &str, now_ms: u64) -> Result<RoomRow, RoomError> {
        let (name, created_by) = (name.to_owned(), created_by.to_owned());
        self.run(move |store| store.create_room(&name, &created_by, now_ms)).await
    }

    /// See [`Store::rooms`].
    ///
    /// # Errors
    /// As there.
    pub async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        self.run(|store| store.rooms()).await
    }

    /// See [`Store::create_breakout`].
    ///
    /// # Errors
    /// As there.
    pub async fn create_breakout(&self, parent: u32, name: &str, now_ms: u64) -> Result<u32, RoomError> {
        let name = name.to_owned();
        self.run(move |store| store.create_breakout(parent, &name, now_ms)).await
    }

    /// See [`Store::drop_breakout`].
    ///
    /// # Errors
    /// As there.
    pub async fn drop_breakout(&self, room: u32) -> Result<(), StoreError> {
        self.run(move |store| store.drop_breakout(room)).await
    }

    /// See [`Store::append_message`].
    ///
    /// # Errors
    /// As there.
    pub async fn append_message(&self, message: NewMessage) -> Result<StoredMessage, StoreError> {
        self.append(NewEntry::Message(message)).await
    }

    /// See [`Store::messages_after`].
    ///
    /// # Errors
    /// As there.
    pub async fn messages_after(&self, room: u32, after_id: u64, limit: u32) -> Result<Vec<Message>, StoreError> {
        self.run(move |store| store.messages_after(room, after_id, limit)).await
    }

    /// See [`Store::latest_message_id`].
    ///
    /// # Errors
    /// As there.
    pub async fn latest_message_id(&self, room: u32) -> Result<u64, StoreError> {
        self.run(move |store| store.latest_message_id(room)).await
    }

    /// See [`Store::append_change`].
    ///
    /// # Errors
    /// As there.
    pub async fn append_change(&self, change: NewChange) -> Result<StoredMessage, StoreError> {
        self.append(NewEntry::Change(change)).await
    }

    /// See [`super::StoreReader::history`].
    ///
    /// # Errors
    /// As there.
    pub async fn history(&self, room: u32, before: u64, count: usize) -> Result<Page, StoreError> {
        self.reader.run(move |reader| reader.history(room, before, count)).await
    }

    /// See [`super::StoreReader::search`].
    ///
    /// # Errors
    /// As there.
    pub async fn search(&self, room: u32, words: &str, before: u64, count: usize) -> Result<Hits, StoreError> {
        let words = words.to_owned();
        self.reader.search(move |reader| reader.search(room, &words, before, count)).await
    }

    /// See [`super::StoreReader::message`].
    ///
    /// # Errors
    /// As there.
    pub async fn message(&self, room: u32, id: u64) -> Result<Option<Message>, StoreError> {
        self.reader.run(move |reader| reader.message(room, id)).await
    }

    /// See [`super::StoreReader::unread`].
    ///
    /// # Errors
    /// As there.
    pub async fn unread(&self, username: &str) -> Result<Vec<Unread>, StoreError> {
        let username = username.to_owned();
        self.reader.run(move |reader| reader.unread(&username)).await
    }

    /// See [`Store::mark_read`].
    ///
    /// # Errors
    /// As there.
    pub async fn mark_read(&self, marks: Vec<ReadMark>) -> Result<(), StoreError> {
        self.run(move |store| store.mark_read(&marks)).await
    }

    /// See [`Store::directs_read`].
    ///
    /// # Errors
    /// As there.
    pub async fn directs_read(&self, username: &str) -> Result<u64, StoreError> {
        let username = username.to_owned();
        self.run(move |store| store.directs_read(&username)).await
    }

    /// See [`Store::moderate`].
    ///
    /// # Errors
    /// As there.
    pub async fn moderate(
        &self,
        room: u32,
        entry: AuditEntry,
        password: Option<RoomPassword>,
    ) -> Result<(), StoreError> {
        self.run(move |store| store.moderate(room, &entry, password.as_ref())).await
    }

    /// See [`super::StoreReader::audit`].
    ///
    /// # Errors
    /// As there.
    pub async fn audit(&self, room: u32, before: u64, count: usize) -> Result<(Vec<AuditEntry>, u64), StoreError> {
        self.reader.run(move |reader| reader.audit(room, before, count)).await
    }

    /// See [`Store::prune`].
    ///
    /// # Errors
    /// As there.
    pub async fn prune(&self, now_ms: u64, batch: u32) -> Result<bool, StoreError> {
        self.run(move |store| store.prune(now_ms, batch)).await
    }

    /// See [`Store::accounts`].
    ///
    /// # Errors
    /// As there.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        self.run(|store| store.accounts()).await
    }

    /// See [`Store::delete_account`].
    ///
    /// # Errors
    /// As there.
    pub async fn delete_account(&self, username: &str) -> Result<bool, StoreError> {
        let username = username.to_owned();
        self.run(move |store| store.delete_account(&username)).await
    }

    /// See [`Store::offer_file`].
    ///
    /// # Errors
    /// As there.
    pub async fn offer_file(&self, file: NewFile) -> Result<FileRow, FileError> {
        self.run(move |store| store.offer_file(&file)).await
    }

    /// See [`Store::file`].
    ///
    /// # Errors
    /// As there.
    pub async fn file(&self, id: u64) -> Result<Option<FileRow>, StoreError> {
        self.run(move |store| store.file(id)).await
    }

    /// See [`Store::file_stored`].
    ///
    /// # Errors
    /// As there.
    pub async fn file_stored(&self, id: u64, now_ms: u64) -> Result<bool, StoreError> {
        self.run(move |store| store.file_stored(id, now_ms)).await
    }

    /// See [`Store::forget_file`].
    ///
    /// # Errors
    /// As there.
    pub async fn forget_file(&self, id: u64) -> Result<(), StoreError> {
        self.run(move |store| store.forget_file(id)).await
    }

    /// See [`Store::files_of_room`].
    ///
    /// # Errors
    /// As there.
    pub async fn files_of_room(&self, room: u32, before: u64, count: usize) -> Result<(Vec<FileRow>, u64), StoreError> {
        self.run(move |store| store.files_of_room(room, before, count)).await
    }

    /// See [`Store::stale_files`].
    ///
    /// # Errors
    /// As there.
    pub async fn stale_files(&self, now_ms: u64) -> Result<Vec<u64>, StoreError> {
        self.run(move |store| store.stale_files(now_ms)).await
    }

    /// See [`Store::append_direct`].
    ///
    /// # Errors
    /// As there.
    pub async fn append_direct(&self, direct: NewDirect) -> Result<StoredMessage, StoreError> {
        self.append(NewEntry::Direct(direct)).await
    }

    /// See [`Store::directs_after`].
    ///
    /// # Errors
    /// As there.
    pub async fn directs_after(&self, recipient: &str, after_id: u64, limit: u32) -> Result<Vec<Direct>, StoreError> {
        let recipient = recipient.to_owned();
        self.run(move |store| store.directs_after(&recipient, after_id, limit)).await
    }

    /// See [`Store::latest_direct_id`].
    ///
    /// # Errors
    /// As there.
    pub async fn latest_direct_id(&self, recipient: &str) -> Result<u64, StoreError> {
        let recipient = recipient.to_owned();
        self.run(move |store| store.latest_direct_id(&recipient)).await
    }

    /// A job that fails with that error.
    #[cfg(test)]
    pub(super) async fn fail_for_test(&self, error: rusqlite::Error) -> StoreError {
        self.run(move |_| Err::<(), StoreError>(error.into())).await.expect_err("it fails")
    }

    async fn append(&self, entry: NewEntry) -> Result<StoredMessage, StoreError> {
        let (answer, answered) = bounded(1);
        self.jobs.send(Job::Append(entry, answer)).await.map_err(|_| StoreError::Closed)?;
        answered.recv().await.map_err(|_| self.health.unanswered())?
    }

    /// Does something with the store, in its turn, and gives what comes of it.
    pub(crate) async fn run<T, E>(&self, job: impl FnOnce(&mut Store) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = bounded(1);
        let job = Box::new(move |store: &mut Store| {
            // Nobody may be waiting any more; then the answer is not needed.
            let _ = answer.try_send(job(store));
        });
        self.jobs.send(Job::Run(job)).await.map_err(|_| StoreError::Closed)?;
        answered.recv().await.map_err(|_| self.health.unanswered())?
    }
}
