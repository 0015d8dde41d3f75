//! Stored values: 16 bytes each, text by symbol of a pool in which every distinct string stands once.

use super::ids::Rec;
use std::{cmp::Ordering, collections::HashMap, sync::Arc};

/// A string of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sym(u32);

impl Sym {
    pub(crate) const fn raw(self) -> u64 {
        self.0 as u64
    }
}

/// One field's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    /// Mantissa and decimal places, without trailing zeros.
    Num(i64, u8),
    /// Days since 1970-01-01.
    Date(i32),
    /// Seconds since 1970-01-01T00:00:00Z.
    Time(i64),
    Text(Sym),
    Ref(Rec),
}

impl Cell {
    pub(crate) fn is_null(self) -> bool {
        self == Cell::Null
    }
    pub(crate) fn is_true(self) -> bool {
        self == Cell::Bool(true)
    }
    pub(crate) fn rec(self) -> Option<Rec> {
        if let Cell::Ref(rec) = self { Some(rec) } else { None }
    }
    pub(crate) fn sym(self) -> Option<Sym> {
        if let Cell::Text(sym) = self { Some(sym) } else { None }
    }
}

/// Distinct strings. Never iterated, so the map's order cannot be seen; strings are not given back.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    texts: Vec<(Arc<str>, Sym)>,
    by_text: HashMap<Arc<str>, Sym>,
}

impl Pool {
    /// The symbol of a string, new or known.
    pub(crate) fn intern(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.by_text.get(text) {
            return *sym;
        }
        let folded = text.to_lowercase();
        let fold = if folded == text { None } else { Some(self.intern(&folded)) };
        let sym = Sym(self.texts.len() as u32);
        let text: Arc<str> = Arc::from(text);
        self.texts.push((text.clone(), fold.unwrap_or(sym)));
        self.by_text.insert(text, sym);
        sym
    }
    /// The symbol of a string that was seen before.
    pub(crate) fn find(&self, text: &str) -> Option<Sym> {
        self.by_text.get(text).copied()
    }
    pub(crate) fn text(&self, sym: Sym) -> &str {
        &self.texts[sym.0 as usize].0
    }
    /// The string by which comparisons that ignore case compare.
    pub(crate) fn fold(&self, sym: Sym) -> Sym {
        self.texts[sym.0 as usize].1
    }
    pub(crate) fn fold_text(&self, sym: Sym) -> &str {
        self.text(self.fold(sym))
    }
}

/// A number as text in plain or exponent form → mantissa and places; rounded half up to `scale` places.
/// `None`: not a number, or more than 18 digits.
pub(crate) fn number(text: &str, scale: u8) -> Option<Cell> {
    let value: rust_decimal::Decimal =
        text.parse().ok().or_else(|| rust_decimal::Decimal::from_scientific(text).ok())?;
    let rounded = value
        .round_dp_with_strategy(u32::from(scale), rust_decimal::RoundingStrategy::MidpointAwayFromZero)
        .normalize();
    let mantissa = i64::try_from(rounded.mantissa()).ok()?;
    Some(Cell::Num(mantissa, rounded.scale() as u8))
}

/// `mantissa` with `places` decimal places.
pub(crate) fn number_text(mantissa: i64, places: u8) -> String {
    rust_decimal::Decimal::new(mantissa, u32::from(places)).to_string()
}

/// Compares numbers of different places.
pub(crate) fn compare_numbers(a: (i64, u8), b: (i64, u8)) -> Ordering {
    let wide =
        |n: (i64, u8), to: u8| i128::from(n.0).saturating_mul(10i128.saturating_pow(u32::from(to - n.1)));
    let places = a.1.max(b.1);
    wide(a, places).cmp(&wide(b, places))
}

/// Days since 1970 → (year, month, day).
pub(crate) fn civil(days: i32) -> (i32, u32, u32) {
    let z = i64::from(days) + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year as i32, month as u32, (doy - (153 * mp + 2) / 5 + 1) as u32)
}

/// (year, month, day) → days since 1970; `None` for a day that does not exist.
pub(crate) fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = i64::from((month + 9) % 12);
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 + i64::from(day) - 1;
    let result = (era * 146_097 + doe - 719_468) as i32;
    (civil(result) == (year, month, day)).then_some(result)
}

