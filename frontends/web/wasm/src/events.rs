//! What happened, as JSON objects. `t` says what it is; the rest are the fields of the protocol's message or of the core's
//! event under their own names. Numbers that a browser's numbers can't hold exactly go as decimal text.

use hph_core::endpoint::client::ClientEvent;
use hph_core::room::reaction::Reaction;
use hph_core::wire::control::{
    CallOutcome, Codec, LeaveReason, ParticipantInfo, RoomTold, ServerMessage, SignInMethods, SignOutReason,
};

use crate::json::Json;

mod account;

/// The server's first word: its name, and how one may sign in.
pub fn hello(name: &str, methods: SignInMethods) -> String {
    let SignInMethods { password, register, guest } = methods;
    Json::new("hello")
        .text("name", name)
        .flag("password", password)
        .flag("register", register)
        .flag("guest", guest)
        .finish()
}

/// Signed in. `sign` is the key by which a list of devices tells this one.
pub fn welcome(username: &str, display_name: &str, server: &str, sign: &[u8], token: Option<[u8; 32]>) -> String {
    let json = Json::new("welcome")
        .text("username", username)
        .text("display_name", display_name)
        .text("server", server)
        .hex("sign", sign);
    match token {
        Some(token) => json.hex("token", &token).finish(),
        None => json.finish(),
    }
}

/// What was presented is good for nothing, or too often something else was.
pub fn ticket_refused(why: &str, retry_after_s: u32) -> String {
    Json::new("ticket_refused").text("why", why).number("retry_after_s", retry_after_s).finish()
}

/// Signing in failed: `refused` with the code, or what was wrong with the server.
pub fn sign_in_failed(why: &str, retry_after_s: u32) -> String {
    Json::new("sign_in_failed").text("why", why).number("retry_after_s", retry_after_s).finish()
}

/// The connection is of no further use.
pub fn broken(why: &str) -> String {
    Json::new("broken").text("why", why).finish()
}

/// An event of the machine; none for what is not for the page.
pub fn of(event: &ClientEvent<'_>) -> Option<String> {
    use ClientEvent as E;
    Some(match *event {
        E::Joined { request, room, name, slot } => Json::new("joined")
            .number("request", request)
            .number("room", room.0)
            .text("name", name)
            .number("slot", slot.0)
            .finish(),
        E::Left { room, reason } => Json::new("left").number("room", room.0).text("reason", leave(reason)).finish(),
        E::Moved { from, to, parent, number, name } => Json::new("moved")
            .number("from", from.0)
            .number("room", to.0)
            .number("parent", parent.0)
            .number("number", number)
            .text("name", name)
            .finish(),
        E::Participant { room, ref info, is_new, is_me } => participant(room.0, info, is_new, is_me),
        E::ParticipantGone { room, slot, username } => Json::new("participant_gone")
            .number("room", room.0)
            .number("slot", slot.0)
            .text("username", username)
            .finish(),
        E::Chat { room, id, author, display_name, time_ms, text } => Json::new("chat")
            .number("room", room.0)
            .number("id", id)
            .text("author", author)
            .text("display_name", display_name)
            .number("time_ms", time_ms)
            .text("text", text)
            .finish(),
        E::ChatChanged { room, id, target, author, time_ms, text } => Json::new("chat_changed")
            .number("room", room.0)
            .number("id", id)
            .number("target", target)
            .text("author", author)
            .number("time_ms", time_ms)
            .maybe("text", text)
            .finish(),
        E::Muted { room, tracks, by } => {
            Json::new("muted").number("room", room.0).number("tracks", tracks).text("by", by).finish()
        }
        E::Direct { id, from, ref device, time_ms, text } => Json::new("direct")
            .number("id", id)
            .text("from", from)
            .hex("seal", &device.seal)
            .hex("sign", &device.sign)
            .number("time_ms", time_ms)
            .maybe("text", text)
            .finish(),
        E::DatagramsUp => Json::new("datagrams").flag("is_up", true).finish(),
        E::DatagramsLost => Json::new("datagrams").flag("is_up", false).finish(),
        E::Tunnelled { is_on } => Json::new("tunnelled").flag("is_on", is_on).finish(),
        E::ServerSilent => broken("silent"),
        E::Said(message) => return said(message),
        E::Frame(_) | E::Strip(_) | E::StripLost { .. } => return None,
    })
}

