//! Who shows which sign, and until when.

use hph_client::core::id::Slot;
use hph_client::core::time::{Duration, Instant};
use hph_client::engine::{REACTION_SHOWN, Reaction};
use hph_client::view::RoomView;

use crate::time::ms;

/// The server takes one sign a second from each participant; sooner none is sent.
const OWN_INTERVAL: Duration = ms(1000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    slot: Slot,
    member: u32,
    reaction: Reaction,
    until: Instant,
}

/// The signs that a room shows, one of each participant at most.
#[derive(Clone, Debug, Default)]
pub struct Reactions {
    shown: Vec<Shown>,
    sent_at: Option<Instant>,
}

impl Reactions {
    /// Somebody shows one; it takes the place of their last one.
    pub fn show(&mut self, view: &RoomView, slot: Slot, reaction: Reaction, now: Instant) {
        self.shown.retain(|other| other.slot != slot && other.until > now);
        if let Some(who) = view.participants.get(&slot) {
            self.shown.push(Shown { slot, member: who.member, reaction, until: now + REACTION_SHOWN });
        }
    }

    /// Whether we may send one now; if so, it counts as sent.
    pub fn may_send(&mut self, now: Instant) -> bool {
        let may = self.sent_at.is_none_or(|at| now.since(at) >= OWN_INTERVAL);
        if may {
            self.sent_at = Some(now);
        }
        may
    }

    /// What somebody shows now. Their successor in the same place shows nothing of theirs.
    pub fn of(&self, slot: Slot, member: u32, now: Instant) -> Option<Reaction> {
        let is_it = |shown: &&Shown| (shown.slot, shown.member) == (slot, member) && shown.until > now;
        self.shown.iter().find(is_it).map(|shown| shown.reaction)
    }

    /// When the next of them goes.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.shown.iter().map(|shown| shown.until).filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ROOM, meeting, now};

    #[test]
    fn a_sign_is_shown_for_three_seconds_and_the_next_one_takes_its_place() {
        let view = meeting(&[("lan", "Lan")]);
        let view = &view.rooms[&ROOM];
        let lan = view.participants.values().find(|who| who.username == "lan").expect("Lan");
        let of = |reactions: &Reactions, at| reactions.of(lan.slot, lan.member, now(at).at);
        let mut reactions = Reactions::default();
        reactions.show(view, lan.slot, Reaction::Clap, now(0).at);
        assert_eq!((of(&reactions, 0), of(&reactions, 2999)), (Some(Reaction::Clap), Some(Reaction::Clap)));
        assert_eq!((of(&reactions, 3000), reactions.deadline(now(0).at)), (None, Some(now(3000).at)));
        reactions.show(view, lan.slot, Reaction::Heart, now(1000).at);
        assert_eq!((of(&reactions, 3500), of(&reactions, 4000)), (Some(Reaction::Heart), None));
        assert_eq!(reactions.of(lan.slot, lan.member + 1, now(1000).at), None, "somebody else sits there now");
        reactions.show(view, Slot(31), Reaction::Heart, now(1000).at);
        assert_eq!(reactions.of(Slot(31), 0, now(1000).at), None, "nobody sits there");
    }

    #[test]
    fn no_more_are_sent_than_the_server_takes() {
        let mut reactions = Reactions::default();
        let sent = [0, 999, 1000, 1500, 2000].map(|at| reactions.may_send(now(at).at));
        assert_eq!(sent, [true, false, true, false, true]);
    }
}
