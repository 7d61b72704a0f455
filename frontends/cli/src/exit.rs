//! How a command ends: the numbers that scripts look at, and what people are told when it did not end well.

use std::fmt;
use std::process::ExitCode;

/// How a command ended. The numbers are part of what `hph` promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked for.
    Ok = 0,
    /// Anything that has no number of its own.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration, or a file that belongs to it, can't be used.
    Config = 3,
    /// The server can't be reached, or is not the one that it must be.
    Unreachable = 4,
    /// The server did not sign us in.
    Auth = 5,
    /// A camera, a microphone, a file of them or a recording.
    Device = 6,
    /// The server or the other person said no, or we were put out.
    Rejected = 7,
    /// It took too long.
    TimedOut = 124,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// Every way, in the order of the numbers.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Config,
        Self::Unreachable,
        Self::Auth,
        Self::Device,
        Self::Rejected,
        Self::TimedOut,
        Self::Interrupted,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What the number means, for `--help`.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Failed => "failed",
            Self::Usage => "wrong usage",
            Self::Config => "wrong configuration",
            Self::Unreachable => "server not reachable, or not the one that was expected",
            Self::Auth => "not signed in",
            Self::Device => "camera, microphone, file or recording",
            Self::Rejected => "rejected by the server or the person called, or put out",
            Self::TimedOut => "timed out",
            Self::Interrupted => "interrupted with Ctrl-C",
        }
    }

    /// The table of all numbers, for `--help`.
    pub fn table() -> String {
        let lines = Self::ALL.map(|exit| format!("  {:>3}  {}", exit.code(), exit.meaning()));
        format!("Exit codes:\n{}", lines.join("\n"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed, as its user is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For the caller.
    pub exit: Exit,
    /// Stable, for searching and for scripts.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do about it; may be empty.
    pub advice: String,
}

impl Failure {
    /// A failure without advice.
    pub fn new(exit: Exit, code: &'static str, what: impl fmt::Display) -> Self {
        Self { exit, code, what: what.to_string(), advice: String::new() }
    }

    /// The same with advice.
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// A wrong command line that only shows after parsing.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, "E-USE-01", what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_that_were_promised() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 6, 7, 124, 130]);
    }

    #[test]
    fn the_table_names_every_number() {
        let table = Exit::table();
        for exit in Exit::ALL {
            assert!(table.contains(&format!(" {}  ", exit.code())), "{exit:?}");
        }
    }
}
