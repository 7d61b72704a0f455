//! What a server tells its owner while it runs: a row on standard error, or an entry with fields in systemd's journal when
//! that is where standard error goes.

use std::io::Write;

use hph_server::store::DiskState;
use hph_server::{Notice, Notices};
use log::{Level, Record};
use sd_notify::NotifyState;
use systemd_journal_logger::{JournalLog, connected_to_journal};

use crate::lang::{self, Lang};

/// Where a server's notices go. What always goes on is shown on a terminal only when the owner wants more talk; the journal has
/// all of it. A service manager hears that the server is ready, that it lives and that it stops.
pub fn notices(lang: Lang, is_talkative: bool) -> Notices {
    let journal = if connected_to_journal() { JournalLog::empty().ok() } else { None };
    Notices::new(move |notice| {
        tell_manager(notice, lang);
        let Some(row) = row(notice, lang) else { return };
        let is_written = journal.as_ref().is_some_and(|journal| write(journal, notice, &row).is_ok());
        if !is_written && (is_talkative || !is_routine(notice)) {
            let _ = writeln!(std::io::stderr().lock(), "{row}");
        }
    })
}

/// `sd_notify(3)`. Without a manager nothing happens.
fn tell_manager(notice: &Notice, lang: Lang) {
    let states = match notice {
        Notice::Ready => vec![NotifyState::Ready],
        Notice::Stopping => vec![NotifyState::Stopping, NotifyState::Status(lang.text(&lang::STATUS_STOPPING))],
        Notice::Alive { people, rooms, disk } => {
            let disk = lang.text(match disk {
                DiskState::Well => &lang::STATUS_DISK_WELL,
                DiskState::Full => &lang::STATUS_DISK_FULL,
                DiskState::Failed => &lang::STATUS_DISK_FAILED,
            });
            let status = lang.fill(&lang::STATUS, &[people, rooms, &disk]);
            let _ = sd_notify::notify(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
            return;
        }
        _ => return,
    };
    let _ = sd_notify::notify(&states);
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

const fn level(notice: &Notice) -> Level {
    match notice {
        Notice::DiskFull | Notice::DiskFailed { .. } | Notice::FileNotStored { .. } | Notice::NotAccepting { .. } => {
            Level::Error
        }
        _ => Level::Info,
    }
}

/// Whether it is what always goes on.
const fn is_routine(notice: &Notice) -> bool {
    matches!(notice, Notice::SignedIn { .. } | Notice::SignedOut { .. } | Notice::RoomMade { .. })
}

/// What the owner reads; none of what only a service manager wants to know.
fn row(notice: &Notice, lang: Lang) -> Option<String> {
    Some(match notice {
        Notice::Ready | Notice::Alive { .. } | Notice::Stopping => return None,
        Notice::NotAccepting { why } => lang.fill(&lang::NOT_ACCEPTING, &[why]),
        Notice::Accepting => lang.text(&lang::ACCEPTING).to_owned(),
        Notice::SignedIn { peer } => lang.fill(&lang::LOG_SIGNED_IN, &[&peer.0]),
        Notice::SignedOut { peer } => lang.fill(&lang::LOG_SIGNED_OUT, &[&peer.0]),
        Notice::RoomMade { room, peer } => lang.fill(&lang::LOG_ROOM_MADE, &[&room.0, &peer.0]),
        Notice::DiskFull => lang.text(&lang::DISK_FULL).to_owned(),
        Notice::DiskFailed { why } => lang.fill(&lang::DISK_FAILED, &[why]),
        Notice::DiskWell => lang.text(&lang::DISK_WELL).to_owned(),
        Notice::FileNotStored { why } => lang.fill(&lang::FILE_NOT_STORED, &[why]),
    })
}
