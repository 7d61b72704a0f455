//! Screens under X11: the server copies pixels into memory that it shares with us, and tells when something was drawn.

mod cursor;
mod pixels;
mod source;
mod targets;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io;

use x11rb::rust_connection::RustConnection;

pub use source::X11Screen;
pub use targets::screens;

/// Connects to a display; that of the environment if none is named.
fn connect(display: Option<&str>) -> io::Result<(RustConnection, usize)> {
    x11rb::connect(display).map_err(|error| {
        let name = display.map(str::to_owned).or_else(|| std::env::var("DISPLAY").ok()).unwrap_or_default();
        let text = if name.is_empty() {
            "there is no screen: DISPLAY is not set".to_owned()
        } else {
            format!("the display {name} can't be used: {error}")
        };
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}

/// What the server says, or that it is gone.
fn failed(error: impl Display) -> io::Error {
    io::Error::other(format!("the display: {error}"))
}
