//! The client machine for a browser: what speaks the protocol, seals, opens, puts together, orders voices and codes strips
//! is the same code as in every other client, compiled to WebAssembly. The page gives it bytes and the time, and does what
//! only a browser can: the WebSocket, camera and microphone, Opus, the screen and the loudspeaker.
//!
//! - [`Client`]: sign-in, rooms, datagrams.
//! - [`Host`]: what the page does for it.
//! - [`Mixer`]: what is heard, in an instance of its own on the thread of the sound.
//! - [`events`]: what happened, as JSON objects.
//! - `abi`: the functions that the page calls, and the only place with raw memory.
//!
//! Layer: a frontend without an engine thread, above `hph-core` and the part of `hph-platform` that needs no machine.

#[cfg(target_family = "wasm")]
mod abi;
mod client;
pub mod events;
mod host;
mod json;
mod mixer;
mod output;
mod paced;
mod pictures;
mod publish;
mod storage;
mod voices;

pub use client::{Account, Client};
pub use host::{Host, VoicePacket};
pub use mixer::Mixer;
