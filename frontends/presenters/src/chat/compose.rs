//! Writing: sending, changing, taking back, looking up; and what the engine says about messages.

use hph_client::files::RemoteFile;

use super::*;
use crate::text::fold::fold;
use crate::text::name::given_name;
use crate::text::typed;

impl Chat {
    pub(super) fn draft(&mut self, text: String) {
        self.problem = None;
        if let Some(thread) = self.front_thread_mut() {
            thread.draft = text;
        }
    }

    pub(super) fn send(&mut self, view: &MeetingView, ids: &mut Ids, now: Now, effects: &mut Effects) -> Option<Slash> {
        let id = self.front.clone()?;
        let thread = self.threads.get_mut(&id)?;
        match slash::parse(&thread.draft).filter(|_| thread.editing.is_none()) {
            Some(Ok(slash)) => {
                thread.draft.clear();
                return Some(slash);
            }
            Some(Err(error)) => self.problem = Some(Problem::Slash(error)),
            None => match typed::message(&unslashed(&thread.draft)) {
                Ok(text) => {
                    let editing = thread.editing.take();
                    thread.draft = std::mem::take(&mut thread.kept_draft);
                    self.post(&id, text, editing, view, ids, now, effects);
                }
                // Nothing to send is no mistake.
                Err(Flaw::Empty) => {}
                Err(flaw) => self.problem = Some(Problem::Text(flaw)),
            },
        }
        None
    }

    #[expect(clippy::too_many_arguments, reason = "what a message is made of")]
    fn post(
        &mut self,
        id: &ThreadId,
        text: String,
        target: Option<u64>,
        view: &MeetingView,
        ids: &mut Ids,
        now: Now,
        effects: &mut Effects,
    ) {
        let thread = self.thread_mut(id);
        if target.and_then(|target| thread.line(target)).is_some_and(|line| line.text.as_deref() == Some(&text)) {
            return;
        }
        let _ = view;
        let reference = ids.reference();
        let pending = Pending { reference, text: text.clone(), target, time_ms: now.unix_ms, failed: None };
        thread.add_pending(pending);
        let command = match (id, target) {
            (ThreadId::Room(room), None) => Command::Chat { reference, room: *room, text },
            (ThreadId::Room(room), Some(id)) => Command::EditChat { reference, room: *room, id, text },
            (ThreadId::Direct(to), _) => Command::Direct { reference, to: to.clone(), text },
        };
        engine(effects, command);
    }

    /// Writes to one person, as a command says.
    pub fn send_direct(
        &mut self,
        to: &str,
        text: &str,
        view: &MeetingView,
        ids: &mut Ids,
        now: Now,
        effects: &mut Effects,
    ) {
        match typed::message(text) {
            Ok(text) => self.post(&ThreadId::Direct(to.to_owned()), text, None, view, ids, now, effects),
            Err(flaw) => self.problem = Some(Problem::Text(flaw)),
        }
    }

    pub(super) fn start_edit(&mut self, id: u64, view: &MeetingView, effects: &mut Effects) {
        // Direct messages are sealed for their receiver: they can't be changed.
        if !matches!(self.front, Some(ThreadId::Room(_))) {
            return;
        }
        let Some(thread) = self.front_thread_mut() else { return };
        let Some(text) = thread.line(id).filter(|line| line.author == view.username).and_then(|line| line.text.clone())
        else {
            return;
        };
        if thread.editing.is_none() {
            thread.kept_draft = std::mem::take(&mut thread.draft);
        }
        (thread.editing, thread.draft) = (Some(id), text);
        effects.push(Effect::Focus(Focus::Composer));
    }

    pub(super) fn cancel_edit(&mut self) {
        if let Some(thread) = self.front_thread_mut()
            && thread.editing.take().is_some()
        {
            thread.draft = std::mem::take(&mut thread.kept_draft);
        }
    }

    pub(super) fn delete(&mut self, id: u64, ids: &mut Ids, effects: &mut Effects) {
        if let Some(ThreadId::Room(room)) = self.front {
            let reference = ids.reference();
            engine(effects, Command::DeleteChat { reference, room, id });
        }
    }

