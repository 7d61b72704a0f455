//! The first and the last packets of a track: nothing is lost where datagrams and control messages overtake each other.

use super::*;

/// Two peers in the room, of whom the second was told nothing of the first yet.
fn newcomer_and_slow_reader() -> Bench {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(1);
    bench.peers[1].is_deaf = true;
    bench.join(0);
    bench
}

#[test]
fn packets_that_overtake_their_sender_and_its_key_wait_for_both() {
    let mut bench = newcomer_and_slow_reader();
    let long = "Đ".repeat(1500);
    for text in ["one", "two", &long] {
        bench.send_frame(0, text);
    }
    bench.wait(500);
    assert_eq!((count(&bench.events(1), "Frame"), bench.peers[1].machine.drops().total()), (0, 1));
    bench.peers[1].is_deaf = false;
    bench.settle();
    // Of five packets four could wait. They come in their order.
    let frames: Vec<String> = bench.events(1).into_iter().filter(|event| event.starts_with("Frame")).collect();
    assert_eq!(frames.len(), 2);
    assert!(frames[0].contains(&format!("{:?}", "two".as_bytes())));
    assert!(frames[1].contains(&format!("{:?}", long.as_bytes())));
    assert_eq!(bench.peers[1].machine.drops().of(DropReason::NotInRoom), 1);
}

#[test]
fn a_packet_whose_key_does_not_come_is_dropped_after_a_second() {
    let mut bench = newcomer_and_slow_reader();
    bench.send_frame(0, "late");
    bench.wait(900);
    assert_eq!(bench.peers[1].machine.drops().total(), 0);
    bench.wait(200);
    assert_eq!(bench.peers[1].machine.drops().of(DropReason::NotInRoom), 1);
    bench.peers[1].is_deaf = false;
    bench.settle();
    assert!(!bench.has(1, "late"));
    bench.send_frame(0, "in time");
    assert!(bench.has(1, "in time"));
}

#[test]
fn the_last_packets_of_somebody_who_left_are_opened_for_half_a_second() {
    for (ms, is_opened) in [(400, true), (600, false)] {
        let mut bench = Bench::new(&["an.", "binh"]);
        bench.join(0);
        bench.join(1);
        bench.send_frame(0, "first");
        // The server holds the last packet back until it has told everybody that its sender left.
        let Peer { machine, deeds, .. } = &mut bench.peers[0];
        let frame = OutgoingFrame {
            track: TRACK,
            layer: 0,
            timestamp: 0,
            level: 127,
            bytes: b"last",
            pieces: Pieces::Fragments,
        };
        machine.send_frame(bench.now, ROOM, &frame, deeds).unwrap();
        let packet = deeds.datagrams.pop().unwrap()[HOP_PREFIX_BYTES..].to_vec();
        bench.leave(0);
        assert_eq!(count(&bench.peers[1].deeds.events, "ParticipantGone"), 1);
        bench.wait(ms);
        keys::replay(&mut bench, 1, &packet);
        bench.wait(1100);
        assert_eq!(bench.has(1, "last"), is_opened, "{ms}");
        assert_eq!(bench.peers[1].machine.drops().of(DropReason::NotInRoom), u64::from(!is_opened));
    }
}

#[test]
fn somebody_who_left_is_given_no_key_and_told_once_to_have_left() {
    let mut bench = Bench::new(&["an.", "binh", "chi"]);
    for peer in 0..3 {
        bench.join(peer);
    }
    bench.send_frame(0, "before");
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    let gone = ServerMessage::ParticipantGone { room: ROOM, slot: Slot(2) };
    for _ in 0..2 {
        machine.handle_control(bench.now, &gone, deeds);
    }
    assert_eq!(count(&deeds.events, "ParticipantGone"), 1);
    machine.handle_control(bench.now, &ServerMessage::KeyRequested { room: ROOM, slot: Slot(2) }, deeds);
    machine.handle_timeout(bench.now + Duration::from_millis(400), deeds);
    let given = deeds.controls.iter().filter_map(|message| match message {
        ClientMessage::SenderKey { slot, .. } => Some(slot.0),
        _ => None,
    });
    assert_eq!(given.collect::<Vec<_>>(), [1]);
}

#[test]
fn a_track_may_be_sent_once_the_server_has_confirmed_it_and_until_it_is_switched_off() {
    let mut bench = Bench::new(&["an."]);
    bench.say(0, &ClientMessage::JoinRoom { request: 7, room: ROOM });
    bench.settle();
    let may_send = |bench: &Bench| bench.peers[0].machine.may_send(ROOM, TRACK);
    bench.peers[0].is_deaf = true;
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    machine.set_track(ROOM, TRACK, ON, deeds);
    bench.settle();
    assert!(!may_send(&bench));
    bench.peers[0].is_deaf = false;
    bench.settle();
    assert!(may_send(&bench) && !bench.peers[0].machine.may_send(ROOM, TrackId::MICROPHONE));
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    machine.set_track(ROOM, TRACK, TrackInfo { is_on: false, ..ON }, deeds);
    assert!(!may_send(&bench));
    bench.settle();
    assert!(!may_send(&bench));
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    machine.set_track(ROOM, TRACK, ON, deeds);
    bench.settle();
    assert!(may_send(&bench));
    bench.peers[0].machine.handle_disconnected();
    assert!(!may_send(&bench));
}

#[test]
fn an_answered_ping_says_that_everything_before_it_was_handled() {
    let mut bench = Bench::new(&["an."]);
    bench.wait(1000);
    let asked = bench.now + Duration::from_micros(1);
    bench.now = asked;
    let settled = |bench: &Bench| bench.peers[0].machine.link_stats().unwrap().settled_at;
    assert!(settled(&bench) < Some(asked));
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    machine.ping(asked, deeds);
    assert!(settled(&bench) < Some(asked));
    bench.settle();
    assert_eq!(settled(&bench), Some(asked));
}

#[test]
fn who_only_listens_pings_more_often_while_media_comes() {
    use crate::wire::datagram::Kind;
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    let pings = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = std::rc::Rc::clone(&pings);
    bench.loses = Box::new(move |peer, is_up, bytes| {
        counted.set(counted.get() + u32::from(peer == 1 && is_up && bytes[0] == Kind::Ping as u8));
        false
    });
    bench.send_frame(0, "one");
    bench.wait(900);
    assert!(pings.take() >= 6, "every 150 ms");
    bench.wait(1000);
    pings.take();
    bench.wait(4000);
    assert_eq!(pings.take(), 10, "every 400 ms");
}
