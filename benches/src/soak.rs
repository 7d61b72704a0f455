//! `bench soak`: a meeting of real processes over loopback that goes on and on. Nothing may grow: memory, open files,
//! threads, the way of pictures and voices, and how far the sound is behind the clock.

use std::collections::BTreeMap;
use std::io;

use hph_core::time::Duration;
use hph_load::figure::{Report, Rounds};
use hph_load::machine;
use hph_load::server::{ServerProcess, Setup, resident_kib};
use hph_platform::clock::Clock;

use crate::person::PersonProcess;

/// Who meets.
const PEOPLE: [&str; 3] = ["An", "Binh", "Chi"];
/// Until everybody has sent whole pictures, and every buffer was in use once. **Units:** seconds.
const WARM_UP_S: u64 = 30;
/// **Units:** seconds.
const LOOK_EVERY_S: u64 = 5;
/// The first part of the time is compared with the last.
const PARTS: usize = 5;
/// How much may grow from the first part to the last: memory in KiB and in relation to what it was, because allocators
/// round, and delays in milliseconds, because the machine is not always as busy.
const MEMORY_MAX: (f64, f64) = (512.0, 0.02);
const DELAY_MAX_MS: f64 = 10.0;

/// What was seen of one thing over time.
type Series = BTreeMap<String, Vec<f64>>;

/// Measures and prints.
///
/// # Errors
/// Somebody does not get in or leaves; something has grown.
pub fn run(report: &Report, minutes: u64) -> io::Result<()> {
    let server = ServerProcess::start(&Setup::default())?;
    let people = PEOPLE.iter().map(|name| PersonProcess::start(None, &server, name, None));
    let mut people = people.collect::<io::Result<Vec<_>>>()?;
    machine::describe().iter().for_each(|line| report.say(line));
    report.say(&format!("{} people with camera and voice, {minutes} minutes.", people.len()));
    Clock::sleep(Duration::from_secs(WARM_UP_S));
    people.iter_mut().try_for_each(|person| person.look().map(|_| ()))?;
    let (mut series, began) = (Series::new(), Clock::now());
    while Clock::now().since(began) < Duration::from_secs(minutes * 60) {
        Clock::sleep(Duration::from_secs(LOOK_EVERY_S));
        look(&server, &mut people, &mut series)?;
    }
    let grown: Vec<String> = series.iter().filter_map(|(name, values)| tell(report, name, values)).collect();
    if grown.is_empty() { Ok(()) } else { Err(io::Error::other(format!("{} grew", grown.join(", ")))) }
}

fn look(server: &ServerProcess, people: &mut [PersonProcess], series: &mut Series) -> io::Result<()> {
    let mut note = |name: &str, value: f64| series.entry(name.to_owned()).or_default().push(value);
    let (files, threads) = machine::files_and_threads(server.id())?;
    note("server.memory", server.resident_kib()? as f64);
    note("server.files", files as f64);
    note("server.threads", threads as f64);
    note("load", machine::load());
    let (mut memory, mut of_all) = (0.0, (0, 0));
    for person in people {
        let (files, threads) = machine::files_and_threads(person.id())?;
        memory += resident_kib(person.id())? as f64;
        of_all = (of_all.0 + files, of_all.1 + threads);
        let look = person.look()?;
        note("picture_latency", look.of("picture_ms"));
        note("voice_latency", look.of("voice_ms"));
        note("voice_buffer", look.of("buffer_ms"));
    }
    note("people.memory", memory);
    note("people.files", of_all.0 as f64);
    note("people.threads", of_all.1 as f64);
    Ok(())
}

/// Prints the medians of the first and of the last part; gives the name if it has grown.
fn tell(report: &Report, name: &str, values: &[f64]) -> Option<String> {
    let part = values.len().div_ceil(PARTS);
    let of = |values: &[f64]| {
        let mut rounds = Rounds::default();
        values.iter().for_each(|value| rounds.push(*value));
        rounds.median()
    };
    let (first, last) = (of(values.get(..part)?), of(values.get(values.len() - part..)?));
    let (unit, most) = match name.rsplit_once('.').map_or(name, |(_, what)| what) {
        "memory" => ("KiB", MEMORY_MAX.0.max(first * MEMORY_MAX.1)),
        "files" => ("files", 0.0),
        "threads" => ("threads", 0.0),
        // Not ours: others at work make delays grow.
        "load" => ("waiting for a core", f64::INFINITY),
        _ => ("ms", DELAY_MAX_MS),
    };
    report.value(&format!("soak.{name}.first_fifth"), first, unit);
    report.value(&format!("soak.{name}.last_fifth"), last, unit);
    // What was never seen is no good sign either.
    let is_steady = last - first <= most;
    (!is_steady).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_named_and_what_wavers_is_not() {
        let report = Report::new(true);
        let even: Vec<f64> = (0..50).map(|n| 10_000.0 + f64::from(n % 3) * 40.0).collect();
        let leaking: Vec<f64> = (0..50).map(|n| 10_000.0 + f64::from(n) * 20.0).collect();
        let one_more: Vec<f64> = (0..50).map(|n| if n > 42 { 12.0 } else { 11.0 }).collect();
        assert_eq!(tell(&report, "server.memory", &even), None);
        assert_eq!(tell(&report, "server.memory", &leaking), Some("server.memory".to_owned()));
        assert_eq!(tell(&report, "people.files", &one_more), Some("people.files".to_owned()));
        assert_eq!(tell(&report, "voice_buffer", &one_more), None);
        assert_eq!(tell(&report, "voice_latency", &[f64::NAN; 10]), Some("voice_latency".to_owned()));
    }
}
