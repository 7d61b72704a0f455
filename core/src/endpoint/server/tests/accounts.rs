//! Who asks for devices and invitations, and who may be where.

use super::*;
use crate::wire::control::{AccountAsk, AccountTold};

fn invite(room: RoomId, may_register: bool) -> ClientMessage<'static> {
    ClientMessage::Account(AccountAsk::Invite { request: 7, room, uses: 1, valid_s: 60, may_register })
}

#[test]
fn hosts_invite_to_their_room_owners_of_the_server_everywhere_and_others_nowhere() {
    let mut bench = Bench::new(SIZE);
    bench.machine.set_staff(ROOM, "an.", ["binh", "guest-aaaaaaaa"].into_iter(), core::iter::empty());
    let names = ["an.", "binh", "chi", "guest-aaaaaaaa", "kiosk-aaaaaaaa"];
    for name in names {
        for scope in [Scope::Everywhere, Scope::Owner] {
            let from = bench.sign_in_as(name, scope);
            for (room, may_register) in [(ROOM, false), (ROOM, true), (OTHER_ROOM, false), (RoomId(0), false)] {
                let has_account = !name.contains('-');
                let is_host = ["an.", "binh"].contains(&name) && room == ROOM && !may_register;
                let may = has_account && (scope == Scope::Owner || is_host);
                let refusal = bench.refusal(from, &invite(room, may_register));
                let expected = (!may).then_some(Refusal::Forbidden);
                assert_eq!(refusal, expected, "{name} {scope:?} {room:?} {may_register}");
            }
            let list = ClientMessage::Account(AccountAsk::ListDevices { request: 7 });
            let expected = name.contains('-').then_some(Refusal::Forbidden);
            assert_eq!(bench.refusal(from, &list), expected, "{name}");
            bench.machine.close_session(from, SignOutReason::Asked, &mut bench.deeds);
        }
    }
}

#[test]
fn whoever_may_be_in_one_room_is_in_no_other_and_hears_of_nobody_outside() {
    let mut bench = Bench::new(SIZE);
    bench.sign_in("an.");
    let kiosk = bench.sign_in_as("kiosk-aaaaaaaa", Scope::Room(ROOM));
    bench.tell();
    let heard = bench.heard(kiosk);
    assert!(matches!(heard[..], [ServerMessage::Account(AccountTold::OnlyRoom { room: ROOM, .. })]), "{heard:?}");
    let other = ClientMessage::JoinRoom { request: 1, room: OTHER_ROOM };
    assert_eq!(bench.refusal(kiosk, &other), Some(Refusal::Forbidden));
    let enter = ClientMessage::Enter { request: 1, room: OTHER_ROOM, key: [0; 32] };
    assert_eq!(bench.refusal(kiosk, &enter), Some(Refusal::Forbidden));
    for message in [
        ClientMessage::CreateRoom { request: 1, name: "Toán" },
        ClientMessage::SendDirect { reference: 1, to: "an.", sealed: &[0; 99] },
        ClientMessage::LookUp { request: 1, username: "an." },
        ClientMessage::Call { request: 1, to: "an.", room: ROOM },
        ClientMessage::OfferFile { reference: 1, room: RoomId(0), to: "an.", name: "", size: 1, sha256: [0; 32] },
        invite(ROOM, false),
    ] {
        assert_eq!(bench.refusal(kiosk, &message), Some(Refusal::Forbidden), "{message:?}");
    }
    bench.events();
    bench.say(kiosk, &ClientMessage::JoinNamed { request: 1, name: "Toán", may_create: true });
    assert!(bench.events()[0].contains("how: Join }"), "it makes no room");
    // The driver found another room by that name.
    bench.machine.room_opened(kiosk, 1, (OTHER_ROOM, "Toán", 0), OpenRoom::Join, &mut bench.deeds);
    assert!(!bench.machine.is_in_room(kiosk, OTHER_ROOM));
    bench.heard(kiosk);
    bench.say(kiosk, &ClientMessage::WatchLobby { is_on: true });
    bench.tell();
    let heard = bench.heard(kiosk);
    assert!(heard.contains(&ServerMessage::LobbyComplete));
    let is_outside = |message: &ServerMessage<'_>| {
        matches!(message, ServerMessage::Person { .. })
            || matches!(message, ServerMessage::Room { room, .. } if *room != ROOM)
    };
    assert!(!heard.iter().any(is_outside), "{heard:?}");
    bench.say(kiosk, &ClientMessage::JoinRoom { request: 1, room: ROOM });
    assert!(bench.machine.is_in_room(kiosk, ROOM));
}

#[test]
fn an_owner_of_the_server_keeps_order_everywhere_and_is_let_in_by_every_door() {
    let mut bench = Bench::new(SIZE);
    let an = bench.join("an.");
    bench.machine.set_staff(ROOM, "an.", core::iter::empty(), core::iter::empty());
    let lock = ClientMessage::Moderate { request: 1, room: ROOM, act: Act::Lock, whom: "" };
    assert_eq!(bench.refusal(an.id, &lock), None);
    let chief = bench.sign_in_as("binh", Scope::Owner);
    bench.say(chief, &ClientMessage::JoinRoom { request: 1, room: ROOM });
    assert!(bench.machine.is_in_room(chief, ROOM));
    let unlock = ClientMessage::Moderate { request: 1, room: ROOM, act: Act::Unlock, whom: "" };
    assert_eq!(bench.refusal(chief, &unlock), None);
    let other = bench.sign_in_as("chi", Scope::Everywhere);
    bench.say(other, &ClientMessage::JoinRoom { request: 1, room: ROOM });
    assert_eq!(bench.refusal(other, &unlock), Some(Refusal::Forbidden));
    // Who comes back without that right has it no more.
    let chief = bench.sign_in_as("binh", Scope::Everywhere);
    bench.say(chief, &ClientMessage::JoinRoom { request: 1, room: ROOM });
    assert_eq!(bench.refusal(chief, &unlock), Some(Refusal::Forbidden));
    // In the room at once, also.
    bench.machine.set_scope(chief, Scope::Owner);
    assert_eq!(bench.refusal(chief, &unlock), None);
    bench.machine.set_scope(chief, Scope::Everywhere);
    assert_eq!(bench.refusal(chief, &unlock), Some(Refusal::Forbidden));
}
