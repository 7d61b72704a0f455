//! Servers to test against.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use async_channel::Sender;
use hph_client::link::Invitation;
use hph_client::tls::{Pin, Trust};
use hph_server::config::{Access, ServerConfig};
use hph_server::{FiguresHandle, RelayFigures, Server, StartError};
use tempfile::TempDir;

use super::command::Hph;
use super::wait;

/// What a client must know of a server.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where it listens, or where a proxy listens for it.
    pub address: SocketAddr,
    /// Its key.
    pub pin: Pin,
}

impl Target {
    /// Trust in that key and no other.
    pub const fn trust(&self) -> Trust {
        Trust::Expect(self.pin)
    }

    /// The same server, reached at another address.
    pub const fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// The invitation link.
    pub fn link(&self) -> String {
        hph_server::tls::invitation_link(&self.address.ip().to_string(), self.address.port(), &self.pin, None)
    }
}

/// A server on a thread of this process, with a data directory that goes away with it.
pub struct LocalServer {
    /// How to reach it.
    pub target: Target,
    figures: FiguresHandle,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Result<(), StartError>>>,
    data: TempDir,
}

impl LocalServer {
    /// Starts one that lets everybody in.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start() -> Self {
        Self::start_with(|_| ())
    }

    /// Starts one whose configuration was changed.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let data = tempfile::tempdir().expect("a directory for the server");
        let mut config = ServerConfig {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data_dir: data.path().to_owned(),
            registration: Access::Everyone,
            guests: Access::Everyone,
            ..ServerConfig::default()
        };
        change(&mut config);
        let server = Server::bind(config).expect("the server binds");
        let target = Target { address: server.address(), pin: server.pin() };
        let figures = server.figures();
        let (stop, stopping) = async_channel::bounded(1);
        let thread = std::thread::spawn(move || server.run(&stopping));
        Self { target, figures, stop: Some(stop), thread: Some(thread), data }
    }

    /// Its figures, at most a quarter of a second old.
    pub fn figures(&self) -> RelayFigures {
        self.figures.figures()
    }

    /// How many datagrams it dropped for that reason until now.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.figures().drops.iter().find(|(name, _)| *name == reason).map_or(0, |(_, count)| *count)
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Stops it, and gives every byte that it leaves on disk.
    ///
    /// # Panics
    /// If it fails, or its files can't be read.
    pub fn stop_and_read_data(mut self) -> Vec<Vec<u8>> {
        self.stop();
        read_all(self.data.path())
    }

    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server's thread ends").expect("the server does not fail");
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(read_all(&path));
        } else {
            files.push(fs::read(&path).expect("a file"));
        }
    }
    files
}

/// `hph serve` as a process.
pub struct ServerProcess {
    /// How to reach it.
    pub target: Target,
    process: Option<Hph>,
    data: TempDir,
    arguments: Vec<String>,
}

impl ServerProcess {
    /// Starts one on a port of the kernel's choice, with `arguments` added to the command line.
    ///
    /// # Panics
    /// If it does not say where it listens within ten seconds.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, arguments)
    }

    /// Starts one as [`Self::start`] does that listens at another of this machine's addresses, or at all of them.
    ///
    /// # Panics
    /// As there.
    pub fn start_at(address: Ipv4Addr, arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a directory for the server");
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (process, target) = spawn(data.path(), (address, 0).into(), &arguments);
        Self { target, process: Some(process), data, arguments }
    }

    /// SIGKILL: it gets no chance to say or save anything.
    pub fn kill(&mut self) {
        // Dropping the process kills it.
        self.process = None;
    }

    /// SIGTERM: it ends in order. Gives the number that it ends with.
    ///
    /// # Panics
    /// If it does not run, or does not end within ten seconds.
    pub fn terminate(&mut self) -> Option<i32> {
        self.process.take().expect("the server runs").terminate(wait::ms(10_000))
    }

    /// Starts it again: the same port, the same data.
    ///
    /// # Panics
    /// As [`Self::start`], or if it comes back with another key.
    pub fn restart(&mut self) {
        self.kill();
        let (process, target) = spawn(self.data.path(), self.target.address, &self.arguments);
        assert_eq!(target.pin, self.target.pin, "the key stays");
        self.process = Some(process);
    }

    /// Its process id.
    ///
    /// # Panics
    /// If it does not run.
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("the server runs").id()
    }

    /// Memory that it holds now. **Units:** bytes.
    ///
    /// # Panics
    /// If it does not run.
    pub fn resident_bytes(&self) -> u64 {
        let process = self.process.as_ref().expect("the server runs");
        let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
    }

    /// How many files and sockets it holds open now, but those with numbers from `below` on: whoever started the tests may
    /// have left it some.
    ///
    /// # Panics
    /// If it does not run.
    pub fn open_files_below(&self, below: u32) -> usize {
        let process = self.process.as_ref().expect("the server runs");
        let files = fs::read_dir(format!("/proc/{}/fd", process.id())).expect("a process");
        let number = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
        files.filter_map(number).filter(|number| *number < below).count()
    }

    /// How many files and sockets it holds open now.
    ///
    /// # Panics
    /// If it does not run.
    pub fn open_files(&self) -> usize {
        self.open_files_below(u32::MAX)
    }

    /// What it wrote on its standard output and its standard error until now.
    ///
    /// # Panics
    /// If it does not run.
    pub fn said(&self) -> (String, String) {
        let process = self.process.as_ref().expect("the server runs");
        (process.output().join("\n"), process.complaints())
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        self.data.path().to_owned()
    }
}

fn spawn(data: &Path, listen: SocketAddr, arguments: &[String]) -> (Hph, Target) {
    let (data, listen) = (data.display().to_string(), listen.to_string());
    let mut line = vec!["serve", "--data", &data, "--listen", &listen, "--json"];
    line.extend(arguments.iter().map(String::as_str));
    let process = Hph::start(&line);
    let invitation: Invitation = wait::until("invitation link of the server", Duration::from_secs(10), || {
        process.output().iter().find_map(|line| find_link(line))
    });
    let pin = invitation.pin.expect("a link with the key");
    (process, Target { address: (Ipv4Addr::LOCALHOST, invitation.port).into(), pin })
}

/// The invitation link somewhere in a line of output.
fn find_link(line: &str) -> Option<Invitation> {
    let start = line.find("hph://")?;
    let link = line[start..].split(['"', '\'', ' ', '\\']).next()?;
    link.parse().ok().filter(|invitation: &Invitation| invitation.pin.is_some())
}
