//! Numbered messages (1, 2, 3, …) that the server pushes: each is taken once and in order, and what is missing is asked
//! for until it comes.

use super::{ClientMachine, ClientOutput};
use crate::time::{Duration, Instant};
use crate::wire::control::ClientMessage;

/// After a gap, ask at most this often.
const GAP_INTERVAL: Duration = Duration::from_millis(300);
/// Without a gap, ask again when nothing came for this long.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// How far one stream of messages was read, and how far it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Catcher {
    /// The last message that was handed out.
    pub last: u64,
    /// The newest message that we heard of.
    newest: u64,
    /// When we last asked, or something that we asked for came.
    asked_at: Option<Instant>,
}

impl Catcher {
    /// Everything up to `last` is read, messages up to `newest` exist.
    pub const fn new(last: u64, newest: u64) -> Self {
        Self { last, newest, asked_at: None }
    }

    /// Whether `id` is the message that comes next. Another one is only noted.
    pub fn is_next(&mut self, now: Instant, id: u64) -> bool {
        self.newest = self.newest.max(id);
        let is_next = id == self.last.saturating_add(1);
        if is_next {
            self.last = id;
            self.asked_at = Some(now);
        }
        is_next
    }

    /// Messages before `oldest` are no longer kept.
    pub fn skip_to(&mut self, oldest: u64) {
        self.last = self.last.max(oldest.saturating_sub(1));
        self.newest = self.newest.max(self.last);
    }

    /// A message came before its turn: after which one to ask again, if it is time.
    pub fn after_gap(&mut self, now: Instant) -> Option<u64> {
        self.ask(now, GAP_INTERVAL)
    }

    /// After which message to ask, now for certain.
    pub fn ask_at(&mut self, now: Instant) -> u64 {
        self.asked_at = Some(now);
        self.last
    }

    fn ask(&mut self, now: Instant, interval: Duration) -> Option<u64> {
        let is_time = self.asked_at.is_none_or(|at| now.since(at) >= interval);
        (self.last < self.newest && is_time).then(|| self.ask_at(now))
    }
}

/// In place of a number: after the last direct message that was read, on whatever device.
pub(crate) const AFTER_READ: u64 = u64::MAX;

impl ClientMachine<'_> {
    /// After which direct message to ask, where `after` is the last that we had ourselves.
    pub(super) const fn directs_after(&self, after: u64) -> u64 {
        if self.knows_directs { after } else { AFTER_READ }
    }

    /// Asks for messages that should have come by now.
    pub(super) fn drive_sync(&mut self, now: Instant, out: &mut impl ClientOutput) {
        if self.link.is_none() {
            return;
        }
        if let Some(after) = self.directs.ask(now, RETRY_INTERVAL) {
            let after = self.directs_after(after);
            out.control(&ClientMessage::SyncDirect { after });
        }
        for room in self.rooms.iter_mut().filter_map(|place| place.room_mut()).filter(|room| room.is_joined()) {
            if let Some(after) = room.chat.as_mut().and_then(|chat| chat.ask(now, RETRY_INTERVAL)) {
                out.control(&ClientMessage::SyncChat { room: room.id, after });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    #[test]
    fn messages_are_taken_once_and_in_order() {
        let mut chat = Catcher::new(5, 5);
        assert!(!chat.is_next(at(0), 5) && !chat.is_next(at(0), 7) && chat.is_next(at(0), 6));
        assert!(chat.is_next(at(0), 7) && !chat.is_next(at(0), 7));
        assert_eq!(chat.last, 7);
    }

    #[test]
    fn a_gap_is_asked_for_until_it_is_filled() {
        let mut chat = Catcher::new(0, 0);
        assert!(!chat.is_next(at(0), 3));
        assert_eq!(chat.after_gap(at(0)), Some(0));
        assert!(!chat.is_next(at(10), 4));
        assert_eq!(chat.after_gap(at(10)), None);
        for id in 1..=3 {
            assert!(chat.is_next(at(20), id));
        }
        // The fourth was thrown away: nothing comes any more, so ask again.
        assert_eq!(chat.ask(at(1000), RETRY_INTERVAL), None);
        assert_eq!(chat.ask(at(2020), RETRY_INTERVAL), Some(3));
        assert!(chat.is_next(at(2030), 4));
        assert_eq!(chat.ask(at(9999), RETRY_INTERVAL), None);
    }

    #[test]
    fn what_is_no_longer_kept_is_not_waited_for() {
        let mut chat = Catcher::new(3, 3);
        chat.skip_to(10);
        assert!(!chat.is_next(at(0), 4) && chat.is_next(at(0), 10));
    }
}
