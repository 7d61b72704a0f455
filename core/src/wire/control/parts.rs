//! The parts that control messages are made of.

use serde::{Deserialize, Serialize};

use crate::id::Slot;
use crate::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX, TRACKS_MAX};
use crate::room::rights::{Deed, Right};
use crate::room::roles::Role;

/// How a track's frames are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Codec {
    /// 16-bit little-endian samples, 16 kHz, one channel: the test codec.
    #[default]
    Pcm16k,
    /// Baseline JPEG pictures.
    Jpeg,
    /// Opus, 48 kHz clock, one channel (RFC 6716).
    Opus,
    /// Strips of a picture that is kept: each datagram decodes by itself.
    Strips,
}

/// One track as its owner announced it and the server confirmed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackInfo {
    /// Whether frames flow. The relay drops every packet of a track that is off.
    pub is_on: bool,
    /// How frames are encoded.
    pub codec: Codec,
    /// Picture width in pixels; 0 for sound. A receiver decodes nothing larger.
    pub width: u16,
    /// Picture height in pixels; 0 for sound.
    pub height: u16,
}

impl TrackInfo {
    /// Whether the picture size is within what a receiver decodes.
    pub const fn is_legal(&self) -> bool {
        self.width <= PICTURE_WIDTH_MAX && self.height <= PICTURE_HEIGHT_MAX
    }
}

/// The public half of a device: 32 bytes X25519 for keys and direct messages, 32 bytes Ed25519 for signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicePublic {
    /// X25519 key: others encrypt to it.
    pub seal: [u8; 32],
    /// Ed25519 key: others verify with it.
    pub sign: [u8; 32],
}

/// A participant as everybody in the room sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantInfo<'a> {
    /// Place in the room.
    pub slot: Slot,
    /// Number of this membership: another participant in the same place has another one.
    pub member: u32,
    /// Login name.
    pub username: &'a str,
    /// Name to show.
    pub display_name: &'a str,
    /// The device's keys.
    pub device: DevicePublic,
    /// The tracks, indexed by [`crate::id::TrackId`].
    pub tracks: [TrackInfo; TRACKS_MAX],
    /// What they may do.
    pub role: Role,
    /// 0: their hand is down; else the lower the earlier it was raised.
    pub hand: u32,
}

