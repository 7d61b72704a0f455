//! What stands on the screens of the pictures.

use slint::{ComponentHandle, Image, ModelRc, SharedString, VecModel};

use super::groups;
use super::panels;
use super::people::{PEOPLE, portrait, slide};
use super::{Lang, Scene};
use crate::ui::{
    App, Chat, ChatRow, Choice, Diagnostics, FigureRow, First, KeyRow, Lobby, MemberRow, MuteState, NearbyRow, People,
    PersonRow, PreJoin, Room, RoomCard, Screen, Settings, SheetKind, Shell, SignIn, StageLayout, StageRow, StripKind,
    TileInfo, ToastRow,
};

/// All scenes.
pub const SCENES: &[Scene] = &[
    Scene { name: "first", fill: first },
    Scene { name: "first-error", fill: first_error },
    Scene { name: "first-nearby", fill: first_nearby },
    Scene { name: "first-nobody", fill: first_nobody },
    Scene { name: "signin-guest", fill: sign_in_guest },
    Scene { name: "signin-wrong", fill: sign_in_wrong },
    Scene { name: "signin-new", fill: sign_in_new },
    Scene { name: "signin-invited", fill: groups::signin_invited },
    Scene { name: "signin-code", fill: groups::signin_code },
    Scene { name: "signin-forgotten", fill: groups::signin_forgotten },
    Scene { name: "lobby", fill: lobby },
    Scene { name: "lobby-empty", fill: lobby_empty },
    Scene { name: "lobby-create", fill: lobby_create },
    Scene { name: "lobby-options", fill: panels::lobby_options },
    Scene { name: "door-password", fill: panels::door_password },
    Scene { name: "door-waiting", fill: panels::door_waiting },
    Scene { name: "prejoin", fill: pre_join },
    Scene { name: "prejoin-trouble", fill: pre_join_trouble },
    Scene { name: "room", fill: room_grid },
    Scene { name: "room-chat", fill: room_chat },
    Scene { name: "room-private", fill: room_private },
    Scene { name: "room-people", fill: room_people },
    Scene { name: "room-knock", fill: panels::room_knock },
    Scene { name: "room-files", fill: panels::room_files },
    Scene { name: "room-path", fill: panels::room_path },
    Scene { name: "room-found", fill: panels::room_found },
    Scene { name: "room-edit", fill: panels::room_edit },
    Scene { name: "room-picture", fill: groups::room_picture },
    Scene { name: "room-split", fill: groups::room_split },
    Scene { name: "room-breakouts", fill: groups::room_breakouts },
    Scene { name: "invite-way", fill: groups::invite_way },
    Scene { name: "invite-made", fill: groups::invite_made },
    Scene { name: "room-signs", fill: panels::room_signs },
    Scene { name: "room-share", fill: room_share },
    Scene { name: "room-alone", fill: room_alone },
    Scene { name: "room-reconnect", fill: room_reconnect },
    Scene { name: "settings-view", fill: settings_view },
    Scene { name: "settings-sound", fill: settings_sound },
    Scene { name: "settings-keys", fill: settings_keys },
    Scene { name: "settings-devices", fill: groups::settings_devices },
    Scene { name: "diagnostics", fill: diagnostics },
    Scene { name: "ended", fill: ended },
];

pub(super) fn rows<T: Clone + 'static>(rows: impl IntoIterator<Item = T>) -> ModelRc<T> {
    ModelRc::new(VecModel::from(rows.into_iter().collect::<Vec<T>>()))
}

fn words(words: &[&str]) -> ModelRc<SharedString> {
    rows(words.iter().map(|word| SharedString::from(*word)))
}

/// The one of two texts that is in the language: what comes from presenters, in the pictures.
pub(super) const fn of(lang: Lang, vi: &'static str, en: &'static str) -> &'static str {
    if lang.as_bytes()[0] == b'v' { vi } else { en }
}

