//! A device that the server's owner lets in, and puts out.

use hph_client::core::wire::control::{Refusal, SignInMethods};
use hph_client::engine::{Account, AccountEvent, EndReason};

use super::tests::{ROOM, Rig};
use super::*;

const SECRET: &str = "77777777777777777777777777";

fn config(server: &str) -> Config {
    Config::parse("t", &format!("server = \"{server}\"\nname = \"Phòng A\"")).unwrap()
}

fn rig(server: &str) -> Rig {
    let mut rig = Rig::new(config(server), Begin::Fresh, Memory::default());
    rig.asks();
    rig
}

/// With an enrolment's link.
fn with_link() -> Rig {
    rig(&link(SECRET))
}

fn link(secret: &str) -> String {
    format!("hph://meet.lan/#fp={}&enrol={secret}", "07".repeat(32))
}

/// With which secret it signed in last; none: it did not sign in by its key.
fn secret(rig: &Rig) -> Option<Option<String>> {
    rig.effects.iter().rev().find_map(|effect| match effect {
        Effect::Meeting(Wanted::Connect(connection)) => match &connection.account {
            Account::Kiosk { secret } => Some(secret.clone()),
            _ => None,
        },
        _ => None,
    })
}

fn let_in(rig: &mut Rig) {
    rig.told(EngineEvent::SignedIn {
        username: "kiosk-abc".to_owned(),
        display_name: "Cửa chính".to_owned(),
        server_name: "Lớp".to_owned(),
        pin: [7; 32],
    });
    assert_eq!(rig.joins(), 0, "which room it may be in is not known yet");
    rig.told(EngineEvent::Account(AccountEvent::OnlyRoom { room: ROOM, name: "Nhóm 17".to_owned() }));
    assert_eq!(rig.joins(), 1);
    rig.lets_in(ROOM, "Nhóm 17");
}

fn shows(rig: &mut Rig, code: &str) {
    rig.told(EngineEvent::Account(AccountEvent::PairingCode { code: code.to_owned(), seconds: 600 }));
}

fn refused(rig: &mut Rig) {
    let methods = SignInMethods { password: true, register: false, guest: false };
    let reason = Refusal::NoSuchInvitation;
    rig.told(EngineEvent::Ended(EndReason::Refused { reason, retry_after_s: 0, methods }));
}

#[test]
fn an_enrolment_link_lets_it_into_its_room_and_nowhere_else() {
    let mut rig = with_link();
    assert_eq!(secret(&rig), Some(Some(SECRET.to_owned())));
    let_in(&mut rig);
    assert_eq!((rig.front(), rig.kiosk.name(), rig.open.len()), (Front::Room, "Cửa chính", 2));
    assert!(rig.kiosk.rooms().is_empty());
    // The connection was away: the engine goes back by itself.
    rig.told(EngineEvent::Account(AccountEvent::OnlyRoom { room: ROOM, name: "Nhóm 17".to_owned() }));
    assert_eq!(rig.joins(), 1);
}

#[test]
fn without_a_link_it_shows_a_code_until_its_owner_has_typed_it() {
    let mut rig = rig("hph://meet.lan/");
    assert_eq!(secret(&rig), Some(None));
    shows(&mut rig, "042137");
    assert_eq!(rig.front(), Front::Pairing { code: "042 137".into(), seconds: 600, why: None });
    rig.waits(100_000);
    assert_eq!(rig.front(), Front::Pairing { code: "042 137".into(), seconds: 500, why: None }, "nor does it go dark");
    shows(&mut rig, "999000");
    assert!(matches!(rig.front(), Front::Pairing { code, .. } if code == "999 000"));
    let_in(&mut rig);
    assert_eq!(rig.front(), Front::Room);
}

#[test]
fn a_link_that_is_used_up_leaves_the_code() {
    let mut rig = with_link();
    rig.effects.clear();
    refused(&mut rig);
    rig.waits(1000);
    rig.asks();
    assert_eq!(secret(&rig), Some(None), "at once, in the other way");
    shows(&mut rig, "042137");
    assert!(matches!(rig.front(), Front::Pairing { why: Some(Trouble::Invitation), .. }));
    // And if the server can't be reached meanwhile, no code is shown that nobody could use.
    rig.told(EngineEvent::Ended(EndReason::Unreachable(String::new())));
    assert!(matches!(rig.front(), Front::Waiting { .. }));
}

#[test]
fn revoked_it_closes_everything_says_so_and_asks_anew() {
    let mut rig = with_link();
    let_in(&mut rig);
    rig.effects.clear();
    rig.told(EngineEvent::Ended(EndReason::Revoked));
    assert!(rig.open.is_empty() && !rig.kiosk.is_live(), "everything is closed");
    assert_eq!(rig.front(), Front::Waiting { trouble: Some(Trouble::Revoked) });
    rig.waits(1000);
    rig.asks();
    assert_eq!(secret(&rig), Some(None));
    shows(&mut rig, "042137");
    assert!(matches!(rig.front(), Front::Pairing { why: Some(Trouble::Revoked), .. }));
}

#[test]
fn revoked_while_it_was_away_is_no_other() {
    let mut rig = rig("hph://meet.lan/");
    let_in(&mut rig);
    rig.effects.clear();
    shows(&mut rig, "042137");
    assert!(rig.open.is_empty() && rig.wanted(|wanted| matches!(wanted, Wanted::Disconnect)));
    rig.waits(3000);
    rig.asks();
    shows(&mut rig, "042137");
    assert!(matches!(rig.front(), Front::Pairing { why: Some(Trouble::Revoked), .. }));
    assert_eq!(rig.kiosk.name(), "Phòng A", "what the owner called it is over");
}

#[test]
fn while_it_waits_only_another_enrolment_counts_before_the_camera() {
    let enrolled = |rig: &Rig| rig.effects.iter().any(|effect| matches!(effect, Effect::Enrol(_)));
    let mut rig = with_link();
    let other = link(&"6".repeat(26));
    rig.does(Event::Shown(other.parse().unwrap()));
    assert!(!enrolled(&rig), "it is on its way in");
    refused(&mut rig);
    rig.waits(1000);
    rig.asks();
    shows(&mut rig, "042137");
    for link in ["hph://evil.example.org/", &link(SECRET)] {
        rig.does(Event::Shown(link.parse().unwrap()));
        assert!(!enrolled(&rig), "{link}");
    }
    rig.does(Event::Shown(other.parse().unwrap()));
    assert!(enrolled(&rig));
}
