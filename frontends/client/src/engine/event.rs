//! What the engine tells its frontend.

use std::path::PathBuf;
use std::time::Duration;

use hph_core::id::{CallId, RoomId, Slot, TrackId};
use hph_core::limits::TRACKS_MAX;
use hph_core::room::reaction::Reaction;
use hph_core::room::roles::Role;
use hph_core::wire::control::{
    Act, CallOutcome, DevicePublic, LeaveReason, ParticipantInfo, Refusal, SignInMethods, TrackInfo,
};

use super::{AccountEvent, FileFailure};
use crate::breakout::BreakoutNews;
use crate::files::RemoteFile;
use crate::people::KeyState;
use crate::safety::RoomSafety;
use crate::tls::{Pin, PinMismatch};

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Place in the room.
    pub slot: Slot,
    /// Number of this membership.
    pub member: u32,
    /// Login name.
    pub username: String,
    /// Name to show.
    pub display_name: String,
    /// Tracks, as the server confirmed them.
    pub tracks: [TrackInfo; TRACKS_MAX],
    /// What they may do here.
    pub role: Role,
    /// 0: their hand is down; else the lower the earlier it was raised.
    pub hand: u32,
    /// Their device, to which our keys are given.
    pub device: DevicePublic,
    /// How far its keys may be trusted; nothing is known of our own.
    pub key: KeyState,
}

impl Participant {
    pub(crate) fn new(info: &ParticipantInfo<'_>, key: KeyState) -> Self {
        Self {
            slot: info.slot,
            member: info.member,
            username: info.username.to_owned(),
            display_name: info.display_name.to_owned(),
            tracks: info.tracks,
            role: info.role,
            hand: info.hand,
            device: info.device,
            key,
        }
    }
}

/// What is remarkable about our own microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicrophoneRemark {
    /// Somebody talks whom nobody hears: the key is not held.
    TalkingWhileMuted,
    /// It has given nothing for seconds.
    NoSignal,
    /// There is a signal again.
    Signal,
    /// It is so loud that it distorts.
    Clipping,
    /// The device is gone.
    Gone,
    /// The device is back, or another one in its place.
    Back,
}

/// Why a message is not sent, now or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The server refused it, or would.
    Refused(Refusal),
    /// The receiver has another key than before: accept that first.
    KeyChanged,
    /// It can't be told whether the receiver's key is theirs: what is remembered can't be read.
    KeysUnreadable,
}

impl FailReason {
    /// A short stable code for scripts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.code(),
            Self::KeyChanged => "key_changed",
            Self::KeysUnreadable => "keys_unreadable",
        }
    }
}

