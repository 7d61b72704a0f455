//! Names of people. A Vietnamese given name stands last: it is what one is called by, so it is what is never cut.

use unicode_segmentation::UnicodeSegmentation;

/// Degrees of a circle of hues.
const HUES: u32 = 360;

/// Letters as one sees them.
pub fn graphemes(text: &str) -> usize {
    text.graphemes(true).count()
}

/// The name by which somebody is called: the last word.
pub fn given_name(name: &str) -> &str {
    name.split_whitespace().next_back().unwrap_or("")
}

/// The letter of an avatar: the first one of the given name, in upper case. `?` if there is no name.
pub fn initial(name: &str) -> String {
    let letters = given_name(name).graphemes(true);
    // An emoji or a bracket stands for nobody as long as there is a letter.
    let first =
        letters.clone().find(|letter| letter.chars().any(char::is_alphanumeric)).or_else(|| letters.clone().next());
    first.map_or_else(|| "?".to_owned(), str::to_uppercase)
}

/// A name in at most `max` letters: words become initials from the left, then are left out, and only a given name that is too
/// long by itself loses its end. **Units:** graphemes.
pub fn shorten(name: &str, max: usize) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let full = words.join(" ");
    if graphemes(&full) <= max {
        return full;
    }
    let Some((given, before)) = words.split_last() else { return full };
    let abbreviated = |count: usize| {
        let parts = before
            .iter()
            .enumerate()
            .map(|(index, word)| if index < count { initial_dot(word) } else { (*word).to_owned() });
        parts.chain([(*given).to_owned()]).collect::<Vec<_>>().join(" ")
    };
    let shorter = (1..=before.len()).map(abbreviated).find(|text| graphemes(text) <= max);
    shorter.unwrap_or_else(|| elide(given, max))
}

fn initial_dot(word: &str) -> String {
    word.graphemes(true).next().map(|letter| letter.to_uppercase() + ".").unwrap_or_default()
}

fn elide(word: &str, max: usize) -> String {
    if graphemes(word) <= max {
        return word.to_owned();
    }
    word.graphemes(true).take(max.saturating_sub(1)).chain(["…"]).collect()
}

/// The hue of an avatar, the same everywhere for a login name. **Units:** degrees, below 360.
pub fn hue(username: &str) -> u16 {
    // FNV-1a: stable over versions and machines, which the standard library's is not.
    let hash = username.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ((hash ^ hash >> 16) % HUES) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_name_is_the_last_one() {
        for (name, given, letter) in [
            ("Nguyễn Thị Hường", "Hường", "H"),
            ("Đạt", "Đạt", "Đ"),
            ("  trần văn  ánh ", "ánh", "Á"),
            ("Lan (2)", "(2)", "2"),
            ("🎉", "🎉", "🎉"),
            ("u\u{31b}ớc", "u\u{31b}ớc", "U\u{31b}"),
            ("", "", "?"),
        ] {
            assert_eq!((given_name(name), initial(name).as_str()), (given, letter), "{name}");
        }
    }

    #[test]
    fn a_name_is_shortened_from_the_left() {
        let name = "Nguyễn Thị Hường";
        for (max, short) in [
            (16, "Nguyễn Thị Hường"),
            (15, "N. Thị Hường"),
            (12, "N. Thị Hường"),
            (11, "N. T. Hường"),
            (10, "Hường"),
            (5, "Hường"),
            (4, "Hườ…"),
        ] {
            assert_eq!(shorten(name, max), short, "{max}");
            assert!(graphemes(&shorten(name, max)) <= max);
        }
        assert_eq!(shorten("", 3), "");
        assert_eq!(shorten("Đặng Nguyễn Phương Anh", 17), "Đ. N. Phương Anh");
    }

    #[test]
    fn hues_are_stable_and_spread() {
        assert_eq!(hue("huong"), hue("huong"));
        let hues: std::collections::BTreeSet<u16> = (0..60).map(|n| hue(&format!("hs{n}")) / 30).collect();
        assert!(hues.len() >= 10, "{hues:?}");
    }
}
