//! The program itself against a server and another participant in processes of their own: it is in its room with nobody touching it,
//! seen and heard; it comes back after the server was killed, and after it ended by itself: then muted, within five seconds.

mod processes;

use std::time::Duration;

use async_io::Timer;
use hph_client::platform::clock::Clock;
use hph_kiosk::program::now;
use hph_kiosk::ui::{App, Front, Kiosk as Shell, Room, Track};
use hph_kiosk_core::kept::Kept;
use hph_kiosk_core::restart::Begin;
use i_slint_backend_testing::{AccessibleRole, ElementQuery};
use processes::{Hph, front, invitation, play, start, until};
use slint::{ComponentHandle, Model};

fn file(invitation: &str) -> String {
    format!(
        "server = \"{invitation}\"\nname = \"Phòng A\"\nguest = true\nlanguage = \"en\"\nfixed_room = \"Nhóm 17\"\n\
         camera = \"test\"\nmicrophone = \"test\"\nspeaker = \"none\"\nvideo_height = 180\nvideo_rate = 10"
    )
}

/// What somebody was told last of the kiosk.
fn kiosk(told: &Hph) -> String {
    let told = told.told("participant");
    told.iter().rev().find(|told| told["display_name"] == "Phòng A").map(ToString::to_string).unwrap_or_default()
}

/// Presses what has that name.
fn press(app: &App, name: &str) {
    let name = name.to_owned();
    let found = ElementQuery::from_root(app)
        .match_descendants()
        .match_accessible_role(AccessibleRole::Button)
        .match_predicate(move |element| element.accessible_label().is_some_and(|label| label == name.as_str()))
        .find_first();
    found.expect("the button is there").invoke_accessible_default_action();
}

/// Some pixels of what Lan's camera shows here.
fn pixels_of_lan(app: &App) -> Option<Vec<u8>> {
    let room = app.global::<Room>();
    let at = room.get_tiles().iter().position(|tile| tile.about.starts_with("Lan"))?;
    let pixels = room.get_pictures().row_data(at)?.to_rgb8()?;
    Some(pixels.as_bytes().iter().step_by(997).copied().collect()).filter(|pixels: &Vec<u8>| !pixels.is_empty())
}

async fn flow(app: App) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server").display().to_string();
    let serve = |listen: &str| Hph::start(&["serve", "--data", &data, "--listen", listen, "--json"]);
    let mut server = serve("127.0.0.1:0");
    let invitation = invitation(&server).await;
    let state = folder.path().join("kiosk");
    let (program, begin) = start(&app, &file(&invitation), &state);
    assert_eq!(begin, Begin::Fresh);
    let room = app.global::<Room>();
    until("the room, with nobody touching it", || front(&app) == Front::Room).await;
    until("microphone and camera", || (room.get_microphone(), room.get_camera()) == (Track::On, Track::On)).await;
    assert!(room.get_is_live(), "the border is red");

    let own = folder.path().join("lan").display().to_string();
    let join = ["join", &invitation, "--room", "Nhóm 17", "--name", "Lan", "--state", &own, "--json"];
    let lan = Hph::start(&[&join[..], &["--video", "test:320x180@10", "--audio", "test"]].concat());
    until("a picture of Lan", || pixels_of_lan(&app).is_some()).await;
    let first = pixels_of_lan(&app);
    until("another one", || pixels_of_lan(&app) != first).await;
    until("the kiosk with Lan, seen and heard", || {
        let told = kiosk(&lan);
        told.contains(r#""microphone":{"is_on":true"#) && told.contains(r#""camera":{"is_on":true"#)
    })
    .await;

    // The server is killed, and comes back: so does the kiosk.
    let address = invitation.trim_start_matches("hph://").split(['/', '#']).next().expect("an address").to_owned();
    drop(server);
    until("word that the connection is lost", || !app.global::<Shell>().get_strip().is_empty()).await;
    assert_eq!(front(&app), Front::Room, "it stays where it is");
    server = serve(&address);
    until("the connection", || app.global::<Shell>().get_strip().is_empty()).await;
    until("Lan again, moving", || pixels_of_lan(&app).is_some_and(|pixels| Some(pixels) != first)).await;

    // It ends by itself: nothing is said to anybody. Begun anew it is back in the room, muted, within five seconds.
    drop(program);
    let begun = Clock::now();
    let (program, begin) = start(&app, &file(&invitation), &state);
    assert_eq!(begin, Begin::Back { room: "Nhóm 17".to_owned() });
    until("the room again", || front(&app) == Front::Room).await;
    let took_ms = Clock::now().since(begun).as_micros() / 1000;
    assert!(took_ms < 5000, "{took_ms} ms");
    Timer::after(Duration::from_millis(1500)).await;
    assert_eq!((room.get_microphone(), room.get_camera()), (Track::Off, Track::Off), "muted");
    assert!(!room.get_is_live());
    until("Lan's word of it", || !kiosk(&lan).contains(r#""is_on":true"#)).await;

    press(&app, "Microphone off");
    until("the microphone", || room.get_microphone() == Track::On).await;
    press(&app, "Leave");
    until("the home screen", || front(&app) == Front::Home).await;
    assert!(!room.get_is_live() || front(&app) != Front::Room);
    until("Lan's word that it is gone", || !lan.told("participant_gone").is_empty()).await;
    let kept = Kept::new(&state).load();
    assert_eq!(kept.room, None, "left on purpose: it does not go back by itself");
    program.post(hph_kiosk_core::kiosk::Event::End);
    assert!(Kept::new(&state).load().starts.is_empty());
    let _ = now();
    drop(server);
}

#[test]
fn a_room_that_runs_by_itself() {
    play(flow);
}
