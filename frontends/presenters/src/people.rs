//! Everybody in a room: who has a hand up, what one may do with whom, and how it is undone.

use std::collections::BTreeMap;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::core::time::Instant;
use hph_client::core::wire::control::Act;
use hph_client::engine::{Command, Participant, Role};
use hph_client::people::KeyState;
use hph_client::view::RoomView;

use crate::effect::{Effects, engine};
use crate::room::quality::{Bars, Cause};
use crate::room::tiles::{self, Tiles, is_on};
use crate::text::fold::{Needle, fold};
use crate::text::name::{given_name, hue, initial};
use crate::time::Now;
use crate::toasts::Undo;

/// Somebody in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Their place.
    pub slot: Slot,
    /// Number of their membership.
    pub member: u32,
    /// Login name.
    pub username: String,
    /// Name to show.
    pub name: String,
    /// Letter of the avatar.
    pub initial: String,
    /// Hue of the avatar. **Units:** degrees.
    pub hue: u16,
    /// What they are here.
    pub role: Role,
    /// Whether it is ourselves.
    pub is_me: bool,
    /// Whether the microphone is on.
    pub is_mic_on: bool,
    /// Whether the camera is on.
    pub is_camera_on: bool,
    /// Whether they share their screen.
    pub is_sharing: bool,
    /// Whether they speak.
    pub is_speaking: bool,
    /// Their place in the queue of hands, and since when. **Units:** 1 for the first; seconds.
    pub hand: Option<(usize, u64)>,
    /// How well they come through.
    pub bars: Bars,
    /// Why not better.
    pub cause: Option<Cause>,
    /// How far their key may be trusted.
    pub key: KeyState,
    /// What may be done with them, in the order of the menu.
    pub acts: Vec<Act>,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sections {
    /// Those who wait to be let in, the first one first: their login names and names to show. Only hosts are told.
    pub waiting: Vec<(String, String)>,
    /// Those with a hand up, the first one first.
    pub hands: Vec<Row>,
    /// Everybody who is found, ourselves first.
    pub here: Vec<Row>,
    /// What may be done with the whole room.
    pub acts: Vec<Act>,
    /// Everybody, found or not.
    pub count: usize,
}

/// What happens in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The search was changed.
    Search(String),
    /// Do something: to somebody (a login name), or to the room.
    Act(Act, String),
    /// Yes, do it.
    Confirm,
    /// No.
    Cancel,
    /// Give the room a password.
    SetPassword(String),
}

/// What waits for a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub act: Act,
    /// Login name, or nothing.
    pub whom: String,
    /// Name to show, or nothing.
    pub name: String,
}

/// The list of one room.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// What is searched for.
    pub search: String,
    /// What waits for a yes.
    pub asked: Option<Asked>,
    /// Since when hands are up, by membership.
    hands: BTreeMap<u32, Instant>,
    /// What was asked of the server, by request.
    running: BTreeMap<u32, (Act, String)>,
}

impl People {
    /// Takes an event. `request` is a number for a request to the server.
    pub fn handle(&mut self, event: Event, room: RoomId, view: &RoomView, request: u32, effects: &mut Effects) {
        match event {
            Event::Search(text) => self.search = text,
            Event::Act(act, whom) if !may(view, act, &whom) => _ = (act, whom),
            Event::Act(act, whom) if must_be_confirmed(act) => {
                let name = name_of(view, &whom);
                self.asked = Some(Asked { act, whom, name });
            }
            Event::Act(act, whom) => self.send(act, whom, room, request, effects),
            Event::Confirm => {
                if let Some(Asked { act, whom, .. }) = self.asked.take() {
                    self.send(act, whom, room, request, effects);
                }
            }
            Event::Cancel => self.asked = None,
            Event::SetPassword(password) => {
                if my_role(view) >= Act::Password.least_role() && !password.is_empty() {
                    self.running.insert(request, (Act::Password, String::new()));
                    engine(effects, Command::SetPassword { request, room, password });
                }
            }
        }
    }

    fn send(&mut self, act: Act, whom: String, room: RoomId, request: u32, effects: &mut Effects) {
        self.running.insert(request, (act, whom.clone()));
        engine(effects, Command::Moderate { request, room, act, whom });
    }

    /// The server has done what was asked: what it was, and what undoes it.
    pub fn done(&mut self, request: u32, room: RoomId) -> Option<(Act, String, Option<Undo>)> {
        let (act, whom) = self.running.remove(&request)?;
        let undo = inverse(act).map(|act| Undo { room, act, whom: whom.clone() });
        Some((act, whom, undo))
    }

    /// The server has refused what was asked.
    pub fn refused(&mut self, request: u32) -> bool {
        self.running.remove(&request).is_some()
    }

    /// Takes over who is in the room; gives the names of those who have just raised a hand.
    pub fn sync(&mut self, view: &RoomView, now: Instant) -> Vec<String> {
        let up = |who: &&Participant| who.hand != 0;
        self.hands.retain(|member, _| view.participants.values().filter(up).any(|who| who.member == *member));
        let mut raised = Vec::new();
        for who in view.participants.values().filter(up) {
            if let std::collections::btree_map::Entry::Vacant(place) = self.hands.entry(who.member) {
                place.insert(now);
                if view.my_slot != Some(who.slot) {
                    raised.push(who.display_name.clone());
                }
            }
        }
        raised
    }

