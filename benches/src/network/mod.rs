//! `bench network`: the call of `bench media` over real kernels' queues: server and one person near, another person behind a
//! way between network namespaces that is narrowed (tbf) and that loses datagrams (nftables). Real processes, real time.
//!
//! What is told is what the far person gets. There is no delay in it: a kernel without netem has no such queue.

pub mod download;
mod lab;

use std::io;

use hph_core::time::{Duration, Instant};
use hph_load::figure::{Report, Rounds};
use hph_load::machine;
use hph_load::server::{ServerProcess, Setup};
use hph_platform::camera::CameraFormat;
use hph_platform::clock::Clock;

use crate::person::{Look, PersonProcess};
use crate::video;
use download::Download;
use lab::{Lab, NEAR};

/// The wide and the narrow way. **Units:** kbit/s.
const WIDE_KBPS: u64 = 5_000;
const NARROW_KBPS: u64 = 500;
/// A look at the queue, or at what comes, this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A voice's frame.
const FRAME_MS: f64 = 20.0;
/// A picture is back when it has this share of its former rate.
const BACK: f64 = 0.9;
/// What the camera sees: the moving scene of `bench video-bytes`, about as many bits as that of `bench media`.
const SCENE: CameraFormat = CameraFormat { width: 640, height: 360, fps: 30 };

/// A narrow way is not the same twice: medians of so many calls.
const CALLS: usize = 3;

