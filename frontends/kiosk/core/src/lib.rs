//! What a device in a meeting room decides by itself, without a toolkit and mostly without the machine.
//!
//! - [`budget`]: what a picture costs on its way, on this machine.
//! - [`config`]: the one file that the owner writes.
//! - [`hours`]: when the device is there for people, and when it is dark.
//! - [`kiosk`]: screens and policies over the presenters of a meeting: state and event in, state and effects out.
//! - [`keyboard`]: the keyboard on the screen, and Vietnamese typed with it.
//! - [`kept`]: what survives a power cut, in files that are never half-written.
//! - [`restart`]: what follows from how the program ended the last time.
//! - [`scale`]: how large things are drawn, by the screen's millimetres.
//! - [`health`]: temperature and voltage of the board.
//! - [`enrol`]: how the device learns its server without a keyboard.
//!
//! Layer: above the presenters, below the program with its screens. It knows no toolkit and no server.
#![forbid(unsafe_code)]

pub mod budget;
pub mod config;
pub mod enrol;
pub mod health;
pub mod hours;
pub mod kept;
pub mod keyboard;
pub mod kiosk;
pub mod restart;
pub mod scale;
