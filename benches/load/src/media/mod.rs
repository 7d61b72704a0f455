//! A call over emulated networks, in virtual time. One table out; what is measured is described in docs/media.md, section
//! Adaptation.

mod call;
mod link;

use hph_core::media::red::Redundancy;

use crate::figure::{Report, Rounds};
use call::{Call, Counts};
use link::Profile;

/// Each figure is the median over so many seeds.
const SEEDS: u64 = 5;
/// A call over a network that does not change. **Units:** milliseconds.
const WARM_UP: u64 = 8_000;
const MEASURED: u64 = 60_000;
/// A picture is back when it has this share of its former rate, in percent.
const BACK: u64 = 90;

/// Runs all cases, or the one that is named.
pub fn run(report: &mut Report, is_quick: bool, only: Option<&str>) {
    let seeds = if is_quick { 1 } else { SEEDS };
    let is_wanted = |name: &str| only.is_none_or(|only| only == name);
    for profile in Profile::ALL.into_iter().filter(|profile| is_wanted(profile.name)) {
        steady(report, profile, seeds);
    }
    if is_wanted("step") {
        step(report, seeds);
    }
    if is_wanted("download") {
        download(report, seeds);
    }
    if is_wanted("soak") {
        soak(report, if is_quick { 600 } else { 4 * 3600 });
    }
    report.say(
        "The networks are emulated and time is virtual: the same seeds give the same figures on every machine. Rounds are \
         seeds; losses in bursts make some of them differ.",
    );
}

/// As many copies as the loss of the profile is worth.
fn redundancy(profile: &Profile) -> Redundancy {
    match profile.loss_permille {
        0..=2 => Redundancy::None,
        3..=19 => Redundancy::Last,
        _ => Redundancy::LastAndFourth,
    }
}

/// A minute over a network that stays as it is.
fn steady(report: &mut Report, profile: Profile, seeds: u64) {
    let mut figures: [Rounds; 5] = Default::default();
    for seed in 1..=seeds {
        let mut call = Call::new(profile, redundancy(&profile), 0, seed);
        call.run(WARM_UP, |_| ());
        let before = call.counts();
        let (mut queues, mut delays) = (Vec::new(), Vec::new());
        call.run(MEASURED, |call| {
            queues.push(call.queue_delay_ms());
            delays.push(call.counts().voice_delay_us);
        });
        let after = call.counts();
        let concealed_ms = (after.concealed_samples - before.concealed_samples) / 48;
        let whole = (after.frames_whole - before.frames_whole) as f64;
        let sent = (after.frames_sent - before.frames_sent).max(1) as f64;
        let values = [
            (after.video_bytes - before.video_bytes) as f64 * 8.0 / MEASURED as f64,
            quantile(&mut queues, 95) as f64,
            concealed_ms as f64 / (MEASURED as f64 / 1000.0),
            quantile(&mut delays, 50) as f64 / 1000.0,
            whole / sent * 100.0,
        ];
        figures.iter_mut().zip(values).for_each(|(rounds, value)| rounds.push(value));
    }
    let names = [
        ("video_kbps", "kbit/s"),
        ("queue_p95", "ms"),
        ("voice_concealed", "ms/s"),
        ("jitter_buffer_p50", "ms"),
        ("frames_whole_unrepaired", "%"),
    ];
    for ((name, unit), rounds) in names.into_iter().zip(&figures) {
        report.figure(&format!("media.{}.{name}", profile.name), rounds, unit);
    }
}

/// 5 Mbit/s, then a tenth of it, then all of it again.
fn step(report: &mut Report, seeds: u64) {
    let mut figures: [Rounds; 5] = Default::default();
    for seed in 1..=seeds {
        let mut call = Call::new(Profile::STEP, Redundancy::Last, 0, seed);
        call.run(15_000, |_| ());
        let before = call.counts();
        call.run(5_000, |_| ());
        let full = call.counts().video_bytes - before.video_bytes;
        let (fallen_at, at_drop) = (call.now, call.counts());
        let (mut long_at, mut queues) = (fallen_at, Vec::new());
        call.run(10_000, |call| {
            if call.queue_delay_ms() > 100 {
                long_at = call.now;
            }
        });
        call.run(20_000, |call| queues.push(call.queue_delay_ms()));
        let risen_at = call.now;
        let mut back_at = None;
        while back_at.is_none() && call.now - risen_at < 30_000_000 {
            let before = call.counts().video_bytes;
            call.run(250, |_| ());
            // A quarter of a second against five: a twentieth.
            if (call.counts().video_bytes - before) * 20 * 100 >= full * BACK {
                back_at = Some(call.now);
            }
        }
        call.run(5_000, |_| ());
        let lost = lost_ms(&at_drop, &call.counts());
        let values = [
            (long_at - fallen_at) as f64 / 1e6,
            quantile(&mut queues, 95) as f64,
            back_at.map_or(f64::NAN, |at| (at - risen_at) as f64 / 1e6),
            lost as f64,
            (call.counts().concealed_samples - at_drop.concealed_samples) as f64 / 48.0,
        ];
        figures.iter_mut().zip(values).for_each(|(rounds, value)| rounds.push(value));
    }
    let names = [
        ("queue_below_100ms_after", "s"),
        ("queue_p95_while_narrow", "ms"),
        ("video_back_after", "s"),
        ("voice_lost", "ms"),
        ("voice_concealed", "ms"),
    ];
    for ((name, unit), rounds) in names.into_iter().zip(&figures) {
        report.figure(&format!("media.step.{name}"), rounds, unit);
    }
}

