//! How a server is split: which shard a session's datagrams belong to.

use core::num::NonZero;

use crate::id::SessionId;

/// Most shards of one server.
pub const SHARDS_MAX: usize = 8;

/// The number of shards, and with it the home of every session: the place *i* of the session table belongs to shard
/// *i* mod count. So the connection id says it already, in as many bits as the index has anyway; a shard's own table
/// has only the places that can ever be its; and a kernel finds the shard with one load and one division.
///
/// **Bounds:** 1 to [`SHARDS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(NonZero<u16>);

impl Shards {
    /// A server in one piece.
    pub const ONE: Self = Self(NonZero::<u16>::MIN);

    /// `count` shards; none counts as one, more than [`SHARDS_MAX`] as that many.
    pub const fn new(count: usize) -> Self {
        let count = if count < SHARDS_MAX { count } else { SHARDS_MAX };
        match NonZero::new(count as u16) {
            Some(count) => Self(count),
            None => Self::ONE,
        }
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        self.0.get() as usize
    }

    /// The shard of a place of the session table, below [`Self::count`].
    pub fn of_index(self, index: u16) -> usize {
        usize::from(index % self.0)
    }

    /// The shard that a session's datagrams belong to.
    pub fn home_of(self, session: SessionId) -> usize {
        self.of_index(session.table_index())
    }

    /// The session's place in the table of its home.
    pub fn place_of(self, session: SessionId) -> u16 {
        session.table_index() / self.0
    }

    /// Places that every shard's table needs if the whole session table has `sessions`.
    pub const fn places(self, sessions: usize) -> usize {
        sessions.div_ceil(self.0.get() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_has_a_place_of_its_own_in_the_table_of_its_home() {
        for count in 1..=SHARDS_MAX {
            let shards = Shards::new(count);
            assert_eq!(shards.count(), count);
            let mut taken = [[false; 100]; SHARDS_MAX];
            for index in 0..100u16 {
                let session = SessionId(0xabcd_0000 | u32::from(index));
                let (home, place) = (shards.home_of(session), usize::from(shards.place_of(session)));
                assert!(home < count && place < shards.places(100));
                assert!(!core::mem::replace(&mut taken[home][place], true), "{index} of {count}");
            }
        }
    }

    #[test]
    fn a_count_out_of_bounds_is_the_nearest_one_that_is_legal() {
        assert_eq!(Shards::new(0), Shards::ONE);
        assert_eq!(Shards::new(99).count(), SHARDS_MAX);
    }
}
