//! Pictures over hops that lose datagrams, through the real machines on a virtual clock: what a receiver shows with
//! repair, and without it.
//!
//! A picture of 48 strips, 30 times a second. A strip that is not there one frame interval after the picture would have
//! been whole without loss is *stale*: the receiver shows that part of an earlier picture.

mod vmaf;
mod world;

use std::collections::HashMap;
use std::io;

use hph_load::figure::Report;
use world::{Case, Loss, World};

const STRIPS: usize = 48;
const STRIP_BYTES: usize = 1100;
const FRAME_US: u64 = 33_333;
/// Loss has to be measured before anything is done about it.
const WARM_UP_FRAMES: u64 = 120;

/// What a receiver saw.
struct Seen {
    /// Pictures that were whole in time, and the part of all pictures that was stale. **Units:** percent.
    whole: f64,
    stale: f64,
    /// Stale in the end: never came at all.
    never: f64,
    down_bytes: f64,
    up_bytes: f64,
    reports_bytes: f64,
}

/// Runs one case for `frames` pictures.
fn run_case(case: &Case, frames: u64) -> Seen {
    let mut world = World::new(case);
    let bytes = vec![7; STRIPS * STRIP_BYTES];
    let strips: Vec<_> = (0..STRIPS).map(|index| index * STRIP_BYTES..(index + 1) * STRIP_BYTES).collect();
    let mut sent_at = Vec::new();
    let mut before = world.traffic;
    for frame in 0..WARM_UP_FRAMES + frames {
        if frame == WARM_UP_FRAMES {
            before = world.traffic;
        }
        sent_at.push(world.now_us);
        world.send(&bytes, &strips);
        world.run_until(world.now_us + FRAME_US);
    }
    let after = world.traffic;
    world.run_until(world.now_us + 1_000_000);

    let mut came: HashMap<u32, (usize, usize)> = HashMap::new();
    for arrival in world.arrivals.borrow().iter() {
        let Some(sent) = sent_at.get(arrival.frame as usize) else { continue };
        // The way of the last strip without loss, and one interval.
        let due = sent + 1000 + case.rtt_us / 2 + (STRIPS as u64 + 2) * 100 + FRAME_US;
        let (in_time, ever) = came.entry(arrival.frame).or_default();
        *in_time += usize::from(arrival.at_us <= due);
        *ever += 1;
    }
    let counted = WARM_UP_FRAMES as u32..(WARM_UP_FRAMES + frames) as u32;
    let of = |frame: u32| came.get(&frame).copied().unwrap_or_default();
    let all = frames as f64;
    let part = |strips: usize| strips as f64 * 100.0 / (all * STRIPS as f64);
    Seen {
        whole: counted.clone().filter(|frame| of(*frame).0 >= STRIPS).count() as f64 * 100.0 / all,
        stale: part(counted.clone().map(|frame| STRIPS - of(frame).0.min(STRIPS)).sum()),
        never: part(counted.map(|frame| STRIPS - of(frame).1.min(STRIPS)).sum()),
        down_bytes: (after.receiver_down - before.receiver_down) as f64,
        up_bytes: (after.sender_up - before.sender_up) as f64,
        reports_bytes: (after.receiver_up - before.receiver_up) as f64,
    }
}

/// Every case, with repair and without it, with the same seeds.
pub fn run(report: &mut Report, is_quick: bool, only: Option<&str>) -> io::Result<()> {
    let frames = if is_quick { 300 } else { 1800 };
    let seeds = if is_quick { 1 } else { 3 };
    let losses = [1, 2, 5, 10].into_iter().flat_map(|percent| [(percent, 1), (percent, 3)]);
    for (rtt_ms, is_both) in [(10, false), (10, true), (100, false)] {
        for (percent, burst) in [(0, 1)].into_iter().chain(losses.clone()) {
            let kind = if burst == 1 { "random" } else { "burst3" };
            let hops = if is_both { "both" } else { "last" };
            let name = format!("video_loss.rtt{rtt_ms}.{hops}.{kind}{percent}");
            if only.is_some_and(|only| !name.contains(only)) {
                continue;
            }
            let of = |has_repair, seed| {
                let loss = Loss { permille: percent * 10, burst };
                let keeps_strips = false;
                run_case(&Case { rtt_us: rtt_ms * 1000, loss, is_both, has_repair, keeps_strips, seed }, frames)
            };
            let runs: Vec<(Seen, Seen)> = (0..seeds).map(|seed| (of(true, seed), of(false, seed))).collect();
            let mean = |of: &dyn Fn(&(Seen, Seen)) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
            report.value(&format!("{name}.stale_area"), mean(&|(with, _)| with.stale), "%");
            report.value(&format!("{name}.stale_area_without"), mean(&|(_, without)| without.stale), "%");
            report.value(&format!("{name}.whole"), mean(&|(with, _)| with.whole), "%");
            report.value(&format!("{name}.whole_without"), mean(&|(_, without)| without.whole), "%");
            report.value(&format!("{name}.never_came"), mean(&|(with, _)| with.never), "%");
            let more =
                |part: &dyn Fn(&Seen) -> f64| mean(&|(with, without)| (part(with) / part(without) - 1.0) * 100.0);
            report.value(&format!("{name}.overhead_down"), more(&|seen| seen.down_bytes), "%");
            report.value(&format!("{name}.overhead_up"), more(&|seen| seen.up_bytes), "%");
            let back = mean(&|(with, _)| with.reports_bytes * 100.0 / with.down_bytes);
            report.value(&format!("{name}.reports_and_questions"), back, "% of what comes");
        }
    }
    vmaf::run(report, is_quick, only)
}
