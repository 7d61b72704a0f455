//! The datagram path to the server: binding our address to the session, pings, round-trip time, loss of the path.

use super::repair::LinkRepair;
use super::way::Ways;
use super::{ClientEvent, ClientMachine, ClientOutput};
use crate::crypto::hop::{Direction, HopHeader, HopOpener, HopSealer};
use crate::error::DropReason;
use crate::id::SessionId;
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_HEADER_BYTES, HOP_PREFIX_BYTES, TAG_BYTES};
use crate::media::feedback::{Downstream, ReceiveLog, SentLog, smooth};
use crate::media::rate::{RateController, RateLimits};
use crate::time::{Duration, Instant};
use crate::wire::control::ClientMessage;
#[cfg(doc)]
use crate::wire::control::ServerMessage;
use crate::wire::datagram::{Kind, PING_BODY_BYTES, TOKEN_BODY_BYTES, emit_clocks, parse_clocks};

/// While the server has not bound our address, ask this often.
const HELLO_INTERVAL: Duration = Duration::from_millis(150);
/// Once it has, ping this often.
const PING_INTERVAL: Duration = Duration::from_millis(400);
/// Who only listens is found again at a new address by its pings: while media comes, ping this often.
const PING_INTERVAL_LISTENING: Duration = Duration::from_millis(150);
/// Media counts as coming for this long after the last packet.
const LISTENING: Duration = Duration::from_secs(1);
/// Without an answer for this long the path counts as lost.
const PATH_SILENCE_MAX: Duration = Duration::from_secs(2);
/// Say something over the control connection this often.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// Without a control message for this long the server counts as gone.
const CONTROL_SILENCE_MAX: Duration = Duration::from_secs(4);

/// What is granted to the way to the server.
const UPLINK: RateLimits = RateLimits { reserve_bps: 150_000, start_bps: 2_000_000, max_bps: 50_000_000 };

/// The keys and the state of one signed-in session's datagrams.
pub(super) struct Link {
    sealer: HopSealer,
    opener: HopOpener,
    /// What was sent, and what came.
    pub sent: SentLog,
    pub received: ReceiveLog,
    /// As the server told last.
    pub downstream: Downstream,
    pub repair: LinkRepair,
    is_up: bool,
    next_at: Instant,
    answered_at: Instant,
    keep_alive_at: Instant,
    heard_at: Instant,
    is_silent: bool,
    rtt: Duration,
    /// Server clock less ours, in microseconds.
    clock_offset_us: i64,
    /// When the newest ping that was answered was sent.
    settled_at: Option<Instant>,
    media_at: Option<Instant>,
    ways: Ways,
    /// How much our way to the server carries, as far as it reports what came.
    pub rate: RateController,
}

/// State of the datagram path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStats {
    /// Whether datagrams go both ways.
    pub is_up: bool,
    /// Whether they travel inside the control connection.
    pub is_tunnelled: bool,
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Server clock less ours. **Units:** microseconds.
    pub clock_offset_us: i64,
    /// The server has handled all datagrams that were sent until then and were not lost; none before the first Pong.
    pub settled_at: Option<Instant>,
}

/// Longest datagram that tries whether UDP passes again.
const TRY_MAX_BYTES: usize = HOP_PREFIX_BYTES + PING_BODY_BYTES;

/// How a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Over UDP.
    Udp,
    /// Inside the control connection.
    Tunnel,
}

