//! The panel of messages.

use hph_presenters::chat::{Delivery, Message, Row, ThreadId};
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
        self.messages.set(rows.iter().filter_map(|row| shown(row, front.is_some(), lang)).collect());
    }
}

fn shown(row: &Row, is_private: bool, lang: Lang) -> Option<ui::ChatRow> {
    let divider = |text: String| Some(ui::ChatRow { divider: text.into(), ..ui::ChatRow::default() });
    match row {
        Row::Older { .. } => None,
        Row::Day(day) => divider(day.text(lang)),
        Row::Unread => divider(lang.pick("Tin chưa đọc", "Unread").to_owned()),
        Row::Message(message) => Some(of_message(message, is_private, lang)),
    }
}

fn of_message(message: &Message, is_private: bool, lang: Lang) -> ui::ChatRow {
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
    ui::ChatRow {
        id: id.into(),
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
