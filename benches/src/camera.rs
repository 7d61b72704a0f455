//! `bench camera`: processor time of a picture from a camera's or a screen's bytes to what is encoded or sent, in turns with the copy of
//! the same bytes.

use std::hint::black_box;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use hph_platform::camera::device::{Coding, picture_of};
use hph_platform::camera::{CameraFormat, CapturedImage};
use hph_platform::jpeg::{self, JpegEncoder};
use hph_platform::picture::Picture;
use hph_platform::screen::{ScreenMode, open_screen};
use rustix::time::{ClockId, clock_gettime};

use hph_load::figure::{Report, Rounds};

const ROUNDS: usize = 9;
/// Pictures of a round.
const PICTURES: u32 = 20;
const SIZES: [(u16, u16); 2] = [(640, 360), (1280, 720)];

/// Measures and prints.
///
/// # Errors
/// The display without a screen fails.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    let rounds = if is_quick { 3 } else { ROUNDS };
    for (width, height) in SIZES {
        let format = CameraFormat { width, height, fps: 30 };
        for coding in [Coding::Yuyv, Coding::Nv12, Coding::Bgr] {
            let samples = scene(usize::from(width) * usize::from(height) * 3);
            let name = format!("camera.{}_{width}x{height}", coding.to_string().to_lowercase());
            compare(report, &name, rounds, &samples, || {
                black_box(picture_of(black_box(&samples), coding, format));
            });
        }
        let buffer = webcam_buffer(width, height)?;
        let mut jpeg = Vec::new();
        compare(report, &format!("camera.mjpeg_{width}x{height}"), rounds, &buffer, || {
            let _ = black_box(jpeg::mend_camera_jpeg(black_box(&buffer), &mut jpeg));
        });
    }
    screen(report, rounds)?;
    report.end();
    Ok(())
}

/// Prints the cost of `work` and how often that of copying `bytes` it is.
fn compare(report: &mut Report, name: &str, rounds: usize, bytes: &[u8], mut work: impl FnMut()) {
    let (mut cost, mut copy) = (Rounds::default(), Rounds::default());
    let mut copied = bytes.to_vec();
    for _ in 0..rounds {
        cost.push(per_picture_ms(&mut work));
        copy.push(per_picture_ms(|| black_box(&mut copied).copy_from_slice(black_box(bytes))));
    }
    report.figure(name, &cost, "ms");
    report.figure(&format!("{name}_over_copy"), &cost.over(&copy), "x");
}

fn per_picture_ms(mut work: impl FnMut()) -> f64 {
    let begin = thread_ms();
    (0..PICTURES).for_each(|_| work());
    (thread_ms() - begin) / f64::from(PICTURES)
}

/// Processor time of this thread, exact while it runs.
fn thread_ms() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// The driver's buffer of a webcam: a JPEG, then old bytes up to two bytes a pixel.
fn webcam_buffer(width: u16, height: u16) -> io::Result<Vec<u8>> {
    let mut picture = Picture::black(width, height);
    for (n, sample) in picture.rgb.iter_mut().enumerate() {
        *sample = (n / 3 % usize::from(width) / 5) as u8;
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new().encode(&picture, 80, &mut jpeg).map_err(io::Error::other)?;
    jpeg.resize(usize::from(width) * usize::from(height) * 2, 0xFF);
    Ok(jpeg)
}

/// Samples as of a room: soft, with the noise of a sensor.
fn scene(len: usize) -> Vec<u8> {
    let mut seed = 1u32;
    let sample = |n: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        60 + (n / 64 % 120) as u8 + (seed >> 29) as u8
    };
    (0..len).map(sample).collect()
}

/// A display without a screen; ends with this value.
struct Display(Child);

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Our own time for a picture of a still screen, the server's not counted: that of a changing one is told by the tests.
fn screen(report: &mut Report, rounds: usize) -> io::Result<()> {
    let mut server = Command::new("Xvfb");
    server.args(["-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp", "-noreset"]);
    let Ok(child) = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
        report.say("There is no Xvfb: the screen is left out. scripts/setup test installs it.");
        return Ok(());
    };
    let mut display = Display(child);
    let mut number = String::new();
    BufReader::new(display.0.stdout.take().ok_or_else(|| io::Error::other("no output"))?).read_line(&mut number)?;
    let target = format!(":{}/all", number.trim());
    let (mut first, mut still) = (Rounds::default(), Rounds::default());
    for _ in 0..rounds {
        let begin = thread_ms();
        let mut source = open_screen(&target, ScreenMode::Motion)?;
        first.push(thread_ms() - begin);
        let begin = thread_ms();
        for _ in 0..10 {
            if let Some(captured) = source.next_frame()?
                && let CapturedImage::Picture(picture) = captured.image
            {
                black_box(picture);
            }
        }
        still.push((thread_ms() - begin) / 10.0);
    }
    report.figure("screen.open_and_fetch_1920x1080", &first, "ms");
    report.figure("screen.still_1920x1080", &still, "ms");
    Ok(())
}
