//! From what people do on the screen to events.

use std::rc::{Rc, Weak};

use hph_kiosk_core::keyboard::Key;
use hph_kiosk_core::kiosk::{Event, Sheet};
use hph_presenters::room::layout::{Limits, Size};
use hph_presenters::{app, room};
use slint::ComponentHandle;

use super::Program;
use crate::ui;

/// Connects `$on` of a global: its arguments, then the events that follow.
macro_rules! on {
    ($program:expr, $global:expr, $on:ident, || $event:expr) => {
        on!($program, $global, $on, | | $event)
    };
    ($program:expr, $global:expr, $on:ident, | $($arg:ident),* | $event:expr) => {{
        let weak: Weak<Program> = Rc::downgrade($program);
        $global.$on(move |$($arg),*| {
            if let Some(program) = weak.upgrade() {
                program.post_all([Event::Touched, $event]);
            }
        });
    }};
}

/// Connects everything.
pub(super) fn connect(ui: &ui::App, program: &Rc<Program>) {
    let shell = ui.global::<ui::Kiosk>();
    on!(program, shell, on_touched, || Event::Tick);
    on!(program, shell, on_choose_language, || Event::Language);
    on!(program, shell, on_retry, || Event::Retry);
    on!(program, shell, on_close_toast, |id| Event::CloseToast(id as u64));
    let home = ui.global::<ui::Home>();
    on!(program, home, on_start, || Event::Start);
    on!(program, home, on_return, || Event::Return);
    on!(program, home, on_type, || Event::OpenEntry);
    on!(program, home, on_enter, |name| Event::Enter(name.into()));
    let keys = ui.global::<ui::Keys>();
    on!(program, keys, on_press, |text| text
        .chars()
        .next()
        .map_or(Event::Tick, |letter| Event::Key(Key::Char(letter))));
    on!(program, keys, on_act, |name| key(&name).map_or(Event::Tick, Event::Key));
    on!(program, keys, on_close, || Event::CloseEntry);
    let call = ui.global::<ui::Call>();
    on!(program, call, on_answer, |is_taken| Event::Answer(is_taken));
    connect_room(ui, program);
}

fn connect_room(ui: &ui::App, program: &Rc<Program>) {
    let room = ui.global::<ui::Room>();
    on!(program, room, on_toggle_microphone, || Event::Microphone);
    on!(program, room, on_toggle_camera, || Event::Camera);
    on!(program, room, on_toggle_share, || Event::Share);
    on!(program, room, on_toggle_hand, || Event::Hand);
    on!(program, room, on_leave, || Event::Leave);
    on!(program, room, on_change_volume, |by| Event::Volume(by));
    on!(program, room, on_open_sheet, |sheet| Event::Sheet(match sheet {
        1 => Some(Sheet::People),
        2 => Some(Sheet::Volume),
        _ => None,
    }));
    let weak = Rc::downgrade(program);
    room.on_stage_resized(move |width, height| {
        let Some(program) = weak.upgrade() else { return };
        let scale = program.ui.upgrade().map_or(1.0, |ui| ui.window().scale_factor());
        let stage = room::Event::Stage(Size { width, height }, scale);
        program.post_all([stage, room::Event::Limits(Limits::KIOSK)].map(|event| app::Event::Room(event).into()));
    });
}

fn key(name: &str) -> Option<Key> {
    Some(match name {
        "shift" => Key::Shift,
        "back" => Key::Back,
        "symbols" => Key::Symbols,
        "language" => Key::Language,
        "space" => Key::Space,
        "clear" => Key::Clear,
        "enter" => Key::Enter,
        _ => return None,
    })
}
