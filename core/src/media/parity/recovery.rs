//! The receiving side of parity: keeps sealed packets until their group is whole or can be made whole.

use super::{END_MARK, Multiples, SYMBOL_MAX_BYTES, chunks, coefficient, fill, inverse, product, split};
use crate::limits::{PARITY_GROUP_PACKETS_MAX, PARITY_GROUP_PARITY_MAX};
use crate::media::track_window::TrackKey;
use crate::time::Instant;
use crate::wire::media::MediaHeader;

/// Memory of one group that is kept, in bytes.
pub const RECOVERY_PLACE_BYTES: usize = (PARITY_GROUP_PACKETS_MAX + PARITY_GROUP_PARITY_MAX) * SYMBOL_MAX_BYTES;

type Row = [u8; SYMBOL_MAX_BYTES];
type Matrix = [[u8; PARITY_GROUP_PARITY_MAX]; PARITY_GROUP_PARITY_MAX];

/// What is kept of one group. Start every one as [`RecoveryPlace::EMPTY`].
#[derive(Clone, Copy, Debug)]
pub struct RecoveryPlace {
    /// Of a packet of the group; none while the place is free.
    header: Option<MediaHeader>,
    group: usize,
    used_at: Instant,
    /// Packets that are here, by place, and parity packets, by rank.
    packets: u64,
    parity: u16,
    /// Packets that were made again and not yet taken.
    made: u64,
}

impl RecoveryPlace {
    /// A place that nothing uses.
    pub const EMPTY: Self =
        Self { header: None, group: 0, used_at: Instant::from_micros(0), packets: 0, parity: 0, made: 0 };

    fn is_of(&self, header: &MediaHeader, group: usize) -> bool {
        let is_same = |known: MediaHeader| {
            let same_track = TrackKey::of(&known) == TrackKey::of(header) && known.frame == header.frame;
            same_track && known.count == header.count && known.parity == header.parity
        };
        self.group == group && self.header.is_some_and(is_same)
    }

    /// How many packets the group has.
    fn size(&self) -> usize {
        let Some(header) = self.header else { return 0 };
        let groups = usize::from(header.groups());
        usize::from(header.count).saturating_sub(self.group).div_ceil(groups.max(1)).min(PARITY_GROUP_PACKETS_MAX)
    }

    fn missing(&self) -> usize {
        self.size().saturating_sub(self.packets.count_ones() as usize)
    }

    fn is_solvable(&self) -> bool {
        let missing = self.missing();
        missing > 0 && self.parity.count_ones() as usize >= missing
    }
}

/// A group that can be made whole: hand it to [`Recovery::solve`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Solvable(usize);

/// Makes lost packets again, in memory that the caller lends.
///
/// **Bound:** a packet of a frame with parity costs one pass over the places and one copy; a solution at most 16 times 80
/// multiplications of a packet's length. A track that holds half of the places makes room with its own oldest.
#[derive(Debug, Default)]
pub struct Recovery<'a> {
    places: &'a mut [RecoveryPlace],
    memory: &'a mut [Row],
}

impl<'a> Recovery<'a> {
    /// Takes over the memory. **Shape:** [`RECOVERY_PLACE_BYTES`] of `memory` for each place; what is left over of either
    /// is not used.
    pub fn new(places: &'a mut [RecoveryPlace], memory: &'a mut [u8]) -> Self {
        let usable = places.len().min(memory.len() / RECOVERY_PLACE_BYTES);
        let places = places.get_mut(..usable).unwrap_or_default();
        places.fill(RecoveryPlace::EMPTY);
        Self { places, memory: memory.as_chunks_mut().0 }
    }

