//! Screens as sources of pictures.
//!
//! - [`screens`], [`open_screen`]: the whole screen, one monitor or one window under X11, or what somebody chooses under Wayland; `test` is
//!   [`Slides`].
//! - [`ScreenMode`]: sharp at a low rate, or moving.
//! - [`Slides`]: the twin without a screen.

mod fit;
#[cfg(target_os = "linux")]
mod portal;
mod slides;
#[cfg(target_os = "linux")]
mod x11;

use std::fmt;
use std::io;

use hph_core::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};

#[cfg(target_os = "linux")]
pub use portal::PortalTrouble;
pub use slides::Slides;

use crate::camera::{CameraFormat, CameraSource};
use crate::pacer::Pacing;

/// Slides without a screen.
const TEST: &str = "test";
/// The first monitor, or what somebody chooses.
const DEFAULT: &str = "default";
/// What somebody chooses.
const PORTAL: &str = "portal";

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScreenParameters {
    /// Pictures a second.
    pub fps: u16,
    /// JPEG quality of what changes.
    pub quality: u8,
    /// JPEG quality of what has come to rest.
    pub refined_quality: u8,
    /// What is no further than this from what it should be is not refined. More than for a camera: much of a screen is flat, and
    /// what little is wrong there nobody sees. **Units:** as [`StripParams::fine_error`](crate::video::StripParams).
    pub fine_error: f32,
}

impl ScreenMode {
    /// Rate and qualities.
    pub const fn parameters(self) -> ScreenParameters {
        match self {
            Self::Text => ScreenParameters { fps: 5, quality: 85, refined_quality: 95, fine_error: 2.5 },
            Self::Motion => ScreenParameters { fps: 30, quality: 75, refined_quality: 90, fine_error: 2.5 },
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
    /// What somebody will choose when the desktop asks: a monitor or a window.
    Choice,
}

/// Something that can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// What kind of thing it is.
    pub kind: ScreenKind,
    /// `all`, the monitor's connector, the window's title, or `portal`.
    pub name: String,
    /// The window's number as other tools show it; else 0.
    pub window: u32,
    /// Pixels in a row, before it is made to fit; 0 if that is not known yet.
    pub width: u16,
    /// Rows; 0 if that is not known yet.
    pub height: u16,
}

impl fmt::Display for ScreenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "screen",
            Self::Monitor => "monitor",
            Self::Window => "window",
            Self::Choice => "choice",
        })
    }
}

/// What can be shared on the display of the environment, monitors first; under Wayland what somebody will choose.
///
/// # Errors
/// There is no display, or no portal under Wayland (an inner [`PortalTrouble`]).
#[cfg(target_os = "linux")]
pub fn screens() -> io::Result<Vec<Screen>> {
    if is_wayland() {
        portal::look()?;
        return Ok(vec![Screen { kind: ScreenKind::Choice, name: PORTAL.to_owned(), window: 0, width: 0, height: 0 }]);
    }
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

/// Opens what `wanted` means: `test`, `default` (the first monitor; under Wayland as `portal`), `portal` (what somebody chooses when the
/// desktop asks), `all` monitors, a monitor, a window by its number (`0x1c00003`), its title or a part of one title only; any of the last
/// four behind another display: `:1`, `:1/HDMI-1`. With `x11:` before it X11 is meant, also under Wayland, where that shows
/// only the windows of programs that know nothing else.
///
/// Where somebody has to choose ([`asks_somebody`]) it waits for that.
///
/// # Errors
/// `NotFound` with what there is; what the display says; an inner [`PortalTrouble`].
pub fn open_screen(wanted: &str, mode: ScreenMode) -> io::Result<Box<dyn CameraSource>> {
    if wanted == TEST {
        return Ok(Box::new(Slides::new(Slides::FORMAT, mode, Pacing::RealTime)));
    }
    open_display(wanted, mode)
}

/// Looks whether there is what `wanted` means, without disturbing anybody.
///
/// # Errors
/// As [`open_screen`].
#[cfg(target_os = "linux")]
pub fn find(wanted: &str) -> io::Result<()> {
    if asks_somebody(wanted) { portal::look() } else { open_screen(wanted, ScreenMode::Text).map(|_| ()) }
}

/// As on Linux, but there are none.
///
/// # Errors
/// `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn find(wanted: &str) -> io::Result<()> {
    open_screen(wanted, ScreenMode::Text).map(|_| ())
}

