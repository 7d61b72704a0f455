//! The lobby: rooms as cards, live; people online; making a room; the invitation to one.

use hph_client::core::id::RoomId;
use hph_client::core::time::{Duration, Instant};
use hph_client::link::Invitation;
use hph_client::tls::Pin;
use hph_client::view::MeetingView;

use crate::effect::{Effect, Effects, Focus};
use crate::text::fold::{Needle, fold};
use crate::text::name::{hue, initial};
use crate::text::typed::{self, Flaw};
use crate::time::{Now, ms};

/// Cards are sorted anew only when the pointer and the keys have been still for so long.
pub const IDLE: Duration = ms(2000);

/// A room in the lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Which.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// People in it.
    pub people: u16,
    /// Whether we are in it.
    pub is_mine: bool,
    /// Names of people whom we see in it: only of rooms that we are in.
    pub names: Vec<String>,
}

/// Somebody online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Online {
    /// Login name.
    pub username: String,
    /// Name to show.
    pub name: String,
    /// Letter of the avatar.
    pub initial: String,
    /// Hue of the avatar. **Units:** degrees.
    pub hue: u16,
    /// Whether it is ourselves.
    pub is_me: bool,
}

/// What happens in the lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The search was changed.
    Search(String),
    /// The pointer or a key moved: cards stay where they are.
    Touched,
    /// Open the sheet for a new room; with what was searched for as its name.
    StartCreate,
    /// Close it.
    CancelCreate,
    /// The name of the new room was changed.
    NewName(String),
    /// Whether whoever comes into the new room waits to be let in.
    NewWaitingRoom(bool),
    /// Whether only hosts may share in it.
    NewHostsShare(bool),
    /// Its password; nothing: it has none.
    NewPassword(String),
    /// Make it and go in.
    Create,
    /// Show the invitation to a room.
    Invite(String),
    /// Close it.
    CloseInvite,
    /// Copy the link of the invitation.
    CopyLink,
}

/// The sheet of a new room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRoom {
    /// What was typed.
    pub name: String,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
    /// Whoever comes waits until a host lets them in.
    pub has_waiting_room: bool,
    /// Only hosts may share their screens.
    pub hosts_share: bool,
    /// Whoever comes needs it; nothing: nobody does.
    pub password: String,
}

impl NewRoom {
    /// Whether anything is to hold in it that does not hold by itself.
    pub const fn has_rules(&self) -> bool {
        self.has_waiting_room || self.hosts_share || !self.password.is_empty()
    }
}

/// The invitation to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Name of the room.
    pub room: String,
    /// The link, also for a code of squares.
    pub link: String,
}

/// The lobby.
#[derive(Clone, Debug, Default)]
pub struct Lobby {
    /// What is searched for.
    pub search: String,
    /// The sheet of a new room, if it is open.
    pub new_room: Option<NewRoom>,
    /// The invitation that is shown.
    pub invite: Option<Invite>,
    /// Where we are signed in: what invitations lead to.
    pub server: Option<(String, u16, Pin)>,
    /// Whether the server has told all that is there.
    pub is_complete: bool,
    order: Vec<RoomId>,
    touched_at: Option<Instant>,
}

impl Lobby {
    /// Takes an event; gives a room that is to be made and entered.
    pub fn handle(&mut self, event: Event, now: Now, effects: &mut Effects) -> Option<NewRoom> {
        self.touched_at = Some(now.at);
        match event {
            Event::Search(text) => self.search = text,
            Event::Touched => {}
            Event::StartCreate => {
                self.new_room = Some(NewRoom { name: typed::one_line(&self.search), ..NewRoom::default() });
                effects.push(Effect::Focus(Focus::First));
            }
            Event::CancelCreate => self.new_room = None,
            Event::NewName(name) => {
                let flaw = typed::room_name(&name).err().filter(|flaw| *flaw != Flaw::Empty);
                let sheet = self.new_room.get_or_insert_default();
                (sheet.name, sheet.flaw) = (name, flaw);
            }
            Event::NewWaitingRoom(is_on) => self.new_room.get_or_insert_default().has_waiting_room = is_on,
            Event::NewHostsShare(is_on) => self.new_room.get_or_insert_default().hosts_share = is_on,
            Event::NewPassword(text) => self.new_room.get_or_insert_default().password = text,
            Event::Create => return self.create(),
            Event::Invite(room) => self.invite = self.invitation(&room),
            Event::CloseInvite => self.invite = None,
            Event::CopyLink => {
                if let Some(invite) = &self.invite {
                    effects.push(Effect::Copy(invite.link.clone()));
                }
            }
        }
        None
    }

