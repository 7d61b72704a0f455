//! Invitations, signs, breakout rooms, pictures among the files and the devices of an account, in the program itself, against a server
//! and other participants in processes of their own. Guests come only with an invitation there.

mod lab;

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use hph_client::media::SpeakerSpec;
use hph_desktop::identity::Folders;
use hph_desktop::program::{Options, Program};
use hph_desktop::ui::{App, Breakouts, Files, Invites, Room, Screen, Settings, Shell, SignIn};
use i_slint_backend_testing::AccessibleRole;
use lab::{Hph, choose, fill, find, link, names, press, until};
use slint::{ComponentHandle, Model};

const ROOM: &str = "Nhóm 17";

fn screen(app: &App) -> Screen {
    app.global::<Shell>().get_screen()
}

fn tile(app: &App, name: &str) -> Option<String> {
    names(app, AccessibleRole::Region).into_iter().find(|about| about.starts_with(name))
}

fn shows(app: &App, role: AccessibleRole, part: &str) -> bool {
    names(app, role).iter().any(|name| name.contains(part))
}

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
    press(app, "New room").await;
    fill(app, "Name of the room", ROOM).await;
    press(app, "Create and enter").await;
    until("the screen before the room", || screen(app) == Screen::PreJoin).await;
    press(app, "Enter the room").await;
    until("the room", || screen(app) == Screen::Room).await;
}

/// Makes an invitation for five; its link and its nine digits.
async fn invite(app: &App) -> (String, String) {
    press(app, "Invite people").await;
    let sheet = app.global::<Invites>();
    until("the sheet", || sheet.get_may_make()).await;
    assert!(!sheet.get_link().contains("in="), "the way alone lets nobody in");
    sheet.invoke_choose_uses(2);
    press(app, "Make an invitation").await;
    until("an invitation", || sheet.get_is_made()).await;
    assert!(shows(app, AccessibleRole::ListItem, "0 of 5 used"), "{:?}", names(app, AccessibleRole::ListItem));
    let made = (sheet.get_link().to_string(), sheet.get_digits().to_string());
    // One that was not meant is void at once.
    press(app, "Make an invitation").await;
    until("another one", || sheet.get_rows().row_count() == 2 && sheet.get_link() != made.0.as_str()).await;
    let newest = sheet.get_rows().row_data(0).expect("it is there").name;
    press(app, &format!("Withdraw {newest}")).await;
    until("one invitation", || sheet.get_rows().row_count() == 1).await;
    assert!(!sheet.get_is_made(), "what is void is shown no more");
    press(app, "Close").await;
    made
}

async fn signs_both_ways(app: &App, lan: &mut Hph) {
    press(app, "Show a sign (1 to 6)").await;
    press(app, "Applaud (3)").await;
    until("our sign with Lan", || lan.told("reacted").iter().any(|told| told["reaction"] == "clap")).await;
    until("our sign on our tile", || tile(app, "Trần Minh").is_some_and(|about| about.contains("applause"))).await;
    assert!(find(app, AccessibleRole::Button, "Applaud (3)").is_none(), "they are folded up again");
    lan.type_line("/react heart");
    until("the sign of Lan", || tile(app, "Lan").is_some_and(|about| about.contains("heart"))).await;
    until("no sign any more", || tile(app, "Lan").is_some_and(|about| !about.contains("heart"))).await;
}

async fn breakouts(app: &App, lan: &Hph) {
    press(app, "People (P)").await;
    press(app, "Breakout rooms").await;
    press(app, "Split into groups").await;
    let section = app.global::<Breakouts>();
    until("two groups", || section.get_rows().row_count() == 2).await;
    until("Lan in one of them", || lan.told("joined").len() == 2).await;
    until("word of where Lan is", || section.get_rows().iter().any(|row| row.people == "Lan")).await;
    let theirs = section.get_rows().iter().find(|row| row.people == "Lan").expect("in one of them");
    press(app, &format!("Go to {}", theirs.name)).await;
    until("us there", || section.get_here() == theirs.name).await;
    until("the tile of Lan", || tile(app, "Lan").is_some()).await;
    press(app, "Back to the room").await;
    until("us in the room", || section.get_here().is_empty()).await;
    press(app, "People (P)").await;
    fill(app, "A word to all groups", "còn một phút").await;
    section.invoke_tell("còn một phút".into());
    until("the word with Lan", || lan.told("breakouts_told").iter().any(|told| told["text"] == "còn một phút")).await;
    press(app, "End now").await;
    until("no groups", || section.get_rows().row_count() == 0).await;
    until("Lan with us again", || tile(app, "Lan").is_some()).await;
}

fn write_picture(path: &Path) {
    let mut encoder = png::Encoder::new(File::create(path).expect("a file"), 900, 300);
    encoder.set_color(png::ColorType::Rgb);
    let samples: Vec<u8> = (0..900 * 300 * 3).map(|at| (at % 251) as u8).collect();
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&samples)).expect("written");
}

async fn pictures(app: &App, lan: &mut Hph, folder: &Path) {
    let (good, bad) = (folder.join("sơ đồ.png"), folder.join("hỏng.jpg"));
    write_picture(&good);
    fs::write(&bad, b"\xff\xd8\xff but no picture").expect("written");
    for file in [&good, &bad] {
        lan.type_line(&format!("/file {}", file.display()));
    }
    press(app, "Files").await;
    press(app, "Show sơ đồ.png").await;
    until("the picture", || find(app, AccessibleRole::Image, "sơ đồ.png").is_some()).await;
    let row = app.global::<Files>().get_rows().iter().find(|row| row.name == "sơ đồ.png").expect("on the shelf");
    assert_eq!((row.picture.size().width, row.picture.size().height), (450, 150), "as large as it is shown");
    press(app, "Show hỏng.jpg").await;
    until("word that it is none", || {
        app.global::<Files>().get_rows().iter().any(|row| row.name == "hỏng.jpg" && row.shown == 3)
    })
    .await;
    press(app, "Hide sơ đồ.png").await;
    until("no picture", || find(app, AccessibleRole::Image, "sơ đồ.png").is_none()).await;
    assert!(!folder.join("in").exists(), "nothing was saved by looking at it");
}

