//! Who is sent which size of which picture: decided at each receiver's home, several times a second and whenever
//! something changed.

use super::room::{Places, RelayRoom, bit};
use super::session::RelaySession;
use super::video::{VIDEOS, Video, video_track};
use super::{RelayMachine, RelayOutput, RelayReport};
use crate::id::{Slot, TrackId};
use crate::limits::ROOM_PARTICIPANTS_MAX;
use crate::media::police::Policer;
use crate::room::allocation::{Importance, LAYERS, SOURCES_MAX, Share, Source, allocate};
use crate::time::{Duration, Instant};

/// Decisions are made this often while packets flow.
pub(super) const ALLOT_INTERVAL: Duration = Duration::from_millis(200);
/// What is true for long is told again this often, in case that it was lost.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// Kept free of pictures for each microphone that is on, copies included, and at least for one; more if more goes there
/// beside the pictures, sent again or to another room. **Units:** bits a second.
const VOICE_BPS: u32 = 100_000;
/// More than so many rarely speak at once.
const VOICES_MAX: u32 = 3;
/// After a picture had to become smaller, none becomes larger for this long.
const CLEAN: Duration = Duration::from_secs(3);

/// What a server spends on its receivers. **Units:** bits a second of UDP payload, pictures and sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// For one receiver.
    pub receiver_bps: u32,
    /// For all receivers of a room together.
    pub room_bps: u32,
}

impl Budgets {
    /// Nothing is held back.
    pub const UNLIMITED: Self = Self { receiver_bps: u32::MAX, room_bps: u32::MAX };
}

impl Default for Budgets {
    fn default() -> Self {
        Self { receiver_bps: 20_000_000, room_bps: 200_000_000 }
    }
}

/// By sender and picture track: by size, who is to have it.
type Allotment = [[[Places; LAYERS]; VIDEOS]; ROOM_PARTICIPANTS_MAX];
/// By sender and picture track: what the receivers of its largest size can take at most.
type Bounds = [[u32; VIDEOS]; ROOM_PARTICIPANTS_MAX];

impl RelayMachine<'_> {
    /// Decides anew for the rooms that commands have changed. Call it after [`Self::apply`]: a sender of whom nobody
    /// wanted anything sends no packet that could remind the machine.
    pub fn settle(&mut self, now: Instant, out: &mut impl RelayOutput) {
        if !core::mem::take(&mut self.has_stale_room) {
            return;
        }
        for room_index in 0..u16::try_from(self.rooms.bound()).unwrap_or(u16::MAX) {
            if self.rooms.get(usize::from(room_index)).is_some_and(|room| room.is_stale) {
                self.allot_if_due(now, room_index, out);
            }
        }
    }

    /// Decides anew for a room if that is due, and tells the control plane what follows.
    pub(super) fn allot_if_due(&mut self, now: Instant, room_index: u16, out: &mut impl RelayOutput) {
        let Some(room) = self.rooms.get_mut(usize::from(room_index)) else { return };
        let elapsed = now.since(room.allotted_at);
        if !room.is_stale && elapsed < ALLOT_INTERVAL {
            return;
        }
        if elapsed >= ALLOT_INTERVAL {
            room.videos.iter_mut().flatten().for_each(|video| video.measure(now, elapsed));
            room.allotted_at = now;
        }
        room.is_stale = false;
        let mut allotment = Allotment::default();
        let mut bounds = Bounds::default();
        let share_bps = self.budgets.room_bps.checked_div(room.people()).unwrap_or(0);
        let most_bps = self.budgets.receiver_bps.min(share_bps);
        for (slot, seat) in room.members(self.shard) {
            let session = self.sessions.get_mut(usize::from(seat)).and_then(|place| place.session.as_mut());
            let Some(session) = session else { continue };
            allot_for(now, room, slot, session, most_bps, &mut allotment, &mut bounds);
        }
        self.take(now, room_index, &allotment, &bounds, out);
    }

    /// Takes what was decided and tells the control plane.
    fn take(
        &mut self,
        now: Instant,
        room_index: u16,
        allotment: &Allotment,
        bounds: &Bounds,
        out: &mut impl RelayOutput,
    ) {
        let Some(room) = self.rooms.get_mut(usize::from(room_index)) else { return };
        for (sender, (allotted, bounds)) in (0u16..).zip(allotment.iter().zip(bounds)) {
            let sender = Slot(sender);
            for (index, (allotted, bound)) in allotted.iter().zip(bounds).enumerate() {
                let track = video_track(index);
                if !room.is_publishing(sender, track) {
                    continue;
                }
                let Some(video) = room.video_mut(sender, track) else { continue };
                let begun = video.allot(*allotted);
                let layers = (0u32..).zip(allotted).fold(0u8, |layers, (layer, places)| {
                    if *places == 0 { layers } else { layers | 1u8.checked_shl(layer).unwrap_or(0) }
                });
                if video.must_tell(now, (layers, *bound), TELL_INTERVAL) {
                    out.report(&RelayReport::Wanted { room_index, sender, track, layers, max_bps: *bound });
                }
                if begun != 0 {
                    out.report(&RelayReport::Refresh { room_index, sender, track, layers: begun });
                }
            }
        }
    }

    /// Counts a packet of a picture, and lets a size that has just come to life have its receivers.
    pub(super) fn count_picture(
        &mut self,
        now: Instant,
        room_index: u16,
        sender: Slot,
        track: TrackId,
        layer: u8,
        bytes: usize,
    ) {
        let room = self.rooms.get_mut(usize::from(room_index));
        if let Some(video) = room.and_then(|room| room.video_mut(sender, track))
            && video.count(now, layer, bytes)
        {
            // Who is moved to it begins with whatever comes: a whole picture, since it is new to all.
            let _ = video.allot_again();
        }
    }
}

