//! What must hold.

use std::io;
use std::process::Command;

use hph_core::time::{Duration, Instant};
use hph_platform::camera::device::{
    CameraDevice, Coding, DeviceCamera, DeviceFormat, camera_formats, cameras, choose_format, find_camera, holders,
};
use hph_platform::camera::{CameraFormat, CameraSource, CapturedImage, read_timecode};
use hph_platform::clock::Clock;
use hph_platform::jpeg;
use hph_platform::picture::Picture;

use crate::feed;
use crate::machine::{LOOPED, LOOPED_PATH, Other, RAW, driver, open_cameras, plug};

type Verdict = Result<String, String>;

const WANTED: CameraFormat = CameraFormat { width: 640, height: 360, fps: 30 };
/// Where the rate is measured: an emulated processor converts no more pixels in time.
const SMALL: CameraFormat = CameraFormat { width: 320, height: 180, fps: 30 };
/// A camera must be back so soon after it was plugged in again.
const BACK_MAX: Duration = Duration::from_secs(3);
/// An emulated processor is slow: so much of the nominal rate is enough.
const RATE_MIN: f64 = 0.6;

fn said(error: io::Error) -> String {
    error.to_string()
}

fn ensure(is_held: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is_held { Ok(()) } else { Err(why()) }
}

fn camera(name: &str) -> Result<CameraDevice, String> {
    find_camera(&cameras(), name).cloned().map_err(said)
}

/// The next picture, asked for until `limit` has passed. What the source said last, if none came.
fn next(source: &mut DeviceCamera, limit: Duration) -> Result<(Instant, CapturedImage), io::ErrorKind> {
    let until = Clock::now() + limit;
    loop {
        match source.next_frame() {
            Ok(Some(captured)) => return Ok((captured.at, captured.image)),
            Ok(None) => return Err(io::ErrorKind::UnexpectedEof),
            Err(error) if Clock::now() >= until => return Err(error.kind()),
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::NotConnected) => {}
            Err(error) => return Err(error.kind()),
        }
    }
}

fn picture(source: &mut DeviceCamera) -> Result<Picture, String> {
    match next(source, Duration::from_secs(5)) {
        Ok((_, CapturedImage::Picture(picture))) => Ok(picture),
        Ok((_, CapturedImage::Jpeg(bytes))) => jpeg::decode(&bytes).map_err(|error| error.to_string()),
        Err(kind) => Err(format!("no picture: {kind:?}")),
    }
}

pub fn listing() -> Verdict {
    let found = cameras();
    let names: Vec<_> = found.iter().map(|camera| camera.name.as_str()).collect();
    ensure(names.iter().any(|name| name.contains(RAW)) && names.contains(&LOOPED), || format!("only {names:?}"))?;
    ensure(open_cameras().is_empty(), || format!("open: {:?}", open_cameras()))?;
    ensure(camera("default")?.index == found.iter().map(|camera| camera.index).min().unwrap_or(99), || {
        "default".into()
    })?;
    let formats = camera_formats(&camera(RAW)?).map_err(said)?;
    let chosen = choose_format(&formats, WANTED).ok_or("no format")?;
    ensure((chosen.format.width, chosen.format.height) == (640, 360), || format!("chosen {chosen}"))?;
    ensure(open_cameras().is_empty(), || "asking for formats left it open".into())?;
    Ok(format!("{names:?}, {} formats of {}", formats.len(), found[0].name))
}

pub fn yuyv() -> Verdict {
    raw(Coding::Yuyv)
}

pub fn nv12() -> Verdict {
    raw(Coding::Nv12)
}

fn raw(coding: Coding) -> Verdict {
    let format = DeviceFormat { format: SMALL, coding };
    let mut source = DeviceCamera::open_as(&camera(RAW)?, format).map_err(said)?;
    ensure(source.device_format() == format, || format!("got {}", source.device_format()))?;
    let first = picture(&mut source)?;
    colour_bars(&first)?;
    let (begin, count) = (Clock::now(), 45);
    let mut last = first.clone();
    for _ in 0..count {
        last = picture(&mut source)?;
    }
    let rate = f64::from(count) * 1e6 / Clock::now().since(begin).as_micros() as f64;
    ensure(last != first, || "the picture stands still".into())?;
    let floor = f64::from(SMALL.fps) * RATE_MIN;
    ensure(rate >= floor && rate <= f64::from(SMALL.fps) * 1.2, || format!("{rate:.1} pictures a second"))?;
    let (replaced, refused) = source.left_out();
    ensure(refused == 0, || format!("{refused} refused"))?;
    Ok(format!("{rate:.1} pictures/s, {replaced} replaced by newer ones"))
}

