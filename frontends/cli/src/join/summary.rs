//! Figures of a meeting: while it runs and at its end.

use std::collections::BTreeMap;

use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::core::media::nack::GapStats;
use hph_client::core::stats::Histogram;
use hph_client::engine::{EngineFigures, RemoteTrack};
use hph_client::media::{ReceiverFigures, VoiceFigures};
use hph_client::view::{MeetingView, RoomView};
use serde_json::{Map, Value, json};

use super::devices::Devices;
use crate::lang::{self, Lang};
use crate::object::{object, track_name};
use crate::output::Output;
use crate::session::Closed;
use crate::text::one_row;

/// Messages and connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Messages of others and ours that came.
    pub chats_received: u64,
    /// Our messages that the server has.
    pub chats_stored: u64,
    /// Our messages that were refused.
    pub chats_failed: u64,
    /// How often we signed in.
    pub connections: u64,
}

/// Frames of one remote track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    /// Of memberships that are over.
    before: (u64, u64),
    /// Of the one now.
    now: (u64, u64),
}

/// A remote track and its owner: the engine forgets who leaves, we do not.
type Key = (RoomId, Slot, String, u8);

/// Whole and lost frames of every remote track that there ever was, and rates.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    tracks: BTreeMap<Key, Total>,
    /// Pictures and bytes at the last tick, and since the one before.
    last: (u64, u64),
    rates: (u64, u64),
}

impl Totals {
    /// Takes the engine's figures in.
    pub fn take(&mut self, figures: &EngineFigures, view: &MeetingView) {
        for ((room, slot, track), now) in &figures.tracks {
            let owner = view.rooms.get(room).and_then(|room| room.participants.get(slot));
            let Some(owner) = owner else { continue };
            let total = self.tracks.entry((*room, *slot, owner.username.clone(), track.0)).or_default();
            if now.0 < total.now.0 || now.1 < total.now.1 {
                total.before = (total.before.0 + total.now.0, total.before.1 + total.now.1);
            }
            total.now = *now;
        }
        let pictures = self.sum(|track| !track.is_audio()).0;
        self.rates = (pictures.saturating_sub(self.last.0), figures.bytes.1.saturating_sub(self.last.1));
        self.last = (pictures, figures.bytes.1);
    }

    /// Whole and lost frames of the tracks that fit.
    fn sum(&self, fits: impl Fn(TrackId) -> bool) -> (u64, u64) {
        let fitting = self.tracks.iter().filter(|((.., track), _)| fits(TrackId(*track))).map(|(_, total)| total.sum());
        fitting.fold((0, 0), |sum, (whole, lost)| (sum.0 + whole, sum.1 + lost))
    }

    fn lost(&self, room: RoomId, slot: Slot, track: TrackId) -> u64 {
        let of = |key: &Key| key.0 == room && key.1 == slot && key.3 == track.0;
        self.tracks.iter().filter(|(key, _)| of(key)).map(|(_, total)| total.sum().1).sum()
    }

    fn owner(&self, room: RoomId, slot: Slot, track: TrackId) -> Option<&str> {
        let of = |key: &&Key| key.0 == room && key.1 == slot && key.3 == track.0;
        self.tracks.keys().find(of).map(|key| key.2.as_str())
    }

    /// The row that a terminal shows while the meeting runs.
    pub fn progress(&self, room: &RoomView, figures: &EngineFigures, seconds: u64, lang: Lang) -> String {
        let (_, lost) = self.sum(|_| true);
        let (pictures, bytes) = self.rates;
        format!(
            "{:02}:{:02}  {}  ☺ {}  ↓ {pictures} fps {} kbit/s  {}  rtt {:.1} ms",
            seconds / 60,
            seconds % 60,
            one_row(&room.name),
            room.participants.len(),
            bytes * 8 / 1000,
            lang.fill(&lang::ROW_PROGRESS_LOST, &[&lost]),
            figures.rtt_us as f64 / 1000.0
        )
    }

