//! Whom we know: keys that are remembered beside everything else, and the codes of rooms.

use std::collections::BTreeMap;

use hph_core::crypto::senderkey::DeviceKeys;
use hph_core::endpoint::client::ClientMachine;
use hph_core::id::RoomId;
use hph_core::wire::control::DevicePublic;

use super::{SessionEnd, Shared};
use crate::engine::Event;
use crate::people::KeyState;
use crate::safety::{Code, RoomSafety};

/// The safety codes that were told, and those that are about to be.
#[derive(Default)]
pub(in crate::engine) struct SafetyCodes {
    told: BTreeMap<RoomId, Code>,
    seen: BTreeMap<RoomId, Code>,
}

impl SafetyCodes {
    /// The codes to tell: those that have stayed the same since the last look, so that a room that fills is told once.
    fn look(&mut self, machine: &ClientMachine<'_>) -> Vec<(RoomId, RoomSafety)> {
        let rooms = machine.rooms().filter_map(|room| Some((room, Code(machine.safety_code(room)?))));
        let now: BTreeMap<RoomId, Code> = rooms.collect();
        let is_due =
            |(room, code): &(&RoomId, &Code)| self.seen.get(room) == Some(code) && self.told.get(room) != Some(code);
        let due = now.iter().filter(is_due).map(|(room, code)| (*room, *code));
        let codes = due.map(|(room, code)| {
            let named = |(username, keys): (&str, DeviceKeys)| {
                (username.to_owned(), DevicePublic { seal: keys.seal, sign: keys.sign })
            };
            let me = named((machine.username(), machine.device().keys()));
            let others = machine.devices_in_room(room).map(named).filter(|device| *device != me).collect();
            (room, RoomSafety { code, me, others })
        });
        let codes = codes.collect();
        self.seen = now;
        codes
    }

    /// We left that room.
    pub fn forget(&mut self, room: RoomId) {
        self.told.remove(&room);
    }
}

impl Shared<'_, '_> {
    /// Tells the safety codes that have changed.
    pub(super) fn publish_safety(&self) {
        let state = &mut *self.state.borrow_mut();
        for (room, safety) in state.lasting.safety.look(&state.lasting.machine) {
            let code = safety.code;
            // A frontend that is behind is told at a later look.
            if self.ends.events.try_send(Event::Safety { room, safety }).is_ok() {
                state.lasting.safety.told.insert(room, code);
            }
        }
    }

    /// Writes the keys of people who were met, while everything else goes on.
    pub(super) async fn remember_people(&self) -> SessionEnd {
        loop {
            let unsaved = self.state.borrow().lasting.people.unsaved();
            let Some(unsaved) = unsaved else {
                let _ = self.met.1.recv().await;
                continue;
            };
            let (count, saved) = smol::unblock(|| unsaved.save()).await;
            self.state.borrow_mut().lasting.people.saved(count);
            if let Err(error) = saved {
                let _ = self.ends.events.send(Event::KeysUnusable { why: error.to_string() }).await;
            }
        }
    }

    /// The user takes somebody's key for theirs.
    pub(super) async fn accept_key(&self, username: String, device: DevicePublic, is_compared: bool) {
        let store = self.state.borrow().lasting.people.store();
        let key = if let Some((store, server)) = store {
            let name = username.clone();
            let accepted = smol::unblock(move || store.accept(&server, &name, &device, is_compared)).await;
            if let Err(error) = accepted {
                let _ = self.ends.events.send(Event::KeysUnusable { why: error.to_string() }).await;
            }
            self.state.borrow_mut().lasting.people.meet(&username, device)
        } else {
            KeyState::NotKept
        };
        let _ = self.ends.events.send(Event::PersonKey { username, device, key }).await;
    }
}
