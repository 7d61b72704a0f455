//! What the packet planes found out about media, brought together: who speaks, which sizes are wanted, who needs a
//! whole picture.

use super::{ServerMachine, ServerOutput};
use crate::endpoint::relay::{RelayCommand, RelayReport, SHARDS_MAX};
use crate::id::{RoomId, SessionId, Slot, TrackId};
use crate::limits::ROOM_PARTICIPANTS_MAX;
use crate::media::nack::parse_nack;
use crate::rate::TokenBucket;
use crate::room::Room;
use crate::room::active_speaker::{ActiveSpeaker, SpeechActivity};
use crate::time::{Duration, Instant};
use crate::wire::control::ServerMessage;

/// A bit for each size of a picture.
pub(super) const ALL_LAYERS: u8 = 0b111;
/// A sender is asked for a whole picture at most this often; what is asked in between is put together.
pub const REFRESH_INTERVAL: Duration = Duration::from_millis(400);
/// A sender is told so often a second of packets of a track that did not come, and so often at once; each time of up to
/// 33 packets. What is more than that is mended by the rolling refresh.
pub(super) const LOST_PER_S: u32 = 20;
pub(super) const LOST_AT_ONCE: u32 = 40;

/// One picture track of a member, as far as the packet planes told.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureDemand {
    /// By shard: sizes wanted, bound of the largest.
    shards: [(u8, u32); SHARDS_MAX],
    is_known: bool,
    /// Sizes of which a whole picture is still to be asked for.
    refresh: u8,
    refreshed_at: Option<Instant>,
    lost: TokenBucket,
}

impl Default for PictureDemand {
    fn default() -> Self {
        Self {
            shards: Default::default(),
            is_known: false,
            refresh: 0,
            refreshed_at: None,
            lost: TokenBucket::new(LOST_PER_S, LOST_AT_ONCE),
        }
    }
}

impl PictureDemand {
    /// All shards together: the union of sizes, and the bound of those who get the largest; none if nobody said anything.
    fn together(&self) -> (u8, u32) {
        let layers = self.shards.iter().fold(0, |all, (layers, _)| all | layers);
        let largest = layers.trailing_zeros();
        let of_largest = self.shards.iter().filter(|(layers, _)| *layers != 0 && layers.trailing_zeros() == largest);
        let bound = of_largest.map(|(_, bound)| if *bound == 0 { u32::MAX } else { *bound }).max().unwrap_or(0);
        (layers, if bound == u32::MAX { 0 } else { bound })
    }
}

/// What the control plane knows of a room's media.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoomMedia {
    floor: ActiveSpeaker,
    speech: [SpeechActivity; ROOM_PARTICIPANTS_MAX],
    demands: [[PictureDemand; 2]; ROOM_PARTICIPANTS_MAX],
}

impl RoomMedia {
    /// Whoever was in that place is gone.
    pub fn forget(&mut self, slot: Slot) {
        let index = usize::from(slot.0);
        if let (Some(speech), Some(demands)) = (self.speech.get_mut(index), self.demands.get_mut(index)) {
            (*speech, *demands) = (SpeechActivity::default(), Default::default());
        }
    }

    fn demand_mut(&mut self, sender: Slot, track: TrackId) -> Option<&mut PictureDemand> {
        self.demands.get_mut(usize::from(sender.0))?.get_mut(usize::from(track.0.checked_sub(1)?))
    }
}

