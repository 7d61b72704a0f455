//! How much may be sent over one hop: a controller that listens to delay first and to loss second.
//!
//! Both ends of a hop tell each other which packets came, and when ([`RateReport`]). From that the sender of a
//! direction knows three things: how long packets wait in the hop's queue, how much arrives, and what is lost.
//!
//! ```text
//! queue delay = least one-way delay of the last report - least one-way delay of the last 10 s
//! ```
//!
//! Only differences of delays are used, so the clocks of both ends need not agree. The *least* delay of a report is
//! taken because a queue holds up every packet, a radio's retries only some.
//!
//! | State | What it does | Left when |
//! |---|---|---|
//! | `Growing` | a few percent more every 100 ms while the queue is empty and what is granted is used; slowly near the rate at which it was last too much | the queue holds 50 ms and was not short in the report before |
//! | `Draining` | knows from what arrives how much the hop carries, and sends less the more is queued, down to the reserve | the queue is empty, or does not empty although we send less |
//! | `Competing` | somebody else keeps the queue full (a download): takes its share as TCP would, by loss | the queue is empty |
//!
//! The reserve is for voice and control: no state goes below it. Sources of the ideas: draft-ietf-rmcat-gcc-02 (delay
//! before loss), RFC 8698 (NADA: a delay and a loss mode), Arun and Balakrishnan, "Copa", NSDI 2018 (competitive mode).

mod history;
#[cfg(test)]
mod tests;

use core::ops::Add;

use crate::time::{Duration, Instant};
use history::{BaseDelay, History};

pub use history::RateReport;

/// From here on the hop is congested.
const QUEUE_CONGESTED: Duration = Duration::from_millis(50);
/// Up to here there is room.
const QUEUE_SHORT: Duration = Duration::from_millis(20);
/// Up to here the queue counts as empty.
const QUEUE_EMPTY: Duration = Duration::from_millis(10);
/// While it is so long the hop is busy, whatever we send.
const QUEUE_LONG: Duration = Duration::from_millis(150);
/// A queue this long is to be empty again soon; one that is longer stops everything but the reserve.
const QUEUE_DRAIN: Duration = Duration::from_millis(300);
/// Growth steps are per this time.
const GROWTH_INTERVAL: Duration = Duration::from_millis(100);
/// How much more per [`GROWTH_INTERVAL`], in permille: near the rate that was too much, and far from it.
const GROWTH_NEAR: u64 = 15;
const GROWTH_FAR: u64 = 60;
const GROWTH_FREE: u64 = 110;
/// What is granted may exceed what arrives by this much, in permille: what nobody used is not known to fit.
const UNUSED_MAX: u64 = 2000;
/// The same near the rate that was lately too much: a step that big would fill the queue at once.
const UNUSED_MAX_NEAR: u64 = 1300;
/// Loss that says nothing about the rate as long as the queue is empty: a radio's. In permille.
const LOSS_OF_RADIO: u32 = 20;
/// More than this does not grow, queue or not, and is congestion if there is any queue. In permille.
const LOSS_OF_CONGESTION: u32 = 100;
/// After a small cut the next one waits for its effect.
const CUT_INTERVAL: Duration = Duration::from_millis(200);
/// How long a queue may take to empty beyond what its length explains.
const DRAIN_SLACK: Duration = Duration::from_millis(300);
/// Who gives way is left with less than this of what arrived before, in permille.
const GIVEN_WAY: u64 = 900;
/// While it is not clear whose queue it is, this share of what arrives is kept, in permille.
const DRAIN_SHARE_DOUBTFUL: u16 = 500;
/// After this time among others, it is tried whether they are still there.
const COMPETE_FOR: Duration = Duration::from_secs(10);
/// A short queue that stays although we hold back is looked into after this time.
const FILLING_MAX: Duration = Duration::from_millis(800);
/// Who fills a queue and backs off leaves it empty for a moment; after this long they are gone.
const COMPETITOR_REST: Duration = Duration::from_millis(600);
/// For this long the rate that was too much is approached slowly.
const CONGESTION_MEMORY: Duration = Duration::from_secs(10);
/// For this long after somebody else was noticed, a full queue is theirs again.
const COMPETITOR_MEMORY: Duration = Duration::from_secs(10);
/// So much more arrives without a queue than when it was last too much, in permille, that the hop has become wider.
const OUTGROWN: u64 = 1300;
/// Without a report for this long what is granted is halved.
const REPORT_SILENCE_MAX: Duration = Duration::from_millis(500);

