//! A sliding window over packet counters: each is let through once, and not at all when it is too old.

use crate::error::DropReason;
use crate::limits::REPLAY_WINDOW_PACKETS;

const WORD_BITS: u64 = u64::BITS as u64;
/// One word more than the window needs: the newest word may have just begun (RFC 6479 section 2).
const WORDS: usize = REPLAY_WINDOW_PACKETS / u64::BITS as usize + 1;

/// Remembers which of the last [`REPLAY_WINDOW_PACKETS`] counters were seen (RFC 6479): a ring of bit words that is
/// never shifted, only cleared word by word as the counter moves on. 144 bytes, no branch depends on a secret.
///
/// `check` before the tag is verified, `commit` only after: a forged packet must not move the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayWindow {
    highest: u64,
    seen: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayWindow {
    /// A window that has seen nothing: every counter passes.
    pub const fn new() -> Self {
        Self { highest: 0, seen: [0; WORDS] }
    }

    /// May a packet with this counter pass? Changes nothing.
    ///
    /// # Errors
    /// [`DropReason::TooOld`] if it lies [`REPLAY_WINDOW_PACKETS`] or more behind the highest one,
    /// [`DropReason::Replayed`] if it was committed before.
    pub fn check(&self, counter: u64) -> Result<(), DropReason> {
        if counter > self.highest {
            return Ok(());
        }
        if self.is_behind(counter) {
            return Err(DropReason::TooOld);
        }
        let word = self.seen.get(word_index(counter)).copied().unwrap_or(u64::MAX);
        if word & bit(counter) == 0 { Ok(()) } else { Err(DropReason::Replayed) }
    }

    /// Does a counter that passes `check` lie above every committed one? The very first packet does.
    pub const fn is_newest(&self, counter: u64) -> bool {
        // Equal and not seen can only be counter 0 of an unused window.
        counter >= self.highest
    }

    /// Remembers the counter of a packet whose tag fits. A counter behind the window changes nothing.
    pub fn commit(&mut self, counter: u64) {
        if self.is_behind(counter) {
            return;
        }
        if counter > self.highest {
            self.move_to(counter);
        }
        if let Some(word) = self.seen.get_mut(word_index(counter)) {
            *word |= bit(counter);
        }
    }

    fn is_behind(&self, counter: u64) -> bool {
        self.highest.saturating_sub(counter) >= REPLAY_WINDOW_PACKETS as u64
    }

    /// Clears the words that begin between the old highest counter and the new one.
    fn move_to(&mut self, counter: u64) {
        let first = self.highest / WORD_BITS;
        let words = (counter / WORD_BITS).saturating_sub(first).min(WORDS as u64);
        for step in 1..=words {
            if let Some(word) = self.seen.get_mut(ring_index(first.wrapping_add(step))) {
                *word = 0;
            }
        }
        self.highest = counter;
    }
}

const fn ring_index(word: u64) -> usize {
    (word % WORDS as u64) as usize
}

const fn word_index(counter: u64) -> usize {
    ring_index(counter / WORD_BITS)
}

const fn bit(counter: u64) -> u64 {
    1 << (counter % WORD_BITS)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;

    use super::*;

    /// What a window must do, said with a set.
    fn model(seen: &BTreeSet<u64>, counter: u64) -> Result<(), DropReason> {
        match seen.last() {
            Some(&highest) if highest >= counter && highest - counter >= REPLAY_WINDOW_PACKETS as u64 => {
                Err(DropReason::TooOld)
            }
            _ if seen.contains(&counter) => Err(DropReason::Replayed),
            _ => Ok(()),
        }
    }

    /// Every sequence of `depth` counters out of `choices`, forged ones (checked, not committed) included by the
    /// fact that each state checks all choices.
    fn explore(window: &ReplayWindow, seen: &BTreeSet<u64>, choices: &[u64], depth: usize) {
        for &counter in choices {
            let expected = model(seen, counter);
            assert_eq!(window.check(counter), expected, "{counter} after {seen:?}");
            if expected.is_ok() {
                assert_eq!(window.is_newest(counter), seen.last().is_none_or(|&highest| counter > highest));
            }
            if depth > 0 && expected.is_ok() {
                let (mut window, mut seen) = (window.clone(), seen.clone());
                window.commit(counter);
                seen.insert(counter);
                explore(&window, &seen, choices, depth - 1);
            }
        }
    }

    #[test]
    fn every_short_sequence_agrees_with_a_set_from_zero_on() {
        let choices = [0, 1, 63, 64, 1023, 1024, 1025, 1087, 1088, 1089, 2112, 5000];
        explore(&ReplayWindow::new(), &BTreeSet::new(), &choices, 4);
    }

    #[test]
    fn every_short_sequence_agrees_with_a_set_up_to_the_last_counter() {
        let choices = [0, 1, 63, 64, 1022, 1023, 1024, 1025, 1087, 1088, 3000].map(|back| u64::MAX - back);
        explore(&ReplayWindow::new(), &BTreeSet::new(), &choices, 4);
    }

    #[test]
    fn a_long_random_walk_agrees_with_a_set() {
        let mut random = crate::crypto::drbg::Drbg::from_seed([1; 32]);
        let (mut window, mut seen, mut middle) = (ReplayWindow::new(), BTreeSet::new(), 3000_u64);
        for _ in 0..20_000 {
            middle += u64::from(random.next_u32() % 3);
            let counter = middle + u64::from(random.next_u32() % 1300) - 1200;
            let expected = model(&seen, counter);
            assert_eq!(window.check(counter), expected);
            if expected.is_ok() {
                window.commit(counter);
                seen.insert(counter);
            }
        }
    }

    #[test]
    fn the_window_is_exactly_as_wide_as_it_says() {
        let mut window = ReplayWindow::new();
        window.commit(10_000);
        assert_eq!(window.check(10_000 - 1023), Ok(()));
        assert_eq!(window.check(10_000 - 1024), Err(DropReason::TooOld));
    }

    #[test]
    fn committing_a_counter_behind_the_window_changes_nothing() {
        let mut window = ReplayWindow::new();
        window.commit(10_000);
        let before = window.clone();
        window.commit(10_000 - 1024);
        assert_eq!(window, before);
    }
}
