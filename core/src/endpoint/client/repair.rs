//! Repair at a client: what did not come is asked for or made again from parity, what the server did not get is sent
//! again, and both ends of the hop learn what became of their datagrams.

use super::link::Link;
use super::{ClientMachine, ClientOutput};
use crate::error::DropReason;
use crate::id::RoomId;
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES};
use crate::media::cache::PacketCache;
use crate::media::feedback::{Downstream, FEEDBACK_MAX_BYTES, FeedbackReport, HopStats};
use crate::media::nack::{GapStats, GapTracker, Gaps, parse_nack};
use crate::media::parity::{Recovery, Solvable, Symbol};
use crate::media::rate::RateReport;
use crate::media::reassembly::Reassembler;
use crate::media::track_window::TrackKey;
use crate::time::{Duration, Instant};
use crate::wire::datagram::Kind;
use crate::wire::media::{MediaHeader, MediaLayout};

/// One packet may be sent again for this many that were sent.
const RESENT_PART: u32 = 4;
/// What may be sent again before anything was sent, and at most at once. **Units:** packets, times [`RESENT_PART`].
const RESEND_CREDIT_AT_FIRST: u32 = 64 * RESENT_PART;
const RESEND_CREDIT_MAX: u32 = 512 * RESENT_PART;

/// Below this loss nothing is added. **Units:** 1/65536, 0.5 %.
const PARITY_LOSS_MIN: u16 = 328;
/// Above this loss asking again is not enough by itself. **Units:** 1/65536, 3 %.
const PARITY_LOSS_ALWAYS: u16 = 1966;
/// Where two round trips take longer than this, what was asked for comes too late for its picture.
const REPAIR_DEADLINE: Duration = Duration::from_millis(40);
/// One parity packet for this many packets, at most: a quarter more.
const PARITY_PART: u32 = 4;
/// Frames of few packets save up for parity. **Units:** packets, times [`PARITY_PART`].
const PARITY_CREDIT_MAX: u32 = 64 * PARITY_PART;

/// Memory for repair, that the caller lends; without any of a kind, that kind of repair is not done.
#[derive(Debug, Default)]
pub struct ClientRepair<'a> {
    /// Own packets that may be sent again.
    pub sent: PacketCache<'a>,
    /// One place per track and layer of others.
    pub gaps: Gaps<&'a mut [GapTracker]>,
    /// Packets of others from which lost ones are made again.
    pub recovery: Recovery<'a>,
    /// Parity packets in the making: 64 serve every frame.
    pub parity: &'a mut [Symbol],
}

/// What comes from others, until it is handed out.
pub(super) struct Incoming<'a> {
    pub reassembler: Reassembler<'a>,
    pub repair: ClientRepair<'a>,
}

impl Incoming<'_> {
    /// Forgets everything of whoever was in that place.
    pub fn forget(&mut self, room: u32, sender: u16) {
        self.reassembler.forget(room, sender);
        self.repair.gaps.forget(room, sender);
        self.repair.recovery.forget(room, sender);
    }
}

/// Loss in both directions of the hop to the server, and beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossStats {
    /// Of what we send, as the server tells.
    pub up: HopStats,
    /// Of what comes to us, in 1/65536.
    pub down_loss: u16,
    /// How many of those are lost in a row, in 1/16.
    pub down_burst: u16,
    /// Of those who receive from us, as the server tells.
    pub downstream: Downstream,
}

/// The part of a link that belongs to repair.
pub(super) struct LinkRepair {
    resend_credit: u32,
    parity_credit: u32,
}

impl Default for LinkRepair {
    fn default() -> Self {
        Self { resend_credit: RESEND_CREDIT_AT_FIRST, parity_credit: 0 }
    }
}

impl LinkRepair {
    /// A packet was sent: a part of it may be sent again.
    pub fn earn_resend(&mut self) {
        self.resend_credit = self.resend_credit.saturating_add(1).min(RESEND_CREDIT_MAX);
    }
}

impl Link {
    /// How many parity packets a frame of `count` packets gets: none without loss, and where asking again is quick
    /// enough; else what is lost of it on average, and three times as much as that varies; never more than a quarter
    /// over time.
    pub fn parity_for(&mut self, count: u16) -> u8 {
        let LossStats { up, downstream, .. } = self.loss();
        let loss = up.loss.saturating_add(downstream.loss);
        let rtt = up.rtt.as_micros().max(u64::from(downstream.rtt_ms).saturating_mul(1000));
        let is_slow = rtt.saturating_mul(2) > REPAIR_DEADLINE.as_micros();
        if loss < PARITY_LOSS_MIN || !(is_slow || loss > PARITY_LOSS_ALWAYS) {
            self.repair.parity_credit = 0;
            return 0;
        }
        let credit = self.repair.parity_credit.saturating_add(count.into()).min(PARITY_CREDIT_MAX);
        // Lost packets, in 1/65536; their number varies with its square root, more so if they are lost in a row.
        let lost = u32::from(count).saturating_mul(loss.into());
        let burst = u64::from(up.burst.max(16)).min(64);
        let spread = u64::from(lost).saturating_mul(burst).saturating_mul(4096).isqrt() as u32;
        let wanted = lost.saturating_add(spread.saturating_mul(3)) / 65536;
        let parity = wanted.saturating_add(1).min(credit / PARITY_PART).min(64);
        self.repair.parity_credit = credit.saturating_sub(parity.saturating_mul(PARITY_PART));
        parity as u8
    }

    /// Loss in both directions, and beyond the server.
    pub fn loss(&self) -> LossStats {
        let (down_loss, down_burst) = self.received.loss();
        LossStats { up: self.sent.stats(), down_loss, down_burst, downstream: self.downstream }
    }

