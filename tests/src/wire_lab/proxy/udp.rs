//! The UDP half: a flow for each address of a client, with a socket of its own towards the server.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hph_core::limits::DATAGRAM_MAX_BYTES;
use hph_core::time::{Duration as Span, Instant};
use hph_platform::clock::Clock;
use socket2::SockRef;

use super::Switches;
use super::recording::{Tape, Way};
use super::weather::{Sky, Weather};

/// How often a receiving thread looks whether it is over.
const LOOK_AROUND: Duration = Duration::from_millis(50);
/// Bytes that the kernel may keep for us, as much as for the server.
const SOCKET_BUFFER_BYTES: usize = 8 * 1024 * 1024;

type Filter = Box<dyn FnMut(Way, &[u8]) -> bool + Send>;

/// A datagram on its last piece of the way.
struct Delivery {
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Deliveries that wait for their time, and then for their turn.
#[derive(Default)]
struct Late {
    order: BinaryHeap<Reverse<(Instant, u64)>>,
    waiting: HashMap<u64, Delivery>,
    next: u64,
}

pub(super) struct Relay {
    server: SocketAddr,
    front: Arc<UdpSocket>,
    switches: Arc<Switches>,
    tape: Arc<Tape>,
    flows: Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>,
    sky: Mutex<Sky>,
    filter: Mutex<Option<Filter>>,
    late: Mutex<Late>,
    is_something_late: Condvar,
}

impl Relay {
    pub fn new(server: SocketAddr, front: UdpSocket, switches: Arc<Switches>, tape: Arc<Tape>) -> Self {
        prepare(&front).expect("a socket with a time-out");
        Self {
            server,
            front: Arc::new(front),
            switches,
            tape,
            flows: Mutex::default(),
            sky: Mutex::default(),
            filter: Mutex::default(),
            late: Mutex::default(),
            is_something_late: Condvar::new(),
        }
    }

    pub fn set_weather(&self, weather: Weather) {
        *self.sky.lock().expect("nobody panics") = Sky::new(weather);
    }

    pub fn set_filter(&self, filter: Filter) {
        *self.filter.lock().expect("nobody panics") = Some(filter);
    }

    /// Receives from clients.
    pub fn receive(self: &Arc<Self>) {
        let mut buffer = [0; 2 * DATAGRAM_MAX_BYTES];
        while !self.is_over() {
            let Ok((len, client)) = self.front.recv_from(&mut buffer) else { continue };
            let Ok(flow) = self.flow(client) else { continue };
            self.pass_on(Way::ToServer, &flow, self.server, &buffer[..len]);
        }
    }

    /// Forgets through which sockets clients reached the server: the next datagram makes a new one.
    pub fn rebind(&self) {
        self.flows.lock().expect("nobody panics").clear();
    }

    pub fn end(&self) {
        self.flows.lock().expect("nobody panics").clear();
        self.is_something_late.notify_all();
    }

    /// Delivers what was delayed, when its time has come.
    pub fn deliver_late(&self) {
        let mut late = self.late.lock().expect("nobody panics");
        while !self.is_over() {
            let now = Clock::now();
            let pause = match late.order.peek() {
                Some(Reverse((due, number))) if *due <= now => {
                    let number = *number;
                    late.order.pop();
                    if let Some(delivery) = late.waiting.remove(&number) {
                        delivery.send();
                    }
                    continue;
                }
                Some(Reverse((due, _))) => Duration::from_micros(due.since(now).as_micros()),
                None => LOOK_AROUND,
            };
            late = self.is_something_late.wait_timeout(late, pause.min(LOOK_AROUND)).expect("nobody panics").0;
        }
    }

    /// The socket towards the server of that client; a new one listens to the server on a thread of its own.
    fn flow(self: &Arc<Self>, client: SocketAddr) -> io::Result<Arc<UdpSocket>> {
        let mut flows = self.flows.lock().expect("nobody panics");
        if let Some(flow) = flows.get(&client) {
            return Ok(Arc::clone(flow));
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        prepare(&socket)?;
        let flow = Arc::new(socket);
        flows.insert(client, Arc::clone(&flow));
        let (relay, listening) = (Arc::clone(self), Arc::clone(&flow));
        std::thread::spawn(move || relay.listen(&listening, client));
        Ok(flow)
    }

    /// Receives from the server for one client, for as long as this is the client's flow.
    fn listen(&self, flow: &Arc<UdpSocket>, client: SocketAddr) {
        let mut buffer = [0; 2 * DATAGRAM_MAX_BYTES];
        let is_current = || {
            let flows = self.flows.lock().expect("nobody panics");
            flows.get(&client).is_some_and(|current| Arc::ptr_eq(current, flow))
        };
        while !self.is_over() {
            let received = flow.recv_from(&mut buffer);
            // What comes to a forgotten port is lost, as behind a NAT.
            if !is_current() {
                return;
            }
            match received {
                Ok((len, from)) if from == self.server => {
                    self.pass_on(Way::ToClient, &self.front, client, &buffer[..len]);
                }
                _ => {}
            }
        }
    }

    fn pass_on(&self, way: Way, socket: &Arc<UdpSocket>, to: SocketAddr, bytes: &[u8]) {
        self.tape.datagram(way, bytes);
        let mut filter = self.filter.lock().expect("nobody panics");
        let is_passed = filter.as_mut().is_none_or(|passes| passes(way, bytes));
        drop(filter);
        if !is_passed || self.switches.is_udp_held.load(Ordering::Relaxed) {
            return;
        }
        for (delay, bytes) in self.sky.lock().expect("nobody panics").fall(bytes) {
            let delivery = Delivery { socket: Arc::clone(socket), to, bytes };
            if delay.is_zero() {
                delivery.send();
            } else {
                let mut late = self.late.lock().expect("nobody panics");
                let number = late.next;
                late.next += 1;
                late.order.push(Reverse((Clock::now() + Span::from_micros(delay.as_micros() as u64), number)));
                late.waiting.insert(number, delivery);
                self.is_something_late.notify_all();
            }
        }
    }

    fn is_over(&self) -> bool {
        self.switches.is_over.load(Ordering::Relaxed)
    }
}

impl Delivery {
    fn send(&self) {
        let _ = self.socket.send_to(&self.bytes, self.to);
    }
}

fn prepare(socket: &UdpSocket) -> io::Result<()> {
    let options = SockRef::from(socket);
    // The kernel's own limit applies.
    let _ = options.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = options.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_read_timeout(Some(LOOK_AROUND))
}
