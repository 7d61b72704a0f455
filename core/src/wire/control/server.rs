//! What the server says.

use serde::{Deserialize, Serialize};

use super::account::AccountTold;
use super::in_room::RoomTold;
use super::is_slot;
use super::parts::{
    Act, CallOutcome, DevicePublic, LeaveReason, ParticipantInfo, Refusal, SignInMethods, SignOutReason,
};
use crate::id::{CallId, RoomId, SessionId, Slot, TrackId};
use crate::limits::{DIRECT_SEALED_MAX_BYTES, FILE_CHUNK_MAX_BYTES, LAYERS_MAX, ROOM_PARTICIPANTS_MAX, TRACKS_MAX};
use crate::wire::text;

/// A message from server to client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage<'a> {
    /// Answer to the client's `Hello`.
    Hello {
        /// The version that both speak.
        version: u16,
        /// The server's name.
        name: &'a str,
        /// How one may sign in.
        methods: SignInMethods,
    },
    /// The SCRAM server-first message.
    SignInChallenge {
        /// SCRAM server-first-message.
        scram: &'a [u8],
    },
    /// The name is not taken: make an account with this salt and these rounds.
    RegisterOffer {
        /// Rounds of PBKDF2 that the server asks for.
        iterations: u32,
    },
    /// Signed in.
    Welcome {
        /// The connection id of this session's datagrams.
        session: SessionId,
        /// The login name, as the server spells it.
        username: &'a str,
        /// The name to show, as stored.
        display_name: &'a str,
        /// SCRAM server-final-message; empty without SCRAM.
        scram: &'a [u8],
        /// A token to sign in again with, if the server gives one.
        token: Option<[u8; 32]>,
    },
    /// A request was refused.
    Refused {
        /// The request's number, or the message's reference, or 0.
        request: u64,
        /// Why.
        reason: Refusal,
        /// When to try again, if that helps. **Units:** seconds.
        retry_after_s: u32,
    },
    /// The session is over.
    SignedOut {
        /// Why.
        reason: SignOutReason,
    },
    /// Lobby: a room exists, or its count changed.
    Room {
        /// Its place in the server's table: whatever was told for that place before is gone.
        place: u16,
        /// Its id.
        room: RoomId,
        /// Its name.
        name: &'a str,
        /// Participants in it now.
        people: u16,
    },
    /// Lobby: a room is gone.
    RoomGone {
        /// Its place.
        place: u16,
    },
    /// Lobby: somebody is online.
    Person {
        /// Place in the server's table: whoever was told for that place before is gone.
        place: u16,
        /// Login name.
        username: &'a str,
        /// Name to show.
        display_name: &'a str,
    },
    /// Lobby: somebody is no longer online.
    PersonGone {
        /// Their place.
        place: u16,
    },
    /// Lobby: all rooms and people up to now were told.
    LobbyComplete,
    /// The room was made.
    RoomCreated {
        /// Echo.
        request: u32,
        /// Its id.
        room: RoomId,
    },
    /// You are in the room.
    Joined {
        /// Echo.
        request: u32,
        /// Which.
        room: RoomId,
        /// Its name.
        name: &'a str,
        /// Your place.
        slot: Slot,
        /// Your membership number.
        member: u32,
        /// Number of the newest chat message, 0 if there is none.
        chat_latest: u64,
    },
    /// You are no longer in the room.
    Left {
        /// Which.
        room: RoomId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody is in the room (yourself included), or their state changed.
    Participant {
        /// In which room.
        room: RoomId,
        /// Who, and their tracks.
        #[serde(borrow)]
        info: ParticipantInfo<'a>,
    },
    /// Somebody left the room.
    ParticipantGone {
        /// Which room.
        room: RoomId,
        /// Their place.
        slot: Slot,
    },
    /// A participant's media key, wrapped for this device.
    SenderKey {
        /// In which room.
        room: RoomId,
        /// Whose.
        slot: Slot,
        /// Generation (high byte) and ratchet step (low byte).
        epoch: u16,
        /// HPKE encapsulation, ciphertext and tag: 80 bytes.
        wrap: &'a [u8],
    },
    /// Somebody could not open your packets: wrap your media key for them again.
    KeyRequested {
        /// In which room.
        room: RoomId,
        /// By whom.
        slot: Slot,
    },
    /// A chat message is stored: it will not be lost.
    ChatStored {
        /// Its reference.
        reference: u64,
        /// In which room.
        room: RoomId,
        /// Its number there.
        id: u64,
        /// When the server stored it. **Units:** milliseconds since 1970.
        time_ms: u64,
    },
    /// A room's message.
    Chat {
        /// Which room.
        room: RoomId,
        /// Its number: 1, 2, 3, … in each room.
        id: u64,
        /// Login name of the author.
        author: &'a str,
        /// The author's name to show.
        display_name: &'a str,
        /// When the server stored it. **Units:** milliseconds since 1970.
        time_ms: u64,
        /// The text.
        text: &'a str,
    },
    /// Messages before this number are no longer kept.
    ChatFrom {
        /// Which room.
        room: RoomId,
        /// The oldest message that is kept.
        oldest: u64,
    },
    /// A direct message is stored.
    DirectStored {
        /// Its reference.
        reference: u64,
        /// Its number at the receiver.
        id: u64,
        /// When the server stored it. **Units:** milliseconds since 1970.
        time_ms: u64,
    },
    /// A direct message for you.
    Direct {
        /// Its number: 1, 2, 3, … per receiver.
        id: u64,
        /// Login name of the sender.
        from: &'a str,
        /// The sender's device keys, as the server knows them.
        device: DevicePublic,
        /// When the server stored it. **Units:** milliseconds since 1970.
        time_ms: u64,
        /// HPKE encapsulation, ciphertext and tag.
        sealed: &'a [u8],
    },
    /// Direct messages before this number are no longer kept.
    DirectFrom {
        /// The oldest message that is kept.
        oldest: u64,
    },
    /// A person's device keys.
    Keys {
        /// Echo.
        request: u32,
        /// Login name.
        username: &'a str,
        /// The keys.
        device: DevicePublic,
    },
    /// Somebody asks you to come to a room.
    Ringing {
        /// Number of the call.
        call: CallId,
        /// Login name of the caller.
        from: &'a str,
        /// The caller's name to show.
        display_name: &'a str,
        /// To which room.
        room: RoomId,
        /// Its name.
        name: &'a str,
        /// Until it stops ringing. **Units:** seconds.
        seconds: u16,
    },
    /// A call of yours goes on or is over. `request` is that of the caller, 0 at the callee.
    CallState {
        /// Echo.
        request: u32,
        /// Number of the call.
        call: CallId,
        /// What became of it.
        outcome: CallOutcome,
    },
    /// Answer to `KeepAlive`.
    Alive,
    /// Which sizes of your picture anybody is sent. Until this comes, the full one.
    WantedLayers {
        /// In which room.
        room: RoomId,
        /// Which track.
        track: TrackId,
        /// A bit for each size layer, the lowest for the full picture; 0: nobody sees it.
        layers: u8,
        /// What the receivers of the largest of them can take at most. **Units:** bits a second; 0: no bound.
        max_bps: u32,
    },
    /// Somebody needs a whole picture of these sizes to build on.
    Refresh {
        /// In which room.
        room: RoomId,
        /// Which track.
        track: TrackId,
        /// A bit for each size layer.
        layers: u8,
    },
    /// Who speaks.
    ActiveSpeaker {
        /// In which room.
        room: RoomId,
        /// Whoever does, or did last.
        slot: Option<Slot>,
    },
    /// A message of a room was changed, or taken back. Changes are numbered in one row with the room's messages.
    ChatChanged {
        /// Which room.
        room: RoomId,
        /// The change's number there.
        id: u64,
        /// Which message; `id` itself for one that was taken back before this receiver saw it.
        target: u64,
        /// Login name of whoever changed it.
        author: &'a str,
        /// When the server stored the change. **Units:** milliseconds since 1970.
        time_ms: u64,
        /// The text that it has now; none if it was taken back.
        text: Option<&'a str>,
    },
    /// A message that [`ClientMessage::ReadHistory`](super::ClientMessage::ReadHistory) or
    /// [`ClientMessage::SearchChat`](super::ClientMessage::SearchChat) asked for, as it is now.
    ChatFound {
        /// Echo.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Its number there.
        id: u64,
        /// Login name of the author.
        author: &'a str,
        /// The author's name to show, of that time.
        display_name: &'a str,
        /// When the server stored it. **Units:** milliseconds since 1970.
        time_ms: u64,
        /// When it was changed last, 0 if never. **Units:** milliseconds since 1970.
        edited_ms: u64,
        /// The text; none if it was taken back.
        text: Option<&'a str>,
    },
    /// That was all that was asked for.
    ChatFoundAll {
        /// Echo.
        request: u32,
        /// Which room.
        room: RoomId,
        /// What to ask for next as `before`; 0 if there is nothing older.
        before: u64,
    },
    /// How far a room was read, or the direct messages were.
    Unread {
        /// Echo.
        request: u32,
        /// Which room; 0: direct messages.
        room: RoomId,
        /// Its name; empty for direct messages.
        name: &'a str,
        /// The last message that was read.
        read: u64,
        /// The newest message or change, 0 if there is none.
        latest: u64,
        /// Messages of others behind `read`, at most 1000.
        unread: u32,
    },
    /// Everything that is not read was told.
    UnreadAll {
        /// Echo.
        request: u32,
    },
    /// Somebody did not get these packets of your picture, and nobody brings them any more.
    Lost {
        /// In which room.
        room: RoomId,
        /// Which track.
        track: TrackId,
        /// Which size layer.
        layer: u8,
        /// The first of them.
        seq: u32,
        /// Which of the 32 after it, too.
        more: u32,
    },
    /// It was done, and is on the list of what was done.
    Moderated {
        /// Echo.
        request: u32,
    },
    /// A host has switched tracks of yours off.
    Muted {
        /// In which room.
        room: RoomId,
        /// A bit for each track.
        tracks: u8,
        /// Login name of the host.
        by: &'a str,
    },
    /// A host asks you to switch your microphone on.
    UnmuteAsked {
        /// In which room.
        room: RoomId,
        /// Login name of the host.
        by: &'a str,
    },
    /// Nobody new may come into the room, or everybody may again.
    RoomLocked {
        /// Which room.
        room: RoomId,
        /// Whether it is locked.
        is_locked: bool,
    },
    /// Something that was done to keep order.
    Audit {
        /// Echo.
        request: u32,
        /// Its number.
        id: u64,
        /// When. **Units:** milliseconds since 1970.
        time_ms: u64,
        /// Login name of whoever did it.
        by: &'a str,
        /// What.
        act: Act,
        /// To whom, or nothing.
        whom: &'a str,
    },
    /// That was all that was asked for.
    AuditAll {
        /// Echo.
        request: u32,
        /// What to ask for next as `before`; 0 if there is nothing older.
        before: u64,
    },
    /// A datagram that travels inside this connection, as you asked.
    Tunnelled {
        /// The datagram, sealed as over UDP.
        datagram: &'a [u8],
    },
    /// Of your file I have all before this; send what follows.
    FileWanted {
        /// Its reference.
        reference: u64,
        /// Its number here.
        file: u64,
        /// Where what is missing begins.
        from: u64,
    },
    /// Your file is whole and will not be lost.
    FileStored {
        /// Its reference.
        reference: u64,
        /// Its number here.
        file: u64,
    },
    /// A file of a room: it has just come, or was asked for.
    File {
        /// Echo; 0 if it has just come.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Its number.
        file: u64,
        /// Login name of whoever sent it.
        author: &'a str,
        /// Their name to show.
        display_name: &'a str,
        /// When it was offered. **Units:** milliseconds since 1970.
        time_ms: u64,
        /// Its name. Nobody may trust it to be one on their file system.
        name: &'a str,
        /// **Units:** bytes.
        size: u64,
        /// SHA-256 of its bytes.
        sha256: [u8; 32],
    },
    /// That was all that was asked for.
    FilesAll {
        /// Echo.
        request: u32,
        /// What to ask for next as `before`; 0 if there is nothing older.
        before: u64,
    },
    /// A piece of the range that you asked for.
    FileChunk {
        /// Of which file.
        file: u64,
        /// Where the piece begins.
        from: u64,
        /// 1 to [`FILE_CHUNK_MAX_BYTES`].
        bytes: &'a [u8],
    },
    /// A file was taken away.
    FileGone {
        /// Echo; 0 for everybody else in the room.
        request: u32,
        /// Its room; 0 if it was for one person.
        room: RoomId,
        /// Its number.
        file: u64,
    },
    /// The room wants a password: say [`super::ClientMessage::Enter`].
    PasswordWanted {
        /// Echo.
        request: u32,
        /// Which room.
        room: RoomId,
        /// To derive the key with.
        salt: [u8; 16],
    },
    /// You wait until a host of the room lets you in: then comes `Joined`, or else a refusal.
    Waiting {
        /// Echo.
        request: u32,
        /// Which room.
        room: RoomId,
        /// Its name.
        name: &'a str,
    },
    /// Somebody waits to be let into a room where you keep order, or waits no longer.
    Knock {
        /// Which room.
        room: RoomId,
        /// Login name.
        username: &'a str,
        /// Name to show.
        display_name: &'a str,
        /// Whether they wait.
        is_waiting: bool,
    },
    /// What holds in the room from now on; also said to whoever comes, if anything of it does.
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
    /// About what goes on in a room: reactions, breakout rooms.
    InRoom(RoomTold<'a>),
    /// About accounts: devices, invitations.
    Account(AccountTold<'a>),
}

impl ServerMessage<'_> {
    /// Whether every field is within its bounds. A client trusts no server: parsing refuses a message that is not.
    pub fn is_legal(&self) -> bool {
        match *self {
            Self::Hello { name, .. } => text::is_display_name(name),
            Self::SignInChallenge { scram } => scram.len() <= 512,
            Self::Welcome { username, display_name, scram, .. } => {
                text::is_username(username) && text::is_display_name(display_name) && scram.len() <= 512
            }
            Self::Room { name, people, .. } => text::is_room_name(name) && usize::from(people) <= ROOM_PARTICIPANTS_MAX,
            Self::Person { username, display_name, .. } | Self::Knock { username, display_name, .. } => {
                text::is_username(username) && text::is_display_name(display_name)
            }
            Self::Keys { username, .. } => text::is_username(username),
            Self::Joined { name, slot, .. } => text::is_room_name(name) && is_slot(slot),
            Self::Participant { info, .. } => {
                is_slot(info.slot)
                    && text::is_username(info.username)
                    && text::is_display_name(info.display_name)
                    && info.tracks.iter().all(super::TrackInfo::is_legal)
            }
            Self::ParticipantGone { slot, .. } | Self::KeyRequested { slot, .. } => is_slot(slot),
            Self::Lost { track, layer, .. } => usize::from(track.0) < TRACKS_MAX && usize::from(layer) < LAYERS_MAX,
            Self::WantedLayers { track, layers, .. } | Self::Refresh { track, layers, .. } => {
                usize::from(track.0) < TRACKS_MAX && layers < 1 << LAYERS_MAX
            }
            Self::ActiveSpeaker { slot, .. } => slot.is_none_or(is_slot),
            Self::SenderKey { slot, wrap, .. } => is_slot(slot) && wrap.len() == 80,
            Self::Chat { author, display_name, text, .. } => {
                text::is_username(author) && text::is_display_name(display_name) && text::is_chat_text(text)
            }
            Self::ChatChanged { author, text, .. } => text::is_username(author) && text.is_none_or(text::is_chat_text),
            Self::ChatFound { author, display_name, text, .. } => {
                text::is_username(author) && text::is_display_name(display_name) && text.is_none_or(text::is_chat_text)
            }
            Self::Muted { tracks, by, .. } => tracks < 1 << TRACKS_MAX && text::is_username(by),
            Self::UnmuteAsked { by, .. } => text::is_username(by),
            Self::Waiting { name, .. } => text::is_room_name(name),
            Self::InRoom(ref told) => told.is_legal(),
            Self::Audit { by, whom, .. } => text::is_username(by) && (whom.is_empty() || text::is_username(whom)),
            Self::File { author, display_name, name, .. } => {
                text::is_username(author) && text::is_display_name(display_name) && text::is_file_name(name)
            }
            Self::FileChunk { bytes, .. } => (1..=FILE_CHUNK_MAX_BYTES).contains(&bytes.len()),
            Self::Tunnelled { datagram } => super::is_datagram(datagram),
            Self::Account(ref told) => told.is_legal(),
            Self::Unread { name, .. } => name.is_empty() || text::is_room_name(name),
            Self::Direct { from, sealed, .. } => text::is_username(from) && sealed.len() <= DIRECT_SEALED_MAX_BYTES,
            Self::Ringing { from, display_name, name, .. } => {
                text::is_username(from) && text::is_display_name(display_name) && text::is_room_name(name)
            }
            Self::RegisterOffer { .. }
            | Self::Refused { .. }
            | Self::SignedOut { .. }
            | Self::RoomGone { .. }
            | Self::PersonGone { .. }
            | Self::LobbyComplete
            | Self::RoomCreated { .. }
            | Self::Left { .. }
            | Self::ChatStored { .. }
            | Self::ChatFrom { .. }
            | Self::ChatFoundAll { .. }
            | Self::UnreadAll { .. }
            | Self::Moderated { .. }
            | Self::RoomLocked { .. }
            | Self::PasswordWanted { .. }
            | Self::Rules { .. }
            | Self::AuditAll { .. }
            | Self::FileWanted { .. }
            | Self::FileStored { .. }
            | Self::FilesAll { .. }
            | Self::FileGone { .. }
            | Self::DirectStored { .. }
            | Self::DirectFrom { .. }
            | Self::CallState { .. }
            | Self::Alive => true,
        }
    }
}
