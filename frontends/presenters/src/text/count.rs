//! Numbers and spans of time in words.

use super::Lang;

/// Unread messages as a badge: nothing, 1 to 9, or `9+`.
pub fn badge(count: u32) -> String {
    match count {
        0 => String::new(),
        1..=9 => count.to_string(),
        _ => "9+".to_owned(),
    }
}

/// A number with one decimal, with a comma in Vietnamese.
pub fn decimal(value: f64, lang: Lang) -> String {
    let text = format!("{value:.1}");
    match lang {
        Lang::Vi => text.replace('.', ","),
        Lang::En => text,
    }
}

/// A rate: `1,2 Mbit/s`, `340 kbit/s`.
pub fn bitrate(bps: u64, lang: Lang) -> String {
    if bps >= 1_000_000 {
        format!("{} Mbit/s", decimal(bps as f64 / 1e6, lang))
    } else {
        format!("{} kbit/s", bps.div_ceil(1000))
    }
}

/// A size: `1,2 MB`, `340 kB`, `12 B`.
pub fn bytes(count: u64, lang: Lang) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{} kB", count / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", decimal(count as f64 / 1e6, lang)),
        _ => format!("{} GB", decimal(count as f64 / 1e9, lang)),
    }
}

/// How long something has lasted, in its largest unit: `12 phút`, `12 minutes`.
pub fn lasting(seconds: u64, lang: Lang) -> String {
    let (count, vi, one, many) = match seconds {
        0..=59 => (seconds, "giây", "second", "seconds"),
        60..=3599 => (seconds / 60, "phút", "minute", "minutes"),
        3600..=86_399 => (seconds / 3600, "giờ", "hour", "hours"),
        _ => (seconds / 86_400, "ngày", "day", "days"),
    };
    let unit = match lang {
        Lang::Vi => vi,
        Lang::En if count == 1 => one,
        Lang::En => many,
    };
    format!("{count} {unit}")
}

/// What is going on at a server: `3 phòng · 11 người`, `3 rooms · 11 people`.
pub fn rooms_and_people(rooms: u32, people: u32, lang: Lang) -> String {
    match lang {
        Lang::Vi => format!("{rooms} phòng · {people} người"),
        Lang::En => {
            let (room, person) =
                (if rooms == 1 { "room" } else { "rooms" }, if people == 1 { "person" } else { "people" });
            format!("{rooms} {room} · {people} {person}")
        }
    }
}

/// A running clock: `4:05`, `1:04:05`.
pub fn stopwatch(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn badges_do_not_grow() {
        assert_eq!([0, 1, 9, 10, 100].map(badge), ["", "1", "9", "9+", "9+"]);
    }

    #[test]
    fn numbers_follow_the_language() {
        assert_eq!((decimal(0.25, Lang::Vi), decimal(12.34, Lang::En)), ("0,2".to_owned(), "12.3".to_owned()));
        assert_eq!(
            (bitrate(1_240_000, Lang::Vi), bitrate(339_001, Lang::En)),
            ("1,2 Mbit/s".into(), "340 kbit/s".into())
        );
        for (seconds, vi, en) in [
            (0, "0 giây", "0 seconds"),
            (1, "1 giây", "1 second"),
            (28, "28 giây", "28 seconds"),
            (60, "1 phút", "1 minute"),
            (7200, "2 giờ", "2 hours"),
            (90_000, "1 ngày", "1 day"),
        ] {
            assert_eq!((lasting(seconds, Lang::Vi).as_str(), lasting(seconds, Lang::En).as_str()), (vi, en));
        }
        let counts = |lang| [(1, 1), (3, 11)].map(|(rooms, people)| rooms_and_people(rooms, people, lang));
        assert_eq!(counts(Lang::Vi), ["1 phòng · 1 người", "3 phòng · 11 người"]);
        assert_eq!(counts(Lang::En), ["1 room · 1 person", "3 rooms · 11 people"]);
        assert_eq!([65, 3845].map(stopwatch), ["1:05", "1:04:05"]);
    }
}
