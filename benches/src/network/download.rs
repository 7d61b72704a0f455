//! Somebody else's download on the same way: the kernel's own TCP, as many bytes as it takes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::process::{self, Process};

/// The commands that make this program the two ends of it.
pub const GIVE: &str = "give-for-a-bench";
pub const TAKE: &str = "take-for-a-bench";
const PORT: u16 = 7070;

/// A running download. It ends when this is dropped.
pub struct Download {
    taking: Process,
    _giving: Process,
}

impl Download {
    /// Begins it, from an address in one namespace to another namespace.
    ///
    /// # Errors
    /// A process does not start.
    pub fn start(from: &str, address: Ipv4Addr, to: &str) -> io::Result<Self> {
        let address = address.to_string();
        let mut giving = Process::start(Some(from), &[GIVE, &address])?;
        // It answers when there is somebody to connect to.
        giving.ask()?;
        Ok(Self { taking: Process::start(Some(to), &[TAKE, &address])?, _giving: giving })
    }

    /// Bytes that came until now.
    ///
    /// # Errors
    /// It is over.
    pub fn bytes(&mut self) -> io::Result<u64> {
        self.taking.ask()?.trim().parse().map_err(io::Error::other)
    }
}

/// Gives zeros to whoever comes.
///
/// # Errors
/// The address is not ours.
pub fn give(arguments: &[&str]) -> io::Result<()> {
    let listener = TcpListener::bind((address(arguments)?, PORT))?;
    std::thread::spawn(move || {
        let Ok((mut taker, _)) = listener.accept() else { return };
        let zeros = [0; 16 * 1024];
        // Until the other end has gone.
        while taker.write_all(&zeros).is_ok() {}
    });
    process::answer(|| "ready".to_owned())
}

/// Takes what is given, and tells how much it was whenever it is asked.
///
/// # Errors
/// Nobody gives.
pub fn take(arguments: &[&str]) -> io::Result<()> {
    let mut giver = TcpStream::connect((address(arguments)?, PORT))?;
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(len @ 1..) = giver.read(&mut buffer) {
            counted.fetch_add(len as u64, Ordering::Relaxed);
        }
    });
    process::answer(|| count.load(Ordering::Relaxed).to_string())
}

fn address(arguments: &[&str]) -> io::Result<Ipv4Addr> {
    arguments.first().and_then(|text| text.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
