//! What is said about accounts: invitations and enrolments before sign-in, devices and invitations after it. One message
//! in each direction carries all of it.

use serde::{Deserialize, Serialize};

use super::parts::DevicePublic;
use crate::id::RoomId;
use crate::limits::{AGENT_MAX_BYTES, INVITATION_CODE_DIGITS, INVITATION_SECONDS_MAX, INVITATION_SECRET_BYTES};
use crate::wire::text;

/// What a client says about accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountAsk<'a> {
    /// Before sign-in: I was given this. What follows on this connection may rest on it.
    Present {
        /// The secret of a link, or the digits that were typed.
        secret: &'a str,
    },
    /// Before sign-in: I am a device without an account. Let me in if I am known, or if I was given this; else show me a
    /// code that the owner can approve.
    Enrol {
        /// The secret of an enrolment link, or nothing.
        secret: &'a str,
        /// Whether a code is wanted.
        wants_code: bool,
        /// The device's public keys; its login name follows from them.
        device: DevicePublic,
        /// Ed25519 signature over the channel binding and the login name.
        proof: &'a [u8],
    },
    /// Which devices may sign in to my account?
    ListDevices {
        /// Echoed in the answers.
        request: u32,
    },
    /// Let that device of mine never in again.
    RevokeDevice {
        /// Echoed in the answer.
        request: u32,
        /// Its Ed25519 key.
        sign: [u8; 32],
    },
    /// Make an invitation.
    Invite {
        /// Echoed in the answer.
        request: u32,
        /// To which room; 0: to the server.
        room: RoomId,
        /// So many may come with it: 1 or more.
        uses: u16,
        /// For so long: 1 to [`INVITATION_SECONDS_MAX`]. **Units:** seconds.
        valid_s: u32,
        /// Whether whoever comes may make an account.
        may_register: bool,
    },
    /// Which invitations are there?
    ListInvitations {
        /// Echoed in the answers.
        request: u32,
        /// To which room; 0: all.
        room: RoomId,
    },
    /// Nobody may come with that invitation any more.
    Withdraw {
        /// Echoed in the answer.
        request: u32,
        /// To which room it is; 0: to whatever it is.
        room: RoomId,
        /// Its number.
        id: u64,
    },
    /// I am the owner of this server: this was shown when it started first.
    Claim {
        /// Echoed in the answer.
        request: u32,
        /// What was shown.
        secret: &'a str,
    },
}

/// What a server says about accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountTold<'a> {
    /// What was presented is good.
    Presented {
        /// For what.
        kind: TicketKind,
        /// Name of the room that it names, or nothing.
        room: &'a str,
        /// Login name of whoever may choose a new password with it, or nothing.
        username: &'a str,
    },
    /// Show this to the owner and ask again; nothing has happened yet.
    PairingCode {
        /// Six digits.
        code: u32,
        /// For how long it is good. **Units:** seconds.
        seconds: u16,
    },
    /// After `Welcome`: you may be in this room and nowhere else.
    OnlyRoom {
        /// Which.
        room: RoomId,
        /// Its name.
        name: &'a str,
    },
    /// A device that may sign in to your account.
    Device {
        /// Echo.
        request: u32,
        /// Its keys.
        device: DevicePublic,
        /// What it calls itself.
        name: &'a str,
        /// **Units:** milliseconds since 1970.
        first_seen_ms: u64,
        /// **Units:** milliseconds since 1970.
        last_seen_ms: u64,
        /// Whether it is signed in now.
        is_here: bool,
    },
    /// All were told.
    DevicesAll {
        /// Echo.
        request: u32,
    },
    /// An invitation: the one that was made, with its secrets, or one that there is, without.
    Invitation {
        /// Echo.
        request: u32,
        /// Its number.
        id: u64,
        /// Name of the room, or nothing if it is to the server.
        room: &'a str,
        /// Login name of whoever made it; nothing if that was done on the server's machine.
        made_by: &'a str,
        /// For the link, or nothing.
        secret: &'a str,
        /// Nine digits that can be typed in its place, or nothing.
        code: &'a str,
        /// So many may come with it.
        uses: u16,
        /// So many did.
        used: u16,
        /// Until when. **Units:** milliseconds since 1970.
        expires_ms: u64,
        /// Whether whoever comes may make an account.
        may_register: bool,
    },
    /// All were told.
    InvitationsAll {
        /// Echo.
        request: u32,
    },
    /// It was done.
    Done {
        /// Echo.
        request: u32,
    },
}

/// What something is good for that was given to somebody beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TicketKind {
    /// To come in.
    Invitation,
    /// To become the server's owner.
    Owner,
    /// To choose a new password.
    Reset,
}

impl AccountAsk<'_> {
    /// Whether every field is within its bounds.
    pub fn is_legal(&self) -> bool {
        match *self {
            Self::Present { secret } | Self::Claim { secret, .. } => is_secret(secret),
            Self::Enrol { secret, proof, .. } => (secret.is_empty() || is_secret(secret)) && proof.len() == 64,
            Self::Invite { uses, valid_s, .. } => uses > 0 && (1..=INVITATION_SECONDS_MAX).contains(&valid_s),
            Self::ListDevices { .. }
            | Self::RevokeDevice { .. }
            | Self::ListInvitations { .. }
            | Self::Withdraw { .. } => true,
        }
    }

    /// The number that a refusal carries.
    pub const fn request(&self) -> u32 {
        match *self {
            Self::Present { .. } | Self::Enrol { .. } => 0,
            Self::ListDevices { request }
            | Self::RevokeDevice { request, .. }
            | Self::Invite { request, .. }
            | Self::ListInvitations { request, .. }
            | Self::Withdraw { request, .. }
            | Self::Claim { request, .. } => request,
        }
    }
}

impl AccountTold<'_> {
    /// Whether every field is within its bounds.
    pub fn is_legal(&self) -> bool {
        let is_room_or_none = |name: &str| name.is_empty() || text::is_room_name(name);
        let is_person_or_none = |name: &str| name.is_empty() || text::is_username(name);
        match *self {
            Self::Presented { room, username, .. } => is_room_or_none(room) && is_person_or_none(username),
            Self::PairingCode { code, .. } => code < 1_000_000,
            Self::OnlyRoom { name, .. } => text::is_room_name(name),
            Self::Device { name, .. } => name.len() <= AGENT_MAX_BYTES && !name.chars().any(char::is_control),
            Self::Invitation { room, made_by, secret, code, .. } => {
                is_room_or_none(room)
                    && is_person_or_none(made_by)
                    && (secret.is_empty() || is_secret(secret))
                    && (code.is_empty() || is_code(code))
            }
            Self::DevicesAll { .. } | Self::InvitationsAll { .. } | Self::Done { .. } => true,
        }
    }
}

/// Whether it can be what somebody was given: 26 of `a`-`z`, `2`-`7` (base32 of 128 bits), or nine digits.
pub fn is_secret(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    is_code(text) || text.len() == INVITATION_SECRET_BYTES && text.bytes().all(is_letter)
}

/// Whether it can be a code that is typed.
pub fn is_code(text: &str) -> bool {
    text.len() == INVITATION_CODE_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}
