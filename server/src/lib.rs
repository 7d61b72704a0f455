//! The meeting server: one port for TCP and UDP, one process, one data directory.
//!
//! Layer: driver. It owns sockets, files and threads; what a message means is decided in `hph-core`. No module here
//! reads a clock by itself: the time comes in as an argument.
#![forbid(unsafe_code)]

pub mod admin;
pub mod backup;
pub mod config;
pub mod files;
pub mod names;
pub mod store;
pub mod throttle;
pub mod tls;

mod accounts;
mod admin_accounts;
mod admin_rooms;
mod admission;
mod blobs;
mod calendar;
mod connection;
mod exposition;
mod gateway;
mod history;
mod hub;
mod jobs;
mod meeting;
mod memory;
mod monitor;
mod notice;
mod pairings;
mod relay;
mod run;
mod shelf;
mod signin;
mod turns;

pub use memory::MemoryBill;
pub use notice::{ALIVE_INTERVAL, Notice, Notices};
pub use relay::RelayFigures;
pub use run::{FiguresHandle, Server, StartError};