/// Whether [`open_screen`] has the desktop ask somebody, and waits for the answer: up to minutes.
pub fn asks_somebody(wanted: &str) -> bool {
    cfg!(target_os = "linux") && way_to(wanted, is_wayland()) == Way::Portal
}

/// How a screen is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way<'a> {
    Portal,
    X11 {
        display: Option<&'a str>,
        target: &'a str,
    },
    /// A monitor or window by its name: Wayland tells no program such names.
    Unknowable,
}

fn way_to(wanted: &str, is_wayland: bool) -> Way<'_> {
    let (is_forced, wanted) = wanted.strip_prefix("x11:").map_or((false, wanted), |rest| (true, rest));
    match wanted.split_once('/') {
        Some((display, target)) if display.starts_with(':') => Way::X11 { display: Some(display), target },
        _ if wanted.starts_with(':') => Way::X11 { display: Some(wanted), target: DEFAULT },
        _ if is_forced => Way::X11 { display: None, target: if wanted.is_empty() { DEFAULT } else { wanted } },
        _ if wanted == PORTAL || (is_wayland && wanted == DEFAULT) => Way::Portal,
        _ if is_wayland => Way::Unknowable,
        _ => Way::X11 { display: None, target: wanted },
    }
}

#[cfg(target_os = "linux")]
fn open_display(wanted: &str, mode: ScreenMode) -> io::Result<Box<dyn CameraSource>> {
    match way_to(wanted, is_wayland()) {
        Way::Portal => Ok(Box::new(portal::PortalScreen::open(mode)?)),
        Way::X11 { display, target } => {
            let screens = x11::screens(display)?;
            Ok(Box::new(x11::X11Screen::open(display, find_screen(&screens, target)?, mode)?))
        }
        Way::Unknowable => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "this is a Wayland session, where the desktop itself asks what to share: --screen default",
        )),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_display(_wanted: &str, _mode: ScreenMode) -> io::Result<Box<dyn CameraSource>> {
    screens()
        .map(|_| Box::new(Slides::new(Slides::FORMAT, ScreenMode::Text, Pacing::RealTime)) as Box<dyn CameraSource>)
}

/// Under Wayland the X server sees its own windows only: the rest would be black, without a word.
fn is_wayland() -> bool {
    std::env::var_os("WAYLAND_DISPLAY").is_some_and(|value| !value.is_empty())
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
        [first, ..] if wanted == DEFAULT => Some(first),
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

    #[test]
    fn under_wayland_the_desktop_is_asked_unless_x11_is_meant() {
        let x11 = |display, target| Way::X11 { display, target };
        for (wanted, under_x11, under_wayland) in [
            ("default", x11(None, "default"), Way::Portal),
            ("portal", Way::Portal, Way::Portal),
            ("HDMI-1", x11(None, "HDMI-1"), Way::Unknowable),
            ("all", x11(None, "all"), Way::Unknowable),
            ("a/b", x11(None, "a/b"), Way::Unknowable),
            ("x11:", x11(None, "default"), x11(None, "default")),
            ("x11:portal", x11(None, "portal"), x11(None, "portal")),
            ("x11:all", x11(None, "all"), x11(None, "all")),
            (":1", x11(Some(":1"), "default"), x11(Some(":1"), "default")),
            ("x11::1/HDMI-1", x11(Some(":1"), "HDMI-1"), x11(Some(":1"), "HDMI-1")),
        ] {
            assert_eq!((way_to(wanted, false), way_to(wanted, true)), (under_x11, under_wayland), "{wanted}");
        }
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
