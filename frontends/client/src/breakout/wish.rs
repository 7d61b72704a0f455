//! What is typed after `/breakout`.

use hph_core::limits::{BREAKOUT_SECONDS_MAX, BREAKOUTS_MAX};

use super::BreakoutAct;

/// What somebody wants about breakout rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakoutWish {
    /// To see them, and who is where.
    List,
    /// So many of them, everybody spread over them, and an end after so many seconds if there is to be one.
    Split {
        /// How many.
        count: u8,
        /// When they end.
        after_s: Option<u16>,
    },
    /// To go to one oneself; 0: back.
    Go(u8),
    /// Anything else. In [`BreakoutAct::Move`] the person is as they were typed: a login name or a name to show.
    Do(BreakoutAct),
}

impl BreakoutWish {
    /// How it is used.
    pub const USAGE: &str = "/breakout COUNT [MINUTES] | open NAME | spread | move USER NUMBER | go NUMBER | back | tell TEXT | end [SECONDS]";

    /// Reads it; none if it is not to be understood.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let some = |act: fn(String) -> BreakoutAct| (!rest.is_empty()).then(|| Self::Do(act(rest.to_owned())));
        match word.to_lowercase().as_str() {
            "" => Some(Self::List),
            "open" => some(BreakoutAct::Open),
            "spread" if rest.is_empty() => Some(Self::Do(BreakoutAct::Spread)),
            "move" => {
                let (whom, number) = rest.rsplit_once(char::is_whitespace)?;
                let whom = whom.trim().trim_matches('"').to_owned();
                let number = number_of(number)?;
                (!whom.is_empty()).then_some(Self::Do(BreakoutAct::Move { whom, number }))
            }
            "go" => number_of(rest).map(Self::Go),
            "back" if rest.is_empty() => Some(Self::Go(0)),
            "tell" => some(BreakoutAct::Tell),
            "end" if rest.is_empty() => Some(Self::Do(BreakoutAct::End(0))),
            "end" => seconds(rest, 1).map(BreakoutAct::End).map(Self::Do),
            _ => {
                let count = number_of(word).filter(|count| *count > 0)?;
                let after_s = if rest.is_empty() { None } else { Some(seconds(rest, 60)?) };
                Some(Self::Split { count, after_s })
            }
        }
    }
}

fn number_of(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number| usize::from(*number) <= BREAKOUTS_MAX)
}

fn seconds(text: &str, unit: u16) -> Option<u16> {
    let seconds = text.parse::<u16>().ok()?.checked_mul(unit)?;
    (1..=BREAKOUT_SECONDS_MAX).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_understood_or_is_not() {
        let whom = "Ngọc Lan".to_owned();
        for (text, wish) in [
            ("", BreakoutWish::List),
            ("3", BreakoutWish::Split { count: 3, after_s: None }),
            ("3 10", BreakoutWish::Split { count: 3, after_s: Some(600) }),
            ("open Nhóm toán", BreakoutWish::Do(BreakoutAct::Open("Nhóm toán".to_owned()))),
            ("spread", BreakoutWish::Do(BreakoutAct::Spread)),
            ("move \"Ngọc Lan\" 2", BreakoutWish::Do(BreakoutAct::Move { whom: whom.clone(), number: 2 })),
            ("move Ngọc Lan 0", BreakoutWish::Do(BreakoutAct::Move { whom, number: 0 })),
            ("go 2", BreakoutWish::Go(2)),
            ("back", BreakoutWish::Go(0)),
            ("tell còn năm phút", BreakoutWish::Do(BreakoutAct::Tell("còn năm phút".to_owned()))),
            ("end", BreakoutWish::Do(BreakoutAct::End(0))),
            ("END 60", BreakoutWish::Do(BreakoutAct::End(60))),
        ] {
            assert_eq!(BreakoutWish::parse(text), Some(wish), "{text}");
        }
        for text in
            ["0", "9", "3 x", "open", "spread out", "move lan", "move 2", "go", "go 9", "end now", "end 0", "hello"]
        {
            assert_eq!(BreakoutWish::parse(text), None, "{text}");
        }
    }
}
