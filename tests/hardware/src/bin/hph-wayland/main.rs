//! Screens under Wayland, with a real compositor, PipeWire and the desktop's portal. Runs inside the session that `compositor` starts, as the
//! person who sits there and as the program that shares; prints a row for each check, and ends with how many passed.
//!
//! `hph-wayland card AT TO` stands between the portal and the compositor.
#![forbid(unsafe_code)]

mod card;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use hph_core::time::{Duration, Instant};
use hph_hardware::{Check, run};
use hph_platform::camera::{CameraSource, Captured, CapturedImage};
use hph_platform::clock::Clock;
use hph_platform::picture::Picture;
use hph_platform::screen::{PortalTrouble, ScreenKind, ScreenMode, open_screen, screens};

const CHECKS: [(&str, Check); 10] = [
    ("the portal is listed", listing),
    ("what is on the screen is what is shared, pixel by pixel", pixels),
    ("a part that changes is seen, and the rest stays", damage),
    ("pictures come at their rate, and old ones are not shown", rate),
    ("a screen that changes its size goes on in the first one", resize),
    ("a share that is closed is over for the desktop too, thirty times", closing),
    ("declining is told as such", declining),
    ("without a bus, or without a portal, it says so at once", absence),
    ("the command line shares what is chosen", command_line),
    ("a compositor that goes away is the end", going),
];

/// How often a screen is shared and closed.
const SHARES: usize = 30;

const BLUE: [u8; 3] = [0x20, 0x40, 0xE0];
const ORANGE: [u8; 3] = [0xFF, 0x80, 0x00];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, at, to] = arguments.as_slice()
        && what == "card"
    {
        let error = card::stand_between(at, to).err();
        println!("no more: {error:?}");
        return ExitCode::FAILURE;
    }
    run(&CHECKS)
}

fn listing() -> Result<String, String> {
    let all = screens().map_err(|error| error.to_string())?;
    let names: Vec<_> = all.iter().map(|screen| (screen.kind, screen.name.as_str())).collect();
    expect(names == [(ScreenKind::Choice, "portal")], || format!("{names:?}"))?;
    let error = open_screen("HDMI-1", ScreenMode::Text).err().ok_or("a name was taken for a monitor")?;
    expect(error.to_string().contains("default"), || error.to_string())
}

fn pixels() -> Result<String, String> {
    let mut source = open(ScreenMode::Motion)?;
    let format = source.format();
    expect((format.width, format.height, format.fps) == (1280, 720, 30), || format!("{format:?}"))?;
    all_of(&next(source.as_mut())?, BLUE)?;
    let begin = Clock::now();
    background("#ff8000")?;
    let until = begin + Duration::from_secs(5);
    while next(source.as_mut())?.pixel(640, 360) != Some(ORANGE) {
        expect(Clock::now() < until, || "the new colour is not seen".to_owned())?;
    }
    let ms = Clock::now().since(begin).as_micros() / 1000;
    // The colour may have come row by row in the frame before.
    all_of(&next(source.as_mut())?, ORANGE)?;
    background("#2040e0")?;
    Ok(format!("the new colour after {ms} ms"))
}

