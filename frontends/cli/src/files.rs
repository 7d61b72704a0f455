//! `hph send-file`, `hph files`, `hph fetch`: files of a room's shelf, and files for one person.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use hph_client::core::id::RoomId;
use hph_client::core::limits::CHAT_PAGE_MAX;
use hph_client::engine::{Command, Event, FileFailure, FileTarget};
use hph_client::files::RemoteFile;
use hph_client::link::Invitation;

use crate::exit::{Exit, Failure};
use crate::identity::{Who, parse_target};
use crate::join::{find_person, timed_out};
use crate::lang::{self, Lang};
use crate::object;
use crate::output::Output;
use crate::refusal::{self, not_joined, refused};
use crate::session::{Input, Session, Wishes};
use crate::text::{local_time, one_row, parse_duration, person};

/// What `hph send-file` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct SendArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Files to send, one after the other
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Onto the shelf of this room, where the server can read them [default: the link's]
    #[arg(long, value_name = "ROOM", conflicts_with = "to")]
    room: Option<String>,
    /// To one person, sealed end to end: login name, or the name that is shown of somebody who is online
    #[arg(long, value_name = "USER")]
    to: Option<String>,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1h")]
    timeout: Duration,
    #[command(flatten)]
    who: Who,
}

/// What `hph files` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct ListArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// The room [default: the link's]
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Take the file of this number away: one of yours, or any if you keep order in the room
    #[arg(long, value_name = "ID")]
    delete: Option<u64>,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    timeout: Duration,
    #[command(flatten)]
    who: Who,
}

/// What `hph fetch` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct FetchArgs {
    /// Invitation link, or HOST[:PORT]
    #[arg(value_name = "LINK", value_parser = parse_target)]
    link: Invitation,
    /// Which: the number or the name of a file of the room, or hph-file:… as hph inbox shows it
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// The room [default: the link's]
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// Where to
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
    /// Give up after this time; what has come is kept, and the next time goes on from there
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1h")]
    timeout: Duration,
    #[command(flatten)]
    who: Who,
}

/// Files that are sent or fetched by one command.
#[derive(Default)]
struct Waiting {
    names: BTreeMap<u32, String>,
}

