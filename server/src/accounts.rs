//! Devices, invitations and owners: what signed-in people ask for, done.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use hph_core::crypto::senderkey::{DeviceKeys, device_code};
use hph_core::endpoint::server::Scope;
use hph_core::id::{RoomId, SessionId};
use hph_core::wire::control::{AccountAsk, AccountTold, DevicePublic, Refusal, ServerMessage, SignOutReason};

use crate::hub::Hub;
use crate::pairings::Pairings;
use crate::store::{Device, NewTicket, Purpose, StoreError, Ticket};
use crate::throttle::CodeThrottle;
use crate::tls::Pin;

/// The token of the first owner is good for so long: a day. **Units:** milliseconds.
pub(crate) const OWNER_TOKEN_MS: u64 = 24 * 3600 * 1000;

/// What tasks share for accounts.
pub(crate) struct Accounts {
    /// Where the server listens, for links.
    pub address: SocketAddr,
    /// Its key, for links.
    pub pin: Pin,
    /// Who tries codes.
    pub codes: RefCell<CodeThrottle>,
    /// Devices that wait to be approved.
    pub pairings: RefCell<Pairings>,
    /// How often a device was revoked: whoever signs in meanwhile looks again.
    pub revocations: Cell<u64>,
}

impl Accounts {
    pub fn new(address: SocketAddr, pin: Pin) -> Self {
        let (codes, pairings) = (RefCell::default(), RefCell::default());
        Self { address, pin, codes, pairings, revocations: Cell::new(0) }
    }
}

/// An [`AccountAsk`] that outlives its input.
pub(crate) enum Ask {
    ListDevices {
        request: u32,
    },
    RevokeDevice {
        request: u32,
        sign: [u8; 32],
    },
    Invite {
        request: u32,
        room: RoomId,
        uses: u16,
        valid_s: u32,
        may_register: bool,
    },
    ListInvitations {
        request: u32,
        room: RoomId,
    },
    Withdraw {
        request: u32,
        room: RoomId,
        id: u64,
    },
    Claim {
        request: u32,
        secret: String,
    },
    /// What only whoever is not signed in asks.
    Nothing,
}

impl From<AccountAsk<'_>> for Ask {
    fn from(ask: AccountAsk<'_>) -> Self {
        use AccountAsk as A;
        match ask {
            A::Present { .. } | A::Enrol { .. } => Self::Nothing,
            A::ListDevices { request } => Self::ListDevices { request },
            A::RevokeDevice { request, sign } => Self::RevokeDevice { request, sign },
            A::Invite { request, room, uses, valid_s, may_register } => {
                Self::Invite { request, room, uses, valid_s, may_register }
            }
            A::ListInvitations { request, room } => Self::ListInvitations { request, room },
            A::Withdraw { request, room, id } => Self::Withdraw { request, room, id },
            A::Claim { request, secret } => Self::Claim { request, secret: secret.to_owned() },
        }
    }
}

impl Ask {
    const fn request(&self) -> u32 {
        match *self {
            Self::Nothing => 0,
            Self::ListDevices { request }
            | Self::RevokeDevice { request, .. }
            | Self::Invite { request, .. }
            | Self::ListInvitations { request, .. }
            | Self::Withdraw { request, .. }
            | Self::Claim { request, .. } => request,
        }
    }
}

impl Hub {
    /// Does what somebody asked for who may.
    pub(crate) async fn obey_account(self: &Rc<Self>, session: SessionId, ask: Ask) {
        let request = ask.request();
        if let Err(reason) = self.try_account(session, ask).await {
            self.refuse(session, request.into(), reason);
        }
    }

    async fn try_account(self: &Rc<Self>, session: SessionId, ask: Ask) -> Result<(), Refusal> {
        let storage = |_: StoreError| Refusal::Storage;
        let username = self.username(session).ok_or(Refusal::OutOfOrder)?;
        match ask {
            Ask::Nothing => Err(Refusal::OutOfOrder),
            Ask::ListDevices { request } => self.tell_devices(session, request, username).await,
            Ask::RevokeDevice { request, sign } => {
                let whose = username.clone();
                let known = self.store.run(move |store| store.revoke_device(&whose, &sign)).await.map_err(storage)?;
                if !known {
                    return Err(Refusal::NoSuchPerson);
                }
                self.tell(session, AccountTold::Done { request });
                self.end_device(&username, &sign);
                Ok(())
            }
            Ask::Invite { request, room, uses, valid_s, may_register } => {
                let terms = (uses, valid_s, may_register);
                self.invite(session, request, (room, username), terms).await
            }
            Ask::ListInvitations { request, room } => {
                let (room, now_ms) = (some_room(room), self.believed_time_ms());
                let tickets = self.store.run(move |store| store.tickets(room, now_ms)).await.map_err(storage)?;
                for ticket in tickets.iter().filter(|ticket| ticket.purpose == Purpose::Invitation) {
                    self.tell(session, told(request, ticket, "", ""));
                    if !self.until_calm(session).await {
                        return Ok(());
                    }
                }
                self.tell(session, AccountTold::InvitationsAll { request });
                Ok(())
            }
            Ask::Withdraw { request, room, id } => {
                let (id, room) = (id.cast_signed(), some_room(room));
                let was_there = self.store.run(move |store| store.withdraw_ticket(id, room)).await.map_err(storage)?;
                if !was_there {
                    return Err(Refusal::NoSuchInvitation);
                }
                self.tell(session, AccountTold::Done { request });
                Ok(())
            }
            Ask::Claim { request, secret } => {
                let now_ms = self.believed_time_ms();
                let claimed = self.store.run(move |store| store.claim_owner(&secret, &username, now_ms)).await;
                if !claimed.map_err(storage)? {
                    return Err(Refusal::NoSuchInvitation);
                }
                self.act(|machine, _| machine.set_scope(session, Scope::Owner));
                self.tell(session, AccountTold::Done { request });
                Ok(())
            }
        }
    }

