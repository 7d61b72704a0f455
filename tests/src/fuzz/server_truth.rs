//! What the server machine says, checked as it says it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hph_core::crypto::hop::HopHeader;
use hph_core::endpoint::server::{HistoryPage, ServerEvent};
use hph_core::endpoint::single::SingleOutput;
use hph_core::id::{RoomId, SessionId, Slot};
use hph_core::limits::HOP_PREFIX_BYTES;
use hph_core::wire::control::{RoomTold, ServerMessage};
use hph_core::wire::datagram::Kind;
use hph_core::wire::media::MediaHeader;

use super::reach;

/// A session as the server's own words tell of it.
#[derive(Debug, Default)]
pub struct SessionTruth {
    /// Its rooms, with its place in each.
    pub rooms: BTreeMap<RoomId, Slot>,
    /// The address that answered a challenge last.
    pub address: Option<SocketAddr>,
    /// Where it waits to be let in.
    waits: BTreeSet<RoomId>,
    is_signed_out: bool,
    nonces: BTreeSet<(u8, u64)>,
}

/// The datagram that the server is handling.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    pub from: SocketAddr,
    pub len_bytes: usize,
}

/// What is known of all sessions, and of the input that is being handled.
#[derive(Debug, Default)]
pub struct ServerTruth {
    pub sessions: BTreeMap<SessionId, SessionTruth>,
    /// Only a datagram causes datagrams.
    pub cause: Option<Cause>,
    /// Only this session asked to join a room.
    pub asks: Option<SessionId>,
    /// Datagrams that were sent since somebody looked.
    pub sent: Vec<(SessionId, Vec<u8>)>,
}

impl ServerTruth {
    fn slot_of(&self, session: SessionId, room: RoomId) -> Option<Slot> {
        self.sessions.get(&session)?.rooms.get(&room).copied()
    }

    /// A session hears only of rooms that it is in.
    fn check_in_room(&self, to: SessionId, room: RoomId) {
        assert!(self.slot_of(to, room).is_some(), "{to:?} hears of {room:?}, where it is not");
    }

    fn check_media(&self, to: SessionId, payload: &[u8]) {
        let header = MediaHeader::parse(payload).expect("a sound header is forwarded");
        let slot = self.slot_of(to, header.room).expect("media of a room goes to its members");
        assert_ne!(slot, header.sender, "media came back to its sender");
        reach("media forwarded");
    }
}

impl SingleOutput for ServerTruth {
    fn control(&mut self, to: SessionId, message: &ServerMessage<'_>) {
        use ServerMessage as M;
        assert!(message.is_legal(), "an illegal message: {message:?}");
        let session = self.sessions.get_mut(&to).expect("a message to a live session");
        assert!(!session.is_signed_out, "{message:?} after the farewell");
        match *message {
            M::Joined { room, slot, .. } => {
                assert!(self.asks == Some(to) || session.waits.remove(&room), "joined without asking");
                assert!(session.rooms.insert(room, slot).is_none(), "joined {room:?} twice");
                reach("joined");
            }
            M::Left { room, .. } => assert!(session.rooms.remove(&room).is_some(), "left {room:?} without being there"),
            M::Participant { room, .. }
            | M::ParticipantGone { room, .. }
            | M::Chat { room, .. }
            | M::ChatChanged { room, .. }
            | M::Muted { room, .. }
            | M::UnmuteAsked { room, .. }
            | M::RoomLocked { room, .. }
            | M::Knock { room, .. }
            | M::InRoom(RoomTold::Reacted { room, .. })
            | M::Rules { room, .. } => {
                self.check_in_room(to, room);
            }
            M::Waiting { room, .. } => {
                assert_eq!(self.asks, Some(to), "waits without asking");
                session.waits = BTreeSet::from([room]);
            }
            M::SenderKey { room, slot, .. } | M::KeyRequested { room, slot } => {
                self.check_in_room(to, room);
                let asker = self.asks.expect("somebody gives or wants a key");
                assert_eq!(self.slot_of(asker, room), Some(slot), "a key under another's name");
                reach("key passed on");
            }
            M::Ringing { room, .. } => {
                self.check_in_room(self.asks.expect("somebody calls"), room);
                reach("ringing");
            }
            M::Tunnelled { datagram } => {
                let header = HopHeader::parse(datagram).expect("the server sends whole headers");
                assert_eq!(header.connection, to.0, "another's datagram");
                assert!(session.nonces.insert((header.phase, header.counter)), "a nonce came twice");
                reach("tunnelled");
            }
            M::SignedOut { .. } => session.is_signed_out = true,
            M::Refused { .. } => reach("refused"),
            M::LobbyComplete => reach("lobby complete"),
            _ => {}
        }
    }

