//! Texts that people type, in the form in which the server takes them. The server has the last word: these rules are its
//! own, told while one types.

use hph_client::core::limits::{CHAT_TEXT_MAX_BYTES, DISPLAY_NAME_MAX_BYTES, ROOM_NAME_MAX_BYTES, USERNAME_MIN_BYTES};
use hph_client::core::wire::text::{is_chat_text, is_display_name, is_email, is_room_name, is_username};
use unicode_normalization::UnicodeNormalization;

use super::fold::fold;
use super::name::graphemes;

/// Letters of a display name. **Units:** graphemes.
pub const NAME_MAX: usize = 64;
/// Most bytes of a login name.
const USERNAME_MAX: usize = hph_client::core::limits::USERNAME_MAX_BYTES;
/// Login names of guests begin so.
const GUEST_PREFIX: &str = "guest-";

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing was typed.
    Empty,
    /// Shorter than that.
    TooShort {
        /// Fewest letters.
        min: usize,
    },
    /// Longer than that.
    TooLong {
        /// Most letters, or bytes where the server counts bytes.
        max: usize,
    },
    /// A letter that may not stand there.
    Letter(char),
    /// Something invisible, or a control character.
    Invisible,
    /// The form of it is another one.
    Form,
    /// Kept for guests.
    Reserved,
}

/// One line: composed (NFC), spaces single, none at the ends.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect()
}

/// A display name as it is sent.
///
/// # Errors
/// What is wrong with it.
pub fn display_name(text: &str) -> Result<String, Flaw> {
    label(text, DISPLAY_NAME_MAX_BYTES, is_display_name)
}

/// The name of a room as it is sent.
///
/// # Errors
/// What is wrong with it.
pub fn room_name(text: &str) -> Result<String, Flaw> {
    label(text, ROOM_NAME_MAX_BYTES, is_room_name)
}

fn label(text: &str, max: usize, is_legal: fn(&str) -> bool) -> Result<String, Flaw> {
    let line = one_line(text);
    match () {
        () if line.is_empty() => Err(Flaw::Empty),
        () if graphemes(&line) > NAME_MAX => Err(Flaw::TooLong { max: NAME_MAX }),
        () if line.len() > max => Err(Flaw::TooLong { max }),
        () if !is_legal(&line) => Err(Flaw::Invisible),
        () => Ok(line),
    }
}

/// A login name as it is sent.
///
/// # Errors
/// What is wrong with it.
pub fn username(text: &str) -> Result<String, Flaw> {
    let name = text.trim().to_ascii_lowercase();
    let is_strange = |c: &char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(*c));
    match name.chars().find(is_strange) {
        _ if name.is_empty() => Err(Flaw::Empty),
        Some(c) => Err(Flaw::Letter(c)),
        None if name.len() < USERNAME_MIN_BYTES => Err(Flaw::TooShort { min: USERNAME_MIN_BYTES }),
        None if name.len() > USERNAME_MAX => Err(Flaw::TooLong { max: USERNAME_MAX }),
        None if name.starts_with(GUEST_PREFIX) => Err(Flaw::Reserved),
        None if is_username(&name) => Ok(name),
        None => Err(Flaw::Form),
    }
}

/// A login name made of a name: `Nguyễn Thị Hường` gives `nguyen-thi-huong`. A long one loses its first words, since the last
/// one is what one is called by. Nothing if no letter of it can stand there.
pub fn suggest_username(name: &str) -> Option<String> {
    let words = fold(name);
    let words: Vec<String> = words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(USERNAME_MAX).collect())
        .collect();
    let from = |first: usize| words[first..].join("-");
    let fitting = (0..words.len()).map(from).find(|name| name.len() <= USERNAME_MAX && username(name).is_ok());
    fitting.or_else(|| words.last().and_then(|last| username(&format!("{last}-1")).ok()))
}

/// An email label as it is sent; it may be empty.
///
/// # Errors
/// What is wrong with it.
pub fn email(text: &str) -> Result<String, Flaw> {
    let text = text.trim().to_ascii_lowercase();
    if is_email(&text) { Ok(text) } else { Err(Flaw::Form) }
}

/// A chat message as it is sent: composed, line breaks as `\n`, without spaces at its ends.
///
/// # Errors
/// What is wrong with it.
pub fn message(text: &str) -> Result<String, Flaw> {
    let text: String = text.replace("\r\n", "\n").replace('\r', "\n").trim().nfc().collect();
    match () {
        () if text.is_empty() => Err(Flaw::Empty),
        () if text.len() > CHAT_TEXT_MAX_BYTES => Err(Flaw::TooLong { max: CHAT_TEXT_MAX_BYTES }),
        () if !is_chat_text(&text) => Err(Flaw::Invisible),
        () => Ok(text),
    }
}

