//! The sealed payload of a voice packet: an Opus frame, and up to two earlier frames again (the idea of RFC 2198).
//!
//! A lost packet costs nothing if a later one brings its frame in time: no round trip, and no bits taken from the frame
//! itself, as in-band error correction would. How many copies are worth their bytes follows from what is lost
//! ([`RedundancyPolicy`]). PROTOCOL.md section 15.2 draws the format.

use crate::error::DropReason;
use crate::limits::{FRAGMENT_PAYLOAD_MAX_BYTES, VOICE_COPIES_MAX, VOICE_FRAME_MAX_BYTES};
use crate::time::{Duration, Instant};

/// Ticks of the media clock of sound in a second.
pub const VOICE_RATE: u32 = 48_000;
/// Longest frame, in samples: 60 ms, the longest of a single Opus frame.
pub const VOICE_FRAME_MAX_SAMPLES: u32 = 2880;
/// Samples of 2.5 ms: every duration of Opus, and so every age of a copy, is a multiple.
const AGE_UNIT: u32 = 120;
/// Bytes before the frames: one, ...
const HEAD_BYTES: usize = 1;
/// ... and for each copy its age and its length.
const COPY_HEAD_BYTES: usize = 3;
/// Top bit of the first byte, and of the length of a copy: silence was before this frame.
const BEGINS: u8 = 0x80;
/// Earlier frames that a sender keeps: the fourth before is the oldest that is sent again.
const KEPT: usize = 4;
/// Frames of at most so many bytes tell the receiver to make comfort noise until the next one (Opus, DTX).
const SILENCE_MAX_BYTES: usize = 2;

/// An encoded frame of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoiceFrame<'a> {
    /// When its first sample was captured. **Units:** samples at 48 kHz, wrapping.
    pub timestamp: u32,
    /// Nothing was sent of the time before it: it follows silence, not a frame that may be lost.
    pub begins: bool,
    /// One Opus packet, of 1 to [`VOICE_FRAME_MAX_BYTES`] bytes.
    pub bytes: &'a [u8],
}

impl VoiceFrame<'_> {
    /// Whether it says that nothing follows for now: the receiver makes comfort noise and misses nothing.
    pub const fn is_silence(&self) -> bool {
        self.bytes.len() <= SILENCE_MAX_BYTES
    }
}

/// Samples at 48 kHz that an Opus packet holds (RFC 6716 section 3.1). None if it is not one, or longer than
/// [`VOICE_FRAME_MAX_SAMPLES`].
pub fn opus_samples(packet: &[u8]) -> Option<u32> {
    let (&toc, rest) = packet.split_first()?;
    let config = toc >> 3;
    let each: u32 = match (config, config & 3) {
        (0..=11, 0) => 480,
        (0..=11, 1) | (12..=15, 1 | 3) => 960,
        (0..=11, 2) => 1920,
        (0..=11, _) => 2880,
        (12..=15, _) => 480,
        (_, shift) => AGE_UNIT << shift,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*rest.first()? & 0x3F),
    };
    let samples = each.saturating_mul(frames);
    (1..=VOICE_FRAME_MAX_SAMPLES).contains(&samples).then_some(samples)
}

/// A payload taken apart. Every frame in it has a legal length and duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedPacket<'a> {
    /// The frame that the packet was made for.
    pub primary: VoiceFrame<'a>,
    /// Earlier frames again, the newer one first.
    pub copies: [Option<VoiceFrame<'a>>; VOICE_COPIES_MAX],
}

impl<'a> RedPacket<'a> {
    /// Takes a payload apart. `timestamp` is the one of the media header.
    ///
    /// # Errors
    /// [`DropReason::VoicePacket`] if it contradicts itself, or a frame in it is no Opus packet of a legal length.
    pub fn parse(timestamp: u32, payload: &'a [u8]) -> Result<Self, DropReason> {
        Self::try_parse(timestamp, payload).ok_or(DropReason::VoicePacket)
    }

    fn try_parse(timestamp: u32, payload: &'a [u8]) -> Option<Self> {
        let (&head, rest) = payload.split_first()?;
        let count = usize::from(head & 3);
        if count > VOICE_COPIES_MAX {
            return None;
        }
        let (heads, mut frames) = rest.split_at_checked(count.checked_mul(COPY_HEAD_BYTES)?)?;
        let mut copies = [None; VOICE_COPIES_MAX];
        let mut newer_age = 0;
        for (copy, head) in copies.iter_mut().zip(heads.chunks_exact(COPY_HEAD_BYTES)) {
            let &[age, high, low] = head else { return None };
            if age <= newer_age {
                return None;
            }
            newer_age = age;
            let (bytes, others) = frames.split_at_checked(usize::from(u16::from_be_bytes([high & 3, low])))?;
            frames = others;
            let timestamp = timestamp.wrapping_sub(u32::from(age).saturating_mul(AGE_UNIT));
            *copy = Some(checked(VoiceFrame { timestamp, begins: high & BEGINS != 0, bytes })?);
        }
        let primary = checked(VoiceFrame { timestamp, begins: head & BEGINS != 0, bytes: frames })?;
        Some(Self { primary, copies })
    }

