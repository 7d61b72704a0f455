//! The tiles of a room: whose, in which order, which one is large, who has the ring, whose picture stands still.
//!
//! Visible tiles are never sorted anew. Whoever comes is put at the end; whoever speaks on another page changes places with
//! the one of the first page who has not spoken for longest.

use std::collections::BTreeMap;

use hph_client::core::id::{Slot, TrackId};
use hph_client::core::time::{Duration, Instant};
use hph_client::engine::Participant;
use hph_client::view::RoomView;

use super::quality::{Bars, Cause, Quality};
use super::speaking::Speaking;
use crate::time::ms;

/// A camera's picture that has not changed for so long stands still.
pub const FROZEN_AFTER: Duration = ms(3000);

/// Whose picture of which kind. Another membership in the same place is another tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Their place.
    pub slot: Slot,
    /// Number of the membership.
    pub member: u32,
    /// Whether it is their screen, and not they themselves.
    pub is_screen: bool,
}

impl TileId {
    /// The track of its picture.
    pub const fn track(&self) -> TrackId {
        if self.is_screen { TrackId::SCREEN } else { TrackId::CAMERA }
    }
}

/// What is seen in a tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Picture {
    /// No picture: the avatar.
    #[default]
    Avatar,
    /// The camera is on, and nothing has come yet.
    Waiting,
    /// A picture of that size.
    Live {
        /// **Units:** pixels.
        width: u16,
        /// **Units:** pixels.
        height: u16,
    },
    /// Nothing new has come for so long; the last picture is dimmed.
    Frozen {
        /// **Units:** seconds.
        seconds: u64,
    },
}

/// A hand that is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hand {
    /// 1 for whoever raised it first.
    pub place: usize,
}

/// All of a tile but its place and its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Whose.
    pub id: TileId,
    /// Login name.
    pub username: String,
    /// Name to show, in full; shorten it with [`crate::text::name::shorten`] to what the tile holds.
    pub name: String,
    /// Letter of the avatar.
    pub initial: String,
    /// Hue of the avatar. **Units:** degrees.
    pub hue: u16,
    /// Whether it is ourselves.
    pub is_me: bool,
    /// Whether the server says that the microphone is on.
    pub is_mic_on: bool,
    /// Whether the ring is on.
    pub is_speaking: bool,
    /// Whether the hand is up.
    pub hand: Option<Hand>,
    /// Whether this user has pinned it.
    pub is_pinned: bool,
    /// What is seen.
    pub picture: Picture,
    /// How well they come through.
    pub bars: Bars,
    /// Why not better.
    pub cause: Option<Cause>,
}

/// What is remembered of a tile.
#[derive(Clone, Debug, Default)]
struct Known {
    speaking: Speaking,
    quality: Quality,
    picture_at: Option<Instant>,
    picture_size: (u16, u16),
    /// When frames were first expected.
    on_since: Option<Instant>,
}

/// The tiles of a room.
#[derive(Clone, Debug, Default)]
pub struct Tiles {
    order: Vec<TileId>,
    known: BTreeMap<TileId, Known>,
    pin: Option<TileId>,
    large: Option<TileId>,
    large_since: Option<Instant>,
}

impl Tiles {
    /// Takes over who is in the room and what they show. Tiles that were there stay where they are.
    pub fn sync(&mut self, room: &RoomView, now: Instant) {
        let there = tiles_of(room);
        self.order.retain(|id| there.contains(id));
        self.known.retain(|id, _| there.contains(id));
        for id in there {
            if !self.order.contains(&id) {
                self.order.push(id);
            }
            let is_on = track_is_on(room, id, id.track());
            let known = self.known.entry(id).or_default();
            if !is_on {
                (known.picture_at, known.on_since) = (None, None);
            } else if known.on_since.is_none() {
                known.on_since = Some(now);
            }
        }
        self.pin = self.pin.filter(|id| self.order.contains(id));
        self.large = self.large.filter(|id| self.order.contains(id));
    }

