//! The program itself against a server and another participant in processes of their own: it is in its room with nobody touching it,
//! seen and heard; it comes back after the server was killed, and after it ended by itself: then muted, within five seconds.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_io::Timer;
use hph_client::core::time::Duration as Span;
use hph_client::platform::clock::Clock;
use hph_kiosk::program::{Place, Program, now};
use hph_kiosk::session::Keys;
use hph_kiosk::ui::{App, Front, Kiosk as Shell, Room, Track};
use hph_kiosk_core::config::Config;
use hph_kiosk_core::enrol::Learnt;
use hph_kiosk_core::health::Machine;
use hph_kiosk_core::kept::Kept;
use hph_kiosk_core::kiosk::Kiosk;
use hph_kiosk_core::restart::{self, Begin};
use i_slint_backend_testing::{AccessibleRole, ElementQuery};
use serde_json::Value;
use slint::{ComponentHandle, Model};

/// Something that should be so is waited for so long.
const PATIENCE_S: u64 = 40;
/// Which boot of the machine this is, for the test.
const BOOT: &str = "one";

/// A running `hph`. Dropping it kills it.
struct Hph {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Hph {
    fn start(arguments: &[&str]) -> Self {
        let tests = std::env::current_exe().expect("this program");
        let program: PathBuf = tests.ancestors().nth(2).expect("the target directory").join("hph");
        assert!(program.exists(), "{} is not there: cargo build -p hph", program.display());
        let mut command = Command::new(program);
        command.args(arguments).env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("hph starts");
        let stdout = child.stdout.take().expect("piped");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sink.lock().expect("nobody panics").push(line);
            }
        });
        Self { child, lines }
    }

    fn said(&self) -> Vec<String> {
        self.lines.lock().expect("nobody panics").clone()
    }

    /// The objects of that name that it told until now.
    fn told(&self, name: &str) -> Vec<Value> {
        let objects = self.said().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        objects.filter(|object| object["event"] == name).collect()
    }

    /// What it was told last of the kiosk.
    fn kiosk(&self) -> String {
        let told = self.told("participant");
        told.iter().rev().find(|told| told["display_name"] == "Phòng A").map(ToString::to_string).unwrap_or_default()
    }
}

impl Drop for Hph {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("hph said:\n{}", self.said().join("\n"));
        }
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Clock::now() + Span::from_secs(PATIENCE_S);
    while Clock::now() < end {
        if is_so() {
            return;
        }
        Timer::after(Duration::from_millis(25)).await;
    }
    panic!("{what}: it did not come to that");
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

fn front(app: &App) -> Front {
    app.global::<Shell>().get_front()
}

/// Some pixels of what Lan's camera shows here.
fn pixels_of_lan(app: &App) -> Option<Vec<u8>> {
    let room = app.global::<Room>();
    let at = room.get_tiles().iter().position(|tile| tile.about.starts_with("Lan"))?;
    let pixels = room.get_pictures().row_data(at)?.to_rgb8()?;
    Some(pixels.as_bytes().iter().step_by(997).copied().collect()).filter(|pixels: &Vec<u8>| !pixels.is_empty())
}

fn start(app: &App, invitation: &str, state: &Path) -> (Rc<Program>, Begin) {
    let text = format!(
        "server = \"{invitation}\"\nname = \"Phòng A\"\nlanguage = \"en\"\nfixed_room = \"Nhóm 17\"\ncamera = \"test\"\n\
         microphone = \"test\"\nspeaker = \"none\"\nvideo_height = 180\nvideo_rate = 10"
    );
    let config = Config::parse("kiosk.toml", &text).expect("a right file");
    let kept = Kept::new(state);
    let (begin, memory) = restart::begin(&kept.load(), BOOT, Clock::unix_time_ms());
    kept.save(&memory).expect("kept");
    let kiosk = Kiosk::new(config, begin.clone(), memory, 5);
    let place =
        Place { keys: Keys::new(state), kept, machine: Machine::default(), lamp: None, learnt: Learnt::new(state) };
    let program = Program::start(app, kiosk, place, async_channel::unbounded()).expect("it starts");
    (program, begin)
}

async fn flow(app: App) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server").display().to_string();
    let serve = |listen: &str| Hph::start(&["serve", "--data", &data, "--listen", listen, "--json"]);
    let mut server = serve("127.0.0.1:0");
    let link = |server: &Hph| {
        let said = server.said();
        let line = said.iter().find(|line| line.contains("hph://") && line.contains("fp="))?;
        let link = &line[line.find("hph://")?..];
        Some(link.split(['"', '\'', ' ', '\\']).next()?.to_owned())
    };
    until("the server's invitation", || link(&server).is_some()).await;
    let invitation = link(&server).expect("an invitation");
    let state = folder.path().join("kiosk");
    let (program, begin) = start(&app, &invitation, &state);
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
        let told = lan.kiosk();
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
    let (program, begin) = start(&app, &invitation, &state);
    assert_eq!(begin, Begin::Back { room: "Nhóm 17".to_owned() });
    until("the room again", || front(&app) == Front::Room).await;
    let took_ms = Clock::now().since(begun).as_micros() / 1000;
    assert!(took_ms < 5000, "{took_ms} ms");
    Timer::after(Duration::from_millis(1500)).await;
    assert_eq!((room.get_microphone(), room.get_camera()), (Track::Off, Track::Off), "muted");
    assert!(!room.get_is_live());
    until("Lan's word of it", || !lan.kiosk().contains(r#""is_on":true"#)).await;

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
    i_slint_backend_testing::init_integration_test_with_system_time();
    let app = App::new().expect("a window");
    app.window().set_size(slint::PhysicalSize::new(1280, 800));
    let outcome = Rc::new(RefCell::new(false));
    let (done, weak) = (Rc::clone(&outcome), app.as_weak());
    slint::spawn_local(async move {
        flow(weak.unwrap()).await;
        *done.borrow_mut() = true;
        slint::quit_event_loop().expect("an event loop");
    })
    .expect("an event loop");
    slint::Timer::single_shot(Duration::from_secs(240), || drop(slint::quit_event_loop()));
    app.show().expect("shown");
    slint::run_event_loop_until_quit().expect("an event loop");
    assert!(*outcome.borrow(), "it did not come to its end in time");
}
