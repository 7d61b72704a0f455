//! What lies over the screens: the strip of the connection, toasts, calls, sheets, and how it ended.

use hph_presenters::app::strip::Strip;
use hph_presenters::app::{App, Screen, Sheet};
use hph_presenters::text::Lang;
use hph_presenters::toasts::Notice;
use slint::{ComponentHandle, SharedString};

use super::{Seen, View, count, hue};
use crate::{ui, words};

impl View {
    pub(super) fn refresh_over(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let shell = ui.global::<ui::Shell>();
        shell.set_screen(match seen.app.screen {
            Screen::First => ui::Screen::First,
            // Until the server has said how, one sees where one goes.
            Screen::SignIn if seen.app.signin.offer.is_none() => ui::Screen::First,
            Screen::SignIn => ui::Screen::SignIn,
            Screen::Lobby => ui::Screen::Lobby,
            Screen::PreJoin if seen.app.door.is_some() => ui::Screen::Door,
            Screen::PreJoin => ui::Screen::PreJoin,
            Screen::Room => ui::Screen::Room,
            Screen::Left | Screen::Ended(_) => ui::Screen::Ended,
        });
        self.refresh_sheet(&shell, seen, lang);
        refresh_strip(&shell, seen.app.strip(seen.now), lang);
        self.refresh_toasts(seen, lang);
        refresh_call(&shell, seen);
        refresh_ended(&shell, seen.app.screen, lang);
    }

    fn refresh_sheet(&mut self, shell: &ui::Shell<'_>, seen: &Seen<'_>, lang: Lang) {
        let app = seen.app;
        let asked = app.people().and_then(|people| people.asked.as_ref()).filter(|_| app.screen == Screen::Room);
        self.screens.set(seen.screens.iter().map(|screen| SharedString::from(screen.name.as_str())).collect());
        if let Some(asked) = asked {
            let (question, action) = words::question(asked.act, &asked.name, lang);
            shell.set_question(question.into());
            shell.set_question_action(action.into());
        }
        if app.sheet == Some(Sheet::Palette) {
            let rows = app
                .palette_found(lang)
                .into_iter()
                .map(|found| ui::KeyRow { keys: found.key.into(), action: found.label.into() });
            self.palette.set(rows.collect());
        }
        shell.set_sheet(match app.sheet {
            Some(Sheet::Settings) => ui::SheetKind::Settings,
            Some(Sheet::Diagnostics) => ui::SheetKind::Diagnostics,
            Some(Sheet::Help) => ui::SheetKind::Help,
            Some(Sheet::Palette) => ui::SheetKind::Palette,
            Some(Sheet::Invitations) => ui::SheetKind::Invite,
            None if asked.is_some() => ui::SheetKind::Confirm,
            None if seen.file_for.is_some() => ui::SheetKind::File,
            None if !seen.screens.is_empty() => ui::SheetKind::Share,
            None if app.screen == Screen::Lobby && app.lobby.new_room.is_some() => ui::SheetKind::Create,
            None => ui::SheetKind::None,
        });
    }

    fn refresh_toasts(&mut self, seen: &Seen<'_>, lang: Lang) {
        let toasts = seen.app.toasts.shown();
        let row = |toast: &hph_presenters::toasts::Toast| {
            let told = words::notice(&toast.notice, lang);
            let action = match &toast.notice {
                Notice::UnmuteAsked { .. } | Notice::TalkingWhileMuted => lang.pick("Bật micro", "Unmute"),
                Notice::LowerHand => lang.pick("Hạ tay", "Lower"),
                Notice::Direct { .. } => lang.pick("Đọc", "Read"),
                Notice::Knock { .. } => lang.pick("Cho vào", "Let in"),
                Notice::FileCame { .. } => lang.pick("Xem", "Show"),
                _ if toast.undo.is_some() => lang.pick("Hoàn tác", "Undo"),
                _ => "",
            };
            ui::ToastRow {
                id: toast.id as i32,
                text: told.what.into(),
                detail: told.detail.into(),
                is_error: toast.notice.is_error(),
                action: action.into(),
            }
        };
        self.toasts.set(toasts.iter().map(row).collect());
    }
}

fn refresh_strip(shell: &ui::Shell<'_>, strip: Strip, lang: Lang) {
    let seconds = |vi: &str, en: &str, seconds: u64| lang.pick(vi, en).replace("{}", &seconds.to_string());
    let (kind, text) = match strip {
        Strip::Hidden | Strip::Connecting => (ui::StripKind::None, String::new()),
        Strip::NoDatagrams => (
            ui::StripKind::Weak,
            lang.pick(
                "Mạng đang chặn hình và tiếng (UDP). Trò chuyện vẫn dùng được.",
                "This network blocks sound and pictures (UDP). The chat works.",
            )
            .to_owned(),
        ),
        Strip::Tunnelled => (
            ui::StripKind::Weak,
            lang.pick(
                "Mạng này chặn UDP: tiếng và hình tạm đi qua TCP, sẽ chậm hơn một chút.",
                "This network lets no UDP pass: sound and pictures go over TCP, a little later.",
            )
            .to_owned(),
        ),
        Strip::Reconnecting { next_s: 0 } => (
            ui::StripKind::Reconnecting,
            lang.pick("Mất kết nối. Đang nối lại…", "Connection lost. Reconnecting…").to_owned(),
        ),
        Strip::Reconnecting { next_s } => (
            ui::StripKind::Reconnecting,
            seconds("Mất kết nối. Thử lại sau {} giây…", "Connection lost. Trying again in {} s…", next_s),
        ),
        Strip::Lost { for_s } => (
            ui::StripKind::Lost,
            seconds("Mất kết nối đã {} giây. Vẫn đang thử lại.", "No connection for {} s. Still trying.", for_s),
        ),
    };
    shell.set_strip(kind);
    shell.set_strip_text(text.into());
}

fn refresh_call(shell: &ui::Shell<'_>, seen: &Seen<'_>) {
    let call = seen.app.calls.incoming.first();
    shell.set_is_called(call.is_some());
    if let Some(call) = call {
        shell.set_caller(call.name.as_str().into());
        shell.set_caller_letter(hph_presenters::text::name::initial(&call.name).into());
        shell.set_caller_hue(hue(hph_presenters::text::name::hue(&call.from)));
        shell.set_call_room(call.room_name.as_str().into());
        shell.set_call_seconds(count(call.left_s(seen.now.at) as usize));
    }
}

fn refresh_ended(shell: &ui::Shell<'_>, screen: Screen, lang: Lang) {
    let (title, text, code) = match screen {
        Screen::Left => (
            lang.pick("Bạn đã rời phòng", "You have left the room").to_owned(),
            lang.pick("Cuộc họp vẫn tiếp tục.", "The meeting goes on.").to_owned(),
            String::new(),
        ),
        Screen::Ended(trouble) => {
            let words = trouble.words(lang);
            let follows: Vec<&str> = [words.we, words.you].into_iter().filter(|part| !part.is_empty()).collect();
            (words.what.to_owned(), follows.join(" "), trouble.code().to_owned())
        }
        _ => return,
    };
    shell.set_ended_title(title.into());
    shell.set_ended_text(text.into());
    shell.set_ended_code(code.into());
    shell.set_may_return(screen == Screen::Left);
}

/// Whether the front room is looked for in the lobby.
pub fn front_name(app: &App) -> SharedString {
    app.front_room().map(|(_, view)| view.name.as_str().into()).unwrap_or_default()
}
