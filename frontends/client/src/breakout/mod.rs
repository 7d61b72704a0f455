//! Breakout rooms, as a frontend asks for them and sees them.

mod split;
mod wish;

use std::collections::BTreeMap;

use hph_core::id::RoomId;
use hph_core::wire::control::{RoomAsk, RoomTold};

pub use split::{Split, SplitStep};
pub use wish::BreakoutWish;

/// What a host does about the breakout rooms of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakoutAct {
    /// Opens one more, with this name.
    Open(String),
    /// Spreads those who are in the room, and no hosts, evenly over them.
    Spread,
    /// Has somebody (login name) go to that one, or back to the room (0); also oneself.
    Move {
        /// Who.
        whom: String,
        /// Where to.
        number: u8,
    },
    /// Says this to everybody in them.
    Tell(String),
    /// Has everybody come back, after so many seconds.
    End(u16),
}

impl BreakoutAct {
    /// As it is said to the server, by somebody who is in that room or one of its breakout rooms.
    pub fn ask(&self, request: u32, room: RoomId) -> RoomAsk<'_> {
        match self {
            Self::Open(name) => RoomAsk::OpenBreakout { request, room, name },
            Self::Spread => RoomAsk::Spread { request, room },
            Self::Move { whom, number } => RoomAsk::Move { request, room, whom, number: *number },
            Self::Tell(text) => RoomAsk::TellBreakouts { request, room, text },
            Self::End(after_s) => RoomAsk::EndBreakouts { request, room, after_s: *after_s },
        }
    }
}

/// What there is to tell about the breakout rooms of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakoutNews {
    /// We were sent from one room to another one: the engine leaves the first and joins the second. What of ours was on in
    /// the first is to be opened in the second when we are in it.
    Moved {
        /// From which.
        from: RoomId,
        /// To which.
        to: RoomId,
        /// Which breakout room it is; 0: the room that they belong to.
        number: u8,
        /// Its name; empty if nobody said it.
        name: String,
    },
    /// One is there.
    Opened {
        /// Its number, from 1.
        number: u8,
        /// Its id.
        room: RoomId,
        /// Its name.
        name: String,
    },
    /// For hosts: where somebody belongs now.
    Assigned {
        /// Login name.
        username: String,
        /// Where to; 0: the room itself.
        number: u8,
    },
    /// They end in so many seconds.
    Ends(u16),
    /// They have ended.
    Over,
    /// A host says something to everybody in them.
    Told {
        /// Login name of the host.
        by: String,
        /// Their name to show.
        display_name: String,
        /// The text.
        text: String,
    },
}

impl BreakoutNews {
    /// What the server told, and of which room; none if it is about something else.
    pub(crate) fn heard(told: &RoomTold<'_>) -> Option<(RoomId, Self)> {
        Some(match *told {
            RoomTold::Breakout { room, breakout, number, name } => {
                (room, Self::Opened { number, room: breakout, name: name.to_owned() })
            }
            RoomTold::Assigned { room, username, number } => {
                (room, Self::Assigned { username: username.to_owned(), number })
            }
            RoomTold::BreakoutsEnd { room, after_s: 0 } => (room, Self::Over),
            RoomTold::BreakoutsEnd { room, after_s } => (room, Self::Ends(after_s)),
            RoomTold::BreakoutsTold { room, by, display_name, text } => {
                let (by, display_name, text) = (by.to_owned(), display_name.to_owned(), text.to_owned());
                (room, Self::Told { by, display_name, text })
            }
            RoomTold::Moved { .. } | RoomTold::Reacted { .. } => return None,
        })
    }
}

/// One breakout room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakoutRoom {
    /// Its id.
    pub room: RoomId,
    /// Its name.
    pub name: String,
}

/// Those of one room, as we know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BreakoutsView {
    /// The rooms by number.
    pub rooms: BTreeMap<u8, BreakoutRoom>,
    /// For hosts: where everybody belongs who was sent anywhere, by login name.
    pub people: BTreeMap<String, u8>,
}

/// All that we know, by the room that they belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakouts {
    of: BTreeMap<RoomId, BreakoutsView>,
}

impl Breakouts {
    /// Takes news in.
    pub fn apply(&mut self, parent: RoomId, news: &BreakoutNews) {
        match news {
            BreakoutNews::Opened { number, room, name } => {
                let room = BreakoutRoom { room: *room, name: name.clone() };
                self.of.entry(parent).or_default().rooms.insert(*number, room);
            }
            BreakoutNews::Assigned { username, number } => {
                self.of.entry(parent).or_default().people.insert(username.clone(), *number);
            }
            BreakoutNews::Over => _ = self.of.remove(&parent),
            // Whoever came back hears no more of them if they end meanwhile.
            BreakoutNews::Moved { .. } | BreakoutNews::Ends(_) | BreakoutNews::Told { .. } => {}
        }
    }

    /// Nothing is known any more.
    pub fn clear(&mut self) {
        self.of.clear();
    }

    /// The room that a room belongs to, and its number there; the room itself and 0 if it is no breakout room.
    pub fn place_of(&self, room: RoomId) -> (RoomId, u8) {
        let found = self.of.iter().find_map(|(parent, view)| {
            let number = view.rooms.iter().find(|(_, other)| other.room == room).map(|(number, _)| *number)?;
            Some((*parent, number))
        });
        found.unwrap_or((room, 0))
    }

    /// Those of the meeting of a room.
    pub fn around(&self, room: RoomId) -> Option<&BreakoutsView> {
        self.of.get(&self.place_of(room).0).filter(|view| !view.rooms.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breakout_room_knows_where_it_belongs_until_it_is_over() {
        let mut breakouts = Breakouts::default();
        let (parent, first) = (RoomId(1), RoomId(7));
        let opened = BreakoutNews::Opened { number: 1, room: first, name: "Nhóm 1".to_owned() };
        breakouts.apply(parent, &opened);
        breakouts.apply(parent, &BreakoutNews::Assigned { username: "lan".to_owned(), number: 1 });
        assert_eq!((breakouts.place_of(first), breakouts.place_of(parent)), ((parent, 1), (parent, 0)));
        let view = breakouts.around(first).expect("known");
        assert_eq!((view.rooms[&1].name.as_str(), view.people["lan"]), ("Nhóm 1", 1));
        breakouts.apply(parent, &BreakoutNews::Over);
        assert_eq!((breakouts.place_of(first), breakouts.around(parent)), ((first, 0), None));
    }
}
