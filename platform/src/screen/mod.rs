//! Screens as sources of pictures.
//!
//! - [`screens`], [`open_screen`]: the whole screen, one monitor or one window under X11; `test` is [`Slides`].
//! - [`ScreenMode`]: sharp at a low rate, or moving.
//! - [`Slides`]: the twin without a screen.
//!
//! Under Wayland a program sees no screen but by asking the desktop's portal, which answers with a PipeWire stream. That is not
//! here: it would make PipeWire's library a condition for starting the program on a server, too. See `docs/devices.md`.

mod fit;
mod slides;
#[cfg(target_os = "linux")]
mod x11;

use std::fmt;
use std::io;

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};

pub use slides::Slides;

use crate::camera::{CameraFormat, CameraSource};
use crate::pacer::Pacing;

/// What matters in a screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScreenMode {
    /// Letters: sharp, few pictures a second.
    #[default]
    Text,
    /// Films and scrolling: many pictures a second.
    Motion,
}

/// What an encoder is told of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScreenParameters {
    /// Pictures a second.
    pub fps: u16,
    /// JPEG quality of what changes.
    pub quality: u8,
    /// JPEG quality of what has come to rest.
    pub refined_quality: u8,
}

impl ScreenMode {
    /// Rate and qualities.
    pub const fn parameters(self) -> ScreenParameters {
        match self {
            Self::Text => ScreenParameters { fps: 5, quality: 85, refined_quality: 95 },
            Self::Motion => ScreenParameters { fps: 30, quality: 75, refined_quality: 90 },
        }
    }
}

/// What kind of thing can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenKind {
    /// All monitors together.
    Whole,
    /// One monitor.
    Monitor,
    /// One window, also where others cover it.
    Window,
}

/// Something that can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// What kind of thing it is.
    pub kind: ScreenKind,
    /// `all`, the monitor's connector, or the window's title.
    pub name: String,
    /// The window's number as other tools show it; else 0.
    pub window: u32,
    /// Pixels in a row, before it is made to fit.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl fmt::Display for ScreenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "screen",
            Self::Monitor => "monitor",
            Self::Window => "window",
        })
    }
}

/// What can be shared on the display of the environment, monitors first.
///
/// # Errors
/// There is no display, or it is none that can be shared, with advice.
#[cfg(target_os = "linux")]
pub fn screens() -> io::Result<Vec<Screen>> {
    refuse_wayland()?;
    x11::screens(None)
}

/// As on Linux, but there are none.
///
/// # Errors
/// `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn screens() -> io::Result<Vec<Screen>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "screens can be shared on Linux only"))
}

/// Opens what `wanted` means: `test`, `default` (the first monitor), `all` of them, a monitor, a window by its number (`0x1c00003`), its
/// title or a part of one title only; any of these behind another display: `:1`, `:1/HDMI-1`.
///
/// # Errors
/// `NotFound` with what there is; what the display says.
pub fn open_screen(wanted: &str, mode: ScreenMode) -> io::Result<Box<dyn CameraSource>> {
    if wanted == "test" {
        return Ok(Box::new(Slides::new(Slides::FORMAT, mode, Pacing::RealTime)));
    }
    open_display(wanted, mode)
}

#[cfg(target_os = "linux")]
fn open_display(wanted: &str, mode: ScreenMode) -> io::Result<Box<dyn CameraSource>> {
    let (display, target) = match wanted.split_once('/') {
        Some((display, target)) if display.starts_with(':') => (Some(display), target),
        _ if wanted.starts_with(':') => (Some(wanted), "default"),
        _ => (None, wanted),
    };
    if display.is_none() {
        refuse_wayland()?;
    }
    let screens = x11::screens(display)?;
    Ok(Box::new(x11::X11Screen::open(display, find_screen(&screens, target)?, mode)?))
}

#[cfg(not(target_os = "linux"))]
fn open_display(_wanted: &str, _mode: ScreenMode) -> io::Result<Box<dyn CameraSource>> {
    screens()
        .map(|_| Box::new(Slides::new(Slides::FORMAT, ScreenMode::Text, Pacing::RealTime)) as Box<dyn CameraSource>)
}

