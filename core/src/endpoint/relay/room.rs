//! What a shard must know of a room to pass packets on: who is where, which tracks are on, who wants what.

use super::shards::{SHARDS_MAX, Shards};
use crate::id::{SessionId, Slot, TrackId};
use crate::limits::{ROOM_PARTICIPANTS_MAX, TRACKS_MAX};

/// A bit per place of a room.
type Places = u32;

const _: () = assert!(ROOM_PARTICIPANTS_MAX <= Places::BITS as usize);

/// One room, as every shard has it. **Bound:** below 1 KiB. The receivers of a packet are a few bit operations away.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelayRoom {
    /// By shard: the places of those whose home it is.
    members: [Places; SHARDS_MAX],
    /// By track: the places in which it is on.
    publishing: [Places; TRACKS_MAX],
    /// By sender and track: the places of those who don't want it.
    unwanted: [[Places; TRACKS_MAX]; ROOM_PARTICIPANTS_MAX],
    /// By place: the member's place in the table of its home.
    seats: [u16; ROOM_PARTICIPANTS_MAX],
}

impl RelayRoom {
    /// Somebody is in this place, with nothing on and nothing refused.
    pub(super) fn join(&mut self, slot: Slot, session: SessionId, shards: Shards) {
        self.leave(slot);
        let Some(bit) = bit(slot) else { return };
        if let Some(members) = self.members.get_mut(shards.home_of(session)) {
            *members |= bit;
        }
        if let Some(seat) = self.seats.get_mut(usize::from(slot.0)) {
            *seat = shards.place_of(session);
        }
        if let Some(unwanted) = self.unwanted.get_mut(usize::from(slot.0)) {
            *unwanted = [0; TRACKS_MAX];
        }
        for unwanted in self.unwanted.iter_mut().flatten() {
            *unwanted &= !bit;
        }
    }

    /// Nobody is in this place.
    pub(super) fn leave(&mut self, slot: Slot) {
        let Some(bit) = bit(slot) else { return };
        for places in self.members.iter_mut().chain(&mut self.publishing) {
            *places &= !bit;
        }
    }

    /// Switches a track.
    pub(super) fn set_track(&mut self, slot: Slot, track: TrackId, is_on: bool) {
        let (Some(bit), Some(places)) = (bit(slot), self.publishing.get_mut(usize::from(track.0))) else { return };
        *places = if is_on { *places | bit } else { *places & !bit };
    }

    /// Notes whether `receiver` wants that track of `sender`.
    pub(super) fn subscribe(&mut self, receiver: Slot, sender: Slot, track: TrackId, is_on: bool) {
        let unwanted = self.unwanted.get_mut(usize::from(sender.0)).and_then(|of| of.get_mut(usize::from(track.0)));
        let (Some(bit), Some(places)) = (bit(receiver), unwanted) else { return };
        *places = if is_on { *places & !bit } else { *places | bit };
    }

    /// Whether that track is on.
    pub(super) fn is_publishing(&self, sender: Slot, track: TrackId) -> bool {
        let places = self.publishing.get(usize::from(track.0)).copied().unwrap_or(0);
        bit(sender).is_some_and(|bit| places & bit != 0)
    }

    /// Whether a shard has anybody who gets packets of that track.
    pub(super) fn has_receivers(&self, shard: usize, sender: Slot, track: TrackId) -> bool {
        self.receiving_places(shard, sender, track) != 0
    }

    /// Those at a shard who get packets of that track, by their place in its table: everybody else who wants it.
    pub(super) fn receivers(&self, shard: usize, sender: Slot, track: TrackId) -> impl Iterator<Item = u16> + use<> {
        let mut places = self.receiving_places(shard, sender, track);
        let seats = self.seats;
        core::iter::from_fn(move || {
            let slot = places.checked_ilog2()?;
            places &= !(1u32.checked_shl(slot)?);
            seats.get(slot as usize).copied()
        })
    }

