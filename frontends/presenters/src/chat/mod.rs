//! Messages: of rooms, and of one person to another.

mod compose;
mod rows;
pub mod slash;
pub mod suggest;
mod thread;

use std::collections::BTreeMap;

use hph_client::core::id::RoomId;
use hph_client::core::limits::CHAT_PAGE_MAX;
use hph_client::engine::{self as client, Command, FailReason};
use hph_client::people::KeyState;
use hph_client::view::MeetingView;

use crate::effect::{Effect, Effects, Focus, engine};
use crate::ids::Ids;
use crate::text::typed::Flaw;
use crate::time::Now;
pub use rows::{Delivery, Message, Row};
pub use slash::{Slash, SlashError};
pub use thread::{Enclosed, Line, Older, Pending, Thread};

/// The number of direct messages where the protocol wants a room.
const DIRECTS: RoomId = RoomId(0);
/// Threads that are kept; of those with one person the oldest goes first.
const THREADS_MAX: usize = 500;
/// Messages that a search shows.
const FOUND_MAX: usize = 1000;
/// Messages of a page when one scrolls back.
const PAGE: u8 = 50;

/// Whose messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThreadId {
    /// A room's.
    Room(RoomId),
    /// Those with one person: a login name.
    Direct(String),
}

/// What happens in a panel of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Show a thread.
    Open(ThreadId),
    /// The panel is closed: whoever was written to alone is no longer.
    Close,
    /// What is written was changed.
    Draft(String),
    /// Send it, or do what it says after a slash.
    Send,
    /// The end of the thread is seen, in a window that is in front; or no longer.
    AtEnd(bool),
    /// Show older messages.
    Older,
    /// Write a message of ours anew.
    StartEdit(u64),
    /// The last one of ours.
    EditLast,
    /// Leave it as it was.
    CancelEdit,
    /// Take a message back.
    Delete(u64),
    /// Send a message again that was not sent.
    Retry(u64),
    /// Forget a message that was not sent.
    Discard(u64),
    /// Search the thread for words; nothing: no longer.
    Search(String),
    /// More of what is found.
    MoreFound,
}

/// What is wrong with what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// With the text.
    Text(Flaw),
    /// With a command.
    Slash(SlashError),
    /// A command names nobody who is known.
    Nobody(String),
    /// A command names several people.
    Several(String),
    /// One may not do that here.
    Forbidden,
}

/// What a search has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What was searched for.
    pub words: String,
    /// What was found, the newest first.
    pub found: Vec<Line>,
    /// Whether more is on its way.
    pub is_running: bool,
    /// What to ask for next; none if that was all.
    before: Option<u64>,
}

impl Search {
    /// Whether there is more.
    pub const fn has_more(&self) -> bool {
        self.before.is_some()
    }
}

/// What was asked of the server, which answers one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LookUp {
    request: u32,
    room: RoomId,
    words: Option<String>,
}

/// All messages.
#[derive(Clone, Debug, Default)]
pub struct Chat {
    /// The thread that is seen.
    pub front: Option<ThreadId>,
    /// What is wrong with what was written in it.
    pub problem: Option<Problem>,
    /// The search in it.
    pub search: Option<Search>,
    threads: BTreeMap<ThreadId, Thread>,
    /// Where one is written to alone: the room to return to.
    home: Option<ThreadId>,
    is_at_end: bool,
    running: Option<LookUp>,
    wanted: Vec<LookUp>,
    read_direct: u64,
    version: u64,
}

impl Chat {
    /// Takes an event; gives a command that is to be carried out.
    pub fn handle(
        &mut self,
        event: Event,
        view: &MeetingView,
        ids: &mut Ids,
        now: Now,
        effects: &mut Effects,
    ) -> Option<Slash> {
        self.version += 1;
        match event {
            Event::Open(id) => self.open(id, effects),
            Event::Close => self.close(),
            Event::Draft(text) => self.draft(text),
            Event::Send => return self.send(view, ids, now, effects),
            Event::AtEnd(is_at_end) => {
                self.is_at_end = is_at_end;
                self.mark_read(effects);
            }
            Event::Older => self.older(ids, effects),
            Event::StartEdit(id) => self.start_edit(id, view, effects),
            Event::EditLast => {
                let last = self.front_thread().and_then(|thread| thread.last_of(&view.username));
                if let Some(id) = last {
                    self.start_edit(id, view, effects);
                }
            }
            Event::CancelEdit => self.cancel_edit(),
            Event::Delete(id) => self.delete(id, ids, effects),
            Event::Retry(reference) => self.retry(reference, ids, now, effects),
            Event::Discard(reference) => {
                for thread in self.threads.values_mut() {
                    thread.pending.retain(|pending| pending.reference != reference || pending.failed.is_none());
                }
            }
            Event::Search(words) => self.start_search(words, ids, effects),
            Event::MoreFound => self.more_found(ids, effects),
        }
        None
    }

    /// Another number whenever rows may be other ones; the day, the connection and names aside. A frontend that draws often
    /// makes them anew only then.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// A thread; none if nothing was said in it.
    pub fn thread(&self, id: &ThreadId) -> Option<&Thread> {
        self.threads.get(id)
    }

