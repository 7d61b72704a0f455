//! Files, as the program has them: whose thread they belong to, and what is told of them.

use hph_client::engine::FileTarget;

use super::*;
use crate::files::{self, News};

impl App {
    pub(super) fn handle_files(&mut self, event: files::Event, effects: &mut Effects) {
        let event = match event {
            files::Event::Dropped(paths) => match self.file_target() {
                Some(to) => files::Event::Chosen(to, paths),
                None => return,
            },
            other => other,
        };
        self.files.handle(event, self.front, &mut self.ids, effects);
    }

    /// For whom a file is that is chosen now: the person to whom one writes, else everybody in the room in front.
    pub fn file_target(&self) -> Option<FileTarget> {
        match &self.chat.front {
            Some(ThreadId::Direct(to)) => Some(FileTarget::Person(to.clone())),
            Some(ThreadId::Room(room)) => Some(FileTarget::Room(*room)),
            None => self.front.map(FileTarget::Room),
        }
    }

    /// What the engine says of files.
    pub(super) fn hear_of_files(&mut self, event: &ClientEvent, now: Now, effects: &mut Effects) {
        let Some(news) = self.files.handle_engine(event) else {
            // What was listed is listed anew after a reconnect, if one looks at it.
            if let ClientEvent::Joined { room, .. } = event
                && self.rooms.get(room).is_some_and(|room| room.panel == Some(room::Panel::Files))
            {
                self.files.open(*room, &mut self.ids, effects);
            }
            return;
        };
        let notice = match news {
            News::Fetched(path) => Notice::FileFetched(path),
            News::Failed(name, reason) => Notice::FileFailed { name, reason },
            News::Sent(FileTarget::Person(to), name, size) => {
                return self.chat.add_sent_file(&to, &name, size, &self.view, &mut self.ids, now);
            }
            News::Sent(FileTarget::Room(_), ..) => return,
            News::Came(room, shelved) => {
                let is_seen = self.rooms.get(&room).is_some_and(|room| room.panel == Some(room::Panel::Files));
                if shelved.author == self.view.username || is_seen || self.front != Some(room) {
                    return;
                }
                Notice::FileCame { from: shelved.name, name: shelved.file.name }
            }
        };
        self.toasts.push(notice, now.at);
    }
}
