//! Who may say what: every message in every state has one outcome.

use super::*;
use crate::id::{CallId, Slot, TrackId};
use crate::media::nack::NackEntry;
use crate::media::track_window::TrackKey;
use crate::wire::control::{AccountAsk, Act, RoomAsk, TrackInfo};

/// Where the speaker is while it speaks about [`ROOM`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    There,
    Elsewhere,
    Nowhere,
}

/// What must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Refused for this reason, and nothing else happens.
    Refused(Refusal),
    /// The driver is asked for something of this name.
    Asks(&'static str),
    /// The speaker is answered.
    Answered,
    /// Somebody else is told.
    Forwarded,
    /// Nothing is said to anybody now.
    Quiet,
}

use Outcome::{Answered, Asks, Forwarded, Quiet};
const SCRAM: &[u8] = b"x";
/// Packet 7 of the camera in place 0 of the room.
const LOST: &[u8] = &LOST_PACKET;
const LOST_PACKET: [u8; 16] = {
    let key = TrackKey { room: ROOM.0, sender: 0, track: TrackId::CAMERA.0, layer: 0 };
    NackEntry { key, seq: 7, more: 0 }.emit()
};
const NOT_IN_ROOM: Outcome = Outcome::Refused(Refusal::NotInRoom);
const OUT_OF_ORDER: Outcome = Outcome::Refused(Refusal::OutOfOrder);
const FORBIDDEN: Outcome = Outcome::Refused(Refusal::Forbidden);
const NO_SUCH_CALL: Outcome = Outcome::Refused(Refusal::NoSuchCall);

const fn invite(room: RoomId, may_register: bool) -> AccountAsk<'static> {
    AccountAsk::Invite { request: 1, room, uses: 1, valid_s: 60, may_register }
}

/// The same in all states.
const fn always(outcome: Outcome) -> [Outcome; 3] {
    [outcome; 3]
}

/// Allowed in the room only.
const fn inside(outcome: Outcome) -> [Outcome; 3] {
    [outcome, NOT_IN_ROOM, NOT_IN_ROOM]
}

