//! A key with its modifiers, as text and back: `Ctrl+Shift+D`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A key by what it means, not by where it is: keyboards differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A letter, digit or sign, in lower case.
    Char(char),
    /// The space bar.
    Space,
    /// Escape.
    Escape,
    /// Return.
    Enter,
    /// The tabulator.
    Tab,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// F1 to F24.
    F(u8),
}

/// A key with its modifiers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Chord {
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt.
    pub alt: bool,
    /// With Shift; not for signs that are typed with it, such as `?`.
    pub shift: bool,
    /// The key.
    pub key: Key,
}

impl Chord {
    /// A key as a toolkit tells it. Shift counts only where it does not make another sign.
    pub fn new(key: Key, ctrl: bool, alt: bool, shift: bool) -> Self {
        let key = match key {
            Key::Char(c) => Key::Char(c.to_lowercase().next().unwrap_or(c)),
            other => other,
        };
        let makes_sign = matches!(key, Key::Char(c) if !c.is_alphanumeric());
        Self { ctrl, alt, shift: shift && !makes_sign, key }
    }

    /// Whether it writes something into a field that has the focus.
    pub const fn writes(&self) -> bool {
        let is_letter =
            matches!(self.key, Key::Char(_) | Key::Space | Key::Enter | Key::Tab | Key::PageUp | Key::PageDown);
        is_letter && !self.ctrl && !self.alt
    }
}

impl FromStr for Chord {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a key is written like M, Ctrl+K or Ctrl+Shift+D";
        let (mut ctrl, mut alt, mut shift, mut rest) = (false, false, false, text);
        while let Some((modifier, key)) = rest.split_once('+').filter(|(_, key)| !key.is_empty()) {
            match modifier {
                "Ctrl" => ctrl = true,
                "Alt" => alt = true,
                "Shift" => shift = true,
                _ => return Err(FORM),
            }
            rest = key;
        }
        let mut letters = rest.chars();
        let key = match (rest, letters.next(), letters.next()) {
            ("Space", ..) => Key::Space,
            ("Escape", ..) => Key::Escape,
            ("Enter", ..) => Key::Enter,
            ("Tab", ..) => Key::Tab,
            ("PageUp", ..) => Key::PageUp,
            ("PageDown", ..) => Key::PageDown,
            (_, Some(c), None) if !c.is_control() && !c.is_whitespace() => Key::Char(c),
            (f, Some('F'), Some(_)) => {
                Key::F(f[1..].parse().ok().filter(|number| (1..=24).contains(number)).ok_or(FORM)?)
            }
            _ => return Err(FORM),
        };
        Ok(Self::new(key, ctrl, alt, shift))
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, is_held) in [("Ctrl+", self.ctrl), ("Alt+", self.alt), ("Shift+", self.shift)] {
            f.write_str(if is_held { name } else { "" })?;
        }
        match &self.key {
            Key::Char(c) => write!(f, "{}", c.to_uppercase()),
            Key::F(number) => write!(f, "F{number}"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl TryFrom<String> for Chord {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Chord> for String {
    fn from(chord: Chord) -> Self {
        chord.to_string()
    }
}
