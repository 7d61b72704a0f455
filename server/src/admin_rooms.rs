//! What the owner of the machine may do in rooms: keep order without being there, see who is kept out and what was done, delete.

use std::rc::Rc;

use hph_core::id::RoomId;
use hph_core::wire::control::{Act, Refusal};
use hph_platform::clock::Clock;

use crate::admin::{Rows, said};
use crate::admin_accounts::find_room;
use crate::hub::Hub;
use crate::names::SERVER_NAME;
use crate::store::AuditEntry;

/// Entries of one answer.
const AUDIT_MAX: usize = 1000;

/// Does what `word` says; none if it is no word of these.
pub(crate) async fn obey(hub: &Rc<Hub>, word: &str, about: &str) -> Option<Result<Rows, String>> {
    let fields: Vec<&str> = about.split('\t').collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    Some(match word {
        "moderate" => moderate(hub, field(0), field(1), field(2)).await,
        "bans" => bans(hub).await,
        "audit" => audit(hub, field(0), field(1)).await,
        "delete-room" => delete_room(hub, field(0)).await,
        _ => return None,
    })
}

/// Does what a host could, and notes it. What is done is done also if it can't be noted; that is said then.
async fn moderate(hub: &Rc<Hub>, room: &str, act: &str, whom: &str) -> Result<Rows, String> {
    let room = find_room(hub, room).await?;
    let act = Act::of_code(act).ok_or("there is no such act")?;
    let whom = if act.has_target() { whom } else { "" };
    hub.act(|machine, out| machine.govern(RoomId(room), act, whom, SERVER_NAME, out)).map_err(|reason| {
        let why = match reason {
            Refusal::NoSuchPerson => "nobody of that name is there",
            Refusal::ServerFull => "there is no place for one more",
            _ => "that can't be done from here",
        };
        why.to_owned()
    })?;
    let (id, time_ms, by) = (0, Clock::unix_time_ms(), SERVER_NAME.to_owned());
    let (act, whom) = (act.code().to_owned(), whom.to_owned());
    hub.store.moderate(room, AuditEntry { id, time_ms, by, act, whom }, None).await.map_err(said)?;
    Ok(Vec::new())
}

async fn bans(hub: &Rc<Hub>) -> Result<Rows, String> {
    let bans = hub.store.run(|store| store.bans()).await.map_err(said)?;
    Ok(bans.into_iter().map(|ban| vec![ban.room, ban.username, ban.by, ban.time_ms.to_string()]).collect())
}

async fn audit(hub: &Rc<Hub>, room: &str, count: &str) -> Result<Rows, String> {
    let room = find_room(hub, room).await?;
    let count = count.parse::<usize>().ok().filter(|count| (1..=AUDIT_MAX).contains(count));
    let count = count.ok_or_else(|| format!("how many? 1 to {AUDIT_MAX}"))?;
    let (entries, _) = hub.store.audit(room, 0, count).await.map_err(said)?;
    let row = |entry: AuditEntry| vec![entry.time_ms.to_string(), entry.by, entry.act, entry.whom];
    Ok(entries.into_iter().map(row).collect())
}

async fn delete_room(hub: &Rc<Hub>, room: &str) -> Result<Rows, String> {
    let room = find_room(hub, room).await?;
    // From here on nothing more is stored there; what there is goes by and by.
    hub.store.run(move |store| store.delete_room(room)).await.map_err(said)?;
    hub.act(|machine, out| machine.drop_room(RoomId(room), out));
    let pruning = Rc::clone(hub);
    hub.spawn(async move { pruning.prune().await });
    Ok(Vec::new())
}
