//! The real server, in a process of its own: this program, started once more with [`COMMAND`].

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use hph_client::link::{Invitation, hex, parse_hex};
use hph_client::tls::Pin;
use hph_server::Server;
use hph_server::config::ServerConfig;

use crate::machine::{self, Role};

/// The command that makes this program a server.
pub const COMMAND: &str = "serve-for-a-bench";
/// Keeps it on the relay's core.
const PINNED: &str = "--pinned";
/// Lets a session send more datagrams than a load generator has.
const WIDE: &str = "--wide";
/// Listens there instead of on loopback.
const LISTEN: &str = "--listen=";

/// This program, to be started once more: in a network namespace, if one is named.
///
/// # Errors
/// It does not know where it is.
pub fn this_program(namespace: Option<&str>) -> io::Result<Command> {
    let program = std::env::current_exe()?;
    let Some(namespace) = namespace else { return Ok(Command::new(program)) };
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).arg(program);
    Ok(command)
}

/// How it runs.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// On the relay's core only.
    pub is_pinned: bool,
    /// Whether a session may send more than by default: the limit is in force, and above what load generators need.
    pub is_wide: bool,
    /// Relay threads; 0 for as many as there are processors.
    pub relay_threads: u32,
    /// Network namespace and address there; none: on loopback.
    pub place: Option<(String, Ipv4Addr)>,
}

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    answers: BufReader<ChildStdout>,
    /// Where it listens, for TCP and UDP.
    pub address: SocketAddr,
    /// Its key.
    pub pin: Pin,
    /// Where it keeps its data, if that is ours to take away.
    data: Option<tempfile::TempDir>,
}

/// The program of those who only serve, beside this one.
const PROGRAM: &str = "hph-server";

impl ServerProcess {
    /// Starts a server on a free port, of loopback if nothing else is said, with its defaults but for the setup.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(setup: &Setup) -> io::Result<Self> {
        let place = setup.place.as_ref();
        let mut command = this_program(place.map(|(namespace, _)| namespace.as_str()))?;
        command.arg(COMMAND).arg(setup.relay_threads.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.args(place.map(|(_, address)| format!("{LISTEN}{address}")));
        let flags = [(setup.is_pinned, PINNED), (setup.is_wide, WIDE)];
        command.args(flags.iter().filter(|(is_on, _)| *is_on).map(|(_, flag)| flag));
        let mut child = command.spawn()?;
        let mut line = String::new();
        let mut answers = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        answers.read_line(&mut line)?;
        let (address, pin) = line.trim().split_once(' ').ok_or_else(|| io::Error::other("the server did not start"))?;
        let address = address.parse().map_err(io::Error::other)?;
        let pin = parse_hex(pin).ok_or_else(|| io::Error::other("the server said no pin"))?;
        Ok(Self { child, answers, address, pin, data: None })
    }

    /// Starts `hph-server serve`, as owners do, with its defaults on a free port of loopback.
    ///
    /// # Errors
    /// There is no such program beside this one, or it does not start.
    pub fn start_program() -> io::Result<Self> {
        let program = std::env::current_exe()?.with_file_name(PROGRAM);
        let data = tempfile::Builder::new().prefix("hph-bench-").tempdir()?;
        let mut command = Command::new(&program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"]).arg(data.path());
        let missing =
            |error| io::Error::other(format!("{}: {error} (cargo build --release -p hph)", program.display()));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(missing)?;
        let mut answers = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        let invitation = loop {
            line.clear();
            if answers.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the server did not start"));
            }
            if let Some(invitation) = find_link(&line) {
                break invitation;
            }
        };
        let pin = invitation.pin.ok_or_else(|| io::Error::other("the server said no pin"))?;
        let address = (Ipv4Addr::LOCALHOST, invitation.port).into();
        Ok(Self { child, answers, address, pin, data: Some(data) })
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory. **Units:** KiB.
    ///
    /// # Errors
    /// It is gone.
    pub fn resident_kib(&self) -> io::Result<u64> {
        resident_kib(self.id())
    }

    /// What the program that it is counts for us, if it does: see [`serve`].
    ///
    /// # Errors
    /// It is gone.
    pub fn count(&mut self) -> io::Result<Option<u64>> {
        self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write_all(b"?\n")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().parse().ok())
    }
}

/// The invitation link somewhere in a line of output.
fn find_link(line: &str) -> Option<Invitation> {
    let start = line.find("hph://")?;
    line[start..].split(['"', ' ', '\\']).next()?.parse().ok()
}

/// Resident memory of a process. **Units:** KiB.
///
/// # Errors
/// It is gone.
pub fn resident_kib(process: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other("the process has no VmRSS"))
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.child.stdin.take());
        if self.data.is_some() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends. Answers every line there with what the program counts, if it counts anything.
///
/// # Errors
/// The server does not start.
pub fn serve(arguments: &[&str], count: Option<fn() -> u64>) -> io::Result<()> {
    if arguments.contains(&PINNED) {
        machine::pin(Role::Relay);
    }
    let default = ServerConfig::default();
    let is_wide = arguments.contains(&WIDE);
    let rates = match is_wide {
        true => (1_000_000, 1_000_000),
        false => (default.datagrams_per_second, default.datagrams_burst),
    };
    let budgets = if is_wide { (10_000_000, 10_000_000) } else { (default.receiver_kbps, default.room_kbps) };
    let data = tempfile::Builder::new().prefix("hph-bench-").tempdir()?;
    let address = arguments.iter().find_map(|argument| argument.strip_prefix(LISTEN)?.parse().ok());
    let config = ServerConfig {
        listen: SocketAddr::from((address.unwrap_or(Ipv4Addr::LOCALHOST), 0)),
        data_dir: data.path().to_owned(),
        datagrams_per_second: rates.0,
        datagrams_burst: rates.1,
        receiver_kbps: budgets.0,
        room_kbps: budgets.1,
        relay_threads: arguments.first().and_then(|threads| threads.parse().ok()).unwrap_or(0),
        ..default
    };
    let server = Server::bind(config).map_err(io::Error::other)?;
    println!("{} {}", server.address(), hex(&server.pin()));
    io::stdout().flush()?;
    let (stop, stopping) = async_channel::bounded::<()>(1);
    let waiting = std::thread::spawn(move || {
        for _ in io::stdin().lines() {
            println!("{}", count.map_or_else(|| "nothing".to_owned(), |count| count().to_string()));
            let _ = io::stdout().flush();
        }
        drop(stop);
    });
    server.run(&stopping).map_err(io::Error::other)?;
    let _ = waiting.join();
    data.close()
}
