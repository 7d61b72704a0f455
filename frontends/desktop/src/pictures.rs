//! Pictures on their way to the screen: the newest of each track wins, each is made as small as its tile off the thread
//! that draws, and that thread is woken once, however many there are.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hph_client::engine::RemoteTrack;
use hph_client::platform::picture::Picture;
use slint::{Rgb8Pixel, SharedPixelBuffer};

/// A picture ready to be drawn.
pub type Pixels = SharedPixelBuffer<Rgb8Pixel>;

/// Where threads put pictures and the screen takes them.
#[derive(Clone)]
pub struct Board(Arc<Inner>);

struct Inner {
    slots: Mutex<HashMap<RemoteTrack, Slot>>,
    is_woken: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
    put: AtomicU64,
}

#[derive(Default)]
struct Slot {
    /// Width of its tile; 0: as it comes. **Units:** pixels of the screen.
    width: u32,
    newest: Option<Fresh>,
    /// The last picture as it came, if it was made smaller: what stands still is not sent again, and its tile may grow.
    whole: Option<Picture>,
}

/// A picture that was not taken yet.
struct Fresh {
    pixels: Pixels,
    /// Sides before it was made smaller.
    size: (u16, u16),
}

/// A new picture.
pub struct Taken {
    /// Whose.
    pub track: RemoteTrack,
    /// The picture.
    pub pixels: Pixels,
    /// Its sides as it came.
    pub size: (u16, u16),
}

impl Board {
    /// `wake` is called when there is something to take, once until it is taken.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (slots, is_woken, put) = Default::default();
        Self(Arc::new(Inner { slots, is_woken, wake: Box::new(wake), put }))
    }

    /// Puts a picture there; one that was not taken yet is lost.
    pub fn put(&self, track: RemoteTrack, picture: &Picture) {
        if !picture.is_consistent() {
            return;
        }
        let width = self.0.slots.lock().ok().and_then(|slots| slots.get(&track).map(|slot| slot.width)).unwrap_or(0);
        let fresh = Fresh { pixels: fitted(picture, width), size: (picture.width, picture.height) };
        let is_smaller = fresh.pixels.width() < picture.width.into();
        if let Ok(mut slots) = self.0.slots.lock() {
            let slot = slots.entry(track).or_default();
            slot.newest = Some(fresh);
            if is_smaller {
                slot.whole.get_or_insert_default().clone_from(picture);
            } else {
                slot.whole = None;
            }
        }
        self.0.put.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        if !self.0.is_woken.swap(true, Ordering::AcqRel) {
            (self.0.wake)();
        }
    }

    /// Everything new. From now on [`Self::put`] wakes again.
    pub fn take(&self) -> Vec<Taken> {
        self.0.is_woken.store(false, Ordering::Release);
        let Ok(mut slots) = self.0.slots.lock() else { return Vec::new() };
        let fresh = slots.iter_mut().filter_map(|(track, slot)| Some((*track, slot.newest.take()?)));
        fresh.map(|(track, Fresh { pixels, size })| Taken { track, pixels, size }).collect()
    }

    /// How wide tiles are; what has none is forgotten. Whatever grows is drawn anew of all that came.
    pub fn set_tiles(&self, tiles: &[(RemoteTrack, u32)]) {
        let mut has_news = false;
        if let Ok(mut slots) = self.0.slots.lock() {
            slots.retain(|track, _| tiles.iter().any(|(tile, _)| tile == track));
            for (track, width) in tiles {
                let slot = slots.entry(*track).or_default();
                let is_larger = *width > std::mem::replace(&mut slot.width, *width);
                if let Some(whole) = slot.whole.as_ref().filter(|_| is_larger) {
                    slot.newest = Some(Fresh { pixels: fitted(whole, *width), size: (whole.width, whole.height) });
                    has_news = true;
                }
            }
        }
        if has_news {
            self.wake();
        }
    }

    /// Pictures that were put there until now.
    pub fn count(&self) -> u64 {
        self.0.put.load(Ordering::Relaxed)
    }
}

/// The picture with its sides halved as long as that leaves it as wide as a tile of `width` pixels.
fn fitted(picture: &Picture, width: u32) -> Pixels {
    let is_larger = |side: u16| width > 0 && u32::from(side / 2) >= width;
    if !is_larger(picture.width) {
        return SharedPixelBuffer::clone_from_slice(&picture.rgb, picture.width.into(), picture.height.into());
    }
    let mut smaller = Picture::default();
    picture.halve_into(&mut smaller);
    while is_larger(smaller.width) {
        let mut next = Picture::default();
        smaller.halve_into(&mut next);
        smaller = next;
    }
    SharedPixelBuffer::clone_from_slice(&smaller.rgb, smaller.width.into(), smaller.height.into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use hph_client::core::id::{RoomId, Slot as Place, TrackId};

    use super::*;

    const LAN: RemoteTrack = (RoomId(1), Place(2), TrackId::CAMERA);
    const MINH: RemoteTrack = (RoomId(1), Place(3), TrackId::CAMERA);

    fn board() -> (Board, Arc<AtomicUsize>) {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&wakes);
        let wake = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (Board::new(wake), wakes)
    }

    #[test]
    fn the_newest_picture_wins_and_wakes_once() {
        let (board, wakes) = board();
        for shade in 0..5 {
            let mut picture = Picture::black(4, 2);
            picture.rgb.fill(shade);
            board.put(LAN, &picture);
            board.put(MINH, &picture);
        }
        let taken = board.take();
        assert_eq!((taken.len(), wakes.load(Ordering::Relaxed)), (2, 1));
        assert!(taken.iter().all(|taken| taken.pixels.as_bytes()[0] == 4));
        assert!(board.take().is_empty());
        board.put(LAN, &Picture::black(4, 2));
        assert_eq!((wakes.load(Ordering::Relaxed), board.count()), (2, 11));
    }

    #[test]
    fn a_picture_is_less_than_twice_as_wide_as_its_tile_and_never_smaller() {
        let (board, _) = board();
        for (tile, width) in [(0, 1280), (1280, 1280), (900, 1280), (640, 640), (630, 640), (320, 320), (160, 160)] {
            board.set_tiles(&[(LAN, tile)]);
            board.put(LAN, &Picture::black(1280, 720));
            let taken = board.take().remove(0);
            assert_eq!((taken.pixels.width(), taken.size), (width, (1280, 720)), "tile of {tile}");
        }
    }

    #[test]
    fn a_picture_that_stands_still_is_sharp_when_its_tile_grows() {
        let (board, wakes) = board();
        board.set_tiles(&[(LAN, 160)]);
        board.put(LAN, &Picture::black(1280, 720));
        assert_eq!(board.take().remove(0).pixels.width(), 160);
        board.set_tiles(&[(LAN, 150)]);
        assert!(board.take().is_empty(), "smaller it is sharp enough");
        board.set_tiles(&[(LAN, 900)]);
        let taken = board.take();
        assert_eq!((taken.len(), taken[0].pixels.width(), wakes.load(Ordering::Relaxed)), (1, 1280, 2));
        board.set_tiles(&[(LAN, 900)]);
        assert!(board.take().is_empty());
    }

    #[test]
    fn what_has_no_tile_is_forgotten_and_what_is_no_picture_is_refused() {
        let (board, _) = board();
        board.put(LAN, &Picture::black(4, 2));
        board.set_tiles(&[(MINH, 100)]);
        assert!(board.take().is_empty());
        board.put(MINH, &Picture { width: 4, height: 2, rgb: vec![0; 3] });
        assert!(board.take().is_empty());
    }
}
