//! The microphone of a room: what the user wants, what the device was told, what the server has confirmed.
//!
//! Nobody is heard by accident. A key that is held opens the microphone only while it is held and the window has the focus;
//! whatever takes the focus closes it, and auto-repeat never opens it again.

use hph_client::core::time::{Duration, Instant};
use hph_client::media::GateMode;

use crate::time::ms;

/// A spinner turns no longer than this; then it is said that the server has not answered.
pub const SPINNER_MAX: Duration = ms(300);

/// What is closed here and still on for the server after so long was never told to it: it is told anew.
pub const STALE_AFTER: Duration = ms(2000);

/// What is told to the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The button, or the key that switches.
    Toggle,
    /// On or off.
    Switch(bool),
    /// The key of push-to-talk goes down.
    Press {
        /// Whether the keyboard repeats a key that is held.
        is_repeat: bool,
    },
    /// It goes up.
    Release,
    /// The stage has lost the focus, or the window has: the key's release may never come.
    FocusLost,
    /// What the server says of the track.
    Confirmed(bool),
    /// A host has switched it off: only the user may switch it on again.
    MutedByHost,
    /// The device could not be opened, or is gone for good.
    Failed,
    /// It is used in another way from now on.
    Mode(GateMode),
    /// Another room is in front now: nobody is to be heard in this one.
    Background,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Open the device and announce the track.
    Open,
    /// Close the device and announce that.
    Close,
    /// Hold the gate of push-to-talk open, or no longer.
    Hold(bool),
}

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nobody hears the user; the server says so too.
    #[default]
    Off,
    /// It is being switched on: a spinner.
    Opening,
    /// It should be on, but the server has not said so in time: the user is perhaps not heard.
    NotConfirmed,
    /// The user is heard.
    On,
    /// The user is heard for as long as the key is held.
    Held,
    /// It is on, and waits for the key of push-to-talk: nobody hears the user.
    Ready,
    /// It is closed here; the server has not yet said so.
    Closing,
}

impl Shown {
    /// Whether others hear the user, as far as the server has confirmed it.
    pub const fn is_heard(self) -> bool {
        matches!(self, Self::On | Self::Held)
    }
}

/// The microphone of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mute {
    mode: GateMode,
    is_wanted: bool,
    is_held: bool,
    is_open: bool,
    is_gate_held: bool,
    is_confirmed: bool,
    /// Since when the server is expected to say something else.
    waiting_since: Option<Instant>,
}

impl Mute {
    /// A microphone that is off.
    pub fn new(mode: GateMode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Takes an event; what is to be done is given to `order`, in order.
    pub fn handle(&mut self, event: Event, now: Instant, mut order: impl FnMut(Order)) {
        match event {
            Event::Toggle => self.switch(!self.is_wanted),
            Event::Switch(is_on) => self.switch(is_on),
            Event::Press { is_repeat } => self.is_held |= !is_repeat,
            Event::Release | Event::FocusLost => self.is_held = false,
            Event::Confirmed(is_on) => self.is_confirmed = is_on,
            Event::MutedByHost | Event::Failed | Event::Background => self.switch(false),
            Event::Mode(mode) => self.mode = mode,
        }
        self.settle(&mut order);
        if matches!(event, Event::Failed) {
            self.is_confirmed = false;
        }
        self.waiting_since = match self.waiting_since {
            _ if self.is_open == self.is_confirmed => None,
            None => Some(now),
            since => since,
        };
    }

    /// Whoever switches decides for the key too: one that is still held must be pressed anew.
    const fn switch(&mut self, is_on: bool) {
        self.is_wanted = is_on;
        self.is_held = false;
    }

    /// Tells device and gate what has changed. The gate closes before and opens after the device.
    fn settle(&mut self, order: &mut impl FnMut(Order)) {
        let (is_open, is_gate_held) = (self.is_wanted || self.is_held, self.is_held);
        if self.is_gate_held && !is_gate_held {
            order(Order::Hold(false));
        }
        if self.is_open != is_open {
            order(if is_open { Order::Open } else { Order::Close });
        }
        if !self.is_gate_held && is_gate_held {
            order(Order::Hold(true));
        }
        (self.is_open, self.is_gate_held) = (is_open, is_gate_held);
    }

    /// What is shown now.
    pub fn shown(&self, now: Instant) -> Shown {
        let is_waiting = |since: Instant| now.since(since) < SPINNER_MAX;
        match (self.is_open, self.is_confirmed) {
            (false, false) => Shown::Off,
            (false, true) => Shown::Closing,
            (true, false) if self.waiting_since.is_none_or(is_waiting) => Shown::Opening,
            (true, false) => Shown::NotConfirmed,
            (true, true) if self.is_held => Shown::Held,
            (true, true) if self.mode == GateMode::PushToTalk => Shown::Ready,
            (true, true) => Shown::On,
        }
    }

    /// When what is shown changes by itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting_since.filter(|_| self.is_open).map(|since| since + SPINNER_MAX)
    }

    /// Whether the server must be told anew that it is off; then it is waited for again.
    pub fn take_stale(&mut self, now: Instant) -> bool {
        let since = self.waiting_since.filter(|_| !self.is_open && self.is_confirmed);
        let is_stale = since.is_some_and(|since| now.since(since) >= STALE_AFTER);
        if is_stale {
            self.waiting_since = Some(now);
        }
        is_stale
    }

    /// Whether the user wants it on, the key aside.
    pub const fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// Whether the device is open.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }
}

#[cfg(test)]
mod tests;
