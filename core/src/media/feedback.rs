//! Feedback about one hop: the receiving end of a direction tells the sending end which datagrams came, and when.
//!
//! Both ends of a hop number their datagrams already (the hop counter), so nothing is added to a packet: the receiver
//! keeps the last arrivals ([`ReceiveLog`]), the sender what it sent last ([`SentLog`]), and a report is a map of what
//! came with its ages. From it follow loss, its burstiness, the round trip and how the one-way delay varies. No two
//! clocks need to agree: only differences of the peer's clock are used.
//!
//! A server has both logs for everybody, so a datagram takes two bytes in one and four in the other: times are kept in
//! units that are fine enough, modulo a span that is long enough.
//!
//! **Report** (big-endian): `phase u8 | zero u8 | count u16 | first u64 | at u64 | loss u16 | round trip u16 | map | ages`.
//! Bit *i* of the map, the least significant bit of its first byte being the first, says whether the datagram `first + i`
//! came. For each that did, oldest first, the age says how long before `at` that was, in units of [`AGE_UNIT`]; 255 is
//! that long or longer. Whatever is wrong in a report only spoils its sender's own service.

use core::num::{NonZeroU16, NonZeroU64};
use core::ops::Add;

use super::rate::PacketReport;
use crate::error::DropReason;
use crate::limits::HOP_PREFIX_BYTES;
use crate::time::{Duration, Instant};

/// Most datagrams that one report covers.
pub const FEEDBACK_PACKETS_MAX: usize = 512;
/// Longest report, in bytes.
pub const FEEDBACK_MAX_BYTES: usize = FIXED_BYTES + FEEDBACK_PACKETS_MAX / 8 + FEEDBACK_PACKETS_MAX;
/// Reports are due this often while media flows.
pub const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);
/// Unit of the ages in a report.
pub const AGE_UNIT: Duration = Duration::from_micros(AGE_UNIT_US);

const FIXED_BYTES: usize = 24;
const AGE_UNIT_US: u64 = 500;
/// Sent datagrams that are remembered: what 25 Mbit/s send in 196 ms, or 5 Mbit/s in nearly a second. A report tells of
/// a datagram a round trip and at most [`FEEDBACK_INTERVAL`] after it was sent.
const SENT_RECORDS: usize = 512;
const SENT_RECORDS_KEPT: u64 = SENT_RECORDS as u64;
/// If no media came for so long, what was not reported is not worth it any more. Far below [`TICKS`].
const FORGOTTEN: Duration = Duration::from_secs(4);
/// What is older counts less: half a life of the loss figures.
const LOSS_MEMORY_US: u64 = 2_000_000;

/// What a server tells a sender about those who receive from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Downstream {
    /// The worst loss of them, in 1/65536.
    pub loss: u16,
    /// The longest round trip between the server and one of them that has loss. **Units:** milliseconds.
    pub rtt_ms: u16,
}

/// A report that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedbackReport<'a> {
    phase: u8,
    first: u64,
    count: u16,
    /// When it was made. **Units:** microseconds of the reporter's clock.
    pub at_us: u64,
    /// From the server only.
    pub downstream: Downstream,
    map: &'a [u8],
    ages: &'a [u8],
}

impl<'a> FeedbackReport<'a> {
    /// Reads a report.
    ///
    /// # Errors
    /// [`DropReason::Length`] if it is not as long as it says; [`DropReason::Unexpected`] if it covers nothing or too
    /// much, or counters that do not exist.
    pub fn parse(body: &'a [u8]) -> Result<Self, DropReason> {
        let (fixed, rest) = body.split_first_chunk::<FIXED_BYTES>().ok_or(DropReason::Length)?;
        let [phase, _, c0, c1, f0, f1, f2, f3, f4, f5, f6, f7, a0, a1, a2, a3, a4, a5, a6, a7, l0, l1, r0, r1] = *fixed;
        let count = u16::from_be_bytes([c0, c1]);
        let first = u64::from_be_bytes([f0, f1, f2, f3, f4, f5, f6, f7]);
        let is_range = (1..=FEEDBACK_PACKETS_MAX).contains(&usize::from(count));
        if !is_range || first == 0 || first.checked_add(count.into()).is_none() {
            return Err(DropReason::Unexpected);
        }
        let (map, ages) = rest.split_at_checked(usize::from(count).div_ceil(8)).ok_or(DropReason::Length)?;
        let received: u32 = map.iter().map(|byte| byte.count_ones()).sum();
        let spare = (map.len() as u32).saturating_mul(8).saturating_sub(count.into());
        let is_spare_clear = map.last().is_none_or(|last| last.leading_zeros() >= spare);
        if !is_spare_clear || received as usize != ages.len() {
            return Err(DropReason::Length);
        }
        Ok(Self {
            phase,
            first,
            count,
            at_us: u64::from_be_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
            downstream: Downstream { loss: u16::from_be_bytes([l0, l1]), rtt_ms: u16::from_be_bytes([r0, r1]) },
            map,
            ages,
        })
    }

