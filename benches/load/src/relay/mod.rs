//! What forwarding one packet costs the real server, beside raw loops that do nothing else.
//!
//! The relay under test has one core, the load the other. Contenders take turns, round by round; a ratio is taken within
//! a round, and its median is the figure. Processor time is that of all the relay's threads, divided by the datagrams
//! that *reached* a receiver. Load is by window: each sender has about one burst on its way, so the relay always finds
//! work and nothing gets lost; packets a second are then the most that this pair of cores carries without loss.

mod contender;
mod load;
mod raw;

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::rc::Rc;

use hph_core::limits::{HOP_PREFIX_BYTES, MEDIA_HEADER_BYTES, TAG_BYTES};
use hph_core::time::Duration;
use hph_platform::clock::Clock;

use crate::figure::{Report, Rounds};
use crate::machine::{self, Role};
use crate::server::Setup;
use contender::{Contender, Raw, Real};
pub use load::{Crowd, Pace, widen};
use raw::Kind;

/// Rounds of everything.
const ROUNDS: usize = 5;
/// A round has about so many datagrams for receivers.
const ROUND_DATAGRAMS: usize = 30_000;
/// The same with `--quick`.
const QUICK_DATAGRAMS: usize = 6_000;
/// The SFrame header of a media packet with a small key id and a counter of two bytes.
const SFRAME_BYTES: usize = 4;
/// The case in which allocations are counted.
const ALLOCATING_CASE: &str = "video_1_to_8";
/// A latency round takes this long.
const LATENCY_ROUND_US: usize = 200_000;
/// The relay's core counts as busy above this part of the time.
const BUSY: f64 = 0.9;

/// Who sends how much to whom.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// For figures.
    pub name: &'static str,
    /// Rooms at the same time.
    pub rooms: usize,
    /// People of a room; each gets what the others send.
    pub people: usize,
    /// How many of them send.
    pub senders: usize,
    /// Datagrams of one burst.
    pub burst: usize,
    /// Size of each.
    pub datagram_bytes: usize,
    /// Whether latency is measured too.
    pub is_timed: bool,
}

/// Many rooms with about one burst of each sender on its way, as on a busy server: packets of one sender are never there
/// to be put together with those of its next frame.
const CASES: [Case; 6] = [
    Case { name: "video_1_to_1", rooms: 8, people: 2, senders: 1, burst: 21, datagram_bytes: 1200, is_timed: false },
    Case { name: "video_1_to_8", rooms: 4, people: 9, senders: 1, burst: 21, datagram_bytes: 1200, is_timed: true },
    Case { name: "video_1_to_31", rooms: 2, people: 32, senders: 1, burst: 21, datagram_bytes: 1200, is_timed: false },
    Case { name: "voice_1_to_1", rooms: 32, people: 2, senders: 1, burst: 1, datagram_bytes: 100, is_timed: false },
    Case { name: "voice_1_to_8", rooms: 8, people: 9, senders: 1, burst: 1, datagram_bytes: 100, is_timed: true },
    Case { name: "voice_3_to_32", rooms: 4, people: 32, senders: 3, burst: 1, datagram_bytes: 100, is_timed: false },
];

impl Case {
    /// Room and person of the burst with this number: rooms take turns, then the senders in them.
    pub const fn sender(&self, turn: usize) -> (usize, usize) {
        (turn % self.rooms, turn / self.rooms % self.senders)
    }

    /// Media bytes in a datagram of this size.
    pub const fn payload_bytes(&self) -> usize {
        self.datagram_bytes - HOP_PREFIX_BYTES - MEDIA_HEADER_BYTES - SFRAME_BYTES - TAG_BYTES
    }

    const fn fanout(&self) -> usize {
        self.people - 1
    }

    const fn window(&self) -> Pace {
        Pace::Window(self.rooms * self.senders)
    }
}

/// The rounds of one contender in one case.
#[derive(Debug, Default)]
struct Measured {
    name: &'static str,
    ns_per_packet: Rounds,
    packets_per_s: Rounds,
    busy: Rounds,
    loss: Rounds,
    p50_us: Rounds,
    p99_us: Rounds,
}

