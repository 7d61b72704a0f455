//! Texts without case and diacritics, to search in: `dat` finds `Đạt`.
//!
//! As the server folds messages for its search; there SQLite's tokenizer does all but the `đ`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case, without diacritics, `đ` as `d`.
pub fn fold(text: &str) -> String {
    let plain = text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    plain.map(|c| if c == 'đ' { 'd' } else { c }).collect()
}

/// What is searched for: the folded words of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needle(Vec<String>);

impl Needle {
    /// The words of a text.
    pub fn new(text: &str) -> Self {
        Self(fold(text).split_whitespace().map(ToOwned::to_owned).collect())
    }

    /// Whether there is nothing to search for: then everything is found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every word is somewhere in a text.
    pub fn is_in(&self, text: &str) -> bool {
        let text = fold(text);
        self.0.iter().all(|word| text.contains(word.as_str()))
    }

    /// Whether every word is in one of several texts, such as both names of a person.
    pub fn is_in_any(&self, texts: &[&str]) -> bool {
        let texts: Vec<String> = texts.iter().map(|text| fold(text)).collect();
        self.0.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_diacritics_do_not_count() {
        for (text, plain) in [
            ("Đạt", "dat"),
            ("NGUYỄN THỊ HƯỜNG", "nguyen thi huong"),
            ("Ườm", "uom"),
            ("u\u{31b}\u{300}", "u"),
            ("Ỷ Lan", "y lan"),
            ("Nhóm 17", "nhom 17"),
            ("", ""),
        ] {
            assert_eq!(fold(text), plain, "{text}");
        }
    }

    #[test]
    fn every_word_must_be_there_in_any_order() {
        let name = "Nguyễn Thị Ánh Đào";
        for (words, is_found) in
            [("dao", true), ("anh dao", true), ("DAO nguyen", true), ("  ", true), ("đào", true), ("dao x", false)]
        {
            assert_eq!(Needle::new(words).is_in(name), is_found, "{words}");
        }
        assert!(Needle::new("lan ngoc").is_in_any(&["lan", "Ngọc"]));
        assert!(!Needle::new("lan hai").is_in_any(&["lan", "Ngọc"]));
    }
}
