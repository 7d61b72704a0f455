//! What is kept of a run: the digest of everything that was sent and delivered, counts, and cost per stage.

use core::fmt;

use sha2::{Digest, Sha256};

use crate::Counter;

/// A step whose cost is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// A client wraps its media key for another device, among what else a newcomer brings.
    Greet,
    /// A client opens a key that was wrapped for it.
    TakeKey,
    /// A client cuts a fragment, seals it end to end and for the hop.
    SendFragment,
    /// The server checks a datagram and sends it on to two receivers.
    RelayToTwo,
    /// The server checks a datagram and sends it on to one receiver.
    RelayToOne,
    /// A client checks a datagram, opens its fragment and puts it into its frame.
    ReceiveFragment,
    /// Hop header and media layout are read.
    Parse,
    /// The hop tag over a media packet's headers is made.
    HopSeal,
    /// The same is checked, replay window included.
    HopOpen,
    /// A full fragment is sealed end to end.
    EndToEndSeal,
    /// The same is opened, replay window included.
    EndToEndOpen,
    /// A full fragment is put into its frame.
    Reassemble,
}

impl Stage {
    /// Every stage, and its name in the report.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Greet, "greet_newcomer"),
        (Self::TakeKey, "take_key"),
        (Self::SendFragment, "send_fragment"),
        (Self::RelayToTwo, "relay_to_two"),
        (Self::RelayToOne, "relay_to_one"),
        (Self::ReceiveFragment, "receive_fragment"),
        (Self::Parse, "parse"),
        (Self::HopSeal, "hop_seal"),
        (Self::HopOpen, "hop_open"),
        (Self::EndToEndSeal, "end_to_end_seal"),
        (Self::EndToEndOpen, "end_to_end_open"),
        (Self::Reassemble, "reassemble"),
    ];
}

/// How often a stage ran, and what it cost in all.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    times: u64,
    total: u64,
}

/// Everything that a run leaves behind.
pub struct Outcome {
    hash: Sha256,
    costs: [Cost; Stage::ALL.len()],
    /// Whole frames delivered to each client.
    pub frames: [u32; 3],
    /// Control messages that were carried.
    pub controls: u32,
    /// Datagrams that were carried.
    pub datagrams: u32,
    /// Media keys that were carried, wrapped.
    pub keys: u32,
    /// Media datagrams that the server sent on.
    pub forwarded: u64,
    /// Datagrams that the server dropped.
    pub server_drops: u64,
    /// Datagrams that the clients dropped.
    pub client_drops: u64,
    /// Frames that the clients gave up.
    pub frames_lost: u64,
}

impl Outcome {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self {
            hash: Sha256::new(),
            costs: Default::default(),
            frames: [0; 3],
            controls: 0,
            datagrams: 0,
            keys: 0,
            forwarded: 0,
            server_drops: 0,
            client_drops: 0,
            frames_lost: 0,
        }
    }

    /// Takes something that was sent or delivered into the digest; `tag` tells what, from or to whom.
    pub(crate) fn absorb(&mut self, tag: [u8; 2], bytes: &[u8]) {
        self.hash.update(tag);
        self.hash.update((bytes.len() as u32).to_be_bytes());
        self.hash.update(bytes);
    }

    /// Adds what `times` runs of a stage have cost.
    pub(crate) fn charge(&mut self, stage: Stage, times: u64, total: u64) {
        let cost = &mut self.costs[stage as usize];
        cost.times += times;
        cost.total += total;
    }

    /// Runs `step` and adds what it cost.
    pub(crate) fn time<T>(&mut self, count: Counter, stage: Stage, step: impl FnOnce() -> T) -> T {
        let begin = count();
        let result = step();
        self.charge(stage, 1, count() - begin);
        result
    }

    /// What one run of a stage costs on average, in the counter's units; none if it never ran.
    pub fn cost(&self, stage: Stage) -> Option<u64> {
        let cost = self.costs[stage as usize];
        cost.total.checked_div(cost.times)
    }

    /// SHA-256 over everything that was sent and delivered.
    pub fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

impl Default for Outcome {
    fn default() -> Self {
        Self::new()
    }
}

/// What must be the same on every machine, a line each: name and value.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "digest ")?;
        for byte in self.digest() {
            write!(f, "{byte:02x}")?;
        }
        let [first, second, third] = self.frames;
        writeln!(f, "\nframes_delivered {first} {second} {third}")?;
        writeln!(f, "frames_lost {}", self.frames_lost)?;
        writeln!(f, "control_messages {}", self.controls)?;
        writeln!(f, "keys_wrapped {}", self.keys)?;
        writeln!(f, "datagrams {}", self.datagrams)?;
        writeln!(f, "forwarded {}", self.forwarded)?;
        writeln!(f, "dropped_by_server {}", self.server_drops)?;
        writeln!(f, "dropped_by_clients {}", self.client_drops)
    }
}
