//! What a shard must know of a session whose home it is.

use core::net::SocketAddr;

use super::repair::RESENT_PART;
use super::video::SentMeter;
use super::way::Way;
use super::{PATH_SILENCE_MAX, RelayOutput};
use crate::crypto::hop::{Clear, Direction, HopOpener, HopSealer};
use crate::error::DropReason;
use crate::id::{RoomId, SessionId, Slot};
use crate::limits::{HOP_PREFIX_BYTES, SESSION_ROOMS_MAX};
use crate::media::feedback::{ReceiveLog, SentLog};
use crate::media::nack::{GapTracker, Gaps, Missing};
use crate::media::police::Policer;
use crate::media::rate::{RateController, RateLimits};
use crate::rate::TokenBucket;
use crate::time::{Duration, Instant};
use crate::wire::datagram::Kind;

/// At most one challenge per session in this time.
const CHALLENGE_INTERVAL: Duration = Duration::from_millis(100);
/// An answer that comes later was held back by somebody.
const CHALLENGE_LIFETIME: Duration = Duration::from_secs(3);

/// What is granted to the way to a client.
const DOWNLINK: RateLimits = RateLimits { reserve_bps: 100_000, start_bps: 3_000_000, max_bps: 200_000_000 };
/// Tracks and layers of one session whose gaps are known: three sizes of a camera, and a screen.
const UPLINK_LAYERS: usize = 4;
/// Packets of a session that may be missing: all that two megabits a second send in the 400 ms after which nobody is asked any
/// more.
const UPLINK_MISSING: usize = 96;
/// Arrivals that are remembered of a session. A sender's reports are due 20 times a second, and sooner if half as many wait.
const UPLINK_ARRIVALS: usize = 256;
/// Questions for lost packets a second, and at once.
const NACK_RATE: (u32, u32) = (250, 100);
/// Pictures that are let through at least. **Units:** bits a second.
const TRICKLE_BPS: u32 = 32_000;
/// Tags a second, and at once, that are looked at from addresses that are not a session's own: forging is cheaper than
/// looking, most of all where a processor has no instructions for it. Whoever comes from a new address needs one.
const STRAY_RATE: (u32, u32) = (250, 50);
/// What may be sent again before anything was sent, and at most at once. **Units:** as the field.
const RESEND_CREDIT_AT_FIRST: u32 = 64 * RESENT_PART;
const RESEND_CREDIT_MAX: u32 = 512 * RESENT_PART;

/// One place in a shard's table of sessions.
#[derive(Default)]
pub struct RelaySessionPlace {
    pub(super) session: Option<RelaySession>,
}

/// Where a session is in a room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membership {
    pub room: RoomId,
    pub room_index: u16,
    pub slot: Slot,
}

/// Where a session's datagrams go: an address that answered a challenge.
#[derive(Clone, Copy, Debug)]
struct ValidPath {
    address: SocketAddr,
    /// When the last authentic datagram came from there.
    heard_at: Instant,
}

/// An address that has been asked to prove itself.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: SocketAddr,
    token: [u8; 8],
    asked_at: Instant,
}

/// What repair knows of a session: apart from it, so that a driver may have memory for fewer than all.
#[derive(Clone, Debug)]
pub struct HopLog {
    /// What was sent to it, and what came from it.
    pub(super) sent: SentLog,
    pub(super) received: ReceiveLog<UPLINK_ARRIVALS>,
    /// Packets of its own tracks that did not come.
    pub(super) gaps: Gaps<[GapTracker; UPLINK_LAYERS], [Missing; UPLINK_MISSING]>,
}

impl Default for HopLog {
    fn default() -> Self {
        let gaps = Gaps::new([GapTracker::EMPTY; UPLINK_LAYERS], [Missing::NONE; UPLINK_MISSING]);
        Self { sent: SentLog::default(), received: ReceiveLog::default(), gaps }
    }
}

/// A session.
pub(super) struct RelaySession {
    pub id: SessionId,
    pub sealer: HopSealer,
    pub opener: HopOpener,
    pub datagrams: TokenBucket,
    /// How much its hop carries, as far as it reports what came.
    pub rate: RateController,
    /// Which packets of pictures its hop takes now.
    pub policer: Policer,
    /// What goes to it, all in all.
    pub sent: SentMeter,
    /// When a picture last had to become smaller for it.
    pub pictures_fell_at: Option<Instant>,
    /// Whether the machine looks at its gaps by the clock.
    pub is_watched: bool,
    pub nacks: TokenBucket,
    /// For datagrams from elsewhere: see [`Self::is_expected`].
    pub strays: TokenBucket,
    /// Packets that may be sent to it again, times [`RESENT_PART`].
    pub resend_credit: u32,
    /// Whether its datagrams travel inside its control connection.
    pub is_tunnelled: bool,
    path: Option<ValidPath>,
    candidate: Option<Candidate>,
    memberships: [Option<Membership>; SESSION_ROOMS_MAX],
}

impl RelaySession {
    pub fn new(id: SessionId, secret: &[u8; 32], rate: (u32, u32)) -> Self {
        Self {
            id,
            sealer: HopSealer::new(secret, id.0, Direction::ServerToClient),
            opener: HopOpener::new(secret, id.0, Direction::ClientToServer),
            datagrams: TokenBucket::new(rate.0, rate.1),
            rate: RateController::new(DOWNLINK),
            policer: Policer::default(),
            sent: SentMeter::default(),
            pictures_fell_at: None,
            is_watched: false,
            nacks: TokenBucket::new(NACK_RATE.0, NACK_RATE.1),
            strays: TokenBucket::new(STRAY_RATE.0, STRAY_RATE.1),
            resend_credit: RESEND_CREDIT_AT_FIRST,
            is_tunnelled: false,
            path: None,
            candidate: None,
            memberships: [None; SESSION_ROOMS_MAX],
        }
    }

