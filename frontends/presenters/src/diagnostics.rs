//! How the connection is, in one sentence, and why; and the figures behind it.

use std::collections::VecDeque;

use hph_client::core::stats::Histogram;
use hph_client::engine::EngineFigures;
use hph_client::media::{Stages, VoiceFigures};

/// Samples that are kept: two minutes, one a second.
pub const SAMPLES_MAX: usize = 120;
/// A verdict is made of the last seconds.
const VERDICT_SAMPLES: usize = 5;

/// A traffic light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// All is well.
    #[default]
    Green,
    /// Something is not as it should be, but one can talk.
    Yellow,
    /// One can hardly talk.
    Red,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// There is no connection.
    Disconnected,
    /// Packets do not come through: UDP is blocked.
    NoDatagrams,
    /// Much of what we send is lost.
    LossUp,
    /// Much of what comes to us is lost.
    LossDown,
    /// The round trip is long.
    Delay,
    /// The delay varies.
    Jitter,
    /// Our way out is narrow: pictures are made smaller.
    Bandwidth,
    /// This machine does not keep up with decoding.
    Machine,
    /// This machine does not keep up with what it captures.
    Capture,
}

/// The sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How it is.
    pub light: Light,
    /// Why it is not green.
    pub cause: Option<Cause>,
}

/// Everything that was measured in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Whether there is a connection.
    pub is_connected: bool,
    /// Whether datagrams go both ways.
    pub is_up: bool,
    /// **Units:** milliseconds.
    pub rtt_ms: f32,
    /// Of what we send, 0 to 1.
    pub loss_up: f32,
    /// Of what comes to us, 0 to 1.
    pub loss_down: f32,
    /// How much the one-way delay of what we send varies. **Units:** milliseconds.
    pub jitter_ms: f32,
    /// How long voices wait to be played, the longest. **Units:** milliseconds.
    pub buffer_ms: f32,
    /// **Units:** bits a second.
    pub up_bps: u64,
    /// **Units:** bits a second.
    pub down_bps: u64,
    /// What our way out carries; none while nothing is known. **Units:** bits a second.
    pub granted_bps: Option<u32>,
    /// Frames of others that came whole. **Units:** a second.
    pub frames: f32,
    /// Frames of others that were lost. **Units:** a second.
    pub frames_lost: f32,
    /// Frames of others that were dropped because decoding did not keep up. **Units:** a second.
    pub overrun: f32,
    /// Frames of ours that were not sent. **Units:** a second.
    pub unsent: f32,
    /// Pictures of ours that were sent. **Units:** a second. The frontend counts them.
    pub captured: f32,
}

/// What is read from the engine once a second.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Whether there is a connection.
    pub is_connected: bool,
    /// The engine's figures.
    pub engine: EngineFigures,
    /// The voices' figures.
    pub voices: Vec<VoiceFigures>,
    /// [`hph_client::media::Receiver::overrun`].
    pub overrun: u64,
    /// Pictures of ours that were handed to the engine.
    pub captured: u64,
}

/// A stage of the way from one camera to another screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Its name, as in [`Stages::named`], or `network`.
    pub name: &'static str,
    /// Half of all pictures took no longer. **Units:** milliseconds.
    pub p50_ms: f32,
    /// 95 of 100 took no longer. **Units:** milliseconds.
    pub p95_ms: f32,
}

/// All figures.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    samples: VecDeque<Sample>,
    last: Option<(u64, Reading)>,
}

impl Diagnostics {
    /// Takes what was read, once a second. `now_ms` is on any clock that goes on.
    pub fn handle(&mut self, reading: Reading, now_ms: u64) {
        if let Some((then_ms, then)) = self.last.replace((now_ms, reading))
            && let Some((_, now)) = &self.last
            && now_ms > then_ms
        {
            let sample = sample(&then, now, (now_ms - then_ms) as f32 / 1000.0);
            self.samples.push_back(sample);
            if self.samples.len() > SAMPLES_MAX {
                self.samples.pop_front();
            }
        }
    }