/// Every message, and what follows in the room, in another room, in no room. Other people's slot is 0, the stranger
/// to the room has the first session.
fn table(member: u32) -> Vec<(ClientMessage<'static>, [Outcome; 3])> {
    use ClientMessage as M;
    let (room, slot, track, device) = (ROOM, Slot(0), TrackId::CAMERA, DevicePublic::default());
    let info = TrackInfo::default();
    let (salt, key, proof) = ([0; 16], [0; 32], &[0; 64]);
    let mut rows = vec![
        (M::Hello { version_min: 1, version_max: 1, agent: "x" }, always(OUT_OF_ORDER)),
        (M::SignIn { may_register: false, scram: SCRAM }, always(OUT_OF_ORDER)),
        (M::SignInFinal { scram: SCRAM, device, proof, display_name: "" }, always(OUT_OF_ORDER)),
        (
            M::Register {
                email: "",
                display_name: "X",
                salt,
                iterations: 600_000,
                stored_key: key,
                server_key: key,
                device,
                proof,
            },
            always(OUT_OF_ORDER),
        ),
        (M::SignInGuest { display_name: "X", email: "", device, proof }, always(OUT_OF_ORDER)),
        (M::SignInToken { username: "binh", token: key, device, proof }, always(OUT_OF_ORDER)),
        (M::WatchLobby { is_on: true }, always(Quiet)),
        (M::CreateRoom { request: 1, name: "Toán" }, always(Asks("OpenRoom"))),
        (M::JoinNamed { request: 1, name: "Toán", may_create: true }, always(Asks("OpenRoom"))),
        (M::JoinRoom { request: 1, room }, [OUT_OF_ORDER, Answered, Answered]),
        (M::JoinRoom { request: 1, room: NO_ROOM }, always(Outcome::Refused(Refusal::NoSuchRoom))),
        (M::LeaveRoom { room }, inside(Answered)),
        (M::LeaveRoom { room: NO_ROOM }, always(NOT_IN_ROOM)),
        (M::SetTrack { room, track, info }, inside(Quiet)),
        (M::Subscribe { room, slot, track, width: 0 }, inside(Quiet)),
        (M::SenderKey { room, slot, member, epoch: 1, wrap: &[0; 80] }, inside(Forwarded)),
        (
            M::SenderKey { room, slot, member: member + 1, epoch: 1, wrap: &[0; 80] },
            inside(Outcome::Refused(Refusal::NoSuchPerson)),
        ),
        (M::RequestKey { room, slot }, inside(Forwarded)),
        (M::RequestKey { room, slot: Slot(20) }, inside(Outcome::Refused(Refusal::NoSuchPerson))),
        (M::RequestRefresh { room, slot, track: TrackId::CAMERA }, inside(Forwarded)),
        (
            M::RequestRefresh { room, slot: Slot(20), track: TrackId::CAMERA },
            inside(Outcome::Refused(Refusal::NoSuchPerson)),
        ),
        (M::ReportLost { packets: LOST }, [Forwarded, Quiet, Quiet]),
        (M::SendChat { reference: 1, room, text: "x" }, inside(Asks("StoreChat"))),
        (M::SyncChat { room, after: 0 }, inside(Asks("SyncChat"))),
        (M::EditChat { reference: 1, room, id: 1, text: "x" }, inside(Asks("ChangeChat"))),
        (M::DeleteChat { reference: 1, room, id: 1 }, inside(Asks("ChangeChat"))),
        (M::ReadHistory { request: 1, room, before: 0, count: 1 }, inside(Asks("ReadHistory"))),
        (M::SearchChat { request: 1, room, before: 0, count: 1, words: "x" }, inside(Asks("SearchChat"))),
        (M::MarkRead { room, id: 1 }, inside(Asks("MarkRead"))),
        (M::MarkRead { room: RoomId(0), id: 1 }, always(Asks("MarkRead"))),
        (M::AskUnread { request: 1 }, always(Asks("AskUnread"))),
        (M::Moderate { request: 1, room, act: Act::MuteAll, whom: "" }, inside(Outcome::Refused(Refusal::Forbidden))),
        (M::Moderate { request: 1, room, act: Act::Mute, whom: "an." }, inside(Outcome::Refused(Refusal::Forbidden))),
        (M::SetPassword { request: 1, room, salt, key }, inside(Outcome::Refused(Refusal::Forbidden))),
        (M::Enter { request: 1, room, key }, [OUT_OF_ORDER, Answered, Answered]),
        (M::Enter { request: 1, room: NO_ROOM, key }, always(Outcome::Refused(Refusal::NoSuchRoom))),
        (M::RaiseHand { room, is_up: true }, inside(Quiet)),
        (M::ReadAudit { request: 1, room, before: 0, count: 1 }, always(Outcome::Refused(Refusal::Forbidden))),
        (M::OfferFile { reference: 1, room, to: "", name: "a", size: 1, sha256: key }, inside(Asks("OfferFile"))),
        (
            M::OfferFile { reference: 1, room: RoomId(0), to: "an.", name: "", size: 1, sha256: key },
            always(Asks("OfferFile")),
        ),
        (M::FileChunk { file: 1, from: 0, bytes: b"x" }, always(Quiet)),
        (M::FetchFile { request: 1, file: 1, from: 0, count: 1 }, always(Asks("FetchFile"))),
        (M::DeleteFile { request: 1, file: 1 }, always(Asks("DeleteFile"))),
        (M::ListFiles { request: 1, room, before: 0, count: 1 }, inside(Asks("ListFiles"))),
        (M::Tunnel { is_on: true }, always(Quiet)),
        (M::Tunnelled { datagram: &[0; 30] }, always(Quiet)),
        (M::SendDirect { reference: 1, to: "an.", sealed: &[0; 99] }, always(Asks("StoreDirect"))),
        (M::SyncDirect { after: 0 }, always(Asks("SyncDirect"))),
        (M::LookUp { request: 1, username: "an." }, always(Answered)),
        (M::LookUp { request: 1, username: "offline" }, always(Asks("LookUp"))),
        (M::Call { request: 1, to: "an.", room }, inside(Forwarded)),
        (M::Call { request: 1, to: "offline", room }, inside(Outcome::Refused(Refusal::NoSuchPerson))),
        (M::AnswerCall { call: CallId(5), accept: true }, always(NO_SUCH_CALL)),
        (M::CancelCall { call: CallId(5) }, always(NO_SUCH_CALL)),
        (M::InRoom(RoomAsk::React { request: 1, room, reaction: 5 }), inside(Forwarded)),
        (M::InRoom(RoomAsk::React { request: 1, room, reaction: 6 }), inside(Outcome::Refused(Refusal::Invalid))),
        (M::InRoom(RoomAsk::OpenBreakout { request: 1, room, name: "A" }), inside(FORBIDDEN)),
        (M::InRoom(RoomAsk::Spread { request: 1, room }), inside(FORBIDDEN)),
        (M::InRoom(RoomAsk::Move { request: 1, room, whom: "an.", number: 1 }), inside(FORBIDDEN)),
        (M::InRoom(RoomAsk::TellBreakouts { request: 1, room, text: "x" }), inside(FORBIDDEN)),
        (M::InRoom(RoomAsk::EndBreakouts { request: 1, room, after_s: 0 }), inside(FORBIDDEN)),
        (M::KeepAlive, always(Answered)),
        (M::SignOut, always(Asks("Closed"))),
    ];
    rows.extend(account_table());
    rows
}

