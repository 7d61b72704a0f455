//! The engine that every frontend shares: commands in, events out, frames both ways.
//!
//! - [`engine`]: the thread that keeps a session alive.
//! - [`media`]: cameras and microphones to the engine, frames of others to pictures and files.
//! - [`tiles`]: how large each picture is shown, and telling the server.
//! - [`breakout`]: breakout rooms, asked for and seen.
//! - [`view`]: a snapshot of the meeting, kept up to date from events.
//! - [`files`]: files that people send each other.
//! - [`discover`]: servers in the local network.
//! - [`link`], [`pins`], [`tls`], [`device`]: invitations, the servers' keys, and our own.
//! - [`people`], [`safety`]: other people's keys, and the codes by which they are compared. [`key_file`] is how keys are kept.
//!
//! Layer: above core and platform, below every frontend. It must not know the server crate.
#![forbid(unsafe_code)]

pub mod breakout;
pub mod device;
pub mod discover;
pub mod engine;
pub mod files;
pub mod key_file;
pub mod link;
pub mod media;
pub mod people;
pub mod pins;
pub mod safety;
pub mod tiles;
pub mod tls;
pub mod view;

pub use hph_core as core;
pub use hph_platform as platform;
