//! Screens under Wayland: the desktop's portal asks whoever sits there what is to be shared, and frames come from PipeWire.
//!
//! - [`ask`]: the question, over D-Bus, and the word that sharing is over.
//! - [`library`], [`stream`]: PipeWire's library, looked for when it is needed, and frames from it. All unsafe code is there.
//! - [`pods`], [`pixels`]: its parameters and its pixels as bytes.

mod ask;
mod library;
mod pixels;
mod pods;
mod stream;

use std::fmt;
use std::io;

use hph_core::time::{Duration, Instant};

use self::ask::{Place, Share};
use self::stream::{Health, Stream};
use super::fit::fit;
use super::{ScreenMode, format_of};
use crate::camera::{CameraFormat, CameraSource, Captured, CapturedImage};
use crate::clock::Clock;
use crate::pacer::{Pacer, Pacing};
use crate::picture::Picture;

/// How long it may take to agree upon a format.
const FORMAT_MAX: std::time::Duration = std::time::Duration::from_secs(8);
/// How long the first frame is waited for. Some compositors send none until something changes.
const FIRST_FRAME_MAX: std::time::Duration = std::time::Duration::from_millis(500);
/// A stream that has no format for so long has no compositor any more. A change of size takes less.
const UNREADY_MAX: Duration = Duration::from_secs(5);

/// Why a screen can't be shared through the portal. It is the inner error of [`io::Error`]s of this kind of screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortalTrouble {
    /// There is no D-Bus session: what it says.
    NoDesktop(String),
    /// No portal for screens answers: what it says.
    NoPortal(String),
    /// Whoever sits there did not want it.
    Refused,
    /// There was no answer for so many seconds.
    NoAnswer(u64),
    /// PipeWire, or its library, can't be used: what it says.
    NoPipeWire(String),
    /// The portal failed: what it says.
    Failed(String),
}

impl fmt::Display for PortalTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDesktop(why) => write!(f, "no portal: there is no desktop session to ask ({why})"),
            Self::NoPortal(why) => write!(f, "no portal: this desktop has none for screens ({why})"),
            Self::Refused => f.write_str("the desktop did not allow it: the question was declined or closed"),
            Self::NoAnswer(seconds) => write!(f, "the desktop's question was not answered within {seconds} s"),
            Self::NoPipeWire(why) => write!(f, "no frames from PipeWire: {why}"),
            Self::Failed(why) => write!(f, "the portal failed: {why}"),
        }
    }
}

impl std::error::Error for PortalTrouble {}

impl From<PortalTrouble> for io::Error {
    fn from(trouble: PortalTrouble) -> Self {
        let kind = match trouble {
            PortalTrouble::NoDesktop(_) | PortalTrouble::NoPortal(_) => io::ErrorKind::NotFound,
            PortalTrouble::Refused => io::ErrorKind::PermissionDenied,
            PortalTrouble::NoPipeWire(_) => io::ErrorKind::Unsupported,
            PortalTrouble::NoAnswer(_) | PortalTrouble::Failed(_) => io::ErrorKind::Other,
        };
        Self::new(kind, trouble)
    }
}

/// Whether screens can be shared through a portal, without disturbing anybody.
///
/// # Errors
/// A [`PortalTrouble`].
pub fn look() -> io::Result<()> {
    library::functions().map_err(PortalTrouble::NoPipeWire)?;
    Ok(ask::look()?)
}

/// What somebody has chosen to share. What changes its size is made to fit the first one; when the desktop ends it, or the compositor does,
/// it is over.
pub struct PortalScreen {
    // Before the share: frames end, then the desktop is told.
    stream: Stream,
    share: Share,
    /// The last frame as it came.
    ground: Picture,
    /// The same as it is shown.
    shown: Picture,
    /// Since when there is no format.
    unready_since: Option<Instant>,
    format: CameraFormat,
    pacer: Pacer,
}

impl PortalScreen {
    /// Asks whoever sits at the screen, and waits until they have chosen: minutes, maybe.
    ///
    /// # Errors
    /// A [`PortalTrouble`].
    pub fn open(mode: ScreenMode) -> io::Result<Self> {
        // Nobody shall be asked in vain.
        library::functions().map_err(PortalTrouble::NoPipeWire)?;
        let (share, Place { socket, node }) = Share::ask()?;
        let fps = mode.parameters().fps;
        // Twice as often as is shown, so that what is shown is not old.
        let mut stream = Stream::connect(socket, node, u32::from(fps) * 2).map_err(PortalTrouble::NoPipeWire)?;
        let Some(agreed) = stream.wait(FORMAT_MAX, FIRST_FRAME_MAX) else {
            let why = match stream.health() {
                Health::Over(why) => why,
                Health::Unready | Health::Ready => "no format was agreed upon".to_owned(),
            };
            return Err(PortalTrouble::NoPipeWire(why).into());
        };
        let (mut ground, mut shown) = (Picture::default(), Picture::default());
        let side = |pixels| u16::try_from(pixels).unwrap_or(u16::MAX);
        let mut format = format_of(side(agreed.width), side(agreed.height), mode);
        if stream.read(&mut ground) {
            format = format_of(ground.width, ground.height, mode);
            shown = fit(ground.clone(), format.width, format.height);
        }
        let pacer = Pacer::new(Pacing::RealTime, fps.into(), Duration::from_secs(1));
        Ok(Self { stream, share, ground, shown, unready_since: None, format, pacer })
    }

    /// Whether no more frames will come.
    fn is_over(&mut self, now: Instant) -> bool {
        self.unready_since = match self.stream.health() {
            Health::Over(_) => return true,
            Health::Ready => None,
            Health::Unready => Some(self.unready_since.unwrap_or(now)),
        };
        self.share.is_closed() || self.unready_since.is_some_and(|since| now.since(since) >= UNREADY_MAX)
    }
}

impl CameraSource for PortalScreen {
    fn format(&self) -> CameraFormat {
        self.format
    }

    fn next_frame(&mut self) -> io::Result<Option<Captured>> {
        self.pacer.skip_late();
        let at = self.pacer.wait(1);
        if self.is_over(Clock::now()) {
            return Ok(None);
        }
        if self.stream.read(&mut self.ground) {
            self.shown = fit(self.ground.clone(), self.format.width, self.format.height);
        }
        if !self.shown.is_consistent() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(Captured { at, image: CapturedImage::Picture(self.shown.clone()) }))
    }
}
