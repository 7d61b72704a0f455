//! Typing a room's name on the screen.

use hph_presenters::text::Lang;
use hph_presenters::text::typed::{self, Flaw};

use crate::keyboard::{Key, Keyboard};

/// What is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The keyboard and its text.
    pub keyboard: Keyboard,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

impl Entry {
    /// Nothing yet, in that language.
    pub fn new(lang: Lang) -> Self {
        Self { keyboard: Keyboard::new(lang == Lang::Vi), flaw: None }
    }

    /// Takes a key; whether it was the one that ends it.
    pub fn press(&mut self, key: Key) -> bool {
        self.flaw = None;
        self.keyboard.press(key)
    }

    /// The name, if it can be one; else what is wrong with it is said.
    pub fn done(&mut self) -> Option<String> {
        match typed::room_name(self.keyboard.text()) {
            Ok(name) => Some(name),
            Err(flaw) => {
                self.flaw = Some(flaw);
                None
            }
        }
    }
}