/// vivid shows eight bars: white, yellow, cyan, green, magenta, red, blue, black.
fn colour_bars(picture: &Picture) -> Result<(), String> {
    const BARS: [[bool; 3]; 8] = [
        [true, true, true],
        [true, true, false],
        [false, true, true],
        [false, true, false],
        [true, false, true],
        [true, false, false],
        [false, false, true],
        [false, false, false],
    ];
    for (n, bar) in (0u16..).zip(BARS) {
        let x = picture.width / 16 + n * picture.width / 8;
        let pixel = picture.pixel(x, picture.height / 8 * 7).unwrap_or_default();
        let is_bright = pixel.map(|sample| sample > 100);
        ensure(is_bright == bar, || format!("bar {n} is {pixel:?}"))?;
    }
    Ok(())
}

pub fn closing() -> Verdict {
    let device = camera(RAW)?;
    let mut worst = 0;
    for _ in 0..5 {
        let mut source = DeviceCamera::open(&device, WANTED).map_err(said)?;
        picture(&mut source)?;
        ensure(!open_cameras().is_empty(), || "it is on and not open".into())?;
        let begin = Clock::now();
        drop(source);
        worst = worst.max(Clock::now().since(begin).as_micros());
        ensure(open_cameras().is_empty(), || format!("still open: {:?}", open_cameras()))?;
    }
    ensure(worst < 500_000, || format!("took {worst} us"))?;
    Ok(format!("at most {} ms", worst / 1000))
}

pub fn busy() -> Verdict {
    let device = camera(RAW)?;
    let other = Other::start(["hold", RAW])?;
    let until = Clock::now() + Duration::from_secs(5);
    while holders(&device.path()).is_empty() && Clock::now() < until {
        Clock::sleep(Duration::from_millis(50));
    }
    Clock::sleep(Duration::from_secs(1));
    let error = match DeviceCamera::open(&device, CameraFormat { width: 320, height: 180, fps: 30 }) {
        Ok(_) => return Err("it could be opened twice".into()),
        Err(error) => error,
    };
    ensure(error.kind() == io::ErrorKind::ResourceBusy, || format!("{:?}: {error}", error.kind()))?;
    let text = error.to_string();
    ensure(text.contains("hph-hardware"), || text.clone())?;
    drop(other);
    let mut source = DeviceCamera::open(&device, WANTED).map_err(|error| format!("afterwards: {error}"))?;
    picture(&mut source)?;
    Ok(text)
}

pub fn unplugging() -> Verdict {
    let mut source = DeviceCamera::open(&camera(RAW)?, WANTED).map_err(said)?;
    picture(&mut source)?;
    let mut slowest = 0;
    for _ in 0..3 {
        plug(false)?;
        lost(&mut source)?;
        ensure(open_cameras().is_empty(), || "it is gone and still open".into())?;
        plug(true)?;
        slowest = slowest.max(back(&mut source)?);
    }
    Ok(format!("back after at most {slowest} ms"))
}

pub fn reloading() -> Verdict {
    let mut source = DeviceCamera::open(&camera(RAW)?, WANTED).map_err(said)?;
    picture(&mut source)?;
    plug(false)?;
    lost(&mut source)?;
    driver(false)?;
    Clock::sleep(Duration::from_secs(1));
    ensure(matches!(next(&mut source, Duration::ZERO), Err(io::ErrorKind::NotConnected)), || "not lost".into())?;
    driver(true)?;
    Ok(format!("back after {} ms", back(&mut source)?))
}

fn lost(source: &mut DeviceCamera) -> Result<(), String> {
    let until = Clock::now() + Duration::from_secs(2);
    while Clock::now() < until {
        if matches!(source.next_frame(), Err(error) if error.kind() == io::ErrorKind::NotConnected) {
            return Ok(());
        }
    }
    Err("the loss was not noticed within 2 s".into())
}

/// Milliseconds until the first picture.
fn back(source: &mut DeviceCamera) -> Result<u64, String> {
    let begin = Clock::now();
    let (_, image) = next(source, BACK_MAX).map_err(|kind| format!("not back within 3 s: {kind:?}"))?;
    let ms = Clock::now().since(begin).as_micros() / 1000;
    match image {
        CapturedImage::Picture(picture) => colour_bars(&picture)?,
        CapturedImage::Jpeg(_) => return Err("it came back as another".into()),
    }
    Ok(ms)
}