    /// Rows for people: one a track, and one for the connection.
    pub fn rows(&self, figures: &EngineFigures, lang: Lang) -> Vec<String> {
        let tracks = self.tracks.iter().map(|((_, _, who, track), total)| {
            let (whole, lost) = total.sum();
            let counts = lang.fill(&lang::ROW_TRACK, &[&whole, &lost]);
            format!("  {who:<20}\t{:<12}\t{counts}", track_name(TrackId(*track)))
        });
        let rtt = format!("{:.2}", figures.rtt_us as f64 / 1000.0);
        let (datagrams, bytes) = (figures.datagrams, figures.bytes);
        let kilobytes = (bytes.0 / 1000, bytes.1 / 1000);
        let counts: [&dyn std::fmt::Display; 5] = [&rtt, &datagrams.0, &datagrams.1, &kilobytes.0, &kilobytes.1];
        let connection = format!("  {}", lang.fill(&lang::ROW_CONNECTION, &counts));
        let repair = figures.repaired();
        let (before, after) = repair.loss_ppm();
        let granted_kbps = figures.uplink.map_or(0, |uplink| uplink.target_bps / 1000);
        let percent = |ppm: u64| format!("{:.2}", ppm as f64 / 10_000.0);
        let losses = (percent(before), percent(after));
        let (asked, by_parity, given_up) = (repair.asked, repair.by_parity, repair.given_up);
        let counts: [&dyn std::fmt::Display; 7] =
            [&losses.0, &losses.1, &asked, &by_parity, &given_up, &figures.resent, &granted_kbps];
        let repair = format!("  {}", lang.fill(&lang::ROW_REPAIR, &counts));
        tracks.chain([connection, repair]).collect()
    }
}

impl Total {
    const fn sum(&self) -> (u64, u64) {
        (self.before.0 + self.now.0, self.before.1 + self.now.1)
    }
}

/// Everything at the end.
pub struct Summary<'a> {
    /// What the session left.
    pub closed: &'a Closed,
    /// The meeting as it was last.
    pub view: &'a MeetingView,
    /// Our devices.
    pub devices: &'a BTreeMap<RoomId, Devices>,
    /// Remote tracks.
    pub totals: &'a Totals,
    /// Messages and connections.
    pub counts: Counts,
    /// Time in the meeting.
    pub seconds: f64,
}

/// How voices fare, for people: one row each.
pub fn voice_rows(voices: &[(RemoteTrack, VoiceFigures)], view: &MeetingView, lang: Lang) -> Vec<String> {
    let row = |((room, slot, _), figures): &(RemoteTrack, VoiceFigures)| {
        let owner = view.rooms.get(room).and_then(|room| room.participants.get(slot))?;
        let jitter = &figures.jitter;
        let concealed = format!("{:.1}", figures.concealed_permille() as f64 / 10.0);
        let delays = (jitter.delay_us / 1000, jitter.target_us / 1000);
        let counts: [&dyn std::fmt::Display; 7] = [
            &delays.0,
            &delays.1,
            &concealed,
            &jitter.lost,
            &jitter.packets,
            &jitter.lost_after_recovery,
            &figures.level,
        ];
        Some(format!("{}\t{}", one_row(&owner.username), lang.fill(&lang::ROW_VOICE, &counts)))
    };
    voices.iter().filter_map(row).collect()
}

