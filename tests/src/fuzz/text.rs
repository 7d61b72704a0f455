//! The rules for names and texts, said a second time.

use hph_core::limits::{CHAT_TEXT_MAX_BYTES, DISPLAY_NAME_MAX_BYTES, EMAIL_MAX_BYTES};
use hph_core::wire::text::{is_chat_text, is_display_name, is_email, is_room_name, is_username};

use super::reach;

pub(super) const LANDMARKS: &[&str] = &["chat text", "display name", "email", "no text", "username"];

/// The bytes are a name, an address and a text.
///
/// **Promises:** the rules take any text; what they let through can be shown on a line, in a terminal and in a file
/// name without posing as something else.
pub fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return reach("no text") };
    assert_eq!(is_display_name(text), is_room_name(text));
    if is_username(text) {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
        assert!((3..=20).contains(&text.len()) && text.bytes().all(is_plain));
        assert!(is_display_name(text) && is_chat_text(text));
        reach("username");
    }
    if is_display_name(text) {
        assert!(!text.is_empty() && text.len() <= DISPLAY_NAME_MAX_BYTES);
        assert!(!text.chars().any(|c| c.is_control() || is_bidi(c) || matches!(c, '\u{2028}' | '\u{2029}')));
        assert!(!text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace));
        assert!(is_chat_text(text));
        reach("display name");
    }
    if is_email(text) && !text.is_empty() {
        assert!(text.len() <= EMAIL_MAX_BYTES && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        assert_eq!(text.matches('@').count(), 1);
        assert!(!text.starts_with('@') && !text.ends_with('@'));
        reach("email");
    }
    if is_chat_text(text) {
        assert!(!text.is_empty() && text.len() <= CHAT_TEXT_MAX_BYTES);
        assert!(text.chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control() && !is_bidi(c)));
        reach("chat text");
    }
}

/// Turns the direction of what follows.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