pub fn jpeg() -> Verdict {
    let _feeder = Other::start(["feed", LOOPED_PATH])?;
    let mut source = open_fed()?;
    ensure(source.device_format().coding == Coding::Jpeg, || format!("got {}", source.device_format()))?;
    let (begin, count) = (Clock::now(), 60);
    let mut frames = Vec::new();
    for _ in 0..count {
        match next(&mut source, Duration::from_secs(5)) {
            Ok((_, CapturedImage::Jpeg(frame))) => frames.push(frame),
            Ok((_, CapturedImage::Picture(_))) => return Err("it was decoded".into()),
            Err(kind) => return Err(format!("no picture: {kind:?}")),
        }
    }
    let rate = f64::from(count) * 1e6 / Clock::now().since(begin).as_micros() as f64;
    ensure(source.left_out().1 == 0, || format!("{} refused", source.left_out().1))?;
    drop(source);
    let mut counters = Vec::new();
    for frame in &frames {
        let picture = jpeg::decode(frame).map_err(|error| error.to_string())?;
        counters.push(read_timecode(&picture).ok_or("no timecode in the picture")?.counter);
        ensure(!frame.windows(6).any(|part| part == b"serial"), || "what it says of itself is sent".into())?;
    }
    // Some may be left out, none may come twice or late.
    let is_next = |pair: &[u16]| (1..feed::FRAMES / 2).contains(&((pair[1] + feed::FRAMES - pair[0]) % feed::FRAMES));
    ensure(counters.windows(2).all(is_next), || format!("in this order: {counters:?}"))?;
    ensure(rate >= f64::from(feed::FORMAT.fps) * RATE_MIN, || format!("{rate:.1} pictures a second"))?;
    Ok(format!("{rate:.1} pictures/s of {} bytes", frames.iter().map(Vec::len).sum::<usize>() / frames.len()))
}

/// The looped camera has no format before its feeder has written something.
fn open_fed() -> Result<DeviceCamera, String> {
    let until = Clock::now() + Duration::from_secs(10);
    loop {
        match DeviceCamera::open(&camera(LOOPED)?, feed::FORMAT) {
            Ok(source) => return Ok(source),
            Err(error) if Clock::now() >= until => return Err(error.to_string()),
            Err(_) => Clock::sleep(Duration::from_millis(200)),
        }
    }
}

pub fn silence() -> Verdict {
    let feeder = Other::start(["feed", LOOPED_PATH])?;
    let mut source = open_fed()?;
    picture(&mut source)?;
    drop(feeder);
    // What was on its way may still come.
    let silent = (0..50).any(|_| next(&mut source, Duration::from_millis(400)).is_err());
    ensure(silent, || "it goes on without its feeder".into())?;
    let begin = Clock::now();
    drop(source);
    let ms = Clock::now().since(begin).as_micros() / 1000;
    ensure(open_cameras().is_empty(), || format!("still open: {:?}", open_cameras()))?;
    ensure(ms < 500, || format!("took {ms} ms"))?;
    Ok(format!("closed in {ms} ms"))
}

pub fn command_line() -> Verdict {
    // There is no sound in this machine: it says so, and lists the cameras all the same.
    let listed = Command::new("/bin/hph").args(["devices", "--json"]).output().map_err(said)?;
    let rows = String::from_utf8_lossy(&listed.stdout);
    let is_listed = |name: &str| rows.lines().any(|row| row.contains("\"camera\"") && row.contains(name));
    ensure(is_listed(RAW) && is_listed(LOOPED), || format!("listed: {rows}"))?;
    let file = "/tmp/camera.jpg";
    let arguments =
        ["devices", "test", "--camera", RAW, "--video-size", "640x360", "--seconds", "2", "--picture", file];
    let tested = Command::new("/bin/hph").args(arguments).output().map_err(said)?;
    let (told, wrong) = (String::from_utf8_lossy(&tested.stdout), String::from_utf8_lossy(&tested.stderr));
    ensure(tested.status.success(), || wrong.to_string())?;
    let picture = jpeg::decode(&std::fs::read(file).map_err(said)?).map_err(|error| error.to_string())?;
    colour_bars(&picture)?;
    Ok(told.trim().to_owned())
}
