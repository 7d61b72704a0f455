//! From what is known to what is drawn. Nothing is decided here; what has not changed is not told anew.

mod room;

use std::collections::HashMap;
use std::net::UdpSocket;

use hph_client::engine::RemoteTrack;
use hph_kiosk_core::health::Health;
use hph_kiosk_core::keyboard::Shift;
use hph_kiosk_core::kiosk::{Front, Kiosk};
use hph_presenters::Now;
use hph_presenters::squares::Squares;
use hph_presenters::text::{Lang, name, when};
use slint::{ComponentHandle, Image, Rgb8Pixel, SharedPixelBuffer, SharedString};

use crate::rows::Rows;
use crate::{ui, words};

/// Pictures wander by so much, one step a minute, so that no line burns in. **Units:** logical pixels.
const SHIFT_PX: u64 = 4;

/// All lists that are drawn, and what was drawn last.
#[derive(Default)]
pub struct View {
    toasts: Rows<ui::ToastRow>,
    rooms: Rows<ui::RoomCard>,
    tiles: Rows<ui::TileInfo>,
    pictures: Rows<Image>,
    /// Whose picture stands in which row.
    tracks: Vec<RemoteTrack>,
    members: Rows<ui::Person>,
    keys: [Rows<SharedString>; 4],
    /// The texts whose codes are shown.
    coded: String,
    invited: String,
    lang: Option<Lang>,
    /// In which minute the address was looked up.
    looked: u64,
}

/// What a refresh is made of.
pub struct Seen<'a> {
    /// The kiosk.
    pub kiosk: &'a Kiosk,
    /// The newest picture of everybody.
    pub pictures: &'a HashMap<RemoteTrack, Image>,
    /// How the board is.
    pub health: Health,
    /// What time it is.
    pub now: Now,
}

impl View {
    /// Gives the drawing its lists.
    pub fn new(ui: &ui::App) -> Self {
        let view = Self::default();
        ui.global::<ui::Kiosk>().set_toasts(view.toasts.model());
        ui.global::<ui::Home>().set_rooms(view.rooms.model());
        let room = ui.global::<ui::Room>();
        room.set_tiles(view.tiles.model());
        room.set_pictures(view.pictures.model());
        room.set_members(view.members.model());
        let keys = ui.global::<ui::Keys>();
        let [digits, upper, middle, lower] = &view.keys;
        keys.set_row0(digits.model());
        keys.set_row1(upper.model());
        keys.set_row2(middle.model());
        keys.set_row3(lower.model());
        view
    }

    /// Draws everything as it is now.
    pub fn refresh(&mut self, ui: &ui::App, seen: &Seen<'_>) {
        let lang = seen.kiosk.lang();
        if self.lang.replace(lang) != Some(lang) {
            let _ = slint::select_bundled_translation(lang.code());
        }
        self.refresh_shell(ui, seen, lang);
        self.refresh_call(ui, seen);
        match seen.kiosk.front(seen.now) {
            Front::Home => self.refresh_home(ui, seen, lang),
            Front::Room => self.refresh_room(ui, seen, lang),
            _ => {}
        }
    }

