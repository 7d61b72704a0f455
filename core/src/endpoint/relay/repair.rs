//! Repair at a shard: what its sessions did not get is sent again from the packets that it keeps, what it did not get
//! itself is asked for, and both ends of each hop learn what became of their datagrams.
//!
//! A shard answers for those whose home it is, and only about what it would send them anyway. What it sends again is
//! paid from what it has sent ([`RESENT_PART`]): whoever asks for more gets less, and nobody else pays for it.

use super::session::HopLog;
use super::{RelayMachine, RelayOutput};
use crate::crypto::hop::Clear;
use crate::error::DropReason;
use crate::id::{RoomId, SessionId, Slot, TrackId};
use crate::limits::HOP_PREFIX_BYTES;
use crate::media::feedback::{Downstream, FEEDBACK_MAX_BYTES, FeedbackReport, HopStats};
use crate::media::nack::{NackEntry, parse_nack};
use crate::media::rate::RateReport;
use crate::stats::Histogram;
use crate::time::{Duration, Instant};
use crate::wire::datagram::Kind;
use crate::wire::media::MediaHeader;

/// One packet may be sent again for this many that were sent.
pub(super) const RESENT_PART: u32 = 4;
/// Below this loss a receiver needs no parity and a sender need not hear of it. **Units:** 1/65536, 0.3 %.
pub(super) const LOSS_NOTEWORTHY: u16 = 196;
/// What one shard tells another about its receivers of a room goes out this often at most ...
const TELL_INTERVAL: Duration = Duration::from_millis(200);
/// ... and counts for this long.
const TOLD_KEPT: Duration = Duration::from_millis(1000);

/// What repair has done at a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairFigures {
    /// Packets that were sent again.
    pub resent: u64,
    /// Packets that a session asked for and that were no longer, or not yet, there.
    pub not_kept: u64,
    /// Packets that were not sent again because whoever asked had used up what it may ask for.
    pub refused: u64,
    /// Packets that senders were asked for.
    pub asked: u64,
    /// Parity packets that were sent to receivers with loss.
    pub parity_sent: u64,
    /// Parity packets that were not sent to receivers without loss.
    pub parity_withheld: u64,
    /// Packets that were not sent, at first, since the receiver's hop would have made voice wait behind them.
    pub policed: u64,
}

/// What clients report of what they receive, each time they do.
#[derive(Clone, Debug, Default)]
pub struct ReportFigures {
    /// Round trips between the server and clients.
    pub round_trip: Histogram,
    /// Loss of the seconds before the report. **Units:** 1/65536, each as a microsecond.
    pub loss: Histogram,
}

impl ReportFigures {
    /// Adds those of another shard.
    pub fn merge(&mut self, other: &Self) {
        self.round_trip.merge(&other.round_trip);
        self.loss.merge(&other.loss);
    }

    fn record(&mut self, stats: &HopStats) {
        if stats.rtt > Duration::ZERO {
            self.round_trip.record(stats.rtt);
        }
        self.loss.record(Duration::from_micros(stats.loss.into()));
    }
}

impl RepairFigures {
    /// Adds those of another shard.
    pub const fn merge(&mut self, other: &Self) {
        self.resent = self.resent.saturating_add(other.resent);
        self.not_kept = self.not_kept.saturating_add(other.not_kept);
        self.refused = self.refused.saturating_add(other.refused);
        self.asked = self.asked.saturating_add(other.asked);
        self.parity_sent = self.parity_sent.saturating_add(other.parity_sent);
        self.parity_withheld = self.parity_withheld.saturating_add(other.parity_withheld);
        self.policed = self.policed.saturating_add(other.policed);
    }
}

/// What other shards have told of their receivers in a room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    downstream: Downstream,
    heard_at: Instant,
    told_at: Instant,
}

