//! The server machine, the control plane of a server: sessions, lobby, rooms, calls.
//!
//! It sees no datagram. What the packet planes ([`super::relay`]) must know it tells them by [`RelayCommand`]s.
//!
//! It knows only people who are signed in: a connection becomes a session by [`ServerMachine::open_session`], after
//! [`super::signin`] has proved who it is. Storing accounts and messages is the driver's matter; the machine asks for it
//! by [`ServerEvent`] and is told the result.

mod accounts;
mod breakouts;
mod call;
mod chat;
mod control;
mod door;
mod files;
mod in_room;
mod lobby;
mod media;
mod moderation;
mod session;

use heapless::String;

pub use call::CallPlace;
pub use chat::{StoredChange, StoredChat};
pub use media::REFRESH_INTERVAL;
pub use session::{Identity, Scope, SessionPlace};

use super::relay::{HopSecret, RelayCommand, SHARDS_MAX, Shards};
use crate::crypto::drbg::Drbg;
use crate::error::Full;
use crate::id::{RoomId, SessionId};
use crate::limits::ROOM_NAME_MAX_BYTES;
use crate::room::Room;
use crate::room::roles::RoomPassword;
use crate::time::{Duration, Instant};
use crate::wire::control::{AccountAsk, Act, Refusal, ServerMessage, SignOutReason};
use session::{Membership, Session};

/// A call rings this long.
pub const CALL_RING: Duration = Duration::from_secs(30);
/// A session that says nothing over its control connection for this long is closed.
pub const SESSION_IDLE_MAX: Duration = Duration::from_secs(45);
/// How often [`ServerMachine::handle_timeout`] wants to be called.
const TICK: Duration = Duration::from_millis(250);

/// Where the machine puts what follows from an input.
pub trait ServerOutput {
    /// Send this message to that session, in order.
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>);
    /// Tell the packet planes, before anything that follows is sent to anybody; see [`super::relay`].
    fn relay(&mut self, command: &RelayCommand);
    /// Something that the driver must do or know.
    fn event(&mut self, event: ServerEvent<'_>);
}