/// What a host or the owner of a room does there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Switch somebody's microphone off. Only they can switch it on again.
    Mute,
    /// Switch somebody's camera and screen off.
    StopVideo,
    /// Ask somebody to switch their microphone on.
    AskUnmute,
    /// Lower somebody's hand.
    LowerHand,
    /// Put somebody out of the room; they may come back.
    Remove,
    /// Keep somebody out of the room, whether they are there or not.
    Ban,
    /// Let somebody in again.
    Unban,
    /// Make somebody a host.
    MakeHost,
    /// Make somebody no longer a host.
    UnmakeHost,
    /// Let nobody new in.
    Lock,
    /// Let everybody in again.
    Unlock,
    /// Switch off the microphones of all who are no hosts.
    MuteAll,
    /// Put everybody out of the room.
    End,
    /// Let in somebody who waits.
    Admit,
    /// Do not let in somebody who waits; they may knock again.
    TurnAway,
    /// Whoever comes waits until a host lets them in.
    WaitingRoom,
    /// Whoever comes is in.
    NoWaitingRoom,
    /// Only hosts may share their screens.
    HostsShare,
    /// Everybody may share their screen.
    AllShare,
    /// Whoever comes needs the room's password. Not said but by [`super::ClientMessage::SetPassword`], which has it.
    Password,
    /// Nobody needs a password.
    NoPassword,
    /// Open a breakout room. This and what follows are said by [`super::RoomAsk`] alone.
    OpenBreakout,
    /// Spread those who are no hosts over the breakout rooms.
    Spread,
    /// Have somebody go to a breakout room, or back; also oneself.
    Move,
    /// Say something to everybody in the breakout rooms.
    TellBreakouts,
    /// Have everybody come back, now or later.
    EndBreakouts,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 26] = [
        Self::Mute,
        Self::StopVideo,
        Self::AskUnmute,
        Self::LowerHand,
        Self::Remove,
        Self::Ban,
        Self::Unban,
        Self::MakeHost,
        Self::UnmakeHost,
        Self::Lock,
        Self::Unlock,
        Self::MuteAll,
        Self::End,
        Self::Admit,
        Self::TurnAway,
        Self::WaitingRoom,
        Self::NoWaitingRoom,
        Self::HostsShare,
        Self::AllShare,
        Self::Password,
        Self::NoPassword,
        Self::OpenBreakout,
        Self::Spread,
        Self::Move,
        Self::TellBreakouts,
        Self::EndBreakouts,
    ];

    /// A short stable name for scripts and the list of what was done.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::StopVideo => "stop_video",
            Self::AskUnmute => "ask_unmute",
            Self::LowerHand => "lower_hand",
            Self::Remove => "remove",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::MakeHost => "make_host",
            Self::UnmakeHost => "unmake_host",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::MuteAll => "mute_all",
            Self::End => "end",
            Self::Admit => "admit",
            Self::TurnAway => "turn_away",
            Self::WaitingRoom => "waiting_room",
            Self::NoWaitingRoom => "no_waiting_room",
            Self::HostsShare => "hosts_share",
            Self::AllShare => "all_share",
            Self::Password => "password",
            Self::NoPassword => "no_password",
            Self::OpenBreakout => "open_breakout",
            Self::Spread => "spread",
            Self::Move => "move",
            Self::TellBreakouts => "tell_breakouts",
            Self::EndBreakouts => "end_breakouts",
        }
    }

    /// The act of that name.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.code() == code)
    }

    /// The least that one must be to do it: see [`Deed::right`].
    pub const fn least_role(self) -> Role {
        match Deed::Act(self).right() {
            Right::Everybody => Role::Guest,
            Right::Owner | Right::OwnerToOthers | Right::Nobody => Role::Owner,
            Right::Hosts | Right::HostsToThoseBelow | Right::HostsToThoseBelowAndThemselves => Role::Host,
        }
    }

    /// Whether it is done to somebody, who must be below whoever does it.
    pub const fn has_target(self) -> bool {
        match self {
            Self::Mute
            | Self::StopVideo
            | Self::AskUnmute
            | Self::LowerHand
            | Self::Remove
            | Self::Ban
            | Self::Unban
            | Self::MakeHost
            | Self::UnmakeHost
            | Self::Admit
            | Self::TurnAway
            | Self::Move => true,
            Self::Lock
            | Self::Unlock
            | Self::MuteAll
            | Self::End
            | Self::WaitingRoom
            | Self::NoWaitingRoom
            | Self::HostsShare
            | Self::AllShare
            | Self::Password
            | Self::NoPassword
            | Self::OpenBreakout
            | Self::Spread
            | Self::TellBreakouts
            | Self::EndBreakouts => false,
        }
    }

    /// Whether [`super::ClientMessage::Moderate`] says it: the others need more than a name, and have messages of their own.
    pub const fn is_plain(self) -> bool {
        !matches!(
            self,
            Self::Password | Self::OpenBreakout | Self::Spread | Self::Move | Self::TellBreakouts | Self::EndBreakouts
        )
    }

    /// Whether it can be done in a breakout room: everything else is a matter of the room that it belongs to.
    pub const fn is_for_breakouts(self) -> bool {
        matches!(self, Self::Mute | Self::StopVideo | Self::AskUnmute | Self::LowerHand | Self::Remove | Self::MuteAll)
    }

    /// Whether that somebody must be in the room.
    pub const fn is_about_somebody_here(self) -> bool {
        matches!(self, Self::Mute | Self::StopVideo | Self::AskUnmute | Self::LowerHand | Self::Remove)
    }
}

/// Which ways of signing in the server offers to this client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInMethods {
    /// An existing account, by password.
    pub password: bool,
    /// A new account, by signing in with a name that is not taken.
    pub register: bool,
    /// A guest: name and email, no password.
    pub guest: bool,
}

