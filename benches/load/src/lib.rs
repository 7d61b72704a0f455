//! Load for a server, and figures: what the benches and `hph bench` share.
//!
//! - [`figure`]: medians, spread, printing.
//! - [`machine`]: cores, processor time, and what this machine is.
//! - [`server`], [`member`]: the real server in a process of its own, and people signed in at it.
//! - [`media`]: a call over emulated networks, in virtual time.
//! - [`relay`]: forwarding beside raw loops that do nothing else.
#![forbid(unsafe_code)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

pub mod figure;
#[cfg(target_os = "linux")]
pub mod machine;
pub mod media;
#[cfg(target_os = "linux")]
pub mod member;
#[cfg(target_os = "linux")]
pub mod relay;
#[cfg(target_os = "linux")]
pub mod server;