impl RelayMachine<'_> {
    /// When [`Self::handle_timeout`] may have something to do, and not later than when it has.
    pub const fn poll_timeout(&self) -> Instant {
        self.watch_due_at
    }

    /// Asks for what has been missing for too long.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl RelayOutput) {
        self.watch_due_at = Instant::NEVER;
        let mut index = 0_usize;
        while let Some(lane) = self.watched.get(index).copied() {
            self.drive(now, lane.into(), out);
            let log_due_at = self.logs.get(usize::from(lane)).map_or(Instant::NEVER, |log| log.gaps.due_at());
            // Whoever is gone is asked for nothing; who can't be asked now, a little later.
            let session = self.sessions.get_mut(usize::from(lane)).and_then(|place| place.session.as_mut());
            let due_at = session.map_or(Instant::NEVER, |session| {
                session.is_watched = log_due_at < Instant::NEVER;
                log_due_at.max(now + Duration::from_millis(1))
            });
            self.watch_due_at = self.watch_due_at.min(due_at);
            if due_at < Instant::NEVER {
                index = index.saturating_add(1);
            } else {
                // As swap_remove, which the proof would have to know not to be called beyond the end.
                let last = self.watched.pop();
                if let (Some(last), Some(place)) = (last, self.watched.get_mut(index)) {
                    *place = last;
                }
            }
        }
    }

    /// Another shard has receivers of that room who lose packets.
    pub fn handle_told(&mut self, now: Instant, room_index: u16, downstream: Downstream) {
        let Some(room) = self.rooms.get_mut(usize::from(room_index)) else { return };
        let told = &mut room.told;
        if downstream.loss >= told.downstream.loss || now.since(told.heard_at) > TOLD_KEPT {
            (told.downstream, told.heard_at) = (downstream, now);
        }
    }

    /// Notes a packet of a sender whose home this is: what did not come before it is asked for.
    pub(super) fn note_uplink(&mut self, now: Instant, lane: usize, header: &MediaHeader) {
        if header.track.is_audio() {
            return;
        }
        let Some(session) = self.sessions.get_mut(lane).and_then(|place| place.session.as_mut()) else { return };
        let Some(log) = self.logs.get_mut(lane) else { return };
        // Its receivers miss the same, and tell.
        log.gaps.note(now, header, &mut |_, _| ());
        let due_at = log.gaps.due_at();
        // Without a place its gaps are looked at when its next datagram comes.
        if !session.is_watched && due_at < Instant::NEVER {
            session.is_watched = self.watched.push(lane as u16).is_ok();
        }
        if session.is_watched {
            self.watch_due_at = self.watch_due_at.min(due_at);
        }
    }

    /// Says to a session what is due.
    pub(super) fn drive(&mut self, now: Instant, lane: usize, out: &mut impl RelayOutput) {
        let Some(session) = self.sessions.get_mut(lane).and_then(|place| place.session.as_mut()) else { return };
        let Some(log) = self.logs.get_mut(lane) else { return };
        if now >= log.gaps.due_at() {
            let mut body = log.gaps.poll(now, log.sent.stats().rtt, &mut |_, _| ());
            let body = body.finish();
            if !body.is_empty() {
                let asked =
                    parse_nack(body).map_or(0, |entries| entries.map(|entry| entry.packets().count() as u64).sum());
                self.repair.asked = self.repair.asked.saturating_add(asked);
                session.send_body(now, Kind::Nack, body, log, lane, out);
            }
        }
        if log.received.is_due(now) {
            let id = session.id;
            let downstream = self.downstream_of(now, id);
            let mut body = [0; FEEDBACK_MAX_BYTES];
            let session = self.sessions.get_mut(lane).and_then(|place| place.session.as_mut());
            let (Some(session), Some(log)) = (session, self.logs.get_mut(lane)) else { return };
            let Some(len) = log.received.poll_report(now, downstream, &mut body) else { return };
            session.send_body(now, Kind::Feedback, body.get_mut(..len).unwrap_or_default(), log, lane, out);
        }
    }

    /// A session asks for packets that did not come.
    pub(super) fn handle_nack(
        &mut self,
        now: Instant,
        id: SessionId,
        body: &[u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        let lane = usize::from(self.shards.place_of(id));
        let session = self.session_mut(id).ok_or(DropReason::UnknownConnection)?;
        if !session.nacks.take(now) {
            return Err(DropReason::RateLimited);
        }
        let mut result = Ok(());
        for entry in parse_nack(body)? {
            result = result.and(self.resend(now, lane, &entry, out));
        }
        result
    }

    /// Sends a session again what it would have got.
    fn resend(
        &mut self,
        now: Instant,
        lane: usize,
        entry: &NackEntry,
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        let session = self.sessions.get_mut(lane).and_then(|place| place.session.as_mut());
        let session = session.ok_or(DropReason::UnknownConnection)?;
        let membership = *session.membership(RoomId(entry.key.room)).ok_or(DropReason::NotInRoom)?;
        let way = session.way(now).ok_or(DropReason::UnvalidatedPath)?;
        let room = self.rooms.get(usize::from(membership.room_index)).ok_or(DropReason::UnknownRoom)?;
        let (sender, track) = (Slot(entry.key.sender), TrackId(entry.key.track));
        if !room.is_receiving(self.shard, membership.slot, sender, track) {
            return Err(DropReason::UnknownTrack);
        }
        let mut result = Ok(());
        for seq in entry.packets() {
            // What was lost in a full queue would only find it full again.
            if session.resend_credit < RESENT_PART || session.rate.must_drain() {
                self.repair.refused = self.repair.refused.saturating_add(1);
                result = Err(DropReason::RateLimited);
                continue;
            }
            let Some(kept) = self.cache.find(entry.key, seq) else {
                self.repair.not_kept = self.repair.not_kept.saturating_add(1);
                continue;
            };
            if !session.policer.admit(now, kept.payload.len().saturating_add(HOP_PREFIX_BYTES)) {
                self.repair.refused = self.repair.refused.saturating_add(1);
                continue;
            }
            let clear = kept.payload.get(..kept.clear_len_bytes).ok_or(DropReason::Length)?;
            let mut clear = Clear::new(clear)?;
            let prefix = session.seal_media(now, &mut clear, kept.payload.len(), self.logs.get_mut(lane))?;
            session.resend_credit = session.resend_credit.saturating_sub(RESENT_PART);
            way.send(lane, session.id, &prefix, kept.payload, out);
            self.repair.resent = self.repair.resent.saturating_add(1);
        }
        result
    }

    /// A session tells what came of what was sent to it.
    pub(super) fn handle_feedback(
        &mut self,
        now: Instant,
        id: SessionId,
        body: &[u8],
        out: &mut impl RelayOutput,
    ) -> Result<(), DropReason> {
        let report = FeedbackReport::parse(body)?;
        let lane = usize::from(self.shards.place_of(id));
        let Some(log) = self.logs.get_mut(lane) else { return Ok(()) };
        let mut news = RateReport::default();
        log.sent.handle_report(now, &report, |packet| news.add(packet));
        self.reports.record(&log.sent.stats());
        let downstream = of_receiver(log);
        let session = self.session_mut(id).ok_or(DropReason::UnknownConnection)?;
        session.rate.handle_report(now, &news);
        session.police(now);
        let Some(downstream) = downstream else { return Ok(()) };
        let memberships = session.memberships();
        for membership in memberships.into_iter().flatten() {
            let Some(room) = self.rooms.get_mut(usize::from(membership.room_index)) else { continue };
            if now.since(room.told.told_at) < TELL_INTERVAL {
                continue;
            }
            room.told.told_at = now;
            for shard in (0..self.shards.count()).filter(|shard| *shard != self.shard) {
                if room.has_members(shard) {
                    out.tell(shard, membership.room_index, downstream);
                }
            }
        }
        Ok(())
    }

    /// The worst that is known of those who receive from a session.
    fn downstream_of(&self, now: Instant, id: SessionId) -> Downstream {
        let lane = usize::from(self.shards.place_of(id));
        let Some(session) = self.sessions.get(lane).and_then(|place| place.session.as_ref()) else {
            return Downstream::default();
        };
        let mut worst = Downstream::default();
        let mut take = |other: Downstream| {
            worst = Downstream { loss: worst.loss.max(other.loss), rtt_ms: worst.rtt_ms.max(other.rtt_ms) };
        };
        for membership in session.memberships().into_iter().flatten() {
            let Some(room) = self.rooms.get(usize::from(membership.room_index)) else { continue };
            if now.since(room.told.heard_at) <= TOLD_KEPT {
                take(room.told.downstream);
            }
            for seat in room.all_receivers(self.shard, membership.slot, TrackId::CAMERA) {
                if let Some(known) = self.logs.get(usize::from(seat)).and_then(of_receiver) {
                    take(known);
                }
            }
        }
        worst
    }
}

/// What a sender should know of a receiver; none if it loses nothing.
fn of_receiver(log: &HopLog) -> Option<Downstream> {
    let stats = log.sent.stats();
    let rtt_ms = (stats.rtt.as_micros() / 1000).min(u16::MAX.into()) as u16;
    (stats.loss >= LOSS_NOTEWORTHY).then_some(Downstream { loss: stats.loss, rtt_ms })
}
