//! Splitting a room takes several steps: the rooms are opened, then people are sent there, then an end is set.

use hph_core::id::RoomId;

use super::BreakoutAct;
use crate::engine::Event;

/// A room that is being split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The room.
    pub room: RoomId,
    after_s: Option<u16>,
    /// Requests that are not answered.
    opening: Vec<u32>,
}

impl Split {
    /// Rooms were asked for, under these numbers.
    pub const fn new(room: RoomId, opening: Vec<u32>, after_s: Option<u16>) -> Self {
        Self { room, after_s, opening }
    }

    /// Takes an answer.
    pub fn handle(&mut self, event: &Event) -> SplitStep {
        let (Event::Moderated { request } | Event::Refused { request, .. }) = event else { return SplitStep::Wait };
        let Some(at) = self.opening.iter().position(|other| other == request) else { return SplitStep::Wait };
        self.opening.remove(at);
        if matches!(event, Event::Refused { .. }) {
            return SplitStep::GiveUp;
        }
        if !self.opening.is_empty() {
            return SplitStep::Wait;
        }
        let end = self.after_s.map(BreakoutAct::End);
        SplitStep::Do([BreakoutAct::Spread].into_iter().chain(end).collect())
    }
}

/// What to do about a room that is being split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitStep {
    /// Answers are missing, or this was none.
    Wait,
    /// All rooms are there: this is next, and the last.
    Do(Vec<BreakoutAct>),
    /// A room was refused: those that are there stay, and nobody is sent anywhere.
    GiveUp,
}

#[cfg(test)]
mod tests {
    use hph_core::wire::control::Refusal;

    use super::*;

    #[test]
    fn people_are_sent_when_the_last_room_is_there_and_not_if_one_is_refused() {
        let mut split = Split::new(RoomId(1), vec![5, 6], Some(600));
        assert_eq!(split.handle(&Event::Moderated { request: 9 }), SplitStep::Wait);
        assert_eq!(split.handle(&Event::Moderated { request: 6 }), SplitStep::Wait);
        let next = vec![BreakoutAct::Spread, BreakoutAct::End(600)];
        assert_eq!(split.clone().handle(&Event::Moderated { request: 5 }), SplitStep::Do(next));
        assert_eq!(split.handle(&Event::Refused { request: 5, reason: Refusal::RoomsFull }), SplitStep::GiveUp);
    }
}