    fn create(&mut self) -> Option<NewRoom> {
        let sheet = self.new_room.as_mut()?;
        match typed::room_name(&sheet.name) {
            Ok(name) => {
                self.search.clear();
                self.new_room.take().map(|sheet| NewRoom { name, ..sheet })
            }
            Err(flaw) => {
                sheet.flaw = Some(flaw);
                None
            }
        }
    }

    /// The invitation to a room; none while signed out.
    pub fn invitation(&self, room: &str) -> Option<Invite> {
        let (host, port, pin) = self.server.clone()?;
        let link = Invitation { host, port, pin: Some(pin), room: Some(room.to_owned()), given: None }.to_string();
        Some(Invite { room: room.to_owned(), link })
    }

    /// Takes over which rooms there are. Those that were there keep their places as long as somebody moves.
    pub fn sync(&mut self, view: &MeetingView, now: Instant) {
        let is_idle = self.touched_at.is_none_or(|at| now.since(at) >= IDLE);
        if is_idle {
            let mut rooms: Vec<_> = view.lobby.values().collect();
            rooms.sort_by_cached_key(|room| {
                let is_mine = view.rooms.contains_key(&room.room);
                (std::cmp::Reverse((is_mine, room.people)), fold(&room.name), room.room)
            });
            self.order = rooms.into_iter().map(|room| room.room).collect();
        } else {
            let is_there = |id: &RoomId| view.lobby.values().any(|room| room.room == *id);
            self.order.retain(is_there);
            for room in view.lobby.values() {
                if !self.order.contains(&room.room) {
                    self.order.push(room.room);
                }
            }
        }
    }

    /// When cards may be sorted anew; none if they were.
    pub fn deadline(&self) -> Option<Instant> {
        self.touched_at.map(|at| at + IDLE)
    }

    /// The cards that are found, in order.
    pub fn cards(&self, view: &MeetingView) -> Vec<Card> {
        let needle = Needle::new(&self.search);
        let card = |id: &RoomId| {
            let room = view.lobby.values().find(|room| room.room == *id)?;
            let inside = view.rooms.get(id);
            let names = inside.map(|room| room.participants.values().map(|who| who.display_name.clone()).collect());
            Some(Card {
                room: *id,
                name: room.name.clone(),
                people: room.people,
                is_mine: inside.is_some(),
                names: names.unwrap_or_default(),
            })
        };
        let cards = self.order.iter().filter_map(card);
        cards.filter(|card| needle.is_in_any(&[&card.name, &card.names.join(" ")])).collect()
    }

    /// People online who are found, ourselves first, the others by their given names.
    pub fn people(&self, view: &MeetingView) -> Vec<Online> {
        let needle = Needle::new(&self.search);
        let found = view.people.values().filter(|who| needle.is_in_any(&[&who.display_name, &who.username]));
        let mut people: Vec<Online> = found
            .map(|who| Online {
                username: who.username.clone(),
                name: who.display_name.clone(),
                initial: initial(&who.display_name),
                hue: hue(&who.username),
                is_me: who.username == view.username,
            })
            .collect();
        people.sort_by_cached_key(|who| {
            (!who.is_me, fold(crate::text::name::given_name(&who.name)), fold(&who.name), who.username.clone())
        });
        people
    }

    /// The name under which what was searched for, and not found, can be made.
    pub fn offered_name(&self, view: &MeetingView) -> Option<String> {
        let name = typed::room_name(&self.search).ok()?;
        let is_same = |room: &str| fold(room) == fold(&name);
        (self.cards(view).is_empty() || !view.lobby.values().any(|room| is_same(&room.name))).then_some(name)
    }
}

#[cfg(test)]
mod tests;
