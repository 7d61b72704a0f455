use std::collections::BTreeSet;

use super::telex::keys_of;
use super::*;

/// Everyday Vietnamese of our own.
const CORPUS: &str = include_str!("corpus.txt");

/// Presses the keys by which a person writes this text: capitals by Shift, signs on their own page.
fn type_text(keyboard: &mut Keyboard, text: &str) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|letter: char| !letter.is_alphabetic()).unwrap_or(rest.len());
        if end == 0 {
            press_char(keyboard, first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, others) = rest.split_at(end);
        keys_of(word).chars().for_each(|key| press_char(keyboard, key));
        rest = others;
    }
}

/// Presses one key that stands on the keyboard, after what is needed so that it stands there.
fn press_char(keyboard: &mut Keyboard, key: char) {
    if key == ' ' {
        keyboard.press(Key::Space);
        return;
    }
    let is_there = |keyboard: &Keyboard| keyboard.rows().iter().flatten().any(|shown| *shown == key);
    if !is_there(keyboard) && key.is_ascii_alphabetic() {
        if keyboard.has_symbols() {
            keyboard.press(Key::Symbols);
        }
        while !is_there(keyboard) {
            keyboard.press(Key::Shift);
        }
    } else if !is_there(keyboard) {
        keyboard.press(Key::Symbols);
    }
    assert!(is_there(keyboard), "there is no key for {key:?}");
    keyboard.press(Key::Char(key));
}

#[test]
fn a_corpus_of_everyday_vietnamese_is_typed_key_by_key_without_an_error() {
    let words: Vec<&str> =
        CORPUS.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    let distinct: BTreeSet<String> = words.iter().map(|word| word.to_lowercase()).collect();
    assert!(words.len() >= 500 && distinct.len() >= 300, "{} words, {} of them different", words.len(), distinct.len());
    let mut wrong = Vec::new();
    for word in &words {
        let mut keyboard = Keyboard::new(true);
        type_text(&mut keyboard, word);
        if keyboard.text() != *word {
            wrong.push(format!("{word} by {} gave {}", keys_of(word), keyboard.text()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn sentences_with_their_signs_are_typed_as_they_stand() {
    for sentence in CORPUS.split_inclusive(['.', '?']).map(str::trim).filter(|sentence| !sentence.is_empty()) {
        let sentence: String = sentence.chars().take(80).collect();
        let mut keyboard = Keyboard::new(true);
        type_text(&mut keyboard, &sentence);
        assert_eq!(keyboard.text(), sentence);
    }
}

/// What comes of these keys, `<` takes one back.
fn typed(is_vietnamese: bool, keys: &str) -> String {
    let mut keyboard = Keyboard::new(is_vietnamese);
    keyboard.press(Key::Clear);
    keyboard.press(Key::Shift);
    keyboard.press(Key::Shift);
    for key in keys.chars() {
        match key {
            '<' => keyboard.press(Key::Back),
            ' ' => keyboard.press(Key::Space),
            '|' => keyboard.press(Key::Language),
            key => keyboard.press(Key::Char(key)),
        };
    }
    keyboard.text().to_owned()
}

#[test]
fn marks_may_come_late_and_are_taken_back_by_their_own_key() {
    for (keys, text) in [
        ("dodongf", "đồng"),
        ("ddoongf", "đồng"),
        ("truongwf", "trường"),
        ("hoaf", "hoà"),
        ("ass", "as"),
        ("asss", "ass"),
        ("class ", "class "),
        ("aaa", "aa"),
        ("ddd", "dd"),
        ("nhoms 17", "nhóm 17"),
        ("ww", "w"),
        ("micro", "micro"),
        ("webcam", "webcam"),
        ("mirco", "mirco"),
        ("vieejtxyz", "vieejtxyz"),
    ] {
        assert_eq!(typed(true, keys), text, "{keys}");
    }
}

#[test]
fn as_on_the_keys_nothing_becomes_vietnamese() {
    assert_eq!(typed(false, "meeting room 17"), "meeting room 17");
    assert_eq!(typed(true, "hopj |meeting"), "họp meeting", "the language may change within a text");
    assert_eq!(typed(true, "a|s"), "as", "what stands already is not changed any more");
}

#[test]
fn taking_back_takes_what_is_seen_and_a_word_can_be_gone_on_with() {
    assert_eq!(typed(true, "nguyeenx<<n"), "nguyn");
    assert_eq!(typed(true, "dduowngf<"), "đườn");
    assert_eq!(typed(true, "nhoms <<m"), "nhóm", "back into the word before");
    assert_eq!(typed(true, "ab<<<<c"), "c");
    assert_eq!(typed(true, "hoas<f"), "hò");
}

#[test]
fn shift_is_for_one_letter_and_twice_for_all() {
    let mut keyboard = Keyboard::new(true);
    for key in "haf".chars() {
        let shown = keyboard.rows().into_iter().flatten().find(|shown| shown.eq_ignore_ascii_case(&key)).unwrap();
        keyboard.press(Key::Char(shown));
    }
    assert_eq!(keyboard.text(), "Hà", "the first letter is a capital one");
    assert_eq!(keyboard.shift(), Shift::Off);
    keyboard.press(Key::Shift);
    assert_eq!(keyboard.shift(), Shift::Once);
    keyboard.press(Key::Shift);
    assert_eq!((keyboard.shift(), keyboard.rows()[1][0]), (Shift::Locked, 'Q'));
    keyboard.press(Key::Shift);
    assert_eq!(keyboard.shift(), Shift::Off);
    assert!(keyboard.press(Key::Enter) && !keyboard.press(Key::Symbols));
}

#[test]
fn there_is_an_end_to_every_text_and_to_every_word() {
    let long = typed(false, &"x".repeat(1000));
    assert_eq!(long.len(), TEXT_MAX);
    let word = typed(true, &"as".repeat(100));
    assert!(word.len() <= TEXT_MAX && !word.is_empty());
}