pub(super) fn shell(app: &App, screen: Screen, lang: Lang) -> Shell<'_> {
    let shell = app.global::<Shell>();
    shell.set_screen(screen);
    shell.set_language(lang.into());
    shell
}

fn first(app: &App, lang: Lang) {
    shell(app, Screen::First, lang);
    let choice = |id: &str| Choice { id: id.into(), name: id.into() };
    app.global::<First>().set_recent(rows([choice("meet.lan"), choice("hop.example.vn:7401")]));
}

fn first_nearby(app: &App, lang: Lang) {
    shell(app, Screen::First, lang);
    let screen = app.global::<First>();
    screen.set_may_search(true);
    let row = |name: &str, about: &'static str| NearbyRow { id: name.into(), name: name.into(), about: about.into() };
    screen.set_nearby(rows([
        row("Lớp KTPM", of(lang, "3 phòng · 11 người · 192.0.2.20:7400", "3 rooms · 11 people · 192.0.2.20:7400")),
        row("Phòng Đào tạo", of(lang, "1 phòng · 1 người · 192.0.2.31:7400", "1 room · 1 person · 192.0.2.31:7400")),
    ]));
}

fn first_nobody(app: &App, lang: Lang) {
    shell(app, Screen::First, lang);
    app.global::<First>().set_may_search(true);
}

fn first_error(app: &App, lang: Lang) {
    first(app, lang);
    let screen = app.global::<First>();
    screen.set_address("meet.example.org".into());
    let error = of(
        lang,
        "Không kết nối được máy chủ. Kiểm tra địa chỉ và mạng. (E-NET-01)",
        "The server can't be reached. Check the address and your network. (E-NET-01)",
    );
    screen.set_error(error.into());
}

pub(super) fn sign_in(app: &App, lang: Lang, way: i32) -> SignIn<'_> {
    shell(app, Screen::SignIn, lang);
    let screen = app.global::<SignIn>();
    screen.set_server("Lớp KTPM".into());
    screen.set_address("meet.lan".into());
    screen.set_has_guest(true);
    screen.set_has_password(true);
    screen.set_may_register(true);
    screen.set_way(way);
    screen
}

fn sign_in_guest(app: &App, lang: Lang) {
    sign_in(app, lang, 0).set_name("Hường".into());
}

fn sign_in_wrong(app: &App, lang: Lang) {
    let screen = sign_in(app, lang, 1);
    screen.set_username("huong".into());
    screen.set_password("chưa đúng".into());
    screen.set_password_error(of(lang, "Sai tên hoặc mật khẩu.", "The name or the password is wrong.").into());
}

fn sign_in_new(app: &App, lang: Lang) {
    let screen = sign_in(app, lang, 2);
    screen.set_name("Nguyễn Thị Hường".into());
    screen.set_username("nguyen-thi-huong".into());
    screen.set_password("mưa trên phố cũ".into());
    screen.set_strength(3);
}

fn person(index: usize) -> PersonRow {
    let (name, letter, hue) = PEOPLE[index];
    PersonRow { id: name.into(), name: name.into(), letter: letter.into(), hue, is_me: index == 0 }
}

fn lobby_empty(app: &App, lang: Lang) {
    shell(app, Screen::Lobby, lang);
    let screen = app.global::<Lobby>();
    screen.set_server("Lớp KTPM".into());
    screen.set_my_name(PEOPLE[0].0.into());
    screen.set_my_letter("H".into());
    screen.set_my_hue(PEOPLE[0].2);
    screen.set_people(rows([person(0)]));
}

fn lobby(app: &App, lang: Lang) {
    lobby_empty(app, lang);
    let screen = app.global::<Lobby>();
    let card = |name: &str, people| RoomCard { id: name.into(), name: name.into(), people, ..RoomCard::default() };
    screen.set_rooms(rows([
        card("Nhóm 17", 4),
        card("Seminar Kiến trúc phần mềm", 23),
        card("Phòng trống", 0),
        card("Thực hành mạng", 1),
        card("Daily stand-up", 7),
    ]));
    screen.set_has_any_room(true);
    screen.set_people(rows((0..PEOPLE.len()).map(person)));
}