impl Summary<'_> {
    /// Tells programs on standard output, people on standard error.
    pub fn tell(&self, out: &Output) {
        out.object(|| self.object());
        if !out.is_json() {
            for row in self.totals.rows(&self.closed.figures, out.lang) {
                out.talk(&row);
            }
        }
    }

    fn object(&self) -> Value {
        let figures = &self.closed.figures;
        let drops: Map<String, Value> =
            figures.drops.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
        let stages: Map<String, Value> =
            self.closed.stages.named().iter().map(|(name, times)| ((*name).to_owned(), of_times(times))).collect();
        let sent: Vec<Value> = self
            .devices
            .iter()
            .flat_map(|(room, devices)| devices.sent().map(|(track, sent)| (room.0, track, sent)))
            .map(|(room, track, sent)| {
                json!({"room": room, "track": track_name(track), "captured": sent.frames, "dropped": sent.dropped})
            })
            .collect();
        let voice_stages: Map<String, Value> = self
            .closed
            .voice_stages
            .named()
            .iter()
            .map(|(name, times)| ((*name).to_owned(), of_times(times)))
            .collect();
        let mut voices = self.closed.voices.clone();
        voices.sort_by_key(|(track, _)| *track);
        let voices: Vec<Value> = voices.iter().map(|(track, figures)| self.of_voice(*track, figures)).collect();
        let mut received = self.closed.received.clone();
        received.sort_by_key(|(track, _)| *track);
        let received: Vec<Value> = received.iter().map(|(track, figures)| self.of_received(*track, figures)).collect();
        object(
            "summary",
            json!({
                "seconds": (self.seconds * 1000.0).round() / 1000.0,
                "connections": self.counts.connections,
                "rtt_us": figures.rtt_us,
                "datagrams": {"sent": figures.datagrams.0, "received": figures.datagrams.1},
                "bytes": {"sent": figures.bytes.0, "received": figures.bytes.1},
                "chat": {
                    "received": self.counts.chats_received,
                    "stored": self.counts.chats_stored,
                    "failed": self.counts.chats_failed,
                },
                "sent": sent,
                "received": received,
                "resent": figures.resent,
                "strips_renewed": figures.lost_strips,
                "loss_ppm": {
                    "up": per_million(figures.loss.up.loss),
                    "down": per_million(figures.loss.down_loss),
                    "beyond": per_million(figures.loss.downstream.loss),
                },
                "uplink": figures.uplink.map(|uplink| json!({
                    "granted_bps": uplink.target_bps,
                    "arriving_bps": uplink.arriving_bps,
                    "queue_us": uplink.queue_delay.as_micros(),
                    "state": format!("{:?}", uplink.state).to_lowercase(),
                })),
                "frames_unsent": figures.frames_unsent,
                "overrun": self.closed.overrun,
                "drops": drops,
                "stages_us": stages,
                "voices": voices,
                "voice_stages_us": voice_stages,
            }),
        )
    }

    fn of_voice(&self, track: (RoomId, Slot, TrackId), figures: &VoiceFigures) -> Value {
        let (room, slot, id) = track;
        let jitter = &figures.jitter;
        json!({
            "room": room.0,
            "slot": slot.0,
            "username": self.totals.owner(room, slot, id),
            "delay_us": jitter.delay_us,
            "target_us": jitter.target_us,
            "packets": jitter.packets,
            "late": jitter.late,
            "lost": jitter.lost,
            "lost_after_recovery": jitter.lost_after_recovery,
            "played_ms": jitter.played_samples / 48,
            "concealed_ms": jitter.concealed_samples / 48,
        })
    }

    fn of_received(&self, track: (RoomId, Slot, TrackId), figures: &ReceiverFigures) -> Value {
        let (room, slot, id) = track;
        let of_track = self.closed.figures.repair.iter().filter(|(other, _)| *other == track);
        let repair = of_track.fold(GapStats::default(), |sum, (_, stats)| sum + *stats);
        let (loss_before, loss_after) = repair.loss_ppm();
        json!({
            "room": room.0,
            "room_name": self.view.rooms.get(&room).map(|room| &room.name),
            "slot": slot.0,
            "username": self.totals.owner(room, slot, id),
            "track": track_name(id),
            "frames": figures.frames,
            "bytes": figures.bytes,
            "broken": figures.broken,
            "strips": figures.strips,
            "strips_missing": figures.strips_missing,
            "strips_refused": figures.strips_refused,
            "stale_ppm": figures.stale_ppm.checked_div(figures.frames),
            "layer": figures.layer,
            "held_us": figures.held_us,
            "repair": {
                "loss_ppm": loss_before,
                "loss_after_ppm": loss_after,
                "asked": repair.asked,
                "recovered": repair.recovered,
                "by_parity": repair.by_parity,
                "given_up": repair.given_up,
            },
            "lost": self.totals.lost(room, slot, id),
        })
    }
}

/// Of 1/65536.
fn per_million(loss: u16) -> u64 {
    u64::from(loss) * 1_000_000 / 65_536
}

fn of_times(times: &Histogram) -> Value {
    let quantile = |permille| times.quantile(permille).map(|span| span.as_micros());
    json!({"count": times.total(), "p50": quantile(500), "p99": quantile(990), "max": times.max().as_micros()})
}

#[cfg(test)]
mod tests {
    use hph_client::engine::Participant;

    use super::*;

    #[test]
    fn a_track_whose_owner_returned_counts_on() {
        let mut view = MeetingView::default();
        let mut room = RoomView::default();
        let lan = Participant {
            slot: Slot(1),
            member: 1,
            username: "lan".to_owned(),
            display_name: "Lan".to_owned(),
            tracks: Default::default(),
            role: Default::default(),
            hand: 0,
            device: Default::default(),
            key: Default::default(),
        };
        room.participants.insert(Slot(1), lan);
        view.rooms.insert(RoomId(1), room);
        let mut totals = Totals::default();
        for now in [(10, 1), (20, 2), (5, 0)] {
            let tracks = vec![((RoomId(1), Slot(1), TrackId::CAMERA), now)];
            totals.take(&EngineFigures { tracks, ..EngineFigures::default() }, &view);
        }
        assert_eq!(totals.sum(|_| true), (25, 2));
        assert_eq!(totals.lost(RoomId(1), Slot(1), TrackId::CAMERA), 2);
        assert_eq!(totals.owner(RoomId(1), Slot(1), TrackId::CAMERA), Some("lan"));
    }
}
