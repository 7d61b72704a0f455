//! `bench abuse`: what strangers, forgers, eavesdroppers who repeat, and a member who floods cost everybody else.
//!
//! The real server in a process of its own, with its defaults. Honest rooms talk and show pictures all the time; their
//! loss under attack is compared with their loss without, in turns. The attack is offered at an even rate, every datagram
//! by itself, from many addresses of loopback, which is as near to spoofed sources as one machine gets.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hph_core::limits::{HOP_HEADER_BYTES, HOP_PREFIX_BYTES};
use hph_load::figure::{Report, Rounds};
use hph_load::machine::{self, Role};
use hph_load::member::{Burst, Member, Seat};
use hph_load::relay::{Crowd, Pace, widen};
use hph_load::server::{ServerProcess, Setup};
use hph_platform::clock::Clock;
use hph_platform::entropy;
use hph_platform::udp::sys::{self, Outgoing};

use hph_client::core::id::TrackId;
use hph_core::time::Duration;

/// Honest rooms and their people; the first of each sends.
const ROOMS: usize = 4;
const PEOPLE: usize = 9;
/// One burst of each honest sender in this time, rooms in turn. A picture of 21 datagrams from the first, voice from the others.
const INTERVAL_US: usize = 20_000;
const PICTURE_DATAGRAMS: usize = 21;
/// Datagrams a second that an attack offers.
const OFFERED_PER_S: u64 = 100_000;
/// Datagrams of the attack by strangers.
const STRANGE_DATAGRAMS: u64 = 1_000_000;
/// Addresses that an attack comes from.
const SOURCES: usize = 64;
/// Datagrams of one call.
const CALL: usize = 32;
/// Rounds with and without each attack.
const ROUNDS: usize = 5;

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    /// Noise and made-up headers, from addresses that nobody knows.
    Strangers,
    /// Headers of real sessions, with tags that do not fit.
    BadTags,
    /// Datagrams of members, again and again.
    Replays,
    /// A member of another room sends as fast as it can, all of it sealed.
    Flood,
}

impl Attack {
    const ALL: [Self; 4] = [Self::Strangers, Self::BadTags, Self::Replays, Self::Flood];

    const fn name(self) -> &'static str {
        match self {
            Self::Strangers => "strangers",
            Self::BadTags => "bad_tags",
            Self::Replays => "replays",
            Self::Flood => "flood",
        }
    }
}

/// The honest people.
struct Honest {
    members: Vec<Member>,
    seats: Vec<Seat>,
    crowd: Crowd,
}

