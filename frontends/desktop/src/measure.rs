//! How the window does, measured from inside while a meeting goes on: `hph-desktop LINK --join --measure SECONDS` prints figures
//! as JSON lines and ends. `scripts/bench desktop` runs it beside people who show pictures.
//!
//! What is painted is known from the window's own request to paint: whatever comes after it on the event loop finds it painted.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hph_client::core::time::Instant;
use hph_client::platform::clock::Clock;
use slint::winit_030::winit::event::WindowEvent;
use slint::winit_030::{EventResult, WinitWindowAccessor};
use slint::{ComponentHandle, Timer, TimerMode};

use crate::program::{Program, Shown};
use crate::ui;

/// How often it is looked at what has become of the meeting.
const LOOK: Duration = Duration::from_millis(50);
/// Everybody's pictures have come; until the first figure so much more passes.
const SETTLE: Duration = Duration::from_secs(2);
/// Pictures are waited for no longer.
const COME_MAX: Duration = Duration::from_secs(60);
/// From one key to the next.
const KEY_EVERY: Duration = Duration::from_millis(230);
/// Keys that are pressed: the panel of people opens and closes, which moves every tile.
const KEYS: usize = 60;
/// No rhythm of the window's own is met always at the same place.
const KEY_SHIFT: Duration = Duration::from_millis(7);

/// What is measured, and how far it is.
pub struct Measure {
    ui: slint::Weak<ui::App>,
    program: Rc<Program>,
    people: usize,
    lasting: Duration,
    step: RefCell<Step>,
    timer: Timer,
    opened_ms: Cell<Option<f64>>,
    /// When the key was pressed that was not painted yet.
    pressed: Cell<Option<Instant>>,
    delays_ms: RefCell<Vec<f64>>,
}

enum Step {
    /// Until everybody is seen.
    Coming(Instant),
    /// What came first is left alone.
    Settling(Instant),
    /// Nobody touches anything.
    Still { since: Instant, busy_ns: u64, shown: Vec<Shown>, come: u64 },
    /// Keys are pressed, by somebody who does not wait for the window.
    Typing(JoinHandle<()>),
}

impl Measure {
    /// Measures from now on: as soon as the pictures of so many people come, for so long.
    pub fn start(ui: &ui::App, program: &Rc<Program>, people: usize, lasting: Duration) -> Rc<Self> {
        let measure = Rc::new(Self {
            ui: ui.as_weak(),
            program: Rc::clone(program),
            people,
            lasting,
            step: RefCell::new(Step::Coming(Clock::now())),
            timer: Timer::default(),
            opened_ms: Cell::default(),
            pressed: Cell::default(),
            delays_ms: RefCell::default(),
        });
        let weak = Rc::downgrade(&measure);
        measure.timer.start(TimerMode::Repeated, LOOK, move || {
            if let Some(measure) = weak.upgrade() {
                measure.look();
            }
        });
        measure
    }

    /// An event of the window, before the window takes it.
    pub fn window_event(self: &Rc<Self>, event: &WindowEvent) {
        if !matches!(event, WindowEvent::RedrawRequested) {
            return;
        }
        let pressed = self.pressed.take();
        if pressed.is_none() && self.opened_ms.get().is_some() {
            return;
        }
        let weak = Rc::downgrade(self);
        // Handled behind what is painted now.
        let _ = slint::spawn_local(async move {
            let Some(measure) = weak.upgrade() else { return };
            if measure.opened_ms.get().is_none() {
                measure.opened_ms.set(age_ms().ok());
            }
            if let Some(at) = pressed {
                measure.delays_ms.borrow_mut().push(Clock::now().since(at).as_micros() as f64 / 1000.0);
            }
        });
    }

    fn look(self: &Rc<Self>) {
        let now = Clock::now();
        let next = match &mut *self.step.borrow_mut() {
            Step::Coming(since) => {
                let has_come = self.program.shown().len() >= self.people;
                if !has_come && now.since(*since) > span(COME_MAX) {
                    eprintln!("hph-desktop: only {} of {} pictures came", self.program.shown().len(), self.people);
                    let _ = slint::quit_event_loop();
                }
                has_come.then_some(Step::Settling(now))
            }
            Step::Settling(since) if now.since(*since) < span(SETTLE) => None,
            Step::Settling(_) => {
                let busy_ns = busy_ns().unwrap_or(0);
                let (shown, come) = (self.program.shown(), self.program.pictures_come());
                Some(Step::Still { since: now, busy_ns, shown, come })
            }
            Step::Still { since, .. } if now.since(*since) < span(self.lasting) => None,
            Step::Still { since, busy_ns: then, shown, come } => {
                let seconds = now.since(*since).as_micros() as f64 / 1e6;
                let spent = busy_ns().unwrap_or(0).saturating_sub(*then) as f64 / 1e9;
                self.figure("ui_thread_busy", 100.0 * spent / seconds, "%");
                self.rates(shown, seconds);
                let come = self.program.pictures_come().saturating_sub(*come) as f64;
                self.figure("tile_rate_come", come / seconds / self.people.max(1) as f64, "1/s");
                Some(Step::Typing(self.type_keys()))
            }
            Step::Typing(typing) => {
                if typing.is_finished() {
                    self.end();
                }
                None
            }
        };
        if let Some(next) = next {
            *self.step.borrow_mut() = next;
        }
    }