    fn refresh_shell(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (kiosk, now) = (seen.kiosk, seen.now);
        let shell = ui.global::<ui::Kiosk>();
        let front = kiosk.front(now);
        shell.set_front(match &front {
            Front::SetUp => ui::Front::SetUp,
            Front::Pairing { .. } => ui::Front::Pairing,
            Front::Waiting { .. } => ui::Front::Waiting,
            Front::Home => ui::Front::Home,
            Front::Room => ui::Front::Room,
            Front::Dark => ui::Front::Dark,
            Front::Safe { .. } => ui::Front::Safe,
        });
        shell.set_language(lang.code().into());
        shell.set_name(kiosk.name().into());
        shell.set_clock(when::clock(now.unix_ms, &now).into());
        shell.set_date(date(&now, lang).into());
        let minute = now.unix_ms / 60_000;
        shell.set_shift((minute % (2 * SHIFT_PX)).abs_diff(SHIFT_PX) as f32 - SHIFT_PX as f32 / 2.0);
        if self.looked != minute {
            self.looked = minute;
            shell.set_address(address().into());
        }
        let is_test = |name: &str| name == "test";
        shell.set_has_camera((seen.health.has_camera || is_test(&kiosk.config.camera)) && !kiosk.waiting.is_camera());
        let has_microphone = seen.health.has_microphone || is_test(&kiosk.config.microphone);
        shell.set_has_microphone(has_microphone && !kiosk.waiting.is_microphone());
        shell.set_health(health(&seen.health, lang).into());
        shell.set_strip(strip(kiosk, now, lang).into());
        shell.set_bars(bars(kiosk));
        let (trouble, advice) = match (&front, kiosk.trouble()) {
            (Front::Safe { error }, _) => (error.clone(), String::new()),
            (Front::SetUp, _) => (kiosk.problem.clone().unwrap_or_default(), String::new()),
            (Front::Pairing { why, .. }, _) => {
                (why.map(|why| words::trouble(why, lang).what).unwrap_or_default(), String::new())
            }
            (_, Some(trouble)) => {
                // What people could do about it at a desktop there is nobody to do here.
                let advice = lang.pick("Thiết bị tự thử lại.", "It tries again by itself.");
                (words::trouble(trouble, lang).what, format!("{advice} ({})", trouble.code()))
            }
            _ => Default::default(),
        };
        if let Front::Safe { error } = &front {
            self.set_code(&shell, error);
        }
        if let Front::Pairing { code, seconds, .. } = &front {
            shell.set_pairing_code(code.as_str().into());
            shell.set_pairing_min(count(seconds.div_ceil(60) as usize));
        }
        shell.set_trouble(trouble.into());
        shell.set_advice(advice.into());
        shell.set_retry_s(count(kiosk.retry_s(now) as usize));
        self.toasts.set(toasts(kiosk, lang));
    }

    /// The error as a code: a telephone's camera reads it, and somebody can send it on.
    fn set_code(&mut self, shell: &ui::Kiosk<'_>, error: &str) {
        let text = format!("hph-kiosk {}: {error}", env!("CARGO_PKG_VERSION"));
        if self.coded != text {
            shell.set_code(code(&text));
            self.coded = text;
        }
    }

    fn refresh_home(&mut self, ui: &ui::App, seen: &Seen<'_>, lang: Lang) {
        let (kiosk, home) = (seen.kiosk, ui.global::<ui::Home>());
        let fixed = kiosk.home_room().unwrap_or_default();
        home.set_room(fixed.into());
        home.set_is_bound(kiosk.only_room().is_some());
        let others = kiosk.rooms().into_iter().filter(|card| card.name.to_lowercase() != fixed.to_lowercase());
        let card = |card: hph_presenters::lobby::Card| ui::RoomCard {
            name: card.name.into(),
            people: i32::from(card.people),
            is_locked: false,
        };
        self.rooms.set(others.map(card).collect());
        let keys = ui.global::<ui::Keys>();
        keys.set_is_open(kiosk.entry.is_some());
        let Some(entry) = &kiosk.entry else { return };
        let keyboard = &entry.keyboard;
        keys.set_text(keyboard.text().into());
        keys.set_problem(entry.flaw.map(|flaw| words::flaw(flaw, lang)).unwrap_or_default().into());
        keys.set_is_vietnamese(keyboard.is_vietnamese());
        keys.set_has_symbols(keyboard.has_symbols());
        keys.set_shift(match keyboard.shift() {
            Shift::Off => 0,
            Shift::Once => 1,
            Shift::Locked => 2,
        });
        for (rows, row) in self.keys.iter().zip(keyboard.rows()) {
            rows.set(row.into_iter().map(|key| SharedString::from(key.to_string())).collect());
        }
    }

    fn refresh_call(&self, ui: &ui::App, seen: &Seen<'_>) {
        let call = ui.global::<ui::Call>();
        let first = seen.kiosk.app.calls.incoming.first();
        call.set_is_there(first.is_some());
        let Some(first) = first else { return };
        call.set_name(first.name.as_str().into());
        call.set_letter(name::initial(&first.name).into());
        call.set_hue(f32::from(name::hue(&first.from)));
        call.set_room(first.room_name.as_str().into());
        call.set_answers_in(seen.kiosk.answers_in_s(seen.now).map_or(-1, |seconds| count(seconds as usize)));
    }
}

