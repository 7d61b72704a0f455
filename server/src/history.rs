//! What people look up in the stored messages, and how far they have read.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::FutureExt;
use hph_core::endpoint::server::HistoryPage;
use hph_core::id::{RoomId, SessionId};
use hph_core::wire::control::{Act, Refusal, ServerMessage};

use crate::hub::Hub;
use crate::names::GUEST_PREFIX;
use crate::store::{Message, Page, ReadMark, StoreError};

/// Messages that are in memory at once for one look-up.
const BATCH: usize = 16;
/// What people have read is written this often: if it is lost, they read a few messages twice.
const FLUSH_INTERVAL: Duration = Duration::from_secs(2);
/// What is too old to be kept is looked for this often, and at the start.
const PRUNE_INTERVAL: Duration = Duration::from_secs(3600);
/// Messages that are dropped in one transaction, so that no new one waits for long.
const PRUNE_BATCH: u32 = 200;

/// What people do with stored messages, and the store does not know yet.
#[derive(Default)]
pub(crate) struct Readers {
    /// Who has asked for something that is still being sent. One look-up at a time bounds what a session takes.
    busy: RefCell<HashSet<SessionId>>,
    /// How far who has read in which room, since it was written last.
    marks: RefCell<HashMap<(String, u32), u64>>,
}

impl Hub {
    /// Sends a page of history, or what a search finds.
    pub(crate) async fn look_up(self: &Rc<Self>, session: SessionId, page: HistoryPage, words: Option<String>) {
        let request = u64::from(page.request);
        if !self.readers.busy.borrow_mut().insert(session) {
            return self.refuse(session, request, Refusal::TooFast);
        }
        let sent = match words {
            Some(words) => self.send_hits(session, page, &words).await,
            None => self.send_page(session, page).await,
        };
        self.readers.busy.borrow_mut().remove(&session);
        match sent {
            Ok(Some(before)) => {
                let (request, room) = (page.request, page.room);
                self.say(session, &ServerMessage::ChatFoundAll { request, room, before });
            }
            // It has left the room, or is gone.
            Ok(None) => self.refuse(session, request, Refusal::NotInRoom),
            Err(_) => self.refuse(session, request, Refusal::Storage),
        }
    }

    /// Gives where the next page begins; none if the session is no longer there.
    async fn send_page(self: &Rc<Self>, session: SessionId, page: HistoryPage) -> Result<Option<u64>, StoreError> {
        let HistoryPage { room, mut before, count, .. } = page;
        let mut wanted = usize::from(count);
        loop {
            let Page { messages, before: next } = self.store.history(room.0, before, wanted.min(BATCH)).await?;
            wanted = wanted.saturating_sub(messages.len());
            before = next;
            if !self.send_found(session, page, &messages).await {
                return Ok(None);
            }
            if wanted == 0 || next == 0 {
                return Ok(Some(next));
            }
        }
    }

    async fn send_hits(
        self: &Rc<Self>,
        session: SessionId,
        page: HistoryPage,
        words: &str,
    ) -> Result<Option<u64>, StoreError> {
        let room = page.room.0;
        let hits = self.store.search(room, words, page.before, usize::from(page.count)).await?;
        for id in hits.ids {
            // What was taken back since it was found is not sent.
            let found = self.store.message(room, id).await?.filter(|message| message.text.is_some());
            if !self.send_found(session, page, found.as_slice()).await {
                return Ok(None);
            }
        }
        Ok(Some(hits.before))
    }

    /// Sends messages once the connection takes them; false if the session is no longer in the room.
    async fn send_found(self: &Rc<Self>, session: SessionId, page: HistoryPage, messages: &[Message]) -> bool {
        for message in messages {
            if !self.until_calm(session).await || !self.is_in_room(session, page.room) {
                return false;
            }
            let found = ServerMessage::ChatFound {
                request: page.request,
                room: page.room,
                id: message.id,
                author: &message.author,
                display_name: &message.author_name,
                time_ms: message.time_ms,
                edited_ms: message.edited_ms.unwrap_or(0),
                text: message.text.as_deref(),
            };
            self.say(session, &found);
        }
        self.is_in_room(session, page.room)
    }

    /// Sends what was done to keep order in a room.
    pub(crate) async fn send_audit(self: &Rc<Self>, session: SessionId, page: HistoryPage) {
        let HistoryPage { request, room, before, count } = page;
        let Ok((entries, before)) = self.store.audit(room.0, before, usize::from(count)).await else {
            return self.refuse(session, u64::from(request), Refusal::Storage);
        };
        for entry in &entries {
            let Some(act) = Act::of_code(&entry.act) else { continue };
            if !self.until_calm(session).await {
                return;
            }
            let (id, time_ms, by, whom) = (entry.id, entry.time_ms, entry.by.as_str(), entry.whom.as_str());
            self.say(session, &ServerMessage::Audit { request, id, time_ms, by, act, whom });
        }
        self.say(session, &ServerMessage::AuditAll { request, before });
    }

    /// Notes how far somebody has read. Guests have no account to keep it.
    pub(crate) fn mark_read(&self, username: String, room: RoomId, id: u64) {
        if username.starts_with(GUEST_PREFIX) {
            return;
        }
        let mut marks = self.readers.marks.borrow_mut();
        let mark = marks.entry((username, room.0)).or_default();
        *mark = id.max(*mark);
    }

    /// Tells a session what it has not read.
    pub(crate) async fn tell_unread(self: &Rc<Self>, session: SessionId, request: u32) {
        self.flush_marks().await;
        let Some(username) = self.username(session) else { return };
        let Ok(all) = self.store.unread(&username).await else {
            return self.refuse(session, u64::from(request), Refusal::Storage);
        };
        for place in all {
            let (room, name, read, latest) = (RoomId(place.room), place.name.as_str(), place.read, place.latest);
            if !self.until_calm(session).await {
                return;
            }
            self.say(session, &ServerMessage::Unread { request, room, name, read, latest, unread: place.unread });
        }
        self.say(session, &ServerMessage::UnreadAll { request });
    }

    /// Writes down how far people have read, and waits for what another task is writing of it: jobs of the store are done
    /// in their order, also one that has nothing to do.
    pub(crate) async fn flush_marks(&self) {
        let marks = std::mem::take(&mut *self.readers.marks.borrow_mut());
        let marks = marks.into_iter().map(|((username, room), id)| ReadMark { username, room, id }).collect();
        // On a full disk it is lost: a few messages will be read twice.
        let _ = self.store.mark_read(marks).await;
    }

    /// Drops what is due, a little at a time: others want to store something meanwhile.
    pub(crate) async fn prune(&self) {
        while self.store.prune(self.believed_time_ms(), PRUNE_BATCH).await == Ok(true) {}
        self.sweep_files().await;
    }

    /// Writes and drops what is due, for ever.
    pub(crate) async fn keep_house<T>(&self) -> T {
        let flushing = async {
            loop {
                Timer::after(FLUSH_INTERVAL).await;
                self.flush_marks().await;
            }
        };
        let pruning = async {
            loop {
                self.prune().await;
                Timer::after(PRUNE_INTERVAL).await;
            }
        };
        flushing.or(pruning).await
    }
}
