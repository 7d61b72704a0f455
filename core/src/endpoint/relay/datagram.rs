//! The way of a datagram, in a fixed order: length and kind, shard, session, replay window, address, hop tag, rate limit,
//! room and place, receivers. A forged datagram touches a counter and nothing else, and gets no answer.

use core::net::SocketAddr;

use super::repair::LOSS_NOTEWORTHY;
use super::way::Way;
use super::{HandOver, RelayMachine, RelayOutput, RelayReport};
use crate::crypto::hop::{Clear, HopHeader};
use crate::error::DropReason;
use crate::id::{SessionId, TrackId};
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES, TAG_BYTES};
use crate::media::track_window::TrackKey;
use crate::time::Instant;
use crate::wire::datagram::{Kind, TOKEN_BODY_BYTES, emit_clocks, parse_clocks};
use crate::wire::media::{MediaHeader, MediaLayout};

/// What a microphone sends is reported once in so many packets.
const SPEECH_REPORT_PACKETS: u32 = 5;

impl RelayMachine<'_> {
    /// Handles one datagram. Media is sent on to its receivers without being opened; the others are answered. What
    /// belongs to another shard is handed over as it is.
    ///
    /// # Errors
    /// The reason why it was dropped; it is counted already.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &mut [u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        self.accept(now, Way::Address(from), bytes, out).inspect_err(|reason| self.drops.count(*reason))
    }

    /// Handles one datagram that came inside the control connection of `session`, whose home this is, as
    /// [`crate::wire::control::ClientMessage::Tunnelled`].
    ///
    /// # Errors
    /// The reason why it was dropped; it is counted already.
    pub fn handle_tunnelled(
        &mut self,
        now: Instant,
        session: SessionId,
        bytes: &mut [u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        let is_known = self.session_mut(session).map(|session| session.is_tunnelled);
        let is_its = HopHeader::parse(bytes).is_ok_and(|header| header.connection == session.0);
        let result = match is_known {
            Some(true) if is_its => self.accept(now, Way::Tunnel, bytes, out),
            // The tunnel is off, or was not meant for this.
            Some(_) => Err(DropReason::Unexpected),
            None => Err(DropReason::UnknownConnection),
        };
        result.inspect_err(|reason| self.drops.count(*reason))
    }

    /// Passes a media packet that another shard has accepted to the receivers whose home this is. What that shard
    /// decided about the sender stands; who receives is decided here.
    ///
    /// # Errors
    /// The reason why it was dropped; it is counted already.
    pub fn handle_handed_over(
        &mut self,
        now: Instant,
        what: HandOver,
        payload: &[u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        self.take_over(now, what, payload, out).inspect_err(|reason| self.drops.count(*reason))
    }

    fn take_over(
        &mut self,
        now: Instant,
        what: HandOver,
        payload: &[u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        self.rooms.get(usize::from(what.room_index)).ok_or(DropReason::UnknownRoom)?;
        self.fan_out(now, what, &MediaHeader::parse(payload)?, payload, out)
    }

    fn accept(
        &mut self,
        now: Instant,
        from: Way,
        bytes: &mut [u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        if !(HOP_PREFIX_BYTES..=DATAGRAM_MAX_BYTES).contains(&bytes.len()) {
            return Err(DropReason::Length);
        }
        let header = HopHeader::parse(bytes)?;
        let kind = Kind::parse(header.kind)?;
        let id = SessionId(header.connection);
        let home = self.shards.home_of(id);
        if home != self.shard {
            if let Way::Address(from) = from {
                out.hand_over_whole(home, from, bytes);
            }
            return Ok(());
        }
        let (prefix, payload) = bytes.split_first_chunk_mut::<HOP_PREFIX_BYTES>().ok_or(DropReason::Length)?;
        let tag = prefix.last_chunk::<TAG_BYTES>().ok_or(DropReason::Length)?;
        const { assert!(HOP_HEADER_BYTES + TAG_BYTES == HOP_PREFIX_BYTES) };

        let session = self.session_mut(id).ok_or(DropReason::UnknownConnection)?;
        let layout = if kind == Kind::Media { Some(MediaLayout::parse(payload)?) } else { None };
        if let Way::Address(from) = from
            && !session.is_expected(now, from)
        {
            session.opener.check(now, &header)?;
            if !session.strays.take(now) {
                return Err(DropReason::StrangeAddress);
            }
        }
        let opened = match layout {
            Some(layout) => {
                let clear = payload.get(..layout.clear_len_bytes).ok_or(DropReason::Length)?;
                session.opener.open_clear(now, &header, tag, clear)?
            }
            None => session.opener.open_body(now, &header, tag, payload)?,
        };
        let is_media = kind == Kind::Media;
        let lane = usize::from(self.shards.place_of(id));
        if let Some(log) = self.logs.get_mut(lane) {
            log.received.note(now, header.phase, header.counter, opened.is_newest, is_media);
        }
        let session = self.session_mut(id).ok_or(DropReason::UnknownConnection)?;
        if !session.datagrams.take(now) {
            return Err(DropReason::RateLimited);
        }
        // A body shorter than the challenge's would make the answer longer than what asked for it.
        if let Way::Address(from) = from
            && !session.is_path(now, from)
            && kind != Kind::Response
            && opened.is_newest
            && payload.len() >= TOKEN_BODY_BYTES
        {
            self.challenge(now, id, from, out);
        }
        let result = match layout {
            Some(layout) => self.forward(now, id, &layout, payload, out).inspect(|()| {
                self.note_uplink(now, lane, &layout.header);
            }),
            None => self.answer(now, id, from, kind, payload, out),
        };
        self.drive(now, lane, out);
        result
    }

    /// Sends a media packet to everybody in its room who wants it, at this shard and at the others.
    fn forward(
        &mut self,
        now: Instant,
        from: SessionId,
        layout: &MediaLayout,
        payload: &[u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        let header = &layout.header;
        let session = self.session_mut(from).ok_or(DropReason::UnknownConnection)?;
        let membership = *session.membership(header.room).ok_or(DropReason::NotInRoom)?;
        // A member must not speak as another, whatever its header says.
        if membership.slot != header.sender {
            return Err(DropReason::NotInRoom);
        }
        let room = self.rooms.get(usize::from(membership.room_index)).ok_or(DropReason::UnknownRoom)?;
        if !room.is_publishing(header.sender, header.track) {
            return Err(DropReason::UnknownTrack);
        }
        self.note_speech(now, membership.room_index, header, out);
        let room = self.rooms.get(usize::from(membership.room_index)).ok_or(DropReason::UnknownRoom)?;
        let what = HandOver {
            room_index: membership.room_index,
            sender: header.sender,
            track: header.track,
            layer: header.layer,
            clear_len_bytes: u16::try_from(layout.clear_len_bytes).map_err(|_| DropReason::Length)?,
        };
        for shard in (0..self.shards.count()).filter(|shard| *shard != self.shard) {
            if room.has_receivers(shard, header.sender, header.track) {
                out.hand_over(shard, what, payload);
            }
        }
        self.fan_out(now, what, header, payload, out)
    }

    /// Keeps track of how loudly somebody speaks, and tells the control plane now and then.
    fn note_speech(&mut self, now: Instant, room_index: u16, header: &MediaHeader, out: &mut impl RelayOutput) {
        let room = self.rooms.get_mut(usize::from(room_index));
        let speech = room.and_then(|room| room.speech.get_mut(usize::from(header.sender.0)));
        if let Some(activity) = speech.filter(|_| header.track == TrackId::MICROPHONE) {
            activity.handle_packet(now, header.level);
            if header.seq.is_multiple_of(SPEECH_REPORT_PACKETS) {
                out.report(&RelayReport::Speech { room_index, sender: header.sender, activity: *activity });
            }
        }
    }

    /// Seals a packet for each of its receivers whose home this is.
    fn fan_out(
        &mut self,
        now: Instant,
        what: HandOver,
        header: &MediaHeader,
        payload: &[u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        // Also for a voice: where nobody is sent pictures, no picture reminds of them.
        self.allot_if_due(now, what.room_index, out);
        if !what.track.is_audio() {
            self.count_picture(
                now,
                what.room_index,
                what.sender,
                what.track,
                what.layer,
                payload.len().saturating_add(HOP_PREFIX_BYTES),
            );
        }
        let room = self.rooms.get(usize::from(what.room_index)).ok_or(DropReason::UnknownRoom)?;
        let clear = payload.get(..usize::from(what.clear_len_bytes)).ok_or(DropReason::Length)?;
        let is_picture = !what.track.is_audio();
        let is_parity = is_picture && header.is_parity();
        // Voice is not sent again: its packets carry copies of earlier ones.
        if is_picture && !is_parity && room.has_receivers(self.shard, what.sender, what.track) {
            self.cache.store(TrackKey::of(header), header.seq, clear.len(), payload);
        }
        let mut laid_out = Clear::new(clear)?;
        for seat in room.receivers(self.shard, what.sender, what.track, what.layer) {
            let lane = usize::from(seat);
            let Some(receiver) = self.sessions.get_mut(lane).and_then(|place| place.session.as_mut()) else { continue };
            let Some(way) = receiver.way(now) else { continue };
            let log = self.logs.get_mut(lane);
            if is_parity
                && (receiver.rate.is_draining()
                    || log.as_ref().is_none_or(|log| log.sent.stats().loss < LOSS_NOTEWORTHY))
            {
                self.repair.parity_withheld = self.repair.parity_withheld.saturating_add(1);
                continue;
            }
            if is_picture && !receiver.policer.admit(now, payload.len().saturating_add(HOP_PREFIX_BYTES)) {
                self.repair.policed = self.repair.policed.saturating_add(1);
                continue;
            }
            match receiver.seal_media(now, &mut laid_out, payload.len(), log) {
                Ok(prefix) => {
                    receiver.earn_resend();
                    self.repair.parity_sent = self.repair.parity_sent.saturating_add(is_parity.into());
                    way.send(lane, receiver.id, &prefix, payload, out);
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
        from: Way,
        kind: Kind,
        body: &[u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        let lane = usize::from(self.shards.place_of(id));
        let session = self.session_mut(id).ok_or(DropReason::UnknownConnection)?;
        match kind {
            Kind::Hello if body.len() == TOKEN_BODY_BYTES => Ok(()),
            Kind::Response => match from {
                Way::Address(from) => session.move_to(now, from, body),
                Way::Tunnel => Err(DropReason::Unexpected),
            },
            Kind::Ping => {
                let (client_us, _) = parse_clocks(body)?;
                // It is answered on its own way: so a client finds out that there is one.
                if from != Way::Tunnel && session.address(now).map(Way::Address) != Some(from) {
                    return Err(DropReason::UnvalidatedPath);
                }
                let mut pong = emit_clocks(client_us, now.as_micros());
                let session = self.sessions.get_mut(lane).and_then(|place| place.session.as_mut());
                let session = session.ok_or(DropReason::UnknownConnection)?;
                let is_try = session.way(now) != Some(from);
                let log = if is_try { None } else { self.logs.get_mut(lane) };
                let prefix = session.seal_body(now, Kind::Pong, &mut pong, log)?;
                from.send(lane, id, &prefix, &pong, out);
                // Where all are silent and nobody is sent pictures, this is what is left to remind of them.
                let memberships = session.memberships();
                for membership in memberships.into_iter().flatten() {
                    self.allot_if_due(now, membership.room_index, out);
                }
                Ok(())
            }
            Kind::Nack => self.handle_nack(now, id, body, out),
            Kind::Feedback => self.handle_feedback(now, id, body, out),
            Kind::Hello => Err(DropReason::Length),
            Kind::Challenge | Kind::Pong | Kind::Media => Err(DropReason::Unexpected),
        }
    }

    /// Asks an address to prove that it receives. The answer is never larger than what asked for it.
    fn challenge(&mut self, now: Instant, id: SessionId, to: SocketAddr, out: &mut impl RelayOutput) {
        let mut body: [u8; TOKEN_BODY_BYTES] = self.random.array();
        let lane = usize::from(self.shards.place_of(id));
        let session = self.sessions.get_mut(lane).and_then(|place| place.session.as_mut());
        let Some(session) = session.filter(|session| session.id == id) else { return };
        // What is tried beside the tunnel does not count as lost.
        let log = if session.is_tunnelled { None } else { self.logs.get_mut(lane) };
        if session.ask(now, to, body)
            && let Ok(prefix) = session.seal_body(now, Kind::Challenge, &mut body, log)
        {
            out.datagram(lane, to, &prefix, &body);
        }
    }
}