fn toasts(kiosk: &Kiosk, lang: Lang) -> Vec<ui::ToastRow> {
    use hph_presenters::toasts::Notice;
    use hph_presenters::trouble::Trouble;
    // What is waited for has a card of its own, for as long as it is.
    let is_card = |notice: &Notice| {
        matches!(notice, Notice::DeviceTrouble { trouble: Trouble::Camera | Trouble::Microphone, .. })
            || matches!(notice, Notice::DeviceGone | Notice::DeviceBack)
    };
    let shown = kiosk.app.toasts.shown().iter().filter(|toast| !is_card(&toast.notice));
    let row = |toast: &hph_presenters::toasts::Toast| {
        let told = words::notice(&toast.notice, lang);
        ui::ToastRow {
            id: count(toast.id as usize),
            text: told.what.into(),
            detail: told.detail.into(),
            is_error: toast.notice.is_error(),
        }
    };
    shown.map(row).collect()
}

/// Day of the week and date.
fn date(now: &Now, lang: Lang) -> String {
    // Seen from another day it is told in full.
    let elsewhere = Now { unix_ms: now.unix_ms.saturating_add(7 * 86_400_000), ..*now };
    when::day(now.unix_ms, &elsewhere).text(lang)
}

/// What is wrong with the board, in few words; the worst first.
fn health(health: &Health, lang: Lang) -> String {
    let degrees = health.temperature_c.map(|c| format!("{c} °C"));
    if health.has_under_voltage {
        return lang.pick("Nguồn điện yếu", "Weak power supply").to_owned();
    }
    if health.is_well() {
        return String::new();
    }
    degrees.unwrap_or_else(|| lang.pick("Bị giảm tốc", "Slowed down").to_owned())
}

/// What is wrong with the connection, while one is in a room.
fn strip(kiosk: &Kiosk, now: Now, lang: Lang) -> String {
    use hph_presenters::app::strip::Strip;
    match kiosk.app.strip(now) {
        Strip::Hidden | Strip::Connecting => String::new(),
        Strip::NoDatagrams => lang.pick("Mạng chặn tiếng và hình", "This network blocks sound and pictures").to_owned(),
        Strip::Tunnelled => lang.pick("Tiếng và hình đến chậm", "Sound and pictures come late").to_owned(),
        Strip::Reconnecting { .. } | Strip::Lost { .. } => {
            lang.pick("Đang kết nối lại…", "Connecting again…").to_owned()
        }
    }
}

/// The quality of the way, 0 to 4.
fn bars(kiosk: &Kiosk) -> i32 {
    let sample = kiosk.app.diagnostics.now();
    match (sample.is_up, sample.rtt_ms, sample.loss_up.max(sample.loss_down)) {
        (false, ..) => 0,
        (_, rtt, loss) if rtt >= 400.0 || loss >= 0.1 => 1,
        (_, rtt, loss) if rtt >= 250.0 || loss >= 0.03 => 2,
        (_, rtt, loss) if rtt >= 120.0 || loss >= 0.01 => 3,
        _ => 4,
    }
}

/// The address of this device in its network: where a packet to the outside would start. None is sent.
fn address() -> String {
    let probe = || {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("192.0.2.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip().to_string())
    };
    probe().unwrap_or_default()
}

/// A text as a code of squares, one pixel a square; nothing if it has none.
pub fn code(text: &str) -> Image {
    let squares = if text.is_empty() { None } else { Squares::of(text) };
    let Some(squares) = squares else { return Image::default() };
    let side = squares.side as u32;
    let mut pixels = SharedPixelBuffer::<Rgb8Pixel>::new(side, side);
    for (pixel, is_dark) in pixels.make_mut_slice().iter_mut().zip(squares.iter()) {
        let light = if is_dark { 0 } else { 255 };
        *pixel = Rgb8Pixel { r: light, g: light, b: light };
    }
    Image::from_rgb8(pixels)
}

/// A count, for the drawing.
fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
