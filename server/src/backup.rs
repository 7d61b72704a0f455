//! All that a server keeps, in one file that can be checked: while it runs, or not.
//!
//! A tar archive of the database as one snapshot, the key, the files that the snapshot knows, and at its end `SHA256SUMS` as
//! `sha256sum -c` reads it. Nothing of it is trusted before all of it was compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::files;
use crate::gateway::KEY_FILE as GATEWAY_KEY;
use crate::store::{DATABASE_FILE, Store, StoreError};

const KEY_FOLDER: &str = "tls";
const FILES_FOLDER: &str = "files";
const SUMS: &str = "SHA256SUMS";
/// A list of sums of a million files.
const SUMS_MAX_BYTES: u64 = 128 * 1024 * 1024;

/// What is in a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Database, key and files.
    pub members: u64,
    /// All of them. **Units:** bytes.
    pub bytes: u64,
    /// Files of people that were deleted while the backup was made, and are not in it.
    pub gone: u64,
}

/// Why there is no backup, or why it is not put back.
#[derive(Debug)]
pub enum BackupError {
    /// A file or folder.
    File(PathBuf, io::Error),
    /// The database.
    Store(StoreError),
    /// The backup is not whole, or not one.
    Damaged(String),
    /// There is a server's data already: nothing is written over.
    Taken(PathBuf),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Store(error) => error.fmt(f),
            Self::Damaged(why) => write!(f, "the backup is damaged: {why}"),
            Self::Taken(path) => write!(f, "{} is there already, and is not written over", path.display()),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    move |error| BackupError::File(path.to_owned(), error)
}

/// Writes a backup of `data_dir` to `to`, which must not be there yet. A server may run meanwhile.
///
/// # Errors
/// Any [`BackupError`]; `to` is not there then.
pub fn backup(data_dir: &Path, to: &Path) -> Result<BackupReport, BackupError> {
    if to.exists() {
        return Err(BackupError::Taken(to.to_owned()));
    }
    let (draft, snapshot) = (to.with_added_extension("new"), to.with_added_extension("db.new"));
    let drafts = Drafts([draft.clone(), snapshot.clone()]);
    drafts.remove();
    let known = Store::snapshot(data_dir, &snapshot)?;
    let mut archive = Archive::create(&draft)?;
    archive.add(DATABASE_FILE, &snapshot)?;
    let mut report = BackupReport::default();
    let keys = data_dir.join(KEY_FOLDER);
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&keys).map_err(at(&keys))? {
        names.extend(entry.map_err(at(&keys))?.file_name().into_string());
    }
    names.sort();
    for name in names {
        archive.add(&format!("{KEY_FOLDER}/{name}"), &keys.join(&name))?;
    }
    if data_dir.join(GATEWAY_KEY).exists() {
        archive.add(GATEWAY_KEY, &data_dir.join(GATEWAY_KEY))?;
    }
    for id in known {
        let path = data_dir.join(FILES_FOLDER).join(id.to_string());
        match archive.add(&format!("{FILES_FOLDER}/{id}"), &path) {
            Err(BackupError::File(_, error)) if error.kind() == io::ErrorKind::NotFound => report.gone += 1,
            other => other?,
        }
    }
    (report.members, report.bytes) = archive.finish(&draft)?;
    fs::rename(&draft, to).and_then(|()| files::sync_parent(to)).map_err(at(to))?;
    drop(drafts);
    Ok(report)
}

/// Compares every byte of a backup with its sums.
///
/// # Errors
/// Any [`BackupError`].
pub fn verify(from: &Path) -> Result<BackupReport, BackupError> {
    read(from, |_, content, _| io::copy(content, &mut io::sink()).map(drop))
}