impl Honest {
    fn new(server: &ServerProcess) -> io::Result<Self> {
        let (mut members, mut seats, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
        for room in 0..ROOMS {
            let mut own = Vec::new();
            for person in 0..PEOPLE {
                let mut member = Member::sign_in(server.address, server.pin, &format!("Người {room} {person}"))?;
                let seat = member.join(&format!("Nhóm {room}"))?;
                if person == 0 {
                    member.publish(seat, track(room))?;
                    seats.push(seat);
                }
                own.push(member.socket.try_clone()?);
                members.push(member);
            }
            sockets.push(own);
        }
        Ok(Self { members, seats, crowd: Crowd::new(sockets) })
    }

    fn burst(&mut self, room: usize) -> io::Result<Burst> {
        let frame = vec![0x5a; if room == 0 { PICTURE_DATAGRAMS * 1118 } else { 60 }];
        self.members[room * PEOPLE].seal_frame(self.seats[room].room, track(room), &frame)
    }

    /// Talks for so long; gives the part that was lost, and datagrams as they were sent.
    fn talk(&mut self, server: SocketAddr, us: usize) -> io::Result<(f64, Vec<Burst>)> {
        self.members.iter_mut().try_for_each(Member::keep_alive)?;
        let count = us * ROOMS / INTERVAL_US;
        let bursts = (0..count).map(|turn| self.burst(turn % ROOMS)).collect::<io::Result<Vec<_>>>()?;
        let turns = bursts.iter().enumerate().map(|(turn, burst)| (turn % ROOMS, 0, burst));
        let round = self.crowd.round(server, turns, Pace::Every((INTERVAL_US * 1000 / ROOMS) as u64))?;
        Ok((round.loss(), bursts))
    }
}

const fn track(room: usize) -> TrackId {
    if room == 0 { TrackId::CAMERA } else { TrackId::MICROPHONE }
}

/// An attack that goes on until it is told to stop, on a thread of its own.
struct Attacker {
    is_stopped: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<io::Result<u64>>>,
}

impl Attacker {
    /// Sends these datagrams in turn, from all sockets in turn.
    fn start(server: SocketAddr, sockets: Vec<UdpSocket>, datagrams: Vec<Vec<u8>>) -> io::Result<Self> {
        let (is_stopped, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stop, counter) = (Arc::clone(&is_stopped), Arc::clone(&sent));
        let thread = std::thread::Builder::new().name("attacker".to_owned()).spawn(move || {
            let began = Clock::now();
            let (mut next, mut count) = (datagrams.iter().cycle(), 0u64);
            for socket in sockets.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                while count > Clock::now().since(began).as_micros() * OFFERED_PER_S / 1_000_000 {
                    Clock::sleep(Duration::from_micros(200));
                }
                let call: Vec<_> = next.by_ref().take(CALL).collect();
                let messages: Vec<_> =
                    call.iter().map(|_| Outgoing { to: server, parts: 1, segment_bytes: None }).collect();
                let parts: Vec<_> = call.iter().map(|datagram| IoSlice::new(datagram)).collect();
                // A full buffer is the attacker's loss.
                count += sys::send(socket, &messages, &parts).unwrap_or(0) as u64;
                counter.store(count, Ordering::Relaxed);
            }
            bytes_back(&sockets)
        })?;
        Ok(Self { is_stopped, sent, thread: Some(thread) })
    }

    /// Stops it: datagrams sent, and bytes that came back.
    fn stop(mut self) -> io::Result<(u64, u64)> {
        self.is_stopped.store(true, Ordering::Relaxed);
        let back = self.thread.take().map_or(Ok(Ok(0)), std::thread::JoinHandle::join);
        Ok((self.sent.load(Ordering::Relaxed), back.map_err(|_| io::Error::other("the attacker failed"))??))
    }
}

fn bytes_back(sockets: &[UdpSocket]) -> io::Result<u64> {
    Clock::sleep(Duration::from_millis(50));
    let (mut bytes, mut buffer) = (0, [0; 2048]);
    for socket in sockets {
        socket.set_nonblocking(true)?;
        while let Ok(len) = socket.recv(&mut buffer) {
            bytes += len as u64;
        }
    }
    Ok(bytes)
}

/// Sockets at many addresses of loopback.
fn sources() -> io::Result<Vec<UdpSocket>> {
    let bind = |index: usize| UdpSocket::bind((Ipv4Addr::new(127, 7, (index >> 8) as u8, index as u8 + 1), 0));
    (0..SOURCES).map(bind).collect()
}

fn noise(len: usize) -> Vec<u8> {
    (0..len.div_ceil(32)).flat_map(|_| entropy::array::<32>()).take(len).collect()
}

/// Datagrams of every kind and length, with connection ids that are anybody's.
fn strange() -> Vec<Vec<u8>> {
    let lengths = [1, 29, 38, 46, 90, 300, 1200, 1201];
    let make = |index: usize| {
        let mut bytes = noise(lengths[index % lengths.len()]);
        bytes[0] = (index / lengths.len() % 10) as u8;
        if let Some(phase) = bytes.get_mut(1) {
            *phase = 0;
        }
        bytes
    };
    (0..1024).map(make).collect()
}

