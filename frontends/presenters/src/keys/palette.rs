//! The palette: every action, found by a few of its letters, without diacritics.

use super::{Action, Binding};
use crate::text::Lang;
use crate::text::fold::fold;

/// An action that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub action: Action,
    /// Its name.
    pub label: String,
    /// Its first key, as text; empty if it has none.
    pub key: String,
}

/// Actions whose name, in either language, has these letters in this order; the best first. Of nothing, all.
pub fn search(actions: &[Action], bindings: &[Binding], text: &str, lang: Lang) -> Vec<Found> {
    let wanted: Vec<char> = fold(text).chars().filter(|c| !c.is_whitespace()).collect();
    let score = |action: &Action| {
        let names = Lang::ALL.map(|name_lang| {
            let score = score(&fold(&action.label(name_lang)), &wanted)?;
            // What one reads counts a little more than what one may remember.
            Some(score * 2 + i32::from(name_lang == lang))
        });
        names.into_iter().flatten().max()
    };
    let mut found: Vec<_> = actions.iter().filter_map(|action| Some((score(action)?, *action))).collect();
    found.sort_by_key(|(score, _)| -score);
    let row = |(_, action): (i32, Action)| {
        let key = bindings.iter().find(|binding| binding.action == action);
        Found { action, label: action.label(lang), key: key.map(|key| key.chord.to_string()).unwrap_or_default() }
    };
    found.into_iter().map(row).collect()
}

/// How well letters are found in a text; none if they are not there in this order. Beginnings of words and letters beside
/// each other count more, gaps less.
fn score(text: &str, wanted: &[char]) -> Option<i32> {
    const BEGINS_WORD: i32 = 8;
    const FOLLOWS: i32 = 5;
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut score, mut last) = (0, 0, None);
    for c in wanted {
        let found = at + text[at..].iter().position(|other| other == c)?;
        // A later beginning of a word is better than the first letter that fits.
        let begins = |index: &usize| text[*index] == *c && (*index == 0 || !text[index - 1].is_alphanumeric());
        let follows = last.is_some_and(|last: usize| last + 1 == found);
        let found = if follows { found } else { (found..text.len()).find(begins).unwrap_or(found) };
        score += if begins(&found) { BEGINS_WORD } else { 0 } + if follows { FOLLOWS } else { 0 } + 1;
        (at, last) = (found + 1, Some(found));
    }
    Some(score - i32::try_from(text.len()).unwrap_or(i32::MAX) / 8)
}
