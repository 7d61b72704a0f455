//! What is measured, for rings and bars: how loud everybody is ten times a second, how well everybody comes through once.

use std::collections::BTreeMap;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::{Engine, EngineFigures};
use hph_kiosk_core::kiosk::{Event, Gone};
use hph_presenters::diagnostics::Reading;
use hph_presenters::room::quality::{Cause, Sample, cause};
use hph_presenters::{app, room};

use super::State;

/// Frames that came whole and that were lost, of each person.
pub(super) type Counts = BTreeMap<(RoomId, Slot), (u64, u64)>;

impl State {
    /// How loud everybody is who is heard.
    pub(super) fn levels(&self) -> Vec<Event> {
        let (Some(session), Some(front)) = (&self.session, self.kiosk.app.front()) else { return Vec::new() };
        let voices = session.receiver().voices().into_iter();
        let mut levels: Vec<(Slot, u8)> = voices
            .filter(|((room, _, track), _)| *room == front && *track == TrackId::MICROPHONE)
            .map(|((_, slot, _), voice)| (slot, voice.level))
            .collect();
        // We hear ourselves at the microphone: as others do, where it is on.
        let (_, heard) = session.voice().own_level();
        if let Some(slot) = self.my_slot(front) {
            levels.retain(|(other, _)| *other != slot);
            levels.push((slot, heard));
        }
        vec![app::Event::InRoom(front, room::Event::Levels(levels)).into()]
    }

    /// How well everybody comes through.
    pub(super) fn qualities(&mut self) -> Vec<Event> {
        let Some(session) = &self.session else { return Vec::new() };
        let Some(engine) = session.engine().map(Engine::figures) else { return Vec::new() };
        let receiver = session.receiver();
        let voices = receiver.voices().into_iter().map(|(_, voice)| voice).collect();
        let is_connected = self.kiosk.app.view.connection == hph_client::view::Connection::Up;
        let reading =
            Reading { is_connected, voices, overrun: receiver.overrun(), captured: 0, engine: engine.clone() };
        let mut events = self.samples(&engine);
        events.push(app::Event::Reading(Box::new(reading)).into());
        events
    }

    fn samples(&mut self, engine: &EngineFigures) -> Vec<Event> {
        let mut counts = Counts::new();
        for ((room, slot, _), (whole, lost)) in &engine.tracks {
            let count = counts.entry((*room, *slot)).or_default();
            (count.0, count.1) = (count.0 + whole, count.1 + lost);
        }
        let then = std::mem::replace(&mut self.counts, counts);
        let ours = f32::from(engine.loss.down_loss) / 65_536.0;
        let rtt_ms = (engine.rtt_us / 1000) as u32;
        let rooms = self.kiosk.app.view.rooms.iter();
        let of_room = rooms.map(|(id, room)| {
            let others = room.participants.values().filter(|who| room.my_slot != Some(who.slot));
            let samples = others.map(|who| -> (Slot, Sample, Cause) {
                let key = (*id, who.slot);
                let loss = loss(self.counts.get(&key), then.get(&key));
                let sample = Sample { loss, rtt_ms, ..Sample::default() };
                (who.slot, sample, cause(&sample, ours, false))
            });
            app::Event::InRoom(*id, room::Event::Quality(samples.collect())).into()
        });
        of_room.collect()
    }

    /// Devices that are gone while they are open.
    pub(super) fn devices_gone(&self) -> Gone {
        let lost = self.devices.lost();
        let is_lost = |wanted| lost.iter().any(|(_, track)| *track == wanted);
        Gone { microphone: is_lost(TrackId::MICROPHONE), camera: is_lost(TrackId::CAMERA) }
    }
}

/// The share that was lost since the second before. Whoever has just come has no second before.
fn loss(now: Option<&(u64, u64)>, then: Option<&(u64, u64)>) -> f32 {
    let (Some(now), Some(then)) = (now, then) else { return 0.0 };
    let (whole, lost) = (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1));
    if whole + lost > 0 { lost as f32 / (whole + lost) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_that_of_the_last_second() {
        assert_eq!(loss(Some(&(100, 10)), None), 0.0);
        assert_eq!(loss(Some(&(108, 12)), Some(&(100, 10))), 0.2);
        assert_eq!(loss(Some(&(0, 0)), Some(&(100, 10))), 0.0);
    }
}
