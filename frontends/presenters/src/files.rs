//! Files: the shelf of each room, and what is being sent and fetched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hph_client::core::id::RoomId;
use hph_client::engine::{Command, Event as EngineEvent, FileFailure, FileTarget, Role};
use hph_client::files::RemoteFile;
use hph_client::view::MeetingView;

use crate::effect::{Effect, Effects, engine};
use crate::ids::Ids;

/// Files of a room that are kept here; the oldest go first.
const SHELF_MAX: usize = 1000;
/// Files of a page when one looks further back.
const PAGE: u8 = 50;
/// What is over and stays in the list until it is closed; the oldest go first.
const OVER_MAX: usize = 20;

/// A file on a room's shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// The file.
    pub file: RemoteFile,
    /// Login name of whoever sent it.
    pub author: String,
    /// Their name to show.
    pub name: String,
    /// When it was sent. **Units:** milliseconds since 1970.
    pub time_ms: u64,
}

/// The shelf of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    /// By number: the newest last.
    files: BTreeMap<u64, Shelved>,
    /// The request that lists files now.
    asked: Option<u32>,
    /// Whether the newest were listed.
    is_listed: bool,
    /// What to ask for next; 0 if that was all.
    before: u64,
}

impl Shelf {
    /// The files, the newest first.
    pub fn files(&self) -> impl Iterator<Item = &Shelved> {
        self.files.values().rev()
    }

    /// Whether files are being listed.
    pub const fn is_loading(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether there are older ones.
    pub const fn has_older(&self) -> bool {
        self.before != 0
    }
}

/// What a transfer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A file of ours goes there.
    Sends(FileTarget),
    /// The file of that number comes here.
    Fetches(u64),
}

/// What has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    Running,
    /// It is there; where, if it was fetched.
    Done(Option<PathBuf>),
    /// It came to nothing.
    Failed(FileFailure),
}

/// A file that is sent or fetched, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The request that began it.
    pub request: u32,
    /// The file's name.
    pub name: String,
    /// What it does.
    pub way: Way,
    /// **Units:** bytes.
    pub done: u64,
    /// **Units:** bytes; 0 as long as it is not known.
    pub total: u64,
    /// What has become of it.
    pub state: State,
}

impl Transfer {
    /// How much of it is done, 0 to 1.
    pub fn part(&self) -> f32 {
        if self.total == 0 { 0.0 } else { (self.done as f32 / self.total as f32).min(1.0) }
    }
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Choose files to send there.
    Pick(FileTarget),
    /// They were chosen.
    Chosen(FileTarget, Vec<PathBuf>),
    /// Files were dropped on the window: for whom the panel stands open, else for the room.
    Dropped(Vec<PathBuf>),
    /// Fetch a file.
    Fetch(RemoteFile),
    /// Fetch the file of that number from the shelf of the room in front.
    FetchShelved(u64),
    /// Take it from the shelf.
    Delete(u64),
    /// Stop a transfer, or take one that is over from the list.
    Stop(u32),
    /// Older files of the room in front.
    Older,
}

/// What is worth telling of what the engine says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A file is here.
    Fetched(PathBuf),
    /// A file of ours is there: to whom, its name and its size.
    Sent(FileTarget, String, u64),
    /// A file was not sent, or not fetched.
    Failed(String, FileFailure),
    /// Somebody put a file on the shelf of a room.
    Came(RoomId, Shelved),
}

/// All files.
#[derive(Clone, Debug, Default)]
pub struct Files {
    shelves: BTreeMap<RoomId, Shelf>,
    transfers: Vec<Transfer>,
}

impl Files {
    /// The shelf of a room.
    pub fn shelf(&self, room: RoomId) -> Option<&Shelf> {
        self.shelves.get(&room)
    }

    /// What is sent and fetched, or was, the oldest first.
    pub fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    /// What is done with a file of the server now, or was last.
    pub fn fetching(&self, file: u64) -> Option<&Transfer> {
        self.transfers.iter().rfind(|transfer| transfer.way == Way::Fetches(file))
    }

    /// Whether we may take a file from the shelf: the server has the last word.
    pub fn may_delete(view: &MeetingView, room: RoomId, shelved: &Shelved) -> bool {
        let role = view.rooms.get(&room).map(crate::people::my_role).unwrap_or_default();
        shelved.author == view.username || role >= Role::Host
    }

    /// Takes an event; `front` is the room in front.
    pub fn handle(&mut self, event: Event, front: Option<RoomId>, ids: &mut Ids, effects: &mut Effects) {
        match event {
            Event::Pick(to) => effects.push(Effect::PickFiles(to)),
            Event::Chosen(to, paths) => {
                for path in paths {
                    self.send(to.clone(), path, ids, effects);
                }
            }
            // Whose thread is open only the program knows.
            Event::Dropped(_) => {}
            Event::Fetch(file) => self.fetch(file, ids, effects),
            Event::FetchShelved(number) => {
                let shelf = front.and_then(|room| self.shelves.get(&room));
                if let Some(file) = shelf.and_then(|shelf| shelf.files.get(&number)).map(|found| found.file.clone()) {
                    self.fetch(file, ids, effects);
                }
            }
            Event::Delete(file) => engine(effects, Command::DeleteFile { request: ids.request(), file }),
            Event::Stop(request) => self.stop(request, effects),
            Event::Older => {
                if let Some(room) = front {
                    self.list(room, ids, effects);
                }
            }
        }
    }