    async fn invite(
        self: &Rc<Self>,
        session: SessionId,
        request: u32,
        (room, made_by): (RoomId, String),
        (uses, valid_s, may_register): (u16, u32, bool),
    ) -> Result<(), Refusal> {
        let new = NewTicket {
            room: some_room(room),
            made_by,
            may_register,
            uses,
            ..NewTicket::of(Purpose::Invitation, self.believed_time_ms(), u64::from(valid_s) * 1000)
        };
        let made = self.store.run(move |store| store.make_ticket(&new)).await.map_err(|error| match error {
            StoreError::TooManyTickets => Refusal::ServerFull,
            _ => Refusal::Storage,
        })?;
        self.tell(session, told(request, &made.ticket, &made.secret, &made.code));
        Ok(())
    }

    async fn tell_devices(self: &Rc<Self>, session: SessionId, request: u32, username: String) -> Result<(), Refusal> {
        let here = self.device(session).map(|device| device.sign);
        let devices = self.store.run(move |store| store.devices(&username)).await.map_err(|_| Refusal::Storage)?;
        for row in devices.unwrap_or_default() {
            let device = DevicePublic { seal: row.device.seal, sign: row.device.sign };
            let (first_seen_ms, last_seen_ms) = (row.first_seen_ms, row.last_seen_ms);
            let (name, is_here) = (row.name.as_str(), Some(device.sign) == here);
            self.tell(session, AccountTold::Device { request, device, name, first_seen_ms, last_seen_ms, is_here });
        }
        self.tell(session, AccountTold::DevicesAll { request });
        Ok(())
    }

    fn tell(self: &Rc<Self>, session: SessionId, told: AccountTold<'_>) {
        self.say(session, &ServerMessage::Account(told));
    }

    /// A device was revoked: ends its session at once, and lets nobody in who is on the way with it.
    pub(crate) fn end_device(self: &Rc<Self>, username: &str, sign: &[u8; 32]) {
        self.accounts.revocations.set(self.accounts.revocations.get() + 1);
        if let Some(session) = self.session_of(username)
            && self.device(session).is_some_and(|device| device.sign == *sign)
        {
            self.act(|machine, out| machine.close_session(session, SignOutReason::Revoked, out));
        }
    }

    /// A kiosk was revoked.
    pub(crate) fn end_kiosk(self: &Rc<Self>, username: &str) {
        self.accounts.revocations.set(self.accounts.revocations.get() + 1);
        if let Some(session) = self.session_of(username) {
            self.act(|machine, out| machine.close_session(session, SignOutReason::Revoked, out));
        }
    }
}

impl NewTicket {
    /// One that is good once, for so long.
    pub(crate) const fn of(purpose: Purpose, now_ms: u64, valid_ms: u64) -> Self {
        Self {
            purpose,
            room: None,
            username: String::new(),
            name: String::new(),
            made_by: String::new(),
            may_register: false,
            uses: 1,
            now_ms,
            expires_at_ms: now_ms.saturating_add(valid_ms),
        }
    }
}

fn some_room(room: RoomId) -> Option<u32> {
    (room != RoomId(0)).then_some(room.0)
}

fn told<'t>(request: u32, ticket: &'t Ticket, secret: &'t str, code: &'t str) -> AccountTold<'t> {
    AccountTold::Invitation {
        request,
        id: ticket.id.cast_unsigned(),
        room: ticket.room.as_ref().map(|(_, name)| name.as_str()).unwrap_or_default(),
        made_by: &ticket.made_by,
        secret,
        code,
        uses: ticket.uses,
        used: ticket.used,
        expires_ms: ticket.expires_at_ms,
        may_register: ticket.may_register,
    }
}

/// The code of a device that people compare, as clients show it: eight groups of five digits.
pub(crate) fn fingerprint(device: &Device) -> String {
    let code = device_code(&DeviceKeys { seal: device.seal, sign: device.sign });
    let (pairs, _) = code.as_chunks::<2>();
    let groups: Vec<_> = pairs.iter().map(|pair| format!("{:05}", u16::from_be_bytes(*pair))).collect();
    groups.join(" ")
}
