//! One picture track at a shard: who shows it how large, which size each of its receivers is sent, what each size takes.

use super::allocate::ALLOT_INTERVAL;
use super::room::{Places, bit};
use crate::id::{Slot, TrackId};
use crate::limits::ROOM_PARTICIPANTS_MAX;
use crate::room::allocation::LAYERS;
use crate::time::{Duration, Instant};

/// Picture tracks of one participant: camera and screen.
pub(super) const VIDEOS: usize = 2;
/// A size of which no packet came for so long is not sent any more.
const LIVE: Duration = Duration::from_millis(700);
/// Widths of tiles are known to this many pixels.
const WIDTH_UNIT: u16 = 8;
/// The tile shows all there is.
const FULL: u8 = u8::MAX;
/// What a full picture is taken to cost before anything of it was seen. **Units:** bits a second.
const FULL_BPS: u32 = 1_500_000;
/// What the other sizes cost, in permille of the full one: measured on webcam pictures.
const LAYER_SHARE: [u32; LAYERS] = [1000, 420, 150];
/// A sender has this long to do as it was told before what it really sends counts again.
const OBEDIENCE: Duration = Duration::from_millis(1500);

/// The number of a picture track among [`VIDEOS`]; none for sound.
pub(super) fn video_index(track: TrackId) -> Option<usize> {
    match track {
        TrackId::CAMERA => Some(0),
        TrackId::SCREEN => Some(1),
        _ => None,
    }
}

/// The picture track with that number.
pub(super) const fn video_track(index: usize) -> TrackId {
    if index == 0 { TrackId::CAMERA } else { TrackId::SCREEN }
}

/// What one size takes.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    bytes: u32,
    bps: u32,
    /// When its last packet came; zero for never.
    seen_at: Instant,
}

/// All that is sent to a session: pictures, sound, what is sent again, parity, answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SentMeter {
    bytes: u32,
    bps: u32,
    since: Instant,
}

impl SentMeter {
    pub fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(0));
    }

    /// Bits a second, measured as those of pictures are.
    pub fn measure(&mut self, now: Instant) -> u32 {
        let elapsed = now.since(self.since);
        if elapsed >= ALLOT_INTERVAL {
            self.since = now;
            self.bps = smooth_bps(self.bps, core::mem::take(&mut self.bytes), elapsed);
        }
        self.bps
    }
}

/// A rate with the bytes of `elapsed` worked in.
fn smooth_bps(old_bps: u32, bytes: u32, elapsed: Duration) -> u32 {
    let bits = u64::from(bytes).saturating_mul(8_000_000);
    let Some(sample) = bits.checked_div(elapsed.as_micros()) else { return old_bps };
    let old = u64::from(old_bps);
    let new = if old == 0 { sample } else { old.saturating_mul(3).saturating_add(sample) / 4 };
    u32::try_from(new).unwrap_or(u32::MAX)
}

/// One picture track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Video {
    /// Width of the full picture, in pixels.
    pub width: u16,
    /// By receiver: the width of its tile in units of [`WIDTH_UNIT`], 0 for not wanted.
    tiles: [u8; ROOM_PARTICIPANTS_MAX],
    /// Those whose tile is not 0.
    wanting: Places,
    /// By size: those who are to have it.
    allotted: [Places; LAYERS],
    /// By size: those who are sent it. Another one than allotted while that is not to be had.
    sent: [Places; LAYERS],
    meters: [Meter; LAYERS],
    live: u8,
    /// What the control plane was told last, and when: sizes, bound of the largest.
    told: (u8, u32),
    told_at: Instant,
    repeated_at: Instant,
    /// Since when it takes clearly more than its sender was told.
    exceeds_since: Option<Instant>,
}

impl Default for Video {
    fn default() -> Self {
        Self {
            width: 0,
            tiles: [FULL; ROOM_PARTICIPANTS_MAX],
            wanting: Places::MAX,
            allotted: [0; LAYERS],
            sent: [0; LAYERS],
            meters: [Meter::default(); LAYERS],
            live: 0,
            told: (0, 0),
            told_at: Instant::default(),
            repeated_at: Instant::default(),
            exceeds_since: None,
        }
    }
}

