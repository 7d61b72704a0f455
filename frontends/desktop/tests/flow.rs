//! The program itself, driven through its accessibility tree, against a server and another participant in processes of their own:
//! sign in, make a room, see somebody move, talk both ways, write privately, leave, come back after the server was killed.

mod lab;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use hph_client::media::{CameraSpec, MicrophoneSpec, SpeakerSpec};
use hph_client::platform::camera::CameraFormat;
use hph_desktop::identity::Folders;
use hph_desktop::program::{Options, Program};
use hph_desktop::ui::{App, MuteState, Room, Screen, Shell, StripKind};
use i_slint_backend_testing::AccessibleRole;
use lab::{Hph, fill, link, names, press, serve, until};
use slint::{ComponentHandle, Model};

const ROOM: &str = "Nhóm 17";

fn screen(app: &App) -> Screen {
    app.global::<Shell>().get_screen()
}

/// What is heard of a tile by those who do not see it.
fn tile(app: &App, name: &str) -> Option<String> {
    names(app, AccessibleRole::Region).into_iter().find(|about| about.starts_with(name))
}

fn messages(app: &App) -> Vec<String> {
    names(app, AccessibleRole::ListItem)
}

/// Some pixels of a picture that is shown.
fn pixels(app: &App, slot: i32) -> Option<Vec<u8>> {
    let room = app.global::<Room>();
    let at = room.get_tiles().iter().position(|tile| tile.slot == slot)?;
    let pixels = room.get_pictures().row_data(at)?.to_rgb8()?;
    Some(pixels.as_bytes().iter().step_by(997).copied().collect())
}

fn slot_of(app: &App, name: &str) -> Option<i32> {
    app.global::<Room>().get_tiles().iter().find(|tile| tile.about.starts_with(name)).map(|tile| tile.slot)
}

async fn enter(app: &App, server: &str) {
    fill(app, "Invitation or address", server).await;
    press(app, "Continue").await;
    until("the way in", || screen(app) == Screen::SignIn).await;
    fill(app, "Your name", "Nguyễn Thị Hường").await;
    press(app, "Sign in").await;
    until("the lobby", || screen(app) == Screen::Lobby).await;
    press(app, "New room").await;
    fill(app, "Name of the room", ROOM).await;
    press(app, "Create and enter").await;
    until("the screen before the room", || screen(app) == Screen::PreJoin).await;
    press(app, "Enter the room").await;
    until("the room", || screen(app) == Screen::Room).await;
    until("the word that nobody else is here", || app.global::<Room>().get_is_alone()).await;
}

async fn see_and_hear(app: &App, lan: &mut Hph) {
    until("the tile of Lan", || tile(app, "Lan").is_some()).await;
    let slot = slot_of(app, "Lan").expect("a place");
    until("a picture of Lan", || pixels(app, slot).is_some_and(|pixels| !pixels.is_empty())).await;
    let first = pixels(app, slot);
    until("another picture of Lan", || pixels(app, slot) != first).await;
    until("the ring of who speaks", || tile(app, "Lan").is_some_and(|about| about.contains("speaking"))).await;

    // What the server says of us, and what they see of us, is what the button says.
    let room = app.global::<Room>();
    until("our microphone on", || room.get_microphone() == MuteState::On).await;
    // The last that the server told them of us.
    let heard = |lan: &Hph| {
        let told = lan.told("participant");
        let ours = told.iter().rev().find(|told| told["display_name"] == "Nguyễn Thị Hường");
        ours.and_then(|told| told["tracks"]["microphone"]["is_on"].as_bool())
    };
    until("word of it at the other side", || heard(lan) == Some(true)).await;
    press(app, "Switch the microphone off (M)").await;
    until("our microphone off", || room.get_microphone() == MuteState::Off).await;
    until("word of that at the other side", || heard(lan) == Some(false)).await;
    lan.type_line("/mic off");
    until("the sign that Lan is muted", || tile(app, "Lan").is_some_and(|about| about.contains("muted"))).await;
}

