//! Texts that are made of data: names, times, counts. In Vietnamese and English.
//!
//! Sentences are the frontend's: its toolkit translates them. What stands here depends on numbers or names in ways that a
//! catalogue of sentences can't say.

pub mod count;
pub mod fold;
pub mod name;
pub mod typed;
pub mod when;

use serde::{Deserialize, Serialize};

/// A language of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Vietnamese.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Vi, Self::En];

    /// Its code (ISO 639-1), by which catalogues are named.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    /// The one of two texts that is in this language.
    pub const fn pick<'t>(self, vi: &'t str, en: &'t str) -> &'t str {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }
}
