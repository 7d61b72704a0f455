//! Files on their way: from those who send them to the disk, and from there to those who fetch them.
//!
//! What is uploaded goes through a short queue of its own and is written by a task of its own; what is fetched is asked for
//! in ranges and waits behind everything else that a connection has to say. So neither holds up a word.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded};
use async_io::Timer;
use futures_lite::FutureExt;
use hph_core::endpoint::server::{FileOffer, HistoryPage};
use hph_core::id::{RoomId, SessionId};
use hph_core::limits::FILE_CHUNK_MAX_BYTES;
use hph_core::wire::control::{Refusal, ServerMessage};
use hph_platform::clock::Clock;

use crate::blobs::Blobs;
use crate::hub::Hub;
use crate::notice::Notice;
use crate::store::{FileError, FileRow, NewFile, StoreError};

/// Files that one session sends at the same time, and all together.
const UPLOADS_OF_ONE_MAX: usize = 2;
const UPLOADS_MAX: usize = 64;
/// Pieces of one file that wait for the disk: more than a client may send ahead.
const CHUNKS_MAX: usize = 40;
/// The sender is told what has come after so many bytes.
const TOLD_AFTER_BYTES: u64 = 64 * 1024;
/// Whoever offers a file and then says nothing for so long makes room for others.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Ranges that wait to be sent to one session: two of the file that it fetches, and others of one that it gave up.
const RANGES_MAX: usize = 4;
/// Bytes that are read at once.
const READ_BYTES: usize = 8 * FILE_CHUNK_MAX_BYTES;

/// An offer that outlives its message.
#[derive(Debug)]
pub(crate) struct Offered {
    pub reference: u64,
    room: Option<u32>,
    to: Option<String>,
    name: String,
    size: u64,
    sha256: [u8; 32],
}

impl From<FileOffer<'_>> for Offered {
    fn from(offer: FileOffer<'_>) -> Self {
        let FileOffer { reference, room, to, name, size, sha256 } = offer;
        let (room, to) = if to.is_empty() { (Some(room.0), None) } else { (None, Some(to.to_owned())) };
        Self { reference, room, to, name: name.to_owned(), size, sha256 }
    }
}

/// A piece of a file.
struct Chunk {
    from: u64,
    bytes: Vec<u8>,
}

/// A part of a file that somebody asked for.
pub(crate) struct Wanted {
    pub request: u32,
    pub file: u64,
    /// First byte, and how many.
    pub range: (u64, u32),
}

/// What is on its way.
pub(crate) struct Shelf {
    blobs: Blobs,
    uploads: RefCell<HashMap<(SessionId, u64), Sender<Chunk>>>,
    /// What sessions wait for, in the order in which they asked. Who has an entry has somebody who sends it.
    ranges: RefCell<HashMap<SessionId, VecDeque<Wanted>>>,
    /// Files that the disk did not take.
    failures: Cell<u64>,
}

impl Shelf {
    pub fn new(blobs: Blobs) -> Self {
        Self { blobs, uploads: RefCell::default(), ranges: RefCell::default(), failures: Cell::new(0) }
    }

    /// How often the disk failed under a file that was on its way.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// A session is gone: what it was sending stays as it is.
    pub fn forget(&self, session: SessionId) {
        self.uploads.borrow_mut().retain(|(known, _), _| *known != session);
        if let Some(ranges) = self.ranges.borrow_mut().get_mut(&session) {
            ranges.clear();
        }
    }

    /// Takes a piece to the task that writes it. What comes too fast ends the upload.
    pub fn take_chunk(&self, session: SessionId, file: u64, from: u64, bytes: &[u8]) {
        let mut uploads = self.uploads.borrow_mut();
        let chunk = Chunk { from, bytes: bytes.to_vec() };
        if uploads.get(&(session, file)).is_some_and(|upload| upload.try_send(chunk).is_err()) {
            uploads.remove(&(session, file));
        }
    }

    /// What a session is sent next; with none, nobody sends to it any longer.
    fn next_range(&self, session: SessionId) -> Option<Wanted> {
        let mut ranges = self.ranges.borrow_mut();
        let next = ranges.get_mut(&session)?.pop_front();
        if next.is_none() {
            ranges.remove(&session);
        }
        next
    }

    fn begin(&self, session: SessionId, file: u64) -> Result<Receiver<Chunk>, Refusal> {
        let mut uploads = self.uploads.borrow_mut();
        let of_one = uploads.keys().filter(|(known, _)| *known == session).count();
        if of_one >= UPLOADS_OF_ONE_MAX
            || uploads.len() >= UPLOADS_MAX
            || uploads.keys().any(|(_, known)| *known == file)
        {
            return Err(Refusal::TooFast);
        }
        let (sender, chunks) = bounded(CHUNKS_MAX);
        uploads.insert((session, file), sender);
        Ok(chunks)
    }
}

