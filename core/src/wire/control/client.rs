//! What a client says.

use serde::{Deserialize, Serialize};

use super::account::AccountAsk;
use super::in_room::RoomAsk;
use super::is_slot;
use super::parts::{Act, DevicePublic, TrackInfo};
use crate::id::{CallId, RoomId, Slot, TrackId};
use crate::limits::{
    AGENT_MAX_BYTES, CHAT_PAGE_MAX, DIRECT_SEALED_MAX_BYTES, FILE_CHUNK_MAX_BYTES, FILE_RANGE_MAX_BYTES,
    PBKDF2_ITERATIONS_MAX, PBKDF2_ITERATIONS_MIN, TRACKS_MAX,
};
use crate::media::nack::parse_nack;
use crate::wire::text;

/// A message from client to server. `request` numbers are echoed in the answer; `reference` numbers make a resend
/// harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage<'a> {
    /// First of all: versions spoken, and a program name for the server's log.
    Hello {
        /// Lowest version spoken.
        version_min: u16,
        /// Highest version spoken.
        version_max: u16,
        /// Program and version, for example `hph/0.1`.
        agent: &'a str,
    },
    /// Sign in by password: the SCRAM client-first message (RFC 5802).
    SignIn {
        /// Whether a name that is not taken should become a new account.
        may_register: bool,
        /// SCRAM client-first-message.
        scram: &'a [u8],
    },
    /// The SCRAM client-final message, and the device that signs in.
    SignInFinal {
        /// SCRAM client-final-message.
        scram: &'a [u8],
        /// The device's public keys.
        device: DevicePublic,
        /// Ed25519 signature over the channel binding and the name.
        proof: &'a [u8],
        /// Name to show; empty keeps the stored one.
        display_name: &'a str,
    },
    /// The verifier of a new account, in answer to `RegisterOffer`.
    Register {
        /// Email label, or nothing.
        email: &'a str,
        /// Name to show.
        display_name: &'a str,
        /// Salt of the verifier.
        salt: [u8; 16],
        /// Rounds of PBKDF2.
        iterations: u32,
        /// SCRAM StoredKey.
        stored_key: [u8; 32],
        /// SCRAM ServerKey.
        server_key: [u8; 32],
        /// The device's public keys.
        device: DevicePublic,
        /// Ed25519 signature over the channel binding and the name.
        proof: &'a [u8],
    },
    /// Sign in as a guest.
    SignInGuest {
        /// Name to show.
        display_name: &'a str,
        /// Email label, or nothing.
        email: &'a str,
        /// The device's public keys; the guest's login name follows from them.
        device: DevicePublic,
        /// Ed25519 signature over the channel binding.
        proof: &'a [u8],
    },
    /// Sign in again with the token of an earlier sign-in.
    SignInToken {
        /// Login name.
        username: &'a str,
        /// The token.
        token: [u8; 32],
        /// The device's public keys: the same as when the token was given.
        device: DevicePublic,
        /// Ed25519 signature over the channel binding and the name.
        proof: &'a [u8],
    },
    /// End this session.
    SignOut,
    /// Push the lobby to me (rooms with their counts, people online), or stop.
    WatchLobby {
        /// Whether to push.
        is_on: bool,
    },
    /// Make a room.
    CreateRoom {
        /// Echoed in the answer.
        request: u32,
        /// Its name.
        name: &'a str,
    },
    /// Enter a room.
    JoinRoom {
        /// Echoed in the answer.
        request: u32,
        /// Which.
        room: RoomId,
    },
    /// Enter the room of that name; make it if there is none and `may_create`.
    JoinNamed {
        /// Echoed in the answer.
        request: u32,
        /// Its name.
        name: &'a str,
        /// Whether to make it.
        may_create: bool,
    },
    /// Leave a room.
    LeaveRoom {
        /// Which.
        room: RoomId,
    },
    /// Announce a track of mine, or switch it on or off.
    SetTrack {
        /// In which room.
        room: RoomId,
        /// Which track.
        track: TrackId,
        /// Its new state.
        info: TrackInfo,
    },
    /// Say how large another participant's track is shown, or that it is not wanted. All tracks are wanted at first,
    /// in full size.
    Subscribe {
        /// In which room.
        room: RoomId,
        /// Whose.
        slot: Slot,
        /// Which track.
        track: TrackId,
        /// Width of its tile in pixels; 0: it is not wanted. For sound any other number means that it is.
        width: u16,
    },
    /// My media key, wrapped for one other participant's device.
    SenderKey {
        /// In which room.
        room: RoomId,
        /// For whom.
        slot: Slot,
        /// That participant's membership number, so that a successor in the same place gets nothing.
        member: u32,
        /// Generation (high byte) and ratchet step (low byte).
        epoch: u16,
        /// HPKE encapsulation, ciphertext and tag: 80 bytes.
        wrap: &'a [u8],
    },
    /// Packets came that no key opens: please wrap your media key for me again.
    RequestKey {
        /// In which room.
        room: RoomId,
        /// Whose key.
        slot: Slot,
    },
    /// Say something in a room.
    SendChat {
        /// The same for every resend of this message; unique per author.
        reference: u64,
        /// In which room.
        room: RoomId,
        /// The text.
        text: &'a str,
    },
    /// Push the room's messages after this one again.
    SyncChat {
        /// Which room.
        room: RoomId,
        /// The last message that was received, or 0.
        after: u64,
    },
    /// A direct message, sealed for the receiver's device.
    SendDirect {
        /// The same for every resend of this message; unique per author.
        reference: u64,
        /// Login name of the receiver.
        to: &'a str,
        /// HPKE encapsulation, ciphertext and tag.
        sealed: &'a [u8],
    },
    /// Push my direct messages after this one again.
    SyncDirect {
        /// The last message that was received, or 0.
        after: u64,
    },
    /// Which keys has this person's device?
    LookUp {
        /// Echoed in the answer.
        request: u32,
        /// Login name.
        username: &'a str,
    },
    /// Ask somebody to come to a room.
    Call {
        /// Echoed in the answer.
        request: u32,
        /// Login name.
        to: &'a str,
        /// To which room.
        room: RoomId,
    },
    /// Answer a call.
    AnswerCall {
        /// Which.
        call: CallId,
        /// Whether to come.
        accept: bool,
    },
    /// Hang up before the other side answered.
    CancelCall {
        /// Which.
        call: CallId,
    },
    /// I am alive; answered with `Alive`.
    KeepAlive,
    /// I have nothing to build on: please ask the sender for a whole picture.
    RequestRefresh {
        /// In which room.
        room: RoomId,
        /// Whose picture.
        slot: Slot,
        /// Which track.
        track: TrackId,
    },
    /// Give a message of mine another text.
    EditChat {
        /// The same for every resend of this change; unique per author, among messages and changes.
        reference: u64,
        /// In which room.
        room: RoomId,
        /// Which message.
        id: u64,
        /// Its new text.
        text: &'a str,
    },
    /// Take a message back: one of mine, or any in a room that I made.
    DeleteChat {
        /// As in [`Self::EditChat`].
        reference: u64,
        /// In which room.
        room: RoomId,
        /// Which message.
        id: u64,
    },
    /// Show me older messages of a room, newest first.
    ReadHistory {
        /// Echoed in the answers.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Only messages before this one; 0: from the newest.
        before: u64,
        /// So many at most: 1 to [`CHAT_PAGE_MAX`].
        count: u8,
    },
    /// Show me the messages of a room that have all these words, newest first.
    SearchChat {
        /// Echoed in the answers.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Only messages before this one; 0: from the newest.
        before: u64,
        /// So many at most: 1 to [`CHAT_PAGE_MAX`].
        count: u8,
        /// The words; those in quotation marks stand together in this order.
        words: &'a str,
    },
    /// I have read up to this message, on whatever device.
    MarkRead {
        /// Which room; 0: my direct messages.
        room: RoomId,
        /// The last message that was read.
        id: u64,
    },
    /// What have I not read?
    AskUnread {
        /// Echoed in the answers.
        request: u32,
    },
    /// Strips of others' pictures did not come and are not asked for any more: please have what was in them sent anew.
    ReportLost {
        /// Which: 1 to 16 entries of 16 bytes, as the body of a Nack (`crate::media::nack`).
        packets: &'a [u8],
    },
    /// Keep order in a room.
    Moderate {
        /// Echoed in the answer.
        request: u32,
        /// Which room.
        room: RoomId,
        /// What to do.
        act: Act,
        /// To whom: a login name, or nothing if it is done to the room.
        whom: &'a str,
    },
    /// Raise my hand, or lower it.
    RaiseHand {
        /// In which room.
        room: RoomId,
        /// Whether it is up.
        is_up: bool,
    },
    /// Show me what was done to keep order in my room, the newest first.
    ReadAudit {
        /// Echoed in the answers.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Only entries before this one; 0: from the newest.
        before: u64,
        /// So many at most: 1 to [`CHAT_PAGE_MAX`].
        count: u8,
    },
    /// My network lets no datagrams pass: send mine inside this connection, or over UDP again.
    Tunnel {
        /// Whether they travel inside this connection.
        is_on: bool,
    },
    /// A datagram of mine that travels inside this connection.
    Tunnelled {
        /// The datagram, sealed as over UDP.
        datagram: &'a [u8],
    },
    /// I have a file for a room or for one person.
    OfferFile {
        /// Unique per author; the same if the file is offered again after a lost connection.
        reference: u64,
        /// For which room; 0: for a person.
        room: RoomId,
        /// Login name of the person, or nothing.
        to: &'a str,
        /// Its name; nothing if it is for a person, who finds it inside the seal.
        name: &'a str,
        /// **Units:** bytes.
        size: u64,
        /// SHA-256 of its bytes, as they are sent.
        sha256: [u8; 32],
    },
    /// A piece of my file.
    FileChunk {
        /// Its number.
        file: u64,
        /// Where the piece begins.
        from: u64,
        /// 1 to [`FILE_CHUNK_MAX_BYTES`].
        bytes: &'a [u8],
    },
    /// Send me a range of a file.
    FetchFile {
        /// Echoed if it is refused.
        request: u32,
        /// Which.
        file: u64,
        /// Where the range begins.
        from: u64,
        /// 1 to [`FILE_RANGE_MAX_BYTES`]; less if the file ends before.
        count: u32,
    },
    /// Take a file away: one of mine, or any in a room where I keep order.
    DeleteFile {
        /// Echoed in the answer.
        request: u32,
        /// Which.
        file: u64,
    },
    /// Show me the files of a room, the newest first.
    ListFiles {
        /// Echoed in the answers.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Only files before this one; 0: from the newest.
        before: u64,
        /// So many at most: 1 to [`CHAT_PAGE_MAX`].
        count: u8,
    },
    /// Whoever comes into a room needs its password from now on.
    SetPassword {
        /// Echoed in the answer.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Random, for this password alone.
        salt: [u8; 16],
        /// PBKDF2-HMAC-SHA256 of the password: `ROOM_PASSWORD_ITERATIONS` rounds.
        key: [u8; 32],
    },
    /// Let me into a room that wants a password.
    Enter {
        /// Echoed in the answer.
        request: u32,
        /// Which room.
        room: RoomId,
        /// As in [`Self::SetPassword`], with the salt that the server said.
        key: [u8; 32],
    },
    /// About what goes on in a room: reactions, breakout rooms.
    #[serde(borrow)]
    InRoom(RoomAsk<'a>),
    /// About accounts: devices, invitations.
    #[serde(borrow)]
    Account(AccountAsk<'a>),
}

impl ClientMessage<'_> {
    /// The number that a refusal of this message carries; 0 if it has none.
    pub fn request_number(&self) -> u64 {
        match *self {
            Self::CreateRoom { request, .. }
            | Self::JoinRoom { request, .. }
            | Self::JoinNamed { request, .. }
            | Self::LookUp { request, .. }
            | Self::ReadHistory { request, .. }
            | Self::SearchChat { request, .. }
            | Self::AskUnread { request }
            | Self::Moderate { request, .. }
            | Self::SetPassword { request, .. }
            | Self::Enter { request, .. }
            | Self::ReadAudit { request, .. }
            | Self::FetchFile { request, .. }
            | Self::DeleteFile { request, .. }
            | Self::ListFiles { request, .. }
            | Self::Call { request, .. } => u64::from(request),
            Self::SendChat { reference, .. }
            | Self::SendDirect { reference, .. }
            | Self::EditChat { reference, .. }
            | Self::DeleteChat { reference, .. }
            | Self::OfferFile { reference, .. } => reference,
            Self::InRoom(ref ask) => u64::from(ask.request()),
            Self::Account(ref ask) => u64::from(ask.request()),
            _ => 0,
        }
    }

    /// Whether every field is within its bounds. Parsing refuses a message that is not.
    pub fn is_legal(&self) -> bool {
        match *self {
            Self::Hello { version_min, version_max, agent } => {
                version_min <= version_max && agent.len() <= AGENT_MAX_BYTES && !agent.chars().any(char::is_control)
            }
            Self::SignIn { scram, .. } => scram.len() <= 512,
            Self::SignInFinal { scram, proof, display_name, .. } => {
                scram.len() <= 512
                    && proof.len() == 64
                    && (display_name.is_empty() || text::is_display_name(display_name))
            }
            Self::Register { email, display_name, iterations, proof, .. } => {
                text::is_email(email)
                    && text::is_display_name(display_name)
                    && (PBKDF2_ITERATIONS_MIN..=PBKDF2_ITERATIONS_MAX).contains(&iterations)
                    && proof.len() == 64
            }
            Self::SignInGuest { display_name, email, proof, .. } => {
                text::is_display_name(display_name) && text::is_email(email) && proof.len() == 64
            }
            Self::SignInToken { username, proof, .. } => text::is_username(username) && proof.len() == 64,
            Self::CreateRoom { name, .. } | Self::JoinNamed { name, .. } => text::is_room_name(name),
            Self::SetTrack { track, info, .. } => usize::from(track.0) < TRACKS_MAX && info.is_legal(),
            Self::Subscribe { slot, track, .. } | Self::RequestRefresh { slot, track, .. } => {
                is_slot(slot) && usize::from(track.0) < TRACKS_MAX
            }
            Self::SenderKey { slot, wrap, .. } => is_slot(slot) && wrap.len() == 80,
            Self::RequestKey { slot, .. } => is_slot(slot),
            Self::SendChat { text, .. } | Self::EditChat { text, .. } => text::is_chat_text(text),
            Self::OfferFile { room, to, name, .. } => {
                let is_for_room = to.is_empty() && text::is_file_name(name);
                let is_for_person = name.is_empty() && text::is_username(to);
                if room == RoomId(0) { is_for_person } else { is_for_room }
            }
            Self::FileChunk { bytes, .. } => (1..=FILE_CHUNK_MAX_BYTES).contains(&bytes.len()),
            Self::FetchFile { count, .. } => (1..=FILE_RANGE_MAX_BYTES).contains(&count),
            Self::ReadHistory { count, .. } | Self::ListFiles { count, .. } | Self::ReadAudit { count, .. } => {
                is_page(count)
            }
            Self::Moderate { act, whom, .. } => {
                if !act.is_plain() {
                    false
                } else if act.has_target() {
                    text::is_username(whom)
                } else {
                    whom.is_empty()
                }
            }
            Self::SearchChat { count, words, .. } => is_page(count) && text::is_search_text(words),
            Self::ReportLost { packets } => parse_nack(packets).is_ok(),
            Self::SendDirect { to, sealed, .. } => {
                text::is_username(to) && !sealed.is_empty() && sealed.len() <= DIRECT_SEALED_MAX_BYTES
            }
            Self::Tunnelled { datagram } => super::is_datagram(datagram),
            Self::LookUp { username, .. } => text::is_username(username),
            Self::Account(ref ask) => ask.is_legal(),
            Self::Call { to, .. } => text::is_username(to),
            Self::InRoom(ref ask) => ask.is_legal(),
            Self::SignOut
            | Self::WatchLobby { .. }
            | Self::JoinRoom { .. }
            | Self::LeaveRoom { .. }
            | Self::SyncChat { .. }
            | Self::SyncDirect { .. }
            | Self::DeleteChat { .. }
            | Self::MarkRead { .. }
            | Self::AskUnread { .. }
            | Self::RaiseHand { .. }
            | Self::AnswerCall { .. }
            | Self::CancelCall { .. }
            | Self::Tunnel { .. }
            | Self::DeleteFile { .. }
            | Self::SetPassword { .. }
            | Self::Enter { .. }
            | Self::KeepAlive => true,
        }
    }
}

fn is_page(count: u8) -> bool {
    (1..=CHAT_PAGE_MAX).contains(&count)
}
