//! When the device is there for people: days of the week and times of the day.

use hph_presenters::Now;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY_MIN: u32 = 24 * 60;
const WEEK_MIN: u32 = 7 * DAY_MIN;

/// Hours of service. Without any the device is always there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours(Vec<Span>);

/// The same time on some days that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    /// As it was written.
    text: String,
    /// 0 for Monday.
    first: u32,
    /// How many days, 1 to 7.
    days: u32,
    /// **Units:** minutes since midnight.
    from: u32,
    /// Later than `from`; after midnight more than a day.
    to: u32,
}

impl Hours {
    /// Reads parts such as `Mon-Fri 07:30-18:00`, `Sat 08:00-12:00`, `22:00-06:00` (each day).
    ///
    /// # Errors
    /// The first part that is not understood.
    pub fn parse(texts: &[&str]) -> Result<Self, String> {
        let span = |text: &&str| span(text).ok_or_else(|| (*text).to_owned());
        texts.iter().map(span).collect::<Result<_, _>>().map(Self)
    }

    /// The parts as they were written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(|span| span.text.clone()).collect()
    }

    /// Whether the device is there now. A clock that was never set (before 2020) says nothing: then it is.
    pub fn is_open(&self, now: &Now) -> bool {
        const YEAR_2020_MS: u64 = 1_577_836_800_000;
        if self.0.is_empty() || now.unix_ms < YEAR_2020_MS {
            return true;
        }
        let minute = minute_of_week(now);
        self.0.iter().any(|span| span.holds(minute))
    }
}

impl Span {
    /// `minute`: of the week, from Monday 0:00.
    fn holds(&self, minute: u32) -> bool {
        let length = self.to - self.from;
        (0..self.days).any(|day| {
            let begin = ((self.first + day) % 7) * DAY_MIN + self.from;
            (minute + WEEK_MIN - begin) % WEEK_MIN < length
        })
    }
}

/// Minutes since Monday 0:00 where the device is.
fn minute_of_week(now: &Now) -> u32 {
    let minutes = (now.unix_ms / 1000).cast_signed().saturating_add(i64::from(now.offset_s)).div_euclid(60);
    // 1 January 1970 was a Thursday.
    let minute = (minutes + 3 * i64::from(DAY_MIN)).rem_euclid(i64::from(WEEK_MIN));
    u32::try_from(minute).unwrap_or(0)
}

fn span(text: &str) -> Option<Span> {
    let (days, times) = match text.trim().rsplit_once(' ') {
        Some((days, times)) => (Some(days.trim()), times),
        None => (None, text.trim()),
    };
    let (first, days) = match days {
        None => (0, 7),
        Some(days) => {
            let (first, last) = days.split_once('-').unwrap_or((days, days));
            let (first, last) = (day(first)?, day(last)?);
            (first, (last + 7 - first) % 7 + 1)
        }
    };
    let (from, to) = times.split_once('-')?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    if from == DAY_MIN || from == to {
        return None;
    }
    let to = if to < from { to + DAY_MIN } else { to };
    Some(Span { text: text.trim().to_owned(), first, days, from, to })
}

fn day(text: &str) -> Option<u32> {
    let at = DAYS.iter().position(|day| day.eq_ignore_ascii_case(text.trim()))?;
    u32::try_from(at).ok()
}

/// `07:30`, up to `24:00`.
fn minutes(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(hour) || !is_digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    Some(hour * 60 + minute).filter(|total| minute < 60 && *total <= DAY_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 23 November 2026, 00:00 UTC+7, and so many minutes.
    fn at(minutes: u64) -> Now {
        Now { unix_ms: 1_795_366_800_000 + minutes * 60_000, offset_s: 25_200, ..Now::default() }
    }

    fn open(texts: &[&str], day: u64, hour: u64, minute: u64) -> bool {
        Hours::parse(texts).unwrap().is_open(&at(day * 1440 + hour * 60 + minute))
    }

    #[test]
    fn a_week_is_open_when_it_says_so() {
        let office = ["Mon-Fri 07:30-18:00", "Sat 08:00-12:00"];
        for (day, hour, minute, is_open) in [
            (0, 7, 29, false),
            (0, 7, 30, true),
            (4, 17, 59, true),
            (4, 18, 0, false),
            (5, 8, 0, true),
            (5, 12, 0, false),
            (6, 10, 0, false),
            (7, 7, 30, true),
        ] {
            assert_eq!(open(&office, day, hour, minute), is_open, "day {day}, {hour}:{minute}");
        }
    }

    #[test]
    fn a_night_goes_over_midnight_and_over_the_end_of_the_week() {
        let night = ["Sun 22:00-06:00"];
        assert!(open(&night, 6, 23, 0) && open(&night, 7, 5, 59) && open(&night, 0, 5, 59));
        assert!(!open(&night, 0, 6, 0) && !open(&night, 6, 21, 59) && !open(&night, 1, 3, 0));
        assert!(open(&["Sat-Mon 00:00-24:00"], 0, 12, 0) && !open(&["Sat-Mon 00:00-24:00"], 1, 12, 0));
        assert!(open(&["08:00-09:00"], 3, 8, 30));
    }

    #[test]
    fn without_hours_or_without_a_clock_it_is_open() {
        assert!(Hours::default().is_open(&at(0)));
        let hours = Hours::parse(&["Mon 08:00-09:00"]).unwrap();
        assert!(hours.is_open(&Now { unix_ms: 5000, ..Now::default() }), "a board without a clock, before the network");
        assert!(!hours.is_open(&at(0)));
    }

    #[test]
    fn what_is_no_time_is_refused_whole() {
        for text in [
            "",
            "Mon",
            "Mon 8-9",
            "Mon 08:00",
            "Mon 08:60-09:00",
            "Mon 24:00-25:00",
            "Mo 08:00-09:00",
            "Mon 08:00-08:00",
        ] {
            assert_eq!(Hours::parse(&["Mon 08:00-09:00", text]), Err(text.to_owned()));
        }
    }
}
