//! Whether what people say can be stored, as others than the store's threads see it.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use hph_core::stats::Histogram;
use hph_core::time::Duration;

use super::StoreError;
use crate::notice::{Notice, Notices};

/// How the disk under the database is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskState {
    /// What is answered is on the disk.
    #[default]
    Well,
    /// It is full: reading goes on, writing is refused.
    Full,
    /// It failed: the database is closed until it can be opened anew.
    Failed,
}

impl DiskState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Well, Self::Full, Self::Failed];

    /// One word, for figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }
}

/// What the store's threads count.
#[derive(Clone, Debug, Default)]
pub struct StoreFigures {
    /// How the disk is.
    pub disk: DiskState,
    /// Why, if it failed.
    pub why: String,
    /// Times that it was found full.
    pub found_full: u64,
    /// Times that it failed.
    pub failures: u64,
    /// Times that the database was opened anew.
    pub reopened: u64,
    /// Messages, changes and direct messages committed together, each time: how long until they were on the disk.
    pub commit: Histogram,
    /// Finding the messages that have some words.
    pub search: Histogram,
    /// Everything else that is looked up: a page of history, a message, what is unread.
    pub look_up: Histogram,
}

/// The figures, shared between the store's threads and whoever looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    figures: Arc<Mutex<StoreFigures>>,
    notices: Notices,
}

impl Health {
    pub fn new(notices: Notices) -> Self {
        Self { figures: Arc::default(), notices }
    }

    pub fn figures(&self) -> StoreFigures {
        self.figures.lock().map(|figures| figures.clone()).unwrap_or_default()
    }

    /// Why nobody answers: the disk fails, or the store was closed.
    pub fn unanswered(&self) -> StoreError {
        let figures = self.figures();
        if figures.disk == DiskState::Failed { StoreError::Disk(figures.why) } else { StoreError::Closed }
    }

    pub fn set_full(&self) {
        if self.change(DiskState::Full, "") {
            self.with(|figures| figures.found_full += 1);
            self.notices.tell(&Notice::DiskFull);
        }
    }

    pub fn set_failed(&self, why: &str) {
        if self.change(DiskState::Failed, why) {
            self.with(|figures| figures.failures += 1);
            self.notices.tell(&Notice::DiskFailed { why: why.to_owned() });
        }
    }

    pub fn set_well(&self) {
        if self.change(DiskState::Well, "") {
            self.notices.tell(&Notice::DiskWell);
        }
    }

    pub fn count_reopened(&self) {
        self.with(|figures| figures.reopened += 1);
    }

    pub fn record_commit(&self, span: Duration) {
        self.with(|figures| figures.commit.record(span));
    }

    pub fn record_look_up(&self, is_search: bool, span: Duration) {
        self.with(|figures| if is_search { figures.search.record(span) } else { figures.look_up.record(span) });
    }

    /// Gives whether it was another one before.
    fn change(&self, disk: DiskState, why: &str) -> bool {
        self.figures.lock().is_ok_and(|mut figures| {
            let is_other = figures.disk != disk;
            figures.disk = disk;
            why.clone_into(&mut figures.why);
            is_other
        })
    }

    fn with(&self, change: impl FnOnce(&mut StoreFigures)) {
        if let Ok(mut figures) = self.figures.lock() {
            change(&mut figures);
        }
    }
}

/// What a disk did to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There was no place. SQLite has undone the transaction by itself.
    Full,
    /// It failed. What the files hold is not known until they are opened anew.
    Failed(String),
}

thread_local! {
    /// Jobs fail with errors of many kinds, all of which were one of SQLite's first: it is noted there. Every thread of the
    /// store sees its own.
    static TROUBLE: Cell<Option<Trouble>> = const { Cell::new(None) };
}

/// Notes trouble of this thread's disk. A failure is never hidden by a full disk.
pub(super) fn note(trouble: Trouble) {
    TROUBLE.with(|place| {
        let earlier = place.take();
        place.set(Some(match earlier {
            Some(Trouble::Failed(why)) => Trouble::Failed(why),
            _ => trouble,
        }));
    });
}

/// Takes what was noted since the last time.
pub(super) fn take_noted() -> Option<Trouble> {
    TROUBLE.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_counted() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let health = Health::new(Notices::new(move |notice| sink.lock().expect("whole").push(notice.clone())));
        health.set_well();
        health.set_full();
        health.set_full();
        health.set_failed("EIO");
        health.set_failed("EIO again");
        health.set_well();
        let failed = Notice::DiskFailed { why: "EIO".to_owned() };
        assert_eq!(*told.lock().expect("whole"), [Notice::DiskFull, failed, Notice::DiskWell]);
        let figures = health.figures();
        assert_eq!((figures.found_full, figures.failures, figures.disk), (1, 1, DiskState::Well));
    }

    #[test]
    fn the_worst_trouble_is_kept_until_it_is_taken() {
        note(Trouble::Full);
        note(Trouble::Failed("EIO".to_owned()));
        note(Trouble::Full);
        assert_eq!(take_noted(), Some(Trouble::Failed("EIO".to_owned())));
        assert_eq!(take_noted(), None);
    }
}
