//! Closed doors, files, searching, and what holds in a room, on the screens of the pictures.

use slint::ComponentHandle;

use super::Lang;
use super::fixtures::{line, lobby_create, of, room_chat, room_grid, room_people, rows, shell, signed_grid};
use crate::ui::{
    App, Chat, ChatRow, Choice, Door, FileRow, Files, Lobby, People, Room, Screen, SheetKind, Shell, TransferRow,
};

pub(super) fn lobby_options(app: &App, lang: Lang) {
    lobby_create(app, lang);
    let screen = app.global::<Lobby>();
    screen.set_new_waiting_room(true);
    screen.set_new_password("hoa sen".into());
}

fn door(app: &App, lang: Lang) -> Door<'_> {
    shell(app, Screen::Door, lang);
    let screen = app.global::<Door>();
    screen.set_room("Bài tập lớn – Nhóm 17".into());
    screen
}

pub(super) fn door_password(app: &App, lang: Lang) {
    let screen = door(app, lang);
    screen.set_wants_password(true);
    screen.set_error(of(lang, "Sai mật khẩu. Hãy thử lại.", "That is another password. Try again.").into());
}

pub(super) fn door_waiting(app: &App, lang: Lang) {
    door(app, lang).set_waited(of(lang, "42 giây", "42 seconds").into());
}

pub(super) fn room_knock(app: &App, lang: Lang) {
    room_people(app, lang);
    let people = app.global::<People>();
    people.set_open(-1);
    people.set_may_rule(true);
    people.set_shows_rules(true);
    people.set_has_waiting_room(true);
    people.set_has_password(true);
    let who = |name: &str| Choice { id: name.into(), name: name.into() };
    people.set_waiting(rows([who("Bùi Thanh Hà"), who("Ada Lovelace")]));
    app.global::<Room>().set_hands(3);
}

/// Two of them show a sign, and ours are spread out.
pub(super) fn room_signs(app: &App, lang: Lang) {
    signed_grid(app, lang);
    app.global::<Room>().set_is_choosing_sign(true);
}

fn file(id: &str, name: &str, about: &'static str, state: i32, part: f32) -> FileRow {
    let may_delete = id == "1";
    FileRow { id: id.into(), name: name.into(), about: about.into(), may_delete, state, part, ..FileRow::default() }
}

pub(super) fn room_files(app: &App, lang: Lang) {
    room_grid(app, lang);
    app.global::<Room>().set_panel(3);
    let files = app.global::<Files>();
    files.set_rows(rows([
        file(
            "3",
            "Kiến trúc phần mềm – chương 12.pdf",
            of(lang, "4,2 MB · Đạt · 14:03", "4.2 MB · Đạt · 14:03"),
            1,
            0.4,
        ),
        file("2", "slides-final.odp", of(lang, "812 kB · Ngọc · 13:51", "812 kB · Ngọc · 13:51"), 2, 1.0),
        file("1", "ảnh nhóm.jpg", of(lang, "1,1 MB · Hường · 13:40", "1.1 MB · Hường · 13:40"), 0, 0.0),
    ]));
    let sending = of(lang, "đang gửi · 3,1 MB / 7,9 MB", "sending · 3.1 MB / 7.9 MB");
    let failed = of(
        lang,
        "Tệp lớn hơn mức máy chủ cho phép. (E-REF-21)",
        "The file is larger than this server takes. (E-REF-21)",
    );
    files.set_transfers(rows([
        TransferRow {
            id: 1,
            name: "demo.mkv".into(),
            about: sending.into(),
            part: 0.4,
            is_running: true,
            is_failed: false,
        },
        TransferRow {
            id: 2,
            name: "backup.tar".into(),
            about: failed.into(),
            is_failed: true,
            ..TransferRow::default()
        },
    ]));
}

pub(super) fn room_path(app: &App, lang: Lang) {
    room_files(app, lang);
    let files = app.global::<Files>();
    files.set_path("~/Documents/bao-cao.pdf".into());
    files.set_path_for("Bài tập lớn – Nhóm 17".into());
    files.set_path_error(of(lang, "Không có tệp này.", "There is no such file.").into());
    app.global::<Shell>().set_sheet(SheetKind::File);
}

pub(super) fn room_found(app: &App, lang: Lang) {
    room_chat(app, lang);
    let chat = app.global::<Chat>();
    chat.set_may_search(true);
    chat.set_is_searching(true);
    chat.set_words("kien truc".into());
    chat.set_has_more_found(true);
    chat.set_found(rows([
        line(1, "14:03", "Mọi người xem trang 12 giúp mình, phần kiến trúc."),
        line(5, "09:41", "Kiến trúc của server nằm trong ARCHITECTURE.md."),
    ]));
}

pub(super) fn room_edit(app: &App, lang: Lang) {
    room_chat(app, lang);
    let chat = app.global::<Chat>();
    chat.set_may_search(true);
    chat.set_is_editing(true);
    chat.set_draft(of(lang, "Được rồi, hẹn mọi người thứ Hai.", "All right, see you on Monday.").into());
    let deleted = ChatRow { is_deleted: true, ..line(4, "14:05", "") };
    let failed = of(lang, "Gửi quá nhanh. Chờ một lát rồi thử lại.", "Too fast. Wait a moment and try again.");
    let failed = ChatRow { failed: failed.into(), ..line(0, "14:08", "Mình gửi lại nhé.") };
    chat.set_rows(rows([line(1, "14:03", "Chào cả nhóm, mình gửi tài liệu rồi nhé."), deleted, failed]));
}

/// What two people wrote to each other, with files sealed for them.
pub(super) fn private_rows(lang: Lang) -> Vec<ChatRow> {
    let private = |row: ChatRow| ChatRow { is_private: true, ..row };
    let file = |row: ChatRow, size: &str, state: &'static str, part: f32, may_fetch| ChatRow {
        file: size.into(),
        file_state: state.into(),
        file_part: part,
        may_fetch,
        ..private(row)
    };
    vec![
        ChatRow { divider: of(lang, "Hôm nay", "Today").into(), ..ChatRow::default() },
        private(line(2, "14:06", "Chỉ mình bạn đọc được câu này.")),
        file(ChatRow { is_head: false, ..line(2, "14:06", "điểm giữa kỳ.xlsx") }, "48 kB", "", 0.6, true),
        file(line(0, "14:07", "báo cáo.pdf"), "1,3 MB", "", 0.0, false),
        file(line(2, "14:09", "ghi âm.ogg"), "6,0 MB", of(lang, "6,0 MB · đã lưu", "6.0 MB · saved"), 1.0, true),
    ]
}
