//! What the owner of the machine may ask about devices, invitations, owners, passwords and kiosks.

use std::rc::Rc;

use hph_core::endpoint::server::Scope;
use hph_core::limits::INVITATION_SECONDS_MAX;
use hph_platform::clock::Clock;

use crate::accounts::fingerprint;
use crate::admin::{Rows, said};
use crate::hub::Hub;
use crate::names::{normalize_display_name, room_key};
use crate::store::{MadeTicket, NewTicket, Purpose, Ticket};

/// Digits of a fingerprint that name a device at least.
const FINGERPRINT_DIGITS_MIN: usize = 5;

/// Does what `word` says; none if it is no word of these.
pub(crate) async fn obey(hub: &Rc<Hub>, word: &str, about: &str) -> Option<Result<Rows, String>> {
    let fields: Vec<&str> = about.split('\t').collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    Some(match word {
        "devices" => devices(hub, field(0)).await,
        "revoke" => revoke(hub, field(0), field(1)).await,
        "invite" => invite(hub, field(0), field(1), field(2), field(3) == "register").await,
        "invitations" => invitations(hub).await,
        "withdraw" => withdraw(hub, field(0)).await,
        "disown" => disown(hub, field(0)).await,
        "owner-token" => make(hub, Purpose::Owner, field(0), |_| ()).await,
        "reset-password" => {
            let username = field(0).to_owned();
            make(hub, Purpose::Reset, field(1), |ticket| ticket.username = username).await
        }
        "kiosk-add" => kiosk_add(hub, field(0), field(1), field(2)).await,
        "kiosk-pair" => kiosk_pair(hub, field(0), field(1), field(2)).await,
        "kiosks" => kiosks(hub).await,
        "kiosk-revoke" => kiosk_revoke(hub, field(0)).await,
        _ => return None,
    })
}

async fn devices(hub: &Rc<Hub>, user: &str) -> Result<Rows, String> {
    let username = user.to_owned();
    let devices = hub.store.run(move |store| store.devices(&username)).await.map_err(said)?;
    let here = hub.session_of(user).and_then(|session| hub.device(session)).map(|device| device.sign);
    let rows = devices.ok_or("there is no such account")?.into_iter().map(|row| {
        let state = if Some(row.device.sign) == here { "online" } else { "" };
        let (first, last) = (row.first_seen_ms.to_string(), row.last_seen_ms.to_string());
        vec![state.to_owned(), fingerprint(&row.device), row.name, first, last]
    });
    Ok(rows.collect())
}

async fn revoke(hub: &Rc<Hub>, user: &str, which: &str) -> Result<Rows, String> {
    let username = user.to_owned();
    let devices = hub.store.run(move |store| store.devices(&username)).await.map_err(said)?;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let which = digits(which);
    if which.len() < FINGERPRINT_DIGITS_MIN {
        return Err("name the device by the first five digits of its fingerprint, or more".to_owned());
    }
    let devices = devices.ok_or("there is no such account")?;
    let mut meant = devices.iter().filter(|row| digits(&fingerprint(&row.device)).starts_with(&which));
    let (Some(row), None) = (meant.next(), meant.next()) else {
        return Err("there is no such device, or there are several".to_owned());
    };
    let (username, sign) = (user.to_owned(), row.device.sign);
    hub.store.run(move |store| store.revoke_device(&username, &sign)).await.map_err(said)?;
    hub.end_device(user, &sign);
    Ok(Vec::new())
}

async fn invite(hub: &Rc<Hub>, room: &str, uses: &str, valid: &str, may_register: bool) -> Result<Rows, String> {
    let room = if room.is_empty() { None } else { Some(find_room(hub, room).await?) };
    let uses = uses.parse::<u16>().ok().filter(|uses| *uses > 0).ok_or("how many may come? 1 to 65535")?;
    make(hub, Purpose::Invitation, valid, |ticket| {
        ticket.room = room;
        ticket.uses = uses;
        ticket.may_register = may_register;
    })
    .await
}

/// Makes a ticket that is good for so many seconds, and shows it once.
async fn make(
    hub: &Rc<Hub>,
    purpose: Purpose,
    valid: &str,
    complete: impl FnOnce(&mut NewTicket),
) -> Result<Rows, String> {
    let valid = valid.parse::<u32>().ok().filter(|seconds| (1..=INVITATION_SECONDS_MAX).contains(seconds));
    let valid = valid.ok_or_else(|| format!("for how long? 1 to {INVITATION_SECONDS_MAX} seconds"))?;
    let mut new = NewTicket::of(purpose, hub.believed_time_ms(), u64::from(valid) * 1000);
    complete(&mut new);
    let made = hub.store.run(move |store| store.make_ticket(&new)).await.map_err(said)?;
    let MadeTicket { ticket, secret, code } = made;
    let pin: String = hub.accounts.pin.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut row = vec![secret, code, hub.accounts.address.to_string(), pin];
    row.extend(ticket_row(&ticket));
    Ok(vec![row])
}

