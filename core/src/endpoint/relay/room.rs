//! What a shard must know of a room to pass packets on: who is where, which tracks are on, who wants what.

use super::repair::Told;
use super::shards::{SHARDS_MAX, Shards};
use super::video::{VIDEOS, Video, video_index};
use crate::id::{SessionId, Slot, TrackId};
use crate::limits::{ROOM_PARTICIPANTS_MAX, TRACKS_MAX};
use crate::room::active_speaker::SpeechActivity;
use crate::time::Instant;

/// A bit per place of a room.
pub(super) type Places = u32;

const _: () = assert!(ROOM_PARTICIPANTS_MAX <= Places::BITS as usize);

/// One room, as every shard has it. **Bound:** below 11 KiB. The receivers of a packet are a few bit operations away.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelayRoom {
    /// By shard: the places of those whose home it is.
    members: [Places; SHARDS_MAX],
    /// By track: the places in which it is on.
    publishing: [Places; TRACKS_MAX],
    /// By sender and track: the places of those who don't want its sound.
    unwanted: [[Places; TRACKS_MAX]; ROOM_PARTICIPANTS_MAX],
    /// By sender: the pictures.
    pub(super) videos: [[Video; VIDEOS]; ROOM_PARTICIPANTS_MAX],
    /// By place: the member's place in the table of its home.
    seats: [u16; ROOM_PARTICIPANTS_MAX],
    /// By place: what its microphone sent, at its home.
    pub(super) speech: [SpeechActivity; ROOM_PARTICIPANTS_MAX],
    /// Whoever speaks, or did last.
    speaker: Option<Slot>,
    /// By place: the number of the turn in which it spoke last.
    spoke: [u16; ROOM_PARTICIPANTS_MAX],
    turns: u16,
    /// Whether it must be decided anew who is sent which pictures.
    pub(super) is_stale: bool,
    /// When that was decided last.
    pub(super) allotted_at: Instant,
    /// Of receivers at other shards.
    pub(super) told: Told,
}

impl RelayRoom {
    /// Somebody is in this place, with nothing on and nothing refused.
    pub(super) fn join(&mut self, slot: Slot, session: SessionId, shards: Shards) {
        self.leave(slot);
        let Some(bit) = bit(slot) else { return };
        if let Some(members) = self.members.get_mut(shards.home_of(session)) {
            *members |= bit;
        }
        let index = usize::from(slot.0);
        if let Some(seat) = self.seats.get_mut(index) {
            *seat = shards.place_of(session);
        }
        if let Some(unwanted) = self.unwanted.get_mut(index) {
            *unwanted = [0; TRACKS_MAX];
        }
        if let Some(videos) = self.videos.get_mut(index) {
            *videos = Default::default();
        }
        if let (Some(speech), Some(spoke)) = (self.speech.get_mut(index), self.spoke.get_mut(index)) {
            (*speech, *spoke) = (SpeechActivity::default(), 0);
        }
        for unwanted in self.unwanted.iter_mut().flatten() {
            *unwanted &= !bit;
        }
        for video in self.videos.iter_mut().flatten() {
            video.forget(slot);
        }
        self.is_stale = true;
    }

    /// Nobody is in this place.
    pub(super) fn leave(&mut self, slot: Slot) {
        let Some(bit) = bit(slot) else { return };
        for places in self.members.iter_mut().chain(&mut self.publishing) {
            *places &= !bit;
        }
        for video in self.videos.iter_mut().flatten() {
            video.forget(slot);
        }
        if self.speaker == Some(slot) {
            self.speaker = None;
        }
        self.is_stale = true;
    }

    /// Switches a track. `width`: of the full picture, in pixels.
    pub(super) fn set_track(&mut self, slot: Slot, track: TrackId, is_on: bool, width: u16) {
        let (Some(bit), Some(places)) = (bit(slot), self.publishing.get_mut(usize::from(track.0))) else { return };
        let was_on = *places & bit != 0;
        *places = if is_on { *places | bit } else { *places & !bit };
        if let Some(video) = self.video_mut(slot, track) {
            if is_on && !was_on {
                video.begin(width);
            }
            video.width = width;
            self.is_stale = true;
        }
    }

    /// How many microphones are on beside the receiver's own.
    pub(super) fn voices_for(&self, receiver: Slot) -> u32 {
        let all = self.publishing.get(usize::from(TrackId::MICROPHONE.0)).copied().unwrap_or(0);
        bit(receiver).map_or(0, |own| (all & !own).count_ones())
    }

