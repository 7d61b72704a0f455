//! `hph bench`: what forwarding costs on this machine, beside loops that do nothing else, and what the machine is.

use clap::Args as Arguments;
use hph_load::figure::Report;
use hph_load::{machine, media, relay, server};

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// What to measure.
#[derive(Arguments, Clone, Debug)]
pub struct Args {
    /// What to measure
    #[arg(value_enum, default_value_t)]
    what: What,
    /// Less exact, a quarter of the time
    #[arg(long)]
    quick: bool,
    /// Only cases whose name begins so: video_1_to_8, voice_3_to_32, ...; of media, one network: lan, wifi_bad, step, ...
    #[arg(long, value_name = "CASE")]
    only: Option<String>,
}

/// The benches that need nothing but this program.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
enum What {
    /// What forwarding costs on this machine
    #[default]
    Relay,
    /// A call over emulated networks, in virtual time: the same on every machine
    Media,
}

/// The server that is measured: this program, started once more.
#[derive(Arguments, Clone, Debug)]
pub struct ServerArgs {
    /// As the load gives them
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    rest: Vec<String>,
}

/// Measures and prints.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    let mut report = Report::new(out.is_json());
    if matches!(args.what, What::Media) {
        media::run(&mut report, args.quick, args.only.as_deref());
        return Ok(Exit::Ok);
    }
    for line in machine::describe() {
        report.say(&line);
    }
    let only = args.only.as_deref();
    relay::run(&mut report, args.quick, only).map_err(|error| Failure::new(Exit::Failed, "E-BENCH-01", error))?;
    report.say(
        "Server and load shared this machine and its loopback: a real network adds its own cost, and takes away that of \
         delivering into the receivers' sockets. A packet is one datagram to one receiver: somebody who shows a picture \
         of 640x360 to eight others is about 20 packets x 25 a second x 8.",
    );
    Ok(Exit::Ok)
}

/// Serves for a bench that started this.
pub fn serve(args: &ServerArgs) -> Result<Exit, Failure> {
    let rest: Vec<&str> = args.rest.iter().map(String::as_str).collect();
    server::serve(&rest, None).map_err(|error| Failure::new(Exit::Failed, "E-BENCH-01", error))?;
    Ok(Exit::Ok)
}
