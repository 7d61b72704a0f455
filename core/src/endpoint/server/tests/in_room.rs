//! Reactions.

use super::*;
use crate::wire::control::{RoomAsk, RoomTold};

fn react(reaction: u8) -> ClientMessage<'static> {
    ClientMessage::InRoom(RoomAsk::React { request: 8, room: ROOM, reaction })
}

#[test]
fn a_reaction_is_shown_to_everybody_there_and_its_sender_and_to_nobody_else() {
    let mut bench = Bench::new(SIZE);
    let (an, binh, chi) = (bench.join("an."), bench.join("binh"), bench.sign_in("chi"));
    bench.tell();
    bench.deeds = Deeds::default();
    bench.say(binh.id, &react(4));
    let shown = [ServerMessage::InRoom(RoomTold::Reacted { room: ROOM, slot: binh.slot, reaction: 4 })];
    assert_eq!((bench.heard(an.id), bench.heard(binh.id)), (shown.to_vec(), shown.to_vec()));
    assert!(bench.heard(chi.id).is_empty() && bench.events().is_empty());
}

#[test]
fn one_reaction_a_second_is_shown_and_what_is_more_is_refused_under_its_number() {
    let mut bench = Bench::new(SIZE);
    let (an, binh) = (bench.join("an.").id, bench.join("binh").id);
    assert_eq!(bench.refusal(an, &react(0)), None);
    bench.say(an, &react(0));
    let refused = ServerMessage::Refused { request: 8, reason: Refusal::TooFast, retry_after_s: 1 };
    assert_eq!(bench.heard(an), [refused]);
    assert_eq!(bench.refusal(binh, &react(0)), None, "others have their own second");
    bench.wait(Duration::from_millis(999));
    assert_eq!(bench.refusal(an, &react(0)), Some(Refusal::TooFast));
    bench.wait(Duration::from_millis(1));
    assert_eq!(bench.refusal(an, &react(0)), None);
}