pub(super) fn lobby_create(app: &App, lang: Lang) {
    lobby(app, lang);
    app.global::<Lobby>().set_new_name("Ôn tập cuối kỳ".into());
    app.global::<Shell>().set_sheet(SheetKind::Create);
}

fn devices(app: &App, lang: Lang) -> PreJoin<'_> {
    let screen = app.global::<PreJoin>();
    let default = of(lang, "Mặc định của máy", "The machine's own choice");
    screen.set_microphones(words(&[default, "USB Audio"]));
    screen.set_speakers(words(&[default, "HDMI"]));
    screen.set_cameras(words(&[default, "HD Pro Webcam C920"]));
    screen
}

fn pre_join(app: &App, lang: Lang) {
    shell(app, Screen::PreJoin, lang);
    let screen = devices(app, lang);
    screen.set_room("Nhóm 17".into());
    screen.set_people(4);
    screen.set_letter("H".into());
    screen.set_hue(PEOPLE[0].2);
    screen.set_camera_on(true);
    screen.set_microphone_on(true);
    screen.set_preview(portrait(0));
    screen.set_has_preview(true);
    screen.set_level(0.55);
    screen.set_network(of(lang, "Mạng tốt: 18 ms, không mất gói", "Network: 18 ms, nothing lost").into());
    screen.set_network_ok(true);
}

fn pre_join_trouble(app: &App, lang: Lang) {
    pre_join(app, lang);
    let screen = app.global::<PreJoin>();
    screen.set_has_preview(false);
    screen.set_microphone_on(false);
    screen.set_level(0.0);
    let trouble = of(lang, "Camera đang được chương trình khác dùng.", "The camera is used by another program.");
    screen.set_camera_trouble(trouble.into());
}

/// Tiles as the rule of layout puts them: seven in rows of three.
fn grid(width: f32, height: f32, lang: Lang) -> Vec<TileInfo> {
    const GAP: f32 = 12.0;
    let columns: usize = if width < 700.0 { 2 } else { 3 };
    let count = if height < 320.0 { columns * 2 } else { PEOPLE.len() };
    let lines = count.div_ceil(columns);
    let cell =
        ((width - GAP * (columns - 1) as f32) / columns as f32, (height - GAP * (lines - 1) as f32) / lines as f32);
    let tile = (cell.0.min(cell.1 * 17.0 / 9.0), cell.1.min(cell.0 * 0.75));
    let place = |index: usize| {
        let (line, column) = (index / columns, index % columns);
        let in_line = columns.min(count - line * columns) as f32;
        let left = (width - in_line * tile.0 - (in_line - 1.0) * GAP) / 2.0;
        let top = (height - lines as f32 * tile.1 - (lines - 1) as f32 * GAP) / 2.0;
        (left + column as f32 * (tile.0 + GAP), top + line as f32 * (tile.1 + GAP))
    };
    (0..count).map(|index| TileInfo { width: tile.0, height: tile.1, ..someone(index, place(index), lang) }).collect()
}

fn someone(index: usize, (x, y): (f32, f32), lang: Lang) -> TileInfo {
    let (name, letter, hue) = PEOPLE[index];
    let name = if index == 0 { format!("{name} ({})", of(lang, "bạn", "you")) } else { name.to_owned() };
    TileInfo {
        x,
        y,
        slot: index as i32,
        name: name.into(),
        letter: letter.into(),
        hue,
        is_me: index == 0,
        is_muted: matches!(index, 1 | 3 | 5),
        is_speaking: index == 2,
        is_pinned: false,
        has_picture: !matches!(index, 1 | 4),
        hand: i32::from(index == 4),
        bars: match index {
            1 => 2,
            3 => 1,
            _ => 4,
        },
        about: PEOPLE[index].0.into(),
        ..TileInfo::default()
    }
}

