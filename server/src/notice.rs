//! What the owner of a server should know while it runs: for a log. No name, no address, nothing that people say.

use std::fmt;
use std::sync::Arc;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing more can be stored until there is place on the disk. Meetings go on.
    DiskFull,
    /// The disk failed: the database is closed, and opened anew as soon as it can be. Meetings go on.
    DiskFailed {
        /// What it said.
        why: String,
    },
    /// What people say is stored again.
    DiskWell,
    /// A file that somebody sent was not stored, and they were told.
    FileNotStored {
        /// What the disk said.
        why: String,
    },
}

impl Notice {
    /// One word for it, that stays the same in every version and language.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::DiskFailed { .. } => "disk_failed",
            Self::DiskWell => "disk_well",
            Self::FileNotStored { .. } => "file_not_stored",
        }
    }

    /// It as fields of a log, `event` first.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("event", self.name().to_owned())];
        if let Self::DiskFailed { why } | Self::FileNotStored { why } = self {
            fields.push(("reason", why.clone()));
        }
        fields
    }
}

/// Where notices go: nowhere until somebody wants them.
#[derive(Clone)]
pub struct Notices(Arc<dyn Fn(&Notice) + Send + Sync>);

impl Notices {
    /// Gives every notice to `sink`, on whatever thread it comes up: it must not wait for anything.
    pub fn new(sink: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    pub(crate) fn tell(&self, notice: &Notice) {
        (self.0)(notice);
    }
}

impl Default for Notices {
    fn default() -> Self {
        Self::new(|_| ())
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}
