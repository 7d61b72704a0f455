//! What the demo measured, and the floors that it must hold.

use std::time::Duration;

use hph_client::core::media::nack::GapStats;
use hph_client::core::stats::Histogram;
use hph_client::core::time::Instant;
use hph_client::media::{Stages, VoiceStages};
use hph_client::platform::clock::Clock;
use hph_server::RelayFigures;

use super::cast::Line;
use super::person::Person;

/// One measured value.
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// The value must be at least this, or at most this.
    floor: Option<Floor>,
}

#[derive(Clone, Copy)]
enum Floor {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, floor: None }
    }

    fn at_least(self, least: f64) -> Self {
        Self { floor: Some(Floor::AtLeast(least)), ..self }
    }

    fn at_most(self, most: f64) -> Self {
        Self { floor: Some(Floor::AtMost(most)), ..self }
    }

    /// Whether the floor is held; a figure without one always holds.
    pub fn is_held(&self) -> bool {
        match self.floor {
            None => true,
            Some(Floor::AtLeast(least)) => self.value >= least,
            Some(Floor::AtMost(most)) => self.value <= most,
        }
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let (name, unit) = (&self.name, self.unit);
        let value = (self.value * 1000.0).round() / 1000.0;
        let floor = match self.floor {
            None => String::new(),
            Some(Floor::AtLeast(least)) => format!(r#","at_least":{least},"held":{}"#, self.is_held()),
            Some(Floor::AtMost(most)) => format!(r#","at_most":{most},"held":{}"#, self.is_held()),
        };
        format!(r#"{{"figure":"{name}","value":{value},"unit":"{unit}"{floor}}}"#)
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let floor = match self.floor {
            None => String::new(),
            Some(Floor::AtLeast(least)) => format!("  (at least {least})"),
            Some(Floor::AtMost(most)) => format!("  (at most {most})"),
        };
        let missed = if self.is_held() { "" } else { "  MISSED" };
        format!("{:<32} {:>12.3} {:<8}{floor}{missed}", self.name, self.value, self.unit)
    }
}

/// What was seen while the demo ran.
pub struct Summary {
    began: Instant,
    first_picture: Option<Duration>,
    /// Chat lines that were said, each for everybody who was in the room by then.
    chats_expected: u64,
    chats_heard: u64,
    chats: Vec<(String, String, Vec<&'static str>)>,
    end: Option<End>,
}

struct End {
    seconds: f64,
    people: usize,
    frames: (u64, u64),
    frames_unsent: u64,
    /// What repair did for packets of others.
    repair: GapStats,
    /// Own packets that were sent again, and strips that were coded anew because somebody gave them up.
    sent_again: (u64, u64),
    /// What the ways to the server carry, added up. **Units:** bits a second.
    granted_bps: u64,
    broken: u64,
    skipped: u64,
    overrun: u64,
    bytes_in: u64,
    fps_least: f64,
    stages: Stages,
    voice_stages: VoiceStages,
    /// Samples of all voices: invented, and played.
    voice_samples: (u64, u64),
    relay: RelayFigures,
}

impl Summary {
    pub const fn new(began: Instant) -> Self {
        Self { began, first_picture: None, chats_expected: 0, chats_heard: 0, chats: Vec::new(), end: None }
    }

    /// Somebody said something: everybody in that room now must hear it.
    pub fn chat_sent(&mut self, people: &[Person], line: &Line) {
        let Some(author) = people.iter().find(|person| person.role.username == line.author) else { return };
        let Some(room) = author.role.rooms.get(line.room) else { return };
        let hearers = people.iter().filter(|person| person.is_in(room) && !person.role.is_restless);
        let names = hearers.map(|person| person.role.username).collect();
        self.chats.push(((*room).to_owned(), line.text.to_owned(), names));
    }

    /// Notes when the first remote picture was there.
    pub fn watch(&mut self, people: &[Person], elapsed: Duration) {
        let has_picture = |person: &Person| person.stages().decode.total() > 0;
        if self.first_picture.is_none() && people.iter().any(has_picture) {
            self.first_picture = Some(elapsed);
        }
    }

    /// Takes the last figures, then lets everybody go.
    pub fn end(&mut self, mut people: Vec<Person>, relay: &RelayFigures) {
        let elapsed = Duration::from_micros(Clock::now().since(self.began).as_micros());
        // What was said last is still on its way.
        Clock::sleep(hph_client::core::time::Duration::from_millis(400));
        let mut stages = Stages::default();
        let mut end = End {
            seconds: elapsed.as_secs_f64(),
            people: people.len(),
            frames: (0, 0),
            frames_unsent: 0,
            repair: GapStats::default(),
            sent_again: (0, 0),
            granted_bps: 0,
            broken: 0,
            skipped: 0,
            overrun: 0,
            bytes_in: 0,
            fps_least: f64::INFINITY,
            stages: Stages::default(),
            voice_stages: VoiceStages::default(),
            voice_samples: (0, 0),
            relay: relay.clone(),
        };
        for person in &mut people {
            person.live(elapsed);
            let figures = person.figures();
            stages.merge(&person.stages());
            end.voice_stages.merge(&person.voice_stages());
            for (_, voice) in person.voices() {
                end.voice_samples.0 += voice.jitter.concealed_samples;
                end.voice_samples.1 += voice.jitter.played_samples;
            }
            end.frames = (end.frames.0 + figures.frames.0, end.frames.1 + figures.frames.1);
            end.frames_unsent += figures.frames_unsent;
            end.repair = end.repair + figures.repaired();
            end.sent_again = (end.sent_again.0 + figures.resent, end.sent_again.1 + figures.lost_strips);
            end.granted_bps += figures.uplink.map_or(0, |uplink| u64::from(uplink.target_bps));
            end.overrun += person.overrun();
            end.bytes_in += figures.bytes.1;
            let received = person.received();
            let pictures = received.iter().filter(|((_, _, track), _)| !track.is_audio());
            let frames: u64 = pictures.clone().map(|(_, figures)| figures.frames).sum();
            end.skipped += pictures.clone().map(|(_, figures)| figures.skipped).sum::<u64>();
            end.broken += pictures.map(|(_, figures)| figures.broken).sum::<u64>();
            if !person.role.is_restless && person.role.rooms.len() == 1 && person.role.username != "alex" {
                end.fps_least = end.fps_least.min(frames as f64 / end.seconds.max(0.1));
            }
        }
        end.stages = stages;
        for (room, text, hearers) in &self.chats {
            for hearer in hearers {
                let person = people.iter().find(|person| person.role.username == *hearer);
                let heard = person.and_then(|person| person.heard.get(room));
                self.chats_expected += 1;
                self.chats_heard += u64::from(heard.is_some_and(|heard| heard.contains(text)));
            }
        }
        self.end = Some(end);
        for person in people {
            person.finish();
        }
    }

    /// Every figure, floors included.
    pub fn figures(&self) -> Vec<Figure> {
        let Some(end) = &self.end else { return Vec::new() };
        let (whole, lost) = end.frames;
        let loss = lost as f64 * 100.0 / (whole + lost).max(1) as f64;
        let repair = end.repair;
        let (before, after) = repair.loss_ppm();
        let percent = |ppm: u64| ppm as f64 / 10_000.0;
        let heard = self.chats_heard as f64 * 100.0 / self.chats_expected.max(1) as f64;
        let mut figures = vec![
            Figure::new("demo.seconds", end.seconds, "s"),
            Figure::new("demo.people", end.people as f64, "people").at_least(4.0),
            Figure::new("demo.first_picture", self.first_picture.map_or(f64::MAX, |at| at.as_secs_f64()), "s")
                .at_most(3.0),
            Figure::new("demo.frames", whole as f64, "frames").at_least(1.0),
            Figure::new("demo.fps_in_least", end.fps_least, "fps").at_least(10.0),
            Figure::new("demo.frame_loss", loss, "%").at_most(1.0),
            Figure::new("demo.packet_loss", percent(before), "%"),
            Figure::new("demo.packet_loss_repaired", percent(after), "%"),
            Figure::new("demo.packets_asked", repair.asked as f64, "packets"),
            Figure::new("demo.packets_by_parity", repair.by_parity as f64, "packets"),
            Figure::new("demo.packets_given_up", repair.given_up as f64, "packets"),
            Figure::new("demo.packets_sent_again", end.sent_again.0 as f64, "packets"),
            Figure::new("demo.strips_renewed", end.sent_again.1 as f64, "strips"),
            Figure::new("demo.uplink_granted", end.granted_bps as f64 / 1000.0 / end.people.max(1) as f64, "kbit/s"),
            Figure::new("demo.frames_broken", end.broken as f64, "frames").at_most(0.0),
            Figure::new("demo.frames_skipped", end.skipped as f64, "frames"),
            Figure::new("demo.frames_unsent", end.frames_unsent as f64, "frames"),
            Figure::new("demo.frames_overrun", end.overrun as f64, "frames").at_most(0.0),
            Figure::new("demo.bitrate_in", end.bytes_in as f64 * 8.0 / 1000.0 / end.seconds.max(0.1), "kbit/s"),
            Figure::new("demo.chat_heard", heard, "%").at_least(100.0),
            Figure::new("demo.chat_messages", self.chats.len() as f64, "messages").at_least(1.0),
            milliseconds("demo.latency_p50", &end.stages.total, 500).at_most(100.0),
            milliseconds("demo.latency_p99", &end.stages.total, 990),
            milliseconds("demo.lips_p90", &end.stages.lips, 900).at_most(45.0),
        ];
        for (name, histogram) in end.stages.named() {
            if name != "total" && name != "lips" {
                figures.push(milliseconds(format!("demo.stage.{name}_p50"), histogram, 500));
            }
        }
        let (concealed, played) = end.voice_samples;
        figures.push(Figure::new("demo.voice_played", played as f64 / 48_000.0, "s").at_least(1.0));
        figures.push(
            Figure::new("demo.voice_concealed", concealed as f64 * 100.0 / played.max(1) as f64, "%").at_most(2.0),
        );
        figures.push(milliseconds("demo.voice_latency_p50", &end.voice_stages.total, 500).at_most(100.0));
        figures.push(milliseconds("demo.voice_latency_p99", &end.voice_stages.total, 990));
        for (name, histogram) in end.voice_stages.named() {
            if name != "total" {
                figures.push(milliseconds(format!("demo.voice_stage.{name}_p50"), histogram, 500));
            }
        }
        figures.push(milliseconds("demo.stage.relay_p50", &end.relay.forward, 500));
        figures.push(Figure::new("demo.packets_forwarded", end.relay.forwarded as f64, "packets"));
        figures.push(Figure::new("demo.packets_resent", end.relay.repair.resent as f64, "packets"));
        figures
    }
}

fn milliseconds(name: impl Into<String>, histogram: &Histogram, permille: u64) -> Figure {
    let us = histogram.quantile(permille).map_or(0, |span| span.as_micros());
    Figure::new(name, us as f64 / 1000.0, "ms")
}
