//! Pictures to strips and back: video of which only the changed parts are sent, each datagram of it decodable alone.
//!
//! A strip (`hph_core::media::strip`, section 15.1 of `PROTOCOL.md`) holds blocks of 16x16 pixels as the entropy data of a
//! baseline JPEG, without its headers. [`StripEncoder`] finds the blocks that have changed, [`StripDecoder`] keeps the
//! picture into which strips are put as they come.
//!
//! **Why not a JPEG library.** Those work on whole pictures: blocks would have to be put side by side in a picture of
//! their own, encoded with restart markers at fixed distances, cut there, and at the other end put together again behind
//! headers; with C code behind hand-written bindings, since no safe binding offers restart markers. What is needed is the
//! middle of a codec: transform and entropy coding of single blocks. In safe Rust that is two short files (`dct`,
//! `entropy`); strips then end exactly where a datagram is full, broken data cost only their own strip, and no unsafe
//! decoder meets a stranger's bytes. Tests check both files against a JPEG library, with headers put around a strip.
//!
//! - [`StripEncoder`], [`StripParams`], [`StripFrame`]: pictures to strips.
//! - [`StripDecoder`], [`StripFigures`]: strips to pictures.
//! - [`SymbolCounts`]: what Huffman tables are made from.

mod canvas;
mod change;
mod dct;
mod decoder;
mod encoder;
mod entropy;
mod packer;
mod samples;
mod tables;

pub use decoder::{StripDecoder, StripFigures};
pub use encoder::{StripEncoder, StripFrame, StripParams};
pub use tables::SymbolCounts;
