//! The packets that were sent last, as they were sealed end to end, so that they can be sent again.
//!
//! A table of sets of `WAYS` places: a packet may lie in any place of the set that its number names, and the oldest of
//! the set makes room. So nothing is ever moved or searched, and a burst of one track reaches every set in turn before
//! it overwrites what another track sent.

use super::track_window::TrackKey;
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES};

/// Bytes of a place: the longest payload of a Media datagram.
pub const CACHE_PACKET_BYTES: usize = DATAGRAM_MAX_BYTES - HOP_PREFIX_BYTES;

const WAYS: usize = 4;

/// What lies in one place. Start every one as [`CachePlace::EMPTY`].
#[derive(Clone, Copy, Debug)]
pub struct CachePlace {
    key: TrackKey,
    seq: u32,
    stored: u32,
    len_bytes: u16,
    clear_len_bytes: u16,
}

impl CachePlace {
    /// A place that holds nothing.
    pub const EMPTY: Self = Self {
        key: TrackKey { room: 0, sender: 0, track: 0, layer: 0 },
        seq: 0,
        stored: 0,
        len_bytes: 0,
        clear_len_bytes: 0,
    };

    fn holds(&self, key: TrackKey, seq: u32) -> bool {
        self.len_bytes > 0 && self.seq == seq && self.key == key
    }
}

/// A packet that is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedPacket<'a> {
    /// From the media header on.
    pub payload: &'a [u8],
    /// Length of what the hop seal covers of it.
    pub clear_len_bytes: usize,
}

/// The packets that were sent last, in memory that the caller lends.
///
/// **Bound:** storing costs one copy, finding at most four comparisons.
#[derive(Debug, Default)]
pub struct PacketCache<'a> {
    places: &'a mut [CachePlace],
    memory: &'a mut [u8],
    sets: u32,
    /// How many were stored, wrapping: the age of a place.
    stored: u32,
}

impl<'a> PacketCache<'a> {
    /// Takes over the memory. **Shape:** [`CACHE_PACKET_BYTES`] of `memory` for each place; what is left over of either is
    /// not used, and fewer than four places hold nothing.
    pub fn new(places: &'a mut [CachePlace], memory: &'a mut [u8]) -> Self {
        places.fill(CachePlace::EMPTY);
        let usable = places.len().min(memory.len() / CACHE_PACKET_BYTES);
        let sets = u32::try_from(usable / WAYS).unwrap_or(u32::MAX);
        Self { places, memory, sets, stored: 0 }
    }

    /// Keeps a packet, in place of an old one. One that is too long is not kept.
    pub fn store(&mut self, key: TrackKey, seq: u32, clear_len_bytes: usize, payload: &[u8]) {
        let Some(first) = self.first_place(key, seq) else { return };
        let Some(set) = self.places.get_mut(first..first.saturating_add(WAYS)) else { return };
        let now = self.stored;
        let age = |place: &CachePlace| {
            if place.len_bytes == 0 || place.holds(key, seq) { u32::MAX } else { now.wrapping_sub(place.stored) }
        };
        let Some((way, place)) = set.iter_mut().enumerate().max_by_key(|(_, place)| age(place)) else { return };
        let begin = first.saturating_add(way).saturating_mul(CACHE_PACKET_BYTES);
        let memory = self.memory.get_mut(begin..begin.saturating_add(CACHE_PACKET_BYTES));
        let Some(space) = memory.and_then(|memory| memory.get_mut(..payload.len())) else { return };
        space.copy_from_slice(payload);
        let (len_bytes, clear_len_bytes) = (payload.len() as u16, clear_len_bytes as u16);
        *place = CachePlace { key, seq, stored: now, len_bytes, clear_len_bytes };
        self.stored = now.wrapping_add(1);
    }