impl ServerMachine<'_> {
    /// Takes what a packet plane reports. A report about somebody who has left meanwhile does no harm: a shard reports
    /// anew on each track that begins.
    pub fn handle_report(&mut self, now: Instant, shard: usize, report: &RelayReport, out: &mut impl ServerOutput) {
        match *report {
            RelayReport::Wanted { room_index, sender, track, layers, max_bps } => {
                let Some(demand) = self.demand_mut(room_index, sender, track) else { return };
                demand.is_known = true;
                if let Some(of_shard) = demand.shards.get_mut(shard) {
                    *of_shard = (layers & ALL_LAYERS, max_bps);
                }
            }
            RelayReport::Refresh { room_index, sender, track, layers } => {
                self.ask_for_refresh(now, room_index, sender, track, layers, out);
            }
            RelayReport::Speech { room_index, sender, activity } => {
                let media = self.room_media_mut(room_index);
                if let Some(speech) = media.and_then(|media| media.speech.get_mut(usize::from(sender.0))) {
                    *speech = activity;
                }
                self.decide_speaker(now, room_index, out);
            }
        }
    }

    /// Asks a sender for a whole picture, now or when it may be asked again.
    pub(super) fn ask_for_refresh(
        &mut self,
        now: Instant,
        room_index: u16,
        sender: Slot,
        track: TrackId,
        layers: u8,
        out: &mut impl ServerOutput,
    ) {
        let Some(demand) = self.demand_mut(room_index, sender, track) else { return };
        demand.refresh |= layers & ALL_LAYERS;
        let is_time = demand.refreshed_at.is_none_or(|at| now.since(at) >= REFRESH_INTERVAL);
        if demand.refresh == 0 || !is_time {
            return;
        }
        let layers = core::mem::take(&mut demand.refresh);
        demand.refreshed_at = Some(now);
        let Some(room) = self.room_at(room_index) else { return };
        let to = room.participant(sender).and_then(|participant| self.session_at(participant.session));
        if let Some(to) = to {
            out.control(to, &ServerMessage::Refresh { room: room.id, track, layers });
        }
    }

    /// Passes on which packets somebody did not get, each entry to the sender whom it names. What is said of others than
    /// those in a room with the asking session, or too often, is passed over: the rolling refresh mends it.
    pub(super) fn pass_on_lost(&mut self, now: Instant, from: SessionId, packets: &[u8], out: &mut impl ServerOutput) {
        let Ok(entries) = parse_nack(packets) else { return };
        for entry in entries {
            let (room, sender, track) = (RoomId(entry.key.room), Slot(entry.key.sender), TrackId(entry.key.track));
            let Ok((to, _)) = self.other_member(from, room, sender, None) else { continue };
            let Ok(membership) = self.membership(from, room) else { continue };
            let demand = self.demand_mut(membership.room_index, sender, track);
            if demand.is_some_and(|demand| demand.lost.take(now)) {
                let (layer, seq, more) = (entry.key.layer, entry.seq, entry.more);
                out.control(to, &ServerMessage::Lost { room, track, layer, seq, more });
            }
        }
    }

    /// What waited for its time.
    pub(super) fn drive_media(&mut self, now: Instant, out: &mut impl ServerOutput) {
        for room_index in 0..u16::try_from(self.rooms.len()).unwrap_or(u16::MAX) {
            if self.room_at(room_index).is_none_or(|room| room.people() == 0) {
                continue;
            }
            self.decide_speaker(now, room_index, out);
            for sender in (0..ROOM_PARTICIPANTS_MAX as u16).map(Slot) {
                for track in [TrackId::CAMERA, TrackId::SCREEN] {
                    self.ask_for_refresh(now, room_index, sender, track, 0, out);
                }
            }
        }
    }

    /// Tells a member the next thing about media that it was told otherwise.
    pub(super) fn tell_media_change(&mut self, id: SessionId, out: &mut impl ServerOutput) -> bool {
        let Some(session) = self.session(id) else { return false };
        let mut news = None;
        for (which, membership) in session.memberships.iter().enumerate() {
            let Some(membership) = membership else { continue };
            let Some(place) = self.rooms.get(usize::from(membership.room_index)) else { continue };
            let speaker = place.media.floor.speaker();
            if speaker != membership.speaker {
                news = Some((which, ServerMessage::ActiveSpeaker { room: membership.room, slot: speaker }));
                break;
            }
            let demands = place.media.demands.get(usize::from(membership.slot.0));
            let changed = demands.into_iter().flatten().zip(membership.wanted).enumerate().find_map(|(index, pair)| {
                let (demand, told) = pair;
                let wanted = demand.together();
                (demand.is_known && wanted != told).then_some((index, wanted))
            });
            if let Some((index, (layers, max_bps))) = changed {
                let track = if index == 0 { TrackId::CAMERA } else { TrackId::SCREEN };
                news = Some((which, ServerMessage::WantedLayers { room: membership.room, track, layers, max_bps }));
                break;
            }
        }
        let Some((which, message)) = news else { return false };
        out.control(id, &message);
        let session = self.session_mut(id);
        if let Some(membership) = session.and_then(|session| session.memberships.get_mut(which)?.as_mut()) {
            match message {
                ServerMessage::ActiveSpeaker { slot, .. } => membership.speaker = slot,
                ServerMessage::WantedLayers { track, layers, max_bps, .. } => {
                    let index = usize::from(track.0.saturating_sub(1));
                    if let Some(told) = membership.wanted.get_mut(index) {
                        *told = (layers, max_bps);
                    }
                }
                _ => {}
            }
        }
        true
    }

    fn decide_speaker(&mut self, now: Instant, room_index: u16, out: &mut impl ServerOutput) {
        let Some(place) = self.rooms.get_mut(usize::from(room_index)) else { return };
        let (Some(room), media) = (place.room.as_ref(), &mut place.media) else { return };
        let before = media.floor.speaker();
        let speech = &media.speech;
        let has_microphone = |(slot, _): &(Slot, &SpeechActivity)| has_microphone(room, *slot);
        let voices = (0u16..).map(Slot).zip(speech).filter(has_microphone);
        media.floor.decide(now, voices);
        let slot = media.floor.speaker();
        if slot != before {
            out.relay(&RelayCommand::Speaker { room_index, slot });
        }
    }

    fn demand_mut(&mut self, room_index: u16, sender: Slot, track: TrackId) -> Option<&mut PictureDemand> {
        self.room_media_mut(room_index)?.demand_mut(sender, track)
    }

    fn room_media_mut(&mut self, room_index: u16) -> Option<&mut RoomMedia> {
        Some(&mut self.rooms.get_mut(usize::from(room_index))?.media)
    }
}

fn has_microphone(room: &Room, slot: Slot) -> bool {
    let microphone = usize::from(TrackId::MICROPHONE.0);
    room.participant(slot).and_then(|who| who.tracks.get(microphone)).is_some_and(|track| track.is_on)
}
