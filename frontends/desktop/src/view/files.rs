//! The shelf of a room, and what is sent and fetched.

use hph_client::core::id::RoomId;
use hph_client::engine::FileTarget;
use hph_presenters::chat::Enclosed;
use hph_presenters::files::{Files, State, Transfer, Way};
use hph_presenters::previews::{Preview, Previews};
use hph_presenters::text::{Lang, count as counts, when};
use slint::ComponentHandle;

use super::{Seen, View};
use crate::{ui, words};

impl View {
    pub(super) fn refresh_files(&mut self, ui: &ui::App, room: RoomId, seen: &Seen<'_>, lang: Lang) {
        let (app, screen) = (seen.app, ui.global::<ui::Files>());
        let shelf = app.files.shelf(room);
        screen.set_is_loading(shelf.is_some_and(hph_presenters::files::Shelf::is_loading));
        screen.set_has_older(shelf.is_some_and(hph_presenters::files::Shelf::has_older));
        let row = |shelved: &hph_presenters::files::Shelved| {
            let transfer = app.files.fetching(shelved.file.file);
            let size = counts::bytes(shelved.file.size, lang);
            let time = when::clock(shelved.time_ms, &seen.now);
            ui::FileRow {
                id: shelved.file.file.to_string().into(),
                name: shelved.file.name.as_str().into(),
                about: format!("{size} · {} · {time}", shelved.name).into(),
                may_delete: Files::may_delete(&app.view, room, shelved),
                state: match transfer.map(|transfer| &transfer.state) {
                    Some(State::Running) => 1,
                    Some(State::Done(_)) => 2,
                    _ => 0,
                },
                part: transfer.map_or(0.0, Transfer::part),
                may_show: Previews::may_show(&shelved.file.name, shelved.file.size),
                shown: shown(shelved.file.file, seen),
                picture: seen.thumbnails.get(&shelved.file.file).cloned().unwrap_or_default(),
            }
        };
        self.files.set(shelf.into_iter().flat_map(hph_presenters::files::Shelf::files).map(row).collect());
    }

    /// What is under way and what failed; what is there is seen elsewhere.
    pub(super) fn refresh_transfers(&mut self, seen: &Seen<'_>, lang: Lang) {
        let is_seen = |transfer: &&Transfer| match (&transfer.way, &transfer.state) {
            (_, State::Done(_)) | (Way::Fetches(_), State::Running) => false,
            (Way::Sends(_), State::Running) | (_, State::Failed(_)) => true,
        };
        let row = |transfer: &Transfer| ui::TransferRow {
            id: transfer.request as i32,
            name: transfer.name.as_str().into(),
            about: about(transfer, lang).into(),
            part: transfer.part(),
            is_running: transfer.state == State::Running,
            is_failed: matches!(transfer.state, State::Failed(_)),
        };
        let transfers = seen.app.files.transfers().iter().filter(is_seen);
        self.transfers.set(transfers.map(row).collect());
    }
}

/// How far a picture is that somebody wants to see: nothing, under way, here, failed.
pub fn shown(file: u64, seen: &Seen<'_>) -> i32 {
    match seen.app.previews.of(file) {
        None => 0,
        Some(Preview::Fetching | Preview::Decoding) => 1,
        Some(Preview::Shown) => 2,
        Some(Preview::Failed) => 3,
    }
}

fn about(transfer: &Transfer, lang: Lang) -> String {
    let (done, total) = (counts::bytes(transfer.done, lang), counts::bytes(transfer.total, lang));
    let way = match &transfer.way {
        Way::Sends(FileTarget::Person(_)) => lang.pick("đang gửi riêng", "sending privately"),
        Way::Sends(FileTarget::Room(_)) => lang.pick("đang gửi", "sending"),
        Way::Fetches(_) => lang.pick("đang tải về", "fetching"),
    };
    match &transfer.state {
        State::Running if transfer.total == 0 => way.to_owned(),
        State::Running => format!("{way} · {done} / {total}"),
        State::Done(_) => lang.pick("xong", "done").to_owned(),
        State::Failed(reason) => words::failure(reason, lang),
    }
}

/// The size of a file that a message tells of, and how far it has come: what is shown, and how much of it, 0 to 1.
pub fn enclosed(file: &Enclosed, seen: &Seen<'_>, lang: Lang) -> (String, String, f32) {
    let size = counts::bytes(file.size, lang);
    let fetching = file.remote.as_ref().and_then(|remote| seen.app.files.fetching(remote.file));
    let state = match fetching.map(|transfer| &transfer.state) {
        Some(State::Done(_)) => format!("{size} · {}", lang.pick("đã lưu", "saved")),
        Some(State::Failed(reason)) => words::failure(reason, lang),
        _ => String::new(),
    };
    (size, state, fetching.map_or(0.0, Transfer::part))
}