    /// Sends a message again, under a new number: the old one was refused for good.
    pub(super) fn retry(&mut self, reference: u64, ids: &mut Ids, now: Now, effects: &mut Effects) {
        let is_it = |pending: &Pending| pending.reference == reference && pending.failed.is_some();
        let found = self.threads.iter_mut().find_map(|(id, thread)| {
            let index = thread.pending.iter().position(is_it)?;
            Some((id.clone(), thread.pending.remove(index)))
        });
        if let Some((id, pending)) = found {
            self.post(&id, pending.text, pending.target, &MeetingView::default(), ids, now, effects);
        }
    }

    pub(super) fn older(&mut self, ids: &mut Ids, effects: &mut Effects) {
        let Some(ThreadId::Room(room)) = self.front else { return };
        let Some(thread) = self.front_thread_mut() else { return };
        if matches!(thread.older, Older::Loading | Older::Nothing) {
            return;
        }
        let look_up = LookUp { request: ids.request(), room, words: None };
        self.look_up(look_up, effects);
    }

    pub(super) fn start_search(&mut self, words: String, ids: &mut Ids, effects: &mut Effects) {
        let words = typed::one_line(&words);
        let Some(ThreadId::Room(room)) = self.front else { return };
        self.wanted.retain(|look_up| look_up.words.is_none());
        if words.is_empty() || !hph_client::core::wire::text::is_search_text(&words) {
            self.search = None;
            return;
        }
        self.search = Some(Search { words: words.clone(), is_running: true, ..Search::default() });
        let look_up = LookUp { request: ids.request(), room, words: Some(words) };
        self.look_up(look_up, effects);
    }

    pub(super) fn more_found(&mut self, ids: &mut Ids, effects: &mut Effects) {
        let Some(ThreadId::Room(room)) = self.front else { return };
        let Some(search) = self.search.as_mut().filter(|search| search.before.is_some() && !search.is_running) else {
            return;
        };
        search.is_running = true;
        let words = Some(search.words.clone());
        let look_up = LookUp { request: ids.request(), room, words };
        self.look_up(look_up, effects);
    }

    /// Asks at once, or when what was asked before is answered: the server refuses a second look-up.
    fn look_up(&mut self, look_up: LookUp, effects: &mut Effects) {
        if self.running.is_some() {
            self.wanted.retain(|other| other.words.is_some() != look_up.words.is_some() || other.room != look_up.room);
            self.wanted.push(look_up);
            return;
        }
        let LookUp { request, room, words } = look_up.clone();
        let before = match &words {
            Some(_) => self.search.as_ref().and_then(|search| search.before).unwrap_or(0),
            None => {
                let Some(thread) = self.threads.get_mut(&ThreadId::Room(room)) else { return };
                let first = thread.lines().next().map_or(0, |line| line.id);
                let before = match thread.older {
                    Older::Before(before) => before,
                    _ => first,
                };
                thread.older = Older::Loading;
                before
            }
        };
        self.running = Some(look_up);
        engine(effects, Command::History { request, room, before, count: PAGE.min(CHAT_PAGE_MAX), words });
    }

