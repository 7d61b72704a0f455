//! What people compare, and servers that show them different keys.

use super::*;
use crate::wire::control::DevicePublic;

fn code(bench: &Bench, peer: usize) -> [u8; 16] {
    bench.peers[peer].machine.safety_code(ROOM).expect("in the room")
}

/// The server tells a peer that this device is in that place, under the number that it has.
fn tell(bench: &mut Bench, peer: usize, slot: u16, member: u32, username: &'static str, device: DevicePublic) {
    let info = ParticipantInfo {
        slot: Slot(slot),
        member,
        username,
        display_name: username,
        device,
        tracks: Default::default(),
        role: Default::default(),
        hand: 0,
    };
    let Peer { machine, deeds, .. } = &mut bench.peers[peer];
    machine.handle_control(bench.now, &ServerMessage::Participant { room: ROOM, info }, deeds);
}

fn public(bench: &Bench, peer: usize) -> DevicePublic {
    let keys = bench.peers[peer].machine.device().keys();
    DevicePublic { seal: keys.seal, sign: keys.sign }
}

#[test]
fn everybody_in_a_room_has_the_same_code_and_it_changes_with_who_is_there() {
    let mut bench = Bench::new(&["chi", "an.", "binh"]);
    assert_eq!(bench.peers[0].machine.safety_code(ROOM), None, "not in the room");
    bench.join(0);
    let alone = code(&bench, 0);
    bench.join(1);
    let two = code(&bench, 0);
    assert_eq!(code(&bench, 1), two);
    bench.join(2);
    let three = code(&bench, 0);
    assert!((1..3).all(|peer| code(&bench, peer) == three));
    assert_ne!(alone, two);
    assert_ne!(two, three);
    let names: Vec<&str> = bench.peers[2].machine.devices_in_room(ROOM).map(|(login, _)| login).collect();
    assert_eq!(names, ["an.", "binh", "chi"]);
    bench.leave(2);
    assert!((0..2).all(|peer| code(&bench, peer) == two), "whoever is there again is compared already");
}

#[test]
fn a_server_that_shows_one_client_another_key_is_seen_in_the_code() {
    let mut bench = Bench::new(&["an.", "binh", "chi"]);
    (0..3).for_each(|peer| bench.join(peer));
    let honest = code(&bench, 0);
    for false_key in
        [DevicePublic { seal: [9; 32], ..public(&bench, 2) }, DevicePublic { sign: [9; 32], ..public(&bench, 2) }]
    {
        tell(&mut bench, 0, 2, 77, "chi", false_key);
        assert_ne!(code(&bench, 0), honest);
        assert!((1..3).all(|peer| code(&bench, peer) == honest));
    }
}

#[test]
fn our_own_key_in_the_code_is_ours_whatever_the_server_tells() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    let honest = code(&bench, 0);
    let false_key = DevicePublic { seal: [9; 32], sign: [8; 32] };
    // Both are told the same false key for the first one: without its own key in the code they would agree on it.
    tell(&mut bench, 0, 0, 1, "an.", false_key);
    tell(&mut bench, 1, 0, 1, "an.", false_key);
    assert_eq!(code(&bench, 0), honest);
    assert_ne!(code(&bench, 1), honest);
}

#[test]
fn a_device_that_is_changed_under_the_same_number_is_somebody_else() {
    let mut bench = Bench::new(&["an.", "binh"]);
    bench.join(0);
    bench.join(1);
    let before = bench.send_frame(0, "before");
    bench.events(0);
    let true_key = public(&bench, 1);
    let member = bench.peers[0].machine.room_mut(ROOM).unwrap().member_mut(Slot(1)).unwrap().member;
    // A moment of a false device would be enough to get the key.
    for device in [DevicePublic { seal: [9; 32], ..true_key }, true_key] {
        tell(&mut bench, 0, 1, member, "binh", device);
        let events = bench.events(0);
        assert!(events.iter().any(|event| event.starts_with("Participant") && event.contains("is_new: true")));
    }
    tell(&mut bench, 0, 1, member, "binh.", true_key);
    assert!(bench.events(0).iter().any(|event| event.contains("is_new: true")), "another name is another person");
    tell(&mut bench, 0, 1, member, "binh.", true_key);
    assert!(bench.events(0).iter().any(|event| event.contains("is_new: false")));
    bench.settle();
    bench.wait(1200);
    assert_ne!(bench.send_frame(0, "after") / 256, before / 256, "what a false device was given opens nothing later");
}