    /// Keeps a packet of a frame that has parity: `sealed` is all behind its media header. Says if its group can now be
    /// made whole.
    pub fn insert(&mut self, now: Instant, header: &MediaHeader, sealed: &[u8]) -> Option<Solvable> {
        let number = if header.is_parity() { header.index.saturating_sub(header.count) } else { header.index };
        let (group, within) = split(number.into(), header.groups().into());
        let index = self.find_or_make(now, header, group)?;
        let (packets, parity) = rows(self.memory, index)?;
        let place = self.places.get_mut(index)?;
        place.used_at = now;
        if header.is_parity() {
            let bit = 1u16.checked_shl(within as u32)?;
            if place.parity & bit != 0 || sealed.len() > SYMBOL_MAX_BYTES || place.missing() == 0 {
                return None;
            }
            let row = parity.get_mut(within)?;
            for (to, from) in row.iter_mut().zip(sealed.iter().chain(core::iter::repeat(&0))) {
                *to = *from;
            }
            place.parity |= bit;
        } else {
            let bit = 1u64.checked_shl(within as u32)?;
            if place.packets & bit != 0 || sealed.len() >= SYMBOL_MAX_BYTES {
                return None;
            }
            fill(packets.get_mut(within)?, sealed);
            place.packets |= bit;
        }
        place.is_solvable().then_some(Solvable(index))
    }

    /// Makes the missing packets of a group again. Take them with [`Self::next_made`].
    pub fn solve(&mut self, solvable: &Solvable) -> Option<()> {
        let place = self.places.get_mut(solvable.0).filter(|place| place.is_solvable())?;
        let (packets, parity) = rows(self.memory, solvable.0)?;
        let size = place.size();
        let mut lost = [0; PARITY_GROUP_PARITY_MAX];
        let mut ranks = [0; PARITY_GROUP_PARITY_MAX];
        let unknowns = gather(&mut lost, (0..size).filter(|at| !has(place.packets, *at)))?;
        let present = (0..PARITY_GROUP_PARITY_MAX).filter(|rank| has(place.parity.into(), *rank));
        gather(&mut ranks, present.take(unknowns))?;
        let (lost, ranks) = (lost.get(..unknowns)?, ranks.get(..unknowns)?);
        let solution = invert(lost, ranks)?;

        for range in chunks(SYMBOL_MAX_BYTES) {
            // What the packets that are here say is taken out of the parity ...
            for (at, packet) in packets.iter().enumerate().take(size).filter(|(at, _)| has(place.packets, *at)) {
                let multiples = Multiples::new(packet.get(range.clone())?);
                for rank in ranks {
                    multiples.add_to(parity.get_mut(*rank)?.get_mut(range.clone())?, coefficient(*rank, at));
                }
            }
            // ... and what is left says what the others were.
            for at in lost {
                packets.get_mut(*at)?.get_mut(range.clone())?.fill(0);
            }
            for (column, rank) in ranks.iter().enumerate() {
                let multiples = Multiples::new(parity.get(*rank)?.get(range.clone())?);
                for (at, row) in lost.iter().zip(&solution) {
                    multiples.add_to(packets.get_mut(*at)?.get_mut(range.clone())?, *row.get(column)?);
                }
            }
        }
        for at in lost {
            place.made |= 1u64.checked_shl(*at as u32)?;
        }
        place.packets |= place.made;
        Some(())
    }

    /// The next packet that was made again: its media header, and all behind it. None when all were taken.
    pub fn next_made(&mut self, solvable: &Solvable) -> Option<(MediaHeader, &[u8])> {
        let place = self.places.get_mut(solvable.0)?;
        let known = place.header?;
        while place.made != 0 {
            let within = place.made.trailing_zeros();
            place.made &= place.made.wrapping_sub(1);
            let index = (within as u16).wrapping_mul(known.groups()).wrapping_add(place.group as u16);
            let seq = known.first_seq().wrapping_add(index.into());
            let (packets, _) = rows(self.memory, solvable.0)?;
            // Read only: what is handed out is borrowed from here.
            let Some(len) = marked_len(packets.get(within as usize)?) else { continue };
            let row = self.memory.get(solvable.0.checked_mul(ROWS)?.checked_add(within as usize)?)?;
            return Some((MediaHeader { index, seq, ..known }, row.get(..len)?));
        }
        None
    }

    /// Forgets what is kept of whoever was in that place.
    pub fn forget(&mut self, room: u32, sender: u16) {
        let is_gone = |header: MediaHeader| (header.room.0, header.sender.0) == (room, sender);
        for place in self.places.iter_mut().filter(|place| place.header.is_some_and(is_gone)) {
            *place = RecoveryPlace::EMPTY;
        }
    }

