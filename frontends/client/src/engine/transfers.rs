//! Files on their way: what is sent, what is fetched, and how far each is. It survives the connection: what was interrupted
//! goes on where the other end says that it ended.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use hph_core::id::RoomId;
use hph_core::limits::FILE_RANGE_MAX_BYTES;
use hph_core::time::{Duration, Instant};
use hph_core::wire::control::Refusal;
use hph_platform::entropy;

use super::{Event, FileFailure, FileTarget, new_reference};
use crate::files::{Kept, Prepared, RemoteFile, Source};

/// Files that may wait.
const TRANSFERS_MAX: usize = 64;
/// Bytes of a file that may be on their way to the server.
pub(super) const AHEAD_MAX_BYTES: u64 = 256 * 1024;
/// Bytes that a busy or full server gets to think it over, and how often.
const RETRY_AFTER: Duration = Duration::from_millis(1500);
const RETRIES_MAX: u32 = 10;
/// How often a file is looked for that is not there, after the connection was lost: we may not be back in its room.
const LOOKS_FOR_A_FILE_MAX: u32 = 4;

/// A file that is sent.
pub(super) struct Upload {
    pub request: u32,
    pub reference: u64,
    pub to: FileTarget,
    pub path: PathBuf,
    /// What opens it, if it is for one person.
    pub key: Option<[u8; 32]>,
    pub stage: UploadStage,
    retries: u32,
}

/// How far it is.
pub(super) enum UploadStage {
    /// It is to be read through.
    Begin,
    /// The server is to be asked what it has of it, at that time.
    Offer { ready: Ready, at: Instant },
    /// It was asked.
    Asked(Ready),
    /// It gets what is missing.
    Sending { ready: Ready, file: u64, sent: u64, taken: u64 },
    /// It is there; the person for whom it is gets to know.
    Telling,
}

/// A file that was read through.
#[derive(Clone)]
pub(super) struct Ready {
    pub source: Arc<Source>,
    pub prepared: Prepared,
}

/// A file that is fetched.
pub(super) struct Download {
    pub request: u32,
    pub remote: RemoteFile,
    pub folder: PathBuf,
    pub kept: Option<Arc<Kept>>,
    /// Bytes that are on the disk, and up to where was asked.
    pub done: u64,
    pub asked: u64,
    /// What came and is not on the disk yet: never more than was asked.
    pub arrived: VecDeque<Vec<u8>>,
    /// Not before this.
    pub at: Instant,
    retries: u32,
    /// Looks for a file that is not there are left.
    looks: u32,
}