fn room(app: &App, lang: Lang) -> Room<'_> {
    shell(app, Screen::Room, lang);
    let screen = app.global::<Room>();
    screen.set_name("Bài tập lớn – Nhóm 17".into());
    screen.set_people(PEOPLE.len() as i32);
    screen.set_clock("12:04".into());
    screen.set_my_rtt("32 ms".into());
    screen.set_can_share(true);
    screen.set_microphone(MuteState::On);
    screen.set_camera(MuteState::Off);
    screen.set_screen(MuteState::Off);
    screen.set_unread(3);
    screen.set_hands(1);
    screen
}

/// Shows tiles on a stage of the size that it will have.
fn with_tiles(app: &App, tiles: impl Fn(f32, f32) -> Vec<(TileInfo, Image)> + 'static) {
    let weak = app.as_weak();
    app.global::<Room>().on_stage_resized(move |width, height| {
        let Some(app) = weak.upgrade() else { return };
        let (infos, pictures): (Vec<_>, Vec<_>) = tiles(width, height).into_iter().unzip();
        app.global::<Room>().set_pictures(rows(pictures));
        app.global::<Room>().set_tiles(rows(infos));
    });
}

pub(super) fn room_grid(app: &App, lang: Lang) {
    room(app, lang);
    with_tiles(app, move |width, height| {
        let tiles = grid(width, height, lang).into_iter().enumerate();
        tiles.map(|(index, tile)| (tile, portrait(index))).collect()
    });
}

/// The same with two who show a sign.
pub(super) fn signed_grid(app: &App, lang: Lang) {
    room(app, lang);
    with_tiles(app, move |width, height| {
        let tiles = grid(width, height, lang).into_iter().enumerate();
        let signed =
            |index: usize, tile| TileInfo { sign: [0, 1, 0, 3, 0, 5].get(index).copied().unwrap_or(0), ..tile };
        tiles.map(|(index, tile)| (signed(index, tile), portrait(index))).collect()
    });
}

pub(super) fn line(index: usize, time: &str, text: &str) -> ChatRow {
    let (name, letter, hue) = PEOPLE[index];
    ChatRow {
        id: text.into(),
        author: name.into(),
        letter: letter.into(),
        hue,
        time: time.into(),
        text: text.into(),
        is_mine: index == 0,
        is_head: true,
        ..ChatRow::default()
    }
}

pub(super) fn room_chat(app: &App, lang: Lang) {
    room_grid(app, lang);
    app.global::<Room>().set_panel(1);
    app.global::<Room>().set_unread(0);
    let chat = app.global::<Chat>();
    chat.set_names(words(&[of(lang, "Mọi người", "Everyone"), PEOPLE[1].0, PEOPLE[2].0]));
    let divider = |text: &str| ChatRow { divider: text.into(), ..ChatRow::default() };
    chat.set_rows(rows([
        divider(of(lang, "Hôm nay", "Today")),
        line(1, "14:03", "Chào cả nhóm, mình gửi tài liệu rồi nhé."),
        ChatRow { is_head: false, ..line(1, "14:03", "Mọi người xem trang 12 giúp mình, phần kiến trúc.") },
        divider(of(lang, "Tin chưa đọc", "Unread")),
        ChatRow { is_edited: true, ..line(4, "14:05", "Thanks! I will look at it after the stand-up.") },
        ChatRow { is_private: true, ..line(2, "14:06", "Chỉ mình bạn đọc được câu này.") },
        ChatRow { is_waiting: true, ..line(0, "14:07", "Được rồi, cảm ơn mọi người.") },
    ]));
}

