use super::*;
use crate::testing::now;
use hph_client::engine::Event as Told;

fn room(view: &mut MeetingView, place: u16, name: &str, people: u16) {
    view.apply(&Told::LobbyRoom { place, room: RoomId(u32::from(place) + 1), name: name.to_owned(), people });
}

fn lobby() -> (MeetingView, Lobby) {
    let mut view = MeetingView::default();
    for (place, name, people) in [(0, "Nhóm 17", 4), (1, "Seminar", 23), (2, "Đồ án", 0)] {
        room(&mut view, place, name, people);
    }
    let mut lobby = Lobby::default();
    lobby.sync(&view, now(0).at);
    (view, lobby)
}

fn names(lobby: &Lobby, view: &MeetingView) -> Vec<String> {
    lobby.cards(view).into_iter().map(|card| format!("{} {}", card.name, card.people)).collect()
}

#[test]
fn counts_are_live_and_cards_do_not_jump_under_the_pointer() {
    let (mut view, mut lobby) = lobby();
    assert_eq!(names(&lobby, &view), ["Seminar 23", "Nhóm 17 4", "Đồ án 0"]);
    lobby.handle(Event::Touched, now(1000), &mut Vec::new());
    room(&mut view, 2, "Đồ án", 99);
    room(&mut view, 3, "Mới", 50);
    lobby.sync(&view, now(2999).at);
    assert_eq!(names(&lobby, &view), ["Seminar 23", "Nhóm 17 4", "Đồ án 99", "Mới 50"]);
    assert_eq!(lobby.deadline(), Some(now(3000).at));
    lobby.sync(&view, now(3000).at);
    assert_eq!(names(&lobby, &view), ["Đồ án 99", "Mới 50", "Seminar 23", "Nhóm 17 4"]);
    view.apply(&Told::LobbyRoomGone { place: 3 });
    lobby.handle(Event::Touched, now(4000), &mut Vec::new());
    lobby.sync(&view, now(4000).at);
    assert_eq!(names(&lobby, &view).len(), 3);
}

#[test]
fn rooms_and_people_are_found_without_diacritics() {
    let (mut view, mut lobby) = lobby();
    for (place, (username, name)) in (0..).zip([("dat", "Đặng Đạt"), ("lan", "Ngọc Lan"), ("minh", "Trần Minh")])
    {
        let (username, display_name) = (username.to_owned(), name.to_owned());
        view.apply(&Told::LobbyPerson { place, username, display_name });
    }
    view.username = "minh".to_owned();
    let people = |lobby: &Lobby| lobby.people(&view).into_iter().map(|who| who.username).collect::<Vec<_>>();
    assert_eq!(people(&lobby), ["minh", "dat", "lan"]);
    for (search, rooms, found) in [("do an", 1, 0), ("dat", 0, 1), ("NHOM", 1, 0), ("lan ngoc", 0, 1), ("", 3, 3)] {
        lobby.handle(Event::Search(search.to_owned()), now(0), &mut Vec::new());
        assert_eq!((lobby.cards(&view).len(), people(&lobby).len()), (rooms, found), "{search}");
    }
}

#[test]
fn what_is_not_found_can_be_made() {
    let (view, mut lobby) = lobby();
    for (search, offered) in [("abc", Some("abc")), ("nhom 17", None), ("  ", None), ("nhom", Some("nhom"))] {
        lobby.handle(Event::Search(search.to_owned()), now(0), &mut Vec::new());
        assert_eq!(lobby.offered_name(&view).as_deref(), offered, "{search}");
    }
}

#[test]
fn a_room_is_made_by_a_name_that_can_be_one() {
    let (_, mut lobby) = lobby();
    let event = |lobby: &mut Lobby, event| lobby.handle(event, now(0), &mut Vec::new());
    event(&mut lobby, Event::Search("Họp".to_owned()));
    event(&mut lobby, Event::StartCreate);
    assert_eq!(event(&mut lobby, Event::Create).map(|room| room.name).as_deref(), Some("Họp"));
    assert_eq!(event(&mut lobby, Event::Create), None, "the sheet is closed");
    event(&mut lobby, Event::StartCreate);
    for (name, flaw) in [("", None), ("a\u{200b}", Some(Flaw::Invisible)), ("Nhóm  18 ", None)] {
        event(&mut lobby, Event::NewName(name.to_owned()));
        assert_eq!(lobby.new_room.as_ref().and_then(|sheet| sheet.flaw), flaw, "{name:?}");
    }
    assert_eq!(event(&mut lobby, Event::Create).map(|room| room.name).as_deref(), Some("Nhóm 18"));
}

#[test]
fn an_invitation_carries_the_servers_key() {
    let (_, mut lobby) = lobby();
    assert_eq!(lobby.invitation("Nhóm 17"), None);
    lobby.server = Some(("meet.lan".to_owned(), 7400, [0xab; 32]));
    lobby.handle(Event::Invite("Nhóm 17".to_owned()), now(0), &mut Vec::new());
    let mut effects = Vec::new();
    lobby.handle(Event::CopyLink, now(0), &mut effects);
    let [Effect::Copy(link)] = effects.as_slice() else { panic!("{effects:?}") };
    let read: Invitation = link.parse().unwrap();
    assert_eq!((read.room.as_deref(), read.pin), (Some("Nhóm 17"), Some([0xab; 32])));
}