    /// The frame itself, then the copies.
    pub fn frames(&self) -> impl Iterator<Item = VoiceFrame<'a>> + use<'a> {
        core::iter::once(self.primary).chain(self.copies.into_iter().flatten())
    }
}

/// The frame, if length and duration are legal.
fn checked(frame: VoiceFrame<'_>) -> Option<VoiceFrame<'_>> {
    (frame.bytes.len() <= VOICE_FRAME_MAX_BYTES && opus_samples(frame.bytes).is_some()).then_some(frame)
}

/// How many earlier frames go along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redundancy {
    /// None: nothing is lost.
    #[default]
    None,
    /// The frame before: mends single losses.
    Last,
    /// The frame before and the fourth before: mends bursts too.
    LastAndFourth,
}

impl Redundancy {
    /// How many frames back the copies lie.
    const fn distances(self) -> &'static [usize] {
        match self {
            Self::None => &[],
            Self::Last => &[1],
            Self::LastAndFourth => &[1, 4],
        }
    }
}

/// A frame that was sent.
#[derive(Clone, Debug)]
struct SentFrame {
    timestamp: u32,
    begins: bool,
    samples: u32,
    len: usize,
    bytes: [u8; VOICE_FRAME_MAX_BYTES],
}

impl SentFrame {
    const EMPTY: Self = Self { timestamp: 0, begins: false, samples: 0, len: 0, bytes: [0; VOICE_FRAME_MAX_BYTES] };

    fn frame(&self) -> VoiceFrame<'_> {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        VoiceFrame { timestamp: self.timestamp, begins: self.begins, bytes }
    }
}

/// Makes the payloads of one track, and keeps the last four frames for the copies.
#[derive(Clone, Debug)]
pub struct RedSender {
    /// The newest first.
    sent: [SentFrame; KEPT],
}

impl Default for RedSender {
    fn default() -> Self {
        Self::new()
    }
}

impl RedSender {
    /// A track of which nothing was sent.
    pub const fn new() -> Self {
        Self { sent: [SentFrame::EMPTY; KEPT] }
    }

    /// Writes the payload of the next frame to `out`, with as many copies as were asked for, are there and fit; returns
    /// its length. `timestamp` is the time of the frame's first sample (48 kHz); a frame that does not begin where the
    /// last one ended is marked as following silence.
    ///
    /// # Errors
    /// [`DropReason::Length`] if `frame` is no Opus packet of a legal length; then nothing has changed.
    pub fn emit(
        &mut self,
        redundancy: Redundancy,
        timestamp: u32,
        frame: &[u8],
        out: &mut [u8; FRAGMENT_PAYLOAD_MAX_BYTES],
    ) -> Result<usize, DropReason> {
        let samples = opus_samples(frame).ok_or(DropReason::Length)?;
        let last = self.sent.first().filter(|last| last.len > 0);
        let begins = last.is_none_or(|last| last.timestamp.wrapping_add(last.samples) != timestamp);
        let primary = checked(VoiceFrame { timestamp, begins, bytes: frame }).ok_or(DropReason::Length)?;
        let len = emit(&primary, &self.copies(redundancy, &primary), out).ok_or(DropReason::Length)?;
        self.keep(&primary, samples);
        Ok(len)
    }

