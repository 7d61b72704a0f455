//! The rooms of a shard, in memory that comes in blocks: a room takes 11 KB, and most servers use few of those they may have.

use super::room::RelayRoom;

/// Rooms of one block.
pub const ROOM_BLOCK: usize = 8;
/// Most blocks.
const BLOCKS_MAX: usize = 128;

/// The rooms for which there is memory.
#[derive(Default)]
pub(super) struct RoomTable<'a> {
    blocks: heapless::Vec<&'a mut [RelayRoom], BLOCKS_MAX>,
}

impl<'a> RoomTable<'a> {
    /// Takes over the rooms that follow those that are there. Whatever is not the last has whole blocks.
    pub fn lend(&mut self, rooms: &'a mut [RelayRoom]) {
        for block in rooms.chunks_mut(ROOM_BLOCK) {
            // More than a server may have are not used.
            let _ = self.blocks.push(block);
        }
    }

    /// How many there are, at most: of the last block some may be missing.
    pub fn bound(&self) -> usize {
        self.blocks.len().saturating_mul(ROOM_BLOCK)
    }

    pub fn get(&self, index: usize) -> Option<&RelayRoom> {
        self.blocks.get(index / ROOM_BLOCK)?.get(index % ROOM_BLOCK)
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut RelayRoom> {
        self.blocks.get_mut(index / ROOM_BLOCK)?.get_mut(index % ROOM_BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SessionId, Slot, TrackId};

    #[test]
    fn rooms_are_found_in_the_block_that_brought_them() {
        use super::super::Shards;
        let (mut first, mut second) = ([RelayRoom::default(); ROOM_BLOCK], [RelayRoom::default(); 3]);
        let mut table = RoomTable::default();
        assert!(table.get(0).is_none() && table.get_mut(0).is_none() && table.bound() == 0);
        table.lend(&mut first);
        assert!(table.get(ROOM_BLOCK - 1).is_some() && table.get(ROOM_BLOCK).is_none());
        table.lend(&mut second);
        for index in 0..ROOM_BLOCK + 3 {
            let room = table.get_mut(index).unwrap();
            assert!(!room.is_publishing(Slot(1), TrackId::CAMERA), "{index} is nobody else's");
            room.join(Slot(1), SessionId(1), Shards::ONE);
            room.set_track(Slot(1), TrackId::CAMERA, true, 1);
        }
        assert!(table.get(ROOM_BLOCK + 3).is_none() && table.get(usize::MAX).is_none());
        assert_eq!(table.bound(), 2 * ROOM_BLOCK);
    }
}
