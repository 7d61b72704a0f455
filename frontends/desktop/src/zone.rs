//! The zone of time that the user lives in.

use hph_client::platform::clock::Clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What is added to UTC here and now. **Units:** seconds.
pub fn offset_s() -> i32 {
    let now = i64::try_from(Clock::unix_time_ms()).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    now.map_or(0, |now| TimeZone::system().to_offset(now).seconds())
}
