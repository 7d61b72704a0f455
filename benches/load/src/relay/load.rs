//! The load: sends bursts, counts what arrives at every receiver, and times it.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};

use hph_core::time::{Duration, Instant};
use hph_platform::clock::Clock;
use hph_platform::udp::sys::{self, Arrival, MESSAGES_MAX, Outgoing, SEGMENTS_MAX};

use crate::member::Burst;

/// What the kernel may keep for one socket.
const SOCKET_BUFFER_BYTES: usize = 8 << 20;
/// A receiver looks at this much of a datagram: its headers.
const LOOK_BYTES: usize = 64;
/// Where the sequence number of a media packet lies.
const SEQ_AT: usize = 38;
/// The first byte of a media datagram.
pub const KIND_MEDIA: u8 = 4;
/// Nothing came for this long: what is missing is lost.
const SILENCE: Duration = Duration::from_millis(30);
/// Send times that are remembered, by sequence number.
const TIMES: usize = 1 << 16;

/// Gives a socket a large buffer.
pub fn widen(socket: &UdpSocket) {
    hph_platform::udp::widen(socket, SOCKET_BUFFER_BYTES);
}

/// The sequence number of a media datagram.
fn seq_of(datagram: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*datagram.get(SEQ_AT..)?.first_chunk()?))
}

/// Numbers a datagram.
pub fn set_seq(datagram: &mut [u8], seq: u32) {
    datagram[SEQ_AT..SEQ_AT + 4].copy_from_slice(&seq.to_be_bytes());
}

/// What one round came to.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Datagrams that should have reached receivers, and that did.
    pub expected: u64,
    /// See above.
    pub received: u64,
    /// How long it took, first send to last arrival.
    pub elapsed_us: u64,
    /// Send to arrival of each datagram, where it was timed. **Units:** microseconds.
    pub latencies_us: Vec<u32>,
}

impl Round {
    /// Part of the datagrams that did not arrive.
    pub fn loss(&self) -> f64 {
        1.0 - self.received as f64 / self.expected as f64
    }

    /// Datagrams a second that arrived.
    pub fn rate(&self) -> f64 {
        self.received as f64 * 1e6 / self.elapsed_us.max(1) as f64
    }
}

/// How bursts follow each other.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The next burst when fewer than so many are on their way: the relay always has work, and nothing gets lost.
    Window(usize),
    /// One burst in so many nanoseconds.
    Every(u64),
}

/// Sockets of all people by room; the first ones of a room send.
pub struct Crowd {
    /// The sockets.
    pub rooms: Vec<Vec<UdpSocket>>,
    buffers: Vec<u8>,
    arrivals: Vec<Arrival>,
}

impl Crowd {
    /// A crowd.
    pub fn new(rooms: Vec<Vec<UdpSocket>>) -> Self {
        rooms.iter().flatten().for_each(widen);
        Self { rooms, buffers: vec![0; MESSAGES_MAX * LOOK_BYTES], arrivals: Vec::with_capacity(MESSAGES_MAX) }
    }

    /// Where everybody is.
    ///
    /// # Errors
    /// A socket has no address.
    pub fn addresses(&self) -> io::Result<Vec<Vec<SocketAddr>>> {
        self.rooms.iter().map(|room| room.iter().map(UdpSocket::local_addr).collect()).collect()
    }

