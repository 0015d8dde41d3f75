//! Instants as HubSpot reads and prints them.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Milliseconds in a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// Prints like Java's `Instant`: no fraction when the milliseconds are zero, three digits otherwise [3p; research §6.2].
pub(super) fn text(ms: i64) -> String {
    let Ok(at) = Timestamp::from_millisecond(ms) else { return String::new() };
    if ms.rem_euclid(1000) == 0 { format!("{at:.0}") } else { format!("{at:.3}") }
}

/// Reads an epoch in milliseconds, an ISO-8601 instant, or a plain date (midnight UTC).
pub(super) fn parse(raw: &str) -> Option<i64> {
    let raw = raw.trim();
    if let Ok(ms) = raw.parse::<i64>() {
        return Some(ms);
    }
    if let Ok(at) = raw.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    if raw.len() > 10 {
        return None;
    }
    let day: Date = raw.parse().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// The calendar day (UTC) of an instant.
pub(super) fn day(ms: i64) -> String {
    text(ms).chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_left_out_when_zero() {
        assert_eq!(text(1_767_603_600_123), "2026-01-05T09:00:00.123Z");
        assert_eq!(text(1_767_603_600_300), "2026-01-05T09:00:00.300Z");
        assert_eq!(text(1_767_603_600_000), "2026-01-05T09:00:00Z");
    }

    #[test]
    fn reads_epoch_iso_and_plain_dates() {
        assert_eq!(parse("1767603600123"), Some(1_767_603_600_123));
        assert_eq!(parse("2026-01-05T09:00:00.123Z"), Some(1_767_603_600_123));
        assert_eq!(parse("2026-01-05"), Some(1_767_571_200_000));
        assert_eq!(parse("soon"), None);
    }
}
