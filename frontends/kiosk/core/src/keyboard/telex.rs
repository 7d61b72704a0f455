//! Vietnamese by Telex: `tieengs` becomes tiếng. The rules are those of the `vi` library; what is kept here is one word and the
//! keys that made it.

use unicode_normalization::UnicodeNormalization;

/// No Vietnamese word has more keys: what is longer is written as it is.
const KEYS_MAX: usize = 12;

/// The word that is being written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// What is shown.
    text: String,
    /// The keys that made it.
    keys: String,
    /// A mark was taken back by its own key: the rest is written as it is on the keys.
    is_plain: bool,
}

impl Word {
    /// A word that is there already.
    pub fn of(text: &str) -> Self {
        let text: String = text.nfc().collect();
        Self { keys: keys_of(&text), text, is_plain: false }
    }

    /// What is shown.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes a letter.
    pub fn press(&mut self, letter: char) {
        self.keys.push(letter);
        if self.is_plain || self.keys.chars().count() > KEYS_MAX {
            self.text.push(letter);
            self.is_plain = true;
            return;
        }
        let had_marks = !self.text.is_ascii();
        let mut text = String::new();
        vi::transform_buffer(&vi::TELEX, self.keys.chars(), &mut text);
        self.is_plain = had_marks && text.is_ascii() && text != self.keys;
        // What can be no syllable is a foreign word, and stands as it was typed: micro, webcam.
        self.text = if is_syllable(&text) { text } else { self.keys.clone() };
    }

    /// Takes the last letter that is shown back.
    pub fn take_back(&mut self) {
        self.text.pop();
        if !self.is_plain || self.text.is_empty() {
            *self = Self::of(&self.text);
        }
    }
}

/// Whether this can be a Vietnamese syllable, or the beginning of one; what has no mark may be anything.
fn is_syllable(text: &str) -> bool {
    text.is_ascii() || vi::validation::is_valid_syllable(text)
}

/// The keys by which a text is typed: every letter's own mark behind it, the tone behind the word.
pub fn keys_of(word: &str) -> String {
    let (mut keys, mut tone) = (String::new(), None);
    for letter in word.chars() {
        let mut base = None;
        let mut marks = String::new();
        for part in letter.nfd() {
            match part {
                '\u{301}' => tone = Some('s'),
                '\u{300}' => tone = Some('f'),
                '\u{309}' => tone = Some('r'),
                '\u{303}' => tone = Some('x'),
                '\u{323}' => tone = Some('j'),
                '\u{302}' => marks.extend(base),
                '\u{306}' | '\u{31b}' => marks.push('w'),
                'đ' => (base, marks) = (Some('d'), "d".to_owned()),
                'Đ' => (base, marks) = (Some('D'), "D".to_owned()),
                part => base = Some(part),
            }
        }
        keys.extend(base);
        keys.push_str(&marks);
    }
    keys.extend(tone);
    keys
}
