//! How an invitation is shown: as a link, as nine digits, and as a code of squares (QR) for cameras.

use hph_client::link::Invitation;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

use crate::lang;
use crate::object::object;
use crate::output::Output;

/// What is given to somebody, as it is shown once.
pub struct Shown {
    /// What it is: `invitation`, `owner`, `reset` or `kiosk`.
    pub kind: String,
    /// Its number.
    pub id: String,
    /// The link that leads there.
    pub link: Invitation,
    /// Nine digits that can be typed in its place, or nothing.
    pub code: String,
    /// So many may use it.
    pub uses: String,
    /// Until when. **Units:** milliseconds since 1970.
    pub expires_ms: u64,
    /// The same, for people.
    pub until: String,
}

/// Shows it.
pub fn show(shown: &Shown, out: &Output) {
    let Shown { kind, id, link, code, uses, expires_ms, until } = shown;
    let link = link.to_string();
    // What resets a password is told, not clicked on.
    let has_link = kind != "reset";
    let told = || -> Value {
        object(
            "made",
            json!({"kind": kind, "id": id, "link": has_link.then_some(&link), "code": code, "uses": uses,
                "expires_ms": expires_ms}),
        )
    };
    out.data(told, || {
        let squares = if has_link { squares(&link) } else { None };
        let rows = [has_link.then(|| link.clone()), (!code.is_empty()).then(|| grouped(code)), squares];
        rows.into_iter().flatten().collect::<Vec<_>>().join("\n")
    });
    out.talk(&out.lang.fill(&lang::GOOD_UNTIL, &[id, &until, uses]));
}

/// Nine digits in groups of three, as people read them to each other.
fn grouped(code: &str) -> String {
    let groups: Vec<String> =
        code.as_bytes().chunks(3).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    groups.join("-")
}

/// Digits as they are typed: with spaces or hyphens, or without.
pub fn ungrouped(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

/// A code of squares of two rows in each row of text. Light squares are drawn: terminals are mostly dark.
fn squares(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_and_typed_as_people_like() {
        assert_eq!(grouped("123456789"), "123-456-789");
        assert_eq!(ungrouped(" 123-456 789"), "123456789");
    }

    #[test]
    fn a_link_becomes_squares_with_a_light_border() {
        let link = format!("hph://192.0.2.1:7400/Nh%C3%B3m%2017#fp={}&in={}", "5c".repeat(32), "a".repeat(26));
        let drawn = squares(&link).expect("it fits");
        let rows: Vec<_> = drawn.lines().collect();
        let widths: Vec<_> = rows.iter().map(|row| row.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]) && rows.len() == widths[0].div_ceil(2));
        assert!(rows[0].chars().all(|c| c == '█'), "the border is light: {}", rows[0]);
    }
}
