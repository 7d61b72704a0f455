//! A window without a display: drawn by the software renderer, for pictures of screens.

use std::rc::Rc;
use std::time::Duration;

use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};
use slint::platform::{Platform, PlatformError, WindowAdapter};

/// Time stands still: whatever moves is drawn as it is then.
const MOMENT: Duration = Duration::from_millis(600);

struct Headless;

impl Platform for Headless {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(MinimalSoftwareWindow::new(RepaintBufferType::NewBuffer))
    }

    fn duration_since_start(&self) -> Duration {
        MOMENT
    }
}

/// Makes every window of this process one without a display. Once, before the first window.
///
/// # Errors
/// There is a display already.
pub fn install() -> Result<(), PlatformError> {
    slint::platform::set_platform(Box::new(Headless)).map_err(|error| PlatformError::Other(error.to_string()))
}

/// Lets everything settle that follows from a change: sizes, and what is computed from them.
pub fn settle() {
    for _ in 0..4 {
        slint::platform::update_timers_and_animations();
    }
}
