//! What the network grants and loses, and what others want of our pictures: written by the engine, read by the threads of
//! cameras and microphones.

use std::collections::HashMap;
use std::sync::Mutex;

use hph_core::id::{RoomId, TrackId};

/// Kept free of pictures: voice with its copies, and control. **Units:** bits a second.
const SOUND_BPS: u32 = 150_000;

/// Where a receiver can take less than this, a picture is spread over most of the time until the next one: the server does
/// not spread what it passes on, and holds back what comes too fast. Elsewhere that would only cost latency. **Units:** bits a second.
const NARROW_BPS: u32 = 1_000_000;

/// What packets take beyond a picture's own bytes counts up to this much: parity is at most a quarter, headers of small strips as
/// much again. **Units:** permille.
const OVERHEAD_MAX: u32 = 600;

/// Reports of lost strips that may wait for the next picture; what comes on top is mended by the rolling refresh.
const LOST_MAX: usize = 1024;

/// A strip of a picture of ours that somebody did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostStrip {
    /// Its size layer.
    pub layer: u8,
    /// Capture time of its frame on the media clock.
    pub timestamp: u32,
    /// Which strip of the frame.
    pub index: u16,
}

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
    /// What packets lately took beyond the pictures' own bytes. **Units:** permille of them.
    overheads: HashMap<(RoomId, TrackId), u32>,
    lost: Vec<((RoomId, TrackId), LostStrip)>,
    /// Picture tracks that are on.
    pictures: Vec<(RoomId, TrackId)>,
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

    /// How fast the packets of a picture may leave, if its receivers' way is so narrow that a burst would fill its queue.
    /// **Units:** bits a second.
    pub fn pace_bps(&self, room: RoomId, track: TrackId) -> Option<u32> {
        let max_bps = self.with(|state| state.demands.get(&(room, track)).map_or(0, |demand| demand.max_bps));
        (1..NARROW_BPS).contains(&max_bps).then(|| max_bps / 4 * 5)
    }

    /// A frame of so many bytes became packets of so many: headers, tags and parity are paid from what pictures may take.
    pub fn note_packets(&self, room: RoomId, track: TrackId, frame_bytes: usize, packets_bytes: usize) {
        let more = packets_bytes.saturating_sub(frame_bytes).saturating_mul(1000);
        let now = more.checked_div(frame_bytes).map_or(0, |permille| permille.min(OVERHEAD_MAX as usize) as u32);
        self.with(|state| {
            let overhead = state.overheads.entry((room, track)).or_insert(now);
            *overhead = (*overhead * 7 + now).div_ceil(8);
        });
    }

    /// Somebody needs whole pictures of these sizes.
    pub fn ask_refresh(&self, room: RoomId, track: TrackId, layers: u8) {
        self.with(|state| state.demands.entry((room, track)).or_default().refresh |= layers);
    }

    /// Somebody did not get a strip.
    pub fn report_lost(&self, room: RoomId, track: TrackId, strip: LostStrip) {
        self.with(|state| {
            if state.lost.len() < LOST_MAX {
                state.lost.push(((room, track), strip));
            }
        });
    }

    /// The strips of a picture that somebody did not get, each once.
    pub fn take_lost(&self, room: RoomId, track: TrackId) -> Vec<LostStrip> {
        self.with(|state| {
            state.lost.extract_if(.., |(whose, _)| *whose == (room, track)).map(|(_, strip)| strip).collect()
        })
    }

    /// We are in the room anew: what was wanted before was told to another membership.
    pub fn forget_room(&self, room: RoomId) {
        self.with(|state| {
            state.demands.retain(|(other, _), _| *other != room);
            state.overheads.retain(|(other, _), _| *other != room);
            state.lost.retain(|((other, _), _)| *other != room);
        });
    }

    /// A picture track is on. Whoever says so says [`Self::end_picture`] later.
    pub fn begin_picture(&self, room: RoomId, track: TrackId) {
        self.with(|state| state.pictures.push((room, track)));
    }

    /// A picture track is off again.
    pub fn end_picture(&self, room: RoomId, track: TrackId) {
        self.with(|state| {
            if let Some(index) = state.pictures.iter().position(|other| *other == (room, track)) {
                state.pictures.swap_remove(index);
            }
            state.lost.retain(|(other, _)| *other != (room, track));
        });
    }

    /// What is wanted of a picture now, whole pictures asked for only once; and what it may take, if anything is known: an
    /// equal share of all that are wanted. Both are of the picture's own bytes, without those of its packets.
    pub fn take(&self, room: RoomId, track: TrackId) -> (Demand, Option<u32>) {
        self.with(|state| {
            let is_wanted = |key: &&(RoomId, TrackId)| state.demands.get(key).is_none_or(|demand| demand.layers != 0);
            let wanted = state.pictures.iter().filter(is_wanted).count().max(1) as u32;
            let granted = state.uplink_bps.map(|bps| bps.saturating_sub(SOUND_BPS) / wanted);
            let overhead = state.overheads.get(&(room, track)).copied().unwrap_or(0);
            let own = |bps: u32| (u64::from(bps) * 1000 / u64::from(1000 + overhead)) as u32;
            let demand = state.demands.entry((room, track)).or_default();
            let taken = Demand { max_bps: own(demand.max_bps), ..*demand };
            demand.refresh = 0;
            (taken, granted.map(own))
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
        guidance.begin_picture(ROOM, TrackId::CAMERA);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, None);
        guidance.set_uplink(Some(2_150_000));
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(2_000_000));
        guidance.begin_picture(ROOM, TrackId::SCREEN);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(1_000_000));
        guidance.set_wanted(ROOM, TrackId::SCREEN, 0, 0);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(2_000_000), "nobody looks at the other");
        guidance.set_wanted(ROOM, TrackId::SCREEN, 1, 0);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(1_000_000));
        guidance.end_picture(ROOM, TrackId::SCREEN);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(2_000_000));
        guidance.set_uplink(Some(100_000));
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(0));
    }

    #[test]
    fn packets_are_paid_from_what_pictures_may_take() {
        let guidance = Guidance::default();
        guidance.set_uplink(Some(1_150_000));
        guidance.set_wanted(ROOM, TrackId::CAMERA, 1, 500_000);
        for _ in 0..100 {
            guidance.note_packets(ROOM, TrackId::CAMERA, 4000, 5000);
        }
        let (demand, granted) = guidance.take(ROOM, TrackId::CAMERA);
        assert_eq!((demand.max_bps, granted), (400_000, Some(800_000)));
        (0..100).for_each(|_| guidance.note_packets(ROOM, TrackId::CAMERA, 10, 9000));
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).0.max_bps, 500_000 * 1000 / 1600);
        guidance.forget_room(ROOM);
        assert_eq!(guidance.take(ROOM, TrackId::CAMERA).1, Some(1_000_000));
    }

    #[test]
    fn reports_of_losses_go_to_their_picture_once_and_take_no_more_than_their_room() {
        let guidance = Guidance::default();
        let strip = |index| LostStrip { layer: 0, timestamp: 9, index };
        guidance.report_lost(ROOM, TrackId::SCREEN, strip(7));
        (0..5000).for_each(|index| guidance.report_lost(ROOM, TrackId::CAMERA, strip(index)));
        assert_eq!(guidance.take_lost(ROOM, TrackId::SCREEN), [strip(7)]);
        assert_eq!(guidance.take_lost(ROOM, TrackId::SCREEN), []);
        assert_eq!(guidance.take_lost(ROOM, TrackId::CAMERA).len(), LOST_MAX - 1);
        guidance.report_lost(ROOM, TrackId::CAMERA, strip(1));
        guidance.forget_room(ROOM);
        assert_eq!(guidance.take_lost(ROOM, TrackId::CAMERA), []);
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