/// Under Wayland the X server sees its own windows only: the rest would be black, without a word.
#[cfg(target_os = "linux")]
fn refuse_wayland() -> io::Result<()> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("WAYLAND_DISPLAY") {
        let text =
            "this is a Wayland session, which shows no program its screen: sign in to a session under X11 to share it";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn find_screen<'a>(screens: &'a [Screen], wanted: &str) -> io::Result<&'a Screen> {
    let low = wanted.to_lowercase();
    let number = low.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let is_meant = |screen: &&Screen| {
        screen.name.to_lowercase() == low || (screen.kind == ScreenKind::Window && Some(screen.window) == number)
    };
    let is_like = |screen: &&Screen| screen.name.to_lowercase().contains(&low);
    let found = match screens {
        [first, ..] if wanted == "default" => Some(first),
        _ => screens.iter().find(is_meant).or_else(|| {
            let mut like = screens.iter().filter(is_like);
            like.next().filter(|_| like.next().is_none() && !wanted.is_empty())
        }),
    };
    found.ok_or_else(|| {
        let names: Vec<_> = screens.iter().map(|screen| format!("\u{201c}{}\u{201d}", screen.name)).collect();
        let text = format!(
            "no monitor or window, or more than one, is called \u{201c}{wanted}\u{201d}; there is {}",
            names.join(", ")
        );
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}

/// The sides of the picture of something so large: the same if that may be sent, else smaller in the same proportion.
fn fitting(width: u16, height: u16) -> (u16, u16) {
    let (wide, high) = (u32::from(width.max(1)), u32::from(height.max(1)));
    let (most_wide, most_high) = (u32::from(PICTURE_WIDTH_MAX), u32::from(PICTURE_HEIGHT_MAX));
    if wide <= most_wide && high <= most_high {
        return (width.max(1), height.max(1));
    }
    // Whichever side is further beyond its limit decides.
    let (by, of) = if wide * most_high >= high * most_wide { (most_wide, wide) } else { (most_high, high) };
    let scaled = |side: u32| u16::try_from((side * by / of).max(1)).unwrap_or(1);
    (scaled(wide), scaled(high))
}

/// The format of a screen of these sides.
fn format_of(width: u16, height: u16, mode: ScreenMode) -> CameraFormat {
    let (width, height) = fitting(width, height);
    CameraFormat { width, height, fps: mode.parameters().fps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_screens_are_made_to_fit_in_their_proportion() {
        assert_eq!(fitting(1920, 1080), (1920, 1080));
        assert_eq!(fitting(2560, 1440), (1920, 1080));
        assert_eq!(fitting(3840, 2160), (1920, 1080));
        assert_eq!(fitting(1080, 1920), (612, 1088));
        assert_eq!(fitting(u16::MAX, 1), (1920, 1));
        assert_eq!(fitting(0, 0), (1, 1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_screen_is_found_by_default_name_number_and_part_of_a_title() {
        let screen = |kind, name: &str, window| Screen { kind, name: name.into(), window, width: 1, height: 1 };
        let screens = [
            screen(ScreenKind::Monitor, "HDMI-1", 0),
            screen(ScreenKind::Whole, "all", 0),
            screen(ScreenKind::Window, "Letter to Lan", 0x1c0_0003),
            screen(ScreenKind::Window, "Letter to Dat", 0x1c0_0004),
        ];
        for (wanted, index) in [("default", 0), ("all", 1), ("hdmi-1", 0), ("0x1c00004", 3), ("to lan", 2)] {
            assert_eq!(find_screen(&screens, wanted).unwrap(), &screens[index], "{wanted}");
        }
        for wanted in ["", "letter", "0x1", "DP-1"] {
            assert!(find_screen(&screens, wanted).unwrap_err().to_string().contains("HDMI-1"), "{wanted}");
        }
        assert!(find_screen(&[], "default").is_err());
    }
}
