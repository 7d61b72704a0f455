//! Packets that came before what opens them. Media goes by datagram and a sender's key by the control connection, so a
//! track's first packets may overtake the word of their sender, or its key.
//!
//! They wait, still sealed, in memory that the caller lends. Only what the server has authenticated comes here. Nothing
//! grows: where all places are taken, the packet that has waited longest gives way.

use super::{ClientMachine, ClientOutput};
use crate::error::DropReason;
use crate::id::{RoomId, Slot};
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES};
use crate::time::{Duration, Instant};
use crate::wire::media::MediaLayout;

/// A packet waits this long for its key.
const WAIT_MAX: Duration = Duration::from_secs(1);
const PAYLOAD_MAX_BYTES: usize = DATAGRAM_MAX_BYTES - HOP_PREFIX_BYTES;

/// Room for one packet.
#[derive(Clone, Debug)]
pub struct HeldPacket {
    held: Option<Waiting>,
    payload: [u8; PAYLOAD_MAX_BYTES],
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    len_bytes: usize,
    room: RoomId,
    sender: Slot,
    /// Why it can't be opened.
    lacks: DropReason,
}

impl HeldPacket {
    /// A place that nothing waits in.
    pub const EMPTY: Self = Self { held: None, payload: [0; PAYLOAD_MAX_BYTES] };
}

/// All that wait: a ring in order of arrival.
pub(super) struct HeldPackets<'a> {
    places: &'a mut [HeldPacket],
    /// The place that is taken next; what waits in it came first of all.
    next: usize,
}

impl<'a> HeldPackets<'a> {
    pub const fn new(places: &'a mut [HeldPacket]) -> Self {
        Self { places, next: 0 }
    }

    /// Lets a packet wait. Gives the reason of the one that is dropped: the oldest if there is no room.
    fn hold(&mut self, now: Instant, layout: &MediaLayout, payload: &[u8], lacks: DropReason) -> Option<DropReason> {
        let Some(place) = self.places.get_mut(self.next) else { return Some(lacks) };
        let Some(space) = place.payload.get_mut(..payload.len()) else { return Some(DropReason::Length) };
        space.copy_from_slice(payload);
        let (room, sender) = (layout.header.room, layout.header.sender);
        let older = place.held.replace(Waiting { since: now, len_bytes: payload.len(), room, sender, lacks });
        self.next = self.next.saturating_add(1).checked_rem(self.places.len()).unwrap_or(0);
        older.map(|older| older.lacks)
    }

    /// Forgets everything: the keys that were meant are gone.
    pub fn clear(&mut self) {
        self.places.iter_mut().for_each(|place| place.held = None);
    }

    /// How many wait.
    pub fn count(&self) -> usize {
        self.places.iter().filter(|place| place.held.is_some()).count()
    }

    /// When the first one has waited long enough.
    pub fn poll_timeout(&self) -> Instant {
        let since = self.places.iter().filter_map(|place| Some(place.held.as_ref()?.since));
        since.min().map_or(Instant::NEVER, |since| since + WAIT_MAX)
    }
}

impl ClientMachine<'_> {
    /// Lets a packet wait that can't be opened yet, if it is of that kind.
    ///
    /// # Errors
    /// The reason, if it is of another kind or nothing can wait here.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        layout: &MediaLayout,
        payload: &[u8],
        lacks: DropReason,
    ) -> Result<(), DropReason> {
        if self.held.places.is_empty() || !self.may_open_later(layout, lacks) {
            return Err(lacks);
        }
        if let Some(dropped) = self.held.hold(now, layout, payload, lacks) {
            self.count_drop(dropped);
        }
        Ok(())
    }

    /// Whether what a packet lacks may still come.
    fn may_open_later(&mut self, layout: &MediaLayout, lacks: DropReason) -> bool {
        let epoch = (layout.sframe.kid & 0xffff) as u16;
        let (room, sender) = (layout.header.room, layout.header.sender);
        match lacks {
            DropReason::UnknownKey => {
                let member = self.room_mut(room).and_then(|room| room.member_mut(sender));
                member.is_some_and(|member| !member.keys.is_over(epoch))
            }
            DropReason::NotInRoom | DropReason::UnknownRoom => true,
            _ => false,
        }
    }

    /// A key of that participant has come: tries what waits for it, in the order in which it came. What still lacks its
    /// key goes on waiting.
    pub(super) fn release_held(&mut self, now: Instant, room: RoomId, sender: Slot, out: &mut impl ClientOutput) {
        let places = core::mem::take(&mut self.held.places);
        let (newer, older) = places.split_at_mut(self.held.next.min(places.len()));
        for place in older.iter_mut().chain(newer) {
            let is_meant = |held: &&mut Waiting| held.room == room && held.sender == sender;
            let Some(held) = place.held.as_mut().filter(is_meant) else { continue };
            let Some(payload) = place.payload.get_mut(..held.len_bytes) else { continue };
            let opened = match MediaLayout::parse(payload) {
                Ok(layout) => match self.deliver(now, &layout, payload, out) {
                    Err(lacks) if self.may_open_later(&layout, lacks) => {
                        held.lacks = lacks;
                        continue;
                    }
                    opened => opened,
                },
                Err(reason) => Err(reason),
            };
            place.held = None;
            if let Err(reason) = opened {
                self.count_drop(reason);
            }
        }
        self.held.places = places;
    }

    /// Drops what has waited for too long.
    pub(super) fn drive_held(&mut self, now: Instant) {
        for place in self.held.places.iter_mut() {
            if let Some(held) = place.held.take_if(|held| now.since(held.since) >= WAIT_MAX) {
                self.drops.count(held.lacks);
            }
        }
    }
}