    /// The hop counters that it covers, oldest first, and when each datagram came by the reporter's clock, in
    /// microseconds; none for one that did not come.
    pub fn packets(&self) -> impl Iterator<Item = (u64, Option<u64>)> + 'a {
        let (mut ages, at_us, first, map) = (self.ages.iter(), self.at_us, self.first, self.map);
        (0..self.count).map(move |index| {
            let byte = map.get(usize::from(index / 8)).copied().unwrap_or(0);
            let is_here = byte.checked_shr(u32::from(index % 8)).unwrap_or(0) & 1 != 0;
            let age = if is_here { ages.next() } else { None };
            let arrival = age.map(|age| at_us.saturating_sub(u64::from(*age).saturating_mul(AGE_UNIT.as_micros())));
            (first.saturating_add(index.into()), arrival)
        })
    }
}

/// Unit in which arrivals are kept: half of what a report tells.
const TICK_US: u64 = AGE_UNIT_US / 2;
/// Arrivals are known modulo so many ticks, 16 seconds.
const TICKS: u64 = u16::MAX as u64;

/// When a datagram came, in ticks; none if it did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Arrival(Option<NonZeroU16>);

impl Arrival {
    fn at(now: Instant) -> Self {
        let tick = now.as_micros() / TICK_US % TICKS;
        Self(NonZeroU16::new((tick as u16).saturating_add(1)))
    }

    /// How long ago that was, in units of a report; none if it did not come.
    fn age(self, now: Instant) -> Option<u8> {
        let (then, Self(now)) = (u64::from(self.0?.get()), Self::at(now));
        let ticks = u64::from(now?.get()).saturating_add(TICKS).saturating_sub(then) % TICKS;
        Some((ticks / (AGE_UNIT_US / TICK_US)).min(255) as u8)
    }
}

/// The `N` datagrams that came last, at the receiving end of a direction. A report is due at once when half as many wait
/// for it: the other half of what fits repeats the last report. **Shape:** `N` is at most [`FEEDBACK_PACKETS_MAX`].
/// **Bound:** `N` times two bytes, and 100.
#[derive(Clone, Debug)]
pub struct ReceiveLog<const N: usize = FEEDBACK_PACKETS_MAX> {
    phase: u8,
    newest: u64,
    /// Newest counter of the last report, and of the one before it.
    reported: [u64; 2],
    due_at: Option<Instant>,
    media_at: Instant,
    arrivals: [Arrival; N],
    recent: Recent,
}

impl<const N: usize> Default for ReceiveLog<N> {
    fn default() -> Self {
        const { assert!(N > 1 && N <= FEEDBACK_PACKETS_MAX) };
        Self {
            phase: 0,
            newest: 0,
            reported: [0; 2],
            due_at: None,
            media_at: Instant::default(),
            arrivals: [Arrival(None); N],
            recent: Recent::default(),
        }
    }
}

impl<const N: usize> ReceiveLog<N> {
    const RECORDS: u64 = N as u64;

    /// Notes an authentic datagram, with the phase and counter of its hop header. Only media makes a report due.
    pub fn note(&mut self, now: Instant, phase: u8, counter: u64, is_newest: bool, is_media: bool) {
        if phase != self.phase {
            if !is_newest {
                return;
            }
            let (due_at, media_at, recent) = (self.due_at, self.media_at, self.recent);
            *self = Self { phase, due_at, media_at, recent, ..Self::default() };
        }
        if is_media {
            self.forget_if_long_ago(now);
            self.media_at = now;
        }
        if counter > self.newest {
            self.clear_between(self.newest, counter);
            self.newest = counter;
        } else if self.newest.saturating_sub(counter) >= Self::RECORDS {
            return;
        }
        if let Some(arrival) = self.arrivals.get_mut(Self::place(counter)) {
            *arrival = Arrival::at(now);
        }
        if is_media {
            self.due_at = self.due_at.or(Some(now.add(FEEDBACK_INTERVAL)));
        }
    }

