use super::*;
use crate::testing::{ROOM, come, meeting, now, person};
use hph_client::view::MeetingView;

fn room(view: &MeetingView) -> (Room, Effects) {
    let mut room = Room::new(ROOM, GateMode::Open, Layout::Grid, now(0).at);
    let mut effects = Vec::new();
    room.sync(&view.rooms[&ROOM], now(0), &mut effects);
    effects.clear();
    room.handle(Event::Stage(Size { width: 1248.0, height: 592.0 }, 1.0), &view.rooms[&ROOM], now(0), &mut effects);
    (room, effects)
}

fn after(room: &mut Room, view: &MeetingView, event: Event, ms: u64) -> Effects {
    let mut effects = Vec::new();
    room.handle(event, &view.rooms[&ROOM], now(ms), &mut effects);
    effects
}

fn wanted(effects: &[Effect]) -> Vec<(u16, u8, u16)> {
    let want = |effect: &Effect| match effect {
        Effect::Engine(Command::Want { slot, track, width, .. }) => Some((slot.0, track.0, *width)),
        _ => None,
    };
    effects.iter().filter_map(want).collect()
}

#[test]
fn pictures_are_wanted_as_large_as_their_tiles_and_only_if_they_are_seen() {
    let mut view = meeting(&[("lan", "Lan"), ("dat", "Đạt"), ("ngoc", "Ngọc")]);
    let (mut room, effects) = room(&view);
    let width = room.scene(&view.rooms[&ROOM], now(0)).tiles[1].rect.width.ceil() as u16;
    assert_eq!(wanted(&effects), [(1, 1, width), (2, 1, width), (3, 1, width)]);
    assert!(wanted(&after(&mut room, &view, Event::Levels(vec![]), 1)).is_empty(), "nothing has changed");
    let effects = after(&mut room, &view, Event::Layout(Layout::Spotlight), 2);
    assert_eq!(wanted(&effects), [(1, 1, 1056), (2, 1, 180), (3, 1, 180)]);
    let effects = after(&mut room, &view, Event::Stage(Size { width: 1248.0, height: 592.0 }, 2.0), 3);
    assert_eq!(wanted(&effects), [(1, 1, 2112), (2, 1, 360), (3, 1, 360)]);
    let mut effects = Vec::new();
    room.set_front(false, &view.rooms[&ROOM], now(4), &mut effects);
    assert_eq!(wanted(&effects), [(1, 1, 0), (2, 1, 0), (3, 1, 0)], "behind another room");
    room.rejoined(now(4).at);
    let mut lan = person(1, "lan", "Lan");
    lan.tracks[1].is_on = false;
    come(&mut view, lan);
    let mut effects = Vec::new();
    room.sync(&view.rooms[&ROOM], now(5), &mut effects);
    assert_eq!(wanted(&effects), [(2, 1, 0), (3, 1, 0)], "a camera that is off is not asked for");
}

#[test]
fn two_people_see_each_other_large_and_a_screen_forces_the_spotlight() {
    let mut view = meeting(&[("lan", "Lan")]);
    let (mut room, _) = room(&view);
    let scene = room.scene(&view.rooms[&ROOM], now(0));
    assert_eq!((scene.arrangement, scene.tiles.len()), (Arrangement::OneToOne, 2));
    assert!(scene.tiles.iter().all(Placed::has_name_tag));
    assert!(scene.tiles[1].tile.is_me && scene.tiles[1].is_small && scene.tiles[1].rect.x > 900.0);
    after(&mut room, &view, Event::CornerDropped(100.0, 100.0), 1);
    assert_eq!(room.scene(&view.rooms[&ROOM], now(1)).tiles[1].rect.x, layout::GAP);
    let mut lan = person(1, "lan", "Lan");
    lan.tracks[2] = lan.tracks[1];
    come(&mut view, lan);
    room.sync(&view.rooms[&ROOM], now(2), &mut Vec::new());
    let scene = room.scene(&view.rooms[&ROOM], now(2));
    assert_eq!((scene.arrangement, scene.is_forced), (Arrangement::Spotlight { is_below: false }, true));
    assert!(scene.tiles[0].tile.id.is_screen && scene.tiles[0].fit == layout::Fit::Contain);
    come(&mut view, person(1, "lan", "Lan"));
    room.sync(&view.rooms[&ROOM], now(3), &mut Vec::new());
    assert_eq!(room.scene(&view.rooms[&ROOM], now(3)).arrangement, Arrangement::OneToOne, "as it was chosen");
    view.rooms.get_mut(&ROOM).unwrap().participants.remove(&Slot(1));
    room.sync(&view.rooms[&ROOM], now(4), &mut Vec::new());
    assert_eq!(room.scene(&view.rooms[&ROOM], now(4)).arrangement, Arrangement::Alone);
}

