//! Breakout rooms: asking for them, seeing them, and going where one is sent.

use hph_client::breakout::{BreakoutAct, BreakoutNews, BreakoutWish, BreakoutsView, Split, SplitStep};

use super::*;
use crate::effect::engine;
use crate::room::mute;

/// Where we were sent, and what is to be on there as it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following {
    to: RoomId,
    is_mic_on: bool,
    is_camera_on: bool,
}

/// Where the room in front stands in its meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakoutPlace {
    /// The room that its breakout rooms belong to.
    pub parent: RoomId,
    /// Which of them it is; 0: the room itself.
    pub number: u8,
    /// Whether there is a button that leads back: hosts go where they want.
    pub may_go_back: bool,
}

impl App {
    /// Where the room in front stands, if its meeting has breakout rooms.
    pub fn breakout_place(&self) -> Option<BreakoutPlace> {
        let (room, view) = self.front_room()?;
        self.view.breakouts.around(room.id)?;
        let (parent, number) = self.view.breakouts.place_of(room.id);
        Some(BreakoutPlace { parent, number, may_go_back: number != 0 && people::my_role(view).is_host() })
    }

    /// The breakout rooms of the meeting in front.
    pub fn breakouts(&self) -> Option<&BreakoutsView> {
        self.view.breakouts.around(self.front?)
    }

    /// Asks the server for what is wanted.
    pub(super) fn breakout(&mut self, wish: BreakoutWish, effects: &mut Effects) {
        let Some(room) = self.front else { return };
        match wish {
            // They are always shown.
            BreakoutWish::List => {}
            BreakoutWish::Split { count, after_s } => {
                let name = |number| match self.lang() {
                    Some(Lang::En) => format!("Group {number}"),
                    _ => format!("Nhóm {number}"),
                };
                let names: Vec<String> = (1..=count).map(name).collect();
                let acts = names.into_iter().map(BreakoutAct::Open);
                let opening = acts.map(|act| self.ask_breakout(room, act, effects)).collect();
                self.split = Some(Split::new(room, opening, after_s));
            }
            BreakoutWish::Go(number) => {
                let whom = self.view.username.clone();
                self.ask_breakout(room, BreakoutAct::Move { whom, number }, effects);
            }
            BreakoutWish::Do(act) => _ = self.ask_breakout(room, act, effects),
        }
    }

    fn ask_breakout(&mut self, room: RoomId, act: BreakoutAct, effects: &mut Effects) -> u32 {
        let request = self.ids.request();
        self.breakouts_asked.insert(request);
        engine(effects, Command::Breakout { request, room, act });
        request
    }

    /// The next step of splitting a room.
    pub(super) fn split_on(&mut self, event: &ClientEvent, effects: &mut Effects) {
        let Some(split) = &mut self.split else { return };
        let room = split.room;
        match split.handle(event) {
            SplitStep::Wait => {}
            SplitStep::GiveUp => self.split = None,
            SplitStep::Do(acts) => {
                self.split = None;
                acts.into_iter().for_each(|act| _ = self.ask_breakout(room, act, effects));
            }
        }
    }

    /// What is told of the breakout rooms of a room.
    pub(super) fn hear_of_breakouts(&mut self, parent: RoomId, news: &BreakoutNews, now: Now) {
        let notice = match news {
            BreakoutNews::Moved { from, to, number, name } => {
                self.note_moved(*from, *to);
                if *number == 0 { Notice::BackFromBreakout } else { Notice::SentToBreakout(name.clone()) }
            }
            BreakoutNews::Ends(after_s) => {
                let span = Duration::from_secs((*after_s).into());
                self.breakouts_end.insert(parent, now.at + span);
                Notice::BreakoutsEnd { seconds: *after_s }
            }
            BreakoutNews::Told { display_name, text, .. } => {
                Notice::BreakoutsTold { by: display_name.clone(), text: text.clone() }
            }
            BreakoutNews::Over => {
                self.breakouts_end.remove(&parent);
                return;
            }
            BreakoutNews::Opened { .. } | BreakoutNews::Assigned { .. } => return,
        };
        self.toasts.push(notice, now.at);
    }

    /// Seconds until the breakout rooms of the meeting in front end; none if nobody has said.
    pub fn breakouts_end_s(&self, now: Now) -> Option<u64> {
        let parent = self.view.breakouts.place_of(self.front?).0;
        let left = crate::time::seconds_until(*self.breakouts_end.get(&parent)?, now.at);
        self.breakouts().map(|_| left)
    }

    /// We are sent elsewhere: notes what is on here. It is closed when we have left.
    fn note_moved(&mut self, from: RoomId, to: RoomId) {
        let Some(room) = self.rooms.get(&from) else { return };
        self.following = Some(Following { to, is_mic_on: room.mic.is_open(), is_camera_on: room.camera.is_wanted() });
    }

    /// We are in a room: if we were sent there, what was on is on again.
    pub(super) fn follow(&mut self, id: RoomId, now: Now, effects: &mut Effects) {
        let Some(following) = self.following.take_if(|following| following.to == id) else { return };
        self.bring_to_front(id, now, effects);
        if following.is_mic_on {
            self.in_room(id, room::Event::Mic(mute::Event::Switch(true)), now, effects);
        }
        if following.is_camera_on {
            self.in_room(id, room::Event::ToggleCamera, now, effects);
        }
    }
}