/// Measures and prints.
///
/// # Errors
/// The server does not start, a socket fails.
pub fn run(report: &mut Report, is_quick: bool, only: Option<&str>) -> io::Result<()> {
    let is_pinned = machine::pin(Role::Load);
    report.say(if is_pinned {
        "Relay on one core, load on another; loopback; processor time per datagram that reached a receiver."
    } else {
        "One core for relay and load: figures are worse than with two, ratios less certain."
    });
    let mut real = Real::start(&Setup { is_pinned, is_wide: true, ..Setup::default() })?;
    let mut voice_ratios = Vec::new();
    for case in CASES.iter().filter(|case| only.is_none_or(|only| case.name.starts_with(only))) {
        let measured = measure(case, &mut real, if is_quick { QUICK_DATAGRAMS } else { ROUND_DATAGRAMS })?;
        print(report, case, &measured);
        if let [plain, batched, offload, .., server] = measured.as_slice() {
            debug_assert_eq!((plain.name, server.name), (Kind::Plain.name(), "server"));
            headlines(report, case, batched, offload, server, &mut voice_ratios);
        }
    }
    if let Some(case) = CASES.iter().find(|case| case.name == ALLOCATING_CASE) {
        count_allocations(report, &mut real, case)?;
    }
    // The promise is for both kinds of room: the lower ratio counts.
    if let Some(lowest) = voice_ratios.iter().min_by(|one, other| one.median().total_cmp(&other.median())) {
        report.figure("relay.voice.ratio_batched", lowest, "ratio");
    }
    report.end();
    Ok(())
}

/// What relay threads allocate while they relay, by the count of the program that serves; nothing to say where it does
/// not count.
fn count_allocations(report: &Report, real: &mut Real, case: &Case) -> io::Result<()> {
    real.enter(case)?;
    let bursts = QUICK_DATAGRAMS / (case.burst * case.fanout());
    // The first round warms up.
    real.round(case, bursts, case.window())?;
    let Some(before) = real.count()? else { return Ok(()) };
    let round = real.round(case, bursts * 4, case.window())?;
    let allocations = real.count()?.unwrap_or(before).saturating_sub(before);
    report.value("relay.allocations_per_packet", allocations as f64 / round.received as f64, "1/packet");
    Ok(())
}

/// One relay thread against two: what a packet costs when half of a room is at the other shard, and how many pass.
/// Nothing is kept on a core of its own here, so load and relay share the cores.
///
/// # Errors
/// The server does not start, a socket fails.
pub fn run_shards(report: &mut Report, is_quick: bool) -> io::Result<()> {
    let datagrams = if is_quick { QUICK_DATAGRAMS } else { ROUND_DATAGRAMS };
    for case in CASES.iter().filter(|case| case.is_timed) {
        let start = |relay_threads| Real::start(&Setup { is_wide: true, relay_threads, ..Setup::default() });
        let mut servers = [start(1)?, start(2)?];
        let (mut cost, mut rate) = ([Rounds::default(), Rounds::default()], [Rounds::default(), Rounds::default()]);
        for server in &mut servers {
            server.enter(case)?;
        }
        let bursts = datagrams / (case.burst * case.fanout());
        for round in 0..=ROUNDS {
            for (number, server) in servers.iter_mut().enumerate() {
                let (figures, cpu_ns) = timed(server, case, bursts, case.window())?;
                server.keep_alive()?;
                if round > 0 {
                    cost[number].push(cpu_ns as f64 / figures.received as f64);
                    rate[number].push(figures.rate());
                }
            }
        }
        for (number, name) in [(0, "one"), (1, "two")] {
            report.figure(&format!("shards.{}.{name}.ns_per_packet", case.name), &cost[number], "ns");
            report.figure(&format!("shards.{}.{name}.packets_per_s", case.name), &rate[number], "1/s");
        }
        let [one, two] = &cost;
        report.figure(&format!("shards.{}.cost_ratio", case.name), &two.over(one), "ratio");
        let [one, two] = &rate;
        report.figure(&format!("shards.{}.rate_ratio", case.name), &two.over(one), "ratio");
    }
    report.end();
    Ok(())
}