    /// Presses keys from a thread of its own: that one waits until the window listens belongs to how long it takes.
    fn type_keys(self: &Rc<Self>) -> JoinHandle<()> {
        let (keys, pressed) = async_channel::unbounded();
        let weak = Rc::downgrade(self);
        let _ = slint::spawn_local(async move {
            while let Ok(at) = pressed.recv().await {
                let Some(measure) = weak.upgrade() else { break };
                measure.press(at);
            }
        });
        thread::spawn(move || {
            for key in 0..KEYS {
                Clock::sleep(span(KEY_EVERY + KEY_SHIFT * (key as u32 % 8)));
                let _ = keys.send_blocking(Clock::now());
            }
            // The last one is painted, too.
            Clock::sleep(span(KEY_EVERY));
        })
    }

    fn press(&self, at: Instant) {
        let Some(ui) = self.ui.upgrade() else { return };
        self.pressed.set(Some(at));
        let key = || slint::SharedString::from("p");
        ui.window().dispatch_event(slint::platform::WindowEvent::KeyPressed { text: key() });
        ui.window().dispatch_event(slint::platform::WindowEvent::KeyReleased { text: key() });
    }

    fn rates(&self, then: &[Shown], seconds: f64) {
        let now = self.program.shown();
        let rate = |(track, count): &Shown| {
            let before = then.iter().find(|(other, _)| other == track).map_or(0, |(_, count)| *count);
            (count - before) as f64 / seconds
        };
        let mut rates: Vec<f64> = now.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        self.figure("tile_rate_least", rates.first().copied().unwrap_or(0.0), "1/s");
        self.figure("tile_rate_median", rates.get(rates.len() / 2).copied().unwrap_or(0.0), "1/s");
    }

    fn end(&self) {
        let mut delays = self.delays_ms.borrow_mut();
        delays.sort_by(f64::total_cmp);
        let quantile = |part: f64| delays.get(((delays.len() as f64 - 1.0) * part).round() as usize).copied();
        for (name, part) in [("input_to_paint_p50", 0.5), ("input_to_paint_p95", 0.95)] {
            self.figure(name, quantile(part).unwrap_or(f64::NAN), "ms");
        }
        self.figure("start_to_window", self.opened_ms.get().unwrap_or(f64::NAN), "ms");
        if let Some(first) = self.program.first_picture() {
            self.figure("first_picture", first.as_micros() as f64 / 1000.0, "ms");
        }
        self.figure("resident", resident_mib().unwrap_or(f64::NAN), "MiB");
        let _ = slint::quit_event_loop();
    }

    fn figure(&self, name: &str, value: f64, unit: &str) {
        let figure = serde_json::json!({ "figure": format!("desktop.{name}"), "value": value, "unit": unit });
        println!("{figure}");
    }
}

/// Lets something see every event of the window before the window takes it.
pub fn follow(window: &ui::App, look: impl Fn(&WindowEvent) + 'static) {
    window.window().on_winit_window_event(move |_, event| {
        look(event);
        EventResult::Propagate
    });
}

fn span(duration: Duration) -> hph_client::core::time::Duration {
    hph_client::core::time::Duration::from_micros(duration.as_micros() as u64)
}

/// Time that this thread has had of a processor. **Units:** nanoseconds.
fn busy_ns() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().and_then(|first| first.parse().ok());
    first.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// How long ago this process began, to ten milliseconds.
fn age_ms() -> io::Result<f64> {
    const TICKS_PER_S: f64 = 100.0;
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok()).ok_or(io::ErrorKind::InvalidData);
    let uptime_s = number(fs::read_to_string("/proc/uptime")?.split_whitespace().next())?;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program is in brackets and may hold anything; the 22nd field is the 20th behind it.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let began_s = number(behind.split_whitespace().nth(19))? / TICKS_PER_S;
    Ok((uptime_s - began_s) * 1000.0)
}

/// Resident memory. **Units:** MiB.
fn resident_mib() -> io::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
