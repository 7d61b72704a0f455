//! The desktop program: meetings in a window.
//!
//! - [`ui`]: the drawing, made from the `.slint` files: layout and visual state only.
//! - [`program`]: what people do becomes events of the presenters, their effects are carried out.
//! - [`view`], [`rows`], [`words`]: what presenters know becomes what is drawn.
//! - [`session`], [`devices`], [`trial`], [`inbox`], [`identity`], [`zone`]: the engine, devices, files, time.
//! - [`outside`]: the desktop around the window: choosing files, notifications.
//! - [`pictures`]: pictures of others on their way to the screen; [`thumbnail`]: those among the files, made small.
//! - `measure`: how the window does, measured from inside.
//! - [`headless`], [`shots`]: every screen as a picture, without a display.
//!
//! Layer: a frontend, above the engine and the presenters, which know no toolkit. It must not know the server.

pub mod devices;
pub mod headless;
pub mod identity;
pub mod inbox;
#[cfg(all(feature = "window", target_os = "linux"))]
pub mod measure;
pub mod outside;
pub mod pictures;
pub mod program;
pub mod rows;
pub mod session;
pub mod shots;
pub mod thumbnail;
pub mod trial;
pub mod view;
pub mod words;
pub mod zone;

/// What is made from the `.slint` files.
#[allow(unsafe_code, missing_docs, unused, clippy::all, clippy::pedantic, clippy::disallowed_methods, clippy::todo)]
pub mod ui {
    slint::include_modules!();
}
