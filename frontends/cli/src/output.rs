//! Manners: data on standard output, talk on standard error, one JSON object a line where that was asked for, colour and
//! progress only where somebody looks.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::exit::Failure;
use crate::lang::Lang;

/// Where a command's words go.
pub struct Output {
    /// The language of the talk.
    pub lang: Lang,
    is_json: bool,
    /// -1 quiet, 0 as usual, 1 verbose.
    verbosity: i8,
    has_colour: bool,
    has_progress: bool,
    /// The progress row on the terminal now.
    progress: Mutex<String>,
    is_closed: AtomicBool,
}

impl Output {
    /// Looks at the terminal and at the environment. Nothing is drawn where somebody types: it would overwrite that.
    pub fn new(is_json: bool, verbosity: i8, is_interactive: bool) -> Self {
        let variable = |name: &str| env::var(name).ok();
        Self {
            lang: Lang::from_environment(variable),
            is_json,
            verbosity,
            has_colour: !is_json && has_colour(variable, io::stdout().is_terminal()),
            has_progress: !is_json && verbosity >= 0 && !is_interactive && io::stderr().is_terminal(),
            progress: Mutex::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Whether data are JSON objects.
    pub const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether nobody reads our data any more.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Data: an object for programs, or a row for people; an empty row is left out.
    pub fn data(&self, object: impl FnOnce() -> Value, row: impl FnOnce() -> String) {
        let row = if self.is_json { object().to_string() } else { row() };
        if !row.is_empty() {
            self.print(&row);
        }
    }

    /// Data for programs only.
    pub fn object(&self, object: impl FnOnce() -> Value) {
        self.data(object, String::new);
    }

    /// Rows of data as they are, for people and programs alike.
    pub fn print(&self, rows: &str) {
        let progress = self.erased();
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{rows}").and_then(|()| out.flush());
        if written.is_err() {
            self.is_closed.store(true, Ordering::Relaxed);
        }
        self.redraw(&progress);
    }

    /// Talk for people, on standard error; nothing with `-q`.
    pub fn talk(&self, row: &str) {
        if self.verbosity >= 0 {
            self.say(row);
        }
    }

    /// A warning that nobody may miss: also with `-q`.
    pub fn warn(&self, row: &str) {
        self.say(row);
    }

    /// Whether more talk is wanted: with `-v`.
    pub const fn is_talkative(&self) -> bool {
        self.verbosity > 0
    }

    /// Talk that only some want: with `-v`.
    pub fn detail(&self, row: &str) {
        if self.verbosity > 0 {
            self.say(row);
        }
    }

    /// The progress row: replaced by the next one, erased by an empty one.
    pub fn progress(&self, row: &str) {
        if self.has_progress {
            drop(self.erased());
            self.redraw(row);
        }
    }

    /// Tells why a command failed, to people and programs.
    pub fn failure(&self, failure: &Failure) {
        self.progress("");
        let Failure { exit, code, what, advice } = failure;
        if self.is_json {
            let object = json!({"event": "error", "code": code, "exit": exit.code(), "what": what, "advice": advice});
            self.print(&object.to_string());
        }
        // Also with -q: an error is no talk.
        self.say(&format!("hph: {code}: {what}"));
        if !advice.is_empty() {
            self.say(&format!("     {advice}"));
        }
    }

    /// A name in bold, where there is colour.
    pub fn bold(&self, text: &str) -> String {
        if self.has_colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn say(&self, row: &str) {
        let progress = self.erased();
        let _ = writeln!(io::stderr().lock(), "{row}");
        self.redraw(&progress);
    }

    fn erased(&self) -> String {
        let progress = self.progress.lock().map(|mut row| std::mem::take(&mut *row)).unwrap_or_default();
        if !progress.is_empty() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
        progress
    }

    fn redraw(&self, row: &str) {
        if row.is_empty() {
            return;
        }
        let mut err = io::stderr().lock();
        let _ = write!(err, "\r\x1b[K{row}");
        let _ = err.flush();
        if let Ok(mut progress) = self.progress.lock() {
            row.clone_into(&mut progress);
        }
    }
}

/// `NO_COLOR` beats `CLICOLOR_FORCE`, which beats what the terminal says.
fn has_colour(variable: impl Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let is_forced = variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
    !is_set("NO_COLOR") && (is_forced || is_terminal && !is_dumb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_and_for_those_who_force_it() {
        let with = |pairs: &'static [(&str, &str)], is_terminal| {
            let variable =
                |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            has_colour(variable, is_terminal)
        };
        assert!(with(&[], true));
        assert!(!with(&[], false));
        assert!(!with(&[("NO_COLOR", "1")], true));
        assert!(with(&[("NO_COLOR", "")], true), "the standard: an empty value does not count");
        assert!(with(&[("CLICOLOR_FORCE", "1")], false));
        assert!(!with(&[("CLICOLOR_FORCE", "0")], false));
        assert!(!with(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true));
        assert!(!with(&[("TERM", "dumb")], true));
    }
}