fn participant(room: u32, info: &ParticipantInfo<'_>, is_new: bool, is_me: bool) -> String {
    let tracks: Vec<_> = info
        .tracks
        .iter()
        .map(|track| {
            format!(
                "{{\"is_on\":{},\"codec\":\"{}\",\"width\":{},\"height\":{}}}",
                track.is_on,
                codec(track.codec),
                track.width,
                track.height
            )
        })
        .collect();
    Json::new("participant")
        .number("room", room)
        .number("slot", info.slot.0)
        .number("member", info.member)
        .text("username", info.username)
        .text("display_name", info.display_name)
        .hex("seal", &info.device.seal)
        .hex("sign", &info.device.sign)
        .raw("tracks", &format!("[{}]", tracks.join(",")))
        .text("role", info.role.code())
        .number("hand", info.hand)
        .flag("is_new", is_new)
        .flag("is_me", is_me)
        .finish()
}

fn said(message: &ServerMessage<'_>) -> Option<String> {
    use ServerMessage as M;
    Some(match *message {
        M::Refused { request, reason, retry_after_s } => Json::new("refused")
            .big("request", request)
            .text("reason", reason.code())
            .number("retry_after_s", retry_after_s)
            .finish(),
        M::SignedOut { reason } => Json::new("signed_out").text("reason", sign_out(reason)).finish(),
        M::Room { place, room, name, people } => Json::new("lobby_room")
            .number("place", place)
            .number("room", room.0)
            .text("name", name)
            .number("people", people)
            .finish(),
        M::RoomGone { place } => Json::new("lobby_room_gone").number("place", place).finish(),
        M::Person { place, username, display_name } => Json::new("lobby_person")
            .number("place", place)
            .text("username", username)
            .text("display_name", display_name)
            .finish(),
        M::PersonGone { place } => Json::new("lobby_person_gone").number("place", place).finish(),
        M::LobbyComplete => Json::new("lobby_complete").finish(),
        M::RoomCreated { request, room } => {
            Json::new("room_created").number("request", request).number("room", room.0).finish()
        }
        M::ChatStored { reference, room, id, time_ms } => Json::new("chat_stored")
            .big("reference", reference)
            .number("room", room.0)
            .number("id", id)
            .number("time_ms", time_ms)
            .finish(),
        M::DirectStored { reference, id, time_ms } => {
            Json::new("direct_stored").big("reference", reference).number("id", id).number("time_ms", time_ms).finish()
        }
        M::Keys { request, username, ref device } => Json::new("keys")
            .number("request", request)
            .text("username", username)
            .hex("seal", &device.seal)
            .hex("sign", &device.sign)
            .finish(),
        M::Ringing { call, from, display_name, room, name, seconds } => Json::new("ringing")
            .number("call", call.0)
            .text("from", from)
            .text("display_name", display_name)
            .number("room", room.0)
            .text("name", name)
            .number("seconds", seconds)
            .finish(),
        M::CallState { request, call, outcome } => Json::new("call_state")
            .number("request", request)
            .number("call", call.0)
            .text("outcome", call_outcome(outcome))
            .finish(),
        M::ActiveSpeaker { room, slot } => {
            let json = Json::new("speaker").number("room", room.0);
            match slot {
                Some(slot) => json.number("slot", slot.0).finish(),
                None => json.raw("slot", "null").finish(),
            }
        }
        M::InRoom(ref told) => return in_room(told),
        M::Account(ref told) => return account::of(told),
        M::Moderated { request } => Json::new("moderated").number("request", request).finish(),
        M::UnmuteAsked { room, by } => Json::new("unmute_asked").number("room", room.0).text("by", by).finish(),
        M::RoomLocked { room, is_locked } => {
            Json::new("room_locked").number("room", room.0).flag("is_locked", is_locked).finish()
        }
        _ => return said_of_the_past(message).or_else(|| said_of_files(message)).or_else(|| said_at_the_door(message)),
    })
}

/// Older messages.
fn said_of_the_past(message: &ServerMessage<'_>) -> Option<String> {
    use ServerMessage as M;
    Some(match *message {
        M::ChatFound { request, room, id, author, display_name, time_ms, edited_ms, text } => Json::new("chat_found")
            .number("request", request)
            .number("room", room.0)
            .number("id", id)
            .text("author", author)
            .text("display_name", display_name)
            .number("time_ms", time_ms)
            .number("edited_ms", edited_ms)
            .maybe("text", text)
            .finish(),
        M::ChatFoundAll { request, room, before } => Json::new("chat_found_all")
            .number("request", request)
            .number("room", room.0)
            .number("before", before)
            .finish(),
        _ => return None,
    })
}

