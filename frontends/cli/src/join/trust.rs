//! Comparing keys in a meeting: the room's code, whose keys were compared, whose changed key is accepted.

use hph_client::core::id::RoomId;
use hph_client::core::wire::control::DevicePublic;
use hph_client::engine::Command;
use hph_client::people::KeyState;
use hph_client::safety::RoomSafety;

use super::Meeting;
use crate::lang;
use crate::object::{object, of_safety};
use crate::show;
use crate::text::{one_row, person};

/// What was shown to be compared. Only that may be called compared: who has come since, or has another key since, is not in
/// it.
pub(super) struct Comparison {
    room: RoomId,
    safety: RoomSafety,
}

impl Meeting<'_> {
    /// The code of a room has changed. Alone there is nobody to compare it with.
    pub(super) fn tell_safety(&self, room: RoomId, safety: &RoomSafety) {
        let out = self.session.out;
        if !safety.others.is_empty() {
            let name = self.session.view.rooms.get(&room).map_or("?", |room| &room.name);
            out.talk(&out.lang.fill(&lang::SAFETY_CODE, &[&one_row(name), &safety.code]));
        }
    }

    /// Shows what to compare in the current room.
    pub(super) fn show_safety(&mut self) {
        let Some(room) = self.current_or_say() else { return };
        let Some(view) = self.session.view.rooms.get(&room) else { return };
        let Some(safety) = view.safety.clone() else { return self.tell(&lang::SAFETY_NOT_YET) };
        let out = self.session.out;
        let row = |(username, device): &(String, DevicePublic)| {
            let who = view.person(username, device);
            let name = person(who.map_or("", |who| &who.display_name), username);
            let key = who.map(|who| who.key).unwrap_or_default();
            format!("  {name}\t{}", out.lang.text(show::key_phrase(key)))
        };
        let rows = || {
            let mut rows = vec![out.lang.fill(&lang::SAFETY_CODE, &[&one_row(&view.name), &safety.code])];
            let me = view.my_slot.and_then(|slot| view.participants.get(&slot));
            let me = person(me.map_or("", |me| &me.display_name), &safety.me.0);
            rows.push(format!("  {me}\t{}", out.lang.text(&lang::STATE_ME)));
            rows.extend(safety.others.iter().map(row));
            rows.join("\n")
        };
        out.data(|| object("safety", of_safety(room, &safety, Some(view))), rows);
        out.talk(out.lang.text(&lang::SAFETY_HOW));
        self.comparison = Some(Comparison { room, safety });
    }

    /// The user has compared the code that was shown: with one, or with everybody.
    pub(super) fn verified(&mut self, who: Option<&str>) {
        let Some(room) = self.current_or_say() else { return };
        let Some(shown) = self.comparison.as_ref().filter(|shown| shown.room == room) else {
            return self.tell(&lang::SAFETY_FIRST);
        };
        let username = match who {
            Some(who) => match self.resolve(who) {
                Some(username) => Some(username),
                None => return,
            },
            None => None,
        };
        let others = shown.safety.others.iter();
        let meant: Vec<_> =
            others.filter(|(name, _)| username.as_ref().is_none_or(|username| username == name)).collect();
        if meant.is_empty() {
            return self.tell(&lang::SAFETY_FIRST);
        }
        let view = self.session.view.rooms.get(&room);
        for (username, device) in meant {
            match view.and_then(|view| view.person(username, device)).map(|who| who.key) {
                // Their key has changed since, or they left.
                None => self.tell(&lang::SAFETY_FIRST),
                Some(KeyState::NotKept) => self.tell_filled(&lang::NOT_KEPT, &one_row(username)),
                Some(_) => self.accept_key(username, *device, true),
            }
        }
    }

    /// The user accepts the key that somebody has now.
    pub(super) fn trust(&mut self, who: &str) {
        let Some(username) = self.resolve(who) else { return };
        match self.changed.get(&username) {
            Some(device) => self.accept_key(&username, *device, false),
            None => self.tell_filled(&lang::NOTHING_CHANGED, &one_row(&username)),
        }
    }

    fn accept_key(&self, username: &str, device: DevicePublic, is_compared: bool) {
        self.session.send(Command::AcceptKey { username: username.to_owned(), device, is_compared });
    }

    /// Keeps which key of somebody is waiting to be accepted: the one that the user was told of last.
    pub(super) fn note_key(&mut self, username: &str, device: &DevicePublic, key: KeyState) {
        match key {
            KeyState::Changed => drop(self.changed.insert(username.to_owned(), *device)),
            _ if self.changed.get(username) == Some(device) => drop(self.changed.remove(username)),
            _ => {}
        }
    }
}
