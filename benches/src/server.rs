//! The real server, in a process of its own: this program, started once more.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use hph_client::link::{hex, parse_hex};
use hph_client::tls::Pin;
use hph_server::Server;
use hph_server::config::ServerConfig;

use crate::machine::{self, Role};

/// The command that makes this program a server.
pub const COMMAND: &str = "serve-for-a-bench";
/// Keeps it on the relay's core.
pub const PINNED: &str = "--pinned";

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    /// Where it listens, for TCP and UDP.
    pub address: SocketAddr,
    /// Its key.
    pub pin: Pin,
}

impl ServerProcess {
    /// Starts a server with its defaults on a free port of loopback; only the number of datagrams that a session may
    /// send is above what load generators need, with the limit itself in force.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(is_pinned: bool) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped());
        if is_pinned {
            command.arg(PINNED);
        }
        let mut child = command.spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        BufReader::new(stdout).read_line(&mut line)?;
        let (address, pin) = line.trim().split_once(' ').ok_or_else(|| io::Error::other("the server did not start"))?;
        let address = address.parse().map_err(io::Error::other)?;
        let pin = parse_hex(pin).ok_or_else(|| io::Error::other("the server said no pin"))?;
        Ok(Self { child, address, pin })
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
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| io::Error::other("the process has no VmRSS"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends.
///
/// # Errors
/// The server does not start.
pub fn serve(is_pinned: bool) -> io::Result<()> {
    if is_pinned {
        machine::pin(Role::Relay);
    }
    let data = tempfile::Builder::new().prefix("hph-bench-").tempdir()?;
    let config = ServerConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        data_dir: data.path().to_owned(),
        datagrams_per_second: 1_000_000,
        datagrams_burst: 1_000_000,
        ..ServerConfig::default()
    };
    let server = Server::bind(config).map_err(io::Error::other)?;
    println!("{} {}", server.address(), hex(&server.pin()));
    io::stdout().flush()?;
    let (stop, stopping) = async_channel::bounded::<()>(1);
    let waiting = std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(stop);
    });
    server.run(&stopping).map_err(io::Error::other)?;
    let _ = waiting.join();
    data.close()
}
