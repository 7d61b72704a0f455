//! What was said before: pages of history, searches, what is not read; and how far we have read ourselves.

use std::collections::{BTreeMap, HashMap};

use hph_client::core::id::RoomId;
use hph_client::core::limits::CHAT_PAGE_MAX;
use hph_client::engine::{Command, Event};

use crate::lang;
use crate::object;
use crate::output::Output;
use crate::session::Session;
use crate::text::{local_time, one_row, person};

/// The number that stands for direct messages among rooms.
const DIRECTS: RoomId = RoomId(0);

/// What is looked up.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// In which room.
    pub room: RoomId,
    /// Only messages with these words; all without.
    pub words: Option<String>,
    /// Only messages before this one; without: from where the last look-up ended, or from the newest.
    pub before: Option<u64>,
    /// So many.
    pub count: u32,
}

/// Looks things up, one after the other, and shows what came, the oldest first.
#[derive(Default)]
pub struct Desk {
    asked: Option<Asked>,
    /// How far back each room's history was shown.
    shown: BTreeMap<RoomId, u64>,
}

enum Asked {
    Messages { wanted: Wanted, request: u32, found: Vec<Event> },
    Unread { request: u32, has_any: bool },
}

impl Desk {
    /// Whether something is being looked up.
    pub const fn is_busy(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether that request was ours; it was refused, and nothing more will come of it.
    pub fn is_refused(&mut self, refused: u32) -> bool {
        let is_ours = match &self.asked {
            Some(Asked::Messages { request, .. } | Asked::Unread { request, .. }) => *request == refused,
            None => false,
        };
        if is_ours {
            self.asked = None;
        }
        is_ours
    }

    /// The connection is a new one: what was asked over the old one is not answered any more.
    pub fn forget(&mut self) {
        self.asked = None;
    }

    /// Looks something up, unless something is being looked up already.
    pub fn ask(&mut self, mut wanted: Wanted, session: &mut Session<'_>) {
        if self.is_busy() {
            return session.out.talk(session.out.lang.text(&lang::LOOKING_UP));
        }
        if wanted.words.is_none() && wanted.before.is_none() {
            let first = session.view.rooms.get(&wanted.room).and_then(|room| room.chat.first()).map(|line| line.id);
            wanted.before = self.shown.get(&wanted.room).copied().or(first);
            if wanted.before == Some(1) {
                return session.out.talk(session.out.lang.text(&lang::NOTHING_OLDER));
            }
        }
        let before = wanted.before.unwrap_or(0);
        self.ask_for(wanted, before, Vec::new(), session);
    }

    /// Asks for the next of the messages that are still missing.
    fn ask_for(&mut self, wanted: Wanted, before: u64, found: Vec<Event>, session: &mut Session<'_>) {
        let request = session.engine.request();
        let missing = (wanted.count as usize).saturating_sub(found.len());
        let count = u8::try_from(missing).unwrap_or(CHAT_PAGE_MAX).clamp(1, CHAT_PAGE_MAX);
        let (room, words) = (wanted.room, wanted.words.clone());
        session.send(Command::History { request, room, before, count, words });
        self.asked = Some(Asked::Messages { wanted, request, found });
    }

    /// Asks what is not read.
    pub fn ask_unread(&mut self, session: &mut Session<'_>) {
        if self.is_busy() {
            return session.out.talk(session.out.lang.text(&lang::LOOKING_UP));
        }
        let request = session.engine.request();
        session.send(Command::Unread { request });
        self.asked = Some(Asked::Unread { request, has_any: false });
    }

    /// Takes an answer in; shows everything once it is all there.
    pub fn take(&mut self, event: &Event, session: &mut Session<'_>) {
        let out = session.out;
        match (event, &mut self.asked) {
            (Event::ChatFound { request, .. }, Some(Asked::Messages { request: ours, found, .. }))
                if request == ours =>
            {
                found.push(event.clone());
            }
            (Event::ChatFoundAll { request, before, .. }, Some(Asked::Messages { request: ours, .. }))
                if request == ours =>
            {
                self.end_page(event, *before, session);
            }
            (Event::Unread { request, unread, .. }, Some(Asked::Unread { request: ours, has_any }))
                if request == ours =>
            {
                *has_any |= *unread > 0;
                out.data(|| object::of_event(event, &session.view).unwrap_or_default(), || unread_row(event, out));
            }
            (Event::UnreadAll { request }, Some(Asked::Unread { request: ours, has_any })) if request == ours => {
                if !*has_any {
                    out.talk(out.lang.text(&lang::ALL_READ));
                }
                out.object(|| object::of_event(event, &session.view).unwrap_or_default());
                self.asked = None;
            }
            (Event::SignedIn { .. }, _) => self.forget(),
            _ => {}
        }
    }

    fn end_page(&mut self, event: &Event, before: u64, session: &mut Session<'_>) {
        let Some(Asked::Messages { wanted, found, .. }) = self.asked.take() else { return };
        if before > 0 && found.len() < wanted.count as usize {
            // The server gives a hundred at once at most.
            return self.ask_for(wanted, before, found, session);
        }
        let out = session.out;
        for message in found.iter().rev() {
            out.data(|| object::of_event(message, &session.view).unwrap_or_default(), || found_row(message, out));
        }
        out.object(|| object::of_event(event, &session.view).unwrap_or_default());
        match (&wanted.words, before) {
            (None, 0) => out.talk(out.lang.text(&lang::NOTHING_OLDER)),
            (Some(_), 0) if found.is_empty() => out.talk(out.lang.text(&lang::NOTHING_FOUND)),
            (_, before) if before > 0 => out.detail(&out.lang.fill(&lang::MORE_BELOW, &[&before])),
            _ => {}
        }
        if wanted.words.is_none() {
            self.shown.insert(wanted.room, before.max(1));
        }
    }
}

/// A message with its number and time.
fn found_row(event: &Event, out: &Output) -> String {
    let Event::ChatFound { id, author, display_name, time_ms, edited_ms, text, .. } = event else {
        return String::new();
    };
    let lang = out.lang;
    let who = out.bold(&person(display_name, author));
    let is_edited = edited_ms.is_some() && text.is_some();
    let mark = if is_edited { format!(" {}", lang.text(&lang::EDITED)) } else { String::new() };
    let text = text.as_ref().map_or_else(|| lang.text(&lang::TAKEN_BACK).to_owned(), |text| one_row(text));
    format!("#{id} {} {who}: {text}{mark}", local_time(*time_ms))
}

fn unread_row(event: &Event, out: &Output) -> String {
    let Event::Unread { room, name, unread, .. } = event else { return String::new() };
    let name = if *room == DIRECTS { out.lang.text(&lang::DIRECTS).to_owned() } else { one_row(name) };
    if *unread == 0 { String::new() } else { out.lang.fill(&lang::UNREAD_OF, &[&name, unread]) }
}

/// Messages of ours on their way, and the last that arrived.
#[derive(Default)]
pub struct Pending {
    /// By reference: whether it is a message of a room, and not a change or a direct one.
    waiting: HashMap<u64, bool>,
    last: BTreeMap<RoomId, u64>,
}

impl Pending {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether everything has arrived.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// One more is on its way.
    pub fn add(&mut self, reference: u64, is_message: bool) {
        self.waiting.insert(reference, is_message);
    }

