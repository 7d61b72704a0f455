//! Two clients and a server over hops that lose datagrams.

use super::*;
use crate::media::feedback::Downstream;
use crate::media::nack::NackEntry;
use crate::media::track_window::TrackKey;
use crate::wire::datagram::Kind;
use crate::wire::media::MediaHeader;

fn is(kind: Kind, bytes: &[u8]) -> bool {
    bytes[0] == kind as u8
}

fn header(bytes: &[u8]) -> Option<MediaHeader> {
    is(Kind::Media, bytes).then(|| MediaHeader::parse(&bytes[HOP_PREFIX_BYTES..]).unwrap())
}

/// Two in the room; nothing was lost until now.
fn bench() -> Bench {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    bench.wait(200);
    bench.events(1);
    bench
}

/// The first one sends a frame of strips of 100 bytes.
fn send_strips(bench: &mut Bench, count: usize) {
    let strips: Vec<_> = (0..count).map(|index| index * 100..index * 100 + 100).collect();
    let bytes = vec![7; count * 100];
    let pieces = Pieces::Strips(&strips);
    let frame = OutgoingFrame { track: TRACK, layer: 0, timestamp: 7, level: 127, bytes: &bytes, pieces };
    let (now, Peer { machine, deeds, .. }) = (bench.now, &mut bench.peers[0]);
    machine.send_frame(now, ROOM, &frame, deeds).unwrap();
    bench.settle();
}

/// How many strips the second one has handed out since.
fn strips(bench: &mut Bench) -> usize {
    count(&bench.events(1), "Strip")
}

#[test]
fn what_the_last_hop_loses_is_asked_for_and_comes_whether_in_the_middle_or_at_the_end() {
    let mut bench = bench();
    let mut lost = 0;
    bench.loses = Box::new(move |_, is_up, bytes| {
        let is_hit = !is_up && header(bytes).is_some_and(|header| [2, 3, 7].contains(&header.index));
        lost += u32::from(is_hit);
        is_hit && lost <= 3
    });
    send_strips(&mut bench, 8);
    // The gap at once, for this network has no delay; the end of the frame when it has stayed away.
    assert_eq!(strips(&mut bench), 7);
    bench.wait(10);
    assert_eq!(strips(&mut bench), 1);
    let (key, stats) = bench.peers[1].machine.gap_stats().next().unwrap();
    assert_eq!((key.track, stats.missed, stats.recovered, stats.asked), (TRACK.0, 3, 3, 3));
    assert_eq!(bench.server.repair().resent, 3);
}

#[test]
fn what_the_first_hop_loses_the_server_asks_for() {
    let mut bench = bench();
    let mut lost = 0;
    bench.loses = Box::new(move |_, is_up, bytes| {
        let is_hit = is_up && header(bytes).is_some_and(|header| [1, 2, 5].contains(&header.index));
        lost += u32::from(is_hit);
        is_hit && lost <= 3
    });
    send_strips(&mut bench, 6);
    bench.wait(20);
    assert_eq!(strips(&mut bench), 6);
    assert_eq!((bench.peers[0].machine.resent(), bench.server.repair().asked), (3, 3));
}

#[test]
fn what_waits_for_its_turn_is_not_sent_twice() {
    let mut bench = bench();
    let strips_of_one: Vec<_> = (0..6).map(|index| index * 100..index * 100 + 100).collect();
    let bytes = vec![7; 600];
    let frame = OutgoingFrame {
        track: TRACK,
        layer: 0,
        timestamp: 7,
        level: 127,
        bytes: &bytes,
        pieces: Pieces::Strips(&strips_of_one),
    };
    let mut waiting = Vec::new();
    let now = bench.now;
    let sealed = |payload: &[u8], clear_len_bytes| waiting.push((payload.to_vec(), clear_len_bytes));
    bench.peers[0].machine.seal_frame(now, ROOM, &frame, sealed).unwrap();
    for (payload, clear_len_bytes) in &waiting {
        let (now, Peer { machine, deeds, .. }) = (bench.now, &mut bench.peers[0]);
        machine.send_sealed(now, payload, *clear_len_bytes, deeds).unwrap();
        bench.settle();
        bench.wait(20);
    }
    assert_eq!(strips(&mut bench), 6);
    assert!(bench.server.repair().asked > 0, "the server does not know that they wait");
    assert_eq!(bench.peers[0].machine.resent(), 0);
}

