//! HPH Meeting's core: packet formats, sealing, fragment reassembly, rooms, and the server and client machines.
//!
//! Pure: no heap, no socket, no clock, no thread, no random source, no log. Bytes, time and entropy come in as
//! arguments; bytes, events and named reasons go out. The crate builds for bare metal and for WebAssembly.
#![no_std]
#![forbid(unsafe_code)]

pub mod crypto;
pub mod endpoint;
pub mod error;
pub mod id;
pub mod limits;
pub mod media;
pub mod rate;
pub mod room;
pub mod stats;
pub mod time;
pub mod wire;
