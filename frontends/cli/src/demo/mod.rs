//! `hph demo`: a living meeting on this machine. A server with its defaults, four people with moving pictures and
//! voices in two rooms, a conversation in Vietnamese and English, one who leaves and returns. Nothing is left behind.

mod cast;
mod figures;
mod person;
mod table;

use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hph_client::platform::clock::Clock;
use hph_client::tls::{Trust, fingerprint};
use hph_server::config::ServerConfig;
use hph_server::tls::invitation_link;
use hph_server::{FiguresHandle, Server};

use cast::{CAST, SCRIPT};
use figures::{Figure, Summary};
use person::Person;

/// What `hph demo` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Stop after so many seconds, print the figures, and fail if a floor was missed
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// Print figures as JSON, one object a line
    #[arg(long)]
    pub json: bool,
    /// Picture size and rate of the cameras
    #[arg(long, value_name = "WxH@FPS", default_value = "640x360@15", value_parser = cast::parse_format)]
    pub video: hph_client::platform::camera::CameraFormat,
}

/// The table is drawn this often on a terminal.
const REDRAW: Duration = Duration::from_millis(500);
/// Without a terminal a line is printed this often.
const REPORT: Duration = Duration::from_secs(5);

/// Runs the demo; true if every floor was held.
///
/// # Errors
/// The server or a participant can't be started.
pub fn run(args: &Args) -> io::Result<bool> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&is_stopped))?;
    }
    let began = Clock::now();
    let data = tempfile::Builder::new().prefix("hph-demo-").tempdir()?;
    let config = ServerConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        name: "HPH demo".to_owned(),
        data_dir: data.path().to_owned(),
        ..ServerConfig::default()
    };
    let server = Server::bind(config).map_err(io::Error::other)?;
    let (address, pin, relay) = (server.address(), server.pin(), server.figures());
    let (stop, stopping) = async_channel::bounded(1);
    let serving = thread::Builder::new().name("server".to_owned()).spawn(move || server.run(&stopping))?;
    eprintln!("A meeting on {address}, fingerprint {}", fingerprint(&pin));
    eprintln!("Join it from another terminal:");
    eprintln!(
        "  hph join '{}' --video test --audio tone",
        invitation_link("127.0.0.1", address.port(), &pin, Some(CAST[0].rooms[0]))
    );

    let mut people = Vec::new();
    for role in &CAST {
        people.push(Person::start(role, address, Trust::Expect(pin), args.video)?);
    }
    let show = Show { args, people, relay: &relay, began };
    let summary = show.play(&is_stopped);
    drop(stop);
    let served = serving.join().map_err(|_| io::Error::other("the server's thread failed"))?;
    served.map_err(io::Error::other)?;
    data.close()?;

    let mut is_held = true;
    for figure in summary.figures() {
        is_held &= figure.is_held();
        print_figure(&figure, args.json)?;
    }
    Ok(is_held)
}

struct Show<'a> {
    args: &'a Args,
    people: Vec<Person>,
    relay: &'a FiguresHandle,
    began: hph_client::core::time::Instant,
}

impl Show<'_> {
    /// Lets the meeting live until its time is over or it is stopped.
    fn play(mut self, is_stopped: &AtomicBool) -> Summary {
        let is_terminal = io::stderr().is_terminal() && !self.args.json;
        let mut table = table::Table::new(is_terminal);
        let mut lines = SCRIPT.iter().cycle();
        let mut summary = Summary::new(self.began);
        let (mut tick, mut next_report) = (0u64, REPORT);
        while !is_stopped.load(Ordering::Relaxed) {
            let elapsed = Duration::from_micros(Clock::now().since(self.began).as_micros());
            if self.args.seconds.is_some_and(|seconds| elapsed >= Duration::from_secs(seconds)) {
                break;
            }
            for person in &mut self.people {
                person.live(elapsed);
            }
            // One line of the conversation every two seconds.
            if tick % 4 == 3
                && let Some(line) = lines.next()
                && let Some(person) = self.people.iter_mut().find(|person| person.role.username == line.author)
                && person.say(line)
            {
                summary.chat_sent(&self.people, line);
            }
            summary.watch(&self.people, elapsed);
            if is_terminal || elapsed >= next_report {
                next_report = elapsed + REPORT;
                table.draw(&self.people, &self.relay.figures(), elapsed);
            }
            tick += 1;
            Clock::sleep(hph_client::core::time::Duration::from_micros(REDRAW.as_micros() as u64));
        }
        summary.end(self.people, &self.relay.figures());
        summary
    }
}

fn print_figure(figure: &Figure, is_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if is_json { writeln!(out, "{}", figure.json()) } else { writeln!(out, "{}", figure.line()) }
}