/// Strips of ours that the first one is told to encode anew since, as it names them.
fn to_renew(bench: &mut Bench) -> Vec<String> {
    let lost = bench.events(0).into_iter().filter(|event| event.starts_with("StripLost"));
    lost.map(|event| event.split_once("timestamp: ").unwrap().1.trim_end_matches(" }").into()).collect()
}

#[test]
fn a_strip_that_never_gets_through_is_named_to_its_encoder_once() {
    let mut bench = bench();
    bench.loses = Box::new(|_, is_up, bytes| {
        !is_up && header(bytes).is_some_and(|header| header.frame == 0 && [3, 7].contains(&header.index))
    });
    send_strips(&mut bench, 8);
    bench.wait(500);
    assert_eq!(strips(&mut bench), 6);
    assert_eq!(to_renew(&mut bench), ["7, index: 3", "7, index: 7"]);
    assert_eq!(bench.peers[1].machine.gap_stats().next().unwrap().1.given_up, 2);
    send_strips(&mut bench, 8);
    bench.wait(1000);
    assert_eq!(to_renew(&mut bench), [""; 0]);
}

#[test]
fn reports_of_lost_strips_come_seldom_and_cost_the_sender_a_part_of_what_it_sent() {
    let mut bench = bench();
    // Most of everything, also of what is sent again.
    let mut chance = 7u32;
    bench.loses = Box::new(move |peer, is_up, bytes| {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        peer == 1 && !is_up && is(Kind::Media, bytes) && chance >> 24 < 190
    });
    let (mut sent, mut renewed) = (0, 0);
    for _ in 0..60 {
        send_strips(&mut bench, 40);
        sent += 40;
        bench.wait(50);
        renewed += to_renew(&mut bench).len();
    }
    let given_up = bench.peers[1].machine.gap_stats().next().unwrap().1.given_up;
    assert!(renewed > 100 && renewed <= sent / 4 + 64, "{renewed} of {sent}, {given_up} given up");
    // A liar gets no more.
    let slot = bench.peers[0].machine.room_mut(ROOM).unwrap().joined.unwrap().0;
    let key = TrackKey { room: ROOM.0, sender: slot.0, track: TRACK.0, layer: 0 };
    let newest = bench.peers[0].sent.len() as u32;
    let mut lies = 0;
    for _ in 0..50 {
        let packets = NackEntry { key, seq: newest.wrapping_sub(33), more: u32::MAX }.emit();
        bench.say(1, &ClientMessage::ReportLost { packets: &packets });
        bench.settle();
        lies += to_renew(&mut bench).len();
    }
    assert!(lies + renewed <= sent / 4 + 64, "{lies} and {renewed} of {sent}");
}

#[test]
fn a_report_about_others_or_of_what_nobody_sent_does_nothing() {
    let mut bench = bench();
    send_strips(&mut bench, 4);
    bench.events(0);
    let slot = bench.peers[0].machine.room_mut(ROOM).unwrap().joined.unwrap().0;
    let key = TrackKey { room: ROOM.0, sender: slot.0, track: TRACK.0, layer: 0 };
    let own = TrackKey { sender: slot.0 + 1, ..key };
    for key in [TrackKey { room: 99, ..key }, own, TrackKey { sender: 31, ..key }, TrackKey { layer: 1, ..key }] {
        bench.say(1, &ClientMessage::ReportLost { packets: &NackEntry { key, seq: 0, more: 7 }.emit() });
    }
    bench.say(1, &ClientMessage::ReportLost { packets: &NackEntry { key, seq: 4000, more: 7 }.emit() });
    bench.settle();
    assert_eq!(to_renew(&mut bench), [""; 0]);
    bench.say(1, &ClientMessage::ReportLost { packets: &NackEntry { key, seq: 2, more: 0b101 }.emit() });
    bench.settle();
    assert_eq!(to_renew(&mut bench), ["7, index: 2", "7, index: 3"]);
}