    /// The packet with that number, if it is still there.
    pub fn find(&self, key: TrackKey, seq: u32) -> Option<CachedPacket<'_>> {
        let first = self.first_place(key, seq)?;
        let set = self.places.get(first..first.saturating_add(WAYS))?;
        let (way, place) = set.iter().enumerate().find(|(_, place)| place.holds(key, seq))?;
        let begin = first.saturating_add(way).saturating_mul(CACHE_PACKET_BYTES);
        let payload = self.memory.get(begin..begin.saturating_add(place.len_bytes.into()))?;
        Some(CachedPacket { payload, clear_len_bytes: place.clear_len_bytes.into() })
    }

    /// Where the set of that packet begins. Consecutive packets of a track lie in consecutive sets.
    fn first_place(&self, key: TrackKey, seq: u32) -> Option<usize> {
        let track = key.room ^ u32::from(key.sender) << 8 ^ u32::from(key.track) << 4 ^ u32::from(key.layer);
        // Fibonacci hashing: tracks begin far apart.
        let begin = track.wrapping_mul(0x9e37_79b9) >> 12;
        let set = begin.wrapping_add(seq).checked_rem(self.sets)?;
        (set as usize).checked_mul(WAYS)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;

    const KEY: TrackKey = TrackKey { room: 1, sender: 2, track: 1, layer: 0 };

    fn memory(places: usize) -> (Vec<CachePlace>, Vec<u8>) {
        (vec![CachePlace::EMPTY; places], vec![0; places * CACHE_PACKET_BYTES])
    }

    #[test]
    fn the_newest_packets_are_found_as_they_were_and_older_ones_are_gone() {
        let (mut places, mut bytes) = memory(64);
        let mut cache = PacketCache::new(&mut places, &mut bytes);
        let packet = |seq: u32| vec![seq as u8; 1 + seq as usize % CACHE_PACKET_BYTES];
        for seq in 0..1000 {
            cache.store(KEY, u32::MAX.wrapping_add(seq), 55, &packet(seq));
        }
        for seq in 0..1000 {
            let found = cache.find(KEY, u32::MAX.wrapping_add(seq));
            let expected = packet(seq);
            let expected = CachedPacket { payload: &expected, clear_len_bytes: 55 };
            assert_eq!(found, (seq >= 1000 - 64).then_some(expected), "{seq}");
        }
        assert_eq!(cache.find(TrackKey { layer: 1, ..KEY }, 990), None);
    }

    #[test]
    fn tracks_that_share_the_table_lose_only_what_is_old() {
        let (mut places, mut bytes) = memory(1024);
        let mut cache = PacketCache::new(&mut places, &mut bytes);
        let of = |sender: u16| TrackKey { sender, ..KEY };
        for seq in 0..2000 {
            for sender in 0..8 {
                cache.store(of(sender), seq, 1, &[sender as u8, seq as u8]);
            }
        }
        // 128 of each fit; nearly all of the newest 64 of each must be there.
        let recent = (0..8).flat_map(|sender| (1936..2000).map(move |seq| (sender, seq)));
        let found = recent.filter(|(sender, seq)| cache.find(of(*sender), *seq).is_some()).count();
        assert!(found > 8 * 64 * 9 / 10, "{found} of 512");
    }

    #[test]
    fn a_packet_that_is_sent_again_takes_no_second_place() {
        let (mut places, mut bytes) = memory(4);
        let mut cache = PacketCache::new(&mut places, &mut bytes);
        for seq in 0..4 {
            cache.store(KEY, seq, 1, &[seq as u8]);
        }
        cache.store(KEY, 3, 1, b"again");
        assert_eq!(cache.find(KEY, 3).map(|packet| packet.payload), Some(&b"again"[..]));
        assert!((0..3).all(|seq| cache.find(KEY, seq).is_some()));
        cache.store(KEY, 5, 1, &[0; CACHE_PACKET_BYTES + 1]);
        assert_eq!(cache.find(KEY, 5), None);
    }

    #[test]
    fn without_memory_nothing_is_kept() {
        let mut cache = PacketCache::default();
        cache.store(KEY, 1, 1, b"x");
        assert_eq!(cache.find(KEY, 1), None);
        let (mut places, mut bytes) = memory(3);
        let mut cache = PacketCache::new(&mut places, &mut bytes);
        cache.store(KEY, 1, 1, b"x");
        assert_eq!(cache.find(KEY, 1), None);
    }
}
