//! Who signs in, and what is asked and told about accounts: devices, invitations, enrolments.

use hph_core::endpoint::signin::client::Credentials;
use hph_core::id::RoomId;
use hph_core::wire::control::{AccountAsk, AccountTold, DevicePublic};

/// Who signs in.
#[derive(Clone)]
pub enum Account {
    /// A stored account.
    Password {
        /// Login name.
        username: String,
        /// The password. It leaves this program only as a proof.
        password: String,
        /// Email label of a new account, or nothing.
        email: String,
        /// Name to show, or nothing.
        display_name: String,
        /// Whether to make an account if the name is not taken.
        may_register: bool,
    },
    /// A guest.
    Guest {
        /// Name to show.
        display_name: String,
        /// Email label, or nothing.
        email: String,
    },
    /// Either of these, with an invitation. Whoever can come in without it does if it is not good any more.
    Invited {
        /// The secret of the link, or the nine digits of its code.
        secret: String,
        /// Who was invited: [`Self::Password`] or [`Self::Guest`].
        account: Box<Self>,
    },
    /// Whoever was given a code of the server's owner for that chooses a new password, and is signed in then.
    NewPassword {
        /// The code.
        code: String,
        /// The new password.
        password: String,
    },
    /// This device, without an account: it may be in one room, until the owner revokes it. What lets it in is its key, so
    /// `device_seed` must be the same each time.
    Kiosk {
        /// The secret of an enrolment link, for the first time; without it [`AccountEvent::PairingCode`] asks for the owner's
        /// approval, as long as it is not known.
        secret: Option<String>,
    },
}

impl Account {
    /// Whether it is a guest: then it is the device.
    pub fn is_guest(&self) -> bool {
        match self {
            Self::Guest { .. } => true,
            Self::Invited { account, .. } => account.is_guest(),
            _ => false,
        }
    }

    /// How it signs in, and with what it was given beforehand.
    pub(crate) fn credentials(&self) -> (Credentials<'_>, Option<&str>) {
        match self {
            Self::Password { username, email, display_name, may_register, .. } => {
                (Credentials::Password { username, email, display_name, may_register: *may_register }, None)
            }
            Self::Guest { display_name, email } => (Credentials::Guest { display_name, email }, None),
            Self::Invited { secret, account } => (account.credentials().0, Some(secret)),
            Self::NewPassword { code, .. } => (Credentials::Reset, Some(code)),
            Self::Kiosk { secret } => {
                let (secret, wants_code) = (secret.as_deref().unwrap_or_default(), secret.is_none());
                (Credentials::Kiosk { secret, wants_code }, None)
            }
        }
    }

    /// Its password, or nothing.
    pub(crate) fn password(&self) -> &str {
        match self {
            Self::Password { password, .. } | Self::NewPassword { password, .. } => password,
            Self::Invited { account, .. } => account.password(),
            Self::Guest { .. } | Self::Kiosk { .. } => "",
        }
    }
}

/// What is asked about accounts. `request` comes back in the answers, or in [`super::Event::Refused`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountCommand {
    /// Which devices may sign in to our account? [`AccountEvent::Device`], then [`AccountEvent::DevicesAll`].
    ListDevices {
        /// The request.
        request: u32,
    },
    /// Let a device of ours never in again; its session ends at once. [`AccountEvent::Done`].
    RevokeDevice {
        /// The request.
        request: u32,
        /// Its Ed25519 key.
        sign: [u8; 32],
    },
    /// Make an invitation: hosts to their room, owners of the server to any. [`AccountEvent::Invitation`].
    Invite {
        /// The request.
        request: u32,
        /// To which room; none: to the server.
        room: Option<RoomId>,
        /// So many may come with it, 1 or more.
        uses: u16,
        /// For so long. **Units:** seconds.
        valid_s: u32,
        /// Whether whoever comes may make an account: only owners of the server allow that.
        may_register: bool,
    },
    /// Which invitations are there? [`AccountEvent::Invitation`], then [`AccountEvent::InvitationsAll`].
    ListInvitations {
        /// The request.
        request: u32,
        /// To which room; none: all, for owners of the server.
        room: Option<RoomId>,
    },
    /// Nobody may come with an invitation any more. [`AccountEvent::Done`].
    Withdraw {
        /// The request.
        request: u32,
        /// To which room it is; none: whatever it is, for owners of the server.
        room: Option<RoomId>,
        /// Its number.
        id: u64,
    },
    /// Become an owner of the server with what it showed when it started first. [`AccountEvent::Done`].
    Claim {
        /// The request.
        request: u32,
        /// What it showed.
        secret: String,
    },
}

