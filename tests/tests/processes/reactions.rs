//! Reactions over the wire: everybody in the room sees them, one a second, and the command line shows them.

use hph_client::engine::{Command, Event, Reaction};
use hph_core::id::RoomId;
use hph_core::wire::control::Refusal;
use hph_tests::wire_lab::command::Hph;
use hph_tests::wire_lab::person::{Person, guest};
use hph_tests::wire_lab::server::{LocalServer, ServerProcess};
use hph_tests::wire_lab::wait::{ms, pause, until_so};

const ROOM: &str = "Nhóm 17";

fn react(person: &mut Person, room: RoomId, reaction: Reaction) -> Result<(), Refusal> {
    let asked = person.engine.request();
    person.send(Command::React { request: asked, room, reaction });
    person.wait("answer", ms(10_000), |event| match event {
        Event::Reacted { reaction: shown, .. } if *shown == reaction => Some(Ok(())),
        Event::Refused { request, reason } if *request == asked => Some(Err(*reason)),
        _ => None,
    })
}

#[test]
fn everybody_in_the_room_sees_a_reaction_and_more_than_one_a_second_is_refused() {
    let server = LocalServer::start();
    let (mut lan, room) = Person::in_room(guest(&server.target, "Lan"), ROOM);
    let (mut minh, _) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    let (nam, elsewhere) = Person::in_room(guest(&server.target, "Nam"), "Phòng khác");
    assert_eq!(react(&mut lan, room, Reaction::Party), Ok(()));
    assert_eq!(react(&mut lan, room, Reaction::Laugh), Err(Refusal::TooFast));
    let is_party = |event: &Event| matches!(event, Event::Reacted { reaction: Reaction::Party, .. });
    minh.wait("the reaction", ms(10_000), |event| is_party(event).then_some(()));
    assert_eq!(react(&mut minh, room, Reaction::Clap), Ok(()), "everybody has their own second");
    assert_eq!(react(&mut lan, elsewhere, Reaction::Heart), Err(Refusal::NotInRoom));
    pause(ms(1000));
    assert_eq!(react(&mut lan, room, Reaction::Heart), Ok(()));
    assert!(!nam.has_seen(|event| matches!(event, Event::Reacted { .. })), "nobody elsewhere");
    assert!(!minh.has_seen(|event| matches!(event, Event::Reacted { reaction: Reaction::Laugh, .. })));
}

#[test]
fn the_command_line_reacts_and_shows_who_does() {
    let server = ServerProcess::start(&["--set", "announce=off"]);
    let (link, state) = (server.target.link(), tempfile::tempdir().expect("a folder"));
    let state = state.path().display().to_string();
    let mut typist = Hph::start_typing(&["join", &link, "--room", ROOM, "--name", "Lan", "--state", &state, "--json"]);
    until_so("Lan", ms(20_000), || !typist.events("joined").is_empty());
    let (mut minh, room) = Person::in_room(guest(&server.target, "Minh"), ROOM);
    typist.type_line("/react heart");
    let is_heart = |event: &Event| matches!(event, Event::Reacted { reaction: Reaction::Heart, .. });
    minh.wait("a heart", ms(10_000), |event| is_heart(event).then_some(()));
    assert_eq!(react(&mut minh, room, Reaction::Think), Ok(()));
    let thinks =
        || typist.events("reacted").into_iter().any(|event| event["reaction"] == "think" && event["emoji"] == "🤔");
    until_so("the row of it", ms(10_000), thinks);
}
