//! Points in time for people: `14:05`, today, 23/11.

use jiff::ToSpan;
use jiff::civil::Date;

use super::Lang;
use crate::time::Now;

const DAY_MS: i64 = 86_400_000;

/// A day, seen from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// Today.
    Today,
    /// The day before.
    Yesterday,
    /// Any other.
    Date {
        /// 0 for Monday.
        weekday: u8,
        /// 1 to 31.
        day: u8,
        /// 1 to 12.
        month: u8,
        /// Such as 2026.
        year: i32,
    },
}

impl Day {
    /// As a divider shows it. Vietnamese and English both, because weekdays do not come from a catalogue of sentences.
    pub fn text(self, lang: Lang) -> String {
        const VI: [&str; 7] = ["Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật"];
        const EN: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        match self {
            Self::Today => lang.pick("Hôm nay", "Today").to_owned(),
            Self::Yesterday => lang.pick("Hôm qua", "Yesterday").to_owned(),
            Self::Date { weekday, day, month, year } => {
                let at = usize::from(weekday % 7);
                format!("{}, {day:02}/{month:02}/{year}", lang.pick(VI[at], EN[at]))
            }
        }
    }
}

/// Number of the day where the user is, since 1970.
pub const fn day_number(unix_ms: u64, now: &Now) -> i64 {
    local_ms(unix_ms, now).div_euclid(DAY_MS)
}

const fn local_ms(unix_ms: u64, now: &Now) -> i64 {
    // Whatever a server says: no time is so far away that its day can't be told. In the year 9987.
    const FARTHEST: u64 = 253_000_000_000_000;
    let unix_ms = if unix_ms > FARTHEST { FARTHEST } else { unix_ms };
    unix_ms.cast_signed() + now.offset_s as i64 * 1000
}

/// The day of a point in time, seen from now.
pub fn day(unix_ms: u64, now: &Now) -> Day {
    let number = day_number(unix_ms, now);
    match day_number(now.unix_ms, now) - number {
        0 => Day::Today,
        1 => Day::Yesterday,
        _ => {
            let epoch = Date::constant(1970, 1, 1);
            let date = epoch.checked_add(number.days()).unwrap_or(epoch);
            let weekday = date.weekday().to_monday_zero_offset().unsigned_abs();
            Day::Date {
                weekday,
                day: date.day().unsigned_abs(),
                month: date.month().unsigned_abs(),
                year: date.year().into(),
            }
        }
    }
}

/// Hour and minute, 24 h: `14:05`.
pub fn clock(unix_ms: u64, now: &Now) -> String {
    let minutes = local_ms(unix_ms, now).rem_euclid(DAY_MS) / 60_000;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 23 November 2026, 14:05:00 UTC+7.
    const NOW: Now =
        Now { at: hph_client::core::time::Instant::from_micros(0), unix_ms: 1_795_417_500_000, offset_s: 25_200 };

    #[test]
    fn days_begin_where_the_user_is() {
        const HOUR: u64 = 3_600_000;
        assert_eq!(clock(NOW.unix_ms, &NOW), "14:05");
        assert_eq!(day(NOW.unix_ms - 14 * HOUR, &NOW), Day::Today);
        assert_eq!(day(NOW.unix_ms - 15 * HOUR, &NOW), Day::Yesterday);
        let saturday = Day::Date { weekday: 5, day: 21, month: 11, year: 2026 };
        assert_eq!(day(NOW.unix_ms - 48 * HOUR, &NOW), saturday);
        assert_eq!(saturday.text(Lang::Vi), "Thứ Bảy, 21/11/2026");
        assert_eq!(saturday.text(Lang::En), "Saturday, 21/11/2026");
        assert_eq!(Day::Yesterday.text(Lang::Vi), "Hôm qua");
    }

    #[test]
    fn no_time_of_a_peer_is_too_strange() {
        for unix_ms in [0, 1, u64::MAX, u64::MAX / 2] {
            let _ = (day(unix_ms, &NOW), clock(unix_ms, &NOW));
        }
    }
}