fn account_table() -> Vec<(ClientMessage<'static>, [Outcome; 3])> {
    use ClientMessage as M;
    let (room, device, key, proof) = (ROOM, DevicePublic::default(), [0; 32], &[0; 64]);
    vec![
        (M::Account(AccountAsk::Present { secret: "123456789" }), always(OUT_OF_ORDER)),
        (M::Account(AccountAsk::Enrol { secret: "", wants_code: true, device, proof }), always(OUT_OF_ORDER)),
        (M::Account(AccountAsk::ListDevices { request: 1 }), always(Asks("Account"))),
        (M::Account(AccountAsk::RevokeDevice { request: 1, sign: key }), always(Asks("Account"))),
        (M::Account(AccountAsk::Claim { request: 1, secret: "123456789" }), always(Asks("Account"))),
        (M::Account(invite(room, false)), always(FORBIDDEN)),
        (M::Account(invite(RoomId(0), false)), always(FORBIDDEN)),
        (M::Account(invite(NO_ROOM, false)), always(Outcome::Refused(Refusal::NoSuchRoom))),
        (M::Account(AccountAsk::ListInvitations { request: 1, room }), always(FORBIDDEN)),
        (M::Account(AccountAsk::Withdraw { request: 1, room, id: 1 }), always(FORBIDDEN)),
    ]
}

const EVENTS: [&str; 20] = [
    "Account",
    "PasswordSet",
    "OpenRoom",
    "StoreChat",
    "SyncChat",
    "ChangeChat",
    "ReadHistory",
    "SearchChat",
    "MarkRead",
    "AskUnread",
    "Moderated",
    "ReadAudit",
    "StoreDirect",
    "SyncDirect",
    "LookUp",
    "OfferFile",
    "FetchFile",
    "DeleteFile",
    "ListFiles",
    "Closed",
];

fn outcome(bench: &mut Bench, speaker: SessionId, message: &ClientMessage<'_>) -> Outcome {
    bench.deeds = Deeds::default();
    bench.say(speaker, message);
    let heard = bench.heard(speaker);
    let is_anybody_told = !bench.deeds.controls.is_empty();
    let events = bench.events();
    match (heard.as_slice(), events.as_slice()) {
        ([ServerMessage::Refused { reason, .. }], []) if !is_anybody_told => Outcome::Refused(*reason),
        (_, [event]) => {
            let name = event.split(' ').next().unwrap_or_default();
            Asks(EVENTS.into_iter().find(|known| *known == name).expect("a known event"))
        }
        (_, []) if is_anybody_told => Forwarded,
        ([], []) => Quiet,
        (_, []) => Answered,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_message_in_every_state_has_its_outcome_and_no_other() {
    let count = table(1).len();
    for (which, state) in [State::There, State::Elsewhere, State::Nowhere].into_iter().enumerate() {
        for row in 0..count {
            let mut bench = Bench::new(SIZE);
            let an = bench.join("an.");
            assert_eq!(an.slot, Slot(0));
            let speaker = match state {
                State::There => bench.join("binh").id,
                State::Elsewhere | State::Nowhere => bench.sign_in("binh").id,
            };
            if state == State::Elsewhere {
                bench.say(speaker, &ClientMessage::JoinRoom { request: 1, room: OTHER_ROOM });
            }
            bench.tell();
            let (message, expected) = table(an.member).swap_remove(row);
            assert_eq!(outcome(&mut bench, speaker, &message), expected[which], "{message:?} {state:?}");
            let asks = matches!(message, ClientMessage::JoinRoom { .. } | ClientMessage::Enter { .. });
            let may_be_there = state == State::There || asks;
            assert!(may_be_there || !bench.machine.is_in_room(speaker, ROOM), "{message:?} let it in");
        }
    }
}

#[test]
fn nobody_gives_a_key_to_itself() {
    let mut bench = Bench::new(SIZE);
    let an = bench.join("an.");
    let own = ClientMessage::SenderKey { room: ROOM, slot: an.slot, member: an.member, epoch: 1, wrap: &[0; 80] };
    assert_eq!(bench.refusal(an.id, &own), Some(Refusal::NoSuchPerson));
    let request = ClientMessage::RequestKey { room: ROOM, slot: an.slot };
    assert_eq!(bench.refusal(an.id, &request), Some(Refusal::NoSuchPerson));
}