    /// A new picture of somebody is there.
    pub fn handle_picture(&mut self, slot: Slot, is_screen: bool, size: (u16, u16), now: Instant) {
        let id = self.order.iter().find(|id| id.slot == slot && id.is_screen == is_screen);
        if let Some(known) = id.and_then(|id| self.known.get_mut(id)) {
            (known.picture_at, known.picture_size) = (Some(now), size);
        }
    }

    /// A tile is seen again: nothing was sent for it meanwhile, so its last picture is old and does not stand still.
    pub fn handle_seen_again(&mut self, id: TileId, now: Instant) {
        if let Some(known) = self.known.get_mut(&id).filter(|known| known.picture_at.is_some()) {
            known.picture_at = Some(now);
        }
    }

    /// How loud everybody is who is heard, as in RFC 6464: 0 for the loudest, 127 for silence. Whoever is not named is silent.
    /// `first_page` is how many tiles the page holds that is shown, if it is the first one: whoever speaks on another page
    /// comes to it.
    pub fn handle_levels(&mut self, room: &RoomView, levels: &[(Slot, u8)], first_page: Option<usize>, now: Instant) {
        for id in self.order.iter().filter(|id| !id.is_screen) {
            let is_on = track_is_on(room, *id, TrackId::MICROPHONE);
            let level = levels.iter().find(|(slot, _)| *slot == id.slot).map_or(127, |(_, level)| *level);
            if let Some(known) = self.known.get_mut(id) {
                known.speaking.handle(if is_on { level } else { 127 }, now);
            }
        }
        if let Some(page) = first_page {
            self.bring_speakers(room, page);
        }
        self.choose_large(room, now);
    }

    /// What was measured of somebody.
    pub fn handle_quality(&mut self, slot: Slot, sample: &super::quality::Sample, cause: Cause, now: Instant) {
        for (_, known) in self.known.iter_mut().filter(|(id, _)| id.slot == slot) {
            known.quality.handle(sample, cause, now);
        }
    }

    /// Pins a tile, or unpins it if it is pinned.
    pub fn pin(&mut self, id: TileId) {
        self.pin = if self.pin == Some(id) { None } else { Some(id).filter(|id| self.order.contains(id)) };
    }

    /// Everybody's tile, in order.
    pub fn order(&self) -> &[TileId] {
        &self.order
    }

    /// The tile that is large in a spotlight: a screen, a pin, or whoever speaks.
    pub fn large(&self, room: &RoomView) -> Option<TileId> {
        let screen = || self.order.iter().rfind(|id| id.is_screen && room.my_slot != Some(id.slot)).copied();
        let other = || self.order.iter().find(|id| room.my_slot != Some(id.slot)).copied();
        self.pin.or_else(screen).or(self.large).or_else(other).or_else(|| self.order.first().copied())
    }

    /// Whether somebody in that place has the ring.
    pub fn is_speaking(&self, slot: Slot) -> bool {
        self.known.iter().any(|(id, known)| id.slot == slot && !id.is_screen && known.speaking.is_shown())
    }

    /// Whether somebody else shows a screen.
    pub fn has_screen(&self, room: &RoomView) -> bool {
        self.order.iter().any(|id| id.is_screen && room.my_slot != Some(id.slot))
    }

    /// What stands in a tile.
    pub fn tile(&self, room: &RoomView, id: TileId, now: Instant) -> Option<Tile> {
        let who = room.participants.get(&id.slot).filter(|who| who.member == id.member)?;
        let known = self.known.get(&id)?;
        Some(Tile {
            id,
            username: who.username.clone(),
            name: who.display_name.clone(),
            initial: crate::text::name::initial(&who.display_name),
            hue: crate::text::name::hue(&who.username),
            is_me: room.my_slot == Some(id.slot),
            is_mic_on: is_on(who, TrackId::MICROPHONE),
            is_speaking: known.speaking.is_shown() && !id.is_screen,
            hand: hand(room, who).filter(|_| !id.is_screen),
            is_pinned: self.pin == Some(id),
            picture: picture(who, id, known, room.my_slot == Some(id.slot), now),
            bars: known.quality.bars(),
            cause: known.quality.cause(),
        })
    }

