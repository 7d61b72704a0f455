//! What the engine knows of the people of its server. It judges from memory, so that nothing waits for a disk, and looks
//! whether another program has changed the file before each judgement. What is new is written beside.

use hph_core::wire::control::DevicePublic;

use crate::key_file::{KeyFileError, Stamp};
use crate::people::{KeyState, PeopleStore, PersonKey, meet};

/// Keys that wait to be written.
const UNSAVED_MAX: usize = 1024;

/// The people of one server.
pub(crate) struct KnownPeople {
    store: Option<PeopleStore>,
    server: String,
    /// None while the file can't be read.
    keys: Option<Vec<PersonKey>>,
    failure: Option<String>,
    stamp: Option<Stamp>,
    /// What was shown and is not in the file yet.
    unsaved: Vec<(String, DevicePublic)>,
}

/// Keys to be written, and where.
pub(crate) struct Unsaved {
    store: PeopleStore,
    server: String,
    keys: Vec<(String, DevicePublic)>,
}

impl Unsaved {
    /// Writes them; waits for the disk. Gives how many they are.
    pub fn save(self) -> (usize, Result<(), KeyFileError>) {
        (self.keys.len(), self.store.remember(&self.server, &self.keys))
    }
}

impl KnownPeople {
    /// Knows what `store` does of the people of `server`; without one it remembers nothing.
    pub fn new(store: Option<PeopleStore>, server: String) -> Self {
        let (keys, failure, stamp, unsaved) = (Some(Vec::new()), None, None, Vec::new());
        let mut known = Self { store, server, keys, failure, stamp, unsaved };
        known.read();
        known
    }

    /// Somebody shows a key.
    pub fn meet(&mut self, username: &str, device: DevicePublic) -> KeyState {
        let Some(store) = &self.store else { return KeyState::NotKept };
        if store.stamp() != self.stamp {
            self.read();
        }
        let Some(keys) = &mut self.keys else { return KeyState::Unreadable };
        let (state, is_news) = meet(keys, &self.server, username, device);
        if is_news && self.unsaved.len() < UNSAVED_MAX {
            self.unsaved.push((username.to_owned(), device));
        }
        state
    }

    /// Why nothing can be trusted any more, once.
    pub const fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Whether there is anything to be written.
    pub const fn has_unsaved(&self) -> bool {
        self.store.is_some() && !self.unsaved.is_empty()
    }

    /// What is to be written, if anything. [`Self::saved`] says that it was.
    pub fn unsaved(&self) -> Option<Unsaved> {
        let store = self.store.clone().filter(|_| !self.unsaved.is_empty())?;
        Some(Unsaved { store, server: self.server.clone(), keys: self.unsaved.clone() })
    }

    /// The first `count` of the unsaved are in the file, or can't be written.
    pub fn saved(&mut self, count: usize) {
        self.unsaved.drain(..count.min(self.unsaved.len()));
    }

    /// Where keys are remembered, and of which server; none if they are not.
    pub fn store(&self) -> Option<(PeopleStore, String)> {
        Some((self.store.clone()?, self.server.clone()))
    }

    fn read(&mut self) {
        let Some(store) = &self.store else { return };
        // The stamp first: what changes between the two is read again.
        self.stamp = store.stamp();
        match store.keys() {
            Ok(mut keys) => {
                for (username, device) in &self.unsaved {
                    meet(&mut keys, &self.server, username, *device);
                }
                (self.keys, self.failure) = (Some(keys), None);
            }
            Err(error) => (self.keys, self.failure) = (None, Some(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::{TempDir, tempdir};

    use super::*;

    const SERVER: &str = "a:1";
    const FIRST: DevicePublic = DevicePublic { seal: [1; 32], sign: [2; 32] };
    const OTHER: DevicePublic = DevicePublic { seal: [3; 32], sign: [4; 32] };

    fn store() -> (TempDir, PeopleStore) {
        let directory = tempdir().expect("a directory");
        let store = PeopleStore::new(directory.path().join("people"));
        (directory, store)
    }

    fn known(store: &PeopleStore) -> KnownPeople {
        KnownPeople::new(Some(store.clone()), SERVER.to_owned())
    }

    fn save(known: &mut KnownPeople) {
        let (count, saved) = known.unsaved().expect("something new").save();
        saved.expect("written");
        known.saved(count);
    }

    #[test]
    fn what_was_met_is_known_at_once_and_written_once() {
        let (_directory, store) = store();
        let mut here = known(&store);
        assert_eq!(here.meet("lan", FIRST), KeyState::New);
        assert_eq!(here.meet("lan", FIRST), KeyState::Seen);
        assert_eq!(here.meet("lan", OTHER), KeyState::Changed);
        assert_eq!(here.meet("lan", OTHER), KeyState::Changed);
        assert_eq!(here.unsaved.len(), 2);
        save(&mut here);
        assert!(here.unsaved().is_none());
        assert_eq!(known(&store).meet("lan", FIRST), KeyState::Seen);
        assert_eq!(known(&store).meet("lan", OTHER), KeyState::Changed);
        assert!(KnownPeople::new(None, SERVER.to_owned()).meet("lan", FIRST) == KeyState::NotKept);
    }

    #[test]
    fn what_another_program_did_counts_from_then_on() {
        let (_directory, store) = store();
        let mut here = known(&store);
        here.meet("lan", FIRST);
        // Another one met her with another key, and wrote that first.
        store.remember(SERVER, &[("lan".to_owned(), OTHER)]).expect("written");
        assert_eq!(here.meet("lan", FIRST), KeyState::Changed);
        save(&mut here);
        assert_eq!(here.meet("lan", OTHER), KeyState::Seen);
        store.accept(SERVER, "lan", &FIRST, false).expect("accepted");
        assert_eq!(here.meet("lan", FIRST), KeyState::Seen);
    }

    #[test]
    fn nothing_is_trusted_while_the_file_is_damaged() {
        let (directory, store) = store();
        let mut here = known(&store);
        here.meet("lan", FIRST);
        save(&mut here);
        let path = directory.path().join("people");
        let text = fs::read_to_string(&path).expect("read");
        fs::write(&path, format!("{text}nonsense\n")).expect("written");
        assert_eq!(here.meet("lan", FIRST), KeyState::Unreadable);
        assert!(here.take_failure().expect("a reason").contains("people:2"));
        assert_eq!((here.meet("minh", OTHER), here.take_failure()), (KeyState::Unreadable, None), "told once");
        fs::write(&path, text).expect("written");
        assert_eq!(here.meet("lan", FIRST), KeyState::Seen);
    }
}
