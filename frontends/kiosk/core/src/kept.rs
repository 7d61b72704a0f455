//! What survives a power cut. A file is there whole, as it was before or as it is now: it is written beside its place, made
//! sure of, and moved there in one step, and the folder is made sure of too.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A larger file is none of ours. **Units:** bytes.
const FILE_MAX: u64 = 64 * 1024;
/// Starts that are remembered.
const STARTS_MAX: usize = 8;

/// What the device remembers from one start to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The room that it is in; none: in none, or left on purpose.
    pub room: Option<String>,
    /// Which boot of the machine wrote this: `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
    /// When the program was started and has not ended as it should since. **Units:** milliseconds since 1970.
    pub starts: Vec<u64>,
    /// Why it ended the last time, in its own words; empty if it did not end by itself.
    pub last_error: String,
    /// Loudness that people chose; none: as configured. **Units:** percent.
    pub volume: Option<u32>,
    /// Language that people chose; none: as configured.
    pub language: Option<hph_presenters::text::Lang>,
}

/// The file in which it does.
#[derive(Clone, Debug)]
pub struct Kept {
    path: PathBuf,
}

impl Kept {
    /// In that folder.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("kiosk.json") }
    }

    /// What is remembered; nothing if there is nothing, or nothing that can be read.
    pub fn load(&self) -> Memory {
        let is_ours = fs::metadata(&self.path).is_ok_and(|about| about.len() <= FILE_MAX);
        let text = if is_ours { fs::read(&self.path).unwrap_or_default() } else { Vec::new() };
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Remembers.
    ///
    /// # Errors
    /// The folder can't be written: its disk is full, or it is mounted to be read only.
    pub fn save(&self, memory: &Memory) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(memory).map_err(io::Error::other)?;
        replace(&self.path, &text)
    }
}

impl Memory {
    /// Another start, at that time.
    pub fn push_start(&mut self, unix_ms: u64) {
        self.starts.push(unix_ms);
        let over = self.starts.len().saturating_sub(STARTS_MAX);
        self.starts.drain(..over);
    }
}

/// Puts a text in the place of a file's, readable by its owner only. After a power cut at any moment there is the old text or
/// the new one.
///
/// # Errors
/// The folder can't be made or written: then the file is as it was.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text)?;
        // What root writes for the device's user is that user's, as the folder is.
        let owner = fs::metadata(folder)?;
        let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
        file.sync_all()
    };
    write().and_then(|()| fs::rename(&fresh, path)).inspect_err(|_| drop(fs::remove_file(&fresh)))?;
    sync_folder(folder)
}

/// Makes sure that names in a folder are on the disk.
///
/// # Errors
/// What the operating system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(&folder.path().join("deep/state"));
        assert_eq!(kept.load(), Memory::default());
        let memory =
            Memory { room: Some("Nhóm 17".into()), starts: vec![1, 2], volume: Some(70), ..Memory::default() };
        kept.save(&memory).unwrap();
        assert_eq!(kept.load(), memory);
        let mode = fs::metadata(&kept.path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(fs::read_dir(kept.path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn damage_is_no_harm_and_half_a_file_beside_it_neither() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path());
        for text in [&b"{ half"[..], b"", b"[1]", b"{\"starts\": \"x\"}"] {
            fs::write(&kept.path, text).unwrap();
            assert_eq!(kept.load(), Memory::default());
        }
        fs::write(&kept.path, vec![b' '; 70_000]).unwrap();
        assert_eq!(kept.load(), Memory::default(), "far too large");
        // What a power cut leaves behind while it was being written.
        fs::write(kept.path.with_extension("new"), "{ \"room\": \"Nh").unwrap();
        let memory = Memory { room: Some("A".into()), ..Memory::default() };
        kept.save(&memory).unwrap();
        assert_eq!(kept.load(), memory);
    }

    #[test]
    fn a_file_that_cannot_be_written_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path());
        kept.save(&Memory { room: Some("A".into()), ..Memory::default() }).unwrap();
        // A folder stands where the new text is to be written.
        fs::create_dir(kept.path.with_extension("new")).unwrap();
        assert!(kept.save(&Memory::default()).is_err());
        assert_eq!(kept.load().room.as_deref(), Some("A"));
    }

    #[test]
    fn only_the_last_starts_are_remembered() {
        let mut memory = Memory::default();
        (0..20).for_each(|at| memory.push_start(at));
        assert_eq!(memory.starts, (12..20).collect::<Vec<_>>());
    }
}