impl Hub {
    /// Somebody offers a file: takes it in, or what is missing of it.
    pub(crate) async fn take_file(self: &Rc<Self>, session: SessionId, offered: Offered) -> Result<(), Refusal> {
        let (author, author_name) = self.names(session).ok_or(Refusal::OutOfOrder)?;
        if let Some(to) = &offered.to {
            let is_known = self.is_online(to) || self.store.account(to).await.map_err(|_| Refusal::Storage)?.is_some();
            if !is_known {
                return Err(Refusal::NoSuchPerson);
            }
        }
        let Offered { reference, room, to, name, size, sha256 } = offered;
        let file = NewFile {
            room,
            recipient: to,
            author,
            author_name,
            author_ref: reference,
            time_ms: Clock::unix_time_ms(),
            name,
            size,
            sha256,
        };
        let row = self.store.offer_file(file).await.map_err(|error| match error {
            FileError::TooLarge => Refusal::FileTooLarge,
            FileError::NoSpace => Refusal::NoSpace,
            FileError::OtherFile => Refusal::Invalid,
            FileError::Store(StoreError::DiskFull) => Refusal::NoSpace,
            FileError::Store(_) => Refusal::Storage,
        })?;
        if row.is_stored {
            self.say(session, &ServerMessage::FileStored { reference, file: row.id });
            return Ok(());
        }
        let blobs = self.shelf.blobs.clone();
        if !smol::unblock(move || blobs.has_place(size)).await {
            return Err(Refusal::NoSpace);
        }
        if !self.is_open(session) {
            // Nobody would end what begins now.
            return Ok(());
        }
        let chunks = self.shelf.begin(session, row.id)?;
        let taken = self.receive(session, &row, &chunks).await;
        self.shelf.uploads.borrow_mut().remove(&(session, row.id));
        taken
    }

    /// Writes what comes of a file, until it is whole or its sender is gone.
    async fn receive(
        self: &Rc<Self>,
        session: SessionId,
        row: &FileRow,
        chunks: &Receiver<Chunk>,
    ) -> Result<(), Refusal> {
        let (id, size, sha256, reference) = (row.id, row.size, row.sha256, row.author_ref);
        let blobs = self.shelf.blobs.clone();
        let opening = smol::unblock(move || blobs.open(id, size)).await;
        let (file, mut have) = opening.map_err(|error| self.file_refused(&error))?;
        let file = Arc::new(file);
        let mut told = have;
        self.say(session, &ServerMessage::FileWanted { reference, file: id, from: have });
        while have < size {
            let piece = async { chunks.recv().await.ok() };
            let silence = async {
                Timer::after(SILENCE_MAX).await;
                None
            };
            // The session is gone, did not wait for anything, or for too long.
            let Some(Chunk { from, bytes }) = piece.or(silence).await else { return Err(Refusal::TooFast) };
            let len = bytes.len() as u64;
            if from != have || len > size - have {
                // Sent before it heard what is wanted.
                continue;
            }
            let target = Arc::clone(&file);
            let writing = smol::unblock(move || Blobs::write(&target, from, &bytes)).await;
            writing.map_err(|error| self.file_refused(&error))?;
            have += len;
            if have - told >= TOLD_AFTER_BYTES && have < size {
                told = have;
                self.say(session, &ServerMessage::FileWanted { reference, file: id, from: have });
            }
        }
        let blobs = self.shelf.blobs.clone();
        let finishing = smol::unblock(move || blobs.finish(id, &file, &sha256)).await;
        if !finishing.map_err(|error| self.file_refused(&error))? {
            let _ = self.store.forget_file(id).await;
            return Err(Refusal::Invalid);
        }
        let is_new = self.store.file_stored(id, Clock::unix_time_ms()).await.map_err(|_| Refusal::Storage)?;
        self.say(session, &ServerMessage::FileStored { reference, file: id });
        if let Some(room) = row.room.filter(|_| is_new) {
            self.act(|machine, out| machine.tell_all_in(RoomId(room), &describe(0, room, row), out));
        }
        Ok(())
    }