impl Waiting {
    /// Takes an event about one of them in. An error ends the command.
    fn take(&mut self, event: &Event, session: &Session<'_>) -> Result<(), Failure> {
        let out = session.out;
        match event {
            Event::FileProgress { request, done, total } => {
                if let Some(name) = self.names.get(request) {
                    out.progress(&progress_row(name, *done, *total));
                }
            }
            Event::FileSent { request, .. } | Event::FileFetched { request, .. } => {
                if let Some(name) = self.names.remove(request) {
                    out.progress("");
                    let row = || done_row(event, &name, out.lang).unwrap_or_default();
                    out.data(|| object::of_event(event, &session.view).unwrap_or_default(), row);
                }
            }
            Event::FileFailed { request, reason } if self.names.contains_key(request) => {
                out.progress("");
                return Err(failed(&self.names.remove(request).unwrap_or_default(), reason, out));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Runs `hph send-file`.
///
/// # Errors
/// Any [`Failure`].
pub async fn send(args: &SendArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let room = args.room.clone().or_else(|| args.link.room.clone()).filter(|_| args.to.is_none());
    if room.is_none() && args.to.is_none() {
        return Err(Failure::usage("for whom? --room ROOM or --to USER"));
    }
    for file in &args.files {
        let is_file = std::fs::metadata(file).map_err(|error| no_file(file, &error, out))?.is_file();
        if !is_file {
            return Err(no_file(file, &std::io::Error::other(out.lang.text(&lang::NOT_A_FILE)), out));
        }
    }
    let wishes = Wishes { may_ask, limit: Some(args.timeout), ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    let mut waiting = Waiting::default();
    let mut has_begun = false;
    if args.to.is_some() {
        session.send(Command::WatchLobby(true));
    }
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) if !has_begun => join(&mut session, room.as_deref()),
            Input::Event(Event::Joined { room, request: 1.., .. }) if !has_begun => {
                has_begun = true;
                begin(&mut session, &args.files, &FileTarget::Room(room), &mut waiting);
            }
            Input::Event(Event::LobbyComplete) if !has_begun => {
                has_begun = true;
                let to = args.to.as_deref().unwrap_or_default();
                let to = find_person(&session.view, to)
                    .ok_or_else(|| Failure::usage(out.lang.fill(&lang::NOT_ALONE, &[&to])))?;
                begin(&mut session, &args.files, &FileTarget::Person(to), &mut waiting);
            }
            Input::Event(Event::Refused { reason, .. }) if !has_begun => {
                return Err(not_joined(room.as_deref().unwrap_or_default(), reason, out));
            }
            Input::Event(event) => waiting.take(&event, &session)?,
            Input::Stop(exit) => break exit,
            Input::TimeUp => return Err(timed_out(args.timeout, out)),
            _ => {}
        }
        if has_begun && waiting.names.is_empty() {
            break Exit::Ok;
        }
    };
    session.close().await?;
    Ok(exit)
}

fn begin(session: &mut Session<'_>, files: &[PathBuf], to: &FileTarget, waiting: &mut Waiting) {
    for path in files {
        let request = session.engine.request();
        waiting.names.insert(request, path.display().to_string());
        session.send(Command::SendFile { request, to: to.clone(), path: path.clone() });
    }
}

fn join(session: &mut Session<'_>, room: Option<&str>) {
    if let Some(name) = room {
        let (request, name) = (session.engine.request(), name.to_owned());
        session.send(Command::JoinNamed { request, name, may_create: false });
    }
}

/// Runs `hph files`.
///
/// # Errors
/// Any [`Failure`].
pub async fn list(args: &ListArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let name = args.room.clone().or_else(|| args.link.room.clone());
    let name = name.ok_or_else(|| Failure::usage("which room? --room ROOM"))?;
    let wishes = Wishes { may_ask, limit: Some(args.timeout), ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    let mut room = None;
    let mut is_any = false;
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) if room.is_none() => join(&mut session, Some(&name)),
            Input::Event(Event::Joined { room: here, request: 1.., .. }) if room.is_none() => {
                room = Some(here);
                match args.delete {
                    Some(file) => {
                        let request = session.engine.request();
                        session.send(Command::DeleteFile { request, file });
                    }
                    None => ask(&mut session, here, 0),
                }
            }
            Input::Event(Event::Refused { reason, .. }) if room.is_none() => {
                return Err(not_joined(&name, reason, out));
            }
            Input::Event(Event::Refused { reason, .. }) => return Err(refused(reason, out)),
            Input::Event(event @ Event::File { request: 1.., .. }) => {
                is_any = true;
                out.data(|| object::of_event(&event, &session.view).unwrap_or_default(), || file_row(&event, out));
            }
            Input::Event(event @ Event::FilesAll { before, .. }) => match room.filter(|_| before > 0) {
                Some(room) => ask(&mut session, room, before),
                None => {
                    out.object(|| object::of_event(&event, &session.view).unwrap_or_default());
                    if !is_any {
                        out.talk(out.lang.text(&lang::SHELF_EMPTY));
                    }
                    break Exit::Ok;
                }
            },
            Input::Event(event @ Event::FileGone { request: 1.., .. }) => {
                out.object(|| object::of_event(&event, &session.view).unwrap_or_default());
                out.talk(out.lang.text(&lang::FILE_DELETED));
                break Exit::Ok;
            }
            Input::Stop(exit) => break exit,
            Input::TimeUp => return Err(timed_out(args.timeout, out)),
            _ => {}
        }
    };
    session.close().await?;
    Ok(exit)
}

fn ask(session: &mut Session<'_>, room: RoomId, before: u64) {
    let request = session.engine.request();
    session.send(Command::ListFiles { request, room, before, count: CHAT_PAGE_MAX });
}