async fn devices(app: &App, invitation: &str, folder: &Path) {
    let (password, state) = (folder.join("password"), folder.join("other"));
    fs::write(&password, "mưa trên phố cũ").expect("written");
    let (password, state) = (password.display().to_string(), state.display().to_string());
    let who = ["--user", "minh", "--password-file", &password, "--state", &state, "--json"];
    let listed = Hph::start(&[&["sessions", invitation][..], &who].concat());
    until("another device of ours", || !listed.told("device").is_empty()).await;
    drop(listed);
    // The same person from elsewhere takes the place of this one.
    until("the end of this session", || screen(app) == Screen::Ended).await;
    press(app, "Back").await;
    until("the first screen", || screen(app) == Screen::First).await;
    fill(app, "Invitation or address", invitation).await;
    press(app, "Continue").await;
    until("the way in", || screen(app) == Screen::SignIn).await;
    fill(app, "Login name", "minh").await;
    fill(app, "Password", "mưa trên phố cũ").await;
    press(app, "Sign in").await;
    until("the lobby", || screen(app) == Screen::Lobby).await;
    let shell = app.global::<Shell>();
    shell.invoke_open_sheet(hph_desktop::ui::SheetKind::Settings);
    choose(app, AccessibleRole::Tab, "Devices").await;
    let page = app.global::<Settings>();
    until("two devices", || page.get_devices().row_count() == 2).await;
    assert!(page.get_devices().row_data(0).is_some_and(|first| first.is_this && first.is_here));
    let other = page.get_devices().row_data(1).expect("the other one");
    press(app, &format!("Sign {} out for good", other.name)).await;
    press(app, "Sign out for good").await;
    until("one device", || page.get_devices().row_count() == 1).await;
    press(app, "Close").await;
    let mut refused = Hph::start(&[&["sessions", invitation][..], &who].concat());
    assert!(!refused.ends_well().await, "it may not sign in any more");
}

/// The owner of the server gives a code to whoever has forgotten their password.
async fn forgotten(app: &App, server: &str, data: &str) {
    let mut owner = Hph::start(&["admin", "--data", data, "--json", "reset-password", "minh"]);
    until("a code", || !owner.told("made").is_empty()).await;
    let code = owner.told("made")[0]["code"].as_str().expect("nine digits").to_owned();
    assert!(owner.ends_well().await);
    press(app, "Sign out").await;
    until("the first screen", || screen(app) == Screen::First).await;
    fill(app, "Invitation or address", server).await;
    press(app, "Continue").await;
    until("the way in", || screen(app) == Screen::SignIn).await;
    press(app, "I forgot my password").await;
    fill(app, "Code for a new password", &code).await;
    fill(app, "New password", "nắng trên phố mới").await;
    press(app, "Set the password and sign in").await;
    until("the lobby", || screen(app) == Screen::Lobby).await;
}

/// From nothing: by the link of an invitation, then by its nine digits.
async fn come_as_a_guest(app: &App, made: &(String, String), server: &str) {
    let form = app.global::<SignIn>();
    for is_link in [true, false] {
        if screen(app) == Screen::Room {
            press(app, "To the lobby").await;
        }
        until("the lobby", || screen(app) == Screen::Lobby).await;
        press(app, "Sign out").await;
        until("the first screen", || screen(app) == Screen::First).await;
        fill(app, "Invitation or address", if is_link { &made.0 } else { server }).await;
        press(app, "Continue").await;
        until("the way in", || screen(app) == Screen::SignIn).await;
        if !is_link {
            assert!(!form.get_has_guest(), "guests come only with an invitation");
            press(app, "I have an invitation code").await;
            fill(app, "Code of the invitation", &made.1).await;
        }
        assert!(form.get_is_invited());
        choose(app, AccessibleRole::Tab, "Guest").await;
        fill(app, "Your name", "Khách mời").await;
        press(app, "Sign in").await;
        until("the screen before the room", || screen(app) == Screen::PreJoin).await;
        press(app, "Enter the room").await;
        until("the room", || screen(app) == Screen::Room).await;
        until("the tile of Lan", || tile(app, "Lan").is_some()).await;
    }
}

async fn flow(app: App) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let data = path("server");
    let serve = ["serve", "--data", &data, "--listen", "127.0.0.1:0", "--guests", "invitation", "--json"];
    let server = Hph::start(&serve);
    until("the server's invitation", || link(&server).is_some()).await;
    let invitation = link(&server).expect("an invitation").split("&own").next().expect("a link").to_owned();
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
    let made = invite(&app).await;
    let state = path("lan");
    let mut lan = Hph::start(&["join", &made.0, "--name", "Lan", "--state", &state, "--json"]);
    until("Lan, who was invited", || tile(&app, "Lan").is_some()).await;
    assert_eq!(app.global::<Room>().get_people(), 2);
    signs_both_ways(&app, &mut lan).await;
    breakouts(&app, &lan).await;
    pictures(&app, &mut lan, folder.path()).await;
    devices(&app, &invitation, folder.path()).await;
    forgotten(&app, &invitation, &data).await;
    come_as_a_guest(&app, &made, &invitation).await;
    drop(server);
}

#[test]
fn invitations_groups_pictures_and_devices_through_the_accessibility_tree() {
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