    /// How long a question to the server takes, as far as it is known.
    fn rtt(&self) -> Duration {
        match self.sent.stats().rtt {
            Duration::ZERO => self.stats().rtt,
            known => known,
        }
    }
}

impl ClientMachine<'_> {
    /// What became of the packets of each remote track and layer.
    pub fn gap_stats(&self) -> impl Iterator<Item = (TrackKey, GapStats)> + '_ {
        self.incoming.repair.gaps.stats()
    }

    /// Loss in both directions, while signed in.
    pub fn loss_stats(&self) -> Option<LossStats> {
        self.link.as_ref().map(Link::loss)
    }

    /// Own packets that were sent again because the server asked for them.
    pub const fn resent(&self) -> u64 {
        self.resent
    }

    /// Notes a packet that the server has authenticated, before it is opened. Says whether lost ones can now be made
    /// again.
    pub(super) fn note_packet(&mut self, now: Instant, header: &MediaHeader, payload: &[u8]) -> Option<Solvable> {
        // Voice has copies of earlier frames instead.
        let is_known = self.room_mut(header.room).is_some_and(|room| room.member_mut(header.sender).is_some());
        if header.track.is_audio() || !is_known {
            return None;
        }
        let repair = &mut self.incoming.repair;
        repair.gaps.note(now, header);
        if header.parity == 0 {
            return None;
        }
        repair.recovery.insert(now, header, payload.get(MEDIA_HEADER_BYTES..)?)
    }

    /// Makes lost packets again and takes them as if they had come.
    pub(super) fn make_again(&mut self, now: Instant, solvable: &Solvable, out: &mut impl ClientOutput) {
        if self.incoming.repair.recovery.solve(solvable).is_none() {
            return;
        }
        while let Some((header, sealed)) = self.incoming.repair.recovery.next_made(solvable) {
            let mut payload = [0; DATAGRAM_MAX_BYTES - HOP_PREFIX_BYTES];
            let len = MEDIA_HEADER_BYTES.saturating_add(sealed.len());
            let Some(payload) = payload.get_mut(..len) else { continue };
            for (to, from) in payload.iter_mut().zip(header.emit().iter().chain(sealed)) {
                *to = *from;
            }
            let taken = match MediaLayout::parse(payload) {
                Ok(layout) => match self.deliver(now, &layout, payload, out) {
                    Err(lacks) => self.hold(now, &layout, payload, lacks),
                    Ok(()) => Ok(()),
                },
                Err(reason) => Err(reason),
            };
            match taken {
                Ok(()) => self.incoming.repair.gaps.handle_made(&header),
                Err(reason) => self.count_drop(reason),
            }
        }
    }

    /// Asks for what is missing and reports what came, if it is time.
    pub(super) fn drive_repair(&mut self, now: Instant, out: &mut impl ClientOutput) {
        let Some(link) = self.link.as_mut().filter(|link| link.is_up()) else { return };
        let gaps = &mut self.incoming.repair.gaps;
        let mut result = Ok(());
        if now >= gaps.due_at() {
            let mut body = gaps.poll(now, link.rtt());
            let body = body.finish();
            if !body.is_empty() {
                result = link.send(now, Kind::Nack, body, out);
            }
        }
        let mut report = [0; FEEDBACK_MAX_BYTES];
        if let Some(len) = link.received.poll_report(now, Downstream::default(), &mut report) {
            let report = report.get_mut(..len).unwrap_or_default();
            result = result.and(link.send(now, Kind::Feedback, report, out));
        }
        if let Err(reason) = result {
            self.count_drop(reason);
        }
    }

    /// When [`Self::drive_repair`] has something to do.
    pub(super) fn poll_repair(&self) -> Instant {
        let Some(link) = self.link.as_ref().filter(|link| link.is_up()) else { return Instant::NEVER };
        let report = link.received.poll_timeout().unwrap_or(Instant::NEVER);
        report.min(self.incoming.repair.gaps.due_at())
    }

    /// The server reports what came of what we sent.
    pub(super) fn handle_feedback(&mut self, now: Instant, body: &[u8]) -> Result<(), DropReason> {
        let report = FeedbackReport::parse(body)?;
        let link = self.link.as_mut().ok_or(DropReason::UnknownConnection)?;
        link.downstream = report.downstream;
        let mut news = RateReport::default();
        link.sent.handle_report(now, &report, |packet| news.add(packet));
        link.rate.handle_report(now, &news);
        Ok(())
    }

    /// The server did not get some of our packets.
    pub(super) fn handle_nack(
        &mut self,
        now: Instant,
        body: &[u8],
        out: &mut impl ClientOutput,
    ) -> Result<(), DropReason> {
        for entry in parse_nack(body)? {
            let room = self.room_mut(RoomId(entry.key.room)).ok_or(DropReason::UnknownRoom)?;
            if room.joined.is_none_or(|(slot, _)| slot.0 != entry.key.sender) {
                return Err(DropReason::NotInRoom);
            }
            let link = self.link.as_mut().ok_or(DropReason::UnknownConnection)?;
            for seq in entry.packets() {
                let Some(kept) = self.incoming.repair.sent.find(entry.key, seq) else { continue };
                if link.repair.resend_credit < RESENT_PART {
                    return Err(DropReason::RateLimited);
                }
                link.repair.resend_credit = link.repair.resend_credit.saturating_sub(RESENT_PART);
                link.send_media(now, kept.payload, kept.clear_len_bytes, out)?;
                self.resent = self.resent.saturating_add(1);
            }
        }
        Ok(())
    }
}