pub(super) fn room_private(app: &App, lang: Lang) {
    room_chat(app, lang);
    let chat = app.global::<Chat>();
    chat.set_target(2);
    chat.set_is_private(true);
    chat.set_target_name(PEOPLE[2].0.into());
    chat.set_draft(of(lang, "Cảm ơn Ngọc nhé", "Thank you").into());
    chat.set_rows(rows(panels::private_rows(lang)));
}

pub(super) fn room_people(app: &App, lang: Lang) {
    room_grid(app, lang);
    let room = app.global::<Room>();
    room.set_panel(2);
    room.set_is_host(true);
    let people = app.global::<People>();
    people.set_rows(rows((0..PEOPLE.len()).map(|index| {
        let (name, letter, hue) = PEOPLE[index];
        MemberRow {
            slot: index as i32,
            name: name.into(),
            about: name.into(),
            letter: letter.into(),
            hue,
            is_me: index == 0,
            is_muted: matches!(index, 1 | 3 | 5),
            has_camera: !matches!(index, 1 | 4),
            is_sharing: index == 5,
            is_speaking: index == 2,
            hand: i32::from(index == 4),
            bars: 4,
            may_mute: index == 2,
            may_stop_video: index == 2,
            may_ask_unmute: index == 1,
            may_host: index > 0,
            is_host: index == 0,
            may_remove: index > 0,
            may_dm: index > 0,
            is_key_changed: index == 3,
            volume: 100,
        }
    })));
    people.set_open(2);
    people.set_may_mute_all(true);
    people.set_may_lock(true);
}

fn room_share(app: &App, lang: Lang) {
    room(app, lang).set_layout(StageLayout::Spotlight);
    with_tiles(app, move |width, height| {
        const GAP: f32 = 12.0;
        let rail = 180.0f32.min(width * 0.22);
        let share = TileInfo {
            is_screen: true,
            width: width - rail - GAP,
            height,
            is_contained: true,
            has_picture: true,
            is_speaking: false,
            ..someone(5, (0.0, 0.0), lang)
        };
        let small = rail * 9.0 / 16.0;
        let fitting = ((height + GAP) / (small + GAP)) as usize;
        let others = (0..PEOPLE.len()).take(fitting).map(|index| {
            let place = (width - rail, index as f32 * (small + GAP));
            (TileInfo { width: rail, height: small, ..someone(index, place, lang) }, portrait(index))
        });
        std::iter::once((share, slide())).chain(others).collect()
    });
}

fn room_alone(app: &App, lang: Lang) {
    let screen = room(app, lang);
    screen.set_people(1);
    screen.set_unread(0);
    screen.set_hands(0);
    screen.set_is_alone(true);
    let link = format!("hph://meet.lan/Nh%C3%B3m%2017#fp={}", "5c1a9f20e4b77d03".repeat(4));
    screen.set_invitation_code(crate::view::code(&link));
    screen.set_invitation(link.into());
    with_tiles(app, move |width, height| {
        vec![(TileInfo { width, height, has_picture: false, ..someone(0, (0.0, 0.0), lang) }, Image::default())]
    });
}

fn room_reconnect(app: &App, lang: Lang) {
    room_grid(app, lang);
    let shell = app.global::<Shell>();
    shell.set_strip(StripKind::Reconnecting);
    let lost = of(lang, "Mất kết nối. Đang thử lại sau 3 giây…", "The connection is lost. Trying again in 3 s…");
    shell.set_strip_text(lost.into());
    shell.set_toasts(rows([
        ToastRow {
            id: 1,
            text: of(lang, "Micro đang tắt. Nhấn M để nói.", "You are muted. Press M to speak.").into(),
            action: of(lang, "Bật micro", "Unmute").into(),
            ..ToastRow::default()
        },
        ToastRow {
            id: 2,
            text: of(lang, "Không mở được camera.", "The camera can't be opened.").into(),
            detail: "E-DEV-02".into(),
            is_error: true,
            ..ToastRow::default()
        },
    ]));
    let (name, letter, hue) = PEOPLE[3];
    shell.set_is_called(true);
    shell.set_caller(name.into());
    shell.set_caller_letter(letter.into());
    shell.set_caller_hue(hue);
    shell.set_call_room("Seminar".into());
    shell.set_call_seconds(24);
    let tiles = app.global::<Room>();
    tiles.set_microphone(MuteState::Waiting);
}

