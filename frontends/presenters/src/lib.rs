//! What the screens of a meeting program show and do, without a toolkit. A frontend draws the state, turns what people do
//! into events, and carries the effects out.
//!
//! - [`app`]: which screen is in front, the connection, the rooms; it owns all the others.
//! - [`signin`], [`lobby`], [`prejoin`], [`door`]: the way into a room.
//! - [`room`]: tiles, layouts, microphone and camera of a room.
//! - [`chat`], [`people`], [`files`]: the panels of a room; [`previews`]: pictures among the files.
//! - [`invites`]: inviting people; [`sessions`]: the devices of one's account.
//! - [`keys`]: the keyboard and the palette of commands.
//! - [`toasts`], [`trouble`]: what is told in passing, and what went wrong.
//! - [`settings`]: what is remembered.
//! - [`diagnostics`]: how the connection is, and why.
//! - [`squares`]: a text as a code for cameras.
//! - [`text`]: names, times, counts in Vietnamese and English.
//!
//! Everything here is a function of state, event and time: `state.handle(event, now, effects)`. Nothing reads a clock, a
//! file or a device; [`time::Now`] comes in and [`effect::Effect`] goes out, so that every rule has a test.
//!
//! Layer: above the engine, below every graphical frontend. It knows no toolkit and no server.
#![forbid(unsafe_code)]

pub mod app;
pub mod chat;
pub mod diagnostics;
pub mod door;
pub mod effect;
pub mod files;
pub mod ids;
pub mod invites;
pub mod keys;
pub mod lobby;
pub mod people;
pub mod prejoin;
pub mod previews;
pub mod room;
pub mod sessions;
pub mod settings;
pub mod signin;
pub mod squares;
pub mod text;
pub mod time;
pub mod toasts;
pub mod trouble;

#[cfg(test)]
mod testing;

pub use effect::{Effect, Effects};
pub use hph_client as client;
pub use time::Now;
