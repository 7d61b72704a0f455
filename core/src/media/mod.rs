//! Frames on their way: cut into fragments and put together again, voices made even again.
//!
//! - [`fragment`]: where the fragments of an encoded frame begin and end.
//! - [`track_window`]: what is known of the last 64 frames of one track: which were delivered, which were given up.
//! - [`reassembly`]: fragments of many tracks, in any order, back to whole frames.
//! - [`rate`]: how much one hop carries. [`pace`]: when a frame's datagrams leave. [`police`]: which of them would make others
//!   wait. [`ladder`]: what a picture may cost.
//! - [`red`]: the payload of a voice packet, with copies of earlier frames.
//! - [`jitter`]: voice packets, in any order, back to an even flow of sound.
//! - [`playout`]: when a picture is due, so that lips and voice go together.
//! - [`strip`]: blocks of a picture that decode without any other datagram.
//! - [`feedback`]: what became of the datagrams of a hop. [`nack`]: asking for packets that did not come. [`cache`]: the packets
//!   that were sent last. [`parity`]: making lost packets again from others.
//!
//! Layer: above [`crate::limits`], [`crate::error`] and [`crate::time`]. It must not know sockets, seals or pictures:
//! only fragments that were authenticated come here, and a frame is bytes.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used))]

pub mod cache;
mod delay;
pub mod feedback;
pub mod fragment;
pub mod jitter;
pub mod ladder;
pub mod nack;
pub mod pace;
pub mod parity;
pub mod playout;
pub mod police;
pub mod rate;
pub mod reassembly;
pub mod red;
pub mod strip;
pub mod track_window;
mod wsola;
