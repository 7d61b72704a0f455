//! The TCP half: two threads a connection that copy bytes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::Switches;
use super::recording::{Tape, Way};
use crate::wire_lab::wait;

/// How often a held connection looks whether it may go on.
const HOLD_STEP: Duration = Duration::from_millis(5);

/// What a slow line takes at once, and what it holds.
const SLOW_PIECE_BYTES: usize = 1024;
const SLOW_BUFFER_BYTES: usize = 8 * 1024;

pub(super) struct Relay {
    server: SocketAddr,
    bytes_per_s: Option<u32>,
    pub switches: Arc<Switches>,
    tape: Arc<Tape>,
    live: Mutex<Vec<TcpStream>>,
}

impl Relay {
    pub fn new(server: SocketAddr, bytes_per_s: Option<u32>, switches: Arc<Switches>, tape: Arc<Tape>) -> Self {
        Self { server, bytes_per_s, switches, tape, live: Mutex::default() }
    }

    pub fn accept(self: &Arc<Self>, listener: &TcpListener) {
        self.hold_little(listener);
        for (connection, client) in listener.incoming().enumerate() {
            if self.is(&self.switches.is_over) {
                break;
            }
            let Ok(client) = client else { continue };
            // A server that is down looks to the client as if nobody listened.
            let Ok(server) = self.connect() else { continue };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            self.join(connection, Way::ToServer, &client, &server);
            self.join(connection, Way::ToClient, &server, &client);
            self.live.lock().expect("nobody panics").extend([client, server]);
        }
    }

    /// A slow line is no line with much memory: otherwise all that waits would wait here.
    fn hold_little(&self, socket: &impl AsFd) {
        if self.bytes_per_s.is_some() {
            SockRef::from(socket).set_recv_buffer_size(SLOW_BUFFER_BYTES).expect("a smaller buffer");
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.server), Type::STREAM, None)?;
        self.hold_little(&socket);
        socket.connect(&self.server.into())?;
        Ok(socket.into())
    }

    /// Copies what comes from one end to the other until either is closed.
    fn join(self: &Arc<Self>, connection: usize, way: Way, from: &TcpStream, to: &TcpStream) {
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
        let relay = Arc::clone(self);
        std::thread::spawn(move || {
            let mut piece = vec![0; if relay.bytes_per_s.is_some() { SLOW_PIECE_BYTES } else { 16 * 1024 }];
            while let Ok(len) = from.read(&mut piece)
                && len > 0
            {
                relay.tape.stream(connection, way, &piece[..len]);
                while relay.is(&relay.switches.is_tcp_held) && !relay.is(&relay.switches.is_over) {
                    wait::pause(HOLD_STEP);
                }
                if let Some(bytes_per_s) = relay.bytes_per_s {
                    wait::pause(Duration::from_secs_f64(len as f64 / f64::from(bytes_per_s)));
                }
                if to.write_all(&piece[..len]).is_err() {
                    break;
                }
            }
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }

    pub fn cut(&self) {
        for stream in self.live.lock().expect("nobody panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends the accepting thread and every connection. The switch says already that it is over.
    pub fn end(&self, address: SocketAddr) {
        drop(TcpStream::connect(address));
        self.cut();
    }

    fn is(&self, switch: &AtomicBool) -> bool {
        switch.load(Ordering::Relaxed)
    }
}