/// Why the engine ended for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user asked for it.
    Quit,
    /// The server could not be reached.
    Unreachable(String),
    /// The server has another key than it must have.
    Pin(PinMismatch),
    /// The server refused to sign us in.
    Refused {
        /// Why.
        reason: Refusal,
        /// When to try again, in seconds; 0 if that does not help.
        retry_after_s: u32,
        /// How one may sign in there.
        methods: SignInMethods,
    },
    /// The server can't prove that it knows the account, or asks for unsafe rounds of PBKDF2.
    FalseServer,
    /// The same person signed in from elsewhere.
    SignedInElsewhere,
    /// This device was revoked: it may not sign in to this account any more.
    Revoked,
    /// The server speaks something else.
    Protocol,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something about our microphone, for the person who speaks into it.
    Microphone {
        /// Which room hears it.
        room: RoomId,
        /// What.
        remark: MicrophoneRemark,
    },
    /// A connection is being made.
    Connecting {
        /// 0 for the first.
        attempt: u32,
    },
    /// Signed in.
    SignedIn {
        /// Login name.
        username: String,
        /// Name to show.
        display_name: String,
        /// The server's name.
        server_name: String,
        /// The server's key.
        pin: Pin,
    },
    /// The connection is lost; the next attempt follows.
    Lost {
        /// Why, for people.
        why: String,
        /// When the next attempt begins.
        retry_in: Duration,
    },
    /// The engine ended; no event follows.
    Ended(EndReason),
    /// Datagrams go both ways, or no longer.
    Datagrams {
        /// Whether they do.
        is_up: bool,
    },
    /// The network lets no datagrams pass, and media goes over the TCP connection; or datagrams pass again. Media comes
    /// later that way, and worse on a bad line: the user should know.
    Tunnelled {
        /// Whether media goes over the TCP connection.
        is_on: bool,
    },
    /// How far a file is that is sent or fetched.
    FileProgress {
        /// The request that began it.
        request: u32,
        /// Bytes that are there.
        done: u64,
        /// All of them; of a sealed file a few more than it has itself.
        total: u64,
    },
    /// A file is there for whom it is, for good.
    FileSent {
        /// The request that began it.
        request: u32,
        /// Its number at the server.
        file: u64,
    },
    /// A file is here, whole and checked.
    FileFetched {
        /// The request that began it.
        request: u32,
        /// Where it is.
        path: PathBuf,
    },
    /// A file was not sent, or not fetched.
    FileFailed {
        /// The request that began it.
        request: u32,
        /// Why.
        reason: FileFailure,
    },
    /// A file of a room: it has just come (`request` 0), or was asked for.
    File {
        /// Of [`super::Command::ListFiles`], or 0.
        request: u32,
        /// In which room.
        room: RoomId,
        /// The file.
        file: RemoteFile,
        /// Login name of whoever sent it.
        author: String,
        /// Their name to show.
        display_name: String,
        /// When it was sent. **Units:** milliseconds since 1970.
        time_ms: u64,
    },
    /// The end of the files that were asked for.
    FilesAll {
        /// The request's number.
        request: u32,
        /// What to ask for next as `before`; 0 if there is nothing older.
        before: u64,
    },
    /// A file was taken away.
    FileGone {
        /// The request's number if we did that, else 0.
        request: u32,
        /// Its room; 0 if it was for one person.
        room: RoomId,
        /// Its number.
        file: u64,
    },
    /// Lobby: a room, or its new count.
    LobbyRoom {
        /// Place in the lobby: what was there before is gone.
        place: u16,
        /// Its id.
        room: RoomId,
        /// Its name.
        name: String,
        /// Participants now.
        people: u16,
    },
    /// Lobby: a room is gone.
    LobbyRoomGone {
        /// Its place.
        place: u16,
    },
    /// Lobby: somebody is online.
    LobbyPerson {
        /// Place in the lobby: who was there before is gone.
        place: u16,
        /// Login name.
        username: String,
        /// Name to show.
        display_name: String,
    },
    /// Lobby: somebody is gone.
    LobbyPersonGone {
        /// Their place.
        place: u16,
    },
    /// Lobby: everything up to now was told.
    LobbyComplete,
    /// A room was made.
    RoomCreated {
        /// The request.
        request: u32,
        /// Its id.
        room: RoomId,
    },
    /// We are in a room; after a reconnect again, with request 0.
    Joined {
        /// The request.
        request: u32,
        /// Which.
        room: RoomId,
        /// Its name.
        name: String,
        /// Our place.
        slot: Slot,
    },
    /// We are no longer in a room.
    Left {
        /// Which.
        room: RoomId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody is in the room, or their tracks changed.
    Participant {
        /// Which room.
        room: RoomId,
        /// Who.
        participant: Participant,
        /// Whether they were not there before.
        is_new: bool,
        /// Whether it is us: then this is what the server confirmed.
        is_me: bool,
    },
    /// Somebody left the room.
    ParticipantGone {
        /// Which room.
        room: RoomId,
        /// Their place.
        slot: Slot,
        /// Login name.
        username: String,
    },
    /// Somebody shows a sign, we ourselves perhaps: for [`super::REACTION_SHOWN`], or until their next one.
    Reacted {
        /// In which room.
        room: RoomId,
        /// Who.
        slot: Slot,
        /// Which.
        reaction: Reaction,
    },
    /// Something about breakout rooms.
    Breakout {
        /// The room that they belong to.
        room: RoomId,
        /// What.
        news: BreakoutNews,
    },
    /// Somebody else speaks.
    Speaker {
        /// In which room.
        room: RoomId,
        /// Whoever does, or did last.
        slot: Option<Slot>,
    },
    /// The next message of a room.
    Chat {
        /// Which room.
        room: RoomId,
        /// Its number.
        id: u64,
        /// Login name of the author.
        author: String,
        /// The author's name to show.
        display_name: String,
        /// Milliseconds since 1970.
        time_ms: u64,
        /// The text.
        text: String,
    },
    /// A message of a room is different now.
    ChatChanged {
        /// Which room.
        room: RoomId,
        /// The change's number, in one row with the messages'.
        id: u64,
        /// Which message; `id` itself for one that was taken back before we saw it. It may be older than all we have.
        target: u64,
        /// Login name of whoever changed it.
        author: String,
        /// When, in milliseconds since 1970.
        time_ms: u64,
        /// The text that it has now; none if it was taken back.
        text: Option<String>,
    },
    /// A message that was looked up, as it is now.
    ChatFound {
        /// The request.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Its number.
        id: u64,
        /// Login name of the author.
        author: String,
        /// The author's name to show.
        display_name: String,
        /// Milliseconds since 1970.
        time_ms: u64,
        /// When it was changed last, if ever. **Units:** milliseconds since 1970.
        edited_ms: Option<u64>,
        /// The text; none if it was taken back.
        text: Option<String>,
    },
    /// That was all that was looked up.
    ChatFoundAll {
        /// The request.
        request: u32,
        /// Which room.
        room: RoomId,
        /// What to ask for next as `before`; 0 if there is nothing older.
        before: u64,
    },
    /// What we have not read of a room, or of the direct messages.
    Unread {
        /// The request.
        request: u32,
        /// Which room; 0: direct messages.
        room: RoomId,
        /// Its name; empty for direct messages.
        name: String,
        /// The last message that was read.
        read: u64,
        /// The newest message or change, 0 if there is none.
        latest: u64,
        /// Messages of others behind `read`; 100 stands for more.
        unread: u32,
    },
    /// Everything that is not read was told.
    UnreadAll {
        /// The request.
        request: u32,
    },
    /// What we did to keep order is done.
    Moderated {
        /// The request.
        request: u32,
    },
    /// A host has switched tracks of ours off.
    Muted {
        /// In which room.
        room: RoomId,
        /// Which.
        tracks: Vec<TrackId>,
        /// Login name of the host.
        by: String,
    },
    /// A host asks us to switch our microphone on.
    UnmuteAsked {
        /// In which room.
        room: RoomId,
        /// Login name of the host.
        by: String,
    },
    /// Nobody new may come into a room, or everybody may again.
    RoomLocked {
        /// Which room.
        room: RoomId,
        /// Whether it is locked.
        is_locked: bool,
    },
    /// A room that we want to enter wants a password: [`super::Command::Enter`].
    PasswordWanted {
        /// The request.
        request: u32,
        /// Which room.
        room: RoomId,
    },
    /// We wait until a host lets us in: then comes [`Self::Joined`], or else [`Self::Refused`].
    Waiting {
        /// The request.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Its name.
        name: String,
    },
    /// Somebody waits to be let into a room where we keep order, or waits no longer.
    Knock {
        /// Which room.
        room: RoomId,
        /// Login name.
        username: String,
        /// Name to show.
        display_name: String,
        /// Whether they wait.
        is_waiting: bool,
    },
    /// What holds in a room from now on.
    Rules {
        /// Which room.
        room: RoomId,
        /// Whoever comes waits until a host lets them in.
        has_waiting_room: bool,
        /// Whoever comes needs a password.
        has_password: bool,
        /// Only hosts may share their screens.
        hosts_share: bool,
    },
    /// Something that was done to keep order in a room of ours.
    Audit {
        /// The request.
        request: u32,
        /// Its number.
        id: u64,
        /// Milliseconds since 1970.
        time_ms: u64,
        /// Login name of whoever did it.
        by: String,
        /// What.
        act: Act,
        /// To whom, or nothing.
        whom: String,
    },
    /// That was all that was asked for of it.
    AuditAll {
        /// The request.
        request: u32,
        /// What to ask for next as `before`; 0 if there is nothing older.
        before: u64,
    },
    /// Our message is stored, or our change of one.
    ChatStored {
        /// Its reference.
        reference: u64,
        /// Which room.
        room: RoomId,
        /// Its number there.
        id: u64,
    },
    /// Somebody shows a key that was not seen before, or another one than before, or what is known of it has changed. Comes
    /// each time that they come into a room or write, as long as their key is a changed one.
    PersonKey {
        /// Login name.
        username: String,
        /// The key.
        device: DevicePublic,
        /// How far it may be trusted.
        key: KeyState,
    },
    /// Keys that were seen can't be read or written: nobody's key is trusted, or what is new is not remembered.
    KeysUnusable {
        /// Why, for people.
        why: String,
    },
    /// The safety code of a room is another one: somebody came or left, or has another key.
    Safety {
        /// Which room.
        room: RoomId,
        /// The code, and what it is made of.
        safety: RoomSafety,
    },
    /// The next direct message.
    Direct {
        /// Its number.
        id: u64,
        /// Login name of the sender.
        from: String,
        /// How far the key that signed it may be trusted.
        key: KeyState,
        /// Milliseconds since 1970.
        time_ms: u64,
        /// The text; none if this device can't open it.
        text: Option<String>,
    },
    /// Our direct message is stored.
    DirectStored {
        /// Its reference.
        reference: u64,
        /// Its number at the receiver.
        id: u64,
    },
    /// Our message is not sent, or was refused and is not sent again.
    MessageFailed {
        /// Its reference.
        reference: u64,
        /// Why.
        reason: FailReason,
    },
    /// The server can't store our message now: it is sent again until it can. Said once for each.
    MessageDelayed {
        /// Its reference.
        reference: u64,
        /// Why.
        reason: Refusal,
    },
    /// A request was refused.
    Refused {
        /// The request.
        request: u32,
        /// Why.
        reason: Refusal,
    },
    /// Somebody asks us to come to a room.
    Ringing {
        /// Number of the call.
        call: CallId,
        /// Login name of the caller.
        from: String,
        /// The caller's name to show.
        display_name: String,
        /// To which room.
        room: RoomId,
        /// Its name.
        name: String,
        /// Until it stops ringing, in seconds.
        seconds: u16,
    },
    /// A call goes on or is over.
    CallState {
        /// Our request; 0 if we are called.
        request: u32,
        /// Number of the call.
        call: CallId,
        /// What became of it.
        outcome: CallOutcome,
    },
    /// About accounts: devices, invitations, pairing.
    Account(AccountEvent),
}
