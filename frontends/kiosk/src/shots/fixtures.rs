//! What stands on the screens of the pictures.

use hph_presenters::room::layout::{self, Limits, Size};
use slint::{ComponentHandle, Image, ModelRc, Rgb8Pixel, SharedPixelBuffer, SharedString, VecModel};

use super::people::{PEOPLE, portrait};
use super::{Lang, Scene};
use crate::ui::{App, Call, Front, Home, Keys, Kiosk, Person, Room, RoomCard, TileInfo, ToastRow, Track};

/// All scenes.
pub(super) const SCENES: &[Scene] = &[
    Scene { name: "setup", fill: set_up },
    Scene { name: "pairing", fill: pairing },
    Scene { name: "revoked", fill: revoked },
    Scene { name: "waiting", fill: waiting },
    Scene { name: "home", fill: home },
    Scene { name: "home-bound", fill: home_bound },
    Scene { name: "home-hot", fill: home_hot },
    Scene { name: "keyboard", fill: keyboard },
    Scene { name: "keyboard-signs", fill: keyboard_signs },
    Scene { name: "room", fill: room },
    Scene { name: "room-alone", fill: room_alone },
    Scene { name: "room-waits", fill: room_waits },
    Scene { name: "room-people", fill: room_people },
    Scene { name: "room-volume", fill: room_volume },
    Scene { name: "call", fill: call },
    Scene { name: "call-answered", fill: call_answered },
    Scene { name: "dark", fill: dark },
    Scene { name: "safe", fill: safe },
];

fn rows<T: Clone + 'static>(rows: impl IntoIterator<Item = T>) -> ModelRc<T> {
    ModelRc::new(VecModel::from(rows.into_iter().collect::<Vec<T>>()))
}

/// The one of two texts that is in the language.
const fn of(lang: Lang, vi: &'static str, en: &'static str) -> &'static str {
    if lang.as_bytes()[0] == b'v' { vi } else { en }
}

fn shell(app: &App, front: Front, lang: Lang) -> Kiosk<'_> {
    let shell = app.global::<Kiosk>();
    shell.set_front(front);
    shell.set_language(lang.into());
    shell.set_name(of(lang, "Phòng họp A", "Meeting room A").into());
    shell.set_clock("14:05".into());
    shell.set_date(of(lang, "Thứ Hai, 23/11/2026", "Monday, 23/11/2026").into());
    shell.set_address("192.0.2.7".into());
    shell.set_has_camera(true);
    shell.set_has_microphone(true);
    shell
}

fn set_up(app: &App, lang: Lang) {
    shell(app, Front::SetUp, lang);
}

fn pairing(app: &App, lang: Lang) {
    let shell = shell(app, Front::Pairing, lang);
    shell.set_pairing_code("042 137".into());
    shell.set_pairing_min(10);
}

fn revoked(app: &App, lang: Lang) {
    pairing(app, lang);
    let why = hph_presenters::trouble::Trouble::Revoked;
    let lang = if lang == "vi" { hph_presenters::text::Lang::Vi } else { hph_presenters::text::Lang::En };
    app.global::<Kiosk>().set_trouble(crate::words::trouble(why, lang).what.into());
}

fn home_bound(app: &App, lang: Lang) {
    shell(app, Front::Home, lang);
    let home = app.global::<Home>();
    home.set_rooms(rows([]));
    home.set_room("Nhóm 17".into());
    home.set_is_bound(true);
}

fn waiting(app: &App, lang: Lang) {
    let shell = shell(app, Front::Waiting, lang);
    shell.set_trouble(of(lang, "Không kết nối được máy chủ.", "The server can't be reached.").into());
    shell.set_advice(of(lang, "Thiết bị tự thử lại. (E-NET-01)", "It tries again by itself. (E-NET-01)").into());
    shell.set_retry_s(8);
    shell.set_bars(0);
}

fn cards() -> ModelRc<RoomCard> {
    let cards = [("Nhóm 17", 4), ("Seminar", 23), ("Hội đồng bảo vệ đồ án tốt nghiệp khoá 2026", 1), ("Lab 203", 0)];
    rows(cards.map(|(name, people)| RoomCard { name: name.into(), people, is_locked: false }))
}

fn home(app: &App, lang: Lang) {
    shell(app, Front::Home, lang);
    app.global::<Home>().set_rooms(cards());
}

fn home_hot(app: &App, lang: Lang) {
    let shell = shell(app, Front::Home, lang);
    shell.set_health(of(lang, "Nguồn điện yếu", "Weak power supply").into());
    shell.set_has_camera(false);
    let home = app.global::<Home>();
    home.set_rooms(rows([]));
    home.set_room("Nhóm 17".into());
    shell.set_toasts(rows([ToastRow {
        id: 1,
        text: of(lang, "Phòng đang khoá.", "The room is locked.").into(),
        detail: of(lang, "Nhờ chủ phòng mở khoá. (E-LOCKED)", "Ask a host to unlock it. (E-LOCKED)").into(),
        is_error: true,
    }]));
}

