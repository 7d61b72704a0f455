//! Finds what the owner has written: the only part of the configuration that looks at the machine.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access as Rights, access};

use super::{ConfigError, SYSTEM_DATA_DIR};

/// The service's configuration file; read if it exists.
const SYSTEM_FILE: &str = "/etc/hph-server/hph-server.toml";
/// More files for the service, read after it in the order of their names.
const SYSTEM_DIRECTORY: &str = "/etc/hph-server/conf.d";

/// Everything that decides a configuration, as plain text, weakest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// File names and their TOML texts.
    pub files: Vec<(String, String)>,
    /// Environment variables; only those that begin with `HPH_` matter.
    pub environment: Vec<(String, String)>,
    /// Flags, for example `("--listen", "127.0.0.1:0")`; the dashes may be left out.
    pub flags: Vec<(String, String)>,
    /// Where data is kept if nobody says otherwise; none if there is no such place.
    pub data_dir_default: Option<PathBuf>,
}

impl Sources {
    /// What this machine says: `file` alone if it is given, else the service's own files; the environment; `flags`.
    ///
    /// # Errors
    /// A file that exists or was asked for cannot be read.
    pub fn from_system(file: Option<&Path>, flags: Vec<(String, String)>) -> Result<Self, ConfigError> {
        let files = match file {
            Some(path) => vec![read(path)?],
            None => read_system_files(Path::new(SYSTEM_FILE), Path::new(SYSTEM_DIRECTORY))?,
        };
        let environment = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("HPH_"))
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        let data_dir_default = data_dir_default(Path::new(SYSTEM_DATA_DIR), |name| env::var_os(name));
        Ok(Self { files, environment, flags, data_dir_default })
    }
}

/// The service's directory if this user may write there, else the user's own data directory (XDG base directories).
fn data_dir_default(system: &Path, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    if system.is_dir() && access(system, Rights::READ_OK | Rights::WRITE_OK | Rights::EXEC_OK).is_ok() {
        return Some(system.to_owned());
    }
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data_home = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    Some(data_home?.join("hph-server"))
}

fn read_system_files(file: &Path, directory: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let mut paths: Vec<PathBuf> = match fs::read_dir(directory) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_toml(path)).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    paths.sort();
    if file.exists() {
        paths.insert(0, file.to_owned());
    }
    paths.iter().map(|path| read(path)).collect()
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

fn read(path: &Path) -> Result<(String, String), ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok((path.display().to_string(), text))
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError::Read { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_the_order_of_their_names_after_the_main_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let main = directory.path().join("hph-server.toml");
        let more = directory.path().join("conf.d");
        assert_eq!(read_system_files(&main, &more), Ok(vec![]), "nothing there is nothing said");
        fs::create_dir(&more).expect("made");
        for (path, text) in [(more.join("20.toml"), "b"), (more.join("10.toml"), "a"), (more.join("x.txt"), "c")] {
            fs::write(path, text).expect("written");
        }
        fs::write(&main, "main").expect("written");
        let texts: Vec<_> = read_system_files(&main, &more).expect("read").into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["main", "a", "b"]);
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let missing = Path::new("/nonexistent/hph.toml");
        assert!(matches!(Sources::from_system(Some(missing), vec![]), Err(ConfigError::Read { .. })));
    }

    #[test]
    fn data_goes_to_the_service_directory_or_to_the_users_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let missing = directory.path().join("missing");
        let variables = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into())
        };
        let home = variables(&[("HOME", "/home/lan")]);
        assert_eq!(data_dir_default(directory.path(), home), Some(directory.path().to_owned()));
        assert_eq!(data_dir_default(&missing, home), Some("/home/lan/.local/share/hph-server".into()));
        let xdg = variables(&[("HOME", "/home/lan"), ("XDG_DATA_HOME", "/data")]);
        assert_eq!(data_dir_default(&missing, xdg), Some("/data/hph-server".into()));
        let relative = variables(&[("XDG_DATA_HOME", "data")]);
        assert_eq!(data_dir_default(&missing, relative), None, "the standard says to ignore relative paths");
    }
}
