//! SOQL text → tokens with their places.

use crate::sandbox::fail::{Fail, Res};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A name, dotted or not, or a keyword.
    Word(String),
    Text(String),
    Number(String),
    Date(i32),
    Time(i64),
    /// `( ) , : = != < <= > >=`
    Sign(&'static str),
    End,
}

/// A token and where it stands (bytes).
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) at: usize,
}

/// Longest statement [doc:soql].
pub(crate) const MAX_STATEMENT: usize = 100_000;
/// Longest string literal in WHERE [doc:soql].
const MAX_LITERAL: usize = 4000;

/// The context block of query errors: the line, a caret, row and column.
pub(crate) fn caret(soql: &str, at: usize, message: &str) -> String {
    let at = at.min(soql.len());
    let row = soql[..at].matches('\n').count() + 1;
    let start = soql[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = soql[start..].lines().next().unwrap_or_default();
    let column = soql[start..at].chars().count() + 1;
    format!("\n{line}\n{}^\nERROR at Row:{row}:Column:{column}\n{message}", " ".repeat(column - 1))
}

/// Splits a statement.
pub(crate) fn tokens(soql: &str) -> Res<Vec<Token>> {
    if soql.len() > MAX_STATEMENT {
        return Err(Fail::malformed_query("SOQL statements cannot be longer than 100000 characters."));
    }
    let bytes = soql.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let from = at;
        let byte = bytes[at];
        let kind = if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        } else if byte == b'\'' {
            let (text, end) = literal(soql, at)?;
            at = end;
            Kind::Text(text)
        } else if byte.is_ascii_digit()
            || ((byte == b'-' || byte == b'+' || byte == b'.') && number_follows(bytes, at))
        {
            at = end_of_number(soql, at);
            number_or_date(soql, from, &mut at)?
        } else if byte.is_ascii_alphabetic() || byte == b'_' {
            while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'.'))
            {
                at += 1;
            }
            Kind::Word(soql[from..at].to_owned())
        } else {
            let sign = ["!=", "<>", "<=", ">=", "(", ")", ",", ":", "=", "<", ">"]
                .into_iter()
                .find(|sign| soql[at..].starts_with(sign))
                .ok_or_else(|| unexpected(soql, at, &soql[at..].chars().take(1).collect::<String>()))?;
            at += sign.len();
            Kind::Sign(if sign == "<>" { "!=" } else { sign })
        };
        found.push(Token { kind, at: from });
    }
    found.push(Token { kind: Kind::End, at: soql.len() });
    Ok(found)
}

pub(crate) fn unexpected(soql: &str, at: usize, token: &str) -> Fail {
    Fail::malformed_query(caret(soql, at, &format!("unexpected token: '{token}'")))
}

fn number_follows(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 1).is_some_and(|b| b.is_ascii_digit() || *b == b'.')
}

fn end_of_number(soql: &str, from: usize) -> usize {
    let rest = &soql.as_bytes()[from + 1..];
    from + 1
        + rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'+'))
            .count()
}

fn number_or_date(soql: &str, from: usize, at: &mut usize) -> Res<Kind> {
    use crate::sandbox::value::{number, read_date, read_time};
    let text = &soql[from..*at];
    if text.len() > 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T' {
        // A `+` that a client did not encode has become a blank: `2024-01-01T00:00:00 00:00`.
        let lost = soql.get(*at..*at + 6).filter(|z| z.starts_with(' ') && z.as_bytes()[3] == b':');
        let whole = match lost {
            Some(zone) if read_time(text).is_none() => format!("{text}{zone}"),
            _ => text.to_owned(),
        };
        if let Some(time) = read_time(&whole) {
            *at = from + whole.len();
            return Ok(Kind::Time(time));
        }
    }
    if let Some(date) = read_date(text) {
        return Ok(Kind::Date(date));
    }
    if number(text, 15).is_some() {
        return Ok(Kind::Number(text.to_owned()));
    }
    Err(unexpected(soql, from, text))
}

/// A quoted string with its escapes. `\_` and `\%` keep their backslash: they mean something to LIKE only.
fn literal(soql: &str, from: usize) -> Res<(String, usize)> {
    let mut text = String::new();
    let mut chars = soql[from + 1..].char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\'' => {
                if text.len() > MAX_LITERAL {
                    return Err(Fail::malformed_query(
                        "maximum length of a string literal in WHERE is 4000 characters",
                    ));
                }
                return Ok((text, from + 1 + i + 1));
            }
            '\\' => {
                let Some((_, escaped)) = chars.next() else { break };
                match escaped {
                    'n' | 'N' => text.push('\n'),
                    'r' | 'R' => text.push('\r'),
                    't' | 'T' => text.push('\t'),
                    'b' | 'B' => text.push('\u{8}'),
                    'f' | 'F' => text.push('\u{c}'),
                    '"' | '\'' => text.push(escaped),
                    '\\' => text.push_str("\\\\"),
                    '_' | '%' => {
                        text.push('\\');
                        text.push(escaped);
                    }
                    'u' => {
                        let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                        text.push(code.ok_or_else(|| invalid_escape(soql, from))?);
                    }
                    _ => return Err(invalid_escape(soql, from)),
                }
            }
            _ => text.push(c),
        }
    }
    Err(Fail::malformed_query(caret(soql, from, "line 1: unterminated string")))
}

fn invalid_escape(soql: &str, from: usize) -> Fail {
    Fail::malformed_query(caret(soql, from, "Illegal character or escape sequence in a string literal"))
}

/// A literal as a plain value: kept backslashes resolved.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(soql: &str) -> Vec<Kind> {
        tokens(soql).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn literals_and_dates_are_read() {
        let time = crate::sandbox::value::read_time("2024-01-01T00:00:00Z").unwrap();
        for text in ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00.000 00:00"] {
            assert_eq!(kinds(text), [Kind::Time(time), Kind::End], "{text}");
        }
        assert_eq!(kinds("2024-01-02"), [Kind::Date(19_724), Kind::End]);
        assert_eq!(kinds(r"'O\'N\u0041\n'"), [Kind::Text("O'NA\n".into()), Kind::End]);
        assert_eq!(kinds("-1.5"), [Kind::Number("-1.5".into()), Kind::End]);
        assert_eq!(kinds("a<>1")[1], Kind::Sign("!="));
    }

    #[test]
    fn a_caret_shows_the_place() {
        let message = caret("SELECT Foo FROM Lead", 7, "No such column");
        assert_eq!(message, "\nSELECT Foo FROM Lead\n       ^\nERROR at Row:1:Column:8\nNo such column");
        assert!(tokens("SELECT ' ").is_err());
        assert!(tokens("SELECT ; ").is_err());
    }
}
