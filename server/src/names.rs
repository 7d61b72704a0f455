//! The rules of names that people type: display names, room names, login names and email labels.
//!
//! Two names that look the same must be the same, and a name must never be able to draw outside its own line. So
//! names are composed (Unicode NFC), their spaces are single, and every character without a shape of its own is
//! refused.

use std::fmt;

use hph_core::limits::{
    DISPLAY_NAME_MAX_BYTES, EMAIL_MAX_BYTES, ROOM_NAME_MAX_BYTES, USERNAME_MAX_BYTES, USERNAME_MIN_BYTES,
};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// What the login name of every guest begins with. No account may begin so.
pub const GUEST_PREFIX: &str = "guest-";

/// As whom the owner of the machine does something in a room. No account may be called so.
pub const SERVER_NAME: &str = "server";

/// Marks that may sit on one letter. Vietnamese in NFC needs none; the limit keeps a name inside its line.
const COMBINING_MARKS_MAX: usize = 4;

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing is left after trimming.
    Empty,
    /// Fewer bytes than `min_bytes`.
    TooShort {
        /// The smallest length allowed.
        min_bytes: usize,
    },
    /// More bytes than `max_bytes`.
    TooLong {
        /// The greatest length allowed.
        max_bytes: usize,
    },
    /// A character that is not allowed here: a control, a direction override, something invisible ...
    Character(char),
    /// More marks on one letter than fit into a line, or a mark without a letter.
    Marks,
    /// The name is kept for guests, or for the server.
    Reserved,
    /// Not of the form `name@host`.
    Email,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("the name is empty"),
            Self::TooShort { min_bytes } => write!(f, "the name is shorter than {min_bytes} characters"),
            Self::TooLong { max_bytes } => write!(f, "the name is longer than {max_bytes} bytes"),
            Self::Character(c) => write!(f, "the character U+{:04X} is not allowed in this name", u32::from(c)),
            Self::Marks => f.write_str("the name has marks without a letter, or too many on one letter"),
            Self::Reserved => {
                write!(f, "\"{SERVER_NAME}\" and names that begin with \"{GUEST_PREFIX}\" are taken")
            }
            Self::Email => f.write_str("an email address has the form name@host"),
        }
    }
}

impl std::error::Error for NameError {}

/// A display name in its one stored form: NFC, trimmed, single spaces, 1 to [`DISPLAY_NAME_MAX_BYTES`] bytes.
///
/// # Errors
/// Names what is wrong with it.
pub fn normalize_display_name(name: &str) -> Result<String, NameError> {
    normalize_line(name, DISPLAY_NAME_MAX_BYTES)
}

/// A room name in its one stored form: NFC, trimmed, single spaces, 1 to [`ROOM_NAME_MAX_BYTES`] bytes.
///
/// # Errors
/// Names what is wrong with it.
pub fn normalize_room_name(name: &str) -> Result<String, NameError> {
    normalize_line(name, ROOM_NAME_MAX_BYTES)
}

/// What two room names have in common if they are the same room: NFC and case folded.
///
/// The fold goes through upper case, so that `ß` meets `SS` and a final `ς` meets `σ`, as in Unicode's full folding.
pub fn room_key(name: &str) -> String {
    name.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// A login name in its one stored form: `[a-z0-9_.-]`, 3 to 20 bytes, lower case.
///
/// # Errors
/// Names what is wrong with it; [`SERVER_NAME`] and names that begin with [`GUEST_PREFIX`] are [`NameError::Reserved`].
pub fn normalize_username(name: &str) -> Result<String, NameError> {
    let name = name.trim().to_ascii_lowercase();
    if let Some(c) = name.chars().find(|&c| !is_username_character(c)) {
        return Err(NameError::Character(c));
    }
    if name.len() < USERNAME_MIN_BYTES {
        return Err(NameError::TooShort { min_bytes: USERNAME_MIN_BYTES });
    }
    if name.len() > USERNAME_MAX_BYTES {
        return Err(NameError::TooLong { max_bytes: USERNAME_MAX_BYTES });
    }
    if name.starts_with(GUEST_PREFIX) || name == SERVER_NAME {
        return Err(NameError::Reserved);
    }
    Ok(name)
}

/// An email label in its one stored form: visible ASCII, lower case, exactly one `@` with something on both sides.
/// It is a label, never a credential: nobody has checked that mail arrives there.
///
/// # Errors
/// Names what is wrong with it.
pub fn normalize_email(email: &str) -> Result<String, NameError> {
    let email = email.trim();
    if email.is_empty() {
        return Err(NameError::Empty);
    }
    if email.len() > EMAIL_MAX_BYTES {
        return Err(NameError::TooLong { max_bytes: EMAIL_MAX_BYTES });
    }
    if let Some(c) = email.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(NameError::Character(c));
    }
    match email.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() && !host.contains('@') => {
            Ok(email.to_ascii_lowercase())
        }
        _ => Err(NameError::Email),
    }
}

