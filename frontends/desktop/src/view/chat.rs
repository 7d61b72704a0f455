//! The panel of messages.

use hph_presenters::chat::{Delivery, Message, Row, ThreadId};
use hph_presenters::previews::Previews;
use hph_presenters::text::Lang;
use hph_presenters::trouble::Trouble;
use slint::{ComponentHandle, SharedString};

use super::{Seen, View, count, hue};
use crate::{ui, words};

/// Somebody to whom one can write: nobody stands for everybody.
pub type Target = Option<String>;

/// Everybody, and each of the others in the room by name.
pub fn targets(app: &hph_presenters::app::App) -> Vec<(Target, String)> {
    let Some((_, view)) = app.front_room() else { return Vec::new() };
    let others = view.participants.values().filter(|who| view.my_slot != Some(who.slot));
    let mut others: Vec<(Target, String)> =
        others.map(|who| (Some(who.username.clone()), who.display_name.clone())).collect();
    // Whoever was written to and has left is still there to be read.
    if let Some(ThreadId::Direct(to)) = &app.chat.front
        && !others.iter().any(|(who, _)| who.as_ref() == Some(to))
    {
        others.push((Some(to.clone()), to.clone()));
    }
    others.sort_by(|a, b| a.1.cmp(&b.1));
    others.insert(0, (None, String::new()));
    others
}

impl View {
    pub(super) fn refresh_chat(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (app, now) = (seen.app, seen.now);
        let screen = ui.global::<ui::Chat>();
        let targets = targets(app);
        let front = match &app.chat.front {
            Some(ThreadId::Direct(to)) => Some(to),
            _ => None,
        };
        let at = targets.iter().position(|(who, _)| who.as_ref() == front).unwrap_or(0);
        let everyone = lang.pick("Mọi người", "Everyone");
        let name = |(who, name): &(Target, String)| -> SharedString {
            if who.is_some() { name.as_str().into() } else { everyone.into() }
        };
        self.targets.set(targets.iter().map(name).collect());
        screen.set_target(count(at));
        screen.set_is_private(front.is_some());
        screen.set_target_name(targets.get(at).map(name).unwrap_or_default());
        screen.set_draft(app.chat.draft_text().into());
        screen.set_is_editing(app.chat.editing().is_some());
        let problem = app.chat.problem.as_ref().map(|problem| words::chat_problem(problem, lang));
        screen.set_problem(problem.unwrap_or_default().into());
        let rows = app.chat.front.as_ref().map(|id| app.chat.rows(id, &app.view, now)).unwrap_or_default();
        let older = rows.iter().find_map(|row| match row {
            Row::Older { is_loading } => Some(*is_loading),
            _ => None,
        });
        screen.set_has_older(older.is_some());
        screen.set_is_loading(older == Some(true));
        self.messages.set(rows.iter().filter_map(|row| shown(row, front.is_some(), seen, lang)).collect());
        // What is written to one person is sealed: the server finds nothing in it.
        screen.set_may_search(front.is_none());
        screen.set_is_searching(app.chat.search.is_some());
        if let Some(search) = &app.chat.search {
            screen.set_is_search_running(search.is_running);
            screen.set_has_more_found(search.has_more());
            let found = app.chat.found_rows(&app.view, now);
            self.found.set(found.iter().map(|message| found_row(message, seen, lang)).collect());
        }
    }
}

/// What was found is told with its day, and can't be changed there.
fn found_row(message: &Message, seen: &Seen<'_>, lang: Lang) -> ui::ChatRow {
    let row = of_message(message, false, seen, lang);
    ui::ChatRow { is_head: true, may_edit: false, may_delete: false, ..row }
}

fn shown(row: &Row, is_private: bool, seen: &Seen<'_>, lang: Lang) -> Option<ui::ChatRow> {
    let divider = |text: String| Some(ui::ChatRow { divider: text.into(), ..ui::ChatRow::default() });
    match row {
        Row::Older { .. } => None,
        Row::Day(day) => divider(day.text(lang)),
        Row::Unread => divider(lang.pick("Tin chưa đọc", "Unread").to_owned()),
        Row::Message(message) => Some(of_message(message, is_private, seen, lang)),
    }
}

fn of_message(message: &Message, is_private: bool, seen: &Seen<'_>, lang: Lang) -> ui::ChatRow {
    let sealed = lang.pick("Thiết bị này không mở được tin này.", "This device can't open this message.");
    let text = if message.is_sealed { Some(sealed) } else { message.text.as_deref() };
    let failed = match message.delivery {
        Delivery::Failed(reason) => words::trouble_in_one(Trouble::of_message(reason), lang),
        _ => String::new(),
    };
    // Of a message that is stored its number, of any other that until then; a letter tells which.
    let id = match (message.id, message.reference) {
        (Some(id), _) => format!("s{id}"),
        (None, Some(reference)) => format!("r{reference}"),
        (None, None) => String::new(),
    };
    let (file, file_state, file_part) =
        message.file.as_ref().map(|file| super::files::enclosed(file, seen, lang)).unwrap_or_default();
    let remote = message.file.as_ref().and_then(|file| file.remote.as_ref());
    let may_show = remote.is_some_and(|file| Previews::may_show(&file.name, file.size));
    let may_fetch = message.file.as_ref().is_some_and(|file| file.remote.is_some());
    ui::ChatRow {
        id: id.into(),
        file: file.into(),
        file_state: file_state.into(),
        file_part,
        may_fetch,
        may_show,
        shown: remote.map_or(0, |file| super::files::shown(file.file, seen)),
        picture: remote.and_then(|file| seen.thumbnails.get(&file.file)).cloned().unwrap_or_default(),
        divider: SharedString::default(),
        author: message.name.as_str().into(),
        letter: message.initial.as_str().into(),
        hue: hue(message.hue),
        time: message.time.as_str().into(),
        text: text.unwrap_or_default().into(),
        is_mine: message.is_mine,
        is_head: message.is_first,
        is_deleted: text.is_none(),
        is_edited: message.is_edited,
        is_private,
        is_waiting: matches!(message.delivery, Delivery::Pending | Delivery::Queued),
        failed: failed.into(),
        may_edit: message.may_edit,
        may_delete: message.may_delete,
    }
}
