//! A laboratory on loopback: real servers, real clients, and between them a network that misbehaves on request.
//!
//! - [`server`]: a server on a thread, or as a process that can be killed.
//! - [`proxy`]: one TCP and UDP port in front of a server, that records everything and breaks what it is told to.
//! - [`person`]: a participant: an engine, all that it said, all frames that came.
//! - [`command`]: `hph` as other programs run it.
//! - [`fault`]: system calls of a process that fail.
//! - [`raw`]: a signed-in TLS connection without an engine, for those who do not keep to the rules.
//! - [`openmetrics`]: a strict reader of figures.
//! - [`material`]: pictures and sound to send.
//! - [`wait`]: waiting, with a limit.

pub mod command;
pub mod fault;
pub mod material;
pub mod openmetrics;
pub mod person;
pub mod proxy;
pub mod raw;
pub mod server;
pub mod wait;
