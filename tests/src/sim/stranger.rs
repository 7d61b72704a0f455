//! Somebody on the network without any key: copies, repeats, changes and makes up datagrams.

use std::net::{Ipv4Addr, SocketAddr};

use hph_core::limits::DATAGRAM_MAX_BYTES;

use super::MS;
use super::network::flip;
use super::random::Random;
use super::world::{Happening, World};

/// Datagrams of each direction that the stranger keeps.
const KEPT_MAX: usize = 48;

/// What the stranger has overheard.
#[derive(Debug, Default)]
pub struct Stranger {
    to_server: Vec<Vec<u8>>,
    to_client: Vec<Vec<u8>>,
    next_port: u16,
}

impl Stranger {
    /// Overhears a datagram to the server.
    pub fn record(&mut self, random: &mut Random, bytes: &[u8]) {
        keep(&mut self.to_server, random, bytes);
    }

    /// Overhears a datagram to a client.
    pub fn record_answer(&mut self, random: &mut Random, bytes: &[u8]) {
        keep(&mut self.to_client, random, bytes);
    }

    fn address(&mut self, random: &mut Random) -> SocketAddr {
        self.next_port = self.next_port.wrapping_add(1);
        let port = if random.chance(500) { 7 } else { 2000 + self.next_port };
        SocketAddr::new(Ipv4Addr::new(203, 0, 113, 9).into(), port)
    }
}

fn keep(kept: &mut Vec<Vec<u8>>, random: &mut Random, bytes: &[u8]) {
    if kept.len() < KEPT_MAX {
        kept.push(bytes.to_vec());
    } else if random.chance(200) {
        kept[random.below(KEPT_MAX as u64) as usize] = bytes.to_vec();
    }
}

/// Makes something of a datagram that was overheard, or of nothing.
fn forge(random: &mut Random, overheard: &[Vec<u8>]) -> Vec<u8> {
    let known = random.pick(overheard).cloned();
    match (random.below(5), known) {
        (0, _) | (_, None) => {
            let len = random.below(DATAGRAM_MAX_BYTES as u64 + 50) as usize;
            random.bytes(len)
        }
        (1, Some(known)) => known,
        (2, Some(mut known)) => {
            flip(&mut known, random);
            known
        }
        (3, Some(mut known)) => {
            known.truncate(random.below(known.len() as u64) as usize);
            known
        }
        // The head of one and the rest of another.
        (_, Some(known)) => {
            let other = random.pick(overheard).cloned().unwrap_or_default();
            let head = (random.below(80) as usize).min(known.len());
            [&known[..head], other.get(head..).unwrap_or_default()].concat()
        }
    }
}

impl World<'_> {
    /// The stranger or the malicious member does something.
    pub fn attack(&mut self) {
        if self.random.chance(500) {
            self.attack_as_member();
            return;
        }
        let at_us = self.now_us + self.random.below(30) * MS;
        let victim = self.random.pick(&self.clients).map(|client| client.address);
        if self.random.chance(700) {
            let bytes = forge(&mut self.random, &self.stranger.to_server);
            let own = self.stranger.address(&mut self.random);
            let from = victim.filter(|_| self.random.chance(300)).unwrap_or(own);
            self.schedule(at_us, Happening::AtServer { from, bytes });
        } else if let Some(to) = victim {
            let overheard = if self.random.chance(800) { &self.stranger.to_client } else { &self.stranger.to_server };
            let bytes = forge(&mut self.random, overheard);
            self.schedule(at_us, Happening::AtAddress { to, bytes });
        }
    }
}