fn keys<'a>(app: &'a App, lang: Lang, text: &str, has_symbols: bool) -> Keys<'a> {
    shell(app, Front::Home, lang);
    let keys = app.global::<Keys>();
    let mut keyboard = hph_kiosk_core::keyboard::Keyboard::new(true);
    if has_symbols {
        keyboard.press(hph_kiosk_core::keyboard::Key::Symbols);
    }
    let [digits, upper, middle, lower] =
        keyboard.rows().map(|row| rows(row.into_iter().map(|key| SharedString::from(key.to_lowercase().to_string()))));
    keys.set_row0(digits);
    keys.set_row1(upper);
    keys.set_row2(middle);
    keys.set_row3(lower);
    keys.set_is_open(true);
    keys.set_is_vietnamese(true);
    keys.set_has_symbols(has_symbols);
    keys.set_text(text.into());
    keys
}

fn keyboard(app: &App, lang: Lang) {
    keys(app, lang, "Nhóm nghiên cứu", false);
}

fn keyboard_signs(app: &App, lang: Lang) {
    let keys = keys(app, lang, "", true);
    keys.set_problem(of(lang, "Hãy điền vào đây.", "Fill this in.").into());
    keys.set_is_vietnamese(false);
}

/// So many people on the stage as it is.
fn stage(app: &App, lang: Lang, count: usize) -> Room<'_> {
    shell(app, Front::Room, lang);
    let room = app.global::<Room>();
    room.set_name("Nhóm 17".into());
    room.set_people(count as i32);
    room.set_volume(100);
    room.set_volume_max(150);
    room.set_microphone(Track::On);
    room.set_camera(Track::On);
    room.set_is_live(true);
    // The bar, the line of status and the edges: what the drawing tells by stage-resized.
    let size = app.window().size();
    let size = Size { width: size.width as f32 - 24.0, height: size.height as f32 - 64.0 - 80.0 };
    let grid = layout::grid(size, count, 0, &Limits::KIOSK, None);
    let tiles: Vec<TileInfo> = grid.tiles.iter().enumerate().map(|(at, rect)| tile(at, *rect)).collect();
    let pictures: Vec<Image> =
        (0..tiles.len()).map(|at| if at % 3 == 2 { Image::default() } else { portrait(at) }).collect();
    room.set_tiles(rows(tiles));
    room.set_pictures(rows(pictures));
    room
}

/// A room with one picture of that size, new each time.
pub(super) fn one_picture(app: &App, width: u32, height: u32) {
    let room = stage(app, "en", 1);
    let pixels = SharedPixelBuffer::<Rgb8Pixel>::new(width, height);
    room.set_pictures(rows([Image::from_rgb8(pixels)]));
}

fn tile(at: usize, rect: layout::Rect) -> TileInfo {
    let (name, letter, hue) = PEOPLE[at % PEOPLE.len()];
    TileInfo {
        x: rect.x,
        y: rect.y,
        width: rect.width,
        height: rect.height,
        name: name.into(),
        letter: letter.into(),
        hue,
        is_muted: at % 2 == 1,
        is_speaking: at == 0,
        has_picture: at % 3 != 2,
        is_contained: false,
        is_screen: false,
        hand: i32::from(at == 3),
        bars: if at == 1 { 2 } else { 4 },
        stale_s: 0,
        sign: 0,
        about: name.into(),
    }
}

fn room(app: &App, lang: Lang) {
    stage(app, lang, 5);
}

fn room_alone(app: &App, lang: Lang) {
    let room = stage(app, lang, 1);
    room.set_is_alone(true);
    room.set_is_live(false);
    room.set_microphone(Track::Off);
    room.set_camera(Track::Off);
    room.set_invitation(crate::view::code(&format!("hph://meet.example.org/Nh%C3%B3m%2017#fp={}", "5c".repeat(32))));
}

fn room_waits(app: &App, lang: Lang) {
    let room = stage(app, lang, 2);
    room.set_waits_for_camera(true);
    room.set_camera(Track::Waiting);
    room.set_can_share(true);
    app.global::<Kiosk>().set_has_camera(false);
    app.global::<Kiosk>().set_strip(of(lang, "Đang kết nối lại…", "Connecting again…").into());
    app.global::<Kiosk>().set_bars(1);
}

fn room_people(app: &App, lang: Lang) {
    let room = stage(app, lang, 5);
    room.set_sheet(1);
    room.set_members(rows(PEOPLE.iter().enumerate().map(|(at, (name, letter, hue))| Person {
        name: (*name).into(),
        letter: (*letter).into(),
        hue: *hue,
        is_me: at == 2,
        is_heard: at % 2 == 0,
        is_seen: at % 3 != 2,
        has_hand: at == 0,
    })));
}

fn room_volume(app: &App, lang: Lang) {
    let room = stage(app, lang, 4);
    room.set_sheet(2);
    room.set_volume(90);
}

fn call(app: &App, lang: Lang) {
    home(app, lang);
    let call = app.global::<Call>();
    call.set_is_there(true);
    call.set_name("Nguyễn Thị Hường".into());
    call.set_letter("H".into());
    call.set_hue(210.0);
    call.set_room("Nhóm 17".into());
}

fn call_answered(app: &App, lang: Lang) {
    call(app, lang);
    app.global::<Call>().set_answers_in(3);
}

fn dark(app: &App, lang: Lang) {
    shell(app, Front::Dark, lang);
}

fn safe(app: &App, lang: Lang) {
    let shell = shell(app, Front::Safe, lang);
    let error = "panicked at frontends/kiosk/src/view.rs:120:9: no picture of 0 by 0 can be drawn";
    shell.set_trouble(error.into());
    shell.set_code(crate::view::code(error));
}