#[test]
fn without_loss_nothing_is_added_and_nothing_asked_for() {
    let mut bench = bench();
    let counts = std::rc::Rc::new(std::cell::RefCell::new([0u32; 16]));
    let counted = std::rc::Rc::clone(&counts);
    bench.loses = Box::new(move |_, _, bytes| {
        counted.borrow_mut()[usize::from(bytes[0])] += 1;
        false
    });
    for _ in 0..100 {
        send_strips(&mut bench, 10);
        bench.wait(10);
    }
    assert_eq!(strips(&mut bench), 1000);
    let counts = *counts.borrow();
    assert_eq!((counts[Kind::Media as usize], counts[Kind::Nack as usize]), (2000, 0));
    // One in 50 ms from each end that media comes to.
    assert!((30..=42).contains(&counts[Kind::Feedback as usize]), "{counts:?}");
    let loss = bench.peers[0].machine.loss_stats().unwrap();
    assert_eq!((loss.up.loss, loss.up.lost, loss.downstream), (0, 0, Downstream::default()));
    assert!(loss.up.received > 900);
    bench.wait(200);
    let before = counts[Kind::Feedback as usize];
    bench.wait(5000);
    assert!(counts[Kind::Feedback as usize] <= before + 2, "nothing is reported when nothing comes");
}

#[test]
fn with_loss_parity_follows_and_makes_good_what_it_can() {
    let mut bench = bench();
    // One in twelve of all that comes down to the second one; what is asked for never gets through.
    let mut number = 0;
    bench.loses = Box::new(move |peer, is_up, bytes| {
        number += u32::from(peer == 1 && !is_up);
        peer == 1 && (if is_up { is(Kind::Nack, bytes) } else { number % 12 == 5 })
    });
    let mut whole = 0;
    for frame in 0..200 {
        send_strips(&mut bench, 48);
        bench.wait(20);
        whole += usize::from(strips(&mut bench) == 48 && frame >= 100);
    }
    assert!(whole >= 97, "{whole} of the last 100 frames were whole");
    let (_, stats) = bench.peers[1].machine.gap_stats().next().unwrap();
    assert!(stats.by_parity > 300 && stats.recovered >= stats.by_parity, "{stats:?}");
    let sent = bench.peers[0].machine.loss_stats().unwrap();
    let loss = f64::from(sent.downstream.loss) / 65536.0;
    assert!((0.06..0.11).contains(&loss), "{loss}");
    // When the loss is over, so is parity, some seconds later.
    bench.loses = Box::new(|_, _, _| false);
    for _ in 0..600 {
        send_strips(&mut bench, 2);
        bench.wait(20);
    }
    bench.peers[0].sent.clear();
    send_strips(&mut bench, 48);
    assert_eq!(bench.peers[0].sent.len(), 48);
}

#[test]
fn parity_is_at_most_a_quarter_and_only_where_asking_again_is_too_slow_or_not_enough() {
    let mut bench = bench();
    let link = bench.peers[0].machine.link.as_mut().unwrap();
    let mut parity = |loss_permille: u32, rtt_ms, count| {
        link.downstream = Downstream { loss: (loss_permille * 65536 / 1000) as u16, rtt_ms };
        (0..100).map(|_| u32::from(link.parity_for(count))).sum::<u32>()
    };
    assert_eq!(parity(4, 100, 48), 0, "too little loss");
    assert_eq!(parity(20, 10, 48), 0, "asking is quick enough");
    assert!((300..=800).contains(&parity(20, 100, 48)));
    assert!((700..=1200).contains(&parity(50, 100, 48)));
    assert!((700..=1200).contains(&parity(50, 5, 48)), "too much for asking alone");
    // A quarter, and what was saved up before.
    for (count, quarter) in [(48, 1200), (1, 25), (256, 6400)] {
        let all = parity(300, 100, count);
        assert!((quarter..=quarter + 64).contains(&all), "{all} for frames of {count}");
    }
}

#[test]
fn the_server_is_answered_about_own_packets_only_and_within_a_budget() {
    let mut bench = bench();
    send_strips(&mut bench, 8);
    let (now, Peer { machine, deeds, .. }) = (bench.now, &mut bench.peers[0]);
    let slot = machine.room_mut(ROOM).unwrap().joined.unwrap().0;
    let key = TrackKey { room: ROOM.0, sender: slot.0, track: TRACK.0, layer: 0 };
    let mut ask = |key, seq| machine.handle_nack(now, &NackEntry { key, seq, more: 0x7f }.emit(), deeds);
    assert_eq!(ask(TrackKey { room: 9, ..key }, 0), Err(DropReason::UnknownRoom));
    assert_eq!(ask(TrackKey { sender: slot.0 + 1, ..key }, 0), Err(DropReason::NotInRoom));
    assert_eq!(ask(key, 4000), Ok(()));
    let results: Vec<_> = (0..12).map(|_| ask(key, 0)).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 8);
    assert_eq!(results.last(), Some(&Err(DropReason::RateLimited)));
    assert_eq!((machine.resent(), deeds.datagrams.len()), (66, 66));
}