    /// The last two minutes, the oldest first.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        self.samples.iter()
    }

    /// The last second.
    pub fn now(&self) -> Sample {
        self.samples.back().copied().unwrap_or_default()
    }

    /// One series, for a line that is drawn.
    pub fn series(&self, value: impl Fn(&Sample) -> f32) -> Vec<f32> {
        self.samples.iter().map(value).collect()
    }

    /// How it is, over the last seconds.
    pub fn verdict(&self) -> Verdict {
        let last: Vec<&Sample> = self.samples.iter().rev().take(VERDICT_SAMPLES).collect();
        match last.first() {
            None => Verdict::default(),
            Some(now) if !now.is_connected => Verdict { light: Light::Red, cause: Some(Cause::Disconnected) },
            Some(now) if !now.is_up => Verdict { light: Light::Red, cause: Some(Cause::NoDatagrams) },
            Some(_) => judge(&last),
        }
    }
}

/// The worst of what is measured.
fn judge(last: &[&Sample]) -> Verdict {
    let mean = |value: fn(&Sample) -> f32| last.iter().map(|sample| value(sample)).sum::<f32>() / last.len() as f32;
    let grade = |value: f32, yellow: f32, red: f32| match value {
        value if value >= red => Light::Red,
        value if value >= yellow => Light::Yellow,
        _ => Light::Green,
    };
    // Of two that are equally bad the first one is named: what is further down may follow from it.
    let found = [
        (Cause::Machine, grade(mean(|sample| sample.overrun), 1.0, 10.0)),
        (Cause::Capture, grade(mean(|sample| sample.unsent), 2.0, f32::INFINITY)),
        (Cause::LossUp, grade(mean(|sample| sample.loss_up), 0.03, 0.15)),
        (Cause::LossDown, grade(mean(|sample| sample.loss_down), 0.03, 0.15)),
        (Cause::Delay, grade(mean(|sample| sample.rtt_ms), 250.0, 600.0)),
        (Cause::Jitter, grade(mean(|sample| sample.jitter_ms), 40.0, 120.0)),
        (Cause::Bandwidth, grade(mean(narrowness), 0.5, f32::INFINITY)),
    ];
    let worst = found
        .into_iter()
        .fold((None, Light::Green), |worst, (cause, light)| if light > worst.1 { (Some(cause), light) } else { worst });
    Verdict { light: worst.1, cause: worst.0 }
}

/// 1 if our way out carries less than a small picture needs.
fn narrowness(sample: &Sample) -> f32 {
    const SMALL_BPS: u32 = 400_000;
    f32::from(u8::from(sample.granted_bps.is_some_and(|bps| bps < SMALL_BPS)))
}

fn sample(then: &Reading, now: &Reading, seconds: f32) -> Sample {
    let rate = |then: u64, now: u64| now.saturating_sub(then) as f32 / seconds;
    let bits = |then: u64, now: u64| (rate(then, now) * 8.0) as u64;
    let (a, b) = (&then.engine, &now.engine);
    let ms = |us: u64| us as f32 / 1000.0;
    Sample {
        is_connected: now.is_connected,
        is_up: b.is_up,
        rtt_ms: ms(b.rtt_us),
        loss_up: f32::from(b.loss.up.loss) / 65_536.0,
        loss_down: f32::from(b.loss.down_loss) / 65_536.0,
        jitter_ms: ms(b.loss.up.delay_variation.as_micros()),
        buffer_ms: now.voices.iter().map(|voice| ms(voice.jitter.delay_us)).fold(0.0, f32::max),
        up_bps: bits(a.bytes.0, b.bytes.0),
        down_bps: bits(a.bytes.1, b.bytes.1),
        granted_bps: b.uplink.map(|uplink| uplink.target_bps),
        frames: rate(a.frames.0, b.frames.0),
        frames_lost: rate(a.frames.1, b.frames.1),
        overrun: rate(then.overrun, now.overrun),
        unsent: rate(a.frames_unsent, b.frames_unsent),
        captured: rate(then.captured, now.captured),
    }
}

/// The stages of a picture's way, in order, for bars that stand beside each other. Of the network there is half a round trip.
pub fn stages(stages: &Stages, rtt_ms: f32) -> Vec<Stage> {
    let of = |name: &'static str, histogram: &Histogram| {
        let ms = |permille| histogram.quantile(permille).map_or(0.0, |span| span.as_micros() as f32 / 1000.0);
        Stage { name, p50_ms: ms(500), p95_ms: ms(950) }
    };
    let mut rows = Vec::new();
    for (name, histogram) in stages.named().into_iter().filter(|(name, _)| !matches!(*name, "total" | "lips")) {
        if name == "reassemble" {
            rows.push(Stage { name: "network", p50_ms: rtt_ms / 2.0, p95_ms: rtt_ms / 2.0 });
        }
        rows.push(of(name, histogram));
    }
    rows
}

#[cfg(test)]
mod tests;
