//! What the network grants and loses, and what others want of our pictures: written by the engine, read by the threads of
//! cameras and microphones.

use std::collections::HashMap;
use std::sync::Mutex;

use hph_core::id::{RoomId, TrackId};

/// Kept free of pictures: voice with its copies, and control. **Units:** bits a second.
const SOUND_BPS: u32 = 150_000;

/// What others want of one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// A bit for each size layer that anybody is sent, the lowest for the full picture.
    pub layers: u8,
    /// What the largest of them may take. **Units:** bits a second; 0: no bound.
    pub max_bps: u32,
    /// Sizes of which somebody needs a whole picture.
    pub refresh: u8,
}

impl Default for Demand {
    /// What everybody sends until it is told otherwise.
    fn default() -> Self {
        Self { layers: 1, max_bps: 0, refresh: 0 }
    }
}

#[derive(Debug, Default)]
struct State {
    uplink_bps: Option<u32>,
    /// What is lost of ours on the worst way to a receiver, from 0 to 1, and how many packets in a row.
    loss: (f32, f32),
    demands: HashMap<(RoomId, TrackId), Demand>,
    /// Picture tracks that are on.
    pictures: u32,
}

/// The place where both meet. Asked once a picture; never held for long.
#[derive(Debug, Default)]
pub struct Guidance(Mutex<State>);

impl Guidance {
    /// What our way to the server carries; none while nothing is known.
    pub fn set_uplink(&self, bps: Option<u32>) {
        self.with(|state| state.uplink_bps = bps);
    }

    /// What is lost of ours on the worst way to a receiver, from 0 to 1, and how many packets in a row on average.
    pub fn set_loss(&self, loss: f32, burst: f32) {
        self.with(|state| state.loss = (loss, burst));
    }

    /// What [`Self::set_loss`] said last.
    pub fn loss(&self) -> (f32, f32) {
        self.with(|state| state.loss)
    }

    /// Which sizes are wanted.
    pub fn set_wanted(&self, room: RoomId, track: TrackId, layers: u8, max_bps: u32) {
        self.with(|state| {
            let demand = state.demands.entry((room, track)).or_default();
            (demand.layers, demand.max_bps) = (layers, max_bps);
        });
    }

    /// Somebody needs whole pictures of these sizes.
    pub fn ask_refresh(&self, room: RoomId, track: TrackId, layers: u8) {
        self.with(|state| state.demands.entry((room, track)).or_default().refresh |= layers);
    }

    /// We are in the room anew: what was wanted before was told to another membership.
    pub fn forget_room(&self, room: RoomId) {
        self.with(|state| state.demands.retain(|(other, _), _| *other != room));
    }

    /// A picture track is on, or off again.
    pub fn count_picture(&self, is_on: bool) {
        self.with(|state| {
            state.pictures = if is_on { state.pictures + 1 } else { state.pictures.saturating_sub(1) };
        });
    }

    /// What is wanted of a picture now, whole pictures asked for only once; and what it may take, if anything is known.
    pub fn take(&self, room: RoomId, track: TrackId) -> (Demand, Option<u32>) {
        self.with(|state| {
            let granted = state.uplink_bps.map(|bps| bps.saturating_sub(SOUND_BPS) / state.pictures.max(1));
            let demand = state.demands.entry((room, track)).or_default();
            let taken = *demand;
            demand.refresh = 0;
            (taken, granted)
        })
    }

    fn with<R: Default>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        self.0.lock().map(|mut state| act(&mut state)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId(7);

    #[test]
    fn a_whole_picture_is_asked_for_once() {
        let guidance = Guidance::default();
        guidance.ask_refresh(ROOM, TrackId::CAMERA, 0b001);
        guidance.ask_refresh(ROOM, TrackId::CAMERA, 0b100);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).0.refresh, 0b101);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).0, Demand::default());
    }

    #[test]
    fn pictures_share_what_the_way_carries_beside_sound() {
        let guidance = Guidance::default();
        guidance.count_picture(true);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, None);
        guidance.set_uplink(Some(2_150_000));
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(2_000_000));
        guidance.count_picture(true);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(1_000_000));
        guidance.count_picture(false);
        guidance.set_uplink(Some(100_000));
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(0));
    }

    #[test]
    fn a_new_membership_begins_with_what_everybody_sends() {
        let guidance = Guidance::default();
        guidance.set_wanted(ROOM, TrackId::CAMERA, 0b110, 5);
        guidance.set_wanted(RoomId(8), TrackId::CAMERA, 0, 0);
        guidance.forget_room(ROOM);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).0, Demand::default());
        assert_eq!(guidance.take(RoomId(8), TrackId::CAMERA).0.layers, 0);
    }
}