impl Video {
    /// Nothing was seen of it, everybody wants it; who is sent what is to be decided anew.
    pub fn begin(&mut self, width: u16) {
        let (tiles, wanting) = (self.tiles, self.wanting);
        *self = Self { width, tiles, wanting, ..Self::default() };
    }

    /// Notes how large a receiver shows it.
    pub fn set_tile(&mut self, receiver: Slot, width: u16) {
        if let Some(tile) = self.tiles.get_mut(usize::from(receiver.0)) {
            let units = width.div_ceil(WIDTH_UNIT);
            *tile = u8::try_from(units).unwrap_or(FULL);
        }
        let Some(bit) = bit(receiver) else { return };
        if width == 0 {
            self.wanting &= !bit;
            self.take_from(receiver);
        } else {
            self.wanting |= bit;
        }
    }

    /// Sends it to that receiver no more, from the next packet on.
    fn take_from(&mut self, receiver: Slot) {
        let Some(bit) = bit(receiver) else { return };
        for places in self.allotted.iter_mut().chain(&mut self.sent) {
            *places &= !bit;
        }
    }

    /// Forgets a receiver, or who was in its place before.
    pub fn forget(&mut self, receiver: Slot) {
        self.set_tile(receiver, u16::MAX);
        self.take_from(receiver);
    }

    /// Width of a receiver's tile, in pixels.
    pub fn tile(&self, receiver: usize) -> u16 {
        match self.tiles.get(receiver).copied() {
            Some(FULL) | None => u16::MAX,
            Some(units) => u16::from(units).saturating_mul(WIDTH_UNIT),
        }
    }

    /// Whether any of `places` wants it.
    pub const fn is_wanted_by(&self, places: Places) -> bool {
        self.wanting & places != 0
    }

    /// Those who are sent packets of a size.
    pub fn receivers(&self, layer: u8) -> Places {
        self.sent.get(usize::from(layer)).copied().unwrap_or(0)
    }

    /// Whether its sender publishes the smallest size.
    pub const fn is_adapting(&self) -> bool {
        self.live & (1 << (LAYERS - 1)) != 0
    }

    /// Those who are sent packets of any size.
    pub fn all_receivers(&self) -> Places {
        self.sent.iter().fold(0, |all, places| all | places)
    }

    /// The size that a receiver is to have.
    pub fn given(&self, receiver: Places) -> Option<u8> {
        (0u8..).zip(&self.allotted).find(|(_, places)| **places & receiver != 0).map(|(layer, _)| layer)
    }

    /// What goes to a receiver now, in bits a second.
    pub fn sent_bps(&self, receiver: Places) -> u32 {
        let sent = self.sent.iter().zip(&self.meters).filter(|(places, _)| **places & receiver != 0);
        sent.fold(0, |all, (_, meter)| all.saturating_add(meter.bps))
    }

    /// Counts a packet. True if its size was not live before: then it must be decided anew who is sent what.
    pub fn count(&mut self, now: Instant, layer: u8, bytes: usize) -> bool {
        let Some(meter) = self.meters.get_mut(usize::from(layer)) else { return false };
        meter.bytes = meter.bytes.saturating_add(u32::try_from(bytes).unwrap_or(0));
        meter.seen_at = now;
        let bit = 1u8.checked_shl(layer.into()).unwrap_or(0);
        let is_new = self.live & bit == 0;
        self.live |= bit;
        is_new
    }

    /// Works the counted bytes of `elapsed` into the rates.
    pub fn measure(&mut self, now: Instant, elapsed: Duration) {
        for (layer, meter) in (0u32..).zip(&mut self.meters) {
            meter.bps = smooth_bps(meter.bps, core::mem::take(&mut meter.bytes), elapsed);
            if now.since(meter.seen_at) > LIVE {
                meter.bps = 0;
                self.live &= !1u8.checked_shl(layer).unwrap_or(0);
            }
        }
        let (layers, bound) = self.told;
        // Sizes that nobody was asked for count as well.
        let until_largest = self.meters.iter().take((layers.trailing_zeros() as usize).saturating_add(1));
        let takes = until_largest.map(|meter| meter.bps).max().unwrap_or(0);
        let exceeds = layers != 0 && bound > 0 && takes > bound.saturating_add(bound / 2);
        self.exceeds_since = exceeds.then(|| self.exceeds_since.unwrap_or(now));
    }

