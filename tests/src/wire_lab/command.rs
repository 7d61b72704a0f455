//! The program `hph`, as other programs run it.

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::wait;

/// A running `hph`. Dropping it kills it.
pub struct Hph {
    child: Child,
    input: Option<ChildStdin>,
    lines: Arc<Mutex<Vec<String>>>,
    complaints: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Hph {
    /// Where the program lies: beside the folder of the tests, where `cargo build -p hph` puts it, or where `HPH_PROGRAM`
    /// says (`scripts/test arm64` tests another processor's so).
    ///
    /// # Panics
    /// If it was not built.
    pub fn program() -> PathBuf {
        if let Some(other) = std::env::var_os("HPH_PROGRAM") {
            return PathBuf::from(other);
        }
        let tests = std::env::current_exe().expect("this program");
        let target = tests.ancestors().nth(2).expect("the target directory");
        let program = target.join("hph");
        assert!(program.exists(), "{} is not there: cargo build -p hph", program.display());
        program
    }

    /// Starts it with these arguments and an environment without settings of `hph`; it talks English.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(arguments, Stdio::null(), &[])
    }

    /// Starts it as [`Self::start`] does, with more in its environment.
    ///
    /// # Panics
    /// As there.
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(arguments, Stdio::null(), environment)
    }

    /// Starts it as [`Self::start`] does, to be typed to.
    ///
    /// # Panics
    /// If it can't be started.
    pub fn start_typing(arguments: &[&str]) -> Self {
        Self::spawn(arguments, Stdio::piped(), &[])
    }

    /// Starts it as [`Self::start`] does, with these lines on its standard input.
    ///
    /// # Panics
    /// As there.
    pub fn start_with_lines(arguments: &[&str], lines: &str) -> Self {
        let mut input = tempfile::tempfile().expect("a file for the lines");
        input.write_all(lines.as_bytes()).and_then(|()| input.rewind()).expect("written");
        Self::spawn(arguments, Stdio::from(input), &[])
    }

    fn spawn(arguments: &[&str], input: Stdio, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(Self::program());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HPH_")) {
            command.env_remove(name);
        }
        command.args(arguments).env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        command.envs(environment.iter().copied());
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("hph starts");
        let input = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let complaints = Arc::new(Mutex::new(String::new()));
        let (line_sink, complaint_sink) = (Arc::clone(&lines), Arc::clone(&complaints));
        let readers = vec![
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    line_sink.lock().expect("nobody panics").push(line);
                }
            }),
            std::thread::spawn(move || {
                let mut stderr = BufReader::new(stderr);
                let mut piece = [0; 1024];
                while let Ok(len) = stderr.read(&mut piece)
                    && len > 0
                {
                    complaint_sink.lock().expect("nobody panics").push_str(&String::from_utf8_lossy(&piece[..len]));
                }
            }),
        ];
        Self { child, input, lines, complaints, readers }
    }

    /// Types a line.
    ///
    /// # Panics
    /// If it was not started to be typed to, or has ended.
    pub fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("started to be typed to");
        writeln!(input, "{line}").expect("it reads");
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines on its standard output until now.
    ///
    /// # Panics
    /// Never in practice.
    pub fn output(&self) -> Vec<String> {
        self.lines.lock().expect("nobody panics").clone()
    }

    /// The objects on its standard output until now that have that name.
    ///
    /// # Panics
    /// If a line is no JSON.
    pub fn events(&self, name: &str) -> Vec<Value> {
        objects(&self.output(), name)
    }

    /// What stands on its standard error until now.
    ///
    /// # Panics
    /// Never in practice.
    pub fn complaints(&self) -> String {
        self.complaints.lock().expect("nobody panics").clone()
    }

    /// Interrupts it as Ctrl-C does, and waits for its end. Gives the lines on its standard output.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    pub fn interrupt(self, limit: Duration) -> Vec<String> {
        // A bare Debian has no program `kill`.
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::INT).expect("the signal is sent");
        self.finish(limit).1
    }

    /// Asks it to end as a service manager does, and waits. Gives the number that it ends with.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    pub fn terminate(self, limit: Duration) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the signal is sent");
        self.finish(limit).0.code()
    }

    /// Waits until it ends by itself. Gives its status and the lines on its standard output.
    ///
    /// # Panics
    /// If that takes longer than `limit`.
    pub fn finish(mut self, limit: Duration) -> (ExitStatus, Vec<String>) {
        let status = wait::until("end of hph", limit, || self.child.try_wait().expect("a child"));
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        (status, self.output())
    }
}

/// The JSON objects in some lines whose `event` has that name.
///
/// # Panics
/// If a line is no JSON.
pub fn objects(lines: &[String], name: &str) -> Vec<Value> {
    let objects = lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    objects.filter(|object| object["event"] == name).collect()
}

impl Drop for Hph {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("hph said:\n{}\n{}", self.output().join("\n"), self.complaints());
        }
    }
}
