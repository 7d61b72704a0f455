//! `--screen`: what of this machine's screen is shown to others.

use clap::ValueEnum;
use hph_client::media::CameraSpec;
use hph_client::platform::screen;

use crate::exit::Failure;
use crate::output::Output;
use crate::sources::source_failure;

/// What `--screen` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct ScreenArgs {
    /// Share a screen: default, a monitor, a window's title or a part of it (see hph devices), another display (:1), portal (the
    /// desktop asks; so does default under Wayland), x11:NAME, or test
    #[arg(long, value_name = "NAME|default|portal|test")]
    screen: Option<String>,
    /// What matters in it: sharp letters, or many pictures a second
    #[arg(long, value_name = "MODE", default_value = "text", requires = "screen")]
    screen_mode: Mode,
    /// Begin with the screen off
    #[arg(long, requires = "screen")]
    pub screen_off: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Text,
    Motion,
}

impl ScreenArgs {
    /// What to open.
    pub fn spec(&self) -> Option<CameraSpec> {
        let mode = match self.screen_mode {
            Mode::Text => screen::ScreenMode::Text,
            Mode::Motion => screen::ScreenMode::Motion,
        };
        self.screen.clone().map(|target| CameraSpec::Screen { target, mode })
    }

    /// Whether the desktop will ask somebody what to share.
    pub fn asks_somebody(&self) -> bool {
        self.screen.as_deref().is_some_and(screen::asks_somebody)
    }

    /// Looks whether there is such a screen, so that a wrong one is known before anybody is disturbed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, out: &Output) -> Result<(), Failure> {
        let Some(target) = &self.screen else { return Ok(()) };
        screen::find(target).map_err(|error| source_failure(target, &error, out))
    }
}
