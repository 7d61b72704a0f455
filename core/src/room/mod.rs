//! A room on the server: who is in it, in which place, with which tracks.
//!
//! State is told to members by version: every change gives its place the next version, and a member who has seen
//! version *v* is told the places with a later one, oldest first. Nothing is queued, so nothing overflows, and a slow
//! reader skips what was overtaken.
//!
//! - [`active_speaker`]: who speaks, from the levels of voice packets.
//! - [`allocation`]: which size of each picture a receiver gets.
//! - [`breakouts`]: rooms that a room is split into.
//! - [`reaction`]: signs that are shown for a moment.
//! - [`roles`]: what somebody is, and who may come in.
//! - [`rights`]: who may do what.

pub mod active_speaker;
pub mod allocation;
pub mod breakouts;
pub mod reaction;
pub mod rights;
pub mod roles;

use heapless::String;

use crate::error::Full;
use crate::id::{RoomId, Slot, TrackId};
use crate::limits::{ROOM_NAME_MAX_BYTES, ROOM_PARTICIPANTS_MAX, TRACKS_MAX};
use crate::wire::control::TrackInfo;
use breakouts::{Breakout, Breakouts};
use roles::Staff;

/// Somebody in a room.
#[derive(Clone, Debug)]
pub struct Participant {
    /// Index of their session in the server's table.
    pub session: u16,
    /// Number of this membership, unique in the room.
    pub member: u32,
    /// Their tracks as they announced them.
    pub tracks: [TrackInfo; TRACKS_MAX],
    /// 0: their hand is down; else the lower the earlier it was raised.
    pub hand: u32,
}

/// One place in a room.
#[derive(Clone, Debug, Default)]
struct Place {
    participant: Option<Participant>,
    /// Version of the last change, 0 for never used.
    changed: u32,
}

/// One room.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name.
    pub name: String<ROOM_NAME_MAX_BYTES>,
    /// Number of the newest chat message.
    pub chat_latest: u64,
    /// Who keeps order, and who may come in.
    pub staff: Staff,
    /// The breakout rooms that it is split into.
    pub breakouts: Breakouts,
    /// Whose breakout room it is, if it is one.
    pub breakout: Option<Breakout>,
    hands: u32,
    version: u32,
    members: u32,
    places: [Place; ROOM_PARTICIPANTS_MAX],
}

/// What a member is told next.
#[derive(Debug)]
pub struct Change<'a> {
    /// The place.
    pub slot: Slot,
    /// Who is there now.
    pub participant: Option<&'a Participant>,
    /// The version that the member has seen after this.
    pub version: u32,
}

impl Room {
    /// An empty room.
    pub fn new(id: RoomId, name: String<ROOM_NAME_MAX_BYTES>, chat_latest: u64) -> Self {
        Self {
            id,
            name,
            chat_latest,
            staff: Staff::default(),
            breakouts: Breakouts::default(),
            breakout: None,
            hands: 0,
            version: 0,
            members: 0,
            places: Default::default(),
        }
    }

    /// How many are in it.
    pub fn people(&self) -> usize {
        self.places.iter().filter(|place| place.participant.is_some()).count()
    }

    /// The version of the newest change.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Takes the next free place after the one taken last, so that a place rests before it is used again.
    ///
    /// # Errors
    /// [`Full`] if all places are taken.
    pub fn join(&mut self, session: u16) -> Result<(Slot, u32), Full> {
        let full = Full { what: "participants of a room", max: ROOM_PARTICIPANTS_MAX };
        let start = self.members as usize % ROOM_PARTICIPANTS_MAX;
        let free = (start..ROOM_PARTICIPANTS_MAX)
            .chain(0..start)
            .find(|&index| self.places.get(index).is_some_and(|place| place.participant.is_none()));
        let index = free.ok_or(full)?;
        let member = self.members.wrapping_add(1);
        self.members = member;
        let place = self.places.get_mut(index).ok_or(full)?;
        place.participant = Some(Participant { session, member, tracks: Default::default(), hand: 0 });
        self.touch(index);
        Ok((Slot(index as u16), member))
    }

    /// Frees a place.
    pub fn leave(&mut self, slot: Slot) {
        let index = usize::from(slot.0);
        if let Some(place) = self.places.get_mut(index)
            && place.participant.take().is_some()
        {
            self.touch(index);
        }
    }

