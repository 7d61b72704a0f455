//! The pictures' part of `hph devices`: which cameras and screens there are, and whether a camera works.

use std::path::Path;

use hph_client::core::time::{Duration, Instant};
use hph_client::platform::camera::device::{
    CameraDevice, DeviceCamera, DeviceFormat, camera_formats, cameras, find_camera,
};
use hph_client::platform::camera::{CameraFormat, CameraSource, Captured, CapturedImage};
use hph_client::platform::clock::Clock;
use hph_client::platform::jpeg::JpegEncoder;
use hph_client::platform::screen::{self, Screen, ScreenKind};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::lang;
use crate::object::object;
use crate::output::Output;
use crate::sources::{source_failure, trouble};
use crate::text::one_row;

/// Quality of the picture that a test writes.
const QUALITY: u8 = 90;

/// Lists cameras, each with what it can do, and what of a screen can be shared.
pub fn list(out: &Output) {
    title(&lang::CAMERAS, out);
    let cameras = cameras();
    for (index, camera) in cameras.iter().enumerate() {
        // A camera that is in use elsewhere is there all the same, and why it can't be asked is worth a word.
        let formats = camera_formats(camera);
        let best = formats.as_deref().map(best_of).unwrap_or_default();
        let trouble = formats.as_ref().err().map(ToString::to_string);
        let object = || of_camera(camera, formats.as_deref().unwrap_or_default(), trouble.as_deref());
        let row = || {
            let mark = if index == 0 { "*" } else { " " };
            let about = trouble.as_deref().unwrap_or(&best);
            format!("{mark} {}\t{}\t{}", one_row(&camera.name), camera.path().display(), one_row(about))
        };
        out.data(object, row);
    }
    nothing(cameras.is_empty(), out);
    title(&lang::SCREENS, out);
    match screen::screens() {
        Ok(screens) => screens.iter().for_each(|screen| out.data(|| of_screen(screen), || screen_row(screen, out))),
        // Most servers have none.
        Err(error) if !out.is_json() => out.print(&format!("  {}", trouble(&error, out.lang).0)),
        Err(_) => {}
    }
}

fn title(phrase: &lang::Phrase, out: &Output) {
    if !out.is_json() {
        out.print(out.lang.text(phrase));
    }
}

fn nothing(is_empty: bool, out: &Output) {
    if is_empty && !out.is_json() {
        out.print(&format!("  {}", out.lang.text(&lang::NO_DEVICES)));
    }
}

/// The largest picture of each coding, at its highest rate.
fn best_of(formats: &[DeviceFormat]) -> String {
    let area =
        |format: &&DeviceFormat| (u32::from(format.format.width) * u32::from(format.format.height), format.format.fps);
    let mut best: Vec<String> = Vec::new();
    for coding in formats.iter().map(|format| format.coding) {
        let largest = formats.iter().filter(|format| format.coding == coding).max_by_key(area);
        let text = largest.map(ToString::to_string).unwrap_or_default();
        if !best.contains(&text) {
            best.push(text);
        }
    }
    best.join(", ")
}

fn of_camera(camera: &CameraDevice, formats: &[DeviceFormat], trouble: Option<&str>) -> serde_json::Value {
    let formats: Vec<_> = formats.iter().map(ToString::to_string).collect();
    let (name, place, path) = (&camera.name, &camera.place, camera.path().display().to_string());
    object(
        "device",
        json!({"kind": "camera", "id": place, "name": name, "path": path, "formats": formats, "trouble": trouble}),
    )
}

fn of_screen(screen: &Screen) -> serde_json::Value {
    let Screen { kind, name, window, width, height } = screen;
    let kind = kind.to_string();
    object("device", json!({"kind": kind, "name": name, "window": window, "width": width, "height": height}))
}

