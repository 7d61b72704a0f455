//! The jitter buffer of a voice: packets in, as they come; 10 ms of sound out, when they are needed.
//!
//! It plays as early as the network allows: at the lag that nearly all packets of the last seconds kept
//! (`delay`). When that changes it plays a little faster or slower at the same pitch (`wsola`); a clock
//! that drifts is the same thing, slowly. A frame that did not come is taken from a later packet's copy
//! ([`super::red`]), else the decoder invents one.
//!
//! **Time:** `now` comes from the caller. **Memory:** fixed, about 60 kB, all of it here. Layer: above
//! [`super::red`]; it must not know a codec, a device or a network.

use crate::error::DropReason;
use crate::limits::VOICE_FRAME_MAX_BYTES;
use crate::media::delay::{DelayEstimator, Pace, Steering, instant_micros};
use crate::media::red::{RedPacket, VOICE_FRAME_MAX_SAMPLES, VoiceFrame};
use crate::media::wsola::{ACCELERATE_SAMPLES, PcmQueue};
use crate::time::{Duration, Instant};

/// Samples of a pull: 10 ms at 48 kHz.
pub const PULL_SAMPLES: usize = 480;
/// Frames that a buffer holds.
pub const JITTER_FRAMES: usize = 64;
/// Opus conceals in steps of 2.5 ms.
const STEP_SAMPLES: usize = 120;
/// A timestamp so far from where it should be is another stream's, or nonsense.
const JUMP_MAX_SAMPLES: i64 = 2 * 48_000;
/// So many packets in a row that agree with each other, and not with those before, begin a new stream.
const JUMPS_NEEDED: u8 = 4;
/// After so long without a packet the next one is believed whatever its timestamp.
const FORGET_AFTER: Duration = Duration::from_secs(1);
/// After so long without a frame nothing more is invented.
const CONCEALED_MAX_SAMPLES: i64 = 24_000;

/// What would be played so much later than it should, after an interruption, is passed over. What is less late is played,
/// and faster than it was said until the delay is worked off ([`Steering`]): nobody has to say it again.
const OVERDUE_US: i64 = 1_000_000;

/// The decoder could make nothing of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError;

/// What turns frames into sound at 48 kHz, one channel, and invents what is missing.
pub trait VoiceDecoder {
    /// Decodes a frame to the front of `out`, and returns how many samples it wrote. `out` has room for the duration that
    /// the packet states ([`super::red::opus_samples`]).
    ///
    /// # Errors
    /// [`DecodeError`] if it is no frame; then it is concealed.
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, DecodeError>;

    /// Invents what came after the last frame (or comfort noise, if that one began a silence): all of `out`, a multiple of
    /// 2.5 ms. Returns how many samples it wrote.
    fn conceal(&mut self, out: &mut [f32]) -> usize;
}

/// Bounds of the delay. **Units:** after the fastest packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// At least so much, also if no packet is ever late.
    pub min_delay: Duration,
    /// At most so much: what is later is lost.
    pub max_delay: Duration,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self { min_delay: Duration::from_millis(10), max_delay: Duration::from_millis(250) }
    }
}

/// What a packet brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// Its own frame is new and in time.
    pub is_new: bool,
    /// Copies in it whose frames were missing, and are still in time.
    pub copies_used: u8,
}

/// What a pull is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PulledKind {
    /// Nothing has come, or nothing for a long time: zeros.
    Idle,
    /// The sender is silent: comfort noise.
    Silence,
    /// Frames of the sender.
    Voice,
    /// At least in part invented, because a frame was missing.
    Concealed,
}

/// What was pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// What it is made of.
    pub kind: PulledKind,
    /// The media timestamp (48 kHz) of its first sample; none while nothing is played.
    pub timestamp: Option<u32>,
}

