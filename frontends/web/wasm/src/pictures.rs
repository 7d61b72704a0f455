//! Other people's pictures: strips are put into them as they come.

use hph_core::endpoint::client::IncomingStrip;
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::{Codec, TrackInfo};
use hph_platform::jpeg::probe;
use hph_platform::picture::Picture;
use hph_platform::video::StripDecoder;

/// Pictures at the same time: cameras and screens of a room.
const PICTURES_MAX: usize = 64;
/// Sizes of one track.
const LAYERS: usize = 3;
/// Another size is shown when no more than this share of it has not come ...
const MISSING_MAX: f32 = 0.02;
/// ... or when the one that is shown has been silent for so long: a part that moves is better than a whole that stands still.
const PATIENCE: Duration = Duration::from_millis(300);

/// One size of a track.
#[derive(Default)]
struct Layer {
    decoder: Option<StripDecoder>,
    frame: u32,
    came: u16,
}

/// One track.
struct Shown {
    slot: u16,
    track: u8,
    member: u32,
    codec: Codec,
    size: (u16, u16),
    layers: [Layer; LAYERS],
    /// The layer that came last.
    newest: usize,
    /// The one that is seen: it stays until the other one is whole, or nothing comes of it any more.
    seen: usize,
    seen_at: Instant,
    timestamp: u32,
    /// Strips that were put into it, and when the last one came.
    strips: u32,
    came_at: Instant,
    /// Whether anything came since it was drawn.
    is_new: bool,
}

/// Everybody's.
#[derive(Default)]
pub struct Pictures {
    shown: Vec<Shown>,
    rgba: Vec<u8>,
}

impl Pictures {
    /// Somebody's track was announced. What is not announced is not decoded, nor more of it than was.
    pub fn announce(&mut self, slot: u16, track: u8, member: u32, info: &TrackInfo) {
        let size = (info.width, info.height);
        let is_seen = info.is_on && matches!(info.codec, Codec::Strips | Codec::Jpeg);
        let known = self.shown.iter().position(|shown| (shown.slot, shown.track) == (slot, track));
        if let Some(at) = known {
            let shown = &self.shown[at];
            if is_seen && (shown.size, shown.member, shown.codec) == (size, member, info.codec) {
                return;
            }
            self.shown.swap_remove(at);
        }
        if is_seen && self.shown.len() < PICTURES_MAX {
            let (codec, layers) = (info.codec, Default::default());
            self.shown.push(Shown {
                slot,
                track,
                member,
                codec,
                size,
                layers,
                newest: 0,
                seen: 0,
                seen_at: Instant::default(),
                timestamp: 0,
                strips: 0,
                came_at: Instant::default(),
                is_new: false,
            });
        }
    }

    /// Whether a whole JPEG of that track may be decoded: it passes the gate, and is no larger than announced.
    pub fn allows_jpeg(&self, slot: u16, track: u8, bytes: &[u8]) -> bool {
        let shown = self.shown.iter().find(|shown| (shown.slot, shown.track) == (slot, track));
        let Some(shown) = shown.filter(|shown| shown.codec == Codec::Jpeg) else { return false };
        probe(bytes).is_ok_and(|info| info.width <= shown.size.0 && info.height <= shown.size.1)
    }

    /// Puts a strip into its picture; whether that should be drawn now.
    pub fn handle(&mut self, strip: &IncomingStrip<'_>) -> bool {
        let key = (strip.slot.0, strip.track.0);
        let shown = self.shown.iter_mut().find(|shown| (shown.slot, shown.track) == key);
        let Some(shown) = shown.filter(|shown| shown.codec == Codec::Strips) else { return false };
        let at = usize::from(strip.layer);
        let Some(layer) = shown.layers.get_mut(at) else { return false };
        let decoder = layer.decoder.get_or_insert_with(|| StripDecoder::new(shown.size.0, shown.size.1));
        if decoder.handle(strip.frame, strip.bytes).is_err() {
            return false;
        }
        if layer.came == 0 || layer.frame != strip.frame {
            if strip.is_newest {
                (layer.frame, layer.came) = (strip.frame, 1);
            }
        } else {
            layer.came = layer.came.saturating_add(1);
        }
        if strip.is_newest {
            (shown.newest, shown.timestamp) = (at, strip.timestamp);
        }
        shown.strips = shown.strips.wrapping_add(1);
        shown.came_at = strip.at;
        shown.is_new |= shown.seen == at;
        let is_whole = layer.came >= strip.count && layer.frame == strip.frame;
        let is_usable = decoder.missing() < MISSING_MAX || strip.at.since(shown.seen_at) > PATIENCE;
        if shown.newest == at && (shown.seen == at || is_usable) {
            (shown.seen, shown.seen_at) = (at, strip.at);
        }
        is_whole && shown.seen == at
    }

    /// The picture of a track as it is now, as RGBA: sides, media clock of its newest strip, bytes. None before the first strip,
    /// and if nothing came since the last time, unless `force` is set.
    pub fn draw(&mut self, slot: u16, track: u8, force: bool) -> Option<(u16, u16, u32, &[u8])> {
        let Self { shown, rgba } = self;
        let shown = shown.iter_mut().find(|shown| (shown.slot, shown.track) == (slot, track))?;
        if !std::mem::take(&mut shown.is_new) && !force {
            return None;
        }
        let picture = shown.layers[shown.seen].decoder.as_mut()?.picture();
        if !picture.is_consistent() {
            return None;
        }
        to_rgba(picture, rgba);
        Some((picture.width, picture.height, shown.timestamp, rgba))
    }

    /// Of each picture: place, track, size that is seen, size that comes, strips until now, and when the last one came.
    pub fn stats(&self) -> impl Iterator<Item = (u16, u8, usize, usize, u32, Instant)> {
        self.shown.iter().map(|s| (s.slot, s.track, s.seen, s.newest, s.strips, s.came_at))
    }

    /// Forgets somebody's pictures: they left, or all of them.
    pub fn forget(&mut self, slot: Option<u16>) {
        self.shown.retain(|shown| slot.is_some_and(|slot| shown.slot != slot));
    }
}

fn to_rgba(picture: &Picture, rgba: &mut Vec<u8>) {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    rgba.resize(pixels.len() * 4, 255);
    let (out, _) = rgba.as_chunks_mut::<4>();
    for (out, &[red, green, blue]) in out.iter_mut().zip(pixels) {
        *out = [red, green, blue, 255];
    }
}
