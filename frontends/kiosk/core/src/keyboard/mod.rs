//! The keyboard on the screen: which keys stand where, and what they do to the text. Pure: the drawing shows it, the tests type on
//! it.

mod telex;
#[cfg(test)]
mod tests;

pub use telex::Word;

/// Longest text. **Units:** bytes.
const TEXT_MAX: usize = 256;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Writes this letter, digit or sign.
    Char(char),
    /// The next letter is a capital one; twice: all of them.
    Shift,
    /// Takes the last letter back.
    Back,
    /// Letters, or digits and signs.
    Symbols,
    /// Vietnamese, or as on the keys.
    Language,
    /// Space.
    Space,
    /// Takes everything back.
    Clear,
    /// Done.
    Enter,
}

/// How letters are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shift {
    /// Small.
    #[default]
    Off,
    /// The next one is a capital.
    Once,
    /// All are capitals.
    Locked,
}

/// Rows of letters.
const LETTERS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
/// Rows of signs.
const SYMBOLS: [&str; 4] = ["1234567890", "@#$%&*()'\"", "-_+=/:;!?", ".,~[]<>"];

/// The keyboard and the text that it has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyboard {
    before: String,
    word: Word,
    is_vietnamese: bool,
    has_symbols: bool,
    shift: Shift,
    shown: String,
}

impl Keyboard {
    /// Without a text. A name begins with a capital letter.
    pub fn new(is_vietnamese: bool) -> Self {
        let (before, shown) = (String::new(), String::new());
        Self { before, word: Word::default(), is_vietnamese, has_symbols: false, shift: Shift::Once, shown }
    }

    /// What was written.
    pub fn text(&self) -> &str {
        &self.shown
    }

    /// Whether it writes Vietnamese.
    pub const fn is_vietnamese(&self) -> bool {
        self.is_vietnamese
    }

    /// Whether it shows signs.
    pub const fn has_symbols(&self) -> bool {
        self.has_symbols
    }

    /// How letters are written.
    pub const fn shift(&self) -> Shift {
        self.shift
    }

    /// The four rows of keys that write something, as they are written now.
    pub fn rows(&self) -> [Vec<char>; 4] {
        let rows = if self.has_symbols { SYMBOLS } else { LETTERS };
        let is_capital = self.shift != Shift::Off;
        rows.map(|row| row.chars().map(|key| if is_capital { key.to_ascii_uppercase() } else { key }).collect())
    }

    /// Takes a key; whether it was the one that ends it.
    pub fn press(&mut self, key: Key) -> bool {
        match key {
            Key::Char(letter) => self.write(letter),
            Key::Space => self.write(' '),
            Key::Back => self.take_back(),
            Key::Clear => (self.before, self.word, self.shift) = (String::new(), Word::default(), Shift::Once),
            Key::Symbols => self.has_symbols = !self.has_symbols,
            Key::Language => {
                self.end_word();
                self.is_vietnamese = !self.is_vietnamese;
            }
            Key::Shift => {
                self.shift = match self.shift {
                    Shift::Off => Shift::Once,
                    Shift::Once => Shift::Locked,
                    Shift::Locked => Shift::Off,
                }
            }
            Key::Enter => return true,
        }
        self.shown = format!("{}{}", self.before, self.word.text());
        false
    }

    fn write(&mut self, letter: char) {
        if self.shown.len() + letter.len_utf8() > TEXT_MAX || letter.is_control() {
            return;
        }
        if letter.is_ascii_alphabetic() && self.is_vietnamese {
            self.word.press(letter);
        } else {
            self.end_word();
            self.before.push(letter);
        }
        if self.shift == Shift::Once && letter != ' ' {
            self.shift = Shift::Off;
        }
    }

    fn end_word(&mut self) {
        self.before.push_str(self.word.text());
        self.word = Word::default();
    }

    fn take_back(&mut self) {
        if self.word.text().is_empty() {
            // Back into the word before: what is typed next changes it again, as people expect.
            self.before.pop();
            let begin = self
                .before
                .rfind(|letter: char| !letter.is_alphabetic())
                .map_or(0, |at| at + self.before[at..].chars().next().map_or(1, char::len_utf8));
            if self.is_vietnamese {
                self.word = Word::of(&self.before.split_off(begin));
            }
        } else {
            self.word.take_back();
        }
    }
}
