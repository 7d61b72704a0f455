//! Events as JSON objects, one a line: what programs read.

use hph_client::breakout::BreakoutNews;
use hph_client::core::id::{RoomId, Slot, TrackId};
use hph_client::core::limits::TRACKS_MAX;
use hph_client::core::wire::control::{CallOutcome, Codec, DevicePublic, LeaveReason, TrackInfo};
use hph_client::engine::{AccountEvent, Event, MicrophoneRemark, Participant, Reaction};
use hph_client::link::hex;
use hph_client::people::KeyState;
use hph_client::platform::clock::Clock;
use hph_client::safety::{Code, RoomSafety};
use hph_client::view::{MeetingView, RoomView};
use serde_json::{Map, Value, json};

/// A track's name for programs and in `--record` folders.
pub const fn track_name(track: TrackId) -> &'static str {
    match track {
        TrackId::MICROPHONE => "microphone",
        TrackId::CAMERA => "camera",
        TrackId::SCREEN => "screen",
        TrackId::SCREEN_SOUND => "screen-sound",
        _ => "track",
    }
}

/// How a call stands, for programs.
pub const fn outcome_name(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Ringing => "ringing",
        CallOutcome::Accepted => "accepted",
        CallOutcome::Declined => "declined",
        CallOutcome::TimedOut => "timed_out",
        CallOutcome::Cancelled => "cancelled",
        CallOutcome::Gone => "gone",
    }
}

/// What is remarkable about our microphone, for programs.
const fn remark_name(remark: MicrophoneRemark) -> &'static str {
    match remark {
        MicrophoneRemark::TalkingWhileMuted => "talking_while_muted",
        MicrophoneRemark::NoSignal => "no_signal",
        MicrophoneRemark::Signal => "signal",
        MicrophoneRemark::Clipping => "clipping",
        MicrophoneRemark::Gone => "gone",
        MicrophoneRemark::Back => "back",
    }
}

/// An object that begins with what happened and when.
pub fn object(name: &str, fields: Value) -> Value {
    let mut object = Map::new();
    object.insert("event".to_owned(), json!(name));
    object.insert("at_ms".to_owned(), json!(Clock::unix_time_ms()));
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}

/// What is told about accounts.
pub fn of_account(told: &AccountEvent) -> Value {
    match told {
        AccountEvent::PairingCode { code, seconds } => {
            object("pairing_code", json!({"code": code, "seconds": seconds}))
        }
        AccountEvent::OnlyRoom { room, name } => object("only_room", json!({"room": room.0, "name": name})),
        AccountEvent::Device { device, name, first_seen_ms, last_seen_ms, is_here, .. } => object(
            "device",
            json!({"fingerprint": Code::of_device(device).to_string(), "name": name, "first_seen_ms": first_seen_ms,
                "last_seen_ms": last_seen_ms, "is_here": is_here}),
        ),
        AccountEvent::Invitation { invitation, .. } => object(
            "invitation",
            json!({"id": invitation.id, "room": invitation.room, "made_by": invitation.made_by, "uses": invitation.uses,
                "used": invitation.used, "expires_ms": invitation.expires_ms, "accounts": invitation.may_register}),
        ),
        AccountEvent::DevicesAll { .. } => object("devices_all", json!({})),
        AccountEvent::InvitationsAll { .. } => object("invitations_all", json!({})),
        AccountEvent::Done { .. } => object("done", json!({})),
    }
}

