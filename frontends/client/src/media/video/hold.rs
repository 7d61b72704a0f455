//! Pictures that came and wait until their sound is heard.

use std::collections::{BTreeMap, HashMap};

use hph_core::time::Instant;

use super::receive::Arrived;
use crate::engine::RemoteTrack;

/// So many wait; then the first goes before its time. A kilobyte each, or a whole picture.
const WAITING_MAX: usize = 4096;
/// Tracks and sizes whose order is remembered.
const TRACKS_MAX: usize = 1024;

/// The queue. What is of one track and size goes in the order in which it came, whatever their sound does meanwhile.
#[derive(Default)]
pub(super) struct Hold {
    waiting: BTreeMap<(Instant, u64), Arrived>,
    last_due: HashMap<(RemoteTrack, u8), Instant>,
    came: u64,
}

impl Hold {
    /// Takes what is `due` then, or with what came before it if that is later.
    pub fn push(&mut self, due: Instant, arrived: Arrived) {
        let key = arrived.key();
        if self.last_due.len() >= TRACKS_MAX {
            self.last_due.retain(|_, last| *last > due);
        }
        let last = self.last_due.entry(key).or_insert(due);
        *last = (*last).max(due);
        self.came += 1;
        self.waiting.insert((*last, self.came), arrived);
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// The next one if it is due, or if too much waits.
    pub fn pop(&mut self, now: Instant) -> Option<Arrived> {
        let is_due = self.next_due().is_some_and(|due| due <= now) || self.waiting.len() > WAITING_MAX;
        if is_due { self.waiting.pop_first().map(|(_, arrived)| arrived) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use hph_core::id::{RoomId, Slot, TrackId};

    use super::super::gather::ArrivedStrip;
    use super::*;

    fn at_ms(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn strip(slot: u16, frame: u32) -> Arrived {
        let strip =
            ArrivedStrip { frame, timestamp: 0, count: 1, bytes: Vec::new(), at: at_ms(0), held: Default::default() };
        Arrived::Strip((RoomId(1), Slot(slot), TrackId::CAMERA), 0, strip)
    }

    fn frames(hold: &mut Hold, now: Instant) -> Vec<(u16, u32)> {
        let popped = std::iter::from_fn(|| hold.pop(now));
        popped
            .map(|arrived| match arrived {
                Arrived::Strip((_, slot, _), _, strip) => (slot.0, strip.frame),
                Arrived::Frame(_) => unreachable!(),
            })
            .collect()
    }

    #[test]
    fn each_waits_for_its_time_and_nothing_overtakes_in_a_track() {
        let mut hold = Hold::default();
        hold.push(at_ms(60), strip(1, 1));
        hold.push(at_ms(10), strip(2, 1));
        // The voice of the first one has ended: its pictures need not wait, but for each other.
        hold.push(at_ms(20), strip(1, 2));
        assert_eq!(frames(&mut hold, at_ms(15)), [(2, 1)]);
        assert_eq!((hold.next_due(), frames(&mut hold, at_ms(59))), (Some(at_ms(60)), vec![]));
        assert_eq!(frames(&mut hold, at_ms(60)), [(1, 1), (1, 2)]);
        hold.push(at_ms(70), strip(1, 3));
        assert_eq!(frames(&mut hold, at_ms(70)), [(1, 3)]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut hold = Hold::default();
        for number in 0..100_000u32 {
            hold.push(at_ms(1_000_000), strip((number % 2000) as u16, number));
            while hold.pop(at_ms(0)).is_some() {}
        }
        assert_eq!(hold.waiting.len(), WAITING_MAX);
    }
}
