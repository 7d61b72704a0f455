use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hph_core::limits::HOP_PREFIX_BYTES;
use socket2::SockRef;

use super::*;

type Prefix = [u8; HOP_PREFIX_BYTES];

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.set_nonblocking(true).expect("non-blocking");
    let _ = SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    socket
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("an address")
}

/// All that waits at a socket, as (from, bytes).
fn drain(socket: &UdpSocket, received: &mut Received) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut all = Vec::new();
    while received.receive(socket).expect("a socket") > 0 {
        while let Some(datagram) = received.next_datagram() {
            all.push((datagram.from, datagram.bytes.to_vec()));
        }
    }
    all
}

fn drain_plain(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut received = Received::new(&Offload { send: Path::Plain, receive: Path::Plain }, 8);
    drain(socket, &mut received).into_iter().map(|(_, bytes)| bytes).collect()
}

fn payload(number: usize, len_bytes: usize) -> Vec<u8> {
    (0..len_bytes).map(|at| (number * 31 + at) as u8).collect()
}

fn prefix(lane: usize, number: usize) -> Prefix {
    std::array::from_fn(|at| (lane * 7 + number * 3 + at) as u8)
}

/// Lets a relay with that path receive `payloads` and send each on to every receiver. Gives what each got, and the
/// counters.
fn relay(path: Path, payloads: &[Vec<u8>], receivers: &[UdpSocket]) -> (Vec<Vec<Vec<u8>>>, SendCounters) {
    let (sender, relay) = (socket(), socket());
    let offload = Offload::probe(&relay, path);
    let mut received = Received::new(&offload, 32);
    let mut queue = SendQueue::new(&offload, receivers.len(), 512);
    for payload in payloads {
        sender.send_to(payload, address(&relay)).expect("sent");
    }
    let mut number = 0;
    while received.receive(&relay).expect("a socket") > 0 {
        while let Some(datagram) = received.next_datagram() {
            assert_eq!(datagram.from, address(&sender));
            queue.begin(datagram.place);
            for (lane, receiver) in receivers.iter().enumerate() {
                let prefix = prefix(lane, number);
                assert!(queue.push(lane, address(receiver), &prefix, datagram.bytes));
            }
            number += 1;
            if queue.free() < receivers.len() {
                queue.flush(&relay, &received);
            }
        }
        queue.flush(&relay, &received);
    }
    assert_eq!(number, payloads.len());
    (receivers.iter().map(drain_plain).collect(), queue.counters())
}

fn expected(lane: usize, payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let join = |(number, payload): (usize, &Vec<u8>)| [&prefix(lane, number)[..], payload].concat();
    payloads.iter().enumerate().map(join).collect()
}

#[test]
fn the_three_paths_deliver_the_same_in_the_same_order() {
    let sizes: [&[usize]; 6] = [
        &[1170; 21],
        &[70; 3],
        &[1170, 1170, 500, 1170, 500, 500, 70, 1170, 1, 0, 1170],
        &[900],
        &[1170; 70],
        &[0, 0, 0],
    ];
    for (case, sizes) in sizes.into_iter().enumerate() {
        let payloads: Vec<_> = sizes.iter().enumerate().map(|(number, &len)| payload(number, len)).collect();
        for people in [1, 2, 7, 33] {
            let receivers: Vec<_> = (0..people).map(|_| socket()).collect();
            for path in Path::ALL {
                let (got, counters) = relay(path, &payloads, &receivers);
                for (lane, got) in got.iter().enumerate() {
                    assert!(*got == expected(lane, &payloads), "case {case}, {path}, {people} receivers, lane {lane}");
                }
                let all = (payloads.len() * people) as u64;
                assert_eq!((counters.sent, counters.blocked, counters.refused, counters.unqueued), (all, 0, 0, 0));
            }
        }
    }
}

#[test]
fn a_burst_takes_fewer_calls_with_each_better_path() {
    let payloads: Vec<_> = (0..21).map(|number| payload(number, 1170)).collect();
    let receivers: Vec<_> = (0..8).map(|_| socket()).collect();
    let calls = Path::ALL.map(|path| relay(path, &payloads, &receivers).1.calls);
    assert_eq!(calls[0], 168);
    let offload = Offload::probe(&socket(), Path::Segmented);
    if offload.send == Path::Segmented {
        assert!(calls[1] <= 5 && calls[2] <= 2, "{calls:?}");
    }
}

