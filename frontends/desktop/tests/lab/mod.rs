//! `hph` as other programs run it, and the window as a screen reader sees it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_io::Timer;
use hph_desktop::ui::App;
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery};
use serde_json::Value;

/// Something that should be so is waited for so long.
const PATIENCE: Duration = Duration::from_secs(25);
/// And looked at this often.
const LOOK: Duration = Duration::from_millis(25);

/// A running `hph`. Dropping it kills it.
pub struct Hph {
    child: Child,
    input: Option<ChildStdin>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Hph {
    /// Starts it with these arguments; it can be typed to.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(arguments).env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("hph starts");
        let (input, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sink.lock().expect("nobody panics").push(line);
            }
        });
        Self { child, input, lines }
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("piped"), "{line}").expect("it reads");
    }

    /// Waits until it ends; whether it did so with success.
    pub async fn ends_well(&mut self) -> bool {
        let looks = (PATIENCE.as_millis() / LOOK.as_millis()) as usize;
        for _ in 0..looks {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                return status.success();
            }
            Timer::after(LOOK).await;
        }
        panic!("it does not end");
    }

    /// What it said until now.
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

/// Starts a server that keeps its data there.
pub fn serve(data: &str, listen: &str) -> Hph {
    Hph::start(&["serve", "--data", data, "--listen", listen, "--json"])
}

/// The invitation in what a server says.
pub fn link(server: &Hph) -> Option<String> {
    let said = server.said();
    let line = said.iter().find(|line| line.contains("hph://") && line.contains("fp="))?;
    let link = &line[line.find("hph://")?..];
    Some(link.split(['"', '\'', ' ', '\\']).next()?.to_owned())
}

/// Beside the folder of the tests, where `cargo build -p hph` puts it.
fn program() -> PathBuf {
    let tests = std::env::current_exe().expect("this program");
    let program = tests.ancestors().nth(2).expect("the target directory").join("hph");
    assert!(program.exists(), "{} is not there: cargo build -p hph", program.display());
    program
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let looks = (PATIENCE.as_millis() / LOOK.as_millis()) as usize;
    for _ in 0..looks {
        if is_so() {
            return;
        }
        Timer::after(LOOK).await;
    }
    panic!("{what}: it did not come to that");
}

/// What there is with that name, of that role.
pub fn find(app: &App, role: AccessibleRole, name: &str) -> Option<ElementHandle> {
    let name = name.to_owned();
    let is_it = move |element: &ElementHandle| element.accessible_label().is_some_and(|label| label == name.as_str());
    ElementQuery::from_root(app).match_descendants().match_accessible_role(role).match_predicate(is_it).find_first()
}

/// Names of everything of that role.
pub fn names(app: &App, role: AccessibleRole) -> Vec<String> {
    let found = ElementQuery::from_root(app).match_descendants().match_accessible_role(role).find_all();
    found.into_iter().filter_map(|element| element.accessible_label()).map(Into::into).collect()
}

/// Waits for a button that can be pressed, and presses it.
pub async fn press(app: &App, name: &str) {
    until(&format!("a button {name:?} among {:?}", names(app, AccessibleRole::Button)), || {
        find(app, AccessibleRole::Button, name).is_some_and(|button| button.accessible_enabled() != Some(false))
    })
    .await;
    find(app, AccessibleRole::Button, name).expect("it is there").invoke_accessible_default_action();
}

/// Waits for something of that role that can be switched or chosen, and does it.
pub async fn choose(app: &App, role: AccessibleRole, name: &str) {
    until(&format!("{name:?} among {:?}", names(app, role)), || find(app, role, name).is_some()).await;
    find(app, role, name).expect("it is there").invoke_accessible_default_action();
}

/// Waits for a field, and fills it.
pub async fn fill(app: &App, name: &str, text: &str) {
    until(&format!("a field {name:?}"), || find(app, AccessibleRole::TextInput, name).is_some()).await;
    find(app, AccessibleRole::TextInput, name).expect("it is there").set_accessible_value(text);
}