    /// Sends the bursts, each from its room and person, and counts until everything has arrived or nothing more comes.
    ///
    /// # Errors
    /// A socket fails.
    pub fn round<'b>(
        &mut self,
        to: SocketAddr,
        bursts: impl Iterator<Item = (usize, usize, &'b Burst)>,
        pace: Pace,
    ) -> io::Result<Round> {
        self.drain(&mut |_, _, _| ());
        let mut round = Round::default();
        let times = if matches!(pace, Pace::Every(_)) { self.rooms.len() * TIMES } else { 0 };
        let mut times = vec![0; times];
        let began = Clock::now();
        let mut last_at = began;
        let mut next_ns = began.as_micros() * 1000;
        // What silence has shown to be lost.
        let mut lost = 0;
        for (room, person, burst) in bursts {
            let size = burst.lengths.len() as u64 * (self.rooms[room].len() as u64 - 1);
            loop {
                let is_due = match pace {
                    Pace::Window(bursts) => {
                        let flying = round.expected.saturating_sub(round.received + lost);
                        flying + size <= bursts as u64 * size
                    }
                    Pace::Every(_) => Clock::now().as_micros() * 1000 >= next_ns,
                };
                if is_due {
                    break;
                }
                self.count(&mut round, &mut last_at, &times);
                if matches!(pace, Pace::Window(_)) && Clock::now().since(last_at) > SILENCE {
                    lost = round.expected - round.received;
                    last_at = Clock::now();
                }
            }
            if let Pace::Every(interval_ns) = pace {
                next_ns += interval_ns;
                note_times(&mut times, room, burst);
            }
            send_burst(&self.rooms[room][person], to, burst)?;
            round.expected += size;
        }
        while round.received < round.expected && Clock::now().since(last_at) < SILENCE {
            self.count(&mut round, &mut last_at, &times);
        }
        round.elapsed_us = last_at.since(began).as_micros();
        Ok(round)
    }

    /// Counts what has arrived.
    fn count(&mut self, round: &mut Round, last_at: &mut Instant, times: &[u64]) {
        let Round { received, latencies_us, .. } = round;
        self.drain(&mut |now, room, datagram| {
            if datagram.first() != Some(&KIND_MEDIA) {
                return;
            }
            *received += 1;
            *last_at = now;
            if let Some(seq) = seq_of(datagram)
                && let Some(sent_us) = times.get(room * TIMES + seq as usize % TIMES)
            {
                latencies_us.push(u32::try_from(now.as_micros().saturating_sub(*sent_us)).unwrap_or(u32::MAX));
            }
        });
    }

    fn drain(&mut self, each: &mut impl FnMut(Instant, usize, &[u8])) {
        for (number, room) in self.rooms.iter().enumerate() {
            for socket in room {
                loop {
                    self.arrivals.clear();
                    let buffers = self.buffers.chunks_exact_mut(LOOK_BYTES);
                    if sys::receive(socket, buffers, &mut self.arrivals).is_err() {
                        break;
                    }
                    let now = Clock::now();
                    for (arrival, buffer) in self.arrivals.iter().zip(self.buffers.chunks_exact(LOOK_BYTES)) {
                        each(now, number, &buffer[..arrival.len_bytes]);
                    }
                    if self.arrivals.len() < MESSAGES_MAX {
                        break;
                    }
                }
            }
        }
    }
}

fn note_times(times: &mut [u64], room: usize, burst: &Burst) {
    let now_us = Clock::now().as_micros();
    let mut rest = burst.bytes.as_slice();
    for &len in &burst.lengths {
        let (datagram, others) = rest.split_at(len);
        if let Some(seq) = seq_of(datagram) {
            times[room * TIMES + seq as usize % TIMES] = now_us;
        }
        rest = others;
    }
}

/// Sends a burst in as few messages as its sizes allow.
fn send_burst(socket: &UdpSocket, to: SocketAddr, burst: &Burst) -> io::Result<()> {
    let mut messages = Vec::with_capacity(4);
    let mut parts = Vec::with_capacity(4);
    let (mut bytes, mut lengths) = (burst.bytes.as_slice(), burst.lengths.as_slice());
    while let Some(&first) = lengths.first() {
        let same = lengths.iter().take(SEGMENTS_MAX).take_while(|&&len| len == first).count();
        let shorter = usize::from(same < SEGMENTS_MAX && lengths.get(same).is_some_and(|&len| len < first));
        let (run, others) = lengths.split_at(same + shorter);
        let (run_bytes, rest) = bytes.split_at(run.iter().sum());
        let segment_bytes = if run.len() > 1 { u16::try_from(first).ok() } else { None };
        messages.push(Outgoing { to, parts: 1, segment_bytes });
        parts.push(IoSlice::new(run_bytes));
        (bytes, lengths) = (rest, others);
    }
    let mut at = 0;
    while at < messages.len() {
        at += sys::send(socket, &messages[at..], &parts[at..])?;
    }
    Ok(())
}
