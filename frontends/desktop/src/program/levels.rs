//! What is measured, for rings and bars: how loud everybody is ten times a second, how well everybody comes through once.

use std::collections::BTreeMap;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::engine::EngineFigures;
use hph_presenters::app::Event;
use hph_presenters::diagnostics::Reading;
use hph_presenters::room;
use hph_presenters::room::quality::{Sample, cause};

use super::State;

/// Frames that came whole and that were lost, of each person.
pub(super) type Counts = BTreeMap<(RoomId, Slot), (u64, u64)>;
/// How somebody comes through, and why no better.
type Rated = (Slot, Sample, room::quality::Cause);

impl State {
    /// How loud everybody is who is heard.
    pub(super) fn levels(&self) -> Vec<Event> {
        let Some(session) = &self.session else { return Vec::new() };
        let mut rooms: BTreeMap<RoomId, Vec<(Slot, u8)>> =
            self.app.view.rooms.keys().map(|room| (*room, Vec::new())).collect();
        for ((room, slot, track), voice) in session.receiver().voices() {
            if track == TrackId::MICROPHONE
                && let Some(levels) = rooms.get_mut(&room)
            {
                levels.push((slot, voice.level));
            }
        }
        // We hear ourselves at the microphone: as others do, where it is on.
        let (_, heard) = session.voice().own_level();
        for (room, levels) in &mut rooms {
            if let Some(slot) = self.my_slot(*room) {
                levels.retain(|(other, _)| *other != slot);
                levels.push((slot, heard));
            }
        }
        rooms.into_iter().map(|(room, levels)| Event::InRoom(room, room::Event::Levels(levels))).collect()
    }

    /// How well everybody comes through, and what the diagnostics read.
    pub(super) fn qualities(&mut self) -> Vec<Event> {
        let Some(session) = &self.session else { return Vec::new() };
        let Some(engine) = session.engine().map(hph_client::engine::Engine::figures) else { return Vec::new() };
        let receiver = session.receiver();
        let voices = receiver.voices().into_iter().map(|(_, voice)| voice).collect();
        let reading = Reading {
            is_connected: self.app.view.connection == hph_client::view::Connection::Up,
            voices,
            overrun: receiver.overrun(),
            captured: 0,
            engine: engine.clone(),
        };
        let samples = self.samples(&engine);
        let mut events: Vec<Event> =
            samples.into_iter().map(|(room, samples)| Event::InRoom(room, room::Event::Quality(samples))).collect();
        events.push(Event::Reading(Box::new(reading)));
        events
    }

    fn samples(&mut self, engine: &EngineFigures) -> Vec<(RoomId, Vec<Rated>)> {
        let mut counts = Counts::new();
        for ((room, slot, _), (whole, lost)) in &engine.tracks {
            let count = counts.entry((*room, *slot)).or_default();
            (count.0, count.1) = (count.0 + whole, count.1 + lost);
        }
        let then = std::mem::replace(&mut self.counts, counts);
        let ours = f32::from(engine.loss.down_loss) / 65_536.0;
        let rtt_ms = (engine.rtt_us / 1000) as u32;
        let rooms = self.app.view.rooms.iter();
        let of_room = rooms.map(|(id, room)| {
            let others = room.participants.values().filter(|who| room.my_slot != Some(who.slot));
            let samples = others.map(|who| {
                let (now, then) = (self.counts.get(&(*id, who.slot)), then.get(&(*id, who.slot)));
                let sample = sample(now, then, rtt_ms);
                (who.slot, sample, cause(&sample, ours, false))
            });
            (*id, samples.collect())
        });
        of_room.collect()
    }
}

/// What came of somebody since the second before.
fn sample(now: Option<&(u64, u64)>, then: Option<&(u64, u64)>, rtt_ms: u32) -> Sample {
    let (now, then) = (now.copied().unwrap_or_default(), then.copied());
    // Whoever has just come has no second before.
    let Some(then) = then else { return Sample { rtt_ms, ..Sample::default() } };
    let (whole, lost) = (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1));
    let loss = if whole + lost > 0 { lost as f32 / (whole + lost) as f32 } else { 0.0 };
    // A picture that stands still is not sent again, and neither is silence: nothing is no sign of a bad way.
    Sample { loss, rtt_ms, jitter_ms: 0, is_silent: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_that_of_the_last_second() {
        let of = |now, then: Option<(u64, u64)>| sample(Some(&now), then.as_ref(), 30);
        assert_eq!(of((100, 10), None).loss, 0.0);
        assert_eq!(of((110, 10), Some((100, 10))).loss, 0.0);
        assert_eq!(of((108, 12), Some((100, 10))).loss, 0.2);
        assert_eq!(of((0, 0), Some((100, 10))), Sample { rtt_ms: 30, ..Sample::default() });
    }
}
