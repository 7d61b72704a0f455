//! Memory for repair that test clients lend to their machines: little of it, so that it runs full.

use hph_core::endpoint::client::ClientRepair;
use hph_core::media::cache::{CACHE_PACKET_BYTES, CachePlace, PacketCache};
use hph_core::media::nack::{GapTracker, Gaps, Missing};
use hph_core::media::parity::{RECOVERY_PLACE_BYTES, Recovery, RecoveryPlace, Symbol};

const SENT: usize = 32;
const TRACKS: usize = 6;
const MISSING: usize = 24;
const GROUPS: usize = 3;
const PARITY: usize = 20;

/// The memory of one client.
pub struct RepairMemory {
    sent: Vec<CachePlace>,
    sent_bytes: Vec<u8>,
    gaps: Vec<GapTracker>,
    missing: Vec<Missing>,
    groups: Vec<RecoveryPlace>,
    group_bytes: Vec<u8>,
    parity: Vec<Symbol>,
}

impl Default for RepairMemory {
    fn default() -> Self {
        Self {
            sent: vec![CachePlace::EMPTY; SENT],
            sent_bytes: vec![0; SENT * CACHE_PACKET_BYTES],
            gaps: vec![GapTracker::EMPTY; TRACKS],
            missing: vec![Missing::NONE; MISSING],
            groups: vec![RecoveryPlace::EMPTY; GROUPS],
            group_bytes: vec![0; GROUPS * RECOVERY_PLACE_BYTES],
            parity: vec![Symbol::EMPTY; PARITY],
        }
    }
}

impl RepairMemory {
    /// Lends it.
    pub fn lend(&mut self) -> ClientRepair<'_> {
        ClientRepair {
            sent: PacketCache::new(&mut self.sent, &mut self.sent_bytes),
            gaps: Gaps::new(&mut self.gaps, &mut self.missing),
            recovery: Recovery::new(&mut self.groups, &mut self.group_bytes),
            parity: &mut self.parity,
        }
    }
}
