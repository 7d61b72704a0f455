//! The keys of another participant, as their packets and their wraps tell of them.
//!
//! Invariants: a key ends only after a newer one has opened a packet, never because a newer one was announced; a
//! replay window is never begun anew for a key that has ended.

use zeroize::Zeroizing;

use super::keys::key_id;
use crate::crypto::senderkey;
use crate::crypto::sframe::ReceiverKey;
use crate::id::Slot;
use crate::time::{Duration, Instant};

/// Packets under the previous key are opened this long.
const PREVIOUS_KEY_KEPT: Duration = Duration::from_secs(10);
/// A receiver follows at most so many ratchet steps at once.
const RATCHET_STEPS_MAX: u8 = 32;

/// The keys of another participant: those before, the one in use, and the next.
#[derive(Default)]
pub(super) struct RemoteKeys {
    keys: [Option<RemoteKey>; 3],
    /// Generations before this one are over: whoever plays their wraps again is not believed.
    first_generation: Option<u8>,
}

struct RemoteKey {
    base: Zeroizing<[u8; 32]>,
    epoch: u16,
    opener: ReceiverKey,
    /// Whether it has opened a packet.
    is_used: bool,
    /// Set once a newer key has opened a packet.
    ends_at: Option<Instant>,
}

impl RemoteKey {
    const fn generation(&self) -> u8 {
        self.epoch.to_be_bytes()[0]
    }

    fn is_usable(&self, now: Instant) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

/// Whether epoch `a` comes before `b`; generations wrap around.
const fn is_before(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) > u16::MAX / 2
}

impl RemoteKeys {
    /// Takes a key that its owner wrapped for us. A key that is known stays, with its replay window; one that is over
    /// does not come back.
    pub fn insert(&mut self, now: Instant, slot: Slot, epoch: u16, base: [u8; 32]) {
        let base = Zeroizing::new(base);
        let is_known = self.keys.iter().flatten().any(|key| key.epoch == epoch && key.base == base);
        if is_known || self.is_over(epoch) {
            return;
        }
        let opener = ReceiverKey::new(base.as_slice(), key_id(slot, epoch));
        self.place(now, RemoteKey { base, epoch, opener, is_used: false, ends_at: None });
        // Its owner has one key in use and at most one more.
        let [generation, _] = epoch.to_be_bytes();
        self.begin_at(generation.wrapping_sub(1));
    }

    /// Takes a key that has just opened a packet, together with what it has opened.
    pub fn insert_opened(&mut self, now: Instant, epoch: u16, base: [u8; 32], opener: ReceiverKey) {
        self.place(now, RemoteKey { base: Zeroizing::new(base), epoch, opener, is_used: false, ends_at: None });
        self.handle_opened(now, epoch);
    }

    /// The key of that epoch, if it may still be used.
    pub fn opener(&mut self, now: Instant, epoch: u16) -> Option<&mut ReceiverKey> {
        let mut keys = self.keys.iter_mut().flatten();
        keys.find(|key| key.epoch == epoch && key.is_usable(now)).map(|key| &mut key.opener)
    }

    /// The key of that epoch has opened a packet: the older ones end soon.
    pub fn handle_opened(&mut self, now: Instant, epoch: u16) {
        let opened = self.keys.iter_mut().flatten().find(|key| key.epoch == epoch && !key.is_used);
        let Some(opened) = opened else { return };
        opened.is_used = true;
        self.begin_at(epoch.to_be_bytes()[0]);
        for key in self.keys.iter_mut().flatten().filter(|key| is_before(key.epoch, epoch)) {
            key.ends_at = key.ends_at.or(Some(now + PREVIOUS_KEY_KEPT));
        }
    }

    /// The base key of a later ratchet step of a generation that we know.
    pub fn ratcheted(&self, epoch: u16) -> Option<[u8; 32]> {
        let [generation, step] = epoch.to_be_bytes();
        let of_generation = self.keys.iter().flatten().filter(|key| key.generation() == generation);
        let latest = of_generation.max_by_key(|key| key.epoch)?;
        let [_, known_step] = latest.epoch.to_be_bytes();
        let steps = step.checked_sub(known_step).filter(|steps| (1..=RATCHET_STEPS_MAX).contains(steps))?;
        Some((0..steps).fold(*latest.base, |base, _| senderkey::ratchet(&base)))
    }

    /// Whether its owner has moved on from that epoch for certain, so that it makes no sense to ask for its key.
    pub fn is_over(&self, epoch: u16) -> bool {
        let [generation, step] = epoch.to_be_bytes();
        let is_passed = |key: &RemoteKey| key.generation() == generation && key.epoch.to_be_bytes()[1] > step;
        self.first_generation.is_some_and(|first| is_generation_before(generation, first))
            || self.keys.iter().flatten().any(is_passed)
    }

    /// Wipes the keys that have ended.
    pub fn forget_old(&mut self, now: Instant) {
        for key in &mut self.keys {
            key.take_if(|key| !key.is_usable(now));
        }
    }

    fn begin_at(&mut self, generation: u8) {
        if self.first_generation.is_none_or(|first| is_generation_before(first, generation)) {
            self.first_generation = Some(generation);
        }
    }