    /// When a report is due.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.due_at
    }

    /// Whether a report is due.
    pub fn is_due(&self, now: Instant) -> bool {
        let waiting = self.newest.saturating_sub(self.reported[0]);
        self.due_at.is_some_and(|due_at| now >= due_at || waiting >= Self::RECORDS / 2)
    }

    /// Writes a report if one is due, and gives its length.
    pub fn poll_report(
        &mut self,
        now: Instant,
        downstream: Downstream,
        out: &mut [u8; FEEDBACK_MAX_BYTES],
    ) -> Option<usize> {
        if !self.is_due(now) {
            return None;
        }
        self.due_at = None;
        self.forget_if_long_ago(now);
        let [last, before_last] = self.reported;
        self.reported = [self.newest, last];
        let oldest_kept = self.newest.saturating_add(1).saturating_sub(Self::RECORDS);
        let first = NonZeroU64::new(before_last.saturating_add(1).max(oldest_kept)).map_or(1, NonZeroU64::get);
        let count = self.newest.checked_sub(first)?.checked_add(1)? as u16;
        let (fixed, rest) = out.split_first_chunk_mut::<FIXED_BYTES>()?;
        let fields: [&[u8]; 6] = [
            &[self.phase, 0],
            &count.to_be_bytes(),
            &first.to_be_bytes(),
            &now.as_micros().to_be_bytes(),
            &downstream.loss.to_be_bytes(),
            &downstream.rtt_ms.to_be_bytes(),
        ];
        for (to, from) in fixed.iter_mut().zip(fields.iter().flat_map(|field| field.iter())) {
            *to = *from;
        }
        let (map, ages) = rest.split_at_mut_checked(usize::from(count).div_ceil(8))?;
        map.fill(0);
        let mut ages = ages.iter_mut();
        let mut received = 0_usize;
        self.recent.age(now);
        for index in 0..count {
            let counter = first.saturating_add(index.into());
            let age = self.arrivals.get(Self::place(counter)).and_then(|arrival| arrival.age(now));
            // What is reported for the second time is settled.
            if counter <= last {
                self.recent.count(age.is_some());
            }
            let Some(age) = age else { continue };
            *ages.next()? = age;
            *map.get_mut(usize::from(index / 8))? |= 1u8.wrapping_shl(u32::from(index % 8));
            received = received.saturating_add(1);
        }
        Some(FIXED_BYTES.saturating_add(usize::from(count).div_ceil(8)).saturating_add(received))
    }

    /// Loss of the last seconds, and how many are lost in a row, as in [`HopStats`].
    pub fn loss(&self) -> (u16, u16) {
        self.recent.loss()
    }

    /// Where a counter's arrival is kept.
    fn place(counter: u64) -> usize {
        counter.checked_rem(Self::RECORDS).unwrap_or(0) as usize
    }

    /// Reports nothing of what came before a long silence: its ticks may have begun anew.
    fn forget_if_long_ago(&mut self, now: Instant) {
        if now.since(self.media_at) > FORGOTTEN {
            self.reported = [self.newest; 2];
        }
    }

    /// Forgets what the places of the counters after `old` up to `new` held before.
    fn clear_between(&mut self, old: u64, new: u64) {
        if new.saturating_sub(old) >= Self::RECORDS {
            self.arrivals.fill(Arrival(None));
            return;
        }
        for counter in old.saturating_add(1)..=new {
            if let Some(arrival) = self.arrivals.get_mut(Self::place(counter)) {
                *arrival = Arrival(None);
            }
        }
    }
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Unknown,
    Received,
    Lost,
}

/// Unit in which the time of sending is kept.
const SENT_UNIT_US: u64 = 20;
/// Times of sending are known modulo so many units, 10 seconds.
const SENT_UNITS: u64 = 1 << 19;

/// A datagram that was sent, in four bytes: when (19 bits, modulo), what became of it (2), its length (11). Zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SentRecord(u32);

impl SentRecord {
    const NONE: Self = Self(0);
    const BYTES_MASK: u32 = (1 << 11) - 1;
    const FATE_SHIFT: u32 = 11;
    const TIME_SHIFT: u32 = 13;

