//! What lets somebody in besides a password: invitations, codes, new passwords, enrolments of devices.

use std::net::IpAddr;
use std::rc::Rc;

use hph_core::endpoint::server::{Identity, Scope};
use hph_core::endpoint::signin::server::{KnownTicket, NewAccount};
use hph_core::id::RoomId;
use hph_core::room::roles::KIOSK_PREFIX;
use hph_core::wire::control::{DevicePublic, Refusal, TicketKind, is_code};
use hph_platform::clock::Clock;

use crate::hub::Hub;
use crate::store::{self, Account, Device, Kiosk, Purpose, Ticket};

/// What is known of a connection that is not signed in yet.
pub(crate) struct Newcomer {
    pub peer: IpAddr,
    /// What its program calls itself.
    pub agent: String,
    /// What it was given beforehand.
    pub ticket: Option<Ticket>,
    /// How often a device had been revoked when it was asked whether this one may come in.
    pub revocations: u64,
}

impl Newcomer {
    /// Nothing is known.
    pub const fn new(peer: IpAddr) -> Self {
        Self { peer, agent: String::new(), ticket: None, revocations: 0 }
    }

    /// The invitation that it has, if any.
    pub fn invitation(&self) -> Option<Ticket> {
        self.ticket.clone().filter(|ticket| ticket.purpose == Purpose::Invitation)
    }
}

/// Where the owner of an account may go.
pub(crate) const fn scope(account: &Account) -> Scope {
    if account.is_owner { Scope::Owner } else { Scope::Everywhere }
}

/// Keys, as the store has them.
pub(crate) const fn keys(device: &DevicePublic) -> Device {
    Device { seal: device.seal, sign: device.sign }
}

/// What the store keeps of a password.
pub(crate) const fn verifier(account: &NewAccount) -> store::Verifier {
    store::Verifier {
        salt: account.salt,
        iterations: account.iterations,
        stored_key: account.stored_key,
        server_key: account.server_key,
    }
}

/// Looks up what somebody was given. `Err` is a refusal, and the wait in seconds.
pub(crate) async fn find_ticket(hub: &Rc<Hub>, peer: IpAddr, secret: String) -> Result<Option<Ticket>, (Refusal, u32)> {
    let has_digits = is_code(&secret);
    let begun = if has_digits {
        hub.accounts.codes.borrow_mut().begin(Clock::now(), peer)
    } else {
        // Nobody guesses 128 random bits.
        hub.logins.borrow_mut().check_token(Clock::now())
    };
    begun.map_err(|wait| (Refusal::TooFast, wait.seconds.max(1)))?;
    let now_ms = hub.believed_time_ms();
    let found = hub.store.run(move |store| store.find_ticket(&secret, now_ms)).await;
    let found = found.map_err(|_: store::StoreError| (Refusal::Storage, 0))?;
    if found.is_some() && has_digits {
        hub.accounts.codes.borrow_mut().record_success(Clock::now(), peer);
    }
    Ok(found)
}

/// What a ticket is good for here; nothing if it is for a device, which does not present it.
pub(crate) fn known_ticket<'t>(hub: &Hub, ticket: &'t Ticket) -> Option<KnownTicket<'t>> {
    let (config, is_owner) = (&hub.config, ticket.purpose == Purpose::Owner);
    let room = ticket.room.as_ref().map(|(id, name)| (RoomId(*id), name.as_str()));
    Some(KnownTicket {
        kind: match ticket.purpose {
            Purpose::Invitation => TicketKind::Invitation,
            Purpose::Owner => TicketKind::Owner,
            Purpose::Reset => TicketKind::Reset,
            Purpose::Kiosk => return None,
        },
        room,
        username: &ticket.username,
        may_register: is_owner || ticket.may_register && config.registration.takes_invitations(),
        lets_guests: ticket.purpose == Purpose::Invitation && config.guests.takes_invitations(),
    })
}

