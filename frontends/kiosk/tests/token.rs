//! A device that the server's owner lets in and puts out, with the server, its owner and somebody in the room in processes of
//! their own: by an enrolment link in the card's file, by the code on the screen, by an enrolment before the camera.

mod processes;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hph_client::platform::clock::Clock;
use hph_kiosk::ui::{App, Front, Home, Kiosk as Shell, Room};
use hph_kiosk_core::config::Config;
use hph_kiosk_core::enrol::{Applied, Learnt};
use hph_kiosk_core::kiosk::Event;
use processes::{Hph, front, invitation, play, start, until};
use slint::{ComponentHandle, Model};

const ROOM: &str = "Nhóm 17";
/// Its devices; what the server is, it learns.
const FILE: &str = "language = \"en\"\ncamera = \"test\"\nmicrophone = \"test\"\nspeaker = \"none\"\nvideo_height = 180\n\
                    video_rate = 10";

/// The owner of the server.
struct Owner(String);

impl Owner {
    fn does(&self, words: &[&str]) -> Hph {
        Hph::start(&[&["admin", "--data", &self.0, "--json"][..], words].concat())
    }

    /// An enrolment's link.
    async fn adds(&self, name: &str) -> String {
        let owner = self.does(&["kiosk", "add", name, "--room", ROOM]);
        until("a link", || !owner.told("made").is_empty()).await;
        owner.told("made")[0]["link"].as_str().expect("a link").to_owned()
    }

    async fn knows(&self) -> Vec<String> {
        let owner = self.does(&["kiosk", "list"]);
        until("the end of the list", || owner.has_ended()).await;
        owner.told("kiosks").iter().map(|row| format!("{} {}", row["name"], row["state"]).replace('"', "")).collect()
    }
}

fn code(app: &App) -> String {
    app.global::<Shell>().get_pairing_code().replace(' ', "")
}

async fn in_its_room(app: &App, name: &str) {
    until("its room, with nobody touching it", || front(app) == Front::Room).await;
    until("red borders", || app.global::<Room>().get_is_live()).await;
    until("its name", || app.global::<Shell>().get_name() == name).await;
    assert_eq!(app.global::<Room>().get_name(), ROOM);
}

/// As `hph-kiosk --enrol` does before each start.
fn takes_card(boot: &Path, state: &Path, text: &str) {
    fs::create_dir_all(boot).expect("made");
    fs::write(boot.join("hph.toml"), text).expect("written");
    let taken = Learnt::new(state).take_file(boot, &Config::default()).expect("kept");
    assert_eq!(taken, Applied::Once);
}

async fn flow(app: App) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server").display().to_string();
    let (state, boot) = (folder.path().join("kiosk"), folder.path().join("boot"));
    let serve = ["serve", "--data", &data, "--listen", "127.0.0.1:0", "--json", "--set", "announce=off"];
    let server = Hph::start(&serve);
    let owner = Owner(data.clone());
    let plain = invitation(&server).await;
    let own = folder.path().join("lan").display().to_string();
    let join = ["join", &plain, "--room", ROOM, "--name", "Lan", "--state", &own, "--json"];
    let lan = Hph::start(&join);
    until("the room", || !lan.told("joined").is_empty()).await;

    // By the card's file.
    let link = owner.adds("Cửa chính").await;
    takes_card(&boot, &state, &format!("server = \"{link}\"\n"));
    let (program, _) = start(&app, FILE, &state);
    in_its_room(&app, "Cửa chính").await;
    assert_eq!(owner.knows().await, ["Cửa chính online"]);
    let secret = fs::metadata(state.join("device")).expect("the device's secret");
    assert_eq!((secret.len(), secret.permissions().mode() & 0o777), (32, 0o600));
    until("Lan's word of it", || lan.told("participant").iter().any(|who| who["display_name"] == "Cửa chính")).await;
    assert!(app.global::<Home>().get_rooms().row_count() == 0);

    // Revoked: out within a second, everything closed; it says so, and offers its code.
    let begun = Clock::now();
    let revoking = owner.does(&["kiosk", "revoke", "Cửa chính"]);
    until("the end of its session", || front(&app) != Front::Room).await;
    let out_ms = Clock::now().since(begun).as_micros() / 1000;
    println!("out after {out_ms} ms, the owner's command among them");
    drop(revoking);
    until("a code", || front(&app) == Front::Pairing).await;
    assert!(app.global::<Shell>().get_trouble().contains("signed out for good"));
    assert!(out_ms < 1000, "{out_ms} ms");
    until("Lan's word that it is gone", || !lan.told("participant_gone").is_empty()).await;
    assert!(owner.knows().await.is_empty());

    // By the code.
    let shown = code(&app);
    assert!(shown.len() == 6 && shown.bytes().all(|digit| digit.is_ascii_digit()), "{shown}");
    let pairing = owner.does(&["kiosk", "pair", &shown, "Sảnh", "--room", ROOM]);
    in_its_room(&app, "Sảnh").await;
    drop(pairing);
    // Begun anew it is known by its key alone.
    program.post(Event::End);
    drop(program);
    let (program, _) = start(&app, FILE, &state);
    in_its_room(&app, "Sảnh").await;

    // By another enrolment that is held in front of the camera, once it was put out.
    let link = owner.adds("Hội trường").await;
    program.post(Event::Shown(link.parse().expect("a link")));
    assert!(!state.join("shown.toml").exists(), "not while it is in");
    let revoking = owner.does(&["kiosk", "revoke", "Sảnh"]);
    until("a code", || front(&app) == Front::Pairing).await;
    drop(revoking);
    program.post(Event::Shown(link.parse().expect("a link")));
    assert!(state.join("shown.toml").exists() && program.is_to_restart());
    drop(program);
    let (_program, _) = start(&app, FILE, &state);
    in_its_room(&app, "Hội trường").await;
    assert_eq!(owner.knows().await, ["Hội trường online"]);
}

#[test]
fn a_device_that_its_owner_lets_in_and_puts_out() {
    play(flow);
}
