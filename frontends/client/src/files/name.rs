//! What a file may be called here. The sender's word is not enough: it could be a path, a device, or nothing at all.

use hph_core::limits::FILE_NAME_MAX_BYTES;

/// Names that some systems take for devices.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
/// The same with a digit behind.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];
const NAMELESS: &str = "file";

/// A name that is one on every file system, stays in its folder, hides nothing and runs nothing by being there: as close to
/// `name` as that allows.
pub fn safe_name(name: &str) -> String {
    let is_bad = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c) || is_deceptive(c);
    let clean: String = name.chars().map(|c| if is_bad(c) { '_' } else { c }).collect();
    // A leading dot hides a file, one at the end is not kept everywhere.
    let mut clean = clean.trim().trim_start_matches('.').trim_end_matches(['.', ' ']).trim_start().to_owned();
    shorten(&mut clean);
    let stem = clean.split('.').next().unwrap_or_default().to_lowercase();
    let is_numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    if clean.is_empty() {
        clean.push_str(NAMELESS);
    } else if DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.into_iter().any(is_numbered) {
        clean.insert(0, '_');
    }
    clean
}

/// Cuts a name that is too long in the middle, so that its ending stays.
fn shorten(name: &mut String) {
    if name.len() <= FILE_NAME_MAX_BYTES {
        return;
    }
    let ending = name.rfind('.').filter(|at| name.len() - at <= 16).map_or(String::new(), |at| name[at..].to_owned());
    let mut end = FILE_NAME_MAX_BYTES - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name.push_str(&ending);
}

/// Turns the direction of what follows, or shows nothing: `exe.fdp` could look like `pdf.exe`.
const fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{ad}' | '\u{200b}'..='\u{200f}'
        | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// The `number`-th name to try if others are taken: `name (2).pdf`.
pub(super) fn numbered(name: &str, number: u32) -> String {
    if number <= 1 {
        return name.to_owned();
    }
    match name.rfind('.').filter(|at| *at > 0) {
        Some(at) => format!("{} ({number}){}", &name[..at], &name[at..]),
        None => format!("{name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use hph_core::wire::text::is_file_name;

    use super::*;

    #[test]
    fn a_name_stays_in_its_folder_and_is_a_name_everywhere() {
        for (name, safe) in [
            ("bài tập.pdf", "bài tập.pdf"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("/etc/passwd", "_etc_passwd"),
            (r"C:\x", "C__x"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("com1.log", "_com1.log"),
            ("command.log", "command.log"),
            (".bashrc", "bashrc"),
            ("...", "file"),
            ("", "file"),
            ("a. . ", "a"),
            ("ảnh\u{202e}gpj.exe", "ảnh_gpj.exe"),
            ("a\0b\nc", "a_b_c"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
            assert!(is_file_name(&safe_name(name)), "{name:?}");
        }
        let long = format!("{}.pdf", "ờ".repeat(4000));
        assert!(safe_name(&long).len() <= FILE_NAME_MAX_BYTES && safe_name(&long).ends_with("ờ.pdf"));
        assert!(is_file_name(&safe_name(&"x".repeat(5000))));
    }

    #[test]
    fn a_number_stands_before_the_ending() {
        assert_eq!(numbered("a.pdf", 1), "a.pdf");
        assert_eq!(numbered("a.pdf", 2), "a (2).pdf");
        assert_eq!(numbered("a", 3), "a (3)");
    }
}
