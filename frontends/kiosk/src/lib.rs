//! The kiosk: a meeting room that runs by itself, on a small board with a screen, a camera and perhaps a touch panel.
//!
//! - [`ui`]: the drawing, made from the `.slint` files, with the desktop program's parts: layout and visual state only.
//! - [`program`]: what people do becomes events of [`hph_kiosk_core::kiosk`], its effects are carried out.
//! - [`view`]: what is known becomes what is drawn.
//! - [`session`], [`sources`], [`ring`], [`scan`], [`gpio`], [`alive`]: the engine, devices, sound, pins, the service manager.
//! - [`shots`]: every screen as a picture, without a display.
//!
//! Files of the desktop program that know nothing of its screens are compiled here too, from where they are.
//!
//! Layer: a frontend, above the engine and the presenters, which know no toolkit. It must not know the server.

pub mod alive;
pub mod gpio;
pub mod inbox;
pub mod program;
pub mod ring;
pub mod scan;
pub mod session;
pub mod shots;
pub mod sources;
pub mod view;

#[path = "../../desktop/src/devices.rs"]
pub mod devices;
#[path = "../../desktop/src/headless.rs"]
pub mod headless;
#[path = "../../desktop/src/pictures.rs"]
pub mod pictures;
#[path = "../../desktop/src/rows.rs"]
pub mod rows;
#[path = "../../desktop/src/words.rs"]
pub mod words;
#[path = "../../desktop/src/zone.rs"]
pub mod zone;

/// What is made from the `.slint` files.
#[allow(unsafe_code, missing_docs, unused, clippy::all, clippy::pedantic, clippy::disallowed_methods, clippy::todo)]
pub mod ui {
    slint::include_modules!();
}