async fn talk(app: &App, lan: &mut Hph) {
    press(app, "Chat (C)").await;
    fill(app, "Message", "chào cả nhóm").await;
    press(app, "Send").await;
    until("our message with Lan", || lan.told("chat").iter().any(|chat| chat["text"] == "chào cả nhóm")).await;
    lan.type_line("chào Hường");
    until("their message", || messages(app).iter().any(|line| line == "Lan: chào Hường")).await;

    press(app, "People (P)").await;
    press(app, "Lan, muted, camera on").await;
    press(app, "Write privately").await;
    fill(app, "Message", "chỉ mình Lan đọc").await;
    press(app, "Send").await;
    until("our private message with Lan", || {
        lan.told("direct").iter().any(|direct| direct["text"] == "chỉ mình Lan đọc")
    })
    .await;
    assert!(!lan.told("chat").iter().any(|chat| chat["text"] == "chỉ mình Lan đọc"), "it was private");
    press(app, "Back to everyone").await;
    until("the room's messages", || messages(app).iter().any(|line| line == "Lan: chào Hường")).await;
    assert!(!messages(app).iter().any(|line| line.contains("chỉ mình Lan đọc")), "in a thread of its own");
}

async fn flow(app: App) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server").display().to_string();
    let mut server = serve(&data, "127.0.0.1:0");
    until("the server's invitation", || link(&server).is_some()).await;
    let invitation = link(&server).expect("an invitation");
    let folders = Folders::new(Some(folder.path().join("hường"))).expect("folders");
    let format = CameraFormat { width: 320, height: 180, fps: 10 };
    let options = Options {
        camera: Some(CameraSpec::Test { format, name: "Hường".to_owned() }),
        microphone: Some(MicrophoneSpec::Test { seed: 3 }),
        speaker: Some(SpeakerSpec::None),
        language: Some("en".to_owned()),
        ..Options::default()
    };
    let _program = Program::start(&app, folders, options).expect("the program starts");
    app.window().set_size(slint::PhysicalSize::new(1280, 720));
    enter(&app, &invitation).await;

    let state = folder.path().join("lan").display().to_string();
    let join = ["join", &invitation, "--room", ROOM, "--name", "Lan", "--state", &state, "--json"];
    let devices = ["--video", "test:320x180@10", "--audio", "test"];
    let mut lan = Hph::start(&[&join[..], &devices].concat());
    see_and_hear(&app, &mut lan).await;
    talk(&app, &mut lan).await;

    // The server is killed, and comes back: so do we, muted as we were.
    let address = invitation.trim_start_matches("hph://").split(['/', '#']).next().expect("an address").to_owned();
    drop(server);
    let shell = app.global::<Shell>();
    until("word that the connection is lost", || shell.get_strip() == StripKind::Reconnecting).await;
    server = serve(&data, &address);
    until("the connection", || shell.get_strip() == StripKind::None).await;
    until("Lan again", || tile(&app, "Lan").is_some()).await;
    assert_eq!(app.global::<Room>().get_microphone(), MuteState::Off, "muted stays muted");
    assert_eq!(screen(&app), Screen::Room);

    press(&app, "Leave").await;
    until("the screen after the room", || screen(&app) == Screen::Ended).await;
    until("word of it with Lan", || !lan.told("participant_gone").is_empty()).await;
    press(&app, "Rejoin").await;
    until("the room again", || screen(&app) == Screen::Room).await;
    drop(server);
}

#[test]
fn a_meeting_through_the_accessibility_tree() {
    i_slint_backend_testing::init_integration_test_with_system_time();
    let app = App::new().expect("a window");
    slint::select_bundled_translation("en").expect("English");
    let outcome = Rc::new(RefCell::new(false));
    let (done, weak) = (Rc::clone(&outcome), app.as_weak());
    slint::spawn_local(async move {
        flow(weak.unwrap()).await;
        *done.borrow_mut() = true;
        slint::quit_event_loop().expect("an event loop");
    })
    .expect("an event loop");
    slint::Timer::single_shot(Duration::from_secs(150), || drop(slint::quit_event_loop()));
    app.show().expect("shown");
    slint::run_event_loop_until_quit().expect("an event loop");
    assert!(*outcome.borrow(), "the meeting did not come to its end in time");
}
