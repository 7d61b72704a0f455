//! `bench NAME [--json]`: measured figures, each beside a baseline of the same run.
//!
//! A figure without `--json` is a line for people; with it, one JSON object a line: `{"figure", "value", "unit"}`. What
//! `hph bench` uses too is in `hph-load`.
#![deny(unsafe_code)]

#[cfg(target_os = "linux")]
mod abuse;
#[cfg(target_os = "linux")]
mod allocations;
#[cfg(target_os = "linux")]
mod camera;
#[cfg(target_os = "linux")]
mod chat;
#[cfg(target_os = "linux")]
mod core_cost;
#[cfg(target_os = "linux")]
mod desktop;
#[cfg(target_os = "linux")]
mod jitter;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod mumble;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod person;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod quality;
#[cfg(target_os = "linux")]
mod rooms;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod video;
#[cfg(target_os = "linux")]
mod video_loss;
#[cfg(target_os = "linux")]
mod voice;
#[cfg(target_os = "linux")]
mod world;

use std::io;
use std::process::ExitCode;

#[cfg(target_os = "linux")]
use hph_load::{figure::Report, media, relay, server};

const LIST: &str = "\
relay    forwarding against raw loops: 1 to 1, 8 and 31, voice and video, processor time, packets/s, latency, allocations
shards   the same server on one and on two relay threads
core     instructions per packet of each stage of the core, against the baseline in the repository
rooms    what a packet costs as rooms become 200 of 32 people
media    a call over emulated networks, in virtual time: adaptation, loss, delay; also as `hph bench media`
chat     a million messages: search, pages of history, new messages, size of the file, start
soak     a meeting of real processes for 20 minutes (--minutes N): memory, files, threads, delays; fails if any grows
network  the call of media between network namespaces: loss, 5 to 0.5 to 5 Mbit/s, a download beside (root, scripts/setup network)
desktop  the desktop program with nine pictures under Xvfb: its thread, pictures a second, input to paint, start, memory
memory   resident memory of a server, idle and with people
mumble   the same of mumble-server, to compare with
abuse    what strangers, forgers, replays and floods cost everybody else
voice-latency   from mouth to ear through two sound devices of a private sound server and a real server
camera   processor time of a picture from a camera or a screen, against a copy of its bytes
voice-echo      what the echo canceller leaves of an echo
jitter   the jitter buffer against the neteq crate, one minute: delay and invented sound on traces of delay
voice-quality   what is left of real speech after a lossy way (PESQ; needs scripts/setup quality)
video-bytes  strips against whole JPEGs and x264: bytes, quality, time
video-tables the Huffman tables that the clips would have, as Rust source
video-loss   pictures over hops that lose datagrams, with repair and without it, on a virtual clock
";
const USAGE: &str =
    "bench NAME [--json] [--quick] [--only CASE] [--minutes N] [--write-baseline]   or   bench --list\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn run(arguments: &[&str]) -> io::Result<()> {
    let has = |flag: &str| arguments.contains(&flag);
    let after =
        |flag: &str| arguments.iter().position(|argument| *argument == flag).and_then(|at| arguments.get(at + 1));
    let only = after("--only");
    let minutes = after("--minutes").map_or(Ok(20), |minutes| minutes.parse()).map_err(io::Error::other)?;
    let mut report = Report::new(has("--json"));
    match arguments.first() {
        Some(&"relay") => relay::run(&mut report, has("--quick"), only.copied()),
        Some(&"shards") => relay::run_shards(&mut report, has("--quick")),
        Some(&"core") => core_cost::run(&mut report, has("--write-baseline")),
        Some(&"rooms") => rooms::run(&mut report, has("--quick")),
        Some(&"media") => {
            media::run(&mut report, has("--quick"), only.copied());
            Ok(())
        }
        Some(&"camera") => camera::run(&mut report, has("--quick")),
        Some(&"chat") => chat::run(&report, has("--quick")),
        Some(&"desktop") => desktop::run(&report, has("--quick")),
        Some(&"memory") => memory::run(&mut report, has("--quick")),
        Some(&"mumble") => mumble::run(&mut report, has("--quick")),
        Some(&"abuse") => abuse::run(&mut report, has("--quick")),
        Some(&"jitter") => jitter::run(&mut report, has("--quick")),
        Some(&"voice-quality") => quality::run(&mut report, has("--quick")),
        Some(&server::COMMAND) => server::serve(arguments.get(1..).unwrap_or_default(), Some(allocations::count)),
        Some(&"soak") => soak::run(&report, minutes),
        Some(&"network") => network::run(&mut report, has("--quick"), only.copied()),
        Some(&network::download::GIVE) => network::download::give(arguments.get(1..).unwrap_or_default()),
        Some(&network::download::TAKE) => network::download::take(arguments.get(1..).unwrap_or_default()),
        Some(&person::COMMAND) => person::live(arguments.get(1..).unwrap_or_default()),
        Some(&core_cost::COMMAND) => core_cost::run_stage(arguments),
        Some(&"voice-latency") => voice::latency(&mut report, has("--quick")),
        Some(&"voice-echo") => voice::echo(&mut report),
        Some(&"video-tables") => video::print_tables(&report),
        Some(&"video-bytes") => video::run(&mut report, has("--quick"), only.copied()),
        Some(&"video-loss") => video_loss::run(&mut report, has("--quick"), only.copied()),
        Some(&"--list") => {
            print!("{LIST}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}{LIST}");
            Err(io::Error::other("there is no such bench"))
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn run(_: &[&str]) -> io::Result<()> {
    Err(io::Error::other("figures are measured on Linux only"))
}