/// What the machine asks of its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// The session is over: flush what was said to it, then close its connection.
    Closed {
        /// Which.
        session: SessionId,
        /// Why.
        reason: SignOutReason,
    },
    /// Find or make the room, then call [`ServerMachine::room_opened`].
    OpenRoom {
        /// For whom.
        session: SessionId,
        /// The request's number.
        request: u32,
        /// The name.
        name: &'a str,
        /// What to do with it.
        how: OpenRoom,
    },
    /// Store a message, then call [`ServerMachine::chat_stored`].
    StoreChat {
        /// By whom.
        session: SessionId,
        /// Unique per author.
        reference: u64,
        /// Where.
        room: RoomId,
        /// The text.
        text: &'a str,
    },
    /// Send the room's stored messages after this one to the session.
    SyncChat {
        /// To whom.
        session: SessionId,
        /// Which room.
        room: RoomId,
        /// The last that was received.
        after: u64,
    },
    /// Change a stored message, or take it back, if it is the asker's own; then call [`ServerMachine::chat_changed`].
    ChangeChat {
        /// By whom.
        session: SessionId,
        /// Unique per author, among messages and changes.
        reference: u64,
        /// Where.
        room: RoomId,
        /// Which message.
        target: u64,
        /// Its new text; none to take it back.
        text: Option<&'a str>,
    },
    /// Send older messages of a room to the session, as they are now.
    ReadHistory {
        /// To whom.
        session: SessionId,
        /// What is wanted.
        page: HistoryPage,
    },
    /// Send the messages of a room that have these words to the session, as they are now.
    SearchChat {
        /// To whom.
        session: SessionId,
        /// Where, and how many.
        page: HistoryPage,
        /// The words.
        words: &'a str,
    },
    /// Note how far somebody has read.
    MarkRead {
        /// Who.
        session: SessionId,
        /// Their login name: they may be gone when the driver comes to it.
        username: &'a str,
        /// Which room; 0: direct messages.
        room: RoomId,
        /// The last message that was read; for direct messages not yet compared with what there is.
        id: u64,
    },
    /// Something was done to keep order: note it, keep what must outlive a restart (hosts, bans), then call
    /// [`ServerMachine::moderation_stored`].
    Moderated {
        /// By whose session.
        session: SessionId,
        /// The request's number.
        request: u32,
        /// Where.
        room: RoomId,
        /// Login name of whoever did it.
        by: &'a str,
        /// What.
        act: Act,
        /// To whom, or nothing.
        whom: &'a str,
    },
    /// The room has another password: note it, keep it, then call [`ServerMachine::moderation_stored`].
    PasswordSet {
        /// By whose session.
        session: SessionId,
        /// The request's number.
        request: u32,
        /// Where.
        room: RoomId,
        /// Login name of whoever did it.
        by: &'a str,
        /// The password, as it is to be kept.
        password: &'a RoomPassword,
    },
    /// Make a room that belongs to another one, then call [`ServerMachine::breakout_opened`]. It is not to outlive a restart.
    OpenBreakout {
        /// For whom.
        session: SessionId,
        /// The request's number.
        request: u32,
        /// To which room it belongs.
        room: RoomId,
        /// Login name of whoever opens it.
        by: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A breakout room is over: forget it, and all that was said there.
    DropRoom {
        /// Which.
        room: RoomId,
    },
    /// Send what was done to keep order in the room to its owner, newest first.
    ReadAudit {
        /// To whom.
        session: SessionId,
        /// What is wanted.
        page: HistoryPage,
    },
    /// Tell the session what it has not read.
    AskUnread {
        /// To whom.
        session: SessionId,
        /// The request's number.
        request: u32,
    },
    /// Store a direct message, then call [`ServerMachine::direct_stored`].
    StoreDirect {
        /// By whom.
        session: SessionId,
        /// Unique per author.
        reference: u64,
        /// Login name of the receiver.
        to: &'a str,
        /// The sealed message.
        sealed: &'a [u8],
    },
    /// Send the stored direct messages after this one to the session.
    SyncDirect {
        /// To whom.
        session: SessionId,
        /// The last that was received.
        after: u64,
    },
    /// Take a file in: find or make room for it, and ask its sender for what is missing of it.
    OfferFile {
        /// By whom.
        session: SessionId,
        /// What it is.
        offer: FileOffer<'a>,
    },
    /// Send the session a range of a file, if it may have it: whose a file is only the driver knows.
    FetchFile {
        /// To whom.
        session: SessionId,
        /// The request's number.
        request: u32,
        /// Which file.
        file: u64,
        /// Where the range begins, and how many bytes it has at most.
        range: (u64, u32),
    },
    /// Take a file away, if the session may.
    DeleteFile {
        /// For whom.
        session: SessionId,
        /// The request's number.
        request: u32,
        /// Which file.
        file: u64,
    },
    /// Send the session what is on a room's shelf.
    ListFiles {
        /// To whom.
        session: SessionId,
        /// What is wanted.
        page: HistoryPage,
    },
    /// Do what is asked about devices or invitations, and answer: who asks may.
    Account {
        /// By whom.
        session: SessionId,
        /// What.
        ask: AccountAsk<'a>,
    },
    /// Tell the session the device keys of somebody who is not online.
    LookUp {
        /// To whom.
        session: SessionId,
        /// The request's number.
        request: u32,
        /// Login name.
        username: &'a str,
    },
}

/// A file that somebody offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOffer<'a> {
    /// Unique per author.
    pub reference: u64,
    /// For which room; 0 if it is for a person.
    pub room: RoomId,
    /// Login name of the person, or nothing.
    pub to: &'a str,
    /// Its name, or nothing.
    pub name: &'a str,
    /// **Units:** bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// Which of a room's messages are wanted, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// The request's number.
    pub request: u32,
    /// Which room.
    pub room: RoomId,
    /// Only messages before this one; 0: from the newest.
    pub before: u64,
    /// So many at most, 1 to [`crate::limits::CHAT_PAGE_MAX`].
    pub count: u8,
}

/// What to do with a room that is asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenRoom {
    /// Make it; a room of that name is an error.
    Create,
    /// Join it; make it first if there is none.
    JoinOrCreate,
    /// Join it if there is one.
    Join,
}

/// How much of everything a server holds: memory that the caller lends.
pub struct ServerStorage<'a> {
    /// One place per session; at most 65,536.
    pub sessions: &'a mut [SessionPlace],
    /// One place per room.
    pub rooms: &'a mut [RoomPlace],
    /// One place per ringing call.
    pub calls: &'a mut [CallPlace],
}

/// One place in the table of rooms.
#[derive(Debug, Default)]
pub struct RoomPlace {
    room: Option<Room>,
    /// Lobby version of the last change.
    changed: u32,
    media: media::RoomMedia,
}