    fn datagram(&mut self, to: SocketAddr, prefix: &[u8; HOP_PREFIX_BYTES], payload: &[u8]) {
        let header = HopHeader::parse(prefix).expect("the server sends whole headers");
        let id = SessionId(header.connection);
        let session = self.sessions.get_mut(&id).expect("a datagram of a live session");
        assert!(session.nonces.insert((header.phase, header.counter)), "a nonce came twice");
        let kind = Kind::parse(header.kind);
        if let Ok(Kind::Nack | Kind::Feedback) = kind {
            let proves = self.cause.is_some_and(|cause| cause.from == to);
            assert!(session.address == Some(to) || proves, "asked or told where nothing was proved");
            reach(if kind == Ok(Kind::Nack) { "asked for a packet" } else { "feedback given" });
            return self.sent.push((id, [prefix.as_slice(), payload].concat()));
        }
        let cause = self.cause.expect("only a datagram causes other datagrams");
        let is_no_longer = prefix.len() + payload.len() <= cause.len_bytes;
        match kind {
            Ok(Kind::Challenge) => assert!(to == cause.from && is_no_longer, "a challenge that nobody asked for"),
            Ok(Kind::Pong) => assert!(to == cause.from && is_no_longer && session.address == Some(to), "a stray pong"),
            Ok(Kind::Media) => {
                assert_eq!(session.address, Some(to), "media to an address that proved nothing");
                self.check_media(id, payload);
            }
            other => panic!("the server sent {other:?}"),
        }
        self.sent.push((id, [prefix.as_slice(), payload].concat()));
    }

    fn event(&mut self, event: ServerEvent<'_>) {
        match event {
            ServerEvent::Closed { session, .. } => {
                let closed = self.sessions.remove(&session).expect("a live session was closed");
                assert!(closed.is_signed_out, "closed without a word");
                reach("closed");
            }
            ServerEvent::StoreChat { session, room, .. }
            | ServerEvent::SyncChat { session, room, .. }
            | ServerEvent::ChangeChat { session, room, .. }
            | ServerEvent::Moderated { session, room, .. }
            | ServerEvent::PasswordSet { session, room, .. }
            | ServerEvent::OpenBreakout { session, room, .. }
            | ServerEvent::ReadHistory { session, page: HistoryPage { room, .. } }
            | ServerEvent::SearchChat { session, page: HistoryPage { room, .. }, .. } => {
                self.check_in_room(session, room);
                reach("chat");
            }
            ServerEvent::OfferFile { session, offer } if offer.room != RoomId(0) => {
                self.check_in_room(session, offer.room);
            }
            // Nobody opens them here.
            ServerEvent::DropRoom { room } => panic!("{room:?} was never a breakout room"),
            ServerEvent::ListFiles { session, page } => self.check_in_room(session, page.room),
            ServerEvent::MarkRead { session, room, .. } if room != RoomId(0) => self.check_in_room(session, room),
            ServerEvent::OpenRoom { session, .. }
            | ServerEvent::MarkRead { session, .. }
            | ServerEvent::AskUnread { session, .. }
            | ServerEvent::ReadAudit { session, .. }
            | ServerEvent::OfferFile { session, .. }
            | ServerEvent::FetchFile { session, .. }
            | ServerEvent::DeleteFile { session, .. }
            | ServerEvent::StoreDirect { session, .. }
            | ServerEvent::SyncDirect { session, .. }
            | ServerEvent::Account { session, .. }
            | ServerEvent::LookUp { session, .. } => assert!(self.sessions.contains_key(&session)),
        }
    }
}
