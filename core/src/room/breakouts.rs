//! The breakout rooms of a room: which there are, and who of the meeting belongs where.

use heapless::Vec;

use super::roles::Name;
use crate::id::RoomId;
use crate::limits::{BREAKOUTS_MAX, ROOM_PARTICIPANTS_MAX};
use crate::time::{Duration, Instant};

/// Whoever was asked to go elsewhere is waited for so long before the rooms close.
pub const BREAKOUT_GRACE: Duration = Duration::from_secs(5);
/// A meeting that nobody is in keeps its breakout rooms for so long: a connection may come back.
pub const BREAKOUT_EMPTY_MAX: Duration = Duration::from_secs(10);

/// A room's place among the breakout rooms of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breakout {
    /// The room that it belongs to.
    pub parent: RoomId,
    /// Its number there, from 1.
    pub number: u8,
}

/// Those of one room.
#[derive(Clone, Debug, Default)]
pub struct Breakouts {
    rooms: Vec<RoomId, BREAKOUTS_MAX>,
    /// Everybody who was sent anywhere, and where to; 0: back.
    people: Vec<(Name, u8), ROOM_PARTICIPANTS_MAX>,
    /// When everybody is asked to come back.
    pub ends_at: Option<Instant>,
    /// When whoever has not come back is put out.
    pub closes_at: Option<Instant>,
    /// Since when nobody is in the meeting.
    pub empty_since: Option<Instant>,
}

impl Breakouts {
    /// The rooms, by number from 1.
    pub fn rooms(&self) -> impl Iterator<Item = (u8, RoomId)> + '_ {
        (1..).zip(self.rooms.iter().copied())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rooms.len()
    }

    /// Whether there are any that one may go to.
    pub fn is_open(&self) -> bool {
        !self.rooms.is_empty() && self.closes_at.is_none()
    }

    /// The room of that number.
    pub fn room(&self, number: u8) -> Option<RoomId> {
        self.rooms().find(|(other, _)| *other == number).map(|(_, room)| room)
    }

    /// One more; its number. None if there are as many as there may be.
    pub fn add(&mut self, room: RoomId) -> Option<u8> {
        self.rooms.push(room).ok()?;
        u8::try_from(self.rooms.len()).ok()
    }

    /// Where somebody belongs, if they were sent anywhere.
    pub fn of(&self, username: &str) -> Option<u8> {
        self.people.iter().find(|(name, _)| name == username).map(|(_, number)| *number)
    }

    /// Everybody who was sent anywhere.
    pub fn people(&self) -> impl Iterator<Item = (&Name, u8)> {
        self.people.iter().map(|(name, number)| (name, *number))
    }

    /// Sends somebody there. False if as many were sent as can be.
    pub fn send(&mut self, username: &Name, number: u8) -> bool {
        if let Some((_, known)) = self.people.iter_mut().find(|(name, _)| name == username) {
            *known = number;
            return true;
        }
        self.people.push((username.clone(), number)).is_ok()
    }

    /// The room that the fewest were sent to, the first of several.
    pub fn emptiest(&self) -> Option<u8> {
        let sent_to = |number: u8| self.people.iter().filter(|(_, other)| *other == number).count();
        self.rooms().map(|(number, _)| number).min_by_key(|number| sent_to(*number))
    }

    /// How many places of the room are kept for those who are away.
    pub fn away(&self) -> usize {
        self.people.iter().filter(|(_, number)| *number != 0).count()
    }

    /// Somebody has left the meeting.
    pub fn forget(&mut self, username: &str) {
        self.people.retain(|(name, _)| name != username);
    }

    /// Everybody belongs to the room itself.
    pub fn call_back(&mut self) {
        self.people.iter_mut().for_each(|(_, number)| *number = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::try_from(text).unwrap()
    }

    #[test]
    fn there_is_an_end_to_rooms_and_numbers_are_in_order() {
        let mut breakouts = Breakouts::default();
        assert!(!breakouts.is_open());
        for (number, room) in (1..=8).zip(11..) {
            assert_eq!(breakouts.add(RoomId(room)), Some(number));
        }
        assert_eq!((breakouts.add(RoomId(99)), breakouts.count()), (None, 8));
        assert_eq!((breakouts.room(0), breakouts.room(3), breakouts.room(9)), (None, Some(RoomId(13)), None));
    }

    #[test]
    fn whoever_is_sent_is_where_they_were_sent_last_until_they_leave() {
        let mut breakouts = Breakouts::default();
        assert_eq!(breakouts.emptiest(), None);
        breakouts.add(RoomId(11));
        breakouts.add(RoomId(12));
        assert!(breakouts.send(&name("an."), 1) && breakouts.send(&name("binh"), 1));
        assert_eq!((breakouts.emptiest(), breakouts.away()), (Some(2), 2));
        assert!(breakouts.send(&name("an."), 2) && breakouts.send(&name("binh"), 0));
        assert_eq!((breakouts.of("an."), breakouts.of("binh"), breakouts.of("chi")), (Some(2), Some(0), None));
        assert_eq!(breakouts.away(), 1);
        breakouts.forget("an.");
        assert_eq!((breakouts.of("an."), breakouts.away()), (None, 0));
        breakouts.send(&name("chi"), 2);
        breakouts.call_back();
        assert_eq!((breakouts.of("chi"), breakouts.away()), (Some(0), 0));
    }
}
