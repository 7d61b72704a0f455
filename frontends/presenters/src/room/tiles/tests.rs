use super::*;
use crate::testing::{Dice, ROOM, come, meeting, now, person};
use hph_client::view::MeetingView;

const LAN: Slot = Slot(1);
const DAT: Slot = Slot(2);
const NGOC: Slot = Slot(3);

fn four() -> (MeetingView, Tiles) {
    let view = meeting(&[("lan", "Ngọc Lan"), ("dat", "Đạt"), ("ngoc", "Bảo Ngọc")]);
    let mut tiles = Tiles::default();
    tiles.sync(&view.rooms[&ROOM], now(0).at);
    (view, tiles)
}

fn slots(tiles: &Tiles) -> Vec<(u16, bool)> {
    tiles.order().iter().map(|id| (id.slot.0, id.is_screen)).collect()
}

/// Somebody speaks from `from` to `to`, looked at 20 times a second.
fn speak(tiles: &mut Tiles, view: &MeetingView, who: &[Slot], (from, to): (u64, u64), first_page: Option<usize>) {
    let levels: Vec<_> = who.iter().map(|slot| (*slot, 20)).collect();
    for ms in (from..=to).step_by(50) {
        tiles.handle_levels(&view.rooms[&ROOM], &levels, first_page, now(ms).at);
    }
}

#[test]
fn tiles_stay_where_they_are_whoever_comes_or_goes() {
    let (mut view, mut tiles) = four();
    assert_eq!(slots(&tiles), [(0, false), (1, false), (2, false), (3, false)]);
    let room = view.rooms.get_mut(&ROOM).unwrap();
    room.participants.remove(&LAN);
    tiles.sync(room, now(1).at);
    come(&mut view, Participant { member: 500, ..person(1, "hai", "Hải") });
    tiles.sync(&view.rooms[&ROOM], now(2).at);
    assert_eq!(
        slots(&tiles),
        [(0, false), (2, false), (3, false), (1, false)],
        "a successor in a place is somebody else"
    );
    assert_eq!(tiles.tile(&view.rooms[&ROOM], tiles.order()[3], now(2).at).unwrap().name, "Hải");
}

#[test]
fn whoever_speaks_on_another_page_changes_places_with_the_quietest_one() {
    let (view, mut tiles) = four();
    speak(&mut tiles, &view, &[LAN], (0, 1000), Some(3));
    speak(&mut tiles, &view, &[NGOC], (2000, 3000), Some(3));
    assert_eq!(slots(&tiles), [(0, false), (1, false), (3, false), (2, false)], "Đạt has never spoken; we stay");
    speak(&mut tiles, &view, &[DAT], (5000, 6000), Some(3));
    assert_eq!(slots(&tiles), [(0, false), (2, false), (3, false), (1, false)], "Lan has not spoken for longest");
    let before = slots(&tiles);
    speak(&mut tiles, &view, &[LAN], (9000, 9900), None);
    assert_eq!(slots(&tiles), before, "another page is shown");
}

#[test]
fn in_a_minute_of_talk_nobody_who_is_seen_moves() {
    let (view, mut tiles) = four();
    let (mut dice, before) = (Dice::new(4), slots(&tiles));
    let (mut large, mut changes) = (None, Vec::new());
    for ms in (0..60_000).step_by(50) {
        let levels: Vec<_> = (0..4).map(|slot| (Slot(slot), [15, 40, 70, 127][dice.below(4)])).collect();
        tiles.handle_levels(&view.rooms[&ROOM], &levels, Some(4), now(ms).at);
        let shown = tiles.large(&view.rooms[&ROOM]);
        if large.replace(shown).is_some_and(|before| before != shown) {
            changes.push(ms);
        }
    }
    assert_eq!(slots(&tiles), before);
    assert!(changes.windows(2).all(|pair| pair[1] - pair[0] >= 3000), "{changes:?}");
}