fn measure(case: &Case, real: &mut Real, datagrams: usize) -> io::Result<Vec<Measured>> {
    real.enter(case)?;
    let bind = |_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let sockets = (0..case.rooms).map(|_| (0..case.people).map(bind).collect()).collect::<io::Result<_>>()?;
    let crowd = Rc::new(RefCell::new(Crowd::new(sockets)));
    let kinds = Kind::ALL.iter().filter(|kind| kind.is_a_baseline() || case.burst > 1);
    let mut raws = kinds.map(|&kind| Raw::start(kind, &crowd)).collect::<io::Result<Vec<_>>>()?;
    let mut contenders: Vec<&mut dyn Contender> = raws.iter_mut().map(|raw| raw as &mut dyn Contender).collect();
    contenders.push(real);
    let mut measured: Vec<Measured> =
        contenders.iter().map(|contender| Measured { name: contender.name(), ..Measured::default() }).collect();

    let bursts = datagrams / (case.burst * case.fanout());
    for round in 0..=ROUNDS {
        for (contender, measured) in contenders.iter_mut().zip(&mut measured) {
            // The first round warms caches and is not counted.
            let bursts = if round == 0 { bursts.div_ceil(8) } else { bursts };
            let (figures, cpu_ns) = timed(*contender, case, bursts, case.window())?;
            if round > 0 {
                measured.ns_per_packet.push(cpu_ns as f64 / figures.received as f64);
                measured.packets_per_s.push(figures.rate());
                measured.busy.push(cpu_ns as f64 / 1e3 / figures.elapsed_us as f64);
                measured.loss.push(figures.loss());
            }
        }
    }
    if case.is_timed {
        // Half of what the raw batched loop can: the same load for all.
        let rate = measured.get(1).map_or(1e5, |batched| batched.packets_per_s.median()) / 2.0;
        let interval_ns = (1e9 * (case.burst * case.fanout()) as f64 / rate) as u64;
        let bursts = LATENCY_ROUND_US * 1000 / interval_ns.max(1) as usize;
        for _ in 0..ROUNDS {
            for (contender, measured) in contenders.iter_mut().zip(&mut measured) {
                if !contender.is_timed() {
                    continue;
                }
                let mut round = contender.round(case, bursts, Pace::Every(interval_ns))?;
                round.latencies_us.sort_unstable();
                let quantile = |permille| round.latencies_us.get(round.latencies_us.len() * permille / 1000).copied();
                measured.p50_us.push(quantile(500).map_or(f64::NAN, f64::from));
                measured.p99_us.push(quantile(990).map_or(f64::NAN, f64::from));
            }
        }
    }
    Ok(measured)
}

/// A round, and the processor time that it took. The relay sleeps before and after, so its time is exact.
fn timed(contender: &mut dyn Contender, case: &Case, bursts: usize, pace: Pace) -> io::Result<(load::Round, u64)> {
    let meter = contender.meter();
    let before = meter.read_ns()?;
    let round = contender.round(case, bursts, pace)?;
    Clock::sleep(Duration::from_millis(2));
    Ok((round, meter.read_ns()?.saturating_sub(before)))
}

fn print(report: &mut Report, case: &Case, measured: &[Measured]) {
    report.say(&format!("\n{}", case.name));
    for one in measured {
        let name = format!("{}.{}", case.name, one.name);
        report.figure(&format!("{name}.ns_per_packet"), &one.ns_per_packet, "ns");
        report.figure(&format!("{name}.packets_per_s"), &one.packets_per_s, "1/s");
        if one.busy.median() < BUSY {
            report.say(&format!(
                "  (busy {:.0} % of the time: packets/s were limited by the load or by other programs)",
                one.busy.median() * 100.0
            ));
        }
        if one.loss.median() > 0.01 {
            report.say(&format!("  ({:.1} % were lost)", one.loss.median() * 100.0));
        }
        if one.p50_us.median().is_finite() {
            report.figure(&format!("{name}.latency_p50_us"), &one.p50_us, "us");
            report.figure(&format!("{name}.latency_p99_us"), &one.p99_us, "us");
        }
    }
}

/// The ratios that the server is held to.
fn headlines(
    report: &mut Report,
    case: &Case,
    batched: &Measured,
    offload: &Measured,
    server: &Measured,
    voice_ratios: &mut Vec<Rounds>,
) {
    // Packets for the same processor time: the inverse of the time for a packet.
    let over_batched = batched.ns_per_packet.over(&server.ns_per_packet);
    let over_offload = offload.ns_per_packet.over(&server.ns_per_packet);
    report.figure(&format!("{}.ratio_batched", case.name), &over_batched, "ratio");
    report.figure(&format!("{}.ratio_offload", case.name), &over_offload, "ratio");
    match case.name {
        "video_1_to_8" => {
            report.figure("relay.video.ratio_offload", &over_offload, "ratio");
            report.figure("relay.video.ratio_batched", &over_batched, "ratio");
            report.value("relay.video.us_per_packet", server.ns_per_packet.median() / 1000.0, "us");
            report.figure("relay.latency_p99_ratio", &server.p99_us.over(&batched.p99_us), "ratio");
        }
        "voice_1_to_8" => {
            report.figure("relay.voice.latency_p99_ratio", &server.p99_us.over(&batched.p99_us), "ratio");
            voice_ratios.push(over_batched);
        }
        "voice_3_to_32" => voice_ratios.push(over_batched),
        _ => {}
    }
}
