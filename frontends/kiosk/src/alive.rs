//! The service manager: told that the program is ready, and every few seconds that it lives. What is told comes from the thread
//! that draws: a program whose screen hangs is started anew.

use std::time::Duration;

use sd_notify::NotifyState;

/// Tells it that everything is there.
pub fn ready(status: &str) {
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells it that the program lives.
pub fn beat() {
    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
}

/// Tells it that the program ends as it should.
pub fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// How often it wants to be told: a third of its patience; none if it does not watch.
pub fn interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 3)
}