/// Figures in the order in which they were first told, with what each call said.
#[derive(Default)]
struct Table(Vec<(String, &'static str, Rounds)>);

impl Table {
    fn note(&mut self, name: String, value: f64, unit: &'static str) {
        let place = self.0.iter_mut().find(|(known, ..)| *known == name);
        match place {
            Some((.., rounds)) => rounds.push(value),
            None => {
                let mut rounds = Rounds::default();
                rounds.push(value);
                self.0.push((name, unit, rounds));
            }
        }
    }

    fn print(&self, report: &mut Report) {
        self.0.iter().for_each(|(name, unit, rounds)| report.figure(name, rounds, unit));
    }
}

/// Everything that takes part.
struct Call {
    lab: Lab,
    far: PersonProcess,
    _near: PersonProcess,
    _server: ServerProcess,
}

/// What is seen over some time.
struct Span {
    before: Look,
    after: Look,
    seconds: f64,
    queue_ms: Vec<f64>,
    /// Packets that found the queue full, before and after.
    dropped: (u64, u64),
    buffer_ms: Vec<f64>,
}

impl Span {
    fn more(&self, name: &str) -> f64 {
        self.after.of(name) - self.before.of(name)
    }

    fn video_kbps(&self) -> f64 {
        self.more("video_bytes") * 8.0 / 1000.0 / self.seconds
    }

    fn concealed(&self) -> f64 {
        self.more("concealed_ms") / self.seconds
    }
}

impl Call {
    fn start(film: &str) -> io::Result<Self> {
        let lab = Lab::start()?;
        let (near, far) = (lab.near(), lab.far());
        let server = ServerProcess::start(&Setup { place: Some((near.clone(), NEAR)), ..Setup::default() })?;
        let near = PersonProcess::start(Some(&near), &server, "near", Some(film))?;
        let far = PersonProcess::start(Some(&far), &server, "far", Some(film))?;
        Ok(Self { lab, far, _near: near, _server: server })
    }

    /// Goes on for some seconds over a way of that rate, and looks.
    fn run(&mut self, seconds: u64, kbps: u64) -> io::Result<Span> {
        let (before, began) = (self.far.look()?, Clock::now());
        let (queue_ms, buffer_ms) = (Vec::new(), Vec::new());
        let mut span = Span { before, after: Look::default(), seconds: 0.0, queue_ms, dropped: (0, 0), buffer_ms };
        if kbps > 0 {
            span.dropped.0 = self.lab.queue()?.1;
        }
        while Clock::now().since(began) < Duration::from_secs(seconds) {
            Clock::sleep(LOOK_EVERY);
            if kbps > 0 {
                let (bytes, dropped) = self.lab.queue()?;
                span.queue_ms.push(bytes as f64 * 8.0 / kbps as f64);
                span.dropped.1 = dropped;
            }
            span.buffer_ms.push(self.far.look()?.of("buffer_ms"));
        }
        span.after = self.far.look()?;
        span.seconds = Clock::now().since(began).as_micros() as f64 / 1e6;
        Ok(span)
    }
}

/// Measures and prints.
///
/// # Errors
/// The namespaces can't be made, or somebody leaves.
pub fn run(report: &mut Report, is_quick: bool, only: Option<&str>) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let film = folder.path().join("scene.mjpeg");
    video::write_scene(SCENE.width, SCENE.height, &film)?;
    let film = film.display().to_string();
    let seconds = if is_quick { 10 } else { 30 };
    let mut table = Table::default();
    machine::describe().iter().for_each(|line| report.say(line));
    let is_wanted = |name: &str| only.is_none_or(|only| only == name);
    if is_wanted("loss") {
        let mut call = Call::start(&film)?;
        for percent in [0, 1, 2, 5, 10] {
            call.lab.lose(percent)?;
            // Until the loss is known, and what it was before is forgotten.
            call.run(12, 0)?;
            let span = call.run(seconds, 0)?;
            steady(&mut table, &format!("network.loss_{percent}"), &span);
        }
    }
    let calls = if is_quick { 1 } else { CALLS };
    for _ in 0..if is_wanted("step") { calls } else { 0 } {
        step(&mut table, &mut Call::start(&film)?)?;
    }
    for _ in 0..if is_wanted("download") { calls } else { 0 } {
        beside_a_download(&mut table, &mut Call::start(&film)?, seconds)?;
    }
    table.print(report);
    report.end();
    Ok(())
}

fn steady(table: &mut Table, name: &str, span: &Span) {
    table.note(format!("{name}.video_kbps"), span.video_kbps(), "kbit/s");
    if !span.queue_ms.is_empty() {
        table.note(format!("{name}.queue_p95"), quantile(&span.queue_ms, 0.95), "ms");
        let dropped = span.dropped.1.saturating_sub(span.dropped.0) as f64;
        table.note(format!("{name}.queue_full"), dropped / span.seconds, "packets/s");
    }
    table.note(format!("{name}.voice_concealed"), span.concealed(), "ms/s");
    table.note(format!("{name}.voice_lost"), unheard(|name| span.more(name)) / span.seconds, "ms/s");
    table.note(format!("{name}.jitter_buffer_p50"), quantile(&span.buffer_ms, 0.5), "ms");
    let (missing, came) = (span.more("strips_missing"), span.more("strips"));
    table.note(format!("{name}.strips_missing"), missing / (missing + came).max(1.0) * 100.0, "%");
    let stale = span.more("stale_ppm") / span.more("frames").max(1.0) / 10_000.0;
    table.note(format!("{name}.stale_area"), stale, "%");
}

/// What was said and is never heard: frames that did not come, and what the jitter buffer passed over. **Units:** ms.
fn unheard(more: impl Fn(&str) -> f64) -> f64 {
    more("frames_of_voice_lost") * FRAME_MS + more("skipped_ms")
}

/// 5 Mbit/s, then a tenth of it, then all of it again.
fn step(table: &mut Table, call: &mut Call) -> io::Result<()> {
    call.lab.narrow(WIDE_KBPS)?;
    call.run(20, WIDE_KBPS)?;
    let wide = call.run(20, WIDE_KBPS)?;
    steady(table, "network.step.wide", &wide);
    let at_drop = call.far.look()?;
    call.lab.narrow(NARROW_KBPS)?;
    let fallen = call.run(10, NARROW_KBPS)?;
    let looks = fallen.queue_ms.len().max(1) as f64;
    let long = fallen.queue_ms.iter().rposition(|ms| *ms > 100.0).map_or(0.0, |at| (at + 1) as f64);
    table.note("network.step.queue_below_100ms_after".to_owned(), long / looks * fallen.seconds, "s");
    let narrow = call.run(20, NARROW_KBPS)?;
    steady(table, "network.step.narrow", &narrow);
    call.lab.narrow(WIDE_KBPS)?;
    let back = wait_for_rate(call, wide.video_kbps() * BACK)?;
    table.note("network.step.video_back_after".to_owned(), back, "s");
    call.run(5, WIDE_KBPS)?;
    let after = call.far.look()?;
    let more = |name: &str| after.of(name) - at_drop.of(name);
    table.note("network.step.voice_lost".to_owned(), unheard(more), "ms");
    table.note("network.step.voice_concealed".to_owned(), more("concealed_ms"), "ms");
    Ok(())
}

/// How long it takes until so much comes; not a number if it never does. **Units:** seconds.
fn wait_for_rate(call: &mut Call, kbps: f64) -> io::Result<f64> {
    let since = |began: Instant| Clock::now().since(began).as_micros() as f64 / 1e6;
    let began = Clock::now();
    let (mut before, mut looked) = (call.far.look()?, began);
    while since(began) < 60.0 {
        // Long enough that single frames do not matter.
        Clock::sleep(Duration::from_millis(500));
        let (now, seconds) = (call.far.look()?, since(looked));
        if (now.of("video_bytes") - before.of("video_bytes")) * 8.0 / 1000.0 / seconds >= kbps {
            return Ok(since(began));
        }
        (before, looked) = (now, Clock::now());
    }
    Ok(f64::NAN)
}

/// A download begins on the same way, and goes on.
fn beside_a_download(table: &mut Table, call: &mut Call, seconds: u64) -> io::Result<()> {
    call.lab.narrow(WIDE_KBPS)?;
    call.run(20, WIDE_KBPS)?;
    let mut download = Download::start(&call.lab.near(), NEAR, &call.lab.far())?;
    call.run(10, WIDE_KBPS)?;
    let before = download.bytes()?;
    let span = call.run(seconds, WIDE_KBPS)?;
    let taken = (download.bytes()? - before) as f64 * 8.0 / 1000.0 / span.seconds;
    steady(table, "network.download", &span);
    table.note("network.download.video_share".to_owned(), span.video_kbps() / WIDE_KBPS as f64 * 100.0, "%");
    table.note("network.download.download_share".to_owned(), taken / WIDE_KBPS as f64 * 100.0, "%");
    Ok(())
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