    fn new(now: Instant, bytes: usize) -> Self {
        let at = (now.as_micros() / SENT_UNIT_US % SENT_UNITS) as u32;
        Self(at << Self::TIME_SHIFT | (bytes as u32).min(Self::BYTES_MASK))
    }

    const fn size_bytes(self) -> u16 {
        (self.0 & Self::BYTES_MASK) as u16
    }

    const fn fate(self) -> Fate {
        match self.0 >> Self::FATE_SHIFT & 3 {
            0 => Fate::Unknown,
            1 => Fate::Received,
            _ => Fate::Lost,
        }
    }

    const fn with_fate(self, fate: Fate) -> Self {
        let rest = self.0 & !(3 << Self::FATE_SHIFT);
        let fate: u32 = match fate {
            Fate::Unknown => 0,
            Fate::Received => 1,
            Fate::Lost => 2,
        };
        Self(rest | fate << Self::FATE_SHIFT)
    }

    /// When it was sent, less than ten seconds ago. **Units:** microseconds.
    const fn sent_us(self, now: Instant) -> u64 {
        let now = now.as_micros() / SENT_UNIT_US;
        let ago = now.wrapping_sub((self.0 >> Self::TIME_SHIFT) as u64) % SENT_UNITS;
        now.saturating_sub(ago).saturating_mul(SENT_UNIT_US)
    }
}

/// What is known of one direction of a hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopStats {
    /// Smoothed round trip, without the time that a report waits; zero while unknown.
    pub rtt: Duration,
    /// Loss of the last seconds, in 1/65536.
    pub loss: u16,
    /// How many datagrams are lost in a row, on average: near 1 if losses are random. **Units:** 1/16.
    pub burst: u16,
    /// How much the one-way delay varies (as the jitter of RFC 3550).
    pub delay_variation: Duration,
    /// Datagrams that came, and that did not, as far as reports tell.
    pub received: u64,
    /// Those that did not.
    pub lost: u64,
}

/// The datagrams that were sent last, at the sending end of a direction. **Bound:** 2 KiB, and 150 bytes.
#[derive(Clone, Debug)]
pub struct SentLog {
    phase: u8,
    newest: u64,
    records: [SentRecord; SENT_RECORDS],
    stats: HopStats,
    recent: Recent,
}

/// Counts of the last seconds, in 1/256 of a datagram.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    received: u32,
    lost: u32,
    bursts: u32,
    aged_at_us: u64,
    is_last_lost: bool,
    /// Sent and arrived: the datagram before.
    previous: Option<(u64, u64)>,
}

impl Default for SentLog {
    fn default() -> Self {
        Self {
            phase: 0,
            newest: 0,
            records: [SentRecord::NONE; SENT_RECORDS],
            stats: HopStats::default(),
            recent: Recent::default(),
        }
    }
}