    /// Who is in that place.
    pub fn participant(&self, slot: Slot) -> Option<&Participant> {
        self.places.get(usize::from(slot.0))?.participant.as_ref()
    }

    /// Everybody, with their places.
    pub fn participants(&self) -> impl Iterator<Item = (Slot, &Participant)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(index, place)| Some((Slot(index as u16), place.participant.as_ref()?)))
    }

    /// Sets the state of a track. Unchanged state makes no noise.
    pub fn set_track(&mut self, slot: Slot, track: TrackId, info: TrackInfo) {
        let index = usize::from(slot.0);
        let known = self
            .places
            .get_mut(index)
            .and_then(|place| place.participant.as_mut()?.tracks.get_mut(usize::from(track.0)));
        if let Some(known) = known
            && *known != info
        {
            *known = info;
            self.touch(index);
        }
    }

    /// Raises or lowers a hand. One that is up keeps its turn.
    pub fn set_hand(&mut self, slot: Slot, is_up: bool) {
        let index = usize::from(slot.0);
        let next = self.hands.wrapping_add(1).max(1);
        let Some(participant) = self.places.get_mut(index).and_then(|place| place.participant.as_mut()) else { return };
        if is_up == (participant.hand != 0) {
            return;
        }
        participant.hand = if is_up { next } else { 0 };
        if is_up {
            self.hands = next;
        }
        self.touch(index);
    }

    /// Something about whoever is in that place has changed that is not kept there.
    pub fn tell_again(&mut self, slot: Slot) {
        self.touch(usize::from(slot.0));
    }

    /// Those who keep order, and everybody who is there.
    pub fn staff_and_participants(&mut self) -> (&mut Staff, impl Iterator<Item = &Participant>) {
        (&mut self.staff, self.places.iter().filter_map(|place| place.participant.as_ref()))
    }

    /// The oldest change after version `seen`. A member who joined at version `joined` was never told of the places
    /// that were free before.
    pub fn change_after(&self, seen: u32, joined: u32) -> Option<Change<'_>> {
        let place_matters =
            |place: &Place| place.changed > seen && (place.participant.is_some() || place.changed > joined);
        let (index, place) = self
            .places
            .iter()
            .enumerate()
            .filter(|(_, place)| place_matters(place))
            .min_by_key(|(_, place)| place.changed)?;
        Some(Change { slot: Slot(index as u16), participant: place.participant.as_ref(), version: place.changed })
    }

    fn touch(&mut self, index: usize) {
        self.version = self.version.saturating_add(1);
        if let Some(place) = self.places.get_mut(index) {
            place.changed = self.version;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room::new(RoomId(1), String::try_from("Nhóm 17").unwrap(), 0)
    }

    const ON: TrackInfo = TrackInfo { is_on: true, codec: crate::wire::control::Codec::Jpeg, width: 640, height: 360 };

    #[test]
    fn a_room_takes_32_and_refuses_the_33rd() {
        let mut room = room();
        for session in 0..32 {
            assert!(room.join(session).is_ok());
        }
        assert_eq!(room.join(32), Err(Full { what: "participants of a room", max: 32 }));
        assert_eq!(room.people(), 32);
    }

    #[test]
    fn a_freed_place_rests_before_it_is_used_again() {
        let mut room = room();
        let (first, _) = room.join(1).unwrap();
        room.leave(first);
        let (second, _) = room.join(2).unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn a_member_is_told_every_change_once_and_in_order() {
        let mut room = room();
        let (a, _) = room.join(1).unwrap();
        let joined = room.version();
        let (b, _) = room.join(2).unwrap();
        room.set_track(b, TrackId::CAMERA, ON);
        room.set_track(b, TrackId::CAMERA, ON);
        room.leave(a);
        let mut seen = 0;
        let mut told = std::vec::Vec::new();
        while let Some(change) = room.change_after(seen, joined) {
            told.push((change.slot, change.participant.is_some()));
            seen = change.version;
        }
        assert_eq!(told, [(b, true), (a, false)]);
        assert_eq!(seen, room.version());
    }

    #[test]
    fn a_newcomer_is_not_told_of_places_that_were_left_before() {
        let mut room = room();
        let (a, _) = room.join(1).unwrap();
        room.leave(a);
        room.join(2).unwrap();
        let joined = room.version();
        let change = room.change_after(0, joined).unwrap();
        assert!(change.participant.is_some());
        assert!(room.change_after(change.version, joined).is_none());
    }

    extern crate std;
}
