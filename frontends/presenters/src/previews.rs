//! Pictures among the files: shown small where their file stands, when somebody wants to see one. It is fetched to a folder of the
//! program's own, decoded by whoever draws, within bounds, and forgotten with the program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hph_client::engine::Event as EngineEvent;
use hph_client::files::RemoteFile;

use crate::effect::{Effect, Effects};
use crate::ids::Ids;

/// No larger file is fetched to be looked at: it can still be saved. **Units:** bytes.
pub const BYTES_MAX: u64 = 12 * 1024 * 1024;
/// Names of files that are tried. What they hold is known only when they are decoded.
const ENDINGS: [&str; 3] = [".png", ".jpg", ".jpeg"];
/// Pictures that are kept to be shown; the one that was asked for first goes first.
const KEPT_MAX: usize = 32;

/// How far one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preview {
    /// It is being fetched.
    Fetching,
    /// It is being decoded.
    Decoding,
    /// It is shown.
    Shown,
    /// It can't be: it did not come, is too large, damaged, or no picture.
    Failed,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Show a file.
    Show(RemoteFile),
    /// Show it no longer.
    Hide(u64),
    /// It was decoded, or can't be.
    Decoded(u64, bool),
}

#[derive(Clone, Debug)]
struct Entry {
    preview: Preview,
    request: u32,
    /// Which was asked for earlier.
    turn: u64,
}

/// All of them, by the number of the file.
#[derive(Clone, Debug, Default)]
pub struct Previews {
    entries: BTreeMap<u64, Entry>,
    turn: u64,
}

impl Previews {
    /// Whether a file can be one to show, by its name and size.
    pub fn may_show(name: &str, size: u64) -> bool {
        let name = name.to_lowercase();
        size > 0 && size <= BYTES_MAX && ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    /// How far that of a file is; none if nobody wants to see it.
    pub fn of(&self, file: u64) -> Option<Preview> {
        self.entries.get(&file).map(|entry| entry.preview)
    }

    /// Takes an event.
    pub fn handle(&mut self, event: Event, ids: &mut Ids, effects: &mut Effects) {
        match event {
            Event::Show(file) => self.show(file, ids, effects),
            Event::Hide(file) => {
                if self.entries.remove(&file).is_some() {
                    effects.push(Effect::ForgetPicture(file));
                }
            }
            Event::Decoded(file, is_good) => {
                if let Some(entry) = self.entries.get_mut(&file).filter(|entry| entry.preview == Preview::Decoding) {
                    entry.preview = if is_good { Preview::Shown } else { Preview::Failed };
                }
            }
        }
    }

    fn show(&mut self, file: RemoteFile, ids: &mut Ids, effects: &mut Effects) {
        let is_under_way = self.of(file.file).is_some_and(|preview| preview != Preview::Failed);
        if is_under_way || !Self::may_show(&file.name, file.size) {
            return;
        }
        let request = ids.request();
        self.turn += 1;
        self.entries.insert(file.file, Entry { preview: Preview::Fetching, request, turn: self.turn });
        if self.entries.len() > KEPT_MAX
            && let Some(first) = self.entries.iter().min_by_key(|(_, entry)| entry.turn).map(|(file, _)| *file)
        {
            self.entries.remove(&first);
            effects.push(Effect::ForgetPicture(first));
        }
        effects.push(Effect::FetchPicture { request, file });
    }

    /// Takes what the engine says of what was fetched here.
    pub fn handle_engine(&mut self, event: &EngineEvent, effects: &mut Effects) {
        match event {
            EngineEvent::FileFetched { request, path } => {
                let (file, path): (_, PathBuf) = (self.change(*request, Preview::Decoding), path.clone());
                if let Some(file) = file {
                    effects.push(Effect::DecodePicture { file, path });
                }
            }
            EngineEvent::FileFailed { request, .. } => _ = self.change(*request, Preview::Failed),
            _ => {}
        }
    }

    fn change(&mut self, request: u32, preview: Preview) -> Option<u64> {
        let is_it = |(_, entry): &(&u64, &mut Entry)| entry.request == request && entry.preview == Preview::Fetching;
        let (file, entry) = self.entries.iter_mut().find(is_it)?;
        entry.preview = preview;
        Some(*file)
    }
}

#[cfg(test)]
mod tests {
    use hph_client::engine::FileFailure;