/// Counts since the beginning, and the delay now. **Units:** as the names say; samples are at 48 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterStats {
    /// How much later than the fastest packet of late allows it is played.
    pub delay_us: u64,
    /// How much later it should be played.
    pub target_us: u64,
    /// Packets that were taken, late ones and duplicates included.
    pub packets: u64,
    /// Samples that were handed out, of any kind but idle.
    pub played_samples: u64,
    /// Samples that the decoder invented, because something was missing.
    pub concealed_samples: u64,
    /// Samples that were left out to play faster.
    pub accelerated_samples: u64,
    /// Samples that were put in to play slower.
    pub decelerated_samples: u64,
    /// Samples that came, but were passed over, most of them after an interruption: not all of it is played late.
    pub skipped_samples: u64,
    /// Frames that came after their time, by their own packet.
    pub late: u64,
    /// Packets that had come before.
    pub duplicates: u64,
    /// Frames that did not come in time by their own packet ...
    pub lost: u64,
    /// ... and neither by a copy.
    pub lost_after_recovery: u64,
    /// Frames that were played from a copy.
    pub recovered: u64,
    /// Frames of which the decoder could make nothing.
    pub undecodable: u64,
    /// Times that the sender's timestamps began anew.
    pub restarts: u64,
}

/// A frame that waits to be decoded.
#[derive(Clone, Debug)]
struct StoredFrame {
    /// Place of its first sample in the stream; none if there is no frame here.
    position: Option<i64>,
    samples: u32,
    begins: bool,
    is_copy: bool,
    len: usize,
    bytes: [u8; VOICE_FRAME_MAX_BYTES],
}

impl StoredFrame {
    const EMPTY: Self =
        Self { position: None, samples: 0, begins: false, is_copy: false, len: 0, bytes: [0; VOICE_FRAME_MAX_BYTES] };
}

/// A frame that came.
#[derive(Clone, Copy, Debug)]
struct Seen {
    timestamp: u32,
    /// By a copy only, so far.
    by_copy: bool,
}

/// What is going on at the end of the decoded sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// Nothing is played.
    Idle,
    /// The sender is silent.
    Silence,
    /// Frames follow each other; so many samples were invented since the last one.
    Voice { concealed: i64 },
}

/// The jitter buffer of one voice.
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    frames: [StoredFrame; JITTER_FRAMES],
    delay: DelayEstimator,
    steering: Steering,
    pcm: PcmQueue,
    flow: Flow,
    /// Place of the sample after the last one that was decoded.
    next: i64,
    /// Place and time of the newest packet.
    newest: Option<(i64, Instant)>,
    /// Timestamp of the last packet that did not fit, and how many such there were in a row.
    jumped: (u32, u8),
    /// Place of the first packet.
    first: Option<i64>,
    /// The last frames that came.
    seen: [Option<Seen>; JITTER_FRAMES],
    seen_next: usize,
    stats: JitterStats,
}

impl JitterBuffer {
    /// A buffer to which nothing has come.
    #[allow(clippy::large_stack_arrays, reason = "the owner places it")]
    pub fn new(config: JitterConfig) -> Self {
        Self {
            frames: [StoredFrame::EMPTY; JITTER_FRAMES],
            delay: DelayEstimator::new(config.min_delay, config.max_delay),
            steering: Steering::new(),
            pcm: PcmQueue::new(),
            flow: Flow::Idle,
            next: 0,
            newest: None,
            jumped: (0, 0),
            first: None,
            seen: [None; JITTER_FRAMES],
            seen_next: 0,
            stats: JitterStats::default(),
        }
    }