    /// Notes how large `receiver` shows that track of `sender`; 0: it does not want it.
    pub(super) fn subscribe(&mut self, receiver: Slot, sender: Slot, track: TrackId, width: u16) {
        if let Some(video) = self.video_mut(sender, track) {
            video.set_tile(receiver, width);
            self.is_stale = true;
            return;
        }
        let unwanted = self.unwanted.get_mut(usize::from(sender.0)).and_then(|of| of.get_mut(usize::from(track.0)));
        let (Some(bit), Some(places)) = (bit(receiver), unwanted) else { return };
        *places = if width > 0 { *places & !bit } else { *places | bit };
    }

    /// Somebody else speaks.
    pub(super) fn set_speaker(&mut self, slot: Option<Slot>) {
        self.speaker = slot;
        self.turns = self.turns.wrapping_add(1);
        if let Some(spoke) = slot.and_then(|slot| self.spoke.get_mut(usize::from(slot.0))) {
            *spoke = self.turns;
        }
        self.is_stale = true;
    }

    /// Whoever speaks.
    pub(super) const fn speaker(&self) -> Option<Slot> {
        self.speaker
    }

    /// How many turns ago somebody spoke; the more the less lately.
    pub(super) fn recency(&self, sender: usize) -> u8 {
        match self.spoke.get(sender).copied() {
            Some(turn) if turn > 0 => u8::try_from(self.turns.wrapping_sub(turn)).unwrap_or(u8::MAX),
            _ => u8::MAX,
        }
    }

    /// Whether that track is on.
    pub(super) fn is_publishing(&self, sender: Slot, track: TrackId) -> bool {
        let places = self.publishing.get(usize::from(track.0)).copied().unwrap_or(0);
        bit(sender).is_some_and(|bit| places & bit != 0)
    }

    /// How many are in it.
    pub(super) fn people(&self) -> u32 {
        self.members.iter().map(|places| places.count_ones()).sum()
    }

    /// Whether a shard has anybody who may get packets of that track.
    pub(super) fn has_receivers(&self, shard: usize, sender: Slot, track: TrackId) -> bool {
        let others = self.others(shard, sender);
        match self.video(sender, track) {
            Some(video) => video.is_wanted_by(others),
            None => others & !self.unwanted(sender, track) != 0,
        }
    }

    /// Those at a shard who get packets of that track and size, by their place in its table: everybody else who wants
    /// it, and has it allotted if it is a picture.
    pub(super) fn receivers(
        &self,
        shard: usize,
        sender: Slot,
        track: TrackId,
        layer: u8,
    ) -> impl Iterator<Item = u16> + use<> {
        let others = self.others(shard, sender);
        let places = match self.video(sender, track) {
            Some(video) => others & video.receivers(layer),
            None => others & !self.unwanted(sender, track),
        };
        self.seats_of(places)
    }

    /// Everybody whose home is a shard: place in the room, place in the shard's table.
    pub(super) fn members(&self, shard: usize) -> impl Iterator<Item = (Slot, u16)> + use<> {
        let places = self.members.get(shard).copied().unwrap_or(0);
        let mut slots = self.slots_of(places);
        let mut seats = self.seats_of(places);
        core::iter::from_fn(move || Some((slots.next()?, seats.next()?)))
    }

    /// A picture track; none for sound.
    pub(super) fn video(&self, sender: Slot, track: TrackId) -> Option<&Video> {
        self.videos.get(usize::from(sender.0))?.get(video_index(track)?)
    }

    /// A picture track; none for sound.
    pub(super) fn video_mut(&mut self, sender: Slot, track: TrackId) -> Option<&mut Video> {
        self.videos.get_mut(usize::from(sender.0))?.get_mut(video_index(track)?)
    }

    fn others(&self, shard: usize, sender: Slot) -> Places {
        let own = bit(sender).unwrap_or(Places::MAX);
        self.members.get(shard).map_or(0, |members| members & !own)
    }

    fn unwanted(&self, sender: Slot, track: TrackId) -> Places {
        let of = self.unwanted.get(usize::from(sender.0)).and_then(|of| of.get(usize::from(track.0)));
        of.copied().unwrap_or(Places::MAX)
    }

    /// Whether anybody's home is that shard.
    pub(super) fn has_members(&self, shard: usize) -> bool {
        self.members.get(shard).is_some_and(|members| *members != 0)
    }

    /// Those at a shard who get packets of that track, in whatever size, by their place in its table.
    pub(super) fn all_receivers(
        &self,
        shard: usize,
        sender: Slot,
        track: TrackId,
    ) -> impl Iterator<Item = u16> + use<> {
        self.seats_of(self.receiving_places(shard, sender, track))
    }

    fn receiving_places(&self, shard: usize, sender: Slot, track: TrackId) -> Places {
        let others = self.others(shard, sender);
        match self.video(sender, track) {
            Some(video) => others & video.all_receivers(),
            None => others & !self.unwanted(sender, track),
        }
    }