    /// Whoever speaks beyond the first page changes places with the one on it who has not spoken for longest.
    fn bring_speakers(&mut self, room: &RoomView, page: usize) {
        let is_speaking = |tiles: &Self, id: &TileId| {
            !id.is_screen && tiles.known.get(id).is_some_and(|known| known.speaking.is_shown())
        };
        for at in page..self.order.len() {
            if !is_speaking(self, &self.order[at]) {
                continue;
            }
            let may_go = |id: &TileId| {
                !id.is_screen && room.my_slot != Some(id.slot) && self.pin != Some(*id) && !is_speaking(self, id)
            };
            let last_spoke = |id: &TileId| self.known.get(id).and_then(|known| known.speaking.last());
            let quietest = (0..page.min(self.order.len())).filter(|&at| may_go(&self.order[at]));
            // Of several who never spoke the last one goes: those in front were there first.
            let quietest = quietest.rev().min_by_key(|&at| last_spoke(&self.order[at]));
            if let Some(quietest) = quietest {
                self.order.swap(quietest, at);
            }
        }
    }

    /// Lets the large tile follow whoever speaks, calmly: see [`Speaking::takes_over`].
    fn choose_large(&mut self, room: &RoomView, now: Instant) {
        let of = |tiles: &Self, id: TileId| tiles.known.get(&id).map(|known| known.speaking).unwrap_or_default();
        let current = self.large.map(|id| of(self, id)).unwrap_or_default();
        if current.is_shown() || !Speaking::may_change(self.large_since, now) {
            return;
        }
        let others = self.order.iter().copied().filter(|id| !id.is_screen && room.my_slot != Some(id.slot));
        let longest = others.filter(|id| of(self, *id).takes_over(now)).min_by_key(|id| of(self, *id).began());
        if longest.is_some() && longest != self.large {
            (self.large, self.large_since) = (longest, Some(now));
        }
    }
}

/// Everybody's tiles, by place; a screen stands before its owner.
fn tiles_of(room: &RoomView) -> Vec<TileId> {
    let of = |who: &Participant| {
        let id = |is_screen| TileId { slot: who.slot, member: who.member, is_screen };
        let screen = is_on(who, TrackId::SCREEN).then(|| id(true));
        screen.into_iter().chain([id(false)])
    };
    let me = room.my_slot.and_then(|slot| room.participants.get(&slot));
    let others = room.participants.values().filter(|who| room.my_slot != Some(who.slot));
    me.into_iter().chain(others).flat_map(of).collect()
}

fn track_is_on(room: &RoomView, id: TileId, track: TrackId) -> bool {
    room.participants.get(&id.slot).is_some_and(|who| is_on(who, track))
}

/// Whether the server says that a track of somebody is on.
pub fn is_on(who: &Participant, track: TrackId) -> bool {
    who.tracks.get(usize::from(track.0)).is_some_and(|info| info.is_on)
}

/// Whose turn it is, if the hand is up.
pub fn hand(room: &RoomView, who: &Participant) -> Option<Hand> {
    let before = room.participants.values().filter(|other| other.hand != 0 && other.hand < who.hand).count();
    (who.hand != 0).then_some(Hand { place: before + 1 })
}

fn picture(who: &Participant, id: TileId, known: &Known, is_me: bool, now: Instant) -> Picture {
    if !is_on(who, id.track()) {
        return Picture::Avatar;
    }
    let (width, height) = known.picture_size;
    match known.picture_at {
        None => Picture::Waiting,
        // A screen on which nothing happens sends nothing.
        Some(at) if now.since(at) > FROZEN_AFTER && !id.is_screen && !is_me => {
            Picture::Frozen { seconds: now.since(at).as_micros() / 1_000_000 }
        }
        Some(_) => Picture::Live { width, height },
    }
}

#[cfg(test)]
mod tests;
