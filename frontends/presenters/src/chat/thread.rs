//! One thread: what was said, what is being sent, what was read.

use std::collections::{BTreeMap, BTreeSet};

use hph_client::files::RemoteFile;

use super::{FailReason, KeyState};

/// Messages that a thread keeps; the oldest go first.
const LINES_MAX: usize = 2000;
/// Messages that wait to be sent, and that could not be.
const PENDING_MAX: usize = 100;

/// A file that a direct message tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclosed {
    /// Its name.
    pub name: String,
    /// **Units:** bytes.
    pub size: u64,
    /// How to fetch it; none of our own.
    pub remote: Option<RemoteFile>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub id: u64,
    /// Login name of the author.
    pub author: String,
    /// Name of the author to show.
    pub name: String,
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// The text; none if it was taken back, or can't be opened on this device.
    pub text: Option<String>,
    /// Whether it was changed since.
    pub is_edited: bool,
    /// How far the key that signed it may be trusted; of a room's message nothing is said.
    pub key: KeyState,
    /// Whether it was written to one person on a device of ours that this one can't open.
    pub is_sealed: bool,
    /// Whether somebody else names us in it.
    pub is_for_me: bool,
    /// The file that it tells of; then the text is its name.
    pub file: Option<Enclosed>,
}

/// A message that is being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its number until it has one of the server.
    pub reference: u64,
    /// The text.
    pub text: String,
    /// The message that it changes, if it does.
    pub target: Option<u64>,
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// Why it was not sent, if it was not.
    pub failed: Option<FailReason>,
}

/// Whether there is more before the first message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Older {
    /// Not known: ask.
    #[default]
    Unknown,
    /// It is on its way.
    Loading,
    /// Ask for what is before this number.
    Before(u64),
    /// That was all.
    Nothing,
}

/// A thread.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// What is being sent.
    pub pending: Vec<Pending>,
    /// What is being written.
    pub draft: String,
    /// The message that is written anew.
    pub editing: Option<u64>,
    /// Messages of others that were not read.
    pub unread: u32,
    /// The first one of them, when the thread was opened.
    pub divider: Option<u64>,
    /// Whether there is more before.
    pub older: Older,
    /// A room's by their number; those with one person by their time, since both sides count for themselves.
    lines: BTreeMap<(u64, u64), Line>,
    /// Those of others that are not read.
    pub(super) unread_ids: BTreeSet<u64>,
    /// What was being written before a message was written anew.
    pub(super) kept_draft: String,
    read: u64,
    /// Number of the newest message or change.
    pub(super) latest: u64,
    /// Unread ones that the server counted before we saw any.
    unseen: u32,
}

impl Thread {
    /// Messages, the oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.values()
    }

    /// A message.
    pub fn line(&self, id: u64) -> Option<&Line> {
        self.lines.get(&(0, id))
    }

    /// The thread is shown: what was not read until now is marked off.
    pub(super) fn open(&mut self) {
        self.divider = self.first_unread();
    }

    /// The first message that was not read.
    pub fn first_unread(&self) -> Option<u64> {
        self.unread_ids.first().copied()
    }

    pub(super) fn latest_received(&self) -> Option<u64> {
        (self.latest > 0).then_some(self.latest)
    }

    pub(super) fn last_ms(&self) -> u64 {
        let pending = self.pending.last().map_or(0, |pending| pending.time_ms);
        self.lines.values().next_back().map_or(0, |line| line.time_ms).max(pending)
    }

    /// The last message that somebody wrote and did not take back.
    pub(super) fn last_of(&self, username: &str) -> Option<u64> {
        self.lines.values().rfind(|line| line.author == username && line.text.is_some()).map(|line| line.id)
    }

    /// Puts a message in, in its place. `is_mine` ones are read.
    pub(super) fn insert(&mut self, line: Line, is_mine: bool, is_new: bool) {
        if is_new {
            self.latest = self.latest.max(line.id);
            if !is_mine && line.id > self.read && self.line(line.id).is_none() {
                self.unread_ids.insert(line.id);
            }
        }
        self.lines.insert((0, line.id), line);
        while self.lines.len() > LINES_MAX {
            if let Some((_, line)) = self.lines.pop_first() {
                self.older = Older::Before(line.id.saturating_add(1));
            }
        }
        self.count();
    }

    /// Puts a message of the other one in; it may have come before.
    pub(super) fn insert_direct(&mut self, line: Line, is_read: bool) {
        self.latest = self.latest.max(line.id);
        let is_new = self.lines.insert((line.time_ms, line.id), line.clone()).is_none();
        if is_new && !is_read {
            self.unread_ids.insert(line.id);
        }
        self.bound_direct();
    }

    /// Puts a message of ours in that was sent to one person.
    pub(super) fn add_sent(&mut self, pending: Pending, username: &str, file: Option<Enclosed>) {
        let Pending { reference, text, time_ms, .. } = pending;
        let line = Line {
            id: reference,
            author: username.to_owned(),
            name: username.to_owned(),
            time_ms,
            text: Some(text),
            is_edited: false,
            key: KeyState::default(),
            is_sealed: false,
            is_for_me: false,
            file,
        };
        self.lines.insert((time_ms, reference), line);
        self.bound_direct();
    }

    fn bound_direct(&mut self) {
        while self.lines.len() > LINES_MAX {
            self.lines.pop_first();
        }
        self.count();
    }

    /// A message is different now.
    pub(super) fn change(&mut self, change: u64, target: u64, text: Option<String>, is_for_me: bool) {
        self.latest = self.latest.max(change);
        if text.is_none() {
            self.unread_ids.remove(&target);
        }
        if let Some(line) = self.lines.get_mut(&(0, target)) {
            (line.text, line.is_edited, line.is_for_me) = (text, true, is_for_me);
        }
        self.count();
    }

    /// What the server knows of what was read, on whatever device.
    pub(super) fn set_read(&mut self, read: u64, unread: u32) {
        self.read = self.read.max(read);
        self.unread_ids = self.unread_ids.split_off(&self.read.saturating_add(1));
        self.unseen = unread.saturating_sub(u32::try_from(self.unread_ids.len()).unwrap_or(u32::MAX));
        self.count();
    }

    /// All is read; the number of the last one, if that is news.
    pub(super) fn mark_read(&mut self) -> Option<u64> {
        let is_news = self.latest > self.read;
        self.read = self.read.max(self.latest);
        self.unread_ids.clear();
        self.unseen = 0;
        self.count();
        is_news.then_some(self.read)
    }

    pub(super) fn add_pending(&mut self, pending: Pending) {
        self.pending.push(pending);
        if self.pending.len() > PENDING_MAX {
            self.pending.remove(0);
        }
    }

    fn count(&mut self) {
        self.unread = u32::try_from(self.unread_ids.len()).unwrap_or(u32::MAX).saturating_add(self.unseen);
    }
}