    /// Takes a packet: the timestamp of its media header, and the opened payload.
    ///
    /// # Errors
    /// - [`DropReason::VoicePacket`]: the payload contradicts itself.
    /// - [`DropReason::Duplicate`]: it came before.
    /// - [`DropReason::Late`]: nothing in it is still in time, or its timestamp fits no stream (yet).
    pub fn insert(&mut self, now: Instant, timestamp: u32, payload: &[u8]) -> Result<Inserted, DropReason> {
        let packet = RedPacket::parse(timestamp, payload)?;
        self.stats.packets = self.stats.packets.saturating_add(1);
        if self.seen.iter().flatten().any(|seen| seen.timestamp == timestamp && !seen.by_copy) {
            self.stats.duplicates = self.stats.duplicates.saturating_add(1);
            return Err(DropReason::Duplicate);
        }
        let position = self.place(now, timestamp).ok_or(DropReason::Late)?;
        self.see(now, timestamp, position, false);
        let is_new = self.store(position, &packet.primary, false);
        if !is_new && !self.holds(position) {
            self.stats.late = self.stats.late.saturating_add(1);
        }
        let mut copies_used = 0_u8;
        for copy in packet.copies.iter().flatten() {
            let position = position.saturating_sub(i64::from(timestamp.wrapping_sub(copy.timestamp)));
            self.see(now, copy.timestamp, position, true);
            copies_used = copies_used.saturating_add(u8::from(self.store(position, copy, true)));
        }
        if is_new || copies_used > 0 { Ok(Inserted { is_new, copies_used }) } else { Err(DropReason::Late) }
    }

    /// Gives the next 10 ms of sound: what is heard at `now` plus the delay of the device. Call it every 10 ms.
    pub fn pull(&mut self, now: Instant, decoder: &mut impl VoiceDecoder, out: &mut [f32; PULL_SAMPLES]) -> Pulled {
        let concealed_before = self.stats.concealed_samples;
        self.fill(now, decoder);
        self.steer(now, decoder);
        self.fill(now, decoder);
        let mut front = self.front();
        let flow = self.flow;
        let taken = self.pcm.take(out);
        if flow == Flow::Idle && taken == 0 {
            return Pulled { kind: PulledKind::Idle, timestamp: None };
        }
        if flow == Flow::Silence {
            // No sample of the sender's is played; this is the one that would be.
            let media_us = instant_micros(now).saturating_sub(self.delay.target_lag_us());
            front = samples_of_micros(media_us);
        }
        let base_us = self.delay.base_lag_us();
        self.stats.delay_us = u64::try_from(lag_us(now, front).saturating_sub(base_us)).unwrap_or(0);
        self.stats.target_us = u64::try_from(self.delay.target_lag_us().saturating_sub(base_us)).unwrap_or(0);
        self.stats.played_samples = self.stats.played_samples.saturating_add(PULL_SAMPLES as u64);
        let kind = if self.stats.concealed_samples > concealed_before {
            PulledKind::Concealed
        } else if flow == Flow::Silence {
            PulledKind::Silence
        } else {
            PulledKind::Voice
        };
        Pulled { kind, timestamp: Some(front as u32) }
    }

    /// Counts since the beginning, and the delay.
    pub const fn stats(&self) -> JitterStats {
        self.stats
    }

    /// Forgets the stream, for example because its sender was muted and comes back; the counts stay.
    pub fn reset(&mut self) {
        self.frames.iter_mut().for_each(|frame| frame.position = None);
        self.delay.reset();
        self.steering = Steering::new();
        self.flow = Flow::Idle;
        self.newest = None;
        self.jumped = (0, 0);
        self.first = None;
        self.seen = [None; JITTER_FRAMES];
    }

    /// The place of a timestamp in the stream; none if it does not belong to it.
    fn place(&mut self, now: Instant, timestamp: u32) -> Option<i64> {
        let Some((newest, newest_at)) = self.newest else {
            // Far from zero, so that what is older has a place too.
            let position = i64::from(timestamp).saturating_add(1 << 32);
            self.newest = Some((position, now));
            return Some(position);
        };
        let step = i64::from(timestamp.wrapping_sub(newest as u32).cast_signed());
        let position = newest.saturating_add(step);
        let silent_for = now.since(newest_at);
        let expected = newest.saturating_add(samples_of(silent_for));
        if position.abs_diff(expected) > JUMP_MAX_SAMPLES.unsigned_abs() {
            return self.handle_jump(now, timestamp, silent_for);
        }
        self.jumped.1 = 0;
        if step > 0 {
            self.newest = Some((position, now));
        }
        Some(position)
    }

