//! Sources of pictures.
//!
//! - [`MjpegSource`]: a file of concatenated JPEGs, passed through as they are.
//! - [`FolderSource`]: the JPEGs of a folder, passed through as they are.
//! - [`Y4mSource`]: raw video in a YUV4MPEG2 file.
//! - [`TestPattern`]: a moving picture with a clock in it that people and programs can read.
//! - [`device`]: cameras of this machine.

#[cfg(target_os = "linux")]
pub mod device;
mod folder;
mod font;
mod mjpeg;
mod test_pattern;
mod timecode;
mod y4m;

use std::io;
use std::path::Path;

use hph_core::time::{Duration, Instant};

pub use folder::FolderSource;
pub(crate) use font::draw_text;
pub use mjpeg::MjpegSource;
pub use test_pattern::TestPattern;
pub use timecode::{Timecode, read_timecode};
pub use y4m::Y4mSource;

use crate::jpeg::{JpegInfo, probe};
use crate::pacer::{Pacer, Pacing};
use crate::picture::Picture;

/// What a source delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraFormat {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Pictures a second, rounded, at least 1.
    pub fps: u16,
}

/// A picture as the source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapturedImage {
    /// A JPEG that passed [`probe`]: send it unchanged.
    Jpeg(Vec<u8>),
    /// Pixels, still to be encoded.
    Picture(Picture),
}

/// A picture and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When, on the clock of [`crate::clock::Clock::now`].
    pub at: Instant,
    /// The picture.
    pub image: CapturedImage,
}

/// A source of pictures.
pub trait CameraSource: Send {
    /// What it delivers. Does not change.
    fn format(&self) -> CameraFormat;

    /// The next picture; blocks until it is due. `None` at the end of a file.
    ///
    /// # Errors
    /// - `TimedOut`: there is no picture yet. Ask again, unless it is time to stop.
    /// - `NotConnected`: the device is gone, and may come back: it was unplugged, say. Ask again.
    /// - Anything else: what the device or file says. The source is of no more use then.
    fn next_frame(&mut self) -> io::Result<Option<Captured>>;
}

/// How files are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// Pictures a second, where the file does not say.
    pub fps: u16,
    /// Whether to start again at the end, for ever.
    pub is_looped: bool,
    /// Whether to play in real time.
    pub pacing: Pacing,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { fps: 30, is_looped: true, pacing: Pacing::RealTime }
    }
}

/// Opens what lies at `path`: a folder as [`FolderSource`], `*.y4m` as [`Y4mSource`], any other file as [`MjpegSource`].
///
/// # Errors
/// As the source's own `open`.
pub fn open_file(path: &Path, options: FileOptions) -> io::Result<Box<dyn CameraSource>> {
    if path.is_dir() {
        return Ok(Box::new(FolderSource::open(path, options)?));
    }
    match path.extension() {
        Some(e) if e.eq_ignore_ascii_case("y4m") => Ok(Box::new(Y4mSource::open(path, options)?)),
        _ => Ok(Box::new(MjpegSource::open(path, options)?)),
    }
}

/// Opens the camera of this machine that `name` means (see [`device::find_camera`]), as [`device::DeviceCamera`].
///
/// # Errors
/// As [`device::DeviceCamera::open`]; `Unsupported` where this program can use no cameras.
#[cfg(target_os = "linux")]
pub fn open_device(name: &str, wanted: CameraFormat) -> io::Result<Box<dyn CameraSource>> {
    let cameras = device::cameras();
    Ok(Box::new(device::DeviceCamera::open(device::find_camera(&cameras, name)?, wanted)?))
}

/// Looks whether there is such a camera, without opening it.
///
/// # Errors
/// As [`device::find_camera`]; `Unsupported` where this program can use no cameras.
#[cfg(target_os = "linux")]
pub fn find_device(name: &str) -> io::Result<()> {
    device::find_camera(&device::cameras(), name).map(|_| ())
}

/// As on Linux, but there are none.
///
/// # Errors
/// `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn find_device(name: &str) -> io::Result<()> {
    open_device(name, CameraFormat { width: 1, height: 1, fps: 1 }).map(|_| ())
}

/// As on Linux, but there are none.
///
/// # Errors
/// `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn open_device(_name: &str, _wanted: CameraFormat) -> io::Result<Box<dyn CameraSource>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "cameras can be used on Linux only"))
}

fn frame_pacer(fps: u16, pacing: Pacing) -> Pacer {
    Pacer::new(pacing, fps.max(1).into(), Duration::from_secs(1))
}

/// An error in a file's content, with the place.
fn invalid(place: &str, why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{place}: {why}"))
}

/// Checks that a JPEG may be sent and has the format's sides, and cuts off what follows its end.
fn check_jpeg(jpeg: &mut Vec<u8>, format: Option<CameraFormat>, place: &str) -> io::Result<JpegInfo> {
    let info = probe(jpeg).map_err(|error| invalid(place, error))?;
    if let Some(CameraFormat { width, height, .. }) = format
        && (info.width, info.height) != (width, height)
    {
        let sides = format!("is {}x{}, the first one was {width}x{height}", info.width, info.height);
        return Err(invalid(place, sides));
    }
    jpeg.truncate(info.len_bytes);
    Ok(info)
}
