//! Which texts may cross the wire. Normal form (NFC) is the driver's matter: its tables need a heap.

use crate::limits::{
    CHAT_SEARCH_MAX_BYTES, CHAT_TEXT_MAX_BYTES, DISPLAY_NAME_MAX_BYTES, EMAIL_MAX_BYTES, FILE_NAME_MAX_BYTES,
    ROOM_NAME_MAX_BYTES, USERNAME_MAX_BYTES, USERNAME_MIN_BYTES,
};

/// A login name: `[a-z0-9_.-]`, 3 to 20 bytes.
pub fn is_username(text: &str) -> bool {
    (USERNAME_MIN_BYTES..=USERNAME_MAX_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-'))
}

/// An email label: printable ASCII with one `@` that has something on both sides, or nothing at all.
pub fn is_email(text: &str) -> bool {
    let has_one_at =
        text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    text.is_empty() || text.len() <= EMAIL_MAX_BYTES && has_one_at && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A display name: 1 to 96 bytes on one line, nothing invisible, no direction overrides.
pub fn is_display_name(text: &str) -> bool {
    is_label(text, DISPLAY_NAME_MAX_BYTES)
}

/// A room name: as a display name.
pub fn is_room_name(text: &str) -> bool {
    is_label(text, ROOM_NAME_MAX_BYTES)
}

/// A chat text: 1 to 4000 bytes; line breaks and tabs are allowed, other control characters are not.
pub fn is_chat_text(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= CHAT_TEXT_MAX_BYTES
        && !text.chars().any(|c| is_deceptive(c) && !matches!(c, '\n' | '\t'))
}

/// What chat is searched for: a chat text of at most 200 bytes.
pub fn is_search_text(text: &str) -> bool {
    text.len() <= CHAT_SEARCH_MAX_BYTES && is_chat_text(text)
}

/// A name of a file: as a display name but up to 200 bytes, and no path. Which names a file system takes is for whoever
/// keeps the file.
pub fn is_file_name(text: &str) -> bool {
    is_label(text, FILE_NAME_MAX_BYTES) && !matches!(text, "." | "..") && !text.contains(['/', '\\'])
}

fn is_label(text: &str, max_bytes: usize) -> bool {
    !text.is_empty()
        && text.len() <= max_bytes
        && text.trim().len() == text.len()
        && !text.chars().any(|c| is_deceptive(c) || is_invisible(c))
}

/// Control characters and direction overrides: they let one text pose as another.
fn is_deceptive(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Letters that show nothing: two names would look the same.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;

    #[test]
    fn vietnamese_names_are_names() {
        for name in ["Hường", "Nguyễn Thị Ánh Tuyết", "Nhóm 17", "Đạt", "Lớp KTPM"] {
            assert!(is_display_name(name) && is_room_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_that_deceives_is_refused() {
        let too_long = std::vec![b'x'; 97];
        for name in [
            "",
            " a",
            "a ",
            "a\nbob: hi",
            "a\u{202e}b",
            "a\u{200b}b",
            "\u{feff}",
            "a\u{7}b",
            "a\u{2028}b",
            std::str::from_utf8(&too_long).unwrap(),
        ] {
            assert!(!is_display_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_file_name_is_no_path() {
        for name in ["bài tập.pdf", "a", "..a", "CON", "Nhóm 17: đề.txt"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "../a", "a/b", "a\\b", "a\0", "a\u{202e}fdp.exe", " a", "a\n"] {
            assert!(!is_file_name(name), "{name:?}");
        }
        let long = [b'a'; FILE_NAME_MAX_BYTES + 1];
        let long = core::str::from_utf8(&long).unwrap();
        assert!(is_file_name(&long[1..]) && !is_file_name(long));
    }

    #[test]
    fn a_username_is_ascii_and_short() {
        assert!(is_username("nguyen-thi-huong"));
        for name in ["ab", "Abc", "hường", "a b c", "abcdefghijklmnopqrstu", "a/../b\0"] {
            assert!(!is_username(name), "{name:?}");
        }
    }

    #[test]
    fn an_email_has_one_at() {
        for good in ["", "a@b", "hoc.sinh+1@truong.edu.vn"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["a", "@b", "a@", "a@b@c", "a @b", "ắ@b", "a@b\n"] {
            assert!(!is_email(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_chat_text_may_have_lines_but_no_overrides() {
        assert!(is_chat_text("Chào cả lớp!\nHôm nay học gì?"));
        for bad in ["", "a\u{1b}[31mb", "a\rb", "a\u{202e}b", "a\0b"] {
            assert!(!is_chat_text(bad), "{bad:?}");
        }
    }
}