fn is_username_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-')
}

/// One line of visible text. Bound: work linear in the input, of which no more than a line's worth is looked at.
fn normalize_line(text: &str, max_bytes: usize) -> Result<String, NameError> {
    // Composing shortens Vietnamese by less than three times; what is far longer cannot fit.
    if text.len() > max_bytes.saturating_mul(8) {
        return Err(NameError::TooLong { max_bytes });
    }
    if let Some(c) = text.trim().chars().find(|&c| is_unsafe(c)) {
        return Err(NameError::Character(c));
    }
    let composed: String = text.nfc().collect();
    let line = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(NameError::Empty);
    }
    if line.len() > max_bytes {
        return Err(NameError::TooLong { max_bytes });
    }
    if has_stray_marks(&line) {
        return Err(NameError::Marks);
    }
    Ok(line)
}

fn has_stray_marks(line: &str) -> bool {
    // A space or the line's start counts as a full letter: nothing may sit on it.
    let mut marks = COMBINING_MARKS_MAX;
    line.chars().any(|c| {
        marks = match c {
            ' ' => COMBINING_MARKS_MAX,
            c if is_combining_mark(c) => marks.saturating_add(1),
            _ => 0,
        };
        marks > COMBINING_MARKS_MAX
    })
}

/// Characters that break the line, change the direction of what follows, or have no shape of their own
/// (Unicode `Default_Ignorable_Code_Point`, the bidirectional controls, and the blank letters).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x180B..=0x180F      // soft hyphen, joiner, Arabic mark, Mongolian selectors
            | 0x115F | 0x1160 | 0x3164 | 0xFFA0 | 0x2800    // letters that draw nothing
            | 0x17B4 | 0x17B5                               // Khmer vowels that draw nothing
            | 0x200B..=0x200F                               // zero-width space and joiners, direction marks
            | 0x2028..=0x202E                               // line and paragraph separators, embeddings, overrides
            | 0x2060..=0x206F                               // word joiner, isolates, deprecated format controls
            | 0xFE00..=0xFE0F | 0xFEFF                      // variation selectors, byte order mark
            | 0xFFF0..=0xFFFF                               // annotations, replacement character, no characters
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A         // shorthand and musical format controls
            | 0xE0000..=0xE0FFF) // tags and more variation selectors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decomposed_vietnamese_is_composed() {
        let decomposed = "Hu\u{31b}o\u{31b}\u{300}ng";
        assert_eq!(normalize_display_name(decomposed).as_deref(), Ok("Hường"));
        let composed: String = "Nguyễn Thị Minh Khai Đặng Ỷ".nfd().collect();
        assert_eq!(normalize_display_name(&composed).as_deref(), Ok("Nguyễn Thị Minh Khai Đặng Ỷ"));
        assert_eq!(normalize_room_name("  Nhóm\u{a0}\u{3000} 17 ").as_deref(), Ok("Nhóm 17"));
    }

    #[test]
    fn a_room_is_found_by_any_case_and_composition() {
        let decomposed: String = "NHÓM 17".nfd().collect();
        assert_eq!(room_key(&decomposed), room_key("nhóm 17"));
        assert_eq!(room_key("HƯỜNG"), "hường");
        assert_eq!(room_key("Straße"), room_key("STRASSE"));
        assert_eq!(room_key("ΣΟΦΟΣ"), room_key("σοφος"));
        assert_ne!(room_key("Nhóm 17"), room_key("Nhom 17"));
    }

    #[test]
    fn every_spoof_is_refused_in_display_and_room_names() {
        let spoofs = [
            "Hường\nLan: xin chào",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\tb",
            "\u{202e}nimda",
            "admin\u{202c}",
            "a\u{2066}b\u{2069}",
            "a\u{200f}b",
            "La\u{200b}n",
            "La\u{200d}n",
            "La\u{2060}n",
            "\u{feff}Lan",
            "La\u{ad}n",
            "Lan\u{fe0f}",
            "Lan\u{e0041}",
            "\u{3164}",
            "a\u{1b}[31mb",
            "a\0b",
            "a\u{7f}b",
        ];
        for spoof in spoofs {
            assert!(matches!(normalize_display_name(spoof), Err(NameError::Character(_))), "{spoof:?}");
            assert!(matches!(normalize_room_name(spoof), Err(NameError::Character(_))), "{spoof:?}");
        }
        assert_eq!(normalize_display_name("Lan\r\n").as_deref(), Ok("Lan"), "the end of a typed line is only space");
    }

    #[test]
    fn piled_up_and_stray_marks_are_refused() {
        assert_eq!(normalize_display_name("a\u{300}\u{316}\u{317}").as_deref(), Ok("à\u{316}\u{317}"));
        let piled = format!("b{}", "\u{316}".repeat(5));
        assert_eq!(normalize_display_name(&piled), Err(NameError::Marks));
        assert_eq!(normalize_display_name("\u{301}a"), Err(NameError::Marks));
        assert_eq!(normalize_display_name("a \u{301}"), Err(NameError::Marks));
    }

    #[test]
    fn lengths_are_counted_in_bytes_after_composing() {
        let longest = "ờ".repeat(DISPLAY_NAME_MAX_BYTES / "ờ".len());
        let decomposed: String = longest.nfd().collect();
        assert!(decomposed.len() > DISPLAY_NAME_MAX_BYTES);
        assert_eq!(normalize_display_name(&decomposed).as_deref(), Ok(longest.as_str()));
        let too_long = Err(NameError::TooLong { max_bytes: DISPLAY_NAME_MAX_BYTES });
        assert_eq!(normalize_display_name(&(longest + "a")), too_long);
        assert_eq!(normalize_display_name(&"a".repeat(1 << 20)), too_long);
        assert_eq!(normalize_display_name(" \u{3000} "), Err(NameError::Empty));
    }

    #[test]
    fn a_normal_name_stays_as_it_is() {
        for name in ["Hường", "Nhóm 17", "Đỗ Văn Ý", "李雷", "สมชาย", "Zoë 🎉", "محمد"] {
            let once = normalize_display_name(name).expect("allowed");
            assert_eq!(normalize_display_name(&once).as_deref(), Ok(once.as_str()));
        }
    }

    #[test]
    fn login_names_are_short_lower_case_ascii() {
        assert_eq!(normalize_username(" Lan.Anh-99_x ").as_deref(), Ok("lan.anh-99_x"));
        assert_eq!(normalize_username("ab"), Err(NameError::TooShort { min_bytes: 3 }));
        assert_eq!(normalize_username(&"a".repeat(21)), Err(NameError::TooLong { max_bytes: 20 }));
        assert_eq!(normalize_username("hường"), Err(NameError::Character('ư')));
        assert_eq!(normalize_username("\u{212a}elvin"), Err(NameError::Character('\u{212a}')), "the Kelvin sign");
        assert_eq!(normalize_username("Guest-ab12"), Err(NameError::Reserved));
    }

    #[test]
    fn an_email_has_one_at_sign_and_only_visible_ascii() {
        assert_eq!(normalize_email(" Lan@Example.ORG ").as_deref(), Ok("lan@example.org"));
        for wrong in ["lan", "@b", "a@", "a@b@c"] {
            assert_eq!(normalize_email(wrong), Err(NameError::Email), "{wrong}");
        }
        assert_eq!(normalize_email("a b@c"), Err(NameError::Character(' ')));
        assert_eq!(normalize_email("é@c"), Err(NameError::Character('é')));
        assert_eq!(normalize_email(&format!("{}@b", "a".repeat(253))), Err(NameError::TooLong { max_bytes: 254 }));
    }
}
