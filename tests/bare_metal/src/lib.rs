//! A whole meeting on the core alone: no operating system, no heap, no clock but a counted one.
//!
//! A [`Meeting`] is a server machine and three client machines in memory that is lent to them. [`run`] lets them meet and
//! checks what everybody gets: keys, frames in fragments, one fragment lost, one datagram sent twice, one altered, one
//! member who leaves. Everything sent and delivered goes into one SHA-256; on every machine it must be the same.
//!
//! `cargo run -p hph-bare-metal` runs it here. `scripts/test metal` runs it on an emulated Cortex-M4 as well, compares
//! both digests, and prints what it costs there: instructions per stage, stack, memory, code.
//!
//! **In:** joining, HPKE wraps of media keys, the datagram path's challenge, both seals, relaying, reassembly, ratchet
//! and rotation of keys; control messages go through their real encoding. **Out:** TLS (its exporter is a fixed secret
//! per client here) and sign-in: 600,000 rounds of PBKDF2 take a Cortex-M4 minutes, and that is what they are for.
//!
//! | file | what it is |
//! |---|---|
//! | `meeting.rs` | the machines, and the network between them with its faults |
//! | `mail.rs` | what is on its way; the machines' outputs |
//! | `record.rs` | digest, counts, cost per stage |
//! | `scenario.rs` | what happens, and what must follow from it |
//! | `stages.rs` | single steps of a packet's way, measured alone |
//! | `device.rs` | the Cortex-M4: instruction counter, stack, output, exit |
#![no_std]

mod mail;
mod meeting;
mod record;
mod scenario;
mod stages;

pub use meeting::{Meeting, Memory, memory_bill};
pub use record::{Outcome, Stage};
pub use scenario::run;
pub use stages::measure;

/// Counts instructions, or anything else that only grows. **Units:** the device's; nothing but the cost depends on it.
pub type Counter = fn() -> u64;