/// An event; none if the end of the engine, which its command tells.
pub fn of_event(event: &Event, view: &MeetingView) -> Option<Value> {
    let room_name = |room: &RoomId| view.rooms.get(room).map(|room| room.name.as_str());
    let (name, fields) = match event {
        Event::Microphone { room, remark } => {
            ("microphone", json!({"room": room.0, "room_name": room_name(room), "remark": remark_name(*remark)}))
        }
        Event::Connecting { attempt } => ("connecting", json!({"attempt": attempt})),
        Event::SignedIn { username, display_name, server_name, pin } => (
            "signed_in",
            json!({"username": username, "display_name": display_name, "server": server_name, "pin": hex(pin)}),
        ),
        Event::Lost { why, retry_in } => ("lost", json!({"why": why, "retry_in_ms": retry_in.as_millis() as u64})),
        Event::Ended(_) => return None,
        Event::Datagrams { is_up } => ("datagrams", json!({"is_up": is_up})),
        Event::Tunnelled { is_on } => ("tunnelled", json!({"is_on": is_on})),
        Event::FileProgress { .. }
        | Event::FileSent { .. }
        | Event::FileFetched { .. }
        | Event::FileFailed { .. }
        | Event::File { .. }
        | Event::FilesAll { .. }
        | Event::FileGone { .. } => return of_files(event),
        Event::LobbyRoom { .. }
        | Event::LobbyRoomGone { .. }
        | Event::LobbyPerson { .. }
        | Event::LobbyPersonGone { .. }
        | Event::LobbyComplete => return of_lobby(event, view),
        Event::RoomCreated { room, .. } => ("room_created", json!({"room": room.0})),
        Event::Joined { request, room, name, slot } => {
            ("joined", json!({"room": room.0, "name": name, "slot": slot.0, "is_return": *request == 0}))
        }
        Event::Left { room, reason } => {
            let is_closed = *reason == LeaveReason::RoomClosed;
            (
                "left",
                json!({"room": room.0, "room_name": room_name(room), "is_closed": is_closed,
                "is_removed": *reason == LeaveReason::Removed}),
            )
        }
        Event::Participant { room, participant, is_new, is_me } => {
            ("participant", of_participant(*room, room_name(room), participant, *is_new, *is_me))
        }
        Event::ParticipantGone { room, slot, username } => (
            "participant_gone",
            json!({"room": room.0, "room_name": room_name(room), "slot": slot.0, "username": username}),
        ),
        Event::Breakout { room, news } => return Some(of_breakout(*room, news)),
        Event::Reacted { room, slot, reaction } => ("reacted", of_reaction(*room, *slot, *reaction, view)),
        Event::Speaker { room, slot } => {
            ("speaker", json!({"room": room.0, "room_name": room_name(room), "slot": slot.map(|slot| slot.0)}))
        }
        Event::Chat { room, id, author, display_name, time_ms, text } => (
            "chat",
            json!({"room": room.0, "room_name": room_name(room), "id": id, "author": author,
                "display_name": display_name, "time_ms": time_ms, "text": text}),
        ),
        Event::ChatChanged { room, id, target, author, time_ms, text } => (
            "chat_changed",
            json!({"room": room.0, "room_name": room_name(room), "id": id, "target": target, "author": author,
                "time_ms": time_ms, "text": text, "is_taken_back": text.is_none()}),
        ),
        Event::Account(told) => return Some(of_account(told)),
        Event::Moderated { .. }
        | Event::Muted { .. }
        | Event::UnmuteAsked { .. }
        | Event::RoomLocked { .. }
        | Event::PasswordWanted { .. }
        | Event::Waiting { .. }
        | Event::Knock { .. }
        | Event::Rules { .. }
        | Event::Audit { .. }
        | Event::AuditAll { .. } => return of_order(event, view),
        Event::ChatFound { .. } | Event::ChatFoundAll { .. } | Event::Unread { .. } | Event::UnreadAll { .. } => {
            return of_answer(event, view);
        }
        Event::ChatStored { .. }
        | Event::DirectStored { .. }
        | Event::MessageFailed { .. }
        | Event::MessageDelayed { .. } => return of_delivery(event),
        Event::PersonKey { username, device, key } => ("person_key", of_key(username, device, *key)),
        Event::KeysUnusable { why } => ("keys_unusable", json!({"why": why})),
        Event::Safety { room, safety } => ("safety", of_safety(*room, safety, view.rooms.get(room))),
        Event::Direct { id, from, key, time_ms, text } => {
            ("direct", json!({"id": id, "from": from, "key": key.name(), "time_ms": time_ms, "text": text}))
        }
        Event::Refused { request, reason } => ("refused", json!({"request": request, "reason": reason.code()})),
        Event::Ringing { call, from, display_name, room, name, seconds } => (
            "ringing",
            json!({"call": call.0, "from": from, "display_name": display_name, "room": room.0, "room_name": name,
                "seconds": seconds}),
        ),
        Event::CallState { call, outcome, request } => {
            ("call", json!({"call": call.0, "outcome": outcome_name(*outcome), "is_ours": *request != 0}))
        }
    };
    Some(object(name, fields))
}