/// What was reported this long ago says nothing of the way as it is: who is sent nothing reports nothing.
const REPORT_FORGOTTEN: Duration = Duration::from_secs(5);

/// What was sent is answered for within the usual time and this much; if not, a queue has filled so fast that its reports wait in
/// it, or behind another one, or the way is gone: nothing but the reserve helps then.
const STALL: Duration = Duration::from_millis(200);

/// Packets that wait less than this in a hop's queue disturb no voice: they may leave in bursts ...
const BURST_HARMLESS: Duration = Duration::from_millis(5);
/// ... and with more than this they are spread.
const BURST_HARMFUL: Duration = Duration::from_millis(10);
/// Pictures leave so many times faster than they may on average, in permille: at least, at first, at most.
const HASTE_MIN: u32 = 1000;
const HASTE_FIRST: u32 = 16_000;
const HASTE_MAX: u32 = 64_000;
/// The most where there was a queue lately: that nothing waits there may just mean that nothing left in a burst.
const HASTE_CAREFUL: u32 = 1500;

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketReport {
    /// When it was sent, on the sender's clock.
    pub sent_at: Instant,
    /// Its length, in bytes of UDP payload.
    pub size_bytes: u16,
    /// When it came, in microseconds on the receiver's clock; none if it is lost.
    pub arrived_us: Option<u64>,
}

/// Bounds of what is granted. **Units:** bits a second of UDP payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Never less: voice with its copies, and control.
    pub reserve_bps: u32,
    /// At first.
    pub start_bps: u32,
    /// Never more.
    pub max_bps: u32,
}

/// What the controller is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateState {
    /// Nothing is in the way.
    Growing,
    /// Letting our own queue run empty.
    Draining,
    /// Sharing with somebody who keeps the queue full.
    Competing,
}

/// Why the granted rate last changed, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateReason {
    /// There was no report yet.
    Start,
    /// There is room for more.
    Room,
    /// There may be room, but what is granted is not used.
    Unused,
    /// Packets are lost without a queue: a radio's loss, for repair to mend.
    RadioLoss,
    /// A queue is about to form.
    Filling,
    /// A queue has formed.
    Queue,
    /// Too many packets are lost.
    Loss,
    /// Reports stay away.
    Silence,
}

/// What the controller knows, for whoever shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateFigures {
    /// Granted, in bits a second.
    pub target_bps: u32,
    /// Arriving, in bits a second.
    pub arriving_bps: u32,
    /// Time that packets wait in the hop's queue.
    pub queue_delay: Duration,
    /// Packets lost in the last half second, in permille.
    pub loss_permille: u32,
    /// How fast pictures may leave, in bits a second: see [`super::pace`].
    pub pace_bps: u32,
    /// Present state.
    pub state: RateState,
    /// Reason of the last decision.
    pub reason: RateReason,
}

/// The controller of one direction of one hop. **Bound:** under 1 KiB, whatever is reported.
#[derive(Clone, Debug)]
pub struct RateController {
    limits: RateLimits,
    target_bps: u32,
    state: RateState,
    reason: RateReason,
    haste: u32,
    base: BaseDelay,
    history: History,
    queue: Duration,
    /// Whether the queue was short in the last report.
    is_short: bool,
    /// For how long there has been a short queue; forgotten half as fast.
    filling_us: u64,
    /// What the hop carried when it was last too much; 0 for never.
    congested_bps: u32,
    congested_at: Instant,
    /// When the queue must be empty if it is ours; none until a packet came that was sent since.
    drain_until: Option<Instant>,
    /// The least share of what arrives that is granted while draining, in permille.
    drain_share: u16,
    /// What arrived when draining began.
    drained_bps: u32,
    /// What is ours of the hop if the queue is somebody else's: half of what arrived before there was one, or what was granted
    /// among others, as far as it was used, before it was tried whether they are still there.
    share_bps: u32,
    /// Since when the queue of somebody else has been empty; never while it is not.
    empty_since: Instant,
    /// When the present state began.
    since: Instant,
    grown_at: Instant,
    cut_at: Instant,
    competed_at: Option<Instant>,
    heard_at: Option<Instant>,
    halved_at: Instant,
    /// When media was last sent.
    sent_at: Instant,
    /// Since when something is on its way that was not answered for in time; never if nothing is.
    waiting_since: Instant,
    /// How old the newest packet of a report usually is: at once less, slowly more. Zero before the first.
    base_age: Duration,
}

