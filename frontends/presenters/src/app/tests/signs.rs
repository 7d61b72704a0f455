//! Signs that people show to a room.

use super::*;

#[test]
fn signs_are_spread_out_chosen_and_closed_before_anything_else() {
    let mut rig = Rig::in_room();
    let is_spread = |rig: &Rig| rig.app.front_room().is_some_and(|(room, _)| room.is_choosing_sign);
    rig.does(Event::Room(room::Event::TogglePanel(room::Panel::Chat)));
    rig.does(Event::Room(room::Event::ToggleSigns));
    assert!(is_spread(&rig));
    rig.key("Escape", false);
    assert!(!is_spread(&rig));
    assert_eq!(rig.app.front_room().unwrap().0.panel, Some(room::Panel::Chat), "only what is on top is closed");
    rig.does(Event::Room(room::Event::ToggleSigns));
    rig.effects.clear();
    rig.does(Event::Action(Action::React(3)));
    assert!(!is_spread(&rig));
    let sent = |rig: &mut Rig| {
        let is_sign = |command: &Command| matches!(command, Command::React { .. });
        rig.commands().into_iter().filter(is_sign).count()
    };
    assert_eq!(sent(&mut rig), 1);
    rig.does(Event::Action(Action::React(7)));
    assert_eq!(sent(&mut rig), 0, "there are six");
    rig.told(ClientEvent::Reacted { room: ROOM, slot: Slot(1), reaction: hph_client::engine::Reaction::Clap });
    let (room, _) = rig.app.front_room().unwrap();
    let lan = *room.tiles.order().iter().find(|id| id.slot == Slot(1)).unwrap();
    assert_eq!(room.reaction(lan, now(rig.ms).at), Some(hph_client::engine::Reaction::Clap));
}