/// Runs `hph fetch`.
///
/// # Errors
/// Any [`Failure`].
pub async fn fetch(args: &FetchArgs, may_ask: bool, out: &Output) -> Result<Exit, Failure> {
    let sealed: Vec<RemoteFile> = args.files.iter().filter_map(|text| RemoteFile::from_direct(text)).collect();
    let mut missing: BTreeSet<&str> =
        args.files.iter().map(String::as_str).filter(|text| RemoteFile::from_direct(text).is_none()).collect();
    let name = args.room.clone().or_else(|| args.link.room.clone()).filter(|_| !missing.is_empty());
    if !missing.is_empty() && name.is_none() {
        return Err(Failure::usage("which room? --room ROOM"));
    }
    let wishes = Wishes { may_ask, limit: Some(args.timeout), ..Wishes::default() };
    let mut session = Session::start(&args.who, &args.link, wishes, out)?;
    let mut waiting = Waiting::default();
    let mut room = None;
    let mut has_begun = false;
    let exit = loop {
        match session.next().await? {
            Input::Event(Event::SignedIn { .. }) if !has_begun => {
                has_begun = true;
                sealed.iter().for_each(|file| start(&mut session, file, &args.into, &mut waiting));
                join(&mut session, name.as_deref());
            }
            Input::Event(Event::Joined { room: here, request: 1.., .. }) => {
                room = Some(here);
                ask(&mut session, here, 0);
            }
            Input::Event(Event::Refused { reason, .. }) if name.is_some() && room.is_none() => {
                return Err(not_joined(name.as_deref().unwrap_or_default(), reason, out));
            }
            Input::Event(Event::Refused { reason, .. }) => return Err(refused(reason, out)),
            Input::Event(Event::File { request: 1.., file, .. }) => {
                let number = file.file.to_string();
                // The newest of a name: they come newest first.
                if missing.remove(number.as_str()) || missing.remove(file.name.as_str()) {
                    start(&mut session, &file, &args.into, &mut waiting);
                }
            }
            Input::Event(Event::FilesAll { before, .. }) => match (missing.first(), room.filter(|_| before > 0)) {
                (None, _) => {}
                (Some(_), Some(room)) => ask(&mut session, room, before),
                (Some(unknown), None) => {
                    return Err(Failure::new(
                        Exit::Rejected,
                        "E-FILE-01",
                        out.lang.fill(&lang::E_NO_SUCH_FILE, &[&one_row(unknown)]),
                    ));
                }
            },
            Input::Event(event) => waiting.take(&event, &session)?,
            Input::Stop(exit) => break exit,
            Input::TimeUp => return Err(timed_out(args.timeout, out)),
            _ => {}
        }
        if has_begun && missing.is_empty() && waiting.names.is_empty() {
            break Exit::Ok;
        }
    };
    session.close().await?;
    Ok(exit)
}

fn start(session: &mut Session<'_>, file: &RemoteFile, folder: &std::path::Path, waiting: &mut Waiting) {
    let request = session.engine.request();
    waiting.names.insert(request, one_row(&file.name));
    session.send(Command::FetchFile { request, file: file.clone(), folder: folder.to_owned() });
}

/// How far a file is.
pub fn progress_row(name: &str, done: u64, total: u64) -> String {
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
    format!("{name}: {percent} % ({} / {})", size(done), size(total))
}

/// That a file was sent or fetched.
pub fn done_row(event: &Event, name: &str, lang: Lang) -> Option<String> {
    match event {
        Event::FileSent { file, .. } => Some(lang.fill(&lang::FILE_SENT, &[&name, file])),
        Event::FileFetched { path, .. } => {
            Some(lang.fill(&lang::FILE_FETCHED, &[&name, &one_row(&path.display().to_string())]))
        }
        _ => None,
    }
}

/// Why it was not.
pub fn failure_text(reason: &FileFailure, lang: Lang) -> String {
    match reason {
        FileFailure::Refused(reason) => lang.text(refusal::phrase(*reason)).to_owned(),
        FileFailure::Untold(reason) => lang.text(refusal::unsent(*reason)).to_owned(),
        FileFailure::Disk(why) => one_row(why),
        FileFailure::Damaged => lang.text(&lang::FILE_DAMAGED).to_owned(),
        FileFailure::TooMany => lang.text(&lang::TOO_MANY_FILES).to_owned(),
    }
}

/// A file of a shelf as a row.
pub fn file_row(event: &Event, out: &Output) -> String {
    let Event::File { file, author, display_name, time_ms, .. } = event else { return String::new() };
    let who = out.bold(&person(display_name, author));
    format!("#{}\t{}\t{}\t{who}\t{}", file.file, one_row(&file.name), size(file.size), local_time(*time_ms))
}

/// A size for people. **Units:** bytes.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn no_file(path: &std::path::Path, error: &std::io::Error, out: &Output) -> Failure {
    Failure::new(Exit::Device, "E-FILE-02", out.lang.fill(&lang::E_FILE, &[&path.display(), error]))
}

fn failed(name: &str, reason: &FileFailure, out: &Output) -> Failure {
    let what = out.lang.fill(&lang::E_FILE, &[&name, &failure_text(reason, out.lang)]);
    match reason {
        FileFailure::Refused(_) | FileFailure::Untold(_) | FileFailure::TooMany => {
            Failure::new(Exit::Rejected, "E-FILE-03", what)
        }
        FileFailure::Disk(_) | FileFailure::Damaged => Failure::new(Exit::Device, "E-FILE-02", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_progress_are_read_at_a_glance() {
        assert_eq!([0, 999, 1000, 25_000_000].map(size), ["0 B", "999 B", "1.0 kB", "25.0 MB"]);
        assert_eq!(progress_row("a", 500, 2000), "a: 25 % (500 B / 2.0 kB)");
        assert_eq!(progress_row("a", 0, 0), "a: 100 % (0 B / 0 B)");
    }
}