impl RateController {
    /// A controller that grants `start_bps`. Limits that contradict each other are brought into order.
    pub fn new(limits: RateLimits) -> Self {
        let max_bps = limits.max_bps.max(limits.reserve_bps);
        let start_bps = limits.start_bps.max(limits.reserve_bps).min(max_bps);
        let zero = Instant::from_micros(0);
        Self {
            limits: RateLimits { start_bps, max_bps, ..limits },
            target_bps: start_bps,
            state: RateState::Growing,
            reason: RateReason::Start,
            haste: HASTE_FIRST,
            base: BaseDelay::default(),
            history: History::default(),
            queue: Duration::ZERO,
            is_short: true,
            filling_us: 0,
            congested_bps: 0,
            congested_at: zero,
            drain_until: None,
            drain_share: 0,
            drained_bps: 0,
            empty_since: Instant::NEVER,
            share_bps: 0,
            since: zero,
            grown_at: zero,
            cut_at: zero,
            competed_at: None,
            heard_at: None,
            halved_at: zero,
            sent_at: zero,
            waiting_since: Instant::NEVER,
            base_age: Duration::ZERO,
        }
    }

    /// Takes what the other end told about packets of which nothing was known before. A report of nothing changes
    /// nothing.
    pub fn handle_report(&mut self, now: Instant, report: &RateReport) {
        if report.is_empty() {
            return;
        }
        let was_stalled = self.is_stalled(now);
        self.history.add(now, report);
        let elapsed_us = now.since(self.heard_at.unwrap_or(now)).as_micros();
        self.heard_at = Some(now);
        self.halved_at = now;
        self.note_age(now.since(report.newest_sent));
        if let Some(delay_us) = report.least_delay_us {
            self.queue = self.base.queue(now, delay_us);
            self.hasten(now, self.queue.as_micros().saturating_add(report.spread_us));
        }
        // Not a queue of somebody else's, whatever it was taken for.
        let is_doubtful = self.state == RateState::Draining && self.drain_share > 0;
        if was_stalled && (self.state == RateState::Competing || is_doubtful) {
            self.note_capacity(now);
            return self.begin_to_drain(now, 0);
        }
        match self.state {
            RateState::Growing => self.grow_or_stop(now, elapsed_us, report.has_loss()),
            RateState::Draining => self.drain(now, report.newest_sent),
            RateState::Competing => self.compete(now, report.has_loss(), now.since(report.newest_sent)),
        }
    }