/// How hard a password is to guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Nothing was typed.
    #[default]
    None,
    /// Found at once.
    Weak,
    /// Found by somebody who tries.
    Fair,
    /// Not found soon.
    Good,
    /// Not found.
    Strong,
}

/// How hard a password is to guess: by its length, the kinds of letters, and what in it is guessed first: repeats, rows of the
/// alphabet or of keys, the user's own names. Passwords as good as the few most common ones are weak, whatever they hold.
pub fn strength(password: &str, names: &[&str]) -> Strength {
    const COMMON: [&str; 14] = [
        "password",
        "matkhau",
        "123456",
        "qwerty",
        "111111",
        "iloveyou",
        "admin",
        "abc123",
        "letmein",
        "anhyeuem",
        "emyeuanh",
        "vietnam",
        "hoilamgi",
        "khongbiet",
    ];
    if password.is_empty() {
        return Strength::None;
    }
    let folded = fold(password);
    let is_part = |word: &str| word.len() >= 3 && folded.contains(word);
    let guessed: usize = COMMON.iter().map(|word| if is_part(word) { word.len() } else { 0 }).sum::<usize>()
        + names
            .iter()
            .flat_map(|name| fold(name).split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>())
            .map(|word| if is_part(&word) { word.len() } else { 0 })
            .sum::<usize>();
    let letters: Vec<char> = password.chars().collect();
    let follows = |pair: &[char]| {
        let (a, b) = (u32::from(pair[0]), u32::from(pair[1]));
        a.abs_diff(b) <= 1
    };
    let rows = letters.windows(2).filter(|pair| follows(pair)).count();
    let kinds = [
        letters.iter().any(|c| c.is_lowercase()),
        letters.iter().any(|c| c.is_uppercase()),
        letters.iter().any(char::is_ascii_digit),
        letters.iter().any(|c| !c.is_alphanumeric()),
        letters.iter().any(|c| !c.is_ascii()),
    ];
    let kinds = kinds.into_iter().filter(|has| *has).count();
    let worth = letters.len().saturating_sub(guessed).saturating_sub(rows) * (3 + kinds);
    match worth {
        0..=31 => Strength::Weak,
        32..=47 => Strength::Fair,
        48..=69 => Strength::Good,
        _ => Strength::Strong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every letter of Vietnamese is in them.
    const NAMES: [&str; 60] = [
        "Nguyễn Văn An",
        "Trần Thị Bích",
        "Lê Hoàng Cường",
        "Phạm Thị Dung",
        "Hoàng Văn Đức",
        "Huỳnh Thị Giang",
        "Phan Văn Hải",
        "Vũ Thị Hằng",
        "Võ Văn Hiếu",
        "Đặng Thị Hoa",
        "Bùi Văn Hùng",
        "Đỗ Thị Hường",
        "Hồ Văn Khánh",
        "Ngô Thị Kiều",
        "Dương Văn Lâm",
        "Lý Thị Lan",
        "Đinh Văn Long",
        "Mai Thị Mỹ",
        "Trịnh Văn Nam",
        "Tô Thị Ngọc",
        "Lương Văn Nghĩa",
        "Châu Thị Như",
        "Cao Văn Phúc",
        "La Thị Phượng",
        "Tạ Văn Quân",
        "Thái Thị Quỳnh",
        "Hà Văn Sơn",
        "Quách Thị Tâm",
        "Kiều Văn Thắng",
        "Lâm Thị Thảo",
        "Nguyễn Đình Thịnh",
        "Trần Ngọc Thủy",
        "Lê Minh Tiến",
        "Phạm Thu Trang",
        "Hoàng Anh Tuấn",
        "Huỳnh Kim Tuyết",
        "Phan Quốc Việt",
        "Vũ Hải Yến",
        "Võ Thành Ý",
        "Đặng Xuân Ưng",
        "Bùi Gia Ân",
        "Đỗ Bảo Ơn",
        "Hồ Đắc Điềm",
        "Ngô Ỷ Lan",
        "Dương Ánh Nguyệt",
        "Lý Thường Kiệt",
        "Đinh Bộ Lĩnh",
        "Mai Thúc Loan",
        "Trịnh Công Sơn",
        "Tô Hiến Thành",
        "Lương Thế Vinh",
        "Châu Văn Liêm",
        "Cao Bá Quát",
        "Quang Dũng",
        "Xuân Diệu",
        "Chế Lan Viên",
        "Hồ Xuân Hương",
        "Đoàn Thị Điểm",
        "Nguyễn Thị Minh Khai",
        "Công Tằng Tôn Nữ Ngọc Trân",
    ];

    #[test]
    fn sixty_vietnamese_names_are_taken_as_they_are_and_found() {
        for name in NAMES {
            let apart: String = name.nfd().collect();
            assert_eq!(display_name(&apart).as_deref(), Ok(name), "whatever form a keyboard gives");
            let given = super::super::name::given_name(name);
            assert!(name.ends_with(given) && super::super::name::shorten(name, 12).ends_with(given), "{name}");
            let login = suggest_username(name).unwrap();
            assert!(is_username(&login) && login.ends_with(&fold(given)), "{name}: {login}");
            let needle = super::super::fold::Needle::new(&fold(name));
            assert!(fold(name).is_ascii() && needle.is_in(name) && needle.is_in(&apart), "{name}");
        }
    }

    #[test]
    fn names_take_one_form() {
        for (typed, name) in [
            ("  Hường ", Ok("Hường")),
            ("Ho\u{31b}\u{300}  Thi\u{323}", Ok("Hờ Thị")),
            ("", Err(Flaw::Empty)),
            (" \t\n", Err(Flaw::Empty)),
            ("a\u{200b}b", Err(Flaw::Invisible)),
            ("a\u{202e}b", Err(Flaw::Invisible)),
        ] {
            assert_eq!(display_name(typed), name.map(ToOwned::to_owned), "{typed:?}");
        }
        assert_eq!(display_name(&"a".repeat(64)).map(|name| name.len()), Ok(64));
        assert_eq!(display_name(&"a".repeat(65)), Err(Flaw::TooLong { max: 64 }));
        assert_eq!(display_name(&"ễ".repeat(40)), Err(Flaw::TooLong { max: 96 }), "three bytes each");
        assert_eq!(room_name("Nhóm  17").as_deref(), Ok("Nhóm 17"));
    }

    #[test]
    fn a_login_name_is_suggested_from_the_end_of_a_name() {
        for (name, suggested) in [
            ("Nguyễn Thị Hường", Some("nguyen-thi-huong")),
            ("Đặng Đình Đạt", Some("dang-dinh-dat")),
            ("Công Tằng Tôn Nữ Ngọc Lan", Some("tang-ton-nu-ngoc-lan")),
            ("Nguyễn Thị Ánh Tuyết", Some("nguyen-thi-anh-tuyet")),
            ("Nguyễn Hoàng Ánh Tuyết", Some("hoang-anh-tuyet")),
            ("Vy", Some("vy-1")),
            ("Guest Lan", Some("lan")),
            ("王", None),
            ("", None),
        ] {
            let found = suggest_username(name);
            assert_eq!(found.as_deref(), suggested, "{name}");
            assert!(found.is_none_or(|found| is_username(&found)));
        }
    }

    #[test]
    fn a_login_name_says_what_is_wrong_with_it() {
        for (typed, expected) in [
            (" Huong ", Ok("huong")),
            ("", Err(Flaw::Empty)),
            ("hường", Err(Flaw::Letter('ư'))),
            ("a b", Err(Flaw::Letter(' '))),
            ("ab", Err(Flaw::TooShort { min: 3 })),
            ("abcdefghijklmnopqrstu", Err(Flaw::TooLong { max: 20 })),
            ("guest-1", Err(Flaw::Reserved)),
        ] {
            assert_eq!(username(typed), expected.map(ToOwned::to_owned), "{typed:?}");
        }
        assert_eq!(email(" Lan@Truong.edu.vn "), Ok("lan@truong.edu.vn".to_owned()));
        assert_eq!((email(""), email("lan")), (Ok(String::new()), Err(Flaw::Form)));
    }

    #[test]
    fn a_message_keeps_its_lines_and_nothing_that_deceives() {
        assert_eq!(message("  chào\r\ncả lớp \n").as_deref(), Ok("chào\ncả lớp"));
        assert_eq!(message(" \n "), Err(Flaw::Empty));
        assert_eq!(message("a\u{202e}b"), Err(Flaw::Invisible));
        assert_eq!(message(&"x".repeat(4001)), Err(Flaw::TooLong { max: 4000 }));
    }

    #[test]
    fn a_password_is_as_strong_as_what_is_not_guessed_first() {
        for (password, expected) in [
            ("", Strength::None),
            ("123456", Strength::Weak),
            ("abcdefgh", Strength::Weak),
            ("matkhau123", Strength::Weak),
            ("huong2001", Strength::Weak),
            ("aaaaaaaaaaaaaaaa", Strength::Weak),
            ("kX9#vT2m", Strength::Good),
            ("bò vàng gặm cỏ xanh", Strength::Strong),
            ("correct horse battery", Strength::Strong),
        ] {
            assert_eq!(strength(password, &["huong", "Nguyễn Thị Hường"]), expected, "{password}");
        }
    }
}
