//! Invitations, breakout rooms, devices and pictures among the files, on the screens of the pictures.

use slint::{ComponentHandle, SharedString};

use super::Lang;
use super::fixtures::{of, room_grid, room_people, rows, settings, sign_in};
use super::panels::room_files;
use super::people::slide;
use crate::ui::{App, BreakoutRow, Breakouts, DeviceRow, FileRow, Files, InviteRow, Invites, SheetKind, Shell};

pub(super) fn signin_code(app: &App, lang: Lang) {
    let screen = sign_in(app, lang, 0);
    screen.set_is_invited(true);
    screen.set_asks_code(true);
    screen.set_name("Hường".into());
    screen.set_code("123-456-78".into());
    screen.set_code_error(of(lang, "Không đúng dạng.", "It does not look right.").into());
}

pub(super) fn signin_forgotten(app: &App, lang: Lang) {
    let screen = sign_in(app, lang, 1);
    screen.set_forgotten(true);
    screen.set_code("123-456-789".into());
    screen.set_password("một mật khẩu khác".into());
    screen.set_strength(4);
}

pub(super) fn signin_invited(app: &App, lang: Lang) {
    sign_in(app, lang, 2).set_is_invited(true);
    app.global::<crate::ui::SignIn>().set_name("Hường".into());
}

fn link(secret: &str) -> String {
    format!("hph://meet.lan/Nh%C3%B3m%2017#fp={}{secret}", "5c1a9f20e4b77d03".repeat(4))
}

fn sheet(app: &App, lang: Lang) -> Invites<'_> {
    room_grid(app, lang);
    app.global::<Shell>().set_sheet(SheetKind::Invite);
    let sheet = app.global::<Invites>();
    sheet.set_room("Bài tập lớn – Nhóm 17".into());
    sheet.set_code_picture(crate::view::code(&link("")));
    sheet.set_link(link("").into());
    sheet
}

/// Somebody who keeps no order there.
pub(super) fn invite_way(app: &App, lang: Lang) {
    sheet(app, lang);
}

pub(super) fn invite_made(app: &App, lang: Lang) {
    let sheet = sheet(app, lang);
    let made = link("&in=k3vx7q2mzt5hnd4wbp6ycarj27");
    sheet.set_code_picture(crate::view::code(&made));
    sheet.set_link(made.into());
    sheet.set_may_make(true);
    sheet.set_is_made(true);
    sheet.set_digits("123-456-789".into());
    sheet.set_about(of(lang, "Dùng được đến 14:05, cho 5 người.", "Good until 14:05, for 5 people.").into());
    let names = |names: &[&str]| rows(names.iter().map(|name| SharedString::from(*name)).collect::<Vec<_>>());
    sheet.set_uses_names(names(&["1", "2", "5", "10", "30", "100"]));
    sheet.set_uses(2);
    sheet.set_lasting_names(names(&[of(lang, "1 giờ", "1 hour"), of(lang, "1 ngày", "1 day")]));
    sheet.set_lasting(1);
    let row = |id: &str, about: &'static str| InviteRow {
        id: id.into(),
        name: format!("{} #{id}", of(lang, "Lời mời", "Invitation")).into(),
        about: about.into(),
    };
    sheet.set_rows(rows([
        row("12", of(lang, "đã dùng 0/5 · đến 14:05 · Hường", "0 of 5 used · until 14:05 · Hường")),
        row("9", of(lang, "đã dùng 1/2 · đến 16:30 · Hường", "1 of 2 used · until 16:30 · Hường")),
    ]));
}

fn groups(app: &App, lang: Lang) -> Breakouts<'_> {
    room_people(app, lang);
    app.global::<crate::ui::People>().set_open(-1);
    let section = app.global::<Breakouts>();
    section.set_may_lead(true);
    section.set_shown(true);
    section
}

pub(super) fn room_split(app: &App, lang: Lang) {
    groups(app, lang);
}

pub(super) fn room_breakouts(app: &App, lang: Lang) {
    let section = groups(app, lang);
    let row = |number: i32, people: &str, is_here| BreakoutRow {
        number,
        name: format!("{} {number}", of(lang, "Nhóm", "Group")).into(),
        people: people.into(),
        is_here,
    };
    section.set_rows(rows([row(1, "Lê Mỹ Ngọc, Phạm Ỷ Lan", true), row(2, "Grace Hopper, Đỗ Uyển Nhi", false)]));
    section.set_here(of(lang, "Nhóm 1", "Group 1").into());
    section.set_may_go_back(true);
    section.set_ends(of(lang, "còn 4:30", "4:30 left").into());
}

pub(super) fn room_picture(app: &App, lang: Lang) {
    room_files(app, lang);
    let files = app.global::<Files>();
    let file = |id: &str, name: &str, shown| FileRow {
        id: id.into(),
        name: name.into(),
        about: of(lang, "1,2 MB · Đạt · 14:03", "1.2 MB · Đạt · 14:03").into(),
        may_show: true,
        shown,
        picture: if shown == 2 { slide() } else { slint::Image::default() },
        ..FileRow::default()
    };
    files.set_transfers(rows([]));
    files.set_rows(rows([
        file("1", of(lang, "sơ đồ.png", "diagram.png"), 2),
        file("2", of(lang, "ảnh lớp.jpg", "class.jpg"), 3),
        file("3", of(lang, "bảng trắng.jpg", "whiteboard.jpg"), 0),
    ]));
}

pub(super) fn settings_devices(app: &App, lang: Lang) {
    let page = settings(app, lang, 5);
    page.set_has_account(true);
    let device = |id: &str, name: &str, about: &'static str, is_this, is_asked| DeviceRow {
        id: id.into(),
        name: name.into(),
        about: about.into(),
        fingerprint: "12345 67890 24680 13579 11223 34455".into(),
        is_here: is_this,
        is_this,
        is_asked,
    };
    page.set_devices(rows([
        device("1", "hph-desktop 0.1.0", of(lang, "đang đăng nhập", "signed in now"), true, false),
        device(
            "2",
            "hph 0.1.0",
            of(lang, "lần cuối 09:12, Thứ Hai, 23/11/2026", "last seen 09:12, Monday, 23/11/2026"),
            false,
            true,
        ),
    ]));
}