#[test]
fn a_burst_that_arrives_as_one_is_taken_apart() {
    let (sender, receiver) = (socket(), socket());
    let sending = Offload::probe(&sender, Path::Segmented);
    let mut queue = SendQueue::new(&sending, 1, 64);
    let nothing = Received::new(&sending, 1);
    let payloads: Vec<_> = (0..21).map(|number| payload(number, if number == 20 { 333 } else { 1170 })).collect();
    for (number, payload) in payloads.iter().enumerate() {
        // Not in a scratch: the queue keeps copies while it has memory for them.
        let is_pushed = queue.push(0, address(&receiver), &prefix(0, number), payload);
        assert_eq!(is_pushed, number < 14);
        if !is_pushed {
            queue.flush(&sender, &nothing);
            break;
        }
    }
    assert_eq!(queue.counters().unqueued, 1);
    for path in [Path::Batched, Path::Segmented] {
        let receiving = Offload::probe(&receiver, path);
        let mut received = Received::new(&receiving, 32);
        if path == Path::Segmented {
            for (number, payload) in payloads.iter().enumerate().skip(10) {
                assert!(queue.push(0, address(&receiver), &prefix(0, number), payload));
            }
            queue.flush(&sender, &nothing);
            assert_eq!(received.receive(&receiver).expect("a socket"), if receiving.receive == path { 1 } else { 11 });
            let mut number = 10;
            while let Some(datagram) = received.next_datagram() {
                assert_eq!(datagram.from, address(&sender));
                assert_eq!(&*datagram.bytes, [&prefix(0, number)[..], &payloads[number]].concat());
                number += 1;
            }
            assert_eq!(number, 21);
        } else {
            assert_eq!(drain(&receiver, &mut received).len(), 14);
        }
    }
}

#[test]
fn a_receiver_that_can_not_be_reached_costs_the_others_nothing() {
    let payloads: Vec<_> = (0..5).map(|number| payload(number, 300)).collect();
    for path in Path::ALL {
        let (sender, good) = (socket(), [socket(), socket()]);
        let offload = Offload::probe(&sender, path);
        let mut queue = SendQueue::new(&offload, 8, 64);
        let nothing = Received::new(&offload, 1);
        // Broadcast without permission, another family, a port that nobody listens at (an ICMP error comes back).
        let closed = address(&socket());
        let bad: [SocketAddr; 3] = [(Ipv4Addr::BROADCAST, 9).into(), (Ipv6Addr::LOCALHOST, 9).into(), closed];
        let lanes = [bad[0], address(&good[0]), bad[1], bad[2], address(&good[1])];
        for _ in 0..2 {
            for (number, payload) in payloads.iter().enumerate() {
                for (lane, &to) in lanes.iter().enumerate() {
                    assert!(queue.push(lane, to, &prefix(lane, number), payload));
                }
            }
            queue.flush(&sender, &nothing);
        }
        for (socket, lane) in good.iter().zip([1, 4]) {
            let once = expected(lane, &payloads);
            assert_eq!(drain_plain(socket), [once.as_slice(), &once].concat(), "{path}");
        }
        let counters = queue.counters();
        assert_eq!((counters.refused, counters.sent, counters.blocked), (20, 30, 0), "{path}");
    }
}

#[test]
fn a_datagram_that_the_path_does_not_carry_is_dropped_alone() {
    // Larger than UDP itself allows with its prefix, and between two others of the same receiver.
    let sizes = [500, 65_500, 500];
    for path in Path::ALL {
        let (sender, receiver) = (socket(), socket());
        let offload = Offload::probe(&sender, path);
        let mut queue = SendQueue::new(&offload, 1, 8);
        // The long one cannot be kept, so it must lie in a scratch: it is pushed as if it had been received there.
        let mut scratch = vec![0; 65_535];
        let place = Place::of(&scratch);
        queue.begin(place);
        for (number, &len) in sizes.iter().enumerate() {
            scratch[0] = number as u8;
            assert!(queue.push(0, address(&receiver), &prefix(0, number), &scratch[..len]));
        }
        queue.flush(&sender, &Received::of(scratch));
        assert_eq!(drain_plain(&receiver).len(), 2, "{path}");
        assert_eq!((queue.counters().sent, queue.counters().refused), (2, 1), "{path}");
    }
}

