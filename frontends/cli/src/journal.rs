//! What a server tells its owner while it runs: a row on standard error, or an entry with fields in systemd's journal when
//! that is where standard error goes.

use std::io::Write;

use hph_server::{Notice, Notices};
use log::{Level, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use crate::lang::{self, Lang};

/// Where a server's notices go.
pub fn notices(lang: Lang) -> Notices {
    let journal = if connected_to_journal() { JournalLog::empty().ok() } else { None };
    Notices::new(move |notice| {
        let row = row(notice, lang);
        let is_written = journal.as_ref().is_some_and(|journal| write(journal, notice, &row).is_ok());
        if !is_written {
            let _ = writeln!(std::io::stderr().lock(), "{row}");
        }
    })
}

/// One entry: `journalctl -u hph-server EVENT=disk_failed` finds it.
fn write(journal: &JournalLog, notice: &Notice, row: &str) -> std::io::Result<()> {
    let fields = notice.fields();
    journal.journal_send(
        &Record::builder()
            .level(level(notice))
            .target("hph-server")
            .args(format_args!("{row}"))
            .key_values(&fields.as_slice())
            .build(),
    )
}

fn level(notice: &Notice) -> Level {
    match notice {
        Notice::DiskFull | Notice::DiskFailed { .. } | Notice::FileNotStored { .. } => Level::Error,
        Notice::DiskWell => Level::Info,
    }
}

fn row(notice: &Notice, lang: Lang) -> String {
    match notice {
        Notice::DiskFull => lang.text(&lang::DISK_FULL).to_owned(),
        Notice::DiskFailed { why } => lang.fill(&lang::DISK_FAILED, &[why]),
        Notice::DiskWell => lang.text(&lang::DISK_WELL).to_owned(),
        Notice::FileNotStored { why } => lang.fill(&lang::FILE_NOT_STORED, &[why]),
    }
}
