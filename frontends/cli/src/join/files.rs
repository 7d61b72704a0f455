//! Files in a meeting: told of, sent, fetched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hph_client::core::limits::CHAT_PAGE_MAX;
use hph_client::engine::{Command, Event, FileTarget};
use hph_client::files::RemoteFile;

use super::Meeting;
use crate::files::{done_row, failure_text, progress_row};
use crate::lang;
use crate::output::Output;
use crate::text::one_row;

/// Files that are remembered; of more the oldest are forgotten, and can be asked for with `/files`.
const KNOWN_MAX: usize = 1000;

/// What is known of files here.
#[derive(Default)]
pub(super) struct Files {
    known: BTreeMap<u64, RemoteFile>,
    /// Those on their way, by request.
    moving: BTreeMap<u32, String>,
}

impl Files {
    /// Takes in what is said of files, and tells how far ours are.
    pub fn take(&mut self, event: &Event, out: &Output) {
        match event {
            Event::File { file, .. } => self.know(file.clone()),
            Event::Direct { text: Some(text), .. } => {
                if let Some(file) = RemoteFile::from_direct(text) {
                    self.know(file);
                }
            }
            Event::FileProgress { request, done, total } => {
                if let Some(name) = self.moving.get(request) {
                    out.progress(&progress_row(name, *done, *total));
                }
            }
            Event::FileSent { request, .. } | Event::FileFetched { request, .. } => {
                if let Some(name) = self.moving.remove(request) {
                    out.progress("");
                    out.talk(&done_row(event, &name, out.lang).unwrap_or_default());
                }
            }
            Event::FileFailed { request, reason } => {
                if let Some(name) = self.moving.remove(request) {
                    out.progress("");
                    out.talk(&out.lang.fill(&lang::E_FILE, &[&name, &failure_text(reason, out.lang)]));
                }
            }
            _ => {}
        }
    }

    fn know(&mut self, file: RemoteFile) {
        self.known.insert(file.file, file);
        while self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
    }
}

impl Meeting<'_> {
    pub(super) fn send_file(&mut self, to: FileTarget, path: &str) {
        let path = home(path);
        let request = self.session.engine.request();
        self.files.moving.insert(request, one_row(&path.display().to_string()));
        self.session.send(Command::SendFile { request, to, path });
    }

    pub(super) fn list_files(&mut self) {
        if let Some(room) = self.current_or_say() {
            let request = self.session.engine.request();
            self.session.send(Command::ListFiles { request, room, before: 0, count: CHAT_PAGE_MAX });
        }
    }

    pub(super) fn fetch_file(&mut self, file: u64) {
        let Some(file) = self.files.known.get(&file).cloned() else { return self.tell(&lang::UNKNOWN_FILE) };
        let request = self.session.engine.request();
        self.files.moving.insert(request, one_row(&file.name));
        self.session.send(Command::FetchFile { request, file, folder: self.args.into.clone() });
    }
}

/// A path as people type it: `~` is home.
fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}
