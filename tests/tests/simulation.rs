//! Many whole deployments, each from a seed. `HPH_SEED=n` runs one of them, `HPH_SIM_SEEDS=n` runs so many.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use hph_core::error::DropReason;
use hph_tests::sim::{self, Report};

/// Seeds of an ordinary run.
const SEEDS: u64 = 500;
/// Threads that share them.
const THREADS: usize = 2;
/// The machines are large values, and debug builds copy them.
const STACK_BYTES: usize = 32 << 20;

/// Says which seed it was if its run panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("\nrun it again with HPH_SEED={}\n", self.0);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn run(seed: u64) -> Report {
    let _name = Named(seed);
    let builder = thread::Builder::new().stack_size(STACK_BYTES);
    let handle = builder.spawn(move || sim::run(seed)).expect("a thread");
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run_all(seeds: u64) -> Vec<Report> {
    let next = AtomicU64::new(0);
    let reports = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            let report = run(seed);
            reports.lock().expect("no thread panics here").push(report);
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    reports.into_inner().expect("no thread panics here")
}

#[test]
fn no_seed_breaks_a_promise() {
    if let Some(seed) = number("HPH_SEED") {
        println!("{:?}\n{:?}", sim::Plan::new(seed), run(seed));
        return;
    }
    let seeds = number("HPH_SIM_SEEDS").unwrap_or(SEEDS);
    let reports = run_all(seeds);
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    println!("{seeds} seeds, {} s of their own time", sum(|report| report.end_us) / 1_000_000);
    println!(
        "{} datagrams to servers, {} frames, {} chat messages",
        sum(|report| report.datagrams),
        sum(|report| report.frames_delivered),
        sum(|report| report.chats_shown)
    );
    println!(
        "{} packets copied, {} opened by right",
        sum(|report| report.tapped.0 as u64),
        sum(|report| report.tapped.1 as u64)
    );
    println!("slowest recovery {:?} us", reports.iter().map(|report| report.recovery_us).max());
    for (index, reason) in DropReason::ALL.into_iter().enumerate() {
        let [by_clients, by_server] =
            [0, 1].map(|side| reports.iter().map(|report| report.drops[side][index]).sum::<u64>());
        println!("{:>20} {by_clients:>8} by clients {by_server:>8} by servers", reason.name());
    }
    assert!(sum(|report| report.frames_delivered) > seeds * 100, "too little happens to prove anything");
    assert!(sum(|report| report.chats_shown) > seeds * 10, "too little happens to prove anything");
    assert!(sum(|report| report.tapped.1 as u64) > seeds, "too little happens to prove anything");
}

#[test]
fn one_seed_makes_the_same_run_twice() {
    for seed in [3, 11, 42] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
