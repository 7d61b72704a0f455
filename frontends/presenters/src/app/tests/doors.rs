//! Closed doors: passwords, waiting, knocking, and what holds in a new room.

use super::*;
use crate::{door, lobby, people};

/// Asks to come in, and is told that the door is closed.
fn before_a_door() -> (Rig, u32) {
    let mut rig = Rig::in_lobby();
    rig.does(Event::Join { name: "Nhóm 17".to_owned(), may_create: false, is_at_once: false });
    rig.does(Event::Enter);
    let Some(Command::JoinNamed { request, .. }) = rig.commands().pop() else { panic!() };
    (rig, request)
}

#[test]
fn a_password_is_asked_for_until_it_is_right_and_then_one_may_have_to_wait() {
    let (mut rig, request) = before_a_door();
    rig.told(ClientEvent::PasswordWanted { request, room: ROOM });
    assert_eq!(rig.app.door.as_ref().map(|door| door.name.as_str()), Some("Nhóm 17"));
    for is_right in [false, true] {
        rig.does(Event::Door(door::Event::Typed("hoa sen".to_owned())));
        rig.does(Event::Door(door::Event::Say));
        assert!(matches!(rig.commands().as_slice(), [Command::Enter { room: ROOM, .. }]));
        if !is_right {
            rig.told(ClientEvent::Refused { request, reason: Refusal::WrongPassword });
            assert!(rig.app.door.is_some() && rig.notices().is_empty(), "one may try again");
        }
    }
    rig.told(ClientEvent::Waiting { request, room: ROOM, name: "Nhóm 17".to_owned() });
    assert!(matches!(rig.app.door.as_ref().unwrap().step, door::Step::Waiting { .. }));
    rig.joined(request, ROOM, "Nhóm 17");
    assert_eq!((rig.app.screen, rig.app.door.is_none()), (Screen::Room, true));
}

#[test]
fn whoever_is_turned_away_or_gives_up_is_in_the_lobby_again() {
    let (mut rig, request) = before_a_door();
    rig.told(ClientEvent::Waiting { request, room: ROOM, name: "Nhóm 17".to_owned() });
    rig.told(ClientEvent::Refused { request, reason: Refusal::TurnedAway });
    assert_eq!((rig.app.screen, rig.app.door.is_none()), (Screen::Lobby, true));
    assert_eq!(rig.notices(), [Notice::Trouble(Trouble::TurnedAway)]);

    let (mut rig, request) = before_a_door();
    rig.told(ClientEvent::Waiting { request, room: ROOM, name: "Nhóm 17".to_owned() });
    rig.does(Event::Door(door::Event::GiveUp));
    assert_eq!((rig.app.screen, rig.app.door.is_none(), rig.app.is_entering()), (Screen::Lobby, true, false));
    assert!(rig.commands().contains(&Command::Leave(ROOM)));
}

#[test]
fn what_was_chosen_for_a_new_room_is_said_once_when_we_are_in_it() {
    let mut rig = Rig::in_lobby();
    rig.does(Event::Lobby(lobby::Event::StartCreate));
    rig.does(Event::Lobby(lobby::Event::NewWaitingRoom(true)));
    rig.does(Event::Lobby(lobby::Event::NewPassword("hoa sen".to_owned())));
    rig.does(Event::Lobby(lobby::Event::NewName("Nhóm 17".to_owned())));
    rig.does(Event::Lobby(lobby::Event::Create));
    rig.does(Event::Enter);
    rig.lets_in(ROOM, "Nhóm 17");
    let said = rig.commands();
    let waits = |command: &&Command| matches!(command, Command::Moderate { act: Act::WaitingRoom, room: ROOM, .. });
    let words = |command: &&Command| matches!(command, Command::SetPassword { password, room: ROOM, .. } if password == "hoa sen");
    assert_eq!((said.iter().filter(waits).count(), said.iter().filter(words).count()), (1, 1), "{said:?}");
    assert!(!said.iter().any(|command| matches!(command, Command::Moderate { act: Act::HostsShare, .. })));
    rig.confirms(ROOM, false, false);
    assert!(!rig.commands().iter().any(|command| matches!(command, Command::SetPassword { .. })));
}

#[test]
fn a_host_is_told_who_knocks_by_the_desktop_too_when_the_window_is_behind() {
    let mut rig = Rig::in_room();
    rig.confirms(ROOM, false, false);
    rig.does(Event::WindowActive(false));
    rig.effects.clear();
    let knock = |is_waiting| {
        let (username, display_name) = ("hoa".to_owned(), "Hoa".to_owned());
        ClientEvent::Knock { room: ROOM, username, display_name, is_waiting }
    };
    rig.told(knock(true));
    let notice = Notice::Knock { room: ROOM, username: "hoa".to_owned(), name: "Hoa".to_owned() };
    assert!(rig.notices().contains(&notice));
    assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::Notify(told) if *told == notice)));
    assert_eq!(rig.app.sections(now(0)).waiting, [("hoa".to_owned(), "Hoa".to_owned())]);
    rig.does(Event::People(people::Event::Act(Act::Admit, "hoa".to_owned())));
    assert!(matches!(rig.commands().as_slice(), [Command::Moderate { act: Act::Admit, whom, .. }] if whom == "hoa"));
    rig.told(knock(false));
    assert!(rig.app.sections(now(0)).waiting.is_empty());
    assert!(!rig.notices().contains(&notice), "the question is over");
}

#[test]
fn who_is_inside_is_counted_also_when_the_lobby_is_told_later() {
    let mut rig = Rig::in_lobby();
    rig.does(Event::Join { name: "Nhóm 17".to_owned(), may_create: false, is_at_once: false });
    assert_eq!(rig.app.prejoin.as_ref().map(|prejoin| prejoin.people), Some(0));
    rig.told(ClientEvent::LobbyRoom { place: 0, room: ROOM, name: "Nhóm 17".to_owned(), people: 5 });
    assert_eq!(rig.app.prejoin.as_ref().map(|prejoin| prejoin.people), Some(5));
}