/// Gives an account the password that was chosen for it.
pub(crate) async fn reset_password(
    hub: &Rc<Hub>,
    account: &NewAccount,
    newcomer: &Newcomer,
) -> Result<Account, Refusal> {
    let (username, verifier, now_ms) = (account.username.to_string(), verifier(account), hub.believed_time_ms());
    let id = newcomer.ticket.as_ref().map_or(0, |ticket| ticket.id);
    let setting = move |store: &mut store::Store| {
        let is_set = store.reset_password(id, &username, &verifier, now_ms)?;
        is_set.then(|| store.account(&username)).transpose()
    };
    let account = hub.store.run(setting).await.map_err(|_: store::StoreError| Refusal::Storage)?;
    account.flatten().ok_or(Refusal::NoSuchInvitation)
}

/// Lets a device in, or gives the code that it has to show, and for how many seconds. `Err` is a refusal, and the wait.
pub(crate) async fn enrol(
    hub: &Rc<Hub>,
    peer: IpAddr,
    username: &str,
    device: DevicePublic,
    (secret, wants_code): (String, bool),
) -> Result<Result<Kiosk, (u32, u16)>, (Refusal, u32)> {
    let begun = hub.logins.borrow_mut().check_token(Clock::now());
    begun.map_err(|wait| (Refusal::TooFast, wait.seconds.max(1)))?;
    let (name, device, now_ms) = (username.to_owned(), keys(&device), hub.believed_time_ms());
    let known = hub.store.run(move |store| store.enrol(&name, device, &secret, now_ms)).await;
    if let Some(kiosk) = known.map_err(|_: store::StoreError| (Refusal::Storage, 0))? {
        return Ok(Ok(kiosk));
    }
    if !wants_code {
        return Err((Refusal::NoSuchInvitation, 0));
    }
    let code = hub.accounts.pairings.borrow_mut().code_for(Clock::now(), peer, username, device);
    code.map(Err).ok_or((Refusal::TooFast, 60))
}

/// A device of somebody comes in: notes it. Gives a token to sign in again, for accounts.
pub(crate) async fn admit(
    hub: &Rc<Hub>,
    newcomer: &Newcomer,
    identity: &Identity,
    is_guest: bool,
) -> Result<Option<[u8; 32]>, Refusal> {
    let (username, device) = (identity.username.to_string(), keys(&identity.device));
    if username.starts_with(KIOSK_PREFIX) {
        // It was let in a moment ago; if any was revoked since, it asks once more.
        let is_sure = newcomer.revocations == hub.accounts.revocations.get();
        return if is_sure { Ok(None) } else { Err(Refusal::Storage) };
    }
    let now_ms = hub.believed_time_ms();
    if is_guest {
        let Some(invitation) = newcomer.invitation() else { return Ok(None) };
        let using = hub.store.run(move |store| store.use_invitation(invitation.id, &device.sign, now_ms)).await;
        let is_good = using.map_err(|_: store::StoreError| Refusal::Storage)?;
        return if is_good { Ok(None) } else { Err(Refusal::NoSuchInvitation) };
    }
    let account = hub.store.account(&username).await.map_err(|_| Refusal::Storage)?.ok_or(Refusal::SignIn)?;
    loop {
        let revocations = hub.accounts.revocations.get();
        let agent = newcomer.agent.clone();
        let token = match hub.store.run(move |store| store.admit_device(account.id, device, &agent, now_ms)).await {
            Ok(token) => Some(token.ok_or(Refusal::DeviceRevoked)?),
            // A full disk keeps nobody out who can be known without it: they only get no token for the next time.
            Err(store::StoreError::DiskFull) => {
                let asking = hub.store.run(move |store| store.is_device_revoked(account.id, &device.sign)).await;
                let is_revoked = asking.map_err(|_: store::StoreError| Refusal::Storage)?;
                if is_revoked {
                    return Err(Refusal::DeviceRevoked);
                }
                None
            }
            Err(_) => return Err(Refusal::Storage),
        };
        // What was revoked while the store answered may have been this.
        if revocations == hub.accounts.revocations.get() {
            return Ok(token);
        }
    }
}
