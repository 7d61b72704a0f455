//! How long rooms keep their messages, where the owner wants it otherwise than in the others.

use std::fmt;

use crate::names::normalize_room_name;

/// Longest time, in days.
const DAYS_MAX: u32 = 36_500;

/// Rooms by name, each with the days that its messages are kept; 0: for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomDays(pub Vec<(String, u32)>);

impl RoomDays {
    /// Reads `ROOM = DAYS; ROOM = DAYS`. A room whose name has a semicolon can't be named.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        parts.map(parse_one).collect::<Result<_, _>>().map(Self)
    }
}

fn parse_one(part: &str) -> Result<(String, u32), String> {
    let wrong = || {
        format!(
            "must be rooms and days from 0 to {DAYS_MAX}, for example \"Nhóm 17 = 30; Seminar = 7\", not \"{part}\""
        )
    };
    let (name, days) = part.rsplit_once('=').ok_or_else(wrong)?;
    let name = normalize_room_name(name).map_err(|error| format!("{}: {error}", wrong()))?;
    let days = days.trim().parse().ok().filter(|days| *days <= DAYS_MAX).ok_or_else(wrong)?;
    Ok((name, days))
}

impl fmt::Display for RoomDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, days)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{name} = {days}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_and_days_are_read_and_written_in_one_form() {
        let days = RoomDays::parse(" Nhóm 17=30 ;; a = b = 0;").expect("read");
        assert_eq!(days.0, [("Nhóm 17".to_owned(), 30), ("a = b".to_owned(), 0)]);
        assert_eq!(days.to_string(), "Nhóm 17 = 30; a = b = 0");
        assert_eq!(RoomDays::parse(&days.to_string()), Ok(days));
        assert_eq!(RoomDays::parse(""), Ok(RoomDays::default()));
        for wrong in ["x", "x = ", "x = -1", "x = 36501", "= 3", "a\u{202e} = 3"] {
            assert!(RoomDays::parse(wrong).is_err(), "{wrong}");
        }
    }
}
