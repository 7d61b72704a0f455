//! `hph-kiosk`: reads its file, measures the screen, and lets the meeting room run; or draws every screen into a folder.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use hph_client::platform::clock::Clock;
use hph_client::platform::entropy;
use hph_kiosk::inbox::{Inbox, Note, tell};
use hph_kiosk::program::{Place, Program};
use hph_kiosk::session::Keys;
use hph_kiosk::{alive, gpio, headless, shots, ui};
use hph_kiosk_core::budget;
use hph_kiosk_core::config::{Config, ConfigError, Wrong};
use hph_kiosk_core::enrol::{Applied, BOOT_FILE, Learnt};
use hph_kiosk_core::health::Machine;
use hph_kiosk_core::kept::Kept;
use hph_kiosk_core::kiosk::Kiosk;
use hph_kiosk_core::restart::{self, Begin};
use hph_kiosk_core::scale;
use hph_presenters::text::Lang;
use slint::ComponentHandle;

/// How many pixels of the screen there are in one logical pixel, as the toolkit is told.
const SCALE: &str = "SLINT_SCALE_FACTOR";

/// A meeting room that runs by itself
#[derive(Parser)]
#[command(name = "hph-kiosk", version)]
struct Args {
    /// The file in which the owner says what the device is for
    #[arg(long, value_name = "FILE", default_value = "/etc/hph-kiosk/kiosk.toml")]
    config: PathBuf,
    /// Where keys are kept, and what survives a restart
    #[arg(long, value_name = "DIR", default_value = "/var/lib/hph-kiosk")]
    state: PathBuf,
    /// The card's first partition, where a file hph.toml is taken over once
    #[arg(long, value_name = "DIR", default_value = "/boot/firmware")]
    boot: PathBuf,
    /// Only take that file over, as root: the device's own user may not write there
    #[arg(long)]
    enrol: bool,
    /// In a window instead of on the whole screen, for development
    #[arg(long)]
    windowed: bool,
    /// Only say whether the file is right
    #[arg(long)]
    check: bool,
    /// Print a file with every key, its default and what it means
    #[arg(long, value_name = "vi|en", value_parser = ["vi", "en"])]
    print_config: Option<String>,
    /// Measure what a picture costs on this machine, stage by stage, and end
    #[arg(long)]
    budget: bool,
    /// Of so many pictures
    #[arg(long, value_name = "COUNT", requires = "budget", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=6000))]
    pictures: u32,
    /// The budget as one JSON object a line
    #[arg(long, requires = "budget")]
    json: bool,
    /// Draw every screen into this folder, without a display, and end
    #[arg(long, value_name = "DIR")]
    screenshot: Option<PathBuf>,
    /// Only pictures whose name contains this
    #[arg(long, value_name = "TEXT", requires = "screenshot", default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = if let Some(lang) = &args.print_config {
        print!("{}", Config::default_file(if lang == "vi" { Lang::Vi } else { Lang::En }));
        Ok(ExitCode::SUCCESS)
    } else if let Some(folder) = &args.screenshot {
        draw(folder, &args.only)
    } else if args.budget {
        budget(args.pictures, args.json)
    } else if args.enrol {
        enrol(&args)
    } else if args.check {
        read(&args.config).map(|_| ExitCode::SUCCESS).map_err(io::Error::other)
    } else {
        open(&args)
    };
    done.unwrap_or_else(|error| {
        eprintln!("hph-kiosk: {error}");
        ExitCode::FAILURE
    })
}