fn screen_row(screen: &Screen, out: &Output) -> String {
    let Screen { kind, name, window, width, height } = screen;
    if *kind == ScreenKind::Choice {
        return format!("  {name}\t{}", out.lang.text(&lang::SCREEN_CHOICE));
    }
    let number = if *window == 0 { String::new() } else { format!("\t{window:#x}") };
    format!("  {}\t{kind}\t{width}x{height}{number}", one_row(name))
}

/// Takes pictures for some seconds: writes the last one to `to`, and tells the rate.
///
/// # Errors
/// There is no such camera, it can't be used, or the file can't be written.
pub fn test(name: &str, wanted: CameraFormat, seconds: u32, to: &Path, out: &Output) -> Result<Exit, Failure> {
    let failure = |error: std::io::Error| source_failure(&name, &error, out);
    let known = cameras();
    let device = find_camera(&known, name).map_err(failure)?;
    let begin = Clock::now();
    let mut source = DeviceCamera::open(device, wanted).map_err(failure)?;
    let opened_ms = Clock::now().since(begin).as_micros() / 1000;
    let (pictures, last) = take(&mut source, Clock::now() + Duration::from_secs(seconds.into())).map_err(failure)?;
    let (replaced, refused) = source.left_out();
    let format = source.device_format();
    drop(source);
    let last = last.ok_or_else(|| failure(std::io::Error::other("no picture came")))?;
    write(last, to).map_err(|error| source_failure(&to.display(), &error, out))?;
    let rate = pictures as f64 / f64::from(seconds.max(1));
    let (camera, file) = (&device.name, to.display().to_string());
    let told = || {
        let format = format.to_string();
        object(
            "camera_test",
            json!({"camera": camera, "format": format, "pictures": pictures, "rate": rate, "replaced": replaced,
                   "refused": refused, "opened_ms": opened_ms, "file": file}),
        )
    };
    let rate = format!("{rate:.1}");
    out.data(told, || out.lang.fill(&lang::CAMERA_WORKS, &[&one_row(camera), &format, &rate, &refused, &file]));
    Ok(Exit::Ok)
}

/// Pictures until then, and the last of them.
fn take(source: &mut DeviceCamera, until: Instant) -> std::io::Result<(u64, Option<Captured>)> {
    let (mut pictures, mut last) = (0, None);
    while Clock::now() < until {
        match source.next_frame() {
            Ok(Some(captured)) => (pictures, last) = (pictures + 1, Some(captured)),
            Ok(None) => break,
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotConnected => {
                return Err(std::io::Error::other("it was unplugged"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((pictures, last))
}

fn write(captured: Captured, to: &Path) -> std::io::Result<()> {
    let jpeg = match captured.image {
        CapturedImage::Jpeg(jpeg) => jpeg,
        CapturedImage::Picture(picture) => {
            let mut jpeg = Vec::new();
            JpegEncoder::new().encode(&picture, QUALITY, &mut jpeg).map_err(std::io::Error::other)?;
            jpeg
        }
    };
    std::fs::write(to, jpeg)
}

#[cfg(test)]
mod tests {
    use hph_client::platform::camera::device::Coding;

    use super::*;

    #[test]
    fn of_each_coding_the_largest_is_named_once() {
        let format = |width, height, fps, coding| DeviceFormat { format: CameraFormat { width, height, fps }, coding };
        let formats = [
            format(640, 480, 30, Coding::Yuyv),
            format(1280, 720, 10, Coding::Yuyv),
            format(1280, 720, 30, Coding::Jpeg),
            format(1280, 720, 60, Coding::Jpeg),
        ];
        assert_eq!(best_of(&formats), "1280x720@10 YUYV, 1280x720@60 MJPEG");
        assert_eq!(best_of(&[]), "");
    }

    #[test]
    fn a_camera_that_is_not_there_is_a_failure_of_a_device() {
        let out = Output::new(false, -1, false);
        let wanted = CameraFormat { width: 640, height: 360, fps: 30 };
        let failure = test("no such camera", wanted, 1, Path::new("/nonexistent"), &out).expect_err("missing");
        assert_eq!(failure.exit, Exit::Device);
    }
}
