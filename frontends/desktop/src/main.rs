//! `hph-desktop`: opens a window and lets the program run; or draws every screen into a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    // So that desktops know which window is whose: the name of the .desktop file.
    slint::set_xdg_app_id("hph-desktop").map_err(no_display)?;
    let window = ui::App::new().map_err(no_display)?;
    if let Some((width, height)) = folders.memory().window {
        window.window().set_size(LogicalSize::new(width as f32, height as f32));
    }
    let _program = Program::start(&window, folders, options(args)).map_err(io::Error::other)?;
    window.run().map_err(no_display)
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
    }
}