    /// A timestamp that does not fit: the sender began anew, if the next ones agree with it.
    fn handle_jump(&mut self, now: Instant, timestamp: u32, silent_for: Duration) -> Option<i64> {
        let (last, count) = self.jumped;
        let step = i64::from(timestamp.wrapping_sub(last).cast_signed());
        let agrees = count > 0 && step.abs() <= JUMP_MAX_SAMPLES;
        let count = if agrees { count.saturating_add(1) } else { 1 };
        self.jumped = (timestamp, count);
        if count < JUMPS_NEEDED && silent_for < FORGET_AFTER {
            return None;
        }
        self.reset();
        self.stats.restarts = self.stats.restarts.saturating_add(1);
        self.place(now, timestamp)
    }

    /// Takes note of a frame that came: the first time tells how late it was, by its own packet or by a copy.
    fn see(&mut self, now: Instant, timestamp: u32, position: i64, by_copy: bool) {
        if let Some(seen) = self.seen.iter_mut().flatten().find(|seen| seen.timestamp == timestamp) {
            seen.by_copy &= by_copy;
            return;
        }
        // What was sent before the first packet that came was not lost.
        if by_copy && self.first.is_none_or(|first| position < first) {
            return;
        }
        self.first.get_or_insert(position);
        match by_copy {
            true => self.delay.observe_copy(now, lag_us(now, position)),
            false => self.delay.observe(now, lag_us(now, position)),
        }
        if let Some(seen) = self.seen.get_mut(self.seen_next) {
            *seen = Some(Seen { timestamp, by_copy });
        }
        self.seen_next = self.seen_next.saturating_add(1).checked_rem(JITTER_FRAMES).unwrap_or(0);
    }

    fn holds(&self, position: i64) -> bool {
        self.frames.iter().any(|frame| frame.position == Some(position))
    }

    /// Stores a frame if it is in time and not there yet; whether it did.
    fn store(&mut self, position: i64, frame: &VoiceFrame<'_>, is_copy: bool) -> bool {
        let samples = super::red::opus_samples(frame.bytes).unwrap_or(0);
        if self.is_past(position, samples, frame.begins) {
            return false;
        }
        if let Some(stored) = self.frames.iter_mut().find(|stored| stored.position == Some(position)) {
            stored.is_copy &= is_copy;
            return false;
        }
        // A free place, else that of the oldest frame: what is newer is worth more.
        let Some(place) = self.frames.iter_mut().min_by_key(|stored| stored.position) else { return false };
        if place.position.is_some_and(|oldest| oldest > position) {
            return false;
        }
        let Some(bytes) = place.bytes.get_mut(..frame.bytes.len()) else { return false };
        bytes.copy_from_slice(frame.bytes);
        place.position = Some(position);
        (place.samples, place.begins) = (samples, frame.begins);
        (place.is_copy, place.len) = (is_copy, frame.bytes.len());
        true
    }

    /// Whether the time of a frame is over. One that begins may overlap the last one: its sender's clock was set right.
    fn is_past(&self, position: i64, samples: u32, begins: bool) -> bool {
        let begins_before = begins && position.saturating_add(i64::from(samples)) > self.next;
        self.flow != Flow::Idle && position < self.next && !begins_before
    }

    /// Place of the next sample to be played.
    fn front(&self) -> i64 {
        self.next.saturating_sub(self.pcm.len() as i64)
    }

