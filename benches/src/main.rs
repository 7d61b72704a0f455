//! `bench NAME [--json]`: measured figures, each beside a baseline of the same run.
//!
//! A figure without `--json` is a line for people; with it, one JSON object a line: `{"figure", "value", "unit"}`.
//!
//! - [`figure`]: medians, spread, printing.
//! - [`machine`]: cores and processor time.
//! - [`server`], [`member`]: the real server in a process of its own, and people signed in at it.
//! - [`relay`], [`memory`]: the benches.
#![forbid(unsafe_code)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

mod figure;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod member;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod server;

use std::io;
use std::process::ExitCode;

use figure::Report;

const LIST: &str = "\
relay    forwarding against raw loops: 1 to 1, 8 and 31, voice and video, processor time, packets/s, latency
memory   resident memory of a server, idle and with people
";
const USAGE: &str = "bench NAME [--json] [--quick] [--only CASE]   or   bench --list\n";

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
    let only = arguments.iter().position(|argument| *argument == "--only").and_then(|at| arguments.get(at + 1));
    let mut report = Report::new(has("--json"));
    match arguments.first() {
        Some(&"relay") => relay::run(&mut report, has("--quick"), only.copied()),
        Some(&"memory") => memory::run(&mut report, has("--quick")),
        Some(&server::COMMAND) => server::serve(has(server::PINNED)),
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
