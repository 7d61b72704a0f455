//! Messages that the server has not acknowledged: they are sent again until it has, under the same reference.

use std::collections::VecDeque;

use hph_core::id::RoomId;
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::Refusal;

/// Messages that may wait.
const WAITING_MAX: usize = 512;
/// A message that was refused for being too fast is sent again after this.
const RETRY_AFTER: Duration = Duration::from_millis(1100);

/// Where a message goes, or which one is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Room(RoomId),
    /// A message of ours that gets another text.
    Edit(RoomId, u64),
    /// A message that is taken back; there is no text.
    Delete(RoomId, u64),
    /// A person, and the number under which their keys were asked for.
    Person {
        username: String,
        request: u32,
    },
}

/// A message that is not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub reference: u64,
    pub target: Target,
    pub text: String,
    /// When it may be sent (again); none while it is on its way.
    pub due: Option<Instant>,
    /// Its author knows that the server can't store it now.
    is_delayed: bool,
}

impl Waiting {
    /// Whether the server means it by this number.
    fn is_numbered(&self, number: u64) -> bool {
        let asked = match self.target {
            Target::Person { request, .. } => u64::from(request),
            Target::Room(_) | Target::Edit(..) | Target::Delete(..) => 0,
        };
        self.reference == number || (asked != 0 && asked == number)
    }
}

/// Everything that is not acknowledged, in the order in which it was written.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Waiting>,
}

impl Outbox {
    /// Takes a message; false if too many wait already.
    pub fn push(&mut self, now: Instant, reference: u64, target: Target, text: String) -> bool {
        let has_room = self.waiting.len() < WAITING_MAX;
        if has_room {
            self.waiting.push_back(Waiting { reference, target, text, due: Some(now), is_delayed: false });
        }
        has_room
    }

    /// The server has it.
    pub fn acknowledge(&mut self, reference: u64) {
        self.waiting.retain(|message| message.reference != reference);
    }

    /// The server refused it: sent again if it was only too fast, else forgotten. Gives the reference if it is forgotten.
    pub fn refuse(&mut self, now: Instant, number: u64, reason: Refusal) -> Option<u64> {
        let message = self.waiting.iter_mut().find(|message| message.is_numbered(number))?;
        if reason == Refusal::TooFast || reason == Refusal::Storage {
            message.due = Some(now + RETRY_AFTER);
            return None;
        }
        let reference = message.reference;
        self.acknowledge(reference);
        Some(reference)
    }

    /// The server can't store it now, and it will be sent again. Gives its reference the first time.
    pub fn delay(&mut self, number: u64) -> Option<u64> {
        let message = self.waiting.iter_mut().find(|message| message.is_numbered(number) && !message.is_delayed)?;
        message.is_delayed = true;
        Some(message.reference)
    }

    /// Everything for which this holds is sent again: its way there is new.
    pub fn resend(&mut self, now: Instant, fits: impl Fn(&Target) -> bool) {
        for message in self.waiting.iter_mut().filter(|message| fits(&message.target)) {
            message.due = Some(now);
        }
    }

    /// The next message to send, in order: nothing overtakes an earlier message to the same place.
    pub fn next_due(&mut self, now: Instant, may_go: impl Fn(&Target) -> bool) -> Option<&mut Waiting> {
        let mut blocked: Vec<Target> = Vec::new();
        let index = self.waiting.iter().position(|message| {
            let is_due = message.due.is_some_and(|due| due <= now);
            if message.due.is_some() && !is_due {
                blocked.push(message.target.clone());
            }
            is_due && may_go(&message.target) && !blocked.contains(&message.target)
        })?;
        let message = self.waiting.get_mut(index)?;
        message.due = None;
        Some(message)
    }

    /// The direct message whose receiver's keys were asked for under this number.
    pub fn asked_keys(&self, number: u32) -> Option<&Waiting> {
        self.waiting
            .iter()
            .find(|message| matches!(message.target, Target::Person { request, .. } if request == number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Target = Target::Room(RoomId(1));

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    #[test]
    fn a_message_is_sent_again_until_it_is_acknowledged() {
        let mut outbox = Outbox::default();
        outbox.push(at(0), 7, ROOM, "một".to_owned());
        assert_eq!(outbox.next_due(at(0), |_| true).unwrap().reference, 7);
        assert!(outbox.next_due(at(0), |_| true).is_none());
        outbox.resend(at(5), |target| *target == ROOM);
        assert_eq!(outbox.next_due(at(5), |_| true).unwrap().reference, 7);
        outbox.acknowledge(7);
        outbox.resend(at(9), |_| true);
        assert!(outbox.next_due(at(9), |_| true).is_none());
    }

    #[test]
    fn a_message_that_was_too_fast_waits_and_none_overtakes_it() {
        let mut outbox = Outbox::default();
        outbox.push(at(0), 1, ROOM, "a".to_owned());
        outbox.push(at(0), 2, ROOM, "b".to_owned());
        outbox.next_due(at(0), |_| true);
        assert_eq!(outbox.refuse(at(1), 1, Refusal::TooFast), None);
        assert!(outbox.next_due(at(2), |_| true).is_none());
        assert_eq!(outbox.next_due(at(2000), |_| true).unwrap().reference, 1);
        assert_eq!(outbox.next_due(at(2000), |_| true).unwrap().reference, 2);
    }

    #[test]
    fn that_a_message_is_delayed_is_told_once() {
        let mut outbox = Outbox::default();
        outbox.push(at(0), 1, ROOM, "a".to_owned());
        assert_eq!(outbox.refuse(at(1), 1, Refusal::Storage), None);
        assert_eq!((outbox.delay(1), outbox.delay(1), outbox.delay(2)), (Some(1), None, None));
        assert_eq!(outbox.next_due(at(2000), |_| true).unwrap().reference, 1, "and it is sent again");
    }

    #[test]
    fn a_message_that_is_refused_is_forgotten_and_named() {
        let mut outbox = Outbox::default();
        outbox.push(at(0), 1, Target::Person { username: "lan".to_owned(), request: 9 }, "a".to_owned());
        assert_eq!(outbox.asked_keys(9).unwrap().reference, 1);
        assert_eq!(outbox.refuse(at(1), 9, Refusal::NoSuchPerson), Some(1));
        assert!(outbox.asked_keys(9).is_none());
    }
}
