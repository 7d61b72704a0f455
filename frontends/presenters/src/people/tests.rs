use super::*;
use crate::effect::Effect;
use crate::testing::{ROOM, come, meeting, now, person};
use hph_client::view::MeetingView;

fn with_roles(mine: Role, theirs: Role) -> MeetingView {
    let mut view = meeting(&[("lan", "Lan")]);
    come(&mut view, Participant { role: mine, ..person(0, "minh", "Trần Minh") });
    come(&mut view, Participant { role: theirs, hand: 3, ..person(1, "lan", "Lan") });
    view
}

fn acts_of(mine: Role, theirs: Role) -> Vec<Act> {
    let view = with_roles(mine, theirs);
    acts(&view.rooms[&ROOM], &view.rooms[&ROOM].participants[&Slot(1)])
}

#[test]
fn everybody_may_do_what_the_servers_rule_says() {
    for mine in Role::ALL {
        for theirs in Role::ALL {
            let view = with_roles(mine, theirs);
            for act in Act::ALL {
                // The rule of `room/roles.rs` and `endpoint/server/moderation.rs`, by its own functions.
                let rule = mine >= act.least_role() && (!act.has_target() || mine.is_above(theirs));
                // Nothing is locked here, and what needs more than a name has ways of its own.
                let expected = rule && act != Act::Unlock && act.is_plain();
                assert_eq!(may(&view.rooms[&ROOM], act, "lan"), expected, "{mine:?} {act:?} {theirs:?}");
            }
        }
    }
}

#[test]
fn a_menu_has_only_what_would_change_something() {
    assert_eq!(acts_of(Role::Member, Role::Guest), []);
    let host = [Act::Mute, Act::StopVideo, Act::LowerHand, Act::Remove, Act::Ban];
    assert_eq!(acts_of(Role::Host, Role::Member), host);
    assert_eq!(acts_of(Role::Host, Role::Host), []);
    let owner = [Act::Mute, Act::StopVideo, Act::LowerHand, Act::Remove, Act::Ban, Act::UnmakeHost];
    assert_eq!(acts_of(Role::Owner, Role::Host), owner);
    assert!(acts_of(Role::Owner, Role::Member).contains(&Act::MakeHost));
}

#[test]
fn what_cannot_be_undone_is_asked_first_and_the_rest_can_be_undone() {
    let view = with_roles(Role::Owner, Role::Member);
    let view = &view.rooms[&ROOM];
    let mut people = People::default();
    let mut effects = Vec::new();
    people.handle(Event::Act(Act::Ban, "lan".to_owned()), ROOM, view, 1, &mut effects);
    assert!(effects.is_empty());
    assert_eq!(people.asked.as_ref().map(|asked| asked.name.as_str()), Some("Lan"));
    people.handle(Event::Cancel, ROOM, view, 2, &mut effects);
    people.handle(Event::Confirm, ROOM, view, 3, &mut effects);
    assert!(effects.is_empty(), "it was cancelled");
    people.handle(Event::Act(Act::Remove, "lan".to_owned()), ROOM, view, 4, &mut effects);
    people.handle(Event::Confirm, ROOM, view, 5, &mut effects);
    people.handle(Event::Act(Act::Lock, String::new()), ROOM, view, 6, &mut effects);
    let sent: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Engine(Command::Moderate { request, act, .. }) => (*request, *act),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sent, [(5, Act::Remove), (6, Act::Lock)]);
    let undo = Undo { room: ROOM, act: Act::Unlock, whom: String::new() };
    assert_eq!(people.done(6, ROOM), Some((Act::Lock, String::new(), Some(undo))));
    assert_eq!(people.done(6, ROOM), None);
    assert!(people.refused(5) && !people.refused(5));
    for act in Act::ALL {
        assert!(!must_be_confirmed(act) || act == Act::Ban || inverse(act).is_none(), "{act:?}");
        assert!(inverse(act).is_none_or(|undo| undo.has_target() == act.has_target()));
    }
}

#[test]
fn nobody_does_what_they_may_not() {
    let view = with_roles(Role::Member, Role::Guest);
    let mut effects = Vec::new();
    let mut people = People::default();
    for act in Act::ALL {
        people.handle(Event::Act(act, "lan".to_owned()), ROOM, &view.rooms[&ROOM], 1, &mut effects);
    }
    assert!(effects.is_empty() && people.asked.is_none());
}

#[test]
fn hands_are_a_queue_and_everybody_else_is_found_by_a_few_letters() {
    let mut view = meeting(&[("lan", "Ngọc Lan"), ("dat", "Đặng Đình Đạt"), ("anh", "Nguyễn Ánh")]);
    let (mut people, tiles) = (People::default(), Tiles::default());
    people.sync(&view.rooms[&ROOM], now(0).at);
    come(&mut view, Participant { hand: 9, ..person(1, "lan", "Ngọc Lan") });
    assert_eq!(people.sync(&view.rooms[&ROOM], now(1000).at), ["Ngọc Lan"]);
    come(&mut view, Participant { hand: 4, role: Role::Host, ..person(3, "anh", "Nguyễn Ánh") });
    assert_eq!(people.sync(&view.rooms[&ROOM], now(2000).at), ["Nguyễn Ánh"]);
    assert!(people.sync(&view.rooms[&ROOM], now(3000).at).is_empty());
    let sections = people.sections(&view.rooms[&ROOM], &tiles, now(62_000));
    let hands: Vec<_> = sections.hands.iter().map(|row| (row.username.as_str(), row.hand)).collect();
    assert_eq!(hands, [("anh", Some((1, 60))), ("lan", Some((2, 61)))]);
    let here: Vec<_> = sections.here.iter().map(|row| row.username.as_str()).collect();
    assert_eq!(here, ["minh", "anh", "dat", "lan"], "ourselves, hosts, then by given names");
    people.handle(Event::Search("dat".to_owned()), ROOM, &view.rooms[&ROOM], 1, &mut Vec::new());
    let sections = people.sections(&view.rooms[&ROOM], &tiles, now(0));
    assert_eq!((sections.here.len(), sections.here[0].username.as_str(), sections.count), (1, "dat", 4));
    assert_eq!(sections.hands.len(), 2, "the queue is no matter of the search");
}
