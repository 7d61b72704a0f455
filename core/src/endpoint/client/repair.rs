//! Repair at a client: what did not come is asked for or made again from parity, what the server did not get is sent
//! again, and both ends of the hop learn what became of their datagrams.

use super::link::{Link, Way};
use super::{ClientEvent, ClientMachine, ClientOutput};
use crate::error::DropReason;
use crate::id::{RoomId, TrackId};
use crate::limits::{DATAGRAM_MAX_BYTES, HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES};
use crate::media::cache::PacketCache;
use crate::media::feedback::{Downstream, FEEDBACK_MAX_BYTES, FeedbackReport, HopStats};
use crate::media::nack::{GapStats, GapTracker, Gaps, Missing, NackBody, NackEntry, parse_nack};
use crate::media::parity::{Recovery, Solvable, Symbol};
use crate::media::rate::RateReport;
use crate::media::reassembly::Reassembler;
use crate::media::track_window::TrackKey;
use crate::time::{Duration, Instant};
use crate::wire::control::ClientMessage;
use crate::wire::datagram::Kind;
use crate::wire::media::{Form, MediaHeader, MediaLayout};

/// One packet may be sent again for this many that were sent.
const RESENT_PART: u32 = 4;
/// What may be sent again before anything was sent, and at most at once. **Units:** packets, times [`RESENT_PART`].
const RESEND_CREDIT_AT_FIRST: u32 = 64 * RESENT_PART;
const RESEND_CREDIT_MAX: u32 = 512 * RESENT_PART;
/// What was given up is told at most this often, all of it together.
const REPORT_LOST_INTERVAL: Duration = Duration::from_millis(100);
/// It waits so long for more of the kind.
const REPORT_LOST_PATIENCE: Duration = Duration::from_millis(20);

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
    /// One place per track and layer of others, and places for packets of theirs that are missing.
    pub gaps: Gaps<&'a mut [GapTracker], &'a mut [Missing]>,
    /// Packets of others from which lost ones are made again.
    pub recovery: Recovery<'a>,
    /// Parity packets in the making: 64 serve every frame.
    pub parity: &'a mut [Symbol],
}

/// What comes from others, until it is handed out.
pub(super) struct Incoming<'a> {
    pub reassembler: Reassembler<'a>,
    pub repair: ClientRepair<'a>,
    pub lost: GivenUp,
}

/// Packets of others that nobody brings any more, until their senders are told. **Bound:** one message; what finds no room
/// in it is mended by the rolling refresh.
#[derive(Default)]
pub(super) struct GivenUp {
    body: NackBody,
    /// When they are told; none while there are none.
    due_at: Option<Instant>,
    told_at: Instant,
}

impl GivenUp {
    fn add(&mut self, now: Instant, key: TrackKey, seq: u32) {
        self.body.add(key, seq);
        self.due_at.get_or_insert((now + REPORT_LOST_PATIENCE).max(self.told_at + REPORT_LOST_INTERVAL));
    }

    /// Tells what was given up, if it is time.
    fn tell(&mut self, now: Instant, out: &mut impl ClientOutput) {
        if self.due_at.is_none_or(|due_at| now < due_at) {
            return;
        }
        out.control(&ClientMessage::ReportLost { packets: self.body.finish() });
        *self = Self { told_at: now, ..Self::default() };
    }
}

impl<'a> Incoming<'a> {
    pub fn new(reassembler: Reassembler<'a>, repair: ClientRepair<'a>) -> Self {
        Self { reassembler, repair, lost: GivenUp::default() }
    }

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

/// Packets of a picture of ours, as the server names them.
#[derive(Clone, Copy)]
pub(super) struct LostPackets {
    pub layer: u8,
    pub seq: u32,
    pub more: u32,
}

/// The part of a link that belongs to repair.
#[derive(Default)]
pub(super) struct LinkRepair {
    /// For packets that the server asks for.
    resend: ResendCredit,
    /// For what was in packets that a receiver gave up.
    renew: ResendCredit,
    parity_credit: u32,
}

impl LinkRepair {
    /// A packet was sent: a part of it may be sent again.
    pub fn earn_resend(&mut self) {
        self.resend.earn();
        self.renew.earn();
    }
}

/// What is sent again is paid from what was sent, so that nobody who asks can make more of it.
struct ResendCredit(u32);

impl Default for ResendCredit {
    fn default() -> Self {
        Self(RESEND_CREDIT_AT_FIRST)
    }
}

impl ResendCredit {
    fn earn(&mut self) {
        self.0 = self.0.saturating_add(1).min(RESEND_CREDIT_MAX);
    }

    /// Pays for one packet; false if there is not enough.
    fn take(&mut self) -> bool {
        let rest = self.0.checked_sub(RESENT_PART);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
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
        let Incoming { repair, lost, .. } = &mut self.incoming;
        repair.gaps.note(now, header, &mut |key, seq| lost.add(now, key, seq));
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
        let Incoming { repair: ClientRepair { gaps, .. }, lost, .. } = &mut self.incoming;
        let mut result = Ok(());
        if now >= gaps.due_at() {
            let mut body = gaps.poll(now, link.rtt(), &mut |key, seq| lost.add(now, key, seq));
            let body = body.finish();
            if !body.is_empty() {
                result = link.send(now, Kind::Nack, body, out);
            }
        }
        lost.tell(now, out);
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
        let lost = self.incoming.lost.due_at.unwrap_or(Instant::NEVER);
        report.min(self.incoming.repair.gaps.due_at()).min(lost)
    }

    /// Somebody gave up some of our packets. Tells the encoder which of its strips they were, as far as they are still known
    /// and were sent in this membership.
    pub(super) fn handle_lost(
        &mut self,
        id: RoomId,
        track: TrackId,
        packets: LostPackets,
        out: &mut impl ClientOutput,
    ) {
        let LostPackets { layer, seq, more } = packets;
        let Some((sender, _)) = self.room_mut(id).and_then(|room| room.joined) else { return };
        let Some(link) = self.link.as_mut() else { return };
        let key = TrackKey { room: id.0, sender: sender.0, track: track.0, layer };
        for seq in (NackEntry { key, seq, more }).packets() {
            let Some(kept) = self.incoming.repair.sent.find(key, seq) else { continue };
            let Ok(header) = MediaHeader::parse(kept.payload) else { continue };
            if header.form != Form::Strips {
                continue;
            }
            if !link.repair.renew.take() {
                return;
            }
            let MediaHeader { timestamp, index, .. } = header;
            out.event(ClientEvent::StripLost { room: id, track, layer, timestamp, index });
        }
    }

    /// The server reports what came of what we sent.
    pub(super) fn handle_feedback(&mut self, now: Instant, came: Way, body: &[u8]) -> Result<(), DropReason> {
        let report = FeedbackReport::parse(body)?;
        let link = self.link.as_mut().ok_or(DropReason::UnknownConnection)?;
        link.downstream = report.downstream;
        if came == Way::Udp && !link.is_tunnelled() {
            // It is made because media of ours came.
            link.handle_answer(now);
        }
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
                if !link.repair.resend.take() {
                    return Err(DropReason::RateLimited);
                }
                link.send_media(now, kept.payload, kept.clear_len_bytes, out)?;
                self.resent = self.resent.saturating_add(1);
            }
        }
        Ok(())
    }
}