impl AccountCommand {
    pub(crate) fn as_ask(&self) -> AccountAsk<'_> {
        let number = |room: Option<RoomId>| room.unwrap_or_default();
        match *self {
            Self::ListDevices { request } => AccountAsk::ListDevices { request },
            Self::RevokeDevice { request, sign } => AccountAsk::RevokeDevice { request, sign },
            Self::Invite { request, room, uses, valid_s, may_register } => {
                AccountAsk::Invite { request, room: number(room), uses, valid_s, may_register }
            }
            Self::ListInvitations { request, room } => AccountAsk::ListInvitations { request, room: number(room) },
            Self::Withdraw { request, room, id } => AccountAsk::Withdraw { request, room: number(room), id },
            Self::Claim { request, ref secret } => AccountAsk::Claim { request, secret },
        }
    }
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationInfo {
    /// Its number.
    pub id: u64,
    /// Name of the room; none if it is to the server.
    pub room: Option<String>,
    /// Login name of whoever made it, or nothing if that was done on the server's machine.
    pub made_by: String,
    /// For a link ([`crate::link::Given::Invite`]); none but of a new one.
    pub secret: Option<String>,
    /// Nine digits that can be typed in its place; none but of a new one.
    pub code: Option<String>,
    /// So many may come with it.
    pub uses: u16,
    /// So many did.
    pub used: u16,
    /// Until when it is good. **Units:** milliseconds since 1970.
    pub expires_ms: u64,
    /// Whether whoever comes may make an account.
    pub may_register: bool,
}

/// What is told about accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// Show these six digits to the owner, who approves them: `hph admin kiosk pair`. Then comes
    /// [`super::Event::SignedIn`]; told again when the code is another one.
    PairingCode {
        /// Six digits.
        code: String,
        /// For how long it is good. **Units:** seconds.
        seconds: u16,
    },
    /// We may be in this room and nowhere else. Comes after each sign-in of a kiosk, or of a guest who was let in for it.
    OnlyRoom {
        /// Which.
        room: RoomId,
        /// Its name.
        name: String,
    },
    /// A device that may sign in to our account.
    Device {
        /// The request.
        request: u32,
        /// Its keys.
        device: DevicePublic,
        /// What it calls itself.
        name: String,
        /// When it signed in first. **Units:** milliseconds since 1970.
        first_seen_ms: u64,
        /// When it signed in last. **Units:** milliseconds since 1970.
        last_seen_ms: u64,
        /// Whether it is signed in now.
        is_here: bool,
    },
    /// All were told.
    DevicesAll {
        /// The request.
        request: u32,
    },
    /// An invitation.
    Invitation {
        /// The request.
        request: u32,
        /// What it is.
        invitation: InvitationInfo,
    },
    /// All were told.
    InvitationsAll {
        /// The request.
        request: u32,
    },
    /// It was done.
    Done {
        /// The request.
        request: u32,
    },
}

impl AccountEvent {
    /// What the server says, as the frontend gets it; none for what belongs to signing in.
    pub(crate) fn of(told: &AccountTold<'_>) -> Option<Self> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Some(match *told {
            AccountTold::Presented { .. } | AccountTold::PairingCode { .. } => return None,
            AccountTold::OnlyRoom { room, name } => Self::OnlyRoom { room, name: name.to_owned() },
            AccountTold::Device { request, device, name, first_seen_ms, last_seen_ms, is_here } => {
                Self::Device { request, device, name: name.to_owned(), first_seen_ms, last_seen_ms, is_here }
            }
            AccountTold::DevicesAll { request } => Self::DevicesAll { request },
            AccountTold::Invitation {
                request,
                id,
                room,
                made_by,
                secret,
                code,
                uses,
                used,
                expires_ms,
                may_register,
            } => {
                let (room, made_by, secret, code) = (some(room), made_by.to_owned(), some(secret), some(code));
                let invitation =
                    InvitationInfo { id, room, made_by, secret, code, uses, used, expires_ms, may_register };
                Self::Invitation { request, invitation }
            }
            AccountTold::InvitationsAll { request } => Self::InvitationsAll { request },
            AccountTold::Done { request } => Self::Done { request },
        })
    }
}
