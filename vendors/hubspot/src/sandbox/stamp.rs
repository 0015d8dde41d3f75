//! Instants as HubSpot reads and prints them.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Milliseconds in a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// Prints like Java's `Instant`: no fraction when the milliseconds are zero, three digits otherwise [3p; research §6.2].
pub(super) fn text(ms: i64) -> String {
    let Ok(at) = Timestamp::from_millisecond(ms) else { return String::new() };
    let at = TimeZone::UTC.to_datetime(at);
    let mut text = String::with_capacity("2026-01-05T09:00:00.123Z".len());
    let mut part = |before: &str, number: i64, digits: u32| {
        text.push_str(before);
        for place in (0..digits).rev() {
            let digit = number / 10_i64.pow(place) % 10;
            text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
        }
    };
    part("", at.year().into(), 4);
    part("-", at.month().into(), 2);
    part("-", at.day().into(), 2);
    part("T", at.hour().into(), 2);
    part(":", at.minute().into(), 2);
    part(":", at.second().into(), 2);
    if ms.rem_euclid(1000) != 0 {
        part(".", at.millisecond().into(), 3);
    }
    text.push('Z');
    text
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
        assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn reads_epoch_iso_and_plain_dates() {
        assert_eq!(parse("1767603600123"), Some(1_767_603_600_123));
        assert_eq!(parse("2026-01-05T09:00:00.123Z"), Some(1_767_603_600_123));
        assert_eq!(parse("2026-01-05"), Some(1_767_571_200_000));
        assert_eq!(parse("soon"), None);
    }
}
