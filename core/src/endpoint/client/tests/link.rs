//! The path of the datagrams: found, lost, and found again.

use super::*;
use crate::error::DropReason;
use crate::wire::datagram::Kind;

#[test]
fn datagrams_are_up_after_a_challenge_and_a_ping() {
    let mut bench = Bench::new(&["an."]);
    assert_eq!(count(&bench.events(0), "DatagramsUp"), 1);
    let stats = bench.peers[0].machine.link_stats().unwrap();
    assert!(stats.is_up);
    bench.wait(10_000);
    assert!(bench.events(0).iter().all(|event| !event.starts_with("Datagrams") && !event.starts_with("ServerSilent")));
    assert_eq!(bench.peers[0].machine.drops().total(), 0);
}

#[test]
fn a_path_that_answers_no_more_is_lost_after_two_seconds_and_asked_for_often() {
    let (mut machine, mut deeds, now) = up();
    let mut lost_ms = None;
    let mut asked = 0;
    for ms in (0..4000).step_by(10) {
        machine.handle_timeout(now + Duration::from_millis(ms), &mut deeds);
        if count(&deeds.events, "DatagramsLost") > 0 {
            lost_ms = lost_ms.or(Some(ms));
        }
        asked += deeds.datagrams.drain(..).filter(|bytes| bytes[0] == Kind::Ping as u8).count();
    }
    assert!(lost_ms.is_some_and(|ms| (2000..2500).contains(&ms)), "{lost_ms:?}");
    assert_eq!(count(&deeds.events, "DatagramsLost"), 1);
    assert!(asked > 15, "{asked}");
}

/// All that goes over UDP is lost, for every peer.
fn wall(bench: &mut Bench, is_there: bool) {
    bench.loses = Box::new(move |_, _, _| is_there);
}

#[test]
fn where_no_datagram_passes_they_travel_inside_the_connection_within_a_second_and_return_by_themselves() {
    let mut bench = Bench::new(&["an.", "binh."]);
    bench.join(0);
    bench.join(1);
    bench.wait(2000);
    bench.events(0);
    wall(&mut bench, true);
    bench.wait(1000);
    let events = bench.events(0);
    assert_eq!(count(&events, "Tunnelled { is_on: true }"), 1, "{events:?}");
    bench.send_frame(0, "qua TCP");
    assert!(bench.has(1, "qua TCP"));
    // What was lost before is forgotten while packets come.
    for _ in 0..60 {
        bench.send_frame(0, "và còn nữa");
        bench.wait(1000);
    }
    let events = bench.events(0);
    assert!(
        events.iter().all(|event| !event.starts_with("Tunnelled") && !event.starts_with("Datagrams")),
        "{events:?}"
    );
    let stats = bench.peers[0].machine.link_stats().unwrap();
    assert!(stats.is_up && stats.is_tunnelled);
    let loss = bench.peers[0].machine.loss_stats().unwrap();
    assert_eq!(loss.up.loss, 0, "what only tried UDP was not lost");

    wall(&mut bench, false);
    bench.wait(3000);
    let events = bench.events(0);
    assert_eq!(count(&events, "Tunnelled { is_on: false }"), 1, "{events:?}");
    bench.send_frame(0, "qua UDP");
    assert!(bench.has(1, "qua UDP"));
    // Addresses that were silent for a minute have to prove themselves again.
    let drops = bench.server.drops();
    let others = drops.total() - drops.of(DropReason::UnvalidatedPath);
    assert_eq!(others, 0, "nothing was sent the wrong way: {drops:?}");
}

#[test]
fn who_never_gets_a_datagram_through_talks_inside_the_connection_within_a_second() {
    let mut bench = Bench::behind_a_wall(&["an.", "binh."]);
    bench.wait(1000);
    bench.join(0);
    bench.join(1);
    bench.wait(100);
    bench.send_frame(0, "sau tường");
    assert!(bench.has(1, "sau tường"));
}

#[test]
fn a_network_that_lets_a_few_datagrams_pass_now_and_then_does_not_make_it_go_to_and_fro() {
    let mut bench = Bench::new(&["an."]);
    for _ in 0..20 {
        wall(&mut bench, true);
        bench.wait(2000);
        wall(&mut bench, false);
        bench.wait(1000);
    }
    let changes = count(&bench.events(0), "Tunnelled");
    assert!(changes <= 12, "{changes} changes in a minute");
}