fn ticket_row(ticket: &Ticket) -> Vec<String> {
    let room = ticket.room.as_ref().map(|(_, name)| name.clone()).unwrap_or_default();
    let about = if ticket.username.is_empty() { ticket.name.clone() } else { ticket.username.clone() };
    vec![
        ticket.id.to_string(),
        ticket.purpose.name().to_owned(),
        room,
        about,
        ticket.made_by.clone(),
        ticket.uses.to_string(),
        ticket.used.to_string(),
        ticket.expires_at_ms.to_string(),
        if ticket.may_register { "register" } else { "" }.to_owned(),
    ]
}

async fn invitations(hub: &Rc<Hub>) -> Result<Rows, String> {
    let now_ms = hub.believed_time_ms();
    let tickets = hub.store.run(move |store| store.tickets(None, now_ms)).await.map_err(said)?;
    Ok(tickets.iter().map(ticket_row).collect())
}

async fn withdraw(hub: &Rc<Hub>, id: &str) -> Result<Rows, String> {
    let id = id.parse::<i64>().map_err(|_| "which? a number of the list")?;
    let was_there = hub.store.run(move |store| store.withdraw_ticket(id, None)).await.map_err(said)?;
    if was_there { Ok(Vec::new()) } else { Err("there is no such invitation".to_owned()) }
}

async fn kiosk_add(hub: &Rc<Hub>, name: &str, room: &str, valid: &str) -> Result<Rows, String> {
    let name = kiosk_name(name)?;
    let kiosks = hub.store.run(|store| store.kiosks()).await.map_err(said)?;
    if kiosks.iter().any(|kiosk| kiosk.name == name) {
        return Err("there is a kiosk of this name".to_owned());
    }
    let room = find_room(hub, room).await?;
    make(hub, Purpose::Kiosk, valid, |ticket| {
        ticket.room = Some(room);
        ticket.name = name;
    })
    .await
}

async fn kiosk_pair(hub: &Rc<Hub>, code: &str, name: &str, room: &str) -> Result<Rows, String> {
    let (name, room) = (kiosk_name(name)?, find_room(hub, room).await?);
    let code = code.replace([' ', '-'], "").parse::<u32>().map_err(|_| "which code? the six digits that it shows")?;
    let waiting = hub.accounts.pairings.borrow_mut().take(Clock::now(), code);
    let (username, device) = waiting.ok_or("no device shows this code, or it is too old")?;
    let now_ms = hub.believed_time_ms();
    let adding = hub.store.run(move |store| store.add_kiosk(&username, (&name, room), device, now_ms)).await;
    if adding.map_err(said)? { Ok(Vec::new()) } else { Err("there is a kiosk of this name".to_owned()) }
}

async fn kiosks(hub: &Rc<Hub>) -> Result<Rows, String> {
    let kiosks = hub.store.run(|store| store.kiosks()).await.map_err(said)?;
    let rows = kiosks.into_iter().map(|kiosk| {
        let state = if hub.is_online(&kiosk.username) { "online" } else { "" }.to_owned();
        let (first, last) = (kiosk.created_at_ms.to_string(), kiosk.last_seen_ms.to_string());
        vec![state, kiosk.name, kiosk.room.1, kiosk.username, fingerprint(&kiosk.device), first, last]
    });
    Ok(rows.collect())
}

async fn kiosk_revoke(hub: &Rc<Hub>, name: &str) -> Result<Rows, String> {
    let name = name.to_owned();
    let username = hub.store.run(move |store| store.revoke_kiosk(&name)).await.map_err(said)?;
    hub.end_kiosk(&username.ok_or("there is no kiosk of this name")?);
    Ok(Vec::new())
}

fn kiosk_name(name: &str) -> Result<String, String> {
    normalize_display_name(name).map_err(|error| error.to_string())
}

/// Makes somebody no owner of the server any longer, also where they are now.
async fn disown(hub: &Rc<Hub>, user: &str) -> Result<Rows, String> {
    let username = user.to_owned();
    if !hub.store.run(move |store| store.disown(&username)).await.map_err(said)? {
        return Err("there is no owner of that name".to_owned());
    }
    if let Some(session) = hub.session_of(user) {
        hub.act(|machine, _| machine.set_scope(session, Scope::Everywhere));
    }
    Ok(Vec::new())
}

pub(crate) async fn find_room(hub: &Rc<Hub>, name: &str) -> Result<u32, String> {
    let rooms = hub.store.rooms().await.map_err(said)?;
    let key = room_key(name);
    let room = rooms.into_iter().find(|room| room_key(&room.name) == key);
    room.map(|room| room.id).ok_or_else(|| "there is no room of this name; make it first".to_owned())
}
