//! What is offered while one writes: names after `@`, commands after `/`.

use super::slash::{COMMANDS, Usage};
use crate::text::fold::{Needle, fold};

/// Names that are offered at the same time.
const OFFERED_MAX: usize = 6;

/// Whether Enter sends: not with Shift, which begins a line, and not while an input method puts a letter together.
pub const fn enter_sends(is_shift: bool, is_composing: bool) -> bool {
    !is_shift && !is_composing
}

/// What is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Somebody: the login name, and the name to show.
    Person(String, String),
    /// A command.
    Command(Usage),
}

/// What is offered at the end of a text that is being written; `people` are login names and names to show. The second part is
/// where in the text the word begins that an offer takes the place of. **Units:** bytes.
pub fn offers<'p>(text: &str, people: impl Iterator<Item = (&'p str, &'p str)>) -> (Vec<Offer>, usize) {
    if text.starts_with('/') && !text.contains(char::is_whitespace) {
        let begun = fold(text);
        let fits =
            |usage: &&Usage| usage.form.starts_with(&begun) && usage.form.split(' ').next() != Some(begun.as_str());
        let found = COMMANDS.iter().map(|(usage, _)| usage).filter(fits);
        return (found.map(|usage| Offer::Command(*usage)).collect(), 0);
    }
    let begins =
        text.rfind(char::is_whitespace).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let Some(wanted) = text[begins..].strip_prefix('@') else { return (Vec::new(), begins) };
    let needle = Needle::new(wanted);
    let found = people.filter(|(username, name)| needle.is_in_any(&[username, name]));
    let offer = |(username, name): (&str, &str)| Offer::Person(username.to_owned(), name.to_owned());
    (found.take(OFFERED_MAX).map(offer).collect(), begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: [(&str, &str); 3] = [("lan", "Ngọc Lan"), ("dat", "Đặng Đạt"), ("lanh", "Lê Lành")];

    fn names(text: &str) -> (Vec<String>, usize) {
        let (offers, begins) = offers(text, PEOPLE.into_iter());
        let name = |offer| match offer {
            Offer::Person(username, _) => username,
            Offer::Command(usage) => usage.form.to_owned(),
        };
        (offers.into_iter().map(name).collect(), begins)
    }

    #[test]
    fn names_are_offered_after_their_sign_and_commands_at_the_beginning() {
        for (text, offered, begins) in [
            ("chào @lan", &["lan", "lanh"][..], 6),
            ("@đạt", &["dat"], 0),
            ("@", &["lan", "dat", "lanh"], 0),
            ("chào lan", &[], 6),
            ("a@lan", &[], 0),
            ("/mu", &["/mute NAME", "/muteall"], 0),
            ("/mute", &["/muteall"], 0),
            ("/mute l", &[], 6),
            ("a\u{3000}@dat", &["dat"], 4),
            ("", &[], 0),
        ] {
            let offered = offered.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(names(text), (offered, begins), "{text}");
        }
    }

    #[test]
    fn an_input_method_sends_nothing() {
        let sends = [(false, false), (true, false), (false, true), (true, true)].map(|(s, c)| enter_sends(s, c));
        assert_eq!(sends, [true, false, false, false]);
    }
}