    /// Whether its sender makes it as large as that receiver alone is told it may be: it keeps within bounds, and nobody else
    /// has such a large size.
    pub fn follows(&self, now: Instant, receiver: Places) -> bool {
        let (layers, _) = self.told;
        let until_largest = self.allotted.iter().take((layers.trailing_zeros() as usize).saturating_add(1));
        let has = until_largest.fold(0, |all, places| all | places);
        layers != 0 && has & !receiver == 0 && self.exceeds_since.is_none_or(|since| now.since(since) < OBEDIENCE)
    }

    /// What each size takes: as measured; as estimated from another size while it is not sent; at most the bound that
    /// the sender was just told. A size that the sender does not send although it was told takes what stands in for it.
    pub fn layer_bps(&self, now: Instant) -> [u32; LAYERS] {
        let scaled = |bps: u32, from: u32, to: u32| {
            let scaled = u64::from(bps).saturating_mul(to.into()).checked_div(from.into()).unwrap_or(0);
            u32::try_from(scaled).unwrap_or(u32::MAX)
        };
        let known = self.meters.iter().zip(LAYER_SHARE).find(|(meter, _)| meter.bps > 0);
        let full = known.map_or(FULL_BPS, |(meter, share)| scaled(meter.bps, share, 1000));
        let mut all = LAYER_SHARE.map(|share| scaled(full, 1000, share));
        let (told, bound) = self.told;
        let is_obeying = now.since(self.told_at) >= OBEDIENCE;
        for (layer, (bps, meter)) in (0u32..).zip(all.iter_mut().zip(&self.meters)) {
            let is_largest = told == 0 || told.trailing_zeros() >= layer;
            if meter.bps > 0 {
                *bps = meter.bps;
            }
            if is_largest && bound > 0 && !(meter.bps > 0 && is_obeying) {
                *bps = (*bps).min(bound);
            }
        }
        let measured = all;
        for (layer, bps) in (0u8..).zip(&mut all).filter(|_| is_obeying) {
            let instead = self.substitute(layer);
            if instead < layer {
                *bps = measured.get(usize::from(instead)).copied().unwrap_or(*bps);
            }
        }
        all
    }

    /// Takes what was decided, and gives the sizes that somebody begins with.
    pub fn allot(&mut self, allotted: [Places; LAYERS]) -> u8 {
        self.allotted = allotted;
        let mut sent = [0; LAYERS];
        for (layer, places) in (0u8..).zip(allotted) {
            if let Some(sent) = sent.get_mut(usize::from(self.substitute(layer))) {
                *sent |= places;
            }
        }
        let before = core::mem::replace(&mut self.sent, sent);
        let begun = (0u32..).zip(sent.iter().zip(&before)).filter(|(_, (now, before))| *now & !*before != 0);
        begun.fold(0, |layers, (layer, _)| layers | 1u8.checked_shl(layer).unwrap_or(0))
    }

    /// As [`Self::allot`], after a size went live or is no longer.
    pub fn allot_again(&mut self) -> u8 {
        self.allot(self.allotted)
    }

    /// What stands in for a size that is not to be had: the next smaller one that is, else the next larger one, else
    /// itself, so that its first packet finds its receivers.
    fn substitute(&self, layer: u8) -> u8 {
        let is_live = |layer: &u8| self.live.checked_shr(u32::from(*layer)).unwrap_or(0) & 1 != 0;
        let smaller = (layer..LAYERS as u8).find(is_live);
        smaller.or_else(|| (0..layer).rev().find(is_live)).unwrap_or(layer)
    }

    /// Notes what the control plane should know now; true if it was told otherwise, or long ago.
    pub fn must_tell(&mut self, now: Instant, told: (u8, u32), repeat: Duration) -> bool {
        let (layers, bound) = self.told;
        // A bound that changes a little is not worth a message.
        let is_near = bound.abs_diff(told.1) <= bound / 8;
        if layers != told.0 || !is_near {
            // Whoever need not send anything has nothing to obey.
            self.told_at = if told.0 == 0 { self.told_at } else { now };
            self.told = told;
        } else if now.since(self.repeated_at) < repeat {
            return false;
        }
        self.repeated_at = now;
        true
    }
}