#[test]
fn behind_another_room_nobody_hears_or_sees_us_and_others_are_quieter() {
    let view = meeting(&[("lan", "Lan"), ("dat", "Đạt")]);
    let (mut room, _) = room(&view);
    after(&mut room, &view, Event::Mic(mute::Event::Toggle), 1);
    after(&mut room, &view, Event::ToggleCamera, 1);
    after(&mut room, &view, Event::Volume(Slot(1), 200), 1);
    after(&mut room, &view, Event::ToggleSilent(Slot(2)), 1);
    let mut effects = Vec::new();
    room.set_front(false, &view.rooms[&ROOM], now(2), &mut effects);
    let closed =
        |track| effects.iter().any(|effect| matches!(effect, Effect::CloseTrack { track: t, .. } if *t == track));
    assert!(closed(TrackId::MICROPHONE) && closed(TrackId::CAMERA));
    let volumes = |effects: &[Effect]| -> Vec<(u16, u32)> {
        let volume = |effect: &Effect| match effect {
            Effect::Volume { slot, percent, .. } => Some((slot.0, *percent)),
            _ => None,
        };
        effects.iter().filter_map(volume).collect()
    };
    assert_eq!(volumes(&effects), [(1, 60), (2, 0)]);
    assert_eq!(volumes(&after(&mut room, &view, Event::Behind(Behind::Silent), 3)), [(1, 0), (2, 0)]);
    let mut effects = Vec::new();
    room.set_front(true, &view.rooms[&ROOM], now(4), &mut effects);
    assert_eq!(volumes(&effects), [(1, 200), (2, 0)]);
    assert!(!room.mic.is_open() && !room.camera.is_wanted(), "nothing is switched on by itself");
}

#[test]
fn leaving_closes_everything_before_the_server_is_asked() {
    let view = meeting(&[("lan", "Lan")]);
    let (mut room, _) = room(&view);
    after(&mut room, &view, Event::Mic(mute::Event::Toggle), 1);
    after(&mut room, &view, Event::ShareChosen, 1);
    let effects = after(&mut room, &view, Event::Leave, 2);
    let is_close = |effect: &Effect| matches!(effect, Effect::CloseTrack { .. });
    let closes = effects.iter().filter(|effect| is_close(effect)).count();
    let leave = effects.iter().position(|effect| matches!(effect, Effect::Engine(Command::Leave(ROOM)))).unwrap();
    assert_eq!(closes, 2);
    assert!(effects[leave..].iter().all(|effect| !is_close(effect)));
}

#[test]
fn sharing_asks_first_and_a_device_that_fails_is_off() {
    let view = meeting(&[("lan", "Lan")]);
    let (mut room, _) = room(&view);
    assert!(matches!(after(&mut room, &view, Event::ToggleShare, 1)[..], [Effect::PickScreen]));
    assert!(matches!(after(&mut room, &view, Event::ShareChosen, 2)[..], [Effect::OpenTrack { .. }]));
    assert!(matches!(after(&mut room, &view, Event::ToggleShare, 3)[..], [Effect::CloseTrack { .. }]));
    after(&mut room, &view, Event::ToggleCamera, 4);
    after(&mut room, &view, Event::TrackFailed(TrackId::CAMERA), 5);
    assert!(!room.camera.is_wanted());
    assert!(after(&mut room, &view, Event::TrackFailed(TrackId::CAMERA), 6).is_empty());
}

#[test]
fn a_hand_that_has_spoken_is_asked_to_go_down() {
    let mut view = meeting(&[("lan", "Lan")]);
    let (mut room, _) = room(&view);
    assert!(matches!(
        after(&mut room, &view, Event::ToggleHand, 0)[..],
        [Effect::Engine(Command::RaiseHand { is_up: true, .. })]
    ));
    let me = hph_client::engine::Participant { hand: 1, ..person(0, "minh", "Minh") };
    come(&mut view, me);
    room.sync(&view.rooms[&ROOM], now(0), &mut Vec::new());
    for ms in (1000..=11_200).step_by(100) {
        after(&mut room, &view, Event::Levels(vec![(Slot(0), 20)]), ms);
        assert_eq!(room.is_hand_asked, ms >= 11_200, "{ms}");
    }
    after(&mut room, &view, Event::KeepHand, 11_300);
    assert!(!room.is_hand_asked);
}

#[test]
fn a_picture_that_was_not_wanted_for_a_while_does_not_stand_still() {
    let view = meeting(&[("lan", "Lan"), ("dat", "Đạt")]);
    let (mut room, _) = room(&view);
    let picture_of = |slot| Event::Picture { slot: Slot(slot), is_screen: false, size: (640, 360) };
    after(&mut room, &view, picture_of(0), 0);
    assert_eq!(room.first_picture, None, "our own is none");
    after(&mut room, &view, picture_of(1), 40);
    after(&mut room, &view, picture_of(1), 50);
    assert_eq!(room.first_picture, Some(ms(40)));
    room.set_front(false, &view.rooms[&ROOM], now(100), &mut Vec::new());
    room.set_front(true, &view.rooms[&ROOM], now(60_000), &mut Vec::new());
    let picture = |room: &Room, ms| room.scene(&view.rooms[&ROOM], now(ms)).tiles[1].tile.picture;
    assert_eq!(picture(&room, 60_000), tiles::Picture::Live { width: 640, height: 360 });
    assert_eq!(picture(&room, 65_000), tiles::Picture::Frozen { seconds: 5 });
}

#[test]
fn a_device_that_ended_unheard_of_is_told_to_the_server() {
    let mut view = meeting(&[("lan", "Lan")]);
    let (mut room, _) = room(&view);
    after(&mut room, &view, Event::ToggleCamera, 0);
    after(&mut room, &view, Event::TrackFailed(TrackId::CAMERA), 100);
    come(&mut view, person(0, "minh", "Minh"));
    let mut effects = Vec::new();
    room.sync(&view.rooms[&ROOM], now(200), &mut effects);
    room.tick(&view.rooms[&ROOM], now(2200), &mut effects);
    let is_off = |effect: &Effect| matches!(effect, Effect::Engine(Command::SetTrack { track: TrackId::CAMERA, info, .. }) if !info.is_on);
    assert_eq!(effects.iter().filter(|effect| is_off(effect)).count(), 1, "{effects:?}");
    effects.clear();
    room.tick(&view.rooms[&ROOM], now(2300), &mut effects);
    assert!(effects.is_empty());
}