/// What a hop seal covers.
pub(super) enum Sealed<'a> {
    /// Of a media packet, the part that everybody may read.
    Clear(&'a [u8]),
    /// Of anything else, the encrypted body.
    Body(&'a mut [u8]),
}

impl Link {
    pub fn new(now: Instant, session: SessionId, exporter: &[u8; 32], is_over_tcp: bool) -> Self {
        Self {
            sealer: HopSealer::new(exporter, session.0, Direction::ClientToServer),
            opener: HopOpener::new(exporter, session.0, Direction::ServerToClient),
            sent: SentLog::default(),
            received: ReceiveLog::default(),
            downstream: Downstream::default(),
            repair: LinkRepair::default(),
            is_up: false,
            next_at: now,
            answered_at: now,
            keep_alive_at: now + KEEP_ALIVE_INTERVAL,
            heard_at: now,
            is_silent: false,
            rtt: Duration::ZERO,
            clock_offset_us: 0,
            settled_at: None,
            media_at: None,
            ways: Ways::new(now, is_over_tcp),
            rate: RateController::new(UPLINK),
        }
    }

    pub fn poll_timeout(&self) -> Instant {
        self.next_at.min(self.keep_alive_at).min(self.ways.poll_timeout())
    }

    pub fn stats(&self) -> LinkStats {
        LinkStats {
            is_up: self.is_up,
            is_tunnelled: self.is_tunnelled(),
            rtt: self.rtt,
            clock_offset_us: self.clock_offset_us,
            settled_at: self.settled_at,
        }
    }

    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Whether datagrams have ever gone both ways.
    pub fn was_up(&self) -> bool {
        self.settled_at.is_some()
    }

    pub fn handle_heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.is_silent = false;
    }

    /// Notes that media came.
    pub fn handle_media(&mut self, now: Instant) {
        self.media_at = Some(now);
        self.next_at = self.next_at.min(now + PING_INTERVAL_LISTENING);
    }

    fn ping_interval(&self, now: Instant) -> Duration {
        if !self.is_up {
            HELLO_INTERVAL
        } else if self.media_at.is_some_and(|at| now.since(at) < LISTENING) {
            PING_INTERVAL_LISTENING
        } else {
            PING_INTERVAL
        }
    }

    /// Accepts a datagram of which `clear` is authenticated and `body` encrypted.
    pub fn open(
        &mut self,
        now: Instant,
        header: &HopHeader,
        tag: &[u8; TAG_BYTES],
        sealed: Sealed<'_>,
    ) -> Result<(), DropReason> {
        let is_media = matches!(sealed, Sealed::Clear(_));
        let opened = match sealed {
            Sealed::Clear(clear) => self.opener.open_clear(now, header, tag, clear)?,
            Sealed::Body(body) => self.opener.open_body(now, header, tag, body)?,
        };
        self.received.note(now, header.phase, header.counter, opened.is_newest, is_media);
        Ok(())
    }

    /// Seals and sends a datagram that is not media.
    pub fn send(
        &mut self,
        now: Instant,
        kind: Kind,
        body: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let prefix = self.sealer.seal_body(now, kind as u8, body)?;
        self.emit(now, &prefix, body, out)
    }

    /// Seals and sends a media packet, of which the first `clear_len_bytes` are authenticated.
    pub fn send_media(
        &mut self,
        now: Instant,
        payload: &[u8],
        clear_len_bytes: usize,
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let clear = payload.get(..clear_len_bytes).ok_or(DropReason::Length)?;
        let prefix = self.sealer.seal_clear(now, Kind::Media as u8, clear)?;
        self.emit(now, &prefix, payload, out)
    }

    fn emit(
        &mut self,
        now: Instant,
        prefix: &[u8; HOP_PREFIX_BYTES],
        payload: &[u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let mut datagram = [0; DATAGRAM_MAX_BYTES];
        let len_bytes = HOP_PREFIX_BYTES.saturating_add(payload.len());
        let datagram = datagram.get_mut(..len_bytes).ok_or(DropReason::Length)?;
        let (head, rest) = datagram.split_at_mut_checked(HOP_PREFIX_BYTES).ok_or(DropReason::Length)?;
        head.copy_from_slice(prefix);
        rest.copy_from_slice(payload);
        self.sent.note(now, prefix, len_bytes);
        if self.is_tunnelled() {
            out.tunnel(datagram);
        } else {
            out.datagram(datagram);
        }
        Ok(())
    }

    /// Tries UDP from inside the tunnel. What is lost of that says nothing about the tunnel, and is not counted.
    fn send_try<const N: usize>(
        &mut self,
        now: Instant,
        kind: Kind,
        mut body: [u8; N],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let prefix = self.sealer.seal_body(now, kind as u8, &mut body)?;
        let mut datagram = [0; TRY_MAX_BYTES];
        let both = prefix.iter().chain(&body);
        for (to, from) in datagram.iter_mut().zip(both) {
            *to = *from;
        }
        out.datagram(datagram.get(..HOP_PREFIX_BYTES.saturating_add(N)).ok_or(DropReason::Length)?);
        Ok(())
    }

    /// Sends a datagram that must go over UDP, whatever the others do.
    fn send_over_udp<const N: usize>(
        &mut self,
        now: Instant,
        kind: Kind,
        mut body: [u8; N],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        if self.is_tunnelled() { self.send_try(now, kind, body, out) } else { self.send(now, kind, &mut body, out) }
    }

    /// Notes that datagrams of ours reached the server over UDP, and one came back.
    pub fn handle_answer(&mut self, now: Instant) {
        self.ways.handle_answer(now);
    }

    pub fn is_tunnelled(&self) -> bool {
        self.ways.is_tunnelled()
    }

    fn handle_pong(&mut self, now: Instant, body: &[u8]) -> Result<(), DropReason> {
        let (sent_us, server_us) = parse_clocks(body)?;
        let round = now.as_micros().checked_sub(sent_us).ok_or(DropReason::Unexpected)?;
        self.rtt = smooth(self.rtt, round);
        let midway = sent_us.saturating_add(round / 2);
        self.clock_offset_us = (server_us as i64).saturating_sub(midway as i64);
        self.answered_at = now;
        self.settled_at = self.settled_at.max(Some(Instant::from_micros(sent_us)));
        Ok(())
    }
}

impl ClientMachine<'_> {
    /// Handles one datagram from the server's address.
    ///
    /// # Errors
    /// The reason why it was dropped; it is counted already.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        bytes: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        self.take_datagram(now, Way::Udp, bytes, out)
    }

    /// Handles one datagram that came inside the control connection, as [`ServerMessage::Tunnelled`].
    ///
    /// # Errors
    /// The reason why it was dropped; it is counted already.
    pub fn handle_tunnelled(
        &mut self,
        now: Instant,
        bytes: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        self.take_datagram(now, Way::Tunnel, bytes, out)
    }

    fn take_datagram(
        &mut self,
        now: Instant,
        came: Way,
        bytes: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        let result = self.accept(now, came, bytes, out);
        match result {
            Ok(()) => self.drive_repair(now, out),
            Err(reason) => self.count_drop(reason),
        }
        result
    }

    fn accept(
        &mut self,
        now: Instant,
        came: Way,
        bytes: &mut [u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        if bytes.len() > DATAGRAM_MAX_BYTES {
            return Err(DropReason::Length);
        }
        let (prefix, payload) = bytes.split_first_chunk_mut::<HOP_PREFIX_BYTES>().ok_or(DropReason::Length)?;
        let header = HopHeader::parse(prefix)?;
        let tag: [u8; TAG_BYTES] =
            prefix.get(HOP_HEADER_BYTES..).and_then(|tag| tag.try_into().ok()).ok_or(DropReason::Length)?;
        let kind = Kind::parse(header.kind)?;
        let link = self.link.as_mut().ok_or(DropReason::UnknownConnection)?;
        if kind == Kind::Media {
            return self.handle_media(now, &header, &tag, payload, out);
        }
        link.open(now, &header, &tag, Sealed::Body(payload))?;
        match kind {
            Kind::Challenge if came == Way::Udp => {
                let token: [u8; TOKEN_BODY_BYTES] = (&*payload).try_into().map_err(|_| DropReason::Length)?;
                link.send_over_udp(now, Kind::Response, token, out)?;
                // Ask at once whether it was heard.
                link.next_at = now;
                link.ways.handle_challenge(now);
                self.drive_link(now, out);
                Ok(())
            }
            Kind::Pong => {
                let (sent_us, _) = parse_clocks(payload)?;
                now.as_micros().checked_sub(sent_us).ok_or(DropReason::Unexpected)?;
                if came == Way::Udp {
                    link.handle_answer(now);
                }
                // An answer to a try says nothing about the way that the others take.
                if link.is_tunnelled() != (came == Way::Tunnel) {
                    return Ok(());
                }
                link.handle_pong(now, payload)?;
                if came == Way::Udp {
                    // Suspicion counts from here.
                    link.next_at = link.ways.next_ping(now, link.ping_interval(now));
                }
                if !link.is_up {
                    link.is_up = true;
                    link.next_at = now + PING_INTERVAL;
                    out.event(ClientEvent::DatagramsUp);
                }
                Ok(())
            }
            Kind::Nack => self.handle_nack(now, payload, out),
            Kind::Feedback => self.handle_feedback(now, came, payload),
            Kind::Challenge | Kind::Hello | Kind::Response | Kind::Ping | Kind::Media => Err(DropReason::Unexpected),
        }
    }

    pub(super) fn drive_link(&mut self, now: Instant, out: &mut impl ClientOutput) {
        let Some(link) = self.link.as_mut() else { return };
        if now >= link.keep_alive_at {
            link.keep_alive_at = now + KEEP_ALIVE_INTERVAL;
            out.control(&ClientMessage::KeepAlive);
        }
        if now.since(link.heard_at) > CONTROL_SILENCE_MAX && !link.is_silent {
            link.is_silent = true;
            out.event(ClientEvent::ServerSilent);
        }
        link.ways.handle_call(now, link.next_at);
        if let Some(is_on) = link.ways.choose(now) {
            link.next_at = now;
            out.control(&ClientMessage::Tunnel { is_on });
            out.event(ClientEvent::Tunnelled { is_on });
        }
        let tried = if link.ways.take_try(now) {
            link.send_try(now, Kind::Ping, emit_clocks(now.as_micros(), 0), out)
        } else {
            Ok(())
        };
        if now >= link.next_at {
            if link.is_up && now.since(link.answered_at) > PATH_SILENCE_MAX {
                link.is_up = false;
                out.event(ClientEvent::DatagramsLost);
            }
            link.next_at = link.ways.next_ping(now, link.ping_interval(now));
            self.ping(now, out);
        }
        if let Err(reason) = tried {
            self.count_drop(reason);
        }
    }

    /// Asks the server for a sign of life, behind all datagrams that were sent before: see [`LinkStats::settled_at`].
    pub fn ping(&mut self, now: Instant, out: &mut impl ClientOutput) {
        let Some(link) = self.link.as_mut() else { return };
        let mut ping = emit_clocks(now.as_micros(), 0);
        let mut hello = [0; TOKEN_BODY_BYTES];
        let sent =
            if link.is_up || link.is_tunnelled() { Ok(()) } else { link.send(now, Kind::Hello, &mut hello, out) };
        if let Err(reason) = sent.and_then(|()| link.send(now, Kind::Ping, &mut ping, out)) {
            self.count_drop(reason);
        }
    }
}
