//! `bench desktop`: the desktop program in a meeting of nine people who show pictures, on a display without a screen (Xvfb) and
//! drawn by the software renderer. The figures are the program's own; see `frontends/desktop/src/measure.rs`.

use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use hph_client::link::Invitation;
use hph_core::time::{Duration, Instant};
use hph_load::figure::Report;
use hph_load::server::{ServerProcess, Setup};
use hph_platform::clock::Clock;

use crate::person::Sender;

/// People who show pictures.
const PEOPLE: usize = 9;
/// Where they are.
const ROOM: &str = "bench";

/// How often somebody listens to what engines say.
const LISTEN_EVERY: std::time::Duration = std::time::Duration::from_millis(50);

/// A process that is killed when this is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the others have sent, moment by moment: a picture that nobody sent is not one that the window owes.
#[derive(Default)]
struct Sent(Vec<(Instant, Vec<u64>)>);

impl Sent {
    fn look(&mut self, people: &[Sender]) {
        self.0.push((Clock::now(), people.iter().map(Sender::sent).collect()));
    }

    /// Pictures a second of each of them, up to that moment and for so long before it; the slowest first.
    fn rates(&self, until: Instant, span: Duration) -> Vec<f64> {
        let at = |moment: Instant| self.0.iter().rev().find(|(at, _)| *at <= moment).or(self.0.first());
        let (Some((from, before)), Some((to, after))) = (at(until - span), at(until)) else { return Vec::new() };
        let seconds = to.since(*from).as_micros() as f64 / 1e6;
        let mut rates: Vec<f64> =
            before.iter().zip(after).map(|(before, after)| (after - before) as f64 / seconds).collect();
        rates.sort_by(f64::total_cmp);
        rates
    }
}

/// Runs it.
///
/// # Errors
/// Something is missing, or does not start.
pub fn run(report: &Report, is_quick: bool) -> io::Result<()> {
    let program = program()?;
    let server = ServerProcess::start(&Setup::default())?;
    let people: Vec<Sender> = (0..PEOPLE)
        .map(|number| Sender::enter(server.address, server.pin, &format!("BENCH {number}"), ROOM))
        .collect::<io::Result<_>>()?;
    report.say(&format!("{} people show 640x360 at 15 pictures a second", people.len()));
    // Their engines wait for somebody who takes what they say.
    let (end, ended) = mpsc::channel::<()>();
    let listening = thread::spawn(move || {
        let mut sent = Sent::default();
        while ended.recv_timeout(LISTEN_EVERY) == Err(RecvTimeoutError::Timeout) {
            people.iter().for_each(Sender::listen);
            sent.look(&people);
        }
        sent
    });
    let (_display, name) = display()?;
    let state = tempfile::Builder::new().prefix("hph-bench-").tempdir()?;
    let invitation = Invitation {
        host: server.address.ip().to_string(),
        port: server.address.port(),
        pin: Some(server.pin),
        room: Some(ROOM.to_owned()),
        given: None,
    };
    let mut command = Command::new(&program);
    command.arg(invitation.to_string()).args(["--name", "Bench", "--join", "--speaker", "none", "--language", "vi"]);
    let seconds = if is_quick { 5 } else { 20 };
    command.args(["--people", &PEOPLE.to_string(), "--measure", &seconds.to_string()]);
    command.arg("--state").arg(state.path()).env("DISPLAY", name).env("SLINT_BACKEND", "winit-software");
    command.env_remove("WAYLAND_DISPLAY").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut window = Killed(command.spawn()?);
    let said = BufReader::new(window.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
    let (mut count, mut still_until) = (0, None);
    for line in said.lines() {
        // The first figure is said when nobody has touched anything for as long as is measured.
        still_until.get_or_insert_with(Clock::now);
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        let (name, unit) = (line["figure"].as_str().unwrap_or_default(), line["unit"].as_str().unwrap_or_default());
        report.value(name, line["value"].as_f64().unwrap_or(f64::NAN), unit);
        count += 1;
    }
    drop(end);
    if let (Ok(sent), Some(until)) = (listening.join(), still_until) {
        let rates = sent.rates(until, Duration::from_secs(seconds));
        report.value("desktop.sent_rate_least", rates.first().copied().unwrap_or(f64::NAN), "1/s");
        report.value("desktop.sent_rate_median", rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN), "1/s");
    }
    if count == 0 { Err(io::Error::other("the desktop program said no figures")) } else { Ok(()) }
}

/// Beside this one, where `cargo build --release -p hph-desktop` puts it; or what `HPH_DESKTOP` says.
fn program() -> io::Result<PathBuf> {
    let program = match env::var_os("HPH_DESKTOP") {
        Some(program) => PathBuf::from(program),
        None => env::current_exe()?.with_file_name("hph-desktop"),
    };
    let missing = format!("{} is not there (cargo build --release -p hph-desktop)", program.display());
    if program.exists() { Ok(program) } else { Err(io::Error::other(missing)) }
}

/// A display that nobody has, and its name.
fn display() -> io::Result<(Killed, String)> {
    let mut command = Command::new("Xvfb");
    // It says its number when it is there, and takes one that is free: that of a run that was cut off may still seem taken.
    command.args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"]);
    let missing = |error| io::Error::other(format!("Xvfb: {error} (apt install xvfb)"));
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut display = Killed(command.spawn().map_err(missing)?);
    let mut number = String::new();
    BufReader::new(display.0.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut number)?;
    match number.trim() {
        "" => Err(io::Error::other("Xvfb does not start")),
        number => Ok((display, format!(":{number}"))),
    }
}