    /// What the sender of a file hears when the disk does not take it; the owner hears it too.
    fn file_refused(&self, error: &io::Error) -> Refusal {
        let shelf = &self.shelf;
        shelf.failures.set(shelf.failures.get() + 1);
        self.notices.tell(&Notice::FileNotStored { why: error.to_string() });
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::NoSpace,
            _ => Refusal::Storage,
        }
    }

    /// Sends a range of a file to somebody who may have it, behind those that they asked for before: pieces of two ranges
    /// at once would come out of order.
    pub(crate) async fn send_file(self: &Rc<Self>, session: SessionId, wanted: Wanted) {
        {
            let mut ranges = self.shelf.ranges.borrow_mut();
            let is_sending = ranges.contains_key(&session);
            let waiting = ranges.entry(session).or_default();
            if waiting.len() >= RANGES_MAX {
                drop(ranges);
                return self.refuse(session, wanted.request.into(), Refusal::TooFast);
            }
            waiting.push_back(wanted);
            if is_sending {
                return;
            }
        }
        while let Some(Wanted { request, file, range }) = self.shelf.next_range(session) {
            let sent = match self.file_for(session, file).await {
                Ok(row) if row.is_stored => self.send_range(session, &row, range).await,
                Ok(_) => Err(Refusal::NoSuchFile),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = sent {
                self.refuse(session, request.into(), reason);
            }
        }
    }

    async fn send_range(
        self: &Rc<Self>,
        session: SessionId,
        row: &FileRow,
        (mut from, count): (u64, u32),
    ) -> Result<(), Refusal> {
        let id = row.id;
        let end = row.size.min(from.saturating_add(count.into()));
        while from < end {
            let (blobs, len) = (self.shelf.blobs.clone(), READ_BYTES.min((end - from) as usize));
            let reading = smol::unblock(move || blobs.read(id, from, len));
            let bytes = reading.await.map_err(|_| Refusal::Storage)?;
            if bytes.is_empty() {
                return Err(Refusal::NoSuchFile);
            }
            for bytes in bytes.chunks(FILE_CHUNK_MAX_BYTES) {
                let Some(queue) = self.queue(session) else { return Ok(()) };
                if !queue.put_bulk(&ServerMessage::FileChunk { file: id, from, bytes }).await {
                    return Ok(());
                }
                from += bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// A file that this session may read: of a room that it is in, or its own, or for it.
    async fn file_for(self: &Rc<Self>, session: SessionId, file: u64) -> Result<FileRow, Refusal> {
        let username = self.username(session).ok_or(Refusal::OutOfOrder)?;
        let row = self.store.file(file).await.map_err(|_| Refusal::Storage)?.ok_or(Refusal::NoSuchFile)?;
        let is_allowed = match row.room {
            Some(room) => self.is_in_room(session, RoomId(room)),
            None => row.author == username || row.recipient.as_deref() == Some(&username),
        };
        // Who may not have it does not learn that there is one.
        if is_allowed { Ok(row) } else { Err(Refusal::NoSuchFile) }
    }

    /// Takes a file away: its sender may, and who keeps order in its room.
    pub(crate) async fn delete_file(
        self: &Rc<Self>,
        session: SessionId,
        request: u32,
        file: u64,
    ) -> Result<(), Refusal> {
        let row = self.file_for(session, file).await?;
        let username = self.username(session).ok_or(Refusal::OutOfOrder)?;
        let is_host = row.room.is_some_and(|room| self.is_host(session, RoomId(room)));
        if row.author != username && !is_host {
            return Err(Refusal::Forbidden);
        }
        self.drop_file(file).await.map_err(|()| Refusal::Storage)?;
        let room = RoomId(row.room.unwrap_or(0));
        self.say(session, &ServerMessage::FileGone { request, room, file });
        if row.room.is_some() {
            let gone = ServerMessage::FileGone { request: 0, room, file };
            self.act(|machine, out| machine.tell_all_in(room, &gone, out));
        }
        Ok(())
    }

    /// First the row: a crash between both leaves bytes that nobody knows, and those are swept away.
    async fn drop_file(&self, file: u64) -> Result<(), ()> {
        self.store.forget_file(file).await.map_err(|_| ())?;
        let blobs = self.shelf.blobs.clone();
        smol::unblock(move || blobs.remove(file)).await.map_err(|_| ())
    }

    /// Tells what is on a room's shelf.
    pub(crate) async fn list_files(self: &Rc<Self>, session: SessionId, page: HistoryPage) -> Result<(), Refusal> {
        let HistoryPage { request, room, before, count } = page;
        let files = self.store.files_of_room(room.0, before, count.into()).await;
        let (files, before) = files.map_err(|_| Refusal::Storage)?;
        for file in &files {
            if !self.until_calm(session).await || !self.is_in_room(session, room) {
                return Err(Refusal::NotInRoom);
            }
            self.say(session, &describe(request, room.0, file));
        }
        self.say(session, &ServerMessage::FilesAll { request, before });
        Ok(())
    }

    /// Drops what is kept no longer, and what nobody knows.
    pub(crate) async fn sweep_files(&self) {
        for file in self.store.stale_files(self.believed_time_ms()).await.unwrap_or_default() {
            let _ = self.drop_file(file).await;
        }
        let blobs = self.shelf.blobs.clone();
        for id in smol::unblock(move || blobs.ids()).await.unwrap_or_default() {
            if matches!(self.store.file(id).await, Ok(None)) {
                let blobs = self.shelf.blobs.clone();
                let _ = smol::unblock(move || blobs.remove(id)).await;
            }
        }
    }
}

fn describe(request: u32, room: u32, row: &FileRow) -> ServerMessage<'_> {
    ServerMessage::File {
        request,
        room: RoomId(room),
        file: row.id,
        author: &row.author,
        display_name: &row.author_name,
        time_ms: row.time_ms,
        name: &row.name,
        size: row.size,
        sha256: row.sha256,
    }
}
