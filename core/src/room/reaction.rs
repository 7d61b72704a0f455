//! Reactions: a few signs that somebody shows to the room for a moment, without a word.

use crate::time::Duration;

/// For so long a reaction is shown; the next one of the same participant takes its place.
pub const REACTION_SHOWN: Duration = Duration::from_secs(3);

/// A sign. Its number is what goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Agreed.
    ThumbsUp,
    /// Congratulations.
    Party,
    /// Applause.
    Clap,
    /// That is funny.
    Laugh,
    /// That is dear to me.
    Heart,
    /// I am not sure.
    Think,
}

impl Reaction {
    /// Every one, by its number.
    pub const ALL: [Self; 6] = [Self::ThumbsUp, Self::Party, Self::Clap, Self::Laugh, Self::Heart, Self::Think];

    /// The one of that number; none for a number that only a newer version knows.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// A short stable name for scripts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ThumbsUp => "thumbs_up",
            Self::Party => "party",
            Self::Clap => "clap",
            Self::Laugh => "laugh",
            Self::Heart => "heart",
            Self::Think => "think",
        }
    }

    /// The one that somebody names: by its code, shortly (`up`, `+1`), or as it looks, with the selector of colour or without.
    pub fn named(text: &str) -> Option<Self> {
        if matches!(text, "up" | "UP" | "+1") {
            return Some(Self::ThumbsUp);
        }
        let look = |sign: &str| sign.trim_end_matches('\u{fe0f}') == text.trim_end_matches('\u{fe0f}');
        Self::ALL.into_iter().find(|sign| sign.code().eq_ignore_ascii_case(text) || look(sign.emoji()))
    }

    /// As it is shown where there are letters for it.
    pub const fn emoji(self) -> &'static str {
        match self {
            Self::ThumbsUp => "👍",
            Self::Party => "🎉",
            Self::Clap => "👏",
            Self::Laugh => "😂",
            Self::Heart => "❤️",
            Self::Think => "🤔",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_named_by_a_word_or_by_itself() {
        for text in ["up", "👍", "thumbs_up", "THUMBS_UP", "+1"] {
            assert_eq!(Reaction::named(text), Some(Reaction::ThumbsUp), "{text}");
        }
        assert_eq!(Reaction::named("\u{2764}"), Some(Reaction::Heart), "also without its colour");
        assert_eq!((Reaction::named("🙈"), Reaction::named("")), (None, None));
    }

    #[test]
    fn a_number_is_that_of_its_place_and_one_of_a_newer_version_is_none() {
        for (number, reaction) in (0..).zip(Reaction::ALL) {
            assert_eq!((reaction.number(), Reaction::from_number(number)), (number, Some(reaction)));
        }
        assert_eq!(Reaction::from_number(Reaction::ALL.len() as u8), None);
    }
}