/// Why a request was refused. Codes cross the wire; frontends have the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The peers have no protocol version in common.
    Version,
    /// A field is out of bounds or a text is not allowed.
    Invalid,
    /// Not now: legal, but not in this state.
    OutOfOrder,
    /// Name or password are wrong, or the sign-in proof is. One code for all of them.
    SignIn,
    /// Too many attempts or messages; try again after the given seconds.
    TooFast,
    /// The server's owner does not allow new accounts from here.
    RegistrationClosed,
    /// The server's owner does not allow guests from here.
    GuestsClosed,
    /// The name is taken.
    NameTaken,
    /// The email address is taken.
    EmailTaken,
    /// There is no such room.
    NoSuchRoom,
    /// There is no such person, or they are not here now.
    NoSuchPerson,
    /// One must be in the room for that.
    NotInRoom,
    /// The room has all the participants it may have.
    RoomFull,
    /// The server has all the rooms it may have.
    RoomsFull,
    /// The session is in as many rooms as it may be.
    TooManyRooms,
    /// The server has all the sessions it may have.
    ServerFull,
    /// The server could not store it; nothing was acknowledged.
    Storage,
    /// There is no such call, or it is over.
    NoSuchCall,
    /// There is no such message, or it is no longer kept.
    NoSuchMessage,
    /// Others may do that, this person may not.
    Forbidden,
    /// The room is locked: nobody new may come in.
    Locked,
    /// The file is larger than this server takes.
    FileTooLarge,
    /// There is no space left for files of this room, of this person or on this server.
    NoSpace,
    /// There is no such file, or it is no longer kept.
    NoSuchFile,
    /// The room's password is another one.
    WrongPassword,
    /// A host did not let them in.
    TurnedAway,
    /// There is no such invitation or code, or it is used up, too old or withdrawn.
    NoSuchInvitation,
    /// This device may not sign in to this account any more.
    DeviceRevoked,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 28] = [
        Self::Version,
        Self::Invalid,
        Self::OutOfOrder,
        Self::SignIn,
        Self::TooFast,
        Self::RegistrationClosed,
        Self::GuestsClosed,
        Self::NameTaken,
        Self::EmailTaken,
        Self::NoSuchRoom,
        Self::NoSuchPerson,
        Self::NotInRoom,
        Self::RoomFull,
        Self::RoomsFull,
        Self::TooManyRooms,
        Self::ServerFull,
        Self::Storage,
        Self::NoSuchCall,
        Self::NoSuchMessage,
        Self::Forbidden,
        Self::Locked,
        Self::FileTooLarge,
        Self::NoSpace,
        Self::NoSuchFile,
        Self::WrongPassword,
        Self::TurnedAway,
        Self::NoSuchInvitation,
        Self::DeviceRevoked,
    ];

    /// A short stable code for scripts and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Invalid => "invalid",
            Self::OutOfOrder => "out_of_order",
            Self::SignIn => "sign_in",
            Self::TooFast => "too_fast",
            Self::RegistrationClosed => "registration_closed",
            Self::GuestsClosed => "guests_closed",
            Self::NameTaken => "name_taken",
            Self::EmailTaken => "email_taken",
            Self::NoSuchRoom => "no_such_room",
            Self::NoSuchPerson => "no_such_person",
            Self::NotInRoom => "not_in_room",
            Self::RoomFull => "room_full",
            Self::RoomsFull => "rooms_full",
            Self::TooManyRooms => "too_many_rooms",
            Self::ServerFull => "server_full",
            Self::Storage => "storage",
            Self::NoSuchCall => "no_such_call",
            Self::NoSuchMessage => "no_such_message",
            Self::Forbidden => "forbidden",
            Self::Locked => "locked",
            Self::FileTooLarge => "file_too_large",
            Self::NoSpace => "no_space",
            Self::NoSuchFile => "no_such_file",
            Self::WrongPassword => "wrong_password",
            Self::TurnedAway => "turned_away",
            Self::NoSuchInvitation => "no_such_invitation",
            Self::DeviceRevoked => "device_revoked",
        }
    }
}

/// Why the server ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignOutReason {
    /// The client asked for it.
    Asked,
    /// The same person signed in from elsewhere, with the right proof. Do not come back by yourself.
    SignedInElsewhere,
    /// The server stops or restarts. Come back by yourself.
    ShuttingDown,
    /// The client does not read what it is sent.
    TooSlow,
    /// The client sent bytes that are no message.
    Malformed,
    /// Nothing was heard for too long.
    Idle,
    /// This device may not sign in any more. Do not come back by yourself.
    Revoked,
}

/// Why a participant is no longer in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaveReason {
    /// The participant asked for it.
    Asked,
    /// The room was closed.
    RoomClosed,
    /// A host put the participant out.
    Removed,
}

/// How a call ended, or that it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallOutcome {
    /// It rings at the other side.
    Ringing,
    /// The callee accepted and will join the room.
    Accepted,
    /// The callee declined.
    Declined,
    /// Nobody answered in time.
    TimedOut,
    /// The caller hung up.
    Cancelled,
    /// One of the two is gone.
    Gone,
}