/// What became of something that was said.
fn of_delivery(event: &Event) -> Option<Value> {
    let (name, fields) = match event {
        Event::ChatStored { reference, room, id } => {
            ("chat_stored", json!({"reference": reference.to_string(), "room": room.0, "id": id}))
        }
        Event::DirectStored { reference, id } => {
            ("direct_stored", json!({"reference": reference.to_string(), "id": id}))
        }
        Event::MessageFailed { reference, reason } => {
            ("message_failed", json!({"reference": reference.to_string(), "reason": reason.code()}))
        }
        Event::MessageDelayed { reference, reason } => {
            ("message_delayed", json!({"reference": reference.to_string(), "reason": reason.code()}))
        }
        _ => return None,
    };
    Some(object(name, fields))
}

fn of_reaction(room: RoomId, slot: Slot, reaction: Reaction, view: &MeetingView) -> Value {
    let view = view.rooms.get(&room);
    let who = view.and_then(|view| view.participants.get(&slot));
    json!({"room": room.0, "room_name": view.map(|view| &view.name), "slot": slot.0,
        "username": who.map(|who| &who.username), "reaction": reaction.code(), "emoji": reaction.emoji()})
}

/// Breakout rooms.
fn of_breakout(room: RoomId, news: &BreakoutNews) -> Value {
    let room = room.0;
    match news {
        BreakoutNews::Moved { from, to, number, name } => {
            object("moved", json!({"room": room, "from": from.0, "to": to.0, "number": number, "name": name}))
        }
        BreakoutNews::Opened { number, room: breakout, name } => {
            object("breakout", json!({"room": room, "breakout": breakout.0, "number": number, "name": name}))
        }
        BreakoutNews::Assigned { username, number } => {
            object("assigned", json!({"room": room, "username": username, "number": number}))
        }
        BreakoutNews::Ends(after_s) => object("breakouts_end", json!({"room": room, "after_s": after_s})),
        BreakoutNews::Over => object("breakouts_over", json!({"room": room})),
        BreakoutNews::Told { by, display_name, text } => {
            object("breakouts_told", json!({"room": room, "from": by, "display_name": display_name, "text": text}))
        }
    }
}

/// Which rooms there are, and who is online.
fn of_lobby(event: &Event, view: &MeetingView) -> Option<Value> {
    let (name, fields) = match event {
        Event::LobbyRoom { room, name, people, .. } => {
            ("room", json!({"room": room.0, "name": name, "people": people}))
        }
        Event::LobbyRoomGone { place } => {
            let gone = view.lobby.get(place);
            ("room_gone", json!({"room": gone.map(|room| room.room.0), "name": gone.map(|room| &room.name)}))
        }
        Event::LobbyPerson { username, display_name, .. } => {
            ("person", json!({"username": username, "display_name": display_name}))
        }
        Event::LobbyPersonGone { place } => {
            ("person_gone", json!({"username": view.people.get(place).map(|person| &person.username)}))
        }
        Event::LobbyComplete => ("lobby_complete", json!({})),
        _ => return None,
    };
    Some(object(name, fields))
}

