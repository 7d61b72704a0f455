//! Servers in the local network: `hph find`, and what `hph join` does without an address.

use std::io::{self, BufRead};
use std::time::Duration;

use hph_client::core::time::Instant;
use hph_client::discover::{Discovery, FoundServer, LanError};
use hph_client::link::{Invitation, authority};
use hph_client::platform::clock::Clock;
use hph_client::tls::fingerprint;
use serde_json::{Value, json};
use smol::Timer;
use smol::future::FutureExt;

use crate::exit::{Exit, Failure};
use crate::lang;
use crate::object::object;
use crate::output::Output;
use crate::signals;
use crate::terminal;
use crate::text::parse_duration;

/// How long is looked, unless somebody says so.
const LOOK: Duration = Duration::from_secs(2);
/// Whoever wants to meet is patient for this long.
const LOOK_TO_JOIN: Duration = Duration::from_secs(5);
/// Once one server is found, others may take this long.
const OTHERS: Duration = Duration::from_millis(700);
/// Tries to make out which of several servers is meant.
const ASK_MAX: usize = 3;

/// What `hph find` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Look for this long [default: 2s]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    time: Option<Duration>,
    /// Go on and tell every change, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Runs `hph find`.
///
/// # Errors
/// There is no network, or nobody was found.
pub async fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    let discovery = Discovery::start().map_err(|error| no_network(&error, out))?;
    out.progress(out.lang.text(&lang::LOOKING));
    if args.watch {
        return watch(&discovery, args.time, out).await;
    }
    Timer::after(args.time.unwrap_or(LOOK)).await;
    let servers = discovery.servers();
    out.progress("");
    for server in &servers {
        tell("server", server, out);
    }
    if servers.is_empty() { Err(nobody(out)) } else { Ok(Exit::Ok) }
}

async fn watch(discovery: &Discovery, time: Option<Duration>, out: &Output) -> Result<Exit, Failure> {
    let internal = |error: io::Error| Failure::new(Exit::Failed, "E-SYS-01", error);
    let stops = signals::stop_requests().map_err(internal)?;
    let mut known: Vec<FoundServer> = Vec::new();
    let until = time.map(Timer::after);
    let is_over = async {
        match until {
            Some(until) => _ = until.await,
            None => smol::future::pending().await,
        }
        Exit::Ok
    };
    let stopped = async { stops.recv().await.unwrap_or(Exit::Ok) };
    let telling = async {
        while discovery.changes().recv().await.is_ok() {
            let now = discovery.servers();
            let is_there = |all: &[FoundServer], one: &FoundServer| all.iter().any(|other| other.pin == one.pin);
            for gone in known.iter().filter(|server| !is_there(&now, server)) {
                tell("server_gone", gone, out);
            }
            for server in now.iter().filter(|server| !known.contains(server)) {
                tell("server", server, out);
            }
            known = now;
        }
        Exit::Ok
    };
    Ok(telling.or(stopped).or(is_over).await)
}

/// The server that is meant by somebody who names none: the only one, or the one that is chosen from those there are.
///
/// # Errors
/// There is none, or there are several and nobody can be asked.
pub async fn choose(may_ask: bool, out: &Output) -> Result<Invitation, Failure> {
    let discovery = Discovery::start().map_err(|error| no_network(&error, out))?;
    out.progress(out.lang.text(&lang::LOOKING));
    let servers = first_servers(&discovery).await;
    out.progress("");
    let chosen = match &servers[..] {
        [] => return Err(nobody(out)),
        [only] => only,
        several => choose_of(several, may_ask && terminal::is_interactive(), out)?,
    };
    let address = authority(&chosen.address.to_string(), chosen.port);
    out.talk(&out.lang.fill(&lang::FOUND, &[&chosen.name, &address, &fingerprint(&chosen.pin)]));
    Ok(chosen.invitation(None))
}

/// Those that are found until there is one and others had their time too.
async fn first_servers(discovery: &Discovery) -> Vec<FoundServer> {
    let began = Clock::now();
    let mut until = LOOK_TO_JOIN;
    while elapsed(began) < until {
        let change = async { discovery.changes().recv().await.is_ok() };
        let over = async {
            Timer::after(until.saturating_sub(elapsed(began))).await;
            false
        };
        if change.or(over).await && !discovery.servers().is_empty() {
            until = until.min(elapsed(began) + OTHERS);
        }
    }
    discovery.servers()
}

fn elapsed(began: Instant) -> Duration {
    Duration::from_micros(Clock::now().since(began).as_micros())
}

fn choose_of<'a>(servers: &'a [FoundServer], may_ask: bool, out: &Output) -> Result<&'a FoundServer, Failure> {
    for (number, server) in (1..).zip(servers) {
        out.warn(&format!("{number}. {}", row(server, out)));
    }
    let mut lines = io::stdin().lock();
    for _ in 0..if may_ask { ASK_MAX } else { 0 } {
        out.warn(&out.lang.fill(&lang::WHICH_SERVER, &[&servers.len()]));
        let mut line = String::new();
        if !lines.read_line(&mut line).is_ok_and(|len| len > 0) {
            break;
        }
        let index = line.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        if let Some(server) = index.and_then(|index| servers.get(index)) {
            return Ok(server);
        }
    }
    Err(Failure::usage(out.lang.text(&lang::E_SEVERAL)))
}

fn tell(event: &str, server: &FoundServer, out: &Output) {
    let is_gone = event == "server_gone";
    let words = || if is_gone { out.lang.fill(&lang::SERVER_GONE, &[&server.name]) } else { row(server, out) };
    out.data(|| object(event, describe(server)), words);
}

fn row(server: &FoundServer, out: &Output) -> String {
    let address = authority(&server.address.to_string(), server.port);
    let counts = out.lang.fill(&lang::ROOMS_AND_PEOPLE, &[&server.rooms, &server.people]);
    format!("{}  {address}  {counts}  {}", out.bold(&server.name), fingerprint(&server.pin))
}

fn describe(server: &FoundServer) -> Value {
    json!({"name": server.name, "address": server.address.to_string(), "port": server.port, "rooms": server.rooms,
        "people": server.people, "fingerprint": fingerprint(&server.pin), "link": server.invitation(None).to_string()})
}

fn no_network(error: &LanError, out: &Output) -> Failure {
    Failure::new(Exit::Unreachable, "E-NET-03", error).advise(out.lang.text(&lang::A_NOBODY))
}

fn nobody(out: &Output) -> Failure {
    Failure::new(Exit::Unreachable, "E-NET-04", out.lang.text(&lang::E_NOBODY)).advise(out.lang.text(&lang::A_NOBODY))
}
