//! Every byte that passed.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hph_core::time::Instant;
use hph_platform::clock::Clock;
use memchr::memmem;

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From a client.
    ToServer,
    /// To a client.
    ToClient,
}

/// All that passed until some moment.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Each datagram, with the time.
    pub datagrams: Vec<(Instant, Way, Vec<u8>)>,
    /// Both halves of each TCP connection.
    pub streams: BTreeMap<(usize, Way), Vec<u8>>,
}

impl Recording {
    /// Whether `needle` is somewhere in a datagram or a TCP stream.
    pub fn contains(&self, needle: &[u8]) -> bool {
        let finder = memmem::Finder::new(needle);
        let datagrams = self.datagrams.iter().map(|(_, _, bytes)| bytes);
        datagrams.chain(self.streams.values()).any(|bytes| finder.find(bytes).is_some())
    }

    /// Bytes in datagrams and in TCP streams.
    pub fn len_bytes(&self) -> (usize, usize) {
        let datagrams = self.datagrams.iter().map(|(_, _, bytes)| bytes.len()).sum();
        (datagrams, self.streams.values().map(Vec::len).sum())
    }
}

/// Where the relays write it down.
#[derive(Default)]
pub(super) struct Tape(Mutex<Recording>);

impl Tape {
    pub fn datagram(&self, way: Way, bytes: &[u8]) {
        self.0.lock().expect("nobody panics").datagrams.push((Clock::now(), way, bytes.to_vec()));
    }

    pub fn stream(&self, connection: usize, way: Way, bytes: &[u8]) {
        let mut recording = self.0.lock().expect("nobody panics");
        recording.streams.entry((connection, way)).or_default().extend_from_slice(bytes);
    }

    pub fn recording(&self) -> Recording {
        self.0.lock().expect("nobody panics").clone()
    }
}
