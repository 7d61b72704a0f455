//! The live table.

use std::io::{self, Write};
use std::time::Duration;

use hph_client::core::stats::Histogram;
use hph_server::RelayFigures;

use super::person::Person;

/// Draws the table, over itself on a terminal.
pub struct Table {
    is_terminal: bool,
    lines_drawn: usize,
    before: Vec<Sample>,
}

/// What the rates are computed from.
#[derive(Clone, Copy, Default)]
struct Sample {
    at: Duration,
    frames: u64,
    bytes: u64,
}

impl Table {
    pub const fn new(is_terminal: bool) -> Self {
        Self { is_terminal, lines_drawn: 0, before: Vec::new() }
    }

    /// Draws the meeting as it is now.
    pub fn draw(&mut self, people: &[Person], relay: &RelayFigures, elapsed: Duration) {
        self.before.resize(people.len(), Sample::default());
        let mut lines = vec![format!(
            "{:>4} s  {:<10} {:<18} {:>6} {:>9} {:>7} {:>7} {:>7} {:>7} {:>8} {:>7} {:>7} {:>5}",
            elapsed.as_secs(),
            "who",
            "where",
            "fps in",
            "kbit/s in",
            "loss %",
            "left %",
            "p50 ms",
            "p99 ms",
            "voice ms",
            "conc. %",
            "lips ms",
            "chat"
        )];
        for (person, before) in people.iter().zip(&mut self.before) {
            lines.push(row(person, before, elapsed));
            lines.push(repair_row(person));
        }
        lines.push(format!(
            "        relay: {} packets forwarded, {} again, {} µs p50, {} µs p99",
            relay.forwarded,
            relay.repair.resent,
            quantile_us(&relay.forward, 500),
            quantile_us(&relay.forward, 990)
        ));
        let last = people.iter().flat_map(|person| person.view.rooms.values().flat_map(|room| room.chat.last()));
        if let Some(line) = last.max_by_key(|line| line.time_ms) {
            lines.push(format!("        {}: {}", line.display_name, line.text.as_deref().unwrap_or("…")));
        }
        self.print(&lines);
    }

    fn print(&mut self, lines: &[String]) {
        let mut out = io::stderr().lock();
        if self.is_terminal && self.lines_drawn > 0 {
            let _ = write!(out, "\x1b[{}A", self.lines_drawn);
        }
        let clear = if self.is_terminal { "\x1b[K" } else { "" };
        for line in lines {
            let _ = writeln!(out, "{line}{clear}");
        }
        let _ = out.flush();
        self.lines_drawn = lines.len();
    }
}

fn row(person: &Person, before: &mut Sample, elapsed: Duration) -> String {
    let received = person.received();
    let pictures = received.iter().filter(|((_, _, track), _)| !track.is_audio());
    let now = Sample {
        at: elapsed,
        frames: pictures.map(|(_, figures)| figures.frames).sum(),
        bytes: person.figures().bytes.1,
    };
    let seconds = now.at.saturating_sub(before.at).as_secs_f64().max(0.001);
    let fps = now.frames.saturating_sub(before.frames) as f64 / seconds;
    let kbits = now.bytes.saturating_sub(before.bytes) as f64 * 8.0 / 1000.0 / seconds;
    *before = now;
    let (loss, left) = person.figures().repaired().loss_ppm();
    let stages = person.stages();
    let total = &stages.total;
    let rooms: Vec<&str> = person.role.rooms.iter().copied().filter(|room| person.is_in(room)).collect();
    let place = if rooms.is_empty() { "(away)".to_owned() } else { rooms.join(", ") };
    let voices = person.voices();
    // The deepest buffer of all voices, and what was invented of all of them.
    let depth_us = voices.iter().map(|(_, voice)| voice.jitter.delay_us).max().unwrap_or(0);
    let (concealed, played) = voices
        .iter()
        .fold((0, 0), |sum, (_, voice)| (sum.0 + voice.jitter.concealed_samples, sum.1 + voice.jitter.played_samples));
    let chat: usize = person.heard.values().map(Vec::len).sum();
    format!(
        "        {:<10} {:<18} {:>6.1} {:>9.0} {:>7.2} {:>7.2} {:>7.1} {:>7.1} {:>8.1} {:>7.2} {:>7.1} {:>5}",
        person.role.name,
        place,
        fps,
        kbits,
        loss as f64 / 10_000.0,
        left as f64 / 10_000.0,
        quantile_us(total, 500) as f64 / 1000.0,
        quantile_us(total, 990) as f64 / 1000.0,
        depth_us as f64 / 1000.0,
        concealed as f64 * 100.0 / played.max(1) as f64,
        quantile_us(&stages.lips, 900) as f64 / 1000.0,
        chat
    )
}

/// What repair did for a person, which sizes of pictures they see, and what their way to the server carries.
fn repair_row(person: &Person) -> String {
    let figures = person.figures();
    let repair = figures.repaired();
    let mut sizes = [0; 3];
    for (_, track) in
        person.received().iter().filter(|((_, _, track), track_figures)| !track.is_audio() && track_figures.frames > 0)
    {
        if let Some(count) = sizes.get_mut(usize::from(track.layer)) {
            *count += 1;
        }
    }
    let granted_kbps = figures.uplink.map_or(0, |uplink| uplink.target_bps / 1000);
    format!(
        "          asked {}, by parity {}, given up {}, sent again {}, renewed {}; sizes {} full, {} half, {} quarter; may send {} kbit/s",
        repair.asked,
        repair.by_parity,
        repair.given_up,
        figures.resent,
        figures.lost_strips,
        sizes[0],
        sizes[1],
        sizes[2],
        granted_kbps
    )
}

fn quantile_us(histogram: &Histogram, permille: u64) -> u64 {
    histogram.quantile(permille).map_or(0, |span| span.as_micros())
}
