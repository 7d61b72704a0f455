//! What the members of a room compare: a code over exactly those devices that are given our keys, and our own.

use super::ClientMachine;
use crate::crypto::senderkey::{DeviceKeys, SAFETY_CODE_BYTES, SafetyCode};
use crate::id::RoomId;

/// A device in a room: login name and keys.
type RoomDevice<'a> = (&'a str, DeviceKeys);

impl ClientMachine<'_> {
    /// The devices in a room, each once, in ascending order of (login name, sign, seal): everybody's whom our key is given
    /// to, and ours as we hold it, whatever the server tells of us. Nothing if we are not in the room. Whoever has left is
    /// no longer among them, though up to 1.2 s of ours may still be open to them.
    pub fn devices_in_room(&self, id: RoomId) -> impl Iterator<Item = RoomDevice<'_>> {
        let own = self.device.keys();
        core::iter::successors(self.next_device(id, own, None), move |last| self.next_device(id, own, Some(*last)))
    }

    /// The safety code of a room; none if we are not in it.
    pub fn safety_code(&self, id: RoomId) -> Option<[u8; SAFETY_CODE_BYTES]> {
        let mut devices = self.devices_in_room(id).peekable();
        devices.peek()?;
        let mut code = SafetyCode::new(&id.0.to_be_bytes());
        devices.for_each(|(login, keys)| code.add(login, &keys));
        Some(code.finish())
    }

    /// The first device after `last` in the order of the code.
    fn next_device<'s>(&'s self, id: RoomId, own: DeviceKeys, last: Option<RoomDevice<'s>>) -> Option<RoomDevice<'s>> {
        let mut rooms = self.rooms.iter().filter_map(|place| place.room());
        let room = rooms.find(|room| room.id == id && room.is_joined())?;
        let members = room.members.iter().flatten().filter(|member| member.gone_at.is_none());
        let others = members.map(|member| (member.username.as_str(), member.device));
        let all = others.chain([(self.username.as_str(), own)]);
        all.filter(|device| last.is_none_or(|last| order(device) > order(&last))).min_by_key(order)
    }
}

const fn order<'a>(device: &RoomDevice<'a>) -> (&'a str, [u8; 32], [u8; 32]) {
    (device.0, device.1.sign, device.1.seal)
}