    /// Takes what the engine says about messages.
    pub fn handle_engine(&mut self, event: &client::Event, view: &MeetingView, effects: &mut Effects) {
        use client::Event as E;
        self.version += 1;
        match event {
            E::Chat { room, id, author, display_name, time_ms, text } => {
                let is_mine = *author == view.username;
                let is_for_me = !is_mine && names_me(text, view);
                let line = line(*id, author, display_name, *time_ms, Some(text.clone()), false);
                let line = Line { is_for_me, ..line };
                self.thread_mut(&ThreadId::Room(*room)).insert(line, is_mine, true);
                self.mark_read(effects);
            }
            E::ChatChanged { room, id, target, text, author, .. } => {
                let is_for_me = *author != view.username && text.as_ref().is_some_and(|text| names_me(text, view));
                self.thread_mut(&ThreadId::Room(*room)).change(*id, *target, text.clone(), is_for_me);
                self.mark_read(effects);
            }
            E::ChatFound { request, room, id, author, display_name, time_ms, edited_ms, text } => {
                let line = line(*id, author, display_name, *time_ms, text.clone(), edited_ms.is_some());
                self.found(*request, *room, line, *author == view.username);
            }
            E::ChatFoundAll { request, room, before } => self.found_all(*request, *room, *before, effects),
            E::ChatStored { reference, .. } => self.settle(*reference, None),
            E::DirectStored { reference, id } => self.direct_stored(*reference, *id, view),
            E::MessageFailed { reference, reason } => self.settle(*reference, Some(*reason)),
            E::Direct { id, from, key, time_ms, text } => {
                self.direct(*id, from, *key, *time_ms, text.clone(), view, effects)
            }
            E::Unread { room, read, unread, .. } if *room == DIRECTS => {
                self.read_direct = self.read_direct.max(*read);
                let _ = unread;
                let directs = self.threads.iter_mut().filter(|(id, _)| matches!(id, ThreadId::Direct(_)));
                directs.for_each(|(_, thread)| thread.set_read(*read, 0));
            }
            // Also of rooms that we are not in: the lobby shows it.
            E::Unread { room, read, unread, .. } => self.thread_mut(&ThreadId::Room(*room)).set_read(*read, *unread),
            E::Refused { request, .. } => self.refused(*request, effects),
            E::Lost { .. } => self.running_is_over(effects),
            // Nothing about messages.
            _ => self.version -= 1,
        }
    }

    /// The engine took no command now: a message is not sent, and can be tried again.
    pub fn engine_busy(&mut self, command: &Command) {
        use hph_client::core::wire::control::Refusal;
        self.version += 1;
        match command {
            Command::Chat { reference, .. }
            | Command::EditChat { reference, .. }
            | Command::Direct { reference, .. } => {
                self.settle(*reference, Some(FailReason::Refused(Refusal::TooFast)));
            }
            Command::History { request, .. } => self.refused(*request, &mut Vec::new()),
            _ => {}
        }
    }

    fn settle(&mut self, reference: u64, failed: Option<FailReason>) {
        for thread in self.threads.values_mut() {
            match failed {
                None => thread.pending.retain(|pending| pending.reference != reference),
                Some(reason) => {
                    let found = thread.pending.iter_mut().find(|pending| pending.reference == reference);
                    found.into_iter().for_each(|pending| pending.failed = Some(reason));
                }
            }
        }
    }

    /// What we wrote to one person is kept here: the server sends it to nobody but them.
    fn direct_stored(&mut self, reference: u64, id: u64, view: &MeetingView) {
        let _ = id;
        for thread in self.threads.values_mut() {
            let Some(index) = thread.pending.iter().position(|pending| pending.reference == reference) else {
                continue;
            };
            let pending = thread.pending.remove(index);
            thread.add_sent(pending, &view.username, None);
        }
    }

