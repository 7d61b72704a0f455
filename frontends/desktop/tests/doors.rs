//! Closed doors, files and search in the program itself, against a server and another participant in processes of their own: a
//! room with a waiting room from its first moment, somebody who knocks, files both ways on the shelf and to one person, a room
//! with a password.

mod lab;

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use hph_client::media::SpeakerSpec;
use hph_desktop::identity::Folders;
use hph_desktop::program::{Options, Program};
use hph_desktop::ui::{App, Room, Screen, Shell};
use i_slint_backend_testing::AccessibleRole;
use lab::{Hph, choose, fill, find, link, names, press, serve, until};
use slint::ComponentHandle;

const ROOM: &str = "Nhóm 17";
const CLOSED: &str = "Khoá kín";

fn screen(app: &App) -> Screen {
    app.global::<Shell>().get_screen()
}

fn items(app: &App) -> Vec<String> {
    names(app, AccessibleRole::ListItem)
}

fn has_item(app: &App, part: &str) -> bool {
    items(app).iter().any(|item| item.contains(part))
}

/// A new account, since whoever is a guest owns no room for longer than they are there.
async fn sign_up(app: &App, server: &str) {
    fill(app, "Invitation or address", server).await;
    press(app, "Continue").await;
    until("the way in", || screen(app) == Screen::SignIn).await;
    choose(app, AccessibleRole::Tab, "New account").await;
    fill(app, "Your name", "Trần Minh").await;
    fill(app, "Login name", "minh").await;
    fill(app, "Password", "mưa trên phố cũ").await;
    press(app, "Create account and sign in").await;
    until("the lobby", || screen(app) == Screen::Lobby).await;
}

async fn make_a_room_with_a_waiting_room(app: &App) {
    press(app, "New room").await;
    fill(app, "Name of the room", ROOM).await;
    press(app, "Options").await;
    choose(app, AccessibleRole::Switch, "Waiting room").await;
    press(app, "Create and enter").await;
    until("the screen before the room", || screen(app) == Screen::PreJoin).await;
    press(app, "Enter the room").await;
    until("the room", || screen(app) == Screen::Room).await;
}

async fn let_in(app: &App, lan: &Hph) {
    until("word that Lan waits", || {
        let toasts = names(app, AccessibleRole::Region);
        toasts.iter().any(|toast| toast == "Lan waits to be let in.")
    })
    .await;
    assert!(lan.told("joined").is_empty(), "nobody is in before they are let in");
    press(app, "People (P)").await;
    press(app, "Let Lan in").await;
    until("Lan in the room", || !lan.told("joined").is_empty()).await;
    until("nobody who waits", || find(app, AccessibleRole::Button, "Let Lan in").is_none()).await;
}

async fn files_both_ways(app: &App, lan: &mut Hph, folder: &Path) {
    let (ours, theirs) = (folder.join("bài tập.txt"), folder.join("đáp án.txt"));
    fs::write(&ours, "một hai ba").expect("written");
    fs::write(&theirs, "bốn năm sáu").expect("written");

    press(app, "Files").await;
    press(app, "Send a file").await;
    // There is no desktop with a window for it here: one types.
    fill(app, "Where the file is", "/nowhere/at all").await;
    press(app, "Send").await;
    assert!(find(app, AccessibleRole::TextInput, "Where the file is").is_some(), "there is no such file");
    fill(app, "Where the file is", &ours.display().to_string()).await;
    press(app, "Send").await;
    until("our file on the shelf", || has_item(app, "bài tập.txt")).await;
    until("word of it with Lan", || !lan.told("file").is_empty()).await;
    let number = lan.told("file")[0]["file"].as_u64().expect("a number");
    lan.type_line(&format!("/fetch #{number}"));
    let fetched = folder.join("lan-in/bài tập.txt");
    until("our file with Lan", || fs::read_to_string(&fetched).is_ok_and(|text| text == "một hai ba")).await;

    lan.type_line(&format!("/file {}", theirs.display()));
    until("their file on the shelf", || has_item(app, "đáp án.txt")).await;
    press(app, "Save đáp án.txt").await;
    let saved = folder.join("in/đáp án.txt");
    until("their file here", || fs::read_to_string(&saved).is_ok_and(|text| text == "bốn năm sáu")).await;
    press(app, "Take bài tập.txt away").await;
    until("the shelf without our file", || !has_item(app, "bài tập.txt")).await;

    fs::remove_file(&saved).expect("it is there");
    lan.type_line(&format!("/fileto minh {}", theirs.display()));
    until("word of a private message", || {
        names(app, AccessibleRole::Region).iter().any(|toast| toast == "Lan has written to you privately.")
    })
    .await;
    press(app, "Read").await;
    until("the file in the thread", || items(app).iter().any(|item| item == "Lan: đáp án.txt")).await;
    assert!(!has_item(app, "hph-file:"), "nobody reads that");
    press(app, "Save đáp án.txt").await;
    until("the sealed file here", || fs::read_to_string(&saved).is_ok_and(|text| text == "bốn năm sáu")).await;
    press(app, "Back to everyone").await;
}