    /// Sees to it that there is enough for a pull.
    fn fill(&mut self, now: Instant, decoder: &mut impl VoiceDecoder) {
        while self.pcm.len() < PULL_SAMPLES {
            let missing = PULL_SAMPLES.saturating_sub(self.pcm.len());
            let Some(index) = self.find_next() else {
                if !self.bridge(decoder, missing) {
                    return;
                }
                continue;
            };
            if self.is_overdue(now, index) {
                self.pass_over(index);
                continue;
            }
            let Some(wait) = self.wait_for(now, index) else {
                self.decode(index, decoder);
                continue;
            };
            if !self.bridge(decoder, missing.min(wait)) {
                return;
            }
        }
    }

    /// Plays a little faster or slower if the lag is not what it should be.
    fn steer(&mut self, now: Instant, decoder: &mut impl VoiceDecoder) {
        if self.flow != (Flow::Voice { concealed: 0 }) {
            return;
        }
        let pace = self.steering.pace(lag_us(now, self.front()), self.delay.target_lag_us());
        match pace {
            Pace::Keep => {}
            Pace::Faster { likeness } => {
                self.decode_ahead(ACCELERATE_SAMPLES, decoder);
                let samples = self.pcm.accelerate(likeness);
                self.stats.accelerated_samples = self.stats.accelerated_samples.saturating_add(samples as u64);
                self.steering.handle_stretched(micros_of_samples(samples).saturating_neg(), self.pcm.is_quiet());
            }
            Pace::Slower { likeness } => {
                let samples = self.pcm.decelerate(likeness);
                self.stats.decelerated_samples = self.stats.decelerated_samples.saturating_add(samples as u64);
                self.steering.handle_stretched(micros_of_samples(samples), self.pcm.is_quiet());
            }
        }
    }

    /// Decodes frames that follow each other until so many samples wait.
    fn decode_ahead(&mut self, samples: usize, decoder: &mut impl VoiceDecoder) {
        while self.pcm.len() < samples {
            let Some(index) = self.find_next() else { return };
            let follows = self.frames.get(index).is_some_and(|frame| frame.position == Some(self.next));
            if !follows || self.flow == Flow::Silence {
                return;
            }
            self.decode(index, decoder);
        }
    }

    /// The stored frame that comes next.
    fn find_next(&self) -> Option<usize> {
        let stored = self.frames.iter().enumerate().filter_map(|(index, frame)| Some((frame.position?, index)));
        stored.min().map(|(_, index)| index)
    }

    /// How many samples to bridge before the frame is due; none if it is now.
    fn wait_for(&self, now: Instant, index: usize) -> Option<usize> {
        let frame = self.frames.get(index)?;
        let position = frame.position?;
        let gap = position.saturating_sub(self.next);
        let early_us = self.delay.target_lag_us().saturating_sub(self.lag_if_next_us(now, position));
        let due = samples_of_micros(early_us);
        let wait = match self.flow {
            // After a loss what follows is not played later than it would have been; earlier if there is delay to spare.
            Flow::Voice { concealed } if !frame.begins || gap <= 0 => gap.saturating_sub(concealed).min(due.max(0)),
            _ => due,
        };
        usize::try_from(wait).ok().filter(|&wait| wait > 0)
    }

    /// The lag of a frame if it were the next to be decoded.
    fn lag_if_next_us(&self, now: Instant, position: i64) -> i64 {
        lag_us(now, position.saturating_sub(self.pcm.len() as i64))
    }

    /// Whether a frame is better passed over: its time is over, or, after an interruption, it would be played far too late
    /// and there is a newer one.
    fn is_overdue(&self, now: Instant, index: usize) -> bool {
        let Some(frame) = self.frames.get(index) else { return false };
        let Some(position) = frame.position else { return false };
        if self.is_past(position, frame.samples, frame.begins) {
            return true;
        }
        let late_us = self.lag_if_next_us(now, position).saturating_sub(self.delay.target_lag_us());
        let is_newer = |other: &StoredFrame| other.position.is_some_and(|other| other > position);
        self.flow != (Flow::Voice { concealed: 0 }) && late_us > OVERDUE_US && self.frames.iter().any(is_newer)
    }

