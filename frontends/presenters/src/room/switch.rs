//! A camera or a shared screen: what the user wants, and what the server has confirmed.

use hph_client::core::time::Instant;

use super::mute::{SPINNER_MAX, STALE_AFTER};

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nobody sees it.
    #[default]
    Off,
    /// It is being switched on: a spinner.
    Opening,
    /// It should be on, but the server has not said so in time.
    NotConfirmed,
    /// Others see it.
    On,
    /// It is closed here; the server has not yet said so.
    Closing,
}

/// A camera or a shared screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switch {
    is_wanted: bool,
    is_confirmed: bool,
    since: Option<Instant>,
}

impl Switch {
    /// Switches it; whether it is to be on now.
    pub fn toggle(&mut self, now: Instant) -> bool {
        self.is_wanted = !self.is_wanted;
        self.since = (self.is_wanted != self.is_confirmed).then_some(now);
        self.is_wanted
    }

    /// Takes over what the server says. A host may have switched it off: that is when it was on for the server before.
    pub fn confirm(&mut self, is_on: bool, now: Instant) {
        self.is_confirmed = is_on;
        self.since = (self.is_wanted != is_on).then(|| self.since.unwrap_or(now));
    }

    /// A host has switched it off. Whether it was to be on: then the device is to be closed.
    pub fn stop(&mut self) -> bool {
        std::mem::replace(&mut self.is_wanted, false)
    }

    /// Whether the server must be told anew that it is off; then it is waited for again.
    pub fn take_stale(&mut self, now: Instant) -> bool {
        let since = self.since.filter(|_| !self.is_wanted && self.is_confirmed);
        let is_stale = since.is_some_and(|since| now.since(since) >= STALE_AFTER);
        if is_stale {
            self.since = Some(now);
        }
        is_stale
    }

    /// Whether the user wants it.
    pub const fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// What is shown now.
    pub fn shown(&self, now: Instant) -> Shown {
        match (self.is_wanted, self.is_confirmed) {
            (false, false) => Shown::Off,
            (false, true) => Shown::Closing,
            (true, true) => Shown::On,
            (true, false) if self.since.is_none_or(|since| now.since(since) < SPINNER_MAX) => Shown::Opening,
            (true, false) => Shown::NotConfirmed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_when_the_server_says_so() {
        let at = |ms: u64| Instant::from_micros(ms * 1000);
        let mut camera = Switch::default();
        assert!(camera.toggle(at(0)));
        assert_eq!((camera.shown(at(299)), camera.shown(at(300))), (Shown::Opening, Shown::NotConfirmed));
        camera.confirm(true, at(310));
        assert_eq!(camera.shown(at(310)), Shown::On);
        assert!(camera.stop() && !camera.stop());
        camera.confirm(true, at(320));
        assert_eq!(camera.shown(at(320)), Shown::Closing);
        assert!(!camera.take_stale(at(2319)) && camera.take_stale(at(2320)) && !camera.take_stale(at(2321)));
        camera.confirm(false, at(2400));
        assert_eq!(camera.shown(at(2400)), Shown::Off);
    }
}