/// Puts a backup back where no server's data is. It is compared first, and once more while it is written.
///
/// # Errors
/// Any [`BackupError`]; without a database there is no server's data then either.
pub fn restore(from: &Path, data_dir: &Path) -> Result<BackupReport, BackupError> {
    let database = data_dir.join(DATABASE_FILE);
    for taken in [DATABASE_FILE, GATEWAY_KEY, KEY_FOLDER, FILES_FOLDER].map(|name| data_dir.join(name)) {
        if taken.exists() {
            return Err(BackupError::Taken(taken));
        }
    }
    verify(from)?;
    let draft = database.with_added_extension("restored");
    let _ = fs::remove_file(&draft);
    for folder in [data_dir.to_owned(), data_dir.join(KEY_FOLDER), data_dir.join(FILES_FOLDER)] {
        files::create_directory(&folder).map_err(at(&folder))?;
    }
    let report = read(from, |name, content, _| {
        let path = if name == DATABASE_FILE { draft.clone() } else { data_dir.join(name) };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(files::FILE_MODE).open(&path)?;
        io::copy(content, &mut file)?;
        file.sync_all()?;
        files::sync_parent(&path)
    })?;
    // Now it is a server's.
    fs::rename(&draft, &database).and_then(|()| files::sync_parent(&database)).map_err(at(&database))?;
    Ok(report)
}

/// Drafts that are gone when it is over, however it ends.
struct Drafts([PathBuf; 2]);

impl Drafts {
    fn remove(&self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Counts and sums what is read through it.
struct Summed<R> {
    inner: R,
    hash: Sha256,
    len: u64,
}

impl<R> Summed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new(), len: 0 }
    }

    fn sum(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(bytes)?;
        self.hash.update(&bytes[..len]);
        self.len += len as u64;
        Ok(len)
    }
}

struct Archive {
    tar: tar::Builder<File>,
    sums: String,
    members: u64,
    bytes: u64,
}

impl Archive {
    fn create(path: &Path) -> Result<Self, BackupError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(files::FILE_MODE).open(path);
        let tar = tar::Builder::new(file.map_err(at(path))?);
        Ok(Self { tar, sums: String::new(), members: 0, bytes: 0 })
    }

    fn add(&mut self, name: &str, path: &Path) -> Result<(), BackupError> {
        let file = File::open(path).map_err(at(path))?;
        let len = file.metadata().map_err(at(path))?.len();
        let mut content = Summed::new(file.take(len));
        self.tar.append_data(&mut header(len), name, &mut content).map_err(at(path))?;
        if content.len != len {
            return Err(at(path)(io::ErrorKind::UnexpectedEof.into()));
        }
        self.sums.push_str(&format!("{}  {name}\n", content.sum()));
        self.members += 1;
        self.bytes += len;
        Ok(())
    }

    /// The sums, and all of it on the disk. Gives members and their bytes.
    fn finish(mut self, path: &Path) -> Result<(u64, u64), BackupError> {
        let sums = self.sums.as_bytes();
        self.tar.append_data(&mut header(sums.len() as u64), SUMS, sums).map_err(at(path))?;
        let mut file = self.tar.into_inner().map_err(at(path))?;
        file.flush().and_then(|()| file.sync_all()).map_err(at(path))?;
        Ok((self.members, self.bytes))
    }
}

fn header(len: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(len);
    header.set_mode(files::FILE_MODE);
    header
}

/// Whether a member of a backup may have that name.
fn is_name(name: &str) -> bool {
    let one = |rest: &str| !rest.is_empty() && !rest.starts_with('.') && Path::new(rest).components().count() == 1;
    let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let is_file = |rest: &str| rest.parse::<u64>().is_ok_and(|id| id.to_string() == rest);
    is_plain
        && (name == DATABASE_FILE
            || name == GATEWAY_KEY
            || name.strip_prefix("tls/").is_some_and(one)
            || name.strip_prefix("files/").is_some_and(is_file))
}