#[test]
fn a_lossy_network_is_not_taken_for_a_wall() {
    let mut bench = Bench::new(&["an."]);
    let mut random = crate::crypto::drbg::Drbg::from_seed([7; 32]);
    bench.loses = Box::new(move |_, _, _| random.next_u32() % 100 < 25);
    bench.wait(120_000);
    assert_eq!(count(&bench.events(0), "Tunnelled"), 0);
}

/// A machine whose datagrams are up, cut off from its server.
fn up() -> (ClientMachine<'static>, Deeds, Instant) {
    let mut bench = Bench::new(&["an."]);
    let peer = bench.peers.remove(0);
    (peer.machine, Deeds::default(), bench.now)
}

#[test]
fn a_server_that_says_nothing_for_four_seconds_is_reported_once() {
    let (mut machine, mut deeds, now) = up();
    let mut silent_ms = None;
    for ms in (0..8000).step_by(50) {
        machine.handle_timeout(now + Duration::from_millis(ms), &mut deeds);
        if count(&deeds.events, "ServerSilent") > 0 {
            silent_ms = silent_ms.or(Some(ms));
        }
    }
    assert!(silent_ms.is_some_and(|ms| (4000..4500).contains(&ms)), "{silent_ms:?}");
    assert_eq!(count(&deeds.events, "ServerSilent"), 1);
    let alive = deeds.controls.iter().filter(|message| matches!(message, ClientMessage::KeepAlive)).count();
    assert!((6..=9).contains(&alive), "{alive}");
    machine.handle_control(now + Duration::from_secs(9), &ServerMessage::Alive, &mut deeds);
    machine.handle_timeout(now + Duration::from_secs(10), &mut deeds);
    assert_eq!(count(&deeds.events, "ServerSilent"), 1);
}

#[test]
fn without_a_session_a_machine_is_silent() {
    let (mut machine, mut deeds) = (machine(1, 1), Deeds::default());
    let now = Instant::from_micros(5);
    machine.handle_timeout(now, &mut deeds);
    machine.watch_lobby(true, &mut deeds);
    machine.leave(ROOM, &mut deeds);
    assert_eq!(machine.handle_datagram(now, &mut [4; 100], &mut deeds), Err(DropReason::UnknownConnection));
    assert!(deeds.controls.is_empty() && deeds.datagrams.is_empty() && deeds.events.is_empty());
    assert_eq!(machine.poll_timeout(), Instant::NEVER);
}

#[test]
fn what_only_a_client_says_is_unexpected_from_a_server() {
    use crate::crypto::hop::{Direction, HopSealer};
    let (mut machine, mut deeds) = (machine(1, 1), Deeds::default());
    let now = Instant::from_micros(5);
    machine.handle_signed_in(now, SessionId(5), "an.", &[1; 32], &mut deeds);
    deeds = Deeds::default();
    let mut sealer = HopSealer::new(&[1; 32], 5, Direction::ServerToClient);
    let mut seal = |kind: Kind, body: &[u8]| {
        let mut body = body.to_vec();
        let prefix = sealer.seal_body(now, kind as u8, &mut body).unwrap();
        [prefix.as_slice(), &body].concat()
    };
    for kind in [Kind::Hello, Kind::Response, Kind::Ping] {
        let result = machine.handle_datagram(now, &mut seal(kind, &[0; 16]), &mut deeds);
        assert_eq!(result, Err(DropReason::Unexpected));
    }
    // An answer to a ping of the future was never asked for.
    let pong = seal(Kind::Pong, &[0xff; 16]);
    assert_eq!(machine.handle_datagram(now, &mut pong.clone(), &mut deeds), Err(DropReason::Unexpected));
    assert_eq!(machine.handle_datagram(now, &mut pong.clone(), &mut deeds), Err(DropReason::Replayed));
    assert_eq!(machine.handle_datagram(now, &mut seal(Kind::Challenge, &[1; 7]), &mut deeds), Err(DropReason::Length));
    assert!(deeds.datagrams.is_empty() && deeds.events.is_empty());
}
