//! Who is measured: raw loops, and the real server.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use hph_client::core::id::TrackId;

use super::Case;
use super::load::{Crowd, KIND_MEDIA, Pace, Round, set_seq};
use super::raw::{Kind, RawRelay, Routes};
use crate::machine::Meter;
use crate::member::{Burst, Member, Seat};
use crate::server::{ServerProcess, Setup};

/// Somebody who forwards.
pub trait Contender {
    /// For figures.
    fn name(&self) -> &'static str;
    /// The processor time of all that forwards.
    fn meter(&self) -> Meter;
    /// Whether its latency is of interest.
    fn is_timed(&self) -> bool;
    /// Forwards so many bursts of the case, which are made before the clock starts.
    ///
    /// # Errors
    /// A socket fails; a burst can't be sealed.
    fn round(&mut self, case: &Case, bursts: usize, pace: Pace) -> io::Result<Round>;
}

/// A raw loop. All raw loops of a case share their crowd.
pub struct Raw {
    kind: Kind,
    relay: RawRelay,
    crowd: Rc<RefCell<Crowd>>,
    seq: u32,
}

impl Raw {
    /// Starts a raw loop for that crowd.
    ///
    /// # Errors
    /// No socket, no thread.
    pub fn start(kind: Kind, crowd: &Rc<RefCell<Crowd>>) -> io::Result<Self> {
        let routes = Routes::new(&crowd.borrow().addresses()?);
        Ok(Self { kind, relay: RawRelay::start(kind, routes)?, crowd: Rc::clone(crowd), seq: 0 })
    }
}

impl Contender for Raw {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn meter(&self) -> Meter {
        self.relay.meter
    }

    fn is_timed(&self) -> bool {
        self.kind.is_a_baseline()
    }

    fn round(&mut self, case: &Case, bursts: usize, pace: Pace) -> io::Result<Round> {
        let mut made = Vec::with_capacity(bursts);
        for turn in 0..bursts {
            let mut bytes = vec![0x5a; case.burst * case.datagram_bytes];
            for (datagram, at) in bytes.chunks_mut(case.datagram_bytes).zip(0..) {
                datagram[0] = KIND_MEDIA;
                let of_its_sender = (turn / (case.rooms * case.senders) * case.burst) as u32 + at;
                set_seq(datagram, self.seq.wrapping_add(of_its_sender));
            }
            made.push(Burst { bytes, lengths: vec![case.datagram_bytes; case.burst] });
        }
        self.seq = self.seq.wrapping_add((bursts * case.burst) as u32);
        let order = (0..bursts).map(|turn| case.sender(turn));
        let bursts = order.zip(&made).map(|((room, person), burst)| (room, person, burst));
        self.crowd.borrow_mut().round(self.relay.address, bursts, pace)
    }
}

/// The real server with guests signed in. Rooms of one case after the other.
pub struct Real {
    server: ServerProcess,
    members: Vec<Member>,
    /// Seats of the current case, room by room.
    seats: Vec<Vec<Seat>>,
    crowd: Option<Crowd>,
    track: TrackId,
}

impl Real {
    /// Starts the server.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(setup: &Setup) -> io::Result<Self> {
        let server = ServerProcess::start(setup)?;
        Ok(Self { server, members: Vec::new(), seats: Vec::new(), crowd: None, track: TrackId::CAMERA })
    }

    /// What the server counts: see [`ServerProcess::count`].
    ///
    /// # Errors
    /// It is gone.
    pub fn count(&mut self) -> io::Result<Option<u64>> {
        self.server.count()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Signs in whoever is missing, and fills rooms of their own for this case.
    ///
    /// # Errors
    /// The server refuses.
    pub fn enter(&mut self, case: &Case) -> io::Result<()> {
        while self.members.len() < case.rooms * case.people {
            let name = format!("Bench {}", self.members.len());
            self.members.push(Member::sign_in(self.server.address, self.server.pin, &name)?);
        }
        // Nobody is let in twice.
        let old = self.seats.drain(..).flatten();
        self.members.iter_mut().zip(old).try_for_each(|(member, seat)| member.leave(seat))?;
        self.track = if case.burst > 1 { TrackId::CAMERA } else { TrackId::MICROPHONE };
        let (mut seats, mut sockets) = (Vec::new(), Vec::new());
        for (number, people) in self.members.chunks_mut(case.people).take(case.rooms).enumerate() {
            let name = format!("{} {number}", case.name);
            seats.push(people.iter_mut().map(|member| member.join(&name)).collect::<io::Result<Vec<_>>>()?);
            for (member, seat) in people.iter_mut().zip(&seats[number]).take(case.senders) {
                member.publish(*seat, self.track)?;
            }
            sockets.push(people.iter().map(|member| member.socket.try_clone()).collect::<io::Result<Vec<_>>>()?);
        }
        self.seats = seats;
        self.crowd = Some(Crowd::new(sockets));
        self.keep_alive()
    }

    /// Says that everybody is still here.
    ///
    /// # Errors
    /// A connection is gone.
    pub fn keep_alive(&mut self) -> io::Result<()> {
        self.members.iter_mut().try_for_each(Member::keep_alive)
    }

    /// Seals one burst of datagrams of the case's size.
    fn seal(&mut self, case: &Case, room: usize, person: usize) -> io::Result<Burst> {
        let seat = self.seats[room][person];
        let member = &mut self.members[room * case.people + person];
        let frame = vec![0x5a; case.burst * case.payload_bytes()];
        member.seal_frame(seat.room, self.track, &frame)
    }
}

impl Contender for Real {
    fn name(&self) -> &'static str {
        "server"
    }

    fn meter(&self) -> Meter {
        Meter::Process(self.server.id())
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn round(&mut self, case: &Case, bursts: usize, pace: Pace) -> io::Result<Round> {
        self.members.iter_mut().try_for_each(Member::ping)?;
        let order: Vec<_> = (0..bursts).map(|turn| case.sender(turn)).collect();
        let made: Vec<_> =
            order.iter().map(|&(room, person)| self.seal(case, room, person)).collect::<io::Result<_>>()?;
        let bursts = order.iter().zip(&made).map(|(&(room, person), burst)| (room, person, burst));
        let address = self.address();
        let crowd = self.crowd.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        crowd.round(address, bursts, pace)
    }
}
