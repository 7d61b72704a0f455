//! A thread as it is shown: days, what was not read, messages in groups.

use hph_client::view::MeetingView;

use super::{Chat, Enclosed, FailReason, KeyState, Line, Older, Pending, Thread, ThreadId};
use crate::text::name::{hue, initial};
use crate::text::when::{self, Day};
use crate::time::Now;

/// Messages of one author belong together within so much time. **Units:** milliseconds.
const GROUP_MS: u64 = 5 * 60 * 1000;

/// Whether a message is where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The server has it.
    Stored,
    /// It is on its way.
    Pending,
    /// It waits for the connection.
    Queued,
    /// It was not sent.
    Failed(FailReason),
}

/// A message as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number; none while the server has not got it.
    pub id: Option<u64>,
    /// Its number until then.
    pub reference: Option<u64>,
    /// Login name of the author.
    pub username: String,
    /// Name of the author.
    pub name: String,
    /// Letter of the avatar.
    pub initial: String,
    /// Hue of the avatar. **Units:** degrees.
    pub hue: u16,
    /// Whether it is ours.
    pub is_mine: bool,
    /// Whether the author is to be named: the first one of a group.
    pub is_first: bool,
    /// `14:05`.
    pub time: String,
    /// The text; none if it was taken back, or can't be opened: see `is_sealed`.
    pub text: Option<String>,
    /// Whether this device can't open it.
    pub is_sealed: bool,
    /// Whether it was changed.
    pub is_edited: bool,
    /// Where it is.
    pub delivery: Delivery,
    /// Whether it names us.
    pub is_for_me: bool,
    /// Whether we may write it anew.
    pub may_edit: bool,
    /// Whether we may take it back.
    pub may_delete: bool,
    /// How far the key that signed it may be trusted.
    pub key: KeyState,
    /// The file that it tells of.
    pub file: Option<Enclosed>,
}

/// A row of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// There is more before; whether it is on its way.
    Older {
        /// Whether it was asked for.
        is_loading: bool,
    },
    /// Another day.
    Day(Day),
    /// From here on nothing was read.
    Unread,
    /// A message.
    Message(Box<Message>),
}

impl Chat {
    /// A thread as it is shown.
    pub fn rows(&self, id: &ThreadId, view: &MeetingView, now: Now) -> Vec<Row> {
        let Some(thread) = self.thread(id) else { return Vec::new() };
        let mut rows = Rows { rows: Vec::new(), day: None, last: None, now };
        if matches!(id, ThreadId::Room(_)) && thread.older != Older::Nothing && thread.lines().next().is_some() {
            rows.rows.push(Row::Older { is_loading: thread.older == Older::Loading });
        }
        for line in thread.lines() {
            rows.divide(line.time_ms, thread.divider == Some(line.id));
            rows.push(stored(id, line, thread, view, &now), &line.author, line.time_ms);
        }
        let is_up = view.connection == hph_client::view::Connection::Up;
        for pending in thread.pending.iter().filter(|pending| pending.target.is_none() || pending.failed.is_some()) {
            rows.divide(pending.time_ms, false);
            rows.push(waiting(pending, is_up, view, &now), &view.username, pending.time_ms);
        }
        rows.rows
    }

    /// What was found, as it is shown.
    pub fn found_rows(&self, view: &MeetingView, now: Now) -> Vec<Message> {
        let (Some(search), Some(id)) = (&self.search, &self.front) else { return Vec::new() };
        let thread = Thread::default();
        search.found.iter().map(|line| stored(id, line, &thread, view, &now)).collect()
    }
}

struct Rows {
    rows: Vec<Row>,
    day: Option<i64>,
    last: Option<(String, u64)>,
    now: Now,
}

impl Rows {
    fn divide(&mut self, time_ms: u64, is_first_unread: bool) {
        let day = when::day_number(time_ms, &self.now);
        if self.day != Some(day) {
            (self.day, self.last) = (Some(day), None);
            self.rows.push(Row::Day(when::day(time_ms, &self.now)));
        }
        if is_first_unread {
            self.last = None;
            self.rows.push(Row::Unread);
        }
    }

    fn push(&mut self, mut message: Message, author: &str, time_ms: u64) {
        let is_of_group = |(last, at): &(String, u64)| last == author && time_ms.saturating_sub(*at) < GROUP_MS;
        message.is_first = !self.last.as_ref().is_some_and(is_of_group);
        // A group is five minutes from its first message, so that a long talk of one person has times.
        if message.is_first {
            self.last = Some((author.to_owned(), time_ms));
        }
        self.rows.push(Row::Message(Box::new(message)));
    }
}

fn stored(id: &ThreadId, line: &Line, thread: &Thread, view: &MeetingView, now: &Now) -> Message {
    let is_mine = line.author == view.username;
    // A change that is on its way is shown at once, as one.
    let changed = thread.pending.iter().rfind(|pending| pending.target == Some(line.id) && pending.failed.is_none());
    let in_room = matches!(id, ThreadId::Room(_));
    let is_owner = match id {
        ThreadId::Room(room) => {
            view.rooms.get(room).is_some_and(|room| crate::people::my_role(room) == hph_client::engine::Role::Owner)
        }
        ThreadId::Direct(_) => false,
    };
    let text = changed.map(|pending| pending.text.clone()).or_else(|| line.text.clone());
    let is_there = text.is_some();
    Message {
        id: Some(line.id),
        reference: None,
        username: line.author.clone(),
        name: line.name.clone(),
        initial: initial(&line.name),
        hue: hue(&line.author),
        is_mine,
        is_first: true,
        time: when::clock(line.time_ms, now),
        is_for_me: line.is_for_me,
        text,
        is_sealed: line.is_sealed,
        is_edited: line.is_edited,
        delivery: if changed.is_some() { Delivery::Pending } else { Delivery::Stored },
        may_edit: in_room && is_mine && is_there,
        may_delete: in_room && is_there && (is_mine || is_owner),
        key: line.key,
        file: line.file.clone(),
    }
}

fn waiting(pending: &Pending, is_up: bool, view: &MeetingView, now: &Now) -> Message {
    let me = view.people.values().find(|who| who.username == view.username);
    let name = me.map_or(view.username.as_str(), |me| me.display_name.as_str());
    let delivery = match pending.failed {
        Some(reason) => Delivery::Failed(reason),
        None if is_up => Delivery::Pending,
        None => Delivery::Queued,
    };
    Message {
        id: None,
        reference: Some(pending.reference),
        username: view.username.clone(),
        name: name.to_owned(),
        initial: initial(name),
        hue: hue(&view.username),
        is_mine: true,
        is_first: true,
        time: when::clock(pending.time_ms, now),
        text: Some(pending.text.clone()),
        is_sealed: false,
        is_edited: pending.target.is_some(),
        delivery,
        is_for_me: false,
        may_edit: false,
        may_delete: false,
        key: KeyState::default(),
        file: None,
    }
}