/// What was said and is never heard, in milliseconds: frames that came neither by their own packet nor by a copy, and what
/// the jitter buffer passed over.
fn lost_ms(before: &Counts, after: &Counts) -> u64 {
    (after.frames_lost_after_recovery - before.frames_lost_after_recovery) * 20
        + (after.skipped_samples - before.skipped_samples) / 48
}

/// A download begins beside the call, and ends.
fn download(report: &mut Report, seeds: u64) {
    let mut figures: [Rounds; 3] = Default::default();
    for seed in 1..=seeds {
        let mut call = Call::new(Profile::SHARED, Redundancy::Last, 0, seed);
        call.run(8_000, |_| ());
        call.begin_download();
        call.run(10_000, |_| ());
        let before = call.counts();
        call.run(30_000, |_| ());
        let after = call.counts();
        let share = |bytes: u64| bytes as f64 * 8.0 / 30.0 / 5_000_000.0 * 100.0;
        let values = [
            share(after.video_bytes - before.video_bytes),
            share(after.download_bytes - before.download_bytes),
            (after.concealed_samples - before.concealed_samples) as f64 / 48.0 / 30.0,
        ];
        figures.iter_mut().zip(values).for_each(|(rounds, value)| rounds.push(value));
    }
    let names = [("video_share", "%"), ("download_share", "%"), ("voice_concealed", "ms/s")];
    for ((name, unit), rounds) in names.into_iter().zip(&figures) {
        report.figure(&format!("media.download.{name}"), rounds, unit);
    }
}

/// Hours over a Wi-Fi, with a loudspeaker whose clock is 100 ppm fast: does anything grow?
fn soak(report: &mut Report, seconds: u64) {
    let Some(profile) = Profile::ALL.into_iter().find(|profile| profile.name == "wifi_good") else { return };
    let mut call = Call::new(profile, Redundancy::Last, 100, 1);
    call.run(WARM_UP, |_| ());
    let tenth = seconds * 100;
    // All of one size from the beginning: what grows is not this bench.
    let (mut means, mut memory) = (Vec::with_capacity(10), Vec::with_capacity(10));
    let mut delays = Vec::with_capacity(tenth as usize / 10 + 1);
    for _ in 0..10 {
        let before = call.counts();
        delays.clear();
        call.run(tenth, |call| delays.push(call.counts().voice_delay_us));
        let concealed = call.counts().concealed_samples - before.concealed_samples;
        means.push((quantile(&mut delays, 50) as f64 / 1000.0, concealed as f64 / 48.0 / (tenth as f64 / 1000.0)));
        memory.extend(resident_kib());
    }
    let (first, last) = (means.first().copied().unwrap_or_default(), means.last().copied().unwrap_or_default());
    report.value("media.soak.hours", seconds as f64 / 3600.0, "h");
    report.value("media.soak.delay_first_tenth", first.0, "ms");
    report.value("media.soak.delay_last_tenth", last.0, "ms");
    report.value("media.soak.concealed_first_tenth", first.1, "ms/s");
    report.value("media.soak.concealed_last_tenth", last.1, "ms/s");
    if let (Some(first), Some(last)) = (memory.first(), memory.last()) {
        report.value("media.soak.memory_first_tenth", *first as f64, "KiB");
        report.value("media.soak.memory_last_tenth", *last as f64, "KiB");
    }
}

/// Memory of this process, both ends of the call and the network: where it can be known.
fn resident_kib() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return crate::server::resident_kib(std::process::id()).ok();
    #[cfg(not(target_os = "linux"))]
    None
}

fn quantile(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    let at = values.len().saturating_sub(1) * percent / 100;
    values.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_over_a_network_that_narrows_and_widens_keeps_its_promises() {
        for seed in 1..=SEEDS {
            let mut call = Call::new(Profile::STEP, Redundancy::Last, 0, seed);
            call.run(20_000, |_| ());
            let (fallen_at, at_drop) = (call.now, call.counts());
            let (mut above, mut most) = (0, 0);
            call.run(30_000, |call| {
                let queue = call.queue_delay_ms();
                if call.now - fallen_at > 2_000_000 && queue > 100 {
                    (above, most) = (above + 10, queue.max(most));
                }
            });
            // It is short within two seconds, and stays so.
            assert!(above == 0, "seed {seed}: {above} ms above 100 ms, up to {most} ms");
            assert!(lost_ms(&at_drop, &call.counts()) <= 100, "seed {seed}");
            call.run(6_000, |_| ());
            let before = call.counts().video_bytes;
            call.run(2_000, |_| ());
            let bps = (call.counts().video_bytes - before) * 4;
            assert!(bps >= 3_500_000, "seed {seed}: {bps} bit/s");
        }
    }

    #[test]
    fn minutes_of_wifi_with_a_fast_loudspeaker_make_nothing_grow() {
        let Some(profile) = Profile::ALL.into_iter().find(|profile| profile.name == "wifi_good") else { panic!() };
        let mut call = Call::new(profile, Redundancy::Last, 100, 1);
        call.run(20_000, |_| ());
        let mut halves = [0u64; 2];
        for half in &mut halves {
            let mut delays = Vec::new();
            call.run(60_000, |call| delays.push(call.counts().voice_delay_us));
            *half = quantile(&mut delays, 50);
        }
        assert!(halves[1] <= halves[0] + 5_000, "{halves:?}");
    }
}
