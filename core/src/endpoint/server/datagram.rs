//! The way of a datagram through the server, in a fixed order: length and kind, session, replay window and hop tag,
//! rate limit, room and place, receivers. A forged datagram touches a counter and nothing else, and gets no answer.

use core::net::SocketAddr;

use super::session::{Candidate, Session};
use super::{ServerMachine, ServerOutput};
use crate::crypto::hop::HopHeader;
use crate::error::DropReason;
use crate::id::SessionId;
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES, TAG_BYTES};
use crate::time::{Duration, Instant};
use crate::wire::datagram::{Kind, TOKEN_BODY_BYTES, emit_clocks, parse_clocks};
use crate::wire::media::MediaLayout;

/// At most one challenge per session in this time.
const CHALLENGE_INTERVAL: Duration = Duration::from_millis(100);
/// An answer that comes later was held back by somebody.
const CHALLENGE_LIFETIME: Duration = Duration::from_secs(3);

impl ServerMachine<'_> {
    /// Handles one datagram. Media is sent on to its receivers without being opened; the others are answered.
    ///
    /// # Errors
    /// The reason why it was dropped; it is counted already.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &mut [u8],
        out: &mut impl ServerOutput,
    ) -> Result<(), DropReason> {
        let result = self.accept(now, from, bytes, out);
        if let Err(reason) = result {
            self.drop_datagram(reason);
        }
        result
    }

    fn accept(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &mut [u8],
        out: &mut impl ServerOutput,
    ) -> Result<(), DropReason> {
        if bytes.len() > DATAGRAM_MAX_BYTES {
            return Err(DropReason::Length);
        }
        let (prefix, payload) = bytes.split_first_chunk_mut::<HOP_PREFIX_BYTES>().ok_or(DropReason::Length)?;
        let header = HopHeader::parse(prefix)?;
        let tag: [u8; TAG_BYTES] =
            prefix.get(HOP_HEADER_BYTES..).and_then(|tag| tag.try_into().ok()).ok_or(DropReason::Length)?;
        let kind = Kind::parse(header.kind)?;
        let session = self.session_mut(SessionId(header.connection)).ok_or(DropReason::UnknownConnection)?;

        let layout = if kind == Kind::Media { Some(MediaLayout::parse(payload)?) } else { None };
        let opened = match layout {
            Some(layout) => {
                let clear = payload.get(..layout.clear_len_bytes).ok_or(DropReason::Length)?;
                session.opener.open_clear(now, &header, &tag, clear)?
            }
            None => session.opener.open_body(now, &header, &tag, payload)?,
        };
        session.last_heard = now;
        if !session.datagrams.take(now) {
            return Err(DropReason::RateLimited);
        }
        let id = session.id;
        // A body shorter than the challenge's would make the answer longer than what asked for it.
        let may_ask = kind != Kind::Response && opened.is_newest && payload.len() >= TOKEN_BODY_BYTES;
        if session.address != Some(from) && may_ask {
            self.challenge(now, id, from, out);
        }
        match layout {
            Some(layout) => self.forward(now, id, &layout, payload, out),
            None => self.answer(now, id, from, kind, payload, out),
        }
    }

    /// Sends a media packet to everybody in its room who wants it.
    fn forward(
        &mut self,
        now: Instant,
        from: SessionId,
        layout: &MediaLayout,
        payload: &[u8],
        out: &mut impl ServerOutput,
    ) -> Result<(), DropReason> {
        let header = &layout.header;
        let session = self.session(from).ok_or(DropReason::UnknownConnection)?;
        let membership = session.membership(header.room).ok_or(DropReason::NotInRoom)?;
        // A member must not speak as another, whatever its header says.
        if membership.slot != header.sender {
            return Err(DropReason::NotInRoom);
        }
        let place = self.rooms.get(usize::from(membership.room_index)).and_then(|place| place.room.as_ref());
        let room = place.ok_or(DropReason::UnknownRoom)?;
        if !room.is_publishing(header.sender, header.track) {
            return Err(DropReason::UnknownTrack);
        }
        let clear = payload.get(..layout.clear_len_bytes).ok_or(DropReason::Length)?;
        for receiver in room.receivers(header.sender, header.track) {
            let place = self.sessions.get_mut(usize::from(receiver));
            let Some(receiver) = place.and_then(|place| place.session.as_mut()) else { continue };
            let Some(address) = receiver.address else { continue };
            match receiver.sealer.seal_clear(now, Kind::Media as u8, clear) {
                Ok(prefix) => {
                    out.datagram(address, &prefix, payload);
                    self.forwarded = self.forwarded.saturating_add(1);
                }
                Err(reason) => self.drops.count(reason),
            }
        }
        Ok(())
    }

    fn answer(
        &mut self,
        now: Instant,
        id: SessionId,
        from: SocketAddr,
        kind: Kind,
        body: &[u8],
        out: &mut impl ServerOutput,
    ) -> Result<(), DropReason> {
        let session = self.session_mut(id).ok_or(DropReason::UnknownConnection)?;
        match kind {
            Kind::Hello if body.len() == TOKEN_BODY_BYTES => Ok(()),
            Kind::Response => session.move_to(now, from, body),
            Kind::Ping => {
                let (client_us, _) = parse_clocks(body)?;
                if session.address != Some(from) {
                    return Err(DropReason::UnvalidatedPath);
                }
                let mut pong = emit_clocks(client_us, now.as_micros());
                let prefix = session.sealer.seal_body(now, Kind::Pong as u8, &mut pong)?;
                out.datagram(from, &prefix, &pong);
                Ok(())
            }
            Kind::Hello => Err(DropReason::Length),
            Kind::Challenge | Kind::Pong | Kind::Media => Err(DropReason::Unexpected),
        }
    }

    /// Asks an address to prove that it receives. The answer is never larger than what asked for it.
    fn challenge(&mut self, now: Instant, id: SessionId, to: SocketAddr, out: &mut impl ServerOutput) {
        let token: [u8; TOKEN_BODY_BYTES] = self.random.array();
        let Some(session) = self.session_mut(id) else { return };
        let is_recent = |candidate: &Candidate| now.since(candidate.asked_at) < CHALLENGE_INTERVAL;
        if session.candidate.as_ref().is_some_and(is_recent) {
            return;
        }
        session.candidate = Some(Candidate { address: to, token, asked_at: now });
        let mut body = token;
        if let Ok(prefix) = session.sealer.seal_body(now, Kind::Challenge as u8, &mut body) {
            out.datagram(to, &prefix, &body);
        }
    }
}

impl Session {
    /// Moves to the address that answered its challenge.
    fn move_to(&mut self, now: Instant, from: SocketAddr, body: &[u8]) -> Result<(), DropReason> {
        let is_answer = |candidate: &mut Candidate| {
            let is_in_time = now.since(candidate.asked_at) < CHALLENGE_LIFETIME;
            is_in_time && candidate.address == from && candidate.token == *body
        };
        self.candidate.take_if(is_answer).ok_or(DropReason::Unexpected)?;
        self.address = Some(from);
        Ok(())
    }
}