    use super::*;

    fn file(number: u64, name: &str, size: u64) -> RemoteFile {
        RemoteFile { file: number, name: name.to_owned(), size, sha256: [0; 32], key: None }
    }

    fn fetched(effects: &mut Effects) -> Option<u32> {
        effects.drain(..).find_map(|effect| match effect {
            Effect::FetchPicture { request, .. } => Some(request),
            _ => None,
        })
    }

    #[test]
    fn only_what_is_called_a_picture_and_is_small_enough_is_fetched() {
        for (name, size, may) in [
            ("sơ đồ.PNG", 100, true),
            ("ảnh.jpeg", BYTES_MAX, true),
            ("ảnh.jpg", BYTES_MAX + 1, false),
            ("ảnh.jpg", 0, false),
            ("bài.pdf", 100, false),
            ("png", 100, false),
        ] {
            assert_eq!(Previews::may_show(name, size), may, "{name} {size}");
            let (mut previews, mut effects) = (Previews::default(), Vec::new());
            previews.handle(Event::Show(file(1, name, size)), &mut Ids::new(1), &mut effects);
            assert_eq!((fetched(&mut effects).is_some(), previews.of(1).is_some()), (may, may), "{name} {size}");
        }
    }

    #[test]
    fn one_is_fetched_decoded_shown_and_hidden() {
        let (mut previews, mut ids, mut effects) = (Previews::default(), Ids::new(1), Vec::new());
        previews.handle(Event::Show(file(5, "a.png", 9)), &mut ids, &mut effects);
        let request = fetched(&mut effects).unwrap();
        previews.handle(Event::Show(file(5, "a.png", 9)), &mut ids, &mut effects);
        assert!(effects.is_empty(), "once");
        previews.handle(Event::Decoded(5, true), &mut ids, &mut effects);
        assert_eq!(previews.of(5), Some(Preview::Fetching), "nothing has come yet");
        let path = PathBuf::from("/tmp/a.png");
        previews.handle_engine(&EngineEvent::FileFetched { request: request + 1, path: path.clone() }, &mut effects);
        assert!(effects.is_empty(), "that is another file");
        previews.handle_engine(&EngineEvent::FileFetched { request, path }, &mut effects);
        assert!(matches!(&effects[..], [Effect::DecodePicture { file: 5, .. }]));
        previews.handle(Event::Decoded(5, true), &mut ids, &mut effects);
        assert_eq!(previews.of(5), Some(Preview::Shown));
        previews.handle(Event::Hide(5), &mut ids, &mut effects);
        assert_eq!(previews.of(5), None);
        assert!(matches!(effects.last(), Some(Effect::ForgetPicture(5))));
    }

    #[test]
    fn what_fails_is_said_and_can_be_tried_again() {
        let (mut previews, mut ids, mut effects) = (Previews::default(), Ids::new(1), Vec::new());
        previews.handle(Event::Show(file(5, "a.png", 9)), &mut ids, &mut effects);
        let request = fetched(&mut effects).unwrap();
        previews.handle_engine(&EngineEvent::FileFailed { request, reason: FileFailure::Damaged }, &mut effects);
        assert_eq!(previews.of(5), Some(Preview::Failed));
        previews.handle(Event::Show(file(5, "a.png", 9)), &mut ids, &mut effects);
        assert!(fetched(&mut effects).is_some());
    }

    #[test]
    fn no_more_are_kept_than_fit() {
        let (mut previews, mut ids, mut effects) = (Previews::default(), Ids::new(1), Vec::new());
        for number in 0..40 {
            previews.handle(Event::Show(file(number, "a.png", 9)), &mut ids, &mut effects);
        }
        let kept = (0..40).filter(|number| previews.of(*number).is_some()).collect::<Vec<_>>();
        assert_eq!(kept, (8..40).collect::<Vec<_>>());
    }
}