pub(crate) fn date_text(days: i32) -> String {
    let mut text = String::with_capacity(10);
    push_date(&mut text, days);
    text
}

pub(crate) fn time_text(seconds: i64) -> String {
    let mut text = String::with_capacity(28);
    push_time(&mut text, seconds);
    text
}

fn push_pair(out: &mut String, number: u32) {
    out.push((b'0' + (number / 10 % 10) as u8) as char);
    out.push((b'0' + (number % 10) as u8) as char);
}

/// Writes `YYYY-MM-DD`.
pub(crate) fn push_date(out: &mut String, days: i32) {
    let (year, month, day) = civil(days);
    let year = year.clamp(0, 9999) as u32;
    push_pair(out, year / 100);
    push_pair(out, year);
    out.push('-');
    push_pair(out, month);
    out.push('-');
    push_pair(out, day);
}

/// Writes `2024-05-01T10:20:30.000+0000`, the form of REST answers.
pub(crate) fn push_time(out: &mut String, seconds: i64) {
    push_date(out, seconds.div_euclid(86_400) as i32);
    let second = seconds.rem_euclid(86_400) as u32;
    for (mark, number) in [('T', second / 3600), (':', second / 60 % 60), (':', second % 60)] {
        out.push(mark);
        push_pair(out, number);
    }
    out.push_str(".000+0000");
}

/// `YYYY-MM-DD`.
pub(crate) fn read_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    days(text.get(..4)?.parse().ok()?, text.get(5..7)?.parse().ok()?, text.get(8..)?.parse().ok()?)
}

/// ISO 8601 with seconds and `Z` or an offset (`+00:00`, `+0000`; a blank stands for a `+` lost in a URL).
pub(crate) fn read_time(text: &str) -> Option<i64> {
    let date = read_date(text.get(..10)?)?;
    let rest = text.get(10..)?.strip_prefix(['T', 't', ' '])?;
    let clock = rest.get(..8)?.as_bytes();
    if clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let part = |from: usize| rest.get(from..from + 2).and_then(|p| p.parse::<i64>().ok());
    let (h, m, s) = (part(0)?, part(3)?, part(6)?);
    if h > 23 || m > 59 || s > 59 {
        return None;
    }
    let zone = rest[8..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let sign = match zone.as_bytes().first()? {
                b'+' | b' ' => 1,
                b'-' => -1,
                _ => return None,
            };
            let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
            if digits.len() != 4 {
                return None;
            }
            let n: i64 = digits.parse().ok()?;
            sign * (n / 100 * 3600 + n % 100 * 60)
        }
    };
    Some(i64::from(date) * 86_400 + h * 3600 + m * 60 + s - offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip() {
        for day in (-800_000..800_000).step_by(97) {
            let (y, m, d) = civil(day);
            assert_eq!(days(y, m, d), Some(day));
        }
        assert_eq!(days(2023, 2, 29), None);
        assert_eq!(date_text(days(2024, 2, 29).unwrap()), "2024-02-29");
    }

    #[test]
    fn times_take_every_zone_form() {
        let at = read_time("2024-05-01T10:20:30Z").unwrap();
        assert_eq!(time_text(at), "2024-05-01T10:20:30.000+0000");
        for text in ["2024-05-01T12:20:30+02:00", "2024-05-01T12:20:30.000+0200", "2024-05-01T12:20:30 02:00"]
        {
            assert_eq!(read_time(text), Some(at), "{text}");
        }
        assert_eq!(read_time("2024-05-01"), None);
        assert_eq!(read_time("2024-05-01T10:20Z"), None, "seconds are required");
    }

    #[test]
    fn numbers_round_to_the_fields_places() {
        assert_eq!(number("10.005", 2), Some(Cell::Num(1001, 2)));
        assert_eq!(number("1e3", 0), Some(Cell::Num(1000, 0)));
        assert_eq!(number("7.50", 2), Some(Cell::Num(75, 1)));
        assert_eq!(number("x", 2), None);
        assert_eq!(compare_numbers((75, 1), (8, 0)), Ordering::Less);
    }
}
