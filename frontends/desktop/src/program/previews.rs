//! Pictures among the files: fetched to a folder that is gone with the program, decoded on a thread of their own.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;

use hph_client::engine::Command;
use hph_client::files::RemoteFile;
use hph_presenters::app::Event;
use hph_presenters::previews::Event as Preview;
use slint::Image;
use tempfile::TempDir;

use super::Program;
use crate::inbox::{Note, tell};
use crate::pictures::Pixels;
use crate::thumbnail;

/// Those that are shown, by the number of their file.
#[derive(Default)]
pub(super) struct Thumbnails {
    pictures: HashMap<u64, Image>,
    /// Only its owner can look into it.
    folder: Option<TempDir>,
}

impl Thumbnails {
    pub(super) const fn pictures(&self) -> &HashMap<u64, Image> {
        &self.pictures
    }

    pub(super) fn forget(&mut self, file: u64) {
        self.pictures.remove(&file);
    }

    /// Where they are fetched to.
    fn folder(&mut self) -> io::Result<PathBuf> {
        if self.folder.is_none() {
            self.folder = Some(tempfile::Builder::new().prefix("hph-desktop-").tempdir()?);
        }
        Ok(self.folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default())
    }
}

impl Program {
    pub(super) fn fetch_picture(&self, request: u32, file: RemoteFile) {
        let folder = self.state.borrow_mut().thumbnails.folder();
        match folder {
            Ok(folder) => self.command(Command::FetchFile { request, file, folder }),
            Err(error) => {
                let reason = hph_client::engine::FileFailure::Disk(error.to_string());
                let failed = hph_client::engine::Event::FileFailed { request, reason };
                self.queue.borrow_mut().push_back(Event::Engine(failed));
            }
        }
    }

    pub(super) fn decode_picture(&self, file: u64, path: PathBuf) {
        let inbox = self.state.borrow().inbox.clone();
        let decoding = move || {
            let picture = thumbnail::read(&path);
            // It was only fetched to be looked at.
            let _ = fs::remove_file(&path);
            tell(&inbox, Note::Decoded(file, picture));
        };
        let _ = thread::Builder::new().name("picture".to_owned()).spawn(decoding);
    }

    /// A picture is there to be shown, or can't be.
    pub(super) fn decoded(&self, file: u64, pixels: Option<Pixels>) {
        let is_good = pixels.is_some();
        if let Some(pixels) = pixels {
            self.state.borrow_mut().thumbnails.pictures.insert(file, Image::from_rgb8(pixels));
        }
        self.post(Event::Previews(Preview::Decoded(file, is_good)));
    }

    /// Shows the picture that a message tells of, or no longer.
    pub(super) fn show_enclosed(&self, id: &str, is_on: bool) {
        if let Some(file) = self.enclosed(id) {
            self.show_file(file, is_on);
        }
    }

    /// Shows the picture of that number on the shelf of the room in front, or no longer.
    pub(super) fn show_shelved(&self, number: u64, is_on: bool) {
        let file = {
            let state = self.state.borrow();
            let shelf = state.app.front().and_then(|room| state.app.files.shelf(room));
            shelf
                .and_then(|shelf| shelf.files().find(|found| found.file.file == number))
                .map(|found| found.file.clone())
        };
        if let Some(file) = file {
            self.show_file(file, is_on);
        }
    }

    fn show_file(&self, file: RemoteFile, is_on: bool) {
        self.post(Event::Previews(if is_on { Preview::Show(file) } else { Preview::Hide(file.file) }));
    }
}
