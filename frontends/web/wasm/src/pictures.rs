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

/// A size that comes and still has holes after this time is asked for whole ...
const HOLES_AFTER: Duration = Duration::from_millis(500);
/// ... and so often at most.
const ASK_INTERVAL: Duration = Duration::from_secs(2);

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
    /// The layer that came last, and since when it is that one.
    newest: usize,
    newest_since: Instant,
    /// When it was asked for whole.
    asked_at: Option<Instant>,
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
                newest_since: Instant::default(),
                asked_at: None,
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
        // Frames are numbered by size: which size comes now is told by the time of capture. A late strip of the one before is
        // put into it, and that is all.
        let ahead = strip.timestamp.wrapping_sub(shown.timestamp).cast_signed();
        let is_first = shown.strips == 0;
        let is_newest = strip.is_newest && (is_first || ahead > 0 || (ahead == 0 && shown.newest == at));
        if is_newest && (is_first || shown.newest != at) {
            shown.newest_since = strip.at;
            if shown.seen != at {
                // What was left of it when it was last sent is old by now.
                *layer = Layer::default();
            }
        }
        let decoder = layer.decoder.get_or_insert_with(|| StripDecoder::new(shown.size.0, shown.size.1));
        if decoder.handle(strip.frame, strip.bytes).is_err() {
            return false;
        }
        if layer.came == 0 || layer.frame != strip.frame {
            if is_newest {
                (layer.frame, layer.came) = (strip.frame, 1);
            }
        } else {
            layer.came = layer.came.saturating_add(1);
        }
        if is_newest {
            (shown.newest, shown.timestamp) = (at, strip.timestamp);
        }
        shown.strips = shown.strips.wrapping_add(1);
        shown.came_at = strip.at;
        let is_whole = layer.came >= strip.count && layer.frame == strip.frame;
        let is_usable = decoder.missing() < MISSING_MAX || strip.at.since(shown.seen_at) > PATIENCE;
        if shown.newest == at && (shown.seen == at || is_usable) {
            (shown.seen, shown.seen_at) = (at, strip.at);
        }
        shown.is_new |= shown.seen == at;
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

    /// Pictures that come and have holes that nobody fills: place and track of each, to be asked for whole. Each is named once
    /// in a while.
    pub fn take_holes(&mut self, now: Instant) -> impl Iterator<Item = (u16, u8)> {
        self.shown.iter_mut().filter_map(move |shown| {
            let is_coming = now.since(shown.came_at) < ASK_INTERVAL && now.since(shown.newest_since) > HOLES_AFTER;
            let was_asked = shown.asked_at.is_some_and(|at| now.since(at) < ASK_INTERVAL);
            let decoder = shown.layers[shown.newest].decoder.as_ref();
            let is_hole = is_coming && !was_asked && decoder.is_some_and(|decoder| decoder.missing() > 0.0);
            is_hole.then(|| {
                shown.asked_at = Some(now);
                (shown.slot, shown.track)
            })
        })
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

#[cfg(test)]
mod tests {
    use hph_core::id::{RoomId, Slot, TrackId};
    use hph_platform::video::{StripEncoder, StripFrame, StripParams};

    use super::*;

    const INFO: TrackInfo = TrackInfo { is_on: true, codec: Codec::Strips, width: 320, height: 192 };

    /// The strips of a picture of one shade, refreshed whole.
    fn strips(shade: u8, (width, height): (u16, u16)) -> Vec<Vec<u8>> {
        let mut picture = Picture::black(width, height);
        for (at, value) in picture.rgb.iter_mut().enumerate() {
            // Something in every block, so that there are several strips.
            *value = shade ^ (at * 7 / 3) as u8;
        }
        let mut out = StripFrame::default();
        StripEncoder::new().encode(Instant::from_micros(1), 0, &picture, &StripParams::default(), &mut out).unwrap();
        out.strips.iter().map(|range| out.bytes[range.clone()].to_vec()).collect()
    }

    fn put(pictures: &mut Pictures, ms: u64, layer: u8, frame: u32, strips: &[Vec<u8>], count: usize) -> bool {
        let mut is_whole = false;
        for (index, bytes) in strips.iter().enumerate().take(count) {
            is_whole = pictures.handle(&IncomingStrip {
                room: RoomId(1),
                slot: Slot(2),
                track: TrackId::CAMERA,
                layer,
                frame,
                timestamp: frame * 4500,
                index: index as u16,
                count: strips.len() as u16,
                bytes,
                at: at(ms),
                is_newest: true,
            });
        }
        is_whole
    }

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn width(pictures: &mut Pictures) -> Option<u16> {
        pictures.draw(2, 1, true).map(|(width, ..)| width)
    }

    #[test]
    fn another_size_is_shown_when_it_is_whole_and_one_with_holes_is_asked_for() {
        let (full, half) = (strips(0, (320, 192)), strips(0, (160, 96)));
        assert!(full.len() > 2 && half.len() > 1);
        let mut pictures = Pictures::default();
        pictures.announce(2, 1, 1, &INFO);
        assert!(put(&mut pictures, 1000, 0, 1, &full, full.len()));
        assert_eq!(width(&mut pictures), Some(320));
        assert_eq!(pictures.take_holes(at(1900)).count(), 0);
        // Half of the smaller one: the larger stays, for a while.
        assert!(!put(&mut pictures, 1050, 1, 2, &half, 1));
        assert_eq!(width(&mut pictures), Some(320));
        assert!(!put(&mut pictures, 1400, 1, 3, &half, 1));
        assert_eq!(width(&mut pictures), Some(160));
        assert_eq!(pictures.take_holes(at(1500)).count(), 0, "it may be on its way");
        assert_eq!(pictures.take_holes(at(1600)).collect::<Vec<_>>(), [(2, 1)]);
        assert_eq!(pictures.take_holes(at(1700)).count(), 0, "once in a while");
        assert!(put(&mut pictures, 1800, 1, 4, &half, half.len()));
        assert_eq!(pictures.take_holes(at(3700)).count(), 0);
        // Late, and of the size that was left: it changes nothing.
        assert!(!put(&mut pictures, 1850, 0, 2, &full, 1));
        assert_eq!((width(&mut pictures), pictures.take_holes(at(4000)).count()), (Some(160), 0));
        // Back to the larger one: nothing of what it was stays in it.
        assert!(put(&mut pictures, 3700, 1, 5, &half, half.len()));
        assert!(!put(&mut pictures, 3800, 0, 6, &full, 1));
        assert_eq!(width(&mut pictures), Some(160));
        assert!(put(&mut pictures, 3850, 0, 7, &full, full.len()));
        assert_eq!(width(&mut pictures), Some(320));
    }
}