    /// Whether that member, whose home is that shard, gets packets of that track now, in whatever size.
    pub(super) fn is_receiving(&self, shard: usize, receiver: Slot, sender: Slot, track: TrackId) -> bool {
        let places = self.receiving_places(shard, sender, track);
        self.is_publishing(sender, track) && bit(receiver).is_some_and(|bit| places & bit != 0)
    }

    fn slots_of(&self, mut places: Places) -> impl Iterator<Item = Slot> + use<> {
        core::iter::from_fn(move || {
            let slot = places.checked_ilog2()?;
            places &= !(1u32.checked_shl(slot)?);
            Some(Slot(slot as u16))
        })
    }

    fn seats_of(&self, places: Places) -> impl Iterator<Item = u16> + use<> {
        let seats = self.seats;
        self.slots_of(places).filter_map(move |slot| seats.get(usize::from(slot.0)).copied())
    }
}

/// The bit of a place.
pub(super) fn bit(slot: Slot) -> Option<Places> {
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
        room.receivers(shard, sender, track, 0).collect()
    }

    #[test]
    fn a_packet_goes_to_everybody_else_who_wants_it_each_at_its_own_shard() {
        let mut room = room();
        room.set_track(A, TrackId::MICROPHONE, true, 0);
        assert!(room.is_publishing(A, TrackId::MICROPHONE) && !room.is_publishing(A, TrackId::CAMERA));
        assert_eq!(receivers(&room, 0, A, TrackId::MICROPHONE), [6]);
        assert_eq!(receivers(&room, 1, A, TrackId::MICROPHONE), [5]);
        assert_eq!(receivers(&room, 0, B, TrackId::MICROPHONE), [6, 5]);
        assert!(!room.has_receivers(1, B, TrackId::MICROPHONE));
        room.subscribe(B, A, TrackId::MICROPHONE, 0);
        assert!(!room.has_receivers(1, A, TrackId::MICROPHONE) && room.has_receivers(1, A, TrackId::SCREEN_SOUND));
        room.subscribe(B, A, TrackId::MICROPHONE, 1);
        room.leave(C);
        assert!(!room.has_receivers(0, A, TrackId::MICROPHONE) && room.has_receivers(1, A, TrackId::MICROPHONE));
    }

    #[test]
    fn pictures_cross_to_a_shard_where_anybody_shows_them() {
        let mut room = room();
        room.set_track(A, TrackId::CAMERA, true, 1280);
        assert!(room.has_receivers(0, A, TrackId::CAMERA) && room.has_receivers(1, A, TrackId::CAMERA));
        room.subscribe(B, A, TrackId::CAMERA, 0);
        assert!(room.has_receivers(0, A, TrackId::CAMERA) && !room.has_receivers(1, A, TrackId::CAMERA));
        room.subscribe(B, A, TrackId::CAMERA, 100);
        assert!(room.has_receivers(1, A, TrackId::CAMERA));
        assert!(receivers(&room, 1, A, TrackId::CAMERA).is_empty(), "who gets them was not decided yet");
    }

    #[test]
    fn a_newcomer_begins_with_everything_off_and_everything_wanted() {
        let mut room = room();
        room.set_track(B, TrackId::SCREEN_SOUND, true, 0);
        room.subscribe(A, B, TrackId::SCREEN_SOUND, 0);
        room.subscribe(B, A, TrackId::SCREEN_SOUND, 0);
        room.leave(B);
        assert!(!room.is_publishing(B, TrackId::SCREEN_SOUND));
        room.join(B, SessionId(21), TWO);
        assert!(!room.is_publishing(B, TrackId::SCREEN_SOUND));
        assert_eq!(receivers(&room, 0, B, TrackId::SCREEN_SOUND), [6, 5]);
        assert_eq!(receivers(&room, 1, A, TrackId::SCREEN_SOUND), [10]);
    }

    #[test]
    fn what_is_out_of_bounds_changes_nothing() {
        let mut room = room();
        let before = std::format!("{room:?}");
        room.join(Slot(32), SessionId(1), TWO);
        room.set_track(Slot(32), TrackId::MICROPHONE, true, 0);
        room.set_track(A, TrackId(4), true, 0);
        room.subscribe(A, Slot(32), TrackId::CAMERA, 0);
        room.subscribe(Slot(40), B, TrackId::MICROPHONE, 0);
        room.leave(Slot(u16::MAX));
        assert_eq!(std::format!("{room:?}"), before);
        assert!(!room.has_receivers(0, Slot(32), TrackId::CAMERA) && !room.has_receivers(9, A, TrackId::CAMERA));
    }

    #[test]
    fn a_room_costs_less_than_eleven_kibibytes() {
        assert!(core::mem::size_of::<RelayRoom>() < 11 * 1024);
    }
}