#[test]
fn the_large_picture_follows_calmly() {
    let (view, mut tiles) = four();
    let room = &view.rooms[&ROOM];
    let large = |tiles: &Tiles| tiles.large(room).map(|id| id.slot);
    assert_eq!(large(&tiles), Some(LAN), "anybody but us");
    speak(&mut tiles, &view, &[DAT], (0, 1150), Some(4));
    assert_eq!(large(&tiles), Some(LAN));
    speak(&mut tiles, &view, &[DAT], (1200, 1400), Some(4));
    assert_eq!(large(&tiles), Some(DAT), "after 1.2 s");
    speak(&mut tiles, &view, &[DAT, NGOC], (1450, 6000), Some(4));
    assert_eq!(large(&tiles), Some(DAT), "the one before still speaks");
    speak(&mut tiles, &view, &[NGOC], (6050, 6600), Some(4));
    assert_eq!(large(&tiles), Some(DAT), "has only just stopped");
    speak(&mut tiles, &view, &[NGOC], (6650, 6700), Some(4));
    assert_eq!(large(&tiles), Some(NGOC));
    speak(&mut tiles, &view, &[LAN], (6750, 9600), Some(4));
    assert_eq!(large(&tiles), Some(NGOC), "not yet 3 s");
    speak(&mut tiles, &view, &[LAN], (9650, 9700), Some(4));
    assert_eq!(large(&tiles), Some(LAN));
    speak(&mut tiles, &view, &[Slot(0)], (9750, 20_000), Some(4));
    assert_eq!(large(&tiles), Some(LAN), "nobody looks at oneself");
    tiles.pin(tiles.order()[3]);
    assert_eq!(large(&tiles), Some(NGOC), "a pin goes first");
    tiles.pin(tiles.order()[3]);
    assert_eq!(large(&tiles), Some(LAN));
}

#[test]
fn a_screen_is_large_as_long_as_it_is_shared() {
    let (mut view, mut tiles) = four();
    let mut dat = person(2, "dat", "Đạt");
    dat.tracks[2] = dat.tracks[1];
    come(&mut view, dat);
    tiles.sync(&view.rooms[&ROOM], now(0).at);
    let large = tiles.large(&view.rooms[&ROOM]).unwrap();
    assert!(large.is_screen && large.slot == DAT && tiles.has_screen(&view.rooms[&ROOM]));
    assert_eq!(slots(&tiles).last(), Some(&(2, true)), "it is put at the end");
    come(&mut view, person(2, "dat", "Đạt"));
    tiles.sync(&view.rooms[&ROOM], now(1).at);
    assert!(!tiles.has_screen(&view.rooms[&ROOM]) && tiles.order().len() == 4);
}

#[test]
fn a_tile_tells_what_is_known() {
    let (mut view, mut tiles) = four();
    come(&mut view, Participant { hand: 7, ..person(2, "dat", "Đạt") });
    come(&mut view, Participant { hand: 3, ..person(3, "ngoc", "Bảo Ngọc") });
    let mut lan = person(1, "lan", "Ngọc Lan");
    (lan.tracks[0].is_on, lan.tracks[1].is_on) = (false, false);
    come(&mut view, lan);
    let room = &view.rooms[&ROOM];
    tiles.sync(room, now(0).at);
    let tile = |tiles: &Tiles, at: usize, ms| tiles.tile(room, tiles.order()[at], now(ms).at).unwrap();
    let lan = tile(&tiles, 1, 0);
    assert_eq!((lan.picture, lan.is_mic_on, lan.initial.as_str(), lan.hand), (Picture::Avatar, false, "L", None));
    assert_eq!(tile(&tiles, 2, 0).hand, Some(Hand { place: 2 }));
    assert_eq!(tile(&tiles, 3, 0).hand, Some(Hand { place: 1 }));
    assert_eq!(tile(&tiles, 2, 9000).picture, Picture::Waiting);
    tiles.handle_picture(DAT, false, (640, 360), now(100).at);
    assert_eq!(tile(&tiles, 2, 3100).picture, Picture::Live { width: 640, height: 360 });
    assert_eq!(tile(&tiles, 2, 5200).picture, Picture::Frozen { seconds: 5 });
    tiles.handle_picture(DAT, false, (640, 360), now(5300).at);
    assert_eq!(tile(&tiles, 2, 5400).picture, Picture::Live { width: 640, height: 360 });
    speak(&mut tiles, &view, &[LAN, DAT], (6000, 6300), None);
    assert!(!tile(&tiles, 1, 6300).is_speaking, "the server says that the microphone is off");
    assert!(tile(&tiles, 2, 6300).is_speaking);
}
