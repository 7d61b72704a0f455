//! Rooms that want a password: what they asked for, and what was answered, so that a lost connection asks nobody again.

use hph_core::crypto::scram::salted_password;
use hph_core::id::RoomId;
use hph_core::limits::ROOM_PASSWORD_ITERATIONS;

/// What a room's password is derived with.
pub(super) type Salt = [u8; 16];

/// A room's key from its password. **Bound:** tens of milliseconds: not where something waits.
pub(super) fn room_key(password: &str, salt: &Salt) -> [u8; 32] {
    salted_password(password, salt, ROOM_PASSWORD_ITERATIONS)
}

struct Known {
    room: RoomId,
    salt: Salt,
    key: [u8; 32],
    /// The request that said it last.
    request: u32,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Doors {
    asked: Vec<(RoomId, Salt)>,
    known: Vec<Known>,
}

impl Doors {
    /// A room asks. Gives the key, if it was said before and the password is the same.
    pub fn handle_wanted(&mut self, request: u32, room: RoomId, salt: Salt) -> Option<[u8; 32]> {
        self.asked.retain(|(asked, _)| *asked != room);
        self.asked.push((room, salt));
        let known = self.known.iter_mut().find(|known| known.room == room && known.salt == salt)?;
        known.request = request;
        Some(known.key)
    }

    /// What a room asked for.
    pub fn salt(&self, room: RoomId) -> Option<Salt> {
        self.asked.iter().find(|(asked, _)| *asked == room).map(|(_, salt)| *salt)
    }

    /// This is said now.
    pub fn say(&mut self, request: u32, room: RoomId, salt: Salt, key: [u8; 32]) {
        self.known.retain(|known| known.room != room);
        self.known.push(Known { room, salt, key, request });
    }

    /// It was wrong.
    pub fn handle_wrong(&mut self, request: u64) {
        self.known.retain(|known| u64::from(known.request) != request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_said_again_until_it_is_wrong_or_another_one() {
        let (mut doors, room) = (Doors::default(), RoomId(1));
        assert_eq!((doors.handle_wanted(1, room, [1; 16]), doors.salt(room)), (None, Some([1; 16])));
        doors.say(1, room, [1; 16], [2; 32]);
        assert_eq!(doors.handle_wanted(5, room, [1; 16]), Some([2; 32]));
        assert_eq!(doors.handle_wanted(6, room, [9; 16]), None, "the room has another password now");
        assert_eq!(doors.handle_wanted(7, RoomId(2), [1; 16]), None);
        doors.handle_wrong(5);
        assert_eq!(doors.handle_wanted(8, room, [1; 16]), None);
    }
}