fn draw(folder: &Path, only: &str) -> io::Result<ExitCode> {
    headless::install().map_err(io::Error::other)?;
    let count = shots::write_all(folder, only)?;
    println!("{count} pictures in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// Prints what pictures cost: of the sizes that a room shows most.
fn budget(pictures: u32, is_json: bool) -> io::Result<ExitCode> {
    headless::install().map_err(io::Error::other)?;
    for size in [(640, 360), (1280, 720)] {
        let mut budget = budget::measure(size, pictures)?;
        budget.push("paint", shots::paint_us(size, pictures).map_err(io::Error::other)?);
        print!("{}", if is_json { budget.json_lines() } else { budget.table() });
    }
    Ok(ExitCode::SUCCESS)
}

/// The owner's file; the defaults if there is none, as on a card that was just written.
fn read(path: &Path) -> Result<Config, ConfigError> {
    let file = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Config::parse(&file, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(ConfigError { file, line: 0, what: Wrong::Unreadable(error.to_string()) }),
    }
}

/// Takes the file of the card's first partition over. What is wrong with it is said beside it, and ends nothing: the device
/// begins with what it knew.
fn enrol(args: &Args) -> io::Result<ExitCode> {
    let owner = read(&args.config).unwrap_or_default();
    match Learnt::new(&args.state).take_file(&args.boot, &owner)? {
        Applied::Nothing => {}
        Applied::Once => println!("{} was taken over", args.boot.join(BOOT_FILE).display()),
        Applied::StillThere(why) => {
            println!("{} was taken over, and stays: {why}", args.boot.join(BOOT_FILE).display())
        }
        Applied::Refused(error) => eprintln!("hph-kiosk: {}: {error}", args.boot.display()),
    }
    Ok(ExitCode::SUCCESS)
}

fn open(args: &Args) -> io::Result<ExitCode> {
    let learnt = Learnt::new(&args.state);
    let read = read(&args.config).and_then(|mut config| learnt.lay_over(&mut config).map(|()| config));
    // A file that is wrong is said on the screen, where somebody sees it.
    let (config, problem) = match read {
        Ok(config) => (config, None),
        Err(error) => (Config::default(), Some(error.to_string())),
    };
    let machine = Machine::default();
    if env::var_os(SCALE).is_none() && !args.windowed {
        return Err(begin_scaled(scale::scale(machine.panel().unwrap_or_default(), config.scale)));
    }
    let kept = Kept::new(&args.state);
    let (begin, memory) = restart::begin(&kept.load(), &machine.boot_id(), Clock::unix_time_ms());
    // Before anything that could end the program.
    if let Err(error) = kept.save(&memory) {
        eprintln!("hph-kiosk: nothing can be remembered in {}: {error}", args.state.display());
    }
    remember_panics(kept.clone());
    let (inbox, notes) = async_channel::unbounded();
    watch_signals(inbox.clone())?;
    if let (Some(pin), false) = (&config.mute_button, matches!(begin, Begin::Safe { .. })) {
        gpio::watch_button(pin, inbox.clone()).unwrap_or_else(|error| eprintln!("hph-kiosk: no button: {error}"));
    }
    let lamp = config
        .live_lamp
        .as_ref()
        .and_then(|pin| gpio::Lamp::open(pin).inspect_err(|error| eprintln!("hph-kiosk: no lamp: {error}")).ok());
    let window = ui::App::new().map_err(no_screen)?;
    window.window().set_fullscreen(!args.windowed);
    let mut kiosk = Kiosk::new(config, begin, memory, u64::from_be_bytes(entropy::array()));
    kiosk.problem = problem;
    let place = Place { keys: Keys::new(&args.state), kept, machine, lamp, learnt };
    let program = Program::start(&window, kiosk, place, (inbox, notes)).map_err(io::Error::other)?;
    alive::ready("running");
    window.run().map_err(no_screen)?;
    // The service manager starts whatever failed.
    Ok(if program.is_to_restart() { ExitCode::from(75) } else { ExitCode::SUCCESS })
}

/// Begins anew, with the size of things in the environment: the toolkit on the kernel's drivers takes it from nowhere else.
fn begin_scaled(scale: f32) -> io::Error {
    match env::current_exe() {
        Ok(program) => Command::new(program).args(env::args_os().skip(1)).env(SCALE, scale.to_string()).exec(),
        Err(error) => error,
    }
}

/// What the program says when it ends by itself is shown on the safe screen, if it comes to that.
fn remember_panics(kept: Kept) {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        usual(what);
        let mut memory = kept.load();
        memory.last_error = restart::error_text(&what.to_string());
        let _ = kept.save(&memory);
        // A thread that is gone is a program that only looks alive.
        std::process::abort();
    }));
}

fn watch_signals(inbox: Inbox) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in &mut signals {
            tell(&inbox, Note::End);
        }
    })?;
    Ok(())
}

fn no_screen(error: slint::PlatformError) -> io::Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    io::Error::other(format!(
        "no screen can be opened: {first}\n  To mend it: let the service hph-kiosk.service start it, whose user may use /dev/dri \
         and /dev/input (groups video, render and input), or run it with --windowed in a desktop session"
    ))
}