/// Files. Their pieces are no events.
fn said_of_files(message: &ServerMessage<'_>) -> Option<String> {
    use ServerMessage as M;
    Some(match *message {
        M::FileWanted { reference, file, from } => {
            Json::new("file_wanted").big("reference", reference).number("file", file).number("from", from).finish()
        }
        M::FileStored { reference, file } => {
            Json::new("file_stored").big("reference", reference).number("file", file).finish()
        }
        M::File { request, room, file, author, display_name, time_ms, name, size, ref sha256 } => Json::new("file")
            .number("request", request)
            .number("room", room.0)
            .number("file", file)
            .text("author", author)
            .text("display_name", display_name)
            .number("time_ms", time_ms)
            .text("name", name)
            .number("size", size)
            .hex("sha256", sha256)
            .finish(),
        M::FilesAll { request, before } => {
            Json::new("files_all").number("request", request).number("before", before).finish()
        }
        M::FileGone { request, room, file } => {
            Json::new("file_gone").number("request", request).number("room", room.0).number("file", file).finish()
        }
        _ => return None,
    })
}

/// Who may come in, and how.
fn said_at_the_door(message: &ServerMessage<'_>) -> Option<String> {
    use ServerMessage as M;
    Some(match *message {
        M::PasswordWanted { request, room, ref salt } => {
            Json::new("password_wanted").number("request", request).number("room", room.0).hex("salt", salt).finish()
        }
        M::Waiting { request, room, name } => {
            Json::new("waiting").number("request", request).number("room", room.0).text("name", name).finish()
        }
        M::Knock { room, username, display_name, is_waiting } => Json::new("knock")
            .number("room", room.0)
            .text("username", username)
            .text("display_name", display_name)
            .flag("is_waiting", is_waiting)
            .finish(),
        M::Rules { room, has_waiting_room, has_password, hosts_share } => Json::new("rules")
            .number("room", room.0)
            .flag("has_waiting_room", has_waiting_room)
            .flag("has_password", has_password)
            .flag("hosts_share", hosts_share)
            .finish(),
        _ => return None,
    })
}

fn in_room(told: &RoomTold<'_>) -> Option<String> {
    use RoomTold as T;
    Some(match *told {
        T::Reacted { room, slot, reaction } => {
            let reaction = Reaction::from_number(reaction)?;
            Json::new("reacted").number("room", room.0).number("slot", slot.0).text("emoji", reaction.emoji()).finish()
        }
        T::BreakoutsEnd { room, after_s } => {
            Json::new("breakouts_end").number("room", room.0).number("after_s", after_s).finish()
        }
        T::BreakoutsTold { room, by, display_name, text } => Json::new("breakouts_told")
            .number("room", room.0)
            .text("by", by)
            .text("display_name", display_name)
            .text("text", text)
            .finish(),
        T::Breakout { room, number, name, .. } => {
            Json::new("breakout").number("room", room.0).number("number", number).text("name", name).finish()
        }
        T::Assigned { room, username, number } => {
            Json::new("assigned").number("room", room.0).text("username", username).number("number", number).finish()
        }
        // The machine follows by itself.
        T::Moved { .. } => return None,
    })
}

const fn codec(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcm16k => "pcm",
        Codec::Jpeg => "jpeg",
        Codec::Opus => "opus",
        Codec::Strips => "strips",
    }
}

const fn leave(reason: LeaveReason) -> &'static str {
    match reason {
        LeaveReason::Asked => "asked",
        LeaveReason::RoomClosed => "room_closed",
        LeaveReason::Removed => "removed",
    }
}

const fn sign_out(reason: SignOutReason) -> &'static str {
    match reason {
        SignOutReason::Asked => "asked",
        SignOutReason::SignedInElsewhere => "signed_in_elsewhere",
        SignOutReason::ShuttingDown => "shutting_down",
        SignOutReason::TooSlow => "too_slow",
        SignOutReason::Malformed => "malformed",
        SignOutReason::Idle => "idle",
        SignOutReason::Revoked => "revoked",
    }
}

const fn call_outcome(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Ringing => "ringing",
        CallOutcome::Accepted => "accepted",
        CallOutcome::Declined => "declined",
        CallOutcome::TimedOut => "timed_out",
        CallOutcome::Cancelled => "cancelled",
        CallOutcome::Gone => "gone",
    }
}