    /// The list as it is now.
    pub fn sections(&self, view: &RoomView, tiles: &Tiles, now: Now) -> Sections {
        let needle = Needle::new(&self.search);
        let mut here: Vec<Row> = view.participants.values().map(|who| self.row(view, tiles, who, now)).collect();
        let mut hands: Vec<Row> = here.iter().filter(|row| row.hand.is_some()).cloned().collect();
        hands.sort_by_key(|row| row.hand.map(|(place, _)| (place, row.slot)));
        here.retain(|row| needle.is_in_any(&[&row.name, &row.username]));
        here.sort_by_cached_key(|row| {
            (!row.is_me, std::cmp::Reverse(row.role), fold(given_name(&row.name)), fold(&row.name), row.slot)
        });
        let acts = Act::ALL.into_iter().filter(|act| !act.has_target() && may(view, *act, "")).collect();
        let waiting = view.knocking.iter().map(|who| (who.username.clone(), who.display_name.clone())).collect();
        Sections { waiting, hands, here, acts, count: view.participants.len() }
    }

    fn row(&self, view: &RoomView, tiles: &Tiles, who: &Participant, now: Now) -> Row {
        let id = tiles::TileId { slot: who.slot, member: who.member, is_screen: false };
        let tile = tiles.tile(view, id, now.at);
        let since = self.hands.get(&who.member).copied().unwrap_or(now.at);
        let elapsed_s = now.at.since(since).as_micros() / 1_000_000;
        Row {
            slot: who.slot,
            member: who.member,
            username: who.username.clone(),
            name: who.display_name.clone(),
            initial: initial(&who.display_name),
            hue: hue(&who.username),
            role: who.role,
            is_me: view.my_slot == Some(who.slot),
            is_mic_on: is_on(who, TrackId::MICROPHONE),
            is_camera_on: is_on(who, TrackId::CAMERA),
            is_sharing: is_on(who, TrackId::SCREEN),
            is_speaking: tile.as_ref().is_some_and(|tile| tile.is_speaking),
            hand: tiles::hand(view, who).map(|hand| (hand.place, elapsed_s)),
            bars: tile.as_ref().map_or(Bars::FULL, |tile| tile.bars),
            cause: tile.and_then(|tile| tile.cause),
            key: who.key,
            acts: acts(view, who),
        }
    }
}

/// What we are in a room.
pub fn my_role(view: &RoomView) -> Role {
    view.my_slot.and_then(|slot| view.participants.get(&slot)).map(|me| me.role).unwrap_or_default()
}

/// What may be done with somebody who is here, and would change something.
fn acts(view: &RoomView, who: &Participant) -> Vec<Act> {
    let changes = |act: &Act| match act {
        Act::Mute => is_on(who, TrackId::MICROPHONE),
        Act::AskUnmute => !is_on(who, TrackId::MICROPHONE),
        Act::StopVideo => is_on(who, TrackId::CAMERA) || is_on(who, TrackId::SCREEN),
        Act::LowerHand => who.hand != 0,
        Act::MakeHost => who.role < Role::Host,
        Act::UnmakeHost => who.role == Role::Host,
        // Whoever is here is not kept out.
        Act::Unban | Act::Admit | Act::TurnAway => false,
        _ if !act.is_plain() => false,
        _ => act.has_target(),
    };
    Act::ALL.into_iter().filter(|act| changes(act) && may(view, *act, &who.username)).collect()
}

/// Whether we may do something to somebody, or to the room. The server has the last word; this is its own rule.
pub fn may(view: &RoomView, act: Act, whom: &str) -> bool {
    let me = my_role(view);
    let theirs = view.participants.values().find(|who| who.username == whom).map_or(Role::Guest, |who| who.role);
    let is_useful = match act {
        Act::Lock => !view.is_locked,
        Act::Unlock => view.is_locked,
        // Words must be typed for it: [`Event::SetPassword`].
        Act::Password => false,
        Act::NoPassword => view.rules.has_password,
        Act::WaitingRoom => !view.rules.has_waiting_room,
        Act::NoWaitingRoom => view.rules.has_waiting_room,
        Act::HostsShare => !view.rules.hosts_share,
        Act::AllShare => view.rules.hosts_share,
        // More than a name is needed for it: there are other ways.
        act if !act.is_plain() => false,
        _ => true,
    };
    me >= act.least_role() && (!act.has_target() || me.is_above(theirs)) && is_useful
}

/// Whether something can't be undone, so that it is asked for first.
pub const fn must_be_confirmed(act: Act) -> bool {
    matches!(act, Act::Ban | Act::Remove | Act::End)
}

/// What undoes something; none if nothing does. A host can't open somebody's microphone, but ask for it.
pub const fn inverse(act: Act) -> Option<Act> {
    match act {
        Act::Mute => Some(Act::AskUnmute),
        Act::Ban => Some(Act::Unban),
        Act::Unban => Some(Act::Ban),
        Act::MakeHost => Some(Act::UnmakeHost),
        Act::UnmakeHost => Some(Act::MakeHost),
        Act::Lock => Some(Act::Unlock),
        Act::Unlock => Some(Act::Lock),
        Act::WaitingRoom => Some(Act::NoWaitingRoom),
        Act::NoWaitingRoom => Some(Act::WaitingRoom),
        Act::HostsShare => Some(Act::AllShare),
        Act::AllShare => Some(Act::HostsShare),
        Act::Password => Some(Act::NoPassword),
        Act::StopVideo
        | Act::AskUnmute
        | Act::LowerHand
        | Act::Remove
        | Act::MuteAll
        | Act::End
        | Act::Admit
        | Act::TurnAway
        | Act::NoPassword
        | Act::OpenBreakout
        | Act::Spread
        | Act::Move
        | Act::TellBreakouts
        | Act::EndBreakouts => None,
    }
}

/// The name to show of somebody here; the login name of anybody else.
pub fn name_of(view: &RoomView, username: &str) -> String {
    let who = view.participants.values().find(|who| who.username == username);
    who.map_or(username, |who| who.display_name.as_str()).to_owned()
}

#[cfg(test)]
mod tests;