    fn find_or_make(&mut self, now: Instant, header: &MediaHeader, group: usize) -> Option<usize> {
        if let Some(known) = self.places.iter().position(|place| place.is_of(header, group)) {
            return Some(known);
        }
        let is_own = |place: &RecoveryPlace| place.header.is_some_and(|of| TrackKey::of(&of) == TrackKey::of(header));
        let held = self.places.iter().filter(|place| is_own(place)).count();
        let must_be_own = held > 0 && held >= self.places.len() / 2;
        let candidates = self.places.iter().enumerate().filter(|(_, place)| !must_be_own || is_own(place));
        let oldest = candidates.min_by_key(|(_, place)| (place.header.is_some(), place.used_at));
        let (index, _) = oldest?;
        let place = self.places.get_mut(index)?;
        *place = RecoveryPlace { header: Some(*header), group, used_at: now, ..RecoveryPlace::EMPTY };
        Some(index)
    }
}

const ROWS: usize = PARITY_GROUP_PACKETS_MAX + PARITY_GROUP_PARITY_MAX;

/// The packets and the parity of a place.
fn rows(memory: &mut [Row], index: usize) -> Option<(&mut [Row], &mut [Row])> {
    let begin = index.checked_mul(ROWS)?;
    let all = memory.get_mut(begin..begin.checked_add(ROWS)?)?;
    all.split_at_mut_checked(PARITY_GROUP_PACKETS_MAX)
}

fn has(map: u64, at: usize) -> bool {
    map.checked_shr(at as u32).unwrap_or(0) & 1 != 0
}

/// Puts numbers into an array and says how many they are; none if they are too many.
fn gather(out: &mut [usize; PARITY_GROUP_PARITY_MAX], numbers: impl Iterator<Item = usize>) -> Option<usize> {
    let mut count = 0_usize;
    for number in numbers {
        *out.get_mut(count)? = number;
        count = count.saturating_add(1);
    }
    Some(count)
}

/// Length of the packet in a symbol.
fn marked_len(row: &Row) -> Option<usize> {
    let mark = row.iter().rposition(|byte| *byte != 0)?;
    (row.get(mark) == Some(&END_MARK) && mark > 0).then_some(mark)
}

/// As `swap`; none instead of a panic if there is no such row.
fn swap_rows(matrix: &mut Matrix, one: usize, other: usize) -> Option<()> {
    let kept = *matrix.get(one)?;
    let moved = core::mem::replace(matrix.get_mut(other)?, kept);
    *matrix.get_mut(one)? = moved;
    Some(())
}

/// What the syndromes of `ranks` must be multiplied by to give the packets at `lost`: Gauss and Jordan.
fn invert(lost: &[usize], ranks: &[usize]) -> Option<Matrix> {
    let mut left: Matrix = Default::default();
    let mut right: Matrix = Default::default();
    for (index, rank) in ranks.iter().enumerate() {
        for (to, at) in left.get_mut(index)?.iter_mut().zip(lost) {
            *to = coefficient(*rank, *at);
        }
        *right.get_mut(index)?.get_mut(index)? = 1;
    }
    for column in 0..lost.len() {
        // Every square part of a Cauchy matrix is regular, and stays so: there is a pivot.
        let pivot = (column..lost.len()).find(|row| left.get(*row).and_then(|row| row.get(column)) != Some(&0))?;
        swap_rows(&mut left, column, pivot)?;
        swap_rows(&mut right, column, pivot)?;
        let factor = inverse(*left.get(column)?.get(column)?);
        for matrix in [&mut left, &mut right] {
            for value in matrix.get_mut(column)? {
                *value = product(*value, factor);
            }
        }
        let (left_pivot, right_pivot) = (*left.get(column)?, *right.get(column)?);
        for row in (0..lost.len()).filter(|row| *row != column) {
            let factor = *left.get(row)?.get(column)?;
            for (matrix, pivot) in [(&mut left, &left_pivot), (&mut right, &right_pivot)] {
                for (value, above) in matrix.get_mut(row)?.iter_mut().zip(pivot) {
                    *value ^= product(*above, factor);
                }
            }
        }
    }
    Some(right)
}
