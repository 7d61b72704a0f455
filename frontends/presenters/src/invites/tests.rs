use super::*;
use crate::testing::ROOM;

const SECRET: &str = "abcdefghijklmnopqrstuvwx27";

fn opened(may_make: bool) -> (Invites, Ids, Effects) {
    let (mut ids, mut effects) = (Ids::new(1), Effects::new());
    let way = Invitation {
        host: "meet.lan".to_owned(),
        port: 7400,
        pin: Some([7; 32]),
        room: Some("Nhóm 17".to_owned()),
        given: None,
    };
    let invites = Invites::open(ROOM, "Nhóm 17", way, may_make, &mut ids, &mut effects);
    (invites, ids, effects)
}

fn info(id: u64, secret: Option<&str>) -> InvitationInfo {
    InvitationInfo {
        id,
        room: Some("Nhóm 17".to_owned()),
        made_by: "minh".to_owned(),
        secret: secret.map(str::to_owned),
        code: secret.map(|_| "123456789".to_owned()),
        uses: 5,
        used: 0,
        expires_ms: 1_795_417_500_000,
        may_register: false,
    }
}

fn asked(effects: &mut Effects) -> Vec<AccountCommand> {
    let asked = effects.drain(..).filter_map(|effect| match effect {
        Effect::Engine(Command::Account(command)) => Some(command),
        _ => None,
    });
    asked.collect()
}

fn tell(invites: &mut Invites, told: AccountEvent) {
    invites.handle_engine(&EngineEvent::Account(told));
}

#[test]
fn whoever_keeps_no_order_has_the_way_there_and_nothing_else() {
    let (mut invites, mut ids, mut effects) = opened(false);
    assert!(asked(&mut effects).is_empty());
    invites.handle(Event::Make, &mut ids, &mut effects);
    invites.handle(Event::Withdraw(3), &mut ids, &mut effects);
    assert!(asked(&mut effects).is_empty() && !invites.is_busy());
    assert!(!invites.handle(Event::CopyCode, &mut ids, &mut effects), "there is none");
    assert!(invites.handle(Event::CopyLink, &mut ids, &mut effects));
    assert!(
        matches!(&effects[..], [Effect::Copy(link)] if link.starts_with("hph://meet.lan:7400/Nh") && !link.contains("in="))
    );
}

#[test]
fn one_is_made_shown_once_listed_and_withdrawn() {
    let (mut invites, mut ids, mut effects) = opened(true);
    assert_eq!(asked(&mut effects), [AccountCommand::ListInvitations { request: 1, room: Some(ROOM) }]);
    for id in [3, 4] {
        tell(&mut invites, AccountEvent::Invitation { request: 1, invitation: info(id, None) });
    }
    tell(&mut invites, AccountEvent::Invitation { request: 9, invitation: info(5, None) });
    tell(&mut invites, AccountEvent::InvitationsAll { request: 1 });
    let ids_of = |invites: &Invites| invites.list.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids_of(&invites), [4, 3], "the newest first, and only what was asked for");
    for event in [Event::Uses(0), Event::Uses(5), Event::Lasting(Lasting::Week), Event::MayRegister(true), Event::Make]
    {
        invites.handle(event, &mut ids, &mut effects);
    }
    invites.handle(Event::Make, &mut ids, &mut effects);
    let valid_s = 7 * 24 * 3600;
    let made = AccountCommand::Invite { request: 2, room: Some(ROOM), uses: 5, valid_s, may_register: true };
    assert_eq!(asked(&mut effects), [made], "once, however often one presses");
    tell(&mut invites, AccountEvent::Invitation { request: 2, invitation: info(6, Some(SECRET)) });
    assert!(!invites.is_busy() && invites.link().ends_with(&format!("&in={SECRET}")));
    invites.handle(Event::CopyCode, &mut ids, &mut effects);
    assert!(matches!(&effects[..], [Effect::Copy(code)] if code == "123-456-789"));
    effects.clear();
    assert_eq!(ids_of(&invites), [6, 4, 3]);
    assert_eq!((invites.list[0].secret.clone(), invites.list[0].code.clone()), (None, None));
    invites.handle(Event::Withdraw(6), &mut ids, &mut effects);
    assert_eq!(asked(&mut effects), [AccountCommand::Withdraw { request: 3, room: Some(ROOM), id: 6 }]);
    tell(&mut invites, AccountEvent::Done { request: 3 });
    assert_eq!((ids_of(&invites), invites.made.is_none()), (vec![4, 3], true), "nobody is shown what is void");
}

#[test]
fn what_is_refused_is_said_and_a_lost_connection_leaves_nothing_waiting() {
    let (mut invites, mut ids, mut effects) = opened(true);
    invites.handle(Event::Make, &mut ids, &mut effects);
    invites.handle_engine(&EngineEvent::Refused { request: 2, reason: Refusal::Forbidden });
    assert_eq!((invites.problem, invites.is_busy()), (Some(Trouble::Forbidden), false));
    invites.handle(Event::Withdraw(4), &mut ids, &mut effects);
    assert_eq!(invites.problem, None);
    invites.handle_engine(&EngineEvent::Refused { request: 3, reason: Refusal::NoSuchInvitation });
    assert_eq!(invites.problem, None, "that is what was wanted");
    invites.handle(Event::Make, &mut ids, &mut effects);
    invites.handle_engine(&EngineEvent::Lost { why: String::new(), retry_in: std::time::Duration::ZERO });
    assert!(!invites.is_busy());
}
