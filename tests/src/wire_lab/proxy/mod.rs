//! One TCP and UDP port in front of a server: forwards, records every byte, and breaks what it is told to.

mod recording;
mod tcp;
mod udp;
mod weather;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

pub use recording::{Recording, Way};
pub use weather::Weather;

use recording::Tape;

/// Ports to try, since TCP and UDP must have the same.
const PORT_TRIES: usize = 32;

/// A proxy on a port of the kernel's choice. Dropping it closes all that goes through it.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    tape: Arc<Tape>,
    tcp: Arc<tcp::Relay>,
    udp: Arc<udp::Relay>,
    threads: Vec<JoinHandle<()>>,
}

/// What both relays obey.
#[derive(Default)]
struct Switches {
    is_over: AtomicBool,
    is_tcp_held: AtomicBool,
    is_udp_held: AtomicBool,
}

impl Proxy {
    /// Starts one in front of the server at this address.
    ///
    /// # Panics
    /// If there is no port for it.
    pub fn start(server: SocketAddr) -> Self {
        Self::start_with(server, None)
    }

    /// The same, with TCP connections that carry so many bytes a second each way, and hold few of those that wait.
    ///
    /// # Panics
    /// As there.
    pub fn start_slow(server: SocketAddr, tcp_bytes_per_s: u32) -> Self {
        Self::start_with(server, Some(tcp_bytes_per_s))
    }

    fn start_with(server: SocketAddr, tcp_bytes_per_s: Option<u32>) -> Self {
        let (listener, socket) = bind().expect("a port for TCP and UDP");
        let address = listener.local_addr().expect("bound");
        let (switches, tape) = (Arc::new(Switches::default()), Arc::new(Tape::default()));
        let tcp = Arc::new(tcp::Relay::new(server, tcp_bytes_per_s, Arc::clone(&switches), Arc::clone(&tape)));
        let udp = Arc::new(udp::Relay::new(server, socket, Arc::clone(&switches), Arc::clone(&tape)));
        let (accepting, receiving, delivering) = (Arc::clone(&tcp), Arc::clone(&udp), Arc::clone(&udp));
        let threads = vec![
            std::thread::spawn(move || accepting.accept(&listener)),
            std::thread::spawn(move || receiving.receive()),
            std::thread::spawn(move || delivering.deliver_late()),
        ];
        Self { address, tape, tcp, udp, threads }
    }

    /// What happens to datagrams from now on, in both directions.
    pub fn set_weather(&self, weather: Weather) {
        self.udp.set_weather(weather);
    }

    /// Datagrams for which `passes` is false are dropped from now on. It sees each before the weather does.
    pub fn set_filter(&self, passes: impl FnMut(Way, &[u8]) -> bool + Send + 'static) {
        self.udp.set_filter(Box::new(passes));
    }

    /// Swallows datagrams, or no longer.
    pub fn hold_udp(&self, is_held: bool) {
        self.tcp.switches.is_udp_held.store(is_held, Ordering::Relaxed);
    }

    /// Keeps the bytes of TCP back, or no longer: then they go on.
    pub fn hold_tcp(&self, is_held: bool) {
        self.tcp.switches.is_tcp_held.store(is_held, Ordering::Relaxed);
    }

    /// Breaks every TCP connection.
    pub fn cut_tcp(&self) {
        self.tcp.cut();
    }

    /// Lets every client come to the server from another port from now on, as a NAT does that forgot it.
    pub fn rebind(&self) {
        self.udp.rebind();
    }

    /// All that went through until now, as it came in: what the weather did to it does not show.
    pub fn recording(&self) -> Recording {
        self.tape.recording()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tcp.switches.is_over.store(true, Ordering::Relaxed);
        self.tcp.end(self.address);
        self.udp.end();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn bind() -> io::Result<(TcpListener, UdpSocket)> {
    let mut tries = 0;
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        match UdpSocket::bind(listener.local_addr()?) {
            Ok(socket) => return Ok((listener, socket)),
            Err(error) if tries == PORT_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}
