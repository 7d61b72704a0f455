//! Who we are on this machine: the device's key, the keys of servers and people, and what is remembered. Never a password.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hph_client::core::wire::control::DevicePublic;
use hph_client::key_file::default_folder;
use hph_client::people::PeopleStore;
use hph_client::pins::PinStore;
use hph_client::platform::entropy;
use hph_presenters::settings::Memory;

/// Where things are kept.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Keys: `$XDG_STATE_HOME/hph`.
    state: PathBuf,
    /// What is remembered: `$XDG_CONFIG_HOME/hph`.
    config: PathBuf,
}

impl Folders {
    /// The user's own, or both in `given`.
    ///
    /// # Errors
    /// The environment names no home.
    pub fn new(given: Option<PathBuf>) -> io::Result<Self> {
        if let Some(folder) = given {
            return Ok(Self { state: folder.clone(), config: folder });
        }
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
        match (default_folder(), config) {
            (Some(state), Some(config)) => Ok(Self { state, config: config.join("hph") }),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no home directory is known")),
        }
    }

    /// The keys of servers.
    pub fn pins(&self) -> PinStore {
        PinStore::new(self.state.join("pins"))
    }

    /// The keys of people.
    pub fn people(&self) -> PeopleStore {
        PeopleStore::new(self.state.join("people"))
    }

    /// The device's secret. A guest *is* a device, so two guests of one device would put each other out: the second one to
    /// come gets a secret that nobody keeps. The file is held as long as the first one is there.
    ///
    /// # Errors
    /// The secret can't be read or made.
    pub fn device(&self, is_guest: bool) -> io::Result<([u8; 32], Option<File>)> {
        let path = self.state.join("device");
        let seed = hph_client::device::load_or_create(&path)?;
        if !is_guest {
            return Ok((seed, None));
        }
        let lock = File::open(&path)?;
        if lock.try_lock().is_ok() { Ok((seed, Some(lock))) } else { Ok((entropy::array(), None)) }
    }

    /// The public keys of this device, if it has any yet.
    pub fn own_key(&self) -> Option<DevicePublic> {
        hph_client::device::keys(&self.state.join("device")).ok().flatten()
    }

    /// What is remembered; nothing if there is nothing, or nothing that can be read.
    pub fn memory(&self) -> Memory {
        let text = fs::read(self.memory_file()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Remembers, in one step, readable by its owner only.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn remember(&self, memory: &Memory) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(memory).map_err(io::Error::other)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.config)?;
        let file = self.memory_file();
        let fresh = file.with_extension(format!("{}.new", std::process::id()));
        let written = write(&fresh, &text).and_then(|()| fs::rename(&fresh, &file));
        written.inspect_err(|_| drop(fs::remove_file(&fresh)))
    }

    fn memory_file(&self) -> PathBuf {
        self.config.join("desktop.json")
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_remembered_is_read_again_and_damage_is_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::new(Some(folder.path().join("hph"))).unwrap();
        assert_eq!(folders.memory(), Memory::default());
        let memory = Memory { window: Some((1000, 700)), ..Memory::default() };
        folders.remember(&memory).unwrap();
        assert_eq!(folders.memory(), memory);
        let mode = fs::metadata(folders.memory_file()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        fs::write(folders.memory_file(), "{ half").unwrap();
        assert_eq!(folders.memory(), Memory::default());
    }

    #[test]
    fn two_guests_of_one_machine_are_two() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::new(Some(folder.path().to_owned())).unwrap();
        let first = folders.device(true).unwrap();
        let second = folders.device(true).unwrap();
        assert_ne!(first.0, second.0);
        assert_eq!(folders.device(false).unwrap().0, first.0, "an account is the same on the same machine");
    }
}
