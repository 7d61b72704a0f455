//! `doctor`: what is wrong on this machine, and for each fault the one command that mends it.
//!
//! - [`server`]: whatever a server needs, as its owner sees it.
//! - `client.rs` (only in `hph`): whatever somebody needs who takes part.
//!
//! Nothing is changed here: whoever asks for a diagnosis did not ask for a treatment.

pub mod server;

use std::path::Path;

use hph_client::platform::clock::Clock;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::lang;
use crate::object::object;
use crate::output::Output;

/// Before this program was written no clock was right: 2026-01-01. **Units:** milliseconds of Unix time.
const WRITTEN_MS: u64 = 1_767_225_600_000;
/// Clocks may differ by a day from that of whoever wrote a file. **Units:** milliseconds.
const CLOCK_SLACK_MS: u64 = 24 * HOUR_MS;
const HOUR_MS: u64 = 3_600_000;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, but not as well as it could.
    Doubtful,
    /// Something does not work.
    Bad,
}

/// What was found out about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a word that scripts may rely on.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// The same in words.
    pub what: String,
    /// The command that mends it; empty if nothing is to be mended, or no command can.
    pub fix: String,
}

impl Finding {
    /// Nothing is to be mended.
    pub fn good(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, state: State::Good, what: what.into(), fix: String::new() }
    }

    /// It could be better.
    pub fn doubtful(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Doubtful, what: what.into(), fix: fix.into() }
    }

    /// It does not work.
    pub fn bad(check: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, state: State::Bad, what: what.into(), fix: fix.into() }
    }

    fn row(&self) -> String {
        let sign = match self.state {
            State::Good => '✓',
            State::Doubtful => '!',
            State::Bad => '✗',
        };
        let fix = if self.fix.is_empty() { String::new() } else { format!("\n    → {}", self.fix) };
        format!("{sign} {:<12} {}{fix}", self.check, self.what)
    }
}

/// Tells what was found, each as soon as it is known. The command fails if anything is bad.
///
/// # Errors
/// Never: a fault that was found is a result.
pub fn tell(findings: impl IntoIterator<Item = Finding>, out: &Output) -> Result<Exit, Failure> {
    let (mut bad, mut doubtful) = (0, 0);
    for finding in findings {
        bad += u32::from(finding.state == State::Bad);
        doubtful += u32::from(finding.state == State::Doubtful);
        let state = match finding.state {
            State::Good => "good",
            State::Doubtful => "doubtful",
            State::Bad => "bad",
        };
        let Finding { check, what, fix, .. } = &finding;
        out.data(
            || object("check", json!({"check": check, "state": state, "what": what, "fix": fix})),
            || finding.row(),
        );
    }
    out.talk(&out.lang.fill(&lang::DOCTOR_SAYS, &[&bad, &doubtful]));
    Ok(if bad > 0 { Exit::Failed } else { Exit::Ok })
}

/// The clock, beside the time when this was written and when something of ours was. **Units:** milliseconds of Unix time.
pub fn clock(known_ms: Option<u64>, out: &Output) -> Finding {
    let now_ms = Clock::unix_time_ms();
    let least_ms = known_ms.unwrap_or(0).max(WRITTEN_MS);
    let behind_ms = least_ms.saturating_sub(now_ms);
    if behind_ms > CLOCK_SLACK_MS {
        let what = out.lang.fill(&lang::DOCTOR_CLOCK_BEHIND, &[&(behind_ms / HOUR_MS)]);
        return Finding::bad("clock", what, "sudo timedatectl set-ntp true");
    }
    Finding::good("clock", out.lang.text(&lang::DOCTOR_CLOCK))
}

/// How many files this process may open, beside how many it needs.
pub fn files(needed: u64, out: &Output) -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let may = limit.current.unwrap_or(u64::MAX);
    if may < needed {
        let what = out.lang.fill(&lang::DOCTOR_FEW_FILES, &[&may, &needed]);
        return Finding::bad("files", what, format!("ulimit -n {needed}"));
    }
    Finding::good("files", out.lang.fill(&lang::DOCTOR_FILES, &[&if may == u64::MAX { needed } else { may }]))
}

/// A path as it may stand in a command.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.chars().all(|char| char.is_ascii_alphanumeric() || "/._-+:@".contains(char));
    if is_plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The next directory upwards that is there.
pub fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out() -> Output {
        Output::new(true, -1, false)
    }

    #[test]
    fn a_clock_that_is_behind_what_was_already_written_is_wrong() {
        assert_eq!(clock(None, &out()).state, State::Good);
        let in_hours = |hours: u64| clock(Some(Clock::unix_time_ms() + hours * HOUR_MS), &out());
        assert_eq!(in_hours(1).state, State::Good);
        let finding = in_hours(72);
        assert_eq!((finding.state, finding.fix.as_str()), (State::Bad, "sudo timedatectl set-ntp true"));
    }

    #[test]
    fn whoever_needs_more_files_than_there_may_be_is_told_how_many() {
        assert_eq!(files(3, &out()).state, State::Good);
        let finding = files(u64::MAX - 1, &out());
        assert_eq!((finding.state, finding.fix), (State::Bad, format!("ulimit -n {}", u64::MAX - 1)));
    }

    #[test]
    fn a_command_can_be_copied_whatever_a_path_is_called() {
        assert_eq!(quoted(Path::new("/var/lib/hph-server")), "/var/lib/hph-server");
        assert_eq!(quoted(Path::new("/home/Thị Nở/it's")), "'/home/Thị Nở/it'\\''s'");
    }

    #[test]
    fn a_finding_is_a_row_and_its_fix_another() {
        assert_eq!(Finding::good("disk", "1 GB").row(), "✓ disk         1 GB");
        assert_eq!(Finding::bad("disk", "0 GB", "rm -r x").row(), "✗ disk         0 GB\n    → rm -r x");
        assert!(Finding::doubtful("lan", "quiet", "").row().starts_with("! lan"));
    }
}
