//! What the owner of the machine may ask of a running server, over a socket in the data directory that is theirs alone.
//!
//! One line in: a word, and what it is about, with a tab between. Lines out: `ok` or `error` with a reason, then rows of
//! fields with tabs between; then the end. No text of this server has a tab or a line's end in it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use async_io::{Async, Timer};
use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};
use hph_core::id::{RoomId, SessionId};

use crate::admin_accounts;
use crate::admin_rooms;
use crate::files;
use crate::hub::Hub;
use crate::store::{AccountRow, StoreError};

/// Longest line that is read.
const LINE_MAX_BYTES: usize = 1024;
/// Whoever says nothing for so long is not waited for.
const LINE_WAIT: Duration = Duration::from_secs(5);

/// Where the socket is.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.sock")
}

/// Listens, with a socket that only its owner may open. One that a killed server left is replaced.
///
/// # Errors
/// As the operating system reports them; also if another server listens there.
pub(crate) fn listen(data_dir: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::net::{UnixListener, UnixStream};
    files::create_directory(data_dir)?;
    let path = socket_path(data_dir);
    if UnixStream::connect(&path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server runs on this data"));
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Under a name that nobody knows until its mode is right.
    let draft = path.with_added_extension("new");
    let _ = std::fs::remove_file(&draft);
    let listener = UnixListener::bind(&draft)?;
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(files::FILE_MODE))?;
    std::fs::rename(&draft, &path)?;
    Ok(listener)
}

/// Answers, one after the other, for ever.
pub(crate) async fn serve(hub: &Rc<Hub>, listener: Async<std::os::unix::net::UnixListener>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            Timer::after(Duration::from_millis(100)).await;
            continue;
        };
        let hub = Rc::clone(hub);
        Rc::clone(&hub).spawn(async move {
            let _: io::Result<()> = answer(&hub, stream).await;
        });
    }
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let too_late = async {
        Timer::after(LINE_WAIT).await;
        Err(io::ErrorKind::TimedOut.into())
    };
    work.or(too_late).await
}

async fn read_line(stream: &mut Async<std::os::unix::net::UnixStream>) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LINE_MAX_BYTES && stream.read(&mut byte).await? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// What is asked is done to its end, however long it takes and whether or not anybody waits for the answer.
async fn answer(hub: &Rc<Hub>, mut stream: Async<std::os::unix::net::UnixStream>) -> io::Result<()> {
    let text = in_time(read_line(&mut stream)).await?;
    let (word, about) = text.split_once('\t').unwrap_or((&text, ""));
    let answer = match obey(hub, word, about).await {
        Ok(rows) => rows.iter().fold("ok\n".to_owned(), |all, row| all + &row.join("\t") + "\n"),
        Err(why) => format!("error\t{why}\n"),
    };
    in_time(stream.write_all(answer.as_bytes())).await
}

/// Fields of an answer, a row each.
pub(crate) type Rows = Vec<Vec<String>>;

/// What is told of a database that fails.
pub(crate) fn said(error: StoreError) -> String {
    error.to_string()
}

async fn obey(hub: &Rc<Hub>, word: &str, about: &str) -> Result<Rows, String> {
    match word {
        "status" => Ok(status(hub)),
        "sessions" => Ok(hub.sessions().into_iter().filter_map(|id| session_row(hub, id)).collect()),
        "rooms" => {
            let people = hub.people_in_rooms();
            let rooms = hub.store.rooms().await.map_err(said)?.into_iter();
            let count = |id| people.iter().find(|(known, _)| *known == RoomId(id)).map_or(0, |(_, count)| *count);
            Ok(rooms.map(|row| vec![row.id.to_string(), row.name, row.created_by, count(row.id).to_string()]).collect())
        }
        "users" => {
            let users = hub.store.accounts().await.map_err(said)?;
            let is_online = |name: &str| if hub.is_online(name) { "online" } else { "" }.to_owned();
            let owner = |is_owner| if is_owner { "owner" } else { "" }.to_owned();
            let row = |user: AccountRow| {
                let state = is_online(&user.username);
                vec![state, user.username, user.display_name, user.email, owner(user.is_owner)]
            };
            Ok(users.into_iter().map(row).collect())
        }
        "sign-out" => {
            if hub.end_session(about) {
                Ok(Vec::new())
            } else {
                Err("nobody of that name is signed in".to_owned())
            }
        }
        "delete-user" => {
            if !hub.store.delete_account(about).await.map_err(said)? {
                return Err("there is no such account".to_owned());
            }
            hub.end_session(about);
            Ok(Vec::new())
        }
        "metrics" => Ok(crate::exposition::metrics(hub).lines().map(|line| vec![line.to_owned()]).collect()),
        "config" => Ok(hub.config.lines().map(|line| vec![line]).collect()),
        _ => match admin_accounts::obey(hub, word, about).await {
            Some(answer) => answer,
            None => admin_rooms::obey(hub, word, about).await.unwrap_or_else(|| Err("unknown word".to_owned())),
        },
    }
}

fn status(hub: &Rc<Hub>) -> Rows {
    let ((rooms, people), figures) = (hub.counts(), hub.figures());
    let drops: u64 = figures.drops.iter().map(|(_, count)| count).sum();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    vec![
        row("name", hub.config.name.clone()),
        row("version", env!("CARGO_PKG_VERSION").to_owned()),
        row("rooms", rooms.to_string()),
        row("people", people.to_string()),
        row("forwarded", figures.forwarded.to_string()),
        row("dropped", drops.to_string()),
    ]
}

fn session_row(hub: &Rc<Hub>, id: SessionId) -> Option<Vec<String>> {
    let (username, display_name) = hub.names(id)?;
    let rooms = hub.rooms_of(id).join(", ");
    Some(vec![username, display_name, rooms])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_its_owner_s_alone_and_one_that_is_left_behind_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = listen(folder.path()).expect("listens");
        let path = socket_path(folder.path());
        let mode = std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, files::FILE_MODE);
        assert!(listen(folder.path()).is_err(), "somebody listens");
        drop(listener);
        assert!(path.exists() && listen(folder.path()).is_ok(), "a killed server leaves it");
    }
}