    /// The panel of a room's files is open: they are listed, unless they were.
    pub fn open(&mut self, room: RoomId, ids: &mut Ids, effects: &mut Effects) {
        if !self.shelves.get(&room).is_some_and(|shelf| shelf.is_listed) {
            self.list(room, ids, effects);
        }
    }

    fn list(&mut self, room: RoomId, ids: &mut Ids, effects: &mut Effects) {
        let shelf = self.shelves.entry(room).or_default();
        if shelf.asked.is_some() || (shelf.is_listed && shelf.before == 0) {
            return;
        }
        let (request, before) = (ids.request(), if shelf.is_listed { shelf.before } else { 0 });
        shelf.asked = Some(request);
        engine(effects, Command::ListFiles { request, room, before, count: PAGE });
    }

    fn send(&mut self, to: FileTarget, path: PathBuf, ids: &mut Ids, effects: &mut Effects) {
        let request = ids.request();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.begin(request, name, Way::Sends(to.clone()), 0);
        engine(effects, Command::SendFile { request, to, path });
    }

    fn fetch(&mut self, file: RemoteFile, ids: &mut Ids, effects: &mut Effects) {
        if self.fetching(file.file).is_some_and(|transfer| transfer.state == State::Running) {
            return;
        }
        let request = ids.request();
        self.begin(request, file.name.clone(), Way::Fetches(file.file), file.stored_size());
        effects.push(Effect::FetchFile { request, file });
    }

    fn begin(&mut self, request: u32, name: String, way: Way, total: u64) {
        self.transfers.push(Transfer { request, name, way, done: 0, total, state: State::Running });
        let over = |transfer: &Transfer| transfer.state != State::Running;
        if self.transfers.iter().filter(|transfer| over(transfer)).count() > OVER_MAX
            && let Some(oldest) = self.transfers.iter().position(over)
        {
            self.transfers.remove(oldest);
        }
    }

    fn stop(&mut self, request: u32, effects: &mut Effects) {
        let Some(at) = self.transfers.iter().position(|transfer| transfer.request == request) else { return };
        if self.transfers.remove(at).state == State::Running {
            engine(effects, Command::StopFile { request });
        }
    }

    /// Takes what the engine says of files; gives what people should know.
    pub fn handle_engine(&mut self, event: &EngineEvent) -> Option<News> {
        use EngineEvent as E;
        match event {
            E::FileProgress { request, done, total } => {
                if let Some(transfer) = self.transfer(*request) {
                    (transfer.done, transfer.total) = (*done, *total);
                }
            }
            E::FileSent { request, .. } => {
                let transfer = self.transfer(*request)?;
                transfer.state = State::Done(None);
                let Way::Sends(to) = &transfer.way else { return None };
                return Some(News::Sent(to.clone(), transfer.name.clone(), transfer.total));
            }
            E::FileFetched { request, path } => {
                let transfer = self.transfer(*request)?;
                (transfer.state, transfer.done) = (State::Done(Some(path.clone())), transfer.total);
                return Some(News::Fetched(path.clone()));
            }
            E::FileFailed { request, reason } => {
                let transfer = self.transfer(*request)?;
                transfer.state = State::Failed(reason.clone());
                return Some(News::Failed(transfer.name.clone(), reason.clone()));
            }
            E::File { request, room, file, author, display_name, time_ms } => {
                let (author, name) = (author.clone(), display_name.clone());
                let shelved = Shelved { file: file.clone(), author, name, time_ms: *time_ms };
                let shelf = self.shelves.entry(*room).or_default();
                shelf.files.insert(file.file, shelved.clone());
                while shelf.files.len() > SHELF_MAX {
                    shelf.files.pop_first();
                }
                return (*request == 0).then_some(News::Came(*room, shelved));
            }
            E::FilesAll { request, before } => {
                let shelf = self.shelves.values_mut().find(|shelf| shelf.asked == Some(*request))?;
                (shelf.asked, shelf.is_listed, shelf.before) = (None, true, *before);
            }
            E::FileGone { file, .. } => {
                for shelf in self.shelves.values_mut() {
                    shelf.files.remove(file);
                }
            }
            E::Refused { request, .. } => {
                let asked = self.shelves.values_mut().find(|shelf| shelf.asked == Some(*request))?;
                asked.asked = None;
            }
            // What changed meanwhile nobody tells: it is listed anew.
            E::Joined { room, .. } | E::Left { room, .. } => _ = self.shelves.remove(room),
            E::Lost { .. } => self.shelves.values_mut().for_each(|shelf| shelf.asked = None),
            _ => {}
        }
        None
    }

    fn transfer(&mut self, request: u32) -> Option<&mut Transfer> {
        self.transfers.iter_mut().find(|transfer| transfer.request == request)
    }
}

#[cfg(test)]
mod tests;
