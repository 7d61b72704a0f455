//! Strangers, forgers, eavesdroppers who repeat, and a member who floods: nobody else loses a frame, nothing is answered,
//! and everything is counted. The long form, at 100,000 datagrams a second, is `scripts/bench abuse`.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hph_core::id::{RoomId, TrackId};
use hph_core::limits::{HOP_HEADER_BYTES, HOP_PREFIX_BYTES};
use hph_platform::entropy;
use hph_tests::wire_lab::person::{PICTURES, Person, SOUND, guest};
use hph_tests::wire_lab::proxy::{Proxy, Way};
use hph_tests::wire_lab::server::LocalServer;
use hph_tests::wire_lab::wait::{ms, pause, until_so};

const ROOM: &str = "Nhóm 17";
const BLOCK: Duration = Duration::from_millis(20);
const SOURCES: usize = 32;
/// Datagrams of one attack, in portions with a pause between, so that the socket's buffer holds them on a busy machine.
const DATAGRAMS: usize = 24_000;
const PORTION: usize = 64;
const PAUSE: Duration = Duration::from_millis(2);

/// Two people who talk: the second counts.
struct Talk {
    speaker: Person,
    listener: Person,
    room: RoomId,
}

impl Talk {
    fn new(server: &LocalServer, address: SocketAddr) -> Self {
        let (mut speaker, room) = Person::in_room(guest(&server.target.at(address), "Lan"), ROOM);
        let (listener, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
        speaker.switch(room, TrackId::MICROPHONE, SOUND);
        Self { speaker, listener, room }
    }

    /// Everything that is said while something happens arrives, once and in order.
    fn loses_nothing_while(&self, happens: impl FnOnce()) {
        let voice = self.speaker.stream(self.room, TrackId::MICROPHONE, BLOCK, |n| n.to_be_bytes().repeat(160));
        happens();
        let said = voice.stop() as usize;
        until_so("the last words", ms(5000), || self.listener.arrival_count() >= said);
        let heard: Vec<u32> = self.listener.arrivals().iter().map(|arrival| arrival.frame).collect();
        let first = heard[0];
        assert_eq!(heard, (first..first + said as u32).collect::<Vec<_>>(), "{said} blocks were said");
        self.listener.clear_arrivals();
        assert!(said > 10, "{said} blocks are no test");
    }
}

/// Sends the datagrams in turn from many addresses; gives how many bytes came back.
fn attack(server: SocketAddr, datagrams: &[Vec<u8>]) -> usize {
    let bind = |index: usize| UdpSocket::bind((Ipv4Addr::new(127, 7, 0, index as u8 + 1), 0)).expect("a socket");
    let sockets: Vec<_> = (0..SOURCES).map(bind).collect();
    for (count, (datagram, socket)) in datagrams.iter().cycle().zip(sockets.iter().cycle()).take(DATAGRAMS).enumerate()
    {
        // A full buffer is the attacker's loss.
        let _ = socket.send_to(datagram, server);
        if count % PORTION == 0 {
            pause(PAUSE);
        }
    }
    pause(ms(200));
    let mut buffer = [0; 2048];
    let mut back = 0;
    for socket in &sockets {
        socket.set_nonblocking(true).expect("set");
        while let Ok(len) = socket.recv(&mut buffer) {
            back += len;
        }
    }
    back
}

fn noise(len: usize) -> Vec<u8> {
    (0..len.div_ceil(32)).flat_map(|_| entropy::array::<32>()).take(len).collect()
}

/// Datagrams of the speaker as they passed.
fn recorded(proxy: &Proxy) -> Vec<Vec<u8>> {
    let all = proxy.recording().datagrams;
    all.into_iter().filter(|(_, way, _)| *way == Way::ToServer).map(|(.., bytes)| bytes).collect()
}

#[test]
fn strangers_by_the_thousand_get_nothing_leave_nothing_and_cost_nobody_a_frame() {
    let server = LocalServer::start();
    let talk = Talk::new(&server, server.target.address);
    let made_up = |index: usize| {
        let mut bytes = noise([1, 29, 30, 38, 46, 90, 300, 1200, 1201, 1400][index % 10]);
        bytes[0] = (index / 10 % 10) as u8;
        bytes
    };
    let datagrams: Vec<_> = (0..1000).map(made_up).collect();
    talk.loses_nothing_while(|| assert_eq!(attack(server.target.address, &datagrams), 0));
    let counted = || {
        ["length", "unknown_kind", "unknown_connection", "media_header", "hop_tag", "phase"]
            .map(|reason| server.dropped(reason))
    };
    until_so("counted strangers", ms(5000), || counted().iter().sum::<u64>() > DATAGRAMS as u64 / 2);
    println!("{:?}", counted());
    // Nobody became anybody by it.
    assert_eq!(server.dropped("rate_limited"), 0);
}

#[test]
fn bad_tags_and_replays_from_elsewhere_cost_the_one_they_name_nothing() {
    let server = LocalServer::start();
    let proxy = Proxy::start(server.target.address);
    let talk = Talk::new(&server, proxy.address);
    talk.loses_nothing_while(|| pause(ms(1000)));
    let genuine = recorded(&proxy);
    assert!(genuine.len() > 40, "{}", genuine.len());
    let forge = |mut datagram: Vec<u8>| {
        // A counter that is yet to come, and a tag that does not fit.
        datagram[HOP_HEADER_BYTES - 2] ^= 0x40;
        datagram[HOP_PREFIX_BYTES - 1] ^= 1;
        datagram
    };
    let forged: Vec<_> = genuine.iter().cloned().map(forge).collect();
    talk.loses_nothing_while(|| assert_eq!(attack(server.target.address, &forged), 0));
    // From elsewhere: most of their tags are not looked at.
    let forgeries = || server.dropped("strange_address") + server.dropped("hop_tag");
    until_so("counted forgeries", ms(5000), || forgeries() > DATAGRAMS as u64 / 2);
    assert!(server.dropped("strange_address") > server.dropped("hop_tag"));
    talk.loses_nothing_while(|| assert_eq!(attack(server.target.address, &genuine), 0));
    let replays = || server.dropped("replayed") + server.dropped("too_old");
    until_so("counted replays", ms(5000), || replays() > DATAGRAMS as u64 / 2);
    // The speaker's own rate was not used up by others.
    assert_eq!(server.dropped("rate_limited"), 0);
}

#[test]
fn a_member_who_floods_one_room_costs_another_room_nothing() {
    let server = LocalServer::start_with(|config| {
        config.datagrams_per_second = 500;
        config.datagrams_burst = 100;
    });
    let talk = Talk::new(&server, server.target.address);
    let (mut flooder, elsewhere) = Person::in_room(guest(&server.target, "Lũ"), "Nơi khác");
    flooder.switch(elsewhere, TrackId::CAMERA, PICTURES);
    talk.loses_nothing_while(|| {
        let flood = flooder.stream(elsewhere, TrackId::CAMERA, ms(5), |_| vec![1; 40_000]);
        pause(ms(2000));
        assert!(flood.stop() > 50);
    });
    until_so("a cut flood", ms(5000), || server.dropped("rate_limited") > 1000);
}