impl SentLog {
    /// Notes a datagram of `bytes` that is being sent behind that hop prefix.
    pub fn note(&mut self, now: Instant, prefix: &[u8; HOP_PREFIX_BYTES], bytes: usize) {
        let [_, phase, _, _, _, _, counter @ ..] = prefix;
        let Some(counter) = counter.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)) else { return };
        if *phase != self.phase {
            self.phase = *phase;
            self.newest = 0;
        }
        // A record is found by its counter alone: what was not noted leaves none.
        if counter.saturating_sub(self.newest) > SENT_RECORDS_KEPT {
            self.records.fill(SentRecord::NONE);
        } else {
            for skipped in self.newest.saturating_add(1)..counter {
                if let Some(record) = self.records.get_mut((skipped % SENT_RECORDS_KEPT) as usize) {
                    *record = SentRecord::NONE;
                }
            }
        }
        self.newest = counter;
        if let Some(record) = self.records.get_mut((counter % SENT_RECORDS_KEPT) as usize) {
            *record = SentRecord::new(now, bytes);
        }
    }

    /// Takes a report, and calls `each` for every datagram of which it says something new, oldest first.
    pub fn handle_report(&mut self, now: Instant, report: &FeedbackReport<'_>, mut each: impl FnMut(&PacketReport)) {
        if report.phase != self.phase {
            return;
        }
        self.recent.age(now);
        for (counter, arrival_us) in report.packets() {
            // What was never sent, or so long ago that it is forgotten.
            if counter > self.newest || self.newest.saturating_sub(counter) >= SENT_RECORDS_KEPT {
                continue;
            }
            let record = self.records.get_mut((counter % SENT_RECORDS_KEPT) as usize);
            let Some(record) = record.filter(|record| **record != SentRecord::NONE) else { continue };
            let before = record.fate();
            let fate = if arrival_us.is_some() { Fate::Received } else { Fate::Lost };
            if before == fate || before == Fate::Received {
                continue;
            }
            *record = record.with_fate(fate);
            let (sent_us, size_bytes) = (record.sent_us(now), record.size_bytes());
            let settled = PacketReport { sent_at: Instant::from_micros(sent_us), size_bytes, arrived_us: arrival_us };
            self.count(&settled, before == Fate::Lost);
            if counter.saturating_add(1) == report.first.saturating_add(report.count.into())
                && let Some(arrival_us) = arrival_us
            {
                let waited = report.at_us.saturating_sub(arrival_us);
                let took = now.as_micros().saturating_sub(sent_us);
                self.stats.rtt = smooth(self.stats.rtt, took.saturating_sub(waited));
            }
            each(&settled);
        }
    }

    /// What is known now.
    pub fn stats(&self) -> HopStats {
        let (loss, burst) = self.recent.loss();
        HopStats { loss, burst, ..self.stats }
    }

    fn count(&mut self, settled: &PacketReport, was_lost: bool) {
        let (stats, recent) = (&mut self.stats, &mut self.recent);
        recent.count(settled.arrived_us.is_some());
        let Some(arrival_us) = settled.arrived_us else {
            stats.lost = stats.lost.saturating_add(1);
            return;
        };
        if was_lost {
            // It was only late.
            stats.lost = stats.lost.saturating_sub(1);
            recent.lost = recent.lost.saturating_sub(ONE);
            recent.bursts = recent.bursts.saturating_sub(ONE);
        }
        stats.received = stats.received.saturating_add(1);
        if let Some((sent_before, arrived_before)) = recent.previous.replace((settled.sent_at.as_micros(), arrival_us))
        {
            let sent = settled.sent_at.as_micros().wrapping_sub(sent_before) as i64;
            let arrived = arrival_us.wrapping_sub(arrived_before) as i64;
            let change = arrived.wrapping_sub(sent).unsigned_abs().min(1_000_000);
            let old = stats.delay_variation.as_micros();
            let new = old.saturating_mul(15).saturating_add(change) / 16;
            stats.delay_variation = Duration::from_micros(new);
        }
    }
}

/// A datagram, as [`Recent`] counts.
const ONE: u32 = 256;

impl Recent {
    fn count(&mut self, is_received: bool) {
        if is_received {
            self.received = self.received.saturating_add(ONE);
        } else {
            self.lost = self.lost.saturating_add(ONE);
            self.bursts = self.bursts.saturating_add(if self.is_last_lost { 0 } else { ONE });
        }
        self.is_last_lost = !is_received;
    }

    /// Loss in 1/65536, and datagrams lost in a row in 1/16.
    fn loss(&self) -> (u16, u16) {
        let of = |part: u32, whole: u32, unit: u64| {
            let scaled = u64::from(part).saturating_mul(unit).checked_div(whole.into()).unwrap_or(0);
            scaled.min(u16::MAX.into()) as u16
        };
        (of(self.lost, self.received.saturating_add(self.lost), 1 << 16), of(self.lost, self.bursts, 16))
    }

    /// Lets what was counted weigh less.
    fn age(&mut self, now: Instant) {
        let span = now.as_micros().saturating_sub(self.aged_at_us).min(LOSS_MEMORY_US);
        self.aged_at_us = now.as_micros();
        let left = LOSS_MEMORY_US.saturating_sub(span);
        for count in [&mut self.received, &mut self.lost, &mut self.bursts] {
            *count = (u64::from(*count).saturating_mul(left) / LOSS_MEMORY_US) as u32;
        }
    }
}

/// The mean of eight, weighted towards the old ones; the first sample as it is.
pub(crate) fn smooth(old: Duration, sample_us: u64) -> Duration {
    let old = old.as_micros();
    Duration::from_micros(if old == 0 { sample_us } else { old.saturating_mul(7).saturating_add(sample_us) / 8 })
}

#[cfg(test)]
mod tests;
