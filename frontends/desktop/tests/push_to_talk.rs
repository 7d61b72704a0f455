//! Nobody is heard by accident: whatever keys are pressed and let go, wherever the focus goes and whichever window is in front,
//! the microphone is closed when the key of push-to-talk is up, unless it was switched on.
//!
//! Ten thousand random events go in where a display's would: at the window. No server is there; what one would say is said here.

use std::rc::Rc;

use hph_client::core::id::{RoomId, Slot};
use hph_client::core::wire::control::SignInMethods;
use hph_client::engine::{Event as Engine, Participant};
use hph_desktop::identity::Folders;
use hph_desktop::program::{Options, Program};
use hph_desktop::ui::{App, Room, Screen, Shell};
use hph_presenters::app::Event;
use hph_presenters::signin::{self, Field, Way};
use i_slint_backend_testing::{AccessibleRole, ElementQuery};
use slint::platform::{Key, WindowEvent};
use slint::{ComponentHandle, SharedString};

const ROOM: RoomId = RoomId(7);
const EVENTS: usize = 10_000;

/// A die that falls the same way each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }
}

fn somebody(slot: u16, username: &str, name: &str) -> Participant {
    Participant {
        slot: Slot(slot),
        member: u32::from(slot) + 1,
        username: username.to_owned(),
        display_name: name.to_owned(),
        tracks: Default::default(),
        role: Default::default(),
        hand: 0,
        device: Default::default(),
        key: Default::default(),
    }
}

/// In a room, as far as the program knows.
fn enter(program: &Program) {
    let said = |event| program.post(Event::Engine(event));
    program.post(Event::SignIn(signin::Event::Link("hph://127.0.0.1:1/Nh%C3%B3m".to_owned())));
    let methods = SignInMethods { password: true, register: true, guest: true };
    let offer = signin::Offer { name: "Lớp".to_owned(), methods, pin: [7; 32] };
    program.post(Event::SignIn(signin::Event::Offered(offer)));
    program.post(Event::SignIn(signin::Event::Way(Way::Guest)));
    program.post(Event::SignIn(signin::Event::Typed(Field::DisplayName, "Minh".to_owned())));
    let (username, display_name) = ("minh".to_owned(), "Minh".to_owned());
    said(Engine::SignedIn { username, display_name, server_name: "Lớp".to_owned(), pin: [7; 32] });
    said(Engine::Joined { request: 0, room: ROOM, name: "Nhóm".to_owned(), slot: Slot(0) });
    said(Engine::Participant { room: ROOM, participant: somebody(0, "minh", "Minh"), is_new: true, is_me: true });
    said(Engine::Participant { room: ROOM, participant: somebody(1, "lan", "Lan"), is_new: true, is_me: false });
}

/// What a person sees as the truth.
#[derive(Default)]
struct Hand {
    /// The key of push-to-talk is down, since the window came to the front.
    is_down: bool,
}

impl Hand {
    fn does(&mut self, dice: &mut Dice, app: &App) -> String {
        let window = app.window();
        let press = |text: SharedString| window.dispatch_event(WindowEvent::KeyPressed { text });
        let release = |text: SharedString| window.dispatch_event(WindowEvent::KeyReleased { text });
        match dice.below(16) {
            0..=3 => {
                self.is_down = true;
                press(" ".into());
                "press".to_owned()
            }
            4 => {
                window.dispatch_event(WindowEvent::KeyPressRepeated { text: " ".into() });
                "repeat".to_owned()
            }
            5..=7 => {
                self.is_down = false;
                release(" ".into());
                "release".to_owned()
            }
            8 | 9 => {
                let is_active = dice.below(2) == 0;
                self.is_down &= is_active;
                window.dispatch_event(WindowEvent::WindowActiveChanged(is_active));
                format!("active {is_active}")
            }
            10 => {
                let letter = ["m", "c", "p", "w", "v", "h", "?", "x", "đ"][dice.below(9)];
                press(letter.into());
                release(letter.into());
                letter.to_owned()
            }
            11 | 12 => {
                let named =
                    [Key::Tab, Key::Escape, Key::Return, Key::Shift, Key::Control, Key::Backspace][dice.below(6)];
                press(named.into());
                release(named.into());
                format!("{named:?}")
            }
            13 => {
                // Ctrl is held while something else is pressed, and let go first or last.
                press(Key::Control.into());
                press("k".into());
                release(Key::Control.into());
                release("k".into());
                "palette".to_owned()
            }
            14 => {
                let fields = ElementQuery::from_root(app).match_descendants();
                let fields = fields.match_accessible_role(AccessibleRole::TextInput).find_all();
                let Some(field) = fields.get(dice.below(fields.len().max(1))) else { return "no field".to_owned() };
                let (place, size) = (field.absolute_position(), field.size());
                let position = slint::LogicalPosition::new(place.x + size.width / 2.0, place.y + size.height / 2.0);
                let button = slint::platform::PointerEventButton::Left;
                window.dispatch_event(WindowEvent::PointerPressed { position, button });
                window.dispatch_event(WindowEvent::PointerReleased { position, button });
                "click on a field".to_owned()
            }
            _ => {
                i_slint_backend_testing::mock_elapsed_time(std::time::Duration::from_millis(50));
                "wait".to_owned()
            }
        }
    }
}

#[test]
fn the_microphone_is_closed_when_the_key_is_up() {
    i_slint_backend_testing::init_integration_test_with_mock_time();
    let folder = tempfile::tempdir().expect("a folder");
    let app = App::new().expect("a window");
    let folders = Folders::new(Some(folder.path().to_owned())).expect("folders");
    let options = Options { language: Some("en".to_owned()), ..Options::default() };
    let program: Rc<Program> = Program::start(&app, folders, options).expect("the program starts");
    app.window().set_size(slint::PhysicalSize::new(1280, 720));
    app.show().expect("shown");
    app.window().dispatch_event(WindowEvent::WindowActiveChanged(true));
    enter(&program);
    assert_eq!(app.global::<Shell>().get_screen(), Screen::Room);

    let (mut dice, mut hand, mut heard) = (Dice(17), Hand::default(), 0usize);
    for step in 0..EVENTS {
        let what = hand.does(&mut dice, &app);
        // The program may have been left by keys: Escape and Return reach buttons.
        if app.global::<Shell>().get_screen() != Screen::Room {
            program.post(Event::Front(ROOM));
        }
        let Some((is_open, is_wanted)) = program.microphone() else {
            panic!("step {step}: not in the room after {what}")
        };
        assert!(!is_open || is_wanted || hand.is_down, "step {step}: open after {what}");
        let is_shown_held = app.global::<Room>().get_is_talking_held();
        assert!(!is_shown_held || hand.is_down, "step {step}: shown as held after {what}");
        heard += usize::from(is_open && !is_wanted);
    }
    // Otherwise it would prove nothing.
    assert!(heard > EVENTS / 50, "only {heard} times was the key obeyed");
}