/// Limits that the server's owner sets, per session.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    /// Datagrams a second, and how many at once; for [`super::relay::RelayMachine::new`].
    pub datagrams: (u32, u32),
    /// Chat and direct messages a second, and how many at once.
    pub chats: (u32, u32),
    /// Control messages a second, and how many at once.
    pub controls: (u32, u32),
}

impl Default for RateLimits {
    fn default() -> Self {
        // Two 720p tracks at 30 frames of 50 fragments, and a frame's burst on top.
        Self { datagrams: (4000, 2000), chats: (5, 20), controls: (100, 400) }
    }
}

/// The machine.
pub struct ServerMachine<'a> {
    sessions: &'a mut [SessionPlace],
    rooms: &'a mut [RoomPlace],
    calls: &'a mut [CallPlace],
    limits: RateLimits,
    shards: Shards,
    random: Drbg,
    lobby_version: u32,
    next_call: u32,
    next_tick: Instant,
}

impl<'a> ServerMachine<'a> {
    /// A machine without sessions and rooms, in front of that many packet planes. `seed` is 32 bytes of entropy.
    pub fn new(storage: ServerStorage<'a>, limits: RateLimits, shards: Shards, seed: [u8; 32]) -> Self {
        Self {
            sessions: storage.sessions,
            rooms: storage.rooms,
            calls: storage.calls,
            limits,
            shards,
            random: Drbg::from_seed(seed),
            lobby_version: 0,
            next_call: 1,
            next_tick: Instant::NEVER,
        }
    }

    /// Puts a room into the lobby. A room that is there already is left alone.
    ///
    /// # Errors
    /// [`Full`] if the server has all the rooms it may have.
    pub fn add_room(&mut self, id: RoomId, name: &str, chat_latest: u64) -> Result<(), Full> {
        if self.room_index(id).is_some() {
            return Ok(());
        }
        let full = Full { what: "rooms", max: self.rooms.len() };
        let name: String<ROOM_NAME_MAX_BYTES> = String::try_from(name).map_err(|_| full)?;
        let version = self.next_lobby_version();
        let place = self.rooms.iter_mut().find(|place| place.room.is_none()).ok_or(full)?;
        place.room = Some(Room::new(id, name, chat_latest));
        place.changed = version;
        place.media = media::RoomMedia::default();
        Ok(())
    }

    /// Signs a proved identity in: from now on it may send control messages and datagrams. `exporter` is the TLS
    /// keying material of its connection. An older session of the same person ends. Its home is the shard that has the
    /// fewest sessions.
    ///
    /// # Errors
    /// [`Refusal::ServerFull`].
    pub fn open_session(
        &mut self,
        now: Instant,
        identity: Identity,
        exporter: &[u8; 32],
        out: &mut impl ServerOutput,
    ) -> Result<SessionId, Refusal> {
        if let Some(older) = self.session_of(&identity.username) {
            self.close_session(older, SignOutReason::SignedInElsewhere, out);
        }
        if identity.scope != Scope::Owner {
            // What was taken from them while they were away, or in the time of somebody else who had that name.
            self.forget_chief(&identity.username);
        }
        let random = self.random.next_u32() as u16;
        let version = self.next_lobby_version();
        let index = self.free_index().ok_or(Refusal::ServerFull)?;
        let place = self.sessions.get_mut(usize::from(index)).ok_or(Refusal::ServerFull)?;
        let id = place.next_id(index, random);
        place.session = Some(Session::new(id, identity, self.limits, now));
        place.changed = version;
        out.relay(&RelayCommand::OpenSession { session: id, secret: HopSecret(*exporter) });
        if self.next_tick == Instant::NEVER {
            self.next_tick = now + TICK;
        }
        Ok(id)
    }

    /// Ends a session: leaves its rooms, ends its calls, tells the driver. The one way out, whatever the cause.
    pub fn close_session(&mut self, id: SessionId, reason: SignOutReason, out: &mut impl ServerOutput) {
        self.knock_no_more(id, out);
        let version = self.next_lobby_version();
        let Some(session) = self.take_session(id, version) else { return };
        for membership in session.memberships.iter().flatten() {
            self.leave_place(id, membership, out);
        }
        out.relay(&RelayCommand::CloseSession { session: id });
        self.end_calls_of(id, out);
        out.control(id, &ServerMessage::SignedOut { reason });
        out.event(ServerEvent::Closed { session: id, reason });
    }