    pub fn join(&mut self, membership: Membership) {
        self.leave(membership.room_index);
        if let Some(place) = self.memberships.iter_mut().find(|place| place.is_none()) {
            *place = Some(membership);
        }
    }

    pub fn leave(&mut self, room_index: u16) {
        for place in &mut self.memberships {
            place.take_if(|membership| membership.room_index == room_index);
        }
    }

    pub const fn memberships(&self) -> [Option<Membership>; SESSION_ROOMS_MAX] {
        self.memberships
    }

    /// Seals a media packet whose payload has that length, and notes that it was sent.
    pub fn seal_media(
        &mut self,
        now: Instant,
        clear: &mut Clear,
        len_bytes: usize,
        log: Option<&mut HopLog>,
    ) -> Result<[u8; HOP_PREFIX_BYTES], DropReason> {
        let prefix = self.sealer.seal_laid_out(now, Kind::Media as u8, clear)?;
        let bytes = len_bytes.saturating_add(HOP_PREFIX_BYTES);
        self.sent.count(bytes);
        if let Some(log) = log {
            log.sent.note(now, &prefix, bytes);
        }
        Ok(prefix)
    }

    /// Seals another datagram in place.
    pub fn seal_body(
        &mut self,
        now: Instant,
        kind: Kind,
        body: &mut [u8],
        log: Option<&mut HopLog>,
    ) -> Result<[u8; HOP_PREFIX_BYTES], DropReason> {
        let prefix = self.sealer.seal_body(now, kind as u8, body)?;
        if let Some(log) = log {
            log.sent.note(now, &prefix, body.len().saturating_add(HOP_PREFIX_BYTES));
        }
        Ok(prefix)
    }

    /// Seals a datagram in place and sends it to where its datagrams go, if that is known.
    pub fn send_body(
        &mut self,
        now: Instant,
        kind: Kind,
        body: &mut [u8],
        log: &mut HopLog,
        lane: usize,
        out: &mut impl RelayOutput,
    ) {
        let Some(way) = self.way(now) else { return };
        if let Ok(prefix) = self.seal_body(now, kind, body, Some(log)) {
            way.send(lane, self.id, &prefix, body, out);
        }
    }

    /// Lets no more of pictures through than its hop takes, as far as anything is known of that; and a packet now and then
    /// whatever is known, or nobody would ever learn that the way is free again.
    pub fn police(&mut self, now: Instant) {
        if self.rate.bound_bps(now).is_some() {
            let pace_bps = if self.rate.is_stalled(now) { 0 } else { self.rate.pace_bps() };
            self.policer.set_pace(pace_bps.max(TRICKLE_BPS));
        }
    }

    /// A packet was sent to it: a part of it may be sent again.
    pub fn earn_resend(&mut self) {
        self.resend_credit = self.resend_credit.saturating_add(1).min(RESEND_CREDIT_MAX);
    }

    pub fn membership(&self, room: RoomId) -> Option<&Membership> {
        self.memberships.iter().flatten().find(|membership| membership.room == room)
    }

    /// Which way its datagrams go, if any is known.
    pub fn way(&mut self, now: Instant) -> Option<Way> {
        if self.is_tunnelled { Some(Way::Tunnel) } else { self.address(now).map(Way::Address) }
    }

    /// The address where its datagrams go, if they go over UDP. A path that was silent for long is forgotten: nobody may
    /// be sent media for ever who does not say any more that it is wanted.
    pub fn address(&mut self, now: Instant) -> Option<SocketAddr> {
        self.path.take_if(|path| now.since(path.heard_at) > PATH_SILENCE_MAX);
        self.path.map(|path| path.address)
    }

    /// Whether datagrams come from there: it is the session's address, or one that an authentic datagram came from and
    /// that may answer a challenge now.
    pub fn is_expected(&self, now: Instant, from: SocketAddr) -> bool {
        let is_candidate =
            |candidate: &Candidate| candidate.address == from && now.since(candidate.asked_at) < CHALLENGE_LIFETIME;
        self.path.is_some_and(|path| path.address == from) || self.candidate.as_ref().is_some_and(is_candidate)
    }

    /// Notes that an authentic datagram came from there. Says whether it is the address that its datagrams go to.
    pub fn is_path(&mut self, now: Instant, from: SocketAddr) -> bool {
        let is_it = self.address(now) == Some(from);
        if let Some(path) = self.path.as_mut().filter(|_| is_it) {
            path.heard_at = path.heard_at.max(now);
        }
        is_it
    }

    /// Makes an address the candidate; false if another question was asked just now.
    pub fn ask(&mut self, now: Instant, address: SocketAddr, token: [u8; 8]) -> bool {
        if self.candidate.is_some_and(|candidate| now.since(candidate.asked_at) < CHALLENGE_INTERVAL) {
            return false;
        }
        self.candidate = Some(Candidate { address, token, asked_at: now });
        true
    }

    /// Moves to the address that answered its challenge.
    pub fn move_to(&mut self, now: Instant, from: SocketAddr, body: &[u8]) -> Result<(), DropReason> {
        let is_answer = |candidate: &mut Candidate| {
            let is_in_time = now.since(candidate.asked_at) < CHALLENGE_LIFETIME;
            is_in_time && candidate.address == from && candidate.token == *body
        };
        self.candidate.take_if(is_answer).ok_or(DropReason::Unexpected)?;
        self.path = Some(ValidPath { address: from, heard_at: now });
        Ok(())
    }
}