impl Download {
    /// What is here, on the disk or on its way to it.
    fn here(&self) -> u64 {
        self.done + self.arrived.iter().map(|bytes| bytes.len() as u64).sum::<u64>()
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Transfers {
    pub(super) uploads: VecDeque<Upload>,
    pub(super) downloads: VecDeque<Download>,
    /// Direct messages that tell of a file, by their reference: the file's request.
    telling: Vec<(u64, u32, u64)>,
    has_news: bool,
}

impl Transfers {
    /// Takes a file to be sent; false if too many wait.
    pub fn send(&mut self, request: u32, to: FileTarget, path: PathBuf) -> bool {
        let key = matches!(to, FileTarget::Person(_)).then(entropy::array);
        let has_place = self.uploads.len() < TRANSFERS_MAX;
        if has_place {
            let (reference, stage) = (new_reference(), UploadStage::Begin);
            self.uploads.push_back(Upload { request, reference, to, path, key, stage, retries: 0 });
            self.has_news = true;
        }
        has_place
    }

    /// Takes a file to be fetched; false if too many wait.
    pub fn fetch(&mut self, now: Instant, request: u32, remote: RemoteFile, folder: PathBuf) -> bool {
        let has_place = self.downloads.len() < TRANSFERS_MAX;
        if has_place {
            let (kept, arrived) = (None, VecDeque::new());
            let (done, asked, at, retries, looks) = (0, 0, now, 0, 0);
            let download = Download { request, remote, folder, kept, done, asked, arrived, at, retries, looks };
            self.downloads.push_back(download);
            self.has_news = true;
        }
        has_place
    }

    /// Gives something up.
    pub fn stop(&mut self, request: u32) -> bool {
        let before = self.uploads.len() + self.downloads.len();
        self.uploads.retain(|upload| upload.request != request);
        self.downloads.retain(|download| download.request != request);
        self.uploads.len() + self.downloads.len() < before
    }

    /// The connection is a new one: everything is asked again.
    pub fn begin_again(&mut self, now: Instant) {
        for upload in &mut self.uploads {
            let ready = match &upload.stage {
                UploadStage::Asked(ready) | UploadStage::Sending { ready, .. } => ready.clone(),
                _ => continue,
            };
            upload.stage = UploadStage::Offer { ready, at: now };
        }
        for download in &mut self.downloads {
            download.arrived.clear();
            download.asked = download.done;
            (download.at, download.looks) = (now, LOOKS_FOR_A_FILE_MAX);
        }
        self.has_news = true;
    }

    /// Whether there is something to be done since this was asked last.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// The server has all of a file before `from`.
    pub fn handle_wanted(&mut self, reference: u64, file: u64, from: u64, events: &mut Vec<Event>) {
        let Some(upload) = self.upload(reference) else { return };
        let (request, total) = match &mut upload.stage {
            UploadStage::Asked(ready) => {
                let (ready, total) = (ready.clone(), ready.prepared.sent.0);
                upload.stage = UploadStage::Sending { ready, file, sent: from.min(total), taken: from.min(total) };
                (upload.request, total)
            }
            UploadStage::Sending { ready, taken, .. } => {
                *taken = from.max(*taken);
                (upload.request, ready.prepared.sent.0)
            }
            _ => return,
        };
        events.push(Event::FileProgress { request, done: from.min(total), total });
        self.has_news = true;
    }

    /// The server has a file for good. Gives whom to tell of it, and what, if it is for one person.
    pub fn handle_stored(
        &mut self,
        reference: u64,
        file: u64,
        events: &mut Vec<Event>,
    ) -> Option<(String, RemoteFile, u64)> {
        let index = self.uploads.iter().position(|upload| upload.reference == reference)?;
        let upload = self.uploads.get_mut(index)?;
        let ready = match &upload.stage {
            UploadStage::Asked(ready) | UploadStage::Sending { ready, .. } => ready.clone(),
            _ => return None,
        };
        let (request, total) = (upload.request, ready.prepared.sent.0);
        self.has_news = true;
        events.push(Event::FileProgress { request, done: total, total });
        let FileTarget::Person(to) = &upload.to else {
            events.push(Event::FileSent { request, file });
            self.uploads.remove(index);
            return None;
        };
        let (size, sha256) = ready.prepared.plain;
        let remote = RemoteFile { file, name: name_of(&upload.path), size, sha256, key: upload.key };
        let (to, told) = (to.clone(), new_reference());
        upload.stage = UploadStage::Telling;
        self.telling.push((told, request, file));
        Some((to, remote, told))
    }

    /// A direct message was stored. True if it told of a file: nobody else waits for that.
    pub fn handle_told(&mut self, reference: u64, events: &mut Vec<Event>) -> bool {
        let Some(index) = self.telling.iter().position(|(known, ..)| *known == reference) else { return false };
        let (_, request, file) = self.telling.remove(index);
        self.uploads.retain(|upload| upload.request != request);
        events.push(Event::FileSent { request, file });
        true
    }

    /// The direct message that told of a file was given up. True if there was one.
    pub fn handle_untold(&mut self, reference: u64, reason: FileFailure, events: &mut Vec<Event>) -> bool {
        let Some(index) = self.telling.iter().position(|(known, ..)| *known == reference) else { return false };
        let (_, request, _) = self.telling.remove(index);
        self.uploads.retain(|upload| upload.request != request);
        events.push(Event::FileFailed { request, reason });
        true
    }

    /// A piece of a file came. What was not asked for is not kept.
    pub fn handle_chunk(&mut self, file: u64, from: u64, bytes: &[u8]) {
        let end = from.saturating_add(bytes.len() as u64);
        let is_awaited = |download: &&mut Download| {
            download.remote.file == file && download.kept.is_some() && from == download.here() && end <= download.asked
        };
        if let Some(download) = self.downloads.iter_mut().find(is_awaited) {
            download.arrived.push_back(bytes.to_vec());
            (download.retries, download.looks) = (0, 0);
            self.has_news = true;
        }
    }

    /// The server refused something about a file. True if it was about one.
    pub fn handle_refused(&mut self, now: Instant, number: u64, reason: Refusal, events: &mut Vec<Event>) -> bool {
        let may_change = matches!(reason, Refusal::TooFast | Refusal::Storage | Refusal::NotInRoom);
        if let Some(upload) = self.upload(number) {
            let ready = match &upload.stage {
                UploadStage::Asked(ready) | UploadStage::Sending { ready, .. } => Some(ready.clone()),
                _ => None,
            };
            upload.retries += 1;
            if let Some(ready) = ready.filter(|_| may_change && upload.retries <= RETRIES_MAX) {
                upload.stage = UploadStage::Offer { ready, at: now + RETRY_AFTER };
            } else {
                events.push(Event::FileFailed { request: upload.request, reason: FileFailure::Refused(reason) });
                self.uploads.retain(|upload| upload.reference != number);
            }
            self.has_news = true;
            return true;
        }
        let is_it = |download: &&mut Download| u64::from(download.request) == number;
        let Some(download) = self.downloads.iter_mut().find(is_it) else { return false };
        download.retries += 1;
        let is_looked_for = reason == Refusal::NoSuchFile && download.looks > 0;
        download.looks -= u32::from(is_looked_for);
        let may_change = may_change || is_looked_for;
        if may_change && download.retries <= RETRIES_MAX {
            download.asked = download.here();
            download.at = now + RETRY_AFTER;
        } else {
            let request = download.request;
            events.push(Event::FileFailed { request, reason: FileFailure::Refused(reason) });
            self.downloads.retain(|download| download.request != request);
        }
        self.has_news = true;
        true
    }

    fn upload(&mut self, reference: u64) -> Option<&mut Upload> {
        self.uploads.iter_mut().find(|upload| upload.reference == reference)
    }

    /// The next thing to be done, if any, and otherwise when to look again.
    pub(super) fn next_step(&mut self, now: Instant, is_joined: impl Fn(RoomId) -> bool) -> Result<Step, Instant> {
        let mut again = Instant::NEVER;
        // One file after the other: the first is there sooner than two at half the pace.
        let mut is_one_coming = false;
        for download in &mut self.downloads {
            match &download.kept {
                None => {
                    let (request, remote, folder) =
                        (download.request, download.remote.clone(), download.folder.clone());
                    return Ok(Step::Open { request, remote, folder });
                }
                Some(kept) => {
                    if let Some(bytes) = download.arrived.front() {
                        let (request, kept, from) = (download.request, Arc::clone(kept), download.done);
                        return Ok(Step::Write { request, kept, from, bytes: bytes.clone() });
                    }
                    let total = download.remote.stored_size();
                    if download.done == total {
                        return Ok(Step::Finish { request: download.request });
                    }
                    let ahead = download.asked - download.done;
                    let is_held_up = is_one_coming;
                    is_one_coming |= ahead > 0;
                    if download.asked < total && ahead < u64::from(FILE_RANGE_MAX_BYTES) / 2 && !is_held_up {
                        if download.at > now {
                            again = again.min(download.at);
                            continue;
                        }
                        let from = download.asked;
                        let count = (total - from).min(FILE_RANGE_MAX_BYTES.into()) as u32;
                        download.asked += u64::from(count);
                        let (request, file) = (download.request, download.remote.file);
                        return Ok(Step::Ask { request, file, from, count });
                    }
                }
            }
        }
        let Some(upload) = self.uploads.iter_mut().find(|upload| !matches!(upload.stage, UploadStage::Telling)) else {
            return Err(again);
        };
        let (request, reference) = (upload.request, upload.reference);
        match &mut upload.stage {
            UploadStage::Begin => {
                let (path, key) = (upload.path.clone(), upload.key);
                Ok(Step::Prepare { request, path, key })
            }
            UploadStage::Offer { ready, at } => {
                if *at > now {
                    return Err(again.min(*at));
                }
                if let FileTarget::Room(room) = upload.to
                    && !is_joined(room)
                {
                    return Err(again.min(now + RETRY_AFTER));
                }
                let ready = ready.clone();
                let (size, sha256) = ready.prepared.sent;
                upload.stage = UploadStage::Asked(ready);
                let (to, name) = (upload.to.clone(), name_of(&upload.path));
                Ok(Step::Offer { reference, to, name, size, sha256 })
            }
            UploadStage::Sending { ready, file, sent, taken } => {
                if *sent < ready.prepared.sent.0 && *sent - *taken < AHEAD_MAX_BYTES {
                    let (source, file, from) = (Arc::clone(&ready.source), *file, *sent);
                    return Ok(Step::Send { request, source, file, from });
                }
                Err(again)
            }
            UploadStage::Asked(_) | UploadStage::Telling => Err(again),
        }
    }
}

/// Something that takes time.
pub(super) enum Step {
    /// Read a file through.
    Prepare { request: u32, path: PathBuf, key: Option<[u8; 32]> },
    /// Ask the server what it has.
    Offer { reference: u64, to: FileTarget, name: String, size: u64, sha256: [u8; 32] },
    /// Read a piece and send it.
    Send { request: u32, source: Arc<Source>, file: u64, from: u64 },
    /// Open the file that is to be fetched.
    Open { request: u32, remote: RemoteFile, folder: PathBuf },
    /// Ask for the next range.
    Ask { request: u32, file: u64, from: u64, count: u32 },
    /// Write what came.
    Write { request: u32, kept: Arc<Kept>, from: u64, bytes: Vec<u8> },
    /// Check what is whole.
    Finish { request: u32 },
}

/// A file's own name, as others are told it.
fn name_of(path: &std::path::Path) -> String {
    crate::files::safe_name(&path.file_name().unwrap_or_default().to_string_lossy())
}
