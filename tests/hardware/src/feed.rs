//! The other side: who feeds the looped camera, and who has a camera that we want.

use std::io::Write;
use std::process::ExitCode;

use hph_core::time::Duration;
use hph_platform::camera::device::{DeviceCamera, cameras, find_camera};
use hph_platform::camera::{CameraFormat, CameraSource, CapturedImage, TestPattern};
use hph_platform::clock::Clock;
use hph_platform::jpeg::JpegEncoder;
use hph_platform::microphone::{MicrophoneSource, SpeechSource};
use hph_platform::pacer::{Pacer, Pacing};
use v4l::video::Output;
use v4l::{Device, Format, FourCC};

/// What is fed.
pub const FORMAT: CameraFormat = CameraFormat { width: 640, height: 480, fps: 30 };
/// So many different frames.
pub const FRAMES: u16 = 20;

/// Writes JPEGs as webcams do: without Huffman tables, with a word about themselves.
pub fn feed(path: &str) -> ExitCode {
    match try_feed(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("feeding {path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_feed(path: &str) -> std::io::Result<()> {
    let frames = frames()?;
    let mut device = Device::with_path(path)?;
    let format = Format::new(FORMAT.width.into(), FORMAT.height.into(), FourCC::new(b"MJPG"));
    device.set_format(&format)?;
    let mut pacer = Pacer::new(Pacing::RealTime, FORMAT.fps.into(), Duration::from_secs(1));
    for frame in frames.iter().cycle() {
        pacer.wait(1);
        // One call, one frame.
        if device.write(frame)? != frame.len() {
            return Err(std::io::Error::other("a frame was cut"));
        }
    }
    Ok(())
}

/// All frames that are fed, over and over: an emulated processor can't draw and encode them in time.
fn frames() -> std::io::Result<Vec<Vec<u8>>> {
    let mut source = TestPattern::new(FORMAT, "webcam", Pacing::Unpaced);
    let (mut encoder, mut jpeg, mut frames) = (JpegEncoder::new(), Vec::new(), Vec::new());
    for _ in 0..FRAMES {
        let Some(captured) = source.next_frame()? else { break };
        let CapturedImage::Picture(picture) = captured.image else { break };
        encoder.encode(&picture, 80, &mut jpeg).map_err(std::io::Error::other)?;
        frames.push(as_a_webcam(&jpeg));
    }
    Ok(frames)
}

/// Leaves out the segments with tables, puts in one that says who it is.
fn as_a_webcam(jpeg: &[u8]) -> Vec<u8> {
    let mut frame = b"\xFF\xD8\xFF\xE0\x00\x10AVI1 serial 42".to_vec();
    let mut at = 2;
    while let [0xFF, marker, high, low, ..] = jpeg[at..] {
        if marker == 0xDA {
            break;
        }
        let len = usize::from(u16::from_be_bytes([high, low])) + 2;
        if marker != 0xC4 && marker != 0xE0 {
            frame.extend_from_slice(&jpeg[at..at + len]);
        }
        at += len;
    }
    frame.extend_from_slice(&jpeg[at..]);
    frame
}

/// Writes something like speech, as samples of 16 bits at 48 kHz, for a sound card's program.
pub fn speak() -> ExitCode {
    let mut source = SpeechSource::new(5, Pacing::Unpaced);
    let mut block = [0; 960];
    let mut out = std::io::stdout().lock();
    // Whoever plays it sets the pace, and ends it.
    while source.next_block(&mut block).is_ok() {
        let bytes: Vec<u8> = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        if out.write_all(&bytes).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// Has a camera on until it is killed.
pub fn hold(name: &str) -> ExitCode {
    let wanted = CameraFormat { width: 640, height: 360, fps: 30 };
    let opened = find_camera(&cameras(), name).and_then(|camera| DeviceCamera::open(camera, wanted));
    let Ok(_camera) = opened else { return ExitCode::FAILURE };
    loop {
        Clock::sleep(Duration::from_secs(1));
    }
}