    /// The copies that are there and still fit beside `primary`, with their ages.
    fn copies(
        &self,
        redundancy: Redundancy,
        primary: &VoiceFrame<'_>,
    ) -> [Option<(u8, VoiceFrame<'_>)>; VOICE_COPIES_MAX] {
        let mut copies = [None; VOICE_COPIES_MAX];
        let mut used = HEAD_BYTES.saturating_add(primary.bytes.len());
        let sent = redundancy.distances().iter().filter_map(|&back| self.sent.get(back.saturating_sub(1)));
        for (copy, sent) in copies.iter_mut().zip(sent.filter(|sent| sent.len > 0)) {
            let frame = sent.frame();
            let len = used.saturating_add(COPY_HEAD_BYTES).saturating_add(frame.bytes.len());
            if let Some(age) = age(primary.timestamp, frame.timestamp)
                && len <= FRAGMENT_PAYLOAD_MAX_BYTES
            {
                used = len;
                *copy = Some((age, frame));
            }
        }
        copies
    }

    fn keep(&mut self, frame: &VoiceFrame<'_>, samples: u32) {
        self.sent.rotate_right(1);
        if let [newest, ..] = &mut self.sent
            && let Some(bytes) = newest.bytes.get_mut(..frame.bytes.len())
        {
            bytes.copy_from_slice(frame.bytes);
            (newest.timestamp, newest.begins) = (frame.timestamp, frame.begins);
            (newest.samples, newest.len) = (samples, frame.bytes.len());
        }
    }
}

/// The age of an earlier frame in the units of the format; none if it cannot be told in them.
fn age(timestamp: u32, earlier: u32) -> Option<u8> {
    let samples = timestamp.wrapping_sub(earlier);
    let age = u8::try_from(samples.checked_div(AGE_UNIT)?).ok()?;
    (age > 0 && samples.is_multiple_of(AGE_UNIT)).then_some(age)
}

/// Writes a payload; none if it does not fit.
fn emit(
    primary: &VoiceFrame<'_>,
    copies: &[Option<(u8, VoiceFrame<'_>)>; VOICE_COPIES_MAX],
    out: &mut [u8; FRAGMENT_PAYLOAD_MAX_BYTES],
) -> Option<usize> {
    let begins = |frame: &VoiceFrame<'_>| if frame.begins { BEGINS } else { 0 };
    let count = u8::try_from(copies.iter().flatten().count()).ok()?;
    let mut len = 0_usize;
    let mut put = |bytes: &[u8]| {
        let end = len.checked_add(bytes.len())?;
        out.get_mut(len..end)?.copy_from_slice(bytes);
        len = end;
        Some(())
    };
    put(&[begins(primary) | count])?;
    for (age, copy) in copies.iter().flatten() {
        let [high, low] = u16::try_from(copy.bytes.len()).ok()?.to_be_bytes();
        put(&[*age, begins(copy) | high, low])?;
    }
    for (_, copy) in copies.iter().flatten() {
        put(copy.bytes)?;
    }
    put(primary.bytes)?;
    Some(len)
}

/// Chooses the copies from what is lost: none, the last frame above 0.3 % loss, the last and the fourth above 2 %, or
/// when losses come in bursts. More at once, less only after ten quiet seconds: the next burst comes from the same wall.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedundancyPolicy {
    current: Redundancy,
    /// Since when less would do.
    quiet_since: Option<Instant>,
}

/// Loss above which the last frame goes along.
const LOSS_LAST: f32 = 0.003;
/// Loss above which the fourth before goes along too.
const LOSS_FOURTH: f32 = 0.02;
/// Mean number of packets lost in a row above which a copy of the last frame alone helps too rarely.
const BURST_FOURTH: f32 = 1.5;
/// How long less must be enough before less is sent.
const QUIET: Duration = Duration::from_secs(10);

impl RedundancyPolicy {
    /// No copies, until loss is measured.
    pub const fn new() -> Self {
        Self { current: Redundancy::None, quiet_since: None }
    }

    /// What to send from now on.
    pub const fn current(&self) -> Redundancy {
        self.current
    }

    /// Takes a measurement: `loss` is the part of packets that did not come (0 to 1), `burst` how many were lost in a row
    /// on average (1 or more; anything if nothing was lost). Measured over about a second, on the worst way to a receiver.
    pub fn update(&mut self, now: Instant, loss: f32, burst: f32) -> Redundancy {
        let needed = needed(loss, burst);
        // What is sent now is kept as long as half of its threshold is exceeded.
        let enough = needed.max(needed_by_half(loss, burst, self.current));
        if enough >= self.current {
            self.current = needed.max(self.current);
            self.quiet_since = None;
            return self.current;
        }
        let since = *self.quiet_since.get_or_insert(now);
        if now.since(since) >= QUIET {
            self.current = enough;
            self.quiet_since = None;
        }
        self.current
    }
}

/// What a loss asks for.
fn needed(loss: f32, burst: f32) -> Redundancy {
    if loss > LOSS_FOURTH || (loss > LOSS_LAST && burst > BURST_FOURTH) {
        Redundancy::LastAndFourth
    } else if loss > LOSS_LAST {
        Redundancy::Last
    } else {
        Redundancy::None
    }
}

/// What twice the loss would ask for, but no more than `current`.
fn needed_by_half(loss: f32, burst: f32, current: Redundancy) -> Redundancy {
    needed(loss * 2.0, burst).min(current)
}

#[cfg(test)]
mod tests;