    /// Closes sessions that were not heard for long, ends calls that nobody answered.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl ServerOutput) {
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        for index in 0..self.sessions.len() {
            let idle = self
                .sessions
                .get(index)
                .and_then(|place| place.session.as_ref())
                .filter(|session| now.since(session.last_heard) > SESSION_IDLE_MAX);
            if let Some(id) = idle.map(|session| session.id) {
                self.close_session(id, SignOutReason::Idle, out);
            }
        }
        self.expire_calls(now, out);
        self.drive_breakouts(now, out);
        self.drive_media(now, out);
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub const fn poll_timeout(&self) -> Instant {
        self.next_tick
    }

    /// Every session that is signed in.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.sessions.iter().filter_map(|place| Some(place.session.as_ref()?.id))
    }

    /// Every room: its id, its name and how many are in it.
    pub fn rooms(&self) -> impl Iterator<Item = (RoomId, &str, usize)> + '_ {
        let rooms = self.rooms.iter().filter_map(|place| place.room.as_ref());
        rooms.map(|room| (room.id, room.name.as_str(), room.people()))
    }

    /// The identity behind a session.
    pub fn identity(&self, id: SessionId) -> Option<&Identity> {
        self.session(id).map(|session| &session.identity)
    }

    /// Whether the session is in that room.
    pub fn is_in_room(&self, id: SessionId, room: RoomId) -> bool {
        self.session(id).is_some_and(|session| session.membership(room).is_some())
    }

    /// The session of the person with that login name.
    pub fn session_of(&self, username: &str) -> Option<SessionId> {
        let sessions = self.sessions.iter().filter_map(|place| place.session.as_ref());
        sessions.filter(|session| session.identity.username == username).map(|session| session.id).next()
    }

    fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id.index())?.session.as_ref().filter(|session| session.id == id)
    }

    fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id.index())?.session.as_mut().filter(|session| session.id == id)
    }

    fn take_session(&mut self, id: SessionId, version: u32) -> Option<Session> {
        let place = self.sessions.get_mut(id.index())?;
        let session = place.session.take_if(|session| session.id == id)?;
        place.changed = version;
        Some(session)
    }

    fn room_index(&self, id: RoomId) -> Option<u16> {
        let is_it = |place: &RoomPlace| place.room.as_ref().is_some_and(|room| room.id == id);
        self.rooms.iter().position(is_it).and_then(|index| u16::try_from(index).ok())
    }

    fn room_at(&self, index: u16) -> Option<&Room> {
        self.rooms.get(usize::from(index))?.room.as_ref()
    }

    fn room_at_mut(&mut self, index: u16) -> Option<&mut Room> {
        self.rooms.get_mut(usize::from(index))?.room.as_mut()
    }

    /// A free place of the session table, one that belongs to the shard with the fewest sessions.
    fn free_index(&self) -> Option<u16> {
        let shard_of = |index: u16| self.shards.of_index(index);
        let places = || (0u16..=u16::MAX).zip(self.sessions.iter());
        let mut loads = [0u32; SHARDS_MAX];
        for (index, _) in places().filter(|(_, place)| place.session.is_some()) {
            if let Some(load) = loads.get_mut(shard_of(index)) {
                *load = load.saturating_add(1);
            }
        }
        let free = places().filter(|(_, place)| place.session.is_none());
        free.map(|(index, _)| index).min_by_key(|index| loads.get(shard_of(*index)).copied())
    }

    /// Frees a session's place in a room, and lets the lobby know the new count.
    fn leave_place(&mut self, session: SessionId, membership: &Membership, out: &mut impl ServerOutput) {
        let Membership { room_index, slot, .. } = *membership;
        out.relay(&RelayCommand::Leave { room_index, slot, session });
        let version = self.next_lobby_version();
        if let Some(place) = self.rooms.get_mut(usize::from(room_index))
            && let Some(room) = place.room.as_mut()
        {
            room.leave(slot);
            if room.people() == 0 && room.breakouts.count() == 0 {
                room.staff.set_locked(false, core::iter::empty());
            }
            place.media.forget(slot);
            place.changed = version;
        }
    }

    fn next_lobby_version(&mut self) -> u32 {
        self.lobby_version = self.lobby_version.saturating_add(1);
        self.lobby_version
    }
}

#[cfg(test)]
mod tests;
