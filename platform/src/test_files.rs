//! A folder for the files of one test.

use std::path::{Path, PathBuf};

/// A folder that goes away with this value.
pub struct TestDir(PathBuf);

impl TestDir {
    /// Makes an empty folder; `name` tells tests apart.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hph-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("no place for test files");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