/// Decides for one receiver. What its hop carries chooses among the sizes of those who publish small ones; the budget is
/// for everybody. Who sends one size whatever he is told is shown in it while the budget lasts: less of nothing helps
/// nobody, and a measurement of the hop may err.
fn allot_for(
    now: Instant,
    room: &RelayRoom,
    receiver: Slot,
    session: &mut RelaySession,
    most_bps: u32,
    allotment: &mut Allotment,
    bounds: &mut Bounds,
) {
    let Some(own_bit) = bit(receiver) else { return };
    let mut sources = [Source::default(); SOURCES_MAX];
    let mut whose = [(0usize, 0usize); SOURCES_MAX];
    let (mut count, mut pictures_bps) = (0usize, 0u32);
    for (sender, videos) in room.videos.iter().enumerate() {
        let slot = Slot(sender as u16);
        for (index, video) in videos.iter().enumerate() {
            let track = video_track(index);
            let is_source = slot != receiver && room.is_publishing(slot, track) && video.tile(receiver.0.into()) > 0;
            let (true, Some(source), Some(who)) = (is_source, sources.get_mut(count), whose.get_mut(count)) else {
                continue;
            };
            *who = (sender, index);
            pictures_bps = pictures_bps.saturating_add(video.sent_bps(own_bit));
            *source = Source {
                width: video.width,
                wanted_width: video.tile(receiver.0.into()),
                importance: importance(room, slot, track),
                recency: room.recency(sender),
                layer_bps: video.layer_bps(now),
                given: video.given(own_bit),
                follows: video.follows(now, own_bit),
            };
            count = count.saturating_add(1);
        }
    }
    if session.rate.forget_if_silent(now) {
        session.policer = Policer::default();
    }
    if sources.iter().take(count).any(|source| source.given.is_some()) {
        session.rate.handle_sending(now);
    }
    session.police(now);
    let mut shares = [Share::default(); SOURCES_MAX];
    let (sources, shares) = (sources.get(..count).unwrap_or_default(), shares.get_mut(..count).unwrap_or_default());
    let sound_bps = VOICE_BPS.saturating_mul(room.voices_for(receiver).clamp(1, VOICES_MAX));
    let budget_bps = most_bps.saturating_sub(sound_bps);
    let beside_bps = session.sent.measure(now).saturating_sub(pictures_bps).max(sound_bps);
    let hop_bps = session.rate.bound_bps(now).map_or(u32::MAX, |bps| bps.saturating_sub(beside_bps));
    let taken = allocate(budget_bps.min(hop_bps), session.may_pictures_rise(now), sources, shares);
    let mut left = budget_bps.saturating_sub(taken);
    for ((source, share), (sender, index)) in sources.iter().zip(shares.iter_mut()).zip(whose) {
        let video = room.videos.get(sender).and_then(|of| of.get(index));
        let cost = source.layer_bps.last().copied().unwrap_or(0);
        if share.layer.is_none()
            && source.needed_layer().is_some()
            && cost <= left
            && !video.is_some_and(Video::is_adapting)
        {
            left = left.saturating_sub(cost);
            share.layer = Some(LAYERS.saturating_sub(1) as u8);
        }
    }
    let mut has_fallen = false;
    for ((source, share), (sender, index)) in sources.iter().zip(shares.iter()).zip(whose) {
        has_fallen |= source.given.is_some_and(|given| share.layer.is_none_or(|layer| layer > given));
        let Some(layer) = share.layer else { continue };
        let allotted = allotment.get_mut(sender).and_then(|of| of.get_mut(index));
        let bound = bounds.get_mut(sender).and_then(|of| of.get_mut(index));
        let (Some(allotted), Some(bound)) = (allotted, bound) else { continue };
        if let Some(places) = allotted.get_mut(usize::from(layer)) {
            *places |= own_bit;
        }
        *bound = (*bound).max(share.bound_bps);
    }
    if has_fallen {
        session.pictures_fell_at = Some(now);
    }
}

fn importance(room: &RelayRoom, slot: Slot, track: TrackId) -> Importance {
    match track {
        TrackId::SCREEN => Importance::Screen,
        _ if room.speaker() == Some(slot) => Importance::Speaker,
        _ => Importance::Other,
    }
}

impl RelaySession {
    fn may_pictures_rise(&self, now: Instant) -> bool {
        self.pictures_fell_at.is_none_or(|at| now.since(at) >= CLEAN)
    }
}
