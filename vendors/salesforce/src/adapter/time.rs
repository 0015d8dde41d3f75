//! The platform's spellings of instants.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// Reads `2024-05-01T10:20:30.000+0000` and its variants with `Z`.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Writes an instant as a SOQL literal or a field's value.
pub(super) fn literal(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Reads an HTTP date.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Writes an HTTP date.
pub(super) fn to_http_date(at: Timestamp) -> Option<String> {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

/// What to ask with for something newer than what was read at `now`. Dates have whole seconds: what changed in the second it was
/// read in may have changed once more in it, and shows the same date (RFC 9110 §8.8.2.2).
pub(super) fn newer_than(last_modified: Option<&str>, now: Timestamp) -> Option<String> {
    let before = now.checked_sub(SignedDuration::from_secs(1)).ok()?;
    let changed = last_modified.and_then(http_date).unwrap_or(before);
    to_http_date(changed.min(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_an_instant_are_one() {
        let expected: Timestamp = "2024-05-01T10:20:30Z".parse().unwrap();
        for text in ["2024-05-01T10:20:30.000+0000", "2024-05-01T10:20:30.000Z", "2024-05-01T12:20:30+02:00"]
        {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        assert_eq!(literal(expected), "2024-05-01T10:20:30.000Z");
        assert_eq!(http_date("Wed, 01 May 2024 10:20:30 GMT"), Some(expected));
        assert_eq!(to_http_date(expected).as_deref(), Some("Wed, 01 May 2024 10:20:30 GMT"));
    }

    #[test]
    fn what_changed_in_the_second_it_was_read_in_is_asked_for_again() {
        let changed = "Wed, 01 May 2024 10:20:30 GMT";
        let asked = |last_modified, now: &str| newer_than(last_modified, now.parse().unwrap()).unwrap();
        assert_eq!(asked(Some(changed), "2024-05-01T10:20:30Z"), "Wed, 01 May 2024 10:20:29 GMT");
        assert_eq!(asked(Some(changed), "2024-05-01T10:20:31Z"), changed);
        assert_eq!(asked(None, "2024-05-01T10:20:31Z"), changed);
    }
}
