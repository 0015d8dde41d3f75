//! Date literals (`TODAY`, `LAST_N_DAYS:7`, …) as ranges of days, in UTC; fiscal years are calendar years.

use crate::sandbox::value::{civil, days};

/// `[from, to)` in days for a literal, seen from `today`. `None`: no such literal.
pub(crate) fn range(name: &str, n: Option<i64>, today: i32) -> Option<(i32, i32)> {
    let name = name.replace("FISCAL_", "");
    let n = match n {
        Some(n) => Some(i32::try_from(n).ok()?),
        None => None,
    };
    match (name.as_str(), n) {
        ("TODAY", None) => Some((today, today + 1)),
        ("YESTERDAY", None) => Some((today - 1, today)),
        ("TOMORROW", None) => Some((today + 1, today + 2)),
        ("LAST_90_DAYS", None) => Some((today - 89, today + 1)),
        ("NEXT_90_DAYS", None) => Some((today + 1, today + 91)),
        ("LAST_N_DAYS", Some(n)) => Some((today - n, today + 1)),
        ("NEXT_N_DAYS", Some(n)) => Some((today + 1, today + 1 + n)),
        ("N_DAYS_AGO", Some(n)) => Some((today - n, today - n + 1)),
        (name, n) => {
            let (how, unit) = split(name)?;
            let here = |shift: i32| start(unit, today, shift);
            match (how, n) {
                ("LAST", None) => Some((here(-1), here(0))),
                ("THIS", None) => Some((here(0), here(1))),
                ("NEXT", None) => Some((here(1), here(2))),
                ("LAST_N", Some(n)) => Some((here(-n), here(0))),
                ("NEXT_N", Some(n)) => Some((here(1), here(1 + n))),
                ("AGO", Some(n)) => Some((here(-n), here(1 - n))),
                _ => None,
            }
        }
    }
}

fn split(name: &str) -> Option<(&'static str, &'static str)> {
    for unit in ["WEEK", "MONTH", "QUARTER", "YEAR"] {
        for how in ["LAST", "THIS", "NEXT"] {
            if name == format!("{how}_{unit}") {
                return Some((how, unit));
            }
        }
        for how in ["LAST_N", "NEXT_N"] {
            if name == format!("{how}_{unit}S") {
                return Some((how, unit));
            }
        }
        if name == format!("N_{unit}S_AGO") {
            return Some(("AGO", unit));
        }
    }
    None
}

/// The first day of the unit that is `shift` units away from the one of `today`. Weeks start on Sunday (en_US).
fn start(unit: &str, today: i32, shift: i32) -> i32 {
    let (year, month, _) = civil(today);
    let months = match unit {
        "WEEK" => return today - (today + 4).rem_euclid(7) + shift * 7,
        "MONTH" => year * 12 + month as i32 - 1 + shift,
        "QUARTER" => year * 12 + (month as i32 - 1) / 3 * 3 + shift * 3,
        _ => (year + shift) * 12,
    };
    days(months.div_euclid(12), months.rem_euclid(12) as u32 + 1, 1).unwrap_or(today)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_ranges_of_days() {
        let day = |y, m, d| days(y, m, d).unwrap();
        let today = day(2024, 2, 29);
        assert_eq!(range("LAST_MONTH", None, today), Some((day(2024, 1, 1), day(2024, 2, 1))));
        assert_eq!(range("THIS_QUARTER", None, today), Some((day(2024, 1, 1), day(2024, 4, 1))));
        assert_eq!(range("NEXT_FISCAL_YEAR", None, today), Some((day(2025, 1, 1), day(2026, 1, 1))));
        assert_eq!(range("LAST_N_DAYS", Some(2), today), Some((day(2024, 2, 27), day(2024, 3, 1))));
        assert_eq!(range("THIS_WEEK", None, today), Some((day(2024, 2, 25), day(2024, 3, 3))));
        assert_eq!(range("N_MONTHS_AGO", Some(1), today), Some((day(2024, 1, 1), day(2024, 2, 1))));
        assert_eq!(range("SOMEDAY", None, today), None);
        assert_eq!(range("LAST_N_DAYS", None, today), None);
    }
}
