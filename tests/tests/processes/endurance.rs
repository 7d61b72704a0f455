//! Strangers who hold connections and say next to nothing, and a server that may open no more: those who are in a call notice
//! nothing, those who come get in, and it is over when it is over.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hph_client::engine::Event;
use hph_core::id::{RoomId, TrackId};
use hph_core::time::Instant;
use hph_core::wire::control::{ClientMessage, ServerMessage};
use hph_platform::clock::Clock;
use hph_tests::wire_lab::person::{Person, SOUND, Stream, guest};
use hph_tests::wire_lab::raw::RawClient;
use hph_tests::wire_lab::server::ServerProcess;
use hph_tests::wire_lab::wait::{between, elapsed, ms, pause, until_so};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::owner::{free_port, get};

const ROOM: &str = "Nhóm 17";
const LIMIT: Duration = ms(30_000);
/// Those who say a byte now and then, and those who say nothing.
const SLOW: usize = 500;
const SILENT: usize = 200;

/// Somebody who talks and somebody who listens.
struct Call {
    lan: Person,
    minh: Person,
    _room: RoomId,
    _voice: Stream,
}

impl Call {
    fn start(server: &ServerProcess) -> Self {
        let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
        let (minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
        lan.switch(room, TrackId::MICROPHONE, SOUND);
        let voice = lan.stream(room, TrackId::MICROPHONE, ms(20), |count| count.to_be_bytes().repeat(160));
        until_so("flowing frames", LIMIT, || minh.arrival_count() > 10);
        Self { lan, minh, _room: room, _voice: voice }
    }

    /// The longest time without a frame since then.
    fn longest_gap(&self, since: Instant) -> Duration {
        let arrivals = self.minh.arrivals();
        let moments = arrivals.iter().map(|arrival| arrival.at).filter(|at| *at >= since).chain([Clock::now()]);
        let mut last = since;
        moments.map(|at| between(std::mem::replace(&mut last, at), at)).max().unwrap_or_default()
    }

    fn is_whole(&self) -> bool {
        ![&self.lan, &self.minh].iter().any(|person| person.has_seen(|event| matches!(event, Event::Lost { .. })))
    }
}

/// An address of this machine that is not its loopback, which is trusted with all places; none if it has no network.
fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Nothing is sent by this.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

/// Whether the server has ended it.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

#[test]
fn hundreds_of_slow_and_silent_strangers_delay_nobody_and_are_closed() {
    let server = ServerProcess::start_at(Ipv4Addr::UNSPECIFIED, &["--set", "announce=off"]);
    let Some(outside) = outside() else { return println!("left out: this machine has no network") };
    let call = Call::start(&server);
    let (began, there) = (Clock::now(), SocketAddr::new(outside, server.target.address.port()));
    let connect = |_| {
        let stream = TcpStream::connect(there).expect("connected");
        stream.set_nonblocking(true).expect("set");
        stream
    };
    let mut strangers: Vec<TcpStream> = (0..SLOW + SILENT).map(connect).collect();
    let opened = elapsed(began);
    let mut waits = Vec::new();
    // The beginning of a handshake, a byte at a time.
    for byte in [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03] {
        strangers.iter_mut().take(SLOW).for_each(|stream| _ = stream.write(&[byte]));
        let asked = Clock::now();
        drop(Person::signed_in(guest(&server.target, "Hường")));
        waits.push(elapsed(asked));
    }
    waits.sort();
    println!("{} strangers within {opened:?}; sign-in {:?} median, {:?} at most", SLOW + SILENT, waits[5], waits[10]);
    let is_over = |strangers: &mut Vec<TcpStream>| {
        strangers.retain_mut(|stream| !is_closed(stream));
        strangers.is_empty()
    };
    until_so("an end of all strangers", LIMIT, || is_over(&mut strangers));
    let all = elapsed(began);
    let gap = call.longest_gap(began);
    println!("all closed {all:?} after the first came; longest silence {gap:?}");
    assert!(waits[10] < ms(1000), "{waits:?}");
    assert!(all <= ms(20_000) + opened, "{all:?}");
    assert!(gap < ms(400) && call.is_whole(), "{gap:?}");
}

/// How long everybody else waits for what somebody says, so many times at a talking pace: the 99th of a hundred, and the worst.
fn waits(
    talker: &mut RawClient,
    listener: &mut RawClient,
    room: RoomId,
    references: std::ops::Range<u64>,
) -> (Duration, Duration) {
    let text = "x".repeat(3000);
    let mut waits: Vec<Duration> = references
        .map(|reference| {
            let said = Clock::now();
            talker.send(&ClientMessage::SendChat { reference, room, text: &text }).expect("sent");
            let is_chat = |message: &ServerMessage<'_>| matches!(message, ServerMessage::Chat { .. }).then_some(());
            listener.hear_until(is_chat).expect("heard");
            let stored =
                |message: &ServerMessage<'_>| matches!(message, ServerMessage::ChatStored { .. }).then_some(());
            talker.hear_until(stored).expect("stored");
            let wait = elapsed(said);
            listener.send(&ClientMessage::KeepAlive).expect("sent");
            pause(ms(20).saturating_sub(wait));
            wait
        })
        .collect();
    waits.sort();
    (waits[waits.len() * 99 / 100], waits[waits.len() - 1])
}

/// Ten seconds; a minute with `HPH_STUCK_SECONDS=60`.
#[test]
fn while_somebody_reads_nothing_for_long_what_others_say_comes_as_soon_as_before() {
    let seconds = std::env::var("HPH_STUCK_SECONDS").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(10);
    let server = ServerProcess::start(&["--set", "announce=off", "--set", "messages_per_second=200"]);
    let raw = |name: &str, buffer: Option<usize>| {
        let mut raw = RawClient::connect(&server.target, buffer).expect("connected");
        raw.sign_in(name);
        let room = raw.join(ROOM);
        (raw, room)
    };
    let (mut talker, room) = raw("Lan", None);
    let (mut listener, _) = raw("Minh", None);
    let count = seconds * 50;
    let before = waits(&mut talker, &mut listener, room, 0..count);
    let (memory, files) = (server.resident_bytes(), server.open_files());
    let (mut stuck, _) = raw("Kẹt", Some(4096));
    let during = waits(&mut talker, &mut listener, room, count..2 * count);
    let grown = server.resident_bytes().saturating_sub(memory) / 1024;
    println!(
        "alone: {:?} of a hundred's 99th, {:?} at most; beside: {:?}, {:?}",
        before.0, before.1, during.0, during.1
    );
    println!("memory grew by {grown} KiB");
    assert!(during.0 < before.0 * 3 + ms(50), "{before:?} {during:?}");
    assert!(grown < 8 * 1024, "{grown}");
    // Of what was said it was sent no more than fits, and then it was let go.
    until_so("an end of it", LIMIT, || server.open_files() <= files);
    let read = stuck.read_to_end(ms(5000)).expect("closed by the server");
    println!("it had {} KiB left to read", read / 1024);
}

#[test]
fn a_server_that_may_open_no_more_goes_on_with_those_who_are_there_and_takes_others_later() {
    let port = free_port();
    let server = ServerProcess::start(&["--set", "announce=off", "--set", &format!("metrics=127.0.0.1:{port}")]);
    let call = Call::start(&server);
    let id = Pid::from_raw(server.id().cast_signed()).expect("a process");
    let few = Rlimit { current: Some(64), maximum: Some(16_384) };
    let before = prlimit(Some(id), Resource::Nofile, few).expect("set");
    let (open, began) = (server.open_files_below(64), Clock::now());
    assert!(open < 60, "{open} files are open in a small call");
    let mut crowd: Vec<TcpStream> =
        (0..80).map(|_| TcpStream::connect(server.target.address).expect("in the kernel's queue")).collect();
    until_so("word that nobody can connect", LIMIT, || server.said().1.contains("nobody more can connect"));
    let full = server.open_files_below(64);
    pause(ms(2000));
    let gap = call.longest_gap(began);
    println!("{open} files open before, {full} at the limit; longest silence {gap:?}");
    assert!(full <= 64 && gap < ms(400) && call.is_whole(), "{full}, {gap:?}");
    crowd.clear();
    let asked = Clock::now();
    drop(Person::signed_in(guest(&server.target, "Hường")));
    println!("let in {:?} after the crowd went", elapsed(asked));
    assert!(elapsed(asked) < ms(5000), "it recovers by itself");
    assert!(server.said().1.contains("people can connect again"), "{}", server.said().1);
    assert!(!get(port, "/metrics").contains("\nhph_accept_failures_total 0\n"));
    let _ = prlimit(Some(id), Resource::Nofile, before);
}