/// Single datagrams of bursts.
fn datagrams(bursts: &[Burst]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for burst in bursts {
        let mut rest = burst.bytes.as_slice();
        for len in &burst.lengths {
            let (datagram, others) = rest.split_at(*len);
            all.push(datagram.to_vec());
            rest = others;
        }
    }
    all
}

/// The same with a later counter and a tag that does not fit.
fn with_bad_tag(mut datagram: Vec<u8>) -> Vec<u8> {
    datagram[HOP_HEADER_BYTES - 4] ^= 0x40;
    datagram[HOP_PREFIX_BYTES - 1] ^= 1;
    datagram
}

/// Measures and prints.
///
/// # Errors
/// The server does not start, or refuses somebody; strangers were answered.
pub fn run(report: &mut Report, is_quick: bool) -> io::Result<()> {
    machine::pin(Role::Load);
    let server = ServerProcess::start(&Setup { is_pinned: true, ..Setup::default() })?;
    let mut honest = Honest::new(&server)?;
    let mut flooder = Member::sign_in(server.address, server.pin, "Lũ")?;
    let own_room = flooder.join("Nơi khác")?;
    flooder.publish(own_room, TrackId::CAMERA)?;
    report.say(&format!(
        "{ROOMS} honest rooms of {PEOPLE}; attacks offer {OFFERED_PER_S} datagrams a second from {SOURCES} addresses."
    ));
    let offered = if is_quick { STRANGE_DATAGRAMS / 10 } else { STRANGE_DATAGRAMS };
    let us = (offered * 1_000_000 / OFFERED_PER_S) as usize / ROUNDS;
    let mut recorded = honest.talk(server.address, us / 4)?.1;
    for attack in Attack::ALL {
        let (mut calm, mut attacked) = (Rounds::default(), Rounds::default());
        let (mut sent, mut back) = (0, 0);
        let resident = server.resident_kib()?;
        for _ in 0..ROUNDS {
            calm.push(honest.talk(server.address, us / 4)?.0);
            let (sockets, load) = match attack {
                Attack::Strangers => (sources()?, strange()),
                Attack::BadTags => (sources()?, datagrams(&recorded).into_iter().map(with_bad_tag).collect()),
                Attack::Replays => (sources()?, datagrams(&recorded)),
                Attack::Flood => {
                    let count = us * OFFERED_PER_S as usize / 1_000_000 / PICTURE_DATAGRAMS;
                    let frame = vec![1; PICTURE_DATAGRAMS * 1118];
                    let seal = |_| flooder.seal_frame(own_room.room, TrackId::CAMERA, &frame);
                    let load = (0..count).map(seal).collect::<io::Result<Vec<_>>>()?;
                    (vec![flooder.socket.try_clone()?], datagrams(&load))
                }
            };
            sockets.iter().for_each(widen);
            let attacker = Attacker::start(server.address, sockets, load)?;
            let (loss, bursts) = honest.talk(server.address, us)?;
            recorded = bursts;
            attacked.push(loss);
            let (round_sent, round_back) = attacker.stop()?;
            sent += round_sent;
            // What a member is sent is its own matter.
            back += if attack == Attack::Flood { 0 } else { round_back };
            flooder.keep_alive()?;
        }
        let name = attack.name();
        report.value(&format!("abuse.{name}.datagrams"), sent as f64, "datagrams");
        report.value(&format!("abuse.{name}.bytes_back"), back as f64, "bytes");
        report.value(&format!("abuse.{name}.loss_without"), calm.median() * 100.0, "%");
        report.value(&format!("abuse.{name}.added_loss"), (attacked.median() - calm.median()).max(0.0) * 100.0, "%");
        let grown = server.resident_kib()?.saturating_sub(resident);
        report.value(&format!("abuse.{name}.memory_grown"), grown as f64, "KiB");
        if back > 0 {
            return Err(io::Error::other(format!("{name} were sent {back} bytes")));
        }
    }
    report.end();
    Ok(())
}