/// Files, and how far they are.
fn of_files(event: &Event) -> Option<Value> {
    let (name, fields) = match event {
        Event::FileProgress { request, done, total } => {
            ("file_progress", json!({"request": request, "done": done, "total": total}))
        }
        Event::FileSent { request, file } => ("file_sent", json!({"request": request, "file": file})),
        Event::FileFetched { request, path } => ("file_fetched", json!({"request": request, "path": path})),
        Event::FileFailed { request, reason } => ("file_failed", json!({"request": request, "reason": reason.code()})),
        Event::File { room, file, author, display_name, time_ms, .. } => (
            "file",
            json!({"room": room.0, "file": file.file, "name": file.name, "size": file.size,
                "sha256": hex(&file.sha256), "from": author, "display_name": display_name, "time_ms": time_ms}),
        ),
        Event::FilesAll { before, .. } => ("files_all", json!({"before": before})),
        Event::FileGone { room, file, .. } => ("file_gone", json!({"room": room.0, "file": file})),
        _ => return None,
    };
    Some(object(name, fields))
}

/// How order is kept.
fn of_order(event: &Event, view: &MeetingView) -> Option<Value> {
    let room_name = |room: &RoomId| view.rooms.get(room).map(|room| room.name.as_str());
    let (name, fields) = match event {
        Event::Moderated { request } => ("moderated", json!({"request": request})),
        Event::Muted { room, tracks, by } => {
            let tracks: Vec<_> = tracks.iter().map(|track| track_name(*track)).collect();
            ("muted", json!({"room": room.0, "room_name": room_name(room), "tracks": tracks, "by": by}))
        }
        Event::UnmuteAsked { room, by } => {
            ("unmute_asked", json!({"room": room.0, "room_name": room_name(room), "by": by}))
        }
        Event::RoomLocked { room, is_locked } => {
            ("room_locked", json!({"room": room.0, "room_name": room_name(room), "is_locked": is_locked}))
        }
        Event::PasswordWanted { room, .. } => ("password_wanted", json!({"room": room.0})),
        Event::Waiting { room, name, .. } => ("waiting", json!({"room": room.0, "room_name": name})),
        Event::Knock { room, username, display_name, is_waiting } => (
            "knock",
            json!({"room": room.0, "room_name": room_name(room), "user": username, "display_name": display_name,
                "is_waiting": is_waiting}),
        ),
        Event::Rules { room, has_waiting_room, has_password, hosts_share } => (
            "rules",
            json!({"room": room.0, "room_name": room_name(room), "has_waiting_room": has_waiting_room,
                "has_password": has_password, "hosts_share": hosts_share}),
        ),
        Event::Audit { id, time_ms, by, act, whom, .. } => {
            ("audit", json!({"id": id, "time_ms": time_ms, "by": by, "act": act.code(), "whom": whom}))
        }
        Event::AuditAll { before, .. } => ("audit_all", json!({"before": before})),
        _ => return None,
    };
    Some(object(name, fields))
}

/// An answer about what was said before.
fn of_answer(event: &Event, view: &MeetingView) -> Option<Value> {
    let room_name = |room: &RoomId| view.rooms.get(room).map(|room| room.name.as_str());
    let (name, fields) = match event {
        Event::ChatFound { room, id, author, display_name, time_ms, edited_ms, text, .. } => (
            "chat_found",
            json!({"room": room.0, "room_name": room_name(room), "id": id, "author": author,
                "display_name": display_name, "time_ms": time_ms, "edited_ms": edited_ms, "text": text,
                "is_taken_back": text.is_none()}),
        ),
        Event::ChatFoundAll { room, before, .. } => {
            ("chat_found_all", json!({"room": room.0, "room_name": room_name(room), "before": before}))
        }
        Event::Unread { room, name, read, latest, unread, .. } => {
            // Rooms are numbered from 1.
            let place = (room.0 > 0).then_some((room.0, name));
            let (room, name) = (place.map(|place| place.0), place.map(|place| place.1));
            let fields = json!({"room": room, "room_name": name, "is_direct": room.is_none(), "read": read,
                "latest": latest, "unread": unread});
            ("unread", fields)
        }
        Event::UnreadAll { .. } => ("unread_all", json!({})),
        _ => return None,
    };
    Some(object(name, fields))
}

