//! What tests share.

use hph_client::core::id::{RoomId, Slot};
use hph_client::core::time::Instant;
use hph_client::core::wire::control::{Codec, TrackInfo};
use hph_client::engine::{Event, Participant};
use hph_client::view::MeetingView;

use crate::time::Now;

/// The room of tests.
pub const ROOM: RoomId = RoomId(7);

/// `ms` after the beginning: on the clock, and on Monday 23 November 2026, 14:05 UTC+7.
pub const fn now(ms: u64) -> Now {
    Now { at: Instant::from_micros(1_000_000 + ms * 1000), unix_ms: 1_795_417_500_000 + ms, offset_s: 25_200 }
}

/// A die that falls the same way each time (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub const fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Somebody in a place, with microphone and camera on.
pub fn person(slot: u16, username: &str, display_name: &str) -> Participant {
    let mut tracks = [TrackInfo::default(); 4];
    tracks[0] = TrackInfo { is_on: true, codec: Codec::Opus, width: 0, height: 0 };
    tracks[1] = TrackInfo { is_on: true, codec: Codec::Strips, width: 1280, height: 720 };
    Participant {
        slot: Slot(slot),
        member: u32::from(slot) + 100,
        username: username.to_owned(),
        display_name: display_name.to_owned(),
        tracks,
        role: Default::default(),
        hand: 0,
        device: Default::default(),
        key: Default::default(),
    }
}

/// A meeting in one room with ourselves in place 0.
pub fn meeting(others: &[(&str, &str)]) -> MeetingView {
    let mut view = MeetingView { username: "minh".to_owned(), ..MeetingView::default() };
    view.apply(&Event::Joined { request: 0, room: ROOM, name: "Nhóm 17".to_owned(), slot: Slot(0) });
    let everybody = [("minh", "Trần Minh")].iter().chain(others);
    for (slot, (username, name)) in (0..).zip(everybody) {
        come(&mut view, person(slot, username, name));
    }
    view
}

/// Somebody comes, or their tracks change.
pub fn come(view: &mut MeetingView, participant: Participant) {
    let is_me = participant.slot == Slot(0);
    view.apply(&Event::Participant { room: ROOM, participant, is_new: true, is_me });
}
