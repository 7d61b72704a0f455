//! What is done to keep order, by its name on a command line.

use hph_client::core::wire::control::Act;

/// An act that needs no more than a name.
pub fn parse_plain_act(text: &str) -> Result<Act, String> {
    one_of(text, || Act::ALL.into_iter().filter(|act| act.is_plain()))
}

/// What is missing, or too much.
pub fn complaint(act: Act, has_whom: bool) -> Option<&'static str> {
    match (act.has_target(), has_whom) {
        (true, false) => Some("whom? USER"),
        (false, true) => Some("that is done to nobody"),
        _ => None,
    }
}

/// One of those that are known. Dashes are as good as underlines.
pub fn one_of<K: Iterator<Item = Act>>(text: &str, known: impl Fn() -> K) -> Result<Act, String> {
    let name = text.replace('-', "_");
    let names = || known().map(Act::code).collect::<Vec<_>>().join(", ");
    known().find(|act| act.code() == name).ok_or_else(|| format!("one of: {}", names()))
}
