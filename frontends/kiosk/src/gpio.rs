//! A button and a lamp on the board's pins, by the kernel's character devices.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::line::{Bias, EdgeDetection, EdgeKind, Value};
use hph_kiosk_core::config::Pin;

use crate::inbox::{Inbox, Note, tell};

/// Contacts of a button bounce for so long.
const DEBOUNCE: Duration = Duration::from_millis(20);

fn chip(pin: &Pin) -> PathBuf {
    PathBuf::from("/dev").join(&pin.chip)
}

fn failed(pin: &Pin, error: &gpiocdev::Error) -> io::Error {
    io::Error::other(format!("{} line {}: {error}", chip(pin).display(), pin.line))
}

/// Tells of every press of a button that connects the pin to ground, from a thread of its own.
///
/// # Errors
/// There is no such pin, it is taken, or this user may not use it.
pub fn watch_button(pin: &Pin, inbox: Inbox) -> io::Result<()> {
    let request = Request::builder()
        .on_chip(chip(pin))
        .with_consumer("hph-kiosk mute")
        .with_line(pin.line)
        .as_active_low()
        .with_bias(Bias::PullUp)
        .with_edge_detection(EdgeDetection::RisingEdge)
        .with_debounce_period(DEBOUNCE)
        .request()
        .map_err(|error| failed(pin, &error))?;
    thread::Builder::new().name("button".to_owned()).spawn(move || {
        for event in request.edge_events() {
            match event {
                Ok(event) if event.kind == EdgeKind::Rising => tell(&inbox, Note::Button),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    })?;
    Ok(())
}

/// A lamp: lit while microphone or camera leave the room.
#[derive(Debug)]
pub struct Lamp {
    request: Request,
    line: u32,
}

impl Lamp {
    /// Takes the pin; it is dark.
    ///
    /// # Errors
    /// As for [`watch_button`].
    pub fn open(pin: &Pin) -> io::Result<Self> {
        let request = Request::builder()
            .on_chip(chip(pin))
            .with_consumer("hph-kiosk live")
            .with_line(pin.line)
            .as_output(Value::Inactive)
            .request()
            .map_err(|error| failed(pin, &error))?;
        Ok(Self { request, line: pin.line })
    }

    /// Lights it, or no longer.
    pub fn set(&self, is_lit: bool) {
        let value = if is_lit { Value::Active } else { Value::Inactive };
        let _ = self.request.set_value(self.line, value);
    }
}
