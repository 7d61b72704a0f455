//! Fuzz targets: functions that take any bytes, do with them what an attacker could, and panic if a promise breaks.
//!
//! The same code runs in libFuzzer (`tests/fuzz`) and over the committed corpora in every test run
//! (`tests/corpus.rs`). Where a check would stop all noise at the door (a seal, a proof), a target lets the bytes
//! decide what a holder of the real keys would say, so that what lies behind the door is reached too.

mod client_machine;
mod client_truth;
mod client_world;
mod control_stream;
mod datagram;
mod input;
mod jpeg_gate;
mod packet;
mod reassembly;
mod repair;
mod sealed;
mod server_machine;
mod server_truth;
mod server_world;
mod sframe_header;
mod sign_in;
mod sign_in_client;
mod sign_in_server;
mod strip;
mod text;
mod voice_packet;

use std::cell::RefCell;
use std::collections::BTreeSet;

pub use client_machine::client_machine;
pub use control_stream::control_stream;
pub use datagram::datagram;
pub use jpeg_gate::jpeg_gate;
pub use reassembly::reassembly;
pub use repair::repair;
pub use sealed::sealed;
pub use server_machine::server_machine;
pub use sframe_header::sframe_header;
pub use sign_in::sign_in;
pub use strip::strip;
pub use text::text;
pub use voice_packet::voice_packet;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the function, of the libFuzzer program, and of the directory of its corpus.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// What its corpus must reach, or it has gone stale.
    pub landmarks: &'static [&'static str],
}

/// Every target.
pub const TARGETS: [Target; 13] = [
    Target { name: "client_machine", run: client_machine, landmarks: client_machine::LANDMARKS },
    Target { name: "control_stream", run: control_stream, landmarks: control_stream::LANDMARKS },
    Target { name: "datagram", run: datagram, landmarks: datagram::LANDMARKS },
    Target { name: "jpeg_gate", run: jpeg_gate, landmarks: jpeg_gate::LANDMARKS },
    Target { name: "reassembly", run: reassembly, landmarks: reassembly::LANDMARKS },
    Target { name: "repair", run: repair, landmarks: repair::LANDMARKS },
    Target { name: "sealed", run: sealed, landmarks: sealed::LANDMARKS },
    Target { name: "server_machine", run: server_machine, landmarks: server_machine::LANDMARKS },
    Target { name: "sframe_header", run: sframe_header, landmarks: sframe_header::LANDMARKS },
    Target { name: "sign_in", run: sign_in, landmarks: sign_in::LANDMARKS },
    Target { name: "strip", run: strip, landmarks: strip::LANDMARKS },
    Target { name: "text", run: text, landmarks: text::LANDMARKS },
    Target { name: "voice_packet", run: voice_packet, landmarks: voice_packet::LANDMARKS },
];

thread_local! {
    static REACHED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes that this thread came to a landmark.
fn reach(landmark: &'static str) {
    REACHED.with_borrow_mut(|reached| reached.insert(landmark));
}

/// The landmarks that this thread has come to since the last call.
pub fn take_reached() -> BTreeSet<&'static str> {
    REACHED.take()
}
