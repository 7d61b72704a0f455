//! What tests of the whole program share: other programs in processes of their own, and the program on a screen that nobody sees.

use std::cell::RefCell;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_io::Timer;
use hph_client::core::time::Duration as Span;
use hph_client::platform::clock::Clock;
use hph_kiosk::program::{Place, Program};
use hph_kiosk::session::Keys;
use hph_kiosk::ui::{App, Front, Kiosk as Shell};
use hph_kiosk_core::config::Config;
use hph_kiosk_core::enrol::Learnt;
use hph_kiosk_core::health::Machine;
use hph_kiosk_core::kept::Kept;
use hph_kiosk_core::kiosk::Kiosk;
use hph_kiosk_core::restart::{self, Begin};
use serde_json::Value;
use slint::ComponentHandle;

/// Something that should be so is waited for so long.
const PATIENCE_S: u64 = 40;
/// Which boot of the machine this is, for the test.
const BOOT: &str = "one";

/// A running `hph`. Dropping it kills it.
pub struct Hph {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Hph {
    pub fn start(arguments: &[&str]) -> Self {
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

    /// Whether it has ended, and said all that it says.
    #[allow(dead_code, reason = "not every test waits for that")]
    pub fn has_ended(&self) -> bool {
        Arc::strong_count(&self.lines) == 1
    }

    pub fn said(&self) -> Vec<String> {
        self.lines.lock().expect("nobody panics").clone()
    }

    /// The objects of that name that it told until now.
    pub fn told(&self, name: &str) -> Vec<Value> {
        let objects = self.said().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        objects.filter(|object| object["event"] == name).collect()
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

pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Clock::now() + Span::from_secs(PATIENCE_S);
    while Clock::now() < end {
        if is_so() {
            return;
        }
        Timer::after(Duration::from_millis(25)).await;
    }
    panic!("{what}: it did not come to that");
}

pub fn front(app: &App) -> Front {
    app.global::<Shell>().get_front()
}

/// The program with that file, on a screen that nobody sees.
pub fn start(app: &App, file: &str, state: &Path) -> (Rc<Program>, Begin) {
    let mut config = Config::parse("kiosk.toml", file).expect("a right file");
    let learnt = Learnt::new(state);
    learnt.lay_over(&mut config).expect("what was learnt is right");
    let kept = Kept::new(state);
    let (begin, memory) = restart::begin(&kept.load(), BOOT, Clock::unix_time_ms());
    kept.save(&memory).expect("kept");
    let kiosk = Kiosk::new(config, begin.clone(), memory, 5);
    let place = Place { keys: Keys::new(state), kept, machine: Machine::default(), lamp: None, learnt };
    let program = Program::start(app, kiosk, place, async_channel::unbounded()).expect("it starts");
    (program, begin)
}

/// The invitation of a server that has started.
pub async fn invitation(server: &Hph) -> String {
    let link = || {
        let said = server.said();
        let line = said.iter().find(|line| line.contains("hph://") && line.contains("fp="))?;
        let link = &line[line.find("hph://")?..];
        Some(link.split(['"', '\'', ' ', '\\']).next()?.to_owned())
    };
    until("the server's invitation", || link().is_some()).await;
    link().expect("an invitation")
}

/// Lets the program run while somebody does something with it.
pub fn play<F: Future<Output = ()>>(flow: impl FnOnce(App) -> F + 'static) {
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
    let end = Clock::now() + Span::from_secs(240);
    slint::Timer::single_shot(Duration::from_secs(240), || drop(slint::quit_event_loop()));
    app.show().expect("shown");
    // The program itself may end, to be begun anew.
    while !*outcome.borrow() && Clock::now() < end {
        slint::run_event_loop_until_quit().expect("an event loop");
    }
    assert!(*outcome.borrow(), "it did not come to its end in time");
}
