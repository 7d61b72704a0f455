//! What the reports of the last moments add up to, in fixed memory.

use super::PacketReport;
use crate::time::{Duration, Instant};

/// Reports that are remembered: more than half a second of them at one every 50 ms.
const REPORTS: usize = 12;
/// The rate of arrival is that of this time.
const RATE_WINDOW_US: u64 = 200_000;
/// The least delay is remembered for this many spans ...
const BASE_SPANS: usize = 10;
/// ... of this length: long enough that others who fill the queue do not become the measure of emptiness, short enough
/// that clocks that drift apart and ways that change do not matter.
const BASE_SPAN_US: u64 = 2_000_000;

/// What one report said, added up packet by packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateReport {
    /// Bytes that arrived.
    bytes: u64,
    received: u32,
    lost: u32,
    /// Arrival of the newest packet that came, on the receiver's clock.
    newest_arrival_us: u64,
    /// Sending of the newest packet.
    pub(super) newest_sent: Instant,
    /// The least difference of arrival and sending; their clocks differ, so it may be anything.
    pub(super) least_delay_us: Option<i64>,
    /// By how much the greatest exceeds it.
    pub(super) spread_us: u64,
}

impl RateReport {
    /// Adds one packet. Each packet once, but for one that was only late: that may come again as having arrived.
    pub fn add(&mut self, packet: &PacketReport) {
        self.newest_sent = self.newest_sent.max(packet.sent_at);
        let Some(arrived_us) = packet.arrived_us else {
            self.lost = self.lost.saturating_add(1);
            return;
        };
        let delay_us = signed(arrived_us).saturating_sub(signed(packet.sent_at.as_micros()));
        let least_us = self.least_delay_us.unwrap_or(delay_us);
        self.spread_us = self.spread_us.saturating_add(u64::try_from(least_us.saturating_sub(delay_us)).unwrap_or(0));
        let least_us = least_us.min(delay_us);
        self.spread_us = self.spread_us.max(u64::try_from(delay_us.saturating_sub(least_us)).unwrap_or(0));
        self.least_delay_us = Some(least_us);
        self.newest_arrival_us = self.newest_arrival_us.max(arrived_us);
        self.bytes = self.bytes.saturating_add(u64::from(packet.size_bytes));
        self.received = self.received.saturating_add(1);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.received == 0 && self.lost == 0
    }

    pub(super) const fn has_loss(&self) -> bool {
        self.lost > 0
    }
}

/// The last reports, newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    reports: [Option<RateReport>; REPORTS],
}

impl History {
    /// Keeps a report.
    pub fn add(&mut self, now: Instant, report: &RateReport) {
        let known = self.newest().map_or(0, |last| last.newest_arrival_us);
        let newest_arrival_us = report.newest_arrival_us.max(known);
        let newest_sent = report.newest_sent.min(now);
        self.reports.rotate_left(1);
        if let Some(last) = self.reports.last_mut() {
            *last = Some(RateReport { newest_arrival_us, newest_sent, ..*report });
        }
    }

    fn newest(&self) -> Option<&RateReport> {
        self.reports.iter().rev().flatten().next()
    }

    /// What arrives, in bits a second: the bytes that came after the newest packet of an earlier report, by the time
    /// that passed at the receiver.
    pub fn arriving_bps(&self) -> u32 {
        let mut reports = self.reports.iter().rev().flatten();
        let Some(newest) = reports.next() else { return 0 };
        let (mut bytes, mut span_us, mut pending) = (0u64, 0u64, newest.bytes);
        for before in reports {
            bytes = bytes.saturating_add(pending);
            pending = before.bytes;
            span_us = newest.newest_arrival_us.saturating_sub(before.newest_arrival_us);
            if span_us >= RATE_WINDOW_US {
                break;
            }
        }
        let bits = bytes.saturating_mul(8_000_000);
        u32::try_from(bits.checked_div(span_us).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Packets lost, in permille of all that were reported.
    pub fn loss_permille(&self) -> u32 {
        let (received, lost) = self.reports.iter().flatten().fold((0u32, 0u32), |(received, lost), report| {
            (received.saturating_add(report.received), lost.saturating_add(report.lost))
        });
        let all = received.saturating_add(lost);
        // One packet of a handful says nothing.
        if all < 20 { 0 } else { lost.saturating_mul(1000).checked_div(all).unwrap_or(0) }
    }
}

/// The least delay of the last seconds, one value for every [`BASE_SPAN_US`].
#[derive(Clone, Debug, Default)]
pub(super) struct BaseDelay {
    least_us: [Option<i64>; BASE_SPANS],
    span: u64,
}

impl BaseDelay {
    /// Remembers a delay and says by how much it exceeds the least one.
    pub fn queue(&mut self, now: Instant, delay_us: i64) -> Duration {
        let span = now.as_micros() / BASE_SPAN_US;
        let passed = span.saturating_sub(self.span).min(BASE_SPANS as u64);
        self.span = self.span.max(span);
        for _ in 0..passed {
            self.least_us.rotate_right(1);
            if let Some(first) = self.least_us.first_mut() {
                *first = None;
            }
        }
        if let Some(first) = self.least_us.first_mut() {
            *first = Some(first.map_or(delay_us, |least| least.min(delay_us)));
        }
        let base = self.least_us.iter().flatten().min().copied().unwrap_or(delay_us);
        Duration::from_micros(u64::try_from(delay_us.saturating_sub(base)).unwrap_or(0))
    }
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}