/// Goes through a backup; `take` reads each member. Everything is compared at the end.
fn read(
    from: &Path,
    mut take: impl FnMut(&str, &mut dyn Read, u64) -> io::Result<()>,
) -> Result<BackupReport, BackupError> {
    let damaged = |why: &str| BackupError::Damaged(why.to_owned());
    let mut archive = tar::Archive::new(File::open(from).map_err(at(from))?);
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut listed: Option<BTreeMap<String, String>> = None;
    let mut report = BackupReport::default();
    for entry in archive.entries().map_err(|error| damaged(&error.to_string()))? {
        let mut entry = entry.map_err(|error| damaged(&error.to_string()))?;
        let name = entry.path().ok().and_then(|path| path.to_str().map(ToOwned::to_owned));
        let name = name.ok_or_else(|| damaged("a name that is none"))?;
        if listed.is_some() || !entry.header().entry_type().is_file() {
            return Err(damaged("it has more than it should"));
        }
        if name == SUMS {
            let mut text = String::new();
            let mut limited = (&mut entry).take(SUMS_MAX_BYTES);
            limited.read_to_string(&mut text).map_err(|error| damaged(&error.to_string()))?;
            let pairs = text.lines().filter_map(|line| line.split_once("  "));
            listed = Some(pairs.map(|(sum, name)| (name.to_owned(), sum.to_owned())).collect());
            continue;
        }
        if !is_name(&name) || found.contains_key(&name) {
            return Err(BackupError::Damaged(format!("{name:?} does not belong there")));
        }
        let size = entry.size();
        let mut content = Summed::new(&mut entry);
        take(&name, &mut content, size).map_err(at(from))?;
        if content.len != size {
            return Err(damaged("it ends too early"));
        }
        report.members += 1;
        report.bytes += size;
        found.insert(name, content.sum());
    }
    let listed = listed.ok_or_else(|| damaged("it ends too early"))?;
    if let Some(name) = found.keys().chain(listed.keys()).find(|name| found.get(*name) != listed.get(*name)) {
        return Err(BackupError::Damaged(format!("{name} is not what it was")));
    }
    if !found.contains_key(DATABASE_FILE) {
        return Err(damaged("there is no database in it"));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewFile, StoreLimits};

    /// A server's data, with a file of 5000 bytes.
    fn data(folder: &Path) -> PathBuf {
        let data = folder.join("data");
        let mut store = Store::open(&data, StoreLimits::default()).expect("opens");
        store.create_room("Nhóm 17", "an.", 1).expect("made");
        let offered = NewFile {
            room: Some(1),
            recipient: None,
            author: "an.".to_owned(),
            author_name: "An".to_owned(),
            author_ref: 1,
            time_ms: 1,
            name: "a".to_owned(),
            size: 5000,
            sha256: [0; 32],
        };
        let id = store.offer_file(&offered).expect("taken").id;
        store.file_stored(id, 1).expect("noted");
        fs::create_dir(data.join("files")).expect("made");
        fs::write(data.join("files").join(id.to_string()), vec![7; 5000]).expect("written");
        crate::tls::Identity::load_or_create(&data).expect("made");
        data
    }

    #[test]
    fn what_is_put_back_is_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, to, back) = (data(folder.path()), folder.path().join("a.tar"), folder.path().join("back"));
        let report = backup(&data, &to).expect("made");
        assert!(report.members >= 4 && report.gone == 0, "{report:?}");
        assert_eq!(verify(&to).expect("whole"), report);
        assert!(matches!(backup(&data, &to), Err(BackupError::Taken(_))));
        assert_eq!(restore(&to, &back).expect("restored"), report);
        assert!(matches!(restore(&to, &back), Err(BackupError::Taken(_))));
        assert_eq!(fs::read(back.join("files/1")).expect("read"), vec![7; 5000]);
        let store = Store::open(&back, StoreLimits::default()).expect("opens");
        assert_eq!(store.rooms().expect("read").len(), 1);
        let pin = |data: &Path| crate::tls::Identity::load_or_create(data).expect("loaded").pin();
        assert_eq!(pin(&back), pin(&data), "invitations stay good");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 3, "no draft is left");
    }

    #[test]
    fn no_change_of_a_backup_goes_unnoticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, to) = (data(folder.path()), folder.path().join("a.tar"));
        backup(&data, &to).expect("made");
        let good = fs::read(&to).expect("read");
        for place in (0..good.len()).step_by(good.len() / 97) {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(&to, &bad).expect("written");
            let is_padding = verify(&to).is_ok();
            assert!(!is_padding || good[place] == 0, "a changed byte at {place}");
            fs::write(&to, &good[..place]).expect("written");
            // An archive ends with zeros, which say nothing.
            let has_lost = good[place..].iter().any(|byte| *byte != 0);
            assert_eq!(verify(&to).is_err(), has_lost, "cut at {place}");
            assert_eq!(restore(&to, &folder.path().join(format!("back {place}"))).is_err(), has_lost);
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["hph-server.db", "tls/key.pem", "files/7"] {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["../hph-server.db", "/etc/passwd", "tls/../a", "tls/a/b", "files/07", "files/x", "files/", "x", "tls/.a"]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
