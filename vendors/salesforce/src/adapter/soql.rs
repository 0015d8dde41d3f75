//! SOQL text and its way into a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// What a query may leave as it is; a space becomes `+`.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b'\'')
    .remove(b':')
    .remove(b'*')
    .remove(b' ');

/// Longest URL sent: the platform takes 16,384 bytes of address and headers [doc: research §8].
pub(super) const MAX_URL: usize = 14_000;

/// A string literal.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// `field IN ('a','b')`.
pub(super) fn one_of<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let list: Vec<String> = values.into_iter().map(quote).collect();
    format!("{field} IN ({})", list.join(","))
}

/// A query as it stands in a URL.
pub(super) fn encode(query: &str) -> String {
    utf8_percent_encode(query, KEPT).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_cannot_leave_a_literal() {
        assert_eq!(quote(r"O'Hara \ x"), r"'O\'Hara \\ x'");
        assert_eq!(quote("a\nb\u{1}"), r"'a\nb\u0001'");
    }

    #[test]
    fn a_plus_in_a_query_is_not_read_as_a_space() {
        assert_eq!(encode("a = 'x+y&z'"), "a+%3D+'x%2By%26z'");
        let decoded: Vec<_> = form_urlencoded::parse(b"q=a+%3D+'x%2By%26z'").collect();
        assert_eq!(decoded[0].1, "a = 'x+y&z'");
    }
}
