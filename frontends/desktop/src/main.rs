//! `hph-desktop`: opens a window and lets the program run; or draws every screen into a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
#[cfg(feature = "window")]
use std::rc::Rc;
#[cfg(feature = "window")]
use std::time::Duration;

use clap::Parser;
use hph_client::media::{CameraSpec, DeviceChoice, MicrophoneSpec, SpeakerSpec};
use hph_desktop::identity::Folders;
use hph_desktop::program::{Options, Program};
use hph_desktop::trial::TEST_FORMAT;
use hph_desktop::{headless, shots, ui};
use slint::{ComponentHandle, LogicalSize};

/// Meetings in a window
#[derive(Parser)]
#[command(name = "hph-desktop", version)]
struct Args {
    /// Invitation link or address to go to at once
    #[arg(value_name = "LINK")]
    link: Option<String>,
    /// Sign in as a guest of that name at once
    #[arg(long, value_name = "NAME", requires = "link")]
    name: Option<String>,
    /// Go into the link's room without preparing
    #[arg(long, requires = "link")]
    join: bool,
    /// Camera: its name, or test, a moving picture [default: the one that was chosen]
    #[arg(long, value_name = "NAME|test")]
    camera: Option<String>,
    /// Microphone: its name, or test, something like speech
    #[arg(long, value_name = "NAME|test")]
    microphone: Option<String>,
    /// Loudspeaker: its name, or none
    #[arg(long, value_name = "NAME|none")]
    speaker: Option<String>,
    /// What is shared instead of asking, such as test
    #[arg(long, value_name = "SCREEN")]
    screen: Option<String>,
    /// Language [default: the one that was chosen, or the system's]
    #[arg(long, value_name = "vi|en", value_parser = ["vi", "en"])]
    language: Option<String>,
    /// Where settings and keys are kept [default: $XDG_CONFIG_HOME/hph and $XDG_STATE_HOME/hph]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Where files are kept that are fetched [default: the user's folder for downloads]
    #[arg(long, value_name = "DIR")]
    downloads: Option<PathBuf>,
    /// Print how the window does as soon as others are seen, after so many seconds, and end
    #[arg(long, value_name = "SECONDS", requires = "link", hide = true)]
    measure: Option<u64>,
    /// How many others are waited for before measuring
    #[arg(long, value_name = "N", default_value_t = 1, hide = true)]
    people: usize,
    /// Draw every screen into this folder, without a display, and end
    #[arg(long, value_name = "DIR", conflicts_with = "link")]
    screenshot: Option<PathBuf>,
    /// Only pictures whose name contains this
    #[arg(long, value_name = "TEXT", requires = "screenshot", default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.screenshot {
        Some(folder) => draw(folder, &args.only),
        None => open(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hph-desktop: {error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(folder: &Path, only: &str) -> io::Result<()> {
    headless::install().map_err(io::Error::other)?;
    let count = shots::write_all(folder, only)?;
    println!("{count} pictures in {}", folder.display());
    Ok(())
}

fn open(args: &Args) -> io::Result<()> {
    let folders = Folders::new(args.state.clone())?;
    let window = ui::App::new().map_err(no_display)?;
    // So that desktops know which window is whose: the name of the .desktop file. There is a display only now, and the window
    // is not shown yet.
    slint::set_xdg_app_id("hph-desktop").map_err(no_display)?;
    if let Some((width, height)) = folders.memory().window {
        window.window().set_size(LogicalSize::new(width as f32, height as f32));
    }
    let program = Program::start(&window, folders, options(args)).map_err(io::Error::other)?;
    #[cfg(feature = "window")]
    follow(args, &window, &program);
    let done = window.run().map_err(no_display);
    drop(program);
    done
}

/// What only the window itself knows: whether it is in front, and which files are dropped on it.
#[cfg(feature = "window")]
fn follow(args: &Args, window: &ui::App, program: &Rc<Program>) {
    use hph_desktop::measure::{self, Measure};
    use hph_presenters::app::Event;
    use slint::winit_030::winit::event::WindowEvent;
    let measured =
        args.measure.map(|seconds| Measure::start(window, program, args.people, Duration::from_secs(seconds)));
    let program = Rc::downgrade(program);
    measure::follow(window, move |event| {
        if let Some(measured) = &measured {
            measured.window_event(event);
        }
        let Some(program) = program.upgrade() else { return };
        match event {
            WindowEvent::Focused(is_active) => program.post(Event::WindowActive(*is_active)),
            WindowEvent::DroppedFile(path) => {
                program.post(Event::Files(hph_presenters::files::Event::Dropped(vec![path.clone()])));
            }
            _ => {}
        }
    });
}

fn no_display(error: slint::PlatformError) -> io::Error {
    io::Error::other(format!(
        "no window can be opened: {error}\n  To mend it: run it in a desktop session (X11 or Wayland)"
    ))
}

fn options(args: &Args) -> Options {
    let name = args.name.clone().unwrap_or_else(|| "HPH".to_owned());
    let choice =
        |name: &String| if name == "default" { DeviceChoice::Default } else { DeviceChoice::Named(name.clone()) };
    let camera = |camera: &String| match camera.as_str() {
        "test" => CameraSpec::Test { format: TEST_FORMAT, name: name.clone() },
        _ => CameraSpec::Device { name: camera.clone(), format: TEST_FORMAT },
    };
    let microphone = |microphone: &String| match microphone.as_str() {
        "test" => MicrophoneSpec::Test { seed: 7 },
        _ => MicrophoneSpec::Device(choice(microphone)),
    };
    let speaker = |speaker: &String| match speaker.as_str() {
        "none" => SpeakerSpec::None,
        _ => SpeakerSpec::Device(choice(speaker)),
    };
    Options {
        link: args.link.clone(),
        guest: args.name.clone(),
        is_at_once: args.join,
        camera: args.camera.as_ref().map(camera),
        microphone: args.microphone.as_ref().map(microphone),
        speaker: args.speaker.as_ref().map(speaker),
        screen: args.screen.clone(),
        language: args.language.clone(),
        downloads: args.downloads.clone(),
    }
}