    /// It arrived under this number; false if it was not known.
    pub fn stored(&mut self, reference: u64, room: RoomId, id: u64) -> bool {
        let found = self.waiting.remove(&reference);
        if found == Some(true) {
            self.last.insert(room, id);
        }
        found.is_some()
    }

    /// It arrived, or never will; false if it was not known.
    pub fn remove(&mut self, reference: u64) -> bool {
        self.waiting.remove(&reference).is_some()
    }

    /// The message that is meant: the one of that number, or our last one, be it shown already or not.
    pub fn own_message(&self, session: &Session<'_>, room: RoomId, id: Option<u64>) -> Option<u64> {
        let view = session.view.rooms.get(&room);
        let unseen = self.last.get(&room).copied().filter(|id| view.is_some_and(|view| *id > view.chat_latest));
        let seen = || view.and_then(|view| view.last_of(&session.view.username)).map(|line| line.id);
        id.or(unseen).or_else(seen)
    }
}

/// Tells the server how far we have read: up to what was shown here.
#[derive(Default)]
pub struct Marks(BTreeMap<RoomId, u64>);

impl Marks {
    /// Tells what was shown since the last time.
    pub fn tell(&mut self, session: &Session<'_>) {
        let view = &session.view;
        let rooms = view.rooms.iter().map(|(room, view)| (*room, view.chat_latest));
        for (room, id) in rooms.chain([(DIRECTS, view.direct_latest)]) {
            let marked = self.0.entry(room).or_default();
            if id > *marked && session.engine.send(Command::MarkRead { room, id }) {
                *marked = id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    fn found(edited_ms: Option<u64>, text: Option<&str>) -> Event {
        Event::ChatFound {
            request: 1,
            room: RoomId(1),
            id: 7,
            author: "lan".to_owned(),
            display_name: "Ngọc Lan".to_owned(),
            time_ms: 1_000_000_000_000,
            edited_ms,
            text: text.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn a_message_that_was_found_is_one_row_that_says_what_became_of_it() {
        let mut out = Output::new(false, -1, true);
        out.lang = Lang::En;
        let at = local_time(1_000_000_000_000);
        assert_eq!(found_row(&found(None, Some("a\nb")), &out), format!("#7 {at} Ngọc Lan <lan>: a\\nb"));
        assert_eq!(found_row(&found(Some(1), Some("a")), &out), format!("#7 {at} Ngọc Lan <lan>: a (edited)"));
        let gone = found_row(&found(Some(1), None), &out);
        assert_eq!(gone, format!("#7 {at} Ngọc Lan <lan>: (taken back)"));
    }
}
