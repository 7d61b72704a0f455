//! What can be wrong with a configuration, said so that its writer finds the place.

use std::fmt;
use std::path::PathBuf;

use super::Origin;

/// Why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A file that was asked for cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// A file is not TOML.
    Syntax {
        /// Where it stops being so.
        at: Origin,
        /// What is wrong there.
        reason: String,
    },
    /// There is no such key.
    UnknownKey {
        /// Where it stands.
        at: Origin,
        /// The key as written.
        key: String,
        /// The key that was probably meant.
        closest: Option<&'static str>,
    },
    /// A value does not fit its key.
    Value {
        /// Where it stands.
        at: Origin,
        /// The key.
        key: &'static str,
        /// What would fit.
        reason: String,
    },
    /// There is no place for data: neither the service's directory nor a home directory.
    NoDataDir,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, reason } => write!(f, "{}: cannot be read: {reason}", path.display()),
            Self::Syntax { at, reason } => write!(f, "{at}: {reason}"),
            Self::UnknownKey { at, key, closest } => {
                write!(f, "{at}: unknown key `{key}`")?;
                match closest {
                    Some(closest) => write!(f, "; did you mean `{closest}`?"),
                    None => Ok(()),
                }
            }
            Self::Value { at, key, reason } => write!(f, "{at}: `{key}` {reason}"),
            Self::NoDataDir => f.write_str("no place for data was found; set `data_dir`, for example --data-dir DIR"),
        }
    }
}

impl std::error::Error for ConfigError {}
