//! Who has a device open.

use std::fmt;
use std::fs;
use std::path::Path;

/// A program that has a device open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// What it calls itself.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The programs that have the file at `path` open, as far as we may know: other people's are seen only by root.
pub fn holders(path: &Path) -> Vec<Holder> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = processes.filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let mut files = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        files.any(|file| fs::read_link(file.path()).is_ok_and(|target| target == path)).then(|| {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            Holder { pid, name: name.trim().to_owned() }
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::TestDir;

    #[test]
    fn whoever_has_a_file_open_is_named_and_afterwards_nobody() {
        let folder = TestDir::new("holder");
        let path = folder.path().join("device");
        fs::write(&path, "").unwrap();
        assert_eq!(holders(&path), []);
        let file = fs::File::open(&path).unwrap();
        let found = holders(&path);
        assert_eq!(found.iter().map(|holder| holder.pid).collect::<Vec<_>>(), [std::process::id()]);
        assert!(!found[0].name.is_empty());
        drop(file);
        assert_eq!(holders(&path), []);
    }
}
