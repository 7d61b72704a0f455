//! The files of the page: built into the program, or read from a directory once at start.

use std::collections::HashMap;
use std::path::Path;
use std::{fmt, fs, io};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Longest file that is served.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Files of a page.
const FILES_MAX: usize = 256;

/// Why there is no page.
#[derive(Debug)]
pub enum PageError {
    /// The program was built without one.
    NotBuilt,
    /// It can't be read.
    Read(io::Error),
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => write!(f, "this program was built without the page"),
            Self::Read(error) => write!(f, "the page can't be read: {error}"),
        }
    }
}

impl std::error::Error for PageError {}

/// A file as it is sent.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// What it is (RFC 9110, Content-Type).
    pub media_type: &'static str,
    /// Whether its name changes with its content.
    pub is_fixed: bool,
    /// Whether `bytes` are compressed by gzip.
    pub is_gzip: bool,
    /// The file.
    pub bytes: &'a [u8],
}

/// All files, by their path below the origin.
pub struct Page {
    files: HashMap<String, Vec<u8>>,
}

impl Page {
    /// The page that was built into the program.
    ///
    /// # Errors
    /// [`PageError::NotBuilt`].
    pub fn embedded() -> Result<Self, PageError> {
        let files: HashMap<_, _> = EMBEDDED.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        if files.contains_key("index.html") { Ok(Self { files }) } else { Err(PageError::NotBuilt) }
    }

    /// A built page in a directory.
    ///
    /// # Errors
    /// [`PageError::Read`]; a directory without `index.html` too.
    pub fn read(directory: &Path) -> Result<Self, PageError> {
        let mut files = HashMap::new();
        collect(directory, directory, &mut files).map_err(PageError::Read)?;
        if files.contains_key("index.html") {
            Ok(Self { files })
        } else {
            Err(PageError::Read(io::Error::new(io::ErrorKind::NotFound, "there is no index.html")))
        }
    }

    /// The file at a path of the origin. A path is only ever looked up among the names, never joined to a directory.
    pub fn file(&self, path: &str, takes_gzip: bool) -> Option<File<'_>> {
        let name = match path.strip_prefix('/')? {
            "" => "index.html",
            name => name,
        };
        let packed = takes_gzip.then(|| self.files.get(&format!("{name}.gz"))).flatten();
        let bytes = packed.or_else(|| self.files.get(name))?;
        let media_type = media_type(name)?;
        Some(File { media_type, is_fixed: name.starts_with("assets/"), is_gzip: packed.is_some(), bytes })
    }
}

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

fn collect(root: &Path, directory: &Path, files: &mut HashMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            collect(root, &path, files)?;
        } else if metadata.is_file() && metadata.len() <= FILE_BYTES_MAX && files.len() < FILES_MAX {
            let name = path.strip_prefix(root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pages_own_files_are_served() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("assets")).expect("a folder in it");
        for (name, text) in
            [("index.html", "page"), ("assets/a.js", "code"), ("assets/a.js.gz", "packed"), ("notes", "x")]
        {
            fs::write(folder.path().join(name), text).expect("a file in it");
        }
        let page = Page::read(folder.path()).expect("a page");
        assert_eq!(page.file("/", false).map(|file| file.bytes), Some(&b"page"[..]));
        let packed = page.file("/assets/a.js", true).expect("there");
        assert_eq!((packed.bytes, packed.is_gzip, packed.is_fixed), (&b"packed"[..], true, true));
        assert!(!page.file("/assets/a.js", false).expect("there").is_gzip);
        for path in [
            "/notes",
            "/../index.html",
            "//index.html",
            "index.html",
            "/assets/../index.html",
            "/assets/a.js.gz",
            "/%2e%2e/x",
        ] {
            assert!(page.file(path, true).is_none(), "{path}");
        }
        assert!(matches!(Page::read(&folder.path().join("assets")), Err(PageError::Read(_))));
    }
}