async fn search(app: &App, lan: &mut Hph) {
    for text in ["Kiến trúc ở chương 12", "hẹn thứ Hai"] {
        lan.type_line(text);
        until("their message", || has_item(app, text)).await;
    }
    press(app, "Search messages").await;
    fill(app, "Words in messages", "kien truc").await;
    // What was found stands in the place of what was said.
    until("what was found", || has_item(app, "Kiến trúc") && !has_item(app, "thứ Hai")).await;
    press(app, "Search messages").await;
    until("what was said", || has_item(app, "thứ Hai")).await;
}

/// Into a room of Lan's that wants a password.
async fn a_password(app: &App, lan: &mut Hph) {
    press(app, "To the lobby").await;
    press(app, &format!("Enter {CLOSED}, 1 person inside")).await;
    press(app, "Enter the room").await;
    until("the closed door", || screen(app) == Screen::Door).await;
    fill(app, "Password of the room", "sai rồi").await;
    press(app, "Enter").await;
    until("the word that it is wrong", || {
        let field = find(app, AccessibleRole::TextInput, "Password of the room");
        let told = field.and_then(|field| field.accessible_description());
        told.is_some_and(|told| told == "That is another password. Try again.")
    })
    .await;
    fill(app, "Password of the room", "hoa sen").await;
    press(app, "Enter").await;
    until("the room", || screen(app) == Screen::Room && app.global::<Room>().get_name() == CLOSED).await;
    let _ = lan;
}

async fn flow(app: App) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let server = serve(&path("server"), "127.0.0.1:0");
    until("the server's invitation", || link(&server).is_some()).await;
    let invitation = link(&server).expect("an invitation");
    let folders = Folders::new(Some(folder.path().join("minh"))).expect("folders");
    let options = Options {
        speaker: Some(SpeakerSpec::None),
        language: Some("en".to_owned()),
        downloads: Some(folder.path().join("in")),
        ..Options::default()
    };
    let _program = Program::start(&app, folders, options).expect("the program starts");
    app.window().set_size(slint::PhysicalSize::new(1280, 720));
    sign_up(&app, &invitation).await;
    make_a_room_with_a_waiting_room(&app).await;

    fs::create_dir(path("lan-in")).expect("a folder");
    let (state, into) = (path("lan"), path("lan-in"));
    let join = ["join", &invitation, "--room", ROOM, "--name", "Lan", "--state", &state, "--into", &into, "--json"];
    let mut lan = Hph::start(&join);
    let_in(&app, &lan).await;
    files_both_ways(&app, &mut lan, folder.path()).await;
    search(&app, &mut lan).await;

    let (account, theirs) = (path("account"), path("hoa"));
    fs::write(&account, "mật khẩu dài").expect("written");
    let join = ["join", &invitation, "--room", CLOSED, "--json", "--state", &theirs];
    let who = ["--user", "hoa", "--register", "--password-file", &account];
    let mut hoa = Hph::start(&[&join[..], &who].concat());
    until("Hoa in a room of her own", || !hoa.told("joined").is_empty()).await;
    hoa.type_line("/password hoa sen");
    until("its password", || !hoa.told("moderated").is_empty()).await;
    a_password(&app, &mut hoa).await;
    drop(server);
}

#[test]
fn doors_files_and_search_through_the_accessibility_tree() {
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
    slint::Timer::single_shot(Duration::from_secs(280), || drop(slint::quit_event_loop()));
    app.show().expect("shown");
    slint::run_event_loop_until_quit().expect("an event loop");
    assert!(*outcome.borrow(), "it did not come to its end in time");
}