#[test]
fn what_lies_outside_of_the_datagram_is_no_part_of_it() {
    let memory = [0u8; 64];
    let place = Place::of(&memory[16..32]);
    assert_eq!(place.locate(&memory[16..32]), Some((0, 16)));
    assert_eq!(place.locate(&memory[20..24]), Some((4, 4)));
    assert_eq!(place.locate(&memory[32..32]), Some((16, 0)));
    for outside in [&memory[15..20], &memory[30..33], &memory[..4], &memory[40..50]] {
        assert_eq!(place.locate(outside), None);
    }
}

#[test]
fn a_full_queue_and_an_unknown_lane_are_counted_and_harmless() {
    let (sender, receiver) = (socket(), socket());
    let offload = Offload::probe(&sender, Path::Segmented);
    let mut queue = SendQueue::new(&offload, 2, 3);
    let results: Vec<_> =
        (0..5).map(|lane| queue.push(lane % 3, address(&receiver), &[0; HOP_PREFIX_BYTES], b"body")).collect();
    assert_eq!(results, [true, true, false, true, false]);
    assert_eq!((queue.free(), queue.counters().unqueued), (0, 2));
    queue.flush(&sender, &Received::new(&offload, 1));
    assert!(queue.is_empty());
    assert_eq!((queue.free(), drain_plain(&receiver).len()), (3, 3));
}

#[test]
fn errors_that_sending_left_behind_do_not_end_receiving() {
    let relay = socket();
    let gone = address(&socket());
    // Only a connected socket is told of ICMP errors.
    relay.connect(gone).expect("connected");
    relay.send(b"x").expect("sent");
    let offload = Offload::probe(&relay, Path::Batched);
    let mut received = Received::new(&offload, 4);
    assert_eq!(received.receive(&relay).expect("no error"), 0);
}

#[test]
fn a_datagram_that_is_too_long_shows() {
    for path in Path::ALL {
        let (sender, receiver) = (socket(), socket());
        let mut received = Received::new(&Offload::probe(&receiver, path), 4);
        sender.send_to(&[1; 1201], address(&receiver)).expect("sent");
        sender.send_to(&[], address(&receiver)).expect("sent");
        sender.send_to(&[2; 9000], address(&receiver)).expect("sent");
        let lengths: Vec<_> = drain(&receiver, &mut received).iter().map(|(_, bytes)| bytes.len()).collect();
        assert!(lengths[0] == 1201 && lengths[1] == 0 && lengths[2] > 1200, "{path}: {lengths:?}");
    }
}

#[test]
fn both_families_arrive_with_their_addresses() {
    let Ok(relay) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else { return };
    relay.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let sender = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a socket");
    let offload = Offload::probe(&relay, Path::Segmented);
    let mut received = Received::new(&offload, 4);
    sender.send_to(b"there", address(&relay)).expect("sent");
    assert_eq!(received.receive(&relay).expect("a socket"), 1);
    let mut queue = SendQueue::new(&offload, 1, 1);
    let datagram = received.next_datagram().expect("one");
    assert_eq!(datagram.from, address(&sender));
    queue.begin(datagram.place);
    assert!(queue.push(0, datagram.from, &[7; HOP_PREFIX_BYTES], datagram.bytes));
    queue.flush(&relay, &received);
    sender.set_nonblocking(true).expect("non-blocking");
    assert_eq!(drain_plain(&sender), [[&[7; HOP_PREFIX_BYTES][..], b"there"].concat()]);
}

#[test]
fn a_path_is_called_what_it_is_written() {
    for path in Path::ALL {
        assert_eq!(path.to_string().parse(), Ok(path));
        let socket = socket();
        let offload = Offload::probe(&socket, path);
        assert!(offload.send <= path && offload.receive <= path, "{}", offload.describe());
    }
    assert!("fast".parse::<Path>().is_err());
}
