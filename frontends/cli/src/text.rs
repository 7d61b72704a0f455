//! Texts of others on our rows, and texts of ours that mean something.

use std::fmt::Write as _;
use std::time::Duration;

/// A text as one row: whatever could break the row, move the cursor or turn the reading direction is shown as an escape.
/// So nobody's message looks like two messages, or like somebody else's.
pub fn one_row(text: &str) -> String {
    let mut row = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => row.push_str("\\n"),
            '\r' => row.push_str("\\r"),
            '\t' => row.push_str("\\t"),
            c if is_unsafe(c) => {
                let _ = write!(row, "\\u{{{:x}}}", u32::from(c));
            }
            c => row.push(c),
        }
    }
    row
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// A person by both names: the one to read, and the one that nobody else has.
pub fn person(display_name: &str, username: &str) -> String {
    format!("{} <{}>", one_row(display_name), one_row(username))
}

/// A moment on the clock of this machine's place, to the minute. **Units:** milliseconds since 1970.
pub fn local_time(time_ms: u64) -> String {
    let at = i64::try_from(time_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(
        || "?".to_owned(),
        |at| at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

/// `90`, `30s`, `1.5m`, `2h` or `250ms`; seconds if it does not say. **Bound:** a year.
///
/// # Errors
/// What a time must look like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => 0.0,
    };
    let seconds: f64 = number.parse::<f64>().unwrap_or(0.0) * factor;
    let is_time = seconds > 0.0 && seconds <= 365.0 * 86400.0;
    if is_time {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("a time looks like 30s, 5m, 2h or 250ms".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_stays_on_its_row_and_in_its_colour() {
        assert_eq!(one_row("hi\nbob: send money\r\t"), "hi\\nbob: send money\\r\\t");
        assert_eq!(one_row("\u{1b}[31mred\u{1b}[0m"), "\\u{1b}[31mred\\u{1b}[0m");
        assert_eq!(one_row("a\u{202e}b\u{2028}c\u{9b}d\u{0}"), "a\\u{202e}b\\u{2028}c\\u{9b}d\\u{0}");
        assert_eq!(one_row("Nguyễn Thị Hường 🎉"), "Nguyễn Thị Hường 🎉");
    }

    #[test]
    fn times_are_written_as_people_write_them() {
        for (text, ms) in
            [("30s", 30_000), ("5", 5000), ("1.5m", 90_000), ("2min", 120_000), ("2h", 7_200_000), ("250ms", 250)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "0", "s", "-1s", "1d", "1..2", "1e9s", "99999999h", "∞"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
