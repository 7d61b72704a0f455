//! Breakout rooms: asking for them, and going where one is sent.

use hph_client::breakout::{BreakoutAct, BreakoutNews, BreakoutWish, Split, SplitStep};
use hph_client::core::id::{RoomId, TrackId};
use hph_client::engine::{Command, Event};

use super::Meeting;
use crate::lang;
use crate::object::track_name;
use crate::text::one_row;

/// What is on when somebody is sent elsewhere, and is to be on there.
pub(super) type Following = (RoomId, Vec<TrackId>);

impl Meeting<'_> {
    /// Does what a line says about breakout rooms.
    pub(super) fn breakout(&mut self, wish: BreakoutWish) {
        let Some(room) = self.current_or_say() else { return };
        match wish {
            BreakoutWish::List => self.list_breakouts(room),
            BreakoutWish::Split { count, after_s } => {
                let name = |number| self.session.out.lang.fill(&lang::BREAKOUT_NAME, &[&number]);
                let names: Vec<String> = (1..=count).map(name).collect();
                let requests = names.into_iter().map(|name| self.ask_breakout(room, BreakoutAct::Open(name)));
                self.split = Some(Split::new(room, requests.collect(), after_s));
            }
            BreakoutWish::Go(number) => {
                let whom = self.session.view.username.clone();
                self.ask_breakout(room, BreakoutAct::Move { whom, number });
            }
            BreakoutWish::Do(BreakoutAct::Move { whom, number }) => {
                if let Some(whom) = self.resolve(&whom) {
                    self.ask_breakout(room, BreakoutAct::Move { whom, number });
                }
            }
            BreakoutWish::Do(act) => _ = self.ask_breakout(room, act),
        }
    }

    fn ask_breakout(&mut self, room: RoomId, act: BreakoutAct) -> u32 {
        let request = self.session.engine.request();
        self.session.send(Command::Breakout { request, room, act });
        request
    }

    /// The next step of splitting a room.
    pub(super) fn split_on(&mut self, event: &Event) {
        let Some(split) = &mut self.split else { return };
        let room = split.room;
        match split.handle(event) {
            SplitStep::Wait => {}
            SplitStep::GiveUp => self.split = None,
            SplitStep::Do(acts) => {
                self.split = None;
                acts.into_iter().for_each(|act| _ = self.ask_breakout(room, act));
            }
        }
    }

    /// We are sent elsewhere: what is on here is closed, and opened there.
    pub(super) fn note_moved(&mut self, news: &BreakoutNews) {
        let BreakoutNews::Moved { from, to, .. } = news else { return };
        let tracks = [TrackId::MICROPHONE, TrackId::CAMERA, TrackId::SCREEN];
        let is_open = |track: &TrackId| self.devices.get_mut(from).is_some_and(|devices| devices.is_open(*track));
        let open: Vec<TrackId> = tracks.into_iter().filter(is_open).collect();
        for track in &open {
            self.close(*from, *track);
        }
        self.following = Some((*to, open));
    }

    /// We are where we were sent.
    pub(super) fn follow(&mut self, room: RoomId) {
        let Some((_, tracks)) = self.following.take_if(|(to, _)| *to == room) else { return };
        self.current = Some(room);
        for track in tracks {
            // Who can't be heard there is there all the same.
            if let Err(error) = self.open(room, track) {
                self.session.out.talk(&self.session.out.lang.fill(&lang::E_SOURCE, &[&track_name(track), &error]));
            }
        }
    }

    fn list_breakouts(&self, room: RoomId) {
        let (view, out) = (&self.session.view, self.session.out);
        let Some(breakouts) = view.breakouts.around(room) else { return self.tell(&lang::NO_BREAKOUTS) };
        for (number, breakout) in &breakouts.rooms {
            let mark = if breakout.room == room { "#" } else { " " };
            let people: Vec<String> =
                breakouts.people.iter().filter(|(_, at)| *at == number).map(|(name, _)| one_row(name)).collect();
            out.print(&format!("{mark} {number}\t{}\t{}", one_row(&breakout.name), people.join(", ")));
        }
    }
}