    fn receiving_places(&self, shard: usize, sender: Slot, track: TrackId) -> Places {
        let unwanted = self.unwanted.get(usize::from(sender.0)).and_then(|of| of.get(usize::from(track.0)));
        let (Some(bit), Some(unwanted)) = (bit(sender), unwanted) else { return 0 };
        self.members.get(shard).map_or(0, |members| members & !unwanted & !bit)
    }
}

fn bit(slot: Slot) -> Option<Places> {
    if usize::from(slot.0) < ROOM_PARTICIPANTS_MAX { 1u32.checked_shl(slot.0.into()) } else { None }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    const TWO: Shards = Shards::new(2);
    const A: Slot = Slot(0);
    const B: Slot = Slot(1);
    const C: Slot = Slot(31);

    /// A and C live at shard 0 in the seats 5 and 6, B at shard 1 in seat 5.
    fn room() -> RelayRoom {
        let mut room = RelayRoom::default();
        room.join(A, SessionId(10), TWO);
        room.join(B, SessionId(11), TWO);
        room.join(C, SessionId(12), TWO);
        room
    }

    fn receivers(room: &RelayRoom, shard: usize, sender: Slot, track: TrackId) -> Vec<u16> {
        room.receivers(shard, sender, track).collect()
    }

    #[test]
    fn a_packet_goes_to_everybody_else_who_wants_it_each_at_its_own_shard() {
        let mut room = room();
        room.set_track(A, TrackId::CAMERA, true);
        assert!(room.is_publishing(A, TrackId::CAMERA) && !room.is_publishing(A, TrackId::MICROPHONE));
        assert_eq!(receivers(&room, 0, A, TrackId::CAMERA), [6]);
        assert_eq!(receivers(&room, 1, A, TrackId::CAMERA), [5]);
        assert_eq!(receivers(&room, 0, B, TrackId::CAMERA), [6, 5]);
        assert!(!room.has_receivers(1, B, TrackId::CAMERA));
        room.subscribe(B, A, TrackId::CAMERA, false);
        assert!(!room.has_receivers(1, A, TrackId::CAMERA) && room.has_receivers(1, A, TrackId::MICROPHONE));
        room.subscribe(B, A, TrackId::CAMERA, true);
        room.leave(C);
        assert!(!room.has_receivers(0, A, TrackId::CAMERA) && room.has_receivers(1, A, TrackId::CAMERA));
    }

    #[test]
    fn a_newcomer_begins_with_everything_off_and_everything_wanted() {
        let mut room = room();
        room.set_track(B, TrackId::SCREEN, true);
        room.subscribe(A, B, TrackId::SCREEN, false);
        room.subscribe(B, A, TrackId::SCREEN, false);
        room.leave(B);
        assert!(!room.is_publishing(B, TrackId::SCREEN));
        room.join(B, SessionId(21), TWO);
        assert!(!room.is_publishing(B, TrackId::SCREEN));
        assert_eq!(receivers(&room, 0, B, TrackId::SCREEN), [6, 5]);
        assert_eq!(receivers(&room, 1, A, TrackId::SCREEN), [10]);
    }

    #[test]
    fn what_is_out_of_bounds_changes_nothing() {
        let mut room = room();
        let before = std::format!("{room:?}");
        room.join(Slot(32), SessionId(1), TWO);
        room.set_track(Slot(32), TrackId::CAMERA, true);
        room.set_track(A, TrackId(4), true);
        room.subscribe(A, Slot(32), TrackId::CAMERA, false);
        room.subscribe(Slot(40), B, TrackId::CAMERA, false);
        room.leave(Slot(u16::MAX));
        assert_eq!(std::format!("{room:?}"), before);
        assert!(!room.has_receivers(0, Slot(32), TrackId::CAMERA) && !room.has_receivers(9, A, TrackId::CAMERA));
    }

    #[test]
    fn a_room_costs_less_than_a_kilobyte() {
        assert!(core::mem::size_of::<RelayRoom>() < 1024);
    }
}
