//! Who can open what, when people come and go.

use super::*;

const GENERATION: u16 = 0x100;

#[test]
fn everybody_hears_everybody() {
    let mut bench = Bench::new(&["an.", "binh", "chi"]);
    for peer in 0..3 {
        bench.join(peer);
    }
    for peer in 0..3 {
        let text = format!("from {peer}");
        bench.send_frame(peer, &text);
        assert_eq!((0..3).filter(|other| bench.has(*other, &text)).count(), 2, "{text}");
    }
    let long = "Đ".repeat(3000);
    bench.send_frame(0, &long);
    assert!(bench.has(1, &long) && bench.has(2, &long));
    assert!(bench.peers.iter().all(|peer| peer.machine.drops().total() == 0));
}

#[test]
fn a_key_moves_on_when_somebody_joins_if_it_has_sealed_anything() {
    let mut bench = Bench::new(&["an.", "binh", "chi"]);
    bench.join(0);
    bench.join(1);
    assert_eq!(bench.send_frame(0, "before") % GENERATION, 0);
    bench.join(2);
    assert_eq!(bench.send_frame(0, "after") % GENERATION, 1);
    assert_eq!(bench.send_frame(1, "first") % GENERATION, 0, "nothing was sealed that could be opened");
    assert!(bench.has(1, "after") && bench.has(2, "after") && bench.has(2, "first"));
    // Played again by the server, the newcomer opens nothing of before.
    let before = bench.peers[0].sent[0].clone();
    replay(&mut bench, 2, &before);
    assert!(!bench.has(2, "before"));
    assert_eq!(bench.peers[2].machine.drops().of(DropReason::UnknownKey), 1);
}

/// The server sends a packet of its memory to a peer.
pub(super) fn replay(bench: &mut Bench, peer: usize, payload: &[u8]) {
    use crate::crypto::hop::{Direction, HopSealer};
    let seed = peer as u8 + 1;
    let mut sealer = HopSealer::new(&[seed; 32], bench.peers[peer].id.0, Direction::ServerToClient);
    for _ in 0..200 {
        sealer.seal_body(bench.now, 0, &mut []).unwrap();
    }
    let clear = crate::wire::media::MediaLayout::parse(payload).unwrap().clear_len_bytes;
    let kind = crate::wire::datagram::Kind::Media as u8;
    let prefix = sealer.seal_clear(bench.now, kind, &payload[..clear]).unwrap();
    let mut bytes = [prefix.as_slice(), payload].concat();
    let Peer { machine, deeds, .. } = &mut bench.peers[peer];
    let _ = machine.handle_datagram(bench.now, &mut bytes, deeds);
}

#[test]
fn a_replayed_packet_is_handed_out_once() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    bench.send_frame(0, "once");
    let packet = bench.peers[0].sent[0].clone();
    replay(&mut bench, 1, &packet);
    assert_eq!(count(&bench.events(1), "Frame"), 1);
    assert_eq!(bench.peers[1].machine.drops().of(DropReason::Replayed), 1);
}

#[test]
fn a_new_key_is_in_use_within_two_seconds_of_a_leave_and_nothing_is_lost() {
    let mut bench = Bench::new(&["an.", "binh", "chi"]);
    for peer in 0..3 {
        bench.join(peer);
    }
    let before = bench.send_frame(0, "before");
    bench.leave(2);
    let mut switched_ms = None;
    for step in 0..20u64 {
        let text = format!("step {step}.");
        let epoch = bench.send_frame(0, &text);
        if epoch / GENERATION != before / GENERATION {
            switched_ms = switched_ms.or(Some(step * 100));
        }
        assert!(bench.has(1, &text) && !bench.has(2, &text), "{text}");
        bench.wait(100);
    }
    assert!(switched_ms.is_some_and(|ms| (100..2000).contains(&ms)), "{switched_ms:?}");
    assert_eq!(bench.peers[1].machine.drops().total(), 0);
}

