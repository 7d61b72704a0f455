//! Cutting frames into fragments and putting them together again, in memory that the caller lends.
//!
//! - [`fragment`]: where the fragments of an encoded frame begin and end.
//! - [`track_window`]: what is known of the last 64 frames of one track: which were delivered, which were given up.
//! - [`reassembly`]: fragments of many tracks, in any order, back to whole frames.
//! - [`rate`]: how much one hop carries. [`pace`]: when a frame's datagrams leave. [`ladder`]: what a picture may cost.
//!
//! Layer: above [`crate::limits`], [`crate::error`] and [`crate::time`]. It must not know sockets, seals or pictures:
//! only fragments that were authenticated come here, and a frame is bytes.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used))]

pub mod fragment;
pub mod ladder;
pub mod pace;
pub mod rate;
pub mod reassembly;
pub mod track_window;