    /// The thread that is seen.
    pub fn front_thread(&self) -> Option<&Thread> {
        self.front.as_ref().and_then(|id| self.threads.get(id))
    }

    /// Messages in a thread that were not read.
    pub fn unread(&self, id: &ThreadId) -> u32 {
        self.threads.get(id).map_or(0, |thread| thread.unread)
    }

    /// Messages to us alone that were not read.
    pub fn unread_directs(&self) -> u32 {
        let directs = self.threads.iter().filter(|(id, _)| matches!(id, ThreadId::Direct(_)));
        directs.map(|(_, thread)| thread.unread).fold(0, u32::saturating_add)
    }

    /// People with whom messages were exchanged, the last ones first.
    pub fn directs(&self) -> Vec<&str> {
        let mut people: Vec<(u64, &str)> = self
            .threads
            .iter()
            .filter_map(|(id, thread)| match id {
                ThreadId::Direct(username) => Some((thread.last_ms(), username.as_str())),
                ThreadId::Room(_) => None,
            })
            .collect();
        people.sort_by_key(|(last_ms, _)| std::cmp::Reverse(*last_ms));
        people.into_iter().map(|(_, username)| username).collect()
    }

    /// What is written in the thread that is seen.
    pub fn draft_text(&self) -> &str {
        self.front_thread().map_or("", |thread| thread.draft.as_str())
    }

    /// The message that is written anew.
    pub fn editing(&self) -> Option<u64> {
        self.front_thread().and_then(|thread| thread.editing)
    }

    /// We have left a room: its messages are its own.
    pub fn forget_room(&mut self, room: RoomId) {
        self.version += 1;
        let id = ThreadId::Room(room);
        self.threads.remove(&id);
        self.wanted.retain(|look_up| look_up.room != room);
        if self.home.as_ref() == Some(&id) {
            self.home = None;
        }
        if self.front.as_ref() == Some(&id) {
            (self.front, self.search) = (None, None);
        }
    }

    /// Signed out: another person may sign in.
    pub fn forget_all(&mut self) {
        *self = Self { version: self.version + 1, ..Self::default() };
    }

    /// A thread, made if there is none. A server can invent people, but not make us keep more than a number of them.
    fn thread_mut(&mut self, id: &ThreadId) -> &mut Thread {
        if !self.threads.contains_key(id) && self.threads.len() >= THREADS_MAX {
            let may_go = |other: &ThreadId| matches!(other, ThreadId::Direct(_)) && self.front.as_ref() != Some(other);
            let oldest =
                self.threads.iter().filter(|(other, _)| may_go(other)).min_by_key(|(_, thread)| thread.last_ms());
            let oldest = oldest.map(|(other, _)| other.clone()).or_else(|| self.threads.keys().next().cloned());
            oldest.map(|other| self.threads.remove(&other));
        }
        self.threads.entry(id.clone()).or_default()
    }

    fn open(&mut self, id: ThreadId, effects: &mut Effects) {
        if let ThreadId::Room(_) = id {
            self.home = Some(id.clone());
        }
        if self.front.as_ref() != Some(&id) {
            (self.problem, self.search) = (None, None);
            self.thread_mut(&id).open();
        }
        self.front = Some(id);
        self.mark_read(effects);
        effects.push(Effect::Focus(Focus::Composer));
    }

    /// Nobody must write to one and mean all, or write to all and mean one: a closed panel opens with the room.
    fn close(&mut self) {
        if let Some(thread) = self.front.as_ref().and_then(|id| self.threads.get_mut(id)) {
            thread.divider = None;
        }
        (self.front, self.problem, self.search, self.is_at_end) = (None, None, None, false);
    }

    /// The thread with which the panel opens.
    pub fn home(&self) -> Option<&ThreadId> {
        self.home.as_ref()
    }

    fn mark_read(&mut self, effects: &mut Effects) {
        let Some(id) = self.front.clone().filter(|_| self.is_at_end) else { return };
        let Some(thread) = self.threads.get_mut(&id) else { return };
        let Some(latest) = thread.mark_read() else { return };
        match id {
            ThreadId::Room(room) => engine(effects, Command::MarkRead { room, id: latest }),
            ThreadId::Direct(_) => self.mark_directs_read(effects),
        }
    }

    /// One number stands for all direct messages: it is that before the first one that was not read.
    fn mark_directs_read(&mut self, effects: &mut Effects) {
        let directs =
            || self.threads.iter().filter(|(id, _)| matches!(id, ThreadId::Direct(_))).map(|(_, thread)| thread);
        let unread = directs().filter_map(Thread::first_unread).min();
        let latest = directs().filter_map(Thread::latest_received).max().unwrap_or(0);
        let read = unread.map_or(latest, |first| first.saturating_sub(1).min(latest));
        if read > self.read_direct {
            self.read_direct = read;
            engine(effects, Command::MarkRead { room: DIRECTS, id: read });
        }
    }
}

#[cfg(test)]
mod tests;
