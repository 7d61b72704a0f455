//! Invitations, breakout rooms and pictures among the files, in the whole program.

use hph_client::breakout::BreakoutNews;
use hph_client::engine::{AccountCommand, AccountEvent};

use super::*;
use crate::{invites, previews, sessions};

const SECRET: &str = "abcdefghijklmnopqrstuvwx27";

fn asked(rig: &mut Rig) -> Vec<AccountCommand> {
    let asked = rig.commands().into_iter().filter_map(|command| match command {
        Command::Account(command) => Some(command),
        _ => None,
    });
    asked.collect()
}

fn at_link(rig: &mut Rig, link: &str) {
    rig.does(Event::SignIn(signin::Event::Link(link.to_owned())));
    let methods = SignInMethods { password: true, register: false, guest: false };
    let offer = signin::Offer { name: "Lớp".to_owned(), methods, pin: [7; 32] };
    rig.does(Event::SignIn(signin::Event::Offered(offer)));
}

#[test]
fn the_sheet_of_invitations_opens_by_key_and_closes_with_all_that_it_knew() {
    let mut rig = Rig::in_room();
    rig.effects.clear();
    rig.key("I", false);
    assert_eq!(rig.app.sheet, Some(Sheet::Invitations));
    let invites = rig.app.invites.as_ref().unwrap();
    assert!(invites.may_make && invites.link().starts_with("hph://meet.lan:7400/") && !invites.link().contains("in="));
    assert!(matches!(&asked(&mut rig)[..], [AccountCommand::ListInvitations { room: Some(ROOM), .. }]));
    rig.does(Event::Invites(invites::Event::CopyLink));
    assert!(rig.notices().contains(&Notice::Copied));
    rig.key("Escape", false);
    assert!(rig.app.sheet.is_none() && rig.app.invites.is_none());
}

#[test]
fn whoever_comes_with_nine_digits_is_led_to_the_room_that_they_are_for() {
    let mut rig = Rig::new();
    at_link(&mut rig, "hph://meet.lan");
    rig.does(Event::SignIn(signin::Event::ToggleCode));
    rig.does(Event::SignIn(signin::Event::Way(signin::Way::Guest)));
    for (field, text) in [(signin::Field::DisplayName, "Minh"), (signin::Field::Code, "123 456 789")] {
        rig.does(Event::SignIn(signin::Event::Typed(field, text.to_owned())));
    }
    rig.does(Event::SignIn(signin::Event::Submit));
    rig.signs_in();
    assert_eq!(rig.app.screen, Screen::Lobby);
    rig.told(ClientEvent::Account(AccountEvent::OnlyRoom { room: ROOM, name: "Nhóm 17".to_owned() }));
    assert_eq!(rig.app.screen, Screen::PreJoin);
    assert_eq!(rig.app.prejoin.as_ref().map(|prejoin| prejoin.room.as_str()), Some("Nhóm 17"));
    assert!(!rig.app.has_account(), "a guest has no devices to look after");
    rig.effects.clear();
    rig.does(Event::Sessions(sessions::Event::List));
    assert!(asked(&mut rig).is_empty());
}

#[test]
fn the_link_of_a_new_server_makes_its_owner_once() {
    let mut rig = Rig::new();
    at_link(&mut rig, &format!("hph://meet.lan/#own={SECRET}"));
    rig.does(Event::SignIn(signin::Event::Way(signin::Way::Register)));
    for (field, text) in [
        (signin::Field::DisplayName, "Minh"),
        (signin::Field::Username, "minh"),
        (signin::Field::Password, "mưa phố cũ"),
    ] {
        rig.does(Event::SignIn(signin::Event::Typed(field, text.to_owned())));
    }
    rig.does(Event::SignIn(signin::Event::Submit));
    rig.signs_in();
    let claims = |rig: &mut Rig| {
        let is_claim =
            |command: &AccountCommand| matches!(command, AccountCommand::Claim { secret, .. } if secret == SECRET);
        asked(rig).iter().filter(|command| is_claim(command)).count()
    };
    assert_eq!(claims(&mut rig), 1);
    rig.signs_in();
    assert_eq!(claims(&mut rig), 0, "not again after a reconnect");
    assert!(rig.app.has_account());
}

#[test]
fn news_of_breakout_rooms_are_told_and_their_end_is_counted_down() {
    let mut rig = Rig::in_room();
    let news = |rig: &mut Rig, news| rig.told(ClientEvent::Breakout { room: ROOM, news });
    news(&mut rig, BreakoutNews::Opened { number: 1, room: OTHER, name: "Nhóm 1".to_owned() });
    assert_eq!(rig.app.breakouts_end_s(now(rig.ms)), None);
    news(&mut rig, BreakoutNews::Ends(90));
    rig.ms += 30_000;
    assert_eq!(rig.app.breakouts_end_s(now(rig.ms)), Some(60));
    let (by, display_name, text) = ("lan".to_owned(), "Ngọc Lan".to_owned(), "còn một phút".to_owned());
    news(&mut rig, BreakoutNews::Told { by, display_name, text });
    let told = Notice::BreakoutsTold { by: "Ngọc Lan".to_owned(), text: "còn một phút".to_owned() };
    assert!(rig.notices().contains(&told) || rig.notices().contains(&Notice::BreakoutsEnd { seconds: 90 }));
    news(&mut rig, BreakoutNews::Over);
    assert_eq!(rig.app.breakouts_end_s(now(rig.ms)), None);
}

#[test]
fn pictures_among_the_files_are_forgotten_with_the_meeting() {
    let mut rig = Rig::in_room();
    let file =
        hph_client::files::RemoteFile {
            file: 4, name: "sơ đồ.png".to_owned(), size: 100, sha256: [0; 32], key: None
        };
    rig.does(Event::Previews(previews::Event::Show(file)));
    assert!(rig.effects.iter().any(|effect| matches!(effect, Effect::FetchPicture { .. })));
    assert!(rig.app.previews.of(4).is_some());
    rig.does(Event::SignOut);
    assert!(rig.app.previews.of(4).is_none());
}