    /// Takes a frame out without playing it.
    fn pass_over(&mut self, index: usize) {
        let Some(frame) = self.frames.get_mut(index) else { return };
        let Some(position) = frame.position.take() else { return };
        self.stats.skipped_samples = self.stats.skipped_samples.saturating_add(u64::from(frame.samples));
        if self.flow != Flow::Idle {
            self.next = self.next.max(position.saturating_add(i64::from(frame.samples)));
        }
    }

    /// Bridges up to `wanted` samples without a frame. False if nothing is to be heard.
    fn bridge(&mut self, decoder: &mut impl VoiceDecoder, wanted: usize) -> bool {
        if let Flow::Voice { concealed } = self.flow
            && concealed >= CONCEALED_MAX_SAMPLES
        {
            self.flow = Flow::Idle;
        }
        if self.flow == Flow::Idle {
            return false;
        }
        let steps = wanted.div_ceil(STEP_SAMPLES).max(1);
        let made = self.pcm.append(steps.saturating_mul(STEP_SAMPLES), |room| decoder.conceal(room));
        if let Flow::Voice { concealed } = &mut self.flow {
            *concealed = concealed.saturating_add(made as i64);
            self.stats.concealed_samples = self.stats.concealed_samples.saturating_add(made as u64);
        }
        made > 0
    }

    /// Decodes a stored frame behind what waits.
    fn decode(&mut self, index: usize, decoder: &mut impl VoiceDecoder) {
        let Some(frame) = self.frames.get_mut(index) else { return };
        let Some(position) = frame.position.take() else { return };
        let bytes = frame.bytes.get(..frame.len).unwrap_or_default();
        let samples = (frame.samples as usize).min(VOICE_FRAME_MAX_SAMPLES as usize);
        let mut is_good = true;
        self.pcm.append(samples, |room| match decoder.decode(bytes, room) {
            Ok(written) => written,
            Err(DecodeError) => {
                is_good = false;
                decoder.conceal(room)
            }
        });
        self.count_frame(index, position, is_good);
        let Some(frame) = self.frames.get(index) else { return };
        self.flow = if frame.len <= 2 { Flow::Silence } else { Flow::Voice { concealed: 0 } };
        self.next = position.saturating_add(i64::from(frame.samples));
    }

    fn count_frame(&mut self, index: usize, position: i64, is_good: bool) {
        let Some(frame) = self.frames.get(index) else { return };
        let is_voice = matches!(self.flow, Flow::Voice { .. });
        let gap = if is_voice && !frame.begins { position.saturating_sub(self.next).max(0) } else { 0 };
        let missing = gap.unsigned_abs().div_ceil(u64::from(frame.samples).max(1));
        let from_copy = u64::from(frame.is_copy);
        let stats = &mut self.stats;
        stats.lost = stats.lost.saturating_add(missing).saturating_add(from_copy);
        stats.lost_after_recovery = stats.lost_after_recovery.saturating_add(missing);
        stats.recovered = stats.recovered.saturating_add(from_copy);
        stats.undecodable = stats.undecodable.saturating_add(u64::from(!is_good));
    }
}

/// Microseconds of so many samples.
fn micros_of_samples(samples: usize) -> i64 {
    (samples as i64).saturating_mul(125) / 6
}

/// Samples in a span.
fn samples_of(span: Duration) -> i64 {
    samples_of_micros(super::delay::micros(span))
}

/// Samples in signed microseconds.
const fn samples_of_micros(us: i64) -> i64 {
    us.saturating_mul(6) / 125
}

/// The receiver's clock less the media clock, for a sample that is there (or heard) at `now`.
fn lag_us(now: Instant, position: i64) -> i64 {
    let media_us = position.saturating_mul(125) / 6;
    instant_micros(now).saturating_sub(media_us)
}

#[cfg(test)]
mod tests;
