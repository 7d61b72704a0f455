//! What is told to whom, and in which order.

use super::*;
use crate::id::{Slot, TrackId};
use crate::wire::control::{Codec, TrackInfo};

fn watch(bench: &mut Bench, name: &str) -> SessionId {
    let id = bench.sign_in(name).id;
    bench.say(id, &ClientMessage::WatchLobby { is_on: true });
    bench.tell();
    id
}

#[test]
fn a_watcher_is_told_all_that_is_there_and_then_that_it_was_all() {
    let mut bench = Bench::new(SIZE);
    bench.join("an.");
    let binh = watch(&mut bench, "binh");
    let heard = bench.heard(binh);
    let expected = [
        ServerMessage::Room { place: 1, room: OTHER_ROOM, name: "Phòng khác", people: 0 },
        ServerMessage::Person { place: 0, username: "an.", display_name: "an." },
        ServerMessage::Room { place: 0, room: ROOM, name: "Lớp học", people: 1 },
        ServerMessage::Person { place: 1, username: "binh", display_name: "binh" },
        ServerMessage::LobbyComplete,
    ];
    assert_eq!(heard, expected);
    assert!(!bench.machine.poll_control(binh, &mut bench.deeds));
}

#[test]
fn what_was_overtaken_is_not_told() {
    let mut bench = Bench::new(SIZE);
    let binh = watch(&mut bench, "binh");
    bench.heard(binh);
    for _ in 0..50 {
        let an = bench.join("an.").id;
        bench.say(an, &ClientMessage::LeaveRoom { room: ROOM });
        bench.machine.close_session(an, SignOutReason::Asked, &mut bench.deeds);
    }
    bench.tell();
    let heard = bench.heard(binh);
    let room = ServerMessage::Room { place: 0, room: ROOM, name: "Lớp học", people: 0 };
    assert_eq!(heard, [room, ServerMessage::PersonGone { place: 1 }]);
}

#[test]
fn a_place_that_is_used_again_tells_who_is_there_now() {
    let mut bench = Bench::new(Size { sessions: 2, ..SIZE });
    let binh = watch(&mut bench, "binh");
    let an = bench.sign_in("an.").id;
    bench.tell();
    bench.heard(binh);
    bench.machine.close_session(an, SignOutReason::Asked, &mut bench.deeds);
    bench.sign_in("chi");
    bench.tell();
    assert_eq!(bench.heard(binh), [ServerMessage::Person { place: 1, username: "chi", display_name: "chi" }]);
}

#[test]
fn who_stops_watching_is_told_nothing_and_who_begins_again_everything() {
    let mut bench = Bench::new(SIZE);
    let binh = watch(&mut bench, "binh");
    let told = bench.heard(binh).len();
    bench.say(binh, &ClientMessage::WatchLobby { is_on: false });
    bench.sign_in("an.");
    bench.tell();
    assert!(bench.heard(binh).is_empty());
    bench.say(binh, &ClientMessage::WatchLobby { is_on: true });
    bench.tell();
    assert_eq!(bench.heard(binh).len(), told + 1);
}

#[test]
fn a_newcomer_is_told_who_is_there_and_the_others_of_the_newcomer() {
    let mut bench = Bench::new(SIZE);
    let an = bench.join("an.");
    bench.tell();
    bench.heard(an.id);
    let binh = bench.join("binh");
    bench.tell();
    let slots = |heard: Vec<ServerMessage<'static>>| -> Vec<(Slot, u32)> {
        let infos = heard.into_iter().map(|message| match message {
            ServerMessage::Participant { room: ROOM, info } => (info.slot, info.member),
            other => panic!("{other:?}"),
        });
        infos.collect()
    };
    assert_eq!(slots(bench.heard(binh.id)), [(an.slot, an.member), (binh.slot, binh.member)]);
    assert_eq!(slots(bench.heard(an.id)), [(binh.slot, binh.member)]);
    bench.machine.close_session(binh.id, SignOutReason::Asked, &mut bench.deeds);
    bench.tell();
    assert_eq!(bench.heard(an.id), [ServerMessage::ParticipantGone { room: ROOM, slot: binh.slot }]);
}

#[test]
fn a_key_comes_after_the_one_who_gives_it() {
    let mut bench = Bench::new(SIZE);
    let an = bench.join("an.");
    bench.tell();
    bench.heard(an.id);
    let binh = bench.join("binh");
    let key = ClientMessage::SenderKey { room: ROOM, slot: an.slot, member: an.member, epoch: 256, wrap: &[7; 80] };
    bench.say(binh.id, &key);
    match bench.heard(an.id).as_slice() {
        [ServerMessage::Participant { info, .. }, ServerMessage::SenderKey { slot, epoch: 256, .. }] => {
            assert_eq!((info.slot, *slot), (binh.slot, binh.slot));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_track_is_told_to_everybody_the_owner_included_and_only_when_it_changes() {
    let mut bench = Bench::new(SIZE);
    let (an, binh) = (bench.join("an.").id, bench.join("binh").id);
    bench.tell();
    bench.deeds.controls.clear();
    let info = TrackInfo { is_on: true, codec: Codec::Opus, width: 0, height: 0 };
    for _ in 0..2 {
        bench.say(an, &ClientMessage::SetTrack { room: ROOM, track: TrackId::MICROPHONE, info });
    }
    bench.tell();
    for who in [an, binh] {
        match bench.heard(who).as_slice() {
            [ServerMessage::Participant { info: told, .. }] => assert_eq!(told.tracks[0], info),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn places_in_a_room_are_used_again_without_anybody_being_mistaken() {
    let mut bench = Bench::new(SIZE);
    let watcher = bench.join("binh").id;
    let mut known = std::collections::BTreeMap::new();
    for _ in 0..100 {
        let an = bench.join("an.");
        bench.tell();
        for message in bench.heard(watcher) {
            match message {
                ServerMessage::Participant { info, .. } => drop(known.insert(info.slot, info.member)),
                ServerMessage::ParticipantGone { slot, .. } => drop(known.remove(&slot)),
                _ => {}
            }
        }
        assert_eq!(known.len(), 2);
        assert_eq!(known[&an.slot], an.member);
        bench.say(an.id, &ClientMessage::LeaveRoom { room: ROOM });
    }
}