fn damage() -> Result<String, String> {
    let mut source = open(ScreenMode::Motion)?;
    settle(source.as_mut(), BLUE)?;
    // A bar at the upper edge.
    let mut bar = Command::new("swaynag")
        .args(["--background", "#00ff00", "--border-bottom", "#00ff00", "--message", "Hello", "--edge", "top"])
        .args(["--message-padding", "40", "--border-bottom-size", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let seen = until_pixel(source.as_mut(), (600, 3), [0, 0xFF, 0]);
    let picture = next(source.as_mut())?;
    let _ = bar.kill();
    let _ = bar.wait();
    seen?;
    let rows = (0..720).filter(|y| picture.pixel(1100, *y) != Some(BLUE)).count();
    expect((10..400).contains(&rows), || format!("{rows} rows of 720 have changed"))?;
    expect(picture.pixel(1100, 719) == Some(BLUE), || "the lower edge is another".to_owned())?;
    settle(source.as_mut(), BLUE)?;
    Ok(format!("{rows} rows"))
}

fn rate() -> Result<String, String> {
    let mut told = String::new();
    for (mode, fps) in [(ScreenMode::Motion, 30u64), (ScreenMode::Text, 5)] {
        let mut source = open(mode)?;
        next(source.as_mut())?;
        let (begin, count) = (Clock::now(), fps * 2);
        for _ in 0..count {
            next(source.as_mut())?;
        }
        let ms = Clock::now().since(begin).as_micros() / 1000;
        expect((1800..4000).contains(&ms), || format!("{count} pictures took {ms} ms"))?;
        told += &format!("{:.1} a second ", count as f64 * 1000.0 / ms as f64);
    }
    Ok(told)
}

fn resize() -> Result<String, String> {
    let mut source = open(ScreenMode::Motion)?;
    settle(source.as_mut(), BLUE)?;
    for mode in ["1920x1080", "800x600", "1280x720"] {
        sway(&["output", "HEADLESS-1", "mode", "--custom", mode])?;
        background("#ff8000")?;
        settle(source.as_mut(), ORANGE).map_err(|error| format!("{mode}: {error}"))?;
        background("#2040e0")?;
        settle(source.as_mut(), BLUE).map_err(|error| format!("{mode}: {error}"))?;
    }
    Ok(String::new())
}

fn closing() -> Result<String, String> {
    let source = open(ScreenMode::Motion)?;
    expect(shares()? == 1, || "sharing is not seen".to_owned())?;
    drop(source);
    let none = |what: &str| {
        let until = Clock::now() + Duration::from_secs(3);
        while shares()? != 0 {
            // This portal looks whether it is still wanted when something changes.
            background("#2040e0")?;
            expect(Clock::now() < until, || format!("{what}: still shared"))?;
        }
        Ok::<_, String>(())
    };
    none("the first")?;
    let before = threads_and_files()?;
    let kb_before = memory_kb()?;
    for _ in 0..SHARES {
        open_screen("portal", ScreenMode::Motion).map_err(|error| error.to_string())?;
    }
    none("the last")?;
    let after = threads_and_files()?;
    expect(after == before, || format!("threads and files were {before:?}, and are {after:?}"))?;
    Ok(format!("{} kB more memory", memory_kb()?.saturating_sub(kb_before)))
}

fn declining() -> Result<String, String> {
    let choice = home().join("choice");
    std::fs::write(&choice, "").map_err(|error| error.to_string())?;
    let refused = open_screen("portal", ScreenMode::Text);
    std::fs::write(&choice, "HEADLESS-1\n").map_err(|error| error.to_string())?;
    let error = refused.err().ok_or("it was shared all the same")?;
    let trouble = error.get_ref().and_then(|inner| inner.downcast_ref::<PortalTrouble>());
    expect(matches!(trouble, Some(PortalTrouble::Refused)), || error.to_string())?;
    open(ScreenMode::Text).map(|_| "and may be asked again".to_owned())
}

fn absence() -> Result<String, String> {
    let begin = Clock::now();
    let told = |envs: &[(&str, &str)]| {
        let output = Command::new("./hph").args(["devices"]).envs(envs.iter().copied()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).map_err(|error| error.to_string())
    };
    let none = "unix:path=/nonexistent";
    let english = told(&[("DBUS_SESSION_BUS_ADDRESS", none)])?;
    expect(english.contains("no portal: there is no desktop session"), || english.clone())?;
    let vietnamese = told(&[("DBUS_SESSION_BUS_ADDRESS", none), ("LC_ALL", "vi_VN.UTF-8")])?;
    expect(vietnamese.contains("không có cổng chia sẻ"), || vietnamese.clone())?;
    // A bus that can start no portal.
    let config = home().join("bare.conf");
    let text = format!(
        "<busconfig><listen>unix:dir={}</listen><auth>EXTERNAL</auth>\
        <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_type=\"error\"/>\
        <allow receive_type=\"method_return\"/><allow own=\"*\"/></policy></busconfig>",
        home().display()
    );
    std::fs::write(&config, text).map_err(|error| error.to_string())?;
    let bare = Command::new("dbus-run-session")
        .arg(format!("--config-file={}", config.display()))
        .args(["--", "./hph", "devices"])
        .output()
        .map_err(|error| error.to_string())?;
    let bare = String::from_utf8_lossy(&bare.stdout).into_owned();
    expect(bare.contains("no portal: this desktop has none") && !bare.contains("portal\t"), || bare.clone())?;
    let ms = Clock::now().since(begin).as_micros() / 1000;
    expect(ms < 10_000, || format!("it took {ms} ms"))
}

/// A server, somebody who looks on, and somebody who shares.
fn command_line() -> Result<String, String> {
    let listed = Command::new("./hph").arg("devices").output().map_err(|error| error.to_string())?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    expect(listed.contains("portal\twhat you choose"), || listed.clone())?;
    let server = Program::start("server", &["serve", "--listen", "127.0.0.1:0", "--data", "server", "--json"])?;
    let find = |text: &str| text.split('"').find(|text| text.starts_with("hph://")).map(str::to_owned);
    let link = || Ok::<_, String>(find(&server.said()?));
    until(|| Ok(link()?.is_some()), || "the server gives no link".to_owned())?;
    let link = link()?.unwrap_or_default();
    let join = |name, more: &[&str]| {
        let joining = ["join", &link, "--room", "R", "--name", name, "--state", name, "--json", "--no-input"];
        Program::start(name, &[&joining[..], more].concat())
    };
    let viewer = join("viewer", &["--for", "60s"])?;
    until(|| Ok(viewer.said()?.contains("\"joined\"")), || "the viewer is not let in".to_owned())?;
    let mut presenter = join("presenter", &["--screen", "default", "--screen-mode", "motion", "--for", "5s"])?;
    let is_announced = || Ok(viewer.said()?.contains("\"width\":1280,\"height\":720"));
    until(is_announced, || "the screen is not announced".to_owned())?;
    for colour in ["#ff8000", "#00ff00", "#2040e0"] {
        background(colour)?;
        Clock::sleep(Duration::from_millis(500));
    }
    presenter.0.wait().map_err(|error| error.to_string())?;
    let sent = presenter.said()?;
    viewer.interrupt()?;
    until(|| Ok(viewer.said()?.contains("\"summary\"")), || "the viewer tells no summary".to_owned())?;
    let (captured, shown) = (counted(&sent, "captured"), counted(&viewer.said()?, "frames"));
    expect(captured >= 30 && shown >= 3, || format!("{shown} pictures shown of {captured}: {sent}"))?;
    Ok(format!("{captured} pictures taken, {shown} frames seen"))
}

/// What the summary says of the screen.
fn counted(said: &str, field: &str) -> u64 {
    let summary = said.lines().rfind(|line| line.contains("\"summary\"")).unwrap_or_default();
    let screen = summary.split('{').find(|part| part.contains("\"track\":\"screen\"")).unwrap_or_default();
    let value = screen.split(&format!("\"{field}\":")).nth(1).unwrap_or_default();
    value.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// `hph` as a process that ends with this value, and the file of what it says.
struct Program(Child, PathBuf);

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Result<Self, String> {
        let file = home().join(format!("{name}.said"));
        let to = std::fs::File::create(&file).map_err(|error| error.to_string())?;
        let process = Command::new("./hph").args(arguments).stdin(Stdio::null()).stdout(to).spawn();
        Ok(Self(process.map_err(|error| error.to_string())?, file))
    }

    fn said(&self) -> Result<String, String> {
        std::fs::read_to_string(&self.1).map_err(|error| error.to_string())
    }

    fn interrupt(&self) -> Result<String, String> {
        let told = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        told.map(|_| String::new()).map_err(|error| error.to_string())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn going() -> Result<String, String> {
    let mut source = open(ScreenMode::Motion)?;
    next(source.as_mut())?;
    let pid = std::fs::read_to_string(home().join("sway.pid")).map_err(|error| error.to_string())?;
    let killed = Command::new("kill").args(["-KILL", pid.trim()]).status().map_err(|error| error.to_string())?;
    expect(killed.success(), || "the compositor lives on".to_owned())?;
    let begin = Clock::now();
    let until = begin + Duration::from_secs(15);
    while source.next_frame().is_ok_and(|frame| frame.is_some()) {
        expect(Clock::now() < until, || "pictures go on".to_owned())?;
    }
    Ok(format!("after {} ms", Clock::now().since(begin).as_micros() / 1000))
}

fn expect(is_so: bool, else_what: impl FnOnce() -> String) -> Result<String, String> {
    if is_so { Ok(String::new()) } else { Err(else_what()) }
}

fn home() -> PathBuf {
    Path::new(&std::env::var_os("HOME").unwrap_or_default()).to_owned()
}

/// A screen of which there is a picture: this compositor sends none until something changes.
fn open(mode: ScreenMode) -> Result<Box<dyn CameraSource>, String> {
    let mut source = open_screen("default", mode).map_err(|error| error.to_string())?;
    background("#2040e0")?;
    next(source.as_mut())?;
    Ok(source)
}

fn next(source: &mut dyn CameraSource) -> Result<Picture, String> {
    let until = Clock::now() + Duration::from_secs(8);
    loop {
        match source.next_frame() {
            Err(error) if error.kind() == ErrorKind::TimedOut && Clock::now() < until => {}
            Err(error) => return Err(error.to_string()),
            Ok(None) => return Err("it is over".to_owned()),
            Ok(Some(Captured { image: CapturedImage::Picture(picture), .. })) => return Ok(picture),
            Ok(Some(_)) => return Err("screens are pixels".to_owned()),
        }
    }
}

fn all_of(picture: &Picture, colour: [u8; 3]) -> Result<String, String> {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    let wrong = pixels.iter().filter(|pixel| **pixel != colour).count();
    expect(wrong == 0, || {
        format!("{wrong} of {} pixels are not {colour:?}, the first is {:?}", pixels.len(), pixels.first())
    })
}

fn until_pixel(source: &mut dyn CameraSource, (x, y): (u16, u16), colour: [u8; 3]) -> Result<String, String> {
    until(|| Ok(next(source)?.pixel(x, y) == Some(colour)), || format!("{colour:?} is not seen at {x}, {y}"))
}

/// Waits until the whole picture has one colour.
fn settle(source: &mut dyn CameraSource, colour: [u8; 3]) -> Result<String, String> {
    let size = (source.format().width, source.format().height);
    let mut last = Picture::default();
    let is_settled = || {
        last = next(source)?;
        Ok((last.width, last.height) == size && all_of(&last, colour).is_ok())
    };
    until(is_settled, String::new).map_err(|_| all_of(&last, colour).err().unwrap_or_else(|| "other sides".to_owned()))
}

fn until(mut is_so: impl FnMut() -> Result<bool, String>, else_what: impl Fn() -> String) -> Result<String, String> {
    let until: Instant = Clock::now() + Duration::from_secs(20);
    while !is_so()? {
        expect(Clock::now() < until, &else_what)?;
        Clock::sleep(Duration::from_millis(10));
    }
    Ok(String::new())
}

fn background(colour: &str) -> Result<String, String> {
    sway(&["output", "*", "bg", colour, "solid_color"])
}

fn sway(arguments: &[&str]) -> Result<String, String> {
    // What looks like an option is the compositor's, not the messenger's.
    let output = Command::new("swaymsg").arg("--").args(arguments).output().map_err(|error| error.to_string())?;
    expect(output.status.success(), || {
        let said = [output.stdout, output.stderr].concat();
        format!("{arguments:?}: {}", String::from_utf8_lossy(&said))
    })
}

/// How many screens PipeWire knows as shared.
fn shares() -> Result<usize, String> {
    let output = Command::new("pw-cli").args(["ls", "Node"]).output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).matches("xdg-desktop-portal-wlr").count())
}

fn threads_and_files() -> Result<(usize, usize), String> {
    let count = |path: &str| std::fs::read_dir(path).map(Iterator::count).map_err(|error| error.to_string());
    Ok((count("/proc/self/task")?, count("/proc/self/fd")?))
}

fn memory_kb() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let row = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    row.and_then(|row| row.trim().trim_end_matches(" kB").parse().ok()).ok_or_else(|| "no memory is told".to_owned())
}
