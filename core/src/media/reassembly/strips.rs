//! Frames that come as strips: nothing is put together, only counted.

use super::Reassembler;
use crate::error::DropReason;
use crate::media::track_window::{Standing, TrackKey};
use crate::time::Instant;

impl Reassembler<'_> {
    /// Notes an authenticated strip of a frame that has `count` of them, each of which the caller brings once. Says
    /// whether no strip of a newer frame came before.
    ///
    /// # Errors
    /// - [`DropReason::Duplicate`]: as many strips of the frame came before as it has.
    /// - [`DropReason::Late`]: its frame is older than the window.
    /// - [`DropReason::ReassemblyFull`]: there is no room for its track.
    pub fn note_strip(&mut self, now: Instant, key: TrackKey, frame: u32, count: u16) -> Result<bool, DropReason> {
        let track = self.find_or_open_track(now, key, frame)?;
        let window = self.track_mut(track)?;
        match window.standing(frame) {
            Standing::Delivered => {
                window.stats.duplicates = window.stats.duplicates.saturating_add(1);
                return Err(DropReason::Duplicate);
            }
            Standing::Late => {
                window.stats.late = window.stats.late.saturating_add(1);
                return Err(DropReason::Late);
            }
            Standing::Newer => window.advance(frame),
            Standing::Open => {}
        }
        window.take_strip(frame, count);
        Ok(window.age(frame) == Some(0))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use super::*;
    use crate::media::reassembly::{DEADLINE_DEFAULT, ReassemblySlot};
    use crate::media::track_window::{TrackWindow, WINDOW_FRAMES};

    const KEY: TrackKey = TrackKey { room: 1, sender: 2, track: 1, layer: 0 };
    const NOW: Instant = Instant::from_micros(5);

    #[test]
    fn a_frame_counts_as_whole_with_its_last_strip_and_as_lost_when_it_leaves_the_window() {
        let (mut slots, mut memory, mut tracks) = (vec![ReassemblySlot::EMPTY; 1], vec![0; 10], [TrackWindow::EMPTY]);
        let mut reassembler = Reassembler::new(&mut slots, &mut memory, &mut tracks, DEADLINE_DEFAULT);
        assert_eq!(reassembler.note_strip(NOW, KEY, 9, 2), Ok(true));
        assert_eq!(reassembler.note_strip(NOW, KEY, 10, 3), Ok(true));
        assert_eq!(reassembler.note_strip(NOW, KEY, 9, 2), Ok(false));
        assert_eq!(reassembler.note_strip(NOW, KEY, 9, 2), Err(DropReason::Duplicate));
        assert_eq!(reassembler.note_strip(NOW, KEY, 10, 3), Ok(true));
        // The places of the window are used again: what was missing of frame 10 says nothing of frame 74.
        for frame in 11..10 + WINDOW_FRAMES {
            assert_eq!(reassembler.note_strip(NOW, KEY, frame, 1), Ok(true));
        }
        assert_eq!(reassembler.stats(KEY).unwrap().frames_lost, 0);
        assert_eq!(reassembler.note_strip(NOW, KEY, 10 + WINDOW_FRAMES, 2), Ok(true));
        assert_eq!(reassembler.note_strip(NOW, KEY, 10, 3), Err(DropReason::Late));
        assert_eq!(reassembler.note_strip(NOW, KEY, 10 + WINDOW_FRAMES, 2), Ok(true));
        let stats = reassembler.stats(KEY).unwrap();
        assert_eq!((stats.frames_complete, stats.frames_lost), (1 + 63 + 1, 1));
        assert_eq!((stats.duplicates, stats.late), (1, 1));
        assert_eq!(reassembler.slots_used(), 0);
        let other = TrackKey { sender: 3, ..KEY };
        assert_eq!(reassembler.note_strip(NOW, other, 0, 1), Ok(true), "an idle track gives its place");
        assert_eq!(reassembler.stats(KEY), None);
    }

    #[test]
    fn what_another_layer_was_sent_instead_of_is_not_lost() {
        let (mut slots, mut memory) = (vec![ReassemblySlot::EMPTY; 1], vec![0; 10]);
        let mut tracks = [TrackWindow::EMPTY, TrackWindow::EMPTY];
        let mut reassembler = Reassembler::new(&mut slots, &mut memory, &mut tracks, DEADLINE_DEFAULT);
        let small = TrackKey { layer: 1, ..KEY };
        let mut at = NOW;
        let order = [(KEY, 0..20), (small, 20..60), (KEY, 60..80), (KEY, 82..100), (small, 100..300), (KEY, 300..500)];
        for (key, frames) in order {
            for frame in frames {
                at = at + crate::time::Duration::from_millis(33);
                assert_eq!(reassembler.note_strip(at, key, frame, 1), Ok(true));
            }
        }
        let stats = |key| reassembler.stats(key).map(|stats| (stats.frames_complete, stats.frames_lost));
        assert_eq!(stats(KEY), Some((20 + 20 + 18 + 200, 2)), "only the two that nothing was sent instead of");
        assert_eq!(stats(small), Some((40 + 200, 0)));
    }

    #[test]
    fn without_a_place_for_the_track_a_strip_is_refused() {
        let (mut slots, mut memory) = (vec![ReassemblySlot::EMPTY; 1], vec![0; 10]);
        let mut reassembler = Reassembler::new(&mut slots, &mut memory, &mut [], DEADLINE_DEFAULT);
        assert_eq!(reassembler.note_strip(NOW, KEY, 0, 1), Err(DropReason::ReassemblyFull));
    }
}