pub(super) fn settings(app: &App, lang: Lang, page: i32) -> Settings<'_> {
    lobby(app, lang);
    devices(app, lang);
    app.global::<Shell>().set_sheet(SheetKind::Settings);
    let settings = app.global::<Settings>();
    settings.set_page(page);
    settings.set_scale(app.global::<crate::ui::Theme>().get_text_scale());
    settings.set_version(env!("CARGO_PKG_VERSION").into());
    settings
}

fn settings_view(app: &App, lang: Lang) {
    settings(app, lang, 0).set_look(0);
}

fn settings_sound(app: &App, lang: Lang) {
    let settings = settings(app, lang, 1);
    settings.set_echo(true);
    settings.set_noise(true);
    settings.set_gain(false);
}

fn settings_keys(app: &App, lang: Lang) {
    let key = |keys: &str, vi, en| KeyRow { keys: keys.into(), action: of(lang, vi, en).into() };
    settings(app, lang, 3).set_keys(rows([
        key("M", "Bật hoặc tắt micro", "Microphone on or off"),
        key("V", "Bật hoặc tắt camera", "Camera on or off"),
        key("Space", "Nhấn giữ để nói", "Hold to talk"),
        key("H", "Giơ tay hoặc hạ tay", "Raise or lower the hand"),
        key("C", "Trò chuyện", "Chat"),
        key("Ctrl+Shift+D", "Chẩn đoán", "Diagnostics"),
    ]));
}

fn diagnostics(app: &App, lang: Lang) {
    room_grid(app, lang);
    app.global::<Shell>().set_sheet(SheetKind::Diagnostics);
    let screen = app.global::<Diagnostics>();
    screen.set_bars(3);
    screen.set_verdict(of(lang, "Khá tốt: mạng mất một ít gói.", "Good enough: the network loses a little.").into());
    let advice = of(lang, "Dùng dây mạng sẽ ổn định hơn Wi-Fi.", "A cable would be steadier than Wi-Fi.");
    screen.set_advice(advice.into());
    let stage = |vi, en, ms: f32| StageRow { name: of(lang, vi, en).into(), ms, shown: format!("{ms:.0} ms").into() };
    screen.set_stages(rows([
        stage("Mã hoá", "Encoding", 6.0),
        stage("Mạng", "Network", 16.0),
        stage("Ghép lại", "Gathering", 3.0),
        stage("Giải mã", "Decoding", 4.0),
    ]));
    screen.set_stages_total(29.0);
    let figure = |vi, en, value: &str, is_bad| FigureRow {
        name: of(lang, vi, en).into(),
        value: value.into(),
        is_bad,
        ..FigureRow::default()
    };
    screen.set_figures(rows([
        figure("Độ trễ", "Round trip", "32 ms", false),
        figure("Mất gói đi", "Loss up", "0,0 %", false),
        figure("Mất gói về", "Loss down", "2,4 %", true),
        figure("Gửi", "Sending", "1,2 Mbit/s", false),
        figure("Nhận", "Receiving", "3,4 Mbit/s", false),
    ]));
}

fn ended(app: &App, lang: Lang) {
    let shell = shell(app, Screen::Ended, lang);
    shell.set_ended_title(of(lang, "Chủ phòng đã mời bạn ra", "A host has removed you").into());
    let text = of(
        lang,
        "Hãy hỏi chủ phòng nếu bạn nghĩ đây là nhầm lẫn.",
        "Ask the host if you think that this is a mistake.",
    );
    shell.set_ended_text(text.into());
    shell.set_ended_code("E-ROOM-04".into());
}
