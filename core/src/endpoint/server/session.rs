//! One signed-in connection.

use heapless::String;

use super::RateLimits;
use crate::id::{RoomId, SessionId, Slot};
use crate::limits::{DISPLAY_NAME_MAX_BYTES, SESSION_ROOMS_MAX, USERNAME_MAX_BYTES};
use crate::rate::TokenBucket;
use crate::time::Instant;
use crate::wire::control::{ClientMessage, DevicePublic};

/// Where somebody may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// As everybody.
    #[default]
    Everywhere,
    /// As an owner of the server: an owner of each room.
    Owner,
    /// Into this room only: a kiosk, or a guest who was invited to it.
    Room(RoomId),
}

impl Scope {
    /// Whether that room is for them.
    pub fn has_room(self, room: RoomId) -> bool {
        !matches!(self, Self::Room(only) if only != room)
    }

    /// Whether somebody who may be in one room only may not say that, wherever they are. What is about a room needs
    /// a membership, which they get of theirs alone.
    pub(super) fn forbids(self, message: &ClientMessage<'_>) -> bool {
        use ClientMessage as M;
        let is_elsewhere = match message {
            M::OfferFile { room, .. } => *room == RoomId(0),
            M::CreateRoom { .. } | M::SendDirect { .. } | M::LookUp { .. } | M::Call { .. } | M::Account(_) => true,
            _ => false,
        };
        is_elsewhere && matches!(self, Self::Room(_))
    }
}

/// Who a session is. Only sign-in makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Login name: unique among sessions.
    pub username: String<USERNAME_MAX_BYTES>,
    /// Name to show.
    pub display_name: String<DISPLAY_NAME_MAX_BYTES>,
    /// The device's public keys.
    pub device: DevicePublic,
    /// Where they may go.
    pub scope: Scope,
}

/// What everybody sends until it is told otherwise: the full picture, without a bound.
pub(super) const WANTED_AT_FIRST: (u8, u32) = (1, 0);

/// One place in the table of sessions.
#[derive(Default)]
pub struct SessionPlace {
    pub(super) session: Option<Session>,
    /// Lobby version of the last change.
    pub(super) changed: u32,
    /// High half of the id of the session that was here last.
    generation: u16,
}

impl SessionPlace {
    /// An id for a new session in this place: not that of the last one, and not to be guessed.
    pub(super) fn next_id(&mut self, index: u16, random: u16) -> SessionId {
        let next = if random == self.generation { random.wrapping_add(1) } else { random };
        self.generation = next;
        SessionId(u32::from(next) << 16 | u32::from(index))
    }
}

/// A session's membership of one room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membership {
    pub room: RoomId,
    pub room_index: u16,
    pub slot: Slot,
    /// Version of the room that this member was told.
    pub seen: u32,
    /// Version of the room just after joining.
    pub joined: u32,
    /// Who speaks, as this member was told.
    pub speaker: Option<Slot>,
    /// Which sizes of its pictures are wanted, as it was told: camera, screen.
    pub wanted: [(u8, u32); 2],
}

impl Membership {
    /// Of whoever has just joined, and was told nothing.
    pub const fn new(room: RoomId, room_index: u16, slot: Slot, joined: u32) -> Self {
        Self { room, room_index, slot, seen: 0, joined, speaker: None, wanted: [WANTED_AT_FIRST; 2] }
    }
}

/// Where a session waits to be let in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knocking {
    pub room: RoomId,
    pub room_index: u16,
    /// Of the message that asked to come in.
    pub request: u32,
}

/// A signed-in connection.
pub(super) struct Session {
    pub id: SessionId,
    pub identity: Identity,
    pub memberships: [Option<Membership>; SESSION_ROOMS_MAX],
    /// Before one door at a time.
    pub knocking: Option<Knocking>,
    /// Passwords of rooms that it had wrong.
    pub wrong_passwords: u8,
    /// Whether it must be told yet that it may be in one room only.
    pub is_scope_untold: bool,
    pub is_watching_lobby: bool,
    /// Version of the lobby that this session was told.
    pub lobby_seen: u32,
    pub is_lobby_complete: bool,
    pub chats: TokenBucket,
    pub controls: TokenBucket,
    pub reactions: TokenBucket,
    /// When its last control message came.
    pub last_heard: Instant,
}

impl Session {
    pub fn new(id: SessionId, identity: Identity, limits: RateLimits, now: Instant) -> Self {
        Self {
            id,
            is_scope_untold: matches!(identity.scope, Scope::Room(_)),
            identity,
            memberships: Default::default(),
            knocking: None,
            wrong_passwords: 0,
            is_watching_lobby: false,
            lobby_seen: 0,
            is_lobby_complete: false,
            chats: TokenBucket::new(limits.chats.0, limits.chats.1),
            controls: TokenBucket::new(limits.controls.0, limits.controls.1),
            reactions: TokenBucket::new(1, 1),
            last_heard: now,
        }
    }

    pub fn membership(&self, room: RoomId) -> Option<&Membership> {
        self.memberships.iter().flatten().find(|membership| membership.room == room)
    }
}