    /// A file of ours is with one person: it is kept here as what we write to them is.
    pub fn add_sent_file(&mut self, to: &str, name: &str, size: u64, view: &MeetingView, ids: &mut Ids, now: Now) {
        self.version += 1;
        let (reference, text) = (ids.reference(), name.to_owned());
        let pending = Pending { reference, text, target: None, time_ms: now.unix_ms, failed: None };
        let file = Enclosed { name: name.to_owned(), size, remote: None };
        self.thread_mut(&ThreadId::Direct(to.to_owned())).add_sent(pending, &view.username, Some(file));
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of the engine's event")]
    fn direct(
        &mut self,
        id: u64,
        from: &str,
        key: KeyState,
        time_ms: u64,
        text: Option<String>,
        view: &MeetingView,
        effects: &mut Effects,
    ) {
        let name = view.people.values().find(|who| who.username == from);
        let name = name.map_or(from, |who| who.display_name.as_str());
        let is_sealed = text.is_none();
        let remote = text.as_deref().and_then(RemoteFile::from_direct);
        let text = remote.as_ref().map(|remote| remote.name.clone()).or(text);
        let file = remote.map(|remote| Enclosed { name: remote.name.clone(), size: remote.size, remote: Some(remote) });
        let line = Line { key, is_sealed, file, ..line(id, from, name, time_ms, text, false) };
        let is_read = id <= self.read_direct;
        let thread = self.thread_mut(&ThreadId::Direct(from.to_owned()));
        thread.insert_direct(line, is_read);
        self.mark_read(effects);
    }

    fn found(&mut self, request: u32, room: RoomId, line: Line, is_mine: bool) {
        let Some(look_up) = self.running.as_ref().filter(|running| running.request == request) else { return };
        match (&look_up.words, self.search.as_mut()) {
            (None, _) => {
                if let Some(thread) = self.threads.get_mut(&ThreadId::Room(room)) {
                    thread.insert(line, is_mine, false);
                }
            }
            (Some(words), Some(search)) if search.words == *words => {
                if search.found.len() < FOUND_MAX {
                    search.found.push(line);
                }
            }
            // What was searched for is another thing by now.
            (Some(_), _) => {}
        }
    }

    fn found_all(&mut self, request: u32, room: RoomId, before: u64, effects: &mut Effects) {
        let Some(look_up) = self.running.clone().filter(|running| running.request == request) else { return };
        match look_up.words {
            None => {
                if let Some(thread) = self.threads.get_mut(&ThreadId::Room(room)) {
                    thread.older = if before == 0 { Older::Nothing } else { Older::Before(before) };
                }
            }
            Some(words) => {
                if let Some(search) = self.search.as_mut().filter(|search| search.words == words) {
                    (search.is_running, search.before) = (false, (before != 0).then_some(before));
                }
            }
        }
        self.running = None;
        self.next_look_up(effects);
    }

    fn refused(&mut self, request: u32, effects: &mut Effects) {
        if self.running.as_ref().is_some_and(|running| running.request == request) {
            self.running_is_over(effects);
        }
    }

    /// What was asked will not be answered.
    fn running_is_over(&mut self, effects: &mut Effects) {
        let Some(look_up) = self.running.take() else { return };
        match look_up.words {
            None => {
                if let Some(thread) = self.threads.get_mut(&ThreadId::Room(look_up.room)) {
                    thread.older = Older::Unknown;
                }
            }
            Some(_) => self.search.iter_mut().for_each(|search| search.is_running = false),
        }
        self.next_look_up(effects);
    }

    fn next_look_up(&mut self, effects: &mut Effects) {
        if !self.wanted.is_empty() {
            let next = self.wanted.remove(0);
            self.look_up(next, effects);
        }
    }

    fn front_thread_mut(&mut self) -> Option<&mut Thread> {
        self.front.as_ref().and_then(|id| self.threads.get_mut(id))
    }
}

/// Two slashes at the beginning stand for one.
fn unslashed(text: &str) -> String {
    let text = text.trim_start();
    text.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(text).to_owned()
}

fn line(id: u64, author: &str, name: &str, time_ms: u64, text: Option<String>, is_edited: bool) -> Line {
    let (author, name) = (author.to_owned(), name.to_owned());
    let key = KeyState::default();
    Line { id, author, name, time_ms, text, is_edited, key, is_sealed: false, is_for_me: false, file: None }
}

/// Whether a text of somebody else names us: `@` and our login name or given name.
fn names_me(text: &str, view: &MeetingView) -> bool {
    let text = fold(text);
    let me = view.people.values().find(|who| who.username == view.username);
    let given = me.map(|me| fold(given_name(&me.display_name)));
    let names = [Some(fold(&view.username)), given];
    let mentions = |name: &str| {
        text.match_indices(&format!("@{name}"))
            .any(|(at, found)| !text[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    names.iter().flatten().any(|name| !name.is_empty() && mentions(name))
}