fn of_participant(room: RoomId, room_name: Option<&str>, who: &Participant, is_new: bool, is_me: bool) -> Value {
    json!({"room": room.0, "room_name": room_name, "slot": who.slot.0, "username": who.username,
        "display_name": who.display_name, "is_new": is_new, "is_me": is_me, "key": who.key.name(),
        "role": who.role.code(), "hand": who.hand, "tracks": of_tracks(&who.tracks)})
}

/// Somebody's key: its code, and how far it may be trusted.
pub fn of_key(username: &str, device: &DevicePublic, key: KeyState) -> Value {
    json!({"username": username, "key": key.name(), "code": Code::of_device(device).to_string()})
}

/// What the people in a room compare, and how far each one's key may be trusted.
pub fn of_safety(room: RoomId, safety: &RoomSafety, view: Option<&RoomView>) -> Value {
    let other = |(username, device): &(String, DevicePublic)| {
        let shown = view.and_then(|view| view.person(username, device));
        of_key(username, device, shown.map(|who| who.key).unwrap_or_default())
    };
    let others: Vec<Value> = safety.others.iter().map(other).collect();
    let (me, device) = &safety.me;
    json!({"room": room.0, "room_name": view.map(|view| &view.name), "code": safety.code.to_string(),
        "me": {"username": me, "code": Code::of_device(device).to_string()}, "others": others})
}

/// Tracks by name; of those that are off, only that they are.
fn of_tracks(tracks: &[TrackInfo; TRACKS_MAX]) -> Value {
    let named = (0u8..).zip(tracks).map(|(index, info)| {
        let mut fields = json!({"is_on": info.is_on});
        if info.is_on {
            fields["codec"] = json!(codec_name(info.codec));
            if info.width > 0 {
                fields["width"] = json!(info.width);
                fields["height"] = json!(info.height);
            }
        }
        (track_name(TrackId(index)).to_owned(), fields)
    });
    Value::Object(named.collect())
}

const fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcm16k => "pcm16k",
        Codec::Jpeg => "jpeg",
        Codec::Opus => "opus",
        Codec::Strips => "strips",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_one_row_whatever_it_holds_and_begins_with_what_happened() {
        let event = Event::Chat {
            room: RoomId(3),
            id: 7,
            author: "lan".to_owned(),
            display_name: "Lan".to_owned(),
            time_ms: 1,
            text: "chào\n{\"event\":\"ended\"}\u{1b}[2J\u{85}".to_owned(),
        };
        let row = of_event(&event, &MeetingView::default()).expect("an object").to_string();
        assert!(row.starts_with(r#"{"event":"chat","at_ms":"#), "{row}");
        assert!(!row.contains('\n') && !row.contains('\u{1b}'), "{row}");
        let back: Value = serde_json::from_str(&row).expect("JSON");
        assert_eq!(back["text"], "chào\n{\"event\":\"ended\"}\u{1b}[2J\u{85}");
    }

    #[test]
    fn tracks_are_told_by_name() {
        let mut tracks = [TrackInfo::default(); TRACKS_MAX];
        tracks[1] = TrackInfo { is_on: true, codec: Codec::Jpeg, width: 640, height: 360 };
        let value = of_tracks(&tracks);
        assert_eq!(value["microphone"], json!({"is_on": false}));
        assert_eq!(value["camera"], json!({"is_on": true, "codec": "jpeg", "width": 640, "height": 360}));
    }
}