#[test]
fn leaves_in_a_row_do_not_put_the_new_key_off() {
    let names: Vec<String> = (0..12).map(|number| format!("user-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut bench = Bench::new(&names);
    for peer in 0..names.len() {
        bench.join(peer);
    }
    let mut epochs = vec![bench.send_frame(0, "begin")];
    for leaver in 2..names.len() {
        bench.leave(leaver);
        bench.wait(450);
        epochs.push(bench.send_frame(0, "step"));
    }
    // Each leave is 450 ms after the one before: after four of them the first leaver's key must be gone.
    for window in epochs.windows(5) {
        assert_ne!(window[0] / GENERATION, window[4] / GENERATION, "{epochs:?}");
    }
    assert_eq!(bench.peers[1].machine.drops().total(), 0);
}

#[test]
fn a_join_while_the_next_key_waits_loses_nothing() {
    let mut bench = Bench::new(&["an.", "binh", "chi", "dung"]);
    for peer in 0..3 {
        bench.join(peer);
    }
    bench.send_frame(0, "begin");
    bench.leave(2);
    bench.wait(600);
    // The next key is with the others, the old one is in use; now the old one moves on.
    bench.join(3);
    for step in 0..150 {
        let text = format!("step {step}.");
        bench.send_frame(0, &text);
        assert!(bench.has(1, &text) && bench.has(3, &text), "{text}");
        bench.wait(100);
    }
    assert_eq!(bench.peers[1].machine.drops().total() + bench.peers[3].machine.drops().total(), 0);
}

#[test]
fn a_key_that_ran_out_of_steps_is_replaced_and_not_given_away() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    for round in 0..300 {
        let old = bench.send_frame(0, "round");
        let Peer { machine, .. } = &mut bench.peers[0];
        let mut random = Drbg::from_seed([round as u8; 32]);
        let room = machine.room_mut(ROOM).unwrap();
        room.ratchet_own_key(&mut random);
        assert_ne!(bench.send_frame(0, "next"), old);
    }
    bench.join(1);
    bench.send_frame(0, "heard");
    assert!(bench.has(1, "heard"));
}

#[test]
fn a_successor_whose_predecessor_left_unnoticed_makes_a_new_key() {
    let mut bench = Bench::new(&["an.", "binh", "chi"]);
    for peer in 0..3 {
        bench.join(peer);
    }
    let before = bench.send_frame(0, "before");
    let slot = 2;
    // The server tells only who is there now, as it does to a slow reader.
    let info = ParticipantInfo {
        slot: Slot(slot),
        member: 77,
        username: "dung",
        display_name: "Dũng",
        device: DevicePublic { seal: [9; 32], sign: [8; 32] },
        tracks: Default::default(),
        role: Default::default(),
        hand: 0,
    };
    let message = ServerMessage::Participant { room: ROOM, info };
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    machine.handle_control(bench.now, &message, deeds);
    bench.settle();
    bench.wait(1200);
    assert_ne!(bench.send_frame(0, "after") / GENERATION, before / GENERATION);
}

#[test]
fn a_place_that_is_used_again_begins_with_fresh_frame_numbers() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    for round in 0..70 {
        bench.join(1);
        for text in [format!("first of {round}."), format!("second of {round}.")] {
            bench.send_frame(1, &text);
            assert!(bench.has(0, &text), "{text}");
        }
        bench.leave(1);
    }
    assert_eq!(bench.peers[0].machine.drops().total(), 0);
}

#[test]
fn a_missing_key_is_asked_for_now_and_then_and_given() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    let room = bench.peers[1].machine.room_mut(ROOM).unwrap();
    room.member_mut(Slot(0)).unwrap().keys = Default::default();
    bench.peers[0].is_deaf = true;
    for index in 0..10 {
        bench.send_frame(0, &format!("frame {index}."));
    }
    let asked = bench.peers[0].inbox.iter().filter(|message| matches!(message, ServerMessage::KeyRequested { .. }));
    assert_eq!(asked.count(), 1);
    // Four may wait; the older ones gave way.
    assert_eq!(bench.peers[1].machine.drops().of(DropReason::UnknownKey), 6);
    bench.peers[0].is_deaf = false;
    bench.settle();
    bench.send_frame(0, "frame 10.");
    let came: Vec<u32> = (0..=10).filter(|index| bench.has(1, &format!("frame {index}."))).collect();
    assert_eq!(came, [6, 7, 8, 9, 10]);
    assert_eq!(bench.peers[1].machine.drops().total(), 6);
}

#[test]
fn a_forged_wrap_gives_nobody_a_key() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    bench.say(0, &ClientMessage::SenderKey { room: ROOM, slot: Slot(1), member: 2, epoch: 0x900, wrap: &[5; 80] });
    bench.settle();
    bench.send_frame(0, "still heard");
    assert!(bench.has(1, "still heard"));
}

#[test]
fn a_server_that_says_joined_again_gets_no_key_used_twice() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    let before = bench.send_frame(0, "before");
    let again =
        ServerMessage::Joined { request: 0, room: ROOM, name: "Lớp học", slot: Slot(0), member: 1, chat_latest: 0 };
    let Peer { machine, deeds, .. } = &mut bench.peers[0];
    machine.handle_control(bench.now, &again, deeds);
    bench.settle();
    let after = bench.send_frame(0, "after");
    assert_ne!(before, after);
    assert!(bench.peers[0].machine.room_mut(ROOM).unwrap().members.iter().all(Option::is_none));
}