    /// Halves what is granted while nothing is reported although something was sent. Call it at [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.poll_timeout() {
            self.halved_at = now;
            self.grant(self.target_bps / 2, RateReason::Silence);
        }
    }

    /// Begins anew if nothing was reported for long, and says so. Without this whoever is granted nothing, and so is sent
    /// nothing, would never be granted anything again.
    pub fn forget_if_silent(&mut self, now: Instant) -> bool {
        let is_over = self.heard_at.is_some_and(|at| now.since(at) >= REPORT_FORGOTTEN);
        if is_over {
            *self = Self::new(self.limits);
        }
        is_over
    }

    /// Notes that media is being sent, which must be reported; after a pause silence counts from here.
    pub fn handle_sending(&mut self, now: Instant) {
        if now.since(self.sent_at) > REPORT_SILENCE_MAX {
            self.halved_at = self.halved_at.max(now);
        }
        self.sent_at = now;
        self.waiting_since = self.waiting_since.min(now);
        self.handle_timeout(now);
    }

    /// Takes the age of what a report is about. An old one does not say that the way is free again.
    fn note_age(&mut self, age: Duration) {
        let base_us = if self.base_age > Duration::ZERO { self.base_age } else { age }.as_micros();
        let beyond_us = age.as_micros().saturating_sub(base_us);
        if beyond_us < STALL.as_micros().saturating_add(self.queue.as_micros()) {
            self.waiting_since = Instant::NEVER;
        }
        self.base_age = age.min(Duration::from_micros(base_us.saturating_add(beyond_us / 64)));
    }

    /// Whether what was sent is not answered for, although the queue that is known of explains no such wait.
    pub fn is_stalled(&self, now: Instant) -> bool {
        now >= self.waiting_since.add(self.base_age).add(self.queue).add(STALL)
    }

    /// When [`Self::handle_timeout`] is due, if media is being sent.
    pub fn poll_timeout(&self) -> Instant {
        match self.heard_at {
            Some(_) => self.halved_at.add(REPORT_SILENCE_MAX),
            None => Instant::NEVER,
        }
    }

    /// What may be sent, in bits a second of UDP payload, voice included.
    pub const fn target_bps(&self) -> u32 {
        self.target_bps
    }

    /// What may be sent, once anything was reported: until then nothing is known, and nothing should be held back. Only the
    /// reserve while [`Self::is_stalled`].
    pub fn bound_bps(&self, now: Instant) -> Option<u32> {
        let bound_bps = if self.is_stalled(now) { self.limits.reserve_bps } else { self.target_bps };
        self.heard_at.map(|_| bound_bps)
    }

    /// Whether a queue of ours is to run empty: then what is not needed is not sent.
    pub fn is_draining(&self) -> bool {
        self.state == RateState::Draining
    }

    /// Whether the queue is so long that nothing but the reserve may join it.
    pub fn must_drain(&self) -> bool {
        self.is_draining() && self.queue >= QUEUE_DRAIN
    }

    /// What is left of the target for pictures beside the reserve.
    pub const fn video_bps(&self) -> u32 {
        self.target_bps.saturating_sub(self.limits.reserve_bps)
    }

    /// How fast pictures may leave: see [`super::pace`].
    pub fn pace_bps(&self) -> u32 {
        permille(self.video_bps(), self.haste.into())
    }

    /// Takes the longest that a packet waited of late. Where even that is short, bursts do no harm.
    fn hasten(&mut self, now: Instant, longest_us: u64) {
        let was_ever = self.congested_at > Instant::from_micros(0);
        let most = if was_ever && now.since(self.congested_at) < CONGESTION_MEMORY { HASTE_CAREFUL } else { HASTE_MAX };
        self.haste = self.haste.min(most);
        if longest_us <= BURST_HARMLESS.as_micros() {
            self.haste = (self.haste.saturating_mul(5) / 4).min(most);
        } else if longest_us > BURST_HARMFUL.as_micros() {
            self.haste = (self.haste.saturating_mul(7) / 10).max(HASTE_MIN);
        }
    }

    /// All that is known.
    pub fn figures(&self) -> RateFigures {
        RateFigures {
            target_bps: self.target_bps,
            arriving_bps: self.history.arriving_bps(),
            queue_delay: self.queue,
            loss_permille: self.history.loss_permille(),
            pace_bps: self.pace_bps(),
            state: self.state,
            reason: self.reason,
        }
    }

    fn grant(&mut self, bps: u32, reason: RateReason) {
        self.target_bps = bps.max(self.limits.reserve_bps).min(self.limits.max_bps);
        self.reason = reason;
    }

    fn enter(&mut self, now: Instant, state: RateState) {
        self.state = state;
        self.since = now;
        self.is_short = true;
        self.filling_us = 0;
        self.empty_since = Instant::NEVER;
        self.grown_at = now;
    }

    fn grow_or_stop(&mut self, now: Instant, elapsed_us: u64, is_loss: bool) {
        let loss = self.history.loss_permille();
        let was_short = core::mem::replace(&mut self.is_short, self.queue <= QUEUE_SHORT);
        if self.queue > QUEUE_CONGESTED && !was_short {
            return self.congest(now);
        }
        if self.queue > QUEUE_SHORT {
            if self.filling_us == 0 {
                self.share_bps = self.history.arriving_bps() / 2;
            }
            self.filling_us = self.filling_us.saturating_add(elapsed_us);
        }
        if loss > LOSS_OF_CONGESTION && self.queue > QUEUE_EMPTY {
            return self.hold(now, loss, is_loss);
        }
        if self.queue <= QUEUE_SHORT {
            self.filling_us = self.filling_us.saturating_sub(elapsed_us / 2);
            return self.grow(now, loss);
        }
        if self.filling_us < FILLING_MAX.as_micros() {
            self.hold(now, loss, is_loss);
        } else {
            self.note_capacity(now);
            self.begin_to_drain(now, DRAIN_SHARE_DOUBTFUL);
        }
    }

    /// A queue begins: a little less than what arrives, so that it does not become one that must be drained. Clearly
    /// less if it is full already, however short it is; once for what was lost together.
    fn hold(&mut self, now: Instant, loss: u32, is_loss: bool) {
        self.grown_at = now;
        self.note_capacity(now);
        self.reason = RateReason::Filling;
        if now.since(self.cut_at) < CUT_INTERVAL {
            return;
        }
        self.cut_at = now;
        let (share, reason) = if loss > LOSS_OF_RADIO && is_loss {
            (u64::from(1000u32.saturating_sub(loss / 2)).min(850), RateReason::Loss)
        } else {
            (950, RateReason::Filling)
        };
        let least = permille(self.target_bps, 700);
        self.grant(self.target_bps.min(permille(self.congested_bps, share).max(least)), reason);
    }

    /// While there is a queue the hop is busy, so what arrives is what it carries.
    fn note_capacity(&mut self, now: Instant) {
        self.congested_bps = self.history.arriving_bps().max(self.limits.reserve_bps);
        self.congested_at = now;
    }

    fn grow(&mut self, now: Instant, loss: u32) {
        // More arrives, and nothing waits: the hop carries more than it did.
        if self.queue <= QUEUE_EMPTY && self.history.arriving_bps() > permille(self.congested_bps, OUTGROWN) {
            self.congested_bps = 0;
        }
        let unused_max = if self.is_near(now) { UNUSED_MAX_NEAR } else { UNUSED_MAX };
        let used = permille(self.history.arriving_bps(), unused_max);
        if used < self.target_bps {
            self.grown_at = now;
            self.reason = RateReason::Unused;
            return;
        }
        if loss > LOSS_OF_CONGESTION {
            self.grown_at = now;
            self.reason = RateReason::RadioLoss;
            return;
        }
        let elapsed = now.since(self.grown_at).as_micros().min(GROWTH_INTERVAL.as_micros().saturating_mul(2));
        let step = scaled(self.growth(now, loss), elapsed, GROWTH_INTERVAL.as_micros());
        self.grown_at = now;
        // One kbit/s at least, so that small rates grow at all.
        let grown = permille(self.target_bps, step.saturating_add(1000)).max(self.target_bps.saturating_add(1000));
        self.grant(grown, if loss > LOSS_OF_RADIO { RateReason::RadioLoss } else { RateReason::Room });
    }

    /// How fast to grow, in permille for [`GROWTH_INTERVAL`].
    fn growth(&self, now: Instant, loss: u32) -> u64 {
        if loss > LOSS_OF_RADIO || self.is_near(now) {
            GROWTH_NEAR
        } else if self.queue.as_micros() < QUEUE_SHORT.as_micros() / 2 && self.target_bps > self.congested_bps {
            GROWTH_FREE
        } else {
            GROWTH_FAR
        }
    }

    /// Whether what is granted is about what was lately too much.
    fn is_near(&self, now: Instant) -> bool {
        self.target_bps > permille(self.congested_bps, 850)
            && self.target_bps < permille(self.congested_bps, 1250)
            && now.since(self.congested_at) < CONGESTION_MEMORY
    }

    fn congest(&mut self, now: Instant) {
        let is_doubtful = self.competed_at.is_some_and(|at| now.since(at) < COMPETITOR_MEMORY);
        self.note_capacity(now);
        self.begin_to_drain(now, if is_doubtful { DRAIN_SHARE_DOUBTFUL } else { 0 });
    }

    fn begin_to_drain(&mut self, now: Instant, share: u16) {
        self.enter(now, RateState::Draining);
        self.drain_until = None;
        self.drain_share = share;
        self.drained_bps = self.congested_bps;
        self.grant_while_draining();
    }

    fn grant_while_draining(&mut self) {
        let left = QUEUE_DRAIN.as_micros().saturating_sub(self.queue.as_micros());
        let share = scaled(900, left, QUEUE_DRAIN.as_micros());
        self.grant(permille(self.congested_bps, share.max(self.drain_share.into())), RateReason::Queue);
    }

    fn drain(&mut self, now: Instant, newest_sent: Instant) {
        // In a shorter queue the hop may have been idle for a part of the report.
        if self.queue > QUEUE_LONG && self.drain_share == 0 {
            self.note_capacity(now);
        }
        if self.queue <= QUEUE_EMPTY {
            self.share_bps = 0;
            self.enter(now, RateState::Growing);
            return self.grant(permille(self.congested_bps, 900), RateReason::Queue);
        }
        // What was sent before does not know yet that we send less.
        if newest_sent >= self.since && self.drain_until.is_none() {
            self.drain_until = Some(now.add(self.queue).add(self.queue).add(DRAIN_SLACK));
        }
        if self.drain_until.is_some_and(|until| now >= until) {
            if self.history.arriving_bps() < permille(self.drained_bps, GIVEN_WAY) {
                return self.begin_to_compete(now);
            }
            // As much arrives as before: what waits there is still our own, sent before we were heard.
            self.drain_until = Some(now.add(DRAIN_SLACK));
        }
        self.grant_while_draining();
    }

    fn begin_to_compete(&mut self, now: Instant) {
        self.enter(now, RateState::Competing);
        self.cut_at = now;
        let least = permille(self.congested_bps, DRAIN_SHARE_DOUBTFUL.into()).max(core::mem::take(&mut self.share_bps));
        self.grant(self.target_bps.max(least), RateReason::Queue);
    }

    /// One segment more per round trip, three tenths less after a loss: the share that TCP would take.
    fn compete(&mut self, now: Instant, is_loss: bool, round_trip: Duration) {
        const SEGMENT_BITS: u64 = 1200 * 8;
        self.competed_at = Some(now);
        let round_trip_us = round_trip.as_micros().max(20_000);
        if self.queue <= QUEUE_EMPTY {
            self.empty_since = self.empty_since.min(now);
            if now.since(self.empty_since) >= COMPETITOR_REST {
                return self.enter(now, RateState::Growing);
            }
            return self.grow(now, self.history.loss_permille());
        }
        self.empty_since = Instant::NEVER;
        if now.since(self.since) >= COMPETE_FOR {
            self.note_capacity(now);
            self.share_bps = permille(self.congested_bps, UNUSED_MAX_NEAR).min(self.target_bps);
            return self.begin_to_drain(now, DRAIN_SHARE_DOUBTFUL);
        }
        if is_loss {
            if now.since(self.cut_at).as_micros() >= round_trip_us {
                self.cut_at = now;
                self.grant(permille(self.target_bps, 700), RateReason::Loss);
            }
            self.grown_at = now;
            return;
        }
        let per_s = scaled(SEGMENT_BITS, 1_000_000, round_trip_us);
        let elapsed_us = now.since(self.grown_at).as_micros().min(500_000);
        let more = scaled(per_s, elapsed_us, round_trip_us);
        self.grown_at = now;
        let used = permille(self.history.arriving_bps(), UNUSED_MAX);
        if used >= self.target_bps {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            self.grant(self.target_bps.saturating_add(more), RateReason::Room);
        }
    }
}

/// `value` times `part` / `whole`.
fn scaled(value: u64, part: u64, whole: u64) -> u64 {
    value.saturating_mul(part).checked_div(whole).unwrap_or(0)
}

/// `value` times `permille` / 1000, not beyond what fits.
fn permille(value: u32, permille: u64) -> u32 {
    u32::try_from(u64::from(value).saturating_mul(permille) / 1000).unwrap_or(u32::MAX)
}