    /// Puts a key in a free place, or in that of the oldest one.
    fn place(&mut self, now: Instant, key: RemoteKey) {
        self.forget_old(now);
        // The same epoch with another base: generations have wrapped around.
        let same = self.keys.iter().position(|place| place.as_ref().is_some_and(|old| old.epoch == key.epoch));
        let free = self.keys.iter().position(Option::is_none);
        let index = same.or(free).unwrap_or_else(|| self.oldest());
        if let Some(place) = self.keys.get_mut(index) {
            *place = Some(key);
        }
    }

    fn oldest(&self) -> usize {
        let known = self.keys.iter().enumerate().filter_map(|(index, place)| Some((index, place.as_ref()?.epoch)));
        let oldest = known.reduce(|oldest, other| if is_before(other.1, oldest.1) { other } else { oldest });
        oldest.map_or(0, |(index, _)| index)
    }
}

/// Whether generation `a` comes before `b`; they wrap around.
const fn is_generation_before(a: u8, b: u8) -> bool {
    a != b && a.wrapping_sub(b) > u8::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Slot = Slot(3);
    const NOW: Instant = Instant::from_micros(1_000_000);

    fn at(seconds: u64) -> Instant {
        NOW + Duration::from_secs(seconds)
    }

    fn base(byte: u8) -> [u8; 32] {
        [byte; 32]
    }

    #[test]
    fn a_key_that_was_only_announced_ends_no_other() {
        let mut keys = RemoteKeys::default();
        keys.insert(NOW, SLOT, 0x0100, base(1));
        keys.handle_opened(NOW, 0x0100);
        keys.insert(NOW, SLOT, 0x0200, base(2));
        assert!(keys.opener(at(3600), 0x0100).is_some());
        keys.handle_opened(at(3600), 0x0200);
        assert!(keys.opener(at(3609), 0x0100).is_some());
        assert!(keys.opener(at(3610), 0x0100).is_none());
        assert!(keys.opener(at(9999), 0x0200).is_some());
    }

    #[test]
    fn a_step_of_the_key_in_use_does_not_end_the_next_key() {
        let mut keys = RemoteKeys::default();
        keys.insert(NOW, SLOT, 0x0100, base(1));
        keys.insert(NOW, SLOT, 0x0200, base(2));
        let stepped = keys.ratcheted(0x0102).unwrap();
        assert_eq!(stepped, senderkey::ratchet(&senderkey::ratchet(&base(1))));
        keys.insert_opened(NOW, 0x0102, stepped, ReceiverKey::new(&stepped, key_id(SLOT, 0x0102)));
        assert!(keys.opener(at(3600), 0x0200).is_some());
        assert!(keys.opener(at(3600), 0x0102).is_some());
        assert!(keys.opener(at(3600), 0x0100).is_none());
    }

    #[test]
    fn steps_are_followed_forwards_only_and_not_too_far() {
        let mut keys = RemoteKeys::default();
        keys.insert(NOW, SLOT, 0x0105, base(1));
        assert!(keys.ratcheted(0x0104).is_none() && keys.is_over(0x0104));
        assert!(keys.ratcheted(0x0105).is_none() && !keys.is_over(0x0105));
        assert!(keys.ratcheted(0x0105 + 32).is_some());
        assert!(keys.ratcheted(0x0105 + 33).is_none());
        assert!(keys.ratcheted(0x0206).is_none());
    }

    #[test]
    fn a_wrap_of_a_key_that_is_over_is_not_taken_again() {
        let mut keys = RemoteKeys::default();
        keys.insert(NOW, SLOT, 0x0100, base(1));
        keys.insert(NOW, SLOT, 0x0200, base(2));
        keys.handle_opened(NOW, 0x0200);
        keys.forget_old(at(11));
        keys.insert(at(11), SLOT, 0x0100, base(1));
        assert!(keys.opener(at(11), 0x0100).is_none());
        keys.insert(at(11), SLOT, 0x0201, base(3));
        keys.insert(at(11), SLOT, 0x0200, base(4));
        assert!(keys.ratcheted(0x0202).is_some_and(|next| next == senderkey::ratchet(&base(3))));
    }

    #[test]
    fn the_key_in_use_and_the_next_survive_any_number_of_steps() {
        let mut keys = RemoteKeys::default();
        keys.insert(NOW, SLOT, 0xff00, base(1));
        keys.insert(NOW, SLOT, 0x0000, base(2));
        for step in 1..=200u16 {
            let epoch = 0xff00 + step;
            let stepped = keys.ratcheted(epoch).unwrap();
            keys.insert_opened(NOW, epoch, stepped, ReceiverKey::new(&stepped, key_id(SLOT, epoch)));
        }
        assert!(keys.opener(at(3600), 0xff00 + 200).is_some());
        assert!(keys.opener(at(3600), 0x0000).is_some());
        keys.handle_opened(NOW, 0x0000);
        assert!(keys.is_over(0xff00 + 201) && !keys.is_over(0x0001));
    }

    #[test]
    fn generations_wrap_around() {
        let mut keys = RemoteKeys::default();
        for round in 0..600u32 {
            let epoch = u16::from_be_bytes([round as u8, 0]);
            keys.insert(at(u64::from(round)), SLOT, epoch, base((round / 3) as u8));
            assert!(keys.opener(at(u64::from(round)), epoch).is_some(), "round {round}");
        }
    }
}
